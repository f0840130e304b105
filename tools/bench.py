"""Prints how fast and how small the product is, each number beside its yardstick from the same run."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import bench_argocd
import bench_data
import bench_live
from loopback_registry import LoopbackRegistry, serving

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / ".cache" / "bench"
REPOSITORY = "mellanox/doca-driver"
IMPORTS = "import click, ruamel.yaml, jsonschema"
LATENCY = 0.05
_POOLS = 40
_COMPACT_MEBIBYTES = 80
_LIVE_MEBIBYTES = 200
_CLUSTERS = 200
_FLEET_SECONDS = 3
_ENTRY = 1.15
"""Of the time of `generate`, for another way in to the same work; what is above 1 is the machine's noise."""
# Linux counts what the parent had in memory as the child's too, so the parent must be small.
_LAUNCHER = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - started, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
_WIDTHS = (50, 24, 22, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one process took, from its start to its end."""

    seconds: float
    mebibytes: float
    """Its largest resident set."""


def main() -> None:
    """Measure every row and print it as soon as it is known; exit 1 when one is over its budget."""
    DATA.mkdir(parents=True, exist_ok=True)
    _line("work", "yardstick", "measured", "budget", "ok")
    held = [
        *_small(),
        *_argocd(),
        *_compact(),
        *_large(
            "10,000 nodes, 40 pools, JSON, lock",
            "nodes.json",
            10_000,
            "import json; json.load(open({path!r}))",
            (1, 0.2),
        ),
        *_large(
            "1,000 nodes, 40 pools, YAML, lock",
            "nodes.yaml",
            1_000,
            "from ruamel.yaml import YAML; YAML(typ='safe').load(open({path!r}))",
            (0.35, 0.3),
        ),
        *_difference(),
        *_fleet(),
        *_online(),
        *_live(),
    ]
    sys.exit(0 if all(held) else 1)


def _small() -> Iterator[bool]:
    nodes = _inventory("small.yaml", nodes=50, pools=3)
    with _locked(nodes) as command, _function(command) as function:
        yardstick, measured, called = _medians([_python(IMPORTS), command, function], runs=11)
    work = "50 nodes, 3 pools, YAML, lock"
    yield _ratio(f"{work}: time", "the imports", yardstick.seconds, measured.seconds, "s", 2.5)
    yield _ratio(f"{work}, krm: time", "generate", measured.seconds, called.seconds, "s", _ENTRY)


@contextmanager
def _function(generate: list[str]) -> Iterator[list[str]]:
    """Give the command that calls the KRM function on what this command renders, as kustomize does."""
    *_, policy, _, nodes, _, lock = generate
    spec = {"policies": [policy], "inventory": nodes, "lock": lock}
    config = {"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "spec": spec}
    call = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": [config],
        "functionConfig": config,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as stdin:
        json.dump(call, stdin)
        stdin.flush()
        program = [sys.executable, "-m", "gitops_doca", "krm"]
        # In the lock's folder, as kustomize calls it: a config names no lock elsewhere.
        folder = str(Path(lock).parent)
        yield ["sh", "-c", 'cd "$1" && shift && exec "$@" < "$0"', stdin.name, folder, *program]


def _argocd() -> Iterator[bool]:
    runs = 11
    nodes = _inventory("small.yaml", nodes=50, pools=3)
    with ExitStack() as stack:
        with _published() as (_, policy):
            folder = stack.enter_context(bench_argocd.application(policy, nodes))
        yardstick, measured = _medians([_python(IMPORTS), bench_argocd.command(folder)], runs=runs)
        work = "argocd generate, 50 nodes, 3 pools, lock: time"
        yield _ratio(work, "the imports", yardstick.seconds, measured.seconds, "s", 2.5)
        answer = stack.enter_context(bench_argocd.answering(folder))
        if answer is not None:
            pairs = [(answer(), _measure(bench_argocd.command(folder)).seconds) for _ in range(runs + 1)][1:]
            whole, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
            share = f"{ours:.2f} s = {ours / whole:.0%}"
            yield _row(
                "plugin server: our share of its answer", f"answer {whole:.2f} s", share, "", held=True
            )


def _compact() -> Iterator[bool]:
    nodes = _inventory(f"nodes{bench_data.COMPACT}", nodes=10_000, pools=_POOLS)
    with _locked(nodes) as command:
        yardstick, measured = _medians([_python(IMPORTS), command], runs=7)
    work = "10,000 nodes, 40 pools, compact, lock"
    yield _ratio(f"{work}: time", "the imports", yardstick.seconds, measured.seconds, "s", 5)
    size = f"{measured.mebibytes:.4g} MiB"
    yield _row(
        f"{work}: memory",
        "",
        size,
        f"{_COMPACT_MEBIBYTES} MiB",
        held=measured.mebibytes <= _COMPACT_MEBIBYTES,
    )


def _large(work: str, name: str, count: int, load: str, budgets: tuple[float, float]) -> Iterator[bool]:
    nodes = _inventory(name, nodes=count, pools=_POOLS)
    size = f"{nodes.stat().st_size / 1e6:.0f} MB"
    with _locked(nodes) as command:
        yardstick, measured = _medians([_python(load.format(path=str(nodes))), command], runs=3)
    library = "json.load" if name.endswith("json") else "C safe load"
    yield _ratio(f"{work}, {size}: time", library, yardstick.seconds, measured.seconds, "s", budgets[0])
    memory = yardstick.mebibytes, measured.mebibytes
    yield _ratio(f"{work}, {size}: memory", library, *memory, "MiB", budgets[1])


def _difference() -> Iterator[bool]:
    nodes = _inventory("nodes.json", nodes=10_000, pools=_POOLS)
    with _locked(nodes) as command, tempfile.TemporaryDirectory() as folder:
        cluster = Path(folder) / "cluster"
        cluster.mkdir()
        policy, lock = Path(command[5]), Path(command[-1])
        for file in (policy, nodes, lock):
            (cluster / file.name).write_bytes(file.read_bytes())
        (cluster / "gitops-doca.yaml").write_text(bench_data.CONFIG)
        _commit(Path(folder))
        (cluster / "policy.yaml").write_text(policy.read_text() + "    terminationGracePeriodSeconds: 60\n")
        diff = [sys.executable, "-m", "gitops_doca", "diff", "HEAD", str(cluster)]
        yardstick, measured = _medians([command, diff], runs=3)
    work = f"10,000 nodes, {_POOLS} pools, JSON, locks, diff: time"
    yield _ratio(work, "two generate", 2 * yardstick.seconds, measured.seconds, "s", 2.5)


def _commit(folder: Path) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "bench"]):
        subprocess.run([*git, *words], check=True)


def _fleet() -> Iterator[bool]:
    """Check clusters whose policies, nodes and locks are files of their own."""
    nodes = _inventory(f"cluster{bench_data.COMPACT}", nodes=50, pools=3)
    with _locked(nodes) as command, tempfile.TemporaryDirectory() as folder:
        files = {
            "policy.yaml": Path(command[5]).read_text(),
            "nodes.compact.yaml": nodes.read_text(),
            "gitops-doca.lock.yaml": Path(command[-1]).read_text(),
            "gitops-doca.yaml": bench_data.CONFIG.replace("nodes.json", "nodes.compact.yaml"),
        }
        clusters = [Path(folder) / f"cluster-{number:03}" for number in range(_CLUSTERS)]
        for cluster in clusters:
            cluster.mkdir()
            for name, text in files.items():
                (cluster / name).write_text(text)
        check = [sys.executable, "-m", "gitops_doca", "check", *map(str, clusters)]
        yardstick, measured = _medians([_python(IMPORTS), check], runs=5)
    yield _row(
        f"check of {_CLUSTERS} clusters, 3 pools each, locks: time",
        f"the imports {yardstick.seconds:.4g} s",
        f"{measured.seconds:.2f} s",
        f"{_FLEET_SECONDS} s",
        held=measured.seconds <= _FLEET_SECONDS,
    )


def _online() -> Iterator[bool]:
    runs = 5
    nodes = _inventory("pools.yaml", nodes=50, pools=_POOLS)
    with _published(latency=LATENCY) as (registry, policy):
        command = _product("generate", policy, nodes)
        yardstick, measured = _medians([_python(f"{IMPORTS}, requests"), command], runs=runs)
        # One more run than counted: the first only warms up.
        heads, others = registry.methods["HEAD"] / (runs + 1), registry.methods["GET"]
    beyond = measured.seconds - yardstick.seconds
    work = f"{_POOLS} pools online at {LATENCY * 1000:.0f} ms"
    yield _row(f"{work}: HEADs", f"{_POOLS} tags", f"{heads:g} and {others} GETs", "40", held=heads == _POOLS)
    start_up = f"start-up {yardstick.seconds:.2f} s"
    yield _row(f"{work}: time beyond start-up", start_up, f"{beyond:.2f} s", "1 s", held=beyond <= 1)


def _live() -> Iterator[bool]:
    """Compare a snapshot of a real cluster with fetching the same pages and dropping them."""
    work = "10,000 nodes, 40 pools, live"
    if absent := bench_live.missing():
        _line(work, "-", f"no {absent}: make e2e", "-", "-")
        return
    with bench_live.cluster(nodes=10_000, pools=_POOLS) as (server, kubeconfig):
        raw = [*_python(bench_live.RAW), server.url, str(server.ca_file), bench_live.admin_token()]
        command = [sys.executable, "-m", "gitops_doca", "inventory", "--kubeconfig", str(kubeconfig)]
        yardstick, measured = _medians([raw, command], runs=5)
    yield _ratio(f"{work}: time", "the pages raw", yardstick.seconds, measured.seconds, "s", 1.5)
    yield _row(
        f"{work}: memory",
        f"the pages raw {yardstick.mebibytes:.4g} MiB",
        f"{measured.mebibytes:.4g} MiB",
        f"{_LIVE_MEBIBYTES} MB",
        held=measured.mebibytes * (1 << 20) <= _LIVE_MEBIBYTES * 1e6,
    )


@contextmanager
def _locked(nodes: Path) -> Iterator[list[str]]:
    """Write the lock of these nodes, stop the registry, and give the command that renders from the lock."""
    with tempfile.TemporaryDirectory() as folder:
        lock = ("--lock", str(Path(folder) / "gitops-doca.lock.yaml"))
        policy = Path(folder) / "policy.yaml"
        with _published() as (_, published):
            policy.write_bytes(published.read_bytes())
            _measure([*_product("lock", policy, nodes), *lock])
        yield [*_product("generate", policy, nodes), *lock]


@contextmanager
def _published(*, latency: float = 0.0) -> Iterator[tuple[LoopbackRegistry, Path]]:
    """Start a registry that has the tags of all pools, and give a policy that names it."""
    tags = [bench_data.tag(pool) for pool in range(_POOLS)]
    with (
        serving(LoopbackRegistry(REPOSITORY, tags, latency=latency)) as registry,
        tempfile.TemporaryDirectory() as folder,
    ):
        repository, image = f"{registry.host}/{REPOSITORY}".rsplit("/", 1)
        policy = Path(folder) / "policy.yaml"
        text = bench_data.POLICY.format(repository=repository, image=image, version=bench_data.VERSION)
        policy.write_text(text)
        yield registry, policy


def _product(command: str, policy: Path, nodes: Path) -> list[str]:
    return [sys.executable, "-m", "gitops_doca", command, "-p", str(policy), "-i", str(nodes)]


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
    launch = [sys.executable, "-S", "-c", _LAUNCHER, *command]
    run = subprocess.run(launch, capture_output=True, text=True, cwd=DATA, check=True)
    seconds, kibibytes, code = run.stdout.split()
    # A difference is what is measured, and 1 says that there is one.
    if int(code) != ("diff" in command):
        sys.exit(f"bench: exit {code} from {command}:\n{run.stderr}")
    return Run(seconds=float(seconds), mebibytes=int(kibibytes) / 1024)


def _ratio(work: str, name: str, yardstick: float, measured: float, unit: str, budget: float) -> bool:
    ratio = measured / yardstick
    return _row(
        work,
        f"{name} {yardstick:.4g} {unit}",
        f"{measured:.4g} {unit} = {ratio:.2f} x",
        f"{budget} x",
        held=ratio <= budget,
    )


def _row(work: str, yardstick: str, measured: str, budget: str, *, held: bool) -> bool:
    _line(work, yardstick, measured, budget, "yes" if held else "NO")
    return held


def _line(*cells: str) -> None:
    *padded, last = cells
    texts = [cell.ljust(width) for cell, width in zip(padded, _WIDTHS, strict=True)]
    print("  ".join([*texts, last]), flush=True)


if __name__ == "__main__":
    main()
