"""One cluster of fixtures/golden with all that can be read of it, and secrets where inputs hold them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fakes.registry import FakeRegistry, image
from gitops_doca.core.diagnostics import Problems
from gitops_doca.emit.inventory import dump_inventory
from gitops_doca.sources.inventory import read_inventory
from gitops_doca.sources.policy import read_policies
from support.fuzzing import CANARY
from support.golden import Case
from support.in_process import run_here
from support.krm import config
from support.mutation import Form, written

HOST = "registry.example"
"""Of the images; nobody answers there."""
CONFIG, POLICY, NODES = "gitops-doca.yaml", "policy.yaml", "nodes.yaml"
LOCK, COMPACT, RENDERED = "gitops-doca.lock.yaml", "compact.yaml", "rendered/all.yaml"
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "login", "namespace": "nvidia-network-operator"},
    "type": "Opaque",
    "stringData": {"password": CANARY},
    "data": {"password": base64.b64encode(CANARY.encode()).decode()},
}
"""An object that is none of our business."""


@dataclass(frozen=True, slots=True)
class World:
    """The files of one cluster that renders from its lock, as documents and as they are written."""

    documents: Mapping[str, Sequence[Any]]
    files: Mapping[str, bytes]


def make_world(case: Case, folder: Path) -> World:
    """Return a case of fixtures/golden with its config, lock, rendering and compact inventory."""
    folder.mkdir()
    policies = list(yaml.safe_load_all((case.folder / POLICY).read_text()))
    nodes = _hidden(policies, _cluster(case))
    spec = {
        "policies": [POLICY],
        "inventory": [NODES],
        "namespace": case.namespace,
        "openshift": case.openshift,
        "initContainerImage": case.init_container_image,
        "annotations": {"example.com/a": "b"},
        "ignoredTaints": ["example.com/away"],
    }
    settings = config(**spec) | {"metadata": {"name": case.name}}
    (folder / NODES).write_bytes(written([nodes], Form.YAML))
    (folder / CONFIG).write_bytes(written([settings], Form.YAML))
    _lock(case, policies, folder)
    stream = run_here("generate", cwd=folder)
    assert stream.exit_code == 0, stream.stderr
    texts = {file.name: file.read_bytes() for file in folder.iterdir()} | {RENDERED: stream.stdout}
    documents = {name: list(yaml.safe_load_all(text)) for name, text in texts.items()}
    documents[COMPACT] = [_compact(folder)]
    return World(documents, {name: written(values, Form.YAML) for name, values in documents.items()})


def _lock(case: Case, policies: Sequence[Any], folder: Path) -> None:
    """Write the policies, moved to `HOST`, and the lock that a registry of that name would give."""
    images = {tag: image(architecture=tag.rpartition("-")[2]) for tag in case.tags}
    manifests = {tag: manifest for tag, (manifest, _) in images.items()}
    tags = dict.fromkeys(case.repositories, manifests)
    with FakeRegistry(tags=tags, blobs=[blob for _, blob in images.values()]) as registry:
        moved = written(policies, Form.YAML).replace(
            b"repository: ", f"repository: {registry.host}/".encode()
        )
        (folder / POLICY).write_bytes(moved)
        locked = run_here("lock", cwd=folder)
    assert locked.exit_code == 0, locked.stderr
    for name in (POLICY, LOCK):
        (folder / name).write_text((folder / name).read_text().replace(registry.host, HOST))


def _cluster(case: Case) -> Any:
    """Return the nodes and all other objects of a case, as one list."""
    found = yaml.safe_load((case.folder / NODES).read_text())
    objects = case.folder / "objects.yaml"
    more = yaml.safe_load_all(objects.read_text()) if objects.exists() else ()
    return {**found, "items": [*found["items"], *more, SECRET]}


def _hidden(policies: Sequence[Any], cluster: Any) -> Any:
    """Put the canary wherever an input may hold a secret that is none of our business."""
    for policy in policies:
        annotations = policy["metadata"].setdefault("annotations", {})
        annotations["kubectl.kubernetes.io/last-applied-configuration"] = CANARY
    for one in cluster["items"]:
        if one["kind"] == "Node":
            one["metadata"].setdefault("annotations", {})["example.com/token"] = CANARY
            one["status"]["images"] = [{"names": [f"{CANARY}/a:b"], "sizeBytes": 1}]
        elif one["kind"] == "ConfigMap":
            one["data"] = dict.fromkeys(one["data"], CANARY)
    return cluster


def _compact(folder: Path) -> Any:
    problems = Problems()
    labels = read_policies([str(folder / POLICY)], problems).labels
    return yaml.safe_load(dump_inventory(read_inventory([str(folder / NODES)], labels, problems), labels))
