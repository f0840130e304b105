"""Merge rendered resources into the items of a KRM function's input."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import Resource
from gitops_doca.core.names import PROGRAM
from gitops_doca.core.render.metadata import MANAGED_BY

Item = Mapping[str, Any]
"""An object of a ResourceList; it may have any fields."""
DRIVER = "ofedDriver"
# Where kpt and `kustomize fn run` write an item back to; the second is the older name. `kustomize
# build` sets neither.
_PATHS = ("internal.config.kubernetes.io/path", "config.kubernetes.io/path")

# Annotations of the caller that a function must return unchanged (functions specification).
_CALLERS = ("internal.", "config.kubernetes.io/", "config.k8s.io/")


def describe(item: Item) -> str:
    """Return kind and name of an object for messages; empty when one of them is not a string."""
    meta = item.get("metadata")
    kind, name = item.get("kind"), meta.get("name") if isinstance(meta, Mapping) else None
    return f"{kind} {name}" if isinstance(kind, str) and isinstance(name, str) and name else ""


def package_path(item: Item) -> str:
    """Return the item's file in its package; empty for one without a file."""
    meta = item.get("metadata")
    annotations = meta.get("annotations") if isinstance(meta, Mapping) else None
    paths = [annotations.get(name) for name in _PATHS] if isinstance(annotations, Mapping) else []
    return next((path for path in paths if isinstance(path, str) and path), "")


def refresh(
    items: Iterable[Item], resources: Sequence[Resource], problems: Problems
) -> tuple[list[Item], Sequence[Resource]]:
    """Replace the resources of an earlier run in a package; return also the new ones.

    Warns of resources of an earlier run that are no longer rendered.
    """
    ours = {_identity(resource): resource for resource in resources}
    kept: list[Item] = []
    for item in items:
        if not _is_written(item):
            kept.append(item)
        elif resource := ours.pop(_identity(item), None):
            kept.append(_in_place_of(item, resource))
        else:
            kept.append(item)
            problems.warn(
                f"{describe(item)} is from an earlier run, and is no longer rendered",
                Place(package_path(item)),
                help="remove the file",
            )
    return kept, tuple(ours.values())


def _is_written(item: Item) -> bool:
    labels = item["metadata"].get("labels") if package_path(item) else None
    return isinstance(labels, Mapping) and labels.get(MANAGED_BY) == PROGRAM


def _in_place_of(item: Item, resource: Resource) -> Resource:
    """Return the resource with the annotations of its place in the package."""
    meta = resource["metadata"]
    places = {
        key: value for key, value in item["metadata"]["annotations"].items() if key.startswith(_CALLERS)
    }
    return {**resource, "metadata": {**meta, "annotations": {**meta.get("annotations", {}), **places}}}


def check_collisions(items: Iterable[Item], resources: Sequence[Resource], problems: Problems) -> None:
    """Report objects of the input that are rendered too, in any version of their API."""
    ours = {_identity(resource) for resource in resources}
    for item in items:
        if _identity(item) in ours:
            namespace = item["metadata"].get("namespace")
            problems.error(
                f"{describe(item)}{f' in namespace {namespace}' if namespace else ''} is among the resources"
                " already, and is rendered here",
                help="remove it from the kustomization's resources",
            )


def not_among(items: Iterable[Item], resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return the resources that are none of these objects."""
    theirs = set(map(_identity, items))
    return tuple(resource for resource in resources if _identity(resource) not in theirs)


def has_driver(policy: Item) -> bool:
    """Say whether the operator would make DaemonSets for this policy."""
    spec = policy.get("spec")
    return isinstance(spec, Mapping) and DRIVER in spec


def warn_kept_driver(policy: Item, name: str, problems: Problems) -> None:
    """Warn that a policy keeps its driver, since it is written back; `name` is for messages."""
    problems.warn(
        f"{DRIVER} stays in the policy, which is written back to {package_path(policy)}; its DaemonSets are"
        " rendered here, and where the policy is applied too, the operator makes them a second time",
        Place(name, field=f"spec.{DRIVER}"),
        help=f"apply the policy without {DRIVER}, or render with gitops-doca generate",
    )


def without_driver(policy: Item) -> Item:
    """Return a policy for which the operator makes no DaemonSets, which would conflict with ours."""
    return {**policy, "spec": {key: value for key, value in policy["spec"].items() if key != DRIVER}}


def _identity(item: Item) -> tuple[str, ...]:
    metadata = item.get("metadata")
    meta = metadata if isinstance(metadata, Mapping) else {}
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    return group, str(item.get("kind")), str(meta.get("namespace") or ""), str(meta.get("name"))
