"""The placements beside the chosen one: how fast each would be, and why it lost."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from advisor.core.estimate import EstimateTable, bottleneck, estimate
from advisor.core.placement import SPLIT, Strategy, options, side_options
from advisor.core.runtimes import RUNTIME
from catalog.efficiency import Efficiencies


@dataclass(frozen=True, slots=True)
class Forced:
    """All candidates of a table with one strategy, bound to one NUMA node or not."""

    strategy: Strategy
    one_node: bool
    table: EstimateTable
    aside: bool
    """Whether it is worked out beside the others and never chosen."""


def forced(table: EstimateTable, efficiencies: Efficiencies) -> tuple[Forced, ...]:
    """Every strategy that was tried, each on its own, in the order of trying; the prefill is left out."""
    machine, q = table.machine, table.question
    sets = (*options(machine, q), *side_options(machine, q))
    also = RUNTIME[q.runtime].also
    found = []
    for strategy, _, _ in table.tried:
        among = tuple(option for option in sets if option[0] is strategy)
        nodes = [(False, replace(machine, node=None))]
        if machine.node is not None and strategy in (*SPLIT, Strategy.CPU):
            nodes.append((True, machine.node))
        for one_node, on in nodes:
            alone = estimate(table.candidates, on, q, efficiencies, among=among, with_prefill=False)
            found.append(Forced(strategy, one_node, alone, strategy in also))
    return tuple(found)


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


def alternatives(table: EstimateTable, row: int, tried: tuple[Forced, ...]) -> tuple[Alternative, ...]:
    """The chosen placement of a row, then the others: those that fit, fastest first, then the rest by what
    they are short of.

    Args:
        tried: the table's strategies, each on its own (from ``forced``).
    """
    chosen = int(table.strategy[row])
    best = float(table.decode_s[row])
    found = []
    for strategy, _, missing in table.tried:
        short = float(missing[row])
        if int(strategy) == chosen:
            label, share = bottleneck(table, row)
            speed, low, high = table.speeds_at(row)
            found.append(
                Alternative(strategy, True, speed, low, high, 0.0, label, share, "the fastest that fits")
            )
            continue
        fitting = [f for f in tried if f.strategy is strategy and f.table.fits[row]]
        if not fitting:
            found.append(Alternative(strategy, False, None, None, None, short, None, None, _short(short)))
            continue
        alone = min(fitting, key=lambda f: float(f.table.decode_s[row]))
        label, share = bottleneck(alone.table, row)
        speed, low, high = alone.table.speeds_at(row)
        if alone.aside:
            why = "experimental there: never chosen"
        else:
            why = f"×{1 / (speed * best):.2f} the time: {label} takes {share:.0%} of it"
        found.append(Alternative(strategy, False, speed, low, high, 0.0, label, share, why))
    found.sort(key=lambda a: (not a.chosen, a.tokens_per_s is None, -(a.tokens_per_s or 0), a.missing_bytes))
    return tuple(found)


def _short(missing_bytes: float) -> str:
    if not math.isfinite(missing_bytes):
        return "not for this model and machine"
    return f"{missing_bytes / 2**30:.1f} GiB short"
