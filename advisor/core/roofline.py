"""The roofline of the device that a decode step mostly waits for, and where a model's runs lie under it.

Counts are those of ``timing`` and ``prefill`` and the roofs are their rates: every time here is one of
their terms, or the same term with one of the two limits lifted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from advisor.core.candidates import Candidates, Floats
from advisor.core.estimate import EstimateTable, machine_at, placement_of
from advisor.core.machine import Machine
from advisor.core.placement import SPLIT, Placement
from advisor.core.prefill import prefill_terms, prompt_rates, prompt_terms, prompt_work
from advisor.core.question import Question
from advisor.core.step import step_work
from advisor.core.timing import Rates, Term, decode_terms, rates_of
from catalog.efficiency import Efficiencies


@dataclass(frozen=True, slots=True)
class Dot:
    """One run on the device: a decode step of so many users, or a prompt."""

    kind: str
    """``decode`` or ``prompt``."""
    users: int
    tokens: float
    """Tokens that the run makes or reads, of all users."""
    flops: float
    """Two for each multiply-add with a weight or of attention."""
    read_bytes: float
    """Weights, cache, state; of a prompt also the activations that pass through memory."""
    seconds: float
    """What the device takes for it."""
    memory_s: float
    """What reading alone would take, at what this device reaches with these formats."""
    compute_s: float
    """What arithmetic alone would take, likewise."""
    fixed_s: float
    """Launches, and hand-overs between devices."""
    side_by_side: float = 1.0
    """Devices of a pipeline that work meanwhile: the estimate counts ``seconds`` divided by it."""

    @property
    def intensity(self) -> float:
        """FLOP per byte read."""
        return self.flops / self.read_bytes

    @property
    def flop_per_s(self) -> float:
        return self.flops / self.seconds

    @property
    def roof_s(self) -> float:
        """The time under the roof that binds: the longer of reading and arithmetic."""
        return max(self.memory_s, self.compute_s)

    @property
    def roof_flop_per_s(self) -> float:
        """The roof above the dot."""
        return self.flops / self.roof_s

    @property
    def below_roof(self) -> float:
        """How many times the roof's time it takes; at least 1."""
        return self.seconds / self.roof_s

    @property
    def bound_by(self) -> str:
        """``memory``, ``compute``, or ``overhead`` where launches and hand-overs take longer than either."""
        if self.fixed_s > self.roof_s:
            return "overhead"
        return "memory" if self.memory_s >= self.compute_s else "compute"

    @property
    def reached_bandwidth(self) -> float:
        """Bytes/s of the slanted roof: what reading alone reaches."""
        return self.read_bytes / self.memory_s

    @property
    def ceiling_flop_per_s(self) -> float:
        """FLOP/s of the level roof: what arithmetic alone reaches."""
        return self.flops / self.compute_s if self.compute_s > 0 else math.inf

    def roof_at(self, intensity: float) -> float:
        """FLOP/s under the roofs of this kind of run at another intensity."""
        return min(self.reached_bandwidth * intensity, self.ceiling_flop_per_s)


@dataclass(frozen=True, slots=True)
class Roofline:
    """Roofs of one device, and the runs of one model under them."""

    device: str
    device_kind: str
    """``gpu``, ``unified`` or ``cpu``."""
    step_share: float
    """Share of the decode step that is this device's."""
    bandwidth: float
    """Bytes/s as specified (RAM: as ``basis`` says)."""
    basis: str
    """``specified``, ``measured`` or ``assumed``."""
    flops: float | None
    """Specified dense FP16 rate; ``None`` where the catalog has none, as of CPUs."""
    dots: tuple[Dot, ...]
    """Decoding for one user, for the users asked for where they are more, and the prompt."""
    prompt_elsewhere: bool
    """Whether a GPU works on the prompt instead, with the weights sent to it."""

    def specified_at(self, intensity: float) -> float:
        """FLOP/s under the specified roofs."""
        return min(self.bandwidth * intensity, self.flops or math.inf)

    def of_specified(self, dot: Dot) -> float:
        """How many times the time under the specified roofs a dot takes."""
        return self.specified_at(dot.intensity) / dot.flop_per_s

    def tokens_per_s(self, dot: Dot, flop_per_s: float) -> float:
        """Tokens/s of all users at a rate of FLOP/s, as far as this device decides."""
        return dot.tokens * flop_per_s / dot.flops


def roofline(table: EstimateTable, row: int, efficiencies: Efficiencies) -> Roofline:
    """The roofline of the device that takes most of a row's decode step."""
    machine, q = machine_at(table, row), table.question
    times = table.terms[row].sum(axis=1)
    g = int(times.argmax())
    device = machine.devices[g]
    one = table.candidates.take(np.array([row]))
    placement = placement_of(table, row)
    dots = [
        _decode(one, machine, placement, replace(q, users=users, depth_tokens=q.depth), efficiencies, g)
        for users in sorted({1, q.users})
    ]
    prompt, elsewhere = _prompt(one, machine, placement, q, efficiencies, g)
    return Roofline(
        device=device.name,
        device_kind=device.kind,
        step_share=float(times[g] / times.sum()),
        bandwidth=device.bandwidth,
        basis=machine.ram_bandwidth_basis if device.kind == "cpu" else "specified",
        flops=device.flops or None,
        dots=tuple(dots) if prompt is None else (*dots, prompt),
        prompt_elsewhere=elsewhere,
    )


def _decode(
    one: Candidates, machine: Machine, placement: Placement, q: Question, efficiencies: Efficiencies, g: int
) -> Dot:
    work = step_work(one, machine, placement, q, q.depth)
    rates = rates_of(machine, one.types, efficiencies, q, split=placement.strategy in SPLIT)
    # Devices side by side each book a share of the same time: here one is looked at alone.
    together = float(placement.parallel[0])

    def seconds(changed: Rates, *terms: Term) -> float:
        found = decode_terms(work, changed)[0, g]
        return together * float(found[list(terms)].sum() if terms else found.sum())

    params = work.tokens * (work.dense_params + work.expert_params)
    flops = 2 * (params + work.attention_macs)
    read = work.read_bytes + work.kv_bytes
    return Dot(
        kind="decode",
        users=q.users,
        tokens=q.users,
        flops=together * float(flops[0, g]),
        read_bytes=together * float(read[0, g]),
        seconds=seconds(rates),
        memory_s=seconds(_reading(rates), Term.WEIGHTS, Term.KV),
        compute_s=seconds(_computing(rates), Term.COMPUTE),
        fixed_s=seconds(rates, Term.LAUNCH, Term.LINK),
    )


def _never(like: Floats) -> Floats:
    return np.full_like(like, np.inf)


def _reading(rates: Rates) -> Rates:
    """Rates of a device whose arithmetic takes no time."""
    never = _never(rates.unit_rate)
    return replace(rates, unit_rate=never, column_rate=never, matrix_rate=never, attention_rate=never)


def _computing(rates: Rates) -> Rates:
    """Rates of a device whose memory takes no time."""
    never = _never(rates.unit_rate)
    return replace(rates, weight_bandwidth=never, kv_bandwidth=never)


def _prompt(
    one: Candidates, machine: Machine, placement: Placement, q: Question, efficiencies: Efficiencies, g: int
) -> tuple[Dot | None, bool]:
    """The prompt on the device, and whether another one works on it."""
    work = prompt_work(one, placement, q)
    rates = prompt_rates(machine, one.types, efficiencies, q)
    estimated = float(prefill_terms(one, machine, placement, q, efficiencies)[0, g].sum())
    alone = replace(work, stages=np.ones_like(work.stages))
    busy = prompt_terms(alone, rates)[0, g]
    here = float(prompt_terms(work, rates)[0, g].sum())
    flops = work.flops
    read = (
        work.dense_bytes
        + work.expert_bytes
        + work.activation_bytes * rates.activation_passes
        + work.state_bytes * rates.state_passes
    )
    if estimated < here * (1 - _ROUNDING):
        return None, True
    if float(flops[0, g]) <= 0 or float(read[0, g]) <= 0:
        return None, False
    together, overlap = float(placement.parallel[0]), float(busy.sum()) / here

    def seconds(**changes: Any) -> float:
        return together * float(prompt_terms(alone, replace(rates, **changes))[0, g].sum())

    never, none = _never(rates.dense_rate), np.zeros_like(rates.dense_rate)
    products: dict[str, Any] = {"dense_rate": never, "expert_rate": never, "attention_rate": never}
    fixed: dict[str, Any] = {
        "expert_start_s": none,
        "launch_s": none,
        "sync_s": none,
        "sync_bandwidth": never,
    }
    dot = Dot(
        kind="prompt",
        users=1,
        tokens=q.prompt,
        flops=together * float(flops[0, g]),
        read_bytes=together * float(read[0, g]),
        seconds=together * estimated * overlap,
        memory_s=seconds(**products, **fixed),
        compute_s=seconds(memory_bandwidth=never, **fixed),
        fixed_s=seconds(**products, memory_bandwidth=never) + together * (estimated - here) * overlap,
        side_by_side=overlap,
    )
    return dot, False


_ROUNDING = 1e-9
