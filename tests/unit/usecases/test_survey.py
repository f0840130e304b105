from fakes.cluster import DIGEST, VERSION, grouped, make_node, make_policy, make_pools
from fakes.resolver import FakeResolver
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import parse_repository
from gitops_doca.usecases.look_up import MAX_LOOKUPS
from gitops_doca.usecases.survey import survey

NEWER = "doca3.1.0-25.07-0.9.7.0-0"


def pools(count: int, *, forced: bool) -> tuple[Pool, ...]:
    nodes = [make_node(f"n{number}", kernel=f"6.8.0-{number}-generic") for number in range(count)]
    return make_pools(make_policy(force_precompiled=forced), *nodes)


def tags(members: tuple[Pool, ...], *versions: str) -> set[str]:
    return {f"{version}-{pool.platform.kernel}-ubuntu22.04-amd64" for pool in members for version in versions}


def test_pools_that_compile_cost_a_round_for_their_version_and_one_image_that_compiles() -> None:
    members = pools(3, forced=False)
    resolver = FakeResolver({f"{VERSION}-ubuntu22.04-amd64", f"{NEWER}-ubuntu22.04-amd64"})

    found = survey(members, resolver, Problems())

    assert found.newest.version == NEWER
    assert [sorted(round_) for round_ in resolver.asked] == [
        sorted(tags(members, VERSION)),
        [f"{VERSION}-ubuntu22.04-amd64"],
        [f"{NEWER}-ubuntu22.04-amd64"],
    ]


def test_a_policy_with_a_digest_blocks_no_version() -> None:
    policies = [
        make_policy("own", selector={"role": "a"}),
        make_policy(
            "pinned", selector={"role": "b"}, digest=DIGEST, repository=parse_repository("example.com/other")
        ),
    ]
    nodes = [
        make_node("a", kernel="6.8.0-1-generic", labels={"role": "a"}),
        make_node("b", kernel="6.8.0-2-generic", labels={"role": "b"}),
    ]
    members = grouped(policies, nodes).pools
    resolver = FakeResolver(tags(members[:1], VERSION, NEWER))

    found = survey(members, resolver, Problems())

    assert (found.newest.version, [policy.name for policy in found.passed_over]) == (NEWER, ["pinned"])
    assert [[one.registry for one in round_] for round_ in resolver.listed] == [["nvcr.io"]]


def test_in_a_large_fleet_there_is_room_to_confirm_a_version() -> None:
    members = pools(MAX_LOOKUPS * 3 // 5, forced=True)
    resolver = FakeResolver(tags(members, VERSION, NEWER))
    problems = Problems()

    found = survey(members, resolver, problems)

    assert (found.newest.version, list(problems)) == (NEWER, [])
    assert [len(round_) for round_ in resolver.asked] == [len(members)]
