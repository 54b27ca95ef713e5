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

    ``rank`` counts from 1 among what fits.  Where it does not fit, ``rank`` is ``None`` and so are the
    speeds; ``missing_bytes`` is what the quantization that misses by least is short of.
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
        return self.rank is not None

    def at_least(self, tokens_per_s: float) -> bool:
        """Whether it fits and is expected to decode so fast."""
        return self.tokens_per_s is not None and self.tokens_per_s >= tokens_per_s


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
        """Places won (above 0) or lost; ``None`` where it does not fit on both."""
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
        if self.before.fits != self.after.fits:
            return True
        if not self.before.fits:
            return False
        if (self.before.row, self.before.fit) != (self.after.row, self.after.fit):
            return True
        return self.ratio is None or abs(self.ratio - 1) >= SAME


@dataclass(frozen=True, slots=True)
class Moves:
    """All lineages that fit before or after a change."""

    all: tuple[Move, ...]

    def unlocked(self, least_tokens_per_s: float = 0.0) -> tuple[Move, ...]:
        """What fits and is fast enough after the change and was not before, best first."""
        found = [
            m
            for m in self.all
            if m.after.at_least(least_tokens_per_s) and not m.before.at_least(least_tokens_per_s)
        ]
        return tuple(sorted(found, key=lambda m: m.after.rank or 0))

    def lost(self) -> tuple[Move, ...]:
        """What fitted before and does not after, best first."""
        found = [m for m in self.all if m.before.fits and not m.after.fits]
        return tuple(sorted(found, key=lambda m: m.before.rank or 0))

    def moved(self) -> tuple[Move, ...]:
        """What fits on both and runs differently: largest step in rank first, then in score."""
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
    found = [Move(old[key], new[key]) for key in new if key in old]
    return Moves(tuple(m for m in found if m.before.fits or m.after.fits))


def _runs(ranking: Ranking) -> dict[str, Run]:
    """By lineage, in order of merit."""
    table, scores = ranking.table, ranking.scores
    rates, low, high = table.tokens_per_s, table.low_tokens_per_s, table.high_tokens_per_s
    used = table.used_bytes.sum(axis=1)
    found: dict[str, Run] = {}
    for rank, row in enumerate(ranking.rows.tolist(), 1):
        model = table.candidates.model(row)
        fits = bool(table.fits[row])
        found[model.variant_of or model.id] = Run(
            model=model,
            row=row,
            quant=table.candidates.quant(row),
            fit=fit_name(table, row),
            rank=rank if fits else None,
            used_bytes=float(used[row]),
            missing_bytes=float(table.missing_bytes[row]),
            tokens_per_s=float(rates[row]) if fits else None,
            low_tokens_per_s=float(low[row]) if fits else None,
            high_tokens_per_s=float(high[row]) if fits else None,
            score=float(scores.score[row]) if fits else None,
        )
    return found


def limits(ranking: Ranking, rows: Sequence[int] | None = None) -> list[tuple[str, int]]:
    """What binds the models that fit, with how many of them, the most frequent first."""
    chosen = ranking.rows.tolist() if rows is None else rows
    counts = Counter(bottleneck(ranking.table, row)[0] for row in chosen if ranking.table.fits[row])
    return counts.most_common()
