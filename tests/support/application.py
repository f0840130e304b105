"""A repository with one application in it, as Argo CD hands it to a plugin, and calls of the plugin."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gitops_doca.cli.settings.registries import Connect
from support.cli import ROOT, Result
from support.in_process import run_here

APP = "apps/drivers"


@dataclass(frozen=True, slots=True)
class Application:
    """The demo, in `apps/drivers` of a repository: three pools and their lock."""

    root: Path
    path: str = APP
    """The path by which Argo CD knows it; links may lead from there to the folder."""

    def at(self, path: str) -> "Application":
        """Return the same application under another path."""
        return replace(self, path=path)

    @property
    def folder(self) -> Path:
        """The application's folder."""
        return self.root / APP

    @property
    def environment(self) -> dict[str, str]:
        """What Argo CD 3.2 adds for an application of this folder, with a destination like the config's."""
        return {
            "ARGOCD_APP_NAME": "drivers",
            "ARGOCD_APP_NAMESPACE": "nvidia-network-operator",
            "ARGOCD_APP_PROJECT_NAME": "default",
            "ARGOCD_APP_REVISION": "0" * 40,
            "ARGOCD_APP_SOURCE_PATH": self.path,
            "ARGOCD_APP_SOURCE_REPO_URL": "https://git.example/fleet.git",
            "ARGOCD_APP_SOURCE_TARGET_REVISION": "main",
            "ARGOCD_APP_PARAMETERS": "null",
            "KUBE_VERSION": "1.33",
            "KUBE_API_VERSIONS": "v1,apps/v1,apps/v1/DaemonSet,rbac.authorization.k8s.io/v1",
        }

    def generate(
        self,
        *args: str,
        env: Mapping[str, str] = MappingProxyType({}),
        connect: Connect | None = None,
        **parameters: Any,
    ) -> Result:
        """Call `argocd generate` with parameters, strings or lists of them."""
        given = {"ARGOCD_APP_PARAMETERS": spell(parameters)} if parameters else {}
        environment = {**self.environment, **given, **env}
        return run_here("argocd", "generate", *args, cwd=self.folder, env=environment, connect=connect)

    def change(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file of the application, which must be in it."""
        file = self.folder / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))


def spell(parameters: Mapping[str, Any]) -> str:
    """Return `ARGOCD_APP_PARAMETERS` for these values."""
    kinds = {"str": "string", "list": "array", "dict": "map"}
    return json.dumps(
        [{"name": name, kinds[type(value).__name__]: value} for name, value in parameters.items()]
    )


def make_application(root: Path) -> Application:
    """Make the repository."""
    application = Application(root)
    shutil.copytree(ROOT / "fixtures" / "demo", application.folder)
    return application
