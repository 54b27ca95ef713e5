"""Facts of a Rig that cannot be true together.

A Rig file with one is refused; a probe drops the weaker fact and says so in a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from probes.rigbounds import within_bounds
from probes.types import CpuInfo, Fact, MemoryInfo, Rig, unknown

BANDWIDTH_SLACK = 1.5
"""Theoretical bandwidth above this many times channels x MT/s x 8 bytes is a slip (usually bits for
bytes, or both sockets counted twice), not rounding."""

POOL_SLACK = 1.02
"""Firmware and drivers round the sizes of the same RAM by up to about 1 %."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """``key`` is the fact to correct (``memory.channels``); ``text`` says what it contradicts."""

    key: str
    text: str


def contradictions(rig: Rig) -> Iterator[Contradiction]:
    """All contradictions, in document order.  Unknown facts contradict nothing."""
    yield from _cpu(rig.cpu)
    yield from _memory(rig.memory)
    ram = max(
        (v for v in (rig.memory.total_bytes.value, rig.memory.installed_bytes.value) if v), default=None
    )
    for i, gpu in enumerate(rig.accelerators):
        key = f"accelerators[{i}]"
        vram, free, link = gpu.vram_bytes.value, gpu.free_bytes.value, gpu.pcie.value
        if vram is not None and free is not None and free > vram:
            yield Contradiction(f"{key}.free_bytes", f"{free} is more than vram_bytes ({vram})")
        if gpu.unified.value and vram is not None and ram is not None and vram > ram * POOL_SLACK:
            yield Contradiction(
                f"{key}.vram_bytes", f"unified memory of {vram} bytes is larger than the RAM ({ram} bytes)"
            )
        if link is not None:
            if link.lanes is not None and link.max_lanes is not None and link.lanes > link.max_lanes:
                yield Contradiction(
                    f"{key}.pcie", f"lanes ({link.lanes}) is more than max_lanes ({link.max_lanes})"
                )
            elif (
                link.generation is not None
                and link.max_generation is not None
                and link.generation > link.max_generation
            ):
                yield Contradiction(
                    f"{key}.pcie",
                    f"generation ({link.generation:g}) is above max_generation ({link.max_generation:g})",
                )


def _more(key: str, a: Fact[int] | Fact[float], other: str, b: Fact[int]) -> Iterator[Contradiction]:
    if a.value is not None and b.value is not None and a.value > b.value:
        yield Contradiction(key, f"{a.value:g} is more than {other} ({b.value})")


def _cpu(cpu: CpuInfo) -> Iterator[Contradiction]:
    yield from _more("cpu.physical_cores", cpu.physical_cores, "cpu.logical_cores", cpu.logical_cores)
    yield from _more("cpu.sockets", cpu.sockets, "cpu.physical_cores", cpu.physical_cores)
    yield from _more("cpu.performance_cores", cpu.performance_cores, "cpu.physical_cores", cpu.physical_cores)
    yield from _more("cpu.usable_cores", cpu.usable_cores, "cpu.logical_cores", cpu.logical_cores)


def _memory(memory: MemoryInfo) -> Iterator[Contradiction]:
    total, available = memory.total_bytes.value, memory.available_bytes.value
    if total is not None and available is not None and available > total:
        yield Contradiction(
            "memory.available_bytes", f"{available} is more than memory.total_bytes ({total})"
        )
    channels, mts, rate = memory.channels.value, memory.mts.value, memory.bandwidth_bytes_per_s.value
    if channels is not None and mts is not None and rate is not None:
        most = channels * mts * 8e6
        if rate > BANDWIDTH_SLACK * most:
            yield Contradiction(
                "memory.bandwidth_bytes_per_s",
                f"{rate:.4g} is more than {channels} channels at {mts} MT/s can carry ({most:.4g})",
            )
    installed, modules = memory.installed_bytes.value, sum(m.size_bytes for m in memory.modules)
    if installed is not None and modules > installed * POOL_SLACK:
        yield Contradiction(
            "memory.installed_bytes", f"{installed} is less than the sum of the modules ({modules})"
        )


def without_contradictions(rig: Rig) -> Rig:
    """The Rig with every incredible or contradicting fact made unknown, and a note for each."""
    rig = within_bounds(rig)
    for _ in range(256):  # each round removes one fact
        found = next(contradictions(rig), None)
        if found is None:
            return rig
        rig = _dropped(rig, found)
    return rig


def _dropped(rig: Rig, found: Contradiction) -> Rig:
    reason: Fact[int] = unknown(f"contradictory: {found.text}")
    notes = (*rig.notes, f"{found.key}: {found.text}; left out as contradictory.")
    path = re.fullmatch(r"(\w+)(?:\[(\d+)\])?\.(\w+)", found.key)
    if path is None:  # pragma: no cover - keys are made above
        raise ValueError(found.key)
    part, index, field = path.groups()
    if part == "accelerators":
        gpus = list(rig.accelerators)
        gpus[int(index)] = replace(gpus[int(index)], **{field: reason})  # type: ignore[arg-type]
        return replace(rig, accelerators=tuple(gpus), notes=notes)
    if part == "cpu":
        return replace(rig, cpu=replace(rig.cpu, **{field: reason}), notes=notes)  # type: ignore[arg-type]
    return replace(rig, memory=replace(rig.memory, **{field: reason}), notes=notes)  # type: ignore[arg-type]
