"""Decide which file a new document of ours may overwrite."""

from pathlib import Path

from gitops_doca.sources.file_root import FileRoot

_MAX_OLD = 16 << 20


def text_to_replace(file: str, kind: str, file_root: FileRoot | None = None) -> str | None:
    """Return the text of a file that is empty or a document of this kind; None for any other.

    None too for a link, which could lead anywhere, and a device, which may never end. Raises
    `OSError` when it cannot be read, and with `file_root` also `UnreadableError`.
    """
    path = Path(file)
    if file_root is None and (path.is_symlink() or not path.is_file()):
        return None
    with file_root.open(file) if file_root else path.open("rb") as stream:
        text = stream.read(_MAX_OLD).decode(errors="replace").replace("\r\n", "\n")
    return text if not text.strip() or f"\nkind: {kind}\n" in text else None
