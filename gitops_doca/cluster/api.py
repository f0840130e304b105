"""Ask the API server, with GET alone: retries, one deadline, and what an answer that is none means."""

import io
import json
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, TypeVar

import urllib3

from gitops_doca.cluster.connection import Connection
from gitops_doca.cluster.request import ApiRequest
from gitops_doca.core.resolve.lookup import AnswersTooLargeError, Cause
from gitops_doca.net.request_errors import (
    LookupFailedError,
    UnavailableError,
    cause_of,
    classify,
    status_text,
)
from gitops_doca.net.retry import (
    MAX_RETRY_AFTER,
    Deadline,
    RetryPolicy,
    is_retryable,
    parse_retry_after,
)
from gitops_doca.sources.reading.syntax import TOO_LARGE, Readable, SyntaxProblem

RETRY = RetryPolicy(connect_timeout=10.0, read_timeout=30.0)
"""The API server may take seconds for a page of large nodes."""
MAX_ANSWER = 128 << 20
"""Bytes of one answer; a page of nodes has ten million."""
_SMALL = 64 * 1024
_CHUNK = 1 << 20
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLimits:
    """How much one list may be, over all of its pages: far more than 100,000 nodes, and less than memory."""

    objects: int = 200_000
    received: int = 8 << 30
    """Bytes; 100,000 nodes with their images and annotations have 2.5 GB."""
    kept: int = 512 << 20
    """Bytes of memory, estimated, of what is read of the objects; of a node that is 3,000."""


LIMITS = ListLimits()


class NotThereError(Exception):
    """The API server itself says that there is no such object."""


class ExpiredError(Exception):
    """The rest of a list is no longer to be had: it has to be read anew."""


class NotServedError(LookupFailedError):
    """The API server knows no such resource, or is none."""


class ForbiddenError(LookupFailedError):
    """The identity may not do what was asked."""


class UnansweredError(Exception):
    """A question that got no usable answer, and why."""

    def __init__(self, question: ApiRequest, why: LookupFailedError) -> None:
        super().__init__(why.reason)
        self.question = question
        self.why = why


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

    def ask(self, question: ApiRequest, parse: Callable[[Readable], _T]) -> _T:
        """Return what `parse` makes of the answer; raises as `fetch` and `parse_response` do."""
        return self.parse_response(question, self.fetch(question), parse)

    def parse_response(self, question: ApiRequest, body: bytes, parse: Callable[[Readable], _T]) -> _T:
        """Return what `parse` makes of a body.

        Raises `UnansweredError` for its `SyntaxProblem` and `LookupFailedError`, and when the time is over.
        """
        try:
            return parse(_Timely(body, self._check))
        except SyntaxProblem as problem:
            what = TOO_LARGE if problem.message == TOO_LARGE else "is not the JSON of an API server"
            why = LookupFailedError(Cause.PROTOCOL, f"an answer that {what}")
        except LookupFailedError as error:
            why = error
        raise UnansweredError(question, why) from None

    def fetch(self, question: ApiRequest) -> bytes:
        """Return the body of the answer, whole.

        Raises `NotThereError` for an object that is not there, `ExpiredError` for a list that cannot go on,
        and `UnansweredError` for all else.
        """
        try:
            return self._persist(question)
        except LookupFailedError as why:
            raise UnansweredError(question, why) from None

    def _persist(self, question: ApiRequest) -> bytes:
        tried = 0
        while True:
            tried += 1
            try:
                return self._try(question)
            except UnavailableError as outage:
                tries = self._retry.tries if outage.tries is None else min(outage.tries, self._retry.tries)
                if tried >= tries:
                    raise
                wait = outage.wait if isinstance(outage, _BusyError) else None
                pause = self._retry.backoff(tried) if wait is None else wait
                if pause > MAX_RETRY_AFTER or pause >= self.deadline.left:
                    raise
            time.sleep(pause)

    def _try(self, question: ApiRequest) -> bytes:
        self._check()
        left = self.deadline.left
        timeout = urllib3.Timeout(
            connect=min(self._retry.connect_timeout, left), read=min(self._retry.read_timeout, left)
        )
        try:
            response = self._connection.pool.request(
                "GET",
                self._connection.url + question.target,
                headers=self._connection.headers,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=timeout,
            )
            try:
                body = _read(response, MAX_ANSWER if response.status == HTTPStatus.OK else _SMALL)
            finally:
                # A connection whose answer was read to its end is back in the pool, and stays open.
                response.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self._check()
            # The cause stays behind: it may quote a token.
            raise classify(error) from None
        if response.status != HTTPStatus.OK:
            raise self._failure(question, response, body)
        if len(body) > MAX_ANSWER:
            raise LookupFailedError(Cause.PROTOCOL, f"an answer of more than {MAX_ANSWER >> 20} MiB")
        return body

    def _failure(self, question: ApiRequest, response: urllib3.BaseHTTPResponse, start: bytes) -> Exception:
        status, shown = response.status, status_text(response.status)
        failure: Exception
        match status:
            case HTTPStatus.UNAUTHORIZED:
                why = "the credentials are not accepted, or have expired"
                if not self._connection.shows_identity:
                    why = "the kubeconfig has no credentials for this context"
                failure = LookupFailedError(Cause.AUTH, f"{shown}: {why}")
            case HTTPStatus.FORBIDDEN:
                failure = ForbiddenError(Cause.AUTH, f"{shown}: no role allows {question.permission}")
            case HTTPStatus.NOT_FOUND if question.kind and _reason(start) == "NotFound":
                failure = NotThereError()
            case HTTPStatus.NOT_FOUND:
                failure = NotServedError(Cause.PROTOCOL, f"{shown}: the server does not know such a resource")
            case HTTPStatus.GONE:
                failure = ExpiredError()
            case _ if is_retryable(status):
                failure = _BusyError(shown, parse_retry_after(response.headers.get("Retry-After", "")))
            case _ if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
                failure = LookupFailedError(Cause.POLICY, f"{shown}, a redirect, which no API server needs")
            case _:
                failure = LookupFailedError(cause_of(status), shown)
        return failure

    def _check(self) -> None:
        if not self.deadline.left:
            raise late(self.deadline)


class _BusyError(UnavailableError):
    def __init__(self, reason: str, wait: float | None) -> None:
        super().__init__(Cause.TRANSIENT, reason, answered=True)
        self.wait = wait


class _Timely:
    """A body that can be read until a deadline: taking it apart may need longer than fetching it."""

    def __init__(self, body: bytes, check: Callable[[], None]) -> None:
        self._body = io.BytesIO(body)
        self._check = check

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; raises as `check` does."""
        self._check()
        return self._body.read(size)


def _read(response: urllib3.BaseHTTPResponse, cap: int) -> bytes:
    """Return the body, and a little more than the cap of one that is larger."""
    body = bytearray()
    while len(body) <= cap and (chunk := response.read(min(_CHUNK, cap + 1))):
        body += chunk
    return bytes(body)


def _reason(body: bytes) -> str:
    """Return the reason of a `Status`, as the API server sends it with whatever fails."""
    try:
        status = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return (
        str(status.get("reason", "")) if isinstance(status, dict) and status.get("kind") == "Status" else ""
    )


def late(deadline: Deadline) -> LookupFailedError:
    """Return the error for what a deadline cut off."""
    return LookupFailedError(Cause.DEADLINE, f"no answer within the {deadline.seconds:g} s of --deadline")


class DeadlineThread(Generic[_T]):
    """Work in a thread of its own, which is left behind at the deadline.

    A name server, or a server that sends a byte now and again, could hold it for hours.
    """

    def __init__(self, deadline: Deadline, work: Callable[[], _T]) -> None:
        self._deadline = deadline
        self._work = work
        self._done: queue.SimpleQueue[tuple[_T | None, BaseException | None]] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True, name="cluster").start()

    def _run(self) -> None:
        try:
            self._done.put((self._work(), None))
        except BaseException as error:  # noqa: BLE001 (raised again where somebody sees it)
            self._done.put((None, error))

    def result(self) -> _T:
        """Return what the work returns, or raise what it raises.

        Raises `LookupFailedError` when the time is over, and `AnswersTooLargeError` when the work
        lacks memory.
        """
        try:
            result, error = self._done.get(timeout=self._deadline.left)
        except queue.Empty:
            raise late(self._deadline) from None
        if isinstance(error, MemoryError):
            raise AnswersTooLargeError(
                "API server", "commit the inventory that gitops-doca inventory --write makes elsewhere"
            ) from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # there is a result or an error
