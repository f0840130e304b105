"""Challenges of a registry, and tokens in exchange for them from the realms that may be asked."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gitops_doca.core.lookup import Cause
from gitops_doca.core.reference import DOCKER_HUB
from gitops_doca.registry.credentials import Login
from gitops_doca.registry.failures import NoAnswerError, OutageError, status_text
from gitops_doca.registry.origins import Origin, is_internal, parse_origin
from gitops_doca.registry.transport import Reply, Request, Transport


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a WWW-Authenticate header (RFC 9110, 11.6.1)."""

    scheme: str
    """Lower case."""
    parameters: Mapping[str, str]
    """Names in lower case; of a name that comes twice the first."""


_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# An unquoted value goes beyond RFC 9110's token: registries write URLs without quotes.
_PARAMETER = re.compile(rf'[\s,]*({_NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))(?=[\s,]|$)', re.DOTALL)
_SCHEME = re.compile(rf"[\s,]*({_NAME})(?=[\s,]|$)")
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9._~+/-]+=*\s*(?=,|$)")


def parse_challenges(lines: Iterable[str]) -> tuple[Challenge, ...]:
    """Parse header lines, each with any number of challenges; what is malformed ends its line."""
    return tuple(challenge for line in lines for challenge in _parse_line(line))


def _parse_line(line: str) -> list[Challenge]:
    found: list[Challenge] = []
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
        found.append(Challenge(scheme[1].lower(), parameters))
    return found


@dataclass(frozen=True, slots=True)
class Realm:
    """Rules for one registry's token server: where it may be, and whether credentials may go there."""

    registry: Origin
    """How the registry itself was reached."""
    trusted: frozenset[str]

    def check(self, realm: Origin) -> None:
        """Raise `NoAnswerError` (policy) for a place that a token must not be fetched from."""
        where = f"the token server {realm.authority}"
        if realm.scheme == "http" and self.registry.scheme != "http":
            raise NoAnswerError(Cause.POLICY, f"{where} is to be asked without TLS, which was refused")
        known = realm.host == self.registry.host or realm.is_among(self.trusted)
        if is_internal(realm.host) and not known and not is_internal(self.registry.host):
            raise NoAnswerError(Cause.POLICY, f"{where} is on a private address, which was refused")

    def may_have_credentials(self, realm: Origin) -> bool:
        """Say whether credentials may go to a host: the same, a parent domain, a known or a trusted one."""
        ours, theirs = self.registry.host, realm.host
        parent = "." in theirs and ours.endswith(f".{theirs}")
        return theirs == ours or parent or _is_known(ours, theirs) or realm.is_among(self.trusted)


def _is_known(registry: str, realm: str) -> bool:
    if registry == DOCKER_HUB:
        return realm == "auth.docker.io"
    if registry == "nvcr.io" or registry.endswith(".nvcr.io"):
        return realm == "nvcr.io" or realm.endswith((".nvcr.io", ".nvidia.com"))
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What a token is wanted for."""

    challenge: Challenge
    scopes: Collection[str]
    login: Login | None
    rules: Realm

    def origin(self) -> Origin:
        """Return where the token comes from; raises `NoAnswerError` for a realm that is refused."""
        realm = self.challenge.parameters.get("realm", "")
        if not realm:
            raise NoAnswerError(Cause.AUTH, "401 with a Bearer challenge that names no realm")
        try:
            origin = parse_origin(realm)
        except ValueError:
            raise NoAnswerError(Cause.POLICY, "the token realm is no address that may be asked") from None
        self.rules.check(origin)
        return origin

    def sends_credentials(self) -> bool:
        """Say whether the login goes along."""
        return self.login is not None and self.rules.may_have_credentials(self.origin())


def fetch_token(transport: Transport, wanted: TokenRequest) -> str:
    """Return a bearer token; raises `NoAnswerError` in every other case."""
    where = f"the token server {wanted.origin().authority}"
    headers = {"Accept": "application/json"}
    if wanted.login is not None and wanted.sends_credentials():
        headers["Authorization"] = wanted.login.authorization
    request = Request(method="GET", url=_token_url(wanted), headers=headers, may_follow=wanted.rules.check)
    try:
        reply = transport.fetch(request)
    except OutageError as error:
        raise NoAnswerError(error.cause, f"{where}: {error.reason}") from None
    if reply.status != 200:  # noqa: PLR2004
        cause = Cause.PROXY if reply.status == 407 else Cause.AUTH  # noqa: PLR2004
        raise NoAnswerError(cause, f"{where} answered {status_text(reply.status)}")
    token = _parse_token(reply)
    if not token:
        raise NoAnswerError(Cause.AUTH, f"{where} sent no token that can be used")
    return token


def _token_url(wanted: TokenRequest) -> str:
    """Keep the realm's own query, but ask for our scopes: NGC's realm has one with push in it."""
    parameters = wanted.challenge.parameters
    parts = urlsplit(parameters["realm"])
    ours = [("service", parameters["service"])] if parameters.get("service") else []
    replaced = {"scope", *(name for name, _ in ours)}
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in replaced]
    query = urlencode([*kept, *ours, *(("scope", scope) for scope in wanted.scopes)])
    return urlunsplit(parts._replace(query=query, fragment=""))


def _parse_token(reply: Reply) -> str:
    try:
        answer = {} if reply.truncated else json.loads(reply.body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(answer, dict):
        return ""
    token = answer.get("access_token") or answer.get("token")
    # Anything else could end the header and begin another.
    return token if isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) else ""
