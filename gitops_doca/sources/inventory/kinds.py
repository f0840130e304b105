"""Recognise the kinds of objects that an inventory is made of."""

from collections import Counter, defaultdict

from gitops_doca.core.compact_inventory import KIND
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import API_GROUP
from gitops_doca.sources.reading.document import Document, is_policy
from gitops_doca.sources.reading.schema import did_you_mean

HOW_TO_GET_NODES = "give what kubectl get nodes -o yaml (or -o json) prints"

_READ = {
    ("", "ConfigMap"),
    ("image.openshift.io", "ImageStream"),
    ("config.openshift.io", "Proxy"),
    # An empty list is the only object of its file.
    ("", "List"),
    ("", "NodeList"),
}
# The API server returns them instead of any object when a client asks for it (meta.k8s.io/v1).
_SHORT = {"Table", "PartialObjectMetadata"}
_SHOWN = 5
# Kinds that messages may name. Any other is text of the input, which may be the wrong file.
_NAMED = frozenset(
    f"{kind}{suffix}"
    for suffix in ("", "List")
    for kind in (
        *(
            "ConfigMap",
            "CronJob",
            "CustomResourceDefinition",
            "DaemonSet",
            "Deployment",
            "Event",
            "Node",
            "Status",
        ),
        *("Job", "Namespace", "Pod", "ReplicaSet", "Secret", "Service", "ServiceAccount", "StatefulSet"),
        *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ImageStream", "Proxy"),
        *("NicClusterPolicy", "NicNodePolicy", "DriverGenerator", "DriverLock", "Kustomization"),
    )
)


def group_and_kind(document: Document) -> tuple[str, str] | None:
    """Return API group and kind of an object; None for anything else."""
    value = document.value
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or not kind:
        return None
    return str(value.get("apiVersion") or "").rpartition("/")[0], kind


class Kinds:
    """Counts the objects of each file by their kind, and reports files of which nothing is used."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._ignored: dict[str, Counter[str]] = defaultdict(Counter)
        """Kinds that are not read, by file."""
        self._used: set[str] = set()
        """Files with an object that is a part of an inventory."""
        self._traces: set[str] = set()
        """Files with an object that shows who makes the drivers; useful only beside nodes."""
        self._has_nodes = False
        self._refused: set[tuple[str, str]] = set()

    def add(self, document: Document) -> bool:
        """Count an object; report one in place of nodes, and say whether to read it."""
        known = group_and_kind(document)
        if known is None:
            return True
        group, kind = known
        message, help = _wrong_form(document, group, kind)
        if message:
            self._used.add(document.file)
            if (document.file, message) not in self._refused:
                self._refused.add((document.file, message))
                self.problems.error(message, document.place(("kind",)), help=help)
            return False
        if kind == KIND or known == ("", "Node"):
            self._has_nodes = True
            self._used.add(document.file)
        elif known in _READ:
            self._used.add(document.file)
        else:
            if kind == "DaemonSet" or is_policy(document):
                self._traces.add(document.file)
            self._ignored[document.file][kind if kind in _NAMED else "others"] += 1
        return True

    def report_useless(self) -> None:
        """Report each file with objects but none of an inventory."""
        enough = self._used | (self._traces if self._has_nodes else set())
        for file, kinds in self._ignored.items():
            if file not in enough:
                self.problems.error(
                    f"has no Node; its objects are {_name_kinds(kinds)}",
                    Place(file),
                    help=HOW_TO_GET_NODES,
                )


def _wrong_form(document: Document, group: str, kind: str) -> tuple[str, str]:
    """Say what is wrong with an object in place of nodes, and what to do; or nothing."""
    if kind in _SHORT and group in {"", "meta.k8s.io"}:
        return f"a {kind} does not have all fields of a Node that are needed", HOW_TO_GET_NODES
    if not group and kind in {"List", "NodeList"} and document.value.get("items"):
        return f"a {kind} is inside another list, where it is not read", "write its items into the outer list"
    if not group and (kind.lower() in {"node", "nodes"} and kind != "Node"):
        return f"unknown kind {kind!r}; did you mean 'Node'?", ""
    if group == API_GROUP and kind != KIND and (near := did_you_mean(kind, [KIND])):
        return f"unknown kind {kind!r}{near}", ""
    return "", ""


def _name_kinds(kinds: Counter[str]) -> str:
    """Name the most frequent kinds: `Pod (12), Service (3) and 2 more kinds`."""
    shown = sorted(kinds.items(), key=lambda one: (-one[1], one[0]))
    more = len(shown) - _SHOWN
    words = ", ".join(f"{kind} ({count})" for kind, count in shown[:_SHOWN])
    return words + (f" and {more} more kind{'s' if more > 1 else ''}" if more > 0 else "")
