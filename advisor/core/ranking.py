"""The ranking: one row per model with its best quantization and placement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.core.estimate import EstimateTable
from advisor.core.filter import Predicate
from advisor.core.score import Scores
from advisor.core.sight import RankedRow, Sight, fit_name
from catalog.types import Model

__all__ = ["Ranking", "fit_name", "rank"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows of an estimate in order of merit.

    ``rows`` index into the table: models that fit by falling score, then those that do not by the
    memory they are short of.  ``considered`` counts models before the filter and the folding.
    ``variants`` holds, for every row, the rows of the models folded into it, best first.
    """

    table: EstimateTable
    scores: Scores
    rows: NDArray[np.int64]
    considered: int
    variants: tuple[tuple[int, ...], ...]
    places: tuple[int, ...]
    """Place by merit of each row, from 1."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def fitting(self) -> int:
        """How many of the listed models fit."""
        return int(self.table.fits[self.rows].sum())


def rank(
    table: EstimateTable, scores: Scores, accept: Predicate | None = None, *, fold: bool = True
) -> Ranking:
    """One row per model: its best-scoring quantization that fits, else the one that misses by least.

    Where the question wants a least speed, the best-scoring one that reaches it; models that fit but
    reach it with no quantization are left out.

    The order is total: score, then the model's name, so that the same question always gives the
    same list.

    Args:
        accept: keeps only the rows that a filter accepts.
        fold: variants of one model (base, finetunes, prunes) share the row of its head.
    """
    c = table.candidates
    fits = table.fits
    merit = np.where(fits, scores.score, -table.missing_bytes)
    slow = fits & (table.tokens_per_s < table.question.min_tokens_per_s)
    # Last key is the primary one; ties go to the candidate listed first.
    order = np.lexsort((-merit, slow, ~fits, c.model_of))
    models = c.model_of[order]
    first = np.ones(len(c), dtype=bool)
    first[1:] = models[1:] != models[:-1]
    best = order[first]
    names = np.array([c.models[i].name.lower() for i in c.model_of[best]])
    ranked = best[np.lexsort((names, -np.round(merit[best], 6), ~fits[best]))]
    considered = len(ranked)
    ranked = ranked[~slow[ranked]]
    if accept is not None:
        seen = Sight(table, scores)
        ranked = np.array([i for i in ranked.tolist() if accept(RankedRow(seen, i))], dtype=np.int64)
    if not fold:
        return Ranking(
            table, scores, ranked, considered, ((),) * len(ranked), tuple(range(1, len(ranked) + 1))
        )
    rows, variants = _folded(table, ranked.tolist())
    places = tuple(range(1, len(rows) + 1))
    return Ranking(table, scores, np.array(rows, dtype=np.int64), considered, variants, places)


def _folded(table: EstimateTable, ranked: list[int]) -> tuple[list[int], tuple[tuple[int, ...], ...]]:
    """Rows that stand for their lineage, in the order given, and the rows folded into each.

    The best of the maker's own editions (the head, its refreshes and instruct versions) stands for
    the lineage; where none of them fits or passes the filter, the best of the others.
    """
    models, model_of = table.candidates.models, table.candidates.model_of[ranked].tolist()
    fits = dict(zip(ranked, table.fits[ranked].tolist(), strict=True))
    lineages: dict[str, list[tuple[int, Model]]] = {}
    for row, m in zip(ranked, model_of, strict=True):
        model = models[m]
        lineages.setdefault(model.variant_of or model.id, []).append((row, model))
    standing: dict[int, tuple[int, ...]] = {}
    for members in lineages.values():
        best = head = members[0][0]
        for row, model in members:
            if model.variant_kind in _OWN_EDITIONS and fits[row] == fits[head]:
                best = row
                break
        standing[best] = tuple(row for row, _ in members if row != best)
    kept = [row for row in ranked if row in standing]
    return kept, tuple(standing[row] for row in kept)


_OWN_EDITIONS = (None, "refresh", "instruct", "thinking", "context")
