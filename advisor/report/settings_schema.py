"""The JSON Schema of the settings."""

from __future__ import annotations

from advisor.report.schema_parts import (
    BOOLEAN,
    TEXT,
    Schema,
    array_of,
    nullable,
    object_of,
    one_of,
)


def settings_schema() -> Schema:
    """Of ``settings --json``."""
    value: Schema = {"type": ["string", "number"]}
    setting = object_of(
        name=TEXT,
        group=one_of("looks", "defaults"),
        value=value,
        default=value,
        source=one_of("environment", "file", "default"),
        variable=nullable(TEXT),
    )
    return object_of(
        schema={"const": "rig-advice/settings/1"},
        file=TEXT,
        file_exists=BOOLEAN,
        settings=array_of(setting),
        keys=array_of(object_of(binding=TEXT, keys=array_of(TEXT))),
    )
