"""The parameters of the fit: what is fitted, its units, its prior and how classes share it.

Every parameter is positive and fitted as its logarithm.  A coefficient of a class of devices is

    ln value = root of its kind (GPU, CPU) + offset of (vendor, engine) + of the family + of the architecture

and every offset has a normal prior around 0: a class with few measurements stays near its parent
(shrinkage), one with many speaks for itself.  Roots have priors too: what is physically plausible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from advisor.core.build_machine import MEASURED_OF_SPECIFIED
from advisor.core.timing import soft_minimum
from catalog.efficiency import SIXTEEN_BIT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, order=True)
class DeviceClass:
    """What devices share their coefficients: an architecture with an engine."""

    kind: str
    """``gpu`` or ``cpu``."""
    vendor: str
    engine: str
    family: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Prior:
    """Median and standard deviation of the logarithm."""

    median: float
    spread: float


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient of device classes: priors of its roots, and spreads of the offsets below them."""

    roots: Mapping[str, Prior]
    engine: float
    family: float = 0.0
    architecture: float = 0.0


COEFFICIENTS: Mapping[str, Coefficient] = {
    # Exponent of the soft minimum of memory and arithmetic: the less they overlap, the smaller.
    "soft_minimum_p": Coefficient({"gpu": Prior(3.0, 0.15), "cpu": Prior(2.4, 0.15)}, 0.0),
    # Share of the specified bandwidth that weights in the reference format reach.
    "eta": Coefficient({"gpu": Prior(0.9, 0.3), "cpu": Prior(MEASURED_OF_SPECIFIED, 0.15)}, 0.1, 0.1, 0.12),
    # Bytes of the reference format per compute unit and clock (CPU: per core and nanosecond).
    "unit_bytes_per_clock": Coefficient({"gpu": Prior(8.0, 1.0), "cpu": Prior(20.0, 0.2)}, 0.3, 0.12, 0.1),
    # Share of the specified bandwidth that the KV cache reaches.
    "eta_kv": Coefficient({"gpu": Prior(0.8, 0.3), "cpu": Prior(0.75, 0.2)}, 0.3, 0.1),
    # Multiply-adds of attention per compute unit and clock (CPU: per core and nanosecond).
    "attention_macs_per_clock": Coefficient({"gpu": Prior(256.0, 1.0), "cpu": Prior(2.2, 0.7)}, 0.6, 0.15),
    # Seconds per tensor of the model and step.
    "launch_s_per_tensor": Coefficient({"gpu": Prior(6e-6, 1.0), "cpu": Prior(2e-6, 0.5)}, 0.4, 0.2, 0.08),
    # Factor on launches for every year that the runtime is older.
    "launch_growth_per_year": Coefficient({"gpu": Prior(1.1, 0.2), "cpu": Prior(1.0, 0.05)}, 0.15),
    # Time per byte of gathered experts relative to dense weights.
    "expert_cost": Coefficient({"gpu": Prior(1.1, 0.15), "cpu": Prior(1.0, 0.1)}, 0.12),
    # Time of attention without a fused kernel relative to that with one.
    "unfused_attention_cost": Coefficient({"gpu": Prior(1.5, 0.4), "cpu": Prior(0.4, 0.3)}, 0.2),
    # CPU: seconds that every thread adds to a tensor.
    "barrier_s_per_thread": Coefficient({"gpu": Prior(1e-12, 0.01), "cpu": Prior(6e-7, 0.4)}, 0.2),
    # Parameters per unit and clock that kernels for few tokens multiply with a further token.
    "column_params_per_clock": Coefficient({"gpu": Prior(18.0, 0.4), "cpu": Prior(40.0, 0.5)}, 0.4),
    # Share of the FP16 rate of kernels for many tokens in a decode step (CPU: FLOP per core and ns).
    "batch_matrix_share": Coefficient({"gpu": Prior(0.35, 0.3), "cpu": Prior(120.0, 0.3)}, 0.3, 0.2),
    # Tokens that such a kernel costs beside those it works on; the same for each expert.
    "matrix_columns": Coefficient({"gpu": Prior(80.0, 0.4), "cpu": Prior(1.0, 0.3)}, 1.5),
    "expert_tile": Coefficient({"gpu": Prior(8.0, 0.4), "cpu": Prior(1.0, 0.3)}, 1.0),
    # Share of the maker's power limit that a card draws while it decodes at full speed.
    "decode_power_share": Coefficient({"gpu": Prior(0.65, 0.05), "cpu": Prior(0.65, 0.05)}, 0.0, 0.2),
    # Seconds of the host for each further user.
    "host_s_per_user": Coefficient({"gpu": Prior(2e-4, 0.5), "cpu": Prior(2e-4, 0.5)}, 0.5),
}

LIMITS: Mapping[str, float] = {"eta": 1.1, "eta_kv": 1.1}
"""What no device can exceed: a share of the bandwidth, with some room for specifications that are rounded
and measurements that were low."""

ISA_FACTORS: Mapping[str, float] = {
    "avx512_vnni": 1.0,
    "avx512f": 0.9,
    "avx_vnni": 0.8,
    "avx2": 0.7,
    "i8mm": 0.8,
    "asimddp": 0.6,
    "avx": 0.35,
    "*": 0.5,
}
"""Prior of a core's speed with an instruction set relative to the first, which is the reference."""
_ISA_SPREAD = 0.2


def isa_priors(spread: float = _ISA_SPREAD) -> dict[str, Prior]:
    """Numbers for the instruction sets; the reference stays what it is."""
    return {f"isa/{name}": Prior(value, spread if value < 1 else 1e-6) for name, value in ISA_FACTORS.items()}


NUMBERS: Mapping[str, Prior] = {
    **isa_priors(),
    "latent_attention_cost": Prior(1.0, 1.5),
    "link_gpu_hop_s": Prior(2e-4, 0.5),
    "link_host_hop_s": Prior(1.8e-5, 0.5),
    "link_sync_s": Prior(1e-5, 0.5),
    "link_sync_share": Prior(0.2, 0.5),
    "split_share": Prior(0.84, 0.15),
    # Share of the bandwidth that is left where a CPU reads the same memory, and where error correction
    # lies beside the data in GDDR (it takes 1/16 of the capacity and more of the bandwidth).
    "unified_share": Prior(0.93, 0.06),
    "inline_ecc_share": Prior(0.92, 0.05),
    # Arithmetic time of quantized weights where integer products need several instructions.
    "emulated_dot_cost": Prior(3.0, 0.3),
}
"""Numbers that all classes share."""

FORMAT_SPREADS = {"memory": (0.09, 0.03), "unit": (0.3, 0.3)}
"""Spread of a format's cost around the reference format's, and of an engine's around that."""
EXPERT_16_BIT_SPREAD = 0.5
"""Of the cost of 16-bit experts with an engine: some lack kernels for gathered brain floats."""

CPU_CORE_RATES = {
    "16-bit": 24.0,
    "8-bit": 25.0,
    "Q4_0": 18.5,
    "IQ4": 13.0,
    "FP4": 14.0,
    "Q2_K-Q3_K": 11.5,
    "Q4_K": 20.0,
    "Q5_K-Q6_K": 18.0,
    "IQ1-IQ3": 3.5,
}
"""GB/s that one Zen 4 core works through with the weights in L3 (llama-bench b11434, pure types of
random weights): the prior of what formats cost on a CPU."""
CPU_ENGINES = ("cpu", "ik_llama")
MEASURED = "measured"
"""Platform of CPUs whose RAM bandwidth was measured: what they reach of it is a class of its own."""
CPU_CLOCKS = {"desktop": 1.45, "laptop": 1.3, "hedt": 1.3, "sbc": 0.7}
"""Usual clock of all cores relative to the 3 GHz or so of the server core that the rates are of."""
CPU_NARROWING = 0.4
"""Spread of CPU classes' offsets relative to those of GPU classes."""
ENGINE_SPEEDS = {"ik_llama": 1.6}
"""Speed of a fork's kernels on CPUs (repacked formats) relative to llama.cpp's."""
_CPU_UNIT_SPREAD = 0.15


def limited(name: str, values: Floats) -> Floats:
    """The values of a coefficient within its physical limit, which they approach but do not exceed."""
    limit = LIMITS.get(name)
    return values if limit is None else soft_minimum(values, np.full_like(values, limit))


@dataclass(frozen=True, slots=True)
class Slot:
    """Parameters that may be perturbed together, since every observation depends on one at most."""

    name: str
    start: int
    count: int
    prior_mean: Floats
    prior_spread: Floats


@dataclass(frozen=True)
class Layout:
    """Where every parameter stands in the vector of logarithms."""

    classes: tuple[DeviceClass, ...]
    groups: tuple[str, ...]
    """Groups of weight formats."""
    coefficients: ClassVar[Mapping[str, Coefficient]] = COEFFICIENTS
    numbers: ClassVar[Mapping[str, Prior]] = NUMBERS
    engines: tuple[str, ...] = field(init=False)
    vendor_engines: tuple[tuple[str, str], ...] = field(init=False)
    families: tuple[tuple[str, str], ...] = field(init=False)
    slots: Mapping[str, Slot] = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "engines", tuple(sorted({c.engine for c in self.classes})))
        set_(self, "vendor_engines", tuple(sorted({(c.vendor, c.engine) for c in self.classes})))
        set_(self, "families", tuple(sorted({(c.family, c.engine) for c in self.classes})))
        slots: dict[str, Slot] = {}
        start = 0
        for name, mean, spread in self._definitions():
            slots[name] = Slot(name, start, len(mean), mean, spread)
            start += len(mean)
        set_(self, "slots", slots)
        set_(self, "size", start)

    def _definitions(self) -> Iterable[tuple[str, Floats, Floats]]:
        for name, coefficient in self.coefficients.items():
            for kind, prior in coefficient.roots.items():
                yield f"{name}/{kind}", np.log([prior.median]), np.array([prior.spread])
            for level, count in (
                ("engine", len(self.vendor_engines)),
                ("family", len(self.families)),
                ("architecture", len(self.classes)),
            ):
                spread = getattr(coefficient, level)
                if spread:
                    widths = np.full(count, spread) * self._narrowing(level, count)
                    yield f"{name}/{level}", self._offsets(name, level, count), widths
        for name, prior in self.numbers.items():
            yield name, np.log([prior.median]), np.array([prior.spread])
        yield from self._format_definitions()

    def _format_definitions(self) -> Iterable[tuple[str, Floats, Floats]]:
        groups, engines = self.groups, self.engines
        for cost, (spread, engine_spread) in FORMAT_SPREADS.items():
            for group in groups:
                yield f"{cost}/{group}", np.zeros(1), np.array([spread])
                mean, width = self._engine_costs(cost, group, engine_spread)
                yield f"{cost}/{group}/engine", mean, width
        yield "expert16/engine", np.zeros(len(engines)), np.full(len(engines), EXPERT_16_BIT_SPREAD)

    def _narrowing(self, level: str, count: int) -> Floats:
        """CPU classes stay nearer to their root: there are few, and clocks and cores tell them apart."""
        kinds: Sequence[bool] = {
            "engine": [vendor == "cpu" for vendor, _ in self.vendor_engines],
            "family": [family in self._cpu_families() for family, _ in self.families],
            "architecture": [c.kind == "cpu" for c in self.classes],
        }[level]
        assert len(kinds) == count
        return np.where(kinds, CPU_NARROWING, 1.0)

    def _cpu_families(self) -> set[str]:
        return {c.family for c in self.classes if c.kind == "cpu"}

    def _offsets(self, name: str, level: str, count: int) -> Floats:
        """Prior means of offsets: 0, but for the clocks of CPU platforms and the measured bandwidth."""
        out = np.zeros(count)
        if level == "architecture":
            for i, c in enumerate(self.classes):
                if c.kind == "cpu" and name in ("unit_bytes_per_clock", "attention_macs_per_clock"):
                    out[i] = np.log(CPU_CLOCKS.get(c.architecture, 1.0))
                elif name == "eta" and c.architecture == MEASURED:
                    out[i] = np.log(1.0 / COEFFICIENTS["eta"].roots["cpu"].median)
        if level == "engine" and name == "unit_bytes_per_clock":
            for i, (_, engine) in enumerate(self.vendor_engines):
                out[i] = np.log(ENGINE_SPEEDS.get(engine, 1.0))
        return out

    def _engine_costs(self, cost: str, group: str, spread: float) -> tuple[Floats, Floats]:
        mean, width = np.zeros(len(self.engines)), np.full(len(self.engines), spread)
        rate = CPU_CORE_RATES.get(group)
        for i, engine in enumerate(self.engines):
            if cost == "unit" and engine in CPU_ENGINES and rate:
                mean[i], width[i] = np.log(CPU_CORE_RATES["Q4_K"] / rate), _CPU_UNIT_SPREAD
        return mean, width

    @property
    def prior_mean(self) -> Floats:
        """Mean of every logarithm."""
        return np.concatenate([s.prior_mean for s in self.slots.values()])

    @property
    def prior_spread(self) -> Floats:
        """Standard deviation of every logarithm."""
        return np.concatenate([s.prior_spread for s in self.slots.values()])

    def coefficient(self, theta: Floats, name: str, which: Sequence[DeviceClass]) -> Floats:
        """The values of a coefficient for classes; offsets of unknown ones are 0."""
        return limited(name, np.exp([self._log(theta, name, c) for c in which]))

    def _log(self, theta: Floats, name: str, c: DeviceClass) -> float:
        total = float(theta[self.slots[f"{name}/{c.kind}"].start])
        for level, key, known in (
            ("engine", (c.vendor, c.engine), self.vendor_engines),
            ("family", (c.family, c.engine), self.families),
            ("architecture", c, self.classes),
        ):
            slot = self.slots.get(f"{name}/{level}")
            if slot is not None and key in known:
                total += float(theta[slot.start + known.index(key)])
        return total

    def number(self, theta: Floats, name: str) -> float:
        """The value of a shared number."""
        return float(np.exp(theta[self.slots[name].start]))

    def format_cost(self, theta: Floats, cost: str, group: str, engine: str | None) -> float:
        """Cost of a format group with an engine; with the average engine for ``None``."""
        value = float(theta[self.slots[f"{cost}/{group}"].start])
        if engine in self.engines:
            value += float(theta[self.slots[f"{cost}/{group}/engine"].start + self.engines.index(engine)])
        return float(np.exp(value))

    def expert_cost(self, theta: Floats, group: str, engine: str | None) -> float:
        """Cost of gathered experts of a format with an engine, relative to the class's."""
        if group != SIXTEEN_BIT or engine not in self.engines:
            return 1.0
        return float(np.exp(theta[self.slots["expert16/engine"].start + self.engines.index(engine)]))
