"""Taints that pass take no node out of its pool, whichever command reads the nodes, and from where."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.api_server import FakeApiServer, Object, node
from fakes.drivers import DAEMON_SETS, PODS, REVISIONS, daemon_set
from fakes.registry import FakeRegistry, image
from support.cli import Result
from support.in_process import run_here
from support.inputs import VERSION, Pool

POOL = Pool(kernel="5.15.0-91-generic")
PASSING = [
    "node.cilium.io/agent-not-ready",
    "karpenter.sh/disrupted",
    "karpenter.sh/unregistered",
    "ToBeDeletedByClusterAutoscaler",
    "DeletionCandidateOfClusterAutoscaler",
]
OWN = ["example.com/maintenance", "draining", "Sub.Domain_1"]


def tainted(*keys: str) -> Object:
    """Return a node that each of these taints keeps pods away from, with both effects."""
    found = node("node-1")
    found["spec"] = {
        "taints": [
            {"key": key, "value": "now", "effect": effect}
            for key in keys
            for effect in ("NoSchedule", "NoExecute")
        ]
    }
    return found


class Folder:
    """A folder with a config and the lock of one pool, and a cluster with its node."""

    def __init__(self, path: Path, api: FakeApiServer, registry: FakeRegistry) -> None:
        self.path, self.api = path, api
        self._registry = registry
        (path / "home").mkdir()
        self._env = {"KUBECONFIG": str(api.kubeconfig(path / "home"))}
        self.configure()
        self.has(node("node-1"))

    def configure(self, **spec: Any) -> None:
        driver = {
            "image": "doca-driver",
            "repository": f"{self._registry.host}/x",
            "version": VERSION,
            "forcePrecompiled": True,
        }
        policy = {
            "apiVersion": "mellanox.com/v1alpha1",
            "kind": "NicClusterPolicy",
            "metadata": {"name": "nic-cluster-policy"},
            "spec": {"ofedDriver": driver},
        }
        config = {
            "apiVersion": "gitops-doca.dev/v1alpha1",
            "kind": "DriverGenerator",
            "spec": {"policies": [policy], "inventory": "nodes.yaml", **spec},
        }
        (self.path / "gitops-doca.yaml").write_text(yaml.safe_dump(config))

    def has(self, one: Object) -> None:
        """Give file and cluster this node."""
        self.api.nodes = [one]
        (self.path / "nodes.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Node", **one}))

    def run(self, *words: str) -> Result:
        return run_here(*words, cwd=self.path, env=self._env)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    manifest, config = image()
    tags = {"x/doca-driver": {POOL.tag: manifest}}
    with FakeApiServer() as api, FakeRegistry(tags=tags, blobs=[config]) as registry:
        made = Folder(tmp_path, api, registry)
        assert made.run("lock").exit_code == 0
        yield made


KEYS = [
    *(pytest.param((key,), {}, id=key) for key in PASSING),
    *(pytest.param((key,), {"ignoredTaints": [key]}, id=f"own {key}") for key in OWN),
    pytest.param((*PASSING, *OWN), {"ignoredTaints": OWN}, id="all"),
]


@pytest.mark.parametrize(("keys", "spec"), KEYS)
def test_the_pool_stays(folder: Folder, keys: tuple[str, ...], spec: dict[str, Any]) -> None:
    before = folder.run("generate")
    folder.configure(**spec)
    folder.has(tainted(*keys))

    assert folder.run("generate") == before
    assert folder.run("generate", "--live") == before
    assert (before.exit_code, before.stdout.count(b"kind: DaemonSet")) == (0, 1)


@pytest.mark.parametrize("key", [*OWN, "karpenter.sh/other", "node.cilium.io/other", "ToBeDeleted"])
@pytest.mark.parametrize("words", [("generate",), ("generate", "--live"), ("check",)])
def test_a_taint_that_nobody_ignores_takes_the_node_out(
    folder: Folder, key: str, words: tuple[str, ...]
) -> None:
    folder.configure(ignoredTaints=["other"])
    folder.has(tainted(key))

    assert folder.run(*words).exit_code == 7


def test_every_command_ignores_it(folder: Folder) -> None:
    folder.run("generate", "--output-dir", "out")
    shown = folder.run("check")
    written = folder.run("inventory", "--write", "compact.yaml")
    snapshot = (folder.path / "compact.yaml").read_text()
    manifests = yaml.safe_load_all(folder.run("generate").stdout)
    (applied,) = [daemon_set(one) for one in manifests if one["kind"] == "DaemonSet"]
    folder.api.lists = {DAEMON_SETS: [applied], PODS: (), REVISIONS: ()}
    waiting = folder.run("status")
    folder.configure(ignoredTaints=OWN)
    folder.has(tainted(*OWN))

    assert folder.run("check") == shown
    assert folder.run("lock", "--check").exit_code == 0
    assert folder.run("diff", "./out").exit_code == 0
    assert folder.run("inventory").stdout.decode() == snapshot
    assert folder.run("inventory", "--check", "compact.yaml").exit_code == 0
    assert folder.run("inventory", "--write", "compact.yaml") == written
    assert folder.run("status") == waiting
    assert folder.run("status", "--live") == waiting


def test_an_older_compact_inventory_may_still_list_it(folder: Folder) -> None:
    before = folder.run("generate")
    folder.has(tainted("example.com/maintenance"))
    folder.run("inventory", "--write", "nodes.yaml")
    listed = folder.run("generate")
    folder.configure(ignoredTaints=["example.com/maintenance"])

    assert "key: example.com/maintenance" in (folder.path / "nodes.yaml").read_text()
    assert listed.exit_code == 7
    assert folder.run("generate") == before
    assert folder.run("inventory", "--check", "nodes.yaml").exit_code == 0


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("[a b]", "[0]: 'a b'"),
        ("[ok, Example.com/x]", "[1]: 'Example.com/x'"),
        ("[a/b/c]", "[0]: 'a/b/c'"),
        ("['x=y:NoSchedule']", "[0]: 'x=y:NoSchedule'"),
        ("['']", "[0]: ''"),
        ("[-a]", "[0]: '-a'"),
    ],
)
def test_a_key_that_no_taint_can_have_is_an_error(tmp_path: Path, value: str, wrong: str) -> None:
    text = "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n  inventory: nodes\n"
    (tmp_path / "gitops-doca.yaml").write_text(f"{text}  ignoredTaints: {value}\n  policies: [p]\n")

    result = run_here("generate", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        f"error[input]: gitops-doca.yaml:5: spec.ignoredTaints{wrong} is not "
        "the key of a taint, such as example.com/maintenance\n"
    )


@pytest.mark.parametrize("size", [63, 64])
def test_a_key_may_be_as_long_as_kubernetes_allows(tmp_path: Path, size: int) -> None:
    for key, longest in (("a" * size, 63), ("b" * (size + 190) + "/a", 253)):
        text = "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n"
        (tmp_path / "gitops-doca.yaml").write_text(f"{text}  ignoredTaints: [{key}]\n")

        refused = "spec.ignoredTaints" in run_here("generate", cwd=tmp_path).stderr

        assert refused is (len(key.partition("/")[0]) > longest)
