"""Rig documents: what is written is read back, and what cannot be true is refused by name."""

from __future__ import annotations

import copy
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.rigbounds import within_bounds
from probes.rigchecks import contradictions, without_contradictions
from probes.rigfields import (
    ACCELERATOR_FACTS,
    CACHE_FIELDS,
    CPU_FACTS,
    MEMORY_FACTS,
    MODULE_FIELDS,
    NUMA_FIELDS,
    PCIE_FIELDS,
    STORAGE_FACTS,
    SYSTEM_FACTS,
    Field,
)
from probes.rigfile import load_rig, rig_from_document, rig_to_document, rig_to_json
from probes.rigschema import rig_schema
from probes.types import (
    CONFIDENCES,
    AcceleratorInfo,
    Cache,
    CpuInfo,
    Fact,
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

GIB = 1024**3
T = TypeVar("T")
VALIDATOR = jsonschema.Draft202012Validator(rig_schema())


def reported(value: T) -> Fact[T]:
    return Fact(value, "test", "reported")


def desktop() -> Rig:
    """A two-channel desktop with one RTX 4090."""
    module = MemoryModule(
        32 * GIB, "DDR5", 6000, 6000, 64, "DIMM_A2", "BANK 0", "A", "KF560C36", "Kingston", 2
    )
    return Rig(
        name="desktop",
        system=SystemInfo(reported("linux"), reported("none"), reported("none")),
        cpu=CpuInfo(
            name=reported("AMD Ryzen 9 7950X 16-Core Processor"),
            sockets=reported(1),
            physical_cores=reported(16),
            logical_cores=reported(32),
            isa=reported(("avx2", "avx512f")),
            caches=(Cache(3, 32 * 1024**2, 2),),
            numa=(NumaNode(0, "0-31", None),),
        ),
        memory=MemoryInfo(
            total_bytes=reported(62 * GIB),
            available_bytes=reported(50 * GIB),
            type=reported("DDR5"),
            channels=reported(2),
            mts=reported(6000),
            bandwidth_bytes_per_s=Fact(96e9, "2 channels × 6000 MT/s", "derived"),
            measured_bandwidth_bytes_per_s=unknown("not measured"),
            installed_bytes=reported(64 * GIB),
            modules=(module, module),
        ),
        accelerators=(
            AcceleratorInfo(
                name=reported("NVIDIA GeForce RTX 4090"),
                vendor=reported("NVIDIA"),
                vram_bytes=reported(24564 * 1024**2),
                free_bytes=reported(24000 * 1024**2),
                bandwidth_bytes_per_s=Fact(1008.096e9, "nvml: 384 bit × 10501 MHz × 2", "derived"),
                unified=reported(False),
                pcie=reported(PcieLink(4, 16, 4.0, 16)),
                architecture=Fact("ada", "catalog", "table"),
                fp16_flops=Fact(330.3e12, "catalog", "table"),
            ),
        ),
        notes=("one note – with an en dash",),
    )


def document() -> dict[str, Any]:
    return rig_to_document(desktop())


def at(doc: dict[str, Any], path: str) -> tuple[Any, str]:
    """The container and last key of a dotted path such as ``accelerators.0.name``."""
    *parents, last = path.split(".")
    item: Any = doc
    for key in parents:
        item = item[int(key)] if key.isdigit() else item[key]
    return item, last


def changed(path: str, value: Any) -> dict[str, Any]:
    doc = document()
    item, last = at(doc, path)
    item[last] = value
    return doc


def test_a_written_rig_is_read_back_equal() -> None:
    assert rig_from_document(json.loads(rig_to_json(desktop()))) == desktop()


def test_a_written_rig_validates_against_the_schema() -> None:
    VALIDATOR.validate(document())


def test_the_schema_file_is_the_builders_output() -> None:
    shipped = Path(__file__).parents[2] / "probes" / "rig.schema.json"
    jsonschema.Draft202012Validator.check_schema(rig_schema())
    assert json.loads(shipped.read_text(encoding="utf-8")) == rig_schema()


def test_the_names_of_the_outer_interface_are_there_in_order() -> None:
    doc = document()
    assert list(doc) == ["schema", "name", "system", "cpu", "memory", "accelerators", "storage", "notes"]
    assert list(doc["cpu"])[:5] == ["name", "sockets", "physical_cores", "logical_cores", "isa"]
    memory = (
        "total_bytes",
        "type",
        "channels",
        "mts",
        "bandwidth_bytes_per_s",
        "measured_bandwidth_bytes_per_s",
    )
    for name in (*memory, "modules"):
        assert name in doc["memory"]
    for name in ("name", "vendor", "vram_bytes", "bandwidth_bytes_per_s", "unified", "pcie"):
        assert list(doc["accelerators"][0][name]) == ["value", "source", "confidence"]


def test_only_the_named_parts_are_needed() -> None:
    doc = document()
    for optional in ("name", "system", "notes"):
        del doc[optional]
    for fields, holder in ((CPU_FACTS, doc["cpu"]), (MEMORY_FACTS, doc["memory"])):
        for field in fields:
            if not field.required:
                del holder[field.name]
    for field in ACCELERATOR_FACTS:
        if not field.required:
            del doc["accelerators"][0][field.name]
    del doc["cpu"]["caches"], doc["cpu"]["numa"], doc["memory"]["modules"]
    VALIDATOR.validate(doc)
    rig = rig_from_document(doc)
    assert rig.name == "rig"
    assert rig.accelerators[0].free_bytes.value is None
    assert rig.memory.available_bytes.value is None


def test_keys_of_ones_own_are_ignored() -> None:
    doc = changed("x_remark", {"any": "thing"})
    doc["memory"]["x_price"] = 100
    doc["memory"]["channels"]["x_checked"] = True
    doc["memory"]["modules"][0]["x_slot_colour"] = "black"
    VALIDATOR.validate(doc)
    assert rig_from_document(doc) == desktop()


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("schema", "rig-advice/rig/2", "schema: expected"),
        ("schema", None, "schema: expected"),
        ("memory", 5, "memory: expected an object"),
        ("memory.channels", 2, 'memory.channels: expected {"value"'),
        ("memory.channels.value", "2", "memory.channels: expected a whole number"),
        ("memory.channels.value", 2.5, "memory.channels: expected a whole number"),
        ("memory.channels.value", True, "memory.channels: expected a whole number"),
        ("memory.channels.value", 0, "memory.channels: 0 must be at least 1"),
        ("memory.channels.value", 10**400, "memory.channels: .* above the largest credible"),
        (
            "memory.channels.value",
            None,
            'memory.channels: the value is null but the confidence is "reported"',
        ),
        (
            "memory.channels.confidence",
            "unknown",
            'memory.channels: has a value but the confidence "unknown"',
        ),
        ("memory.channels.confidence", "certain", "memory.channels.confidence: .* not one of measured"),
        ("memory.channels.confidence", ["reported"], "memory.channels.confidence"),
        ("memory.channels.source", 7, "memory.channels.source: expected text"),
        ("memory.total_bytes.value", -1, "memory.total_bytes: -1 must be at least 1"),
        ("memory.bandwidth_bytes_per_s.value", math.nan, "memory.bandwidth_bytes_per_s: nan is not a number"),
        ("memory.bandwidth_bytes_per_s.value", math.inf, "memory.bandwidth_bytes_per_s: inf is not a number"),
        ("memory.bandwidth_bytes_per_s.value", 0, "memory.bandwidth_bytes_per_s: 0 must be above 0"),
        ("memory.bandwidth_bytes_per_s.value", 150e9, "memory.bandwidth_bytes_per_s: .* 2 channels at 6000"),
        ("memory.available_bytes.value", 63 * GIB, "memory.available_bytes: .* more than memory.total_bytes"),
        ("memory.installed_bytes.value", 32 * GIB, "memory.installed_bytes: .* sum of the modules"),
        ("memory.modules.0.size_bytes", 0, r"memory.modules\[0\].size_bytes: 0 must be at least 1"),
        ("memory.modules.0.locator", None, r"memory.modules\[0\].locator: missing"),
        ("cpu.physical_cores.value", 64, "cpu.physical_cores: 64 is more than cpu.logical_cores"),
        ("cpu.sockets.value", 17, "cpu.sockets: 17 is more than cpu.physical_cores"),
        ("cpu.isa.value", "avx2", "cpu.isa: expected a list"),
        ("cpu.name.value", "a\x1b[2Jb", "cpu.name: contains control characters"),
        ("accelerators", {}, "accelerators: expected a list"),
        ("accelerators.0.vram_bytes.value", 0, r"accelerators\[0\].vram_bytes: 0 must be at least 1"),
        (
            "accelerators.0.free_bytes.value",
            30 * GIB,
            r"accelerators\[0\].free_bytes: .* more than vram_bytes",
        ),
        ("accelerators.0.unified.value", 1, r"accelerators\[0\].unified: expected true or false"),
        (
            "accelerators.0.pcie.value.lanes",
            32,
            r"accelerators\[0\].pcie: lanes \(32\) is more than max_lanes",
        ),
        ("accelerators.0.pcie.value", [], r"accelerators\[0\].pcie: expected an object"),
        ("notes", ["a", 2], r"notes\[1\]: expected text"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(path: str, value: Any, says: str) -> None:
    with pytest.raises(RigError, match=says) as caught:
        rig_from_document(changed(path, value))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_unified_pool_larger_than_ram_is_refused() -> None:
    doc = changed("accelerators.0.unified.value", True)
    doc["accelerators"][0]["vram_bytes"]["value"] = 96 * GIB
    with pytest.raises(
        RigError, match=r"accelerators\[0\].vram_bytes: unified memory .* larger than the RAM"
    ):
        rig_from_document(doc)


@pytest.mark.parametrize(
    "path",
    [
        *("cpu", "memory", "accelerators", "memory.channels", "memory.measured_bandwidth_bytes_per_s"),
        *(
            "cpu.isa",
            "accelerators.0.pcie",
            "memory.mts.source",
            "memory.mts.value",
            "memory.modules.1.size_bytes",
        ),
    ],
)
def test_a_missing_part_is_named(path: str) -> None:
    doc = document()
    item, last = at(doc, path)
    del item[last]
    with pytest.raises(RigError, match=rf"{last}: missing"):
        rig_from_document(doc)


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("memroy", "memory"),
        ("memory.chanels", "channels"),
        ("cpu.phys_cores", "physical_cores"),
        ("accelerators.0.vram", "vram_bytes"),
        ("memory.mts.confidenc", "confidence"),
        ("memory.modules.0.size", "size_bytes"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(path: str, near: str) -> None:
    with pytest.raises(RigError, match=rf'unknown key; did you mean "({near})"'):
        rig_from_document(changed(path, 1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (rig_to_json(desktop())[:300], "truncated"),
        ("not json at all", "not JSON"),
        ("[]", "document: expected an object"),
        ('{"schema": NaN}', "NaN is not JSON"),
        ('{"name": "a", "name": "b"}', "name: the key appears twice"),
        ("[" * 100_000, "nested too deeply|truncated"),
        ('{"schema": ' + "9" * 5000 + "}", "schema|digits"),
    ],
)
def test_a_file_that_is_no_rig_says_what_is_wrong_with_it(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "rig.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RigError, match=says) as caught:
        load_rig(path)
    assert "rig.json" in str(caught.value)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(RigError, match="cannot be read"):
            load_rig(path)
    binary = tmp_path / "rig.bin"
    binary.write_bytes(b"\x80\x81\x82")
    with pytest.raises(RigError, match="not text"):
        load_rig(binary)


def test_a_rig_is_read_from_a_file_and_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = rig_to_json(desktop())
    path = tmp_path / "rig.json"
    path.write_text(text, encoding="utf-8-sig")
    assert load_rig(path) == desktop()
    path.write_text(text, encoding="utf-16")  # what a PowerShell redirect writes
    assert load_rig(path) == desktop()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert load_rig("-") == desktop()


def test_a_rig_with_an_infinite_number_is_not_written() -> None:
    rig = desktop()
    memory = MemoryInfo(
        **{
            **{f: getattr(rig.memory, f) for f in rig.memory.__slots__},
            "bandwidth_bytes_per_s": reported(math.inf),
        }
    )
    with pytest.raises(RigError, match=r"memory\.bandwidth_bytes_per_s"):
        rig_to_document(Rig(rig.name, rig.system, rig.cpu, memory, ()))


# --- properties ------------------------------------------------------------------------------

TEXT = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=20)


def values(field: Field) -> st.SearchStrategy[Any]:
    match field.kind:
        case "string":
            return TEXT
        case "strings":
            return st.lists(TEXT, max_size=3).map(tuple)
        case "boolean":
            return st.booleans()
        case "pcie":
            return records(PcieLink, PCIE_FIELDS)
        case "number":
            return st.floats(0, field.maximum, exclude_min=True)
        case "integer":
            return st.integers(field.minimum, int(field.maximum))


def facts(field: Field) -> st.SearchStrategy[Fact[Any]]:
    known = st.builds(Fact, values(field), TEXT, st.sampled_from([c for c in CONFIDENCES if c != "unknown"]))
    return st.one_of(known, st.builds(unknown, TEXT))


def records(kind: type[T], fields: tuple[Field, ...]) -> st.SearchStrategy[T]:
    return st.builds(kind, **{f.name: values(f) if f.required else st.none() | values(f) for f in fields})


def fact_holders(
    kind: type[T], fields: tuple[Field, ...], **more: st.SearchStrategy[Any]
) -> st.SearchStrategy[T]:
    return st.builds(kind, **{f.name: facts(f) for f in fields}, **more)


def tuples(items: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(items, max_size=2).map(tuple)


RIGS = st.builds(
    Rig,
    name=TEXT,
    system=fact_holders(SystemInfo, SYSTEM_FACTS),
    cpu=fact_holders(
        CpuInfo,
        CPU_FACTS,
        caches=tuples(records(Cache, CACHE_FIELDS)),
        numa=tuples(records(NumaNode, NUMA_FIELDS)),
    ),
    memory=fact_holders(MemoryInfo, MEMORY_FACTS, modules=tuples(records(MemoryModule, MODULE_FIELDS))),
    accelerators=tuples(fact_holders(AcceleratorInfo, ACCELERATOR_FACTS)),
    storage=tuples(fact_holders(StorageInfo, STORAGE_FACTS)),
    notes=tuples(TEXT),
)


@settings(max_examples=60, deadline=None)
@given(RIGS)
def test_any_consistent_rig_survives_the_round_trip_and_fits_the_schema(rig: Rig) -> None:
    consistent = without_contradictions(rig)
    assert not list(contradictions(consistent))
    doc = json.loads(rig_to_json(consistent))
    VALIDATOR.validate(doc)
    assert rig_from_document(doc) == consistent


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def paths(item: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [prefix] if prefix else []
    children = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    for key, child in children:
        found += paths(child, (*prefix, key))
    return found


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(paths(document())), JSON_VALUES)
def test_any_damage_is_refused_in_one_line_or_gives_a_rig(path: tuple[Any, ...], value: Any) -> None:
    doc = copy.deepcopy(document())
    item: Any = doc
    for key in path[:-1]:
        item = item[key]
    item[path[-1]] = value
    rig, refusal = None, ""
    try:
        rig = rig_from_document(doc)
    except RigError as error:
        refusal = str(error)
    if rig is None:
        assert refusal
        assert "\n" not in refusal
        return
    # Whatever is accepted can be written, fits the schema, and means the same when read again.
    VALIDATOR.validate(rig_to_document(rig))
    assert rig_from_document(rig_to_document(rig)) == rig
    VALIDATOR.validate(doc)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_text_from_firmware_never_makes_an_unreadable_document(text: str) -> None:
    rig = desktop()
    hostile = Rig(text, rig.system, rig.cpu, rig.memory, rig.accelerators, (text,))
    assert rig_from_document(rig_to_document(hostile)).memory == rig.memory


def test_a_contradicting_fact_is_dropped_with_a_note() -> None:
    rig = desktop()
    gpu = rig.accelerators[0]
    wrong = AcceleratorInfo(
        **{**{f: getattr(gpu, f) for f in gpu.__slots__}, "free_bytes": reported(99 * GIB)}
    )
    settled = without_contradictions(Rig(rig.name, rig.system, rig.cpu, rig.memory, (wrong,), rig.notes))
    assert settled.accelerators[0].free_bytes.value is None
    assert settled.accelerators[0].vram_bytes == gpu.vram_bytes
    assert settled.notes[0] == rig.notes[0]
    assert "accelerators[0].free_bytes" in settled.notes[1]


# --- what no machine has -----------------------------------------------------------------------


def test_incredible_values_become_unknown_with_a_note() -> None:
    rig = desktop()
    module = replace(rig.memory.modules[0], rank=2**32 - 1)
    link = PcieLink(4.0, 2**32 - 1, 4.0, 16)
    rig = replace(
        rig,
        cpu=replace(rig.cpu, caches=(Cache(2**31, 1024, 1), Cache(3, 1024, 1))),
        memory=replace(rig.memory, mts=reported(10**40), modules=(module,)),
        accelerators=(replace(rig.accelerators[0], pcie=reported(link), fp16_flops=reported(math.inf)),),
    )
    found = within_bounds(rig)
    assert [c.level for c in found.cpu.caches] == [3]
    assert found.memory.modules[0].rank is None
    assert not found.memory.mts.known
    assert found.accelerators[0].pcie.value == PcieLink(4.0, None, 4.0, 16)
    assert "not credible" in found.accelerators[0].fp16_flops.source
    for key in ("cpu.caches.level", "memory.modules.rank", "memory.mts", "pcie.lanes", "fp16_flops"):
        assert any(key in note and "not credible" in note for note in found.notes)
    assert rig_from_document(rig_to_document(found)) == found
    assert within_bounds(desktop()) == desktop()


def test_control_characters_never_leave_a_probe() -> None:
    rig = desktop()
    bad = "\x1b[31mred\u202e\ud800"
    rig = replace(
        rig,
        name=bad,
        cpu=replace(rig.cpu, name=Fact(bad, bad, "reported"), isa=reported((bad,))),
        memory=replace(rig.memory, modules=(replace(rig.memory.modules[0], locator=bad),)),
        notes=(bad,),
    )
    found = without_contradictions(rig)
    clean = " [31mred  "
    assert (found.name, found.cpu.name.value, found.cpu.name.source) == (clean, clean, clean)
    assert found.cpu.isa.value == (clean,)
    assert found.memory.modules[0].locator == clean
    assert found.notes == (clean,)


@pytest.mark.parametrize("path", ["no\x1esuch", "no\nsuch", "no\0such"])
def test_a_path_with_control_characters_is_refused_on_one_line(path: str) -> None:
    with pytest.raises(RigError) as raised:
        load_rig(path)
    assert len(str(raised.value).splitlines()) == 1
