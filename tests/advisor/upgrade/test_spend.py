"""Budgets and part lists without a goal: what raises the ranking most, within what there is."""

from __future__ import annotations

import pytest

from advisor.core.question import Question
from advisor.core.ranking import rank
from advisor.knowledge import Knowledge, load_knowledge
from advisor.pipeline import estimate_all
from advisor.upgrade.options import Devices, Option, all_options
from advisor.upgrade.parts import Parts, listed_parts, priced_parts
from advisor.upgrade.prices import Price, PriceList
from advisor.upgrade.spend import STEP, TOP, WORTH, TopScores, best_spent
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

PRICES = PriceList(
    "prices.toml",
    "2026-11-01",
    None,
    (
        Price("gpu", "RTX 3060 12GB", 240.0, 170.0),
        Price("gpu", "RTX 3090", 700.0, 350.0),
        Price("ram", "2x32GB:DDR5-6000", 210.0, None),
    ),
)


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


def mean_of_the_best(rig: Rig, question: Question, knowledge: Knowledge) -> float:
    table, scores = estimate_all(rig, question, knowledge)
    ranking = rank(table, scores)
    return float(sum(sorted((scores.score[row] for row in ranking.rows), reverse=True)[:TOP])) / TOP


def brute(rig: Rig, parts: Parts, budget: float | None, knowledge: Knowledge) -> list[tuple[Option, float]]:
    """Every option with the mean score of its best lineages, by ranking everything on it."""
    now = mean_of_the_best(rig, Question(), knowledge)
    return [
        (option, mean_of_the_best(option.scenario(rig).rig, Question(), knowledge) - now)
        for option in all_options(rig, parts, budget=budget)
    ]


def test_brute_force_within_a_budget_finds_nothing_better(plain: Rig, knowledge: Knowledge) -> None:
    parts = priced_parts(plain, PRICES)
    gains = brute(plain, parts, 950.0, knowledge)
    top = max(gain for _, gain in gains)
    result = best_spent(plain, Question(), parts, budget=950.0)
    listed = [(option, next(gain for other, gain in gains if other == option)) for option in result.options]
    assert listed[-1][1] * STEP >= top
    prices = [option.price or 0.0 for option, _ in listed]
    assert prices == sorted(prices)
    assert max(prices) <= 950.0
    for option, gain in gains:
        if gain >= WORTH * top * STEP:
            assert any((o.price or 0) <= (option.price or 0) and g * STEP >= gain for o, g in listed)


@pytest.mark.parametrize("use", ["chat", "rag"])
@pytest.mark.parametrize("gpus", [[], ["RTX 3090"]])
def test_no_option_scores_above_its_bound_and_what_is_skipped_changes_no_value(
    gpus: list[str], use: str, knowledge: Knowledge
) -> None:
    """Bounds skip options, and models of an option; values are those of all models."""
    rig = hypothetical_rig(gpus, "2x16GB:DDR5-5200", "Ryzen 9 7950X")
    parts = listed_parts(rig, "2x RTX 3090, RTX 3060 12GB, 2x48GB:DDR5-6000", None)
    question = Question(use=use)
    options = all_options(rig, parts)
    assert len(options) >= 8
    search = TopScores(rig, question, knowledge)
    in_full = [search.value(option) for option in options]
    bounded = TopScores(rig, question, knowledge)
    most = bounded.most(Devices(rig, parts, options, question), options)
    assert (most >= in_full).all()
    assert [bounded.value(option) for option in options] == pytest.approx(in_full, rel=1e-12)


def test_a_list_of_parts_is_spent_and_its_ranking_shown(plain: Rig) -> None:
    result = best_spent(plain, Question(), listed_parts(plain, "RTX 3090", None))
    assert [[p.value for p in option.parts] for option in result.options] == [["RTX 3090"]]
    now, then = result.comparison.rankings
    assert then.scores.score.max() > now.scores.score.max()
    assert result.comparison.unlocked[1]


def test_parts_that_bring_nothing_are_not_listed(desktop: Rig) -> None:
    result = best_spent(desktop, Question(), listed_parts(desktop, "RTX 3060 8GB, 2x16GB:DDR5-4800", None))
    assert all("2x16GB:DDR5-4800" not in [p.value for p in option.parts] for option in result.options)


def test_a_whole_machine_may_be_the_answer() -> None:
    laptop = hypothetical_rig([], "2x8GB:DDR4-3200", "Core i7-1360P")
    prices = PriceList(
        "prices.toml", "2026-11-01", "EUR", (Price("machine", "Ryzen AI Max+ 395 128GB", 1900.0, 140.0),)
    )
    result = best_spent(laptop, Question(), priced_parts(laptop, prices), budget=2000.0)
    assert [option.whole_machine for option in result.options] == [True]
    assert not best_spent(laptop, Question(), priced_parts(laptop, prices), budget=100.0).options
