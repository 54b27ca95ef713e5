"""Intervals: 80 % of the residuals lie inside, and what is farther from the data is wider."""

from __future__ import annotations

import json

import numpy as np

from advisor.fitting.__main__ import EFFICIENCIES
from advisor.fitting.accuracy import spread_of
from advisor.fitting.spread import coverage, features_of, fit_spread

RNG = np.random.default_rng(3)


def made(count: int) -> tuple[list[tuple[str, str, bool, bool, bool]], np.ndarray]:
    rows, scales = [], []
    for i in range(count):
        moe, deep = i % 3 == 0, i % 5 == 0
        engine = ("NVIDIA|cuda", "AMD|rocm")[i % 2]
        rows.append(("gpu_moe" if moe else "gpu_dense", engine, deep, False, False))
        scales.append(0.08 * (1.8 if moe else 1.0) * (1.5 if deep else 1.0) * (1.2 if i % 2 else 1.0))
    return rows, np.array(scales)


def test_four_fifths_of_residuals_like_the_fitted_ones_are_inside() -> None:
    rows, scales = made(3_000)
    features = features_of(rows)
    residuals = RNG.normal(0, scales)
    table = fit_spread(features, residuals, residuals * 1.5, residuals * 2)
    spread = spread_of(table, features)
    fresh = RNG.normal(0, scales)
    assert 0.76 < coverage(fresh, spread) < 0.84
    for moe in ("gpu_moe", "gpu_dense"):
        part = np.array([kind == moe for kind in features.kind])
        assert 0.74 < coverage(fresh[part], spread[part]) < 0.86


def test_devices_and_classes_that_were_left_out_are_wider() -> None:
    rows, scales = made(2_000)
    residuals = RNG.normal(0, scales)
    table = fit_spread(features_of(rows), residuals, residuals * 1.5, residuals * 2)
    assert 1.3 < float(str(table["unseen_device"])) < 1.7
    assert float(str(table["unseen_class"])) >= float(str(table["unseen_device"]))


def test_heavy_tails_do_not_widen_the_middle() -> None:
    rows, scales = made(2_000)
    residuals = RNG.normal(0, scales)
    residuals[::20] *= 30
    table = fit_spread(features_of(rows), residuals, residuals, residuals)
    assert coverage(RNG.normal(0, scales), spread_of(table, features_of(rows))) < 0.86


def test_the_shipped_intervals_widen_with_distance_from_the_data() -> None:
    spread = json.loads(EFFICIENCIES.read_text("utf-8"))["spread_log"]
    assert 1.0 <= spread["unseen_device"] <= spread["unseen_class"]
    assert spread["kinds"]["split_assumed_ram"] >= spread["kinds"]["gpu_dense"]
    assert all(0.02 < value < 1.0 for value in spread["kinds"].values())
