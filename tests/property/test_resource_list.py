"""What a KRM function hands back reads as it came in, types and order included."""

import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.emit.resource_list import dump_resource_list
from gitops_doca.sources.reading.selection import ALL
from gitops_doca.sources.reading.yaml_reader import read_yaml

TEXT = st.one_of(
    st.sampled_from(
        ["on", "1e3", "0x1F", "0755", "1:30", "~", "", "2025-01-01", "- a", "a: b", "a\nb\n", " a\n"]
    ),
    st.text(max_size=30),
)
LEAVES = st.one_of(
    TEXT,
    st.booleans(),
    st.none(),
    st.integers(min_value=-(2**63), max_value=2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
# A quoted << is a merge to the reader, and no name of Kubernetes.
KEYS = TEXT.filter(lambda key: key != "<<")
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def typed(value: Any) -> Any:
    """Make 1, 1.0 and True differ, and the order of keys count."""
    match value:
        case dict():
            return [(key, typed(item)) for key, item in value.items()]
        case list():
            return [typed(item) for item in value]
        case _:
            return (type(value), value)


@given(items=st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=3))
def test_items_survive_any_number_of_functions(items: list[dict[str, Any]]) -> None:
    text = dump_resource_list(items, [])
    (read,) = read_yaml(io.BytesIO(text.encode()), "in.yaml", ALL, whole=True)

    assert typed(read.value["items"]) == typed(items)
    assert dump_resource_list(read.value["items"], []) == text
