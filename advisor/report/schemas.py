"""Which JSON documents have a schema (2020-12), and the schema of each.

All properties are required and no others allowed: a document says everything or ``null``.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from advisor.report.explain_schema import explain_schema
from advisor.report.hardware_schemas import hardware_schema, topology_schema
from advisor.report.model_schemas import compare_schema, model_schema, models_schema
from advisor.report.rank_schema import rank_schema
from advisor.report.schema_parts import Schema
from advisor.report.settings_schema import settings_schema
from advisor.report.upgrade_schema import upgrade_schema
from advisor.report.validate_schema import validate_schema
from advisor.report.what_if_schemas import plot_schema, what_if_schema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_BUILDERS = {
    "settings": settings_schema,
    "topology": topology_schema,
    "rank": rank_schema,
    "explain": explain_schema,
    "what-if": what_if_schema,
    "plot": plot_schema,
    "upgrade": upgrade_schema,
    "model": model_schema,
    "models": models_schema,
    "compare": compare_schema,
    "hardware": hardware_schema,
    "validate": validate_schema,
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
