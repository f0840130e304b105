"""Whether an error of a registry says that a tag is missing, and not something else."""

import re

from gitops_doca.registry.oci_errors import RegistryError

# Harbor says NOT_FOUND, registry.redhat.io UNKNOWN, and both say so of other things as well: only these
# sentences count. Group 1 is what the sentence names.
_GONE = re.compile(
    r"(?:the |requested |named )*(?:manifest|tag|artifact|image)(?: (\S+))?? (?:is |was )?"
    r"(?:not found|unknown|does not exist)|not found"
)
# MANIFEST_UNKNOWN says it by itself, unless its words tell of a failure behind the registry, or of what the
# tag stands in.
_FAILED = re.compile(
    r"\b(?:upstream|remote|proxy|status code|http status|timeout|timed out|deadline|refused|reset|unreachable"
    r"|unavailable|no such host|dial|lookup|connection|certificate|unauthorized|denied|forbidden|credentials"
    r"|rate limit|too many requests|toomanyrequests|try again)\b"
)
_CONTAINER = re.compile(
    r"\b(?:repository|repo|project|namespace|organization|registry|host|server)(?: [a-z]+){0,3}? "
    r"(?:not found|unknown|not known|does not exist)\b"
)
_QUOTED = re.compile(r"\"[^\"]*\"|`[^`]*`|(?<!\w)'[^']*'(?!\w)")


def is_missing(error: RegistryError, tag: str) -> bool:
    """Say whether an error tells of this tag that it does not exist."""
    match error.code:
        case "MANIFEST_UNKNOWN":
            return not any(_blames_something_else(text) for text in error.texts)
        case "NOT_FOUND" | "UNKNOWN":
            return bool(error.texts) and all(_says_gone(text, tag) for text in error.texts)
        case _:
            return False


def is_about_accept(error: RegistryError) -> bool:
    """Say whether an error tells of a manifest that is there in a form which the request did not accept."""
    return any(re.search(r"\baccept\b", _words(text)) for text in error.texts)


def _says_gone(text: str, tag: str) -> bool:
    found = _GONE.fullmatch(text.strip(" .\n"))
    if found is None:
        return False
    # A sentence about `path:tag` is about the tag under any path: a proxy cache may name the upstream's.
    named = (found[1] or tag).strip("\"'`,:").rpartition(":")[2]
    return named == tag.lower()


def _blames_something_else(text: str) -> bool:
    words = _words(text)
    return bool(_FAILED.search(words) or _CONTAINER.search(words))


def _words(text: str) -> str:
    """Return the plain words of a text: names could be made of any words, such as `a/manifest-unknown`."""
    bare = (word.strip(".,;:!?()[]{}") for word in _QUOTED.sub(" ", text).split())
    return " ".join(word for word in bare if re.fullmatch(r"[a-z]+(?:'[a-z]+)?", word))
