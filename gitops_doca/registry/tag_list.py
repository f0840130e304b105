"""Read the tags of a repository, page by page."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from requests.utils import parse_header_links

from gitops_doca.core.reference import Repository, is_tag
from gitops_doca.core.resolve.lookup import Cause, TagList
from gitops_doca.net.origins import parse_origin
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.net.transport import LARGE, Reply
from gitops_doca.registry.endpoint import Endpoint
from gitops_doca.registry.oci_errors import cause_of_reply, describe, error_codes, json_object

MAX_PAGES = 200
MAX_TAGS = 100_000
# Some registries send all tags in one page; Google's add an object for each manifest.
_MAX_VALUES = MAX_TAGS + 50_000
_PAGE_SIZE = 1000
# Quay once refused 1000 with 413; ECR refuses sizes with 400.
_SMALL_PAGE_SIZE = 100
_NO_NEXT = "its pages do not lead to an end"
_TOO_LONG = "it is too long to be read to its end"
_OK, _NOT_FOUND, _REFUSED = 200, 404, {400, 413}


def read_tags(endpoint: Endpoint, repository: Repository) -> Iterator[TagList]:
    """Yield the tags so far after each page; the last list says whether it is complete.

    A page that fails ends the list, which keeps the tags of the pages before.
    """
    tags = TagList()
    try:
        for tags in _read_pages(endpoint, repository):
            yield tags
    except LookupFailedError as error:
        yield replace(tags, complete=False, reason=error.reason, cause=error.cause)


def _read_pages(endpoint: Endpoint, repository: Repository) -> Iterator[TagList]:
    tags: frozenset[str] = frozenset()
    unlinked: frozenset[str] = frozenset()
    size, target, reply = _first_page(endpoint, repository)
    requested, probes = {target}, 0
    while True:
        page = _parse_page(reply)
        if page is None:
            yield _without_page(reply, tags)
            return
        valid = [tag for tag in page if isinstance(tag, str) and is_tag(tag)]
        link = parse_next(reply.headers.getlist("Link"))
        full = len(page) >= size
        if link is not None:
            following = _next_target(endpoint, reply, link)
        else:
            # After a full page without a Link there may still be another page.
            following = _target(repository, n=size, last=valid[-1]) if full and valid else None
        more = tags | set(valid)
        if probes or size == _SMALL_PAGE_SIZE:
            # The operator's client requests large pages only, and follows Links only.
            unlinked |= more - tags
        if following is None:
            yield _last_page(more, unlinked, complete=link is None and not full)
            return
        if more == tags or following in requested:
            # If `last` led to new tags before, the registry starts again after the last page.
            yield _last_page(more, unlinked, complete=probes > 1)
            return
        tags = more
        yield TagList(tags, unlinked=unlinked, reason=_TOO_LONG, cause=Cause.INCONSISTENT)
        if len(tags) >= MAX_TAGS or len(requested) >= MAX_PAGES:
            return
        probes += link is None
        requested.add(following)
        reply = _get(endpoint, repository, following)


def _first_page(endpoint: Endpoint, repository: Repository) -> tuple[int, str, Reply]:
    """Return the page size that the registry accepts, and the target and reply of the first page."""
    target = _target(repository, n=_PAGE_SIZE)
    reply = _get(endpoint, repository, target)
    if reply.status not in _REFUSED:
        return _PAGE_SIZE, target, reply
    target = _target(repository, n=_SMALL_PAGE_SIZE)
    return _SMALL_PAGE_SIZE, target, _get(endpoint, repository, target)


def _last_page(tags: frozenset[str], unlinked: frozenset[str], *, complete: bool) -> TagList:
    return TagList(tags, complete=complete, unlinked=unlinked, reason=_NO_NEXT, cause=Cause.INCONSISTENT)


def _without_page(reply: Reply, tags: frozenset[str]) -> TagList:
    """Return the tags of the pages before a reply that is not a page."""
    if reply.status == _OK:
        return TagList(tags, reason="200 OK with a body that is not a tag list")
    unknown = reply.status == _NOT_FOUND and "NAME_UNKNOWN" in error_codes(reply)
    return TagList(
        tags,
        repository_unknown=unknown and not tags,
        reason=describe(reply),
        cause=Cause.REPOSITORY if unknown else cause_of_reply(reply),
    )


def _target(repository: Repository, **query: str | int) -> str:
    return f"/v2/{repository.path}/tags/list?{urlencode(query)}"


def _get(endpoint: Endpoint, repository: Repository, target: str) -> Reply:
    return endpoint.send("GET", repository, target, accept="application/json", cap=LARGE)[0]


def _parse_page(reply: Reply) -> list[Any] | None:
    """Return the entries of a page, of any type; None for a reply that is not a page."""
    if reply.status != _OK:
        return None
    document = json_object(reply, max_values=_MAX_VALUES)
    # Some registries send null for a repository without tags.
    tags = (document["tags"] or []) if "tags" in document else None
    return tags if isinstance(tags, list) else None


def parse_next(lines: Iterable[str]) -> str | None:
    """Return the next page's address from Link headers (RFC 8288), which has rel=next or no rel.

    Empty for an address that cannot be read, None if there is no next page.
    """
    for line in lines:
        for link in parse_header_links(line):
            relations = {name.lower(): value for name, value in link.items()}.get("rel", "next")
            if "next" in relations.lower().split():
                # requests also takes addresses without brackets, and cuts an address at a
                # semicolon.
                return link["url"] if f"<{link['url']}>" in line else ""
    return None


def _next_target(endpoint: Endpoint, reply: Reply, link: str) -> str | None:
    """Return path and query of the next page; None if it is on another origin or cannot be read."""
    if not link:
        return None
    try:
        url = urljoin(reply.url, link)
        if parse_origin(url) != endpoint.origin:
            return None
    except ValueError:
        return None
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
