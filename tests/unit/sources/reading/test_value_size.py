"""One value may have 8 MiB, in whatever form it comes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.selection import object_selection
from gitops_doca.sources.reading.syntax import SyntaxProblem
from support.reading import json_documents, yaml_documents

OBJECT = object_selection()
SMALL = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "small"}}
Form = Callable[[Any], str]

# Each holds a small node and then the one of a test, but for those that hold one alone.
JSON_FORMS: dict[str, Form] = {
    "alone": json.dumps,
    "indented": lambda value: json.dumps(value, indent=4),
    "stream": lambda value: json.dumps(SMALL) + "\n" + json.dumps(value),
    "list": lambda value: json.dumps({"kind": "List", "items": [SMALL, value]}),
    "array": lambda value: json.dumps([SMALL, value]),
    "text of other characters": lambda value: json.dumps(value, ensure_ascii=False).replace("xxx", "\u20ac"),
}
# JSON is YAML in flow style, and is quickly written.
YAML_FORMS: dict[str, Form] = {
    "alone": lambda value: f"# YAML\n{json.dumps(value)}\n",
    "stream": lambda value: f"--- {json.dumps(SMALL)}\n--- {json.dumps(value)}\n",
    "list": lambda value: f"kind: List\nitems:\n- {json.dumps(SMALL)}\n- {json.dumps(value)}\n",
    "sequence": lambda value: f"- {json.dumps(SMALL)}\n- {json.dumps(value)}\n",
}
# Where the bytes of a node are: in one text, in parts that are read and in parts that are skipped.
BODIES: dict[str, Callable[[int], dict[str, Any]]] = {
    "one text": lambda size: {"spec": {"providerID": "x" * size}},
    "a list": lambda size: {"spec": {"podCIDRs": ["x" * (size // 64)] * 64}},
    "fields": lambda size: {f"field{number}": "x" * (size // 16) for number in range(16)},
    "annotations": lambda size: {
        "metadata": {
            "name": "large",
            "annotations": {f"a{number}": "x" * (size // 64) for number in range(64)},
        }
    },
}


def large(body: str, size: int) -> dict[str, Any]:
    return SMALL | {"metadata": {"name": "large"}} | BODIES[body](size)


FORMS: dict[str, tuple[Callable[..., list[Document]], Form]] = {
    **{f"JSON {name}": (json_documents, form) for name, form in JSON_FORMS.items()},
    **{f"YAML {name}": (yaml_documents, form) for name, form in YAML_FORMS.items()},
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("form", FORMS)
def test_a_node_of_9_mb_is_refused_in_every_form(form: str, body: str) -> None:
    read, write = FORMS[form]

    with pytest.raises(SyntaxProblem) as refused:
        read(write(large(body, 9_000_000)), OBJECT)

    assert refused.value.message == "has one value of more than 8 MiB"


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("form", FORMS)
def test_a_node_of_8_mb_is_read_in_every_form(form: str, body: str) -> None:
    read, write = FORMS[form]

    assert read(write(large(body, 8_000_000)), OBJECT)[-1].value["metadata"] == {"name": "large"}
