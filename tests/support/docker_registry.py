"""Registries as processes on free loopback ports: plain, behind TLS and a password, or behind tokens."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest
import trustme

from support.cli import ROOT, clean_environment
from support.require import require, require_program

USER = "puller"
PASSWORD = "not-a-secret"
# htpasswd's bcrypt of the line above: docker-registry reads no other scheme.
_HTPASSWD = f"{USER}:$2b$04$zUlKKKNXLNesJT.1l3pTo.La8FGlpOtbHOTYCwWN1cyw/z3BkN252\n"
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
_START_SECONDS = 20


class Program(Enum):
    """A release of the registry that most others derive from."""

    DEBIAN = "2.8.2"
    """Debian's package: all tags in one page, unsorted."""
    DISTRIBUTION = "3.1.2"
    """Built from its Go module by `make e2e`: sorted pages of tags, each with a Link to the next."""


# One test, both releases: with 2.8.2 in `make test`, with 3.1.2 in `make e2e`.
PROGRAMS = [
    pytest.param(Program.DEBIAN, id=Program.DEBIAN.value),
    pytest.param(Program.DISTRIBUTION, id=Program.DISTRIBUTION.value, marks=pytest.mark.e2e),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerRegistry:
    """A registry that runs until its context ends."""

    host: str
    """`127.0.0.1:port`, or `localhost:port` where a certificate is checked."""
    ca_file: Path | None = None
    """What signed its certificate; None where it speaks plain HTTP."""
    credentials: tuple[str, str] | None = None
    token: str = ""
    """What a request must carry as Bearer; empty where nothing of the sort is wanted."""

    @property
    def url(self) -> str:
        """Where its API begins."""
        return f"{'https' if self.ca_file else 'http'}://{self.host}/v2"


@contextmanager
def plain_registry(folder: Path, program: Program) -> Iterator[DockerRegistry]:
    """Run a registry without TLS that lets everybody in; its data stay below the folder."""
    with _serve(folder, program, "") as address:
        yield DockerRegistry(host=address)


@contextmanager
def secure_registry(folder: Path, program: Program) -> Iterator[DockerRegistry]:
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
    with _serve(folder, program, settings) as address:
        port = address.rpartition(":")[2]
        yield DockerRegistry(host=f"localhost:{port}", ca_file=ca_file, credentials=(USER, PASSWORD))


@contextmanager
def token_registry(
    folder: Path, program: Program, *, realm: str, service: str, issuer: str, authority_file: Path
) -> Iterator[DockerRegistry]:
    """Run a registry without TLS that wants tokens, whose signer that authority vouches for."""
    settings = (
        f'auth:\n  token: {{realm: "{realm}", service: "{service}", issuer: "{issuer}", '
        f"rootcertbundle: {authority_file}}}\n"
    )
    with _serve(folder, program, settings) as address:
        yield DockerRegistry(host=address)


@contextmanager
def _serve(folder: Path, program: Program, settings: str) -> Iterator[str]:
    config, log = folder / "config.yml", folder / "log"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http:\n  addr: 127.0.0.1:0\n{settings}"
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [_binary(program), "serve", config],
            # 3.x would send traces to a collector on this machine.
            env=clean_environment() | {"OTEL_TRACES_EXPORTER": "none"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _address(process, log)
    finally:
        process.terminate()
        process.wait()


def _binary(program: Program) -> str:
    if program is Program.DISTRIBUTION:
        return require_program("DISTRIBUTION", f"registry {program.value}")
    fetch = subprocess.run(
        [ROOT / "tools" / "fetch_debian.sh", "docker-registry", "docker-registry", program.value],
        capture_output=True,
        text=True,
        check=False,
    )
    require(fetch.returncode == 0, f"no docker-registry: {fetch.stderr.strip()}")
    return fetch.stdout.strip()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        if found := _LISTENING.search(log.read_text()):
            return found[1]
        time.sleep(0.01)
    raise RuntimeError(f"the registry did not start:\n{log.read_text()}")
