"""How we know: what an estimate's interval rests on, and what would narrow it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.core.estimate import EstimateTable, at_work, machine_at
from advisor.core.machine import Machine
from advisor.core.question import Question
from advisor.core.spread import Z80, Basis, Placed, prefill_spread_basis, spread_basis
from catalog.efficiency import Efficiencies


@dataclass(frozen=True, slots=True)
class DeviceEvidence:
    """What is known of a device that takes part."""

    name: str
    backend: str
    bandwidth: float
    """Bytes/s."""
    basis: str
    """``specified``, ``measured`` or ``assumed``."""
    eta: float
    """Share of it that reading weights reaches."""
    level: str
    """Class whose efficiencies it has: ``architecture``, ``family``, ``vendor`` or ``all``."""
    architecture: str
    rows: int | None
    """Measurements behind them."""
    measured_devices: int | None
    """Devices that those were made on."""
    measured: bool
    """Whether it is among them."""
    source: str


@dataclass(frozen=True, slots=True)
class Narrower:
    """Something to be told or measured, and the interval with it.

    ``what`` is ``ram_bandwidth``, ``runtime_version`` or ``device``.
    """

    what: str
    spread_log: float
    low_tokens_per_s: float
    high_tokens_per_s: float
    narrows: bool
    """Whether the interval is narrower with it; a measured bandwidth may move the estimate instead."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the interval of one row rests on."""

    coverage: float
    low_tokens_per_s: float
    high_tokens_per_s: float
    factor: float
    """From the middle of the interval to either end."""
    decode: Basis
    prefill: Basis
    devices: tuple[DeviceEvidence, ...]
    fitted_to: str
    """The source of all efficiencies, as a sentence."""
    narrower: tuple[Narrower, ...]


COVERAGE = 0.8
_NOTICEABLE = 0.995


def evidence(table: EstimateTable, row: int, efficiencies: Efficiencies) -> Evidence:
    """What the interval of a row that fits rests on."""
    q = table.question
    machine = at_work(table.machine, int(table.strategy[row]))  # spreads do not know of nodes
    only = np.array([row])
    one = table.candidates.take(only)
    placed = Placed(table.strategy[only], table.dense_layers[only], table.expert_layers[only])
    decode = spread_basis(one, machine, q, placed, efficiencies)
    speed, low, high = table.speeds_at(row)

    def changed(what: str, on: Machine, asked: Question) -> Narrower:
        spread = spread_basis(one, on, asked, placed, efficiencies).spread_log
        factor = math.exp(Z80 * spread)
        return Narrower(
            what, spread, speed / factor, speed * factor, spread < decode.spread_log * _NOTICEABLE
        )

    works = placed.works[0].tolist()
    narrower = []
    if works[-1] and machine.ram_bandwidth_basis != "measured":
        narrower.append(changed("ram_bandwidth", replace(machine, ram_bandwidth_basis="measured"), q))
    if q.runtime_year is None:
        newest = replace(q, runtime_year=efficiencies.number("newest_year"))
        narrower.append(changed("runtime_version", machine, newest))
    if decode.distance > 0 and not any(device.network for device in machine.devices):
        known = tuple(
            replace(device, measured=True) if busy else device
            for device, busy in zip(machine.devices, works, strict=True)
        )
        narrower.append(changed("device", replace(machine, devices=known), q))
    return Evidence(
        coverage=COVERAGE,
        low_tokens_per_s=low,
        high_tokens_per_s=high,
        factor=high / speed,
        decode=decode,
        prefill=prefill_spread_basis(one, machine, q, placed, efficiencies),
        devices=_devices(machine_at(table, row), works),
        fitted_to=efficiencies.source_text("fit"),
        narrower=tuple(narrower),
    )


def _devices(machine: Machine, works: Sequence[bool]) -> tuple[DeviceEvidence, ...]:
    """Those that take part, each kind once."""
    found: dict[str, DeviceEvidence] = {}
    for device, busy in zip(machine.devices, works, strict=True):
        if busy:
            found.setdefault(
                device.name,
                DeviceEvidence(
                    name=device.name,
                    backend=device.backend,
                    bandwidth=device.bandwidth,
                    basis=machine.ram_bandwidth_basis if device.kind == "cpu" else "specified",
                    eta=device.eta,
                    level=device.level,
                    architecture=device.architecture,
                    rows=device.rows,
                    measured_devices=device.measured_devices,
                    measured=device.measured,
                    source=device.efficiency_source,
                ),
            )
    return tuple(found.values())
