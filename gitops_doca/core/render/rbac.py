"""Render the service account of the driver pods and its roles."""

from gitops_doca.core.model import RenderOptions, Resource
from gitops_doca.core.render.metadata import metadata

NAME = "ofed-driver"
_GROUP = "rbac.authorization.k8s.io"


def rbac(options: RenderOptions) -> list[Resource]:
    """Render the ServiceAccount, the init container's cluster role and OpenShift's SCC role.

    Only the init container uses the Kubernetes API; without it no cluster role is needed.
    """
    resources: list[Resource] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(NAME, options.namespace)}
    ]
    if options.init_container_image:
        resources += [_cluster_role(), _binding("ClusterRole", options)]
    if options.openshift:
        resources += [_scc_role(options), _binding("Role", options)]
    return resources


def _cluster_role() -> Resource:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": metadata(NAME),
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["nodes"],
                "verbs": ["get", "list", "patch", "watch", "update"],
            },
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
        ],
    }


def _scc_role(options: RenderOptions) -> Resource:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "Role",
        "metadata": metadata(NAME, options.namespace),
        "rules": [
            {
                "apiGroups": ["security.openshift.io"],
                "resources": ["securitycontextconstraints"],
                "resourceNames": ["privileged"],
                "verbs": ["use"],
            }
        ],
    }


def _binding(role: str, options: RenderOptions) -> Resource:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": f"{role}Binding",
        "metadata": metadata(NAME, options.namespace if role == "Role" else ""),
        "roleRef": {"apiGroup": _GROUP, "kind": role, "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": options.namespace}],
    }
