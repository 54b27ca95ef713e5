"""The bounds of a search: no placement of any change is faster, whatever the rig and the question."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.core.estimate import estimate
from advisor.core.placement import Strategy, options, strategies
from advisor.core.question import Question
from advisor.core.runtimes import RUNTIME
from advisor.knowledge import Knowledge, knowledge_of
from advisor.pipeline import machine_for
from advisor.upgrade.options import Devices, all_options, speed_bounds
from advisor.upgrade.parts import listed_parts
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

MODELS = ("llama 3.1 8b", "llama 3.3 70b", "gpt-oss 120b", "deepseek r1", "gemma 3 27b", "qwen3 30b a3b")
QUANTS = ("Q8_0", "Q4_K_M", "IQ2_XXS")
CARDS = ("RTX 3060 12GB", "RTX 3090", "RTX 5090", "Tesla P40", "RX 7900 XTX", "H100 NVL")
TWO_SOCKETS = ("24x32GB:DDR5-4800", "2x EPYC 9654", "24x64GB:DDR5-4800")
HOSTS = (
    ("2x16GB:DDR4-3200", "Ryzen 9 5950X", "4x32GB:DDR4-3200"),
    ("2x48GB:DDR5-6000", "Ryzen 9 7950X", "4x32GB:DDR5-5200"),
    ("12x64GB:DDR5-4800", "EPYC 9654", "24x64GB:DDR5-4800"),
    TWO_SOCKETS,
)


@cache
def known(model: str) -> Knowledge:
    return knowledge_of(find_model(model), QUANTS)


def check(rig: Rig, parts: str, model: str, question: Question) -> set[Strategy]:
    """The bound of every change against every placement of it that fits; returns what was compared."""
    knowledge = known(model)
    listed = listed_parts(rig, parts, None)
    changes = all_options(rig, listed)
    devices = Devices(rig, listed, changes, question)
    most = speed_bounds(devices, changes, knowledge.candidates, question, knowledge.efficiencies)
    seen: set[Strategy] = set()
    for n, option in enumerate(changes):
        machine = machine_for(option.scenario(rig).rig, question)
        table = estimate(knowledge.candidates, machine, question, knowledge.efficiencies)
        assert {strategy for strategy, _, _ in table.tried} == {s for s, _ in options(machine, question)}
        for strategy, seconds, _ in table.tried:
            assert (1 / seconds <= most[n]).all(), (option.edits, strategy)
            if np.isfinite(seconds).any():
                seen.add(strategy)
    return seen


@settings(max_examples=40, deadline=None)
@given(
    model=st.sampled_from(MODELS),
    present=st.lists(st.sampled_from(CARDS), max_size=2),
    bought=st.sampled_from(CARDS),
    other=st.sampled_from(CARDS),
    host=st.sampled_from(HOSTS),
    context=st.sampled_from([2_048, 8_192, 131_072]),
    users=st.sampled_from([1, 2, 16]),
    kv_type=st.sampled_from(["f16", "q8_0"]),
    flash=st.booleans(),
)
def test_no_placement_of_any_change_is_faster_than_its_bound(
    model: str,
    present: list[str],
    bought: str,
    other: str,
    host: tuple[str, str, str],
    context: int,
    users: int,
    kv_type: str,
    flash: bool,
) -> None:
    ram, cpu, kit = host
    rig = hypothetical_rig(present, ram, cpu)
    question = Question(context=context, users=users, kv_type=kv_type, flash_attention=flash or users > 1)
    check(rig, f"2x {bought}, {other}, {kit}", model, question)


@pytest.mark.parametrize("context", [8_192, 131_072])
def test_every_placement_of_the_runtime_is_compared(context: int) -> None:
    """Among them the cache in RAM; and a placement that is added to the runtime has to be bounded too."""
    rig = hypothetical_rig(["RTX 3090"], "2x48GB:DDR5-6000", "Ryzen 9 7950X")
    seen = set()
    for model in MODELS:
        seen |= check(rig, "2x RTX 3060 12GB", model, Question(context=context))
    assert seen == set(RUNTIME["llama.cpp"].strategies)


def test_a_run_on_one_socket_is_bounded_too() -> None:
    """A node reads its own memory only, and still may be the faster way: what one card leaves over."""
    ram, cpu, kit = TWO_SOCKETS
    rig = hypothetical_rig(["RTX 3090"], ram, cpu)
    machine = machine_for(rig, Question())
    assert machine.node is not None
    # Were one socket better than both, the bound would follow it.
    parts = listed_parts(rig, kit, None)
    changes = all_options(rig, parts)
    devices = Devices(rig, parts, changes, Question())
    assert len(devices.on_node) == 2
    knowledge = known("deepseek r1")
    arguments = (knowledge.candidates, Question(), knowledge.efficiencies)
    before = speed_bounds(devices, changes, *arguments)
    for index, cpu_of_node in devices.on_node.items():
        quick = replace(cpu_of_node, bandwidth=devices.found[index].bandwidth * 10, cap=float("inf"))
        devices.on_node[index] = replace(quick, unit_rate=quick.unit_rate * 10, launch_s=0.0)
    after = speed_bounds(devices, changes, *arguments)
    assert (after >= before).all()
    assert (after > before).any()


@pytest.mark.parametrize("chip", ["Ryzen AI Max+ 395", "Core Ultra 7 155H"])
def test_bounds_hold_beside_unified_memory(chip: str) -> None:
    rig = hypothetical_rig([chip], "96GB", None) if "Max" in chip else hypothetical_rig([], "64GB", chip)
    for model in MODELS:
        check(rig, "RTX 3090, RTX 5090", model, Question())


def test_bounds_ask_the_runtime_of_the_question_whether_layers_are_shared(desktop: Rig) -> None:
    """vLLM works on one layer with several cards at once, llama.cpp does not."""
    rig = hypothetical_rig(["RTX 4090", "RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
    machine = machine_for(rig, Question())
    assert Strategy.TENSOR_PARALLEL not in strategies(machine)
    assert Strategy.TENSOR_PARALLEL in strategies(machine, RUNTIME["vllm"])
    parts = listed_parts(desktop, "2x RTX 4090", None)
    changes = all_options(desktop, parts)
    knowledge = known("llama 3.3 70b")
    speeds = {}
    for runtime in ("llama.cpp", "vllm"):
        question = Question(runtime=runtime)
        devices = Devices(desktop, parts, changes, question)
        speeds[runtime] = speed_bounds(
            devices, changes, knowledge.candidates, question, knowledge.efficiencies
        )
    assert (speeds["vllm"] > 1.5 * speeds["llama.cpp"]).any()
