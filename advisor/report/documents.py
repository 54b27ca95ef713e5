"""JSON documents of every result: units in the keys, integer bytes, ``null`` for unknown, fixed order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from advisor.core.estimate import EstimateTable, bottleneck, machine_at
from advisor.core.machine import Machine
from advisor.core.question import Question
from advisor.core.ranking import Ranking, fit_name
from advisor.core.score import Scores
from advisor.core.timing import Term
from advisor.pipeline import RankingResult
from advisor.report.placement_text import STRATEGY_NAMES
from catalog.quality import quality_basis
from catalog.types import Model
from probes.types import Rig

Document = dict[str, Any]

TERM_KEYS = {
    Term.WEIGHTS: "weights_s",
    Term.KV: "kv_s",
    Term.COMPUTE: "compute_s",
    Term.LAUNCH: "launch_s",
    Term.LINK: "link_s",
}
_SIGNIFICANT_DIGITS = 6


def number(value: float | None) -> float | None:
    """A JSON number with six significant digits; ``None`` for what is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")


def question_document(q: Question) -> Document:
    """What was asked."""
    return {
        "context_tokens": q.context,
        "users": q.users,
        "use": q.use,
        "kv_type": q.kv_type,
        "runtime": q.runtime,
        "depth_tokens": q.depth,
        "prompt_tokens": q.prompt,
        "runtime_year": q.runtime_year,
        "fit_context": q.fit_context,
        "min_tokens_per_s": q.min_tokens_per_s,
    }


def rig_summary(rig: Rig, machine: Machine) -> Document:
    """The rig in brief, with what the estimator made of it."""
    return {
        "name": rig.name,
        "cpu": rig.cpu.name.value,
        "cpu_cores": rig.cpu.physical_cores.value,
        "memory_bytes": rig.memory.total_bytes.value,
        "memory_type": rig.memory.type.value,
        "memory_channels": rig.memory.channels.value,
        "memory_mts": rig.memory.mts.value,
        "memory_bandwidth_bytes_per_s": number(machine.cpu.bandwidth),
        "memory_bandwidth_basis": machine.ram_bandwidth_basis,
        "memory_usable_bytes": int(machine.ram_usable_bytes),
        "accelerators": [
            {
                "name": gpu.name,
                "kind": gpu.kind,
                "memory_bytes": int(gpu.memory_bytes),
                "usable_bytes": int(gpu.usable_bytes),
                "bandwidth_bytes_per_s": number(gpu.bandwidth),
                "backend": gpu.backend or None,
            }
            for gpu in machine.gpus
        ],
        "assumptions": list(machine.assumptions),
        "notes": list(rig.notes),
    }


def model_summary(model: Model) -> Document:
    """The model in brief."""
    return {
        "id": model.id,
        "name": model.name,
        "organization": model.organization,
        "architecture": model.architecture,
        "total_params": model.total_params,
        "active_params": model.active_params,
        "context_length_tokens": model.context_length,
        "license": model.license,
        "release_date": model.release_date,
        "stage": model.stage,
    }


def speed_fields(table: EstimateTable, row: int) -> Document:
    """Speeds of a row with their 80 % interval; all ``null`` where the row does not fit."""
    fits = bool(table.fits[row])
    speed, low, high = table.speeds_at(row)
    prefill = float(table.prefill_s[row])
    shortest, longest = float(table.low_prefill_s[row]), float(table.high_prefill_s[row])
    ttft, soonest, latest = table.ttft_at(row)

    def known(value: float) -> float | None:
        return number(value) if fits else None

    return {
        "decode_tokens_per_s": known(speed),
        "decode_low_tokens_per_s": known(low),
        "decode_high_tokens_per_s": known(high),
        "system_tokens_per_s": known(speed * table.question.users),
        "prefill_tokens_per_s": known(table.question.prompt / prefill) if prefill > 0 else None,
        "prefill_low_tokens_per_s": known(table.question.prompt / longest) if prefill > 0 else None,
        "prefill_high_tokens_per_s": known(table.question.prompt / shortest) if prefill > 0 else None,
        "ttft_s": known(ttft),
        "ttft_low_s": known(soonest),
        "ttft_high_s": known(latest),
    }


def memory_fields(table: EstimateTable, row: int) -> Document:
    """Bytes of a row: in all, by kind, and what is short."""
    weights = int(table.weight_bytes[row].sum())
    kv = int(table.kv_bytes[row].sum())
    compute = int(table.compute_bytes[row].sum())
    return {
        "total_bytes": weights + kv + compute,
        "weights_bytes": weights,
        "kv_bytes": kv,
        "compute_bytes": compute,
        "missing_bytes": math.ceil(float(table.missing_bytes[row])),
        "file_bytes": int(table.candidates.file_bytes[row]),
    }


def score_fields(scores: Scores, row: int, fits: bool) -> Document:
    """The score and its parts, 0 to 100."""
    if not fits:
        return {"score": None, "parts": None}
    return {
        "score": number(float(scores.score[row])),
        "parts": {
            "quality": number(100 * float(scores.quality_part[row])),
            "decode": number(100 * float(scores.decode[row])),
            "prefill": number(100 * float(scores.prefill[row])),
            "fit": number(100 * float(scores.fit[row])),
            "context": number(100 * float(scores.context[row])),
        },
    }


def placement_fields(table: EstimateTable, row: int) -> Document:
    """Strategy and what each device holds and takes, in seconds and bytes."""
    strategy = int(table.strategy[row])
    devices = []
    for g, device in enumerate(machine_at(table, row).devices):
        if float(table.used_bytes[row, g]) <= 0:
            continue
        devices.append(
            {
                "device": device.name,
                "kind": device.kind,
                "layers": int(table.dense_layers[row, g]),
                "expert_layers": round(float(table.expert_layers[row, g]), 3),
                "head": bool(table.head[row, g]),
                "weights_bytes": int(table.weight_bytes[row, g]),
                "kv_bytes": int(table.kv_bytes[row, g]),
                "compute_bytes": int(table.compute_bytes[row, g]),
                "usable_bytes": int(device.usable_bytes),
                "terms": {key: number(float(table.terms[row, g, term])) for term, key in TERM_KEYS.items()},
            }
        )
    return {
        "strategy": STRATEGY_NAMES.get(strategy),
        "one_numa_node": bool(table.one_node[row]),
        "devices": devices,
    }


def rank_document(result: RankingResult, limit: int | None = None) -> Document:
    """``rank --json``."""
    ranking = result.ranking
    table = ranking.table
    rows = ranking.rows.tolist()
    listed = rows if limit is None else rows[:limit]
    return {
        "schema": "rig-advice/rank/1",
        "rig": rig_summary(result.rig, table.machine),
        "question": question_document(table.question),
        "filter": result.filter_text or None,
        "considered": ranking.considered,
        "matching": len(ranking),
        "fitting": ranking.fitting,
        "listed": len(listed),
        "rows": [rank_row(ranking, place, row) for place, row in zip(ranking.places, listed, strict=False)],
    }


def rank_row(ranking: Ranking, place: int, row: int) -> Document:
    """One row of a ranking."""
    table = ranking.table
    model = table.candidates.model(row)
    fits = bool(table.fits[row])
    label, share = bottleneck(table, row)
    return {
        "rank": place,
        "model": model_summary(model),
        "quant": table.candidates.quant(row),
        "fit": fit_name(table, row),
        "quality": number(100 * float(ranking.scores.quality[row])),
        "quality_basis": quality_basis(model),
        **score_fields(ranking.scores, row, fits),
        **speed_fields(table, row),
        "memory": memory_fields(table, row),
        "bottleneck": label if fits else None,
        "bottleneck_share": number(share) if fits else None,
        "variants": [table.candidates.model(i).name for i in ranking.variants[place - 1]],
        "context_exceeds_model": bool(
            model.context_length is not None and table.context[row] > model.context_length
        ),
        "context_tokens": int(table.context[row]),
    }


def sensitivity_fields(values: Mapping[str, float]) -> Document:
    """d ln(tokens/s) / d ln(parameter), to four decimals."""
    return {name: number(round(value, 4)) for name, value in values.items()}
