"""Change policies and configs for another driver version, and check the result."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path as File

from gitops_doca.core.compare.lock import LockedPool, locked_pool
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.fleet import with_cluster
from gitops_doca.core.model import Policy
from gitops_doca.core.reference import Repository
from gitops_doca.core.resolve.companions import companion_images, judge_companions, report_companions
from gitops_doca.core.resolve.decide import (
    Decision,
    NoImage,
    UsePrecompiled,
    is_unknown,
    report_unknown,
)
from gitops_doca.core.resolve.lookup import TagSource
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.core.upgrade.edits import (
    MOST_FALLBACKS,
    ClusterPlan,
    ListedImages,
    config_by_hand,
    plan_entry,
    version_by_hand,
)
from gitops_doca.core.upgrade.published import Published
from gitops_doca.core.upgrade.result import InputEdit
from gitops_doca.core.upgrade.running import is_of
from gitops_doca.sources.config import FIELDS, Settings, read_config_text
from gitops_doca.sources.editing.changes import (
    AddKey,
    CannotEditError,
    Change,
    InsertItem,
    RemoveItem,
    SetValue,
    Value,
)
from gitops_doca.sources.editing.edit import edit
from gitops_doca.sources.editing.objects import find_object
from gitops_doca.sources.files import display_name, is_below
from gitops_doca.sources.policy import read_policy_text
from gitops_doca.sources.policy_document import DRIVER
from gitops_doca.sources.reading.document import Document, Path
from gitops_doca.usecases.generate import decide_pools
from gitops_doca.usecases.load import Inputs, KnownInventory, load
from gitops_doca.usecases.look_up import look_up
from gitops_doca.usecases.upgrade import UpgradeInputs

_MAX_BYTES = 16 << 20
"""Bytes of a file that can be changed: all of it is in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputsChange:
    """The inputs of a cluster, and what they should say."""

    cluster: UpgradeInputs
    config: str
    """The file of its config."""
    plan: ClusterPlan

    @property
    def is_empty(self) -> bool:
        """Whether the inputs say it already."""
        plan, today = self.plan, self.cluster.settings.fallback_versions
        return not (plan.versions or plan.added or plan.removed) and plan.fallbacks == today

    def by_hand(self) -> Iterator[tuple[str, str]]:
        """Yield all that has to be written by hand, each with the file for it."""
        policies = {pool.policy.key: pool.policy for pool in self.cluster.inputs.grouping.pools}
        for key, version in self.plan.versions.items():
            policy = policies[key]
            yield policy.driver.places["version"].file, version_by_hand(policy, version)
        today = self.cluster.settings.fallback_versions
        # The operator has no fallback versions.
        without = self.cluster.settings.emits_policies
        plan = replace(self.plan, fallbacks=today) if without else self.plan
        for line in config_by_hand(plan, today):
            yield self.config, line


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """A file with its new content, which is not written yet."""

    file: str
    """As its user names it."""
    real: str
    """The file itself, links resolved."""
    old: bytes
    data: bytes
    edits: tuple[InputEdit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A change that cannot be made in the text of a file."""

    place: Place
    reason: str
    by_hand: tuple[str, ...]
    """What to write there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The files that change, and the changes that cannot be made."""

    files: tuple[ChangedFile, ...]
    refusals: tuple[Refusal, ...]


def change_inputs(changes: Sequence[InputsChange]) -> Changed:
    """Make the changes in memory."""
    files = _Files()
    for change in changes:
        _change_policies(change, files)
        _change_config(change, files)
    return Changed(files=files.changed(), refusals=tuple(files.refusals))


def all_by_hand(changes: Sequence[InputsChange]) -> tuple[str, ...]:
    """Return all that has to be written by hand, each line with its file.

    It is empty where that would not do, since a config would have too many fallback versions.
    """
    if any(len(change.plan.fallbacks) > MOST_FALLBACKS for change in changes):
        return ()
    lines = (f"{display_name(file)}: {text}" for change in changes for file, text in change.by_hand())
    # A policy file may be that of several clusters.
    return tuple(dict.fromkeys(lines))


class _Files:
    """The files to change, and their changes."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self._names: dict[str, str] = {}
        self._data: dict[str, bytes] = {}
        self._changes: dict[str, list[tuple[Change, tuple[str, ...]]]] = defaultdict(list)

    def read(self, file: str) -> bytes:
        """Return the content of a file. Raises `CannotEditError`."""
        real = os.path.realpath(file)
        self._names.setdefault(real, file)
        if real not in self._data:
            try:
                # A pipe would have to be read again.
                if not File(real).is_file():
                    raise CannotEditError("it is not a regular file", 0)
                with File(real).open("rb") as stream:
                    self._data[real] = stream.read(_MAX_BYTES + 1)
            except (OSError, ValueError):
                raise CannotEditError("the file cannot be read", 0) from None
        if len(self._data[real]) > _MAX_BYTES:
            raise CannotEditError(f"the file is larger than {_MAX_BYTES >> 20} MiB", 0)
        return self._data[real]

    def add(self, file: str, change: Change, by_hand: tuple[str, ...]) -> None:
        """Keep a change, once also when several clusters want it."""
        changes = self._changes[os.path.realpath(file)]
        if (change, by_hand) not in changes:
            changes.append((change, by_hand))

    def refuse(self, place: Place, reason: str, by_hand: tuple[str, ...]) -> None:
        """Keep a change that cannot be made."""
        self.refusals.append(Refusal(place=place, reason=reason, by_hand=by_hand))

    def changed(self) -> tuple[ChangedFile, ...]:
        """Make all changes; those that cannot be made exactly are refused."""
        return tuple(filter(None, (self._change(real) for real in self._changes)))

    def _change(self, real: str) -> ChangedFile | None:
        file, changes = self._names[real], self._changes[real]
        try:
            edited = edit(self._data[real], [change for change, _ in changes])
        except CannotEditError as error:
            by_hand = tuple(dict.fromkeys(text for _, texts in changes for text in texts))
            self.refuse(Place(file, error.line), error.reason, by_hand)
            return None
        edits = (InputEdit(file=file, line=one.line, old=one.old, new=one.new) for one in edited.edits)
        return ChangedFile(file=file, real=real, old=self._data[real], data=edited.data, edits=tuple(edits))


def _change_policies(change: InputsChange, files: _Files) -> None:
    policies = {pool.policy.key: pool.policy for pool in change.cluster.inputs.grouping.pools}
    for key, version in change.plan.versions.items():
        policy = policies[key]
        place = policy.driver.places["version"]
        by_hand = (version_by_hand(policy, version),)
        if place.field.startswith("spec.policies"):
            files.refuse(place, "the policy is inline in the config", by_hand)
            continue
        try:
            line, path = find_object(files.read(place.file), policy.kind, policy.name)
        except CannotEditError as error:
            files.refuse(place, error.reason, by_hand)
            continue
        files.add(place.file, _new_version(policy, line, (*path, *DRIVER), version), by_hand)


def _new_version(policy: Policy, line: int, path: Path, version: str) -> Change:
    """Return the change of a driver's version; `global` is for other components too, and stays."""
    if policy.driver.has_own_version:
        return SetValue(line=line, path=(*path, "version"), value=version)
    return AddKey(line=line, path=path, key="version", value=version)


def _change_config(change: InputsChange, files: _Files) -> None:
    settings, plan = change.cluster.settings, change.plan
    by_hand = tuple(config_by_hand(plan, settings.fallback_versions))
    if len(plan.fallbacks) > MOST_FALLBACKS:
        files.refuse(
            Place(change.config, field="spec.fallbackVersions"),
            f"a config has at most {MOST_FALLBACKS} fallback versions, and {len(plan.fallbacks)} are needed",
            ("remove those that no pool runs (gitops-doca upgrade --finish --write)",),
        )
        return
    wanted = [*_list_changes(settings, plan)]
    if not wanted:
        return
    try:
        files.read(change.config)
    except CannotEditError as error:
        files.refuse(Place(change.config), error.reason, by_hand)
        return
    for one in wanted:
        files.add(change.config, one, by_hand)


def _list_changes(settings: Settings, plan: ClusterPlan) -> Iterator[Change]:
    yield from _changes_of("fallbackVersions", settings.fallback_versions, plan.fallbacks, settings)
    removed = [n for n, old in enumerate(settings.planned) if any(old is one for one in plan.removed)]
    kept = [n for n in range(len(settings.planned)) if n not in removed]
    old: list[Value] = list(map(str, range(len(settings.planned))))
    new: list[Value] = [*map(str, kept), *map(plan_entry, plan.added)]
    yield from _changes_of("planned", old, new, settings)


def _changes_of(key: str, old: Sequence[Value], new: Sequence[Value], settings: Settings) -> Iterator[Change]:
    """Yield the changes that make one list of `spec` another one."""
    if list(old) == list(new):
        return
    # The config is one document, and any of its lines names it.
    line, path = 1, ("spec", key)
    if FIELDS[key] not in settings.origins:
        yield AddKey(line=line, path=("spec",), key=key, value=tuple(new))
        return
    ids = [repr(one) for one in old], [repr(one) for one in new]
    for kind, start, end, first, last in SequenceMatcher(None, *ids, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        yield from (RemoveItem(line=line, path=path, index=number) for number in range(start, end))
        yield from (InsertItem(line=line, path=path, index=start, value=one) for one in new[first:last])


def warn_shared(changes: Sequence[InputsChange], changed: Iterable[ChangedFile], problems: Problems) -> None:
    """Warn of policy files that several clusters use, or that others may use."""
    folders = [os.path.realpath(os.path.dirname(change.config) or ".") for change in changes]  # noqa: PTH120
    for file in changed:
        users = [
            change.cluster.label for change in changes if file.real in _policy_files(change.cluster.settings)
        ]
        if len(users) > 1:
            problems.warn(
                f"{' and '.join(users)} use this policy file, so all of them move", Place(file.file)
            )
        if users and not any(is_below(file.real, folder) for folder in folders):
            problems.warn(
                "this policy file is outside of the given folders: other clusters that use it move too",
                Place(file.file),
                help="give all folders that use it, or give each cluster its own policy file",
            )


def _policy_files(settings: Settings) -> list[str]:
    return [os.path.realpath(source) for source in settings.policies if isinstance(source, str)]


def decide_again(
    change: InputsChange, changed: Iterable[ChangedFile], source: TagSource, problems: Problems
) -> tuple[Decision, ...]:
    """Return the decisions that the changed inputs give.

    Reports look-ups without an answer, and companions that pools of new plans lack. Raises
    `GenerationError` when the inputs cannot be used.
    """
    inputs, grouping = _load_changed(change, changed)
    added = {plan.platform for plan in change.plan.added}
    required = [one for one in inputs.companions if one.pool.plan and one.pool.platform in added]
    answers = look_up(grouping.pools, source, problems, companions=companion_images(required))
    report_companions(judge_companions(required, answers.companions), problems, strict=False)
    decisions = decide_pools(grouping, answers.lookups)
    report_unknown(decisions, problems)
    return decisions


def decide_by_lists(
    change: InputsChange, changed: Iterable[ChangedFile], published: Mapping[Repository, Published]
) -> tuple[Decision, ...]:
    """Return the decisions that the changed inputs give if the tag lists are right.

    Raises `GenerationError` when the inputs cannot be used.
    """
    _, grouping = _load_changed(change, changed)
    return decide_pools(grouping, ListedImages(published))


def _load_changed(change: InputsChange, changed: Iterable[ChangedFile]) -> tuple[Inputs, Grouping]:
    cluster = change.cluster
    # The warnings were reported when the inputs were read, and their lines are other ones now.
    loading = Problems()
    settings = _changed_settings(change, {file.real: file for file in changed}, loading)
    loading.raise_errors()
    inputs = load(settings, loading, nodes=KnownInventory(cluster.inputs.inventory))
    return inputs, with_cluster(inputs.grouping, cluster.name) if cluster.name else inputs.grouping


def _changed_settings(
    change: InputsChange, changed: Mapping[str, ChangedFile], problems: Problems
) -> Settings:
    """Return the settings that the changed files give; flags of the run stay."""
    settings = change.cluster.settings
    config = changed.get(os.path.realpath(change.config))
    if config:
        read = read_config_text(config.data, change.config, problems)
        settings = replace(settings, planned=read.planned, fallback_versions=read.fallback_versions)
    policies: list[str | Document] = []
    for policy in settings.policies:
        file = changed.get(os.path.realpath(policy)) if isinstance(policy, str) else None
        policies += read_policy_text(file.data, file.file, problems) if file else [policy]
    return replace(settings, policies=tuple(policies))


def report_broken(
    before: Mapping[LockedPool, str],
    decisions: Iterable[Decision],
    plan: ClusterPlan,
    driver: str,
    problems: Problems,
) -> None:
    """Report pools that would get another tag than they should, and plans without an image of the driver.

    Pools whose image is unknown were reported before. `before` has the tag that each pool should
    have; a pool whose kernel the driver has an image for may get that. `driver` is empty when no
    version changes.
    """
    added = {(one.platform, name) for one in plan.added for name in one.policies or ("",)}
    for decision in decisions:
        if is_unknown(decision):
            continue
        pool = decision.pool
        tag = "" if isinstance(decision, NoImage) else decision.image.tag
        of_driver = isinstance(decision, UsePrecompiled) and is_of(decision.version, driver)
        expected = before.get(locked_pool(pool))
        if expected is not None and tag != expected and not of_driver:
            problems.error(
                f"pool {pool.platform} of {pool.policy.name} would get {tag or 'no image'} "
                f"instead of {expected}",
                pool.policy.place,
                help="give each policy a config of its own, since fallback versions hold for all policies "
                "of a config, or change the inputs by hand",
            )
        is_new = pool.plan is not None and bool(
            {(pool.platform, ""), (pool.platform, pool.policy.name)} & added
        )
        if is_new and not of_driver:
            problems.error(
                f"the new pool {pool.platform} of {pool.policy.name} would have no image of {driver}",
                pool.policy.place,
                help="run again, or choose another version",
            )
        elif pool.plan and driver and isinstance(decision, NoImage):
            problems.error(
                f"the planned pool {pool.platform} of {pool.policy.name} would have no image",
                pool.policy.place,
                help="remove it from planned, or name other policies for it",
            )
