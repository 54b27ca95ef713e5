"""AMD GPUs from ``amd-smi static --json`` and ``amd-smi metric --json``.

Values come bare or as ``{"value": 196592, "unit": "MB"}``, in a list or under ``gpu_data``, depending on the
version.  Its bandwidth and current clocks are not used: the first is -1 on some versions, the second of
another unit on others.  Serial numbers are never read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from probes.amd import APU_PCI_IDS, architecture
from probes.gpu import GpuProbe, GpuReading, accelerator_from_reading, merge
from probes.gpu_match import accelerators_by_pci_id
from probes.types import PcieLink, RigError

SOURCE = "amd-smi"

_NULLS = ("", "n/a", "none", "unknown")
_UNITS = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}
_GENERATION = {2.5: 1.0, 5.0: 2.0, 8.0: 3.0, 16.0: 4.0, 32.0: 5.0, 64.0: 6.0}


def _entries(document: object) -> list[Mapping[str, Any]]:
    if isinstance(document, Mapping):
        document = document.get("gpu_data")
    if not isinstance(document, list):
        return []
    return [
        item
        for item in document
        if isinstance(item, Mapping) and "gpu" in item and {"asic", "vram", "mem_usage", "bus"} & set(item)
    ]


def is_amd_smi(document: object) -> bool:
    """Whether parsed JSON is what ``amd-smi static`` or ``metric`` prints."""
    return bool(_entries(document))


def gpus_from_amd_smi(document: object) -> GpuProbe:
    """GPUs in parsed ``amd-smi … --json`` output.

    Raises:
        RigError: no GPU in it.
    """
    entries = _entries(document)
    if not entries:
        raise RigError("amd-smi JSON: no GPU in it; capture it with `amd-smi static --json`")
    return merge(_gpu(entry) for entry in entries)


def _text(item: Mapping[str, Any], *path: str) -> str | None:
    value: Any = item
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("value")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    return None if text.lower() in _NULLS else text


def _number(item: Mapping[str, Any], *path: str) -> float | None:
    found = re.match(r"\d{1,15}(\.\d{1,6})?", _text(item, *path) or "")
    value = float(found[0]) if found else 0.0
    return value if 0 < value < 1e12 else None


def _size(item: Mapping[str, Any], *path: str) -> int | None:
    """A size with its unit; MB are MiB here, and the unit of a bare number."""
    value: Any = item
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    unit = value.get("unit") if isinstance(value, Mapping) else None
    if isinstance(value, str) and (
        found := re.fullmatch(r"\d{1,15}(?:\.\d{1,6})? ?([KMG]i?B)", value.strip())
    ):
        unit = found[1]
    number = _number(item, *path)
    factor = _UNITS.get(str(unit or "MB").upper())
    return int(number * factor) if number and factor and number * factor < 2**60 else None


def _hex(text: str | None, digits: int) -> str | None:
    found = re.fullmatch(r"0x([0-9a-fA-F]+)", text or "")
    return f"{int(found[1], 16):0{digits}X}" if found and len(found[1]) <= 8 else None


def _gpu(entry: Mapping[str, Any]) -> GpuProbe:
    pci_id, revision = _hex(_text(entry, "asic", "device_id"), 4), _hex(_text(entry, "asic", "rev_id"), 2)
    entries = accelerators_by_pci_id(pci_id, "AMD", revision)
    unified = pci_id in APU_PCI_IDS or any(e.unified for e in entries)
    total = _size(entry, "vram", "size") or _size(entry, "mem_usage", "total_vram")
    gtt = _size(entry, "mem_usage", "total_gtt") or 0
    speed, width = _number(entry, "bus", "max_pcie_speed"), _number(entry, "bus", "max_pcie_width")
    link = PcieLink(_GENERATION.get(speed or 0), int(width) if width and width <= 32 else None)
    power = _number(entry, "limit", "socket_power", "socket_power_limit") or _number(
        entry, "limit", "max_power"
    )
    bits = _number(entry, "vram", "bit_width") or _number(entry, "vram", "vram_bit_width")
    target = _text(entry, "asic", "target_graphics_version")
    driver = _text(entry, "driver", "version") or _text(entry, "driver", "driver_version")
    reading = GpuReading(
        source=SOURCE,
        vendor="AMD",
        name=_text(entry, "asic", "market_name"),
        pci_id=pci_id,
        revision=revision,
        vram_bytes=((total or 0) + gtt if unified else total) or None,
        free_bytes=None if unified else _size(entry, "mem_usage", "free_vram"),
        bus_bits=int(bits) if bits and bits <= 65536 and not unified else None,
        unified=unified,
        pcie=link if not unified and link != PcieLink(None, None) else None,
        pcie_reason="the GPU is part of the chip" if unified else "not reported",
        driver=f"amdgpu {driver}" if driver else "amdgpu",
        power_limit_w=power,
        backend="rocm",
        architecture=architecture(target.lower() if target else None),
        bandwidth_reason="the bandwidth of system RAM" if unified else None,
        vram_reason="the capture has no VRAM size; use `amd-smi static --json`",
    )
    info, notes = accelerator_from_reading(reading)
    address = _text(entry, "bus", "bdf")
    return GpuProbe((info,), notes, (address.lower(),) if address else ())
