"""Attention that an indexer restricts to some of the cached tokens, beside other mixers.

GLM-5.3-Flash and Hy4 choose from latents, MiniMax M3 and Qwen3.8-Flash-Next from plain keys and values;
DeepSeek V3.2 and GLM-5, whose every layer is of this kind, are in ``latent``.
"""

from __future__ import annotations

from catalog.tensors.base import (
    TableBuilder,
    UnsupportedArchitectureError,
    attention,
    embedding_and_head,
    experts,
    gated_ffn,
    is_moe_layer,
    qk_norms,
    shared_width,
)
from catalog.tensors.hybrid import delta_net, gated_attention, qwen_experts
from catalog.tensors.hyper import head_mixer, low_rank_mixer, mixer, streams
from catalog.tensors.latent import latent_attention, latent_indexer
from catalog.tensors.mamba import delta_attention
from catalog.types import LayerKind, Role


def _ffn(t: TableBuilder, i: int) -> None:
    m = t.model
    t.norm("ffn_norm", m.hidden_size)
    if is_moe_layer(m, i):
        experts(t, m.moe_ffn_size, shared_width=shared_width(m), correction=True)
    else:
        gated_ffn(t, m.ffn_size)


def _require_dense_first(t: TableBuilder) -> None:
    if not (t.model.first_dense_layers and t.model.ffn_size):
        raise UnsupportedArchitectureError(t.model, "number or width of its dense first layers is not known")


def glm5_next(t: TableBuilder) -> None:
    """GLM-5.3-Flash: three layers of delta attention, then one of indexed latent attention."""
    _require_dense_first(t)
    embedding_and_head(t)
    for i, kind in t.each_layer():
        t.norm("attn_norm", t.model.hidden_size)
        mixer(t, "attn")
        mixer(t, "ffn")
        if kind == LayerKind.LATENT:
            _pooled_latent(t)
        else:
            delta_attention(t, low_rank=True, flat_decay=True)
        _ffn(t, i)


def _pooled_latent(t: TableBuilder) -> None:
    """Latent attention whose indexer scores pools of keys: gates and positions make one key of a pool."""
    m = t.model
    width = m.extra.get("index_head_dim", 0)
    latent_attention(t)
    latent_indexer(t)
    t.matrix("indexer_compressor_gate", Role.ATTENTION, m.hidden_size, width)
    t.matrix("indexer_compressor_ape", Role.ATTENTION, width, m.extra.get("index_kpool", 0))


def glm5_next_prediction(t: TableBuilder, i: int) -> None:
    """The prediction layer: indexed latent attention and experts on one residual stream."""
    t.norm("attn_norm", t.model.hidden_size)
    _pooled_latent(t)
    _ffn(t, i)


def hy_v4(t: TableBuilder) -> None:
    """Hy4: gated latent attention with sinks; every fourth layer has an indexer whose choice the next use."""
    m = t.model
    _require_dense_first(t)
    embedding_and_head(t)
    head_mixer(t)
    for i, kind in t.each_layer():
        _gated_latent(t, indexed=kind == LayerKind.LATENT and owns_index(i))
        mixer(t, "attn", mixes_streams=False)
        mixer(t, "ffn", mixes_streams=False)
        _ffn(t, i)
    if m.extra.get("index_topk", 0) <= 0:
        raise UnsupportedArchitectureError(m, "how many tokens its indexer picks is not known")


def owns_index(i: int) -> bool:
    """Whether a layer of Hy4 has an indexer of its own: the first, and from the second on every fourth."""
    return i == 0 or i % 4 == 1


def _gated_latent(t: TableBuilder, indexed: bool) -> None:
    m = t.model
    t.norm("attn_norm", m.hidden_size)
    t.add("attn_sinks.weight", Role.ATTENTION, m.n_heads)
    latent_attention(t)
    t.matrix("attn_gate", Role.ATTENTION, m.hidden_size, m.n_heads * m.v_head_dim)
    if indexed:
        latent_indexer(t)


def hy_v4_prediction(t: TableBuilder, i: int) -> None:
    """The prediction layer, which converters leave out: indexed latent attention and experts."""
    _gated_latent(t, indexed=True)
    _ffn(t, i)


def minimax_m3(t: TableBuilder) -> None:
    """MiniMax M3: grouped-query attention; the layers with experts attend to blocks that an indexer picks."""
    m = t.model
    _require_dense_first(t)
    embedding_and_head(t)
    for i, _ in t.each_layer():
        t.norm("attn_norm", m.hidden_size)
        attention(t)
        qk_norms(t, m.head_dim, m.head_dim)
        if is_moe_layer(m, i):
            _key_indexer(t)
        _ffn(t, i)


def _key_indexer(t: TableBuilder) -> None:
    """Query heads and one key for the choice of blocks, with norms."""
    m = t.model
    heads, width = m.extra.get("index_n_heads", 0), m.extra.get("index_head_dim", 0)
    t.matrix("indexer.q_proj", Role.ATTENTION, m.hidden_size, heads * width)
    t.matrix("indexer.k_proj", Role.ATTENTION, m.hidden_size, width)
    t.norm("indexer.q_norm", width)
    t.norm("indexer.k_norm", width)


def qwen4_exp(t: TableBuilder) -> None:
    """Qwen3.8-Flash-Next: gated delta nets and indexed attention on several streams, and one layer that
    looks up hashed n-grams."""
    m = t.model
    embedding_and_head(t, norm=False)
    low_rank_mixer(t, "output_hc", Role.HEAD, injects=False)
    t.matrix(
        "per_layer_token_embd",
        Role.PER_LAYER_EMBEDDING,
        m.extra.get("ngram_width", 0),
        m.extra.get("ngram_rows", 0),
    )
    for i, kind in t.each_layer():
        _mixers(t)
        if kind == LayerKind.LINEAR:
            delta_net(t, joined_gates=False)
        else:
            gated_attention(t)
            _key_indexer(t)
        if i == m.extra.get("ple_layer", -1):
            _ngram_lookup(t)
        qwen_experts(t)


def _mixers(t: TableBuilder) -> None:
    low_rank_mixer(t, "hc_attn", Role.ATTENTION)
    low_rank_mixer(t, "hc_ffn", Role.ATTENTION)


def _ngram_lookup(t: TableBuilder) -> None:
    """What the table gives makes a key for every stream, one value, and passes a convolution."""
    m = t.model
    d = m.hidden_size
    wide = streams(t) * d
    t.matrix("ple_key", Role.ATTENTION, d, wide)
    t.matrix("ple_value", Role.ATTENTION, d, d)
    for part in ("key", "query", "conv"):
        t.add(f"ple_norm_{part}.weight", Role.ATTENTION, d, streams(t))
    t.matrix("ple_conv1d", Role.ATTENTION, m.extra.get("ple_conv_kernel_size", 0), wide)


def qwen4_exp_prediction(t: TableBuilder) -> None:
    """The prediction layer of Qwen3.8-Flash-Next: indexed attention and experts on all streams."""
    _mixers(t)
    gated_attention(t)
    _key_indexer(t)
    qwen_experts(t)
