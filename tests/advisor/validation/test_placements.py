"""Placement texts as a strategy and as numbers of layers."""

from __future__ import annotations

import pytest

from advisor.core.placement import Strategy
from advisor.validation.placements import Split, expert_layers, split_of
from catalog.models import find_model

CPU, GPU, EXPERTS, LAYERS = (
    Strategy.CPU,
    Strategy.ACCELERATOR,
    Strategy.EXPERTS_IN_RAM,
    Strategy.LAYERS_SPLIT,
)


@pytest.mark.parametrize(
    ("text", "model", "split"),
    [
        ("cpu (CUDA build, pp assisted)", "Qwen3-235B-A22B", Split(CPU)),
        ("igpu", "Qwen3.6-35B-A3B", Split(GPU)),
        ("tp4", "Qwen3.6-27B", Split(GPU)),
        ("all layers on 2 gpus", "Gemma-4-26B-A4B", Split(GPU)),
        ("ngl 26", "Qwen3.5-9B", Split(LAYERS, gpu_layers=26)),
        ("ngl 41, 40 layers' experts cpu", "Qwen3.6-35B-A3B", Split(EXPERTS, 40, 41)),
        # 47 layers were told to keep experts in RAM; the first has none.
        ("ngl 48, 47 layers' experts cpu", "GLM-4.7-Flash", Split(EXPERTS, 46, 48)),
        ("4 cpu expert layers", "Gemma-4-26B-A4B", Split(EXPERTS, 4)),
        ("last 6 of 30 expert layers cpu", "Gemma-4-26B-A4B", Split(EXPERTS, 6)),
        ("experts cpu (-ot exps=CPU)", "DeepSeek-R1", Split(EXPERTS, 58)),
        ("experts cpu except layers 3-5 on gpu", "DeepSeek-R1", Split(EXPERTS, 55)),
        ("ffn of layers 14-93 cpu, rest gpu", "Qwen3-235B-A22B", Split(EXPERTS, 80)),
        ("ffn of layers 0-4 gpu + attention gpu, rest cpu", "Qwen3-235B-A22B", Split(EXPERTS, 89)),
        ("experts of layers 32-93 on cpu, rest 2 gpu", "Qwen3-235B-A22B", Split(EXPERTS, 62)),
        # Two of three matrices of ten layers' experts are on the GPU.
        (
            "attn+shexp gpu, up/gate exps of layers 0-9 gpu, rest experts cpu",
            "Llama-4-Scout-17B-16E-Instruct",
            Split(EXPERTS, 41),
        ),
        ("experts cpu", "Llama-4-Maverick-17B-128E-Instruct", Split(EXPERTS, 24)),
        ("experts mostly cpu", "Gemma-4-26B-A4B", Split(EXPERTS)),
        ("experts partly cpu, 2 gpu", "Qwen3-235B-A22B", Split(EXPERTS)),
        ("more layers on 2 gpus, rest of experts cpu", "Qwen3-235B-A22B", Split(EXPERTS)),
    ],
)
def test_placements(text: str, model: str, split: Split) -> None:
    assert split_of(text, find_model(model)) == split


@pytest.mark.parametrize(
    ("model", "count"), [("Qwen3.6-27B", 0), ("DeepSeek-R1", 58), ("Llama-4-Maverick-17B-128E-Instruct", 24)]
)
def test_expert_layers_leave_out_the_dense_ones(model: str, count: int) -> None:
    assert len(expert_layers(find_model(model))) == count
