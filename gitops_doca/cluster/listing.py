"""Lists of an API server in pages; one that expires while it is read begins anew."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from gitops_doca.cluster.api import ApiServer, DeadlineThread, ExpiredError, ListLimits, UnansweredError
from gitops_doca.cluster.request import ApiRequest
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.json_reader import read_list, read_list_head
from gitops_doca.sources.reading.selection import ALL, Selection

PAGE = 500
"""Objects of one page, as kubectl asks for them."""
_LISTS = 3
"""How often a list is begun; it expires when reading it takes minutes."""
_MAX_TOKEN = 4 << 10
"""Characters of a `continue` token; those of an API server have a few hundred."""
_WEIGHT = 128
"""Bytes that Python takes for one value, beside its text."""
# Of an item there is no such field; of a page it leads to the next one.
_PAGING: Mapping[str, Selection] = {"metadata": {"continue": ALL}}


def list_all(server: ApiServer, question: ApiRequest, selection: Selection, resource: str) -> list[Document]:
    """Return all objects of one list: when it expires, of another one from its beginning.

    `resource` names them in messages. Raises `UnansweredError`, also for a list beyond the server's limits.
    """
    for _ in range(_LISTS):
        try:
            return list(_pages(server, question, selection, resource, _Tally(server.limits)))
        except ExpiredError:
            continue
        except LookupFailedError as why:
            raise UnansweredError(question, why) from None
    expired = LookupFailedError(Cause.TRANSIENT, f"the list expired {_LISTS} times while it was read")
    raise UnansweredError(question, expired)


class _Tally:
    """Counts what a list has been so far; raises `LookupFailedError` when it is too much."""

    def __init__(self, limits: ListLimits) -> None:
        self._limits = limits
        self._objects = self._received = self._kept = 0
        self._tokens: set[str] = set()

    def receive(self, body: bytes) -> None:
        """Count a page."""
        self._received += len(body)
        if self._received > self._limits.received:
            raise _endless(f"a list of more than {self._limits.received >> 20:,} MiB")

    def admit(self, item: Document) -> None:
        """Count an object, by what is read of it."""
        self._objects += 1
        self._kept += _weight(item.value)
        if self._objects > self._limits.objects:
            raise _endless(f"a list of more than {self._limits.objects:,} objects")
        if self._kept > self._limits.kept:
            raise _endless(f"a list that takes more than {self._limits.kept >> 20:,} MiB of memory")

    def follow(self, token: str) -> None:
        """Count the way to another page, which no page has led to before."""
        if len(token) > _MAX_TOKEN:
            raise _endless(f"a continue token of more than {_MAX_TOKEN:,} characters")
        if token in self._tokens:
            raise _endless("a list that leads to the same page again")
        self._tokens.add(token)


def _endless(what: str) -> LookupFailedError:
    return LookupFailedError(Cause.PROTOCOL, f"{what}, which no API server of this cluster should send")


def _weight(value: object) -> int:
    """Estimate the bytes of a value in memory; the readers bound how deep it is."""
    if isinstance(value, dict):
        return _WEIGHT + sum(_weight(key) + _weight(item) for key, item in value.items())
    if isinstance(value, list):
        return _WEIGHT + sum(map(_weight, value))
    return _WEIGHT + (len(value) if isinstance(value, str) else 0)


def named(item: Document, resource: str) -> Document:
    """Give an item of a list the place that messages name: its line in a page helps nobody."""
    metadata = item.value.get("metadata") if isinstance(item.value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    place = f"cluster {resource}/{name}" if isinstance(name, str) else f"cluster {resource}"
    return Document(item.value, place, 0)


def _pages(
    server: ApiServer, question: ApiRequest, selection: Selection, resource: str, tally: _Tally
) -> Iterator[Document]:
    """Yield the objects of all pages; while one is read the next is on its way."""
    parse = partial(read_list, file="", selection=selection, of_list=_PAGING, admit=tally.admit)
    body = server.fetch(question)
    while True:
        tally.receive(body)
        # The API server writes it first; elsewhere there is nothing to fetch ahead.
        head = server.parse_response(question, body, partial(read_list_head, selection=_PAGING))
        early = _continue(head)
        ahead = (
            DeadlineThread(server.deadline, partial(server.fetch, question.following(early)))
            if early
            else None
        )
        items, head = server.parse_response(question, body, parse)
        yield from (named(item, resource) for item in items)
        following = _continue(head)
        if not following:
            return
        tally.follow(following)
        body = ahead.result() if ahead else server.fetch(question.following(following))


def _continue(head: Mapping[str, Any]) -> str:
    metadata = head.get("metadata")
    token = metadata.get("continue") if isinstance(metadata, dict) else None
    return token if isinstance(token, str) else ""
