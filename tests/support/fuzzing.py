"""Runs a command over inputs that a fuzz test made, and holds what no input may break."""

import base64
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from hypothesis import HealthCheck, seed, settings

from fakes.api_server import TOKEN
from support.cli import Result
from support.in_process import run_here

Test = TypeVar("Test", bound=Callable[..., None])

SEED = int(os.environ.get("FUZZ_SEED", "1"))
FACTOR = float(os.environ.get("FUZZ_FACTOR", "1"))
"""How many times the examples of `make e2e`."""

CANARY = "canary7f3a"
"""Stands where secrets stand: no output may hold it."""
LOGIN = ("me", CANARY)
LOGIN_BASE64 = base64.b64encode(":".join(LOGIN).encode()).decode()
_SECRETS = (CANARY, TOKEN, base64.b64encode(CANARY.encode()).decode().rstrip("="), LOGIN_BASE64.rstrip("="))

ENVIRONMENT = {
    "HTTPS_PROXY": f"http://me:{CANARY}@127.0.0.1:1",
    "NO_PROXY": "127.0.0.1",
    "AWS_SECRET_ACCESS_KEY": CANARY,
    "GITHUB_TOKEN": CANARY,
}
"""What each run finds in its environment; of the proxy nothing is asked."""

_USAGE = 2
_DIAGNOSTICS = 4096
_EARLY = 0.4
"""Share of its deadline after which a run may have heard less than another; tag lists have half of it."""
_SLACK = 5.0
"""Seconds that a run may take longer than its deadline on a machine that is busy."""


def fuzz(examples: int) -> Callable[[Test], Test]:
    """Run a test with so many examples, the same ones with each run of a seed."""

    def decorate(test: Test) -> Test:
        chosen = settings(
            max_examples=max(1, round(examples * FACTOR)),
            database=None,
            deadline=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        return seed(SEED)(chosen(test))

    return decorate


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the command line, with all that it finds."""

    args: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    """By their path below the working directory."""
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 10.0
    """Its deadline, or what is plenty for a run that asks nobody."""
    may_show: bool = False
    """Its document may hold the secret, by design: only stderr is searched."""

    @property
    def command(self) -> str:
        """The command's name."""
        return self.args[0]

    @property
    def makes_manifests(self) -> bool:
        """Whether the document is manifests, which nobody may apply when something went wrong."""
        return self.command in {"generate", "argocd"} and "--check" not in self.args


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, and what it left in its folder."""

    result: Result
    written: Mapping[str, bytes]
    """What is new or not as it was."""


@dataclass(slots=True)
class Ring:
    """Where calls run, each twice in a folder of the same name, and are held to what always holds."""

    folder: Path
    ends: Counter[str] = field(default_factory=Counter)
    """How many examples ended how: command and exit code."""

    @property
    def summary(self) -> str:
        """How many examples ran, and how they ended."""
        ends = ", ".join(f"{end}: {count}" for end, count in sorted(self.ends.items()))
        return f"{self.ends.total()} examples ({ends})"

    def hold(self, call: Call, *, before: Callable[[], object] = lambda: None) -> Outcome:
        """Run a call twice, `before` each of them something else, and return how it ended.

        Fails when that breaks a promise, or is another the second time although no deadline was near.
        """
        first, seconds = self._run(call, before)
        self.ends[f"{call.command} {first.result.exit_code}"] += 1
        assert seconds < call.seconds + _SLACK, f"took {seconds:.1f} s: {call.args}"
        assert_sound(call, first)
        second, again = self._run(call, before)
        if max(seconds, again) < _EARLY * call.seconds:
            assert second == first, f"the second time {second}, the first time {first}"
        return first

    def fill(self, call: Call) -> None:
        """Make the folder hold the files of a call, and nothing else."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.write(call.files)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files, by their path below the folder."""
        for name, data in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def _run(self, call: Call, before: Callable[[], object]) -> tuple[Outcome, float]:
        self.fill(call)
        before()
        started = time.monotonic()
        result = run_here(*call.args, cwd=self.folder, env={**ENVIRONMENT, **call.env}, stdin=call.stdin)
        seconds = time.monotonic() - started
        return Outcome(result, dict(self._written(call))), seconds

    def _written(self, call: Call) -> Iterator[tuple[str, bytes]]:
        for file in sorted(self.folder.rglob("*")):
            name = str(file.relative_to(self.folder))
            if file.is_symlink() or name.startswith(".git/"):
                continue
            if file.is_file() and file.read_bytes() != call.files.get(name):
                yield name, file.read_bytes()


def assert_sound(call: Call, outcome: Outcome) -> None:
    """Fail when a run broke what every run keeps."""
    result = outcome.result
    assert result.exit_code in range(8) or result.exit_code == 74, result.stderr
    assert "Traceback" not in result.stderr
    document = _document(call, result)
    if result.exit_code == _USAGE or (result.exit_code and call.makes_manifests):
        assert document == ""
    if result.exit_code == 0:
        assert "error[" not in result.stderr
    elif result.exit_code != 1:
        assert result.stderr.startswith("error[") or "\nerror[" in result.stderr
    _assert_shown(result.stderr, of_diagnostics=True)
    _assert_shown(document, of_diagnostics=False)
    texts = [result.stderr, *(data.decode() for data in outcome.written.values())]
    for text in texts if call.may_show else [*texts, document]:
        assert not [secret for secret in _SECRETS if secret in text]
    assert not [name for name in outcome.written if "/.gitops-doca." in f"/{name}"]


def _document(call: Call, result: Result) -> str:
    """Return the document of a run, which its format's own readers can read.

    A function's is what it says of itself: the objects are its caller's.
    """
    text = result.stdout.decode()
    if call.command == "krm":
        found = yaml.load(text, yaml.CSafeLoader)
        failed = [one for one in found["results"] if one["severity"] == "error"]
        assert (result.exit_code != 0) == bool(failed)
        assert not failed or found["items"] == []
        return "" if failed else json.dumps(found["results"])
    if text and "json" in call.args:
        json.loads(text, parse_constant=_no_constant)
    elif text and call.makes_manifests:
        assert all(isinstance(one, dict) for one in yaml.load_all(text, yaml.CSafeLoader))
    return text


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def _assert_shown(text: str, *, of_diagnostics: bool) -> None:
    lines = text.split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    if of_diagnostics:
        told = "\n".join(line for line in lines if not line.startswith("info: "))
        assert len(told.encode()) <= _DIAGNOSTICS
