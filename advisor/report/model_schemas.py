"""JSON Schemas of one model, of the list of models and of the comparison of models."""

from __future__ import annotations

from advisor.report.schema_parts import (
    AMOUNT,
    BOOLEAN,
    COUNT,
    FIT,
    MEMORY,
    MODEL,
    PARTS,
    POSITIVE,
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

_BASIS = one_of("scores", "prior", "scores+prior")


def model_schema() -> Schema:
    """``model --json``."""
    return object_of(
        schema={"const": "rig-advice/model/1"},
        id=TEXT,
        name=TEXT,
        organization=TEXT,
        family=TEXT,
        architecture=TEXT,
        license=nullable(TEXT),
        release_date=nullable(TEXT),
        context_length_tokens=nullable(COUNT),
        modality=array_of(TEXT),
        tool_use=nullable(BOOLEAN),
        stage=TEXT,
        variant_of=nullable(TEXT),
        variant_kind=nullable(TEXT),
        variants=array_of(object_of(id=TEXT, kind=TEXT)),
        total_params=COUNT,
        active_params=COUNT,
        published_params=nullable(COUNT),
        check=TEXT,
        layers=TEXT,
        hidden_size=COUNT,
        heads=COUNT,
        kv_heads=COUNT,
        vocab_size=COUNT,
        sliding_window_tokens=nullable(COUNT),
        experts=COUNT,
        experts_active=COUNT,
        kv_bytes_per_token_f16=nullable(COUNT),
        window_kv_bytes_per_token_f16=nullable(COUNT),
        state_bytes_per_sequence=nullable(COUNT),
        vision_params=nullable(COUNT),
        vision_bytes=nullable(COUNT),
        projector=nullable(
            object_of(
                tensors=COUNT,
                files=array_of(object_of(type=TEXT, tensor_bytes=COUNT)),
                parts=array_of(object_of(part=TEXT, params=COUNT)),
                source=TEXT,
            )
        ),
        kv_by_runtime=array_of(object_of(runtime=TEXT, kv_type=TEXT, context_tokens=COUNT, kv_bytes=COUNT)),
        roles=array_of(object_of(role=TEXT, params=COUNT)),
        compute_buffers=array_of(
            object_of(context_tokens=COUNT, ubatch_tokens=COUNT, flash_attention=BOOLEAN, bytes=COUNT)
        ),
        ollama_defaults=nullable(
            object_of(
                users=COUNT,
                kv_type=TEXT,
                context_tokens_below_24_gib=COUNT,
                context_tokens_below_48_gib=COUNT,
                context_tokens_above=COUNT,
            )
        ),
        quants=array_of(
            object_of(
                quant=TEXT,
                tensor_bytes=COUNT,
                bits_per_weight=POSITIVE,
                quality_factor=POSITIVE,
                quality_factor_uncertainty=AMOUNT,
            )
        ),
        hand_made=array_of(
            object_of(
                quant=TEXT,
                tensor_bytes=COUNT,
                low_bytes=COUNT,
                high_bytes=COUNT,
                approximate=BOOLEAN,
                basis=TEXT,
            )
        ),
        formats=array_of(
            object_of(
                format=TEXT,
                tensor_bytes=COUNT,
                low_bytes=COUNT,
                high_bytes=COUNT,
                approximate=BOOLEAN,
                quality_factor=POSITIVE,
                quality_factor_uncertainty=AMOUNT,
            )
        ),
        native_quant=nullable(TEXT),
        gguf_repos=array_of(TEXT),
        mlx_repos=array_of(TEXT),
        aliases=array_of(TEXT),
        not_estimated_because=nullable(TEXT),
        source=TEXT,
        sources=array_of(object_of(figures=TEXT, source=TEXT)),
    )


def models_schema() -> Schema:
    """``models --json``."""
    here = object_of(
        quant=TEXT,
        fit=FIT,
        score=nullable(SCORE),
        decode_tokens_per_s=nullable(POSITIVE),
        decode_low_tokens_per_s=nullable(POSITIVE),
        decode_high_tokens_per_s=nullable(POSITIVE),
        ttft_s=nullable(POSITIVE),
        total_bytes=COUNT,
        missing_bytes=COUNT,
    )
    row = object_of(
        model=MODEL,
        family=TEXT,
        moe=BOOLEAN,
        modality=array_of(TEXT),
        tool_use=nullable(BOOLEAN),
        variant_of=nullable(TEXT),
        variant_kind=nullable(TEXT),
        kv_bytes_per_token_f16=nullable(AMOUNT),
        size_quant=TEXT,
        size_bytes=nullable(COUNT),
        quality=SCORE,
        quality_basis=_BASIS,
        not_estimated_because=nullable(TEXT),
        here=nullable(here),
    )
    return object_of(
        schema={"const": "rig-advice/models/1"},
        rig=nullable(RIG),
        question=nullable(QUESTION),
        use=TEXT,
        filter=nullable(TEXT),
        sort=TEXT,
        reverse=BOOLEAN,
        total=COUNT,
        matching=COUNT,
        listed=COUNT,
        rows=array_of(row),
    )


def compare_schema() -> Schema:
    """``compare --json``."""
    device = object_of(
        device=TEXT,
        kind=one_of("gpu", "unified", "cpu"),
        usable_bytes=COUNT,
        weights_bytes=COUNT,
        kv_bytes=COUNT,
        compute_bytes=COUNT,
    )
    side = object_of(
        model=MODEL,
        quant=TEXT,
        quants=array_of(TEXT),
        fit=FIT,
        score=nullable(SCORE),
        parts=nullable(PARTS),
        **SPEED,
        step_s=nullable(POSITIVE),
        terms=array_of(
            object_of(
                kind=one_of("weights", "kv", "ram", "compute", "link", "launch"), seconds=nullable(AMOUNT)
            )
        ),
        memory=MEMORY,
        devices=array_of(device),
        bottleneck=nullable(TEXT),
        bottleneck_share=nullable(AMOUNT),
        decode_by_depth=array_of(object_of(depth_tokens=COUNT, decode_tokens_per_s=nullable(POSITIVE))),
        quality=object_of(here=SCORE, unquantized=SCORE, basis=_BASIS, detail=TEXT, source=TEXT),
        context_tokens=COUNT,
        best=array_of(TEXT),
    )
    models = {**array_of(side), "minItems": 1, "maxItems": 4}
    return object_of(schema={"const": "rig-advice/compare/1"}, rig=RIG, question=QUESTION, models=models)
