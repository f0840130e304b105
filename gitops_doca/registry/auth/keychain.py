"""Find all that can be shown for a repository: pull secrets, then a docker config.json and its helpers."""

import threading
from collections.abc import Callable, Iterator

from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.reference import DOCKER_HUB
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.authorization import CachedResult
from gitops_doca.registry.auth.credential_helpers import Helpers
from gitops_doca.registry.auth.credentials import (
    Credential,
    CredentialCandidate,
    HelperCall,
    InvalidCredential,
)
from gitops_doca.registry.auth.docker_config import DockerConfig, default_file
from gitops_doca.registry.auth.pull_secrets import find_logins, is_hub_key_of_kubelet_alone
from gitops_doca.registry.options import RegistryOptions


class Keychain:
    """All credentials of a run; files are read when the first login is wanted. Safe between threads."""

    def __init__(
        self, options: RegistryOptions, helpers: Helpers, warn: Callable[[Diagnostic], None]
    ) -> None:
        self._file = options.registry_config or default_file(options.environ)[0]
        self._secrets = options.pull_secrets
        self._helpers = helpers
        self._warn = warn
        self._lock = threading.Lock()
        self._config: DockerConfig | None = None
        self._asked: dict[HelperCall, CachedResult[Credential | None]] = {}
        self._asked_anew: dict[HelperCall, CachedResult[Credential | None]] = {}

    @property
    def places(self) -> tuple[str, ...]:
        """Where credentials could come from, for messages, in the order in which they are tried."""
        places = [secret.place for secret in self._secrets]
        return (*places, str(self._file)) if self._file else tuple(places)

    def candidates(self, registry: str, path: str) -> tuple[CredentialCandidate, ...]:
        """Return what matches a repository, in the order to be tried; nothing: be anonymous."""
        if registry == DOCKER_HUB and is_hub_key_of_kubelet_alone(self._secrets, path):
            message = (
                "a pull secret has the credentials of Docker Hub under docker.io: the kubelet finds them, "
                f"and the Network Operator only under https://{DOCKER_HUB}/v1/"
            )
            self._warn(Diagnostic(category=None, message=message))
        secrets = find_logins(self._secrets, registry, path)
        return tuple(dict.fromkeys([*secrets, *self._of_config(registry, path)]))

    def ask(self, call: HelperCall) -> Credential | None:
        """Return what a helper has, None when it has nothing; it runs once.

        Raises `LookupFailedError` (auth) for a helper that does not work.
        """
        with self._lock:
            asked = self._asked.setdefault(call, CachedResult(lambda: self._helpers.ask(call)))
        return asked.get()

    def ask_anew(self, call: HelperCall) -> Credential | None:
        """Return what a helper has now that a registry said that its login has expired; it runs once more."""
        with self._lock:
            asked = self._asked_anew.setdefault(call, CachedResult(lambda: self._helpers.ask(call)))
            self._asked[call] = asked
        return asked.get()

    def _of_config(self, registry: str, path: str) -> Iterator[CredentialCandidate]:
        if self._file is None:
            return
        try:
            with self._lock:
                self._config = self._config or DockerConfig(self._file)
            call = self._config.helper(registry)
        except LookupFailedError as error:
            yield InvalidCredential(error.reason)
            return
        if call is not None:
            yield call
        yield from self._config.logins(registry, path)
