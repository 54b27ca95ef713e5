"""From memory slots to channels, data rate and bandwidth.

    bandwidth = bus bits / 8 * MT/s * 1e6        [bytes/s]

The bus is kept in bits (``bus_width``); where neither the names nor the CPU's limits decide, the answer is
unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.types import CpuFamily
from probes.bus_width import Bus, channel_keys, cut_bus, ddr_bus, lpddr_bus
from probes.dmi import DmiRecords, MemoryDevice, infer_type, ram_slots
from probes.locators import ChannelKey, socket_label
from probes.memory_advice import advise
from probes.rates import common_speed, is_lpddr
from probes.types import Confidence, Fact, MemoryAdvice, MemoryModule, unknown
from probes.virtual import hypervisor_from_names

MAX_SLOTS = 4096
"""More than any machine has; firmware writes 0xFFFF where it does not know."""

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
    advice: tuple[MemoryAdvice, ...] = ()
    max_channels: int | None = None
    """Channels that the CPUs have, over all sockets; of soldered memory, those that the board has."""


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


def analyse_memory(
    records: DmiRecords,
    *,
    cpu_name: str | None = None,
    sockets: int | None = None,
    max_channels_per_socket: int | None = None,
    family: CpuFamily | None = None,
) -> MemoryLayout:
    """Modules, channels, data rate and theoretical bandwidth of the slots in ``records``.

    Args:
        records: slots and product names, from any of the three readers.
        cpu_name: brand string; separates the few chips with a wide LPDDR bus from the rest.
        sockets: populated CPU sockets; taken from the records or the slot names when not given.
        max_channels_per_socket: 64-bit channels that the CPU family has, if known; else the family's.
        family: the CPU family of the catalog, for its channels and official rates, if known.
    """
    slots = ram_slots(records)
    populated = tuple(s for s in slots if s.size_bytes != 0)
    array_slots = sum(a.slots or 0 for a in records.arrays if a.use in (None, "System Memory"))
    if array_slots > MAX_SLOTS:
        array_slots = 0  # a filler
    slot_count = max(array_slots, len(slots)) or None
    makers = ((records.vendor, records.product), *((d.manufacturer, d.part_number) for d in populated))
    hypervisor = next((h for maker in makers if (h := hypervisor_from_names(*maker))), None)
    if not populated:
        reason = "no memory slot in the table" if not slots else "the table lists no populated slot"
        return unknown_layout(slot_count, reason)
    plain = tuple(d for d in populated if not (infer_type(d) or "").startswith("HBM"))
    stacked = sum(d.size_bytes or 0 for d in populated) - sum(d.size_bytes or 0 for d in plain)
    if plain and stacked:  # Xeon Max: high-bandwidth memory on the package beside the modules
        slots, populated = tuple(s for s in slots if s in plain or s.size_bytes == 0), plain
    kind = _memory_type(populated)
    if hypervisor is not None:
        return unknown_layout(slot_count, f"virtual machine ({hypervisor}): its module list is made up")
    if kind is None and all(d.rated_mts is None and d.configured_mts is None for d in populated):
        return unknown_layout(slot_count, "the table gives neither type nor speed of the memory")

    source = records.source
    limit = max_channels_per_socket or (family.channels if family else None)
    mts, speed_notes = common_speed(populated, kind, source, family)
    found = channel_keys(
        slots,
        vendor=records.vendor,
        product=records.product,
        max_channels_per_socket=limit,
        whole=records.lists_empty_slots,
    )
    labels = {label for label in map(socket_label, slots) if label is not None}
    n_sockets = sockets or records.sockets or max(1, len(labels))
    keys = found.keys
    counted = slot_count if records.lists_empty_slots or array_slots else None
    completed: Sequence[MemoryDevice] = populated
    notes: list[str] = list(speed_notes)
    if plain and stacked:
        notes.append(f"{stacked / 1024**3:.4g} GiB of HBM on the package are not counted as RAM modules")
    if records.vendor is not None and records.vendor.casefold().startswith(_FAKE_VENDORS):
        bus = Bus(None, because="the firmware table is that of another machine (OpenCore)")
        keys = ()
    elif not records.complete:
        bus, completed = cut_bus(records, populated, found, sockets, limit)
    elif is_lpddr(kind) or _on_chips(populated):
        bus = lpddr_bus(populated, n_sockets, limit, cpu_name)
    elif kind is not None and kind.startswith("HBM"):
        bus = Bus(None, because="stacked memory: its channels are not in the slot list")
    else:
        bus = ddr_bus(slots, populated, found, n_sockets, limit, counted)
    notes += bus.notes

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
    most = None if limit is None else limit * n_sockets
    if most is not None and channels.value is not None and is_lpddr(kind):
        most = channels.value  # soldered: the board has no more
    advice = advise(
        populated,
        keys,
        kind=kind,
        channels=channels.value if records.complete else None,
        mts=mts.value if mts.confidence == "reported" else None,
        total_channels=most,
        family=family,
        sockets=n_sockets,
        free_slots=None if counted is None else counted - len(populated),
    )
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
        notes=(*notes, *(a.text for a in advice)),
        advice=advice,
        max_channels=most,
    )


def _on_chips(populated: Sequence[MemoryDevice]) -> bool:
    """Soldered memory listed by chip although called DDR: the sum of the widths is the bus."""
    return all(
        d.data_bits in (8, 16, 32) and "DIMM" not in (d.form_factor or "DIMM").upper() for d in populated
    )


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
