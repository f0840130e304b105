"""Asks a Kubernetes API server as its administrator, one object at a time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
import yaml

Object = dict[str, Any]
"""A Kubernetes object as it stands in a manifest."""

ADMIN_TOKEN = "token-of-admin"
_FIELD_MANAGER = "e2e-test"
_SECONDS = 30


class ApiError(Exception):
    """The server refused a request; the text is the server's own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """A server that runs until its context ends; its methods ask as `system:masters`, who may do all."""

    url: str
    """`https://127.0.0.1:port`."""
    ca_file: Path
    """The authority that signed the server's certificate, as PEM."""
    tokens: Mapping[str, str]
    """The bearer token of each user who was named at the start."""

    def kubeconfig(self, folder: Path, token: str = ADMIN_TOKEN) -> Path:
        """Write `kubeconfig` into this folder, for whoever has this token, and return its path."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [
                {"name": "test", "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}
            ],
            "users": [{"name": "test", "user": {"token": token}}],
        }
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def service_account_token(self, namespace: str, name: str) -> str:
        """Return a token of this ServiceAccount, which must exist, for one hour."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return str(self.request("POST", path, body=body)["status"]["token"])

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        """Apply on the server's side, over whoever owned the fields; unknown fields are errors.

        Returns the object as the server has it, or would have it.
        """
        return self.request(
            "PATCH",
            self.path(wanted),
            body=wanted,
            media_type="application/apply-patch+yaml",
            params={"force": "true"} | _parameters(dry_run=dry_run),
        )

    def create(self, wanted: Object, *, dry_run: bool = False) -> Object:
        """Create an object; unknown fields are errors. Returns it as the server has it, or would have it."""
        collection = self.path(wanted).rpartition("/")[0]
        return self.request("POST", collection, body=wanted, params=_parameters(dry_run=dry_run))

    def get(self, wanted: Object) -> Object:
        """Return the object that has this one's API version, kind, namespace and name."""
        return self.request("GET", self.path(wanted))

    def delete(self, unwanted: Object) -> None:
        """Delete the object that has this one's API version, kind, namespace and name."""
        self.request("DELETE", self.path(unwanted))

    def namespace(self, name: str) -> None:
        """Make sure that this namespace exists."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def path(self, wanted: Object) -> str:
        """Return an object's path, as the server's discovery names its resource.

        Raises ApiError with the code 404 where the server knows no such kind.
        """
        root = _root(wanted["apiVersion"])
        for resource in self.request("GET", root)["resources"]:
            if resource["kind"] == wanted["kind"] and "/" not in resource["name"]:
                metadata = wanted["metadata"]
                space = (
                    f"/namespaces/{metadata.get('namespace', 'default')}" if resource["namespaced"] else ""
                )
                return f"{root}{space}/{resource['name']}/{metadata['name']}"
        raise ApiError(HTTPStatus.NOT_FOUND, f"no kind {wanted['kind']} in {wanted['apiVersion']}")

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        media_type: str = "application/json",
        accept: str = "*/*",
        params: Mapping[str, str] | None = None,
        token: str = ADMIN_TOKEN,
    ) -> Object:
        """Send one request and return the answer's JSON; anything but success is an ApiError."""
        with requests.Session() as session:
            session.trust_env = False
            reply = session.request(
                method,
                f"{self.url}{path}",
                data=None if body is None else json.dumps(body),
                headers={"Authorization": f"Bearer {token}", "Content-Type": media_type, "Accept": accept},
                params=params,
                verify=str(self.ca_file),
                timeout=_SECONDS,
            )
        if not reply.ok:
            raise ApiError(reply.status_code, _message(reply))
        answer: Object = reply.json()
        return answer


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _message(reply: requests.Response) -> str:
    # A path that nobody serves is answered in plain text.
    as_status = reply.headers["Content-Type"].startswith("application/json")
    return str(reply.json()["message"]) if as_status else reply.text.strip()


def _parameters(*, dry_run: bool) -> dict[str, str]:
    strict = {"fieldManager": _FIELD_MANAGER, "fieldValidation": "Strict"}
    return strict | {"dryRun": "All"} if dry_run else strict
