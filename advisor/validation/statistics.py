"""Error statistics of predictions by slice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

from advisor.validation.predict import FileResult, RowResult

QUANTITIES = (
    "tokens_per_s",
    "prefill_tokens_per_s",
    "weights_bytes",
    "kv_bytes",
    "compute_bytes",
    "total_bytes",
    "bytes",
)
_LEAST_ROWS = 3


@dataclass(frozen=True, slots=True)
class Statistics:
    """Errors of one quantity over one slice; errors are |predicted - measured| / measured.

    ``bias`` is the median of ln(predicted / measured); ``off_by_2x`` the share of rows where the two
    differ by more than a factor of two either way.
    """

    slice: str
    quantity: str
    n: int
    median_error: float
    mean_error: float
    within_15_percent: float
    within_25_percent: float
    off_by_2x: float
    interval_coverage: float | None
    bias: float


def statistics_of(files: Sequence[FileResult]) -> list[Statistics]:
    """Statistics over everything and over every label value with at least three rows."""
    rows = [row for f in files for row in f.rows if row.status == "ok"]
    slices: dict[str, list[RowResult]] = {"all": rows}
    for row in rows:
        for name, value in row.labels:
            slices.setdefault(f"{name}: {value}", []).append(row)
    result = []
    for name, members in slices.items():
        for quantity in QUANTITIES:
            statistics = _statistics(name, quantity, members)
            if statistics is not None:
                result.append(statistics)
    return result


def _statistics(name: str, quantity: str, rows: Sequence[RowResult]) -> Statistics | None:
    pairs = []
    inside = []
    for row in rows:
        measured, predicted = row.values.get(f"measured_{quantity}"), row.values.get(f"predicted_{quantity}")
        if not measured or not predicted:
            continue
        pairs.append((measured, predicted))
        low, high = row.values.get("low_tokens_per_s"), row.values.get("high_tokens_per_s")
        if quantity == "tokens_per_s" and low is not None and high is not None:
            inside.append(low <= measured <= high)
    if len(pairs) < (1 if name == "all" else _LEAST_ROWS):
        return None
    errors = [abs(p - m) / m for m, p in pairs]
    logs = [math.log(p / m) for m, p in pairs]
    return Statistics(
        slice=name,
        quantity=quantity,
        n=len(pairs),
        median_error=median(errors),
        mean_error=mean(errors),
        within_15_percent=mean(e <= 0.15 for e in errors),
        within_25_percent=mean(e <= 0.25 for e in errors),
        off_by_2x=mean(abs(x) > math.log(2) for x in logs),
        interval_coverage=mean(inside) if inside else None,
        bias=median(logs),
    )
