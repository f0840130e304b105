"""What deploy/ holds: its YAML by the kind of file, and the steps of its Dockerfile."""

import re
import shlex
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

import yaml

from support.cli import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "argocd" / "Dockerfile"
_CUSTOM = {"argoproj.io/v1alpha1", "gitops-doca.dev/v1alpha1", "mellanox.com/v1alpha1"}


class Kind(Enum):
    """A kind of file that some test validates."""

    KUBERNETES = auto()
    """Objects of Kubernetes' own."""
    ARGO_CD = auto()
    """Argo CD's custom resources."""
    OURS = auto()
    """Inputs of the program: config, policy, inventory, lock."""
    KUSTOMIZATION = auto()
    COMPONENT = auto()
    PATCH = auto()
    """A part of an object, which a component names."""
    HELM_VALUES = auto()
    WORKFLOW = auto()
    """A workflow of GitHub."""
    PIPELINE = auto()
    """A pipeline of GitLab."""


def manifests(*kinds: Kind) -> list[Path]:
    """Return the YAML files of these kinds, sorted; of all kinds when none is given.

    Raises AssertionError for a file of no kind: no test validates it.
    """
    files = sorted(path for path in DEPLOY.rglob("*") if path.suffix in {".yaml", ".yml"})
    return [file for file in files if kind_of(file) in (kinds or Kind)]


def objects(file: Path) -> list[dict[str, Any]]:
    """Return the documents of a file."""
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def kind_of(file: Path) -> Kind:
    """Tell a file's kind by what is in it; raises AssertionError where it has none."""
    first = objects(file)[0]
    group = first.get("apiVersion", "")
    if group.startswith("kustomize.config.k8s.io/"):
        return Kind.COMPONENT if first["kind"] == "Component" else Kind.KUSTOMIZATION
    if group in _CUSTOM:
        return Kind.ARGO_CD if group.startswith("argoproj.io/") else Kind.OURS
    if file in _patches():
        return Kind.PATCH
    if group:
        return Kind.KUBERNETES
    if "jobs" in first or file.name.endswith(".gitlab-ci.yml"):
        return Kind.WORKFLOW if "jobs" in first else Kind.PIPELINE
    assert "repoServer" in first, f"no test validates {file.relative_to(ROOT)}"
    return Kind.HELM_VALUES


def _patches() -> set[Path]:
    return {
        file.parent / patch["path"]
        for file in DEPLOY.rglob("kustomization.yaml")
        for document in objects(file)
        for patch in document.get("patches", ())
        if "path" in patch
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction of a Dockerfile, its lines joined."""

    word: str
    """`COPY`, `RUN` and so on."""
    text: str
    """What stands behind it, without flags of the instruction itself."""

    @property
    def paths(self) -> list[str]:
        """The paths of a COPY, of which the last is where the others go."""
        return shlex.split(self.text)


def stages() -> dict[str, list[Step]]:
    """Return the steps of each stage, by its name."""
    found: dict[str, list[Step]] = {}
    steps: list[Step] = []
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            steps = found.setdefault(rest.rpartition(" AS ")[2], [])
        else:
            steps.append(Step(word=word, text=re.sub(r"^(--\S+\s+)+", "", rest.strip())))
    return {name: [step for step in steps if step.word] for name, steps in found.items()}


def context() -> list[str]:
    """Return the files and folders that Docker's ignore file lets into the build."""
    lines = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    return [line.removeprefix("!") for line in lines if line.startswith("!")]
