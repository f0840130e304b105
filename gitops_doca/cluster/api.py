"""Read from an API server with GET requests, with retries and a deadline."""

import io
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

import urllib3

from gitops_doca.cluster.connection import Connection
from gitops_doca.cluster.request import ApiRequest
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.deadline import Deadline
from gitops_doca.net.request_errors import (
    LookupFailedError,
    UnavailableError,
    cause_of,
    classify,
    status_text,
)
from gitops_doca.net.retry import RetryPolicy, is_retryable, parse_retry_after, retry
from gitops_doca.net.transport import read_body
from gitops_doca.sources.reading.syntax import TOO_LARGE, Readable, SyntaxProblem

RETRY = RetryPolicy(connect_timeout=10.0, read_timeout=30.0)
"""Seconds; an API server may need several for a page of large nodes."""
MAX_ANSWER = 128 << 20
"""The largest response in bytes; a page of nodes has ten million."""
_SMALL = 64 * 1024
_CHUNK = 1 << 20
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLimits:
    """Limits of a list with all its pages: more than 100,000 nodes need, and less than memory."""

    objects: int = 200_000
    received: int = 8 << 30
    """Bytes; 100,000 nodes with their images and annotations have 2.5 GB."""
    kept: int = 512 << 20
    """Estimated bytes of memory for the parts of the objects that are read; a node has 3,000."""


LIMITS = ListLimits()


class NotFoundError(Exception):
    """The API server says that the object does not exist."""


class ListExpiredError(Exception):
    """The next page of a list has expired, so the list has to be read again."""


class NotServedError(LookupFailedError):
    """The server does not serve this resource, or is no API server."""


class ForbiddenError(LookupFailedError):
    """No role allows the request."""


class ApiRequestError(Exception):
    """A request without a usable answer, and why."""

    def __init__(self, request: ApiRequest, error: LookupFailedError) -> None:
        super().__init__(error.reason)
        self.request = request
        self.error = error


class ApiServer:
    """Reads from one API server until a deadline."""

    def __init__(
        self, connection: Connection, deadline: Deadline, retry: RetryPolicy, limits: ListLimits
    ) -> None:
        self._connection = connection
        self.deadline = deadline
        self.limits = limits
        self._retry = retry

    @property
    def name(self) -> str:
        """Host and port."""
        return self._connection.name

    def get(self, request: ApiRequest, parse: Callable[[Readable], _T]) -> _T:
        """Fetch and `parse` a response; raises as `fetch` and `parse_response` do."""
        return self.parse_response(request, self.fetch(request), parse)

    def parse_response(self, request: ApiRequest, body: bytes, parse: Callable[[Readable], _T]) -> _T:
        """Return the result of `parse` for a body.

        Raises `ApiRequestError` for its `SyntaxProblem` and `LookupFailedError`, and when the
        deadline has passed.
        """
        try:
            return parse(_DeadlineReader(body, self.deadline))
        except SyntaxProblem as problem:
            what = TOO_LARGE if problem.message == TOO_LARGE else "is not JSON of an API server"
            failure = LookupFailedError(Cause.PROTOCOL, f"an answer that {what}")
        except LookupFailedError as error:
            failure = error
        raise ApiRequestError(request, failure) from None

    def fetch(self, request: ApiRequest) -> bytes:
        """Return the whole body of the response.

        Raises `NotFoundError` for an object that does not exist, `ListExpiredError` for a page that
        has expired, and otherwise `ApiRequestError`.
        """
        try:
            return retry(lambda _: self._send(request), self._retry, self.deadline)
        except LookupFailedError as error:
            raise ApiRequestError(request, error) from None

    def _send(self, request: ApiRequest) -> bytes:
        self.deadline.check()
        connect, read = self._retry.timeouts(self.deadline)
        try:
            response = self._connection.pool.request(
                "GET",
                self._connection.url + request.target,
                headers=self._connection.headers,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=connect, read=read),
            )
            cap = MAX_ANSWER if response.status == HTTPStatus.OK else _SMALL
            try:
                body, truncated = read_body(response.stream(_CHUNK), cap, self.deadline)
            finally:
                # A connection whose response was read to its end stays open in the pool.
                response.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self.deadline.check()
            # Without the cause, which may quote a token.
            raise classify(error) from None
        if response.status != HTTPStatus.OK:
            raise self._failure(request, response, body)
        if truncated:
            raise LookupFailedError(Cause.PROTOCOL, f"an answer of more than {MAX_ANSWER >> 20} MiB")
        return body

    def _failure(self, request: ApiRequest, response: urllib3.BaseHTTPResponse, body: bytes) -> Exception:
        status, shown = response.status, status_text(response.status)
        failure: Exception
        match status:
            case HTTPStatus.UNAUTHORIZED:
                why = "the credentials are not accepted, or have expired"
                if not self._connection.has_credentials:
                    why = "the kubeconfig has no credentials for this context"
                failure = LookupFailedError(Cause.AUTH, f"{shown}: {why}")
            case HTTPStatus.FORBIDDEN:
                failure = ForbiddenError(Cause.AUTH, f"{shown}: no role allows {request.permission}")
            case HTTPStatus.NOT_FOUND if request.kind and _reason(body) == "NotFound":
                failure = NotFoundError()
            case HTTPStatus.NOT_FOUND:
                failure = NotServedError(Cause.PROTOCOL, f"{shown}: the server has no such resource")
            case HTTPStatus.GONE:
                failure = ListExpiredError()
            case _ if is_retryable(status):
                wait = parse_retry_after(response.headers.get("Retry-After", ""))
                failure = UnavailableError(Cause.TRANSIENT, shown, answered=True, retry_after=wait)
            case _ if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
                failure = LookupFailedError(Cause.POLICY, f"{shown}, a redirect, which no API server needs")
            case _:
                failure = LookupFailedError(cause_of(status), shown)
        return failure


class _DeadlineReader:
    """A body that can be read until a deadline: parsing it may take longer than fetching it."""

    def __init__(self, body: bytes, deadline: Deadline) -> None:
        self._body = io.BytesIO(body)
        self._deadline = deadline

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; raises as `Deadline.check` does."""
        self._deadline.check()
        return self._body.read(size)


def _reason(body: bytes) -> str:
    """Return the reason of a `Status`, which an API server sends with each failure."""
    try:
        status = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return (
        str(status.get("reason", "")) if isinstance(status, dict) and status.get("kind") == "Status" else ""
    )
