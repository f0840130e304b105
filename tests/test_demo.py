import json

import yaml

from support.cli import ROOT, run_cli
from support.published import published_digests
from support.upgrade import FALLBACK, VERSION

DEMO = ROOT / "fixtures" / "demo"
REPOSITORY = "nvcr.io/nvidia/mellanox/doca-driver"
# Nothing listens there: a run that asks anybody fails.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}


def test_the_demo_shows_three_pools_of_published_images() -> None:
    result = run_cli("generate", DEMO, cwd=ROOT, env=NOWHERE)

    assert (result.exit_code, result.stderr) == (0, "")
    daemon_sets = [item for item in yaml.safe_load_all(result.stdout) if item["kind"] == "DaemonSet"]
    assert [item["spec"]["template"]["spec"]["containers"][0]["image"] for item in daemon_sets] == [
        f"{REPOSITORY}:{VERSION}-5.15.0-179-generic-ubuntu22.04-amd64",
        f"{REPOSITORY}:{FALLBACK}-6.8.0-100-generic-ubuntu24.04-amd64",
        f"{REPOSITORY}:{FALLBACK}-6.17.0-1008-nvidia-ubuntu24.04-arm64",
    ]


def test_two_of_its_pools_run_a_fallback_version() -> None:
    result = run_cli("check", DEMO, "-o", "json", cwd=ROOT, env=NOWHERE)

    assert (result.exit_code, result.stderr) == (0, "")
    pools = json.loads(result.stdout)["pools"]
    assert [(pool["version"], pool.get("fallback", False)) for pool in pools] == [
        (VERSION, False),
        (FALLBACK, True),
        (FALLBACK, True),
    ]


def test_the_lock_of_the_demo_has_the_digests_that_were_published() -> None:
    published = published_digests()
    (repository,) = yaml.safe_load((DEMO / "gitops-doca.lock.yaml").read_text())["repositories"]

    assert repository["repository"] == REPOSITORY
    assert {entry["tag"]: entry.get("digest") for entry in repository["tags"]} == {
        entry["tag"]: published.get(entry["tag"]) for entry in repository["tags"]
    }
