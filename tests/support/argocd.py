"""Argo CD's servers as processes on this machine."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.require import require_program
from support.server_process import running


@dataclass(frozen=True, slots=True, kw_only=True)
class CmpServer:
    """A plugin's server that runs until its context ends, as it does in the sidecar of a plugin."""

    socket: Path
    """Where it speaks gRPC: the service `plugin.ConfigManagementPluginService`."""
    log: Path
    """What it logged so far, with the plugin's commands and what these wrote to stderr."""


@contextmanager
def cmp_server(folder: Path, plugin: str, *, env: Mapping[str, str] | None = None) -> Iterator[CmpServer]:
    """Run argocd-cmp-server with this `plugin.yaml`, whose commands run in the least environment and `env`.

    Its files stay below the folder, but for the socket: the path of a socket has 107 characters at most.
    """
    config, log = folder / "plugin", folder / "argocd-cmp-server.log"
    config.mkdir()
    (config / "plugin.yaml").write_text(plugin)
    program = linked("cmp-server", folder)
    with tempfile.TemporaryDirectory(prefix="cmp-") as sockets:
        of_server = {"ARGOCD_PLUGINSOCKFILEPATH": sockets, "ARGOCD_CMP_WORKDIR": str(folder / "work")}
        command = [str(program), f"--config-dir-path={config}"]
        found = Path(sockets).glob
        with running(command, log=log, ready=lambda: any(found("*.sock")), env=of_server | dict(env or {})):
            yield CmpServer(socket=next(found("*.sock")), log=log)


def linked(name: str, folder: Path) -> Path:
    """Link the one program as `argocd-NAME` into this folder, for its name tells it what to be."""
    link = folder / f"argocd-{name}"
    link.symlink_to(require_program("ARGOCD", "argocd 3.2.0"))
    return link
