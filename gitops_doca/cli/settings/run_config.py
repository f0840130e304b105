"""What every entry point makes of its input: settings, how to ask registries, where the lock is."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.registries import RegistryFlags, make_resolver
from gitops_doca.cli.settings.untrusted_limits import Confinement
from gitops_doca.core.compare.lock import ImageLock, check_rendering
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.sources.config import CONFIG_FILE, POLICIES, Setting, Settings, effective
from gitops_doca.sources.file_root import Boundary
from gitops_doca.sources.files import has_file
from gitops_doca.sources.lock import read_lock
from gitops_doca.usecases.generate import Answers, Generation, Locked, Online, generate

if TYPE_CHECKING:
    from gitops_doca.registry.resolver import RegistryResolver


class Resolve(Enum):
    """Where the answers about tags are to come from."""

    AUTO = "auto"
    """A lock beside the config when it is there, else the registries."""
    LOCKED = "locked"
    ONLINE = "online"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call that works on inputs, whoever made it."""

    settings: Settings
    registry: RegistryFlags
    told: Mapping[str, Setting]
    """How registries are asked, by flag, with who set it: for `--explain-config`."""
    resolve: Resolve
    lock_file: str
    """Where the lock is, or would be."""
    mend: str
    """The command that writes that lock."""
    confinement: Confinement | None = None
    """What strangers' inputs are held to; None for those of whoever runs this."""
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
    def boundary(self) -> Boundary | None:
        """The folder that no input may lie outside of, if there is one."""
        return self.confinement.boundary if self.confinement else None


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


def produce(invocation: Invocation, problems: Problems) -> Generation:
    """Run all stages for an invocation; raises as `pipeline.generate` does."""
    return generate(
        invocation.settings,
        choose_answers(invocation, problems),
        problems,
        boundary=invocation.boundary,
        openshift=invocation.openshift,
    )


def settle(layers: Iterable[Mapping[str, Setting]], ways: Mapping[str, str], problems: Problems) -> Settings:
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


def asks_registries(invocation: Invocation) -> bool:
    """Say whether answers come from the registries, and not from a lock."""
    if invocation.resolve is not Resolve.AUTO:
        return invocation.resolve is Resolve.ONLINE
    named = bool(invocation.settings["lock"].value)
    return not named and not has_file(invocation.lock_file, invocation.boundary)


def choose_answers(invocation: Invocation, problems: Problems) -> Answers:
    """Choose between lock and registries as `find_answers` does; reports a lock of another rendering."""
    answers = find_answers(invocation, problems)
    if isinstance(answers, Locked) and invocation.renders:
        strict = invocation.settings["strict"].value
        check_rendering(answers.lock, answers.place, answers.mend, problems, strict=strict)
    return answers


def find_answers(invocation: Invocation, problems: Problems) -> Answers:
    """Choose between lock and registries.

    A lock beside the config is used when it is there; one that config or flag names must be there.
    With a problem reported the answers are of no use: the pipeline stops before it wants them.
    """
    if asks_registries(invocation):
        return Online(resolver=lambda: _make_resolver(invocation, problems))
    lock = read_lock(invocation.lock_file, invocation.mend, problems, invocation.boundary) or ImageLock()
    return Locked(lock=lock, place=Place(invocation.lock_file), mend=invocation.mend)


def _make_resolver(invocation: Invocation, problems: Problems) -> "RegistryResolver":
    return make_resolver(
        invocation.registry,
        problems,
        invocation.confinement,
        # Strangers wrote the policies, and would choose the Secrets.
        live=None if invocation.confinement else invocation.live,
        verify_digests=invocation.settings["pinDigests"].value,
    )
