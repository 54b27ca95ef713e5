"""The hardware header: what machine the numbers are for, or how far its probe has come."""

from __future__ import annotations

import re
from collections.abc import Sequence

from advisor.report.format import gbs, gib, gib_unit
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, Painted, clip, fit_line, spread, width_of
from advisor.tui.state import AppState, Progress
from probes.types import AcceleratorInfo, CpuInfo, Rig

_NOISE = re.compile(
    r"\((?:R|TM|C)\)|\b(?:NVIDIA|AMD|Intel|GeForce|Radeon|CPU|Processor|\d+-Core|Graphics)\b|@.*$",
    re.IGNORECASE,
)
_STEP_NAMES = {
    "system": "system",
    "cpu": "CPU",
    "memory": "memory",
    "nvidia": "NVIDIA",
    "amd": "AMD",
    "pci": "PCI",
    "bandwidth": "bandwidth",
}


def short_name(name: str) -> str:
    """A device name without the words that say nothing: ``Ryzen 9 7950X``, ``RTX 4090``."""
    words = " ".join(_NOISE.sub(" ", name).split())
    return words.replace("( ", "(").replace(" )", ")") or name


def gpu_groups(gpus: Sequence[AcceleratorInfo]) -> list[tuple[int, AcceleratorInfo]]:
    """Equal GPUs together, in order of first appearance, with their number."""
    groups: list[tuple[int, AcceleratorInfo]] = []
    for gpu in gpus:
        for n, (count, other) in enumerate(groups):
            if (gpu.name.value, gpu.vram_bytes.value) == (other.name.value, other.vram_bytes.value):
                groups[n] = (count + 1, other)
                break
        else:
            groups.append((1, gpu))
    return groups


def gpu_parts(gpu: AcceleratorInfo, count: int, glyphs: Glyphs, *, brief: bool) -> Line:
    """One group of GPUs."""
    many = f"{count}{glyphs.times} " if count > 1 else ""
    parts: Line = [(f"{many}{short_name(gpu.name.value or 'GPU')}", STRONG)]
    vram = gpu.vram_bytes.value
    parts.append((f" {gib_unit(vram)}" if vram is not None else " memory ?", ""))
    if gpu.unified.value:
        parts.append((" unified", MUTED))
    rate = gpu.bandwidth_bytes_per_s.value
    parts.append((f" {gbs(rate)}" if rate is not None else " bandwidth ?", ""))
    link = gpu.pcie.value
    if not brief and link is not None and link.generation and link.lanes:
        parts.append((f" PCIe {link.generation:g} x{link.lanes}", MUTED))
    return parts


def cpu_text(cpu: CpuInfo) -> str:
    """Name and cores: ``Ryzen 9 7950X 16C``."""
    name = short_name(cpu.name.value) if cpu.name.value else "CPU unknown"
    cores = cpu.physical_cores.value
    return f"{name} {cores}C" if cores else name


def isa_text(cpu: CpuInfo) -> str:
    """The widest vector instructions."""
    isa = cpu.isa.value or ()
    for flag, label in (("amx_int8", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON")):
        if flag in isa:
            return label
    return ""


def ram_text(rig: Rig, *, brief: bool) -> str:
    """Size, kind, channels and bandwidth of RAM."""
    memory = rig.memory
    parts = [gib_unit(memory.total_bytes.value) if memory.total_bytes.value else "RAM ?"]
    if not brief:
        kind, mts = memory.type.value, memory.mts.value
        if kind:
            parts.append(f"{kind}-{mts}" if mts else kind)
        if memory.channels.value:
            parts.append(f"{memory.channels.value} channels")
    measured = memory.measured_bandwidth_bytes_per_s.value
    specified = memory.bandwidth_bytes_per_s.value
    if measured:
        parts.append(gbs(measured) + ("" if brief else " measured"))
    elif specified:
        parts.append(gbs(specified))
    elif not brief:
        parts.append("bandwidth ?")
    return " ".join(parts)


def probe_line(progress: Progress, glyphs: Glyphs) -> Line:
    """The steps of the probe, each with a mark."""
    marks = {
        "running": (glyphs.waiting, MUTED),
        "done": (glyphs.done, "$success"),
        "skipped": (glyphs.dash, MUTED),
        "failed": (glyphs.warning, "$error"),
        "timeout": (f"{glyphs.warning} slow", "$error"),
    }
    line: Line = [("probing ", TITLE)]
    for step, status in progress.steps:
        mark, style = marks.get(status, (status, MUTED))
        line += [(f" {_STEP_NAMES.get(step, step)} ", "" if status == "running" else MUTED), (mark, style)]
    if not progress.steps:
        line.append((f" this machine {glyphs.waiting}", MUTED))
    return line


def brief_lines(state: AppState, width: int, glyphs: Glyphs) -> list[Line]:
    """The header in one line."""
    name: Line = [("rig advisor  ", TITLE)]
    if state.probe.error:
        return [fit_line([*name, (state.probe.error, "$error")], width, glyphs.ellipsis)]
    if state.rig is None or state.probe.running:
        return [fit_line([*name, *probe_line(state.probe, glyphs)], width, glyphs.ellipsis)]
    rig = state.rig
    right = notes_part(state, glyphs, brief=True)
    if state.activity:
        right = [(state.activity.removesuffix(" RAM bandwidth …"), "$accent"), ("  ", ""), *right]
    groups = gpu_groups(rig.accelerators)
    parts: Line = []
    for n, (count, gpu) in enumerate(groups[:2]):
        parts += [(f" {glyphs.dot} ", MUTED) if n else ("", ""), *gpu_parts(gpu, count, glyphs, brief=True)]
    if len(groups) > 2:
        parts.append((f" +{len(groups) - 2} more", MUTED))
    if groups:
        parts.append((f" {glyphs.dot} ", MUTED))
    room = width - width_of(name) - width_of(right) - width_of(parts) - 1
    ram = ram_text(rig, brief=True)
    cpu = cpu_text(rig.cpu)
    if any(g.unified.value for g in rig.accelerators) and rig.cpu.physical_cores.value:
        # The GPU's name is the chip's name already.
        cpu = f"{rig.cpu.physical_cores.value}C"
    tail = f"{cpu} {glyphs.dot} {ram}"
    if len(tail) > room and len(cpu.split()) > 2:
        # The model number says most: "Ryzen 9 7950X 16C" becomes "7950X 16C".
        tail = f"{' '.join(cpu.split()[-2:])} {glyphs.dot} {ram}"
    if len(tail) > room:
        name, room = [], room + width_of(name)
    if len(tail) > room:
        tail = f"{ram}"
    parts.append((clip(tail, max(room, 8), glyphs.ellipsis), ""))
    return [spread([*name, *parts], right, width)]


def notes_part(state: AppState, glyphs: Glyphs, *, brief: bool) -> Line:
    """Number of notes and assumptions, with the key that shows them."""
    if state.rig is None:
        return []
    count = len(state.rig.notes)
    if state.view is not None:
        count += len(state.view.machine.assumptions)
    if not count:
        return []
    word = "note" if count == 1 else "notes"
    return [(f"{glyphs.warning}{count}" if brief else f"{glyphs.warning} {count} {word} (i)", "$warning")]


def full_lines(state: AppState, width: int, glyphs: Glyphs) -> list[Line]:
    """The header of wide terminals: GPUs and CPU, then RAM and notes."""
    if state.probe.error:
        return [
            fit_line([("no hardware  ", TITLE), (state.probe.error, "$error")], width, glyphs.ellipsis),
            [("press r to probe again, or start with --rig FILE", MUTED)],
        ]
    if state.rig is None or state.probe.running:
        hint = "models are ranked as soon as the probe ends"
        return [
            fit_line(probe_line(state.probe, glyphs), width, glyphs.ellipsis),
            [(hint, MUTED)],
        ]
    rig = state.rig
    gpus: Line = [("GPU  ", TITLE)]
    if not rig.accelerators:
        gpus.append(("none found: everything runs on the CPU", MUTED))
    usable = {d.name: d.usable_bytes for d in state.view.machine.gpus} if state.view is not None else {}
    for n, (count, gpu) in enumerate(gpu_groups(rig.accelerators)[:2]):
        parts = gpu_parts(gpu, count, glyphs, brief=False)
        free = usable.get(gpu.name.value or "GPU")
        if free is not None:
            parts.insert(2, (f" ({gib(free)} usable)", MUTED))
        gpus += [("   ", "") if n else ("", ""), *parts]
    isa = isa_text(rig.cpu)
    cpu: Line = [("CPU  ", TITLE), (cpu_text(rig.cpu), STRONG), (f" {isa}" if isa else "", MUTED)]
    ram: Line = [("RAM  ", TITLE), (ram_text(rig, brief=False), STRONG)]
    if state.view is not None:
        ram.append((f" ({gib(state.view.machine.ram_usable_bytes)} usable)", MUTED))
    if state.activity:
        ram.append((f"   {state.activity}", "$accent"))
    notes = notes_part(state, glyphs, brief=False)
    if width_of(gpus) + width_of(cpu) + 3 <= width:
        return [spread(gpus, cpu, width), spread(ram, notes, width)]
    return [
        fit_line(gpus, width, glyphs.ellipsis),
        spread(fit_line(cpu, width - width_of(notes) - 2, glyphs.ellipsis), notes, width),
        fit_line(ram, width, glyphs.ellipsis),
    ]


class HardwareHeader(Painted):
    """One line on narrow terminals; a titled box on wide ones."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None, classes: str = "") -> None:
        super().__init__(glyphs, id=id, classes=classes)
        self.state: AppState | None = None

    def show(self, state: AppState) -> None:
        """Draw a state."""
        self.state = state
        name = state.origin if state.rig is None else state.rig.name or state.origin
        self.border_title = f"rig advisor {self.glyphs.dot} {name}".replace("[", "(").replace("]", ")")
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """One line, or two to three in the box."""
        if self.state is None:
            return [[("rig advisor", TITLE)]]
        if self.has_class("-boxed"):
            return full_lines(self.state, width, self.glyphs)
        return brief_lines(self.state, width, self.glyphs)
