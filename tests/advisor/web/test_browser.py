"""``--serve`` in a real browser: the page shows the app, keys drive it, and nothing leaves this machine."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest

pytest.importorskip("textual_serve", reason="the web extra is not installed")

from tests.advisor.web.browser import ELSEWHERE, LIMIT_S, Page, browser_page, find_browser

ROOT = Path(__file__).parents[3]
BROWSER = find_browser()

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the RTX 4090 example is served; once the test is over, the server is asked to end, and does."""
    command = [sys.executable, "-m", "advisor", "--serve", "--port", "0", "--context", "32k"]
    rig = ROOT / "screenshots" / "rigs" / "rtx4090.json"
    environment = os.environ | {"RIG_ADVISOR_CACHE_DIR": str(tmp_path / "cache")}
    with subprocess.Popen(
        [*command, "--rig", str(rig)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
            server.terminate()
            assert server.wait(LIMIT_S) == 0
        finally:
            server.kill()


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    assert BROWSER is not None
    async with browser_page(BROWSER, tmp_path / "profile", 1000, 700) as page:
        yield page


@contextmanager
def in_background(server: TCPServer) -> Iterator[None]:
    serving = Thread(target=server.serve_forever)
    serving.start()
    try:
        yield
    finally:
        server.shutdown()
        serving.join()


class _OtherSite(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"another site"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_: object) -> None:
        pass


@pytest.fixture
def other_site() -> Iterator[int]:
    """The port of a web site that is not ours and forbids its pages nothing."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _OtherSite) as server, in_background(server):
        yield server.server_port


async def test_the_page_shows_the_ranking_and_a_key_changes_it(address: str, page: Page) -> None:
    await page.open(address)
    ranking = await page.shows("RTX 4090", "context 32k", "Qwen", "full", "tok/s")
    assert len([line for line in ranking.splitlines() if "full" in line]) > 10
    painted = await page.picture()
    share, colours = await page.ink(painted)
    assert 0.05 < share < 0.6, f"{share:.0%} of the pixels are drawn: not what text looks like"
    assert colours > 20

    await page.press("]")
    await page.shows("context 64k")
    await page.press("w")
    await page.shows("What would another part change?")
    assert await page.picture() != painted
    assert page.complaints == []


async def test_the_app_has_the_size_of_the_window(address: str, page: Page) -> None:
    await page.open(address)
    wide = await page.shows("Qwen", "Other placements")
    assert max(len(line) for line in wide.splitlines()) == await page.evaluate("terminalOfPage.cols")
    bars = "getComputedStyle(document.querySelector('.xterm-viewport')).overflowY"
    assert await page.evaluate(bars) == "hidden"

    await page.resize(560, 300)
    await page.shows("terminal too small", "needed 60 x 16")
    await page.resize(1000, 700)
    assert len((await page.shows("Qwen", "Other placements")).splitlines()) == len(wide.splitlines())


class _Forward(BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Forwarder)
        with socket.create_connection(("127.0.0.1", self.server.target)) as there:
            ends = {self.request: there, there: self.request}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    if not (data := end.recv(65_536)):
                        return
                    ends[end].sendall(data)


class _Forwarder(ThreadingTCPServer):
    """Another port of this machine that leads to a port, as ``ssh -L`` makes it on a laptop."""

    daemon_threads = True
    target = 0


@pytest.fixture
def forwarded(address: str) -> Iterator[int]:
    """A port that leads to that of the server."""
    with _Forwarder(("127.0.0.1", 0), _Forward) as server, in_background(server):
        server.target = urlsplit(address).port or 0
        yield server.server_address[1]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_the_page_works_through_a_forwarded_port(
    address: str, forwarded: int, page: Page, name: str
) -> None:
    await page.open(f"http://{name}:{forwarded}{urlsplit(address).path}")
    await page.shows("RTX 4090", "Qwen")
    await page.press("]")
    await page.shows("context 64k")
    assert {urlsplit(url).port for url in page.requests if not url.startswith("data:")} == {forwarded}


async def test_nothing_but_this_server_is_asked_for_anything(address: str, page: Page) -> None:
    await page.open(address)
    await page.shows("Qwen")
    assert {urlsplit(url).scheme for url in page.requests} <= {"http", "ws", "data"}
    asked = {urlsplit(url).netloc for url in page.requests if not url.startswith("data:")}
    assert asked == {urlsplit(address).netloc}
    assert any(url.startswith("ws:") for url in page.requests)
    assert await page.evaluate("[...document.fonts].every((font) => font.status == 'loaded')")


async def test_what_is_copied_is_in_the_clipboard_of_the_browser(address: str, page: Page) -> None:
    await page.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    await page.open(address)
    await page.shows("Qwen")
    await page.press("y")
    await page.shows("this view as a command")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert "rank" in copied
    assert "--context 32768" in copied


async def test_after_quitting_the_page_says_so_and_starts_again(address: str, page: Page) -> None:
    await page.open(address)
    await page.shows("Qwen")
    await page.press("q")
    shown = "getComputedStyle(document.querySelector('.ended')).display"
    await page.until(lambda: page.evaluate(shown), lambda display: display == "flex")
    async with page.loading():
        await page.evaluate("document.querySelector('.ended a').click()")
    await page.shows("Qwen")
    assert await page.evaluate(shown) == "none"


async def test_a_page_from_elsewhere_cannot_reach_the_app(address: str, page: Page, other_site: int) -> None:
    """Not by a WebSocket to the right address, nor by a host name that leads to this machine."""
    await page.open(address.replace("127.0.0.1", ELSEWHERE))
    assert "elsewhere, forward the port" in await page.evaluate("document.body.innerText")

    for site in (f"http://{ELSEWHERE}:{other_site}/", f"http://127.0.0.1:{other_site}/"):
        await page.open(site)
        assert await page.evaluate("document.body.innerText") == "another site"
        for host in ("127.0.0.1", ELSEWHERE):
            target = address.replace("http:", "ws:").replace("127.0.0.1", host) + "session"
            assert await _websocket(page, target) == "refused"
    await page.open(address)
    assert await _websocket(page, address.replace("http:", "ws:") + "session") == "opened"


async def _websocket(page: Page, address: str) -> str:
    """What becomes of a WebSocket that the page opens."""
    return str(
        await page.evaluate(
            f"""new Promise((tell) => {{
                const socket = new WebSocket("{address}");
                socket.onopen = () => tell("opened");
                socket.onerror = () => tell("refused");
            }})"""
        )
    )
