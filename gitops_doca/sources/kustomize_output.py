"""Read the DaemonSets in a built stream, such as the output of kustomize."""

from collections.abc import Iterable, Iterator, Mapping

from gitops_doca.core.compare.rendered import driver_image
from gitops_doca.core.compare.verify import Built, BuiltDaemonSet
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.paths import text_at, value_at
from gitops_doca.core.render.daemonset import POOL_ANNOTATION, SOURCE_ANNOTATION
from gitops_doca.sources.reading.document import is_policy
from gitops_doca.sources.reading.reader import read_documents
from gitops_doca.sources.reading.selection import ALL, KEYS, NOTHING, REST, Selection

_CONTAINERS: Selection = {"name": ALL, "image": ALL, REST: NOTHING}
_SELECTION: Selection = {
    "apiVersion": ALL,
    "kind": ALL,
    "metadata": {
        "name": ALL,
        "namespace": ALL,
        "annotations": {POOL_ANNOTATION: ALL, SOURCE_ANNOTATION: ALL, REST: NOTHING},
        REST: NOTHING,
    },
    "spec": {
        "selector": ALL,
        "template": {"spec": {"containers": _CONTAINERS, REST: NOTHING}, REST: NOTHING},
        "ofedDriver": KEYS,
        REST: NOTHING,
    },
    REST: NOTHING,
}


def read_kustomize_output(name: str, problems: Problems) -> Built:
    """Read a stream (`-`: stdin).

    An empty stream is not reported: the caller decides what it means.
    """
    documents = list(read_documents(name, _SELECTION, problems, may_be_empty=True))
    return Built(
        objects=len(documents),
        daemon_sets=tuple(_daemon_sets(document.value for document in documents)),
        drivers=tuple(
            f"{document.value['kind']}/{text_at(document.value, 'metadata', 'name')}"
            for document in documents
            if is_policy(document) and value_at(document.value, "spec", "ofedDriver") is not None
        ),
    )


def _daemon_sets(values: Iterable[object]) -> Iterator[BuiltDaemonSet]:
    for value in values:
        # The DaemonSet of another API group runs no driver.
        if (value_at(value, "apiVersion"), value_at(value, "kind")) == ("apps/v1", "DaemonSet"):
            yield BuiltDaemonSet(
                name=text_at(value, "metadata", "name"),
                namespace=text_at(value, "metadata", "namespace"),
                pool=text_at(value, "metadata", "annotations", POOL_ANNOTATION),
                source=text_at(value, "metadata", "annotations", SOURCE_ANNOTATION),
                selector=_selector(value_at(value, "spec", "selector")),
                image=driver_image(value_at(value, "spec", "template", "spec")),
            )


def _selector(selector: object) -> str:
    labels = value_at(selector, "matchLabels")
    words = [f"{key}={value}" for key, value in labels.items()] if isinstance(labels, Mapping) else []
    others = selector.keys() - {"matchLabels"} if isinstance(selector, Mapping) else ()
    return ",".join(sorted([*words, *map(str, others)]))
