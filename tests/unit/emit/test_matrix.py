import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from fakes.cluster import DIGEST, REPOSITORY, VERSION, grouped, make_node, make_policy, make_pools
from gitops_doca.core.matrix.catalogue import build_catalogues
from gitops_doca.core.matrix.survey import LatestVersion, VersionSurvey, build_survey, split_off_digests
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagList, TagUnknown
from gitops_doca.emit.matrix.html import html_matrix
from gitops_doca.emit.matrix.json import json_matrix
from gitops_doca.emit.matrix.phrases import NO_POOLS
from gitops_doca.emit.matrix.tables import markdown_matrix, text_matrix
from gitops_doca.emit.tables import GREEN, RED, Layout
from gitops_doca.sources.reading.schema import schema_text
from support.page import Page
from support.published import published_tags

NEWER, OLDER = "doca3.1.0-25.07-0.9.7.0-0", "24.10-0.7.0.0-0"
A = "5.15.0-91-generic-ubuntu22.04-amd64"
B = "6.8.0-71-generic-ubuntu24.04-arm64"
NODES = [
    make_node("a"),
    make_node("b"),
    make_node("c", kernel="6.8.0-71-generic", os="ubuntu 24.04", arch="arm64"),
]
TAGS = frozenset(
    {f"{NEWER}-{A}", f"{NEWER}-ubuntu24.04-arm64", f"{VERSION}-{A}", f"{VERSION}-{B}", f"{OLDER}-{A}"}
)
POOLS = make_pools(make_policy(), *NODES)
NOTHING = VersionSurvey(matrices=(), newest=LatestVersion())
HOSTILE = "<script>alert(1)</script>&\"'"


def survey(
    tags: frozenset[str] = TAGS, *, complete: bool = True, pools: tuple[Pool, ...] = POOLS, seen: bool = True
) -> VersionSurvey:
    lookups = {REPOSITORY.tag(tag): TagExists(DIGEST) for tag in tags if seen}
    chosen, passed_over = split_off_digests(pools)
    catalogues = build_catalogues(chosen, {REPOSITORY: TagList(tags, complete=complete)})
    return build_survey(catalogues, lookups, passed_over)


def document(text: str) -> Any:
    found = json.loads(text)
    jsonschema.validate(found, json.loads(schema_text("matrix")), cls=jsonschema.Draft202012Validator)
    return found


def test_the_matrix_as_text() -> None:
    assert (
        text_matrix(survey(), 10)
        == """\
newest version for every pool: 25.04-0.6.1.0-2 (current)

nvcr.io/nvidia/mellanox/doca-driver

   VERSION                    POOLS                    BLOCKED BY
1  doca3.1.0-25.07-0.9.7.0-0  1 of 2                   ubuntu24.04/6.8.0-71-generic/arm64
2  25.04-0.6.1.0-2            2 of 2  current, newest
3  24.10-0.7.0.0-0            1 of 2                   ubuntu24.04/6.8.0-71-generic/arm64

POOL                                 NODES  1         2    3
ubuntu22.04/5.15.0-91-generic/amd64  2      yes       yes  yes
ubuntu24.04/6.8.0-71-generic/arm64   1      compiles  yes  no

yes: precompiled image
compiles: an image that compiles on the node; serves pools that compile today
no: no image
"""
    )


def test_the_matrix_as_markdown_without_older_versions() -> None:
    assert (
        markdown_matrix(survey(), 1)
        == """\
newest version for every pool: 25.04-0.6.1.0-2 (current)

**nvcr.io/nvidia/mellanox/doca-driver**

|  | Version | Pools |  | Blocked by |
| ---: | --- | --- | --- | --- |
| 1 | `doca3.1.0-25.07-0.9.7.0-0` | 1 of 2 |  | ubuntu24.04/6.8.0-71-generic/arm64 |
| 2 | `25.04-0.6.1.0-2` | 2 of 2 | current, newest |  |

1 more version not shown; --versions 3 shows all

| Pool | Nodes | 1 | 2 |
| --- | ---: | --- | --- |
| ubuntu22.04/5.15.0-91-generic/amd64 | 2 | yes | yes |
| ubuntu24.04/6.8.0-71-generic/arm64 | 1 | compiles | yes |

yes: precompiled image; compiles: an image that compiles on the node; serves pools that compile today
"""
    )


def test_the_matrix_as_json_fits_its_schema() -> None:
    (repository,) = document(json_matrix(survey(), 2, ".", []))["repositories"]

    assert repository["repository"] == "nvcr.io/nvidia/mellanox/doca-driver"
    assert (repository["tagList"], repository["newest"], repository["versionsNotShown"]) == (
        "complete",
        VERSION,
        1,
    )
    owner = {"cluster": ".", "policy": {"kind": "NicClusterPolicy", "name": "nic-cluster-policy"}}
    assert repository["policies"] == [{**owner, "version": VERSION, "newest": VERSION}]
    assert repository["versions"][0] == {
        "version": NEWER,
        "current": False,
        "complete": False,
        "precompiled": 1,
        "served": 1,
        "blockingPools": ["ubuntu24.04/6.8.0-71-generic/arm64"],
    }
    assert repository["pools"][1] == {
        "pool": "ubuntu24.04/6.8.0-71-generic/arm64",
        "policies": [owner],
        "nodes": ["c"],
        "images": {NEWER: "compiled", VERSION: "precompiled"},
    }


def test_a_version_in_doubt_is_told_and_not_called_the_newest() -> None:
    lookups = {REPOSITORY.tag(f"{VERSION}-{A}"): TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")}
    found = build_survey(build_catalogues(POOLS, {REPOSITORY: TagList(TAGS, complete=True)}), lookups)
    (repository,) = document(json_matrix(found, 2, ".", []))["repositories"]

    assert repository["newest"] is None
    assert repository["doubtful"] == {"version": VERSION, "reason": "503 Service Unavailable"}
    assert (
        "newest version for every pool: unknown; 25.04-0.6.1.0-2 is listed, and could not be confirmed: "
        "503 Service Unavailable\n"
    ) in text_matrix(found, 2)


@pytest.mark.parametrize(
    ("tags", "complete", "state"),
    [(TAGS, True, "complete"), (TAGS, False, "incomplete"), (frozenset[str](), False, "unusable")],
)
def test_how_far_the_list_was_read_is_told(tags: frozenset[str], complete: bool, state: str) -> None:  # noqa: FBT001
    found = survey(tags, complete=complete, seen=False)

    assert document(json_matrix(found, 5, ".", []))["repositories"][0]["tagList"] == state
    assert ("the tag list is incomplete: ? means unknown" in text_matrix(found, 5)) != complete


def test_behind_an_incomplete_list_there_may_be_a_newer_version() -> None:
    text = text_matrix(survey(complete=False), 5)

    assert f"newest version for every pool: {VERSION} (current), or a newer one\n" in text


def test_without_a_version_for_every_pool_none_is_named() -> None:
    lone = frozenset({f"{NEWER}-{A}"})

    assert "newest version for every pool: none\n" in text_matrix(survey(lone), 5)
    assert "newest version for every pool: none is known\n" in text_matrix(survey(lone, complete=False), 5)


def test_several_policies_are_named() -> None:
    policies = [
        make_policy("compute", selector={"role": "a"}),
        make_policy("storage", selector={"role": "b"}, version=NEWER),
        make_policy("pinned", selector={"role": "c"}, digest=DIGEST),
    ]
    nodes = [make_node(f"node-{role}", labels={"role": role}) for role in "abc"]
    text = text_matrix(survey(pools=grouped(policies, nodes).pools), 5)

    assert text.startswith(
        f"newest version for every pool: {NEWER}\n"
        "NicNodePolicy/pinned is passed over: its version is a digest\n"
        "\n"
        "nvcr.io/nvidia/mellanox/doca-driver\n"
        f"  NicNodePolicy/compute has {VERSION}; newest version for its pools: {NEWER}\n"
        f"  NicNodePolicy/storage has {NEWER}; newest version for its pools: {NEWER} (current)\n"
    )
    assert "\nubuntu22.04/5.15.0-91-generic/amd64  compute, storage  2 " in text


PINNED = make_pools(make_policy(digest=DIGEST), *NODES)


def test_a_policy_with_a_digest_is_passed_over_and_named() -> None:
    found = survey(pools=PINNED)
    sentence = "NicClusterPolicy/nic-cluster-policy is passed over: its version is a digest"

    assert text_matrix(found, 5) == f"{NO_POOLS}\n{sentence}\n"
    assert markdown_matrix(found, 5) == f"{NO_POOLS}\n\n{sentence}\n"
    assert f"<p>{NO_POOLS}</p>\n<p>{sentence}</p>\n" in html_matrix(found, 5)
    assert document(json_matrix(found, 5, ".", [])) == {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverMatrix",
        "newest": None,
        "repositories": [],
        "passedOver": [
            {
                "cluster": ".",
                "policy": {"kind": "NicClusterPolicy", "name": "nic-cluster-policy"},
                "version": DIGEST,
                "why": "its version is a digest",
            }
        ],
        "diagnostics": [],
    }


def test_the_wide_grid_names_the_policy_and_all_clusters() -> None:
    pools = tuple(
        replace(pool, policy=replace(pool.policy, cluster=f"clusters/{name}"))
        for name in "abcde"
        for pool in POOLS[:1]
    )

    (line,) = (
        line
        for line in text_matrix(survey(pools=pools), 1, Layout(width=80, wide=True)).splitlines()
        if line.startswith("ubuntu22.04")
    )

    assert re.split(" {2,}", line) == [
        "ubuntu22.04/5.15.0-91-generic/amd64",
        "clusters/a, clusters/b, clusters/c, clusters/d, clusters/e",
        "nic-cluster-policy",
        "10",
        *("yes", "yes"),
    ]


def test_policies_with_the_same_versions_share_a_sentence() -> None:
    policies = [make_policy(name, selector={"role": name}, force_precompiled=True) for name in "abcde"]
    nodes = [make_node(f"node-{name}", labels={"role": name}) for name in "abcde"]
    text = text_matrix(survey(pools=grouped(policies, nodes).pools), 5)

    assert (
        "  NicNodePolicy/a, NicNodePolicy/b, NicNodePolicy/c and 2 more have 25.04-0.6.1.0-2; "
        "newest version for the pools of each: doca3.1.0-25.07-0.9.7.0-0\n"
    ) in text


def test_one_headline_is_about_all_repositories() -> None:
    mirror = parse_repository("registry.example/doca-driver")
    first, second = make_policy("a", selector={"n": "a"}), make_policy("b", selector={"n": "b"})
    second = replace(second, driver=replace(second.driver, repository=mirror))
    pools = grouped(
        [first, second], [make_node("a", labels={"n": "a"}), make_node("b", labels={"n": "b"})]
    ).pools
    tags = {REPOSITORY: TAGS, mirror: TAGS - {f"{NEWER}-{A}"}}
    lists = {repository: TagList(found, complete=True) for repository, found in tags.items()}
    lookups = {repository.tag(tag): TagExists(DIGEST) for repository, found in tags.items() for tag in found}
    found = build_survey(build_catalogues(pools, lists), lookups)

    assert [line for line in text_matrix(found, 5).splitlines() if "newest version" in line] == [
        "newest version for every pool: 25.04-0.6.1.0-2 (current)",
        "  newest version for every pool of this repository: doca3.1.0-25.07-0.9.7.0-0",
        "  newest version for every pool of this repository: 25.04-0.6.1.0-2 (current)",
    ]
    assert markdown_matrix(found, 5).startswith("newest version for every pool: 25.04-0.6.1.0-2 (current)\n")
    assert '<p class="headline">newest version for every pool: 25.04-0.6.1.0-2 (current)</p>' in html_matrix(
        found, 5
    )
    assert document(json_matrix(found, 5, ".", []))["newest"] == VERSION


KERNELS = make_pools(
    make_policy(version="doca3.4.0-26.04-0.8.0.0-0", force_precompiled=True),
    make_node("a", kernel="6.8.0-100-generic", os="ubuntu 24.04"),
    make_node("b", kernel="6.17.0-1018-nvidia", os="ubuntu 24.04", arch="arm64"),
)


def test_a_version_without_an_image_has_the_nearest_kernel() -> None:
    found = survey(frozenset(published_tags()), pools=KERNELS)

    assert text_matrix(found, 3).partition("nearest kernel")[2] == (
        """\
 of the flavour with a precompiled image, by version number
  ubuntu24.04/6.17.0-1018-nvidia/arm64
    1 7.0.0-1019-nvidia  2 7.0.0-1016-nvidia
  ubuntu24.04/6.8.0-100-generic/amd64
    1 6.8.0-146-generic  2 6.8.0-138-generic  3 6.8.0-117-generic

yes: precompiled image
no: no image
"""
    )
    assert (
        "| ubuntu24.04/6.8.0-100-generic/amd64 | 1 | no, 6.8.0-146-generic | no, 6.8.0-138-generic "
        "| no, 6.8.0-117-generic |\n"
    ) in markdown_matrix(found, 3)
    assert "\nyes: precompiled image; no: no image; beside it the nearest kernel of the flavour with a " in (
        markdown_matrix(found, 3)
    )
    assert Page(html_matrix(found, 3)).tables[1][2][2:] == [
        "no 6.8.0-146-generic",
        "no 6.8.0-138-generic",
        "no 6.8.0-117-generic",
    ]
    assert document(json_matrix(found, 3, ".", []))["repositories"][0]["pools"][1]["nearest"] == {
        "doca3.6.0-26.10-043000-0": "6.8.0-146-generic",
        "doca3.5.0-26.07-0.7.7.0-0": "6.8.0-138-generic",
        "doca3.4.0-26.04-0.8.0.0-0": "6.8.0-117-generic",
    }


def test_a_pool_that_compiles_is_served_by_an_image_that_compiles() -> None:
    rhel = make_node("r", kernel="5.14.0-570.12.1.el9_6.x86_64", os="rhel 9.6")
    pools = make_pools(make_policy(version="doca3.5.0-26.07-0.7.7.0-1"), rhel)
    (repository,) = document(json_matrix(survey(frozenset(published_tags()), pools=pools), 2, ".", []))[
        "repositories"
    ]

    assert repository["newest"] == "doca3.6.0-26.10-043000-0"
    assert repository["versions"][0] == {
        "version": "doca3.6.0-26.10-043000-0",
        "current": False,
        "complete": True,
        "precompiled": 0,
        "served": 1,
        "blockingPools": [],
    }
    assert repository["pools"][0]["compiles"] is True


def test_on_a_terminal_the_grid_is_split_and_coloured() -> None:
    found = survey(frozenset(published_tags()), pools=KERNELS)
    text = text_matrix(found, 10, Layout(width=80, coloured=True))

    assert max(len(re.sub(r"\x1b\[\d*m", "", line)) for line in text.splitlines()) <= 80
    assert text_matrix(found, 10, Layout(width=60)).count("\nPOOL ") == 2
    assert f"{GREEN}yes\x1b[0m" in text
    assert f"{RED}no\x1b[0m" in text


def test_no_pools_are_told_in_every_form() -> None:
    sentence = "no pool whose policy names a version, so there is nothing to compare"

    assert text_matrix(NOTHING, 5) == markdown_matrix(NOTHING, 5) == f"{sentence}\n"
    assert f"<p>{sentence}</p>" in html_matrix(NOTHING, 5)
    assert document(json_matrix(NOTHING, 5, ".", []))["repositories"] == []


def test_the_page_shows_the_same_cells_as_the_text() -> None:
    page = Page(html_matrix(survey(), 10))

    assert page.tables == [
        [
            ["Version", "Pools served", "Mark", "Blocked by"],
            [NEWER, "1 of 2", "", "ubuntu24.04/6.8.0-71-generic/arm64"],
            [VERSION, "2 of 2", "current newest", ""],
            [OLDER, "1 of 2", "", "ubuntu24.04/6.8.0-71-generic/arm64"],
        ],
        [
            ["Pool", "Nodes", NEWER, f"{VERSION}current newest", OLDER],
            ["ubuntu22.04/5.15.0-91-generic/amd64", "2", "yes", "yes", "yes"],
            ["ubuntu24.04/6.8.0-71-generic/arm64", "1", "compiles", "yes", "no"],
        ],
    ]


def test_the_page_needs_no_script_and_nothing_from_elsewhere() -> None:
    text = html_matrix(survey(), 10)
    page = Page(text)
    names = {name for _, attributes in page.elements for name in attributes}

    assert not {tag for tag, _ in page.elements} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "base",
        "form",
    }
    assert not names & {"src", "href", "srcset", "style", "action"}
    assert not re.search(r"url\(|@import|https?:", text)


def test_each_head_of_the_page_says_what_it_heads_and_each_region_has_a_name() -> None:
    page = Page(html_matrix(survey(), 10))
    scopes = {attributes.get("scope") for tag, attributes in page.elements if tag == "th"}
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    labels = [a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a]

    assert scopes == {"col", "row"}
    assert len(ids) == len(set(ids))
    assert set(labels) == set(ids)
    assert ("html", {"lang": "en"}) in page.elements


def test_every_value_on_the_page_is_escaped() -> None:
    suffix = f"-{A}"
    nodes = [make_node("a"), make_node("b", labels={"role": "b"})]
    policies = [make_policy(HOSTILE, selector={"role": "b"}), make_policy("plain")]
    pools = grouped(policies[1:], nodes[:1]).pools + grouped(policies[:1], nodes[1:]).pools
    tags = frozenset({f"{HOSTILE}{suffix}"})
    shown = html_matrix(survey(tags, pools=pools), 10)

    assert "<script" not in shown
    assert HOSTILE in {row[0] for row in Page(shown).tables[0]}
    assert HOSTILE in Page(shown).tables[1][1][1]


def test_a_hostile_repository_and_reason_are_escaped_too() -> None:
    repository = parse_repository("registry.example/x")
    hostile = type(repository)(HOSTILE, repository.registry, repository.path)
    pools = make_pools(make_policy(repository=hostile), *NODES)
    lists = {hostile: TagList(TAGS, complete=True)}
    lookups = {hostile.tag(f"{VERSION}-{A}"): TagUnknown(Cause.TLS, HOSTILE)}

    shown = html_matrix(build_survey(build_catalogues(pools, lists), lookups), 10)

    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_a_page_of_forty_pools_and_twenty_versions_stays_small() -> None:
    nodes = [make_node(f"n{number}", kernel=f"5.15.0-{number}-generic") for number in range(40)]
    pools = make_pools(make_policy(), *nodes)
    tags = frozenset(
        f"26.{month:02}-0.{build}.0.0-0-{pool.platform.kernel}-ubuntu22.04-amd64"
        for month in range(1, 11)
        for build in range(2)
        for pool in pools
    )
    page = html_matrix(survey(tags, pools=pools), 20)

    assert len(Page(page).tables[1]) == 41
    assert {len(row) for row in Page(page).tables[1]} == {23}
    assert len(page) < 60_000
