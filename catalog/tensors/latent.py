"""Models with multi-head latent attention (DeepSeek V2, V3 and their relatives)."""

from __future__ import annotations

from catalog.tensors.base import (
    TableBuilder,
    UnsupportedArchitectureError,
    embedding_and_head,
    experts,
    gated_ffn,
    is_moe_layer,
    shared_width,
)
from catalog.types import LayerKind, Model, Role


def latent_attention(t: TableBuilder) -> None:
    """MLA as llama.cpp stores it: kv_b split per head into k_b and v_b, q compressed or not."""
    m = t.model
    d = m.hidden_size
    head = m.qk_nope_head_dim + m.qk_rope_head_dim
    if m.q_lora_rank:
        t.matrix("attn_q_a", Role.ATTENTION, d, m.q_lora_rank)
        t.norm("attn_q_a_norm", m.q_lora_rank)
        t.matrix("attn_q_b", Role.ATTENTION, m.q_lora_rank, m.n_heads * head)
    else:
        t.matrix("attn_q", Role.ATTENTION, d, m.n_heads * head)
    t.matrix("attn_kv_a_mqa", Role.ATTENTION, d, m.kv_lora_rank + m.qk_rope_head_dim)
    t.norm("attn_kv_a_norm", m.kv_lora_rank)
    t.add("attn_k_b.weight", Role.ATTENTION, m.qk_nope_head_dim, m.kv_lora_rank, m.n_heads)
    t.add("attn_v_b.weight", Role.ATTENTION, m.kv_lora_rank, m.v_head_dim, m.n_heads)
    t.matrix("attn_output", Role.ATTENTION, m.n_heads * m.v_head_dim, d)


def _ffn(t: TableBuilder, i: int, correction: bool) -> None:
    m = t.model
    t.norm("ffn_norm", m.hidden_size)
    if is_moe_layer(m, i):
        experts(t, m.moe_ffn_size, shared_width=shared_width(m), correction=correction)
    else:
        gated_ffn(t, m.ffn_size)


def _check_dense_first(t: TableBuilder) -> None:
    m = t.model
    if m.architecture not in _ALL_EXPERTS and m.n_experts and not (m.first_dense_layers and m.ffn_size):
        raise UnsupportedArchitectureError(m, "number or width of its dense first layers is not known")


_WITHOUT_CORRECTION = frozenset({"deepseek_v2", "mistral4"})
_ALL_EXPERTS = frozenset({"mistral4"})
"""Architectures without dense first layers."""


def deepseek(t: TableBuilder) -> None:
    """DeepSeek V2 and V3, Kimi K2, GLM-4.7-Flash, Mistral Small 4: MLA, dense first layers, then experts."""
    m = t.model
    if set(m.layers) != {LayerKind.LATENT}:
        raise UnsupportedArchitectureError(m, "not all layers use latent attention")
    _check_dense_first(t)
    embedding_and_head(t)
    for i, _ in t.each_layer():
        t.norm("attn_norm", m.hidden_size)
        latent_attention(t)
        _ffn(t, i, m.architecture not in _WITHOUT_CORRECTION)


def sparse_deepseek(t: TableBuilder) -> None:
    """DeepSeek V3.2 and GLM-5: MLA with an indexer that picks the cached tokens to attend to."""
    _check_dense_first(t)
    embedding_and_head(t)
    for i, _ in t.each_layer():
        sparse_deepseek_layer(t, i)


def sparse_deepseek_layer(t: TableBuilder, i: int) -> None:
    """One layer: latent attention, its indexer, and experts or a dense part."""
    t.norm("attn_norm", t.model.hidden_size)
    latent_attention(t)
    if has_indexer(t.model, i):
        latent_indexer(t)
    _ffn(t, i, correction=True)


def has_indexer(model: Model, layer: int) -> bool:
    """Whether a layer has an indexer of its own; from GLM-5.2 on the others use that of a layer before."""
    first = model.extra.get("index_skip_topk_offset", 0)
    return layer < first or (layer + 1 - first) % model.extra.get("index_topk_freq", 1) == 0


def latent_indexer(t: TableBuilder) -> None:
    """Keys and low-rank queries that score the cached tokens, and the weights of the heads."""
    m = t.model
    heads, width = m.extra.get("index_n_heads", 0), m.extra.get("index_head_dim", 0)
    t.matrix("indexer.attn_k", Role.ATTENTION, m.hidden_size, width)
    t.norm("indexer.k_norm", width, bias=True)
    t.matrix("indexer.attn_q_b", Role.ATTENTION, m.q_lora_rank, heads * width)
    t.matrix("indexer.proj", Role.ATTENTION, m.hidden_size, heads)
