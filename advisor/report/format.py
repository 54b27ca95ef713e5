"""Numbers as people read them: the only place where units are chosen for display."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.core.evidence import DeviceEvidence
    from advisor.core.machine import Device

GIB = 1024**3
WIDTH = 80
"""Columns that running text and lists of cells keep to."""


def paragraph(text: str, indent: int = 2, hanging: int = 2) -> list[str]:
    """Lines of a text, further ones indented by ``hanging`` more; names are not broken."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )


def items(
    lead: str, pieces: Sequence[str], indent: int = 2, hanging: int = 2, separator: str = ", "
) -> list[str]:
    """Lines of a list; broken between its pieces only."""
    joined = separator.join(piece.replace(" ", _NO_BREAK) for piece in pieces)
    return [line.replace(_NO_BREAK, " ") for line in paragraph(f"{lead} {joined}".strip(), indent, hanging)]


_NO_BREAK = "\N{NO-BREAK SPACE}"


def columns(cells: Sequence[str], indent: int = 4) -> list[str]:
    """Cells in as many aligned columns as fit."""
    if not cells:
        return []
    wide = max(map(len, cells)) + 2
    n = max(1, (WIDTH - indent + 2) // wide)
    rows = (cells[i : i + n] for i in range(0, len(cells), n))
    return [" " * indent + "".join(cell.ljust(wide) for cell in row).rstrip() for row in rows]


def gib(size_bytes: float) -> str:
    """GiB without the unit: ``18.4``, ``0.35``, ``141``."""
    value = size_bytes / GIB
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.995 or value == 0 else f"{value:.2f}"


def gib_unit(size_bytes: float) -> str:
    """GiB with the unit."""
    return f"{gib(size_bytes)} GiB"


def gbs(bytes_per_s: float) -> str:
    """Decimal GB/s: ``1008 GB/s``, ``83.2 GB/s``."""
    value = bytes_per_s / 1e9
    return f"{value:.0f} GB/s" if value >= 100 else f"{value:.1f} GB/s"


def speed(tokens_per_s: float) -> str:
    """Tokens per second with two to three significant digits: ``128``, ``35``, ``3.2``, ``0.45``."""
    if tokens_per_s >= 9.95:
        return f"{tokens_per_s:.0f}"
    return f"{tokens_per_s:.1f}" if tokens_per_s >= 0.995 else f"{tokens_per_s:.2f}"


def speed_range(low: float, high: float) -> str:
    """An interval of speeds: ``28~41``."""
    return f"{speed(low)}~{speed(high)}"


def seconds(value: float) -> str:
    """A duration: ``0.8 s``, ``12 s``, ``3.5 min``, ``2.1 h``."""
    if value >= 5_400:
        return f"{value / 3600:.1f} h"
    if value >= 99.5:
        return f"{value / 60:.1f} min"
    if value >= 9.95:
        return f"{value:.0f} s"
    return f"{value:.1f} s" if value >= 0.0995 else f"{value * 1e3:.0f} ms"


def milliseconds(value: float) -> str:
    """A short duration in ms: ``28.9 ms``, ``0.35 ms``, ``1 204 ms``."""
    ms = value * 1e3
    if ms >= 99.95:
        return f"{ms:,.0f} ms".replace(",", " ")
    return f"{ms:.1f} ms" if ms >= 0.995 or ms == 0 else f"{ms:.2f} ms"


def percent(share: float) -> str:
    """A share as a percentage: ``76 %``."""
    return f"{share * 100:.0f} %"


def params(count: float) -> str:
    """A parameter count: ``32.8B``, ``671B``, ``596M``."""
    if count >= 99.95e9:
        return f"{count / 1e9:.0f}B"
    if count >= 0.995e9:
        return f"{count / 1e9:.1f}B"
    return f"{count / 1e6:.0f}M"


def tokens(count: int) -> str:
    """A token count in powers of two: ``8k``, ``128k``, ``1M``, ``1000``."""
    if count >= 1024**2 and count % 1024**2 == 0:
        return f"{count // 1024**2}M"
    if count >= 1024 and count % 1024 == 0:
        return f"{count // 1024}k"
    return str(count)


def tflops(flops: float) -> str:
    """FP16 rate: ``165 TFLOP/s``."""
    return f"{flops / 1e12:.0f} TFLOP/s" if flops >= 9.95e12 else f"{flops / 1e12:.1f} TFLOP/s"


def flop_rate(flop_per_s: float) -> str:
    """What is reached: ``146 TFLOP/s``, ``2.0 TFLOP/s``, ``299 GFLOP/s``."""
    return tflops(flop_per_s) if flop_per_s >= 0.995e12 else f"{flop_per_s / 1e9:.0f} GFLOP/s"


def gib_or_mib(size_bytes: int) -> str:
    """A cache size: ``32 MiB``, ``512 KiB``."""
    if size_bytes >= 1024**2:
        return f"{size_bytes / 1024**2:g} MiB"
    return f"{size_bytes / 1024:g} KiB"


def evidence(device: Device | DeviceEvidence) -> str:
    """How we know what a device reaches: the measurements behind it, and how near they are."""
    share = f"{percent(device.eta)} of its bandwidth"
    if not device.rows:
        return f"{share}: assumed from other devices, none of its kind was measured"
    of = {"architecture": device.architecture, "family": "its relatives", "vendor": "its vendor's devices"}
    kind = of.get(device.level) or "all devices"
    counted = f"{device.rows} measurements on {device.measured_devices} devices ({kind}, {device.backend})"
    return f"{share}: {counted}, {'this one among them' if device.measured else 'not this one'}"
