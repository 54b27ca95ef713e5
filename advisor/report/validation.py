"""``validate``: rows and error statistics as JSON, text and Markdown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from advisor.report.documents import number
from advisor.report.format import percent, speed, speed_range, tokens
from advisor.report.table import Column, markdown_table, text_table
from advisor.validation import FileResult, RowResult
from advisor.validation.slices import CASE, DIMENSIONS
from advisor.validation.statistics import QUANTITIES, SPEEDS, By, Statistics, pair_of, statistics_of
from probes.types import RigError

Document = dict[str, Any]

MAIN: tuple[By, ...] = ((CASE,),)
"""What is shown unless more is asked for."""

_TITLES = {
    "tokens_per_s": "Decode speed",
    "prefill_tokens_per_s": "Prefill speed",
    "weights_bytes": "Bytes of the weights",
    "kv_bytes": "Bytes of the KV cache",
    "compute_bytes": "Bytes of the compute buffers",
    "total_bytes": "Bytes altogether",
    "bytes": "Bytes of files",
}
_COLUMNS = (
    Column("n", right=True),
    Column("median", right=True),
    Column("mean", right=True),
    Column("≤15 %", right=True),
    Column("≤25 %", right=True),
    Column(">2×", right=True),
    Column("in 80 %", right=True),
    Column("bias", right=True),
)
_LONG_COLUMNS = (
    Column("rows", right=True),
    Column("median error", right=True),
    Column("mean error", right=True),
    Column("within 15 %", right=True),
    Column("within 25 %", right=True),
    Column("off by more than 2×", right=True),
    Column("inside the 80 % interval", right=True),
    Column("bias", right=True),
)


_FEW_ROWS = 24
"""Up to so many rows are listed without being asked for: a person's own runs."""
_ROW_COLUMNS = (
    Column("row"),
    Column("model"),
    Column("test"),
    Column("measured", right=True),
    Column("predicted", right=True),
    Column("80 % interval", right=True),
    Column("error", right=True),
)


def parse_by(text: str) -> tuple[By, ...]:
    """What to break results down by: ``vendor,arch+quant`` is by vendor, then by both others together.

    Raises:
        RigError: there is no such dimension.
    """
    wanted = tuple(
        tuple(name.strip() for name in part.split("+")) for part in text.split(",") if part.strip()
    )
    unknown = [name for by in wanted for name in by if name not in DIMENSIONS]
    if unknown or not wanted:
        raise RigError(
            f"results cannot be broken down by {unknown[0] if unknown else text!r}; "
            f"use {', '.join(DIMENSIONS)}, or several joined with +"
        )
    return wanted


def validation_document(files: Sequence[FileResult], by: Sequence[By] = ()) -> Document:
    """``validate --json``: files, statistics, then all rows in file order."""
    return {
        "schema": "rig-advice/validate/1",
        "files": [
            {
                "file": f.path,
                "kind": f.kind,
                "rows": len(f.rows),
                "ok": sum(r.status == "ok" for r in f.rows),
                "skipped": sum(r.status != "ok" for r in f.rows),
            }
            for f in files
        ],
        "statistics": [
            {
                **{k: number(v) if isinstance(v, float) else v for k, v in asdict(s).items()},
                "by": list(s.by),
            }
            for s in statistics_of(files, by)
        ],
        "rows": [
            {
                "id": r.id,
                "status": r.status,
                "reason": r.reason,
                "remarks": list(r.remarks),
                **{k: number(v) for k, v in r.values.items()},
                "labels": dict(r.labels),
            }
            for f in files
            for r in f.rows
        ],
    }


def validation_text(
    files: Sequence[FileResult], by: Sequence[By] | None = MAIN, *, rows: bool = False
) -> str:
    """What was answered and why not the rest, the rows where they are few, then the statistics.

    ``by=None`` shows every slice, ``rows`` every row.
    """
    lines = []
    for f in files:
        skipped = Counter(r.reason for r in f.rows if r.status != "ok")
        answered = sum(r.status == "ok" for r in f.rows)
        lines.append(f"{f.path}: {f.kind}, {answered} of {len(f.rows)} rows answered")
        lines += [f"  skipped {count}: {reason}" for reason, count in skipped.most_common(12)]
        rest = sum(skipped.values()) - sum(count for _, count in skipped.most_common(12))
        lines += [f"  skipped {rest} for other reasons"] if rest else []
        remarked = Counter(remark for r in f.rows for remark in r.remarks)
        lines += [f"  remark on {count}: {remark}" for remark, count in remarked.most_common(12)]
    if rows or sum(r.status == "ok" for f in files for r in f.rows) <= _FEW_ROWS:
        listed = [cells for f in files for r in f.rows if r.status == "ok" for cells in _row_cells(r)]
        lines += ["", text_table(_ROW_COLUMNS, listed)] if listed else []
    for title, members in _sections(files, by):
        cells = [(_shown(s), *_cells(s)) for s in members]
        lines += ["", text_table((Column(title), *_COLUMNS), cells)]
    return "\n".join(lines)


def _row_cells(row: RowResult) -> Iterator[tuple[str, ...]]:
    """A line for each speed of a row: what was timed, measured, predicted, the interval and the error."""
    for quantity, what in zip(SPEEDS, ("decode", "prefill"), strict=True):
        pair = pair_of(row, quantity)
        if pair is not None:
            interval = "–" if pair.low is None or pair.high is None else speed_range(pair.low, pair.high)
            yield (
                row.id,
                row.title,
                f"{what} at {tokens(row.depth)}" if row.depth else what,
                speed(pair.measured),
                speed(pair.predicted),
                interval,
                f"{100 * (pair.predicted / pair.measured - 1):+.0f} %",
            )


def validation_markdown(files: Sequence[FileResult], by: Sequence[By] | None = MAIN) -> str:
    """The statistics as Markdown tables: what the documentation shows."""
    tables = []
    for title, members in _sections(files, by):
        cells = [(_shown(s), *_cells(s)) for s in members]
        tables.append(markdown_table((Column(title), *_LONG_COLUMNS), cells))
    return "\n\n".join(tables)


def _sections(files: Sequence[FileResult], by: Sequence[By] | None) -> list[tuple[str, list[Statistics]]]:
    """The statistics by quantity and dimension; everything heads the first table of a quantity."""
    statistics = statistics_of(files, by or ())
    sections = []
    for quantity in QUANTITIES:
        of_quantity = [s for s in statistics if s.quantity == quantity]
        found = dict.fromkeys(s.by for s in of_quantity if s.by)
        shown = [each for each in (found if by is None else by) if each in found] or [()]
        for at, each in enumerate(shown):
            members = [s for s in of_quantity if s.by == each or (at == 0 and not s.by)]
            if members:
                sections.append((f"{_TITLES[quantity]}{_by_text(each)}", members))
    return sections


def _by_text(by: By) -> str:
    return f", by {' and '.join(by)}" if by else ""


def _shown(s: Statistics) -> str:
    return s.slice.partition(": ")[2] if len(s.by) == 1 else s.slice


def _cells(s: Statistics) -> tuple[str, ...]:
    return (
        str(s.n),
        f"{100 * s.median_error:.1f} %",
        f"{100 * s.mean_error:.1f} %",
        percent(s.within_15_percent),
        percent(s.within_25_percent),
        percent(s.off_by_2x),
        percent(s.interval_coverage) if s.interval_coverage is not None else "–",
        f"{100 * math.expm1(s.bias):+.1f} %",
    )
