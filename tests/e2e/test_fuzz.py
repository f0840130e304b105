"""Inputs that nobody would write, and answers that nobody would give: whatever comes, a run keeps its word.

Each test draws examples of one kind, the same ones each time; CONTRIBUTING.md says how to draw others.
"""

import base64
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fakes.registry import FakeRegistry, image
from support.application import make_application, spell
from support.cli import ROOT
from support.fuzzing import CANARY, ENVIRONMENT, LOGIN, LOGIN_BASE64, Call, Ring, fuzz
from support.golden import Case, cases
from support.in_process import run_here
from support.krm import config, resource_list
from support.mutation import TEXTS, VALUES, Form, Text, is_text, texts, written

pytestmark = pytest.mark.e2e

HOST = "registry.example"
_CASES = (
    "four-distros",
    "openshift-dtk",
    "openshift-proxy-ca",
    "openshift-precompiled",
    "repo-config-rhel-subscription",
    "cert-config-ubuntu",
    "rocky-repo-compiled",
    "sles-subscription",
    "two-node-policies",
    "mixed-arch-same-kernel",
    "env-resources-probes",
    "global-partial-override",
    "node-affinity",
    "tolerations-gpu-in-policy",
    "init-container-safe-load",
    "two-kernels-fallback",
)
CONFIG, POLICY, NODES, OBJECTS = "gitops-doca.yaml", "policy.yaml", "nodes.yaml", "objects.yaml"
LOCK, COMPACT, RENDERED = "gitops-doca.lock.yaml", "compact.yaml", "rendered/all.yaml"
_SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "login", "namespace": "nvidia-network-operator"},
    "type": "Opaque",
    "stringData": {"password": CANARY},
    "data": {"password": base64.b64encode(CANARY.encode()).decode()},
}


@dataclass(frozen=True, slots=True)
class World:
    """The files of one cluster that renders from its lock, as documents and as they are written."""

    documents: Mapping[str, Sequence[Any]]
    files: Mapping[str, bytes]


WorldOf = Callable[[str], World]


@pytest.fixture
def ring(tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[Ring]:
    made = Ring(tmp_path / "clusters" / "a")
    yield made
    record_property("examples", made.examples)
    record_property("codes", str(made.codes))


@pytest.fixture(scope="module")
def world_of(tmp_path_factory: pytest.TempPathFactory) -> WorldOf:
    folder = tmp_path_factory.mktemp("worlds")
    made = {case.name: _world(case, folder / case.name) for case in cases() if case.name in _CASES}

    # No mapping: hypothesis shows what a test is called with, and warns when that is large.
    def world_of(name: str) -> World:
        return made[name]

    return world_of


def _world(case: Case, folder: Path) -> World:
    """Return a case of fixtures/golden with its config, lock, rendering and compact inventory."""
    folder.mkdir()
    texts = {
        file: (case.folder / file).read_text()
        for file in (POLICY, NODES, OBJECTS)
        if (case.folder / file).exists()
    }
    images = {tag: image(architecture=tag.rpartition("-")[2]) for tag in case.tags}
    manifests = {tag: manifest for tag, (manifest, _) in images.items()}
    blobs = [blob for _, blob in images.values()]
    with FakeRegistry(tags=dict.fromkeys(case.repositories, manifests), blobs=blobs) as registry:
        documents = {file: list(yaml.safe_load_all(text)) for file, text in texts.items()}
        _hide(documents)
        documents[CONFIG] = [
            config(
                policies=[POLICY],
                inventory=[file for file in (OBJECTS, NODES) if file in texts],
                namespace=case.namespace,
                openshift=case.openshift,
                initContainerImage=case.init_container_image,
                annotations={"a.example/b": "c"},
                planned=[],
                ignoredTaints=["example.com/away"],
            )
        ]
        documents[CONFIG][0]["metadata"] = {"name": case.name}
        for file, values in documents.items():
            text = written(values, Form.YAML)
            (folder / file).write_bytes(text.replace(b"repository: ", f"repository: {registry.host}/".encode()))
        locked = run_here("lock", cwd=folder)
        assert locked.exit_code == 0, locked.stderr
        moved = [file.read_bytes().replace(registry.host.encode(), HOST.encode()) for file in folder.iterdir()]
        for file, data in zip(list(folder.iterdir()), moved, strict=True):
            file.write_bytes(data)
    documents = {file.name: list(yaml.safe_load_all(file.read_bytes())) for file in folder.iterdir()}
    stream = run_here("generate", cwd=folder)
    assert stream.exit_code == 0, stream.stderr
    (folder / "rendered").mkdir()
    (folder / RENDERED).write_bytes(stream.stdout)
    documents[RENDERED] = list(yaml.safe_load_all(stream.stdout))
    documents[COMPACT] = [_compact(folder, case.openshift)]
    files = {name: written(values, Form.YAML) for name, values in documents.items()}
    return World(documents, files)


def _compact(folder: Path, openshift: bool) -> Any:  # noqa: FBT001
    from gitops_doca.core.diagnostics import Problems
    from gitops_doca.emit.inventory import dump_inventory
    from gitops_doca.sources.inventory import read_inventory
    from gitops_doca.sources.policy import read_policies

    problems = Problems()
    labels = read_policies([str(folder / POLICY)], problems).labels
    names = [str(folder / name) for name in (NODES, OBJECTS) if (folder / name).exists()]
    inventory = read_inventory(names, labels, problems)
    return yaml.safe_load(dump_inventory(inventory, labels))


def _hide(documents: dict[str, list[Any]]) -> None:
    """Put the canary wherever an input may hold a secret that is none of our business."""
    for policy in documents[POLICY]:
        metadata = policy.setdefault("metadata", {})
        metadata.setdefault("annotations", {})["kubectl.kubernetes.io/last-applied-configuration"] = CANARY
    for node in documents[NODES][0]["items"]:
        node["metadata"].setdefault("annotations", {})["example.com/token"] = CANARY
        node["status"]["images"] = [{"names": [f"{CANARY}/a:b"], "sizeBytes": 1}]
    for one in documents.get(OBJECTS, []):
        if one["kind"] == "ConfigMap":
            one["data"] = dict.fromkeys(one.get("data", {}), CANARY)
    documents.setdefault(OBJECTS, []).append(_SECRET)


# Files

COMMANDS: Sequence[tuple[str, ...]] = (
    *[("generate",)] * 3,
    ("generate", "-o", "json"),
    ("generate", "--pin-digests", "-v"),
    ("generate", "--output-dir", "rendered"),
    ("generate", "--output-dir", "rendered", "--check"),
    ("generate", "-p", POLICY, "-i", NODES, "-i", OBJECTS, "--lock", LOCK, "--report", "report.json"),
    ("generate", "-p", POLICY, "-i", COMPACT, "--locked"),
    ("generate", "--locked", "--no-openshift"),
    ("check",),
    ("check", "-v", "--report", "report.json"),
    ("check", "--explain-config"),
    *[("check", "-o", form) for form in ("json", "markdown", "mirror", "mirror-skopeo", "build")],
    ("check", ".", "../b", "-o", "markdown"),
    ("diff", "./rendered"),
    ("diff", "./rendered", "-o", "json"),
    ("diff", "./rendered", "-o", "markdown"),
    ("verify", RENDERED),
    ("verify", "-v", ".", RENDERED),
    ("verify", "--expect-pools", "1", RENDERED),
)
SUMMARY = {"GITHUB_STEP_SUMMARY": "summary.md"}
FILES = [CONFIG, POLICY, NODES, OBJECTS, LOCK, COMPACT, RENDERED]


@fuzz(450)
@given(
    name=st.sampled_from(_CASES),
    args=st.sampled_from(COMMANDS),
    changes=st.dictionaries(st.sampled_from(FILES), texts(), min_size=1, max_size=2),
)
def test_files(
    ring: Ring, world_of: WorldOf, name: str, args: tuple[str, ...], changes: Mapping[str, Text]
) -> None:
    world = world_of(name)
    changed = {file: text.of(world.documents[file]) for file, text in changes.items()}

    ring.hold(Call(args=args, files={**world.files, **changed}, env=SUMMARY))


# Arguments and the environment

_TEXT_OPTIONS = (
    *("-n", "-p", "-i", "--lock", "--init-container-image", "--registry-config", "--pull-secret", "--ca-file"),
    *("--insecure-registry", "--allowed-registry", "--trusted-realm-host", "--deadline", "--report", "-o"),
    *("--context", "--kubeconfig", "--output-dir", "--max-bytes", "--versions", "--expect-pools", "--write"),
)
_NAMES = (
    *("generate", "check", "lock", "diff", "matrix", "verify", "schema", "inventory", "status", "krm"),
    *("argocd", "nothing"),
)
_VARIABLES = (
    *("GITOPS_DOCA_DEADLINE", "GITOPS_DOCA_ALLOWED_REGISTRY", "GITOPS_DOCA_PULL_SECRET", "GITOPS_DOCA_X"),
    *("GITHUB_STEP_SUMMARY", "DOCKER_CONFIG", "KUBECONFIG", "ARGOCD_APP_PARAMETERS"),
    *("ARGOCD_APP_SOURCE_PATH", "_GITOPS_DOCA_COMPLETE"),
)
# The system allows no zeros in arguments.
_WORDS = st.sampled_from([text for text in (*TEXTS, *filter(is_text, VALUES)) if "\0" not in text])


@fuzz(150)
@given(
    command=st.sampled_from(_NAMES),
    names=st.lists(_WORDS, max_size=2),
    options=st.lists(st.tuples(st.sampled_from(_TEXT_OPTIONS), _WORDS), max_size=2),
    env=st.dictionaries(st.sampled_from(_VARIABLES), _WORDS, max_size=1),
)
def test_arguments(
    ring: Ring,
    world_of: WorldOf,
    command: str,
    names: list[str],
    options: list[tuple[str, str]],
    env: dict[str, str],
) -> None:
    args = (command, *names, *(word for option in options for word in option))

    ring.hold(Call(args=args, files=world_of("four-distros").files, env=env))


# Streams

@fuzz(200)
@given(
    name=st.sampled_from(_CASES),
    kind=st.sampled_from(["transformer", "generator", "verify", "policy", "inventory"]),
    text=texts(),
)
def test_streams(ring: Ring, world_of: WorldOf, name: str, kind: str, text: Text) -> None:
    world = world_of(name)
    documents, args = _stream(world, kind)

    ring.hold(Call(args=args, files=world.files, stdin=text.of(documents), may_show=args == ("krm",)))


def _stream(world: World, kind: str) -> tuple[Sequence[Any], tuple[str, ...]]:
    match kind:
        case "verify":
            return [*world.documents[RENDERED], _SECRET], ("verify", "-v")
        case "policy":
            return world.documents[POLICY], ("generate", "-p", "-", "-i", NODES)
        case "inventory":
            return world.documents[NODES], ("check", "-p", POLICY, "-i", "-")
    named = kind == "generator"
    spec = {"inventory": [OBJECTS, NODES]} | ({"policies": [POLICY]} if named else {})
    items = [] if named else [*world.documents[POLICY], _SECRET]
    return [yaml.safe_load(resource_list(items, config(**spec)))], ("krm",)
