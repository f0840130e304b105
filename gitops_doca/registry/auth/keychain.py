"""Find all credentials for a repository."""

import threading
from collections.abc import Callable

from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.reference import DOCKER_HUB
from gitops_doca.net.deadline import Deadline
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.authorization import CachedResult
from gitops_doca.registry.auth.credential_helpers import run_helper
from gitops_doca.registry.auth.credentials import (
    Credential,
    CredentialCandidate,
    HelperCall,
    InvalidCredential,
)
from gitops_doca.registry.auth.docker_config import DockerConfig, default_file
from gitops_doca.registry.auth.pull_secrets import find_credentials, has_hub_only_as_docker_io
from gitops_doca.registry.options import RegistryOptions


class Keychain:
    """All credentials of a run; thread-safe. Files are read for the first repository."""

    def __init__(
        self, options: RegistryOptions, deadline: Deadline, warn: Callable[[Diagnostic], None]
    ) -> None:
        self._file = options.registry_config or default_file(options.environ)[0]
        self._secrets = options.pull_secrets
        self._environ = options.environ
        self._deadline = deadline
        self._warn = warn
        self._lock = threading.Lock()
        self._config: DockerConfig | None = None
        self._newest_runs: dict[HelperCall, CachedResult[Credential | None]] = {}
        self._repeated_runs: dict[HelperCall, CachedResult[Credential | None]] = {}

    @property
    def places(self) -> tuple[str, ...]:
        """The files that may have credentials, for messages, in the order in which they are tried."""
        places = [secret.place for secret in self._secrets]
        return (*places, str(self._file)) if self._file else tuple(places)

    def candidates(self, registry: str, path: str) -> tuple[CredentialCandidate, ...]:
        """Return the candidates for a repository, in order; without any it is anonymous."""
        if registry == DOCKER_HUB and has_hub_only_as_docker_io(self._secrets, path):
            message = (
                "a pull secret has the credentials of Docker Hub under docker.io: the kubelet finds them, "
                f"and the Network Operator only under https://{DOCKER_HUB}/v1/"
            )
            self._warn(Diagnostic(category=None, message=message))
        secrets = find_credentials(self._secrets, registry, path)
        return tuple(dict.fromkeys([*secrets, *self._of_config(registry, path)]))

    def run_helper(self, call: HelperCall, *, again: bool = False) -> Credential | None:
        """Return the login that a helper has, None if it has no login; it runs once.

        With `again`, because the login has expired, it runs a second time. Raises
        `LookupFailedError` (helper) for a helper that does not work.
        """
        with self._lock:
            runs = self._repeated_runs if again else self._newest_runs
            run = runs.setdefault(call, CachedResult(lambda: run_helper(call, self._environ, self._deadline)))
            self._newest_runs[call] = run
        return run.get()

    def _of_config(self, registry: str, path: str) -> list[CredentialCandidate]:
        if self._file is None:
            return []
        try:
            with self._lock:
                self._config = self._config or DockerConfig(self._file)
            helper = self._config.helper(registry)
        except LookupFailedError as error:
            return [InvalidCredential(error.reason)]
        credentials = self._config.credentials(registry, path)
        return [helper, *credentials] if helper else [*credentials]
