"""Select the parts of an object that the readers build."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gitops_doca.core.model import OPERATOR_STATE_LABEL, RENDER_LABELS

ALL: Final = "all"
"""Build everything below."""
NOTHING: Final = "nothing"
"""Build nothing, and omit the key too."""
KEYS: Final = "keys"
"""Build a mapping's keys with None for each value: what is not in memory cannot be printed.

Anything else becomes an empty string; null stays null.
"""
SIMILAR: Final = "similar"
"""Only under `REST`: build the keys that resemble the NIC label, without values."""
REST: Final = "*"
"""Key of a selection for all keys that it does not name."""

Selection = str | Mapping[str, "Selection"]

_PCI = "pci-"
"""Part of the name of each label that node-feature-discovery sets for a PCI device."""


def object_selection(labels: Iterable[str] = (), *, similar: bool = False) -> Selection:
    """Select the parts of a Kubernetes object that are read; `labels` are kept too.

    `similar`: also the names of labels that resemble the NIC label.
    """
    kept = dict.fromkeys(sorted({*RENDER_LABELS, OPERATOR_STATE_LABEL, *labels}), ALL)
    rest = SIMILAR if similar else NOTHING
    return {
        "metadata": {"name": ALL, "namespace": ALL, "labels": {**kept, REST: rest}, REST: NOTHING},
        "status": {"nodeInfo": {"containerRuntimeVersion": ALL, REST: NOTHING}, REST: NOTHING},
        "data": KEYS,
        "binaryData": NOTHING,
        "stringData": NOTHING,
        REST: ALL,
    }


def below(selection: Selection, key: str) -> Selection:
    """Return the selection for the value of a key."""
    if isinstance(selection, str):
        return NOTHING if selection == KEYS else selection
    part = selection.get(key)
    if part is None:
        part = selection.get(REST, NOTHING)
        if part == SIMILAR:
            return KEYS if _PCI in key else NOTHING
    return part


def prune(value: object, selection: Selection) -> Any:  # noqa: ANN401 (any part of a document)
    """Return the selected parts of a value that is already built; for a list, of each item."""
    if selection == ALL:
        return value
    if selection == KEYS:
        return dict.fromkeys(value) if isinstance(value, dict) else keyless(value)
    if isinstance(value, dict) and not isinstance(selection, str):
        return _prune_mapping(value, selection)
    if isinstance(value, list):
        return [prune(item, selection) for item in value]
    return value


def _prune_mapping(fields: Mapping[str, object], selection: Mapping[str, Selection]) -> dict[str, object]:
    rest = selection.get(REST, NOTHING)
    # A node has a hundred labels and six are selected: looking those up is quicker.
    wanted: Iterable[str] = fields
    if rest == NOTHING:
        wanted = selection
    elif rest == SIMILAR:
        wanted = [*selection, *[key for key in fields if _PCI in key]]
    kept = {}
    for key in wanted:
        if key in fields:
            part = selection[key] if key in selection else below(selection, key)
            if part == ALL:
                kept[key] = fields[key]
            elif part != NOTHING:
                kept[key] = prune(fields[key], part)
    return kept


def keyless(value: object) -> str | None:
    """Return what `KEYS` leaves of a value that is not a mapping."""
    return None if value is None else ""
