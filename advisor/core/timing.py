"""Time of one decode step, term by term.

Two halves: ``step_work`` counts what a step does on every device of a placement (bytes by format,
cache, arithmetic, launches, hand-overs), ``decode_terms`` divides the counts by the devices' rates.
The first knows nothing of speed and the second nothing of models, so that the fit of the rates
(``advisor.fitting``) runs through the same formula as the app.

Terms are arrays [candidates, devices, terms]; their sum over devices and terms is the step time,
exactly, so that every share shown is a share of the number shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from advisor.core.candidates import Candidates, Floats
from advisor.core.machine import Device, Machine
from advisor.core.memory import kv_read_bytes
from advisor.core.placement import Placement, Strategy
from advisor.core.question import Question
from catalog.efficiency import Efficiencies


class Term(IntEnum):
    """The parts of a decode step."""

    WEIGHTS = 0
    """Reading the active weights."""
    KV = 1
    """Reading the KV cache and recurrent state."""
    COMPUTE = 2
    """Arithmetic: dequantization, attention, the multiplications of a batch."""
    LAUNCH = 3
    """Fixed time per tensor: kernel launches, synchronisation inside the device, host work."""
    LINK = 4
    """Handing activations from one device to the next."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one decode step of all users does, per candidate and device [n, d]."""

    weight_bytes: Floats
    """Dense weights and head by ggml type [n, d, types]."""
    expert_bytes: Floats
    """Distinct routed experts by ggml type [n, d, types]."""
    kv_bytes: Floats
    """Cache and state of all users."""
    attention_macs: Floats
    """Multiplications of queries with keys and of scores with values."""
    latent_macs: Floats
    """The part of ``attention_macs`` that works on latents."""
    launches: Floats
    """Tensors worked through: each is a kernel or two."""
    host_share: Floats
    """Share of the host's work for the users that is booked on the device."""
    tokens: Floats
    """Tokens that a dense matrix multiplies at once: the users [n, 1]."""
    expert_tokens: Floats
    """Tokens that a touched expert multiplies at once [n, 1]."""
    dense_params: Floats
    """Parameters outside the routed experts that every token is multiplied with."""
    expert_params: Floats
    """Parameters of the chosen experts of one token."""
    touched_params: Floats
    """Parameters of the distinct experts that all tokens touch."""
    gpu_hops: Floats
    """Hand-overs of activations received from another GPU."""
    host_hops: Floats
    """Hand-overs between a GPU and host memory."""
    syncs: Floats
    """All-reduces that the device takes part in, divided by the devices that work side by side."""
    sync_bytes: Floats
    """What all-reduces carry over a link, divided likewise."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What devices reach; arrays broadcast against [n, d], times in seconds, rates per second."""

    weight_bandwidth: Floats
    """Bytes/s of weights in the reference format."""
    memory_cost: Floats
    """Memory time per byte of a format relative to the reference format [., d, types]."""
    unit_rate: Floats
    """Bytes/s of the reference format that the compute units dequantize and multiply."""
    unit_cost: Floats
    """Arithmetic time per byte of a format relative to the reference format [., d, types]."""
    expert_cost: Floats
    """Time per byte of gathered experts relative to dense weights of the same format [., d, types]."""
    column_rate: Floats
    """Parameters/s that kernels for few tokens multiply with each further token."""
    matrix_rate: Floats
    """FLOP/s of kernels for many tokens."""
    matrix_columns: Floats
    """Tokens that a kernel for many tokens costs beside those it works on."""
    expert_tile: Floats
    """The same for the experts, which see few tokens each."""
    host_s: Floats
    """Work of the host for each further user: sampling, bookkeeping."""
    kv_bandwidth: Floats
    attention_rate: Floats
    """Multiply-adds of attention per second."""
    latent_cost: Floats
    """Time of a multiply-add on latents relative to plain attention."""
    launch_s: Floats
    """Time per tensor."""
    gpu_hop_s: Floats
    host_hop_s: Floats
    sync_s: Floats
    """Latency of one all-reduce."""
    sync_bandwidth: Floats
    """Bytes/s of an all-reduce's link."""
    soft_p: Floats
    """Exponent of the soft minimum of rates."""


def rates_of(
    machine: Machine, types: tuple[str, ...], efficiencies: Efficiencies, q: Question, *, split: bool
) -> Rates:
    """The rates of a machine's devices [1, devices] for weights in ``types``.

    Args:
        q: whether attention is fused ("flash"), and how old the runtime is.
        split: weights lie both on a GPU and in RAM, where runtimes reach less of the RAM.
    """
    devices = machine.devices

    def per_device(values: list[float]) -> Floats:
        return np.asarray(values, dtype=np.float64)[None, :]

    costs = [efficiencies.format_costs(d.backend, types) for d in devices]
    emulation = np.where(efficiencies.is_quantized(types), efficiencies.number("emulated_dot_cost"), 1.0)
    unfused = [1.0 if q.flash_attention else d.unfused_cost for d in devices]
    years = efficiencies.years_behind(q.runtime_year)
    share = efficiencies.number("split_share") if split else 1.0
    caps = per_device([d.cap for d in devices])
    return Rates(
        weight_bandwidth=soft_minimum(per_device([d.bandwidth * d.eta for d in devices]), caps)
        * per_device([share if d.kind == "cpu" else 1.0 for d in devices]),
        memory_cost=np.array([c.memory for c in costs])[None],
        unit_rate=per_device([d.unit_rate for d in devices]),
        unit_cost=np.array(
            [
                np.array(c.unit) * (emulation if d.emulates_dot else 1.0)
                for c, d in zip(costs, devices, strict=True)
            ]
        )[None],
        expert_cost=np.array([c.expert for c in costs])[None]
        * per_device([d.expert_cost for d in devices])[..., None],
        column_rate=per_device([d.column_rate for d in devices]),
        matrix_rate=per_device([d.matrix_rate for d in devices]),
        matrix_columns=per_device([d.matrix_columns for d in devices]),
        expert_tile=per_device([d.expert_tile for d in devices]),
        host_s=per_device([d.host_s for d in devices]),
        kv_bandwidth=soft_minimum(per_device([d.bandwidth * d.eta_kv for d in devices]), caps)
        / per_device(unfused),
        attention_rate=per_device(
            [d.attention_rate / cost for d, cost in zip(devices, unfused, strict=True)]
        ),
        latent_cost=per_device([d.latent_cost for d in devices]),
        launch_s=per_device([d.launch_s * d.launch_growth**years for d in devices]),
        gpu_hop_s=per_device([machine.gpu_hop_s + _latency_s(d) for d in devices]),
        host_hop_s=per_device([machine.host_hop_s] * len(devices)),
        sync_s=per_device([machine.sync_s] * len(devices)),
        sync_bandwidth=per_device(
            [d.network.bytes_per_s if d.network else machine.sync_bandwidth for d in devices]
        ),
        soft_p=per_device([d.soft_p for d in devices]),
    )


def _latency_s(device: Device) -> float:
    """What a message to a device takes beside a hand-over inside the machine; unknown counts as nothing."""
    return (device.network and device.network.latency_s) or 0.0


_SHARPNESS = 8.0


def soft_minimum(a: Floats, b: Floats) -> Floats:
    """The smaller of two positive numbers, rounded off where they are alike: a / (1 + (a/b)^8)^(1/8).

    Limits that are averages of many parts do not switch at one point; and the fit needs derivatives.
    """
    return np.asarray(a * (1 + (a / b) ** _SHARPNESS) ** (-1 / _SHARPNESS))


def experts_read_share(n_experts: Floats, active: Floats, tokens: float) -> Floats:
    """Share of the routed experts that ``tokens`` tokens in flight touch: 1 - (1 - k/E)^n."""
    return 1.0 - (1.0 - active / n_experts) ** tokens


def step_work(c: Candidates, machine: Machine, placement: Placement, q: Question, depth: float) -> Work:
    """Count one decode step of all users.

    With tensor parallelism every GPU holds a share of every layer and all work at the same time, so
    the step takes as long as one of them: each books its part of that time (``Placement.parallel``).
    """
    users = float(q.users)
    touched = experts_read_share(c.n_experts, c.n_experts_active, users**ROUTING_OVERLAP)
    parallel = placement.parallel[:, None]
    dense_share = placement.dense_layers / c.layers[:, None]
    expert_share = placement.expert_layers / np.maximum(c.expert_layers, 1)[:, None]
    seen = np.minimum(depth, c.window)
    # An indexer leaves attention fewer tokens than the cache holds.
    attended = np.minimum(depth, c.read_tokens.max(axis=1)) if q.flash_attention else depth
    macs = c.attention_width * attended + c.window_attention_width * seen
    heads_share = users * placement.cache_layers / c.layers[:, None] / parallel
    side_by_side = placement.dense_layers * (parallel > 1)
    reduces = REDUCES_PER_LAYER * side_by_side
    message = c.hidden[:, None] * ACTIVATION_BYTES * users * np.where(parallel > 2, RING_CROSSINGS, 1)
    expert_params = c.expert_matmul_params[:, None] * expert_share / parallel
    launches = c.dense_tensors[:, None] * dense_share + c.expert_tensors[:, None] * expert_share
    busy = launches > 0
    gpu_hops, host_hops = _hops(placement, machine)
    return Work(
        weight_bytes=(
            c.dense[:, None, :] * (dense_share / parallel)[..., None]
            + c.head[:, None, :] * (placement.head / parallel)[..., None]
        ),
        expert_bytes=c.experts[:, None, :] * (expert_share * touched[:, None] / parallel)[..., None],
        kv_bytes=kv_read_bytes(c, q, depth)[:, None] * heads_share,
        attention_macs=macs[:, None] * heads_share,
        latent_macs=(c.latent_attention_width * attended)[:, None] * heads_share,
        launches=launches,
        host_share=busy / np.maximum(busy.sum(axis=1, keepdims=True), 1),
        tokens=np.full((len(c), 1), users),
        expert_tokens=(users * c.n_experts_active / (c.n_experts * touched))[:, None],
        dense_params=c.dense_matmul_params[:, None] * dense_share / parallel,
        expert_params=expert_params,
        touched_params=expert_params * (touched * c.n_experts / c.n_experts_active)[:, None],
        gpu_hops=gpu_hops,
        host_hops=host_hops,
        syncs=reduces * 2 * (parallel - 1),
        sync_bytes=reduces * message * 2 * (parallel - 1) / parallel
        + _network_bytes(c, machine, placement, users),
    )


def _network_bytes(c: Candidates, machine: Machine, placement: Placement, users: float) -> Floats:
    """Activations to a device of a second machine and back, or the logits back from the head [n, d]."""
    over = np.array([device.network is not None for device in machine.devices])
    back = np.where(placement.head > 0, c.vocab[:, None], c.hidden[:, None])
    numbers = (c.hidden[:, None] + back) * (placement.dense_layers > 0)
    return np.asarray(numbers * over * users * NETWORK_BYTES)


NETWORK_BYTES = 4
"""llama.cpp hands activations and logits between machines over in 32 bit."""


ROUTING_OVERLAP = 0.81
"""Tokens of a batch choose like fewer independent ones: routing is skewed.  n^0.81 independent tokens
touch as many experts as n real ones (batch curves of gpt-oss on a DGX Spark)."""
ACTIVATION_BYTES = 2
"""Tensor-parallel runtimes exchange activations in 16 bit."""
REDUCES_PER_LAYER = 2
"""One after attention, one after the feed-forward part."""
RING_CROSSINGS = 2
"""A ring of more than two GPUs on PCIe crosses the host bridge on the way in and out."""


def decode_terms(work: Work, rates: Rates) -> Floats:
    """Seconds of one decode step for all users together, [n, devices, terms].

    Weights take the memory time and the arithmetic time (dequantize and multiply), the cache its
    memory time and that of attention, each pair joined by the soft minimum of rates
    t = (t_mem^p + t_comp^p)^(1/p) and shown by the share that each has in it.  Launches come on top.

    Arithmetic of several tokens is that of the better kind of kernel: one for few tokens, which adds a
    multiplication per parameter and further token, or one for many, which costs as much as
    ``matrix_columns`` tokens before the first.
    """
    read_bytes = work.weight_bytes + work.expert_bytes * rates.expert_cost
    weights_s = over_formats(read_bytes, rates.memory_cost) / rates.weight_bandwidth
    one_s = over_formats(read_bytes, rates.unit_cost) / rates.unit_rate
    further = work.tokens - 1
    few_s = one_s + further * (work.dense_params + work.expert_params) / rates.column_rate
    many_flops = 2 * work.dense_params * (work.tokens + rates.matrix_columns)
    many_flops = many_flops + 2 * work.touched_params * (work.expert_tokens + rates.expert_tile)
    many_s = np.where(further > 0, many_flops / rates.matrix_rate, np.inf)
    arithmetic_s = soft_minimum(few_s, np.maximum(many_s, _TINY_S))
    weights, weights_share = _soft_sum(weights_s, arithmetic_s, rates.soft_p)
    macs = work.attention_macs + work.latent_macs * (rates.latent_cost - 1)
    cache, cache_share = _soft_sum(
        work.kv_bytes / rates.kv_bandwidth, macs / rates.attention_rate, rates.soft_p
    )
    terms = np.zeros((*weights.shape, len(Term)))
    terms[..., Term.WEIGHTS] = weights * weights_share
    terms[..., Term.KV] = cache * cache_share
    terms[..., Term.COMPUTE] = weights * (1 - weights_share) + cache * (1 - cache_share)
    terms[..., Term.LAUNCH] = work.launches * rates.launch_s + further * rates.host_s * work.host_share
    terms[..., Term.LINK] = (
        work.gpu_hops * rates.gpu_hop_s
        + work.host_hops * rates.host_hop_s
        + work.syncs * rates.sync_s
        + work.sync_bytes / rates.sync_bandwidth
    )
    return terms


def over_formats(amounts: Floats, cost: Floats) -> Floats:
    """Amounts by weight format [..., types], each at its cost, summed over the formats [...]."""
    return np.asarray(np.einsum("...t,...t->...", amounts, cost))


_TINY_S = 1e-30


def _soft_sum(memory_s: Floats, compute_s: Floats, p: Floats) -> tuple[Floats, Floats]:
    """(m^p + c^p)^(1/p) and the share m^p / (m^p + c^p) of it that belongs to memory.

    The share is also d ln(time) / d ln(m), so that the largest term is the one that a better part
    would help most.
    """
    largest = np.maximum(np.maximum(memory_s, compute_s), _TINY_S)
    memory, compute = (memory_s / largest) ** p, (compute_s / largest) ** p
    both = np.maximum(memory + compute, _TINY_S)
    return np.asarray(np.where(largest > _TINY_S, largest * both ** (1 / p), 0.0)), np.asarray(memory / both)


CROSSINGS = 2.0
"""Messages over a network in a step of a second machine: activations there, the result back."""


def _hops(placement: Placement, machine: Machine) -> tuple[Floats, Floats]:
    """Hand-overs from GPU to GPU and between GPU and host [n, d] each, booked on the receiver.

    One between consecutive devices that hold layers; two per layer whose experts or cache lie in RAM.
    """
    n, d = placement.dense_layers.shape
    if d == 1:
        return np.zeros((n, d)), np.zeros((n, d))
    holds = placement.dense_layers > 0
    order = np.cumsum(holds, axis=1)
    hops = np.where(holds & (order > 1) & (placement.parallel[:, None] <= 1), 1.0, 0.0)
    for g, device in enumerate(machine.devices):
        if device.network is not None:  # there and back
            hops[:, g] = np.where(holds[:, g], CROSSINGS, 0.0)
    host = np.zeros((n, d))
    host[:, -1] = hops[:, -1]
    hops[:, -1] = 0.0
    if placement.strategy is Strategy.EXPERTS_IN_RAM and machine.gpus[0].kind == "gpu":
        host[:, -1] += 2 * placement.expert_layers[:, -1]
    if placement.strategy is Strategy.KV_IN_RAM:
        host[:, -1] += 2 * placement.cache_layers[:, -1]
    return np.asarray(hops), host
