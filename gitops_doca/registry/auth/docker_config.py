"""Find and read a docker config.json: helpers and entries."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gitops_doca.core.reference import DOCKER_HUB
from gitops_doca.registry.auth.credentials import (
    Credential,
    HelperCall,
    InvalidCredential,
    credential_error,
    parse_entry,
)

_MAX_CONFIG = 4 * 1024 * 1024
# The keys that docker login and podman login write for Docker Hub.
_HUB_KEYS = (f"https://{DOCKER_HUB}/v1/", DOCKER_HUB, "docker.io")
_HELPER = re.compile(r"[A-Za-z0-9._-]+")


def default_file(environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """Return the first existing file, docker's or podman's, and the variable of its path."""
    home = environ.get("HOME")
    docker, config = environ.get("DOCKER_CONFIG"), environ.get("XDG_CONFIG_HOME")
    runtime = environ.get("XDG_RUNTIME_DIR")
    places = (
        (docker or (home and f"{home}/.docker"), "config.json", "DOCKER_CONFIG" if docker else "HOME"),
        (environ.get("REGISTRY_AUTH_FILE"), "", "REGISTRY_AUTH_FILE"),
        (runtime, "containers/auth.json", "XDG_RUNTIME_DIR"),
        (
            config or (home and f"{home}/.config"),
            "containers/auth.json",
            "XDG_CONFIG_HOME" if config else "HOME",
        ),
    )
    files = ((Path(folder, name), variable) for folder, name, variable in places if folder)
    return next(((file, variable) for file, variable in files if _is_file(file)), (None, ""))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # This user may not enter the folder, so the files in it are not for this user.
        return False


class DockerConfig:
    """The content of one file."""

    def __init__(self, file: Path) -> None:
        """Read a file; raises `LookupFailedError` (credentials) if it is not a docker config.json."""
        self._place = str(file)
        content = _load(file)
        self._auths = self._table(content, "auths")
        self._helpers = self._table(content, "credHelpers")
        self._store = content.get("credsStore")

    def helper(self, registry: str) -> HelperCall | None:
        """Return the helper of a registry, or else the one of all registries.

        An empty name means that there is none. Raises `LookupFailedError` (credentials) for an invalid
        name.
        """
        keys = _keys(registry)
        server = next((key for key in keys if key in self._helpers), "")
        name = self._helpers[server] if server else self._store
        if not name:
            return None
        if not isinstance(name, str) or not _HELPER.fullmatch(name):
            raise credential_error(self._place, "names an invalid credential helper")
        return HelperCall(name, server or keys[0], self._place)

    def credentials(self, registry: str, path: str) -> list[Credential | InvalidCredential]:
        """Return the credentials of the entries for a repository, the most specific first."""
        keys = dict.fromkeys(_entries_for(self._auths, _keys(registry), path))
        parsed = [parse_entry(self._auths[key], self._place) for key in keys]
        return [credential for credential in parsed if credential is not None]

    def _table(self, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        table = content.get(name)
        if table is None:
            return {}
        if not isinstance(table, dict):
            raise credential_error(self._place, f"is not a docker config.json: its {name} is not an object")
        return table


def _keys(registry: str) -> tuple[str, ...]:
    return _HUB_KEYS if registry == DOCKER_HUB else (registry,)


def _load(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as stream:
            text = stream.read(_MAX_CONFIG + 1)
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise credential_error(str(file), f"cannot be read: {reason}") from None
    if len(text) > _MAX_CONFIG:
        raise credential_error(str(file), "is too large for a docker config.json")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        raise credential_error(str(file), "is not valid JSON") from None
    if not isinstance(config, dict):
        raise credential_error(str(file), "is not a docker config.json: its JSON is not an object")
    return config


def _entries_for(auths: Mapping[str, Any], keys: tuple[str, ...], path: str) -> Iterator[str]:
    """Yield the keys of `auths` for a repository: its namespaces, longest first, then its registry."""
    parts = path.split("/")
    hosts = [key for key in keys if "://" not in key]
    spaces = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    namespaces = [f"{host}/{space}" for space in spaces for host in hosts]
    for name in (*namespaces, *keys):
        if name in auths:
            yield name
        yield from (key for key in auths if key != name and _normal(key) == name)
    # docker falls back to URLs of this host, whatever their path.
    yield from (key for key in auths if "://" in key and _normal(key).partition("/")[0] in hosts)


def _normal(key: str) -> str:
    """Return a key without its scheme and an API version's path; the host in lower case."""
    bare = re.sub(r"^https?://", "", key, flags=re.IGNORECASE)
    host, _, rest = bare.partition("/")
    rest = re.sub(r"^v[12](?:/|$)", "", rest).strip("/")
    return f"{host.lower()}/{rest}" if rest else host.lower()
