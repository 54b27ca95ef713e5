"""What another rig does to a ranking: which models change places, which run now, which no longer do.

Everything is by lineage, as in the list: editions of one model count once, and the row that stands for
them in a ranking speaks for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.core.estimate import bottleneck
from advisor.core.ranking import Ranking, fit_name
from catalog.types import Model

SAME = 0.005
"""Ratios of speeds nearer to 1 than this are no change."""


@dataclass(frozen=True, slots=True)
class Run:
    """A model in a ranking, with its best quantization there; speeds in tokens/s of one user.

    ``rank`` counts from 1 among what fits and is as fast as the question wants; else it is ``None``.  Speeds
    are ``None`` where it does not fit; ``missing_bytes`` is what the quantization that misses by least is
    short of.
    """

    model: Model
    row: int
    quant: str
    fit: str
    rank: int | None
    used_bytes: float
    missing_bytes: float
    tokens_per_s: float | None
    low_tokens_per_s: float | None
    high_tokens_per_s: float | None
    score: float | None

    @property
    def fits(self) -> bool:
        return self.tokens_per_s is not None

    @property
    def listed(self) -> bool:
        """Whether it fits and is fast enough."""
        return self.rank is not None


@dataclass(frozen=True, slots=True)
class Move:
    """One lineage before and after a change of the rig."""

    before: Run
    after: Run

    @property
    def model(self) -> Model:
        """What stands for the lineage after the change."""
        return self.after.model

    @property
    def places(self) -> int | None:
        """Places won (above 0) or lost; ``None`` where it is not listed on both."""
        if self.before.rank is None or self.after.rank is None:
            return None
        return self.before.rank - self.after.rank

    @property
    def ratio(self) -> float | None:
        """Decode speed after over before; ``None`` where it does not fit on both."""
        before, after = self.before.tokens_per_s, self.after.tokens_per_s
        return after / before if before and after else None

    @property
    def runs_differently(self) -> bool:
        """Whether its speed, its quantization or the fit differs; its place alone does not count."""
        if (self.before.row, self.before.fit) != (self.after.row, self.after.fit):
            return True
        return self.ratio is not None and abs(self.ratio - 1) >= SAME


@dataclass(frozen=True, slots=True)
class Moves:
    """All lineages that are listed before or after a change."""

    all: tuple[Move, ...]

    def unlocked(self) -> tuple[Move, ...]:
        """What fits and is fast enough after the change and was not before, best first."""
        found = [m for m in self.all if m.after.listed and not m.before.listed]
        return tuple(sorted(found, key=lambda m: m.after.rank or 0))

    def lost(self) -> tuple[Move, ...]:
        """What fitted and was fast enough before and is not after, best first."""
        found = [m for m in self.all if m.before.listed and not m.after.listed]
        return tuple(sorted(found, key=lambda m: m.before.rank or 0))

    def moved(self) -> tuple[Move, ...]:
        """What is listed on both and runs differently: largest step in rank first, then in score."""
        found = [m for m in self.all if m.places is not None and m.runs_differently]

        def size(move: Move) -> tuple[int, float, int]:
            step = (move.after.score or 0.0) - (move.before.score or 0.0)
            return -abs(move.places or 0), -abs(step), move.after.rank or 0

        return tuple(sorted(found, key=size))

    def passed(self) -> tuple[Move, ...]:
        """What runs as before and has another place because others moved past it."""
        return tuple(m for m in self.all if m.places and not m.runs_differently)

    def unchanged(self) -> tuple[Move, ...]:
        """What runs as before, in the same place."""
        return tuple(m for m in self.all if m.places == 0 and not m.runs_differently)


def moves_between(before: Ranking, after: Ranking) -> Moves:
    """What a change of the rig does to a ranking in which variants share a row.

    Args:
        before: of the present rig.
        after: of the same candidates on the changed one.
    """
    old, new = _runs(before), _runs(after)
    for runs, others, ranking in ((old, new, before), (new, old, after)):
        runs.update(_left_out(ranking, [key for key in others if key not in runs]))
    found = [Move(old[key], run) for key, run in new.items()]
    return Moves(tuple(m for m in found if m.before.listed or m.after.listed))


def _runs(ranking: Ranking) -> dict[str, Run]:
    """By lineage, in order of merit."""
    model = ranking.table.candidates.model
    fits, used = ranking.table.fits.tolist(), ranking.table.used_bytes.sum(axis=1).tolist()
    return {
        lineage(model(row)): _run(ranking, row, place if fits[row] else None, used[row])
        for place, row in enumerate(ranking.rows.tolist(), 1)
    }


def _left_out(ranking: Ranking, lineages: Sequence[str]) -> dict[str, Run]:
    """Lineages that a ranking leaves out because they are too slow, by their best row."""
    if not lineages:
        return {}
    table, scores = ranking.table, ranking.scores.score
    rows: dict[str, list[int]] = {key: [] for key in lineages}
    names = [lineage(m) for m in table.candidates.models]
    for row, m in enumerate(table.candidates.model_of.tolist()):
        if names[m] in rows:
            rows[names[m]].append(row)
    fits, used = table.fits.tolist(), table.used_bytes.sum(axis=1).tolist()
    best = {key: max(found, key=lambda r: (fits[r], float(scores[r]))) for key, found in rows.items()}
    return {key: _run(ranking, row, None, used[row]) for key, row in best.items()}


def lineage(model: Model) -> str:
    """What the editions of a model have in common: the id of its head."""
    return model.variant_of or model.id


def _run(ranking: Ranking, row: int, rank: int | None, used: float) -> Run:
    table = ranking.table
    fits = bool(table.fits[row])
    speed, low, high = table.speeds_at(row)
    return Run(
        model=table.candidates.model(row),
        row=row,
        quant=table.candidates.quant(row),
        fit=fit_name(table, row),
        rank=rank,
        used_bytes=used,
        missing_bytes=float(table.missing_bytes[row]),
        tokens_per_s=float(speed) if fits else None,
        low_tokens_per_s=float(low) if fits else None,
        high_tokens_per_s=float(high) if fits else None,
        score=float(ranking.scores.score[row]) if fits else None,
    )


def limits(ranking: Ranking, rows: Sequence[int] | None = None) -> list[tuple[str, int]]:
    """What binds the models that fit, with how many of them, the most frequent first."""
    chosen = ranking.rows.tolist() if rows is None else rows
    counts = Counter(bottleneck(ranking.table, row)[0] for row in chosen if ranking.table.fits[row])
    return counts.most_common()
