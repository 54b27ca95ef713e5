"""The memory controllers' own map of channels, from Linux's error-detection drivers (EDAC).

Only machines with ECC memory and the driver loaded have it.  It knows sizes and channels, not speeds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from probes.files import children, read_int, read_line

_PLACE = re.compile(r"channel (\d{1,2}) slot (\d{1,2})")


@dataclass(frozen=True, slots=True)
class EdacMap:
    """Populated channels and modules as the memory controllers see them."""

    channels: int
    modules: int
    total_bytes: int
    type: str | None


def _type(text: str | None) -> str | None:
    """``Registered-DDR4`` and ``Unbuffered-DDR5`` hold the type; ``Unknown`` does not."""
    match = re.search(r"(?:LP)?DDR\d", text or "", re.IGNORECASE)
    return None if match is None else match[0].upper()


def read_edac(root: Path) -> EdacMap | None:
    """The channel map; ``None`` without a driver, or where it counts rows instead of channels and slots."""
    places: set[tuple[int, str]] = set()
    kinds: set[str | None] = set()
    modules = megabytes = 0
    for controller, folder in children(root / "sys/devices/system/edac/mc", "mc"):
        for _, dimm in children(folder, "dimm"):
            size = read_int(dimm / "size")
            if not size or size < 0:
                continue
            place = _PLACE.search(read_line(dimm / "dimm_location") or "")
            if place is None:
                return None
            places.add((controller, place[1]))
            kinds.add(_type(read_line(dimm / "dimm_mem_type")))
            modules += 1
            megabytes += size
    if not modules:
        return None
    kind = kinds.pop() if len(kinds) == 1 else None
    return EdacMap(len(places), modules, megabytes * 1024**2, kind)
