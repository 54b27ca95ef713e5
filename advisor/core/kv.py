"""What a sequence needs besides weights: KV cache by layer kind and recurrent state.

Element counts are per token and summed over layers; states are bytes per sequence.  The layouts are
those of llama.cpp b11434 (read off its source and checked against its own reports).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from catalog.types import LayerKind, Model

_STATE_ELEMENT_BYTES = 4
"""llama.cpp keeps recurrent and convolution states in F32."""

CELL_PAD = 256
"""llama.cpp pads a sequence's context and the cells of window layers to a multiple of 256."""

INDEXED_ARCHITECTURES = frozenset({"deepseek_v32", "glm_moe_dsa", "hy_v4"})
"""Latent attention with a sparse indexer: each layer also keeps one index key per token."""

_COMPRESSED = frozenset({"deepseek_v4", "deepseek_v41"})
"""One key for all heads that is also the value; windows, and entries that stand for several tokens."""

_ALL = math.inf
_SECOND_CHOICE_TOKENS = 2048 * 8
"""Tokens that the last indexers of DeepSeek V4.1 score: blocks of 8 that an earlier one chose (mlx-vlm)."""

_SHARED_INDEX_CONTEXT = 1_048_576

_ATTENDING = (LayerKind.FULL, LayerKind.PARALLEL_SSM)


@dataclass(frozen=True, slots=True)
class Read:
    """A part of the cache that a decoded token reads: elements per token of the past, for some tokens.

    llama.cpp masks the tokens that an indexer does not choose; with flash attention its kernels pass over
    them, without it they are read all the same (``chosen``).
    """

    elements: float
    tokens: float = math.inf
    value_elements: float = 0.0
    """The part of ``elements`` that is values."""
    chosen: bool = False
    """Whether ``tokens`` is how many an indexer chooses, not a window."""


@dataclass(frozen=True, slots=True)
class CacheShape:
    """The cache of one model: ``*_elements`` per token over all layers of that kind.

    ``full_*`` grows with the whole context, ``window_*`` up to the window; ``fine_*`` and ``coarse_*``
    are entries that stand for ``*_ratio`` tokens each.
    """

    full_elements: int
    window_elements: int
    window: int
    state_bytes: int
    attention_width: int
    """Sum over full layers of query heads times (key + value width): attention FLOPs are
    2 x this per cached token."""
    latent_attention_width: int
    """The part of ``attention_width`` that attends to latents."""
    window_attention_width: int
    full_value_elements: int
    """The part of ``full_elements`` that is values; a latent counts as keys."""
    window_value_elements: int
    value_padding: int
    """Further value elements per token of full layers without flash attention: the transposed cache
    has one width for all layers (Gemma 4)."""
    window_value_padding: int
    reads: tuple[Read, ...] = ()
    """What one decoded token reads of the cache, which is less than stored where an indexer picks tokens."""
    fine_elements: int = 0
    fine_ratio: int = 1
    coarse_elements: int = 0
    coarse_ratio: int = 1
    per_sequence: bool = False
    """Every sequence has a cache as large as the whole context, also when one cache serves them all."""

    @property
    def elements_per_token(self) -> float:
        """Elements that a further token of the context takes, beyond the windows."""
        return (
            self.full_elements
            + self.fine_elements / self.fine_ratio
            + self.coarse_elements / self.coarse_ratio
        )

    def stored_elements(self, context: int, ubatch: int) -> int:
        """Cells times elements that llama.cpp reserves for ``context`` tokens of one sequence."""
        cells = padded(context)
        return (
            self.full_elements * cells
            + self.window_elements * window_cells(cells, self.window, ubatch)
            + self.fine_elements * entry_cells(cells, self.fine_ratio)
            + self.coarse_elements * entry_cells(cells, self.coarse_ratio)
        )


def entry_cells(cells: int, ratio: int) -> int:
    """Cells for entries that stand for ``ratio`` tokens each, padded to 256."""
    return padded(-(-cells // ratio))


def padded(cells: int) -> int:
    """``cells`` rounded up to a multiple of ``CELL_PAD``."""
    return -(-cells // CELL_PAD) * CELL_PAD


def window_cells(context: int, window: int, ubatch: int) -> int:
    """Cells of a sliding-window layer: min(context, window + ubatch), padded to 256."""
    if window <= 0:
        return 0
    return padded(min(context, window + ubatch))


def cache_shape(model: Model) -> CacheShape:
    """The cache shape of a model, from its layer letters and shape fields.

    Layers that share the KV of an earlier layer (``num_kv_shared_layers`` at the end of the stack,
    Gemma 3n and 4) store nothing of their own.
    """
    if model.architecture in _COMPRESSED:
        return _compressed_shape(model)
    own = model.layers[: len(model.layers) - model.extra.get("num_kv_shared_layers", 0)]

    def stored(*kinds: LayerKind) -> int:
        return sum(own.count(kind) for kind in kinds)

    def attending(*kinds: LayerKind) -> int:
        return sum(model.layers.count(kind) for kind in kinds)

    n_full, n_window = stored(*_ATTENDING), stored(LayerKind.WINDOW)
    full_value_dim, window_value_dim = value_head_dims(model)
    full_values = full_kv_heads(model) * full_value_dim
    window_values = window_kv_heads(model) * window_value_dim
    window_keys = window_kv_heads(model) * model.head_dim
    widest = max(full_values if n_full else 0, window_values if n_window else 0)
    keys_and_values = full_kv_heads(model) * full_head_dim(model) + full_values
    latents = stored(LayerKind.LATENT) * (model.kv_lora_rank + model.qk_rope_head_dim)
    full = n_full * keys_and_values + latents + index_layers(model) * _index_row(model)
    index_values = index_layers(model) * _index_value(model)
    width = attending(*_ATTENDING) * model.n_heads * (full_head_dim(model) + full_value_dim)
    latent_width = (
        attending(LayerKind.LATENT) * model.n_heads * (2 * model.kv_lora_rank + model.qk_rope_head_dim)
    )
    state = stored(LayerKind.LINEAR) * delta_net_state(model)
    state += stored(LayerKind.SSM, LayerKind.PARALLEL_SSM) * _mamba_state(model)
    state += stored(LayerKind.CONV) * max(model.extra.get("conv_L_cache", 1) - 1, 0) * model.hidden_size
    state += _ngram_state(model)
    return CacheShape(
        full_elements=full,
        window_elements=n_window * (window_keys + window_values),
        window=model.sliding_window or 0,
        state_bytes=state * _STATE_ELEMENT_BYTES,
        attention_width=width + latent_width,
        latent_attention_width=latent_width,
        window_attention_width=attending(LayerKind.WINDOW)
        * model.n_heads
        * (model.head_dim + window_value_dim),
        full_value_elements=n_full * full_values + index_values,
        window_value_elements=n_window * window_values,
        value_padding=n_full * max(widest - full_values, 0),
        window_value_padding=n_window * max(widest - window_values, 0),
        reads=(
            *_reads(model, n_full, keys_and_values, full_values, latents),
            Read(
                n_window * (window_keys + window_values), model.sliding_window or 0, n_window * window_values
            ),
        ),
    )


def full_head_dim(model: Model) -> int:
    """Width of one head in layers that attend to everything; Gemma 4 widens it there."""
    return model.extra.get("global_head_dim", model.head_dim)


def full_kv_heads(model: Model) -> int:
    """Key-value heads in layers that attend to everything."""
    return model.extra.get("num_global_key_value_heads", model.n_kv_heads)


def window_kv_heads(model: Model) -> int:
    """Key-value heads in layers with a window; MiMo V2 has twice as many there."""
    return model.extra.get("swa_num_key_value_heads", model.n_kv_heads)


def value_head_dims(model: Model) -> tuple[int, int]:
    """Widths of one value head in full and in window layers; MiMo V2's are narrower than its keys."""
    if model.v_head_dim and not model.kv_lora_rank:
        return model.v_head_dim, model.v_head_dim
    return full_head_dim(model), model.head_dim


def _reads(model: Model, n_full: int, keys_and_values: int, values: int, latents: int) -> tuple[Read, ...]:
    """What a decoded token reads of the layers that attend to the whole context.

    An indexer reads its keys of all tokens (of pools of them one key each); the layers behind it then read
    the tokens it chooses.  The layers of MiniMax M3 without experts have none.
    """
    top = model.extra.get("index_topk", 0)
    if not index_layers(model) or not top:
        return (Read(n_full * keys_and_values + latents, _ALL, n_full * values),)
    pool = model.extra.get("index_kpool", 1)
    keys = index_layers(model) * model.extra.get("index_head_dim", 0) / pool
    plain = model.first_dense_layers if model.architecture == "minimax_m3_vl" else 0
    chosen = (n_full - plain) * keys_and_values + latents
    return (
        Read(plain * keys_and_values + keys, _ALL, plain * values),
        Read(chosen, top + pool - 1, (n_full - plain) * values, chosen=True),
    )


def _compressed_shape(model: Model) -> CacheShape:
    """Cache of DeepSeek V4 and V4.1: a window in every layer, and compressed entries with their index keys.

    The states of V4 are the tokens that do not yet make an entry: values and scores of two overlapping
    entries of the fine kind and of one of the coarse kind, in F32.  V4.1 keeps entries in the layers that
    make them only; those of the later half stand for one token each.
    """
    e = model.extra
    count = model.layers.count
    width, index = model.head_dim, e.get("index_head_dim", 0)
    ratio, summary = e.get("compress_ratio", 1), e.get("summary_ratio", 1)
    top = e.get("index_topk", 0)
    n_layers, per_query = model.n_layers, model.n_heads * 2 * width
    window = Read(n_layers * width, model.sliding_window or 0)
    if model.architecture == "deepseek_v4":
        fine, coarse = count(LayerKind.COMPRESSED), count(LayerKind.SUMMARY)
        state = 2 * fine * 2 * ratio * 2 * (width + index) + 2 * coarse * summary * width
        whole, late, n_fine = 0, 0, fine
        reads: tuple[Read, ...] = (
            Read(fine * index / ratio + coarse * width / summary),
            Read(fine * width / ratio, top * ratio, chosen=True),
        )
        attended = fine / ratio + coarse / summary
    else:
        start = e.get("uncompressed_from_layer", n_layers)
        early, late_layers = model.layers[:start], model.layers[start:]
        fine, whole, coarse = early.count(LayerKind.COMPRESSED), late_layers.count(LayerKind.COMPRESSED), 0
        n_fine, late = len(early) - early.count(LayerKind.WINDOW), len(late_layers)
        state = 2 * fine * ratio * width
        reads = (
            Read((fine / ratio + whole) * index),
            Read(late_layers.count(LayerKind.REINDEXED) * index, _SECOND_CHOICE_TOKENS, chosen=True),
            Read(n_fine * width / ratio, top * ratio, chosen=True),
            Read(late * width, top, chosen=True),
        )
        attended = n_fine / ratio + late
    return CacheShape(
        full_elements=whole * (width + index),
        window_elements=n_layers * width,
        window=model.sliding_window or 0,
        state_bytes=state * _STATE_ELEMENT_BYTES,
        attention_width=round(attended * per_query),
        latent_attention_width=0,
        window_attention_width=n_layers * per_query,
        full_value_elements=0,
        window_value_elements=0,
        value_padding=0,
        window_value_padding=0,
        reads=(*reads, window),
        fine_elements=fine * (width + index),
        fine_ratio=ratio,
        coarse_elements=coarse * width,
        coarse_ratio=summary,
        per_sequence=model.architecture == "deepseek_v4",
    )


def index_layers(model: Model) -> int:
    """Layers that keep one index key per token to choose the cells they attend to, 0 elsewhere.

    All latent layers of DeepSeek V3.2, GLM-5 and GLM-5.3-Flash; from GLM-5.2 on (told by its context of
    1 Mi tokens, as llama.cpp does) the first two and then every fourth, whose choice the next three share;
    of Hy4 likewise from the second layer on.  The attention layers of Qwen3.8-Flash-Next, and those of
    MiniMax M3 with experts.
    """
    architecture = model.architecture
    if architecture == "hy_v4":
        return 1 + len(range(1, model.n_layers, 4))
    if architecture == "minimax_m3_vl":
        return model.n_layers - model.first_dense_layers
    if architecture == "qwen4_exp":
        return model.layers.count(LayerKind.FULL)
    latent = model.layers.count(LayerKind.LATENT)
    if architecture == "glm5_next":
        return latent
    if architecture not in INDEXED_ARCHITECTURES:
        return 0
    if model.architecture == "glm_moe_dsa" and (model.context_length or 0) >= _SHARED_INDEX_CONTEXT:
        return 2 + -(-(latent - 2) // 4)
    return latent


_INDEX_PARTS = {"glm5_next": 3, "qwen4_exp": 2, "minimax_m3_vl": 2}
"""Vectors that llama.cpp caches per token for an indexer where that is not one key: key, gate and pooled key;
key and pooled key; key and an unused value."""


def _index_row(model: Model) -> int:
    return model.extra.get("index_head_dim", 0) * _INDEX_PARTS.get(model.architecture, 1)


def _index_value(model: Model) -> int:
    """The value that the generic cache of MiniMax M3 stores beside every index key."""
    return model.extra.get("index_head_dim", 0) if model.architecture == "minimax_m3_vl" else 0


def _ngram_state(model: Model) -> int:
    """The tail of the convolution behind an n-gram lookup, which steps over whole n-grams."""
    e = model.extra
    kernel, streams = e.get("ple_conv_kernel_size", 0), e.get("hc_mult", 0)
    return max(kernel - 1, 0) * e.get("ngram_size", 0) * streams * model.hidden_size


def delta_net_state(model: Model) -> int:
    """Elements of one linear-attention layer: heads x dk x dv, plus the convolution's tail.

    Kimi Delta Attention has no dimensions of its own: as many heads as attention, each of the width
    of its values.
    """
    e = model.extra
    kernel = max(e.get("linear_conv_kernel_dim", 1) - 1, 0)
    if "linear_num_value_heads" not in e:
        width = model.n_heads * model.v_head_dim
        return width * model.v_head_dim + kernel * 3 * width
    keys = e.get("linear_num_key_heads", 0) * e.get("linear_key_head_dim", 0)
    values = e["linear_num_value_heads"] * e.get("linear_value_head_dim", 0)
    return values * e.get("linear_key_head_dim", 0) + kernel * (2 * keys + values)


def _mamba_state(model: Model) -> int:
    """Elements of one state-space layer: inner x state, plus the convolution's tail.

    Mamba 2 convolves B and C of each group along; the first Mamba (Jamba, Falcon Mamba) does not.
    """
    e = model.extra
    heads = e.get("mamba_num_heads", e.get("mamba_n_heads", 0))
    inner = heads * e.get("mamba_head_dim", e.get("mamba_d_head", 0))
    if not inner:
        inner = e.get("mamba_d_ssm", e.get("mamba_expand", 2) * model.hidden_size)
    state = e.get("ssm_state_size", e.get("mamba_d_state", e.get("state_size", 0)))
    groups = e.get("n_groups", e.get("mamba_n_groups", 0))
    kernel = e.get("conv_kernel", e.get("mamba_d_conv", 4))
    return inner * state + max(kernel - 1, 0) * (inner + 2 * groups * state)
