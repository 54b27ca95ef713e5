"""One open page: the app in a process of its own, and what goes to and fro."""

from __future__ import annotations

import asyncio
import contextlib
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from aiohttp import WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

SMALLEST, LARGEST = 1, 1000
"""Columns and rows that a page may ask for."""

_DRIVER = "advisor.web.driver:PageDriver"
_PATIENCE_S = 3.0
"""How long an app may take to quit before it is killed: a driver that hangs must not keep the server."""


class Session(AppService):
    """The app for one WebSocket.  Started without a shell: no argument is ever read as a command."""

    def __init__(
        self, arguments: Sequence[str], websocket: web.WebSocketResponse, downloads: DownloadManager
    ) -> None:
        self._arguments = tuple(arguments)
        self._websocket = websocket
        super().__init__(
            "",
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=self._close,
            download_manager=downloads,
        )

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        environment = super()._build_environment(width, height)
        environment["TEXTUAL_DRIVER"] = _DRIVER
        # A browser draws Unicode, whatever the locale of the shell that the server was started from.
        environment.setdefault("RIG_ADVISOR_ASCII", "0")
        return environment

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        environment = self._build_environment(width, height)
        process = await asyncio.create_subprocess_exec(
            *self._arguments, stdin=PIPE, stdout=PIPE, env=environment
        )
        # What the app complains of goes straight to the server's stderr; the base class wants to read it.
        process.stderr = asyncio.StreamReader()
        process.stderr.feed_eof()
        self._process, self._stdin = process, process.stdin
        return process

    async def run(self) -> None:
        """Pass on what the app draws; the page is told when the app ends, in whatever way."""
        try:
            await super().run()
        finally:
            await self._close()

    async def attend(self, width: int, height: int) -> None:
        """Run the app until it quits or its page goes away."""
        await self.start(width, height)
        try:
            async for message in self._websocket:
                if message.type is WSMsgType.TEXT:
                    await self.hear(message.data)
        finally:
            await self._end()

    async def hear(self, text: str) -> None:
        """Do what the page says; what makes no sense is dropped."""
        try:
            said = json.loads(text)
        except ValueError:
            return
        match said:
            case ["stdin", str(keys)]:
                await self.send_bytes(keys.encode("utf-8", "ignore"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                await self.set_terminal_size(within(width), within(height))
            case ["ping", str(stamp)]:
                await self._websocket.send_json(["pong", stamp])
            case ["focus"]:
                await self.focus()
            case ["blur"]:
                await self.blur()

    async def _close(self) -> None:
        await self._websocket.close()

    async def _end(self) -> None:
        """Ask the app to quit; kill it if it does not, or if there is no time to wait for it."""
        process = self._process
        assert process is not None
        ended = asyncio.gather(self.stop(), process.wait(), return_exceptions=True)
        try:
            await asyncio.wait({ended}, timeout=_PATIENCE_S)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        await ended


def within(cells: int) -> int:
    """A number of columns or rows as a terminal may have."""
    return min(max(cells, SMALLEST), LARGEST)
