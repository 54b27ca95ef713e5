"""Time of one decode step, term by term.

Two halves: ``step.step_work`` counts what a step does on every device of a placement (bytes by format,
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

from advisor.core.candidates import Floats
from advisor.core.machine import Device, Machine
from advisor.core.question import Question
from advisor.core.step import Work
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


def decode_terms(work: Work, rates: Rates) -> Floats:
    """Seconds of one decode step for all users together, [n, devices, terms].

    Weights take the memory time and the arithmetic time (dequantize and multiply), the cache its
    memory time and that of attention, each pair joined by the soft minimum of rates
    t = (t_mem^p + t_comp^p)^(1/p) and shown by the share that each has in it.  Launches come on top.

    Arithmetic of several tokens is that of the better kind of kernel: one for few tokens, which adds a
    multiplication per parameter and further token, or one for many, which costs as much as
    ``matrix_columns`` tokens before the first.
    """
    weights_s = work.costs(rates.memory_cost, rates.expert_cost) / rates.weight_bandwidth
    arithmetic_s = work.costs(rates.unit_cost, rates.expert_cost) / rates.unit_rate
    further = work.tokens - 1
    if (further > 0).any():
        few_s = arithmetic_s + further * (work.dense_params + work.expert_params) / rates.column_rate
        many_flops = 2 * work.dense_params * (work.tokens + rates.matrix_columns)
        many_flops = many_flops + 2 * work.touched_params * (work.expert_tokens + rates.expert_tile)
        many_s = np.where(further > 0, many_flops / rates.matrix_rate, np.inf)
        arithmetic_s = soft_minimum(few_s, np.maximum(many_s, _TINY_S))
    weights, weights_share = _soft_sum(weights_s, arithmetic_s, rates.soft_p)
    macs = work.attention_macs + work.latent_macs * (rates.latent_cost - 1)
    cache, cache_share = _soft_sum(
        work.kv_bytes / rates.kv_bandwidth, macs / rates.attention_rate, rates.soft_p
    )
    terms = np.zeros((*weights.shape, len(Term)), order="F")
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


_TINY_S = 1e-30


def _soft_sum(memory_s: Floats, compute_s: Floats, p: Floats) -> tuple[Floats, Floats]:
    """(m^p + c^p)^(1/p) and the share m^p / (m^p + c^p) of it that belongs to memory.

    The share is also d ln(time) / d ln(m), so that the largest term is the one that a better part
    would help most.
    """
    shape = np.broadcast_shapes(memory_s.shape, compute_s.shape)
    memory_s, compute_s, p = (np.broadcast_to(a, shape).ravel(order="F") for a in (memory_s, compute_s, p))
    largest = np.maximum(memory_s, compute_s)
    time, share = np.zeros_like(largest), np.zeros_like(largest)
    busy = np.flatnonzero(largest > _TINY_S)
    memory_s, compute_s, largest, p = (a[busy] for a in (memory_s, compute_s, largest, p))
    # The larger one is 1 to whatever power.
    ratio = (np.minimum(memory_s, compute_s) / largest) ** p
    both = 1.0 + ratio
    time[busy] = largest * both ** (1 / p)
    share[busy] = np.where(memory_s >= compute_s, 1.0, ratio) / both
    return time.reshape(shape, order="F"), share.reshape(shape, order="F")
