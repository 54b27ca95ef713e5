"""This Windows machine without administrator rights: firmware table, processors, display adapters.

Libraries are asked first, through ctypes; PowerShell takes seconds and is asked only for what they leave
open: drives and PCIe links always, in one call.  Whatever fails leaves a note and costs its own facts.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from probes.commands import run
from probes.dmi import DmiRecords
from probes.gpu import GpuProbe
from probes.types import CpuInfo, RigError
from probes.unknowns import unknown_cpu
from probes.volumes import Volumes
from probes.windows_adapters import (
    DISPLAY_CLASS,
    Adapter,
    adapter_from_values,
    gpus_from_adapters,
    with_registry,
)

if TYPE_CHECKING:
    from probes.windows_cim import WindowsFindings

T = TypeVar("T")

_RSMB = 0x52534D42
"""Provider "RSMB" of GetSystemFirmwareTable: the raw SMBIOS table behind an 8-byte header."""


@dataclass(frozen=True, slots=True)
class LiveWindows:
    """Firmware records (``None`` when the table cannot be read), processors, display adapters and volumes."""

    records: DmiRecords | None
    cpu: CpuInfo
    gpus: GpuProbe
    volumes: Volumes


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
    from probes.windows_links import with_card_links

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
    asked = _from_powershell(
        timeout_s,
        adapters=not present,
        records=records is None,
        links=any(a.vendor != "NVIDIA" for a in present) or not present,
    )
    if isinstance(asked, str):
        volumes = Volumes(reason=f"{asked}: the kind of drive is not known")
        if not present or records is None:
            notes.append(f"Windows: {asked}; some GPUs may be missing.")
    else:
        volumes = Volumes(asked.volumes, "PowerShell lists no partitions")
        if records is None and (asked.records.devices or asked.records.processors):
            records = asked.records
        if not present:
            keys = _attempt("the registry", registry_adapters, none, notes)
            gpus = replace(asked.gpus, accelerators=with_registry(asked.gpus.accelerators, keys))
        linked = with_card_links(gpus.accelerators, asked.links)
        gpus = replace(gpus, accelerators=linked.accelerators, notes=(*gpus.notes, *linked.notes))
    return LiveWindows(records, cpu, replace(gpus, notes=(*gpus.notes, *notes)), volumes)


_LINKS = (
    "Get-PnpDevice -Class Display -PresentOnly | Where-Object InstanceId -NotLike 'PCI\\VEN_10DE*' | "
    "ForEach-Object {{ $at = $_.InstanceId; for ($n = 0; $n -lt 10 -and $at -like 'PCI\\*'; $n++) {{ "
    "$told = Get-PnpDeviceProperty -InstanceId $at -KeyName {keys}; "
    "$told | Select-Object InstanceId, KeyName, Data; "
    "$at = ($told | Where-Object KeyName -eq '{parent}').Data }} }}"
)
"""Each card's properties and those of the bridges above it; NVIDIA's driver tells its cards' links."""


def powershell_script(*, adapters: bool, records: bool, links: bool) -> str:
    """What PowerShell is asked; each part by itself, so that one which fails leaves the others."""
    from probes.windows_links import KEYS, PARENT
    from probes.windows_storage import CLASSES

    classes = ["Win32_VideoController"] if adapters else []
    if records:
        classes += ["Win32_PhysicalMemory", "Win32_PhysicalMemoryArray", "Win32_Processor"]
    parts = [f"Get-CimInstance {name}" for name in classes]
    parts += [
        f"Get-CimInstance -Namespace root/Microsoft/Windows/Storage {name} | Select-Object {', '.join(names)}"
        for name, names in CLASSES.items()
    ]
    if links:
        parts.append(_LINKS.format(keys=", ".join(f"'{key}'" for key in KEYS), parent=PARENT))
    script = "; ".join(f"try {{ {part} }} catch {{ }}" for part in parts)
    return f"@({script}) | ConvertTo-Json -Compress -Depth 2"


def _from_powershell(
    timeout_s: float, *, adapters: bool, records: bool, links: bool
) -> WindowsFindings | str:
    """What the CIM classes tell of what is asked for, or why they tell nothing."""
    from probes.windows_cim import windows_from_cim

    command = powershell_script(adapters=adapters, records=records, links=links)
    output = run(["powershell", "-NoProfile", "-Command", command], timeout_s)
    if not output.text:
        return output.reason
    try:
        return windows_from_cim(json.loads(output.text))
    except (ValueError, RecursionError, RigError):
        return "PowerShell prints something else than expected"
