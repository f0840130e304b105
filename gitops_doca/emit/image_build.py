"""How missing images are built: as shell commands to copy, and as JSON."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gitops_doca.core.model import Pool
from gitops_doca.core.resolve.decide import Decision, NoImage
from gitops_doca.core.resolve.image_build import SOURCE, Recipe, recipe
from gitops_doca.core.resolve.lookup import TagMissing
from gitops_doca.emit.escape import printable

_HEADER = f"""\
#!/bin/sh
# Builds the precompiled images that are missing. Run it in a checkout of {SOURCE},
# whose README says what the build needs (RHEL: a subscription). What stands in <...> is for you to fill in.
set -eu
"""


def build_script(decisions: Sequence[Decision]) -> str:
    """Return a shell script that builds what is missing, each image once."""
    pools = _missing(decisions)
    if not pools:
        return "#!/bin/sh\n# No image is missing.\n"
    return _HEADER + "".join(f"\n{step}" for step in dict.fromkeys(map(_step, pools)))


def build_entry(pool: Pool) -> dict[str, Any]:
    """Return what builds a pool's image, for a reader outside; empty where there is no Dockerfile for it."""
    found = recipe(pool)
    if found is None:
        return {}
    return {
        "build": {
            "image": str(found.image),
            "dockerfile": found.dockerfile,
            "arguments": dict(found.arguments),
            **({"lacking": dict(found.unknown)} if found.unknown else {}),
        }
    }


def _missing(decisions: Iterable[Decision]) -> list[Pool]:
    return [d.pool for d in decisions if isinstance(d, NoImage) and isinstance(d.lookup, TagMissing)]


def _step(pool: Pool) -> str:
    found = recipe(pool)
    if found is None:
        return f"# {printable(str(pool.platform))}: there is no Dockerfile for this OS and architecture\n"
    lines = " \\\n    ".join(map(printable, _words(found)))
    return f"# {printable(str(found.platform))}\n{lines}\n"


def _words(found: Recipe) -> Iterator[str]:
    program = "podman" if found.dockerfile.startswith("RHEL") else "docker"
    yield f"{program} build --platform linux/{shlex.quote(found.platform.arch)}"
    unknown = {name: f"<{meaning}>" for name, meaning in found.unknown.items()}
    for name, value in {**found.arguments, **unknown}.items():
        yield f"--build-arg {shlex.quote(f'{name}={value}')}"
    yield f"--tag {shlex.quote(str(found.image))}"
    yield f"--file {found.dockerfile} --target precompiled ."
