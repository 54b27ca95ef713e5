"""What a tenth more of each part of the rig brings: one wording for text, JSON readers and the app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NAMES = {
    "vram_bandwidth": "VRAM bandwidth",
    "ram_bandwidth": "RAM bandwidth",
    "cores": "CPU cores",
    "compute": "GPU compute",
    "link": "link speed",
    "launch": "overhead",
}
NOTICEABLE_PERCENT = 0.05
"""Gains below this would be shown as nothing."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What one change of a tenth brings, to first order."""

    change: str
    """``+10 %``, or ``-10 %`` of overhead, which is time: less of it is faster."""
    part: str
    percent: float

    def text(self, arrow: str = "→") -> str:
        """``+10 % RAM bandwidth → +7.6 %``."""
        return f"{self.change} {self.part} {arrow} {self.percent:+.1f} %"


def gains(sensitivities: Mapping[str, float], *, unified: bool = False) -> list[Gain]:
    """The gains worth showing, largest first.

    Args:
        sensitivities: d ln(tokens/s) / d ln(parameter).
        unified: the GPU's memory is the RAM, so that nobody would call it VRAM.
    """
    found = []
    for name, slope in sensitivities.items():
        overhead = name == "launch"
        part = "memory bandwidth" if unified and name == "vram_bandwidth" else NAMES[name]
        found.append(Gain("-10 %" if overhead else "+10 %", part, 10 * (-slope if overhead else slope)))
    worth = [gain for gain in found if gain.percent >= NOTICEABLE_PERCENT]
    return sorted(worth, key=lambda gain: -gain.percent)


def gains_text(sensitivities: Mapping[str, float], *, unified: bool = False) -> str:
    """All of them: ``+10 % RAM bandwidth → +7.6 %, +10 % VRAM bandwidth → +1.1 %``; empty for none."""
    return ", ".join(gain.text() for gain in gains(sensitivities, unified=unified))
