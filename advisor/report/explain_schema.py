"""The JSON Schema of an explanation."""

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
    _SENSITIVITIES,
    _SPEED,
    _STRATEGY,
    _TEXT,
    Schema,
    _array,
    _nullable,
    _object,
    _one_of,
)


def explain_schema() -> Schema:
    """Of ``explain --json``."""
    terms = _object(weights_s=_AMOUNT, kv_s=_AMOUNT, compute_s=_AMOUNT, launch_s=_AMOUNT, link_s=_AMOUNT)
    device = _object(
        device=_TEXT,
        kind=_one_of("gpu", "unified", "cpu"),
        layers=_COUNT,
        expert_layers=_AMOUNT,
        head=_BOOLEAN,
        weights_bytes=_COUNT,
        kv_bytes=_COUNT,
        compute_bytes=_COUNT,
        usable_bytes=_COUNT,
        terms=terms,
    )
    return _object(
        schema={"const": "rig-advice/explain/1"},
        rig=_RIG,
        question=_QUESTION,
        model=_MODEL,
        quant=_TEXT,
        bits_per_weight=_nullable(_POSITIVE),
        fit=_FIT,
        score=_nullable(_SCORE),
        parts=_nullable(_PARTS),
        **_SPEED,
        interval=_object(coverage=_POSITIVE, spread_log=_nullable(_AMOUNT)),
        prefill_interval=_object(coverage=_POSITIVE, spread_log=_nullable(_AMOUNT)),
        step_s=_nullable(_POSITIVE),
        prefill_s=_nullable(_POSITIVE),
        memory=_MEMORY,
        placement=_object(strategy=_nullable(_STRATEGY), one_numa_node=_BOOLEAN, devices=_array(device)),
        bottleneck=_nullable(_TEXT),
        bottleneck_share=_nullable(_AMOUNT),
        sensitivities=_nullable(_SENSITIVITIES),
        decode_by_depth=_array(_object(depth_tokens=_COUNT, decode_tokens_per_s=_nullable(_POSITIVE))),
        quality=_object(score=_nullable(_SCORE), basis=_TEXT, detail=_TEXT, source=_TEXT),
        strategies=_array(
            _object(
                strategy=_STRATEGY,
                decode_tokens_per_s=_nullable(_POSITIVE),
                missing_bytes=_nullable(_COUNT),
            )
        ),
        alternatives=_array(
            _object(
                strategy=_STRATEGY,
                chosen=_BOOLEAN,
                decode_tokens_per_s=_nullable(_POSITIVE),
                decode_low_tokens_per_s=_nullable(_POSITIVE),
                decode_high_tokens_per_s=_nullable(_POSITIVE),
                missing_bytes=_nullable(_COUNT),
                bottleneck=_nullable(_TEXT),
                bottleneck_share=_nullable(_AMOUNT),
                why=_TEXT,
            )
        ),
        remedies=_nullable(
            _object(
                goal=_one_of("fit", "gpu"),
                changes=_array(
                    _object(
                        kind=_one_of("quant", "context", "kv_type", "memory", "limit"),
                        quant=_nullable(_TEXT),
                        kv_type=_nullable(_TEXT),
                        context_tokens=_nullable(_COUNT),
                        memory_bytes=_nullable(_COUNT),
                        pool=_nullable(_one_of("gpu", "ram")),
                        limit_bytes=_nullable(_COUNT),
                        decode_tokens_per_s=_nullable(_POSITIVE),
                    )
                ),
            )
        ),
        matrix=_nullable(_matrix()),
        roofline=_nullable(_roofline()),
        evidence=_nullable(_evidence()),
        context_tokens=_COUNT,
        quants=_array(
            _object(
                quant=_TEXT,
                file_bytes=_COUNT,
                fit=_FIT,
                missing_bytes=_COUNT,
                decode_tokens_per_s=_nullable(_POSITIVE),
                quality=_nullable(_SCORE),
                score=_nullable(_SCORE),
            )
        ),
        efficiencies=_array(
            {
                **_object(
                    device=_TEXT,
                    level=_TEXT,
                    bandwidth_share=_nullable(_POSITIVE),
                    rows=_nullable(_COUNT),
                    devices=_nullable(_COUNT),
                    measured=_BOOLEAN,
                    source=_TEXT,
                    **{"class": _nullable(_TEXT)},
                )
            }
        ),
        launch_command=_nullable(_TEXT),
        benchmark_command=_nullable(_TEXT),
        benchmark_reads=_nullable(_TEXT),
        command_notes=_array(_TEXT),
    )


def _matrix() -> Schema:
    cell = _object(
        decode_tokens_per_s=_nullable(_POSITIVE),
        decode_low_tokens_per_s=_nullable(_POSITIVE),
        decode_high_tokens_per_s=_nullable(_POSITIVE),
        missing_bytes=_nullable(_COUNT),
        best=_BOOLEAN,
    )
    return _object(
        placements=_array(_object(strategy=_STRATEGY, one_numa_node=_BOOLEAN, never_chosen=_BOOLEAN)),
        quants=_array(_object(quant=_TEXT, file_bytes=_COUNT, context_tokens=_COUNT, cells=_array(cell))),
    )


def _roofline() -> Schema:
    dot = _object(
        kind=_one_of("decode", "prompt"),
        users=_COUNT,
        tokens=_COUNT,
        flop=_POSITIVE,
        read_bytes=_COUNT,
        flop_per_byte=_POSITIVE,
        flop_per_s=_POSITIVE,
        time_s=_POSITIVE,
        memory_s=_AMOUNT,
        compute_s=_AMOUNT,
        overhead_s=_AMOUNT,
        devices_side_by_side=_POSITIVE,
        bound_by=_one_of("memory", "compute", "overhead"),
        times_the_roof=_POSITIVE,
        reached_bytes_per_s=_nullable(_POSITIVE),
        ceiling_flop_per_s=_nullable(_POSITIVE),
    )
    return _object(
        device=_TEXT,
        device_kind=_one_of("gpu", "unified", "cpu"),
        step_share=_AMOUNT,
        bandwidth_bytes_per_s=_POSITIVE,
        bandwidth_basis=_one_of("measured", "specified", "assumed"),
        fp16_flop_per_s=_nullable(_POSITIVE),
        prompt_elsewhere=_BOOLEAN,
        dots=_array(dot),
    )


def _evidence() -> Schema:
    measured = _one_of("device", "class", "none")
    basis = _object(
        measured=measured,
        residuals_of=measured,
        kind=_TEXT,
        kind_spread_log=_POSITIVE,
        engine=_TEXT,
        engine_factor=_POSITIVE,
        situations=_array(_object(name=_TEXT, factor=_POSITIVE)),
        spread_log=_POSITIVE,
    )
    return _object(
        coverage=_POSITIVE,
        factor=_POSITIVE,
        decode=basis,
        prefill=basis,
        fitted_to=_TEXT,
        narrower=_array(
            _object(
                what=_one_of("ram_bandwidth", "runtime_version", "device"),
                narrows=_BOOLEAN,
                spread_log=_POSITIVE,
                decode_low_tokens_per_s=_nullable(_POSITIVE),
                decode_high_tokens_per_s=_nullable(_POSITIVE),
            )
        ),
    )
