"""Use a live cluster in place of inventory files."""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Inventory

if TYPE_CHECKING:
    from gitops_doca.cluster.live import LiveCluster
    from gitops_doca.core.compare.status import Drivers
    from gitops_doca.sources.pull_secret import Auths


class LiveInventory:
    """An `InventorySource` that reads the nodes of a live cluster."""

    def __init__(
        self,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        deadline: float,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Remember which cluster to read; `environ` replaces the environment of the process."""
        self.kubeconfig = kubeconfig
        self.context = context
        self._deadline = deadline
        self._environ = environ
        self._cluster: LiveCluster | None = None
        self._query: ClusterQuery | None = None

    def read(self, query: ClusterQuery, problems: Problems) -> Inventory:
        """Read the cluster, unless there are errors already, such as unusable policies.

        Raises `GenerationError` for those, and as `LiveCluster.inventory` does.
        """
        problems.raise_errors()
        self._query = query
        self._cluster = self.connect()
        return self._cluster.inventory(query, problems)

    def connect(self) -> "LiveCluster":
        """Return the cluster, which has a deadline of its own."""
        from gitops_doca.cluster.live import LiveCluster, LiveOptions

        return LiveCluster(
            LiveOptions(
                environ=dict(os.environ) if self._environ is None else self._environ,
                kubeconfig=self.kubeconfig,
                context=self.context,
                deadline=self._deadline,
            )
        )

    def pull_secrets(self, problems: Problems) -> "list[tuple[str, Auths]]":
        """Return the pull secrets that the policies name; none before the inventory was read.

        Raises `GenerationError` as `LiveCluster.pull_secrets` does.
        """
        if self._cluster is None or self._query is None:
            return []
        return self._cluster.pull_secrets(self._query, problems)

    def drivers(self, namespace: str, problems: Problems) -> "Drivers":
        """Return the drivers of the cluster whose inventory was read.

        Raises `GenerationError` as `LiveCluster.drivers` does.
        """
        assert self._cluster is not None  # noqa: S101 (the inventory comes first)
        return self._cluster.drivers(namespace, problems)

    def find_nodes(self, names: Iterable[str], problems: Problems) -> frozenset[str]:
        """Return which of these nodes exist; raises as `LiveCluster.find_nodes`."""
        assert self._cluster is not None  # noqa: S101 (the inventory comes first)
        return self._cluster.find_nodes(names, problems)

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags that choose the same cluster."""
        kubeconfig = ("--kubeconfig", self.kubeconfig) if self.kubeconfig else ()
        context = ("--context", self.context) if self.context else ()
        return ("--live", *kubeconfig, *context)
