"""Prints how fast and how small the product is, each number beside its yardstick from the same run."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bench_data
from loopback_registry import LoopbackRegistry, serving

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / ".cache" / "bench"
REPOSITORY = "mellanox/doca-driver"
IMPORTS = "import click, ruamel.yaml, jsonschema"
LATENCY = 0.05
_DIGEST = f"sha256:{'d' * 64}"
_WIDTHS = (44, 30, 22, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one process took, from its start to its end."""

    seconds: float
    mebibytes: float
    """Its largest resident set."""


def main() -> None:
    """Measure every row and print it as soon as it is known."""
    DATA.mkdir(parents=True, exist_ok=True)
    _row("work", "yardstick", "measured", "budget", "ok")
    _small()
    _large(
        "10,000 nodes, 40 pools, JSON",
        "nodes.json",
        10_000,
        "import json; json.load(open({path!r}))",
        (1, 0.2),
    )
    load = "from ruamel.yaml import YAML; YAML(typ='safe').load(open({path!r}))"
    _large("1,000 nodes, 40 pools, YAML", "nodes.yaml", 1_000, load, (0.35, 0.3))
    _online()


def _small() -> None:
    nodes = _inventory("small.yaml", nodes=50, pools=3)
    with _generate(nodes) as (command, _):
        yardstick, measured = _medians([_python(IMPORTS), command], runs=11)
    _ratio("50 nodes, 3 pools, YAML: time", "the imports", yardstick.seconds, measured.seconds, "s", 2.5)


def _large(work: str, name: str, count: int, load: str, budgets: tuple[float, float]) -> None:
    nodes = _inventory(name, nodes=count, pools=40)
    size = f"{nodes.stat().st_size / 1e6:.0f} MB"
    with _generate(nodes) as (command, _):
        yardstick, measured = _medians([_python(load.format(path=str(nodes))), command], runs=3)
    library = "json.load" if name.endswith("json") else "C safe load"
    _ratio(f"{work}, {size}: time", library, yardstick.seconds, measured.seconds, "s", budgets[0])
    _ratio(f"{work}, {size}: memory", library, yardstick.mebibytes, measured.mebibytes, "MiB", budgets[1])


def _online() -> None:
    pools, runs = 40, 5
    nodes = _inventory("pools.yaml", nodes=50, pools=pools)
    with _generate(nodes, latency=LATENCY) as (command, registry):
        yardstick, measured = _medians([_python(f"{IMPORTS}, requests"), command], runs=runs)
        # One more run than counted: the first only warms up.
        heads, others = registry.methods["HEAD"] / (runs + 1), registry.methods["GET"]
    beyond = measured.seconds - yardstick.seconds
    work = f"{pools} pools at {LATENCY * 1000:.0f} ms"
    _row(f"{work}: HEADs", f"{pools} tags", f"{heads:g} and {others} GETs", "40", _ok(heads == pools))
    start_up = f"start-up {yardstick.seconds:.2f} s"
    _row(f"{work}: time beyond start-up", start_up, f"{beyond:.2f} s", "1 s", _ok(beyond <= 1))


@contextmanager
def _generate(nodes: Path, *, latency: float = 0.0) -> Iterator[tuple[list[str], LoopbackRegistry]]:
    """Start a registry that has all tags, and give the command that renders these nodes from it."""
    digests = {bench_data.tag(pool): _DIGEST for pool in range(40)}
    with (
        serving(LoopbackRegistry(REPOSITORY, digests, latency=latency)) as registry,
        tempfile.TemporaryDirectory() as folder,
    ):
        repository, image = f"{registry.host}/{REPOSITORY}".rsplit("/", 1)
        policy = Path(folder) / "policy.yaml"
        text = bench_data.POLICY.format(repository=repository, image=image, version=bench_data.VERSION)
        policy.write_text(text)
        yield (
            [sys.executable, "-m", "gitops_doca", "generate", "-p", str(policy), "-i", str(nodes)],
            registry,
        )


def _inventory(name: str, *, nodes: int, pools: int) -> Path:
    path = DATA / name
    maker = Path(bench_data.__file__)
    if not path.exists() or path.stat().st_mtime < maker.stat().st_mtime:
        subprocess.run([sys.executable, maker, path, str(nodes), str(pools)], check=True)
    return path


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _medians(commands: list[list[str]], *, runs: int) -> list[Run]:
    """Run the commands in turns, so that a slow minute of the machine hits all of them."""
    rounds = [[_measure(command) for command in commands] for _ in range(runs + 1)][1:]
    return [
        Run(
            seconds=statistics.median(run.seconds for run in column),
            mebibytes=statistics.median(run.mebibytes for run in column),
        )
        for column in zip(*rounds, strict=True)
    ]


def _measure(command: list[str]) -> Run:
    started = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, cwd=DATA)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            sys.exit(f"bench: exit {process.returncode} from {command}:\n{errors.read().decode()}")
    return Run(seconds=seconds, mebibytes=usage.ru_maxrss / 1024)


def _ratio(work: str, name: str, yardstick: float, measured: float, unit: str, budget: float) -> None:
    ratio = measured / yardstick
    _row(
        work,
        f"{name} {yardstick:.4g} {unit}",
        f"{measured:.4g} {unit} = {ratio:.2f} x",
        f"{budget} x",
        _ok(ratio <= budget),
    )


def _ok(held: bool) -> str:  # noqa: FBT001 (its one argument)
    return "yes" if held else "NO"


def _row(*cells: str) -> None:
    *padded, last = cells
    print(
        "  ".join([*(cell.ljust(width) for cell, width in zip(padded, _WIDTHS, strict=True)), last]),
        flush=True,
    )


if __name__ == "__main__":
    main()
