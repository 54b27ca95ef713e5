"""The line with the question, the sort order and the counts; and the line of keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from advisor.core.order import ORDERS
from advisor.report.format import tokens
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import KEY, MUTED, STRONG, Line, Painted, fit_line, width_of
from advisor.tui.state import MAX_CONTEXT, MIN_CONTEXT, AppState, counted
from advisor.tui.widgets.bars import slider


def context_part(context: int, width: int, glyphs: Glyphs) -> Line:
    """Context length as value and slider on a scale of powers of two."""
    first, last = MIN_CONTEXT.bit_length(), MAX_CONTEXT.bit_length()
    at = min(max(context.bit_length(), first), last) - first
    parts: Line = [("context ", MUTED), (f"{tokens(context)} ", STRONG)]
    if width >= 6:
        parts.append((slider(at, last - first + 1, width, glyphs), "$primary"))
    return parts


def question_line(state: AppState, width: int, glyphs: Glyphs) -> Line:
    """Use, context, users and cache type."""
    q = state.question
    gap = ("   " if width >= 100 else "  ", "")
    users = "1 user" if q.users == 1 else f"{q.users} users"
    line: Line = [
        ("use ", MUTED),
        (q.use, STRONG),
        gap,
        *context_part(q.context, 14 if width >= 100 else 8, glyphs),
        gap,
        (users, STRONG),
        gap,
        ("KV ", MUTED),
        (q.kv_type, STRONG),
    ]
    if q.runtime != "llama.cpp":
        line += [gap, (q.runtime, STRONG)]
    if q.min_tokens_per_s:
        line += [gap, (f"{glyphs.at_least}{q.min_tokens_per_s:g} tok/s", STRONG)]
    return line


def sort_text(state: AppState, glyphs: Glyphs) -> str:
    """Name and direction of the sort order."""
    order = ORDERS[state.sort]
    descending = order.descending != state.reverse
    return f"{order.label} {glyphs.down if descending else glyphs.up}"


def status_line(state: AppState, width: int, glyphs: Glyphs) -> Line:
    """The question on the left; sort order and counts on the right."""
    left = question_line(state, width, glyphs)
    found = counted(state)
    if found is None:
        return fit_line(left, width, glyphs.ellipsis)
    counts = f"{found.fitting} fit of {found.matching}"
    filtered = f" of {found.total}" if found.matching != found.total else ""
    for right in (
        [
            ("sort ", MUTED),
            (sort_text(state, glyphs), STRONG),
            ("   ", ""),
            (counts, STRONG),
            (f" matching{filtered}" if filtered else " models", MUTED),
        ],
        [(sort_text(state, glyphs), STRONG), ("  ", ""), (f"{found.fitting} fit/{found.matching}", "")],
        [(f"{found.fitting} fit/{found.matching}", "")],
    ):
        gap = width - width_of(left) - width_of(right)
        if gap >= 2:
            return [*left, (" " * gap, ""), *right]
    return fit_line(left, width, glyphs.ellipsis)


class StatusLine(Painted):
    """The question, the sort order and the counts."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.state: AppState | None = None

    def show(self, state: AppState) -> None:
        """Draw a state."""
        self.state = state
        self.repaint(layout=False)

    def paint(self, width: int) -> list[Line]:
        """One line."""
        return [status_line(self.state, width, self.glyphs)] if self.state else [[]]


@dataclass(frozen=True, slots=True)
class Hint:
    """One key in the footer.  Hints with a higher ``priority`` number go first when room is short."""

    key: str
    label: str
    action: str
    priority: int = 1


def choose_hints(hints: Sequence[Hint], width: int) -> list[Hint]:
    """The hints that fit in ``width`` cells, in their order."""
    chosen = list(hints)

    def needed(found: Sequence[Hint]) -> int:
        return sum(cell_len(h.key) + 1 + cell_len(h.label) for h in found) + 2 * max(len(found) - 1, 0) + 1

    while chosen and needed(chosen) > width:
        worst = max(h.priority for h in chosen)
        last = max(i for i, h in enumerate(chosen) if h.priority == worst)
        del chosen[last]
    return chosen


class KeyBar(Painted):
    """The footer: as many keys as there is room for, none of them cut; they can be clicked."""

    auto_links = False

    def __init__(self, hints: Sequence[Hint], glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.hints = tuple(hints)

    def show(self, hints: Sequence[Hint]) -> None:
        """Other keys."""
        if tuple(hints) != self.hints:
            self.hints = tuple(hints)
            self.repaint(layout=False)
            self.refresh()  # the same words may do something else when clicked

    def paint(self, width: int) -> list[Line]:
        """One line."""
        line: Line = [(" ", "")]
        for n, hint in enumerate(choose_hints(self.hints, width)):
            line += [("  " if n else "", ""), (hint.key, KEY), (f" {hint.label}", MUTED)]
        return [line]

    def render(self) -> Content:
        """The keys, with their actions attached for the mouse."""
        content = super().render()
        x = 1
        for n, hint in enumerate(choose_hints(self.hints, self.content_size.width)):
            x += 2 if n else 0
            size = cell_len(hint.key) + 1 + cell_len(hint.label)
            if hint.action:
                content = content.stylize(f"@click={hint.action}", x, x + size)
            x += size
        return content
