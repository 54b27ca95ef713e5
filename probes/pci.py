"""The PCI bus: links, graphics cards without a driver, and Intel GPUs.

Reads ``/sys/bus/pci/devices`` only.  A card that NVML or the AMD probe already accounts for is left
out; what remains is either an Intel GPU or a card whose driver is missing, and the catalog's table
of PCI ids says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from probes.files import read_line, read_text
from probes.gpu import (
    GpuProbe,
    GpuReading,
    accelerator_from_reading,
    merge,
    read_int,
)
from probes.gpu_match import accelerators_by_pci_id, size_behind_bar, soldered_memory
from probes.types import PcieLink

if TYPE_CHECKING:
    from catalog.types import Accelerator

VENDORS = {0x10DE: "NVIDIA", 0x1002: "AMD", 0x8086: "Intel"}

_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
GENERATION = {2.5: 1.0, 5.0: 2.0, 8.0: 3.0, 16.0: 4.0, 32.0: 5.0, 64.0: 6.0}
"""PCIe generation by transfer rate in GT/s (PCI Express Base Specification)."""

_DRIVER_ADVICE = {
    "NVIDIA": "install the NVIDIA driver to use it",
    "AMD": "load the amdgpu driver (part of the kernel) to use it",
    "Intel": "load the i915 or xe driver (part of the kernel) to use it",
}
BACKENDS = {"nvidia": "cuda", "amdgpu": "rocm", "i915": "vulkan", "xe": "vulkan"}
"""What a runtime uses through a kernel driver."""
_RESERVED = ("vfio-pci", "pci-stub", "xen-pciback")


@dataclass(frozen=True, slots=True)
class PciDevice:
    """A display or accelerator function on the bus. ``path`` is its resolved sysfs folder."""

    address: str
    vendor: str
    device_id: str
    driver: str | None
    path: Path
    revision: str | None = None


def display_devices(root: Path = Path("/")) -> Iterator[PciDevice]:
    """Graphics and compute functions of the three vendors, in bus order.

    Class 0x03 is display; AMD's Instinct cards register as 0x12, processing accelerator.
    """
    folder = root / "sys/bus/pci/devices"
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        pci_class = read_int(entry / "class")
        if pci_class is None or pci_class >> 16 not in (0x03, 0x12):
            continue
        vendor, device = read_int(entry / "vendor"), read_int(entry / "device")
        if vendor not in VENDORS or device is None:
            continue
        if pci_class >> 16 == 0x12 and vendor == 0x8086:  # Intel's NPUs and Gaudi are no GPUs
            continue
        revision = read_int(entry / "revision")
        yield PciDevice(
            entry.name,
            VENDORS[vendor],
            f"{device:04X}",
            driver_name(entry),
            resolved(entry),
            None if revision is None else f"{revision:02X}",
        )


def driver_name(device: Path) -> str | None:
    """The bound kernel driver: the name that the ``driver`` link points to."""
    link = device / "driver"
    try:
        return link.readlink().name
    except OSError:
        # A copied tree may hold a folder or nothing at all instead of the link.
        return None


def resolved(path: Path) -> Path:
    """The real folder behind a sysfs link; the path itself when it cannot be resolved."""
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError):
        return path


def _speed(path: Path) -> float | None:
    """Generation from a ``…_link_speed`` file, e.g. ``16.0 GT/s PCIe`` -> 4; unknown speeds -> ``None``."""
    text = read_line(path)
    found = re.match(r"(\d+(?:\.\d+)?)", text or "")
    return GENERATION.get(float(found[1])) if found else None


def _width(path: Path) -> int | None:
    value = read_int(path)
    # 0 is "no link", 63 and 255 are what virtual and integrated devices print.
    return value if value is not None and 0 < value <= 32 else None


@dataclass(frozen=True, slots=True)
class Hop:
    """One link on the way from a card to the CPU: highest generation, lanes in use and lanes there are."""

    generation: float | None
    lanes: int | None
    max_lanes: int | None


def narrowest_link(hops: Sequence[Hop]) -> PcieLink | None:
    """The narrowest of the links from a card (first) to the root port (last).

    Cards with a switch on board (Navi and later) show the full width at the GPU function whatever
    the slot is; the links of the bridges above it tell.  The current speed drops at idle, so the
    generation is the lowest *maximum* speed on the way, the width the lowest *current* width.  What the
    card itself could use is the least that the links below the root port can.
    """
    speeds = [hop.generation for hop in hops if hop.generation is not None]
    widths = [hop.lanes for hop in hops if hop.lanes is not None]
    if not speeds and not widths:
        return None
    card = hops[:-1] or hops
    return PcieLink(
        generation=min(speeds, default=None),
        lanes=min(widths, default=None),
        max_generation=min((h.generation for h in card if h.generation is not None), default=None),
        max_lanes=min((h.max_lanes for h in card if h.max_lanes is not None), default=None),
    )


def pcie_link(device: Path) -> PcieLink | None:
    """The narrowest link between a device and the root port, from sysfs."""
    hops = []
    hop = resolved(device)
    while _ADDRESS.fullmatch(hop.name):
        found = Hop(
            _speed(hop / "max_link_speed"),
            _width(hop / "current_link_width"),
            _width(hop / "max_link_width"),
        )
        if found != Hop(None, None, None):
            hops.append(found)
        hop = hop.parent
    return narrowest_link(hops)


def probe_pci(root: Path = Path("/"), known: Collection[str] = (), *, live: bool = True) -> GpuProbe:
    """GPUs on the PCI bus that no other probe accounts for.

    ``known`` are the PCI addresses that other probes have listed.  Intel GPUs come with their VRAM
    from the driver and their bandwidth from the catalog; a card of any vendor without a working
    driver is listed with the catalog's figures and a note that says so.  With ``live`` off (a captured
    tree) a bound driver counts as working although it could not be asked.
    """
    taken = {address.lower() for address in known}
    found: list[GpuProbe] = []
    for device in display_devices(root):
        if device.address.lower() in taken:
            continue
        if device.vendor == "Intel":
            found.append(_intel(device))
        elif not live and device.driver in BACKENDS:
            found.append(_captured(device))
        else:
            found.append(_without_driver(device))
    return merge(found)


def _without_driver(device: PciDevice) -> GpuProbe:
    entries = accelerators_by_pci_id(device.device_id, device.vendor, device.revision)
    where = f"PCI {device.address}"
    if device.vendor == "AMD" and any(e.unified for e in entries):
        return GpuProbe(
            notes=(f"{entries[0].name} ({where}): {_driver_state(device)}; {_DRIVER_ADVICE['AMD']}.",),
            pci_addresses=(device.address,),
        )
    reading = GpuReading(
        source="pci",
        vendor=device.vendor,
        pci_id=device.device_id,
        revision=device.revision,
        pcie=pcie_link(device.path),
        vram_reason="needs the driver",
    )
    info, notes = accelerator_from_reading(reading)
    name = info.name.value or f"{device.vendor} card {device.device_id}"
    note = f"{name} ({where}): card present, driver missing: {_driver_state(device)}; {_advice(device)}."
    if not entries:
        # Without a driver and without a catalog entry there is nothing to estimate with.
        return GpuProbe(notes=(f"{note} Its PCI id is not in the catalog.",), pci_addresses=(device.address,))
    return GpuProbe((info,), (note, *notes), (device.address,))


def _captured(device: PciDevice) -> GpuProbe:
    """A card of another machine whose driver was bound when the tree was copied."""
    reading = GpuReading(
        source="pci",
        vendor=device.vendor,
        pci_id=device.device_id,
        revision=device.revision,
        pcie=pcie_link(device.path),
        driver=device.driver,
        backend=BACKENDS.get(device.driver or ""),
        vram_reason="not in the captured tree",
    )
    info, notes = accelerator_from_reading(reading)
    note = (
        f"{info.name.value}: only its PCI id {device.device_id} is in the captured tree; `nvidia-smi -q -x` "
        "or the KFD topology would tell its memory and clocks."
    )
    return GpuProbe((info,), (note, *notes), (device.address,))


def _driver_state(device: PciDevice) -> str:
    if device.driver is None:
        return "no kernel driver is bound to it"
    if device.driver in _RESERVED:
        return f"{device.driver} keeps it for a virtual machine"
    return f"the {device.driver} driver is bound to it but no compute interface answers"


def _advice(device: PciDevice) -> str:
    if device.driver in _RESERVED:
        return "release it from the virtual machine to use it here"
    if device.driver == "nvidia":
        return "run `nvidia-smi`; in a container pass the GPU through (`--gpus all`)"
    if device.driver == "amdgpu":
        return "in a container pass `--device /dev/kfd --device /dev/dri`"
    return _DRIVER_ADVICE[device.vendor]


def _intel(device: PciDevice) -> GpuProbe:
    """An Intel GPU: VRAM from the xe or i915 driver, everything else from the catalog."""
    entries = accelerators_by_pci_id(device.device_id, device.vendor, device.revision)
    vram, source = _intel_vram(device.path, entries)
    discrete = vram is not None or any(not e.unified for e in entries)
    if not discrete:
        if not entries:
            return GpuProbe(
                notes=(
                    f"Intel integrated graphics {device.device_id} (PCI {device.address}): shares system RAM "
                    "and is not in the catalog; it is left out.",
                ),
                pci_addresses=(device.address,),
            )
        reading = GpuReading(
            source="pci",
            vendor="Intel",
            pci_id=device.device_id,
            revision=device.revision,
            unified=True,
            pcie_reason="the GPU is part of the chip",
            driver=device.driver,
            backend="vulkan" if device.driver in ("i915", "xe") else None,
            vram_reason="shares system RAM",
            bandwidth_reason=None if soldered_memory(entries) else "the bandwidth of system RAM",
        )
        info, notes = accelerator_from_reading(reading)
        return GpuProbe((info,), notes, (device.address,))
    reading = GpuReading(
        source=source or "pci",
        vendor="Intel",
        pci_id=device.device_id,
        revision=device.revision,
        vram_bytes=vram,
        unified=False,
        pcie=pcie_link(device.path),
        driver=device.driver,
        backend="vulkan" if device.driver in ("i915", "xe") else None,
        vram_reason="this kernel does not export it",
    )
    info, notes = accelerator_from_reading(reading)
    if device.driver not in ("i915", "xe"):
        name = info.name.value or "Intel card"
        notes = (f"{name} ({device.address}): card present, driver missing; {_advice(device)}.", *notes)
    return GpuProbe((info,), notes, (device.address,))


def _intel_vram(path: Path, entries: tuple[Accelerator, ...]) -> tuple[int | None, str | None]:
    """(bytes, source): xe's tiles, i915's local memory, else the size sold that a large BAR 2 stands for."""
    tiles = [v for v in map(read_int, sorted(path.glob("tile*/physical_vram_size_bytes"))) if v]
    if tiles:
        return sum(tiles), "xe"
    for card in sorted(path.glob("drm/card*/lmem_total_bytes")):
        value = read_int(card)
        if value:
            return value, "i915"
    lines = (read_text(path / "resource") or "").splitlines()
    if len(lines) > 2:
        bounds = re.findall(r"0x([0-9a-fA-F]+)", lines[2])
        if len(bounds) >= 2:
            size = int(bounds[1], 16) - int(bounds[0], 16) + 1
            sold = size_behind_bar(entries, size)
            return sold, "pci BAR 2 and catalog" if sold else None
    return None, None
