"""A whole Argo CD with the plugin: commits of a repository become DaemonSets of a cluster, or say why not."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import yaml

from fakes.registry import FakeRegistry, image
from support.api_server import ApiError, ApiServer, Object
from support.argocd import cmp_server
from support.argocd_cluster import ArgoCD, application_of, argo_cd
from support.cli import ROOT, clean_environment, install, run_cli
from support.inputs import Pool, write_inputs

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

OLD, NEW = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-92-generic")
PLUGIN = (ROOT / "plugin.yaml").read_text()
MISSING = f"ForcePrecompiled is enabled and precompiled tag was not found: {NEW.tag}"
_NUMBERS = count(1)
_GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """An application of a Git repository, whose images are in a registry that may be down."""

    argo: ArgoCD
    registry: FakeRegistry
    root: Path
    name: str

    @property
    def folder(self) -> Path:
        """The application's folder."""
        return self.root / "clusters" / "a"

    def publish(self, *pools: Pool) -> None:
        """Have the registry hold the images of these pools and of no others."""
        manifest, _ = image()
        self.registry.repositories["nvidia/doca-driver"] = {pool.tag: manifest for pool in pools}

    def write(self, *pools: Pool) -> None:
        """Write config, a policy that forces precompiled images, and nodes of these pools."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_inputs(self.folder, repository=f"{self.registry.host}/nvidia", pools=pools, forced=True)
        spec = {
            "policies": ["policy.yaml"],
            "inventory": ["nodes.json"],
            "namespace": self.name,
            # Other tests leave what OpenShift has in this API server.
            "openshift": False,
        }
        config = {"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "spec": spec}
        (self.folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))

    def lock(self) -> int:
        """Write the lock, and return the exit code."""
        return run_cli("lock", "clusters/a", cwd=self.root).exit_code

    def commit(self) -> str:
        """Commit all, tell Argo CD, and return the revision."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "Change")
        self.argo.refresh(self.name)
        return self.revision

    @property
    def revision(self) -> str:
        """The newest commit."""
        return self._git("rev-parse", "HEAD")

    def synced(self, revision: str, pools: Sequence[Pool]) -> None:
        """Wait until a revision is synced, and hold the cluster's DaemonSets against its pools."""
        self.argo.wait(self.name, lambda found: _sync(found) == ("Synced", revision) and not _errors(found))
        assert self.daemon_sets() == sorted(pool.name for pool in pools)

    def failed(self, *words: str) -> str:
        """Wait until the application's conditions hold all of these words, and return the message."""
        found = self.argo.wait(
            self.name, lambda found: any(all(word in text for word in words) for text in _errors(found))
        )
        return next(text for text in _errors(found) if words[0] in text)

    def daemon_sets(self) -> list[str]:
        """Return the pools that have a DaemonSet in the cluster."""
        items = self.argo.api.request("GET", f"/apis/apps/v1/namespaces/{self.name}/daemonsets")["items"]
        return sorted(item["metadata"]["annotations"]["gitops-doca.dev/pool"] for item in items)

    def _git(self, *words: str) -> str:
        run = subprocess.run(
            [*_GIT, *words],
            cwd=self.root,
            env=clean_environment(),
            check=True,
            capture_output=True,
            text=True,
        )
        return run.stdout.strip()


def _sync(application: Object) -> tuple[str, str]:
    sync = application.get("status", {}).get("sync", {})
    return sync.get("status", ""), sync.get("revision", "")


def _errors(application: Object) -> list[str]:
    conditions = application.get("status", {}).get("conditions", [])
    return [condition["message"] for condition in conditions if condition["type"] == "ComparisonError"]


@pytest.fixture(scope="module")
def registry() -> Iterator[FakeRegistry]:
    """A registry whose images say that they are for amd64."""
    _, config = image()
    with FakeRegistry(tags={"nvidia/doca-driver": []}, blobs=[config]) as running:
        yield running


@pytest.fixture(scope="module")
def argo(
    api_server: ApiServer, registry: FakeRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArgoCD]:
    """Argo CD with the plugin, whose side car lists that registry."""
    folder = tmp_path_factory.mktemp("argocd")
    side_car = folder / "side-car"
    side_car.mkdir()
    install(side_car)
    env: Mapping[str, str] = {
        "PATH": f"{side_car}:{os.environ['PATH']}",
        "GITOPS_DOCA_ALLOWED_REGISTRY": registry.host,
    }
    with (
        cmp_server(side_car, PLUGIN, env=env) as plugin,
        argo_cd(folder, api_server, plugin=plugin) as running,
    ):
        yield running


@pytest.fixture
def fleet(argo: ArgoCD, registry: FakeRegistry, tmp_path: Path) -> Iterator[Fleet]:
    """An application with automated sync, whose first commit has one pool and no lock."""
    name = f"drivers-{next(_NUMBERS)}"
    registry.down = False
    fleet = Fleet(argo=argo, registry=registry, root=tmp_path / "fleet", name=name)
    fleet.publish(OLD)
    fleet.write(OLD)
    subprocess.run([*_GIT, "init", "--quiet", fleet.root], env=clean_environment(), check=True)
    argo.api.namespace(name)
    application = application_of(name)
    application["spec"] |= {
        "source": {
            "repoURL": f"file://{fleet.root}",
            "path": "clusters/a",
            "targetRevision": "main",
            "plugin": {"name": "gitops-doca"},
        },
        "destination": {"server": "https://kubernetes.default.svc", "namespace": name},
        "syncPolicy": {"automated": {"prune": True}},
    }
    argo.api.apply(application)
    printed = run_cli("generate", "clusters/a", cwd=fleet.root)
    made = [item for item in yaml.safe_load_all(printed.stdout) if item]
    yield fleet
    argo.api.delete(application)
    for unwanted in made:
        with suppress(ApiError):
            argo.api.delete(unwanted)


def test_a_miss_fails_the_sync_and_a_published_tag_heals_it(fleet: Fleet) -> None:
    fleet.synced(fleet.commit(), [OLD])

    fleet.write(OLD, NEW)
    fleet.commit()
    message = fleet.failed(MISSING, f"argocd app get {fleet.name} --hard-refresh")
    _, _, ours = message.partition("`gitops-doca argocd generate` failed exit status 4: ")
    assert ours.startswith("error[missing]: policy.yaml:6: spec.ofedDriver: ForcePrecompiled is enabled")
    assert fleet.daemon_sets() == [OLD.name]

    fleet.publish(OLD, NEW)
    fleet.argo.refresh(fleet.name)
    fleet.synced(fleet.revision, [OLD, NEW])


def test_an_outage_fails_the_sync_and_takes_nothing_away(fleet: Fleet) -> None:
    fleet.synced(fleet.commit(), [OLD])

    fleet.registry.down = True
    fleet.argo.refresh(fleet.name)
    fleet.failed("error[unknown]: ", "503")

    assert fleet.daemon_sets() == [OLD.name]


def test_with_a_lock_a_commit_says_all_and_the_registry_may_be_off(fleet: Fleet) -> None:
    assert fleet.lock() == 0
    fleet.registry.down = True
    fleet.synced(fleet.commit(), [OLD])

    fleet.write(OLD, NEW)
    fleet.commit()
    fleet.failed("error[lock]: ", NEW.name, "run: gitops-doca lock clusters/a")

    fleet.registry.down = False
    assert fleet.lock() == 4
    fleet.registry.down = True
    fleet.commit()
    fleet.failed(MISSING, "gitops-doca.lock.yaml records this")
    assert fleet.daemon_sets() == [OLD.name]

    fleet.registry.down = False
    fleet.publish(OLD, NEW)
    assert fleet.lock() == 0
    fleet.registry.down = True
    fleet.synced(fleet.commit(), [OLD, NEW])
