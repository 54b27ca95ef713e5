"""From memory slots to channels, data rate and bandwidth.

    bandwidth = bus bits / 8 * MT/s * 1e6        [bytes/s]

The bus is kept in bits: a DDR channel is 64 whatever the firmware's width field says (72 with ECC, 2 x 32
sub-channels on DDR5), an LPDDR bus is the sum of its devices' widths, held to what the CPU has.  Where
neither the names nor the CPU's limits decide, the answer is unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from probes.dmi import DmiRecords, MemoryDevice, infer_type, ram_slots
from probes.locators import ChannelKey, SlotKeys, channel_keys, socket_label
from probes.rates import common_speed, is_lpddr, slower_than_rated
from probes.types import Confidence, Fact, MemoryModule, unknown
from probes.virtual import hypervisor_from_names

CLIENT_LPDDR_BITS = 128
"""LPDDR bus of client chips: 1,842 of about 2,400 machines with LPDDR5 (linuxhw/DMI, January 2025); the
exceptions are named by ``_WIDE_LPDDR``."""

_WIDE_LPDDR = re.compile(
    r"Ryzen AI Max|\bGB10\b|\bM\d+ (?:Pro|Max|Ultra)\b|Orin|Thor|Xavier|Grace", re.IGNORECASE
)
_FAKE_VENDORS = ("acidanthera",)
"""OpenCore writes the SMBIOS table of another machine."""


@dataclass(frozen=True, slots=True)
class MemoryLayout:
    """What the slots say about speed: the result of ``analyse_memory``."""

    modules: tuple[MemoryModule, ...]
    slots: int | None
    installed_bytes: Fact[int]
    type: Fact[str]
    channels: Fact[int]
    mts: Fact[int]
    bandwidth_bytes_per_s: Fact[float]
    bus_bits: int | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Bus:
    """Width of the populated bus; ``bits`` is ``None`` when unknown and ``because`` then says why."""

    bits: int | None
    confidence: Confidence = "unknown"
    because: str = ""
    notes: tuple[str, ...] = ()


def bandwidth_bytes_per_s(bus_bits: int, mts: int) -> float:
    """Theoretical bandwidth: ``bus_bits / 8 * mts * 1e6``."""
    return bus_bits / 8 * mts * 1e6


def _worst(*confidences: Confidence) -> Confidence:
    order: tuple[Confidence, ...] = ("measured", "reported", "derived", "table", "guess", "unknown")
    return max(confidences, key=order.index)


def _memory_type(populated: Sequence[MemoryDevice]) -> str | None:
    """The common type; ``None`` when modules differ or the firmware only says "RAM"."""
    kinds = {infer_type(d) for d in populated} - {"RAM", "DRAM", "SDRAM", None}
    return kinds.pop() if len(kinds) == 1 else None


def _lpddr_bus(
    populated: Sequence[MemoryDevice], sockets: int, max_channels: int | None, cpu_name: str | None
) -> _Bus:
    widths = [d.data_bits for d in populated if d.data_bits is not None]
    claimed = sum(widths) if len(widths) == len(populated) else None
    limit = None if max_channels is None else max_channels * 64 * sockets
    if limit is not None:
        if claimed is None or claimed < 64:
            shown = "no widths" if claimed is None else f"a bus of {claimed} bits"
            note = f"the firmware claims {shown} for soldered memory; taken as the CPU's {limit}-bit bus"
            return _Bus(limit, "table", notes=(note,))
        if claimed > limit:
            note = f"the firmware's widths add up to {claimed} bits, the CPU has {limit}"
            return _Bus(limit, "derived", notes=(note,))
        if claimed < limit:
            note = f"the firmware's widths add up to {claimed} bits, the CPU could have {limit}: measure"
            return _Bus(claimed, "guess", notes=(note,))
        return _Bus(claimed, "reported")
    if claimed is None or claimed < 64:
        return _Bus(None, because="the firmware's LPDDR widths are not credible and the CPU's are not known")
    if claimed <= CLIENT_LPDDR_BITS:
        return _Bus(claimed, "derived")
    if _WIDE_LPDDR.search(cpu_name or ""):
        if max(widths) <= 32 and claimed in (256, 512):
            return _Bus(claimed, "derived")
        return _Bus(None, because="the firmware's LPDDR widths are not credible for this chip")
    note = (
        f"the firmware's widths add up to {claimed} bits; taken as {CLIENT_LPDDR_BITS}, as client chips have"
    )
    return _Bus(CLIENT_LPDDR_BITS, "guess", notes=(note,))


def _by_keys(keys: Sequence[ChannelKey], sockets: int, limit: int | None) -> tuple[int, bool]:
    """Distinct channels, held to the CPU's number per socket; and whether that took some away."""
    per_socket = Counter(key.socket for key in set(keys))
    total = sum(per_socket.values())
    if limit is None:
        return total, False
    if None in per_socket or len(per_socket) > sockets:
        held = min(total, limit * max(sockets, len(per_socket) - (None in per_socket)))
    else:
        held = sum(min(n, limit) for n in per_socket.values())
    return held, held < total


def _ddr_bus(
    slots: Sequence[MemoryDevice],
    populated: Sequence[MemoryDevice],
    found: SlotKeys,
    sockets: int,
    limit: int | None,
) -> _Bus:
    if any("CAMM" in (d.form_factor or "") for d in populated):
        if limit is None or len(populated) > 1:
            return _Bus(None, because="a CAMM module may carry one channel or two")
        return _Bus(min(2, limit) * 64, "derived")
    if found.keys:
        count, held = _by_keys(found.keys, sockets, limit)
        if held:
            note = f"the slot names give more channels than the CPU has ({count}): held to the CPU's"
            return _Bus(count * 64, "derived", notes=(note,))
        return _Bus(count * 64, "reported" if found.exact else "derived")
    if len(populated) == 1:
        return _Bus(64, "derived")
    if limit is None:
        return _Bus(
            None,
            because=f"the slot names do not tell channels ({found.grammar}) and the CPU's are not known",
        )
    # Number-only names: modules are taken as spread over the channels, which is what manuals ask for.
    labels = [socket_label(d) for d in populated]
    if None not in labels and len(set(labels)) <= sockets:
        count = sum(min(n, limit) for n in Counter(labels).values())
    else:
        count = min(len(populated), limit * sockets)
    if len(slots) <= limit * sockets:
        return _Bus(count * 64, "derived")
    note = (
        "the slot names do not tell channels: the modules are assumed to be spread over as many as possible; "
        "check the manual, or measure"
    )
    return _Bus(count * 64, "guess", notes=(note,))


def _advice(
    populated: Sequence[MemoryDevice], keys: Sequence[ChannelKey], channels: int, total: int | None
) -> tuple[str, ...]:
    notes = []
    if total is not None and channels < total:
        plural = "is" if channels == 1 else "are"
        notes.append(
            f"{channels} of {total} memory channels {plural} populated: filling the others would raise the "
            f"bandwidth up to {total / channels:.3g} times"
        )
    per_channel: Counter[ChannelKey] = Counter()
    for key, device in zip(keys, populated, strict=False):
        per_channel[key] += device.size_bytes or 0
    sizes = sorted(set(per_channel.values()))
    if len(sizes) > 1:
        gib = ", ".join(f"{size / 1024**3:.4g}" for size in sizes)
        notes.append(f"channels hold different amounts ({gib} GiB): only the matching part is interleaved")
    return tuple(notes)


def _mirror_sockets(
    records: DmiRecords, populated: Sequence[MemoryDevice], sockets: int | None
) -> tuple[MemoryDevice, ...] | None:
    """The modules of a record that was cut, completed by symmetry: all sockets are filled like the first.

    ``None`` where that does not hold: the cut is in the first socket, or what is seen of the others differs.
    """
    by_socket: dict[str, list[MemoryDevice]] = {}
    for device in records.devices:
        label = socket_label(device)
        if label is None:
            return None
        by_socket.setdefault(label, []).append(device)
    count = max(sockets or 0, len(by_socket))
    if count < 2 or len(by_socket) < 2:
        return None
    groups = list(by_socket.values())
    first = groups[0]
    for other in groups[1:]:
        if [d.size_bytes for d in other] != [d.size_bytes for d in first[: len(other)]]:
            return None
    return tuple(d for d in first if d in populated) * count


def analyse_memory(
    records: DmiRecords,
    *,
    cpu_name: str | None = None,
    sockets: int | None = None,
    max_channels_per_socket: int | None = None,
) -> MemoryLayout:
    """Modules, channels, data rate and theoretical bandwidth of the slots in ``records``.

    Args:
        records: slots and product names, from any of the three readers.
        cpu_name: brand string; separates the few chips with a wide LPDDR bus from the rest.
        sockets: populated CPU sockets; taken from the records or the slot names when not given.
        max_channels_per_socket: 64-bit channels that the CPU family has, from the catalog, if known.
    """
    slots = ram_slots(records)
    populated = tuple(s for s in slots if s.size_bytes != 0)
    array_slots = sum(a.slots or 0 for a in records.arrays if a.use in (None, "System Memory"))
    slot_count = max(array_slots, len(slots)) or None
    hypervisor = hypervisor_from_names(records.vendor, records.product)
    if not populated:
        reason = "no memory slot in the table" if not slots else "the table lists no populated slot"
        return unknown_layout(slot_count, reason)
    kind = _memory_type(populated)
    if hypervisor is not None:
        return unknown_layout(slot_count, f"virtual machine ({hypervisor}): its module list is made up")
    if kind is None and all(d.rated_mts is None and d.configured_mts is None for d in populated):
        return unknown_layout(slot_count, "the table gives neither type nor speed of the memory")

    source = records.source
    mts, speed_notes = common_speed(populated, kind, source)
    found = channel_keys(
        slots,
        vendor=records.vendor,
        product=records.product,
        max_channels_per_socket=max_channels_per_socket,
    )
    labels = {label for label in map(socket_label, slots) if label is not None}
    n_sockets = sockets or records.sockets or max(1, len(labels))
    keys = found.keys
    completed: Sequence[MemoryDevice] = populated
    notes: list[str] = list(speed_notes)
    if records.vendor is not None and records.vendor.casefold().startswith(_FAKE_VENDORS):
        bus = _Bus(None, because="the firmware table is that of another machine (OpenCore)")
        keys = ()
    elif not records.complete:
        bus, completed = _cut_bus(records, populated, found, sockets, max_channels_per_socket)
    elif is_lpddr(kind):
        bus = _lpddr_bus(populated, n_sockets, max_channels_per_socket, cpu_name)
    elif kind is not None and kind.startswith("HBM"):
        bus = _Bus(None, because="stacked memory: its channels are not in the slot list")
    else:
        bus = _ddr_bus(slots, populated, found, n_sockets, max_channels_per_socket)
    notes += bus.notes
    if mts.value is not None and mts.confidence == "reported":
        crowded = len(populated) > len(set(keys)) > 0
        notes += slower_than_rated(populated, kind, mts.value, crowded=crowded, server=n_sockets > 1)

    channels: Fact[int]
    bandwidth: Fact[float]
    if bus.bits is None:
        channels = unknown(bus.because)
        bandwidth = unknown(bus.because)
    else:
        channels = (
            Fact(bus.bits // 64, source, bus.confidence)
            if bus.bits % 64 == 0
            else unknown(f"a bus of {bus.bits} bits")
        )
        if mts.value is None:
            bandwidth = unknown(mts.source)
        else:
            bandwidth = Fact(
                bandwidth_bytes_per_s(bus.bits, mts.value),
                f"{bus.bits} bits at {mts.value} MT/s ({source})",
                _worst("derived", bus.confidence, mts.confidence),
            )
        if not is_lpddr(kind) and channels.value is not None and records.complete:
            limit = None if max_channels_per_socket is None else max_channels_per_socket * n_sockets
            notes += _advice(populated, keys, channels.value, limit)
    installed = sum(d.size_bytes or 0 for d in completed)
    sizes_known = all(d.size_bytes is not None for d in populated)
    return MemoryLayout(
        modules=_modules(populated, keys),
        slots=slot_count,
        installed_bytes=(
            Fact(installed, source, "reported" if completed is populated else "derived")
            if sizes_known and (records.complete or completed is not populated)
            else unknown("the table was cut off" if sizes_known else "the table lacks a module's size")
        ),
        type=unknown("the firmware does not name the memory type")
        if kind is None
        else Fact(kind, source, "reported" if any(d.type == kind for d in populated) else "derived"),
        channels=channels,
        mts=mts,
        bandwidth_bytes_per_s=bandwidth,
        bus_bits=bus.bits,
        notes=tuple(notes),
    )


def _cut_bus(
    records: DmiRecords,
    populated: Sequence[MemoryDevice],
    found: SlotKeys,
    sockets: int | None,
    limit: int | None,
) -> tuple[_Bus, Sequence[MemoryDevice]]:
    """The bus of a record that was cut off, if its first socket is whole and stands for the others."""
    because = (
        f"{records.source} is cut off ({len(populated)} modules seen): run as root, or give dmidecode output"
    )
    mirrored = _mirror_sockets(records, populated, sockets)
    if mirrored is None or not found.keys or any(k.socket is None for k in found.keys):
        return _Bus(None, because=because), populated
    first = found.keys[0].socket
    per_socket = len({k for k in found.keys if k.socket == first})
    count = len(mirrored) // max(1, sum(k.socket == first for k in found.keys))
    note = (
        f"{records.source} is cut off: {len(populated)} modules seen, {len(mirrored)} taken from the first "
        f"socket's on {count} sockets"
    )
    held = per_socket if limit is None else min(per_socket, limit)
    return _Bus(held * count * 64, "derived", notes=(note,)), mirrored


def _modules(populated: Sequence[MemoryDevice], keys: Sequence[ChannelKey]) -> tuple[MemoryModule, ...]:
    names = [str(k) for k in keys] if len(keys) == len(populated) else [None] * len(populated)
    return tuple(
        MemoryModule(
            size_bytes=d.size_bytes,
            type=infer_type(d),
            rated_mts=d.rated_mts,
            configured_mts=d.configured_mts,
            data_bits=d.data_bits,
            locator=d.locator,
            bank=d.bank or None,
            channel=name,
            part_number=d.part_number,
            manufacturer=d.manufacturer,
            rank=d.rank,
        )
        for d, name in zip(populated, names, strict=True)
        if d.size_bytes is not None
    )


def unknown_layout(slots: int | None, because: str) -> MemoryLayout:
    """A layout of which nothing is known but perhaps the number of slots."""
    return MemoryLayout(
        modules=(),
        slots=slots,
        installed_bytes=unknown(because),
        type=unknown(because),
        channels=unknown(because),
        mts=unknown(because),
        bandwidth_bytes_per_s=unknown(because),
        bus_bits=None,
        notes=(),
    )
