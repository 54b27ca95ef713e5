"""From parameters to predicted speeds: the estimator's own formula on all observations at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.core.build_machine import MEASURED_OF_SPECIFIED, slowed_by_power
from advisor.core.timing import Rates, decode_terms, soft_minimum
from advisor.fitting.observations import Observations
from advisor.fitting.parameters import (
    COEFFICIENTS,
    ISA_FACTORS,
    NUMBERS,
    DeviceClass,
    Floats,
    Ints,
    Layout,
    limited,
)
from catalog.efficiency import SIXTEEN_BIT

_STEP = 1e-4
"""Step of the numerical derivative in a logarithm."""


@dataclass(frozen=True, slots=True)
class ClassIndex:
    """Where the offsets of every entry stand among those of their level."""

    is_cpu: Ints
    engine: Ints
    family: Ints
    architecture: Ints


def index_of(layout: Layout, classes: list[DeviceClass]) -> ClassIndex:
    """The places of classes among those of a layout."""
    where = {c: i for i, c in enumerate(layout.classes)}
    engine = {c: i for i, c in enumerate(layout.vendor_engines)}
    family = {c: i for i, c in enumerate(layout.families)}
    return ClassIndex(
        np.array([c.kind == "cpu" for c in classes], dtype=np.int64),
        np.array([engine[c.vendor, c.engine] for c in classes]),
        np.array([family[c.family, c.engine] for c in classes]),
        np.array([where[c] for c in classes]),
    )


def coefficient(layout: Layout, theta: Floats, name: str, index: ClassIndex) -> Floats:
    """The values of a coefficient for all entries [entries, 1]."""
    slots = layout.slots
    roots = np.array([theta[slots[f"{name}/gpu"].start], theta[slots[f"{name}/cpu"].start]])
    total = roots[index.is_cpu]
    for level in ("engine", "family", "architecture"):
        slot = slots.get(f"{name}/{level}")
        if slot is not None:
            total = total + theta[slot.start : slot.start + slot.count][getattr(index, level)]
    return limited(name, np.exp(total))[:, None]


def log_costs(layout: Layout, theta: Floats, cost: str, groups: Sequence[str], engine: Ints) -> Floats:
    """ln of a cost of every group of formats, the engine's own part included [entries, groups]."""
    columns = []
    for group in groups:
        slot = layout.slots[f"{cost}/{group}/engine"]
        own = theta[slot.start : slot.start + slot.count][engine]
        columns.append(theta[layout.slots[f"{cost}/{group}"].start] + own)
    return np.stack(columns, axis=1)


def isa_columns(names: Sequence[str]) -> Ints:
    """Places of instruction sets in ``ISA_FACTORS``; -1 of a device that is no CPU."""
    known = list(ISA_FACTORS)
    return np.array([known.index(name) if name else -1 for name in names], dtype=np.int64)


def isa_factors(layout: Layout, theta: Floats, columns: Ints) -> Floats:
    """What a core does with each instruction set [entries, 1]; 1 where there is none."""
    values = [float(np.exp(theta[layout.slots[f"isa/{name}"].start])) for name in ISA_FACTORS]
    return np.array([*values, 1.0])[columns][:, None]


class Model:
    """Predictions for observations under a layout of parameters."""

    def __init__(self, observations: Observations, layout: Layout) -> None:
        """Look up, once, which parameters every entry uses."""
        self.observations = observations
        self.layout = layout
        entries = observations.entries
        self._own = index_of(layout, [e.device_class for e in entries])
        self._eta = index_of(layout, [e.eta_class for e in entries])
        self._engine = np.array([layout.engines.index(e.device_class.engine) for e in entries])
        self._bandwidth = np.array([e.bandwidth for e in entries])
        self._unit_clock = np.array([e.unit_clock for e in entries])
        self._flops = np.array([e.flops for e in entries])
        self._cap = np.array([e.cap for e in entries])
        self._threads = np.array([e.threads for e in entries])
        self._split = np.array([e.split for e in entries])
        self._power = np.array([[e.power_share] for e in entries])
        self._isa = isa_columns([e.isa for e in entries])
        # A share of the specified bandwidth is a larger one of what was measured.
        measured = np.array([e.eta_class != e.device_class for e in entries])
        self._kv_basis = np.where(measured, MEASURED_OF_SPECIFIED, 1.0)[:, None]
        self._shares_memory = np.array([e.shares_memory for e in entries])
        self._inline_ecc = np.array([e.inline_ecc for e in entries])
        self._emulates_dot = np.array([e.emulates_dot for e in entries])

    @property
    def measured(self) -> Floats:
        """ln of the measured tokens/s [rows]."""
        return self.observations.log_speed

    def _coefficient(self, theta: Floats, name: str) -> Floats:
        index = self._eta if name == "eta" else self._own
        return coefficient(self.layout, theta, name, index)

    def _cost(self, theta: Floats, cost: str) -> Floats:
        logs = log_costs(self.layout, theta, cost, self.observations.groups, self._engine)
        return np.asarray(np.exp(logs)[:, None, :])

    def rates(self, theta: Floats) -> Rates:
        """What the devices of all entries reach."""
        value = {name: self._coefficient(theta, name) for name in COEFFICIENTS}
        number = {name: np.exp(theta[self.layout.slots[name].start]) for name in NUMBERS}
        observations, slots = self.observations, self.layout.slots
        # A power limit slows memory and units; instruction sets are told apart on CPUs.
        limited_to = slowed_by_power(self._power, value["decode_power_share"])
        reached = limited_to * isa_factors(self.layout, theta, self._isa)
        bandwidth, clock = self._bandwidth[:, None] * limited_to, self._unit_clock[:, None] * reached
        cap, threads = self._cap[:, None], self._threads[:, None]
        unfused = np.where(observations.unfused[:, None], value["unfused_attention_cost"], 1.0)
        launch_s = value["launch_s_per_tensor"] + value["barrier_s_per_thread"] * threads
        share = np.where(self._split[:, None], number["split_share"], 1.0)
        bandwidth = bandwidth * np.where(self._shares_memory[:, None], number["unified_share"], 1.0)
        bandwidth = bandwidth * np.where(self._inline_ecc[:, None], number["inline_ecc_share"], 1.0)
        quantized = np.array([g != SIXTEEN_BIT for g in observations.groups])
        emulated = self._emulates_dot[:, None, None] & quantized
        expert = np.ones((len(clock), 1, len(observations.groups)))
        sixteen = slots["expert16/engine"]
        own = np.exp(theta[sixteen.start : sixteen.start + sixteen.count][self._engine])
        expert[:, 0, observations.groups.index(SIXTEEN_BIT)] = own
        return Rates(
            weight_bandwidth=soft_minimum(bandwidth * value["eta"], cap) * share,
            memory_cost=self._cost(theta, "memory"),
            unit_rate=value["unit_bytes_per_clock"] * clock,
            unit_cost=self._cost(theta, "unit") * np.where(emulated, number["emulated_dot_cost"], 1.0),
            expert_cost=expert * value["expert_cost"][..., None],
            column_rate=value["column_params_per_clock"] * clock,
            matrix_rate=value["batch_matrix_share"] * self._flops[:, None] * reached,
            matrix_columns=value["matrix_columns"],
            expert_tile=value["expert_tile"],
            host_s=value["host_s_per_user"],
            kv_bandwidth=soft_minimum(bandwidth * value["eta_kv"] / self._kv_basis, cap) / unfused,
            attention_rate=value["attention_macs_per_clock"] * clock / unfused,
            latent_cost=np.full_like(clock, number["latent_attention_cost"]),
            launch_s=launch_s * value["launch_growth_per_year"] ** observations.years[:, None],
            gpu_hop_s=np.full_like(clock, number["link_gpu_hop_s"]),
            host_hop_s=np.full_like(clock, number["link_host_hop_s"]),
            sync_s=np.full_like(clock, number["link_sync_s"]),
            sync_bandwidth=observations.link_bandwidth[:, None] * number["link_sync_share"],
            soft_p=value["soft_minimum_p"],
        )

    def log_speed(self, theta: Floats) -> Floats:
        """ln of the predicted tokens/s of all users [rows]."""
        seconds = decode_terms(self.observations.work, self.rates(theta)).sum(axis=(1, 2))
        total = np.bincount(self.observations.row_of, seconds, minlength=len(self.observations))
        return np.asarray(np.log(self.observations.users / total))

    def jacobian(self, theta: Floats) -> Floats:
        """d ln(speed) / d theta [rows, parameters], by one difference per slot and device kind.

        All parameters of a slot are moved together, since an entry depends on one of them only; rows
        with devices of two kinds are told apart by moving the entries of one kind at a time.
        """
        observations = self.observations
        rows = len(observations)
        out = np.zeros((rows, self.layout.size))
        base = decode_terms(observations.work, self.rates(theta)).sum(axis=(1, 2))
        total = np.bincount(observations.row_of, base, minlength=rows)
        for name, slot in self.layout.slots.items():
            moved = theta.copy()
            moved[slot.start : slot.start + slot.count] += _STEP
            seconds = decode_terms(observations.work, self.rates(moved)).sum(axis=(1, 2))
            slope = -(seconds - base) / _STEP / total[observations.row_of]
            column = slot.start + self._column(name)
            np.add.at(out, (observations.row_of, column), slope)
        return out

    def _column(self, name: str) -> Ints:
        level = name.rpartition("/")[2]
        index = self._eta if name.startswith("eta/") else self._own
        if level == "engine":
            by_vendor = name.rpartition("/")[0] in COEFFICIENTS
            return index.engine if by_vendor else self._engine
        if level in ("family", "architecture"):
            return np.asarray(getattr(index, level))
        return np.zeros(len(self._engine), dtype=np.int64)
