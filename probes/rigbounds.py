"""Values that no machine has, and characters that no name has, taken out of a Rig before anybody uses them.

A broken capture, a firmware's slip or a driver's error code read as a number can give a module of a
million ranks or a link of four billion lanes.  The bounds are those of the Rig document
(``probes.rigfields``), so that what a probe writes can always be read back.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from probes.rigfields import (
    ACCELERATOR_FACTS,
    CACHE_FIELDS,
    CPU_FACTS,
    MAX_ITEMS,
    MAX_TEXT,
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


def clean_text(text: str) -> str:
    """Text without control characters (a hostile BIOS string must not reach a terminal), cut to length."""
    if not text.isprintable():
        text = "".join(" " if is_control(c) else c for c in text)
    return text[:MAX_TEXT]


def is_control(c: str) -> bool:
    """Control, formatting (text direction), unassigned and half characters, but no kind of space."""
    return not c.isprintable() and unicodedata.category(c) != "Zs"


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
        name=clean_text(rig.name),
        system=_facts(rig.system, SYSTEM_FACTS, "system", notes),
        cpu=cpu,
        memory=memory,
        accelerators=gpus,
        notes=tuple(map(clean_text, (*rig.notes, *notes)[:MAX_ITEMS])),
    )


def _facts(holder: T, fields: Sequence[Field], where: str, notes: list[str]) -> T:
    changes: dict[str, Fact[Any]] = {}
    for field in fields:
        fact: Fact[Any] = getattr(holder, field.name)
        found = _fact(fact, field, f"{where}.{field.name}", notes)
        if found is not fact:
            changes[field.name] = found
    return replace(holder, **changes) if changes else holder  # type: ignore[type-var]  # all are dataclasses


def _fact(fact: Fact[Any], field: Field, where: str, notes: list[str]) -> Fact[Any]:
    source = clean_text(fact.source)
    value = fact.value
    if isinstance(value, str):
        value = clean_text(value)
    elif isinstance(value, PcieLink):
        value = _record(value, PCIE_FIELDS, where, notes)
    elif value is not None and field.kind == "strings":
        value = tuple(map(clean_text, value[:MAX_ITEMS]))
    elif value is not None and not credible(value, field):
        notes.append(f"{where}: {source} gives {_shown(value)}, which is not credible.")
        return unknown(f"{source}: {_shown(value)} is not credible"[:MAX_TEXT])
    return fact if (source, value) == (fact.source, fact.value) else Fact(value, source, fact.confidence)


def _records(items: tuple[T, ...], fields: Sequence[Field], where: str, notes: list[str]) -> tuple[T, ...]:
    found = (_record(item, fields, where, notes) for item in items[:MAX_ITEMS])
    return tuple(item for item in found if item is not None)


def _record(item: T, fields: Sequence[Field], where: str, notes: list[str]) -> T | None:
    """The record with incredible parts empty; ``None`` when it cannot be without them."""
    changes: dict[str, str | None] = {}
    for field in fields:
        value = getattr(item, field.name)
        if isinstance(value, str):
            if clean_text(value) != value:
                changes[field.name] = clean_text(value)
            continue
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
