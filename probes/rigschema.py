"""The JSON Schema (draft 2020-12) of a Rig document, built from the same tables as the reader.

``rig.schema.json`` beside this module is its output; a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from probes.rigfields import (
    ACCELERATOR_FACTS,
    ADVICE_FIELDS,
    CACHE_FIELDS,
    CPU_FACTS,
    MAX_ITEMS,
    MAX_TEXT,
    MEMORY_FACTS,
    MODULE_FIELDS,
    NUMA_FIELDS,
    PCIE_FIELDS,
    SCHEMA,
    STORAGE_FACTS,
    SYSTEM_FACTS,
    Field,
)
from probes.types import CONFIDENCES


def rig_schema() -> dict[str, Any]:
    """The schema as a dictionary, keys in a fixed order."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rig",
        "description": "One machine: each fact with its source and confidence; null is unknown.",
        **_object(
            {
                "schema": {"const": SCHEMA},
                "name": _text(),
                "system": _facts(SYSTEM_FACTS),
                "cpu": _facts(
                    CPU_FACTS,
                    caches=_array(_record(CACHE_FIELDS)),
                    numa=_array(_record(NUMA_FIELDS)),
                ),
                "memory": _facts(
                    MEMORY_FACTS,
                    modules=_array(_record(MODULE_FIELDS)),
                    advice=_array(_record(ADVICE_FIELDS)),
                ),
                "accelerators": _array(_facts(ACCELERATOR_FACTS)),
                "storage": _array(_facts(STORAGE_FACTS)),
                "notes": {
                    **_array(_text()),
                    "description": "What could not be found, and what would let us find it.",
                },
            },
            ["schema", "cpu", "memory", "accelerators"],
        ),
        "$defs": {"pcie": _record(PCIE_FIELDS)},
    }


def _text() -> dict[str, Any]:
    return {"type": "string", "maxLength": MAX_TEXT}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "maxItems": MAX_ITEMS, "items": items}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "patternProperties": {"^x_": {}},
        "additionalProperties": False,
    }


def _facts(fields: tuple[Field, ...], **more: dict[str, Any]) -> dict[str, Any]:
    return _object({f.name: _fact(f) for f in fields} | more, [f.name for f in fields if f.required])


def _fact(field: Field) -> dict[str, Any]:
    known = {
        "properties": {
            "value": _value(field),
            "confidence": {"enum": [c for c in CONFIDENCES if c != "unknown"]},
        }
    }
    missing = {"properties": {"value": {"type": "null"}, "confidence": {"const": "unknown"}}}
    return {
        "description": field.about,
        **_object({"value": {}, "source": _text(), "confidence": {}}, ["value", "source", "confidence"]),
        "oneOf": [known, missing],
    }


def _record(fields: Iterable[Field]) -> dict[str, Any]:
    properties, required = {}, []
    for field in fields:
        value = {"description": field.about, **_value(field)}
        if field.required:
            required.append(field.name)
        else:
            value["type"] = [value["type"], "null"]
        properties[field.name] = value
    return _object(properties, required)


def _value(field: Field) -> dict[str, Any]:
    if field.kind == "string":
        return _text()
    if field.kind == "strings":
        return _array(_text())
    if field.kind == "boolean":
        return {"type": "boolean"}
    if field.kind == "pcie":
        return {"$ref": "#/$defs/pcie"}
    low = {"exclusiveMinimum": 0} if field.kind == "number" else {"minimum": field.minimum}
    return {"type": field.kind, **low, "maximum": field.maximum}
