"""Goes through a page of docs/: its commands are run, and the outputs that it shows are theirs."""

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gitops_doca.cli.settings.registries import Connect
from support.cli import ROOT
from support.in_process import run_here
from support.repository import git

_BLOCK = re.compile(r"^```(sh|text|yaml)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SECTION = re.compile(r"^## ", re.MULTILINE)


@dataclass(kw_only=True)
class Reader:
    """A reader of a page, with a folder, a cluster and a registry."""

    folder: Path
    connect: Connect
    environ: Mapping[str, str]
    exit_codes: Mapping[str, int]
    """Of commands that do not end with 0, by their text."""

    def run(self, commands: str) -> str:
        """Run the lines of a shell, and return what they print on a terminal."""
        return "".join(self._run(line) for line in commands.splitlines())

    def _run(self, line: str) -> str:
        program, *words = shlex.split(line)
        if program == "git":
            return git(self.folder, *words)
        assert program == "gitops-doca", line
        result = run_here(*self._expanded(words), cwd=self.folder, env=self.environ, connect=self.connect)
        assert result.exit_code == self.exit_codes.get(line, 0), (line, result)
        return result.stdout.decode() + result.stderr

    def _expanded(self, words: list[str]) -> list[str]:
        found = []
        for word in words:
            paths = self.folder.glob(word.rstrip("/")) if "*" in word else ()
            found += sorted(f"{path.relative_to(self.folder)}/" for path in paths) or [word]
        return found


def page(name: str) -> str:
    """Return the text of a page of docs/."""
    return (ROOT / "docs" / name).read_text()


def sections(text: str) -> dict[str, str]:
    """Return the sections of a page by their titles; what is before the first has an empty one."""
    first, *others = _SECTION.split(text)
    return {"": first} | {part.partition("\n")[0]: part for part in others}


def walk(section: str, run: Callable[[str], str], write: Callable[[str], None]) -> str:
    """Go through a section: `write` gets its YAML, `run` its commands, in the order of the page.

    Returns the section with what the commands before each output printed.
    """
    printed = ""
    parts, at = [], 0
    for block in _BLOCK.finditer(section):
        kind, text = block.groups()
        if kind == "yaml":
            write(text)
        elif kind == "sh":
            printed = run(text)
        else:
            parts += [section[at : block.start()], f"```text\n{printed.strip(os.linesep)}\n```"]
            at = block.end()
    return "".join([*parts, section[at:]])
