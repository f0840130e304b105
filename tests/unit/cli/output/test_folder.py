import errno
import fcntl
import os
import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from fakes.resolver import FakeResolver
from gitops_doca.cli.output.folder import update_folder
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Place
from gitops_doca.emit.files import first_line
from support.cli import Result
from support.command import INPUTS, POOL, prepare
from support.in_process import run_here
from support.inputs import Pool, write_inputs

OTHER = Pool(kernel="5.15.0-92-generic")
DAEMON_SET, OTHER_DAEMON_SET = (
    "daemonset-mofed-ubuntu22.04-6d568d699f-ds.yaml",
    "daemonset-mofed-ubuntu22.04-58b66878bb-ds.yaml",
)
KUSTOMIZATION, ACCOUNT = "kustomization.yaml", "serviceaccount-ofed-driver.yaml"
FILES = [DAEMON_SET, KUSTOMIZATION, ACCOUNT]
FOREIGN = "is not a file that gitops-doca wrote, and is not overwritten"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(tmp_path)
    return tmp_path


def generate(folder: Path, *flags: str, tags: Collection[str] = (POOL.tag, OTHER.tag)) -> Result:
    return run_here("generate", *INPUTS, *flags, cwd=folder, connect=FakeResolver(tags))


def write(folder: Path, *flags: str) -> Result:
    return generate(folder, "--output-dir", "out", *flags)


def use_pools(folder: Path, *pools: Pool) -> None:
    with chdir(folder):
        write_inputs(Path(), repository="nvcr.io/nvidia/mellanox", pools=pools, forced=True)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_made_with_one_file_an_object(folder: Path) -> None:
    result = generate(folder, "--output-dir", "made/with parents/ö")
    made = folder / "made" / "with parents" / "ö"

    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        b"",
        "made/with parents/ö: 3 files, 3 of them written; 0 removed\n",
    )
    assert listed(made) == FILES
    assert yaml.safe_load((made / KUSTOMIZATION).read_text()) == {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [ACCOUNT, DAEMON_SET],
    }


def test_the_files_hold_what_generate_prints(folder: Path) -> None:
    write(folder)
    printed = list(yaml.safe_load_all(generate(folder).stdout))

    names = yaml.safe_load((folder / "out" / KUSTOMIZATION).read_text())["resources"]
    assert [yaml.safe_load((folder / "out" / name).read_text()) for name in names] == printed


def test_writing_again_touches_no_file(folder: Path) -> None:
    write(folder)
    before = [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in (folder / "out").iterdir()]
    result = write(folder)

    assert (result.exit_code, result.stderr) == (0, "out: 3 files, 0 of them written; 0 removed\n")
    assert before == [
        (path, path.stat().st_mtime_ns, path.stat().st_ino) for path in (folder / "out").iterdir()
    ]


def test_files_of_pools_that_went_away_go_and_all_others_stay(folder: Path) -> None:
    use_pools(folder, POOL, OTHER)
    write(folder)
    others = {
        "README.md": b"ours\n",
        "patch.yaml": b"kind: Patch\n",
        "daemonset-mofed-mine-ds.yaml": b"kind: DaemonSet\n",
        # A copy of a file of ours keeps the first line of its old name.
        "copy.yaml": (folder / "out" / DAEMON_SET).read_bytes(),
        "link.yaml": (folder / "out" / OTHER_DAEMON_SET).read_bytes(),
    }
    (folder / "elsewhere").write_bytes(others["link.yaml"])
    (folder / "out" / "link.yaml").symlink_to("../elsewhere")
    (folder / "out" / "sub").mkdir()
    for name in others.keys() - {"link.yaml"}:
        (folder / "out" / name).write_bytes(others[name])
    use_pools(folder, POOL)
    result = write(folder)

    assert (result.exit_code, result.stderr) == (0, "out: 3 files, 1 of them written; 1 removed\n")
    assert listed(folder / "out") == sorted([*FILES, *others, "sub"])
    assert others.items() <= content(folder / "out").items()


def test_check_is_silent_about_a_current_folder(folder: Path) -> None:
    write(folder)

    result = write(folder, "--check")

    assert (result.exit_code, result.stdout, result.stderr) == (0, b"", "out: current\n")


@pytest.mark.parametrize("lines", [None, 3], ids=["all line ends", "some line ends"])
def test_a_checkout_with_other_line_ends_is_current_and_stays(folder: Path, lines: int | None) -> None:
    write(folder)
    for file in (folder / "out").iterdir():
        text = file.read_bytes()
        file.write_bytes(text.replace(b"\n", b"\r\n", -1 if lines is None else lines))
    before = content(folder / "out")

    checked = write(folder, "--check")
    written = write(folder)

    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, b"", "out: current\n")
    assert written.stderr == "out: 3 files, 0 of them written; 0 removed\n"
    assert content(folder / "out") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"\n", b"\r"), (b"\n", b"\n\n"), (b"\n", b"\r\r\n"), (b"OnDelete\n", b"OnDelete \r\n")],
    ids=["lone carriage returns", "empty lines", "two carriage returns", "a space before the end"],
)
def test_what_is_more_than_line_ends_is_different(folder: Path, old: bytes, new: bytes) -> None:
    write(folder)
    file = folder / "out" / DAEMON_SET
    first, rest = file.read_bytes().split(b"\n", 1)
    file.write_bytes(first + b"\n" + rest.replace(old, new))

    result = write(folder, "--check")

    assert (result.exit_code, result.stdout.decode()) == (1, f"different  {DAEMON_SET}\n")


def test_check_says_which_files_are_not_current_and_writes_nothing(folder: Path) -> None:
    use_pools(folder, POOL)
    write(folder)
    (folder / "out" / ACCOUNT).unlink()
    use_pools(folder, OTHER)
    before = content(folder / "out")

    result = write(folder, "--check")

    assert (result.exit_code, result.stderr) == (
        1,
        "out: out of date; to update it, run the same command without --check\n",
    )
    assert result.stdout.decode().splitlines() == [
        f"missing    {OTHER_DAEMON_SET}",
        f"missing    {ACCOUNT}",
        f"different  {KUSTOMIZATION}",
        f"surplus    {DAEMON_SET}",
    ]
    assert content(folder / "out") == before


def test_check_makes_no_folder(folder: Path) -> None:
    result = write(folder, "--check")

    assert (result.exit_code, result.stdout.decode().split()) == (
        1,
        [word for name in FILES for word in ("missing", name)],
    )
    assert not (folder / "out").exists()


# Failures leave everything as it was


def test_a_missing_image_writes_nothing(folder: Path) -> None:
    result = generate(folder, "--output-dir", "out", tags=())

    assert (result.exit_code, result.stdout) == (4, b"")
    assert not (folder / "out").exists()


def test_a_policy_that_cannot_be_used_writes_nothing(folder: Path) -> None:
    write(folder)
    before = content(folder / "out")
    (folder / "policy.yaml").write_text("kind: NicClusterPolicy\napiVersion: mellanox.com/v1alpha1\n")

    result = write(folder)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert content(folder / "out") == before


def a_file(out: Path) -> None:
    out.write_text("mine")


def a_link(out: Path) -> None:
    (out.parent / "real").mkdir()
    out.symlink_to("real")


def a_dangling_link(out: Path) -> None:
    out.symlink_to("nowhere")


def a_foreign_kustomization(out: Path) -> None:
    out.mkdir()
    (out / KUSTOMIZATION).write_text("resources: []\n")


def another_kustomization(out: Path) -> None:
    out.mkdir()
    (out / "kustomization.yml").write_text("resources: []\n")


def a_foreign_file_of_our_name(out: Path) -> None:
    out.mkdir()
    (out / ACCOUNT).write_text("kind: ServiceAccount\n")


def a_linked_file(out: Path) -> None:
    out.mkdir()
    (out.parent / "elsewhere").write_text(first_line(ACCOUNT))
    (out / ACCOUNT).symlink_to("../elsewhere")


def a_folder_of_our_name(out: Path) -> None:
    (out / ACCOUNT).mkdir(parents=True)


def a_pipe_of_our_name(out: Path) -> None:
    out.mkdir()
    os.mkfifo(out / ACCOUNT)


@pytest.mark.parametrize("flags", [(), ("--check",)])
@pytest.mark.parametrize(
    ("prepared", "sentence"),
    [
        (a_file, "out: is not a folder"),
        (a_link, "out: is a symbolic link"),
        (a_dangling_link, "out: is a symbolic link"),
        (a_foreign_kustomization, f"out/{KUSTOMIZATION}: {FOREIGN}"),
        (
            another_kustomization,
            f"out/kustomization.yml: kustomize builds no folder that has this and a {KUSTOMIZATION}",
        ),
        (a_foreign_file_of_our_name, f"out/{ACCOUNT}: {FOREIGN}"),
        (a_linked_file, f"out/{ACCOUNT}: is a symbolic link"),
        (a_folder_of_our_name, f"out/{ACCOUNT}: {FOREIGN}"),
        (a_pipe_of_our_name, f"out/{ACCOUNT}: {FOREIGN}"),
    ],
)
def test_what_is_not_ours_is_refused_and_nothing_is_changed(
    prepared: Callable[[Path], None], sentence: str, flags: tuple[str, ...], folder: Path
) -> None:
    prepared(folder / "out")
    before = tree(folder)

    result = write(folder, *flags)

    assert (result.exit_code, result.stdout) == (74, b"")
    assert result.stderr.splitlines()[0] == f"error[io]: {sentence}"
    assert tree(folder) == before


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def test_a_foreign_kustomization_is_told_before_the_registries_are_asked(folder: Path) -> None:
    a_foreign_kustomization(folder / "out")

    assert generate(folder, "--output-dir", "out", tags=()).exit_code == 74


@pytest.mark.parametrize("name", ["nodes.json/out", "a" * 300])
def test_a_folder_that_cannot_be_made_is_told(name: str, folder: Path) -> None:
    result = generate(folder, "--output-dir", name)

    assert (result.exit_code, result.stdout) == (74, b"")
    assert re.match(r"error\[io\]: '.*' could not be read: ", result.stderr)


def test_what_a_crash_left_is_cleaned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_pools(folder, POOL)
    write(folder)
    use_pools(folder, OTHER)
    synced = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(os, "fsync", full)
    failed = write(folder)
    monkeypatch.undo()
    (folder / "out" / ".gitops-doca.0123abcd").write_text("half")
    prepare(folder)

    assert failed.stderr == (
        "error[io]: out/kustomization.yaml could not be written: No space left on device\n"
    )
    # What the old kustomization lists is still there.
    assert listed(folder / "out") == sorted([".gitops-doca.0123abcd", *FILES, OTHER_DAEMON_SET])

    assert write(folder).stderr == "out: 3 files, 0 of them written; 1 removed\n"
    assert listed(folder / "out") == FILES


# Runs at once


def test_runs_that_want_the_same_folder_take_turns(folder: Path) -> None:
    files = {name: f"{first_line(name)}\nmine\n" for name in ("a.yaml", "b.yaml", KUSTOMIZATION)}
    others = {name: f"{first_line(name)}\nother\n" for name in ("b.yaml", "c.yaml", KUSTOMIZATION)}
    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(update_folder, folder / "one", wanted) for wanted in (files, others) * 5]
            for run in runs:
                run.result()

        assert content(folder / "one") in [encoded(files), encoded(others)]


def encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in files.items()}


def test_a_folder_that_another_run_keeps_is_told(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    with pytest.raises(GenerationError) as caught:
        update_folder(tmp_path, {KUSTOMIZATION: first_line(KUSTOMIZATION)}, patience=0.1)

    os.close(descriptor)
    assert caught.value.diagnostics == (
        Diagnostic(
            category=Category.IO,
            message="is being written by another gitops-doca",
            place=Place(str(tmp_path)),
            help="run it again when no other program writes to it",
        ),
    )
    assert listed(tmp_path) == []


def test_a_folder_that_something_else_changes_meanwhile_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: first_line(name) + "\n" for name in ("a.yaml", KUSTOMIZATION)}
    really_sync = os.fsync

    def meddle(descriptor: int) -> None:
        really_sync(descriptor)
        (tmp_path / "b.yaml").write_text(first_line("b.yaml") + "\n")

    monkeypatch.setattr(os, "fsync", meddle)

    with pytest.raises(GenerationError) as caught:
        update_folder(tmp_path, files)

    assert [d.message for d in caught.value.diagnostics] == [
        "was changed by another program while it was written"
    ]


# Usage


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--check",), "--check is about a folder: give --output-dir too"),
        (
            ("--output-dir", "out", "-o", "json"),
            "--output-dir writes YAML for kustomize: remove -o json",
        ),
    ],
)
def test_flags_that_do_not_fit_are_a_usage_error(flags: tuple[str, ...], sentence: str, folder: Path) -> None:
    result = generate(folder, *flags)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr.splitlines()[0] == f"error[usage]: {sentence}"


def test_an_explained_config_writes_nothing(folder: Path) -> None:
    result = write(folder, "--explain-config")

    assert (result.exit_code, result.stderr) == (0, "")
    assert not (folder / "out").exists()


def test_nothing_to_render_empties_the_folder_when_that_is_allowed(folder: Path) -> None:
    write(folder)
    (folder / "gitops-doca.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec: {allowEmpty: true}\n"
    )
    (folder / "nodes.json").write_text('{"apiVersion": "v1", "kind": "List", "items": []}')

    result = write(folder)

    assert (result.exit_code, result.stderr) == (0, "out: 1 file, 1 of them written; 2 removed\n")
    assert listed(folder / "out") == [KUSTOMIZATION]
