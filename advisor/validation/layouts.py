"""Memory of runs as their logs report it: forks, older versions, one buffer per device.

The app models llama.cpp as it is; measurements also come from ik_llama.cpp (whose ``-mla`` option
picks what a latent layer keeps) and from older versions.  A ``Layout`` states what a log says of a run.
Sizes follow the graphs of those runtimes, read off published logs; none is fitted per model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from advisor.core.candidates import Candidates
from advisor.core.kv import padded
from advisor.core.memory import compute_buffer_bytes, kv_bytes
from advisor.core.question import KV_TYPES, Question
from advisor.core.scratch import COLUMNS
from catalog.types import LayerKind, Model

MIB = 1024**2
_QUERY_COPIES = 3
_OFFLOAD_BATCH = 512
"""Up to this micro-batch ik_llama.cpp computes experts that lie in RAM on the CPU."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a log states of a run.

    ``latent`` is how MLA layers are cached: ``app`` as the app models them, ``heads`` as full keys and
    values of all heads, ``transposed`` as the latent and a transposed copy of its compressed part.
    ``expands`` is true where flash attention expands the latents of the whole context to keys and
    values of all heads (``-mla 2`` and ``-mla 3``).
    """

    fork: bool = False
    gpus: int = 0
    latent: str = "app"
    expands: bool = False
    experts_in_ram: bool = False
    weight_bytes: float | None = None
    device_memory_only: bool = False
    """The total is what a card held while experts lay in RAM."""


def layout_of(row: Mapping[str, str]) -> Layout:
    """The layout from the columns of a memory row: runtime, weights per device and notes."""
    notes = row["notes"]
    mla = re.search(r"\bmla=(\S)", notes)
    mode = mla.group(1) if mla else "-"
    flash = "fa=0" not in notes
    if "full multi-head" in notes or mode == "0":
        latent = "heads"
    elif mode == "-" or (mode == "1" and not flash):
        latent = "transposed"
    else:
        latent = "app"
    gpus = re.search(r"\bgpus=(\d+)", notes)
    host, device = (_mib(row[f"weights_buffer_mib_{where}"]) for where in ("cpu", "gpu"))
    return Layout(
        # Logs of other programs for comparison carry no -mla state.
        fork=row["runtime"].startswith("ik_llama") and mode != "-",
        gpus=int(gpus.group(1)) if gpus else 0,
        latent=latent,
        expands=mode in "23" and flash,
        experts_in_ram=host > device,
        weight_bytes=host + device or None,
        device_memory_only=not (host or device) and bool(re.search(r"(?<!\w)-n?cmoe\b|-cpu-moe\b", notes)),
    )


def _mib(text: str) -> float:
    return float(text) * MIB if text else 0.0


def cache_bytes(model: Model, c: Candidates, q: Question, layout: Layout) -> float:
    """The KV cache of a run, in bytes."""
    latents = model.layers.count(LayerKind.LATENT)
    if layout.latent == "app" or not latents:
        return float(kv_bytes(c, q)[0])
    key, value = KV_TYPES[q.kv_type], KV_TYPES[q.value_type]
    if layout.latent == "transposed":
        per_cell = (model.kv_lora_rank + model.qk_rope_head_dim) * key + model.kv_lora_rank * value
    else:
        wide = (model.qk_nope_head_dim + model.qk_rope_head_dim) * key
        per_cell = model.n_heads * (wide + model.v_head_dim * value)
    return latents * per_cell * q.context * q.users


def buffers_bytes(model: Model, c: Candidates, q: Question, layout: Layout) -> float:
    """All compute buffers of a run together: each GPU's, and the host's.

    The GPU with the output holds the logits and two activations; the others hold what a layer needs.
    The host holds the masks in F32 and the embeddings, or the outputs of experts that it computes.
    """
    shape = dict(zip(COLUMNS, c.scratch[0].tolist(), strict=True))
    cells, tokens = padded(q.context) * q.users, min(q.ubatch, padded(q.context) * q.users)
    activation = tokens * model.hidden_size * 4
    logits = tokens * model.vocab_size * 4 + 2 * activation
    if layout.latent == "heads" and not q.flash_attention and model.kv_lora_rank:
        masks = tokens * cells * 4
        return float(max(logits + masks, _all_heads(model, tokens, cells) + activation))
    if not q.flash_attention:
        devices = max(layout.gpus, 1) + (1 if layout.experts_in_ram and layout.gpus else 0)
        return float(compute_buffer_bytes(c, q)[0]) * devices
    body = tokens * (shape["activations"] + shape["feed_forward"]) * 4 + tokens * cells * 2
    if layout.expands:
        body = _expanded(model, tokens, cells, on_gpu=layout.gpus > 0)
    if layout.gpus == 0:
        return max(logits - activation, body) if layout.fork else float(compute_buffer_bytes(c, q)[0])
    if layout.experts_in_ram and not layout.fork and model.is_moe:
        body += _expert_tensor(model, layout)
    # Every GPU holds attention of its layers where the latents are expanded.
    gpus = max(logits, body) + (layout.gpus - 1) * body
    host = tokens * cells * 4 + activation
    if layout.experts_in_ram and layout.fork and q.ubatch <= _OFFLOAD_BATCH and model.is_moe:
        chosen = model.n_experts_active * (model.hidden_size + model.moe_ffn_size) * tokens * 4
        host = max(host, chosen + 2 * activation)
    return float(gpus + host)


def _all_heads(model: Model, tokens: int, cells: int) -> float:
    """Scores of all heads over the context and three copies of the query, all in F32."""
    wide = model.qk_nope_head_dim + model.qk_rope_head_dim
    return float(tokens * model.n_heads * (cells + _QUERY_COPIES * wide) * 4)


def _expanded(model: Model, tokens: int, cells: int, *, on_gpu: bool) -> float:
    """Keys and values of all heads over the context, beside the query and the activations.

    A GPU holds them in F16, and repeats the rotated part of the keys for all heads before it is joined;
    a CPU holds the product that expands them in F32 and its parts in F16.
    """
    nope, rope, value = model.qk_nope_head_dim, model.qk_rope_head_dim, model.v_head_dim
    per_head = (nope + rope + value + rope) * 2 if on_gpu else (nope + value) * (4 + 2)
    expanded = cells * model.n_heads * per_head
    query = tokens * model.n_heads * (nope + rope) * 4
    activations = (5 if on_gpu else 1) * model.hidden_size * 4
    return float(expanded + query + tokens * (activations + cells * 2))


def _expert_tensor(model: Model, layout: Layout) -> float:
    """Bytes of one expert tensor of a layer: copied to the GPU while a batch needs it."""
    per_param = (layout.weight_bytes or 0.0) / model.total_params
    return model.n_experts * model.moe_ffn_size * model.hidden_size * per_param
