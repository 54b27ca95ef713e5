"""``validate``: rows and error statistics as JSON and text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from advisor.report.documents import number
from advisor.report.format import percent
from advisor.report.table import Column, markdown_table, text_table
from advisor.validation import FileResult
from advisor.validation.statistics import statistics_of

Document = dict[str, Any]


def validation_document(files: Sequence[FileResult]) -> Document:
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
            {k: number(v) if isinstance(v, float) else v for k, v in asdict(s).items()}
            for s in statistics_of(files)
        ],
        "rows": [
            {
                "id": r.id,
                "status": r.status,
                "reason": r.reason,
                **{k: number(v) for k, v in r.values.items()},
            }
            for f in files
            for r in f.rows
        ],
    }


def validation_text(files: Sequence[FileResult]) -> str:
    """The statistics as a table, and why rows were skipped."""
    lines = []
    for f in files:
        skipped = Counter(r.reason for r in f.rows if r.status != "ok")
        answered = sum(r.status == "ok" for r in f.rows)
        lines.append(f"{f.path}: {f.kind}, {answered} of {len(f.rows)} rows answered")
        lines += [f"  skipped {count}: {reason}" for reason, count in skipped.most_common(12)]
    columns = (
        Column("slice"),
        Column("quantity"),
        Column("n", right=True),
        Column("median", right=True),
        Column("mean", right=True),
        Column("≤15 %", right=True),
        Column("≤25 %", right=True),
        Column(">2×", right=True),
        Column("in 80 %", right=True),
        Column("bias", right=True),
    )
    cells = [
        (
            s.slice,
            s.quantity,
            str(s.n),
            f"{100 * s.median_error:.1f} %",
            f"{100 * s.mean_error:.1f} %",
            percent(s.within_15_percent),
            percent(s.within_25_percent),
            percent(s.off_by_2x),
            percent(s.interval_coverage) if s.interval_coverage is not None else "–",
            f"{100 * s.bias:+.1f} %",
        )
        for s in statistics_of(files)
    ]
    return "\n".join([*lines, "", text_table(columns, cells)])


_CASE = "case: "


def validation_markdown(files: Sequence[FileResult]) -> str:
    """The decode speeds by case as a Markdown table: what the documentation shows."""
    columns = (
        Column("case"),
        Column("rows", right=True),
        Column("median error", right=True),
        Column("within 25 %", right=True),
        Column("off by more than 2×", right=True),
        Column("inside the 80 % interval", right=True),
    )
    cells = [
        (
            s.slice.removeprefix(_CASE),
            str(s.n),
            f"{100 * s.median_error:.0f} %",
            percent(s.within_25_percent),
            percent(s.off_by_2x),
            percent(s.interval_coverage) if s.interval_coverage is not None else "–",
        )
        for s in statistics_of(files)
        if s.quantity == "tokens_per_s" and s.slice.startswith(_CASE)
    ]
    return markdown_table(columns, cells)
