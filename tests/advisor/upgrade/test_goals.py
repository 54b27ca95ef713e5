"""The goal language: what is understood, and what is refused in one line with what to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.core.goals import GoalError, parse_goal
from advisor.upgrade.outcome import LEAST_BITS, read_goals
from catalog.types import LookupFailedError
from catalog.weights import weights_for


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("llama 3.3 70b@Q4_K_M>=10tok/s", ("llama 3.3 70b", "Q4_K_M", 10.0)),
        ("llama 3.3 70b >= 10", ("llama 3.3 70b", None, 10.0)),
        ("qwen3-32b @ iq4_xs >= 7.5 tok/s", ("qwen3-32b", "iq4_xs", 7.5)),
        ("m>=.5t/s", ("m", None, 0.5)),
        ("m≥3 tokens/s", ("m", None, 3.0)),
        ("m=>3tps", ("m", None, 3.0)),
        ("a@b@Q8_0>=1 tokens/sec", ("a@b", "Q8_0", 1.0)),
    ],
)
def test_goals_are_read(text: str, expected: tuple[str, str | None, float]) -> None:
    goal = parse_goal(text)
    assert (goal.model, goal.quant, goal.tokens_per_s) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("llama 3.3 70b", "no >="),
        ("", "no >="),
        ("llama<=10", "not <="),
        ("llama > 10", "not >"),
        ("llama=10", "not ="),
        ("llama>=fast", "'fast' is no speed"),
        ("llama>=", "is no speed"),
        ("llama>=-3", "'-3' is no speed"),
        ("llama>=0", "above 0"),
        ("llama>=1e9", "no speed"),
        ("llama>=99999999", "up to 1,000,000"),
        (">=10", "names no model"),
        ("@Q4_K_M>=10", "names no model"),
        ("llama@>=10", "no quantization behind the @"),
    ],
)
def test_what_is_no_goal_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(GoalError) as refused:
        parse_goal(text)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        goal = parse_goal(text)
    except GoalError:
        return
    assert goal.tokens_per_s > 0
    assert goal.model


def test_without_a_quantization_those_of_about_four_bits_and_more_are_taken() -> None:
    (goal,) = read_goals(["llama 3.3 70b>=10"])
    assert "Q4_K_M" in goal.quants
    assert "Q8_0" in goal.quants
    for quant in goal.quants:
        bits = sum(weights_for(goal.model, quant).values()) * 8 / goal.model.total_params
        assert bits >= LEAST_BITS
    assert not {"Q3_K_M", "Q2_K", "IQ2_XXS"} & set(goal.quants)


def test_a_model_published_in_a_format_of_its_own_is_taken_in_that_format() -> None:
    (goal,) = read_goals(["gpt-oss 120b>=10"])
    assert goal.quants == ("MXFP4_MOE",)


@pytest.mark.parametrize("text", ["no such model 9000b>=10", "llama 3.3 70b@Q4_K_Z>=10"])
def test_unknown_names_are_refused_with_near_ones(text: str) -> None:
    with pytest.raises(LookupFailedError):
        read_goals([text])
