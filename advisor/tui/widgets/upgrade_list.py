"""The list of changes with a cursor, and the lines above it: what it is now, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message

from advisor.report.format import gib_unit, percent, speed, speed_range
from advisor.report.upgrade_rows import Answer, Change, GoalFacts
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, Painted, flow, pad, width_of, wrap
from advisor.tui.widgets.table import FIT_STYLES
from advisor.tui.widgets.upgrade_columns import (
    SORTS,
    VERDICT_GLYPHS,
    Placed,
    columns_for,
    ordered,
    place_columns,
)

_PLAIN = str.maketrans({"→": "->", "×": "x", "–": "-", "—": "-", "…": "~", "·": "|", "≥": ">=", "⁹": "^9"})


def in_glyphs(lines: Sequence[Line], glyphs: Glyphs) -> list[Line]:
    """The lines in the characters of the glyphs: what is not ASCII is spelt out where only that is shown."""
    if not glyphs.ascii:
        return list(lines)
    return [
        [("".join(c if c.isascii() else "?" for c in text.translate(_PLAIN)), style) for text, style in line]
        for line in lines
    ]


def speed_text(goal: GoalFacts) -> str:
    """``2.8 tok/s (1.9~4.1)``, or how much is short."""
    if goal.tokens_per_s is None or goal.low_tokens_per_s is None or goal.high_tokens_per_s is None:
        return f"does not fit, {gib_unit(goal.missing_bytes)} short"
    return f"{speed(goal.tokens_per_s)} tok/s ({speed_range(goal.low_tokens_per_s, goal.high_tokens_per_s)})"


def bound_text(goal: GoalFacts) -> str:
    """``RAM bandwidth (weights), 86 %``."""
    return f"{goal.bound}, {percent(goal.bound_share or 0.0)}" if goal.bound else ""


def summary_lines(
    answer: Answer | None, progress: str, sort: str, reverse: bool, width: int, glyphs: Glyphs
) -> list[Line]:
    """What it is now, what was found or is being looked for, and the order."""
    searching: Line = [(f"searching {glyphs.waiting} ", "bold $accent"), (progress, MUTED)]
    if answer is None:
        return [searching] if progress else []
    lines: list[Line] = []
    for goal in answer.now.goals:
        parts: list[Line] = [[("now ", TITLE), (f"{goal.model} {goal.quant}", "")]]
        parts.append([(speed_text(goal), STRONG)])
        if goal.bound:
            parts.append([("bound by ", MUTED), (bound_text(goal), "")])
        lines += flow(parts, width, "  ", "")
    if not answer.goals:
        count = f"{answer.now.fitting} models fit"
        best = answer.now.top[0] if answer.now.top else None
        lines += wrap(f"now {count}" + (f", the best {best.name} {best.quant}" if best else ""), width)
    if progress:
        return [*lines, searching]
    return [*lines, *flow(_found(answer, sort, reverse, glyphs), width, "  ", "")]


def _found(answer: Answer, sort: str, reverse: bool, glyphs: Glyphs) -> list[Line]:
    changes = sum(1 for c in answer.changes if c.kind == "change")
    machines = len(answer.changes) - changes
    words = [_count(changes, "change")] if changes or not machines else []
    words += [_count(machines, "other machine")] if machines else []
    parts: list[Line] = []
    if answer.changes:
        reach = ("reaches" if len(answer.changes) == 1 else "reach") + " the goal" if answer.goals else ""
        several = "s" if len(answer.goals) > 1 else ""
        parts.append([(f"{' and '.join(words)} {reach}{several if reach else ''}".rstrip(), STRONG)])
    if len(answer.listed) > 1:
        first = "cheapest first" if answer.priced else "smallest first"
        order = SORTS[sort]
        descending = order.descending != reverse
        mark = glyphs.down if descending else glyphs.up
        label = first if sort == "found" and not reverse else order.label
        parts.append([("sort ", MUTED), (f"{label} {mark}", "")])
    looked = f"{answer.considered:,} looked at, {answer.evaluated} in full"
    return [*parts, [(looked, MUTED)]]


def _count(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _teach(title: str, texts: Sequence[str], width: int) -> list[Line]:
    lines: list[Line] = wrap(title, width - 2, TITLE, " ", " ") if title else []
    for text in texts:
        lines += wrap(text, width - 2, MUTED, "   ", " ")
    return lines


def lesson_lines(answer: Answer | None, failed: bool, width: int) -> tuple[list[Line], list[Line]]:
    """What to say above and below the list where the goal is not reached, or needs nothing."""
    if failed:
        texts = (
            "Tab goes to its fields, Enter there searches again;",
            "a adds the goal of the selected model, x takes the last goal away: then name parts or prices.",
        )
        return _teach("The search waits for the form.", texts, width), []
    if answer is None:
        return [], []
    if answer.reached_now:
        worst = answer.now.worst
        sure = worst is not None and worst.verdict == "sure"
        how = "at both ends of the interval" if sure else f"probably ({worst.verdict_text})" if worst else ""
        measure = "Measure it before you buy anything: B in the why view copies the command."
        texts = ("+ asks for more tok/s;  Tab goes to the form.", *(() if sure else (measure,)))
        return _teach(f"Reached already, {how}: nothing to buy.", texts, width), []
    if answer.changes:
        return [], []
    within = " within the budget" if answer.within_budget else ""
    if not answer.goals:
        title = f"None of the parts{within} makes the best models score noticeably better."
        return _teach(title, ("Tab goes to the form: name other parts; or a adds a goal.",), width), []
    less = "- asks for less tok/s; other parts, cards or more slots may do: Tab goes to the form."
    if answer.nearest is None:
        title = f"Nothing that can be bought{within} brings this rig nearer to the goal."
        return _teach(title, (less,), width), []
    worst = answer.nearest.worst
    fits = worst is not None and worst.tokens_per_s is not None
    what = "The nearest" if fits else "None holds the model; most memory has"
    binds = (f"It is bound by {bound_text(worst)}.",) if worst and worst.bound else ()
    helps = (f"What would help then: {', '.join(worst.helps)}.",) if worst and worst.helps else ()
    title = f"No change{within} reaches the goal. {what}:"
    return _teach(title, (), width), [[], *_teach("", (*binds, *helps, less), width)]


def list_lines(
    answer: Answer, changes: Sequence[Change], cursor: int, sort: str, reverse: bool, width: int,
    glyphs: Glyphs, *, focused: bool = True,
) -> tuple[list[Line], dict[int, int]]:  # fmt: skip
    """Head, changes and divider; and the line of each change."""
    placed = place_columns(columns_for(answer), changes, width, glyphs)
    lines: list[Line] = [_head(placed, sort, reverse, glyphs)]
    at: dict[int, int] = {}
    for n, change in enumerate(changes):
        first = n > 0 and change.kind == "machine" and changes[n - 1].kind == "change"
        if sort == "found" and not reverse and first:
            text = f"{glyphs.rule * 2} another machine instead "
            lines.append([(text + glyphs.rule * max(width - len(text), 0), MUTED)])
        at[n] = len(lines)
        line = _row(change, placed, n == cursor, glyphs)
        if n == cursor:
            line = [*line, (" " * max(width - width_of(line), 0), "")]
            style = " on $primary-muted" if focused else " on $block-cursor-blurred-background"
            line = [(text, f"{own}{style}".strip()) for text, own in line]
        lines.append(line)
    return lines, at


def _head(placed: Sequence[Placed], sort: str, reverse: bool, glyphs: Glyphs) -> Line:
    line: Line = [(" ", "")]
    for n, p in enumerate(placed):
        title, style = p.column.title, "bold $foreground-muted"
        if p.column.sort == sort:
            style = "bold $primary"
            mark = glyphs.down if SORTS[sort].descending != reverse else glyphs.up
            title = f"{title}{mark}" if p.column.align == "left" else f"{mark}{title}"
        line += [("  " if n else "", ""), (pad(title, p.width, p.column.align), style)]
    return line


def _row(change: Change, placed: Sequence[Placed], at_cursor: bool, glyphs: Glyphs) -> Line:
    line: Line = [(glyphs.cursor if at_cursor else " ", "$primary")]
    for n, p in enumerate(placed):
        text = pad(p.column.cell(change, glyphs), p.width, p.column.align, glyphs.ellipsis)
        style = {"speed": "bold", "place": MUTED, "interval": MUTED, "first": MUTED}.get(p.column.key, "")
        if p.column.key == "goal" and change.worst:
            style = FIT_STYLES[VERDICT_GLYPHS[change.worst.verdict]]
        line += [("  " if n else "", ""), (text, style)]
    return line


class UpgradeSummary(Painted):
    """The lines above the list."""

    answer: Answer | None = None
    progress = ""
    sort = "found"
    reverse = False

    def show(self, answer: Answer | None, progress: str, sort: str, reverse: bool) -> None:
        """Draw these."""
        self.answer, self.progress, self.sort, self.reverse = answer, progress, sort, reverse
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """As many lines as they need."""
        lines = summary_lines(self.answer, self.progress, self.sort, self.reverse, width, self.glyphs)
        return in_glyphs(lines, self.glyphs)


class ChangeTable(Painted, can_focus=True):
    """The changes, one line each."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="changes.up", show=False),
        Binding("down,j", "move(1)", "Down", id="changes.down", show=False),
        Binding("pageup", "move(-10)", "Page up", id="changes.page_up", show=False),
        Binding("pagedown", "move(10)", "Page down", id="changes.page_down", show=False),
        Binding("home,g", "move(-1000)", "First", id="changes.first", show=False),
        Binding("end,G", "move(1000)", "Last", id="changes.last", show=False),
        Binding("enter", "open", "What if", id="changes.open"),
    ]

    class Highlighted(Message):
        """The cursor is on another change."""

    class Opened(Message):
        """Enter, or a click on the change under the cursor."""

    class SortWanted(Message):
        """A click on a column head."""

        def __init__(self, sort: str) -> None:
            super().__init__()
            self.sort = sort

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.answer: Answer | None = None
        self.failed = False
        self.says_notes = False
        """Whether remarks and notes stand below the list, as there is no pane for them."""
        self.sort, self.reverse = "found", False
        self.cursor = 0
        self.changes: tuple[Change, ...] = ()
        self._at: dict[int, int] = {}

    @property
    def selected(self) -> Change | None:
        """The change under the cursor."""
        return self.changes[self.cursor] if self.cursor < len(self.changes) else None

    def show(self, answer: Answer | None, sort: str, reverse: bool, *, failed: bool = False) -> None:
        """Draw an answer in an order; the cursor stays on its change where that is still there."""
        before = self.selected.edits if self.selected else None
        self.answer, self.sort, self.reverse, self.failed = answer, sort, reverse, failed
        self.changes = ordered(answer, sort, reverse) if answer is not None and not failed else ()
        found = [n for n, change in enumerate(self.changes) if change.edits == before]
        self.cursor = found[0] if found else 0
        self.repaint()
        self.call_after_refresh(self._keep_visible)

    def paint(self, width: int) -> list[Line]:
        """Head and changes, below what there is to say where nothing reaches the goal."""
        lines, below = lesson_lines(self.answer, self.failed, width)
        self._at = {}
        if self.answer is not None and self.changes:
            listed, at = list_lines(
                self.answer, self.changes, self.cursor, self.sort, self.reverse, width, self.glyphs,
                focused=self.has_focus,
            )  # fmt: skip
            self._at = {n: line + len(lines) for n, line in at.items()}
            lines = [*lines, *listed]
        if self.says_notes and self.answer is not None and not self.failed:
            chosen = self.selected.remarks if self.selected else ()
            said = [
                wrap(text, width - 2, MUTED, "   ", f" {self.glyphs.dot} ")
                for text in (*chosen, *self.answer.notes)
            ]
            below = [*below, [], *(line for lines_of in said for line in lines_of)]
        return in_glyphs([*lines, *below], self.glyphs)

    def on_focus(self) -> None:
        """The cursor is drawn otherwise with the focus."""
        self.repaint(layout=False)

    def on_blur(self) -> None:
        """The cursor is drawn otherwise without it."""
        self.repaint(layout=False)

    def action_move(self, step: int) -> None:
        """Move the cursor."""
        self._go(min(max(self.cursor + step, 0), max(len(self.changes) - 1, 0)))

    def _go(self, index: int) -> None:
        if index == self.cursor:
            return
        self.cursor = index
        self.repaint(layout=False)
        self._keep_visible()
        self.post_message(self.Highlighted())

    def _keep_visible(self) -> None:
        line = self._at.get(self.cursor)
        if line is not None and self.parent is not None:
            # With the first change what is above it comes into view as well.
            top = 0 if self.cursor == 0 else line
            self.parent.scroll_to_region(  # type: ignore[attr-defined]
                Region(0, top, 1, line - top + 1), animate=False, force=True
            )

    def action_open(self) -> None:
        """Show the change in What if."""
        if self.selected is not None:
            self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        """Head: sort.  Change: select, and open when it was selected already."""
        if not self._at or self.answer is None:
            return
        if event.y == min(self._at.values()) - 1:
            for placed in place_columns(columns_for(self.answer), self.changes, self.size.width, self.glyphs):
                if placed.x <= event.x < placed.x + placed.width and placed.column.sort:
                    self.post_message(self.SortWanted(placed.column.sort))
            return
        index = next((n for n, line in self._at.items() if line == event.y), None)
        if index == self.cursor:
            self.action_open()
        elif index is not None:
            self._go(index)
