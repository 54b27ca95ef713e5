"""Candidates of one shape are estimated once, and nothing that is shown depends on it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from advisor.core.alike import grouped
from advisor.core.fit_context import estimate_fitting
from advisor.core.question import Question
from advisor.core.second_machine import estimate_joined
from advisor.core.step import step_counts, step_work
from advisor.core.strategy import Strategy
from advisor.pipeline import Knowledge, knowledge_for, load_knowledge, machine_for, machine_of, network_of
from catalog.hardware import find_link
from catalog.types import LookupFailedError
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

RIGS = {
    "one GPU": hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X"),
    "two kinds of GPU": hypothetical_rig(["2x RTX 3090", "RTX 5060 Ti 16GB"], "4x32GB:DDR4-3200", "5900X"),
    "unified memory": hypothetical_rig(["M3 Max"], None, None),
    "little RAM": hypothetical_rig([], "2x8GB:DDR4-3200", "Ryzen 5 5600"),
}
QUESTIONS = {
    "plain": Question(),
    "long": Question(context=131_072, kv_type="q8_0"),
    "many users": Question(users=8, use="rag", unified_kv=True),
    "shorter contexts": Question(context=65_536, use="coding", fit_context=True),
    "no flash attention": Question(context=16_384, flash_attention=False),
    "cached prompt": Question(context=32_768, cached_tokens=9_000, use="agent", all_gpus=True),
    "stated layers": Question(gpu_layers=20, cpu_expert_layers=10),
    "vllm": Question(runtime="vllm", users=4),
    "mlx": Question(runtime="mlx", kv_type="q8_0"),
    "exllamav3": Question(runtime="exllamav3"),
    "ik_llama": Question(runtime="ik_llama"),
}


def cases() -> list[tuple[str, str]]:
    """Every question on two rigs of four, so that each pair of kinds comes up."""
    rigs = list(RIGS)
    return [(rigs[(n + k) % len(rigs)], q) for n, q in enumerate(QUESTIONS) for k in range(2)]


def some(known: Knowledge) -> Knowledge:
    """Every fifth model of the catalog: all shapes of one model and its finetunes."""
    chosen = np.flatnonzero(known.candidates.model_of % 5 == 0)
    return replace(known, candidates=grouped(known.candidates.take(chosen)))


@pytest.mark.parametrize(("rig", "question"), cases())
def test_estimates_are_the_same_number_for_number(rig: str, question: str) -> None:
    q = QUESTIONS[question]
    try:
        machine = machine_for(RIGS[rig], q)
    except Exception as error:  # the runtime does not run there: nothing to compare
        pytest.skip(str(error))
    known = some(knowledge_for(q))
    alike = known.candidates.alike
    assert alike is not None
    assert len(alike.distinct) < len(known.candidates)
    fast = estimate_fitting(known.candidates, machine, q, known.efficiencies)
    plain = estimate_fitting(replace(known.candidates, alike=None), machine, q, known.efficiencies)
    assert fast.candidates is known.candidates
    for field in fields(plain):
        expected = getattr(plain, field.name)
        if isinstance(expected, np.ndarray):
            # Products of matrices are summed in another order where there are fewer rows.
            np.testing.assert_allclose(getattr(fast, field.name), expected, rtol=1e-12, err_msg=field.name)
    for (strategy, time, missing), (other, its_time, its_missing) in zip(fast.tried, plain.tried, strict=True):
        assert strategy == other
        np.testing.assert_allclose(time, its_time, rtol=1e-12)
        np.testing.assert_allclose(missing, its_missing, rtol=1e-12)
    assert fast.strategy.tolist() == plain.strategy.tolist()
