"""What-if: edits of a Rig.  The answer is the same pipeline on the edited Rig.

Edits keep to what the platform can take: channels and official speeds come from the CPU's family,
and what cannot be known (slots of an unknown board) is said, not assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from catalog.types import CpuFamily, LookupFailedError, MemoryKind
from probes.types import AcceleratorInfo, CpuInfo, Fact, MemoryInfo, MemoryModule, Rig, unknown

GIB = 1024**3
_CHANNEL_BITS = 64


class WhatIfError(ValueError):
    """The change is impossible on this rig.  The text gives the reason and the nearest possible one."""


@dataclass(frozen=True, slots=True)
class RamKit:
    """Memory modules of one kind: ``count`` x ``module_bytes`` of ``type`` at ``mts``."""

    count: int
    module_bytes: int
    type: str
    mts: int

    def __str__(self) -> str:
        return f"{self.count}x{self.module_bytes // GIB}GB:{self.type}-{self.mts}"


@dataclass(frozen=True, slots=True)
class SetRam:
    """Replace all modules by a kit."""

    kit: RamKit


@dataclass(frozen=True, slots=True)
class SetSpeed:
    """Run the present modules at another data rate."""

    mts: int


@dataclass(frozen=True, slots=True)
class SetChannels:
    """Populate another number of channels with modules like the present ones."""

    channels: int


@dataclass(frozen=True, slots=True)
class AddGpu:
    """Add ``count`` GPUs described by ready-made facts."""

    gpu: AcceleratorInfo
    count: int = 1


@dataclass(frozen=True, slots=True)
class ReplaceGpu:
    """Take out all discrete GPUs and put in one described by ready-made facts."""

    gpu: AcceleratorInfo
    count: int = 1


@dataclass(frozen=True, slots=True)
class RemoveGpu:
    """Take out the GPU with this number, counted from 1 as shown."""

    number: int


@dataclass(frozen=True, slots=True)
class SetCpu:
    """Swap the CPU (and, where the memory kind differs, the board) for another one."""

    cpu: CpuInfo
    family: CpuFamily


@dataclass(frozen=True, slots=True)
class SetLink:
    """Give the GPUs another PCIe link or NVLink: ``apply`` edits one GPU's facts."""

    name: str
    apply: Callable[[AcceleratorInfo], AcceleratorInfo]


Change = SetRam | SetSpeed | SetChannels | AddGpu | ReplaceGpu | RemoveGpu | SetCpu | SetLink


@dataclass(frozen=True, slots=True)
class Edited:
    """An edited rig and what has to be said about the edit."""

    rig: Rig
    remarks: tuple[str, ...]


def apply_changes(
    rig: Rig,
    changes: Sequence[Change],
    family: CpuFamily | None,
    kind_of: Callable[[str], MemoryKind],
) -> Edited:
    """Apply changes in order.

    Args:
        rig: the rig to start from.
        changes: edits, applied one after the other.
        family: the present CPU's family, if it was recognised.
        kind_of: memory kind by name (the catalog's lookup).

    Raises:
        WhatIfError: a change is impossible.
    """
    remarks: list[str] = []
    for change in changes:
        match change:
            case SetRam(kit):
                rig, said = _set_ram(rig, kit, family, kind_of)
            case SetSpeed(mts):
                rig, said = _set_speed(rig, mts, family, kind_of)
            case SetChannels(channels):
                rig, said = _set_channels(rig, channels, family)
            case AddGpu(gpu, count):
                rig, said = _add_gpus(rig, gpu, count)
            case ReplaceGpu(gpu, count):
                kept = tuple(a for a in rig.accelerators if a.unified.value)
                rig, said = _add_gpus(replace(rig, accelerators=kept), gpu, count)
            case RemoveGpu(number):
                rig, said = _remove_gpu(rig, number)
            case SetCpu(cpu, new_family):
                rig, said = _set_cpu(rig, cpu, new_family)
                family = new_family
            case SetLink(name, edit):
                rig, said = _set_link(rig, name, edit)
        remarks += said
    return Edited(rig, tuple(remarks))


def memory_of_kit(
    kit: RamKit, family: CpuFamily | None, sockets: int, kind: MemoryKind
) -> tuple[MemoryInfo, list[str]]:
    """The memory that a kit makes on a platform, and remarks.

    Channels = min(modules, channels of the platform); two modules per channel lower the speed to
    the platform's official two-DIMM limit where one is known.  Rated speeds above the official
    one-DIMM limit are kept (XMP/EXPO) and remarked on.
    """
    remarks: list[str] = []
    if family is not None and not _takes(family, kit.type):
        raise WhatIfError(
            f"{family.name} takes {family.memory_type}, not {kit.type}; "
            f"name a {family.memory_type} kit, or change the CPU with --cpu first"
        )
    top = kind.rates_mts[-1]
    if kit.mts > top:
        raise WhatIfError(f"no {kit.type} kit runs at {kit.mts} MT/s; the fastest known is {top}")
    lowest = min(kind.rates_mts[0], kind.jedec_floor_mts)
    if kit.mts < lowest:
        raise WhatIfError(f"{kit.type} starts at {lowest} MT/s, not {kit.mts}")
    available = family.channels * sockets if family else None
    mts = kit.mts
    channels = kit.count
    confidence: str = "derived"
    if available is None:
        channels = min(kit.count, 2)
        remarks.append(f"CPU family unknown: {channels} channel(s) assumed for {kit.count} module(s)")
        confidence = "guess"
    else:
        channels = min(kit.count, available)
        per_channel = -(-kit.count // available)
        slots = family.slots_per_channel if family else None
        if slots is not None and per_channel > slots:
            raise WhatIfError(
                f"{kit.count} modules do not go into {family.name if family else 'this platform'}: "
                f"{available} channels with {slots} slot(s) each; at most {available * slots} modules"
            )
        if kit.count < available:
            remarks.append(
                f"{kit.count} module(s) populate {channels} of {available} channels: "
                f"{channels / available:.0%} of the bandwidth this CPU can have"
            )
        if per_channel > 1 and family and family.max_mts_2dpc and mts > family.max_mts_2dpc:
            mts = family.max_mts_2dpc
            remarks.append(
                f"{per_channel} modules per channel: {family.name} is specified for {mts} MT/s then, "
                f"not {kit.mts} ({family.source}); tuned boards may run faster"
            )
        elif family and mts > family.max_mts:
            remarks.append(
                f"{kit.mts} MT/s is above the official {family.max_mts} MT/s of {family.name}: "
                "needs XMP/EXPO and a board that holds it"
            )
        if per_channel > 1 and family and family.max_mts_2dpc is None and slots is None:
            remarks.append("slots of the board unknown: check that it has as many")
    total = kit.count * kit.module_bytes
    source = f"what-if: {kit}"
    module = MemoryModule(
        size_bytes=kit.module_bytes,
        type=kit.type,
        rated_mts=kit.mts,
        configured_mts=mts,
        data_bits=_CHANNEL_BITS,
        locator="",
    )
    bandwidth = channels * _CHANNEL_BITS / 8 * mts * 1e6
    return (
        MemoryInfo(
            total_bytes=Fact(total, source, "derived"),
            available_bytes=Fact(total, source, "derived"),
            type=Fact(kit.type, source, "derived"),
            channels=Fact(channels, source, "guess" if confidence == "guess" else "derived"),
            mts=Fact(mts, source, "derived"),
            bandwidth_bytes_per_s=Fact(bandwidth, source, "guess" if confidence == "guess" else "derived"),
            measured_bandwidth_bytes_per_s=unknown("not measured: hypothetical memory"),
            installed_bytes=Fact(total, source, "derived"),
            modules=tuple(replace(module, locator=f"slot {i + 1}") for i in range(kit.count)),
        ),
        remarks,
    )


def _takes(family: CpuFamily, memory_type: str) -> bool:
    """Whether a family's memory field ("DDR4 / DDR5", "LPDDR5X (256-bit)") names a type."""
    names = {part.strip(" ,;()").upper() for part in family.memory_type.replace("/", " ").split()}
    return memory_type.upper() in names


def _set_ram(
    rig: Rig, kit: RamKit, family: CpuFamily | None, kind_of: Callable[[str], MemoryKind]
) -> tuple[Rig, list[str]]:
    if any(a.unified.value for a in rig.accelerators):
        raise WhatIfError(
            "the memory of a unified-memory machine is soldered and shared with its GPU; "
            "compare with another machine instead: rank --rig on 'rig --gpu NAME --ram SIZE'"
        )
    try:
        kind = kind_of(kit.type)
    except LookupFailedError as error:
        raise WhatIfError(str(error)) from error
    memory, remarks = memory_of_kit(kit, family, rig.cpu.sockets.value or 1, kind)
    remarks += _scaled_measurement(rig, memory)[1]
    return replace(rig, memory=_scaled_measurement(rig, memory)[0]), remarks


def _scaled_measurement(rig: Rig, memory: MemoryInfo) -> tuple[MemoryInfo, list[str]]:
    """Carry a measurement over: the same share of the theoretical bandwidth is reached."""
    old = rig.memory.bandwidth_bytes_per_s.value
    measured = rig.memory.measured_bandwidth_bytes_per_s.value
    new = memory.bandwidth_bytes_per_s.value
    if not (old and measured and new):
        return memory, []
    if measured > old:
        return memory, ["the measured bandwidth exceeds the theoretical one, so it is not carried over"]
    scaled = Fact(
        measured * new / old,
        f"measured share of the theoretical bandwidth ({measured / old:.0%}) kept",
        "derived",
    )
    return replace(memory, measured_bandwidth_bytes_per_s=scaled), []


def _set_speed(
    rig: Rig, mts: int, family: CpuFamily | None, kind_of: Callable[[str], MemoryKind]
) -> tuple[Rig, list[str]]:
    memory = rig.memory
    channels, kind_name = memory.channels.value, memory.type.value
    if channels is None or kind_name is None:
        raise WhatIfError(
            "--mts needs to know the present channels and memory type, which were not found; "
            "describe the memory instead, for example --ram 2x32GB:DDR5-6000"
        )
    try:
        rates = kind_of(kind_name).rates_mts
    except LookupFailedError as error:
        raise WhatIfError(str(error)) from error
    if not rates[0] <= mts <= rates[-1]:
        raise WhatIfError(f"{kind_name} runs from {rates[0]} to {rates[-1]} MT/s, not {mts}")
    remarks = []
    old = memory.mts.value
    rated = [m.rated_mts for m in memory.modules if m.rated_mts]
    if rated and mts > min(rated):
        remarks.append(f"the present modules are rated {min(rated)} MT/s: {mts} needs other modules")
    if family and mts > family.max_mts:
        remarks.append(f"{mts} MT/s is above the official {family.max_mts} MT/s of {family.name}")
    per_channel = -(-len(memory.modules) // channels) if memory.modules else 1
    if per_channel > 1 and family and family.max_mts_2dpc and mts > family.max_mts_2dpc:
        remarks.append(
            f"with {per_channel} modules per channel {family.name} is specified for "
            f"{family.max_mts_2dpc} MT/s only ({family.source})"
        )
    source = f"what-if: {mts} MT/s" + (f" instead of {old}" if old else "")
    edited = replace(
        memory,
        mts=Fact(mts, source, "derived"),
        bandwidth_bytes_per_s=Fact(channels * _CHANNEL_BITS / 8 * mts * 1e6, source, "derived"),
        measured_bandwidth_bytes_per_s=unknown("not measured at this speed"),
    )
    edited, more = _scaled_measurement(rig, edited)
    return replace(rig, memory=edited), remarks + more


def _set_channels(rig: Rig, channels: int, family: CpuFamily | None) -> tuple[Rig, list[str]]:
    memory = rig.memory
    if channels < 1:
        raise WhatIfError("--channels must be at least 1")
    if family is None:
        raise WhatIfError(
            "--channels needs to know the CPU's family, which was not recognised; use --ram instead"
        )
    most = family.channels * (rig.cpu.sockets.value or 1)
    if channels > most:
        raise WhatIfError(f"{family.name} has {most} memory channels, not {channels}; use --channels {most}")
    mts, old = memory.mts.value, memory.channels.value
    if mts is None or memory.total_bytes.value is None:
        raise WhatIfError(
            "--channels needs to know the present memory speed, which was not found; "
            f"describe the memory instead, for example --ram {channels}x16GB:{family.memory_type.split()[0]}"
            f"-{family.max_mts}"
        )
    source = f"what-if: {channels} channels" + (f" instead of {old}" if old else "")
    remarks = []
    total, modules = memory.total_bytes, memory.modules
    if old and modules:
        count = max(len(modules) * channels // old, 1)
        size = modules[0].size_bytes
        modules = tuple(replace(modules[0], locator=f"slot {i + 1}", channel=None) for i in range(count))
        total = Fact(count * size, source, "derived")
        remarks.append(f"modules like the present ones: {count} x {size / GIB:.0f} GiB")
    edited = replace(
        memory,
        channels=Fact(channels, source, "derived"),
        bandwidth_bytes_per_s=Fact(channels * _CHANNEL_BITS / 8 * mts * 1e6, source, "derived"),
        measured_bandwidth_bytes_per_s=unknown("not measured with these channels"),
        total_bytes=total,
        available_bytes=total,
        installed_bytes=total,
        modules=modules,
    )
    edited, more = _scaled_measurement(rig, edited)
    return replace(rig, memory=edited), remarks + more


def _add_gpus(rig: Rig, gpu: AcceleratorInfo, count: int) -> tuple[Rig, list[str]]:
    if gpu.unified.value:
        raise WhatIfError(
            f"{gpu.name.value} is part of a whole machine, not a card; "
            "make that machine with 'rig' and rank it"
        )
    if any(a.unified.value and a.vendor.value == "Apple" for a in rig.accelerators):
        raise WhatIfError("a Mac with Apple silicon takes no other GPU; compare with another machine instead")
    remarks = []
    discrete = sum(1 for a in rig.accelerators if not a.unified.value) + count
    if discrete > 1:
        remarks.append(
            f"{discrete} GPUs: check slots, lanes and power supply of the board; "
            "layer split needs little from the link"
        )
    return replace(rig, accelerators=rig.accelerators + (gpu,) * count), remarks


def _remove_gpu(rig: Rig, number: int) -> tuple[Rig, list[str]]:
    have = len(rig.accelerators)
    if not 1 <= number <= have:
        which = f"1 to {have}" if have else "none to remove"
        raise WhatIfError(f"there is no GPU number {number} ({which})")
    kept = rig.accelerators[: number - 1] + rig.accelerators[number:]
    return replace(rig, accelerators=kept), []


def _set_cpu(rig: Rig, cpu: CpuInfo, family: CpuFamily) -> tuple[Rig, list[str]]:
    if any(a.unified.value for a in rig.accelerators):
        raise WhatIfError("a unified-memory machine keeps its CPU; compare with another machine instead")
    memory = rig.memory
    kind = memory.type.value
    remarks = [f"CPU changed to {cpu.name.value}: needs a board for it"]
    if kind is not None and not _takes(family, kind):
        raise WhatIfError(
            f"{family.name} takes {family.memory_type}, and the present memory is {kind}; "
            f"add a kit to the change: --cpu … --ram 2x32GB:{family.memory_type.split()[0]}-{family.max_mts}"
        )
    sockets = cpu.sockets.value or 1
    modules = len(memory.modules)
    mts = memory.mts.value
    if modules and mts and kind:
        channels = min(modules, family.channels * sockets)
        limit = family.max_mts_2dpc if modules > family.channels * sockets else None
        new_mts = min(mts, limit) if limit else mts
        source = f"what-if: present modules on {family.name}"
        memory = replace(
            memory,
            channels=Fact(channels, source, "derived"),
            mts=Fact(new_mts, source, "derived"),
            bandwidth_bytes_per_s=Fact(channels * _CHANNEL_BITS / 8 * new_mts * 1e6, source, "derived"),
            measured_bandwidth_bytes_per_s=unknown("not measured with this CPU"),
        )
    else:
        memory = replace(memory, measured_bandwidth_bytes_per_s=unknown("not measured with this CPU"))
        remarks.append("present modules unknown: bandwidth kept as it was")
    return replace(rig, cpu=cpu, memory=memory), remarks


def _set_link(
    rig: Rig, name: str, edit: Callable[[AcceleratorInfo], AcceleratorInfo]
) -> tuple[Rig, list[str]]:
    discrete = [a for a in rig.accelerators if not a.unified.value]
    if not discrete:
        raise WhatIfError(f"--link {name}: this rig has no discrete GPU to connect")
    if name.lower().startswith("nvlink") and len(discrete) < 2:
        raise WhatIfError("--link nvlink needs two GPUs; add one with --add-gpu first")
    edited = tuple(a if a.unified.value else edit(a) for a in rig.accelerators)
    return replace(rig, accelerators=edited), []
