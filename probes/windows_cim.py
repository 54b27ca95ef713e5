"""Windows machines, from ``Get-CimInstance … | ConvertTo-Json`` (or ``wmic … /value``).

Understood are Win32_PhysicalMemory, Win32_PhysicalMemoryArray, Win32_Processor, Win32_VideoController and
Win32_ComputerSystem, the storage classes (``windows_storage``) and properties of PCI devices
(``windows_links``), in any nesting, one object or a list.  ``AdapterRAM`` is a 32-bit field: a card with
4 GiB or more shows 4293918720 or 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from probes.dmi import (
    DmiRecords,
    MemoryArray,
    MemoryDevice,
    ProcessorSocket,
    meaningful,
    plausible_bits,
    plausible_mts,
)
from probes.files import whole_number
from probes.gpu import GpuProbe
from probes.smbios import MEMORY_TYPES
from probes.types import RigError
from probes.volumes import Volume
from probes.windows_adapters import (
    ADAPTER_RAM_CAP,
    SOFTWARE,
    Adapter,
    device_ids,
    gpus_from_adapters,
    vendor_by_name,
)
from probes.windows_links import CardLink, is_link_property, links_from_pnp
from probes.windows_storage import is_storage, volumes_from_storage

SOURCE = "Win32 CIM classes"
_OLD_TYPES = {20: "DDR", 21: "DDR2", 22: "DDR2 FB-DIMM", 24: "DDR3", 26: "DDR4"}
"""``MemoryType`` of CIM_PhysicalMemory (DMTF); systems before Windows 10 have no ``SMBIOSMemoryType``."""

_FORM_FACTORS = {8: "DIMM", 12: "SODIMM"}
"""``FormFactor`` of CIM_Chip (DMTF); not the codes of SMBIOS."""


@dataclass(frozen=True, slots=True)
class WindowsFindings:
    """What the classes say: the memory and processors as firmware records, and the GPUs."""

    records: DmiRecords
    gpus: GpuProbe
    total_bytes: int | None
    volumes: tuple[Volume, ...] = ()
    links: tuple[CardLink, ...] = ()


def objects(document: object, depth: int = 6) -> Iterator[Mapping[str, Any]]:
    """All objects in a JSON document, outermost first; the class descriptions of CIM are left out."""
    if depth == 0:
        return
    if isinstance(document, Mapping):
        yield document
        for key, value in document.items():
            if not str(key).startswith("Cim"):
                yield from objects(value, depth - 1)
    elif isinstance(document, list):
        for item in document:
            yield from objects(item, depth - 1)


def _is_memory(item: Mapping[str, Any]) -> bool:
    return "Capacity" in item and bool(
        {"SMBIOSMemoryType", "DeviceLocator", "Speed", "BankLabel"} & set(item)
    )


def is_cim(document: object) -> bool:
    """Whether parsed JSON holds one of the classes."""
    return any(
        _is_memory(i)
        or not {"AdapterRAM", "NumberOfLogicalProcessors", "MemoryDevices"}.isdisjoint(i)
        or is_storage(i)
        or is_link_property(i)
        for i in objects(document)
    )


def wmic_document(text: str) -> list[dict[str, str]]:
    """``wmic … /value`` or ``Format-List`` text as a list of objects: ``Key=Value`` or ``Key : Value`` lines,
    an empty line between objects."""
    items: list[dict[str, str]] = [{}]
    for line in text.splitlines():
        found = re.fullmatch(r"\s*(\w+)\s*(?:=| : )(.*)", line)
        if found is None:
            continue
        if found[1] in items[-1]:  # the next object starts when a key comes again
            items.append({})
        items[-1][found[1]] = found[2].strip()
    return [item for item in items if item]


def _number(item: Mapping[str, Any], name: str) -> int | None:
    value = item.get(name)
    if isinstance(value, str):
        value = whole_number(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**60 else None


def _text(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    return meaningful(value.strip()) if isinstance(value, str) and value.strip() else None


def windows_from_cim(document: object) -> WindowsFindings:
    """Memory, processors and GPUs in the classes found.

    Raises:
        RigError: none of the classes is in the document.
    """
    items = list(objects(document))
    modules = [i for i in items if _is_memory(i)]
    processors = [i for i in items if "NumberOfLogicalProcessors" in i and "NumberOfCores" in i]
    videos = [i for i in items if "AdapterRAM" in i]
    computers = [i for i in items if "TotalPhysicalMemory" in i]
    arrays = [i for i in items if "MemoryDevices" in i and i.get("Use", 3) in (3, "3")]
    others = any(is_storage(i) or is_link_property(i) for i in items)
    if not (modules or processors or videos or computers or arrays or others):
        raise RigError(
            "Windows JSON: none of Win32_PhysicalMemory, Win32_Processor, Win32_VideoController is in it; "
            "capture with `Get-CimInstance Win32_PhysicalMemory | ConvertTo-Json`"
        )
    computer = computers[0] if computers else {}
    records = DmiRecords(
        source=SOURCE,
        devices=tuple(_device(m) for m in modules),
        arrays=tuple(
            MemoryArray(
                use="System Memory",
                slots=_number(a, "MemoryDevices"),
                max_capacity_bytes=(_number(a, "MaxCapacityEx") or _number(a, "MaxCapacity") or 0) * 1024
                or None,
            )
            for a in arrays
        ),
        lists_empty_slots=False,
        processors=tuple(
            ProcessorSocket(
                socket=_text(p, "SocketDesignation") or "",
                name=_text(p, "Name"),
                manufacturer=_text(p, "Manufacturer"),
                cores=_number(p, "NumberOfCores"),
                threads=_number(p, "NumberOfLogicalProcessors"),
            )
            for p in processors
        ),
        vendor=_text(computer, "Manufacturer"),
        product=_text(computer, "Model"),
    )
    adapters = (adapter for video in videos if (adapter := _adapter(video)) is not None)
    return WindowsFindings(
        records,
        gpus_from_adapters(adapters),
        _number(computer, "TotalPhysicalMemory"),
        volumes_from_storage(items),
        links_from_pnp(items),
    )


def _device(item: Mapping[str, Any]) -> MemoryDevice:
    """A module; ``SMBIOSMemoryType`` has SMBIOS codes, ``Speed`` is rated, ``ConfiguredClockSpeed`` real.

    ``Attributes`` is the number of ranks.
    """
    kind = _number(item, "SMBIOSMemoryType")
    return MemoryDevice(
        locator=_text(item, "DeviceLocator") or "",
        bank=_text(item, "BankLabel") or "",
        size_bytes=_number(item, "Capacity"),
        type=MEMORY_TYPES.get(kind or 0) or _OLD_TYPES.get(_number(item, "MemoryType") or 0),
        form_factor=_FORM_FACTORS.get(_number(item, "FormFactor") or 0),
        total_bits=plausible_bits(_number(item, "TotalWidth")),
        data_bits=plausible_bits(_number(item, "DataWidth")),
        rated_mts=plausible_mts(_number(item, "Speed")),
        configured_mts=plausible_mts(_number(item, "ConfiguredClockSpeed")),
        manufacturer=_text(item, "Manufacturer"),
        part_number=_text(item, "PartNumber"),
        rank=_number(item, "Attributes"),
    )


def _adapter(item: Mapping[str, Any]) -> Adapter | None:
    """A display adapter; ``AdapterRAM`` counts only below its 32-bit cap."""
    name = _text(item, "Name") or _text(item, "Caption") or ""
    if not name or SOFTWARE.search(name):
        return None
    vendor, device, revision = device_ids(str(item.get("PNPDeviceID", "")))
    size = _number(item, "AdapterRAM")
    return Adapter(
        name=name,
        source=SOURCE,
        vendor=vendor or vendor_by_name(name),
        pci_id=device,
        revision=revision,
        memory_bytes=size if size and size < ADAPTER_RAM_CAP else None,
        driver=_text(item, "DriverVersion"),
    )
