"""Read an inventory, its pull secrets and the driver DaemonSets from a live cluster."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeVar

from gitops_doca.cluster.api import (
    LIMITS,
    RETRY,
    ApiRequestError,
    ApiServer,
    ForbiddenError,
    ListLimits,
    NotFoundError,
    NotServedError,
)
from gitops_doca.cluster.connection import (
    SERVICE_ACCOUNT,
    Connection,
    connect,
    connect_in_cluster,
    in_cluster,
)
from gitops_doca.cluster.credentials import resolve_credentials
from gitops_doca.cluster.drivers import read_drivers
from gitops_doca.cluster.kubeconfig import kubeconfig_files, read_context
from gitops_doca.cluster.listing import PAGE, list_all
from gitops_doca.cluster.request import DISCOVERY, ApiRequest, list_request, object_request
from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.compare.status import Drivers
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import (
    AnswersTooLargeError,
    Category,
    Flag,
    GenerationError,
    Help,
    PassingError,
    Problems,
)
from gitops_doca.core.model import NIC_LABEL, OPERATOR_STATE, OPERATOR_STATE_LABEL, Inventory, OtherNodes
from gitops_doca.core.paths import text_at
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.deadline import Deadline, DeadlineThread
from gitops_doca.net.request_errors import LookupFailedError, UnavailableError
from gitops_doca.net.retry import RetryPolicy
from gitops_doca.sources.inventory import build_inventory
from gitops_doca.sources.pull_secret import SELECTION, Auths, read_pull_secret
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.json_reader import read_json
from gitops_doca.sources.reading.selection import ALL, NOTHING, REST, Selection, object_selection
from gitops_doca.sources.reading.syntax import Readable, SyntaxProblem

_CONFIG, _IMAGE, _OPERATOR = "config.openshift.io", "image.openshift.io", "mellanox.com"
_HELP_BY_CAUSE: Mapping[Cause, Help] = {
    Cause.AUTH: "log in again, or choose other credentials with --context or --kubeconfig",
    Cause.TLS: "name the CA of the API server in the kubeconfig; no flag turns the check off",
    Cause.CERTIFICATE_NAME: "correct server in the kubeconfig, or write a host name of the certificate as "
    "tls-server-name beside it",
    Cause.CERTIFICATE_TIME: "replace the certificate of the API server, or correct this machine's clock",
    Cause.DEADLINE: ("give it more time with ", Flag("--deadline")),
}
_POLICY_LISTS = {
    resource: list_request(resource, group=f"{_OPERATOR}/v1alpha1", query={"limit": PAGE})
    for resource in ("nicclusterpolicies", "nicnodepolicies")
}
EVERY_COMMAND = "all commands that read the cluster"
_NAME: Selection = {"metadata": {"name": ALL}}
_HELP = "check that kubectl get nodes works from here with the same kubeconfig and context"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """Which cluster is read, and how; the only environment is `environ`."""

    environ: Mapping[str, str] = field(repr=False)
    kubeconfig: str | None = None
    """A file; None: the files that kubectl would read, or the service account of the pod."""
    context: str | None = None
    deadline: float = 120.0
    """Seconds of wall clock for all requests to the cluster."""
    page: int = PAGE
    retry: RetryPolicy = RETRY
    limits: ListLimits = LIMITS
    service_account: Path = SERVICE_ACCOUNT


class Access(NamedTuple):
    """What an identity may read of a cluster."""

    server: str
    """Host and port."""
    lacking: tuple[tuple[str, str], ...]
    """What its role does not allow, such as `list on nodes`, and the commands that need it."""


class LiveCluster:
    """One cluster; it is connected to for the first object, and never written to."""

    def __init__(self, options: LiveOptions) -> None:
        self._options = options
        self._deadline: Deadline | None = None
        self._server: ApiServer | None = None

    def inventory(self, query: ClusterQuery, problems: Problems) -> Inventory:
        """Return the NIC nodes, and those of the other objects that exist.

        Raises `GenerationError`: class `input` for a kubeconfig that cannot be used, class
        `unknown` for an API server that gives no usable answer.
        """
        server = self._connected(problems)
        selection = object_selection(query.labels)
        documents = _run(server, lambda: list(self._objects(server, query, selection)), problems)
        inventory = build_inventory(documents, query.labels, problems, ignored_taints=query.ignored_taints)
        return inventory if inventory.nodes else replace(inventory, others=self._others(server))

    def _others(self, server: ApiServer) -> OtherNodes:
        """Return why no node has a NIC, by the labels of all nodes, if they can be read."""
        request = list_request("nodes", query={"limit": self._options.page})
        selection = object_selection(similar=True)
        try:
            nodes = _in_thread(server, lambda: list_all(server, request, selection, "nodes"))
        except (ApiRequestError, LookupFailedError):
            # That there is no NIC node is known. This only helps to say why.
            return OtherNodes()
        return build_inventory(nodes, (), Problems()).others

    def pull_secrets(self, query: ClusterQuery, problems: Problems) -> list[tuple[str, Auths]]:
        """Return the policies' pull secrets, each with its place; warns of one that does not exist.

        Raises `GenerationError` as `inventory` does, and for one that is forbidden or invalid.
        """
        if not query.pull_secrets:
            return []
        server = self._connected(problems)
        pull_secrets = []
        for name in query.pull_secrets:
            request = object_request("Secret", "secrets", name, namespace=query.namespace)
            document = _run(server, partial(_object, server, request, SELECTION), problems)
            if document is None:
                problems.warn(
                    f"the pull secret {name} is not in namespace {query.namespace} of the cluster, "
                    "so registries are queried without it"
                )
                continue
            before = len(problems.errors)
            secrets = list(read_pull_secret(document, problems))
            if not secrets and len(problems.errors) == before:
                problems.warn(f"the Secret {name} in namespace {query.namespace} is not a pull secret")
            pull_secrets += [(document.file, auths) for _, auths in secrets]
        problems.raise_errors()
        return pull_secrets

    def drivers(self, namespace: str, problems: Problems) -> Drivers:
        """Return the driver DaemonSets and driver pods of a namespace; raises as `inventory` does."""
        server = self._connected(problems)
        return _run(server, partial(read_drivers, server, namespace, self._options.page), problems)

    @property
    def is_configured(self) -> bool:
        """Whether there is a kubeconfig, even an unusable one, or the service account of a pod."""
        options, problems = self._options, Problems()
        found = kubeconfig_files(options.kubeconfig, options.environ, problems) or problems.errors
        named = bool(found) or options.context is not None
        return named or in_cluster(options.environ, options.service_account)

    def access(self, query: ClusterQuery, problems: Problems) -> Access:
        """Ask for one page of each thing that commands read, but no Secret; raises as `inventory`."""
        server = self._connected(problems)
        return _run(server, lambda: Access(server.name, tuple(_lacking(server, query))), problems)

    def policies(self, problems: Problems) -> list[Document]:
        """Return the operator's policies, whole; none if the cluster does not know them.

        Raises as `inventory` does.
        """
        server = self._connected(problems)
        return _run(server, partial(_stored_policies, server), problems)

    def has_operator_drivers(self, namespace: str, problems: Problems) -> bool:
        """Say whether a namespace has driver DaemonSets of the operator; False if that is forbidden.

        Raises as `inventory` does.
        """
        server = self._connected(problems)
        query: dict[str, str | int] = {
            "labelSelector": f"{OPERATOR_STATE_LABEL}={OPERATOR_STATE}",
            "limit": 1,
        }
        request = list_request("daemonsets", group="apps/v1", namespace=namespace, query=query)
        return _run(server, lambda: bool(_permitted(server, request, _NAME, "daemonsets")), problems)

    def find_nodes(self, names: Iterable[str], problems: Problems) -> frozenset[str]:
        """Return which of these nodes exist, with any labels; raises as `inventory`.

        Each is a list of one node, which needs no other permission than to list nodes.
        """
        server = self._connected(problems)
        return _run(server, lambda: frozenset(filter(partial(_has_node, server), names)), problems)

    def _connected(self, problems: Problems) -> ApiServer:
        if self._deadline is None:
            self._deadline = Deadline.after(self._options.deadline, "that all requests have together")
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
            context = read_context(files, options.context, problems)
            context = context and resolve_credentials(context, options.environ, deadline, problems)
            return connect(context, problems) if context else None
        if options.context is None and in_cluster(options.environ, options.service_account):
            return connect_in_cluster(options.environ, problems, options.service_account)
        if len(problems.errors) == before:
            problems.error(
                "there is no kubeconfig, and this is not a pod with a service account",
                help="name a file with --kubeconfig or $KUBECONFIG; the default is ~/.kube/config",
            )
        return None

    def _objects(self, server: ApiServer, query: ClusterQuery, selection: Selection) -> Iterator[Document]:
        request = list_request(
            "nodes", query={"labelSelector": f"{NIC_LABEL}=true", "limit": self._options.page}
        )
        yield from list_all(server, request, selection, "nodes")
        served = server.get(DISCOVERY, _groups) if query.openshift or query.owners else frozenset()
        requests = [
            object_request("ConfigMap", "configmaps", name, namespace=query.namespace)
            for name in query.config_maps
        ]
        if query.openshift:
            requests += _openshift_objects(served)
        for request in requests:
            document = _object(server, request, selection)
            if document is not None:
                yield document
        if query.owners and _OPERATOR in served:
            yield from _policies(server, selection)


def _run(server: ApiServer, work: Callable[[], _T], problems: Problems) -> _T:
    """Return the result of a function; raises `GenerationError` if a request fails."""
    try:
        return _in_thread(server, work)
    except ApiRequestError as failed:
        help = _HELP_BY_CAUSE.get(failed.error.cause, _HELP)
        if isinstance(failed.error, ForbiddenError):
            help = f"bind a role to this identity that allows {failed.request.permission}"
        _fail(f"cannot {failed.request.what}", server, failed.error, problems, help)
    except LookupFailedError as error:
        _fail("cannot read all", server, error, problems, _HELP_BY_CAUSE.get(error.cause, _HELP))


def _in_thread(server: ApiServer, work: Callable[[], _T]) -> _T:
    try:
        return DeadlineThread(work, server.deadline, name="cluster").result()
    except MemoryError:
        raise AnswersTooLargeError(
            "API server", "commit the inventory that gitops-doca inventory --write makes elsewhere"
        ) from None


def _fail(what: str, server: ApiServer, error: LookupFailedError, problems: Problems, help: Help) -> NoReturn:
    problems.error(
        f"{what} of the cluster at {server.name}: {error.reason}", category=Category.UNKNOWN, help=help
    )
    raise (PassingError if _may_pass(error) else GenerationError)(tuple(problems))


def _may_pass(error: LookupFailedError) -> bool:
    """Say whether the same request may succeed later."""
    if isinstance(error, UnavailableError):
        # Errors that are not retried would repeat: a server without TLS, a proxy that refuses.
        return error.tries != 1
    return error.cause in (Cause.TRANSIENT, Cause.DEADLINE)


def _lacking(server: ApiServer, query: ClusterQuery) -> Iterator[tuple[str, str]]:
    """Yield what is forbidden, with the commands that need it."""
    served = server.get(DISCOVERY, _groups)
    needed = [(_first("nodes"), EVERY_COMMAND)]
    if _OPERATOR in served:
        needed += [(_first(one, group=f"{_OPERATOR}/v1alpha1"), "init") for one in _POLICY_LISTS]
    needed += [
        (object_request("ConfigMap", "configmaps", name, namespace=query.namespace), "inventory, --live")
        for name in query.config_maps
    ]
    needed += [(request, "inventory, --live") for request in _openshift_objects(served)]
    for resource, group in (("daemonsets", "apps/v1"), ("controllerrevisions", "apps/v1"), ("pods", "")):
        needed.append((_first(resource, group=group, namespace=query.namespace), "status"))
    for request, commands in needed:
        try:
            server.fetch(request)
        except ApiRequestError as error:
            if isinstance(error.error, ForbiddenError):
                yield request.permission, commands
            elif not isinstance(error.error, NotServedError):
                raise
        except NotFoundError:
            pass


def _first(resource: str, *, group: str = "", namespace: str = "") -> ApiRequest:
    return list_request(resource, group=group, namespace=namespace, query={"limit": 1})


def _has_node(server: ApiServer, name: str) -> bool:
    query: dict[str, str | int] = {"fieldSelector": f"metadata.name={name}", "limit": 1}
    nodes = list_all(server, list_request("nodes", query=query), _NAME, "nodes")
    return any(text_at(node.value, "metadata", "name") == name for node in nodes)


def _openshift_objects(served: frozenset[str]) -> Iterator[ApiRequest]:
    """Yield requests for OpenShift's objects in those groups that the API server serves.

    Every identity may see the groups. Without them a role without permission would look like
    another failure.
    """
    if _IMAGE in served:
        yield object_request(
            "ImageStream", "imagestreams", "driver-toolkit", group=f"{_IMAGE}/v1", namespace="openshift"
        )
    if _CONFIG in served:
        yield object_request("Proxy", "proxies", "cluster", group=f"{_CONFIG}/v1")


def _policies(server: ApiServer, selection: Selection) -> Iterator[Document]:
    """Yield the operator's policies that may be read; they are needed for a warning only."""
    for resource, request in _POLICY_LISTS.items():
        yield from _permitted(server, request, selection, resource)


def _stored_policies(server: ApiServer) -> list[Document]:
    """Return the operator's policies; a kind that the cluster does not know has no objects."""
    found = []
    for resource, request in _POLICY_LISTS.items():
        try:
            found += list_all(server, request, ALL, resource)
        except ApiRequestError as error:
            if not isinstance(error.error, NotServedError):
                raise
    return found


def _permitted(server: ApiServer, request: ApiRequest, selection: Selection, resource: str) -> list[Document]:
    """Return the objects of a list; none if it is forbidden or not served."""
    try:
        return list_all(server, request, selection, resource)
    except ApiRequestError as error:
        if not isinstance(error.error, ForbiddenError | NotServedError):
            raise
    return []


def _groups(body: Readable) -> frozenset[str]:
    head = _single(body, "", {"kind": ALL, "groups": ALL, REST: NOTHING}, "APIGroupList").value
    groups = head.get("groups")
    listed = groups if isinstance(groups, list) else []
    return frozenset(str(group.get("name")) for group in listed if isinstance(group, dict))


def _object(server: ApiServer, request: ApiRequest, selection: Selection) -> Document | None:
    """Return an object; None if the API server says that it does not exist."""
    try:
        return server.get(request, lambda body: _single(body, request.file, selection, request.kind))
    except NotFoundError:
        return None


def _single(body: Readable, file: str, selection: Selection, kind: str) -> Document:
    documents = list(read_json(body, file, selection, admit=_refuse))
    value = documents[0].value if len(documents) == 1 else None
    if not isinstance(value, dict) or value.get("kind") != kind:
        raise SyntaxProblem(0, f"is not a {kind}")
    return Document(value, file, 0)


def _refuse(_item: Document) -> None:
    """Stop reading a list where one object was expected; a list may be large."""
    raise SyntaxProblem(0, "is a list")
