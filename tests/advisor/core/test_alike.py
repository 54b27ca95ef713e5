"""Candidates of one shape are estimated once, and nothing that is shown depends on it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from advisor.comparison import network_of
from advisor.core.alike import grouped
from advisor.core.candidates import WIDE, Candidates
from advisor.core.estimate import EstimateTable
from advisor.core.fit_context import estimate_fitting
from advisor.core.question import Question
from advisor.core.second_machine import estimate_joined
from advisor.core.step import over_formats
from advisor.knowledge import Knowledge, knowledge_for
from advisor.pipeline import machine_for, machine_of
from advisor.runtime_rig import UnsuitedRigError
from catalog.hardware import find_link
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

RIGS = {
    "one GPU": hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X"),
    "two kinds of GPU": hypothetical_rig(["2x RTX 3090", "RTX 5060 Ti 16GB"], "4x32GB:DDR4-3200", "5900X"),
    "unified memory": hypothetical_rig(["Apple M3 Max 40-core GPU"], "64GB", None),
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
    """Every question on the first two rigs that suit it, starting with another one each time."""
    found = []
    for n, (name, q) in enumerate(QUESTIONS.items()):
        suited = [rig for rig in [*RIGS, *RIGS][n % len(RIGS) :][: len(RIGS)] if suits(RIGS[rig], q)]
        found += [(rig, name) for rig in suited[:2]]
    return found


def suits(rig: Rig, q: Question) -> bool:
    """Whether the question's runtime runs on a rig."""
    try:
        machine_for(rig, q)
    except UnsuitedRigError:
        return False
    return True


def some(known: Knowledge) -> Knowledge:
    """Every fifth model of the catalog: all shapes of one model and its finetunes."""
    chosen = np.flatnonzero(known.candidates.model_of % 5 == 0)
    return replace(known, candidates=grouped(known.candidates.take(chosen)))


def apart(c: Candidates) -> Candidates:
    """The same candidates, each by itself."""
    return c.take(np.arange(len(c)))


def assert_same(fast: EstimateTable, plain: EstimateTable) -> None:
    """Number for number; products of matrices are summed in another order where there are fewer rows."""
    for field in fields(plain):
        expected = getattr(plain, field.name)
        if isinstance(expected, np.ndarray):
            np.testing.assert_allclose(getattr(fast, field.name), expected, rtol=1e-12, err_msg=field.name)
    assert fast.strategy.tolist() == plain.strategy.tolist()


@pytest.mark.parametrize(("rig", "question"), cases())
def test_estimates_are_the_same_number_for_number(rig: str, question: str) -> None:
    q = QUESTIONS[question]
    machine = machine_for(RIGS[rig], q)
    known = some(knowledge_for(q))
    alike = known.candidates.alike
    assert alike is not None
    assert len(alike.distinct) < len(known.candidates)
    fast = estimate_fitting(known.candidates, machine, q, known.efficiencies)
    plain = estimate_fitting(apart(known.candidates), machine, q, known.efficiencies)
    assert fast.candidates is known.candidates
    assert_same(fast, plain)


def test_two_machines_together_as_well() -> None:
    known, q = some(knowledge_for(Question())), Question()
    here, there = (machine_of(RIGS[name]) for name in ("one GPU", "unified memory"))
    network = network_of(find_link("Ethernet 10 Gb/s"))
    fast, plain = (
        estimate_joined(candidates, here, there, network, q, known.efficiencies)
        for candidates in (known.candidates, apart(known.candidates))
    )
    assert_same(fast, plain)


def test_candidates_that_are_taken_out_stand_for_themselves() -> None:
    known = knowledge_for(Question())
    assert known.candidates.alike is not None
    assert known.candidates.take(np.array([3, 5])).alike is None


def test_what_is_taken_out_is_whole_again() -> None:
    """A kind has one row in every array, so what is equal there is equal for all that an estimate reads."""
    known = knowledge_for(Question())
    plain = apart(known.candidates)
    again = grouped(plain)
    assert again.alike is not None
    rows = np.arange(1, len(plain), 7)
    for field in fields(plain):
        expected = getattr(plain, field.name)
        if isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(getattr(again.take(rows), field.name), expected[rows])
            assert len(getattr(again, field.name)) == (0 if field.name in WIDE else len(plain))
    heads = np.array([m.n_heads for m in plain.models])
    first = again.alike.distinct
    np.testing.assert_array_equal(heads[first.model_of][again.alike.row_of], heads[plain.model_of])


def test_wide_arrays_are_those_that_take_the_memory() -> None:
    plain = apart(knowledge_for(Question()).candidates)
    sizes = {f.name: getattr(plain, f.name) for f in fields(plain)}
    wide = sum(a.nbytes for name, a in sizes.items() if name in WIDE)
    assert wide > 0.7 * sum(a.nbytes for a in sizes.values() if isinstance(a, np.ndarray))


def test_formats_cost_what_their_products_add_up_to() -> None:
    made = np.random.default_rng(7)
    amounts, cost = made.random((40, 9)), made.random((1, 3, 9))
    by_hand = (amounts[:, None, :] * cost).sum(axis=-1)
    np.testing.assert_allclose(over_formats(amounts, cost), by_hand, rtol=1e-13)
    own = made.random((40, 3, 9))
    np.testing.assert_allclose(
        over_formats(amounts, own), (amounts[:, None, :] * own).sum(axis=-1), rtol=1e-13
    )
