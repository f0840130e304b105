"""Commands over inputs of one pool, with a registry in memory in the place of the real client."""

from pathlib import Path

import pytest

from fakes.resolver import FakeResolver
from support.inputs import Pool, write_inputs

POOL = Pool(kernel="5.15.0-91-generic")
INPUTS = ("-p", "policy.yaml", "-i", "nodes.json")


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch, resolver: FakeResolver | None = None) -> None:
    """Write `INPUTS`, which force precompiled images; unless told otherwise the registry has the pool's."""
    write_inputs(folder, repository="nvcr.io/nvidia/mellanox", pools=[POOL], forced=True)
    answers = FakeResolver([POOL.tag]) if resolver is None else resolver
    monkeypatch.setattr("gitops_doca.registry.resolver.RegistryResolver", lambda *_args, **_options: answers)
