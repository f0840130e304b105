import base64
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.asking import REPOSITORY, look_up, repository_of, resolver
from fakes.registry import Auth, FakeRegistry, Fault, errors
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagMissing, TagUnknown
from gitops_doca.registry.auth.pull_secrets import PullSecret

Config = Callable[..., Path]
Program = Callable[[str], dict[str, str]]

LOGIN = ("me", "s:ecret é")
SENT = f"Basic {base64.b64encode(':'.join(LOGIN).encode()).decode()}"
PRINT = """printf '{"ServerURL":"x","Username":"me","Secret":"s:ecret é"}'"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return a function that makes `docker-credential-test` of a script, and returns its environment."""

    def make(script: str) -> dict[str, str]:
        file = tmp_path / "docker-credential-test"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(tmp_path / "log")}

    return make


@pytest.fixture
def basic() -> FakeRegistry:
    return FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="basic", login=LOGIN))


def _reason(file: Path, how: str) -> TagUnknown:
    return TagUnknown(Cause.HELPER, f"{file} names the credential helper docker-credential-test, which {how}")


@pytest.mark.parametrize("by", ["credHelpers", "credsStore"])
def test_a_helper_gets_the_name_of_the_registry(
    basic: FakeRegistry, config: Config, program: Program, by: str
) -> None:
    environ = program(f'echo "$@ $(cat)" >> "$LOG"; {PRINT}')
    with basic as fake:
        file = config(**{by: {fake.host: "test"} if by == "credHelpers" else "test"})

        assert isinstance(look_up(fake, registry_config=file, environ=environ), TagExists)
        assert Path(environ["LOG"]).read_text() == f"get {fake.host}\n"
        assert fake.requests[-1].authorization == SENT


def test_a_helper_runs_once_for_all_repositories(
    basic: FakeRegistry, config: Config, program: Program
) -> None:
    environ = program(f'echo run >> "$LOG"; {PRINT}')
    with basic as fake:
        asked = resolver(registry_config=config(credsStore="test"), environ=environ)
        asked.resolve([repository_of(fake, f"repo{number}").tag("x") for number in range(10)])

        assert Path(environ["LOG"]).read_text() == "run\n"


def test_a_registry_that_wants_no_login_runs_no_helper(
    fake: FakeRegistry, config: Config, program: Program
) -> None:
    environ = program('echo run >> "$LOG"; exit 1')

    assert isinstance(look_up(fake, registry_config=config(credsStore="test"), environ=environ), TagExists)
    assert not Path(environ["LOG"]).exists()


def test_a_helper_that_has_nothing_leaves_one_anonymous(config: Config, program: Program) -> None:
    environ = program("echo credentials not found in native keychain; exit 1")
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer")) as fake:
        file = config(credsStore="test")

        assert isinstance(look_up(fake, registry_config=file, environ=environ), TagExists)
        assert fake.requests[1].authorization == ""


def test_a_helper_that_has_nothing_is_said_when_the_registry_refuses(
    basic: FakeRegistry, config: Config, program: Program
) -> None:
    environ = program("echo credentials not found in native keychain; exit 1")
    with basic as fake:
        file = config(credsStore="test")

        assert look_up(fake, registry_config=file, environ=environ) == TagUnknown(
            Cause.AUTH,
            "401 Unauthorized (UNAUTHORIZED): the registry wants credentials and the credential helper that "
            f"{file} names has no login; the repository is private or absent",
        )


def test_beside_other_credentials_a_helper_that_has_nothing_is_no_reason_to_be_anonymous(
    basic: FakeRegistry, config: Config, program: Program
) -> None:
    environ = program("echo credentials not found in native keychain; exit 1")
    with basic as fake:
        entry = {"username": "me", "password": "wrong"}
        file = config(credsStore="test", auths={fake.host: entry})
        result = look_up(fake, registry_config=file, environ=environ)

        assert result == TagUnknown(
            Cause.LOGIN,
            f"401 Unauthorized (UNAUTHORIZED): the registry does not accept the credentials from {file} "
            f"for this repository; the credential helper that {file} names has no login",
        )
        assert "" not in [request.authorization for request in fake.requests if request.kind != "ping"]


def test_beside_an_invalid_entry_a_helper_without_a_login_is_no_reason_to_be_anonymous(
    config: Config, program: Program
) -> None:
    environ = program("echo 'credentials not found in native keychain'; exit 1")
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer")) as fake:
        broken = PullSecret(place="broken", auths={fake.host: {"auth": "%"}})
        file = config(credHelpers={fake.host: "test"})

        assert look_up(fake, pull_secrets=(broken,), registry_config=file, environ=environ) == TagUnknown(
            Cause.AUTH,
            f"the credential helper that {file} names has no login; "
            "broken has an auth for this registry that is not base64",
        )
        assert fake.kinds == ["ping"]


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("exit 1", "failed"),
        ("echo secret >&2; echo secret; exit 3", "failed"),
        ("echo credentials not found in native keychain", "printed no login"),
        ("kill -9 $$", "failed"),
        ("true", "printed no login"),
        ("echo secret", "printed no login"),
        ("echo '[]'", "printed no login"),
        ("""echo '{"Username":"me"}'""", "printed no login"),
        ("""echo '{"Username":"","Secret":""}'""", "printed no login"),
        ("""echo '{"Username":"me","Secret":5}'""", "printed no login"),
        ("""printf '{"Username":"me","Secret":"\\377"}'""", "printed no login"),
        ("yes secret", "printed no login"),
    ],
)
def test_a_helper_that_does_not_work_is_unknown_and_never_anonymous(
    config: Config, program: Program, script: str, how: str
) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer")) as fake:
        file = config(credsStore="test")

        assert look_up(fake, registry_config=file, environ=program(script)) == _reason(file, how)
        assert fake.kinds == ["ping"]


@pytest.mark.parametrize("script", ["sleep 60", "sleep 60 & sleep 60", "cat > /dev/null; exec sleep 60"])
def test_a_helper_that_hangs_is_unknown_before_the_deadline(
    basic: FakeRegistry, config: Config, program: Program, script: str
) -> None:
    with basic as fake:
        file = config(credsStore="test")
        environ = program(f"echo $$ > $LOG; {script}")
        began = time.monotonic()

        assert look_up(fake, registry_config=file, environ=environ, deadline=2) == _reason(
            file, "gave no answer in time"
        )
        assert time.monotonic() - began < 2
        pid = int(Path(environ["LOG"]).read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_helper_that_is_not_there_is_unknown(basic: FakeRegistry, config: Config, tmp_path: Path) -> None:
    with basic as fake:
        file = config(credsStore="test")

        assert look_up(fake, registry_config=file, environ={"PATH": str(tmp_path)}) == TagUnknown(
            Cause.HELPER, f"{file} names the credential helper docker-credential-test, which is not on PATH"
        )


def test_a_helper_that_cannot_be_run_is_unknown(
    basic: FakeRegistry, config: Config, program: Program, tmp_path: Path
) -> None:
    environ = program("")
    (tmp_path / "docker-credential-test").write_text("#!/nowhere/at/all\n")
    with basic as fake:
        file = config(credsStore="test")

        assert look_up(fake, registry_config=file, environ=environ) == _reason(file, "cannot be run")


def test_the_name_of_a_helper_is_no_path_and_no_shell_command(
    basic: FakeRegistry, config: Config, program: Program, tmp_path: Path
) -> None:
    environ = program('echo run >> "$LOG"')
    with basic as fake:
        for name in ("../docker-credential-test", "test; touch x", "$(touch x)", "x/../test"):
            file = config(credsStore=name)

            assert look_up(fake, registry_config=file, environ=environ) == TagUnknown(
                Cause.CREDENTIALS, f"{file} names an invalid credential helper"
            )
    assert not Path(environ["LOG"]).exists()
    assert not (tmp_path / "x").exists()


def test_the_user_token_marks_an_identity_token(config: Config, program: Program) -> None:
    environ = program("""printf '{"Username":"<token>","Secret":"identity"}'""")
    auth = Auth(scheme="bearer", login=LOGIN, identity="identity")
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=auth) as fake:
        result = look_up(fake, registry_config=config(credsStore="test"), environ=environ)

        assert isinstance(result, TagExists)
        assert fake.requests[1].method == "POST"


def test_a_helper_runs_once_more_for_a_login_that_has_expired(config: Config, program: Program) -> None:
    """As of ECR, whose logins last for twelve hours, and which answers 403 without a challenge."""
    environ = program(
        'echo run >> "$LOG"; if [ $(wc -l < "$LOG") = 1 ]; then s=old; else s=new; fi;'
        """printf '{"Username":"AWS","Secret":"%s"}' $s"""
    )
    expired = errors(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
    auth = Auth(scheme="basic", login=("AWS", "new"))
    with FakeRegistry(tags={REPOSITORY: ["here"], "other": ["here"]}, auth=auth) as fake:
        fake.fail("head", Fault(status=403))
        fake.fail("get", expired)
        asked = resolver(registry_config=config(credsStore="test"), environ=environ)
        image, other = repository_of(fake).tag("gone"), repository_of(fake, "other").tag("here")

        assert asked.resolve([image])[image] == TagMissing()
        assert isinstance(asked.resolve([other])[other], TagExists)
        assert Path(environ["LOG"]).read_text() == "run\nrun\n"
        assert fake.kinds == ["ping", "head", "get", "get", "head"]


def test_a_login_that_stays_expired_ends_as_unknown(config: Config, program: Program) -> None:
    environ = program(f'echo run >> "$LOG"; {PRINT}')
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="basic", login=LOGIN)) as fake:
        fake.fail_always("head", Fault(status=400))
        fake.fail_always("get", errors(403, "DENIED", "token has expired"))
        asked = resolver(registry_config=config(credsStore="test"), environ=environ)
        images = [repository_of(fake).tag(f"tag{number}") for number in range(5)]
        result = [asked.resolve([image])[image] for image in images]

        assert {answer.cause for answer in result if isinstance(answer, TagUnknown)} == {Cause.LOGIN}
        assert Path(environ["LOG"]).read_text() == "run\nrun\n"
        assert fake.count("get") == 5
