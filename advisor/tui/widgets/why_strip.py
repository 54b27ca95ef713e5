"""The why-pane of narrow terminals: three lines under the list."""

from __future__ import annotations

from advisor.report.format import gib, gib_unit, milliseconds
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import MUTED, STRONG, Line, Painted, fit_line
from advisor.tui.view import Detail
from advisor.tui.widgets.bars import SEGMENT_STYLES, Segment, bar
from advisor.tui.widgets.header import short_name
from advisor.tui.widgets.why_memory import fit_text

_SHORT = {
    "weights": "weights",
    "kv": "KV",
    "ram": "RAM",
    "compute": "compute",
    "link": "link",
    "launch": "overhead",
    "free": "free",
}


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
