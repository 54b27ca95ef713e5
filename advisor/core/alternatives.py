"""The placements beside the chosen one: how fast each would be, and why it lost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from advisor.core.estimate import EstimateTable, bottleneck, estimate
from advisor.core.placement import Strategy
from advisor.core.runtimes import RUNTIME
from catalog.efficiency import Efficiencies


@dataclass(frozen=True, slots=True)
class Alternative:
    """One strategy for one row."""

    strategy: Strategy
    chosen: bool
    tokens_per_s: float | None
    """``None`` where it does not fit."""
    low_tokens_per_s: float | None
    high_tokens_per_s: float | None
    missing_bytes: float
    """What is short; infinite where the strategy is none for this model."""
    bound_by: str | None
    bound_share: float | None
    why: str
    """Why it was not chosen; of the chosen one, why it was."""


def alternatives(table: EstimateTable, row: int, efficiencies: Efficiencies) -> tuple[Alternative, ...]:
    """The chosen placement of a row, then the others: those that fit, fastest first, then the rest by what
    they are short of."""
    only_row = table.candidates.take(np.array([row]))
    chosen = int(table.strategy[row])
    best = float(table.decode_s[row])
    aside = RUNTIME[table.question.runtime].also
    found = []
    for strategy, times, missing in table.tried:
        time, short = float(times[row]), float(missing[row])
        if int(strategy) == chosen:
            label, share = bottleneck(table, row)
            speed, low, high = table.speeds_at(row)
            found.append(
                Alternative(strategy, True, speed, low, high, 0.0, label, share, "the fastest that fits")
            )
            continue
        if not math.isfinite(time):
            found.append(Alternative(strategy, False, None, None, None, short, None, None, _short(short)))
            continue
        alone = estimate(only_row, table.machine, table.question, efficiencies, only=strategy)
        label, share = bottleneck(alone, 0)
        spread = math.log(alone.speeds_at(0)[2] / alone.speeds_at(0)[0])
        speed = 1 / time
        low, high = speed * math.exp(-spread), speed * math.exp(spread)
        if strategy in aside:
            why = "experimental there: never chosen"
        else:
            why = f"×{time / best:.2f} the time: {label} takes {share:.0%} of it"
        found.append(Alternative(strategy, False, speed, low, high, 0.0, label, share, why))
    found.sort(key=lambda a: (not a.chosen, a.tokens_per_s is None, -(a.tokens_per_s or 0), a.missing_bytes))
    return tuple(found)


def _short(missing_bytes: float) -> str:
    if not math.isfinite(missing_bytes):
        return "not for this model and machine"
    return f"{missing_bytes / 2**30:.1f} GiB short"
