"""What the web server answers, what it refuses, and what becomes of the apps that it starts."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytest.importorskip("textual_serve", reason="the web extra is not installed")

from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError

from advisor.cli.serve import listen
from advisor.web import session
from advisor.web.server import running

KEY = "key"

# Speaks as Textual's web driver does: says that it is there, then sends back all it is told.
ECHO = """
import os, pathlib, sys
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
os.write(1, b"__GANGLION__\\n")
while data := os.read(0, 4096):
    os.write(1, b"D" + len(data).to_bytes(4, "big") + data)
    if b'"quit"' in data and "deaf" not in sys.argv or b"end" in data:
        break
"""


class Served:
    """The server under test, and the file in which a started app leaves its process id."""

    def __init__(self, port: int, client: ClientSession, started: Path) -> None:
        self.port, self.client, self.started = port, client, started
        self.origin = f"http://127.0.0.1:{port}"

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.client.get(f"{self.origin}{path}", headers=headers) as response:
            return response.status, (await response.read()).decode("utf-8", "replace")


@asynccontextmanager
async def serving(tmp_path: Path, *more: str) -> AsyncIterator[Served]:
    started = tmp_path / "started"
    listening = listen(0)
    program = [sys.executable, "-c", ECHO, str(started), *more]
    async with ClientSession() as client, running(listening, program, KEY):
        yield Served(listening.getsockname()[1], client, started)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as served:
        yield served


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_the_page_names_nothing_on_another_host(served: Served) -> None:
    status, page = await served.get(f"/{KEY}/")
    assert status == 200
    assert re.findall(r"[a-z]+://[^/\"]+", page) == [f"ws://127.0.0.1:{served.port}"]
    addresses = re.findall(r'(?:href|src)="([^"]+)"|url\("([^"]+)"\)', page)
    for address in (link or font for link, font in addresses):
        if address == "data:,":
            continue
        status, text = await served.get(address if address.startswith("/") else f"/{KEY}/{address}")
        assert status == 200, address
        assert text, address


@pytest.mark.parametrize("path", [f"/{KEY}/", "/download/nothing", "/static/js/textual.js", "/"])
async def test_the_browser_is_told_to_load_nothing_from_elsewhere(served: Served, path: str) -> None:
    """Downloads too: Textual's screenshots open in a tab, and name fonts of another host."""
    async with served.client.get(f"{served.origin}{path}") as response:
        policy = response.headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["frame-ancestors"] == "'none'"
    assert set(" ".join(directives.values()).split()) <= {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert directives["script-src"] == "'self'"


async def test_the_websocket_goes_to_the_port_that_the_browser_sees(served: Served) -> None:
    """SSH may forward another port of the laptop to ours."""
    _, page = await served.get(f"/{KEY}/", Host="localhost:9000")
    assert f"ws://localhost:9000/{KEY}/session" in page


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "LOCALHOST", "[::1]:8000"])
async def test_loopback_names_are_answered(served: Served, host: str) -> None:
    assert (await served.get(f"/{KEY}/", Host=host))[0] == 200


@pytest.mark.parametrize(
    "host",
    ["example.test", "127.0.0.1.example.test", "localhost.", "127.0.0.1:80@example.test", "10.0.0.1:8000"],
)
@pytest.mark.parametrize("path", [f"/{KEY}/", "/static/js/textual.js", "/nothing"])
async def test_other_names_are_refused(served: Served, host: str, path: str) -> None:
    assert (await served.get(path, Host=host))[0] == 403


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/session", "/static/", "/static/../server.py"])
async def test_without_the_key_there_is_nothing(served: Served, path: str) -> None:
    status, text = await served.get(path)
    assert status in (403, 404)
    assert "window" not in text


@pytest.mark.parametrize(
    "origin", [None, "null", "http://example.test", "http://127.0.0.1:1", "https://{host}"]
)
async def test_a_websocket_of_another_origin_is_refused_and_starts_nothing(
    served: Served, origin: str | None
) -> None:
    headers = {} if origin is None else {"Origin": origin.format(host=served.origin.removeprefix("http://"))}
    with pytest.raises(WSServerHandshakeError) as refusal:
        await served.client.ws_connect(f"{served.origin}/{KEY}/session", headers=headers)
    assert refusal.value.status == 403
    assert not served.started.exists()


async def test_keys_and_sizes_reach_the_app_and_nonsense_does_not(served: Served) -> None:
    async with served.client.ws_connect(f"{served.origin}/{KEY}/session", origin=served.origin) as page:
        for nonsense in ("no JSON", "[]", "7", '["stdin", 7]', '["resize", {"width": null}]', '["quit", 1]'):
            await page.send_str(nonsense)
        await page.send_json(["resize", {"width": 90, "height": 10**9}])
        await page.send_json(["stdin", "é\ud800]"])
        heard = b""
        while b"]" not in heard:
            message = await page.receive(timeout=20)
            assert message.type is WSMsgType.BINARY
            heard += message.data
        resize, _, keys = heard.partition(b"D\x00\x00\x00\x03")
        assert b'"width": 90, "height": 1000}' in resize
        assert keys == "é]".encode()
        assert b"quit" not in heard


async def test_the_page_is_told_when_the_app_ends(served: Served) -> None:
    async with served.client.ws_connect(f"{served.origin}/{KEY}/session", origin=served.origin) as page:
        await page.send_json(["stdin", "end"])
        while (message := await page.receive(timeout=20)).type != WSMsgType.CLOSE:
            assert message.type is WSMsgType.BINARY


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("ending", ["the page is closed", "the server ends"])
@pytest.mark.parametrize("manners", ["", "deaf"])
async def test_no_app_stays_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, manners: str
) -> None:
    """Nor one that does not listen when it is asked to quit."""
    monkeypatch.setattr(session, "_PATIENCE_S", 0.3)
    async with serving(tmp_path, manners) as served:
        page = await served.client.ws_connect(f"{served.origin}/{KEY}/session", origin=served.origin)
        await page.send_json(["stdin", "hello"])
        assert (await page.receive(timeout=20)).type is WSMsgType.BINARY
        pid = int(served.started.read_text())
        assert _runs(pid)
        if ending == "the page is closed":
            await page.close()
            async with asyncio.timeout(20):
                while _runs(pid):
                    await asyncio.sleep(0.02)
    assert not _runs(pid)
