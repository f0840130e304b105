"""Collect the additions of one pool to the common pod template."""

from collections.abc import Iterator
from typing import NamedTuple

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Inventory, Pool, RenderOptions
from gitops_doca.core.render.mounts import Part, pool_mounts
from gitops_doca.core.render.toolkit import Toolkit, pool_toolkit
from gitops_doca.core.resolve.decide import Chosen, CompileOnNode


class Extras(NamedTuple):
    """Additions to one pool's pod template."""

    parts: tuple[Part, ...] = ()
    proxy_env: tuple[dict[str, str], ...] = ()
    toolkit: Toolkit | None = None
    """The driver toolkit, if the pool compiles on OpenShift."""


def pool_extras(decision: Chosen, inventory: Inventory, options: RenderOptions, problems: Problems) -> Extras:
    """Collect a pool's additions; reports what is missing in the inventory."""
    pool = decision.pool
    compiles = options.openshift and isinstance(decision, CompileOnNode)
    return Extras(
        parts=pool_mounts(pool, inventory, options, problems),
        proxy_env=tuple(_proxy_env(pool, inventory)) if options.openshift else (),
        toolkit=pool_toolkit(pool, inventory, problems) if compiles else None,
    )


def _proxy_env(pool: Pool, inventory: Inventory) -> Iterator[dict[str, str]]:
    proxy = inventory.proxy
    if proxy is None:
        return
    mine = {entry["name"] for entry in pool.policy.driver.env}
    settings = {"HTTPS_PROXY": proxy.https, "HTTP_PROXY": proxy.http, "NO_PROXY": proxy.no_proxy}
    for name, value in settings.items():
        # Programs read either case, so a policy that sets one sets both.
        if value and not mine & {name, name.lower()}:
            yield {"name": name, "value": value}
            yield {"name": name.lower(), "value": value}
