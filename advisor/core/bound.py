"""How fast a model could be at best on a set of devices: what lets a search skip most combinations.

A decode step reads every active byte once, on the device that holds it.  Two bounds cut the four parts
of a model (layers, routed experts, head, cache) anywhere and forget hand-overs.  The first lets each
part have all memory to itself; the second shares the memory, but makes one GPU of all, as fast as the
fastest.  Every placement obeys these weaker rules too, so no placement is faster than the slower of the
two; and the terms are those of ``timing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from advisor.core.candidates import Candidates, Floats
from advisor.core.machine import Device, Machine
from advisor.core.memory import compute_buffer_bytes, kv_bytes
from advisor.core.placement import Placement, Strategy
from advisor.core.question import Question
from advisor.core.step import Work, step_work
from advisor.core.timing import Rates, Term, decode_terms, rates_of
from catalog.efficiency import Efficiencies

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NONE = -1
"""In a table of members: no device in this place."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The parts of candidates: layers, routed experts, head, cache."""

    size_bytes: Floats
    """What a part takes [parts, n]."""
    buffer_bytes: Floats
    """What a device that holds any of it needs besides [n]."""
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
    rates = rates_of(wide, c.types, efficiencies, q, split=efficiencies.number("split_share") > 1)
    works = [_work(c, wide, q, part) for part in range(3)]
    dense, experts, head = (a.sum(axis=1) for a in (c.dense, c.experts, c.head))
    size = np.stack([dense, experts, head, kv_bytes(c, q)])
    return Pieces(size, compute_buffer_bytes(c, q), _part_seconds(works, rates, q))


def _part_seconds(works: Sequence[Work], rates: Rates, q: Question) -> Floats:
    """Least times of the parts [parts, n, devices]; the cache is read where the layers are counted."""
    terms = [_weights_terms(work, rates) for work in works]
    memory, arithmetic = sum(m for m, _, _ in terms), sum(a for _, a, _ in terms)
    if q.users > 1:
        weigh_memory, weigh_arithmetic = np.ones_like(memory), np.zeros_like(arithmetic)
    else:
        m, a = memory**rates.soft_p, arithmetic**rates.soft_p
        share = m / np.maximum(m + a, 1e-300)
        weigh_memory = share ** (1 - 1 / rates.soft_p)
        weigh_arithmetic = (1 - share) ** (1 - 1 / rates.soft_p)
    weights = [weigh_memory * m + weigh_arithmetic * a + launch for m, a, launch in terms]
    return np.stack([*weights, _cache_seconds(works[0], rates)])


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
        dense_share=np.zeros_like(work.kv_bytes),
        head_share=np.zeros_like(work.kv_bytes),
        expert_share=np.zeros_like(work.kv_bytes),
        dense_params=np.zeros_like(work.kv_bytes),
        expert_params=np.zeros_like(work.kv_bytes),
        touched_params=np.zeros_like(work.kv_bytes),
    )
    terms = decode_terms(cache, rates)
    return np.asarray(terms[..., Term.KV] + terms[..., Term.COMPUTE])


def least_seconds(
    pieces: Pieces, capacity_bytes: Floats, is_cpu: Flags, members: Ints, side_by_side: Floats
) -> Floats:
    """The least time of a step on every set of devices [sets, n]; infinite where it cannot fit.

    Args:
        pieces: the parts of the candidates.
        capacity_bytes: what each device holds [devices].
        is_cpu: whether it is a CPU [devices].
        members: devices of each set, ``NONE`` where it has fewer [sets, places].
        side_by_side: how many devices of a set may work on one layer at a time [sets].
    """
    sets, n = len(members), pieces.size_bytes.shape[1]
    nobody = members == NONE
    on_cpu = ~nobody & is_cpu[members]
    total = np.zeros((sets, n))
    for i in range(n):
        # A device that holds anything holds its buffer too.
        room = np.where(nobody, 0.0, np.maximum(capacity_bytes[members] - pieces.buffer_bytes[i], 0.0))
        parts = [part for part in range(len(pieces.size_bytes)) if pieces.size_bytes[part, i] > 0]
        size = pieces.size_bytes[parts, i]
        seconds = np.where(nobody, np.inf, pieces.seconds[parts, i][:, members])
        each = [_alone(seconds[k], room, size[k]) for k in range(len(parts))]
        total[:, i] = np.maximum(sum(each), _shared(seconds, room, size, on_cpu))
    return np.asarray(total / side_by_side[:, None] * (1 - _ROUNDING))


def _alone(seconds: Floats, room: Floats, size: float) -> Floats:
    """The least time of one part that has all memory to itself, the fastest first [sets]."""
    order = np.argsort(seconds, axis=1)
    fastest = np.take_along_axis(seconds, order, axis=1)
    before = np.cumsum(np.take_along_axis(room, order, axis=1) / size, axis=1)
    held = np.diff(np.minimum(before, 1.0), axis=1, prepend=0.0)
    time = np.multiply(held, fastest, where=held > 0, out=np.zeros_like(held)).sum(axis=1)
    return np.asarray(np.where(before[:, -1] < 1 - _ROUNDING, np.inf, time))


def _shared(seconds: Floats, room: Floats, size: Floats, on_cpu: Flags) -> Floats:
    """The least time of all parts together if the GPUs were one as fast as the fastest of them [sets].

    What lies on it saves time over the CPU: the parts that save most per byte get its memory first.
    """
    cpu = np.where(on_cpu, seconds, np.inf).min(axis=2)
    gpu = np.where(on_cpu, np.inf, seconds).min(axis=2)
    pool = np.where(on_cpu, 0.0, room).sum(axis=1)
    saved = np.maximum(cpu - gpu, 0.0)
    left, time = pool, cpu.sum(axis=0)
    order = np.argsort(-saved / size[:, None], axis=0)
    for rank in range(len(size)):
        part = order[rank]
        share = np.minimum(left / size[part], 1.0)
        left = left - share * size[part]
        time = time - share * np.take_along_axis(saved, part[None], axis=0)[0]
    return np.asarray(time)


_ROUNDING = 1e-9
