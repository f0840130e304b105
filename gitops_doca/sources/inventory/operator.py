"""Objects of a cluster which show that an operator makes driver DaemonSets there."""

from gitops_doca.core.model import OPERATOR_STATE_LABEL, OperatorTrace
from gitops_doca.sources.inventory.found import Found
from gitops_doca.sources.located import Document, is_policy


def add_operator_trace(document: Document, found: Found) -> None:
    """Note a driver DaemonSet of the operator's, or a policy with `ofedDriver`; nothing else."""
    value = document.value
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    spec, labels = value.get("spec"), metadata.get("labels")
    what = f"{value['kind']} {metadata.get('name', '')}"
    if is_policy(document):
        if isinstance(spec, dict) and spec.get("ofedDriver"):
            found.operator_traces.append(OperatorTrace(f"{what} with ofedDriver", document.place()))
    elif (
        value["kind"] == "DaemonSet"
        and isinstance(labels, dict)
        and labels.get(OPERATOR_STATE_LABEL) == "state-OFED"
    ):
        found.operator_traces.append(OperatorTrace(f"the operator's {what}", document.place()))
