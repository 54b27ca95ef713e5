"""The web server: one page, its WebSocket, and the files that the page needs.

It is for one person's browser.  Everything is refused that does not name this machine by a loopback
name (a page elsewhere whose name was made to point here), and a WebSocket that a page from elsewhere
opens.  The page lies under a key that is made anew at each start, so that other users of the same
machine cannot open it.  Nothing on the page comes from another host, and the browser is told to load
nothing from one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.resources import files
from pathlib import Path
from socket import socket
from string import Template

import textual_serve
from aiohttp import WSCloseCode, web
from aiohttp.typedefs import Handler
from textual_serve.server import Server

from advisor.web.session import Session, within

_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
"""``Host`` headers that are answered.  The port is another one where SSH forwards it."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FONT_SIZES = range(6, 61)


def make_app(arguments: Sequence[str], key: str) -> web.Application:
    """The web application.

    Args:
        arguments: what to run for each open page: the program and its arguments.
        key: the page lies under ``/KEY/``.
    """
    library = Server("")  # for its downloads
    sessions: set[web.WebSocketResponse] = set()
    page = Template(_own("page.html"))
    focus = _own("focus.js")

    async def show(request: web.Request) -> web.Response:
        size = request.query.get("fontsize", "")
        text = page.substitute(
            host=request.host,
            key=key,
            font_size=size if size.isdecimal() and int(size) in _FONT_SIZES else "16",
        )
        return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store"})

    async def script(_: web.Request) -> web.Response:
        return web.Response(text=focus, content_type="text/javascript")

    async def attend(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(heartbeat=15)
        await websocket.prepare(request)
        sessions.add(websocket)
        try:
            await Session(arguments, websocket, library.download_manager).attend(
                _cells(request, "width", 80), _cells(request, "height", 24)
            )
        finally:
            sessions.discard(websocket)
        return websocket

    async def end_sessions(_: web.Application) -> None:
        for websocket in tuple(sessions):
            await websocket.close(code=WSCloseCode.GOING_AWAY, message=b"the server was stopped")

    app = web.Application(middlewares=[guard])
    app.add_routes(
        [
            web.get(f"/{key}/", show),
            web.get(f"/{key}/focus.js", script),
            web.get(f"/{key}/session", attend),
            web.get("/download/{key}", library.handle_download),
            web.static("/static", Path(textual_serve.__file__).parent / "static"),
        ]
    )
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(end_sessions)
    return app


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what does not come from a page of ours, opened under a loopback name."""
    if not _LOOPBACK.fullmatch(request.host):
        raise web.HTTPForbidden(text="open this as 127.0.0.1 or localhost; elsewhere, forward the port\n")
    origin = request.headers.get("Origin")
    asks_for_websocket = request.headers.get("Upgrade", "").lower() == "websocket"
    if (asks_for_websocket or origin is not None) and origin != f"http://{request.host}":
        raise web.HTTPForbidden(text="only the page of this server may do that\n")
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return web.Response(status=404, text="open the address that 'rig-advisor --serve' printed\n")


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _cells(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return within(int(text)) if text.isdecimal() and len(text) < 9 else default


def _own(name: str) -> str:
    return files("advisor.web").joinpath(name).read_text(encoding="utf-8")


@contextlib.asynccontextmanager
async def running(listening: socket, arguments: Sequence[str], key: str) -> AsyncIterator[None]:
    """Serve meanwhile; afterwards every page is told, and every app has ended."""
    runner = web.AppRunner(make_app(arguments, key), access_log=None, shutdown_timeout=10.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()


def serve(listening: socket, arguments: Sequence[str], key: str, ready: Callable[[], None]) -> None:
    """Serve until interrupted or asked to end.

    Args:
        listening: a socket that listens on a loopback address.
        arguments: what to run for each open page.
        key: the page lies under ``/KEY/``.
        ready: called when pages can be opened.

    Raises:
        KeyboardInterrupt: Ctrl+C, after every app has ended.
    """

    # It says that an app failed to start, also of a page that was closed early; the app itself says why.
    logging.getLogger("textual-serve").setLevel(logging.CRITICAL)

    async def run() -> None:
        ending = asyncio.Event()
        with contextlib.suppress(NotImplementedError):  # Windows has no such signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
        async with running(listening, arguments, key):
            ready()
            await ending.wait()

    asyncio.run(run())
