"""The document of ``model`` as text that a terminal of 80 columns holds."""

from __future__ import annotations

from typing import Any

from advisor.report import format as f

Document = dict[str, Any]

_REPOS_SHOWN = 8
_INDENT = 4


def model_text(document: Document) -> str:
    """All that the catalog knows of a model, with its sources."""
    lines = [f"{document['name']}  ({document['id']})", *_identity(document), *_shape(document)]
    if document["not_estimated_because"]:
        lines += f.paragraph(f"not estimated, because {document['not_estimated_because']}")
    lines += _cache(document)
    lines += _vision_lines(document)
    lines += _file_types(document)
    lines += _other_formats(document)
    for title, names in (
        ("also called", document["aliases"]),
        ("GGUF files:", document["gguf_repos"]),
        ("MLX files:", document["mlx_repos"]),
    ):
        if names:
            lines += f.paragraph(f"{title} {_some(names)}")
    lines.append("  sources:")
    for row in document["sources"]:
        lines += f.paragraph(f"{row['figures']}: {row['source']}", _INDENT)
    return "\n".join(lines)


def _some(names: list[str]) -> str:
    """The first names of a list that may be long, and how many there are besides."""
    more = len(names) - _REPOS_SHOWN
    return ", ".join(names[:_REPOS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _identity(document: Document) -> list[str]:
    tools = {True: "tool use", False: "no tool use stated", None: "tool use unknown"}[document["tool_use"]]
    lines = f.paragraph(
        f"by {document['organization']}, {document['release_date'] or 'date unknown'}, "
        f"{document['license'] or 'licence unknown'}, {document['stage']}, "
        f"{' and '.join(document['modality'])}, {tools}"
    )
    if document["variant_of"]:
        lines += f.paragraph(f"{document['variant_kind']} of {document['variant_of']}")
    if document["variants"]:
        variants = [f"{x['id']} ({x['kind']})" for x in document["variants"]]
        lines += f.paragraph(f"variants: {_some(variants)}")
    return lines


def _shape(document: Document) -> list[str]:
    published = f.params(document["published_params"]) if document["published_params"] else "unknown"
    lines = f.paragraph(
        f"{f.params(document['total_params'])} parameters ({document['total_params']:,}), "
        f"{f.params(document['active_params'])} active; published {published}: {document['check']}"
    )
    lines += f.paragraph(
        f"{document['architecture']}, {len(document['layers'])} layers, hidden {document['hidden_size']}, "
        f"{document['heads']} heads / {document['kv_heads']} KV heads, vocabulary {document['vocab_size']:,}"
    )
    if document["experts"]:
        lines.append(f"  {document['experts_active']} of {document['experts']} experts per token")
    if document["native_quant"]:
        lines.append(f"  published in {document['native_quant']}")
    if document["context_length_tokens"]:
        lines.append(f"  context {document['context_length_tokens']:,} tokens")
    return lines


def _cache(document: Document) -> list[str]:
    """Cache by runtime and type, state, and llama.cpp's compute buffers."""
    if document["kv_bytes_per_token_f16"] is None:
        return []
    text = f"KV cache {document['kv_bytes_per_token_f16'] / 1024:g} KiB per token at f16"
    if document["window_kv_bytes_per_token_f16"]:
        text += (
            f", and {document['window_kv_bytes_per_token_f16'] / 1024:g} KiB in window layers "
            f"for the last {document['sliding_window_tokens']:,} tokens"
        )
    if document["state_bytes_per_sequence"]:
        text += f"; recurrent state {f.gib_unit(document['state_bytes_per_sequence'])} per sequence"
    lines = f.paragraph(text)
    contexts = sorted({x["context_tokens"] for x in document["kv_by_runtime"]})
    rows: dict[tuple[str, str], list[str]] = {}
    for x in document["kv_by_runtime"]:
        rows.setdefault((x["runtime"], x["kv_type"]), []).append(f.gib(x["kv_bytes"]))
    if rows:
        titles = "".join(f"{f.tokens(context):>8}" for context in contexts)
        lines.append(f"    {f.titled('GiB for one user at'):<22}{titles}")
    for (runtime, kv_type), cells in rows.items():
        sizes = "".join(f"{cell:>8}" for cell in cells)
        lines.append(f"    {runtime:<12}{_KV_NAMES.get((runtime, kv_type), kv_type):<10}{sizes}")
    defaults = document["ollama_defaults"]
    if defaults:
        small, medium, large = (
            f.tokens(defaults[f"context_tokens_{size}"]) for size in ("below_24_gib", "below_48_gib", "above")
        )
        lines += f.paragraph(
            f"Ollama starts with {defaults['users']} user, {defaults['kv_type']} and {small} tokens under "
            f"24 GiB of VRAM, {medium} under 48, else {large}",
            _INDENT,
        )
    if document["compute_buffers"]:
        lines.append(f.titled("  compute buffers of llama.cpp, GiB:"))
        lines += f.columns(
            [
                f"{f.tokens(x['context_tokens'])}, ubatch {x['ubatch_tokens']}"
                f"{'' if x['flash_attention'] else ', no flash attention'}: {f.gib(x['bytes'])}"
                for x in document["compute_buffers"]
            ]
        )
    return lines


_KV_NAMES = {("vllm", "q8_0"): "fp8", ("mlx", "q8_0"): "8-bit", ("mlx", "q4_0"): "4-bit"}


def _vision_lines(document: Document) -> list[str]:
    """What images add: by file type where the tensors are known, else twice the parameters."""
    if not document["vision_bytes"]:
        return []
    line = f"vision part {f.gib_unit(document['vision_bytes'])} more when images are used (mmproj file"
    projector = document["projector"]
    if projector is None:
        return f.paragraph(line + "; size from the published total, 2 bytes per parameter)")
    others = [f"{x['type']} {f.gib(x['tensor_bytes'])}" for x in projector["files"][1:]]
    parts = [f"{x['part']} {f.params(x['params'])}" for x in projector["parts"]]
    first = projector["files"][0]["type"]
    return [*f.paragraph(f"{line} in {first}; {', '.join(others)})"), *f.paragraph(", ".join(parts), _INDENT)]


def _kept(row: Document) -> str:
    """Quality kept, in percent with its uncertainty."""
    return f"{row['quality_factor'] * 100:5.1f} ±{row['quality_factor_uncertainty'] * 100:.1f} %"


def _file_types(document: Document) -> list[str]:
    lines = []
    if document["quants"]:
        lines.append(f.titled("  tensors by file type: GiB, bits per weight, quality kept:"))
        lines += f.columns(
            [
                f"{q['quant']:<9}{f.gib(q['tensor_bytes']):>6}{q['bits_per_weight']:>7.2f} {_kept(q)}"
                for q in document["quants"]
            ]
        )
    if document["hand_made"]:
        lines.append(
            f.titled("  hand-made mixes of unsloth, GiB (≈: estimated, with the range of its kind):")
        )
        lines += f.columns(
            [
                f"{x['quant']:<12} ≈{f.gib(x['tensor_bytes'])} "
                f"({f.gib(x['low_bytes'])}–{f.gib(x['high_bytes'])})"
                if x["approximate"]
                else f"{x['quant']:<14}{f.gib(x['tensor_bytes'])}"
                for x in document["hand_made"]
            ]
        )
    return lines


def _other_formats(document: Document) -> list[str]:
    if not document["formats"]:
        return []
    cells = []
    for x in document["formats"]:
        low, high = f.gib(x["low_bytes"]), f.gib(x["high_bytes"])
        span = f" ({low}–{high})" if x["approximate"] and low != high else ""
        cells.append(f"{x['format']:<19}{f.gib(x['tensor_bytes']):>6}{span:<13}{_kept(x)}")
    title = f.titled("  tensors in other formats: GiB (what the label leaves open), quality kept:")
    return [title, *(" " * _INDENT + cell for cell in cells)]
