import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.asking import REPOSITORY, look_up, repository_of, resolver
from fakes.registry import Auth, FakeRegistry, Fault, errors
from gitops_doca.core.diagnostics import Diagnostic, Flag
from gitops_doca.core.resolve.lookup import (
    REPOSITORY_NOT_VISIBLE,
    Cause,
    TagExists,
    TagMissing,
    TagUnknown,
)
from gitops_doca.net.origins import is_internal, parse_origin
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.challenges import Challenge, parse_challenges
from gitops_doca.registry.auth.token_servers import TokenServerPolicy

Config = Callable[..., Path]

LOGIN = ("$oauthtoken", "s:ecret é")
ENTRY = {"username": LOGIN[0], "password": LOGIN[1]}
SENT = f"Basic {base64.b64encode(':'.join(LOGIN).encode()).decode()}"
SCOPE = f"repository:{REPOSITORY}:pull"


def _fake(auth: Auth) -> FakeRegistry:
    return FakeRegistry(tags={REPOSITORY: ["here"]}, auth=auth)


def _authorizations(fake: FakeRegistry) -> list[tuple[str, str]]:
    return [(request.kind, request.authorization) for request in fake.requests]


@pytest.mark.parametrize(
    ("lines", "challenges"),
    [
        ((), ()),
        (("",), ()),
        ((" , ,",), ()),
        (("Basic",), (Challenge("basic", {}),)),
        (('Basic realm="a"',), (Challenge("basic", {"realm": "a"}),)),
        (('BEARER Realm="a",SERVICE=b',), (Challenge("bearer", {"realm": "a", "service": "b"}),)),
        (
            ("Bearer realm=https://h/token?a=b&c=d,service=s",),
            (Challenge("bearer", {"realm": "https://h/token?a=b&c=d", "service": "s"}),),
        ),
        (
            (r'Bearer realm="a\"b\\c, d=e" , scope = "x y"',),
            (Challenge("bearer", {"realm": 'a"b\\c, d=e', "scope": "x y"}),),
        ),
        (
            ('Negotiate, Basic realm="a", Bearer realm="b"',),
            (
                Challenge("negotiate", {}),
                Challenge("basic", {"realm": "a"}),
                Challenge("bearer", {"realm": "b"}),
            ),
        ),
        (
            ("Negotiate YII/a+b==", 'Basic realm="a"'),
            (Challenge("negotiate", {}), Challenge("basic", {"realm": "a"})),
        ),
        (
            ("NTLM TlRM, Basic realm=a",),
            (Challenge("ntlm", {}), Challenge("basic", {"realm": "a"})),
        ),
        (('Bearer realm="open',), (Challenge("bearer", {}),)),
        (('Basic realm="a" realm="b"',), (Challenge("basic", {"realm": "a"}),)),
        (('="a"', 'Basic realm="a"'), (Challenge("basic", {"realm": "a"}),)),
    ],
)
def test_each_challenge_of_the_lines_is_parsed_and_the_rest_skipped(
    lines: tuple[str, ...], challenges: tuple[Challenge, ...]
) -> None:
    assert parse_challenges(lines) == challenges


def test_no_credentials_are_sent_where_none_are_wanted(fake: FakeRegistry, config: Config) -> None:
    look_up(fake, registry_config=config(auths={fake.host: ENTRY}))

    assert _authorizations(fake) == [("ping", ""), ("head", "")]


def test_basic_sends_a_login_as_it_is(config: Config) -> None:
    with _fake(Auth(scheme="basic", login=LOGIN)) as fake:
        result = look_up(fake, registry_config=config(auths={fake.host: ENTRY}))

        assert result == TagExists(fake.digest(REPOSITORY, "here"))  # type: ignore[arg-type]
        assert _authorizations(fake) == [("ping", ""), ("head", SENT)]


def test_basic_without_a_login_is_unknown(config: Config) -> None:
    with _fake(Auth(scheme="basic", login=LOGIN)) as fake:
        file = config(auths={"elsewhere.example": ENTRY})

        assert look_up(fake, registry_config=file) == TagUnknown(
            Cause.AUTH,
            "401 Unauthorized (UNAUTHORIZED): the registry wants credentials and none match it in "
            f"{file}; the repository is private or absent",
        )
        assert look_up(fake) == TagUnknown(
            Cause.AUTH,
            "401 Unauthorized (UNAUTHORIZED): the registry wants credentials and there is no docker "
            "config.json; the repository is private or absent",
        )


def test_a_login_that_is_refused_is_unknown(config: Config) -> None:
    with _fake(Auth(scheme="basic", login=("other", "login"))) as fake:
        file = config(auths={fake.host: ENTRY})

        assert look_up(fake, registry_config=file) == TagUnknown(
            Cause.LOGIN,
            f"401 Unauthorized (UNAUTHORIZED): the registry does not accept the credentials from {file} "
            "for this repository",
        )


def test_a_403_is_unknown_and_names_the_file_of_the_credentials(config: Config) -> None:
    with _fake(Auth(scheme="basic", login=LOGIN)) as fake:
        file = config(auths={fake.host: ENTRY})
        fake.fail_always("head", Fault(status=403))
        fake.fail_always("get", errors(403, "DENIED", "<b>go away</b>"))

        assert look_up(fake, registry_config=file) == TagUnknown(
            Cause.LOGIN,
            f"403 Forbidden (DENIED): the registry does not accept the credentials from {file} "
            "for this repository",
        )


def test_a_repository_hidden_from_credentials_says_so(config: Config) -> None:
    with FakeRegistry(auth=Auth(scheme="basic", login=LOGIN)) as fake:
        assert look_up(fake, registry_config=config(auths={fake.host: ENTRY})) == TagUnknown(
            Cause.REPOSITORY, REPOSITORY_NOT_VISIBLE, repository_hidden=True
        )


def test_a_repository_hidden_from_anonymous_tokens_does_not_say_so() -> None:
    with FakeRegistry(auth=Auth(scheme="bearer")) as fake:
        assert look_up(fake) == TagUnknown(Cause.REPOSITORY, REPOSITORY_NOT_VISIBLE)


@pytest.mark.parametrize("field", ["token", "access_token"])
def test_anybody_may_fetch_an_anonymous_token(field: str) -> None:
    with _fake(Auth(scheme="bearer", token_field=field)) as fake:
        assert isinstance(look_up(fake), TagExists)
        assert _authorizations(fake) == [("ping", ""), ("token", ""), ("head", "Bearer token-2")]


def test_a_token_is_fetched_with_the_login(config: Config) -> None:
    with _fake(Auth(scheme="bearer", login=LOGIN)) as fake:
        result = look_up(fake, registry_config=config(auths={fake.host: ENTRY}))

        assert isinstance(result, TagExists)
        assert _authorizations(fake) == [("ping", ""), ("token", SENT), ("head", "Bearer token-2")]
        assert fake.requests[1].query == {"service": ["fake"], "scope": [SCOPE]}


def test_the_scope_in_a_realm_is_replaced_and_a_service_is_not_needed() -> None:
    ngc = f'Bearer realm="{{realm}}?scope={SCOPE},push&a=b"'
    with _fake(Auth(scheme="bearer", challenges=(ngc,))) as fake:
        assert isinstance(look_up(fake), TagExists)
        assert fake.requests[1].query == {"a": ["b"], "scope": [SCOPE]}


@pytest.mark.parametrize(
    "challenges",
    [
        ("Negotiate", 'Bearer realm="{realm}"'),
        ("Bearer realm={realm}",),
        ('Digest nonce="a,b", Bearer realm="{realm}"',),
        ('bEARER error="a \\"b\\"", REALM="{realm}"',),
    ],
)
def test_the_first_challenge_that_is_known_counts(challenges: tuple[str, ...]) -> None:
    with _fake(Auth(scheme="bearer", challenges=challenges)) as fake:
        assert isinstance(look_up(fake), TagExists)


def test_basic_before_bearer_is_basic(config: Config) -> None:
    both = ("Negotiate", "Basic realm=a", 'Bearer realm="{realm}"')
    with _fake(Auth(scheme="basic", login=LOGIN, challenges=both)) as fake:
        assert isinstance(look_up(fake, registry_config=config(auths={fake.host: ENTRY})), TagExists)
        assert fake.kinds == ["ping", "head"]


@pytest.mark.parametrize("challenges", [("Negotiate",), ("",), ('Digest realm="a"',)])
def test_a_401_without_a_known_challenge_is_unknown(challenges: tuple[str, ...]) -> None:
    with _fake(Auth(scheme="bearer", challenges=challenges)) as fake:
        assert look_up(fake) == TagUnknown(
            Cause.NO_CHALLENGE, "401 Unauthorized for /v2/ without a Basic or Bearer challenge"
        )


@pytest.mark.parametrize(
    ("status", "unknown"),
    [
        (403, TagUnknown(Cause.AUTH, "403 Forbidden for /v2/")),
        (404, TagUnknown(Cause.PROTOCOL, "404 Not Found for /v2/")),
        (407, TagUnknown(Cause.PROXY, "407 Proxy Authentication Required for /v2/")),
        (599, TagUnknown(Cause.TRANSIENT, "599 after 3 tries")),
    ],
)
def test_a_ping_that_fails_is_unknown(fake: FakeRegistry, status: int, unknown: TagUnknown) -> None:
    fake.fail_always("ping", Fault(status=status))

    assert look_up(fake) == unknown


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Fault(status=401), "answered 401 Unauthorized"),
        (Fault(status=400), "answered 400 Bad Request"),
        (Fault(status=200, body=b"<html>"), "sent no token that can be used"),
        (Fault(status=200, body=b"[]"), "sent no token that can be used"),
        (Fault(status=200, body=b"{}"), "sent no token that can be used"),
        (Fault(status=200, body=b'{"token": ""}'), "sent no token that can be used"),
        (Fault(status=200, body=b'{"token": 5}'), "sent no token that can be used"),
        (Fault(status=200, body=b'{"token": "a\\r\\nHost: b"}'), "sent no token that can be used"),
        (
            Fault(status=200, body=b'{"token": "a"}' + b" " * 70_000),
            "sent no token that can be used",
        ),
    ],
)
def test_a_token_server_that_gives_no_token_is_unknown(answer: Fault, what: str) -> None:
    with _fake(Auth(scheme="bearer")) as fake:
        fake.fail_always("token", answer)

        assert look_up(fake) == TagUnknown(Cause.AUTH, f"the token server {fake.host} {what}")


def test_a_token_server_that_is_down_is_an_outage() -> None:
    with _fake(Auth(scheme="bearer")) as fake:
        fake.fail_always("token", Fault(status=503))

        assert look_up(fake) == TagUnknown(
            Cause.TRANSIENT, f"the token server {fake.host}: 503 Service Unavailable after 3 tries"
        )


def test_forty_tags_cost_one_ping_and_one_token() -> None:
    with _fake(Auth(scheme="bearer")) as fake:
        images = [repository_of(fake).tag(f"tag{number}") for number in range(40)]

        assert set(resolver().resolve(images).values()) == {TagMissing()}
        assert (fake.count("ping"), fake.count("token")) == (1, 1)


def test_forty_tags_share_a_token_server_that_is_down() -> None:
    with _fake(Auth(scheme="bearer")) as fake:
        fake.fail_always("token", Fault(status=503))
        images = [repository_of(fake).tag(f"tag{number}") for number in range(40)]

        assert len(set(resolver().resolve(images).values())) == 1
        assert fake.kinds == ["ping", "token", "token", "token"]


def test_a_token_that_expires_is_renewed_once() -> None:
    with _fake(Auth(scheme="bearer")) as fake:
        asked, repository = resolver(), repository_of(fake)
        first = asked.resolve([repository.tag("here")])
        fake.expire_tokens()
        second = asked.resolve([repository.tag("gone")])

        assert list(first.values()) == [TagExists(fake.digest(REPOSITORY, "here"))]  # type: ignore[arg-type]
        assert list(second.values()) == [TagMissing()]
        assert fake.kinds == ["ping", "token", "head", "head", "token", "head", "get"]


def test_threads_share_a_token_that_is_renewed() -> None:
    tags = [f"tag{number}" for number in range(8)]
    with FakeRegistry(tags={REPOSITORY: tags}, auth=Auth(scheme="bearer")) as fake:
        asked, repository = resolver(), repository_of(fake)
        asked.resolve([repository.tag(tags[0])])
        fake.expire_tokens()
        fake.latency = 0.02
        result = asked.resolve([repository.tag(tag) for tag in tags])

        assert {type(answer) for answer in result.values()} == {TagExists}
        assert (fake.count("token"), fake.count("get")) == (2, 0)


def test_every_token_that_worked_may_be_renewed() -> None:
    with _fake(Auth(scheme="bearer")) as fake:
        asked, image = resolver(), repository_of(fake).tag("here")
        for _ in range(3):
            assert isinstance(asked.resolve([image])[image], TagExists)
            fake.expire_tokens()

        assert fake.count("token") == 3


def test_the_scope_of_a_later_challenge_comes_first() -> None:
    with _fake(Auth(scheme="bearer")) as fake:
        wanted = f'Bearer realm="{fake.url}/token",scope="repository:other:pull {SCOPE}"'
        fake.fail("head", Fault(status=401, headers=(("WWW-Authenticate", wanted),)))

        assert isinstance(look_up(fake), TagExists)
        assert fake.requests[3].query["scope"] == ["repository:other:pull", SCOPE]


def test_401_for_ever_ends_after_one_new_token() -> None:
    with _fake(Auth(scheme="bearer")) as fake:
        refusal = Fault(status=401, headers=(("WWW-Authenticate", f'Bearer realm="{fake.url}/token"'),))
        fake.fail_always("head", refusal)
        fake.fail_always("get", refusal)
        images = [repository_of(fake).tag(f"tag{number}") for number in range(9)]
        asked = resolver()
        result = [asked.resolve([image])[image] for image in images]

        assert {answer.cause for answer in result if isinstance(answer, TagUnknown)} == {Cause.AUTH}
        assert fake.kinds[:6] == ["ping", "token", "head", "token", "head", "get"]
        assert fake.count("token") == 2


def test_a_netrc_is_never_read(fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    with _fake(Auth(scheme="bearer")) as bearer:
        look_up(fake, environ={"HOME": str(tmp_path), "NETRC": str(netrc)})
        look_up(bearer, environ={"HOME": str(tmp_path), "NETRC": str(netrc)})

        assert not any("Basic" in sent for _, sent in _authorizations(fake) + _authorizations(bearer))


def test_a_cookie_is_never_sent_back(fake: FakeRegistry) -> None:
    fake.fail_always("ping", Fault(headers=(("Set-Cookie", "a=b; Path=/"),)))
    look_up(fake)

    assert not any("Cookie" in request.headers for request in fake.requests)


@pytest.mark.usefixtures("names")
def test_credentials_do_not_go_to_a_foreign_realm(config: Config) -> None:
    with _fake(Auth(scheme="bearer", login=LOGIN)) as realm:
        realm.name = "tokens.test"
        challenge = f'Bearer realm="{realm.url}/token"'
        with _fake(Auth(scheme="bearer", challenges=(challenge,))) as fake:
            asked = resolver(registry_config=config(auths={fake.host: ENTRY}))
            image = repository_of(fake).tag("here")

            assert asked.resolve([image])[image] == TagUnknown(
                Cause.NOT_SENT, f"the token server {realm.host} answered 401 Unauthorized"
            )
            assert asked.warnings == (
                Diagnostic(
                    category=None,
                    message=f"the credentials for {fake.host} were not sent to its token server {realm.host}",
                    help=("if it may have them, give ", Flag("--trusted-realm-host"), f" {realm.host}"),
                ),
            )
            assert _authorizations(realm) == [("token", "")]


@pytest.mark.usefixtures("names")
def test_a_refusal_says_that_credentials_were_withheld(config: Config) -> None:
    with _fake(Auth(scheme="bearer")) as realm:
        realm.name = "tokens.test"
        challenge = f'Bearer realm="{realm.url}/token"'
        with _fake(Auth(scheme="bearer", challenges=(challenge,))) as fake:
            assert look_up(fake, registry_config=config(auths={fake.host: ENTRY})) == TagUnknown(
                Cause.NOT_SENT,
                "401 Unauthorized (UNAUTHORIZED): "
                f"the credentials were not sent to its token server {realm.host}",
            )


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("port", ["", ":{port}"])
def test_credentials_go_to_a_realm_that_is_trusted(config: Config, port: str) -> None:
    with _fake(Auth(scheme="bearer", login=LOGIN)) as realm:
        realm.name = "tokens.test"
        challenge = f'Bearer realm="{realm.url}/token"'
        with _fake(Auth(scheme="bearer", challenges=(challenge,))) as fake:
            fake.tokens = realm.tokens
            trusted = frozenset({"Tokens.test" + port.format(port=realm.port)})
            file = config(auths={fake.host: ENTRY})

            assert isinstance(look_up(fake, registry_config=file, trusted_realm_hosts=trusted), TagExists)
            assert _authorizations(realm) == [("token", SENT)]


@pytest.mark.parametrize(
    ("registry", "realm", "allowed"),
    [
        ("registry.example.com", "https://registry.example.com/token", True),
        ("registry.example.com", "https://REGISTRY.example.com:8443/token", True),
        ("registry.example.com", "https://example.com/jwt/auth", True),
        ("registry.example.com", "https://auth.example.com/token", False),
        ("registry.example.com", "https://com/token", False),
        ("registry.example.com", "https://ample.com/token", False),
        ("example.com", "https://registry.example.com/token", False),
        ("index.docker.io", "https://auth.docker.io/token", True),
        ("index.docker.io", "https://auth.docker.io.evil.example/token", False),
        ("index.docker.io", "https://docker.com/token", False),
        ("nvcr.io", "https://nvcr.io/proxy_auth", True),
        ("nvcr.io", "https://authn.nvidia.com/token", True),
        ("nvcr.io", "https://stg.nvcr.io/token", True),
        ("eu.nvcr.io", "https://nvcr.io/token", True),
        ("eu.nvcr.io", "https://authn.nvidia.com/token", True),
        ("nvcr.io", "https://evilnvidia.com/token", False),
        ("evilnvcr.io", "https://authn.nvidia.com/token", False),
        ("registry.example.com", "https://authn.nvidia.com/token", False),
    ],
)
def test_where_credentials_may_go(registry: str, realm: str, *, allowed: bool) -> None:
    rules = TokenServerPolicy(registry=parse_origin(f"https://{registry}"))

    assert rules.may_have_credentials(parse_origin(realm)) is allowed


TRUSTED = frozenset({"10.0.0.9"})


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("https://r.example", "https://auth.example/token"),
        ("http://r.example", "http://auth.example/token"),
        ("https://r.example", "https://8.8.8.8/token"),
        ("https://r.example", "https://10.0.0.9/token"),
        ("https://10.0.0.1:5000", "https://10.0.0.1/token"),
        ("https://10.0.0.1:5000", "https://10.0.0.2/token"),
        ("http://localhost:5000", "http://localhost:5001/token"),
    ],
)
def test_where_a_token_may_be_fetched(registry: str, realm: str) -> None:
    ours, theirs = parse_origin(registry), parse_origin(realm)
    rules = TokenServerPolicy(registry=ours, trusted=TRUSTED, is_private=is_internal(ours.host))

    assert rules.address_policy(theirs).scope.may_contain(theirs.host)


@pytest.mark.parametrize(
    "realm",
    [
        "https://169.254.169.254/token",
        "https://10.0.0.1/token",
        "https://127.0.0.1:8443/token",
        "https://127.1/token",
        "https://2130706433/token",
        "https://0x7f.0.0.1/token",
        "https://0/token",
        "https://[::1]/token",
        "https://[::ffff:169.254.169.254]/token",
        "https://[fe80::1]/token",
        "https://localhost/token",
        "https://LOCALHOST./token",
        "https://a.localhost/token",
        "https://168.63.129.16/token",
        "https://192.0.0.192/token",
        "https://192.88.99.1/token",
        "https://[3fff::1]/token",
    ],
)
def test_no_token_is_fetched_from_a_private_address(realm: str) -> None:
    origin = parse_origin(realm)
    policy = TokenServerPolicy(registry=parse_origin("https://r.example"), trusted=TRUSTED).address_policy(
        origin
    )

    assert not policy.scope.may_contain(origin.host)
    assert policy.refusal == f"the token server {origin.authority} is on a private address, which was refused"


@pytest.mark.parametrize(
    ("realm", "reached"),
    [
        ("https://10.0.0.1/token", True),
        ("https://127.0.0.1:8443/token", True),
        ("https://localhost/token", True),
        ("https://169.254.169.254/token", False),
        ("https://[fe80::1]/token", False),
        ("https://168.63.129.16/token", False),
        ("https://[fd00:ec2::254]/token", False),
        ("https://0/token", False),
    ],
)
def test_a_private_registry_may_have_a_private_token_server_but_no_link_local_one(
    realm: str, *, reached: bool
) -> None:
    origin = parse_origin(realm)
    policy = TokenServerPolicy(registry=parse_origin("https://r.example"), is_private=True).address_policy(
        origin
    )

    assert policy.scope.may_contain(origin.host) is reached


@pytest.mark.parametrize("realm", ["http://r.example/token", "http://10.0.0.9/token"])
def test_no_token_is_fetched_without_tls_for_a_registry_with_tls(realm: str) -> None:
    origin = parse_origin(realm)
    with pytest.raises(LookupFailedError) as raised:
        TokenServerPolicy(registry=parse_origin("https://r.example"), trusted=TRUSTED).address_policy(origin)

    reason = f"the token server {origin.authority} has no TLS, which was refused"
    assert (raised.value.cause, raised.value.reason) == (Cause.POLICY, reason)


@pytest.mark.parametrize(
    "realm",
    ["file:///etc/passwd", "https://me:secret@r.example/", "//r.example/", "https://", "a b", "https://[::1"],
)
def test_a_realm_that_is_no_address_is_refused(realm: str) -> None:
    with _fake(Auth(scheme="bearer", challenges=(f'Bearer realm="{realm}"',))) as fake:
        assert look_up(fake) == TagUnknown(Cause.POLICY, "the token realm is not a valid URL")


def test_a_challenge_without_realm_is_unknown() -> None:
    with _fake(Auth(scheme="bearer", challenges=('Bearer service="s"',))) as fake:
        assert look_up(fake) == TagUnknown(
            Cause.NO_CHALLENGE, "401 with a Bearer challenge that names no realm"
        )


@pytest.mark.usefixtures("names")
def test_a_token_server_may_not_redirect_to_a_private_address(config: Config) -> None:
    with _fake(Auth(scheme="bearer", login=LOGIN)) as fake:
        fake.name = "registry.test"
        target = "http://169.254.169.254/latest/meta-data"
        fake.fail_always("token", Fault(status=302, headers=(("Location", target),)))

        assert look_up(
            fake,
            registry_config=config(auths={fake.host: ENTRY}),
            insecure_registries=frozenset({fake.host}),
        ) == TagUnknown(
            Cause.PRIVATE, "the token server 169.254.169.254 is on a private address, which was refused"
        )


def test_credentials_do_not_follow_a_token_servers_redirect(config: Config) -> None:
    with (
        _fake(Auth(scheme="bearer", login=LOGIN)) as other,
        _fake(other.auth or Auth(scheme="bearer")) as fake,
    ):
        target = f"{other.url}/token"
        fake.fail_always("token", Fault(status=307, headers=(("Location", target),)))

        file = config(auths={fake.host: ENTRY})

        assert look_up(fake, registry_config=file) == TagUnknown(
            Cause.LOGIN,
            f"the token server {fake.host} answered 401 Unauthorized to the credentials from {file}",
        )
        assert _authorizations(fake)[1:] == [("token", SENT)]
        assert _authorizations(other) == [("token", "")]
