"""Check that the cluster answers, and what its role allows."""

from gitops_doca.cli.clusters import attempt
from gitops_doca.cli.doctor.inputs import Examined
from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.doctor import Finding, State, fine, judge
from gitops_doca.core.documentation import page
from gitops_doca.sources.config import Settings
from gitops_doca.usecases.load import query_of


def examine_cluster(live: LiveInventory, examined: Examined) -> Finding:
    """Ask the cluster for one object of each kind that commands read."""
    from gitops_doca.cluster.live import EVERY_COMMAND

    cluster = live.connect()
    if not cluster.is_configured:
        return Finding(
            check="cluster",
            state=State.WARNING,
            message="not checked: there is no kubeconfig",
            help="name one with --kubeconfig or $KUBECONFIG; without any, commands read files alone",
        )
    problems = Problems()
    access = attempt(problems, lambda: cluster.access(_query(examined), problems))
    if access is None:
        return judge("cluster", tuple(problems), "")
    if not access.lacking:
        return fine("cluster", f"{access.server} answers, and the role allows all that commands read")
    lacking = "; ".join(f"{permission} (for {commands})" for permission, commands in access.lacking)
    needed = any(commands == EVERY_COMMAND for _, commands in access.lacking)
    return Finding(
        check="cluster",
        state=State.FAILURE if needed else State.WARNING,
        message=f"{access.server} answers, and the role does not allow: {lacking}",
        help=f"bind a role that allows it, if you use these commands: {page('live')}",
    )


def _query(examined: Examined) -> ClusterQuery:
    if examined.inputs and examined.run_config:
        return query_of(examined.inputs.policies, examined.run_config.settings)
    return ClusterQuery(namespace=Settings.namespace)
