"""The text that ``dmidecode`` prints, as the same records that the binary table gives.

Field names and units changed over the years (``Configured Clock Speed`` became ``Configured Memory Speed``,
``MHz`` became ``MT/s``, ``8192 MB`` became ``8 GB``); all of them are read.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

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

_HANDLE = re.compile(r"Handle 0x([0-9A-Fa-f]{1,8}), DMI type (\d{1,3})")
_FIELD = re.compile(r"\s*(\S[^:]{0,79}):(?:\s+(\S.*)|\s*)")
"""Indented by a tab; people paste it with blanks, or with none."""
_SIZE = re.compile(r"(\d{1,12}) ?(bytes|[kKMGT]i?B)")
_UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_RATE = re.compile(r"(\d{1,6}) ?(?:MT/s|MHz)")
_BITS = re.compile(r"(\d{1,6}) bits?")
_TITLES = {
    "System Information": 1,
    "Base Board Information": 2,
    "Processor Information": 4,
    "Physical Memory Array": 16,
    "Memory Device": 17,
}


def looks_like_dmidecode(text: str) -> bool:
    """Whether a capture is ``dmidecode`` output."""
    return "# dmidecode" in text[:2000] or _HANDLE.search(text) is not None


def _blocks(text: str) -> Iterator[tuple[int, int | None, dict[str, str]]]:
    """Type, handle and fields of each known record; the first value of a repeated field counts."""
    kind: int | None = None
    handle: int | None = None
    fields: dict[str, str] = {}
    if re.search(r"^Handle 0x", text, re.MULTILINE) is None:
        text = textwrap.dedent(text)  # pasted as a block of code
    for line in text.splitlines():
        header = _HANDLE.match(line)
        title = _TITLES.get(line.strip()) if line[:1].strip() else None
        if header is not None or title is not None:
            if kind is not None and fields:
                yield kind, handle, fields
            fields = {}
            if header is not None:
                handle, kind = int(header[1], 16), int(header[2])
            else:
                kind = title
            continue
        field = _FIELD.fullmatch(line)
        if field is not None and kind is not None:
            fields.setdefault(field[1], (field[2] or "").rstrip())
    if kind is not None and fields:
        yield kind, handle, fields


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    if text.casefold().startswith(("no module", "not installed")):
        return 0
    match = _SIZE.fullmatch(text)
    return None if match is None else int(match[1]) * _UNITS[match[2][0].lower()]


def _first_number(pattern: re.Pattern[str], text: str | None) -> int | None:
    match = pattern.match(text or "")
    return None if match is None else int(match[1])


def _hex(text: str | None) -> int | None:
    match = re.fullmatch(r"0x([0-9A-Fa-f]{1,8})", text or "")
    return None if match is None else int(match[1], 16)


def _small_number(text: str | None) -> int | None:
    match = re.fullmatch(r"\d{1,6}", text or "")
    return None if match is None else int(match[0]) or None


def _device(fields: dict[str, str]) -> MemoryDevice:
    kind = fields.get("Type")
    configured = fields.get("Configured Memory Speed", fields.get("Configured Clock Speed"))
    return MemoryDevice(
        locator=clean(fields.get("Locator", "")),
        bank=clean(fields.get("Bank Locator", "")),
        size_bytes=_size(fields.get("Size")),
        type=meaningful(kind),
        type_unrecognised=kind == "<OUT OF SPEC>",
        form_factor=meaningful(fields.get("Form Factor")),
        total_bits=plausible_bits(_first_number(_BITS, fields.get("Total Width"))),
        data_bits=plausible_bits(_first_number(_BITS, fields.get("Data Width"))),
        rated_mts=plausible_mts(_first_number(_RATE, fields.get("Speed"))),
        configured_mts=plausible_mts(_first_number(_RATE, configured)),
        manufacturer=meaningful(fields.get("Manufacturer")),
        part_number=meaningful(fields.get("Part Number")),
        rank=_small_number(fields.get("Rank")),
        technology=meaningful(fields.get("Memory Technology")),
        array=_hex(fields.get("Array Handle")),
    )


def _array(handle: int | None, fields: dict[str, str]) -> MemoryArray:
    return MemoryArray(
        handle=handle,
        use=meaningful(fields.get("Use")),
        slots=_small_number(fields.get("Number Of Devices")),
        max_capacity_bytes=_size(fields.get("Maximum Capacity")) or None,
    )


def _processor(fields: dict[str, str]) -> ProcessorSocket | None:
    if fields.get("Type", "Central Processor") != "Central Processor":
        return None
    return ProcessorSocket(
        socket=clean(fields.get("Socket Designation", "")),
        name=meaningful(fields.get("Version")),
        manufacturer=meaningful(fields.get("Manufacturer")),
        populated="unpopulated" not in fields.get("Status", "").casefold(),
        cores=_small_number(fields.get("Core Enabled")) or _small_number(fields.get("Core Count")),
        threads=_small_number(fields.get("Thread Count")),
    )


def parse_dmidecode(text: str, source: str = "dmidecode output") -> DmiRecords:
    """Memory, processors and product names from ``dmidecode`` output (all of it, or ``-t memory``).

    Raises:
        RigError: no record in the text; ``dmidecode`` prints only its banner without root.
    """
    devices: list[MemoryDevice] = []
    arrays: list[MemoryArray] = []
    processors: list[ProcessorSocket] = []
    system: dict[str, str] = {}
    board: dict[str, str] = {}
    found = 0
    for kind, handle, fields in _blocks(text):
        found += 1
        if kind == 17:
            devices.append(_device(fields))
        elif kind == 16:
            arrays.append(_array(handle, fields))
        elif kind == 4:
            processor = _processor(fields)
            if processor is not None:
                processors.append(processor)
        elif kind == 1:
            system = system or fields
        elif kind == 2:
            board = board or fields
    if not found:
        raise RigError(f"{source}: no record in it; run dmidecode as root, without -q")
    return DmiRecords(
        source=source,
        devices=tuple(devices),
        arrays=tuple(arrays),
        processors=tuple(processors),
        vendor=meaningful(system.get("Manufacturer")),
        product=meaningful(system.get("Product Name")),
        product_version=meaningful(system.get("Version")),
        board_vendor=meaningful(board.get("Manufacturer")),
        board=meaningful(board.get("Product Name")),
    )
