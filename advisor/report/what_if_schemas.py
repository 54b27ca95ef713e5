"""JSON Schemas of the comparison of scenarios and of the curves."""

from __future__ import annotations

from advisor.report.schema_parts import (
    AMOUNT,
    BOOLEAN,
    COUNT,
    FIT,
    MODEL,
    NUMBER,
    POSITIVE,
    QUESTION,
    RIG,
    SCORE,
    SENSITIVITIES,
    SPEED,
    TEXT,
    Schema,
    array_of,
    nullable,
    object_of,
    one_of,
)


def what_if_schema() -> Schema:
    """Of ``what-if --json``."""
    change = object_of(
        decode_ratio=nullable(POSITIVE),
        decode_tokens_per_s=nullable(NUMBER),
        decode_low_tokens_per_s=nullable(NUMBER),
        decode_high_tokens_per_s=nullable(NUMBER),
        ttft_s=nullable(NUMBER),
        memory_bytes={"type": "integer"},
        bottleneck_before=TEXT,
        bottleneck_stays=BOOLEAN,
    )
    plan = object_of(
        layers_here=COUNT,
        layers_there=COUNT,
        command_there=TEXT,
        command_here=TEXT,
        other_engines=array_of(TEXT),
    )
    cell = nullable(
        object_of(
            quant=TEXT,
            fit=FIT,
            score=nullable(SCORE),
            **SPEED,
            memory_bytes=COUNT,
            bottleneck=TEXT,
            bottleneck_share=nullable(AMOUNT),
            sensitivities=SENSITIVITIES,
            change=nullable(change),
            plan=nullable(plan),
        )
    )
    return object_of(
        schema={"const": "rig-advice/what-if/1"},
        question=QUESTION,
        scenarios=array_of(
            object_of(
                name=TEXT,
                edits=array_of(TEXT),
                rig=RIG,
                second_machine=nullable(
                    object_of(
                        name=TEXT,
                        link=TEXT,
                        link_bytes_per_s=nullable(POSITIVE),
                        latency_s=nullable(AMOUNT),
                        source=TEXT,
                    )
                ),
                remarks=array_of(TEXT),
                fitting=COUNT,
                unlocked=array_of(TEXT),
                lost=array_of(TEXT),
                moves=_moves(),
            )
        ),
        models=array_of(object_of(model=MODEL, best=array_of(cell), same_quant=array_of(cell))),
    )


def _moves() -> Schema:
    run = object_of(
        quant=TEXT,
        fit=FIT,
        rank=nullable(COUNT),
        memory_bytes=COUNT,
        missing_bytes=COUNT,
        decode_tokens_per_s=nullable(POSITIVE),
        decode_low_tokens_per_s=nullable(POSITIVE),
        decode_high_tokens_per_s=nullable(POSITIVE),
        score=nullable(SCORE),
    )
    moves = array_of(
        object_of(
            model=MODEL,
            before=run,
            after=run,
            places=nullable({"type": "integer"}),
            decode_ratio=nullable(POSITIVE),
        )
    )
    return object_of(unlocked=moves, lost=moves, moved=moves, passed=COUNT, unchanged=COUNT)


def plot_schema() -> Schema:
    """Of ``plot --json``."""
    point = object_of(
        x=nullable(POSITIVE),
        quant=TEXT,
        fit=FIT,
        decode_tokens_per_s=nullable(POSITIVE),
        decode_low_tokens_per_s=nullable(POSITIVE),
        decode_high_tokens_per_s=nullable(POSITIVE),
        ttft_s=nullable(POSITIVE),
        bottleneck=nullable(TEXT),
    )
    return object_of(
        schema={"const": "rig-advice/plot/1"},
        over=one_of("ram-bandwidth", "context", "users", "quant"),
        x_key=TEXT,
        model=MODEL,
        quant=nullable(TEXT),
        question=QUESTION,
        curves=array_of(object_of(scenario=TEXT, now_x=nullable(POSITIVE), points=array_of(point))),
    )
