"""Parse the list of allowed registries, and match repositories against it."""

import re

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.reference import DOCKER_HUB, Repository, without_login

_LABEL = r"(?:\*|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)"
_ENTRY = re.compile(
    rf"(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?(?P<path>(?:/[a-z0-9._-]+)*)/?"
)
_HUB = frozenset({"docker.io", DOCKER_HUB})


@dataclass(frozen=True, slots=True)
class AllowedRegistry:
    """One entry of `--allowed-registry`: a registry, or the repositories below a path of it."""

    text: str
    """The entry as written."""
    labels: tuple[str, ...]
    """The labels of the host, in lower case; `*` matches any one label."""
    port: str
    """443 by default."""
    path: tuple[str, ...]

    def covers(self, repository: Repository) -> bool:
        """Say whether this entry allows a repository."""
        labels, port = _split(repository.registry)
        path = tuple(repository.path.split("/"))
        return (
            port == self.port
            and len(labels) == len(self.labels)
            and all(allowed in {"*", label} for allowed, label in zip(self.labels, labels, strict=True))
            and path[: len(self.path)] == self.path
        )

    def names(self, registry: str) -> bool:
        """Say whether this entry names exactly this registry, without `*`; its path is ignored."""
        return (self.labels, self.port) == _split(registry)


def parse_allowed(text: str) -> AllowedRegistry:
    """Parse `HOST[:PORT][/PATH]`, in which a label of the host may be `*`; raises ValueError."""
    match = _ENTRY.fullmatch(text.lower())
    if match is None:
        raise ValueError(f"{without_login(text)!r} is not HOST[:PORT][/PATH]")
    host = DOCKER_HUB if match["host"] in _HUB else match["host"]
    labels, port = _split(f"{host}:{match['port'] or 443}")
    return AllowedRegistry(text, labels, port, tuple(match["path"].split("/")[1:]))


def _split(registry: str) -> tuple[tuple[str, ...], str]:
    host, colon, port = registry.rpartition(":")
    if not colon or registry.endswith("]"):
        host, port = registry, "443"
    return (host,) if host.startswith("[") else tuple(host.split(".")), str(int(port))
