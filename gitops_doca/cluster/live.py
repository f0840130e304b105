"""Read an inventory, and the pull secrets for it, from a live cluster."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from gitops_doca.cluster.api import (
    LIMITS,
    RETRY,
    ApiServer,
    DeadlineThread,
    ForbiddenError,
    ListLimits,
    NotServedError,
    NotThereError,
    UnansweredError,
)
from gitops_doca.cluster.connection import (
    SERVICE_ACCOUNT,
    Connection,
    connect,
    connect_in_cluster,
    in_cluster,
)
from gitops_doca.cluster.drivers import read_drivers
from gitops_doca.cluster.identity import resolve_credentials
from gitops_doca.cluster.kubeconfig import kubeconfig_files, read_access
from gitops_doca.cluster.listing import PAGE, list_all
from gitops_doca.cluster.request import DISCOVERY, ApiRequest, list_of, object_of
from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.compare.rendered import text_at
from gitops_doca.core.compare.status import Drivers
from gitops_doca.core.diagnostics import Category, GenerationError, PassingError, Problems
from gitops_doca.core.model import NIC_LABEL, Inventory, OtherNodes
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError, UnavailableError
from gitops_doca.net.retry import Deadline, RetryPolicy
from gitops_doca.sources.inventory import build_inventory
from gitops_doca.sources.pull_secret import SELECTION, Auths, read_pull_secret
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.json_reader import read_json
from gitops_doca.sources.reading.selection import ALL, NOTHING, REST, Selection, object_selection
from gitops_doca.sources.reading.syntax import Readable, SyntaxProblem

_CONFIG, _IMAGE, _OPERATOR = "config.openshift.io", "image.openshift.io", "mellanox.com"
_REMEDIES = {
    Cause.AUTH: "log in again, or choose other credentials with --context or --kubeconfig",
    Cause.TLS: "name the CA of the API server in the kubeconfig; no flag turns the check off",
    Cause.CERTIFICATE_NAME: "the CA is the right one: correct server in the kubeconfig, or give a name of "
    "the certificate as tls-server-name beside it",
    Cause.CERTIFICATE_TIME: "the CA is the right one: let the API server's certificate be renewed, or "
    "correct this machine's clock",
    Cause.DEADLINE: "give it more time with --deadline",
}
_NAME: Selection = {"metadata": {"name": ALL}}
_REMEDY = "see that kubectl get nodes works from here with the same kubeconfig and context"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """Which cluster, and how it is read; `environ` is the only environment that is read here."""

    environ: Mapping[str, str] = field(repr=False)
    kubeconfig: str | None = None
    """A file; None: those that kubectl would read, or the service account of the pod."""
    context: str | None = None
    deadline: float = 120.0
    """Seconds of wall clock for all that is read of the cluster."""
    page: int = PAGE
    retry: RetryPolicy = RETRY
    limits: ListLimits = LIMITS
    service_account: Path = SERVICE_ACCOUNT


class LiveCluster:
    """One cluster; it is reached when the first object is wanted, and only ever read."""

    def __init__(self, options: LiveOptions) -> None:
        self._options = options
        self._deadline: Deadline | None = None
        self._server: ApiServer | None = None

    def inventory(self, scope: ClusterQuery, problems: Problems) -> Inventory:
        """Return the NIC nodes, and of the other objects those that are there.

        Raises `GenerationError`: class `input` for a kubeconfig that cannot be used, class `unknown` for an
        API server that gives no usable answer.
        """
        server = self._reach(problems)
        selection = object_selection(scope.labels)
        documents = self._within(server, lambda: list(self._objects(server, scope, selection)), problems)
        inventory = build_inventory(documents, scope.labels, problems, ignored_taints=scope.ignored_taints)
        return inventory if inventory.nodes else replace(inventory, others=self._others(server))

    def _others(self, server: ApiServer) -> OtherNodes:
        """Return what the labels of all nodes say about why none has a NIC, as far as they can be read."""
        question = list_of("nodes", query={"limit": self._options.page})
        selection = object_selection(similar=True)
        try:
            nodes = DeadlineThread(
                server.deadline, lambda: list_all(server, question, selection, "nodes")
            ).result()
        except (UnansweredError, LookupFailedError):
            # That there is no NIC node is known already; this only helps to say why.
            return OtherNodes()
        return build_inventory(nodes, (), Problems()).others

    def pull_secrets(self, scope: ClusterQuery, problems: Problems) -> list[tuple[str, Auths]]:
        """Return the pull secrets of the policies, each with its place; warns of one that is not there.

        Raises `GenerationError` as `inventory` does, and for one that may not be read or is broken.
        """
        if not scope.pull_secrets:
            return []
        server = self._reach(problems)
        found = []
        for name in scope.pull_secrets:
            question = object_of("Secret", "secrets", name, namespace=scope.namespace)
            work = partial(_object, server, question, SELECTION)
            document = self._within(server, work, problems)
            if document is None:
                problems.warn(
                    f"the pull secret {name} is not in namespace {scope.namespace} of the cluster, "
                    "so registries are asked without it"
                )
                continue
            before = len(problems.errors)
            secrets = list(read_pull_secret(document, problems))
            if not secrets and len(problems.errors) == before:
                problems.warn(f"the Secret {name} in namespace {scope.namespace} is no pull secret")
            found += [(document.file, auths) for _, auths in secrets]
        problems.raise_errors()
        return found

    def drivers(self, namespace: str, problems: Problems) -> Drivers:
        """Return the driver DaemonSets of a namespace and the pods of it; raises as `inventory` does."""
        server = self._reach(problems)
        work = partial(read_drivers, server, namespace, self._options.page)
        return self._within(server, work, problems)

    def find_nodes(self, names: Iterable[str], problems: Problems) -> frozenset[str]:
        """Return those names that nodes of the cluster have, whatever their labels; raises as `inventory`.

        Each is a list of one: whoever may list nodes needs no other right for it.
        """
        server = self._reach(problems)
        return self._within(server, lambda: frozenset(filter(partial(_has_node, server), names)), problems)

    def _reach(self, problems: Problems) -> ApiServer:
        if self._deadline is None:
            self._deadline = Deadline.after(self._options.deadline)
        if self._server is None:
            connection = self._connect(self._deadline, problems)
            problems.raise_errors()
            assert connection is not None  # noqa: S101 (for the type checker: else there was a problem)
            self._server = ApiServer(connection, self._deadline, self._options.retry, self._options.limits)
        return self._server

    def _connect(self, deadline: Deadline, problems: Problems) -> Connection | None:
        options = self._options
        before = len(problems.errors)
        files = kubeconfig_files(options.kubeconfig, options.environ, problems)
        if files:
            access = read_access(files, options.context, problems)
            access = access and resolve_credentials(access, options.environ, deadline, problems)
            return connect(access, problems) if access else None
        if options.context is None and in_cluster(options.environ, options.service_account):
            return connect_in_cluster(options.environ, problems, options.service_account)
        if len(problems.errors) == before:
            problems.error(
                "there is no kubeconfig, and this is no pod with a service account",
                remedy="name a file with --kubeconfig or $KUBECONFIG; the default is ~/.kube/config",
            )
        return None

    def _within(self, server: ApiServer, work: Callable[[], _T], problems: Problems) -> _T:
        assert self._deadline is not None  # noqa: S101 (for the type checker: the server was reached)
        try:
            return DeadlineThread(self._deadline, work).result()
        except UnansweredError as error:
            remedy = _REMEDIES.get(error.why.cause, _REMEDY)
            if isinstance(error.why, ForbiddenError):
                remedy = f"bind a role to this identity that allows {error.question.permission}"
            _fail(f"cannot {error.question.what}", server, error.why, problems, remedy)
        except LookupFailedError as error:
            _fail("cannot read all", server, error, problems, _REMEDIES.get(error.cause, _REMEDY))

    def _objects(self, server: ApiServer, scope: ClusterQuery, selection: Selection) -> Iterator[Document]:
        question = list_of("nodes", query={"labelSelector": f"{NIC_LABEL}=true", "limit": self._options.page})
        yield from list_all(server, question, selection, "nodes")
        served = server.ask(DISCOVERY, _groups) if scope.openshift or scope.owners else frozenset()
        questions = [
            object_of("ConfigMap", "configmaps", name, namespace=scope.namespace)
            for name in scope.config_maps
        ]
        if scope.openshift:
            questions += _openshift_objects(served)
        for question in questions:
            document = _object(server, question, selection)
            if document is not None:
                yield document
        if scope.owners and _OPERATOR in served:
            yield from _policies(server, selection)


def _fail(
    what: str, server: ApiServer, error: LookupFailedError, problems: Problems, remedy: str
) -> NoReturn:
    problems.error(
        f"{what} of the cluster at {server.name}: {error.reason}", category=Category.UNKNOWN, remedy=remedy
    )
    raise (PassingError if _may_pass(error) else GenerationError)(tuple(problems))


def _may_pass(error: LookupFailedError) -> bool:
    """Say whether the same question may well be answered later."""
    if isinstance(error, UnavailableError):
        # What is worth one try will fail again: a server without TLS, a proxy that refuses.
        return error.tries != 1
    return error.cause in (Cause.TRANSIENT, Cause.DEADLINE)


def _has_node(server: ApiServer, name: str) -> bool:
    query: dict[str, str | int] = {"fieldSelector": f"metadata.name={name}", "limit": 1}
    found = list_all(server, list_of("nodes", query=query), _NAME, "nodes")
    return any(text_at(node.value, "metadata", "name") == name for node in found)


def _openshift_objects(served: frozenset[str]) -> Iterator[ApiRequest]:
    """Ask for OpenShift's objects, of those groups that the API server serves: other clusters have none.

    Whether it serves them anybody may see; a role that lacks them would hide that they do not exist.
    """
    if _IMAGE in served:
        yield object_of(
            "ImageStream", "imagestreams", "driver-toolkit", group=f"{_IMAGE}/v1", namespace="openshift"
        )
    if _CONFIG in served:
        yield object_of("Proxy", "proxies", "cluster", group=f"{_CONFIG}/v1")


def _policies(server: ApiServer, selection: Selection) -> Iterator[Document]:
    """Yield the operator's policies as far as they may be seen: they are good for a warning alone."""
    for resource in ("nicclusterpolicies", "nicnodepolicies"):
        question = list_of(resource, group=f"{_OPERATOR}/v1alpha1", query={"limit": PAGE})
        try:
            yield from list_all(server, question, selection, resource)
        except UnansweredError as error:
            if not isinstance(error.why, ForbiddenError | NotServedError):
                raise


def _groups(body: Readable) -> frozenset[str]:
    head = _single(body, "", {"kind": ALL, "groups": ALL, REST: NOTHING}, "APIGroupList").value
    groups = head.get("groups")
    found = groups if isinstance(groups, list) else []
    return frozenset(str(group.get("name")) for group in found if isinstance(group, dict))


def _object(server: ApiServer, question: ApiRequest, selection: Selection) -> Document | None:
    """Return an object, or None when the API server says that it is not there."""
    try:
        return server.ask(question, lambda body: _single(body, question.file, selection, question.kind))
    except NotThereError:
        return None


def _single(body: Readable, file: str, selection: Selection, kind: str) -> Document:
    documents = list(read_json(body, file, selection, admit=_refuse))
    value = documents[0].value if len(documents) == 1 else None
    if not isinstance(value, dict) or value.get("kind") != kind:
        raise SyntaxProblem(0, f"is no {kind}")
    return Document(value, file, 0)


def _refuse(_item: Document) -> None:
    """End the reading of a list where an object is wanted: it may have any number of items."""
    raise SyntaxProblem(0, "is a list")
