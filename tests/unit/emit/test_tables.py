from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.emit.tables import GREEN, Layout, Table, text_table, wrapped

PARTS = [
    ("POOL", "POLICY", "1", "2", "3"),
    ("ubuntu22.04/5", "long-policy-name", "yes", "compiles", "no"),
    ("ubuntu24.04/6", "other", "no", "yes", "?"),
]
CLUSTERS = [("CLUSTER", "POOL", "NODES"), ("a", "ubuntu22.04/5", "1"), ("a", "x", "2"), ("b", "x", "3")]


def test_the_widest_cells_lose_their_beginning() -> None:
    rows = [("A", "B"), ("short", "0123456789abcdef"), ("x", "y")]

    assert Table(rows=rows).lines(Layout(width=17)) == ["A      B", "short  …789abcdef", "x      y"]
    assert Table(rows=rows).lines() == ["A      B", "short  0123456789abcdef", "x      y"]
    assert Table(rows=rows).lines(Layout(width=17, wide=True)) == text_table(rows)


def test_soft_columns_give_way_first() -> None:
    rows = [("SOFT", "HARD"), ("0123456789", "0123456789abcdef")]

    assert Table(rows=rows, soft=("SOFT",)).lines(Layout(width=26)) == [
        "SOFT      HARD",
        "…3456789  0123456789abcdef",
    ]


def test_no_column_is_cut_to_nothing() -> None:
    rows = [("A", "B"), ("0123456789", "0123456789")]

    assert Table(rows=rows).lines(Layout(width=1)) == ["A         B", "…3456789  …3456789"]


def test_wide_characters_take_two_columns_and_marks_none() -> None:
    rows = [("A", "B"), ("集群", "1"), ("e\u0301", "2"), ("…", "3")]

    assert text_table(rows) == ["A     B", "集群  1", "e\u0301     2", "…     3"]
    assert Table(rows=[("A", "B"), ("0集群集群集群", "1")]).lines(Layout(width=13)) == [
        "A           B",
        "…集群集群   1",
    ]


def test_words_with_a_colour_stay_whole() -> None:
    rows = [("STATE", "B"), ("precompiled", "0123456789"), ("0123456789abcdef", "b")]

    assert Table(rows=rows, colours={"precompiled": GREEN}).lines(Layout(width=21, coloured=True)) == [
        "STATE        B",
        "\x1b[32mprecompiled\x1b[0m  …3456789",
        "…6789abcdef  b",
    ]


def test_columns_that_say_the_same_in_each_row_are_told_below() -> None:
    rows = [("POOL", "POLICY", "STATE", "NOTE"), ("a", "p", "ok", "-"), ("b", "p", "ok", "-")]
    table = Table(rows=rows, each="pool", keep=("STATE",))

    assert table.lines() == ["POOL  STATE", "a     ok", "b     ok", "every pool: policy p"]
    assert table.lines(Layout(width=14)) == [
        "POOL  STATE",
        "a     ok",
        "b     ok",
        "every pool:",
        "  policy p",
    ]
    assert table.lines(Layout(wide=True)) == text_table(rows)
    assert Table(rows=rows[:2], each="pool").lines() == text_table(rows[:2])


def test_a_first_column_becomes_titles_where_it_does_not_fit() -> None:
    table = Table(rows=CLUSTERS, title="CLUSTER")

    assert table.lines(Layout(width=29)) == text_table(CLUSTERS)
    assert table.lines(Layout(width=28)) == [
        "POOL           NODES",
        "a:",
        "ubuntu22.04/5  1",
        "x              2",
        "b:",
        "x              3",
    ]


def test_a_table_is_split_and_each_part_has_the_first_column() -> None:
    assert Table(rows=PARTS, split=True, soft=("POLICY",)).lines(Layout(width=45)) == [
        "POOL           POLICY            1",
        "ubuntu22.04/5  long-policy-name  yes",
        "ubuntu24.04/6  other             no",
        "",
        "POOL           2         3",
        "ubuntu22.04/5  compiles  no",
        "ubuntu24.04/6  yes       ?",
    ]


def test_colours_do_not_count_and_are_not_in_the_heads() -> None:
    rows = [("yes", "B"), ("yes", "b"), ("\x1b[31m", "c")]

    assert Table(rows=rows, colours={"yes": GREEN}).lines(Layout(coloured=True)) == [
        "yes       B",
        "\x1b[32myes\x1b[0m       b",
        "\\x1b[31m  c",
    ]


def test_notes_break_between_words_on_a_terminal_only() -> None:
    notes = ["a note about doca3.4.0-26.04-0.8.0.0-0", "b"]

    assert list(wrapped(notes, Layout(width=20))) == ["a note about", "  doca3.4.0-26.04-0.8.0.0-0", "b"]
    assert list(wrapped(["集群集群 集群"], Layout(width=12))) == ["集群集群", "  集群"]
    assert list(wrapped(notes, Layout(), "  ")) == [f"  {note}" for note in notes]


CELLS = st.text("abc/-.é\x1b", max_size=60)
ROWS = st.integers(1, 6).flatmap(
    lambda columns: st.lists(st.lists(CELLS, min_size=columns, max_size=columns), min_size=1, max_size=5)
)


@given(ROWS, st.integers(70, 200), st.booleans(), st.booleans())
def test_a_table_of_a_few_columns_never_exceeds_the_terminal(
    rows: list[list[str]],
    width: int,
    split: bool,  # noqa: FBT001 (drawn)
    titled: bool,  # noqa: FBT001 (drawn)
) -> None:
    table = Table(rows=rows, split=split, title=rows[0][0] if titled and len(rows[0]) > 1 else None)

    assert all(len(line) <= width and line.isprintable() for line in table.lines(Layout(width=width)))
