"""`driverLabel`: a rule that labels nodes whose driver is loaded, and a driver that ignores the label."""

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from fakes.api_server import FakeApiServer
from fakes.drivers import DAEMON_SETS, PODS, REVISIONS, daemon_set
from gitops_doca.core.documentation import page
from support.cli import ROOT, Result
from support.in_process import run_here
from support.krm import call, config, resource_list
from support.shell import blocks
from support.upgrade import finish

LABEL = "gitops-doca.dev/driver-loaded"
WAITING = {"matchExpressions": [{"key": LABEL, "operator": "In", "values": ["true"]}]}
FILE = "nodefeaturerule-gitops-doca-driver.yaml"
RULE = {
    "apiVersion": "nfd.k8s-sigs.io/v1alpha1",
    "kind": "NodeFeatureRule",
    "metadata": {"name": "gitops-doca-driver", "labels": {"app.kubernetes.io/managed-by": "gitops-doca"}},
    "spec": {
        "rules": [
            {
                "name": "driver-loaded",
                "labels": {LABEL: "true"},
                "matchFeatures": [
                    {
                        "feature": "pci.device",
                        "matchExpressions": {"vendor": {"op": "In", "value": ["15b3"]}},
                    },
                    {
                        "feature": "kernel.loadedmodule",
                        "matchExpressions": {"mlx_compat": {"op": "Exists"}},
                    },
                ],
            }
        ]
    },
}


class YamlFile(SingleFileSnapshotExtension):
    """One snapshot, one stream that kubectl can read."""

    _write_mode = WriteMode.TEXT
    file_extension = "yaml"


class Demo:
    """The demo after its upgrade, whose images are locked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        copytree(ROOT / "fixtures" / "demo", folder)
        finish(folder)
        document = config(policies=["policy.yaml"], inventory="nodes.yaml")
        (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    def configure(self, **spec: Any) -> None:
        self._edit("gitops-doca.yaml", spec)

    def change_policy(self, **spec: Any) -> None:
        self._edit("policy.yaml", spec)

    def _edit(self, name: str, spec: dict[str, Any]) -> None:
        document = yaml.safe_load((self.folder / name).read_text())
        document["spec"] |= spec
        (self.folder / name).write_text(yaml.safe_dump(document, sort_keys=False))

    def run(self, *words: str, env: dict[str, str] | None = None) -> Result:
        return run_here(*words, cwd=self.folder, env=env)

    def objects(self, *words: str) -> list[dict[str, Any]]:
        result = self.run("generate", *words)
        assert (result.exit_code, result.stderr) == (0, "")
        return list(yaml.safe_load_all(result.stdout))


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path / "demo")


def test_the_stream_is_the_one_reviewed(demo: Demo, snapshot: SnapshotAssertion) -> None:
    demo.configure(driverLabel=True, initContainerImage="nvcr.io/nvidia/mellanox/init:1")
    result = demo.run("generate")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode() == snapshot(extension_class=YamlFile)


def test_the_rule_comes_before_the_daemon_sets_and_changes_nothing_else(demo: Demo) -> None:
    without = demo.objects()
    demo.configure(driverLabel=True)
    found = demo.objects()
    kinds = [one["kind"] for one in found]

    assert found[kinds.index("DaemonSet") - 1] == RULE
    assert [one for one in found if one != RULE] == without
    demo.configure(driverLabel=False)
    assert demo.objects() == without


def test_each_form_of_output_has_the_rule(demo: Demo) -> None:
    demo.configure(driverLabel=True)
    as_json = json.loads(demo.run("generate", "-o", "json").stdout)
    demo.run("generate", "--output-dir", "out")
    kustomization = yaml.safe_load((demo.folder / "out" / "kustomization.yaml").read_text())

    assert RULE in as_json["items"]
    assert yaml.safe_load((demo.folder / "out" / FILE).read_text()) == RULE
    assert FILE in kustomization["resources"]
    demo.configure(driverLabel=False)
    assert demo.run("generate", "--output-dir", "out", "--check").exit_code == 1
    demo.run("generate", "--output-dir", "out")
    assert not (demo.folder / "out" / FILE).exists()


def test_diff_says_that_the_rule_is_new_and_reloads_nothing(demo: Demo) -> None:
    demo.run("generate", "--output-dir", "out")
    demo.configure(driverLabel=True)
    compared = json.loads(demo.run("diff", "./out", "-o", "json").stdout)

    assert compared["pools"] == []
    assert [(one["kind"], one["name"], one["change"]) for one in compared["objects"]] == [
        ("NodeFeatureRule", "gitops-doca-driver", "added")
    ]
    demo.run("generate", "--output-dir", "out")
    assert demo.run("diff", "./out").exit_code == 0


def test_lock_and_verify_are_about_daemon_sets_with_and_without_the_rule(demo: Demo) -> None:
    demo.configure(driverLabel=True)
    (demo.folder / "built.yaml").write_bytes(demo.run("generate").stdout)
    verified = demo.run("verify", ".", "built.yaml")
    demo.configure(driverLabel=False)

    assert verified.exit_code == 0
    assert demo.run("verify", ".", "built.yaml") == verified


def test_status_asks_for_nothing_more(demo: Demo) -> None:
    with FakeApiServer() as api:
        applied = [daemon_set(one) for one in demo.objects() if one["kind"] == "DaemonSet"]
        api.lists = {DAEMON_SETS: applied, PODS: (), REVISIONS: ()}
        env = {"KUBECONFIG": str(api.kubeconfig(demo.folder))}
        before, asked = demo.run("status", env=env), list(api.asked)
        demo.configure(driverLabel=True)
        after = demo.run("status", env=env)

        assert after == before
        assert api.asked == [*asked, *asked]


def test_the_function_hands_the_rule_back_and_refuses_a_second_one(demo: Demo) -> None:
    spec = yaml.safe_load((demo.folder / "gitops-doca.yaml").read_text())["spec"] | {"driverLabel": True}
    made = call(demo.folder, resource_list([], config(**spec)))
    again = call(demo.folder, resource_list([RULE], config(**spec)))

    assert [one for one in made.items if one["kind"] == "NodeFeatureRule"] == [RULE]
    assert (again.exit_code, again.items) == (3, [])
    assert again.results[0]["message"].splitlines()[0] == (
        "NodeFeatureRule gitops-doca-driver is among the resources already, and is rendered here"
    )


def test_without_pools_there_is_no_rule(demo: Demo) -> None:
    (demo.folder / "policy.yaml").write_text(
        "apiVersion: mellanox.com/v1alpha1\nkind: NicClusterPolicy\n"
        "metadata: {name: nic-cluster-policy}\nspec: {}\n"
    )
    (demo.folder / "gitops-doca.lock.yaml").unlink()
    demo.configure(driverLabel=True, allowEmpty=True)

    assert demo.run("generate").stdout == b""


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ({"openshift": True, "driverLabel": True}, 13),
        (
            {
                "driverLabel": True,
                "planned": [{"os": "rhcos", "osVersion": "4.20", "kernel": "5", "arch": "amd64"}],
            },
            12,
        ),
    ],
)
def test_on_openshift_it_is_an_error(demo: Demo, spec: dict[str, Any], line: int) -> None:
    demo.configure(**spec)
    result = demo.run("generate")

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        f"error[input]: driverLabel (gitops-doca.yaml:{line}) does not work on OpenShift: "
        "node-feature-discovery reads other rules there, in the namespace of its operator\n"
        "  help: remove driverLabel, and apply by hand the rule for OpenShift of "
        f"{page('beside-the-operator')}\n"
    )


@pytest.mark.parametrize("value", ["yes please", 1, None])
def test_it_is_a_boolean(demo: Demo, value: object) -> None:
    demo.configure(driverLabel=value)
    result = demo.run("generate")

    if value is None:
        assert (result.exit_code, b"NodeFeatureRule" in result.stdout) == (0, False)
    else:
        assert (result.exit_code, result.stdout) == (3, b"")
        assert "gitops-doca.yaml:12: spec.driverLabel" in result.stderr


@pytest.mark.parametrize("spec", [{}, {"driverLabel": True}])
def test_the_driver_does_not_wait_for_its_own_label(demo: Demo, spec: dict[str, Any]) -> None:
    plain = demo.objects()
    demo.configure(**spec)
    (waiting,) = blocks("rollout.md", "yaml")
    demo.change_policy(**yaml.safe_load(waiting)["spec"])

    assert [one for one in demo.objects() if one != RULE] == plain


@pytest.mark.parametrize("emit", ["daemonsets", "policies"])
def test_a_node_policy_with_a_driver_cannot_select_the_label(demo: Demo, emit: str) -> None:
    policy = yaml.safe_load((demo.folder / "policy.yaml").read_text())
    policy |= {"kind": "NicNodePolicy", "metadata": {"name": "rack"}}
    policy["spec"]["nodeSelector"] = {LABEL: "true"}
    (demo.folder / "policy.yaml").write_text(yaml.safe_dump(policy, sort_keys=False))
    demo.configure(emit=emit)
    result = demo.run("generate")

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        f"error[input]: policy.yaml:23: spec.nodeSelector[{LABEL}]: {LABEL} is a label of nodes whose driver "
        "is loaded, so the driver would wait for itself\n"
        "  help: remove it here; a policy without ofedDriver may select it\n"
    )


def test_a_node_policy_without_a_driver_may_select_the_label(demo: Demo) -> None:
    plain = demo.objects()
    waiting = {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicNodePolicy",
        "metadata": {"name": "rdma"},
        "spec": {"nodeSelector": {LABEL: "true"}},
    }
    demo.configure(policies=["policy.yaml", waiting])
    # The label comes and goes, so no compact inventory keeps it, and none needs to.
    demo.run("inventory", "--write", "compact.yaml")

    assert demo.objects() == plain


def test_the_operators_driver_must_not_wait_for_itself_either(demo: Demo) -> None:
    demo.configure(emit="policies")
    affinity = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [WAITING]}}
    demo.change_policy(nodeAffinity=affinity)
    result = demo.run("generate")

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        f"error[input]: policy.yaml:22: spec.nodeAffinity: nodeAffinity requires the label {LABEL}, and the "
        "operator's driver would wait for itself\n"
        "  help: remove the requirement, or let gitops-doca make the DaemonSets, which do not have it "
        "(emit: daemonsets)\n"
    )
