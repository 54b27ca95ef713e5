"""Time of one decode step and of a prompt's prefill, term by term.

Terms are arrays [candidates, devices, terms]; their sum over devices and terms is the step time,
exactly, so that every share shown is a share of the number shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

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
    """Fixed time per layer: kernel launches, synchronisation inside the device, host work."""
    LINK = 4
    """Handing activations from one device to the next."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What formats and kinds of layers cost; arrays are per ggml type of ``Candidates.types``."""

    gpu_cost: Floats
    """GPU time per byte relative to the reference format."""
    core_rate: Floats
    """Bytes/s one reference CPU core works through."""
    recurrent_launches: float
    """Launches that a recurrent mixer adds, in units of a plain layer's."""
    expert_launches: float
    """Launches that a layer's routed experts add."""
    expert_cost: float
    """Time per byte of gathered experts relative to dense weights."""


def costs_of(types: tuple[str, ...], efficiencies: Efficiencies) -> Costs:
    """Look up what formats and layer kinds cost, once for a set of candidates."""
    return Costs(
        np.array([efficiencies.format_cost(t) for t in types], dtype=np.float64),
        np.array([efficiencies.core_rate_bytes_per_s(t) for t in types], dtype=np.float64),
        recurrent_launches=efficiencies.number("layer_kinds", "recurrent_launches"),
        expert_launches=efficiencies.number("layer_kinds", "expert_launches"),
        expert_cost=efficiencies.number("layer_kinds", "expert_cost"),
    )


def experts_read_share(n_experts: Floats, active: Floats, tokens: float) -> Floats:
    """Share of the routed experts that ``tokens`` tokens in flight touch: 1 - (1 - k/E)^n."""
    return 1.0 - (1.0 - active / n_experts) ** tokens


def decode_terms(
    c: Candidates,
    machine: Machine,
    placement: Placement,
    q: Question,
    costs: Costs,
    depth: float,
) -> Floats:
    """Seconds of one decode step for all users together, [n, devices, terms].

    Per device: memory time = weights/(eta BW) + KV/(eta_kv BW); compute time from the device's
    rate; both joined by the soft minimum of rates t = (t_mem^p + t_comp^p)^(1/p) and shown by the
    share that each has in it; plus launches, of which recurrent mixers and routed experts need
    more than a plain layer.
    """
    n, d = placement.dense_layers.shape
    terms = np.zeros((n, d, len(Term)))
    users = float(q.users)
    touched = experts_read_share(c.n_experts, c.n_experts_active, users)
    kv_read = kv_read_bytes(c, q, depth) * users
    dense_share = placement.dense_layers / c.layers[:, None]
    expert_share = placement.expert_layers / np.maximum(c.expert_layers, 1)[:, None]
    is_moe = c.expert_layers > 0
    for g, device in enumerate(machine.devices):
        by_type = (
            c.dense * dense_share[:, g, None]
            + c.head * placement.head[:, g, None]
            + c.experts * (expert_share[:, g] * touched * costs.expert_cost)[:, None]
        )
        kv = kv_read * dense_share[:, g]
        flops = (
            2
            * users
            * (c.dense_matmul_params * dense_share[:, g] + c.expert_matmul_params * expert_share[:, g])
        )
        if device.kind == "cpu":
            weights_s, kv_s, compute_s = _cpu_times(
                device, by_type, kv, flops, costs, is_moe, users, split=placement.strategy not in _UNSPLIT
            )
        else:
            weights_s = by_type @ costs.gpu_cost / (device.eta * device.bandwidth)
            kv_s = kv / (device.eta_kv * device.bandwidth)
            compute_s = flops / device.prefill_flops
        total, memory_share = _soft_sum(weights_s + kv_s, compute_s, machine.soft_p)
        reading = total * memory_share / np.maximum(weights_s + kv_s, _TINY_S)
        terms[:, g, Term.WEIGHTS] = weights_s * reading
        terms[:, g, Term.KV] = kv_s * reading
        terms[:, g, Term.COMPUTE] = total * (1 - memory_share)
        launches = placement.dense_layers[:, g] * (1 + costs.recurrent_launches * c.recurrent_share)
        launches = launches + placement.expert_layers[:, g] * costs.expert_launches
        terms[:, g, Term.LAUNCH] = launches * device.launch_s_per_layer
    terms[:, :, Term.LINK] = _hops(placement, machine)
    return terms


_UNSPLIT = (Strategy.ACCELERATOR, Strategy.CPU)


_TINY_S = 1e-30


def _soft_sum(memory_s: Floats, compute_s: Floats, p: float) -> tuple[Floats, Floats]:
    """(m^p + c^p)^(1/p) and the share m^p / (m^p + c^p) of it that belongs to memory.

    The share is also d ln(time) / d ln(m), so that the largest term is the one that a better part
    would help most.
    """
    largest = np.maximum(np.maximum(memory_s, compute_s), _TINY_S)
    memory, compute = (memory_s / largest) ** p, (compute_s / largest) ** p
    both = np.maximum(memory + compute, _TINY_S)
    return np.asarray(largest * both ** (1 / p)), np.asarray(memory / both)


def _cpu_times(
    device: Device,
    by_type: Floats,
    kv: Floats,
    flops: Floats,
    costs: Costs,
    is_moe: NDArray[np.bool_],
    users: float,
    *,
    split: bool,
) -> tuple[Floats, Floats, Floats]:
    """Weights, KV and compute time of the CPU.

    Compute is dequantization, a per-core rate for each weight format, and attention over the cache;
    with several users the multiplications come on top once per user.
    """
    eta = np.where(is_moe, device.eta_moe, device.eta)
    if split:
        eta = np.minimum(eta, device.eta_hybrid)
    weights_s = by_type.sum(axis=1) / (eta * device.bandwidth)
    kv_s = kv / (device.eta_kv * device.bandwidth)
    dequant_s = by_type @ (1.0 / costs.core_rate) / (device.cores * device.core_factor)
    multiply_s = flops / device.prefill_flops
    attention_s = kv / device.kv_core_rate
    compute_s = np.maximum(dequant_s, multiply_s if users > 1 else 0.0) + attention_s
    return weights_s, kv_s, compute_s


def _hops(placement: Placement, machine: Machine) -> Floats:
    """Hand-overs: one between consecutive devices that hold layers; two per expert layer in RAM.

    The time is booked on the device that receives.
    """
    n, d = placement.dense_layers.shape
    link = np.zeros((n, d))
    if d == 1:
        return link
    holds = placement.dense_layers > 0
    order = np.cumsum(holds, axis=1)
    link += np.where(holds & (order > 1), machine.link_hop_s, 0.0)
    if placement.strategy is Strategy.EXPERTS_IN_RAM and machine.gpus[0].kind == "gpu":
        link[:, -1] += 2 * placement.expert_layers[:, -1] * machine.link_hop_s
    return link


def prefill_seconds(c: Candidates, machine: Machine, placement: Placement, q: Question) -> Floats:
    """Seconds to process a prompt of ``q.prompt`` tokens for one user [n].

    FLOPs = 2 x active parameters x tokens + attention, which is quadratic in the prompt; gathered
    experts and attention reach only a share of the device's rate.  Work whose weights lie in RAM
    runs on the CPU or, if that is faster, on the first GPU with the weights streamed over its link
    once per micro-batch.
    """
    prompt = float(q.prompt)
    seen = q.cached_tokens + prompt / 2
    window = np.minimum(seen, np.maximum(c.window, 1))
    attention = 2 * prompt * (c.attention_width * seen + c.window_attention_width * window)
    dense = 2 * c.dense_matmul_params * prompt
    experts = 2 * c.expert_matmul_params * prompt
    dense_share = placement.dense_layers / c.layers[:, None]
    expert_share = placement.expert_layers / np.maximum(c.expert_layers, 1)[:, None]
    ubatches = np.ceil(prompt / q.ubatch)
    touched = experts_read_share(c.n_experts, c.n_experts_active, min(float(q.ubatch), prompt))
    dense_bytes, expert_bytes = c.dense.sum(axis=1), c.experts.sum(axis=1) * touched
    total = np.zeros(len(c))
    for g, device in enumerate(machine.devices):
        held = dense_bytes * dense_share[:, g] + expert_bytes * expert_share[:, g]

        def computed_on(d: Device, g: int = g) -> Floats:
            matmul = dense + attention / d.prefill_attention_share
            gathered = experts / d.prefill_expert_share
            flops = matmul * dense_share[:, g] + gathered * expert_share[:, g]
            return np.asarray(flops / d.prefill_flops)

        read_s = held * ubatches / (device.eta * device.bandwidth)
        seconds = np.maximum(computed_on(device), read_s)
        if device.kind == "cpu" and machine.gpus:
            gpu = machine.gpus[0]
            seconds = np.minimum(seconds, held * ubatches / gpu.host_link + computed_on(gpu))
        total += seconds
    return total
