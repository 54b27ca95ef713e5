"""RAM kits that a rig's platform takes: counts, sizes and rates, from its CPU family and memory kind."""

from __future__ import annotations

from catalog.hardware import memory_kind, memory_types
from catalog.types import CpuFamily, LookupFailedError
from probes.spec_limits import module_sizes
from probes.specs import GIB, RamSpec
from probes.types import MemoryInfo, Rig

OVERCLOCK = 1.16
"""How far above the official rate kits are proposed for boards that overclock: a judgment that lets in
the usual ones (DDR5-6000 where 5200 is official, 6400 where 5600 is, DDR4-3600 where 3200 is) and not
the record ones."""

_SMALLEST_GIB = 8
_OVERCLOCKED = ("desktop", "hedt")
_SOLDERED = ("LPDDR", "HBM", "GDDR")


def why_no_kits(rig: Rig, family: CpuFamily | None) -> str | None:
    """Why no memory modules are proposed for a rig; ``None`` where they are."""
    kind = rig.memory.type.value
    chip = next((a for a in rig.accelerators if a.unified.value), None)
    if chip is not None and chip.vendor.value in ("Apple", "NVIDIA"):
        return f"the memory of {chip.name.value or 'this chip'} is part of it and cannot be changed"
    if kind and kind.startswith(_SOLDERED):
        return f"its {kind} memory is soldered and cannot be changed"
    if rig.system.virtualization.value not in (None, "none"):
        return "a virtual machine has the RAM that its host gives it"
    if family is None:
        return (
            f"the CPU {rig.cpu.name.value or ''} was not recognised, so what RAM its board takes is unknown; "
            "describe the machine with 'rig --cpu NAME --ram …'"
        ).replace("  ", " ")
    if family.slots_per_channel == 0:
        return f"the memory of {family.name} is soldered and cannot be changed"
    if family.platform == "laptop":
        return (
            "whether a laptop's RAM sits in sockets is unknown; where it does, name the kit: "
            "--parts 2x32GB:DDR5-5600"
        )
    if kind is None and len(memory_types(family)) > 1:
        return (
            f"{family.name} comes on boards for {' or '.join(memory_types(family))}, and which this one is "
            "was not found"
        )
    return None


def wrong_board(rig: Rig, spec: RamSpec) -> str | None:
    """Why modules of another technology than the present ones cannot go into the present board."""
    kind = rig.memory.type.value
    if kind is None or spec.type == kind:
        return None
    nearest = f"{spec.count}x{spec.module_bytes / GIB:g}GB:{kind}-{rig.memory.mts.value or 'RATE'}"
    return f"the present memory is {kind}, and {spec.type} does not go into its place; nearest: {nearest}"


def kits_for(rig: Rig, family: CpuFamily) -> list[RamSpec]:
    """Kits worth trying, smallest first; the edit language still decides about each.

    One or two modules per channel; every size that the boards take; the official rate and the fastest
    usual one above it.
    """
    kind = rig.memory.type.value or memory_types(family)[0]
    try:
        rates = memory_kind(kind).rates_mts
    except LookupFailedError:
        return []
    channels = channels_of(rig, family)
    slots = rig.memory.slots.value or channels * (family.slots_per_channel or 1)
    found = []
    for count in (channels, 2 * channels):
        if count > slots:
            continue
        for size in module_sizes(kind, family):
            if size < _SMALLEST_GIB * GIB:
                continue
            usable = _rates(rig, rates, kind, family, crowded=count > channels)
            found += [RamSpec(count, size, kind, mts) for mts in usable]
    return sorted(found, key=lambda spec: (spec.total_bytes, spec.count, spec.mts))


def _rates(rig: Rig, rates: tuple[int, ...], kind: str, family: CpuFamily, *, crowded: bool) -> list[int]:
    """The official rate, and the fastest usual one where the board may run it.

    The official rate of a family's other technologies is not in the catalog: the present one, which works.
    """
    if kind != memory_types(family)[0]:
        present = rig.memory.mts.value
        return [present] if present in rates else []
    official = [rate for rate in rates if rate <= family.max_mts]
    if not official:
        return []
    found = [official[-1]]
    if family.platform in _OVERCLOCKED and not crowded:
        fastest = max(rate for rate in rates if rate <= family.max_mts * OVERCLOCK)
        if fastest > official[-1]:
            found.append(fastest)
    return found


def is_more(now: MemoryInfo, then: MemoryInfo) -> bool:
    """Whether memory is larger than the present, or as large and faster; unknown figures do not count
    against it."""
    old = now.installed_bytes.value or now.total_bytes.value or 0
    new = then.total_bytes.value or 0
    slow, fast = now.bandwidth_bytes_per_s.value, then.bandwidth_bytes_per_s.value
    if new == old:
        return slow is None or (fast is not None and fast > slow)
    return new > old


def channels_of(rig: Rig, family: CpuFamily) -> int:
    """Memory channels of all sockets."""
    return family.channels * (rig.cpu.sockets.value or 1)


def runs_at(rig: Rig, family: CpuFamily, mts: int) -> bool:
    """Whether the present modules may be proposed to run at a rate: within the official limit for two
    modules per channel, and not far above it for one."""
    crowded = len(rig.memory.modules) > channels_of(rig, family)
    if crowded:
        return mts <= (family.max_mts_2dpc or family.max_mts)
    return mts <= family.max_mts * (OVERCLOCK if family.platform in _OVERCLOCKED else 1)
