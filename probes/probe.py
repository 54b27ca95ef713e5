"""All probes of this machine, each isolated, joined into one Rig.

A probe that raises or hangs costs its own facts and leaves a note; the others go on.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from probes.gpu import GpuProbe
from probes.types import AcceleratorInfo, CpuInfo, MemoryInfo, Rig, StorageInfo, SystemInfo, unknown
from probes.unknowns import unknown_cpu, unknown_memory, unknown_system

if TYPE_CHECKING:
    from catalog.types import CpuFamily
    from probes.bandwidth import BandwidthMeasurement
    from probes.storage import Place
    from probes.volumes import Volumes

T = TypeVar("T")

STEPS = ("system", "cpu", "memory", "nvidia", "amd", "pci", "storage", "bandwidth")
"""Names given to ``on_step``, in the order in which they finish; macOS and Windows have "desktop" after
memory, and measuring GPU memory "vram" after bandwidth."""

TIMEOUTS_S = {
    "system": 3.0,
    "desktop": 30.0,
    "cpu": 10.0,
    "memory": 10.0,
    "nvidia": 20.0,
    "amd": 5.0,
    "pci": 5.0,
    "storage": 5.0,
}
"""NVML takes a second or two per GPU when no persistence daemon keeps the driver awake."""

MEASURE_BUDGET_S = 2.0
MEASURE_TIMEOUT_S = 30.0
MEASURE_VRAM_TIMEOUT_S = 120.0
"""Importing a GPU library can take a minute from a cold disk."""

OnStep = Callable[[str, str], None]
"""Called with the step and ``running``, ``done``, ``skipped``, ``failed`` or ``timeout``."""


class _Step(Generic[T]):
    """One probe in a thread of its own, so that a hanging driver cannot hang the program."""

    def __init__(self, name: str, probe: Callable[[], T], on_step: OnStep | None) -> None:
        self.name = name
        self._probe = probe
        self._on_step = on_step
        self._result: T | None = None
        self._error: BaseException | None = None
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"probe-{name}", daemon=True)
        _tell(on_step, name, "running")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._probe()
        except BaseException as error:
            self._error = error

    def result(self, timeout_s: float, otherwise: Callable[[str], T]) -> tuple[T, tuple[str, ...]]:
        """The probe's result, or ``otherwise(reason)`` and a note when it failed or took too long."""
        left = max(0.0, timeout_s - (time.monotonic() - self._started))
        self._thread.join(left)
        if self._thread.is_alive():
            _tell(self._on_step, self.name, "timeout")
            reason = f"the {self.name} probe did not answer within {timeout_s:g} s"
        elif self._error is not None:
            _tell(self._on_step, self.name, "failed")
            text = " ".join(str(self._error).split())[:200]
            reason = (
                f"the {self.name} probe failed: {type(self._error).__name__}{': ' + text if text else ''}"
            )
        else:
            _tell(self._on_step, self.name, "done")
            result: T = self._result  # type: ignore[assignment]  # set by the thread that has ended
            return result, ()
        return otherwise(reason), (f"{reason}; its facts are unknown.",)


def _tell(on_step: OnStep | None, step: str, status: str) -> None:
    if on_step is not None:
        on_step(step, status)


def probe_rig(
    root: Path = Path("/"),
    *,
    measure: bool = False,
    measure_vram: bool = False,
    use_cache: bool = True,
    on_step: OnStep | None = None,
) -> Rig:
    """Everything that can be found out of this machine without privileges.  Never raises for hardware.

    Args:
        root: the file system to read; another folder is a captured tree of another machine.
        measure: measure the memory bandwidth now (about two seconds) and remember it.
        measure_vram: measure the GPUs' memory through a GPU library, if one is installed.
        use_cache: use a remembered measurement when there is one.
        on_step: told about each step as it starts and ends.
    """
    here = root == Path("/")
    storage = _Step("storage", lambda: _storage(here), on_step)  # a network drive may hang
    nvidia = _Step("nvidia", lambda: _nvidia(root), on_step)  # the slow one: beside the others
    notes: list[str] = []

    def wait(step: _Step[T], otherwise: Callable[[str], T]) -> T:
        result, added = step.result(TIMEOUTS_S[step.name], otherwise)
        notes.extend(added)
        return result

    system = wait(_Step("system", lambda: _system(root), on_step), unknown_system)
    cpu = wait(_Step("cpu", lambda: _cpu(root), on_step), unknown_cpu)
    memory, memory_notes = wait(
        _Step("memory", lambda: _memory(root, cpu, system), on_step), lambda why: (unknown_memory(why), ())
    )
    notes.extend(memory_notes)
    extra = GpuProbe()
    volumes: Volumes | None = None
    if here and sys.platform in ("darwin", "win32"):
        from probes.volumes import Volumes

        volumes = Volumes(reason="the desktop probe failed or did not answer")
        other = wait(_Step("desktop", lambda: _desktop(system, cpu, memory), on_step), lambda _: None)
        if other is not None:
            system, cpu, memory, extra, volumes = other
    found = [
        wait(nvidia, lambda _: GpuProbe()),
        wait(_Step("amd", lambda: _amd(root), on_step), lambda _: GpuProbe()),
    ]
    known = [address for probe in found for address in probe.pci_addresses]
    found.append(wait(_Step("pci", lambda: _pci(root, known, here), on_step), lambda _: GpuProbe()))
    drivers = {g.vendor.value for probe in found for g in probe.accelerators}
    # A driver's own account of a vendor's cards is better than the display adapter list.
    kept = tuple(g for g in extra.accelerators if g.vendor.value not in drivers)
    found.append(GpuProbe(kept, extra.notes))
    gpus, gpu_notes, carve_out = _join_gpus(found, system)
    notes.extend(gpu_notes)
    nodes = tuple(node for probe in found for node in probe.numa_nodes)
    if nodes:
        from probes.unified import without_gpu_nodes

        memory, node_notes = without_gpu_nodes(memory, cpu.numa, nodes)
        notes.extend(node_notes)
    memory, gpus, pool_notes = _settle(memory, gpus, carve_out)
    notes.extend(pool_notes)
    places = _with_volumes(wait(storage, lambda _: ()), volumes)
    if here and (measure or use_cache):
        memory, measured_notes = _measured(cpu, memory, measure, use_cache, on_step)
        notes.extend(measured_notes)
        if memory.measured_bandwidth_bytes_per_s.known:
            from probes.memory import without_refuted_theory

            stale = {advice.text for advice in memory.advice}
            memory, refuted = without_refuted_theory(memory)
            if refuted:
                notes = [*(n for n in notes if n not in stale), *refuted]
    else:
        _tell(on_step, "bandwidth", "skipped")
    if here and measure_vram:
        gpus, vram_notes = _measured_vram(gpus, on_step)
        notes.extend(vram_notes)
    notes.extend(_unknown_notes(cpu, memory, system))
    rig = Rig(
        name="this machine" if here else "captured machine",
        system=system,
        cpu=cpu,
        memory=memory,
        accelerators=gpus,
        notes=tuple(dict.fromkeys(notes)),
        storage=places,
    )
    from probes.rigchecks import without_contradictions

    return without_contradictions(rig)


def _system(root: Path) -> SystemInfo:
    from probes.system import probe_system

    return probe_system(root)


def _cpu(root: Path) -> CpuInfo:
    from probes.cpu import probe_cpu

    return probe_cpu(root)


def _desktop(
    system: SystemInfo, cpu: CpuInfo, memory: MemoryInfo
) -> tuple[SystemInfo, CpuInfo, MemoryInfo, GpuProbe, Volumes] | None:
    """What macOS or Windows adds to what the portable probes know."""
    from probes.unknowns import first_known

    platform: str = sys.platform
    if platform == "darwin":
        from probes.macos_live import probe_mac
        from probes.volumes import Volumes

        mac = probe_mac()
        joined = first_known((mac.cpu,), cpu), first_known((mac.memory,), memory)
        volumes = Volumes(mac.volumes, "`system_profiler` lists no volumes")
        return first_known((mac.system,), system), *joined, mac.gpus, volumes
    if platform != "win32":
        return None
    from probes.cpu import cpu_from_dmi
    from probes.memory import memory_from_dmi
    from probes.system import system_from_dmi
    from probes.windows_live import probe_windows

    windows = probe_windows()
    cpu = first_known((windows.cpu,), cpu)
    notes = windows.gpus.notes
    if windows.records is not None:
        system = first_known((system_from_dmi(windows.records),), system)
        cpu = first_known((cpu_from_dmi(windows.records),), cpu)
        if system.virtualization.value in (None, "none"):  # a virtual machine's modules are made up
            from_dmi, more = memory_from_dmi(
                windows.records,
                cpu_name=cpu.name.value,
                sockets=cpu.sockets.value,
                family=cpu_family(cpu.name.value),
                total_bytes=memory.total_bytes.value,
            )
            memory = first_known((from_dmi,), memory)
            notes += more
    if not cpu.isa.known:
        from probes.cpuid import isa_from_cpuid
        from probes.windows_cpu import isa_from_features

        for ask in (isa_from_cpuid, isa_from_features):
            if not cpu.isa.known:
                cpu = replace(cpu, isa=ask())
    return system, cpu, memory, replace(windows.gpus, notes=notes), windows.volumes


def cpu_family(cpu_name: str | None) -> CpuFamily | None:
    """The CPU's family in the catalog, ``None`` when the catalog does not know it."""
    if not cpu_name:
        return None
    from catalog.hardware import match_cpu_family

    return match_cpu_family(cpu_name)


def _memory(root: Path, cpu: CpuInfo, system: SystemInfo) -> tuple[MemoryInfo, tuple[str, ...]]:
    from probes.memory import probe_memory

    family: CpuFamily | None = None
    notes: tuple[str, ...] = ()
    if system.virtualization.value in (None, "none"):  # a virtual machine's module list is not used
        from catalog.types import CatalogError

        try:
            family = cpu_family(cpu.name.value)
        except CatalogError as error:
            notes = (f"the CPU's memory channels are not looked up: {error}",)
    memory, more = probe_memory(root, cpu, system, family=family)
    return memory, (*notes, *more)


def _nvidia(root: Path) -> GpuProbe:
    from probes.nvidia_presence import NO_DRIVER, driver_is_there, unified_board

    if sys.platform == "linux" and not driver_is_there(root) and unified_board(root) is None:
        return GpuProbe(notes=(NO_DRIVER,))  # spares the import
    from probes.nvidia import probe_nvidia

    return probe_nvidia(root=root)


def _amd(root: Path) -> GpuProbe:
    if not ((root / "sys/class/kfd").exists() or (root / "sys/class/drm").exists()):
        return GpuProbe()  # spares the import
    from probes.amd import probe_amd

    return probe_amd(root)


def _pci(root: Path, known: list[str], here: bool) -> GpuProbe:
    from probes.pci import probe_pci

    return probe_pci(root, known, live=here)


def _storage(here: bool) -> tuple[Place, ...]:
    if not here:
        return ()  # another machine's drives cannot be asked
    from probes.storage import probe_places

    return probe_places()


def _with_volumes(places: tuple[Place, ...], volumes: Volumes | None) -> tuple[StorageInfo, ...]:
    """The places with the kind of drive that macOS or Windows tells."""
    if volumes is None:
        return tuple(place.info for place in places)
    from probes.volumes import with_volumes

    step = _Step("storage", lambda: with_volumes(places, volumes), None)  # a drive may have to wake up
    return step.result(TIMEOUTS_S["storage"], lambda _: tuple(place.info for place in places))[0]


def _join_gpus(
    found: list[GpuProbe], system: SystemInfo
) -> tuple[tuple[AcceleratorInfo, ...], tuple[str, ...], int | None]:
    """All GPUs, the notes that matter, and the largest BIOS carve-out."""
    from probes.gpu import merge
    from probes.nvidia_presence import NO_DRIVER

    joined = merge(found)
    if joined.accelerators:
        return joined.accelerators, tuple(n for n in joined.notes if n != NO_DRIVER), joined.carve_out_bytes
    container = system.container.value not in (None, "none")
    none = "no GPU found: no NVIDIA or AMD GPU driver, and no usable NVIDIA, AMD or Intel card on the PCI bus"
    if container:
        none += (
            "; a container must be given its GPUs (`--gpus all`, or `--device /dev/kfd --device /dev/dri`)"
        )
    return (), (*(n for n in joined.notes if n != NO_DRIVER), f"{none}."), None


def _settle(
    memory: MemoryInfo, gpus: tuple[AcceleratorInfo, ...], carve_out: int | None
) -> tuple[MemoryInfo, tuple[AcceleratorInfo, ...], tuple[str, ...]]:
    if not any(g.unified.value for g in gpus):
        return memory, gpus, ()
    from probes.unified import settle_unified

    return settle_unified(memory, gpus, carve_out)


def _measured(
    cpu: CpuInfo, memory: MemoryInfo, measure: bool, use_cache: bool, on_step: OnStep | None
) -> tuple[MemoryInfo, tuple[str, ...]]:
    """The memory with a measured bandwidth: a remembered one, or a new one when asked for."""
    from probes.cache import load_measurement, measurement_key, store_measurement

    key = measurement_key(cpu, memory)
    if not measure:
        kept = load_measurement(key) if use_cache else None
        _tell(on_step, "bandwidth", "done" if kept else "skipped")
        return (kept.added_to(memory) if kept else memory), ()
    from probes.bandwidth import MeasurementSkippedError, measure_ram

    def run() -> BandwidthMeasurement | str:
        try:
            return measure_ram(cpu, memory, MEASURE_BUDGET_S)
        except MeasurementSkippedError as error:
            return str(error)

    found, notes = _Step("bandwidth", run, on_step).result(MEASURE_TIMEOUT_S, str)
    if isinstance(found, str):
        memory = replace(memory, measured_bandwidth_bytes_per_s=unknown(found))
        return memory, notes or (f"{found}.",)
    if use_cache:
        store_measurement(key, found)
    return found.added_to(memory), notes


def _measured_vram(
    gpus: tuple[AcceleratorInfo, ...], on_step: OnStep | None
) -> tuple[tuple[AcceleratorInfo, ...], tuple[str, ...]]:
    from probes.vram_bandwidth import measure_vram

    step = _Step("vram", lambda: measure_vram(gpus), on_step)
    (measured, found), notes = step.result(MEASURE_VRAM_TIMEOUT_S, lambda _: (gpus, ()))
    return measured, (*notes, *found)


def _unknown_notes(cpu: CpuInfo, memory: MemoryInfo, system: SystemInfo) -> list[str]:
    """Notes for facts that everything else needs and no probe has commented on."""
    notes = []
    if not cpu.name.known:
        notes.append(
            f"CPU name unknown ({cpu.name.source}); its class and memory channels are not looked up."
        )
    if not cpu.physical_cores.known:
        notes.append(f"physical cores unknown ({cpu.physical_cores.source}).")
    if not memory.total_bytes.known:
        notes.append(f"RAM size unknown ({memory.total_bytes.source}).")
    if system.virtualization.value in ("WSL2", "wsl", "wsl2"):
        notes.append(
            "WSL2: the RAM seen is the virtual machine's share (half of the host's by default); `memory=` in "
            ".wslconfig changes it."
        )
    return notes
