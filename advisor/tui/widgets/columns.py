"""Columns of a list: widths, and which of them go when there is no room; and those of the ranking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rich.cells import cell_len

from advisor.report.format import gib, gib_unit, params, seconds, sizes_in, speed, speed_range, tokens
from advisor.tui.glyphs import Glyphs
from advisor.tui.lines import clip, pad
from advisor.tui.view import Row

WIDE_INTERVAL = 1.5
"""From this ratio of its ends an interval is shown instead of the middle: the middle would look
more certain than it is."""


R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column.  ``priority`` 0 is never dropped; higher numbers go first.

    The column with the key ``name`` takes what the others leave.
    """

    key: str
    title: str
    align: str
    priority: int
    cell: Callable[[R, Glyphs], str]
    min_width: int
    sort: str | None = None


def speed_cell(row: Row, glyphs: Glyphs) -> str:
    """Decode speed, as a range where the interval is wide."""
    if row.tokens_per_s is None or row.low_tokens_per_s is None or row.high_tokens_per_s is None:
        return glyphs.no_value
    if row.high_tokens_per_s >= WIDE_INTERVAL * row.low_tokens_per_s:
        return speed_range(row.low_tokens_per_s, row.high_tokens_per_s)
    return speed(row.tokens_per_s)


def _likely(row: Row, glyphs: Glyphs) -> str:
    if row.low_tokens_per_s is None or row.high_tokens_per_s is None:
        return glyphs.no_value
    return speed_range(row.low_tokens_per_s, row.high_tokens_per_s)


def fit_cell(row: Row, glyphs: Glyphs) -> str:
    """Glyph and word of the fit, or how much memory is missing."""
    word = row.fit if row.fits else f"+{gib_unit(row.missing_bytes)}"
    return f"{glyphs.fit[row.fit]} {word}"


def _score(row: Row, glyphs: Glyphs) -> str:
    return glyphs.no_value if row.score is None else f"{row.score:.0f}"


def _ttft(row: Row, glyphs: Glyphs) -> str:
    return glyphs.no_value if row.ttft_s is None else seconds(row.ttft_s)


def _context(row: Row, _: Glyphs) -> str:
    if row.context_tokens is None:
        return "?"
    return tokens(row.context_tokens) + ("!" if row.context_exceeds_model else "")


def name_cell(row: Row, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """The name in ``width`` cells, and the number of variants that share the row."""
    suffix = f" +{len(row.variants)}" if row.variants else ""
    if width < _NAME_WANTED - 4:
        suffix = ""
    name = clip(row.name, width - len(suffix), glyphs.ellipsis)
    return name, pad(suffix, width - cell_len(name))


COLUMNS: tuple[Column[Row], ...] = (
    Column("place", "#", "right", 0, lambda r, _: str(r.place), 3, "score"),
    Column("name", "Model", "left", 0, lambda r, _: r.name, 16, "name"),
    Column("moe", "", "left", 4, lambda r, _: "MoE" if r.moe else "", 3, "active"),
    Column("params", "Params", "right", 6, lambda r, _: params(r.total_params), 6, "params"),
    Column("quant", "Quant", "left", 1, lambda r, _: r.quant, 6, "quant"),
    Column("memory", "GiB", "right", 2, lambda r, _: gib(r.used_bytes), 5, "memory"),
    Column("speed", "tok/s", "right", 0, speed_cell, 5, "speed"),
    Column("likely", "likely", "right", 9, _likely, 7),
    Column("ttft", "TTFT", "right", 7, _ttft, 6, "ttft"),
    Column("fit", "Fit", "left", 0, fit_cell, 9, "fit"),
    Column("context", "Context", "right", 8, _context, 7, "context"),
    Column("score", "Score", "right", 3, _score, 5, "score"),
)

_NAME_WANTED = 24
"""Cells the model name should have before an optional column is added."""

MARKER = 2
"""Cells before the first column: cursor and pin."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A column with its width and the x where it starts."""

    column: Column[Any]
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Widths:
    """Cells that the widest cell of each column needs, and the longest name with its number of variants."""

    columns: Mapping[str, int]
    name: int


NO_WIDTHS = Widths({}, 24)


def widths_of(columns: Sequence[Column[R]], rows: Sequence[R], glyphs: Glyphs) -> dict[str, int]:
    """Cells that the widest cell of each column needs."""
    return {
        c.key: max([c.min_width, *(cell_len(c.cell(row, glyphs)) for row in rows)])
        for c in columns
        if c.key != "name"
    }


def list_widths(rows: Sequence[Row], glyphs: Glyphs) -> Widths:
    """Measure all rows of a ranking.  Thousands of cells are made: it is done where the view is made."""
    with sizes_in(glyphs.units):
        columns = widths_of(COLUMNS, rows, glyphs)
    return Widths(columns, max((len(r.name) + 4 * bool(r.variants) for r in rows), default=NO_WIDTHS.name))


def place_columns(
    columns: Sequence[Column[Any]], width: int, needed: Mapping[str, int], longest_name: int = 40
) -> tuple[Placed, ...]:
    """Choose columns for ``width`` cells; the model name takes what is left.

    Columns go by priority until the name has room; no chosen column is narrower than its cells.
    """
    chosen = list(columns)
    wanted = min(max(longest_name, 16), _NAME_WANTED)

    def name_width(columns: list[Column[Any]]) -> int:
        fixed = sum(needed.get(c.key, c.min_width) for c in columns if c.key != "name")
        return width - MARKER - fixed - (len(columns) - 1)

    for priority in sorted({c.priority for c in columns if c.priority}, reverse=True):
        if name_width(chosen) >= wanted:
            break
        chosen = [c for c in chosen if c.priority != priority]
    name = max(name_width(chosen), 4)
    placed = []
    x = MARKER
    # A name column much wider than any name would tear the rows apart.
    name = min(name, max(longest_name, wanted) + 2)
    for column in chosen:
        size = name if column.key == "name" else needed.get(column.key, column.min_width)
        placed.append(Placed(column, x, size))
        x += size + 1
    return tuple(placed)
