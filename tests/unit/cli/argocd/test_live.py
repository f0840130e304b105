from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fakes.api_server import FakeApiServer, node
from fakes.registry import FakeRegistry
from support.application import Application
from support.inputs import Pool, write_inputs

POOL = Pool(kernel="5.15.0-91-generic")
TAGS = {"nvidia/doca-driver": [POOL.tag]}


@pytest.fixture
def cluster() -> Iterator[FakeApiServer]:
    """A cluster with one NIC node."""
    with FakeApiServer(nodes=[node("node-1")]) as running:
        yield running


@pytest.fixture
def env(cluster: FakeApiServer, tmp_path: Path) -> dict[str, str]:
    """The side car's environment, with a way to the cluster."""
    (tmp_path / "home").mkdir()
    return {"KUBECONFIG": str(cluster.kubeconfig(tmp_path / "home")), "KUBE_API_VERSIONS": ""}


@pytest.fixture
def registry(application: Application) -> Iterator[FakeRegistry]:
    """A registry that the application's policy names; its config names no inventory and there is no lock."""
    folder = application.folder
    with FakeRegistry(tags=TAGS) as running:
        write_inputs(folder, repository=f"{running.host}/nvidia", pools=[POOL], forced=True)
        policy = yaml.safe_load((folder / "policy.yaml").read_text())
        policy["spec"]["ofedDriver"]["imagePullSecrets"] = ["ngc"]
        (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
        application.change("gitops-doca.yaml", "  inventory:\n  - nodes.yaml\n", "")
        (folder / "gitops-doca.lock.yaml").unlink()
        yield running


@pytest.mark.parametrize(
    "name", ["GITOPS_DOCA_LIVE=false", "ARGOCD_ENV_GITOPS_DOCA_LIVE=true", "PARAM_LIVE=true"]
)
def test_no_cluster_is_read_unless_the_side_car_turns_it_on(
    name: str, application: Application, cluster: FakeApiServer, registry: FakeRegistry, env: dict[str, str]
) -> None:
    variable, _, value = name.partition("=")

    result = application.generate(env=env | {variable: value, "GITOPS_DOCA_ALLOWED_REGISTRY": registry.host})

    assert (result.exit_code, result.stdout, cluster.asked) == (3, b"", [])
    assert result.stderr.startswith("error[input]: no inventory given\n")


def test_an_application_without_an_inventory_reads_the_cluster_and_none_of_its_secrets(
    application: Application, cluster: FakeApiServer, registry: FakeRegistry, env: dict[str, str]
) -> None:
    on = env | {"GITOPS_DOCA_LIVE": "true", "GITOPS_DOCA_ALLOWED_REGISTRY": registry.host}

    result = application.generate(env=on)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count(b"kind: DaemonSet\n") == 1
    assert cluster.asked == ["GET /api/v1/nodes", "GET /apis"]


def test_an_inventory_that_is_named_comes_before_the_cluster(
    application: Application, cluster: FakeApiServer, env: dict[str, str]
) -> None:
    result = application.generate(env=env | {"GITOPS_DOCA_LIVE": "true"})

    assert (result.exit_code, cluster.asked) == (0, [])


def test_a_cluster_is_explained_by_who_turned_it_on(
    application: Application, registry: FakeRegistry, env: dict[str, str]
) -> None:
    result = application.generate("--explain-config", env=env | {"GITOPS_DOCA_LIVE": "true"})

    assert ["inventory", "the", "live", "cluster", "#", "GITOPS_DOCA_LIVE"] in [
        line.split() for line in result.stdout.decode().splitlines()
    ]
    assert registry.requests == []


def test_a_lock_of_the_live_cluster_is_told_with_the_flag(
    application: Application, registry: FakeRegistry, env: dict[str, str]
) -> None:
    result = application.generate(env=env | {"GITOPS_DOCA_LIVE": "true"}, resolve="locked")

    assert (result.exit_code, registry.requests) == (6, [])
    assert "run: gitops-doca lock apps/drivers --live\n" in result.stderr


@pytest.mark.parametrize("word", ["1", "True", "yes"])
def test_a_word_that_is_neither_true_nor_false_is_an_error(
    word: str, application: Application, cluster: FakeApiServer, env: dict[str, str]
) -> None:
    result = application.generate(env=env | {"GITOPS_DOCA_LIVE": word})

    assert (result.exit_code, cluster.asked) == (2, [])
    assert result.stderr == (
        "error[usage]: GITOPS_DOCA_LIVE in the sidecar's environment is wrong: it is neither true nor false\n"
    )
