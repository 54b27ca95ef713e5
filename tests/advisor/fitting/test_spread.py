"""Intervals: 80 % of the residuals lie inside, and what is farther from the data is wider."""

from __future__ import annotations

import json

import numpy as np
import pytest

from advisor.core.spread import SITUATIONS
from advisor.fitting.__main__ import EFFICIENCIES
from advisor.fitting.spread import LEVELS, Features, coverage, features_of, fit_spread, spread_of

RNG = np.random.default_rng(3)


def made(count: int, **shares: int) -> tuple[Features, np.ndarray]:
    """Rows of two kinds and engines, and how far their residuals are made to spread."""
    rows, scales = [], []
    for i in range(count):
        moe, deep = i % 3 == 0, i % 5 == 0
        engine = ("NVIDIA|cuda", "AMD|rocm")[i % 2]
        flags = {"deep": deep} | {name: i % every == 0 for name, every in shares.items()}
        situations = np.array([flags.get(name, False) for name in SITUATIONS])
        rows.append(("gpu_moe" if moe else "gpu_dense", engine, situations))
        scales.append(0.08 * (1.8 if moe else 1.0) * (1.5 if deep else 1.0) * (1.2 if i % 2 else 1.0))
    return features_of(rows), np.array(scales)


def test_four_fifths_of_residuals_like_the_fitted_ones_are_inside() -> None:
    features, scales = made(3_000)
    residuals = RNG.normal(0, scales)
    tables = fit_spread(features, residuals, residuals * 1.5, residuals * 2)
    fresh = RNG.normal(0, scales)
    for level, factor in enumerate((1.0, 1.5, 2.0)):
        spread = spread_of(tables, features, level)
        assert 0.76 < coverage(fresh * factor, spread) < 0.84
        for moe in ("gpu_moe", "gpu_dense"):
            part = np.array([kind == moe for kind in features.kind])
            assert 0.74 < coverage(fresh[part] * factor, spread[part]) < 0.86


def test_devices_and_classes_that_were_left_out_are_wider() -> None:
    features, scales = made(2_000)
    residuals = RNG.normal(0, scales)
    tables = fit_spread(features, residuals, residuals * 1.5, residuals * 2)
    seen, device, one_class = (spread_of(tables, features, level) for level in range(3))
    assert np.median(device / seen) == pytest.approx(1.5, abs=0.15)
    assert np.median(one_class / seen) == pytest.approx(2.0, abs=0.25)


def test_what_is_farther_is_never_narrower_even_if_its_residuals_were_smaller() -> None:
    features, scales = made(2_000)
    residuals = RNG.normal(0, scales)
    tables = fit_spread(features, residuals, residuals / 2, residuals / 4)
    assert (spread_of(tables, features, 2) >= spread_of(tables, features, 0)).all()


def test_heavy_tails_do_not_widen_the_middle() -> None:
    features, scales = made(2_000)
    residuals = RNG.normal(0, scales)
    residuals[::20] *= 30
    tables = fit_spread(features, residuals, residuals, residuals)
    assert coverage(RNG.normal(0, scales), spread_of(tables, features)) < 0.86


@pytest.mark.parametrize(
    ("name", "scale", "low", "high"),
    [
        ("undated", 0.4, 1.0, 1.0),
        ("virtual_machine", 0.4, 1.0, 1.0),
        ("measured_ram", 2.5, 1.0, 1.0),
        ("undated", 2.0, 1.4, 2.3),
        ("measured_ram", 0.5, 0.4, 0.65),
    ],
)
def test_ignorance_never_narrows_and_knowledge_never_widens(
    name: str, scale: float, low: float, high: float
) -> None:
    features, scales = made(3_000, **{name: 4})
    residuals = RNG.normal(0, scales * np.where(features.holds(name), scale, 1.0))
    tables = fit_spread(features, residuals, residuals, residuals)
    assert low <= tables["seen"]["situations"][name] <= high


def test_the_shipped_intervals_are_of_a_sensible_width() -> None:
    shipped = json.loads(EFFICIENCIES.read_text("utf-8"))
    for section in ("spread_log", "prefill_spread_log"):
        assert tuple(shipped[section]) == LEVELS
        for table in shipped[section].values():
            assert tuple(table["situations"]) == SITUATIONS
            assert all(0.02 < value < 2.0 for value in table["kinds"].values())
            assert table["kinds"]["cpu_assumed_ram"] >= table["kinds"]["cpu"]
            assert table["kinds"]["split_assumed_ram"] >= table["kinds"]["split"]
