"""All quantizations in all placements, as cells of text and as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from advisor.report import format as f
from advisor.report.placement_text import STRATEGY_NAMES
from advisor.report.table import Column, markdown_table, text_table

if TYPE_CHECKING:
    from advisor.core.placement_matrix import Cell, PlacementMatrix, QuantRow, Way
    from advisor.explanation import Explanation

_TITLES = {
    "accelerator": ("all on", "GPU"),
    "experts_in_ram": ("experts", "in RAM"),
    "layers_split": ("layers", "split"),
    "cpu": ("CPU", "only"),
    "tensor_parallel": ("tensor", "parallel"),
    "kv_in_ram": ("cache", "in RAM"),
}
WIDE_FACTOR = 1.5
"""Intervals of more than this from end to end are shown as a range."""


def way_title(way: Way) -> tuple[str, str]:
    """A column's title, in two lines."""
    first, second = _TITLES[STRATEGY_NAMES[int(way.strategy)]]
    if way.one_node:
        return first, "1 socket"
    return first, second + ("*" if way.aside else "")


def cell_text(cell: Cell, best: str = "", *, ranges: bool = True) -> str:
    """``84``, ``2.4~6.1`` where that is wide, ``+3.2 GiB`` of what is short, ``n/a``."""
    if cell.tokens_per_s is None or cell.low_tokens_per_s is None or cell.high_tokens_per_s is None:
        return f"+{f.gib_unit(cell.missing_bytes)}" if math.isfinite(cell.missing_bytes) else "n/a"
    mark = best if cell.best else ""
    if ranges and cell.high_tokens_per_s > WIDE_FACTOR * cell.low_tokens_per_s:
        return mark + f.speed_range(cell.low_tokens_per_s, cell.high_tokens_per_s)
    return mark + f.speed(cell.tokens_per_s)


def shown_ways(m: PlacementMatrix) -> list[int]:
    """Columns worth drawing, those that any quantization can have."""
    return [
        n
        for n in range(len(m.ways))
        if any(r.cells[n].tokens_per_s or math.isfinite(r.cells[n].missing_bytes) for r in m.rows)
    ]


def by_worth(m: PlacementMatrix, ways: list[int]) -> list[int]:
    """The same columns, those first that are chosen for most quantizations, then that hold most."""

    def worth(n: int) -> tuple[int, int, int]:
        cells = [r.cells[n] for r in m.rows]
        return -sum(c.best for c in cells), -sum(c.tokens_per_s is not None for c in cells), n

    return sorted(ways, key=worth)


def remarks(m: PlacementMatrix, ways: list[int]) -> list[str]:
    """What the cells need said."""
    found = [f.titled("tok/s, as 80 % interval where it is wide; +GiB: short of memory")]
    if any(m.ways[n].aside for n in ways):
        found.append("*: experimental there, never chosen")
    return found


def context_text(row: QuantRow, asked: int) -> str:
    """A context that was cut to make it fit; empty where none was."""
    return f" at {f.tokens(row.context_tokens)}" if row.context_tokens < asked else ""


def _cells(e: Explanation, best: str) -> tuple[list[Column], list[list[str]]]:
    m = e.matrix
    assert m is not None
    ways = shown_ways(m)
    columns = [Column("quant"), Column("file GiB", right=True), Column("bpw", right=True)]
    columns += [Column("quality", right=True), Column("fit")]
    columns += [Column(" ".join(way_title(m.ways[n])), right=True) for n in ways]
    from advisor.core.ranking import fit_name

    c = e.table.candidates
    rows = []
    for row in m.rows:
        bits = row.file_bytes * 8 / float(c.total_params[row.row])
        cut = context_text(row, e.table.question.context)
        rows.append(
            [
                ("▸ " if row.row == e.row else "  ") + row.quant + cut,
                f.gib(row.file_bytes),
                f"{bits:.2f}",
                f"{100 * float(e.scores.quality[row.row]):.0f}",
                fit_name(e.table, row.row),
                *(cell_text(row.cells[n], best) for n in ways),
            ]
        )
    return columns, rows


def matrix_lines(e: Explanation) -> list[str]:
    """The matrix as a table of text."""
    if e.matrix is None:
        return []
    columns, rows = _cells(e, "▸")
    title = f"All quantizations and placements ({'; '.join(remarks(e.matrix, shown_ways(e.matrix)))})"
    return [title, *text_table(columns, rows).split("\n")]


def matrix_markdown(e: Explanation) -> str:
    """The matrix as a Markdown table, the best placement of each quantization in bold."""
    columns, rows = _cells(e, "▸")
    bold = [
        [f"**{cell[1:]}**" if cell.startswith("▸") and n else cell for n, cell in enumerate(r)] for r in rows
    ]
    return markdown_table(columns, [[cell.strip() for cell in row] for row in bold])


def matrix_fields(m: PlacementMatrix | None) -> dict[str, Any] | None:
    """The matrix as JSON."""
    if m is None:
        return None
    from advisor.report.documents import number

    return {
        "placements": [
            {
                "strategy": STRATEGY_NAMES[int(way.strategy)],
                "one_numa_node": way.one_node,
                "never_chosen": way.aside,
            }
            for way in m.ways
        ],
        "quants": [
            {
                "quant": row.quant,
                "file_bytes": int(row.file_bytes),
                "context_tokens": row.context_tokens,
                "cells": [
                    {
                        "decode_tokens_per_s": number(c.tokens_per_s),
                        "decode_low_tokens_per_s": number(c.low_tokens_per_s),
                        "decode_high_tokens_per_s": number(c.high_tokens_per_s),
                        "missing_bytes": math.ceil(c.missing_bytes)
                        if math.isfinite(c.missing_bytes)
                        else None,
                        "best": c.best,
                    }
                    for c in row.cells
                ],
            }
            for row in m.rows
        ],
    }
