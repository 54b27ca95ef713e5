"""Which models run otherwise on another rig: those are the ones a comparison shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.comparison import Comparison, Scenario
    from advisor.core.estimate import EstimateTable
    from advisor.core.moves import Moves
    from advisor.core.question import Question
    from advisor.core.ranking import Ranking
    from advisor.core.score import Scores
    from catalog.types import Model

MOST_MODELS = 14


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """A comparison of the best models that change, and what changes for all of them.

    Everything is by lineage, as in the list: variants of a model count once.  ``fitting`` and
    ``moves`` have an entry for every scenario, the present rig first.  Two are equal only if they are one:
    their tables are arrays.
    """

    comparison: Comparison
    changed: int
    unchanged: int
    fitting: tuple[int, ...]
    moves: tuple[Moves, ...]
    limits: tuple[tuple[str, int], ...]
    """What binds the models that fit the present rig, with how many of them, the most frequent first."""


def compare_changes(
    scenarios: Sequence[Scenario], question: Question, now: tuple[EstimateTable, Scores] | None = None
) -> Differences:
    """Compare scenarios, the first of them the present rig, on the best models that change.

    ``now`` are the estimates of the present rig, where the list has them already.
    """
    from advisor import comparison
    from advisor.core.moves import SAME, limits, moves_between

    shown = comparison.compare(scenarios, question, top=1, estimated=(now,) if now else ())
    rankings = shown.editions
    changed: list[Model] = []
    unchanged = 0
    for model, rows in _lineages(rankings):
        if _changes(rows, rankings, SAME):
            changed.append(model)
        else:
            unchanged += 1
    if changed:
        estimated = [(ranking.table, ranking.scores) for ranking in rankings]
        shown = comparison.compare(scenarios, question, models=changed[:MOST_MODELS], estimated=estimated)
    return Differences(
        comparison=shown,
        changed=len(changed),
        unchanged=unchanged,
        fitting=tuple(ranking.fitting for ranking in shown.rankings),
        moves=tuple(moves_between(shown.rankings[0], ranking) for ranking in shown.rankings),
        limits=tuple(limits(shown.rankings[0])),
    )


def _lineage(model: Model) -> str:
    return model.variant_of or model.id


def _lineages(rankings: Sequence[Ranking]) -> list[tuple[Model, list[int | None]]]:
    """One model per lineage that fits somewhere, best place in any scenario first, with its rows.

    A row is ``None`` where the model is slower than the question wants.
    """
    candidates = rankings[0].table.candidates
    best = [{candidates.model(i).id: i for i in r.rows.tolist()} for r in rankings]
    models = {m.id: m for m in candidates.models}
    seen: set[str] = set()
    found = []
    for place in range(max(len(r) for r in rankings)):
        for ranking, rows in zip(rankings, best, strict=True):
            if place >= len(ranking):
                continue
            row = int(ranking.rows[place])
            model = candidates.model(row)
            lineage = _lineage(model)
            if lineage in seen or not ranking.table.fits[row]:
                continue
            seen.add(lineage)
            if lineage in rows and ranking.table.fits[rows[lineage]]:
                model = models[lineage]
            found.append((model, [b.get(model.id) for b in best]))
    return found


def _changes(rows: Sequence[int | None], rankings: Sequence[Ranking], same: float) -> bool:
    """Whether the best quantization, or the speed or fit of the present one, differs anywhere."""
    base = rows[0]
    table = rankings[0].table
    for row, ranking in zip(rows[1:], rankings[1:], strict=True):
        other = ranking.table
        if row is None or base is None:
            if row is not base:
                return True
            continue
        if bool(other.fits[base]) != bool(table.fits[base]) or (other.fits[row] and row != base):
            return True
        if table.fits[base]:
            ratio = float(other.tokens_per_s[base]) / float(table.tokens_per_s[base])
            if abs(ratio - 1) >= same:
                return True
    return False
