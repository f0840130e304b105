"""Whatever is published: a change of the inputs for another driver leaves running pools their image."""

import json
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.cluster import DIGEST
from gitops_doca.core.model import ARCH_LABEL, OS_VERSION_LABEL
from gitops_doca.core.resolve.lookup import ImagePlatforms
from gitops_doca.core.tags import split_revision, version_key
from support.move import GPU_DRIVER, Move, node_documents, node_policy, plan
from support.published import VERSIONS

SYSTEMS = ("ubuntu24.04", "ubuntu22.04")
KERNELS = ("6.8.0-100-generic", "6.8.0-117-generic", "6.8.0-138-generic", "6.8.0-1046-nvidia")
ARCHITECTURES = ("amd64", "arm64")
POOLS = tuple(f"{os}/{kernel}/{arch}" for os in SYSTEMS for kernel in KERNELS for arch in ARCHITECTURES)
DRIVERS = VERSIONS[-5:]
"""Among them two that differ in the container revision alone."""
TARGETS = (*DRIVERS, *sorted({split_revision(version)[0] for version in DRIVERS}))
DRIVER_TAGS = tuple(
    f"{version}-{kernel}{os}-{arch}"
    for version in DRIVERS
    for os in SYSTEMS
    for kernel in ("", *(f"{kernel}-" for kernel in KERNELS))
    for arch in ARCHITECTURES
)
GPU_TAGS = tuple(f"580-{kernel}-{os}" for kernel in KERNELS for os in SYSTEMS)
EVERYWHERE = ImagePlatforms(DIGEST, frozenset({"linux/amd64", "linux/arm64"}))
NODES = st.dictionaries(
    st.sampled_from(["gpu-1", "gpu-2", "cpu-1", "cpu-2", "cpu-3"]), st.sampled_from(POOLS), min_size=1
)
PLANS = st.lists(st.sampled_from(POOLS), unique=True, max_size=2)


def entry(pool: str) -> dict[str, Any]:
    system, kernel, arch = pool.split("/")
    return plan(kernel, osVersion=system.removeprefix("ubuntu"), arch=arch)


def read(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def pools_of(move: Move, *flags: str) -> dict[str, dict[str, Any]]:
    document = json.loads(move.call("check", "-o", "json", *flags).stdout)
    return {pool["pool"]: pool for pool in document["pools"]}


def driver_of(version: str) -> str:
    return split_revision(version)[0]


@settings(max_examples=150)
@given(
    nodes=NODES,
    plans=PLANS,
    version=st.sampled_from(DRIVERS),
    fallbacks=st.lists(st.sampled_from(DRIVERS), unique=True, max_size=2),
    to=st.sampled_from(TARGETS),
    forced=st.booleans(),
    published=st.frozensets(st.sampled_from([*DRIVER_TAGS, *GPU_TAGS]), min_size=40),
    with_companions=st.booleans(),
    locked=st.booleans(),
)
def test_pools_keep_their_image_or_nothing_is_written(
    nodes: Mapping[str, str],
    plans: list[str],
    version: str,
    fallbacks: list[str],
    to: str,
    *,
    forced: bool,
    published: Collection[str],
    with_companions: bool,
    locked: bool,
) -> None:
    spec: dict[str, Any] = {"planned": [entry(pool) for pool in plans], "fallbackVersions": fallbacks}
    if with_companions:
        spec["companions"] = [GPU_DRIVER]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        move = Move(
            folder=folder,
            nodes=nodes,
            version=version,
            forced=forced,
            spec=spec,
            published=published,
            inspections=dict.fromkeys(GPU_TAGS, EVERYWHERE),
        )
        move.write()
        if locked:
            move.call("lock")
        before, files = pools_of(move, "--online"), read(folder)

        result = move.call("upgrade", "--to", to, "--write", "-o", "json")

        report = json.loads(result.stdout)
        if result.exit_code:
            assert read(folder) == files
            return
        after = pools_of(move, "--online")
        for pool, was in before.items():
            if was["nodes"] and was["state"] == "precompiled":
                now = after[pool]
                assert now["state"] == "precompiled"
                assert now["tag"] == was["tag"] or driver_of(now["version"]) == driver_of(to)
        ends = set()
        for way in report["pools"]:
            os, _, arch = way["pool"].split("/")
            ends.add(end := f"{os}/{way['to']['kernel']}/{arch}")
            if way["to"]["kernel"] != way["from"]["kernel"]:
                assert (after[end]["state"], after[end]["version"]) == ("precompiled", way["to"]["version"])
        for pool, now in after.items():
            assert not now.get("planned") or pool in ends or driver_of(now["version"]) == driver_of(to)
        if all(pool["from"]["version"] and "inferred" not in pool["from"] for pool in report["pools"]):
            # The lock says what pools run, so the same question has the same answer.
            written = read(folder)
            assert move.call("upgrade", "--to", to, "--write").exit_code == 0
            assert read(folder) == written


@settings(max_examples=150)
@given(
    nodes=NODES,
    version=st.sampled_from(DRIVERS),
    published=st.frozensets(st.sampled_from([*DRIVER_TAGS, *GPU_TAGS]), min_size=60),
    with_companions=st.booleans(),
)
def test_the_default_is_the_newest_driver_that_a_plain_search_finds(
    nodes: Mapping[str, str], version: str, published: Collection[str], *, with_companions: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        move = Move(
            folder=Path(name),
            nodes=nodes,
            version=version,
            spec={"companions": [GPU_DRIVER]} if with_companions else {},
            published=published,
            inspections=dict.fromkeys(GPU_TAGS, EVERYWHERE),
        )
        report = json.loads(move.run("upgrade", "-o", "json").stdout)

    def kernel_of(pool: str, driver: str) -> str:
        """Return the newest kernel with which a pool can use a driver, empty if there is none."""
        os, own, arch = pool.split("/")
        with_gpu = with_companions and any(
            name.startswith("gpu") and family(other) == family(pool) for name, other in nodes.items()
        )
        found = [
            kernel
            for kernel in KERNELS
            for revision in DRIVERS
            if driver_of(revision) == driver
            and f"{revision}-{kernel}-{os}-{arch}" in published
            and family(f"{os}/{kernel}/{arch}") == family(pool)
            and KERNELS.index(kernel) >= KERNELS.index(own)
            and (kernel == own or not with_gpu or f"580-{kernel}-{os}" in published)
        ]
        return max(found, key=KERNELS.index, default="")

    drivers = [driver for driver in map(driver_of, reversed(DRIVERS)) if is_listed(driver, published)]
    allowed = [d for d in dict.fromkeys(drivers) if version_key(d) >= version_key(driver_of(version))]
    serving = [d for d in allowed if all(kernel_of(pool, d) for pool in nodes.values())]
    assert report.get("possible", False) == bool(serving)
    if serving:
        assert report["to"] == serving[0]
        # The revision is chosen before the kernel, so two of them may have different newest kernels.
        if sum(driver_of(one) == serving[0] for one in DRIVERS) == 1:
            assert {pool["pool"]: pool["to"]["kernel"] for pool in report["pools"]} == {
                pool: kernel_of(pool, serving[0]) for pool in nodes.values()
            }


def family(pool: str) -> tuple[str, str, str]:
    os, kernel, arch = pool.split("/")
    return os, kernel.rpartition("-")[2], arch


def is_listed(driver: str, published: Collection[str]) -> bool:
    return any(tag.startswith(f"{driver}-") for tag in published)


class Steps:
    """A cluster with two policies, of which each step is checked."""

    def __init__(self, move: Move) -> None:
        self.move = move

    def step(self, *args: str) -> dict[str, Any] | None:
        """Run `upgrade` with `--write`; None if it failed, and then no file has changed."""
        files, before = read(self.move.folder), self.images
        result = self.move.call("upgrade", *args, "--write", "-o", "json")
        report: dict[str, Any] = json.loads(result.stdout)
        if result.exit_code:
            assert result.exit_code in (3, 4), result.stderr
            assert read(self.move.folder) == files
            return None
        to = driver_of(args[1]) if "--to" in args else None
        after = self.images
        for pool, was in before.items():
            if was["nodes"] and was["state"] == "precompiled":
                now = after[pool]
                assert now["state"] == "precompiled"
                assert now["tag"] == was["tag"] or driver_of(now["version"]) == to
        for way in report["pools"] if to else ():
            name, pool = way["policy"]["name"], way["pool"]
            compiles = before[name, pool]["state"] != "precompiled" and "inferred" not in way["from"]
            if way["nodes"] and compiles and way["to"]["kernel"] == pool.split("/")[1]:
                assert driver_of(after[name, pool]["version"]) == to
        assert self.move.call("lock").exit_code in (0, 4)
        return report

    @property
    def images(self) -> dict[tuple[str, str], dict[str, Any]]:
        document = json.loads(self.move.call("check", "-o", "json", "--online").stdout)
        return {(pool["policy"]["name"], pool["pool"]): pool for pool in document["pools"]}

    def boot(self, report: dict[str, Any], names: Collection[str]) -> None:
        """Have these nodes boot the kernels that a report has for them."""
        nodes = dict(self.move.nodes)
        for way in report["pools"]:
            os, _, arch = way["pool"].split("/")
            nodes |= {name: f"{os}/{way['to']['kernel']}/{arch}" for name in way["nodes"] if name in names}
        self.move.nodes = nodes
        items = list(node_documents(nodes))
        text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items})
        (self.move.folder / "nodes.yaml").write_text(text)
        self.move.call("lock")


@settings(max_examples=60)
@given(
    nodes=NODES,
    plans=st.lists(
        st.tuples(st.sampled_from(POOLS), st.sampled_from([(), ("one",), ("two",), ("one", "two")])),
        unique_by=lambda plan: plan[0],
        max_size=2,
    ),
    versions=st.tuples(st.sampled_from(DRIVERS), st.sampled_from(DRIVERS)),
    forced=st.tuples(st.booleans(), st.booleans()),
    fallbacks=st.lists(st.sampled_from(DRIVERS), unique=True, max_size=2),
    targets=st.tuples(st.sampled_from(TARGETS), st.sampled_from(TARGETS)),
    published=st.frozensets(st.sampled_from(DRIVER_TAGS), min_size=40),
    moved=st.frozensets(st.sampled_from(["gpu-1", "gpu-2", "cpu-1", "cpu-2", "cpu-3"])),
    by_os=st.booleans(),
)
def test_two_policies_move_there_and_back(
    nodes: Mapping[str, str],
    plans: list[tuple[str, tuple[str, ...]]],
    versions: tuple[str, str],
    forced: tuple[bool, bool],
    fallbacks: list[str],
    targets: tuple[str, str],
    published: Collection[str],
    *,
    moved: Collection[str],
    by_os: bool,
) -> None:
    label, values = (OS_VERSION_LABEL, ("22.04", "24.04")) if by_os else (ARCH_LABEL, ARCHITECTURES)
    policies = [
        node_policy(name, {label: value}, version=version, forced=force)
        for name, value, version, force in zip(("one", "two"), values, versions, forced, strict=True)
    ]
    planned = [{**entry(pool), **({"policies": list(names)} if names else {})} for pool, names in plans]
    with tempfile.TemporaryDirectory() as name:
        spec = {"planned": planned, "fallbackVersions": fallbacks}
        move = Move(folder=Path(name), nodes=nodes, spec=spec, published=published)
        move.write()
        (move.folder / "policy.yaml").write_text(yaml.safe_dump_all(policies))
        move.call("lock")
        steps = Steps(move)
        there = steps.step("--to", targets[0])
        assert steps.step("--finish") is not None
        if there is None:
            return
        steps.boot(there, moved)
        assert steps.step("--finish") is not None
        back = steps.step("--to", targets[1])
        if back is None:
            return
        steps.boot(back, nodes)
        assert steps.step("--finish") is not None
