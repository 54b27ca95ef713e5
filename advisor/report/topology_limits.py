"""What limits what in a machine: the bottlenecks that its topology shows, each with its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from advisor.report import format as f
from advisor.report.topology import Limit
from advisor.report.topology_gpus import link_text, pcie_rate
from catalog.types import CpuFamily
from probes.types import AcceleratorInfo, Rig

_SLACK = 1.02
"""Figures nearer than this count as equal."""
_UNTRUE = 1.05
"""A measurement above this share of the theory contradicts it: channels or speed must be wrong."""


def limits_of(rig: Rig, family: CpuFamily | None) -> Iterator[Limit]:
    """The bottlenecks of the RAM, then of each GPU, then between GPUs."""
    yield from _channels(rig, family)
    yield from _speed(rig, family)
    yield from _cores(rig, family)
    yield from _measured(rig)
    yield from _sockets(rig)
    for number, gpu in enumerate(rig.accelerators, 1):
        yield from _gpu(f"GPU {number}", gpu)
    yield from _between(rig)


def _channels(rig: Rig, family: CpuFamily | None) -> Iterator[Limit]:
    memory = rig.memory
    channels, rate = memory.channels.value, memory.bandwidth_bytes_per_s.value
    if channels is None or rate is None:
        reason = memory.bandwidth_bytes_per_s if rate is None else memory.channels
        yield Limit("RAM", f"bandwidth of the RAM unknown: {reason.source}")
        return
    most = family.channels * (rig.cpu.sockets.value or 1) if family else None
    plural = "s" if channels > 1 else ""
    if most and channels < most:
        could = rate * most / channels
        yield Limit(
            "RAM",
            f"{f.gbs(rate)} of {channels} channel{plural}: all {most} of the CPU would give {f.gbs(could)}",
            rate,
            could,
        )
    else:
        whole = f", all that {family.name} has" if most == channels and family else ""
        yield Limit("RAM", f"{f.gbs(rate)} of {channels} channel{plural}{whole}", rate)
    sizes = Counter[str]()
    for module in memory.modules:
        if module.channel:
            sizes[module.channel] += module.size_bytes
    if len(sizes) > 1 and len(set(sizes.values())) > 1:
        yield Limit(
            "RAM",
            f"channels hold {f.gib_unit(min(sizes.values()))} to {f.gib_unit(max(sizes.values()))}: what one "
            "has more than the others is not interleaved, and slower",
        )


def _speed(rig: Rig, family: CpuFamily | None) -> Iterator[Limit]:
    memory = rig.memory
    now, rate = memory.mts.value, memory.bandwidth_bytes_per_s.value
    rated = [m.rated_mts for m in memory.modules if m.rated_mts]
    if not now or not rated or len(rated) < len(memory.modules) or min(rated) <= now * _SLACK:
        return
    could = rate * min(rated) / now if rate else None
    text = f"modules rated {min(rated)} MT/s run at {now}"
    channels = memory.channels.value
    crowded = channels is not None and len(memory.modules) > channels
    if crowded and family and family.max_mts_2dpc and now >= family.max_mts_2dpc:
        text += f": {family.name} allows {family.max_mts_2dpc} with two per channel"
    elif family and now >= family.max_mts:
        text += f": {family.name} is specified for {family.max_mts}"
    else:
        text += ": XMP, EXPO or the BIOS's memory speed"
    if could is not None:
        text += f"; at their rate {f.gbs(could)}"
    yield Limit("RAM", text, rate, could)


def _cores(rig: Rig, family: CpuFamily | None) -> Iterator[Limit]:
    rate, sockets = rig.memory.bandwidth_bytes_per_s.value, rig.cpu.sockets.value or 1
    if family and family.max_bandwidth_gbs and rate:
        most = family.max_bandwidth_gbs * 1e9 * sockets
        if most * _SLACK < rate:
            yield Limit(
                "CPU",
                f"the cores of {family.name} read at most {f.gbs(most)} of the {f.gbs(rate)}",
                most,
                rate,
            )
    if family and family.max_core_gbs:
        yield Limit("CPU", f"one core alone reads at most {f.gbs(family.max_core_gbs * 1e9)}")


def _measured(rig: Rig) -> Iterator[Limit]:
    memory = rig.memory
    measured, rate = memory.measured_bandwidth_bytes_per_s.value, memory.bandwidth_bytes_per_s.value
    if not measured:
        return
    threads = memory.measured_threads.value
    text = f"{f.gbs(measured)} measured" + (
        f", drawn by {threads} thread{'s' if threads > 1 else ''}" if threads else ""
    )
    if rate:
        text += f": {f.percent(measured / rate)} of the theoretical {f.gbs(rate)}"
        if measured > rate * _UNTRUE:
            text += ", which must be wrong (channels or speed)"
    yield Limit("RAM", text, measured, rate)


def _sockets(rig: Rig) -> Iterator[Limit]:
    sockets, rate = rig.cpu.sockets.value or 1, rig.memory.bandwidth_bytes_per_s.value
    if sockets > 1 and rate:
        yield Limit(
            "RAM",
            f"that is {sockets} sockets together; a program that does not place its memory sees little more "
            f"than one: {f.gbs(rate / sockets)} (the link between sockets is not told)",
            rate / sockets,
            rate,
        )


def _gpu(part: str, gpu: AcceleratorInfo) -> Iterator[Limit]:
    own = gpu.bandwidth_bytes_per_s
    if gpu.unified.value is True:
        shared = (
            f"{f.gbs(own.value)} for CPU and GPU together"
            if own.value
            else f"bandwidth unknown: {own.source}"
        )
        yield Limit(part, f"uses the RAM: {shared}", own.value)
        return
    if own.value is None:
        yield Limit(part, f"bandwidth of its memory unknown: {own.source}")
    measured = gpu.measured_bandwidth_bytes_per_s.value
    if measured and own.value:
        yield Limit(
            part,
            f"copies in its memory at {f.gbs(measured)}: {f.percent(measured / own.value)} of its "
            f"{f.gbs(own.value)}",
            measured,
            own.value,
        )
    link = gpu.pcie.value
    if link is None:
        yield Limit(part, f"link unknown: {gpu.pcie.source}")
        return
    rate = pcie_rate(link.generation, link.lanes)
    best = pcie_rate(link.max_generation or link.generation, link.max_lanes or link.lanes)
    name = link_text(link)
    if rate is None:
        yield Limit(part, f"{name}: its speed is not known")
    elif best is not None and best > rate * _SLACK:
        able = f"the card could do x{link.max_lanes or link.lanes}"
        if link.max_generation and link.generation and link.max_generation > link.generation:
            able = f"the card could do PCIe {link.max_generation:.1f} x{link.max_lanes or link.lanes}"
        yield Limit(part, f"{name}: {f.gbs(rate)} each way; {able}: {f.gbs(best)}", rate, best)
    else:
        of = f", {own.value / rate:.0f} times less than its memory" if own.value else ""
        yield Limit(part, f"{name}: {f.gbs(rate)} each way{of}", rate)


def _between(rig: Rig) -> Iterator[Limit]:
    cards = [g for g in rig.accelerators if g.unified.value is not True]
    if len(cards) < 2 or any(g.nvlink_bytes_per_s.known for g in cards):
        return
    rates = [
        pcie_rate(g.pcie.value.generation, g.pcie.value.lanes) for g in cards if g.pcie.value is not None
    ]
    known = [rate for rate in rates if rate is not None]
    if len(known) == len(cards):
        yield Limit(
            "GPUs",
            f"no NVLink known: between them the slowest PCIe link counts, {f.gbs(min(known))} each way",
            min(known),
        )
    else:
        yield Limit("GPUs", "no NVLink known, and not every PCIe link: what flows between them is unknown")
