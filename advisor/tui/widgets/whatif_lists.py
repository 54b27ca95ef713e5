"""Parts of the what-if screen below its columns: bars of one model, unlocked models, rank moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from advisor.report.format import gib_unit, milliseconds, speed, speed_range, titled
from advisor.tui.glyphs import Glyphs
from advisor.tui.lines import KEY, MUTED, STRONG, TITLE, Line, clip, flow, pad, width_of
from advisor.tui.view import detail_of
from advisor.tui.widgets.bars import SEGMENT_STYLES, Segment, bar
from advisor.tui.widgets.compare import ratio_style, ratio_text, signs_of

if TYPE_CHECKING:
    from advisor.comparison import Comparison
    from advisor.core.moves import Move, Moves
    from advisor.tui.differences import Differences
    from advisor.tui.view import Detail

LISTED = 8
"""Lines of a list; the others are reached by moving through it."""
_NAME, _WANTED = 12, 18
_KINDS = {
    "weights": "weights",
    "kv": "KV cache",
    "ram": "read from RAM",
    "compute": "compute",
    "link": "between devices",
    "launch": "overhead",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of a list: names first, then columns that go by priority where there is no room."""

    titles: tuple[str, ...]
    priorities: tuple[int, ...]
    """0: never dropped; higher numbers go first."""
    rows: tuple[tuple[str, ...], ...]


def unlocked_table(moves: Sequence[Move], glyphs: Glyphs) -> Table:
    """Models that run now, with what they were before."""
    from advisor.report.whatif_moves import unlocked_cells

    cells = [unlocked_cells(move, signs_of(glyphs)) for move in moves]
    rows = tuple((c.model, c.quant, c.memory, c.speed, c.likely, c.was) for c in cells)
    return Table(("Model", "Quant", titled("GiB"), "tok/s", "likely", "was"), (0, 3, 4, 0, 1, 2), rows)


def moves_table(moves: Sequence[Move], glyphs: Glyphs) -> Table:
    """Models that run differently, with rank and speed before and after.

    Where a better quantization makes a model slower, its name stands in the place of the factor.
    """
    from advisor.report.whatif_moves import move_cells

    rows = []
    for move in moves:
        c = move_cells(move, signs_of(glyphs))
        richer = move.before.quant != move.after.quant and (move.ratio or 1.0) < 1
        factor = f"as {move.after.quant}" if richer else c.factor
        rows.append((c.model, c.quant, c.rank, c.speed, factor, c.likely))
    return Table(("Model", "Quant", "rank", "tok/s", "", "likely"), (0, 4, 0, 1, 0, 2), tuple(rows))


def table_lines(
    table: Table, width: int, glyphs: Glyphs, *, pane: str, cursor: int | None, rows: int = LISTED
) -> list[Line]:
    """Titles and a window of rows around the cursor; a click goes to the row."""
    sizes = [
        max([cell_len(title), *(cell_len(row[n]) for row in table.rows)])
        for n, title in enumerate(table.titles)
    ]
    kept = list(range(len(table.titles)))

    def room() -> int:
        return width - 2 - sum(sizes[n] + 1 for n in kept if n)

    for priority in sorted(set(table.priorities) - {0}, reverse=True):
        if room() < min(_WANTED, sizes[0]):
            kept = [n for n in kept if table.priorities[n] != priority]
    name = max(min(room(), sizes[0]), _NAME)
    first = min(max((cursor or 0) - rows // 2, 0), max(len(table.rows) - rows, 0))

    def line(cells: Sequence[str], style: str, mark: str, click: str = "") -> Line:
        parts: Line = [
            (mark, KEY),
            (pad(cells[0], name, ellipsis=glyphs.ellipsis), f"{style} {click}".strip()),
        ]
        for n in kept[1:]:
            align = "left" if table.titles[n] == "Quant" else "right"
            parts += [(" ", ""), (pad(cells[n], sizes[n], align), _cell_style(cells[n], style, glyphs))]
        return parts

    lines = [line(table.titles, MUTED, "  ")]
    for n in range(first, min(first + rows, len(table.rows))):
        mark = f"{glyphs.cursor} " if n == cursor else "  "
        click = f"@click=screen.pick('{pane}', {n})"
        lines.append(line(table.rows[n], STRONG if n == cursor else "", mark, click))
    return lines


def _cell_style(text: str, style: str, glyphs: Glyphs) -> str:
    if style == MUTED:
        return MUTED
    found = ratio_style(text, glyphs)
    return style if found == MUTED else found


def pane_title(title: str, says: str, focused: bool, glyphs: Glyphs) -> Line:
    """Title of a list; the focused one is marked."""
    mark = f"{glyphs.chosen} " if focused else ""
    return [(f"{mark}{title}", f"{TITLE} reverse" if focused else TITLE), (f"  {says}", MUTED)]


def unlocked_lines(
    found: Sequence[Move], number: int, width: int, glyphs: Glyphs, cursor: int | None, least: float
) -> list[Line]:
    """What a scenario unlocks: what did not run before, or not at ``least`` tokens/s."""
    says = f"what did not run at {least:g} tok/s before" if least else "what did not run before"
    title = pane_title(f"Unlocked by {number} ({len(found)})", says, cursor is not None, glyphs)
    if not found:
        return [title, [("  nothing", MUTED)]]
    lines = [
        title,
        *table_lines(unlocked_table(found, glyphs), width, glyphs, pane="unlocked", cursor=cursor),
    ]
    return [*lines, *_more(len(found), "", glyphs)]


def moves_lines(moves: Moves, number: int, width: int, glyphs: Glyphs, cursor: int | None) -> list[Line]:
    """Which models change places, and what a scenario takes away."""
    from advisor.report.whatif_moves import rest_text

    moved, lost = moves.moved(), moves.lost()
    title = pane_title(f"Rank moves by {number} ({len(moved)})", "largest first", cursor is not None, glyphs)
    lines: list[Line] = [title]
    if moved:
        lines += table_lines(moves_table(moved, glyphs), width, glyphs, pane="moves", cursor=cursor)
    else:
        lines.append([("  none of the models that fit runs differently", MUTED)])
    lines += _more(len(moved), rest_text(moves, len(moved)), glyphs)
    if lost:
        names = ", ".join(move.before.model.name for move in lost)
        text = f"  {glyphs.worse} loses {len(lost)}: {names}"
        lines.append([(clip(text, width, glyphs.ellipsis), "$error")])
    return lines


def _more(count: int, rest: str, glyphs: Glyphs) -> list[Line]:
    parts = [f"{count - LISTED} more below"] if count > LISTED else []
    parts += [rest] if rest else []
    return [[(f"  {glyphs.ellipsis} {', '.join(parts)}", MUTED)]] if parts else []


# ------------------------------------------------------------------------------------------ bars


def shown_row(comparison: Comparison, model_id: str | None) -> int | None:
    """The row that stands for a model: its best quantization on the first scenario that it fits.

    Without such a model, the best one of the present rig.
    """
    for wanted in (model_id, None):
        for ranking in comparison.editions:
            for row in ranking.rows.tolist():
                named = wanted is None or ranking.table.candidates.model(row).id == wanted
                if named and ranking.table.fits[row]:
                    return int(row)
    return None


def bar_lines(differences: Differences, model_id: str | None, width: int, glyphs: Glyphs) -> list[Line]:
    """One model's time per token on the rig and on every scenario, on one scale."""
    comparison = differences.comparison
    row = shown_row(comparison, model_id)
    if row is None:
        return [[("no model fits any of these rigs: a smaller context ([) may help", MUTED)]]
    details = [detail_of(ranking.table, row) for ranking in comparison.rankings]
    scale = max(d.step_s for d in details if d.fits)
    title: Line = [(details[0].name, STRONG), (f"  {details[0].quant}", "$primary")]
    if width >= 60:
        title.append(("  time per token, one scale", MUTED))
    ends = [_bar_end(d, details[0], n, glyphs) for n, d in enumerate(details)]
    room = max(width - 5 - max(width_of(end) for end in ends) - 1, 8)
    lines = [title]
    for n, (detail, end) in enumerate(zip(details, ends, strict=True)):
        drawn = (
            bar([Segment(t.kind, t.seconds) for t in detail.terms], room, glyphs, scale)
            if detail.fits
            else []
        )
        label = pad("now" if not n else str(n), 4)
        lines.append([(label, MUTED), *drawn, (" " * (room - width_of(drawn) + 1), ""), *end])
    kinds = dict.fromkeys(t.kind for d in details for t in d.terms if d.fits)
    legend: list[Line] = [[(glyphs.fills[k], SEGMENT_STYLES[k]), (f" {_KINDS[k]}", MUTED)] for k in kinds]
    return [*lines, *flow(legend, width, indent="    ")]


def _bar_end(detail: Detail, now: Detail, number: int, glyphs: Glyphs) -> Line:
    """Milliseconds, tokens/s with their interval, fit and factor."""
    fit = glyphs.fit[detail.fit]
    if not detail.fits:
        return [(f"{fit} does not fit: +{gib_unit(detail.missing_bytes)}", MUTED)]
    likely = speed_range(detail.low_tokens_per_s, detail.high_tokens_per_s)
    end: Line = [
        (f"{milliseconds(detail.step_s):>8} ", ""),
        (f"{fit} {speed(detail.tokens_per_s)} tok/s", STRONG),
        (f" [{likely}]", MUTED),
    ]
    if number and now.fits:
        end += ratio_text(now.tokens_per_s, detail.tokens_per_s, glyphs)
    elif number:
        end.append((f" {glyphs.better} new", "$success"))
    return end
