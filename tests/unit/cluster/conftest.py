"""An API server on loopback, and a reader of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.api_server import FakeApiServer, node
from gitops_doca.cluster.live import LiveCluster, LiveOptions
from gitops_doca.net.retry import RetryPolicy


@pytest.fixture
def fake() -> Iterator[FakeApiServer]:
    """A cluster with one NIC node."""
    with FakeApiServer(nodes=[node("node-1")]) as running:
        yield running


@pytest.fixture
def cluster(fake: FakeApiServer, tmp_path: Path) -> Callable[..., LiveCluster]:
    """Return a function that makes a reader of the fake, with these options."""

    def make(**options: Any) -> LiveCluster:
        given: dict[str, Any] = {
            "kubeconfig": str(fake.kubeconfig(tmp_path)),
            "environ": {},
            "deadline": 20.0,
            "retry": RetryPolicy(base=0.0),
        }
        return LiveCluster(LiveOptions(**(given | options)))

    return make
