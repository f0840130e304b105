"""Files that are not finished are named: templates, merge conflicts, pointers of Git LFS."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cli import Result
from support.in_process import run_here

DEMO = Path(__file__).resolve().parents[2] / "fixtures" / "demo"
FILES = ("policy.yaml", "nodes.yaml", "gitops-doca.yaml", "gitops-doca.lock.yaml")
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n"
CONFLICT_HELP = "resolve the conflict, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>"
TEMPLATE_HELP = "render the template first, for example with helm template, and use its output"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DEMO, tmp_path, dirs_exist_ok=True)
    return tmp_path


def change(file: Path, edit: Callable[[list[str]], list[str]]) -> None:
    file.write_text("".join(edit(file.read_text().splitlines(keepends=True))))


def refused(name: str, result: Result) -> list[str]:
    """Return what is said of a file, without its name."""
    assert (result.exit_code, result.stdout) == (6 if "lock" in name else 3, b"")
    return [
        line.removeprefix(f"error[{'lock' if 'lock' in name else 'input'}]: ")
        for line in result.stderr.splitlines()
    ]


@pytest.mark.parametrize("name", FILES)
def test_markers_of_a_merge_conflict(name: str, folder: Path) -> None:
    change(
        folder / name,
        lambda lines: [
            *lines[:3],
            "<<<<<<< HEAD\n",
            lines[3],
            "=======\n",
            lines[3],
            ">>>>>>> b\n",
            *lines[4:],
        ],
    )

    assert refused(name, run_here("generate", cwd=folder)) == [
        f"{name}:4: has the markers of a merge conflict",
        f"  help: {CONFLICT_HELP}",
    ]


def test_a_conflict_about_the_whole_of_a_file_is_one_error(folder: Path) -> None:
    (folder / "nodes.yaml").write_text("<<<<<<< HEAD\nkind: Node\n=======\nkind: List\n>>>>>>> b\n")

    assert refused("nodes.yaml", run_here("generate", cwd=folder)) == [
        "nodes.yaml:1: has the markers of a merge conflict",
        f"  help: {CONFLICT_HELP}",
    ]


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "||||||| base", "=======", ">>>>>>> topic", "=======\r"])
@pytest.mark.parametrize("line", [0, 4, 99])
def test_a_marker_that_was_forgotten(marker: str, line: int, folder: Path) -> None:
    policy = folder / "policy.yaml"
    line = min(line, policy.read_text().count("\n"))
    change(policy, lambda lines: [*lines[:line], f"{marker}\n", *lines[line:]])

    assert refused("policy.yaml", run_here("generate", cwd=folder)) == [
        f"policy.yaml:{line + 1}: has the markers of a merge conflict",
        f"  help: {CONFLICT_HELP}",
    ]


def test_a_conflict_in_json(folder: Path) -> None:
    (folder / "nodes.json").write_text('<<<<<<< HEAD\n{"items": []}\n=======\n{}\n>>>>>>> b\n')

    result = run_here("generate", "-i", "nodes.json", cwd=folder)

    assert refused("nodes.json", result)[0] == "nodes.json:1: has the markers of a merge conflict"


def test_a_text_that_shows_a_conflict_is_none(folder: Path) -> None:
    change(
        folder / "policy.yaml",
        lambda lines: [
            *lines,
            "---\nkind: ConfigMap\ndata:\n  a: |\n    <<<<<<< HEAD\n    =======\n  b: '{{ x }} ${y}'\n",
        ],
    )

    assert run_here("generate", cwd=folder).exit_code == 0


@pytest.mark.parametrize("name", FILES)
def test_a_pointer_of_git_lfs(name: str, folder: Path) -> None:
    (folder / name).write_text(LFS)

    assert refused(name, run_here("generate", cwd=folder)) == [
        f"{name}:1: is a pointer of Git LFS; the file itself was not fetched",
        "  help: run: git lfs pull",
    ]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "line", ["{{- if .Values.x }}", '{{ include "x" . }}', "{% if x %}", "{{- /* a */}}"]
)
@pytest.mark.parametrize("at", [0, 3])
def test_a_line_of_a_template(name: str, line: str, at: int, folder: Path) -> None:
    change(folder / name, lambda lines: [*lines[:at], f"{line}\n", *lines[at:]])

    assert refused(name, run_here("generate", cwd=folder)) == [
        f"{name}:{at + 1}: looks like a template that was not rendered",
        f"  help: {TEMPLATE_HELP}",
    ]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "value", ["{{ x }}", "{{ .Values.v | quote }}", "[{{ x }}]", "{% x %}", "{{x}}-{{y}}"]
)
def test_a_value_of_a_template(name: str, value: str, folder: Path) -> None:
    change(folder / name, lambda lines: [*lines[:2], f"extra: {value}\n", *lines[2:]])

    assert refused(name, run_here("generate", cwd=folder)) == [
        f"{name}:3: looks like a template that was not rendered",
        f"  help: {TEMPLATE_HELP}",
    ]


def test_a_template_of_json(folder: Path) -> None:
    (folder / "nodes.json").write_text('{"kind": "List",\n "items": [{{ range .nodes }}\n]}\n')

    result = run_here("generate", "-i", "nodes.json", cwd=folder)

    assert refused("nodes.json", result)[0] == "nodes.json:2: looks like a template that was not rendered"


def test_a_broken_line_with_quoted_braces_is_no_template(folder: Path) -> None:
    change(folder / "policy.yaml", lambda lines: [*lines, "a: '{{ x }}' y # {{\n"])

    assert refused("policy.yaml", run_here("generate", cwd=folder))[0].startswith(
        f"policy.yaml:{len((folder / 'policy.yaml').read_text().splitlines())}: is not valid YAML: "
    )
