"""Two machines on a network: memory adds up, stages are serial, hand-overs cost what the link says."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from advisor.comparison import estimate_scenario, network_of
from advisor.core.estimate import EstimateTable, bottleneck, sensitivities
from advisor.core.machine import Network
from advisor.core.network_commands import network_plan
from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.core.second_machine import estimate_joined, joined, uses_second_machine
from advisor.core.timing import Term
from advisor.knowledge import Knowledge, knowledge_of
from advisor.pipeline import machine_of
from advisor.scenario import parse_scenario
from catalog.hardware import find_link
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

HERE = hypothetical_rig(["RTX 4090"], "2x16GB:DDR5-5200", "Ryzen 9 7950X")
BARE = hypothetical_rig([], "2x16GB:DDR5-5200", "Ryzen 9 7950X")
MAC = hypothetical_rig(["M3 Ultra"], "96GB", None)


@cache
def knowledge(model: str) -> Knowledge:
    return knowledge_of(find_model(model), ["Q4_K_M"])


def together(
    model: str, network: Network, here: Rig = HERE, there: Rig = HERE, question: Question | None = None
) -> EstimateTable:
    known = knowledge(model)
    return estimate_joined(
        known.candidates,
        machine_of(here),
        machine_of(there),
        network,
        question or Question(),
        known.efficiencies,
    )


FREE = Network("ideal", 1e15, 0.0)
TEN = Network("ten gigabit", 1.25e9, None)


def test_memory_adds_up() -> None:
    both = joined(machine_of(HERE), machine_of(HERE), TEN)
    assert [d.name for d in both.gpus] == [
        "NVIDIA GeForce RTX 4090",
        "NVIDIA GeForce RTX 4090 (second machine)",
    ]
    alone = estimate_scenario(parse_scenario("mts 5200", HERE), Question(), knowledge("llama 3.3 70b"))
    pair = together("llama 3.3 70b", TEN)
    assert alone.strategy[0] == int(Strategy.LAYERS_SPLIT)
    assert pair.strategy[0] == int(Strategy.ACCELERATOR)
    assert pair.dense_layers[0].sum() == 80
    assert pair.decode_s[0] < alone.decode_s[0]


def test_the_second_machine_s_cpu_serves_where_it_has_no_gpu() -> None:
    both = joined(machine_of(HERE), machine_of(BARE), TEN)
    (remote,) = [d for d in both.devices if d.network is not None]
    assert remote.usable_bytes == machine_of(BARE).ram_usable_bytes
    pair = together("llama 3.3 70b", TEN, here=BARE, there=BARE)
    assert pair.fits[0]  # 2 x 32 GB hold what one does not
    label, _ = bottleneck(pair, 0)
    assert label == "second machine: RAM bandwidth (weights)"


def test_a_hand_over_costs_bytes_and_latency_and_nothing_else_changes() -> None:
    free, ten = together("llama 3.3 70b", FREE), together("llama 3.3 70b", TEN)
    late = together("llama 3.3 70b", replace(TEN, latency_s=1e-3))
    remote = next(g for g, d in enumerate(ten.machine.devices) if d.network is not None)
    c = ten.candidates
    # To the second machine the hidden state; back the logits, as the head lies there; 32 bit each.
    assert ten.head[0, remote] == 1
    sent = 4 * (c.hidden[0] + c.vocab[0])
    extra = ten.terms[0] - free.terms[0]
    assert extra[remote, Term.LINK] == pytest.approx(sent / 1.25e9 - sent / 1e15)
    assert late.terms[0, remote, Term.LINK] - ten.terms[0, remote, Term.LINK] == pytest.approx(2e-3)
    extra[remote, Term.LINK] = 0
    assert np.abs(extra).max() == 0
    assert ten.terms[0].sum() == pytest.approx(ten.decode_s[0])


def test_a_prompt_crosses_the_network_there_and_back() -> None:
    question = Question(prompt_tokens=4_096)
    free, ten = (together("llama 3.3 70b", n, question=question) for n in (FREE, TEN))
    crossed = 2 * 4 * 4_096 * free.candidates.hidden[0]
    assert ten.prefill_s[0] - free.prefill_s[0] == pytest.approx(crossed / 1.25e9, rel=1e-3)


def test_stages_on_a_network_are_serial_and_wider_than_in_one_machine() -> None:
    pair = together("llama 3.3 70b", FREE)
    known = knowledge("llama 3.3 70b")
    two = estimate_scenario(parse_scenario("add-gpu RTX 4090", HERE), Question(), known)
    # Two crossings instead of one hand-over; the rest of a step is that of two cards in one machine.
    machine = machine_of(HERE)
    assert pair.decode_s[0] == pytest.approx(two.decode_s[0] + machine.gpu_hop_s, rel=1e-6)
    assert pair.prefill_s[0] > two.prefill_s[0]  # no pipeline over a network
    assert pair.spread_log[0] > two.spread_log[0]


def test_what_fits_here_and_is_faster_here_stays_here() -> None:
    pair = together("llama 3.1 8b", TEN)
    assert not uses_second_machine(pair, 0)
    assert network_plan(pair, 0) is None
    alone = estimate_scenario(parse_scenario("mts 5200", HERE), Question(), knowledge("llama 3.1 8b"))
    assert pair.decode_s[0] == alone.decode_s[0]


def test_a_faster_network_is_a_sensitivity_of_the_link() -> None:
    slow = Network("gigabit", 0.125e9, None)
    pair = together("gpt-oss 120b", slow, there=MAC)
    assert uses_second_machine(pair, 0)
    assert sensitivities(pair, 0, knowledge("gpt-oss 120b").efficiencies)["link"] > 0.1


def test_the_plan_names_layers_and_commands_on_both_machines() -> None:
    pair = together("llama 3.3 70b", TEN)
    plan = network_plan(pair, 0)
    assert plan is not None
    assert plan.layers_here + plan.layers_there == 80
    assert plan.layers_there > 0
    assert plan.there.startswith("rpc-server ")
    assert "--rpc SECOND:50052" in plan.here
    assert "--device CUDA0,RPC0" in plan.here
    assert f"-ts {plan.layers_here},{plan.layers_there + 1}" in plan.here  # the head counts as a layer
    assert [text.split(":")[0] for text in plan.others] == ["exo", "vLLM"]


def test_a_mac_is_called_as_llama_cpp_calls_it() -> None:
    pair = together("gpt-oss 120b", TEN, here=hypothetical_rig(["M4 Max 40-core"], "48GB", None), there=MAC)
    plan = network_plan(pair, 0)
    assert plan is not None
    assert {"MTL0", "RPC0"} == set(plan.here.split("--device ")[1].split(","))


@pytest.mark.parametrize("text", ["ethernet10", "ethernet 100", "thunderbolt5", "InfiniBand NDR", "tb4"])
def test_latency_and_its_source_come_from_the_catalog_or_are_said_to_be_unknown(text: str) -> None:
    scenario = parse_scenario(f"second same over {text}", HERE)
    assert scenario.partner is not None
    link, said = scenario.partner.link, " / ".join(scenario.remarks)
    network = network_of(link)
    assert not link.name.endswith("(PCIe)")
    if link.latency_us is None:
        assert network.latency_s is None
        assert "latency is not known" in said
        assert "at most" in said
    else:
        assert network.latency_s == pytest.approx(link.latency_us / 1e6)
        assert link.source in said
    assert network.bytes_per_s == pytest.approx((link.usable_gbs or link.bandwidth_gbs) * 1e9)


def test_between_machines_thunderbolt_is_a_network_and_no_pcie_tunnel() -> None:
    scenario = parse_scenario("second same over thunderbolt4", HERE)
    assert scenario.partner is not None
    assert scenario.partner.link == find_link("Thunderbolt 4 line rate")
