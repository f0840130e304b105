"""List the images that the pods pull for programs that copy images."""

from collections import defaultdict
from collections.abc import Iterable

from gitops_doca.core.reference import DOCKER_HUB, ImageReference, parse_image
from gitops_doca.core.resolve.companions import CompanionExists, CompanionMissing, CompanionState
from gitops_doca.core.resolve.decide import Decision, NoImage
from gitops_doca.core.resolve.lookup import TagMissing
from gitops_doca.emit.escape import printable_lines
from gitops_doca.emit.yaml import dump_document

_HEADER = """\
# To copy these images: skopeo sync --all --src yaml --dest docker FILE HOST[:PORT][/PATH]
"""


def plain_list(images: Iterable[str]) -> str:
    """Return one image per line, as pods name it, for `crane copy` and similar programs."""
    return printable_lines(images)


def skopeo_list(
    images: Iterable[str], decisions: Iterable[Decision], companions: Iterable[CompanionState] = ()
) -> str:
    """Return the YAML file that `skopeo sync --src yaml` reads.

    Missing and unknown images, also of companions, are comments.
    That format takes a tag or a digest, so an image with both is listed twice.
    """
    sources: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for image in map(parse_image, images):
        # skopeo has another name for Docker Hub, and an empty list of tags means all of them.
        registry = "docker.io" if image.repository.registry == DOCKER_HUB else image.repository.registry
        sources[registry][image.repository.path] |= _references(image)
    document = {
        registry: {"images": {path: sorted(names) for path, names in sorted(paths.items())}}
        for registry, paths in sorted(sources.items())
    }
    return _HEADER + _comments(decisions, companions) + dump_document(document)


def _references(image: ImageReference) -> set[str]:
    return {image.tag, image.digest} - {""} or {"latest"}


def _comments(decisions: Iterable[Decision], companions: Iterable[CompanionState]) -> str:
    absent = {
        (isinstance(decision.lookup, TagMissing), str(decision.image))
        for decision in decisions
        if isinstance(decision, NoImage)
    }
    absent |= {
        (isinstance(companion, CompanionMissing), str(companion.required.image))
        for companion in companions
        if not isinstance(companion, CompanionExists)
    }
    lines = sorted(f"{'missing' if missing else 'not known to exist'}: {image}" for missing, image in absent)
    return printable_lines(f"# {line}" for line in lines)
