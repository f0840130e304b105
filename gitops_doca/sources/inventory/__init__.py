"""Read inventories: objects as kubectl prints them, and compact inventories."""

from collections.abc import Iterable
from itertools import chain

from gitops_doca.core.compact_inventory import KIND
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import RENDER_LABELS, Inventory
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.inventory.builder import InventoryBuilder
from gitops_doca.sources.inventory.cluster import add_object
from gitops_doca.sources.inventory.compact import add_compact_inventory
from gitops_doca.sources.inventory.kinds import HOW_TO_GET_NODES, Kinds, group_and_kind
from gitops_doca.sources.inventory.operator import add_operator_evidence
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.reader import read_documents
from gitops_doca.sources.reading.selection import object_selection


def read_inventory(
    files: Iterable[str],
    labels: Iterable[str],
    problems: Problems,
    file_root: FileRoot | None = None,
    *,
    ignored_taints: Iterable[str] = (),
) -> Inventory:
    """Read nodes and the other objects that rendering needs from files (`-`: stdin).

    `labels` are those that nodeSelectors name. `ignored_taints` are the keys of taints that never
    exclude a node from its pool; they are dropped. Objects of other kinds are ignored, but a file
    with only such objects is reported, and so are nodes in a form that is not read.
    """
    labels, kinds = frozenset(labels), Kinds(problems)
    selection = object_selection(labels, similar=True)
    documents = (read_documents(file, selection, problems, file_root) for file in dict.fromkeys(files))
    objects = filter(kinds.add, chain.from_iterable(documents))
    inventory = build_inventory(objects, labels, problems, ignored_taints=ignored_taints)
    kinds.report_useless()
    return inventory


def build_inventory(
    documents: Iterable[Document],
    labels: Iterable[str],
    problems: Problems,
    *,
    ignored_taints: Iterable[str] = (),
) -> Inventory:
    """Make an inventory of objects that were read with `object_selection` of the same labels."""
    builder = InventoryBuilder(problems, RENDER_LABELS.union(labels), ignored_taints)
    for document in documents:
        known = group_and_kind(document)
        if known is None:
            if document.value is not None:
                problems.error(
                    "is not a Kubernetes object with apiVersion and kind",
                    document.place(),
                    help=HOW_TO_GET_NODES,
                )
        elif known[1] == KIND:
            add_compact_inventory(document, builder)
        else:
            add_operator_evidence(document, builder)
            add_object(document, known[0], builder)
    return builder.inventory()
