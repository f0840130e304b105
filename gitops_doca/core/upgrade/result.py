"""The result of planning an upgrade, for all clusters of a run."""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import Policy
from gitops_doca.core.reference import Repository
from gitops_doca.core.upgrade.edits import ClusterPlan
from gitops_doca.core.upgrade.finish import Finish
from gitops_doca.core.upgrade.published import Published
from gitops_doca.core.upgrade.targets import Target
from gitops_doca.core.upgrade.ways import Way

KIND = "DriverUpgrade"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A policy that stays as it is."""

    cluster: str
    policy: Policy
    why: str


class Outcome(Enum):
    """Whether every pool has a way to the version."""

    POSSIBLE = "possible"
    NOT_POSSIBLE = "not possible"
    UNKNOWN = "unknown"
    """A registry gave no answer, and of no pool it is known that there is no way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """What each pool needs for a driver version."""

    target: Target | None
    """None when there is no version, or the tag lists gave no answer."""
    asked: str = ""
    """The version that the user asks for."""
    without_target: Outcome = Outcome.NOT_POSSIBLE
    """The outcome when there is no target: possible when no pool has a policy that names a version,
    unknown when the tag lists gave no answer."""
    newer: tuple[Target, ...] = ()
    """Newer versions, which do not serve all pools; newest first."""
    older: tuple[Target, ...] = ()
    """Older versions that serve all pools too, newest first."""
    passed_over: tuple[PassedOver, ...] = ()
    plans: Mapping[str, ClusterPlan] = field(default_factory=dict)
    """What the inputs of each cluster have to say, by its name in documents."""
    published: Mapping[Repository, Published] = field(default_factory=dict)
    """What the tag lists have."""

    @property
    def outcome(self) -> Outcome:
        """Whether every pool has a way."""
        if self.target is None:
            return self.without_target
        if not self.target.blocked:
            return Outcome.POSSIBLE
        is_unknown = all(way.is_unknown for way in self.target.blocked)
        return Outcome.UNKNOWN if is_unknown else Outcome.NOT_POSSIBLE

    @property
    def is_possible(self) -> bool:
        """Whether every pool is known to have a way."""
        return self.outcome is Outcome.POSSIBLE

    def kept_version(self, way: Way) -> str:
        """Return the version that a pool keeps as a fallback version, and would else compile the new one.

        It is empty for a pool that gets what its way says.
        """
        name = way.running.pool.policy.cluster
        plans = [plan for label, plan in self.plans.items() if not name or label == name]
        version = way.running.version
        return version if way.gives_up and any(version in plan.fallbacks for plan in plans) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputEdit:
    """A change of an input file."""

    file: str
    line: int
    """The line before the change, counted from 1."""
    old: str
    """Empty for added lines."""
    new: str
    """Empty for removed lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeReport:
    """The result of a run of `gitops-doca upgrade`."""

    upgrade: Upgrade | None = None
    """None with `--finish`, and when the inputs could not be read."""
    finishes: Mapping[str, Finish] = field(default_factory=dict)
    """What can be removed from the config of each cluster, by its name in documents."""
    edits: tuple[InputEdit, ...] = ()
    """The changes of the inputs, made or to be made."""
    is_written: bool = False
    """Whether they were made."""
    refused: tuple[str, ...] = ()
    """Why the changes are not made: what they would give that the upgrade does not say."""
    by_hand: tuple[str, ...] = ()
    """What has to be written by hand."""
    commands: tuple[str, ...] = ()
    """The next commands."""
