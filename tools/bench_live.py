"""A real API server full of nodes, and the same pages fetched raw, for the benchmark of live mode."""

import os
import queue
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import requests

import bench_data

if TYPE_CHECKING:
    from support.api_server import ApiServer

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))
PROGRAMS = {"KUBE_APISERVER": "kube-apiserver-*/kube-apiserver", "ETCD": "etcd-*/etcd"}
_WRITERS = 8
RAW = """
import re, sys, urllib3
from urllib.parse import urlencode

url, ca_file, token = sys.argv[1:]
pool, following, size = urllib3.PoolManager(ca_certs=ca_file), "", 1 << 20
while True:
    query = {"labelSelector": "feature.node.kubernetes.io/pci-15b3.present=true", "limit": 500}
    query |= {"continue": following} if following else {}
    headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
    page = f"{url}/api/v1/nodes?{urlencode(query)}"
    reply = pool.request("GET", page, headers=headers, preload_content=False)
    assert reply.status == 200, reply.status
    head = reply.read(size)
    while reply.read(size):
        pass
    found = re.search(rb'"continue":"([^"]+)"', head)
    if found is None:
        break
    following = found[1].decode()
"""
"""A program that fetches all pages by urllib3 alone, and drops them; its arguments: URL, CA file, token."""


def missing() -> str:
    """Name the programs that `make e2e` did not build yet; the others are put into the environment."""
    absent = []
    for variable, pattern in PROGRAMS.items():
        built = sorted((ROOT / ".cache").glob(pattern))
        if built:
            os.environ.setdefault(variable, str(built[-1]))
        elif not Path(os.environ.get(variable, "")).is_file():
            absent.append(pattern.rpartition("/")[2])
    return " and ".join(absent)


def admin_token() -> str:
    """Return the bearer token of the one who may do all."""
    from support.api_server import ADMIN_TOKEN

    return ADMIN_TOKEN


@contextmanager
def cluster(*, nodes: int, pools: int) -> Iterator[tuple["ApiServer", Path]]:
    """Run an API server with so many nodes, and give it with a kubeconfig; it is full within a minute."""
    from support.kube_apiserver import kube_apiserver

    with tempfile.TemporaryDirectory() as folder, kube_apiserver(Path(folder)) as server:
        _fill(server, nodes, pools)
        yield server, server.kubeconfig(Path(folder))


def _fill(server: "ApiServer", nodes: int, pools: int) -> None:
    numbers: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for number in (*range(nodes), *[None] * _WRITERS):
        numbers.put(number)
    failed: list[str] = []

    def write() -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.headers["Authorization"] = f"Bearer {admin_token()}"
            while (number := numbers.get()) is not None and not failed:
                node = bench_data.new_node(number, number % pools)
                path = f"{server.url}/api/v1/nodes"
                reply = session.post(path, json=node, verify=str(server.ca_file), timeout=60)
                if not reply.ok:
                    failed.append(f"{reply.status_code}: {reply.text[:200]}")

    writers = [threading.Thread(target=write) for _ in range(_WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    if failed:
        sys.exit(f"bench: a node was refused: {failed[0]}")
