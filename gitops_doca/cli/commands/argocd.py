"""The commands `argocd generate` and `argocd parameters`, which plugin.yaml calls."""

import os
import sys

import click

from gitops_doca.cli.help import OUTPUT, Command, NamedInErrors, option, write_address
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError

_PAGE = "argocd"
_NEEDS_LINUX = Diagnostic(
    category=Category.USAGE,
    message="gitops-doca argocd generate needs Linux, where Argo CD runs its plugins",
    help="to see the same manifests here, run gitops-doca generate",
)


class _Group(NamedInErrors, click.Group):
    """A group whose help ends with the address of its page."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's interface)
        """Write the address."""
        write_address(formatter, _PAGE)


@click.group("argocd", cls=_Group)
def command() -> None:
    """Entry points for Argo CD, called by plugin.yaml."""


@command.command(
    "generate", cls=Command, examples=("cd clusters/a && gitops-doca argocd generate",), page=_PAGE
)
@option(OUTPUT, "--explain-config", is_flag=True, help="Print each setting and who set it, then stop.")
def generate(*, explain_config: bool) -> int:
    """Print the manifests of the application in this folder.

    Settings come from the application's parameters and from gitops-doca.yaml; those about
    registries from the variables GITOPS_DOCA_... of the sidecar alone.
    """
    if sys.platform != "linux":
        raise GenerationError((_NEEDS_LINUX,))
    from gitops_doca.cli.argocd.plugin_run import PluginRun
    from gitops_doca.cli.settings.registries import current_connect

    return PluginRun(dict(os.environ), current_connect()).generate(only_explain=explain_config)


@command.command("parameters", cls=Command, examples=("gitops-doca argocd parameters",), page=_PAGE)
def parameters() -> None:
    """Print the parameters that an application may have, as JSON."""
    from gitops_doca.cli.argocd.parameters import announce

    write_stdout(announce())
