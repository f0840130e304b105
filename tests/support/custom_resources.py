"""The custom resources of other people's operators, for an API server that lacks them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from support.api_server import ApiError, ApiServer, Object

_SECONDS = 30
_BETWEEN_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomResource:
    """A resource whose objects may hold anything, unless it has a schema."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = False
    schema: Object | None = None
    """OpenAPI schema of the objects."""

    @property
    def api_version(self) -> str:
        """What its objects have in `apiVersion`."""
        return f"{self.group}/{self.version}"

    @property
    def definition(self) -> Object:
        """Its CustomResourceDefinition, with a status of its own."""
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {
            "name": self.version,
            "served": True,
            "storage": True,
            "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": self.schema or anything},
        }
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{self.group}"},
            "spec": {
                "group": self.group,
                "scope": "Namespaced" if self.namespaced else "Cluster",
                "names": {"kind": self.kind, "plural": self.plural, "singular": self.kind.lower()},
                "versions": [version],
            },
        }


NIC_CLUSTER_POLICY = CustomResource(
    group="mellanox.com", version="v1alpha1", kind="NicClusterPolicy", plural="nicclusterpolicies"
)
NIC_NODE_POLICY = CustomResource(
    group="mellanox.com", version="v1alpha1", kind="NicNodePolicy", plural="nicnodepolicies"
)
IMAGE_STREAM = CustomResource(
    group="image.openshift.io", version="v1", kind="ImageStream", plural="imagestreams", namespaced=True
)
"""A resource of OpenShift's own API server there, not a custom one; to a client they look alike."""
PROXY = CustomResource(group="config.openshift.io", version="v1", kind="Proxy", plural="proxies")


def _fields(*required: str, **fields: Object) -> Object:
    return {"type": "object", "properties": fields, **({"required": list(required)} if required else {})}


def _list(of: Object) -> Object:
    return {"type": "array", "items": of}


def _map(of: Object) -> Object:
    return {"type": "object", "additionalProperties": of}


_TEXT = {"type": "string"}
_OPERATORS = {"type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist", "IsTrue", "IsFalse"]}
_MATCHER = _fields(
    "feature", feature=_TEXT, matchExpressions=_map(_fields("op", op=_OPERATORS, value=_list(_TEXT)))
)
_RULE = _fields("name", name=_TEXT, labels=_map(_TEXT), matchFeatures=_list(_MATCHER))
NODE_FEATURE_RULE = CustomResource(
    group="nfd.k8s-sigs.io",
    version="v1alpha1",
    kind="NodeFeatureRule",
    plural="nodefeaturerules",
    schema=_fields(
        "spec",
        apiVersion=_TEXT,
        kind=_TEXT,
        metadata={"type": "object"},
        spec=_fields("rules", rules=_list(_RULE)),
    ),
)
"""With the fields of a rule that set labels from features."""


@contextmanager
def served(api: ApiServer, *resources: CustomResource) -> Iterator[None]:
    """Have the server know these resources until the context ends, which also removes their objects.

    Both ends wait until the server's discovery shows the change, so that tests on one server see either a
    cluster with these resources or one without them. Raises TimeoutError.
    """
    for resource in resources:
        api.apply(resource.definition)
    try:
        for resource in resources:
            wait(api, resource, known=True)
        yield
    finally:
        for resource in resources:
            api.delete(resource.definition)
        for resource in resources:
            wait(api, resource, known=False)


def wait(api: ApiServer, resource: CustomResource, *, known: bool) -> None:
    """Wait until the server's discovery shows the resource, or no longer does. Raises TimeoutError."""
    end = time.monotonic() + _SECONDS
    while _is_known(api, resource) is not known:
        if time.monotonic() > end:
            raise TimeoutError(f"{resource.kind} is {'not ' if known else 'still '}served")
        time.sleep(_BETWEEN_SECONDS)


def _is_known(api: ApiServer, resource: CustomResource) -> bool:
    """Tell whether discovery lists it and its objects can be listed: the two need not change together."""
    try:
        path = api.path(
            {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": "any"}}
        )
        api.request("GET", f"/apis/{resource.api_version}/{resource.plural}")
    except ApiError as error:
        if error.code in {404, 503}:
            return False
        raise
    return bool(path)
