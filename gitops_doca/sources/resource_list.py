"""Read the input of a KRM function, a ResourceList with the config."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.render.resource_list import Item, describe, package_path
from gitops_doca.sources.files import STDIN, display_name
from gitops_doca.sources.reading.document import Document, is_policy, without_lines
from gitops_doca.sources.reading.reader import read_documents
from gitops_doca.sources.reading.selection import ALL

KIND = "ResourceList"
CONFIG = "functionConfig"
"""The config's field, and its name in messages."""
_GROUP = "config.kubernetes.io/"
_STDIN = Place(display_name(STDIN))
_CALLER = "kustomize calls this with a ResourceList; to render by hand, run: gitops-doca generate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceList:
    """The input of a KRM function."""

    config: Document
    """Named `functionConfig`, without lines: the text is not a file of the user."""
    items: tuple[Item, ...]
    """The input items unchanged, without the config that kustomize may add."""
    policies: Mapping[int, Document]
    """Copies of the policies among the items, by index in `items`, named by kind and name."""

    @property
    def named(self) -> dict[str, Item]:
        """The objects that messages name in place of a file."""
        named = {policy.file: self.items[index] for index, policy in self.policies.items()}
        return named | {CONFIG: self.config.value if isinstance(self.config.value, dict) else {}}


def read_resource_list(problems: Problems) -> ResourceList | None:
    """Read stdin; reports anything but a ResourceList with `functionConfig`, and returns None."""
    documents = list(read_documents(STDIN, ALL, problems, whole=True))
    if problems.errors:
        return None
    if len(documents) != 1 or not _is_list(documents[0].value):
        problems.error(f"is not a {KIND} of {_GROUP.rstrip('/')}", _STDIN, help=_CALLER)
        return None
    value = documents[0].value
    items, config = value.get("items"), value.get(CONFIG)
    if config is None:
        problems.error(f"the {KIND} has no {CONFIG}, which is the DriverGenerator", _STDIN, help=_CALLER)
        return None
    if not isinstance(items, list | None) or not all(isinstance(item, dict) for item in items or ()):
        problems.error("is not a list of objects", Place(_STDIN.file, field="items"))
        return None
    kept = tuple(item for item in items or () if not _is_placeholder(item, config))
    return ResourceList(
        config=Document(without_lines(config), CONFIG, 0), items=kept, policies=dict(_policies(kept))
    )


def _is_list(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.get("kind") == KIND
        and str(value.get("apiVersion", "")).startswith(_GROUP)
    )


def _is_placeholder(item: Mapping[str, Any], config: object) -> bool:
    """Say whether an item is the config, which kustomize adds if there are no items.

    A config in a file of the package is an object like others: items that are not returned are
    removed.
    """
    if not isinstance(config, dict) or any(
        item.get(key) != config.get(key) for key in ("apiVersion", "kind")
    ):
        return False
    return _metadata(item).get("name") == _metadata(config).get("name") and not package_path(item)


def _metadata(item: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = item.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _policies(items: tuple[Item, ...]) -> Iterator[tuple[int, Document]]:
    for index, item in enumerate(items):
        if is_policy(Document(item, "", 0)):
            yield index, Document(without_lines(item), describe(item) or f"items[{index}]", 0)
