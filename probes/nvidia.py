"""NVIDIA GPUs through NVML, the driver's own library.

Bandwidth = bus width / 8 x maximum memory clock x 2: NVML reports half the per-pin data rate for
every memory technology (checked on GDDR5, GDDR6, GDDR6X, HBM2 and HBM2e cards).  The *current* clock
drops to 405 MHz at idle and is never used; the same goes for the current PCIe generation.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from probes.files import meminfo, read_line
from probes.gpu import (
    GpuProbe,
    GpuReading,
    accelerator_from_reading,
)
from probes.types import AcceleratorInfo, Fact, PcieLink, unknown

CLOCK_FACTOR = 2.0
"""Transfers per cycle of the memory clock that NVML reports."""

# NVML return codes (nvml.h)
_NOT_SUPPORTED = 3
_DRIVER_NOT_LOADED = 9
_LIBRARY_NOT_FOUND = 12
_GPU_IS_LOST = 15
_LIB_RM_VERSION_MISMATCH = 18

_INIT_ADVICE = {
    _LIBRARY_NOT_FOUND: "NVIDIA: the driver's library (libnvidia-ml) is not installed; install the NVIDIA "
    "driver if there is an NVIDIA card in this machine.",
    _DRIVER_NOT_LOADED: "NVIDIA: the driver is installed but its kernel module is not loaded; run "
    "`modprobe nvidia` (a kernel update without rebuilt modules, or Secure Boot, keeps it from loading).",
    _LIB_RM_VERSION_MISMATCH: "NVIDIA: the driver was updated while the old kernel module keeps running "
    "(library and module versions differ); reboot to finish the update.",
}

UNIFIED_NAME = re.compile(r"\b(GB10|Orin|Xavier|Thor|Tegra)\b", re.IGNORECASE)
"""Chips whose GPU has no memory of its own.  Grace Hopper and Grace Blackwell have: not in the list."""

_LIBRARY_FOLDERS = (
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "usr/lib/wsl/lib",
    "usr/local/nvidia/lib64",
    "run/opengl-driver/lib",
    "usr/lib/aarch64-linux-gnu/tegra",
)

_ARCHITECTURES = {
    (5, 0): "maxwell",
    (6, 0): "pascal-gp100",
    (6, 1): "pascal",
    (7, 0): "volta",
    (7, 5): "turing",
    (8, 0): "ampere-ga100",
    (8, 6): "ampere",
    (8, 7): "ampere-jetson",
    (8, 9): "ada",
    (9, 0): "hopper",
    (10, 0): "blackwell-dc",
    (11, 0): "blackwell-jetson",
    (12, 0): "blackwell",
    (12, 1): "blackwell-gb10",
}
"""First compute capability of each architecture (CUDA C++ Programming Guide, compute capabilities)."""

_NVLINK_GBS = {1: 20.0, 2: 25.0, 3: 25.0, 4: 25.0, 5: 50.0}
"""GB/s per link and direction by NVLink version: NVIDIA's published totals divided by links and by two
(P100 160/4, V100 300/6, A100 600/12, H100 900/18, B200 1800/18)."""
_NVLINK_GA102_GBS = 14.0625
"""GA102 (RTX 3090, A6000; compute capability 8.6): 112.5 GB/s over 4 links, both directions."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """Result of one guarded call: a value, or the error's code."""

    value: Any = None
    code: int | None = None


class _Driver:
    """NVML with every call guarded: a failing one gives an answer without a value."""

    def __init__(self, nvml: Any) -> None:
        self.nvml = nvml
        self.errors: tuple[type[BaseException], ...] = (
            nvml.NVMLError,
            AttributeError,
            OSError,
            TypeError,
            ValueError,
        )

    def ask(self, function: str, *args: Any, **kwargs: Any) -> _Answer:
        try:
            return _Answer(getattr(self.nvml, function)(*args, **kwargs))
        except self.errors as error:
            return _Answer(code=int(getattr(error, "value", 999) or 999))

    def number(self, function: str, *args: Any) -> int | None:
        """A positive number; 0 and the all-ones "not available" values are ``None``."""
        value = self.ask(function, *args).value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 0xFFFF_FFFF:
            return None
        return value

    def text(self, function: str, *args: Any) -> str | None:
        value = self.ask(function, *args).value
        if isinstance(value, bytes):
            value = value.decode("utf-8", errors="replace")
        return value.strip() or None if isinstance(value, str) else None


NO_DRIVER = "NVIDIA: no driver on this system (neither /dev/nvidiactl nor libnvidia-ml)."
"""The note of a machine without an NVIDIA driver; of interest only when no other GPU is found."""


def driver_is_there(root: Path = Path("/")) -> bool:
    """Whether anything of an NVIDIA driver is on this system: a few ``stat`` calls, no import."""
    for path in ("proc/driver/nvidia", "dev/nvidiactl", "dev/dxg"):
        if (root / path).exists():
            return True
    folders = [root / f for f in _LIBRARY_FOLDERS]
    if root == Path("/"):
        folders += [Path(p) for p in os.environ.get("LD_LIBRARY_PATH", "").split(":") if p]
    return any((f / n).exists() for f in folders for n in ("libnvidia-ml.so.1", "libnvidia-ml.so"))


def probe_nvidia(nvml: Any | None = None, root: Path = Path("/")) -> GpuProbe:
    """The NVIDIA GPUs of this machine.

    ``nvml`` is the ``pynvml`` module (or a stand-in); it is imported here when left out, and only
    when something of a driver is there.  Never raises for a missing or broken driver: the note says
    what to do.
    """
    if nvml is None:
        if sys.platform == "linux" and not driver_is_there(root):
            return _without_nvml(root, (NO_DRIVER,), ask_smi=False)
        if root != Path("/"):
            return _without_nvml(root, (), ask_smi=False)  # another system's driver cannot be asked
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError:
            return _without_nvml(
                root, ("NVIDIA: the Python package nvidia-ml-py is missing; install it to read the driver.",)
            )
    try:
        nvml.nvmlInit()
    except (nvml.NVMLError, OSError, AttributeError) as error:
        code = getattr(error, "value", None)
        advice = _INIT_ADVICE.get(code) if isinstance(code, int) else None
        return _without_nvml(
            root,
            (advice or f"NVIDIA: the driver does not answer ({error}); check that `nvidia-smi` works.",),
            ask_smi=code == _LIBRARY_NOT_FOUND,
        )
    driver = _Driver(nvml)
    try:
        return _probe_devices(driver, root)
    finally:
        driver.ask("nvmlShutdown")


def _without_nvml(root: Path, notes: tuple[str, ...], ask_smi: bool = True) -> GpuProbe:
    """What can be said without NVML: a Jetson or Spark by its board, else what ``nvidia-smi`` prints."""
    board = _unified_board(root)
    if board is not None:
        return board
    if ask_smi and root == Path("/"):
        from probes.nvidia_text import probe_nvidia_smi

        found = probe_nvidia_smi()
        if found.accelerators:
            return found
    return GpuProbe(notes=notes)


def _unified_board(root: Path) -> GpuProbe | None:
    """A Jetson or DGX Spark recognised by its board, for systems whose NVML is missing or elsewhere."""
    model = _board(root)
    if not re.search(r"jetson|dgx.?spark|\bgb10\b", model, re.IGNORECASE):
        if not (root / "etc/nv_tegra_release").exists():
            return None
        model = model or "NVIDIA Tegra"
    total, available = meminfo(root)
    reading = GpuReading(
        source="board name",
        vendor="NVIDIA",
        name=model,
        vram_bytes=total,
        free_bytes=available,
        unified=True,
        pcie_reason="the GPU is part of the chip",
        backend="cuda",
    )
    info, notes = accelerator_from_reading(reading, memory_bytes=total)
    return GpuProbe((info,), notes)


def _board(root: Path) -> str:
    """What the board calls itself, without "Developer Kit": device tree, else DMI product name."""
    model = (
        read_line(root / "proc/device-tree/model")
        or read_line(root / "sys/firmware/devicetree/base/model")
        or read_line(root / "sys/class/dmi/id/product_name")
        or ""
    )
    kit = r"\s*(developer kit|engineering reference)\b.*"
    return re.sub(kit, "", model.replace("_", " "), flags=re.IGNORECASE).strip()


def _probe_devices(driver: _Driver, root: Path) -> GpuProbe:
    count = driver.ask("nvmlDeviceGetCount").value
    version = driver.text("nvmlSystemGetDriverVersion")
    accelerators: list[AcceleratorInfo] = []
    notes: list[str] = []
    addresses: list[str] = []
    for index in range(count if isinstance(count, int) else 0):
        answer = driver.ask("nvmlDeviceGetHandleByIndex", index)
        if answer.value is None:
            lost = "has fallen off the bus; reboot" if answer.code == _GPU_IS_LOST else "cannot be opened"
            notes.append(f"NVIDIA GPU {index} {lost} (NVML error {answer.code}).")
            continue
        found = _probe_device(driver, answer.value, version, root)
        accelerators += found.accelerators
        notes += found.notes
        addresses += found.pci_addresses
    if not accelerators and not notes:
        notes.append("NVIDIA: the driver is loaded but reports no GPU.")
    return GpuProbe(tuple(accelerators), tuple(notes), tuple(addresses))


def _probe_device(driver: _Driver, handle: Any, version: str | None, root: Path) -> GpuProbe:
    name = driver.text("nvmlDeviceGetName", handle)
    pci_id, address = _pci(driver, handle)
    total, free, code = _memory(driver, handle)
    power_mw = driver.number("nvmlDeviceGetEnforcedPowerLimit", handle)
    nvlink = _nvlink(driver, handle)
    reading = GpuReading(
        source="nvml",
        vendor="NVIDIA",
        name=name,
        pci_id=pci_id,
        vram_bytes=total,
        free_bytes=free,
        bus_bits=driver.number("nvmlDeviceGetMemoryBusWidth", handle),
        memory_mhz=driver.number(
            "nvmlDeviceGetMaxClockInfo", handle, getattr(driver.nvml, "NVML_CLOCK_MEM", 2)
        ),
        clock_factor=CLOCK_FACTOR,
        unified=False,
        pcie=_pcie(driver, handle),
        driver=version,
        power_limit_w=power_mw / 1000 if power_mw else None,
        backend="cuda",
        architecture=architecture(_capability(driver, handle)),
        nvlink_bytes_per_s=nvlink,
    )
    addresses = (address,) if address else ()
    ram_total, ram_available = meminfo(root)
    if UNIFIED_NAME.search(name or "") and (
        code == _NOT_SUPPORTED or (total and ram_total and abs(total / ram_total - 1) < 0.1)
    ):
        return _unified(reading, root, ram_total, ram_available, addresses)
    mig = driver.ask("nvmlDeviceGetMigMode", handle).value
    if isinstance(mig, list | tuple) and mig and mig[0] == 1:
        slices = mig_probe(reading, _mig_sizes(driver, handle))
        return GpuProbe(slices.accelerators, slices.notes, addresses)
    info, notes = accelerator_from_reading(reading)
    if total is None:
        notes = (
            *notes,
            f"{name or 'NVIDIA GPU'}: the driver does not tell its memory size (NVML error {code}).",
        )
    return GpuProbe((info,), (*notes, *link_note(reading)), addresses)


def _unified(
    reading: GpuReading, root: Path, total: int | None, available: int | None, addresses: tuple[str, ...]
) -> GpuProbe:
    """A chip whose GPU uses system RAM: all of RAM, what is available of it, the table's bandwidth."""
    model = _board(root)
    name = reading.name
    if "jetson" in model.lower() and re.search(r"orin|xavier|thor|tegra", name or "", re.IGNORECASE):
        name = model  # NVML says only "Orin (nvgpu)"
    info, notes = accelerator_from_reading(
        GpuReading(
            source=reading.source,
            vendor=reading.vendor,
            name=name,
            pci_id=reading.pci_id,
            vram_bytes=total,
            free_bytes=available,
            unified=True,
            pcie_reason="the GPU is part of the chip",
            driver=reading.driver,
            power_limit_w=reading.power_limit_w,
            backend="cuda",
            architecture=reading.architecture,
            vram_reason="the GPU shares system RAM, whose size could not be read",
        ),
        memory_bytes=total,
    )
    return GpuProbe((info,), notes, addresses)


def _mig_sizes(driver: _Driver, handle: Any) -> list[tuple[int | None, int | None]]:
    """(total, free) of each MIG instance of a card."""
    sizes = []
    for i in range(driver.number("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        instance = driver.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, i).value
        if instance is not None:
            total, free, _code = _memory(driver, instance)
            sizes.append((total, free))
    return sizes


def mig_probe(card: GpuReading, slices: Sequence[tuple[int | None, int | None]]) -> GpuProbe:
    """MIG instances, given as (total, free) bytes, as devices with their own memory.

    An instance gets eighths of the card's memory and with them the same share of its bandwidth
    (NVIDIA MIG User Guide: a memory slice is one eighth of capacity and bandwidth).  With MIG on and
    no instance known, the card is listed with its memory and an unknown bandwidth.
    """
    whole, notes = accelerator_from_reading(card)
    name = whole.name.value or "NVIDIA GPU"
    if not slices:
        reason = f"MIG mode is on and the instances are not listed: none has the whole bandwidth of {name}"
        listed = replace(whole, bandwidth_bytes_per_s=unknown(reason), fp16_flops=unknown(reason))
        return GpuProbe(
            (listed,),
            (
                f"{name}: MIG mode is on but no instance is listed, so its bandwidth is unknown; create an "
                "instance, switch MIG off, or capture `nvidia-smi -q -x`.",
            ),
        )
    accelerators = [_mig_slice(whole, total, free) for total, free in slices]
    note = (
        f"{name}: MIG mode is on, {len(slices)} slice(s) listed; a slice has its share of the card's "
        "bandwidth, and a program sees one slice only."
    )
    return GpuProbe(tuple(accelerators), (*notes, note))


def _mig_slice(card: AcceleratorInfo, total: int | None, free: int | None) -> AcceleratorInfo:
    name = card.name.value or "NVIDIA GPU"
    rate: Fact[float] = unknown(f"a MIG slice has only a part of the bandwidth of {name}")
    if total and card.vram_bytes.value and card.bandwidth_bytes_per_s.value:
        eighths = min(8, max(1, round(8 * total / card.vram_bytes.value)))
        rate = Fact(
            card.bandwidth_bytes_per_s.value * eighths / 8,
            f"{eighths}/8 of the card's {card.bandwidth_bytes_per_s.value / 1e9:.0f} GB/s, by memory",
            "derived",
        )
    return replace(
        card,
        name=Fact(f"{name} MIG slice", card.vendor.source, "reported"),
        vram_bytes=Fact(total, card.vendor.source, "reported")
        if total
        else unknown("slice size not reported"),
        free_bytes=Fact(free, card.vendor.source, "reported") if free else unknown("not reported"),
        bandwidth_bytes_per_s=rate,
        fp16_flops=unknown(f"a MIG slice has only a part of the compute of {name}"),
        nvlink_bytes_per_s=unknown("MIG slices have no NVLink"),
    )


def link_note(reading: GpuReading) -> tuple[str, ...]:
    """A note when the card runs with fewer PCIe lanes than it has."""
    link = reading.pcie
    if not (link and link.lanes and link.max_lanes and link.lanes < link.max_lanes):
        return ()
    return (
        f"{reading.name or 'GPU'}: PCIe link is x{link.lanes} of x{link.max_lanes}; another slot may be "
        "faster for models that do not fit into VRAM.",
    )


def _memory(driver: _Driver, handle: Any) -> tuple[int | None, int | None, int | None]:
    """(total, free, error code).  Version 2 keeps the driver's reserved memory apart; 1 is older."""
    version = getattr(driver.nvml, "nvmlMemory_v2", None)
    answers: list[Callable[[], _Answer]] = [lambda: driver.ask("nvmlDeviceGetMemoryInfo", handle)]
    if version is not None:
        answers.insert(0, lambda: driver.ask("nvmlDeviceGetMemoryInfo", handle, version=version))
    code: int | None = None
    for ask in answers:
        answer = ask()
        if answer.value is not None:
            total, free = int(answer.value.total), int(answer.value.free)
            if total > 0:
                return total, min(max(free, 0), total), None
        code = answer.code
    return None, None, code


def _pci(driver: _Driver, handle: Any) -> tuple[str | None, str | None]:
    """(device id as four hex digits, address as Linux writes it)."""
    info = driver.ask("nvmlDeviceGetPciInfo", handle).value
    combined = getattr(info, "pciDeviceId", None)
    device = f"{combined >> 16:04X}" if isinstance(combined, int) and combined > 0xFFFF else None
    bus_id = getattr(info, "busId", None)
    if isinstance(bus_id, bytes):
        bus_id = bus_id.decode("ascii", errors="replace")
    found = re.fullmatch(
        r"([0-9A-Fa-f]{4,8}):([0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])", str(bus_id or "").strip("\x00 ")
    )
    address = f"{found[1][-4:]}:{found[2]}".lower() if found else None
    return device, address


def _pcie(driver: _Driver, handle: Any) -> PcieLink | None:
    """Generation: the lower of card and slot; width: the current one (it does not change at idle)."""
    generation = driver.number("nvmlDeviceGetMaxPcieLinkGeneration", handle)
    lanes = driver.number("nvmlDeviceGetCurrPcieLinkWidth", handle)
    if generation is None and lanes is None:
        return None
    card = driver.number("nvmlDeviceGetGpuMaxPcieLinkGeneration", handle)
    return PcieLink(
        generation=generation,
        lanes=lanes,
        max_generation=card or generation,
        max_lanes=driver.number("nvmlDeviceGetMaxPcieLinkWidth", handle),
    )


def _capability(driver: _Driver, handle: Any) -> tuple[int, int] | None:
    value = driver.ask("nvmlDeviceGetCudaComputeCapability", handle).value
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(v, int) for v in value):
        return value[0], value[1]
    return None


def architecture(capability: tuple[int, int] | None) -> str | None:
    """The architecture class of a compute capability, e.g. ``(8, 9)`` -> ``ada``."""
    if capability is None:
        return None
    known = [first for first in _ARCHITECTURES if first <= capability]
    return _ARCHITECTURES[max(known)] if known else None


def _nvlink(driver: _Driver, handle: Any) -> float | None:
    """Bytes/s in one direction over all active links whose other end answers; ``None`` without NVLink."""
    capability = _capability(driver, handle)
    rate = 0.0
    for link in range(getattr(driver.nvml, "NVML_NVLINK_MAX_LINKS", 18)):
        state = driver.ask("nvmlDeviceGetNvLinkState", handle, link)
        if state.code is not None:  # not supported, or past the last link
            break
        if state.value != 1 or driver.ask("nvmlDeviceGetNvLinkRemotePciInfo", handle, link).value is None:
            continue
        version = driver.number("nvmlDeviceGetNvLinkVersion", handle, link)
        per_link = _NVLINK_GA102_GBS if capability == (8, 6) else _NVLINK_GBS.get(version or 0)
        rate += (per_link or 0.0) * 1e9
    return rate or None
