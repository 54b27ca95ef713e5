"""What-if: edits of a Rig.  The answer is the same pipeline on the edited Rig.

Edits keep to what the platform can take: channels and official speeds come from the CPU's family,
and what cannot be known (slots of an unknown board) is said, not assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog.types import CpuFamily, LookupFailedError, MemoryKind
from probes.channels import bandwidth_bytes_per_s
from probes.types import AcceleratorInfo, CpuInfo, Fact, MemoryInfo, Rig, unknown

GIB = 1024**3
MAX_GPUS = 16
"""More than the largest machines hold."""

_CHANNEL_BITS = 64
_SOLDERED = ("LPDDR", "HBM", "GDDR")
"""Memory technologies that come on the board or the package, not as modules."""
_LPDDR = re.compile(r"lpddr\w*", re.IGNORECASE)


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
    own_memory: Callable[[str], bool]
    """Whether the GPU of this name is part of a chip that is sold with its memory."""
    ram_share: Callable[[str | None, int], int]
    """(GPU vendor, bytes of RAM) to what an integrated GPU may use of them by default."""
    registered_only: Callable[[CpuFamily], bool]
    """Whether a family's boards take registered modules only."""
    unbuffered_only: Callable[[CpuFamily], bool]
    """Whether a family's boards take unbuffered modules only."""


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
                rig, said = _replace_gpus(rig, gpu, count)
            case RemoveGpu(number):
                rig, said = _remove_gpu(rig, number)
            case SetCpu(cpu, new_family, keeps_memory):
                rig, said = _set_cpu(rig, cpu, (family, new_family), catalog, keeps_memory)
                family = new_family
            case SetLink(name, edit):
                rig, said = _set_link(rig, name, edit)
        remarks += said
    return Edited(rig, tuple(remarks))


def _set_ram(rig: Rig, spec: str, family: CpuFamily | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    _refuse_soldered(rig, family, catalog)
    if spec_kind := _LPDDR.search(spec):
        raise WhatIfError(
            f"{spec_kind.group().upper()} is soldered to its board and cannot be put into this one; "
            "compare with another machine instead: rank --rig on 'rig --cpu NAME --ram SIZE'"
        )
    name = rig.cpu.name.value or "this CPU"
    present = rig.memory.total_bytes.value
    if family and family.max_memory_bytes and present and present > family.max_memory_bytes:
        family = replace(family, max_memory_bytes=None)  # this machine proves the limit wrong
    memory, remarks = catalog.memory_of(spec, name, family, rig.cpu.sockets.value or 1)
    memory, more = _scaled_measurement(rig, memory)
    return _with_memory(rig, memory, catalog), remarks + more


def _refuse_soldered(rig: Rig, family: CpuFamily | None, catalog: Lookups) -> None:
    """Raise where the memory cannot be changed; an integrated GPU alone does not solder it."""
    chip = next((a.name.value for a in rig.accelerators if a.unified.value and _own(a, catalog)), None)
    kind = rig.memory.type.value or ""
    if chip is not None:
        whose, part = f"the memory of {chip}", "--gpu"
    elif kind.startswith(_SOLDERED):
        whose, part = f"the {kind} memory of this machine", "--cpu"
    elif family is not None and family.slots_per_channel == 0:
        whose, part = f"the memory of {family.name}", "--cpu"
    else:
        return
    raise WhatIfError(
        f"{whose} is soldered and keeps its size, speed and channels; "
        f"compare with another machine instead: rank --rig on 'rig {part} NAME --ram SIZE'"
    )


def _own(gpu: AcceleratorInfo, catalog: Lookups) -> bool:
    """Whether an integrated GPU's chip is sold with its memory: all of Apple's and NVIDIA's are."""
    if gpu.vendor.value in ("Apple", "NVIDIA"):
        return True
    return gpu.name.value is not None and catalog.own_memory(gpu.name.value)


def _with_memory(rig: Rig, memory: MemoryInfo, catalog: Lookups) -> Rig:
    """The rig with other memory; an integrated GPU follows, because it uses the same.

    It keeps its share of RAM where that is known, else it gets its driver's default, and its bandwidth
    is the RAM's.
    """
    old, new = rig.memory.total_bytes.value, memory.total_bytes.value

    def follow(gpu: AcceleratorInfo) -> AcceleratorInfo:
        if not gpu.unified.value or new is None:
            return gpu
        vram = gpu.vram_bytes.value
        limit = int(vram * new / old) if vram and old else catalog.ram_share(gpu.vendor.value, new)
        source = "what-if: the same share of the changed RAM"
        bandwidth = memory.bandwidth_bytes_per_s
        return replace(
            gpu,
            vram_bytes=Fact(min(limit, new), source, "derived"),
            free_bytes=unknown("not measured with this memory"),
            measured_bandwidth_bytes_per_s=unknown("not measured with this memory"),
            bandwidth_bytes_per_s=Fact(bandwidth.value, "system RAM", bandwidth.confidence)
            if bandwidth.value is not None
            else gpu.bandwidth_bytes_per_s,
        )

    return replace(rig, memory=memory, accelerators=tuple(follow(a) for a in rig.accelerators))


def _unmeasured(because: str) -> dict[str, Any]:
    """The fields of RAM that a measurement fills, without one."""
    names = ("measured_bandwidth_bytes_per_s", "measured_threads", "measured_spread")
    return {name: unknown(because) for name in names}


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


def _bandwidth_of(channels: int, mts: int, source: str) -> Fact[float]:
    """Theoretical bandwidth of that many channels of modules."""
    return Fact(bandwidth_bytes_per_s(channels * _CHANNEL_BITS, mts), source, "derived")


def _set_speed(rig: Rig, mts: int, family: CpuFamily | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    _refuse_soldered(rig, family, catalog)
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
        bandwidth_bytes_per_s=_bandwidth_of(channels, mts, source),
        **_unmeasured("not measured at this speed"),
    )
    edited, more = _scaled_measurement(rig, edited)
    return _with_memory(rig, edited, catalog), remarks + more


def _set_channels(
    rig: Rig, channels: int, family: CpuFamily | None, catalog: Lookups
) -> tuple[Rig, list[str]]:
    memory = rig.memory
    if channels < 1:
        raise WhatIfError("--channels must be at least 1")
    _refuse_soldered(rig, family, catalog)
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
        bandwidth_bytes_per_s=_bandwidth_of(channels, mts, source),
        **_unmeasured("not measured with these channels"),
        total_bytes=total,
        available_bytes=total,
        installed_bytes=total,
        modules=modules,
    )
    edited, more = _scaled_measurement(rig, edited)
    return _with_memory(rig, edited, catalog), remarks + more


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
    if discrete > MAX_GPUS:
        raise WhatIfError(f"{discrete} GPUs are more than one machine holds; use at most {MAX_GPUS} together")
    if discrete > 1:
        remarks.append(
            f"{discrete} GPUs: check slots, lanes and power supply of the board; "
            "layer split needs little from the link"
        )
    return replace(rig, accelerators=rig.accelerators + (gpu,) * count), remarks


def _replace_gpus(rig: Rig, gpu: AcceleratorInfo, count: int) -> tuple[Rig, list[str]]:
    kept = tuple(a for a in rig.accelerators if a.unified.value)
    edited, remarks = _add_gpus(replace(rig, accelerators=kept), gpu, count)
    if len(kept) == len(rig.accelerators):
        stays = f"{kept[0].name.value or 'the integrated GPU'} stays" if kept else "there is none yet"
        remarks.insert(0, f"no graphics card to replace ({stays}): {gpu.name.value or 'it'} is an addition")
    return edited, remarks


def _remove_gpu(rig: Rig, number: int) -> tuple[Rig, list[str]]:
    have = len(rig.accelerators)
    if not 1 <= number <= have:
        which = f"1 to {have}" if have else "none to remove"
        raise WhatIfError(f"there is no GPU number {number} ({which})")
    kept = rig.accelerators[: number - 1] + rig.accelerators[number:]
    return replace(rig, accelerators=kept), []


def _set_cpu(
    rig: Rig,
    cpu: CpuInfo,
    families: tuple[CpuFamily | None, CpuFamily],
    catalog: Lookups,
    keeps_memory: bool,
) -> tuple[Rig, list[str]]:
    old_family, family = families
    chip = next((a.name.value for a in rig.accelerators if a.unified.value and _own(a, catalog)), None)
    soldered = (rig.memory.type.value or "").startswith(_SOLDERED)
    if chip is not None or soldered:
        raise WhatIfError(
            f"{chip or 'a machine with soldered memory'} keeps its CPU; compare with another machine "
            "instead: rank --rig on 'rig --cpu NAME --ram SIZE'"
        )
    if family.slots_per_channel == 0:
        raise WhatIfError(
            f"{cpu.name.value} comes on a board with its memory, not in a socket; compare with that machine: "
            f"rank --rig on 'rig --cpu \"{cpu.name.value}\" --ram SIZE'"
        )
    memory = rig.memory
    kind = memory.type.value
    remarks = [f"CPU changed to {cpu.name.value}: needs a board for it"]
    integrated = [a for a in rig.accelerators if a.unified.value]
    if integrated:
        remarks.append(
            f"{integrated[0].name.value or 'the integrated GPU'} is part of the old CPU and goes with it; "
            "a GPU of the new one is not counted"
        )
        rig = replace(rig, accelerators=tuple(a for a in rig.accelerators if not a.unified.value))
    if not keeps_memory:
        memory = replace(memory, **_unmeasured("not measured with this CPU"))
        return replace(rig, cpu=cpu, memory=memory), remarks
    types = catalog.types_of(family)
    if kind is not None and kind not in types:
        raise WhatIfError(
            f"{family.name} takes {' or '.join(types)}, and the present memory is {kind}; "
            f"change the memory in the same scenario: --cpu … --ram 2x32GB:{types[0]}-{family.max_mts}"
        )
    sockets = cpu.sockets.value or 1
    _refuse_too_much(memory, cpu, family, sockets)
    remarks += _module_remarks(memory, old_family, cpu, family, catalog)
    modules = len(memory.modules)
    mts = memory.mts.value
    if modules and mts and kind:
        available = family.channels * sockets
        channels = min(modules, available)
        if channels < available:
            remarks.append(
                f"the {modules} present module(s) use {channels} of {available} memory channels: "
                f"{channels / available:.0%} of the bandwidth {cpu.name.value} can have"
            )
        limit = family.max_mts_2dpc if modules > available else None
        if limit is None and kind == types[0] and family.platform in ("server", "arm-server"):
            limit = family.max_mts  # desktops may overclock, servers do not
        new_mts = min(mts, limit) if limit else mts
        if new_mts < mts:
            remarks.append(f"the present modules run at {new_mts} MT/s there instead of {mts}")
        source = f"what-if: present modules on {family.name}"
        memory = replace(
            memory,
            channels=Fact(channels, source, "derived"),
            mts=Fact(new_mts, source, "derived"),
            bandwidth_bytes_per_s=_bandwidth_of(channels, new_mts, source),
            **_unmeasured("not measured with this CPU"),
        )
    else:
        memory = replace(memory, **_unmeasured("not measured with this CPU"))
        remarks.append("present modules unknown: bandwidth kept as it was")
    return replace(rig, cpu=cpu, memory=memory), remarks


def _refuse_too_much(memory: MemoryInfo, cpu: CpuInfo, family: CpuFamily, sockets: int) -> None:
    """Raise where the present modules are more than the new CPU takes."""
    total = sum(m.size_bytes for m in memory.modules) or memory.total_bytes.value or 0
    if family.max_memory_bytes and total > family.max_memory_bytes * sockets:
        most = family.max_memory_bytes * sockets / GIB
        raise WhatIfError(
            f"{cpu.name.value} takes at most {most:g} GB, and {total / GIB:.0f} GB are present; "
            "change the memory in the same scenario: --cpu … --ram …"
        )


def _module_remarks(
    memory: MemoryInfo, old: CpuFamily | None, cpu: CpuInfo, new: CpuFamily, catalog: Lookups
) -> list[str]:
    """Whether the present modules are of the buffering that the new CPU's boards take."""
    if old is None or not memory.modules:
        return []
    example = f"--cpu … --ram {new.channels}x16GB:{catalog.types_of(new)[0]}-{new.max_mts}"
    if catalog.unbuffered_only(old) and catalog.registered_only(new):
        return [
            f"{cpu.name.value} needs registered modules (RDIMM): the present ones will not work in its "
            f"board; for others: {example}"
        ]
    if catalog.registered_only(old) and catalog.unbuffered_only(new):
        return [
            f"{cpu.name.value} needs unbuffered modules (UDIMM): the present ones are registered and will "
            f"not work in its board; for others: {example}"
        ]
    return []


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
