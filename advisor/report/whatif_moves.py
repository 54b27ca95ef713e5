"""Rank moves and unlocked models of a what-if: as cells, text, Markdown, CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.comparison import Comparison
from advisor.core.moves import SAME, Move, Moves, Run, moves_between
from advisor.report import format as f
from advisor.report.documents import Document, number
from advisor.report.model_summary import model_summary
from advisor.report.table import Column, csv_table, markdown_table, shorten, text_table

_SHOWN = 8
_NAME_CELLS = 26


@dataclass(frozen=True, slots=True)
class Signs:
    """Characters that the cells use."""

    arrow: str = "→"
    times: str = "×"
    better: str = "▲"
    worse: str = "▼"
    none: str = "–"


PLAIN = Signs()


@dataclass(frozen=True, slots=True)
class MoveCells:
    """One line of the table of moves; the intervals hold in 80 % of cases."""

    model: str
    quant: str
    rank: str
    speed: str
    likely: str
    factor: str


@dataclass(frozen=True, slots=True)
class UnlockedCells:
    """One line of the table of unlocked models; ``was`` is why it did not count before."""

    model: str
    quant: str
    memory: str
    speed: str
    likely: str
    was: str


def likely(run: Run) -> str:
    """The 80 % interval of the speed, empty where there is none."""
    if run.low_tokens_per_s is None or run.high_tokens_per_s is None:
        return ""
    return f.speed_range(run.low_tokens_per_s, run.high_tokens_per_s)


def factor_text(ratio: float | None, signs: Signs = PLAIN) -> str:
    """``▲×2.0``, or ``=`` for no change."""
    if ratio is None:
        return ""
    if abs(ratio - 1) < SAME:
        return "="
    sign = signs.better if ratio > 1 else signs.worse
    # Two digits where one would round the change away.
    return f"{sign}{signs.times}{ratio:.1f}" if ratio >= 1.95 else f"{sign}{signs.times}{ratio:.2f}"


def _speed(run: Run, signs: Signs) -> str:
    return signs.none if run.tokens_per_s is None else f.speed(run.tokens_per_s)


def _from_to(before: str, after: str, signs: Signs) -> str:
    return f"{before} {signs.arrow} {after}"


def move_cells(move: Move, signs: Signs = PLAIN) -> MoveCells:
    """A move in words: ``9 → 2``, ``9.6 → 45``, ``[38~52]``, ``▲×4.7``."""
    before, after = move.before, move.after
    ranks = [signs.none if run.rank is None else str(run.rank) for run in (before, after)]
    same = before.quant == after.quant
    return MoveCells(
        model=move.model.name,
        quant=after.quant if same else _from_to(before.quant, after.quant, signs),
        rank=_from_to(ranks[0], ranks[1], signs),
        speed=_from_to(_speed(before, signs), _speed(after, signs), signs),
        likely=likely(after),
        factor=factor_text(move.ratio, signs),
    )


def unlocked_cells(move: Move, signs: Signs = PLAIN) -> UnlockedCells:
    """What runs now, and what it was before: ``+4.2 GiB``, or the speed that was too low."""
    before, after = move.before, move.after
    was = f"+{f.gib_unit(before.missing_bytes)}"
    if before.fits:
        was = f"{likely(before)} tok/s"
    return UnlockedCells(
        move.model.name, after.quant, f.gib(after.used_bytes), _speed(after, signs), likely(after), was
    )


def rest_text(moves: Moves, shown: int) -> str:
    """What the table of moves leaves out, in words; empty where that is nothing."""
    more = len(moves.moved()) - shown
    parts = [f"{more} more run differently"] if more > 0 else []
    if moves.passed():
        parts.append(f"{len(moves.passed())} run as before and change places")
    if moves.unchanged():
        parts.append(f"{len(moves.unchanged())} unchanged")
    return ", ".join(parts)


def moves_of(c: Comparison) -> tuple[Moves, ...]:
    """For every scenario, the present rig first: what it does to the ranking."""
    return tuple(moves_between(c.rankings[0], ranking) for ranking in c.rankings)


# ------------------------------------------------------------------------------------------ text


_MOVE_COLUMNS = (
    Column("model"),
    Column("quant"),
    Column("rank", right=True),
    Column("tok/s", right=True),
    Column("likely", right=True),
    Column("", right=True),
)
_UNLOCKED_COLUMNS = (
    Column("model"),
    Column("quant"),
    Column("GiB", right=True),
    Column("tok/s", right=True),
    Column("likely", right=True),
    Column("was", right=True),
)


def _move_row(cells: MoveCells, name_cells: int | None) -> list[str]:
    name = shorten(cells.model, name_cells) if name_cells else cells.model
    return [name, cells.quant, cells.rank, cells.speed, cells.likely, cells.factor]


def _unlocked_row(cells: UnlockedCells, name_cells: int | None) -> list[str]:
    name = shorten(cells.model, name_cells) if name_cells else cells.model
    return [name, cells.quant, cells.memory, cells.speed, cells.likely, cells.was]


def _fitting(columns: Sequence[Column], rows: list[list[str]], width: int | None) -> list[str]:
    """The table in ``width`` columns: without the quantization where there is no room for it."""
    lines = text_table(columns, rows).split("\n")
    if width is not None and max(map(len, lines)) > width:
        lines = text_table([columns[0], *columns[2:]], [[row[0], *row[2:]] for row in rows]).split("\n")
    return lines


def moves_text(c: Comparison, width: int | None = None) -> list[str]:
    """Unlocked models and rank moves of every scenario, as lines."""
    lines: list[str] = []
    for scenario, moves in list(zip(c.scenarios, moves_of(c), strict=True))[1:]:
        unlocked, moved = moves.unlocked(), moves.moved()
        name = shorten(scenario.name, (width or 78) - 14)
        if unlocked:
            rows = [_unlocked_row(unlocked_cells(m), _NAME_CELLS) for m in unlocked[:_SHOWN]]
            lines += ["", f"unlocked: {name}", *_fitting(_UNLOCKED_COLUMNS, rows, width)]
            if len(unlocked) > _SHOWN:
                lines.append(f"… {len(unlocked) - _SHOWN} more")
        lines += ["", f"rank moves: {name}"]
        if moved:
            rows = [_move_row(move_cells(m), _NAME_CELLS) for m in moved[:_SHOWN]]
            lines += _fitting(_MOVE_COLUMNS, rows, width)
        else:
            lines.append("none of the models that fit runs any differently")
        rest = rest_text(moves, min(len(moved), _SHOWN))
        lines += [f"… {rest}"] if rest else []
    return lines


# ------------------------------------------------------------------------------------------ Markdown


def what_if_markdown(c: Comparison) -> str:
    """What each scenario unlocks, loses and moves, as tables with every model that runs differently."""
    parts: list[str] = []
    for scenario, moves in list(zip(c.scenarios, moves_of(c), strict=True))[1:]:
        parts += [f"## {scenario.name}", *(f"- {remark}" for remark in scenario.remarks)]
        unlocked, lost, moved = moves.unlocked(), moves.lost(), moves.moved()
        parts.append(f"Unlocks {len(unlocked)}, loses {len(lost)}, {len(moved)} run differently.")
        if unlocked:
            rows = [_unlocked_row(unlocked_cells(m), None) for m in unlocked]
            parts.append(markdown_table(_UNLOCKED_COLUMNS, rows))
        if lost:
            parts.append(f"No longer fit: {', '.join(m.before.model.name for m in lost)}.")
        if moved:
            parts.append(markdown_table(_MOVE_COLUMNS, [_move_row(move_cells(m), None) for m in moved]))
    return "\n\n".join(parts)


# ------------------------------------------------------------------------------------------ CSV, JSON


def what_if_csv(c: Comparison) -> str:
    """One row per scenario and model that fits on it or on the present rig; an empty cell: does not fit."""
    titles = [
        "scenario", "model", "quant", "fit", "rank_before", "rank_after", "memory_bytes",
        "missing_bytes_before", "decode_before_tokens_per_s", "decode_tokens_per_s",
        "decode_low_tokens_per_s",
        "decode_high_tokens_per_s", "decode_ratio",
    ]  # fmt: skip
    rows = []
    for scenario, moves in list(zip(c.scenarios, moves_of(c), strict=True))[1:]:
        for move in moves.all:
            b, a = move.before, move.after
            rows.append(
                [
                    scenario.name, move.model.id, a.quant, a.fit, b.rank, a.rank, int(a.used_bytes),
                    int(b.missing_bytes), number(b.tokens_per_s), number(a.tokens_per_s),
                    number(a.low_tokens_per_s), number(a.high_tokens_per_s), number(move.ratio),
                ]
            )  # fmt: skip
    return csv_table(titles, rows)


def _run_document(run: Run) -> Document:
    return {
        "quant": run.quant,
        "fit": run.fit,
        "rank": run.rank,
        "memory_bytes": int(run.used_bytes),
        "missing_bytes": int(run.missing_bytes),
        "decode_tokens_per_s": number(run.tokens_per_s),
        "decode_low_tokens_per_s": number(run.low_tokens_per_s),
        "decode_high_tokens_per_s": number(run.high_tokens_per_s),
        "score": number(run.score),
    }


def moves_document(moves: Moves) -> Document:
    """Every model that runs differently, unlocked and lost ones apart; and how many do not."""

    def listed(found: Sequence[Move]) -> list[Document]:
        return [
            {
                "model": model_summary(move.model),
                "before": _run_document(move.before),
                "after": _run_document(move.after),
                "places": move.places,
                "decode_ratio": number(move.ratio),
            }
            for move in found
        ]

    return {
        "unlocked": listed(moves.unlocked()),
        "lost": listed(moves.lost()),
        "moved": listed(moves.moved()),
        "passed": len(moves.passed()),
        "unchanged": len(moves.unchanged()),
    }
