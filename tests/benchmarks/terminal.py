"""Start-up, key presses, memory and stalls of the terminal app, in a pseudo-terminal, against their limits.

    python tests/benchmarks/terminal.py     # all example rigs, and a probe of this machine
    python tests/benchmarks/terminal.py --rig 2x3090 --size 80x24 --presses 20

A limit holds for the median of several starts or presses.  Exit code 1 when one is broken.  Needs two quiet
cores: the best of several and the CPU time beside the wall-clock times tell noise apart; it is counted in
hundredths of a second, so it is a mean.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pseudo_terminal import Picture, Session

ROOT = Path(__file__).parents[2]
RIGS = ROOT / "screenshots" / "rigs"
HERE = "this machine"

FIRST_PAINT_MS, FILLED_MS, KEY_MS, STALL_MS, MEMORY_MIB = 500.0, 1000.0, 50.0, 100.0, 90.0

KEYS = ("]", "[", "u", "U", "c", "t", "s")
"""``s`` only sorts what is there: the floor."""
KEY_NAMES = {
    "]": "longer context",
    "[": "shorter context",
    "u": "more users",
    "U": "fewer users",
    "c": "use case",
    "t": "KV type",
    "s": "sort (no ranking)",
}
WALK = (
    ("why", "\r"),
    ("what if", "w"),
    ("picture", "p"),
    ("upgrade", "b"),
    ("models", "M"),
    ("compare", " v"),
    ("settings", ","),
    ("topology", "m"),
    ("rig", "i"),
    ("help", "?"),
)
ESCAPE = "\x1b"
QUIET_S = 0.3
"""Without output for so long, the app is done with a key and with the explanation that follows it."""


@dataclass
class Figures:
    """Measured values of one quantity, in ms or MiB, and the most that their median may be."""

    name: str
    limit: float | None = None
    unit: str = "ms"
    values: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    worst_counts: bool = False
    """Whether the limit holds for the worst instead of the median."""

    @property
    def broken(self) -> bool:
        if self.limit is None or not self.values:
            return False
        return (max(self.values) if self.worst_counts else statistics.median(self.values)) > self.limit

    def line(self) -> str:
        """One row of the table."""
        if not self.values:
            return f"  {self.name:<26} –"
        ordered = sorted(self.values)
        p95 = ordered[min(round(0.95 * len(ordered)), len(ordered) - 1)]
        limit = f"{self.limit:6.0f}" if self.limit is not None else "     –"
        cpu = f"{statistics.mean(self.cpu_ms):7.0f}" if self.cpu_ms else "      –"
        return (
            f"  {self.name:<26}{ordered[0]:8.1f}{statistics.median(ordered):8.1f}{p95:8.1f}{ordered[-1]:8.1f}"
            f"{limit}{cpu} {self.unit:<4}{len(ordered):4}  {'BROKEN' if self.broken else ''}"
        )


HEAD = f"  {'':<26}{'best':>8}{'median':>8}{'p95':>8}{'worst':>8}{'limit':>6}{'CPU':>7}      n"


def started(rig: str, columns: int, lines: int) -> Session:
    """The app, as a user starts it."""
    command = [sys.executable, "-m", "advisor"]
    if rig != HERE:
        command += ["--rig", str(RIGS / f"{rig}.json")]
    return Session(command, columns, lines, str(ROOT))


def has_title(picture: Picture) -> bool:
    """The first frame."""
    return picture.shows("rig advisor") or picture.shows("use ", "context ")


def has_ranking(picture: Picture) -> bool:
    """Counts of a ranking, and rows."""
    return picture.shows("tok/s") and picture.shows(" fit") and bool("".join(table(picture)).strip())


def table(picture: Picture) -> tuple[str, ...]:
    """What the ranking shows: from its head on, without the pane beside it."""
    shown = picture.text(60 if picture.columns >= 100 else None)
    top = next((i for i, line in enumerate(shown) if "Model" in line and "#" in line), None)
    bottom = picture.lines - (4 if picture.columns < 100 else 2)
    return tuple(shown[top + 1 : bottom]) if top is not None else ()


def measure_start(rig: str, columns: int, lines: int, times: int) -> list[Figures]:
    """From exec to the first frame, to a full ranking, and what it holds in memory then."""
    paint = Figures("first paint", FIRST_PAINT_MS)
    filled = Figures("ranking filled", FILLED_MS)
    memory = Figures("resident, filled", MEMORY_MIB, "MiB")
    for _ in range(times):
        session = started(rig, columns, lines)
        try:
            paint.values.append((session.wait_for(has_title) - session.started) * 1e3)
            paint.cpu_ms.append(session.cpu_s() * 1e3)
            at = session.frame_at if has_ranking(session.picture) else session.wait_for(has_ranking)
            filled.values.append((at - session.started) * 1e3)
            filled.cpu_ms.append(session.cpu_s() * 1e3)
            session.settle(1.0)
            memory.values.append(session.memory_mib()[0])
        finally:
            session.close()
    return [paint, filled, memory]


def measure_keys(session: Session, presses: int) -> list[Figures]:
    """From a key press to the last change of the list that it makes."""
    found = []
    for key in KEYS:
        figures = Figures(f"key {key} {KEY_NAMES[key]}", KEY_MS)
        for _ in range(presses):
            before, cpu = table(session.picture), session.cpu_s()
            pressed = session.send(key)
            changed, cpu_s = session.settle(QUIET_S, table)
            if table(session.picture) == before:  # the same list as before, as at the end of a range
                continue
            figures.values.append((changed - pressed) * 1e3)
            figures.cpu_ms.append((cpu_s - cpu) * 1e3)
        found.append(figures)
    return found


def longest_silence(session: Session, seconds: float, keys: str = "jk", every_s: float = 0.02) -> float:
    """Move the cursor all the time; the longest that a key press waited for any output, in ms."""
    waiting: list[float] = []
    longest, sent = 0.0, 0
    start = time.perf_counter()
    while True:
        now = time.perf_counter()
        if now - start >= seconds and not waiting:
            return longest
        if now - start >= seconds + 5:
            raise TimeoutError("\n".join(session.picture.text()))
        if now - start < seconds and now - start >= sent * every_s:
            waiting.append(session.send(keys[sent % len(keys)]))
            sent += 1
        if session.read(min(every_s / 2, 0.005)) and waiting:
            longest = max(longest, (session.frame_at - waiting[0]) * 1e3)
            waiting.clear()


def measure_busy_start(rig: str, columns: int, lines: int) -> Figures:
    """The same from the first frame on, while everything is loaded; the question's line answers."""
    session = started(rig, columns, lines)
    try:
        session.wait_for(has_title)
        return _stall("loading and ranking", longest_silence(session, 1.5, "][", 0.04))
    finally:
        session.close()


def measure_stalls(rig: str, columns: int, lines: int) -> list[Figures]:
    """How long the app leaves a cursor key without an answer while it is busy with something else."""
    found = [measure_busy_start(rig, columns, lines)]
    session = started(rig, columns, lines)
    try:
        session.wait_for(has_ranking)
        found.append(_stall("idle and explaining", longest_silence(session, 1.5)))
        for key in ("]", "u", "c"):
            session.send(key)
            found.append(_stall(f"ranking after {key}", longest_silence(session, 0.6)))
        session.settle(QUIET_S)
        for name, key in WALK:
            session.send(key)
            found.append(_stall(f"opening {name}", _first_answer(session)))
            session.settle(QUIET_S)
            session.send(ESCAPE)
            session.settle(QUIET_S)
        resident, peak = session.memory_mib()
    finally:
        session.close()
    return [
        *found,
        # The limit is that of the app at work with its list; every further view adds what it shows.
        Figures("resident, all screens", None, "MiB", [resident]),
        Figures("peak", None, "MiB", [peak]),
    ]


def _first_answer(session: Session) -> float:
    """Until the next frame, in ms."""
    pressed = time.perf_counter()
    return (session.wait_for(lambda _: True, 5.0) - pressed) * 1e3


def _stall(name: str, value_ms: float) -> Figures:
    return Figures(name, STALL_MS, values=[value_ms], worst_counts=True)


def report(title: str, make: Callable[[], Iterable[Figures]]) -> bool:
    """Print the table of some figures; whether all hold."""
    print(title)
    print(HEAD)
    good = True
    for figures in make():
        print(figures.line(), flush=True)
        good = good and not figures.broken
    return good


def keys_of(rig: str, columns: int, lines: int, presses: int) -> list[Figures]:
    """Key presses in a session of their own."""
    session = started(rig, columns, lines)
    try:
        session.wait_for(has_ranking)
        session.settle(0.8)
        return measure_keys(session, presses)
    finally:
        session.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    known = sorted(path.stem for path in RIGS.glob("*.json"))
    parser.add_argument("--rig", action="append", choices=[*known, HERE], help="default: all of them")
    parser.add_argument("--size", default="120x40", help="columns x lines")
    parser.add_argument("--presses", type=int, default=8, help="of each key")
    parser.add_argument("--starts", type=int, default=3)
    arguments = parser.parse_args(argv)
    columns, lines = (int(part) for part in arguments.size.split("x"))
    good = True
    for rig in arguments.rig or [*known, HERE]:
        where = f"{rig}, {columns}x{lines}"
        good &= report(f"{where}: start", partial(measure_start, rig, columns, lines, arguments.starts))
        good &= report(f"{where}: keys", partial(keys_of, rig, columns, lines, arguments.presses))
        good &= report(f"{where}: answers", partial(measure_stalls, rig, columns, lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
