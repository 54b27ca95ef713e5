"""Time per token of a model as a stacked bar, and what bounds it."""

from __future__ import annotations

from advisor.report.format import milliseconds, percent, seconds, speed, speed_range
from advisor.tui.glyphs import Glyphs, shown
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, clip, fit_line, flow, spread, wrap
from advisor.tui.view import Detail
from advisor.tui.widgets.bars import SEGMENT_STYLES, Segment, bar


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
    bound: Line = [("bound by ", MUTED), (detail.bottleneck, STRONG)]
    first: Line = [("first token ", MUTED), (seconds(detail.ttft_s), STRONG)]
    likely = f"likely {seconds(detail.low_ttft_s)} to {seconds(detail.high_ttft_s)}"
    return [
        *flow([bound, [(percent(detail.bottleneck_share), MUTED)]], width, ", "),
        *wrap(shown(detail.roof, glyphs), width, MUTED, "  "),
        *flow(
            [[("likely ", MUTED), (f"{interval} tok/s", STRONG)], [("in 80 % of cases", MUTED)]], width, ", "
        ),
        *flow([first, [(likely, MUTED)], [(f"{detail.prompt_tokens}-token prompt", MUTED)]], width, ", "),
    ]
