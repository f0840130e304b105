"""Read the kinds of credentials from entries of a docker config.json."""

import base64
import binascii
from dataclasses import field

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError


@dataclass(frozen=True, slots=True)
class Password:
    """A user with a password, as the Basic scheme sends them."""

    authorization: str = field(repr=False)
    place: str
    """The file that it comes from, for messages; so in the other types."""


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A refresh token, which only a token server exchanges for a bearer token."""

    token: str = field(repr=False)
    user: str = field(repr=False)
    place: str


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A bearer token that is sent to the registry as it is."""

    token: str = field(repr=False)
    place: str


Credential = Password | IdentityToken | RegistryToken


@dataclass(frozen=True, slots=True)
class HelperCall:
    """A credential helper to run for the credential."""

    name: str
    """The program without `docker-credential-`, checked."""
    server: str
    """The server that is written to its stdin."""
    place: str


@dataclass(frozen=True, slots=True)
class InvalidCredential:
    """An entry for the repository that cannot be used; it never makes a request anonymous."""

    reason: str


CredentialCandidate = Credential | HelperCall | InvalidCredential

TOKEN_USER = "<token>"  # noqa: S105 (the user name with which helpers mark identity tokens)
_FIELDS = ("auth", "username", "password", "identitytoken", "registrytoken")


def parse_entry(entry: object, place: str) -> Credential | InvalidCredential | None:
    """Return the credential of an entry under `auths`; None for a credential store's empty one.

    `auth` has priority over user name and password.
    """
    try:
        return _parse_entry(entry, place)
    except LookupFailedError as error:
        return InvalidCredential(error.reason)


def _parse_entry(entry: object, place: str) -> Credential | None:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name) or "", str) for name in _FIELDS):
        raise credential_error(place, "has an entry for this registry that docker would not write")
    if entry.get("registrytoken"):
        return RegistryToken(_checked(entry["registrytoken"], place), place)
    if entry.get("identitytoken"):
        # Azure writes a user without a password beside it.
        user = entry.get("username") or _user_of(entry.get("auth") or "")
        return identity(user or TOKEN_USER, entry["identitytoken"], place)
    if entry.get("auth"):
        return Password(basic(_decoded(entry["auth"], place)), place)
    user, secret = entry.get("username") or "", entry.get("password") or ""
    if bool(user) != bool(secret):
        raise credential_error(place, "has a user name without a password for this registry, or the reverse")
    return password(user, secret, place) if user else None


def password(user: str, secret: str, place: str) -> Password:
    """Return the credential of a user; raises `LookupFailedError` (credentials) if UTF-8 cannot encode it."""
    try:
        return Password(basic(f"{user}:{secret}".encode()), place)
    except UnicodeEncodeError:
        raise credential_error(place, "has a user name or a password that is not text") from None


def identity(user: str, token: str, place: str) -> IdentityToken:
    """Return an identity token; raises `LookupFailedError` (credentials) for an invalid one."""
    return IdentityToken(_checked(token, place), user, place)


def basic(pair: bytes) -> str:
    """Return the value of a Basic Authorization header for `user:password`."""
    return f"Basic {base64.b64encode(pair).decode()}"


def credential_error(place: str, what: str) -> LookupFailedError:
    """Return the error for credentials that cannot be used, with their file."""
    return LookupFailedError(Cause.CREDENTIALS, f"{place} {what}")


def _checked(token: str, place: str) -> str:
    # Other characters could end the header and start another one.
    if not all("\x21" <= char <= "\x7e" for char in token):
        raise credential_error(place, "has a token for this registry with characters that no token has")
    return token


def _user_of(auth: str) -> str:
    try:
        return base64.b64decode(auth, validate=True).partition(b":")[0].decode()
    except (binascii.Error, ValueError):
        return ""


def _decoded(auth: str, place: str) -> bytes:
    text = "".join(auth.split()).rstrip("=")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise credential_error(place, "has an auth for this registry that is not base64") from None
    user, colon, password = raw.partition(b":")
    if not user or not colon:
        raise credential_error(place, "has an auth for this registry that is not user:password")
    return user + b":" + password.strip(b"\0")
