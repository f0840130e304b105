"""Read a docker config.json: where it is, which helper it names, and which entries mean a repository."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gitops_doca.core.reference import DOCKER_HUB
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.credentials import (
    Credential,
    HelperCall,
    InvalidCredential,
    parse_entry,
    unusable,
)

_MAX_CONFIG = 4 * 1024 * 1024
# What docker login writes for Docker Hub, and what podman login does.
_HUB_KEYS = (f"https://{DOCKER_HUB}/v1/", DOCKER_HUB, "docker.io")
_HELPER = re.compile(r"[A-Za-z0-9._-]+")


def default_file(environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """Return the first file that is there, docker's, then podman's, and the variable that leads to it.

    A folder of that name is no file.
    """
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
    found = ((Path(start, below), variable) for start, below, variable in places if start)
    return next(((file, variable) for file, variable in found if _is_file(file)), (None, ""))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A home folder that this user may not enter holds nothing for this user.
        return False


class DockerConfig:
    """The content of one file."""

    def __init__(self, file: Path) -> None:
        """Read it; raises `LookupFailedError` (auth) for what is no docker config.json."""
        self._place = str(file)
        content = _load(file)
        self._auths = self._table(content, "auths")
        self._helpers = self._table(content, "credHelpers")
        self._store = content.get("credsStore")

    def helper(self, registry: str) -> HelperCall | None:
        """Return the helper of a registry, else the one of all; an empty name stands for the file itself.

        Raises `LookupFailedError` (auth) for a name that cannot be a program's.
        """
        keys = _keys(registry)
        server = next((key for key in keys if key in self._helpers), "")
        name = self._helpers[server] if server else self._store
        if not name:
            return None
        if not isinstance(name, str) or not _HELPER.fullmatch(name):
            raise unusable(self._place, "names a credential helper that cannot be one")
        return HelperCall(name, server or keys[0], self._place)

    def logins(self, registry: str, path: str) -> Iterator[Credential | InvalidCredential]:
        """Yield what the entries for a repository hold, the most specific first."""
        for key in dict.fromkeys(_entries_for(self._auths, _keys(registry), path)):
            try:
                login = parse_entry(self._auths[key], self._place)
            except LookupFailedError as error:
                yield InvalidCredential(error.reason)
            else:
                if login is not None:
                    yield login

    def _table(self, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        table = content.get(name)
        if table is None:
            return {}
        if not isinstance(table, dict):
            raise unusable(self._place, f"is no docker config.json: its {name} is no object")
        return table


def _keys(registry: str) -> tuple[str, ...]:
    return _HUB_KEYS if registry == DOCKER_HUB else (registry,)


def _load(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as stream:
            text = stream.read(_MAX_CONFIG + 1)
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise unusable(str(file), f"cannot be read: {reason}") from None
    if len(text) > _MAX_CONFIG:
        raise unusable(str(file), "is too large for a docker config.json")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        raise unusable(str(file), "is not valid JSON") from None
    if not isinstance(config, dict):
        raise unusable(str(file), "is no docker config.json: its JSON is no object")
    return config


def _entries_for(auths: Mapping[str, Any], keys: tuple[str, ...], path: str) -> Iterator[str]:
    """Yield the keys of `auths` that mean this repository: namespaces, longest first, then the registry."""
    parts = path.split("/")
    hosts = [key for key in keys if "://" not in key]
    spaces = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    wanted = [f"{host}/{space}" for space in spaces for host in hosts]
    for name in (*wanted, *keys):
        if name in auths:
            yield name
        yield from (key for key in auths if key != name and _normal(key) == name)
    # docker falls back to the host alone, for any path that a URL has.
    yield from (key for key in auths if "://" in key and _normal(key).partition("/")[0] in hosts)


def _normal(key: str) -> str:
    """Return a key without its scheme and without the path of an API version; the host in lower case."""
    bare = re.sub(r"^https?://", "", key, flags=re.IGNORECASE)
    host, _, rest = bare.partition("/")
    rest = re.sub(r"^v[12](?:/|$)", "", rest).strip("/")
    return f"{host.lower()}/{rest}" if rest else host.lower()
