"""Read a lock file; each problem with it is of class `lock`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import itemgetter

from gitops_doca.core.compare.lock import (
    KIND,
    CompanionEntry,
    ImageLock,
    LockedCompanion,
    LockedImage,
    LockedMiss,
    LockedPool,
    LockEntry,
)
from gitops_doca.core.diagnostics import Category, Place, Problems
from gitops_doca.core.model import API_VERSION
from gitops_doca.core.reference import (
    Digest,
    ImageReference,
    InvalidReferenceError,
    parse_image,
    parse_repository,
    without_login,
)
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.files import SMALL, display_name, has_file
from gitops_doca.sources.reading.document import Document, is_kind
from gitops_doca.sources.reading.reader import read_documents
from gitops_doca.sources.reading.schema import validate
from gitops_doca.sources.reading.selection import ALL
from gitops_doca.sources.reading.syntax import UnreadableError
from gitops_doca.sources.replaceable import text_to_replace

LOCK_FILE = "gitops-doca.lock.yaml"

# Release 0.1.0 wrote none.
_FIRST_RENDERING = 1


def read_lock(
    file: str, fix_command: str, problems: Problems, file_root: FileRoot | None = None
) -> ImageLock | None:
    """Read a lock; reports a missing or unusable one, with the `fix_command` that writes it."""
    if not has_file(file, file_root):
        place = Place(display_name(file, file_root))
        help = f"run: {fix_command}"
        problems.error("there is no lock file here", place, category=Category.LOCK, help=help)
        return None
    problems_of_lock = Problems()
    lock = _read(file, problems_of_lock, file_root)
    if problems_of_lock.errors:
        lock = None
        fix = _how_to_fix(file, fix_command, file_root)
        problems_of_lock = Problems(replace(one, help=one.help or fix) for one in problems_of_lock)
    for problem in problems_of_lock:
        problems.add(replace(problem, category=Category.LOCK))
    return lock


def _how_to_fix(file: str, fix_command: str, file_root: FileRoot | None) -> str:
    """Say how a lock takes the place of this file: the command overwrites nothing but a lock."""
    try:
        is_overwritten = text_to_replace(file, KIND, file_root) is not None
    except (OSError, UnreadableError):
        is_overwritten = False
    return f"run: {fix_command}" if is_overwritten else f"remove it or move it away, then run: {fix_command}"


def _read(file: str, problems: Problems, file_root: FileRoot | None) -> ImageLock | None:
    documents = list(read_documents(file, ALL, problems, file_root, limit=SMALL))
    if problems.errors:
        return None
    # The file may be anything: nothing of it is quoted.
    if len(documents) != 1 or not is_kind(documents[0], KIND):
        place = Place(display_name(file, file_root))
        problems.error("not a lock: expected one document of kind DriverLock", place)
        return None
    document = documents[0]
    version = document.value["apiVersion"]
    if version != API_VERSION:
        problems.error(
            f"the lock is of {version!r}, which this gitops-doca does not know",
            document.place(("apiVersion",)),
            help="use the gitops-doca that wrote it, or a newer one",
        )
        return None
    if not validate(document, "lock", problems):
        return None
    pools = sorted(_pools(document, problems))
    entries = dict(sorted(_entries(document, problems), key=itemgetter(0)))
    return ImageLock(
        pools=tuple(pools),
        entries=entries,
        chosen=dict(sorted(_chosen(document, entries, problems))),
        companions=dict(sorted(_companions(document, entries, problems), key=itemgetter(0))),
        rendering=document.value.get("rendering", _FIRST_RENDERING),
    )


def _pools(document: Document, problems: Problems) -> Iterator[LockedPool]:
    seen: set[LockedPool] = set()
    for number, entry in enumerate(document.value["pools"]):
        pool = LockedPool(entry["policy"], entry["pool"])
        if pool in seen:
            message = f"{pool.pool} of {pool.policy} appears twice"
            problems.error(message, document.place(("pools", number, "pool")))
        seen.add(pool)
        yield pool


def _entries(document: Document, problems: Problems) -> Iterator[tuple[ImageReference, LockEntry]]:
    seen: set[ImageReference] = set()
    for number, group in enumerate(document.value["repositories"]):
        path = ("repositories", number)
        try:
            repository = parse_repository(group["repository"])
        except InvalidReferenceError as error:
            problems.error(
                f"{without_login(group['repository'])!r} {error}", document.place((*path, "repository"))
            )
            continue
        for index, entry in enumerate(group["tags"]):
            image = repository.tag(entry["tag"])
            if image in seen:
                problems.error(f"{image} appears twice", document.place((*path, "tags", index, "tag")))
            seen.add(image)
            platform = entry.get("platform", "")
            if platform and not entry["tag"].endswith("-" + platform.partition("/")[2]):
                place = document.place((*path, "tags", index, "platform"))
                problems.error(f"{platform} does not match the architecture at the end of the tag", place)
            if "digest" in entry:
                yield image, LockedImage(Digest(entry["digest"]), platform, entry.get("listed"))
            else:
                yield image, LockedMiss()


def _chosen(
    document: Document, entries: Mapping[ImageReference, LockEntry], problems: Problems
) -> Iterator[tuple[LockedPool, ImageReference]]:
    there = {str(image): image for image, entry in entries.items() if isinstance(entry, LockedImage)}
    for number, entry in enumerate(document.value["pools"]):
        pool, text = LockedPool(entry["policy"], entry["pool"]), entry.get("image")
        if text is None:
            continue
        place = document.place(("pools", number, "image"))
        if text not in there:
            problems.error(f"{text!r} is not an image that this lock has a digest for", place)
        elif not there[text].tag.endswith(pool.compiled_ending):
            problems.error(f"{text!r} is not an image for {pool.pool}", place)
        else:
            yield pool, there[text]


def _companions(
    document: Document, entries: Mapping[ImageReference, LockEntry], problems: Problems
) -> Iterator[tuple[ImageReference, CompanionEntry]]:
    seen: set[ImageReference] = set()
    for number, entry in enumerate(document.value.get("companions", ())):
        text, place = entry["image"], document.place(("companions", number, "image"))
        try:
            image = parse_image(text)
        except InvalidReferenceError as error:
            problems.error(f"{without_login(text)!r} {error}", place)
            continue
        if not image.tag or image.digest:
            problems.error(f"{text!r} is not <repository>:<tag>", place)
        if image in seen:
            problems.error(f"{image} appears twice", place)
        seen.add(image)
        # A driver's image may be a companion too, and its digest is reviewed where drivers stand.
        if image in entries and entry.get("digest") != _digest(entries[image]):
            problems.error(f"{image} has another entry among the repositories", place)
        if "digest" in entry:
            yield image, LockedCompanion(Digest(entry["digest"]), tuple(sorted(entry.get("platforms", ()))))
        else:
            yield image, LockedMiss()


def _digest(entry: LockEntry) -> Digest | None:
    return entry.digest if isinstance(entry, LockedImage) else None
