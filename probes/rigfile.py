"""Rig documents: ``rig_to_document`` writes one, ``rig_from_document`` reads it back, strictly.

A document is what ``probe --json`` prints and ``--rig FILE`` reads.  Every fact is an object with
``value`` (``null`` when unknown), ``source`` and ``confidence``.  Keys that start with ``x_`` are the
user's own and are ignored; any other unknown key is an error, because a misspelled one would be a
fact silently lost.
"""

from __future__ import annotations

import difflib
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from probes.rigbounds import clean_text, is_control
from probes.rigchecks import contradictions
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
from probes.types import (
    CONFIDENCES,
    AcceleratorInfo,
    Cache,
    CpuInfo,
    Fact,
    MemoryAdvice,
    MemoryInfo,
    MemoryModule,
    NumaNode,
    PcieLink,
    Rig,
    RigError,
    StorageInfo,
    SystemInfo,
    unknown,
)

T = TypeVar("T")

MAX_FILE_BYTES = 16 * 1024**2

_UNKNOWN_HINT = 'use {"value": null, "source": "why", "confidence": "unknown"} for what is not known'

# --- writing ---------------------------------------------------------------------------------


def rig_to_document(rig: Rig) -> dict[str, Any]:
    """The Rig as a JSON-able document, keys in a fixed order.

    Raises:
        RigError: a number is not finite.
    """
    return {
        "schema": SCHEMA,
        "name": clean_text(rig.name),
        "system": _facts_out(rig.system, SYSTEM_FACTS, "system"),
        "cpu": {
            **_facts_out(rig.cpu, CPU_FACTS, "cpu"),
            "caches": [_record_out(c, CACHE_FIELDS, "cpu.caches") for c in rig.cpu.caches],
            "numa": [_record_out(n, NUMA_FIELDS, "cpu.numa") for n in rig.cpu.numa],
        },
        "memory": {
            **_facts_out(rig.memory, MEMORY_FACTS, "memory"),
            "modules": [_record_out(m, MODULE_FIELDS, "memory.modules") for m in rig.memory.modules],
            "advice": [_record_out(a, ADVICE_FIELDS, "memory.advice") for a in rig.memory.advice],
        },
        "accelerators": [
            _facts_out(gpu, ACCELERATOR_FACTS, f"accelerators[{i}]") for i, gpu in enumerate(rig.accelerators)
        ],
        "storage": [_facts_out(s, STORAGE_FACTS, f"storage[{i}]") for i, s in enumerate(rig.storage)],
        "notes": [clean_text(n) for n in rig.notes],
    }


def rig_to_json(rig: Rig) -> str:
    """The document as indented JSON text with a final newline."""
    return json.dumps(rig_to_document(rig), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _facts_out(holder: object, fields: Iterable[Field], where: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field in fields:
        fact: Fact[Any] = getattr(holder, field.name)
        out[field.name] = {
            "value": _value_out(fact.value, field, f"{where}.{field.name}"),
            "source": clean_text(fact.source),
            "confidence": fact.confidence,
        }
    return out


def _record_out(record: object, fields: Iterable[Field], where: str) -> dict[str, Any]:
    return {f.name: _value_out(getattr(record, f.name), f, f"{where}.{f.name}") for f in fields}


def _value_out(value: Any, field: Field, where: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if field.kind == "strings":
        return [clean_text(v) for v in value]
    if isinstance(value, PcieLink):
        return _record_out(value, PCIE_FIELDS, where)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RigError(f"{where}: {value} is not a number that JSON can hold; make the fact unknown")
        if value.is_integer() and abs(value) < 2**53:
            return int(value)
    return value


# --- reading ---------------------------------------------------------------------------------


def load_rig(path: Path | str) -> Rig:
    """Read a Rig document from a file, or from standard input when ``path`` is ``-``.

    Raises:
        RigError: the file cannot be read, is no JSON, or is no valid Rig document.
    """
    shown = "standard input" if str(path) == "-" else _on_one_line(str(path))
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with Path(path).open("rb") as f:
                data = f.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise RigError(f"{shown}: cannot be read ({error.strerror or error}); check the path") from error
    except ValueError as error:  # a zero character
        raise RigError(f"{shown}: is no path; check it") from error
    if len(data) > MAX_FILE_BYTES:
        raise RigError(f"{shown}: larger than 16 MiB; a Rig document is a few KiB")
    try:
        return rig_from_document(parse_json(data))
    except RigError as error:
        raise RigError(f"{shown}: {error}") from error


def _on_one_line(path: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in path)


def parse_json(data: bytes | str) -> Any:
    """Strict JSON: UTF-8 (or UTF-16 with a byte-order mark), no NaN, no repeated keys.

    Raises:
        RigError: it is not.
    """
    if isinstance(data, bytes):
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        try:
            data = data.decode(encoding)
        except UnicodeDecodeError as error:
            raise RigError(
                f"not text ({error.reason} at byte {error.start}); a Rig document is UTF-8 JSON"
            ) from error
    if not data.strip():
        raise RigError("empty; write one with `rig-advisor probe --json`")
    try:
        return json.loads(data, parse_constant=_no_constant, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        cut = error.pos >= len(data.rstrip())
        text = f"truncated: the JSON ends at {where}" if cut else f"not JSON: {error.msg} at {where}"
        raise RigError(f"{text}; write it again with `rig-advisor probe --json`") from error
    except RecursionError:
        raise RigError("not a Rig document: nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise RigError(f"not a Rig document: {error}") from error


def _no_constant(name: str) -> NoReturn:
    raise RigError(f"{name} is not JSON; {_UNKNOWN_HINT}")


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [k for k, _ in pairs]
        twice = next(k for k in names if names.count(k) > 1)
        raise RigError(f"{twice}: the key appears twice in one object; keep one")
    return found


def rig_from_document(document: object) -> Rig:
    """The Rig in a document.

    Raises:
        RigError: a key is missing, unknown, of the wrong type or out of bounds, or facts contradict
            each other.  The text starts with the key.
    """
    doc = _object(document, "document")
    schema = doc.get("schema")
    if schema != SCHEMA:
        got = "has no schema" if schema is None else f"has {json.dumps(schema, default=str)[:60]}"
        raise RigError(
            f'schema: expected "{SCHEMA}", the document {got}; write it with `rig-advisor probe --json`'
        )
    top = ("schema", "name", "system", "cpu", "memory", "accelerators", "storage", "notes")
    _only(doc, top, "")
    for name in ("cpu", "memory", "accelerators"):
        if name not in doc:
            raise RigError(f"{name}: missing; a Rig document needs cpu, memory and accelerators")
    rig = Rig(
        name=_string(doc.get("name", "rig"), "name"),
        system=_system(doc.get("system", {})),
        cpu=_cpu(doc["cpu"]),
        memory=_memory(doc["memory"]),
        accelerators=tuple(
            AcceleratorInfo(**_facts_in(item, ACCELERATOR_FACTS, f"accelerators[{i}]"))
            for i, item in enumerate(_array(doc["accelerators"], "accelerators"))
        ),
        notes=tuple(_string(n, f"notes[{i}]") for i, n in enumerate(_array(doc.get("notes", []), "notes"))),
        storage=tuple(
            StorageInfo(**_facts_in(item, STORAGE_FACTS, f"storage[{i}]"))
            for i, item in enumerate(_array(doc.get("storage", []), "storage"))
        ),
    )
    for found in contradictions(rig):
        raise RigError(f"{found.key}: {found.text}; correct one of them, or make it unknown")
    return rig


def _system(item: object) -> SystemInfo:
    facts = _facts_in(item, SYSTEM_FACTS, "system")
    return SystemInfo(**{f.name: facts.get(f.name, unknown("not in the document")) for f in SYSTEM_FACTS})


def _cpu(item: object) -> CpuInfo:
    cpu = _object(item, "cpu")
    facts = _facts_in(cpu, CPU_FACTS, "cpu", also=("caches", "numa"))
    caches = [
        Cache(**_record_in(c, CACHE_FIELDS, f"cpu.caches[{i}]"))
        for i, c in enumerate(_array(cpu.get("caches", []), "cpu.caches"))
    ]
    numa = [
        NumaNode(**{"total_bytes": None, **_record_in(n, NUMA_FIELDS, f"cpu.numa[{i}]")})
        for i, n in enumerate(_array(cpu.get("numa", []), "cpu.numa"))
    ]
    return CpuInfo(**facts, caches=tuple(caches), numa=tuple(numa))


def _memory(item: object) -> MemoryInfo:
    memory = _object(item, "memory")
    facts = _facts_in(memory, MEMORY_FACTS, "memory", also=("modules", "advice"))
    facts.setdefault("available_bytes", unknown("not in the document"))
    absent = {f.name: None for f in MODULE_FIELDS if not f.required}
    modules = [
        MemoryModule(**{**absent, **_record_in(m, MODULE_FIELDS, f"memory.modules[{i}]")})
        for i, m in enumerate(_array(memory.get("modules", []), "memory.modules"))
    ]
    nothing = {f.name: None for f in ADVICE_FIELDS if not f.required}
    advice = [
        MemoryAdvice(**{**nothing, **_record_in(a, ADVICE_FIELDS, f"memory.advice[{i}]")})
        for i, a in enumerate(_array(memory.get("advice", []), "memory.advice"))
    ]
    return MemoryInfo(**facts, modules=tuple(modules), advice=tuple(advice))


def _facts_in(
    item: object, fields: Sequence[Field], where: str, also: tuple[str, ...] = ()
) -> dict[str, Any]:
    obj = _object(item, where)
    _only(obj, [*(f.name for f in fields), *also], where)
    facts: dict[str, Any] = {}
    for field in fields:
        key = f"{where}.{field.name}"
        if field.name not in obj:
            if field.required:
                raise RigError(f"{key}: missing; {_UNKNOWN_HINT}")
            if where.startswith("accelerators") and field.name in (
                "free_bytes",
                "architecture",
                "fp16_flops",
            ):
                facts[field.name] = unknown("not in the document")
            continue
        facts[field.name] = _fact_in(obj[field.name], field, key)
    return facts


def _fact_in(item: object, field: Field, key: str) -> Fact[Any]:
    if not isinstance(item, Mapping):
        raise RigError(f'{key}: expected {{"value": …, "source": …, "confidence": …}}, got {_shown(item)}')
    _only(item, ("value", "source", "confidence"), key)
    for part in ("value", "source", "confidence"):
        if part not in item:
            raise RigError(f"{key}.{part}: missing; a fact has value, source and confidence")
    source = _string(item["source"], f"{key}.source")
    confidence = item["confidence"]
    if confidence not in CONFIDENCES:
        raise RigError(f"{key}.confidence: {_shown(confidence)} is not one of {', '.join(CONFIDENCES)}")
    value = item["value"]
    if value is None:
        if confidence != "unknown":
            raise RigError(f'{key}: the value is null but the confidence is "{confidence}"; {_UNKNOWN_HINT}')
        return unknown(source)
    if confidence == "unknown":
        raise RigError(f'{key}: has a value but the confidence "unknown"; say where the value comes from')
    return Fact(_value_in(value, field, key), source, confidence)


def _record_in(item: object, fields: Sequence[Field], where: str) -> dict[str, Any]:
    obj = _object(item, where)
    _only(obj, [f.name for f in fields], where)
    record: dict[str, Any] = {}
    for field in fields:
        key = f"{where}.{field.name}"
        value = obj.get(field.name)
        if value is None and field.required:
            raise RigError(f"{key}: missing; it cannot be null here")
        record[field.name] = None if value is None else _value_in(value, field, key)
    return record


def _value_in(value: object, field: Field, key: str) -> Any:
    if field.kind == "string":
        return _string(value, key)
    if field.kind == "strings":
        return tuple(_string(v, f"{key}[{i}]") for i, v in enumerate(_array(value, key)))
    if field.kind == "boolean":
        if not isinstance(value, bool):
            raise RigError(f"{key}: expected true or false, got {_shown(value)}")
        return value
    if field.kind == "pcie":
        return PcieLink(**_record_in(value, PCIE_FIELDS, key))
    if isinstance(value, bool) or not isinstance(value, int | float):
        what = "a whole number" if field.kind == "integer" else "a number"
        raise RigError(f"{key}: expected {what}, got {_shown(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise RigError(f"{key}: {value} is not a number; {_UNKNOWN_HINT}")
    if field.kind == "integer" and isinstance(value, float):
        if not value.is_integer():
            raise RigError(f"{key}: expected a whole number, got {value}")
        value = int(value)
    if value < field.minimum or (field.kind == "number" and value <= field.minimum):
        least = "above 0" if field.kind == "number" else f"at least {field.minimum}"
        raise RigError(f"{key}: {_shown(value)} must be {least}; {_UNKNOWN_HINT}")
    if value > field.maximum:
        raise RigError(
            f"{key}: {_shown(value)} is above the largest credible value, {field.maximum:.3g}; check its unit"
        )
    return value


def _object(item: object, where: str) -> Mapping[str, Any]:
    if not isinstance(item, Mapping):
        raise RigError(f"{where}: expected an object, got {_shown(item)}")
    return item


def _array(item: object, where: str) -> Sequence[Any]:
    if not isinstance(item, list | tuple):
        raise RigError(f"{where}: expected a list, got {_shown(item)}")
    if len(item) > MAX_ITEMS:
        raise RigError(f"{where}: {len(item)} entries; at most {MAX_ITEMS} are credible")
    return item


def _string(item: object, where: str) -> str:
    if not isinstance(item, str):
        raise RigError(f"{where}: expected text, got {_shown(item)}")
    if len(item) > MAX_TEXT:
        raise RigError(f"{where}: {len(item)} characters; at most {MAX_TEXT} are allowed")
    if any(map(is_control, item)):
        raise RigError(f"{where}: contains control characters; remove them")
    return item


def _only(obj: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    for key in obj:
        if key in names or (isinstance(key, str) and key.startswith("x_")):
            continue
        shown = clean_text(str(key))[:60]
        path = f"{where}.{shown}" if where else shown
        near = difflib.get_close_matches(shown, names, 1, 0.5)
        hint = f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(names)}"
        raise RigError(f"{path}: unknown key; {hint} (keys of your own start with x_)")


def _shown(item: object) -> str:
    """A short, safe rendering of a JSON value for an error text."""
    try:
        text = json.dumps(item, default=str)
    except (ValueError, RecursionError):
        text = type(item).__name__
    return text if len(text) <= 60 else text[:57] + "…"
