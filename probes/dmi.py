"""What firmware says about a machine: memory slots, arrays, processors and product names.

Three readers fill these records (binary SMBIOS, udev properties, ``dmidecode`` text); everything
that interprets them lives elsewhere.  Serial numbers and asset tags have no field on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

MIN_MODULE_BYTES = 64 * 1024**2
"""Smaller devices are firmware flash that some BIOSes list as memory, not RAM."""

_PLACEHOLDERS = frozenset(
    {
        "",
        "-",
        "--",
        "none",
        "null",
        "n/a",
        "unknown",
        "undefined",
        "unspecified",
        "not specified",
        "not provided",
        "not available",
        "not applicable",
        "not present",
        "no dimm",
        "no module",
        "no module installed",
        "empty",
        "other",
        "invalid",
        "o.e.m.",
        "oem",
        "default string",
        "to be filled by o.e.m.",
        "to be filled by oem",
        "system manufacturer",
        "system product name",
        "system version",
        "product name",
        "all series",
        "<bad index>",
        "<out of spec>",
        "0123456789",
        "0x0000",
    }
)

_NOT_RAM = frozenset(
    {"rom", "flash", "eeprom", "feprom", "eprom", "logical non-volatile device", "vram", "cdram", "3dram"}
)


@dataclass(frozen=True, slots=True)
class MemoryDevice:
    """One memory slot (SMBIOS type 17), populated or empty.

    ``size_bytes`` is 0 for an empty slot and ``None`` where the firmware does not know.  ``type`` is
    an upper-case name such as ``DDR5``; ``None`` where the record has none or a code its writer did
    not know (then ``type_unrecognised`` is set).
    """

    locator: str = ""
    bank: str = ""
    size_bytes: int | None = None
    type: str | None = None
    type_unrecognised: bool = False
    form_factor: str | None = None
    total_bits: int | None = None
    data_bits: int | None = None
    rated_mts: int | None = None
    configured_mts: int | None = None
    manufacturer: str | None = None
    part_number: str | None = None
    rank: int | None = None
    technology: str | None = None
    array: int | None = None
    """Handle of the array (type 16) that the slot belongs to."""


@dataclass(frozen=True, slots=True)
class MemoryArray:
    """A group of slots (SMBIOS type 16). ``use`` is ``System Memory`` for RAM."""

    handle: int | None = None
    use: str | None = None
    slots: int | None = None
    max_capacity_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ProcessorSocket:
    """A CPU socket (SMBIOS type 4)."""

    socket: str = ""
    name: str | None = None
    manufacturer: str | None = None
    populated: bool = True
    cores: int | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class DmiRecords:
    """Everything read from one source.

    ``complete`` is ``False`` when the source is known to have been cut off; ``lists_empty_slots`` is
    ``False`` for Windows' classes, which list modules only.
    """

    source: str
    devices: tuple[MemoryDevice, ...] = ()
    arrays: tuple[MemoryArray, ...] = ()
    processors: tuple[ProcessorSocket, ...] = ()
    vendor: str | None = None
    product: str | None = None
    product_version: str | None = None
    board_vendor: str | None = None
    board: str | None = None
    complete: bool = True
    lists_empty_slots: bool = True

    @property
    def sockets(self) -> int | None:
        """Populated CPU sockets, ``None`` when no processor record was read."""
        return sum(p.populated for p in self.processors) or None

    @property
    def display_name(self) -> str | None:
        """Product for people: vendor, and the line that says most (Lenovo keeps it in the version)."""
        name = self.product
        if self.vendor and self.vendor.casefold().startswith("lenovo") and self.product_version:
            name = self.product_version
        if name is None:
            if self.board is None:
                return None
            name, vendor = self.board, self.board_vendor
        else:
            vendor = self.vendor
        if vendor and not name.casefold().startswith(vendor.casefold().split()[0]):
            return f"{vendor} {name}"
        return name


def joined_records(found: Sequence[DmiRecords]) -> DmiRecords:
    """The records that say most of the memory; the number of slots and names may come from the others."""
    records = max(found, key=lambda r: (r.complete, len(r.devices)))
    return replace(
        records,
        arrays=records.arrays or next((r.arrays for r in found if r.arrays), ()),
        vendor=records.vendor or next((r.vendor for r in found if r.vendor), None),
        product=records.product or next((r.product for r in found if r.product), None),
    )


def clean(text: str) -> str:
    """A firmware string as it may be shown: printable characters only, spaces squeezed, at most 80."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:80]


def meaningful(text: str | None) -> str | None:
    """``None`` for the placeholders that firmware ships with ("To Be Filled By O.E.M.")."""
    if text is None:
        return None
    tidy = clean(text)
    return None if tidy.casefold() in _PLACEHOLDERS else tidy


def plausible_mts(value: int | None) -> int | None:
    """A data rate in MT/s, or ``None`` for the fillers 0, 0xFFFF and other impossible values."""
    return value if value is not None and 100 <= value <= 20_000 else None


def plausible_bits(value: int | None) -> int | None:
    """A width in bits, or ``None`` for 0 and the filler 0xFFFF."""
    return value if value is not None and 0 < value < 0xFFFF else None


def is_system_ram(device: MemoryDevice, arrays: tuple[MemoryArray, ...]) -> bool:
    """Whether a slot is for RAM: not flash, not persistent memory, not in another kind of array."""
    if device.type is not None and device.type.casefold() in _NOT_RAM:
        return False
    if device.technology is not None and "optane" in device.technology.casefold():
        return False
    if device.size_bytes is not None and 0 < device.size_bytes < MIN_MODULE_BYTES:
        return False
    for array in arrays:
        if array.handle is not None and array.handle == device.array and array.use is not None:
            return array.use == "System Memory"
    return True


def ram_slots(records: DmiRecords) -> tuple[MemoryDevice, ...]:
    """The RAM slots, populated and empty, in firmware order."""
    return tuple(d for d in records.devices if is_system_ram(d, records.arrays))


def infer_type(device: MemoryDevice) -> str | None:
    """The memory type of a record whose writer was older than the memory.

    systemd up to 255 and old ``dmidecode`` print ``<OUT OF SPEC>`` for DDR5 and LPDDR5.  DDR5 starts at
    3200 MT/s but ECC modules are 80 bits wide (2 x 40); a 64-bit module at 4800 MT/s or more is DDR5
    when it is pluggable; 16- and 32-bit devices above 4266 MT/s are LPDDR5 (LPDDR4X ends there).
    """
    if device.type is not None or not device.type_unrecognised:
        return device.type
    rate = max(device.configured_mts or 0, device.rated_mts or 0)
    pluggable = device.form_factor is not None and "DIMM" in device.form_factor.upper()
    if device.data_bits in (16, 32):
        return "LPDDR5" if rate > 4266 else None
    if device.total_bits == 80 and rate >= 3200:
        return "DDR5"
    if device.data_bits == 64 and rate >= 4800:
        return "DDR5" if pluggable else "LPDDR5"
    return None
