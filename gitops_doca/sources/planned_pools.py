"""Read the planned pools of a config, and check the policies that they name."""

from collections.abc import Collection, Iterable
from typing import Any

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.distributions import MACHINES
from gitops_doca.core.model import (
    ARCH_LABEL,
    KERNEL_LABEL,
    OS_ID_LABEL,
    OS_VERSION_LABEL,
    OSTREE_LABEL,
    PlannedPool,
    Platform,
)
from gitops_doca.sources.reading.document import Document, Path
from gitops_doca.sources.reading.schema import did_you_mean

_LABELS = {
    "os": OS_ID_LABEL,
    "osVersion": OS_VERSION_LABEL,
    "kernel": KERNEL_LABEL,
    "arch": ARCH_LABEL,
    "ostreeVersion": OSTREE_LABEL,
}
_ARCHITECTURES = {machine: arch for arch, machine in MACHINES.items()}


def read_plans(document: Document, problems: Problems) -> tuple[PlannedPool, ...]:
    """Read `spec.planned` of a config that its schema has accepted; reports impossible names."""
    return tuple(
        _plan(entry, document, ("spec", "planned", number), problems)
        for number, entry in enumerate(document.value["spec"]["planned"])
    )


def check_policies(plans: Iterable[PlannedPool], policies: Collection[str], problems: Problems) -> None:
    """Report a plan for a policy that is not among these names, those with `ofedDriver`."""
    names, known = frozenset(policies), ", ".join(sorted(policies)) or "none"
    for plan in plans:
        for name in sorted(plan.policies - names):
            near = did_you_mean(name, policies) if problems.is_early(plan.place.file) else ""
            problems.error(
                f"there is no policy {name!r} with ofedDriver{near}",
                plan.places.get("policies", plan.place),
                help=f"name policies with ofedDriver ({known}), or remove policies to plan for all of them",
            )


def _plan(entry: dict[str, Any], document: Document, path: Path, problems: Problems) -> PlannedPool:
    arch = entry["arch"]
    if arch in _ARCHITECTURES:
        problems.error(
            f"{arch!r} is not how Kubernetes names an architecture; did you mean {_ARCHITECTURES[arch]!r}?",
            document.place((*path, "arch")),
        )
    return PlannedPool(
        platform=Platform(entry["os"], entry["osVersion"], entry["kernel"], arch),
        container_runtime=entry.get("containerRuntime", ""),
        ostree_version=entry.get("ostreeVersion", ""),
        without_companions="companions" in entry,
        policies=frozenset(entry.get("policies", ())),
        place=document.place(path),
        places={
            **{label: document.place((*path, field)) for field, label in _LABELS.items()},
            "policies": document.place((*path, "policies")),
        },
    )
