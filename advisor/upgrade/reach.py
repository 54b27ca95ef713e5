"""The smallest or cheapest changes that reach a goal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from advisor.core.candidates import Floats
from advisor.core.question import Question
from advisor.core.search import best_option, front
from advisor.core.whatif import WhatIfError
from advisor.pipeline import machine_of
from advisor.scenario import make_scenario
from advisor.upgrade.ask import Tell
from advisor.upgrade.options import Devices, Option, Space, all_options, space_of, speed_bounds
from advisor.upgrade.outcome import Evaluator, Goal, Outcome
from advisor.upgrade.parts import CARDS, Part, Parts, catalog_parts
from catalog.efficiency import load_efficiencies
from probes.types import Rig, RigError


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


def search(
    rig: Rig,
    question: Question,
    goals: Sequence[Goal],
    parts: Parts | None = None,
    *,
    budget: float | None = None,
    most_cards: int | None = None,
    tell: Tell = lambda _: None,
) -> UpgradeResult:
    """The front of changes that reach all goals.

    Args:
        rig: the present one.
        question: context, users and the rest.
        goals: all have to hold.
        parts: what can be bought; by default what the catalog has for this rig.
        budget: what it may cost; the parts have to have prices.
        most_cards: slots for cards, those that are taken included.
        tell: hears of progress, and ends the search by raising.
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
    nearest: list[Outcome] = []
    if not now.reached:
        for n, space in enumerate(spaces):
            if not space.options:
                continue
            tell(f"{considered:,} changes")
            devices = Devices(rig, parts, space.options, question)
            speeds = speed_bounds(devices, space.options, evaluator.candidates, question, efficiencies)
            bounds = evaluator.margins(speeds)
            margin = partial(_margin, evaluator, space, lambda: tell(_counted(considered, evaluator)))
            found = front(bounds, space.groups, margin, 1.0)
            fronts[n] = [evaluator.outcome(space.options[i]) for i in found]
            if not found:
                nearest.append(_nearest(space, bounds, devices, evaluator, margin))
    best = max(nearest, key=_nearness) if nearest and not any(fronts) else None
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
        evaluator.evaluated,
        tuple(notes),
    )


def search_catalog(
    rig: Rig,
    question: Question,
    goals: Sequence[Goal],
    *,
    cards: str | None = None,
    most_cards: int | None = None,
    tell: Tell = lambda _: None,
) -> UpgradeResult:
    """The front among the parts of the catalog: with consumer cards if they do, else with wider choices.

    Args:
        rig, question, goals, most_cards, tell: as in ``search``.
        cards: one of ``parts.CARDS``, and no wider.
    """
    for wanted in CARDS if cards is None else (cards,):
        tell(f"parts of the catalog: {wanted} cards")
        parts = catalog_parts(rig, wanted)
        result = search(rig, question, goals, parts, most_cards=most_cards, tell=tell)
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


def _margin(evaluator: Evaluator, space: Space, told: Callable[[], None], i: int) -> float:
    told()
    return evaluator.margin(space.options[i])


def _counted(considered: int, evaluator: Evaluator) -> str:
    return f"{considered:,} changes, {evaluator.evaluated} of them in full"


def _nearest(
    space: Space, bounds: Floats, devices: Devices, evaluator: Evaluator, margin: Callable[[int], float]
) -> Outcome:
    """What comes nearest to the goal; where nothing fits, what has most memory."""
    i = best_option(bounds, margin)
    if i is None:
        return evaluator.outcome(max(space.options, key=devices.room_bytes))
    best = space.options[i]
    if best.whole_machine:
        return evaluator.outcome(best)
    enough = evaluator.margin(best) * _AS_GOOD
    # Parts that bring nothing are not named.
    own = set(best.edits)
    fewer = (o for o in space.options if set(o.edits) <= own and not o.whole_machine)
    return evaluator.outcome(next((o for o in fewer if evaluator.margin(o) >= enough), best))


_AS_GOOD = 0.999


def _nearness(outcome: Outcome) -> tuple[float, float]:
    """Larger is nearer: the margin, then the memory that is not missing."""
    return outcome.margin, -sum(float(r.table.missing_bytes[r.row]) for r in outcome.reaches)
