"""Text of strangers through the command line: no output is led by it."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops_doca.emit.escape import printable
from gitops_doca.sources.reading.scalars import NotFiniteError
from support.cli import ROOT, Result
from support.hostile import HARMLESS, HOSTILE, is_unicode
from support.in_process import run_here
from support.markup import render

DEMO = ROOT / "fixtures" / "demo"
FILE_NAMES = [text.replace("/", "_").replace("\0", "") for text in HOSTILE if text != "\ud800"]
"""What a folder can be named."""


def copy_demo(folder: Path) -> Path:
    shutil.copytree(DEMO, folder)
    return folder


def shown_lines(result: Result) -> list[str]:
    """Return the lines of both streams, which a terminal may show."""
    lines = [*result.stdout.decode().split("\n"), *result.stderr.split("\n")]
    assert [line for line in lines if printable(line) != line] == []
    return lines


def check_fleet(folder: Path, names: list[str], *flags: str) -> Result:
    for name in names:
        if not (folder / "clusters" / name).exists():
            copy_demo(folder / "clusters" / name)
    return run_here("check", *(f"clusters/{name}" for name in names), *flags, cwd=folder)


PLAIN_NAMES = [f"{HARMLESS}-{number:03}" for number in range(len(FILE_NAMES))]


def test_folders_of_a_fleet_keep_to_their_cells(tmp_path: Path) -> None:
    hostile, harmless = (
        check_fleet(tmp_path, names, "-o", "markdown") for names in (FILE_NAMES, PLAIN_NAMES)
    )
    found = render(hostile.stdout.decode())

    assert (hostile.exit_code, harmless.exit_code) == (0, 0)
    assert found.structure == render(harmless.stdout.decode()).structure
    assert (found.references, len(shown_lines(hostile))) == ([], len(shown_lines(harmless)))


def test_folders_of_a_fleet_keep_to_their_lines(tmp_path: Path) -> None:
    hostile, harmless = (check_fleet(tmp_path, names, "-v") for names in (FILE_NAMES, PLAIN_NAMES))

    assert (hostile.exit_code, harmless.exit_code) == (0, 0)
    assert len(shown_lines(hostile)) == len(shown_lines(harmless))


def test_json_names_the_folders_of_a_fleet_as_they_are(tmp_path: Path) -> None:
    result = check_fleet(tmp_path, FILE_NAMES, "-o", "json")

    found = [one["cluster"] for one in json.loads(result.stdout)["clusters"]]
    assert sorted(found) == sorted(f"clusters/{name}" for name in FILE_NAMES)
    assert shown_lines(result)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "\u202ea", "@octocat"])
def test_explained_settings_keep_to_their_lines(tmp_path: Path, name: str) -> None:
    folder = copy_demo(tmp_path / name)
    result = run_here("check", "--explain-config", name, cwd=folder.parent)
    plain = run_here("check", "--explain-config", cwd=folder)

    assert (result.exit_code, len(shown_lines(result))) == (0, len(shown_lines(plain)))


# A folder of manifests


def manifest(number: int, text: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "gitops-doca", "x": text}
    annotations = {"gitops-doca.dev/pool": f"{number:03}{text}", "gitops-doca.dev/image-source": text}
    containers = [{"name": "mofed-container", "image": f"{text}/a:{text}"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": f"a{number:03}",
            "namespace": "default",
            "labels": labels,
            "annotations": annotations,
        },
        "spec": {"template": {"spec": {"containers": containers}}},
    }


def write_manifests(folder: Path, texts: list[str]) -> Path:
    folder.mkdir()
    objects = [manifest(number, text) for number, text in enumerate(texts)]
    (folder / "all.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return folder


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_manifests_of_strangers_keep_to_their_place_in_a_difference(tmp_path: Path, form: str) -> None:
    texts = [text for text in HOSTILE if is_unicode(text)]
    cluster = copy_demo(tmp_path / "cluster")
    write_manifests(tmp_path / "hostile", texts)
    write_manifests(tmp_path / "harmless", [HARMLESS] * len(texts))
    hostile, harmless = (
        run_here("diff", f"../{name}", "-o", form, cwd=cluster, env={"GITHUB_STEP_SUMMARY": str(summary)})
        for name in ("hostile", "harmless")
        for summary in [tmp_path / f"{name}.md"]
    )

    assert (hostile.exit_code, harmless.exit_code) == (1, 1)
    assert shown_lines(hostile)
    found, plain = (render((tmp_path / f"{name}.md").read_text()) for name in ("hostile", "harmless"))
    assert (found.structure, found.references) == (plain.structure, [])


def test_a_stream_of_strangers_keeps_to_its_lines(tmp_path: Path) -> None:
    folder = copy_demo(tmp_path / "cluster")
    texts = [text for text in HOSTILE if is_unicode(text)]
    results = []
    for objects in (map(manifest, range(len(texts)), chosen) for chosen in (texts, [HARMLESS] * len(texts))):
        named = [
            {**one, "metadata": {**one["metadata"], "name": one["metadata"]["labels"]["x"]}}
            for one in objects
        ]
        results.append(run_here("verify", "-v", cwd=folder, stdin=yaml.safe_dump_all(named).encode()))
    hostile, harmless = results

    assert (hostile.exit_code, harmless.exit_code) == (1, 1)
    assert len(shown_lines(hostile)) == len(shown_lines(harmless)) > 2 * len(texts)


@pytest.mark.parametrize("text", ["a: .nan\n", "a: -.inf\n", '{"a": 1e999}'])
def test_a_number_that_is_not_finite_is_an_input_error(tmp_path: Path, text: str) -> None:
    folder = copy_demo(tmp_path / "cluster")
    (folder / "rendered").mkdir()
    (folder / "rendered" / "x.yaml").write_text(text)
    result = run_here("diff", "./rendered", cwd=folder)
    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == f"error[input]: rendered/x.yaml:1: {NotFiniteError()}\n"
    result = run_here("generate", "-i", "rendered/x.yaml", cwd=folder)
    assert (result.exit_code, result.stdout) == (3, b"")


def test_a_pipe_in_a_folder_of_manifests_is_an_input_error(tmp_path: Path) -> None:
    folder = copy_demo(tmp_path / "cluster")
    (folder / "rendered").mkdir()
    os.mkfifo(folder / "rendered" / "x.yaml")
    (folder / "rendered" / "y.yaml").symlink_to("/dev/zero")
    (folder / "rendered" / "z").symlink_to("/")

    result = run_here("diff", "./rendered", cwd=folder)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        "error[input]: rendered/x.yaml: is not a regular file, so it is not read\n"
        "  help: remove it, or put a file in its place\n"
        "error[input]: rendered/y.yaml: leads out of the folder, through .. or a link, so it is not read\n"
        "  help: remove it, or put a file in its place\n"
        "warning: rendered/z: is a link to a folder, which is not followed\n"
    )


# A taint


@pytest.mark.parametrize("form", ["text", "markdown", "json", "mirror", "mirror-skopeo", "build"])
def test_a_taint_that_kubernetes_would_not_take_is_an_input_error(tmp_path: Path, form: str) -> None:
    folder = copy_demo(tmp_path / "cluster")
    nodes = folder / "nodes.yaml"
    taint = {"key": "</td>\n@octocat\x1b[31m", "effect": "NoSchedule"}
    items = yaml.safe_load(nodes.read_text())
    items["items"][0].setdefault("spec", {})["taints"] = [taint]
    nodes.write_text(yaml.safe_dump(items))
    name = items["items"][0]["metadata"]["name"]

    result = run_here("check", "-o", form, cwd=folder)

    shown = json.loads(result.stdout)["pools"] if form == "json" else list(result.stdout)
    assert (result.exit_code, shown) == (3, [])
    assert "octocat" not in result.stdout.decode()
    assert result.stderr.split("spec.", 1)[1] == (
        f"taints[0].key: node {name}: the key of the taint is not a name such as dedicated "
        "or example.com/dedicated\n"
    )
