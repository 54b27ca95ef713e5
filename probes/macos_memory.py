"""Memory modules of Intel Macs, from the SPMemoryDataType section of ``system_profiler``.

Each slot is an item with ``dimm_size`` ("8 GB", "empty"), ``dimm_speed`` ("2667 MHz", which is the data
rate) and ``dimm_type``; slots are called ``BANK 0/ChannelA-DIMM0``, or ``DIMM 1`` on desktops, where the
model tells how many channels there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from probes.channels import MemoryLayout, analyse_memory
from probes.dmi import DmiRecords, MemoryDevice, clean, meaningful, plausible_mts

_CHANNELS = (
    (r"MacPro7,", 6),
    (r"MacPro6,|iMacPro1,", 4),
    (r"MacPro[45],|Xserve3,", 3),
    (r"MacBook|iMac|Macmini", 2),
)
"""Channels per CPU by model identifier (Apple's technical specifications: "six channels" for the Mac Pro of
2019, "four-channel" for that of 2013 and the iMac Pro, "triple-channel" for those of 2009 to 2012)."""

_UNITS = {"MB": 1024**2, "GB": 1024**3, "TB": 1024**4}


def _items(section: object, depth: int = 4) -> Iterator[Mapping[str, Any]]:
    """The slots, in any nesting of ``_items``."""
    for item in section if isinstance(section, list) and depth else ():
        if isinstance(item, Mapping):
            if "dimm_size" in item and "_name" in item:
                yield item
            yield from _items(item.get("_items"), depth - 1)


def _number(text: object, pattern: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, text.strip()) if isinstance(text, str) else None


def _device(item: Mapping[str, Any]) -> MemoryDevice:
    size = _number(item.get("dimm_size"), r"(\d{1,6}) ?(MB|GB|TB)")
    speed = _number(item.get("dimm_speed"), r"(\d{1,5}) ?(?:MHz|MT/s)")
    kind = _text(item, "dimm_type")
    return MemoryDevice(
        locator=clean(str(item["_name"])),
        size_bytes=int(size[1]) * _UNITS[size[2]] if size else 0,
        type=kind.upper() if kind and "DDR" in kind.upper() else None,
        data_bits=64,
        configured_mts=plausible_mts(int(speed[1])) if speed else None,
        manufacturer=_text(item, "dimm_manufacturer"),
        part_number=_text(item, "dimm_part_number"),
    )


def _text(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    text = meaningful(value) if isinstance(value, str) else None
    return None if text is None or text.startswith("0x") else text


def mac_modules(section: object, source: str, model: str, sockets: int | None) -> MemoryLayout | None:
    """The layout of a Mac's memory slots; ``None`` where the section lists none (Apple Silicon).

    Args:
        section: ``SPMemoryDataType``, parsed.
        source: what the facts name as their source.
        model: model identifier, such as ``MacPro7,1``.
        sockets: number of CPUs, if known.
    """
    devices = tuple(_device(item) for item in _items(section))
    if not any(d.size_bytes and d.configured_mts for d in devices):
        return None
    channels = next((n for pattern, n in _CHANNELS if re.match(pattern, model)), None)
    records = DmiRecords(source, devices, product=model or None)
    return analyse_memory(records, sockets=sockets or 1, max_channels_per_socket=channels)


def items_from_text(text: str) -> list[dict[str, str]]:
    """The slots in the text that plain ``system_profiler`` prints: a title, then ``Size:``, ``Speed:`` …"""
    names = {
        "Size": "dimm_size",
        "Speed": "dimm_speed",
        "Type": "dimm_type",
        "Manufacturer": "dimm_manufacturer",
        "Part Number": "dimm_part_number",
    }
    found: list[dict[str, str]] = []
    rest = text.partition("\nMemory:")[2]
    section = re.split(r"^(?=\S)", rest, maxsplit=1, flags=re.MULTILINE)[0]  # the next one is not indented
    for line in section.splitlines():
        title = re.fullmatch(r"\s+((?:BANK|DIMM|SODIMM|Channel)[^:]{0,60}):\s*", line)
        field = re.fullmatch(r"\s+([A-Z][A-Za-z ]{1,20}): (.{1,80})", line)
        if title is not None:
            found.append({"_name": title[1]})
        elif field is not None and found and field[1] in names:
            found[-1][names[field[1]]] = field[2]
    return [item for item in found if "dimm_size" in item]
