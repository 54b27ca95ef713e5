"""How far an estimate may be off: the spread of ln(measured / predicted).

The factors are fitted to residuals of measurements that the fit had not seen (``advisor.fitting``), once
for each distance from the data: a device that was measured with other models, one of whose class others
were, or neither.  A spread is that of the kind of run, times a factor of the engine, times one for each
``SITUATIONS`` that holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.core.candidates import Candidates, Floats
from advisor.core.machine import Device, Machine
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

SITUATIONS = (
    "deep",
    "several_devices",
    "batch",
    "server_batch",
    "undated",
    "virtual_machine",
    "measured_ram",
)
"""What else decides: a long context, several GPUs, several users (of a runtime made for many, or not), a
runtime of unknown age, weights in the RAM of a virtual machine, weights in RAM whose bandwidth was
measured."""
_SERVERS = ("vllm", "tensorrt")

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a table of candidates was placed: strategy [n], layers [n, devices]."""

    strategy: NDArray[np.int64]
    dense_layers: Floats
    expert_layers: Floats

    @property
    def works(self) -> Flags:
        """Whether a device holds layers or their cache [n, devices]."""
        holds = (self.dense_layers + self.expert_layers) > 0
        holds[:, -1] |= self.strategy == int(Strategy.KV_IN_RAM)
        return np.asarray(holds)


def kinds_of(c: Candidates, machine: Machine, placed: Placed) -> NDArray[np.int64]:
    """Index into ``KINDS`` of every candidate [n]."""
    assumed = 2 if machine.ram_bandwidth_basis == "assumed" else 0
    split = np.isin(placed.strategy, [int(s) for s in SPLIT])
    kind = np.where(c.expert_layers > 0, 1, 0)
    kind = np.where(placed.strategy == int(Strategy.CPU), 2 + assumed, kind)
    return np.asarray(np.where(split, 3 + assumed, kind), dtype=np.int64)


def situations_of(machine: Machine, q: Question, placed: Placed, *, deep: bool, batch: bool) -> Flags:
    """Which of ``SITUATIONS`` hold [n, situations]."""
    works = placed.works
    server = any(device.backend in _SERVERS for device in machine.devices)
    columns = (
        deep,
        works[:, :-1].sum(axis=1) > 1,
        batch and not server,
        batch and server,
        q.runtime_year is None,
        works[:, -1] & machine.virtual,
        works[:, -1] & (machine.ram_bandwidth_basis == "measured"),
    )
    return np.stack([np.broadcast_to(column, len(works)) for column in columns], axis=1)


def engine_of(device: Device) -> str:
    """``vendor|engine``, as factors of engines are keyed."""
    return f"{'cpu' if device.kind == 'cpu' else device.vendor}|{device.backend}"


def spread_log(
    c: Candidates, machine: Machine, q: Question, placed: Placed, efficiencies: Efficiencies
) -> Floats:
    """Standard deviation of ln(measured / predicted) [n]."""
    situations = situations_of(machine, q, placed, deep=q.depth >= DEEP, batch=q.users > 1)
    return _spread(c, machine, placed, efficiencies.spreads, situations)


def prefill_spread_log(
    c: Candidates, machine: Machine, q: Question, placed: Placed, efficiencies: Efficiencies
) -> Floats:
    """The same of a prompt's speed [n]."""
    situations = situations_of(machine, q, placed, deep=is_deep_prompt(q), batch=False)
    return _spread(c, machine, placed, efficiencies.prompt_spreads, situations)


def is_deep_prompt(q: Question) -> bool:
    """Whether a prompt's tokens see so many others that attention matters."""
    return q.cached_tokens + q.prompt / 2 >= DEEP_PROMPT


@dataclass(frozen=True, slots=True)
class Basis:
    """What the spread of one row is made of: their product is ``spread_log``."""

    distance: int
    """Of the least known device that takes part: 0 measured, 1 others of its class were, 2 neither."""
    table: int
    """The distance whose residuals decide: where a nearer table is wider, that one."""
    kind: str
    """Of ``KINDS``."""
    kind_spread: float
    engine: str
    """``vendor|engine`` of the widest that takes part."""
    engine_factor: float
    situations: tuple[tuple[str, float], ...]
    """Those that hold, with their factors."""
    spread_log: float


def spread_basis(
    c: Candidates, machine: Machine, q: Question, placed: Placed, efficiencies: Efficiencies
) -> Basis:
    """What the spread of the first row of a table is made of."""
    situations = situations_of(machine, q, placed, deep=q.depth >= DEEP, batch=q.users > 1)
    return _basis(c, machine, placed, efficiencies.spreads, situations)


def prefill_spread_basis(
    c: Candidates, machine: Machine, q: Question, placed: Placed, efficiencies: Efficiencies
) -> Basis:
    """The same of a prompt's speed."""
    situations = situations_of(machine, q, placed, deep=is_deep_prompt(q), batch=False)
    return _basis(c, machine, placed, efficiencies.prompt_spreads, situations)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Factors by one table: of the kind of run [n], the engine of each device [n, devices] (0 where it takes
    no part), the situations [n, situations] (1 where one does not hold)."""

    kinds: Floats
    engines: Floats
    situations: Floats

    @property
    def engine(self) -> Floats:
        return np.asarray(self.engines.max(axis=1, initial=1e-9))

    @property
    def spread(self) -> Floats:
        return np.asarray(self.kinds * self.engine * self.situations.prod(axis=1))


def _parts(
    c: Candidates, machine: Machine, placed: Placed, tables: tuple[Spread, ...], situations: Flags
) -> list[_Parts]:
    works, kinds = placed.works, kinds_of(c, machine, placed)
    found = []
    for table in tables:
        engines = np.array([table.engines.get(engine_of(d), 1.0) for d in machine.devices])
        factors = np.array([table.situations[name] for name in SITUATIONS])
        found.append(
            _Parts(
                np.array([table.kinds[kind] for kind in KINDS])[kinds],
                np.where(works, engines, 0.0),
                np.where(situations, factors, 1.0),
            )
        )
    return found


def _distances(machine: Machine, placed: Placed) -> NDArray[np.int64]:
    """Of the least known device that takes part [n]."""
    levels = np.array([_distance(device) for device in machine.devices])
    return np.asarray(np.where(placed.works, levels, 0).max(axis=1, initial=0))


def _spread(
    c: Candidates, machine: Machine, placed: Placed, tables: tuple[Spread, ...], situations: Flags
) -> Floats:
    """By the table of the least known device that takes part; never narrower than that of a known one."""
    level = _distances(machine, placed)
    spread = np.zeros(len(level))
    for distance, parts in enumerate(_parts(c, machine, placed, tables, situations)):
        spread = np.where(level >= distance, np.maximum(spread, parts.spread), spread)
    return spread


def _basis(
    c: Candidates, machine: Machine, placed: Placed, tables: tuple[Spread, ...], situations: Flags
) -> Basis:
    distance = int(_distances(machine, placed)[0])
    known = _parts(c, machine, placed, tables, situations)[: distance + 1]
    table = max(range(len(known)), key=lambda n: (float(known[n].spread[0]), n))
    parts = known[table]
    return Basis(
        distance=distance,
        table=table,
        kind=KINDS[int(kinds_of(c, machine, placed)[0])],
        kind_spread=float(parts.kinds[0]),
        engine=engine_of(machine.devices[int(parts.engines[0].argmax())]),
        engine_factor=float(parts.engine[0]),
        situations=tuple(
            (name, float(factor))
            for name, holds, factor in zip(SITUATIONS, situations[0], parts.situations[0], strict=True)
            if holds
        ),
        spread_log=float(parts.spread[0]),
    )


def _distance(device: Device) -> int:
    """0 if the device was measured, 1 if others of its class were, else 2; nobody's over a network were."""
    if device.network is not None:
        return 2
    if device.measured:
        return 0
    return 1 if device.level == "architecture" else 2
