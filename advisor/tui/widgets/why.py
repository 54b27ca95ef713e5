"""Why a model runs as it does: sections of lines, in a pane or in as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import KEY, MUTED, STRONG, Line, Painted, fit_line, width_of
from advisor.tui.view import Detail
from advisor.tui.widgets import explained as parts
from advisor.tui.widgets.why_evidence import evidence_lines, roofline_lines
from advisor.tui.widgets.why_fit import fit_lines
from advisor.tui.widgets.why_matrix import matrix_lines
from advisor.tui.widgets.why_memory import memory_lines, title_line, variant_lines
from advisor.tui.widgets.why_time import time_lines

if TYPE_CHECKING:
    from advisor.explanation import Explanation

SECTIONS = {
    "memory": "Memory",
    "fit": "Make it fit",
    "time": "Time",
    "roofline": "Roofline",
    "known": "How do we know",
    "help": "What would help",
    "matrix": "Placements",
    "quants": "Quantizations",
    "others": "Other placements",
    "depth": "Depth",
    "model": "Model",
    "assumed": "Assumptions",
    "commands": "Commands",
}
"""Names of the sections, in the order of one column."""

_PANE = (
    "memory",
    "fit",
    "time",
    "help",
    "others",
    "quants",
    "known",
    "depth",
    "model",
    "assumed",
    "commands",
)
_SCREEN = tuple(name for name in SECTIONS if name != "quants")
_COLUMNS: dict[int, tuple[tuple[str, ...], ...]] = {
    1: (_SCREEN,),
    2: (
        ("memory", "fit", "time", "roofline", "commands"),
        ("known", "help", "others", "depth", "model", "assumed"),
    ),
    3: (
        ("memory", "fit", "time", "help", "commands", "model"),
        ("roofline", "known", "depth", "assumed"),
        ("matrix", "others"),
    ),
}
"""Sections of each column; those in none stand below at full width."""
_FROM_WIDTH = {2: 100, 3: 170}
_GAP = 4


def section(
    name: str, detail: Detail, e: Explanation | None, width: int, glyphs: Glyphs, *, full: bool
) -> list[Line]:
    """The lines of one section, the last one empty; none where it has nothing to say (yet)."""
    if name == "memory":
        return [*memory_lines(detail, width, glyphs), []]
    if name == "time":
        return [*time_lines(detail, width, glyphs), []]
    if e is None:
        return []
    fits = detail.fits
    found: list[Line] = []
    if name == "matrix":
        found = matrix_lines(e, width, glyphs)
    elif name == "quants":
        found = parts.quant_lines(e, width, glyphs, limit=12)
    elif name == "model":
        found = parts.model_lines(e, width, glyphs)
    elif name == "assumed":
        found = parts.assumption_lines(e, width, glyphs)
    elif name == "fit":
        found = [] if fits else fit_lines(e, width, glyphs, full=full)
    elif not fits:
        found = []
    elif name == "roofline":
        found = roofline_lines(e, width, glyphs)
    elif name == "known":
        found = evidence_lines(e, width, glyphs)
    elif name == "help":
        found = parts.sensitivity_lines(e, width, glyphs)
    elif name == "others":
        found = parts.placement_lines(e, width, glyphs)
    elif name == "depth":
        found = parts.depth_lines(e, width, glyphs)
    elif name == "commands":
        found = parts.command_lines(e, width, keys=full)
    return found


class WhyPane(Painted):
    """Memory and time of the selected model, and the rest once it has been worked out."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.detail: Detail | None = None
        self.explanation: Explanation | None = None
        self.starts: tuple[tuple[int, str], ...] = ()
        """First line and name of every section, as last painted, from top to bottom."""

    def show(self, detail: Detail | None, explanation: Explanation | None) -> None:
        """Draw another model; ``explanation`` may still be missing."""
        if detail is self.detail and explanation is self.explanation:
            return
        self.detail, self.explanation = detail, explanation
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """All sections for this width."""
        if self.detail is None:
            return [[("select a model to see where its memory and time go", MUTED)]]
        lines = [title_line(self.detail, self.glyphs, width)]
        lines += [*variant_lines(self.detail, width, self.glyphs, 1), []]
        return [*lines, *self._column(_PANE, width, full=False)[0]]

    def _column(
        self, names: Sequence[str], width: int, *, full: bool
    ) -> tuple[list[Line], list[tuple[int, str]]]:
        """Sections one below the other, and where each starts."""
        assert self.detail is not None
        lines: list[Line] = []
        starts = []
        for name in names:
            found = section(name, self.detail, self.explanation, width, self.glyphs, full=full)
            if found:
                starts.append((len(lines), name))
                lines += found
        if self.explanation is None and "time" in names:
            lines.append([(f"working out placements {self.glyphs.waiting}", MUTED)])
        return lines, starts


class WhyColumns(WhyPane):
    """The full explanation in one to three columns."""

    def paint(self, width: int) -> list[Line]:
        """As many columns as there is room for."""
        if self.detail is None:
            return super().paint(width)
        count = max((n for n, least in _FROM_WIDTH.items() if width >= least), default=1)
        columns = _COLUMNS[count]
        column = (width - _GAP * (count - 1)) // count
        lines = [title_line(self.detail, self.glyphs, column)]
        lines += [*variant_lines(self.detail, width, self.glyphs, 1 if count == 1 else 4), []]
        painted = [self._column(names, column, full=True) for names in columns]
        starts = [(len(lines) + at, name) for _, found in painted for at, name in found]
        lines += side_by_side([found for found, _ in painted], column, _GAP)
        rest = tuple(name for name in _SCREEN if not any(name in names for names in columns))
        below, found = self._column(rest, width, full=True)
        starts += [(len(lines) + at, name) for at, name in found]
        self.starts = tuple(sorted(starts, key=lambda start: start[0]))
        return [*lines, *below]


def side_by_side(columns: Sequence[Sequence[Line]], column: int, gap: int) -> list[Line]:
    """Columns of lines as one."""
    lines: list[Line] = []
    for n in range(max(map(len, columns))):
        line: Line = []
        for at, found in enumerate(columns):
            if n < len(found) and found[n]:
                blank = at * (column + gap) - width_of(line)
                line = [*line, *([(" " * blank, "")] if blank > 0 else []), *found[n]]
        lines.append(line)
    return lines


class SectionBar(Painted):
    """Which section is on top, of how many, and the keys to the next."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.names: tuple[str, ...] = ()
        self.at = 0

    def show(self, names: Sequence[str], at: int) -> None:
        """Tell these sections, the one at ``at`` first."""
        if (self.names, self.at) != (tuple(names), at):
            self.names, self.at = tuple(names), at
            self.repaint(layout=False)

    def paint(self, width: int) -> list[Line]:
        """One line."""
        if not self.names:
            return [[]]
        count, at = len(self.names), min(self.at, len(self.names) - 1)
        line: Line = [(f"{at + 1}/{count} ", MUTED), (SECTIONS[self.names[at]], STRONG)]
        following = SECTIONS[self.names[(at + 1) % count]]
        before = SECTIONS[self.names[at - 1]]
        line += [("   Tab ", KEY), (following, MUTED), ("   Shift+Tab ", KEY), (before, MUTED)]
        return [fit_line(line, width, self.glyphs.ellipsis)]
