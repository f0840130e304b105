"""The example of deploy/kustomize without kustomize: its lock fits, and its digests were published."""

import yaml

from support.cli import ROOT, run_cli
from support.published import published_digests

BASE = ROOT / "deploy" / "kustomize" / "base"
# Nothing listens there: a run that asks anybody fails.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}


def test_it_renders_images_that_are_pinned_and_published() -> None:
    result = run_cli("generate", BASE, "--locked", cwd=ROOT, env=NOWHERE)

    published = published_digests()
    daemon_sets = [item for item in yaml.safe_load_all(result.stdout) if item["kind"] == "DaemonSet"]
    images = [item["spec"]["template"]["spec"]["containers"][0]["image"] for item in daemon_sets]
    tags = [image.partition(":")[2].partition("@")[0] for image in images]
    assert (result.exit_code, result.stderr) == (0, "")
    assert images == [f"nvcr.io/nvidia/mellanox/doca-driver:{tag}@{published[tag]}" for tag in tags]
    assert len(images) == 3
