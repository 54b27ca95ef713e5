"""What a sequence needs besides weights: KV cache by layer kind and recurrent state.

Element counts are per token and summed over layers; states are bytes per sequence.  The layouts are
those of llama.cpp b11434 (read off its source and checked against its own reports).
"""

from __future__ import annotations

from dataclasses import dataclass

from catalog.types import LayerKind, Model

_STATE_ELEMENT_BYTES = 4
"""llama.cpp keeps recurrent and convolution states in F32."""

CELL_PAD = 256
"""llama.cpp pads a sequence's context and the cells of window layers to a multiple of 256."""

INDEXED_ARCHITECTURES = frozenset({"deepseek_v32", "glm_moe_dsa"})
"""Latent attention with a sparse indexer: each layer also keeps one index key per token."""

_SHARED_INDEX_CONTEXT = 1_048_576

_ATTENDING = (LayerKind.FULL, LayerKind.PARALLEL_SSM)


@dataclass(frozen=True, slots=True)
class CacheShape:
    """The cache of one model: ``*_elements`` per token over all layers of that kind.

    ``full_*`` grows with the whole context, ``window_*`` up to the window.  ``scan_elements`` is
    what one decoded token reads per cached token: the same as stored, except that an MLA latent is
    read once for keys and values.
    """

    full_elements: int
    window_elements: int
    window: int
    state_bytes: int
    attention_width: int
    """Sum over full layers of query heads times (key + value width): attention FLOPs are
    2 x this per cached token."""
    window_attention_width: int
    full_value_elements: int
    """The part of ``full_elements`` that is values; a latent counts as keys."""
    window_value_elements: int
    value_padding: int
    """Further value elements per token of full layers without flash attention: the transposed cache
    has one width for all layers (Gemma 4)."""
    window_value_padding: int

    def stored_elements(self, context: int, ubatch: int) -> int:
        """Cells times elements that llama.cpp reserves for ``context`` tokens of one sequence."""
        cells = padded(context)
        return self.full_elements * cells + self.window_elements * window_cells(cells, self.window, ubatch)


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
    full = n_full * (full_kv_heads(model) * full_head_dim(model) + full_values)
    full += stored(LayerKind.LATENT) * (model.kv_lora_rank + model.qk_rope_head_dim)
    full += index_layers(model) * model.extra.get("index_head_dim", 0)
    width = attending(*_ATTENDING) * model.n_heads * (full_head_dim(model) + full_value_dim)
    width += attending(LayerKind.LATENT) * model.n_heads * (2 * model.kv_lora_rank + model.qk_rope_head_dim)
    state = stored(LayerKind.LINEAR) * _delta_net_state(model)
    state += stored(LayerKind.SSM, LayerKind.PARALLEL_SSM) * _mamba_state(model)
    state += stored(LayerKind.CONV) * max(model.extra.get("conv_L_cache", 1) - 1, 0) * model.hidden_size
    return CacheShape(
        full_elements=full,
        window_elements=n_window * (window_keys + window_values),
        window=model.sliding_window or 0,
        state_bytes=state * _STATE_ELEMENT_BYTES,
        attention_width=width,
        window_attention_width=attending(LayerKind.WINDOW)
        * model.n_heads
        * (model.head_dim + window_value_dim),
        full_value_elements=n_full * full_values,
        window_value_elements=n_window * window_values,
        value_padding=n_full * max(widest - full_values, 0),
        window_value_padding=n_window * max(widest - window_values, 0),
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


def index_layers(model: Model) -> int:
    """Layers that keep one index key per token to choose the cells they attend to, 0 elsewhere.

    All latent layers of DeepSeek V3.2 and GLM-5; from GLM-5.2 on (told by its context of 1 Mi tokens,
    as llama.cpp does) the first two and then every fourth, whose choice the next three share.
    """
    if model.architecture not in INDEXED_ARCHITECTURES:
        return 0
    latent = model.layers.count(LayerKind.LATENT)
    if model.architecture == "glm_moe_dsa" and (model.context_length or 0) >= _SHARED_INDEX_CONTEXT:
        return 2 + -(-(latent - 2) // 4)
    return latent


def _delta_net_state(model: Model) -> int:
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
