"""What the screens show of a result, as plain values.

Reads the arrays of ``advisor.core`` and hands on numbers and names; it computes nothing of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.core.estimate import EstimateTable
    from advisor.core.machine import Machine
    from advisor.core.ranking import Ranking
    from advisor.pipeline import RankingResult
    from advisor.tui.glyphs import Glyphs
    from advisor.tui.widgets.columns import Widths


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the ranking.  Speeds and score are ``None`` where it does not fit."""

    place: int
    """In the whole ranking; a variant has the place of the model it is folded into."""
    index: int
    """Row of the estimate table."""
    model_id: str
    name: str
    quant: str
    moe: bool
    fit: str
    score: float | None
    tokens_per_s: float | None
    low_tokens_per_s: float | None
    high_tokens_per_s: float | None
    ttft_s: float | None
    used_bytes: float
    missing_bytes: float
    total_params: int
    context_tokens: int | None
    context_exceeds_model: bool
    variants: tuple[str, ...]
    """Names of the models folded into this one, best first."""

    @property
    def fits(self) -> bool:
        return self.fit != "none"


class View:
    """A ranking of all models, and its rows in order of merit for any filter."""

    def __init__(self, result: RankingResult) -> None:
        self.result = result
        ranking = result.ranking
        self._places: dict[int, int] = {}
        for place, (row, variants) in enumerate(zip(ranking.rows.tolist(), ranking.variants, strict=True), 1):
            self._places.update(dict.fromkeys((row, *variants), place))
        self._filtered: tuple[str, Ranking] = ("", ranking)
        self.rows = self._rows_of(ranking)
        self._filtered_rows = self.rows
        self._widths: tuple[Glyphs, Widths] | None = None

    def widths(self, glyphs: Glyphs) -> Widths:
        """What the columns of the list need; the last answer is kept."""
        from advisor.tui.widgets.columns import widths_of

        if self._widths is None or self._widths[0] != glyphs:
            self._widths = (glyphs, widths_of(self.rows, glyphs))
        return self._widths[1]

    @property
    def table(self) -> EstimateTable:
        return self.result.ranking.table

    @property
    def machine(self) -> Machine:
        return self.table.machine

    def ranking(self, filter_text: str) -> Ranking:
        """The ranking of what a filter accepts.

        Raises:
            FilterError: the filter cannot be understood.
        """
        self.filtered(filter_text)
        return self._filtered[1]

    def filtered(self, filter_text: str) -> tuple[Row, ...]:
        """The rows that a filter accepts; the last answer is kept.

        Raises:
            FilterError: the filter cannot be understood.
        """
        if self._filtered[0] != filter_text:
            from advisor.core.filter import parse_filter
            from advisor.core.ranking import rank

            whole = self.result.ranking
            accept = parse_filter(filter_text) if filter_text else None
            ranking = whole if accept is None else rank(whole.table, whole.scores, accept)
            rows = self.rows if accept is None else self._rows_of(ranking)
            self._filtered, self._filtered_rows = (filter_text, ranking), rows
        return self._filtered_rows

    def row(self, model_id: str) -> Row | None:
        """The row of a model, in the filtered list or the whole one."""
        for row in (*self._filtered_rows, *self.rows):
            if row.model_id == model_id:
                return row
        return None

    def _rows_of(self, ranking: Ranking) -> tuple[Row, ...]:
        from advisor.core.ranking import fit_name

        table, scores = ranking.table, ranking.scores
        candidates = table.candidates
        listed = ranking.rows
        columns = (
            table.tokens_per_s[listed],
            table.low_tokens_per_s[listed],
            table.high_tokens_per_s[listed],
            table.ttft_s[listed],
            scores.score[listed],
            table.used_bytes[listed].sum(axis=1),
            table.missing_bytes[listed],
        )
        values = zip(*(column.tolist() for column in columns), strict=True)
        rows = []
        for i, variants, own in zip(listed.tolist(), ranking.variants, values, strict=True):
            tokens, low, high, ttft, score, used, missing = own
            model = candidates.model(i)
            fit = fit_name(table, i)
            fits = fit != "none"
            limit = model.context_length
            rows.append(
                Row(
                    place=self._places.get(i, 0),
                    index=i,
                    model_id=model.id,
                    name=model.name,
                    quant=candidates.quant(i),
                    moe=model.is_moe,
                    fit=fit,
                    score=score if fits else None,
                    tokens_per_s=tokens if fits else None,
                    low_tokens_per_s=low if fits else None,
                    high_tokens_per_s=high if fits else None,
                    ttft_s=ttft if fits else None,
                    used_bytes=used,
                    missing_bytes=missing,
                    total_params=model.total_params,
                    context_tokens=limit,
                    context_exceeds_model=limit is not None and table.question.context > limit,
                    variants=tuple(candidates.model(v).name for v in variants),
                )
            )
        return tuple(rows)


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """What one device, or one pool of unified memory, holds of a model."""

    name: str
    kind: str
    usable_bytes: float
    weight_bytes: float
    kv_bytes: float
    compute_bytes: float
    layers: int
    all_layers: int

    @property
    def used_bytes(self) -> float:
        return self.weight_bytes + self.kv_bytes + self.compute_bytes


_MINOR_SHARE = 0.03
"""A device that holds less than this share of a model is mentioned, not drawn: mostly the input
embedding, which stays in RAM beside a model that is on the GPU."""


@dataclass(frozen=True, slots=True)
class TermUse:
    """One segment of the step time."""

    kind: str
    label: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Detail:
    """Memory and time of one row of an estimate."""

    model_id: str
    name: str
    quant: str
    fit: str
    devices: tuple[DeviceUse, ...]
    terms: tuple[TermUse, ...]
    step_s: float
    tokens_per_s: float
    low_tokens_per_s: float
    high_tokens_per_s: float
    ttft_s: float
    low_ttft_s: float
    high_ttft_s: float
    prompt_tokens: int
    depth_tokens: int
    users: int
    bottleneck: str
    bottleneck_share: float
    missing_bytes: float
    variants: tuple[str, ...]
    """Names of the models that share its row."""
    roof: str
    """The device that the step mostly waits for: bandwidth, share reached, and how well that is known."""

    @property
    def fits(self) -> bool:
        return self.fit != "none"

    @property
    def main_devices(self) -> tuple[DeviceUse, ...]:
        """Devices that hold a part of the model worth a bar."""
        total = math.fsum(d.used_bytes for d in self.devices)
        found = tuple(d for d in self.devices if d.used_bytes >= _MINOR_SHARE * total)
        return found or self.devices

    @property
    def minor_devices(self) -> tuple[DeviceUse, ...]:
        """The other devices that hold something."""
        return tuple(d for d in self.devices if d not in self.main_devices)


def detail_of(table: EstimateTable, row: int, variants: tuple[str, ...] = ()) -> Detail:
    """Memory per device and time per term of one row."""
    from advisor.core.estimate import bottleneck
    from advisor.core.ranking import fit_name

    question = table.question
    model = table.candidates.model(row)
    label, share = bottleneck(table, row)
    speed, slowest, fastest = table.speeds_at(row)
    ttft, soonest, latest = table.ttft_at(row)
    return Detail(
        model_id=model.id,
        name=model.name,
        quant=table.candidates.quant(row),
        fit=fit_name(table, row),
        devices=_devices(table, row),
        terms=_terms(table, row),
        step_s=float(table.decode_s[row]),
        tokens_per_s=speed,
        low_tokens_per_s=slowest,
        high_tokens_per_s=fastest,
        ttft_s=ttft,
        low_ttft_s=soonest,
        high_ttft_s=latest,
        prompt_tokens=question.prompt,
        depth_tokens=question.depth,
        users=question.users,
        bottleneck=label,
        bottleneck_share=share,
        missing_bytes=float(table.missing_bytes[row]),
        variants=variants,
        roof=_roof(table, row),
    )


def _devices(table: EstimateTable, row: int) -> tuple[DeviceUse, ...]:
    machine = table.machine
    layers = round(float(table.candidates.layers[row]))
    found = [
        DeviceUse(
            name=device.name,
            kind=device.kind,
            usable_bytes=device.usable_bytes,
            weight_bytes=float(table.weight_bytes[row, g]),
            kv_bytes=float(table.kv_bytes[row, g]),
            compute_bytes=float(table.compute_bytes[row, g]),
            layers=round(float(table.dense_layers[row, g])),
            all_layers=layers,
        )
        for g, device in enumerate(machine.devices)
    ]
    if machine.shares_ram:
        # One pool: what the CPU side holds lies in the same memory as what the GPU holds.
        pool = max(machine.ram_usable_bytes, *(d.usable_bytes for d in found))
        return (
            DeviceUse(
                name=f"{found[0].name} (unified memory)",
                kind="unified",
                usable_bytes=pool,
                weight_bytes=math.fsum(d.weight_bytes for d in found),
                kv_bytes=math.fsum(d.kv_bytes for d in found),
                compute_bytes=math.fsum(d.compute_bytes for d in found),
                layers=layers,
                all_layers=layers,
            ),
        )
    return tuple(d for d in found if d.used_bytes > 0)


def _terms(table: EstimateTable, row: int) -> tuple[TermUse, ...]:
    from advisor.core.timing import Term

    values = table.terms[row]
    last = values.shape[0] - 1
    gpu_name = "unified memory" if table.machine.shares_ram else "VRAM"
    gpus = range(last)

    def on_gpus(term: Term) -> float:
        return math.fsum(float(values[g, term]) for g in gpus)

    def everywhere(term: Term) -> float:
        return math.fsum(float(v) for v in values[:, term])

    found = (
        TermUse("weights", f"weights from {gpu_name}", on_gpus(Term.WEIGHTS)),
        TermUse("kv", "KV cache", everywhere(Term.KV)),
        TermUse("ram", "weights from RAM", float(values[last, Term.WEIGHTS])),
        TermUse("compute", "compute", everywhere(Term.COMPUTE)),
        TermUse("link", "link between devices", everywhere(Term.LINK)),
        TermUse("launch", "launches, overhead", everywhere(Term.LAUNCH)),
    )
    return tuple(t for t in found if t.seconds > 0)


def _roof(table: EstimateTable, row: int) -> str:
    from advisor.report.format import gbs, percent

    device_time = table.terms[row].sum(axis=1)
    device = table.machine.devices[int(device_time.argmax())]
    if device.kind == "cpu":
        return f"RAM at {gbs(device.bandwidth)}, {table.machine.ram_bandwidth_basis}"
    rows = f", {device.rows} runs" if device.rows else ""
    # Measured on its own class of device, or borrowed from its vendor or from all of them.
    known = device.architecture if device.level in ("architecture", "platform") else f"{device.level} average"
    return f"{percent(device.eta)} of {gbs(device.bandwidth)} ({known}{rows})"
