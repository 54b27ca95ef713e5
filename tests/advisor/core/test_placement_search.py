"""The search: which placements are tried, what each counts, and what is said of those that lost."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from advisor.core.estimate import EstimateTable, estimate
from advisor.core.fit_context import contexts_to_try
from advisor.core.machine import Machine
from advisor.core.placement import Strategy, options
from advisor.core.question import Question
from advisor.core.timing import Term
from advisor.explanation import Explanation, explain
from advisor.knowledge import knowledge_of
from advisor.pipeline import machine_for
from advisor.report.placement_text import remedy_text
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

ONE = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
TWO = hypothetical_rig(["2x RTX 3090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
UNEQUAL = hypothetical_rig(["RTX 4090", "RTX 3060 12GB"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
MAC = hypothetical_rig(["Apple M4 Max 40-core GPU"], "64GB", None)
SOCKETS = hypothetical_rig(["RTX 4090"], "24x32GB:DDR5-4800", "2x EPYC 9654")


def table(
    rig: Rig, model: str, quant: str, question: Question, only: Strategy | None = None
) -> EstimateTable:
    known = knowledge_of(find_model(model), (quant,))
    machine = machine_for(rig, question)
    return estimate(known.candidates, machine, question, known.efficiencies, only=only)


def explained(
    rig: Rig, model: str, quant: str | None = None, question: Question | None = None
) -> Explanation:
    return explain(rig, question or Question(), find_model(model), quant)


def tried(machine: Machine, question: Question) -> set[Strategy]:
    return {strategy for strategy, _ in options(machine, question)}


@pytest.mark.parametrize(
    ("rig", "runtime", "expected"),
    [
        (ONE, "llama.cpp", {0, 1, 2, 3, 5}),
        (ONE, "ollama", {0, 2, 3}),
        (ONE, "lmstudio", {0, 1, 2, 3}),
        (ONE, "ik_llama", {0, 1, 2, 3, 5}),
        (ONE, "vllm", {0}),
        (TWO, "vllm", {0, 4}),
        (TWO, "exllamav3", {0, 4}),
        (TWO, "exllamav2", {0}),
        (MAC, "mlx", {0}),
        (MAC, "llama.cpp", {0, 1, 2, 3}),
    ],
)
def test_each_runtime_is_tried_with_what_it_can_do(rig: Rig, runtime: str, expected: set[int]) -> None:
    question = Question(runtime=runtime)
    assert tried(machine_for(rig, question), question) == {Strategy(s) for s in expected}


def test_tensor_parallelism_takes_equal_cards_only() -> None:
    question = Question(runtime="vllm")
    assert Strategy.TENSOR_PARALLEL not in tried(machine_for(UNEQUAL, question), question)


def test_tensor_parallelism_of_vllm_needs_heads_that_divide() -> None:
    three = hypothetical_rig(["3x RTX 3090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
    e = explain(three, Question(runtime="vllm"), find_model("qwen3-32b"), "fp8-dynamic")
    assert find_model("qwen3-32b").n_heads % 3 == 1
    assert e.table.parallel[e.row] == 2
    assert "--tensor-parallel-size 2" in (e.launch_command or "")


def test_vllm_puts_whole_models_on_one_card_or_shares_every_layer() -> None:
    """It has no greedy split by layers: an 8B model stays on one card, a 32B one in 8 bits takes both."""
    question = Question(runtime="vllm")
    small = explain(TWO, question, find_model("llama 3.2 3b"), "fp8-dynamic")
    large = explain(TWO, question, find_model("qwen3-32b"), "fp8-dynamic")
    assert (large.table.dense_layers[large.row, :2] == find_model("qwen3-32b").n_layers / 2).all()
    assert small.table.fits[small.row]
    assert (small.table.dense_layers[small.row] > 0).sum() in (1, small.table.parallel[small.row])


def test_a_cache_in_ram_lies_there_whole_and_is_read_at_the_speed_of_the_ram() -> None:
    question = Question(context=65_536, depth_tokens=32_768)
    on_gpu = table(ONE, "llama 3.1 8b", "Q4_K_M", question, Strategy.ACCELERATOR)
    in_ram = table(ONE, "llama 3.1 8b", "Q4_K_M", question, Strategy.KV_IN_RAM)
    assert in_ram.kv_bytes[0].tolist() == [0.0, on_gpu.kv_bytes[0, 0]]
    assert in_ram.weight_bytes[0].tolist() == on_gpu.weight_bytes[0].tolist()
    kv_terms = (Term.KV, Term.COMPUTE)
    assert in_ram.terms[0, 0, Term.KV] == 0
    cpu, gpu = machine_for(ONE, question).cpu, machine_for(ONE, question).gpus[0]
    slower = in_ram.terms[0, 1, kv_terms].sum() / on_gpu.terms[0, 0, Term.KV]
    assert slower >= gpu.bandwidth * gpu.eta_kv / (cpu.bandwidth * cpu.eta_kv) * 0.9
    assert in_ram.terms[0, 1, Term.LINK] > 0
    assert in_ram.prefill_s[0] > on_gpu.prefill_s[0]


def test_a_cache_in_ram_is_chosen_where_it_alone_is_too_large() -> None:
    """14B in 8 bits leaves 8 GiB of 24; 128k tokens of cache take 20 GiB."""
    e = explained(ONE, "qwen3-14b", "Q8_0", Question(context=131_072))
    assert int(e.table.strategy[e.row]) == int(Strategy.KV_IN_RAM)
    assert "-nkvo" in (e.launch_command or "")
    assert e.table.kv_bytes[e.row, 0] == 0


def test_the_chosen_placement_is_the_fastest_that_fits() -> None:
    for rig in (ONE, TWO, UNEQUAL):
        for model in ("gpt-oss-120b", "llama 3.3 70b", "qwen3-14b"):
            e = explained(rig, model)
            best, others = e.alternatives[0], e.alternatives[1:]
            assert best.chosen
            assert best.tokens_per_s == pytest.approx(float(e.table.tokens_per_s[e.row]))
            for other in others:
                if other.tokens_per_s is not None and not other.why.startswith("experimental"):
                    assert other.tokens_per_s <= (best.tokens_per_s or 0)
                    assert other.why.startswith("×")
                    assert other.bound_by
                elif other.tokens_per_s is None:
                    assert other.missing_bytes > 0


def test_llama_cpps_tensor_split_is_shown_beside_the_choice_but_never_chosen() -> None:
    e = explained(TWO, "llama 3.3 70b", "Q4_K_M")
    shared = next(a for a in e.alternatives if a.strategy is Strategy.TENSOR_PARALLEL)
    assert not shared.chosen
    assert shared.tokens_per_s is not None
    assert "experimental" in shared.why
    assert int(e.table.strategy[e.row]) == int(Strategy.ACCELERATOR)


def test_of_unequal_cards_the_faster_is_filled_first() -> None:
    e = explained(UNEQUAL, "qwen3-32b", "Q6_K")
    layers = e.table.dense_layers[e.row]
    machine = e.table.machine
    assert machine.gpus[0].bandwidth > machine.gpus[1].bandwidth
    assert layers[0] > layers[1] > 0
    one_more = (e.table.used_bytes[e.row, 0] + e.table.used_bytes[e.row, 1] / layers[1]) / 1.02
    assert one_more > machine.gpus[0].usable_bytes * 0.97


def test_one_socket_of_two_has_half_the_memory_and_its_own_bandwidth() -> None:
    question = Question()
    machine = machine_for(SOCKETS, question)
    assert machine.node is not None
    assert machine.node.cpu.cores == machine.cpu.cores / 2
    assert machine.node.cpu.bandwidth == pytest.approx(12 * 4_800e6 * 8)
    assert machine.node.ram_usable_bytes < machine.ram_usable_bytes / 2 + 13e9
    assert machine_for(ONE, question).node is None


def test_a_run_is_bound_to_one_socket_where_that_is_faster_and_fits() -> None:
    small = explained(SOCKETS, "gpt-oss-120b")
    large = explained(SOCKETS, "deepseek r1", "Q6_K")
    assert small.table.one_node[small.row]
    assert not large.table.one_node[large.row]
    assert (small.launch_command or "").startswith("numactl --cpunodebind=0 --membind=0 llama-server")
    assert "-t 96" in (small.launch_command or "")
    assert "--numa distribute" in (large.launch_command or "")
    without = replace(small.table.machine, node=None)
    known = knowledge_of(small.model, (small.quant,))
    unbound = estimate(known.candidates, without, Question(), known.efficiencies)
    assert small.table.decode_s[small.row] < unbound.decode_s[0]


class TestWhatWouldMakeItFit:
    def test_every_change_alone_does_make_it_fit(self) -> None:
        """32B in Q5_K_M with 8k tokens is a little too large for 24 GB."""
        e = explained(ONE, "qwen3-32b", "Q5_K_M")
        assert e.remedies is not None
        assert e.remedies.goal == "gpu"
        changes = {change.kind: change for change in e.remedies.changes}
        assert set(changes) == {"memory", "quant", "kv_type", "context"}
        on_gpu = int(Strategy.ACCELERATOR)
        smaller = explained(ONE, "qwen3-32b", str(changes["quant"].value))
        cache = explained(ONE, "qwen3-32b", "Q5_K_M", Question(kv_type=str(changes["kv_type"].value)))
        shorter = explained(ONE, "qwen3-32b", "Q5_K_M", Question(context=int(changes["context"].value)))
        for changed in (smaller, cache, shorter):
            assert int(changed.table.strategy[changed.row]) == on_gpu
        assert changes["quant"].tokens_per_s == pytest.approx(float(smaller.table.tokens_per_s[smaller.row]))

    def test_the_context_is_the_longest_and_the_memory_the_least(self) -> None:
        e = explained(ONE, "qwen3-32b", "Q5_K_M")
        assert e.remedies is not None
        changes = {change.kind: change for change in e.remedies.changes}
        longer = explained(ONE, "qwen3-32b", "Q5_K_M", Question(context=int(changes["context"].value) + 256))
        assert int(longer.table.strategy[longer.row]) != int(Strategy.ACCELERATOR)
        short = int(changes["memory"].value)
        assert changes["memory"].pool == "gpu"
        for more, fits in ((short, True), (short - 9 * 2**20, False)):
            machine = e.table.machine
            first = replace(machine.gpus[0], usable_bytes=machine.gpus[0].usable_bytes + more)
            bigger = replace(machine, devices=(first, *machine.devices[1:]))
            known = knowledge_of(e.model, (e.quant,))
            found = estimate(
                known.candidates, bigger, Question(), known.efficiencies, only=Strategy.ACCELERATOR
            )
            assert bool(found.fits[0]) is fits

    def test_the_largest_smaller_quantization_is_named(self) -> None:
        e = explained(ONE, "deepseek r1", "Q4_K_M")
        assert not e.table.fits[e.row]
        assert e.remedies is not None
        assert e.remedies.goal == "fit"
        assert e.remedies.changes == ()  # no quantization of 671B fits 64 GB

    def test_on_a_mac_the_limit_of_the_system_is_named_and_no_more_than_needed(self) -> None:
        """70B in Q5_K_M and 32k tokens take less than the RAM, and more than macOS gives the GPU of it."""
        e = explained(MAC, "llama 3.3 70b", "Q5_K_M", Question(context=32_768))
        assert e.remedies is not None
        limit = next(change for change in e.remedies.changes if change.kind == "limit")
        assert limit.pool == "Apple"
        gpu, machine = e.table.machine.gpus[0], e.table.machine
        assert gpu.usable_bytes < int(limit.value) <= machine.ram_usable_bytes
        assert "sudo sysctl iogpu.wired_limit_mb=" in remedy_text(limit)
        known = knowledge_of(e.model, (e.quant,))
        for limit_bytes, fits in ((int(limit.value), True), (int(limit.value) - 9 * 2**20, False)):
            raised = replace(machine, devices=(replace(gpu, usable_bytes=limit_bytes), machine.cpu))
            found = estimate(
                known.candidates, raised, e.table.question, known.efficiencies, only=Strategy.ACCELERATOR
            )
            assert bool(found.fits[0]) is fits

    def test_what_fits_the_gpu_needs_nothing(self) -> None:
        assert explained(ONE, "llama 3.1 8b", "Q4_K_M").remedies is None


class TestShorterContext:
    def test_contexts_fall_to_what_a_turn_takes(self) -> None:
        tried = contexts_to_try(Question(context=131_072, use="agent"))
        assert list(tried) == sorted(tried, reverse=True)
        assert tried[-1] == 16_000 + 500
        assert contexts_to_try(Question(context=2_048)) == ()

    def test_only_who_allows_it_gets_one(self) -> None:
        long = Question(context=131_072)
        asked = explained(MAC, "llama 3.3 70b", "Q4_K_M", long)
        allowed = explained(MAC, "llama 3.3 70b", "Q4_K_M", replace(long, fit_context=True))
        assert not asked.table.fits[asked.row]
        assert allowed.table.fits[allowed.row]
        context = int(allowed.table.context[allowed.row])
        assert 2_048 <= context < 131_072
        assert f"-c {context}" in (allowed.launch_command or "")

    def test_the_speed_is_that_of_the_depth_asked_for(self) -> None:
        long = Question(context=131_072, fit_context=True)
        allowed = explained(MAC, "llama 3.3 70b", "Q4_K_M", long)
        plain = explained(
            MAC, "llama 3.3 70b", "Q4_K_M", Question(context=int(allowed.table.context[allowed.row]))
        )
        assert allowed.table.decode_s[allowed.row] == pytest.approx(plain.table.decode_s[plain.row])

    def test_what_fits_keeps_its_context(self) -> None:
        e = explained(ONE, "llama 3.1 8b", "Q4_K_M", Question(fit_context=True))
        assert e.table.context[e.row] == 8_192


def test_terms_add_up_for_every_runtime() -> None:
    cases = ((ONE, "llama.cpp"), (ONE, "ik_llama"), (TWO, "vllm"), (TWO, "exllamav3"), (MAC, "mlx"))
    for rig, runtime in cases:
        e = explained(rig, "qwen3-14b", None, Question(runtime=runtime))
        assert e.table.fits[e.row]
        assert float(e.table.terms[e.row].sum()) == pytest.approx(float(e.table.decode_s[e.row]))
        assert math.isfinite(float(e.table.spread_log[e.row]))
        assert np.isfinite(e.table.used_bytes[e.row]).all()
