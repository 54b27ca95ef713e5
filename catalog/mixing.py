"""Which type llama-quantize gives every tensor: the mixing rules of llama.cpp's GGUF file types.

A file type such as Q4_K_M names a mix: most matrices get its default type, the sensitive ones (output,
attention values, ``ffn_down``) more bits, some with a rule by layer.  The rules are those of
llama.cpp's ``src/llama-quant.cpp`` as of 2026-10 (MIT); they hold for a file converted from 16 bit
weights and quantized without overrides.  Hand-made mixes ("UD" files) follow no rule and are not
computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from catalog.ggml import ggml_types
from catalog.types import LayerKind, LookupFailedError, Model, Tensor

FILE_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "F32": "F32",
        "BF16": "BF16",
        "F16": "F16",
        "Q8_0": "Q8_0",
        "Q6_K": "Q6_K",
        "Q5_K_M": "Q5_K",
        "Q5_K_S": "Q5_K",
        "Q5_1": "Q5_1",
        "Q5_0": "Q5_0",
        "Q4_K_M": "Q4_K",
        "Q4_K_S": "Q4_K",
        "Q4_1": "Q4_1",
        "Q4_0": "Q4_0",
        "IQ4_NL": "IQ4_NL",
        "IQ4_XS": "IQ4_XS",
        "MXFP4_MOE": "MXFP4",
        "Q3_K_L": "Q3_K",
        "Q3_K_M": "Q3_K",
        "Q3_K_S": "Q3_K",
        "IQ3_M": "IQ3_S",
        "IQ3_S": "IQ3_S",
        "IQ3_XS": "IQ3_S",
        "IQ3_XXS": "IQ3_XXS",
        "Q2_K": "Q2_K",
        "Q2_K_S": "Q2_K",
        "IQ2_M": "IQ2_S",
        "IQ2_S": "IQ2_XS",
        "IQ2_XS": "IQ2_XS",
        "IQ2_XXS": "IQ2_XXS",
        "TQ2_0": "TQ2_0",
        "TQ1_0": "TQ1_0",
        "IQ1_M": "IQ1_M",
        "IQ1_S": "IQ1_S",
    }
)
"""Default tensor type of every GGUF file type, best quality first."""

PLAIN = frozenset({"F32", "F16", "BF16"})
"""Default types that are not block-quantized: no mixing, no fallback."""


class Category(Enum):
    """What the mixing rules tell apart; everything else is ``OTHER``."""

    OUTPUT = auto()
    EMBEDDING = auto()
    VALUE = auto()
    KEY = auto()
    QUERY = auto()
    ATTENTION_OUTPUT = auto()
    UP = auto()
    GATE = auto()
    DOWN = auto()
    FUSED = auto()
    """Queries, keys and values in one matrix, under the rules of before 2026; now a value matrix."""
    OTHER = auto()


_FUSED_NAME = "attn_qkv.weight"
_BY_PART = (
    (_FUSED_NAME, Category.VALUE),
    ("attn_kv_b.weight", Category.VALUE),
    ("attn_v.weight", Category.VALUE),
    ("attn_k.weight", Category.KEY),
    ("attn_q.weight", Category.QUERY),
    ("attn_output.weight", Category.ATTENTION_OUTPUT),
    ("ffn_up", Category.UP),
    ("ffn_gate", Category.GATE),
    ("ffn_down", Category.DOWN),
)
_BY_NAME = {
    "output.weight": Category.OUTPUT,
    "token_embd.weight": Category.EMBEDDING,
    "per_layer_token_embd.weight": Category.EMBEDDING,
}


def category(name: str) -> Category:
    """Category of a tensor by its name; a fused qkv counts as a value matrix."""
    found = _BY_NAME.get(name)
    if found is not None:
        return found
    return next((kind for part, kind in _BY_PART if part in name), Category.OTHER)


@dataclass(frozen=True, slots=True)
class _Traits:
    """What the rules ask of a model."""

    falcon: bool
    seventy_b: bool
    """The 80-layer class with shared key heads, whose value matrices are small."""
    n_experts: int
    query_groups: int
    """Query heads per key head of the first layer; 0 where that layer has no attention."""
    n_blocks: int
    n_values: int
    tied: bool
    imatrix: bool


_EIGHTY_LAYERS = frozenset({"qwen2", "nemotron-nas", "olmo"})
_LLAMA = frozenset({"llama", "mistral", "mixtral", "smolvlm", "llava"})
_NO_HEADS = frozenset({LayerKind.SSM, LayerKind.CONV, LayerKind.NONE})
_ONE_COUNT = frozenset({"qwen3_next", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen4_exp"})
"""Hybrids whose file states one head count for all layers, also those without attention."""


def _query_groups(model: Model) -> int:
    first = model.layers[0]
    if first == LayerKind.LATENT:
        return model.n_heads
    if first in _NO_HEADS or (first == LayerKind.LINEAR and model.architecture not in _ONE_COUNT):
        return 0
    return model.n_heads // model.n_kv_heads if model.n_kv_heads else 0


def _traits(model: Model, tensors: Sequence[Tensor], sites: Sequence[_Site], imatrix: bool) -> _Traits:
    llama_70b = model.architecture in _LLAMA and model.n_heads != model.n_kv_heads
    return _Traits(
        falcon=model.architecture == "falcon",
        seventy_b=model.n_layers == 80 and (llama_70b or model.architecture in _EIGHTY_LAYERS),
        n_experts=model.n_experts,
        query_groups=_query_groups(model),
        n_blocks=1 + max((t.layer for t in tensors if t.layer is not None), default=-1),
        n_values=sum(site.category is Category.VALUE for site in sites),
        tied=all(site.category is not Category.OUTPUT for site in sites),
        imatrix=imatrix,
    )


def _more_bits(i: int, n: int) -> bool:
    """The layers that get more bits: the first and last eighth, and every third between."""
    return i < n // 8 or i >= 7 * n // 8 or (i - n // 8) % 3 == 2


_LOWEST = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"})
_UPPER_IQ2 = frozenset({"IQ2_S", "IQ2_M"})


def _output(quant: str, default: str, row: int, m: _Traits) -> str:
    if quant == "MXFP4_MOE" or m.falcon or row % ggml_types()[default].block_size:
        return "Q8_0"
    if quant in _LOWEST or quant == "IQ3_XXS":
        return "Q5_K"
    return "Q8_0" if default == "Q8_0" else "Q6_K"


_FUSED = {"Q3_K_M": "Q4_K", "Q3_K_L": "Q4_K", "IQ3_M": "Q4_K", "Q4_K_M": "Q5_K", "Q5_K_M": "Q6_K"}

_EMBEDDING = {
    "IQ1_S": "Q2_K",
    "IQ1_M": "Q2_K",
    "IQ2_XXS": "Q2_K",
    "IQ2_XS": "Q2_K",
    "IQ2_S": "IQ3_S",
    "IQ2_M": "IQ3_S",
    "IQ3_XXS": "IQ3_S",
    "TQ1_0": "Q4_K",
    "TQ2_0": "Q4_K",
}

_VALUE_SHARED = {  # at least four query heads share a value head
    "Q2_K": "Q4_K",
    "Q2_K_S": "Q4_K",
    "IQ3_XXS": "Q4_K",
    "IQ3_XS": "Q4_K",
    "IQ3_S": "Q4_K",
    "IQ4_NL": "Q5_K",
    "IQ4_XS": "Q5_K",
}


def _value(quant: str, default: str, i: int, m: _Traits) -> str:
    shared = m.query_groups >= 4
    if quant in _LOWEST:
        if shared or m.n_experts >= 4:
            return "Q4_K"
        return "IQ3_S" if quant in _UPPER_IQ2 else "Q2_K"
    chosen = default
    if shared and quant in _VALUE_SHARED:
        chosen = _VALUE_SHARED[quant]
    elif quant == "Q2_K":
        chosen = "Q3_K"
    elif quant == "IQ3_XXS":
        chosen = "IQ3_XXS" if m.imatrix else "IQ3_S"
    elif quant == "IQ3_M":
        chosen = "Q4_K"
    elif quant == "Q3_K_M":
        chosen = "Q5_K" if i < 2 else "Q4_K"
    elif quant == "Q3_K_L" or (quant == "Q4_K_S" and i < 4):
        chosen = "Q5_K"
    elif quant in ("Q4_K_M", "Q5_K_M") and _more_bits(i, m.n_values):
        chosen = "Q6_K"
    if m.seventy_b and chosen in ("Q3_K", "Q4_K"):
        chosen = "Q5_K"
    return "Q8_0" if m.n_experts == 8 else chosen


def _query_or_key(quant: str, default: str, is_key: bool, m: _Traits) -> str:
    if is_key and m.n_experts == 8:
        return "Q4_K" if quant in _LOWEST else "Q8_0"
    return {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}.get(quant, default)


_DOWN_ALWAYS = {"Q2_K": "Q3_K", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K"}
_DOWN_EARLY = {"Q2_K_S": "Q4_K", "Q4_K_S": "Q5_K", "IQ3_M": "Q4_K"}
_DOWN_EARLY_IMATRIX = {"Q4_0": "Q4_1", "Q5_0": "Q5_1"}
_DOWN_EARLY_NO_IMATRIX = {"IQ3_XXS": "Q4_K", "IQ4_NL": "Q5_K", "IQ4_XS": "Q5_K"}
"""Types of ``ffn_down`` in all layers, and in the first eighth of them."""


def _down(quant: str, default: str, i: int, m: _Traits) -> str:
    n = m.n_blocks
    early = i < n // 8
    if quant in _LOWEST:
        if not early:
            return default
        return "IQ3_S" if quant in _UPPER_IQ2 else "Q2_K"
    if m.falcon and quant in _DOWN_FALCON:
        return _down_falcon(quant, default, i, n)
    if early:
        chosen = _DOWN_EARLY.get(quant) or (_DOWN_EARLY_IMATRIX if m.imatrix else _DOWN_EARLY_NO_IMATRIX).get(
            quant
        )
        if chosen:
            return chosen
    if quant == "Q3_K_M" and i < n // 16:
        return "Q5_K"
    if quant == "IQ3_XXS" and not m.imatrix:
        return "Q3_K"
    if _more_bits(i, n):
        if quant in ("Q4_K_M", "Q5_K_M"):
            return "Q6_K"
        if quant == "IQ3_M" and m.n_experts == 8:
            return "Q4_K"
    return _DOWN_ALWAYS.get(quant, default)


_DOWN_FALCON = frozenset({"Q3_K_M", "Q3_K_L", "Q4_K_M", "Q4_K_S"})


def _down_falcon(quant: str, default: str, i: int, n: int) -> str:
    if quant == "Q3_K_L":
        return "Q4_K"
    if quant == "Q4_K_S":
        return default
    best, better = ("Q5_K", "Q4_K") if quant == "Q3_K_M" else ("Q6_K", "Q5_K")
    return best if i < n // 16 else better if _more_bits(i, n) else default


_ATTENTION_OUTPUT = {
    "Q2_K": "Q3_K",
    "Q3_K_M": "Q4_K",
    "Q3_K_L": "Q5_K",
    "IQ3_XXS": "IQ3_S",
    "IQ3_M": "Q4_K",
    "IQ1_S": "IQ2_XXS",
    "IQ1_M": "IQ2_XXS",
    "IQ2_S": "IQ3_S",
    "IQ2_M": "IQ3_S",
}
_ATTENTION_OUTPUT_8_EXPERTS = frozenset(
    {"Q2_K", "IQ3_XS", "IQ3_XXS", "Q3_K_S", "Q3_K_M", "IQ3_S", "IQ3_M"}
    | {"IQ4_NL", "IQ4_XS", "Q4_K_S", "Q4_K_M"}
)


def _attention_output(quant: str, default: str, m: _Traits) -> str:
    if m.n_experts == 8 and (not m.falcon or quant in _LOWEST):
        five = quant in _LOWEST or quant in _ATTENTION_OUTPUT_8_EXPERTS
        return "Q5_K" if five else default
    if m.falcon and quant not in _LOWEST:
        return "Q4_K" if quant == "Q3_K_L" else default
    return _ATTENTION_OUTPUT.get(quant, default)


def _up_or_gate(quant: str, default: str, i: int, m: _Traits) -> str:
    middle = m.n_blocks // 8 <= i < 7 * m.n_blocks // 8
    return "IQ3_XXS" if quant == "IQ3_XS" and middle else default


_NARROW = {
    "IQ1_S": "IQ4_NL",
    "IQ1_M": "IQ4_NL",
    "IQ2_XXS": "IQ4_NL",
    "IQ2_XS": "IQ4_NL",
    "IQ2_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL",
    "IQ3_S": "IQ4_NL",
    "IQ4_XS": "IQ4_NL",
    "Q2_K": "Q4_0",
    "Q3_K": "Q4_0",
    "TQ1_0": "Q4_0",
    "TQ2_0": "Q4_0",
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}
"""Type with blocks of 32 that replaces one with blocks of 256 where a row does not divide."""


def fitting(type_name: str, row: int) -> str:
    """The type itself, or what llama-quantize falls back to when a row does not divide into its blocks."""
    types = ggml_types()
    if row % types[type_name].block_size == 0:
        return type_name
    narrow = _NARROW.get(type_name, type_name)
    return narrow if row % types[narrow].block_size == 0 else "F16"


_KEPT_16_BIT = (
    "per_layer_model_proj.weight",
    "altup_proj",
    "altup_unembd_proj",
    "altup_router.w",
    "laurel_l",
    "laurel_r",
)
"""Matrices that are never quantized but converted to 16 bit like the others; the rest stays F32."""


_EIGHT_BIT = {"glm5_next": ("attn_q_a", "attn_q_b", "nextn.eh_proj")}
"""Matrices of single architectures that get Q8_0 in every block-quantized file, by parts of their names."""


def _untouched(tensor: Tensor, default: str) -> str:
    if any(part in tensor.name for part in _KEPT_16_BIT):
        return default if default in PLAIN else "BF16"
    return "F32"


@dataclass(frozen=True, slots=True)
class _Site:
    """What the rules ask of one tensor."""

    index: int
    category: Category
    layer: int
    row: int
    is_stack: bool
    """A stack of matrices: experts, and in all but Ling 3 the per-head matrices of latent attention."""


class Mixer:
    """The mixing rules for the tensors of one file; looks at every tensor once for all file types.

    ``tensors`` must be all tensors of the file: which layers get more bits depends on their number.
    ``older_qkv`` takes the rules of before 2026 for queries, keys and values in one matrix.
    """

    def __init__(self, model: Model, tensors: Sequence[Tensor], older_qkv: bool = False) -> None:
        self._model = model
        self._tensors = tensors
        sites = [
            _Site(
                index=index,
                category=Category.FUSED
                if older_qkv and _FUSED_NAME in tensor.name
                else category(tensor.name),
                layer=-1 if tensor.layer is None else tensor.layer,
                row=tensor.shape[0],
                is_stack=len(tensor.shape) > 2
                and tensor.shape[2] > 1
                and ("_exps." in tensor.name or model.architecture != "bailing_hybrid"),
            )
            for index, tensor in enumerate(tensors)
            if tensor.quantizable
        ]
        parts = _EIGHT_BIT.get(model.architecture, ())
        self._eight_bit = {s.index for s in sites if any(part in tensors[s.index].name for part in parts)}
        self._sites = sorted(sites, key=lambda site: (site.layer, tensors[site.index].name))

    def types(self, quant: str, imatrix: bool) -> tuple[str, ...]:
        """ggml type of every tensor, in the order of the tensors.

        Raises:
            LookupFailedError: ``quant`` is not a GGUF file type.
        """
        default = FILE_TYPES.get(quant)
        if default is None:
            near = tuple(name for name in FILE_TYPES if name.startswith(quant.upper()[:2]))
            raise LookupFailedError("GGUF file type", quant, near, ambiguous=False)
        result = ["" if t.quantizable else _untouched(t, default) for t in self._tensors]
        if default in PLAIN:
            return tuple(kind or default for kind in result)
        m = _traits(self._model, self._tensors, self._sites, imatrix)
        seen = {Category.VALUE: 0, Category.DOWN: 0}
        for site in self._sites:
            chosen = _choose(quant, default, site, seen, m)
            if site.category in seen:
                seen[site.category] += 1
            result[site.index] = "Q8_0" if site.index in self._eight_bit else fitting(chosen, site.row)
        return tuple(result)


def _choose(quant: str, default: str, site: _Site, seen: Mapping[Category, int], m: _Traits) -> str:
    """Type before the fallback for narrow rows; ``seen`` counts the tensors of a category so far."""
    match site.category:
        case Category.OUTPUT:
            return _output(quant, default, site.row, m)
        case Category.EMBEDDING if m.tied:
            return _output(quant, default, site.row, m)
        case _ if quant == "MXFP4_MOE":
            return "MXFP4" if site.is_stack else "Q8_0"
        case Category.EMBEDDING:
            return _EMBEDDING.get(quant, default)
        case Category.FUSED:
            return _FUSED.get(quant, default)
        case Category.VALUE:
            return _value(quant, default, seen[Category.VALUE], m)
        case Category.DOWN:
            by_layer = m.n_experts > 1 and quant not in _LOWEST
            return _down(quant, default, site.layer if by_layer else seen[Category.DOWN], m)
        case Category.ATTENTION_OUTPUT:
            return _attention_output(quant, default, m)
        case Category.KEY | Category.QUERY:
            return _query_or_key(quant, default, site.category is Category.KEY, m)
        case Category.UP | Category.GATE:
            return _up_or_gate(quant, default, site.layer, m)
        case _:
            return default


def tensor_types(model: Model, tensors: Sequence[Tensor], quant: str, imatrix: bool) -> tuple[str, ...]:
    """ggml type of every tensor in a file of type ``quant``, in the order of ``tensors``.

    ``tensors`` must be all tensors of the file; ``imatrix`` says whether an importance matrix is
    given, as packagers do.

    Raises:
        LookupFailedError: ``quant`` is not a GGUF file type.
    """
    return Mixer(model, tensors).types(quant, imatrix)
