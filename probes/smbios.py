"""SMBIOS tables in pure Python: memory devices, arrays, processors, product names.

Structure and field offsets follow the DMTF System Management BIOS Reference Specification (DSP0134,
3.8.0): 7.18 memory device, 7.17 memory array, 7.5 processor, 7.2 system, 7.3 baseboard.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from probes.dmi import (
    DmiRecords,
    MemoryArray,
    MemoryDevice,
    ProcessorSocket,
    clean,
    meaningful,
    plausible_bits,
    plausible_mts,
)
from probes.types import RigError

MEMORY_TYPES = {
    0x03: "DRAM",
    0x04: "EDRAM",
    0x05: "VRAM",
    0x06: "SRAM",
    0x07: "RAM",
    0x08: "ROM",
    0x09: "Flash",
    0x0A: "EEPROM",
    0x0B: "FEPROM",
    0x0C: "EPROM",
    0x0D: "CDRAM",
    0x0E: "3DRAM",
    0x0F: "SDRAM",
    0x10: "SGRAM",
    0x11: "RDRAM",
    0x12: "DDR",
    0x13: "DDR2",
    0x14: "DDR2 FB-DIMM",
    0x18: "DDR3",
    0x19: "FBD2",
    0x1A: "DDR4",
    0x1B: "LPDDR",
    0x1C: "LPDDR2",
    0x1D: "LPDDR3",
    0x1E: "LPDDR4",
    0x1F: "Logical non-volatile device",
    0x20: "HBM",
    0x21: "HBM2",
    0x22: "DDR5",
    0x23: "LPDDR5",
    0x24: "HBM3",
}
"""DSP0134 7.18.2; 1 and 2 are "other" and "unknown"."""

FORM_FACTORS = {
    0x03: "SIMM",
    0x05: "Chip",
    0x08: "Proprietary Card",
    0x09: "DIMM",
    0x0B: "Row Of Chips",
    0x0C: "RIMM",
    0x0D: "SODIMM",
    0x0F: "FB-DIMM",
    0x10: "Die",
    0x11: "CAMM",
}
"""DSP0134 7.18.1."""

TECHNOLOGIES = {
    0x03: "DRAM",
    0x04: "NVDIMM-N",
    0x05: "NVDIMM-F",
    0x06: "NVDIMM-P",
    0x07: "Intel Optane persistent memory",
}
"""DSP0134 7.18.6."""

ARRAY_USES = {
    0x03: "System Memory",
    0x04: "Video Memory",
    0x05: "Flash Memory",
    0x06: "Non-volatile RAM",
    0x07: "Cache Memory",
}
"""DSP0134 7.17.2."""

_END_OF_TABLE = 127
_MAX_TABLE_BYTES = 4 * 1024**2


@dataclass(frozen=True, slots=True)
class Structure:
    """One SMBIOS structure: its formatted bytes and its strings."""

    type: int
    handle: int
    data: bytes
    strings: tuple[str, ...]

    def number(self, offset: int, size: int) -> int | None:
        """Little-endian field, ``None`` where the structure is too short to have it."""
        if offset + size > len(self.data):
            return None
        return int.from_bytes(self.data[offset : offset + size], "little")

    def text(self, offset: int) -> str | None:
        """The string that the byte at ``offset`` points to; numbering starts at 1, 0 is none."""
        index = self.number(offset, 1)
        if not index or index > len(self.strings):
            return None
        return self.strings[index - 1]


def table_bytes(data: bytes) -> bytes:
    """The structure table inside ``data``, whatever wraps it.

    Accepts a bare table (``/sys/firmware/dmi/tables/DMI``), a ``dmidecode --dump-bin`` file (entry point
    first) and the buffer of Windows' ``GetSystemFirmwareTable('RSMB')`` (8-byte header).
    """
    if data[:5] == b"_SM3_" and len(data) >= 0x18:
        length, offset = struct.unpack_from("<IQ", data, 0x0C)
        return _dumped(data, offset, length)
    if data[:4] == b"_SM_" and len(data) >= 0x1F:
        length, offset = struct.unpack_from("<HI", data, 0x16)
        return _dumped(data, offset, length)
    if len(data) >= 8 and data[0] <= 1 and data[1] in (2, 3):
        # A structure is at least 4 bytes long, so a second byte of 2 or 3 can only be a version.
        (length,) = struct.unpack_from("<I", data, 4)
        return data[8 : 8 + length]
    return data


def _dumped(data: bytes, offset: int, length: int) -> bytes:
    """The table of a dump; ``dmidecode`` rewrites the address, other tools leave the physical one."""
    start = offset if 0x10 <= offset < len(data) else 0x20
    return data[start : start + length] if length else data[start:]


def structures(table: bytes) -> Iterator[Structure]:
    """The structures of a bare table, in order, up to the end marker or the first broken one."""
    offset = 0
    while offset + 4 <= len(table):
        kind, length, handle = struct.unpack_from("<BBH", table, offset)
        if length < 4 or offset + length > len(table):
            return
        end = table.find(b"\0\0", offset + length)
        tail_end = len(table) if end < 0 else end
        tail = table[offset + length : tail_end]
        strings = tuple(clean(s.decode("utf-8", "replace")) for s in tail.split(b"\0")) if tail else ()
        yield Structure(kind, handle, table[offset : offset + length], strings)
        if kind == _END_OF_TABLE or end < 0:
            return
        offset = end + 2


_USEFUL = {
    0: (0x12, (0x04, 0x05, 0x08)),
    1: (0x08, (0x04, 0x05, 0x06, 0x07)),
    4: (0x1A, (0x04, 0x07, 0x10)),
    16: (0x0F, ()),
    17: (0x15, (0x10, 0x11)),
}
"""Types that every real table has some of (BIOS, system, processor, array, slot): the length of their
oldest version and where they point to strings."""

_LONGEST = 0x80
"""Above the length of the newest version of each of them, with room for the next."""

_UNASSIGNED = range(47, 126)
"""Types that no version of the specification gives a meaning."""

_MAX_STRINGS_BYTES = 4096


def looks_like_smbios(data: bytes) -> bool:
    """Whether ``data`` is a chain of well-formed structures, up to the end marker or the end of the data.

    Any bytes begin with something that can be read as a structure, so the whole chain is looked at: every
    structure is at least 4 bytes long, its strings are short and made of text, and one of the types that
    all tables have is among them.  A table that was cut off is one too.
    """
    table = table_bytes(data[:_MAX_TABLE_BYTES])
    useful = False
    offset = 0
    while offset + 4 <= len(table):
        kind, length = table[offset], table[offset + 1]
        if length < 4:
            return useful and not any(table[offset:])  # the rest of a dump is often filled with zeros
        end = table.find(b"\0\0", offset + length)
        strings = table[offset + length : len(table) if end < 0 else end]
        if kind in _UNASSIGNED or len(strings) > _MAX_STRINGS_BYTES or not _is_text(strings):
            return False
        useful = useful or (end >= 0 and _is_sound(table[offset : offset + length], strings))
        if kind == _END_OF_TABLE or end < 0:
            break
        offset = end + 2
    return useful


def _is_sound(data: bytes, strings: bytes) -> bool:
    """Whether a structure is of a useful type, long enough for it, and points to strings that it has."""
    if data[0] not in _USEFUL:
        return False
    shortest, pointers = _USEFUL[data[0]]
    count = strings.count(b"\0") + 1 if strings else 0
    return shortest <= len(data) <= _LONGEST and all(data[offset] <= count for offset in pointers)


def _is_text(strings: bytes) -> bool:
    """Mostly printable: some firmware leaves a few stray bytes in its strings."""
    odd = sum(1 for byte in strings if byte and not 0x20 <= byte < 0x7F)
    return odd <= max(2, len(strings) // 8)


def parse_smbios(data: bytes, source: str = "SMBIOS table") -> DmiRecords:
    """Memory, processors and product names of an SMBIOS table.

    Args:
        data: a bare table, a ``dmidecode --dump-bin`` file or a Windows RSMB buffer.
        source: what the facts derived from it name as their source.

    Raises:
        RigError: not one readable structure in it.
    """
    devices: list[MemoryDevice] = []
    arrays: list[MemoryArray] = []
    processors: list[ProcessorSocket] = []
    vendor = product = version = board_vendor = board = None
    found = 0
    ended = False
    for item in structures(table_bytes(data[:_MAX_TABLE_BYTES])):
        found += 1
        if item.type == _END_OF_TABLE:
            ended = True
        elif item.type == 17:
            devices.append(_memory_device(item))
        elif item.type == 16:
            arrays.append(_memory_array(item))
        elif item.type == 4:
            processor = _processor(item)
            if processor is not None:
                processors.append(processor)
        elif item.type == 1 and product is None:
            vendor, product = meaningful(item.text(0x04)), meaningful(item.text(0x05))
            version = meaningful(item.text(0x06))
        elif item.type == 2 and board is None:
            board_vendor, board = meaningful(item.text(0x04)), meaningful(item.text(0x05))
    if not found:
        raise RigError(
            f"{source}: no SMBIOS structure in {len(data)} bytes; "
            "give a raw table or a dmidecode --dump-bin file"
        )
    # Older writers leave the end marker out; without it the slot counts tell whether something is missing.
    promised = sum(a.slots or 0 for a in arrays if a.use in (None, "System Memory"))
    return DmiRecords(
        source=source,
        devices=tuple(devices),
        arrays=tuple(arrays),
        processors=tuple(processors),
        vendor=vendor,
        product=product,
        product_version=version,
        board_vendor=board_vendor,
        board=board,
        complete=ended or len(devices) >= promised,
    )


def _size_bytes(item: Structure) -> int | None:
    """Module size: 0 is an empty slot, 0xFFFF unknown, 0x7FFF points to the extended field in MiB."""
    raw = item.number(0x0C, 2)
    if raw is None or raw == 0xFFFF:
        return None
    if raw == 0x7FFF:
        extended = item.number(0x1C, 4)
        return None if extended is None else (extended & 0x7FFFFFFF) * 1024**2
    return (raw & 0x7FFF) * (1024 if raw & 0x8000 else 1024**2)


def _rate(item: Structure, offset: int, extended_offset: int) -> int | None:
    raw = item.number(offset, 2)
    if raw == 0xFFFF:
        raw = item.number(extended_offset, 4)
    return plausible_mts(raw)


def _memory_device(item: Structure) -> MemoryDevice:
    code = item.number(0x12, 1) or 0x02
    rank = (item.number(0x1B, 1) or 0) & 0x0F
    return MemoryDevice(
        locator=item.text(0x10) or "",
        bank=item.text(0x11) or "",
        size_bytes=_size_bytes(item),
        type=MEMORY_TYPES.get(code),
        type_unrecognised=code > max(MEMORY_TYPES),
        form_factor=FORM_FACTORS.get(item.number(0x0E, 1) or 0),
        total_bits=plausible_bits(item.number(0x08, 2)),
        data_bits=plausible_bits(item.number(0x0A, 2)),
        rated_mts=_rate(item, 0x15, 0x54),
        configured_mts=_rate(item, 0x20, 0x58),
        manufacturer=meaningful(item.text(0x17)),
        part_number=meaningful(item.text(0x1A)),
        rank=rank or None,
        technology=TECHNOLOGIES.get(item.number(0x28, 1) or 0),
        array=item.number(0x04, 2),
    )


def _memory_array(item: Structure) -> MemoryArray:
    kib = item.number(0x07, 4)
    capacity = item.number(0x0F, 8) if kib == 0x80000000 else None if not kib else kib * 1024
    return MemoryArray(
        handle=item.handle,
        use=ARRAY_USES.get(item.number(0x05, 1) or 0),
        slots=item.number(0x0D, 2),
        max_capacity_bytes=capacity or None,
    )


def _count(item: Structure, offset: int, wide_offset: int) -> int | None:
    """A core or thread count: one byte, or a word further on when that byte is 0xFF."""
    value = item.number(offset, 1)
    if value == 0xFF:
        value = item.number(wide_offset, 2) or value
    return value or None


def _processor(item: Structure) -> ProcessorSocket | None:
    if item.number(0x05, 1) not in (None, 0x03):
        return None  # a maths, signal or video processor
    status = item.number(0x18, 1)
    return ProcessorSocket(
        socket=item.text(0x04) or "",
        name=meaningful(item.text(0x10)),
        manufacturer=meaningful(item.text(0x07)),
        populated=status is None or bool(status & 0x40),
        cores=_count(item, 0x24, 0x2C) or _count(item, 0x23, 0x2A),
        threads=_count(item, 0x25, 0x2E),
    )
