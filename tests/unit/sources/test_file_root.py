import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.reading.reader import read_documents
from gitops_doca.sources.reading.selection import ALL
from gitops_doca.sources.reading.syntax import UnreadableError
from support.cli import ROOT
from support.reading import lines
from support.require import require

OUT = "leads out of the repository, through .. or a link, so it is not read"
NO_FILE = "is not a regular file, so it is not read"
ABSOLUTE = "is an absolute path, and only the repository's files are read"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with an application in `apps/one`, beside a secret and below a parent of both."""
    (tmp_path / "secret.yaml").write_text("canary: 1")
    root = tmp_path / "repository"
    (root / "apps" / "one").mkdir(parents=True)
    (root / "apps" / "one" / "in.yaml").write_text("one")
    (root / "shared").mkdir()
    (root / "shared" / "in.yaml").write_text("shared")
    return root


def read(root: Path, name: str, start: tuple[str, ...] = ("apps", "one")) -> str:
    """Return the text of a file, or why it is not read."""
    try:
        with FileRoot(str(root), start).open(name) as stream:
            return stream.read().decode()
    except UnreadableError as error:
        return str(error)
    except OSError as error:
        return os.strerror(error.errno or 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("in.yaml", "one"),
        ("./in.yaml", "one"),
        ("../one//in.yaml", "one"),
        ("../../shared/in.yaml", "shared"),
        ("../../shared/../apps/./one/in.yaml", "one"),
        ("absent.yaml", "No such file or directory"),
        ("../../shared/absent/in.yaml", "No such file or directory"),
        ("in.yaml/", "Not a directory"),
        ("in.yaml/..", "Not a directory"),
        ("in.yaml/more", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("../one/" * 2000 + "in.yaml", "File name too long"),
        ("-", "No such file or directory"),
        (".", NO_FILE),
        ("", NO_FILE),
        ("../..", NO_FILE),
        ("../../..", OUT),
        ("../../../secret.yaml", OUT),
        ("../../../absent.yaml", OUT),
        ("../../../repository/shared/in.yaml", OUT),
        ("/etc/passwd", ABSOLUTE),
        ("//etc/passwd", ABSOLUTE),
        ("/proc/self/environ", ABSOLUTE),
        ("/absent", ABSOLUTE),
    ],
)
def test_a_name_is_followed_below_the_root_alone(name: str, text: str, root: Path) -> None:
    assert read(root, name) == text


@pytest.mark.parametrize(
    ("link", "target", "text"),
    [
        ("apps/one/link", "in.yaml", "one"),
        ("apps/one/link", "../../shared/in.yaml", "shared"),
        ("apps/one/link", "./link2", "is a broken link"),
        ("apps/one/link", "link", "Too many levels of symbolic links"),
        ("apps/one/link", "../../../secret.yaml", OUT),
        ("apps/one/link", "../../../absent.yaml", OUT),
        ("apps/one/link", "/etc/passwd", OUT),
        ("apps/one/link", "/proc/self/cwd", OUT),
        ("apps/one/link", "/dev/zero", OUT),
    ],
)
def test_a_link_is_followed_below_the_root_alone(link: str, target: str, text: str, root: Path) -> None:
    (root / link).symlink_to(target)

    assert read(root, "link") == text


@pytest.mark.parametrize("target", ["../..", "/", "../../shared/..//.."])
def test_a_linked_folder_leads_out_no_more_than_a_file(target: str, root: Path) -> None:
    (root / "apps" / "one" / "folder").symlink_to(target)

    assert read(root, "folder/secret.yaml") == ("No such file or directory" if target == "../.." else OUT)
    assert read(root, "folder/../secret.yaml") == OUT


def test_dots_behind_a_linked_folder_are_those_of_the_folder_itself(root: Path) -> None:
    (root / "apps" / "one" / "folder").symlink_to("../../shared")

    assert read(root, "folder/../apps/one/in.yaml") == "one"


def test_what_is_no_file_is_not_opened(root: Path) -> None:
    os.mkfifo(root / "apps" / "one" / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "apps" / "one" / "socket"))

    assert [read(root, name) for name in ("pipe", "socket", "../one")] == [NO_FILE] * 3


def test_a_device_is_not_opened(root: Path) -> None:
    try:
        os.mknod(root / "apps" / "one" / "zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")

    assert read(root, "zero") == NO_FILE


def test_a_link_out_is_there_so_that_opening_it_says_so(root: Path) -> None:
    folder = root / "apps" / "one"
    (folder / "out").symlink_to("/etc/passwd")
    (folder / "nowhere").symlink_to("absent")
    names = (
        "in.yaml",
        "out",
        "../../../absent",
        "/absent",
        "absent",
        "absent/in.yaml",
        "nowhere",
        "in.yaml/x",
    )

    found = [FileRoot(str(root), ("apps", "one")).has(name) for name in names]

    assert found == [True, True, True, True, False, False, True, True]


@pytest.mark.parametrize(
    ("name", "leads"),
    [
        ("apps/one", True),
        ("apps/../apps/./one/", True),
        ("link", True),
        ("shared/to-link", True),
        ("apps", False),
        ("apps/one/in.yaml", False),
        ("apps/one/pipe", False),
        ("out-and-in", False),
        ("absolute", False),
        ("loop", False),
        ("absent", False),
        ("", False),
        ("link\0", False),
    ],
)
def test_a_name_leads_to_a_folder_or_not(name: str, leads: bool, root: Path) -> None:  # noqa: FBT001 (a case)
    os.mkfifo(root / "apps" / "one" / "pipe")
    (root / "link").symlink_to("apps/one")
    (root / "shared" / "to-link").symlink_to("../link")
    (root / "out-and-in").symlink_to("../repository/apps/one")
    (root / "absolute").symlink_to(root / "apps" / "one")
    (root / "loop").symlink_to("loop")
    folder = (root / "apps" / "one").stat()

    assert FileRoot(str(root)).leads_to(name, folder) is leads


@contextmanager
def flipping(path: Path, *makers: Callable[[Path], object]) -> Iterator[None]:
    """Put one thing after the other in the place of a path, again and again, until the context ends."""
    ended = Event()

    def flip() -> None:
        for number, make in enumerate(cycle(makers)):
            if ended.is_set():
                break
            new = path.with_name(f".{number}")
            make(new)
            # A folder is not replaced by a file or a link in one step.
            path.rename(path.with_name(f".old{number}"))
            new.rename(path)

    thread = Thread(target=flip)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def link_to(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def folder_with_file(path: Path) -> None:
    path.mkdir()
    (path / "in.yaml").write_text("shared")


RACES = {
    "a link in and a link out": ("shared", (link_to("apps"), link_to(".."))),
    "a folder and a link out": ("shared", (folder_with_file, link_to(".."))),
    "a folder on the way and a link out": ("apps", (folder_with_file, link_to(".."))),
}


@pytest.mark.parametrize("name", RACES)
def test_what_changes_while_it_is_followed_never_leads_out(name: str, root: Path) -> None:
    place, makers = RACES[name]
    (root.parent / "in.yaml").write_text("canary")
    (root / "apps" / "in.yaml").write_text("shared")
    (root / place).rename(root / "old")
    makers[0](root / place)

    with flipping(root / place, *makers):
        found = read_until({"shared", OUT}, root, f"{place}/in.yaml")

    assert "canary" not in found
    assert {"shared", OUT} <= found


def test_a_file_that_becomes_a_link_or_a_pipe_while_it_is_opened_is_not_read(root: Path) -> None:
    (root.parent / "canary").write_text("canary")
    (root / "file").write_text("one")
    makers = (lambda path: path.write_text("one"), link_to("../canary"), os.mkfifo)

    with flipping(root / "file", *makers):
        found = read_until({"one", OUT, NO_FILE}, root, "file")

    assert "canary" not in found
    assert {"one", OUT, NO_FILE} <= found


def read_until(expected: set[str], root: Path, name: str) -> set[str]:
    """Return what was read under a name in 300 tries, and in as many more as it takes to see all of it."""
    found: set[str] = set()
    ends_at = time.monotonic() + 30
    tries = 0
    while tries < 300 or (not expected <= found and time.monotonic() < ends_at):
        found.add(read(root, name, ()))
        tries += 1
    return found


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = open_descriptors()
    for name in ("in.yaml", "../../shared/in.yaml", "../../..", "absent", "in.yaml/x", ".."):
        read(root, name)
        FileRoot(str(root)).has(name)
        FileRoot(str(root)).leads_to(name, root.stat())

    assert open_descriptors() == before


def test_standard_input_is_not_the_repositorys(root: Path) -> None:
    problems = Problems()

    assert list(read_documents("-", ALL, problems, FileRoot(str(root)))) == []
    assert lines(problems) == ["stdin: cannot be read: No such file or directory"]


PARTS = st.sampled_from(["..", ".", "", "a", "b", "out", "up", "in", "file", "canary"])


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders whose links lead everywhere; `canary` stands in each folder that is outside."""
    top = tmp_path_factory.mktemp("maze")
    (top / "canary").write_text("canary")
    root = top / "root"
    (root / "a" / "b").mkdir(parents=True)
    for folder in (root, root / "a", root / "a" / "b"):
        (folder / "file").write_text("file")
        (folder / "out").symlink_to(str(top))
        (folder / "up").symlink_to("../..")
        (folder / "in").symlink_to("a")
    return root


@given(parts=st.lists(PARTS, max_size=12))
def test_no_name_reads_anything_outside(parts: list[str], maze: Path) -> None:
    assert read(maze, "/".join(parts), ("a",)) != "canary"


@given(parts=st.lists(PARTS, max_size=8))
def test_what_is_read_is_what_the_kernel_finds(parts: list[str], maze: Path) -> None:
    name = "/".join(parts)
    file_root = FileRoot(str(maze), ("a",))
    try:
        with file_root.open(name) as stream:
            found = os.fstat(stream.fileno())
    except (UnreadableError, OSError):
        return

    assert os.path.samestat(found, (maze / "a" / name).stat())


def test_folders_need_to_be_entered_and_not_to_be_listed() -> None:
    require(os.geteuid() == 0, "only root can become somebody who may not list its folders")
    code = (
        "import os, sys\n"
        "from gitops_doca.sources.file_root import FileRoot\n"
        "os.setuid(999)\n"
        "with FileRoot(sys.argv[1]).open('apps/in.yaml') as stream: print(stream.read().decode())"
    )
    # Not pytest's own: nobody else may enter the folders above those.
    with tempfile.TemporaryDirectory() as top:
        apps = Path(top) / "apps"
        apps.mkdir()
        (apps / "in.yaml").write_text("one")
        for folder in (Path(top), apps):
            folder.chmod(0o711)

        run = subprocess.run(
            [sys.executable, "-c", code, top], cwd=ROOT, capture_output=True, text=True, check=False
        )

    assert (run.stdout, run.stderr) == ("one\n", "")
