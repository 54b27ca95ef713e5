"""The JSON Schema of an explanation."""

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
    SENSITIVITIES,
    SPEED,
    STRATEGY,
    TEXT,
    Schema,
    array_of,
    nullable,
    object_of,
    one_of,
)


def explain_schema() -> Schema:
    """Of ``explain --json``."""
    terms = object_of(weights_s=AMOUNT, kv_s=AMOUNT, compute_s=AMOUNT, launch_s=AMOUNT, link_s=AMOUNT)
    device = object_of(
        device=TEXT,
        kind=one_of("gpu", "unified", "cpu"),
        layers=COUNT,
        expert_layers=AMOUNT,
        head=BOOLEAN,
        weights_bytes=COUNT,
        kv_bytes=COUNT,
        compute_bytes=COUNT,
        usable_bytes=COUNT,
        terms=terms,
    )
    return object_of(
        schema={"const": "rig-advice/explain/1"},
        rig=RIG,
        question=QUESTION,
        model=MODEL,
        quant=TEXT,
        bits_per_weight=nullable(POSITIVE),
        fit=FIT,
        score=nullable(SCORE),
        parts=nullable(PARTS),
        **SPEED,
        interval=object_of(coverage=POSITIVE, spread_log=nullable(AMOUNT)),
        prefill_interval=object_of(coverage=POSITIVE, spread_log=nullable(AMOUNT)),
        step_s=nullable(POSITIVE),
        prefill_s=nullable(POSITIVE),
        memory=MEMORY,
        placement=object_of(strategy=nullable(STRATEGY), one_numa_node=BOOLEAN, devices=array_of(device)),
        bottleneck=nullable(TEXT),
        bottleneck_share=nullable(AMOUNT),
        sensitivities=nullable(SENSITIVITIES),
        decode_by_depth=array_of(object_of(depth_tokens=COUNT, decode_tokens_per_s=nullable(POSITIVE))),
        quality=object_of(score=nullable(SCORE), basis=TEXT, detail=TEXT, source=TEXT),
        strategies=array_of(
            object_of(
                strategy=STRATEGY,
                decode_tokens_per_s=nullable(POSITIVE),
                missing_bytes=nullable(COUNT),
            )
        ),
        alternatives=array_of(
            object_of(
                strategy=STRATEGY,
                chosen=BOOLEAN,
                decode_tokens_per_s=nullable(POSITIVE),
                decode_low_tokens_per_s=nullable(POSITIVE),
                decode_high_tokens_per_s=nullable(POSITIVE),
                missing_bytes=nullable(COUNT),
                bottleneck=nullable(TEXT),
                bottleneck_share=nullable(AMOUNT),
                why=TEXT,
            )
        ),
        remedies=nullable(
            object_of(
                goal=one_of("fit", "gpu"),
                changes=array_of(
                    object_of(
                        kind=one_of("quant", "context", "kv_type", "memory", "limit"),
                        quant=nullable(TEXT),
                        kv_type=nullable(TEXT),
                        context_tokens=nullable(COUNT),
                        memory_bytes=nullable(COUNT),
                        pool=nullable(one_of("gpu", "ram")),
                        limit_bytes=nullable(COUNT),
                        decode_tokens_per_s=nullable(POSITIVE),
                    )
                ),
            )
        ),
        matrix=nullable(_matrix()),
        roofline=nullable(_roofline()),
        evidence=nullable(_evidence()),
        context_tokens=COUNT,
        quants=array_of(
            object_of(
                quant=TEXT,
                file_bytes=COUNT,
                fit=FIT,
                missing_bytes=COUNT,
                decode_tokens_per_s=nullable(POSITIVE),
                quality=nullable(SCORE),
                score=nullable(SCORE),
            )
        ),
        efficiencies=array_of(
            {
                **object_of(
                    device=TEXT,
                    level=TEXT,
                    bandwidth_share=nullable(POSITIVE),
                    rows=nullable(COUNT),
                    devices=nullable(COUNT),
                    measured=BOOLEAN,
                    source=TEXT,
                    **{"class": nullable(TEXT)},
                )
            }
        ),
        launch_command=nullable(TEXT),
        benchmark_command=nullable(TEXT),
        benchmark_reads=nullable(TEXT),
        command_notes=array_of(TEXT),
    )


def _matrix() -> Schema:
    cell = object_of(
        decode_tokens_per_s=nullable(POSITIVE),
        decode_low_tokens_per_s=nullable(POSITIVE),
        decode_high_tokens_per_s=nullable(POSITIVE),
        missing_bytes=nullable(COUNT),
        best=BOOLEAN,
    )
    return object_of(
        placements=array_of(object_of(strategy=STRATEGY, one_numa_node=BOOLEAN, never_chosen=BOOLEAN)),
        quants=array_of(object_of(quant=TEXT, file_bytes=COUNT, context_tokens=COUNT, cells=array_of(cell))),
    )


def _roofline() -> Schema:
    dot = object_of(
        kind=one_of("decode", "prompt"),
        users=COUNT,
        tokens=COUNT,
        flop=POSITIVE,
        read_bytes=COUNT,
        flop_per_byte=POSITIVE,
        flop_per_s=POSITIVE,
        time_s=POSITIVE,
        memory_s=AMOUNT,
        compute_s=AMOUNT,
        overhead_s=AMOUNT,
        devices_side_by_side=POSITIVE,
        bound_by=one_of("memory", "compute", "overhead"),
        times_the_roof=POSITIVE,
        reached_bytes_per_s=nullable(POSITIVE),
        ceiling_flop_per_s=nullable(POSITIVE),
    )
    return object_of(
        device=TEXT,
        device_kind=one_of("gpu", "unified", "cpu"),
        step_share=AMOUNT,
        bandwidth_bytes_per_s=POSITIVE,
        bandwidth_basis=one_of("measured", "specified", "assumed"),
        fp16_flop_per_s=nullable(POSITIVE),
        prompt_elsewhere=BOOLEAN,
        dots=array_of(dot),
    )


def _evidence() -> Schema:
    measured = one_of("device", "class", "none")
    basis = object_of(
        measured=measured,
        residuals_of=measured,
        kind=TEXT,
        kind_spread_log=POSITIVE,
        engine=TEXT,
        engine_factor=POSITIVE,
        situations=array_of(object_of(name=TEXT, factor=POSITIVE)),
        spread_log=POSITIVE,
    )
    return object_of(
        coverage=POSITIVE,
        factor=POSITIVE,
        decode=basis,
        prefill=basis,
        fitted_to=TEXT,
        narrower=array_of(
            object_of(
                what=one_of("ram_bandwidth", "runtime_version", "device"),
                narrows=BOOLEAN,
                spread_log=POSITIVE,
                decode_low_tokens_per_s=nullable(POSITIVE),
                decode_high_tokens_per_s=nullable(POSITIVE),
            )
        ),
    )
