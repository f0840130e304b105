import time
from collections.abc import Callable, Mapping

import pytest

from fakes.cluster import DIGEST, REPOSITORY, VERSION, grouped, make_node, make_policy, make_pools
from gitops_doca.core.matrix.catalogue import build_catalogues
from gitops_doca.core.matrix.rows import Availability
from gitops_doca.core.matrix.survey import (
    LatestVersion,
    VersionColumn,
    VersionMatrix,
    blocking_rows,
    build_matrices,
    build_survey,
    newest_first,
    unconfirmed,
)
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import ImageReference, parse_repository
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagList, TagLookup, TagMissing, TagUnknown
from gitops_doca.core.tags import parse_tag
from support.published import VERSIONS, published_tags

NEWER, NEWEST = "doca3.1.0-25.07-0.9.7.0-0", "doca3.3.0-26.01-1.0.0.0-0"
A, B = make_node("a"), make_node("b", kernel="6.8.0-71-generic", os="ubuntu 24.04", arch="arm64")
FORCED = make_policy(force_precompiled=True)
POOLS = make_pools(FORCED, A, B)
SUFFIX_A, SUFFIX_B = "5.15.0-91-generic-ubuntu22.04-amd64", "6.8.0-71-generic-ubuntu24.04-arm64"
EXISTS = TagExists(DIGEST)
YES, COMPILES, NO, UNKNOWN = (
    Availability.PRECOMPILED,
    Availability.COMPILED,
    Availability.MISSING,
    Availability.UNKNOWN,
)


def both(*versions: str) -> frozenset[str]:
    return frozenset(f"{version}-{suffix}" for version in versions for suffix in (SUFFIX_A, SUFFIX_B))


def answers(*tags: str, lookup: TagLookup = EXISTS) -> dict[ImageReference, TagLookup]:
    return {REPOSITORY.tag(tag): lookup for tag in tags}


def table(
    tags: frozenset[str],
    *,
    complete: bool = True,
    lookups: Mapping[ImageReference, TagLookup] | None = None,
    pools: tuple[Pool, ...] = POOLS,
) -> VersionMatrix:
    (found,) = build_matrices(
        build_catalogues(pools, {REPOSITORY: TagList(tags, complete=complete)}), lookups or {}
    )
    return found


def cells(found: VersionMatrix) -> dict[str, tuple[Availability, ...]]:
    return {column.version: column.availability for column in columns(found)}


def columns(found: VersionMatrix) -> tuple[VersionColumn, ...]:
    return tuple(map(found.column, found.versions))


def test_each_pool_has_an_answer_for_each_version_newest_first() -> None:
    found = table(both(VERSION, NEWEST) | {f"{NEWER}-{SUFFIX_A}"})

    assert [row.platform for row in found.rows] == [pool.platform for pool in POOLS]
    assert list(cells(found).items()) == [(NEWEST, (YES, YES)), (NEWER, (YES, NO)), (VERSION, (YES, YES))]
    assert [column.current for column in columns(found)] == [False, False, True]
    assert [column.complete for column in columns(found)] == [True, False, True]


def test_the_version_that_a_policy_names_is_a_column_without_a_single_tag() -> None:
    assert cells(table(frozenset())) == {VERSION: (NO, NO)}


def test_a_version_that_has_images_for_other_kernels_only_is_a_column() -> None:
    assert cells(table(frozenset({f"{NEWER}-6.8.0-1-aws-ubuntu22.04-amd64"})))[NEWER] == (NO, NO)


def test_tags_of_another_shape_make_no_column() -> None:
    tags = frozenset({"latest", SUFFIX_A, f"-{SUFFIX_A}", f"{NEWER}-ubuntu22.04", f"{NEWER}-rhel9.4-amd64"})

    assert list(cells(table(tags))) == [VERSION]


def test_a_build_of_ones_own_is_a_version_up_to_the_pools_suffix() -> None:
    assert cells(table(frozenset({f"inhouse-build7-{SUFFIX_A}"})))["inhouse-build7"] == (YES, NO)


def test_what_an_incomplete_list_does_not_name_is_unknown_and_never_missing() -> None:
    found = table(frozenset({f"{NEWER}-{SUFFIX_A}"}), complete=False)

    assert cells(found) == {NEWER: (YES, UNKNOWN), VERSION: (UNKNOWN, UNKNOWN)}
    assert found.usable
    assert not table(frozenset(), complete=False).usable
    assert table(frozenset()).usable


def test_an_image_that_compiles_is_told_apart_where_the_policy_allows_it() -> None:
    tags = frozenset({f"{NEWER}-{SUFFIX_A}", f"{NEWER}-ubuntu24.04-arm64"})

    assert cells(table(tags))[NEWER] == (YES, NO)
    assert cells(table(tags, pools=make_pools(make_policy(), A, B)))[NEWER] == (YES, COMPILES)


def test_a_version_without_a_precompiled_image_is_a_column_where_compiling_is_allowed() -> None:
    tags = frozenset({f"{NEWER}-ubuntu24.04-arm64"})

    assert NEWER not in cells(table(tags))
    assert cells(table(tags, pools=make_pools(make_policy(), A, B)))[NEWER] == (NO, COMPILES)


def test_a_manifest_has_the_last_word() -> None:
    lookups = {
        **answers(f"{VERSION}-{SUFFIX_A}"),
        **answers(f"{VERSION}-{SUFFIX_B}", lookup=TagUnknown(Cause.AUTH, "401 Unauthorized")),
        **answers(f"{NEWER}-{SUFFIX_A}", lookup=TagMissing()),
    }

    assert cells(table(both(NEWEST), lookups=lookups))[VERSION] == (YES, UNKNOWN)
    assert cells(table(both(NEWEST, NEWER), complete=False, lookups=lookups))[NEWER] == (NO, YES)


def test_the_newest_complete_version_is_named_once_all_its_manifests_were_seen() -> None:
    tags = both(VERSION, NEWER) | {f"{NEWEST}-{SUFFIX_A}"}
    wanted = unconfirmed(build_catalogues(POOLS, {REPOSITORY: TagList(tags, complete=True)}), {})

    assert [image.tag for image in wanted] == sorted(both(NEWER))
    (doubtful,) = table(tags).latest
    assert (doubtful.version, doubtful.doubtful) == ("", NEWER)
    assert doubtful.reason == "its manifests were not looked up"
    (newest,) = table(tags, lookups=answers(*both(NEWER))).latest
    assert (newest.policy, newest.version, newest.doubtful) == (None, NEWER, "")
    assert not unconfirmed(
        build_catalogues(POOLS, {REPOSITORY: TagList(tags, complete=True)}), answers(*both(NEWER))
    )


def test_a_listed_version_whose_manifest_is_not_there_makes_room_for_the_next() -> None:
    tags = both(VERSION, NEWER)
    contradiction = TagUnknown(Cause.INCONSISTENT, "listed, and not there")
    lookups = answers(f"{NEWER}-{SUFFIX_A}") | answers(f"{NEWER}-{SUFFIX_B}", lookup=contradiction)
    lists = {REPOSITORY: TagList(tags, complete=True)}

    assert [image.tag for image in unconfirmed(build_catalogues(POOLS, lists), lookups)] == sorted(
        both(VERSION)
    )
    (newest,) = table(tags, lookups=lookups | answers(*both(VERSION))).latest
    assert newest.version == VERSION


def test_an_outage_makes_no_older_version_the_newest() -> None:
    tags = both(VERSION, NEWER)
    lookups = answers(*both(VERSION), f"{NEWER}-{SUFFIX_A}")
    lookups |= answers(f"{NEWER}-{SUFFIX_B}", lookup=TagUnknown(Cause.TRANSIENT, "503 Service Unavailable"))

    (newest,) = table(tags, lookups=lookups).latest

    assert (newest.version, newest.doubtful, newest.reason) == ("", NEWER, "503 Service Unavailable")
    assert not unconfirmed(build_catalogues(POOLS, {REPOSITORY: TagList(tags, complete=True)}), lookups)


def test_a_version_that_only_compiles_for_a_pool_is_not_complete() -> None:
    pools = make_pools(make_policy(), A, B)
    found = table(frozenset({f"{NEWER}-{SUFFIX_A}", f"{NEWER}-ubuntu24.04-arm64"}), pools=pools)

    assert [latest.version for latest in found.latest] == [""]
    assert not columns(found)[0].complete


RHEL = make_node("r", kernel="5.14.0-570.12.1.el9_6.x86_64", os="rhel 9.6")
RHEL_KERNEL = "5.14.0-570.12.1.el9_6.x86_64-rhel9.6-amd64"


def compiled(*versions: str) -> frozenset[str]:
    return frozenset(f"{version}-rhel9.6-amd64" for version in versions)


def test_a_pool_that_compiles_today_is_served_by_an_image_that_compiles() -> None:
    pools = make_pools(make_policy(), A, RHEL)
    tags = frozenset({f"{VERSION}-{SUFFIX_A}", f"{NEWER}-{SUFFIX_A}"}) | compiled(VERSION, NEWER)
    wanted = unconfirmed(build_catalogues(pools, {REPOSITORY: TagList(tags, complete=True)}), {})
    found = table(tags, pools=pools, lookups=answers(f"{NEWER}-{SUFFIX_A}", f"{NEWER}-rhel9.6-amd64"))

    assert [row.compiles for row in found.rows] == [True, False]
    assert [image.tag for image in wanted] == [f"{NEWER}-{SUFFIX_A}", f"{NEWER}-rhel9.6-amd64"]
    assert [(column.availability, column.served) for column in columns(found)] == [
        ((COMPILES, YES), (True, True)),
        ((COMPILES, YES), (True, True)),
    ]
    assert found.latest[0].version == NEWER


def test_a_pool_that_runs_a_precompiled_image_is_not_served_by_one_that_compiles() -> None:
    pools = make_pools(make_policy(), RHEL)
    found = table(frozenset({f"{VERSION}-{RHEL_KERNEL}"}) | compiled(VERSION, NEWER), pools=pools)

    assert [(column.availability, column.served) for column in columns(found)] == [
        ((COMPILES,), (False,)),
        ((YES,), (True,)),
    ]


def test_a_pool_on_a_fallback_does_not_compile_today() -> None:
    pools = make_pools(make_policy(fallbacks=(NEWEST,)), RHEL)
    found = table(frozenset({f"{NEWEST}-{RHEL_KERNEL}"}) | compiled(VERSION, NEWER), pools=pools)

    assert [row.compiles for row in found.rows] == [False]


def test_manifests_say_what_compiles_today_before_the_list_does() -> None:
    pools = make_pools(make_policy(), RHEL)
    listed = {REPOSITORY: TagList(compiled(VERSION, NEWER), complete=True)}
    unlisted = answers(f"{VERSION}-{RHEL_KERNEL}")
    broken = answers(f"{VERSION}-{RHEL_KERNEL}", lookup=TagUnknown(Cause.TRANSIENT, "503"))

    def compiles(lookups: Mapping[ImageReference, TagLookup]) -> list[bool | None]:
        return [row.compiles for row in build_catalogues(pools, listed, lookups)[0].rows]

    assert (compiles({}), compiles(unlisted), compiles(broken)) == ([True], [False], [None])


def test_while_it_is_unknown_whether_a_pool_compiles_no_version_is_named() -> None:
    pools = make_pools(make_policy(), RHEL)
    lookups = answers(f"{VERSION}-{RHEL_KERNEL}", lookup=TagUnknown(Cause.TRANSIENT, "503"))
    catalogues = build_catalogues(
        pools, {REPOSITORY: TagList(compiled(VERSION, NEWER), complete=True)}, lookups
    )
    (found,) = build_matrices(catalogues, lookups)

    (newest,) = found.latest
    assert (newest.version, newest.doubtful, newest.reason) == (
        "",
        NEWER,
        "it is unknown whether rhel9.6/5.14.0-570.12.1.el9_6.x86_64/amd64 compiles its driver today",
    )


def test_an_image_that_compiles_is_unknown_where_the_list_broke_off() -> None:
    pools = make_pools(make_policy(), RHEL)
    lookups = answers(f"{VERSION}-{RHEL_KERNEL}", lookup=TagMissing())

    assert cells(table(frozenset(), complete=False, pools=pools, lookups=lookups)) == {VERSION: (UNKNOWN,)}


def test_a_policy_that_compiles_beside_one_that_does_not_has_its_own_newest_version() -> None:
    first = make_policy("a", selector={"n": "a"}, version=NEWER)
    second = make_policy("b", selector={"n": "b"})
    nodes = [
        make_node(name, kernel="5.14.0-570.12.1.el9_6.x86_64", os="rhel 9.6", labels={"n": name})
        for name in "ab"
    ]
    tags = compiled(VERSION, NEWER, NEWEST) | {f"{VERSION}-{RHEL_KERNEL}"}
    found = table(tags, pools=grouped([first, second], nodes).pools, lookups=answers(*tags))

    assert [(one.policy and one.policy.name, one.version) for one in found.latest] == [
        (None, VERSION),
        ("a", NEWEST),
        ("b", VERSION),
    ]


def test_the_nearest_kernel_is_of_the_same_flavour_system_and_architecture() -> None:
    kernels = ["5.15.0-70-generic", "5.15.0-100-generic", "5.15.0-91-nvidia", "6.8.0-91-generic"]
    tags = frozenset(
        {
            *(f"{NEWER}-{kernel}-ubuntu22.04-amd64" for kernel in kernels),
            f"{NEWER}-5.15.0-90-generic-ubuntu22.04-arm64",
            f"{NEWER}-5.15.0-90-generic-ubuntu24.04-amd64",
            f"{VERSION}-5.15.0-90-generic-ubuntu22.04-amd64",
            f"{VERSION}-5.15.0-92-generic-ubuntu22.04-amd64",
            f"{NEWEST}-{SUFFIX_A}",
        }
    )
    found = table(tags, pools=make_pools(FORCED, A))

    assert {column.version: column.nearest for column in columns(found)} == {
        NEWEST: ("",),
        NEWER: ("5.15.0-100-generic",),
        VERSION: ("5.15.0-92-generic",),
    }


def test_the_kernel_of_another_pool_is_a_nearest_kernel_too() -> None:
    other = make_node("c", kernel="5.15.0-95-generic")
    found = table(frozenset({f"{NEWER}-{SUFFIX_A}"}), pools=make_pools(FORCED, A, other))

    assert found.column(NEWER).nearest == ("", "5.15.0-91-generic")


def test_the_newest_version_of_all_repositories_is_confirmed_in_each() -> None:
    mirror = parse_repository("registry.example/doca-driver")
    policies = [
        make_policy("a", selector={"n": "a"}, force_precompiled=True),
        make_policy("b", selector={"n": "b"}, force_precompiled=True, repository=mirror),
    ]
    pools = grouped(policies, [make_node("a", labels={"n": "a"}), make_node("b", labels={"n": "b"})]).pools
    lists = {
        REPOSITORY: TagList(both(VERSION, NEWER, NEWEST), complete=True),
        mirror: TagList(both(VERSION, NEWER), complete=True),
    }
    catalogues = build_catalogues(pools, lists)

    assert [str(image) for image in unconfirmed(catalogues, {})] == [
        f"{REPOSITORY}:{NEWER}-{SUFFIX_A}",
        f"{REPOSITORY}:{NEWEST}-{SUFFIX_A}",
        f"{mirror}:{NEWER}-{SUFFIX_A}",
    ]
    lookups = dict.fromkeys(unconfirmed(catalogues, {}), EXISTS)
    assert build_survey(catalogues, lookups).newest == LatestVersion(version=NEWER)


def test_several_policies_of_a_repository_have_one_table_and_a_newest_version_each() -> None:
    storage = make_policy("storage", selector={"role": "storage"}, version=NEWER, force_precompiled=True)
    compute = make_policy("compute", selector={"role": "compute"}, force_precompiled=True)
    nodes = [
        make_node("a", labels={"role": "storage"}),
        make_node("b", labels={"role": "compute"}),
        make_node(
            "c", labels={"role": "compute"}, kernel="6.8.0-71-generic", os="ubuntu 24.04", arch="arm64"
        ),
    ]
    pools = grouped([storage, compute], nodes).pools
    tags = both(VERSION) | {f"{NEWER}-{SUFFIX_A}"}
    lookups = answers(*tags)

    (found,) = build_matrices(build_catalogues(pools, {REPOSITORY: TagList(tags, complete=True)}), lookups)

    assert [row.node_names for row in found.rows] == [("a", "b"), ("c",)]
    assert [(newest.policy and newest.policy.name, newest.version) for newest in found.latest] == [
        (None, VERSION),
        ("compute", VERSION),
        ("storage", NEWER),
    ]
    assert [column.current for column in columns(found)] == [True, True]


def test_each_repository_has_a_table_of_its_own() -> None:
    other = parse_repository("registry.example/doca-driver")
    policies = [
        make_policy("a", selector={"n": "a"}),
        make_policy("b", selector={"n": "b"}, repository=other),
    ]
    pools = grouped(policies, [make_node("a", labels={"n": "a"}), make_node("b", labels={"n": "b"})]).pools

    found = build_matrices(build_catalogues(pools, {REPOSITORY: TagList(both(NEWER), complete=True)}), {})

    assert [(t.repository, len(t.rows), t.usable) for t in found] == [
        (REPOSITORY, 1, True),
        (other, 1, False),
    ]


def test_the_newest_are_shown_and_those_that_policies_name() -> None:
    versions = [f"26.{month:02}-0.1.0.0-0" for month in range(1, 13)]
    tags = frozenset(f"{version}-{SUFFIX_A}" for version in versions) | both(VERSION, "24.10-0.7.0.0-0")
    found = table(tags, lookups=answers(*both(VERSION)))

    assert [column.version for column in newest_first(found, 2)] == [versions[-1], versions[-2], VERSION]
    assert len(columns(found)) == 14
    assert newest_first(found, 14) == columns(found)


def test_pools_without_a_precompiled_image_stand_in_the_way() -> None:
    found = table(frozenset({f"{NEWER}-{SUFFIX_A}"}))

    assert [str(row.platform) for row in blocking_rows(found, columns(found)[0])] == [
        "ubuntu24.04/6.8.0-71-generic/arm64"
    ]


# The other releases have images that compile, and no others.
PRECOMPILED = [
    version for version in VERSIONS if version not in {"25.04-0.6.1.0-2", "doca3.5.0-26.07-0.7.7.0-1"}
]


def spent(work: Callable[[], object]) -> float:
    """Return the seconds of processor time that some work takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


@pytest.mark.parametrize("shared", [True, False], ids=["every version for some pool", "some for every pool"])
def test_a_hundred_thousand_versions_and_thirty_pools_take_seconds(shared: bool) -> None:  # noqa: FBT001
    nodes = [make_node(f"n{number}", kernel=f"5.15.0-{number}-generic") for number in range(30)]
    pools = make_pools(FORCED, *nodes)
    rows = build_catalogues(pools, {})[0].rows
    count = 100_000 if shared else 100_000 // len(rows)
    versions = [f"25.{number // 1000}-0.{number % 1000}.0.0-0" for number in range(count)]
    # Of the first kind no version is complete, of the second all are, and the registry denies one by one.
    tags = frozenset(
        row.image(version).tag
        for number, version in enumerate(versions)
        for row in (rows[number % len(rows) :][:1] if shared else rows)
    )
    lists = {REPOSITORY: TagList(tags, complete=True)}

    def survey() -> None:
        found = build_catalogues(pools, lists)
        lookups: dict[ImageReference, TagLookup] = {}
        for _ in range(16):
            lookups |= dict.fromkeys(unconfirmed(found, lookups), TagMissing())
        (whole,) = build_matrices(found, lookups)
        assert len(whole.versions) > count
        assert len(newest_first(whole, 10)) == 11

    assert len(rows) == 30
    assert spent(survey) < 10


@pytest.mark.parametrize("version", PRECOMPILED)
def test_a_cluster_on_a_releases_kernels_finds_that_release_among_the_published_tags(version: str) -> None:
    tags = published_tags()
    parsed = [found for found in map(parse_tag, tags) if found and found.platform.kernel]
    nodes = [
        make_node(
            f"node-{number}",
            kernel=found.platform.kernel,
            os=f"{found.platform.os_id} {found.platform.os_version}",
            arch=found.platform.arch,
        )
        for number, found in enumerate(parsed)
        if found.version == version
    ]
    pools = make_pools(make_policy(version=version, force_precompiled=True), *nodes)

    found = table(frozenset(tags), pools=pools, lookups=answers(*tags))

    assert len(found.rows) == len(nodes) > 10
    assert [latest.version for latest in found.latest] == [version]
    assert [column.version for column in columns(found)] == PRECOMPILED[::-1]
    assert all(not blocking_rows(found, c) for c in columns(found) if c.version == version)
