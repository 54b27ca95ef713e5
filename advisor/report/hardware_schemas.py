"""JSON Schemas of a part from the catalog and of how a machine is connected."""

from __future__ import annotations

from advisor.report.schema_parts import (
    COUNT,
    POSITIVE,
    TEXT,
    Schema,
    array_of,
    nullable,
    object_of,
    one_of,
)


def hardware_schema() -> Schema:
    """Of ``hardware --json``."""
    return object_of(
        schema={"const": "rig-advice/hardware/1"},
        kind=one_of("accelerator", "cpu", "cpu family", "link", "memory"),
        name=TEXT,
        facts={"type": "object"},
        source=TEXT,
    )


def topology_schema() -> Schema:
    """Of ``topology --json``."""
    from advisor.report.topology import KINDS
    from probes.types import CONFIDENCES

    fact = object_of(value=nullable(POSITIVE), source=TEXT, confidence=one_of(*CONFIDENCES))
    node = object_of(
        kind=one_of(*KINDS),
        name=TEXT,
        detail=TEXT,
        size_bytes=nullable(COUNT),
        bandwidth_bytes_per_s=nullable(fact),
        children=array_of({"$ref": "#/$defs/node"}),
    )
    document = object_of(
        schema={"const": "rig-advice/topology/1"},
        name=TEXT,
        memory=object_of(text=TEXT, bandwidth_bytes_per_s=fact, measured_bandwidth_bytes_per_s=fact),
        parts=array_of({"$ref": "#/$defs/node"}),
        limits=array_of(
            object_of(
                part=TEXT,
                text=TEXT,
                bytes_per_s=nullable(POSITIVE),
                could_be_bytes_per_s=nullable(POSITIVE),
            )
        ),
        notes=array_of(TEXT),
    )
    return {**document, "$defs": {"node": node}}
