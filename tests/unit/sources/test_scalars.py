import math

import pytest

from gitops_doca.sources.scalars import Scalar, resolve_plain


@pytest.mark.parametrize("text", ["on", "On", "ON", "yes", "Yes", "true", "TRUE", "y", "Y"])
def test_words_for_yes_are_true(text: str) -> None:
    assert resolve_plain(text) is True


@pytest.mark.parametrize("text", ["off", "Off", "OFF", "no", "No", "false", "FALSE", "n", "N"])
def test_words_for_no_are_false(text: str) -> None:
    assert resolve_plain(text) is False


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_words_for_nothing_are_none(text: str) -> None:
    assert resolve_plain(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("12", 12),
        ("+1", 1),
        ("-1", -1),
        ("0755", 493),
        ("0o17", 15),
        ("0O17", 15),
        ("0x1F", 31),
        ("0X1f", 31),
        ("-0x1F", -31),
        ("0xb", 11),
        ("0x0b1", 177),
        ("0b101", 5),
        ("-0b101010", -42),
        ("1_000", 1000),
        ("0x_0A_74_AE", 685230),
        ("18446744073709551615", 2**64 - 1),
        ("0xFFFFFFFFFFFFFFFFFF", 2**72 - 1),
    ],
)
def test_whole_numbers_are_read_in_their_base(text: str, number: int) -> None:
    found = resolve_plain(text)

    assert (found, type(found)) == (number, int)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("24.10", 24.1),
        ("1e3", 1000.0),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("08", 8.0),
        ("685_230.15", 685230.15),
        ("18446744073709551616", 2.0**64),
        (".inf", math.inf),
        ("+.Inf", math.inf),
        ("-.INF", -math.inf),
    ],
)
def test_other_numbers_are_floats(text: str, number: float) -> None:
    found = resolve_plain(text)

    assert (found, type(found)) == (number, float)


def test_nan_is_a_float() -> None:
    found = resolve_plain(".NaN")

    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    "text",
    [
        "1:30",
        "2025-01-01",
        "2025-01-01T00:00:00Z",
        "+",
        "-",
        ".",
        "0x",
        "0x_",
        "0b2",
        "1e400",
        "1.2.3",
        "._5",
        "_1",
        "-b_c",
        "25.04-0.6.1.0-2",
        "yEs",
        "Nan",
        "inf",
        "nULL",
        "¹",
        "٣",
        "1" * 401,
    ],
)
def test_everything_else_stays_text(text: str) -> None:
    found: Scalar = resolve_plain(text)

    assert found == text
