"""Faults on the wire between the product and a real registry."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cli import Result, run_cli
from support.docker_registry import DockerRegistry, Program
from support.images import Pusher
from support.inputs import Pool, write_inputs
from support.toxiproxy import Link, Toxic, Toxiproxy, toxiproxy

pytestmark = [
    pytest.mark.e2e,
    # TLS makes a difference on the wire, a release does not.
    pytest.mark.parametrize(
        "any_registry",
        [("plain", Program.DEBIAN), ("secure", Program.DISTRIBUTION)],
        ids=["plain", "secure"],
        indirect=True,
    ),
]

POOL = Pool(kernel="5.15.0-91-generic")
DEADLINE = 2.0
# What a process may need beyond its deadline, to start and to end.
SLACK = 3.0
# The manifest of the image has about 20 kB, all other answers less than 1 kB with their headers.
ARCHITECTURES = ("amd64", "arm64") * 50

FAULTS = {
    "reset at once": Toxic(kind="reset_peer", attributes={"timeout": 0}),
    "reset after a while": Toxic(kind="reset_peer", attributes={"timeout": 100}),
    "blackhole": Toxic(kind="timeout", attributes={"timeout": 0}),
    "closed after a while": Toxic(kind="timeout", attributes={"timeout": 100}),
    "latency": Toxic(kind="latency", attributes={"latency": 60_000}),
    "five kB a second": Toxic(kind="bandwidth", attributes={"rate": 5}),
    "one byte a second": Toxic(
        kind="slicer", attributes={"average_size": 1, "size_variation": 0, "delay": 1_000_000}
    ),
    "cut in the status line": Toxic(kind="limit_data", attributes={"bytes": 10}),
    "cut in the headers": Toxic(kind="limit_data", attributes={"bytes": 100}),
    "cut in the body": Toxic(kind="limit_data", attributes={"bytes": 10_000}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Inputs whose registry is asked through a link."""

    link: Link
    folder: Path
    flags: tuple[str | Path, ...]

    def generate(self) -> tuple[Result, float]:
        """Run with digests pinned, so that the manifest itself is read; also return the seconds it took."""
        started = time.monotonic()
        deadline = ("--deadline", str(DEADLINE))
        result = run_cli("generate", "--pin-digests", "-v", *deadline, *self.flags, cwd=self.folder)
        return result, time.monotonic() - started


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toxiproxy]:
    with toxiproxy(tmp_path_factory.mktemp("toxiproxy")) as running:
        yield running


@pytest.fixture(scope="module")
def digest(any_registry: DockerRegistry) -> str:
    pusher = Pusher(registry=any_registry, repository="poisoned/doca-driver")
    return pusher.index(POOL.tag, architectures=ARCHITECTURES)


@pytest.fixture
def site(any_registry: DockerRegistry, proxy: Toxiproxy, tmp_path: Path) -> Iterator[Site]:
    name, _, port = any_registry.host.partition(":")
    with proxy.link(int(port)) as link:
        host = f"{name}:{link.port}"
        inputs = write_inputs(tmp_path, repository=f"{host}/poisoned", pools=[POOL], forced=False)
        login = _login(any_registry, host, tmp_path)
        yield Site(link=link, folder=tmp_path, flags=(*inputs, *login))


def _login(registry: DockerRegistry, host: str, folder: Path) -> tuple[str | Path, ...]:
    if registry.credentials is None or registry.ca_file is None:
        return ()
    auth = base64.b64encode(":".join(registry.credentials).encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return ("--registry-config", folder / "config.json", "--ca-file", registry.ca_file)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_on_the_wire_is_unknown_until_it_heals(site: Site, digest: str, fault: Toxic) -> None:
    with site.link.poisoned(fault):
        faulty, seconds = site.generate()
    healed, _ = site.generate()

    assert (faulty.exit_code, faulty.stdout) == (5, b""), faulty.stderr
    assert f"cannot tell whether {POOL.tag} exists in " in faulty.stderr
    assert "Traceback" not in faulty.stderr
    assert seconds < DEADLINE + SLACK
    assert (healed.exit_code, healed.stderr.count("error")) == (0, 0), healed.stderr
    assert f":{POOL.tag}@{digest}\n".encode() in healed.stdout


def test_a_slow_link_is_no_fault_while_the_deadline_holds(site: Site, digest: str) -> None:
    with site.link.poisoned(Toxic(kind="bandwidth", attributes={"rate": 50})):
        result, _ = site.generate()

    assert result.exit_code == 0, result.stderr
    assert f":{POOL.tag}@{digest}\n".encode() in result.stdout
