"""Answer look-ups of tags from a lock."""

from collections.abc import Collection, Sequence

from gitops_doca.core.compare.lock import RENDERING, ImageLock, LockedCompanion, LockedImage
from gitops_doca.core.compare.stale_lock import check_lock
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Place, Problems
from gitops_doca.core.documentation import page
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.lookup import ImagePlatforms, Inspection, TagList, TagLookup

_CHANGES = f"{page('reference')}#another-release-rendering"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedTags:
    """A `TagSource` that answers from a lock, without any network."""

    lock: ImageLock
    place: Place
    fix_command: str
    """The command that updates the lock."""

    @property
    def is_online(self) -> bool:
        """A lock asks no registry."""
        return False

    @property
    def rendering(self) -> int:
        """The rendering that the lock was written for."""
        return self.lock.rendering

    @property
    def recorded(self) -> str:
        """The file that records a miss, and how to update it."""
        return f"{self.place.file} records this; once the tag is published, run: {self.fix_command}"

    def check(
        self,
        pools: Sequence[Pool],
        companions: Collection[ImageReference],
        problems: Problems,
        *,
        lists_wanted: bool,
    ) -> None:
        """Report a lock with other pools, or without tags or companions that these need."""
        check_lock(
            self.lock,
            pools,
            self.place,
            self.fix_command,
            problems,
            companions=companions,
            lists_wanted=lists_wanted,
        )

    def check_count(self, needed: int, problems: Problems) -> None:
        """Report nothing: a lock can answer for any number of references."""

    def check_rendering(self, problems: Problems, *, strict: bool) -> None:
        """Report a lock of another rendering: its manifests were reviewed in another form."""
        written = self.lock.rendering
        if written == RENDERING:
            return
        message = f"the lock was written for rendering {written}, and this gitops-doca renders {RENDERING}"
        if written < RENDERING:
            message += ": the same inputs now give other manifests"
            help = f"read what changed in the manifests ({_CHANGES}), then run: {self.fix_command}"
        else:
            message += ": it is older than the one that wrote the lock, and gives other manifests"
            help = "use the gitops-doca that wrote the lock, or a newer one"
        place = self.place.at("rendering")
        if strict:
            problems.error(message, place, category=Category.LOCK, help=help)
        else:
            problems.warn(message, place, help=help)

    def resolve(self, images: Collection[ImageReference]) -> dict[ImageReference, TagLookup]:
        """Return the recorded answers; raises KeyError for a tag that is not in the lock."""
        answers = self.lock.lookups
        return {image: answers[image] for image in images}

    def inspect(self, images: Collection[ImageReference]) -> dict[ImageReference, Inspection]:
        """Return what the lock recorded of companions that exist."""
        entries = {image: self.lock.companions.get(image) for image in images}
        return {
            image: ImagePlatforms(entry.digest, frozenset(entry.platforms))
            for image, entry in entries.items()
            if isinstance(entry, LockedCompanion)
        }

    def list_tags(self, repositories: Collection[Repository]) -> dict[Repository, TagList]:
        """Return the recorded lists, which have only the needed tags that are in them."""
        return {repository: self._list(repository) for repository in repositories}

    def _list(self, repository: Repository) -> TagList:
        listed = {
            image.tag: entry.listed
            for image, entry in self.lock.entries.items()
            if image.repository == repository and isinstance(entry, LockedImage) and entry.listed is not None
        }
        return TagList(frozenset(tag for tag, there in listed.items() if there), complete=bool(listed))
