"""What is asked of the search: as options and back, the field that is wrong, steps of speed, progress."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.core.question import Question
from advisor.knowledge import load_knowledge
from advisor.pipeline import rank_rig
from advisor.upgrade.ask import (
    Asked,
    AskedError,
    answer,
    asked_of,
    next_speed,
    present_speed,
    sensible_speed,
    understand,
)
from advisor.upgrade.outcome import read_goals
from advisor.upgrade.reach import search_catalog
from probes.types import Rig


def test_options_are_read_back_as_they_were_written() -> None:
    asked = Asked(("a 7b>=3", "b@Q4_K_M>=10"), "2x RTX 3090, nvlink", None, 4, 1500.5, "my prices.toml")
    assert asked_of(asked.options()) == asked
    assert asked_of(Asked(cards="all").options()) == Asked(cards="all")
    assert asked_of([]) == Asked()


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        (Asked(), "", "needs a goal"),
        (Asked(("no such model 9b>=3",)), "goal", "no such model"),
        (Asked(("llama 3.3 70b@Q99>=3",)), "goal", "Q99"),
        (Asked(parts="RTX 3090", budget=100.0), "budget", "--prices"),
        (Asked(("llama 3.3 70b>=3",), prices="nowhere.toml"), "prices", "cannot be read"),
        (Asked(("llama 3.3 70b>=3",), cards="consumers"), "cards", "nearest: consumer"),
        (Asked(("llama 3.3 70b>=3",), slots=0), "slots", "at least 1"),
        (Asked(parts="RTX 9999"), "parts", "RTX"),
        (Asked(parts="2x32GB:DDR4-3200"), "parts", "DDR5"),
    ],
)
def test_an_error_says_which_field_is_wrong(desktop: Rig, asked: Asked, field: str, says: str) -> None:
    question = Question()
    with pytest.raises(AskedError, match=says) as error:
        answer(understand(asked, question), desktop, question)
    assert error.value.field == field


@given(st.floats(0.2, 5e4))
def test_steps_of_speed_go_up_and_down_by_less_than_half(speed: float) -> None:
    up, down = next_speed(speed, 1), next_speed(speed, -1)
    assert down < speed < up
    assert up <= speed * 1.5 * (1 + 1e-9)
    assert down >= speed / 1.5 * (1 - 1e-9)
    assert next_speed(up, -1) <= speed * (1 + 1e-9)


def test_a_goal_to_begin_with_is_the_target_or_a_step_above_the_present_speed() -> None:
    assert sensible_speed(None, 6) == 6
    assert sensible_speed(5.9, 6) == 6
    assert sensible_speed(10, 6) == 12
    assert sensible_speed(244, 6) == 300


def test_the_present_speed_is_that_of_a_goal_for_any_quantization(desktop: Rig) -> None:
    question = Question()
    ranking = rank_rig(desktop, question).ranking
    model = next(m for m in load_knowledge().candidates.models if m.name == "Llama-3.3-70B-Instruct")
    found = search_catalog(desktop, question, read_goals([f"{model.name}>=6"]))
    speed = present_speed(ranking.table, model.id)
    assert speed is not None
    assert math.isclose(speed, found.now.reaches[0].tokens_per_s, rel_tol=1e-6)
    assert present_speed(ranking.table, "nobody/nothing") is None


def test_the_search_tells_its_progress_and_ends_when_its_hearer_raises(desktop: Rig) -> None:
    question = Question()
    understood = understand(Asked(("llama 3.3 70b@Q4_K_M>=10",)), question)
    said: list[str] = []
    answer(understood, desktop, question, said.append)
    assert said[0].startswith("parts of the catalog: consumer")
    assert any("changes" in text and "in full" in text for text in said)

    def enough(text: str) -> None:
        raise InterruptedError(text)

    with pytest.raises(InterruptedError):
        answer(understood, desktop, question, enough)
    spend = understand(Asked(parts="2x RTX 3090, 2x48GB:DDR5-6000"), question)
    with pytest.raises(InterruptedError):
        answer(spend, desktop, question, enough)
