"""Values that no machine has, taken out of a Rig before anybody uses them.

A broken capture, a firmware's slip or a driver's error code read as a number can give a module of a
million ranks or a link of four billion lanes.  The bounds are those of the Rig document
(``probes.rigfields``), so that what a probe writes can always be read back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from probes.rigfields import (
    ACCELERATOR_FACTS,
    CACHE_FIELDS,
    CPU_FACTS,
    MAX_ITEMS,
    MEMORY_FACTS,
    MODULE_FIELDS,
    NUMA_FIELDS,
    PCIE_FIELDS,
    SYSTEM_FACTS,
    Field,
)
from probes.types import Fact, PcieLink, Rig, unknown

T = TypeVar("T")

_SHOWN = 40


def credible(value: object, field: Field) -> bool:
    """Whether a known value is of the field's kind and within its bounds."""
    if field.kind in ("string", "strings", "boolean", "pcie"):
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if field.kind == "integer" and isinstance(value, float) and not value.is_integer():
        return False
    low = value > field.minimum if field.kind == "number" else value >= field.minimum
    return low and value <= field.maximum


def within_bounds(rig: Rig) -> Rig:
    """The Rig without incredible values: facts become unknown, parts of records empty; a note for each."""
    notes: list[str] = []
    cpu, memory = rig.cpu, rig.memory
    cpu = replace(
        _facts(cpu, CPU_FACTS, "cpu", notes),
        caches=_records(cpu.caches, CACHE_FIELDS, "cpu.caches", notes),
        numa=_records(cpu.numa, NUMA_FIELDS, "cpu.numa", notes),
    )
    memory = replace(
        _facts(memory, MEMORY_FACTS, "memory", notes),
        modules=_records(memory.modules, MODULE_FIELDS, "memory.modules", notes),
    )
    gpus = tuple(
        _facts(gpu, ACCELERATOR_FACTS, f"accelerators[{i}]", notes)
        for i, gpu in enumerate(rig.accelerators[:MAX_ITEMS])
    )
    return replace(
        rig,
        system=_facts(rig.system, SYSTEM_FACTS, "system", notes),
        cpu=cpu,
        memory=memory,
        accelerators=gpus,
        notes=(*rig.notes, *notes)[:MAX_ITEMS],
    )


def _facts(holder: T, fields: Sequence[Field], where: str, notes: list[str]) -> T:
    changes: dict[str, Fact[Any]] = {}
    for field in fields:
        fact: Fact[Any] = getattr(holder, field.name)
        value = fact.value
        if value is None:
            continue
        if isinstance(value, PcieLink):
            link = _record(value, PCIE_FIELDS, f"{where}.{field.name}", notes)
            if link != value:
                changes[field.name] = replace(fact, value=link)
        elif field.kind == "strings" and len(value) > MAX_ITEMS:
            changes[field.name] = replace(fact, value=value[:MAX_ITEMS])
        elif not credible(value, field):
            changes[field.name] = unknown(f"{fact.source}: {_shown(value)} is not credible")
            notes.append(f"{where}.{field.name}: {fact.source} gives {_shown(value)}, which is not credible.")
    return replace(holder, **changes) if changes else holder  # type: ignore[type-var]  # all are dataclasses


def _records(items: tuple[T, ...], fields: Sequence[Field], where: str, notes: list[str]) -> tuple[T, ...]:
    found = (_record(item, fields, where, notes) for item in items[:MAX_ITEMS])
    return tuple(item for item in found if item is not None)


def _record(item: T, fields: Sequence[Field], where: str, notes: list[str]) -> T | None:
    """The record with incredible parts empty; ``None`` when it cannot be without them."""
    changes: dict[str, None] = {}
    for field in fields:
        value = getattr(item, field.name)
        if value is None or credible(value, field):
            continue
        note = f"{where}.{field.name}: {_shown(value)} is not credible."
        if note not in notes:
            notes.append(note)
        if field.required:
            return None
        changes[field.name] = None
    return replace(item, **changes) if changes else item  # type: ignore[type-var]


def _shown(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value) if _printable(value) else "a huge number"
    return text[:_SHOWN]


def _printable(value: object) -> bool:
    return not isinstance(value, int) or value.bit_length() < 256
