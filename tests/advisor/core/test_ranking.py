"""The ranking over the shipped catalog: order, folding, filters."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.core.filter import parse_filter
from advisor.core.question import USE_CASES, Question
from advisor.core.ranking import Ranking, rank
from advisor.knowledge import load_knowledge
from advisor.pipeline import estimate_all
from catalog.models import load_models
from probes.hypothetical import hypothetical_rig

RIGS = {
    "gpu": hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X"),
    "cpu": hypothetical_rig([], "2x16GB:DDR5-5600", "Core i5-13400"),
    "mac": hypothetical_rig(["M3 Max 40-core"], "64GB", None),
}


def ranking(rig: str, question: Question | None = None, **options: object) -> Ranking:
    table, scores = estimate_all(RIGS[rig], question or Question(), load_knowledge())
    return rank(table, scores, **options)  # type: ignore[arg-type]


def names(r: Ranking) -> list[str]:
    return [r.table.candidates.model(i).name for i in r.rows.tolist()]


@pytest.mark.parametrize("rig", RIGS)
@pytest.mark.parametrize("use", USE_CASES)
def test_scores_fall_and_stay_below_one_hundred(rig: str, use: str) -> None:
    r = ranking(rig, Question(use=use))
    fitting = r.rows[r.table.fits[r.rows]]
    scores = r.scores.score[fitting]
    assert (np.diff(scores) <= 1e-6).all()
    assert 0 < scores.max() < 100
    assert len(np.unique(np.round(scores, 2))) > len(scores) * 0.6


def test_models_that_do_not_fit_come_last_by_what_is_missing() -> None:
    r = ranking("cpu")
    fits = r.table.fits[r.rows]
    assert not (np.diff(fits.astype(int)) > 0).any()
    missing = r.table.missing_bytes[r.rows[~fits]]
    assert len(missing) > 5
    assert (np.diff(missing) >= 0).all()


def test_a_large_model_at_half_a_token_per_second_is_not_near_the_top() -> None:
    r = ranking("cpu")
    for row in r.rows[:40].tolist():
        assert r.table.tokens_per_s[row] > 2


def test_a_lineage_shows_as_one_row_and_nothing_is_lost() -> None:
    folded, plain = ranking("gpu"), ranking("gpu", fold=False)
    together = [*folded.rows.tolist(), *(i for group in folded.variants for i in group)]
    assert sorted(together) == sorted(plain.rows.tolist())
    heads = [m.variant_of or m.id for m in (folded.table.candidates.model(i) for i in folded.rows.tolist())]
    assert len(set(heads)) == len(heads)


def test_a_filter_that_only_variants_meet_shows_the_variants() -> None:
    r = ranking("gpu", accept=parse_filter("is:base"))
    shown = [r.table.candidates.model(i) for i in r.rows.tolist()]
    assert len(shown) > 20
    assert all(m.stage == "base" for m in shown)
    assert any(m.variant_of is not None for m in shown)


def test_the_same_question_gives_the_same_order() -> None:
    assert names(ranking("mac")) == names(ranking("mac"))


def test_a_longer_context_never_adds_models_that_fit() -> None:
    short, long = ranking("cpu", Question(context=2048)), ranking("cpu", Question(context=65_536))
    assert long.fitting <= short.fitting


def test_every_estimated_model_is_considered() -> None:
    candidates = load_knowledge().candidates
    considered = {candidates.models[i].id for i in set(candidates.model_of.tolist())}
    expected = {m.id for m in load_models() if m.not_estimated_because is None}
    assert considered == expected
    assert len(expected) >= 300


def test_cards_without_a_word_about_ram_are_ranked_with_a_stated_assumption() -> None:
    table, scores = estimate_all(hypothetical_rig(["2x RTX 3090"], None, None), Question(), load_knowledge())
    r = rank(table, scores)
    assert r.fitting > 200
    assert any("RAM size unknown" in a for a in table.machine.assumptions)
