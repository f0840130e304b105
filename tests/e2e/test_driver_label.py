"""The rule of `driverLabel`, as node-feature-discovery evaluates it and as an API server takes it."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from gitops_doca.core.render.driver_rule import driver_rule
from gitops_doca.emit.yaml import dump_stream
from support.api_server import ApiError, ApiServer, Object
from support.custom_resources import NODE_FEATURE_RULE, served
from support.kustomize import build
from support.require import require_program
from support.shell import blocks

pytestmark = pytest.mark.e2e

LABELS = "***\tLabels\t***"
LABEL = "gitops-doca.dev/driver-loaded=true"
NVIDIA = "15b3"
DOCA = ["mlx_compat", "mlx5_core", "mlx5_ib"]
IN_TREE = ["mlx5_core", "mlx5_ib"]


def _openshift_rule() -> Object:
    """Return the rule of the page, which is applied by hand."""
    documents: list[Object] = [yaml.safe_load(block) for block in blocks("beside-the-operator.md", "yaml")]
    (found,) = [document for document in documents if document["kind"] == "NodeFeatureRule"]
    return found


RULES = [
    pytest.param(driver_rule(), id="rendered"),
    pytest.param(_openshift_rule(), id="openshift"),
]


class Judge:
    """node-feature-discovery's own evaluator, and a folder for what it reads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = require_program("KUBECTL_NFD", "kubectl-nfd 0.18.3")

    def validate(self, rule: Object) -> str:
        return self._run("validate", "-f", self._write("rule.yaml", rule))

    def labels(self, rule: Object, *, vendors: Iterable[str], modules: Iterable[str]) -> list[str]:
        """Return the labels, `<name>=<value>`, of a node with these PCI devices and kernel modules."""
        devices = [{"attributes": {"vendor": vendor, "class": "0200"}} for vendor in vendors]
        loaded: Object = {module: {} for module in modules}
        node = {
            "apiVersion": "nfd.k8s-sigs.io/v1alpha1",
            "kind": "NodeFeature",
            "metadata": {"name": "node-1"},
            "spec": {
                "features": {
                    "flags": {"kernel.loadedmodule": {"elements": loaded}},
                    "instances": {"pci.device": {"elements": devices}},
                }
            },
        }
        files = ("-f", self._write("rule.yaml", rule), "-n", self._write("node.yaml", node))
        lines = self._run("dryrun", *files).splitlines()
        assert "Validation errors" not in "\n".join(lines)
        return lines[lines.index(LABELS) + 1 : -1] if LABELS in lines else []

    def _write(self, name: str, document: Object) -> str:
        (self._folder / name).write_text(dump_stream([document]))
        return name

    def _run(self, *words: str) -> str:
        run = subprocess.run(
            [self._program, *words], cwd=self._folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path)


@pytest.mark.parametrize("rule", RULES)
def test_a_node_with_the_driver_gets_the_label(judge: Judge, rule: Object) -> None:
    judge.validate(rule)

    assert judge.labels(rule, vendors=[NVIDIA], modules=DOCA) == [LABEL]
    assert judge.labels(rule, vendors=["8086", NVIDIA], modules=["xfs", *DOCA]) == [LABEL]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("vendors", "modules"),
    [
        pytest.param([NVIDIA], [], id="no module"),
        pytest.param([NVIDIA], IN_TREE, id="the kernel's own driver"),
        pytest.param(["8086"], DOCA, id="a NIC of another vendor"),
        pytest.param([], DOCA, id="no device"),
    ],
)
def test_a_node_without_driver_or_nic_gets_none(
    judge: Judge, rule: Object, vendors: list[str], modules: list[str]
) -> None:
    assert judge.labels(rule, vendors=vendors, modules=modules) == []


def test_the_rule_of_the_page_for_openshift_says_the_same() -> None:
    assert _openshift_rule()["spec"] == driver_rule()["spec"]


@pytest.mark.xdist_group("api-server")
def test_the_server_takes_the_rule_as_it_is(api_server: ApiServer) -> None:
    rule = driver_rule()
    misspelt = {**rule, "spec": {"rules": [{"name": "a", "matchFeature": []}]}}

    with served(api_server, NODE_FEATURE_RULE):
        dry = api_server.create(rule, dry_run=True)
        first, second = api_server.apply(rule), api_server.apply(rule)
        with pytest.raises(ApiError, match=r'unknown field "spec.rules\[0\].matchFeature"'):
            api_server.create(misspelt, dry_run=True)
        api_server.delete(rule)

    assert (dry["spec"], dry["metadata"]["labels"]) == (rule["spec"], rule["metadata"]["labels"])
    assert "namespace" not in dry["metadata"]
    assert second == first


@pytest.mark.xdist_group("api-server")
def test_the_server_ignores_the_namespace_that_kustomize_gives_it(
    api_server: ApiServer, tmp_path: Path
) -> None:
    (tmp_path / "rule.yaml").write_text(dump_stream([driver_rule()]))
    (tmp_path / "kustomization.yaml").write_text("namespace: other\nresources: [rule.yaml]\n")
    built = build(tmp_path)
    (tmp_path / "built.yaml").write_bytes(built.stdout)
    flags = [f"--kubeconfig={api_server.kubeconfig(tmp_path)}", f"--cache-dir={tmp_path}/cache"]
    kubectl = [require_program("KUBECTL", "kubectl 1.36.3"), *flags]

    with served(api_server, NODE_FEATURE_RULE):
        command = [*kubectl, "apply", "--server-side", "-f", "built.yaml"]
        applied = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        stored = api_server.get(driver_rule())
        api_server.delete(driver_rule())

    assert yaml.safe_load(built.stdout)["metadata"]["namespace"] == "other"
    assert (applied.returncode, applied.stderr) == (0, "")
    assert "namespace" not in stored["metadata"]
