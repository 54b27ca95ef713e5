"""This Windows machine: firmware table and CIM classes, without administrator rights."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from probes.dmi import DmiRecords
from probes.gpu import GpuProbe
from probes.types import RigError

_RSMB = 0x52534D42
"""Provider "RSMB" of GetSystemFirmwareTable: the raw SMBIOS table behind an 8-byte header."""


@dataclass(frozen=True, slots=True)
class LiveWindows:
    """Firmware records (``None`` when the table cannot be read) and the display adapters."""

    records: DmiRecords | None
    gpus: GpuProbe


def firmware_table() -> bytes | None:
    """The SMBIOS table from the kernel, ``None`` when it gives none (or this is not Windows)."""
    platform: str = sys.platform
    if platform != "win32":
        return None
    import ctypes

    windll: Any = getattr(ctypes, "windll")  # noqa: B009 - exists on Windows only
    read = windll.kernel32.GetSystemFirmwareTable
    size = read(_RSMB, 0, None, 0)
    if not 8 < size < 16 * 1024**2:
        return None
    buffer = ctypes.create_string_buffer(size)
    return buffer.raw if read(_RSMB, 0, buffer, size) == size else None


def probe_windows(timeout_s: float = 15.0) -> LiveWindows:
    """Firmware records and display adapters; whatever fails is left out."""
    from probes.smbios import parse_smbios
    from probes.windows_cim import windows_from_cim

    records: DmiRecords | None = None
    table = firmware_table()
    if table is not None:
        try:
            records = parse_smbios(table)
        except RigError:
            records = None
    classes: tuple[str, ...] = ("Win32_VideoController",)
    if records is None:
        classes += ("Win32_PhysicalMemory", "Win32_PhysicalMemoryArray", "Win32_Processor")
    script = "; ".join(f"Get-CimInstance {name}" for name in classes)
    try:
        done = subprocess.run(
            ["powershell", "-NoProfile", "-Command", f"@({script}) | ConvertTo-Json -Compress -Depth 2"],
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
        found = windows_from_cim(json.loads(done.stdout.decode("utf-8", errors="replace")))
    except (OSError, subprocess.TimeoutExpired, ValueError, RigError) as error:
        note = f"PowerShell gives no display adapters ({type(error).__name__}); only NVIDIA GPUs are found."
        return LiveWindows(records, GpuProbe(notes=(note,)))
    if records is None and found.records.devices:
        records = found.records
    return LiveWindows(records, found.gpus)
