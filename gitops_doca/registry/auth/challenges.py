"""Parse the challenges of a registry, and choose one that can be answered."""

import re
from collections.abc import Iterable, Mapping

from gitops_doca.core.dataclass import dataclass
from gitops_doca.registry.auth.credentials import Credential, Password

SCHEMES = ("basic", "bearer")
"""Those that `Authorizer` can answer."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a WWW-Authenticate header (RFC 9110, 11.6.1)."""

    scheme: str
    """Lower case."""
    parameters: Mapping[str, str]
    """Names in lower case; the first value of each name."""


_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# Unquoted values may have more characters than in RFC 9110: registries write URLs without quotes.
_PARAMETER = re.compile(rf'[\s,]*({_NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))(?=[\s,]|$)', re.DOTALL)
_SCHEME = re.compile(rf"[\s,]*({_NAME})(?=[\s,]|$)")
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9._~+/-]+=*\s*(?=,|$)")


def parse_challenges(lines: Iterable[str]) -> tuple[Challenge, ...]:
    """Parse header lines of any number of challenges; skip the rest of a malformed line."""
    return tuple(challenge for line in lines for challenge in _parse_line(line))


def _parse_line(line: str) -> list[Challenge]:
    challenges: list[Challenge] = []
    at = 0
    while scheme := _SCHEME.match(line, at):
        at = scheme.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(line, at):
            at = parameter.end()
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
            parameters.setdefault(name.lower(), value)
        if not parameters and (blob := _TOKEN68.match(line, at)):
            at = blob.end()
        challenges.append(Challenge(scheme[1].lower(), parameters))
    return challenges


def answerable(challenges: Iterable[Challenge]) -> tuple[Challenge, ...]:
    """Return the challenges that some credential, or none, could answer."""
    return tuple(one for one in challenges if one.scheme == "basic" or _has_realm(one))


def choose(challenges: Iterable[Challenge], credential: Credential | None) -> Challenge | None:
    """Return the first challenge that can be answered with a credential; None if there is none.

    Basic needs a password; Bearer needs a realm, and may be answered without a credential.
    """
    for challenge in challenges:
        if _has_realm(challenge) or (challenge.scheme == "basic" and isinstance(credential, Password)):
            return challenge
    return None


def _has_realm(challenge: Challenge) -> bool:
    return challenge.scheme == "bearer" and bool(challenge.parameters.get("realm"))
