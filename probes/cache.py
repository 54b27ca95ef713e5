"""A file that remembers the measured bandwidth of this machine between runs.

The file is a convenience: unreadable, corrupt or unwritable, it is as if there were none.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from probes.bandwidth import BandwidthMeasurement
from probes.types import CpuInfo, MemoryInfo

CACHE_DIR_VARIABLE = "RIG_ADVISOR_CACHE_DIR"
_FILE_NAME = "bandwidth.json"
_FORMAT = 2
"""1 held measurements of a slower way to read."""
_MAX_ENTRIES = 32
_MAX_BYTES = 1024**2


def cache_dir(environment: Mapping[str, str] | None = None, platform: str | None = None) -> Path:
    """The folder for cached files: ``RIG_ADVISOR_CACHE_DIR``, else the platform's own place."""
    env = os.environ if environment is None else environment
    system = sys.platform if platform is None else platform
    override = env.get(CACHE_DIR_VARIABLE)
    if override:
        return Path(override)
    if system == "win32":
        base = env.get("LOCALAPPDATA")
        return Path(base) / "rig-advisor" / "Cache" if base else Path.home() / ".rig-advisor" / "cache"
    if system == "darwin":
        return Path.home() / "Library" / "Caches" / "rig-advisor"
    xdg = env.get("XDG_CACHE_HOME")
    # The XDG specification has relative paths ignored.
    base_path = Path(xdg) if xdg and Path(xdg).is_absolute() else Path.home() / ".cache"
    return base_path / "rig-advisor"


def writable() -> bool:
    """Whether a measurement could be remembered: the folder exists or can be made, and takes files."""
    try:
        folder = cache_dir()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return False
    return os.access(folder, os.W_OK)


def measurement_key(cpu: CpuInfo, memory: MemoryInfo) -> str:
    """A key that changes when the CPU, its usable cores or the memory do."""
    parts = {
        "cpu": cpu.name.value,
        "cores": [cpu.physical_cores.value, cpu.logical_cores.value, cpu.usable_cores.value],
        "ram": memory.total_bytes.value,
        "modules": [[m.locator, m.size_bytes, m.configured_mts] for m in memory.modules],
    }
    import hashlib

    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _read() -> dict[str, object]:
    try:
        with (cache_dir() / _FILE_NAME).open("rb") as file:
            document = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RuntimeError, RecursionError):
        return {}
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        return {}
    entries = document.get("measurements")
    return dict(entries) if isinstance(entries, dict) else {}


def _number(entry: Mapping[object, object], name: str) -> float:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(name)
    return float(value)


def load_measurement(key: str) -> BandwidthMeasurement | None:
    """The measurement stored under ``key``, ``None`` when there is none or it is not sound."""
    entry = _read().get(key)
    if not isinstance(entry, dict):
        return None
    try:
        found = BandwidthMeasurement(
            bytes_per_s=_number(entry, "bytes_per_s"),
            threads=int(_number(entry, "threads")),
            single_thread_bytes_per_s=_number(entry, "single_thread_bytes_per_s"),
            spread=None if entry.get("spread", 0) is None else _number(entry, "spread"),
            seconds=_number(entry, "seconds"),
            complete=entry.get("complete") is True,
            groups=max(int(_number(entry, "groups")), 1),
        )
    except (ValueError, OverflowError):
        return None
    return found if found.bytes_per_s > 0 and found.threads > 0 else None


def store_measurement(key: str, measurement: BandwidthMeasurement) -> bool:
    """Remembers a measurement; the file is replaced as a whole.  ``False`` when it could not be written."""
    import tempfile

    entries = _read()
    entries.pop(key, None)
    entries[key] = {
        "bytes_per_s": measurement.bytes_per_s,
        "threads": measurement.threads,
        "single_thread_bytes_per_s": measurement.single_thread_bytes_per_s,
        "spread": measurement.spread,
        "seconds": measurement.seconds,
        "complete": measurement.complete,
        "groups": measurement.groups,
    }
    kept = dict(list(entries.items())[-_MAX_ENTRIES:])
    temporary: str | None = None
    try:
        folder = cache_dir()
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=_FILE_NAME, dir=folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"format": _FORMAT, "measurements": kept}, file, indent=1)
        Path(temporary).replace(folder / _FILE_NAME)
    except (OSError, ValueError, RuntimeError):
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        return False
    return True
