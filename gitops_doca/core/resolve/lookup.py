"""The answers about a tag, and the sources of answers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import Protocol

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import Digest, ImageReference, Repository


class Cause(Enum):
    """Why a look-up ended without an answer."""

    AUTH = "auth"
    """401, 403 and a token server that refuses, without credentials that were refused."""
    LOGIN = "login"
    """The registry or its token server does not accept the credentials of a file."""
    NOT_SENT = "not sent"
    """The credentials are not sent to the token server, which is on another host."""
    NO_CHALLENGE = "no challenge"
    """The registry refuses the request, and names no way to log in."""
    CREDENTIALS = "credentials"
    """A file with credentials that cannot be used."""
    HELPER = "helper"
    """A credential helper that is not installed or does not work."""
    TRANSIENT = "transient"
    """Timeouts, resets, refused connections, 408, 429 and 5xx, after the retries."""
    TLS = "tls"
    CA_FILE = "ca file"
    """A file of CA certificates that cannot be used."""
    CERTIFICATE_NAME = "certificate name"
    """The certificate is for another host; its CA is known."""
    CERTIFICATE_TIME = "certificate time"
    """The certificate is not valid at this time; its CA is known."""
    DNS = "dns"
    PROXY = "proxy"
    NOT_ALLOWED = "not allowed"
    """The registry is not in the allowed registries, so it is not asked."""
    PRIVATE = "private"
    """A redirect or token realm that leads to a private address."""
    POLICY = "policy"
    """Another redirect or token realm that leads to where credentials must not be sent."""
    REPOSITORY = "repository"
    """The registry does not show the repository: wrong path, or no access."""
    INCONSISTENT = "inconsistent"
    """Answers contradict each other: a listed tag whose manifest is said not to exist, or a list that
    has no end."""
    PROTOCOL = "protocol"
    """An answer that violates the protocol of registries: HTML, a bare 404, a broken manifest."""
    DEADLINE = "deadline"

    @property
    def concerns_credentials(self) -> bool:
        """Whether other credentials may get an answer."""
        return self in _CREDENTIALS


_CREDENTIALS = frozenset(
    {Cause.AUTH, Cause.LOGIN, Cause.NOT_SENT, Cause.NO_CHALLENGE, Cause.CREDENTIALS, Cause.HELPER}
)


@dataclass(frozen=True, slots=True)
class TagExists:
    """The registry has the manifest."""

    digest: Digest


@dataclass(frozen=True, slots=True)
class TagMissing:
    """The registry itself said that it has no such manifest."""


@dataclass(frozen=True, slots=True)
class TagUnknown:
    """It is unknown whether the tag exists; never treated as missing."""

    cause: Cause
    reason: str
    """What happened, without secrets and without text from the server's body."""
    repository_hidden: bool = False
    """The registry answered NAME_UNKNOWN to a client with credentials."""


TagLookup = TagExists | TagMissing | TagUnknown


@dataclass(frozen=True, slots=True)
class ImagePlatforms:
    """The digest and the platforms of an image."""

    digest: Digest
    """Of the manifest that the tag names, computed from its bytes."""
    platforms: frozenset[str]
    """`<os>/<architecture>` by the index or by the configuration; empty when neither states one."""


@dataclass(frozen=True, slots=True)
class NotAnImage:
    """The tag exists, but not as an image that a node can pull."""

    digest: Digest
    """Of the manifest that the tag names, computed from its bytes."""
    instead: str
    """The kind of thing that the tag names, for messages."""


Inspection = ImagePlatforms | NotAnImage | TagUnknown


@dataclass(frozen=True, slots=True)
class TagList:
    """The tags of a repository: used for hints, but never as proof that a tag is missing."""

    tags: frozenset[str] = frozenset()
    complete: bool = False
    unlinked: frozenset[str] = frozenset()
    """The tags on pages without a `Link` to them, which only some clients read."""
    repository_unknown: bool = False
    """The registry says that it has no such repository."""
    reason: str = field(default="", compare=False)
    """Why it is incomplete, without secrets and without text from the server's body."""
    cause: Cause = field(default=Cause.PROTOCOL, compare=False)
    """The kind of that reason; of no meaning when it is complete."""

    @property
    def shortcoming(self) -> str:
        """Why it is not complete, for messages; of no meaning when it is."""
        if self.repository_unknown:
            return "the registry says that it has no such repository"
        return self.reason or "its answer is not a list"


class Resolver(Protocol):
    """The source of answers: the registries, or a lock.

    Failures of a registry are answers too; only `AnswersTooLargeError` is raised.
    """

    def resolve(self, images: Collection[ImageReference]) -> Mapping[ImageReference, TagLookup]:
        """Return one answer for each image."""

    def list_tags(self, repositories: Collection[Repository]) -> Mapping[Repository, TagList]:
        """Return the known tags of each repository."""


class Inspector(Resolver, Protocol):
    """A resolver that can also read images."""

    def inspect(self, images: Collection[ImageReference]) -> Mapping[ImageReference, Inspection]:
        """Return digest and platforms of each image; each must exist."""


class RegistryClient(Inspector, Protocol):
    """A resolver that asks the registries themselves."""

    def credentials_used(self, repository: Repository) -> str | None:
        """Return the file of the credential that its registry accepted after a look-up.

        Empty if the registry wanted none, None if it accepted no request.
        """


class TagSource(Inspector, Protocol):
    """A source of answers about tags, and how a run checks and reports them."""

    @property
    def is_online(self) -> bool:
        """Whether it asks registries."""

    @property
    def rendering(self) -> int:
        """The rendering that the answers were reviewed with; the program's own for new answers."""

    @property
    def recorded(self) -> str:
        """Where a miss is recorded, for messages; empty if the registry was asked."""

    def check(
        self,
        pools: Sequence[Pool],
        companions: Collection[ImageReference],
        problems: Problems,
        *,
        lists_wanted: bool,
    ) -> None:
        """Report why this source cannot answer for these pools and companions, before it is used."""

    def check_count(self, needed: int, problems: Problems) -> None:
        """Report too many references for this source in one run."""

    def check_rendering(self, problems: Problems, *, strict: bool) -> None:
        """Report answers that were reviewed with another rendering."""


def cross_check(
    lookups: Mapping[ImageReference, TagLookup], lists: Mapping[Repository, TagList]
) -> dict[ImageReference, TagLookup]:
    """Compare misses with the tag lists, and turn contradicted ones into unknown.

    A list can make a miss doubtful, but never prove one: a mirror lists only what it has cached.
    """
    seen = {image.repository for image, lookup in lookups.items() if isinstance(lookup, TagExists)}
    return {image: _weigh(image, lookup, lists, seen) for image, lookup in lookups.items()}


def _weigh(
    image: ImageReference,
    lookup: TagLookup,
    lists: Mapping[Repository, TagList],
    seen: Collection[Repository],
) -> TagLookup:
    if isinstance(lookup, TagUnknown) and lookup.repository_hidden and image.repository in seen:
        # Other tags of the repository exist, so the error was about this tag.
        lookup = TagMissing()
    if not isinstance(lookup, TagMissing):
        return lookup
    listed = lists.get(image.repository, TagList())
    if image.tag in listed.tags:
        return TagUnknown(Cause.INCONSISTENT, LISTED_WITHOUT_MANIFEST)
    if listed.repository_unknown and image.repository not in seen:
        return TagUnknown(Cause.REPOSITORY, REPOSITORY_NOT_VISIBLE)
    return lookup


LISTED_WITHOUT_MANIFEST = "the tag list holds this tag, but its manifest is said not to exist"
REPOSITORY_NOT_VISIBLE = (
    "the registry does not show this repository: its path is wrong, or it needs credentials"
)
