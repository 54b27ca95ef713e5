"""What a whole device loses, and what is known of a run: error correction, shared memory, missing
instructions, power limits, and how wide the interval is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from advisor.core.estimate import EstimateTable, estimate
from advisor.core.machine import Machine
from advisor.core.question import Question
from advisor.knowledge import Knowledge, knowledge_of
from advisor.pipeline import machine_of
from catalog.efficiency import load_efficiencies
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Fact, Rig

EFFICIENCIES = load_efficiencies()


@cache
def known(quant: str) -> Knowledge:
    return knowledge_of(find_model("llama 3.1 8b"), (quant,))


def rig(gpu: str | None, ram: str | None = "2x32GB:DDR5-5600") -> Rig:
    return hypothetical_rig([gpu] if gpu else [], ram, "Ryzen 9 7950X")


def asked(
    machine: Machine, question: Question | None = None, quant: str = "Q8_0", at: Knowledge | None = None
) -> EstimateTable:
    knowledge = at or known(quant)
    return estimate(knowledge.candidates, machine, question or Question(), knowledge.efficiencies)


def with_ecc(of: Rig, value: bool) -> Rig:
    card = replace(of.accelerators[0], ecc=Fact(value, "nvml", "reported"))
    return replace(of, accelerators=(card,))


def speed(of: Rig, quant: str = "Q8_0") -> float:
    return float(asked(machine_of(of), quant=quant).tokens_per_s[0])


def test_error_correction_costs_bandwidth_where_it_lies_beside_the_data() -> None:
    card = rig("NVIDIA L40S")
    on, off = speed(with_ecc(card, True)), speed(with_ecc(card, False))
    share = EFFICIENCIES.number("inline_ecc_share")
    assert 0.8 < share < 0.97
    assert share <= on / off < 1


def test_error_correction_of_hbm_costs_nothing() -> None:
    card = rig("NVIDIA A100 PCIe 80GB")
    assert speed(with_ecc(card, True)) == speed(with_ecc(card, False))


def test_boards_that_ship_with_error_correction_have_it_and_the_user_is_told_what_it_costs() -> None:
    machine = machine_of(rig("NVIDIA L40S"))
    assert machine.gpus[0].inline_ecc
    assert any("error correction" in line for line in machine.assumptions)
    for card in ("RTX 4090", "RTX A6000", "NVIDIA H100 PCIe"):
        assert not machine_of(rig(card)).gpus[0].inline_ecc


def test_memory_that_a_cpu_shares_reaches_less_but_apples_is_a_class_of_its_own() -> None:
    strix = machine_of(hypothetical_rig(["Ryzen AI Max+ 395"], None, None)).gpus[0]
    entry = EFFICIENCIES.of_class(strix.architecture, strix.vendor, strix.backend)
    assert strix.eta == pytest.approx(entry.eta * EFFICIENCIES.number("unified_share"))
    assert not machine_of(hypothetical_rig(["Apple M3 Max 40-core"], "1x64GB", None)).gpus[0].shares_memory


def test_a_card_without_integer_products_pays_for_quantized_weights_only() -> None:
    machine = machine_of(rig("NVIDIA Tesla P100 PCIe 16GB"))
    assert machine.gpus[0].emulates_dot
    able = replace(machine, devices=(replace(machine.gpus[0], emulates_dot=False), *machine.devices[1:]))
    assert asked(machine).decode_s[0] > 1.1 * asked(able).decode_s[0]
    short = Question(context=512)
    assert asked(machine, short, "F16").decode_s[0] == pytest.approx(asked(able, short, "F16").decode_s[0])
    assert asked(machine).prefill_s[0] == pytest.approx(asked(able).prefill_s[0])


@pytest.mark.parametrize("gpu", ["RTX 3090", "RTX 4090", "Tesla T4"])
def test_less_power_is_never_faster(gpu: str) -> None:
    whole = rig(gpu)
    tdp = whole.accelerators[0].power_limit_w.value or 0
    tables = []
    for share in (1.0, 0.8, 0.6, 0.4):
        limit = Fact(tdp * share, "nvml", "reported")
        tables.append(
            asked(
                machine_of(
                    replace(whole, accelerators=(replace(whole.accelerators[0], power_limit_w=limit),))
                )
            )
        )
    decode = [float(t.decode_s[0]) for t in tables]
    prefill = [float(t.prefill_s[0]) for t in tables]
    assert decode == sorted(decode)
    assert prefill == sorted(prefill)
    assert decode[-1] > 1.2 * decode[0]


def test_wider_instruction_sets_are_never_slower() -> None:
    factors = EFFICIENCIES.raw["isa_factors"]
    for table in factors.values():
        assert table["avx512_vnni"] == 1.0
        assert table["avx512f"] <= 1.0
        assert table["avx_vnni"] >= table["avx"]
        assert table["avx2"] >= table["avx"]
    assert EFFICIENCIES.best_isa(("sse4_2", "avx", "avx2")) == "avx2"
    assert EFFICIENCIES.best_isa(("rvv",)) == "*"


def spread_with(machine: Machine, question: Question | None = None) -> float:
    return float(asked(machine, question).spread_log[0])


def test_a_known_version_of_the_runtime_narrows_the_interval() -> None:
    machine = machine_of(rig("RTX 4090"))
    assert spread_with(machine, Question(runtime_year=2026.4)) < spread_with(machine)


def test_measured_ram_narrows_and_assumed_ram_and_a_virtual_machine_widen_the_interval() -> None:
    specified = rig(None)
    memory = specified.memory
    measured = replace(memory, measured_bandwidth_bytes_per_s=Fact(62e9, "measured", "measured"))
    unknown_ram = rig(None, None)
    unknown_ram = replace(unknown_ram, memory=replace(unknown_ram.memory, total_bytes=memory.total_bytes))
    virtual = replace(specified.system, virtualization=Fact("kvm", "cpuid", "reported"))
    widths = [
        spread_with(machine_of(r))
        for r in (
            replace(specified, memory=measured),
            specified,
            replace(specified, system=virtual),
        )
    ]
    assert widths == sorted(widths)
    assert widths[0] < widths[2]
    assert spread_with(machine_of(unknown_ram)) > widths[0]


def test_an_unmeasured_device_has_a_wider_interval_than_a_measured_one_of_its_class() -> None:
    machine = machine_of(rig("RTX 4090"))
    stranger = replace(machine.gpus[0], measured=False)
    unknown_class = replace(stranger, level="vendor")
    widths = [
        spread_with(replace(machine, devices=(device, *machine.devices[1:])))
        for device in (machine.gpus[0], stranger, unknown_class)
    ]
    assert widths == sorted(widths)
    assert widths[0] < widths[2]


def test_the_time_to_first_token_has_an_interval_around_it() -> None:
    table = asked(machine_of(rig("RTX 4090")), Question(context=16_384, prompt_tokens=8_192))
    ttft, soonest, latest = table.ttft_at(0)
    assert soonest < ttft < latest
    assert ttft == pytest.approx(float(table.prefill_s[0] + table.decode_s[0]))
    parts = sorted((float(table.spread_log[0]), float(table.prefill_spread_log[0])))
    assert float(table.ttft_spread_log[0]) <= parts[1]
