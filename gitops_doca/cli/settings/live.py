"""A live cluster in the place of inventory files; its client is imported when it is asked."""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Inventory
from gitops_doca.sources.config import Setting

if TYPE_CHECKING:
    from gitops_doca.cluster.live import LiveCluster
    from gitops_doca.core.compare.status import Drivers
    from gitops_doca.sources.pull_secret import Auths


class LiveInventory:
    """A `ClusterReader`: the value of the setting `inventory` under `--live`."""

    def __init__(
        self,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        deadline: float,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Note which cluster to read; `environ` takes the place of the process's environment."""
        self._kubeconfig = kubeconfig
        self._context = context
        self._deadline = deadline
        self._environ = environ
        self._cluster: LiveCluster | None = None
        self._scope: ClusterQuery | None = None

    def __call__(self, scope: ClusterQuery, problems: Problems) -> Inventory:
        """Read the cluster; raises `GenerationError` as `LiveCluster.inventory` does."""
        from gitops_doca.cluster.live import LiveCluster, LiveOptions

        self._scope = scope
        self._cluster = LiveCluster(
            LiveOptions(
                environ=dict(os.environ) if self._environ is None else self._environ,
                kubeconfig=self._kubeconfig,
                context=self._context,
                deadline=self._deadline,
            )
        )
        return self._cluster.inventory(scope, problems)

    def pull_secrets(self, problems: Problems) -> "list[tuple[str, Auths]]":
        """Return the pull secrets that the policies of the inventory name; none before it was read.

        Raises `GenerationError` as `LiveCluster.pull_secrets` does.
        """
        if self._cluster is None or self._scope is None:
            return []
        return self._cluster.pull_secrets(self._scope, problems)

    def drivers(self, namespace: str, problems: Problems) -> "Drivers":
        """Return the drivers of the cluster that the inventory was read of.

        Raises `GenerationError` as `LiveCluster.drivers` does.
        """
        assert self._cluster is not None  # noqa: S101 (the inventory comes first)
        return self._cluster.drivers(namespace, problems)

    def find_nodes(self, names: Iterable[str], problems: Problems) -> frozenset[str]:
        """Return those names that nodes of the same cluster have; raises as `LiveCluster.find_nodes`."""
        assert self._cluster is not None  # noqa: S101 (the inventory comes first)
        return self._cluster.find_nodes(names, problems)

    @property
    def flags(self) -> tuple[str, ...]:
        """The words of a command line that ask for the same cluster."""
        kubeconfig = ("--kubeconfig", self._kubeconfig) if self._kubeconfig else ()
        context = ("--context", self._context) if self._context else ()
        return ("--live", *kubeconfig, *context)

    @property
    def told(self) -> Mapping[str, Setting]:
        """Which cluster it is, by flag, for `--explain-config`."""
        given = {"--kubeconfig": self._kubeconfig, "--context": self._context}
        return {flag: Setting(value, flag if value else "default") for flag, value in given.items()}

    def __str__(self) -> str:
        return "the live cluster"
