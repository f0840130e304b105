"""A whole Argo CD, as processes on loopback, that looks after the cluster of an API server."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from support.api_server import ApiServer, Object
from support.argocd import CmpServer, linked
from support.custom_resources import CustomResource, wait
from support.require import require, require_program
from support.server_process import accepts, free_port, running

NAMESPACE = "argocd"
"""Where Argo CD keeps its settings, and where its Applications are."""
_RESOURCES = tuple(
    CustomResource(
        group="argoproj.io", version="v1alpha1", kind=kind, plural=f"{kind.lower()}s", namespaced=True
    )
    for kind in ("Application", "ApplicationSet", "AppProject")
)
_CONFIG_MAPS = ("cm", "rbac-cm", "ssh-known-hosts-cm", "tls-certs-cm", "gpg-keys-cm")
_SECONDS = 60
_BETWEEN_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoCD:
    """A repo server and an application controller that run until their context ends."""

    api: ApiServer
    """Of the cluster, where Applications are created."""

    def wait(self, name: str, until: Callable[[Object], object]) -> Object:
        """Return the Application of this name as soon as the condition holds for it.

        Raises TimeoutError with the Application's status after a minute.
        """
        end = time.monotonic() + _SECONDS
        while not until(application := self.api.get(application_of(name))):
            if time.monotonic() > end:
                raise TimeoutError(f"{name} did not get there:\n{yaml.safe_dump(application.get('status'))}")
            time.sleep(_BETWEEN_SECONDS)
        return application

    def refresh(self, name: str) -> None:
        """Have the Application's manifests made anew, without any cache."""
        patch: Object = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}
        path = self.api.path(application_of(name))
        self.api.request("PATCH", path, body=patch, media_type="application/merge-patch+json")


def application_of(name: str) -> Object:
    """Return an Application of the project `default` that has no source yet."""
    return _object("argoproj.io/v1alpha1", "Application", name) | {"spec": {"project": "default"}}


@contextmanager
def argo_cd(folder: Path, api: ApiServer, *, plugin: CmpServer) -> Iterator[ArgoCD]:
    """Run an Argo CD that knows this plugin, on the API server's cluster.

    What it installs into the cluster stays there: its custom resources and the namespace with its settings.
    """
    _install(api)
    redis, repo, repo_metrics, metrics = (free_port() for _ in range(4))
    to_redis = f"--redis=127.0.0.1:{redis}"
    redis_server = require_program("REDIS", "redis-server 7.0")
    servers: dict[int, tuple[str | Path, ...]] = {
        redis: (redis_server, "--bind", "127.0.0.1", "--port", str(redis), "--save", "", "--dir", folder),
        repo: (
            linked("repo-server", folder),
            *("--address=127.0.0.1", f"--port={repo}", "--disable-tls", to_redis),
            *("--metrics-address=127.0.0.1", f"--metrics-port={repo_metrics}"),
        ),
        metrics: (
            linked("application-controller", folder),
            *(f"--repo-server=127.0.0.1:{repo}", "--repo-server-plaintext", to_redis),
            *(f"--namespace={NAMESPACE}", f"--metrics-port={metrics}"),
        ),
    }
    env = _environment(folder, api, plugin)
    with ExitStack() as stack:
        for port, command in servers.items():
            log = folder / f"{Path(command[0]).name}.log"
            stack.enter_context(running(command, log=log, ready=partial(accepts, port), env=env))
        yield ArgoCD(api=api)


def _environment(folder: Path, api: ApiServer, plugin: CmpServer) -> Mapping[str, str]:
    """Return what stands in for a pod: the cluster's address and the volumes."""
    home, ssh, tls, temporary = (folder / name for name in ("home", "ssh", "tls", "tmp"))
    for made in (home, ssh, tls, temporary):
        made.mkdir()
    (ssh / "ssh_known_hosts").touch()
    return {
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "KUBECONFIG": str(api.kubeconfig(folder)),
        # Below it the controller keeps what it discovered of the cluster.
        "HOME": str(home),
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_PLUGINSOCKFILEPATH": str(plugin.socket.parent),
        "ARGOCD_SSH_DATA_PATH": str(ssh),
        "ARGOCD_TLS_DATA_PATH": str(tls),
        "REDIS_PASSWORD": "",
        "TMPDIR": str(temporary),
    }


def define(api: ApiServer) -> None:
    """Have the server know Argo CD's resources, from now on."""
    definitions = Path(os.environ.get("ARGOCD_CRDS", "/nonexistent"))
    require(
        definitions.is_dir(), "ARGOCD_CRDS does not name the folder of Argo CD's CRDs; `make e2e` sets it"
    )
    for resource in _RESOURCES:
        api.apply(yaml.safe_load((definitions / f"{resource.kind.lower()}-crd.yaml").read_text()))
    for resource in _RESOURCES:
        wait(api, resource, known=True)


def _install(api: ApiServer) -> None:
    """Put what Argo CD expects into the cluster: its resources, its settings and the project `default`."""
    define(api)
    api.namespace(NAMESPACE)
    for name in _CONFIG_MAPS:
        api.apply(_object("v1", "ConfigMap", f"argocd-{name}"))
    api.apply(_object("v1", "Secret", "argocd-secret") | {"stringData": {"server.secretkey": "not-a-secret"}})
    project = {
        "sourceRepos": ["*"],
        "destinations": [{"namespace": "*", "server": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    api.apply(_object("argoproj.io/v1alpha1", "AppProject", "default") | {"spec": project})


def _object(api_version: str, kind: str, name: str) -> Object:
    labels = {"app.kubernetes.io/part-of": "argocd"}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
