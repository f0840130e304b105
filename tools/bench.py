"""Prints how fast and how small the product is, each number beside its yardstick from the same run.

Arguments name rows: `bench.py start json` runs those of `start` and `json` alone.
"""

import compileall
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
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
_CLUSTERS = 200
_ONLINE_SECONDS = 0.6
_FALLBACK_SECONDS = 1.2
_UPGRADE_SECONDS = 1.0
_COMPANION_SECONDS = 1.5
_TAGS = 5000
# Linux counts what the parent had in memory as the child's too, so the parent must be small.
_LAUNCHER = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - started, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
_WIDTHS = (43, 20, 19, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one process took, from its start to its end."""

    seconds: float
    megabytes: float
    """Its largest resident set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A yardstick and what is measured, run in turn, so that a slow minute of the machine hits both."""

    rounds: tuple[tuple[Run, Run], ...]

    @property
    def seconds(self) -> tuple[float, float, float]:
        """The median of each, and of their ratios."""
        return _medians([(yardstick.seconds, run.seconds) for yardstick, run in self.rounds])

    @property
    def megabytes(self) -> tuple[float, float, float]:
        """The median of each, and of their ratios."""
        return _medians([(yardstick.megabytes, run.megabytes) for yardstick, run in self.rounds])

    @property
    def beyond(self) -> float:
        """The median of the seconds that the second takes more."""
        return statistics.median(run.seconds - yardstick.seconds for yardstick, run in self.rounds)


def main() -> None:
    """Measure every row and print it as soon as it is known; exit 1 when one is over its budget."""
    names = sys.argv[1:] or list(_ROWS)
    if unknown := set(names) - set(_ROWS):
        sys.exit(f"bench: no rows are named {', '.join(sorted(unknown))}; there are {', '.join(_ROWS)}")
    DATA.mkdir(parents=True, exist_ok=True)
    # As pip does when it installs the product.
    compileall.compile_dir(ROOT / "gitops_doca", quiet=1)
    _line("work", "yardstick", "measured", "budget", "ok")
    held = [row for name in names for row in _ROWS[name]()]
    sys.exit(0 if all(held) else 1)


def _start() -> Iterator[bool]:
    for flag in ("--version", "--help"):
        pair = _in_turn(_python(IMPORTS), [sys.executable, "-m", "gitops_doca", flag], runs=11)
        yield _time(flag, "imports", pair, 0.5)


def _small() -> Iterator[bool]:
    nodes = _inventory("small.yaml", nodes=50, pools=3)
    with _locked(nodes) as command, _function(command) as function:
        yield _time("generate, 50 nodes, lock", "imports", _in_turn(_python(IMPORTS), command, runs=11), 1.2)
        yield _time("krm, 50 nodes, lock", "generate", _in_turn(command, function, runs=11))


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
        pair = _in_turn(_python(IMPORTS), bench_argocd.command(folder), runs=runs)
        yield _time("argocd generate, 50 nodes, lock", "imports", pair)
        answer = stack.enter_context(bench_argocd.answering(folder))
        if answer is not None:
            pairs = [(answer(), _measure(bench_argocd.command(folder)).seconds) for _ in range(runs + 1)][1:]
            whole, ours, _ = _medians(pairs)
            share = f"{ours:.2f} s = {ours / whole:.0%}"
            yield _row("plugin server: our share of its answer", f"answer {whole:.2f} s", share)


def _compact() -> Iterator[bool]:
    nodes = _inventory(f"nodes{bench_data.COMPACT}", nodes=10_000, pools=_POOLS)
    with _locked(nodes) as command:
        pair = _in_turn(_python(IMPORTS), command, runs=7)
    yield _time("10,000 nodes, compact, lock", "imports", pair, 2.5)
    yield _memory("10,000 nodes, compact, lock", pair, 60)


def _json() -> Iterator[bool]:
    for name in ("nodes.json", f"nodes{bench_data.HEAVY}"):
        yield from _large(name, 10_000, "json.load", "import json; json.load(open({path!r}))", (1, 0.1))


def _yaml() -> Iterator[bool]:
    load = "from ruamel.yaml import YAML; YAML(typ='safe').load(open({path!r}))"
    yield from _large("nodes.yaml", 1_000, "C safe load", load, (0.25, 0.2))


def _large(name: str, count: int, library: str, load: str, budgets: tuple[float, float]) -> Iterator[bool]:
    nodes = _inventory(name, nodes=count, pools=_POOLS)
    size = f"{nodes.stat().st_size / 1e6:.0f} MB of {nodes.suffix[1:].upper()}"
    with _locked(nodes) as command:
        pair = _in_turn(_python(load.format(path=str(nodes))), command, runs=3)
    work = f"{count:,} nodes, {size}, lock"
    yield _time(work, library, pair, budgets[0])
    yield _ratio(f"{work}: memory", library, pair.megabytes, "MB", budgets[1])


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
        yield _time("diff, 10,000 nodes, JSON, locks", "generate", _in_turn(command, diff, runs=3))


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
        yardstick, measured, _ = _in_turn(_python(IMPORTS), check, runs=5).seconds
    work = f"check of {_CLUSTERS} clusters, locks"
    yield _row(work, f"imports {yardstick:.2f} s", f"{measured:.2f} s", "1 s", held=measured <= 1)


def _online() -> Iterator[bool]:
    runs = 5
    nodes = _inventory("pools.yaml", nodes=50, pools=_POOLS)
    with _published(latency=LATENCY) as (registry, policy):
        command = _product("generate", policy, nodes)
        pair = _in_turn(_python(f"{IMPORTS}, requests"), command, runs=runs)
        # One more run than counted: the first only warms up.
        heads, others = registry.methods["HEAD"] / (runs + 1), registry.methods["GET"]
    work = f"{_POOLS} pools online at {LATENCY * 1000:.0f} ms"
    yield _row(f"{work}: HEADs", f"{_POOLS} tags", f"{heads:g} and {others} GETs", "40", held=heads == _POOLS)
    yield _beyond(work, pair, _ONLINE_SECONDS)


def _fallbacks() -> Iterator[bool]:
    """Check pools each of which has an image under its third version alone."""
    runs = 5
    nodes = _inventory(f"pools{bench_data.COMPACT}", nodes=50, pools=_POOLS)
    with _published(version=bench_data.FALLBACKS[-1]) as (registry, policy):
        config = policy.with_name("gitops-doca.yaml")
        versions = f"  fallbackVersions: {json.dumps(bench_data.FALLBACKS)}\n"
        config.write_text(bench_data.CONFIG.replace("[nodes.json]", str(nodes)) + versions)
        command = [sys.executable, "-m", "gitops_doca", "check", "--online", str(config)]
        pair = _in_turn(_python(f"{IMPORTS}, requests"), command, runs=runs)
        # One more run than counted: the first only warms up.
        counts = [registry.methods["HEAD"], registry.methods["GET"], registry.lists]
    heads, gets, lists = (count / (runs + 1) for count in counts)
    work = f"{_POOLS} pools on their third version"
    yield _row(
        f"{work}: asked",
        f"{2 * _POOLS} misses",
        f"{heads:g}, {gets:g}, {lists:g}",
        f"{3 * _POOLS} HEADs, {2 * _POOLS} GETs, 1 list",
        held=(heads, gets, lists) == (3 * _POOLS, 2 * _POOLS, 1),
    )
    yield _beyond(work, pair, _FALLBACK_SECONDS)


def _upgrade() -> Iterator[bool]:
    """Find the way of pools of different flavours, without a companion and with one.

    The companion exists for the oldest of the three kernels that are asked for in the second newest
    version, and for no newer ones.
    """
    runs = 5
    nodes = _inventory(f"pools{bench_data.FLAVOURS}", nodes=50, pools=_POOLS)
    releases = bench_data.releases(_POOLS, count=_TAGS // (5 * _POOLS))
    driver_tags = [tag for tags in releases.values() for tag in tags]
    second = list(releases.values())[1][2 * _POOLS :]
    companion_tags = ["-".join(tag.split("-")[-5:-1]) for tag in second]
    with (
        serving(LoopbackRegistry(REPOSITORY, driver_tags)) as registry,
        serving(LoopbackRegistry("nvidia/driver", companion_tags)) as companions,
        tempfile.TemporaryDirectory() as folder,
    ):
        repository, image = f"{registry.host}/{REPOSITORY}".rsplit("/", 1)
        text = bench_data.POLICY.format(repository=repository, image=image, version=bench_data.VERSION)
        Path(folder, "policy.yaml").write_text(text)
        config = Path(folder, "gitops-doca.yaml")
        plain = bench_data.CONFIG.replace("[nodes.json]", str(nodes))
        companion = {
            "name": "gpu",
            "image": f"{companions.host}/nvidia/driver",
            "tag": "{kernel}-{os}{osVersion}",
        }
        for work, extra, budget in (
            (f"upgrade of {_POOLS} pools", "", _UPGRADE_SECONDS),
            ("the same with a companion", f"  companions: [{json.dumps(companion)}]\n", _COMPANION_SECONDS),
        ):
            config.write_text(plain + extra)
            before = registry.lists
            command = [sys.executable, "-m", "gitops_doca", "upgrade", str(config)]
            pair = _in_turn(_python(f"{IMPORTS}, requests"), command, runs=runs)
            # One more run than counted: the first only warms up.
            lists = (registry.lists - before) / (runs + 1)
            yield _row(f"{work}: lists", f"{len(driver_tags)} tags", f"{lists:g}", "1", held=lists == 1)
            yield _beyond(work, pair, budget)


def _live() -> Iterator[bool]:
    """Compare the compact inventory of a real cluster with fetching the same pages and dropping them."""
    work = "10,000 nodes, live"
    if absent := bench_live.missing():
        _line(work, "-", f"no {absent}: make e2e", "-", "-")
        return
    with bench_live.cluster(nodes=10_000, pools=_POOLS) as (server, kubeconfig):
        raw = [*_python(bench_live.RAW), server.url, str(server.ca_file), bench_live.admin_token()]
        command = [sys.executable, "-m", "gitops_doca", "inventory", "--kubeconfig", str(kubeconfig)]
        pair = _in_turn(raw, command, runs=5)
    yield _time(work, "raw pages", pair, 1.4)
    yield _memory(work, pair, 140)


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
def _published(
    *, latency: float = 0.0, version: str = bench_data.VERSION
) -> Iterator[tuple[LoopbackRegistry, Path]]:
    """Start a registry that has one version's tags of all pools, and give a policy that names it."""
    tags = [bench_data.tag(pool, version) for pool in range(_POOLS)]
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


def _in_turn(yardstick: list[str], command: list[str], *, runs: int) -> Pair:
    # One round more than counted: the first only warms up.
    rounds = [(_measure(yardstick), _measure(command)) for _ in range(runs + 1)]
    return Pair(rounds=tuple(rounds[1:]))


def _medians(rounds: list[tuple[float, float]]) -> tuple[float, float, float]:
    return (
        statistics.median(yardstick for yardstick, _ in rounds),
        statistics.median(measured for _, measured in rounds),
        statistics.median(measured / yardstick for yardstick, measured in rounds),
    )


def _measure(command: list[str]) -> Run:
    launch = [sys.executable, "-S", "-c", _LAUNCHER, *command]
    run = subprocess.run(launch, capture_output=True, text=True, cwd=DATA, check=True)
    seconds, kibibytes, code = run.stdout.split()
    # A difference is what is measured, and 1 says that there is one.
    if int(code) != ("diff" in command):
        sys.exit(f"bench: exit {code} from {command}:\n{run.stderr}")
    return Run(seconds=float(seconds), megabytes=int(kibibytes) * 1024 / 1e6)


def _time(work: str, name: str, pair: Pair, budget: float | None = None) -> bool:
    return _ratio(work, name, pair.seconds, "s", budget)


def _memory(work: str, pair: Pair, budget: float) -> bool:
    yardstick, measured, _ = pair.megabytes
    return _row(
        f"{work}: memory",
        f"{yardstick:.3g} MB",
        f"{measured:.3g} MB",
        f"{budget} MB",
        held=measured <= budget,
    )


def _beyond(work: str, pair: Pair, budget: float) -> bool:
    start_up = f"start-up {pair.seconds[0]:.2f} s"
    measured = f"{pair.beyond:.2f} s"
    return _row(f"{work}: beyond", start_up, measured, f"{budget} s", held=pair.beyond <= budget)


def _ratio(
    work: str, name: str, medians: tuple[float, float, float], unit: str, budget: float | None
) -> bool:
    yardstick, measured, ratio = medians
    return _row(
        work,
        f"{name} {yardstick:.3g} {unit}",
        f"{measured:.3g} {unit} = {ratio:.2f} x",
        f"{budget} x" if budget else "",
        held=budget is None or ratio <= budget,
    )


def _row(work: str, yardstick: str, measured: str, budget: str = "", *, held: bool = True) -> bool:
    """Print a row; one without a budget is for information."""
    _line(work, yardstick, measured, budget, ("yes" if held else "NO") if budget else "")
    return held


def _line(*cells: str) -> None:
    *padded, last = cells
    texts = [cell.ljust(width) for cell, width in zip(padded, _WIDTHS, strict=True)]
    print("  ".join([*texts, last]).rstrip(), flush=True)


_ROWS: Mapping[str, Callable[[], Iterator[bool]]] = {
    "start": _start,
    "small": _small,
    "argocd": _argocd,
    "compact": _compact,
    "json": _json,
    "yaml": _yaml,
    "diff": _difference,
    "fleet": _fleet,
    "online": _online,
    "fallbacks": _fallbacks,
    "upgrade": _upgrade,
    "live": _live,
}

if __name__ == "__main__":
    main()
