"""Roofline picture and how we know, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.tui.glyphs import Glyphs, shown
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, wrap

if TYPE_CHECKING:
    from advisor.explanation import Explanation

CHART_ROWS = 12
_DOTS = frozenset("DUP")


def roofline_lines(e: Explanation, width: int, glyphs: Glyphs) -> list[Line]:
    """The roofs of the device that the step waits for, and the model's runs under them."""
    from advisor.report.roofline import (
        dot_letter,
        dot_text,
        elsewhere_text,
        head_text,
        legend_text,
        roofline_chart,
    )

    r = e.roofline
    if r is None:
        return []
    lines: list[Line] = [[("Roofline", TITLE)], *wrap(shown(head_text(r), glyphs), width, "", "    ", "  ")]
    chart = roofline_chart(r, columns=width, rows=CHART_ROWS, ascii_only=glyphs.ascii)
    axis = len(chart) - 3  # the frame's foot, its ticks and title hold no dots
    for n, text in enumerate(chart):
        lines.append(_marked(text) if 0 < n < axis else [(text, MUTED)])
    lines += wrap(shown(legend_text(r), glyphs), width, MUTED, "    ", "  ")
    for dot in r.dots:
        found = wrap(shown(dot_text(r, dot), glyphs), width - 4, "", "")
        lines += [
            [(f"  {dot_letter(dot)} " if not n else "    ", STRONG), *line] for n, line in enumerate(found)
        ]
    if elsewhere_text(r):
        lines += wrap(elsewhere_text(r), width, MUTED, "    ", "  ")
    return [*lines, []]


def _marked(text: str) -> Line:
    """A line of the chart with the dots made to stand out."""
    line: Line = []
    for part in text:
        style = "bold $accent" if part in _DOTS else "$primary"
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + part, style)
        else:
            line.append((part, style))
    return line


def evidence_lines(e: Explanation, width: int, glyphs: Glyphs) -> list[Line]:
    """What the interval rests on, and what would narrow it."""
    from advisor.report import evidence_text

    if e.evidence is None:
        return []
    lines: list[Line] = [[("How do we know", TITLE)]]
    for n, text in enumerate(evidence_text.evidence_lines(e.evidence)):
        style = STRONG if not n else MUTED
        lines += wrap(shown(text, glyphs), width, style, "    ", f"  {glyphs.dot} " if n else "  ")
    for text in evidence_text.narrower_lines(e.evidence):
        lines += wrap(shown(text, glyphs), width, "", "    ", f"  {shown('→', glyphs)} ")
    return [*lines, []]
