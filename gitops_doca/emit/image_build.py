"""Format the build of missing images as a shell script and as JSON."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gitops_doca.core.model import Pool
from gitops_doca.core.resolve.decide import Decision, NoImage
from gitops_doca.core.resolve.image_build import SOURCE, ImageBuild, image_build
from gitops_doca.core.resolve.lookup import TagMissing
from gitops_doca.emit.escape import printable

_HEADER = f"""\
#!/bin/sh
# Builds the precompiled images that are missing. Run it in a checkout of {SOURCE},
# whose README says what the build needs (RHEL: a subscription). Fill in what is in <...>.
set -eu
"""


def build_script(decisions: Sequence[Decision]) -> str:
    """Return a shell script that builds each missing image once."""
    pools = _missing(decisions)
    if not pools:
        return "#!/bin/sh\n# No image is missing.\n"
    return _HEADER + "".join(f"\n{step}" for step in dict.fromkeys(map(_step, pools)))


def build_entry(pool: Pool) -> dict[str, Any]:
    """Return the build of a pool's image for the report; empty without a Dockerfile for it."""
    build = image_build(pool)
    if build is None:
        return {}
    return {
        "build": {
            "image": str(build.image),
            "dockerfile": build.dockerfile,
            "arguments": dict(build.arguments),
            **({"lacking": dict(build.unknown)} if build.unknown else {}),
        }
    }


def _missing(decisions: Iterable[Decision]) -> list[Pool]:
    return [d.pool for d in decisions if isinstance(d, NoImage) and isinstance(d.lookup, TagMissing)]


def _step(pool: Pool) -> str:
    build = image_build(pool)
    if build is None:
        return f"# {printable(str(pool.platform))}: there is no Dockerfile for this OS and architecture\n"
    lines = " \\\n    ".join(map(printable, _words(build)))
    return f"# {printable(str(build.platform))}\n{lines}\n"


def _words(build: ImageBuild) -> Iterator[str]:
    yield f"{build.builder} build --platform linux/{shlex.quote(build.platform.arch)}"
    unknown = {name: f"<{meaning}>" for name, meaning in build.unknown.items()}
    for name, value in {**build.arguments, **unknown}.items():
        yield f"--build-arg {shlex.quote(f'{name}={value}')}"
    yield f"--tag {shlex.quote(str(build.image))}"
    yield f"--file {build.dockerfile} --target precompiled ."
