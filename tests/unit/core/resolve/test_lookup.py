import pytest

from fakes.cluster import DIGEST, REPOSITORY
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.lookup import (
    Cause,
    TagExists,
    TagList,
    TagLookup,
    TagMissing,
    TagUnknown,
    cross_check,
)

EXISTS, MISSING = TagExists(DIGEST), TagMissing()
OUTAGE = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")
HIDDEN = TagUnknown(Cause.REPOSITORY, "not visible", repository_hidden=True)
INCONSISTENT = TagUnknown(
    Cause.INCONSISTENT, "the tag list holds this tag, but its manifest is said not to exist"
)
NOT_VISIBLE = TagUnknown(
    Cause.REPOSITORY,
    "the registry does not show this repository: its path is wrong, or it needs credentials",
)
IMAGE, OTHER = REPOSITORY.tag("wanted"), REPOSITORY.tag("other")
ELSEWHERE = parse_repository("nvcr.io/elsewhere/x").tag("wanted")
UNKNOWN_REPOSITORY = TagList(repository_unknown=True)


def _checked(found: TagLookup, listed: TagList | None, other: TagLookup = MISSING) -> TagLookup:
    lists = {} if listed is None else {REPOSITORY: listed}
    return cross_check({IMAGE: found, OTHER: other, ELSEWHERE: EXISTS}, lists)[IMAGE]


@pytest.mark.parametrize("found", [EXISTS, OUTAGE])
@pytest.mark.parametrize(
    "listed", [None, TagList(), TagList(frozenset({"wanted"}), complete=True), UNKNOWN_REPOSITORY]
)
def test_what_is_no_miss_stays_as_it_is(found: TagLookup, listed: TagList | None) -> None:
    assert _checked(found, listed) == found


@pytest.mark.parametrize(
    "listed",
    [None, TagList(), TagList(complete=True), TagList(frozenset({"other"})), TagList(frozenset({"WANTED"}))],
)
def test_a_miss_that_nothing_contradicts_stays_a_miss(listed: TagList | None) -> None:
    assert _checked(MISSING, listed) == MISSING


@pytest.mark.parametrize("complete", [False, True])
def test_a_miss_whose_tag_is_listed_is_unknown(*, complete: bool) -> None:
    assert _checked(MISSING, TagList(frozenset({"wanted"}), complete=complete)) == INCONSISTENT


def test_a_miss_in_a_repository_that_the_registry_does_not_know_is_unknown() -> None:
    assert _checked(MISSING, UNKNOWN_REPOSITORY) == NOT_VISIBLE


def test_a_miss_in_a_repository_that_showed_another_tag_stays_a_miss() -> None:
    assert _checked(MISSING, UNKNOWN_REPOSITORY, other=EXISTS) == MISSING


def test_a_hidden_repository_is_unknown_until_it_shows_another_tag() -> None:
    assert _checked(HIDDEN, None, other=MISSING) == HIDDEN
    assert _checked(HIDDEN, None, other=EXISTS) == MISSING


def test_an_outage_is_no_miss_in_a_repository_that_showed_another_tag() -> None:
    assert _checked(OUTAGE, None, other=EXISTS) == OUTAGE


def test_a_tag_of_a_hidden_repository_that_is_listed_is_no_miss() -> None:
    assert _checked(HIDDEN, TagList(frozenset({"wanted"})), other=EXISTS) == INCONSISTENT


def test_lists_of_other_repositories_say_nothing() -> None:
    lists = {ELSEWHERE.repository: TagList(frozenset({"wanted"}), repository_unknown=True)}

    assert cross_check({IMAGE: MISSING}, lists) == {IMAGE: MISSING}
