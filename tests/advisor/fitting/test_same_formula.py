"""The app predicts what the fit predicted: both go through one formula, from the rows to the speeds."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from advisor.fitting.run import MEASUREMENTS, Result, fitted
from advisor.validation.speed import predict_speed
from catalog.efficiency import load_efficiencies

ROUNDING = 0.01
"""Coefficients ship with four digits."""
EVERY = 5


@cache
def result() -> Result:
    return fitted(MEASUREMENTS)


def test_decode_speeds_of_the_app_are_those_of_the_fit() -> None:
    seen, model = result().observations, result().model
    expected = np.exp(model.log_speed(result().fit.theta))
    checked = 0
    for i in range(0, len(seen), EVERY):
        found = predict_speed(seen.cases[i].case, load_efficiencies())["predicted_tokens_per_s"]
        assert found == pytest.approx(float(expected[i]), rel=ROUNDING), seen.ids[i]
        checked += 1
    assert checked > 250


def test_prefill_speeds_of_the_app_are_those_of_the_fit() -> None:
    prompts = result().prompts
    seen = prompts.observations
    expected = np.exp(prompts.model.log_speed(prompts.fit.theta))
    checked = 0
    for i in range(0, len(seen), EVERY):
        found = predict_speed(seen.cases[i].case, load_efficiencies())["predicted_prefill_tokens_per_s"]
        assert found == pytest.approx(float(expected[i]), rel=ROUNDING), seen.ids[i]
        checked += 1
    assert checked > 150
