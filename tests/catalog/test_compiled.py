"""The compiled tables are their reviewed sources, value by value and type by type."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from catalog import compiled, hardware, models
from catalog.build.compiled import TABLES, main, stale
from catalog.types import CatalogError

LOADED = {
    "models": models.load_models,
    "accelerators": hardware.load_accelerators,
    "cpu_families": hardware.load_cpu_families,
    "cpus": hardware.load_cpus,
}


@dataclass(frozen=True, slots=True)
class Record:
    """A record with every kind of value."""

    name: str
    tags: tuple[str, ...]
    size: float | None


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_compiled_table_equals_its_source(name: str) -> None:
    assert name not in stale(), "run python -m catalog.build.compiled"
    source, loaded = TABLES[name](), LOADED[name]()
    assert loaded == source
    # repr tells 1 from 1.0 and a list from a tuple
    assert [repr(record) for record in loaded] == [repr(record) for record in source]


def test_check_passes_on_the_shipped_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_writing_twice_gives_the_same_text_and_reading_gives_the_records(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = (Record("a", ("x", "y"), 1.0), Record("b", (), None), Record("c", (), 1.0), Record("d", (), 1))
    text = compiled.text_of(records)
    assert text == compiled.text_of(records)
    (tmp_path / "records.json").write_text(text)
    monkeypatch.setattr(compiled, "DATA", tmp_path)
    assert repr(compiled.read("records", Record)) == repr(records)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table["columns"].pop("size"),
        lambda table: table["columns"].update(colour=["red"]),
        lambda table: table["columns"].update(name=["a"]),
        lambda table: table.pop("rows"),
    ],
)
def test_a_table_that_does_not_match_is_refused(change, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = json.loads(compiled.text_of([Record("a", ("x",), 1.0), Record("b", (), None)]))
    change(table)
    (tmp_path / "records.json").write_text(json.dumps(table))
    monkeypatch.setattr(compiled, "DATA", tmp_path)
    with pytest.raises(CatalogError, match=r"catalog\.build\.compiled"):
        compiled.read("records", Record)


def test_a_missing_table_is_a_catalog_error(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "DATA", tmp_path)
    with pytest.raises(CatalogError, match="cannot read"):
        compiled.read("records", Record)
