"""Which kernel each pool needs for another driver version, by NVIDIA's real tags."""

import json
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.cluster import DIGEST
from fakes.resolver import FakeResolver
from gitops_doca.core.reference import Repository
from gitops_doca.core.resolve.lookup import Cause, ImagePlatforms, TagList, TagMissing, TagUnknown
from support.cli import Result
from support.in_process import run_here
from support.move import GPU_DRIVER, NEW, OLD, Move, gpu_tag, node_documents, node_policy, plan
from support.published import published_tags

GENERIC, ARM, STORAGE = (
    "ubuntu24.04/6.8.0-100-generic/amd64",
    "ubuntu24.04/6.17.0-1008-nvidia/arm64",
    "ubuntu22.04/5.15.0-170-generic/amd64",
)
NODES = {"gpu-1": GENERIC, "gpu-2": GENERIC, "arm-1": ARM, "storage-1": STORAGE}
COMPILES, PRECOMPILED = "doca3.5.0-26.07-0.7.7.0-1", "doca3.5.0-26.07-0.7.7.0-0"
"""The two container revisions of one driver: one has only images that compile, one has the others."""
NEWEST = "doca3.6.0-26.10-043000-0"
TAG = f"{NEW}-6.8.0-117-generic-ubuntu24.04-amd64"
ADDED = "kernel, OS and architecture are added for each pool"
EVERYWHERE = ImagePlatforms(DIGEST, frozenset({"linux/amd64", "linux/arm64"}))


def move(folder: Path, *, gpu_kernels: Collection[str] = (), **fields: Any) -> Move:
    gpu = [gpu_tag(kernel) for kernel in gpu_kernels]
    return Move(
        folder=folder,
        **{"nodes": NODES, "version": OLD, **fields},
        published=(*published_tags(), *gpu),
        inspections=dict.fromkeys(gpu, EVERYWHERE),
    )


def locked(folder: Path, **fields: Any) -> Move:
    cluster = move(folder, **fields)
    assert cluster.run("lock").exit_code == 0
    return cluster


def upgrade(cluster: Move, *flags: str, exit_code: int = 0) -> Any:
    result = cluster.call("upgrade", "-o", "json", *flags)
    assert result.exit_code == exit_code, result.stderr
    return json.loads(result.stdout)


def kernels(report: Any) -> dict[str, tuple[str, str] | None]:
    """Return version and kernel that each pool gets."""
    return {
        pool["pool"]: pool["to"] and (pool["to"]["version"], pool["to"]["kernel"]) for pool in report["pools"]
    }


def ways(version: str, generic: str, arm: str, storage: str) -> dict[str, tuple[str, str]]:
    return {GENERIC: (version, generic), ARM: (version, arm), STORAGE: (version, storage)}


TO_NEW = ways(NEW, "6.8.0-117-generic", "6.17.0-1018-nvidia", "5.15.0-179-generic")
TO_NEWEST = ways(NEWEST, "6.8.0-146-generic", "7.0.0-1019-nvidia", "5.15.0-198-generic")


def test_the_default_is_the_newest_version_with_a_precompiled_image_for_every_pool(tmp_path: Path) -> None:
    report = upgrade(locked(tmp_path))

    assert report["to"] == "doca3.6.0-26.10-043000"
    assert report["candidates"] == [
        "doca3.6.0-26.10-043000",
        "doca3.5.0-26.07-0.7.7.0",
        "doca3.4.0-26.04-0.8.0.0",
    ]
    assert kernels(report) == TO_NEWEST


def test_a_pool_is_reported_with_nodes_package_and_where_it_comes_from(tmp_path: Path) -> None:
    report = upgrade(locked(tmp_path), "--to", NEW)

    assert next(pool for pool in report["pools"] if pool["pool"] == GENERIC) == {
        "cluster": ".",
        "pool": GENERIC,
        "policy": {"kind": "NicClusterPolicy", "name": "nic-cluster-policy"},
        "nodes": ["gpu-1", "gpu-2"],
        "from": {"version": OLD, "kernel": "6.8.0-100-generic"},
        "to": {"version": NEW, "kernel": "6.8.0-117-generic"},
        "compiles": False,
        "package": "linux-image-6.8.0-117-generic",
        "companions": [],
    }


def test_without_a_revision_the_policy_gets_the_one_with_the_precompiled_images(tmp_path: Path) -> None:
    report = upgrade(locked(tmp_path), "--to", "doca3.5.0-26.07-0.7.7.0")

    assert report["policies"] == [
        {
            "cluster": ".",
            "policy": {"kind": "NicClusterPolicy", "name": "nic-cluster-policy"},
            "from": OLD,
            "to": PRECOMPILED,
        }
    ]


def test_pools_that_need_both_revisions_get_one_of_them_as_a_fallback(tmp_path: Path) -> None:
    rhel = "rhel9.4/5.14.0-427.13.1.el9_4.x86_64/amd64"
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC, "rhel-1": rhel}, forced=False)

    report = upgrade(cluster, "--to", "doca3.5.0-26.07-0.7.7.0", "--write")

    assert kernels(report) == {
        GENERIC: (PRECOMPILED, "6.8.0-138-generic"),
        rhel: (COMPILES, "5.14.0-427.13.1.el9_4.x86_64"),
    }
    assert written(tmp_path) == (COMPILES, [PRECOMPILED, OLD], [plan("6.8.0-138-generic")])


def test_a_version_of_which_pools_need_two_revisions_is_named_without_one(tmp_path: Path) -> None:
    driver, rhel = COMPILES.rpartition("-")[0], "rhel9.4/5.14.0-427.13.1.el9_4.x86_64/amd64"
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC, "rhel-1": rhel}, forced=False)

    def headline() -> str:
        return cluster.call("upgrade", "--to", driver).stdout.decode().splitlines()[0]

    assert headline() == f"{driver} has an image for every pool"
    upgrade(cluster, "--to", driver, "--write")
    cluster.nodes = {"gpu-1": "ubuntu24.04/6.8.0-138-generic/amd64", "rhel-1": rhel}
    nodes = {"apiVersion": "v1", "kind": "List", "items": list(node_documents(cluster.nodes))}
    (tmp_path / "nodes.yaml").write_text(yaml.safe_dump(nodes))
    assert cluster.call("lock").exit_code == 0
    assert headline() == f"every pool runs {driver} already"


def test_another_revision_comes_before_a_fallback_that_has_the_new_kernel_too(tmp_path: Path) -> None:
    rhel = "rhel9.4/5.14.0-427.13.1.el9_4.x86_64/amd64"
    cluster = Move(
        folder=tmp_path,
        nodes={"gpu-1": GENERIC, "rhel-1": rhel},
        version=OLD,
        forced=False,
        spec={"fallbackVersions": [OLD]},
        published=(
            *(f"{OLD}-6.8.0-{number}-generic-ubuntu24.04-amd64" for number in (100, 138)),
            *(f"{version}-rhel9.4-amd64" for version in (OLD, COMPILES)),
            f"{PRECOMPILED}-6.8.0-138-generic-ubuntu24.04-amd64",
        ),
    )
    assert cluster.run("lock").exit_code == 0

    upgrade(cluster, "--to", "doca3.5.0-26.07-0.7.7.0", "--write")

    assert written(tmp_path) == (COMPILES, [PRECOMPILED, OLD], [plan("6.8.0-138-generic")])


def written(folder: Path) -> tuple[str, list[str], list[dict[str, Any]]]:
    """Return the version of the policy, and the config's fallback versions and plans."""
    policy = yaml.safe_load((folder / "policy.yaml").read_text())
    spec = yaml.safe_load((folder / "gitops-doca.yaml").read_text())["spec"]
    return policy["spec"]["ofedDriver"]["version"], spec.get("fallbackVersions", []), spec.get("planned", [])


def test_a_revision_that_has_no_precompiled_image_has_no_way(tmp_path: Path) -> None:
    report = upgrade(locked(tmp_path), "--to", COMPILES, exit_code=4)

    assert kernels(report) == {GENERIC: None, ARM: None, STORAGE: None}
    assert report["pools"][0]["why"] == (
        "it has no precompiled image for generic kernels of ubuntu22.04 amd64"
    )
    assert report["edits"] == []


def test_an_explicit_version_may_give_up_precompiled_images_where_compiling_is_allowed(
    tmp_path: Path,
) -> None:
    cluster = locked(tmp_path, forced=False)

    report = upgrade(cluster, "--to", COMPILES)

    assert [(pool["pool"], pool["compiles"]) for pool in report["pools"]] == [
        (STORAGE, True),
        (ARM, True),
        (GENERIC, True),
    ]
    assert kernels(report)[GENERIC] == (COMPILES, "6.8.0-100-generic")
    # Without --to no version is proposed that would do that.
    assert kernels(upgrade(cluster)) == TO_NEWEST


def test_pools_that_give_up_precompiled_images_keep_them_until_somebody_removes_the_fallback(
    tmp_path: Path,
) -> None:
    cluster = locked(tmp_path, forced=False)

    report = upgrade(cluster, "--to", COMPILES, "--write")
    told = cluster.call("upgrade", "--to", COMPILES).stdout.decode().splitlines()
    row = next(line for line in told if line.startswith("ubuntu22.04/amd64"))

    assert written(tmp_path) == (COMPILES, [OLD], [])
    assert [pool["keeps"] for pool in report["pools"]] == [OLD] * 3
    assert (
        f"3 pools keep {OLD} until that is removed from fallbackVersions; then they compile the new version"
    ) in told
    assert row.split()[-1] == "same"
    pools = json.loads(cluster.call("check", "--online", "-o", "json").stdout)["pools"]
    assert [(pool["state"], pool.get("fallback")) for pool in pools] == [("precompiled", True)] * 3


def test_where_no_node_needs_another_kernel_no_command_waits_for_one(tmp_path: Path) -> None:
    compiled = [f"{version}-ubuntu24.04-amd64" for version in (OLD, NEW)]
    cluster = Move(folder=tmp_path, nodes={"gpu-1": GENERIC}, version=OLD, forced=False, published=compiled)
    assert cluster.run("lock").exit_code == 0

    report = upgrade(cluster, "--to", NEW, "--write")

    assert report["next"] == ["gitops-doca lock", "gitops-doca diff --stat"]


def test_a_kernel_without_its_companion_is_no_way(tmp_path: Path) -> None:
    cluster = locked(
        tmp_path,
        gpu_kernels=("6.8.0-100-generic", "6.8.0-117-generic", "6.8.0-146-generic"),
        spec={"companions": [GPU_DRIVER]},
        nodes={"gpu-1": GENERIC, "storage-1": STORAGE},
    )

    blocked = upgrade(cluster, "--to", PRECOMPILED, exit_code=4)
    newest = upgrade(cluster)

    assert kernels(blocked)[GENERIC] is None
    assert [
        (pool["why"], pool["nearest"], pool["companions"]) for pool in blocked["pools"] if not pool["to"]
    ] == [
        (
            "companion gpu-driver is missing for 6.8.0-138-generic: 580-6.8.0-138-generic-ubuntu24.04",
            "6.8.0-138-generic",
            [
                {
                    "name": "gpu-driver",
                    "image": "nvcr.io/nvidia/driver:580-6.8.0-138-generic-ubuntu24.04",
                    "state": "missing",
                }
            ],
        )
    ]
    assert kernels(newest)[GENERIC] == (NEWEST, "6.8.0-146-generic")
    assert newest["candidates"] == ["doca3.6.0-26.10-043000", "doca3.4.0-26.04-0.8.0.0"]


def test_companions_are_asked_in_one_round_for_all_pools(tmp_path: Path) -> None:
    cluster = move(
        tmp_path,
        spec={"companions": [{**GPU_DRIVER, "nodeSelector": {}}]},
        gpu_kernels=("6.8.0-117-generic",),
    )
    cluster.write()
    resolver = cluster.resolver

    run_here("upgrade", "--to", NEW, cwd=tmp_path, connect=resolver)

    assert [set(tags) for tags in resolver.asked if any(tag.startswith("580") for tag in tags)] == [
        {
            "580-5.15.0-179-generic-ubuntu22.04",
            "580-6.17.0-1018-nvidia-ubuntu24.04",
            "580-6.8.0-117-generic-ubuntu24.04",
        }
    ]


def test_an_unknown_companion_ends_the_search_and_no_older_version_is_chosen(tmp_path: Path) -> None:
    cluster = locked(
        tmp_path,
        nodes={"gpu-1": GENERIC},
        gpu_kernels=("6.8.0-100-generic", "6.8.0-117-generic"),
        spec={"companions": [GPU_DRIVER]},
    )
    cluster.faults = {gpu_tag("6.8.0-146-generic"): TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")}

    report = upgrade(cluster, exit_code=5)

    assert (report["to"], kernels(report)) == ("doca3.6.0-26.10-043000", {GENERIC: None})
    assert (report["possible"], report["diagnostics"][0]["message"], report["diagnostics"][0]["help"]) == (
        None,
        "cannot tell whether doca3.6.0-26.10-043000 can be used by 1 pool",
        "wait until the registry answers, then run again",
    )
    assert report["pools"][0]["why"] == (
        "cannot tell whether companion gpu-driver exists for 6.8.0-146-generic: 503 Service Unavailable"
    )


def test_an_unknown_companion_does_not_end_the_search_where_another_pool_has_no_way(tmp_path: Path) -> None:
    cluster = locked(
        tmp_path,
        nodes={"gpu-1": GENERIC, "gpu-2": STORAGE},
        gpu_kernels=("6.8.0-100-generic", "6.8.0-117-generic"),
        spec={"companions": [GPU_DRIVER]},
    )
    storage = ("580-5.15.0-170-generic-ubuntu22.04", "580-5.15.0-179-generic-ubuntu22.04")
    cluster.published = (*cluster.published, *storage)
    cluster.inspections |= dict.fromkeys(storage, EVERYWHERE)
    cluster.faults = {gpu_tag("6.8.0-146-generic"): TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")}

    report = upgrade(cluster)

    assert (report["to"], report["possible"]) == (NEW.rpartition("-")[0], True)


@pytest.mark.parametrize("forced", [True, False])
def test_an_unknown_companion_of_an_older_kernel_is_unknown_and_no_pool_compiles(
    tmp_path: Path, *, forced: bool
) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC}, spec={"companions": [GPU_DRIVER]}, forced=forced)
    tags = (
        f"{COMPILES}-{kernel}ubuntu24.04-amd64" for kernel in ("6.8.0-138-generic-", "6.8.0-120-generic-")
    )
    cluster.published = (*cluster.published, *tags)
    cluster.faults = {gpu_tag("6.8.0-120-generic"): TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")}

    report = upgrade(cluster, "--to", COMPILES, exit_code=5)

    assert [(pool["to"], pool["why"]) for pool in report["pools"]] == [
        (
            None,
            "cannot tell whether companion gpu-driver exists for 6.8.0-120-generic: 503 Service Unavailable",
        )
    ]


def test_a_kernel_that_lacks_one_companion_is_no_way_whatever_the_others_are(tmp_path: Path) -> None:
    other = {**GPU_DRIVER, "name": "other", "tag": "other-{kernel}"}
    cluster = locked(
        tmp_path,
        nodes={"gpu-1": GENERIC},
        spec={"companions": [GPU_DRIVER, other]},
        gpu_kernels=("6.8.0-100-generic", "6.8.0-117-generic"),
    )
    cluster.published = (*cluster.published, "other-6.8.0-117-generic")
    cluster.inspections["other-6.8.0-117-generic"] = EVERYWHERE
    cluster.faults = {gpu_tag("6.8.0-146-generic"): TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")}

    assert kernels(upgrade(cluster)) == {GENERIC: (NEW, "6.8.0-117-generic")}


def test_a_node_that_is_ahead_is_named_with_the_kernel_to_boot(tmp_path: Path) -> None:
    ahead = "ubuntu24.04/6.8.0-150-generic/amd64"
    cluster = locked(tmp_path)
    cluster.nodes = {**NODES, "gpu-9": ahead}
    cluster.write()

    report = upgrade(cluster, "--to", NEW, exit_code=4)

    assert kernels(report) == {**TO_NEW, ahead: None}
    first = report["pools"][0]
    assert (first["pool"], first["why"], first["nearest"]) == (
        ahead,
        "node gpu-9 runs a newer kernel than 6.8.0-117-generic, the newest that it has",
        "6.8.0-117-generic",
    )
    assert report["diagnostics"][0]["help"] == (
        "boot 6.8.0-117-generic on node gpu-9, or wait for a version with a newer kernel"
    )


def help_of(folder: Path, nodes: Mapping[str, str], *flags: str) -> list[str]:
    cluster = move(folder, nodes=nodes)
    cluster.write()
    report = json.loads(cluster.call("upgrade", "-o", "json", *flags).stdout)
    return [one["help"] for one in report["diagnostics"]]


AHEAD = {"new": "6.8.0-999-generic", "h": "ubuntu22.04/5.15.0-999-generic/amd64"}
MISSING_HELP = "publish or mirror what is missing, or choose another version (gitops-doca matrix)"


@pytest.mark.parametrize(
    ("nodes", "help"),
    [
        (
            AHEAD,
            (
                "boot 5.15.0-179-generic on node h, and 6.8.0-117-generic on node new, or wait for a version "
                "with a newer kernel"
            ),
        ),
        (
            {**AHEAD, "slow": "ubuntu22.04/6.8.0-50-lowlatency/amd64"},
            (
                "boot 5.15.0-179-generic on node h, and 6.8.0-117-generic on node new; for the other pools "
                f"{MISSING_HELP}"
            ),
        ),
        (
            {
                **AHEAD,
                "aws": "ubuntu24.04/6.17.0-9999-aws/amd64",
                "nvidia": "ubuntu24.04/6.17.0-9999-nvidia/amd64",
                "oracle": "ubuntu24.04/6.17.0-9999-oracle/amd64",
            },
            (
                "boot 5.15.0-179-generic on node h, 6.8.0-117-generic on node new, 6.17.0-1014-oracle on "
                "node oracle, and 2 more kernels on their nodes, or wait for a version with a newer kernel"
            ),
        ),
        ({"slow": "ubuntu22.04/6.8.0-50-lowlatency/amd64"}, MISSING_HELP),
    ],
    ids=["two", "two and a pool that has no image", "many", "none"],
)
def test_the_help_names_each_kernel_with_the_nodes_to_boot_it_on(
    nodes: Mapping[str, str], help: str, tmp_path: Path
) -> None:
    assert help_of(tmp_path, nodes, "--to", NEW) == [help]


RHEL_ARM = "rhel9.4/5.14.0-427.13.1.el9_4.aarch64/arm64"


@pytest.mark.parametrize(
    ("pool", "to", "forced", "why"),
    [
        (RHEL_ARM, PRECOMPILED, False, "it has no image that compiles on rhel9.4 arm64"),
        (
            GENERIC,
            COMPILES,
            True,
            "it has no precompiled image for generic kernels of ubuntu24.04 amd64",
        ),
        (
            "ubuntu24.04/6.8.0-139-generic/amd64",
            PRECOMPILED,
            False,
            (
                "node a runs a newer kernel than 6.8.0-138-generic, the newest that it has, and it has no "
                "image that compiles on ubuntu24.04 amd64"
            ),
        ),
        (
            GENERIC,
            f"{COMPILES[:-1]}2",
            False,
            (
                "it has no precompiled image for generic kernels of ubuntu24.04 amd64, and it has no image "
                "that compiles on ubuntu24.04 amd64"
            ),
        ),
    ],
)
def test_a_pool_lacks_the_image_that_its_policy_asks_for(
    pool: str, to: str, *, forced: bool, why: str, tmp_path: Path
) -> None:
    cluster = locked(tmp_path, nodes={"a": pool}, forced=forced)
    lacking = f"{PRECOMPILED}-ubuntu24.04-amd64"
    cluster.published = {*cluster.published, f"{COMPILES[:-1]}2-rhel9.4-amd64"} - {lacking}

    report = upgrade(cluster, "--to", to, exit_code=4)

    assert [one["why"] for one in report["pools"]] == [why]


def test_without_a_version_for_all_pools_the_one_that_serves_most_is_shown(tmp_path: Path) -> None:
    cluster = locked(tmp_path)
    cluster.nodes = {**NODES, "hwe": "ubuntu22.04/6.8.0-999-generic/amd64"}
    cluster.write()

    report = upgrade(cluster, exit_code=4)

    assert (report["to"], report["possible"], report["candidates"]) == ("doca3.6.0-26.10-043000", False, [])
    assert report["diagnostics"][0]["message"] == (
        "no driver version serves every pool; doca3.6.0-26.10-043000 comes nearest, and 1 pool cannot use it"
    )


def test_an_older_version_may_need_older_kernels_and_says_so(tmp_path: Path) -> None:
    report = upgrade(locked(tmp_path), "--to", "doca3.2.0-25.10-1.2.8.0")
    text = move(tmp_path).call("upgrade", "--to", "doca3.2.0-25.10-1.2.8.0").stdout.decode()

    assert kernels(report) == ways(
        "doca3.2.0-25.10-1.2.8.0-2", "6.8.0-88-generic", "6.14.0-1013-nvidia", "5.15.0-161-generic"
    )
    assert text.count("-generic (older)") == 2


def test_a_pool_without_a_locked_image_runs_the_version_that_has_its_kernel(tmp_path: Path) -> None:
    cluster = move(tmp_path, version=NEW)
    assert cluster.run("lock").exit_code == 4

    report = upgrade(cluster, "--to", NEW)

    assert [pool["from"] for pool in report["pools"]] == [
        {"version": OLD, "kernel": kernel, "inferred": True}
        for kernel in ("5.15.0-170-generic", "6.17.0-1008-nvidia", "6.8.0-100-generic")
    ]


def test_a_version_that_every_pool_runs_is_nothing_to_do(tmp_path: Path) -> None:
    cluster = locked(tmp_path)

    text = cluster.call("upgrade", "--to", OLD).stdout.decode()

    assert text.splitlines()[0] == f"every pool runs {OLD} already"
    assert "next:" not in text


@pytest.mark.parametrize("to", ["doca9.9.0-30.01-1.0.0.0-0", "doca9.9.0-30.01-1.0.0.0", "my-build"])
def test_a_version_that_is_not_listed_is_missing(to: str, tmp_path: Path) -> None:
    report = upgrade(locked(tmp_path), "--to", to, exit_code=4)

    assert report["possible"] is False
    assert {pool["why"] for pool in report["pools"]} == {
        "nvcr.io/nvidia/mellanox/doca-driver has no image of this version"
    }


@pytest.mark.parametrize(
    ("to", "near"),
    [
        ("doca3.4.0-26.04", f"version: {NEW}"),
        (f"{NEW[:-1]}9", f"version: {NEW}"),
        ("doca3.5.0-26.07-0.7.7.0-2", f"versions: {COMPILES}, {PRECOMPILED}"),
        ("my-build", f"versions: {NEWEST}, {COMPILES}, {PRECOMPILED}"),
    ],
)
def test_a_version_that_is_not_listed_is_told_once_with_the_nearest_ones(
    to: str, near: str, tmp_path: Path
) -> None:
    result = locked(tmp_path).call("upgrade", "--to", to)

    repository = "nvcr.io/nvidia/mellanox/doca-driver"
    lines = result.stdout.decode().splitlines()
    assert lines[0] == f"{to} cannot be used by 3 of 3 pools"
    assert lines[7:] == ["", f"{repository} has no image of {to}; nearest {near}"]
    assert result.stderr.splitlines() == [
        f"error[missing]: policy.yaml:6: spec.ofedDriver: {repository} has no image of {to}",
        f"  nearest {near}",
        "  help: name a version that it has (gitops-doca matrix), or correct the repository",
    ]


def test_a_build_of_ones_own_may_have_any_name(tmp_path: Path) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC})
    names = ("my-build", "my-build-9")
    tags = tuple(f"{name}-6.8.0-117-generic-ubuntu24.04-amd64" for name in names)
    cluster.published = (*cluster.published, *tags)

    for name in names:
        assert kernels(upgrade(cluster, "--to", name)) == {GENERIC: (name, "6.8.0-117-generic")}


def test_a_tag_list_that_broke_off_is_unknown(tmp_path: Path) -> None:
    cluster = locked(tmp_path)
    short = FakeResolver(published_tags(), lists=TagList(frozenset(published_tags()), reason="503"))

    result = run_here("upgrade", "--to", NEW, "--write", cwd=tmp_path, connect=short)

    message = "cannot list the tags of nvcr.io/nvidia/mellanox/doca-driver to the end: 503"
    assert result.exit_code == 5
    assert result.stdout.decode() == f"unknown whether {NEW} has an image for every pool\n"
    assert result.stderr.splitlines()[0] == f"error[unknown]: policy.yaml:6: spec.ofedDriver: {message}"
    assert written(tmp_path) == (OLD, [], [])
    assert cluster.call("check").exit_code == 0


@pytest.mark.parametrize(
    ("flags", "to", "headline"),
    [
        ((), None, "unknown which driver version to go to"),
        (("--to", NEW), NEW, f"unknown whether {NEW} has an image for every pool"),
    ],
)
def test_without_a_tag_list_it_is_unknown_whether_a_version_is_possible(
    flags: tuple[str, ...], to: str | None, headline: str, tmp_path: Path
) -> None:
    locked(tmp_path)
    registry = FakeResolver(lists=TagList(reason="401 Unauthorized", cause=Cause.AUTH))

    def call(form: str) -> Result:
        return run_here("upgrade", *flags, "-o", form, cwd=tmp_path, connect=registry)

    report = json.loads(call("json").stdout)
    assert (report["to"], report["possible"], report["pools"]) == (to, None, [])
    assert [call(form).stdout.decode() for form in ("text", "markdown")] == [f"{headline}\n"] * 2


@pytest.mark.parametrize(
    ("cause", "help"),
    [
        (Cause.TRANSIENT, "wait until the registry answers, then run again"),
        (Cause.DEADLINE, "give more time with --deadline, then run again"),
        (
            Cause.REPOSITORY,
            "correct the repository, or give credentials with --registry-config, then run again",
        ),
    ],
)
def test_the_help_about_a_tag_list_is_about_its_cause(cause: Cause, help: str, tmp_path: Path) -> None:
    locked(tmp_path)
    registry = FakeResolver(lists=TagList(reason="it failed", cause=cause))

    for command in ("upgrade", "matrix"):
        report = json.loads(run_here(command, "-o", "json", cwd=tmp_path, connect=registry).stdout)

        assert [one["help"].partition(";")[0] for one in report["diagnostics"]] == [help]


def test_a_listed_image_without_a_manifest_is_not_used(tmp_path: Path) -> None:
    locked(tmp_path, nodes={"gpu-1": GENERIC})
    broken = f"{NEWEST}-6.8.0-146-generic-ubuntu24.04-amd64"
    resolver = FakeResolver(
        [tag for tag in published_tags() if tag != broken],
        lists=TagList(frozenset(published_tags()), complete=True),
    )

    def call(*flags: str) -> Result:
        return run_here("upgrade", *flags, "-o", "json", cwd=tmp_path, connect=resolver)

    proposed, asked_for = call(), call("--to", NEWEST)

    assert kernels(json.loads(proposed.stdout)) == {GENERIC: (PRECOMPILED, "6.8.0-138-generic")}
    assert (proposed.exit_code, asked_for.exit_code) == (0, 5)
    report = json.loads(asked_for.stdout)
    why = (
        f"cannot tell whether {broken} exists: the tag list holds this tag, but its manifest is said not to "
        "exist"
    )
    assert [(pool["to"], pool["unknown"], pool["why"]) for pool in report["pools"]] == [(None, True, why)]
    assert report["diagnostics"] == [
        {
            "severity": "error",
            "class": "unknown",
            "message": f"cannot tell whether {NEWEST} can be used by 1 pool",
            "file": "policy.yaml",
            "line": 6,
            "field": "spec.ofedDriver",
            "details": [f"{GENERIC} (node gpu-1): {why}"],
            "help": "ask the registry's owner to fix it, then run again",
        }
    ]
    assert [d["details"] for d in json.loads(proposed.stdout)["diagnostics"]] == [
        [f"nvcr.io/nvidia/mellanox/doca-driver:{broken}"]
    ]


def test_a_listed_image_without_a_manifest_makes_no_pool_compile(tmp_path: Path) -> None:
    running, compiles = f"{OLD}-6.8.0-100-generic-ubuntu24.04-amd64", f"{NEW}-ubuntu24.04-amd64"
    cluster = Move(
        folder=tmp_path,
        nodes={"gpu-1": GENERIC},
        version=OLD,
        forced=False,
        published=(running, compiles),
    )
    assert cluster.run("lock").exit_code == 0
    registry = FakeResolver(
        (running, compiles), lists=TagList(frozenset({running, compiles, TAG}), complete=True)
    )

    result = run_here("upgrade", "--to", NEW, "--write", cwd=tmp_path, connect=registry)

    assert (result.exit_code, written(tmp_path)) == (5, (OLD, [], []))
    assert result.stdout.decode().splitlines()[0] == f"unknown whether {NEW} can be used by 1 of 1 pools"


def test_a_listed_image_without_a_manifest_is_not_given_up_for_a_revision_that_compiles(
    tmp_path: Path,
) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC}, forced=False)
    broken = f"{PRECOMPILED}-6.8.0-138-generic-ubuntu24.04-amd64"
    cluster.faults = {broken: TagMissing()}
    cluster.published = (*cluster.published, f"{COMPILES}-ubuntu24.04-amd64")

    report = upgrade(cluster, "--to", COMPILES.rpartition("-")[0], exit_code=5)

    assert (report["possible"], report["pools"][0]["why"]) == (
        None,
        (
            f"cannot tell whether {broken} exists: the tag list holds this tag, but its manifest is said "
            "not to exist"
        ),
    )


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_pool_of_which_nothing_is_known_is_unknown_beside_one_that_has_no_image(
    form: str, tmp_path: Path
) -> None:
    cluster = locked(tmp_path)
    cluster.nodes = {**NODES, "slow": "ubuntu22.04/6.8.0-50-lowlatency/amd64"}
    cluster.write()
    cluster.faults = {TAG: TagUnknown(Cause.AUTH, "403 Forbidden")}

    result = cluster.call("upgrade", "--to", NEW, "-o", form)

    lines = result.stdout.decode().splitlines()
    assert lines[0] == f"{NEW} cannot be used by 1 of 4 pools, and it is unknown for 1"
    rows = [line for line in lines if line.startswith(("ubuntu", "| ubuntu"))]
    assert ["unknown" in row for row in rows[:4]] == [False, True, False, False]
    assert ["not possible" in row for row in rows[:4]] == [True, False, False, False]
    assert [line for line in result.stderr.splitlines() if line.startswith("error")] == [
        f"error[missing]: policy.yaml:6: spec.ofedDriver: {NEW} cannot be used by 1 pool",
        (
            "error[unknown]: cannot confirm that "
            f"nvcr.io/nvidia/mellanox/doca-driver:{TAG} exists: 403 Forbidden"
        ),
    ]
    assert result.exit_code == 4


def test_a_look_up_without_an_answer_is_unknown(tmp_path: Path) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC})
    tag = f"{NEWEST}-6.8.0-146-generic-ubuntu24.04-amd64"
    cluster.faults = {tag: TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")}

    report = upgrade(cluster, exit_code=5)

    assert report["diagnostics"][0]["message"] == (
        f"cannot confirm that nvcr.io/nvidia/mellanox/doca-driver:{tag} exists: 503 Service Unavailable"
    )
    assert (report["possible"], [(pool["to"], pool["why"]) for pool in report["pools"]]) == (
        None,
        [(None, f"cannot tell whether {tag} exists: 503 Service Unavailable")],
    )


def many_versions(kernel: str, count: int = 2000) -> tuple[str, ...]:
    return tuple(f"doca3.7.0-27.01-{n}.0.0.0-0-{kernel}-ubuntu24.04-amd64" for n in range(count))


def test_of_very_many_versions_for_all_pools_some_are_shown(tmp_path: Path) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC})
    cluster.published = (*cluster.published, *many_versions("6.8.0-146-generic"))

    assert upgrade(cluster)["candidates"] == [f"doca3.7.0-27.01-{n}.0.0.0" for n in range(1999, 1989, -1)]


def betas(kernels: Collection[str]) -> tuple[str, ...]:
    """Return the tags of betas newer than all others, each for a kernel of its own."""
    return tuple(
        f"doca3.7.0-27.01-{number}3000-0-{kernel}-ubuntu24.04-amd64" for number, kernel in enumerate(kernels)
    )


def test_releases_behind_several_betas_are_candidates(tmp_path: Path) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC})
    cluster.published = (*cluster.published, *betas(["6.8.0-150-generic", "6.8.0-151-generic"]))

    assert upgrade(cluster)["candidates"] == [
        "doca3.7.0-27.01-13000",
        "doca3.7.0-27.01-03000",
        "doca3.6.0-26.10-043000",
        "doca3.5.0-26.07-0.7.7.0",
        "doca3.4.0-26.04-0.8.0.0",
    ]


def test_with_companions_too_older_versions_are_looked_at_until_two_serve_all_pools(tmp_path: Path) -> None:
    new = ["6.8.0-150-generic", "6.8.0-151-generic", "6.8.0-152-generic"]
    gpu_kernels = [*new, "6.8.0-138-generic", "6.8.0-117-generic"]
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC}, spec={"companions": [GPU_DRIVER]})
    tags = [gpu_tag(kernel) for kernel in gpu_kernels]
    cluster.published = (*cluster.published, *betas(new[:1]), *tags)
    cluster.inspections = dict.fromkeys(tags, EVERYWHERE)

    assert upgrade(cluster)["candidates"] == [
        "doca3.7.0-27.01-03000",
        "doca3.5.0-26.07-0.7.7.0",
        "doca3.4.0-26.04-0.8.0.0",
    ]


class Lagging(FakeResolver):
    """A registry with a mirror that has only the versions of last year."""

    def list_tags(self, repositories: Collection[Repository]) -> Mapping[Repository, TagList]:
        lists = dict(super().list_tags(repositories))
        for repository, listed in lists.items():
            if "mirror" in str(repository):
                tags = frozenset(tag for tag in listed.tags if tag.startswith("doca3.2"))
                lists[repository] = TagList(tags, complete=True)
        return lists


def test_a_mirror_that_lags_behind_is_named_with_the_pools_that_it_blocks(tmp_path: Path) -> None:
    locked(tmp_path, nodes={"gpu-1": GENERIC, "arm-1": ARM})
    policies = [node_policy("amd64"), node_policy("arm64", repository="mirror.test/nvidia")]
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump_all(policies))

    result = run_here("upgrade", cwd=tmp_path, connect=Lagging(published_tags()))

    why = "doca3.6.0-26.10-043000 comes nearest, and 1 pool cannot use it"
    assert result.exit_code == 4
    assert result.stderr.splitlines()[:2] == [
        f"error[missing]: policy.yaml:21: spec.ofedDriver: no driver version serves every pool; {why}",
        f"  {ARM} (node arm-1): mirror.test/nvidia/doca-driver has no image of this version",
    ]


def test_a_node_ahead_by_a_kernel_that_nobody_planned_does_not_go_back(tmp_path: Path) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC})
    cluster.nodes = {"gpu-1": GENERIC, "gpu-2": "ubuntu24.04/6.8.0-146-generic/amd64"}
    cluster.write()

    report = upgrade(cluster, "--to", NEW, exit_code=4)

    ahead = next(pool for pool in report["pools"] if "146" in pool["pool"])
    assert (ahead["from"]["version"], ahead["from"]["inferred"]) == (NEWEST, True)
    assert (ahead["to"], ahead["nearest"]) == (None, "6.8.0-117-generic")


def test_of_very_many_newer_versions_some_are_shown(tmp_path: Path) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC})
    cluster.published = (*cluster.published, *many_versions("6.8.0-99-generic"))

    lines = cluster.call("upgrade").stdout.decode().splitlines()

    newer = [line for line in lines if "newer" in line and "kernels" not in line]
    assert newer[0].startswith("doca3.7.0-27.01-1999.0.0.0-0 is newer, but 1 pool cannot use it")
    assert (len(newer), newer[5]) == (6, "1995 more newer versions cannot be used by every pool")


def test_policies_with_a_digest_or_without_a_pool_stay_and_are_named(tmp_path: Path) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC})
    policies = (node_policy(arch, {"kubernetes.io/arch": f"{arch}64"}) for arch in ("amd", "arm"))
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump_all(policies))

    report = upgrade(cluster, "--to", NEW)

    assert [(p["policy"]["name"], p["to"], p.get("why")) for p in report["policies"]] == [
        ("amd", NEW, None),
        ("arm", None, "it has no pool"),
    ]


def test_where_all_versions_are_digests_there_is_nothing_to_do(tmp_path: Path) -> None:
    cluster = move(tmp_path, nodes={"gpu-1": GENERIC}, version=DIGEST)
    cluster.write()

    assert upgrade(cluster)["possible"] is True
    assert cluster.call("upgrade").stdout.decode().splitlines() == [
        "no pool whose policy names a version, so there is nothing to do",
        "",
        "NicClusterPolicy nic-cluster-policy stays as it is: its version is a digest",
    ]


REGISTRY_FLAGS = (
    *("--registry-config", "my config.json"),
    *("--pull-secret", "pull.yaml"),
    *("--ca-file", "ca.pem"),
    *("--insecure-registry", "registry.example:5000"),
    *("--allowed-registry", "nvcr.io"),
    *("--allowed-registry", "*.example"),
    *("--trusted-realm-host", "auth.example"),
    *("--deadline", "30.5"),
)


def test_the_next_commands_repeat_the_flags_about_registries(tmp_path: Path) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC})
    for name in ("my config.json", "ca.pem", "pull.yaml"):
        (tmp_path / name).write_text('{"auths": {}}')
    words = shlex.join(REGISTRY_FLAGS)

    planned, made = (upgrade(cluster, "--to", NEW, *REGISTRY_FLAGS, *flags) for flags in ((), ("--write",)))
    changed = cluster.call("lock", "--check", *REGISTRY_FLAGS)

    assert planned["next"] == [f"gitops-doca upgrade {words} --to {NEW} --write"]
    assert made["next"] == [
        f"gitops-doca lock {words}",
        f"gitops-doca diff {words} --stat",
        "# when nodes have booted other kernels:",
        "# update the inventory: nodes.yaml",
        f"gitops-doca lock {words}",
        f"gitops-doca upgrade {words} --finish --write",
    ]
    assert f"to update it: gitops-doca lock {words}" in changed.stderr.splitlines()[-1]


def test_the_next_commands_do_not_repeat_what_variables_set(tmp_path: Path) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC})
    environ = {"GITOPS_DOCA_ALLOWED_REGISTRY": "nvcr.io", "GITOPS_DOCA_DEADLINE": "30"}

    result = run_here(
        "upgrade", "--to", NEW, "-o", "json", cwd=tmp_path, connect=cluster.resolver, env=environ
    )

    assert json.loads(result.stdout)["next"] == [f"gitops-doca upgrade --to {NEW} --write"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--write"], "--write needs --to VERSION or --finish"),
        (["--finish", "--to", NEW], "--finish and --to exclude each other"),
        (
            ["--to", f"sha256:{'a' * 64}"],
            "Invalid value for '--to': a digest is one image for all pools, and no driver version",
        ),
        (
            ["--to", TAG],
            f"Invalid value for '--to': {TAG!r} is a whole image tag; {ADDED}",
        ),
    ],
)
def test_flags_that_make_no_sense_are_refused(flags: list[str], message: str, tmp_path: Path) -> None:
    result = locked(tmp_path).call("upgrade", *flags)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr.splitlines()[0] == f"error[usage]: {message}"


def test_the_hold_names_no_meta_package_since_its_name_does_not_follow_from_the_kernel(
    tmp_path: Path,
) -> None:
    """6.17 of 24.04 comes from linux-image-nvidia-hwe-24.04, 6.8 of 22.04 from linux-image-azure."""
    azure = "ubuntu22.04/6.8.0-1044-azure/amd64"
    cluster = move(tmp_path, nodes={"arm-1": ARM, "cloud-1": azure})

    lines = cluster.run("upgrade", "--to", NEW).stdout.decode().splitlines()

    assert [line for line in lines if line.startswith("    apt-mark")] == [
        "    apt-mark hold linux-image-6.17.0-1018-nvidia '?installed?name(^linux-image-[a-z])'",
        "    apt-mark hold linux-image-6.8.0-1052-azure '?installed?name(^linux-image-[a-z])'",
    ]


TEXT = f"""\
{NEW} has an image for every pool

POOL               NODES  RUNS                       KERNEL             GETS                       NEW KERNEL
ubuntu24.04/amd64  2      {OLD}  6.8.0-100-generic  {NEW}  6.8.0-117-generic

packages:
  ubuntu24.04/amd64: apt-get install linux-image-6.8.0-117-generic
    apt-mark hold linux-image-6.8.0-117-generic '?installed?name(^linux-image-[a-z])'
  to keep newer kernels away, in apt.conf: Unattended-Upgrade::Package-Blacklist {{ "linux-"; }};
  Secure Boot: the modules in NVIDIA's precompiled images are not signed

would be changed:
  policy.yaml:10: {OLD} -> {NEW}
  gitops-doca.yaml:8:
  +   fallbackVersions:
  +     - {OLD}
  gitops-doca.yaml:8:
  +   planned:
  +     - os: ubuntu
  +       osVersion: "24.04"
  +       kernel: 6.8.0-117-generic
  +       arch: amd64

next:
  gitops-doca upgrade --to {NEW} --write
"""
MARKDOWN = f"""\
{NEW} has an image for every pool

| Pool | Nodes | Runs | Kernel | Gets | New kernel |
| --- | ---: | --- | --- | --- | --- |
| ubuntu24.04/amd64 | 2 | {OLD} | 6.8.0-100-generic | {NEW} | 6.8.0-117-generic |

packages:

```text
ubuntu24.04/amd64: apt-get install linux-image-6.8.0-117-generic
  apt-mark hold linux-image-6.8.0-117-generic '?installed?name(^linux-image-[a-z])'
to keep newer kernels away, in apt.conf: Unattended-Upgrade::Package-Blacklist {{ "linux-"; }};
Secure Boot: the modules in NVIDIA's precompiled images are not signed
```

would be changed:

```text
policy.yaml:10: {OLD} -> {NEW}
gitops-doca.yaml:8:
+   fallbackVersions:
+     - {OLD}
gitops-doca.yaml:8:
+   planned:
+     - os: ubuntu
+       osVersion: "24.04"
+       kernel: 6.8.0-117-generic
+       arch: amd64
```

next:

```text
gitops-doca upgrade --to {NEW} --write
```
"""


@pytest.mark.parametrize(("form", "expected"), [("text", TEXT), ("markdown", MARKDOWN)])
def test_people_read_the_pools_the_packages_the_changes_and_the_next_command(
    form: str, expected: str, tmp_path: Path
) -> None:
    cluster = locked(tmp_path, nodes={"gpu-1": GENERIC, "gpu-2": GENERIC})

    result = cluster.call("upgrade", "--to", NEW, "-o", form)

    assert (result.exit_code, result.stdout.decode()) == (0, expected)
