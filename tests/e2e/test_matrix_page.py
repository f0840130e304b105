"""The matrix as a page in a real browser: light, dark, on a phone, and asking nobody for anything."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fakes.registry import FakeRegistry
from support.browser import Browser
from support.cli import run_cli
from support.inputs import VERSION, Pool, write_inputs
from support.page import Page
from support.picture import colours

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("chromium")]

PATH = "nvidia/mellanox"
POOLS = [
    Pool(kernel=f"5.15.0-{number}-generic", arch="arm64" if number % 3 else "amd64") for number in range(40)
]
VERSIONS = [f"26.{month:02}-0.{build}.0.0-0" for month in range(1, 11) for build in range(2)]
DESK, PHONE = (1200, 800), (400, 800)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Forty pools against twenty versions and the current one; every seventh image is not there."""
    folder = tmp_path_factory.mktemp("matrix")
    wanted = [pool.tag.replace(VERSION, version) for version in VERSIONS for pool in POOLS]
    tags = [tag for number, tag in enumerate(wanted) if number % 7]
    with FakeRegistry(tags={f"{PATH}/doca-driver": [*tags, *(pool.tag for pool in POOLS)]}) as registry:
        inputs = write_inputs(folder, repository=f"{registry.host}/{PATH}", pools=POOLS, forced=True)
        result = run_cli("matrix", *inputs, "-o", "html", "--versions", "20", cwd=folder)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.decode()


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(folder=tmp_path)


def write(folder: Path, text: str) -> str:
    file = folder / "matrix.html"
    file.write_text(text)
    return file.as_uri()


@contextmanager
def served(text: str) -> Iterator[tuple[str, list[str]]]:
    """Serve one page whatever is asked for, and list what was."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        server.server_close()


def brightness(png: bytes) -> float:
    found = colours(png)
    return sum(sum(colour) * count for colour, count in found.items()) / (3 * found.total())


def test_the_browser_has_the_tables_that_were_written(browser: Browser, page: str, tmp_path: Path) -> None:
    shown, written = Page(browser.read(write(tmp_path, page))), Page(page)

    assert shown.tables == written.tables
    assert [len(table) for table in shown.tables] == [22, 41]
    assert {cell.partition(" ")[0] for row in shown.tables[1][1:] for cell in row[2:]} == {"yes", "no"}


def test_the_page_is_light_or_dark_as_its_reader_prefers(browser: Browser, page: str, tmp_path: Path) -> None:
    url = write(tmp_path, page)
    light, dark = (browser.draw(url, dark=dark, size=DESK) for dark in (False, True))

    assert brightness(light) > 210
    assert brightness(dark) < 60


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_is_drawn(
    browser: Browser,
    page: str,
    tmp_path: Path,
    size: tuple[int, int],
    dark: bool,  # noqa: FBT001 (a parameter)
) -> None:
    found = colours(browser.draw(write(tmp_path, page), dark=dark, size=size))
    ((_, background),) = found.most_common(1)

    assert found.total() == size[0] * size[1]
    assert len(found) > 50
    assert 0.3 < background / found.total() < 0.97


def test_the_page_asks_for_nothing_but_itself(browser: Browser, page: str) -> None:
    with served(page) as (url, asked):
        browser.draw(url, dark=False, size=DESK)

    assert asked == ["/"]


def test_a_page_that_asks_for_more_would_be_seen(browser: Browser) -> None:
    with served("<!DOCTYPE html><title>x</title><img src='/picture.png'>") as (url, asked):
        browser.draw(url, dark=False, size=PHONE)

    assert "/picture.png" in asked


def test_what_a_page_is_made_to_hold_is_not_fetched(browser: Browser, page: str) -> None:
    injected = page.replace("<h1>", "<img src='/picture.png'><script>document.title = 'taken'</script><h1>")
    with served(injected) as (url, asked):
        shown = browser.read(url)

    assert asked == ["/"]
    assert "<title>Driver versions and pools</title>" in shown
