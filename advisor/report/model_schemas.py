"""JSON Schemas of the list of models and of the comparison of models."""

from __future__ import annotations

from advisor.report.schemas import (
    _AMOUNT,
    _BOOLEAN,
    _COUNT,
    _FIT,
    _MEMORY,
    _MODEL,
    _PARTS,
    _POSITIVE,
    _QUESTION,
    _RIG,
    _SCORE,
    _SPEED,
    _TEXT,
    Schema,
    _array,
    _nullable,
    _object,
    _one_of,
)

_BASIS = _one_of("scores", "prior", "scores+prior")


def models_schema() -> Schema:
    """``models --json``."""
    here = _object(
        quant=_TEXT,
        fit=_FIT,
        score=_nullable(_SCORE),
        decode_tokens_per_s=_nullable(_POSITIVE),
        decode_low_tokens_per_s=_nullable(_POSITIVE),
        decode_high_tokens_per_s=_nullable(_POSITIVE),
        ttft_s=_nullable(_POSITIVE),
        total_bytes=_COUNT,
        missing_bytes=_COUNT,
    )
    row = _object(
        model=_MODEL,
        family=_TEXT,
        moe=_BOOLEAN,
        modality=_array(_TEXT),
        tool_use=_nullable(_BOOLEAN),
        variant_of=_nullable(_TEXT),
        variant_kind=_nullable(_TEXT),
        kv_bytes_per_token_f16=_nullable(_AMOUNT),
        size_quant=_TEXT,
        size_bytes=_nullable(_COUNT),
        quality=_SCORE,
        quality_basis=_BASIS,
        not_estimated_because=_nullable(_TEXT),
        here=_nullable(here),
    )
    return _object(
        schema={"const": "rig-advice/models/1"},
        rig=_nullable(_RIG),
        question=_nullable(_QUESTION),
        use=_TEXT,
        filter=_nullable(_TEXT),
        sort=_TEXT,
        reverse=_BOOLEAN,
        total=_COUNT,
        matching=_COUNT,
        listed=_COUNT,
        rows=_array(row),
    )


def compare_schema() -> Schema:
    """``compare --json``."""
    device = _object(
        device=_TEXT,
        kind=_one_of("gpu", "unified", "cpu"),
        usable_bytes=_COUNT,
        weights_bytes=_COUNT,
        kv_bytes=_COUNT,
        compute_bytes=_COUNT,
    )
    side = _object(
        model=_MODEL,
        quant=_TEXT,
        quants=_array(_TEXT),
        fit=_FIT,
        score=_nullable(_SCORE),
        parts=_nullable(_PARTS),
        **_SPEED,
        step_s=_nullable(_POSITIVE),
        terms=_array(
            _object(
                kind=_one_of("weights", "kv", "ram", "compute", "link", "launch"), seconds=_nullable(_AMOUNT)
            )
        ),
        memory=_MEMORY,
        devices=_array(device),
        bottleneck=_nullable(_TEXT),
        bottleneck_share=_nullable(_AMOUNT),
        decode_by_depth=_array(_object(depth_tokens=_COUNT, decode_tokens_per_s=_nullable(_POSITIVE))),
        quality=_object(here=_SCORE, unquantized=_SCORE, basis=_BASIS, detail=_TEXT, source=_TEXT),
        context_tokens=_COUNT,
        best=_array(_TEXT),
    )
    models = {**_array(side), "minItems": 1, "maxItems": 4}
    return _object(schema={"const": "rig-advice/compare/1"}, rig=_RIG, question=_QUESTION, models=models)
