"""Which model of the catalog a llama-bench row ran: by file name, else by architecture and size.

llama-bench describes a model as ``ARCHITECTURE SIZE FILE-TYPE`` (``qwen3moe 30B.A3B Q4_K - Medium``) with
its number of parameters; CSV and JSON add the file's name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

from advisor.validation.quants import UnknownQuantError
from advisor.validation.rows import SkipRowError
from catalog.models import find_model, load_models
from catalog.types import LookupFailedError, Model

_DESCRIPTION = re.compile(r"(\S+)\s+(\S+(?: \((?:Scout|Maverick)\))?)\s+(.+)")
_GUESSED = re.compile(r"\(guessed\)|\bmostly\b|\ball\b", re.IGNORECASE)
_BITS = re.compile(r"\s*-\s*[\d.]+ bpw.*$")

_SAME_FILE = 0.04
"""A file may hold this share more or fewer parameters than the catalog counts: prediction layers, tables."""
_SAME_COUNT = (0.0006, 0.002, 0.01)
"""How near the counts must be where they alone identify a model, tried in turn (``8.03 B`` is rounded)."""

_ARCHITECTURES = {
    "llama": {"llama", "mistral", "mixtral", "mistral3"},
    "mistral3": {"mistral3", "ministral3"},
    "commandr": {"cohere"},
    "deepseek2": {"deepseekv2", "deepseekv3", "kimik2", "kimik25", "kimivl", "glm4moelite"},
    "deepseek32": {"deepseekv32"},
    "deepseek4": {"deepseekv4"},
    "gemma3": {"gemma3", "gemma3text"},
    "glmdsa": {"glmmoedsa"},
    "granitehybrid": {"granitemoehybrid"},
    "hunyuandense": {"hunyuanv1dense"},
    "hunyuanmoe": {"hunyuanv1moe"},
    "mimo2": {"mimov2", "mimov2flash"},
    "nemotronhmoe": {"nemotronh"},
    "olmo2": {"olmo2", "olmo3"},
    "phi2": {"phi"},
    "phi3": {"phi3", "phi3v"},
    "qwen2vl": {"qwen2vl", "qwen25vl"},
    "bailingmoe": {"bailingmoe", "bailingmoev1"},
    "bailingmoe2": {"bailingmoe"},
}
"""GGUF architectures whose name is not the Hugging Face ``model_type``: the latter, plainly written."""

_SHAPE = (
    *("layers", "hidden_size", "n_heads", "n_kv_heads", "head_dim", "tied_embeddings"),
    *("sliding_window", "n_experts", "n_experts_active", "n_shared_experts"),
    *("moe_ffn_size", "shared_expert_ffn_size", "first_dense_layers", "moe_layer_step", "q_lora_rank"),
    *("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"),
)
"""The fields that decide how fast models of one parameter count run; the rest follows from the count."""


def quant_of(description: str) -> str:
    """The file type of a description as a label of a mix: its bytes follow from the stated size.

    Raises:
        UnknownQuantError: there is no file type in it.
    """
    match = _DESCRIPTION.fullmatch(description.strip())
    if not match:
        raise UnknownQuantError(f"the model {description!r} is not described as llama-bench does")
    label = _GUESSED.sub("", match[3]).strip()
    if label.startswith("unknown"):
        raise UnknownQuantError("the file type is unknown to llama.cpp")
    label = _BITS.sub("", label).replace("Q2_K - Medium", "Q2_K").replace("Q2_K - Small", "Q2_K_S")
    label = label.replace("IQ3_S mix", "IQ3_M").replace("MXFP4 MoE", "MXFP4_MOE")
    return f"{_joined(label)} mix"


def _joined(label: str) -> str:
    """``Q4_K - Medium`` as ``Q4_K_M``."""
    return re.sub(r"\s*-\s*(S|M|L)(?:mall|edium|arge)$", r"_\1", label)


@lru_cache(maxsize=1024)
def model_of(description: str, file: str, params: float | None) -> tuple[Model, bool]:
    """The model of a row, and whether the file names it; else it is only one of the same shape.

    Raises:
        SkipRowError: the catalog has no such model, or several of different shape; the text names them.
    """
    named = _by_file(file, params) if file else None
    if named is not None:
        return named, True
    if not params or params <= 0:
        raise SkipRowError("neither a file name that the catalog knows nor a parameter count is stated")
    return _by_count(description, params), False


def _by_file(file: str, params: float | None) -> Model | None:
    """The model that a file's name means, if it has about the stated number of parameters.

    A file with tied embeddings may hold the head as a matrix of its own.
    """
    name = re.split(r"[/\\]", file.strip())[-1]
    try:
        model = find_model(name)
    except LookupFailedError:
        return None
    if model.not_estimated_because or not params or params <= 0:
        return None if params else model
    counts = [*_counts(model)]
    if model.tied_embeddings:
        counts.append(model.total_params + model.vocab_size * model.hidden_size)
    return model if _off(params, counts) < _SAME_FILE else None


def _counts(model: Model) -> tuple[int, ...]:
    """The parameters of the text model, and the published total, which prediction layers are part of."""
    return (model.total_params, model.published_params or model.total_params)


def _off(params: float, counts: Sequence[int]) -> float:
    """How far a number of parameters is from the nearest count, as a logarithm."""
    return min(abs(math.log(params / count)) for count in counts)


def _by_count(description: str, params: float) -> Model:
    architecture = _plain(description.split()[0]) if description.split() else ""
    wanted = _ARCHITECTURES.get(architecture, {architecture})
    usable = [
        m
        for m in load_models()
        if m.not_estimated_because is None and m.total_params and _plain(m.architecture) in wanted
    ]
    for tolerance in _SAME_COUNT:
        near = [m for m in usable if _off(params, _counts(m)) < tolerance]
        if near:
            return _one_shape(description, params, near)
    raise SkipRowError(
        f"the catalog has no {description.split()[0] if architecture else 'model'} of "
        f"{params / 1e9:.2f} billion parameters; give llama-bench's CSV or JSON, which name the file"
    )


def _one_shape(description: str, params: float, near: list[Model]) -> Model:
    """The nearest and best known of models that share one shape: what llama-bench times is the shape."""
    heads = [model for model in near if model.variant_of is None] or near
    shapes = {tuple(getattr(model, name) for name in _SHAPE) for model in heads}
    if len(shapes) > 1:
        names = ", ".join(sorted(model.name for model in heads)[:6])
        raise SkipRowError(
            f"{description!r} of {params / 1e9:.2f} billion parameters fits models of different shape: "
            f"{names}; give llama-bench's CSV or JSON, which name the file"
        )
    return min(heads, key=lambda m: (round(_off(params, _counts(m)), 4), -len(m.gguf_repos), m.id))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
