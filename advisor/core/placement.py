"""Where the parts of a model go: which layers, experts and cache on which device.

A placement strategy fills a ``Placement`` for all candidates at once; infeasible rows are marked.
Layers are whole: a device holds an integer number of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from advisor.core.candidates import Candidates, Floats
from advisor.core.machine import Machine
from advisor.core.memory import compute_buffer_bytes, kv_bytes
from advisor.core.question import Question

Bools = NDArray[np.bool_]


class Strategy(IntEnum):
    """How the layers are spread.  The order breaks ties in speed."""

    ACCELERATOR = 0
    """Everything on the GPUs (or in unified memory)."""
    EXPERTS_IN_RAM = 1
    """Attention, shared experts and cache on the GPUs; routed experts overflow to RAM."""
    LAYERS_SPLIT = 2
    """Whole layers on the GPUs, the other layers and the head on the CPU."""
    CPU = 3
    """Everything in RAM."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One strategy for all candidates; arrays are [n, devices], the CPU last.

    ``missing_bytes`` [n] is 0 where the placement fits, else how much memory is short.
    """

    strategy: Strategy
    dense_layers: Floats
    expert_layers: Floats
    head: Floats
    """1 on the device that holds the head."""
    weight_bytes: Floats
    kv_bytes: Floats
    compute_bytes: Floats
    missing_bytes: Floats

    @property
    def feasible(self) -> Bools:
        return self.missing_bytes <= 0


def strategies(machine: Machine) -> tuple[Strategy, ...]:
    """The strategies that make sense on a machine."""
    if not machine.gpus:
        return (Strategy.CPU,)
    return tuple(Strategy)


def gpu_choices(machine: Machine, strategy: Strategy) -> tuple[tuple[int, ...], ...]:
    """Sets of GPUs to try, as device indices: each alone, and the fastest two, three, …

    Strategies that spill into RAM use all GPUs.
    """
    everything = tuple(range(len(machine.gpus)))
    if strategy is not Strategy.ACCELERATOR or not everything:
        return (everything,)
    alone = tuple((g,) for g in everything)
    return alone + tuple(everything[:count] for count in range(2, len(everything) + 1))


def place(
    c: Candidates, machine: Machine, q: Question, strategy: Strategy, gpus: tuple[int, ...]
) -> Placement:
    """Place all candidates with one strategy on a set of GPUs (from ``gpu_choices``)."""
    if strategy is Strategy.CPU:
        return _on_cpu(c, machine, q)
    if strategy is Strategy.ACCELERATOR:
        return _on_accelerators(c, machine, q, gpus)
    if strategy is Strategy.EXPERTS_IN_RAM:
        return _experts_in_ram(c, machine, q)
    return _layers_split(c, machine, q)


@dataclass(frozen=True, slots=True)
class _Sizes:
    head: Floats
    dense_layer: Floats
    expert_layer: Floats
    kv_layer: Floats
    kv: Floats
    buffer: Floats
    host: Floats


def _sizes(c: Candidates, q: Question) -> _Sizes:
    kv = kv_bytes(c, q)
    experts = c.experts.sum(axis=1)
    return _Sizes(
        head=c.head.sum(axis=1),
        dense_layer=c.dense.sum(axis=1) / c.layers,
        expert_layer=experts / np.maximum(c.expert_layers, 1),
        kv_layer=kv / c.layers,
        kv=kv,
        buffer=compute_buffer_bytes(c, q),
        host=c.embedding.sum(axis=1) + c.lookup_bytes,
    )


def _finish(
    c: Candidates,
    machine: Machine,
    s: _Sizes,
    strategy: Strategy,
    dense_layers: Floats,
    expert_layers: Floats,
    head: Floats,
    short: Floats,
) -> Placement:
    """Bytes per device of a layer assignment, and the RAM check that all strategies share."""
    weights = (
        dense_layers * s.dense_layer[:, None]
        + expert_layers * s.expert_layer[:, None]
        + head * s.head[:, None]
    )
    tied_on_cpu = head[:, -1] * np.array([c.models[i].tied_embeddings for i in c.model_of], dtype=np.float64)
    # The embedding lives beside the CPU; where the head is the same matrix and stays there too, it
    # is one copy.  Unified memory maps the file once, so the copy costs nothing there either.
    shared = machine.unified or not machine.gpus
    embedding = c.embedding.sum(axis=1)
    tied = np.array([c.models[i].tied_embeddings for i in c.model_of], dtype=np.float64)
    duplicate = embedding * np.where(shared, tied, tied_on_cpu)
    weights[:, -1] += s.host - duplicate
    kv = dense_layers * s.kv_layer[:, None]
    used = (dense_layers + expert_layers + head) > 0
    buffers = np.where(used, s.buffer[:, None], 0.0)
    ram_need = weights[:, -1] + kv[:, -1] + buffers[:, -1]
    if machine.unified:
        ram_need = (weights + kv + buffers).sum(axis=1)
    missing = short + np.maximum(ram_need - machine.ram_usable_bytes, 0.0)
    return Placement(strategy, dense_layers, expert_layers, head, weights, kv, buffers, missing)


def _on_cpu(c: Candidates, machine: Machine, q: Question) -> Placement:
    s = _sizes(c, q)
    shape = (len(c), len(machine.devices))
    dense, experts, head = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    dense[:, -1] = c.layers
    experts[:, -1] = c.expert_layers
    head[:, -1] = 1.0
    return _finish(c, machine, s, Strategy.CPU, dense, experts, head, np.zeros(len(c)))


def _on_accelerators(c: Candidates, machine: Machine, q: Question, gpus: tuple[int, ...]) -> Placement:
    """Fill the GPUs in order, fastest first, with whole layers."""
    s = _sizes(c, q)
    share = np.where(c.layers > 0, c.expert_layers / c.layers, 0.0)
    layer = s.dense_layer + s.expert_layer * share + s.kv_layer
    layers, head, short = _fill(layer, s, c.layers, machine, gpus)
    unplaced = short > 0
    # What does not fit is shown as if all of it lay on the first GPU.
    layers[unplaced] = 0.0
    head[unplaced] = 0.0
    layers[unplaced, gpus[0]] = c.layers[unplaced]
    head[unplaced, gpus[0]] = 1.0
    experts = layers * share[:, None]
    return _finish(c, machine, s, Strategy.ACCELERATOR, layers, experts, head, short)


def _fill(
    layer: Floats, s: _Sizes, n_layers: Floats, machine: Machine, gpus: tuple[int, ...]
) -> tuple[Floats, Floats, Floats]:
    """Fill GPUs in order with whole layers; the one that takes the last layer takes the head.

    Returns layers [n, d], head [n, d] and the bytes that are short [n].
    """
    n, d = len(n_layers), len(machine.devices)
    layers, head = np.zeros((n, d)), np.zeros((n, d))
    rest = n_layers.copy()
    placed = np.zeros(n, dtype=bool)
    for g in gpus:
        budget = np.maximum(machine.devices[g].usable_bytes - s.buffer, 0.0)
        room = np.floor(budget / layer)
        with_head = np.floor(np.maximum(budget - s.head, 0.0) / layer)
        last = (with_head >= rest) & (budget >= s.head) & ~placed
        take = np.where(placed, 0.0, np.where(last, rest, np.minimum(room, np.maximum(rest - 1, 0))))
        layers[:, g] = take
        head[:, g] = last
        rest = rest - take
        placed |= last
    short = np.where(placed, 0.0, rest * layer + s.head)
    return layers, head, short


def _experts_in_ram(c: Candidates, machine: Machine, q: Question) -> Placement:
    """Dense parts and cache spread over the GPUs by room, then as many expert layers as fit."""
    s = _sizes(c, q)
    n, d = len(c), len(machine.devices)
    layer = s.dense_layer + s.kv_layer
    layers, head, short = _spread(layer, s, c.layers, machine)
    experts = np.zeros((n, d))
    rest = c.expert_layers.copy()
    for g in range(d - 1):
        used = layers[:, g] * layer + head[:, g] * s.head + s.buffer
        room = np.maximum(machine.devices[g].usable_bytes - used, 0.0)
        take = np.minimum(np.floor(room / np.maximum(s.expert_layer, 1.0)), rest)
        experts[:, g] = take
        rest = rest - take
    # At least one expert layer stays in RAM: otherwise this is the accelerator placement.
    overflow = np.maximum(rest, np.minimum(c.expert_layers, 1.0))
    experts[:, 0] -= overflow - rest
    experts[:, -1] = overflow
    short = np.where(c.expert_layers > 0, short, np.inf)
    return _finish(c, machine, s, Strategy.EXPERTS_IN_RAM, layers, np.maximum(experts, 0), head, short)


def _spread(layer: Floats, s: _Sizes, n_layers: Floats, machine: Machine) -> tuple[Floats, Floats, Floats]:
    """Layers over all GPUs in proportion to their room, the head on the first."""
    n, d = len(n_layers), len(machine.devices)
    budgets = np.stack(
        [
            np.maximum(gpu.usable_bytes - s.buffer - (s.head if g == 0 else 0.0), 0.0)
            for g, gpu in enumerate(machine.gpus)
        ],
        axis=1,
    )
    total = budgets.sum(axis=1)
    capacity = np.floor(budgets / layer[:, None])
    layers = np.zeros((n, d))
    wanted = n_layers[:, None] * budgets / np.maximum(total, 1.0)[:, None]
    layers[:, :-1] = np.minimum(np.floor(wanted), capacity)
    rest = n_layers - layers.sum(axis=1)
    for g in range(d - 1):
        more = np.minimum(rest, capacity[:, g] - layers[:, g])
        layers[:, g] += more
        rest = rest - more
    head = np.zeros((n, d))
    head[:, 0] = 1.0
    no_room_for_head = machine.gpus[0].usable_bytes < s.buffer + s.head
    short = rest * layer + np.where(no_room_for_head, s.head, 0.0)
    return layers, head, short


def _layers_split(c: Candidates, machine: Machine, q: Question) -> Placement:
    """Whole layers on the GPUs as far as they go; the rest, and the head, on the CPU."""
    s = _sizes(c, q)
    n, d = len(c), len(machine.devices)
    share = np.where(c.layers > 0, c.expert_layers / c.layers, 0.0)
    layer = s.dense_layer + s.expert_layer * share + s.kv_layer
    layers = np.zeros((n, d))
    rest = np.maximum(c.layers - 1, 0.0)
    for g, gpu in enumerate(machine.gpus):
        take = np.minimum(np.floor(np.maximum(gpu.usable_bytes - s.buffer, 0.0) / layer), rest)
        layers[:, g] = take
        rest = rest - take
    layers[:, -1] = c.layers - layers.sum(axis=1)
    head = np.zeros((n, d))
    head[:, -1] = 1.0
    nothing_on_gpu = layers[:, :-1].sum(axis=1) <= 0
    short = np.where(nothing_on_gpu, np.inf, 0.0)
    return _finish(c, machine, s, Strategy.LAYERS_SPLIT, layers, layers * share[:, None], head, short)
