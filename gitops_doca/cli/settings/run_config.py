"""The configuration of one run: its settings, registries and lock."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING

from gitops_doca.cli.settings.flags import RegistryFlags
from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.registries import Connect, make_resolver
from gitops_doca.core.compare.lock import ImageLock
from gitops_doca.core.compare.locked_tags import LockedTags
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.resolve.lookup import Inspector, TagSource
from gitops_doca.sources.config import CONFIG_FILE, Settings, merge
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.files import display_name, has_file
from gitops_doca.sources.lock import read_lock
from gitops_doca.usecases.generate import Generation, generate
from gitops_doca.usecases.load import Inputs, load
from gitops_doca.usecases.look_up import RegistryTags

if TYPE_CHECKING:
    from gitops_doca.cli.settings.untrusted_limits import UntrustedLimits


class Resolve(Enum):
    """Where the answers about tags come from."""

    AUTO = "auto"
    """The lock beside the config if there is one, else the registries."""
    LOCKED = "locked"
    ONLINE = "online"


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A value, and who set it, for `--explain-config`."""

    value: object
    origin: str


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The inputs and settings of one run; each entry point makes it from its own arguments."""

    settings: Settings
    registry: RegistryFlags
    connect: Connect
    live: LiveInventory | None = None
    """The live cluster that takes the place of inventory files, if one does."""
    explained: Mapping[str, Explained] = field(default_factory=dict)
    """The settings of this entry point alone, for `--explain-config`."""
    resolve: Resolve
    lock_file: str
    """Where the lock is, or would be."""
    fix_command: str
    """The command that writes that lock."""
    untrusted: "UntrustedLimits | None" = None
    """Limits for inputs that are not trusted; None for the user's own."""
    revision: FileRoot | None = None
    """The files of a revision, if the inputs are read from there and not from the work tree."""
    openshift: bool | None = None
    """Whether the target cluster serves OpenShift's APIs; None: unknown."""

    @property
    def renders(self) -> bool:
        """Whether DaemonSets are rendered, rather than made by the operator."""
        return not self.settings.emits_policies

    @property
    def file_root(self) -> FileRoot | None:
        """The folder that must contain all inputs, if there is one."""
        return self.untrusted.file_root if self.untrusted else self.revision


def lock_command(
    target: str | None,
    policies: Iterable[str],
    inventory: Iterable[str],
    lock: str | None,
    live: LiveInventory | None = None,
    registry: Iterable[str] = (),
) -> str:
    """Return the command that writes the lock of these inputs; `registry` has its flags about registries."""
    words = ["gitops-doca", "lock"]
    if target is not None:
        words.append(target)
    return shlex.join([*words, *input_words(policies, inventory, lock, live), *registry])


def input_words(
    policies: Iterable[str], inventory: Iterable[str], lock: str | None, live: LiveInventory | None
) -> tuple[str, ...]:
    """Return the flags that name inputs and lock."""
    files = (("-p", policies), ("-i", inventory))
    named = (word for flag, some in files for file in some for word in (flag, file))
    return (*named, *(live.flags if live else ()), *(("--lock", lock) if lock else ()))


def generate_for(run_config: RunConfig, problems: Problems) -> Generation:
    """Run all stages; raises as `generate` does."""
    return generate(
        run_config.settings,
        choose_source(run_config, problems),
        problems,
        nodes=run_config.live,
        file_root=run_config.file_root,
        openshift=run_config.openshift,
    )


def load_for(run_config: RunConfig, problems: Problems) -> Inputs:
    """Read the inputs; raises as `load` does."""
    return load(
        run_config.settings,
        problems,
        nodes=run_config.live,
        file_root=run_config.file_root,
        openshift=run_config.openshift,
    )


def merge_settings(sources: Iterable[Settings], ways: Mapping[str, str], problems: Problems) -> Settings:
    """Merge sources: the first that has a setting wins; reports inputs that none of them names.

    `ways` has the required inputs, each with the other way to name it besides the config, or "".
    """
    readable = not problems.errors
    merged = merge(sources)
    for name, way in ways.items():
        if readable and not getattr(merged, name):
            other = f"with {way}, or " if way else ""
            problems.error(f"no {name} given", help=f"name a file {other}under spec.{name} in {CONFIG_FILE}")
    return merged


def asks_registries(run_config: RunConfig) -> bool:
    """Say whether answers come from the registries rather than from a lock."""
    if run_config.resolve is not Resolve.AUTO:
        return run_config.resolve is Resolve.ONLINE
    return not run_config.settings.lock and not has_file(run_config.lock_file, run_config.file_root)


def choose_source(
    run_config: RunConfig, problems: Problems, registries: Inspector | None = None
) -> TagSource:
    """Choose as `find_source` does; reports a lock of another rendering."""
    source = find_source(run_config, problems, registries)
    if run_config.renders:
        source.check_rendering(problems, strict=run_config.settings.strict)
    return source


def find_source(run_config: RunConfig, problems: Problems, registries: Inspector | None = None) -> TagSource:
    """Choose between lock and registries; `registries` is a client that exists already.

    A lock beside the config is used if it exists; one that a config or flag names must exist. If an
    error was reported, the run stops before it uses the source.
    """
    if asks_registries(run_config):
        return RegistryTags(lambda: registries or _make_resolver(run_config, problems))
    return locked_tags(run_config, read_locked(run_config, problems))


def locked_tags(run_config: RunConfig, lock: ImageLock) -> LockedTags:
    """Return the source that answers from the lock of a run."""
    place = Place(display_name(run_config.lock_file, run_config.file_root))
    return LockedTags(lock=lock, place=place, fix_command=run_config.fix_command)


def read_locked(run_config: RunConfig, problems: Problems) -> ImageLock:
    """Return the lock of a run, an empty one if the registries are asked; reports an unusable one."""
    if asks_registries(run_config):
        return ImageLock()
    file, command = run_config.lock_file, run_config.fix_command
    return read_lock(file, command, problems, run_config.file_root) or ImageLock()


def _make_resolver(run_config: RunConfig, problems: Problems) -> Inspector:
    return make_resolver(
        run_config.connect,
        run_config.registry,
        problems,
        run_config.untrusted,
        # Untrusted policies would choose the Secrets.
        live=None if run_config.untrusted else run_config.live,
        verify_digests=run_config.settings.pin_digests,
    )
