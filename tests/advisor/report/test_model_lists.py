"""The list of models and the comparison: what they share with the longer documents."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.core.question import Question
from advisor.core.ranking import best_rows, rank
from advisor.model_list import ORDERS, check_order, entries_of, here_of, list_models
from advisor.pipeline import rank_rig
from advisor.report.layer_words import layers_text
from advisor.report.model_facts import model_brief, model_document
from advisor.tui.view import View
from catalog.models import find_model, load_models
from catalog.types import LayerKind, LookupFailedError
from probes.hypothetical import hypothetical_rig
from probes.types import Rig


def rig_4090() -> Rig:
    return hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X", name=None)


@pytest.mark.parametrize("name", ["qwen3 32b", "gpt-oss 20b", "olmo hybrid 7b", "falcon mamba 7b"])
def test_the_brief_facts_are_part_of_the_whole_ones(name: str) -> None:
    model = find_model(name)
    brief, whole = model_brief(model), model_document(model)
    sizes = {x["quant"]: x["tensor_bytes"] for x in whole["quants"]}
    assert all(sizes[x["quant"]] == x["tensor_bytes"] for x in brief["quants"])
    assert bool(brief["quants"]) == (model.not_estimated_because is None)
    for key in ("variants", "sources", "state_bytes_per_sequence"):
        assert brief[key] == whole[key]


def test_the_cache_of_a_token_is_that_of_the_model_document() -> None:
    model = find_model("qwen3 32b")
    (entry,) = entries_of([model])
    assert entry.kv_bytes_per_token == model_document(model)["kv_bytes_per_token_f16"]


def test_layers_are_put_into_words() -> None:
    assert layers_text(find_model("qwen3 32b")) == "64 layers of full attention"
    mixed = replace(find_model("qwen3 32b"), layers="LLLF" * 16)
    assert layers_text(mixed) == "64 layers: 48 linear attention, 16 full attention"
    for kind in LayerKind:
        assert layers_text(replace(mixed, layers=kind.value * 2)).startswith("2 layers of ")


def test_every_order_sorts_the_whole_catalog_with_unknown_values_last() -> None:
    entries = entries_of(load_models())
    here = here_of(rank_rig(rig_4090(), Question()).ranking)
    for name, order in ORDERS.items():
        for reverse in (False, True):
            rows = list_models(entries, here, sort=name, reverse=reverse).rows
            assert len(rows) == len(entries)
            keys = [order.key(row) for row in rows]
            known = [key for key in keys if key is not None]
            assert keys[len(known) :] == [None] * (len(keys) - len(known))
            assert known == sorted(known, reverse=order.descending != reverse)  # type: ignore[type-var]


def test_orders_that_take_a_rig_are_refused_without_one() -> None:
    check_order("speed", with_rig=True)
    with pytest.raises(LookupFailedError, match="without a rig"):
        check_order("speed", with_rig=False)


def test_every_model_has_a_best_row_also_those_that_are_folded_or_too_slow() -> None:
    result = rank_rig(rig_4090(), Question(min_tokens_per_s=30))
    table, scores = result.ranking.table, result.ranking.scores
    best = best_rows(table, scores)
    assert set(best) == {m.id for m in table.candidates.models}
    listed = rank(table, scores, fold=False).rows.tolist()
    assert len(listed) < len(best)
    for row in listed:
        assert best[table.candidates.model(row).id] == row
    view = View(result)
    folded = next(i for i in best if view.row(i) is not None and all(r.model_id != i for r in view.rows))
    found = view.row(folded)
    assert found is not None
    assert found.model_id == folded
    assert found.index == best[folded]
    assert view.row("nobody/nothing") is None
