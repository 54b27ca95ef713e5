"""Where the parts of a model go: which layers, experts and cache on which device.

A placement strategy fills a ``Placement`` for all candidates at once; infeasible rows are marked.
Layers are whole: a device holds an integer number of them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from advisor.core.candidates import Candidates, Floats, by_device
from advisor.core.machine import Machine
from advisor.core.memory import compute_buffer_bytes, kv_bytes
from advisor.core.question import Question
from advisor.core.runtimes import RUNTIME, Runtime
from advisor.core.strategy import SPLIT, Strategy

__all__ = ["SPLIT", "Placement", "Strategy", "gpu_choices", "options", "place", "side_options", "strategies"]

Bools = NDArray[np.bool_]


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
    parallel: Floats
    """Devices that work side by side on every layer [n]; 1 unless tensor-parallel."""

    @property
    def feasible(self) -> Bools:
        return self.missing_bytes <= 0

    @property
    def cache_layers(self) -> Floats:
        """Layers whose cache lies on each device, and with it their attention [n, devices]."""
        return cache_layers(self.strategy, self.dense_layers)

    def take(self, rows: NDArray[np.int64]) -> Placement:
        """The placement of the candidates at ``rows``."""
        return Placement(
            self.strategy,
            **{f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "strategy"},
        )


def strategies(machine: Machine, runtime: Runtime = RUNTIME["llama.cpp"]) -> tuple[Strategy, ...]:
    """The strategies of a runtime that make sense on a machine.  Where a GPU shares the RAM there is
    nothing to gain from keeping a part outside its reach."""
    if not machine.gpus:
        return tuple(s for s in runtime.strategies if s is Strategy.CPU)
    shared = all(gpu.kind == "unified" for gpu in machine.gpus)
    pointless = {Strategy.KV_IN_RAM} if shared else set()
    if len(machine.gpus) < 2:
        pointless.add(Strategy.TENSOR_PARALLEL)
    return tuple(s for s in runtime.strategies if s not in pointless)


def gpu_choices(
    machine: Machine, strategy: Strategy, *, all_gpus: bool = False
) -> tuple[tuple[int, ...], ...]:
    """Sets of GPUs to try, as device indices: each kind alone, and the fastest two, three, …

    Strategies that spill into RAM use all GPUs, and so does every other if ``all_gpus``.
    """
    everything = tuple(range(len(machine.gpus)))
    if strategy is not Strategy.ACCELERATOR or not everything:
        return (everything,)
    if all_gpus:
        return (everything,)
    # A second GPU that is like an earlier one does nothing else alone.
    alone = tuple((g,) for g in everything if machine.gpus[g] not in machine.gpus[:g])
    return alone + tuple(everything[:count] for count in range(2, len(everything) + 1))


def options(machine: Machine, q: Question) -> tuple[tuple[Strategy, tuple[int, ...]], ...]:
    """Every strategy of the question's runtime with every set of GPUs that it is tried on.

    Tensor parallelism is for GPUs of one kind: the first two, four, …, and all of them.
    """
    runtime = RUNTIME[q.runtime]
    found: list[tuple[Strategy, tuple[int, ...]]] = []
    for strategy in strategies(machine, runtime):
        if strategy is Strategy.TENSOR_PARALLEL:
            found += [(strategy, gpus) for gpus in _equal_sets(machine)]
        else:
            choices = gpu_choices(machine, strategy)
            if not runtime.splits_layers and strategy is Strategy.ACCELERATOR:
                choices = tuple(gpus for gpus in choices if len(gpus) == 1)
            found += [(strategy, gpus) for gpus in choices]
    return tuple(found)


def side_options(machine: Machine, q: Question) -> tuple[tuple[Strategy, tuple[int, ...]], ...]:
    """Those that are worked out beside the others and never chosen."""
    if Strategy.TENSOR_PARALLEL not in RUNTIME[q.runtime].also:
        return ()
    return tuple((Strategy.TENSOR_PARALLEL, gpus) for gpus in _equal_sets(machine))


def _equal_sets(machine: Machine) -> tuple[tuple[int, ...], ...]:
    """The first two, four, eight … GPUs of the kind of the first, and all of that kind."""
    if not machine.gpus or machine.gpus[0].kind == "unified":
        return ()
    first = machine.gpus[0].name
    count = next((i for i, gpu in enumerate(machine.gpus) if gpu.name != first), len(machine.gpus))
    sizes = sorted({2**k for k in range(1, 8) if 2**k <= count} | ({count} if count > 1 else set()))
    return tuple(tuple(range(size)) for size in sizes)


def place(
    c: Candidates,
    machine: Machine,
    q: Question,
    strategy: Strategy,
    gpus: tuple[int, ...],
    sizes: Sizes | None = None,
) -> Placement:
    """Place all candidates with one strategy on a set of GPUs (from ``gpu_choices``).

    Args:
        sizes: of the candidates' parts, where they are known from another strategy.
    """
    s = sizes or sizes_of(c, q)
    if strategy is Strategy.CPU:
        return _on_cpu(c, s, machine)
    if strategy is Strategy.TENSOR_PARALLEL:
        return _tensor_parallel(c, s, machine, q, gpus)
    if strategy in (Strategy.ACCELERATOR, Strategy.KV_IN_RAM):
        return _on_accelerators(c, s, machine, q, gpus, strategy)
    if strategy is Strategy.EXPERTS_IN_RAM:
        return _experts_in_ram(c, s, machine, q)
    return _layers_split(c, s, machine, q)


def cache_layers(strategy: Strategy, dense_layers: Floats) -> Floats:
    """Layers whose cache lies on each device [n, devices]: where the layer does, unless it is kept in RAM."""
    if strategy is not Strategy.KV_IN_RAM:
        return dense_layers
    layers = np.zeros_like(dense_layers)
    layers[:, -1] = dense_layers.sum(axis=1)
    return layers


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the parts of candidates take in bytes, wherever they lie [n] each."""

    head: Floats
    dense_layer: Floats
    expert_layer: Floats
    """Experts of one layer that has any."""
    kv_layer: Floats
    buffer: Floats
    """Scratch of a device that holds any part."""
    embedding: Floats
    host: Floats
    """What stays in host memory: embeddings."""


def sizes_of(c: Candidates, q: Question) -> Sizes:
    """The sizes of all candidates' parts: those of the weights, of the cache and of buffers."""
    embedding = c.embedding.sum(axis=1)
    experts = c.experts.sum(axis=1)
    return Sizes(
        head=c.head.sum(axis=1),
        dense_layer=c.dense.sum(axis=1) / c.layers,
        expert_layer=experts / np.maximum(c.expert_layers, 1),
        kv_layer=kv_bytes(c, q) / c.layers,
        buffer=compute_buffer_bytes(c, q),
        embedding=embedding,
        host=embedding + c.lookup_bytes,
    )


def _finish(
    c: Candidates,
    machine: Machine,
    s: Sizes,
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
    # The embedding lies in RAM.  A head that is the same matrix is one copy with it in RAM and in
    # unified memory, which maps the file once; a discrete GPU holds a copy of its own.
    in_ram = np.array([device.kind != "gpu" for device in machine.devices])
    duplicate = s.embedding * c.tied * (head * in_ram).sum(axis=1)
    weights[:, -1] += s.host - duplicate
    cached = cache_layers(strategy, dense_layers)
    kv = cached * s.kv_layer[:, None]
    used = (dense_layers + expert_layers + head + cached) > 0
    buffers = np.where(used, s.buffer[:, None], 0.0)
    ram_need = ((weights + kv + buffers) * in_ram).sum(axis=1)
    missing = short + np.maximum(ram_need - machine.ram_usable_bytes, 0.0)
    parallel = np.ones(len(c))
    return Placement(strategy, dense_layers, expert_layers, head, weights, kv, buffers, missing, parallel)


def _on_cpu(c: Candidates, s: Sizes, machine: Machine) -> Placement:
    shape = (len(c), len(machine.devices))
    dense, experts, head = (by_device(*shape) for _ in range(3))
    dense[:, -1] = c.layers
    experts[:, -1] = c.expert_layers
    head[:, -1] = 1.0
    return _finish(c, machine, s, Strategy.CPU, dense, experts, head, np.zeros(len(c)))


def _on_accelerators(
    c: Candidates, s: Sizes, machine: Machine, q: Question, gpus: tuple[int, ...], strategy: Strategy
) -> Placement:
    """Fill the GPUs in order, fastest first, with whole layers; with their cache unless it lies in RAM."""
    share = np.where(c.layers > 0, c.expert_layers / c.layers, 0.0)
    layer = s.dense_layer + s.expert_layer * share
    if strategy is not Strategy.KV_IN_RAM:
        layer = layer + s.kv_layer
    if q.all_gpus:
        layers, head, short = _shared_out(layer, s, c.layers, machine)
    else:
        layers, head, short = _fill(layer, s, c.layers, machine, gpus)
    unplaced = short > 0
    # What does not fit is shown as if all of it lay on the first GPU.
    layers[unplaced] = 0.0
    head[unplaced] = 0.0
    layers[unplaced, gpus[0]] = c.layers[unplaced]
    head[unplaced, gpus[0]] = 1.0
    experts = layers * share[:, None]
    return _finish(c, machine, s, strategy, layers, experts, head, short)


def _tensor_parallel(
    c: Candidates, s: Sizes, machine: Machine, q: Question, gpus: tuple[int, ...]
) -> Placement:
    """An equal share of every layer and of the head on each of the first GPUs."""
    count = max(len(gpus), 1)
    shape = (len(c), len(machine.devices))
    layers, experts, head = (by_device(*shape) for _ in range(3))
    layers[:, :count] = (c.layers / count)[:, None]
    experts[:, :count] = (c.expert_layers / count)[:, None]
    head[:, :count] = 1 / count
    share = (layers[:, 0] * (s.dense_layer + s.kv_layer) + experts[:, 0] * s.expert_layer) + s.head / count
    room = min((gpu.usable_bytes for gpu in machine.gpus[:count]), default=0.0)
    short = np.maximum(share + s.buffer - room, 0.0) * count
    if RUNTIME[q.runtime].divides_heads:
        heads = np.array([model.n_heads for model in c.models])[c.model_of]
        short = np.where(heads % count == 0, short, np.inf)
    placed = _finish(c, machine, s, Strategy.TENSOR_PARALLEL, layers, experts, head, short)
    return replace(placed, parallel=np.full(len(c), float(count)))


def _shared_out(layer: Floats, s: Sizes, n_layers: Floats, machine: Machine) -> tuple[Floats, Floats, Floats]:
    """Layers over all GPUs by their memory, the head on the last; like ``_fill``, but not in whole layers."""
    room = np.array([max(gpu.usable_bytes, 0.0) for gpu in machine.gpus])
    layers, head = (by_device(len(n_layers), len(machine.devices)) for _ in range(2))
    layers[:, :-1] = n_layers[:, None] * room / max(float(room.sum()), 1.0)
    head[:, len(room) - 1] = 1.0
    need = n_layers * layer + s.head + s.buffer * len(room)
    return layers, head, np.maximum(need - room.sum(), 0.0)


def _fill(
    layer: Floats, s: Sizes, n_layers: Floats, machine: Machine, gpus: tuple[int, ...]
) -> tuple[Floats, Floats, Floats]:
    """Fill GPUs in order with whole layers; the one that takes the last layer takes the head.

    Returns layers [n, d], head [n, d] and the bytes that are short [n].
    """
    n, d = len(n_layers), len(machine.devices)
    layers, head = by_device(n, d), by_device(n, d)
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


def _experts_in_ram(c: Candidates, s: Sizes, machine: Machine, q: Question) -> Placement:
    """All layers on the GPUs in order; the experts of as few leading layers as possible in RAM.

    The number of leading layers is found by bisection: with more of them everything else is
    smaller, so if n fit, n + 1 fit too.
    """
    plain = c.layers - c.expert_layers  # dense-first layers have no experts to move

    def spread(in_ram: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        return _fill_two_kinds(c, s, machine, plain + in_ram)

    most = c.expert_layers
    low, high = np.minimum(1.0, most), most.copy()
    if q.cpu_expert_layers is not None:
        low = high = np.clip(q.cpu_expert_layers - plain, low, most)
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        fits = spread(middle)[3] <= 0
        high = np.where(fits, middle, high)
        low = np.where(fits, low, np.minimum(middle + 1, high))
    layers, full, head, short = spread(high)
    experts = full
    experts[:, -1] = high
    short = np.where(c.expert_layers > 0, short, np.inf)
    return _finish(c, machine, s, Strategy.EXPERTS_IN_RAM, layers, experts, head, short)


def _fill_two_kinds(
    c: Candidates, s: Sizes, machine: Machine, light_layers: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Fill the GPUs in order with light layers (no experts), then with full ones, then the head.

    Returns layers, full layers and head [n, d], and the bytes that are short [n].
    """
    n, d = len(c), len(machine.devices)
    light = s.dense_layer + s.kv_layer
    heavy = light + s.expert_layer
    layers, full, head = (by_device(n, d) for _ in range(3))
    rest_light, rest_full = light_layers.copy(), c.layers - light_layers
    head_at = _head_gpu(s, machine)
    for g in range(d - 1):
        holds_head = head_at == g
        budget = np.maximum(machine.devices[g].usable_bytes - s.buffer - holds_head * s.head, 0.0)
        budget = np.where(g <= head_at, budget, 0.0)
        take_light = np.minimum(np.floor(budget / light), rest_light)
        rest_light = rest_light - take_light
        left = np.where(rest_light > 0, 0.0, budget - take_light * light)
        take_full = np.minimum(np.floor(left / heavy), rest_full)
        rest_full = rest_full - take_full
        layers[:, g] = take_light + take_full
        full[:, g] = take_full
        head[:, g] = holds_head
    short = rest_light * light + rest_full * heavy
    # What does not fit is shown on the GPU that holds the head.
    stuck = short > 0
    rows = np.arange(n)[stuck]
    layers[rows, head_at[stuck]] += (rest_light + rest_full)[stuck]
    full[rows, head_at[stuck]] += rest_full[stuck]
    return layers, full, head, short


def _head_gpu(s: Sizes, machine: Machine) -> NDArray[np.int64]:
    """The last GPU with room for buffers and head: llama.cpp puts the output behind the last layer."""
    room = np.stack([gpu.usable_bytes - s.buffer - s.head for gpu in machine.gpus], axis=1)
    count = room.shape[1]
    fits = room[:, ::-1] >= 0
    return np.where(fits.any(axis=1), count - 1 - np.argmax(fits, axis=1), 0).astype(np.int64)


def _layers_split(c: Candidates, s: Sizes, machine: Machine, q: Question) -> Placement:
    """The head and as many of the last layers as fit on the GPUs; the first layers on the CPU."""
    n, d = len(c), len(machine.devices)
    share = np.where(c.layers > 0, c.expert_layers / c.layers, 0.0)
    layer = s.dense_layer + s.expert_layer * share + s.kv_layer
    head_at = _head_gpu(s, machine)
    layers, head = by_device(n, d), by_device(n, d)
    rest = np.maximum(c.layers - 1, 0.0)
    if q.gpu_layers is not None:
        rest = np.minimum(rest, q.gpu_layers)
    for g, gpu in enumerate(machine.gpus):
        holds_head = head_at == g
        budget = np.maximum(gpu.usable_bytes - s.buffer - holds_head * s.head, 0.0)
        take = np.where(g <= head_at, np.minimum(np.floor(budget / layer), rest), 0.0)
        layers[:, g] = take
        head[:, g] = holds_head
        rest = rest - take
    layers[:, -1] = c.layers - layers.sum(axis=1)
    room = np.array([gpu.usable_bytes for gpu in machine.gpus])[head_at] - s.buffer - s.head
    nothing_on_gpu = (layers[:, :-1].sum(axis=1) <= 0) | (room < 0)
    short = np.where(nothing_on_gpu, np.inf, 0.0)
    return _finish(c, machine, s, Strategy.LAYERS_SPLIT, layers, layers * share[:, None], head, short)
