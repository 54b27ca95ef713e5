"""Error statistics of predictions by slice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from advisor.validation.predict import FileResult, RowResult
from advisor.validation.slices import DIMENSIONS

SPEEDS = ("tokens_per_s", "prefill_tokens_per_s")
QUANTITIES = (*SPEEDS, "weights_bytes", "kv_bytes", "compute_bytes", "total_bytes", "bytes")
ALL = "all"
LEAST_ROWS = 3

By = tuple[str, ...]
"""Dimensions that rows are grouped by together: ``("vendor",)``, ``("arch", "quant")``; ``()`` is all."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Errors of one quantity over one slice; errors are |predicted - measured| / measured.

    ``bias`` is the median of ln(predicted / measured); ``off_by_2x`` the share of rows where the two
    differ by more than a factor of two either way; ``interval_coverage`` the share of rows inside
    their 80 % interval, ``None`` where rows have none.
    """

    by: By
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


@dataclass(frozen=True, slots=True)
class Pair:
    """One measured and predicted value, with the interval where there is one."""

    measured: float
    predicted: float
    low: float | None
    high: float | None


def pair_of(row: RowResult, quantity: str) -> Pair | None:
    """What a row says of a quantity, ``None`` if it was not both measured and predicted."""
    values = row.values
    measured, predicted = values.get(f"measured_{quantity}"), values.get(f"predicted_{quantity}")
    if not measured or not predicted or measured < 0 or predicted < 0:
        return None
    return Pair(measured, predicted, values.get(f"low_{quantity}"), values.get(f"high_{quantity}"))


def statistics_of(files: Sequence[FileResult], also_by: Iterable[By] = ()) -> list[Statistics]:
    """Statistics over everything, over every value of every label, and over the groups asked for.

    Slices have at least three rows; those of a dimension stand together, the largest first.
    """
    rows = [(row, dict(row.labels)) for f in files for row in f.rows if row.status == "ok"]
    present = dict.fromkeys(name for _, labels in rows for name in labels)
    ordered = [
        *(name for name in DIMENSIONS if name in present),
        *(n for n in present if n not in DIMENSIONS),
    ]
    result = []
    for by in dict.fromkeys([(), *((name,) for name in ordered), *also_by]):
        groups: dict[str, list[RowResult]] = {}
        for row, labels in rows:
            if labels.keys() >= set(by):
                groups.setdefault(_slice_name(by, labels), []).append(row)
        for name in sorted(groups, key=lambda name: (-len(groups[name]), name)):
            found = (_statistics(by, name, quantity, groups[name]) for quantity in QUANTITIES)
            result += [statistics for statistics in found if statistics is not None]
    return result


def _slice_name(by: By, labels: Mapping[str, str]) -> str:
    """``all``, ``vendor: NVIDIA``, ``arch: ada cuda; quant: Q4_K_M``."""
    return "; ".join(f"{name}: {labels[name]}" for name in by) or ALL


def _statistics(by: By, name: str, quantity: str, rows: Sequence[RowResult]) -> Statistics | None:
    pairs = [pair for row in rows if (pair := pair_of(row, quantity)) is not None]
    if len(pairs) < (1 if not by else LEAST_ROWS):
        return None
    errors = [abs(p.predicted - p.measured) / p.measured for p in pairs]
    logs = [math.log(p.predicted / p.measured) for p in pairs]
    inside = [p.low <= p.measured <= p.high for p in pairs if p.low is not None and p.high is not None]
    return Statistics(
        by=by,
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
