"""Commands over inputs of one pool, with a registry in memory in place of the real client."""

from collections.abc import Mapping
from pathlib import Path

from fakes.resolver import FakeResolver
from gitops_doca.cli.settings.registries import Connect
from support.cli import Result
from support.in_process import run_here
from support.inputs import Pool, write_inputs

POOL = Pool(kernel="5.15.0-91-generic")
INPUTS = ("-p", "policy.yaml", "-i", "nodes.json")


def prepare(folder: Path) -> None:
    """Write `INPUTS`, which force precompiled images."""
    write_inputs(folder, repository="nvcr.io/nvidia/mellanox", pools=[POOL], forced=True)


def run_pool(
    *args: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    connect: Connect | None = None,
) -> Result:
    """Run a command; unless told otherwise the registry has the image of `POOL`."""
    return run_here(*args, cwd=cwd, env=env, stdin=stdin, connect=connect or FakeResolver([POOL.tag]))
