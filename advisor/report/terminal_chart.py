"""Charts in a terminal: lines of braille dots, or of letters where there is only ASCII."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from advisor.report.plot import Axis

Point = tuple[float, float]

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille cell, by row and column of its dots."""
_BRAILLE = 0x2800
_NAMES = "abcdefghijklmnopqrstuvwxyz"


ROWS = 18
"""Lines inside the frame of a chart, unless given."""


@dataclass(frozen=True, slots=True)
class TerminalCurve:
    """A line, broken where a point is ``None``, and the interval around it (low, high) at every point.

    Its letter stands at the point nearest to ``mark_x``, where that is given.  A curve of one point is a dot,
    which lies above all lines.
    """

    points: Sequence[Point | None]
    band: Sequence[tuple[float, float] | None] = ()
    mark_x: float | None = None
    name: str | None = None
    """What it is marked and, in ASCII, drawn with; by default the next letter of the alphabet."""


@dataclass(frozen=True, slots=True)
class TerminalMark:
    """A point on its own, with a short name at its place."""

    x: float
    y: float
    name: str


def letter(index: int) -> str:
    """What marks a curve in the chart and in its legend."""
    return _NAMES[index % len(_NAMES)]


def terminal_chart(
    x: Axis,
    y: Axis,
    curves: Sequence[TerminalCurve],
    *,
    columns: int = 80,
    rows: int = ROWS,
    ascii_only: bool = False,
    marks: Sequence[TerminalMark] = (),
) -> list[str]:
    """Lines of text no wider than ``columns``: frame, ticks, curves with their letters, intervals shaded."""
    labels = [label for _, label in y.ticks()]
    margin = max([len(label) for label in labels], default=1) + 1
    canvas = _Canvas(max(columns - margin - 2, 10), max(rows, 4), ascii_only)
    for curve in curves:
        canvas.shade(x, y, curve)
    for at, curve in enumerate(curves):
        canvas.draw(x, y, curve, letter(at) if curve.name is None else curve.name)
    for at, curve in enumerate(curves):
        canvas.mark(x, y, curve, letter(at) if curve.name is None else curve.name, at, len(curves))
    for mark in marks:
        canvas.write(x, y, mark)
    bar, corner, dash = ("|", "+", "-") if ascii_only else ("│", "└", "─")
    ticks = {canvas.row_of(y, value): label for value, label in reversed(y.ticks()) if label}
    lines = [" " * margin + y.title]
    lines += [f"{ticks.get(r, ''):>{margin}}{bar}{text}".rstrip() for r, text in enumerate(canvas.lines())]
    lines.append(" " * margin + corner + dash * canvas.columns)
    lines.append(_tick_line(x, canvas, margin))
    lines.append((" " * margin + x.title.rjust(canvas.columns)).rstrip())
    return lines


def _tick_line(x: Axis, canvas: _Canvas, margin: int) -> str:
    """Labels under the axis, those left out that would run into the one before."""
    line = ""
    for value, label in x.ticks():
        if not label:
            continue
        start = margin + 1 + canvas.column_of(x, value) - len(label) // 2
        start = min(start, margin + 1 + canvas.columns - len(label))
        if start > len(line) or not line:
            line = line.ljust(max(start, 0)) + label
    return line


class _Canvas:
    """Cells of characters; dots are finer where braille can be had."""

    def __init__(self, columns: int, rows: int, ascii_only: bool) -> None:
        self.columns, self.rows, self.ascii_only = columns, rows, ascii_only
        self.across, self.down = (1, 1) if ascii_only else (2, 4)
        self.dots = [[0] * columns for _ in range(rows)]
        self.shaded = [[False] * columns for _ in range(rows)]
        self.letters = [[""] * columns for _ in range(rows)]

    def column_of(self, x: Axis, value: float) -> int:
        return min(self.columns - 1, max(0, round(x.place(value) * (self.columns - 1))))

    def row_of(self, y: Axis, value: float) -> int:
        return min(self.rows - 1, max(0, round((1 - y.place(value)) * (self.rows - 1))))

    def _dot(self, x: Axis, y: Axis, point: Point) -> tuple[float, float] | None:
        right, up = x.place(point[0]), y.place(point[1])
        if not (math.isfinite(right) and math.isfinite(up)):
            return None
        wide, high = self.columns * self.across - 1, self.rows * self.down - 1
        return min(max(right, 0.0), 1.0) * wide, min(max(1 - up, 0.0), 1.0) * high

    def draw(self, x: Axis, y: Axis, curve: TerminalCurve, name: str) -> None:
        """The line through the points."""
        placed = [None if p is None else self._dot(x, y, p) for p in curve.points]
        for p in placed:
            if p is not None:
                self._set(p, name)
        for a, b in pairwise(placed):
            if a is None or b is None:
                continue
            steps = max(1, math.ceil(max(abs(b[0] - a[0]), abs(b[1] - a[1]))))
            for n in range(steps + 1):
                part = n / steps
                self._set((a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part), name)

    def _set(self, dot: tuple[float, float], name: str) -> None:
        column, row = round(dot[0]), round(dot[1])
        cell = row // self.down, column // self.across
        if self.ascii_only:
            self.letters[cell[0]][cell[1]] = self.letters[cell[0]][cell[1]] or name
        else:
            self.dots[cell[0]][cell[1]] |= _DOTS[row % 4][column % 2]

    def mark(self, x: Axis, y: Axis, curve: TerminalCurve, name: str, at: int, of: int) -> None:
        """The letter of a curve, at a place of its own so that curves that coincide can be told."""
        known = [p for p in curve.points if p is not None]
        if not known or (self.ascii_only and len(curve.points) > 1):
            return
        chosen = known[min(len(known) - 1, (at + 1) * len(known) // (of + 1))]
        if curve.mark_x is not None:
            wanted = curve.mark_x
            chosen = min(known, key=lambda p: abs(p[0] - wanted))
        dot = self._dot(x, y, chosen)
        if dot is not None:
            self.letters[round(dot[1]) // self.down][round(dot[0]) // self.across] = name

    def write(self, x: Axis, y: Axis, mark: TerminalMark) -> None:
        """The name of a point; what others have written stays, so of names that collide one moves on."""
        start = min(self.column_of(x, mark.x), self.columns - len(mark.name))
        row = self.row_of(y, mark.y)
        taken = self.letters[row]
        while start + len(mark.name) < self.columns and any(
            c not in ("", "-") for c in taken[max(start - 1, 0) : start + len(mark.name)]
        ):
            start += 1
        for n, c in enumerate(mark.name):
            taken[start + n] = c

    def shade(self, x: Axis, y: Axis, curve: TerminalCurve) -> None:
        """The interval, column by column."""
        known = [
            (p[0], *band)
            for p, band in zip(curve.points, curve.band, strict=False)
            if p is not None and band is not None
        ]
        for column in range(self.columns):
            limits = self._limits(x, known, column)
            if limits is None:
                continue
            top, bottom = self.row_of(y, limits[1]), self.row_of(y, limits[0])
            for row in range(top, bottom + 1):
                self.shaded[row][column] = True

    def _limits(
        self, x: Axis, known: Sequence[tuple[float, float, float]], column: int
    ) -> tuple[float, float] | None:
        """Low and high where the column lies, between its neighbouring points."""
        place = column / max(self.columns - 1, 1)
        for a, b in pairwise(known):
            left, right = x.place(a[0]), x.place(b[0])
            if left <= place <= right and right > left:
                part = (place - left) / (right - left)
                return a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part
        return None

    def lines(self) -> list[str]:
        """The rows as text."""
        shade = "." if self.ascii_only else "░"
        return [
            "".join(
                self.letters[r][c]
                or (chr(_BRAILLE + self.dots[r][c]) if self.dots[r][c] else "")
                or (shade if self.shaded[r][c] else " ")
                for c in range(self.columns)
            )
            for r in range(self.rows)
        ]
