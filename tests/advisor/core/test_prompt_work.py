"""The counts of a prefill against ones worked by hand, and the formula that divides them by rates."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from advisor.core.candidates import Candidates, Floats
from advisor.core.machine import Machine
from advisor.core.placement import Strategy, gpu_choices, place
from advisor.core.prefill import (
    PromptTerm,
    PromptWork,
    prefill_seconds,
    prefill_terms,
    prompt_rates,
    prompt_terms,
    prompt_work,
)
from advisor.core.question import Question
from advisor.knowledge import Knowledge, knowledge_of
from advisor.pipeline import machine_of
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig

LLAMA = "llama 2 7b"
LLAMA_LAYERS = 32 * (4 * 4096**2 + 3 * 4096 * 11008 + 2 * 4096) + 4096
"""Parameters of its 32 layers and the final norm: four matrices of attention, three of the FFN, two norms."""
MOE = "qwen3 30b a3b"
EXPERTS = 48 * 8 * 3 * 2048 * 768
"""Of its 48 layers the 8 chosen experts of three matrices."""


@cache
def known(name: str) -> Knowledge:
    return knowledge_of(find_model(name), ("Q4_0",))


@cache
def machine(count: int = 1) -> Machine:
    gpu = f"{count}x RTX 4090" if count > 1 else "RTX 4090"
    return machine_of(hypothetical_rig([gpu], "2x48GB:DDR5-6000", "Ryzen 9 7950X"))


def counted(
    name: str, q: Question, strategy: Strategy = Strategy.ACCELERATOR, gpus: int = 1, prompts: int = 1
) -> PromptWork:
    candidates, on = known(name).candidates, machine(gpus)
    choice = gpu_choices(on, strategy, all_gpus=True)[-1]
    return prompt_work(candidates, place(candidates, on, q, strategy, choice), q, prompts)


def dense_flops(work: PromptWork) -> Floats:
    """Of all formats, by device [n, d]."""
    return np.asarray(work.dense_flops.sum(axis=1)[:, None] * work.dense_share)


def expert_flops(work: PromptWork) -> Floats:
    """Of all formats, by device [n, d]."""
    return np.asarray(work.expert_flops.sum(axis=1)[:, None] * work.expert_share)


def candidates_of(name: str) -> Candidates:
    return known(name).candidates


def test_a_dense_model_by_hand() -> None:
    work = counted(LLAMA, Question(context=2_048, prompt_tokens=512))
    assert dense_flops(work)[0, 0] == pytest.approx(2 * 512 * LLAMA_LAYERS, rel=1e-9)
    # 32 layers of 32 heads with keys and values of 128; a token sees half the prompt.
    assert work.attention_flops[0, 0] == 2 * 512 * (32 * 32 * 256) * 256
    assert work.activation_bytes[0, 0] == 4 * 512 * 4096 * 32
    assert work.dense_bytes[0, 0] == candidates_of(LLAMA).dense.sum()
    assert expert_flops(work).sum() == work.expert_bytes.sum() == work.expert_starts.sum() == 0
    assert work.state_bytes.sum() == work.syncs.sum() == 0
    # Nothing is left for the CPU.
    assert dense_flops(work)[0, -1] == work.launches[0, -1] == 0


def test_cached_tokens_are_attended_to() -> None:
    work = counted(LLAMA, Question(context=4_096, prompt_tokens=512, cached_tokens=2_000))
    assert work.attention_flops[0, 0] == 2 * 512 * (32 * 32 * 256) * (2_000 + 256)


def test_weights_and_launches_count_once_per_micro_batch() -> None:
    one = counted(LLAMA, Question(context=2_048, prompt_tokens=512))
    three = counted(LLAMA, Question(context=2_048, prompt_tokens=1_300))
    large = counted(LLAMA, Question(context=2_048, prompt_tokens=1_300, ubatch=2_048))
    assert three.pipelined[0, 0] == 3
    assert three.dense_bytes[0, 0] == 3 * one.dense_bytes[0, 0]
    assert three.launches[0, 0] == 3 * one.launches[0, 0]
    assert large.dense_bytes[0, 0] == one.dense_bytes[0, 0]


def test_prompts_worked_on_together_fill_micro_batches_but_do_not_see_each_other() -> None:
    q = Question(context=2_048, prompt_tokens=128)
    one, four = counted(LLAMA, q), counted(LLAMA, q, prompts=4)
    assert four.dense_bytes[0, 0] == one.dense_bytes[0, 0]
    assert four.attention_flops[0, 0] == 4 * one.attention_flops[0, 0]
    assert dense_flops(four).sum() == pytest.approx(4 * dense_flops(one).sum())


def test_a_mixture_of_experts_by_hand() -> None:
    work = counted(MOE, Question(context=2_048, prompt_tokens=512))
    assert expert_flops(work).sum() == pytest.approx(2 * 512 * EXPERTS, rel=1e-3)
    assert work.expert_tokens[0, 0] == 512 * 8 / 128
    stored = candidates_of(MOE).experts.sum()
    # 512 tokens that resemble each other choose like 512 ** 0.6 = 42 independent ones, 8 of 128 each.
    assert work.expert_bytes.sum() == pytest.approx(stored * (1 - (1 - 8 / 128) ** 42.2), rel=1e-3)
    # Few tokens touch few experts.
    few = counted(MOE, Question(context=2_048, prompt_tokens=4))
    assert 0.1 * stored < few.expert_bytes.sum() < 4 * 8 / 128 * stored


def test_experts_in_ram_are_the_cpus_work_and_nothing_is_counted_twice() -> None:
    q = Question(context=2_048, prompt_tokens=512)
    whole = counted(MOE, q)
    split = counted(MOE, replace(q, cpu_expert_layers=12), Strategy.EXPERTS_IN_RAM)
    assert expert_flops(split)[0, -1] == pytest.approx(expert_flops(whole).sum() * 12 / 48)
    assert dense_flops(split)[0, -1] == 0
    for flops in (expert_flops, dense_flops):
        assert flops(split).sum() == pytest.approx(flops(whole).sum())
    for name in ("attention_flops", "launches"):
        assert getattr(split, name).sum() == pytest.approx(getattr(whole, name).sum()), name


def test_layers_on_two_gpus_are_a_pipeline_and_shared_layers_are_not() -> None:
    q = Question(context=2_048, prompt_tokens=2_048, all_gpus=True)
    chain = counted(LLAMA, q, gpus=2)
    assert chain.stages[0].tolist() == [2, 2, 1]
    assert chain.pipelined[0, 0] == 4
    assert chain.syncs.sum() == 0
    side_by_side = counted(LLAMA, q, Strategy.TENSOR_PARALLEL, gpus=2)
    assert side_by_side.stages[0].tolist() == [1, 1, 1]
    # Each half of the layers' time is booked on one of the two: in all half the work of one GPU.
    assert dense_flops(side_by_side).sum() == pytest.approx(dense_flops(chain).sum() / 2)
    # Two all-reduces per layer and micro-batch, each there and back.
    assert side_by_side.syncs.sum() == 2 * 32 * 4 * 2


def test_terms_add_up_and_are_never_negative() -> None:
    q = Question(context=4_096, prompt_tokens=2_048)
    for name in (LLAMA, MOE):
        for strategy in (Strategy.ACCELERATOR, Strategy.EXPERTS_IN_RAM, Strategy.LAYERS_SPLIT, Strategy.CPU):
            candidates, efficiencies = candidates_of(name), known(name).efficiencies
            choice = gpu_choices(machine(), strategy)[-1]
            placement = place(candidates, machine(), q, strategy, choice)
            terms = prefill_terms(candidates, machine(), placement, q, efficiencies)
            assert (terms >= 0).all()
            seconds = prefill_seconds(candidates, machine(), placement, q, efficiencies)
            assert terms.sum() == pytest.approx(float(seconds[0]), rel=1e-12)


@pytest.mark.parametrize(
    "more", ["dense_flops", "expert_flops", "attention_flops", "dense_bytes", "launches"]
)
def test_more_of_any_work_is_never_faster(more: str) -> None:
    work = counted(MOE, Question(context=4_096, prompt_tokens=2_048))
    rates = prompt_rates(machine(), candidates_of(MOE).types, known(MOE).efficiencies, Question())
    heavier = replace(work, **{more: 2 * getattr(work, more)})
    assert prompt_terms(heavier, rates).sum() > prompt_terms(work, rates).sum()


def test_a_product_takes_at_least_its_computing_and_its_streaming() -> None:
    work = counted(LLAMA, Question(context=2_048, prompt_tokens=512))
    rates = prompt_rates(machine(), candidates_of(LLAMA).types, known(LLAMA).efficiencies, Question())
    dense_s = prompt_terms(work, rates)[0, 0, PromptTerm.DENSE]
    compute_s = float((work.dense_flops[0] * rates.cost[0, 0]).sum() / rates.dense_rate[0, 0])
    stream_s = float(work.dense_bytes[0, 0] / rates.memory_bandwidth[0, 0])
    assert max(compute_s, stream_s) <= dense_s <= compute_s + stream_s


def test_a_pipeline_gains_no_more_than_its_gpus() -> None:
    q = Question(context=40_000, prompt_tokens=32_768, all_gpus=True)
    work = counted(LLAMA, q, gpus=2)
    rates = prompt_rates(machine(2), candidates_of(LLAMA).types, known(LLAMA).efficiencies, q)
    one_by_one = replace(work, stages=np.ones_like(work.stages))
    gain = prompt_terms(one_by_one, rates).sum() / prompt_terms(work, rates).sum()
    assert 1 < gain < 2
