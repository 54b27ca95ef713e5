"""A run that states its layers and experts is placed as stated, not where it would be fastest."""

from __future__ import annotations

import pytest

from advisor.core.candidates import build_candidates
from advisor.core.estimate import EstimateTable, estimate
from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.pipeline import machine_of
from catalog.efficiency import load_efficiencies
from catalog.models import find_model
from catalog.weights import weights_for
from probes.hypothetical import hypothetical_rig


def placed(strategy: Strategy, model_name: str, question: Question) -> EstimateTable:
    model = find_model(model_name)
    candidates = build_candidates([(model, "Q4_K_M", weights_for(model, "Q4_K_M"))])
    rig = hypothetical_rig(["RTX 4090"], "2x48GB:DDR5-6000", "Ryzen 9 7950X")
    return estimate(candidates, machine_of(rig), question, load_efficiencies(), only=strategy)


@pytest.mark.parametrize("layers", [1, 10, 31])
def test_stated_layers_lie_on_the_gpu(layers: int) -> None:
    table = placed(Strategy.LAYERS_SPLIT, "Llama-3.1-8B-Instruct", Question(gpu_layers=layers))
    assert table.dense_layers[0].tolist() == [layers, 32 - layers]
    assert table.fits[0]


@pytest.mark.parametrize(("stated", "in_ram"), [(1, 1), (20, 20), (48, 48), (999, 48)])
def test_experts_of_stated_layers_lie_in_ram(stated: int, in_ram: int) -> None:
    table = placed(Strategy.EXPERTS_IN_RAM, "Qwen3-30B-A3B", Question(cpu_expert_layers=stated))
    assert table.expert_layers[0, -1] == in_ram
    assert table.dense_layers[0].tolist() == [48, 0]


def test_leading_layers_without_experts_count_towards_the_stated_ones() -> None:
    model = find_model("DeepSeek-V2-Lite-Chat")
    assert model.first_dense_layers == 1
    table = placed(Strategy.EXPERTS_IN_RAM, model.id, Question(cpu_expert_layers=11))
    assert table.expert_layers[0, -1] == 10


def test_unstated_is_as_many_as_fit() -> None:
    table = placed(Strategy.LAYERS_SPLIT, "Llama-3.1-8B-Instruct", Question())
    assert table.dense_layers[0].tolist() == [31, 1]
