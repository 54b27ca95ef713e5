"""All quantizations of a model in all placements: how fast each is, or what it is short of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from advisor.core.alternatives import Forced
from advisor.core.estimate import EstimateTable
from advisor.core.placement import Strategy


@dataclass(frozen=True, slots=True)
class Way:
    """One column: a strategy, on the whole machine or bound to one NUMA node."""

    strategy: Strategy
    one_node: bool
    aside: bool
    """Worked out beside the others and never chosen: experimental there."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One quantization in one placement."""

    tokens_per_s: float | None
    """``None`` where it does not fit."""
    low_tokens_per_s: float | None
    high_tokens_per_s: float | None
    missing_bytes: float
    """0 where it fits; infinite where the placement is none for this model."""
    best: bool
    """Whether this is where the ranking puts the quantization."""


@dataclass(frozen=True, slots=True)
class QuantRow:
    """One quantization."""

    row: int
    """In the estimate table."""
    quant: str
    file_bytes: float
    fits: bool
    context_tokens: int
    """Shorter than asked for where the context was cut to make it fit: then only the best cell is for it."""
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class PlacementMatrix:
    """Quantizations, largest first, by ways to place them."""

    ways: tuple[Way, ...]
    rows: tuple[QuantRow, ...]


def placement_matrix(table: EstimateTable, tried: tuple[Forced, ...]) -> PlacementMatrix:
    """The matrix of a table of one model's quantizations.

    Args:
        tried: the table's strategies, each on its own (from ``alternatives.forced``).
    """
    c = table.candidates
    order = sorted(range(len(table)), key=lambda i: (-float(c.file_bytes[i]), i))
    return PlacementMatrix(
        ways=tuple(Way(f.strategy, f.one_node, f.aside) for f in tried),
        rows=tuple(
            QuantRow(
                row=i,
                quant=c.quant(i),
                file_bytes=float(c.file_bytes[i]),
                fits=bool(table.fits[i]),
                context_tokens=int(table.context[i]),
                cells=tuple(_cell(table, i, f) for f in tried),
            )
            for i in order
        ),
    )


def _cell(table: EstimateTable, row: int, way: Forced) -> Cell:
    if int(table.strategy[row]) == int(way.strategy) and bool(table.one_node[row]) == way.one_node:
        return Cell(*table.speeds_at(row), 0.0, True)
    if not way.table.fits[row]:
        short = float(way.table.missing_bytes[row])
        return Cell(None, None, None, short if short > 0 else math.inf, False)
    return Cell(*way.table.speeds_at(row), 0.0, False)
