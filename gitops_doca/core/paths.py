"""What stands at a path in an object of Kubernetes, or in a document."""

from typing import Any


def value_at(value: Any, *path: str | int) -> Any:  # noqa: ANN401 (any part of an object)
    """Return what stands at a path; None when it is not there."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def text_at(value: object, *path: str | int) -> str:
    """Return the string at a path; empty when there is none."""
    text = value_at(value, *path)
    return text if isinstance(text, str) else ""
