"""Two clusters go from one of NVIDIA's releases to the next, with a registry that has their real tags."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gitops_doca.sources.reading.schema import SCHEMAS, schema_text
from support.cli import Result
from support.docker_registry import DockerRegistry
from support.move import gpu_tag, manifests_by_pool
from support.two_clusters import (
    DATABASE,
    FOLDERS,
    GPU,
    GPU_NEXT,
    GRACE,
    GRACE_NEXT,
    NEW,
    NEXT,
    OLD,
    ONE,
    STORAGE,
    STORAGE_ARM,
    STORAGE_ARM_NEXT,
    STORAGE_NEXT,
    Published,
    Repository,
    go,
    publish,
)

pytestmark = pytest.mark.service

FIRST, SECOND = FOLDERS
NOBODYS = "ubuntu24.04/6.8.0-120-generic/amd64"


@pytest.fixture(scope="module")
def published(registry: DockerRegistry) -> Published:
    return publish(registry)


class Fleet:
    """The repository with both clusters; all commands work on both."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def run(self, *arguments: str, exit_code: int = 0) -> Result:
        return self.repository.run(*arguments, *FOLDERS, exit_code=exit_code)

    def lines(self, *arguments: str, exit_code: int = 0) -> list[str]:
        return self.run(*arguments, exit_code=exit_code).stdout.decode().splitlines()

    def document(self, *arguments: str) -> Any:
        """What a command prints as JSON, which fits its schema."""
        document = json.loads(self.run(*arguments, "-o", "json").stdout)
        schemas = (json.loads(schema_text(name)) for name in SCHEMAS)
        (schema,) = [schema for schema in schemas if schema["title"] == document["kind"]]
        jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
        return document

    def boot(self, folder: str, **nodes: str) -> None:
        """Have nodes run other kernels, and refresh inventory and lock."""
        self.repository.boot(folder, **nodes)
        self.run("lock")

    def boot_all(self) -> None:
        self.repository.boot_all()
        self.run("lock")

    def manifests(self, folder: str) -> dict[str, str]:
        """The DaemonSet of each pool, as its bytes in what `generate` prints."""
        return manifests_by_pool(self.repository.run("generate", "--locked", folder).stdout)

    def config(self, folder: str) -> str:
        return self.repository.text(f"{folder}/gitops-doca.yaml")

    def diff(self, exit_code: int = 1) -> dict[str, list[str]]:
        """The summary of `diff` for each cluster, and the pools that are named."""
        sections: dict[str, list[str]] = {}
        section: list[str] = []
        for line in self.lines("diff", "main", "--stat", exit_code=exit_code):
            if line.rstrip(":") in FOLDERS:
                section = sections.setdefault(line.rstrip(":"), [])
            elif line and not line.startswith((" ", "changes against")):
                section.append(line.partition(" against ")[0])
        return sections

    def table(self) -> dict[tuple[str, str], tuple[str, str]]:
        """State and version of each pool with nodes."""
        report = self.document("check")
        return {
            (pool["cluster"], pool["pool"]): (
                "fallback" if pool.get("fallback") else pool["state"],
                pool["version"],
            )
            for pool in report["pools"]
            if pool["nodes"]
        }


@pytest.fixture(scope="module")
def stages(published: Published, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Repository]:
    """The repository at each stage of the upgrade; tests work on copies."""
    return go(tmp_path_factory.mktemp("upgrade"), published)


@pytest.fixture
def before(stages: dict[str, Repository], tmp_path: Path) -> Fleet:
    """All nodes run the kernels of the old release."""
    return Fleet(stages["before"].copy(tmp_path / "work"))


@pytest.fixture
def written(stages: dict[str, Repository], tmp_path: Path) -> Fleet:
    """The inputs name the new version; nothing is locked or committed since."""
    return Fleet(stages["written"].copy(tmp_path / "work"))


@pytest.fixture
def locked(stages: dict[str, Repository], tmp_path: Path) -> Fleet:
    """The new version is locked and committed."""
    return Fleet(stages["locked"].copy(tmp_path / "work"))


@pytest.fixture
def begun(stages: dict[str, Repository], tmp_path: Path) -> Fleet:
    """One node runs the kernel of the new version, and all is committed."""
    return Fleet(stages["begun"].copy(tmp_path / "work"))


@pytest.fixture
def moved(stages: dict[str, Repository], tmp_path: Path) -> Fleet:
    """All nodes run the kernels of the new version, and all is committed."""
    return Fleet(stages["moved"].copy(tmp_path / "work"))


def test_the_newest_version_with_all_images_is_proposed(before: Fleet) -> None:
    document = before.document("upgrade")

    assert (document["to"], document["possible"]) == (NEW.rpartition("-")[0], True)
    assert {
        (pool["cluster"], pool["pool"]): (pool["to"]["version"], pool["to"]["kernel"])
        for pool in document["pools"]
    } == {
        **{(FIRST, pool): (NEW, NEXT[pool].split("/")[1]) for pool in ONE.values()},
        (SECOND, GPU): (NEW, GPU_NEXT.split("/")[1]),
        (SECOND, DATABASE): (NEW, DATABASE.split("/")[1]),
    }
    assert before.lines("upgrade")[0] == f"{NEW} is the newest version with an image for every pool"


def test_newer_versions_lack_the_gpu_driver(before: Fleet) -> None:
    newer = [line for line in before.lines("upgrade") if " is newer, but " in line]

    assert [line.split()[0] for line in newer] == ["doca3.6.0-26.10-043000-0", "doca3.5.0-26.07-0.7.7.0"]
    assert all("companion gpu-driver is missing for 7.0.0-" in line for line in newer)
    before.run("upgrade", "--to", "doca3.5.0-26.07-0.7.7.0", exit_code=4)


def test_without_write_nothing_changes(before: Fleet) -> None:
    before.run("upgrade")
    before.run("upgrade", "--to", NEW)
    before.run("upgrade", "--finish")

    before.run("diff", "main")
    assert before.config(FIRST).count("planned") == 0


def test_write_names_the_version_and_plans_its_kernels(written: Fleet) -> None:
    before = "    version: " + NEW

    assert written.repository.text(f"{FIRST}/policy.yaml").splitlines().count(before) == 1
    assert written.repository.text(f"{SECOND}/policy.yaml").splitlines().count(before) == 2
    assert OLD not in written.repository.text(f"{SECOND}/policy.yaml")
    first, second = (written.config(folder).partition("  fallbackVersions:\n")[2] for folder in FOLDERS)
    assert first.splitlines() == [
        f"  - {OLD}",
        "  planned:",
        *_entry(STORAGE_NEXT),
        *_entry(STORAGE_ARM_NEXT),
        *_entry(GRACE_NEXT),
        *_entry(GPU_NEXT),
    ]
    assert second.splitlines() == [
        f"    - {OLD}",
        "  planned:",
        *("  " + line for line in _entry(GPU_NEXT)),
        "      policies:",
        "        - ubuntu",
    ]


def _entry(pool: str) -> list[str]:
    system, kernel, arch = pool.split("/")
    version = system.removeprefix("ubuntu")
    return [
        "  - os: ubuntu",
        f'    osVersion: "{version}"',
        f"    kernel: {kernel}",
        f"    arch: {arch}",
    ]


def test_when_the_version_moves_no_pool_with_a_precompiled_image_changes(before: Fleet) -> None:
    first, second = before.manifests(FIRST), before.manifests(SECOND)
    before.run("upgrade", "--to", NEW, "--write")

    before.run("lock")

    after = before.manifests(FIRST)
    assert {pool: after[pool] for pool in first} == first
    assert set(after) == {*NEXT, *NEXT.values()}
    other = before.manifests(SECOND)
    assert other[GPU] == second[GPU]
    assert set(other) == {GPU, GPU_NEXT, DATABASE}
    assert before.diff() == {
        FIRST: [
            "4 pools added",
            f"4 pools stay on {OLD}, nothing reloads",
            *(
                f"added    {pool} of NicClusterPolicy/nic-cluster-policy"
                for pool in (STORAGE_NEXT, STORAGE_ARM_NEXT, GRACE_NEXT, GPU_NEXT)
            ),
        ],
        SECOND: [
            "1 pool changed, 1 pool added",
            f"driver {OLD} -> {NEW}: 1 pool, 1 node",
            f"1 pool stays on {OLD}, nothing reloads",
            f"changed  {DATABASE} of NicNodePolicy/rhel",
            f"added    {GPU_NEXT} of NicNodePolicy/ubuntu",
        ],
    }


def test_a_pool_that_compiles_recompiles_at_its_next_restart(written: Fleet) -> None:
    written.run("lock")

    assert "  driver  recompiled when its pod is deleted or the node restarts (OnDelete)" in written.lines(
        "diff", "main", "--stat", exit_code=1
    )


def test_a_node_that_boots_the_new_kernel_changes_no_manifest(locked: Fleet) -> None:
    before = [(locked.manifests(folder), locked.config(folder)) for folder in FOLDERS]

    locked.boot(FIRST, gpu_2=GPU_NEXT)

    assert [(locked.manifests(folder), locked.config(folder)) for folder in FOLDERS] == before
    assert locked.run("lock", "--check").stdout == b""
    assert locked.diff() == {
        FIRST: [
            "1 node moves",
            f"4 pools stay on {OLD}, nothing reloads",
            f"4 pools stay on {NEW}, nothing reloads",
            "nodes that move, join or leave",
        ],
        SECOND: ["no difference"],
    }
    assert locked.table() == {
        **{(FIRST, pool): ("fallback", OLD) for pool in ONE.values()},
        (FIRST, GPU_NEXT): ("precompiled", NEW),
        (SECOND, GPU): ("fallback", OLD),
        (SECOND, DATABASE): ("compiled", NEW),
    }


def test_nodes_boot_one_after_another_and_the_manifests_stay(locked: Fleet) -> None:
    before = locked.manifests(FIRST), locked.manifests(SECOND)

    for folder, name in ((FIRST, "gpu-1"), (SECOND, "web-2")):
        locked.boot(folder, **{name.replace("-", "_"): GPU_NEXT})
        assert (locked.manifests(FIRST), locked.manifests(SECOND)) == before
        assert locked.diff()[folder][0] == "1 node moves"
        locked.repository.commit()
    # The last node of a pool takes the pool's DaemonSet with it, and no other.
    for name, pool in ONE.items():
        known = locked.manifests(FIRST)
        locked.boot(FIRST, **{name.replace("-", "_"): NEXT[pool]})
        gone = {} if name == "gpu-1" else {pool: known[pool]}
        assert known == {**locked.manifests(FIRST), **gone}


def test_in_the_middle_upgrade_has_nothing_to_change(begun: Fleet) -> None:
    document = begun.document("upgrade")

    assert (document["possible"], document["edits"]) == (True, [])
    begun.run("upgrade", "--to", NEW, "--write")
    begun.run("diff", "main")


def test_in_the_middle_finish_keeps_all_and_says_why(begun: Fleet) -> None:
    finish = begun.document("upgrade", "--finish", "--write")["finish"]

    assert [(one["plans"], one["fallbackVersions"]) for one in finish] == [([], []), ([], [])]
    assert finish[0]["stay"] == [
        *(
            {"what": f"plan {pool}", "why": "no node runs it yet"}
            for pool in (STORAGE_NEXT, STORAGE_ARM_NEXT, GRACE_NEXT)
        ),
        {"what": f"plan {GPU_NEXT}", "why": "nodes of the same kind still run a fallback version"},
        {"what": f"fallback version {OLD}", "why": "4 nodes run it"},
    ]
    begun.run("diff", "main")


def test_a_kernel_that_nobody_planned_fails_with_the_kernel_to_boot(begun: Fleet) -> None:
    other = begun.manifests(SECOND)
    begun.repository.boot(FIRST, gpu_1=NOBODYS)

    locked = begun.run("lock", exit_code=4)
    checked = begun.run("check", exit_code=4)
    planned = begun.run("upgrade", "--to", NEW, exit_code=4)

    assert locked.stderr.count("error[missing]: ") == 1
    assert f"pool {NOBODYS}, 1 node: gpu-1" in checked.stderr
    kernel = GPU_NEXT.split("/")[1]
    assert f"boot {kernel} on node clusters/one/gpu-1, or wait for a version" in planned.stderr
    begun.repository.run("generate", FIRST, exit_code=4)
    assert begun.manifests(SECOND) == other


def test_a_node_that_comes_back_from_it_leaves_no_trace(begun: Fleet) -> None:
    begun.repository.boot(FIRST, gpu_1=NOBODYS)
    begun.run("lock", exit_code=4)

    begun.boot(FIRST, gpu_1=GPU)

    begun.run("diff", "main")
    assert begun.run("lock", "--check").stdout == b""


def test_a_node_that_goes_back_for_an_hour_finds_its_pool(begun: Fleet) -> None:
    before = begun.manifests(FIRST)

    begun.boot(FIRST, gpu_2=GPU)

    assert begun.manifests(FIRST) == before


def test_when_all_have_moved_only_the_old_pools_go(begun: Fleet) -> None:
    before = begun.manifests(FIRST), begun.manifests(SECOND)

    begun.boot_all()

    assert begun.manifests(FIRST) == {pool: before[0][pool] for pool in NEXT.values()}
    assert begun.manifests(SECOND) == {pool: before[1][pool] for pool in (GPU_NEXT, DATABASE)}
    assert begun.diff() == {
        FIRST: [
            "4 pools removed, 4 nodes move",
            f"4 pools stay on {NEW}, nothing reloads",
            *(
                f"removed  {pool} of NicClusterPolicy/nic-cluster-policy"
                for pool in (STORAGE, STORAGE_ARM, GRACE, GPU)
            ),
            "nodes that move, join or leave",
        ],
        SECOND: [
            "1 pool removed, 2 nodes move",
            f"2 pools stay on {NEW}, nothing reloads",
            f"removed  {GPU} of NicNodePolicy/ubuntu",
            "nodes that move, join or leave",
        ],
    }
    drivers = [line for line in begun.lines("diff", "main", "--stat", exit_code=1) if "  driver  " in line]
    assert len(drivers) == 5
    assert all(line.startswith("  driver  nothing is unloaded from ") for line in drivers)


def test_finish_brings_the_configs_back_to_what_they_were(
    moved: Fleet, published: Published, tmp_path: Path
) -> None:
    before = moved.manifests(FIRST), moved.manifests(SECOND)

    moved.run("upgrade", "--finish", "--write")
    moved.run("lock")

    assert (moved.manifests(FIRST), moved.manifests(SECOND)) == before
    fresh = Repository(folder=tmp_path / "fresh")
    fresh.create(published, version=NEW)
    for folder in FOLDERS:
        for name in ("gitops-doca.yaml", "policy.yaml"):
            assert moved.repository.text(f"{folder}/{name}") == fresh.text(f"{folder}/{name}")
    assert moved.diff(exit_code=0) == {folder: ["no difference"] for folder in FOLDERS}
    assert moved.lines("upgrade")[0] == f"every pool runs {NEW} already"


def test_on_the_way_back_no_pool_with_a_precompiled_image_changes(begun: Fleet) -> None:
    first, second = begun.manifests(FIRST), begun.manifests(SECOND)

    begun.run("upgrade", "--to", OLD, "--write")
    begun.run("lock")

    after = begun.manifests(FIRST)
    assert after == {pool: first[pool] for pool in (*NEXT, GPU_NEXT)}
    assert begun.manifests(SECOND)[GPU] == second[GPU]
    assert begun.diff() == {
        FIRST: [
            "3 pools removed",
            f"4 pools stay on {OLD}, nothing reloads",
            f"1 pool stays on {NEW}, nothing reloads",
            *(
                f"removed  {pool} of NicClusterPolicy/nic-cluster-policy"
                for pool in (STORAGE_NEXT, STORAGE_ARM_NEXT, GRACE_NEXT)
            ),
        ],
        SECOND: [
            "1 pool changed, 1 pool removed",
            f"driver {NEW} -> {OLD}: 1 pool, 1 node",
            f"1 pool stays on {OLD}, nothing reloads",
            f"changed  {DATABASE} of NicNodePolicy/rhel",
            f"removed  {GPU_NEXT} of NicNodePolicy/ubuntu",
        ],
    }
    assert begun.table()[FIRST, GPU_NEXT] == ("fallback", NEW)


def test_the_way_back_names_the_nodes_with_an_older_kernel(begun: Fleet) -> None:
    document = begun.document("upgrade", "--to", OLD)

    (back,) = [pool for pool in document["pools"] if pool["nodes"] == ["gpu-2"]]
    assert back["to"] == {"version": OLD, "kernel": GPU.split("/")[1]}
    assert back["package"] == f"linux-image-{GPU.split('/')[1]}"
    (row,) = [line for line in begun.lines("upgrade", "--to", OLD) if line.endswith(" (older)")]
    assert GPU_NEXT.split("/")[1] in row


def test_the_way_back_ends_where_it_began(begun: Fleet, published: Published, tmp_path: Path) -> None:
    begun.run("upgrade", "--to", OLD, "--write")
    begun.run("lock")
    begun.repository.commit()
    before = begun.manifests(FIRST), begun.manifests(SECOND)

    begun.boot(FIRST, gpu_2=GPU)
    assert (begun.manifests(FIRST), begun.manifests(SECOND)) == before
    begun.run("upgrade", "--to", OLD, "--write")
    begun.run("lock")
    begun.run("upgrade", "--finish", "--write")
    begun.run("lock")

    assert begun.manifests(FIRST) == {pool: before[0][pool] for pool in NEXT}
    fresh = Repository(folder=tmp_path / "fresh")
    fresh.create(published)
    for folder in FOLDERS:
        for name in ("gitops-doca.yaml", "policy.yaml"):
            assert begun.repository.text(f"{folder}/{name}") == fresh.text(f"{folder}/{name}")


def test_in_the_middle_the_registry_gives_the_bytes_of_the_lock(begun: Fleet) -> None:
    run = begun.repository.run

    for folder in FOLDERS:
        assert run("generate", "--online", folder).stdout == run("generate", "--locked", folder).stdout


def test_the_lock_has_the_digests_and_platforms_of_the_registry(before: Fleet, published: Published) -> None:
    lock = yaml.safe_load(before.repository.text(f"{FIRST}/gitops-doca.lock.yaml"))

    (repository,) = lock["repositories"]
    assert repository["tags"] == [
        {
            "tag": f"{OLD}-{kernel}-{system}-{arch}",
            "digest": published.digests[arch],
            "platform": f"linux/{arch}",
        }
        for system, kernel, arch in (pool.split("/") for pool in (STORAGE, STORAGE_ARM, GRACE, GPU))
    ]
    assert [(one["image"], one["platforms"]) for one in lock["companions"]] == [
        (
            f"{published.host}/nvidia/driver:{gpu_tag(pool.split('/')[1])}",
            ["linux/amd64", "linux/arm64"],
        )
        for pool in (GRACE, GPU)
    ]


def test_without_plans_and_fallbacks_the_version_cannot_move(before: Fleet) -> None:
    policy = before.repository.folder / FIRST / "policy.yaml"
    policy.write_text(policy.read_text().replace(OLD, NEW))

    result = before.run("lock", exit_code=4)

    assert result.stderr.count("error[missing]: ") == 4
    assert "published near it: " in result.stderr


def test_the_mirror_list_names_what_runs_and_its_companions(begun: Fleet, published: Published) -> None:
    images = set(begun.lines("check", "-o", "mirror"))

    assert {image for image in images if "/nvidia/driver:" in image} == {
        f"{published.host}/nvidia/driver:{gpu_tag(pool.split('/')[1])}"
        for pool in (GRACE, GRACE_NEXT, GPU, GPU_NEXT)
    }
    assert len(images) == 4 + 8 + 1
