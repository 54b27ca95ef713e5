"""The slower half of the why-pane: quantizations, sensitivities, depth, quality, commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.report.format import evidence, gib, params, speed, tokens, unit
from advisor.report.sensitivity import gains
from advisor.tui.glyphs import UNICODE, Glyphs, shown
from advisor.tui.lines import KEY, MUTED, STRONG, TITLE, Line, fit_line, flow, pad, width_of, wrap

if TYPE_CHECKING:
    from advisor.explanation import Explanation


def sensitivity_lines(e: Explanation, width: int, glyphs: Glyphs) -> list[Line]:
    """What 10 % more of each part of the rig, or 10 % less overhead, would bring."""
    found = gains(e.sensitivities, unified=e.table.machine.shares_ram)
    if not found:
        return []
    lines: list[Line] = [[("What would help", TITLE)]]
    for gain in found:
        line: Line = [
            (f"  {gain.change} {gain.part:<18}", ""),
            (f"{glyphs.arrow} {f'{gain.percent:+.1f} %':>7}", STRONG),
        ]
        unit = (" tok/s", MUTED)
        lines.append(
            [*line, unit] if width_of([*line, unit]) <= width else fit_line(line, width, glyphs.ellipsis)
        )
    return [*lines, []]


def placement_lines(e: Explanation, width: int, glyphs: Glyphs = UNICODE) -> list[Line]:
    """The placements that lost, each with the reason, and what would make the model fit."""
    from advisor.report.placement_text import alternative_lines, remedy_lines

    others, remedies = alternative_lines(e), remedy_lines(e)
    lines: list[Line] = []
    if others:
        lines.append([(others[0], TITLE)])
        for text in others[1:]:
            lines += wrap(shown(text.strip(), glyphs), width, MUTED, indent="    ", first="  ")
    if remedies:
        lines.append([("What would make it fit", TITLE)])
        said = shown(" ".join(text.strip() for text in remedies), glyphs)
        lines += wrap(said, width, "", indent="    ", first="  ")
    return [*lines, []] if lines else []


def quant_lines(e: Explanation, width: int, glyphs: Glyphs, limit: int | None) -> list[Line]:
    """All quantizations of the model, largest first, around the one explained."""
    from advisor.core.ranking import fit_name

    table = e.table
    order = sorted(range(len(table)), key=lambda i: -float(table.candidates.file_bytes[i]))
    at = order.index(e.row)
    hidden = 0
    if limit is not None and len(order) > limit:
        start = min(max(at - limit // 2, 0), len(order) - limit)
        hidden = len(order) - limit
        order = order[start : start + limit]
    lines: list[Line] = [
        [
            ("Quantization", TITLE),
            (f"{unit():>6}{'tok/s':>7}  {'fit':<10}{'quality' if width >= 46 else 'qual'}", MUTED),
        ]
    ]
    for i in order:
        fits = bool(table.fits[i])
        here = i == e.row
        fit = fit_name(table, i)
        word = fit if fits else f"+{gib(float(table.missing_bytes[i]))}"
        rate = speed(float(table.tokens_per_s[i])) if fits else glyphs.no_value
        line: Line = [
            (f"{glyphs.chosen if here else ' '} ", "$primary"),
            (pad(table.candidates.quant(i), 10), STRONG if here else "" if fits else MUTED),
            (f"{gib(float(table.candidates.file_bytes[i])):>6}{rate:>7}  ", "" if fits else MUTED),
            (pad(f"{glyphs.fit[fit]} {word}", 10), "" if fits else MUTED),
            (f"{100 * float(e.scores.quality[i]):>4.0f}", MUTED),
        ]
        lines.append(fit_line(line, width, glyphs.ellipsis))
    if hidden:
        lines.append([(f"  {hidden} more: {glyphs.enter} shows all", MUTED)])
    return [*lines, []]


def depth_lines(e: Explanation, width: int, glyphs: Glyphs) -> list[Line]:
    """Decode speed at several depths of the cache."""
    items: list[Line] = [
        [(f"{tokens(depth)} {glyphs.arrow} ", MUTED), (speed(rate), "")] for depth, rate in e.by_depth
    ]
    title: Line = [("Speed by tokens in the cache", TITLE)]
    return [title, *flow(items, width, indent="  "), []]


def model_lines(e: Explanation, width: int, glyphs: Glyphs) -> list[Line]:
    """What the model is, and what its quality rests on."""
    m = e.model
    facts = [params(m.total_params)]
    if m.is_moe:
        facts.append(f"{params(m.active_params)} active")
    if m.context_length:
        facts.append(f"context {tokens(m.context_length)}")
    facts += [x for x in (m.license, m.release_date) if x]
    lines: list[Line] = [[("Model", TITLE)], *wrap(f" {glyphs.dot} ".join(facts), width, indent="  ")]
    q = e.quality
    lines.append([(f"  quality {q.score:.0f} of 100", ""), (f" for {e.table.question.use}", MUTED)])
    basis = ": ".join(x for x in (q.basis, q.detail) if x)
    lines += wrap(basis, width, MUTED, indent="  ")
    return [*lines, []]


def assumption_lines(e: Explanation, width: int, glyphs: Glyphs) -> list[Line]:
    """What was assumed of the rig; where nothing else says so, what devices reach."""
    machine = e.table.machine
    lines: list[Line] = []
    for text in machine.assumptions:
        lines += wrap(shown(text, glyphs), width, "", indent="    ", first=f"  {glyphs.warning} ")
    if e.evidence is None:
        for device, used in zip(machine.devices, e.table.used_bytes[e.row].tolist(), strict=True):
            if used > 0 and device.efficiency_source:
                said = shown(f"{device.name}: {evidence(device)}", glyphs)
                lines += wrap(said, width, MUTED, indent="    ", first=f"  {glyphs.dot} ")
    basis = f"RAM bandwidth is {machine.ram_bandwidth_basis}"
    lines += wrap(basis, width, MUTED, "    ", f"  {glyphs.dot} ")
    return [[("Assumptions", TITLE)], *lines, []]


def command_lines(e: Explanation, width: int, *, keys: bool = True) -> list[Line]:
    """Commands that run and measure it, with the keys that copy them where there are such."""
    lines: list[Line] = []
    for title, key, command in (
        ("Run it", "L", e.launch_command),
        ("Measure it", "B", e.benchmark_command),
    ):
        if command:
            copies: Line = [("  ", ""), (key, KEY), (" copies", MUTED)] if keys else []
            lines.append([(title, TITLE), *copies])
            for step in command.split("\n"):
                lines += wrap(step, width, "", indent="    ", first="  ")
    return [*lines, []] if lines else []
