"""Changes that suggest themselves for a rig; each is kept only if the edit language accepts it."""

from __future__ import annotations

from advisor.tui import background
from advisor.tui.widgets.header import short_name
from probes.types import Rig

_GIB = 1024**3
MOST = 6


def candidates(rig: Rig) -> list[str]:
    """Texts worth trying, best first."""
    discrete = [g for g in rig.accelerators if not g.unified.value and g.name.value]
    texts = []
    present = short_name(discrete[0].name.value or "") if discrete else ""
    if _is_laptop(rig):
        return [*_memory(rig), "mts 6400", "add-gpu RTX 5060 Ti 16GB"]
    if discrete:
        texts.append(f"add-gpu {present}")
    else:
        texts += ["add-gpu RTX 3090", "add-gpu RTX 5060 Ti 16GB"]
    texts += _memory(rig)
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
    modules, kind, mts = rig.memory.modules, rig.memory.type.value, rig.memory.mts.value
    texts = []
    if modules and kind and mts:
        count, size = len(modules), modules[0].size_bytes // _GIB
        texts.append(f"ram {count}x{size * 2}GB:{kind}-{mts}")
        texts.append(f"ram {count * 2}x{size}GB:{kind}-{mts}")
    texts += ["ram 2x64GB:DDR5-5600", "ram 2x32GB:DDR5-6000", "ram 2x32GB:DDR4-3200"]
    return texts


def suggest(rig: Rig) -> tuple[str, ...]:
    """Up to six changes that this rig can take, at most two of them memory."""
    found: list[str] = []
    for text in candidates(rig):
        verb = text.split()[0]
        if verb == "ram" and sum(1 for t in found if t.startswith("ram ")) >= 2:
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
