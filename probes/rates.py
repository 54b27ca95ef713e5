"""Data rates of memory modules: what they run at, as opposed to what they are rated for.

Firmware gives a rated and a configured speed; counted over 264,340 modules (linuxhw/DMI, January 2025)
2.6 % have the clock, half the data rate, in the configured field, and 23 % have no such field.
"""

from __future__ import annotations

from collections.abc import Sequence

from catalog.types import CpuFamily
from probes.dmi import MemoryDevice
from probes.types import Fact, unknown

JEDEC_FLOOR_MTS = {"DDR2": 400, "DDR3": 800, "DDR4": 1600, "DDR5": 3200}
"""Slowest standard data rate of each type (JESD79-2, -3, -4, -5): a lower figure is the clock."""

_STANDARD_MTS = (
    *(400, 533, 667, 800, 1066, 1333, 1600, 1866, 2133, 2400, 2666, 2933, 3200),
    *(3600, 4000, 4400, 4800, 5200, 5600, 6000, 6400),
)


def is_lpddr(kind: str | None) -> bool:
    """Whether a type's channels are narrower than 64 bits (LPDDR3 records count 64 per channel)."""
    return kind is not None and kind.startswith("LPDDR") and kind != "LPDDR3"


def effective_mts(
    kind: str | None, rated_mts: int | None, configured_mts: int | None
) -> tuple[int | None, str]:
    """The data rate that a module runs at, and how it was found.

    Returns ``(mts, how)`` with ``how`` one of ``configured``, ``clock`` (the firmware wrote the clock, which
    is half the rate), ``rated`` (no configured speed: an upper bound), ``unclear`` (LPDDR at half its rating:
    the clock, or a power-saving step) and ``unknown``.
    """
    floor = JEDEC_FLOOR_MTS.get(kind or "", 0)
    if configured_mts is None:
        if rated_mts is None:
            return None, "unknown"
        return _clock(rated_mts, None, floor) if rated_mts < floor else (rated_mts, "rated")
    half_of_rated = rated_mts is not None and abs(configured_mts * 2 - rated_mts) <= 2
    if half_of_rated and kind is not None and kind.startswith("LPDDR"):
        return rated_mts, "unclear"
    if configured_mts < floor or (half_of_rated and kind in ("DDR2", "DDR3", "DDR4")):
        return _clock(configured_mts, rated_mts, floor)
    return configured_mts, "configured"


def _clock(clock_mhz: int, rated_mts: int | None, floor_mts: int) -> tuple[int | None, str]:
    """Twice a clock, unless that too is below what the type can do: then the type or the speed is wrong."""
    rate = _doubled(clock_mhz, rated_mts)
    return (rate, "clock") if rate >= floor_mts else (None, "unknown")


def _doubled(clock_mhz: int, rated_mts: int | None) -> int:
    """Twice the clock, put on the rate that it stands for (2 x 1067 MHz is DDR4-2133)."""
    rate = clock_mhz * 2
    for standard in (rated_mts, *_STANDARD_MTS):
        if standard is not None and abs(rate - standard) <= 2:
            return standard
    return rate


def common_speed(
    populated: Sequence[MemoryDevice], kind: str | None, source: str, family: CpuFamily | None = None
) -> tuple[Fact[int], tuple[str, ...]]:
    """The data rate of all modules, the slowest one's because they run together, and notes on it.

    Where the firmware gives only ratings, server CPUs hold the modules to their official limit.
    """
    rates = [effective_mts(kind, d.rated_mts, d.configured_mts) for d in populated]
    known = [(rate, how) for rate, how in rates if rate is not None]
    if not known:
        return unknown("the firmware gives no memory speed"), ()
    mts, how = min(known)
    if how == "unclear":
        return unknown(
            f"the firmware gives {mts} MT/s rated and half of it configured: the clock, or a lower rate"
        ), ()
    if how == "rated" and family is not None and family.platform in ("server", "arm-server"):
        official = family.max_mts if kind == family.memory_type.split("/")[0] else mts
        if mts > official:
            note = (
                f"the firmware gives only the modules' rating ({mts} MT/s); {family.name} runs at {official}"
            )
            return Fact(official, f"{source}, rated speed; held to the CPU's limit", "derived"), (note,)
    if how == "rated":
        note = f"the firmware gives only the modules' rating ({mts} MT/s): the speed they run at may be lower"
        return Fact(mts, f"{source}, rated speed", "derived"), (note,)
    if how == "clock":
        note = (
            f"the firmware gives the memory clock ({mts // 2} MHz); the data rate is twice that, {mts} MT/s"
        )
        return Fact(mts, f"{source}, clock doubled", "derived"), (note,)
    return Fact(mts, f"{source}, configured speed", "reported"), ()
