"""A folder of manifests, as `diff` reads it: what is no file of it is not opened."""

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Resource
from gitops_doca.sources.rendered_folder import read_rendered_folder
from support.hostile import HOSTILE, is_unicode
from support.reading import lines

NO_FILE = "is not a regular file, so it is not read"
OUT = "leads out of the folder, through .. or a link, so it is not read"
NOT_FINITE = (
    "has a number that is infinite or NaN, which no manifest can hold; put it in quotes if it is text"
)


def manifest(
    kind: object = "DaemonSet", name: object = "a", namespace: object = "n", **spec: object
) -> Resource:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "gitops-doca"},
        },
        "spec": spec,
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with one manifest, named `out` from where the test runs, beside one that is not its."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.yaml").write_text("canary: 1")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.json").write_text(json.dumps(manifest()))
    return tmp_path / "out"


def read() -> tuple[list[str], list[str]]:
    """Return the names of what is read, and the problems."""
    problems = Problems()
    found = read_rendered_folder("out", problems)
    return [one["metadata"]["name"] for one in found], lines(problems)


def test_files_below_the_folder_are_read_and_others_are_not(folder: Path) -> None:
    (folder / "deep.yaml").mkdir()
    (folder / "deep.yaml" / "b.yml").write_text(json.dumps(manifest(name="b")))
    (folder / ".hidden.yaml").write_text("{")
    (folder / "values.txt").write_text("{")

    assert read() == (["a", "b"], [])


@pytest.mark.parametrize("name", ["pipe.yaml", "deep/pipe.json"])
def test_a_pipe_does_not_block(folder: Path, name: str) -> None:
    (folder / "deep").mkdir()
    os.mkfifo(folder / name)

    assert read() == (["a"], [f"out/{name}: {NO_FILE}"])


def test_a_socket_is_not_opened(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s.yaml"))

        assert read() == (["a"], [f"out/s.yaml: {NO_FILE}"])


@pytest.mark.parametrize("target", ["../secret.yaml", "/dev/zero", "/etc/passwd", "deep/../../secret.yaml"])
def test_a_link_that_leads_out_is_not_followed(folder: Path, target: str) -> None:
    (folder / "deep").mkdir()
    (folder / "link.yaml").symlink_to(target)

    assert read() == (["a"], [f"out/link.yaml: {OUT}"])


def test_a_link_that_stays_inside_is_followed(folder: Path) -> None:
    (folder / ".b").write_text(json.dumps(manifest(name="b")))
    (folder / "link.yaml").symlink_to(".b")

    assert read() == (["a", "b"], [])


@pytest.mark.parametrize("target", ["..", "deep", "/etc"])
def test_a_link_to_a_folder_is_told_and_not_followed(folder: Path, target: str) -> None:
    (folder / "deep").mkdir()
    (folder / "link").symlink_to(target, target_is_directory=True)

    assert read() == (["a"], ["warning: out/link: is a link to a folder, which is not followed"])


def test_a_folder_that_cannot_be_listed_is_told(folder: Path) -> None:
    shutil.rmtree(folder)

    assert read() == ([], ["out: cannot be read: No such file or directory"])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("spec:\n  a: .nan\n", 2),
        ("spec:\n- .inf\n", 2),
        ("spec: {a: -.INF}\n", 1),
        ("spec: !!float .inf\n", 1),
        ("spec: !!float '.inf'\n", 1),
        ('{"spec": {"a": NaN}}', 1),
        ('{"spec": {"a": 1e999}}', 1),
        ('{"spec":\n-Infinity}', 2),
    ],
)
@pytest.mark.parametrize("file", ["b.yaml", "b.json"])
def test_a_number_that_is_not_finite_is_told_with_its_line(
    folder: Path, text: str, line: int, file: str
) -> None:
    (folder / file).write_text(text)

    assert read() == (["a"], [f"out/{file}:{line}: {NOT_FINITE}"])


@pytest.mark.parametrize("text", [text for text in HOSTILE if is_unicode(text)])
@pytest.mark.parametrize("part", ["kind", "name", "namespace"])
def test_an_object_that_kubernetes_would_not_take_is_told_without_its_text(
    folder: Path, text: str, part: str
) -> None:
    (folder / "b.json").write_text(json.dumps(manifest(**{part: text})))

    assert read() == (
        ["a"],
        ["out/b.json:1: the object has a kind, name or namespace that Kubernetes does not allow"],
    )


@pytest.mark.parametrize(
    "fields", [{"kind": None}, {"name": None}, {"name": 5}, {"kind": ["a"]}, {"namespace": 5}]
)
def test_an_object_without_kind_or_name_is_told(folder: Path, fields: dict[str, object]) -> None:
    (folder / "b.json").write_text(json.dumps(manifest(**fields)))

    assert read() == (["a"], ["out/b.json:1: is an object without kind or name"])
