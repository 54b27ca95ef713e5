"""Volumes of a Mac: the SPStorageDataType and SPNVMeDataType sections of ``system_profiler -json``.

``physical_drive`` of a volume names its drive (``device_name``), which ``SPNVMeDataType`` lists when it is
an NVMe one; the ``bsd_name`` of an APFS volume is of a made-up disk and leads to no drive.  Names of
volumes, serial numbers and UUIDs are not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from probes.types import Fact, unknown
from probes.volumes import Volume

SOURCE = "system_profiler"
SECTIONS = ("SPStorageDataType", "SPNVMeDataType")
_DATA = "/System/Volumes/Data"
"""The volume of the users' folders since macOS 10.15; ``/`` is the read-only system then."""


def volumes_from_system_profiler(document: Mapping[str, Any]) -> tuple[Volume, ...]:
    """The mounted volumes in parsed ``system_profiler -json`` output; none without ``SPStorageDataType``."""
    entries = [v for v in _objects(document.get("SPStorageDataType")) if _text(v, "mount_point")]
    nvme = {
        name
        for drive in _items(document.get("SPNVMeDataType"))
        for key in ("bsd_name", "device_model", "_name")
        if (name := _text(drive, key))
    }
    split = any(_text(v, "mount_point") == _DATA for v in entries)
    return tuple(_volume(entry, nvme, split) for entry in entries[:256])


def _volume(entry: Mapping[str, Any], nvme: set[str], split: bool) -> Volume:
    point = _text(entry, "mount_point")
    label = {_DATA: "~", "/": None if split else "~"}.get(point)
    if point.startswith("/Volumes/") and _text(entry, "writable") != "no":
        label = "/Volumes/…"  # its name may be a person's
    system = _text(entry, "file_system")
    return Volume(
        points=(point,),
        label=label,
        kind=_kind(entry, nvme),
        file_system=Fact(system, SOURCE, "reported") if system else unknown("not told by system_profiler"),
        free_bytes=_size(entry, "free_space_in_bytes"),
        total_bytes=_size(entry, "size_in_bytes"),
    )


def _kind(entry: Mapping[str, Any], nvme: set[str]) -> Fact[str]:
    drive = entry.get("physical_drive")
    if not isinstance(drive, Mapping):
        return unknown("system_profiler names no drive of it")
    protocol, medium = _text(drive, "protocol"), _text(drive, "medium_type").lower()
    name = _text(drive, "device_name")
    if re.search(r"virt|disk image", f"{protocol} {name}", re.IGNORECASE):
        return unknown("a virtual disk or a disk image: the drive behind it is not told")
    if protocol.lower().startswith("secure digital"):
        return Fact("flash", f"{SOURCE}: {protocol}", "reported")
    disk = re.match(r"disk\d+", _text(entry, "bsd_name"))
    if protocol.upper() != "USB" and (name in nvme or (disk is not None and disk[0] in nvme)):
        return Fact("nvme", f"{SOURCE}: listed as an NVMe drive", "reported")
    if medium in ("ssd", "solid state"):
        return Fact("ssd", f"{SOURCE}: medium_type {medium}", "reported")
    if medium == "rotational":
        return Fact("hdd", f"{SOURCE}: medium_type {medium}", "reported")
    place = "an external drive" if _text(drive, "is_internal_disk") == "no" else "a drive"
    behind = f" behind {protocol}" if protocol else ""
    return unknown(f"{place}{behind}: system_profiler does not tell its medium")


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def _items(section: object) -> Iterator[Mapping[str, Any]]:
    """The drives of all controllers."""
    for controller in _objects(section):
        yield from _objects(controller.get("_items"))


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value.strip()[:256] if isinstance(value, str) and value.isprintable() else ""


def _size(item: Mapping[str, Any], name: str) -> Fact[int]:
    value = item.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**60:
        return Fact(value, SOURCE, "reported")
    return unknown("not told by system_profiler")
