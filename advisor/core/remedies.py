"""What would make a model fit that does not, or fit the GPUs as a whole: each tried, none guessed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from advisor.core.estimate import EstimateTable, estimate
from advisor.core.machine import Machine
from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.core.runtimes import RUNTIME
from catalog.efficiency import Efficiencies

_WORTH_A_WORD = 0.25
"""Share of a pool up to which freeing memory is worth a word."""
_CACHES = ("f16", "q8_0", "q4_0")
"""Cache types in the order of giving up quality."""
_CELL = 256
_FINE_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change that makes it fit, everything else as asked.

    ``kind`` is ``quant``, ``context``, ``kv_type``, ``memory`` or ``limit``; ``value`` what to set it to: the
    type, the tokens, the bytes to free or add, the bytes of RAM that the GPU may use.
    """

    kind: str
    value: str | int
    tokens_per_s: float | None
    pool: str | None = None
    """Of ``memory``: ``gpu`` (of the first GPU; of each with tensor parallelism) or ``ram``.  Of ``limit``:
    the vendor of the GPU that shares the RAM."""


@dataclass(frozen=True, slots=True)
class Remedies:
    """Changes that reach a goal: ``fit`` at all, or ``gpu``: wholly on the GPUs; empty if none does."""

    goal: str
    changes: tuple[Remedy, ...]


def remedies(table: EstimateTable, row: int, efficiencies: Efficiencies) -> Remedies | None:
    """What makes a row fit; where it does but spills into RAM, what keeps it on the GPUs; else ``None``."""
    if not table.fits[row]:
        return Remedies("fit", _changes(table, row, efficiencies, None))
    spilled = table.strategy[row] not in (int(Strategy.ACCELERATOR), int(Strategy.TENSOR_PARALLEL))
    if not spilled or not table.machine.gpus:
        return None
    changes = _changes(table, row, efficiencies, Strategy.ACCELERATOR)
    return Remedies("gpu", changes) if changes else None


def _changes(
    table: EstimateTable, row: int, efficiencies: Efficiencies, only: Strategy | None
) -> tuple[Remedy, ...]:
    limit = _higher_limit(table, row, efficiencies)
    found = [
        limit if limit is not None else _memory(table, row, efficiencies, only),
        _smaller_quant(table, row, only),
        _smaller_cache(table, row, efficiencies, only),
        _shorter_context(table, row, efficiencies, only),
    ]
    return tuple(change for change in found if change is not None)


def _try(
    table: EstimateTable,
    row: int,
    efficiencies: Efficiencies,
    only: Strategy | None,
    question: Question | None = None,
    machine: Machine | None = None,
) -> float | None:
    """Tokens/s of a row under another question or on another machine; ``None`` where it does not fit."""
    c = table.candidates.take(np.array([row]))
    changed = estimate(c, machine or table.machine, question or _asked(table, row), efficiencies, only=only)
    return float(changed.tokens_per_s[0]) if changed.fits[0] else None


def _asked(table: EstimateTable, row: int) -> Question:
    q = table.question
    return replace(q, context=int(table.context[row]), depth_tokens=q.depth, prompt_tokens=q.prompt)


def _smaller_quant(table: EstimateTable, row: int, only: Strategy | None) -> Remedy | None:
    """The largest other quantization of the model that fits."""
    c = table.candidates
    size = float(c.file_bytes[row])
    allowed = {int(Strategy.ACCELERATOR), int(Strategy.TENSOR_PARALLEL)} if only is not None else None
    fitting = [
        i
        for i in range(len(c))
        if c.model_of[i] == c.model_of[row]
        and float(c.file_bytes[i]) < size
        and table.fits[i]
        and (allowed is None or int(table.strategy[i]) in allowed)
    ]
    if not fitting:
        return None
    best = max(fitting, key=lambda i: float(c.file_bytes[i]))
    return Remedy("quant", c.quant(best), float(table.tokens_per_s[best]))


def _smaller_cache(
    table: EstimateTable, row: int, efficiencies: Efficiencies, only: Strategy | None
) -> Remedy | None:
    q = _asked(table, row)
    if q.kv_type not in _CACHES:
        return None
    offered = RUNTIME[q.runtime].kv_types
    for kind in _CACHES[_CACHES.index(q.kv_type) + 1 :]:
        if kind in offered:
            speed = _try(table, row, efficiencies, only, replace(q, kv_type=kind, kv_value_type=None))
            if speed is not None:
                return Remedy("kv_type", kind, speed)
    return None


def _shorter_context(
    table: EstimateTable, row: int, efficiencies: Efficiencies, only: Strategy | None
) -> Remedy | None:
    """The longest context that fits, in steps of 256 tokens; not below what one turn takes."""
    q = _asked(table, row)
    low, high = -(-q.least_context // _CELL), q.context // _CELL
    if low >= high:
        return None

    def speed_at(cells: int) -> float | None:
        return _try(table, row, efficiencies, only, replace(q, context=cells * _CELL))

    best = speed_at(low)
    if best is None:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        speed = speed_at(middle)
        if speed is None:
            high = middle
        else:
            low, best = middle, speed
    return Remedy("context", low * _CELL, best)


def _memory(
    table: EstimateTable, row: int, efficiencies: Efficiencies, only: Strategy | None
) -> Remedy | None:
    """The memory to free or add in one pool, where that is little, tried on a machine that has it."""
    options = []
    machine = table.machine
    for strategy, _, missing in table.tried:
        short = float(missing[row])
        if only is not None and strategy is not only:
            continue
        if strategy in RUNTIME[table.question.runtime].also or not 0 < short < math.inf:
            continue
        on_gpu = strategy in (Strategy.ACCELERATOR, Strategy.TENSOR_PARALLEL)
        pool = "gpu" if on_gpu and not machine.shares_ram else "ram"
        room = machine.gpus[0].usable_bytes if pool == "gpu" else machine.ram_usable_bytes
        if short > _WORTH_A_WORD * room:
            continue
        found = _least_memory(table, row, efficiencies, strategy, pool, math.ceil(short))
        if found is not None:
            options.append((found[0], Remedy("memory", found[0], found[1], pool)))
    return min(options, key=lambda option: option[0])[1] if options else None


def _higher_limit(table: EstimateTable, row: int, efficiencies: Efficiencies) -> Remedy | None:
    """How much of the RAM a GPU that shares it has to be allowed, where that limit alone is in the way."""
    machine = table.machine
    if len(machine.gpus) != 1 or machine.gpus[0].kind != "unified":
        return None
    gpu = machine.gpus[0]
    most = machine.ram_usable_bytes - gpu.usable_bytes
    if most < _FINE_BYTES:
        return None

    def speed_with(more: float) -> float | None:
        raised = replace(gpu, usable_bytes=gpu.usable_bytes + more)
        changed = replace(machine, devices=(raised, machine.cpu))
        return _try(table, row, efficiencies, Strategy.ACCELERATOR, machine=changed)

    best = speed_with(most)
    if best is None:
        return None
    low, high = 0.0, most
    while high - low > _FINE_BYTES:
        middle = (low + high) / 2
        speed = speed_with(middle)
        if speed is None:
            low = middle
        else:
            high, best = middle, speed
    return Remedy("limit", math.ceil(gpu.usable_bytes + high), best, gpu.vendor)


def _least_memory(
    table: EstimateTable, row: int, efficiencies: Efficiencies, strategy: Strategy, pool: str, enough: int
) -> tuple[int, float] | None:
    """The least that has to be added to a pool, and the speed with it.

    What a placement is short of is counted in whole layers, so that less is often enough: halved until it is
    known to 8 MiB.
    """

    def speed_with(more: int) -> float | None:
        every = strategy is Strategy.TENSOR_PARALLEL
        changed = _with_more(table.machine, pool, more, every)
        return _try(table, row, efficiencies, strategy, machine=changed)

    best = speed_with(enough)
    if best is None:
        return None
    low, high = 0, enough
    while high - low > _FINE_BYTES:
        middle = (low + high) // 2
        speed = speed_with(middle)
        if speed is None:
            low = middle
        else:
            high, best = middle, speed
    return high, best


def _with_more(machine: Machine, pool: str, more_bytes: int, every_gpu: bool) -> Machine:
    """The machine with more usable memory: of the first GPU or of all, or of the RAM and what shares it."""

    def gains(index: int, kind: str) -> bool:
        if pool == "gpu":
            return kind == "gpu" and (every_gpu or index == 0)
        return kind != "gpu"

    devices = tuple(
        replace(d, usable_bytes=d.usable_bytes + more_bytes) if gains(i, d.kind) else d
        for i, d in enumerate(machine.devices)
    )
    ram = machine.ram_usable_bytes + (more_bytes if pool == "ram" else 0)
    return replace(machine, devices=devices, ram_usable_bytes=ram)
