"""Models that mix attention with recurrent layers: gated delta nets, Mamba 2, short convolutions."""

from __future__ import annotations

from catalog.tensors.base import (
    TableBuilder,
    attention,
    embedding_and_head,
    experts,
    gated_ffn,
    is_moe_layer,
    plain_ffn,
    qk_norms,
    shared_width,
)
from catalog.types import LayerKind, Role


def delta_net(t: TableBuilder, joined_gates: bool) -> None:
    """Gated delta net: q, k and v in one matrix, an output gate, a convolution and per-head decays."""
    m = t.model
    d = m.hidden_size
    n_values = m.extra.get("linear_num_value_heads", 0)
    keys = m.extra.get("linear_num_key_heads", 0) * m.extra.get("linear_key_head_dim", 0)
    head = m.extra.get("linear_value_head_dim", 0)
    values = n_values * head
    t.matrix("attn_qkv", Role.ATTENTION, d, 2 * keys + values)
    t.matrix("attn_gate", Role.ATTENTION, d, values)
    t.matrix("ssm_conv1d", Role.ATTENTION, m.extra.get("linear_conv_kernel_dim", 0), 2 * keys + values)
    t.add("ssm_dt.bias", Role.ATTENTION, n_values)
    t.add("ssm_a", Role.ATTENTION, n_values)
    if joined_gates:
        t.matrix("ssm_ba", Role.ATTENTION, d, 2 * n_values)
    else:
        t.matrix("ssm_alpha", Role.ATTENTION, d, n_values)
        t.matrix("ssm_beta", Role.ATTENTION, d, n_values)
    t.norm("ssm_norm", head)
    t.matrix("ssm_out", Role.ATTENTION, values, d)


def qwen_delta(t: TableBuilder) -> None:
    """Qwen3-Next, Qwen3.5 and later: three delta-net layers, then one of gated full attention."""
    m = t.model
    embedding_and_head(t)
    for i, kind in t.each_layer():
        t.norm("attn_norm", m.hidden_size)
        if kind == LayerKind.LINEAR:
            delta_net(t, joined_gates=m.architecture == "qwen3_next")
        else:
            gated_attention(t)
        _qwen_ffn(t, i)


def olmo_hybrid(t: TableBuilder) -> None:
    """Olmo Hybrid, by its reference (llama.cpp does not load it): three delta-net layers, then attention.

    Attention layers norm their results, like Olmo 3; delta-net layers norm their inputs.
    """
    m = t.model
    d = m.hidden_size
    embedding_and_head(t)
    for _, kind in t.each_layer():
        if kind == LayerKind.LINEAR:
            t.norm("attn_norm", d)
            delta_net(t, joined_gates=False)
            t.norm("ffn_norm", d)
        else:
            attention(t)
            qk_norms(t, m.n_heads * m.head_dim, m.n_kv_heads * m.head_dim)
            t.norm("post_attention_norm", d)
            t.norm("post_ffw_norm", d)
        gated_ffn(t, m.ffn_size)


def qwen_prediction(t: TableBuilder, i: int) -> None:
    """The layer of a prediction head of Qwen3-Next and later: full attention, then a feed-forward part."""
    t.norm("attn_norm", t.model.hidden_size)
    gated_attention(t)
    _qwen_ffn(t, i)


def gated_attention(t: TableBuilder) -> None:
    """Full attention whose query matrix holds an output gate, with norms of queries and keys."""
    attention(t, gated_query=True)
    qk_norms(t, t.model.head_dim, t.model.head_dim)


def _qwen_ffn(t: TableBuilder, i: int) -> None:
    m = t.model
    t.norm("post_attention_norm", m.hidden_size)
    if is_moe_layer(m, i):
        qwen_experts(t)
    else:
        gated_ffn(t, m.ffn_size)


def qwen_experts(t: TableBuilder) -> None:
    """Routed experts and a shared one behind a gate."""
    m = t.model
    experts(t, m.moe_ffn_size, shared_width=shared_width(m), shared_gate=True)


def _mamba2(
    t: TableBuilder, heads: int, head: int, state: int, groups: int, kernel: int, norm: bool = True
) -> None:
    """Mamba 2 mixer: one input projection, a convolution with bias, per-head decays, a grouped norm."""
    d = t.model.hidden_size
    inner = heads * head
    conv = inner + 2 * groups * state
    t.matrix("ssm_in", Role.ATTENTION, d, inner + conv + heads)
    t.matrix("ssm_conv1d", Role.ATTENTION, kernel, conv, bias=True)
    t.add("ssm_dt.bias", Role.ATTENTION, heads)
    t.add("ssm_a", Role.ATTENTION, 1, heads)
    t.add("ssm_d", Role.ATTENTION, 1, heads)
    if norm:
        t.add("ssm_norm.weight", Role.ATTENTION, inner // groups if groups else 0, groups)
    t.matrix("ssm_out", Role.ATTENTION, inner, d)


def _mamba2_of(t: TableBuilder, norm: bool = True) -> None:
    """Mamba 2 with the field names of Granite and Falcon-H1."""
    extra = t.model.extra
    _mamba2(
        t,
        extra.get("mamba_n_heads", 0),
        extra.get("mamba_d_head", 0),
        extra.get("mamba_d_state", 0),
        extra.get("mamba_n_groups", 0),
        extra.get("mamba_d_conv", 0),
        norm,
    )


def nemotron_h(t: TableBuilder) -> None:
    """Nemotron-H: each layer is one thing only: Mamba 2, attention, or a feed-forward part."""
    m = t.model
    extra = m.extra
    latent = extra.get("moe_latent_size", 0)
    embedding_and_head(t)
    for _, kind in t.each_layer():
        t.norm("attn_norm", m.hidden_size)
        if kind == LayerKind.SSM:
            _mamba2(
                t,
                extra.get("mamba_num_heads", 0),
                extra.get("mamba_head_dim", 0),
                extra.get("ssm_state_size", 0),
                extra.get("n_groups", 0),
                extra.get("conv_kernel", 0),
            )
        elif kind == LayerKind.FULL:
            attention(t)
        elif m.n_experts:
            if latent:
                t.matrix("ffn_latent_down", Role.FFN, m.hidden_size, latent)
                t.matrix("ffn_latent_up", Role.FFN, latent, m.hidden_size)
            experts(
                t, m.moe_ffn_size, shared_width=shared_width(m), correction=True, gated=False, width_in=latent
            )
        else:
            plain_ffn(t, m.ffn_size)


def granite_hybrid(t: TableBuilder) -> None:
    """Granite 4: Mamba 2 or attention, each followed by a feed-forward part."""
    m = t.model
    embedding_and_head(t)
    for _, kind in t.each_layer():
        t.norm("attn_norm", m.hidden_size)
        if kind == LayerKind.SSM:
            _mamba2_of(t)
        else:
            attention(t)
        t.norm("ffn_norm", m.hidden_size)
        if m.n_experts:
            experts(t, m.moe_ffn_size, shared_width=m.shared_expert_ffn_size)
        else:
            gated_ffn(t, m.shared_expert_ffn_size or m.ffn_size)


def falcon_h1(t: TableBuilder) -> None:
    """Falcon-H1: attention and Mamba 2 side by side in every layer."""
    m = t.model
    embedding_and_head(t)
    for _ in t.each_layer():
        t.norm("attn_norm", m.hidden_size)
        _mamba2_of(t, norm=bool(m.extra.get("mamba_rms_norm", 1)))
        attention(t)
        t.add("ffn_norm", Role.ATTENTION, m.hidden_size)  # its files name it without an ending
        gated_ffn(t, m.ffn_size)


def lfm2(t: TableBuilder) -> None:
    """LFM2: short convolutions, and attention in some layers; the final norm is named after the embedding."""
    m = t.model
    d = m.hidden_size
    embedding_and_head(t, norm_name="token_embd_norm")
    for i, kind in t.each_layer():
        t.norm("attn_norm", d)
        if kind == LayerKind.CONV:
            t.matrix("shortconv.conv", Role.ATTENTION, m.extra.get("conv_L_cache", 0), d)
            t.matrix("shortconv.in_proj", Role.ATTENTION, d, 3 * d)
            t.matrix("shortconv.out_proj", Role.ATTENTION, d, d)
        else:
            attention(t)
            qk_norms(t, m.head_dim, m.head_dim)
        t.norm("ffn_norm", d)
        if is_moe_layer(m, i):
            experts(t, m.moe_ffn_size, correction=True)
        else:
            gated_ffn(t, m.ffn_size)
