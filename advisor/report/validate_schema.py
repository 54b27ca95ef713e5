"""The JSON Schema of predictions beside measurements."""

from __future__ import annotations

from advisor.report.schema_parts import (
    AMOUNT,
    COUNT,
    NUMBER,
    TEXT,
    Schema,
    array_of,
    nullable,
    object_of,
    one_of,
)


def validate_schema() -> Schema:
    """Of ``validate --json``."""
    row = object_of(
        id=TEXT,
        status=one_of("ok", "skipped"),
        reason=nullable(TEXT),
        remarks=array_of(TEXT),
        measured_tokens_per_s=nullable(NUMBER),
        predicted_tokens_per_s=nullable(NUMBER),
        low_tokens_per_s=nullable(NUMBER),
        high_tokens_per_s=nullable(NUMBER),
        measured_prefill_tokens_per_s=nullable(NUMBER),
        predicted_prefill_tokens_per_s=nullable(NUMBER),
        low_prefill_tokens_per_s=nullable(NUMBER),
        high_prefill_tokens_per_s=nullable(NUMBER),
        measured_weights_bytes=nullable(NUMBER),
        predicted_weights_bytes=nullable(NUMBER),
        measured_kv_bytes=nullable(NUMBER),
        predicted_kv_bytes=nullable(NUMBER),
        measured_compute_bytes=nullable(NUMBER),
        predicted_compute_bytes=nullable(NUMBER),
        measured_total_bytes=nullable(NUMBER),
        predicted_total_bytes=nullable(NUMBER),
        measured_bytes=nullable(NUMBER),
        predicted_bytes=nullable(NUMBER),
        labels={"type": "object", "additionalProperties": TEXT},
    )
    row["required"] = ["id", "status", "reason", "remarks", "labels"]
    statistics = object_of(
        by=array_of(TEXT),
        slice=TEXT,
        quantity=TEXT,
        n=COUNT,
        median_error=nullable(AMOUNT),
        mean_error=nullable(AMOUNT),
        within_15_percent=nullable(AMOUNT),
        within_25_percent=nullable(AMOUNT),
        off_by_2x=nullable(AMOUNT),
        interval_coverage=nullable(AMOUNT),
        bias=nullable(NUMBER),
    )
    return object_of(
        schema={"const": "rig-advice/validate/1"},
        files=array_of(object_of(file=TEXT, kind=TEXT, rows=COUNT, ok=COUNT, skipped=COUNT)),
        statistics=array_of(statistics),
        rows=array_of(row),
    )
