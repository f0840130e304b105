"""Calls the KRM function as kustomize does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gitops_doca.cli.settings.registries import Connect
from support.cli import Result
from support.in_process import run_here

FUNCTION = {"config.kubernetes.io/function": "exec:\n  path: gitops-doca-krm\n"}
POLICY = {"apiVersion": "mellanox.com/v1alpha1", "kind": "NicClusterPolicy", "name": "nic-cluster-policy"}


class _Quoting(yaml.SafeDumper):
    """Quotes all texts: PyYAML takes 1e3 for one, and the API server and kustomize do not."""


_Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, "'")
)


def config(**spec: Any) -> dict[str, Any]:
    """Return a functionConfig as kustomize hands it over."""
    annotations = FUNCTION | {"config.kubernetes.io/local-config": "true"}
    return {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "metadata": {"name": "drivers", "annotations": annotations},
        "spec": spec,
    }


def resource_list(items: Sequence[Any], function_config: Any) -> bytes:
    """Return what a function finds on stdin."""
    document = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": items,
        "functionConfig": function_config,
    }
    return yaml.dump(document, Dumper=_Quoting, sort_keys=False, allow_unicode=True).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A run of the function, and the ResourceList that it wrote."""

    run: Result
    items: list[Any]
    results: list[Any]

    @property
    def exit_code(self) -> int:
        """How it ended."""
        return self.run.exit_code

    @property
    def kinds(self) -> list[str]:
        """Kind of each item."""
        return [item["kind"] for item in self.items]


def call(
    folder: Path, stdin: bytes, env: Mapping[str, str] | None = None, connect: Connect | None = None
) -> Output:
    """Call the function in a folder."""
    run = run_here("krm", cwd=folder, stdin=stdin, env=env, connect=connect)
    written = yaml.safe_load(run.stdout)
    assert {key: written.pop(key) for key in ("apiVersion", "kind")} == {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
    }
    assert sorted(written) == ["items", "results"]
    return Output(run=run, **written)
