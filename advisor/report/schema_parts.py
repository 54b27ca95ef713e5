"""What the JSON Schemas are built of: the builders, and the parts that several documents share.

All properties are required and no others allowed: a document says everything or ``null``.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def object_of(**properties: Schema) -> Schema:
    """An object that has these properties, all of them and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def array_of(items: Schema) -> Schema:
    """A list of such items."""
    return {"type": "array", "items": items}


def nullable(schema: Schema) -> Schema:
    """The same, or ``null``."""
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(*values: str) -> Schema:
    """One of these texts."""
    return {"enum": list(values)}


TEXT: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
POSITIVE: Schema = {"type": "number", "exclusiveMinimum": 0}
NUMBER: Schema = {"type": "number"}
AMOUNT: Schema = {"type": "number", "minimum": 0}
SCORE: Schema = {"type": "number", "minimum": 0, "maximum": 100}
FIT = one_of("full", "offload", "cpu", "none")
STRATEGY = one_of("accelerator", "experts_in_ram", "layers_split", "cpu", "tensor_parallel", "kv_in_ram")

SPEED: dict[str, Schema] = {
    "decode_tokens_per_s": nullable(POSITIVE),
    "decode_low_tokens_per_s": nullable(POSITIVE),
    "decode_high_tokens_per_s": nullable(POSITIVE),
    "system_tokens_per_s": nullable(POSITIVE),
    "prefill_tokens_per_s": nullable(POSITIVE),
    "prefill_low_tokens_per_s": nullable(POSITIVE),
    "prefill_high_tokens_per_s": nullable(POSITIVE),
    "ttft_s": nullable(POSITIVE),
    "ttft_low_s": nullable(POSITIVE),
    "ttft_high_s": nullable(POSITIVE),
}
MEMORY = object_of(
    total_bytes=COUNT,
    weights_bytes=COUNT,
    kv_bytes=COUNT,
    compute_bytes=COUNT,
    missing_bytes=COUNT,
    file_bytes=COUNT,
)
QUESTION = object_of(
    context_tokens=COUNT,
    users=COUNT,
    use=TEXT,
    kv_type=TEXT,
    runtime=TEXT,
    depth_tokens=COUNT,
    prompt_tokens=COUNT,
    runtime_year=nullable(POSITIVE),
    fit_context=BOOLEAN,
    min_tokens_per_s={"type": "number", "minimum": 0},
)
RIG = object_of(
    name=TEXT,
    cpu=nullable(TEXT),
    cpu_cores=nullable(COUNT),
    memory_bytes=nullable(COUNT),
    memory_type=nullable(TEXT),
    memory_channels=nullable(COUNT),
    memory_mts=nullable(COUNT),
    memory_bandwidth_bytes_per_s=nullable(POSITIVE),
    memory_bandwidth_basis=one_of("measured", "specified", "assumed"),
    memory_usable_bytes=COUNT,
    accelerators=array_of(
        object_of(
            name=TEXT,
            kind=one_of("gpu", "unified"),
            memory_bytes=COUNT,
            usable_bytes=COUNT,
            bandwidth_bytes_per_s=nullable(POSITIVE),
            backend=nullable(TEXT),
        )
    ),
    assumptions=array_of(TEXT),
    notes=array_of(TEXT),
)
MODEL = object_of(
    id=TEXT,
    name=TEXT,
    organization=TEXT,
    architecture=TEXT,
    total_params=COUNT,
    active_params=COUNT,
    context_length_tokens=nullable(COUNT),
    license=nullable(TEXT),
    release_date=nullable(TEXT),
    stage=TEXT,
)
SENSITIVITIES = object_of(
    vram_bandwidth=NUMBER,
    ram_bandwidth=NUMBER,
    cores=NUMBER,
    compute=NUMBER,
    link=NUMBER,
    launch=NUMBER,
)
PARTS = object_of(quality=SCORE, decode=SCORE, prefill=SCORE, fit=SCORE, context=SCORE)
