"""Recognise objects that show that an operator makes driver DaemonSets in a cluster."""

from gitops_doca.core.model import INIT_CONTAINER, OPERATOR_STATE, OPERATOR_STATE_LABEL, OperatorEvidence
from gitops_doca.core.paths import text_at, value_at
from gitops_doca.core.reference import InvalidReferenceError, parse_image
from gitops_doca.sources.inventory.builder import InventoryBuilder
from gitops_doca.sources.reading.document import Document, is_policy


def add_operator_evidence(document: Document, builder: InventoryBuilder) -> None:
    """Record a driver DaemonSet of the operator, or a policy with `ofedDriver`; nothing else."""
    value = document.value
    if is_policy(document):
        if value_at(value, "spec", "ofedDriver"):
            what = f"{_kind_and_name(value)} with ofedDriver"
            builder.operator_evidence.append(OperatorEvidence(what, document.place()))
    elif (
        value["kind"] == "DaemonSet"
        and value_at(value, "metadata", "labels", OPERATOR_STATE_LABEL) == OPERATOR_STATE
    ):
        trace = OperatorEvidence(
            f"the operator's {_kind_and_name(value)}", document.place(), _init_image(value)
        )
        builder.operator_evidence.append(trace)


def _kind_and_name(value: object) -> str:
    return f"{value_at(value, 'kind')} {text_at(value, 'metadata', 'name')}"


def _init_image(daemon_set: object) -> str:
    """Return the image of the init container; empty without one that can be pulled."""
    containers = value_at(daemon_set, "spec", "template", "spec", "initContainers")
    for container in containers if isinstance(containers, list) else ():
        image = text_at(container, "image")
        if value_at(container, "name") == INIT_CONTAINER:
            try:
                parse_image(image)
            except InvalidReferenceError:
                return ""
            return image
    return ""
