"""An explanation as text and as Markdown: the same facts as the JSON, for people and screen readers."""

from __future__ import annotations

import textwrap

from advisor.core.timing import Term
from advisor.explanation import Explanation
from advisor.report import format as f
from advisor.report.evidence_text import evidence_lines, narrower_lines
from advisor.report.matrix_text import matrix_lines, matrix_markdown
from advisor.report.placement_text import (
    STRATEGY_NAMES,
    STRATEGY_TEXT,
    alternative_lines,
    command_lines,
    remedy_lines,
)
from advisor.report.roofline import legend_text, roofline_chart, roofline_lines
from advisor.report.sensitivity import gains_text
from advisor.report.table import Column, markdown_table, text_table
from advisor.report.text import memory_lines, question_line, rig_lines
from catalog.vision import vision_bytes

_PICTURE_COLUMNS = 80


def explain_text(e: Explanation, *, picture: bool = False) -> str:
    """The explanation as text; with the roofline drawn, where a ``picture`` is wanted."""
    table, row = e.table, e.row
    fits = bool(table.fits[row])
    model = e.model
    size = f.params(model.total_params)
    if model.is_moe:
        size += f", {f.params(model.active_params)} active"
    bits = table.candidates.file_bytes[row] * 8 / table.candidates.total_params[row]
    licence = model.license or "licence unknown"
    lines = [
        f"{model.name}  {e.quant}  ({size}, {bits:.2f} bits per weight, {licence})",
        *rig_lines(e.rig, table.machine),
        question_line(table.question),
        *(f"assumed: {a}" for a in table.machine.assumptions),
        "",
    ]
    lines += memory_lines(table, row)
    lines += _vision_lines(e)
    lines += alternative_lines(e) + remedy_lines(e)
    if fits:
        lines += ["", *_time_lines(e), "", *_sensitivity_lines(e), "", *_depth_lines(e)]
        lines += ["", *_roofline_lines(e, picture), "", *_evidence_lines(e)]
    lines += ["", *matrix_lines(e), "", *_quality_lines(e)]
    commands = command_lines(e)
    if commands:
        lines += ["", *commands]
    return "\n".join(lines)


def _vision_lines(e: Explanation) -> list[str]:
    size = vision_bytes(e.model)
    return [f"Images   the vision part takes {f.gib_unit(size)} more when it is loaded"] if size else []


def _time_lines(e: Explanation) -> list[str]:
    table, row = e.table, e.row
    total = float(table.decode_s[row])
    speed = f.speed(table.tokens_per_s[row])
    interval = f.speed_range(table.low_tokens_per_s[row], table.high_tokens_per_s[row])
    users = table.question.users
    lines = [
        f"Decode   {f.milliseconds(total)} per token → {speed} tok/s (80 %: {interval})"
        + (
            f" for each of {users} users, {f.speed(table.tokens_per_s[row] * users)} in all"
            if users > 1
            else ""
        )
    ]
    cells = []
    for g, device in enumerate(table.machine.devices):
        for term in Term:
            value = float(table.terms[row, g, term])
            if value > total * 5e-4:
                cells.append(
                    (f"  {device.name}", term.name.lower(), f.milliseconds(value), f.percent(value / total))
                )
    columns = (Column("  on"), Column("term"), Column("time", right=True), Column("share", right=True))
    lines += text_table(columns, cells).split("\n")
    lines.append(f"bound by {e.bottleneck} ({f.percent(e.bottleneck_share)} of the time)")
    prefill = float(table.prefill_s[row])
    rate = f.speed(table.question.prompt / prefill)
    ttft, soonest, latest = table.ttft_at(row)
    lines.append(
        f"Prefill  {table.question.prompt:,} tokens in {f.seconds(prefill)} ({rate} tok/s); "
        f"first token after {f.seconds(ttft)} [{f.seconds(soonest)} to {f.seconds(latest)}]"
    )
    return lines


def _sensitivity_lines(e: Explanation) -> list[str]:
    text = gains_text(e.sensitivities, unified=e.table.machine.shares_ram)
    return ["What would help   " + text] if text else []


def _depth_lines(e: Explanation) -> list[str]:
    parts = [f"{depth:,} → {f.speed(speed)}" for depth, speed in e.by_depth]
    return ["tok/s by tokens in the cache   " + ", ".join(parts)]


def _quality_lines(e: Explanation) -> list[str]:
    return [f"Quality  {e.quality.score:.0f} from {e.quality.basis}: {e.quality.detail}"]


def _paragraphs(lead: str, texts: list[str]) -> list[str]:
    """Sentences under a lead word, wrapped and hanging."""
    found: list[str] = []
    for n, text in enumerate(texts):
        first = f"{lead:<9}" if not n else " " * 9
        found += textwrap.wrap(text, 100, initial_indent=first, subsequent_indent=" " * 11)
    return found


def _roofline_lines(e: Explanation, picture: bool) -> list[str]:
    if e.roofline is None:
        return []
    lines = _paragraphs("Roofline", roofline_lines(e.roofline))
    if picture:
        lines += ["", *roofline_chart(e.roofline, columns=_PICTURE_COLUMNS, rows=16), legend_text(e.roofline)]
    return lines


def _evidence_lines(e: Explanation) -> list[str]:
    if e.evidence is None:
        return []
    lines = _paragraphs("Known by", evidence_lines(e.evidence))
    return lines + _paragraphs("Narrower", narrower_lines(e.evidence))


def explain_markdown(e: Explanation) -> str:
    """The explanation as Markdown."""
    table, row = e.table, e.row
    strategy = STRATEGY_TEXT[STRATEGY_NAMES.get(int(table.strategy[row]))]
    parts = [f"# {e.model.name} {e.quant}", question_line(table.question), f"**{strategy}**"]
    if table.fits[row]:
        speed, low, high = table.speeds_at(row)
        parts.append(
            f"{f.speed(speed)} tok/s (80 %: {f.speed_range(low, high)}), bound by {e.bottleneck} "
            f"({f.percent(e.bottleneck_share)} of the time)"
        )
    else:
        parts.append(f"{f.gib_unit(float(table.missing_bytes[row]))} short")
        parts.append(" ".join(remedy_lines(e)))
    held = [g for g in range(len(table.machine.devices)) if table.used_bytes[row, g] > 0]
    columns = [
        Column("device"),
        *(Column(t, right=True) for t in ("weights GiB", "KV GiB", "buffers GiB", "ms")),
    ]
    cells = [
        [
            table.machine.devices[g].name,
            *(
                f.gib(float(part[row, g]))
                for part in (table.weight_bytes, table.kv_bytes, table.compute_bytes)
            ),
            f.milliseconds(float(table.terms[row, g].sum())).removesuffix(" ms") if table.fits[row] else "–",
        ]
        for g in held
    ]
    parts += ["## Memory and time per token", markdown_table(columns, cells)]
    for title, lines in (
        ("What would help", _sensitivity_lines(e)),
        ("Roofline", roofline_lines(e.roofline) if e.roofline else []),
        ("How we know", [*evidence_lines(e.evidence), *narrower_lines(e.evidence)] if e.evidence else []),
    ):
        if lines:
            parts += [
                f"## {title}",
                "\n".join(f"- {line.removeprefix('What would help   ')}" for line in lines),
            ]
    if e.matrix is not None:
        parts += ["## Quantizations and placements", matrix_markdown(e)]
    for title, command in (("Run it", e.launch_command), ("Measure it", e.benchmark_command)):
        if command:
            parts += [f"## {title}", f"```sh\n{command}\n```"]
    return "\n\n".join(part for part in parts if part)
