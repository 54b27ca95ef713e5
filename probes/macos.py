"""Macs, from ``system_profiler -json SPHardwareDataType SPMemoryDataType SPDisplaysDataType``.

SPStorageDataType and SPNVMeDataType, where they are there too, tell the volumes.

Apple Silicon tells its chip, its GPU's cores and the size of its memory, but neither speed nor
channels: those are fixed by the chip, and for some chips by the GPU core count, and come from the
catalog.  Serial numbers and hardware UUIDs are never read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from probes.channels import MemoryLayout, bandwidth_bytes_per_s
from probes.gpu import GIB, GpuProbe, GpuReading, accelerator_from_reading
from probes.gpu_match import match_catalog
from probes.macos_memory import items_from_text, mac_modules
from probes.macos_storage import volumes_from_system_profiler
from probes.types import CpuInfo, Fact, MemoryInfo, RigError, SystemInfo, unknown
from probes.volumes import Volume

SOURCE = "system_profiler"


@dataclass(frozen=True, slots=True)
class MacFindings:
    """What a system_profiler document says."""

    system: SystemInfo
    cpu: CpuInfo
    memory: MemoryInfo
    gpus: GpuProbe
    volumes: tuple[Volume, ...] = ()


def is_system_profiler(document: object) -> bool:
    """Whether parsed JSON is ``system_profiler -json`` output with a section that is used."""
    return isinstance(document, Mapping) and any(
        isinstance(document.get(k), list)
        for k in ("SPHardwareDataType", "SPMemoryDataType", "SPDisplaysDataType", "SPStorageDataType")
    )


def mac_from_system_profiler(document: object) -> MacFindings:
    """The Mac in parsed ``system_profiler -json`` output.

    Raises:
        RigError: none of these sections is in it.
    """
    if not isinstance(document, Mapping) or not is_system_profiler(document):
        raise RigError(
            "system_profiler JSON: no SPHardwareDataType; capture it with "
            "`system_profiler -json SPHardwareDataType SPMemoryDataType SPDisplaysDataType`"
        )
    hardware = _first(document, "SPHardwareDataType")
    memory = _first(document, "SPMemoryDataType")
    displays = _entries(document, "SPDisplaysDataType")
    apple = next(
        (d for d in displays if "apple" in _text(d, "spdisplays_vendor", "sppci_vendor").lower()), {}
    )
    chip = _text(hardware, "chip_type") or _text(apple, "sppci_model")
    virtual = "(virtual)" in chip.lower() or _text(hardware, "machine_model").startswith("VirtualMac")
    size = _gigabytes(_text(hardware, "physical_memory") or _text(memory, "SPMemoryDataType"))
    system = SystemInfo(
        os=Fact("macos", SOURCE, "reported"),
        virtualization=Fact("Apple Virtualization", SOURCE, "reported")
        if virtual
        else Fact("none", f"{SOURCE}: real model", "derived")
        if hardware
        else unknown("not in the capture"),
        container=Fact("none", SOURCE, "derived"),
        product=_fact(_text(hardware, "machine_model"), "no machine model"),
    )
    cpu = _cpu(hardware, chip)
    notes: tuple[str, ...] = ()
    gpus = GpuProbe()
    silicon = _SILICON.fullmatch(chip)
    kind = _text(memory, "dimm_type")
    info = _memory(size, kind or None)
    if virtual:
        notes = (_VIRTUAL.format(chip or "macOS"),)
        gpus = GpuProbe(notes=notes)
    elif not silicon:
        layout = mac_modules(
            document.get("SPMemoryDataType"),
            SOURCE,
            _text(hardware, "machine_model"),
            cpu.sockets.value,
        )
        if layout is not None:
            info, notes = _with_modules(info, layout), layout.notes
            gpus = GpuProbe(notes=notes)
    else:
        info, gpus = _silicon(chip, _text(apple, "sppci_cores"), size, info)
    return MacFindings(system, cpu, info, gpus, volumes_from_system_profiler(document))


def mac_from_sysctl(values: Mapping[str, str]) -> MacFindings:
    """The Mac that ``sysctl`` describes; without its GPU's cores, which some chips' bandwidth hangs on."""
    from probes.macos_sysctl import cpu_from_sysctl, memory_from_sysctl, system_from_sysctl

    system, cpu, memory = system_from_sysctl(values), cpu_from_sysctl(values), memory_from_sysctl(values)
    chip = cpu.name.value or ""
    gpus = GpuProbe()
    if system.virtualization.value not in (None, "none") or "(virtual)" in chip.lower():
        gpus = GpuProbe(notes=(_VIRTUAL.format(chip or "macOS"),))
    elif _SILICON.fullmatch(chip):
        memory, gpus = _silicon(chip, "", memory.total_bytes.value, memory, "sysctl")
    return MacFindings(system, cpu, memory, gpus)


_SILICON = re.compile(r"Apple M\d+( (Pro|Max|Ultra))?")
_VIRTUAL = "{}: a virtual machine has no certain share of GPU and memory bandwidth."


def document_from_text(text: str) -> dict[str, list[dict[str, Any]]]:
    """The text that plain ``system_profiler`` prints, as the JSON sections that are used."""

    def line(name: str) -> str:
        found = re.search(rf"^[ \t]*{name}:[ \t]*(\S.*)$", text, re.MULTILINE)
        return found[1].rstrip() if found else ""

    cores = re.match(
        r"(\d{1,6})(?: \((\d{1,6}) performance and (\d{1,6}) efficiency\))?", line("Total Number of Cores")
    )
    hardware: dict[str, Any] = {
        "machine_model": line("Model Identifier"),
        "physical_memory": line("Memory"),
    }
    hardware["chip_type" if line("Chip") else "cpu_type"] = line("Chip") or line("Processor Name")
    if cores:
        hardware["number_processors"] = "proc " + ":".join(n for n in cores.groups() if n)
    section = text.partition("\nMemory:")[2]
    kind = re.search(r"^[ \t]*Type:[ \t]*(\S+)", section, re.MULTILINE)
    packages = line("Number of Processors")
    if packages.isdecimal() and not line("Chip"):
        hardware["number_processors"] = int(packages)
    modules = items_from_text(text)
    memory: list[dict[str, Any]] = [{"_items": modules}] if modules else []
    return {
        "SPHardwareDataType": [hardware],
        "SPMemoryDataType": memory or ([{"dimm_type": kind[1]}] if kind else []),
    }


def _with_modules(memory: MemoryInfo, layout: MemoryLayout) -> MemoryInfo:
    slots: Fact[int] = unknown("no module list")
    return replace(
        memory,
        type=layout.type,
        channels=layout.channels,
        mts=layout.mts,
        bandwidth_bytes_per_s=layout.bandwidth_bytes_per_s,
        installed_bytes=layout.installed_bytes,
        slots=slots if layout.slots is None else Fact(layout.slots, SOURCE, "reported"),
        modules=layout.modules,
        advice=layout.advice,
    )


def _silicon(
    chip: str, cores: str, size: int | None, memory: MemoryInfo, source: str = SOURCE
) -> tuple[MemoryInfo, GpuProbe]:
    """GPU and memory of Apple Silicon: the catalog's figures of the chip (and its GPU core count)."""
    name = f"{chip} {cores}-core GPU" if cores.isdecimal() else chip
    reading = GpuReading(
        source=source,
        vendor="Apple",
        name=name,
        unified=True,
        pcie_reason="the GPU is part of the chip",
        backend="metal",
        vram_reason="shares RAM; `sysctl iogpu.wired_limit_mb` tells a limit that was set",
    )
    gpu, notes = accelerator_from_reading(reading, memory_bytes=size)
    match = match_catalog(reading, size)
    from catalog.hardware import match_cpu_family

    family = match_cpu_family(chip)
    if match is not None and family is not None and match.entry.bus_bits:
        bits, rate = match.entry.bus_bits, family.max_mts
        confidence = gpu.bandwidth_bytes_per_s.confidence
        source = f"catalog: {match.entry.name}"
        memory = replace(
            memory,
            type=memory.type if memory.type.known else Fact(family.memory_type, source, "table"),
            channels=Fact(bits // 64, source, confidence),
            mts=Fact(rate, source, "table"),
            bandwidth_bytes_per_s=Fact(bandwidth_bytes_per_s(bits, rate), source, confidence),
        )
    return memory, GpuProbe((gpu,), notes)


def _cpu(hardware: Mapping[str, Any], chip: str) -> CpuInfo:
    nowhere = "not in the capture"
    name = chip or _text(hardware, "cpu_type")
    count = hardware.get("number_processors")
    performance: Fact[int] = unknown("not told by system_profiler")
    cores: int | None = None
    sockets = 1 if chip else None
    if isinstance(count, str):
        # "proc 8:4:4" is total : performance : efficiency; newer systems print four numbers whose
        # order differs, so only the total is taken from those.
        numbers = [int(n) for n in re.findall(r"\d{1,6}", count)]
        cores = numbers[0] if numbers else None
        if len(numbers) == 3 and numbers[1]:
            performance = Fact(numbers[1], SOURCE, "reported")
    elif isinstance(count, int) and not isinstance(count, bool) and count > 0:
        if chip:
            cores = count
        else:  # Intel: number of packages, and the cores apart
            sockets = count
            total = hardware.get("number_cores", hardware.get("core_count"))
            cores = total if isinstance(total, int) and total > 0 else None
    known_cores: Fact[int] = Fact(cores, SOURCE, "reported") if cores else unknown(nowhere)
    return CpuInfo(
        name=_fact(name, nowhere),
        sockets=Fact(sockets, SOURCE, "derived") if sockets else unknown(nowhere),
        physical_cores=known_cores,
        # Apple's cores run one thread each; Intel's may run two.
        logical_cores=Fact(cores, SOURCE, "derived") if cores and chip else unknown(nowhere),
        isa=unknown("not told by system_profiler"),
        performance_cores=performance,
    )


def _memory(size: int | None, kind: str | None) -> MemoryInfo:
    nowhere = "not told by system_profiler"
    return MemoryInfo(
        total_bytes=Fact(size, SOURCE, "reported") if size else unknown("no memory size in the capture"),
        available_bytes=unknown(nowhere),
        type=_fact(kind or "", nowhere),
        channels=unknown(nowhere),
        mts=unknown(nowhere),
        bandwidth_bytes_per_s=unknown(nowhere),
        measured_bandwidth_bytes_per_s=unknown("not measured"),
        installed_bytes=Fact(size, SOURCE, "reported") if size else unknown("no memory size in the capture"),
    )


def _entries(document: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    items = document.get(section)
    return [i for i in items if isinstance(i, Mapping)] if isinstance(items, list) else []


def _first(document: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    return next(iter(_entries(document, section)), {})


def _text(item: Mapping[str, Any], *names: str) -> str:
    value = next((item[n] for n in names if isinstance(item.get(n), str)), "")
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:80]


def _fact(text: str, reason: str) -> Fact[str]:
    return Fact(text, SOURCE, "reported") if text and text.lower() != "unknown" else unknown(reason)


def _gigabytes(text: str) -> int | None:
    found = re.fullmatch(r"(\d{1,6}) GB", text)
    return int(found[1]) * GIB if found and int(found[1]) else None
