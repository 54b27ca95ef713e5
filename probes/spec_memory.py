"""The RAM of a machine described by specifications: modules on a CPU's channels, or a chip's own memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

from catalog.hardware import memory_types
from catalog.types import Accelerator, Cpu, CpuFamily
from probes.channels import bandwidth_bytes_per_s
from probes.spec_limits import check_modules, uneven_channels
from probes.specs import GIB, RAM_EXAMPLE, RamSpec, parse_capacity, parse_ram_spec
from probes.types import Confidence, Fact, MemoryInfo, MemoryModule, RigError, unknown
from probes.unknowns import unknown_memory

CHANNEL_BYTES = 8

NO_MACHINE = "hypothetical rig: no machine was looked at"


@dataclass(frozen=True, slots=True)
class Processor:
    """A CPU (``None`` where only its family is known) in a number of sockets."""

    name: str
    sockets: int
    cpu: Cpu | None
    family: CpuFamily


def module_memory(ram: str | None, processor: Processor | None, notes: list[str]) -> MemoryInfo:
    """RAM modules on a CPU's channels: min(modules, channels) x 8 bytes x MT/s.

    Raises ``RigError`` when the CPU does not take them.
    """
    if ram is None:
        return unknown_memory("no RAM given")
    if parse_capacity(ram) is not None:
        if not processor:
            raise RigError(f"the RAM {ram!r} lacks its type and rate: write for example {RAM_EXAMPLE}")
        family = processor.family
        official = f"{memory_types(family)[0]}-{family.max_mts}"
        ram = f"{ram.strip()}:{official}"
        notes.append(f"RAM type and rate not given: {official}, the official one of {family.name}, taken.")
    spec = parse_ram_spec(ram)
    source = f"--ram {spec}"
    confidence: Confidence
    if processor is None:
        check_modules(spec, "this CPU", None, 1)
        channels, mts, confidence = min(spec.count, 2), spec.mts, "guess"
        notes.append(f"CPU unknown: {channels} memory channel(s) assumed for {spec}.")
        cap_gbs = None
    else:
        family = processor.family
        spec = _fitting(spec, processor, family)
        channels = _channels(spec, processor, family, notes)
        mts = _rate(spec, processor, family, notes)
        confidence = "derived" if spec.counted or spec.type.startswith("LPDDR") else "guess"
        # On these boards the cap is the width of a bus narrower than 64 bits.
        cap_gbs = family.max_bandwidth_gbs if family.platform == "sbc" else None
    rate_gbs = channels * CHANNEL_BYTES * mts / 1000
    bandwidth = min(rate_gbs, cap_gbs or rate_gbs) * 1e9
    module = MemoryModule(
        size_bytes=spec.module_bytes,
        type=spec.type,
        rated_mts=spec.mts,
        configured_mts=mts,
        data_bits=64,
        locator="",
    )
    return MemoryInfo(
        total_bytes=Fact(spec.total_bytes, source, "table"),
        available_bytes=unknown(NO_MACHINE),
        type=Fact(spec.type, source, "table"),
        channels=Fact(channels, source, confidence),
        mts=Fact(mts, source, "table"),
        bandwidth_bytes_per_s=Fact(bandwidth, f"{channels} channels x 8 B x {mts} MT/s", confidence),
        measured_bandwidth_bytes_per_s=unknown("not measured: hypothetical memory"),
        installed_bytes=Fact(spec.total_bytes, source, "table"),
        modules=tuple(
            replace(module, locator=f"slot {n + 1}") for n in range(spec.count if spec.counted else 0)
        ),
    )


def _fitting(spec: RamSpec, processor: Processor, family: CpuFamily) -> RamSpec:
    """The specification, after checking that the CPU takes it; ``RigError`` if not."""
    types = memory_types(family)
    if not any(spec.type == kind or (spec.type == "LPDDR5" and kind == "LPDDR5X") for kind in types):
        nearest = f"{spec.count}x{spec.module_bytes / GIB:g}GB:{types[0]}-{family.max_mts}"
        raise RigError(f"{processor.name} takes {' or '.join(types)}, not {spec.type}; nearest: {nearest}")
    if family.slots_per_channel and not spec.type.startswith("LPDDR"):
        slots = family.slots_per_channel * family.channels * processor.sockets
        if spec.count > slots:
            raise RigError(
                f"{spec.count} modules do not fit {processor.sockets}x {processor.name}: {family.channels} "
                f"channels with at most {family.slots_per_channel} slot(s) each; nearest: "
                f"{slots}x{spec.module_bytes / GIB:g}GB:{spec.type}-{spec.mts}"
            )
    check_modules(spec, processor.name, family, processor.sockets)
    return spec


def _channels(spec: RamSpec, processor: Processor, family: CpuFamily, notes: list[str]) -> int:
    """Channels in use: soldered memory fills all, modules at most one each."""
    available = family.channels * processor.sockets
    if spec.type.startswith("LPDDR") or family.slots_per_channel == 0:
        return available
    if not spec.counted:
        notes.append(f"Module count not given: all {available} channels of {processor.name} assumed in use.")
        return available
    if spec.count < available:
        notes.append(
            f"{spec.count} module(s) use {spec.count} of {available} memory channels: "
            f"{spec.count / available:.0%} of the bandwidth {processor.name} can have."
        )
    uneven = uneven_channels(spec, available)
    if uneven:
        notes.append(f"{uneven}.")
    return min(spec.count, available)


def _rate(spec: RamSpec, processor: Processor, family: CpuFamily, notes: list[str]) -> int:
    """The rate in use: two modules per channel and servers keep to the official limits."""
    if spec.type != memory_types(family)[0]:
        return spec.mts
    crowded = spec.counted and spec.count > family.channels * processor.sockets
    if crowded and family.max_mts_2dpc and spec.mts > family.max_mts_2dpc:
        notes.append(
            f"Two modules per channel: {family.name} is specified for {family.max_mts_2dpc} MT/s then, "
            f"not {spec.mts} ({family.source}); a tuned board may run faster."
        )
        return family.max_mts_2dpc
    if spec.mts > family.max_mts:
        if family.platform in ("server", "arm-server"):
            notes.append(f"{processor.name} runs {spec.type} at no more than {family.max_mts} MT/s.")
            return family.max_mts
        notes.append(
            f"{spec.mts} MT/s is above the official {family.max_mts} MT/s of {family.name}: it needs "
            "XMP/EXPO and a board that holds it."
        )
    return spec.mts


def unified_memory(
    chip: Accelerator, ram: str | None, family: CpuFamily | None, notes: list[str]
) -> MemoryInfo:
    """The one memory of a chip whose GPU shares it: bandwidth = bus / 8 x rate, as the catalog has it."""
    bandwidth, mts = chip.bandwidth_gbs * 1e9, family.max_mts if family else None
    source, kind = f"catalog: {chip.name}", chip.memory_type or ""
    confidence: Confidence = "table"
    if ram is None:
        total = chip.memory_bytes[-1] if chip.memory_bytes else None
        if len(chip.memory_bytes) > 1:
            sizes = ", ".join(f"{size // GIB}" for size in chip.memory_bytes)
            notes.append(f"{chip.name} is sold with {sizes} GB: the largest is taken; add --ram SIZE.")
    else:
        total = parse_capacity(ram)
        if total is None:
            spec = parse_ram_spec(ram)
            total = spec.total_bytes
            if spec.type != kind and not (spec.type, kind) == ("LPDDR5", "LPDDR5X"):
                raise RigError(
                    f"{chip.name} has {kind}, not {spec.type}; nearest: {total // GIB}GB:{kind}-{mts}"
                )
            if mts and chip.bus_bits and spec.mts < mts:
                bandwidth, mts = bandwidth_bytes_per_s(chip.bus_bits, spec.mts), spec.mts
                source, confidence = f"{chip.bus_bits} bit / 8 x {mts} MT/s", "derived"
            elif mts and spec.mts > mts * 1.01:
                raise RigError(
                    f"{chip.name} runs its memory at {mts} MT/s, not {spec.mts}; "
                    f"nearest: {total // GIB}GB:{kind}-{mts}"
                )
        _check_size(chip, total, notes)
    if total is None:
        return unknown_memory("no RAM given")
    given = f"--ram {ram}" if ram else source
    return MemoryInfo(
        total_bytes=Fact(total, given, "table"),
        available_bytes=unknown(NO_MACHINE),
        type=Fact(kind, source, "table"),
        channels=Fact(chip.bus_bits // 64, source, "table")
        if chip.bus_bits and chip.bus_bits >= 64
        else unknown("the bus is narrower than one 64-bit channel"),
        mts=Fact(mts, source, "table") if mts else unknown("not in the catalog"),
        bandwidth_bytes_per_s=Fact(bandwidth, source, confidence),
        measured_bandwidth_bytes_per_s=unknown("not measured: hypothetical memory"),
        installed_bytes=Fact(total, given, "table"),
    )


def _check_size(chip: Accelerator, total: int, notes: list[str]) -> None:
    if not chip.memory_bytes or total in chip.memory_bytes:
        return
    nearest = min(chip.memory_bytes, key=lambda size: abs(size - total))
    sizes = ", ".join(str(size // GIB) for size in chip.memory_bytes)
    if chip.vendor in ("Apple", "NVIDIA"):
        raise RigError(
            f"{chip.name} is sold with {sizes} GB, not {total / GIB:g}; nearest: {nearest // GIB}GB"
        )
    notes.append(f"{chip.name} is usually sold with {sizes} GB, not {total / GIB:g}.")
