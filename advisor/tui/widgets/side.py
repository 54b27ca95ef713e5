"""Models side by side as lines: one column each, bars on one scale, the best of a row marked in words."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.model_list import FEWEST_COMPARED, MOST_COMPARED
from advisor.report import side_by_side as report
from advisor.report.format import gib_unit, milliseconds
from advisor.report.side_by_side import Fact
from advisor.side_by_side import Side, SideBySide
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import KEY, MUTED, STRONG, TITLE, Line, Painted, fit_line, pad, width_of, wrap
from advisor.tui.widgets.bars import SEGMENT_STYLES, Segment, bar
from advisor.tui.widgets.header import short_name
from advisor.tui.widgets.models import plain
from advisor.tui.widgets.table import FIT_STYLES

LABEL_WIDTH, MIN_COLUMN, NARROW_COLUMN, MAX_COLUMN, GAP = 16, 23, 19, 36, 2
_ROOMY = 76
_SHORT_BOUNDS = {
    "GPU launch overhead": "GPU overhead",
    "CPU per-layer overhead": "CPU overhead",
    "link between CPU and GPU": "CPU-GPU link",
    "link between GPUs": "GPU-GPU link",
    "network to the second machine": "network",
}


def layout(width: int, count: int) -> tuple[int, int]:
    """Width of a column, and how many of ``count`` fit beside the labels."""
    least = MIN_COLUMN if width >= _ROOMY else NARROW_COLUMN
    room = width - LABEL_WIDTH + GAP
    visible = min(max(room // (least + GAP), 1), count)
    return max(min(room // visible - GAP, MAX_COLUMN), 8), visible


def shown_columns(count: int, visible: int, chosen: int, first: int) -> tuple[int, ...]:
    """Indices of the columns on the screen: from ``first`` on, moved so that the chosen one is there."""
    first = min(max(first, chosen - visible + 1, 0), chosen, count - visible)
    return tuple(range(first, first + visible))


class Drawing:
    """What all rows of one drawing need."""

    def __init__(self, sides: Sequence[Side], shown: Sequence[int], column: int, glyphs: Glyphs) -> None:
        self.sides, self.shown, self.column, self.glyphs = sides, shown, column, glyphs

    def row(self, label: str, cells: Sequence[Line], style: str = MUTED) -> Line:
        """A label and a cell for every column on the screen."""
        g = self.glyphs
        line: Line = [(pad(plain(label, g), LABEL_WIDTH - 1, ellipsis=g.ellipsis) + " ", style)]
        for n, cell in enumerate(cells):
            cell = fit_line(cell, self.column, g.ellipsis)
            gap = self.column - width_of(cell) + GAP if n < len(cells) - 1 else 0
            line += [*cell, (" " * gap, "")]
        return line

    def text(self, text: str, side: Side) -> str:
        """A report's text in the character set of the screen."""
        g = self.glyphs
        if text == report.UNKNOWN:
            return g.no_value
        for kind, mark in report.FIT_GLYPHS.items():
            text = text.replace(mark, g.fit[kind])
        if text == side.detail.bottleneck and len(text) > self.column:
            text = _SHORT_BOUNDS.get(text, text.partition(" (")[0])
        return plain(text, g)

    def fact(self, fact: Fact) -> Line:
        """A row of texts; the best says so."""
        cells: list[Line] = []
        for i in self.shown:
            side = self.sides[i]
            style = FIT_STYLES[side.detail.fit] if fact.key == "fit" else ""
            cell: Line = [(self.text(fact.texts[i], side), style)]
            if i in fact.best:
                cell = [(cell[0][0], STRONG), (f" {self.glyphs.better} {report.BEST}", "bold $success")]
            cells.append(cell)
        return self.row(fact.label, cells)

    def facts(self, facts: Sequence[Fact]) -> list[Line]:
        """Rows of texts."""
        return [self.fact(fact) for fact in facts]

    # ---------------------------------------------------------------- head

    def head(self, chosen: int) -> list[Line]:
        """Names with the chosen one marked, and the quantization with its place among the others."""
        g = self.glyphs
        names = []
        for i in self.shown:
            mark = f"{g.chosen} " if i == chosen else "  "
            style = "bold $accent" if i == chosen else TITLE
            names.append(wrap(plain(self.sides[i].model.name, g), self.column, style, "  ", mark)[:2])
        hidden = len(self.sides) - len(self.shown)
        lines = []
        for n in range(max(len(name) for name in names)):
            corner = f"{hidden} more: h l" if hidden and n == 0 else ""
            lines.append(self.row(corner, [name[n] if n < len(name) else [] for name in names]))
        quants: list[Line] = []
        for i in self.shown:
            side = self.sides[i]
            cell: Line = [("  ", ""), (side.quant, "$primary")]
            if side.quant in side.quants and len(side.quants) > 1:
                place = side.quants.index(side.quant) + 1
                arrows = f" {g.up}{g.down}" if i == chosen else ""
                cell.append((f" {place} of {len(side.quants)}{arrows}", MUTED))
            quants.append(cell)
        return [*lines, self.row("quantization", quants)]

    # ---------------------------------------------------------------- bars

    def time_bars(self) -> list[Line]:
        """Time per token of all columns on one scale, with the terms in figures."""
        longest = max((s.detail.step_s for s in self.sides if s.detail.fits), default=0.0)
        if not longest:
            line: Line = [("Time per token", TITLE), ("  nothing here fits: ", MUTED), ("down", KEY)]
            return [
                [*line, (" takes a smaller quantization, ", MUTED)],
                [
                    ("  ", ""),
                    ("[", KEY),
                    (" half the context, ", MUTED),
                    ("w", KEY),
                    (" asks what if", MUTED),
                ],
            ]
        total, *terms = report.time_facts(self.sides)
        bars: list[Line] = []
        for i in self.shown:
            d = self.sides[i].detail
            segments = [Segment(t.kind, t.seconds) for t in d.terms]
            bars.append(bar(segments, self.column, self.glyphs, longest) if d.fits else [])
        scale = f"  a full bar is {milliseconds(longest)}" if longest else ""
        title: Line = [("Time per token", TITLE), (scale, MUTED)]
        lines = [title, self.row("", bars), self.fact(total)]
        return [*lines, *(self._marked(term) for term in terms)]

    def _marked(self, fact: Fact) -> Line:
        """A term with the fill that it has in the bar."""
        label, *cells = self.fact(fact)
        mark = self.glyphs.fills[fact.key]
        return [(mark, SEGMENT_STYLES[fact.key]), (label[0][1:], label[1]), *cells]

    def memory_bars(self) -> list[Line]:
        """What every device holds of every model, all on one scale."""
        uses = [use for side in self.sides for use in side.detail.devices]
        largest = max(max(use.usable_bytes, use.used_bytes) for use in uses)
        title: Line = [("Memory", TITLE), (f"  a full bar is {gib_unit(largest)}", MUTED)]
        lines: list[Line] = [title]
        names, facts = report.device_names(self.sides), report.device_facts(self.sides)
        for name, fact in zip(names, facts, strict=True):
            bars: list[Line] = []
            for i in self.shown:
                use = next((u for u in self.sides[i].detail.devices if u.name == name), None)
                parts = (
                    [
                        Segment("weights", use.weight_bytes),
                        Segment("kv", use.kv_bytes),
                        Segment("compute", use.compute_bytes),
                        Segment("free", max(use.usable_bytes - use.used_bytes, 0.0)),
                    ]
                    if use
                    else []
                )
                bars.append(bar(parts, self.column, self.glyphs, largest))
            lines.append(self.row(f"  {short_name(name)}", bars))
            lines.append(self.fact(Fact(fact.key, "", fact.texts)))
        lines += self.facts(report.memory_facts(self.sides))
        fills = (("weights", "weights"), ("kv", "KV cache"), ("compute", "buffers"), ("free", "free"))
        legend: Line = [("  ", "")]
        for kind, word in fills:
            legend += [(self.glyphs.fills[kind], SEGMENT_STYLES[kind]), (f" {word}  ", MUTED)]
        return [*lines, legend]


def compare_lines(
    sides: Sequence[Side], width: int, glyphs: Glyphs, chosen: int = 0, first: int = 0
) -> list[Line]:
    """The whole comparison for ``width`` cells."""
    column, visible = layout(width, len(sides))
    drawing = Drawing(sides, shown_columns(len(sides), visible, chosen, first), column, glyphs)
    rule = glyphs.rule * min(LABEL_WIDTH + visible * (column + GAP) - GAP, width)
    return [
        *drawing.head(chosen),
        [(rule, MUTED)],
        *drawing.facts(report.speed_facts(sides)),
        [],
        *drawing.time_bars(),
        [],
        *drawing.memory_bars(),
        [],
        [("Model", TITLE)],
        *drawing.facts(report.model_facts(sides)),
        [],
    ]


def teaching_lines(pins: int, left_out: Sequence[str], width: int, glyphs: Glyphs) -> list[Line]:
    """How to choose what is compared, where fewer or more than fit are pinned."""
    lines: list[Line] = []
    if pins < FEWEST_COMPARED:
        lines.append([("Compare two to four models", TITLE)])
        lines.append(
            [("  ", ""), ("space", KEY), (" pins a model in the ranking or in the catalog (M),", "")]
        )
        lines.append(
            [("  ", ""), ("v", KEY), (" comes back here; ", ""), ("x", KEY), (" unpins a column", "")]
        )
    elif pins > MOST_COMPARED:
        text = f"{glyphs.warning} {pins} models are pinned: these are the first {MOST_COMPARED}; x unpins one"
        lines += wrap(text, width, "$warning")
    for name in left_out:
        lines += wrap(
            plain(f"{glyphs.warning} {name} does not run with this runtime", glyphs), width, "$warning"
        )
    return [*lines, []] if lines else []


class SidesView(Painted):
    """The comparison, progress, or what to do."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.found: SideBySide | None = None
        self.said = ""
        self.pins = 0
        self.left_out: tuple[str, ...] = ()
        self.chosen = 0

    def paint(self, width: int) -> list[Line]:
        """As many columns as fit."""
        teaching = teaching_lines(self.pins, self.left_out, width, self.glyphs)
        if self.found is None or not self.found.sides:
            return [*teaching, *wrap(self.said, width, MUTED)]
        chosen = min(self.chosen, len(self.found.sides) - 1)
        lines = compare_lines(self.found.sides, width, self.glyphs, chosen)
        return [*teaching, *lines]
