"""The JSON document of an explanation."""

from __future__ import annotations

import math

from advisor.core.alternatives import Alternative
from advisor.core.estimate import machine_at
from advisor.core.ranking import fit_name
from advisor.explanation import Explanation
from advisor.report.documents import (
    Document,
    memory_fields,
    number,
    placement_fields,
    question_document,
    rig_summary,
    score_fields,
    sensitivity_fields,
    speed_fields,
)
from advisor.report.evidence_text import evidence_fields
from advisor.report.matrix_text import matrix_fields
from advisor.report.model_summary import model_summary
from advisor.report.placement_text import STRATEGY_NAMES
from advisor.report.roofline import roofline_fields


def explain_document(e: Explanation) -> Document:
    """``explain --json``: the sum of all terms is ``step_s`` and 1 / step_s the decode speed."""
    table, row = e.table, e.row
    fits = bool(table.fits[row])
    return {
        "schema": "rig-advice/explain/1",
        "rig": rig_summary(e.rig, table.machine),
        "question": question_document(table.question),
        "model": model_summary(e.model),
        "quant": e.quant,
        "bits_per_weight": number(
            float(table.candidates.file_bytes[row]) * 8 / float(table.candidates.total_params[row])
        ),
        "fit": fit_name(table, row),
        **score_fields(e.scores, row, fits),
        **speed_fields(table, row),
        "interval": {"coverage": 0.8, "spread_log": number(float(table.spread_log[row]))},
        "prefill_interval": {"coverage": 0.8, "spread_log": number(float(table.prefill_spread_log[row]))},
        "step_s": number(float(table.decode_s[row])) if fits else None,
        "prefill_s": number(float(table.prefill_s[row])) if fits else None,
        "memory": memory_fields(table, row),
        "placement": placement_fields(table, row),
        "bottleneck": e.bottleneck if fits else None,
        "bottleneck_share": number(e.bottleneck_share) if fits else None,
        "sensitivities": sensitivity_fields(e.sensitivities) if fits else None,
        "decode_by_depth": [{"depth_tokens": d, "decode_tokens_per_s": number(v)} for d, v in e.by_depth]
        if fits
        else [],
        "quality": {
            "score": number(e.quality.score),
            "basis": e.quality.basis,
            "detail": e.quality.detail,
            "source": e.quality.source,
        },
        "strategies": [
            {
                "strategy": STRATEGY_NAMES[int(strategy)],
                "decode_tokens_per_s": number(1 / float(time[row])) if math.isfinite(time[row]) else None,
                "missing_bytes": _whole(float(missing[row])),
            }
            for strategy, time, missing in table.tried
        ],
        "alternatives": [_alternative(a) for a in e.alternatives],
        "remedies": _remedies(e),
        "matrix": matrix_fields(e.matrix),
        "roofline": roofline_fields(e.roofline),
        "evidence": evidence_fields(e.evidence),
        "context_tokens": int(table.context[row]),
        "quants": [
            {
                "quant": table.candidates.quant(i),
                "file_bytes": int(table.candidates.file_bytes[i]),
                "fit": fit_name(table, i),
                "missing_bytes": math.ceil(float(table.missing_bytes[i])),
                "decode_tokens_per_s": number(float(table.tokens_per_s[i])) if table.fits[i] else None,
                "quality": number(100 * float(e.scores.quality[i])),
                "score": number(float(e.scores.score[i])) if table.fits[i] else None,
            }
            for i in range(len(table))
        ],
        "efficiencies": [
            {
                "device": d.name,
                "class": d.architecture or None,
                "level": d.level,
                "bandwidth_share": number(d.eta),
                "rows": d.rows,
                "devices": d.measured_devices,
                "measured": d.measured,
                "source": d.efficiency_source,
            }
            for d in machine_at(table, row).devices
        ],
        "launch_command": e.launch_command,
        "benchmark_command": e.benchmark_command,
        "benchmark_reads": e.commands.reads if e.commands else None,
        "command_notes": list(e.commands.notes) if e.commands else [],
    }


def _alternative(a: Alternative) -> Document:
    return {
        "strategy": STRATEGY_NAMES[int(a.strategy)],
        "chosen": a.chosen,
        "decode_tokens_per_s": number(a.tokens_per_s),
        "decode_low_tokens_per_s": number(a.low_tokens_per_s),
        "decode_high_tokens_per_s": number(a.high_tokens_per_s),
        "missing_bytes": _whole(a.missing_bytes),
        "bottleneck": a.bound_by,
        "bottleneck_share": number(a.bound_share),
        "why": a.why,
    }


def _remedies(e: Explanation) -> Document | None:
    if e.remedies is None:
        return None
    return {
        "goal": e.remedies.goal,
        "changes": [
            {
                "kind": change.kind,
                "quant": change.value if change.kind == "quant" else None,
                "kv_type": change.value if change.kind == "kv_type" else None,
                "context_tokens": change.value if change.kind == "context" else None,
                "memory_bytes": change.value if change.kind == "memory" else None,
                "pool": change.pool if change.kind == "memory" else None,
                "limit_bytes": change.value if change.kind == "limit" else None,
                "decode_tokens_per_s": number(change.tokens_per_s),
            }
            for change in e.remedies.changes
        ],
    }


def _whole(size_bytes: float) -> int | None:
    """Bytes rounded up; ``None`` for what is not finite."""
    return math.ceil(max(size_bytes, 0.0)) if math.isfinite(size_bytes) else None
