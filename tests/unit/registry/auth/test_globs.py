import pytest

from gitops_doca.registry.auth.globs import matches


@pytest.mark.parametrize(
    ("pattern", "label"),
    [
        ("nvcr", "nvcr"),
        ("*", "nvcr"),
        ("*", ""),
        ("n*", "nvcr"),
        ("*r", "nvcr"),
        ("n*r", "nr"),
        ("*v*r*", "nvcr"),
        ("n?cr", "nvcr"),
        ("[a-z]vcr", "nvcr"),
        ("[mn]vcr", "nvcr"),
        ("[^a]vcr", "nvcr"),
        ("[^a-mo-z]vcr", "nvcr"),
        ("[!n]vcr", "nvcr"),
        ("[!n]vcr", "!vcr"),
        ("[a\\]]vcr", "]vcr"),
        ("[a\\-z]vcr", "-vcr"),
        ("\\n\\vcr", "nvcr"),
        ("\\*", "*"),
        ("[\\^a]vcr", "^vcr"),
        ("*" * 40 + "b", "a" * 60 + "b"),
    ],
)
def test_what_a_pattern_matches(pattern: str, label: str) -> None:
    assert matches(pattern, label)


@pytest.mark.parametrize(
    ("pattern", "label"),
    [
        ("nvcr", "nvcrx"),
        ("nvcr", "NVCR"),
        ("nvc", "nvcr"),
        ("", "nvcr"),
        ("?", ""),
        ("n?r", "nvcr"),
        ("[a-m]vcr", "nvcr"),
        ("[^n]vcr", "nvcr"),
        ("[a-mo-z]vcr", "nvcr"),
        ("[^a]", ""),
        ("\\*", "nvcr"),
        ("*a" * 30 + "b", "a" * 63),
    ],
)
def test_what_it_does_not_match(pattern: str, label: str) -> None:
    assert not matches(pattern, label)


@pytest.mark.parametrize(
    "pattern", ["[", "[]", "[a", "[^", "[^]", "[a-", "[a-]", "[-a]", "a[]b]", "nvcr\\", "*["]
)
def test_a_malformed_pattern_matches_nothing(pattern: str) -> None:
    assert not any(matches(pattern, label) for label in ("", "a", "nvcr", "[", pattern))
