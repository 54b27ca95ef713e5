"""The smallest or cheapest changes that reach a goal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.core.candidates import Candidates, Floats, Ints, build_candidates
from advisor.core.estimate import EstimateTable, bottleneck, estimate, sensitivities
from advisor.core.goals import UpgradeError, parse_goal
from advisor.core.question import Question
from advisor.core.search import best_option, front
from advisor.core.whatif import WhatIfError
from advisor.pipeline import is_offered, machine_of, resolve_quant
from advisor.scenario import make_scenario
from advisor.upgrade.options import Devices, Option, Space, all_options, space_of, speed_bounds
from advisor.upgrade.parts import CARDS, Part, Parts, catalog_parts
from advisor.upgrade.prices import PriceList
from catalog.efficiency import Efficiencies, load_efficiencies
from catalog.types import LookupFailedError, Model
from probes.types import Rig, RigError

LEAST_BITS = 4.0
"""Bits per weight from which a quantization is taken for a goal that names none."""


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


@dataclass(frozen=True, slots=True)
class UpgradeResult:
    """The answer to ``upgrade --goal``."""

    rig: Rig
    question: Question
    goals: tuple[Goal, ...]
    parts: Parts
    budget: float | None
    now: Outcome
    options: tuple[Outcome, ...]
    """The front, smallest or cheapest first; empty where the goal is reached already."""
    machines: tuple[Outcome, ...]
    """Whole machines instead, where there are no prices to compare them by."""
    best: Outcome | None
    """Where nothing reaches the goal: what comes nearest."""
    considered: int
    evaluated: int
    notes: tuple[str, ...]


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

    offered = [name for name in FILE_TYPES if is_offered(model, name)]
    bits = {name: sum(weights_for(model, name).values()) * 8 / model.total_params for name in offered}
    good = tuple(name for name in offered if bits[name] >= LEAST_BITS)
    return good or (max(offered, key=lambda name: bits[name]),)


class Evaluator:
    """Exact estimates of options for goals, each once."""

    def __init__(
        self, rig: Rig, question: Question, goals: Sequence[Goal], efficiencies: Efficiencies
    ) -> None:
        from catalog.weights import weights_for

        pairs = {(goal.model.id, quant): goal.model for goal in goals for quant in goal.quants}
        self.candidates: Candidates = build_candidates(
            [(model, quant, weights_for(model, quant)) for (_, quant), model in pairs.items()]
        )
        names = [(self.candidates.model(i).id, self.candidates.quant(i)) for i in range(len(self.candidates))]
        self.rows = [
            np.array([names.index((goal.model.id, quant)) for quant in goal.quants]) for goal in goals
        ]
        self.rig, self.question, self.goals, self.efficiencies = rig, question, goals, efficiencies
        self.known: dict[tuple[object, ...], tuple[EstimateTable, tuple[str, ...]] | None] = {}

    def table(self, option: Option | None) -> tuple[EstimateTable, tuple[str, ...]] | None:
        """Estimates on the rig that an option makes, and remarks; ``None`` if it cannot be made."""
        key: tuple[object, ...] = (
            (None,) if option is None else (option.edits, option.whole_machine, option.parts[0].value)
        )
        if key not in self.known:
            self.known[key] = self._estimate(option)
        return self.known[key]

    def _estimate(self, option: Option | None) -> tuple[EstimateTable, tuple[str, ...]] | None:
        try:
            scenario = option.scenario(self.rig) if option else None
            machine = machine_of(scenario.rig if scenario else self.rig, self.efficiencies)
        except (WhatIfError, RigError):
            return None
        table = estimate(self.candidates, machine, self.question, self.efficiencies)
        return table, scenario.remarks if scenario else ()

    def margin(self, option: Option) -> float:
        """The least speed relative to its goal; 0 where one does not fit."""
        found = self.table(option)
        if found is None:
            return 0.0
        speeds = np.where(found[0].fits, found[0].tokens_per_s, 0.0)
        return float(
            min(
                speeds[rows].max() / goal.tokens_per_s
                for goal, rows in zip(self.goals, self.rows, strict=True)
            )
        )

    def margin_bounds(self, speeds: Floats) -> Floats:
        """The same of bounds [options, n]."""
        each = [
            speeds[:, rows].max(axis=1) / goal.tokens_per_s
            for goal, rows in zip(self.goals, self.rows, strict=True)
        ]
        return np.asarray(np.min(each, axis=0))

    def outcome(self, option: Option | None) -> Outcome:
        """What every goal reaches."""
        found = self.table(option)
        assert found is not None
        table, remarks = found
        return Outcome(
            option,
            tuple(self._reach(goal, rows, table) for goal, rows in zip(self.goals, self.rows, strict=True)),
            remarks,
        )

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


def search(
    rig: Rig,
    question: Question,
    goals: Sequence[Goal],
    parts: Parts | None = None,
    *,
    budget: float | None = None,
    most_cards: int | None = None,
) -> UpgradeResult:
    """The front of changes that reach all goals.

    Args:
        rig: the present one.
        question: context, users and the rest.
        goals: all have to hold.
        parts: what can be bought; by default what the catalog has for this rig.
        budget: what it may cost; the parts have to have prices.
        most_cards: slots for cards, those that are taken included.
    """
    parts = parts or catalog_parts(rig)
    efficiencies = load_efficiencies()
    evaluator = Evaluator(rig, question, goals, efficiencies)
    now = evaluator.outcome(None)
    notes = list(parts.notes)
    by_price = parts.prices is not None
    cards_and_kits = space_for(rig, parts, budget=budget, most_cards=most_cards, notes=notes)
    whole = [
        Option((m,)) for m in parts.machines if budget is None or (m.price is not None and m.price <= budget)
    ]
    spaces = (
        [space_of([*cards_and_kits, *whole], by_price=True)]
        if by_price
        else [space_of(cards_and_kits, by_price=False), space_of(whole, by_price=False)]
    )
    considered = sum(len(space.options) for space in spaces)
    fronts: list[list[Outcome]] = [[], []]
    best = None
    if not now.reached:
        bounds = []
        for n, space in enumerate(spaces):
            if not space.options:
                bounds.append(np.zeros(0))
                continue
            devices = Devices(rig, parts, space.options)
            speeds = speed_bounds(devices, space.options, evaluator.candidates, question, efficiencies)
            bounds.append(evaluator.margin_bounds(speeds))
            fronts[n] = [evaluator.outcome(space.options[i]) for i in _front(space, bounds[n], evaluator)]
        if not any(fronts):
            best = _nearest(spaces, bounds, evaluator)
    return UpgradeResult(
        rig,
        question,
        tuple(goals),
        parts,
        budget,
        now,
        tuple(fronts[0]),
        tuple(fronts[1]),
        best,
        considered,
        len(evaluator.known),
        tuple(notes),
    )


def search_catalog(
    rig: Rig,
    question: Question,
    goals: Sequence[Goal],
    *,
    cards: str | None = None,
    most_cards: int | None = None,
) -> UpgradeResult:
    """The front among the parts of the catalog: with consumer cards if they do, else with wider choices.

    Args:
        rig, question, goals, most_cards: as in ``search``.
        cards: one of ``parts.CARDS``, and no wider.
    """
    for wanted in CARDS if cards is None else (cards,):
        result = search(rig, question, goals, catalog_parts(rig, wanted), most_cards=most_cards)
        if result.now.reached or result.options or not result.parts.cards:
            break
    return result


def space_for(
    rig: Rig,
    parts: Parts,
    *,
    budget: float | None,
    most_cards: int | None,
    notes: list[str],
) -> list[Option]:
    """All combinations of cards and memory, with bridges only where they change an estimate."""
    idle: set[str] = set()

    def linked(card: Part) -> bool:
        pair = (("add-gpu", f"2x {card.value}"),)
        try:
            plain = machine_of(make_scenario(pair, rig).rig)
            bridged = machine_of(make_scenario((*pair, ("link", "nvlink")), rig).rig)
        except (WhatIfError, RigError):
            return False
        matters = replace(plain, assumptions=()) != replace(bridged, assumptions=())
        if not matters:
            idle.add(card.value)
        return matters

    known: dict[str, bool] = {}

    def cached(card: Part) -> bool:
        if card.value not in known:
            known[card.value] = linked(card)
        return known[card.value]

    options = all_options(rig, parts, budget=budget, most_cards=most_cards, linked=cached)
    if parts.named and idle and not any(known.values()):
        notes.append(
            "NVLink bridges were looked at and change nothing: layers are handed from card to card, "
            "which takes little of any link"
        )
    return options


def _front(space: Space, bounds: Floats, evaluator: Evaluator) -> list[int]:
    return front(bounds, space.groups, lambda i: evaluator.margin(space.options[i]), 1.0)


def _nearest(spaces: Sequence[Space], bounds: Sequence[Floats], evaluator: Evaluator) -> Outcome | None:
    """What comes nearest to the goal; the rig as it is where nothing is better."""
    found = []
    for space, own in zip(spaces, bounds, strict=True):
        i = best_option(own, lambda i, s=space: evaluator.margin(s.options[i]))  # type: ignore[misc]
        if i is not None:
            found.append(evaluator.outcome(space.options[i]))
    return max(found, key=lambda outcome: outcome.margin, default=None)


def check_budget(budget: float | None, prices: PriceList | None) -> None:
    """Raise ``UpgradeError`` for a budget without prices, or of nothing."""
    if budget is None:
        return
    if not math.isfinite(budget) or budget <= 0:
        raise UpgradeError(f"--budget must be a sum above 0, not {budget:g}")
    if prices is None:
        raise UpgradeError(
            "--budget needs prices, and none ship with us: --prices prices.toml (see upgrade --help)"
        )
