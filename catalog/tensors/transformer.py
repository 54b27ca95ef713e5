"""Transformers whose layers are grouped-query attention and a feed-forward part, described by blueprints."""

from __future__ import annotations

from dataclasses import dataclass, replace

from catalog.tensors.base import (
    TableBuilder,
    UnsupportedArchitectureError,
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


@dataclass(frozen=True, slots=True)
class Blueprint:
    """How the layers of an architecture differ from the plain one.

    The plain layer is that of Llama: a norm before attention, q, k, v and output matrices without
    biases, a norm before the feed-forward part, and a gated feed-forward part.
    """

    norm_bias: bool = False
    """LayerNorm with a bias instead of RMSNorm."""
    attention_norm: bool = True
    ffn_norm: str | None = "ffn_norm"
    """Name of the norm before the feed-forward part; ``None`` where the parts run side by side."""
    post_attention_norm: bool = False
    post_ffn_norm: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    fused_qkv: bool = False
    qk_norm: str | None = None
    """``head``: one norm of head_dim for all heads; ``heads``: one per head; ``full``: the whole width."""
    sinks: bool = False
    """One learned attention sink per head."""
    window_sinks: bool = False
    """Sinks in the layers with a window only."""
    output_gate: str | None = None
    """A matrix that gates the output of attention: one value per ``element`` or per ``head``."""
    ffn: str = "gated"
    """``gated``, ``plain`` (no gate) or ``fused`` (gate and up in one matrix)."""
    ffn_bias: bool = False
    final_norm: bool = True
    head_bias: bool = False
    always_tied: bool = False
    router_bias: bool = False
    correction: bool = False
    """A per-expert bias that balances the load of the experts."""
    correction_name: str = "exp_probs_b.bias"
    expert_bias: bool = False
    shared_gate: bool = False
    """A gate before the shared expert."""
    dense_first: bool = False
    """The first layers are known to be dense: a model that does not say how many is refused."""
    sub_norms: bool = False
    """Norms inside attention and the feed-forward part, before their last matrix (BitNet)."""
    one_shared_expert: bool = False
    """Every layer with experts has one shared expert, as wide as a routed one."""


def transformer(t: TableBuilder, plan: Blueprint) -> None:
    """All tensors of a model that follows ``plan``."""
    m = t.model
    if plan.dense_first and not (m.first_dense_layers and m.ffn_size):
        raise UnsupportedArchitectureError(m, "number or width of its dense first layers is not known")
    embedding_and_head(
        t,
        norm=plan.final_norm,
        norm_bias=plan.norm_bias,
        head_bias=plan.head_bias,
        always_tied=plan.always_tied,
    )
    rope_frequencies(t)
    for i, kind in t.each_layer():
        if kind != LayerKind.NONE:
            attention_part(t, plan, kind)
        ffn_part(t, plan, i)


def attention_part(t: TableBuilder, plan: Blueprint, kind: str) -> None:
    """Attention of one layer with the norms around it; ``kind`` is the letter of the layer."""
    m = t.model
    d = m.hidden_size
    if plan.attention_norm:
        t.norm("attn_norm", d, plan.norm_bias)
    if m.extra.get("num_ln_in_parallel_attn", 1) > 1:  # the large Falcon norms the input of each part
        t.norm("attn_norm_2", d, plan.norm_bias)
    qkv_bias = bool(m.extra.get("attention_bias", plan.qkv_bias))
    n_heads, n_kv_heads = m.n_heads, m.n_kv_heads
    if kind == LayerKind.WINDOW:
        n_heads = m.extra.get("num_attention_heads_sliding", n_heads)
        n_kv_heads = m.extra.get("swa_num_key_value_heads", n_kv_heads)
    attention(
        t,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        value_dim=m.v_head_dim,
        bias=qkv_bias,
        bias_out=bool(m.extra.get("attention_output_bias", plan.output_bias)),
        fused=plan.fused_qkv,
    )
    if m.extra.get("use_qk_norm", 1):
        _qk_norm(t, plan.qk_norm)
    if plan.sinks or (plan.window_sinks and kind == LayerKind.WINDOW):
        t.add("attn_sinks.weight", Role.ATTENTION, m.n_heads)
    if plan.output_gate:
        by_element = plan.output_gate == "element" or m.extra.get("output_gate_by_element", 0)
        t.matrix("attn_gate", Role.ATTENTION, d, n_heads * m.head_dim if by_element else n_heads)
    if plan.sub_norms:
        t.norm("attn_sub_norm", n_heads * m.head_dim)
    if plan.post_attention_norm:
        t.norm("post_attention_norm", d)


def _qk_norm(t: TableBuilder, kind: str | None) -> None:
    m = t.model
    if kind == "head":
        qk_norms(t, m.head_dim, m.head_dim)
    elif kind == "full":
        qk_norms(t, m.n_heads * m.head_dim, m.n_kv_heads * m.head_dim)
    elif kind == "heads":
        t.add("attn_q_norm.weight", Role.ATTENTION, m.head_dim, m.n_heads)
        t.add("attn_k_norm.weight", Role.ATTENTION, m.head_dim, m.n_kv_heads)


def ffn_part(t: TableBuilder, plan: Blueprint, i: int) -> None:
    """Feed-forward part or experts of layer ``i`` with the norms around it."""
    m = t.model
    if plan.ffn_norm:
        t.norm(plan.ffn_norm, m.hidden_size, plan.norm_bias)
    if is_moe_layer(m, i):
        experts(
            t,
            m.moe_ffn_size,
            shared_width=m.moe_ffn_size if plan.one_shared_expert else shared_width(m),
            shared_gate=plan.shared_gate,
            router_bias=plan.router_bias,
            correction=plan.correction,
            correction_name=plan.correction_name,
            expert_bias=plan.expert_bias,
        )
    elif plan.ffn == "gated":
        width = m.ffn_sizes[i] if m.ffn_sizes else m.extra.get("intermediate_size_mlp", m.ffn_size)
        gated_ffn(t, width, bool(m.extra.get("mlp_bias", plan.ffn_bias)))
    else:
        plain_ffn(t, m.ffn_size, plan.ffn_bias, fused_gate=plan.ffn == "fused")
    if plan.post_ffn_norm:
        t.norm("post_ffw_norm", m.hidden_size)
    if plan.sub_norms:
        t.norm("ffn_sub_norm", m.ffn_size)


_STRETCHED = frozenset({"llama", "nemotron-nas"})
_LLAMA3_VOCABULARY = 128256
_LONG = 100_000


def rope_frequencies(t: TableBuilder) -> None:
    """The rotary frequency factors that converters store for stretched contexts, a few hundred bytes.

    Llama 3.1 and later (recognised by the Llama 3 vocabulary and a context beyond 8k) have one vector,
    the 128k editions of Phi-3 two.  They are constants, not parameters.
    """
    m = t.model
    context = m.context_length or 0
    if m.architecture in _STRETCHED and m.vocab_size == _LLAMA3_VOCABULARY and context > 8192:
        t.add("rope_freqs.weight", Role.ATTENTION, m.head_dim // 2)
    elif m.architecture == "phi3" and context > _LONG:
        t.add("rope_factors_long.weight", Role.ATTENTION, m.head_dim // 2)
        t.add("rope_factors_short.weight", Role.ATTENTION, m.head_dim // 2)


_QWEN_MOE = Blueprint(qk_norm="head")
_GPT = Blueprint(norm_bias=True, qkv_bias=True, output_bias=True, ffn="plain", ffn_bias=True)
_PARALLEL = Blueprint(ffn_norm=None, always_tied=True)
_SANDWICH = Blueprint(post_attention_norm=True, post_ffn_norm=True)
_POST_NORM = Blueprint(attention_norm=False, ffn_norm=None, post_attention_norm=True, post_ffn_norm=True)


_STEP = Blueprint(qk_norm="head", output_gate="head", correction=True, dense_first=True)

_MIMO = Blueprint(window_sinks=True, correction=True, dense_first=True)

LLAMA = Blueprint()

BLUEPRINTS: dict[str, Blueprint] = {
    "llama": LLAMA,
    "mistral": LLAMA,
    "ministral3": LLAMA,
    "mistral3": LLAMA,
    "mixtral": LLAMA,
    "granite": LLAMA,
    "granitemoe": LLAMA,
    "smollm3": LLAMA,
    "internlm2": LLAMA,
    "internlm3": LLAMA,
    "minicpm": LLAMA,
    "ernie4_5": LLAMA,
    "smolvlm": LLAMA,
    "idefics3": LLAMA,
    "arcee": Blueprint(ffn="plain"),
    "qwen2": Blueprint(qkv_bias=True),
    "qwen2_vl": Blueprint(qkv_bias=True),
    "qwen2_5_vl": Blueprint(qkv_bias=True),
    "mimo": Blueprint(qkv_bias=True),
    "mimo_v2_flash": _MIMO,
    "mimo_v2": replace(_MIMO, fused_qkv=True),
    "qwen2_moe": Blueprint(qkv_bias=True, shared_gate=True),
    "qwen3": Blueprint(qk_norm="head"),
    "qwen3_vl": Blueprint(qk_norm="head"),
    "interns1": Blueprint(qk_norm="head"),
    "qwen3_moe": _QWEN_MOE,
    "qwen3_vl_moe": _QWEN_MOE,
    "mellum": _QWEN_MOE,
    "hunyuan_v1_dense": Blueprint(qk_norm="head"),
    "hunyuan_v1_moe": Blueprint(qk_norm="head"),
    "seed_oss": Blueprint(qkv_bias=True, ffn_norm="post_attention_norm"),
    "olmo": Blueprint(attention_norm=False, ffn_norm=None, final_norm=False),
    "olmo2": replace(_POST_NORM, qk_norm="full"),
    "olmo3": replace(_POST_NORM, qk_norm="full"),
    "olmoe": Blueprint(qk_norm="full"),
    "exaone4": replace(_POST_NORM, qk_norm="head"),
    "apertus": Blueprint(qk_norm="head", ffn="plain"),
    "cohere": _PARALLEL,
    "cohere2": _PARALLEL,
    "aya_vision": _PARALLEL,
    "gemma": Blueprint(always_tied=True),
    "gemma2": replace(_SANDWICH, always_tied=True),
    "gemma3": replace(_SANDWICH, always_tied=True, qk_norm="head"),
    "gemma3_text": replace(_SANDWICH, always_tied=True, qk_norm="head"),
    "glm4": replace(_SANDWICH, qkv_bias=True, ffn="fused"),
    "glm4v": replace(_SANDWICH, qkv_bias=True, ffn="fused"),
    "glm": Blueprint(qkv_bias=True, fused_qkv=True, ffn="fused"),
    "phi3": Blueprint(fused_qkv=True, ffn="fused"),
    "phi": replace(_GPT, ffn_norm=None, head_bias=True),
    "phimoe": Blueprint(norm_bias=True, qkv_bias=True, output_bias=True, head_bias=True),
    "starcoder2": _GPT,
    "gpt_neox": replace(_GPT, fused_qkv=True),
    "falcon": Blueprint(norm_bias=True, fused_qkv=True, ffn="plain", ffn_norm=None),
    "nemotron": Blueprint(norm_bias=True, ffn="plain"),
    "stablelm": Blueprint(norm_bias=True),
    "gpt_oss": Blueprint(
        qkv_bias=True,
        output_bias=True,
        sinks=True,
        ffn_norm="post_attention_norm",
        router_bias=True,
        expert_bias=True,
    ),
    "glm4_moe": Blueprint(
        qkv_bias=True, qk_norm="head", ffn_norm="post_attention_norm", correction=True, dense_first=True
    ),
    "minimax_m2": Blueprint(qk_norm="full", correction=True),
    "dots1": Blueprint(qk_norm="head", correction=True, dense_first=True),
    "ernie4_5_moe": Blueprint(correction=True),
    "llama4": Blueprint(one_shared_expert=True),
    "exaone4_5": replace(_POST_NORM, qk_norm="head"),
    "exaone_moe": Blueprint(qk_norm="head", correction=True, dense_first=True),
    "hy_v3": Blueprint(qk_norm="head", correction=True, correction_name="exp_probs_b", dense_first=True),
    "solar_open": Blueprint(ffn_norm="post_attention_norm", correction=True),
    "bailing_moe_v1": LLAMA,
    "bailing_moe": Blueprint(fused_qkv=True, qk_norm="head", correction=True, dense_first=True),
    "afmoe": replace(_SANDWICH, qk_norm="head", output_gate="element", correction=True),
    "laguna": Blueprint(qk_norm="head", output_gate="head", correction=True, dense_first=True),
    "step3p5": _STEP,
    "step3p7": _STEP,
    "deepseek": Blueprint(dense_first=True),
    "muse_glimmer": replace(_SANDWICH, qk_norm="head", output_gate="element"),
    "cohere2_moe": Blueprint(ffn_norm=None),
    "internvl": Blueprint(qk_norm="head"),
    "llava": LLAMA,
    "k2_horizon": LLAMA,
    "nemotron-nas": LLAMA,
    "bitnet": Blueprint(always_tied=True, sub_norms=True),
    "phi3_v": Blueprint(fused_qkv=True, ffn="fused"),
    "hyperclovax": _SANDWICH,
}
"""Architectures (Hugging Face ``model_type``) that a blueprint describes."""
