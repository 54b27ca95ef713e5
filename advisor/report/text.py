"""Results as text: the same facts as the JSON, for people and screen readers."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.core.estimate import EstimateTable, machine_at
from advisor.core.machine import Machine
from advisor.core.question import Question
from advisor.core.ranking import Ranking, fit_name
from advisor.core.runtimes import RUNTIME
from advisor.pipeline import RankingResult
from advisor.report import format as f
from advisor.report.documents import rank_document
from advisor.report.placement_text import (
    STRATEGY_NAMES,
    STRATEGY_TEXT,
)
from advisor.report.table import Column, csv_table, markdown_table, shorten, text_table
from catalog.quality import quality_basis
from probes.types import Rig

FIT_GLYPHS = {"full": "●", "offload": "◐", "cpu": "◑", "none": "○"}
_RANK_COLUMNS = (
    Column("#", right=True),
    Column("Model"),
    Column("Params", right=True),
    Column("Quant"),
    Column("GiB", right=True),
    Column("tok/s", right=True),
    Column("80 %", right=True),
    Column("TTFT", right=True),
    Column("Fit"),
    Column("Quality", right=True),
    Column("Score", right=True),
)
PRIOR_MARK = "~"
"""Behind a quality that rests on no published score."""
_DROPPED_FIRST = ("TTFT", "Quality", "Params")
_NARROWEST_NAME = 22


def question_line(q: Question) -> str:
    """The question in one line."""
    users = f" · {q.users} users" if q.users > 1 else ""
    runtime = "" if q.runtime == "llama.cpp" else f" · {RUNTIME[q.runtime].title}"
    least = f" · at least {q.min_tokens_per_s:g} tok/s" if q.min_tokens_per_s else ""
    return (
        f"{q.use} · context {f.tokens(q.context)} · decode quoted with {q.depth:,} tokens in the cache"
        f" · prompt {q.prompt:,} · KV {q.kv_type}{users}{runtime}{least}"
    )


def rig_lines(rig: Rig, machine: Machine) -> list[str]:
    """The rig in a few lines: GPUs, CPU, RAM."""
    lines = []
    for gpu in machine.gpus:
        size = f"{f.gib_unit(gpu.memory_bytes)} ({f.gib(gpu.usable_bytes)} usable)"
        lines.append(f"GPU  {gpu.name}  {size}  {f.gbs(gpu.bandwidth)}  {gpu.backend}")
    cores = rig.cpu.physical_cores.value
    lines.append(f"CPU  {rig.cpu.name.value or 'unknown'}" + (f"  {cores} cores" if cores else ""))
    memory = rig.memory
    kind = memory.type.value or ""
    if memory.mts.value:
        kind += f"-{memory.mts.value}"
    channels = f"{memory.channels.value} channel(s)" if memory.channels.value else "channels unknown"
    total = memory.total_bytes.value
    lines.append(
        "RAM  "
        + "  ".join(
            part
            for part in (
                f.gib_unit(total) if total else "size unknown",
                kind,
                channels,
                f"{f.gbs(machine.cpu.bandwidth)} {machine.ram_bandwidth_basis}",
            )
            if part
        )
    )
    return lines


def rank_text(result: RankingResult, limit: int, columns: int) -> str:
    """The ranking as text, cut to ``limit`` rows and to the terminal's width."""
    ranking = result.ranking
    table = ranking.table
    rows = ranking.rows.tolist()
    lines = rig_lines(result.rig, table.machine)
    lines.append(question_line(table.question))
    lines += [f"assumed: {a}" for a in table.machine.assumptions]
    fitting = [row for row in rows if table.fits[row]]
    shown = fitting[:limit]
    body = [rank_cells(ranking, place, row) for place, row in zip(ranking.places, shown, strict=False)]
    if body:
        lines += ["", _fitted_table(body, columns)]
    else:
        lines += ["", _empty_text(result)]
    missing = [row for row in rows if not table.fits[row]]
    lines.append("")
    lines.append(
        f"{ranking.considered} models considered · {len(rows)} listed, one a family · {len(fitting)} fit · "
        f"{len(missing)} do not"
    )
    if any(PRIOR_MARK in cells[-2] for cells in body):
        lines.append(
            f"{PRIOR_MARK} quality expected from size, generation and kind: no openly licensed score"
        )
    if missing:
        nearest = ", ".join(
            f"{table.candidates.model(row).name} (+{f.gib_unit(table.missing_bytes[row])})"
            for row in missing[:3]
        )
        lines.append(f"nearest misses: {nearest}")
    return "\n".join(lines)


def _empty_text(result: RankingResult) -> str:
    if not len(result.ranking) and result.filter_text.strip():
        return f"no model matches the filter {result.filter_text!r}"
    least = result.ranking.table.question.min_tokens_per_s
    if least and result.ranking.table.fits.any():
        return f"what fits is slower than {least:g} tok/s: lower --min-speed, or see what 'upgrade' finds"
    return "nothing fits: try a smaller context, --kv-type q8_0, or fewer --users"


def _fitted_table(body: Sequence[Sequence[str]], width: int) -> str:
    """The ranking no wider than ``width``: names are cut first, then columns are left out."""
    kept = list(range(len(_RANK_COLUMNS)))
    for dropped in (None, *_DROPPED_FIRST):
        if dropped is not None:
            kept = [i for i in kept if _RANK_COLUMNS[i].title != dropped]
        titles = [_RANK_COLUMNS[i] for i in kept]
        rows = [[cells[i] for i in kept] for cells in body]
        over = len(text_table(titles, rows).split("\n")[0]) - width
        longest = max(len(cells[1]) for cells in body)
        if longest - over >= _NARROWEST_NAME:
            break
    cut = max(longest - max(over, 0), _NARROWEST_NAME)
    return text_table(titles, [[row[0], shorten(row[1], cut), *row[2:]] for row in rows])


def rank_cells(ranking: Ranking, place: int, row: int) -> tuple[str, ...]:
    """The text cells of one ranking row."""
    table, scores = ranking.table, ranking.scores
    model = table.candidates.model(row)
    fit = fit_name(table, row)
    memory = f.gib(table.used_bytes[row].sum())
    quality = f"{100 * scores.quality[row]:.0f}{PRIOR_MARK if quality_basis(model) == 'prior' else ' '}"
    size = f.params(model.total_params) + (f" A{f.params(model.active_params)}" if model.is_moe else "")
    if not table.fits[row]:
        short = f"{FIT_GLYPHS[fit]} +{f.gib_unit(table.missing_bytes[row])}"
        blank = "–"
        quant = table.candidates.quant(row)
        return (str(place), model.name, size, quant, memory, blank, blank, blank, short, quality, blank)
    return (
        str(place),
        model.name,
        size,
        table.candidates.quant(row),
        memory,
        f.speed(table.tokens_per_s[row]),
        f.speed_range(table.low_tokens_per_s[row], table.high_tokens_per_s[row]),
        f.seconds(table.ttft_s[row]),
        f"{FIT_GLYPHS[fit]} {fit}" + _cut_context(table, row),
        quality,
        f"{scores.score[row]:.1f}",
    )


def _cut_context(table: EstimateTable, row: int) -> str:
    """The context of a row that has a shorter one than asked for."""
    context = int(table.context[row])
    return f" {f.tokens(context)}" if context < table.question.context else ""


def rank_markdown(result: RankingResult, limit: int) -> str:
    """The ranking as a Markdown table."""
    ranking = result.ranking
    listed = zip(ranking.places, ranking.rows.tolist()[:limit], strict=False)
    rows = [rank_cells(ranking, place, row) for place, row in listed]
    return markdown_table(_RANK_COLUMNS, rows)


def rank_csv(result: RankingResult, limit: int | None) -> str:
    """The ranking as CSV with the JSON's names and units."""
    titles = [
        "rank", "model", "quant", "fit", "score", "decode_tokens_per_s", "decode_low_tokens_per_s",
        "decode_high_tokens_per_s", "prefill_tokens_per_s", "ttft_s", "total_bytes", "missing_bytes",
        "bottleneck", "context_tokens",
    ]  # fmt: skip
    rows = []
    for row in rank_document(result, limit)["rows"]:
        flat = {**row, **row["memory"], "model": row["model"]["id"]}
        rows.append([flat[title] for title in titles])
    return csv_table(titles, rows)


def memory_lines(table: EstimateTable, row: int) -> list[str]:
    """Where a row lies, with the bytes on every device."""
    strategy = STRATEGY_NAMES.get(int(table.strategy[row]))
    lines = [f"Memory   {STRATEGY_TEXT[strategy]}"]
    if table.context[row] < table.question.context:
        lines[0] += f", with the context cut to {int(table.context[row]):,} tokens"
    if table.one_node[row]:
        lines[0] += ", bound to one NUMA node"
    if strategy is None:
        lines[0] += f": {f.gib_unit(table.missing_bytes[row])} short"
    columns = (
        Column("device"),
        Column("layers", right=True),
        Column("experts of", right=True),
        Column("weights", right=True),
        Column("KV", right=True),
        Column("buffers", right=True),
        Column("total", right=True),
        Column("usable", right=True),
    )
    cells = []
    machine = machine_at(table, row)
    shared = machine.shares_ram
    for g, device in enumerate(machine.devices):
        used = float(table.used_bytes[row, g])
        if used <= 0:
            continue
        usable = machine.ram_usable_bytes if device.kind == "cpu" else device.usable_bytes
        experts = float(table.expert_layers[row, g])
        cells.append(
            (
                f"  {device.name}" + (" (RAM)" if device.kind == "cpu" else ""),
                _layers_text(table, row, g),
                f"{experts:.0f}" if experts else "–",
                f.gib(table.weight_bytes[row, g]),
                f.gib(table.kv_bytes[row, g]),
                f.gib(table.compute_bytes[row, g]),
                f.gib(used),
                f"{f.gib(usable)} GiB" + (" shared" if shared and device.kind != "gpu" else ""),
            )
        )
    return lines + text_table(columns, cells).split("\n")


def _layers_text(table: EstimateTable, row: int, device: int) -> str:
    head, layers = float(table.head[row, device]), float(table.dense_layers[row, device])
    if table.parallel[row] > 1 and layers:
        return f"1/{table.parallel[row]:.0f} of {table.candidates.layers[row]:.0f} + head"
    return f"{layers:.0f}" + (" + head" if head else "")
