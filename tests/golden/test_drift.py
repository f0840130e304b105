"""`status` sees each field that only some DaemonSets have: the API server adds none of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from gitops_doca.core.compare.daemonset_drift import daemonset_drift

SNAPSHOTS = sorted((Path(__file__).parent / "__snapshots__" / "test_golden").glob("*.yaml"))
Keys = tuple[str | int, ...]


def specs() -> Iterator[dict[str, Any]]:
    for file in SNAPSHOTS:
        for resource in yaml.safe_load_all(file.read_bytes()):
            if resource["kind"] == "DaemonSet":
                yield resource["spec"]


def mappings(value: Any, path: Keys = ()) -> Iterator[tuple[Keys, dict[str, Any]]]:
    """Yield each mapping of a DaemonSet with its path, in which an item of a list stands by its number."""
    if isinstance(value, dict):
        yield path, value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, dict | list):
            yield from mappings(item, (*path, key))


def kind(spec: Any, path: Keys) -> Keys:
    """Return a path in which an item of a list stands by its name, if it has one: names tell what it is."""
    words: list[str | int] = []
    for key in path:
        spec = spec[key]
        words.append(spec.get("name", "*") if isinstance(key, int) and isinstance(spec, dict) else key)
    return tuple(words)


def fields() -> Mapping[Keys, tuple[set[str], set[str]]]:
    """Return of each kind of mapping the fields that some have, and those that all have."""
    some: dict[Keys, set[str]] = defaultdict(set)
    every: dict[Keys, set[str]] = {}
    for spec in specs():
        for path, mapping in mappings(spec):
            name = kind(spec, path)
            some[name] |= mapping.keys()
            every[name] = every.get(name, set(mapping)) & mapping.keys()
    return {name: (some[name], every[name]) for name in some}


def test_a_field_that_only_some_daemon_sets_have_is_a_difference_where_the_cluster_has_it() -> None:
    known = fields()
    missed, optional = set(), set()
    for spec in specs():
        for path, mapping in mappings(spec):
            some, every = known[kind(spec, path)]
            for field in (some - every) & mapping.keys():
                rendered = deepcopy(spec)
                parent: Any = rendered
                for key in path:
                    parent = parent[key]
                del parent[field]
                optional.add(field)
                if not daemonset_drift(rendered, spec):
                    missed.add((*kind(spec, path), field))

    assert missed == set()
    assert optional >= {"imagePullSecrets", "initContainers", "nodeAffinity", "resources", "value"}
