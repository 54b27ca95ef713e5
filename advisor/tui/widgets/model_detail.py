"""What the catalog knows of one model, with the source of every figure: as lines, and the widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.model_list import Here, Listed
from advisor.report import model_list as report
from advisor.report.format import gib, gib_unit, params, speed, speed_range, titled, tokens
from advisor.report.layer_words import layers_text
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, Painted, clip, fit_line, flow, spread, wrap
from advisor.tui.widgets.models import fit_cell, plain

if TYPE_CHECKING:
    from catalog.quality import Quality

_MOST_VARIANTS = 8


def here_line(row: Listed, glyphs: Glyphs) -> Line:
    """How it runs on the rig, in one line."""
    h = row.here
    if h is None:
        return [("no rig yet", MUTED)] if row.entry.estimated else [("no estimate", MUTED)]
    return [("here ", MUTED), (f"{h.quant} ", "$primary"), *_speed_parts(row, h, glyphs)]


def _speed_parts(row: Listed, h: Here, glyphs: Glyphs) -> Line:
    fit: Line = [(f" {fit_cell(row, glyphs)}", "")]
    if h.tokens_per_s is None or h.low_tokens_per_s is None or h.high_tokens_per_s is None:
        return [*fit, (" short", "")]
    likely = f" likely {speed_range(h.low_tokens_per_s, h.high_tokens_per_s)}"
    return [(f"{speed(h.tokens_per_s)} tok/s", STRONG), (likely, MUTED), *fit]


def lineage_text(row: Listed) -> str:
    """What it is a variant of."""
    model = row.model
    return f"{model.variant_kind} of {model.variant_of}" if model.variant_of else ""


def detail_lines(
    row: Listed, document: dict[str, Any] | None, found: Quality | None, width: int, glyphs: Glyphs
) -> list[Line]:
    """All of it; ``document`` and ``found`` may still be missing."""
    m, entry = row.model, row.entry

    def text(words: str, style: str = "", first: str = "  ") -> list[Line]:
        return wrap(plain(words, glyphs), width, style, "    ", first)

    name = clip(plain(m.name, glyphs), width, glyphs.ellipsis)
    lines: list[Line] = [[(name, STRONG)], *wrap(m.id, width, MUTED)]
    if m.not_estimated_because:
        because = f"{glyphs.warning} not estimated, because {m.not_estimated_because}"
        lines += wrap(plain(because, glyphs), width, "$warning")
    lines.append(fit_line(here_line(row, glyphs), width, glyphs.ellipsis))
    lines += [[], [("Model", TITLE)]]
    lines += text(
        f"by {m.organization}, {m.release_date or 'date unknown'}, {m.license or 'licence unknown'}"
    )
    tools = {True: "tools", False: "no tools stated", None: "tools unknown"}[m.tool_use]
    lines += text(f"{m.stage}, {' and '.join(m.modality)}, {tools}")
    lines += text(
        f"{params(m.total_params)} parameters ({m.total_params:,}), {params(m.active_params)} active"
    )
    if m.check:
        lines += text(f"count: {m.check}", MUTED)
    lines += text(layers_text(m))
    if m.is_moe:
        lines += text(f"{m.n_experts_active} of {m.n_experts} experts per token")
    if m.sliding_window:
        lines += text(f"window {m.sliding_window:,} tokens")
    context = f"{tokens(m.context_length)} ({m.context_length:,} tokens)" if m.context_length else "unknown"
    lines += text(f"context {context}")
    if entry.kv_bytes_per_token is not None:
        lines += text(f"KV cache {report.kv_kib(row)} KiB per token at f16")
    if document and document["state_bytes_per_sequence"]:
        lines += text(f"state {gib_unit(document['state_bytes_per_sequence'])} per sequence")
    lines += [[], [("Quality", TITLE), (f"  {row.quality:.0f} of 100", STRONG)]]
    if found is not None:
        lines += text(f"{found.basis}: {found.detail}", MUTED)
    lines += _files(document, row, width)
    lines += _lineage(document, row, width, glyphs)
    if document is None:
        lines += [[], [(f"reading sources {glyphs.waiting}", MUTED)]]
        return lines
    lines += [[], [("Sources", TITLE)]]
    for source in document["sources"]:
        lines += text(f"{source['figures']}: {source['source']}", MUTED)
    if found is not None:
        lines += text(f"quality: {found.source}", MUTED)
    return lines


def _files(document: dict[str, Any] | None, row: Listed, width: int) -> list[Line]:
    title: Line = [("Files", TITLE), (titled("  GiB of tensors"), MUTED)]
    if document is None:
        size = row.entry.size_bytes
        return [[], title, [(f"  {row.entry.size_quant} {gib(size)}", "")]] if size is not None else []
    items: list[Line] = [
        [(f"{x['quant']} ", MUTED), (gib(x["tensor_bytes"]), "")] for x in document["quants"]
    ]
    return [[], title, *flow(items, width, gap="  ", indent="  ")] if items else []


def _lineage(document: dict[str, Any] | None, row: Listed, width: int, glyphs: Glyphs) -> list[Line]:
    found = [lineage_text(row)] if row.model.variant_of else []
    variants = document["variants"] if document else []
    if variants:
        names = [f"{x['id'].split('/')[-1]} ({x['kind']})" for x in variants[:_MOST_VARIANTS]]
        more = f" and {len(variants) - len(names)} more" if len(variants) > len(names) else ""
        found.append(f"variants: {', '.join(names)}{more}")
    lines: list[Line] = []
    for words in found:
        lines += wrap(plain(words, glyphs), width, "", "    ", "  ")
    return [[], [("Lineage", TITLE)], *lines] if lines else []


def strip_lines(row: Listed, width: int, glyphs: Glyphs) -> list[Line]:
    """Three lines for narrow terminals: how it runs, what it is, its lineage or why it has no estimate."""
    m = row.model
    first = spread(
        [(clip(plain(m.name, glyphs), max(width - 48, 18), glyphs.ellipsis), STRONG)],
        here_line(row, glyphs),
        width,
    )
    kv = f"KV {report.kv_kib(row)} KiB/token" if row.entry.kv_bytes_per_token is not None else "KV unknown"
    sep = f" {glyphs.dot} "
    facts = sep.join((m.organization, m.license or "licence unknown", m.release_date or "date unknown", kv))
    last = f"not estimated, because {m.not_estimated_because}" if m.not_estimated_because else ""
    third = last or sep.join(x for x in (layers_text(m), lineage_text(row)) if x)
    return [
        first,
        [(clip(plain(facts, glyphs), width, glyphs.ellipsis), MUTED)],
        [(clip(plain(third, glyphs), width, glyphs.ellipsis), "$warning" if last else MUTED)],
    ]


class ModelPane(Painted):
    """The detail beside the list."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.row: Listed | None = None
        self.facts: tuple[dict[str, Any], Quality] | None = None

    def show(self, row: Listed | None, facts: tuple[dict[str, Any], Quality] | None) -> None:
        """Draw another model; ``facts`` may still be missing."""
        self.row, self.facts = row, facts
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """All that is known."""
        if self.row is None:
            return [[("select a model to see what is known of it", MUTED)]]
        document, quality = self.facts or (None, None)
        return detail_lines(self.row, document, quality, width, self.glyphs)


class ModelStrip(Painted):
    """The detail below the list, where there is no room beside it."""

    row: Listed | None = None

    def show(self, row: Listed | None) -> None:
        """Draw another model."""
        self.row = row
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """Three lines, always: the list above keeps its height."""
        lines = strip_lines(self.row, width, self.glyphs) if self.row else []
        return [*lines, [], [], []][:3]
