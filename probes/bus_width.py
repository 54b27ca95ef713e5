"""How wide the populated memory bus is, in bits.

A DDR channel is 64 bits whatever the firmware's width field says (72 with ECC, 2 x 32 sub-channels on DDR5);
an LPDDR bus is the sum of its devices' widths, held to what the CPU has.  Where neither the names nor the
CPU's limits decide, the width is unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from probes.dmi import DmiRecords, MemoryDevice
from probes.locators import ChannelKey, SlotKeys, lettered_keys, named_keys, socket_label
from probes.slot_numbers import maker_keys, spread
from probes.types import Confidence

CLIENT_LPDDR_BITS = 128
"""LPDDR bus of client chips: 1,842 of about 2,400 machines with LPDDR5 (linuxhw/DMI, January 2025); the
exceptions are named by ``_WIDE_LPDDR``."""

_WIDE_LPDDR = re.compile(
    r"Ryzen AI Max|\bGB10\b|\bM\d+ (?:Pro|Max|Ultra)\b|Orin|Thor|Xavier|Grace", re.IGNORECASE
)

_HALF_BUS = re.compile(r"Celeron|Pentium|Atom|Athlon|\bN\d{2,3}\b|\bm3-", re.IGNORECASE)
"""Cheap chips whose boards do leave half of the bus empty; on others fewer bits than the CPU has are the
firmware's omission as often as the truth (64-bit sums: 364 machines of linuxhw/DMI, January 2025)."""


@dataclass(frozen=True, slots=True)
class Bus:
    """Width of the populated bus; ``bits`` is ``None`` when unknown and ``because`` then says why."""

    bits: int | None
    confidence: Confidence = "unknown"
    because: str = ""
    notes: tuple[str, ...] = ()


def channel_keys(
    slots: Sequence[MemoryDevice],
    *,
    vendor: str | None,
    product: str | None,
    max_channels_per_socket: int | None,
    whole: bool = True,
) -> SlotKeys:
    """The channel of each populated slot, or no keys where the names do not tell.

    Args:
        slots: all RAM slots, empty ones included: they show which grammar the board uses.
        vendor: system (or board) vendor, for the numbering rules of makers.
        product: product name.
        max_channels_per_socket: what the CPU family has at most, in 64-bit channels, if known.
        whole: whether ``slots`` has the empty ones too.
    """
    populated = [s for s in slots if s.size_bytes != 0]
    if not populated:
        return SlotKeys((), "no populated slot")
    found = named_keys(populated)
    if found is not None:
        return found
    found = maker_keys(
        slots,
        populated,
        vendor=vendor or "",
        product=product or "",
        max_channels=max_channels_per_socket,
        whole=whole,
    )
    if found is not None:
        return found
    if (vendor or "").casefold().startswith("dell") and "poweredge" in (product or "").casefold():
        return SlotKeys((), "Dell slot numbers")  # the letter is the socket: never a channel
    return lettered_keys(slots, populated, whole=whole) or SlotKeys((), "slot numbers only")


def lpddr_bus(
    populated: Sequence[MemoryDevice], sockets: int, max_channels: int | None, cpu_name: str | None
) -> Bus:
    """The sum of the devices' widths, held to the CPU's bus or, without it, to what client chips have."""
    widths = [d.data_bits for d in populated if d.data_bits is not None]
    claimed = sum(widths) if len(widths) == len(populated) else None
    limit = None if max_channels is None else max_channels * 64 * sockets
    if limit is not None:
        if claimed is None or claimed < 64:
            shown = "no widths" if claimed is None else f"a bus of {claimed} bits"
            note = f"the firmware claims {shown} for soldered memory; taken as the CPU's {limit}-bit bus"
            return Bus(limit, "table", notes=(note,))
        if claimed > limit:
            note = f"the firmware's widths add up to {claimed} bits, the CPU has {limit}"
            return Bus(limit, "derived", notes=(note,))
        if claimed < limit and not _HALF_BUS.search(cpu_name or ""):
            because = f"the firmware's widths add up to {claimed} bits, the CPU has {limit}: measure"
            return Bus(None, because=because)
        if claimed < limit:
            note = f"the firmware's widths add up to {claimed} bits, the CPU could have {limit}: measure"
            return Bus(claimed, "guess", notes=(note,))
        return Bus(claimed, "reported")
    if claimed is None or claimed < 64:
        return Bus(None, because="the firmware's LPDDR widths are not credible and the CPU's are not known")
    if claimed < CLIENT_LPDDR_BITS:
        return Bus(
            None, because=f"LPDDR widths of {claimed} bits in all: the CPU's bus is not known, measure"
        )
    if claimed == CLIENT_LPDDR_BITS:
        return Bus(claimed, "derived")
    if _WIDE_LPDDR.search(cpu_name or ""):
        if max(widths) <= 32 and claimed in (256, 512):
            return Bus(claimed, "derived")
        return Bus(None, because="the firmware's LPDDR widths are not credible for this chip")
    note = (
        f"the firmware's widths add up to {claimed} bits; taken as {CLIENT_LPDDR_BITS}, as client chips have"
    )
    return Bus(CLIENT_LPDDR_BITS, "guess", notes=(note,))


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


def ddr_bus(
    slots: Sequence[MemoryDevice],
    populated: Sequence[MemoryDevice],
    found: SlotKeys,
    sockets: int,
    limit: int | None,
    slot_count: int | None,
) -> Bus:
    """Channels x 64 bits, from the slots' names or else from the CPU's channels.

    Args:
        slots: the RAM slots of the source.
        populated: those with a module.
        found: what the names say.
        sockets: populated CPU sockets.
        limit: channels of one socket, if known.
        slot_count: slots of the machine, ``None`` where the source lists only modules.
    """
    if any("CAMM" in (d.form_factor or "") for d in populated):
        if limit is None or len(populated) > 1:
            return Bus(None, because="a CAMM module may carry one channel or two")
        return Bus(min(2, limit) * 64, "derived")
    if found.keys:
        count, held = _by_keys(found.keys, sockets, limit)
        if held:
            note = f"the slot names give more channels than the CPU has ({count}): held to the CPU's"
            return Bus(count * 64, "derived", notes=(note,))
        return Bus(count * 64, "reported" if found.exact else "derived")
    if len(populated) == 1:
        return Bus(64, "derived")
    if limit is None:
        return Bus(
            None,
            because=f"the slot names do not tell channels ({found.grammar}) and the CPU's are not known",
        )
    return _numbered_bus(slots, populated, sockets, limit, slot_count)


def _numbered_bus(
    slots: Sequence[MemoryDevice],
    populated: Sequence[MemoryDevice],
    sockets: int,
    limit: int,
    slot_count: int | None,
) -> Bus:
    """Slots that carry only a number: what the CPU's channels and the ways of counting leave."""
    labels = {id(s): socket_label(s) for s in slots}
    groups = {labels[id(d)] for d in populated}
    if None in groups or len(groups) > sockets:
        found = [spread(slots, populated, limit * sockets, slot_count)]
    else:
        whole = slot_count == len(slots)
        found = []
        for group in sorted(str(g) for g in groups):
            members = [s for s in slots if labels[id(s)] == group]
            modules = [d for d in populated if labels[id(d)] == group]
            found.append(spread(members, modules, limit, len(members) if whole else None))
    counts = [s.channels for s in found if s.channels is not None]
    if len(counts) < len(found):
        return Bus(
            None,
            because=f"{len(populated)} modules do not fill {limit * sockets} channels evenly and the slots "
            "carry only numbers: see the board's manual, or measure",
        )
    if all(s.sure for s in found):
        return Bus(sum(counts) * 64, "derived")
    note = (
        "the slot names do not tell channels: the modules are assumed to be spread over as many as possible; "
        "check the manual, or measure"
    )
    return Bus(sum(counts) * 64, "guess", notes=(note,))


def mirror_sockets(
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


def cut_bus(
    records: DmiRecords,
    populated: Sequence[MemoryDevice],
    found: SlotKeys,
    sockets: int | None,
    limit: int | None,
) -> tuple[Bus, Sequence[MemoryDevice]]:
    """The bus of a record that was cut off, if its first socket is whole and stands for the others."""
    because = (
        f"{records.source} is cut off ({len(populated)} modules seen): run as root, or give dmidecode output"
    )
    mirrored = mirror_sockets(records, populated, sockets)
    if mirrored is None or not found.keys or any(k.socket is None for k in found.keys):
        return Bus(None, because=because), populated
    first = found.keys[0].socket
    per_socket = len({k for k in found.keys if k.socket == first})
    count = len(mirrored) // max(1, sum(k.socket == first for k in found.keys))
    note = (
        f"{records.source} is cut off: {len(populated)} modules seen, {len(mirrored)} taken from the first "
        f"socket's on {count} sockets"
    )
    held = per_socket if limit is None else min(per_socket, limit)
    return Bus(held * count * 64, "derived", notes=(note,)), mirrored
