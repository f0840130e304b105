"""Find the credentials for a repository in a docker config.json; unreadable ones are never taken for none."""

import base64
import binascii
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitops_doca.core.lookup import Cause
from gitops_doca.core.reference import DOCKER_HUB
from gitops_doca.registry.failures import NoAnswerError

_MAX_CONFIG = 4 * 1024 * 1024
# What docker login writes for Docker Hub, and what podman login does.
_HUB_KEYS = (f"https://{DOCKER_HUB}/v1/", DOCKER_HUB, "docker.io")


@dataclass(frozen=True, slots=True)
class Login:
    """A user with a password, as the Basic scheme sends them."""

    authorization: str = field(repr=False)


class Keychain:
    """The logins of one config file, read when the first is wanted; safe to share between threads."""

    def __init__(self, explicit: Path | None, environ: Mapping[str, str]) -> None:
        self._file = explicit or _default_file(environ)
        self._lock = threading.Lock()
        self._config: Mapping[str, Any] | None = None

    @property
    def place(self) -> str:
        """Where the credentials come from, for messages; empty when there is no file."""
        return str(self._file or "")

    def login(self, registry: str, path: str) -> Login | None:
        """Return the login for a repository, from its most specific entry; None: be anonymous.

        Raises `NoAnswerError` (auth) for a file or an entry that cannot be used.
        """
        if self._file is None:
            return None
        with self._lock:
            if self._config is None:
                self._config = _load(self._file)
        keys = _HUB_KEYS if registry == DOCKER_HUB else (registry,)
        if any(key in _table(self._config, "credHelpers", self._file) for key in keys):
            raise _unusable(self._file, "names a credential helper for this registry, which is not supported")
        login = self._inline(_table(self._config, "auths", self._file), keys, path)
        if login is None and self._config.get("credsStore"):
            raise _unusable(self._file, "keeps credentials in a credential helper, which is not supported")
        return login

    def _inline(self, auths: Mapping[str, Any], keys: tuple[str, ...], path: str) -> Login | None:
        assert self._file is not None  # noqa: S101 (for the type checker: `login` has looked)
        for key in _candidates(auths, keys, path):
            login = _parse_entry(auths[key], self._file)
            if login is not None:
                return login
        return None


def _default_file(environ: Mapping[str, str]) -> Path | None:
    """Return the first file that is there: docker's, then podman's; a folder of that name is no file."""
    home = environ.get("HOME")
    docker = environ.get("DOCKER_CONFIG") or (home and f"{home}/.docker")
    config = environ.get("XDG_CONFIG_HOME") or (home and f"{home}/.config")
    runtime = environ.get("XDG_RUNTIME_DIR")
    places = (
        docker and f"{docker}/config.json",
        environ.get("REGISTRY_AUTH_FILE"),
        runtime and f"{runtime}/containers/auth.json",
        config and f"{config}/containers/auth.json",
    )
    return next((file for place in places if place and _is_file(file := Path(place))), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A home folder that this user may not enter holds nothing for this user.
        return False


def _load(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as stream:
            text = stream.read(_MAX_CONFIG + 1)
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise _unusable(file, f"cannot be read: {reason}") from None
    if len(text) > _MAX_CONFIG:
        raise _unusable(file, "is too large for a docker config.json")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        raise _unusable(file, "is not valid JSON") from None
    if not isinstance(config, dict):
        raise _unusable(file, "is no docker config.json: its JSON is no object")
    return config


def _table(config: Mapping[str, Any], name: str, file: Path) -> Mapping[str, Any]:
    table = config.get(name)
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise _unusable(file, f"is no docker config.json: its {name} is no object")
    return table


def _candidates(auths: Mapping[str, Any], keys: tuple[str, ...], path: str) -> Iterator[str]:
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


def _parse_entry(entry: object, file: Path) -> Login | None:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name) or "", str) for name in _FIELDS):
        raise _unusable(file, "has an entry for this registry that is not made as docker makes them")
    if entry.get("identitytoken") or entry.get("registrytoken"):
        raise _unusable(file, "has a token instead of a password for this registry, which is not supported")
    if entry.get("auth"):
        return Login(_basic(_decoded(entry["auth"], file)))
    user, password = entry.get("username") or "", entry.get("password") or ""
    if bool(user) != bool(password):
        raise _unusable(file, "has a user name without a password for this registry, or the reverse")
    return Login(_basic(f"{user}:{password}".encode())) if user else None


_FIELDS = ("auth", "username", "password", "identitytoken", "registrytoken")


def _decoded(auth: str, file: Path) -> bytes:
    text = auth.strip().rstrip("=")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _unusable(file, "has an auth for this registry that is not base64") from None
    user, colon, password = raw.partition(b":")
    if not user or not colon:
        raise _unusable(file, "has an auth for this registry that is not user:password")
    return user + b":" + password.strip(b"\0")


def _basic(pair: bytes) -> str:
    return f"Basic {base64.b64encode(pair).decode()}"


def _unusable(file: Path, what: str) -> NoAnswerError:
    return NoAnswerError(Cause.AUTH, f"{file} {what}")
