"""Write a first gitops-doca.yaml, with comments for what is set often."""

from collections.abc import Iterator, Sequence

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.documentation import page
from gitops_doca.core.model import API_VERSION
from gitops_doca.core.yaml_scalars import scalar, single_quoted
from gitops_doca.emit.escape import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstConfig:
    """What a first config sets."""

    name: str
    policies: Sequence[str]
    """Paths, relative to the config."""
    inventory: Sequence[str]
    """The same."""
    is_compact: bool
    """Whether the inventory is one file, which `gitops-doca inventory` updates."""
    namespace: str = ""
    """Empty: the default."""
    openshift: bool | None = None
    """None: as the inventory shows."""
    operator_makes_drivers: bool = False
    """Whether the cluster has an operator that makes the driver DaemonSets."""


def dump_first_config(config: FirstConfig) -> str:
    """Return the text of the config."""
    return "".join(f"{line}\n" for line in _lines(config))


def _lines(config: FirstConfig) -> Iterator[str]:
    yield "# The drivers of one cluster: what gitops-doca reads, and what it makes of it."
    yield f"# All fields: {page('reference')}"
    yield f"apiVersion: {API_VERSION}"
    yield "kind: DriverGenerator"
    yield "metadata:"
    yield f"  name: {scalar(config.name)}"
    yield "spec:"
    if config.operator_makes_drivers:
        yield "  # The operator's driver policies, which gitops-doca prints as they are here."
    else:
        yield "  # The driver policies. Do not apply one with ofedDriver to the cluster as well: the"
        yield "  # Network Operator would make the same drivers."
    yield from _list("policies", config.policies)
    if config.is_compact:
        yield "  # The nodes with a NIC. When nodes change, run in this folder, with this cluster's context:"
        yield f"  #   gitops-doca inventory --write {config.inventory[0]}"
    else:
        yield "  # The nodes with a NIC. Update these files when nodes change."
    yield from _list("inventory", config.inventory)
    if config.namespace:
        yield "  # The namespace of the Network Operator."
        yield f"  namespace: {scalar(config.namespace)}"
    if config.openshift is not None:
        yield "  # Whether the cluster is OpenShift (default: as the inventory shows)."
        yield f"  openshift: {str(config.openshift).lower()}"
    if config.operator_makes_drivers:
        yield "  # The Network Operator makes the drivers of this cluster. So gitops-doca only checks that"
        yield "  # each pool has its image, and prints the policies then. Two owners would fight over the"
        yield "  # drivers: before you remove this line, read how gitops-doca takes them over:"
        yield f"  # {page('beside-the-operator')}"
        yield "  emit: policies"
    yield ""
    yield "  # What else is often set:"
    if not config.operator_makes_drivers:
        yield "  # Write images with their digests, so that a tag that moves changes nothing."
        yield "  # pinDigests: true"
        yield "  # Driver versions that a pool may run while its kernel has no image of the policy's version."
        yield "  # fallbackVersions: [doca3.3.0-26.01-1.0.0.0-0]"
    yield "  # Kernels that nodes will boot next: a missing image fails the pull request, not the upgrade."
    yield "  # planned:"
    yield "  #   - {os: ubuntu, osVersion: '24.04', kernel: 6.8.0-100-generic, arch: amd64}"
    yield "  # Make an error of a skipped node, and of a pool that would compile its driver now."
    yield "  # strict: true"


def _list(name: str, paths: Sequence[str]) -> Iterator[str]:
    yield f"  {name}:"
    for path in paths:
        yield f"    - {_readable(path)}"


def _readable(path: str) -> str:
    """Return a path as a scalar; letters of other scripts stay, since people edit this file."""
    if path.isascii() or printable(path) != path:
        return scalar(path)
    return single_quoted(path)
