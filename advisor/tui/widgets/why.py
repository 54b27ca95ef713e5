"""The why-pane: where memory and time go, as lines; and the widgets that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.report.format import (
    gib,
    gib_unit,
    milliseconds,
    percent,
    seconds,
    speed,
    speed_range,
)
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import (
    MUTED,
    STRONG,
    TITLE,
    Line,
    Painted,
    clip,
    fit_line,
    flow,
    spread,
    width_of,
    wrap,
)
from advisor.tui.view import Detail, DeviceUse
from advisor.tui.widgets.bars import SEGMENT_STYLES, Segment, bar
from advisor.tui.widgets.explained import (
    assumption_lines,
    command_lines,
    depth_lines,
    explained_lines,
    model_lines,
    quant_lines,
    sensitivity_lines,
)
from advisor.tui.widgets.header import short_name
from advisor.tui.widgets.table import FIT_STYLES

if TYPE_CHECKING:
    from advisor.pipeline import Explanation

_SHORT = {
    "weights": "weights",
    "kv": "KV",
    "ram": "RAM",
    "compute": "compute",
    "link": "link",
    "launch": "overhead",
    "free": "free",
}


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


def time_lines(detail: Detail, width: int, glyphs: Glyphs) -> list[Line]:
    """The step time as a stacked bar with one line per term, and what bounds it."""
    if not detail.fits:
        would: Line = [("Time per token  ", TITLE), ("none: it does not fit", MUTED)]
        return [fit_line(would, width)]
    per_user = " per user" if detail.users > 1 else ""
    total = f"{milliseconds(detail.step_s)} {glyphs.arrow} {speed(detail.tokens_per_s)} tok/s{per_user}"
    lines: list[Line] = [
        spread([("Time per token", TITLE)], [(total, STRONG)], width),
        bar([Segment(t.kind, t.seconds) for t in detail.terms], width, glyphs),
    ]
    for term in detail.terms:
        share = percent(term.seconds / detail.step_s) if term.seconds >= 0.005 * detail.step_s else "<1 %"
        right = f"{milliseconds(term.seconds):>9}  {share:>5}"
        room = max(width - len(right) - 3, 6)
        lines.append(
            spread(
                [
                    (glyphs.fills[term.kind], SEGMENT_STYLES[term.kind]),
                    (f" {clip(term.label, room, glyphs.ellipsis)}", ""),
                ],
                [(right, "")],
                width,
            )
        )
    lines += bound_lines(detail, width, glyphs)
    return lines


def bound_lines(detail: Detail, width: int, glyphs: Glyphs) -> list[Line]:
    """The bottleneck, the interval and the time to the first token."""
    interval = speed_range(detail.low_tokens_per_s, detail.high_tokens_per_s)
    found: list[Line] = [
        [("bound by ", MUTED), (detail.bottleneck, STRONG), (f", {percent(detail.bottleneck_share)}", MUTED)]
    ]
    found.append([(f"  {clip(detail.roof, width - 2, glyphs.ellipsis)}", MUTED)])
    found.append([("likely ", MUTED), (f"{interval} tok/s", STRONG), (", in 80 % of cases", MUTED)])
    found.append(
        [
            ("first token ", MUTED),
            (seconds(detail.ttft_s), STRONG),
            (f", likely {seconds(detail.low_ttft_s)} to {seconds(detail.high_ttft_s)}", MUTED),
            (f" ({detail.prompt_tokens}-token prompt)", MUTED),
        ]
    )
    return [fit_line(line, width, glyphs.ellipsis) for line in found]


def strip_lines(detail: Detail, width: int, glyphs: Glyphs) -> list[Line]:
    """The why-pane in two lines: memory bar with totals, then time bar with the bottleneck.

    The memory bar stands for the devices that hold the model, the time bar for one step.
    """
    devices = detail.main_devices
    used = sum(d.used_bytes for d in devices)
    usable = sum(d.usable_bytes for d in devices)
    bar_width = max(width // 3, 12)
    memory = bar(
        [
            Segment("weights", sum(d.weight_bytes for d in devices)),
            Segment("kv", sum(d.kv_bytes for d in devices)),
            Segment("compute", sum(d.compute_bytes for d in devices)),
            Segment("free", max(usable - used, 0.0)),
        ],
        bar_width,
        glyphs,
    )
    where = " + ".join(dict.fromkeys(short_name(d.name) for d in devices))
    first: Line = [
        *memory,
        (f" {gib(used)} of {gib_unit(usable)}", STRONG),
        (f"  {where}", MUTED),
    ]
    if not detail.fits:
        second: Line = [
            (f"{fit_text(detail, glyphs)} short", "bold $error"),
            ("  does not run here; w asks what would change that", MUTED),
        ]
        return [fit_line(first, width, glyphs.ellipsis), fit_line(second, width, glyphs.ellipsis)]
    time = bar([Segment(t.kind, t.seconds) for t in detail.terms], bar_width, glyphs)
    second = [
        *time,
        (f" {milliseconds(detail.step_s)}/token", STRONG),
        (f"  bound by {detail.bottleneck}", ""),
    ]
    legend_kinds = ["weights", *(t.kind for t in detail.terms if t.kind != "weights")]
    legend: Line = []
    for kind in legend_kinds:
        legend += [(glyphs.fills[kind], SEGMENT_STYLES[kind]), (f" {_SHORT[kind]}  ", MUTED)]
    legend += [(glyphs.fills["free"], SEGMENT_STYLES["free"]), (" free", MUTED)]
    return [fit_line(line, width, glyphs.ellipsis) for line in (first, second, legend)]


class WhyStrip(Painted):
    """The why-pane of narrow terminals: three lines."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.detail: Detail | None = None

    def show(self, detail: Detail | None) -> None:
        """Draw another model."""
        if detail is not self.detail:
            self.detail = detail
            self.repaint()

    def paint(self, width: int) -> list[Line]:
        """Three lines, always: the table above keeps its height."""
        lines = strip_lines(self.detail, width, self.glyphs) if self.detail else []
        return [*lines, [], [], []][:3]


class WhyPane(Painted):
    """Memory and time of the selected model, and the rest once it has been worked out."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, full: bool = False, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.full = full
        self.detail: Detail | None = None
        self.explanation: Explanation | None = None

    def show(self, detail: Detail | None, explanation: Explanation | None) -> None:
        """Draw another model; ``explanation`` may still be missing."""
        if detail is self.detail and explanation is self.explanation:
            return
        self.detail, self.explanation = detail, explanation
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """All sections for this width."""
        if self.detail is None:
            return [[("select a model to see where its memory and time go", MUTED)]]
        lines: list[Line] = [title_line(self.detail, self.glyphs, width), []]
        lines[1:1] = variant_lines(self.detail, width, self.glyphs, 1)
        lines += memory_lines(self.detail, width, self.glyphs)
        lines.append([])
        lines += time_lines(self.detail, width, self.glyphs)
        lines.append([])
        if self.explanation is None:
            lines.append([(f"working out quantizations {self.glyphs.waiting}", MUTED)])
        else:
            lines += explained_lines(self.explanation, width, self.glyphs, full=self.full)
        return lines


class WhyColumns(WhyPane):
    """The full explanation: two columns where there is room for them, else one."""

    GAP = 4
    MIN_WIDTH_FOR_TWO = 100

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, full=True, id=id)

    def paint(self, width: int) -> list[Line]:
        """Memory, time and commands on the left, the tables on the right."""
        if self.detail is None or self.explanation is None or width < self.MIN_WIDTH_FOR_TWO:
            return super().paint(width)
        column = (width - self.GAP) // 2
        g, e = self.glyphs, self.explanation
        fits = self.detail.fits
        left = [
            title_line(self.detail, g, column),
            *variant_lines(self.detail, column, g, 4),
            [],
            *memory_lines(self.detail, column, g),
            [],
            *time_lines(self.detail, column, g),
            [],
            *(command_lines(e, column) if fits else []),
        ]
        right = [
            *(sensitivity_lines(e, column, g) if fits else []),
            *quant_lines(e, column, g, limit=None),
            *(depth_lines(e, column, g) if fits else []),
            *model_lines(e, column, g),
            *assumption_lines(e, column, g),
        ]
        return side_by_side(left, right, column, self.GAP)


def side_by_side(left: list[Line], right: list[Line], column: int, gap: int) -> list[Line]:
    """Two columns of lines as one."""
    lines: list[Line] = []
    for n in range(max(len(left), len(right))):
        a = left[n] if n < len(left) else []
        b = right[n] if n < len(right) else []
        lines.append([*a, (" " * (column - width_of(a) + gap), ""), *b] if b else a)
    return lines
