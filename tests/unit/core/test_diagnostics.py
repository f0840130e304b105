import pytest

from gitops_doca.core.diagnostics import (
    MOST,
    MOST_OF_A_FILE,
    Category,
    Diagnostic,
    GenerationError,
    Place,
    Problems,
)


@pytest.mark.parametrize(
    ("category", "code"),
    [
        (Category.USAGE, 2),
        (Category.INPUT, 3),
        (Category.MISSING, 4),
        (Category.UNKNOWN, 5),
        (Category.LOCK, 6),
        (Category.EMPTY, 7),
        (Category.IO, 74),
    ],
)
def test_each_class_has_its_exit_code(category: Category, code: int) -> None:
    problems = Problems()
    problems.error("x", category=category)
    problems.warn("y")
    with pytest.raises(GenerationError) as raised:
        problems.raise_errors()

    assert (category.exit_code, raised.value.exit_code) == (code, code)


def test_of_several_classes_input_goes_before_lock_before_missing_before_unknown() -> None:
    problems = Problems()
    codes = []
    for category in (Category.EMPTY, Category.UNKNOWN, Category.MISSING, Category.LOCK, Category.INPUT):
        problems.error(category.value, category=category)
        codes.append(GenerationError(tuple(problems)).exit_code)

    assert codes == [7, 5, 4, 6, 3]


def test_warnings_end_no_run() -> None:
    problems = Problems()
    problems.warn("x", Place("a", 1), help="y")
    problems.raise_errors()

    assert problems.errors == ()
    assert problems.warnings == (Diagnostic(category=None, message="x", place=Place("a", 1), help="y"),)


def test_problems_come_by_class_file_line_and_field_each_once() -> None:
    problems = Problems()
    problems.warn("warning", Place("a", 1))
    problems.error("unknown", Place("a", 1), category=Category.UNKNOWN)
    for _ in range(2):
        problems.error("c", Place("b", 1))
        problems.error("b", Place("a", 10))
        problems.error("a", Place("a", 9, "y"))
        problems.error("a", Place("a", 9, "x"))

    assert [(problem.message, problem.place) for problem in problems] == [
        ("a", Place("a", 9, "x")),
        ("a", Place("a", 9, "y")),
        ("b", Place("a", 10)),
        ("c", Place("b", 1)),
        ("unknown", Place("a", 1)),
        ("warning", Place("a", 1)),
    ]
    with pytest.raises(GenerationError) as raised:
        problems.raise_errors()
    assert raised.value.diagnostics == tuple(problems)
    assert str(raised.value) == "a; a; b; c; unknown; warning"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place(), ""),
        (Place("a"), "a"),
        (Place("a", 3), "a:3"),
        (Place("a", 3, "spec.x"), "a:3: spec.x"),
        (Place("a", 0, "spec"), "a: spec"),
        (Place("", 0, "spec"), "spec"),
        (Place("a", 3, "spec").at("x"), "a:3: spec.x"),
        (Place("a", 3, "spec").at("x", 5), "a:5: spec.x"),
        (Place("a", 3, "spec").at("[0]"), "a:3: spec[0]"),
        (Place("a", 3).at("x"), "a:3: x"),
    ],
)
def test_a_place_is_file_line_and_field(place: Place, text: str) -> None:
    assert str(place) == text


def listed(problems: Problems) -> list[tuple[str, Place]]:
    return [(problem.message, problem.place) for problem in problems]


def test_of_a_file_so_many_problems_are_kept_and_the_others_counted() -> None:
    problems = Problems()
    for line in range(1, MOST_OF_A_FILE + 300_001):
        problems.error("wrong", Place("a", line))
    problems.error("wrong", Place("b", 1))

    assert listed(problems) == [
        *(("wrong", Place("a", line)) for line in range(1, MOST_OF_A_FILE + 1)),
        ("300,000 more problems of this file are not shown", Place("a", MOST_OF_A_FILE + 1)),
        ("wrong", Place("b", 1)),
    ]


def test_an_error_is_kept_beside_any_number_of_warnings() -> None:
    problems = Problems()
    for line in range(1, MOST_OF_A_FILE + 2):
        problems.warn("strange", Place("a", line))
    problems.error("wrong", Place("a", 2))

    assert [problem.message for problem in problems.errors] == ["wrong"]
    assert problems.warnings[-1].message == "1 more problem of this file is not shown"


def test_of_all_files_so_many_problems_are_kept_and_the_others_counted() -> None:
    problems = Problems()
    for number in range(MOST + 500):
        problems.error("wrong", Place(f"cluster nodes/{number}"))

    assert len(problems.errors) == MOST + 1
    assert listed(problems)[0] == ("500 more problems are not shown", Place())


def test_what_one_collection_counted_another_one_keeps() -> None:
    inner, outer = Problems(), Problems()
    inner.skip(Place("a", 7), 12)
    for _ in range(2):
        for problem in inner:
            outer.add(problem)

    assert listed(outer) == [("12 more problems of this file are not shown", Place("a", 7))]
    with pytest.raises(GenerationError) as caught:
        outer.raise_errors()
    assert caught.value.exit_code == 3


def test_a_problem_that_is_kept_already_is_not_counted() -> None:
    problems = Problems()
    for line in (*range(1, MOST_OF_A_FILE + 1), 1, 2, 3):
        problems.error("wrong", Place("a", line))

    assert len(problems.errors) == MOST_OF_A_FILE
