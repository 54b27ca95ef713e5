"""The comparison as lines: the rig as it is beside up to four scenarios, one column each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from advisor.report.format import gbs, gib_unit, speed
from advisor.report.sensitivity import gains
from advisor.tui.differences import Differences
from advisor.tui.glyphs import Glyphs
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, fit_line, pad, width_of, wrap
from advisor.tui.widgets.header import short_name

if TYPE_CHECKING:
    from advisor.comparison import ComparedModel, Comparison
    from advisor.report.whatif_moves import Signs

LABEL_WIDTH, MIN_COLUMN, MAX_COLUMN = 16, 18, 34
GAP = 2
_SHORT_BOUNDS = {
    "GPU launch overhead": "GPU overhead",
    "CPU per-layer overhead": "CPU overhead",
    "link between CPU and GPU": "CPU-GPU link",
    "link between GPUs": "GPU-GPU link",
}


def column_layout(width: int, columns: int) -> tuple[int, int, int]:
    """Width of the labels, width of a column, and how many columns fit beside the labels."""
    label = LABEL_WIDTH
    visible = max(min(columns, (width - label + GAP) // (MIN_COLUMN + GAP)), 2)
    column = min((width - label + GAP) // visible - GAP, MAX_COLUMN)
    return label, max(column, 8), visible


def visible_columns(columns: int, visible: int, first: int) -> list[int]:
    """Indices of the columns on the screen: the present rig always, then those from ``first`` on."""
    if columns <= visible:
        return list(range(columns))
    first = min(max(first, 1), columns - visible + 1)
    return [0, *range(first, first + visible - 1)]


def ratio_text(before: float, after: float, glyphs: Glyphs) -> Line:
    """Better or worse by which factor: ``▲×2.0``."""
    from advisor.report.whatif_moves import factor_text

    if before <= 0 or after <= 0:
        return []
    text = factor_text(after / before, signs_of(glyphs))
    return [(f" {text}", ratio_style(text, glyphs))]


def ratio_style(text: str, glyphs: Glyphs) -> str:
    """Colour of a factor."""
    if text.startswith(glyphs.better):
        return "$success"
    return "$error" if text.startswith(glyphs.worse) else MUTED


def signs_of(glyphs: Glyphs) -> Signs:
    """The characters of a report's cells."""
    from advisor.report.whatif_moves import Signs

    return Signs(glyphs.arrow, glyphs.times, glyphs.better, glyphs.worse, glyphs.no_value)


def count_text(before: float, after: float, glyphs: Glyphs) -> Line:
    """More or fewer by how many: ``▲+9``."""
    more = round(after - before)
    if not more:
        return [(" =", MUTED)]
    sign, style = (glyphs.better, "$success") if more > 0 else (glyphs.worse, "$error")
    return [(f" {sign}{more:+d}", style)]


def _row(
    label: str, cells: Sequence[Line], label_width: int, column: int, glyphs: Glyphs, style: str = MUTED
) -> Line:
    line: Line = [(pad(label, label_width - 1, ellipsis=glyphs.ellipsis) + " ", style)]
    for n, cell in enumerate(cells):
        cell = fit_line(cell, column, glyphs.ellipsis)
        gap = column - width_of(cell) + GAP if n < len(cells) - 1 else 0
        line += [*cell, (" " * gap, "")]
    return line


def rig_rows(
    differences: Differences, shown: Sequence[int], label: int, column: int, glyphs: Glyphs
) -> list[Line]:
    """Usable memory, bandwidths and number of models that fit."""
    comparison = differences.comparison
    machines = [r.table.machine for r in comparison.rankings]
    base = machines[0]
    has_gpu = any(m.gpus for m in machines)
    values: list[tuple[str, list[float | None], str]] = []
    if has_gpu:
        name = "memory" if base.shares_ram else "VRAM usable"
        values.append((name, [sum(g.usable_bytes for g in m.gpus) or None for m in machines], "bytes"))
    if not base.shares_ram:
        values.append(("RAM usable", [m.ram_usable_bytes for m in machines], "bytes"))
    if has_gpu:
        fastest = [max((g.bandwidth for g in m.gpus), default=None) for m in machines]
        values.append(("bandwidth" if base.shares_ram else "VRAM bandwidth", fastest, "rate"))
    if not base.shares_ram:
        values.append(("RAM bandwidth", [m.cpu.bandwidth for m in machines], "rate"))
    values.append(("models that fit", [float(n) for n in differences.fitting], "count"))
    lines = []
    for name, numbers, kind in values:
        cells = []
        for i in shown:
            value, before = numbers[i], numbers[0]
            if value is None:
                cells.append([(glyphs.no_value, MUTED)])
                continue
            text = gib_unit(value) if kind == "bytes" else gbs(value) if kind == "rate" else f"{value:.0f}"
            cell: Line = [(text, STRONG)]
            if i and before:
                changed = count_text if kind == "count" else ratio_text
                cell += changed(before, value, glyphs)
            elif i:
                cell.append((f" {glyphs.better} new", "$success"))
            cells.append(cell)
        lines.append(_row(name, cells, label, column, glyphs))
    return lines


def bound_text(label: str, width: int) -> str:
    """A bottleneck in ``width`` cells: without what it is spent on, where that does not fit."""
    if len(label) <= width:
        return label
    return _SHORT_BOUNDS.get(label, label.partition(" (")[0])


def help_text(
    sensitivities: Mapping[str, float], width: int, glyphs: Glyphs, *, unified: bool = False
) -> str:
    """What 10 % more of the part that matters most would bring, in ``width`` cells."""
    more = {name: slope for name, slope in sensitivities.items() if name != "launch"}
    found = gains(more, unified=unified)
    if not found:
        return ""
    text = f"{found[0].part} {glyphs.arrow} {found[0].percent:+.1f} %"
    if len(text) > width:
        short = found[0].part.replace("bandwidth", "rate").replace("GPU compute", "GPU math")
        text = f"{short} {found[0].percent:+.1f} %"
    return text


def model_rows(
    compared: ComparedModel,
    comparison: Comparison,
    shown: Sequence[int],
    label: int,
    column: int,
    glyphs: Glyphs,
) -> list[Line]:
    """Speed with the same quantization, what bounds it, what would help, and a better quantization."""
    from advisor.core.estimate import bottleneck
    from advisor.core.ranking import fit_name

    rankings = comparison.rankings
    base_row = next((row for row in compared.rows if row is not None), None)
    if base_row is None:
        return []
    quant = rankings[0].table.candidates.quant(base_row)
    first = compared.same_quant_rows[0]
    before = float(rankings[0].table.tokens_per_s[first]) if first is not None else None
    speeds: list[Line] = []
    bounds: list[Line] = []
    helps: list[Line] = []
    betters: list[Line] = []
    for i in shown:
        table = rankings[i].table
        same, best = compared.same_quant_rows[i], compared.rows[i]
        if same is None:
            missing = gib_unit(float(table.missing_bytes[base_row]))
            speeds.append([(f"{glyphs.fit['none']} +{missing}", MUTED)])
            bounds.append([])
            helps.append([])
        else:
            rate = float(table.tokens_per_s[same])
            cell: Line = [(f"{glyphs.fit[fit_name(table, same)]} {speed(rate)} tok/s", STRONG)]
            if i and before:
                cell += ratio_text(before, rate, glyphs)
            elif i:
                cell.append((f" {glyphs.better} new", "$success"))
            speeds.append(cell)
            bounds.append([(bound_text(bottleneck(table, same)[0], column), MUTED)])
            slopes = comparison.sensitivities[i].get(same, {})
            helps.append([(help_text(slopes, column, glyphs, unified=table.machine.shares_ram), MUTED)])
        if best is not None and best != same:
            rate = float(table.tokens_per_s[best])
            betters.append([(table.candidates.quant(best), "$primary"), (f" {speed(rate)} tok/s", "")])
        else:
            betters.append([])
    lines: list[Line] = [
        [(compared.model.name, STRONG), (f"  {quant}", "$primary")],
        _row("  speed", speeds, label, column, glyphs),
        _row("  bound by", bounds, label, column, glyphs),
        _row("  +10 % helps", helps, label, column, glyphs),
    ]
    if any(betters):
        lines.append(_row("  best quant", betters, label, column, glyphs))
    return lines


def head_rows(
    comparison: Comparison, shown: Sequence[int], label: int, column: int, glyphs: Glyphs, chosen: int
) -> list[Line]:
    """Names of the scenarios, wrapped in their columns; the corner tells of columns out of sight."""
    hidden = len(comparison.scenarios) - len(shown)
    heads = []
    for i in shown:
        name = comparison.scenarios[i].name
        mark = f"{glyphs.chosen}{i}" if i == chosen else f" {i}"
        style = f"bold $accent{' reverse' if i == chosen else ''} @click=screen.choose_column({i})"
        found = wrap(name if i == 0 else f"{mark} {tidy(name)}", column, style if i else TITLE)
        heads.append(found[:3] or [[]])
    lines = []
    for n in range(max(len(h) for h in heads)):
        corner = f"{hidden} more: h l" if hidden and n == 0 else ""
        cells = [h[n] if n < len(h) else [] for h in heads]
        lines.append(_row(corner, cells, label, column, glyphs))
    return lines


def tidy(name: str) -> str:
    """A scenario's name without the words that say nothing."""
    return ", ".join(short_name(part) for part in name.split(","))


def first_visible(chosen: int, columns: int, visible: int) -> int:
    """The first scenario on the screen, so that the chosen one is on it."""
    return min(max(chosen - visible + 2, 1), max(columns - visible + 1, 1))


def scenario_lines(differences: Differences, width: int, glyphs: Glyphs, *, chosen: int = 1) -> list[Line]:
    """Names, memory and bandwidth of the scenarios, one column each; the chosen one is on the screen."""
    count = len(differences.comparison.scenarios)
    label, column, visible = column_layout(width, count)
    shown = visible_columns(count, visible, first_visible(chosen, count, visible))
    lines = head_rows(differences.comparison, shown, label, column, glyphs, chosen)
    rule = glyphs.rule * min(label + len(shown) * (column + GAP) - GAP, width)
    return [*lines, [(rule, MUTED)], *rig_rows(differences, shown, label, column, glyphs)]


def change_lines(differences: Differences, width: int, glyphs: Glyphs, *, chosen: int = 1) -> list[Line]:
    """The models that run differently, one block each; or why none does."""
    comparison = differences.comparison
    count = len(comparison.scenarios)
    label, column, visible = column_layout(width, count)
    shown = visible_columns(count, visible, first_visible(chosen, count, visible))
    changed, same = differences.changed, differences.unchanged
    if not changed:
        return _unchanged_lines(differences, width)
    lines: list[Line] = [[("What changes", TITLE), ("  with the quantization that is best now", MUTED)]]
    for compared in comparison.models:
        lines += model_rows(compared, comparison, shown, label, column, glyphs)
    more = changed - len(comparison.models)
    notes = [f"{more} more models change"] if more else []
    notes += [f"{same} run as before"] if same else []
    if notes:
        lines.append([(f"{glyphs.ellipsis} {', '.join(notes)}", MUTED)])
    return lines


def _unchanged_lines(differences: Differences, width: int) -> list[Line]:
    """Nothing changes: what binds instead, and which part would help."""
    comparison = differences.comparison
    lines: list[Line] = [
        [(f"None of the {differences.unchanged} models that fit runs any differently", TITLE)]
    ]
    total = sum(count for _, count in differences.limits)
    for name, count in differences.limits[:3]:
        lines.append([(f"  {count} of {total} are bound by ", MUTED), (name, STRONG)])
    machine = comparison.rankings[0].table.machine
    for compared in comparison.models[:1]:
        row = compared.rows[0]
        if row is None:
            continue
        slopes = {n: s for n, s in comparison.sensitivities[0].get(row, {}).items() if n != "launch"}
        found = gains(slopes, unified=machine.shares_ram)
        if found:
            text = (
                f"For {compared.model.name}, 10 % more {found[0].part} would bring {found[0].percent:+.1f} %."
            )
            lines += wrap(text, width, "", "  ", "  ")
    lines += wrap("f builds another change, a types one.", width, MUTED, "  ", "  ")
    return lines
