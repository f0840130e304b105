"""requirements.txt: what runs and what builds the program, with hashes, and in the versions of the tests."""

import re
import tomllib
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.cli import ROOT


def hashed() -> dict[str, list[str]]:
    """Return the hashes of each `name==version`."""
    text = re.sub(r"^#.*\n", "", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    entries = [entry.split() for entry in text.replace("\\\n", " ").splitlines()]
    return {name: hashes for name, *hashes in entries}


def needed(names: list[str]) -> set[str]:
    """Return the names of all that these need, themselves included, as it is installed here."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        extras = {"", *one.extras}
        if name in found and extras == {""}:
            continue
        found.add(name)
        wanted = [Requirement(text) for text in requires(name) or ()]
        waiting += [
            other
            for other in wanted
            if not other.marker or any(other.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    return found


def test_all_that_is_needed_is_there_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = needed([*project["project"]["dependencies"], *project["build-system"]["requires"]])

    assert {canonicalize_name(name.partition("==")[0]) for name in hashed()} == wanted


def test_versions_are_those_of_the_tests() -> None:
    pinned = (ROOT / "requirements-dev.txt").read_text().splitlines()

    assert [name for name in hashed() if name not in pinned] == []


def test_each_package_has_hashes() -> None:
    entries = hashed()

    assert entries
    assert [
        name
        for name, hashes in entries.items()
        if not hashes or not all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", value) for value in hashes)
    ] == []
