"""Check that a text can be a driver's version."""

from gitops_doca.core.diagnostics import NOWHERE, Place, Problems
from gitops_doca.core.reference import is_tag
from gitops_doca.core.tags import is_full_tag


def check_version(version: str, place: Place = NOWHERE, *, problems: Problems) -> bool:
    """Report a text that cannot begin a tag or is a whole tag; return whether it is valid."""
    if not is_tag(version):
        problems.error(f"{version!r} cannot begin a tag: letters, digits, _ . and -, at most 128", place)
        return False
    if is_full_tag(version):
        problems.error(
            f"{version!r} is a whole image tag; kernel, OS and architecture are added for each pool",
            place,
            help="write the driver's version alone, such as 25.04-0.6.1.0-2",
        )
        return False
    return True
