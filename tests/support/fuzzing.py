"""Runs commands over the inputs of a fuzz test, and checks what no input may break."""

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

_SEED = int(os.environ.get("FUZZ_SEED", "1"))
_FACTOR = float(os.environ.get("FUZZ_FACTOR", "1"))
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
"""What each run finds in its environment; nobody listens at the proxy."""

_CODES = {*range(8), 74}
_DIFFERENT, _USAGE = 1, 2
_COMPARING = {"diff", "doctor", "status", "verify"}
_DIAGNOSTICS = 4096
"""Bytes of stderr, without the lines that only `-v` asks for."""
_EARLY = 0.4
"""Share of its deadline after which a run may have heard less than another; tag lists have half of it."""
_SLACK = 5.0
"""Seconds that a run may take longer than its deadline on a machine that is busy."""


def fuzz(examples: int) -> Callable[[Test], Test]:
    """Run a test with so many examples, the same ones with each run of a seed."""

    def decorate(test: Test) -> Test:
        chosen = settings(
            max_examples=max(1, round(examples * _FACTOR)),
            database=None,
            deadline=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        return seed(_SEED)(chosen(test))

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
    steady: bool = True
    """Nothing in it depends on which of several connections is used first."""

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
class Runner:
    """Runs each call twice, in a folder of the same name, and checks how it ended."""

    folder: Path
    ends: Counter[str] = field(default_factory=Counter)
    """How many examples ended how: command and exit code."""

    @property
    def summary(self) -> str:
        """How many examples ran, and how they ended."""
        ends = ", ".join(f"{end}: {count}" for end, count in sorted(self.ends.items()))
        return f"{self.ends.total()} examples ({ends})"

    def check(self, call: Call, *, before: Callable[[], object] = lambda: None) -> Outcome:
        """Run a call twice, each time after `before`, and return how it ended.

        Fails when a run broke what every run keeps, took too long, or ended in another way the second time. A
        run that waited for a server may do the latter: its deadline cuts off more or less.
        """
        first, seconds = self._run(call, before)
        self.ends[f"{call.command} {first.result.exit_code}"] += 1
        assert seconds < call.seconds + _SLACK, f"took {seconds:.1f} s: {call.args}"
        assert_sound(call, first)
        second, again = self._run(call, before)
        if call.steady and max(seconds, again) < _EARLY * call.seconds:
            assert second == first, f"first {first}, then {second}"
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
    document = _document(call, result)
    texts = [document, result.stderr, *(data.decode() for data in outcome.written.values())]
    leaked = [text for text in texts if any(secret in text for secret in _SECRETS)]
    hidden = [line for text in texts[:2] for line in text.split("\n") if not line.isprintable()]
    told = [line for line in result.stderr.split("\n") if not line.startswith("info: ")]
    unfinished = [name for name in outcome.written if Path(name).name.startswith(".gitops-doca.")]

    assert result.exit_code in _CODES, result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    assert (leaked, hidden, unfinished) == ([], [], []), f"{leaked} {hidden} {unfinished}"
    assert len("\n".join(told).encode()) <= _DIAGNOSTICS, result.stderr
    # What doctor finds is its result, and of several classes.
    if call.command != "doctor" or result.exit_code != _DIFFERENT:
        assert ("error[" in "\n".join(told)) == (result.exit_code not in {0, _DIFFERENT}), result.stderr
    if result.exit_code == _DIFFERENT:
        assert call.command in _COMPARING or "--check" in call.args
    elif result.exit_code and (call.makes_manifests or result.exit_code == _USAGE):
        assert document == "" or call.command == "krm", document


def _document(call: Call, result: Result) -> str:
    """Return the document of a run, once its format's own reader could read it.

    Of a function only what it says of itself: the objects are its caller's.
    """
    text = result.stdout.decode()
    if call.command == "krm" and "--help" not in call.args:
        found = yaml.load(text, yaml.CSafeLoader)
        failed = [one for one in found["results"] if one["severity"] == "error"]
        assert bool(result.exit_code) == bool(failed), text
        assert not failed or found["items"] == [], text
        return json.dumps(found["results"])
    if text and "json" in call.args:
        json.loads(text, parse_constant=_no_constant)
    elif text and call.makes_manifests:
        assert all(isinstance(one, dict) for one in yaml.load_all(text, yaml.CSafeLoader)), text
    return text


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")
