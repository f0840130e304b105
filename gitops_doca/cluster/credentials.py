"""Resolve a kubeconfig user's credentials: tokens, token files and exec plugins."""

import base64
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gitops_doca.cluster.kubeconfig import KubeContext
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Place, Problems
from gitops_doca.net.credential_process import run_program
from gitops_doca.net.deadline import Deadline

_MAX_TOKEN = 64 * 1024
_API = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_KNOWN = (*_API, "client.authentication.k8s.io/v1alpha1")
"""Versions that messages may quote: anything else that a plugin prints may be a secret."""
_ELSEWHERE = ("exec", "auth-provider", "tokenFile")
_CERTIFICATE = ("clientCertificateData", "clientKeyData")
_KIND = "ExecCredential"
_MODES = ("Never", "IfAvailable", "Always")
_LOG_IN = "log in with kubectl first: plugins have no terminal here, and their output is not shown"
_UPDATE = "update the plugin, or write its version as apiVersion into the exec section of the kubeconfig"
_HINT_LINES, _HINT_WIDTH = 10, 200


class _CredentialError(Exception):
    """Why there are no credentials."""

    def __init__(self, reason: str, *, details: tuple[str, ...] = (), help: str = _LOG_IN) -> None:
        super().__init__(reason)
        self.details = details
        self.help = help


def resolve_credentials(
    context: KubeContext, environ: Mapping[str, str], deadline: Deadline, problems: Problems
) -> KubeContext | None:
    """Return the context with its credentials; reports a problem and returns None without them.

    A stored token has priority over a token file, a token file over a token, and a token over an
    exec plugin. An invalid kubeconfig is a problem of class `input`, missing credentials are one of
    class `unknown`.
    """
    user = {name: value for name, value in context.user.items() if name not in _ELSEWHERE}
    before = len(problems.errors)
    try:
        if "auth-provider" in context.user:
            user["token"] = _stored_token(context.user["auth-provider"])
        elif "tokenFile" in context.user:
            user["token"] = _token_of(context.user["tokenFile"], context.user_place, problems)
        elif "exec" in context.user and "token" not in user:
            plugin = _plugin(context, problems)
            if plugin is not None:
                user |= _run_plugin(plugin, context, environ, deadline)
    except _CredentialError as error:
        problems.error(
            str(error),
            context.user_place,
            category=Category.UNKNOWN,
            details=error.details,
            help=error.help,
        )
        return None
    return None if len(problems.errors) > before else replace(context, user=user)


def _stored_token(provider: Mapping[str, Any]) -> str:
    """Return the token that kubectl stored; only kubectl updates it."""
    stored = provider.get("config")
    for name in ("id-token", "access-token"):
        token = stored.get(name) if isinstance(stored, dict) else None
        if isinstance(token, str) and token:
            return token
    raise _CredentialError("the auth-provider of this user has no token stored")


def _token_of(file: str, place: Place, problems: Problems) -> str:
    try:
        with open(file, encoding="ascii") as stream:  # noqa: PTH123 (the path as its author wrote it)
            token = stream.read(_MAX_TOKEN).strip()
    except (OSError, ValueError):
        token = ""
    if not token:
        problems.error("names a token file that cannot be read, or holds no token", place.at("tokenFile"))
    return token


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plugin:
    command: str
    """The command as written in the kubeconfig."""
    program: str
    """The command, or its path relative to the working directory."""
    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    api_version: str
    wants_cluster: bool
    install_hint: tuple[str, ...]
    """The kubeconfig's hint on how to install it, as lines."""


def _plugin(context: KubeContext, problems: Problems) -> _Plugin | None:
    """Read the exec section of a user; reports what kubectl would refuse too."""
    section, place = context.user["exec"], context.user_place.at("exec")
    command, arguments = section.get("command"), section.get("args") or []
    variables = section.get("env") or []
    before = len(problems.errors)
    if not isinstance(command, str) or not command:
        problems.error("has no command", place)
    if section.get("apiVersion") not in _API:
        problems.error("is not a known version", place.at("apiVersion"), help=" or ".join(_API))
    mode = section.get("interactiveMode") or "Never"
    if mode == "Always":
        problems.error("needs a terminal, which plugins do not get here", place.at("interactiveMode"))
    elif mode not in _MODES:
        problems.error(f"is not {' or '.join(_MODES)}", place.at("interactiveMode"))
    if not isinstance(section.get("provideClusterInfo"), bool | None):
        problems.error("is neither true nor false", place.at("provideClusterInfo"))
    if not isinstance(arguments, list) or not all(map(_is_text, arguments)):
        problems.error("is not a list of strings", place.at("args"))
    if not isinstance(variables, list) or not all(_is_variable(one) for one in variables):
        problems.error("is not a list of names and values", place.at("env"))
    if len(problems.errors) > before:
        return None
    # A path is relative to the kubeconfig, a bare name is on PATH.
    folder = os.path.dirname(context.user_place.file)  # noqa: PTH120 (the path as its author wrote it)
    return _Plugin(
        command=command,
        program=os.path.join(folder, command) if os.sep in command else command,  # noqa: PTH118 (the same)
        arguments=tuple(arguments),
        environ={one["name"]: one["value"] for one in variables},
        api_version=section["apiVersion"],
        wants_cluster=section.get("provideClusterInfo") is True,
        install_hint=_hint(section.get("installHint")),
    )


def _hint(text: object) -> tuple[str, ...]:
    """Return the first lines of a text, cut to fit a message."""
    lines = text[: _HINT_LINES * _HINT_WIDTH].strip().splitlines() if isinstance(text, str) else []
    return tuple(line[:_HINT_WIDTH] for line in lines[:_HINT_LINES])


def _is_variable(one: object) -> bool:
    return (
        isinstance(one, dict)
        and all(_is_text(one.get(name)) for name in ("name", "value"))
        and "=" not in one["name"]
    )


def _is_text(value: object) -> bool:
    """Say whether a value can be handed to a program."""
    return isinstance(value, str) and "\0" not in value


def _run_plugin(
    plugin: _Plugin, context: KubeContext, environ: Mapping[str, str], deadline: Deadline
) -> dict[str, str]:
    """Run a plugin and return its credentials as fields of a user; raises `_CredentialError`."""
    name = f"the credential plugin {plugin.command}"
    program = shutil.which(plugin.program, path=environ.get("PATH", os.defpath))
    if program is None:
        raise _CredentialError(
            f"{name} is not installed: there is no such program",
            details=plugin.install_hint,
            help="install it, or choose credentials without a plugin with --context or --kubeconfig",
        )
    spec: dict[str, Any] = {"interactive": False}
    if plugin.wants_cluster:
        spec["cluster"] = _cluster_info(context.cluster)
    exec_info = {"apiVersion": plugin.api_version, "kind": _KIND, "spec": spec}
    variables = {**environ, **plugin.environ, "KUBERNETES_EXEC_INFO": json.dumps(exec_info)}
    try:
        code, output = run_program([program, *plugin.arguments], variables, deadline)
    except TimeoutError:
        raise _CredentialError(f"{name} gave no answer in time") from None
    except OSError:
        raise _CredentialError(f"{name} cannot be run") from None
    except ValueError:
        raise _CredentialError(f"{name} printed more than any credentials need") from None
    if code != 0:
        raise _CredentialError(f"{name} failed with exit code {code}")
    return _parse(name, output, plugin.api_version)


def _parse(name: str, output: bytes, api_version: str) -> dict[str, str]:
    """Return an ExecCredential as fields of a user; raises `_CredentialError` without its text."""
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or answer.get("kind") != _KIND:
        raise _CredentialError(f"{name} printed no {_KIND} in JSON")
    version = answer.get("apiVersion")
    if version != api_version:
        shown = version if version in _KNOWN else "another version"
        raise _CredentialError(
            f"{name} answered {shown}, and the kubeconfig asks it for {api_version}", help=_UPDATE
        )
    status = answer.get("status")
    if not isinstance(status, dict):
        raise _CredentialError(f"{name} printed an {_KIND} without a status, so without credentials")
    _check_time(name, status.get("expirationTimestamp"))
    return _credentials(name, status)


def _check_time(name: str, expires: object) -> None:
    """Refuse credentials that have expired; raises `_CredentialError`."""
    if expires is None:
        return
    at = _parse_time(str(expires))
    if at is None:
        raise _CredentialError(f"{name} printed credentials with an invalid expirationTimestamp")
    if at <= datetime.now(UTC):
        raise _CredentialError(
            f"{name} printed credentials that expired at {at:%Y-%m-%dT%H:%M:%SZ}",
            help="log in again, or correct this machine's clock",
        )


def _parse_time(text: str) -> datetime | None:
    """Return an RFC 3339 time in UTC; None for anything else."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _credentials(name: str, status: Mapping[str, Any]) -> dict[str, str]:
    """Return token and certificate as fields of a user; raises `_CredentialError` without any."""
    token = status.get("token")
    pair = [status.get(field) for field in _CERTIFICATE]
    present = [isinstance(one, str) and bool(one) for one in pair]
    if any(present) and not all(present):
        raise _CredentialError(f"{name} printed only one of {' and '.join(_CERTIFICATE)}")
    fields = {"token": token} if isinstance(token, str) and token else {}
    if all(present):
        certificate, key = (base64.b64encode(str(one).encode()).decode() for one in pair)
        fields |= {"client-certificate-data": certificate, "client-key-data": key}
    if not fields:
        raise _CredentialError(f"{name} printed an {_KIND} without a token or a certificate")
    return fields


def _cluster_info(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cluster as a plugin may see it (client.authentication.k8s.io `Cluster`)."""
    named = (
        "server",
        "tls-server-name",
        "insecure-skip-tls-verify",
        "certificate-authority-data",
        "proxy-url",
    )
    info = {name: cluster[name] for name in named if name in cluster}
    file = cluster.get("certificate-authority")
    if file and "certificate-authority-data" not in info:
        try:
            with open(file, "rb") as stream:  # noqa: PTH123 (the path as its author wrote it)
                info["certificate-authority-data"] = base64.b64encode(stream.read(1 << 20)).decode()
        except (OSError, ValueError):
            # The connection reports it.
            return info
    return info
