"""How fast a model could be at best on a set of devices: what lets a search skip most combinations.

A decode step reads every active byte once, on the device that holds it.  The bound lets each of the
three parts of a model (layers with their cache, routed experts, head) have all memory of all devices
to itself and be cut anywhere, and forgets buffers and hand-overs.  Every placement obeys these weaker
rules too, so no placement is faster; and the terms are those of ``timing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from advisor.core.candidates import Candidates, Floats
from advisor.core.machine import Device, Machine
from advisor.core.memory import kv_bytes
from advisor.core.placement import Placement, Strategy
from advisor.core.question import Question
from advisor.core.timing import Rates, Term, Work, decode_terms, rates_of, step_work
from catalog.efficiency import Efficiencies

Ints = NDArray[np.int64]

NONE = -1
"""In a table of members: no device in this place."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The parts of candidates: layers with their cache, routed experts, head."""

    size_bytes: Floats
    """What a part takes [parts, n]."""
    seconds: Floats
    """What a step takes at least with the whole part on a device [parts, n, devices]."""


def pieces_of(
    c: Candidates, devices: Sequence[Device], machine: Machine, q: Question, efficiencies: Efficiencies
) -> Pieces:
    """Sizes and least times of the parts of all candidates on every device.

    A pair of limits joined by a soft minimum takes t = (m^p + c^p)^(1/p), and by Hölder's inequality
    t >= a m + b c for the a and b that make it equal for the whole model: linear in what a device holds.
    With several users the arithmetic is not linear, so only the memory counts.

    Args:
        devices: every device that any machine of the search has.
        machine: gives the times of links, which are not counted.
    """
    wide = replace(machine, devices=tuple(devices))
    share_helps = efficiencies.number("split_share") > 1
    rates = rates_of(wide, c.types, efficiencies, q, split=share_helps)
    works = [_work(c, wide, q, part) for part in range(3)]
    whole = [_weights_terms(work, rates) for work in works]
    memory, arithmetic = sum(m for m, _, _ in whole), sum(a for _, a, _ in whole)
    if q.users > 1:
        weigh_memory, weigh_arithmetic = np.ones_like(memory), np.zeros_like(arithmetic)
    else:
        m, a = memory**rates.soft_p, arithmetic**rates.soft_p
        share = m / np.maximum(m + a, 1e-300)
        weigh_memory = share ** (1 - 1 / rates.soft_p)
        weigh_arithmetic = (1 - share) ** (1 - 1 / rates.soft_p)
    seconds = np.stack(
        [
            weigh_memory * m + weigh_arithmetic * a + launch + _cache_seconds(work, rates)
            for (m, a, launch), work in zip(whole, works, strict=True)
        ]
    )
    size = np.stack([c.dense.sum(axis=1) + kv_bytes(c, q), c.experts.sum(axis=1), c.head.sum(axis=1)])
    return Pieces(size, seconds)


def _work(c: Candidates, machine: Machine, q: Question, part: int) -> Work:
    """The work of one part, as if every device held all of it."""
    shape = (len(c), len(machine.devices))
    nothing = np.zeros(shape)
    everywhere = Placement(
        strategy=Strategy.ACCELERATOR,
        dense_layers=np.broadcast_to(c.layers[:, None], shape) if part == 0 else nothing,
        expert_layers=np.broadcast_to(c.expert_layers[:, None], shape) if part == 1 else nothing,
        head=np.ones(shape) if part == 2 else nothing,
        weight_bytes=nothing,
        kv_bytes=nothing,
        compute_bytes=nothing,
        missing_bytes=np.zeros(len(c)),
        parallel=np.ones(len(c)),
    )
    return step_work(c, machine, everywhere, q, q.depth)


def _weights_terms(work: Work, rates: Rates) -> tuple[Floats, Floats, Floats]:
    """Seconds of the weights: in memory, in arithmetic, and of the launches [n, devices] each."""
    weights = replace(
        work,
        kv_bytes=np.zeros_like(work.kv_bytes),
        attention_macs=np.zeros_like(work.kv_bytes),
        latent_macs=np.zeros_like(work.kv_bytes),
    )
    never = np.full_like(rates.unit_rate, np.inf)
    reading = replace(rates, unit_rate=never, column_rate=never, matrix_rate=never, host_s=0 * rates.host_s)
    computing = replace(rates, weight_bandwidth=never)
    read = decode_terms(weights, reading)
    return (
        read[..., Term.WEIGHTS],
        decode_terms(weights, computing)[..., Term.COMPUTE],
        read[..., Term.LAUNCH],
    )


def _cache_seconds(work: Work, rates: Rates) -> Floats:
    """Seconds of the cache and attention [n, devices]."""
    cache = replace(
        work,
        weight_bytes=np.zeros_like(work.weight_bytes),
        expert_bytes=np.zeros_like(work.expert_bytes),
        dense_params=np.zeros_like(work.kv_bytes),
        expert_params=np.zeros_like(work.kv_bytes),
        touched_params=np.zeros_like(work.kv_bytes),
    )
    terms = decode_terms(cache, rates)
    return np.asarray(terms[..., Term.KV] + terms[..., Term.COMPUTE])


def least_seconds(pieces: Pieces, capacity_bytes: Floats, members: Ints, side_by_side: Floats) -> Floats:
    """The least time of a step on every set of devices [sets, n]; infinite where it cannot fit.

    Args:
        capacity_bytes: what each device holds [devices].
        members: devices of each set, ``NONE`` where it has fewer [sets, places].
        side_by_side: how many devices of a set may work on one layer at a time [sets].
    """
    sets, n = len(members), pieces.size_bytes.shape[1]
    room = np.where(members == NONE, 0.0, capacity_bytes[members])
    total = np.zeros((sets, n))
    for i in range(n):
        for part in range(len(pieces.size_bytes)):
            size = float(pieces.size_bytes[part, i])
            if size <= 0:
                continue
            seconds = np.where(members == NONE, np.inf, pieces.seconds[part, i][members])
            order = np.argsort(seconds, axis=1)
            fastest = np.take_along_axis(seconds, order, axis=1)
            before = np.cumsum(np.take_along_axis(room, order, axis=1) / size, axis=1)
            held = np.diff(np.minimum(before, 1.0), axis=1, prepend=0.0)
            total[:, i] += np.multiply(held, fastest, where=held > 0, out=np.zeros_like(held)).sum(axis=1)
            total[:, i] += np.where(before[:, -1] < 1 - _ROUNDING, np.inf, 0.0)
    return np.asarray(total / side_by_side[:, None] * (1 - _ROUNDING))


_ROUNDING = 1e-9
