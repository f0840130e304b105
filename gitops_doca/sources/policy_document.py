"""Recognise a document as a policy, and check it against the operator's CRD."""

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.reading.document import Document, Path, drop_nulls
from gitops_doca.sources.reading.schema import did_you_mean, elsewhere, validate
from gitops_doca.sources.reading.unfinished import RENDER, TEMPLATE, is_template

CLUSTER, NODE = "NicClusterPolicy", "NicNodePolicy"
DRIVER: Path = ("spec", "ofedDriver")
GLOBAL: Path = ("spec", "global")

_GROUP = "mellanox.com"
_SECTIONS = {
    CLUSTER: ("ofedDriver", "global", "tolerations", "nodeAffinity"),
    NODE: ("ofedDriver", "tolerations", "nodeSelector"),
}
"""The parts that are read of each kind."""
_OTHER_SECTIONS = {
    CLUSTER: (
        *("deploymentNodeAffinity", "deploymentTolerations", "docaTelemetryService", "ibKubernetes"),
        *("nicConfigurationOperator", "nicFeatureDiscovery", "nvIpam", "rdmaSharedDevicePlugin"),
        *("secondaryNetwork", "spectrumXOperator", "sriovDevicePlugin"),
        # Fields of older releases.
        *("ipamPlugin", "nvPeerDriver", "psp"),
    ),
    NODE: ("annotations", "labels", "rdmaSharedDevicePlugin", "sriovDevicePlugin"),
}
"""Other fields in the CRD of each kind (Network Operator 26.7)."""
_RENDERED: tuple[Path, ...] = (
    *((*DRIVER, name) for name in ("image", "repository", "version")),
    *((*DRIVER, name, "name") for name in ("certConfig", "repoConfig")),
    *((*GLOBAL, name) for name in ("repository", "version")),
)
"""Fields in which the API server accepts any string, but a placeholder is a mistake."""


def is_meant_as_policy(document: Document) -> bool:
    """Say whether an object is a policy, even with a wrong apiVersion or misspelled kind.

    The CRD of another project may have a kind of the same name, in its own API group.
    """
    value = document.value
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        return False
    version = value.get("apiVersion") or ""
    group, slash, _ = str(version).partition("/")
    is_kind = kind.lower() in {known.lower() for known in _SECTIONS}
    if group.lower() == _GROUP:
        return is_kind or (not kind.endswith("List") and bool(did_you_mean(kind, _SECTIONS)))
    return is_kind and isinstance(version, str) and not slash


def validate_policy(document: Document, problems: Problems) -> bool:
    """Report what makes a policy unusable; say whether it is valid. Drops fields that are null."""
    drop_nulls(document.value)
    if not validate(document, "policy", problems):
        return False
    _warn_unread(document, problems)
    templates = [path for path in _RENDERED if is_template(document.text(path))]
    for path in templates:
        problems.error(f"{document.text(path)!r} {TEMPLATE}", document.place(path), help=RENDER)
    return not templates


def _warn_unread(document: Document, problems: Problems) -> None:
    spec = document.value.get("spec", {})
    kind = document.value["kind"]
    for key in sorted(set(spec) - {*_SECTIONS[kind], *_OTHER_SECTIONS[kind]}):
        others = (*_SECTIONS.values(), *_OTHER_SECTIONS.values())
        if any(key in sections for sections in others):
            why = f": a {kind} has no such field"
        else:
            why = elsewhere(document, "policy", key) or did_you_mean(key, _SECTIONS[kind])
        if why:
            problems.warn(f"the field is not read{why}", document.place(("spec", key)))
