"""Title and memory of a model: one stacked bar per device."""

from __future__ import annotations

from advisor.report.format import gib, gib_unit
from advisor.tui.glyphs import Glyphs
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, clip, flow, spread, width_of, wrap
from advisor.tui.view import Detail, DeviceUse
from advisor.tui.widgets.bars import SEGMENT_STYLES, Segment, bar
from advisor.tui.widgets.header import short_name
from advisor.tui.widgets.table import FIT_STYLES


def fit_text(detail: Detail, glyphs: Glyphs) -> str:
    """Glyph and word of a fit, or what is missing."""
    word = detail.fit if detail.fits else f"+{gib_unit(detail.missing_bytes)}"
    return f"{glyphs.fit[detail.fit]} {word}"


def title_line(detail: Detail, glyphs: Glyphs, width: int) -> Line:
    """Model, quantization and fit."""
    right: Line = [(fit_text(detail, glyphs), FIT_STYLES[detail.fit])]
    room = width - width_of(right) - len(detail.quant) - 4
    name = clip(detail.name, max(room, 8), glyphs.ellipsis)
    left: Line = [(name, STRONG), (f"  {detail.quant}", "$primary")]
    return spread(left, right, width)


def variant_lines(detail: Detail, width: int, glyphs: Glyphs, most: int) -> list[Line]:
    """The models that share the row, in at most so many lines."""
    if not detail.variants:
        return []
    text = f"variants: {', '.join(detail.variants)}"
    found = wrap(text, width, MUTED)
    if len(found) <= most:
        return found
    rest = text[sum(len(line[0][0]) + 1 for line in found[: most - 1]) :]
    return [*found[: most - 1], [(clip(rest, width, glyphs.ellipsis), MUTED)]]


def _memory_segments(use: DeviceUse) -> list[Segment]:
    return [
        Segment("weights", use.weight_bytes),
        Segment("kv", use.kv_bytes),
        Segment("compute", use.compute_bytes),
        Segment("free", max(use.usable_bytes - use.used_bytes, 0.0)),
    ]


def memory_lines(detail: Detail, width: int, glyphs: Glyphs) -> list[Line]:
    """One stacked bar per device, each on the scale of its own memory."""
    lines: list[Line] = []
    for n, use in enumerate(detail.main_devices):
        of = f"{gib(use.used_bytes)} of {gib_unit(use.usable_bytes)}"
        over = use.used_bytes > use.usable_bytes
        name = short_name(use.name)
        where = clip(name, max(width - len(of) - (10 if n == 0 else 2), 6), glyphs.ellipsis)
        left: Line = [("Memory  ", TITLE)] if n == 0 else []
        left.append((where, "" if n == 0 else MUTED))
        lines.append(spread(left, [(of, "$error" if over else "")], width))
        lines.append(bar(_memory_segments(use), width, glyphs))
        items = [
            ("weights", "weights", use.weight_bytes),
            ("kv", "KV cache", use.kv_bytes),
            ("compute", "buffers", use.compute_bytes),
            ("free", "free", use.usable_bytes - use.used_bytes),
        ]
        legend = [_legend(kind, f"{label} {gib(value)}", glyphs) for kind, label, value in items if value > 0]
        lines += flow(legend, width)
        if use.kind != "cpu" and use.layers < use.all_layers:
            lines.append([(f"{use.layers} of {use.all_layers} layers", MUTED)])
    for use in detail.minor_devices:
        where = "in RAM" if use.kind == "cpu" else f"on {short_name(use.name)}"
        text = f"and {gib_unit(use.used_bytes)} {where} (of {gib_unit(use.usable_bytes)})"
        lines.append([(clip(text, width, glyphs.ellipsis), MUTED)])
    if not detail.fits:
        lines.append([(f"{gib_unit(detail.missing_bytes)} short: does not run here", "bold $error")])
    return lines


def _legend(kind: str, text: str, glyphs: Glyphs) -> Line:
    return [(glyphs.fills[kind], SEGMENT_STYLES[kind]), (f" {text}", "")]
