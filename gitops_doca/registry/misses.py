"""Decide whether a registry's error says that a tag is missing."""

import re

from gitops_doca.registry.oci_errors import RegistryError

# Harbor sends NOT_FOUND and registry.redhat.io UNKNOWN, for other things as well, so only these
# sentences count. Group 1 is what the sentence names.
_MISSING = re.compile(
    r"(?:the |requested |named )*(?:manifest|tag|artifact|image)(?: (\S+))?? (?:is |was )?"
    r"(?:not found|unknown|does not exist)|not found"
)
# MANIFEST_UNKNOWN means it, unless its text is about a failure behind the registry, or about the
# repository.
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
    """Say whether an error means that this tag does not exist."""
    match error.code:
        case "MANIFEST_UNKNOWN":
            return not any(_blames_something_else(text) for text in error.texts)
        case "NOT_FOUND" | "UNKNOWN":
            return bool(error.texts) and all(_says_missing(text, tag) for text in error.texts)
        case _:
            return False


def is_about_accept(error: RegistryError) -> bool:
    """Say whether an error is about a manifest that exists in a form that was not accepted."""
    return any(re.search(r"\baccept\b", _words(text)) for text in error.texts)


def _says_missing(text: str, tag: str) -> bool:
    sentence = _MISSING.fullmatch(text.strip(" .\n"))
    if sentence is None:
        return False
    # In `path:tag` any path counts: a proxy cache may name the path of its upstream.
    named = (sentence[1] or tag).strip("\"'`,:").rpartition(":")[2]
    return named == tag.lower()


def _blames_something_else(text: str) -> bool:
    words = _words(text)
    return bool(_FAILED.search(words) or _CONTAINER.search(words))


def _words(text: str) -> str:
    """Return the plain words of a text, without names such as `a/manifest-unknown`."""
    bare = (word.strip(".,;:!?()[]{}") for word in _QUOTED.sub(" ", text).split())
    return " ".join(word for word in bare if re.fullmatch(r"[a-z]+(?:'[a-z]+)?", word))
