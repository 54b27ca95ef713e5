"""NVIDIA GPUs through NVML, the driver's own library.

Bandwidth = bus width / 8 x maximum memory clock x 2: NVML reports half the per-pin data rate for
every memory technology (checked on GDDR5, GDDR6, GDDR6X, HBM2 and HBM2e cards).  The *current* clock
drops to 405 MHz at idle and is never used; the same goes for the current PCIe generation.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from probes.files import meminfo
from probes.gpu import GpuProbe, GpuReading, accelerator_from_reading
from probes.nvidia_links import nvlink_bytes_per_s, reads_peers
from probes.nvidia_mig import mig_probe
from probes.nvidia_presence import NO_DRIVER, board_name, driver_is_there, unified_board
from probes.nvml import GPU_IS_LOST, INIT_ADVICE, LIBRARY_NOT_FOUND, NOT_SUPPORTED, Answer, Driver
from probes.types import AcceleratorInfo, PcieLink

MAX_GPUS = 256
"""More than one system has: a count above it is not believed."""

CLOCK_FACTOR = 2.0
"""Transfers per cycle of the memory clock that NVML reports."""

UNIFIED_NAME = re.compile(r"\b(GB10|Orin|Xavier|Thor|Tegra)\b", re.IGNORECASE)
"""Chips whose GPU has no memory of its own.  Grace Hopper and Grace Blackwell have: not in the list."""

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
    except Exception as error:  # NVMLError, or a library that is none
        code = getattr(error, "value", None)
        advice = INIT_ADVICE.get(code) if isinstance(code, int) else None
        return _without_nvml(
            root,
            (advice or f"NVIDIA: the driver does not answer ({error}); check that `nvidia-smi` works.",),
            ask_smi=code == LIBRARY_NOT_FOUND,
        )
    driver = Driver(nvml)
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
        # A command that is there and fails says more than that the library is missing.
        notes += tuple(n for n in found.notes if "not installed" not in n)
    return GpuProbe(notes=notes)


def _unified_board(root: Path) -> GpuProbe | None:
    """A Jetson or DGX Spark recognised by its board, for systems whose NVML is missing or elsewhere."""
    model = unified_board(root)
    if model is None:
        return None
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


def _probe_devices(driver: Driver, root: Path) -> GpuProbe:
    count = driver.ask("nvmlDeviceGetCount").value
    version = driver.text("nvmlSystemGetDriverVersion")
    accelerators: list[AcceleratorInfo] = []
    notes: list[str] = []
    addresses: list[str] = []
    numa_nodes: list[int] = []
    most = count if isinstance(count, int) and 0 <= count <= MAX_GPUS else 0
    answers = [driver.ask("nvmlDeviceGetHandleByIndex", index) for index in range(most)]
    for index, answer in enumerate(answers):
        if answer.value is None:
            lost = "has fallen off the bus; reboot" if answer.code == GPU_IS_LOST else "cannot be opened"
            notes.append(f"NVIDIA GPU {index} {lost} (NVML error {answer.code}).")
            continue
        others = [a.value for i, a in enumerate(answers) if i != index and a.value is not None]
        found = _probe_device(driver, answer.value, others, version, root)
        accelerators += found.accelerators
        notes += [note for note in found.notes if note not in notes]
        addresses += found.pci_addresses
        numa_nodes += found.numa_nodes
    if not accelerators and not notes:
        notes.append("NVIDIA: the driver is loaded but reports no GPU.")
    return GpuProbe(tuple(accelerators), tuple(notes), tuple(addresses), numa_nodes=tuple(numa_nodes))


def _probe_device(
    driver: Driver, handle: Any, others: Sequence[Any], version: str | None, root: Path
) -> GpuProbe:
    name = driver.text("nvmlDeviceGetName", handle)
    pci_id, address = _pci(driver, handle)
    total, free, reserved, code = _memory(driver, handle)
    power_mw = driver.number("nvmlDeviceGetEnforcedPowerLimit", handle)
    capability = _capability(driver, handle)
    p2p, p2p_reason = reads_peers(driver, handle, others)
    node = driver.ask("nvmlDeviceGetNumaNodeId", handle).value
    reading = GpuReading(
        source="nvml",
        vendor="NVIDIA",
        name=name,
        pci_id=pci_id,
        vram_bytes=total,
        free_bytes=free,
        bus_bits=driver.number("nvmlDeviceGetMemoryBusWidth", handle),
        memory_mhz=driver.number("nvmlDeviceGetMaxClockInfo", handle, driver.constant("NVML_CLOCK_MEM", 2)),
        clock_factor=CLOCK_FACTOR,
        unified=False,
        pcie=_pcie(driver, handle),
        driver=version,
        power_limit_w=power_mw / 1000 if power_mw else None,
        backend="cuda",
        architecture=architecture(capability),
        nvlink_bytes_per_s=nvlink_bytes_per_s(driver, handle, capability),
        ecc=driver.first_of_two("nvmlDeviceGetEccMode", handle),
        reserved_bytes=reserved,
        display_active=driver.switch("nvmlDeviceGetDisplayActive", handle),
        p2p=p2p,
        p2p_reason=p2p_reason,
    )
    addresses = (address,) if address else ()
    ram_total, ram_available = meminfo(root)
    if UNIFIED_NAME.search(name or "") and (
        code == NOT_SUPPORTED or (total and ram_total and abs(total / ram_total - 1) < 0.1)
    ):
        return _unified(reading, root, ram_total, ram_available, addresses)
    if driver.first_of_two("nvmlDeviceGetMigMode", handle):
        slices = mig_probe(reading, _mig_sizes(driver, handle))
        return GpuProbe(slices.accelerators, slices.notes, addresses)
    info, notes = accelerator_from_reading(reading)
    if total is None:
        notes = (
            *notes,
            f"{name or 'NVIDIA GPU'}: the driver does not tell its memory size (NVML error {code}).",
        )
    nodes = (node,) if isinstance(node, int) and not isinstance(node, bool) and 0 < node < 4096 else ()
    return GpuProbe((info,), notes, addresses, numa_nodes=nodes)


def _unified(
    reading: GpuReading, root: Path, total: int | None, available: int | None, addresses: tuple[str, ...]
) -> GpuProbe:
    """A chip whose GPU uses system RAM: all of RAM, what is available of it, the table's bandwidth."""
    model = board_name(root)
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


def _mig_sizes(driver: Driver, handle: Any) -> list[tuple[int | None, int | None]]:
    """(total, free) of each MIG instance of a card."""
    sizes = []
    for i in range(min(driver.number("nvmlDeviceGetMaxMigDeviceCount", handle) or 0, MAX_GPUS)):
        instance = driver.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, i).value
        if instance is not None:
            total, free, _reserved, _code = _memory(driver, instance)
            sizes.append((total, free))
    return sizes


def _memory(driver: Driver, handle: Any) -> tuple[int | None, int | None, int | None, int | None]:
    """(total, free, reserved, error code).  Version 2 keeps reserved memory apart; 1 is older."""
    version = getattr(driver.nvml, "nvmlMemory_v2", None)
    answers: list[Answer] = []
    if version is not None:
        answers.append(driver.ask("nvmlDeviceGetMemoryInfo", handle, version=version))
    if not answers or answers[0].value is None:
        answers.append(driver.ask("nvmlDeviceGetMemoryInfo", handle))
    for answer in answers:
        total, free, reserved = (
            _size(getattr(answer.value, name, None)) for name in ("total", "free", "reserved")
        )
        if total:
            return total, min(free or 0, total), reserved if reserved and reserved < total else None, None
    return None, None, None, answers[-1].code


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**60 else None


def _pci(driver: Driver, handle: Any) -> tuple[str | None, str | None]:
    """(device id as four hex digits, address as Linux writes it)."""
    info = driver.ask("nvmlDeviceGetPciInfo", handle).value
    combined = getattr(info, "pciDeviceId", None)
    device = (
        f"{combined >> 16:04X}" if isinstance(combined, int) and 0xFFFF < combined <= 0xFFFF_FFFF else None
    )
    bus_id = getattr(info, "busId", None)
    if isinstance(bus_id, bytes):
        bus_id = bus_id.decode("ascii", errors="replace")
    found = re.fullmatch(
        r"([0-9A-Fa-f]{4,8}):([0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])", str(bus_id or "").strip("\x00 ")
    )
    address = f"{found[1][-4:]}:{found[2]}".lower() if found else None
    return device, address


def _pcie(driver: Driver, handle: Any) -> PcieLink | None:
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


def _capability(driver: Driver, handle: Any) -> tuple[int, int] | None:
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
