"""A real browser without a window, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

ELSEWHERE = "elsewhere.test"
"""A host name that the browser believes to be this machine; no other name resolves."""

LIMIT_S = 60.0

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)

# The page keeps its terminal to itself; this has it leave a reference when it stores the terminal.
_FIND_TERMINAL = """
Object.defineProperty(Object.prototype, "terminal", {
  configurable: true,
  set(value) {
    window.terminalOfPage = value;
    Object.defineProperty(this, "terminal", { value, writable: true, configurable: true });
  },
});
"""
_SCREEN = """
(() => {
  const lines = [];
  const terminal = window.terminalOfPage;
  for (let row = 0; row < (terminal?.rows ?? 0); row++)
    lines.push(terminal.buffer.active.getLine(row).translateToString(true, 0, terminal.cols));
  return lines.join("\\n");
})()
"""
# The share of pixels that differ from the commonest colour, and the number of colours.
_INK = """
(async () => {
  const bytes = Uint8Array.from(atob("%s"), (c) => c.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const pixels = new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const p of pixels) counts.set(p, (counts.get(p) ?? 0) + 1);
  return [1 - Math.max(...counts.values()) / pixels.length, counts.size];
})()
"""


def find_browser() -> str | None:
    """The path of a Chromium or Chrome, if there is one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@dataclass
class Page:
    """One tab: what it asked for, what it complained of, and what it shows."""

    socket: aiohttp.ClientWebSocketResponse
    session: str = ""
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    loads: int = 0
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol."""
        number = len(self._waiting) + 1
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        await self.socket.send_json(message | ({"sessionId": self.session} if self.session else {}))
        said = await asyncio.wait_for(answer, LIMIT_S)
        assert "error" not in said, f"{method}: {said['error']}"
        return dict(said["result"])

    async def listen(self) -> None:
        """Sort what the browser says into answers, requests and complaints."""
        async for message in self.socket:
            said = json.loads(message.data)
            if "id" in said:
                self._waiting[said["id"]].set_result(said)
                continue
            what = said["params"]
            match said["method"]:
                case "Network.requestWillBeSent":
                    self.requests.append(what["request"]["url"])
                case "Page.loadEventFired":
                    self.loads += 1
                case "Network.webSocketCreated":
                    self.requests.append(what["url"])
                case "Runtime.exceptionThrown":
                    self.complaints.append(json.dumps(what["exceptionDetails"]))
                case "Runtime.consoleAPICalled" if what["type"] in ("error", "assert"):
                    self.complaints.append(json.dumps(what["args"]))
                case "Log.entryAdded" if what["entry"]["level"] == "error":
                    self.complaints.append(what["entry"]["text"])

    async def open(self, url: str) -> None:
        """Go to an address, and wait until everything on the page is loaded."""
        async with self.loading():
            await self.call("Page.navigate", url=url)

    @contextlib.asynccontextmanager
    async def loading(self) -> AsyncIterator[None]:
        """Do what leads to a page, and wait until everything on it is loaded."""
        before = self.loads

        async def loads() -> int:
            return self.loads

        yield
        await self.until(loads, lambda now: now > before)

    async def resize(self, width: int, height: int) -> None:
        """Give the page so many pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.call("Emulation.setDeviceMetricsOverride", **size)

    async def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        said = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def press(self, key: str) -> None:
        """A key, down and up."""
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def screen(self) -> str:
        """The text that the page's terminal holds."""
        return str(await self.evaluate(_SCREEN))

    async def shows(self, *texts: str) -> str:
        """Wait until the terminal holds all these texts; the screen."""
        return str(await self.until(self.screen, lambda screen: all(text in screen for text in texts)))

    async def picture(self) -> bytes:
        """The page as it is painted, as PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    async def ink(self, picture: bytes) -> tuple[float, int]:
        """The share of pixels that are not of the commonest colour, and the number of colours."""
        share, colours = await self.evaluate(_INK % base64.b64encode(picture).decode())
        return float(share), int(colours)

    async def until(self, ask: Callable[[], Awaitable[Any]], enough: Callable[[Any], bool]) -> Any:
        """Ask until the answer is enough."""
        last: Any = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIMIT_S):
                while not enough(last := await ask()):
                    await asyncio.sleep(0.05)
                return last
        raise AssertionError(f"not within {LIMIT_S} s; last:\n{last}")


@contextlib.asynccontextmanager
async def browser_page(browser: str, folder: Path, width: int, height: int) -> AsyncIterator[Page]:
    """A page of that many pixels in a browser of its own, without any profile."""
    options = (*_OPTIONS, f"--user-data-dir={folder}", "about:blank")
    process = subprocess.Popen([browser, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = await _address(folder / "DevToolsActivePort", process)
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(address, max_msg_size=0) as socket,
        ):
            page = Page(socket)
            listening = asyncio.create_task(page.listen())
            target = await page.call("Target.createTarget", url="about:blank")
            attached = await page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            page.session = attached["sessionId"]
            for domain in ("Page", "Network", "Runtime", "Log"):
                await page.call(f"{domain}.enable")
            await page.resize(width, height)
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=_FIND_TERMINAL)
            yield page
            await socket.close()
            await listening
    finally:
        process.terminate()
        process.wait(LIMIT_S)


async def _address(told: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the browser listens for DevTools: it says so in a file of two lines."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            assert process.poll() is None, f"the browser ended with {process.returncode}"
            lines = told.read_text().split() if told.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await asyncio.sleep(0.05)
