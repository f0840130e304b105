"""What is asked of an API server: GETs, each with the words of RBAC for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One GET."""

    path: str
    """Below the API server's URL, without the query."""
    what: str
    """What is done, in words: `get configmaps/certs in namespace x`."""
    permission: str
    """What a role must allow: `get on configmaps in namespace x`."""
    file: str = ""
    """How problems of the answer call their place."""
    kind: str = ""
    """Of the object that is wanted; empty for a list."""
    query: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def following(self, token: str) -> "ApiRequest":
        """Return the question for the page behind this one; `token` is the list's `continue`."""
        return replace(self, query={**self.query, "continue": token}) if token else self


DISCOVERY = ApiRequest(path="/apis", what="list the API groups", permission="get on the URL /apis")
"""What groups the API server serves."""


def list_of(
    resource: str, *, group: str = "", namespace: str = "", query: Mapping[str, str | int]
) -> ApiRequest:
    """Ask for a list; without a namespace, over the whole cluster. `group` is as that of `object_of`."""
    what = _plain(resource, group) + _where(namespace)
    return ApiRequest(
        path=f"{_root(group)}{_inside(namespace)}/{resource}",
        what=f"list {what}",
        permission=f"list on {what}",
        query=query,
    )


def object_of(kind: str, resource: str, name: str, *, group: str = "", namespace: str = "") -> ApiRequest:
    """Ask for one object; without a namespace, for one of the whole cluster.

    `group` is with its version, and empty for the core.
    """
    plain, where = _plain(resource, group), _where(namespace)
    return ApiRequest(
        path=f"{_root(group)}{_inside(namespace)}/{resource}/{quote(name, safe='')}",
        what=f"get {plain}/{name}{where}",
        permission=f"get on {plain}/{name}{where}",
        file=f"cluster {resource}/{name}",
        kind=kind,
    )


def _where(namespace: str) -> str:
    return f" in namespace {namespace}" if namespace else ""


def _inside(namespace: str) -> str:
    return f"/namespaces/{quote(namespace, safe='')}" if namespace else ""


def _root(group: str) -> str:
    return f"/apis/{group}" if group else "/api/v1"


def _plain(resource: str, group: str) -> str:
    """Return a resource as kubectl writes it: `proxies.config.openshift.io`."""
    return f"{resource}.{group.partition('/')[0]}" if group else resource
