"""Check that a platform fits into label values, name and tag."""

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import ARCH_LABEL, KERNEL_LABEL, OS_ID_LABEL, OS_VERSION_LABEL, Pool
from gitops_doca.core.names import MAX_LABEL, is_label_value, is_subdomain
from gitops_doca.core.reference import is_tag
from gitops_doca.core.tags import precompiled_tag

FIELDS = {
    OS_ID_LABEL: "os_id",
    OS_VERSION_LABEL: "os_version",
    KERNEL_LABEL: "kernel",
    ARCH_LABEL: "arch",
}
"""The field of `Platform` for each node label."""
_AGAIN = "update the inventory"


def fits(pool: Pool, name: str, who: str, problems: Problems) -> bool:
    """Report the first problem and return False; once for all nodes of the pool.

    `name` is the DaemonSet's name with the architecture in it, without `-ds`; `who` begins the
    sentence.
    """
    return (
        _label_values(pool, who, problems) and _name(pool, name, who, problems) and _tag(pool, who, problems)
    )


def _label_values(pool: Pool, who: str, problems: Problems) -> bool:
    for label, name in FIELDS.items():
        value = getattr(pool.platform, name)
        if not is_label_value(value):
            problems.error(
                f"{who}: {_what(value)} cannot be the value of a label (letters, digits and - _ . "
                f"between them, at most {MAX_LABEL} characters)",
                pool.source.label_place(label),
                help="take the labels as node-feature-discovery writes them: others become _ there"
                if len(value) <= MAX_LABEL
                else f"no cluster holds such a label: {'correct the plan' if pool.plan else _AGAIN}",
            )
            return False
    return True


def _name(pool: Pool, name: str, who: str, problems: Problems) -> bool:
    if is_subdomain(name) and len(name) <= MAX_LABEL:
        return True
    platform = pool.platform
    blame = (f"OS {platform.os!r}", OS_ID_LABEL)
    if not is_subdomain(platform.arch):
        blame = (f"architecture {platform.arch!r}", ARCH_LABEL)
    problems.error(
        f"{who}: {blame[0]} cannot be part of the DaemonSet name {name!r} "
        f"(lower-case letters, digits, - and ., as label at most {MAX_LABEL} characters)",
        pool.source.label_place(blame[1]),
    )
    return False


def _tag(pool: Pool, who: str, problems: Problems) -> bool:
    driver = pool.policy.driver
    if driver.digest is not None:
        return True
    # The tag that compiles on the node is the same without the kernel.
    for version in (driver.version, *driver.fallbacks):
        if not is_tag(tag := precompiled_tag(version, pool.platform)):
            problems.error(
                f"{who}: {tag!r} cannot be a tag: at most 128 letters, digits, _ . and -",
                pool.source.label_place(KERNEL_LABEL),
            )
            return False
    return True


def _what(value: str) -> str:
    shown = value if len(value) <= 2 * MAX_LABEL else value[: 2 * MAX_LABEL] + "..."
    return f"{shown!r} ({len(value)} characters)" if len(value) > MAX_LABEL else repr(shown)
