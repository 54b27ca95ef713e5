"""Orders of the ranking, the least speed, and the filter on them; with the real catalog."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.cli.arguments import SORTS
from advisor.core.filter import parse_filter
from advisor.core.order import ORDERS, ordered, positions
from advisor.core.question import Question, QuestionError
from advisor.core.ranking import Ranking, rank
from advisor.pipeline import rank_rig
from probes.hypothetical import hypothetical_rig

RIG = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    return rank_rig(RIG, Question()).ranking


def test_the_command_line_offers_every_order() -> None:
    assert tuple(ORDERS) == SORTS


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("reverse", [False, True])
def test_an_order_keeps_all_rows_puts_what_fits_first_and_sorts_it(
    ranking: Ranking, name: str, reverse: bool
) -> None:
    found = ordered(ranking, name, reverse)
    assert sorted(found.rows.tolist()) == sorted(ranking.rows.tolist())
    fits = found.table.fits[found.rows].tolist()
    assert fits == sorted(fits, reverse=True)
    keys = [key for key, fit in zip(ORDERS[name].keys(found), fits, strict=True) if fit and key is not None]
    assert keys == sorted(keys, reverse=ORDERS[name].descending != reverse)  # type: ignore[type-var]
    by_row = dict(zip(ranking.rows.tolist(), zip(ranking.places, ranking.variants, strict=True), strict=True))
    for row, place, variants in zip(found.rows.tolist(), found.places, found.variants, strict=True):
        assert by_row[row] == (place, variants)


def test_by_score_is_the_order_of_merit(ranking: Ranking) -> None:
    assert positions(ranking, "score") == list(range(len(ranking)))


@pytest.mark.parametrize("least", [5.0, 20.0, 100.0])
def test_a_least_speed_takes_the_best_quantization_that_reaches_it(ranking: Ranking, least: float) -> None:
    fast = rank(
        replace(ranking.table, question=replace(ranking.table.question, min_tokens_per_s=least)),
        ranking.scores,
        fold=False,
    )
    table = fast.table
    model_of = table.candidates.model_of
    listed = {int(model_of[row]): row for row in fast.rows.tolist()}
    reaches = table.fits & (table.tokens_per_s >= least)
    for model in range(len(table.candidates.models)):
        rows = (model_of == model).nonzero()[0].tolist()
        able = [i for i in rows if reaches[i]]
        if able:
            best = max(fast.scores.score[i] for i in able)
            assert reaches[listed[model]]
            assert fast.scores.score[listed[model]] == best
        elif any(table.fits[i] for i in rows):
            assert model not in listed, "it fits, but nothing of it is fast enough"
        else:
            assert not table.fits[listed[model]]


def test_a_least_speed_of_nothing_changes_nothing(ranking: Ranking) -> None:
    assert rank(ranking.table, ranking.scores).rows.tolist() == ranking.rows.tolist()


@pytest.mark.parametrize("least", [-1.0, float("nan"), float("inf"), 1e9])
def test_a_least_speed_that_makes_no_sense_is_refused(least: float) -> None:
    with pytest.raises(QuestionError, match="least speed"):
        Question(min_tokens_per_s=least)


def test_a_filter_sees_the_values_of_the_table(ranking: Ranking) -> None:
    table, scores = ranking.table, ranking.scores
    found = rank(
        table, scores, parse_filter("tok>=30 mem<20 params<40 score>50 quality>40 fit:full is:dense")
    )
    assert 0 < len(found) < len(ranking)
    for row in found.rows.tolist():
        model = table.candidates.model(row)
        assert table.tokens_per_s[row] >= 30
        assert table.used_bytes[row].sum() < 20 * 2**30
        assert model.total_params < 40e9
        assert scores.score[row] > 50
        assert scores.quality[row] > 0.4
        assert not model.is_moe
