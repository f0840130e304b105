"""What every entry point makes of its input: settings, how to ask registries, where the lock is."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.registries import RegistryFlags, make_resolver
from gitops_doca.cli.settings.untrusted_limits import UntrustedLimits
from gitops_doca.core.compare.lock import ImageLock
from gitops_doca.core.compare.locked_tags import LockedTags
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.resolve.lookup import TagSource
from gitops_doca.sources.config import CONFIG_FILE, POLICIES, Setting, Settings, effective
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.files import display_name, has_file
from gitops_doca.sources.lock import read_lock
from gitops_doca.usecases.generate import Generation, generate
from gitops_doca.usecases.look_up import RegistryTags

if TYPE_CHECKING:
    from gitops_doca.registry.resolver import RegistryResolver


class Resolve(Enum):
    """Where the answers about tags are to come from."""

    AUTO = "auto"
    """A lock beside the config when it is there, else the registries."""
    LOCKED = "locked"
    ONLINE = "online"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """One call that works on inputs, whoever made it."""

    settings: Settings
    registry: RegistryFlags
    told: Mapping[str, Setting]
    """How registries are asked, by flag, with who set it: for `--explain-config`."""
    resolve: Resolve
    lock_file: str
    """Where the lock is, or would be."""
    fix_command: str
    """The command that writes that lock."""
    untrusted: UntrustedLimits | None = None
    """What strangers' inputs are held to; None for those of whoever runs this."""
    revision: FileRoot | None = None
    """The files of a revision, when the inputs are among them and not in the work tree."""
    openshift: bool | None = None
    """Whether the cluster that the output is for has OpenShift's APIs; None: nobody said."""

    @property
    def live(self) -> LiveInventory | None:
        """The live cluster that takes the place of inventory files, if one does."""
        source = self.settings["inventory"].value
        return source if isinstance(source, LiveInventory) else None

    @property
    def renders(self) -> bool:
        """Whether manifests are rendered, and not left to the operator."""
        return bool(self.settings["emit"].value != POLICIES)

    @property
    def file_root(self) -> FileRoot | None:
        """The folder that no input may lie outside of, if there is one."""
        return self.untrusted.file_root if self.untrusted else self.revision


def lock_command(
    target: str | None,
    policies: Iterable[str],
    inventory: Iterable[str],
    lock: str | None,
    live: LiveInventory | None = None,
) -> str:
    """Return the command that writes the lock of these inputs."""
    words = ["gitops-doca", "lock"]
    if target is not None:
        words.append(target)
    for flag, files in (("-p", policies), ("-i", inventory)):
        words += [word for file in files for word in (flag, file)]
    words += live.flags if live else ()
    if lock:
        words += ["--lock", lock]
    return shlex.join(words)


def generate_for(run_config: RunConfig, problems: Problems) -> Generation:
    """Run all stages for an invocation; raises as `pipeline.generate` does."""
    return generate(
        run_config.settings,
        choose_source(run_config, problems),
        problems,
        file_root=run_config.file_root,
        openshift=run_config.openshift,
    )


def merge_settings(
    layers: Iterable[Mapping[str, Setting]], ways: Mapping[str, str], problems: Problems
) -> Settings:
    """Merge layers, the first that sets a setting wins; reports what none of them may leave out.

    `ways` says for `policies` and `inventory` how else than in the config to name them; empty: in no other.
    """
    readable = not problems.errors
    merged = effective(layers)
    for name, way in ways.items():
        if readable and not merged[name].value:
            other = f"with {way}, or " if way else ""
            problems.error(
                f"no {name} given", remedy=f"name a file {other}under spec.{name} in {CONFIG_FILE}"
            )
    return merged


def asks_registries(run_config: RunConfig) -> bool:
    """Say whether answers come from the registries, and not from a lock."""
    if run_config.resolve is not Resolve.AUTO:
        return run_config.resolve is Resolve.ONLINE
    named = bool(run_config.settings["lock"].value)
    return not named and not has_file(run_config.lock_file, run_config.file_root)


def choose_source(run_config: RunConfig, problems: Problems) -> TagSource:
    """Choose between lock and registries as `find_source` does; reports a lock of another rendering."""
    source = find_source(run_config, problems)
    if run_config.renders:
        source.check_rendering(problems, strict=run_config.settings["strict"].value)
    return source


def find_source(run_config: RunConfig, problems: Problems) -> TagSource:
    """Choose between lock and registries.

    A lock beside the config is used when it is there; one that config or flag names must be there.
    After a problem was reported the source is not used: the run stops before it is asked.
    """
    if asks_registries(run_config):
        return RegistryTags(lambda: _make_resolver(run_config, problems))
    lock = (
        read_lock(run_config.lock_file, run_config.fix_command, problems, run_config.file_root) or ImageLock()
    )
    place = Place(display_name(run_config.lock_file, run_config.file_root))
    return LockedTags(lock=lock, place=place, fix_command=run_config.fix_command)


def _make_resolver(run_config: RunConfig, problems: Problems) -> "RegistryResolver":
    return make_resolver(
        run_config.registry,
        problems,
        run_config.untrusted,
        # Strangers wrote the policies, and would choose the Secrets.
        live=None if run_config.untrusted else run_config.live,
        verify_digests=run_config.settings["pinDigests"].value,
    )
