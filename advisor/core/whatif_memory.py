"""What-if edits of the RAM: modules, their speed, their channels."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from advisor.core.changes import GIB, Lookups, WhatIfError, is_soldered, own_memory
from catalog.types import CpuFamily, LookupFailedError
from probes.channels import bandwidth_bytes_per_s
from probes.types import AcceleratorInfo, Fact, MemoryInfo, MemoryModule, Rig, unknown

_CHANNEL_BITS = 64
_LPDDR = re.compile(r"lpddr\w*", re.IGNORECASE)
_KIND = re.compile(r"\bddr\d", re.IGNORECASE)
_SERVERS = ("server", "arm-server")
"""Platforms whose firmware does not overclock memory."""


def set_ram(rig: Rig, spec: str, family: CpuFamily | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    """Replace all modules by those of a specification such as ``2x32GB:DDR5-6000``."""
    _check_spec(rig, spec, family, catalog)
    spec, said = _in_present_kind(rig, spec, family, catalog)
    family = _without_refuted_limit(rig, family)
    memory, remarks = _made(rig, spec, family, catalog)
    remarks = said + remarks + _slot_remarks(rig, len(memory.modules), spec, family)
    memory, more = _scaled_measurement(rig, replace(memory, slots=rig.memory.slots))
    return _with_memory(rig, memory, catalog), remarks + more


def add_ram(rig: Rig, spec: str, family: CpuFamily | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    """Put the modules of a specification beside the present ones.

    All run at the rate of the slowest; channels fill one module each before any gets a second.
    """
    _check_spec(rig, spec, family, catalog)
    present = rig.memory
    kind, mts, total = present.type.value, present.mts.value, present.total_bytes.value
    if not present.modules or mts is None or total is None or kind is None:
        raise WhatIfError(
            "adding modules needs to know the present ones and their speed, which were not found; "
            f"describe all of them instead, for example --ram {spec}"
        )
    spec, said = _in_present_kind(rig, spec, family, catalog)
    added, _ = _made(rig, spec, None, catalog)
    if not added.modules:
        raise WhatIfError(f"how many modules are {spec}? write their count, for example +1x{spec}")
    sizes = [m.size_bytes for m in (*present.modules, *added.modules)]
    count, rate = len(sizes), min(mts, added.mts.value or mts)
    even = f"{count}x{added.modules[0].size_bytes / GIB:g}GB:{kind}-{rate}"
    together, remarks = _made(rig, even, _without_limit(family), catalog)
    most = family.max_memory_bytes if family else None
    sockets = rig.cpu.sockets.value or 1
    if most and total <= most * sockets < sum(sizes):
        raise WhatIfError(
            f"{sum(sizes) / GIB:g} GB in all are more than {rig.cpu.name.value} takes "
            f"({most * sockets / GIB:g} GB); replace the modules instead: --ram {even}"
        )
    remarks = said + remarks + _slot_remarks(rig, count, even, family, replace_with=spec)
    if len(set(sizes)) > 1:
        names = ", ".join(f"{size / GIB:g} GB" for size in sorted(set(sizes)))
        remarks.append(
            f"modules of different sizes ({names}): only the part that all channels have is interleaved "
            "over all of them; the rest is slower than stated"
        )
    if (added.mts.value or mts) != mts:
        remarks.append(f"modules of {mts} and {added.mts.value} MT/s together run at the slower rate")
    remarks.append("modules of two kits are not sold to work together at their rated speed")
    capacity = Fact(total + sum(m.size_bytes for m in added.modules), f"what-if: {spec} added", "derived")
    edited = replace(
        together,
        total_bytes=capacity,
        installed_bytes=Fact(sum(sizes), capacity.source, "derived"),
        slots=present.slots,
        max_channels=present.max_channels,
        modules=tuple(_placed(m, i) for i, m in enumerate((*present.modules, *added.modules))),
    )
    edited, more = _scaled_measurement(rig, edited)
    return _with_memory(rig, edited, catalog), remarks + more


def _placed(module: MemoryModule, index: int) -> MemoryModule:
    return replace(module, locator=f"slot {index + 1}", channel=None)


def _made(rig: Rig, spec: str, family: CpuFamily | None, catalog: Lookups) -> tuple[MemoryInfo, list[str]]:
    name = rig.cpu.name.value or "this CPU"
    return catalog.memory_of(spec, name, family, rig.cpu.sockets.value or 1)


def _check_spec(rig: Rig, spec: str, family: CpuFamily | None, catalog: Lookups) -> None:
    """Raise where the memory cannot be changed, or not into that."""
    refuse_soldered(rig, family, catalog)
    if re.search(r"(^|[x×*])\s*-\s*\d", spec):
        nearest = re.sub(r"-\s*(?=[\d.]+\s*([gt]i?b?|[x×*]))", "", spec, flags=re.IGNORECASE)
        raise WhatIfError(f"RAM has no negative size or count ({spec!r}); nearest: {nearest.strip()}")
    if spec_kind := _LPDDR.search(spec):
        raise WhatIfError(
            f"{spec_kind.group().upper()} is soldered to its board and cannot be put into this one; "
            "compare with another machine instead: rank --rig on 'rig --cpu NAME --ram SIZE'"
        )
    present, wanted = rig.memory.type.value, _KIND.search(spec)
    if present and wanted and wanted.group().upper() != present.upper()[:4]:
        other = wanted.group().upper()
        if family is None or other in catalog.types_of(family):
            rates = catalog.kind_of(present).rates_mts if family is None else (family.max_mts,)
            raise WhatIfError(
                f"this board takes {present}, not {other}: their slots differ; nearest: "
                f"{_of_kind(spec, present, rig.memory.mts.value or rates[-1])}, "
                f"or another board in the same scenario: board {other}, ram {spec.lstrip('+')}"
            )


def _of_kind(spec: str, kind: str, mts: int) -> str:
    """The specification's modules in another technology."""
    return f"{spec.split(':')[0].strip()}:{kind}-{mts}"


def _in_present_kind(
    rig: Rig, spec: str, family: CpuFamily | None, catalog: Lookups
) -> tuple[str, list[str]]:
    """A specification that states no technology takes that of the board and its present rate."""
    kind, mts = rig.memory.type.value, rig.memory.mts.value
    if ":" in spec or _KIND.search(spec) or not (kind and mts):
        return spec, []
    if family is not None and kind not in catalog.types_of(family):
        return spec, []
    whole = f"{spec.strip()}:{kind}-{mts}"
    return whole, [f"memory type and rate not given: {kind}-{mts} taken, as now"]


def _without_refuted_limit(rig: Rig, family: CpuFamily | None) -> CpuFamily | None:
    """The family, without a limit of capacity that this machine proves wrong."""
    present = rig.memory.total_bytes.value
    if family and family.max_memory_bytes and present and present > family.max_memory_bytes:
        return replace(family, max_memory_bytes=None)
    return family


def _without_limit(family: CpuFamily | None) -> CpuFamily | None:
    return None if family is None else replace(family, max_memory_bytes=None)


def _slot_remarks(
    rig: Rig, count: int, spec: str, family: CpuFamily | None, replace_with: str | None = None
) -> list[str]:
    """What is to be said of the board's slots; raises where it has fewer than modules."""
    slots, present = rig.memory.slots.value, len(rig.memory.modules)
    if slots is not None and count > slots:
        each = spec.partition("x")[2] or spec
        if replace_with is None:
            nearest = f"{slots}x{each}"
        elif slots > present:
            nearest = f"+{slots - present}x{replace_with.partition('x')[2] or replace_with}"
        else:
            nearest = f"replace the present ones: --ram {slots}x{each}"
        raise WhatIfError(f"the board has {slots} memory slots, not {count}; nearest: {nearest}")
    sure = 0 if family is None or family.platform == "laptop" else family.channels
    if slots is not None or count <= max(present, sure * (rig.cpu.sockets.value or 1), 1):
        return []
    most = ""
    if family is not None and family.slots_per_channel:
        at_most = family.slots_per_channel * family.channels * (rig.cpu.sockets.value or 1)
        most = f"; boards for {family.name} have at most {at_most}"
    return [f"how many slots the board has is not known: {count} modules assumed to fit{most}"]


def refuse_soldered(rig: Rig, family: CpuFamily | None, catalog: Lookups) -> None:
    """Raise where the memory cannot be changed; an integrated GPU alone does not solder it."""
    chip = next((a.name.value for a in rig.accelerators if a.unified.value and own_memory(a, catalog)), None)
    kind = rig.memory.type.value or ""
    if chip is not None:
        whose, part = f"the memory of {chip}", "--gpu"
    elif is_soldered(kind):
        whose, part = f"the {kind} memory of this machine", "--cpu"
    elif family is not None and family.slots_per_channel == 0:
        whose, part = f"the memory of {family.name}", "--cpu"
    else:
        return
    raise WhatIfError(
        f"{whose} is soldered and keeps its size, speed and channels; "
        f"compare with another machine instead: rank --rig on 'rig {part} NAME --ram SIZE'"
    )


def _with_memory(rig: Rig, memory: MemoryInfo, catalog: Lookups) -> Rig:
    """The rig with other memory; an integrated GPU follows, because it uses the same.

    It keeps its share of RAM where that is known, else it gets its driver's default, and its bandwidth
    is the RAM's.
    """
    old, new = rig.memory.total_bytes.value, memory.total_bytes.value

    def follow(gpu: AcceleratorInfo) -> AcceleratorInfo:
        if not gpu.unified.value or new is None:
            return gpu
        vram = gpu.vram_bytes.value
        limit = int(vram * new / old) if vram and old else catalog.ram_share(gpu.vendor.value, new)
        source = "what-if: the same share of the changed RAM"
        bandwidth = memory.bandwidth_bytes_per_s
        return replace(
            gpu,
            vram_bytes=Fact(min(limit, new), source, "derived"),
            free_bytes=unknown("not measured with this memory"),
            measured_bandwidth_bytes_per_s=unknown("not measured with this memory"),
            bandwidth_bytes_per_s=Fact(bandwidth.value, "system RAM", bandwidth.confidence)
            if bandwidth.value is not None
            else gpu.bandwidth_bytes_per_s,
        )

    return replace(rig, memory=memory, accelerators=tuple(follow(a) for a in rig.accelerators))


def unmeasured(because: str) -> dict[str, Any]:
    """The fields of RAM that a measurement fills, without one."""
    names = ("measured_bandwidth_bytes_per_s", "measured_threads", "measured_spread")
    return {name: unknown(because) for name in names}


def _scaled_measurement(rig: Rig, memory: MemoryInfo) -> tuple[MemoryInfo, list[str]]:
    """Carry a measurement over: the same share of the theoretical bandwidth is reached."""
    old = rig.memory.bandwidth_bytes_per_s.value
    measured = rig.memory.measured_bandwidth_bytes_per_s.value
    new = memory.bandwidth_bytes_per_s.value
    if not (old and measured and new):
        return memory, []
    if measured > old:
        return memory, ["the measured bandwidth exceeds the theoretical one, so it is not carried over"]
    scaled = Fact(
        measured * new / old,
        f"measured share of the theoretical bandwidth ({measured / old:.0%}) kept",
        "derived",
    )
    return replace(memory, measured_bandwidth_bytes_per_s=scaled), []


def bandwidth_of(channels: int, mts: int, source: str) -> Fact[float]:
    """Theoretical bandwidth of that many channels of modules."""
    return Fact(bandwidth_bytes_per_s(channels * _CHANNEL_BITS, mts), source, "derived")


def set_speed(rig: Rig, mts: int, family: CpuFamily | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    """Run the present modules at another data rate."""
    refuse_soldered(rig, family, catalog)
    memory = rig.memory
    channels, kind_name = memory.channels.value, memory.type.value
    if channels is None or kind_name is None:
        raise WhatIfError(
            "--mts needs to know the present channels and memory type, which were not found; "
            "describe the memory instead, for example --ram 2x32GB:DDR5-6000"
        )
    try:
        rates = catalog.kind_of(kind_name).rates_mts
    except LookupFailedError as error:
        raise WhatIfError(str(error)) from error
    if not rates[0] <= mts <= rates[-1]:
        raise WhatIfError(f"{kind_name} runs from {rates[0]} to {rates[-1]} MT/s, not {mts}")
    remarks = []
    if family and family.platform in _SERVERS and mts > family.max_mts:
        raise WhatIfError(
            f"{family.name} runs {kind_name} at no more than {family.max_mts} MT/s and its firmware does not "
            f"overclock; use --mts {family.max_mts}"
        )
    old = memory.mts.value
    rated = [m.rated_mts for m in memory.modules if m.rated_mts]
    if rated and mts > min(rated):
        remarks.append(f"the present modules are rated {min(rated)} MT/s: {mts} needs other modules")
    if family and mts > family.max_mts:
        remarks.append(f"{mts} MT/s is above the official {family.max_mts} MT/s of {family.name}")
    per_channel = -(-len(memory.modules) // channels) if memory.modules else 1
    if per_channel > 1 and family and family.max_mts_2dpc and mts > family.max_mts_2dpc:
        remarks.append(
            f"with {per_channel} modules per channel {family.name} is specified for "
            f"{family.max_mts_2dpc} MT/s only ({family.source})"
        )
    source = f"what-if: {mts} MT/s" + (f" instead of {old}" if old else "")
    edited = replace(
        memory,
        mts=Fact(mts, source, "derived"),
        bandwidth_bytes_per_s=bandwidth_of(channels, mts, source),
        **unmeasured("not measured at this speed"),
    )
    edited, more = _scaled_measurement(rig, edited)
    return _with_memory(rig, edited, catalog), remarks + more


def set_rated_speed(rig: Rig, family: CpuFamily | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    """Run the present modules at the rate they are sold for (XMP, EXPO)."""
    refuse_soldered(rig, family, catalog)
    memory = rig.memory
    now = memory.mts.value
    rated = [m.rated_mts for m in memory.modules]
    known = [r for r in rated if r]
    target = min(known) if known and len(known) == len(rated) else None
    for advice in memory.advice:
        bandwidth, possible = advice.bandwidth_bytes_per_s, advice.possible_bandwidth_bytes_per_s
        if advice.kind == "xmp_off" and now and bandwidth and possible:
            target = max(target or 0, round(now * possible / bandwidth))
    if target is None:
        raise WhatIfError(
            "what the present modules are rated for was not found (their label says it); "
            "give the rate instead, for example --mts 6000"
        )
    if now is not None and target <= now:
        raise WhatIfError(f"the present modules run at {now} MT/s and are rated {target}: nothing to gain")
    return set_speed(rig, target, family, catalog)


def set_channels(
    rig: Rig, channels: int, family: CpuFamily | None, catalog: Lookups
) -> tuple[Rig, list[str]]:
    """Populate another number of channels with modules like the present ones."""
    memory = rig.memory
    if channels < 1:
        raise WhatIfError(f"--channels must be at least 1, not {channels}; use --channels 1")
    refuse_soldered(rig, family, catalog)
    if family is None:
        raise WhatIfError(
            "--channels needs to know the CPU's family, which was not recognised; use --ram instead"
        )
    most = family.channels * (rig.cpu.sockets.value or 1)
    if channels > most:
        raise WhatIfError(f"{family.name} has {most} memory channels, not {channels}; use --channels {most}")
    mts, old = memory.mts.value, memory.channels.value
    if mts is None or memory.total_bytes.value is None:
        raise WhatIfError(
            "--channels needs to know the present memory speed, which was not found; "
            f"describe the memory instead, for example --ram {channels}x16GB:{catalog.types_of(family)[0]}"
            f"-{family.max_mts}"
        )
    source = f"what-if: {channels} channels" + (f" instead of {old}" if old else "")
    remarks = []
    total, modules = memory.total_bytes, memory.modules
    if old and modules:
        count = max(len(modules) * channels // old, 1)
        size = modules[0].size_bytes
        modules = tuple(replace(modules[0], locator=f"slot {i + 1}", channel=None) for i in range(count))
        total = Fact(count * size, source, "derived")
        remarks.append(f"modules like the present ones: {count} x {size / GIB:.0f} GiB")
        if channels > old:
            kind = f"{size / GIB:g}GB:{memory.type.value}-{mts}"
            remarks += _slot_remarks(rig, count, f"{count}x{kind}", family)
    edited = replace(
        memory,
        channels=Fact(channels, source, "derived"),
        bandwidth_bytes_per_s=bandwidth_of(channels, mts, source),
        **unmeasured("not measured with these channels"),
        total_bytes=total,
        available_bytes=total,
        installed_bytes=total,
        modules=modules,
    )
    edited, more = _scaled_measurement(rig, edited)
    return _with_memory(rig, edited, catalog), remarks + more
