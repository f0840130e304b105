"""Every document, with a hostile text in each place that holds text, beside the same with a harmless one."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from fakes.cluster import DIGEST, make_policy
from gitops_doca.cli.output.console import format_diagnostics, table
from gitops_doca.core.compare.changes import (
    Comparison,
    NodeMove,
    PoolChange,
    VersionMove,
    VersionStay,
    compare_renderings,
)
from gitops_doca.core.compare.compiling import Compiling, Why
from gitops_doca.core.compare.departures import (
    GoneFromInventory,
    InNoPool,
    InPool,
    Location,
    NotListed,
    ToNoPool,
    ToOtherPool,
)
from gitops_doca.core.compare.lock import LockedPool
from gitops_doca.core.compare.lock_changes import Change, ChangeKind
from gitops_doca.core.compare.rendered import RenderedPool, Rendering
from gitops_doca.core.compare.status import (
    Absence,
    AbsentNode,
    Applied,
    DriverPod,
    Leftover,
    NodeStatus,
    PoolStatus,
    State,
    Status,
)
from gitops_doca.core.compare.verify import Difference, DifferenceKind
from gitops_doca.core.diagnostics import Category, Diagnostic, Place
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.matrix.catalogue import Catalogue
from gitops_doca.core.matrix.rows import PlatformRow
from gitops_doca.core.matrix.survey import LatestVersion, VersionMatrix, VersionSurvey
from gitops_doca.core.model import Node, OtherNodes, PlannedPool, Platform, Pool, SkippedNode
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.decide import NoImage, UseDigest, UsePrecompiled
from gitops_doca.core.resolve.lookup import Cause, TagList, TagMissing, TagUnknown
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.emit.checks import LockCheck, json_inventory_check, json_lock_check, json_verification
from gitops_doca.emit.diff.cluster import ClusterDiff
from gitops_doca.emit.diff.document import json_diff
from gitops_doca.emit.diff.markdown import markdown
from gitops_doca.emit.diff.phrases import Base
from gitops_doca.emit.diff.text import diff_lines, summary_lines
from gitops_doca.emit.escape import printable, printable_lines
from gitops_doca.emit.fleet_table import markdown_fleet, text_fleet
from gitops_doca.emit.image_build import build_script
from gitops_doca.emit.matrix.html import html_matrix
from gitops_doca.emit.matrix.json import json_matrix
from gitops_doca.emit.matrix.tables import markdown_matrix, text_matrix
from gitops_doca.emit.mirror import plain_list, skopeo_list
from gitops_doca.emit.pool_table import markdown_pools, text_pools
from gitops_doca.emit.report import json_report
from gitops_doca.emit.resource_list import diagnostic_result, dump_resource_list
from gitops_doca.emit.status import json_status, markdown_status, text_status
from gitops_doca.emit.tables import Layout
from support.hostile import HARMLESS, HOSTILE
from support.markup import Markup, render

Form = Callable[[str], str]


def pool(text: str, *, os: str = "") -> Pool:
    policy = replace(make_policy(version=f"{text}-1"), name=text, cluster=text)
    return Pool(
        policy=replace(policy, driver=replace(policy.driver, repository=Repository(text, text, text))),
        platform=Platform(os or text, text, text, "amd64"),
        nodes=(Node(name=text, labels={}),),
        app=text,
    )


def decisions(text: str) -> list[Any]:
    one = pool(text)
    image = one.policy.driver.repository.tag(text)
    return [
        UsePrecompiled(pool=one, image=image, digest=DIGEST),
        UseDigest(pool=one, image=ImageReference(image.repository, digest=text)),
        NoImage(pool=one, image=image, lookup=TagUnknown(Cause.DNS, text)),
        NoImage(pool=pool(text, os="ubuntu"), image=image, lookup=TagMissing()),
    ]


def grouping(text: str) -> Grouping:
    plan = PlannedPool(platform=Platform(text, text, text, text), place=Place(text, 1, text))
    left = SkippedNode(node=text, policy=text, reason=f"taint {text}:{text}", cluster=text)
    return Grouping(pools=(), skipped=(left,), obsolete_plans=(plan,))


def results(text: str) -> list[ClusterResult]:
    return [
        ClusterResult(cluster=text, decisions=tuple(decisions(text)), grouping=grouping(text)),
        ClusterResult(cluster=text, failure=Category.INPUT),
    ]


def changes(text: str) -> list[Change]:
    return [Change(ChangeKind.GONE, text, text), Change(ChangeKind.POOL_NEW, LockedPool(f"x/{text}", text))]


def diagnostic(text: str) -> Diagnostic:
    return Diagnostic(
        category=Category.INPUT,
        message=f"x {text}",
        place=Place(text, 1, text),
        details=(f"x {text}",),
        help=f"x {text}",
    )


def status(text: str) -> Status:
    rendered = RenderedPool(
        pool=text,
        manifest={"kind": "DaemonSet", "metadata": {"name": text, "namespace": text}},
        image=f"{text}:{text}",
        source="",
    )
    pod = DriverPod(
        name=text,
        node=text,
        daemon_set=text,
        image=text,
        revision="",
        generation="",
        ready=False,
        terminating=False,
    )
    node = NodeStatus(node=text, pool=text, state=State.NOT_READY, pod=pod)
    found = PoolStatus(rendered=rendered, applied=Applied.DIFFERENT, differs=(text,), nodes=(node,))
    return Status(
        pools=(found, replace(found, nodes=(), moved=(text,))),
        unplanned=(),
        skipped=grouping(text).skipped,
        absent=tuple(AbsentNode(node=text, why=why) for why in Absence),
        leftovers=tuple(Leftover(daemon_set=text, pool=text, nodes=nodes) for nodes in ((), (text,))),
        without_nics=OtherNodes(count=1, similar={text: 1}),
    )


def tables(text: str) -> VersionSurvey:
    repository = Repository(text, text, text)
    row = PlatformRow(repository=repository, platform=Platform(text, text, text, text), pools=(pool(text),))
    latest = (
        LatestVersion(policy=None, doubtful=text, reason=text),
        LatestVersion(policy=pool(text).policy, version=text),
    )
    catalogue = Catalogue(
        repository=repository,
        rows=(row,),
        listed=TagList(),
        current=frozenset({text}),
        ranks={text: 0},
        kernels={},
        groups=(),
    )
    matrix = VersionMatrix(catalogue=catalogue, lookups={}, latest=latest)
    return VersionSurvey(matrices=(matrix, matrix), newest=latest[0])


def comparison(text: str) -> tuple[Comparison, Base]:
    def side(image: str) -> Rendering:
        labels = {"a": text} if image == "old" else {}
        metadata = {"name": text, "namespace": text, "labels": labels}
        manifest = {"kind": "DaemonSet", "metadata": {**metadata, "annotations": {"x": f"\n{text}\n"}}}
        other = {"kind": text, "metadata": metadata}
        one = RenderedPool(
            pool=text, manifest=manifest, image=f"{text}:{image}", source="", policy=text, nodes=(text,)
        )
        return Rendering(resources=(manifest, other), pools=(one,))

    found = compare_renderings(side("old"), side("new"))
    (changed,) = found.pools
    here: Location = InPool(pool=text, policy=text)
    everywhere = (
        ToOtherPool(to=InPool(pool=text, policy=text), nodes=(text,), has_pod=True),
        ToOtherPool(to=InPool(pool=text, policy=text), nodes=(text,), has_pod=False),
        ToNoPool(reason=text, nodes=(text,), has_pod=True),
        ToNoPool(reason=text, nodes=(text,), has_pod=False),
        GoneFromInventory(nodes=(text,)),
    )
    found = replace(
        found,
        compiling=tuple(Compiling(pool=changed.current, nodes=(text,), why=why) for why in Why),
        pools=(changed, PoolChange(before=changed.before, after=None, departures=everywhere)),
        versions=(VersionMove(before=text, after=text, pools=1, nodes=1),),
        stays=(VersionStay(version=text, pools=1),),
        moves=tuple(
            NodeMove(source=here, target=target, nodes=(text,))
            for target in (here, InPool(pool=f"{text} 2", policy=text), InNoPool(reason=text), NotListed())
        ),
    )
    return found, Base(name=text, commit="0" * 40, notes=(f"{text} is gone", text))


def diff(text: str) -> str:
    return printable_lines(diff_lines(*comparison(text)))


TEXTS: dict[str, Form] = {
    "check": lambda text: text_pools(results(text)[0]),
    "fleet": lambda text: text_fleet(results(text)),
    "status": lambda text: text_status(status(text)),
    "check wide": lambda text: text_fleet(results(text), Layout(wide=True)),
    "check cut": lambda text: text_fleet(results(text), Layout(width=80)),
    "matrix cut": lambda text: text_matrix(tables(text), 5, Layout(width=80)),
    "status cut": lambda text: text_status(status(text), Layout(width=80)),
    "status wide": lambda text: text_status(status(text), Layout(wide=True)),
    "matrix": lambda text: text_matrix(tables(text), 5),
    "summary of diff": lambda text: printable_lines(summary_lines(*comparison(text))),
    "diff": diff,
    "diagnostics": lambda text: format_diagnostics([diagnostic(text)]),
    "differences": lambda text: table([("missing", text, text)]),
    "mirror": lambda text: plain_list([text]),
    "mirror-skopeo": lambda text: skopeo_list([], decisions(text)),
    "build": lambda text: build_script(decisions(text)),
}
MARKDOWN: dict[str, Form] = {
    "check": lambda text: markdown_pools(results(text)[0]),
    "fleet": lambda text: markdown_fleet(results(text)),
    "status": lambda text: markdown_status(status(text)),
    "matrix": lambda text: markdown_matrix(tables(text), 5),
    "diff": lambda text: markdown(*comparison(text), 1 << 20),
}
JSON: dict[str, Form] = {
    "report": lambda text: json_report(results(text), [diagnostic(text)]),
    "status": lambda text: json_status(status(text), text, [diagnostic(text)]),
    "matrix": lambda text: json_matrix(tables(text), 5, text, [diagnostic(text)]),
    "lock check": lambda text: json_lock_check(
        [LockCheck(result=result, file=text, changes=changes(text)) for result in results(text)],
        [diagnostic(text)],
    ),
    "verification": lambda text: json_verification(
        text, [Difference(DifferenceKind.OWNERS, text, text)], text, [diagnostic(text)]
    ),
    "inventory check": lambda text: json_inventory_check(text, [text], text, [diagnostic(text)]),
}


def each(forms: dict[str, Form]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("form", forms.values(), ids=forms)


@each({**TEXTS, **{f"{name} as Markdown": form for name, form in MARKDOWN.items()}, **JSON})
def test_no_document_moves_or_hides_anything_on_a_terminal(form: Form) -> None:
    for text in HOSTILE:
        document = form(text)

        assert document.endswith("\n")
        assert all(printable(line) == line for line in document.split("\n")), text


@each({name: form for name, form in TEXTS.items() if name != "diff" and not name.endswith(" cut")})
def test_no_text_has_more_lines(form: Form) -> None:
    for text in HOSTILE:
        assert form(text).count("\n") == form(HARMLESS).count("\n"), text


@each(MARKDOWN)
def test_no_markdown_has_another_structure_or_notifies_anybody(form: Form) -> None:
    harmless = render(form(HARMLESS))
    assert "<table []>" in harmless.structure

    for text in HOSTILE:
        found = render(form(text))

        assert found.structure == harmless.structure, text
        assert found.references == harmless.references, text


def test_no_page_has_another_structure() -> None:
    harmless = Markup(html_matrix(tables(HARMLESS), 5))

    for text in HOSTILE:
        assert Markup(html_matrix(tables(text), 5)).structure == harmless.structure, text


def replaced(value: Any, text: str) -> Any:
    """Return a part of a JSON document with this text in the place of the harmless one."""
    match value:
        case dict():
            return {replaced(key, text): replaced(item, text) for key, item in value.items()}
        case list():
            return [replaced(item, text) for item in value]
        case str():
            return value.replace(HARMLESS, text)
        case _:
            return value


@each(JSON)
def test_json_holds_the_text_as_it_is(form: Form) -> None:
    for text in HOSTILE:
        assert json.loads(form(text)) == replaced(json.loads(form(HARMLESS)), text)


def test_json_of_a_difference_holds_the_text_as_it_is() -> None:
    for text in HOSTILE:
        compared, base = comparison(text)
        document = json.loads(json_diff([ClusterDiff(cluster=text, base=base, comparison=compared)], []))

        assert document["clusters"][0]["base"]["name"] == text
        assert {(one["kind"], one["name"]) for one in document["objects"]} == {
            ("DaemonSet", text),
            (text, text),
        }


HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


def files_of(patch: str) -> list[tuple[str, str]]:
    """Return the names in the heads of a patch, read as patch(1) does: by the counts of each hunk."""
    lines = patch.removesuffix("\n").split("\n")
    found = []
    while lines:
        old, new = lines.pop(0), lines.pop(0)
        assert (old[:4], new[:4]) == ("--- ", "+++ ")
        found.append((old[4:], new[4:]))
        while lines and (hunk := HUNK.fullmatch(lines[0])):
            lines.pop(0)
            counts = {"-": int(hunk[1] or 1), "+": int(hunk[2] or 1)}
            while any(counts.values()):
                sign = lines.pop(0)[0]
                for side in "-+" if sign == " " else sign:
                    counts[side] -= 1
    return found


def test_the_head_of_a_diff_names_its_object_and_nothing_else() -> None:
    for text in HOSTILE:
        for old, new in files_of(diff(text)):
            assert {old.startswith('"'), new.startswith('"')} == {'"' in new or "\\" in new}
            shown = json.loads(new) if new.startswith('"') else new
            assert shown.endswith(f"/{printable(text)}/{printable(text)}")
            assert old != "/dev/null" != new


def test_a_shell_runs_nothing_of_the_text() -> None:
    plain = shlex.split(build_script(decisions(HARMLESS)), comments=True)

    for text in HOSTILE:
        words = shlex.split(build_script(decisions(text)), comments=True)

        assert words == [word.replace(HARMLESS, printable(text)) for word in plain], text


def test_comments_for_skopeo_stay_comments() -> None:
    for text in HOSTILE:
        assert yaml.safe_load(skopeo_list([], decisions(text))) is None


def test_a_result_for_kustomize_may_be_printed() -> None:
    named = {"named": {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n"}}}

    for text in HOSTILE:
        document = yaml.safe_load(dump_resource_list((), [diagnostic_result(diagnostic(text), named)]))
        (result,) = document["results"]

        assert result["message"].split("\n") == [
            printable(line) for line in (f"x {text}", f"x {text}", f"help: x {text}")
        ]
        assert result["file"] == {"path": printable(text)}
