"""Debian's docker-registry as a process on a free loopback port, plain or behind TLS and a password."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from support.cli import ROOT, clean_environment
from support.require import require

USER = "puller"
PASSWORD = "not-a-secret"
# htpasswd's bcrypt of the line above: docker-registry reads no other scheme.
_HTPASSWD = f"{USER}:$2b$04$zUlKKKNXLNesJT.1l3pTo.La8FGlpOtbHOTYCwWN1cyw/z3BkN252\n"
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
_START_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerRegistry:
    """A registry that runs until its context ends."""

    host: str
    """`127.0.0.1:port`, or `localhost:port` where a certificate is checked."""
    ca_file: Path | None = None
    """What signed its certificate; None where it speaks plain HTTP."""
    credentials: tuple[str, str] | None = None

    @property
    def url(self) -> str:
        """Where its API begins."""
        return f"{'https' if self.ca_file else 'http'}://{self.host}/v2"


@contextmanager
def plain_registry(folder: Path) -> Iterator[DockerRegistry]:
    """Run a registry without TLS that lets everybody in; its data stay below the folder."""
    with _serve(folder, "") as address:
        yield DockerRegistry(host=address)


@contextmanager
def secure_registry(folder: Path) -> Iterator[DockerRegistry]:
    """Run a registry behind TLS, with a certificate of its own authority, that lets one user in."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    ca_file, password_file = folder / "ca.pem", folder / "htpasswd"
    authority.cert_pem.write_to_path(str(ca_file))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    password_file.write_text(_HTPASSWD)
    settings = (
        f"  tls: {{certificate: {folder}/server.pem, key: {folder}/server.pem}}\n"
        f"auth: {{htpasswd: {{realm: test, path: {password_file}}}}}\n"
    )
    with _serve(folder, settings) as address:
        port = address.rpartition(":")[2]
        yield DockerRegistry(host=f"localhost:{port}", ca_file=ca_file, credentials=(USER, PASSWORD))


@contextmanager
def _serve(folder: Path, settings: str) -> Iterator[str]:
    config, log = folder / "config.yml", folder / "log"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http:\n  addr: 127.0.0.1:0\n{settings}"
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [_binary(), "serve", config], env=clean_environment(), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield _address(process, log)
    finally:
        process.terminate()
        process.wait()


def _binary() -> str:
    fetch = subprocess.run(
        [ROOT / "tools" / "fetch_docker_registry.sh"], capture_output=True, text=True, check=False
    )
    require(fetch.returncode == 0, f"no docker-registry: {fetch.stderr.strip()}")
    return fetch.stdout.strip()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        if found := _LISTENING.search(log.read_text()):
            return found[1]
        time.sleep(0.01)
    raise RuntimeError(f"docker-registry did not start:\n{log.read_text()}")
