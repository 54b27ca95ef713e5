"""The JSON Schema of a ranking."""

from __future__ import annotations

from advisor.report.schema_parts import (
    AMOUNT,
    BOOLEAN,
    COUNT,
    FIT,
    MEMORY,
    MODEL,
    PARTS,
    QUESTION,
    RIG,
    SCORE,
    SPEED,
    TEXT,
    Schema,
    array_of,
    nullable,
    object_of,
    one_of,
)


def rank_schema() -> Schema:
    """Of ``rank --json``."""
    row = object_of(
        rank=COUNT,
        model=MODEL,
        quant=TEXT,
        fit=FIT,
        quality=SCORE,
        quality_basis=one_of("scores", "prior", "scores+prior"),
        score=nullable(SCORE),
        parts=nullable(PARTS),
        **SPEED,
        memory=MEMORY,
        bottleneck=nullable(TEXT),
        bottleneck_share=nullable(AMOUNT),
        variants=array_of(TEXT),
        context_exceeds_model=BOOLEAN,
        context_tokens=COUNT,
    )
    return object_of(
        schema={"const": "rig-advice/rank/1"},
        rig=RIG,
        question=QUESTION,
        filter=nullable(TEXT),
        considered=COUNT,
        matching=COUNT,
        fitting=COUNT,
        listed=COUNT,
        rows=array_of(row),
    )
