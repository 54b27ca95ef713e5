"""Time of a prompt's prefill, term by term.

Split like a decode step (``timing``): ``prompt_work`` counts what the whole prompt does on every device
of a placement, ``prompt_terms`` divides the counts by the devices' rates.  The first knows nothing of
speed and the second nothing of models, so that the fit runs through the same formula as the app.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np

from advisor.core.candidates import Candidates, Floats
from advisor.core.machine import Device, Machine
from advisor.core.placement import Placement, Strategy
from advisor.core.question import Question
from advisor.core.step import (
    ACTIVATION_BYTES,
    CROSSINGS,
    NETWORK_BYTES,
    REDUCES_PER_LAYER,
    RING_CROSSINGS,
    over_formats,
)
from catalog.efficiency import Efficiencies
from catalog.ggml import ggml_types


class PromptTerm(IntEnum):
    """The parts of a prefill."""

    DENSE = 0
    """Products with all weights but the routed experts."""
    EXPERTS = 1
    """Products with gathered experts."""
    ATTENTION = 2
    STATE = 3
    """The scan of recurrent layers."""
    OTHER = 4
    """Activations that pass through memory, and launches."""
    LINK = 5
    """Weights streamed to a GPU, all-reduces."""


@dataclass(frozen=True, slots=True)
class PromptWork:
    """What the whole prompt does, per candidate and device [n, d]; [n, 1] where devices share it.

    Products are amounts by ggml type [n, types] times each device's share of them [n, d].
    """

    dense_flops: Floats
    """With all weights but routed experts and the head, which only the last token needs [n, types]."""
    dense_share: Floats
    expert_flops: Floats
    """With the routed experts [n, types]."""
    expert_share: Floats
    dense_bytes: Floats
    """Dense weights, once per micro-batch."""
    expert_bytes: Floats
    """The experts that the tokens of a micro-batch touch, once per micro-batch."""
    expert_tokens: Floats
    """Tokens of a micro-batch that one expert sees [n, 1]."""
    expert_starts: Floats
    """Touched expert matrices of all micro-batches, as ``_EXPERT_SCALE`` weighs them."""
    attention_flops: Floats
    """With the past and the prompt itself, of which a token sees half."""
    latent_flops: Floats
    """The part of ``attention_flops`` that works on latents."""
    state_bytes: Floats
    """Recurrent state, once per token."""
    activation_bytes: Floats
    """Activations of the layers in 32 bit, once."""
    launches: Floats
    """Tensors worked through, in all micro-batches."""
    stages: Floats
    """GPUs that work as a pipeline [n, d]; 1 where none."""
    pipelined: Floats
    """Micro-batches in the pipeline [n, 1]."""
    syncs: Floats
    sync_bytes: Floats
    """All-reduces as in ``timing.Work``, of all micro-batches."""

    @property
    def flops(self) -> Floats:
        """All operations, with weights of all formats and of attention."""
        return np.asarray(
            self.dense_flops.sum(axis=1)[:, None] * self.dense_share
            + self.expert_flops.sum(axis=1)[:, None] * self.expert_share
            + self.attention_flops
        )


@dataclass(frozen=True, slots=True)
class PromptRates:
    """What devices reach on prompts; arrays broadcast against [n, d]."""

    dense_rate: Floats
    """FLOP/s of products with weights in the reference format."""
    cost: Floats
    """Time per FLOP of a format relative to the reference format [., d, types]."""
    expert_rate: Floats
    """FLOP/s of products with gathered experts."""
    expert_tile: Floats
    """Tokens that an expert costs beside those it sees."""
    expert_start_s: Floats
    """Time of a touched expert matrix beside its products: tiles that stay empty."""
    attention_rate: Floats
    """FLOP/s of attention."""
    latent_cost: Floats
    """Time of a FLOP on latents relative to plain attention."""
    memory_bandwidth: Floats
    """Bytes/s of streamed weights and activations."""
    state_passes: Floats
    """How often the state of a recurrent layer is moved per token."""
    activation_passes: Floats
    """How often activations are moved per layer."""
    launch_s: Floats
    """Time per tensor and micro-batch."""
    pipeline_gain: Floats
    """Share of a perfect pipeline's gain that several GPUs reach."""
    link_bandwidth: Floats
    """Bytes/s at which weights arrive that lie elsewhere; infinite where they lie on the device."""
    sync_s: Floats
    sync_bandwidth: Floats
    dense_p: float
    """Exponents of the soft maximum of computing and streaming, dense and experts."""
    expert_p: float


BY_TYPE = ("dense_flops", "expert_flops")
"""Fields of ``PromptWork`` that have an entry per ggml type instead of one per device."""


def prompt_work(c: Candidates, placement: Placement, q: Question, prompts: int = 1) -> PromptWork:
    """Count the prefill of ``prompts`` prompts of ``q.prompt`` tokens that are worked on together."""
    length = float(q.prompt)
    tokens = length * prompts
    batches = np.ceil(tokens / q.ubatch)
    batch = tokens / batches
    touched = 1 - (1 - c.n_experts_active / c.n_experts) ** (batch**PROMPT_OVERLAP)
    parallel = placement.parallel[:, None]
    dense_share = placement.dense_layers / c.layers[:, None] / parallel
    expert_share = placement.expert_layers / np.maximum(c.expert_layers, 1)[:, None] / parallel
    cache_share = placement.cache_layers / c.layers[:, None] / parallel
    seen = q.cached_tokens + length / 2
    # An indexer leaves attention fewer tokens than there are.
    attended = np.minimum(seen, c.read_tokens.max(axis=1)) if q.flash_attention else seen
    window = np.minimum(seen, np.maximum(c.window, 1))
    attention = c.attention_width * attended + c.window_attention_width * window
    gpus = (placement.dense_layers[:, :-1] > 0).sum(axis=1)
    chained = placement.strategy is Strategy.ACCELERATOR
    stages = np.ones_like(dense_share)
    stages[:, :-1] = np.where(chained & (parallel <= 1), np.maximum(gpus, 1)[:, None], 1)
    reduces = REDUCES_PER_LAYER * placement.dense_layers * (parallel > 1)
    message = c.hidden[:, None] * ACTIVATION_BYTES * tokens * np.where(parallel > 2, RING_CROSSINGS, 1)
    head = np.where(c.dense_matmul_params > c.vocab * c.hidden, c.vocab * c.hidden, 0.0)
    return PromptWork(
        dense_flops=2 * tokens * _by_type(c, c.dense, c.dense_matmul_params - head),
        dense_share=dense_share,
        expert_flops=2 * tokens * _by_type(c, c.experts, c.expert_matmul_params),
        expert_share=expert_share,
        dense_bytes=c.dense.sum(axis=1)[:, None] * dense_share * batches,
        expert_bytes=(c.experts.sum(axis=1) * touched)[:, None] * expert_share * batches,
        expert_tokens=(batch * c.n_experts_active / c.n_experts)[:, None],
        expert_starts=(c.expert_tensors * _EXPERT_SCALE * np.sqrt(c.n_experts) * touched)[:, None]
        * expert_share * batches,
        attention_flops=(2 * tokens * attention)[:, None] * cache_share,
        latent_flops=(2 * tokens * c.latent_attention_width * attended)[:, None] * cache_share,
        state_bytes=(tokens * c.state_bytes)[:, None] * dense_share,
        activation_bytes=(4 * tokens * c.hidden * c.layers)[:, None] * dense_share,
        launches=(c.dense_tensors[:, None] * dense_share + c.expert_tensors[:, None] * expert_share)
        * batches,
        stages=stages,
        pipelined=np.full((len(c), 1), batches),
        syncs=reduces * 2 * (parallel - 1) * batches,
        sync_bytes=reduces * message * 2 * (parallel - 1) / parallel,
    )  # fmt: skip


PROMPT_OVERLAP = 0.6
"""Tokens of a prompt touch as many experts as n^0.6 independent ones: they resemble each other more than
those of different users (``timing.ROUTING_OVERLAP``).  With it, experts that are streamed to a GPU arrive no
faster than their link allows."""
_EXPERT_SCALE = np.sqrt(128.0)
"""Starts grow with the square root of the number of experts, and are counted as matrices of 128."""


@cache
def _weights_per_byte(types: tuple[str, ...]) -> Floats:
    known = ggml_types()
    rows = [known.get(name) for name in types]
    return np.array([row.block_size / row.block_bytes if row else 1.0 for row in rows])


def _by_type(c: Candidates, sizes: Floats, params: Floats) -> Floats:
    """Multiplied parameters by ggml type, as the bytes say that all parameters are shared out [n, types]."""
    weights = sizes * _weights_per_byte(c.types)
    total = weights.sum(axis=1)
    return np.asarray(weights * (params / np.where(total > 0, total, 1.0))[:, None])


def prompt_rates(
    machine: Machine, types: tuple[str, ...], efficiencies: Efficiencies, q: Question
) -> PromptRates:
    """The rates of a machine's devices [1, devices] for weights in ``types``."""
    devices = machine.devices
    years = efficiencies.years_behind(q.runtime_year)
    prompts = [d.prompt for d in devices]
    aged = [p.growth_per_year**-years for p in prompts]
    unfused = [1.0 if q.flash_attention else p.unfused_cost for p in prompts]

    def per_device(values: list[float]) -> Floats:
        return np.asarray(values, dtype=np.float64)[None, :]

    def same(name: str) -> Floats:
        return per_device([getattr(p, name) for p in prompts])

    def number(name: str) -> float:
        return efficiencies.number("prompt", name)

    def shared(name: str) -> Floats:
        return per_device([number(name)] * len(devices))

    return PromptRates(
        dense_rate=per_device([p.dense_rate * a for p, a in zip(prompts, aged, strict=True)]),
        cost=np.array([efficiencies.prompt_costs(d.backend, types, years) for d in devices])[None],
        expert_rate=per_device([p.expert_rate * a for p, a in zip(prompts, aged, strict=True)])
        / per_device([number("emulated_dot_cost") if d.emulates_dot else 1.0 for d in devices]),
        expert_tile=same("expert_tile"),
        expert_start_s=same("expert_start_s"),
        attention_rate=per_device(
            [p.attention_rate * a / u for p, a, u in zip(prompts, aged, unfused, strict=True)]
        ),
        latent_cost=shared("latent_cost"),
        memory_bandwidth=per_device(
            [
                min(d.bandwidth / d.slowed_to * d.prompt_slowed_to * number("memory_share"), d.cap)
                for d in devices
            ]
        ),
        state_passes=same("state_passes"),
        activation_passes=same("activation_passes"),
        launch_s=same("launch_s"),
        pipeline_gain=shared("pipeline_gain"),
        link_bandwidth=per_device([np.inf] * len(devices)),
        sync_s=per_device([machine.sync_s] * len(devices)),
        sync_bandwidth=per_device([machine.sync_bandwidth] * len(devices)),
        dense_p=number("dense_p"),
        expert_p=number("expert_p"),
    )


def streamed(rates: PromptRates, link_bandwidth: Floats) -> PromptRates:
    """Rates of work whose weights arrive over a link, at the rates of the first device."""
    first: dict[str, Any] = {
        f.name: value[:, :1] for f in fields(rates) if isinstance(value := getattr(rates, f.name), np.ndarray)
    }
    return replace(rates, **{**first, "link_bandwidth": link_bandwidth})


def prompt_terms(work: PromptWork, rates: PromptRates) -> Floats:
    """Seconds of the prefill [n, devices, terms]; their sum is its time.

    Products take the soft maximum (t_compute^p + t_stream^p)^(1/p) of computing and of reading the
    weights once per micro-batch.  Of n GPUs with a share of the layers each, b micro-batches keep at
    best n b / (b + n - 1) busy.
    """
    dense_s = over_formats(work.dense_flops, rates.cost) * work.dense_share / rates.dense_rate
    unfilled = 1 + rates.expert_tile / np.maximum(work.expert_tokens, _FEW)
    expert_s = over_formats(work.expert_flops, rates.cost) * work.expert_share * unfilled / rates.expert_rate
    flops = work.attention_flops + work.latent_flops * (rates.latent_cost - 1)
    moved = work.activation_bytes * rates.activation_passes / rates.memory_bandwidth
    terms = np.zeros((*dense_s.shape, len(PromptTerm)), order="F")
    terms[..., PromptTerm.DENSE] = _soft_maximum(
        dense_s, work.dense_bytes / rates.memory_bandwidth, rates.dense_p
    )
    terms[..., PromptTerm.EXPERTS] = (
        _soft_maximum(expert_s, work.expert_bytes / rates.memory_bandwidth, rates.expert_p)
        + work.expert_starts * rates.expert_start_s
    )
    terms[..., PromptTerm.ATTENTION] = flops / rates.attention_rate
    terms[..., PromptTerm.STATE] = work.state_bytes * rates.state_passes / rates.memory_bandwidth
    terms[..., PromptTerm.OTHER] = moved + work.launches * rates.launch_s
    terms[..., PromptTerm.LINK] = (
        (work.dense_bytes + work.expert_bytes) / rates.link_bandwidth
        + work.syncs * rates.sync_s
        + work.sync_bytes / rates.sync_bandwidth
    )
    ideal = work.stages * work.pipelined / (work.pipelined + work.stages - 1)
    speedup = 1 + np.minimum(rates.pipeline_gain, 1.0) * (ideal - 1)
    return np.asarray(terms / speedup[..., None])


_FEW = 1e-9


def _soft_maximum(a: Floats, b: Floats, p: float) -> Floats:
    largest = np.maximum(np.maximum(a, b), 1e-30)
    return np.asarray(largest * ((a / largest) ** p + (b / largest) ** p) ** (1 / p))


def prefill_terms(
    c: Candidates,
    machine: Machine,
    placement: Placement,
    q: Question,
    efficiencies: Efficiencies,
    prompts: int = 1,
) -> Floats:
    """Seconds of a prefill by device and term [n, devices, terms].

    Work whose weights lie in RAM runs on the CPU or, if that is faster, on the first GPU with the
    weights streamed over its link once per micro-batch.  Attention to a cache in RAM stays on the CPU.
    """
    work = prompt_work(c, placement, q, prompts)
    over = np.array([device.network is not None for device in machine.devices])
    remote = np.logical_and(over, placement.dense_layers > 0).reshape(placement.dense_layers.shape)
    if over.any():  # backends on a network take no part in a pipeline
        work = replace(work, stages=np.where(remote.any(axis=1)[:, None], 1.0, work.stages))
    rates = prompt_rates(machine, c.types, efficiencies, q)
    terms = prompt_terms(work, rates)
    for g in np.flatnonzero(over):
        terms[:, g, PromptTerm.LINK] += remote[:, g] * _network_s(machine.devices[g], c, q, prompts)
    in_ram = bool((placement.dense_layers[:, -1] > 0).any() or (placement.expert_layers[:, -1] > 0).any())
    if machine.gpus and in_ram and placement.strategy is not Strategy.KV_IN_RAM:
        share = efficiencies.number("prompt", "link_share")
        link = np.full((1, 1), machine.gpus[0].host_link * share)
        over_link = prompt_terms(last_device(work), streamed(rates, link))[:, 0]
        faster = over_link.sum(axis=1) < terms[:, -1].sum(axis=1)
        terms[:, -1] = np.where(faster[:, None], over_link, terms[:, -1])
    return terms


def _network_s(device: Device, c: Candidates, q: Question, prompts: int) -> Floats:
    """Activations of the prompts over the network, there and back, micro-batch by micro-batch [n]."""
    assert device.network is not None
    tokens = q.prompt * prompts
    messages = CROSSINGS * np.ceil(tokens / q.ubatch) * (device.network.latency_s or 0.0)
    return np.asarray(CROSSINGS * tokens * c.hidden * NETWORK_BYTES / device.network.bytes_per_s + messages)


def last_device(work: PromptWork) -> PromptWork:
    """The work of the CPU alone."""
    return replace(
        work,
        **{f.name: getattr(work, f.name)[:, -1:] for f in fields(work) if f.name not in BY_TYPE},
    )


def prefill_seconds(
    c: Candidates,
    machine: Machine,
    placement: Placement,
    q: Question,
    efficiencies: Efficiencies,
    prompts: int = 1,
) -> Floats:
    """Seconds until ``prompts`` prompts of ``q.prompt`` tokens are processed together [n]."""
    return np.asarray(prefill_terms(c, machine, placement, q, efficiencies, prompts).sum(axis=(1, 2)))
