"""Answers of the upgrade search in the made-up world: four things to buy, and no formula of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from advisor import pipeline
from advisor.comparison import Scenario, compare
from advisor.core.goals import UpgradeError, parse_goal
from advisor.upgrade.ask import AskedError
from advisor.upgrade.options import Option
from advisor.upgrade.outcome import Goal, Outcome, Reach
from advisor.upgrade.parts import Part, Parts
from advisor.upgrade.prices import read_prices
from advisor.upgrade.reach import UpgradeResult
from advisor.upgrade.spend import SpendResult
from catalog.types import LookupFailedError

GIB = 1024**3
QUANTS = ("Q8_0", "Q4_K_M", "IQ2_M")
NOTE = "cards: made up for tests; whether there are free slots is not known (--slots N)"
PRICES = """
date = 2026-11-01
currency = "EUR"
[gpu]
"Example 24GB" = { price = 700, watts = 350 }
[ram]
"2x64GB:DDR5-5600" = { price = 310 }
"""


def upgrades_of(world: SimpleNamespace, said: Callable[[Any], Any]) -> Callable[..., Any]:
    """In the place of ``background.upgrade``."""
    ram = Part("ram", "2x64GB:DDR5-5600", 310.0)
    card = Part("gpu", "Example 24GB", 700.0, 350.0)
    memory = replace(world.rig.memory, total_bytes=said(128 * GIB))

    def faster(gpus: int, rate: float) -> Any:
        rig = world.make_rig(gpus)
        cards = tuple(replace(a, bandwidth_bytes_per_s=said(rate)) for a in rig.accelerators)
        return replace(rig, accelerators=cards)

    machine = replace(faster(4, 1150e9), name="machine")
    things = (
        (Option((ram,)), replace(world.rig, memory=memory), ()),
        (Option((card,)), world.make_rig(2), ("2 GPUs: check slots, lanes and power supply",)),
        (Option((card, card)), faster(3, 1300e9), ("3 GPUs: check slots, lanes and power supply",)),
        (Option((Part("machine", "Example Studio 96GB", 2900.0, 200.0),)), machine, ()),
    )

    def goal_of(text: str) -> Goal:
        wanted = parse_goal(text)
        model = next((m for m in world.models if m.name.lower() == wanted.model.lower()), None)
        if model is None:
            raise AskedError("goal", f"no model is called {wanted.model!r}; nearest names: Huge-70B-Instruct")
        quants = (wanted.quant,) if wanted.quant else QUANTS[:2]
        return Goal(text, model, wanted.quant, wanted.tokens_per_s, quants)

    def upgrade(wanted: Any, tell: Callable[[str], None]) -> UpgradeResult | SpendResult:
        asked = wanted.of
        tell("17 changes")
        try:
            prices = read_prices(Path(asked.prices)) if asked.prices else None
        except UpgradeError as error:
            raise AskedError("prices", str(error)) from error
        if not asked.goals and not (asked.parts or prices):
            raise AskedError("", "upgrade needs a goal; or parts to choose from: --parts 'RTX 3090'")
        if asked.budget is not None and prices is None:
            raise AskedError("budget", "--budget needs prices, and none ship with us")
        goals = tuple(goal_of(text) for text in asked.goals)
        priced = prices is not None
        found = [
            (option if priced else unpriced(option), rig, remarks)
            for option, rig, remarks in things
            if asked.budget is None or (option.price or 0) <= asked.budget
        ]
        parts = Parts((), (), (), None, (NOTE,), prices, named=priced or asked.parts is not None)
        if not goals:
            rigs = [Scenario("now", wanted.rig, ())]
            rigs += [Scenario(f"option {n}", rig, remarks) for n, (_, rig, remarks) in enumerate(found)]
            comparison = compare(rigs, wanted.question, models=(), knowledge=world.knowledge)
            options = tuple(option for option, _, _ in found)
            budget = asked.budget
            return SpendResult(
                wanted.rig, wanted.question, parts, budget, options, comparison, 17, 4, (NOTE,)
            )

        def outcome(option: Option | None, rig: Any, remarks: tuple[str, ...]) -> Outcome:
            table, _ = pipeline.estimate_all(rig, wanted.question, world.knowledge)
            return Outcome(option, tuple(reach(goal, table) for goal in goals), remarks)

        def reach(goal: Goal, table: Any) -> Reach:
            at = world.models.index(goal.model) * len(QUANTS)
            for quant in goal.quants:
                if quant not in QUANTS:
                    raise LookupFailedError("quantization", quant, QUANTS, False)
            rows = [at + QUANTS.index(quant) for quant in goal.quants]
            row = max(rows, key=lambda r: table.tokens_per_s[r] if table.fits[r] else -table.missing_bytes[r])
            return Reach(goal, table, row, {"vram_bandwidth": 0.82, "ram_bandwidth": 0.1}, None, None)

        now = outcome(None, wanted.rig, ())
        outcomes = [outcome(*thing) for thing in found]
        reached = [] if now.reached else [o for o in outcomes if o.reached]
        whole = [o for o in reached if o.option and o.option.whole_machine and not priced]
        best = max(outcomes, key=lambda o: o.margin) if outcomes and not reached and not now.reached else None
        changes = tuple(o for o in reached if o not in whole)
        counted = (17, 4, (NOTE,))
        answer = (goals, parts, asked.budget, now, changes, tuple(whole), best)
        return UpgradeResult(wanted.rig, wanted.question, *answer, *counted)

    return upgrade


def unpriced(option: Option) -> Option:
    return replace(option, parts=tuple(replace(p, price=None, watts=None) for p in option.parts))
