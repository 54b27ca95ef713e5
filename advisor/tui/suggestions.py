"""Changes that suggest themselves for a rig; each is kept only if the edit language accepts it."""

from __future__ import annotations

import re

from advisor.tui import background
from advisor.tui.widgets.header import short_name
from probes.types import Rig

_GIB = 1024**3
MOST = 6


def candidates(rig: Rig) -> list[str]:
    """Texts worth trying, best first: more sticks, another card, larger modules, and so on."""
    discrete = [g for g in rig.accelerators if not g.unified.value and g.name.value]
    memory = _memory(rig)
    texts = memory[:MORE_STICKS]
    present = short_name(discrete[0].name.value or "") if discrete else ""
    if _is_laptop(rig):
        return [*memory, "mts 6400", "add-gpu RTX 5060 Ti 16GB"]
    if discrete:
        texts.append(f"add-gpu {present}")
    else:
        texts += ["add-gpu RTX 3090", "add-gpu RTX 5060 Ti 16GB"]
    texts += memory[MORE_STICKS:]
    if discrete:
        texts += ["replace-gpu RTX 5090", "replace-gpu RTX 3090"]
    else:
        texts.append("add-gpu RTX 5090")
    if len(discrete) > 1:
        texts += ["link nvlink", f"remove-gpu {len(discrete)}"]
    channels = rig.memory.channels.value
    if channels:
        texts.append(f"channels {channels * 2}")
    if discrete:
        texts.append(f"add-gpu 3x {present}")
    return texts


def _is_laptop(rig: Rig) -> bool:
    from advisor.pipeline import cpu_family

    family = cpu_family(rig)
    return family is not None and family.platform == "laptop"


def _memory(rig: Rig) -> list[str]:
    """Memory worth trying: first ways to more sticks of the present kind, then other modules."""
    modules, kind, mts = rig.memory.modules, rig.memory.type.value, rig.memory.mts.value
    common = ["ram 2x64GB:DDR5-5600", "ram 2x32GB:DDR5-6000", "ram 2x32GB:DDR4-3200"]
    if not (modules and kind and mts):
        return common
    count, size = len(modules), modules[0].size_bytes // _GIB
    channels = rig.memory.channels.value or 1
    # Two more, as a kit is sold, unless that leaves some of the channels with a module less.
    more = min(2, count) if (count + 2) % channels == 0 or count < channels else count
    sticks = [f"ram +{more}x{size}GB:{kind}-{mts}", f"ram {count * 2}x{size}GB:{kind}-{mts}"]
    return [*sticks, "xmp on", f"ram {count}x{size * 2}GB:{kind}-{mts}", *common]


MORE_STICKS = 2
"""The first texts of memory: more sticks of the present kind; the first that the rig takes is offered."""


def says(text: str) -> str:
    """A suggestion in words, where its text does not speak for itself; else empty."""
    found = re.match(r"ram \+(\d+)x", text)
    if found is None:
        return ""
    return "one more stick" if found[1] == "1" else f"{_NUMBERS.get(found[1], found[1])} more sticks"


_NUMBERS = {"2": "two", "4": "four", "6": "six", "8": "eight"}


def suggest(rig: Rig) -> tuple[str, ...]:
    """Up to six changes that this rig can take, at most two of them memory."""
    found: list[str] = []
    for text in candidates(rig):
        verb = text.split()[0]
        if verb == "ram" and sum(1 for t in found if t.startswith("ram ")) >= 2:
            continue
        if text in _memory(rig)[:MORE_STICKS] and any(t in found for t in _memory(rig)[:MORE_STICKS]):
            continue
        try:
            scenario = background.parse(text, rig)
        except background.expected_errors():
            continue
        if scenario.rig != rig and text not in found:
            found.append(text)
        if len(found) == MOST:
            break
    return tuple(found)


def no_more_sticks(rig: Rig) -> str:
    """Why a rig with modules takes no more of them; empty where it does, or has none."""
    if not rig.memory.modules:
        return ""
    reason = ""
    for text in _memory(rig)[:MORE_STICKS]:
        try:
            background.parse(text, rig)
        except background.expected_errors() as error:
            reason = reason or str(error)
        else:
            return ""
    return reason
