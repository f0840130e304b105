"""Read the fallback versions and companions of a config."""

from collections.abc import Iterator
from typing import Any

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Companion
from gitops_doca.core.reference import InvalidReferenceError, Repository, parse_repository, without_login
from gitops_doca.core.resolve.companions import PLACEHOLDERS, wrong_braces
from gitops_doca.sources.driver_versions import check_version
from gitops_doca.sources.reading.document import Document, Path


def read_fallback_versions(document: Document, problems: Problems) -> tuple[str, ...]:
    """Read `spec.fallbackVersions` of a config that its schema has accepted."""
    versions: list[str] = []
    for number, version in enumerate(document.value["spec"]["fallbackVersions"]):
        place = document.place(("spec", "fallbackVersions", number))
        if version.startswith("sha256:"):
            problems.error(
                "a fallback version cannot be a digest: it would put one image on every pool",
                place,
                help="write the driver's version, such as doca3.4.0-26.04-0.8.0.0-0",
            )
        elif version in versions:
            problems.error(f"{version!r} appears twice", place)
        elif check_version(version, place, problems=problems):
            versions.append(version)
    return tuple(versions)


def read_companions(document: Document, problems: Problems) -> Iterator[Companion]:
    """Yield the valid `spec.companions` of a config that its schema has accepted."""
    seen: set[str] = set()
    for number, entry in enumerate(document.value["spec"]["companions"]):
        path = ("spec", "companions", number)
        if entry["name"] in seen:
            problems.error(f"{entry['name']!r} appears twice", document.place((*path, "name")))
        seen.add(entry["name"])
        repository = _repository(entry, document, path, problems)
        if _check_tag(entry["tag"], document, path, problems) and repository:
            yield Companion(
                name=entry["name"],
                repository=repository,
                tag=entry["tag"],
                node_selector=entry.get("nodeSelector", {}),
                place=document.place(path),
                tag_place=document.place((*path, "tag")),
            )


def report_empty_selectors(document: Document, problems: Problems) -> None:
    """Report labels without a value, of a config that no schema has accepted yet.

    Taken for absent, as other fields without a value are, they would select every node.
    """
    spec = document.value.get("spec")
    entries = spec.get("companions") if isinstance(spec, dict) else None
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        selector = entry.get("nodeSelector") if isinstance(entry, dict) else None
        for label, value in selector.items() if isinstance(selector, dict) else ():
            if value is None:
                place = document.place(("spec", "companions", number, "nodeSelector", label))
                problems.error("nothing is not a label's value", place, help='write "" or a value')


def _repository(
    entry: dict[str, Any], document: Document, path: Path, problems: Problems
) -> Repository | None:
    try:
        return parse_repository(entry["image"])
    except InvalidReferenceError as error:
        problems.error(f"{without_login(entry['image'])!r} {error}", document.place((*path, "image")))
        return None


def _check_tag(tag: str, document: Document, path: Path, problems: Problems) -> bool:
    wrong = dict.fromkeys(wrong_braces(tag))
    if wrong:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        problems.error(
            f"{tag!r} has braces that are not placeholders: {', '.join(wrong)}",
            document.place((*path, "tag")),
            help=f"known are {known}",
        )
    return not wrong
