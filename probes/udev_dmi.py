"""Memory modules from udev's record of the DMI device, which every user may read.

``/run/udev/data/+dmi:id`` holds lines ``E:KEY=VALUE``; ``udevadm info`` prints ``E: KEY=VALUE`` and
``udevadm info -q property`` prints ``KEY=VALUE``.  The properties come from systemd's ``dmi_memory_id``
helper (systemd 248 and later), whose output udev reads into a buffer of 16 KiB: on servers the record
can be cut.
"""

from __future__ import annotations

import re

from probes.dmi import DmiRecords, MemoryArray, MemoryDevice, clean, meaningful, plausible_bits, plausible_mts
from probes.types import RigError

UDEV_BUFFER_BYTES = 16384
"""``UDEV_LINE_SIZE`` of systemd (v252, src/udev/udev-event.c reads a helper's output into it)."""

_CUT_FROM_BYTES = UDEV_BUFFER_BYTES - 512
"""Helper output at least this long without the closing property was cut, not written by an old systemd."""

_PROPERTY = re.compile(r"(?:E:[ ]?)?([A-Z][A-Z0-9_]*)=(.*)")
_DEVICE = re.compile(r"MEMORY_DEVICE_(\d{1,4})_([A-Z_]+)")


def looks_like_udev_dmi(text: str) -> bool:
    """Whether a capture holds the memory properties of a DMI device."""
    return "MEMORY_DEVICE_0_" in text or "MEMORY_ARRAY_" in text


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    return int(text)


def _type(text: str | None) -> tuple[str | None, bool]:
    if text is None:
        return None, False
    return meaningful(text), text.strip() == "<OUT OF SPEC>"


def _device(fields: dict[str, str]) -> MemoryDevice:
    kind, unrecognised = _type(fields.get("TYPE"))
    present = fields.get("PRESENT") != "0"
    return MemoryDevice(
        locator=clean(fields.get("LOCATOR", "")),
        bank=clean(fields.get("BANK_LOCATOR", "")),
        size_bytes=_number(fields.get("SIZE")) if present else 0,
        type=kind,
        type_unrecognised=unrecognised,
        form_factor=meaningful(fields.get("FORM_FACTOR")),
        total_bits=plausible_bits(_number(fields.get("TOTAL_WIDTH"))),
        data_bits=plausible_bits(_number(fields.get("DATA_WIDTH"))),
        rated_mts=plausible_mts(_number(fields.get("SPEED_MTS"))),
        configured_mts=plausible_mts(_number(fields.get("CONFIGURED_SPEED_MTS"))),
        manufacturer=meaningful(fields.get("MANUFACTURER")),
        part_number=meaningful(fields.get("PART_NUMBER")),
        rank=_number(fields.get("RANK")) or None,
        technology=meaningful(fields.get("MEMORY_TECHNOLOGY")),
    )


def parse_udev_dmi(text: str, source: str = "udev record of the DMI table") -> DmiRecords:
    """The memory slots that udev recorded.

    ``complete`` is ``False`` when the record was cut: the property with the number of slots, which is
    written last, is missing although the record is as long as udev's buffer.  The slot that the cut
    went through is dropped.

    Raises:
        RigError: the text has no memory properties (virtual machine, or systemd before 248).
    """
    slots: dict[int, dict[str, str]] = {}
    plain: dict[str, str] = {}
    helper_bytes = 0
    for line in text.splitlines():
        match = _PROPERTY.fullmatch(line.strip())
        if match is None:
            continue
        key, value = match.groups()
        if key.startswith("MEMORY_"):
            helper_bytes += len(key) + len(value.encode("utf-8", "replace")) + 2
        numbered = _DEVICE.fullmatch(key)
        if numbered is None:
            plain[key] = value
        elif "SERIAL" not in key and "ASSET" not in key:
            slots.setdefault(int(numbered[1]), {})[numbered[2]] = value
    if not slots:
        raise RigError(f"{source}: no memory properties in it (virtual machine, or systemd older than 248)")
    promised = _number(plain.get("MEMORY_ARRAY_NUM_DEVICES"))
    cut = promised is None and helper_bytes >= _CUT_FROM_BYTES
    order = sorted(slots)
    if cut:
        order = order[:-1]
    # Slots of a complete record that hold no property at all cannot be told from empty ones.
    array = MemoryArray(
        use="System Memory",
        slots=promised or (None if cut else len(order)),
        max_capacity_bytes=_number(plain.get("MEMORY_ARRAY_MAX_CAPACITY")),
    )
    return DmiRecords(
        source=source,
        devices=tuple(_device(slots[i]) for i in order),
        arrays=(array,),
        vendor=meaningful(plain.get("ID_VENDOR")),
        product=meaningful(plain.get("ID_MODEL")),
        complete=not cut and (promised is None or len(order) >= promised),
    )
