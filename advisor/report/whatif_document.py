"""``what-if --json``: scenarios side by side, models with a cell for each."""

from __future__ import annotations

from advisor.comparison import Comparison, Scenario, network_of
from advisor.core.delta import delta_between
from advisor.core.estimate import bottleneck
from advisor.core.network_commands import network_plan
from advisor.core.ranking import fit_name
from advisor.report.documents import (
    Document,
    number,
    question_document,
    rig_summary,
    sensitivity_fields,
    speed_fields,
)
from advisor.report.model_summary import model_summary
from advisor.report.whatif_moves import moves_document, moves_of


def what_if_document(c: Comparison) -> Document:
    """Scenarios, then models with one cell per scenario."""
    base = c.rankings[0].table
    return {
        "schema": "rig-advice/what-if/1",
        "question": question_document(base.question),
        "scenarios": [
            {
                "name": scenario.name,
                "edits": [f"{verb} {value}" for verb, value in scenario.edits],
                "rig": rig_summary(scenario.rig, ranking.table.machine),
                "second_machine": _second_machine(scenario),
                "remarks": list(scenario.remarks),
                "fitting": ranking.fitting,
                "unlocked": [m.name for m in unlocked],
                "lost": [m.name for m in lost],
                "moves": moves_document(moves),
            }
            for scenario, ranking, unlocked, lost, moves in zip(
                c.scenarios, c.rankings, c.unlocked, c.lost, moves_of(c), strict=True
            )
        ],
        "models": [
            {
                "model": model_summary(compared.model),
                "best": [_cell(c, i, row, compared.rows[0]) for i, row in enumerate(compared.rows)],
                "same_quant": [
                    _cell(c, i, row, compared.same_quant_rows[0])
                    for i, row in enumerate(compared.same_quant_rows)
                ],
            }
            for compared in c.models
        ],
    }


def _second_machine(scenario: Scenario) -> Document | None:
    if scenario.partner is None:
        return None
    network = network_of(scenario.partner.link)
    return {
        "name": scenario.partner.rig.name,
        "link": network.name,
        "link_bytes_per_s": number(network.bytes_per_s),
        "latency_s": number(network.latency_s),
        "source": scenario.partner.link.source,
    }


def _cell(c: Comparison, scenario: int, row: int | None, base: int | None) -> Document | None:
    if row is None:
        return None
    ranking = c.rankings[scenario]
    table = ranking.table
    label, share = bottleneck(table, row)
    return {
        "quant": table.candidates.quant(row),
        "fit": fit_name(table, row),
        "score": number(float(ranking.scores.score[row])),
        **speed_fields(table, row),
        "memory_bytes": int(table.used_bytes[row].sum()),
        "bottleneck": label,
        "bottleneck_share": number(share),
        "sensitivities": sensitivity_fields(c.sensitivities[scenario][row]),
        "change": _change(c, scenario, row, base),
        "plan": _plan(c, scenario, row),
    }


def _change(c: Comparison, scenario: int, row: int, base: int | None) -> Document | None:
    """Against the present rig; ``null`` for itself and where the model does not run there."""
    if not scenario or base is None:
        return None
    delta = delta_between(c.rankings[0].table, base, c.rankings[scenario].table, row)
    return {
        "decode_ratio": number(delta.ratio),
        "decode_tokens_per_s": number(delta.tokens_per_s),
        "decode_low_tokens_per_s": number(delta.low_tokens_per_s),
        "decode_high_tokens_per_s": number(delta.high_tokens_per_s),
        "ttft_s": number(delta.ttft_s),
        "memory_bytes": int(delta.memory_bytes),
        "bottleneck_before": delta.limit_before,
        "bottleneck_stays": delta.limit_stays,
    }


def _plan(c: Comparison, scenario: int, row: int) -> Document | None:
    plan = network_plan(c.rankings[scenario].table, row)
    if plan is None:
        return None
    return {
        "layers_here": plan.layers_here,
        "layers_there": plan.layers_there,
        "command_there": plan.there,
        "command_here": plan.here,
        "other_engines": list(plan.others),
    }
