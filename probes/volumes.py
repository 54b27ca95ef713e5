"""Volumes with the kind of drive they lie on, where a command lists them (macOS, Windows).

A folder's volume is found by the device number that the file system gives both, never by the path: a
network share below ``/Volumes`` or a folder that leads elsewhere is not taken for the system's drive.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from probes.types import Fact, StorageInfo, unknown

if TYPE_CHECKING:
    from probes.storage import Place


@dataclass(frozen=True, slots=True)
class Volume:
    """One file system of a machine."""

    points: tuple[str, ...]
    """Every path at which it is seen."""
    label: str | None
    """How a capture names it, ``None`` where models are hardly kept: recovery, read-only system."""
    kind: Fact[str]
    """As ``StorageInfo.kind``."""
    file_system: Fact[str]
    free_bytes: Fact[int]
    total_bytes: Fact[int]


@dataclass(frozen=True, slots=True)
class Volumes:
    """The volumes that a command lists; ``reason`` says why there are none."""

    found: tuple[Volume, ...] = ()
    reason: str = "no volume is listed"


def device_of(path: str) -> int | None:
    """The number of the device that a path lies on."""
    try:
        return os.stat(path).st_dev  # noqa: PTH116 - a volume's path on Windows is no path to pathlib
    except (OSError, ValueError):
        return None


def with_volumes(
    places: Iterable[Place], volumes: Volumes, device: Callable[[str], int | None] = device_of
) -> tuple[StorageInfo, ...]:
    """The places with kind of drive and file system of the volume that each lies on."""
    numbers = [(device(point), volume) for volume in volumes.found for point in volume.points]
    joined = []
    for place in places:
        info = place.info
        if info.kind.known:
            joined.append(info)
            continue
        here = list(dict.fromkeys(v for number, v in numbers if number == place.device))
        kinds = {v.kind.value for v in here}
        if not volumes.found:
            kind: Fact[str] = unknown(volumes.reason)
        elif not here:
            kind = unknown("on none of the drives that are listed: a network share, or a virtual one")
        elif len(kinds) > 1:
            kind = unknown("several drives with one device number")
        else:
            kind = here[0].kind
        known = info.file_system.known or len(here) != 1
        joined.append(
            replace(info, kind=kind, file_system=info.file_system if known else here[0].file_system)
        )
    return tuple(joined)


def storage_of(volumes: Sequence[Volume]) -> tuple[StorageInfo, ...]:
    """The volumes of a captured machine, of whose model folders nothing is known."""
    return tuple(
        StorageInfo(
            folder=Fact(volume.label, "a volume of the capture", "reported"),
            kind=volume.kind,
            file_system=volume.file_system,
            free_bytes=volume.free_bytes,
            total_bytes=volume.total_bytes,
        )
        for volume in dict.fromkeys(volumes)
        if volume.label is not None
    )
