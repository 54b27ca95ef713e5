"""JSON Schemas (2020-12) of everything printed with ``--json``.

All properties are required and no others allowed: a document says everything or ``null``.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


_TEXT: Schema = {"type": "string"}
_BOOLEAN: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_POSITIVE: Schema = {"type": "number", "exclusiveMinimum": 0}
_NUMBER: Schema = {"type": "number"}
_AMOUNT: Schema = {"type": "number", "minimum": 0}
_SCORE: Schema = {"type": "number", "minimum": 0, "maximum": 100}
_FIT = _one_of("full", "offload", "cpu", "none")
_STRATEGY = _one_of("accelerator", "experts_in_ram", "layers_split", "cpu", "tensor_parallel", "kv_in_ram")

_SPEED: dict[str, Schema] = {
    "decode_tokens_per_s": _nullable(_POSITIVE),
    "decode_low_tokens_per_s": _nullable(_POSITIVE),
    "decode_high_tokens_per_s": _nullable(_POSITIVE),
    "system_tokens_per_s": _nullable(_POSITIVE),
    "prefill_tokens_per_s": _nullable(_POSITIVE),
    "prefill_low_tokens_per_s": _nullable(_POSITIVE),
    "prefill_high_tokens_per_s": _nullable(_POSITIVE),
    "ttft_s": _nullable(_POSITIVE),
    "ttft_low_s": _nullable(_POSITIVE),
    "ttft_high_s": _nullable(_POSITIVE),
}
_MEMORY = _object(
    total_bytes=_COUNT,
    weights_bytes=_COUNT,
    kv_bytes=_COUNT,
    compute_bytes=_COUNT,
    missing_bytes=_COUNT,
    file_bytes=_COUNT,
)
_QUESTION = _object(
    context_tokens=_COUNT,
    users=_COUNT,
    use=_TEXT,
    kv_type=_TEXT,
    runtime=_TEXT,
    depth_tokens=_COUNT,
    prompt_tokens=_COUNT,
    runtime_year=_nullable(_POSITIVE),
    fit_context=_BOOLEAN,
    min_tokens_per_s={"type": "number", "minimum": 0},
)
_RIG = _object(
    name=_TEXT,
    cpu=_nullable(_TEXT),
    cpu_cores=_nullable(_COUNT),
    memory_bytes=_nullable(_COUNT),
    memory_type=_nullable(_TEXT),
    memory_channels=_nullable(_COUNT),
    memory_mts=_nullable(_COUNT),
    memory_bandwidth_bytes_per_s=_nullable(_POSITIVE),
    memory_bandwidth_basis=_one_of("measured", "specified", "assumed"),
    memory_usable_bytes=_COUNT,
    accelerators=_array(
        _object(
            name=_TEXT,
            kind=_one_of("gpu", "unified"),
            memory_bytes=_COUNT,
            usable_bytes=_COUNT,
            bandwidth_bytes_per_s=_nullable(_POSITIVE),
            backend=_nullable(_TEXT),
        )
    ),
    assumptions=_array(_TEXT),
    notes=_array(_TEXT),
)
_MODEL = _object(
    id=_TEXT,
    name=_TEXT,
    organization=_TEXT,
    architecture=_TEXT,
    total_params=_COUNT,
    active_params=_COUNT,
    context_length_tokens=_nullable(_COUNT),
    license=_nullable(_TEXT),
    release_date=_nullable(_TEXT),
    stage=_TEXT,
)
_SENSITIVITIES = _object(
    vram_bandwidth=_NUMBER,
    ram_bandwidth=_NUMBER,
    cores=_NUMBER,
    compute=_NUMBER,
    link=_NUMBER,
    launch=_NUMBER,
)
_PARTS = _object(quality=_SCORE, decode=_SCORE, prefill=_SCORE, fit=_SCORE, context=_SCORE)


def _rank() -> Schema:
    row = _object(
        rank=_COUNT,
        model=_MODEL,
        quant=_TEXT,
        fit=_FIT,
        quality=_SCORE,
        quality_basis=_one_of("scores", "prior", "scores+prior"),
        score=_nullable(_SCORE),
        parts=_nullable(_PARTS),
        **_SPEED,
        memory=_MEMORY,
        bottleneck=_nullable(_TEXT),
        bottleneck_share=_nullable(_AMOUNT),
        variants=_array(_TEXT),
        context_exceeds_model=_BOOLEAN,
        context_tokens=_COUNT,
    )
    return _object(
        schema={"const": "rig-advice/rank/1"},
        rig=_RIG,
        question=_QUESTION,
        filter=_nullable(_TEXT),
        considered=_COUNT,
        matching=_COUNT,
        fitting=_COUNT,
        listed=_COUNT,
        rows=_array(row),
    )


def _explain() -> Schema:
    from advisor.report.explain_schema import explain_schema

    return explain_schema()


def _what_if() -> Schema:
    change = _object(
        decode_ratio=_nullable(_POSITIVE),
        decode_tokens_per_s=_nullable(_NUMBER),
        decode_low_tokens_per_s=_nullable(_NUMBER),
        decode_high_tokens_per_s=_nullable(_NUMBER),
        ttft_s=_nullable(_NUMBER),
        memory_bytes={"type": "integer"},
        bottleneck_before=_TEXT,
        bottleneck_stays=_BOOLEAN,
    )
    plan = _object(
        layers_here=_COUNT,
        layers_there=_COUNT,
        command_there=_TEXT,
        command_here=_TEXT,
        other_engines=_array(_TEXT),
    )
    cell = _nullable(
        _object(
            quant=_TEXT,
            fit=_FIT,
            score=_nullable(_SCORE),
            **_SPEED,
            memory_bytes=_COUNT,
            bottleneck=_TEXT,
            bottleneck_share=_nullable(_AMOUNT),
            sensitivities=_SENSITIVITIES,
            change=_nullable(change),
            plan=_nullable(plan),
        )
    )
    return _object(
        schema={"const": "rig-advice/what-if/1"},
        question=_QUESTION,
        scenarios=_array(
            _object(
                name=_TEXT,
                edits=_array(_TEXT),
                rig=_RIG,
                second_machine=_nullable(
                    _object(
                        name=_TEXT,
                        link=_TEXT,
                        link_bytes_per_s=_nullable(_POSITIVE),
                        latency_s=_nullable(_AMOUNT),
                        source=_TEXT,
                    )
                ),
                remarks=_array(_TEXT),
                fitting=_COUNT,
                unlocked=_array(_TEXT),
                lost=_array(_TEXT),
                moves=_moves(),
            )
        ),
        models=_array(_object(model=_MODEL, best=_array(cell), same_quant=_array(cell))),
    )


def _moves() -> Schema:
    run = _object(
        quant=_TEXT,
        fit=_FIT,
        rank=_nullable(_COUNT),
        memory_bytes=_COUNT,
        missing_bytes=_COUNT,
        decode_tokens_per_s=_nullable(_POSITIVE),
        decode_low_tokens_per_s=_nullable(_POSITIVE),
        decode_high_tokens_per_s=_nullable(_POSITIVE),
        score=_nullable(_SCORE),
    )
    moves = _array(
        _object(
            model=_MODEL,
            before=run,
            after=run,
            places=_nullable({"type": "integer"}),
            decode_ratio=_nullable(_POSITIVE),
        )
    )
    return _object(unlocked=moves, lost=moves, moved=moves, passed=_COUNT, unchanged=_COUNT)


def _plot() -> Schema:
    point = _object(
        x=_nullable(_POSITIVE),
        quant=_TEXT,
        fit=_FIT,
        decode_tokens_per_s=_nullable(_POSITIVE),
        decode_low_tokens_per_s=_nullable(_POSITIVE),
        decode_high_tokens_per_s=_nullable(_POSITIVE),
        ttft_s=_nullable(_POSITIVE),
        bottleneck=_nullable(_TEXT),
    )
    return _object(
        schema={"const": "rig-advice/plot/1"},
        over=_one_of("ram-bandwidth", "context", "users", "quant"),
        x_key=_TEXT,
        model=_MODEL,
        quant=_nullable(_TEXT),
        question=_QUESTION,
        curves=_array(_object(scenario=_TEXT, now_x=_nullable(_POSITIVE), points=_array(point))),
    )


def _upgrade() -> Schema:
    """Amounts of money are in the currency of the user's price file."""
    goal = _object(
        model=_TEXT,
        quant=_TEXT,
        fit=_FIT,
        goal_tokens_per_s=_POSITIVE,
        verdict=_one_of("sure", "likely", "possible", "no"),
        probability=_AMOUNT,
        **_SPEED,
        gained_tokens_per_s=_nullable(_NUMBER),
        gained_tokens_per_s_per_price=_nullable(_NUMBER),
        gained_tokens_per_s_per_watt=_nullable(_NUMBER),
        memory=_MEMORY,
        bottleneck=_nullable(_TEXT),
        bottleneck_share=_nullable(_AMOUNT),
        sensitivities=_nullable(_SENSITIVITIES),
        finer_quant=_nullable(_TEXT),
        finer_tokens_per_s=_nullable(_POSITIVE),
    )
    ranking = _object(
        fitting=_COUNT,
        top=_array(_object(model=_TEXT, quant=_TEXT, score=_nullable(_SCORE), **_SPEED)),
        unlocked=_array(_TEXT),
        lost=_array(_TEXT),
    )
    option = _object(
        name=_TEXT,
        changes=_array(_object(change=_TEXT, value=_TEXT)),
        parts=_COUNT,
        whole_machine=_nullable(_TEXT),
        price=_nullable(_AMOUNT),
        watts=_nullable(_AMOUNT),
        what_if=_nullable(_TEXT),
        remarks=_array(_TEXT),
        verdict=_nullable(_one_of("sure", "likely", "possible", "no")),
        goals=_array(goal),
        ranking=_nullable(ranking),
    )
    wanted = _object(
        goal=_TEXT, model=_MODEL, quant=_nullable(_TEXT), quants=_array(_TEXT), tokens_per_s=_POSITIVE
    )
    return _object(
        schema={"const": "rig-advice/upgrade/1"},
        rig=_RIG,
        question=_QUESTION,
        ordered_by=_one_of("price", "smallest change"),
        budget=_nullable(_POSITIVE),
        prices=_nullable(_object(file=_TEXT, date=_TEXT, currency=_nullable(_TEXT))),
        considered=_COUNT,
        evaluated=_COUNT,
        notes=_array(_TEXT),
        goals=_array(wanted),
        reached_now=_nullable(_BOOLEAN),
        now=option,
        options=_array(option),
        machines=_array(option),
        nearest=_nullable(option),
    )


def _model() -> Schema:
    return _object(
        schema={"const": "rig-advice/model/1"},
        id=_TEXT,
        name=_TEXT,
        organization=_TEXT,
        family=_TEXT,
        architecture=_TEXT,
        license=_nullable(_TEXT),
        release_date=_nullable(_TEXT),
        context_length_tokens=_nullable(_COUNT),
        modality=_array(_TEXT),
        tool_use=_nullable(_BOOLEAN),
        stage=_TEXT,
        variant_of=_nullable(_TEXT),
        variant_kind=_nullable(_TEXT),
        variants=_array(_object(id=_TEXT, kind=_TEXT)),
        total_params=_COUNT,
        active_params=_COUNT,
        published_params=_nullable(_COUNT),
        check=_TEXT,
        layers=_TEXT,
        hidden_size=_COUNT,
        heads=_COUNT,
        kv_heads=_COUNT,
        vocab_size=_COUNT,
        sliding_window_tokens=_nullable(_COUNT),
        experts=_COUNT,
        experts_active=_COUNT,
        kv_bytes_per_token_f16=_nullable(_COUNT),
        window_kv_bytes_per_token_f16=_nullable(_COUNT),
        state_bytes_per_sequence=_nullable(_COUNT),
        vision_params=_nullable(_COUNT),
        vision_bytes=_nullable(_COUNT),
        projector=_nullable(
            _object(
                tensors=_COUNT,
                files=_array(_object(type=_TEXT, tensor_bytes=_COUNT)),
                parts=_array(_object(part=_TEXT, params=_COUNT)),
                source=_TEXT,
            )
        ),
        kv_by_runtime=_array(_object(runtime=_TEXT, kv_type=_TEXT, context_tokens=_COUNT, kv_bytes=_COUNT)),
        roles=_array(_object(role=_TEXT, params=_COUNT)),
        compute_buffers=_array(
            _object(context_tokens=_COUNT, ubatch_tokens=_COUNT, flash_attention=_BOOLEAN, bytes=_COUNT)
        ),
        ollama_defaults=_nullable(
            _object(
                users=_COUNT,
                kv_type=_TEXT,
                context_tokens_below_24_gib=_COUNT,
                context_tokens_below_48_gib=_COUNT,
                context_tokens_above=_COUNT,
            )
        ),
        quants=_array(
            _object(
                quant=_TEXT,
                tensor_bytes=_COUNT,
                bits_per_weight=_POSITIVE,
                quality_factor=_POSITIVE,
                quality_factor_uncertainty=_AMOUNT,
            )
        ),
        hand_made=_array(
            _object(
                quant=_TEXT,
                tensor_bytes=_COUNT,
                low_bytes=_COUNT,
                high_bytes=_COUNT,
                approximate=_BOOLEAN,
                basis=_TEXT,
            )
        ),
        formats=_array(
            _object(
                format=_TEXT,
                tensor_bytes=_COUNT,
                low_bytes=_COUNT,
                high_bytes=_COUNT,
                approximate=_BOOLEAN,
                quality_factor=_POSITIVE,
                quality_factor_uncertainty=_AMOUNT,
            )
        ),
        native_quant=_nullable(_TEXT),
        gguf_repos=_array(_TEXT),
        mlx_repos=_array(_TEXT),
        aliases=_array(_TEXT),
        not_estimated_because=_nullable(_TEXT),
        source=_TEXT,
        sources=_array(_object(figures=_TEXT, source=_TEXT)),
    )


def _models() -> Schema:
    from advisor.report.model_schemas import models_schema

    return models_schema()


def _compare() -> Schema:
    from advisor.report.model_schemas import compare_schema

    return compare_schema()


def _hardware() -> Schema:
    return _object(
        schema={"const": "rig-advice/hardware/1"},
        kind=_one_of("accelerator", "cpu", "cpu family", "link", "memory"),
        name=_TEXT,
        facts={"type": "object"},
        source=_TEXT,
    )


def _topology() -> Schema:
    from advisor.report.topology import KINDS
    from probes.types import CONFIDENCES

    fact = _object(value=_nullable(_POSITIVE), source=_TEXT, confidence=_one_of(*CONFIDENCES))
    node = _object(
        kind=_one_of(*KINDS),
        name=_TEXT,
        detail=_TEXT,
        size_bytes=_nullable(_COUNT),
        bandwidth_bytes_per_s=_nullable(fact),
        children=_array({"$ref": "#/$defs/node"}),
    )
    document = _object(
        schema={"const": "rig-advice/topology/1"},
        name=_TEXT,
        memory=_object(text=_TEXT, bandwidth_bytes_per_s=fact, measured_bandwidth_bytes_per_s=fact),
        parts=_array({"$ref": "#/$defs/node"}),
        limits=_array(
            _object(
                part=_TEXT,
                text=_TEXT,
                bytes_per_s=_nullable(_POSITIVE),
                could_be_bytes_per_s=_nullable(_POSITIVE),
            )
        ),
        notes=_array(_TEXT),
    )
    return {**document, "$defs": {"node": node}}


def _validate() -> Schema:
    row = _object(
        id=_TEXT,
        status=_one_of("ok", "skipped"),
        reason=_nullable(_TEXT),
        remarks=_array(_TEXT),
        measured_tokens_per_s=_nullable(_NUMBER),
        predicted_tokens_per_s=_nullable(_NUMBER),
        low_tokens_per_s=_nullable(_NUMBER),
        high_tokens_per_s=_nullable(_NUMBER),
        measured_prefill_tokens_per_s=_nullable(_NUMBER),
        predicted_prefill_tokens_per_s=_nullable(_NUMBER),
        low_prefill_tokens_per_s=_nullable(_NUMBER),
        high_prefill_tokens_per_s=_nullable(_NUMBER),
        measured_weights_bytes=_nullable(_NUMBER),
        predicted_weights_bytes=_nullable(_NUMBER),
        measured_kv_bytes=_nullable(_NUMBER),
        predicted_kv_bytes=_nullable(_NUMBER),
        measured_compute_bytes=_nullable(_NUMBER),
        predicted_compute_bytes=_nullable(_NUMBER),
        measured_total_bytes=_nullable(_NUMBER),
        predicted_total_bytes=_nullable(_NUMBER),
        measured_bytes=_nullable(_NUMBER),
        predicted_bytes=_nullable(_NUMBER),
        labels={"type": "object", "additionalProperties": _TEXT},
    )
    row["required"] = ["id", "status", "reason", "remarks", "labels"]
    statistics = _object(
        by=_array(_TEXT),
        slice=_TEXT,
        quantity=_TEXT,
        n=_COUNT,
        median_error=_nullable(_AMOUNT),
        mean_error=_nullable(_AMOUNT),
        within_15_percent=_nullable(_AMOUNT),
        within_25_percent=_nullable(_AMOUNT),
        off_by_2x=_nullable(_AMOUNT),
        interval_coverage=_nullable(_AMOUNT),
        bias=_nullable(_NUMBER),
    )
    return _object(
        schema={"const": "rig-advice/validate/1"},
        files=_array(_object(file=_TEXT, kind=_TEXT, rows=_COUNT, ok=_COUNT, skipped=_COUNT)),
        statistics=_array(statistics),
        rows=_array(row),
    )


def _settings() -> Schema:
    value: Schema = {"type": ["string", "number"]}
    setting = _object(
        name=_TEXT,
        group=_one_of("looks", "defaults"),
        value=value,
        default=value,
        source=_one_of("environment", "file", "default"),
        variable=_nullable(_TEXT),
    )
    return _object(
        schema={"const": "rig-advice/settings/1"},
        file=_TEXT,
        file_exists=_BOOLEAN,
        settings=_array(setting),
        keys=_array(_object(binding=_TEXT, keys=_array(_TEXT))),
    )


_BUILDERS = {
    "settings": _settings,
    "topology": _topology,
    "rank": _rank,
    "explain": _explain,
    "what-if": _what_if,
    "plot": _plot,
    "upgrade": _upgrade,
    "model": _model,
    "models": _models,
    "compare": _compare,
    "hardware": _hardware,
    "validate": _validate,
}


def schema_names() -> tuple[str, ...]:
    """Names of the documents that have a schema."""
    return ("rig", *_BUILDERS)


@cache
def _rig_schema_text() -> str:
    return resources.files("probes").joinpath("rig.schema.json").read_text("utf-8")


def schema_document(name: str) -> Schema:
    """The JSON Schema of one document."""
    if name == "rig":
        schema: Schema = json.loads(_rig_schema_text())
        return schema
    return {"$schema": _DIALECT, "title": f"rig-advice/{name}/1", **_BUILDERS[name]()}
