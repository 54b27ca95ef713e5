"""A small picture of the changes: what is bought from left to right, tok/s upwards."""

from __future__ import annotations

from advisor.report.format import GIB
from advisor.report.plot import axis_over
from advisor.report.terminal_chart import TerminalCurve, TerminalMark, terminal_chart
from advisor.report.upgrade_rows import Answer, Change
from advisor.tui.lines import MUTED, TITLE, Line, Painted
from advisor.tui.widgets.upgrade_list import in_glyphs

LEAST_WIDTH, ROWS = 44, 9
_EXTRA = 5
"""Lines of title, axis and its labels beside the rows."""
HEIGHT = ROWS + _EXTRA


def front_lines(answer: Answer, chosen: Change | None, width: int, *, ascii_only: bool) -> list[Line]:
    """The picture; nothing where fewer than two changes have a speed."""
    drawn = [
        c for c in (answer.now, *answer.listed) if c.speed is not None and c.speed.tokens_per_s is not None
    ]
    if len(drawn) < 3 or not answer.goals or width < LEAST_WIDTH:
        return []
    points = [(_bought(answer, c), (c.speed.tokens_per_s if c.speed else None) or 0.0, c) for c in drawn]
    wanted = answer.now.worst.wanted_tokens_per_s if answer.now.worst else 0.0
    money = f"price {answer.currency or ''}".strip() if answer.priced else "usable memory, GiB"
    x = axis_over(money, [p[0] for p in points], zero=answer.priced)
    y = axis_over("tok/s", [*(p[1] for p in points), wanted], zero=True)
    marks = [TerminalMark(px, py, str(c.place) if c.place else "now") for px, py, c in points]
    goal = TerminalCurve([(x.low, wanted), (x.high, wanted)], name="-" if ascii_only else "")
    lines = terminal_chart(x, y, [goal], columns=width, rows=ROWS, ascii_only=ascii_only, marks=marks)
    own = f"  {chosen.place} is the chosen one" if chosen is not None else ""
    title: Line = [("What is bought, and tok/s", TITLE), (f"  the line is the goal{own}", MUTED)]
    return [title, *([(line, "")] for line in lines)]


def _bought(answer: Answer, change: Change) -> float:
    return (change.price or 0.0) if answer.priced else change.room_bytes / GIB


class UpgradeFront(Painted):
    """The picture, where there is room for it."""

    answer: Answer | None = None
    chosen: Change | None = None

    def show(self, answer: Answer | None, chosen: Change | None) -> None:
        """Draw this answer."""
        self.answer, self.chosen = answer, chosen
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """The picture or nothing."""
        if self.answer is None:
            return []
        lines = front_lines(self.answer, self.chosen, width, ascii_only=self.glyphs.ascii)
        return in_glyphs(lines, self.glyphs)
