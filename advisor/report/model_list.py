"""The catalog's list as text, Markdown, CSV and JSON.  Needs NumPy only where a rig was ranked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from advisor.model_list import ORDERS, SIZE_QUANT, Here, Listed, ModelList
from advisor.report import format as f
from advisor.report.model_summary import model_summary
from advisor.report.table import Column, csv_table, fitted_table, markdown_table

if TYPE_CHECKING:
    from advisor.pipeline import RankingResult

Document = dict[str, Any]
PRIOR_MARK = "~"
"""Behind a quality that rests on no published score."""
UNKNOWN = "–"
_FIT_GLYPHS = {"full": "●", "offload": "◐", "cpu": "◑", "none": "○"}
_DROPPED_FIRST = (
    "KV KiB",
    "Released",
    "Licence",
    "Extras",
    "Maker",
    "80 %",
    "Quant",
    "Kind",
    "Active",
    "Fit",
)


def kind(row: Listed) -> str:
    """``MoE`` or ``dense``."""
    return "MoE" if row.model.is_moe else "dense"


def extras(row: Listed) -> str:
    """What it takes and does besides text: images, sound, tools."""
    model = row.model
    return ", ".join([*(m for m in model.modality if m != "text"), *(["tools"] if model.tool_use else [])])


def kv_kib(row: Listed) -> str:
    """KiB of cache per token at f16."""
    size = row.entry.kv_bytes_per_token
    return UNKNOWN if size is None else f"{size / 1024:.0f}" if size >= 10 * 1024 else f"{size / 1024:.1f}"


def size_gib(row: Listed) -> str:
    """GiB in the listed file type; marked where that is the model's own format."""
    size = row.entry.size_bytes
    if size is None:
        return UNKNOWN
    return f.gib(size) + ("" if row.entry.size_quant == SIZE_QUANT else "*")


def quality(row: Listed) -> str:
    """Quality for the use, marked where it rests on no published score."""
    return f"{row.quality:.0f}{PRIOR_MARK if row.entry.quality_basis == 'prior' else ''}"


def speed(row: Listed) -> str:
    """Decode speed here."""
    h = row.here
    return UNKNOWN if h is None or h.tokens_per_s is None else f.speed(h.tokens_per_s)


def interval(row: Listed) -> str:
    """The 80 % interval of the speed."""
    h = row.here
    if h is None or h.low_tokens_per_s is None or h.high_tokens_per_s is None:
        return UNKNOWN
    return f.speed_range(h.low_tokens_per_s, h.high_tokens_per_s)


def fit(row: Listed) -> str:
    """Where it runs, or what is short, or that it is not estimated."""
    if row.here is None:
        return UNKNOWN
    short = f" +{f.gib_unit(row.here.missing_bytes)}" if row.here.fit == "none" else ""
    return f"{_FIT_GLYPHS[row.here.fit]} {short.strip() or row.here.fit}"


def row_text(row: Listed) -> str:
    """A row as one line of text, with tabs between its cells."""
    cells = [row.model.name, row.model.organization, f.params(row.model.total_params)]
    cells.append(f"quality {quality(row)}")
    if row.entry.size_bytes is not None:
        cells.append(f"{f.gib_unit(row.entry.size_bytes)} {row.entry.size_quant}")
    if row.model.not_estimated_because:
        cells.append(f"not estimated, because {row.model.not_estimated_because}")
    if row.here is not None:
        likely = f"{speed(row)} tok/s (likely {interval(row)})"
        cells += [row.here.quant, *([likely] if row.here.tokens_per_s is not None else []), fit(row)]
    return "\t".join(cells)


_CATALOG: tuple[tuple[Column, Callable[[Listed], str]], ...] = (
    (Column("Model"), lambda r: r.model.name),
    (Column("Maker"), lambda r: r.model.organization),
    (Column("Params", right=True), lambda r: f.params(r.model.total_params)),
    (Column("Active", right=True), lambda r: f.params(r.model.active_params)),
    (Column("Kind"), kind),
    (
        Column("Context", right=True),
        lambda r: f.tokens(r.model.context_length) if r.model.context_length else UNKNOWN,
    ),
    (Column("Licence"), lambda r: r.model.license or "unknown"),
    (Column("Released"), lambda r: r.model.release_date or "unknown"),
    (Column("Quality", right=True), lambda r: quality(r) + " " * (r.entry.quality_basis != "prior")),
    (Column("Extras"), extras),
    (Column("KV KiB", right=True), kv_kib),
    (Column("GiB", right=True), size_gib),
)
_ON_RIG: tuple[tuple[Column, Callable[[Listed], str]], ...] = (
    (Column("Quant"), lambda r: r.here.quant if r.here else UNKNOWN),
    (Column("tok/s", right=True), speed),
    (Column("80 %", right=True), interval),
    (Column("Fit"), fit),
)


def _table(found: ModelList, limit: int | None) -> tuple[list[Column], list[list[str]]]:
    columns = [*_CATALOG, *(_ON_RIG if found.with_rig else ())]
    return [c for c, _ in columns], [[cell(row) for _, cell in columns] for row in found.rows[:limit]]


def counts_text(found: ModelList) -> str:
    """How many there are, in which order."""
    order = ORDERS[found.sort]
    direction = "falling" if order.descending != found.reverse else "rising"
    matching = f"{len(found.rows)} of {found.total} models" if found.filter_text else f"{found.total} models"
    return f"{matching} · sorted by {order.label}, {direction} · quality for {found.use}"


def models_text(found: ModelList, limit: int | None, width: int) -> str:
    """The list for a terminal, with what its signs mean and why models have no estimate."""
    if not found.rows:
        return f"no model matches the filter {found.filter_text!r}"
    columns, cells = _table(found, limit)
    lines = [counts_text(found), "", fitted_table(columns, cells, width, _DROPPED_FIRST, name=0), ""]
    shown = found.rows[:limit]
    if len(shown) < len(found.rows):
        lines.append(f"{len(found.rows) - len(shown)} more: --limit {len(found.rows)} lists all")
    lines.append(f"{f.titled('GiB')}: tensors in {SIZE_QUANT}; KV KiB: cache per token at f16")
    if any(r.entry.size_bytes is not None and r.entry.size_quant != SIZE_QUANT for r in shown):
        lines.append("* in the model's own 4 bit format, the only one that is published of it")
    if any(r.entry.quality_basis == "prior" for r in shown):
        lines.append(
            f"{PRIOR_MARK} quality expected from size, generation and kind: no openly licensed score"
        )
    for row in shown:
        if not row.entry.estimated:
            lines += f.paragraph(
                f"{row.model.name}: not estimated, because {row.model.not_estimated_because}", 0
            )
    lines.append("rig-advisor model NAME prints all that is known of one, with its sources")
    return "\n".join(lines)


def models_markdown(found: ModelList, limit: int | None) -> str:
    """The list as a Markdown table."""
    return markdown_table(*_table(found, limit))


def models_document(
    found: ModelList, limit: int | None = None, result: RankingResult | None = None
) -> Document:
    """``models --json``; ``result`` is the ranking whose rig the list has, if it has one."""
    shown = found.rows[:limit]
    rig = question = None
    if result is not None:
        from advisor.report.documents import question_document, rig_summary

        table = result.ranking.table
        rig, question = rig_summary(result.rig, table.machine), question_document(table.question)
    return {
        "schema": "rig-advice/models/1",
        "rig": rig,
        "question": question,
        "use": found.use,
        "filter": found.filter_text or None,
        "sort": found.sort,
        "reverse": found.reverse,
        "total": found.total,
        "matching": len(found.rows),
        "listed": len(shown),
        "rows": [_row(row) for row in shown],
    }


def _row(row: Listed) -> Document:
    model, entry = row.model, row.entry
    return {
        "model": model_summary(model),
        "family": model.family,
        "moe": model.is_moe,
        "modality": list(model.modality),
        "tool_use": model.tool_use,
        "variant_of": model.variant_of,
        "variant_kind": model.variant_kind,
        "kv_bytes_per_token_f16": entry.kv_bytes_per_token,
        "size_quant": entry.size_quant,
        "size_bytes": entry.size_bytes,
        "quality": _number(row.quality),
        "quality_basis": entry.quality_basis,
        "not_estimated_because": model.not_estimated_because,
        "here": _here(row.here) if row.here else None,
    }


def _number(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _here(h: Here) -> Document:
    return {
        "quant": h.quant,
        "fit": h.fit,
        "score": _number(h.score),
        "decode_tokens_per_s": _number(h.tokens_per_s),
        "decode_low_tokens_per_s": _number(h.low_tokens_per_s),
        "decode_high_tokens_per_s": _number(h.high_tokens_per_s),
        "ttft_s": _number(h.ttft_s),
        "total_bytes": int(h.used_bytes),
        "missing_bytes": int(h.missing_bytes),
    }


def models_csv(found: ModelList, limit: int | None = None) -> str:
    """The list as CSV with the JSON's names and units; the rig's columns only where there is one."""
    facts = ("id", "name", "organization", "architecture", "total_params", "active_params")
    more = ("context_length_tokens", "license", "release_date", "stage")
    entry = ("family", "moe", "tool_use", "variant_of", "variant_kind", "kv_bytes_per_token_f16")
    rest = ("size_quant", "size_bytes", "quality", "quality_basis", "not_estimated_because")
    here = ("quant", "fit", "score", "decode_tokens_per_s", "decode_low_tokens_per_s")
    ends = ("decode_high_tokens_per_s", "ttft_s", "total_bytes", "missing_bytes")
    titles = [*facts, *more, *entry, "modality", *rest, *((*here, *ends) if found.with_rig else ())]
    rows = []
    for row in found.rows[:limit]:
        document = _row(row)
        known: Mapping[str, Any] = document["here"] or {}
        flat = {**document["model"], **document, "modality": " ".join(document["modality"]), **known}
        rows.append([flat.get(title) for title in titles])
    return csv_table(titles, rows)
