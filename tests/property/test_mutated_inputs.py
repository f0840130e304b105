"""Whatever is done to an input, a run ends with one of the codes that say what is wrong with it."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fakes.resolver import FakeResolver
from support.command import INPUTS, POOL, prepare
from support.in_process import run_here
from support.krm import config, resource_list

CODES = {0, 3, 4, 5, 7}
# Words that mean something to a reader, so that a mutation reaches further than the syntax.
WORDS = [
    b"null",
    b"[]",
    b"{}",
    b"5",
    b"1.5",
    b"true",
    b"''",
    b"- ",
    b": ",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!x ",
    b"---\n",
    b'"',
    b"\0",
    b"\xff",
    b"items",
    b"kind",
    b"\\ud800",
    b"9" * 30,
    b"e" * 300,
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    prepare(tmp_path, monkeypatch, FakeResolver([POOL.tag]))
    return tmp_path


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple[float, int, bytes]]:
    """Draw places (as a share of the text), how many bytes go there, and what takes their place."""
    return draw(
        st.lists(
            st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(WORDS) | st.binary(max_size=4)),
            min_size=1,
            max_size=4,
        )
    )


def mutated(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for share, removed, added in changes:
        at = int(share * len(data))
        data = data[:at] + added + data[at + removed :]
    return data


@given(name=st.sampled_from(["policy.yaml", "nodes.json"]), changes=mutations())
@example(name="policy.yaml", changes=[(0.0, 10_000, b"kind: [a]")])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_mutated_input_never_ends_as_a_bug(
    name: str, changes: list[tuple[float, int, bytes]], folder: Path
) -> None:
    original = (folder / name).read_bytes()
    (folder / name).write_bytes(mutated(original, changes))
    try:
        result = run_here("generate", *INPUTS, cwd=folder)
    finally:
        (folder / name).write_bytes(original)

    assert result.exit_code in CODES, result.stderr
    assert (result.exit_code == 0) == (result.stdout != b"")
    assert len(result.stderr.encode()) <= 4096


@given(changes=mutations())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_mutated_call_of_the_function_ends_with_results(
    changes: list[tuple[float, int, bytes]], folder: Path
) -> None:
    item = yaml.safe_load((folder / "policy.yaml").read_text())
    stdin = mutated(resource_list([item], config(inventory="nodes.json")), changes)

    result = run_here("krm", cwd=folder, stdin=stdin)

    assert result.exit_code in CODES | {6}, result.stderr
    written = yaml.safe_load(result.stdout)
    failed = [one for one in written["results"] if one["severity"] == "error"]
    assert (result.exit_code == 0) == (not failed) == (written["items"] != [])
