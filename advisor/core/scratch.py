"""What the compute graph of a model holds at its peaks: the shape of llama.cpp's compute buffer.

llama.cpp reserves one buffer per device that holds every intermediate of a micro-batch at the moment
when most of them are alive.  That moment is one of five: the logits at the end of the graph, the
feed-forward part of a layer, the experts of a layer, its attention, or the states of a delta net.
Counts are F32 elements per token of the micro-batch where not said otherwise; they follow from the order
of the graph, none is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from advisor.core.kv import (
    INDEXED_ARCHITECTURES,
    CacheShape,
    delta_net_state,
    full_head_dim,
    full_kv_heads,
    value_head_dims,
    window_kv_heads,
)
from catalog.types import LayerKind, Model

PLAIN_FFN_ARCHITECTURES = frozenset(
    {"apertus", "apertus1p5", "arcee", "falcon", "nemotron_h", "phi", "starcoder2"}
)
"""Feed-forward parts without a gate: one activation is alive instead of gate, up and their product."""

LIVE_ACTIVATIONS = 5
"""Hidden-size activations alive beside every peak: the batch given as embeddings, the looked-up
embedding, the sum into which a layer adds, its normed copy and the result of the layer."""
_LAYERS_PER_SUM = 12
_GATED_COPIES = 3
_QUERY_COPIES = 2
"""The query before and after it is rotated or normed."""


@dataclass(frozen=True, slots=True)
class ScratchShape:
    """Counts that decide the compute buffer: elements per token of the micro-batch if not said otherwise."""

    logits: float
    activations: float
    feed_forward: float
    """The larger of the dense feed-forward part and the chosen experts."""
    attention: float
    """Query copies; for latent attention the query, its absorbed and its rotated part."""
    freed_query: float
    """The part of a latent query that is free when the scores are made."""
    full_score_heads: float
    """Query heads of full layers: without flash attention each holds one score per cell."""
    window_score_heads: float
    full_masks: float
    """Masks over all cells: 1 with full or latent layers, 2 with an indexer."""
    window_masks: float
    value_indices: float
    """64-bit positions in the transposed value cache, kept without flash attention."""
    latent_values: float
    """Width of the latent that is copied, transposed, as values of one layer without flash attention:
    elements per cell, whatever the micro-batch."""
    index_scores: float
    """Scores of an indexer per cell: one, where its heads are summed at once."""
    index_layers: float
    """Layers that attend to chosen cells only: each keeps its choice, one 4-byte index per cell."""
    index_top: float
    layer_state: float
    """Elements per sequence of one gated delta net's state: it is alive before and after the batch."""
    delta_net: float
    """A delta net's convolved queries, keys and values, its gate and its output."""
    full_value_elements: float
    window_value_elements: float
    value_padding: float
    window_value_padding: float


COLUMNS = tuple(f.name for f in fields(ScratchShape))
"""Names of the columns of ``Candidates.scratch``, in order."""


def scratch_shape(model: Model, cache: CacheShape) -> ScratchShape:
    """The compute buffer's shape from a model's shape fields and its cache's shape."""
    full = any(kind in model.layers for kind in (LayerKind.FULL, LayerKind.PARALLEL_SSM))
    latent = LayerKind.LATENT in model.layers
    window = LayerKind.WINDOW in model.layers
    indexed = model.architecture in INDEXED_ARCHITECTURES
    window_heads = model.extra.get("num_attention_heads_sliding", model.n_heads)
    heads = max(model.n_heads, window_heads)
    full_value_dim, window_value_dim = value_head_dims(model)
    widest_value = max(window_kv_heads(model) * window_value_dim, full_kv_heads(model) * full_value_dim)
    return ScratchShape(
        logits=model.vocab_size,
        activations=_live_activations(model) * model.hidden_size,
        feed_forward=max(_dense_ffn(model), _experts(model)),
        attention=_latent_query(model)
        if latent
        else _compressed_query(model)
        if cache.fine_elements
        else _QUERY_COPIES * heads * max(model.head_dim, full_head_dim(model)),
        freed_query=_freed_query(model) if latent else 0,
        full_score_heads=model.n_heads if full or latent else 0,
        window_score_heads=window_heads if window else 0,
        full_masks=(2 if indexed else 1) if full or latent else 0,
        window_masks=1 if cache.window else 0,
        value_indices=widest_value * (int(full and not latent) + int(window)),
        latent_values=model.kv_lora_rank if latent else 0,
        index_scores=_index_scores(model, indexed or cache.fine_elements > 0),
        index_layers=model.layers.count(LayerKind.LATENT) if indexed else 0,
        index_top=model.extra.get("index_topk", 0) if indexed else 0,
        layer_state=delta_net_state(model) if _has_delta_net(model) else 0,
        delta_net=_delta_net(model) if _has_delta_net(model) else 0,
        full_value_elements=cache.full_value_elements,
        window_value_elements=cache.window_value_elements,
        value_padding=cache.value_padding,
        window_value_padding=cache.window_value_padding,
    )


def _has_delta_net(model: Model) -> bool:
    """Whether its linear layers are the gated delta nets of Qwen: others have not been measured."""
    return model.architecture.startswith(("qwen3_next", "qwen3_5")) and LayerKind.LINEAR in model.layers


def _delta_net(model: Model) -> int:
    e = model.extra
    keys = e.get("linear_num_key_heads", 0) * e.get("linear_key_head_dim", 0)
    values = e.get("linear_num_value_heads", 0) * e.get("linear_value_head_dim", 0)
    return 2 * keys + 3 * values


def _live_activations(model: Model) -> int:
    """Activations alive beside a peak; Kimi K3 keeps the sums at the ends of earlier layers, every twelfth,
    as a stack that it copies to append to it."""
    if model.architecture != "kimi_k3":
        return LIVE_ACTIVATIONS
    return 2 * -(-model.n_layers // _LAYERS_PER_SUM)


def _index_scores(model: Model, indexed: bool) -> int:
    """F32 values per cell that an indexer holds: one score; MiniMax M3 those of all its heads before and
    after the mask, and the mask by position."""
    if model.architecture == "minimax_m3_vl":
        return 2 * model.extra.get("index_n_heads", 0) + 1
    return int(indexed)


def _compressed_query(model: Model) -> int:
    """DeepSeek V4: the query, its rotated copy and the result of its heads, and two sets of streams of which
    the activations count most."""
    streams = 2 * model.extra.get("hc_mult", 0) - LIVE_ACTIVATIONS
    return 3 * model.n_heads * model.head_dim + streams * model.hidden_size


def _copies(model: Model) -> int:
    return 1 if model.architecture in PLAIN_FFN_ARCHITECTURES else _GATED_COPIES


def _dense_ffn(model: Model) -> int:
    if model.is_moe and not model.first_dense_layers:
        return 0
    return _copies(model) * max(model.ffn_size, model.extra.get("intermediate_size_mlp", 0))


def _experts(model: Model) -> int:
    """Gate, up and product of all chosen experts, or the product and their outputs.

    The experts of the larger Nemotron 3 work in a latent width of their own.
    """
    width = model.moe_ffn_size
    outputs = model.extra.get("moe_latent_size", 0) or model.hidden_size
    return model.n_experts_active * max(_copies(model) * width, width + outputs)


def _latent_query(model: Model) -> int:
    """Query, its part absorbed into the latent, its rotated part, and the two joined."""
    return _freed_query(model) + model.n_heads * (model.kv_lora_rank + model.qk_rope_head_dim)


def _freed_query(model: Model) -> int:
    """The parts of the query of latent attention that are free once they are joined."""
    nope, rope, rank = model.qk_nope_head_dim, model.qk_rope_head_dim, model.kv_lora_rank
    return model.n_heads * ((nope + rope) + rank + rope)
