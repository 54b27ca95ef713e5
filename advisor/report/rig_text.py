"""A Rig as text: every fact with how it was found and how sure it is.

Kept apart from the other reports so that ``probe`` loads neither NumPy nor the catalog of models.
"""

from __future__ import annotations

from typing import Any

from advisor.report import format as f
from advisor.report.table import Column, text_table
from probes.types import Fact, Rig


def probe_text(rig: Rig) -> str:
    """The Rig with the source and confidence of every fact."""
    rows: list[tuple[str, str, str, str]] = []

    def add(title: str, fact: Fact[Any], text: str | None = None) -> None:
        shown = text if text is not None else str(fact.value)
        rows.append((title, "unknown" if fact.value is None else shown, fact.confidence, fact.source))

    def known(title: str, fact: Fact[Any], text: str | None = None) -> None:
        """A row only where there is something to say."""
        if fact.known:
            add(title, fact, text)

    cpu, memory, system = rig.cpu, rig.memory, rig.system
    add("system", system.os)
    add("  virtual machine", system.virtualization)
    add("  container", system.container)
    known("  product", system.product)
    known("  locked memory", system.memlock_bytes, f.gib_or_mib(system.memlock_bytes.value or 0))
    known("  huge pages", system.transparent_huge_pages)
    if system.huge_pages_bytes.value:
        add("    set aside", system.huge_pages_bytes, f.gib_or_mib(system.huge_pages_bytes.value))
    known("  swap", system.swap_bytes, f.gib_unit(system.swap_bytes.value or 0))
    add("CPU", cpu.name)
    add("  sockets", cpu.sockets)
    add("  physical cores", cpu.physical_cores)
    known("    performance", cpu.performance_cores)
    known("    efficiency", cpu.efficiency_cores)
    known("    chiplets", cpu.ccds)
    add("  logical cores", cpu.logical_cores)
    add("  usable CPUs", cpu.usable_cores)
    add("  instruction sets", cpu.isa, " ".join(cpu.isa.value or ()))
    rows += [
        (f"  L{cache.level} cache", f"{cache.count} × {f.gib_or_mib(cache.size_bytes)}", "", "")
        for cache in cpu.caches
    ]
    if len(cpu.numa) > 1:
        rows.append(("  NUMA nodes", str(len(cpu.numa)), "", ""))
    add("RAM", memory.total_bytes, f.gib_unit(memory.total_bytes.value or 0))
    add("  available", memory.available_bytes, f.gib_unit(memory.available_bytes.value or 0))
    add("  installed", memory.installed_bytes, f.gib_unit(memory.installed_bytes.value or 0))
    add("  limit", memory.limit_bytes, f.gib_unit(memory.limit_bytes.value or 0))
    add("  type", memory.type)
    most = memory.max_channels.value
    add("  channels", memory.channels, f"{memory.channels.value}" + (f" of {most}" if most else ""))
    add("  speed", memory.mts, f"{memory.mts.value} MT/s")
    add("  bandwidth", memory.bandwidth_bytes_per_s, f.gbs(memory.bandwidth_bytes_per_s.value or 0))
    measured = memory.measured_bandwidth_bytes_per_s
    add("  measured", measured, f.gbs(measured.value or 0))
    if memory.measured_threads.known:
        add("    threads", memory.measured_threads)
        add("    spread", memory.measured_spread, f.percent(memory.measured_spread.value or 0))
    for module in memory.modules:
        speed = module.configured_mts or module.rated_mts
        rows.append(
            (
                f"  {module.locator or 'module'}",
                f"{f.gib_unit(module.size_bytes)} {module.type or ''} {speed or '?'} MT/s".replace("  ", " "),
                "",
                module.channel or "",
            )
        )
    for i, gpu in enumerate(rig.accelerators, 1):
        add(f"GPU {i}", gpu.name)
        add("  memory", gpu.vram_bytes, f.gib_unit(gpu.vram_bytes.value or 0))
        add("  free", gpu.free_bytes, f.gib_unit(gpu.free_bytes.value or 0))
        add("  bandwidth", gpu.bandwidth_bytes_per_s, f.gbs(gpu.bandwidth_bytes_per_s.value or 0))
        if gpu.measured_bandwidth_bytes_per_s.known:
            copied = gpu.measured_bandwidth_bytes_per_s
            add("  measured", copied, f.gbs(copied.value or 0))
        link = gpu.pcie.value
        known("  reserved", gpu.reserved_bytes, f.gib_or_mib(gpu.reserved_bytes.value or 0))
        known("  memory type", gpu.memory_type)
        known("  ECC", gpu.ecc, "on" if gpu.ecc.value else "off")
        known("  drives a screen", gpu.display_active, "yes" if gpu.display_active.value else "no")
        known("  power limit", gpu.power_limit_w, f"{gpu.power_limit_w.value or 0:g} W")
        add("  PCIe", gpu.pcie, f"{link.generation} x{link.lanes}" if link else "")
        known("  reads its peers", gpu.p2p, "yes" if gpu.p2p.value else "no")
        add("  FP16", gpu.fp16_flops, f.tflops(gpu.fp16_flops.value or 0))
        add("  NVLink", gpu.nvlink_bytes_per_s, f.gbs(gpu.nvlink_bytes_per_s.value or 0))
    for place in rig.storage:
        add("models in", place.folder)
        add("  free", place.free_bytes, f.gib_unit(place.free_bytes.value or 0))
        kinds = " ".join(text for text in (place.kind.value, place.file_system.value) if text)
        add("  drive", place.kind if place.kind.known else place.file_system, kinds)
        lanes = place.pcie.value
        known("  PCIe", place.pcie, f"{lanes.generation} x{lanes.lanes}" if lanes else "")
    columns = (Column("what"), Column("value"), Column("how sure"), Column("source"))
    lines = [text_table(columns, rows)]
    if not rig.accelerators:
        lines.append("no GPU found")
    advice = [a.text for a in memory.advice]
    if advice:
        lines += ["", "memory:", *(f"→ {text}" for text in advice)]
    notes = [note for note in rig.notes if note not in advice]
    if notes:
        lines += ["", *(f"· {note}" for note in notes)]
    lines += ["", "how it is wired, and what limits what: rig-advisor topology"]
    return "\n".join(lines)
