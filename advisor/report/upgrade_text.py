"""``upgrade`` as text, on 80 columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from advisor.report import format as f
from advisor.report.sensitivity import gains
from advisor.report.table import Column, shorten, text_table
from advisor.report.text import question_line
from advisor.report.upgrade_answer import held
from advisor.report.upgrade_document import gained
from advisor.report.upgrade_names import option_name, what_if_command
from advisor.report.upgrade_rows import TOP_MODELS, VERDICTS
from advisor.upgrade.options import Option
from advisor.upgrade.outcome import Outcome, Reach
from advisor.upgrade.prices import PriceList
from advisor.upgrade.reach import UpgradeResult
from advisor.upgrade.spend import TOP, SpendResult

MOST_OPTIONS, MOST_MACHINES = 12, 3
_NAME = 36
_COLUMNS = (
    Column("  #"),
    Column("change"),
    Column("tok/s", right=True),
    Column("80 %", right=True),
    Column("first", right=True),
    Column("goal"),
)


def text_of(
    result: UpgradeResult | SpendResult, rig_file: str | None = None, limit: int | None = None
) -> str:
    """The answer, to a goal or without one."""
    if isinstance(result, UpgradeResult):
        return upgrade_text(result, rig_file, limit)
    return spend_text(result, rig_file)


def upgrade_text(result: UpgradeResult, rig_file: str | None = None, limit: int | None = None) -> str:
    """The answer to a goal: what it is now, then changes, smallest or cheapest first."""
    lines = [_goal_line(result, n) for n in range(len(result.goals))]
    lines += f.paragraph(question_line(result.question), 0)
    lines += ["", *_now_lines(result.now)]
    if result.now.reached:
        lines += ["", *f.paragraph(_reached_text(result.now), 0)]
        return "\n".join(lines)
    if not result.options and not result.machines:
        return "\n".join([*lines, "", *_nearest_lines(result), "", *_note_lines(result)])
    prices = result.parts.prices
    shown = result.options[: limit or MOST_OPTIONS]
    if shown:
        lines += ["", *f.paragraph(_order_text(prices), 0), *_table(shown, result.now, prices)]
    if len(result.options) > len(shown):
        last = result.options[-1]
        speeds = " and ".join(f.speed(r.tokens_per_s) for r in last.reaches)
        lines += f.paragraph(
            f"{len(result.options) - len(shown)} larger ones, up to {speeds} tok/s with "
            f"{option_name(last.option)} (--limit lists more)"
        )
    if result.machines:
        machines = result.machines[: limit or MOST_MACHINES]
        lines += ["", "Another machine instead:", *_table(machines, result.now, prices)]
    lines += ["", *f.paragraph(_LEGEND, 0)]
    command = what_if_command(shown[0].option, rig_file) if shown and shown[0].option else None
    if command:
        lines += [f"look closer: {command}"]
    # Remarks that differ in a number only are made once.
    remarks = {re.sub(r"\d+", "", remark): remark for outcome in shown[::-1] for remark in outcome.remarks}
    return "\n".join([*lines, *_note_lines(result, list(remarks.values())[::-1])])


_LEGEND = (
    "sure: all of the 80 % interval reaches the goal; likely: the estimate does, with the probability; "
    "first: time to the first token"
)


def _goal_line(result: UpgradeResult, n: int) -> str:
    goal = result.goals[n]
    which = goal.quants[0] if len(goal.quants) == 1 else f"any of {', '.join(goal.quants)}"
    text = f"{'Goal' if n == 0 else 'and '}  {goal.model.name} {which} at {goal.tokens_per_s:g} tok/s or more"
    return "\n".join(f.paragraph(text, 0, 6))


def _now_lines(now: Outcome) -> list[str]:
    lines = []
    for reach in now.reaches:
        model = f" {reach.goal.model.name}" if len(now.reaches) > 1 else ""
        text = f"Now{model} {reach.quant}: {_speed_text(reach)}"
        lines += f.paragraph(text, 0, 5)
        if not now.reached:
            lines += _help_lines("what would help:", reach)
    return lines


def _speed_text(reach: Reach) -> str:
    bound = reach.bottleneck
    if bound is None:
        return f"does not fit, {f.gib_unit(float(reach.table.missing_bytes[reach.row]))} short"
    speed, low, high = reach.table.speeds_at(reach.row)
    return f"{f.speed(speed)} tok/s ({f.speed_range(low, high)}), bound by {bound[0]}, {f.percent(bound[1])}"


def _help_lines(lead: str, reach: Reach) -> list[str]:
    found = gains(reach.sensitivities, unified=reach.table.machine.shares_ram)
    return f.items(lead, [gain.text() for gain in found], 5) if found else []


def _reached_text(now: Outcome) -> str:
    worst = min(now.reaches, key=lambda reach: reach.probability)
    if now.verdict == "sure":
        return "The goal is reached already, at both ends of the interval: nothing to buy."
    return (
        f"The goal is likely reached already (probability {f.percent(worst.probability)}); measure it before "
        "you buy anything: explain MODEL prints the command."
    )


def _order_text(prices: PriceList | None) -> str:
    if prices is None:
        return (
            "No prices were given, so the smallest change comes first: fewest parts, then least memory and "
            "bandwidth bought. A larger one is listed where it brings 5 % more."
        )
    return (
        f"Cheapest first, by {prices.file} of {prices.date}; a dearer one is listed where it brings 5 % more."
    )


def _table(outcomes: Sequence[Outcome], now: Outcome, prices: PriceList | None) -> list[str]:
    rows: list[tuple[str, ...]] = []
    details: list[list[str]] = []
    for place, outcome in enumerate(outcomes, 1):
        name = option_name(outcome.option)
        if prices is None:
            name = name.removeprefix("machine: ")
        for n, reach in enumerate(outcome.reaches):
            several = len(outcome.reaches) > 1
            label = f"  {reach.goal.model.name}" if several else name
            if several and n == 0:
                rows.append((f"{place:>3}", shorten(name, _NAME), "", "", "", ""))
                details.append([])
            rows.append(_cells("" if several else f"{place:>3}", shorten(label, _NAME), reach))
            details.append(_detail_lines(reach, now.reaches[n], "" if several else name))
        if prices is not None and outcome.option is not None:
            details[-1] += f.paragraph(_value_text(outcome, now, prices), 5)
    head, *body = text_table(_COLUMNS, rows).split("\n")
    lines = [head]
    for line, more in zip(body, details, strict=True):
        lines += [line, *more]
    return lines


def _cells(place: str, label: str, reach: Reach) -> tuple[str, ...]:
    if not reach.fits:
        return (place, label, "–", "–", "–", "does not fit")
    speed, low, high = reach.table.speeds_at(reach.row)
    verdict = VERDICTS[reach.verdict]
    if reach.verdict in ("likely", "possible"):
        verdict += f" {f.percent(reach.probability)}"
    first = f.seconds(float(reach.table.ttft_s[reach.row]))
    return (place, label, f.speed(speed), f.speed_range(low, high), first, verdict)


def _detail_lines(reach: Reach, now: Reach, name: str) -> list[str]:
    """Why: what binds before and after, where it lies, and what else holds."""
    before = now.bottleneck[0] if now.bottleneck else "did not fit"
    bound = reach.bottleneck
    after = f"{bound[0]}, {f.percent(bound[1])}" if bound else "does not fit"
    parts = [f"{before} → {after}", *(part.text() for part in held(reach))]
    if reach.goal.quant is None:
        parts.append(f"with {reach.quant}")
        if reach.finer and reach.finer_tokens_per_s:
            parts.append(f"{reach.finer} holds too, at {f.speed(reach.finer_tokens_per_s)}")
    lines = f.paragraph(name, 5) if len(name) > _NAME else []
    return lines + f.items("", parts, 5, separator="; ")


def _value_text(outcome: Outcome, now: Outcome, prices: PriceList) -> str:
    option = outcome.option
    assert option is not None
    money = prices.currency or "of your money"
    parts = [f"{option.price:,.0f} {money}"] if option.price is not None else []
    if option.watts:
        parts.append(f"{option.watts:,.0f} W")
    gains = [gained(reach, before) for reach, before in zip(outcome.reaches, now.reaches, strict=True)]
    worth = []
    if option.price:
        worth.append(f"{_each(gains, option.price)} tok/s per 100 {money}")
    if option.watts:
        worth.append(f"{_each(gains, option.watts)} per 100 W")
    return ", ".join(parts) + (f": {', '.join(worth)}" if worth else "")


def _each(gains: Sequence[float], amount: float) -> str:
    return " and ".join(f"{gain / amount * 100:+.2g}" for gain in gains)


def _nearest_lines(result: UpgradeResult) -> list[str]:
    within = " within the budget" if result.budget is not None else ""
    best = result.best
    if best is None or 0 < best.margin <= result.now.margin:
        return f.paragraph(f"Nothing that can be bought{within} brings this rig nearer to the goal.", 0)
    what = "The nearest" if best.margin else "None holds the model; most memory has"
    lines = f.paragraph(f"No change{within} reaches the goal. {what}: {option_name(best.option)}", 0)
    for reach in best.reaches:
        model = f"{reach.goal.model.name} " if len(best.reaches) > 1 else ""
        lines += f.paragraph(f"{model}{reach.quant}: {_speed_text(reach)}", 5)
        lines += _help_lines("what would help then:", reach)
    return lines


def _note_lines(result: UpgradeResult | SpendResult, remarks: Iterable[str] = ()) -> list[str]:
    counted = f"{result.considered:,} changes looked at, {result.evaluated} of them in full"
    return [line for note in (*remarks, *result.notes, counted) for line in f.paragraph(f"· {note}", 0)]


def spend_text(result: SpendResult, rig_file: str | None = None) -> str:
    """What a budget or a list of parts is best spent on."""
    c = result.comparison
    prices = result.parts.prices
    lines = f.paragraph(question_line(result.question), 0)
    lines += ["", "Now", *_top_lines(result, 0)]
    if not result.options:
        budget = f" within {result.budget:,.0f}" if result.budget is not None else ""
        text = f"None of the parts{budget} makes the best {TOP} models score noticeably better."
        return "\n".join([*lines, "", *f.paragraph(text, 0), "", *_note_lines(result)])
    order = "cheapest first" if prices else "smallest first"
    text = (
        f"Best for the ranking, {order}; the last raises the mean score of the best {TOP} models most, "
        "and those before it at least half as much."
    )
    lines += ["", *f.paragraph(text, 0)]
    for n, option in enumerate(result.options, 1):
        cost = _cost_text(option, prices)
        lines += ["", *f.paragraph(f"{n}  {option_name(option)}{cost}", 0), *_top_lines(result, n)]
        unlocked = c.unlocked[n]
        if unlocked:
            names = ", ".join(model.name for model in unlocked[:4])
            more = f" and {len(unlocked) - 4} more" if len(unlocked) > 4 else ""
            lines += f.paragraph(f"unlocks {len(unlocked)}: {names}{more}", 3)
        command = what_if_command(option, rig_file)
        if command and n == len(result.options):
            lines.append(f"   look closer: {command}")
    return "\n".join([*lines, "", *_note_lines(result)])


def _cost_text(option: Option, prices: PriceList | None) -> str:
    if prices is None or option.price is None:
        return ""
    watts = f", {option.watts:,.0f} W" if option.watts else ""
    return f"  ({option.price:,.0f}{f' {prices.currency}' if prices.currency else ''}{watts})"


def _top_lines(result: SpendResult, n: int) -> list[str]:
    ranking = result.comparison.rankings[n]
    table = ranking.table
    rows = [row for row in ranking.rows.tolist() if table.fits[row]][:TOP_MODELS]
    if not rows:
        return ["   nothing fits"]
    columns = (
        Column("  "),
        Column("model"),
        Column("quant"),
        Column("tok/s", right=True),
        Column("80 %"),
        Column("score", right=True),
    )
    cells = []
    for row in rows:
        speed, low, high = table.speeds_at(row)
        name = shorten(table.candidates.model(row).name, _NAME)
        speeds = (f.speed(speed), f.speed_range(low, high))
        cells.append(("  ", name, table.candidates.quant(row), *speeds, f"{ranking.scores.score[row]:.1f}"))
    return text_table(columns, cells).split("\n")
