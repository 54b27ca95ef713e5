"""What the screens show of a result, as plain values.

Reads the arrays of ``advisor.core`` and hands on numbers and names; it computes nothing of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from advisor.core.filter_completion import Vocabulary
from advisor.detail import Detail, DeviceUse, TermUse, detail_of

if TYPE_CHECKING:
    from advisor.core.estimate import EstimateTable
    from advisor.core.machine import Machine
    from advisor.core.ranking import Ranking
    from advisor.model_list import Here
    from advisor.pipeline import RankingResult
    from advisor.tui.glyphs import Glyphs
    from advisor.tui.widgets.columns import Widths


__all__ = ["Detail", "DeviceUse", "Row", "TermUse", "View", "detail_of", "list_document", "row_text"]


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
        self._sorted: tuple[tuple[str, str, bool], tuple[Row, ...]] = (("", "score", False), self.rows)
        self._widths: tuple[Glyphs, Widths] | None = None

    def widths(self, glyphs: Glyphs) -> Widths:
        """What the columns of the list need; the last answer is kept."""
        from advisor.tui.widgets.columns import list_widths

        if self._widths is None or self._widths[0] != glyphs:
            self._widths = (glyphs, list_widths(self.rows, glyphs))
        return self._widths[1]

    @property
    def table(self) -> EstimateTable:
        return self.result.ranking.table

    @property
    def machine(self) -> Machine:
        return self.table.machine

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Values and words that a filter may complete to."""
        candidates = self.table.candidates
        models = candidates.models
        words = {m.family for m in models} | {m.organization for m in models}
        return Vocabulary(
            quants=tuple(candidates.quants[i] for i in sorted(set(candidates.quant_of.tolist()))),
            licenses=_by_frequency(m.license for m in models if m.license),
            architectures=_by_frequency(m.architecture for m in models),
            words=tuple(sorted((w for w in words if w and " " not in w), key=str.lower)),
        )

    def ranking(self, filter_text: str) -> Ranking:
        """The ranking of what a filter accepts.

        Raises:
            FilterError: the filter cannot be understood.
        """
        self._filter(filter_text)
        return self._filtered[1]

    def filtered(self, filter_text: str, sort: str = "score", reverse: bool = False) -> tuple[Row, ...]:
        """The rows that a filter accepts, in an order; the last answer is kept.

        Raises:
            FilterError: the filter cannot be understood.
        """
        wanted = (filter_text, sort, reverse)
        if self._sorted[0] != wanted:
            self._filter(filter_text)
            rows = self._filtered_rows
            if (sort, reverse) != ("score", False):
                from advisor.core.order import positions

                rows = tuple(rows[i] for i in positions(self._filtered[1], sort, reverse))
            self._sorted = (wanted, rows)
        return self._sorted[1]

    def _filter(self, filter_text: str) -> None:
        if self._filtered[0] != filter_text:
            from advisor.core.filter import parse_filter
            from advisor.core.ranking import rank

            whole = self.result.ranking
            accept = parse_filter(filter_text) if filter_text else None
            ranking = whole if accept is None else rank(whole.table, whole.scores, accept)
            rows = self.rows if accept is None else self._rows_of(ranking)
            self._filtered, self._filtered_rows = (filter_text, ranking), rows

    def find(self, text: str) -> Row | None:
        """The row of a model by its id or its name."""
        wanted = text.strip().lower()
        for row in self.rows:
            if wanted in (row.model_id.lower(), row.name.lower()):
                return row
        return None

    def row(self, model_id: str) -> Row | None:
        """The row of a model: in the filtered list, the whole one, or of its own where it is folded."""
        for row in (*self._filtered_rows, *self.rows):
            if row.model_id == model_id:
                return row
        at = self._editions.get(model_id)
        if at is None:
            return None
        import numpy as np

        one = replace(self.result.ranking, rows=np.array([at]), variants=((),), places=(0,))
        return self._rows_of(one)[0]

    @cached_property
    def _editions(self) -> Mapping[str, int]:
        """The row of every model by its id."""
        from advisor.core.ranking import best_rows

        whole = self.result.ranking
        return best_rows(whole.table, whole.scores)

    @cached_property
    def here(self) -> Mapping[str, Here]:
        """How every model runs, by id, also those that are folded into others."""
        from advisor.model_list import here_of

        return here_of(self.result.ranking)

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


def row_text(row: Row) -> str:
    """A row as one line of text, with tabs between its cells."""
    from advisor.report.format import gib_unit, speed, speed_range

    cells = [str(row.place), row.name, row.quant]
    if row.tokens_per_s is None or row.low_tokens_per_s is None or row.high_tokens_per_s is None:
        return "\t".join([*cells, f"does not fit: {gib_unit(row.missing_bytes)} short"])
    interval = speed_range(row.low_tokens_per_s, row.high_tokens_per_s)
    likely = f"{speed(row.tokens_per_s)} tok/s (likely {interval})"
    score = f"score {row.score:.0f}" if row.score is not None else ""
    return "\t".join([*cells, gib_unit(row.used_bytes), likely, row.fit, score])


def list_document(
    view: View, filter_text: str, sort: str, reverse: bool, format_name: str
) -> str | Mapping[str, Any]:
    """The filtered list in its order as ``json``, ``csv`` or ``markdown``."""
    from advisor.core.order import ordered
    from advisor.pipeline import RankingResult
    from advisor.report import text
    from advisor.report.documents import rank_document

    result = RankingResult(view.result.rig, ordered(view.ranking(filter_text), sort, reverse), filter_text)
    if format_name == "json":
        return rank_document(result)
    return (
        text.rank_csv(result, None)
        if format_name == "csv"
        else text.rank_markdown(result, len(result.ranking))
    )


def _by_frequency(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name, _ in Counter(names).most_common())
