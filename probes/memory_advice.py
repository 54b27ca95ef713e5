"""What would make the RAM faster, with the bandwidth to be gained; and why it cannot be, where it cannot.

    bandwidth = channels * 8 bytes * MT/s * 1e6

Every advice compares the theoretical bandwidth now with the one after the change, nothing else changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from catalog.types import CpuFamily
from probes.dmi import MemoryDevice
from probes.locators import ChannelKey
from probes.rates import is_lpddr
from probes.types import MemoryAdvice

GIB = 1024**3

_SLOWER = 0.98
"""Rates within 2 % are the same: firmware rounds 2666 to 2667 and runs 5600 as 5586."""

_NO_PROFILES = ("server", "arm-server", "laptop")
"""Platforms whose firmware offers no XMP or EXPO profiles (a few laptops do)."""

_PART_RATES = (
    (re.compile(r"^F[345]-(\d{4,5})[A-Z]", re.IGNORECASE), 1),  # G.Skill F5-6000J3038F16G
    (re.compile(r"^CM\w{1,3}?\d{1,3}GX[345]M\d[A-Z]?(\d{4})[CZ]\d\d", re.IGNORECASE), 1),  # Corsair
    (re.compile(r"^KF[345](\d\d)[CSR]\d\d", re.IGNORECASE), 100),  # Kingston FURY KF560C36-16
    (re.compile(r"^KHX(\d{4})C\d\d", re.IGNORECASE), 1),  # HyperX KHX3200C16D4/8GX
    (re.compile(r"^HX[34](\d\d)[CS]\d\d", re.IGNORECASE), 100),  # HyperX HX432C16PB3/8
    (re.compile(r"^(?:BL[A-Z]?|CP)\d{1,3}G(\d\d)C\d\d[A-Z]", re.IGNORECASE), 100),  # Crucial
    (re.compile(r"\bUD[45]-(\d{4})\b", re.IGNORECASE), 1),  # TEAMGROUP-UD4-3200
    (re.compile(r"^AX[45]U(\d{4})C\d\d", re.IGNORECASE), 1),  # ADATA XPG AX5U6000C3016G
)
"""Makers of XMP and EXPO kits that write the data rate into the part number; SMBIOS gives only the standard
rate when the profile is off.  Examples from the makers' product pages."""

_HUNDREDS = {21: 2133, 26: 2666, 29: 2933, 37: 3733, 42: 4266}
"""Two digits stand for hundreds of MT/s; these are not round."""

_PLAUSIBLE_MTS = {"DDR3": (1066, 3200), "DDR4": (2133, 5400), "DDR5": (4800, 10000)}


def rate_of_part(part_number: str | None, kind: str | None) -> int | None:
    """The data rate that a kit's part number states, ``None`` for other makers and implausible figures."""
    low, high = _PLAUSIBLE_MTS.get(kind or "", (0, 0))
    for pattern, factor in _PART_RATES:
        found = pattern.search((part_number or "").strip())
        if found is None:
            continue
        value = int(found[1])
        rate = _HUNDREDS.get(value, value * factor) if factor > 1 else value
        if kind == "DDR3" and rate > high:
            rate = _jedec(rate / 8)  # PC3-12800: MB/s of one module
        return rate if low <= rate <= high else None
    return None


def _jedec(rate: float) -> int:
    """The standard rate near a figure that was rounded twice."""
    return min((1066, 1333, 1600, 1866, 2133, 2400, 2666), key=lambda step: abs(step - rate))


def rated_mts(device: MemoryDevice, kind: str | None) -> int | None:
    """What a module is sold for: the larger of SMBIOS ``Speed`` and the rate in its part number."""
    return max((r for r in (device.rated_mts, rate_of_part(device.part_number, kind)) if r), default=None)


def _bandwidth(channels: int, mts: int) -> float:
    return channels * 8e6 * mts


def _gain(now: float, then: float) -> str:
    return f"{now / 1e9:.1f} → {then / 1e9:.1f} GB/s (+{(then / now - 1) * 100:.0f} %)"


def advise(
    populated: Sequence[MemoryDevice],
    keys: Sequence[ChannelKey],
    *,
    kind: str | None,
    channels: int | None,
    mts: int | None,
    total_channels: int | None,
    family: CpuFamily | None,
    sockets: int,
    free_slots: int | None = None,
) -> tuple[MemoryAdvice, ...]:
    """What the modules, their places and their rate suggest.

    Args:
        populated: the modules.
        keys: their channels in the same order, empty where the names do not tell.
        kind: their type.
        channels: channels with a module, ``None`` if unknown.
        mts: the rate they run at, ``None`` unless the firmware reports it.
        total_channels: what the CPUs have, if known.
        family: the CPU family, for its official limits, if known.
        sockets: CPU sockets.
        free_slots: slots without a module, if known.
    """
    found: list[MemoryAdvice] = []
    soldered = is_lpddr(kind) or any("Chip" in (d.form_factor or "") for d in populated)
    if channels is not None and total_channels is not None and not soldered and channels < total_channels:
        found.append(_empty_channels(channels, total_channels, mts, len(populated), free_slots))
    per_channel: Counter[ChannelKey] = Counter()
    for key, device in zip(keys, populated, strict=False):
        per_channel[key] += device.size_bytes or 0
    sizes = sorted(set(per_channel.values()))
    if len(sizes) > 1:
        gib = ", ".join(f"{size / GIB:.4g}" for size in sizes)
        even = sizes[0] * len(per_channel) / GIB
        found.append(
            MemoryAdvice(
                "uneven_channels",
                f"channels hold different amounts ({gib} GiB): only the matching part, {even:.4g} GiB, is "
                "interleaved over all of them",
            )
        )
    if mts is not None:
        crowded = channels is not None and len(populated) > channels
        found += _rate(
            populated, kind, mts, channels, crowded=crowded, family=family, sockets=sockets, soldered=soldered
        )
    return tuple(found)


def _empty_channels(
    channels: int, total: int, mts: int | None, modules: int, free_slots: int | None
) -> MemoryAdvice:
    text = f"{channels} of {total} memory channels {'is' if channels == 1 else 'are'} populated"
    if free_slots == 0:
        return MemoryAdvice("empty_channels", f"{text}, and no slot is free: a limit of this board")
    if modules > channels:
        better = min(modules, total)
        text += f" by {modules} modules: spreading them over {better}"
    else:
        better = total
        text += ": filling the others"
    if mts is None:
        times = better / channels
        return MemoryAdvice("empty_channels", f"{text} would raise the bandwidth up to {times:.3g} times")
    now, then = _bandwidth(channels, mts), _bandwidth(better, mts)
    return MemoryAdvice("empty_channels", f"{text} gives {_gain(now, then)}", now, then)


def _rate(
    populated: Sequence[MemoryDevice],
    kind: str | None,
    mts: int,
    channels: int | None,
    *,
    crowded: bool,
    family: CpuFamily | None,
    sockets: int,
    soldered: bool,
) -> list[MemoryAdvice]:
    """Why memory runs below its rating, and what that costs."""
    ratings = [r for d in populated if (r := rated_mts(d, kind)) is not None]
    fixed = _no_profiles(populated, family, sockets)
    official = _official(kind, family)
    if not ratings or (rated := min(ratings)) * _SLOWER <= mts:
        return _mixed(ratings, mts, channels, official if fixed else None)
    head = f"rated {rated}, running {mts} MT/s: "
    if soldered:
        return [MemoryAdvice("set_by_maker", f"{head}soldered memory, set by the maker")]
    if fixed and official is not None and mts >= official * _SLOWER:
        return [MemoryAdvice("cpu_limit", f"{head}{official} is the most that the CPU is specified for")]
    if crowded:
        text = f"{head}with several modules per channel CPUs lower the speed; "
        if family is not None and family.max_mts_2dpc and official == family.max_mts:
            text += f"{family.name} is specified for {family.max_mts_2dpc} then; "
        then = min(rated, official) if fixed and official else rated
        if channels is None or then * _SLOWER <= mts:
            return [MemoryAdvice("modules_share_channels", f"{text}fewer, larger modules run faster")]
        now, best = _bandwidth(channels, mts), _bandwidth(channels, then)
        text += f"one larger module per channel can run at {then}: {_gain(now, best)}"
        return [MemoryAdvice("modules_share_channels", text, now, best)]
    if fixed:
        if official is None or channels is None:
            return [MemoryAdvice("cpu_limit", f"{head}held there by the CPU's limit or a firmware setting")]
        then = min(rated, official)
        now, best = _bandwidth(channels, mts), _bandwidth(channels, then)
        text = f"{head}held there by a firmware setting or the CPU model; at {then}: {_gain(now, best)}"
        return [MemoryAdvice("firmware_setting", text, now, best)]
    text = f"{head}XMP or EXPO is off: enable it in the firmware setup, if the CPU and board allow it"
    if official is not None and rated > official:
        text += f" ({official} is the official limit)"
    if channels is None:
        return [MemoryAdvice("xmp_off", text)]
    now, best = _bandwidth(channels, mts), _bandwidth(channels, rated)
    return [MemoryAdvice("xmp_off", f"{text}: {_gain(now, best)}", now, best)]


def _mixed(ratings: Sequence[int], mts: int, channels: int | None, most: int | None) -> list[MemoryAdvice]:
    """All run at the slowest module's rating although the others are rated higher (and the CPU allows it)."""
    ratings = [min(r, most or r) for r in ratings]
    if not ratings or channels is None or max(ratings) * _SLOWER <= min(ratings):
        return []
    slow, fast = min(ratings), sorted(r for r in ratings if r * _SLOWER > min(ratings))[0]
    if mts * _SLOWER > slow:
        return []
    now, best = _bandwidth(channels, mts), _bandwidth(channels, fast)
    text = (
        f"modules rated {slow} hold the ones rated {fast} back, all run at {mts} MT/s: "
        f"replacing them can give {_gain(now, best)}"
    )
    return [MemoryAdvice("slowest_module", text, now, best)]


def _no_profiles(populated: Sequence[MemoryDevice], family: CpuFamily | None, sockets: int) -> bool:
    """Whether the modules follow the CPU's limit: servers, laptops, several sockets, ECC memory."""
    if any("SODIMM" in (d.form_factor or "") for d in populated):
        return True
    ecc = any((d.total_bits or 0) > 64 and d.data_bits == 64 for d in populated)
    return sockets > 1 or ecc or (family is not None and family.platform in _NO_PROFILES)


def _official(kind: str | None, family: CpuFamily | None) -> int | None:
    """The CPU's official rate for a type of memory; families name it for the first of their types."""
    if family is None or kind != family.memory_type.split("/")[0]:
        return None
    return family.max_mts
