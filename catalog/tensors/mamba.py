"""Models with Mamba 1 layers (Jamba, Falcon Mamba) and with delta attention (Kimi Linear and K3, Ling 3)."""

from __future__ import annotations

from catalog.tensors.base import (
    TableBuilder,
    UnsupportedArchitectureError,
    attention,
    embedding_and_head,
    experts,
    gated_ffn,
    is_moe_layer,
    shared_width,
)
from catalog.tensors.latent import latent_attention
from catalog.types import LayerKind, Role

_JAMBA_EXPERT_PERIOD = 2
"""Every second layer of Jamba has experts (expert_layer_period of its configuration)."""


def _mamba1(t: TableBuilder, norms: bool) -> None:
    """Mamba 1 mixer; the rank of the time step is a sixteenth of the hidden size, rounded up."""
    m = t.model
    d = m.hidden_size
    inner = m.extra.get("mamba_expand", m.extra.get("expand", 2)) * d
    state = m.extra.get("mamba_d_state", m.extra.get("state_size", 0))
    rank = -(-d // 16)
    t.matrix("ssm_in", Role.ATTENTION, d, 2 * inner)
    t.matrix(
        "ssm_conv1d",
        Role.ATTENTION,
        m.extra.get("mamba_d_conv", m.extra.get("conv_kernel", 4)),
        inner,
        bias=True,
    )
    t.matrix("ssm_x", Role.ATTENTION, inner, rank + 2 * state)
    t.matrix("ssm_dt", Role.ATTENTION, rank, inner, bias=True)
    if norms:
        t.norm("ssm_dt_norm", rank)
        t.norm("ssm_b_norm", state)
        t.norm("ssm_c_norm", state)
    t.add("ssm_a", Role.ATTENTION, state, inner)
    t.add("ssm_d", Role.ATTENTION, inner)
    t.matrix("ssm_out", Role.ATTENTION, inner, d)


def jamba(t: TableBuilder) -> None:
    """Jamba: Mamba 1 and attention layers, each with a feed-forward part; experts in every second layer."""
    m = t.model
    embedding_and_head(t)
    for i, kind in t.each_layer():
        t.norm("attn_norm", m.hidden_size)
        if kind == LayerKind.SSM:
            _mamba1(t, norms=True)
        else:
            attention(t)
        t.norm("ffn_norm", m.hidden_size)
        if m.n_experts and (i + 1) % (m.moe_layer_step or _JAMBA_EXPERT_PERIOD) == 0:
            experts(t, m.moe_ffn_size)
        else:
            gated_ffn(t, m.ffn_size)


def falcon_mamba(t: TableBuilder) -> None:
    """Falcon Mamba: Mamba 1 layers only."""
    m = t.model
    embedding_and_head(t)
    for _ in t.each_layer():
        t.norm("attn_norm", m.hidden_size)
        _mamba1(t, norms=False)


def delta_attention(
    t: TableBuilder, low_rank: bool, *, full_gate: bool = False, flat_decay: bool = False
) -> None:
    """Kimi delta attention: separate convolutions for q, k and v; decay and gates of low or full rank.

    ``full_gate`` gives the gate full rank beside a decay of low rank (Kimi K3); ``flat_decay`` stores the
    decay rates without a dimension of 1 before them (Kimi K3, GLM-5.3-Flash).
    """
    m = t.model
    d = m.hidden_size
    head = m.extra.get("linear_value_head_dim", m.v_head_dim)
    width = m.n_heads * head
    kernel = m.extra.get("linear_conv_kernel_dim", 0)
    for part in "qkv":
        t.add(f"ssm_conv1d_{part}.weight", Role.ATTENTION, kernel, 1, width)
    for part in "qkv":
        t.matrix(f"attn_{part}", Role.ATTENTION, d, width)
    t.matrix("ssm_f_a", Role.ATTENTION, d, head if low_rank else width)
    if low_rank:
        t.matrix("ssm_f_b", Role.ATTENTION, head, width)
    t.matrix("ssm_beta", Role.ATTENTION, d, m.n_heads)
    t.add("ssm_a", Role.ATTENTION, *((m.n_heads,) if flat_decay else (1, m.n_heads)))
    t.add("ssm_dt.bias", Role.ATTENTION, width)
    if full_gate:
        t.matrix("ssm_g", Role.ATTENTION, d, width)
    else:
        t.matrix("ssm_g_a", Role.ATTENTION, d, head if low_rank else width)
        if low_rank:
            t.matrix("ssm_g_b", Role.ATTENTION, head, width)
    t.norm("ssm_norm", head)
    t.matrix("attn_output", Role.ATTENTION, width, d)


def kimi_linear(t: TableBuilder) -> None:
    """Kimi Linear and Ling 3: groups of delta attention layers that end with one of latent attention.

    In Ling 3 the decay and the gates have full rank, and latent attention has a gate per head.
    """
    m = t.model
    is_kimi = m.architecture == "kimi_linear"
    if not m.first_dense_layers:
        raise UnsupportedArchitectureError(m, "the width of its dense first layer is not known")
    embedding_and_head(t)
    for i, kind in t.each_layer():
        t.norm("attn_norm", m.hidden_size)
        if kind == LayerKind.LATENT:
            latent_attention(t)
            if not is_kimi:
                t.matrix("attn_gate", Role.ATTENTION, m.hidden_size, m.n_heads)
        else:
            delta_attention(t, low_rank=is_kimi)
        t.norm("ffn_norm", m.hidden_size)
        if is_moe_layer(m, i):
            experts(t, m.moe_ffn_size, shared_width=shared_width(m), correction=True)
        else:
            gated_ffn(t, m.ffn_size)


def kimi_k3(t: TableBuilder) -> None:
    """Kimi K3: Kimi Linear with experts of a narrower width and parts that read earlier results again.

    Every part of a layer weighs the sums at the ends of some earlier layers by a score; the norms of the
    scores are folded into them.  Latent attention has a gate as wide as its values.
    """
    m = t.model
    d = m.hidden_size
    if not m.first_dense_layers:
        raise UnsupportedArchitectureError(m, "the width of its dense first layer is not known")
    latent = m.extra.get("moe_latent_size", 0)
    embedding_and_head(t)
    t.add("output_res_score.weight", Role.HEAD, d)
    for i, kind in t.each_layer():
        t.norm("attn_norm", d)
        t.add("attn_res_score.weight", Role.ATTENTION, d)
        if kind == LayerKind.LATENT:
            latent_attention(t)
            t.matrix("attn_gate", Role.ATTENTION, d, m.n_heads * m.v_head_dim)
        else:
            delta_attention(t, low_rank=True, full_gate=True, flat_decay=True)
        t.norm("ffn_norm", d)
        t.add("ffn_res_score.weight", Role.FFN, d)
        if is_moe_layer(m, i):
            experts(t, m.moe_ffn_size, shared_width=shared_width(m), correction=True, width_in=latent)
            t.matrix("ffn_routed_down", Role.FFN, d, latent)
            t.matrix("ffn_routed_up", Role.FFN, latent, d)
            t.norm("ffn_routed_norm", latent)
        else:
            gated_ffn(t, m.ffn_size)


def ling_prediction(t: TableBuilder, _: int) -> None:
    """The prediction layer of Ling 3: latent attention with a gate per head, and experts."""
    m = t.model
    t.norm("attn_norm", m.hidden_size)
    latent_attention(t)
    t.matrix("attn_gate", Role.ATTENTION, m.hidden_size, m.n_heads)
    t.norm("ffn_norm", m.hidden_size)
    experts(t, m.moe_ffn_size, shared_width=shared_width(m), correction=True)
