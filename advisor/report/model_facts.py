"""``model``: what the catalog knows of a model, with sources."""

from __future__ import annotations

import re
from typing import Any

from advisor.core.kv import cache_shape
from catalog.mlx import mlx_repos
from catalog.types import Model
from catalog.vision import ProjectorFile, projector_file, vision_bytes
from catalog.weights import weights_for

Document = dict[str, Any]


def model_document(model: Model) -> Document:
    """``model --json``: identity, shape, cache and exact sizes of every file type."""
    roles: list[Document] = []
    quants: list[Document] = []
    formats: list[Document] = []
    kv = window = state = None
    if model.is_counted:
        from catalog.mixing import FILE_TYPES
        from catalog.quality import quant_loss
        from catalog.tensors import tensor_table

        totals: dict[str, int] = {}
        for tensor in tensor_table(model):
            totals[tensor.role.value] = totals.get(tensor.role.value, 0) + tensor.n_elements
        roles = [{"role": role, "params": count} for role, count in totals.items()]
        for quant in FILE_TYPES if model.not_estimated_because is None else ():
            size = sum(weights_for(model, quant).values())
            bits = size * 8 / model.total_params
            loss = quant_loss(bits, quant, model.total_params, model.native_quant)
            quants.append(
                {
                    "quant": quant,
                    "tensor_bytes": size,
                    "bits_per_weight": round(bits, 4),
                    "quality_factor": round(loss.quality_factor, 4),
                    "quality_factor_uncertainty": round(loss.uncertainty, 4),
                }
            )
        formats = _formats(model)
        shape = cache_shape(model)
        kv = round(2 * shape.elements_per_token)
        window = 2 * shape.window_elements
        state = shape.state_bytes
    return {
        "schema": "rig-advice/model/1",
        "id": model.id,
        "name": model.name,
        "organization": model.organization,
        "family": model.family,
        "architecture": model.architecture,
        "license": model.license,
        "release_date": model.release_date,
        "context_length_tokens": model.context_length,
        "modality": list(model.modality),
        "tool_use": model.tool_use,
        "stage": model.stage,
        "variant_of": model.variant_of,
        "variant_kind": model.variant_kind,
        "variants": _variants(model),
        "total_params": model.total_params,
        "active_params": model.active_params,
        "published_params": model.published_params,
        "check": model.check,
        "layers": model.layers,
        "hidden_size": model.hidden_size,
        "heads": model.n_heads,
        "kv_heads": model.n_kv_heads,
        "vocab_size": model.vocab_size,
        "sliding_window_tokens": model.sliding_window,
        "experts": model.n_experts,
        "experts_active": model.n_experts_active,
        "kv_bytes_per_token_f16": kv,
        "window_kv_bytes_per_token_f16": window,
        "state_bytes_per_sequence": state,
        "vision_params": model.vision_params,
        "vision_bytes": vision_bytes(model),
        "projector": _projector(projector_file(model)),
        "kv_by_runtime": _kv_by_runtime(model),
        "roles": roles,
        "compute_buffers": _compute_buffers(model),
        "ollama_defaults": _ollama_defaults() if _has_gguf(model) else None,
        "quants": quants,
        "hand_made": _hand_made(model),
        "formats": formats,
        "native_quant": model.native_quant,
        "gguf_repos": list(model.gguf_repos),
        "mlx_repos": list(mlx_repos(model)),
        "aliases": list(model.aliases),
        "not_estimated_because": model.not_estimated_because,
        "source": source_in_words(model.source),
        "sources": _sources(model),
    }


def model_brief(model: Model) -> Document:
    """The part of ``model_document`` that a list shows beside a model: nothing is counted for it.

    Its keys mean the same there; of the file types only the common ones are listed.
    """
    from catalog.file_sizes import file_sizes, native_file_type

    own = native_file_type(model)
    quants = dict.fromkeys([*_COMMON_QUANTS, *([own] if own else [])])
    sizes = {quant: file_sizes(quant).get(model.id) for quant in quants}
    return {
        "state_bytes_per_sequence": cache_shape(model).state_bytes if model.is_counted else None,
        "quants": [{"quant": q, "tensor_bytes": size} for q, size in sizes.items() if size is not None],
        "variants": _variants(model),
        "sources": _sources(model),
    }


_COMMON_QUANTS = ("BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "Q2_K")

_SOURCES = {
    "llmfit": "model list of llmfit 1.1.17 (MIT)",
    "aiconfigurator": "config.json in aiconfigurator-core 0.12.0 (Apache-2.0), else llmfit 1.1.17 (MIT)",
    "maxtext": "hf_model_configs.py of AI-Hypercomputer/maxtext (Apache-2.0), else llmfit 1.1.17 (MIT)",
    "public-config": "config.json quoted in public test files, else llmfit 1.1.17 (MIT)",
    "override": "reviewed row of catalog/build/model_overrides.json",
}
"""What the short names that the source of a model begins with stand for (see ``models.jsonl``)."""


def source_in_words(source: str) -> str:
    """The source of a model with the short name of the list that it is from written out."""
    name = re.match(r"[a-z-]*", source)
    known = _SOURCES.get(name.group() if name else "")
    return known + source[len(name.group()) :] if name and known else source


def _has_gguf(model: Model) -> bool:
    return model.is_counted and model.not_estimated_because is None


def _variants(model: Model) -> list[Document]:
    """The other members of the lineage that this model heads."""
    from catalog.models import load_models

    return [{"id": m.id, "kind": m.variant_kind} for m in load_models() if m.variant_of == model.id]


def _sources(model: Model) -> list[Document]:
    """Where each kind of figure comes from."""
    from advisor.core.runtime_cache import GGUF_RUNTIMES
    from catalog.memory_model import source_of
    from catalog.quality import loss_source

    found = [{"figures": "shape and identity", "source": source_in_words(model.source)}]
    if not model.is_counted:
        return found
    if _has_gguf(model):
        found.append(
            {
                "figures": "sizes by file type",
                "source": "llama.cpp b11434 src/llama-quant.cpp (MIT), per tensor",
            }
        )
        found.append({"figures": "quality kept", "source": loss_source()})
        found.append(
            {"figures": "compute buffers", "source": "graph of llama.cpp b11434; checked on llama-fit-params"}
        )
    found.append({"figures": "other formats", "source": "catalog/data/formats.csv, a source per format"})
    for runtime, entry in (
        ("llama.cpp", "cell_pad"),
        ("ollama", "context_small"),
        ("vllm", "block_tokens"),
        ("mlx", "growth_tokens"),
    ):
        source = source_of("runtimes", runtime, entry)
        if source and (_has_gguf(model) or runtime not in GGUF_RUNTIMES):
            found.append({"figures": f"cache of {runtime}", "source": source})
    projector = projector_file(model)
    if projector is not None:
        found.append({"figures": "vision part", "source": projector.source})
    return found


def _projector(file: ProjectorFile | None) -> Document | None:
    """The projector file (mmproj) tensor by tensor; ``None`` where only its size or nothing is known."""
    if file is None:
        return None
    return {
        "tensors": file.n_tensors,
        "files": [{"type": name, "tensor_bytes": size} for name, size in file.bytes_by_type.items()],
        "parts": [{"part": part, "params": count} for part, count in file.params_by_part.items()],
        "source": file.source,
    }


_KV_CONTEXTS = (8_192, 32_768)


_KV_TYPES = {
    "llama.cpp": ("f16", "q8_0", "q4_0"),
    "ollama": ("f16", "q8_0", "q4_0"),
    "vllm": ("f16", "q8_0"),
    "mlx": ("f16", "q8_0", "q4_0"),
}
"""Cache types by runtime; vLLM's q8_0 is FP8, MLX's are 8 and 4 bits in groups of 64."""


def _kv_by_runtime(model: Model) -> list[Document]:
    """What one user's cache takes: runtimes lay the same cache out differently."""
    if not model.is_counted:
        return []
    from advisor.core.runtime_cache import CACHE_RUNTIMES, GGUF_RUNTIMES, kv_bytes_for_runtime

    return [
        {
            "runtime": runtime,
            "kv_type": kv_type,
            "context_tokens": context,
            "kv_bytes": round(kv_bytes_for_runtime(model, runtime, context, kv_type=kv_type)),
        }
        for runtime in CACHE_RUNTIMES
        if model.not_estimated_because is None or runtime not in GGUF_RUNTIMES
        for kv_type in _KV_TYPES[runtime]
        for context in _KV_CONTEXTS
    ]


def _compute_buffers(model: Model) -> list[Document]:
    """Scratch of one device that runs the whole graph in llama.cpp."""
    if not _has_gguf(model):
        return []
    from advisor.core.candidates import build_candidates
    from advisor.core.memory import compute_buffer_bytes
    from advisor.core.question import Question

    candidates = build_candidates([(model, "Q4_K_M", dict(weights_for(model, "Q4_K_M")))])
    return [
        {
            "context_tokens": context,
            "ubatch_tokens": ubatch,
            "flash_attention": flash,
            "bytes": round(
                float(
                    compute_buffer_bytes(
                        candidates, Question(context=context, ubatch=ubatch, flash_attention=flash)
                    )[0]
                )
            ),
        }
        for ubatch, flash in ((512, True), (512, False), (2048, True))
        for context in _KV_CONTEXTS
    ]


def _ollama_defaults() -> Document:
    """What Ollama starts a model with."""
    from catalog.memory_model import runtime_number

    return {
        "users": runtime_number("ollama", "users"),
        "kv_type": "f16",
        "context_tokens_below_24_gib": runtime_number("ollama", "context_small"),
        "context_tokens_below_48_gib": runtime_number("ollama", "context_medium"),
        "context_tokens_above": runtime_number("ollama", "context_large"),
    }


def _hand_made(model: Model) -> list[Document]:
    """Hand-made mixes ("UD" files): the size of the published file, or an estimate with its range."""
    if not _has_gguf(model):
        return []
    from catalog.published_sizes import hand_made_size, published_sizes, spreads

    rows = []
    for name in sorted(set(spreads()) - {"*"}):
        # Files from quantization-aware training and with prediction layers exist of few models only.
        if name.endswith(("-QAT", "-MTP")) and (model.id, name) not in published_sizes():
            continue
        size = hand_made_size(model, name)
        rows.append(
            {
                "quant": name,
                "tensor_bytes": size.typical_bytes,
                "low_bytes": size.low_bytes,
                "high_bytes": size.high_bytes,
                "approximate": size.approximate,
                "basis": size.basis,
            }
        )
    return sorted(rows, key=lambda row: -row["tensor_bytes"])


def _formats(model: Model) -> list[Document]:
    """Sizes in formats other than GGUF; a range where the format does not fix the size."""
    from catalog.formats import COMMON_FORMATS, format_size, parse_format
    from catalog.quality import format_loss

    rows = []
    for label in COMMON_FORMATS:
        fmt = parse_format(label)
        size = format_size(model, fmt)
        loss = format_loss(fmt, model.total_params, model.native_quant)
        rows.append(
            {
                "format": fmt.name,
                "tensor_bytes": size.total_bytes,
                "low_bytes": size.low_bytes,
                "high_bytes": size.high_bytes,
                "approximate": size.approximate,
                "quality_factor": round(loss.quality_factor, 4),
                "quality_factor_uncertainty": round(loss.uncertainty, 4),
            }
        )
    return rows
