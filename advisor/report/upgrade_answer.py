"""The result of an upgrade search made into the plain values of ``upgrade_rows``."""

from __future__ import annotations

from advisor.core.machine import Machine
from advisor.report.sensitivity import gains
from advisor.report.upgrade_names import option_name, what_if_edits
from advisor.report.upgrade_rows import TOP_MODELS, Answer, Change, GoalFacts, Held, TopModel
from advisor.upgrade.options import Option
from advisor.upgrade.outcome import Outcome, Reach
from advisor.upgrade.reach import UpgradeResult
from advisor.upgrade.spend import SpendResult


def answer_of(result: UpgradeResult | SpendResult, limit: int | None = None) -> Answer:
    """A search as plain values, with at most ``limit`` changes and as many machines."""
    return _reached(result, limit) if isinstance(result, UpgradeResult) else _spent(result, limit)


def _reached(result: UpgradeResult, limit: int | None) -> Answer:
    now = result.now
    changes = [_outcome(o, now, "change", n) for n, o in enumerate(result.options[:limit], 1)]
    start = len(changes) + 1
    changes += [_outcome(o, now, "machine", n) for n, o in enumerate(result.machines[:limit], start)]
    best = result.best
    # What is not nearer than the present rig is no answer.
    nearer = best is not None and not 0 < best.margin <= now.margin
    goals = tuple(
        f"{g.model.name} {g.quant or f'any of {len(g.quants)} quantizations'} at {g.tokens_per_s:g} tok/s"
        for g in result.goals
    )
    nearest = _outcome(best, now, "nearest", 1) if best is not None and nearer else None
    return _answer(result, goals, _outcome(now, now, "now", 0), changes, nearest, now.reached)


def _spent(result: SpendResult, limit: int | None) -> Answer:
    rows = [_ranked(result, n) for n in range(len(result.options) + 1)]
    return _answer(result, (), rows[0], rows[1:][:limit], None, False)


def _answer(
    result: UpgradeResult | SpendResult,
    goals: tuple[str, ...],
    now: Change,
    changes: list[Change],
    nearest: Change | None,
    reached: bool,
) -> Answer:
    prices = result.parts.prices
    return Answer(
        goals=goals,
        now=now,
        changes=tuple(changes),
        nearest=nearest,
        reached_now=reached,
        currency=prices.currency if prices else None,
        prices_file=prices.file if prices else None,
        prices_date=prices.date if prices else None,
        within_budget=result.budget is not None,
        considered=result.considered,
        evaluated=result.evaluated,
        notes=result.notes,
    )


def _outcome(outcome: Outcome, now: Outcome, kind: str, place: int) -> Change:
    goals = tuple(goal_facts(r, before) for r, before in zip(outcome.reaches, now.reaches, strict=True))
    here, before = outcome.reaches[0].table.machine, now.reaches[0].table.machine
    gained = min(goals, key=lambda goal: goal.margin).gained_tokens_per_s
    return _change(outcome.option, kind, place, goals, gained, here, before, remarks=outcome.remarks)


def _ranked(result: SpendResult, n: int) -> Change:
    c = result.comparison
    ranking, now = c.rankings[n], c.rankings[0]
    table = ranking.table
    rows = [row for row in ranking.rows.tolist() if table.fits[row]][:TOP_MODELS]
    top = tuple(
        TopModel(
            table.candidates.model(row).name,
            table.candidates.quant(row),
            *table.speeds_at(row),
            float(ranking.scores.score[row]),
        )
        for row in rows
    )
    return _change(
        result.options[n - 1] if n else None,
        "change" if n else "now",
        n,
        (),
        None,
        table.machine,
        now.table.machine,
        remarks=c.scenarios[n].remarks,
        top=top,
        fitting=ranking.fitting,
        unlocked=tuple(model.name for model in c.unlocked[n]),
        lost=tuple(model.name for model in c.lost[n]),
    )


def _change(
    option: Option | None,
    kind: str,
    place: int,
    goals: tuple[GoalFacts, ...],
    gained: float | None,
    machine: Machine,
    before: Machine,
    *,
    remarks: tuple[str, ...],
    top: tuple[TopModel, ...] = (),
    fitting: int = 0,
    unlocked: tuple[str, ...] = (),
    lost: tuple[str, ...] = (),
) -> Change:
    price, watts = (option.price, option.watts) if option else (None, None)
    room = room_bytes(machine)
    return Change(
        kind=kind,
        place=place,
        name=option_name(option),
        parts=option.changes if option else 0,
        price=price,
        watts=watts,
        room_bytes=room,
        more_bytes=room - room_bytes(before),
        goals=goals,
        gained_per_100=gained / price * 100 if gained is not None and price else None,
        gained_per_100_w=gained / watts * 100 if gained is not None and watts else None,
        top=top,
        fitting=fitting,
        unlocked=unlocked,
        lost=lost,
        edits=", ".join(f"{verb} {value}" for verb, value in what_if_edits(option)) if option else "",
        remarks=remarks,
    )


def room_bytes(machine: Machine) -> float:
    """What models can use of all memory; unified memory once."""
    if machine.shares_ram:
        return float(max(machine.ram_usable_bytes, *(d.usable_bytes for d in machine.devices)))
    return float(sum(device.usable_bytes for device in machine.devices))


def goal_facts(reach: Reach, now: Reach) -> GoalFacts:
    """One goal beside what it is on the present rig."""
    table, row, bound = reach.table, reach.row, reach.bottleneck
    speed, low, high = table.speeds_at(row) if reach.fits else (None, None, None)
    found = gains(reach.sensitivities, unified=table.machine.shares_ram)
    return GoalFacts(
        reach.goal.model.name,
        reach.quant,
        reach.goal.quant is None,
        reach.goal.tokens_per_s,
        speed,
        low,
        high,
        ttft_s=float(table.ttft_s[row]) if reach.fits else None,
        verdict=reach.verdict,
        probability=reach.probability,
        margin=reach.margin,
        factor=reach.tokens_per_s / now.tokens_per_s if now.fits and reach.fits else None,
        gained_tokens_per_s=reach.tokens_per_s - now.tokens_per_s,
        bound=bound[0] if bound else None,
        bound_share=bound[1] if bound else None,
        held=held(reach) if reach.fits else (),
        missing_bytes=float(table.missing_bytes[row]),
        helps=tuple(gain.text() for gain in found),
        finer_quant=reach.finer,
        finer_tokens_per_s=reach.finer_tokens_per_s,
    )


def held(reach: Reach) -> tuple[Held, ...]:
    """The memory that holds layers, by kind."""
    table, row = reach.table, reach.row
    found = []
    for label, wanted in (("VRAM", "gpu"), ("unified memory", "unified"), ("RAM", "cpu")):
        devices = [g for g, device in enumerate(table.machine.devices) if device.kind == wanted]
        used = sum(float(table.used_bytes[row, g]) for g in devices)
        layers = sum(float(table.dense_layers[row, g] + table.expert_layers[row, g]) for g in devices)
        if layers > 0:
            usable = sum(table.machine.devices[g].usable_bytes for g in devices)
            found.append(Held(label, used, usable))
    return tuple(found)
