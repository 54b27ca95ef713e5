"""``model`` and ``hardware``: what the catalog knows, with sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from advisor.core.kv import cache_shape
from advisor.report import format as f
from catalog.mlx import mlx_repos
from catalog.types import Accelerator, Cpu, CpuFamily, Link, LookupFailedError, MemoryKind, Model
from catalog.vision import ProjectorFile, projector_file, vision_bytes

Document = dict[str, Any]


def model_document(model: Model) -> Document:
    """``model --json``: identity, shape, cache and exact sizes of every file type."""
    roles: list[Document] = []
    quants: list[Document] = []
    formats: list[Document] = []
    kv = window = state = None
    if model.not_estimated_because is None:
        from catalog.mixing import FILE_TYPES
        from catalog.tensors import tensor_table
        from catalog.weights import weights_for

        totals: dict[str, int] = {}
        for tensor in tensor_table(model):
            totals[tensor.role.value] = totals.get(tensor.role.value, 0) + tensor.n_elements
        roles = [{"role": role, "params": count} for role, count in totals.items()]
        for quant in FILE_TYPES:
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
        kv = 2 * shape.full_elements
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
    if model.not_estimated_because is not None:
        return []
    from advisor.core.runtime_cache import CACHE_RUNTIMES, kv_bytes_for_runtime

    return [
        {
            "runtime": runtime,
            "context_tokens": context,
            "kv_bytes": round(kv_bytes_for_runtime(model, runtime, context)),
        }
        for runtime in CACHE_RUNTIMES
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


def hardware_document(name: str) -> Document:
    """``hardware --json``: the first of accelerator, CPU, memory kind, link and CPU family called so.

    Raises:
        LookupFailedError: no kind knows the name, or one knows several; the text lists the nearest.
    """
    from catalog import hardware

    kinds: tuple[Callable[[], Document], ...] = (
        lambda: _accelerator_document(hardware.find_accelerator(name)),
        lambda: _cpu_document(hardware.find_cpu(name)),
        lambda: _memory_document(hardware.memory_kind(name)),
        lambda: _link_document(hardware.find_link(name)),
        lambda: _family_document(hardware.find_cpu_family(name)),
    )
    nearest: list[str] = []
    for document in kinds:
        try:
            return document()
        except LookupFailedError as error:
            if error.ambiguous:
                raise
            nearest += error.candidates[:3]
    raise LookupFailedError("hardware", name, tuple(nearest[:9]), ambiguous=False)


def _document(kind: str, name: str, facts: Document, source: str) -> Document:
    return {"schema": "rig-advice/hardware/1", "kind": kind, "name": name, "facts": facts, "source": source}


def _accelerator_document(a: Accelerator) -> Document:
    from catalog.hardware import cpu_of_accelerator

    cpu = cpu_of_accelerator(a.name)
    on_chip = {"cpu_on_chip": cpu.name} if cpu else {}
    return _document(
        "accelerator",
        a.name,
        {
            **on_chip,
            "vendor": a.vendor,
            "architecture": a.architecture,
            "memory_bytes": list(a.memory_bytes),
            "memory_type": a.memory_type,
            "bus_bits": a.bus_bits,
            "bandwidth_bytes_per_s": a.bandwidth_gbs * 1e9,
            "fp16_flop_per_s": a.fp16_tflops * 1e12 if a.fp16_tflops is not None else None,
            "fp8_flop_per_s": a.fp8_tflops * 1e12 if a.fp8_tflops is not None else None,
            "unified": a.unified,
            "laptop": a.laptop,
            "pcie_generation": a.pcie_generation,
            "pcie_lanes": a.pcie_lanes,
            "nvlink_bytes_per_s": a.nvlink_gbs * 1e9 if a.nvlink_gbs is not None else None,
            "tdp_w": a.tdp_w,
            "compute_capability": a.compute_capability,
            "pci_ids": list(a.pci_ids),
            "released": a.released,
            "aliases": list(a.aliases),
            "note": a.note,
        },
        a.source,
    )


def _cpu_document(cpu: Cpu) -> Document:
    from catalog.hardware import find_cpu_family

    family = find_cpu_family(cpu.family)
    facts = {"family": family.name, "cores": cpu.cores, "threads": cpu.threads, **_memory_limits(family)}
    facts["isa"] = list(cpu.isa or family.isa or ())
    return _document("cpu", cpu.name, facts, f"{cpu.source}; family: {family.source}")


def _family_document(family: CpuFamily) -> Document:
    from catalog.hardware import load_cpus

    facts = _memory_limits(family)
    facts["cpus"] = [cpu.name for cpu in load_cpus() if cpu.family == family.name]
    return _document("cpu family", family.name, facts, family.source)


def _memory_limits(family: CpuFamily) -> Document:
    """What the CPUs of a family have in common: the memory that they drive and read."""
    return {
        "vendor": family.vendor,
        "platform": family.platform,
        "isa": list(family.isa or ()),
        "memory_type": family.memory_type,
        "channels": family.channels,
        "max_mts": family.max_mts,
        "max_mts_two_modules_per_channel": family.max_mts_2dpc,
        "peak_bandwidth_bytes_per_s": family.channels * family.max_mts * 8e6,
        "max_bandwidth_bytes_per_s": _gbs(family.max_bandwidth_gbs),
        "max_ccd_bandwidth_bytes_per_s": _gbs(family.max_ccd_gbs),
        "max_core_bandwidth_bytes_per_s": _gbs(family.max_core_gbs),
        "slots_per_channel": family.slots_per_channel,
        "max_memory_bytes": family.max_memory_bytes,
    }


def _link_document(link: Link) -> Document:
    facts = {
        "bandwidth_per_direction_bytes_per_s": link.bandwidth_gbs * 1e9,
        "bandwidth_both_directions_bytes_per_s": 2 * link.bandwidth_gbs * 1e9,
        "usable_per_direction_bytes_per_s": _gbs(link.usable_gbs),
        "latency_s": None if link.latency_us is None else link.latency_us / 1e6,
    }
    return _document("link", link.name, facts, link.source)


def _memory_document(kind: MemoryKind) -> Document:
    facts = {
        "rates_mts": list(kind.rates_mts),
        "slowest_jedec_mts": kind.jedec_floor_mts,
        "module_bits": kind.module_bits,
        "bandwidth_of_fastest_module_bytes_per_s": kind.rates_mts[-1] * kind.module_bits / 8 * 1e6,
    }
    return _document("memory", kind.name, facts, kind.source)


def _gbs(value: float | None) -> float | None:
    return None if value is None else value * 1e9


def hardware_text(document: Document) -> str:
    """The same as lines; facts that are unknown are said to be."""
    lines = [f"{document['name']}  ({document['kind']})"]
    for key, value in document["facts"].items():
        title = key.replace("_bytes_per_s", "").replace("_bytes", "").removesuffix("_s").replace("_", " ")
        if key.endswith("_flop_per_s"):
            title = key.removesuffix("_flop_per_s").upper()
        if value is None or value in ([], ""):
            shown = "unknown" if value is None and key != "note" else "–"
        elif key == "max_memory_bytes":
            shown = f.gib_unit(value)
        elif key == "memory_bytes":
            shown = ", ".join(f.gib_unit(v) for v in value)
        elif key.endswith("_bytes_per_s"):
            shown = f.gbs(value)
        elif key.endswith("_flop_per_s"):
            shown = f.tflops(value)
        elif key == "latency_s":
            shown = f"{value * 1e6:g} µs"
        elif isinstance(value, list):
            shown = ", ".join(str(v) for v in value)
        elif isinstance(value, bool):
            shown = "yes" if value else "no"
        else:
            shown = str(value)
        lines.append(f"  {title:<34}{shown}")
    lines.append(f"  source: {document['source']}")
    return "\n".join(lines)
