"""``upgrade --csv`` and ``--markdown``: a row for every change, and for every goal of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.report import format as f
from advisor.report.table import Column, csv_table, markdown_table
from advisor.report.upgrade_answer import answer_of
from advisor.report.upgrade_rows import Answer, Change, GoalFacts, TopModel
from advisor.upgrade.reach import UpgradeResult
from advisor.upgrade.spend import SpendResult

_SHARED = ("place", "kind", "change", "parts", "price", "watts", "usable_bytes")
_GOAL = (
    "model", "quant", "goal_tokens_per_s", "verdict", "probability", "decode_tokens_per_s",
    "decode_low_tokens_per_s", "decode_high_tokens_per_s", "ttft_s", "gained_tokens_per_s", "bottleneck",
)  # fmt: skip
_TOP = (
    "model", "quant", "score", "decode_tokens_per_s", "decode_low_tokens_per_s", "decode_high_tokens_per_s",
    "fitting", "unlocked", "lost",
)  # fmt: skip


def upgrade_csv(result: UpgradeResult | SpendResult, limit: int | None = None) -> str:
    """The rig as it is, then every change; names and units as in the JSON."""
    answer = answer_of(result, limit)
    titles = (*_SHARED, *(_GOAL if answer.goals else _TOP), "what_if")
    records = [record for change in (answer.now, *answer.listed) for record in _records(change)]
    return csv_table(titles, [[record.get(title) for title in titles] for record in records])


def _records(change: Change) -> list[Mapping[str, Any]]:
    shared = {
        "place": change.place or None,
        "kind": change.kind,
        "change": change.name,
        "parts": change.parts,
        "price": change.price,
        "watts": change.watts,
        "usable_bytes": round(change.room_bytes),
        "what_if": change.edits or None,
    }
    if change.goals:
        return [{**shared, **_goal(goal)} for goal in change.goals]
    best = change.top[0] if change.top else None
    counts = {"fitting": change.fitting, "unlocked": len(change.unlocked), "lost": len(change.lost)}
    return [{**shared, **counts, **(_top(best) if best else {})}]


def _goal(goal: GoalFacts) -> dict[str, Any]:
    return {
        "model": goal.model,
        "quant": goal.quant,
        "goal_tokens_per_s": goal.wanted_tokens_per_s,
        "verdict": goal.verdict,
        "probability": round(goal.probability, 4),
        "ttft_s": _rounded(goal.ttft_s),
        "gained_tokens_per_s": _rounded(goal.gained_tokens_per_s),
        "bottleneck": goal.bound,
        **_speeds(goal),
    }


def _top(model: TopModel) -> dict[str, Any]:
    return {"model": model.name, "quant": model.quant, "score": _rounded(model.score), **_speeds(model)}


def _speeds(row: GoalFacts | TopModel) -> dict[str, float | None]:
    return {
        "decode_tokens_per_s": _rounded(row.tokens_per_s),
        "decode_low_tokens_per_s": _rounded(row.low_tokens_per_s),
        "decode_high_tokens_per_s": _rounded(row.high_tokens_per_s),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def upgrade_markdown(result: UpgradeResult | SpendResult, limit: int | None = None) -> str:
    """The goals, and a table of the changes."""
    answer = answer_of(result, limit)
    lead = "; ".join(answer.goals) or "what the parts are best spent on"
    columns = [Column("#", right=True), Column("change"), *([Column("model")] if _several(answer) else [])]
    columns += [Column("tok/s", right=True), Column("80 %", right=True)]
    columns += [Column("goal"), Column("bound by")] if answer.goals else [Column("unlocks", right=True)]
    columns += [Column("memory GiB", right=True)]
    columns += [Column(f"price {answer.currency or ''}".strip(), right=True)] if answer.priced else []
    rows = [
        _cells(answer, change, row)
        for change in (answer.now, *answer.listed)
        for row in (change.goals or change.top[:1] or (None,))
    ]
    return f"{lead}\n\n{markdown_table(columns, rows)}"


def _several(answer: Answer) -> bool:
    return len(answer.goals) != 1


def _cells(answer: Answer, change: Change, row: GoalFacts | TopModel | None) -> list[str]:
    place = str(change.place) if change.place else "now"
    cells = [place, change.name]
    if _several(answer):
        name = row.model if isinstance(row, GoalFacts) else row.name if row else "–"
        cells.append(f"{name} {row.quant}" if row else name)
    cells += speed_cells(row)
    if answer.goals:
        goal = row if isinstance(row, GoalFacts) else None
        cells += [goal.verdict_text if goal else "–", (goal.bound if goal else None) or "–"]
    else:
        cells.append(str(len(change.unlocked)))
    cells.append(f.gib(change.room_bytes))
    if answer.priced:
        cells.append("–" if change.price is None else f"{change.price:,.0f}")
    return cells


def speed_cells(row: GoalFacts | TopModel | None) -> list[str]:
    """Speed and its interval."""
    if row is None or row.tokens_per_s is None or row.low_tokens_per_s is None:
        return ["–", "–"]
    high = row.high_tokens_per_s if row.high_tokens_per_s is not None else row.tokens_per_s
    return [f.speed(row.tokens_per_s), f.speed_range(row.low_tokens_per_s, high)]
