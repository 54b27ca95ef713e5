"""What-if: edits of a Rig.  The answer is the same pipeline on the edited Rig.

Edits keep to what the platform can take: channels and official speeds come from the CPU's family,
and what cannot be known (slots of an unknown board) is said, not assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from catalog.types import CpuFamily, LookupFailedError, MemoryKind
from probes.types import AcceleratorInfo, CpuInfo, Fact, MemoryInfo, Rig, unknown

GIB = 1024**3
_CHANNEL_BITS = 64


class WhatIfError(ValueError):
    """The change is impossible on this rig.  The text gives the reason and the nearest possible one."""


@dataclass(frozen=True, slots=True)
class SetRam:
    """Replace all modules by those of a specification such as ``2x32GB:DDR5-6000``."""

    spec: str


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
    """Swap the CPU (and, where the memory kind differs, the board) for another one.

    ``keeps_memory`` is false where other memory comes with it.
    """

    cpu: CpuInfo
    family: CpuFamily
    keeps_memory: bool = True


@dataclass(frozen=True, slots=True)
class SetLink:
    """Give the GPUs another PCIe link or NVLink: ``apply`` edits one GPU's facts."""

    name: str
    apply: Callable[[AcceleratorInfo], AcceleratorInfo]


Change = SetRam | SetSpeed | SetChannels | AddGpu | ReplaceGpu | RemoveGpu | SetCpu | SetLink


MemoryOf = Callable[[str, str, CpuFamily | None, int], tuple[MemoryInfo, list[str]]]
"""(specification, CPU name, its family, sockets) to the memory it makes and remarks."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """What edits need from the catalog, handed in so that editing itself reads nothing."""

    memory_of: MemoryOf
    kind_of: Callable[[str], MemoryKind]
    types_of: Callable[[CpuFamily], tuple[str, ...]]
    """Memory types that a family takes, the one of its official speed first."""


@dataclass(frozen=True, slots=True)
class Edited:
    """An edited rig and what has to be said about the edit."""

    rig: Rig
    remarks: tuple[str, ...]


def apply_changes(
    rig: Rig,
    changes: Sequence[Change],
    family: CpuFamily | None,
    catalog: Lookups,
) -> Edited:
    """Apply changes in order.

    Args:
        rig: the rig to start from.
        changes: edits, applied one after the other.
        family: the present CPU's family, if it was recognised.
        catalog: what has to be looked up.

    Raises:
        WhatIfError, RigError: a change is impossible.
    """
    remarks: list[str] = []
    for change in changes:
        match change:
            case SetRam(spec):
                rig, said = _set_ram(rig, spec, family, catalog)
            case SetSpeed(mts):
                rig, said = _set_speed(rig, mts, family, catalog)
            case SetChannels(channels):
                rig, said = _set_channels(rig, channels, family, catalog)
            case AddGpu(gpu, count):
                rig, said = _add_gpus(rig, gpu, count)
            case ReplaceGpu(gpu, count):
                kept = tuple(a for a in rig.accelerators if a.unified.value)
                rig, said = _add_gpus(replace(rig, accelerators=kept), gpu, count)
            case RemoveGpu(number):
                rig, said = _remove_gpu(rig, number)
            case SetCpu(cpu, new_family, keeps_memory):
                rig, said = _set_cpu(rig, cpu, new_family, catalog, keeps_memory)
                family = new_family
            case SetLink(name, edit):
                rig, said = _set_link(rig, name, edit)
        remarks += said
    return Edited(rig, tuple(remarks))


def _set_ram(rig: Rig, spec: str, family: CpuFamily | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    if any(a.unified.value for a in rig.accelerators):
        raise WhatIfError(
            "the memory of a unified-memory machine is soldered and shared with its GPU; "
            "compare with another machine instead: rank --rig on 'rig --gpu NAME --ram SIZE'"
        )
    name = rig.cpu.name.value or "this CPU"
    memory, remarks = catalog.memory_of(spec, name, family, rig.cpu.sockets.value or 1)
    memory, more = _scaled_measurement(rig, memory)
    return replace(rig, memory=memory), remarks + more


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


def _set_speed(rig: Rig, mts: int, family: CpuFamily | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    memory = rig.memory
    channels, kind_name = memory.channels.value, memory.type.value
    if channels is None or kind_name is None:
        raise WhatIfError(
            "--mts needs to know the present channels and memory type, which were not found; "
            "describe the memory instead, for example --ram 2x32GB:DDR5-6000"
        )
    try:
        rates = catalog.kind_of(kind_name).rates_mts
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


def _set_channels(
    rig: Rig, channels: int, family: CpuFamily | None, catalog: Lookups
) -> tuple[Rig, list[str]]:
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
            f"describe the memory instead, for example --ram {channels}x16GB:{catalog.types_of(family)[0]}"
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


def _set_cpu(
    rig: Rig, cpu: CpuInfo, family: CpuFamily, catalog: Lookups, keeps_memory: bool
) -> tuple[Rig, list[str]]:
    if any(a.unified.value for a in rig.accelerators):
        raise WhatIfError("a unified-memory machine keeps its CPU; compare with another machine instead")
    memory = rig.memory
    kind = memory.type.value
    remarks = [f"CPU changed to {cpu.name.value}: needs a board for it"]
    if not keeps_memory:
        memory = replace(memory, measured_bandwidth_bytes_per_s=unknown("not measured with this CPU"))
        return replace(rig, cpu=cpu, memory=memory), remarks
    types = catalog.types_of(family)
    if kind is not None and kind not in types:
        raise WhatIfError(
            f"{family.name} takes {' or '.join(types)}, and the present memory is {kind}; "
            f"change the memory in the same scenario: --cpu … --ram 2x32GB:{types[0]}-{family.max_mts}"
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
