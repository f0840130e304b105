"""Describe GET requests to an API server: path and RBAC permission."""

from collections.abc import Mapping
from dataclasses import field, replace
from urllib.parse import quote, urlencode

from gitops_doca.core.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One GET request."""

    path: str
    """Relative to the API server's URL, without the query."""
    what: str
    """The action, for messages: `get configmaps/certs in namespace x`."""
    permission: str
    """What a role must allow: `get on configmaps in namespace x`."""
    file: str = ""
    """The place of problems in the response, for messages."""
    kind: str = ""
    """Of the object; empty for a list."""
    query: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def next_page(self, token: str) -> "ApiRequest":
        """Return the request for the next page; `token` is the list's `continue`."""
        return replace(self, query={**self.query, "continue": token})


DISCOVERY = ApiRequest(path="/apis", what="list the API groups", permission="get on the URL /apis")
"""The groups that the API server serves."""


def list_request(
    resource: str, *, group: str = "", namespace: str = "", query: Mapping[str, str | int]
) -> ApiRequest:
    """Request a list; without a namespace, of the whole cluster. `group` is as in `object_request`."""
    what = _qualified(resource, group) + _where(namespace)
    return ApiRequest(
        path=f"{_api_root(group)}{_namespace_path(namespace)}/{resource}",
        what=f"list {what}",
        permission=f"list on {what}",
        query=query,
    )


def object_request(
    kind: str, resource: str, name: str, *, group: str = "", namespace: str = ""
) -> ApiRequest:
    """Request one object; without a namespace, one of the whole cluster.

    `group` has its version with it, and is empty for the core group.
    """
    qualified, where = _qualified(resource, group), _where(namespace)
    return ApiRequest(
        path=f"{_api_root(group)}{_namespace_path(namespace)}/{resource}/{quote(name, safe='')}",
        what=f"get {qualified}/{name}{where}",
        permission=f"get on {qualified}/{name}{where}",
        file=f"cluster {resource}/{name}",
        kind=kind,
    )


def _where(namespace: str) -> str:
    return f" in namespace {namespace}" if namespace else ""


def _namespace_path(namespace: str) -> str:
    return f"/namespaces/{quote(namespace, safe='')}" if namespace else ""


def _api_root(group: str) -> str:
    return f"/apis/{group}" if group else "/api/v1"


def _qualified(resource: str, group: str) -> str:
    """Return a resource with its group, as kubectl writes it: `proxies.config.openshift.io`."""
    return f"{resource}.{group.partition('/')[0]}" if group else resource
