"""Where results and narration go: streams that are closed, full, or cannot encode what we print."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from typing import TextIO

_ASCII = {
    "·": "|",
    "…": "~",
    "–": "-",
    "—": "-",
    "×": "x",
    "÷": "/",
    "→": ">",
    "←": "<",
    "●": "*",
    "◐": "+",
    "◑": "c",
    "◔": "c",
    "○": "x",
    "▲": "^",
    "▼": "v",
    "▸": ">",
    "≤": "<",
    "≥": ">",
    "≈": "~",
    "±": "~",
    "η": "e",
    "├": "|",
    "└": "`",
    "│": "|",
    "─": "-",
    "™": " ",
    "®": " ",
}
"""One character for one, so that columns stay aligned; the marks are those of the app in ASCII."""

_DEGRADE = "rig-advisor-ascii"
_CRASH_OR_GARBLE = ("strict", "surrogateescape", "backslashreplace")
"""What Python sets by itself; another choice is the user's (PYTHONIOENCODING) and stays."""


class OutputError(Exception):
    """Stdout cannot be written; the text says why."""


def prepare() -> None:
    """Have stdout and stderr replace what their encoding lacks instead of raising."""
    codecs.register_error(_DEGRADE, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        # Another program's stream (a StringIO, a pager's) stays as it is.
        if isinstance(stream, io.TextIOWrapper) and stream.errors in _CRASH_OR_GARBLE:
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors=_DEGRADE)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    return "".join(_ASCII.get(c, "?") for c in part), error.end


def write(text: str) -> None:
    """Text and a line end on stdout.

    Raises:
        OutputError: stdout is closed or cannot be written.
        BrokenPipeError: the reader went away.
    """
    stream = _stdout()
    try:
        stream.write(text + "\n")
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise _failed(error) from error


def write_utf8(text: str) -> None:
    """Text and a line end on stdout as UTF-8, whatever the locale: for JSON.  Raises as ``write``."""
    stream = _stdout()
    raw = getattr(stream, "buffer", None)
    if raw is None:
        write(text)
        return
    try:
        stream.flush()
        raw.write(_as_utf8(text + "\n"))
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise _failed(error) from error


def _as_utf8(text: str) -> bytes:
    """UTF-8, with the original bytes of arguments and file names that the locale could not decode.

    Bytes that are no UTF-8 either become escapes, which JSON has for them.
    """
    try:
        data = text.encode("utf-8", "surrogateescape")
        data.decode("utf-8")
    except UnicodeError:
        return text.encode("utf-8", "backslashreplace")
    return data


def flush() -> None:
    """Bring everything out, so that a full disk is noticed here.  Raises as ``write``."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise _failed(error) from error


def abandon() -> None:
    """Send what is still buffered to nowhere: Python would complain of it at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def say(message: str) -> None:
    """One line on stderr; lost without a complaint when there is none."""
    if sys.stderr is None:
        return
    with contextlib.suppress(OSError, ValueError):
        print(f"rig-advisor: {' '.join(message.split())}", file=sys.stderr, flush=True)


def _stdout() -> TextIO:
    stream: TextIO | None = sys.stdout
    if stream is None:
        raise OutputError("stdout is closed: nothing can be printed; redirect it to a file or /dev/null")
    return stream


def _failed(error: Exception) -> OutputError:
    because = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return OutputError(f"stdout cannot be written ({because}); free space or redirect it elsewhere")
