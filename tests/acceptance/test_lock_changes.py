"""What `lock` says of changes since the lock that is there, and what `strict` does not let it write."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.nodes import node_document
from fakes.registry import FakeRegistry, Manifest, image
from support.cli import Result
from support.in_process import run_here

MANIFEST, BLOB = image()
OTHER = Manifest(MANIFEST.body + b"\n")
PATH = "nvidia/doca-driver"
LOCK = "gitops-doca.lock.yaml"
OLD, NEW = "25.04-0.6.1.0-2", "25.07-0.9.7.0-0"
CLUSTER = "NicClusterPolicy/nic-cluster-policy"
HELP = "help: publish or mirror the precompiled images, or choose a driver version that has them"
ACCEPT = "; to let these nodes compile, write the lock once with strict: false"


def pool(number: int, os: str = "ubuntu22.04") -> str:
    return f"{os}/5.15.0-{number}-generic/amd64"


def tag(number: int, version: str = OLD, os: str = "ubuntu22.04") -> str:
    return f"{version}-5.15.0-{number}-generic-{os}-amd64"


def compiling(version: str = OLD, os: str = "ubuntu22.04") -> str:
    return f"{version}-{os}-amd64"


class Folder:
    """The folder of one cluster, whose driver is in a registry that a test fills."""

    def __init__(self, path: Path, registry: FakeRegistry) -> None:
        self.path, self._registry = path, registry
        path.mkdir(parents=True, exist_ok=True)
        self.policies = [self.policy()]
        self.nodes: dict[str, tuple[str, int]] = {}
        self.spec: dict[str, Any] = {}

    def policy(self, rack: str = "", **driver: Any) -> dict[str, Any]:
        """Return the cluster policy, or the node policy of a rack."""
        spec = {
            "repository": f"{self._registry.host}/nvidia",
            "image": "doca-driver",
            "version": OLD,
            "forcePrecompiled": False,
        }
        selector = {"nodeSelector": {"rack": rack}} if rack else {}
        return {
            "apiVersion": "mellanox.com/v1alpha1",
            "kind": "NicNodePolicy" if rack else "NicClusterPolicy",
            "metadata": {"name": rack or "nic-cluster-policy"},
            "spec": {**selector, "ofedDriver": spec | driver},
        }

    def image(self, name: str) -> str:
        return f"{self._registry.host}/{PATH}:{name}"

    def publish(self, *tags: str, manifest: Manifest = MANIFEST) -> None:
        self._registry.repositories[PATH].update(dict.fromkeys(tags, manifest))

    def withdraw(self, *tags: str) -> None:
        for name in tags:
            del self._registry.repositories[PATH][name]

    def write(self) -> None:
        """Write policies, nodes and config; a node's rack is what stands before the dash of its name."""
        nodes = [
            node_document(
                name,
                kernel=f"5.15.0-{number}-generic",
                os=f"{os[:-5]} {os[-5:]}",
                labels={"rack": name.partition("-")[0]},
            )
            for name, (os, number) in self.nodes.items()
        ]
        config = {
            "apiVersion": "gitops-doca.dev/v1alpha1",
            "kind": "DriverGenerator",
            "spec": {"policies": ["policy.yaml"], "inventory": "nodes.yaml", **self.spec},
        }
        (self.path / "policy.yaml").write_text(yaml.safe_dump_all(self.policies))
        (self.path / "nodes.yaml").write_text(yaml.safe_dump_all(nodes))
        (self.path / "gitops-doca.yaml").write_text(yaml.safe_dump(config))

    def run(self, *command: str) -> Result:
        self.write()
        return run_here(*command, cwd=self.path)

    def lock(self, *flags: str) -> Result:
        return self.run("lock", *flags)

    def locked(self) -> dict[str, Any]:
        """Return the lock; its pools as `<pool> of <policy>` with the tag that was chosen."""
        document = yaml.safe_load((self.path / LOCK).read_text())
        return {
            f"{entry['pool']} of {entry['policy']}": entry.get("image", "").rpartition(":")[2]
            for entry in document["pools"]
        }

    def forget_images(self) -> str:
        """Make the lock one of an older release, which did not say what was chosen; return its text."""
        file = self.path / LOCK
        document = yaml.safe_load(file.read_text())
        for entry in document["pools"]:
            entry.pop("image", None)
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        return file.read_text()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry(tags={PATH: {}}, blobs=[BLOB]) as fake:
        yield fake


@pytest.fixture
def folder(registry: FakeRegistry, tmp_path: Path) -> Folder:
    """One pool of two nodes, which runs a precompiled image by the lock."""
    folder = Folder(tmp_path / "site", registry)
    folder.nodes = {"a-1": ("ubuntu22.04", 91), "a-2": ("ubuntu22.04", 91)}
    folder.publish(tag(91), compiling())
    assert folder.lock().exit_code == 0
    return folder


def test_the_first_lock_says_only_what_it_holds(registry: FakeRegistry, tmp_path: Path) -> None:
    folder = Folder(tmp_path, registry)
    folder.nodes = {"a-1": ("ubuntu22.04", 91), "a-2": ("ubuntu22.04", 92), "a-3": ("ubuntu22.04", 93)}
    folder.publish(tag(91), compiling())
    folder.spec = {"strict": True}

    result = folder.lock()

    assert (result.exit_code, result.stdout) == (0, b"")
    assert result.stderr == (
        f"{LOCK}: 2 images locked; 2 pools have no precompiled image and compile on the node\n"
    )
    assert folder.locked() == {
        f"{pool(91)} of {CLUSTER}": tag(91),
        f"{pool(92)} of {CLUSTER}": compiling(),
        f"{pool(93)} of {CLUSTER}": compiling(),
    }


@pytest.mark.parametrize("spec", [{}, {"strict": True}], ids=["not strict", "strict"])
def test_a_lock_that_stays_as_it_is_says_nothing_changed(folder: Folder, spec: dict[str, Any]) -> None:
    folder.spec = spec
    before = (folder.path / LOCK).read_bytes()

    result = folder.lock()

    assert (result.exit_code, result.stderr) == (0, f"{LOCK}: 1 image locked\n")
    assert (folder.path / LOCK).read_bytes() == before


def test_a_pool_that_compiles_now_is_told_before_all_else(folder: Folder) -> None:
    folder.policies = [folder.policy(version=NEW)]
    folder.publish(compiling(NEW))

    result = folder.lock()

    assert result.exit_code == 0
    assert result.stderr == (
        f"warning: {LOCK}: 2 nodes will compile the driver: 1 pool no longer has a precompiled image\n"
        f"  pool {pool(91)} of {CLUSTER} had a precompiled image; 2 nodes: a-1, a-2\n"
        f"  {HELP}\n"
        f"image     {pool(91)} of {CLUSTER}  {folder.image(tag(91))} -> {folder.image(compiling(NEW))}\n"
        "needed    2 tags\n"
        "unneeded  1 tag\n"
        f"{LOCK}: 1 image locked; 1 pool has no precompiled image and compiles on the node\n"
    )
    assert folder.locked() == {f"{pool(91)} of {CLUSTER}": compiling(NEW)}


def test_under_strict_it_is_an_error_and_the_lock_stays(folder: Folder) -> None:
    folder.policies = [folder.policy(version=NEW)]
    folder.publish(compiling(NEW))
    folder.spec = {"strict": True}
    before = (folder.path / LOCK).read_bytes()

    result = folder.lock("--report", "report.json")

    assert (result.exit_code, result.stdout) == (4, b"")
    assert result.stderr == (
        f"error[missing]: {LOCK}: 2 nodes will compile the driver: 1 pool no longer has a precompiled image, "
        "so no lock is written (strict)\n"
        f"  pool {pool(91)} of {CLUSTER} had a precompiled image; 2 nodes: a-1, a-2\n"
        f"  {HELP}{ACCEPT}\n"
    )
    assert (folder.path / LOCK).read_bytes() == before
    (told,) = json.loads((folder.path / "report.json").read_text())["diagnostics"]
    assert (told["severity"], told["class"], told["file"]) == ("error", "missing", LOCK)


def test_an_image_that_must_exist_does_not_let_strict_write_the_lock(folder: Folder) -> None:
    folder.policies = [folder.policy("a"), folder.policy("b", forcePrecompiled=True)]
    folder.nodes["b-1"] = ("ubuntu22.04", 93)
    folder.withdraw(tag(91))
    folder.spec = {"strict": True}
    before = (folder.path / LOCK).read_bytes()

    result = folder.lock()

    heads = [line for line in result.stderr.splitlines() if line[0] != " "]
    assert (result.exit_code, (folder.path / LOCK).read_bytes()) == (4, before)
    assert len(heads) == 2
    assert heads[0].endswith("no longer has a precompiled image, so no lock is written (strict)")
    assert f"ForcePrecompiled is enabled and precompiled tag was not found: {tag(93)}" in heads[1]


def test_an_unknown_answer_comes_before_what_compiles(registry: FakeRegistry, folder: Folder) -> None:
    folder.spec = {"strict": True}
    folder.withdraw(tag(91))
    registry.down = True

    result = folder.lock("--deadline", "1")

    assert result.exit_code == 5
    assert "will compile" not in result.stderr


def test_what_was_accepted_once_is_no_error_again(folder: Folder) -> None:
    folder.withdraw(tag(91))
    folder.lock()
    folder.spec = {"strict": True}

    result = folder.lock()

    assert (result.exit_code, result.stderr) == (
        0,
        f"{LOCK}: 1 image locked; 1 pool has no precompiled image and compiles on the node\n",
    )


def test_a_pool_that_compiles_may_compile_another_version(folder: Folder) -> None:
    folder.withdraw(tag(91))
    folder.lock()
    folder.publish(compiling(NEW))
    folder.policies = [folder.policy(version=NEW)]
    folder.spec = {"strict": True}

    result = folder.lock()

    assert result.exit_code == 0
    assert result.stderr == (
        f"image     {pool(91)} of {CLUSTER}  {folder.image(compiling())} -> {folder.image(compiling(NEW))}\n"
        "needed    2 tags\n"
        "unneeded  2 tags\n"
        f"{LOCK}: 1 image locked; 1 pool has no precompiled image and compiles on the node\n"
    )


# What happens to a pool of one node beside a precompiled one, and the error under strict.
NEW_POOLS: dict[str, tuple[dict[str, Any], str]] = {
    "a kernel": (
        {"nodes": {"a-3": ("ubuntu22.04", 92)}},
        f"pool {pool(92)} of {CLUSTER} is new; 1 node: a-3",
    ),
    "a version of the OS": (
        {"nodes": {"a-3": ("ubuntu24.04", 92)}},
        f"pool {pool(92, 'ubuntu24.04')} of {CLUSTER} is new; 1 node: a-3",
    ),
    "a plan": (
        {"planned": [{"os": "ubuntu", "osVersion": "22.04", "kernel": "5.15.0-92-generic", "arch": "amd64"}]},
        f"pool {pool(92)} of {CLUSTER} is new; planned, no node runs it yet",
    ),
}


@pytest.mark.parametrize("strict", ["false", "true"])
@pytest.mark.parametrize("name", NEW_POOLS)
def test_a_new_pool_that_compiles_unlike_others_of_its_policy_and_os_is_told(
    name: str, strict: str, folder: Folder
) -> None:
    change, detail = NEW_POOLS[name]
    folder.nodes |= change.get("nodes", {})
    folder.spec = {"planned": change.get("planned", []), "strict": strict == "true"}
    folder.publish(compiling(os="ubuntu24.04"))
    before = (folder.path / LOCK).read_bytes()

    result = folder.lock()

    who = "the nodes of 1 planned pool" if name == "a plan" else "1 node"
    head = (
        f"{who} will compile the driver: 1 pool has no precompiled image, "
        "unlike others of the same policy and OS"
    )
    lines = result.stderr.splitlines()
    if strict == "true":
        assert result.exit_code == 4
        assert lines == [
            f"error[missing]: {LOCK}: {head}, so no lock is written (strict)",
            f"  {detail}",
            f"  {HELP}{ACCEPT}",
        ]
        assert (folder.path / LOCK).read_bytes() == before
    else:
        assert result.exit_code == 0
        assert lines[:3] == [f"warning: {LOCK}: {head}", f"  {detail}", f"  {HELP}"]
        assert lines[-1].endswith("; 1 pool has no precompiled image and compiles on the node")


def test_nodes_that_boot_a_kernel_without_an_image_are_told_though_no_pool_is_precompiled_now(
    folder: Folder,
) -> None:
    folder.nodes = dict.fromkeys(folder.nodes, ("ubuntu22.04", 92))
    folder.spec = {"strict": True}

    result = folder.lock()

    assert result.exit_code == 4
    assert f"  pool {pool(92)} of {CLUSTER} is new; 2 nodes: a-1, a-2\n" in result.stderr


@pytest.mark.parametrize("os", ["debian12.10", "ubuntu-core22.04"])
def test_a_new_pool_of_an_os_without_precompiled_images_compiles_as_it_must(os: str, folder: Folder) -> None:
    folder.nodes["a-3"] = (os, 92)
    folder.publish(compiling(os=os))
    folder.spec = {"strict": True}

    result = folder.lock()

    assert result.exit_code == 0
    assert result.stderr == (
        f"pool new  {pool(92, os)} of {CLUSTER}\n"
        "needed    2 tags\n"
        f"{LOCK}: 2 images locked; 1 pool has no precompiled image and compiles on the node\n"
    )


def test_a_pool_without_an_image_so_far_is_told_as_that(folder: Folder) -> None:
    folder.nodes["a-3"] = ("ubuntu22.04", 92)
    folder.policies = [folder.policy(forcePrecompiled=True)]
    recorded = folder.lock()
    folder.policies = [folder.policy()]
    folder.spec = {"strict": True}

    result = folder.lock()

    assert recorded.exit_code == 4
    assert f"{LOCK}: 1 image locked; 1 pool has no image\n" in recorded.stderr
    assert result.exit_code == 4
    assert f"  pool {pool(92)} of {CLUSTER} had no image in the lock; 1 node: a-3\n" in result.stderr


def test_pools_that_all_had_no_image_are_told_as_that(folder: Folder) -> None:
    folder.nodes["a-3"] = ("ubuntu22.04", 92)
    folder.policies = [folder.policy(version="1.0-0", forcePrecompiled=True)]
    folder.lock()
    folder.publish(compiling())
    folder.policies = [folder.policy()]
    folder.spec = {"strict": True}

    result = folder.lock()

    assert result.exit_code == 4
    assert f"  pool {pool(92)} of {CLUSTER} had no image in the lock; 1 node: a-3\n" in result.stderr


def test_a_pool_that_ran_a_digest_had_no_image_in_the_lock(folder: Folder) -> None:
    folder.nodes["a-3"] = ("ubuntu22.04", 92)
    folder.policies = [folder.policy(version=MANIFEST.digest)]
    folder.lock()
    folder.publish(compiling())
    folder.policies = [folder.policy()]

    result = folder.lock()

    assert result.exit_code == 0
    assert f"  pool {pool(92)} of {CLUSTER} had no image in the lock; 1 node: a-3\n" in result.stderr


@pytest.fixture
def racks(registry: FakeRegistry, tmp_path: Path) -> Folder:
    """Two policies of one platform: rack a has the old version, rack b the new one, both precompiled."""
    folder = Folder(tmp_path / "racks", registry)
    folder.policies = [folder.policy("a"), folder.policy("b", version=NEW)]
    folder.nodes = {"a-1": ("ubuntu22.04", 91), "b-1": ("ubuntu22.04", 91)}
    folder.publish(tag(91), tag(91, NEW), compiling(), compiling(NEW))
    assert folder.lock().exit_code == 0
    return folder


def test_of_two_policies_of_one_platform_the_one_that_compiles_is_told(racks: Folder) -> None:
    racks.withdraw(tag(91, NEW))

    result = racks.lock()

    assert result.exit_code == 0
    assert result.stderr == (
        f"warning: {LOCK}: 1 node will compile the driver: 1 pool no longer has a precompiled image\n"
        f"  pool {pool(91)} of NicNodePolicy/b had a precompiled image; 1 node: b-1\n"
        f"  {HELP}\n"
        f"image   {pool(91)} of NicNodePolicy/b  {racks.image(tag(91, NEW))} -> "
        f"{racks.image(compiling(NEW))}\n"
        f"gone    {racks.image(tag(91, NEW))}  {MANIFEST.digest}\n"
        "needed  1 tag\n"
        f"{LOCK}: 2 images locked; 1 pool has no precompiled image and compiles on the node\n"
    )
    assert racks.locked() == {
        f"{pool(91)} of NicNodePolicy/a": tag(91),
        f"{pool(91)} of NicNodePolicy/b": compiling(NEW),
    }


def test_policies_that_swap_versions_change_their_pools_images_alone(racks: Folder) -> None:
    racks.policies = [racks.policy("a", version=NEW), racks.policy("b")]
    racks.spec = {"strict": True}
    old, new = racks.image(tag(91)), racks.image(tag(91, NEW))
    lines = (
        f"image  {pool(91)} of NicNodePolicy/a  {old} -> {new}\n"
        f"image  {pool(91)} of NicNodePolicy/b  {new} -> {old}\n"
    )

    checked = racks.lock("--check")
    written = racks.lock()

    assert (checked.exit_code, checked.stdout.decode()) == (1, lines)
    assert (written.exit_code, written.stderr) == (0, f"{lines}{LOCK}: 2 images locked\n")


def test_a_policy_that_compiled_beside_one_that_did_not_is_no_change(racks: Folder) -> None:
    racks.withdraw(tag(91, NEW))
    racks.lock()
    racks.spec = {"strict": True}

    assert racks.lock().exit_code == 0


def test_a_pool_that_is_another_policys_now_had_its_image_before(racks: Folder) -> None:
    racks.policies = [racks.policy(version="25.07-9")]
    racks.publish(compiling("25.07-9"))
    racks.spec = {"strict": True}

    result = racks.lock()

    assert result.exit_code == 4
    detail = "had a precompiled image under another policy; 2 nodes: a-1, b-1"
    assert f"  pool {pool(91)} of {CLUSTER} {detail}\n" in result.stderr


def test_a_node_that_moves_to_a_policy_that_compiles_is_told_though_others_stay(racks: Folder) -> None:
    racks.policies = [*racks.policies, racks.policy("c", version="25.07-9")]
    racks.nodes["c-1"] = ("ubuntu22.04", 91)
    racks.publish(compiling("25.07-9"))
    racks.spec = {"strict": True}

    result = racks.lock()

    assert result.exit_code == 4
    detail = "had a precompiled image under another policy; 1 node: c-1"
    assert f"  pool {pool(91)} of NicNodePolicy/c {detail}\n" in result.stderr


def test_a_lock_that_does_not_say_what_was_chosen_is_current_and_gets_it(racks: Folder) -> None:
    current = (racks.path / LOCK).read_text()
    old = racks.forget_images()

    checked = racks.lock("--check")
    rendered = racks.run("generate")
    written = racks.lock()

    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, b"", "")
    assert (rendered.exit_code, rendered.stderr) == (0, "")
    assert (written.exit_code, written.stderr) == (0, f"{LOCK}: 2 images locked\n")
    assert old != current
    assert (racks.path / LOCK).read_text() == current


def test_what_a_pool_ran_is_inferred_from_the_tags_of_an_old_lock(racks: Folder) -> None:
    racks.forget_images()
    racks.withdraw(tag(91, NEW))
    racks.spec = {"strict": True}

    result = racks.lock()

    assert result.exit_code == 4
    assert f"  pool {pool(91)} of NicNodePolicy/b had a precompiled image; 1 node: b-1\n" in result.stderr


def test_an_old_lock_that_records_the_miss_says_that_the_pool_compiled(racks: Folder) -> None:
    racks.withdraw(tag(91, NEW))
    racks.lock()
    racks.forget_images()
    racks.spec = {"strict": True}

    result = racks.lock()

    assert (result.exit_code, result.stderr) == (
        0,
        f"{LOCK}: 2 images locked; 1 pool has no precompiled image and compiles on the node\n",
    )


def test_a_digest_as_version_is_no_image_of_the_lock(folder: Folder) -> None:
    folder.policies = [folder.policy(version=MANIFEST.digest)]

    result = folder.lock()

    assert result.exit_code == 0
    assert result.stderr.splitlines()[:2] == [
        "unneeded  1 tag",
        f"{LOCK}: 0 images locked; 1 pool runs the digest of its policy",
    ]
    assert folder.locked() == {f"{pool(91)} of {CLUSTER}": ""}


def test_pools_and_tags_that_change_are_told_a_line_each(folder: Folder) -> None:
    folder.nodes = {"a-1": ("ubuntu22.04", 91), "a-2": ("ubuntu22.04", 92)}
    folder.publish(tag(92))
    folder.lock()
    folder.nodes = {"a-1": ("ubuntu22.04", 91), "a-2": ("ubuntu22.04", 93)}
    folder.publish(tag(91), manifest=OTHER)
    folder.publish(tag(93))

    result = folder.lock()

    assert result.exit_code == 0
    assert result.stderr == (
        f"pool lost  {pool(92)} of {CLUSTER}\n"
        f"pool new   {pool(93)} of {CLUSTER}\n"
        f"moved      {folder.image(tag(91))}  {MANIFEST.digest} -> {OTHER.digest}\n"
        "needed     1 tag\n"
        "unneeded   1 tag\n"
        f"{LOCK}: 2 images locked\n"
    )


def test_an_image_that_is_published_later_is_told(folder: Folder) -> None:
    folder.withdraw(tag(91))
    folder.lock()
    folder.publish(tag(91))

    result = folder.lock()

    assert result.exit_code == 0
    assert result.stderr == (
        f"image      {pool(91)} of {CLUSTER}  {folder.image(compiling())} -> {folder.image(tag(91))}\n"
        f"available  {folder.image(tag(91))}  {MANIFEST.digest}\n"
        "unneeded   1 tag\n"
        f"{LOCK}: 1 image locked\n"
    )


def test_a_long_list_of_changes_is_cut_and_counted(folder: Folder) -> None:
    numbers = range(100, 130)
    folder.nodes = {f"b-{number}": ("ubuntu22.04", number) for number in numbers}
    folder.publish(*map(tag, numbers))

    result = folder.lock()

    lines = result.stderr.splitlines()
    assert len(lines) == 22
    assert lines[0] == f"pool lost  {pool(91)} of {CLUSTER}"
    assert lines[-2:] == ["... and 13 more changes", f"{LOCK}: 30 images locked"]


@pytest.mark.parametrize("text", ["kind: DriverLock", "<<<<<<< HEAD\npools: [", "pools: 7"])
def test_a_lock_that_cannot_be_read_is_replaced_with_a_warning(text: str, folder: Folder) -> None:
    current = (folder.path / LOCK).read_bytes()
    (folder.path / LOCK).write_text(f"apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverLock\n{text}\n")
    folder.spec = {"strict": True}

    result = folder.lock()

    assert result.exit_code == 0
    assert result.stderr == (
        f"{LOCK}: 1 image locked\n"
        f"warning: {LOCK}: the old lock cannot be read, so its changes are unknown\n"
        "  help: compare the new lock with the last good one before you commit it\n"
    )
    assert (folder.path / LOCK).read_bytes() == current


@pytest.mark.parametrize("strict", ["false", "true"])
def test_check_warns_of_pools_that_would_compile_and_tells_the_differences(
    strict: str, folder: Folder
) -> None:
    folder.withdraw(tag(91))
    folder.spec = {"strict": strict == "true"}

    result = folder.lock("--check")

    assert result.exit_code == 1
    assert result.stdout.decode() == (
        f"image   {pool(91)} of {CLUSTER}  {folder.image(tag(91))} -> {folder.image(compiling())}\n"
        f"gone    {folder.image(tag(91))}  {MANIFEST.digest}\n"
        f"needed  {folder.image(compiling())}\n"
    )
    assert result.stderr.splitlines()[0] == (
        f"warning: {LOCK}: 2 nodes will compile the driver: 1 pool no longer has a precompiled image"
    )


def test_an_image_that_must_exist_is_told_after_the_changes(folder: Folder) -> None:
    folder.policies = [folder.policy("a"), folder.policy("b", forcePrecompiled=True)]
    folder.nodes["b-1"] = ("ubuntu22.04", 93)
    folder.withdraw(tag(91))

    result = folder.lock()

    heads = [
        line.partition(":")[0].partition("  ")[0] for line in result.stderr.splitlines() if line[0] != " "
    ]
    assert result.exit_code == 4
    assert heads == ["warning", "pool lost", "pool new", "pool new", "gone", "needed", LOCK, "error[missing]"]


@pytest.mark.parametrize("strict", ["false", "true"])
def test_where_the_operator_makes_the_daemon_sets_it_is_the_same(strict: str, folder: Folder) -> None:
    folder.spec = {"emit": "policies", "strict": strict == "true"}
    folder.lock()
    before = (folder.path / LOCK).read_bytes()
    folder.withdraw(tag(91))

    result = folder.lock()

    word = "error[missing]" if strict == "true" else "warning"
    assert result.exit_code == (4 if strict == "true" else 0)
    assert result.stderr.startswith(f"{word}: {LOCK}: 2 nodes will compile the driver: 1 pool no longer has")
    assert ((folder.path / LOCK).read_bytes() == before) is (strict == "true")


def test_a_fleet_tells_all_that_compiles_first_and_then_each_clusters_changes(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    a, b, c = (Folder(tmp_path / name, registry) for name in "abc")
    a.publish(tag(91), tag(92), tag(93), compiling())
    for number, one in enumerate((a, b, c), start=91):
        one.nodes = {"a-1": ("ubuntu22.04", number)}
        one.write()
    assert run_here("lock", "a", "b", "c", cwd=tmp_path).exit_code == 0
    c.spec = {"strict": True}
    c.write()
    before = (c.path / LOCK).read_bytes()
    a.publish(tag(91), manifest=OTHER)
    a.withdraw(tag(92), tag(93))

    result = run_here("lock", "a", "b", "c", "--report", "report.json", cwd=tmp_path)

    sentence = "1 node will compile the driver: 1 pool no longer has a precompiled image"
    assert result.exit_code == 4
    assert result.stderr == (
        f"warning: b/{LOCK}: {sentence}\n"
        f"  pool {pool(92)} of {CLUSTER} had a precompiled image; 1 node: a-1\n"
        f"  {HELP}\n"
        f"a  moved  {a.image(tag(91))}  {MANIFEST.digest} -> {OTHER.digest}\n"
        f"a/{LOCK}: 1 image locked\n"
        f"b  image   {pool(92)} of {CLUSTER}  {b.image(tag(92))} -> {b.image(compiling())}\n"
        f"b  gone    {b.image(tag(92))}  {MANIFEST.digest}\n"
        "b  needed  1 tag\n"
        f"b/{LOCK}: 1 image locked; 1 pool has no precompiled image and compiles on the node\n"
        f"error[missing]: c/{LOCK}: {sentence}, so no lock is written (strict)\n"
        f"  pool {pool(93)} of {CLUSTER} had a precompiled image; 1 node: a-1\n"
        f"  {HELP}{ACCEPT}\n"
    )
    assert (c.path / LOCK).read_bytes() == before
    clusters = json.loads((tmp_path / "report.json").read_text())["clusters"]
    assert {entry["cluster"]: entry["exitCode"] for entry in clusters} == {"a": 0, "b": 0, "c": 4}


def test_the_check_of_a_fleet_warns_of_what_would_compile(registry: FakeRegistry, tmp_path: Path) -> None:
    a, b = (Folder(tmp_path / name, registry) for name in "ab")
    a.publish(tag(91), tag(92), compiling())
    for number, one in enumerate((a, b), start=91):
        one.nodes, one.spec = {"a-1": ("ubuntu22.04", number)}, {"strict": True}
        one.write()
    run_here("lock", "a", "b", cwd=tmp_path)
    a.withdraw(tag(92))

    result = run_here("lock", "--check", "a", "b", cwd=tmp_path)

    assert result.exit_code == 1
    assert [line.partition(" ")[0] for line in result.stdout.decode().splitlines()] == ["b", "b", "b"]
    assert result.stderr.startswith(f"warning: b/{LOCK}: 1 node will compile the driver: 1 pool no longer")


def test_online_beside_a_lock_compares_with_nothing(folder: Folder) -> None:
    folder.withdraw(tag(91))
    folder.spec = {"strict": True}

    result = folder.run("generate", "--online")

    assert (result.exit_code, result.stderr) == (0, "")
    assert f"image: {folder.image(compiling())}\n".encode() in result.stdout


def test_a_stale_lock_is_one_error(folder: Folder) -> None:
    folder.nodes = dict.fromkeys(folder.nodes, ("ubuntu22.04", 92))

    result = folder.run("generate")

    assert (result.exit_code, result.stdout) == (6, b"")
    assert result.stderr == (
        f"error[lock]: {LOCK}: the lock is out of date: 1 pool has no node any more, 1 pool is new, "
        "1 tag is not locked\n"
        f"  pool {pool(91)} of {CLUSTER} is locked, but no node is in it any more\n"
        f"  pool {pool(92)} of {CLUSTER} is not locked\n"
        f"  tag {tag(92)} of {folder.image('').rstrip(':')} is not locked\n"
        "  help: check that this pool is meant to be removed, then run: gitops-doca lock\n"
    )


def test_a_lock_is_stale_by_one_pool_alone(folder: Folder) -> None:
    folder.nodes["a-3"] = ("ubuntu22.04", 92)
    folder.publish(tag(92))
    folder.lock()
    del folder.nodes["a-3"]

    result = folder.run("check")

    assert result.exit_code == 6
    assert result.stderr == (
        f"error[lock]: {LOCK}: pool {pool(92)} of {CLUSTER} is locked, but no node is in it any more\n"
        "  help: check that this pool is meant to be removed, then run: gitops-doca lock\n"
    )


def test_pools_that_lost_their_image_come_before_those_that_have_none_so_far(racks: Folder) -> None:
    racks.nodes["a-2"] = ("ubuntu22.04", 90)
    racks.nodes["b-2"] = ("ubuntu22.04", 91)
    racks.withdraw(tag(91, NEW))

    result = racks.lock()

    assert result.stderr.startswith(
        f"warning: {LOCK}: 3 nodes will compile the driver: 1 pool no longer has a precompiled image, "
        "and 1 pool has none, unlike others of the same policy and OS\n"
        f"  pool {pool(91)} of NicNodePolicy/b had a precompiled image; 2 nodes: b-1, b-2\n"
        f"  pool {pool(90)} of NicNodePolicy/a is new; 1 node: a-2\n"
        f"  {HELP}\n"
    )
