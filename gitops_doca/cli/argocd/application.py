"""The environment that Argo CD gives a plugin to an invocation."""

import os
from collections.abc import Mapping
from pathlib import PurePath

from gitops_doca.cli.argocd.parameters import read_parameters
from gitops_doca.cli.settings.environment import LIVE
from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.registries import RegistryFlags
from gitops_doca.cli.settings.run_config import Resolve, RunConfig, lock_command, merge_settings
from gitops_doca.cli.settings.untrusted_limits import UntrustedLimits
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Problems
from gitops_doca.core.names import is_dns_label
from gitops_doca.sources.config import CONFIG_FILE, POLICIES, Setting, Settings, read_config
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.lock import LOCK_FILE

# Parameter to setting of the config.
_SETTINGS = {
    "policy": "policies",
    "inventory": "inventory",
    "lock": "lock",
    "namespace": "namespace",
    "pinDigests": "pinDigests",
    "openshift": "openshift",
}
# Groups that OpenShift itself serves. Others under its domain come with operators that run elsewhere too, as
# sriovnetwork.openshift.io does.
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
# No more is known of where the repository begins.
_UNKNOWN = "the application's folder (ARGOCD_APP_SOURCE_PATH does not lead to it)"
_FOREIGN = ("ARGOCD_", "PARAM_", "KUBE_VERSION", "KUBE_API_VERSIONS")


def operators_part(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the side car's own environment, without what Argo CD adds: an application chooses that."""
    return {name: value for name, value in environ.items() if not name.startswith(_FOREIGN)}


def find_boundary(environ: Mapping[str, str]) -> FileRoot:
    """Return the repository around the working directory, which is the application's folder in it.

    That is what is left of it without `ARGOCD_APP_SOURCE_PATH`. Where that is not its end, a link may lead
    from there to the working directory, which has the path of the folder itself: then it is the nearest
    folder above in which the link stays. Else there is no more than the working directory.
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
    # The nearest, so that whoever wrote the repository cannot choose one around it; never the system's root.
    for root in (folder, *folder.parents)[:-1]:
        if FileRoot(str(root)).leads_to(below, here):
            return FileRoot(str(root), folder.relative_to(root).parts)
    return FileRoot(str(folder), called=_UNKNOWN)


def read_application(
    environ: Mapping[str, str],
    registry: RegistryFlags,
    told: Mapping[str, Setting],
    untrusted: UntrustedLimits,
    problems: Problems,
) -> RunConfig:
    """Merge parameters, config file and defaults; reports what is not there or not usable.

    `registry` and `told` are the operator's settings, and whatever else `environ` holds leaves them alone.
    """
    file_root = untrusted.file_root
    parameters = read_parameters(environ.get("ARGOCD_APP_PARAMETERS", ""), problems)
    given = {_SETTINGS[name]: setting for name, setting in parameters.items() if name in _SETTINGS}
    config = parameters.get("config", Setting(CONFIG_FILE, "default"))
    resolve = parameters.get("resolve", Setting(Resolve.AUTO, "default"))
    live = _live(untrusted)
    file = _config_file(config, {**live, **given}, file_root, problems)
    ways = {"policies": "the parameter policy", "inventory": "the parameter inventory"}
    settings = merge_settings(
        [given, read_config(file, problems, file_root) if file else {}, live], ways, problems
    )
    if not problems.errors:
        _check_namespace(settings, environ.get("ARGOCD_APP_NAMESPACE", ""), problems)
    return RunConfig(
        settings=settings,
        registry=registry,
        told={"config": config, "resolve": Setting(resolve.value.value, resolve.origin), **told},
        resolve=resolve.value,
        lock_file=settings["lock"].value or os.path.join(os.path.dirname(file), LOCK_FILE),  # noqa: PTH118, PTH120 (paths as written)
        fix_command=_mend(parameters, settings["inventory"].value, file_root),
        untrusted=untrusted,
        openshift=_has_openshift(environ.get("KUBE_API_VERSIONS", "")),
    )


def _config_file(
    config: Setting, given: Mapping[str, Setting], file_root: FileRoot, problems: Problems
) -> str:
    file = str(config.value)
    if config.origin != "default" or file_root.has(file):
        return file
    if not {"policies", "inventory"} <= given.keys():
        where = "/".join(file_root.start) or "the root of the repository"
        problems.error(
            f"there is no {CONFIG_FILE} in {where}",
            remedy="commit one, or name it with the parameter config",
        )
    return ""


def _live(untrusted: UntrustedLimits) -> dict[str, Setting]:
    """Return the cluster around the side car, for applications without an inventory, if it is turned on."""
    word = untrusted.environ.get(LIVE, "")
    if word not in {"", "true", "false"}:
        message = f"{LIVE} in the side car's environment is wrong: it is neither true nor false"
        raise GenerationError((Diagnostic(category=Category.USAGE, message=message),))
    if word != "true":
        return {}
    cluster = LiveInventory(deadline=untrusted.seconds_for_lookups, environ=untrusted.environ)
    return {"inventory": Setting(cluster, LIVE)}


def _check_namespace(settings: Settings, destination: str, problems: Problems) -> None:
    """Report a destination that the repository does not name: what is synced is what a review showed."""
    namespace = settings["namespace"]
    rendered = settings["emit"].value != POLICIES
    if not rendered or namespace.origin != "default" or destination in {"", namespace.value}:
        return
    name = destination if is_dns_label(destination) else "NAME"
    problems.error(
        f"the application's destination is the namespace {name}, and {CONFIG_FILE} sets none, which means "
        f"{namespace.value}",
        remedy=f"write namespace: {name} (or {namespace.value}) under spec in {CONFIG_FILE}",
    )


def _mend(parameters: Mapping[str, Setting], inventory: object, file_root: FileRoot) -> str:
    """Return the command that writes the lock, from the root of a checkout."""
    live = inventory if isinstance(inventory, LiveInventory) else None

    def files(name: str) -> list[str]:
        value = parameters[name].value if name in parameters else ()
        paths = (value,) if isinstance(value, str) else value
        return [os.path.normpath(os.path.join(*file_root.start, path)) for path in paths]  # noqa: PTH118 (text)

    target = files("config") or ["/".join(file_root.start)]
    return lock_command(
        target[0] or None, files("policy"), files("inventory"), next(iter(files("lock")), None), live
    )


def _has_openshift(api_versions: str) -> bool | None:
    """Say whether the API of the destination is OpenShift's; None when Argo CD told too little of it."""
    known = api_versions.split(",")
    if any(version.partition("/")[0] in _OPENSHIFT for version in known):
        return True
    return False if _EVERYWHERE in known else None
