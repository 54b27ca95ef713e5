"""Parts of a Rig of which nothing is known: what a failed probe, or a capture of something else, gives."""

from __future__ import annotations

from probes.types import CpuInfo, MemoryInfo, SystemInfo, unknown


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
