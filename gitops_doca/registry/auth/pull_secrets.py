"""Find the logins for a repository in Kubernetes pull secrets, in the kubelet's way and order."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_doca.core.reference import DOCKER_HUB
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.credentials import Credential, InvalidCredential, parse_entry
from gitops_doca.registry.auth.globs import matches

_DOCKER_IO = "docker.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSecret:
    """What one pull secret holds."""

    place: str
    """Its file, and its name where it has one, for messages."""
    auths: Mapping[str, Any] = field(repr=False)


def find_logins(
    secrets: Iterable[PullSecret], registry: str, path: str
) -> list[Credential | InvalidCredential]:
    """Return what all secrets have for a repository, in the order in which the kubelet would try it.

    Keys go in reverse lexicographic order over all secrets, one key's entries in the order of the secrets.
    Docker Hub has two names: what matches the kubelet's, `docker.io`, comes before go-containerregistry's.
    """
    entries = _entries(secrets)
    hosts = (_DOCKER_IO, DOCKER_HUB) if registry == DOCKER_HUB else (registry,)
    found = [entry for host in hosts for key, entry in entries if key_matches(key, host, path)]
    return list(dict.fromkeys(login for entry in found if (login := _login(entry)) is not None))


def is_hub_key_of_kubelet_alone(secrets: Iterable[PullSecret], path: str) -> bool:
    """Say whether Docker Hub's credentials stand under `docker.io` only, which not every client reads."""
    keys = [key for key, _ in _entries(secrets)]
    kubelet, other = (any(key_matches(key, host, path) for key in keys) for host in (_DOCKER_IO, DOCKER_HUB))
    return kubelet and not other


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Any = field(repr=False)
    place: str


def _entries(secrets: Iterable[PullSecret]) -> list[tuple[str, _Entry]]:
    entries = [
        (normal_key(key), _Entry(value, secret.place))
        for secret in secrets
        for key, value in secret.auths.items()
    ]
    return sorted(entries, key=lambda entry: entry[0], reverse=True)


def _login(entry: _Entry) -> Credential | InvalidCredential | None:
    try:
        return parse_entry(entry.value, entry.place)
    except LookupFailedError as error:
        return InvalidCredential(error.reason)


def normal_key(key: str) -> str:
    """Return a key without its scheme and without the path of an API version; its host in lower case."""
    bare = re.sub(r"^https?://", "", key)
    host, slash, path = bare.partition("/")
    path = re.sub(r"^/v[12]/", "/", slash + path)
    return host.lower() + (path if path != "/" else "")


def key_matches(key: str, host: str, path: str) -> bool:
    """Say whether a normal key is for a repository.

    Labels of the host match as patterns, one by one; ports as text; the key's path is a prefix, of text.
    """
    key_host, slash, key_path = key.partition("/")
    mine, theirs = _split(key_host), _split(host)
    return (
        mine[-1] == theirs[-1]
        and len(mine) == len(theirs)
        and f"/{path}".startswith(slash + key_path)
        and all(
            pattern == label or matches(pattern, label)
            for pattern, label in zip(mine[:-1], theirs[:-1], strict=True)
        )
    )


def _split(host: str) -> tuple[str, ...]:
    """Return the labels of a host, and its port last."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, ""
    # The colons of an IPv6 address make no labels.
    return (*([name] if ":" in name else name.split(".")), port)
