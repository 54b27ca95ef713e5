"""GPUs in the output of ``vulkaninfo``: ``--summary``, the full text, and ``-j``.

A last resort: it tells names and ids, and only the full forms tell memory.  Software renderers are left out,
and a card that two drivers list (RADV and AMDVLK) counts once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from probes.gpu import GpuProbe, GpuReading, accelerator_from_reading, merge
from probes.gpu_match import accelerators_by_pci_id, soldered_memory
from probes.types import RigError

SOURCE = "vulkaninfo"

_VENDORS = {0x10DE: "NVIDIA", 0x1002: "AMD", 0x8086: "Intel"}
_BY_NAME = (
    ("NVIDIA", re.compile(r"nvidia|geforce|quadro|tesla", re.IGNORECASE)),
    ("AMD", re.compile(r"\bamd\b|radeon|radv", re.IGNORECASE)),
    ("Intel", re.compile(r"intel|\barc\b", re.IGNORECASE)),
)
_SOFTWARE = re.compile(r"llvmpipe|swiftshader|lavapipe|softpipe", re.IGNORECASE)
_OLD_LINE = re.compile(
    r"^[ \t]*GPU id[ \t]*[=:]?[ \t]*\d{1,4}[ \t]*\((.{1,200})\)[ \t]*:?[ \t\r]*$", re.MULTILINE
)
_HEAP = re.compile(r"memoryHeaps\[\d+\]:(.*?)(?=memoryHeaps\[\d+\]:|memoryTypes|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Device:
    """One physical device as one Vulkan driver presents it."""

    name: str
    vendor_id: int | None = None
    device_id: int | None = None
    kind: str = ""
    driver: str = ""
    local_heap_bytes: int | None = None


def looks_like_vulkaninfo(text: str) -> bool:
    """Whether the text is vulkaninfo's, in any of its layouts for people."""
    return bool(_OLD_LINE.search(text)) or (
        "deviceName" in text and bool(re.search(r"^[ \t]*deviceType[ \t]*[=:]", text, re.MULTILINE))
    )


def is_vulkaninfo(document: object) -> bool:
    """Whether parsed JSON is ``vulkaninfo -j``."""
    return any(True for _ in _find(document, "VkPhysicalDeviceProperties"))


def gpus_from_vulkaninfo(text: str) -> GpuProbe:
    """GPUs in vulkaninfo's text.

    Raises:
        RigError: no device in it.
    """
    parts = re.split(r"^GPU\d{1,4}:[ \t\r]*$", text, flags=re.MULTILINE)[1:]
    devices = [_from_lines(part) for part in parts if "deviceName" in part]
    if not devices and "deviceName" in text:
        devices = [_from_lines(text)]
    if not devices:
        devices = [_Device(name) for name in _OLD_LINE.findall(text)]
    if not devices:
        raise RigError("vulkaninfo: no device in it; capture it with `vulkaninfo --summary`")
    return _gpus(devices)


def gpus_from_vulkaninfo_json(document: object) -> GpuProbe:
    """The GPU in parsed ``vulkaninfo -j`` output (one device per document).

    Raises:
        RigError: no device in it.
    """
    properties = next(_find(document, "VkPhysicalDeviceProperties"), None)
    if not isinstance(properties, Mapping) or not isinstance(properties.get("deviceName"), str):
        raise RigError("vulkaninfo JSON: no VkPhysicalDeviceProperties with a deviceName in it")
    memory = next(_find(document, "VkPhysicalDeviceMemoryProperties"), None)
    heaps = memory.get("memoryHeaps") if isinstance(memory, Mapping) else None
    sizes = [
        heap["size"]
        for heap in (heaps if isinstance(heaps, list) else ())
        if isinstance(heap, Mapping) and isinstance(heap.get("size"), int) and _is_local(heap.get("flags"))
    ]
    kind = properties.get("deviceType")
    kinds = {1: "INTEGRATED_GPU", 2: "DISCRETE_GPU", 3: "VIRTUAL_GPU", 4: "CPU"}
    return _gpus(
        [
            _Device(
                name=properties["deviceName"],
                vendor_id=_id(properties.get("vendorID")),
                device_id=_id(properties.get("deviceID")),
                kind=kinds.get(kind, "") if isinstance(kind, int) else str(kind or ""),
                local_heap_bytes=max((s for s in sizes if 0 < s < 2**60), default=None),
            )
        ]
    )


def _is_local(flags: object) -> bool:
    return flags in (1, 3) or "DEVICE_LOCAL" in str(flags)


def _find(document: object, key: str, depth: int = 6) -> Iterator[Any]:
    if depth == 0:
        return
    if isinstance(document, Mapping):
        if key in document:
            yield document[key]
        for value in document.values():
            yield from _find(value, key, depth - 1)
    elif isinstance(document, list):
        for value in document[:64]:
            yield from _find(value, key, depth - 1)


def _id(value: object) -> int | None:
    if isinstance(value, str):
        try:
            value = int(value, 0)
        except ValueError:
            return None
    return value if isinstance(value, int) and 0 < value < 2**32 else None


def _from_lines(part: str) -> _Device:
    fields: dict[str, str] = {}
    for name, value in re.findall(r"^[ \t]*(\w{1,60})[ \t]*=[ \t]*(\S.{0,400})?$", part, re.MULTILINE):
        fields.setdefault(name, value.strip())
    heaps = [
        int(size[1])
        for heap in _HEAP.findall(part)
        if "DEVICE_LOCAL" in heap and (size := re.search(r"size\s*=\s*(\d{1,18})\b", heap))
    ]
    ids = [re.match(r"0x[0-9a-fA-F]+|\d+", fields.get(k, "")) for k in ("vendorID", "deviceID")]
    return _Device(
        name=fields.get("deviceName", ""),
        vendor_id=_id(ids[0][0]) if ids[0] else None,
        device_id=_id(ids[1][0]) if ids[1] else None,
        kind=fields.get("deviceType", ""),
        driver=fields.get("driverID") or fields.get("driverName", ""),
        local_heap_bytes=max(heaps, default=None),
    )


def _gpus(devices: list[_Device]) -> GpuProbe:
    real = [d for d in devices if "_CPU" not in f"_{d.kind}" and not _SOFTWARE.search(d.name)]
    if not real:
        return GpuProbe(notes=("vulkaninfo: only software rendering, no GPU.",))
    return merge(map(_gpu, _once(real)))


def _once(devices: list[_Device]) -> list[_Device]:
    """Each card once: of the drivers that list a device id, the one that lists most of it."""
    per_driver = Counter((d.vendor_id, d.device_id, d.driver) for d in devices)
    chosen: dict[tuple[int | None, int | None], str] = {}
    for (vendor, device, driver), count in per_driver.items():
        best = chosen.get((vendor, device))
        if best is None or count > per_driver[vendor, device, best]:
            chosen[vendor, device] = driver
    return [d for d in devices if d.device_id is None or d.driver == chosen[d.vendor_id, d.device_id]]


def _gpu(device: _Device) -> GpuProbe:
    vendor = _VENDORS.get(device.vendor_id or 0)
    if device.vendor_id is None:
        vendor = next((v for v, words in _BY_NAME if words.search(device.name)), None)
    if vendor is None:
        return GpuProbe()
    # The driver's name in brackets: "AMD Radeon RX 7900 XTX (RADV NAVI31)", "NVIDIA GeForce … (NVK AD104)"
    name = re.sub(r"\s*\((?:RADV|NVK|ANV|LLVM|AMDVLK)?[^()]*(?:\([^()]*\))?[^()]*\)\s*$", "", device.name)
    pci_id = (
        f"{device.device_id:04X}" if device.device_id is not None and device.device_id < 0x10000 else None
    )
    entries = accelerators_by_pci_id(pci_id, vendor)
    unified = "INTEGRATED" in device.kind or (bool(entries) and all(e.unified for e in entries))
    reading = GpuReading(
        source=SOURCE,
        vendor=vendor,
        name=name.strip() or None,
        pci_id=pci_id,
        # The device-local heap of integrated graphics is a part of RAM, not a memory of its own.
        vram_bytes=None if unified else device.local_heap_bytes,
        unified=True if unified else None,
        pcie_reason="the GPU is part of the chip" if unified else "not told by vulkaninfo",
        backend="cuda" if vendor == "NVIDIA" else "vulkan",
        bandwidth_reason="the bandwidth of system RAM" if unified and not soldered_memory(entries) else None,
        vram_reason="shares system RAM" if unified else "vulkaninfo --summary does not tell it",
    )
    info, notes = accelerator_from_reading(reading)
    if unified and not entries and vendor == "Intel":
        return GpuProbe(notes=(f"{name}: integrated graphics that share system RAM; left out.",))
    return GpuProbe((info,), notes)
