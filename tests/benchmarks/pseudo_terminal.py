"""A program in a pseudo-terminal, and what its screen shows: enough of a terminal for Textual's output.

Understands cursor addressing, erasing and synchronized output; colours are skipped.  Says to Textual that it
knows synchronized output, as most terminals do, so that a frame is what lies between its two marks.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unicodedata import east_asian_width

_TOKEN = re.compile(
    r"\x1b\[(?P<args>[0-9;:<=>?]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b[\]P_^X](?:[^\x07\x1b]|\x1b(?!\\))*(?:\x07|\x1b\\)"
    r"|\x1b[()*+#%][0-~]|\x1b[0-9=>A-Z_a-z]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f])|(?P<text>[^\x00-\x1f\x1b]+)"
)
_PARTIAL = re.compile(r"\x1b[^\x1b]{0,64}$")
_KNOWS_SYNCHRONIZED = "\x1b[?2026;2$y"
_ASKS_SYNCHRONIZED = ("?2026", "$", "p")
_SYNCHRONIZED = "?2026"


class Picture:
    """The characters on a screen of ``columns`` by ``lines``."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self.cells = [[" "] * columns for _ in range(lines)]
        self.x = self.y = 0
        self.answers: list[str] = []
        self.drawing = False
        """Between the marks of a frame."""
        self._rest = ""

    def feed(self, text: str) -> None:
        """Draw what a program wrote."""
        text = self._rest + text
        partial = _PARTIAL.search(text)
        self._rest = ""
        if partial and not _TOKEN.fullmatch(partial.group()) and not _TOKEN.match(partial.group()):
            text, self._rest = text[: partial.start()], partial.group()
        for token in _TOKEN.finditer(text):
            if token["text"]:
                self._write(token["text"])
            elif token["control"]:
                self._control(token["control"])
            elif token["final"]:
                self._sequence(token["args"], token["between"], token["final"])

    def _write(self, text: str) -> None:
        for character in text:
            if self.x < self.columns and self.y < self.lines:
                self.cells[self.y][self.x] = character
            self.x += 2 if east_asian_width(character) in "WF" else 1

    def _control(self, character: str) -> None:
        if character == "\r":
            self.x = 0
        elif character == "\n":
            self.y = min(self.y + 1, self.lines - 1)
        elif character == "\b":
            self.x = max(self.x - 1, 0)

    def _sequence(self, args: str, between: str, final: str) -> None:
        if (args, between, final) == _ASKS_SYNCHRONIZED:
            self.answers.append(_KNOWS_SYNCHRONIZED)
        if args == _SYNCHRONIZED and final in "hl":
            self.drawing = final == "h"
        if not re.fullmatch(r"[0-9;]*", args) or between:
            return
        numbers = [int(part) if part else 0 for part in args.split(";")]
        first = max(numbers[0], 1)
        if final in "Hf":
            self.y = min(first, self.lines) - 1
            self.x = max(numbers[1] if len(numbers) > 1 else 1, 1) - 1
        elif final == "G":
            self.x = first - 1
        elif final == "d":
            self.y = min(first, self.lines) - 1
        elif final in "ABCD":
            self.y = min(max(self.y + {"A": -first, "B": first}.get(final, 0), 0), self.lines - 1)
            self.x = max(self.x + {"C": first, "D": -first}.get(final, 0), 0)
        elif final == "J" and numbers[0] >= 2:
            self.cells = [[" "] * self.columns for _ in range(self.lines)]
        elif final == "K":
            self.cells[self.y][self.x :] = [" "] * max(self.columns - self.x, 0)

    def text(self, columns: int | None = None) -> list[str]:
        """The lines, or their first ``columns``."""
        return ["".join(line[:columns]) for line in self.cells]

    def shows(self, *words: str) -> bool:
        """Whether all the words are somewhere on the screen."""
        whole = "\n".join(self.text())
        return all(word in whole for word in words)


class Session:
    """A running program with its picture; times are those of ``time.perf_counter``."""

    def __init__(self, command: Sequence[str], columns: int, lines: int, folder: str) -> None:
        self.picture = Picture(columns, lines)
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        left_out = ("NO_COLOR", "COLUMNS", "LINES")
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in left_out and not name.startswith("TEXTUAL")
        }
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            cwd=folder,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            start_new_session=True,
        )
        os.close(slave)
        self._master = master
        self.frame_at = self.started
        """When the last frame was complete."""

    def send(self, keys: str) -> float:
        """Press keys; returns when."""
        now = time.perf_counter()
        os.write(self._master, keys.encode())
        return now

    def read(self, timeout_s: float) -> bool:
        """Draw what comes within a time; whether a frame was completed."""
        if not select.select([self._master], [], [], max(timeout_s, 0))[0]:
            return False
        try:
            data = os.read(self._master, 1 << 20)
        except OSError:  # the program is gone
            data = b""
        now = time.perf_counter()
        if not data:
            raise EOFError(f"the program ended with {self.process.wait(5)}: {self.picture.text()}")
        self.picture.feed(data.decode("utf-8", "replace"))
        for answer in self.picture.answers:
            os.write(self._master, answer.encode())
        self.picture.answers.clear()
        if self.picture.drawing:
            return False
        self.frame_at = now
        return True

    def wait_for(self, condition: Callable[[Picture], bool], timeout_s: float = 20.0) -> float:
        """When the first frame was complete for which a condition holds.

        Raises:
            TimeoutError: it did not come to hold.
        """
        end = time.perf_counter() + timeout_s
        while time.perf_counter() < end:
            if self.read(end - time.perf_counter()) and condition(self.picture):
                return self.frame_at
        raise TimeoutError("\n".join(self.picture.text()))

    def settle(
        self, quiet_s: float, watch: Callable[[Picture], object] = Picture.text
    ) -> tuple[float, float]:
        """Read until nothing came for a time; when the last frame came that changed what is watched, and the
        CPU time used until then."""
        seen, changed, cpu_s = watch(self.picture), time.perf_counter(), self.cpu_s()
        last = time.perf_counter()
        while (left := last + quiet_s - time.perf_counter()) > 0:
            if self.read(left):
                last = self.frame_at
                now = watch(self.picture)
                if now != seen:
                    seen, changed, cpu_s = now, last, self.cpu_s()
        return changed, cpu_s

    def memory_mib(self) -> tuple[float, float]:
        """Resident memory now, and its peak."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        kib = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
        return int(kib["VmRSS"]) / 1024, int(kib["VmHWM"]) / 1024

    def cpu_s(self) -> float:
        """CPU time that the program has used."""
        parts = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the program."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
        os.close(self._master)
        self.process.wait()
