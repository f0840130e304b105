"""What several acceptance tests begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.api_server import FakeApiServer, node
from support.status_cluster import A, B, StatusCluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[StatusCluster]:
    """Three nodes of one pool and one of another; nothing is applied."""
    nodes = [
        *(node(f"node-{number}", kernel=A.kernel) for number in (1, 2, 3)),
        node("node-4", kernel=B.kernel),
    ]
    with FakeApiServer(nodes=nodes) as api:
        yield StatusCluster(tmp_path, api)
