import ast
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import clean_environment
from support.network import NetworkRefusedError
from support.require import require

TESTS = Path(__file__).parent
PATCH = re.compile(r"(.*\.)?((set|del)(attr|item)|patch(\.(object|dict|multiple))?)")


def patched(source: str) -> Iterator[str]:
    """Yield each call in the source of a test that patches something of the product."""
    tree = ast.parse(source)
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for statement in ast.walk(tree)
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for alias in statement.names
        if f"{getattr(statement, 'module', alias.name)}.".startswith("gitops_doca.")
    }
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and call.args and PATCH.fullmatch(ast.unparse(call.func)):
            target = re.split(r"\W", ast.unparse(call.args[0]).strip("'"))[0]
            if target in {*imported, "gitops_doca"}:
                yield ast.unparse(call)


def test_a_connection_beyond_loopback_is_refused() -> None:
    with socket.socket() as connection, pytest.raises(NetworkRefusedError):
        connection.connect(("192.0.2.1", 80))


def test_a_connection_to_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as connection:
        connection.connect(server.getsockname())


def test_nothing_of_the_users_environment_reaches_the_product() -> None:
    environment = clean_environment()

    assert set(environment) == {"PATH", "PYTHONPATH", "PYTHONWARNINGS", "HOME", "LC_ALL"}
    assert not Path(environment["HOME"]).exists()


def test_what_a_test_lacks_skips_it_on_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="no crane"):
        require(None, "no crane")


def test_what_a_test_lacks_fails_it_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="no crane"):
        require(None, "no crane")


def test_no_test_patches_the_product() -> None:
    patches = {
        str(file.relative_to(TESTS)): calls
        for file in sorted(TESTS.rglob("*.py"))
        if (calls := list(patched(file.read_text())))
    }

    assert patches == {}


@pytest.mark.parametrize(
    "call",
    [
        "monkeypatch.setattr(files, 'MAX_SIZE', 1)",
        "monkeypatch.setattr('gitops_doca.sources.files.MAX_SIZE', 1)",
        "monkeypatch.setattr(gitops_doca.sources.files, 'MAX_SIZE', 1)",
        "monkeypatch.setitem(files.TABLE, 'a', 1)",
        "patch.object(files, 'read')",
        "mock.patch('gitops_doca.sources.files.read')",
        "mock.patch.dict(files.TABLE, {})",
    ],
)
def test_a_patch_of_the_product_is_noticed(call: str) -> None:
    assert list(patched(f"import gitops_doca.sources\nfrom gitops_doca.sources import files\n{call}")) == [
        call
    ]


@pytest.mark.parametrize("call", ["mock.patch('sys.stdin', None)", "patch.setattr(os, 'fsync', files.full)"])
def test_a_patch_of_a_library_is_allowed(call: str) -> None:
    assert list(patched(f"import os\nfrom gitops_doca.sources import files\n{call}")) == []
