"""``upgrade --json``: the search as a document, and its schema's counterpart in ``schemas``."""

from __future__ import annotations

from advisor.core.ranking import Ranking, fit_name
from advisor.pipeline import machine_of
from advisor.report.documents import (
    Document,
    memory_fields,
    number,
    question_document,
    rig_summary,
    sensitivity_fields,
    speed_fields,
)
from advisor.report.model_summary import model_summary
from advisor.report.upgrade_names import option_name, what_if_command
from advisor.report.upgrade_rows import TOP_MODELS
from advisor.upgrade.options import Option
from advisor.upgrade.outcome import Outcome, Reach
from advisor.upgrade.parts import Parts
from advisor.upgrade.reach import UpgradeResult
from advisor.upgrade.spend import SpendResult


def document_of(result: UpgradeResult | SpendResult, limit: int | None = None) -> Document:
    """The answer, to a goal or without one."""
    return upgrade_document(result, limit) if isinstance(result, UpgradeResult) else spend_document(result)


def upgrade_document(result: UpgradeResult, limit: int | None = None) -> Document:
    """The answer to a goal, with at most ``limit`` changes."""
    now = result.now.reaches

    def option(outcome: Outcome) -> Document:
        return {
            **_option(outcome.option, outcome.remarks),
            "verdict": outcome.verdict,
            "goals": [_reach(r, n, outcome.option) for r, n in zip(outcome.reaches, now, strict=True)],
            "ranking": None,
        }

    return {
        **_head(result),
        "goals": [
            {
                "goal": goal.text,
                "model": model_summary(goal.model),
                "quant": goal.quant,
                "quants": list(goal.quants),
                "tokens_per_s": number(goal.tokens_per_s),
            }
            for goal in result.goals
        ],
        "reached_now": result.now.reached,
        "now": option(result.now),
        "options": [option(outcome) for outcome in result.options[:limit]],
        "machines": [option(outcome) for outcome in result.machines[:limit]],
        "nearest": option(result.best) if result.best else None,
    }


def spend_document(result: SpendResult) -> Document:
    """The answer without a goal."""
    c = result.comparison
    options = [
        {
            **_option(option, scenario.remarks),
            "verdict": None,
            "goals": [],
            "ranking": {
                **_ranking(ranking),
                "unlocked": [model.name for model in unlocked],
                "lost": [model.name for model in lost],
            },
        }
        for option, scenario, ranking, unlocked, lost in zip(
            (None, *result.options), c.scenarios, c.rankings, c.unlocked, c.lost, strict=True
        )
    ]
    return {
        **_head(result),
        "goals": [],
        "reached_now": None,
        "now": options[0],
        "options": options[1:],
        "machines": [],
        "nearest": None,
    }


def _head(result: UpgradeResult | SpendResult) -> Document:
    return {
        "schema": "rig-advice/upgrade/1",
        "rig": rig_summary(result.rig, machine_of(result.rig)),
        "question": question_document(result.question),
        "ordered_by": "price" if result.parts.prices else "smallest change",
        "budget": number(result.budget),
        "prices": _prices(result.parts),
        "considered": result.considered,
        "evaluated": result.evaluated,
        "notes": list(result.notes),
    }


def _prices(parts: Parts) -> Document | None:
    prices = parts.prices
    if prices is None:
        return None
    return {"file": prices.file, "date": prices.date, "currency": prices.currency}


def _option(option: Option | None, remarks: tuple[str, ...]) -> Document:
    return {
        "name": option_name(option),
        "changes": [{"change": verb, "value": value} for verb, value in option.edits] if option else [],
        "parts": option.changes if option else 0,
        "whole_machine": option.parts[0].value if option and option.whole_machine else None,
        "price": number(option.price) if option else None,
        "watts": number(option.watts) if option else None,
        "what_if": what_if_command(option, None) if option else None,
        "remarks": list(remarks),
    }


def gained(reach: Reach, now: Reach) -> float:
    """Tokens/s more than without the change."""
    return reach.tokens_per_s - now.tokens_per_s


def _reach(reach: Reach, now: Reach, option: Option | None) -> Document:
    bound = reach.bottleneck
    gain = gained(reach, now)
    return {
        "model": reach.goal.model.id,
        "quant": reach.quant,
        "fit": fit_name(reach.table, reach.row),
        "goal_tokens_per_s": number(reach.goal.tokens_per_s),
        "verdict": reach.verdict,
        "probability": number(round(reach.probability, 4)),
        **speed_fields(reach.table, reach.row),
        "gained_tokens_per_s": number(gain) if option else None,
        "gained_tokens_per_s_per_price": _per(gain, option.price if option else None),
        "gained_tokens_per_s_per_watt": _per(gain, option.watts if option else None),
        "memory": memory_fields(reach.table, reach.row),
        "bottleneck": bound[0] if bound else None,
        "bottleneck_share": number(bound[1]) if bound else None,
        "sensitivities": sensitivity_fields(reach.sensitivities) if bound else None,
        "finer_quant": reach.finer,
        "finer_tokens_per_s": number(reach.finer_tokens_per_s),
    }


def _per(gain: float, amount: float | None) -> float | None:
    return number(gain / amount) if amount else None


def _ranking(ranking: Ranking) -> Document:
    table = ranking.table
    rows = [row for row in ranking.rows.tolist() if table.fits[row]][:TOP_MODELS]
    return {
        "fitting": ranking.fitting,
        "top": [
            {
                "model": table.candidates.model(row).id,
                "quant": table.candidates.quant(row),
                "score": number(float(ranking.scores.score[row])),
                **speed_fields(table, row),
            }
            for row in rows
        ],
    }
