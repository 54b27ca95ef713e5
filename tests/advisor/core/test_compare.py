"""Comparisons through the real catalog: other editions may stand for a lineage on another rig."""

from __future__ import annotations

import pytest

from advisor.comparison import Scenario, compare
from advisor.core.question import Question
from advisor.scenario import parse_scenario
from advisor.tui.differences import compare_changes
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

LAPTOP = hypothetical_rig([], "2x8GB:DDR4-3200", "Core i7-1360P")
DESKTOP = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")


@pytest.mark.parametrize(
    ("rig", "change"),
    [
        (LAPTOP, "add-gpu RTX 3090"),
        (LAPTOP, "ram 2x32GB:DDR4-3200"),
        (DESKTOP, "remove-gpu 1"),
        (DESKTOP, "add-gpu RTX 3090"),
    ],
)
def test_every_change_lines_up_the_models_that_move(rig: Rig, change: str) -> None:
    scenarios = [Scenario("now", rig, ()), parse_scenario(change, rig)]
    found = compare_changes(scenarios, Question())
    assert found.changed > 0
    assert len(found.comparison.models) > 0
    comparison = compare(scenarios, Question())
    fitting = [set(r.rows[r.table.fits[r.rows]].tolist()) for r in comparison.rankings]
    assert len(comparison.unlocked[1]) - len(comparison.lost[1]) == len(fitting[1]) - len(fitting[0])


def test_a_gpu_moves_what_it_holds_and_the_limit_moves_to_it() -> None:
    scenarios = [Scenario("now", LAPTOP, ()), parse_scenario("add-gpu RTX 3090", LAPTOP)]
    (model,) = compare(scenarios, Question(), [find_model("llama 3.1 8b")]).models
    before, after = model.same_quant_rows
    assert before == after is not None


def test_more_ram_on_the_same_channels_unlocks_and_does_not_speed_up() -> None:
    scenarios = [Scenario("now", LAPTOP, ()), parse_scenario("ram 2x32GB:DDR4-3200", LAPTOP)]
    comparison = compare(scenarios, Question(), [find_model("llama 3.1 8b")])
    assert comparison.unlocked[1]
    assert not comparison.lost[1]
    row = comparison.models[0].same_quant_rows[0]
    assert row is not None
    speeds = [r.table.tokens_per_s[row] for r in comparison.rankings]
    assert speeds[0] == speeds[1]
