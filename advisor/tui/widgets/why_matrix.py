"""All quantizations in all placements, as a table for any width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from advisor.report.format import gib, titled
from advisor.tui.glyphs import Glyphs, shown
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, pad, wrap

if TYPE_CHECKING:
    from advisor.explanation import Explanation

_GAP = 2


def matrix_lines(e: Explanation, width: int, glyphs: Glyphs) -> list[Line]:
    """One line per quantization, largest first; columns that hold least go first when room is short."""
    from advisor.core.ranking import fit_name
    from advisor.report import matrix_text as text

    m = e.matrix
    if m is None or not m.rows:
        return []
    ways = text.shown_ways(m)
    cells = {n: [text.cell_text(row.cells[n], glyphs.chosen) for row in m.rows] for n in ways}
    titles = {n: text.way_title(m.ways[n]) for n in ways}
    wide = {n: max(map(cell_len, (*cells[n], *titles[n]))) for n in ways}
    asked = e.table.question.context
    names = [row.quant + text.context_text(row, asked) for row in m.rows]
    name_width = max(map(cell_len, names))
    quality = [f"{100 * float(e.scores.quality[row.row]):.0f}" for row in m.rows]
    lead, size = 4 + name_width, 7
    kept, room = [], width - lead - size
    for n in text.by_worth(m, ways):
        if wide[n] + _GAP > room:
            break
        room -= wide[n] + _GAP
        kept.append(n)
    with_quality = room >= len(" qual")
    kept.sort()

    def line(first: Line, size_text: str, qual: str, texts: list[tuple[str, str]]) -> Line:
        found: Line = [*first, (f"{size_text:>{size}}", MUTED)]
        if with_quality:
            found.append((f"{qual:>5}", MUTED))
        return [*found, *((" " * _GAP + cell, style) for cell, style in texts)]

    lines: list[Line] = [[("Quantizations and placements", TITLE)]]
    for head in (0, 1):
        blank: Line = [(" " * lead, "")]
        texts = [(pad(titles[n][head], wide[n], "right"), MUTED) for n in kept]
        lines.append(line(blank, ("", titled("GiB"))[head], ("", "qual")[head], texts))
    for at, row in enumerate(m.rows):
        here = row.row == e.row
        fit = fit_name(e.table, row.row)
        style = STRONG if here else "" if row.fits else MUTED
        first: Line = [
            (glyphs.cursor if here else " ", "$primary"),
            (f"{glyphs.fit[fit]} ", style),
            (pad(names[at], name_width + 1), style),
        ]
        texts = [
            (
                pad(cells[n][at], wide[n], "right"),
                STRONG if row.cells[n].best else "" if row.cells[n].tokens_per_s is not None else MUTED,
            )
            for n in kept
        ]
        lines.append(line(first, gib(row.file_bytes), quality[at], texts))
    runs = any(row.fits for row in m.rows)
    said = [*([f"{glyphs.chosen} where it runs best"] if runs else []), *text.remarks(m, kept)]
    lines += wrap(shown("; ".join(said), glyphs), width, MUTED, "  ", "  ")
    left_out = [" ".join(titles[n]).rstrip("*") for n in ways if n not in kept]
    if left_out:
        lines += wrap(
            f"no room for: {', '.join(left_out)} (a wider screen, or y)", width, MUTED, "    ", "  "
        )
    return [*lines, []]
