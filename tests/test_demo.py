import yaml

from support.cli import ROOT, run_cli
from support.published import published_digests

DEMO = ROOT / "fixtures" / "demo"
REPOSITORY = "nvcr.io/nvidia/mellanox/doca-driver"
VERSION = "doca3.3.0-26.01-1.0.0.0-0"
# Nothing listens there: a run that asks anybody fails.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}


def test_the_demo_shows_three_pools_of_published_images() -> None:
    result = run_cli("generate", DEMO, cwd=ROOT, env=NOWHERE)

    assert (result.exit_code, result.stderr) == (0, "")
    daemon_sets = [item for item in yaml.safe_load_all(result.stdout) if item["kind"] == "DaemonSet"]
    assert [item["spec"]["template"]["spec"]["containers"][0]["image"] for item in daemon_sets] == [
        f"{REPOSITORY}:{VERSION}-5.15.0-170-generic-ubuntu22.04-amd64",
        f"{REPOSITORY}:{VERSION}-6.8.0-100-generic-ubuntu24.04-amd64",
        f"{REPOSITORY}:{VERSION}-6.17.0-1008-nvidia-ubuntu24.04-arm64",
    ]


def test_the_lock_of_the_demo_has_the_digests_that_were_published() -> None:
    published = published_digests()
    (repository,) = yaml.safe_load((DEMO / "gitops-doca.lock.yaml").read_text())["repositories"]

    assert repository["repository"] == REPOSITORY
    assert {entry["tag"]: entry["digest"] for entry in repository["tags"]}.items() <= published.items()
