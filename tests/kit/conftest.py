"""A change to review, in a real repository, for every kit that shows what it does."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from fakes.registry import FakeRegistry, image
from support.cli import clean_environment, run_cli
from support.inputs import Pool, write_inputs
from support.refreshing import FOLDER, Forge
from support.repository import edit

OLD, NEW = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")
REPOSITORY = "nvidia/mellanox/doca-driver"


@pytest.fixture
def change(tmp_path: Path) -> Forge:
    """A node of a second kernel on the branch `change`, of which `checkout` is a shallow clone.

    Both branches have their lock; the registry that it was made with is gone.
    """
    forge = Forge(folder=tmp_path)
    forge.create("nodes.json")
    manifest, configuration = image()
    with FakeRegistry(blobs=[configuration]) as registry:
        registry.repositories[REPOSITORY] = {OLD.tag: manifest, NEW.tag: manifest}
        for pools in ([OLD], [OLD, NEW]):
            write_inputs(
                forge.cluster, repository=f"{registry.host}/nvidia/mellanox", pools=pools, forced=True
            )
            assert run_cli("lock", cwd=forge.cluster).exit_code == 0
            forge.commit()
    forge.git("branch", "change", "main")
    forge.git("update-ref", "refs/heads/main", "change^")
    remote = f"file://{tmp_path / 'remote.git'}"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", "--branch=change", remote, tmp_path / "checkout"],
        env={"PATH": clean_environment()["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null"},
        check=True,
    )
    assert (tmp_path / "checkout" / FOLDER).is_dir()
    return forge


@pytest.fixture
def compile_new() -> Callable[[Path], None]:
    """Give what takes a folder its precompiled image for the second kernel, and makes its config strict."""
    return _compile_new


def _compile_new(folder: Path) -> None:
    edit(folder / "policy.yaml", ("forcePrecompiled: true", "forcePrecompiled: false"))
    edit(folder / "gitops-doca.yaml", ("spec:\n", "spec:\n  strict: true\n"))
    lock = folder / "gitops-doca.lock.yaml"
    document = yaml.safe_load(lock.read_text())
    (repository,) = document["repositories"]
    found = next(entry for entry in repository["tags"] if entry["tag"] == NEW.tag)
    repository["tags"] = [entry for entry in repository["tags"] if entry is not found]
    repository["tags"] += [{"tag": NEW.tag, "missing": True}, found | {"tag": NEW.compile_tag}]
    for pool in document["pools"]:
        pool["image"] = pool["image"].replace(NEW.tag, NEW.compile_tag)
    lock.write_text(yaml.safe_dump(document, sort_keys=False))
