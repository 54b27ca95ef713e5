"""Two to four models side by side on one rig: memory, time, speeds with intervals, quality, depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.core.estimate import EstimateTable, decode_seconds_at
from advisor.core.question import Question
from advisor.core.ranking import best_rows
from advisor.core.score import Scores
from advisor.detail import Detail, detail_of
from advisor.knowledge import knowledge_of_model, resolve_quant, use_case
from advisor.pipeline import RankingResult, machine_for
from catalog.efficiency import load_efficiencies
from catalog.quality import Quality, model_quality
from catalog.types import LookupFailedError, Model


@dataclass(frozen=True, slots=True)
class Side:
    """One model with one quantization.  Speeds and times mean nothing where ``detail.fits`` is false."""

    table: EstimateTable
    scores: Scores
    row: int
    detail: Detail
    quants: tuple[str, ...]
    """Quantizations of the model that can be compared, largest first."""
    quality: Quality
    """At full precision, for the use case, with what it rests on."""
    kv_bytes: float
    """Cache of all users at the context, over all devices."""
    by_depth: tuple[tuple[int, float], ...]
    """Tokens in the cache and decode tokens/s there, placement unchanged."""

    @property
    def model(self) -> Model:
        return self.table.candidates.model(self.row)

    @property
    def quant(self) -> str:
        return self.table.candidates.quant(self.row)

    @property
    def quality_here(self) -> float:
        """Quality after the loss of the quantization, 0 to 100."""
        return 100 * float(self.scores.quality[self.row])

    @property
    def score(self) -> float | None:
        return float(self.scores.score[self.row]) if self.detail.fits else None


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The models in the order asked for, and the ranking's rig and question."""

    result: RankingResult
    sides: tuple[Side, ...]

    @property
    def question(self) -> Question:
        return self.result.ranking.table.question


def rows_of_model(table: EstimateTable, model_id: str) -> list[int]:
    """Rows of a model, the largest file first."""
    c = table.candidates
    found = [i for i, m in enumerate(c.models) if m.id == model_id]
    rows = [row for at in found for row in (c.model_of == at).nonzero()[0].tolist()]
    return sorted(rows, key=lambda row: -float(c.file_bytes[row]))


def speeds_by_depth(table: EstimateTable, row: int) -> tuple[tuple[int, float], ...]:
    """Decode speed with an empty, half full and full cache, and at the depth asked for."""
    q = table.question
    context = int(table.context[row])
    depths = sorted({0, min(q.depth, context), context // 2, context})
    efficiencies = load_efficiencies()
    return tuple((d, 1.0 / decode_seconds_at(table, row, d, efficiencies)) for d in depths)


def side_of(table: EstimateTable, scores: Scores, row: int) -> Side:
    """One row of an estimate as a side of the comparison."""
    model = table.candidates.model(row)
    detail = detail_of(table, row)
    return Side(
        table=table,
        scores=scores,
        row=row,
        detail=detail,
        quants=tuple(table.candidates.quant(i) for i in rows_of_model(table, model.id)),
        quality=model_quality(model, use=use_case(table.question.use)),
        kv_bytes=float(table.kv_bytes[row].sum()),
        by_depth=speeds_by_depth(table, row) if detail.fits else (),
    )


def side_by_side(result: RankingResult, wanted: Sequence[tuple[Model, str | None]]) -> SideBySide:
    """Line up models, each with the quantization named or with that of the ranking.

    A quantization that is not ranked is counted for its model alone.

    Raises:
        LookupFailedError: a model has no estimate, or no such quantization; it names the nearest.
    """
    table, scores = result.ranking.table, result.ranking.scores
    best = best_rows(table, scores)
    sides = []
    for model, quant in wanted:
        if model.not_estimated_because is not None:
            raise LookupFailedError("estimate", f"{model.name} ({model.not_estimated_because})", (), False)
        if model.id not in best:
            knowledge_of_model(model, table.question)  # says why the runtime does not load it
            raise LookupFailedError("estimate", model.name, (), False)
        if quant is None:
            sides.append(side_of(table, scores, best[model.id]))
            continue
        name = resolve_quant(quant, model, table.question)
        ranked = [i for i in rows_of_model(table, model.id) if table.candidates.quant(i) == name]
        if ranked:
            sides.append(side_of(table, scores, ranked[0]))
        else:
            sides.append(_counted_alone(result, model, name))
    return SideBySide(result, tuple(sides))


def _counted_alone(result: RankingResult, model: Model, quant: str) -> Side:
    from advisor.core.fit_context import estimate_fitting
    from advisor.core.score import score

    question = result.ranking.table.question
    knowledge = knowledge_of_model(model, question)
    c = knowledge.candidates
    table = estimate_fitting(c, machine_for(result.rig, question), question, knowledge.efficiencies)
    row = next(i for i in range(len(c)) if c.quant(i) == quant)
    return side_of(table, score(table, knowledge.quality(question.use)), row)
