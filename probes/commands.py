"""External commands, each in a process group of its own: missing, hanging, failing or talking nonsense,
they cost a bounded time and leave a reason.

A command is judged by what it prints, not by its exit status: ``vulkaninfo`` and ``clinfo`` return 0
without any GPU, others print all they know and return 1.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

MAX_OUTPUT_BYTES = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed on standard output; ``reason`` says why there is nothing.

    ``timed_out`` tells a command that hangs from one that is missing: it should not be asked again.
    """

    text: str
    reason: str = ""
    timed_out: bool = False


def run(argv: Sequence[str], timeout_s: float, also_in: Sequence[str] = ()) -> Output:
    """Run a command without a shell, in English, with nothing to read and its errors dropped.

    Args:
        argv: name or path, and arguments.
        timeout_s: after this it is killed, with everything that it started.
        also_in: folders to look in besides ``PATH``.
    """
    import subprocess

    name = Path(argv[0]).name
    path = shutil.which(argv[0])
    for folder in also_in:
        path = path or shutil.which(argv[0], path=folder)
    if path is None:
        return Output("", f"`{name}` is not installed")
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) if sys.platform == "win32" else 0
    try:
        process = subprocess.Popen(
            [path, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=sys.platform != "win32",
            creationflags=flags,
        )
    except (OSError, ValueError) as error:
        return Output("", f"`{name}` cannot be started ({type(error).__name__})")
    chunks: list[bytes] = []
    reader = threading.Thread(target=_read, args=(process, chunks), daemon=True)
    ends = time.monotonic() + timeout_s
    reader.start()
    reader.join(timeout_s)
    late = reader.is_alive()
    if not late and sum(map(len, chunks)) < MAX_OUTPUT_BYTES:
        try:
            process.wait(max(0.05, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            late = not chunks  # it has closed its output and lingers: what it said counts
    _end(process)
    if late:
        return Output("", f"`{name}` did not answer within {timeout_s:g} s", timed_out=True)
    text = b"".join(chunks).decode("utf-8", errors="replace")
    if not text.strip():
        return Output("", f"`{name}` printed nothing (exit status {process.returncode})")
    return Output(text)


def _read(process: subprocess.Popen[bytes], chunks: list[bytes]) -> None:
    """Collect the output up to the limit; what comes after it is not read."""
    left = MAX_OUTPUT_BYTES
    stream = process.stdout
    try:
        while stream is not None and left > 0 and (chunk := stream.read(min(left, 65536))):
            chunks.append(chunk)
            left -= len(chunk)
    except (OSError, ValueError):
        return


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is still running of the command's group, and collect it."""
    if process.poll() is None or sys.platform != "win32":
        try:
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        except (OSError, AttributeError):
            pass
    try:
        process.wait(1.0)
    except Exception:  # it cannot be killed (uninterruptible sleep in a driver): leave it behind
        return
    if process.stdout is not None and not process.stdout.closed:
        try:
            process.stdout.close()
        except OSError:
            return
