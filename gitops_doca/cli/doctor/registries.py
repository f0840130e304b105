"""Check that each registry answers, and as whom."""

from collections.abc import Iterator, Mapping

from gitops_doca.cli.clusters import attempt
from gitops_doca.cli.doctor.inputs import Examined
from gitops_doca.cli.settings.registries import make_resolver
from gitops_doca.core.compare.lock import LockedImage
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.doctor import Finding, State, fine, judge
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.companions import companion_images
from gitops_doca.core.resolve.decide import HELP_BY_CAUSE, required_images
from gitops_doca.core.resolve.lookup import Cause, RegistryClient, TagLookup, TagMissing, TagUnknown

_FAILURES: Mapping[Cause, str] = {
    Cause.AUTH: "refuses the request",
    Cause.LOGIN: "refuses the request",
    Cause.NOT_SENT: "refuses the request",
    Cause.NO_CHALLENGE: "refuses the request",
    Cause.CREDENTIALS: "cannot be asked",
    Cause.HELPER: "cannot be asked",
    Cause.CA_FILE: "cannot be asked",
    Cause.NOT_ALLOWED: "is not asked",
    Cause.DNS: "cannot be reached",
    Cause.PROXY: "cannot be reached",
}
"""What a registry did not do, or what kept it from being asked."""


def examine_registries(examined: Examined) -> Iterator[Finding]:
    """Ask each registry for one tag that is needed of it."""
    run_config, problems = examined.run_config, Problems()
    images = _one_of_each(examined)
    if run_config is None or not images:
        return
    client = attempt(
        problems,
        lambda: make_resolver(run_config.connect, run_config.registry, problems, run_config.untrusted),
    )
    if client is None:
        yield judge("registry", tuple(problems), "")
        return
    answers = client.resolve(list(images.values()))
    for host, image in images.items():
        yield _finding(host, image, answers[image], client)
    for warning in problems.warnings:
        yield judge("registry", [warning], "")


def _one_of_each(examined: Examined) -> Mapping[str, ImageReference]:
    """Return an image for each registry, one that the lock has if there is any."""
    if examined.inputs is None:
        return {}
    pools, companions = examined.inputs.grouping.pools, examined.inputs.companions
    images = sorted({*required_images(pools, {}), *companion_images(companions)}, key=str)
    entries = examined.lock.entries if examined.lock else {}
    known = [image for image in images if isinstance(entries.get(image), LockedImage)]
    chosen: dict[str, ImageReference] = {}
    for image in (*known, *images):
        chosen.setdefault(image.repository.registry, image)
    return dict(sorted(chosen.items()))


def _finding(host: str, image: ImageReference, answer: TagLookup, client: RegistryClient) -> Finding:
    if isinstance(answer, TagUnknown):
        return Finding(
            check="registry",
            state=State.FAILURE,
            message=f"{host} {_FAILURES.get(answer.cause, 'gives no usable answer')}: {answer.reason}",
            help=HELP_BY_CAUSE[answer.cause],
        )
    has = "does not have" if isinstance(answer, TagMissing) else "has"
    match client.credentials_used(image.repository):
        case None:
            how = ""
        case "":
            how = ", without credentials"
        case place:
            how = f", with the credentials from {place}"
    return fine("registry", f"{host} answers{how}: it {has} {image.repository.path}:{image.tag}")
