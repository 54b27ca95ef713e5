"""Gemma 3n and Gemma 4: layers of different shapes, per-layer embeddings, shared caches."""

from __future__ import annotations

from catalog.tensors.base import TableBuilder, attention, embedding_and_head, experts, gated_ffn, qk_norms
from catalog.types import LayerKind, Role

_ALTUP_INPUTS = 4
_LAUREL_RANK = 64
"""Constants of the Gemma 3n classes in Hugging Face transformers (Apache-2.0): both sizes have them."""


def _per_layer_embeddings(t: TableBuilder) -> None:
    m = t.model
    width = m.extra.get("hidden_size_per_layer_input", 0) * m.n_layers
    # Files pad the rows to the whole vocabulary; see ``count_params``.
    t.matrix("per_layer_token_embd", Role.PER_LAYER_EMBEDDING, width, m.vocab_size)
    t.matrix("per_layer_model_proj", Role.ATTENTION, m.hidden_size, width)
    t.norm("per_layer_proj_norm", m.extra.get("hidden_size_per_layer_input", 0))


def _per_layer_input(t: TableBuilder) -> None:
    m = t.model
    width = m.extra.get("hidden_size_per_layer_input", 0)
    t.matrix("inp_gate", Role.FFN, m.hidden_size, width)
    t.matrix("proj", Role.FFN, width, m.hidden_size)
    t.norm("post_norm", m.hidden_size)


def gemma3n(t: TableBuilder) -> None:
    """Gemma 3n: four parallel streams (AltUp), a low-rank bypass (LAuReL) and per-layer embeddings."""
    m = t.model
    d = m.hidden_size
    embedding_and_head(t, always_tied=True)
    t.add("altup_proj.weight", Role.ATTENTION, d, d, _ALTUP_INPUTS - 1)
    t.add("altup_unembd_proj.weight", Role.ATTENTION, d, d, _ALTUP_INPUTS - 1)
    _per_layer_embeddings(t)
    for _ in t.each_layer():
        t.norm("attn_norm", d)
        attention(t)
        qk_norms(t, m.head_dim, m.head_dim)
        t.norm("post_attention_norm", d)
        t.norm("ffn_norm", d)
        gated_ffn(t, m.ffn_size)
        t.norm("post_ffw_norm", d)
        _per_layer_input(t)
        t.add("altup_correct_coef.weight", Role.ATTENTION, _ALTUP_INPUTS, _ALTUP_INPUTS)
        t.norm("altup_correct_scale", d)
        t.add("altup_predict_coef.weight", Role.ATTENTION, _ALTUP_INPUTS, _ALTUP_INPUTS**2)
        t.matrix("altup_router", Role.ATTENTION, d, _ALTUP_INPUTS)
        t.norm("altup_router_norm", d)
        t.matrix("laurel_l", Role.ATTENTION, d, _LAUREL_RANK)
        t.matrix("laurel_r", Role.ATTENTION, _LAUREL_RANK, d)
        t.norm("laurel_post_norm", d)


def gemma4(t: TableBuilder) -> None:
    """Gemma 4: wide heads in the global layers, values that are keys there, experts beside a dense part.

    Layers that share the cache of an earlier one have no k and v; in the E models their feed-forward
    part is twice as wide.
    """
    m = t.model
    d = m.hidden_size
    per_layer = m.extra.get("hidden_size_per_layer_input", 0)
    own_cache = m.n_layers - m.extra.get("num_kv_shared_layers", 0)
    embedding_and_head(t, always_tied=True)
    t.add("rope_freqs.weight", Role.ATTENTION, m.extra.get("global_head_dim", 0) // 2)
    if per_layer:
        _per_layer_embeddings(t)
    for i, kind in t.each_layer():
        t.norm("attn_norm", d)
        _gemma4_attention(t, is_global=kind == LayerKind.FULL, has_cache=i < own_cache)
        t.norm("post_attention_norm", d)
        t.add("layer_output_scale.weight", Role.ATTENTION, 1)
        t.norm("ffn_norm", d)
        gated_ffn(t, m.ffn_size if i < own_cache or not _double_wide(t) else 2 * m.ffn_size)
        t.norm("post_ffw_norm", d)
        if m.n_experts:
            t.add("ffn_gate_inp.scale", Role.FFN, d)
            t.norm("pre_ffw_norm_2", d)
            t.norm("post_ffw_norm_1", d)
            t.norm("post_ffw_norm_2", d)
            experts(t, m.moe_ffn_size, fused=True)
            t.add("ffn_down_exps.scale", Role.EXPERTS, m.n_experts)
        if per_layer:
            _per_layer_input(t)


def _double_wide(t: TableBuilder) -> bool:
    return bool(t.model.extra.get("use_double_wide_mlp", 0))


def _gemma4_attention(t: TableBuilder, is_global: bool, has_cache: bool) -> None:
    m = t.model
    d = m.hidden_size
    head = m.extra.get("global_head_dim", 0) if is_global else m.head_dim
    n_kv = m.extra.get("num_global_key_value_heads", m.n_kv_heads) if is_global else m.n_kv_heads
    t.matrix("attn_q", Role.ATTENTION, d, m.n_heads * head)
    t.norm("attn_q_norm", head)
    if has_cache:
        t.matrix("attn_k", Role.ATTENTION, d, n_kv * head)
        t.norm("attn_k_norm", head)
        if not (is_global and m.extra.get("attention_k_eq_v", 0)):
            t.matrix("attn_v", Role.ATTENTION, d, n_kv * head)
    t.matrix("attn_output", Role.ATTENTION, m.n_heads * head, d)
