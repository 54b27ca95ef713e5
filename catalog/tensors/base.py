"""Building blocks of a tensor table: the builder, and the parts that many architectures share.

Shapes are in GGUF order, the row length (input width) first.  Which tensors exist and what they are
called follows llama.cpp (its ``llama-arch.cpp`` and ``src/models``, MIT), so that a table matches a
real file tensor for tensor.
"""

from __future__ import annotations

from collections.abc import Iterator

from catalog.types import Model, Role, Tensor


class UnsupportedArchitectureError(Exception):
    """The tensors of a model are not understood; the text says why."""

    def __init__(self, model: Model, reason: str) -> None:
        self.model_id = model.id
        self.reason = reason
        super().__init__(f"{model.name}: {reason}; its size cannot be counted")


_NEVER_QUANTIZED = (
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "altup",
    "laurel",
    "per_layer_model_proj",
    "indexer.k_proj.weight",
    "indexer.q_proj.weight",
    "ffn_gate_tid2eid.weight",
)
"""Parts of names of matrices that llama-quantize leaves alone (llama.cpp src/llama-quant.cpp, MIT)."""


_NEVER_QUANTIZED_OF = {
    "glm5_next": (
        *("hc_", "indexer.attn_q_b", "indexer.attn_k", "indexer.proj"),
        *("indexer_compressor_gate", "indexer_compressor_ape"),
        *("ssm_f_a.weight", "ssm_f_b.weight", "ssm_g_a.weight", "ssm_g_b.weight", "ssm_beta.weight"),
        *("attn_kv_a_mqa.weight", "attn_k_b.weight", "attn_v_b.weight"),
    )
}
"""The same for single architectures."""


def is_quantizable(name: str, shape: tuple[int, ...], architecture: str = "") -> bool:
    """Whether llama-quantize may change the type of a tensor: matrices that are weights and not special.

    A dimension of 1 at the end does not make a matrix.
    """
    dimensions = max((i + 1 for i, n in enumerate(shape) if n > 1), default=1)
    if dimensions == 1 or not name.endswith("weight"):
        return False
    special = (*_NEVER_QUANTIZED, *_NEVER_QUANTIZED_OF.get(architecture, ()))
    return not any(part in name for part in special)


class TableBuilder:
    """Collects the tensors of one model; ``layer`` is the block that the next tensors belong to."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.layer: int | None = None
        self.tensors: list[Tensor] = []

    def each_layer(self) -> Iterator[tuple[int, str]]:
        """Number and letter of every layer in turn; what the loop adds belongs to that layer."""
        for i, kind in enumerate(self.model.layers):
            self.layer = i
            yield i, kind
        self.layer = None

    def add(self, name: str, role: Role, *shape: int) -> None:
        """Add a tensor; inside a layer, ``name`` gets its ``blk.N.`` prefix.

        Raises:
            UnsupportedArchitectureError: a dimension is not positive, so a field of the model is missing.
        """
        if min(shape) <= 0:
            raise UnsupportedArchitectureError(
                self.model, f"a shape field is missing: {name} would be {' x '.join(map(str, shape))}"
            )
        full = name if self.layer is None else f"blk.{self.layer}.{name}"
        quantizable = is_quantizable(full, shape, self.model.architecture)
        self.tensors.append(Tensor(full, role, self.layer, shape, quantizable))

    def matrix(self, name: str, role: Role, width_in: int, width_out: int, bias: bool = False) -> None:
        """Add ``name.weight`` and, if asked for, ``name.bias``."""
        self.add(f"{name}.weight", role, width_in, width_out)
        if bias:
            self.add(f"{name}.bias", role, width_out)

    def norm(self, name: str, size: int, bias: bool = False, role: Role = Role.ATTENTION) -> None:
        """Add the weight of a norm and, for LayerNorm, its bias."""
        self.add(f"{name}.weight", role, size)
        if bias:
            self.add(f"{name}.bias", role, size)


def embedding_and_head(
    t: TableBuilder,
    *,
    norm: bool = True,
    norm_name: str = "output_norm",
    norm_bias: bool = False,
    head_bias: bool = False,
    always_tied: bool = False,
) -> None:
    """Token embedding, final norm and, unless the embeddings are tied, the output matrix."""
    m = t.model
    t.matrix("token_embd", Role.EMBEDDING, m.hidden_size, m.vocab_size)
    if norm:
        t.norm(norm_name, m.hidden_size, norm_bias, Role.HEAD)
    if not (m.tied_embeddings or always_tied):
        t.matrix("output", Role.HEAD, m.hidden_size, m.vocab_size, head_bias)


def attention(
    t: TableBuilder,
    *,
    n_heads: int = 0,
    n_kv_heads: int = 0,
    head_dim: int = 0,
    value_dim: int = 0,
    bias: bool = False,
    bias_out: bool = False,
    fused: bool = False,
    gated_query: bool = False,
) -> None:
    """Grouped-query attention: q, k, v (or one fused matrix) and the output projection.

    ``value_dim`` is the width of a value head where it is not that of a key (MiMo V2);
    ``gated_query`` doubles the width of q: the second half is an output gate (Qwen3-Next).
    """
    m = t.model
    d = m.hidden_size
    head_dim = head_dim or m.head_dim
    n_heads = n_heads or m.n_heads
    n_kv_heads = n_kv_heads or m.n_kv_heads
    q, k, v = n_heads * head_dim, n_kv_heads * head_dim, n_kv_heads * (value_dim or head_dim)
    if fused:
        t.matrix("attn_qkv", Role.ATTENTION, d, q + k + v, bias)
    else:
        t.matrix("attn_q", Role.ATTENTION, d, 2 * q if gated_query else q, bias)
        t.matrix("attn_k", Role.ATTENTION, d, k, bias)
        t.matrix("attn_v", Role.ATTENTION, d, v, bias)
    t.matrix("attn_output", Role.ATTENTION, n_heads * (value_dim or head_dim), d, bias_out)


def qk_norms(t: TableBuilder, q_size: int, k_size: int) -> None:
    """Norms of queries and keys."""
    t.norm("attn_q_norm", q_size)
    t.norm("attn_k_norm", k_size)


def gated_ffn(t: TableBuilder, width: int, bias: bool = False) -> None:
    """Dense feed-forward with a gate: gate, up, down."""
    d = t.model.hidden_size
    t.matrix("ffn_gate", Role.FFN, d, width, bias)
    t.matrix("ffn_up", Role.FFN, d, width, bias)
    t.matrix("ffn_down", Role.FFN, width, d, bias)


def plain_ffn(t: TableBuilder, width: int, bias: bool = False, fused_gate: bool = False) -> None:
    """Dense feed-forward without a gate, or with gate and up fused into one matrix."""
    d = t.model.hidden_size
    t.matrix("ffn_up", Role.FFN, d, 2 * width if fused_gate else width, bias)
    t.matrix("ffn_down", Role.FFN, width, d, bias)


def experts(
    t: TableBuilder,
    width: int,
    *,
    shared_width: int = 0,
    shared_gate: bool = False,
    router_bias: bool = False,
    correction: bool = False,
    correction_name: str = "exp_probs_b.bias",
    expert_bias: bool = False,
    gated: bool = True,
    fused: bool = False,
    width_in: int = 0,
) -> None:
    """Router, routed experts and, if ``shared_width`` is given, the shared experts as one wide expert.

    ``correction`` is the per-expert bias that balances the load; ``width_in`` is the width that the
    routed experts work in where it is not the hidden size; ``fused`` stores gate and up as one tensor.
    """
    m = t.model
    d = m.hidden_size
    inner = width_in or d
    n = m.n_experts
    t.matrix("ffn_gate_inp", Role.FFN, d, n, router_bias)
    if correction:
        t.add(correction_name, Role.FFN, n)
    if gated and fused:
        t.add("ffn_gate_up_exps.weight", Role.EXPERTS, inner, 2 * width, n)
    elif gated:
        t.add("ffn_gate_exps.weight", Role.EXPERTS, inner, width, n)
    if not (gated and fused):
        t.add("ffn_up_exps.weight", Role.EXPERTS, inner, width, n)
    t.add("ffn_down_exps.weight", Role.EXPERTS, width, inner, n)
    if expert_bias:
        t.add("ffn_gate_exps.bias", Role.EXPERTS, width, n)
        t.add("ffn_up_exps.bias", Role.EXPERTS, width, n)
        t.add("ffn_down_exps.bias", Role.EXPERTS, d, n)
    if shared_width:
        if shared_gate:
            t.add("ffn_gate_inp_shexp.weight", Role.FFN, d)
        if gated:
            t.matrix("ffn_gate_shexp", Role.FFN, d, shared_width)
        t.matrix("ffn_up_shexp", Role.FFN, d, shared_width)
        t.matrix("ffn_down_shexp", Role.FFN, shared_width, d)


def shared_width(model: Model) -> int:
    """Width of all shared experts together; 0 where there are none."""
    return model.shared_expert_ffn_size or model.n_shared_experts * model.moe_ffn_size


def is_moe_layer(model: Model, layer: int) -> bool:
    """Whether a layer of a mixture of experts routes: after the dense first ones, every n-th one."""
    if not model.n_experts or layer < model.first_dense_layers:
        return False
    return (layer + 1) % (model.moe_layer_step or 1) == 0
