from __future__ import annotations

import math

import pytest

from advisor.validation import FileResult, RowResult
from advisor.validation.statistics import By, Statistics, statistics_of


def row(measured: float, predicted: float, *, prefill: bool = False, **labels: str) -> RowResult:
    quantity = "prefill_tokens_per_s" if prefill else "tokens_per_s"
    values = {
        f"measured_{quantity}": measured,
        f"predicted_{quantity}": predicted,
        f"low_{quantity}": predicted / 1.2,
        f"high_{quantity}": predicted * 1.2,
    }
    return RowResult("x", "ok", None, values, tuple(labels.items()))


def found(rows: list[RowResult], *also_by: By) -> dict[tuple[str, str], Statistics]:
    files = [FileResult("f.csv", "kind", tuple(rows))]
    return {(s.slice, s.quantity): s for s in statistics_of(files, also_by)}


def test_errors_shares_coverage_and_bias_of_a_slice() -> None:
    s = found([row(100, 100), row(100, 110), row(100, 120), row(100, 300)])["all", "tokens_per_s"]
    assert s.n == 4
    assert s.median_error == pytest.approx(0.15)
    assert s.mean_error == pytest.approx((0 + 0.1 + 0.2 + 2.0) / 4)
    assert (s.within_15_percent, s.within_25_percent, s.off_by_2x) == (0.5, 0.75, 0.25)
    assert s.interval_coverage == 0.75
    assert s.bias == pytest.approx((math.log(1.1) + math.log(1.2)) / 2)


def test_too_slow_by_half_counts_as_off_by_two() -> None:
    s = found([row(100, 49)])["all", "tokens_per_s"]
    assert s.off_by_2x == 1.0
    assert s.median_error == pytest.approx(0.51)


def test_prefill_has_its_own_interval_and_none_where_there_is_none() -> None:
    rows = [row(100, 100, prefill=True), row(100, 150, prefill=True)]
    assert found(rows)["all", "prefill_tokens_per_s"].interval_coverage == 0.5
    bare = [RowResult("x", "ok", None, {k: v for k, v in r.values.items() if "low" not in k}) for r in rows]
    assert found(bare)["all", "prefill_tokens_per_s"].interval_coverage is None


def test_slices_of_fewer_than_three_rows_are_not_shown() -> None:
    rows = [row(1, 1, vendor="A")] * 3 + [row(1, 1, vendor="B")] * 2
    assert {name for name, _ in found(rows)} == {"all", "vendor: A"}


def test_dimensions_can_be_crossed() -> None:
    rows = [row(1, 1, arch="ada", quant="Q8_0")] * 3 + [row(1, 2, arch="ada", quant="Q4_0")] * 4
    by = found(rows, ("arch", "quant"))
    assert by["arch: ada; quant: Q4_0", "tokens_per_s"].n == 4
    assert by["arch: ada; quant: Q8_0", "tokens_per_s"].median_error == 0


def test_the_largest_slice_of_a_dimension_stands_first() -> None:
    rows = [row(1, 1, vendor="A")] * 3 + [row(1, 1, vendor="B")] * 5
    names = [s.slice for s in statistics_of([FileResult("f", "k", tuple(rows))])]
    assert names == ["all", "vendor: B", "vendor: A"]


def test_skipped_and_unmeasured_rows_count_nowhere() -> None:
    rows = [row(0, 5), RowResult("x", "skipped", "why"), RowResult("x", "ok", None, {"measured_bytes": None})]
    assert found(rows) == {}
