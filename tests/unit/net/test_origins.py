import pytest

from gitops_doca.net.origins import Origin, is_internal, is_loopback, parse_origin


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://r.example", Origin("https", "r.example", 443)),
        ("HTTPS://R.Example.:443/v2/", Origin("https", "r.example", 443)),
        ("http://r.example:5000/?a#b", Origin("http", "r.example", 5000)),
        ("http://[::1]:80", Origin("http", "::1", 80)),
    ],
)
def test_an_origin_is_in_lower_case_and_has_a_port(url: str, origin: Origin) -> None:
    assert parse_origin(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "r.example",
        "//r.example",
        "ftp://r.example",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://me@r.example",
        "https://me:pw@r.example",
        "https://r.example:port",
        "https://r.example:65536",
        "https://evil.example\\@r.example",
        "https://r.example\\.evil.example",
        "https://r example",
        "https://[::1",
        "https://räuber.example",
    ],
)
def test_what_is_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_origin(url)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://r.example:443", "r.example"),
        ("https://r.example:80", "r.example:80"),
        ("http://r.example", "r.example"),
        ("https://[::1]:5000", "[::1]:5000"),
    ],
)
def test_authorities_as_people_write_them(url: str, authority: str) -> None:
    assert parse_origin(url).authority == authority


@pytest.mark.parametrize(
    ("url", "entry", "named"),
    [
        ("https://r.example:5000", "r.example", True),
        ("https://r.example:5000", "R.EXAMPLE:5000", True),
        ("https://r.example:5000", "r.example:443", False),
        ("https://r.example", "r.example:443", True),
        ("https://[::1]:5000", "[::1]", True),
        ("https://[::1]:5000", "[::1]:5000", True),
        ("https://r.example", "example", False),
    ],
)
def test_an_entry_without_a_port_names_a_host_on_every_port(url: str, entry: str, *, named: bool) -> None:
    assert parse_origin(url).is_among(frozenset({"x.example", entry})) is named


@pytest.mark.parametrize(
    ("host", "loopback", "internal"),
    [
        ("localhost", True, True),
        ("a.localhost", True, True),
        ("127.0.0.1", True, True),
        ("127.255.0.9", True, True),
        ("127.1", True, True),
        ("::1", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("10.0.0.1", False, True),
        ("192.168.1.1", False, True),
        ("169.254.169.254", False, True),
        ("0.0.0.0", False, True),  # noqa: S104 (no socket is bound)
        ("fe80::1", False, True),
        ("fd00::1", False, True),
        ("8.8.8.8", False, False),
        ("2001:4860:4860::8888", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("my127.0.0.1registry.io", False, False),
        ("notlocalhost", False, False),
        ("registry.local", False, False),
        ("10.256.0.0", False, False),
    ],
)
def test_loopback_and_internal_hosts(host: str, *, loopback: bool, internal: bool) -> None:
    assert (is_loopback(host), is_internal(host)) == (loopback, internal)
