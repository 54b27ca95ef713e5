"""What a sequence needs besides weights: KV cache by layer kind and recurrent state.

Element counts are per token and summed over layers; states are bytes per sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

from catalog.types import LayerKind, Model

_STATE_ELEMENT_BYTES = 4
"""llama.cpp keeps recurrent and convolution states in F32."""

_WINDOW_PAD = 256
"""llama.cpp pads the cells of window layers to a multiple of 256 (read off llama-fit-params)."""


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

    def stored_elements(self, context: int, ubatch: int) -> int:
        """Cells times elements that llama.cpp reserves for ``context`` tokens of one sequence."""
        return self.full_elements * context + self.window_elements * window_cells(
            context, self.window, ubatch
        )

    def read_elements(self, depth: int) -> int:
        """Elements that one decode step reads with ``depth`` tokens cached."""
        return self.full_elements * depth + self.window_elements * min(depth, self.window)


def window_cells(context: int, window: int, ubatch: int) -> int:
    """Cells of a sliding-window layer: min(context, window + ubatch), padded to 256."""
    if window <= 0:
        return 0
    cells = min(context, window + ubatch)
    padded = -(-cells // _WINDOW_PAD) * _WINDOW_PAD
    return min(padded, max(context, cells))


def cache_shape(model: Model) -> CacheShape:
    """The cache shape of a model, from its layer letters and shape fields.

    Layers that share the KV of an earlier layer (``num_kv_shared_layers`` at the end of the stack,
    Gemma 3n and 4) store nothing of their own.
    """
    shared = model.extra.get("num_kv_shared_layers", 0)
    own = model.layers[: len(model.layers) - shared] if shared else model.layers

    def stored(*kinds: LayerKind) -> int:
        return sum(own.count(kind.value) for kind in kinds)

    def attending(*kinds: LayerKind) -> int:
        return sum(model.layers.count(kind.value) for kind in kinds)

    full = stored(LayerKind.FULL, LayerKind.PARALLEL_SSM) * 2 * _full_kv_heads(model) * _full_head_dim(model)
    full += stored(LayerKind.LATENT) * (model.kv_lora_rank + model.qk_rope_head_dim)
    width = attending(LayerKind.FULL, LayerKind.PARALLEL_SSM) * 2 * model.n_heads * _full_head_dim(model)
    width += attending(LayerKind.LATENT) * model.n_heads * (2 * model.kv_lora_rank + model.qk_rope_head_dim)
    state = stored(LayerKind.LINEAR) * _delta_net_state(model)
    state += stored(LayerKind.SSM, LayerKind.PARALLEL_SSM) * _mamba_state(model)
    state += stored(LayerKind.CONV) * max(model.extra.get("conv_L_cache", 1) - 1, 0) * model.hidden_size
    return CacheShape(
        full_elements=full,
        window_elements=stored(LayerKind.WINDOW) * 2 * model.n_kv_heads * model.head_dim,
        window=model.sliding_window or 0,
        state_bytes=state * _STATE_ELEMENT_BYTES,
        attention_width=width,
        window_attention_width=attending(LayerKind.WINDOW) * 2 * model.n_heads * model.head_dim,
    )


def _full_head_dim(model: Model) -> int:
    return model.extra.get("global_head_dim", model.head_dim)


def _full_kv_heads(model: Model) -> int:
    return model.extra.get("num_global_key_value_heads", model.n_kv_heads)


def _delta_net_state(model: Model) -> int:
    """Elements of one gated delta net layer: heads x dk x dv, plus the convolution's tail."""
    e = model.extra
    keys = e.get("linear_num_key_heads", 0) * e.get("linear_key_head_dim", 0)
    values = e.get("linear_num_value_heads", 0) * e.get("linear_value_head_dim", 0)
    conv = max(e.get("linear_conv_kernel_dim", 1) - 1, 0) * (2 * keys + values)
    return values * e.get("linear_key_head_dim", 0) + conv


def _mamba_state(model: Model) -> int:
    """Elements of one Mamba-2 layer: heads x head_dim x state, plus the convolution's tail."""
    e = model.extra
    heads = e.get("mamba_num_heads", e.get("mamba_n_heads", 0))
    inner = heads * e.get("mamba_head_dim", e.get("mamba_d_head", 0))
    if not inner:
        inner = e.get("mamba_d_ssm", e.get("mamba_expand", 2) * model.hidden_size)
    state = e.get("ssm_state_size", e.get("mamba_d_state", e.get("state_size", 0)))
    groups = e.get("n_groups", e.get("mamba_n_groups", 1))
    kernel = e.get("conv_kernel", e.get("mamba_d_conv", 4))
    return inner * state + max(kernel - 1, 0) * (inner + 2 * groups * state)
