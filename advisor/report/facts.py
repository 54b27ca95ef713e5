"""``hardware``: what the catalog knows of a piece of hardware, with sources."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from advisor.report import format as f
from catalog.types import Accelerator, Cpu, CpuFamily, Link, LookupFailedError, MemoryKind

Document = dict[str, Any]


def hardware_document(name: str) -> Document:
    """``hardware --json``: the first of memory kind, accelerator, CPU, link and CPU family called so.

    Raises:
        LookupFailedError: no kind knows the name, or one knows several; the text lists the nearest.
    """
    from catalog import hardware

    kinds: tuple[Callable[[], Document], ...] = (
        lambda: _accelerator_document(hardware.find_accelerator(name)),
        lambda: _cpu_document(hardware.find_cpu(name)),
        lambda: _link_document(hardware.find_link(name)),
        lambda: _family_document(hardware.find_cpu_family(name)),
    )
    try:
        return _memory_document(name)  # first: there are cards called "GT 1030 DDR4"
    except LookupFailedError as error:
        memory = error.candidates[:3]
    nearest: list[str] = []
    for document in kinds:
        try:
            return document()
        except LookupFailedError as error:
            if error.ambiguous:
                raise
            nearest += error.candidates[:3]
    raise LookupFailedError("hardware", name, tuple([*nearest, *memory][:9]), ambiguous=False)


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
            **_kept_from_models(a),
        },
        "; ".join([a.source, *_sources_of_kept(a)]),
    )


_BACKENDS = {"NVIDIA": "cuda", "AMD": "rocm", "Intel": "sycl", "Apple": "metal"}


def _kept_from_models(a: Accelerator) -> Document:
    """Memory that models do not get: the runtime's context, the display's, and what macOS caps."""
    from catalog import memory_model

    kept: Document = {
        "context_memory_bytes": memory_model.context_bytes(_BACKENDS.get(a.vendor, "vulkan")),
    }
    if a.vendor == "Apple":
        shares = ((size, memory_model.gpu_share("macos", size)) for size in a.memory_bytes)
        kept["gpu_memory_bytes"] = [round(size * share) for size, share in shares if share]
    elif not a.unified:
        kept["display_memory_linux_bytes"] = memory_model.display_bytes("linux")
        kept["display_memory_windows_bytes"] = memory_model.display_bytes("windows")
    return kept


def _sources_of_kept(a: Accelerator) -> list[str]:
    from catalog.memory_model import source_of

    sources = [source_of("backends", _BACKENDS.get(a.vendor, "vulkan"), "context_bytes")]
    if a.vendor == "Apple":
        sources.append(source_of("platforms", "macos", "gpu_share"))
    elif not a.unified:
        sources += [source_of("platforms", name, "display_bytes") for name in ("linux", "windows")]
    return [source for source in sources if source]


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


def _memory_document(name: str) -> Document:
    """A kind of memory (``DDR5``), or a module of a data rate (``DDR5-6000``)."""
    from catalog.hardware import memory_kind

    asked = re.fullmatch(r"(.*\D\d?[xX]?)[- ](\d{3,5})(?:\s*MT/s)?", name.strip())
    kind: MemoryKind = memory_kind(asked[1] if asked else name)
    rate = int(asked[2]) if asked else kind.rates_mts[-1]
    of = "module" if asked else "fastest_module"
    facts = {
        "rates_mts": list(kind.rates_mts),
        "slowest_jedec_mts": kind.jedec_floor_mts,
        "module_bits": kind.module_bits,
        f"bandwidth_of_{of}_bytes_per_s": rate * kind.module_bits / 8 * 1e6,
    }
    if asked and rate not in kind.rates_mts:
        facts["note"] = f"{rate} MT/s is no rate that is sold as {kind.name}"
    return _document("memory", f"{kind.name}-{rate}" if asked else kind.name, facts, kind.source)


def _gbs(value: float | None) -> float | None:
    return None if value is None else value * 1e9


_TITLE_WIDTH = 34


def hardware_text(document: Document) -> str:
    """The same as lines; facts that are unknown are said to be."""
    lines = [f"{document['name']}  ({document['kind']})"]
    for key, value in document["facts"].items():
        title = key.replace("_bytes_per_s", "").replace("_bytes", "").removesuffix("_s").replace("_", " ")
        if key.endswith("_flop_per_s"):
            title = key.removesuffix("_flop_per_s").upper()
        if value is None or value in ([], ""):
            shown = "unknown" if value is None and key != "note" else "–"
        elif key in ("memory_bytes", "gpu_memory_bytes"):
            shown = ", ".join(f.gib_unit(v) for v in value)
        elif key.endswith("_bytes_per_s"):
            shown = f.gbs(value)
        elif key.endswith("_flop_per_s"):
            shown = f.tflops(value)
        elif key == "latency_s":
            shown = f"{value * 1e6:g} µs"
        elif key.endswith("memory_bytes") or key.startswith("display_memory"):
            shown = f.gib_unit(value)
        elif isinstance(value, list):
            shown = ", ".join(str(v) for v in value)
        elif isinstance(value, bool):
            shown = "yes" if value else "no"
        else:
            shown = str(value)
        lines += f.paragraph(f"{title:<{_TITLE_WIDTH}}{shown}", hanging=_TITLE_WIDTH)
    lines += f.paragraph(f"source: {document['source']}")
    return "\n".join(lines)
