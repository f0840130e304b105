"""Run all stages: inputs, pools, look-ups, decisions, resources."""

from collections.abc import Mapping

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Resource
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.render import pulled_images, render
from gitops_doca.core.resolve.companions import (
    CompanionState,
    companion_images,
    judge_companions,
    report_companions,
)
from gitops_doca.core.resolve.decide import Decision, NoImage, decide
from gitops_doca.core.resolve.decide import report as report_decisions
from gitops_doca.core.resolve.fallbacks import report_own_versions, warn_unlisted_misses
from gitops_doca.core.resolve.lookup import TagLookup, TagSource
from gitops_doca.core.resolve.operator import report_unlisted
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.sources.config import Settings
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.usecases.load import Inputs, InventorySource, load
from gitops_doca.usecases.look_up import look_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The result of a run."""

    inputs: Inputs
    decisions: tuple[Decision, ...]
    """One for each pool, in the order of the pools."""
    companions: tuple[CompanionState, ...]
    """One for each companion that a pool needs."""
    resources: tuple[Resource, ...]
    """In the order of emission; empty when a pool has no image."""
    images: tuple[str, ...]
    """All images that the pods pull, sorted; also if another pool has no image."""


def generate(
    settings: Settings,
    source: TagSource,
    problems: Problems,
    *,
    nodes: InventorySource | None = None,
    file_root: FileRoot | None = None,
    openshift: bool | None = None,
) -> Generation:
    """Run all stages. Problems are reported; nothing may be applied while there are errors.

    `nodes`, `file_root` and `openshift` are those of `load`.

    Raises `GenerationError` for errors of the inputs, before the first look-up, for a lock that
    does not match them, and for more than `MAX_LOOKUPS` look-ups.
    """
    inputs = load(settings, problems, nodes=nodes, file_root=file_root, openshift=openshift)
    return resolve_and_render(inputs, source, problems)


def resolve_and_render(inputs: Inputs, source: TagSource, problems: Problems) -> Generation:
    """Run the stages after the inputs; raises as `generate` does once they are read."""
    answers = look_up(
        inputs.grouping.pools,
        source,
        problems,
        companions=companion_images(inputs.companions),
        lists_wanted=inputs.emits_policies,
    )
    lists = answers.lists
    decisions = decide_pools(inputs.grouping, answers.lookups)
    report_decisions(decisions, lists, problems, recorded=source.recorded)
    if source.is_online:
        warn_unlisted_misses(decisions, lists, problems)
    report_own_versions(decisions, problems, strict=inputs.strict)
    companions = judge_companions(inputs.companions, answers.companions)
    report_companions(companions, problems, strict=inputs.strict, recorded=source.recorded)
    chosen = [d for d in decisions if not isinstance(d, NoImage)]
    if inputs.emits_policies:
        report_unlisted(decisions, lists, problems, recorded=source.recorded)
        resources = inputs.policies.documents
        images = tuple(sorted({str(decision.image) for decision in chosen}))
    else:
        resources = render(chosen, inputs.inventory, inputs.options, problems)
        images = pulled_images(resources)
    if len(chosen) < len(decisions):
        resources = ()
    return Generation(
        inputs=inputs, decisions=decisions, companions=companions, resources=resources, images=images
    )


def decide_pools(grouping: Grouping, lookups: Mapping[ImageReference, TagLookup]) -> tuple[Decision, ...]:
    """Return one decision for each pool, in their order."""
    return tuple(decide(pool, lookups) for pool in grouping.pools)
