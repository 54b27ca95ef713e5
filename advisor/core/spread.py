"""How far an estimate may be off: the spread of ln(measured / predicted).

The factors are fitted to residuals of measurements that the fit had not seen (``advisor.fitting``):
what kind of run it is, with which engine, how deep the cache is, how many devices and users; and how
far the case is from the data: a device that was measured, one whose class was, or neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.core.candidates import Candidates, Floats
from advisor.core.machine import Machine
from advisor.core.placement import SPLIT, Strategy
from advisor.core.question import Question
from catalog.efficiency import Efficiencies, Spread

Z80 = 1.2815515655446004
"""Half-width of a central 80 % interval in standard deviations."""

DEEP = 8_192
"""Cached tokens from which a run counts as deep."""

DEEP_PROMPT = 4_096
"""Tokens that those of a prompt see on average, from which it does."""

KINDS = ("gpu_dense", "gpu_moe", "cpu", "split", "cpu_assumed_ram", "split_assumed_ram")
"""Kinds of runs: all weights on GPUs (dense, mixture of experts), in RAM, or in both; the last two with
a RAM bandwidth that nobody stated or measured."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a table of candidates was placed: strategy [n], layers [n, devices]."""

    strategy: NDArray[np.int64]
    dense_layers: Floats
    expert_layers: Floats


def kinds_of(c: Candidates, machine: Machine, placed: Placed) -> NDArray[np.int64]:
    """Index into ``KINDS`` of every candidate [n]."""
    assumed = 2 if machine.ram_bandwidth_basis == "assumed" else 0
    split = np.isin(placed.strategy, [int(s) for s in SPLIT])
    kind = np.where(c.expert_layers > 0, 1, 0)
    kind = np.where(placed.strategy == int(Strategy.CPU), 2 + assumed, kind)
    return np.asarray(np.where(split, 3 + assumed, kind), dtype=np.int64)


def spread_log(
    c: Candidates, machine: Machine, q: Question, placed: Placed, efficiencies: Efficiencies
) -> Floats:
    """Standard deviation of ln(measured / predicted) [n]."""
    return _spread(c, machine, placed, efficiencies.spread, deep=q.depth >= DEEP, batch=q.users > 1)


def prefill_spread_log(
    c: Candidates, machine: Machine, q: Question, placed: Placed, efficiencies: Efficiencies
) -> Floats:
    """The same of a prompt's speed [n]."""
    return _spread(c, machine, placed, efficiencies.prompt_spread, deep=is_deep_prompt(q), batch=False)


def is_deep_prompt(q: Question) -> bool:
    """Whether a prompt's tokens see so many others that attention matters."""
    return q.cached_tokens + q.prompt / 2 >= DEEP_PROMPT


def _spread(
    c: Candidates,
    machine: Machine,
    placed: Placed,
    table: Spread,
    *,
    deep: bool,
    batch: bool,
) -> Floats:
    per_kind = np.array([table.kinds[kind] for kind in KINDS])
    spread = per_kind[kinds_of(c, machine, placed)]
    works = (placed.dense_layers + placed.expert_layers) > 0
    several = works[:, :-1].sum(axis=1) > 1
    factors = np.array([_device_factor(machine, i, table) for i in range(works.shape[1])])
    # The least known device that takes part decides.
    spread = spread * np.where(works, factors, 0.0).max(axis=1, initial=1e-9)
    spread = spread * np.where(several, table.several_devices, 1.0)
    if deep:
        spread = spread * table.deep
    if batch:
        spread = spread * table.batch
    return np.asarray(np.hypot(spread, machine.extra_spread))


def _device_factor(machine: Machine, index: int, table: Spread) -> float:
    """An engine's factor, wider for a device and wider still for a class without measurements."""
    device = machine.devices[index]
    vendor = "cpu" if device.kind == "cpu" else device.vendor
    factor = table.engines.get(f"{vendor}|{device.backend}", 1.0)
    if device.measured:
        return factor
    return factor * (table.unseen_device if device.level == "architecture" else table.unseen_class)
