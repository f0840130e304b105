import pytest

from gitops_doca.sources.reading.scalars import NotFiniteError, Scalar, resolve_plain


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
        ("0xFFFFFFFFFFFFFFFF", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
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
        ("-9223372036854775809", -(2.0**63)),
        ("9" * 308, 1e308),
        ("0.1000000000000000055511151231257827", 0.1),
        ("1e-400", 0.0),
    ],
)
def test_other_numbers_are_floats(text: str, number: float) -> None:
    found = resolve_plain(text)

    assert (found, type(found)) == (number, float)


@pytest.mark.parametrize("text", [".inf", "+.Inf", "-.INF", ".nan", ".NaN", ".NAN"])
def test_a_number_that_is_not_finite_is_refused(text: str) -> None:
    with pytest.raises(NotFiniteError, match=r"^has a number that is infinite or NaN, which no manifest"):
        resolve_plain(text)


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
        "9" * 309,
        "0xFFFFFFFFFFFFFFFFFF",
        "-0x8000000000000001",
        "0b1" + "0" * 64,
    ],
)
def test_everything_else_stays_text(text: str) -> None:
    found: Scalar = resolve_plain(text)

    assert found == text
