"""Stacked bars of whole cells: pure functions.

Cells are given out by largest remainders, so that they always add up to the bar's width; a part
that is not zero gets at least one cell while there are cells to give.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.tui.glyphs import Glyphs
from advisor.tui.lines import Line

SEGMENT_STYLES = {
    "weights": "$primary",
    "kv": "$accent",
    "ram": "$warning",
    "compute": "$success",
    "link": "$error",
    "launch": "$secondary",
    "free": "$foreground-muted",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar; ``kind`` names its fill and colour."""

    kind: str
    value: float


def allocate(values: Sequence[float], width: int, total: float | None = None) -> list[int]:
    """Cells for each value in a bar of ``width`` cells that stands for ``total``.

    The cells add up to round(width x sum / total), which is ``width`` where total is the sum (or
    not given).  Every value above zero gets at least one cell, as long as there are as many cells
    as such values; else the largest ones get one each.
    """
    clean = [v if math.isfinite(v) and v > 0 else 0.0 for v in values]
    largest = max(clean, default=0.0)
    if width <= 0 or largest <= 0:
        return [0] * len(clean)
    # Scaled so that sums of very large or very small values neither overflow nor vanish.
    clean = [max(v / largest, sys.float_info.min) if v > 0 else 0.0 for v in clean]
    whole = math.fsum(clean)
    full = whole if total is None or not math.isfinite(total) else max(whole, total / largest)
    positive = [i for i, v in enumerate(clean) if v > 0]
    cells = min(width, max(round(width * whole / full), min(len(positive), width)))
    out = [0] * len(clean)
    if cells <= len(positive):
        for i in sorted(positive, key=lambda i: (-clean[i], i))[:cells]:
            out[i] = 1
        return out
    exact = {i: cells * clean[i] / whole for i in positive}
    for i in positive:
        out[i] = max(1, math.floor(exact[i]))
    rest = cells - sum(out)
    by_remainder = sorted(positive, key=lambda i: (out[i] - exact[i], i))
    while rest > 0:
        for i in by_remainder:
            if rest == 0:
                break
            out[i] += 1
            rest -= 1
    while rest < 0:
        # The guaranteed cells of small parts are paid for by the part that is most above its share.
        i = max((i for i in positive if out[i] > 1), key=lambda i: (out[i] - exact[i], out[i]))
        out[i] -= 1
        rest += 1
    return out


def bar(segments: Sequence[Segment], width: int, glyphs: Glyphs, total: float | None = None) -> Line:
    """A stacked bar.

    Args:
        segments: parts in drawing order.
        width: cells of the whole scale.
        glyphs: character set.
        total: what ``width`` cells stand for; by default the sum of the segments.
    """
    cells = allocate([s.value for s in segments], width, total)
    return [
        (glyphs.fills[s.kind] * n, SEGMENT_STYLES[s.kind]) for s, n in zip(segments, cells, strict=True) if n
    ]


def slider(position: int, positions: int, width: int, glyphs: Glyphs) -> str:
    """A slider with a knob at ``position`` of ``positions``, ``width`` cells with both ends."""
    inner = max(width - 2, 1)
    at = round(position * (inner - 1) / max(positions - 1, 1))
    at = min(max(at, 0), inner - 1)
    track = glyphs.track * at + glyphs.knob + glyphs.track * (inner - 1 - at)
    return glyphs.slider_left + track + glyphs.slider_right
