"""The fit: what ships is what it gives, classes share what they know, and known truths are found again."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from advisor.fitting.__main__ import EFFICIENCIES
from advisor.fitting.compare import difference
from advisor.fitting.model import Model
from advisor.fitting.parameters import COEFFICIENTS, DeviceClass, Layout
from advisor.fitting.prefill_tables import PromptTables
from advisor.fitting.run import MEASUREMENTS, Result, efficiencies, fitted
from advisor.fitting.solve import solve
from advisor.fitting.tables import class_rows
from catalog.efficiency import load_efficiencies

ADA = DeviceClass("gpu", "NVIDIA", "cuda", "ada", "ada")
GA10X = DeviceClass("gpu", "NVIDIA", "cuda", "ampere", "ampere")
GA100 = DeviceClass("gpu", "NVIDIA", "cuda", "ampere", "ampere-ga100")


@cache
def result() -> Result:
    return fitted(MEASUREMENTS)


def test_the_shipped_efficiencies_are_what_the_fit_gives() -> None:
    shipped = json.loads(EFFICIENCIES.read_text("utf-8"))
    assert difference(shipped, efficiencies(result(), shipped=shipped)) is None


def test_most_rows_take_part() -> None:
    assert len(result().observations) > 1_300
    assert len(set(result().observations.device)) > 90


def test_the_fit_is_closer_than_one_efficiency_for_all() -> None:
    residuals = result().fit.residuals
    assert np.median(np.abs(np.expm1(residuals))) < 0.06


def test_every_value_is_physical() -> None:
    for row in json.loads(EFFICIENCIES.read_text("utf-8"))["classes"]:
        assert 0.1 < row["eta"] <= 1.1, row
        assert 0.05 < row["eta_kv"] <= 1.1, row
        assert 0 < row["launch_s_per_tensor"] < 5e-4, row
        assert row["rows"] >= row["devices"] >= 0


def test_the_derivative_is_that_of_the_prediction() -> None:
    model = result().model
    theta = result().fit.theta
    slopes = model.jacobian(theta)
    rng = np.random.default_rng(7)
    for column in rng.choice(len(theta), 25, replace=False):
        up, down = theta.copy(), theta.copy()
        up[column] += 1e-4
        down[column] -= 1e-4
        numeric = (model.log_speed(up) - model.log_speed(down)) / 2e-4
        assert np.allclose(slopes[:, column], numeric, atol=2e-3), column


def test_speeds_made_from_known_parameters_are_predicted_again() -> None:
    model = result().model
    truth = model.layout.prior_mean + 0.3 * model.layout.prior_spread * np.sin(np.arange(model.layout.size))
    made = replace(model.observations, log_speed=model.log_speed(truth))
    again = Model(made, model.layout)
    found = solve(again, np.ones(len(made), dtype=bool))
    assert np.median(np.abs(again.log_speed(found) - made.log_speed)) < 0.01


def _rows(layout: Layout, theta: np.ndarray) -> list[dict[str, object]]:
    return class_rows(layout, theta, {GA10X: (9, 3)}, PromptTables.of_priors(layout.classes))


def test_a_class_without_measurements_has_its_parents_values() -> None:
    with_sibling = Layout((GA10X, GA100), ("16-bit", "Q4_K"))
    theta = with_sibling.prior_mean.copy()
    slot = with_sibling.slots["eta/family"]
    theta[slot.start] += 0.2
    rows = {(r["architecture"], r["backend"]): r for r in _rows(with_sibling, theta)}
    assert rows["ampere-ga100", "cuda"]["eta"] == rows["ampere*", "cuda"]["eta"]
    assert rows["ampere*", "cuda"]["rows"] == 9


@pytest.mark.parametrize("name", [n for n, c in sorted(COEFFICIENTS.items()) if c.architecture or c.family])
def test_offsets_of_a_class_move_that_class_only(name: str) -> None:
    layout = Layout((ADA, GA10X), ("16-bit", "Q4_K"))
    theta = layout.prior_mean.copy()
    slot = layout.slots.get(f"{name}/architecture") or layout.slots[f"{name}/family"]
    before = layout.coefficient(theta, name, layout.classes)
    theta[slot.start] -= np.log(2)
    after = layout.coefficient(theta, name, layout.classes)
    assert np.allclose(sorted(after / before), [0.5, 1.0], atol=0.05)


def test_a_class_nobody_measured_is_answered_by_its_family_then_its_vendor() -> None:
    known = load_efficiencies()
    assert known.of_class("ada", "NVIDIA", "cuda").level == "architecture"
    assert known.of_class("turing-tu11x", "NVIDIA", "vulkan").level in ("family", "vendor")
    assert known.of_class("rubin", "NVIDIA", "cuda").level == "vendor"
    assert known.of_class("rubin", "Nobody", "cuda").level == "all"
    assert known.of_class("rubin", "Nobody", "nothing").level == "all"


def test_documents_that_differ_in_the_last_digit_only_are_the_same() -> None:
    assert difference({"a": [1.001, "x"]}, {"a": [1.0015, "x"]}) is None
    assert difference({"a": [1.0]}, {"a": [1.1]}) == "efficiencies.json.a[0]: 1.1 not 1.0"
    assert difference({"a": 1}, {"b": 1}) == "efficiencies.json: other keys"
    assert difference({"a": [1]}, {"a": [1, 2]}) is not None
    assert difference({"a": "x"}, {"a": "y"}) is not None
