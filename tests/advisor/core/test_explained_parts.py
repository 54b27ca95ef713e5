"""Roofline, placement matrix and evidence say of an estimate what it says itself."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from advisor.core.candidates import Candidates
from advisor.core.estimate import machine_at, placement_of
from advisor.core.prefill import prefill_seconds
from advisor.core.question import Question
from advisor.core.spread import Z80
from advisor.core.step import step_work
from advisor.core.strategy import Strategy
from advisor.core.timing import Term
from advisor.explanation import Explanation, explain
from catalog.efficiency import load_efficiencies
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

RIGS: dict[str, tuple[list[str], str, str]] = {
    "one": (["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X"),
    "two": (["RTX 3090", "RTX 3090"], "2x16GB:DDR4-3200", "Ryzen 9 5950X"),
    "sockets": (["RTX 4090"], "24x32GB:DDR5-4800", "2x EPYC 9654"),
    "none": ([], "2x32GB:DDR5-5600", "Ryzen 9 7950X"),
}
CASES = [
    ("one", "llama 3.1 8b", Question()),
    ("one", "llama 3.1 8b", Question(users=8)),
    ("one", "qwen3-30b-a3b", Question(context=32_768)),
    ("one", "llama 3.3 70b", Question()),
    ("two", "llama 3.3 70b", Question()),
    ("two", "llama 3.1 8b", Question(runtime="vllm")),
    ("none", "qwen3-30b-a3b", Question(users=4)),
    ("sockets", "gpt-oss-120b", Question()),
]


@cache
def rig(name: str) -> Rig:
    gpus, ram, cpu = RIGS[name]
    return hypothetical_rig(gpus, ram, cpu)


@cache
def explained(name: str, model: str, q: Question) -> Explanation:
    return explain(rig(name), q, find_model(model))


def one_row(e: Explanation) -> Candidates:
    return e.table.candidates.take(np.array([e.row]))


# -------------------------------------------------------------------------------------- roofline


@pytest.mark.parametrize(("name", "model", "q"), CASES)
def test_the_dot_has_the_bytes_and_operations_that_the_estimate_counted(
    name: str, model: str, q: Question
) -> None:
    e = explained(name, model, q)
    assert e.roofline is not None
    g = int(e.table.terms[e.row].sum(axis=1).argmax())
    machine = machine_at(e.table, e.row)
    assert e.roofline.device == machine.devices[g].name
    dot = next(d for d in e.roofline.dots if d.kind == "decode" and d.users == q.users)
    work = step_work(one_row(e), machine, placement_of(e.table, e.row), q, q.depth)
    together = float(e.table.parallel[e.row])
    read = work.kv_bytes[0, g] + sum(
        amounts[0].sum() * share[0, g]
        for amounts, share in (
            (work.dense_bytes, work.dense_share),
            (work.head_bytes, work.head_share),
            (work.expert_bytes, work.expert_share),
        )
    )
    assert dot.read_bytes == pytest.approx(together * float(read))
    params = q.users * (work.dense_params[0, g] + work.expert_params[0, g])
    assert dot.flops == pytest.approx(together * float(2 * (params + work.attention_macs[0, g])))


@pytest.mark.parametrize(("name", "model", "q"), CASES)
def test_the_times_of_the_dots_are_those_of_the_estimate(name: str, model: str, q: Question) -> None:
    e = explained(name, model, q)
    assert e.roofline is not None
    terms = e.table.terms[e.row]
    g = int(terms.sum(axis=1).argmax())
    together = float(e.table.parallel[e.row])
    dot = next(d for d in e.roofline.dots if d.kind == "decode" and d.users == q.users)
    assert dot.seconds == pytest.approx(together * float(terms[g].sum()))
    assert dot.fixed_s == pytest.approx(together * float(terms[g, Term.LAUNCH] + terms[g, Term.LINK]))
    assert dot.memory_s <= dot.seconds * 1.000001
    assert dot.compute_s <= dot.seconds * 1.000001
    # Both limits and what comes on top explain the whole: no time is left unexplained, none is counted twice.
    assert dot.memory_s + dot.compute_s + dot.fixed_s >= dot.seconds * 0.999999


def test_the_prompt_of_one_gpu_takes_the_estimates_prefill() -> None:
    e = explained("one", "llama 3.1 8b", Question())
    assert e.roofline is not None
    prompt = e.roofline.dots[-1]
    assert prompt.kind == "prompt"
    assert prompt.seconds == pytest.approx(float(e.table.prefill_s[e.row]), rel=1e-3)
    assert prompt.intensity > 100 * e.roofline.dots[0].intensity
    assert prompt.bound_by == "compute"


def test_gpus_in_a_pipeline_overlap_by_what_the_estimate_says() -> None:
    e = explained("two", "llama 3.3 70b", Question())
    assert e.roofline is not None
    prompt = e.roofline.dots[-1]
    assert prompt.kind == "prompt"
    assert 1 < prompt.side_by_side <= 2
    whole = prefill_seconds(
        one_row(e),
        machine_at(e.table, e.row),
        placement_of(e.table, e.row),
        e.table.question,
        load_efficiencies(),
    )
    assert prompt.seconds / prompt.side_by_side < float(whole[0])


def test_a_prompt_that_the_gpu_works_on_has_no_dot_under_the_roof_of_the_cpu() -> None:
    e = explained("one", "llama 3.3 70b", Question())
    assert e.roofline is not None
    assert e.roofline.device_kind == "cpu"
    assert e.roofline.prompt_elsewhere
    assert {d.kind for d in e.roofline.dots} == {"decode"}


def test_no_dot_lies_above_its_roof() -> None:
    for case in CASES:
        e = explained(*case)
        assert e.roofline is not None
        for dot in e.roofline.dots:
            assert dot.flop_per_s <= dot.roof_flop_per_s * 1.000001
            assert dot.roof_at(dot.intensity) == pytest.approx(dot.roof_flop_per_s)


# -------------------------------------------------------------------------------------- matrix


@pytest.mark.parametrize(("name", "model", "q"), CASES)
def test_the_best_cell_of_each_quantization_is_the_placement_that_the_ranking_takes(
    name: str, model: str, q: Question
) -> None:
    e = explained(name, model, q)
    assert e.matrix is not None
    table = e.table
    assert sorted(r.row for r in e.matrix.rows) == list(range(len(table)))
    for row in e.matrix.rows:
        best = [c for c in row.cells if c.best]
        assert len(best) == int(table.fits[row.row])
        others = [c.tokens_per_s for c, way in zip(row.cells, e.matrix.ways, strict=True) if not way.aside]
        if best:
            assert best[0].tokens_per_s == table.speeds_at(row.row)[0]
            assert best[0].tokens_per_s == max(speed for speed in others if speed is not None)
        else:
            assert not any(others)
            assert min(c.missing_bytes for c in row.cells) == pytest.approx(table.missing_bytes[row.row])


def test_cells_are_the_times_that_the_estimate_compared() -> None:
    e = explained("one", "qwen3-30b-a3b", Question(context=32_768))
    assert e.matrix is not None
    for strategy, times, missing in e.table.tried:
        at = next(n for n, way in enumerate(e.matrix.ways) if way.strategy is strategy)
        for row in e.matrix.rows:
            cell, time = row.cells[at], float(times[row.row])
            if math.isfinite(time):
                assert cell.tokens_per_s == pytest.approx(1 / time)
            else:
                assert cell.tokens_per_s is None
                assert cell.missing_bytes == pytest.approx(float(missing[row.row]))


def test_largest_quantizations_come_first_and_miss_by_more() -> None:
    e = explained("one", "llama 3.3 70b", Question())
    assert e.matrix is not None
    sizes = [row.file_bytes for row in e.matrix.rows]
    assert sizes == sorted(sizes, reverse=True)
    gpu = next(n for n, way in enumerate(e.matrix.ways) if way.strategy is Strategy.ACCELERATOR)
    short = [row.cells[gpu].missing_bytes for row in e.matrix.rows]
    assert short == sorted(short, reverse=True)


def test_a_run_bound_to_one_socket_is_a_column_of_its_own() -> None:
    e = explained("sockets", "gpt-oss-120b", Question())
    assert e.matrix is not None
    on_cpu = [way.one_node for way in e.matrix.ways if way.strategy is Strategy.CPU]
    assert on_cpu == [False, True]
    cells = next(row.cells for row in e.matrix.rows if row.row == e.row)
    best = [way for c, way in zip(cells, e.matrix.ways, strict=True) if c.best]
    assert e.table.one_node[e.row]
    assert [way.one_node for way in best] == [True]


# -------------------------------------------------------------------------------------- evidence


@pytest.mark.parametrize(("name", "model", "q"), CASES)
def test_the_factors_of_the_interval_multiply_to_it(name: str, model: str, q: Question) -> None:
    e = explained(name, model, q)
    assert e.evidence is not None
    for basis, spread in (
        (e.evidence.decode, float(e.table.spread_log[e.row])),
        (e.evidence.prefill, float(e.table.prefill_spread_log[e.row])),
    ):
        product = basis.kind_spread * basis.engine_factor * math.prod(f for _, f in basis.situations)
        assert product == pytest.approx(spread)
        assert basis.spread_log == pytest.approx(spread)
        assert basis.table <= basis.distance
    assert (e.evidence.low_tokens_per_s, e.evidence.high_tokens_per_s) == e.table.speeds_at(e.row)[1:]


def test_a_stated_age_of_the_runtime_narrows_by_as_much_as_was_promised() -> None:
    undated = explained("one", "llama 3.1 8b", Question()).evidence
    newest = load_efficiencies().number("newest_year")
    dated = explained("one", "llama 3.1 8b", Question(runtime_year=newest)).evidence
    assert undated is not None
    assert dated is not None
    promised = next(n for n in undated.narrower if n.what == "runtime_version")
    assert promised.narrows
    assert dated.decode.spread_log == pytest.approx(promised.spread_log)
    assert "undated" in dict(undated.decode.situations)
    assert "undated" not in dict(dated.decode.situations)
    assert "runtime_version" not in [n.what for n in dated.narrower]


def test_users_and_several_gpus_are_named_among_the_reasons() -> None:
    batch = explained("one", "llama 3.1 8b", Question(users=8)).evidence
    several = explained("two", "llama 3.3 70b", Question()).evidence
    assert batch is not None
    assert several is not None
    assert "batch" in dict(batch.decode.situations)
    assert "batch" not in dict(batch.prefill.situations)
    assert "several_devices" in dict(several.decode.situations)
    assert batch.devices[0].measured
    assert batch.devices[0].rows


def test_what_lies_in_ram_asks_for_a_measured_bandwidth() -> None:
    e = explained("none", "qwen3-30b-a3b", Question(users=4))
    assert e.evidence is not None
    found = next(n for n in e.evidence.narrower if n.what == "ram_bandwidth")
    speed = e.table.speeds_at(e.row)[0]
    assert found.high_tokens_per_s == pytest.approx(speed * math.exp(Z80 * found.spread_log))
    on_gpu = explained("one", "llama 3.1 8b", Question()).evidence
    assert on_gpu is not None
    assert "ram_bandwidth" not in [n.what for n in on_gpu.narrower]
