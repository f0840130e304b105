import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.core.compare.changes import Comparison, compare_renderings
from gitops_doca.core.compare.compiling import Compiling, Why
from gitops_doca.core.compare.rendered import Rendering, rendering
from gitops_doca.emit.diff.markdown import markdown
from gitops_doca.emit.diff.phrases import Base, compiling

BASE = Base(name="main")


def comparison(*objects: tuple[str, str]) -> Comparison:
    """Compare nothing with DaemonSets of these pools and images."""
    manifests = [
        {
            "kind": "DaemonSet",
            "metadata": {"name": f"d{number}", "annotations": {"gitops-doca.dev/pool": pool}},
            "spec": {"template": {"spec": {"containers": [{"name": "mofed-container", "image": image}]}}},
        }
        for number, (pool, image) in enumerate(objects)
    ]
    return compare_renderings(Rendering(), rendering(manifests))


def test_values_that_would_be_markup_are_shown_as_they_are() -> None:
    text = markdown(comparison(("a|b`c<b>", "x\n```\n</details>")), BASE, 60_000)

    assert "| added | ``a\\|b`c<b>`` |" in text
    # The image stands on one line of YAML, in a fence that none of it can close.
    assert re.findall(r"^(`{3,})", text, re.MULTILINE) == ["````", "````"]
    assert text.count("\n</details>\n") == 1


@given(
    st.lists(st.tuples(st.text(max_size=40), st.text(max_size=300)), max_size=20), st.integers(1000, 20_000)
)
def test_a_comment_is_never_longer_than_its_limit(objects: list[tuple[str, str]], limit: int) -> None:
    text = markdown(comparison(*objects), BASE, limit)

    assert len(text.encode()) <= limit
    assert ("Not shown" in text) == (text != markdown(comparison(*objects), BASE, 1 << 20))


@given(st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=80), st.integers(1000, 20_000))
def test_nodes_that_compile_are_whole_or_counted(names: list[str], limit: int) -> None:
    (added,) = comparison(("p", "x")).pools
    found = Compiling(pool=added.current, nodes=tuple(names), why=Why.LOST)
    compared = replace(comparison(("p", "x")), compiling=(found,))

    text = markdown(compared, BASE, limit)

    assert len(text.encode()) <= limit
    assert ("will compile the driver" in text) != ("1 pool that compiles" in text)


OTHERS = "its policy has precompiled images for other pools on ubuntu"


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        (Why.LOST, "2 nodes will compile the driver: a, b; {pool} had a precompiled image before"),
        (
            Why.MOVED,
            (
                "2 nodes will compile the driver: a, b; {pool} had a precompiled image under another policy "
                "before"
            ),
        ),
        (Why.NEW, f"2 nodes will compile the driver: a, b; {{pool}} is new, and {OTHERS}"),
        (
            Why.UNTAGGED,
            f"2 nodes will compile the driver: a, b; {{pool}} had an image by digest before, and {OTHERS}",
        ),
        (
            Why.JOINED,
            (
                "2 nodes left a precompiled image for a pool that compiles the driver: a, b; "
                "they are in {pool} now"
            ),
        ),
    ],
)
def test_each_reason_why_nodes_compile_has_its_sentence(why: Why, sentence: str) -> None:
    (added,) = comparison(("ubuntu22.04/5/amd64", "x")).pools
    change = Compiling(pool=added.current, nodes=("a", "b"), why=why)

    assert compiling(change) == sentence.format(pool=added.current)
