"""The tensor table: every tensor of a model's text part as a GGUF file holds it.

One table per model is the base of all counting: parameters, bytes per quantization, bytes read per
token.  An architecture that is not understood is refused (``UnsupportedArchitectureError``), never
approximated.  Vision and audio parts live in a separate projector file and are not in the table;
neither are multi-token-prediction layers, which plain decoding does not read (see
``prediction_tensors`` and, for those that every file holds, ``mtp_tensors``).

With tied embeddings there is no ``output.weight``: the output head reads ``token_embd.weight``, whose
role is ``EMBEDDING`` only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from catalog.ngrams import ngram_params
from catalog.tensors.base import TableBuilder, UnsupportedArchitectureError
from catalog.tensors.compressed import deepseek_v4, deepseek_v41
from catalog.tensors.gemma import gemma3n, gemma4
from catalog.tensors.hybrid import falcon_h1, granite_hybrid, lfm2, nemotron_h, olmo_hybrid, qwen_delta
from catalog.tensors.indexed import glm5_next, hy_v4, minimax_m3, qwen4_exp
from catalog.tensors.latent import deepseek, sparse_deepseek
from catalog.tensors.mamba import falcon_mamba, jamba, kimi_k3, kimi_linear
from catalog.tensors.prediction import mtp_tensors, prediction_params, prediction_tensors
from catalog.tensors.transformer import BLUEPRINTS, transformer
from catalog.types import Model, Role, Tensor

__all__ = [
    "NOT_LOADED",
    "SUPPORTED_ARCHITECTURES",
    "Params",
    "UnsupportedArchitectureError",
    "count_params",
    "mtp_tensors",
    "prediction_params",
    "prediction_tensors",
    "tensor_table",
]

_BUILDERS: dict[str, Callable[[TableBuilder], None]] = {
    "deepseek_v2": deepseek,
    "deepseek_v3": deepseek,
    "kimi_k2": deepseek,
    "kimi_k25": deepseek,
    "kimi_vl": deepseek,
    "mistral4": deepseek,
    "glm4_moe_lite": deepseek,
    "youtu": deepseek,
    "deepseek_v32": sparse_deepseek,
    "glm_moe_dsa": sparse_deepseek,
    "deepseek_v4": deepseek_v4,
    "deepseek_v41": deepseek_v41,
    "glm5_next": glm5_next,
    "hy_v4": hy_v4,
    "minimax_m3_vl": minimax_m3,
    "qwen4_exp": qwen4_exp,
    "kimi_k3": kimi_k3,
    "olmo_hybrid": olmo_hybrid,
    "qwen3_next": qwen_delta,
    "qwen3_5": qwen_delta,
    "qwen3_5_moe": qwen_delta,
    "qwen3_5_moe_text": qwen_delta,
    "nemotron_h": nemotron_h,
    "granitemoehybrid": granite_hybrid,
    "falcon_h1": falcon_h1,
    "lfm2": lfm2,
    "lfm2_vl": lfm2,
    "lfm2_moe": lfm2,
    "jamba": jamba,
    "falcon_mamba": falcon_mamba,
    "kimi_linear": kimi_linear,
    "bailing_hybrid": kimi_linear,
    "gemma3n": gemma3n,
    "gemma4": gemma4,
    "gemma4_unified": gemma4,
}

SUPPORTED_ARCHITECTURES = frozenset(BLUEPRINTS) | frozenset(_BUILDERS)
"""Hugging Face ``model_type`` of every architecture whose tensors are understood."""


NOT_LOADED: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        ("deepseek_v41", "hyperclovax", "k2_horizon", "olmo_hybrid"),
        "llama.cpp b11434 does not load it, so that no GGUF file runs: counted by its reference",
    )
)
"""Architectures whose tensors are known from their reference only, and why they get no estimate."""

_NO_RUNTIME = "llama.cpp does not load it, so its tensors in a file are not known"
_REASONS = {
    "inkling_mm_model": (
        "llama.cpp b11434 does not load it, and the widths of its first layers and the number of its "
        "prediction layers are not published"
    ),
    "kolibri1": _NO_RUNTIME,
    "mllama": "its cross-attention to images is not understood (llama.cpp does not load it)",
    "apertus1p5": "its published total is not reproduced: the size of its image tokenizer is not known",
}
"""Why an architecture is not counted, where more is known than that nobody described it yet."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameter counts of a text model.

    ``active`` is everything but the experts that a token does not choose and tables of n-grams;
    ``embedding`` are the token and per-layer embeddings, ``experts`` all routed experts.
    """

    total: int
    active: int
    embedding: int
    experts: int
    dense_tensors: int
    """Tensors of the layers but for routed experts."""
    expert_tensors: int


def tensor_table(model: Model) -> tuple[Tensor, ...]:
    """Tensors of the text model, in the order of the layers.

    Raises:
        UnsupportedArchitectureError: the architecture or its layout is not understood.
    """
    reason = _REASONS.get(model.architecture)
    if reason is not None:
        raise UnsupportedArchitectureError(model, reason)
    if not model.layers:
        raise UnsupportedArchitectureError(model, "the layout of its layers is not known")
    builder = TableBuilder(model)
    plan = BLUEPRINTS.get(model.architecture)
    if plan is not None:
        transformer(builder, plan)
    elif model.architecture in _BUILDERS:
        _BUILDERS[model.architecture](builder)
    else:
        raise UnsupportedArchitectureError(model, f"the tensors of {model.architecture!r} are not understood")
    return tuple(builder.tensors)


def count_params(model: Model, tensors: tuple[Tensor, ...] | None = None) -> Params:
    """Parameters of a model, counted from its tensor table.

    active = total - experts + experts x chosen / all - n-gram tables.  Rotary factors are constants and
    do not count, nor do the rows that a file pads the per-layer embeddings with.

    Raises:
        UnsupportedArchitectureError: the architecture is not understood.
    """
    total = embedding = routed = in_layers = stacked = 0
    for tensor in tensors if tensors is not None else tensor_table(model):
        if tensor.name.startswith("rope_"):
            continue
        n = tensor.n_elements
        if tensor.role is Role.PER_LAYER_EMBEDDING and "vocab_size_per_layer_input" in model.extra:
            n = n // model.vocab_size * model.extra["vocab_size_per_layer_input"]
        total += n
        in_layers += tensor.layer is not None
        stacked += tensor.role is Role.EXPERTS
        if tensor.role is Role.EXPERTS:
            routed += n
        elif tensor.role in (Role.EMBEDDING, Role.PER_LAYER_EMBEDDING):
            embedding += n
    chosen = routed * model.n_experts_active // model.n_experts if model.n_experts else 0
    active = total - routed + chosen - ngram_params(model)
    return Params(total, active, embedding, routed, in_layers - stacked, stacked)
