"""Volumes of a Windows machine: partitions joined to the physical disks they lie on.

From the storage classes MSFT_Partition, MSFT_Disk, MSFT_PhysicalDisk and MSFT_Volume (``Get-Partition``,
``Get-Disk``, ``Get-PhysicalDisk``, ``Get-Volume``), which need no administrator.  PowerShell shows codes as
numbers or, with its storage module loaded, as words; both are read.  The ``DeviceId`` of a physical disk
is the number of its disk unless a storage space hides it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from probes.files import whole_number
from probes.types import Fact, unknown
from probes.volumes import Volume

SOURCE = "Windows storage classes"
CLASSES = {
    "MSFT_PhysicalDisk": ("DeviceId", "MediaType", "BusType", "FriendlyName"),
    "MSFT_Disk": ("Number", "BusType"),
    "MSFT_Partition": ("DiskNumber", "DriveLetter", "AccessPaths"),
    "MSFT_Volume": ("DriveLetter", "FileSystem", "Size", "SizeRemaining"),
}
"""What is asked for, of the namespace ``root/Microsoft/Windows/Storage``; no serial numbers."""

_MEDIA = {"unspecified": 0, "hdd": 3, "ssd": 4, "scm": 5}
_BUSES = {"usb": 7, "raid": 8, "sd": 12, "mmc": 13, "virtual": 14, "file backed virtual": 15}
_BUSES |= {"storage spaces": 16, "spaces": 16, "nvme": 17}
"""Codes of MediaType and BusType of MSFT_PhysicalDisk (Windows driver documentation)."""
_BUS_NAMES = {1: "SCSI", 3: "ATA", 7: "USB", 8: "RAID", 10: "SAS", 11: "SATA"}


def is_storage(item: Mapping[str, Any]) -> bool:
    """Whether an object is of one of the classes."""
    return _is_physical(item) or _is_partition(item) or _is_disk(item)


def _is_physical(item: Mapping[str, Any]) -> bool:
    return {"DeviceId", "MediaType", "BusType"} <= set(item)


def _is_partition(item: Mapping[str, Any]) -> bool:
    return "DiskNumber" in item and not {"DriveLetter", "AccessPaths"}.isdisjoint(item)


def _is_disk(item: Mapping[str, Any]) -> bool:
    return {"Number", "BusType"} <= set(item) and not _is_physical(item)


def volumes_from_storage(items: Sequence[Mapping[str, Any]]) -> tuple[Volume, ...]:
    """The volumes of all partitions that can be reached by a path."""
    physical: dict[int, list[Mapping[str, Any]]] = {}
    for item in filter(_is_physical, items):
        number = _number(item.get("DeviceId"))
        if number is not None:
            physical.setdefault(number, []).append(item)
    disks = {number: d for d in filter(_is_disk, items) if (number := _number(d.get("Number"))) is not None}
    sizes = {letter: v for v in items if "SizeRemaining" in v and (letter := _letter(v))}
    found = []
    for partition in list(filter(_is_partition, items))[:256]:
        letter = _letter(partition)
        paths = partition.get("AccessPaths")
        listed = [paths] if isinstance(paths, str) else paths if isinstance(paths, list) else []
        points = [p for p in listed if isinstance(p, str) and 0 < len(p) < 1024]
        if letter and f"{letter}:\\" not in points:
            points.insert(0, f"{letter}:\\")
        if not points:
            continue
        number = _number(partition.get("DiskNumber"))
        volume = sizes.get(letter or "", {})
        system = volume.get("FileSystem")
        found.append(
            Volume(
                points=tuple(points),
                label=f"{letter}:" if letter else None,
                kind=unknown("its partition names no disk")
                if number is None
                else _kind(physical.get(number, []), disks.get(number)),
                file_system=Fact(system, SOURCE, "reported")
                if isinstance(system, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,16}", system)
                else unknown("no volume of that letter is listed"),
                free_bytes=_size(volume, "SizeRemaining"),
                total_bytes=_size(volume, "Size"),
            )
        )
    return tuple(found)


def _kind(physical: Sequence[Mapping[str, Any]], disk: Mapping[str, Any] | None) -> Fact[str]:
    of_disk = None if disk is None else _code(disk.get("BusType"), _BUSES)
    if of_disk == 16:
        return unknown("a storage space: which drives hold it is not told")
    if of_disk in (14, 15):
        return unknown("a virtual disk: the drive behind it is not told")
    if len(physical) != 1:
        return unknown(f"{len(physical)} physical disks have the number of its disk")
    drive = physical[0]
    media, bus = _code(drive.get("MediaType"), _MEDIA), _code(drive.get("BusType"), _BUSES)
    bus = of_disk if bus is None else bus
    if of_disk is not None and of_disk != bus:
        return unknown("the physical disk with the number of its disk is on another bus")
    if bus in (14, 15, 16) or re.search(
        r"virtual|qemu|vmware|vbox|virtio", str(drive.get("FriendlyName")), re.IGNORECASE
    ):
        return unknown("a virtual disk: the drive behind it is not told")
    if bus in (12, 13):
        return Fact("flash", f"{SOURCE}: SD card or eMMC", "reported")
    if media == 3:
        return Fact("hdd", f"{SOURCE}: MediaType 3", "reported")
    if bus == 17 and media != 5:
        return Fact("nvme", f"{SOURCE}: BusType 17", "reported")
    if media == 4:
        return Fact("ssd", f"{SOURCE}: MediaType 4", "reported")
    behind = f" behind {_BUS_NAMES[bus]}" if bus in _BUS_NAMES else ""
    return unknown(f"a drive{behind} of which Windows does not tell the medium")


def _code(value: object, words: Mapping[str, int]) -> int | None:
    number = _number(value)
    return words.get(value.strip().lower()) if number is None and isinstance(value, str) else number


def _number(value: object) -> int | None:
    if isinstance(value, str):
        value = whole_number(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 65536 else None


def _letter(item: Mapping[str, Any]) -> str | None:
    """The drive letter: a character, or (some hosts) its code; NUL where there is none."""
    value = item.get("DriveLetter")
    if isinstance(value, int) and 65 <= value <= 90:
        value = chr(value)
    return value.upper() if isinstance(value, str) and re.fullmatch(r"[A-Za-z]", value) else None


def _size(item: Mapping[str, Any], name: str) -> Fact[int]:
    value = item.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**60:
        return Fact(value, SOURCE, "reported")
    return unknown("no volume of that letter is listed")
