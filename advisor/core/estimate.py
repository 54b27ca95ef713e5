"""The estimate: best placement, step time by term, prefill, memory and interval for candidates.

One implementation over arrays; one model is an array of one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advisor.core.candidates import Candidates, Floats
from advisor.core.estimate_table import EstimateTable, for_each
from advisor.core.machine import SENSITIVITY_PARAMETERS, Device, Machine, perturbed
from advisor.core.placement import (
    SPLIT,
    Placement,
    Strategy,
    gpu_choices,
    options,
    place,
    side_options,
    sizes_of,
)
from advisor.core.prefill import prefill_seconds
from advisor.core.question import Question
from advisor.core.spread import Placed, prefill_spread_log, spread_log
from advisor.core.step import step_counts, step_work
from advisor.core.timing import Rates, Term, decode_terms, rates_of
from catalog.efficiency import Efficiencies

__all__ = [
    "BOTTLENECKS",
    "EstimateTable",
    "at_work",
    "bottleneck",
    "decode_seconds_at",
    "estimate",
    "machine_at",
    "placement_of",
    "sensitivities",
]


def estimate(
    candidates: Candidates,
    machine: Machine,
    question: Question,
    efficiencies: Efficiencies,
    *,
    only: Strategy | None = None,
    among: tuple[tuple[Strategy, tuple[int, ...]], ...] | None = None,
    beside: bool = False,
    with_prefill: bool = True,
) -> EstimateTable:
    """Estimate all candidates with the fastest placement that fits.

    Args:
        only: consider just this strategy (a published placement, or "others on demand").
        among: consider just these strategies and sets of GPUs (from ``options``).
        beside: also work out the placements of the runtime that are never chosen (``tried`` has them).
        with_prefill: without, the prefill takes no time: for searches among many machines.
    """
    if candidates.alike is not None:
        distinct = candidates.alike.distinct
        return for_each(
            candidates,
            estimate(
                distinct, machine, question, efficiencies, only=only, beside=beside, with_prefill=with_prefill
            ),
        )
    rates: dict[tuple[int, bool], Rates] = {}

    def rates_on(on: Machine, split: bool) -> Rates:
        if (id(on), split) not in rates:
            rates[id(on), split] = rates_of(on, candidates.types, efficiencies, question, split=split)
        return rates[id(on), split]

    if among is not None:
        choices = among
    elif only is not None:
        choices = tuple((only, gpus) for gpus in gpu_choices(machine, only, all_gpus=question.all_gpus))
    else:
        choices = options(machine, question)
    aside = side_options(machine, question) if beside and only is None else ()
    sizes = sizes_of(candidates, question)
    counts = step_counts(candidates, question, question.depth)
    n = len(candidates)
    best: list[Floats] | None = None
    best_time = np.full(n, np.inf)
    best_missing = np.full(n, np.inf)
    chosen = np.full(n, -1, dtype=np.int64)
    one_node = np.zeros(n, dtype=bool)
    placements: list[tuple[Machine, Placement]] = []
    kept_as = np.zeros(n, dtype=np.int64)  # the first placement is taken for all rows before any is compared
    tried: dict[Strategy, tuple[Floats, Floats]] = {}
    every = [(choice, node) for choice in (*choices, *aside) for node in _nodes(machine, choice[0])]
    for (option, gpus), node in every:
        on = at_work(machine, option, node)
        placement = place(candidates, on, question, option, gpus, sizes)
        feasible = placement.feasible
        work = step_work(candidates, on, placement, question, question.depth, counts)
        terms = decode_terms(work, rates_on(on, option in SPLIT))
        time = terms.sum(axis=(1, 2))
        time_if_fits = np.where(feasible, time, np.inf)
        known_time, known_missing = tried.get(option, (time_if_fits, placement.missing_bytes))
        tried[option] = (
            np.minimum(known_time, time_if_fits),
            np.minimum(known_missing, placement.missing_bytes),
        )
        if (option, gpus) in aside:
            continue
        better = (feasible & (time < best_time)) | (
            (chosen < 0) & ~feasible & (placement.missing_bytes < best_missing)
        )
        if best is not None and not better.any():
            continue
        parts = [*_arrays(placement), terms, time]
        if best is None:
            best = [a.copy(order="K") for a in parts]
        else:
            for kept, new in zip(best, parts, strict=True):
                kept[better] = new[better]
        best_missing = np.where(better, placement.missing_bytes, best_missing)
        best_time = np.where(feasible & better, time, best_time)
        chosen = np.where(feasible & better, int(option), chosen)
        one_node = np.where(better, node, one_node)
        kept_as = np.where(better, len(placements), kept_as)
        placements.append((on, placement))
    assert best is not None
    dense, experts, head, weights, kv, compute, missing, parallel, terms, time = best
    prefill = np.zeros(n)
    for number, (on, placement) in enumerate(placements if with_prefill else ()):
        rows = np.flatnonzero(kept_as == number)
        if len(rows):
            part = candidates.take(rows) if len(rows) < n else candidates
            prefill[rows] = prefill_seconds(part, on, placement.take(rows), question, efficiencies)
    spreads = _spreads(candidates, machine, question, Placed(chosen, dense, experts), efficiencies)
    return EstimateTable(
        candidates=candidates,
        machine=machine,
        question=question,
        strategy=chosen,
        terms=terms,
        decode_s=time,
        prefill_s=prefill,
        spread_log=spreads[0],
        prefill_spread_log=spreads[1],
        dense_layers=dense,
        expert_layers=experts,
        head=head,
        weight_bytes=weights,
        kv_bytes=kv,
        compute_bytes=compute,
        missing_bytes=np.maximum(missing, 0.0),
        parallel=parallel,
        bound_to_node=one_node,
        tried=tuple((strategy, *parts) for strategy, parts in tried.items()),
    )


def at_work(machine: Machine, strategy: int, node: bool = False) -> Machine:
    """The machine as the runtime's engine is with a strategy, on all of it or on one NUMA node."""
    if node and machine.node is not None:
        return machine.node
    whole = strategy in (Strategy.ACCELERATOR, Strategy.TENSOR_PARALLEL)
    return machine.whole if whole and machine.whole is not None else machine


def machine_at(table: EstimateTable, row: int) -> Machine:
    """The machine as a row uses it."""
    return at_work(table.machine, int(table.strategy[row]), bool(table.one_node[row]))


def _nodes(machine: Machine, strategy: Strategy) -> tuple[bool, ...]:
    """Whether to try a strategy on all of the machine and on one node of it."""
    in_ram = strategy in (*SPLIT, Strategy.CPU)
    return (False, True) if machine.node is not None and in_ram else (False,)


def _spreads(
    c: Candidates, machine: Machine, q: Question, placed: Placed, efficiencies: Efficiencies
) -> tuple[Floats, Floats]:
    """Spreads of decoding and of prefill, by the machine that each row works on [n].

    They depend on the strategy, on which devices take part and on whether there are experts: each of the
    few combinations is worked out once.
    """
    device = 2 ** np.arange(len(machine.devices))
    seen = (placed.strategy + 1) * 2 + (c.expert_layers > 0)
    seen = seen * (2 * device[-1]) + placed.works @ device
    first, row_of = np.unique(seen, return_index=True, return_inverse=True)[1:]
    few = Placed(placed.strategy[first], placed.dense_layers[first], placed.expert_layers[first])
    kinds = c.take(first)
    return (
        _spread(spread_log, kinds, machine, q, few, efficiencies)[row_of],
        _spread(prefill_spread_log, kinds, machine, q, few, efficiencies)[row_of],
    )


def _spread(
    of: Callable[[Candidates, Machine, Question, Placed, Efficiencies], Floats],
    c: Candidates,
    machine: Machine,
    q: Question,
    placed: Placed,
    efficiencies: Efficiencies,
) -> Floats:
    """A spread, by the machine that each row works on [n]."""
    spread = of(c, machine, q, placed, efficiencies)
    if machine.whole is None:
        return spread
    whole = np.isin(placed.strategy, [int(Strategy.ACCELERATOR), int(Strategy.TENSOR_PARALLEL)])
    return np.asarray(np.where(whole, of(c, machine.whole, q, placed, efficiencies), spread))


def _arrays(p: Placement) -> list[Floats]:
    return [
        p.dense_layers,
        p.expert_layers,
        p.head,
        p.weight_bytes,
        p.kv_bytes,
        p.compute_bytes,
        p.missing_bytes,
        p.parallel,
    ]


def placement_of(table: EstimateTable, row: int, only: Strategy | None = None) -> Placement:
    """Where one row was placed; where it does not fit, with the strategy that was asked for."""
    return Placement(
        strategy=Strategy(max(int(table.strategy[row]), 0)) if only is None else only,
        dense_layers=table.dense_layers[row : row + 1],
        expert_layers=table.expert_layers[row : row + 1],
        head=table.head[row : row + 1],
        weight_bytes=table.weight_bytes[row : row + 1],
        kv_bytes=table.kv_bytes[row : row + 1],
        compute_bytes=table.compute_bytes[row : row + 1],
        missing_bytes=table.missing_bytes[row : row + 1],
        parallel=table.parallel[row : row + 1],
    )


def decode_seconds_at(
    table: EstimateTable, row: int, depth: float, efficiencies: Efficiencies, machine: Machine | None = None
) -> float:
    """Step time of one row at another cache depth or on a changed machine, placement unchanged."""
    one = table.candidates.take(np.array([row]))
    placement = placement_of(table, row)
    changed = machine or machine_at(table, row)
    work = step_work(one, changed, placement, table.question, depth)
    split = placement.strategy in SPLIT
    rates = rates_of(changed, one.types, efficiencies, table.question, split=split)
    return float(decode_terms(work, rates).sum())


def sensitivities(table: EstimateTable, row: int, efficiencies: Efficiencies) -> dict[str, float]:
    """d ln(tokens/s) / d ln(parameter) of one row for every rig parameter, placement unchanged.

    Central difference over +-2 %.  0.76 for ``ram_bandwidth`` means +10 % bandwidth, +7.6 % speed.
    """
    step = 1.02
    machine = machine_at(table, row)
    result: dict[str, float] = {}
    for name in SENSITIVITY_PARAMETERS:
        up, down = (
            decode_seconds_at(table, row, table.question.depth, efficiencies, changed)
            for changed in (perturbed(machine, name, factor) for factor in (step, 1 / step))
        )
        slope = -(np.log(up) - np.log(down)) / (2 * np.log(step))
        result[name] = float(slope) + 0.0
    return result


BOTTLENECKS = {
    (True, Term.WEIGHTS): "RAM bandwidth (weights)",
    (True, Term.KV): "RAM bandwidth (KV cache)",
    (True, Term.COMPUTE): "CPU compute",
    (True, Term.LAUNCH): "CPU per-layer overhead",
    (True, Term.LINK): "link between CPU and GPU",
    (False, Term.WEIGHTS): "VRAM bandwidth (weights)",
    (False, Term.KV): "VRAM bandwidth (KV cache)",
    (False, Term.COMPUTE): "GPU compute",
    (False, Term.LAUNCH): "GPU launch overhead",
    (False, Term.LINK): "link between GPUs",
}


def _on_second(device: Device, term: Term) -> str:
    """What binds a device of a second machine; only CPUs have cores."""
    if term is Term.LINK:
        return "network to the second machine"
    return f"second machine: {BOTTLENECKS[(device.cores > 0, term)].replace('VRAM', 'memory')}"


def bottleneck(table: EstimateTable, row: int) -> tuple[str, float]:
    """The largest term and its share of the step.

    Terms of the same kind on several GPUs count together, since one change would move them all.
    """
    sums: dict[str, float] = {}
    last = table.terms.shape[1] - 1
    for device in range(last + 1):
        for term in Term:
            label = BOTTLENECKS[(device == last, term)]
            if table.machine.devices[device].kind == "unified":
                label = label.replace("VRAM", "memory")
            if table.machine.devices[device].network is not None:
                label = _on_second(table.machine.devices[device], term)
            sums[label] = sums.get(label, 0.0) + float(table.terms[row, device, term])
    label = max(sums, key=lambda k: sums[k])
    return label, sums[label] / float(table.decode_s[row])
