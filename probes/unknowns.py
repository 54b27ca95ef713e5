"""Parts of a Rig of which nothing is known: what a failed probe, or a capture of something else, gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, TypeVar

from probes.types import CpuInfo, Fact, MemoryInfo, SystemInfo, unknown

T = TypeVar("T")


def unknown_system(why: str) -> SystemInfo:
    """A system of which nothing is known, for the reason given."""
    return SystemInfo(unknown(why), unknown(why), unknown(why), unknown(why))


def unknown_cpu(why: str) -> CpuInfo:
    """A CPU of which nothing is known, for the reason given."""
    return CpuInfo(unknown(why), unknown(why), unknown(why), unknown(why), unknown(why))


def unknown_memory(why: str) -> MemoryInfo:
    """RAM of which nothing is known, for the reason given."""
    return MemoryInfo(
        total_bytes=unknown(why),
        available_bytes=unknown(why),
        type=unknown(why),
        channels=unknown(why),
        mts=unknown(why),
        bandwidth_bytes_per_s=unknown(why),
        measured_bandwidth_bytes_per_s=unknown(why),
    )


def first_known(items: Iterable[T], otherwise: T) -> T:
    """One record with each fact from the first record that knows it (and the first non-empty tuple)."""
    joined: Any = otherwise
    for item in items:
        changes: dict[str, Any] = {}
        for f in fields(joined):
            mine, theirs = getattr(joined, f.name), getattr(item, f.name)
            missing = not mine.known if isinstance(mine, Fact) else not mine
            there = theirs.known if isinstance(theirs, Fact) else bool(theirs)
            if missing and there:
                changes[f.name] = theirs
        joined = replace(joined, **changes)
    return joined  # type: ignore[no-any-return]
