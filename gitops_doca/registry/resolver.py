"""Ask registries about many images side by side, until one deadline for all of them."""

import queue
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.lookup import (
    AnswersTooLargeError,
    Cause,
    Inspection,
    TagList,
    TagLookup,
    TagUnknown,
)
from gitops_doca.net.retry import Deadline, RetryPolicy
from gitops_doca.net.transport import CONNECTIONS, Transport
from gitops_doca.registry.auth.credential_helpers import Helpers
from gitops_doca.registry.auth.keychain import Keychain
from gitops_doca.registry.endpoint import Endpoint
from gitops_doca.registry.manifests import look_up
from gitops_doca.registry.options import RegistryOptions
from gitops_doca.registry.platforms import inspect
from gitops_doca.registry.tag_list import read_tags

__all__ = ["RegistryOptions", "RegistryResolver", "RetryPolicy"]

_K = TypeVar("_K")
_V = TypeVar("_V")


def _silent(done: int, total: int) -> None:
    """Show no progress."""


def _unheard(message: str) -> None:
    """Tell nobody."""


class RegistryResolver:
    """Answers from the registries themselves; its deadline begins to run when it is made.

    `progress(done, total)` is called in the thread that called `resolve`, at the start and after each answer;
    `warn(message)` in the caller's thread at the end of each call, with what ended no look-up.
    """

    def __init__(
        self,
        options: RegistryOptions,
        *,
        progress: Callable[[int, int], None] = _silent,
        warn: Callable[[str], None] = _unheard,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 (frozen value)
    ) -> None:
        self._options = options
        self._progress = progress
        self._warn = warn
        self._deadline = Deadline.after(options.deadline)
        self._transport = Transport(options.environ, options.ca_file, self._deadline, retry)
        helpers = Helpers(options.environ, self._deadline)
        self._keychain = Keychain(options, helpers, self._note)
        self._lock = threading.Lock()
        self._endpoints: dict[str, Endpoint] = {}
        self._warnings: set[str] = set()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know although it ended no look-up, sorted."""
        with self._lock:
            return tuple(sorted(self._warnings))

    def resolve(self, images: Collection[ImageReference]) -> dict[ImageReference, TagLookup]:
        """Return one answer for each image, in their order; each must have a tag and no digest."""
        jobs = _Jobs(dict.fromkeys(images), self._look_up, self._deadline)
        answers = self._run(jobs, self._progress)
        late = TagUnknown(Cause.DEADLINE, self._deadline.reason)
        return {image: answers.get(image, late) for image in images}

    def inspect(self, images: Collection[ImageReference]) -> dict[ImageReference, Inspection]:
        """Return digest and platforms of each image, in their order; each must exist."""
        jobs = _Jobs(dict.fromkeys(images), self._inspect, self._deadline)
        answers = self._run(jobs, self._progress)
        late = TagUnknown(Cause.DEADLINE, self._deadline.reason)
        return {image: answers.get(image, late) for image in images}

    def list_tags(self, repositories: Collection[Repository]) -> Mapping[Repository, TagList]:
        """Return for each repository what could be read of its tags, in their order."""
        seconds = self._options.list_seconds
        jobs = _Jobs(dict.fromkeys(repositories), self._read_tags, self._deadline.within(seconds))
        answers = self._run(jobs, _silent)
        late = TagList(reason=f"no answer within {seconds:g} seconds")
        return {repository: answers.get(repository, late) for repository in repositories}

    def _run(self, jobs: "_Jobs[_K, _V]", progress: Callable[[int, int], None]) -> dict[_K, _V]:
        answers = jobs.run(progress)
        for message in self.warnings:
            self._warn(message)
        return answers

    def _look_up(self, image: ImageReference) -> Iterator[TagLookup]:
        verify = self._options.verify_digests
        yield look_up(self._endpoint(image.repository.registry), image, verify=verify)

    def _inspect(self, image: ImageReference) -> Iterator[Inspection]:
        yield inspect(self._endpoint(image.repository.registry), image)

    def _read_tags(self, repository: Repository) -> Iterator[TagList]:
        return read_tags(self._endpoint(repository.registry), repository)

    def _endpoint(self, host: str) -> Endpoint:
        with self._lock:
            if host not in self._endpoints:
                self._endpoints[host] = Endpoint(
                    host, self._options, self._transport, self._keychain, self._note
                )
            return self._endpoints[host]

    def _note(self, message: str) -> None:
        with self._lock:
            self._warnings.add(message)


class _Jobs(Generic[_K, _V]):
    """Work done by daemon threads; those that hang at the deadline are left behind, also at exit."""

    def __init__(self, keys: Iterable[_K], work: Callable[[_K], Iterator[_V]], deadline: Deadline) -> None:
        self._work = work
        self._deadline = deadline
        self._todo: queue.SimpleQueue[_K] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._answers: dict[_K, _V] = {}
        self._total = 0
        for key in keys:
            self._todo.put(key)
            self._total += 1

    def run(self, progress: Callable[[int, int], None]) -> dict[_K, _V]:
        """Return the newest answer of each key that has one when all are done or the time is over.

        Raises `AnswersTooLargeError`, and whatever else the work raises: that is a bug, and neither hangs nor
        looks like an answer.
        """
        try:
            return self._run(progress)
        except MemoryError:
            raise AnswersTooLargeError(
                "registry", "commit a lock (gitops-doca lock): with one no registry is asked"
            ) from None

    def _run(self, progress: Callable[[int, int], None]) -> dict[_K, _V]:
        self._start_threads()
        progress(0, self._total)
        for count in range(self._total):
            try:
                bug = self._done.get(timeout=self._deadline.left)
            except queue.Empty:
                break
            if bug is not None:
                raise bug
            progress(count + 1, self._total)
        return dict(self._answers)

    def _start_threads(self) -> None:
        for number in range(min(CONNECTIONS, self._total)):
            try:
                threading.Thread(target=self._serve, daemon=True, name="registry").start()
            except RuntimeError:
                # There is no room for another one: those that run do all the work.
                if number == 0:
                    raise MemoryError from None
                return

    def _serve(self) -> None:
        while self._deadline.left:
            try:
                key = self._todo.get_nowait()
            except queue.Empty:
                return
            try:
                for answer in self._work(key):
                    self._answers[key] = answer
            except BaseException as bug:  # noqa: BLE001 (raised again where somebody sees it)
                self._done.put(bug)
                return
            self._done.put(None)
