"""Fetch bearer tokens from the token server that a challenge names."""

import re
import threading
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gitops_doca.core.dataclass import dataclass
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
    """A token that is needed to answer a challenge."""

    challenge: Challenge
    scopes: Collection[str]
    credential: Credential | None
    policy: TokenServerPolicy

    def origin(self) -> Origin:
        """Return the token server; raises `LookupFailedError` for an invalid realm."""
        try:
            return parse_origin(self.challenge.parameters["realm"])
        except ValueError:
            raise LookupFailedError(Cause.POLICY, "the token realm is not a valid URL") from None

    def sends_credentials(self) -> bool:
        """Say whether the credential is sent to the token server."""
        return self.credential is not None and self.policy.may_have_credentials(self.origin())


class TokenServer:
    """Fetches the tokens of one registry; safe to share between threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        self._rotated: dict[IdentityToken, str] = {}

    def fetch(self, request: TokenRequest) -> str:
        """Return a bearer token; raises `LookupFailedError` without one."""
        credential = request.credential if request.sends_credentials() else None
        if isinstance(credential, IdentityToken):
            # One at a time: some token servers accept an identity token once, and return the next
            # one.
            with self._lock:
                return self._exchange(request, credential)
        authorization = credential.authorization if isinstance(credential, Password) else ""
        return str(self._parse(self._get(request, authorization), request)["token"])

    def _exchange(self, request: TokenRequest, identity: IdentityToken) -> str:
        """Send a POST as in OAuth 2, and a GET to a token server without POST."""
        newest = self._rotated.get(identity, identity.token)
        service = request.challenge.parameters.get("service")
        form = {
            "grant_type": "refresh_token",
            **({"service": service} if service else {}),
            "scope": " ".join(request.scopes),
            "client_id": _CLIENT,
            "refresh_token": newest,
        }
        url = urlunsplit(urlsplit(request.challenge.parameters["realm"])._replace(fragment=""))
        reply = self._send(request, "POST", url, "", urlencode(form))
        if reply.status in _NO_POST:
            reply = self._get(request, basic(f"{identity.user}:{newest}".encode()))
        answer = self._parse(reply, request)
        if _is_token(answer.get("refresh_token")):
            self._rotated[identity] = str(answer["refresh_token"])
        return str(answer["token"])

    def _get(self, request: TokenRequest, authorization: str) -> Reply:
        return self._send(request, "GET", _token_url(request), authorization)

    def _send(
        self, request: TokenRequest, method: str, url: str, authorization: str, body: str | None = None
    ) -> Reply:
        headers = {"Accept": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        http_request = Request(
            method=method, url=url, headers=headers, address_policy=request.policy.address_policy, body=body
        )
        try:
            return self._transport.fetch(http_request)
        except UnavailableError as error:
            server = f"the token server {request.origin().authority}"
            raise LookupFailedError(error.cause, f"{server}: {error.reason}") from None

    def _parse(self, reply: Reply, request: TokenRequest) -> dict[str, Any]:
        """Return an answer with its token in the field `token`, whichever field it was in."""
        server = f"the token server {request.origin().authority}"
        credential = request.credential if request.sends_credentials() else None
        sent = f" to the credentials from {credential.place}" if credential else ""
        if reply.status != _OK:
            cause = Cause.PROXY if reply.status == _PROXY_AUTH else _refused(request)
            raise LookupFailedError(cause, f"{server} answered {status_text(reply.status)}{sent}")
        try:
            answer = json_object(reply)
        except LookupFailedError as error:
            raise LookupFailedError(error.cause, f"{server}: {error.reason}") from None
        token = answer.get("access_token") or answer.get("token")
        if not _is_token(token):
            raise LookupFailedError(Cause.AUTH, f"{server} sent no token that can be used{sent}")
        return {**answer, "token": token}


def _refused(request: TokenRequest) -> Cause:
    """Return the cause of a token server's refusal."""
    if request.credential is None:
        return Cause.AUTH
    return Cause.LOGIN if request.sends_credentials() else Cause.NOT_SENT


def _token_url(request: TokenRequest) -> str:
    """Return the realm with its query but our scopes: NGC's realm has a scope with push in it."""
    parameters = request.challenge.parameters
    parts = urlsplit(parameters["realm"])
    ours = [("service", parameters["service"])] if parameters.get("service") else []
    replaced = {"scope", *(name for name, _ in ours)}
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in replaced]
    query = urlencode([*kept, *ours, *(("scope", scope) for scope in request.scopes)])
    return urlunsplit(parts._replace(query=query, fragment=""))


def _is_token(token: object) -> bool:
    # Other characters could end the header and start another one.
    return isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) is not None
