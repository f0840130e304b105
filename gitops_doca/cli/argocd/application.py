"""Make the `RunConfig` of an Argo CD application from the plugin's environment."""

import os
from collections.abc import Mapping
from pathlib import PurePath

from gitops_doca.cli.argocd.parameters import Parameters, read_parameters
from gitops_doca.cli.settings.environment import LIVE
from gitops_doca.cli.settings.flags import RegistryFlags
from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.registries import Connect
from gitops_doca.cli.settings.run_config import Explained, Resolve, RunConfig, lock_command, merge_settings
from gitops_doca.cli.settings.untrusted_limits import UntrustedLimits
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Problems
from gitops_doca.core.names import is_dns_label
from gitops_doca.sources.config import CONFIG_FILE, DEFAULT, Settings, read_config
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.lock import LOCK_FILE

# Groups that OpenShift itself serves. Others under its domain come with operators that run
# elsewhere too, as sriovnetwork.openshift.io does.
_OPENSHIFT = frozenset(
    f"{name}.openshift.io"
    for name in (
        "apps",
        "build",
        "config",
        "image",
        "oauth",
        "operator",
        "project",
        "route",
        "security",
        "user",
    )
)
_EVERYWHERE = "apps/v1"
# The root of the repository is not known.
_UNKNOWN = "the application's folder (ARGOCD_APP_SOURCE_PATH does not lead to it)"
_FOREIGN = ("ARGOCD_", "PARAM_", "KUBE_VERSION", "KUBE_API_VERSIONS")


def operator_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the sidecar's own environment, without the variables that an application can choose."""
    return {name: value for name, value in environ.items() if not name.startswith(_FOREIGN)}


def find_file_root(environ: Mapping[str, str]) -> FileRoot:
    """Return the repository around the working directory, which is the application's folder in it.

    It is the path of the working directory without `ARGOCD_APP_SOURCE_PATH` at its end. A link may
    lead from that path to the working directory, which then has another path: the repository is the
    nearest folder above in which the link stays. Otherwise only the working directory is known.
    """
    folder = os.getcwd()  # noqa: PTH109 (text, compared with text)
    below = PurePath(os.path.normpath(environ.get("ARGOCD_APP_SOURCE_PATH") or "."))
    if not below.parts:
        return FileRoot(folder)
    if below.is_absolute() or ".." in below.parts:
        return FileRoot(folder, called=_UNKNOWN)
    root = folder.removesuffix(f"/{below}")
    if root not in {folder, ""}:
        return FileRoot(root, below.parts)
    return _find_linked(PurePath(folder), str(below))


def _find_linked(folder: PurePath, below: str) -> FileRoot:
    here = os.stat(".")  # noqa: PTH116 (start-up counts)
    # The nearest, so that a repository cannot choose a folder around it; never the system's root.
    for root in (folder, *folder.parents)[:-1]:
        if FileRoot(str(root)).leads_to(below, here):
            return FileRoot(str(root), folder.relative_to(root).parts)
    return FileRoot(str(folder), called=_UNKNOWN)


def read_application(
    environ: Mapping[str, str],
    registry: RegistryFlags,
    connect: Connect,
    untrusted: UntrustedLimits,
    problems: Problems,
) -> RunConfig:
    """Merge parameters, config file and defaults; report what is missing or unusable.

    `registry` has the settings of the sidecar's own environment, not those of the application.
    """
    file_root = untrusted.file_root
    parameters = read_parameters(environ.get("ARGOCD_APP_PARAMETERS", ""), problems)
    given, live = parameters.settings, _live(untrusted)
    file = _config_file(parameters, file_root, problems, live=live is not None)
    config = read_config(file, problems, file_root) if file else Settings()
    if "inventory" in {*given.origins, *config.origins}:
        live = None
    needed = {
        "policies": "the parameter policy",
        **({} if live else {"inventory": "the parameter inventory"}),
    }
    settings = merge_settings([given, config], needed, problems)
    if not problems.errors:
        _check_namespace(settings, environ.get("ARGOCD_APP_NAMESPACE", ""), problems)
    return RunConfig(
        settings=settings,
        registry=registry,
        connect=connect,
        live=live,
        explained=_explained(parameters),
        resolve=parameters.resolve or Resolve.AUTO,
        lock_file=settings.lock or os.path.join(os.path.dirname(file), LOCK_FILE),  # noqa: PTH118, PTH120 (paths as written)
        fix_command=_fix_command(parameters, live, file_root),
        untrusted=untrusted,
        openshift=_has_openshift(environ.get("KUBE_API_VERSIONS", "")),
    )


def _explained(parameters: Parameters) -> dict[str, Explained]:
    config, resolve = parameters.config, parameters.resolve
    return {
        "config": Explained(value=config or CONFIG_FILE, origin="parameter config" if config else DEFAULT),
        "resolve": Explained(
            value=(resolve or Resolve.AUTO).value, origin="parameter resolve" if resolve else DEFAULT
        ),
    }


def _config_file(parameters: Parameters, file_root: FileRoot, problems: Problems, *, live: bool) -> str:
    if parameters.config:
        return parameters.config
    if file_root.has(CONFIG_FILE):
        return CONFIG_FILE
    needed = {"policies"} if live else {"policies", "inventory"}
    if not needed <= parameters.settings.origins.keys():
        where = "/".join(file_root.start) or "the root of the repository"
        problems.error(
            f"there is no {CONFIG_FILE} in {where}",
            help="commit one, or name it with the parameter config",
        )
    return ""


def _live(untrusted: UntrustedLimits) -> LiveInventory | None:
    """Return the sidecar's own cluster, if GITOPS_DOCA_LIVE is set."""
    word = untrusted.environ.get(LIVE, "")
    if word not in {"", "true", "false"}:
        message = f"{LIVE} in the sidecar's environment is wrong: it is neither true nor false"
        raise GenerationError((Diagnostic(category=Category.USAGE, message=message),))
    if word != "true":
        return None
    return LiveInventory(deadline=untrusted.seconds_for_lookups, environ=untrusted.environ)


def _check_namespace(settings: Settings, destination: str, problems: Problems) -> None:
    """Report a destination namespace that differs from the config: reviews show the config's."""
    namespace = settings.namespace
    if settings.emits_policies or "namespace" in settings.origins or destination in {"", namespace}:
        return
    name = destination if is_dns_label(destination) else "NAME"
    problems.error(
        f"the application's destination is the namespace {name}, and {CONFIG_FILE} sets none, which means "
        f"{namespace}",
        help=f"write namespace: {name} (or {namespace}) under spec in {CONFIG_FILE}",
    )


def _fix_command(parameters: Parameters, live: LiveInventory | None, file_root: FileRoot) -> str:
    """Return the command that writes the lock, from the root of a checkout."""
    given = parameters.settings

    def paths(*files: str) -> list[str]:
        return [os.path.normpath(os.path.join(*file_root.start, file)) for file in files]  # noqa: PTH118 (text)

    target = paths(parameters.config)[0] if parameters.config else "/".join(file_root.start)
    policies = [file for file in given.policies if isinstance(file, str)]
    lock = paths(given.lock)[0] if given.lock else None
    return lock_command(target or None, paths(*policies), paths(*given.inventory), lock, live)


def _has_openshift(api_versions: str) -> bool | None:
    """Say whether the destination serves OpenShift's APIs; None when Argo CD does not say."""
    known = api_versions.split(",")
    if any(version.partition("/")[0] in _OPENSHIFT for version in known):
        return True
    return False if _EVERYWHERE in known else None
