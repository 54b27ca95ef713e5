"""Which RAM modules are sold, which a CPU takes, and how much of them: the nearest possible otherwise."""

from __future__ import annotations

import re
from dataclasses import replace

from catalog.types import CpuFamily
from probes.specs import GIB, RamSpec
from probes.types import RigError

MODULE_GIB = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256)
"""Module sizes that are sold; those between the powers of two are DDR5 only."""

UNBUFFERED_GIB = {"DDR3": 16, "DDR4": 32, "DDR5": 64}
"""The largest unbuffered module sold: what boards of desktop and laptop CPUs take."""

_REGISTERED_ONLY = re.compile(
    r"^AMD EPYC (?!4)|^AMD Threadripper (PRO )?[79]000|^Intel Xeon (6 |Max|Scalable|Platinum|w-|W-[23]\d00\b)"
    r"|^Ampere"
)
"""Families whose boards take registered modules (RDIMM, LRDIMM) and no others, by the vendors' guides
(recalled, not re-read).  Xeon E5 and D and Threadripper PRO of the DDR4 generations take both."""


def needs_registered(family: CpuFamily) -> bool:
    """Whether a family takes registered modules only."""
    return bool(_REGISTERED_ONLY.search(family.name))


def takes_unbuffered_only(family: CpuFamily) -> bool:
    """Whether a family takes unbuffered modules only."""
    return family.platform in ("desktop", "laptop")


def check_modules(spec: RamSpec, processor: str, family: CpuFamily | None, sockets: int) -> None:
    """Check that the modules are sold and that the CPU takes so much.  Soldered memory has no modules.

    Args:
        spec: the modules; where only a total was given, their number is an assumption and only the
            total is checked.
        processor: how to call the CPU.
        family: its family, ``None`` if unknown.
        sockets: how many CPUs there are.

    Raises:
        RigError: no; the text gives the nearest possible.
    """
    if spec.type.startswith("LPDDR"):
        return
    sizes = module_sizes(spec.type, family)
    limit = family.max_memory_bytes * sockets if family and family.max_memory_bytes else None
    if spec.counted and spec.module_bytes not in sizes:
        why = "is not sold"
        if spec.module_bytes > sizes[-1] and sizes[-1] < MODULE_GIB[-1] * GIB:
            why = f"is not sold unbuffered, as {processor} needs it"
        nearest = replace(spec, module_bytes=_nearest(spec.module_bytes, sizes))
        raise RigError(
            f"a {spec.type} module of {spec.module_bytes / GIB:g} GB {why}; "
            f"nearest: {_within(nearest, sizes, limit)}"
        )
    if limit is not None and spec.total_bytes > limit:
        most = f"{limit / GIB:g}GB:{spec.type}-{spec.mts}"
        raise RigError(
            f"{spec.total_bytes / GIB:g} GB is more than {_times(sockets)}{processor} takes "
            f"({limit / GIB:g} GB); nearest: {_within(spec, sizes, limit) if spec.counted else most}"
        )


def uneven_channels(spec: RamSpec, channels: int) -> str | None:
    """What to say when modules fill the channels unevenly: only a part is interleaved over all of them."""
    if not spec.counted or spec.count <= channels or spec.count % channels == 0:
        return None
    rows, rest = divmod(spec.count, channels)
    even = rows * channels * spec.module_bytes / GIB
    return (
        f"{spec.count} modules on {channels} channels are uneven: {even:g} GB are interleaved over all "
        f"channels, the other {rest * spec.module_bytes / GIB:g} GB are read over {rest} of {channels} and "
        "slower than stated"
    )


def module_sizes(kind: str, family: CpuFamily | None) -> list[int]:
    """Module sizes in bytes, ascending, that are sold of a kind and that a family's boards take."""
    most = MODULE_GIB[-1]
    if family and takes_unbuffered_only(family):
        most = UNBUFFERED_GIB.get(kind, most)
    return [
        size * GIB
        for size in MODULE_GIB
        if size <= most and (kind in ("DDR5", "MRDIMM") or size & (size - 1) == 0)
    ]


def _nearest(wanted: int, sizes: list[int]) -> int:
    return min(sizes, key=lambda size: abs(size - wanted))


def _within(spec: RamSpec, sizes: list[int], limit: int | None) -> str:
    """The specification with the largest modules up to its own that stay within ``limit``."""
    fitting = [s for s in sizes if s <= spec.module_bytes and (limit is None or s * spec.count <= limit)]
    return str(replace(spec, module_bytes=fitting[-1] if fitting else sizes[0]))


def _times(sockets: int) -> str:
    return f"{sockets}x " if sockets > 1 else ""
