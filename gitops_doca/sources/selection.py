"""Which parts of an object the readers build: a dump of nodes is nearly all image lists and annotations."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from gitops_doca.core.model import RENDER_LABELS

ALL: Final = "all"
"""Build everything below."""
NOTHING: Final = "nothing"
"""Build nothing; the key is left out too."""
KEYS: Final = "keys"
"""Build a mapping's keys with None for each value: what is not in memory cannot be printed."""
REST: Final = "*"
"""Key of a selection for all keys that it does not name."""

Selection = str | Mapping[str, "Selection"]


def object_selection(labels: Iterable[str] = ()) -> Selection:
    """Select what any stage reads of a Kubernetes object; `labels` are kept besides those for rendering."""
    kept = dict.fromkeys(sorted({*RENDER_LABELS, *labels}), ALL)
    return {
        "metadata": {"name": ALL, "namespace": ALL, "labels": {**kept, REST: NOTHING}, REST: NOTHING},
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
    return selection.get(key, selection.get(REST, NOTHING))


def prune(value: object, selection: Selection) -> Any:  # noqa: ANN401 (any part of a document)
    """Return the selected parts of a value that is already built; of a list, those of each item."""
    if selection == ALL:
        return value
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        if selection == KEYS:
            return dict.fromkeys(fields)
        chosen = ((key, item, below(selection, key)) for key, item in fields.items())
        return {key: prune(item, part) for key, item, part in chosen if part != NOTHING}
    if isinstance(value, list):
        return [prune(item, selection) for item in value]
    return None if selection in {KEYS, NOTHING} else value
