import json
import time

import pytest

from fakes.asking import REPOSITORY, list_tags, look_up, repository_of, resolver
from fakes.registry import HTML, Auth, FakeRegistry, Fault, Wire, errors
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.lookup import Cause, TagList, TagMissing
from gitops_doca.registry.allowlist import parse_allowed
from gitops_doca.registry.tag_list import parse_next

TAGS = frozenset(f"tag-{number:03}" for number in range(250))


def _page(*tags: object, link: str = "") -> Fault:
    headers = (("Link", link),) if link else ()
    return Fault(status=200, headers=headers, body=json.dumps({"tags": tags}).encode())


@pytest.mark.parametrize("link", ["relative", "absolute"])
def test_pages_are_read_to_the_end(link: str) -> None:
    with FakeRegistry(tags={REPOSITORY: TAGS}, page_size=100, link=link) as fake:  # type: ignore[arg-type]
        assert list_tags(fake) == TagList(TAGS, complete=True)
        assert fake.kinds == ["ping", "list", "list", "list"]
        assert fake.requests[1].query == {"n": ["1000"]}


def test_pages_share_the_token_of_the_look_ups() -> None:
    auth = Auth(scheme="bearer")
    with FakeRegistry(tags={REPOSITORY: TAGS}, page_size=100, auth=auth) as fake:
        asked, repository = resolver(), repository_of(fake)
        asked.resolve([repository.tag("gone")])

        assert asked.list_tags([repository]) == {repository: TagList(TAGS, complete=True)}
        assert (fake.count("ping"), fake.count("token")) == (1, 1)


MANY = frozenset(f"tag-{number:04}" for number in range(2500))


@pytest.mark.parametrize(
    ("wraps", "count"), [(True, 2500), (False, 2500), (True, 2000), (False, 2000), (False, 1000)]
)
def test_a_registry_that_pages_without_link_is_read_to_the_end(*, wraps: bool, count: int) -> None:
    tags = frozenset(sorted(MANY)[:count])
    with FakeRegistry(tags={REPOSITORY: tags}, link="none", wraps=wraps) as fake:
        unlinked = frozenset(sorted(tags)[1000:])
        assert list_tags(fake) == TagList(tags, complete=True, unlinked=unlinked)
        assert fake.count("list") == count // 1000 + 1
        assert fake.requests[2].query == {"n": ["1000"], "last": ["tag-0999"]}


def test_a_full_page_that_comes_again_may_not_be_all(fake: FakeRegistry) -> None:
    page = [f"t{number}" for number in range(1000)]
    fake.fail_always("list", _page(*page))

    assert list_tags(fake) == TagList(frozenset(page))
    assert fake.count("list") == 2


def test_more_tags_than_were_asked_for_may_not_be_all(fake: FakeRegistry) -> None:
    page = [f"t{number}" for number in range(5000, 0, -1)]
    fake.fail_always("list", _page(*page))

    assert list_tags(fake) == TagList(frozenset(page))


def test_a_full_page_of_what_is_no_tag_may_not_be_all(fake: FakeRegistry) -> None:
    fake.fail_always("list", _page(*[None] * 1000))

    assert list_tags(fake) == TagList()
    assert fake.count("list") == 1


def test_a_probe_that_fails_keeps_what_was_read(fake: FakeRegistry) -> None:
    page = [f"t{number}" for number in range(1000)]
    fake.fail("list", _page(*page), errors(400, "UNSUPPORTED"))

    assert list_tags(fake) == TagList(frozenset(page))


def test_a_page_shorter_than_asked_for_goes_on_by_its_link() -> None:
    with FakeRegistry(tags={REPOSITORY: TAGS}, page_size=1) as fake:
        fake.fail("list", Fault())

        assert len(list_tags(fake).tags) == 200
        assert fake.count("list") == 200


@pytest.mark.parametrize(
    "form", ["http://{host}:80/v2/x/tags/list?last=a", "HTTP://{HOST}/v2/x/tags/list?last=a"]
)
def test_the_same_origin_may_be_written_in_several_ways(form: str) -> None:
    with FakeRegistry(tags={REPOSITORY: ["b"], "x": ["b"]}, name="localhost") as fake:
        address = form.format(host=fake.host.replace(f":{fake.port}", ""), HOST=fake.host.upper())
        address = address.replace(":80/", f":0{fake.port}/")
        fake.fail("list", _page("a", link=f"<{address}>"))

        assert list_tags(fake) == TagList(frozenset({"a", "b"}), complete=True)


def test_a_repository_without_tags_is_complete(fake: FakeRegistry) -> None:
    fake.fail_always("list", Fault(status=200, body=b'{"name": "x", "tags": null}'))

    assert list_tags(fake) == TagList(complete=True)


def test_entries_that_are_no_tags_are_left_out(fake: FakeRegistry) -> None:
    fake.fail_always("list", _page("b", None, "a", 5, "b", "sha256:" + "0" * 64, ["c"], "", "x" * 200))

    assert list_tags(fake) == TagList(frozenset({"a", "b"}), complete=True)


@pytest.mark.parametrize("status", [400, 413])
def test_a_page_size_that_is_refused_is_made_smaller(status: int) -> None:
    with FakeRegistry(tags={REPOSITORY: TAGS}) as fake:
        fake.fail("list", errors(status, "TOO_MANY_TAGS_REQUESTED"))

        assert list_tags(fake) == TagList(TAGS, complete=True, unlinked=TAGS)
        assert [request.query["n"] for request in fake.requests[1:]] == [["1000"], *[["100"]] * 3]


@pytest.mark.parametrize(
    "failure",
    [
        Fault(status=503),
        Fault(status=404),
        errors(404, "NAME_UNKNOWN"),
        Fault(status=401),
        Fault(status=200, body=b"{}"),
        Fault(status=200, body=b"[]"),
        Fault(status=200, body=b'{"tags": "all"}'),
        Fault(status=200, body=b'{"tags": ["x"'),
        Fault(status=200, body=b"[" * 100_000),
        Fault(status=200, body=b" " * (4 * 1024 * 1024 + 1)),
        Fault(wire=Wire.RESET),
        Fault(wire=Wire.CUT_BODY),
        Fault(status=307, headers=(("Location", "https://evil.example/"),)),
        HTML,
    ],
)
def test_a_page_that_fails_keeps_those_before_it(failure: Fault) -> None:
    with FakeRegistry(tags={REPOSITORY: TAGS}, page_size=100) as fake:
        fake.fail("list", Fault(), Fault(), failure)
        fake.fail_always("list", failure)

        assert list_tags(fake) == TagList(frozenset(sorted(TAGS)[:200]))


def test_a_repository_that_is_not_known_is_marked(fake: FakeRegistry) -> None:
    other = parse_repository(f"{fake.host}/not/known")

    assert resolver().list_tags([other]) == {other: TagList(repository_unknown=True)}


@pytest.mark.parametrize("answer", [errors(403, "NAME_UNKNOWN"), Fault(status=404), HTML])
def test_a_failure_that_says_less_is_not_marked(fake: FakeRegistry, answer: Fault) -> None:
    fake.fail_always("list", answer)

    assert list_tags(fake) == TagList()


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (Fault(status=503), Cause.TRANSIENT),
        (Fault(wire=Wire.CUT_BODY), Cause.TRANSIENT),
        (Fault(status=401), Cause.AUTH),
        (errors(403, "DENIED"), Cause.AUTH),
        (errors(400, "UNAUTHORIZED"), Cause.AUTH),
        (errors(404, "NAME_UNKNOWN"), Cause.REPOSITORY),
        (Fault(status=404), Cause.PROTOCOL),
        (HTML, Cause.PROTOCOL),
        (Fault(status=307, headers=(("Location", "https://evil.example/"),)), Cause.POLICY),
        (_page("a", link=f"</v2/{REPOSITORY}/tags/list?n=1000>; rel=next"), Cause.INCONSISTENT),
    ],
)
def test_a_list_that_is_not_complete_has_the_cause(fake: FakeRegistry, failure: Fault, cause: Cause) -> None:
    fake.fail_always("list", failure)

    assert list_tags(fake).cause is cause


def test_a_registry_that_may_not_be_asked_is_the_cause(fake: FakeRegistry) -> None:
    repository = repository_of(fake)
    elsewhere = (parse_allowed("registry.example"),)

    listed = resolver(allowed_registries=elsewhere).list_tags([repository])[repository]

    assert listed.cause is Cause.NOT_ALLOWED


def test_a_list_that_fails_changes_no_verdict(fake: FakeRegistry) -> None:
    fake.fail_always("list", Fault(status=503))

    assert (list_tags(fake), look_up(fake, "gone")) == (TagList(), TagMissing())


@pytest.mark.parametrize(
    "link",
    [
        '<https://evil.example/v2/x/tags/list?last=a>; rel="next"',
        '<//evil.example/v2/x/tags/list?last=a>; rel="next"',
        '<https://127.0.0.1:1/v2/x/tags/list?last=a>; rel="next"',
        '<http://me:secret@{host}/v2/>; rel="next"',
        '<https://{host}/v2/x/tags/list>; rel="next"',
        '<http://[::1>; rel="next"',
    ],
)
def test_a_link_to_another_origin_is_not_followed(fake: FakeRegistry, link: str) -> None:
    fake.fail_always("list", _page("a", link=link.format(host=fake.host)))

    assert list_tags(fake) == TagList(frozenset({"a"}))
    assert fake.kinds == ["ping", "list"]


def test_a_list_whose_next_page_cannot_be_read_is_not_complete(fake: FakeRegistry) -> None:
    fake.fail_always("list", _page("a", link='</v2/x/tags/list?last=a;b>; rel="next"'))

    assert list_tags(fake) == TagList(frozenset({"a"}))
    assert fake.count("list") == 1


def test_a_page_that_links_to_itself_ends(fake: FakeRegistry) -> None:
    fake.fail_always("list", _page("a", link=f"</v2/{REPOSITORY}/tags/list?n=1000>; rel=next"))

    assert list_tags(fake) == TagList(frozenset({"a"}))
    assert fake.count("list") == 1


def test_pages_that_start_again_end(fake: FakeRegistry) -> None:
    for number in range(9):
        link = f"</v2/{REPOSITORY}/tags/list?last={number}>; rel=next"
        fake.fail("list", _page(f"t{number % 3}", link=link))

    assert list_tags(fake) == TagList(frozenset({"t0", "t1", "t2"}))
    assert fake.count("list") == 4


def test_pages_without_end_end(fake: FakeRegistry) -> None:
    for number in range(300):
        link = f"</v2/{REPOSITORY}/tags/list?last={number}>; rel=next"
        fake.fail("list", _page(f"t{number}", link=link))

    result = list_tags(fake)

    assert (len(result.tags), result.complete, fake.count("list")) == (200, False, 200)


def test_tags_without_end_end(fake: FakeRegistry) -> None:
    for number in range(9):
        link = f"</v2/{REPOSITORY}/tags/list?last={number}>; rel=next"
        fake.fail("list", _page(*(f"t{number}-{tag}" for tag in range(30_000)), link=link))

    result = list_tags(fake)

    assert (len(result.tags), result.complete, fake.count("list")) == (120_000, False, 4)


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ((), None),
        (("",), None),
        (('</a?b=c>; rel="next"',), "/a?b=c"),
        (("</a>;rel=next",), "/a"),
        (("</a>",), "/a"),
        (('</a>; title="x"',), "/a"),
        (('</a>; REL="NEXT last"',), "/a"),
        (('</a>; rel="prev", </b>; rel="next"',), "/b"),
        (('</a>; rel="prev"', '</b>; rel="next"'), "/b"),
        (('</a,b>; title="x, z"; rel="next"',), "/a,b"),
        (('</a>; rel="prev"',), None),
        (("<>; rel=next",), ""),
        (("/a; rel=next",), ""),
        (("</a; rel=next",), ""),
        (('</a,b;c>; rel="next"',), ""),
    ],
)
def test_the_next_page_is_the_link_that_says_so(lines: tuple[str, ...], address: str | None) -> None:
    assert parse_next(lines) == address


@pytest.mark.parametrize(
    "line", ["</v2/x>" + ";a= " * 20_000 + '"', "<" + ">;a=" * 20_000, "</v2/x>" + " ; " * 20_000]
)
def test_a_hostile_link_costs_one_pass(line: str) -> None:
    started = time.process_time()
    parse_next([line])

    # Exponential before; the margin is for a slow machine.
    assert time.process_time() - started < 5
