"""A comparison of scenarios as text: columns where they fit, else one block below the other."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from advisor.comparison import ComparedModel, Comparison
from advisor.core.delta import Delta, delta_between
from advisor.core.estimate import bottleneck
from advisor.core.machine import Machine
from advisor.core.network_commands import network_plan
from advisor.core.ranking import fit_name
from advisor.report import format as f
from advisor.report.sensitivity import gains
from advisor.report.table import Column, shorten, text_table, width
from advisor.report.text import FIT_GLYPHS, question_line
from advisor.report.whatif_moves import moves_text

_NAME_WIDTH = 34
_SAME = 0.005
"""Ratios nearer to 1 than this are no change."""
_UNLOCKED = 6


def what_if_text(c: Comparison, columns: int | None = None) -> str:
    """The comparison, no wider than ``columns`` where they are given."""
    lines = [*_wrapped(question_line(c.rankings[0].table.question), columns), ""]
    side_by_side = _columns(c)
    if columns is None or max(len(line) for line in side_by_side) <= columns:
        lines += side_by_side
    else:
        lines += _stacked(c, columns)
    moved = [m for m in c.models if _moves(c, m)]
    still = [m.model.name for m in c.models if m not in moved]
    if still:
        lines += _wrapped(f"as before: {', '.join(still)}", columns)
    for i, scenario in enumerate(c.scenarios):
        remarks = _remarks(c, i)
        if remarks:
            lines += ["", scenario.name]
            for remark in remarks:
                lines += _wrapped(f"  · {remark}", columns, "    ")
    lines += moves_text(c, columns)
    return "\n".join(lines)


def _wrapped(text: str, columns: int | None, further: str = "") -> list[str]:
    if columns is None or len(text) <= columns:
        return [text]
    return textwrap.wrap(
        text, columns, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    )


def _remarks(c: Comparison, i: int) -> list[str]:
    """What is to be said of a scenario: its making, what it unlocks, how to run over two machines."""
    remarks = list(c.scenarios[i].remarks)
    unlocked = c.unlocked[i]
    if i and unlocked:
        more = f" and {len(unlocked) - _UNLOCKED} more" if len(unlocked) > _UNLOCKED else ""
        names = ", ".join(m.name for m in unlocked[:_UNLOCKED])
        remarks.append(f"unlocks {len(unlocked)}: {names}{more}")
    if c.lost[i]:
        remarks.append(f"no longer fit: {', '.join(m.name for m in c.lost[i][:_UNLOCKED])}")
    stays = _what_stays(c, i)
    if i and stays:
        remarks.append(f"what limits stays {stays}")
    return remarks + _plan_remarks(c, i)


def _what_stays(c: Comparison, i: int) -> str | None:
    """The limit that most of the compared models keep."""
    counts: dict[str, int] = {}
    for compared in c.models:
        delta = _delta(c, compared, i)
        if delta is not None and delta.limit_stays:
            counts[delta.limit_after] = counts.get(delta.limit_after, 0) + 1
    if not counts:
        return None
    most = max(counts, key=lambda label: counts[label])
    return f"{most} for {counts[most]} of {len(c.models)} models shown"


def _plan_remarks(c: Comparison, i: int) -> list[str]:
    """The commands of the first model that runs over two machines."""
    table = c.rankings[i].table
    for compared in c.models:
        for row in (compared.same_quant_rows[i], compared.rows[i]):
            plan = network_plan(table, row) if row is not None else None
            if plan is not None:
                return [
                    f"{compared.model.name}: {plan.layers_here} layers here, {plan.layers_there} there; "
                    "only in a network that you trust, on the second machine:",
                    plan.there,
                    f"here: {plan.here}",
                    *plan.others,
                ]
    return []


# ------------------------------------------------------------------------------------------ columns


def _columns(c: Comparison) -> list[str]:
    """Scenarios side by side."""
    columns = [Column(""), *(Column(shorten(s.name, _NAME_WIDTH), right=True) for s in c.scenarios)]
    rows = [(title, *(str(value) for value in values)) for title, values in _machine_rows(c)]
    lines = [*text_table(columns, rows).split("\n"), ""]
    cells = [line for m in c.models if _moves(c, m) for line in _model_block(c, m)]
    if cells:
        head = Column("with the quantization best now")
        lines += text_table([head, *columns[1:]], cells).split("\n")
    return lines


def _machine_rows(c: Comparison) -> list[tuple[str, list[str]]]:
    machines = [r.table.machine for r in c.rankings]
    return [
        ("GPU memory usable", [_gpu_memory(m) for m in machines]),
        ("GPU bandwidth", [_gpu_bandwidth(m) for m in machines]),
        ("RAM usable", [f.gib_unit(m.ram_usable_bytes) for m in machines]),
        ("RAM bandwidth", [f.gbs(m.cpu.bandwidth) for m in machines]),
        ("models that fit", [str(r.fitting) for r in c.rankings]),
    ]


def _gpu_memory(machine: Machine) -> str:
    return f.gib_unit(sum(g.usable_bytes for g in machine.gpus)) if machine.gpus else "–"


def _gpu_bandwidth(machine: Machine) -> str:
    """The bandwidths of the GPUs, equal ones counted."""
    if not machine.gpus:
        return "–"
    counts: dict[str, int] = {}
    for gpu in machine.gpus:
        text = f.gbs(gpu.bandwidth)
        counts[text] = counts.get(text, 0) + 1
    return " + ".join(f"{n}× {text}" if n > 1 else text for text, n in counts.items())


def _moves(c: Comparison, compared: ComparedModel) -> bool:
    """Whether any scenario changes the speed, the fit or the best quantization of a model."""
    speeds = {
        None if row is None else round(float(r.table.tokens_per_s[row]), 6)
        for rows in (compared.rows, compared.same_quant_rows)
        for r, row in zip(c.rankings, rows, strict=True)
    }
    return len(speeds) > 1


def _title(c: Comparison, compared: ComparedModel) -> str:
    base = next((row for row in compared.same_quant_rows if row is not None), None)
    quant = c.rankings[0].table.candidates.quant(base) if base is not None else "no quantization fits"
    return f"{shorten(compared.model.name, 30)} {quant}"


def _model_block(c: Comparison, compared: ComparedModel) -> list[tuple[str, ...]]:
    """Speed before and after, what binds on both sides, what would help, the best quantization."""
    rows = compared.same_quant_rows
    scenarios = range(len(c.scenarios))
    return [
        (_title(c, compared), *("" for _ in scenarios)),
        ("  tok/s", *(_speed_text(c, compared, i) for i in scenarios)),
        ("  change", *(_change_text(_delta(c, compared, i)) for i in scenarios)),
        ("  first token", *(_ttft_text(c, i, rows[i]) for i in scenarios)),
        ("  memory", *(_memory_text(c, i, rows[i]) for i in scenarios)),
        ("  bound by", *(_bound_text(c, i, rows[i]) for i in scenarios)),
        ("  would help", *(_help_text(c, i, rows[i]) for i in scenarios)),
        ("  best quant", *(_best_text(c, i, compared.rows[i], rows[i]) for i in scenarios)),
    ]


def _delta(c: Comparison, compared: ComparedModel, scenario: int) -> Delta | None:
    base, row = compared.same_quant_rows[0], compared.same_quant_rows[scenario]
    if not scenario or base is None or row is None:
        return None
    return delta_between(c.rankings[0].table, base, c.rankings[scenario].table, row)


def _speed_text(c: Comparison, compared: ComparedModel, scenario: int) -> str:
    row = compared.same_quant_rows[scenario]
    if row is None:
        return "○ does not fit"
    table = c.rankings[scenario].table
    speed, low, high = table.speeds_at(row)
    text = f"{FIT_GLYPHS[fit_name(table, row)]} {f.speed(speed)} [{f.speed_range(low, high)}]"
    delta = _delta(c, compared, scenario)
    if delta is None:
        return text
    mark = "▲" if delta.ratio > 1 + _SAME else "▼" if delta.ratio < 1 - _SAME else "="
    return f"{text} {mark}×{delta.ratio:.2f}"


def _change_text(delta: Delta | None) -> str:
    if delta is None:
        return ""
    if not delta.tokens_per_s:
        return "none"
    low, high = _signed(delta.low_tokens_per_s), _signed(delta.high_tokens_per_s)
    return f"{_signed(delta.tokens_per_s)} [{low}~{high}]"


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{f.speed(abs(value))}"


def _ttft_text(c: Comparison, scenario: int, row: int | None) -> str:
    if row is None:
        return ""
    time, soonest, latest = c.rankings[scenario].table.ttft_at(row)
    return f"{f.seconds(time)} [{f.seconds(soonest)} to {f.seconds(latest)}]"


def _memory_text(c: Comparison, scenario: int, row: int | None) -> str:
    return "" if row is None else f.gib_unit(float(c.rankings[scenario].table.used_bytes[row].sum()))


def _bound_text(c: Comparison, scenario: int, row: int | None) -> str:
    return "" if row is None else bottleneck(c.rankings[scenario].table, row)[0]


def _help_text(c: Comparison, scenario: int, row: int | None) -> str:
    if row is None:
        return ""
    machine = c.rankings[scenario].table.machine
    found = gains(c.sensitivities[scenario][row], unified=machine.shares_ram)
    return found[0].text() if found else ""


def _best_text(c: Comparison, scenario: int, row: int | None, same: int | None) -> str:
    if row is None or row == same:
        return ""
    table = c.rankings[scenario].table
    return f"{table.candidates.quant(row)} {f.speed(table.tokens_per_s[row])} tok/s"


# ------------------------------------------------------------------------------------------ stacked


def _stacked(c: Comparison, columns: int) -> list[str]:
    """One block per scenario, then one per model with a paragraph for each scenario."""
    lines: list[str] = []
    facts = _machine_rows(c)
    for i, scenario in enumerate(c.scenarios):
        lines += _wrapped(f"[{i}] {scenario.name}" if i else scenario.name, columns, "    ")
        lines += _flow("    ", [f"{title} {_from_to(values, i)}" for title, values in facts], columns)
    for compared in c.models:
        if not _moves(c, compared):
            continue
        lines += ["", *_wrapped(_title(c, compared), columns, "  ")]
        for i in range(len(c.scenarios)):
            lines += _flow(f"[{i}] " if i else "now ", _said_of(c, compared, i), columns)
    return [*lines, ""]


def _flow(tag: str, parts: Sequence[str], columns: int) -> list[str]:
    """Parts joined by dots, broken between them; further lines are indented by four."""
    lines = [tag]
    for n, part in enumerate(parts):
        joined = f"{lines[-1]}{' · ' if n else ''}{part}"
        if n and width(joined) > columns:
            lines[-1] += " ·"
            lines.append(f"    {part}")
        else:
            lines[-1] = joined
    return [piece for line in lines for piece in _wrapped(line, columns, "    ")]


def _from_to(values: Sequence[str], i: int) -> str:
    return values[i] if not i or values[i] == values[0] else f"{values[0]} → {values[i]}"


def _said_of(c: Comparison, compared: ComparedModel, i: int) -> list[str]:
    row, delta = compared.same_quant_rows[i], _delta(c, compared, i)
    said = [f"{_speed_text(c, compared, i)} tok/s" if row is not None else "○ does not fit"]
    if delta is not None:
        if not delta.tokens_per_s and delta.limit_stays and compared.rows[i] == compared.rows[0]:
            return ["as now"]
        said.append(_change_text(delta))
    if row is not None:
        said += [f"first token {_ttft_text(c, i, row)}", _memory_text(c, i, row)]
        limit = _bound_text(c, i, row)
        if delta is None:
            said.append(limit)
        else:
            said.append(f"stays {limit}" if delta.limit_stays else f"{delta.limit_before} → {limit}")
        said.append(_help_text(c, i, row))
    best = _best_text(c, i, compared.rows[i], row)
    return [part for part in (*said, best and f"best {best}") if part]
