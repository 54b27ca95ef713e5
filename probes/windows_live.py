"""This Windows machine without administrator rights: firmware table, processors, display adapters.

Libraries are asked first, through ctypes; PowerShell takes seconds and is asked only for what they leave
open.  Whatever fails leaves a note and costs its own facts.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from probes.commands import run
from probes.dmi import DmiRecords
from probes.gpu import GpuProbe
from probes.types import CpuInfo, RigError
from probes.unknowns import unknown_cpu
from probes.windows_adapters import (
    DISPLAY_CLASS,
    Adapter,
    adapter_from_values,
    gpus_from_adapters,
    with_registry,
)

T = TypeVar("T")

_RSMB = 0x52534D42
"""Provider "RSMB" of GetSystemFirmwareTable: the raw SMBIOS table behind an 8-byte header."""


@dataclass(frozen=True, slots=True)
class LiveWindows:
    """Firmware records (``None`` when the table cannot be read), the processors, the display adapters."""

    records: DmiRecords | None
    cpu: CpuInfo
    gpus: GpuProbe


def firmware_table(kernel: Any | None = None) -> bytes | None:
    """The SMBIOS table from the kernel, ``None`` when it gives none (or this is not Windows)."""
    platform: str = sys.platform
    if kernel is None:
        if platform != "win32":
            return None
        kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows only
    read = kernel.GetSystemFirmwareTable
    size = read(_RSMB, 0, None, 0)
    if not isinstance(size, int) or not 8 < size < 16 * 1024**2:
        return None
    buffer = ctypes.create_string_buffer(size)
    return buffer.raw if read(_RSMB, 0, buffer, size) == size else None


def registry_adapters(registry: Any | None = None) -> tuple[Adapter, ...]:
    """The keys of the display class, of present and of removed cards.

    ``registry`` is the ``winreg`` module or a stand-in.
    """
    if registry is None:
        try:
            registry = importlib.import_module("winreg")
        except ImportError:
            return ()
    root = rf"SYSTEM\CurrentControlSet\Control\Class\{DISPLAY_CLASS}"
    names = ("DriverDesc", "MatchingDeviceId", "DriverVersion", "HardwareInformation.qwMemorySize")
    found = []
    for number in range(64):
        values: dict[str, str | int | bytes] = {}
        try:
            with registry.OpenKey(registry.HKEY_LOCAL_MACHINE, rf"{root}\{number:04d}") as key:
                for name in names:
                    try:
                        values[name] = registry.QueryValueEx(key, name)[0]
                    except OSError:
                        continue
        except OSError:
            continue
        adapter = adapter_from_values(values)
        if adapter is not None:
            found.append(adapter)
    return tuple(found)


def _attempt(what: str, ask: Callable[[], T], otherwise: T, notes: list[str]) -> T:
    """The answer of one library; a note and ``otherwise`` when it is missing or fails."""
    try:
        return ask()
    except Exception as error:  # a missing library or entry point, an access violation, a bad answer
        notes.append(f"Windows: {what} cannot be read ({type(error).__name__}).")
        return otherwise


def probe_windows(timeout_s: float = 15.0) -> LiveWindows:
    """Firmware records, processors and display adapters; whatever fails is left out with a note."""
    from probes.dxgi import adapters
    from probes.smbios import parse_smbios
    from probes.windows_cpu import cpu_from_records, processor_records

    notes: list[str] = []

    def firmware() -> DmiRecords | None:
        table = firmware_table()
        return None if table is None else parse_smbios(table)

    records = _attempt("the firmware table", firmware, None, notes)
    cpu = _attempt(
        "the processor list",
        lambda: cpu_from_records(processor_records()),
        unknown_cpu("the processor list cannot be read"),
        notes,
    )
    none: tuple[Adapter, ...] = ()
    present = _attempt("the display adapters (DXGI)", adapters, none, notes)
    gpus = gpus_from_adapters(present)
    if not present or records is None:
        records, listed, more = _from_powershell(records, timeout_s)
        notes += more
        if not present:
            keys = _attempt("the registry", registry_adapters, none, notes)
            gpus = replace(listed, accelerators=with_registry(listed.accelerators, keys))
    return LiveWindows(records, cpu, replace(gpus, notes=(*gpus.notes, *notes)))


def _from_powershell(
    records: DmiRecords | None, timeout_s: float
) -> tuple[DmiRecords | None, GpuProbe, tuple[str, ...]]:
    """Firmware records where there are none yet, and the display adapters, from the CIM classes."""
    from probes.windows_cim import windows_from_cim

    classes: tuple[str, ...] = ("Win32_VideoController",)
    if records is None:
        classes += ("Win32_PhysicalMemory", "Win32_PhysicalMemoryArray", "Win32_Processor")
    script = "; ".join(f"Get-CimInstance {name}" for name in classes)
    command = f"@({script}) | ConvertTo-Json -Compress -Depth 2"
    output = run(["powershell", "-NoProfile", "-Command", command], timeout_s)
    if not output.text:
        return records, GpuProbe(), (f"Windows: {output.reason}; some GPUs may be missing.",)
    try:
        found = windows_from_cim(json.loads(output.text))
    except (ValueError, RecursionError, RigError):
        return records, GpuProbe(), ("Windows: PowerShell prints something else than expected.",)
    if records is None and (found.records.devices or found.records.processors):
        records = found.records
    return records, found.gpus, ()
