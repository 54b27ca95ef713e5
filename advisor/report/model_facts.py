"""``model``: what the catalog knows of a model, with sources."""

from __future__ import annotations

from typing import Any

from advisor.core.kv import cache_shape
from advisor.report import format as f
from catalog.mlx import mlx_repos
from catalog.types import Model
from catalog.vision import ProjectorFile, projector_file, vision_bytes

Document = dict[str, Any]


def model_document(model: Model) -> Document:
    """``model --json``: identity, shape, cache and exact sizes of every file type."""
    roles: list[Document] = []
    quants: list[Document] = []
    formats: list[Document] = []
    kv = window = state = None
    if model.is_counted:
        from catalog.mixing import FILE_TYPES
        from catalog.tensors import tensor_table
        from catalog.weights import weights_for

        totals: dict[str, int] = {}
        for tensor in tensor_table(model):
            totals[tensor.role.value] = totals.get(tensor.role.value, 0) + tensor.n_elements
        roles = [{"role": role, "params": count} for role, count in totals.items()]
        for quant in FILE_TYPES if model.not_estimated_because is None else ():
            size = sum(weights_for(model, quant).values())
            quants.append(
                {
                    "quant": quant,
                    "tensor_bytes": size,
                    "bits_per_weight": round(size * 8 / model.total_params, 4),
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
        "quants": quants,
        "formats": formats,
        "native_quant": model.native_quant,
        "gguf_repos": list(model.gguf_repos),
        "mlx_repos": list(mlx_repos(model)),
        "aliases": list(model.aliases),
        "not_estimated_because": model.not_estimated_because,
        "source": model.source,
    }


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


def _kv_by_runtime(model: Model) -> list[Document]:
    """What one user's cache takes at f16: runtimes lay the same cache out differently."""
    if not model.is_counted:
        return []
    from advisor.core.runtime_cache import CACHE_RUNTIMES, GGUF_RUNTIMES, kv_bytes_for_runtime

    return [
        {
            "runtime": runtime,
            "context_tokens": context,
            "kv_bytes": round(kv_bytes_for_runtime(model, runtime, context)),
        }
        for runtime in CACHE_RUNTIMES
        if model.not_estimated_because is None or runtime not in GGUF_RUNTIMES
        for context in _KV_CONTEXTS
    ]


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


def model_text(document: Document) -> str:
    """The same as lines."""
    lines = [
        f"{document['name']}  ({document['id']})",
        f"  by {document['organization']}, {document['release_date'] or 'date unknown'}, "
        f"{document['license'] or 'licence unknown'}, {document['stage']}",
        f"  {f.params(document['total_params'])} parameters, {f.params(document['active_params'])} active; "
        f"published {f.params(document['published_params']) if document['published_params'] else 'unknown'} "
        f"({document['check']})",
        f"  {document['architecture']}, {len(document['layers'])} layers, hidden {document['hidden_size']}, "
        f"{document['heads']} heads / {document['kv_heads']} KV heads, vocabulary {document['vocab_size']:,}",
    ]
    if document["experts"]:
        lines.append(f"  {document['experts_active']} of {document['experts']} experts per token")
    if document["context_length_tokens"]:
        lines.append(f"  context {document['context_length_tokens']:,} tokens")
    if document["kv_bytes_per_token_f16"] is not None:
        line = f"  KV cache {document['kv_bytes_per_token_f16'] / 1024:g} KiB per token at f16"
        if document["window_kv_bytes_per_token_f16"]:
            line += (
                f", and {document['window_kv_bytes_per_token_f16'] / 1024:g} KiB in window layers "
                f"for the last {document['sliding_window_tokens']:,} tokens"
            )
        lines.append(line)
    if document["kv_by_runtime"]:
        cells = [
            f"{x['runtime']} {f.tokens(x['context_tokens'])}: {f.gib_unit(x['kv_bytes'])}"
            for x in document["kv_by_runtime"]
        ]
        lines.append("    " + "  ".join(cells))
    lines += _vision_lines(document)
    if document["state_bytes_per_sequence"]:
        lines.append(f"  recurrent state {f.gib_unit(document['state_bytes_per_sequence'])} per sequence")
    if document["not_estimated_because"]:
        lines.append(f"  not estimated, because {document['not_estimated_because']}")
    if document["quants"]:
        lines.append("  tensor GiB by file type:")
        cells = [f"{q['quant']} {f.gib(q['tensor_bytes'])}" for q in document["quants"]]
        lines += ["    " + "  ".join(cells[i : i + 6]) for i in range(0, len(cells), 6)]
    if document["formats"]:
        lines.append("  tensor GiB in other formats:")
        cells = [
            f"{x['format']} {f.gib(x['tensor_bytes'])}"
            + (f" ({f.gib(x['low_bytes'])}–{f.gib(x['high_bytes'])})" if x["approximate"] else "")
            for x in document["formats"]
        ]
        lines += ["    " + "  ".join(cells[i : i + 4]) for i in range(0, len(cells), 4)]
    if document["aliases"]:
        lines.append(f"  also called {', '.join(document['aliases'])}")
    if document["gguf_repos"]:
        lines.append(f"  GGUF files: {', '.join(document['gguf_repos'])}")
    if document["mlx_repos"]:
        lines.append(f"  MLX files: {_some(document['mlx_repos'])}")
    lines.append(f"  source: {document['source']}")
    return "\n".join(lines)


_REPOS_SHOWN = 8


def _some(names: list[str]) -> str:
    """The first names of a list that may be long, and how many there are besides."""
    more = len(names) - _REPOS_SHOWN
    return ", ".join(names[:_REPOS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _vision_lines(document: Document) -> list[str]:
    """What images add: by file type where the tensors are known, else twice the parameters."""
    if not document["vision_bytes"]:
        return []
    line = f"  vision part {f.gib_unit(document['vision_bytes'])} more when images are used (mmproj file"
    projector = document["projector"]
    if projector is None:
        return [line + "; size from the published total, 2 bytes per parameter)"]
    others = [f"{x['type']} {f.gib(x['tensor_bytes'])}" for x in projector["files"][1:]]
    parts = [f"{x['part']} {f.params(x['params'])}" for x in projector["parts"]]
    return [f"{line} in {projector['files'][0]['type']}; {', '.join(others)})", f"    {', '.join(parts)}"]
