"""The order of the stages: inputs, pools, look-ups, decisions, resources."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from gitops_doca.core.decide import Decision, Withhold, decide, wanted_compile, wanted_precompiled
from gitops_doca.core.decide import report as report_decisions
from gitops_doca.core.diagnostics import Category, Place, Problems
from gitops_doca.core.lock import ImageLock, LockResolver, check_listed, check_pools, check_tags
from gitops_doca.core.lookup import Resolver, TagList, TagLookup, TagMissing, cross_check
from gitops_doca.core.model import NIC_LABEL, Inventory, Plan, RenderOptions, Resource
from gitops_doca.core.operator_view import report_unlisted, warn_shared_daemon_sets
from gitops_doca.core.owners import warn_two_owners
from gitops_doca.core.pools import Grouping, check_overlap, group_nodes
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.render import check_mounts, pulled_images, render
from gitops_doca.core.scope import Scope
from gitops_doca.core.snapshot import check_labels
from gitops_doca.sources.boundary import Boundary
from gitops_doca.sources.config import CONFIG_FILE, POLICIES, Settings
from gitops_doca.sources.inventory import read_inventory
from gitops_doca.sources.plans import check_policies
from gitops_doca.sources.policy import PolicySet, read_policies

MAX_LOOKUPS = 500
"""Look-ups of one run, and so pools; more means a mistake in the inventory, and no registry's patience."""

_SPLIT = "split the inventory, or correct labels that make a pool of every node"

_RENDERING = (
    "initContainerImage",
    "openshift",
    "pinDigests",
    "updateStrategy",
    "annotations",
    "operatorNames",
)
"""Settings that are about DaemonSets alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What was read, before anyone was asked."""

    policies: PolicySet
    inventory: Inventory
    grouping: Grouping
    options: RenderOptions
    emits_policies: bool = False
    """The operator makes the DaemonSets; nothing is rendered."""


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
    mend: str
    """The command that writes the lock anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Online:
    """Answers come from the registries."""

    resolver: Callable[[], Resolver]
    """Called when the first look-up is needed."""


Answers = Locked | Online


class ClusterReader(Protocol):
    """Reads a live cluster; as the value of the setting `inventory` it takes the place of the files."""

    def __call__(self, scope: Scope, problems: Problems) -> Inventory:
        """Return the inventory; raises `GenerationError` when the cluster gives none."""


def generate(
    settings: Settings,
    answers: Answers,
    problems: Problems,
    *,
    boundary: Boundary | None = None,
    openshift: bool | None = None,
) -> Generation:
    """Run all stages. What is wrong is in `problems`; nothing may be applied while it holds errors.

    `boundary` and `openshift` are those of `load`.

    Raises `GenerationError` for errors of the inputs, before anyone is asked, for a lock that does not fit
    them, and for more than `MAX_LOOKUPS` look-ups.
    """
    return conclude(load(settings, problems, boundary=boundary, openshift=openshift), answers, problems)


def conclude(inputs: Inputs, answers: Answers, problems: Problems) -> Generation:
    """Run the stages after the inputs; raises as `generate` does once they are read."""
    lookups, lists = look_up(inputs.grouping, answers, problems, lists_wanted=inputs.emits_policies)
    decisions = decide_pools(inputs.grouping, lookups)
    recorded = _recorded(answers)
    report_decisions(decisions, lists, problems, recorded=recorded)
    chosen = [d for d in decisions if not isinstance(d, Withhold)]
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
        case Locked(place=place, mend=mend):
            return f"{place.file} records this; once the tag is published, run: {mend}"
        case Online():
            return ""
        case never:
            assert_never(never)


def load(
    settings: Settings,
    problems: Problems,
    *,
    boundary: Boundary | None = None,
    openshift: bool | None = None,
) -> Inputs:
    """Read and check all inputs, and group the nodes; raises `GenerationError` with all that is wrong.

    `boundary` holds all files, when there is one. `openshift` is what the cluster's API says of itself, when
    that is known: an inventory that shows the opposite is wrong, unless the settings decide.
    """
    strict, plans = settings["strict"].value, settings["planned"].value
    emits_policies = settings["emit"].value == POLICIES
    policies = read_policies(settings["policies"].value, problems, boundary)
    inventory = _inventory(settings, policies, problems, boundary)
    check_labels(policies.selectors, inventory, problems)
    check_overlap(policies.selectors, inventory.nodes, problems)
    check_policies(plans, [policy.name for policy in policies.policies], problems)
    grouping = group_nodes(
        policies.policies,
        inventory.nodes,
        problems,
        plans=plans,
        # The operator's own names are no choice, and it has no other.
        operator_names=settings["operatorNames"].value and not emits_policies,
        strict=strict,
    )
    _report_digests(grouping, problems, strict=strict)
    options = _options(settings, inventory)
    if emits_policies:
        warn_shared_daemon_sets(grouping.pools, problems)
        _warn_unused(settings, problems)
    else:
        if settings["openshift"].value == "auto" and openshift not in (None, options.openshift):
            _report_openshift(problems, shown=options.openshift)
        warn_two_owners(policies.policies, inventory.operator_traces, problems)
        check_mounts(grouping.pools, inventory, options, problems)
    problems.raise_errors()
    origin = "inventory and plans" if any(pool.plan for pool in grouping.pools) else "inventory"
    check_count(len(grouping.pools), f"pools come of the {origin}, and a run renders", problems)
    if not grouping.pools and not settings["allowEmpty"].value:
        _report_empty(policies, inventory, grouping, problems)
    problems.raise_errors()
    return Inputs(
        policies=policies,
        inventory=inventory,
        grouping=grouping,
        options=options,
        emits_policies=emits_policies,
    )


def group_live(inputs: Inputs, settings: Settings, live: Inventory, problems: Problems) -> Grouping:
    """Group the nodes that a cluster has now as those of the inputs; raises `GenerationError` as `load`."""
    check_overlap(inputs.policies.selectors, live.nodes, problems)
    grouping = group_nodes(
        inputs.policies.policies,
        live.nodes,
        problems,
        operator_names=settings["operatorNames"].value and not inputs.emits_policies,
        strict=settings["strict"].value,
    )
    problems.raise_errors()
    return grouping


def _warn_unused(settings: Settings, problems: Problems) -> None:
    given = [f"{name} ({settings[name].origin})" for name in _RENDERING if settings[name].origin != "default"]
    if given:
        problems.warn(
            f"emit: policies renders nothing, so these settings do nothing: {', '.join(given)}",
            remedy="write what the operator shall do into the policies",
        )


def _inventory(
    settings: Settings, policies: PolicySet, problems: Problems, boundary: Boundary | None
) -> Inventory:
    """Read files, or a live cluster; no cluster is asked for policies that cannot be used."""
    source: ClusterReader | tuple[str, ...] = settings["inventory"].value
    if isinstance(source, tuple):
        return read_inventory(source, policies.labels, problems, boundary)
    problems.raise_errors()
    owners = settings["emit"].value != POLICIES
    return source(replace(scope_of(policies, settings), owners=owners), problems)


def scope_of(policies: PolicySet, settings: Settings) -> Scope:
    """Return what of a live cluster these policies and settings make use of."""
    drivers = [policy.driver for policy in policies.policies]
    return Scope(
        namespace=settings["namespace"].value,
        labels=policies.labels,
        config_maps=tuple(sorted({name for d in drivers for name in (d.cert_config, d.repo_config) if name})),
        pull_secrets=tuple(dict.fromkeys(name for d in drivers for name in d.image_pull_secrets)),
        openshift=settings["openshift"].value is not False,
    )


def _options(settings: Settings, inventory: Inventory) -> RenderOptions:
    strategy = settings["updateStrategy"].value
    return RenderOptions(
        namespace=settings["namespace"].value,
        init_container_image=settings["initContainerImage"].value,
        openshift=_is_openshift(settings["openshift"].value, inventory, settings["planned"].value),
        pin_digests=settings["pinDigests"].value,
        max_unavailable=strategy.get("maxUnavailable"),
        annotations=settings["annotations"].value,
    )


def _is_openshift(
    setting: str | bool,  # noqa: FBT001 (auto, true or false)
    inventory: Inventory,
    plans: Iterable[Plan],
) -> bool:
    if isinstance(setting, bool):
        return setting
    # Plans too, or what they give would change when their first node comes.
    return inventory.shows_openshift or any(plan.platform.os_id == "rhcos" for plan in plans)


def _report_openshift(problems: Problems, *, shown: bool) -> None:
    if shown:
        found = "the inventory is one of OpenShift, and the cluster's API has none of OpenShift's groups"
    else:
        found = "the cluster's API has OpenShift's groups, and nothing in the inventory is OpenShift's"
    problems.error(
        f"{found} (*.openshift.io)",
        remedy=f"take the inventory from that cluster, or set spec.openshift: {str(not shown).lower()} "
        f"(or {str(shown).lower()}, to trust the inventory) in {CONFIG_FILE}",
    )


def _report_digests(grouping: Grouping, problems: Problems, *, strict: bool) -> None:
    """Report a digest as version: it puts one image on every pool, whatever its kernel and architecture."""
    policies = {pool.policy.name: pool.policy for pool in grouping.pools}
    for name, count in Counter(pool.policy.name for pool in grouping.pools).items():
        policy = policies[name]
        if policy.driver.digest is None:
            continue
        place = policy.driver.places.get("version", policy.place.at("version"))
        message = f"version is a digest, so one image goes to every pool of {policy.kind} {name} ({count})"
        remedy = "write the driver's version, and each pool gets the image for its kernel"
        if strict and count > 1:
            problems.error(message, place, remedy=remedy)
        else:
            problems.warn(message, place, remedy=remedy)


def _report_empty(policies: PolicySet, inventory: Inventory, grouping: Grouping, problems: Problems) -> None:
    nodes = inventory.nodes
    nics = sum(node.labels.get(NIC_LABEL) == "true" for node in nodes)
    if not policies.policies:
        why = "no policy has ofedDriver"
    elif not nodes:
        why = "the inventory has no node"
    elif not nics:
        why = f"none of the {len(nodes)} nodes has the label {NIC_LABEL}=true"
    else:
        why = f"of {len(nodes)} nodes {nics} have a NIC, and none of them is in a pool"
    problems.error(
        f"nothing to render: {why}",
        category=Category.EMPTY,
        details=tuple(f"node {left.node}: {left.reason}" for left in grouping.left_out[:10]),
        remedy="an empty result would let Argo CD prune every driver; if it is meant, set allowEmpty: true",
    )


def decide_pools(grouping: Grouping, lookups: Mapping[ImageReference, TagLookup]) -> tuple[Decision, ...]:
    """Return one decision for each pool, in their order."""
    return tuple(decide(pool, lookups) for pool in grouping.pools)


def look_up(
    grouping: Grouping,
    answers: Answers,
    problems: Problems,
    *,
    lists_wanted: bool = False,
    split: str = _SPLIT,
) -> tuple[Mapping[ImageReference, TagLookup], Mapping[Repository, TagList]]:
    """Ask for the precompiled tags, then for the compile images of the misses, and weigh the misses.

    Tags are listed after misses, and with `lists_wanted` of every repository that is asked. `split` says how
    to get along with fewer look-ups.
    """
    if isinstance(answers, Locked):
        check_pools(answers.lock, grouping.pools, answers.place, answers.mend, problems)
    wanted = wanted_precompiled(grouping.pools)
    if isinstance(answers, Locked) and lists_wanted:
        check_listed(answers.lock, wanted, answers.place, answers.mend, problems)
    _check_lock(answers, wanted, problems)
    if not wanted:
        return {}, {}
    resolver = answers.resolver() if isinstance(answers, Online) else LockResolver(answers.lock)
    lookups = cross_check(resolver.resolve(wanted), {})
    compiled = wanted_compile(grouping.pools, lookups)
    if compiled:
        _check_lock(answers, compiled, problems)
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


def _check_lock(answers: Answers, wanted: Iterable[ImageReference], problems: Problems) -> None:
    if isinstance(answers, Locked):
        check_tags(answers.lock, wanted, answers.place, answers.mend, problems)
    problems.raise_errors()


def check_count(needed: int, what: str, problems: Problems, *, split: str = _SPLIT) -> None:
    """Report more than `MAX_LOOKUPS` of something; `split` says how to get along with fewer."""
    if needed > MAX_LOOKUPS:
        problems.error(f"{needed} {what} {MAX_LOOKUPS} at most", remedy=split)
