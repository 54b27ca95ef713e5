"""One change in full: before and after of speed, what binds and memory, money, remarks, its command."""

from __future__ import annotations

from advisor.report.format import gib_unit, seconds, speed, speed_range
from advisor.report.upgrade_rows import Answer, Change, GoalFacts, TopModel
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, Painted, flow, wrap
from advisor.tui.widgets.table import FIT_STYLES
from advisor.tui.widgets.upgrade_columns import VERDICT_GLYPHS, factor_text
from advisor.tui.widgets.upgrade_list import bound_text, in_glyphs, speed_text


def money_text(answer: Answer, change: Change) -> str:
    """``700 EUR, 350 W: +2.3 tok/s per 100 EUR, +4.6 per 100 W``; empty without prices and watts."""
    parts = [f"{change.price:,.0f} {answer.currency or ''}".strip()] if change.price is not None else []
    parts += [f"{change.watts:,.0f} W"] if change.watts else []
    worth = []
    if change.gained_per_100 is not None:
        worth.append(f"{change.gained_per_100:+.2g} tok/s per 100 {answer.money}")
    if change.gained_per_100_w is not None:
        worth.append(f"{change.gained_per_100_w:+.2g} per 100 W")
    return ", ".join(parts) + (f": {', '.join(worth)}" if worth else "")


def _verdict(goal: GoalFacts, glyphs: Glyphs) -> Line:
    kind = VERDICT_GLYPHS[goal.verdict]
    return [(f"{glyphs.fit[kind]} {goal.verdict_text}", FIT_STYLES[kind])]


def _quant_text(goal: GoalFacts) -> str:
    if goal.any_quant and goal.finer_quant and goal.finer_tokens_per_s is not None:
        return f"with {goal.quant}; {goal.finer_quant} holds too, at {speed(goal.finer_tokens_per_s)} tok/s"
    return f"with {goal.quant}"


def _goal_lines(before: GoalFacts, goal: GoalFacts, width: int, glyphs: Glyphs, several: bool) -> list[Line]:
    def pair(label: str, was: str, then: str) -> list[Line]:
        head: Line = [(f"{label} ", MUTED)]
        one = f"{label} {was} {glyphs.arrow} {then}"
        if len(one) <= width:
            return [[*head, (f"{was} {glyphs.arrow} ", ""), (then, STRONG)]]
        first, *rest = wrap(f"{label} {was}", width, "", "     ", "")
        head[-1:] = [(f"{label} ", MUTED), (first[0][0][len(label) + 1 :], "")]
        return [
            head,
            *rest,
            *wrap(then, width, STRONG, "     ", f"   {glyphs.arrow} "),
        ]

    lines: list[Line] = [[(goal.model, STRONG)]] if several else []
    lines += pair("speed", speed_text(before), speed_text(goal))
    gain: list[Line] = [[(factor_text(goal.factor, glyphs), STRONG)]] if goal.factor is not None else []
    wanted: Line = [(f"for {goal.wanted_tokens_per_s:g} tok/s", MUTED)]
    lines += flow([*gain, _verdict(goal, glyphs), wanted], width, "  ", "      ")
    lines += pair("binds", bound_text(before) or "does not fit", bound_text(goal) or "does not fit")
    held = [", ".join(part.text() for part in g.held) or "does not fit" for g in (before, goal)]
    lines += pair("holds", held[0], held[1])
    if goal.ttft_s is not None:
        was = seconds(before.ttft_s) if before.ttft_s is not None else "none"
        lines += pair("first token", was, seconds(goal.ttft_s))
    lines += wrap(_quant_text(goal), width, MUTED)
    if goal.helps:
        lines += wrap(f"would help then: {', '.join(goal.helps[:2])}", width, MUTED, "  ", "")
    return lines


def _top_text(model: TopModel) -> str:
    interval = speed_range(model.low_tokens_per_s, model.high_tokens_per_s)
    return f"{model.name} {model.quant}: {speed(model.tokens_per_s)} tok/s ({interval})"


def _ranking_lines(answer: Answer, change: Change, width: int, glyphs: Glyphs) -> list[Line]:
    lines = wrap(f"fit {answer.now.fitting} {glyphs.arrow} {change.fitting} models", width, STRONG)
    for title, found in (("best before", answer.now.top), ("best then", change.top)):
        lines.append([(title, MUTED)])
        for model in found:
            lines += wrap(_top_text(model), width, "", "    ", "  ")
    for title, names in (("unlocks", change.unlocked), ("loses", change.lost)):
        if names:
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""
            lines += wrap(f"{title} {len(names)}: {', '.join(names[:4])}{more}", width, "", "  ", "")
    return lines


def detail_lines(answer: Answer, change: Change, command: str, width: int, glyphs: Glyphs) -> list[Line]:
    """All there is to say."""
    lines = wrap(change.name, width, TITLE)
    money = money_text(answer, change)
    if money:
        lines += wrap(money, width)
    lines.append([])
    several = len(change.goals) > 1
    for before, goal in zip(answer.now.goals, change.goals, strict=False):
        lines += [*_goal_lines(before, goal, width, glyphs, several), []]
    if not change.goals:
        lines += [*_ranking_lines(answer, change, width, glyphs), []]
    room = f"{gib_unit(answer.now.room_bytes)} {glyphs.arrow} {gib_unit(change.room_bytes)}"
    lines += [*wrap(f"usable memory {room}", width), []]
    for remark in change.remarks:
        lines += wrap(remark, width, MUTED, "  ", f"{glyphs.dot} ")
    lines += [[("Enter shows all it changes in What if:", MUTED)], *wrap(command, width, "", "  ", "  ")]
    for note in answer.notes:
        lines += wrap(note, width, MUTED, "  ", f"{glyphs.dot} ")
    return lines


def strip_lines(answer: Answer, change: Change, width: int, glyphs: Glyphs) -> list[Line]:
    """The most of it in a few lines."""
    lines: list[Line] = wrap(change.name, width, TITLE)[:1]
    money = money_text(answer, change)
    if money:
        lines += wrap(money, width)[:1]
    before, goal = answer.now.worst, change.worst
    if before is None or goal is None:
        unlocked = f", unlocks {len(change.unlocked)}" if change.unlocked else ""
        lines += wrap(f"fit {answer.now.fitting} {glyphs.arrow} {change.fitting} models{unlocked}", width)[:1]
        if change.top:
            lines += wrap(f"best {_top_text(change.top[0])}", width)[:2]
        return lines
    gain: list[Line] = [[(factor_text(goal.factor, glyphs), "")]] if goal.factor is not None else []
    speeds: Line = [
        ("speed ", MUTED),
        (f"{speed_text(before)} {glyphs.arrow} ", ""),
        (speed_text(goal), STRONG),
    ]
    lines += flow([speeds, *gain, _verdict(goal, glyphs)], width, "  ")[:2]
    after = bound_text(goal) or "does not fit"
    lines += wrap(
        f"binds {bound_text(before) or 'does not fit'} {glyphs.arrow} {after}", width, "", "  ", ""
    )[:2]
    held = ", ".join(part.text() for part in goal.held)
    lines += wrap(f"{_quant_text(goal)}" + (f"; {held}" if held else ""), width, MUTED, "  ", "")[:2]
    return lines


class UpgradeDetail(Painted):
    """The pane of wide terminals."""

    answer: Answer | None = None
    change: Change | None = None
    command = ""

    def show(self, answer: Answer | None, change: Change | None, command: str) -> None:
        """Draw this change."""
        self.answer, self.change, self.command = answer, change, command
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """As many lines as it takes."""
        if self.answer is None or self.change is None:
            notes = self.answer.notes if self.answer else ()
            lines = [line for note in notes for line in wrap(note, width, MUTED, "  ", f"{self.glyphs.dot} ")]
            return in_glyphs(lines, self.glyphs)
        lines = detail_lines(self.answer, self.change, self.command, width, self.glyphs)
        return in_glyphs(lines, self.glyphs)


class UpgradeStrip(UpgradeDetail):
    """The strip of narrow ones."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)

    def paint(self, width: int) -> list[Line]:
        """A few lines."""
        if self.answer is None or self.change is None:
            return []
        return in_glyphs(strip_lines(self.answer, self.change, width, self.glyphs), self.glyphs)
