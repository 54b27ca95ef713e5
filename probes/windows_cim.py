"""Windows machines, from ``Get-CimInstance … | ConvertTo-Json`` (or ``wmic … /value``).

Understood are Win32_PhysicalMemory, Win32_PhysicalMemoryArray, Win32_Processor, Win32_VideoController and
Win32_ComputerSystem, in any nesting, one object or a list.  ``AdapterRAM`` is a 32-bit field: a card with
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
from probes.gpu import GpuProbe, GpuReading, accelerator_from_reading, merge
from probes.smbios import MEMORY_TYPES
from probes.types import RigError

SOURCE = "Win32 CIM classes"
ADAPTER_RAM_CAP = 4_293_918_720
"""4 GiB less 1 MiB: what a 32-bit AdapterRAM shows for any larger memory."""

_OLD_TYPES = {20: "DDR", 21: "DDR2", 22: "DDR2 FB-DIMM", 24: "DDR3", 26: "DDR4"}
"""``MemoryType`` of CIM_PhysicalMemory (DMTF); systems before Windows 10 have no ``SMBIOSMemoryType``."""

_FORM_FACTORS = {8: "DIMM", 12: "SODIMM"}
"""``FormFactor`` of CIM_Chip (DMTF); not the codes of SMBIOS."""

_SOFTWARE = re.compile(r"basic (display|render)|remote|virtual|parsec|citrix|hyper-v", re.IGNORECASE)
_VENDORS = {"10DE": "NVIDIA", "1002": "AMD", "8086": "Intel"}


@dataclass(frozen=True, slots=True)
class WindowsFindings:
    """What the classes say: the memory and processors as firmware records, and the GPUs."""

    records: DmiRecords
    gpus: GpuProbe
    total_bytes: int | None


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
        _is_memory(i) or not {"AdapterRAM", "NumberOfLogicalProcessors", "MemoryDevices"}.isdisjoint(i)
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
    if not (modules or processors or videos or computers or arrays):
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
    return WindowsFindings(records, merge(map(_gpu, videos)), _number(computer, "TotalPhysicalMemory"))


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


def _gpu(item: Mapping[str, Any]) -> GpuProbe:
    name = _text(item, "Name") or _text(item, "Caption") or ""
    if not name or _SOFTWARE.search(name):
        return GpuProbe()
    ids = re.search(
        r"VEN_([0-9A-F]{4})&(?:amp;)?DEV_([0-9A-F]{4})", str(item.get("PNPDeviceID", "")), re.IGNORECASE
    )
    vendor = _VENDORS.get(ids[1].upper()) if ids else None
    if vendor is None:
        words = (("NVIDIA", "nvidia|geforce|quadro|tesla"), ("AMD", "amd|radeon"), ("Intel", "intel"))
        vendor = next((v for v, w in words if re.search(w, name, re.IGNORECASE)), None)
    if vendor is None:
        return GpuProbe()
    reading = GpuReading(
        source=SOURCE,
        vendor=vendor,
        name=name,
        pci_id=ids[2].upper() if ids else None,
        driver=_text(item, "DriverVersion"),
        backend="cuda" if vendor == "NVIDIA" else "vulkan",
        vram_reason="AdapterRAM is a 32-bit field and the card is not in the catalog",
    )
    info, notes = accelerator_from_reading(reading)
    if info.unified.value:
        return GpuProbe((info,), notes)
    size = _number(item, "AdapterRAM")
    if not info.vram_bytes.known and size and size < ADAPTER_RAM_CAP:
        from dataclasses import replace

        from probes.types import Fact

        info = replace(info, vram_bytes=Fact(size, SOURCE, "reported"))
    if not info.vram_bytes.known and not info.bandwidth_bytes_per_s.known:
        return GpuProbe(
            notes=(*notes, f"{name}: memory and bandwidth unknown; add `nvidia-smi -q -x` if it has one.")
        )
    if not info.bandwidth_bytes_per_s.known and vendor == "Intel":
        return GpuProbe(notes=(f"{name}: integrated graphics that share system RAM; left out.",))
    return GpuProbe((info,), notes)
