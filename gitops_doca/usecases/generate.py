"""The order of the stages: inputs, pools, look-ups, decisions, resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from gitops_doca.core.compare.lock import ImageLock, LockResolver
from gitops_doca.core.compare.stale_lock import check_lock
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import Resource
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.render import pulled_images, render
from gitops_doca.core.resolve.decide import Decision, NoImage, decide, required_compile, required_precompiled
from gitops_doca.core.resolve.decide import report as report_decisions
from gitops_doca.core.resolve.lookup import Resolver, TagList, TagLookup, TagMissing, cross_check
from gitops_doca.core.resolve.operator import report_unlisted
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.sources.config import Settings
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.usecases.load import SPLIT, Inputs, check_count, load


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What a run found out and made."""

    inputs: Inputs
    decisions: tuple[Decision, ...]
    """One for each pool, in the order of the pools."""
    resources: tuple[Resource, ...]
    """In the order of emission; empty when a pool has no image."""
    images: tuple[str, ...]
    """All that the pods pull, sorted; of the pools that have an image also when others have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """Answers come from a lock, and nobody is asked."""

    lock: ImageLock
    place: Place
    fix_command: str
    """The command that writes the lock anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Online:
    """Answers come from the registries."""

    resolver: Callable[[], Resolver]
    """Called when the first look-up is needed."""


Answers = Locked | Online


def generate(
    settings: Settings,
    answers: Answers,
    problems: Problems,
    *,
    file_root: FileRoot | None = None,
    openshift: bool | None = None,
) -> Generation:
    """Run all stages. What is wrong is in `problems`; nothing may be applied while it holds errors.

    `file_root` and `openshift` are those of `load`.

    Raises `GenerationError` for errors of the inputs, before anyone is asked, for a lock that does not fit
    them, and for more than `MAX_LOOKUPS` look-ups.
    """
    return resolve_and_render(
        load(settings, problems, file_root=file_root, openshift=openshift), answers, problems
    )


def resolve_and_render(inputs: Inputs, answers: Answers, problems: Problems) -> Generation:
    """Run the stages after the inputs; raises as `generate` does once they are read."""
    lookups, lists = look_up(inputs.grouping, answers, problems, lists_wanted=inputs.emits_policies)
    decisions = decide_pools(inputs.grouping, lookups)
    recorded = _recorded(answers)
    report_decisions(decisions, lists, problems, recorded=recorded)
    chosen = [d for d in decisions if not isinstance(d, NoImage)]
    if inputs.emits_policies:
        report_unlisted(decisions, lists, problems, recorded=recorded)
        resources = inputs.policies.documents
        images = tuple(sorted({str(decision.image) for decision in chosen}))
    else:
        resources = render(chosen, inputs.inventory, inputs.options, problems)
        images = pulled_images(resources)
    if len(chosen) < len(decisions):
        resources = ()
    return Generation(inputs=inputs, decisions=decisions, resources=resources, images=images)


def _recorded(answers: Answers) -> str:
    match answers:
        case Locked(place=place, fix_command=fix_command):
            return f"{place.file} records this; once the tag is published, run: {fix_command}"
        case Online():
            return ""
        case never:
            assert_never(never)


def decide_pools(grouping: Grouping, lookups: Mapping[ImageReference, TagLookup]) -> tuple[Decision, ...]:
    """Return one decision for each pool, in their order."""
    return tuple(decide(pool, lookups) for pool in grouping.pools)


def look_up(
    grouping: Grouping,
    answers: Answers,
    problems: Problems,
    *,
    lists_wanted: bool = False,
    split: str = SPLIT,
) -> tuple[Mapping[ImageReference, TagLookup], Mapping[Repository, TagList]]:
    """Ask for the precompiled tags, then for the compile images of the misses, and weigh the misses.

    Tags are listed after misses, and with `lists_wanted` of every repository that is asked. `split` says how
    to get along with fewer look-ups.
    """
    if isinstance(answers, Locked):
        lock, place, fix_command = answers.lock, answers.place, answers.fix_command
        check_lock(lock, grouping.pools, place, fix_command, problems, lists_wanted=lists_wanted)
    problems.raise_errors()
    wanted = required_precompiled(grouping.pools)
    if not wanted:
        return {}, {}
    resolver = answers.resolver() if isinstance(answers, Online) else LockResolver(answers.lock)
    lookups = cross_check(resolver.resolve(wanted), {})
    compiled = required_compile(grouping.pools, lookups)
    if compiled:
        if isinstance(answers, Online):
            check_count(
                len(wanted) + len(compiled), "tags are needed, and a run looks up", problems, split=split
            )
            problems.raise_errors()
        weighed = cross_check({**lookups, **resolver.resolve(compiled)}, {})
        # Only these: a first answer that became a miss now would need a third round.
        lookups |= {image: weighed[image] for image in compiled}
    # Last, so that a list that takes its time or fails leaves the answers alone.
    misses = [image for image, found in lookups.items() if isinstance(found, TagMissing)]
    repositories = {image.repository for image in (wanted if lists_wanted else misses)}
    lists = resolver.list_tags(sorted(repositories)) if repositories else {}
    weighed = cross_check(lookups, lists)
    lookups |= {image: weighed[image] for image in misses}
    return lookups, lists
