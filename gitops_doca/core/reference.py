"""Parse image references by the OCI distribution spec and Docker Hub's rules."""

import re
from functools import total_ordering
from typing import NamedTuple, NewType

from gitops_doca.core.dataclass import dataclass

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hex digits, checked."""

DOCKER_HUB = "index.docker.io"

# distribution-spec, "Pulling manifests": <name> and <reference> as a tag.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?")
_MAX_NAME = 255
_LOGIN = "has a user or password, which never stand in a reference"


class InvalidReferenceError(ValueError):
    """The text is not an image reference; the message says which rule it breaks."""


def is_tag(text: str) -> bool:
    """Say whether this is a valid tag."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Say whether this is a sha256 digest in its canonical form."""
    return _DIGEST.fullmatch(text) is not None


@total_ordering
@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, as written and as registries know it."""

    text: str
    """As written; what manifests show (`ubuntu` stays `ubuntu`)."""
    registry: str
    """Host with its port if one was written; `index.docker.io` for Docker Hub."""
    path: str
    """Name within the registry, as requests and token scopes use it."""

    def __str__(self) -> str:
        return self.text

    def __lt__(self, other: "Repository") -> bool:
        return (self.registry, self.path, self.text) < (other.registry, other.path, other.text)

    def tag(self, tag: str) -> "ImageReference":
        """Return the reference of a tag in this repository."""
        return ImageReference(self, tag=tag)

    def digest(self, digest: Digest) -> "ImageReference":
        """Return the reference of a manifest in this repository."""
        return ImageReference(self, digest=digest)


class ImageReference(NamedTuple):
    """A tag or a digest (or both: then the digest decides) in a repository."""

    repository: Repository
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


def parse_repository(text: str) -> Repository:
    """Parse `[host[:port]/]name[/name...]`.

    The part before the first slash is a host if it has a dot or a colon or is `localhost`;
    otherwise the repository is Docker Hub's, which puts a single component below `library/`.

    Raises `InvalidReferenceError` for a scheme, a tag, a digest, or any character out of place.
    """
    if "://" in text:
        raise InvalidReferenceError("has a scheme; a repository is written without https://")
    if without_login(text) != text:
        raise InvalidReferenceError(_LOGIN)
    if "@" in text:
        raise InvalidReferenceError("has a digest; a repository is written without one")
    host, slash, rest = text.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        registry, path = host, rest
    else:
        registry, path = "docker.io", text
    if ":" in path:
        raise InvalidReferenceError("has a tag; a repository is written without one")
    if not _HOST.fullmatch(registry) or _port(registry) > 65535 or not _is_address(registry):  # noqa: PLR2004 (TCP)
        raise InvalidReferenceError("has no valid host[:port] before its first slash")
    if not _PATH.fullmatch(path):
        raise InvalidReferenceError(
            "is not a repository name: lower-case letters and digits, . _ - between them, parts split by /"
        )
    if registry.lower() in {"docker.io", DOCKER_HUB}:
        registry, path = DOCKER_HUB, path if "/" in path else f"library/{path}"
    if len(registry) + 1 + len(path) > _MAX_NAME:
        raise InvalidReferenceError(f"is longer than {_MAX_NAME} characters")
    return Repository(text, registry.lower(), path)


def parse_image(text: str) -> ImageReference:
    """Parse `repository[:tag][@sha256:...]`; raises as `parse_repository` does."""
    if without_login(text) != text:
        raise InvalidReferenceError(_LOGIN)
    name, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise InvalidReferenceError("has a digest that is not sha256: and 64 lower-case hex digits")
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, tag = name, ""
    elif not is_tag(tag):
        raise InvalidReferenceError("has an invalid tag")
    return ImageReference(parse_repository(head), tag=tag, digest=digest)


def without_login(text: str) -> str:
    """Return the text of a reference without a user and password, to quote it in a message."""
    name, at, digest = text.rpartition("@")
    tail = f"@{digest}" if at and digest.startswith("sha256:") else ""
    login, _, rest = (name if tail else text).rpartition("@")
    return f"...@{rest}{tail}" if login and rest and not rest.startswith("sha") else text


def _is_address(host: str) -> bool:
    """Say whether the text in brackets is an IPv6 address; true without brackets."""
    if not host.startswith("["):
        return True
    # Start-up counts, and few hosts are addresses.
    import ipaddress

    try:
        ipaddress.IPv6Address(host[1:].partition("]")[0])
    except ValueError:
        return False
    return True


def _port(host: str) -> int:
    port = host.rpartition(":")[2] if not host.endswith("]") else ""
    return int(port) if port.isdigit() else 0
