"""A compact inventory gives what kubectl's output gives, and is the same text however it was made."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.resolver import FakeResolver
from gitops_doca.core.compare.inventory_changes import compare_inventories
from gitops_doca.core.diagnostics import GenerationError, Problems
from gitops_doca.core.model import (
    ARCH_LABEL,
    KERNEL_LABEL,
    NIC_LABEL,
    OPENSHIFT_LABEL,
    OS_ID_LABEL,
    OS_VERSION_LABEL,
    OSTREE_LABEL,
    Inventory,
    Resource,
    SkippedNode,
)
from gitops_doca.emit.inventory import dump_inventory
from gitops_doca.emit.yaml import dump_stream
from gitops_doca.sources.config import Settings
from gitops_doca.sources.inventory import read_inventory
from gitops_doca.usecases.generate import generate
from gitops_doca.usecases.look_up import RegistryTags

VERSION = "25.04-0.6.1.0-2"
NAMESPACE = "nvidia-network-operator"
# Most policies find their ConfigMap.
NAMESPACES = [*([{"namespace": NAMESPACE}] * 3), {"namespace": "other"}, {}, None]
KERNELS = ["5.15.0-91-generic", "6.8.0-87-generic", "5.10"]
SYSTEMS = [("ubuntu", "22.04"), ("rhel", "9.4"), ("rhcos", "4.17"), ("sles", "15.6")]
TREES = ["417.94.202502051822-0", "418"]
EFFECTS = ["NoSchedule", "NoExecute", "PreferNoSchedule"]
SELECTED = ["rack", "zone"]
COMPILED = [f"{VERSION}-{os}{version}-amd64" for os, version in SYSTEMS]
PRECOMPILED = [
    f"{VERSION}-{kernel}-{os}{version}-amd64" for kernel, (os, version) in itertools.product(KERNELS, SYSTEMS)
]

TAINTS = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["dedicated", "nvidia.com/gpu", "node.kubernetes.io/not-ready"]),
        "effect": st.sampled_from(EFFECTS),
    },
    optional={"value": st.sampled_from(["", "storage", "yes"])},
)
KEYS = st.lists(st.sampled_from(["a.crt", "b.crt", "on", "1.0"]), unique=True, max_size=3)


@st.composite
def _labels(draw: st.DrawFn, *, nic: bool) -> dict[str, str]:
    os_id, os_version = draw(st.sampled_from(SYSTEMS))
    labels = {
        OS_ID_LABEL: os_id,
        OS_VERSION_LABEL: os_version,
        KERNEL_LABEL: draw(st.sampled_from(KERNELS)),
        ARCH_LABEL: "amd64",
        OSTREE_LABEL: draw(st.sampled_from(TREES)),
        OPENSHIFT_LABEL: "rhcos",
        "rack": draw(st.sampled_from(["a", "b", "", "on"])),
        # Two policies that share a node are told only where that node is seen: see docs/reference.md.
        **({"zone": draw(st.sampled_from(["x", "z"]))} if nic else {}),
        "kubernetes.io/hostname": "whatever",
    }
    without = draw(st.lists(st.sampled_from(sorted(labels)), max_size=1))
    without += [] if os_id == "rhcos" or draw(st.booleans()) else [OSTREE_LABEL, OPENSHIFT_LABEL]
    present = {NIC_LABEL: "true"} if nic else draw(st.sampled_from([{}, {NIC_LABEL: "false"}]))
    return present | {label: value for label, value in labels.items() if label not in without}


@st.composite
def _node(draw: st.DrawFn, name: str) -> Resource:
    nic = draw(st.sampled_from([True, True, True, False]))
    runtime = draw(st.sampled_from(["containerd://1.7.27", "cri-o://1.31.0", ""]))
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": draw(_labels(nic=nic)),
            "resourceVersion": str(draw(st.integers(1, 999))),
        },
        "spec": {"taints": draw(st.lists(TAINTS, max_size=2))},
        "status": {"nodeInfo": {"containerRuntimeVersion": runtime}},
    }


@st.composite
def _objects(draw: st.DrawFn) -> list[Resource]:
    maps = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, **namespace},
            "data": dict.fromkeys(draw(KEYS), "hunter2"),
        }
        for name in ("certs", "repos")
        if (namespace := draw(st.sampled_from(NAMESPACES))) is not None
    ]
    images = draw(st.none() | st.dictionaries(st.sampled_from([*TREES, "latest"]), st.just("quay.io/x:1")))
    stream = {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStream",
        "metadata": {"name": "driver-toolkit", "namespace": "openshift"},
        "spec": {"tags": [{"name": tag, "from": {"name": image}} for tag, image in (images or {}).items()]},
    }
    spec = {
        "httpProxy": st.sampled_from(["", "http://proxy.example:3128"]),
        "httpsProxy": st.none() | st.just("http://proxy.example:3129"),
        "noProxy": st.sampled_from(["", ".cluster.local,10.0.0.0/8", "on"]),
        "trustedCA": st.sampled_from([{"name": ""}, {"name": "ca"}]),
    }
    proxy = {
        "apiVersion": "config.openshift.io/v1",
        "kind": "Proxy",
        "metadata": {"name": "cluster"},
        "spec": draw(st.fixed_dictionaries({}, optional=spec)),
    }
    return [*maps, *([stream] if images is not None else []), *([proxy] if draw(st.booleans()) else [])]


@st.composite
def _clusters(draw: st.DrawFn) -> list[Resource]:
    names = draw(st.lists(st.text("abc1", min_size=1, max_size=3), min_size=2, max_size=7, unique=True))
    return [*(draw(_node(name)) for name in names), *draw(_objects())]


@st.composite
def _policies(draw: st.DrawFn) -> list[Resource]:
    configs = {"certConfig": "certs", "repoConfig": "repos"}
    driver = {
        "repository": "nvcr.io/nvidia/mellanox",
        "image": "doca-driver",
        "version": VERSION,
        "forcePrecompiled": draw(st.sampled_from([False, False, True])),
        **{field: {"name": name} for field, name in configs.items() if draw(st.booleans())},
    }
    tolerations = draw(st.sampled_from([[], [{"key": "dedicated", "operator": "Exists"}]]))
    spec = {"ofedDriver": driver, "tolerations": tolerations}
    if draw(st.booleans()):
        return [_policy("NicClusterPolicy", "nic-cluster-policy", spec)]
    selectors = {"blue": {"rack": "a"}, "red": {"zone": "x", NIC_LABEL: "true"}}
    names = draw(st.lists(st.sampled_from(sorted(selectors)), min_size=1, unique=True))
    return [_policy("NicNodePolicy", name, {**spec, "nodeSelector": selectors[name]}) for name in names]


def _policy(kind: str, name: str, spec: Mapping[str, Any]) -> Resource:
    return {"apiVersion": "mellanox.com/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that a user sees of a run, but for the places."""

    manifests: str
    skipped: tuple[SkippedNode, ...]
    diagnostics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Folder:
    """Where an example writes its files."""

    path: Path

    def read(self, text: str, labels: Sequence[str] = SELECTED) -> Inventory:
        problems = Problems()
        found = read_inventory([self.write("inventory", text)], labels, problems)
        assert list(problems) == []
        return found

    def run(self, policies: Sequence[Resource], inventory: str, tags: Sequence[str]) -> Outcome:
        settings = Settings(
            policies=(self.write("policy.yaml", yaml.safe_dump_all(policies)),),
            inventory=(self.write("inventory", inventory),),
            allow_empty=True,
        )
        problems = Problems()
        manifests, skipped = "", tuple[SkippedNode, ...]()
        try:
            found = generate(settings, RegistryTags(FakeResolver(tags)), problems)
            manifests, skipped = dump_stream(found.resources), found.inputs.grouping.skipped
        except GenerationError:
            pass
        texts = (f"{p.category} {p.message} {p.details} {p.help}" for p in problems)
        return Outcome(manifests=manifests, skipped=skipped, diagnostics=tuple(sorted(texts)))

    def write(self, name: str, text: str) -> str:
        (self.path / name).write_text(text)
        return str(self.path / name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("compact"))


def as_yaml(objects: Sequence[Resource]) -> str:
    return yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def as_json(objects: Sequence[Resource]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}, indent=4)


@settings(deadline=None)
@given(
    cluster=_clusters(),
    policies=_policies(),
    tags=st.sampled_from([[*COMPILED, *PRECOMPILED], COMPILED, [*COMPILED, *PRECOMPILED[::2]], []]),
)
def test_a_compact_inventory_gives_what_kubectls_output_gives(
    cluster: list[Resource], policies: list[Resource], tags: list[str], folder: Folder
) -> None:
    selected = sorted({key for policy in policies for key in policy["spec"].get("nodeSelector", {})})
    compact = dump_inventory(folder.read(as_json(cluster), selected), selected)
    direct = folder.run(policies, as_json(cluster), tags)

    assert folder.run(policies, as_yaml(cluster), tags) == direct
    assert folder.run(policies, compact, tags) == direct
    assert folder.run(policies, json.dumps(yaml.safe_load(compact)), tags) == direct
    assert "hunter2" not in compact


@settings(deadline=None)
@given(cluster=_clusters(), data=st.data())
def test_a_compact_inventory_is_one_text_whatever_the_order_and_however_often_it_is_written(
    cluster: list[Resource], data: st.DataObject, folder: Folder
) -> None:
    text = dump_inventory(folder.read(as_json(cluster)), SELECTED)
    shuffled = folder.read(as_yaml(data.draw(st.permutations(cluster))))
    turned = replace(shuffled, nodes=shuffled.nodes[::-1])

    assert dump_inventory(turned, SELECTED[::-1]) == text
    assert dump_inventory(folder.read(text), SELECTED) == text


@settings(deadline=None)
@given(cluster=_clusters(), data=st.data())
def test_a_kernel_bump_of_one_node_moves_its_name_and_at_most_a_group(
    cluster: list[Resource], data: st.DataObject, folder: Folder
) -> None:
    nodes = [found for found in cluster if found["metadata"].get("labels", {}).get(NIC_LABEL) == "true"]
    before = dump_inventory(folder.read(as_json(cluster)), SELECTED)
    group = max((_lines_of_a_group(found) for found in yaml.safe_load(before)["groups"]), default=0)
    if nodes:
        bumped = data.draw(st.sampled_from(nodes))
        bumped["metadata"]["labels"][KERNEL_LABEL] = data.draw(st.sampled_from([*KERNELS, "7.0"]))
    after = dump_inventory(folder.read(as_json(cluster)), SELECTED)

    assert _changed(before.splitlines(), after.splitlines()) <= 2 * (group + 1)


@settings(deadline=None)
@given(first=_clusters(), second=_clusters())
def test_inventories_compare_alike_exactly_when_their_compact_inventories_are_one_text(
    first: list[Resource], second: list[Resource], folder: Folder
) -> None:
    for pair in ((first, second), (first, first)):
        old, new = (folder.read(as_json(cluster)) for cluster in pair)
        texts = [dump_inventory(found, SELECTED) for found in (old, new)]
        moved = compare_inventories(folder.read(texts[0]), new, SELECTED)

        assert (moved == ()) == (texts[0] == texts[1])
        assert [line for line in moved if "\n" in line] == []


def _lines_of_a_group(group: Mapping[str, Any]) -> int:
    """Count the lines of a group with one node, and one more in case that its kernel was not known."""
    taints = sum(map(len, group.get("taints", ())))
    heads = sum(field in group for field in ("labels", "taints", "containerRuntime", "nodes"))
    return heads + len(group["labels"]) + taints + 2


def _changed(before: Sequence[str], after: Sequence[str]) -> int:
    """Count the lines that a smallest diff removes or adds."""

    def row(above: list[int], line: str) -> list[int]:
        found = [0]
        for index, other in enumerate(after):
            longest = above[index] + 1 if line == other else max(found[index], above[index + 1])
            found.append(longest)
        return found

    common = reduce(row, before, [0] * (len(after) + 1))[-1]
    return len(before) + len(after) - 2 * common
