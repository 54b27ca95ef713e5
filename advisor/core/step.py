"""What one decode step does on every device of a placement: bytes by format, cache, arithmetic, launches,
hand-overs.

Counts know nothing of speed; ``timing`` divides them by the devices' rates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.core.candidates import Candidates, Floats, by_device
from advisor.core.machine import Machine
from advisor.core.memory import kv_read_bytes
from advisor.core.placement import Placement, Strategy
from advisor.core.question import Question


@dataclass(frozen=True, slots=True)
class Work:
    """What one decode step of all users does, per candidate and device [n, d].

    Weights are amounts by ggml type [n, types] times what each device holds of them [n, d].
    """

    dense_bytes: Floats
    """Weights of the layers outside the routed experts [n, types]."""
    dense_share: Floats
    head_bytes: Floats
    """The head [n, types]."""
    head_share: Floats
    expert_bytes: Floats
    """All routed experts [n, types]."""
    expert_share: Floats
    """The part of them that the step touches."""
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

    @property
    def read_bytes(self) -> Floats:
        """Weights of all formats that are read."""
        return np.asarray(
            self.dense_bytes.sum(axis=1)[:, None] * self.dense_share
            + self.head_bytes.sum(axis=1)[:, None] * self.head_share
            + self.expert_bytes.sum(axis=1)[:, None] * self.expert_share
        )

    def costs(self, cost: Floats, expert_cost: Floats) -> Floats:
        """The weights that are read, each format at its cost per byte."""
        return np.asarray(
            over_formats(self.dense_bytes, cost) * self.dense_share
            + over_formats(self.head_bytes, cost) * self.head_share
            + over_formats(self.expert_bytes, cost * expert_cost) * self.expert_share
        )


def over_formats(amounts: Floats, cost: Floats) -> Floats:
    """Amounts by weight format [n, types], each at its cost on every device, summed over formats [n, d].

    ``cost`` is [1, d, types], or [n, d, types] where every row has devices of its own.
    """
    if len(cost) == 1:
        return np.asarray((cost[0] @ amounts.T).T)
    return np.asarray(np.einsum("nt,ndt->nd", amounts, cost))


def experts_read_share(n_experts: Floats, active: Floats, tokens: float) -> Floats:
    """Share of the routed experts that ``tokens`` tokens in flight touch: 1 - (1 - k/E)^n."""
    return 1.0 - (1.0 - active / n_experts) ** tokens


@dataclass(frozen=True, slots=True)
class StepCounts:
    """What a step counts of a candidate as a whole, wherever its parts lie [n] each."""

    touched: Floats
    """Share of the routed experts that the tokens of all users touch."""
    kv_bytes: Floats
    """Cache and state that one user reads."""
    macs: Floats
    """Multiplications of attention for one user."""
    latent_macs: Floats
    """The part of them that works on latents."""


def step_counts(c: Candidates, q: Question, depth: float) -> StepCounts:
    """Count one decode step at a depth, before anything is placed."""
    seen = np.minimum(depth, c.window)
    # An indexer leaves attention fewer tokens than the cache holds.
    attended = np.minimum(depth, c.read_tokens.max(axis=1)) if q.flash_attention else depth
    return StepCounts(
        touched=experts_read_share(c.n_experts, c.n_experts_active, float(q.users) ** ROUTING_OVERLAP),
        kv_bytes=kv_read_bytes(c, q, depth),
        macs=c.attention_width * attended + c.window_attention_width * seen,
        latent_macs=c.latent_attention_width * attended,
    )


def step_work(
    c: Candidates,
    machine: Machine,
    placement: Placement,
    q: Question,
    depth: float,
    counts: StepCounts | None = None,
) -> Work:
    """Count one decode step of all users.

    With tensor parallelism every GPU holds a share of every layer and all work at the same time, so
    the step takes as long as one of them: each books its part of that time (``Placement.parallel``).
    """
    users = float(q.users)
    counts = counts or step_counts(c, q, depth)
    touched = counts.touched
    parallel = placement.parallel[:, None]
    dense_share = placement.dense_layers / c.layers[:, None]
    expert_share = placement.expert_layers / np.maximum(c.expert_layers, 1)[:, None]
    heads_share = users * placement.cache_layers / c.layers[:, None] / parallel
    side_by_side = placement.dense_layers * (parallel > 1)
    reduces = REDUCES_PER_LAYER * side_by_side
    message = c.hidden[:, None] * ACTIVATION_BYTES * users * np.where(parallel > 2, RING_CROSSINGS, 1)
    expert_params = c.expert_matmul_params[:, None] * expert_share / parallel
    launches = c.dense_tensors[:, None] * dense_share + c.expert_tensors[:, None] * expert_share
    busy = launches > 0
    gpu_hops, host_hops = _hops(placement, machine)
    return Work(
        dense_bytes=c.dense,
        dense_share=dense_share / parallel,
        head_bytes=c.head,
        head_share=placement.head / parallel,
        expert_bytes=c.experts,
        expert_share=expert_share * touched[:, None] / parallel,
        kv_bytes=counts.kv_bytes[:, None] * heads_share,
        attention_macs=counts.macs[:, None] * heads_share,
        latent_macs=counts.latent_macs[:, None] * heads_share,
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


CROSSINGS = 2.0
"""Messages over a network in a step of a second machine: activations there, the result back."""


def _hops(placement: Placement, machine: Machine) -> tuple[Floats, Floats]:
    """Hand-overs from GPU to GPU and between GPU and host [n, d] each, booked on the receiver.

    One between consecutive devices that hold layers; two per layer whose experts or cache lie in RAM.
    """
    n, d = placement.dense_layers.shape
    if d == 1:
        return by_device(n, d), by_device(n, d)
    holds = placement.dense_layers > 0
    order = np.cumsum(holds, axis=1)
    hops = np.where(holds & (order > 1) & (placement.parallel[:, None] <= 1), 1.0, 0.0)
    for g, device in enumerate(machine.devices):
        if device.network is not None:  # there and back
            hops[:, g] = np.where(holds[:, g], CROSSINGS, 0.0)
    host = by_device(n, d)
    host[:, -1] = hops[:, -1]
    hops[:, -1] = 0.0
    if placement.strategy is Strategy.EXPERTS_IN_RAM and machine.gpus[0].kind == "gpu":
        host[:, -1] += 2 * placement.expert_layers[:, -1]
    if placement.strategy is Strategy.KV_IN_RAM:
        host[:, -1] += 2 * placement.cache_layers[:, -1]
    return np.asarray(hops), host
