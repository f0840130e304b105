from pathlib import Path

import pytest

from gitops_doca.cli.output.summary import summarize
from gitops_doca.core.diagnostics import Problems


def test_a_mistake_in_making_the_document_is_not_taken_for_a_file_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise ValueError("a bug")

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    problems = Problems()

    with pytest.raises(ValueError, match="a bug"):
        summarize(broken, problems)
    assert list(problems) == []
