"""Bearer tokens in exchange for what there is to show, from the realm that a challenge names."""

import re
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.origins import Origin, parse_origin
from gitops_doca.net.request_errors import LookupFailedError, UnavailableError, status_text
from gitops_doca.net.transport import Reply, Request, Transport
from gitops_doca.registry.auth.challenges import Challenge
from gitops_doca.registry.auth.credentials import Credential, IdentityToken, Password, basic
from gitops_doca.registry.auth.token_servers import TokenServerPolicy
from gitops_doca.registry.oci_errors import json_object

_CLIENT = "gitops-doca"
_OK, _PROXY_AUTH = 200, 407
_NO_POST = {404, 405}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What a token is wanted for."""

    challenge: Challenge
    scopes: Collection[str]
    login: Credential | None
    rules: TokenServerPolicy

    def origin(self) -> Origin:
        """Return where the token comes from; raises `LookupFailedError` for a realm that is no address."""
        try:
            return parse_origin(self.challenge.parameters["realm"])
        except ValueError:
            raise LookupFailedError(Cause.POLICY, "the token realm is no address that may be asked") from None

    def sends_credentials(self) -> bool:
        """Say whether the login goes along."""
        return self.login is not None and self.rules.may_have_credentials(self.origin())


class TokenServer:
    """Fetches the tokens of one registry; safe to share between threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        self._rotated: dict[IdentityToken, str] = {}

    def fetch(self, wanted: TokenRequest) -> str:
        """Return a bearer token; raises `LookupFailedError` in every other case."""
        login = wanted.login if wanted.sends_credentials() else None
        if isinstance(login, IdentityToken):
            # One at a time: some token servers take an identity token once, and give the next one.
            with self._lock:
                return self._exchange(wanted, login)
        authorization = login.authorization if isinstance(login, Password) else ""
        return str(self._parse(self._get(wanted, authorization), wanted)["token"])

    def _exchange(self, wanted: TokenRequest, login: IdentityToken) -> str:
        """Ask by POST as OAuth 2 has it, by GET where the token server knows no POST."""
        newest = self._rotated.get(login, login.token)
        service = wanted.challenge.parameters.get("service")
        form = {
            "grant_type": "refresh_token",
            **({"service": service} if service else {}),
            "scope": " ".join(wanted.scopes),
            "client_id": _CLIENT,
            "refresh_token": newest,
        }
        url = urlunsplit(urlsplit(wanted.challenge.parameters["realm"])._replace(fragment=""))
        reply = self._send(wanted, "POST", url, "", urlencode(form))
        if reply.status in _NO_POST:
            reply = self._get(wanted, basic(f"{login.user}:{newest}".encode()))
        answer = self._parse(reply, wanted)
        if _is_token(answer.get("refresh_token")):
            self._rotated[login] = str(answer["refresh_token"])
        return str(answer["token"])

    def _get(self, wanted: TokenRequest, authorization: str) -> Reply:
        return self._send(wanted, "GET", _token_url(wanted), authorization)

    def _send(
        self, wanted: TokenRequest, method: str, url: str, authorization: str, body: str | None = None
    ) -> Reply:
        headers = {"Accept": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        request = Request(
            method=method, url=url, headers=headers, address_policy=wanted.rules.address_policy, body=body
        )
        try:
            return self._transport.fetch(request)
        except UnavailableError as error:
            where = f"the token server {wanted.origin().authority}"
            raise LookupFailedError(error.cause, f"{where}: {error.reason}") from None

    def _parse(self, reply: Reply, wanted: TokenRequest) -> dict[str, Any]:
        """Return an answer with the token under `token`, whichever field it came in."""
        where = f"the token server {wanted.origin().authority}"
        sent = wanted.login if wanted.sends_credentials() else None
        shown = f" to the credentials from {sent.place}" if sent else ""
        if reply.status != _OK:
            cause = Cause.PROXY if reply.status == _PROXY_AUTH else Cause.AUTH
            raise LookupFailedError(cause, f"{where} answered {status_text(reply.status)}{shown}")
        try:
            answer = json_object(reply)
        except LookupFailedError as error:
            raise LookupFailedError(error.cause, f"{where}: {error.reason}") from None
        token = answer.get("access_token") or answer.get("token")
        if not _is_token(token):
            raise LookupFailedError(Cause.AUTH, f"{where} sent no token that can be used{shown}")
        return {**answer, "token": token}


def _token_url(wanted: TokenRequest) -> str:
    """Keep the realm's own query, but ask for our scopes: NGC's realm has one with push in it."""
    parameters = wanted.challenge.parameters
    parts = urlsplit(parameters["realm"])
    ours = [("service", parameters["service"])] if parameters.get("service") else []
    replaced = {"scope", *(name for name, _ in ours)}
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in replaced]
    query = urlencode([*kept, *ours, *(("scope", scope) for scope in wanted.scopes)])
    return urlunsplit(parts._replace(query=query, fragment=""))


def _is_token(token: object) -> bool:
    # Anything else could end the header and begin another.
    return isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) is not None
