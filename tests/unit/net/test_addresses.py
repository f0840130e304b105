from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes.asking import REPOSITORY, look_up, repository_of, resolver
from fakes.registry import Auth, FakeRegistry, Fault, image
from gitops_doca.core.reference import Digest
from gitops_doca.core.resolve.lookup import Cause, ImagePlatforms, TagExists, TagUnknown
from gitops_doca.net.addresses import AddressScope, parse_address
from gitops_doca.registry.allowlist import parse_allowed

PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "64:ff9b:1::808:808",
    "2002:808:808::1",
    "100.128.0.1",
    "168.63.129.15",
    "192.0.1.1",
    "192.88.98.1",
    "2600::1",
    "3fff:1000::1",
]
PRIVATE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "fd00::1",
    "fec0::1",
    "::ffff:10.0.0.1",
    "::10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1:a00:1:0:808:808",
    "2002:7f00:1::",
    "192.0.2.1",
    "192.88.99.1",
    "198.51.100.1",
    "203.0.113.1",
    "64:ff9b::c058:6301",
    "::ffff:0:7f00:1",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:2::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "8000::1",
]
ONE_LINK = [
    "169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1:a9fe:a9:fe00:808:808",
    "64:ff9b:1:a9:fe:a9fe:808:808",
    "64:ff9b:1:0:a9:fea9:fe08:808",
    "64:ff9b:1::",
    "::ffff:0:a9fe:a9fe",
    "0.0.0.0",  # noqa: S104 (no socket is bound)
    "::",
    "224.0.0.1",
    "239.1.2.3",
    "ff02::1",
]
CLOUD = [
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.8",
    "192.0.0.9",
    "192.0.0.192",
    "::ffff:168.63.129.16",
    "64:ff9b::a83f:8110",
    "64:ff9b:1:a83f:81:1000:808:808",
    "::ffff:0:168.63.129.16",
    "2002:a83f:8110::1",
    "0xa83f8110",
    "fd00:42::42",
    "fd00:100::100:200",
    "fd00:a9fe:a9fe::1",
    "fd00:c1::a9fe:a9fe",
    "fd00:ec2::23",
    "fd00:ec2::254",
    "fd20:ce::254",
]


@pytest.mark.parametrize(
    ("addresses", "zones"),
    [
        (PUBLIC, {AddressScope.PUBLIC, AddressScope.ROUTED, AddressScope.ANY}),
        (PRIVATE, {AddressScope.ROUTED, AddressScope.ANY}),
        (ONE_LINK, {AddressScope.ANY}),
        (CLOUD, {AddressScope.ANY}),
    ],
)
def test_the_zones_of_an_address(addresses: list[str], zones: set[AddressScope]) -> None:
    result = {text: {scope for scope in AddressScope if scope.may_contain(text)} for text in addresses}

    assert result == dict.fromkeys(addresses, zones)


@pytest.mark.parametrize("name", ["r.example", "10.0.0.1.evil.example", "10.256.0.0", "notlocalhost", ""])
def test_a_name_is_no_address(name: str) -> None:
    assert parse_address(name) is None
    assert all(scope.may_contain(name) for scope in AddressScope)


@pytest.mark.parametrize("name", ["localhost", "a.localhost"])
def test_localhost_is_not_public(name: str) -> None:
    assert [scope.may_contain(name) for scope in AddressScope] == [False, True, True]


def _realm(url: str) -> Auth:
    return Auth(scheme="bearer", challenges=(f'Bearer realm="{url}/token"',))


def _insecure(*registries: FakeRegistry) -> dict[str, Any]:
    return {"insecure_registries": frozenset(registry.host for registry in registries)}


@pytest.mark.usefixtures("names")
def test_a_name_with_a_private_address_is_refused_as_token_server_of_a_public_registry() -> None:
    with FakeRegistry(auth=Auth(scheme="bearer"), name="tokens.test") as realm:
        auth = _realm(realm.url)
        with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=auth, name="r.public") as fake:
            assert look_up(fake, **_insecure(fake)) == TagUnknown(
                Cause.PRIVATE, f"the token server {realm.host} is on a private address, which was refused"
            )
            assert (realm.connections, fake.kinds) == (0, ["ping"])


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("registry", "realm", "trusted"),
    [
        ("r.public", "tokens.public", ""),
        ("r.public", "tokens.test", "tokens.test"),
        ("r.test", "tokens.test", ""),
        ("r.test", "tokens.public", ""),
        ("127.0.0.1", "tokens.test", ""),
        ("r.public", "r.public", ""),
    ],
)
def test_where_a_token_server_may_be(registry: str, realm: str, trusted: str) -> None:
    with FakeRegistry(auth=Auth(scheme="bearer"), name=realm) as tokens:
        auth = _realm(tokens.url)
        with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=auth, name=registry) as fake:
            fake.tokens = tokens.tokens
            hosts = frozenset({trusted} - {""})

            assert isinstance(look_up(fake, trusted_realm_hosts=hosts, **_insecure(fake)), TagExists)


@pytest.mark.usefixtures("names")
def test_a_token_server_that_redirects_to_a_private_address_by_name_is_refused() -> None:
    with FakeRegistry(name="metadata.test") as inside, FakeRegistry(name="tokens.public") as realm:
        realm.fail_always("token", Fault(status=307, headers=(("Location", f"{inside.url}/token"),)))
        with FakeRegistry(auth=_realm(realm.url), name="r.public") as fake:
            assert look_up(fake, **_insecure(fake)) == TagUnknown(
                Cause.PRIVATE, f"the token server {inside.host} is on a private address, which was refused"
            )
            assert inside.connections == 0


def _storage(name: str, registry: str, **flags: Any) -> Any:
    manifest, config = image()
    with (
        FakeRegistry(blobs=(config,), name=name) as storage,
        FakeRegistry(
            tags={REPOSITORY: {"here": manifest}},
            auth=Auth(scheme="basic", login=("me", "pw")),
            name=registry,
        ) as fake,
    ):
        target = f"{storage.url}/v2/{REPOSITORY}/blobs/sha256:{manifest.config.rpartition(':')[2]}"
        fake.fail_always("blob", Fault(status=307, headers=(("Location", target),)))
        asked = resolver(**_insecure(fake), **{key: value(fake) for key, value in flags.items()})
        here = repository_of(fake).tag("here")
        result = asked.inspect([here])[here]
        return result, manifest, storage


def _login(config: Callable[..., Path]) -> Callable[[FakeRegistry], Path]:
    return lambda fake: config(auths={fake.host: {"username": "me", "password": "pw"}})


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("storage", "registry"),
    [("s3.public", "r.public"), ("s3.test", "r.test"), ("s3.test", "127.0.0.1"), ("r.public", "r.public")],
)
def test_blobs_may_be_stored_on_another_host_and_need_no_login_there(
    config: Callable[..., Path], storage: str, registry: str
) -> None:
    result, manifest, stored = _storage(storage, registry, registry_config=_login(config))

    assert result == ImagePlatforms(Digest(manifest.digest), frozenset({"linux/amd64"}))
    assert [request.authorization for request in stored.requests] == [""]


@pytest.mark.usefixtures("names")
def test_blobs_of_a_public_registry_are_not_fetched_from_private_addresses(
    config: Callable[..., Path],
) -> None:
    result, _, stored = _storage("s3.test", "r.public", registry_config=_login(config))

    assert result == TagUnknown(Cause.PRIVATE, f"a redirect to a private address, {stored.host}, was refused")
    assert stored.connections == 0


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("name", ["r.test", "127.0.0.1", "localhost"])
def test_with_public_only_a_private_registry_is_refused_before_it_is_connected_to(name: str) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, name=name) as fake:
        assert look_up(fake, public_only=True) == TagUnknown(
            Cause.NOT_ALLOWED, f"{fake.host} is on a private address and not in the allowed registries"
        )
        assert fake.connections == 0


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(("entry", "asked"), [("r.test:{port}", True), ("*.test:{port}", False)])
def test_with_public_only_a_private_registry_is_queried_when_it_is_named(entry: str, *, asked: bool) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, name="r.test") as fake:
        allowed = (parse_allowed(entry.format(port=fake.port)),)
        result = look_up(fake, public_only=True, allowed_registries=allowed, **_insecure(fake))

        assert isinstance(result, TagExists) is asked
        assert bool(fake.connections) is asked


@pytest.mark.usefixtures("names")
def test_with_public_only_a_public_registry_is_queried() -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer"), name="r.public") as fake:
        assert isinstance(look_up(fake, public_only=True, **_insecure(fake)), TagExists)


@pytest.mark.usefixtures("names")
def test_behind_a_proxy_literal_addresses_are_still_refused() -> None:
    with FakeRegistry(name="10.0.0.1") as fake:
        result = look_up(fake, public_only=True, environ={"HTTPS_PROXY": "http://127.0.0.1:1"})

        assert isinstance(result, TagUnknown)
        assert result.cause is Cause.NOT_ALLOWED
