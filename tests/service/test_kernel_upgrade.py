"""docs/kernel-upgrade.md, gone through: its YAML, its commands, and what it says about them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fakes.api_server import FakeApiServer, node
from support.cli import Result
from support.docker_registry import DockerRegistry
from support.images import Pusher
from support.inputs import Pool, write_inputs
from support.shell import Shell, blocks

pytestmark = pytest.mark.service

PAGE = "kernel-upgrade.md"
OLD, NEW = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")
BEFORE, PLANNED = blocks(PAGE, "yaml")
CHECK, LOCK, REFRESH, RENEW = blocks(PAGE, "sh")
WRITE = REFRESH.splitlines()[0]
PROGRESS = "gitops-doca inventory --check inventory.yaml"


class Upgrade:
    """The folder of the page, and its cluster: two nodes, which boot the new kernel when they are told."""

    def __init__(self, folder: Path, repository: str, cluster: FakeApiServer) -> None:
        self._folder = folder / "cluster"
        self._folder.mkdir()
        self._cluster = cluster
        environ = {"KUBECONFIG": str(cluster.kubeconfig(folder))}
        self._shell = Shell(folder=self._folder, programs=folder / "bin", environ=environ)
        write_inputs(self._folder, repository=repository, pools=[], forced=True)
        self.config(BEFORE)
        self.boot(OLD, OLD)
        self.run(f"{WRITE}\ngitops-doca lock")

    def config(self, text: str) -> None:
        (self._folder / "gitops-doca.yaml").write_text(text)

    def boot(self, *kernels: Pool) -> None:
        """Let the nodes run these kernels; the folder's inventory knows nothing of it."""
        self._cluster.nodes = [node(f"node-{at}", kernel=pool.kernel) for at, pool in enumerate(kernels)]

    def run(self, commands: str, exit_code: int = 0) -> Result:
        result = self._shell.run(commands)
        assert result.exit_code == exit_code, result.stderr
        return result


@pytest.fixture
def upgrade(registry: DockerRegistry, tmp_path: Path) -> Iterator[Upgrade]:
    pusher = Pusher(registry=registry, repository="upgrade/doca-driver")
    pusher.image(OLD.tag)
    pusher.image(NEW.tag)
    with FakeApiServer() as cluster:
        yield Upgrade(tmp_path, f"{registry.host}/upgrade", cluster)


def drivers(result: Result) -> list[str]:
    return [
        item["metadata"]["annotations"]["gitops-doca.dev/pool"]
        for item in yaml.safe_load_all(result.stdout)
        if item["kind"] == "DaemonSet"
    ]


def test_the_walk_through_does_what_the_page_says(upgrade: Upgrade) -> None:
    upgrade.config(PLANNED)
    upgrade.run("gitops-doca check", exit_code=6)
    table = upgrade.run(CHECK).stdout.decode()
    assert [line.split()[:2] for line in table.splitlines()[1:3]] == [
        [NEW.name, "planned"],
        [OLD.name, "2"],
    ]

    planned = upgrade.run(LOCK)
    assert sorted(drivers(planned)) == sorted([OLD.name, NEW.name])

    upgrade.boot(OLD, NEW)
    progress = upgrade.run(PROGRESS, exit_code=1)
    assert progress.stdout.decode() == f"node node-1: kernel {OLD.kernel} -> {NEW.kernel}\n"
    upgrade.run(WRITE)
    assert upgrade.run("gitops-doca generate --locked").stdout == planned.stdout

    upgrade.boot(NEW, NEW)
    done = upgrade.run(REFRESH)
    told = f"plan done: nodes run {NEW.name} now, so remove it from the config"
    assert told in done.stderr
    assert told in done.stdout.decode()

    upgrade.config(BEFORE)
    assert "error[lock]" in upgrade.run("gitops-doca generate", exit_code=6).stderr
    after = upgrade.run(RENEW)
    assert drivers(after) == [NEW.name]
    of_old = [doc for doc in planned.stdout.split(b"---\n") if OLD.kernel.encode() in doc]
    assert planned.stdout.replace(b"---\n" + of_old[0], b"") == after.stdout


def test_a_kernel_without_its_image_ends_the_check_of_the_page(upgrade: Upgrade) -> None:
    upgrade.config(PLANNED.replace("5.15.0-105", "5.15.0-106"))

    result = upgrade.run(CHECK, exit_code=4)

    assert "planned, no node runs it yet" in result.stderr
    assert "published near it: " in result.stderr


def test_what_the_page_quotes_is_what_is_printed() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs" / PAGE).read_text().split())

    assert f"`plan done: nodes run {NEW.name} now, so remove it from the config`" in text
    assert f"`{PROGRESS}`" in text
