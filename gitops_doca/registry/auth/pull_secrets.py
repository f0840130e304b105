"""Find a repository's credentials in pull secrets, as the kubelet does."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.reference import DOCKER_HUB
from gitops_doca.registry.auth.credentials import Credential, InvalidCredential, parse_entry
from gitops_doca.registry.auth.globs import matches

_DOCKER_IO = "docker.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSecret:
    """The content of one pull secret."""

    place: str
    """Its file, and its name if it has one, for messages."""
    auths: Mapping[str, Any] = field(repr=False)


def find_credentials(
    secrets: Iterable[PullSecret], registry: str, path: str
) -> list[Credential | InvalidCredential]:
    """Return the credentials of all secrets for a repository, in the kubelet's order.

    Keys are in reverse lexicographic order over all secrets, entries of one key in the order of the
    secrets. Docker Hub has two names: keys for the kubelet's, `docker.io`, come before
    go-containerregistry's.
    """
    entries = _entries(secrets)
    hosts = (_DOCKER_IO, DOCKER_HUB) if registry == DOCKER_HUB else (registry,)
    parsed = [
        parse_entry(entry, place)
        for host in hosts
        for key, entry, place in entries
        if key_matches(key, host, path)
    ]
    return list(dict.fromkeys(credential for credential in parsed if credential is not None))


def has_hub_only_as_docker_io(secrets: Iterable[PullSecret], path: str) -> bool:
    """Say whether Docker Hub's credentials are only under `docker.io`, which some clients ignore."""
    keys = [key for key, _, _ in _entries(secrets)]
    kubelet, other = (any(key_matches(key, host, path) for key in keys) for host in (_DOCKER_IO, DOCKER_HUB))
    return kubelet and not other


def _entries(secrets: Iterable[PullSecret]) -> list[tuple[str, Any, str]]:
    """Return the normal key, the entry and the place of each, in the order of the kubelet."""
    entries = [
        (normal_key(key), entry, secret.place) for secret in secrets for key, entry in secret.auths.items()
    ]
    return sorted(entries, key=lambda entry: entry[0], reverse=True)


def normal_key(key: str) -> str:
    """Return a key without its scheme and an API version's path; its host in lower case."""
    bare = re.sub(r"^https?://", "", key)
    host, slash, path = bare.partition("/")
    path = re.sub(r"^/v[12]/", "/", slash + path)
    return host.lower() + (path if path != "/" else "")


def key_matches(key: str, host: str, path: str) -> bool:
    """Say whether a normal key is for a repository.

    Each label of the host is a pattern, the port is equal, and the key's path is a prefix of
    characters.
    """
    key_host, slash, key_path = key.partition("/")
    key_labels, labels = _split(key_host), _split(host)
    return (
        key_labels[-1] == labels[-1]
        and len(key_labels) == len(labels)
        and f"/{path}".startswith(slash + key_path)
        and all(
            pattern == label or matches(pattern, label)
            for pattern, label in zip(key_labels[:-1], labels[:-1], strict=True)
        )
    )


def _split(host: str) -> tuple[str, ...]:
    """Return the labels of a host, then its port."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, ""
    # An IPv6 address is one label.
    return (*([name] if ":" in name else name.split(".")), port)
