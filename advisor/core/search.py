"""Search among changes: the front of size against speed, with as few evaluations as a bound allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from advisor.core.candidates import Floats

STEP = 1.05
"""A larger change is listed when it brings at least this factor over the last one listed."""

Evaluate = Callable[[int], float]
"""The exact value of an option by its index."""


def front(
    bounds: Floats, groups: Sequence[range], evaluate: Evaluate, least: float, step: float = STEP
) -> list[int]:
    """Options worth listing, smallest first.

    The first is the best of the smallest size that reaches ``least``; each further one is the best of
    the next size that beats the last one listed by ``step``.  So for every option that reaches
    ``least`` one is listed that is no larger and at most ``step`` slower.

    Args:
        bounds: what each option reaches at most.
        groups: options of one size each, by rising size.
        evaluate: what an option reaches; called only where the bound leaves a chance.
        least: what has to be reached.
        step: the factor that a further one has to bring.
    """
    listed: list[int] = []
    need = least
    for group in groups:
        best = _best_of(bounds, group, evaluate, need)
        if best is not None:
            listed.append(best[0])
            need = best[1] * step
    return listed


def best_option(bounds: Floats, evaluate: Evaluate) -> int | None:
    """The option of the greatest value; ``None`` if none reaches anything."""
    found = _best_of(bounds, range(len(bounds)), evaluate, np.nextafter(0.0, 1.0))
    return None if found is None else found[0]


def _best_of(bounds: Floats, group: range, evaluate: Evaluate, need: float) -> tuple[int, float] | None:
    """The best option of a group that reaches ``need``; of equal ones the first."""
    own = bounds[group.start : group.stop]
    found: tuple[int, float] | None = None
    for offset in _falling(own, need):
        # Of changes that come to the same, such as cards beside one that holds the model, one is enough.
        if own[offset] < need or (found is not None and own[offset] <= need * (1 + _SAME)):
            break
        value = evaluate(group.start + offset)
        if value >= need and (found is None or value > found[1]):
            found = (group.start + offset, value)
            need = value
    return found


_SAME = 1e-8
"""Values no further apart are the same; more than what the bounds leave for rounding."""


def _falling(bounds: Floats, need: float) -> list[int]:
    """Offsets of the bounds that reach ``need``, the greatest first; of equal ones the first."""
    able: NDArray[np.int64] = np.flatnonzero(bounds >= need)
    return [int(i) for i in able[np.argsort(-bounds[able], kind="stable")]]
