import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fakes.cluster import DIGEST
from fakes.nodes import node_document
from fakes.resolver import FakeResolver
from gitops_doca.core.compare.lock import ImageLock, LockedImage, LockedMiss, LockedPool, LockEntry
from gitops_doca.core.compare.locked_tags import LockedTags
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Place, Problems
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.decide import CompileOnNode, Decision, NoImage, UseDigest, UsePrecompiled
from gitops_doca.core.resolve.lookup import Cause, Resolver, TagExists, TagList, TagMissing, TagUnknown
from gitops_doca.sources.config import Settings, UpdateStrategy
from gitops_doca.usecases.generate import Generation, generate
from gitops_doca.usecases.load import MAX_POOLS
from gitops_doca.usecases.look_up import RegistryTags

VERSION = "25.04-0.6.1.0-2"
REPOSITORY = parse_repository("nvcr.io/nvidia/mellanox/doca-driver")
OUTAGE = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")
HIDDEN = TagUnknown(Cause.REPOSITORY, "not visible", repository_hidden=True)
PREFIX = "feature.node.kubernetes.io"


def _tag(kernel: str, os: str = "ubuntu22.04") -> str:
    return f"{VERSION}-{kernel}-{os}-amd64"


COMPILED, COMPILED_24 = f"{VERSION}-ubuntu22.04-amd64", f"{VERSION}-ubuntu24.04-amd64"


def _policy(name: str = "nic-cluster-policy", **driver: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "ofedDriver": {
            "repository": "nvcr.io/nvidia/mellanox",
            "image": "doca-driver",
            "version": VERSION,
            **driver,
        }
    }
    kind = "NicClusterPolicy"
    if name != "nic-cluster-policy":
        kind, spec["nodeSelector"] = "NicNodePolicy", {"pool": name}
    return {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def _node(name: str, kernel: str = "1-a", os: str = "ubuntu 22.04", **labels: str) -> dict[str, Any]:
    return node_document(name, kernel=kernel, os=os, labels=labels)


def _unasked() -> Resolver:
    pytest.fail("nobody may be asked")


class Run:
    """Runs the pipeline over files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.problems = Problems()

    def __call__(
        self, policies: Sequence[Any], objects: Sequence[Any], resolver: Any, **settings: Any
    ) -> Generation:
        for name, documents in (("policy", policies), ("nodes", objects)):
            text = "".join(f"---\n{json.dumps(document)}\n" for document in documents)
            (self._folder / f"{name}.yaml").write_text(text)
        given: dict[str, Any] = {
            "policies": (str(self._folder / "policy.yaml"),),
            "inventory": (str(self._folder / "nodes.yaml"),),
            **settings,
        }
        origins = dict.fromkeys(given, "test")
        source = resolver if isinstance(resolver, LockedTags) else RegistryTags(resolver)
        return generate(Settings(**given, origins=origins), source, self.problems)

    @property
    def told(self) -> list[tuple[Category | None, str]]:
        return [(problem.category, problem.message) for problem in self.problems]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def _kinds(decisions: Sequence[Decision]) -> list[str]:
    return [type(decision).__name__ for decision in decisions]


def test_a_hit_costs_one_look_up_and_no_list(run: Run) -> None:
    resolver = FakeResolver({_tag("1-a")})
    generation = run([_policy()], [_node("a"), _node("b")], resolver)

    assert (resolver.asked, resolver.listed) == ([(_tag("1-a"),)], [])
    assert _kinds(generation.decisions) == ["UsePrecompiled"]
    assert [resource["kind"] for resource in generation.resources] == ["ServiceAccount", "DaemonSet"]
    assert run.told == []


def test_every_tag_is_asked_once_and_the_image_that_compiles_for_unforced_misses_only(run: Run) -> None:
    resolver = FakeResolver({_tag("1-a"), COMPILED})
    policies = [_policy("free"), _policy("forced", forcePrecompiled=True)]
    nodes = [
        _node("a", "1-a", pool="free"),
        _node("b", "2-a", pool="free"),
        _node("c", "3-a", pool="free"),
        _node("d", "1-a", pool="forced"),
        _node("e", "9-a", "ubuntu 24.04", pool="forced"),
    ]
    generation = run(policies, nodes, resolver)

    assert resolver.asked == [
        (_tag("1-a"), _tag("2-a"), _tag("3-a"), _tag("9-a", "ubuntu24.04")),
        (COMPILED,),
    ]
    assert resolver.listed == [(REPOSITORY,)]
    assert _kinds(generation.decisions) == [
        "UsePrecompiled",
        "NoImage",
        "UsePrecompiled",
        "CompileOnNode",
        "CompileOnNode",
    ]
    assert generation.resources == ()


def test_nothing_is_rendered_when_one_pool_has_no_image_and_all_such_pools_are_told(run: Run) -> None:
    resolver = FakeResolver({_tag("1-a")}, faults={_tag("3-a"): OUTAGE})
    nodes = [_node(name, f"{name}-a") for name in ("1", "2", "3", "4")]
    generation = run([_policy(forcePrecompiled=True)], nodes, resolver)

    assert generation.resources == ()
    assert _kinds(generation.decisions) == ["UsePrecompiled", "NoImage", "NoImage", "NoImage"]
    message = "ForcePrecompiled is enabled and precompiled tag was not found: {} in {}"
    assert run.told == [
        (Category.MISSING, message.format(_tag("2-a"), REPOSITORY)),
        (Category.MISSING, message.format(_tag("4-a"), REPOSITORY)),
        (
            Category.UNKNOWN,
            (f"cannot tell whether {_tag('3-a')} exists in {REPOSITORY}: 503 Service Unavailable"),
        ),
    ]


def test_a_tag_that_is_listed_but_said_to_be_missing_is_unknown(run: Run) -> None:
    resolver = FakeResolver({COMPILED}, lists=TagList(frozenset({_tag("1-a")})))
    generation = run([_policy()], [_node("a")], resolver)

    assert _kinds(generation.decisions) == ["NoImage"]
    assert [category for category, _ in run.told] == [Category.UNKNOWN]


def test_a_listed_image_that_compiles_but_is_said_to_be_missing_is_unknown(run: Run) -> None:
    run([_policy()], [_node("a")], FakeResolver(lists=TagList(frozenset({COMPILED}))))

    assert [category for category, _ in run.told] == [Category.UNKNOWN]


def test_a_repository_that_the_registry_does_not_know_is_unknown(run: Run) -> None:
    resolver = FakeResolver(lists=TagList(repository_unknown=True))
    run([_policy(forcePrecompiled=True)], [_node("a")], resolver)

    assert [category for category, _ in run.told] == [Category.UNKNOWN]


def test_a_tag_of_a_hidden_repository_that_shows_another_is_listed_like_any_miss(run: Run) -> None:
    tags = {_tag("1-a"), _tag("3-a")}
    resolver = FakeResolver(tags, faults={_tag("2-a"): HIDDEN})
    run([_policy(forcePrecompiled=True)], [_node("a", "1-a"), _node("b", "2-a")], resolver)

    assert resolver.listed == [(REPOSITORY,)]
    (problem,) = run.problems
    assert problem.category is Category.MISSING
    assert problem.details[-1].startswith("published near it: ")


def test_what_the_second_round_shows_turns_no_unknown_of_the_first_into_a_miss(run: Run) -> None:
    resolver = FakeResolver({COMPILED}, faults={_tag("2-a", "ubuntu24.04"): HIDDEN})
    nodes = [_node("a", "1-a"), _node("b", "2-a", "ubuntu 24.04")]
    generation = run([_policy()], nodes, resolver)

    assert resolver.asked == [(_tag("1-a"), _tag("2-a", "ubuntu24.04")), (COMPILED,)]
    assert _kinds(generation.decisions) == ["CompileOnNode", "NoImage"]
    assert [category for category, _ in run.told] == [Category.UNKNOWN]


def test_a_digest_needs_nobody_and_gives_a_warning(run: Run) -> None:
    generation = run([_policy(version=DIGEST)], [_node("a")], _unasked)

    assert [type(decision) for decision in generation.decisions] == [UseDigest]
    assert run.told == [
        (
            None,
            "version is a digest, so one image goes to every pool of NicClusterPolicy nic-cluster-policy (1)",
        )
    ]


@pytest.mark.parametrize("strict", [False, True])
def test_a_digest_for_several_pools_is_an_error_only_under_strict(run: Run, *, strict: bool) -> None:
    nodes = [_node("a", "1-a"), _node("b", "2-a")]
    message = (
        "version is a digest, so one image goes to every pool of NicClusterPolicy nic-cluster-policy (2)"
    )
    if strict:
        with pytest.raises(GenerationError):
            run([_policy(version=DIGEST)], nodes, _unasked, strict=True)
    else:
        assert len(run([_policy(version=DIGEST)], nodes, _unasked).resources) == 3

    assert run.told == [(Category.INPUT if strict else None, message)]


def test_a_digest_for_one_pool_stays_a_warning_under_strict(run: Run) -> None:
    run([_policy(version=DIGEST)], [_node("a")], _unasked, strict=True)

    assert [category for category, _ in run.told] == [None]


def _refused(
    run: Run, policies: Sequence[Any], objects: Sequence[Any], **settings: Any
) -> tuple[Diagnostic, ...]:
    with pytest.raises(GenerationError) as refused:
        run(policies, objects, _unasked, **settings)
    return refused.value.diagnostics


def test_problems_of_all_inputs_end_the_run_together_before_anyone_is_asked(run: Run) -> None:
    found = _refused(run, [_policy(image="A")], [_node("a", "5+"), _node("b", "5/"), {"kind": "Node"}])

    assert {problem.place.file.rpartition("/")[2] for problem in found} == {"policy.yaml", "nodes.yaml"}
    assert {problem.category for problem in found} == {Category.INPUT}


def test_a_kernel_that_fits_no_tag_ends_the_run_before_anyone_is_asked(run: Run) -> None:
    (problem,) = _refused(run, [_policy()], [_node("a", "5.4.51-v8+"), _node("b")])

    assert problem.message.startswith("node a: '5.4.51-v8+' cannot be the value of a label")


def test_a_config_map_that_is_not_there_ends_the_run_before_anyone_is_asked(run: Run) -> None:
    (problem,) = _refused(run, [_policy(certConfig={"name": "certs"})], [_node("a")])

    assert problem.message == (
        "certConfig names ConfigMap 'certs', which the inventory does not have in namespace "
        "nvidia-network-operator"
    )


def test_overlapping_node_policies_end_the_run_before_anyone_is_asked(run: Run) -> None:
    second = _policy("b")
    second["spec"]["nodeSelector"] = {}
    (problem,) = _refused(run, [_policy("a"), second], [_node("n", pool="a")])

    assert problem.message == "the NicNodePolicies a and b select the same node n"


def test_a_left_out_node_is_a_warning_and_under_strict_an_error(run: Run) -> None:
    nodes = [_node("a"), _node("b", **{f"{PREFIX}/kernel-version.full": ""})]
    run([_policy()], nodes, FakeResolver({_tag("1-a")}))

    assert [category for category, _ in run.told] == [None]
    assert [problem.category for problem in _refused(run, [_policy()], nodes, strict=True)] == [
        Category.INPUT,
        None,
    ]


def test_as_many_pools_as_a_run_may_render_are_looked_up(run: Run) -> None:
    nodes = [_node(f"n{number}", f"{number}-a") for number in range(MAX_POOLS)]
    resolver = FakeResolver({_tag(f"{number}-a") for number in range(MAX_POOLS)})
    generation = run([_policy()], nodes, resolver)

    assert len(generation.decisions) == len(resolver.asked[0]) == 500
    assert run.told == []


def test_more_pools_than_a_run_may_render_are_refused_before_anyone_is_asked(run: Run) -> None:
    nodes = [_node(f"n{number}", f"{number}-a") for number in range(MAX_POOLS + 1)]

    assert [problem.message for problem in _refused(run, [_policy()], nodes)] == [
        "501 pools are in the inventory, and a run renders at most 500"
    ]


@pytest.mark.parametrize(
    ("policies", "objects", "why"),
    [
        (
            [
                {
                    "apiVersion": "mellanox.com/v1alpha1",
                    "kind": "NicNodePolicy",
                    "metadata": {"name": "x"},
                    "spec": {},
                }
            ],
            [_node("a")],
            "no policy has ofedDriver",
        ),
        ([_policy()], [{"apiVersion": "v1", "kind": "List", "items": []}], "the inventory has no node"),
        (
            [_policy()],
            [_node("a", **{f"{PREFIX}/pci-15b3.present": "false"})],
            f"none of the nodes (1) has the label {PREFIX}/pci-15b3.present=true",
        ),
        (
            [_policy("other")],
            [_node("a"), _node("b"), _node("c", **{f"{PREFIX}/pci-15b3.present": "no"})],
            "of 3 nodes 2 have a NIC, and none of them is in a pool",
        ),
    ],
)
def test_nothing_to_render_is_an_error_that_says_why_unless_it_is_allowed(
    run: Run, policies: Sequence[Any], objects: Sequence[Any], why: str
) -> None:
    allowed = run(policies, objects, _unasked, allow_empty=True)
    assert (allowed.decisions, allowed.resources, run.told) == ((), (), [])

    found = _refused(run, policies, objects)
    assert [(problem.category, problem.message) for problem in found] == [
        (Category.EMPTY, f"nothing to render: {why}")
    ]


def test_nothing_to_render_names_the_nodes_that_were_left_out(run: Run) -> None:
    tainted = _node("a")
    tainted["spec"] = {"taints": [{"key": "x", "effect": "NoSchedule"}]}
    (problem,) = _refused(run, [_policy()], [tainted])

    assert problem.details == ("node a: taint x:NoSchedule",)


IMAGE_STREAM = {
    "apiVersion": "image.openshift.io/v1",
    "kind": "ImageStream",
    "metadata": {"name": "other", "namespace": "openshift"},
}


@pytest.mark.parametrize(
    ("setting", "objects", "openshift"),
    [
        ("auto", [_node("a")], False),
        ("auto", [_node("a"), _node("b", "2-a", "rhcos 4.16")], True),
        ("auto", [_node("a"), _node("b", **{"node.openshift.io/os_id": "rhel"})], True),
        ("auto", [_node("a"), IMAGE_STREAM], True),
        (True, [_node("a")], True),
        (False, [_node("a"), IMAGE_STREAM, _node("b", "2-a", "rhcos 4.16")], False),
    ],
)
def test_openshift_is_what_the_setting_says_or_what_the_inventory_shows(
    run: Run, objects: Sequence[Any], *, setting: str | bool, openshift: bool
) -> None:
    resolver = FakeResolver({_tag("1-a"), _tag("2-a", "rhcos4.16")})
    generation = run([_policy()], objects, resolver, openshift=setting)

    assert generation.inputs.options.openshift is openshift
    assert ("Role" in {resource["kind"] for resource in generation.resources}) is openshift


def test_settings_reach_the_resources(run: Run) -> None:
    generation = run(
        [_policy()],
        [_node("a")],
        FakeResolver({_tag("1-a")}),
        namespace="drivers",
        init_container_image="r.io/init:1",
        update_strategy=UpdateStrategy(type="RollingUpdate", max_unavailable="10%"),
        annotations={"argocd.argoproj.io/sync-options": "Prune=confirm"},
    )
    *_, daemon_set = generation.resources

    assert [resource["kind"] for resource in generation.resources] == [
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "DaemonSet",
    ]
    assert daemon_set["metadata"]["namespace"] == "drivers"
    assert daemon_set["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=confirm"
    assert daemon_set["spec"]["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": "10%"}
    assert daemon_set["spec"]["template"]["spec"]["initContainers"][0]["image"] == "r.io/init:1"


def test_operator_names_reach_the_pools(run: Run) -> None:
    node = _node("a", **{"kubernetes.io/arch": "arm64"})
    tag = f"{VERSION}-1-a-ubuntu22.04-arm64"
    generation = run([_policy()], [node], FakeResolver({tag}), operator_names=True)

    assert [pool.daemon_set for pool in generation.inputs.grouping.pools] == [
        generation.resources[-1]["metadata"]["name"]
    ]
    assert not generation.resources[-1]["metadata"]["name"].endswith("-arm64-ds")


def test_cluster_data_that_only_some_pool_that_compiles_lacks_is_told_after_the_look_ups(run: Run) -> None:
    resolver = FakeResolver({f"{VERSION}-rhcos4.16-amd64"})
    run([_policy()], [_node("a", os="rhcos 4.16")], resolver)

    (problem,) = run.problems
    assert problem.category is Category.INPUT
    assert "driver toolkit" in problem.message


def test_decisions_come_in_the_order_of_the_pools(run: Run) -> None:
    resolver = FakeResolver({_tag("1-a"), COMPILED})
    generation = run([_policy()], [_node("b", "2-a"), _node("a", "1-a")], resolver)
    first, second = generation.decisions

    assert generation.inputs.grouping.pools == (first.pool, second.pool)
    assert first == UsePrecompiled(pool=first.pool, image=REPOSITORY.tag(_tag("1-a")), digest=DIGEST)
    assert second == CompileOnNode(pool=second.pool, image=REPOSITORY.tag(COMPILED), digest=DIGEST)


def test_an_image_that_compiles_and_cannot_be_told_is_withheld(run: Run) -> None:
    generation = run([_policy()], [_node("a")], FakeResolver(faults={COMPILED: OUTAGE}))

    (decision,) = generation.decisions
    assert decision == NoImage(pool=decision.pool, image=REPOSITORY.tag(COMPILED), lookup=OUTAGE)


def test_the_fake_answers_like_a_registry() -> None:
    fake = FakeResolver({"a"}, faults={"c": OUTAGE})
    images = [REPOSITORY.tag(tag) for tag in "abc"]

    assert list(fake.resolve(images).values()) == [TagExists(DIGEST), TagMissing(), OUTAGE]
    assert fake.list_tags([REPOSITORY]) == {REPOSITORY: TagList(frozenset({"a"}), complete=True)}


def _locked(*entries: tuple[str, LockEntry], pools: Sequence[str] = ("ubuntu22.04/1-a/amd64",)) -> LockedTags:
    return LockedTags(
        lock=ImageLock(
            pools=tuple(LockedPool("NicClusterPolicy/nic-cluster-policy", pool) for pool in pools),
            entries={REPOSITORY.tag(tag): entry for tag, entry in entries},
        ),
        place=Place("x.lock.yaml"),
        fix_command="gitops-doca lock x",
    )


def test_a_lock_answers_without_asking_anybody(run: Run) -> None:
    answers = _locked((_tag("1-a"), LockedImage(DIGEST, "linux/amd64")))

    generation = run([_policy()], [_node("a")], answers)

    assert (_kinds(generation.decisions), run.told) == (["UsePrecompiled"], [])


def test_a_lock_that_lacks_the_compile_image_of_its_miss_is_stale(run: Run) -> None:
    with pytest.raises(GenerationError) as raised:
        run([_policy()], [_node("a")], _locked((_tag("1-a"), LockedMiss())))

    assert [(d.category, d.message, d.help) for d in raised.value.diagnostics] == [
        (Category.LOCK, f"tag {COMPILED} of {REPOSITORY} is not locked", "run: gitops-doca lock x")
    ]


def test_pools_and_lock_must_agree_both_ways(run: Run) -> None:
    answers = _locked((_tag("1-a"), LockedImage(DIGEST, "")), pools=["ubuntu22.04/2-a/amd64"])

    with pytest.raises(GenerationError) as raised:
        run([_policy()], [_node("a")], answers)

    policy = "NicClusterPolicy/nic-cluster-policy"
    (stale,) = raised.value.diagnostics
    assert stale == Diagnostic(
        category=Category.LOCK,
        message="the lock is out of date: 1 pool has no node any more, 1 pool is new",
        place=Place("x.lock.yaml"),
        details=(
            f"pool ubuntu22.04/2-a/amd64 of {policy} is locked, but no node is in it any more",
            f"pool ubuntu22.04/1-a/amd64 of {policy} is not locked",
        ),
        help="check that this pool is meant to be removed, then run: gitops-doca lock x",
    )


def test_inputs_that_are_wrong_come_before_a_lock_that_does_not_fit(run: Run) -> None:
    with pytest.raises(GenerationError) as raised:
        run([_policy(version="a b")], [_node("a")], _locked())

    assert {d.category for d in raised.value.diagnostics} == {Category.INPUT}


def test_a_snapshot_older_than_the_policy_is_an_error_and_not_a_pool_less(run: Run) -> None:
    labels = {key: value for key, value in _node("a")["metadata"]["labels"].items() if "pci" not in key}
    snapshot = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "NodeInventory",
        "groups": [{"labels": labels, "nodes": ["a"]}],
    }

    with pytest.raises(GenerationError):
        run([_policy("blue")], [snapshot], _unasked, allow_empty=True)

    assert run.told == [
        (
            Category.INPUT,
            (
                "the compact inventory does not hold the label 'pool', by which NicNodePolicy blue "
                "selects nodes"
            ),
        )
    ]
