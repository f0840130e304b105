"""Look up many images in their registries at the same time, until one deadline."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from gitops_doca.core.diagnostics import AnswersTooLargeError, Diagnostic
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.lookup import (
    Cause,
    Inspection,
    TagList,
    TagLookup,
    TagUnknown,
)
from gitops_doca.net.deadline import Deadline, DeadlineThreads
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.net.retry import RetryPolicy
from gitops_doca.net.transport import CONNECTIONS, Transport
from gitops_doca.registry.auth.keychain import Keychain
from gitops_doca.registry.endpoint import Endpoint
from gitops_doca.registry.manifests import look_up
from gitops_doca.registry.options import RegistryOptions
from gitops_doca.registry.platforms import inspect
from gitops_doca.registry.tag_list import read_tags

_K = TypeVar("_K")
_V = TypeVar("_V")


def _no_progress(done: int, total: int) -> None:
    """Show no progress."""


def _no_warning(warning: Diagnostic) -> None:
    """Drop a warning."""


class RegistryResolver:
    """Asks the registries themselves; its deadline starts when it is created.

    Both functions are called in the caller's thread: `progress(done, total)` at the start and after
    each answer, `warn(diagnostic)` at the end of each call, for problems that ended no look-up.
    """

    def __init__(
        self,
        options: RegistryOptions,
        *,
        progress: Callable[[int, int], None] = _no_progress,
        warn: Callable[[Diagnostic], None] = _no_warning,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 (frozen value)
    ) -> None:
        self._options = options
        self._progress = progress
        self._warn = warn
        self._deadline = Deadline.after(options.deadline)
        self._transport = Transport(options.environ, options.ca_file, self._deadline, retry)
        self._keychain = Keychain(options, self._deadline, self._add_warning)
        self._lock = threading.Lock()
        self._endpoints: dict[str, Endpoint] = {}
        self._warnings: set[Diagnostic] = set()

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """Problems that ended no look-up, sorted."""
        with self._lock:
            return tuple(sorted(self._warnings, key=lambda warning: warning.sort_key))

    def resolve(self, images: Collection[ImageReference]) -> dict[ImageReference, TagLookup]:
        """Return one answer for each image, in their order; each must have a tag and no digest."""
        return self._run_for_images(partial(look_up, verify=self._options.verify_digests), images)

    def inspect(self, images: Collection[ImageReference]) -> dict[ImageReference, Inspection]:
        """Return digest and platforms of each image, in their order; each must exist."""
        return self._run_for_images(inspect, images)

    def credentials_used(self, repository: Repository) -> str | None:
        """Return the file of the credential that its registry accepted after a look-up.

        Empty if the registry wanted none, None if it accepted no request.
        """
        try:
            return self._endpoint(repository.registry).credentials_used(repository)
        except LookupFailedError:
            return None

    def list_tags(self, repositories: Collection[Repository]) -> Mapping[Repository, TagList]:
        """Return the tags of each repository that could be read, in their order."""
        seconds = self._options.list_seconds
        lists: dict[Repository, TagList] = {}

        def read(repository: Repository) -> None:
            # The tags of the pages before the deadline are kept.
            for tags in read_tags(self._endpoint(repository.registry), repository):
                lists[repository] = tags

        ended = self._run(read, repositories, self._deadline.within(seconds), _no_progress)
        late = f"no answer within {seconds:g} seconds"

        def so_far(repository: Repository) -> TagList:
            listed = lists.get(repository, TagList())
            if repository in ended or listed.complete:
                return listed
            return replace(listed, reason=late, cause=Cause.DEADLINE)

        return {repository: so_far(repository) for repository in repositories}

    def _run_for_images(
        self, work: Callable[[Endpoint, ImageReference], _V], images: Collection[ImageReference]
    ) -> dict[ImageReference, _V | TagUnknown]:
        def run(image: ImageReference) -> _V:
            return work(self._endpoint(image.repository.registry), image)

        results = self._run(run, images, self._deadline, self._progress)
        late = TagUnknown(Cause.DEADLINE, self._deadline.error.reason)
        return {image: results.get(image, late) for image in images}

    def _run(
        self,
        work: Callable[[_K], _V],
        keys: Collection[_K],
        deadline: Deadline,
        progress: Callable[[int, int], None],
    ) -> dict[_K, _V]:
        """Return the result of each key that has one before the deadline.

        Raises `AnswersTooLargeError`, and any other exception of the work, which is a bug.
        """
        results: dict[_K, _V] = {}
        try:
            threads = DeadlineThreads(work, dict.fromkeys(keys), deadline, name="registry", limit=CONNECTIONS)
            progress(0, threads.total)
            for key, result in threads.results():
                results[key] = result
                progress(len(results), threads.total)
        except MemoryError:
            raise AnswersTooLargeError(
                "registry", "commit a lock (gitops-doca lock): then no registry is queried"
            ) from None
        for warning in self.warnings:
            self._warn(warning)
        return results

    def _endpoint(self, host: str) -> Endpoint:
        with self._lock:
            if host not in self._endpoints:
                self._endpoints[host] = Endpoint(
                    host, self._options, self._transport, self._keychain, self._add_warning
                )
            return self._endpoints[host]

    def _add_warning(self, warning: Diagnostic) -> None:
        with self._lock:
            self._warnings.add(warning)
