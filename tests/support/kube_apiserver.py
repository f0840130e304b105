"""A real Kubernetes API server, with its etcd, as processes on free loopback ports.

No controller runs beside it. So nothing is made for a new namespace (no ServiceAccount `default`), a deleted
namespace stays in the state Terminating, no pod is ever scheduled, and the ClusterRoles `view`, `edit` and
`admin`, which a controller fills, are without rules: tests take namespaces and roles of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
import trustme

from support.api_server import ADMIN_TOKEN, ApiServer
from support.require import require_program
from support.server_process import accepts, free_port, running

_SECONDS = 30


@contextmanager
def kube_apiserver(folder: Path, *, users: Sequence[str] = ()) -> Iterator[ApiServer]:
    """Run an API server 1.36 with RBAC; its data stay below the folder.

    The users may do nothing until a role is bound to them. Takes about five seconds.
    """
    program = require_program("KUBE_APISERVER", "kube-apiserver 1.36.3")
    tokens = {name: f"token-of-{name}" for name in users}
    with _etcd(folder) as etcd:
        options, ca_file = _write_options(folder, tokens)
        port = free_port()
        server = ApiServer(url=f"https://127.0.0.1:{port}", ca_file=ca_file, tokens=tokens)
        command = [program, f"--etcd-servers={etcd}", f"--secure-port={port}", *options]
        with running(command, log=folder / "kube-apiserver.log", ready=lambda: _is_ready(server)):
            yield server


@contextmanager
def _etcd(folder: Path) -> Iterator[str]:
    program = require_program("ETCD", "etcd 3.4")
    client, peer = free_port(), free_port()
    url, peer_url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    command = [
        program,
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
    ]
    with running(command, log=folder / "etcd.log", ready=lambda: accepts(client)):
        yield url


def _write_options(folder: Path, tokens: Mapping[str, str]) -> tuple[list[str], Path]:
    """Write certificate, key and tokens; return the options that name them, and the authority's file."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    ca_file, chain, key, token_file = (
        folder / name for name in ("ca.pem", "server.pem", "server.key", "tokens.csv")
    )
    authority.cert_pem.write_to_path(str(ca_file))
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(key))
    rows = [f'{token},{name},{name},""\n' for name, token in tokens.items()]
    token_file.write_text("".join([f'{ADMIN_TOKEN},admin,admin,"system:masters"\n', *rows]))
    options = [
        "--bind-address=127.0.0.1",
        # Without one it looks for the address of a network card, which a machine need not have.
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={chain}",
        f"--tls-private-key-file={key}",
        f"--token-auth-file={token_file}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        # One key for everything: the token's signature is checked with its public half.
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--disable-admission-plugins=ServiceAccount",
        "--allow-privileged=true",
    ]
    return options, ca_file


def _is_ready(server: ApiServer) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            reply = session.get(f"{server.url}/readyz", verify=str(server.ca_file), timeout=_SECONDS)
        except requests.ConnectionError:
            return False
    return reply.ok
