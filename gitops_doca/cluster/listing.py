"""Lists of an API server in pages; one that expires while it is read begins anew."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from gitops_doca.cluster.api import ApiServer, ExpiredError, Task, UnansweredError, understand
from gitops_doca.cluster.question import Question
from gitops_doca.core.lookup import Cause
from gitops_doca.registry.failures import NoAnswerError
from gitops_doca.sources.json_reader import read_list, read_list_head
from gitops_doca.sources.located import Document
from gitops_doca.sources.selection import ALL, Selection

PAGE = 500
"""Objects of one page, as kubectl asks for them."""
_LISTS = 3
"""How often a list is begun; it expires when reading it takes minutes."""
# Of an item there is no such field; of a page it leads to the next one.
_PAGING: Mapping[str, Selection] = {"metadata": {"continue": ALL}}


def list_all(server: ApiServer, question: Question, selection: Selection, resource: str) -> list[Document]:
    """Return all objects of one list: when it expires, of another one from its beginning.

    `resource` names them in messages. Raises `UnansweredError`.
    """
    for _ in range(_LISTS):
        try:
            return list(_pages(server, question, selection, resource))
        except ExpiredError:
            continue
    why = NoAnswerError(Cause.TRANSIENT, f"the list expired {_LISTS} times while it was read")
    raise UnansweredError(question, why)


def named(item: Document, resource: str) -> Document:
    """Give an item of a list the place that messages name: its line in a page helps nobody."""
    metadata = item.value.get("metadata") if isinstance(item.value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    place = f"cluster {resource}/{name}" if isinstance(name, str) else f"cluster {resource}"
    return Document(item.value, place, 0)


def _pages(server: ApiServer, question: Question, selection: Selection, resource: str) -> Iterator[Document]:
    """Yield the objects of all pages; while one is read the next is on its way."""
    body = server.fetch(question)
    while True:
        # The API server writes it first; elsewhere there is nothing to fetch ahead.
        early = _continue(understand(question, body, partial(read_list_head, selection=_PAGING)))
        ahead = Task(server.deadline, partial(server.fetch, question.following(early))) if early else None
        parse = partial(read_list, file="", selection=selection, of_list=_PAGING)
        items, head = understand(question, body, parse)
        yield from (named(item, resource) for item in items)
        following = _continue(head)
        if not following:
            return
        body = ahead.result() if ahead else server.fetch(question.following(following))


def _continue(head: Mapping[str, Any]) -> str:
    metadata = head.get("metadata")
    token = metadata.get("continue") if isinstance(metadata, dict) else None
    return token if isinstance(token, str) else ""
