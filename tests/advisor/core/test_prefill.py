"""Prefill: what must hold of a prompt's time on any machine."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from advisor.core.estimate import EstimateTable, estimate
from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.knowledge import Knowledge, knowledge_of
from advisor.pipeline import machine_of
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

MODELS = ("llama 3.1 8b", "qwen3 30b a3b", "gpt-oss-20b", "qwen3.6 27b", "deepseek v2 lite")


@cache
def known(name: str) -> Knowledge:
    return knowledge_of(find_model(name), ("Q4_K_M",))


@cache
def rig(gpu: str | None = "RTX 4090", count: int = 1, ram: str = "2x48GB:DDR5-6000") -> Rig:
    gpus = [f"{count}x {gpu}" if count > 1 else gpu] if gpu else []
    return hypothetical_rig(gpus, ram, "Ryzen 9 7950X")


def asked(
    name: str, question: Question, on: Rig | None = None, only: Strategy | None = None
) -> EstimateTable:
    knowledge = known(name)
    machine = machine_of(on or rig())
    return estimate(knowledge.candidates, machine, question, knowledge.efficiencies, only=only)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("only", [Strategy.ACCELERATOR, Strategy.EXPERTS_IN_RAM, Strategy.CPU, None])
def test_a_longer_prompt_takes_longer(name: str, only: Strategy | None) -> None:
    times = [
        float(asked(name, Question(context=40_000, prompt_tokens=n), only=only).prefill_s[0])
        for n in (1, 64, 512, 513, 2_048, 8_192, 32_768)
    ]
    assert all(b >= a * (1 - 1e-9) for a, b in pairwise(times)), times
    assert all(t > 0 for t in times)


@pytest.mark.parametrize("name", MODELS)
def test_a_fuller_cache_makes_a_prompt_no_faster(name: str) -> None:
    times = [
        float(asked(name, Question(context=140_000, prompt_tokens=512, cached_tokens=n)).prefill_s[0])
        for n in (0, 1_024, 16_384, 131_072)
    ]
    assert all(b >= a for a, b in pairwise(times)), times


@pytest.mark.parametrize("name", MODELS)
def test_switching_fused_attention_off_makes_a_deep_prompt_no_faster_on_a_gpu(name: str) -> None:
    question = Question(context=40_000, prompt_tokens=512, cached_tokens=32_768)
    fused = asked(name, question, only=Strategy.ACCELERATOR)
    plain = asked(
        name,
        Question(context=40_000, prompt_tokens=512, cached_tokens=32_768, flash_attention=False),
        only=Strategy.ACCELERATOR,
    )
    assert plain.prefill_s[0] >= fused.prefill_s[0]


def test_a_card_of_the_same_class_with_twice_the_units_is_faster() -> None:
    question = Question(context=4_096, prompt_tokens=2_048)
    small = asked("llama 3.1 8b", question, rig("RTX 4060 Ti 16GB"))
    large = asked("llama 3.1 8b", question, rig("RTX 4090"))
    assert 2 < float(small.prefill_s[0] / large.prefill_s[0]) < 6


def test_a_gpu_works_on_prompts_even_of_weights_in_ram() -> None:
    question = Question(context=4_096, prompt_tokens=1_024)
    gpu = asked("llama 3.1 8b", question)
    streamed = asked("llama 3.1 8b", question, only=Strategy.CPU)
    alone = asked("llama 3.1 8b", question, rig(None))
    assert gpu.prefill_s[0] < streamed.prefill_s[0] < alone.prefill_s[0]
    assert alone.prefill_s[0] > 20 * gpu.prefill_s[0]


def test_the_interval_contains_the_estimate_and_is_wider_for_mixtures_of_experts() -> None:
    question = Question(context=4_096, prompt_tokens=1_024)
    dense, moe = (asked(name, question) for name in ("llama 3.1 8b", "qwen3 30b a3b"))
    for table in (dense, moe):
        assert table.low_prefill_s[0] < table.prefill_s[0] < table.high_prefill_s[0]
    assert moe.prefill_spread_log[0] > dense.prefill_spread_log[0]


def test_prefill_of_a_known_card_is_near_what_is_published() -> None:
    """Llama-2-7B Q4_0, pp512 on an RTX 4090: the scoreboard of llama.cpp's discussion 15013 has 14,770."""
    knowledge = knowledge_of(find_model("llama 2 7b"), ("Q4_0",))
    question = Question(context=1_024, prompt_tokens=512)
    table = estimate(knowledge.candidates, machine_of(rig()), question, knowledge.efficiencies)
    assert 512 / float(np.asarray(table.prefill_s)[0]) == pytest.approx(14_770, rel=0.3)
