"""Read lists of an API server in pages; restart a list that expires."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from gitops_doca.cluster.api import ApiRequestError, ApiServer, ListExpiredError, ListLimits
from gitops_doca.cluster.request import ApiRequest
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.deadline import DeadlineThread
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.json_reader import read_list, read_list_head
from gitops_doca.sources.reading.selection import ALL, Selection

PAGE = 500
"""Objects of one page, the same as kubectl's."""
_LISTS = 3
"""How often a list is read from its beginning; it expires when reading takes minutes."""
_MAX_TOKEN = 4 << 10
"""Characters of a `continue` token; those of API servers have a few hundred."""
_WEIGHT = 128
"""Bytes of a value in Python, without its text."""
# The field of a list that names its next page.
_PAGING: Mapping[str, Selection] = {"metadata": {"continue": ALL}}


def list_all(server: ApiServer, request: ApiRequest, selection: Selection, resource: str) -> list[Document]:
    """Return all objects of one list, which is read again if it expires.

    `resource` names them in messages. Raises `ApiRequestError`, also for a list over the server's
    limits.
    """
    for _ in range(_LISTS):
        try:
            return list(_pages(server, request, selection, resource, _ListCounter(server.limits)))
        except ListExpiredError:
            continue
        except LookupFailedError as error:
            raise ApiRequestError(request, error) from None
    expired = LookupFailedError(Cause.TRANSIENT, f"the list expired {_LISTS} times while it was read")
    raise ApiRequestError(request, expired)


class _ListCounter:
    """Adds up the pages of a list; raises `LookupFailedError` when they are over the limits."""

    def __init__(self, limits: ListLimits) -> None:
        self._limits = limits
        self._objects = self._received = self._kept = 0
        self._tokens: set[str] = set()

    def receive(self, body: bytes) -> None:
        """Count a page."""
        self._received += len(body)
        if self._received > self._limits.received:
            raise _over_limit(f"a list of more than {self._limits.received >> 20:,} MiB")

    def admit(self, item: Document) -> None:
        """Count an object and the memory that it needs."""
        self._objects += 1
        self._kept += _weight(item.value)
        if self._objects > self._limits.objects:
            raise _over_limit(f"a list of more than {self._limits.objects:,} objects")
        if self._kept > self._limits.kept:
            raise _over_limit(f"a list that takes more than {self._limits.kept >> 20:,} MiB of memory")

    def next_page(self, token: str) -> None:
        """Check that no page had this token before."""
        if len(token) > _MAX_TOKEN:
            raise _over_limit(f"a continue token of more than {_MAX_TOKEN:,} characters")
        if token in self._tokens:
            raise _over_limit("a list that returns to the same page")
        self._tokens.add(token)


def _over_limit(what: str) -> LookupFailedError:
    return LookupFailedError(Cause.PROTOCOL, f"{what}, which no API server of this cluster should send")


def _weight(value: object) -> int:
    """Estimate the bytes of a value in memory; the readers limit its depth."""
    if isinstance(value, dict):
        return _WEIGHT + sum(_weight(key) + _weight(item) for key, item in value.items())
    if isinstance(value, list):
        return _WEIGHT + sum(map(_weight, value))
    return _WEIGHT + (len(value) if isinstance(value, str) else 0)


def with_place(item: Document, resource: str) -> Document:
    """Return an item of a list with its resource and name, not its line, as its place."""
    metadata = item.value.get("metadata") if isinstance(item.value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    place = f"cluster {resource}/{name}" if isinstance(name, str) else f"cluster {resource}"
    return Document(item.value, place, 0)


def _pages(
    server: ApiServer, request: ApiRequest, selection: Selection, resource: str, counter: _ListCounter
) -> Iterator[Document]:
    """Yield the objects of all pages; while one is parsed the next is fetched."""
    parse = partial(read_list, file="", selection=selection, of_list=_PAGING, admit=counter.admit)
    body = server.fetch(request)
    while True:
        counter.receive(body)
        # API servers write the metadata first; if it comes later, nothing is fetched ahead.
        head = server.parse_response(request, body, partial(read_list_head, selection=_PAGING))
        token = _continue(head)
        ahead = (
            DeadlineThread(partial(server.fetch, request.next_page(token)), server.deadline, name="cluster")
            if token
            else None
        )
        items, head = server.parse_response(request, body, parse)
        yield from (with_place(item, resource) for item in items)
        token = _continue(head)
        if not token:
            return
        counter.next_page(token)
        body = ahead.result() if ahead else server.fetch(request.next_page(token))


def _continue(head: Mapping[str, Any]) -> str:
    metadata = head.get("metadata")
    token = metadata.get("continue") if isinstance(metadata, dict) else None
    return token if isinstance(token, str) else ""
