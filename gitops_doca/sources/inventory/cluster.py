"""Read cluster objects: nodes, ConfigMap keys, OpenShift's toolkit images and proxy."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gitops_doca.core.compact_inventory import has_login
from gitops_doca.core.model import ClusterProxy, Node, Taint
from gitops_doca.core.names import MAX_NAME, is_dns_label, is_subdomain
from gitops_doca.core.paths import value_at
from gitops_doca.core.taints import keeps_away, wrong_fields
from gitops_doca.sources.inventory.builder import InventoryBuilder, is_wrong_label
from gitops_doca.sources.reading.document import Document, LocatedDict, Path
from gitops_doca.sources.reading.schema import not_a_string

_DTK = ("openshift", "driver-toolkit")
_TAINT = ("key", "value", "effect")
_TAG: tuple[Path, ...] = (("name",), ("from", "name"))
_RUNTIME = "containerRuntimeVersion"
_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def add_object(document: Document, group: str, builder: InventoryBuilder) -> None:
    """Add what an `Inventory` needs of an object of this API group; other kinds are ignored."""
    builder.openshift |= group.endswith(".openshift.io")
    match group, document.value["kind"]:
        case "", "Node":
            _add_node(document, builder)
        case "", "ConfigMap":
            _add_config_map(document, builder)
        case "image.openshift.io", "ImageStream":
            _add_image_stream(document, builder)
        case "config.openshift.io", "Proxy":
            _add_proxy(document, builder)
        case _:
            pass


def usable_taints(taints: Iterable[Mapping[str, Any]], builder: InventoryBuilder) -> tuple[Taint, ...]:
    """Return the taints that keep pods away, sorted.

    Temporary taints come and go, so they are dropped.
    """
    kept = (taint for taint in map(_taint, taints) if keeps_away(taint, builder.ignored_taints))
    return tuple(sorted(kept, key=lambda t: (t.key, t.effect, t.value)))


def _taint(fields: Mapping[str, Any]) -> Taint:
    return Taint(*(fields.get(field) or "" for field in _TAINT))


def _add_node(document: Document, builder: InventoryBuilder) -> None:
    name = _name(document, builder)
    labels = _labels(document, builder)
    taints = _taints(document, builder)
    info = value_at(document.value, "status", "nodeInfo")
    runtime = value_at(info, _RUNTIME)
    if name is None or labels is None or taints is None:
        return
    if not is_subdomain(name):
        builder.problems.error(f"{name!r} is not a node name", document.place(("metadata", "name")))
        return
    node = Node(
        name=name,
        labels=labels,
        taints=taints,
        container_runtime=runtime.partition("://")[0] if isinstance(runtime, str) else "",
        place=document.place(),
        lines=_lines(value_at(document.value, "metadata", "labels")),
        runtime_line=_lines(info).get(_RUNTIME, 0),
    )
    builder.add_node(node)
    if not node.has_nic:
        builder.add_other_node(value_at(document.value, "metadata", "labels") or {})


def _taints(document: Document, builder: InventoryBuilder) -> tuple[Taint, ...] | None:
    path: Path = ("spec", "taints")
    taints = value_at(document.value, *path)
    if not taints:
        return ()
    if not isinstance(taints, list) or not all(isinstance(taint, dict) for taint in taints):
        builder.problems.error("is not a list of taints with key, value and effect", document.place(path))
        return None
    fields = [
        (*path, number, field)
        for number, taint in enumerate(taints)
        for field in _TAINT
        if taint.get(field) is not None
    ]
    texts = [_is_text(document, field, builder) for field in fields]
    if not all(texts):
        return None
    for number, taint in enumerate(taints):
        _check_taint(_taint(taint), document, number, builder)
    return usable_taints(taints, builder)


def _check_taint(taint: Taint, document: Document, number: int, builder: InventoryBuilder) -> None:
    name = value_at(document.value, "metadata", "name")
    whose = f"node {name}: " if isinstance(name, str) and is_subdomain(name) else ""
    for field, expected in wrong_fields(taint):
        place = document.place(("spec", "taints", number, field))
        builder.problems.error(f"{whose}the {field} of the taint is not {expected}", place)


def _add_config_map(document: Document, builder: InventoryBuilder) -> None:
    name = _name(document, builder)
    data = document.value.get("data")
    if name is None:
        return
    if not isinstance(data, dict | None):
        builder.problems.error("is not a mapping", document.place(("data",)))
        return
    path = ("metadata", "namespace")
    namespace = value_at(document.value, *path)
    if namespace is not None and not _is_text(document, path, builder):
        return
    if not is_subdomain(name) or (namespace and not is_dns_label(namespace)):
        message = "the ConfigMap has a name or namespace that Kubernetes does not allow"
        builder.problems.error(message, document.place(("metadata",)))
        return
    wrong = [key for key in data or {} if not _is_key(key)]
    for key in wrong:
        builder.problems.error(f"{key!r} is not a ConfigMap key", document.place(("data",)))
    if not wrong:
        builder.add_config_map(namespace or "", name, tuple(sorted(data or {})), document.place())


def _add_image_stream(document: Document, builder: InventoryBuilder) -> None:
    if (value_at(document.value, "metadata", "namespace"), _name(document, builder)) != _DTK:
        return
    images: dict[str, str] = {}
    tags = value_at(document.value, "spec", "tags") or []
    if not isinstance(tags, list):
        builder.problems.error("is not a list", document.place(("spec", "tags")))
        return
    for number, tag in enumerate(tags):
        name, image = (value_at(tag, *at) for at in _TAG)
        place = document.place(("spec", "tags", number))
        if name is None or image is None:
            builder.problems.error("the tag has no name or no from.name", place)
        elif [at for at in _TAG if not _is_text(document, ("spec", "tags", number, *at), builder)]:
            continue
        elif images.setdefault(name, image) != image:
            builder.problems.error(f"the tag {name!r} appears twice with different images", place)
        else:
            builder.check_toolkit_image(name, image, place)
    builder.add_toolkit(images, document.place())


def _add_proxy(document: Document, builder: InventoryBuilder) -> None:
    if _name(document, builder) != "cluster":
        return
    settings = {}
    for name in ("httpProxy", "httpsProxy", "noProxy"):
        value = value_at(document.value, "spec", name)
        place = document.place(("spec", name))
        if not isinstance(value, str | None):
            # Its text may be a password.
            builder.problems.error("is not a string", place)
            return
        settings[name] = value or ""
        if has_login(settings[name]):
            builder.problems.warn(
                "the proxy's URL holds a user or password, which goes into the manifests", place
            )
    builder.add_proxy(
        ClusterProxy(
            http=settings["httpProxy"],
            https=settings["httpsProxy"],
            no_proxy=settings["noProxy"],
            trusted_ca=bool(value_at(document.value, "spec", "trustedCA", "name")),
            place=document.place(("spec",)),
        )
    )


def _name(document: Document, builder: InventoryBuilder) -> str | None:
    path = ("metadata", "name")
    name = value_at(document.value, *path)
    if isinstance(name, str) and name:
        return name
    if not isinstance(name, str | None):
        builder.problems.error(not_a_string(document, path), document.place(path))
        return None
    kind = document.value["kind"]
    builder.problems.error(f"the {kind} has no metadata.name", document.place(("metadata",)))
    return None


def _labels(document: Document, builder: InventoryBuilder) -> dict[str, str] | None:
    path = ("metadata", "labels")
    labels = value_at(document.value, *path)
    if not isinstance(labels, dict | None):
        builder.problems.error("is not a mapping", document.place(path))
        return None
    wanted = builder.labels
    kept = {key: value for key, value in (labels or {}).items() if key in wanted}
    wrong = [(*path, key) for key, value in kept.items() if not isinstance(value, str)]
    for field in wrong:
        builder.problems.error(not_a_string(document, field), document.place(field))
    if wrong:
        return None
    for key, value in kept.items():
        if is_wrong_label(key, value):
            builder.report_label(document.place((*path, key)))
    return kept


def _is_text(document: Document, path: Path, builder: InventoryBuilder) -> bool:
    """Say whether the value is a string; report it if it is not."""
    if isinstance(value_at(document.value, *path), str):
        return True
    builder.problems.error(not_a_string(document, path), document.place(path))
    return False


def _is_key(key: str) -> bool:
    """Apply Kubernetes' rule for keys of a ConfigMap: each becomes the name of a file."""
    return (
        len(key) <= MAX_NAME and _KEY.fullmatch(key) is not None and not key.startswith("..") and key != "."
    )


def _lines(mapping: object) -> Mapping[str, int]:
    """Return the lines of a mapping's values; only the YAML reader knows them."""
    return {key: mapping.lines[key] for key in mapping} if isinstance(mapping, LocatedDict) else {}
