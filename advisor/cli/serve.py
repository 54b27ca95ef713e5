"""``--serve``: the terminal app in a browser, for a machine without a screen."""

from __future__ import annotations

import argparse
import contextlib
import errno
import secrets
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from socket import create_server, socket
from typing import TYPE_CHECKING

from advisor.cli import output
from advisor.cli.exits import Exit, complain

if TYPE_CHECKING:
    from advisor.core.question import Question

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8000


class ServeError(Exception):
    """The app cannot be served; the text says why and what to do."""


def serve(arguments: argparse.Namespace, question: Question, filter_text: str) -> int:
    """Serve the app until Ctrl+C.

    Raises:
        RigError: the rig's file cannot be read.
        FilterError: the filter cannot be understood.
        QuestionError: there is no such view.
    """
    rig_path = getattr(arguments, "rig", None)
    try:
        program = [*app_command(rig_path, question, filter_text), *view_options(arguments)]
        if find_spec("textual_serve") is None:
            raise ServeError("--serve needs the web extra: pip install 'rig-advisor[web]'")
        listening = listen(DEFAULT_PORT if arguments.port is None else arguments.port)
    except ServeError as error:
        complain(str(error))
        return Exit.BAD_INPUT
    from advisor.web.server import serve as serve_app

    key = secrets.token_urlsafe(12)
    with listening:
        serve_app(listening, program, key, lambda: _say_where(listening.getsockname()[1], key))
    return Exit.OK


def app_command(rig_path: str | None, question: Question, filter_text: str) -> list[str]:
    """What runs the app with the same question, in this interpreter.

    Raises:
        ServeError: the rig comes from stdin, which an app in a browser does not have.
        RigError: the rig's file cannot be read.
        FilterError: the filter cannot be understood.
    """
    from advisor.tui.state import question_options

    if filter_text.strip():
        from advisor.core.filter import parse_filter

        parse_filter(filter_text)
    if rig_path == "-":
        raise ServeError("--serve reads the rig again for every page: write it to a file, not to stdin")
    if rig_path is not None:
        from probes.rigfile import load_rig

        load_rig(rig_path)
    options = question_options(question, rig_path)
    if filter_text:
        options.append(f"--filter={filter_text}")
    return [sys.executable, *_safe_path(), "-m", "advisor", *options]


def view_options(arguments: argparse.Namespace) -> list[str]:
    """The order of the list, and the view that is opened first.

    Raises:
        QuestionError: there is no such view.
    """
    options = [f"--sort={arguments.sort}"] if hasattr(arguments, "sort") else []
    options += ["--reverse"] if getattr(arguments, "reverse", False) else []
    view = getattr(arguments, "open", None)
    if view:
        from advisor.tui.routes import split_view

        split_view(view)
        options.append(f"--open={view}")
    return options


def _safe_path() -> Sequence[str]:
    """Keep ``-m`` from taking another ``advisor`` of the current folder, unless this one lies there."""
    import advisor

    here = Path(advisor.__file__).resolve().parents[1]
    return () if here == Path.cwd().resolve() else ("-P",)


def listen(port: int) -> socket:
    """A socket that listens on the loopback address; port 0 takes any that is free.

    Raises:
        ServeError: the port cannot be had.
    """
    if not 0 <= port <= 65_535:
        raise ServeError(f"--port is a number from 0 to 65535, not {port}")
    try:
        return create_server((LOOPBACK, port))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "is taken" if taken else f"cannot be used ({error.strerror or error})"
        raise ServeError(f"port {port} {why}; choose another with --port, 0 for any that is free") from None


def _say_where(port: int, key: str) -> None:
    """The address on stdout, the rest on stderr."""
    output.say("the app is served to this machine only; Ctrl+C ends it")
    output.write(f"http://{LOOPBACK}:{port}/{key}/")
    output.flush()
    output.say(
        f"from another machine: 'ssh -L {port}:{LOOPBACK}:{port} THIS-MACHINE' there, "
        "then open the same address"
    )
    with contextlib.suppress(OSError):
        output.say(f"what is exported with 'e' goes to {Path.cwd()}")
