"""The comparison of models as rows of text, and as text, Markdown, CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.report import format as f
from advisor.report.documents import (
    memory_fields,
    number,
    question_document,
    rig_summary,
    score_fields,
    speed_fields,
)
from advisor.report.model_summary import model_summary
from advisor.report.table import Column, csv_table, markdown_table, text_table
from advisor.report.text import question_line, rig_lines
from advisor.side_by_side import Side, SideBySide

Document = dict[str, Any]
BEST = "best"
UNKNOWN = "–"
FIT_GLYPHS = {"full": "●", "offload": "◐", "cpu": "◑", "none": "○"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One row: a text for every model, and the indices of the best where better means something."""

    key: str
    label: str
    texts: tuple[str, ...]
    best: frozenset[int] = frozenset()


def best_of(values: Sequence[float | None], higher: bool) -> frozenset[int]:
    """Which values are the best, if they differ: the largest or the smallest known ones."""
    known = [v for v in values if v is not None]
    if not known or (len(known) == len(values) and max(known) == min(known)):
        return frozenset()
    if len(values) < 2:
        return frozenset()
    top = max(known) if higher else min(known)
    return frozenset(i for i, v in enumerate(values) if v == top)


def _fact(
    key: str,
    label: str,
    sides: Sequence[Side],
    text: Callable[[Side], str],
    value: Callable[[Side], float | None] | None = None,
    higher: bool = True,
) -> Fact:
    best = best_of([value(s) for s in sides], higher) if value else frozenset()
    return Fact(key, label, tuple(text(s) for s in sides), best)


def _if_fits(side: Side, text: str) -> str:
    return text if side.detail.fits else UNKNOWN


def _known(side: Side, value: float) -> float | None:
    return value if side.detail.fits else None


def _fit(side: Side) -> str:
    d = side.detail
    return f"{FIT_GLYPHS[d.fit]} {d.fit if d.fits else f'+{f.gib_unit(d.missing_bytes)} short'}"


def _used(side: Side) -> float:
    return sum(d.used_bytes for d in side.detail.devices)


def speed_facts(sides: Sequence[Side]) -> tuple[Fact, ...]:
    """Fit, speeds, times and what bounds them."""
    return (
        _fact("fit", "fit", sides, _fit),
        _fact(
            "speed",
            "tok/s",
            sides,
            lambda s: _if_fits(s, f.speed(s.detail.tokens_per_s)),
            lambda s: _known(s, s.detail.tokens_per_s),
        ),
        _fact(
            "interval",
            "  likely (80 %)",
            sides,
            lambda s: _if_fits(s, f.speed_range(s.detail.low_tokens_per_s, s.detail.high_tokens_per_s)),
        ),
        _fact(
            "ttft",
            "first token",
            sides,
            lambda s: _if_fits(s, f.seconds(s.detail.ttft_s)),
            lambda s: _known(s, s.detail.ttft_s),
            higher=False,
        ),
        _fact(
            "ttft_interval",
            "  likely (80 %)",
            sides,
            lambda s: _if_fits(s, f"{f.seconds(s.detail.low_ttft_s)} to {f.seconds(s.detail.high_ttft_s)}"),
        ),
        _fact("bottleneck", "bound by", sides, lambda s: _if_fits(s, s.detail.bottleneck)),
        *_depth_facts(sides),
    )


def _depth_facts(sides: Sequence[Side]) -> list[Fact]:
    depths = sorted({depth for side in sides for depth, _ in side.by_depth})
    facts = []
    for depth in depths:
        speeds = [dict(side.by_depth).get(depth) for side in sides]
        texts = tuple(UNKNOWN if v is None else f.speed(v) for v in speeds)
        label = "tok/s at 0 tok" if depth == 0 else f"  at {f.tokens(depth)} tok"
        facts.append(Fact(f"depth_{depth}", label, texts, best_of(speeds, True)))
    return facts


def model_facts(sides: Sequence[Side]) -> tuple[Fact, ...]:
    """What the models are, and what they are worth."""
    return (
        _fact(
            "score",
            "score",
            sides,
            lambda s: UNKNOWN if s.score is None else f"{s.score:.0f}",
            lambda s: s.score,
        ),
        _fact("quality", "quality", sides, lambda s: f"{s.quality_here:.0f}", lambda s: s.quality_here),
        _fact("full_quality", "  unquantized", sides, lambda s: f"{s.quality.score:.0f}"),
        _fact("basis", "  rests on", sides, lambda s: s.quality.basis),
        _fact("params", "parameters", sides, lambda s: f.params(s.model.total_params)),
        _fact(
            "active",
            "  active",
            sides,
            lambda s: f"{f.params(s.model.active_params)} {'MoE' if s.model.is_moe else 'dense'}",
        ),
        _fact(
            "context",
            "context",
            sides,
            lambda s: f"{s.model.context_length:,}" if s.model.context_length else "unknown",
            lambda s: s.model.context_length,
        ),
        _fact("license", "licence", sides, lambda s: s.model.license or "unknown"),
        _fact("release", "released", sides, lambda s: s.model.release_date or "unknown"),
    )


def memory_facts(sides: Sequence[Side]) -> tuple[Fact, ...]:
    """What they take."""
    return (
        _fact("memory", "memory in all", sides, lambda s: f.gib_unit(_used(s)), _used, higher=False),
        _fact(
            "weights",
            "  weights",
            sides,
            lambda s: f.gib_unit(sum(d.weight_bytes for d in s.detail.devices)),
        ),
        _fact(
            "kv", "  KV cache", sides, lambda s: f.gib_unit(s.kv_bytes), lambda s: s.kv_bytes, higher=False
        ),
    )


def device_names(sides: Sequence[Side]) -> list[str]:
    """Devices that hold a part of any model, in the order of the machine."""
    return list(dict.fromkeys(d.name for side in sides for d in side.detail.devices))


def device_facts(sides: Sequence[Side]) -> list[Fact]:
    """What each device holds of each model."""
    facts = []
    for n, name in enumerate(device_names(sides)):
        texts = []
        for side in sides:
            use = next((d for d in side.detail.devices if d.name == name), None)
            texts.append(f"{f.gib(use.used_bytes)} of {f.gib_unit(use.usable_bytes)}" if use else UNKNOWN)
        facts.append(Fact(f"device_{n}", f"  {name}", tuple(texts)))
    return facts


TERM_WORDS = {
    "weights": "weights",
    "kv": "KV cache",
    "ram": "from RAM",
    "compute": "compute",
    "link": "link",
    "launch": "overhead",
}


def time_facts(sides: Sequence[Side]) -> list[Fact]:
    """Time per token and its terms."""
    total = _fact(
        "step",
        "per token",
        sides,
        lambda s: _if_fits(s, f.milliseconds(s.detail.step_s)),
        lambda s: _known(s, s.detail.step_s),
        higher=False,
    )
    kinds = [
        k for k in TERM_WORDS if any(t.kind == k for s in sides if s.detail.fits for t in s.detail.terms)
    ]

    def text(side: Side, kind: str) -> str:
        found = next((t.seconds for t in side.detail.terms if t.kind == kind), None)
        return UNKNOWN if found is None or not side.detail.fits else f.milliseconds(found)

    terms = [Fact(kind, f"  {TERM_WORDS[kind]}", tuple(text(s, kind) for s in sides)) for kind in kinds]
    return [total, *terms]


def all_facts(sides: Sequence[Side]) -> list[Fact]:
    """Every row, as the text has them."""
    return [
        _fact("quant", "quantization", sides, lambda s: s.quant),
        *speed_facts(sides),
        *time_facts(sides),
        *memory_facts(sides),
        *device_facts(sides),
        *model_facts(sides),
    ]


def side_text(side: Side) -> str:
    """One model as a line of text, with tabs between its cells."""
    d = side.detail
    cells = [side.model.name, side.quant, f.gib_unit(_used(side)), _fit(side)]
    if d.fits:
        interval = f.speed_range(d.low_tokens_per_s, d.high_tokens_per_s)
        cells.append(f"{f.speed(d.tokens_per_s)} tok/s (likely {interval})")
    return "\t".join([*cells, f"quality {side.quality_here:.0f} ({side.quality.basis})"])


def _table(found: SideBySide) -> tuple[list[Column], list[list[str]]]:
    columns = [Column(""), *(Column(side.model.name) for side in found.sides)]
    rows = [
        [fact.label, *(f"{t} ({BEST})" if i in fact.best else t for i, t in enumerate(fact.texts))]
        for fact in all_facts(found.sides)
    ]
    return columns, rows


def _tables(found: SideBySide, width: int) -> list[str]:
    """The table, in as few parts as keep to the width: several models beside each other in each."""
    columns, rows = _table(found)
    models = range(1, len(columns))
    parts: list[str] = []
    for size in range(len(models), 0, -1):
        groups = [models[i : i + size] for i in range(0, len(models), size)]
        parts = [
            text_table(
                [columns[0], *(columns[i] for i in group)], [[r[0], *(r[i] for i in group)] for r in rows]
            )
            for group in groups
        ]
        if max(len(line) for part in parts for line in part.split("\n")) <= width:
            break
    return parts


def compare_text(found: SideBySide, width: int) -> str:
    """The comparison for people and screen readers."""
    table = found.result.ranking.table
    lines = [*rig_lines(found.result.rig, table.machine), question_line(table.question)]
    lines += [f"assumed: {a}" for a in table.machine.assumptions]
    for part in _tables(found, width):
        lines += ["", part]
    lines.append("")
    for side in found.sides:
        q = side.quality
        lines += f.paragraph(f"quality of {side.model.name}: {q.basis}: {q.detail} ({q.source})", 0)
    lines.append(f"likely: 80 % of measurements of similar cases lie in this range; {BEST}: of this row")
    return "\n".join(lines)


def compare_markdown(found: SideBySide) -> str:
    """The comparison as a Markdown table."""
    columns, rows = _table(found)
    return markdown_table(columns, [[row[0].strip(), *row[1:]] for row in rows])


def compare_csv(found: SideBySide) -> str:
    """A row for every model, with the JSON's names and units."""
    titles = [
        "model", "quant", "fit", "score", "quality", "decode_tokens_per_s", "decode_low_tokens_per_s",
        "decode_high_tokens_per_s", "ttft_s", "ttft_low_s", "ttft_high_s", "step_s", "total_bytes",
        "weights_bytes", "kv_bytes", "missing_bytes", "bottleneck", "context_tokens",
    ]  # fmt: skip
    rows = []
    for side in compare_document(found)["models"]:
        flat = {**side, **side["memory"], "model": side["model"]["id"], "quality": side["quality"]["here"]}
        rows.append([flat[title] for title in titles])
    return csv_table(titles, rows)


def compare_document(found: SideBySide) -> Document:
    """``compare --json``."""
    table = found.result.ranking.table
    facts = all_facts(found.sides)
    return {
        "schema": "rig-advice/compare/1",
        "rig": rig_summary(found.result.rig, table.machine),
        "question": question_document(table.question),
        "models": [
            _side(side, [fact.key for fact in facts if i in fact.best]) for i, side in enumerate(found.sides)
        ],
    }


def _side(side: Side, best: list[str]) -> Document:
    table, row, d = side.table, side.row, side.detail
    return {
        "model": model_summary(side.model),
        "quant": side.quant,
        "quants": list(side.quants),
        "fit": d.fit,
        **score_fields(side.scores, row, d.fits),
        **speed_fields(table, row),
        "step_s": number(d.step_s) if d.fits else None,
        "terms": [{"kind": t.kind, "seconds": number(t.seconds)} for t in d.terms] if d.fits else [],
        "memory": memory_fields(table, row),
        "devices": [
            {
                "device": use.name,
                "kind": use.kind,
                "usable_bytes": int(use.usable_bytes),
                "weights_bytes": int(use.weight_bytes),
                "kv_bytes": int(use.kv_bytes),
                "compute_bytes": int(use.compute_bytes),
            }
            for use in d.devices
        ],
        "bottleneck": d.bottleneck if d.fits else None,
        "bottleneck_share": number(d.bottleneck_share) if d.fits else None,
        "decode_by_depth": [{"depth_tokens": n, "decode_tokens_per_s": number(v)} for n, v in side.by_depth],
        "quality": {
            "here": number(side.quality_here),
            "unquantized": number(side.quality.score),
            "basis": side.quality.basis,
            "detail": side.quality.detail,
            "source": side.quality.source,
        },
        "context_tokens": int(table.context[row]),
        "best": best,
    }
