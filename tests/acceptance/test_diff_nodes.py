"""What `gitops-doca diff` says is true on the nodes, in real repositories, from locks."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gitops_doca.sources.reading.schema import schema_text
from support.cli import Result
from support.in_process import run_here
from support.inputs import VERSION
from support.repository import commit, edit, git, start
from support.small_cluster import REPOSITORY, host, policy, tag, write_cluster

OLD, NEW = "5.15.0-91-generic", "5.15.0-105-generic"
OLD_POOL, NEW_POOL = (f"ubuntu22.04/{kernel}/amd64" for kernel in (OLD, NEW))
NEXT = "26.01-1.0.0.0-0"
CLUSTER = "NicClusterPolicy/nic-cluster-policy"
CLUSTER_POLICY = {"kind": "NicClusterPolicy", "name": "nic-cluster-policy"}
TAGS = (tag(OLD), tag(NEW), tag())
KERNEL = "feature.node.kubernetes.io/kernel-version.full"
PLAN = {"os": "ubuntu", "osVersion": "22.04", "kernel": NEW, "arch": "amd64"}
POLICY = (policy(),)
UNSELECTED = "no policy with ofedDriver selects it"

Side = Mapping[str, Any]


def hosts(*names: str, kernel: str = OLD, **labels: Any) -> list[dict[str, Any]]:
    return [host(name, kernel, **labels) for name in names]


def numbered(numbers: Iterable[int], kernel: str = OLD, **labels: Any) -> list[dict[str, Any]]:
    return hosts(*(f"n{number:02}" for number in numbers), kernel=kernel, **labels)


def side(nodes: Iterable[Mapping[str, Any]], policies: Any = POLICY, tags: Any = TAGS, **spec: Any) -> Side:
    return {"nodes": nodes, "policies": policies, "tags": tags, **spec}


def prepare(folder: Path, before: Side, after: Side) -> Path:
    """Commit one side of a cluster on `main`, and let the work tree have the other."""
    cluster = start(folder / "repository") / "clusters" / "a"
    write_cluster(cluster, **before)
    commit(cluster)
    write_cluster(cluster, **after)
    return cluster


def diff(cluster: Path, *arguments: str) -> Result:
    return run_here("diff", *(arguments or ("main",)), "--stat", cwd=cluster)


def text(folder: Path, before: Side, after: Side) -> list[str]:
    """Return what is printed below the first line, which names the commit."""
    result = diff(prepare(folder, before, after))
    assert result.exit_code == 1
    head, *found = result.stdout.decode().splitlines()
    assert head.startswith("changes against main (")
    return found


def drivers(lines: Iterable[str]) -> list[str]:
    return [line.removeprefix("  driver  ") for line in lines if line.startswith("  driver  ")]


def document(cluster: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(diff(cluster, *arguments, "-o", "json").stdout)
    Draft202012Validator(json.loads(schema_text("diff"))).validate(found)
    return found


def departures(cluster: Path, *arguments: str) -> list[tuple[str, str, Any]]:
    return [
        (pool["pool"], pool["reload"], pool["departures"])
        for pool in document(cluster, *(arguments or ("main",)))["pools"]
        if pool["change"] == "removed"
    ]


# A pool that goes


def test_after_the_last_step_of_a_kernel_upgrade_nothing_is_unloaded(tmp_path: Path) -> None:
    before = side(numbered(range(24)), planned=[PLAN])
    after = side(numbered(range(24), NEW))

    assert text(tmp_path, before, after) == [
        "1 pool removed, 24 nodes move",
        f"1 pool stays on {VERSION}, nothing reloads",
        "",
        f"removed  {OLD_POOL} of {CLUSTER}",
        f"  image   {REPOSITORY}/doca-driver:{tag(OLD)}",
        "  nodes   24: n00, n01, n02, n03, n04 and 19 more",
        (
            "  driver  nothing is unloaded from 24 nodes: n00, n01, n02, n03, n04 and 19 more; "
            f"they are in {NEW_POOL} of {CLUSTER} now"
        ),
        "",
        "nodes that move, join or leave",
        f"  {OLD_POOL} -> {NEW_POOL}",
        "    24: n00, n01, n02, n03, n04 and 19 more",
    ]


def test_the_last_step_is_told_in_json(tmp_path: Path) -> None:
    cluster = prepare(tmp_path, side(hosts("a", "b"), planned=[PLAN]), side(hosts("a", "b", kernel=NEW)))

    found = document(cluster, "main")

    assert departures(cluster) == [
        (
            OLD_POOL,
            "none",
            [
                {
                    "case": "in-another-pool",
                    "nodes": ["a", "b"],
                    "hasPod": False,
                    "pool": NEW_POOL,
                    "policy": CLUSTER_POLICY,
                }
            ],
        )
    ]
    assert found["stays"] == [{"cluster": ".", "version": VERSION, "pools": 1}]
    assert found["moves"] == [
        {
            "cluster": ".",
            "from": {"pool": OLD_POOL, "policy": CLUSTER_POLICY},
            "to": {"pool": NEW_POOL, "policy": CLUSTER_POLICY},
            "case": "in-another-pool",
            "nodes": ["a", "b"],
        }
    ]
    assert found["objects"] == [
        {
            "cluster": ".",
            "kind": "DaemonSet",
            "namespace": "nvidia-network-operator",
            "name": "mofed-ubuntu22.04-6d568d699f-ds",
            "change": "removed",
        }
    ]


def test_a_policy_that_goes_takes_the_driver_from_the_nodes_that_are_left(tmp_path: Path) -> None:
    # Before, the inventory is older than the cluster: it has none of the nodes that booted the new kernel.
    before = side(numbered(range(24), zone="x"), [policy("x", selector={"zone": "x"})], planned=[PLAN])
    after = side(
        [*numbered(range(10), zone="x"), *numbered(range(10, 24), NEW, zone="x"), *hosts("z", zone="z")],
        [policy("z", selector={"zone": "z"})],
    )

    old, new = (", ".join(f"n{number:02}" for number in numbers) for numbers in (range(10), range(10, 24)))
    assert drivers(text(tmp_path, before, after)) == [
        f"unloaded from 14 nodes as soon as this is applied: {new}; they are in no pool ({UNSELECTED})",
        f"unloaded from 10 nodes as soon as this is applied: {old}; they are in no pool ({UNSELECTED})",
        (
            "no pod of it runs on 14 nodes any more: n10, n11, n12, n13, n14 and 9 more; "
            f"they are in no pool ({UNSELECTED})"
        ),
        "loaded as soon as this is applied",
    ]


def every_case(folder: Path) -> Path:
    no_features = host("label", None)
    now = [
        host("moved", NEW),
        host("tainted", taints=["a:NoSchedule"]),
        host("evicted", taints=["a:NoExecute"]),
        host("no-nic", nic=None),
        host("nic-false", nic="false"),
        no_features,
    ]
    names = ("moved", "tainted", "evicted", "no-nic", "nic-false", "label", "gone", "renamed")
    return prepare(folder, side(hosts(*names)), side([*now, host("new-name", NEW)]))


NO_NIC = "no label feature.node.kubernetes.io/pci-15b3.present=true"
NO_KERNEL = "no label feature.node.kubernetes.io/kernel-version.full"
EVERY_CASE = [
    "unloaded from 1 node as soon as this is applied: tainted; it is in no pool (taint a:NoSchedule)",
    (
        "2 nodes are no longer in the inventory: gone, renamed; "
        "a node that still runs its pod loses the driver"
    ),
    "no pod of it runs on 1 node any more: evicted; it is in no pool (taint a:NoExecute)",
    f"no pod of it runs on 1 node any more: label; it is in no pool ({NO_KERNEL})",
    f"no pod of it runs on 2 nodes any more: nic-false, no-nic; they are in no pool ({NO_NIC})",
    f"nothing is unloaded from 1 node: moved; it is in {NEW_POOL} of {CLUSTER} now",
]


def test_a_pool_may_have_nodes_in_every_case(tmp_path: Path) -> None:
    lines = diff(every_case(tmp_path)).stdout.decode().splitlines()

    assert lines[1] == (
        "1 pool added, 1 pool removed, 1 node moves, 1 node joins a pool, 5 nodes are no longer in a pool, "
        "2 nodes are no longer in the inventory"
    )
    assert drivers(lines) == ["loaded as soon as this is applied", *EVERY_CASE]
    assert lines[lines.index("nodes that move, join or leave") :] == [
        "nodes that move, join or leave",
        f"  new in the inventory -> {NEW_POOL}",
        "    1: new-name",
        f"  {OLD_POOL} -> no pool (taint a:NoExecute)",
        "    1: evicted",
        f"  {OLD_POOL} -> not in the inventory",
        "    2: gone, renamed",
        f"  {OLD_POOL} -> no pool ({NO_KERNEL})",
        "    1: label",
        f"  {OLD_POOL} -> no pool ({NO_NIC})",
        "    2: nic-false, no-nic",
        f"  {OLD_POOL} -> no pool (taint a:NoSchedule)",
        "    1: tainted",
        f"  {OLD_POOL} -> {NEW_POOL}",
        "    1: moved",
    ]


def test_every_case_is_told_in_markdown(tmp_path: Path) -> None:
    shown = diff(every_case(tmp_path), "main", "-o", "markdown").stdout.decode().splitlines()

    (row,) = (line for line in shown if line.startswith("| removed |"))
    said = row.removesuffix(" |").rpartition(" | ")[2]
    assert said.replace("`", "").split("<br>") == EVERY_CASE
    assert f"| 1: tainted | `{OLD_POOL}` | no pool (taint a:NoSchedule) |" in shown


def test_every_case_is_told_in_json(tmp_path: Path) -> None:
    assert departures(every_case(tmp_path)) == [
        (
            OLD_POOL,
            "stop",
            [
                {
                    "case": "in-no-pool",
                    "nodes": ["tainted"],
                    "hasPod": True,
                    "reason": "taint a:NoSchedule",
                },
                {"case": "not-in-inventory", "nodes": ["gone", "renamed"]},
                {
                    "case": "in-no-pool",
                    "nodes": ["evicted"],
                    "hasPod": False,
                    "reason": "taint a:NoExecute",
                },
                {"case": "in-no-pool", "nodes": ["label"], "hasPod": False, "reason": NO_KERNEL},
                {
                    "case": "in-no-pool",
                    "nodes": ["nic-false", "no-nic"],
                    "hasPod": False,
                    "reason": NO_NIC,
                },
                {
                    "case": "in-another-pool",
                    "nodes": ["moved"],
                    "hasPod": False,
                    "pool": NEW_POOL,
                    "policy": CLUSTER_POLICY,
                },
            ],
        )
    ]


def test_of_a_folder_the_nodes_are_not_known(tmp_path: Path) -> None:
    cluster = prepare(tmp_path, side(hosts("a")), side(hosts("a")))
    run_here("generate", "--output-dir", "../rendered", cwd=cluster)
    write_cluster(cluster, **side(hosts("a", kernel=NEW)))

    assert drivers(diff(cluster, "../rendered").stdout.decode().splitlines()) == [
        "loaded as soon as this is applied",
        "the nodes are not known, since a folder names none; those that run it lose the driver",
    ]
    assert departures(cluster, "../rendered") == [(OLD_POOL, "stop", [{"case": "not-known"}])]


def test_a_planned_pool_that_goes_was_on_no_node(tmp_path: Path) -> None:
    before, after = side(hosts("a"), planned=[PLAN]), side(hosts("a"))

    assert drivers(text(tmp_path, before, after)) == ["no node ran it"]


def test_a_planned_pool_that_goes_under_nodes_which_booted_its_kernel_takes_their_driver(
    tmp_path: Path,
) -> None:
    before = side(hosts("a", "b"), planned=[PLAN])
    after = side([*hosts("a"), host("b", NEW, taints=["a:NoSchedule"])])

    # The taint may have been there all the time, so nobody knows of a pod.
    assert drivers(text(tmp_path / "1", before, after)) == ["no node ran it"]
    tolerant = [policy(tolerations=[{"key": "a", "operator": "Exists"}])]
    before = side(hosts("a", "b"), tolerant, planned=[PLAN])
    assert drivers(text(tmp_path / "2", before, after))[0] == (
        "unloaded from 1 node as soon as this is applied: b; it is in no pool (taint a:NoSchedule)"
    )


def test_a_policy_that_is_renamed_reloads_its_nodes(tmp_path: Path) -> None:
    # The label of the policy that goes is one that nobody reads any more.
    before = side(hosts("a", "b", zone="x"), [policy("x", selector={"zone": "x"})])

    lines = text(tmp_path, before, side(hosts("a", "b", zone="x")))

    assert (lines[0], drivers(lines)) == (
        "1 pool changed",
        ["reloaded on all nodes at once when this is applied: another name and selector"],
    )


TWO = (policy("x", selector={"zone": "x"}), policy("z", selector={"rack": "z"}))


def test_a_node_that_goes_to_another_policy_on_its_kernel_is_reloaded(tmp_path: Path) -> None:
    before = side([host("a", zone="x"), host("b", rack="z"), host("c", zone="x")], TWO)
    after = side([host("a", zone="x", rack="z"), host("b", rack="z"), host("c", zone="x")], TWO[1:])

    lines = text(tmp_path, before, after)

    assert drivers(lines) == [
        f"unloaded from 1 node as soon as this is applied: c; it is in no pool ({UNSELECTED})",
        f"reloaded on 1 node as soon as this is applied: a; it is in {OLD_POOL} of NicNodePolicy/z now",
    ]
    assert lines[-2:] == [f"  {OLD_POOL} of NicNodePolicy/x -> {OLD_POOL} of NicNodePolicy/z", "    1: a"]


def test_a_node_whose_label_says_another_policy_has_changed_its_pod_already(tmp_path: Path) -> None:
    policies = (policy("x", selector={"zone": "x"}), policy("z", selector={"zone": "z"}))
    before = side([host("a", zone="x"), host("b", zone="z")], policies)
    after = side([host("a", zone="z"), host("b", zone="z")], policies)

    assert drivers(text(tmp_path, before, after)) == [
        f"nothing is unloaded from 1 node: a; it is in {OLD_POOL} of NicNodePolicy/z now"
    ]


def test_a_pool_that_keeps_a_node_stays(tmp_path: Path) -> None:
    before = side(hosts("a", "b", "c"), planned=[PLAN])
    after = side([*hosts("a", "b", kernel=NEW), *hosts("c")])

    assert text(tmp_path, before, after) == [
        "2 nodes move",
        f"2 pools stay on {VERSION}, nothing reloads",
        "",
        "nodes that move, join or leave",
        f"  {OLD_POOL} -> {NEW_POOL}",
        "    2: a, b",
    ]


def test_the_label_that_only_the_old_policy_named_tells_its_nodes_apart(tmp_path: Path) -> None:
    # `c` never had the label, so it never ran the pod; `b` is new in the inventory, and nobody knows.
    before = side([host("a", zone="x"), host("c")], TWO[:1])
    after = side([host("a", zone="x"), host("b", zone="x"), host("c")], TWO[1:], allowEmpty=True)

    assert drivers(text(tmp_path, before, after)) == [
        f"unloaded from 1 node as soon as this is applied: a; it is in no pool ({UNSELECTED})"
    ]


def test_nodes_that_the_older_inventory_lacked_lose_their_driver_too(tmp_path: Path) -> None:
    before = side(hosts("a"))
    after = side(hosts("a", "b"), [policy("z", selector={"rack": "z"})], allowEmpty=True)

    assert drivers(text(tmp_path, before, after)) == [
        f"unloaded from 2 nodes as soon as this is applied: a, b; they are in no pool ({UNSELECTED})"
    ]


def test_the_nodes_of_another_cluster_of_the_repository_are_others(tmp_path: Path) -> None:
    cluster = prepare(tmp_path, side(hosts("a", "b")), side([host("a", NEW)]))
    write_cluster(cluster.with_name("b"), **side(hosts("b")))

    assert departures(cluster)[0][2] == [
        {"case": "not-in-inventory", "nodes": ["b"]},
        {
            "case": "in-another-pool",
            "nodes": ["a"],
            "hasPod": False,
            "pool": NEW_POOL,
            "policy": CLUSTER_POLICY,
        },
    ]


def test_in_a_shallow_clone_the_nodes_are_known_all_the_same(tmp_path: Path) -> None:
    cluster = prepare(tmp_path, side(hosts("a")), side(hosts("a")))
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{cluster.parents[1]}", "clone")
    clone = tmp_path / "clone" / "clusters" / "a"
    write_cluster(clone, **side([host("a", NEW)]))

    assert drivers(diff(clone, "HEAD").stdout.decode().splitlines()) == [
        "loaded as soon as this is applied",
        f"nothing is unloaded from 1 node: a; it is in {NEW_POOL} of {CLUSTER} now",
    ]


def test_a_compact_inventory_does_not_tell_a_lost_label_from_a_node_that_left(tmp_path: Path) -> None:
    labels = {key: value for key, value in host("a")["metadata"]["labels"].items() if "pci" not in key}
    inventory = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "NodeInventory",
        "groups": [{"labels": labels, "containerRuntime": "containerd", "nodes": ["a"]}],
    }
    moved = {"labels": {**labels, KERNEL: NEW}, "containerRuntime": "containerd", "nodes": ["b"]}
    cluster = prepare(tmp_path, side([inventory]), side([{**inventory, "groups": [moved]}]))

    assert departures(cluster)[0][2] == [{"case": "not-in-inventory", "nodes": ["a"]}]


def test_under_rolling_update_a_pool_that_goes_is_told_alike(tmp_path: Path) -> None:
    rolling = {"updateStrategy": {"type": "RollingUpdate", "maxUnavailable": 1}}
    before, after = side(hosts("a", "b"), **rolling), side([host("a", NEW)], **rolling)

    assert drivers(text(tmp_path, before, after)) == [
        "loaded as soon as this is applied",
        "1 node is no longer in the inventory: b; a node that still runs its pod loses the driver",
        f"nothing is unloaded from 1 node: a; it is in {NEW_POOL} of {CLUSTER} now",
    ]


def test_with_the_operator_it_is_left_to_it(tmp_path: Path) -> None:
    before = side(hosts("a", "b", "c"), emit="policies")
    after = side([host("a", NEW), host("b", taints=["a:NoSchedule"])], emit="policies")
    cluster = prepare(tmp_path, before, after)

    assert drivers(diff(cluster).stdout.decode().splitlines()) == [
        "left to the operator, which follows its upgradePolicy",
        "left to the operator on 1 node: b; it is in no pool (taint a:NoSchedule)",
        "1 node is no longer in the inventory: c; a node that still runs its pod loses the driver",
        f"nothing is unloaded from 1 node: a; it is in {NEW_POOL} of {CLUSTER} now",
    ]
    assert [(reload, len(found)) for _, reload, found in departures(cluster)] == [("operator", 3)]


# Compiling


def next_version(*kernels: str, compiles: bool = True) -> Side:
    """Return a side whose policy has the next version, with precompiled images for these kernels."""
    tags = [tag(kernel, version=NEXT) for kernel in kernels]
    return side(
        [*hosts("a", "b", "c", "d"), host("e", NEW)],
        [policy(version=NEXT)],
        [*tags, tag(version=NEXT)] if compiles else tags,
    )


THIS_VERSION = side([*hosts("a", "b", "c", "d"), host("e", NEW)])
LOST = f"4 nodes will compile the driver: a, b, c, d; {OLD_POOL} of {CLUSTER} had a precompiled image before"


def test_nodes_that_will_compile_come_before_anything_else(tmp_path: Path) -> None:
    result = diff(prepare(tmp_path, THIS_VERSION, next_version(NEW)))

    lines = result.stdout.decode().splitlines()
    assert (result.exit_code, lines[0], lines[2:4]) == (
        1,
        LOST,
        ["2 pools changed", f"driver {VERSION} -> {NEXT}: 2 pools, 5 nodes"],
    )
    assert drivers(lines) == [
        "reloaded when its pod is deleted or the node restarts (OnDelete)",
        "compiled when its pod is deleted or the node restarts (OnDelete)",
    ]
    assert result.stderr.splitlines() == [
        f"warning: policies.yaml:6: spec.ofedDriver: {LOST}",
        "  help: with forcePrecompiled: true in the policy a missing image is an error",
    ]


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_under_strict_the_result_is_printed_and_it_is_an_error(form: str, tmp_path: Path) -> None:
    after = {**next_version(NEW), "strict": True}
    cluster = prepare(tmp_path, THIS_VERSION, after)
    strict = diff(cluster, "main", "-o", form)
    edit(cluster / "gitops-doca.yaml", ("strict: true", "strict: false"))
    lenient = diff(cluster, "main", "-o", form)

    assert (strict.exit_code, strict.stdout) == (4, lenient.stdout)
    assert strict.stderr.splitlines() == [
        f"error[missing]: policies.yaml:6: spec.ofedDriver: {LOST}, and the config is strict",
        (
            "  help: publish or mirror the precompiled image, keep a version or a kernel that has one, "
            "or remove strict"
        ),
    ]


def test_under_strict_the_json_has_the_same_result_and_the_error(tmp_path: Path) -> None:
    cluster = prepare(tmp_path, THIS_VERSION, {**next_version(NEW), "strict": True})
    strict = document(cluster, "main")
    edit(cluster / "gitops-doca.yaml", ("strict: true", "strict: false"))
    lenient = document(cluster, "main")

    (error,), (warning,) = strict.pop("diagnostics"), lenient.pop("diagnostics")
    (failing,), (passing,) = strict.pop("clusters"), lenient.pop("clusters")
    assert (failing.pop("exitCode"), passing.pop("exitCode")) == (4, 1)
    assert (failing, strict) == (passing, lenient)
    assert (error["class"], error["message"]) == ("missing", f"{LOST}, and the config is strict")
    assert (warning["severity"], warning["message"]) == ("warning", LOST)


@pytest.mark.parametrize("strict", [True, False])
def test_a_message_about_many_nodes_keeps_its_end(*, strict: bool, tmp_path: Path) -> None:
    names = [f"worker-{number:02}.rack-17.datacenter.example.com" for number in range(60)]
    before = side(hosts(*names))
    after = side(hosts(*names), [policy(version=NEXT)], [tag(version=NEXT)], strict=strict)

    result = diff(prepare(tmp_path, before, after))

    why = f"; {OLD_POOL} of {CLUSTER} had a precompiled image before"
    result_line, message = result.stdout.decode().splitlines()[0], result.stderr.splitlines()[0]
    assert f": {', '.join(names[:50])} and 10 more{why}" in result_line
    assert message.endswith(
        f": {', '.join(names[:5])} and 55 more{why}{', and the config is strict' * strict}"
    )


def test_nodes_that_will_compile_are_told_in_markdown_and_json(tmp_path: Path) -> None:
    cluster = prepare(tmp_path, THIS_VERSION, next_version(NEW))

    shown = diff(cluster, "main", "-o", "markdown").stdout.decode().splitlines()
    found = document(cluster, "main")

    assert (shown[1], shown[2].replace("`", ""), shown[4]) == ("", f"**{LOST}**", "**2 pools changed**")
    assert found["compiling"] == [
        {
            "cluster": ".",
            "pool": OLD_POOL,
            "policy": CLUSTER_POLICY,
            "why": "lost",
            "nodes": ["a", "b", "c", "d"],
        }
    ]
    assert [(pool["pool"], pool["build"]) for pool in found["pools"]] == [
        (NEW_POOL, "none"),
        (OLD_POOL, "first"),
    ]


def test_a_new_pool_that_compiles_beside_precompiled_ones_is_news(tmp_path: Path) -> None:
    tags = (tag(OLD), tag(), tag(os_version="24.04"))
    after = side([host("a"), host("b", NEW), host("c", NEW, os_version="24.04")], tags=tags, strict=True)

    result = diff(prepare(tmp_path, side(hosts("a"), tags=tags), after))

    lines = result.stdout.decode().splitlines()
    is_new = f"{{}} of {CLUSTER} is new, and its policy has precompiled images for other pools on ubuntu"
    assert (result.exit_code, lines[:2]) == (
        4,
        [
            f"1 node will compile the driver: b; {is_new.format(NEW_POOL)}",
            f"1 node will compile the driver: c; {is_new.format(NEW_POOL.replace('22.04', '24.04'))}",
        ],
    )
    assert lines[2].startswith("changes against main")
    assert drivers(lines) == ["compiled and loaded as soon as this is applied"] * 2


def test_a_planned_pool_that_will_compile_is_news(tmp_path: Path) -> None:
    tags = (tag(OLD), tag())
    result = diff(prepare(tmp_path, side(hosts("a"), tags=tags), side(hosts("a"), tags=tags, planned=[PLAN])))

    lines = result.stdout.decode().splitlines()
    assert lines[0] == (
        f"each node of a planned pool will compile the driver: {NEW_POOL} of {CLUSTER} is new, "
        "and its policy has precompiled images for other pools on ubuntu"
    )
    assert drivers(lines) == ["compiled and loaded by the first node that boots this kernel"]


def test_a_node_that_moves_to_a_pool_that_compiles_is_news_and_no_error(tmp_path: Path) -> None:
    tags = (tag(OLD), tag())
    before = side([*hosts("a", "b"), host("c", NEW)], tags=tags)
    after = side([*hosts("a"), *hosts("b", "c", kernel=NEW)], tags=tags, strict=True)
    cluster = prepare(tmp_path, before, after)

    result = diff(cluster)

    assert (result.exit_code, result.stdout.decode().splitlines()[0]) == (
        1,
        (
            "1 node left a precompiled image for a pool that compiles the driver: b; "
            f"it is in {NEW_POOL} of {CLUSTER} now"
        ),
    )
    assert document(cluster, "main")["compiling"] == [
        {"cluster": ".", "pool": NEW_POOL, "policy": CLUSTER_POLICY, "why": "joined", "nodes": ["b"]}
    ]


def test_against_a_folder_a_pool_that_will_compile_is_news_too(tmp_path: Path) -> None:
    cluster = prepare(tmp_path, THIS_VERSION, THIS_VERSION)
    run_here("generate", "--output-dir", "../rendered", cwd=cluster)
    write_cluster(cluster, **next_version(NEW))

    assert diff(cluster, "../rendered").stdout.decode().splitlines()[0] == LOST


RECOMPILED = {
    "OnDelete": "recompiled when its pod is deleted or the node restarts (OnDelete)",
    "RollingUpdate": "recompiled node after node as soon as this is applied (RollingUpdate)",
}


@pytest.mark.parametrize("strategy", list(RECOMPILED))
def test_a_pool_that_compiles_another_version_recompiles(strategy: str, tmp_path: Path) -> None:
    kind = {"type": strategy} | ({"maxUnavailable": 1} if strategy == "RollingUpdate" else {})
    before = side(hosts("a"), tags=[tag()], updateStrategy=kind)
    after = side(hosts("a"), [policy(version=NEXT)], [tag(version=NEXT)], updateStrategy=kind)
    cluster = prepare(tmp_path, before, after)

    assert drivers(diff(cluster).stdout.decode().splitlines()) == [RECOMPILED[strategy]]
    found = document(cluster, "main")
    assert (found["compiling"], found["pools"][0]["build"]) == ([], "again")


def test_a_pool_that_compiled_and_has_an_image_now_is_reloaded(tmp_path: Path) -> None:
    before, after = side(hosts("a"), tags=[tag()]), side(hosts("a"))

    assert drivers(text(tmp_path, before, after)) == [
        "reloaded when its pod is deleted or the node restarts (OnDelete)"
    ]


def test_with_the_operator_recompiling_is_told(tmp_path: Path) -> None:
    before = side(hosts("a"), tags=[tag()], emit="policies")
    after = side(hosts("a"), [policy(version=NEXT)], [tag(version=NEXT)], emit="policies")

    assert drivers(text(tmp_path, before, after)) == [
        "left to the operator, which follows its upgradePolicy; recompiled on each node"
    ]


# Pools that stay, and --stat


def test_pools_that_stay_are_one_line_for_each_version(tmp_path: Path) -> None:
    nodes = [host("a", zone="x"), host("b", NEW, zone="x"), host("c", rack="z")]
    moved = policy("z", selector={"rack": "z"}, version=NEXT)
    tags = (*TAGS, tag(OLD, version=NEXT), tag(NEW, version=NEXT))

    assert text(tmp_path / "1", side(nodes, TWO, tags), side(nodes, [TWO[0], moved], tags))[:3] == [
        "1 pool changed",
        f"driver {VERSION} -> {NEXT}: 1 pool, 1 node",
        f"2 pools stay on {VERSION}, nothing reloads",
    ]
    more = [*nodes, host("d", NEW, rack="z")]
    both = (TWO[0], moved)
    assert text(tmp_path / "2", side(nodes, both, tags), side(more, both, tags))[:3] == [
        "1 pool added, 1 node joins a pool",
        f"2 pools stay on {VERSION}, nothing reloads",
        f"1 pool stays on {NEXT}, nothing reloads",
    ]


def without_diffs(text: str) -> str:
    found = json.loads(text)
    for changed in found["objects"]:
        assert changed.pop("diff").startswith("--- ")
    return json.dumps(found, indent=2) + "\n"


SHORTENED: dict[str, Callable[[str], str]] = {
    "text": lambda text: text.partition("\n--- ")[0],
    "markdown": lambda text: text.partition("\n<details>")[0],
    "json": without_diffs,
}


@pytest.mark.parametrize("form", list(SHORTENED))
def test_stat_leaves_the_manifests_out(form: str, tmp_path: Path) -> None:
    cluster = prepare(tmp_path, THIS_VERSION, next_version(OLD, NEW))
    whole = run_here("diff", "main", "-o", form, cwd=cluster)

    assert diff(cluster, "main", "-o", form).stdout.decode() == SHORTENED[form](whole.stdout.decode())


@pytest.mark.parametrize("limit", [1000, 1500, 2000])
def test_markdown_keeps_its_limit_with_nodes_that_compile(limit: int, tmp_path: Path) -> None:
    names = [f"{'n' * 50}{number:02}" for number in range(60)]
    before, after = side(hosts(*names)), side(hosts(*names), [policy(version=NEXT)], [tag(version=NEXT)])

    shown = diff(prepare(tmp_path, before, after), "main", "-o", "markdown", "--max-bytes", str(limit)).stdout

    assert len(shown) <= limit
    assert b"\n*Not shown, to fit " in shown
    assert b"1 pool that compiles, " in shown
