"""Inventory files to types: objects as kubectl prints them, and the compact NodeInventory, in any mix."""

from collections.abc import Iterable
from itertools import chain

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import API_GROUP, RENDER_LABELS, Inventory
from gitops_doca.core.snapshot import KIND
from gitops_doca.sources.boundary import Boundary
from gitops_doca.sources.documents import read_documents
from gitops_doca.sources.inventory.cluster import add_object
from gitops_doca.sources.inventory.found import Found
from gitops_doca.sources.inventory.operator import add_operator_trace
from gitops_doca.sources.inventory.snapshot import add_snapshot
from gitops_doca.sources.located import Document
from gitops_doca.sources.schema import did_you_mean
from gitops_doca.sources.selection import object_selection


def read_inventory(
    files: Iterable[str],
    labels: Iterable[str],
    problems: Problems,
    boundary: Boundary | None = None,
    *,
    ignored_taints: Iterable[str] = (),
) -> Inventory:
    """Read nodes and the other objects that rendering needs from files (`-`: standard input).

    `labels` are those that nodeSelectors name. `ignored_taints` are keys of taints that never take a node
    out of its pool: nothing is kept of them. Objects of other kinds are ignored.
    """
    labels = frozenset(labels)
    selection = object_selection(labels)
    documents = (read_documents(file, selection, problems, boundary) for file in dict.fromkeys(files))
    return build_inventory(chain.from_iterable(documents), labels, problems, ignored_taints=ignored_taints)


def build_inventory(
    documents: Iterable[Document],
    labels: Iterable[str],
    problems: Problems,
    *,
    ignored_taints: Iterable[str] = (),
) -> Inventory:
    """Make an inventory of objects, of which `object_selection` of the same labels chose the parts."""
    found = Found(problems, ignored_taints)
    kept = RENDER_LABELS.union(labels)
    for document in documents:
        if document.value is not None:
            _add(document, kept, found)
    return found.inventory()


def _add(document: Document, labels: frozenset[str], found: Found) -> None:
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        found.problems.error(
            "is no Kubernetes object with apiVersion and kind",
            document.place(),
            remedy="give what kubectl get nodes -o yaml (or -o json) prints",
        )
        return
    kind, group = value["kind"], str(value.get("apiVersion", "")).rpartition("/")[0]
    if kind == KIND:
        add_snapshot(document, labels, found)
    elif group == API_GROUP and (near := did_you_mean(kind, [KIND])):
        found.problems.error(f"unknown kind {kind!r}{near}", document.place(("kind",)))
    else:
        add_operator_trace(document, found)
        add_object(document, group, found)
