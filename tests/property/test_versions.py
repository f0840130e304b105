"""Versions have one order, by the numbers that their authors count."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.core.tags import parse_tag, version_key
from support.published import published_tags

NUMBERS = st.integers(0, 120)
PUBLISHED = sorted({found.version for found in map(parse_tag, published_tags()) if found})
REVISIONS = st.none() | NUMBERS
DOCA = st.none() | st.tuples(st.integers(1, 12), NUMBERS, NUMBERS)


@st.composite
def versions(draw: st.DrawFn) -> tuple[tuple[int, ...], str]:
    """Return a version and what it counts: the driver's numbers, the revision, then the DOCA release."""
    year, month = draw(st.integers(5, 40)), draw(st.integers(1, 12))
    build = draw(st.lists(NUMBERS, min_size=4, max_size=4))
    revision, doca = draw(REVISIONS), draw(DOCA)
    text = f"{year}.{month:02}-{'.'.join(map(str, build))}"
    text += "" if revision is None else f"-{revision}"
    text = text if doca is None else f"doca{'.'.join(map(str, doca))}-{text}"
    count = (year, month, *build, -1 if revision is None else revision, *(doca or ()))
    return count, text


ANY = (
    versions().map(lambda version: version[1])
    | st.sampled_from(PUBLISHED)
    | st.text("adoc019.-_", max_size=12)
)


@given(versions(), versions())
def test_versions_compare_as_their_numbers_do(
    one: tuple[tuple[int, ...], str], other: tuple[tuple[int, ...], str]
) -> None:
    assert (version_key(one[1]) < version_key(other[1])) == (one[0] < other[0])
    assert (version_key(one[1]) == version_key(other[1])) == (one[0] == other[0])


@given(ANY, ANY, ANY)
def test_the_order_is_total(a: str, b: str, c: str) -> None:
    x, y, z = map(version_key, (a, b, c))

    assert (x < y) + (x == y) + (x > y) == 1
    assert not x < y or not y < z or x < z
    assert a != b or x == y


@given(st.permutations(PUBLISHED))
def test_published_versions_have_one_order_whatever_order_they_come_in(shuffled: list[str]) -> None:
    assert sorted(shuffled, key=version_key) == [
        "25.01-0.6.0.0-0",
        "25.04-0.6.1.0-2",
        "25.04-0.6.1.0-21",
        "25.04-0.6.1.0-22",
        "25.04-0.6.1.0-200",
        "25.04-0.6.1.0-210",
        "25.04-0.6.1.0-211",
        "doca3.1.0-25.07-0.9.7.0-0",
        "doca3.3.0-26.01-1.0.0.0-0",
        "doca3.4.0-26.04-0.8.0.0-0",
    ]


def test_no_two_published_versions_are_equal() -> None:
    pairs = [(a, b) for a, b in product(PUBLISHED, PUBLISHED) if version_key(a) == version_key(b)]

    assert pairs == [(version, version) for version in PUBLISHED]
