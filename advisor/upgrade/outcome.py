"""Goals, and how they fare on a rig as it is or with a change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.core.candidates import Candidates, Floats, Ints, build_candidates
from advisor.core.estimate import EstimateTable, bottleneck, estimate, sensitivities
from advisor.core.goals import parse_goal
from advisor.core.question import Question
from advisor.core.whatif import WhatIfError
from advisor.knowledge import is_offered, resolve_quant
from advisor.pipeline import machine_for
from advisor.upgrade.ask import LEAST_BITS
from advisor.upgrade.options import Option
from catalog.efficiency import Efficiencies
from catalog.types import LookupFailedError, Model
from probes.types import Rig, RigError


@dataclass(frozen=True, slots=True)
class Goal:
    """A model at a speed for one user; with any of ``quants`` (of which the fastest is taken)."""

    text: str
    model: Model
    quant: str | None
    tokens_per_s: float
    quants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """How one goal fares on one rig: ``row`` of ``table`` is its fastest quantization there."""

    goal: Goal
    table: EstimateTable
    row: int
    sensitivities: dict[str, float]
    finer: str | None
    """The quantization of most bits that reaches the goal as well, where it is another one."""
    finer_tokens_per_s: float | None

    @property
    def fits(self) -> bool:
        return bool(self.table.fits[self.row])

    @property
    def quant(self) -> str:
        return self.table.candidates.quant(self.row)

    @property
    def tokens_per_s(self) -> float:
        """0 where it does not fit."""
        return float(self.table.tokens_per_s[self.row]) if self.fits else 0.0

    @property
    def margin(self) -> float:
        """Speed relative to the goal."""
        return self.tokens_per_s / self.goal.tokens_per_s

    @property
    def probability(self) -> float:
        """That the real speed reaches the goal: speeds are spread log-normally about the estimate."""
        if not self.fits:
            return 0.0
        spread = float(self.table.spread_log[self.row])
        return 0.5 * (1 + math.erf(math.log(self.margin) / (spread * math.sqrt(2))))

    @property
    def verdict(self) -> str:
        """``sure``: all of the 80 % interval reaches the goal; ``likely``: the estimate does;
        ``possible``: the interval's upper end does; else ``no``."""
        if not self.fits:
            return "no"
        speed, low, high = self.table.speeds_at(self.row)
        wanted = self.goal.tokens_per_s
        return (
            "sure"
            if low >= wanted
            else "likely"
            if speed >= wanted
            else "possible"
            if high >= wanted
            else "no"
        )

    @property
    def bottleneck(self) -> tuple[str, float] | None:
        return bottleneck(self.table, self.row) if self.fits else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """An option, or the rig as it is (``None``), with what every goal reaches on it."""

    option: Option | None
    reaches: tuple[Reach, ...]
    remarks: tuple[str, ...]

    @property
    def margin(self) -> float:
        """Of the goal that is missed by most, or reached by least."""
        return min(reach.margin for reach in self.reaches)

    @property
    def reached(self) -> bool:
        return self.margin >= 1

    @property
    def verdict(self) -> str:
        """The worst of all goals."""
        order = ("no", "possible", "likely", "sure")
        return min((reach.verdict for reach in self.reaches), key=order.index)


def read_goals(texts: Sequence[str]) -> tuple[Goal, ...]:
    """Goals with their models and quantizations looked up.

    Raises:
        UpgradeError, LookupFailedError: one cannot be read, or names something unknown.
    """
    return tuple(_goal(text) for text in texts)


def _goal(text: str) -> Goal:
    from catalog.models import find_model

    wanted = parse_goal(text)
    model = find_model(wanted.model)
    if model.not_estimated_because is not None:
        raise LookupFailedError("estimate", f"{model.name} ({model.not_estimated_because})", (), False)
    quant = resolve_quant(wanted.quant) if wanted.quant else None
    quants = (quant,) if quant else _good_quants(model)
    return Goal(text.strip(), model, quant, wanted.tokens_per_s, quants)


def _good_quants(model: Model) -> tuple[str, ...]:
    """What packagers publish of a model with about 4 bits or more; else the best they publish."""
    from catalog.mixing import FILE_TYPES
    from catalog.weights import weights_for

    offered = [name for name in FILE_TYPES if is_offered(model, name, Question())]
    bits = {name: sum(weights_for(model, name).values()) * 8 / model.total_params for name in offered}
    good = tuple(name for name in offered if bits[name] >= LEAST_BITS)
    return good or (max(offered, key=lambda name: bits[name]),)


class Evaluator:
    """Exact estimates of options for goals, each once."""

    def __init__(
        self, rig: Rig, question: Question, goals: Sequence[Goal], efficiencies: Efficiencies
    ) -> None:
        from catalog.weights import weights_for

        self.rig, self.question, self.goals, self.efficiencies = rig, question, goals, efficiencies
        pairs = {(goal.model.id, quant): goal.model for goal in goals for quant in goal.quants}
        self.candidates: Candidates = build_candidates(
            [(model, quant, weights_for(model, quant)) for (_, quant), model in pairs.items()]
        )
        names = list(pairs)
        self._rows: list[Ints] = [
            np.array([names.index((goal.model.id, quant)) for quant in goal.quants]) for goal in goals
        ]
        self._margins: dict[tuple[object, ...], float] = {}

    @property
    def evaluated(self) -> int:
        """How many options were estimated."""
        return len(self._margins)

    def margin(self, option: Option) -> float:
        """The least speed relative to its goal; 0 where one does not fit or the option cannot be made."""
        key: tuple[object, ...] = (option.edits, option.parts[0].value)
        if key not in self._margins:
            try:
                table = self._estimate(option.scenario(self.rig).rig, with_prefill=False)
            except (WhatIfError, RigError):
                self._margins[key] = 0.0
            else:
                speeds = np.where(table.fits, table.tokens_per_s, 0.0)
                self._margins[key] = float(self.margins(speeds[None])[0])
        return self._margins[key]

    def margins(self, speeds: Floats) -> Floats:
        """The least speed relative to its goal, of speeds or of bounds of them [options, n]."""
        each = [
            speeds[:, rows].max(axis=1) / goal.tokens_per_s
            for goal, rows in zip(self.goals, self._rows, strict=True)
        ]
        return np.asarray(np.min(each, axis=0))

    def _estimate(self, rig: Rig, *, with_prefill: bool) -> EstimateTable:
        machine = machine_for(rig, self.question)
        return estimate(self.candidates, machine, self.question, self.efficiencies, with_prefill=with_prefill)

    def outcome(self, option: Option | None) -> Outcome:
        """What every goal reaches, in full; raises what what-if raises where an option is impossible."""
        scenario = option.scenario(self.rig) if option else None
        table = self._estimate(scenario.rig if scenario else self.rig, with_prefill=True)
        reaches = (self._reach(goal, rows, table) for goal, rows in zip(self.goals, self._rows, strict=True))
        return Outcome(option, tuple(reaches), scenario.remarks if scenario else ())

    def _reach(self, goal: Goal, rows: Ints, table: EstimateTable) -> Reach:
        speeds = np.where(table.fits, table.tokens_per_s, -table.missing_bytes)[rows]
        row = int(rows[int(np.argmax(speeds))])
        helps = sensitivities(table, row, self.efficiencies) if table.fits[row] else {}
        holds = [int(r) for r, v in zip(rows, speeds, strict=True) if v >= goal.tokens_per_s]
        finest = max(holds, key=lambda r: float(table.candidates.file_bytes[r]), default=row)
        finer = finest != row
        return Reach(
            goal,
            table,
            row,
            helps,
            table.candidates.quant(finest) if finer else None,
            float(table.tokens_per_s[finest]) if finer else None,
        )
