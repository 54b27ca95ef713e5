"""A Rig from specifications: machines that nobody has probed, or that are still to be bought.

Every fact is looked up in the catalog (confidence ``table``) or computed from what was looked up
(``derived``).  What the specification leaves open is unknown, with the reason, or a stated guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from catalog.hardware import (
    cpu_of_accelerator,
    find_accelerator,
    find_cpu,
    find_cpu_family,
    load_accelerators,
    match_cpu_family,
    plain_cpu_name,
)
from catalog.types import Accelerator, Cpu, LookupFailedError
from probes.spec_memory import NO_MACHINE, Processor, module_memory, unified_memory
from probes.specs import GIB, RAM_EXAMPLE, RamSpec, parse_gpu_spec, parse_ram_spec
from probes.types import (
    AcceleratorInfo,
    CpuInfo,
    Fact,
    MemoryInfo,
    PcieLink,
    Rig,
    RigError,
    SystemInfo,
    unknown,
)
from probes.unified import share_of_ram
from probes.unknowns import unknown_cpu, unknown_memory

__all__ = [
    "RamSpec",
    "accelerator_facts",
    "cpu_facts",
    "hypothetical_rig",
    "parse_gpu_spec",
    "parse_ram_spec",
]

STRIX_HALO_SHARE = 0.75
"""Largest share of RAM that Ryzen AI Max firmware gives to the GPU: 96 of 128 GB (AMD Variable Graphics
Memory)."""

_OWN_FABRIC = re.compile(r"SXM|MI3\d\d|\bB[23]00\b|\bGB[23]00\b|H20\b")
"""Cards that come on boards that link them; others need a bridge."""

_VULKAN_ONLY = frozenset({"gcn3", "gcn4", "gcn5", "rdna1", "rdna2-apu"})
"""AMD classes that current ROCm releases do not support."""

_BACKENDS = {"NVIDIA": "cuda", "AMD": "rocm", "Apple": "metal", "Intel": "vulkan", "Qualcomm": "vulkan"}

_SIZE = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*G(?:i?B)\b", re.IGNORECASE)


def hypothetical_rig(
    gpus: Sequence[str],
    ram: str | None,
    cpu: str | None,
    *,
    name: str | None = None,
    any_memory: bool = False,
) -> Rig:
    """A Rig from GPUs (``[Nx] NAME``), RAM (``2x32GB:DDR5-6000``, or ``128GB`` on unified chips) and a CPU.

    Chips with unified memory bring their CPU; without ``ram`` they take their only or largest size.
    With ``any_memory`` a GPU name that stands for several memory sizes (``RTX 4060 Ti``) means the largest
    instead of being ambiguous: for questions of speed.
    RAM bandwidth = min(modules, channels per socket x sockets) x 8 bytes x MT/s, in bytes/s.

    Raises:
        RigError: a specification cannot be read, or the parts cannot be put together; the text gives
            the reason and the nearest possible.
        LookupFailedError: the catalog has no such GPU or CPU, or several.
    """
    notes: list[str] = []
    cards: list[tuple[Accelerator, str]] = []
    for text in gpus:
        count, wanted = parse_gpu_spec(text)
        cards += [(_find(wanted, any_memory), wanted)] * count
    cards = cards or _own_gpu(cpu, notes)
    chips = [card for card, _ in cards if card.unified and card.memory_type != "system"]
    _check_chips(chips, [card for card, _ in cards])
    processor = _processor(cpu, chips[0] if chips else None)
    family = processor.family if processor else None
    memory = unified_memory(chips[0], ram, family, notes) if chips else module_memory(ram, processor, notes)
    usable = [(card, wanted) for card, wanted in cards if card.vendor in _BACKENDS]
    notes += [
        f"No runtime uses {card.name}: the CPU does the work."
        for card, _ in cards
        if card.vendor not in _BACKENDS
    ]
    accelerators = tuple(_accelerator(card, wanted, memory, len(usable), notes) for card, wanted in usable)
    info = _cpu_info(processor) if processor else unknown_cpu("no CPU given")
    if processor and processor.cpu is None:
        notes.append(f"{processor.name} is not in the CPU list: its memory is known, its core count is not")
    if not processor:
        notes.append("No CPU given: memory channels and CPU speed are unknown; add --cpu NAME.")
    if not memory.total_bytes.known:
        notes.append(f"No RAM given: add --ram, for example {RAM_EXAMPLE}.")
    return Rig(
        name=name or _title(gpus, ram, cpu),
        system=_system(processor),
        cpu=info,
        memory=memory,
        accelerators=accelerators,
        notes=tuple(dict.fromkeys(notes)),
    )


def accelerator_facts(name: str) -> AcceleratorInfo:
    """The facts of one GPU by name, for a machine of unknown RAM; raises ``LookupFailedError``."""
    return _accelerator(_find(name), name, unknown_memory("the machine's RAM is not part of this"), 1, [])


def cpu_facts(text: str) -> tuple[CpuInfo, str]:
    """The facts of ``[Nx] NAME`` and the name of the CPU's family.

    Raises ``LookupFailedError`` when the catalog does not know the CPU, ``RigError`` when it does not
    come in that many sockets.
    """
    processor = _processor(text, None)
    assert processor is not None
    return _cpu_info(processor), processor.family.name


def _find(wanted: str, any_memory: bool = False) -> Accelerator:
    """The accelerator of a name, where a size in the name may tell variants apart."""
    size = _SIZE.search(wanted)
    return find_accelerator(wanted, memory_gib=float(size[1]) if size else None, any_memory=any_memory)


def _own_gpu(cpu: str | None, notes: list[str]) -> list[tuple[Accelerator, str]]:
    """The GPU that a named chip with unified memory brings, where that is certain."""
    if cpu is None:
        return []
    try:
        chip = find_cpu(cpu)
    except LookupFailedError:
        return []
    own = [
        card
        for card in load_accelerators()
        if card.unified and card.memory_type != "system" and cpu_of_accelerator(card.name) == chip
    ]
    if len(own) > 1:
        names = ", ".join(card.name for card in own)
        notes.append(f"{chip.name} is sold with several GPUs ({names}): name one with --gpu.")
    return [(own[0], own[0].name)] if len(own) == 1 else []


def _check_chips(chips: Sequence[Accelerator], cards: Sequence[Accelerator]) -> None:
    if len(chips) > 1:
        raise RigError(
            f"{len(chips)} chips with unified memory are {len(chips)} machines; "
            f"describe one with --gpu {chips[0].name!r}"
        )
    if chips and chips[0].vendor == "Apple" and len(cards) > 1:
        raise RigError(f"no other GPU can be added to {chips[0].name}; describe it alone")


# ----------------------------------------------------------------------------------------------- CPU


def _processor(text: str | None, chip: Accelerator | None) -> Processor | None:
    """The CPU that is named, or that ``chip`` contains."""
    own = cpu_of_accelerator(chip.name) if chip else None
    if text is None:
        return Processor(own.name, 1, own, find_cpu_family(own.family)) if own else None
    sockets, name = parse_gpu_spec(text)
    cpu: Cpu | None
    try:
        cpu = find_cpu(name)
        family = find_cpu_family(cpu.family)
    except LookupFailedError as error:
        matched = match_cpu_family(name)
        if own and (own.name in error.candidates or (matched and matched.name == own.family)):
            return Processor(own.name, 1, own, find_cpu_family(own.family))
        if error.ambiguous or matched is None or not re.search(r"\d{3}", name):
            raise
        cpu, family = None, matched
    # Intel and Qualcomm put one GPU on several CPUs of a family; elsewhere the pair is fixed.
    same = cpu == own or (own and chip and chip.vendor in ("Intel", "Qualcomm") and family.name == own.family)
    if chip and own and not same:
        raise RigError(f"{chip.name} is one chip with {own.name}, not {name}; leave --cpu out")
    label = cpu.name if cpu else plain_cpu_name(name)
    if sockets > 1 and (family.platform not in ("server", "arm-server") or _single_socket(label)):
        raise RigError(f"{label} runs in one socket only, not {sockets}; leave the count out")
    return Processor(label, sockets, cpu, family)


def _single_socket(name: str) -> bool:
    return bool(re.search(r"EPYC \d+P\b|E5-16\d\d|EPYC 8\d{3}", name))


def _cpu_info(processor: Processor) -> CpuInfo:
    cpu, sockets = processor.cpu, processor.sockets
    source = f"catalog: {cpu.source}" if cpu else "catalog: family only"
    missing = "not in the catalog's CPU list"

    def count(value: int | None) -> Fact[int]:
        return unknown(missing) if value is None else Fact(value * sockets, source, "table")

    return CpuInfo(
        name=Fact(processor.name, source, "table"),
        sockets=Fact(sockets, "as specified", "table"),
        physical_cores=count(cpu.cores if cpu else None),
        logical_cores=count(cpu.threads if cpu else None),
        isa=Fact(cpu.isa, source, "table") if cpu and cpu.isa else unknown(missing),
    )


# ---------------------------------------------------------------------------------------------- GPUs


def _accelerator(
    card: Accelerator, wanted: str, memory: MemoryInfo, count: int, notes: list[str]
) -> AcceleratorInfo:
    source = f"catalog: {card.source}"
    bandwidth = Fact(card.bandwidth_gbs * 1e9, source, "table")
    if card.memory_type == "system":
        bandwidth = memory.bandwidth_bytes_per_s
        if not bandwidth.known:
            bandwidth = Fact(card.bandwidth_gbs * 1e9, f"{source}: fastest memory of the platform", "guess")
    elif card.unified and memory.bandwidth_bytes_per_s.known:
        bandwidth = memory.bandwidth_bytes_per_s
    pcie: Fact[PcieLink] = unknown("on the CPU's chip" if card.unified else "not in the catalog")
    if card.pcie_lanes and not card.unified:
        generation, lanes = card.pcie_generation, card.pcie_lanes
        pcie = Fact(PcieLink(generation, lanes, generation, lanes), f"{source}: the card's own link", "table")
    return AcceleratorInfo(
        name=Fact(card.name, source, "table"),
        vendor=Fact(card.vendor, source, "table"),
        vram_bytes=_gpu_memory(card, wanted, memory, notes),
        free_bytes=unknown(NO_MACHINE),
        bandwidth_bytes_per_s=bandwidth,
        unified=Fact(card.unified, source, "table"),
        pcie=pcie,
        architecture=Fact(card.architecture, source, "table"),
        fp16_flops=Fact(card.fp16_tflops * 1e12, source, "table")
        if card.fp16_tflops
        else unknown("the catalog has no FP16 rate for it"),
        nvlink_bytes_per_s=_nvlink(card, count),
        pci_id=Fact(card.pci_ids[0].partition(":")[0], source, "table")
        if card.pci_ids
        else unknown("not in the catalog"),
        driver=unknown(NO_MACHINE),
        power_limit_w=Fact(card.tdp_w, source, "table") if card.tdp_w else unknown("not in the catalog"),
        backend=_backend(card),
        memory_type=_memory_type(card),
        ecc=Fact(card.ecc, f"{source}: as shipped", "table"),
    )


def _gpu_memory(card: Accelerator, wanted: str, memory: MemoryInfo, notes: list[str]) -> Fact[int]:
    """Its own memory, or what the driver lets it have of the RAM."""
    if not card.unified:
        size = _SIZE.search(wanted)
        if size and int(float(size[1]) * GIB) in card.memory_bytes:
            return Fact(int(float(size[1]) * GIB), "as specified", "table")
        if len(card.memory_bytes) > 1:
            sizes = ", ".join(str(each // GIB) for each in card.memory_bytes)
            notes.append(
                f"{card.name} is sold with {sizes} GB: the largest is taken; write the size behind the name."
            )
        return Fact(card.memory_bytes[-1], f"catalog: {card.source}", "table")
    total = memory.total_bytes.value or (card.memory_bytes[-1] if card.memory_bytes else None)
    if total is None:
        return unknown("it uses the machine's RAM, and no RAM was given")
    if card.name.startswith("AMD Ryzen AI Max"):
        notes.append(
            f"{card.name}: the GPU may use {STRIX_HALO_SHARE:.0%} of RAM when the firmware gives it that "
            "much; the Linux default is half (raise ttm.pages_limit)."
        )
        share = int(total * STRIX_HALO_SHARE)
        return Fact(share, "largest GPU memory in AMD's firmware: 3/4 of RAM", "derived")
    if card.architecture.startswith("cdna"):
        return Fact(total, "CPU and GPU share all of it", "derived")
    return Fact(share_of_ram(card.vendor, total), "the driver's default share of RAM", "derived")


def _nvlink(card: Accelerator, count: int) -> Fact[float]:
    """One direction of the link to the other GPUs, where it is part of the board."""
    if not card.nvlink_gbs:
        return unknown("no NVLink")
    if count < 2:
        return unknown("one GPU: nothing to link")
    if not _OWN_FABRIC.search(card.name):
        return unknown("NVLink needs a bridge: add it with what-if link nvlink")
    return Fact(card.nvlink_gbs / 2 * 1e9, f"catalog: {card.source}, half of both directions", "derived")


def _memory_type(card: Accelerator) -> Fact[str]:
    if card.memory_type in (None, "system"):
        return unknown("it uses the machine's RAM" if card.memory_type else "not in the catalog")
    return Fact(card.memory_type, f"catalog: {card.source}", "table")


def _backend(card: Accelerator) -> Fact[str]:
    if card.architecture in _VULKAN_ONLY:
        return Fact("vulkan", f"ROCm does not support {card.architecture}", "derived")
    backend = _BACKENDS.get(card.vendor)
    return Fact(backend, f"usual for {card.vendor}", "derived") if backend else unknown("no runtime uses it")


# ---------------------------------------------------------------------------------------------- frame


def _system(processor: Processor | None) -> SystemInfo:
    apple = processor is not None and processor.family.vendor == "Apple"
    return SystemInfo(
        os=Fact("macos", "Apple chip", "derived") if apple else unknown(NO_MACHINE),
        virtualization=unknown(NO_MACHINE),
        container=unknown(NO_MACHINE),
    )


def _title(gpus: Sequence[str], ram: str | None, cpu: str | None) -> str:
    return " · ".join(part for part in (*gpus, cpu, ram) if part) or "empty rig"
