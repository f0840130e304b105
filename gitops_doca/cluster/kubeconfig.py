"""Find and merge kubeconfig files as kubectl does, and resolve one context of them."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.sources.reading.document import Document, Path
from gitops_doca.sources.reading.reader import read_documents
from gitops_doca.sources.reading.schema import did_you_mean
from gitops_doca.sources.reading.selection import ALL

_SECTIONS = {"contexts": "context", "clusters": "cluster", "users": "user"}
_FIELDS: Mapping[str, Mapping[str, type]] = {
    "context": {"cluster": str, "user": str},
    "cluster": {
        "server": str,
        "certificate-authority": str,
        "certificate-authority-data": str,
        "insecure-skip-tls-verify": bool,
        "tls-server-name": str,
        "proxy-url": str,
    },
    "user": {
        "token": str,
        "tokenFile": str,
        "client-certificate": str,
        "client-certificate-data": str,
        "client-key": str,
        "client-key-data": str,
        "username": str,
        "password": str,
        "as": str,
        "as-uid": str,
        "as-groups": list,
        "as-user-extra": dict,
        "exec": dict,
        "auth-provider": dict,
    },
}
"""The fields of each entry that are read; other programs add more."""
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_WRONG = {
    str: "is not a string",
    bool: "is neither true nor false",
    list: "is not a list",
    dict: "is not a mapping",
}
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeContext:
    """A cluster and a user; the paths in them are relative to the working directory."""

    cluster: Mapping[str, Any]
    user: Mapping[str, Any] = field(repr=False)
    """Empty: requests have no credentials."""
    cluster_place: Place = field(default=Place(), compare=False)
    user_place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: str
    name: str
    document: Document
    path: Path

    def place(self, name: str = "") -> Place:
        return self.document.place((*self.path, self.kind, name) if name else self.path)

    def fields(self, problems: Problems) -> dict[str, Any]:
        """Return the fields that are set; reports those with a wrong type, without their values."""
        _, number = self.path
        value = self.document.value[self.path[0]][number].get(self.kind) or {}
        fields: dict[str, Any] = {}
        for name, kind in _FIELDS[self.kind].items():
            given = value.get(name) if isinstance(value, dict) else None
            if given in (None, "", [], {}):
                continue
            if not isinstance(given, kind):
                problems.error(_WRONG[kind], self.place(name))
                continue
            fields[name] = given
        folder = os.path.dirname(self.document.file)  # noqa: PTH120 (the path as its author wrote it)
        return {
            name: os.path.join(folder, value) if name in _PATHS else value  # noqa: PTH118 (the same)
            for name, value in fields.items()
        }


@dataclass(frozen=True, slots=True)
class _Merged:
    """The entries of all files; the first of each name is used."""

    entries: dict[tuple[str, str], _Entry] = field(default_factory=dict)
    current: list[str] = field(default_factory=list)

    def names(self, kind: str) -> list[str]:
        return [name for of, name in self.entries if of == kind]

    def add(self, document: Document, problems: Problems) -> None:
        value = document.value
        if not isinstance(value, dict) or value.get("kind", "Config") != "Config":
            problems.error("is not a kubeconfig: one document of kind Config", Place(document.file))
            return
        for entry in _entries(document, problems):
            self.entries.setdefault((entry.kind, entry.name), entry)
        current = value.get("current-context") or ""
        if not isinstance(current, str):
            problems.error("is not a string", document.place(("current-context",)))
        elif current:
            self.current.append(current)


def kubeconfig_files(named: str | None, environ: Mapping[str, str], problems: Problems) -> tuple[str, ...]:
    """Return the files of the kubeconfig, by priority; none if there is no kubeconfig.

    Reports a `KUBECONFIG` none of whose files exists: kubectl would go on with an empty kubeconfig.
    """
    if named is not None:
        return (named,)
    listed = [file for file in environ.get("KUBECONFIG", "").split(os.pathsep) if file]
    files = tuple(file for file in dict.fromkeys(listed) if os.path.exists(file))  # noqa: PTH110
    if listed and not files:
        problems.error(
            "$KUBECONFIG names no file that exists",
            details=tuple(listed[:_SHOWN]),
            help="correct it, or name a file with --kubeconfig",
        )
    if listed:
        return files
    default = os.path.join(environ.get("HOME", ""), ".kube", "config")  # noqa: PTH118
    return (default,) if environ.get("HOME") and os.path.exists(default) else ()  # noqa: PTH110


def read_context(files: Iterable[str], context: str | None, problems: Problems) -> KubeContext | None:
    """Return a context, by default the current one; reports a problem and returns None without it."""
    before = len(problems.errors)
    files = tuple(files)
    merged = _Merged()
    for file in files:
        for document in read_documents(file, ALL, problems):
            merged.add(document, problems)
    if len(problems.errors) > before:
        return None
    place = Place(files[0])
    name = context or next(iter(merged.current), "")
    if not name:
        problems.error("has no current context", place, help=f"name one with --context{_one_of(merged)}")
        return None
    chosen = merged.entries.get(("context", name))
    if chosen is None:
        near = did_you_mean(name, merged.names("context"))
        help = f"name one with --context{_one_of(merged)}"
        problems.error(f"has no context {name!r}{near}", place, help=help)
        return None
    resolved = _resolve(chosen, merged, problems)
    return resolved if len(problems.errors) == before else None


def _one_of(merged: _Merged) -> str:
    names = merged.names("context")
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f": {', '.join(names[:_SHOWN])}{more}" if names else ", in a kubeconfig that has contexts"


def _resolve(context: _Entry, merged: _Merged, problems: Problems) -> KubeContext | None:
    names = context.fields(problems)
    cluster = _referred(context, names.get("cluster", ""), "cluster", merged, problems)
    if cluster is None:
        return None
    settings = cluster.fields(problems)
    if not _is_server(settings.get("server", "")):
        problems.error("is not the URL of an API server", cluster.place("server"))
    # A context may have no user. A user that it names must exist.
    user = _referred(context, names["user"], "user", merged, problems) if "user" in names else None
    return KubeContext(
        cluster=settings,
        user=user.fields(problems) if user else {},
        cluster_place=cluster.place(),
        user_place=user.place() if user else context.place(),
    )


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port raises ValueError if it is invalid.
        return parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _referred(context: _Entry, name: str, kind: str, merged: _Merged, problems: Problems) -> _Entry | None:
    entry = merged.entries.get((kind, name))
    if entry is None:
        what = (
            f"names the {kind} {name!r}, which the kubeconfig does not have" if name else f"names no {kind}"
        )
        problems.error(f"context {context.name!r} {what}", context.place())
    return entry


def _entries(document: Document, problems: Problems) -> Iterator[_Entry]:
    for section, kind in _SECTIONS.items():
        entries = document.value.get(section) or []
        if not isinstance(entries, list):
            problems.error("is not a list", document.place((section,)))
            continue
        for number, entry in enumerate(entries):
            path: Path = (section, number)
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                yield _Entry(kind, entry["name"], document, path)
            else:
                problems.error(f"is no {kind} with a name", document.place(path))
