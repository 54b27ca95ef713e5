"""RAM scenarios with the numbers worked by hand: what moves, by how much, and what does not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.comparison import estimate_scenario
from advisor.core.estimate import EstimateTable, estimate
from advisor.core.machine import perturbed
from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.core.timing import Term
from advisor.knowledge import Knowledge, knowledge_of
from advisor.pipeline import machine_of
from advisor.scenario import parse_scenario
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Fact, MemoryAdvice, Rig

GIB = 1024**3
AM5 = hypothetical_rig(["RTX 3090"], "2x32GB:DDR5-6000", "Ryzen 7 7700X")
INTEL = hypothetical_rig([], "2x16GB:DDR4-3200", "Core i7-13700K")


@cache
def knowledge(model: str, quant: str = "Q4_K_M") -> Knowledge:
    return knowledge_of(find_model(model), [quant])


def edited(rig: Rig, text: str) -> Rig:
    return parse_scenario(text, rig).rig


def table(rig: Rig, model: str = "llama 3.3 70b", question: Question | None = None) -> EstimateTable:
    known = knowledge(model)
    return estimate(known.candidates, machine_of(rig), question or Question(), known.efficiencies)


def gbs(rig: Rig) -> float:
    value = rig.memory.bandwidth_bytes_per_s.value
    assert value is not None
    return value / 1e9


def rate(rig: Rig, model: str) -> float:
    return float(table(rig, model).tokens_per_s[0])


def test_a_second_channel_halves_the_reading_of_the_cpu_and_nothing_else() -> None:
    one, two = edited(AM5, "ram 1x64GB:DDR5-4800"), edited(AM5, "ram 2x32GB:DDR5-4800")
    assert (gbs(one), gbs(two)) == (pytest.approx(38.4), pytest.approx(76.8))  # 1 and 2 x 8 B x 4800 MT/s
    machines = [machine_of(rig) for rig in (one, two)]
    assert machines[1].cpu.bandwidth == pytest.approx(2 * machines[0].cpu.bandwidth)
    assert machines[1] == replace(
        machines[0],
        devices=(*machines[0].gpus, replace(machines[0].cpu, bandwidth=machines[1].cpu.bandwidth)),
    )


def test_doubled_channels_halve_the_cpu_bound_part_of_a_split_model() -> None:
    # Twelve channels of an EPYC against six: no fabric limit lies between, so a half is a half.
    server = hypothetical_rig(["RTX 3090"], "12x32GB:DDR5-4800", "EPYC 9554")
    known = knowledge("llama 3.3 70b")
    wide = perturbed(machine_of(server), "cores", 1e9)
    wide = replace(wide, devices=(*wide.gpus, replace(wide.cpu, cap=np.inf)))
    half = replace(wide, devices=(*wide.gpus, replace(wide.cpu, bandwidth=wide.cpu.bandwidth / 2)))
    before, after = (
        estimate(known.candidates, m, Question(), known.efficiencies, only=Strategy.LAYERS_SPLIT).terms[0]
        for m in (half, wide)
    )
    for term in (Term.WEIGHTS, Term.KV):
        assert before[-1, term] == pytest.approx(2 * after[-1, term], rel=1e-6)
    assert (before[:-1] == after[:-1]).all()
    assert (before[-1, Term.LAUNCH], before[-1, Term.LINK]) == (
        after[-1, Term.LAUNCH],
        after[-1, Term.LINK],
    )


@pytest.mark.parametrize(
    "change",
    [
        "ram 1x64GB:DDR5-6000",
        "ram 4x32GB:DDR5-6000",
        "ram +2x16GB:DDR5-5600",
        "mts 4800",
        "channels 1",
        "board DDR5 4 slots",
    ],
)
def test_a_model_inside_vram_does_not_move_with_the_ram(change: str) -> None:
    before, after = table(AM5, "llama 3.1 8b"), table(edited(AM5, change), "llama 3.1 8b")
    assert before.strategy[0] == int(Strategy.ACCELERATOR)
    assert (before.terms == after.terms).all()
    assert before.prefill_s[0] == after.prefill_s[0]
    assert before.spread_log[0] == after.spread_log[0]


def test_xmp_on_brings_the_rate_on_the_label() -> None:
    modules = tuple(replace(m, rated_mts=6000, configured_mts=4800) for m in AM5.memory.modules)
    off = replace(edited(AM5, "mts 4800"), accelerators=())
    off = replace(off, memory=replace(off.memory, modules=modules))
    on = edited(off, "xmp on")
    assert (gbs(off), gbs(on)) == (pytest.approx(76.8), pytest.approx(96.0))  # 2 x 8 B x 4800, 6000 MT/s
    assert on.memory.mts.value == 6000
    assert on.memory.total_bytes == off.memory.total_bytes
    gain = rate(on, "llama 3.1 8b") / rate(off, "llama 3.1 8b")
    assert 1.0 < gain <= 1.25 + 1e-9  # at most what the bandwidth gains: arithmetic and launches stay


def test_xmp_on_goes_by_what_the_probe_advises_where_the_label_is_not_told() -> None:
    off = edited(AM5, "mts 4800").memory
    advice = MemoryAdvice("xmp_off", "switch on EXPO", 76.8e9, 102.4e9)
    modules = tuple(replace(m, rated_mts=None) for m in off.modules)
    rig = replace(AM5, memory=replace(off, modules=modules, advice=(advice,)))
    assert edited(rig, "xmp on").memory.mts.value == 6400  # 4800 x 102.4 / 76.8


def test_six_channels_to_twelve_double_the_bandwidth() -> None:
    six = hypothetical_rig([], "6x64GB:DDR5-4800", "EPYC 9554")
    twelve = edited(six, "channels 12")
    assert (gbs(six), gbs(twelve)) == (pytest.approx(230.4), pytest.approx(460.8))  # 6, 12 x 8 B x 4800 MT/s
    assert twelve.memory.total_bytes.value == 768 * GIB


def test_a_measurement_gains_the_same_share_with_xmp() -> None:
    modules = tuple(replace(m, rated_mts=6000) for m in AM5.memory.modules)
    off = edited(AM5, "mts 4800").memory
    measured = Fact(57.6e9, "test", "measured")  # three quarters of 76.8
    rig = replace(AM5, memory=replace(off, modules=modules, measured_bandwidth_bytes_per_s=measured))
    on = edited(rig, "xmp on").memory.measured_bandwidth_bytes_per_s
    assert on.value == pytest.approx(72e9)  # three quarters of 96.0
    assert on.confidence == "derived"


def test_from_one_stick_to_two_doubles_the_bandwidth_and_nearly_the_speed() -> None:
    one = hypothetical_rig([], "1x32GB:DDR5-5600", "Core i7-13700K")
    two = edited(one, "ram +1x32GB:DDR5-5600")
    assert (gbs(one), gbs(two)) == (pytest.approx(44.8), pytest.approx(89.6))
    assert two.memory.total_bytes.value == 64 * GIB
    assert two.memory.channels.value == 2
    gain = rate(two, "llama 3.1 8b") / rate(one, "llama 3.1 8b")
    assert 1.5 < gain <= 2.0 + 1e-9


def test_a_ddr5_board_for_the_same_cpu_brings_seven_quarters() -> None:
    swapped = edited(INTEL, "board DDR5 4 slots, ram 2x16GB:DDR5-5600")
    assert (gbs(INTEL), gbs(swapped)) == (pytest.approx(51.2), pytest.approx(89.6))  # 89.6 / 51.2 = 1.75
    assert swapped.memory.type.value == "DDR5"
    assert swapped.memory.slots.value == 4
    assert swapped.cpu == INTEL.cpu
    gain = rate(swapped, "llama 3.1 8b") / rate(INTEL, "llama 3.1 8b")
    assert 1.3 < gain <= 1.75 + 1e-9


def test_four_modules_hold_twice_as_much_and_read_three_fifths_as_fast() -> None:
    four = edited(AM5, "ram +2x32GB:DDR5-6000")
    assert four.memory.mts.value == 3600  # AMD: four modules on AM5
    assert gbs(four) == pytest.approx(57.6)
    assert gbs(four) / gbs(AM5) == pytest.approx(0.6)
    assert four.memory.total_bytes.value == 128 * GIB
    assert rate(four, "llama 3.3 70b") < rate(AM5, "llama 3.3 70b")
    fitting = [bool(table(rig, "qwen3 235b a22b 2507").fits[0]) for rig in (AM5, four)]
    assert fitting == [False, True]


# ---------------------------------------------------------------------------------------- properties

EDITS = (
    "mts 4800",
    "add-gpu RTX 3060 12GB",
    "link pcie4x4 for gpu 1",
    "power 1 200",
    "psu 850",
    "ecc off for gpu 1",
)
SLOW = settings(deadline=None, max_examples=25)


@SLOW
@given(
    st.lists(st.sampled_from(EDITS), min_size=2, unique=True).flatmap(
        lambda texts: st.tuples(st.just(texts), st.permutations(texts))
    )
)
def test_independent_edits_commute(orders: tuple[list[str], list[str]]) -> None:
    rig = hypothetical_rig(["RTX A5000"], "2x32GB:DDR5-6000", "Ryzen 7 7700X")
    (gpu,) = rig.accelerators
    rig = replace(rig, accelerators=(replace(gpu, ecc=Fact(True, "test", "reported")),))
    a, b = (parse_scenario(", ".join(texts), rig) for texts in orders)
    assert replace(a.rig, name="") == replace(b.rig, name="")
    assert set(a.remarks) == set(b.remarks)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("mts 4800", "mts 6000"),
        ("channels 1", "channels 2"),
        ("ram 4x32GB:DDR5-6000", "ram 2x32GB:DDR5-6000"),
        ("add-gpu RTX 4090", "remove-gpu 2"),
        ("replace-gpu RTX 4090", "replace-gpu RTX 3090"),
        ("power 1 200", "power 1 350"),
        ("link pcie3x4", "link pcie4x16"),
        ("cpu Ryzen 5 7600X", "cpu Ryzen 7 7700X"),
    ],
)
def test_an_edit_and_its_inverse_give_the_same_speeds(there: str, back: str) -> None:
    again = edited(edited(AM5, there), back)
    for model in ("llama 3.1 8b", "llama 3.3 70b", "gpt-oss 120b"):
        before, after = table(AM5, model), table(again, model)
        assert after.decode_s == pytest.approx(before.decode_s)
        assert after.prefill_s == pytest.approx(before.prefill_s)
        assert (after.strategy == before.strategy).all()


@SLOW
@given(st.sampled_from([4800, 5200, 5600, 6000, 6400]), st.sampled_from(["llama 3.1 8b", "llama 3.3 70b"]))
def test_faster_memory_is_never_slower(mts: int, model: str) -> None:
    slow, fast = edited(AM5, f"mts {mts}"), edited(AM5, f"mts {mts + 400}")
    assert rate(fast, model) >= rate(slow, model) * (1 - 1e-12)


@pytest.mark.parametrize("model", ["llama 3.1 8b", "llama 3.3 70b", "gpt-oss 120b", "qwen3 30b a3b"])
@pytest.mark.parametrize(
    "more",
    ["add-gpu RTX 3090", "ram 4x32GB:DDR5-3600", "second same over tb5", "second same over 10 GbE"],
)
def test_more_never_makes_a_model_that_fits_slower(model: str, more: str) -> None:
    known = knowledge(model)
    rig = edited(AM5, "ram 2x32GB:DDR5-3600")
    before = table(rig, model)
    after = estimate_scenario(parse_scenario(more, rig), Question(), known)
    if before.fits[0]:
        assert after.fits[0]
        assert after.decode_s[0] <= before.decode_s[0] * (1 + 1e-12)
