"""The cases of fixtures/golden: what they hold, how to run them on loopback, and how to compare."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gitops_doca.core.diagnostics import Problems
from gitops_doca.emit.inventory import dump_inventory
from gitops_doca.sources.inventory import read_inventory
from gitops_doca.sources.policy import read_policies
from support.cli import ROOT, Result, run_cli
from support.docker_registry import DockerRegistry
from support.images import Pusher

_FOLDER = ROOT / "fixtures" / "golden"
_DTK_CONTAINER = "openshift-driver-toolkit-ctr"
_MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a case must fail: the word of `error[word]`, and what the message must hold."""

    category: str
    contains: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One folder of fixtures/golden."""

    name: str
    openshift: bool
    namespace: str
    init_container_image: str
    tags: tuple[str, ...]
    registry_down: bool
    failure: Failure | None

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return _FOLDER / self.name

    @property
    def expected(self) -> list[dict[str, Any]]:
        """The objects that must come out, in their order."""
        return list(yaml.safe_load_all((self.folder / "expected.yaml").read_text()))

    @property
    def repositories(self) -> frozenset[str]:
        """Repository and image of each policy, once `global` filled its gaps."""
        specs = [policy["spec"] for policy in yaml.safe_load_all((self.folder / "policy.yaml").read_text())]
        return frozenset(
            f"{(spec.get('global', {}) | spec['ofedDriver'])['repository']}/{spec['ofedDriver']['image']}"
            for spec in specs
        )


@cache
def cases() -> tuple[Case, ...]:
    """Return every case, by name."""
    return tuple(_load(folder) for folder in sorted(_FOLDER.iterdir()) if folder.is_dir())


def _load(folder: Path) -> Case:
    case = yaml.safe_load((folder / "case.yaml").read_text())
    error = case.get("error")
    return Case(
        name=folder.name,
        openshift=case["config"]["openshift"],
        namespace=case["config"]["namespace"],
        init_container_image=case["config"]["initContainerImage"],
        tags=tuple(case["registry"]["tags"]),
        registry_down=case["registry"]["down"],
        failure=Failure(category=error["exit"], contains=tuple(error["contains"])) if error else None,
    )


def push_tags(case: Case, registry: DockerRegistry) -> None:
    """Fill the registry with the case's tags, below a path that is the case's alone."""
    for repository in case.repositories:
        pusher = Pusher(registry=registry, repository=f"{case.name}/{repository}")
        for tag in case.tags:
            pusher.image(tag, architecture="arm64" if tag.endswith("-arm64") else "amd64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A copy of a case whose policies name a repository on loopback."""

    case: Case
    folder: Path
    host: str

    def write(self) -> None:
        """Write the policy, the nodes in three forms, the other objects, and a compact inventory of all."""
        policy = (self.case.folder / "policy.yaml").read_text()
        moved = policy.replace("repository: ", f"repository: {self._prefix}")
        (self.folder / "policy.yaml").write_text(moved)
        nodes = yaml.safe_load((self.case.folder / "nodes.yaml").read_text())
        (self.folder / "nodes.yaml").write_bytes((self.case.folder / "nodes.yaml").read_bytes())
        (self.folder / "nodes.json").write_text(json.dumps(nodes, indent=4))
        (self.folder / "shuffled.yaml").write_text(yaml.safe_dump(_reversed(nodes), sort_keys=False))
        if self._objects:
            (self.folder / "objects.yaml").write_bytes((self.case.folder / "objects.yaml").read_bytes())
        (self.folder / "compact.yaml").write_text(self._compact())

    def run_by_flags(self, nodes: str, *, env: Mapping[str, str]) -> Result:
        """Run `generate` with everything as flags, from the folder of the files."""
        return self._run_with((nodes, *self._objects), env=env)

    def run_compact(self, *, env: Mapping[str, str]) -> Result:
        """Run `generate` with the compact inventory in the place of the nodes and the other objects."""
        return self._run_with(("compact.yaml",), env=env)

    def _run_with(self, files: Iterable[str], *, env: Mapping[str, str]) -> Result:
        inventory = [argument for name in files for argument in ("-i", name)]
        init_container = self.case.init_container_image
        return self._run(
            *("-p", "policy.yaml", *inventory, "-n", self.case.namespace),
            "--openshift" if self.case.openshift else "--no-openshift",
            *(("--init-container-image", init_container) if init_container else ()),
            cwd=self.folder,
            env=env,
        )

    def run_by_config(self, nodes: str, *, cwd: Path, env: Mapping[str, str]) -> Result:
        """Run `generate` with everything in gitops-doca.yaml, which is found from the working directory."""
        spec = {
            "policies": ["policy.yaml"],
            "inventory": [*self._objects, nodes],
            "namespace": self.case.namespace,
            "openshift": self.case.openshift,
            "initContainerImage": self.case.init_container_image,
        }
        config = {
            "apiVersion": "gitops-doca.dev/v1alpha1",
            "kind": "DriverGenerator",
            "metadata": {"name": "golden"},
            "spec": spec,
        }
        (self.folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
        return self._run(*(() if cwd == self.folder else (self.folder,)), cwd=cwd, env=env)

    def _compact(self) -> str:
        problems = Problems()
        labels = read_policies([str(self.folder / "policy.yaml")], problems).labels
        files = [str(self.folder / name) for name in ("nodes.yaml", *self._objects)]
        inventory = read_inventory(files, labels, problems)
        assert problems.errors == ()
        return dump_inventory(inventory, labels)

    @property
    def _prefix(self) -> str:
        return f"{self.host}/{self.case.name}/"

    @property
    def _objects(self) -> tuple[str, ...]:
        return ("objects.yaml",) if (self.case.folder / "objects.yaml").exists() else ()

    def _run(self, *args: str | Path, cwd: Path, env: Mapping[str, str]) -> Result:
        # Retries against a registry that is down go on until the deadline.
        deadline = "3" if self.case.registry_down else "30"
        result = run_cli("generate", *args, "--deadline", deadline, cwd=cwd, env=env)
        return Result(
            exit_code=result.exit_code,
            stdout=result.stdout.replace(self._prefix.encode(), b""),
            stderr=result.stderr.replace(self._prefix, ""),
        )


def _reversed(value: Any) -> Any:
    """Turn around the nodes of a list, and the order of keys in every mapping."""
    if isinstance(value, dict):
        return {
            key: list(map(_reversed, reversed(item))) if key == "items" else _reversed(item)
            for key, item in reversed(value.items())
        }
    return [_reversed(item) for item in value] if isinstance(value, list) else value


def comparable(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what fixtures/golden/README.md says is not compared."""
    return [_comparable(resource) for resource in objects]


def _comparable(resource: dict[str, Any]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(resource))
    metadata = copy["metadata"]
    _keep(metadata, "annotations", lambda key: not key.startswith("gitops-doca.dev/"))
    _keep(metadata, "labels", lambda key: key != _MANAGED_BY)
    if copy["kind"] == "ConfigMap" and "config.json" in copy.get("data", {}):
        copy["data"]["config.json"] = json.loads(copy["data"]["config.json"])
    if copy["kind"] == "DaemonSet":
        pod = copy["spec"]["template"]["spec"]
        for container in pod["containers"] + pod.get("initContainers", []):
            if container.get("env") == []:
                del container["env"]
            if container["name"] == _DTK_CONTAINER:
                container.pop("command", None)
                container.pop("args", None)
    return copy


def _keep(metadata: dict[str, Any], field: str, wanted: Any) -> None:
    kept = {key: value for key, value in metadata.pop(field, {}).items() if wanted(key)}
    if kept:
        metadata[field] = kept
