"""The form of the upgrade screen as text: its fields, what they ask for, and what its keys step through."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.core.goals import parse_goal
from advisor.core.question import USE_CASES
from advisor.upgrade.ask import (
    Asked,
    AskedError,
    amount_of_money,
    next_speed,
    present_speed,
    sensible_speed,
    whole_number,
)

if TYPE_CHECKING:
    from advisor.tui.state import AppState

MOST_GOALS = 3
GOAL_FIELDS = ("model", "quant", "speed")
CARD_STEPS = ("", "consumer", "workstation", "all")
ANY = "any"
_BUDGET_STEP = 100.0


def field_name(goal: int, part: str) -> str:
    """The name of a field of a goal."""
    return f"goal-{goal}-{part}"


def about(field: str) -> str:
    """Which of ``ask.FIELDS`` a field of the form belongs to."""
    return field.partition("-")[0]


def texts_of(asked: Asked) -> dict[str, str]:
    """What the fields say for what is asked."""
    texts = {
        "parts": asked.parts or "",
        "cards": asked.cards or "",
        "slots": str(asked.slots or ""),
        "budget": f"{asked.budget:.10g}" if asked.budget is not None else "",
        "prices": asked.prices or "",
    }
    for n, goal in enumerate(asked.goals[:MOST_GOALS]):
        found = parse_goal(goal)
        values = (found.model, found.quant or ANY, f"{found.tokens_per_s:.10g}")
        texts |= {field_name(n, part): value for part, value in zip(GOAL_FIELDS, values, strict=True)}
    return texts


def asked_by(texts: Mapping[str, str], goals: int) -> Asked:
    """What the fields ask for, with so many goals.

    Raises:
        AskedError: a field cannot be read; the text says what to write.
    """
    found = []
    for n in range(goals):
        model, quant, speed = (texts.get(field_name(n, part), "").strip() for part in GOAL_FIELDS)
        if not model:
            raise AskedError("goal", "type the name of a model; x in the list takes a goal away")
        if not speed:
            raise AskedError("goal", "type the tok/s wanted, for example 10")
        text = f"{model}{f'@{quant}' if quant and quant.lower() != ANY else ''}>={speed}"
        try:
            parse_goal(text)
        except ValueError as error:
            raise AskedError("goal", str(error)) from error
        found.append(text)
    return Asked(
        goals=tuple(found),
        parts=texts.get("parts", "").strip() or None,
        cards=texts.get("cards", "").strip().lower() or None,
        slots=whole_number("slots", texts.get("slots", "")),
        budget=amount_of_money(texts.get("budget", "")),
        prices=texts.get("prices", "").strip() or None,
    )


def goal_for(state: AppState, model: str | None) -> str | None:
    """A goal to begin with: a model, by id or name, at a sensible next speed; ``None`` for an unknown one."""
    if state.view is None or model is None:
        return None
    row = state.view.row(model) or next((r for r in state.view.rows if r.name == model), None)
    if row is None:
        return None
    target = USE_CASES[state.question.use].decode_target_tokens_per_s
    return f"{row.name}>={sensible_speed(present_speed(state.view.table, row.model_id), target):g}"


def first_asked(state: AppState) -> Asked:
    """What is asked when the screen opens: what was asked before, unless of another model."""
    before = state.upgrade
    row = state.view.row(state.selected) if state.view and state.selected else None
    if row is None:
        return before
    if before.goals and parse_goal(before.goals[0]).model == row.name:
        return before
    goal = goal_for(state, state.selected)
    return replace(before, goals=(goal,) if goal else ())


def stepped(field: str, text: str, step: int, quants: Sequence[str]) -> str:
    """The next value of a field that can be stepped; the text itself where there is none."""
    kind = field.rpartition("-")[2]
    if kind == "speed":
        try:
            return f"{next_speed(float(text), step):g}"
        except ValueError:
            return text
    if kind == "quant":
        return _next((ANY, *quants), text or ANY, step)
    if kind == "cards":
        return _next(CARD_STEPS, text, step)
    if kind == "slots":
        count = (int(text) if text.strip().isdecimal() else 0) + step
        return str(count) if count > 0 else ""
    if kind == "budget":
        try:
            budget = (float(text) if text.strip() else 0.0) + step * _BUDGET_STEP
        except ValueError:
            return text
        return f"{budget:g}" if budget > 0 else ""
    return text


def can_step(field: str) -> bool:
    """Whether ``+`` and ``-`` step a field."""
    return field.rpartition("-")[2] in ("speed", "quant", "cards", "slots", "budget")


def _next(values: Sequence[str], value: str, step: int) -> str:
    known = [v.lower() for v in values]
    at = known.index(value.lower()) if value.lower() in known else 0
    return values[(at + step) % len(values)]


def matches(text: str, names: Sequence[str], most: int = 6) -> tuple[str, ...]:
    """Names that hold every word of a text, those that begin with it first; none for a whole name."""
    words = [w for w in re.split(r"[\s_-]+", text.lower()) if w]
    if not words or any(name.lower() == text.lower().strip() for name in names):
        return ()
    joined = "-".join(words)
    found = [name for name in names if all(word in name.lower() for word in words)]
    found.sort(key=lambda name: (not name.lower().startswith(joined), len(name)))
    return tuple(found[:most])


def in_the_form(text: str) -> str:
    """An error of the command line in the words of the form: its options are fields here."""
    return re.sub(r"--(?!help\b)(?=[a-z])", "", text)
