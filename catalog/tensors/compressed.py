"""DeepSeek V4 and V4.1: attention over a window and compressed entries, on several residual streams.

All heads share one key that is also the value.  Beside the tokens of a window, a layer attends to entries
that a compressor made of several tokens each: few tokens per entry with an indexer that picks entries, or
many per entry without one.  The output goes through two matrices, the first of them split by groups of
heads.

V4 is as llama.cpp stores it.  llama.cpp does not load V4.1, whose table follows its reference: one layer's
compressed entries and choice serve the layers after it, and two layers look up hashed n-grams.
"""

from __future__ import annotations

from catalog.tensors.base import TableBuilder, embedding_and_head, experts, shared_width
from catalog.tensors.hyper import head_mixer, mixer, streams
from catalog.types import LayerKind, Role


def _attention(t: TableBuilder) -> None:
    """Query of low rank, one key for all heads, sinks, and the output in two steps."""
    m = t.model
    d = m.hidden_size
    groups, rank = m.extra.get("o_groups", 0), m.extra.get("o_lora_rank", 0)
    t.norm("attn_norm", d)
    t.add("attn_sinks.weight", Role.ATTENTION, m.n_heads)
    t.matrix("attn_q_a", Role.ATTENTION, d, m.q_lora_rank)
    t.norm("attn_q_a_norm", m.q_lora_rank)
    t.matrix("attn_q_b", Role.ATTENTION, m.q_lora_rank, m.n_heads * m.head_dim)
    t.matrix("attn_kv", Role.ATTENTION, d, m.head_dim)
    t.norm("attn_kv_a_norm", m.head_dim)
    group_width = m.n_heads * m.head_dim // groups if groups else 0
    t.matrix("attn_output_a", Role.ATTENTION, group_width, groups * rank)
    t.matrix("attn_output_b", Role.ATTENTION, groups * rank, d)


def _compressor(t: TableBuilder, prefix: str, width: int, ratio: int, overlaps: bool) -> None:
    """Values, gates and positions of the tokens that make an entry; overlapping entries have two of each."""
    d = t.model.hidden_size
    wide = 2 * width if overlaps else width
    t.matrix(f"{prefix}_compressor_kv", Role.ATTENTION, d, wide)
    t.matrix(f"{prefix}_compressor_gate", Role.ATTENTION, d, wide)
    t.matrix(f"{prefix}_compressor_ape", Role.ATTENTION, wide, ratio)
    t.norm(f"{prefix}_compressor_norm", width)


def _index_queries(t: TableBuilder) -> None:
    m = t.model
    heads, width = m.extra.get("index_n_heads", 0), m.extra.get("index_head_dim", 0)
    t.matrix("indexer.proj", Role.ATTENTION, m.hidden_size, heads)
    t.matrix("indexer.attn_q_b", Role.ATTENTION, m.q_lora_rank, heads * width)


def _expert_part(t: TableBuilder) -> None:
    m = t.model
    t.norm("ffn_norm", m.hidden_size)
    experts(t, m.moe_ffn_size, shared_width=shared_width(m))


def _block(t: TableBuilder, kind: str, hashed: bool) -> None:
    """One layer of V4; a hashed one takes its experts from a table over the vocabulary."""
    m = t.model
    _attention(t)
    mixer(t, "attn")
    mixer(t, "ffn")
    if kind == LayerKind.COMPRESSED:
        ratio = m.extra.get("compress_ratio", 0)
        _compressor(t, "attn", m.head_dim, ratio, overlaps=True)
        _index_queries(t)
        _compressor(t, "indexer", m.extra.get("index_head_dim", 0), ratio, overlaps=True)
    elif kind == LayerKind.SUMMARY:
        _compressor(t, "attn", m.head_dim, m.extra.get("summary_ratio", 0), overlaps=False)
    if hashed:
        t.matrix("ffn_gate_tid2eid", Role.FFN, m.n_experts_active, m.vocab_size)
    else:
        t.add("exp_probs_b.bias", Role.FFN, m.n_experts)
    _expert_part(t)


def deepseek_v4(t: TableBuilder) -> None:
    """DeepSeek V4 without its prediction layer, which is a file of its own."""
    embedding_and_head(t)
    head_mixer(t)
    for i, kind in t.each_layer():
        _block(t, kind, hashed=i < t.model.extra.get("num_hash_layers", 0))


def _prediction_block(t: TableBuilder, n_experts: int, biases: int) -> None:
    """A prediction layer attends to a window only; ``biases`` counts the biases of its router."""
    m = t.model
    d, width = m.hidden_size, m.moe_ffn_size
    _attention(t)
    mixer(t, "attn")
    mixer(t, "ffn")
    t.norm("ffn_norm", d)
    t.matrix("ffn_gate_inp", Role.FFN, d, n_experts)
    for name in ("exp_probs_b.bias", "exp_probs_b_vl.bias")[:biases]:
        t.add(name, Role.FFN, n_experts)
    t.add("ffn_gate_exps.weight", Role.EXPERTS, d, width, n_experts)
    t.add("ffn_up_exps.weight", Role.EXPERTS, d, width, n_experts)
    t.add("ffn_down_exps.weight", Role.EXPERTS, width, d, n_experts)
    t.matrix("ffn_gate_shexp", Role.FFN, d, shared_width(m))
    t.matrix("ffn_up_shexp", Role.FFN, d, shared_width(m))
    t.matrix("ffn_down_shexp", Role.FFN, shared_width(m), d)


def deepseek_v4_prediction(t: TableBuilder) -> None:
    """One prediction layer with a mixer of its own, or the stages of a drafter (editions from 0731 on).

    The stages share a projection of the states of some layers of the model, a table of token pairs of low
    rank that corrects the draft, and a row that says how sure it is.  Those of V4.1 have fewer experts.
    """
    m = t.model
    d = m.hidden_size
    stages, rank = m.extra.get("dspark_stages", 0), m.extra.get("dspark_markov_rank", 0)
    is_v41 = m.architecture == "deepseek_v41"
    for i in range(m.n_layers, m.n_layers + (stages or m.extra.get("num_nextn_predict_layers", 0))):
        t.layer = i
        _prediction_block(t, m.extra.get("dspark_n_routed_experts", m.n_experts), 2 if is_v41 else 1)
        if not stages:
            t.matrix("nextn.eh_proj", Role.FFN, 2 * d, d)
            for name in ("enorm", "hnorm", "shared_head_norm"):
                t.norm(f"nextn.{name}", d)
            _own_head_mixer(t)
    t.layer = None
    if stages:
        t.matrix("fc", Role.FFN, m.extra.get("dspark_target_layers", 0) * d, d)
        t.norm("enc.output_norm", d)
        t.norm("output_norm", d)
        t.matrix("markov_w1", Role.FFN, rank, m.vocab_size)
        t.matrix("markov_w2", Role.FFN, rank, m.vocab_size)
        t.add("conf_proj.weight", Role.FFN, d + rank)
        if not is_v41:
            _own_head_mixer(t)


def _own_head_mixer(t: TableBuilder) -> None:
    layer, t.layer = t.layer, None
    head_mixer(t)
    t.layer = layer


def deepseek_v41(t: TableBuilder) -> None:
    """DeepSeek V4.1: a layer owns compressed entries and an indexer, an indexer only, or neither."""
    m = t.model
    d = m.hidden_size
    embedding_and_head(t)
    for i, kind in t.each_layer():
        _attention(t)
        mixer(t, "attn")
        mixer(t, "ffn")
        if kind == LayerKind.COMPRESSED:
            t.matrix("attn_compressor_kv", Role.ATTENTION, d, m.head_dim)
            if i < m.extra.get("uncompressed_from_layer", 0):
                t.matrix("attn_compressor_gate", Role.ATTENTION, d, m.head_dim)
            t.norm("attn_compressor_norm", m.head_dim)
            t.matrix("indexer.attn_k", Role.ATTENTION, m.head_dim, m.extra.get("index_head_dim", 0))
            t.norm("indexer.k_norm", m.extra.get("index_head_dim", 0))
        if kind in (LayerKind.COMPRESSED, LayerKind.REINDEXED):
            _index_queries(t)
        if i in (m.extra.get("engram_first_layer", -1), m.extra.get("engram_second_layer", -1)):
            _engram(t, i)
        t.add("exp_probs_b.bias", Role.FFN, m.n_experts)
        t.add("exp_probs_b_vl.bias", Role.FFN, m.n_experts)
        _expert_part(t)


def _engram(t: TableBuilder, i: int) -> None:
    """N-grams of 2 tokens and more, hashed by several heads; what they find makes a key for every stream and
    one value."""
    m = t.model
    e = m.extra
    first = e.get("engram_first_rows", 0)
    rows = first if i == e.get("engram_first_layer") else e.get("ngram_rows", 0) - first
    found = (e.get("engram_max_ngram_size", 1) - 1) * e.get("engram_n_heads", 0) * e.get("ngram_width", 0)
    t.matrix("engram_embd", Role.PER_LAYER_EMBEDDING, e.get("ngram_width", 0), rows)
    t.matrix("engram_kv", Role.ATTENTION, found, (streams(t) + 1) * m.hidden_size)
    t.norm("engram_q_norm", streams(t) * m.hidden_size)
    t.norm("engram_k_norm", streams(t) * m.hidden_size)
