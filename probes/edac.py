"""The memory controllers' own map of channels, from Linux's error-detection drivers (EDAC).

Only machines with ECC memory and the driver loaded have it.  It knows sizes and channels, not speeds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from probes.files import children, read_int, read_line

_CHANNEL = re.compile(r"(?:branch (\d{1,2}) )?(?:csrow \d{1,2} )?channel (\d{1,2})\b")
"""``channel 0 slot 1`` (Intel servers), ``csrow 2 channel 1`` (AMD, where a module of two ranks has two
rows), ``branch 0 channel 1 slot 0`` (FB-DIMM); ``memory 3`` (ghes_edac) counts modules only."""


@dataclass(frozen=True, slots=True)
class EdacMap:
    """Populated channels and modules as the memory controllers see them."""

    channels: int
    entries: int
    """Modules, or rows of chips where the driver lists those."""
    total_bytes: int
    type: str | None


def _type(text: str | None) -> str | None:
    """``Registered-DDR4`` and ``Unbuffered-DDR5`` hold the type; ``Unknown`` does not."""
    match = re.search(r"(?:LP)?DDR\d", text or "", re.IGNORECASE)
    return None if match is None else match[0].upper()


def read_edac(root: Path) -> EdacMap | None:
    """The channel map; ``None`` without a driver, or where it does not name channels."""
    places: set[tuple[int, str | None, str]] = set()
    kinds: set[str | None] = set()
    entries = megabytes = 0
    for controller, folder in children(root / "sys/devices/system/edac/mc", "mc"):
        for _, dimm in children(folder, "dimm"):
            size = read_int(dimm / "size")
            if not size or size < 0:
                continue
            place = _CHANNEL.search(read_line(dimm / "dimm_location") or "")
            if place is None:
                return None
            places.add((controller, place[1], place[2]))
            kinds.add(_type(read_line(dimm / "dimm_mem_type")))
            entries += 1
            megabytes += size
    if not entries:
        return None
    kind = kinds.pop() if len(kinds) == 1 else None
    return EdacMap(len(places), entries, megabytes * 1024**2, kind)
