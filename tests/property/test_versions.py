"""Versions have one order, by the numbers that their authors count."""

from collections.abc import Iterable
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.core.tags import version_key
from support.published import VERSIONS as PUBLISHED

NUMBERS = st.integers(0, 120)
# Four numbers, or five as in one release, or the build number that came with 26.10.
BUILDS = st.lists(NUMBERS, min_size=4, max_size=5) | st.integers(0, 999_999).map(lambda number: [number])
REVISIONS = st.none() | NUMBERS
DOCA = st.none() | st.tuples(st.integers(1, 12), NUMBERS, NUMBERS)


@st.composite
def versions(draw: st.DrawFn) -> tuple[tuple[int, ...], str]:
    """Return a version and what it counts: month, DOCA release, build, then the revision."""
    year, month = draw(st.integers(5, 40)), draw(st.integers(1, 12))
    build, revision, doca = draw(BUILDS), draw(REVISIONS), draw(DOCA)
    text = f"{year}.{month:02}-{build[0]:06}" if len(build) == 1 else f"{year}.{month:02}-{_dotted(build)}"
    text += "" if revision is None else f"-{revision}"
    text = text if doca is None else f"doca{_dotted(doca)}-{text}"
    padded = [*build, *[-1] * (5 - len(build))]
    count = (year, month, *(doca or (-1, -1, -1)), *padded, -1 if revision is None else revision)
    return count, text


def _dotted(numbers: Iterable[int]) -> str:
    return ".".join(map(str, numbers))


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
def test_published_versions_sort_as_they_came_out_whatever_order_they_are_listed_in(
    shuffled: list[str],
) -> None:
    assert sorted(shuffled, key=version_key) == list(PUBLISHED)


def test_no_two_published_versions_are_equal() -> None:
    pairs = [(a, b) for a, b in product(PUBLISHED, PUBLISHED) if version_key(a) == version_key(b)]

    assert pairs == [(version, version) for version in PUBLISHED]
