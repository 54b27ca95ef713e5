"""The models screen: the catalog with and without a rig, its filter, order, detail and keys."""

from __future__ import annotations

import csv
import io
import json
import shlex
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from advisor.cli.arguments import build_parser
from advisor.core.question import Question
from advisor.model_list import ORDERS, list_models
from advisor.report.schemas import schema_document
from advisor.tui import background
from advisor.tui.app import AdvisorApp
from advisor.tui.glyphs import ASCII, UNICODE
from advisor.tui.screens.compare import CompareScreen
from advisor.tui.screens.models import ModelsScreen
from advisor.tui.screens.ranking import RankingScreen
from advisor.tui.screens.why import WhyScreen
from advisor.tui.widgets.filter_bar import FilterInput
from advisor.tui.widgets.models import ModelTable
from catalog.types import CatalogError
from probes.types import RigError

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]
Golden = Callable[[str, str], None]


def app_of(world: SimpleNamespace, **options: Any) -> AdvisorApp:
    return AdvisorApp(Question(), rig=world.rig, rig_path="example.json", **options)


def app_without_rig() -> AdvisorApp:
    def nothing(_: Any) -> Any:
        raise RigError("there is no hardware here")

    return AdvisorApp(Question(), prober=nothing, glyphs=UNICODE)


async def press(pilot: Any, settle: Settle, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def names(app: AdvisorApp) -> list[str]:
    return [row.model.name for row in app.screen.query_one(ModelTable).items]


def at_cursor(app: AdvisorApp) -> str:
    row = app.screen.query_one(ModelTable).at_cursor
    assert row is not None
    return row.model.name


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_catalog_looks_as_agreed(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden, size: tuple[int, int]
) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M", "down", "space")
        await pilot.pause(0.05)
        await settle(pilot)
        text = screen(app)
        assert max(len(line) for line in text.splitlines()) <= size[0]
        golden(f"models_{size[0]}x{size[1]}", text)


@pytest.mark.usefixtures("world")
async def test_without_a_rig_the_catalog_is_there_and_speeds_are_not(
    settle: Settle, screen: Screen, golden: Golden
) -> None:
    app = app_without_rig()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M")
        golden("models_no_rig_80x24", screen(app))
        assert {c.column.key for c in app.screen.query_one(ModelTable)._columns()}.isdisjoint(
            {"speed", "fit"}
        )
        await press(pilot, settle, "slash")
        await pilot.press(*"tok>20")
        await settle(pilot)
        assert "tok is not known here: no rig is ranked yet" in screen(app)
        assert "tok" not in app.state.browse.filter_text, "what cannot be answered changes nothing"
        await press(pilot, settle, "escape", "enter")
        assert isinstance(app.screen, ModelsScreen)
        assert any("there is no rig yet" in n.message for n in app._notifications)
        await press(pilot, settle, "y")
        assert app.clipboard == "rig-advisor models --use chat --sort quality"


async def test_ascii_holds_nothing_but_ascii(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden
) -> None:
    app = app_of(world, glyphs=ASCII)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M")
        golden("ascii_models_80x24", screen(app))
        for width in (80, 120, 200):
            await pilot.resize_terminal(width, 40)
            await settle(pilot)
            for _ in range(len(names(app))):
                assert screen(app).isascii()
                await press(pilot, settle, "down")


async def test_no_number_is_clipped_at_any_width(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(60, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M")
        table = app.screen.query_one(ModelTable)
        for width in range(60, 201, 7):
            await pilot.resize_terminal(width, 24)
            await settle(pilot)
            columns = table._columns()
            assert {"name", "params", "speed"} <= {p.column.key for p in columns}
            assert columns[-1].x + columns[-1].width <= table.size.width
            for row in table.items:
                for placed in columns:
                    cell = placed.column.cell(row, app.glyphs)
                    assert placed.column.key == "name" or len(cell) <= placed.width


async def test_the_wide_list_has_every_column(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(220, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M")
        keys = {p.column.key for p in app.screen.query_one(ModelTable)._columns()}
        facts = {"maker", "params", "active", "kind", "context", "license", "release", "quality", "extras"}
        assert keys == {"name", *facts, "kv", "size", "speed", "fit"}


async def test_all_models_are_listed_also_variants_and_those_without_an_estimate(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M")
        assert set(names(app)) == {m.name for m in world.models} | {"Odd-9B"}
        await press(pilot, settle, "slash")
        await pilot.press(*"odd", "enter")
        await settle(pilot)
        assert names(app) == ["Odd-9B"]
        assert "not estimated, because its layout is" in screen(app)
        assert "1 of 10 models" in screen(app)
        await press(pilot, settle, "enter")
        assert isinstance(app.screen, ModelsScreen)
        assert any("Odd-9B is not estimated: its layout" in n.message for n in app._notifications)
        await press(pilot, settle, "space")
        assert app.state.pins == ()


async def test_enter_explains_also_a_variant_that_the_ranking_folds(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M", "slash")
        await pilot.press(*"finetune", "enter")
        await settle(pilot)
        await press(pilot, settle, "enter")
        assert isinstance(app.screen, WhyScreen)
        assert "Medium-14B-Finetune" in screen(app)
        await press(pilot, settle, "escape")
        assert isinstance(app.screen, ModelsScreen)


async def test_the_filter_is_live_and_escape_clears_it_and_then_goes_back(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M", "slash")
        await pilot.press(*"is:moe params<100")
        await settle(pilot)
        assert names(app) == ["Sparse-30B-A3B"]
        assert "1 of 10" in screen(app)
        assert app.state.filter_text == "", "the ranking has a filter of its own"
        field = app.screen.query_one(FilterInput)
        field.value = "parms<3"
        await settle(pilot)
        assert "did you mean 'params'?" in screen(app)
        assert names(app) == ["Sparse-30B-A3B"]
        field.value = "zzz"
        await settle(pilot)
        assert "no model matches  zzz" in screen(app)
        await press(pilot, settle, "enter", "escape")
        assert len(names(app)) == 10
        await press(pilot, settle, "escape")
        assert isinstance(app.screen, RankingScreen)


@pytest.mark.parametrize("key", ["escape", "backspace", "M"])
async def test_keys_lead_back(world: SimpleNamespace, settle: Settle, key: str) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M", key)
        assert isinstance(app.screen, RankingScreen)


async def test_sort_goes_through_all_orders_and_heads_can_be_clicked(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M", "down")
        name = at_cursor(app)
        seen = []
        for _ in ORDERS:
            await press(pilot, settle, "s")
            seen.append(app.state.browse.sort)
            assert at_cursor(app) == name, "the cursor stays on its model"
        assert seen == [*list(ORDERS)[1:], "quality"]
        await press(pilot, settle, "s", "s", "s")
        assert names(app)[0] == "Boundless-671B"
        await press(pilot, settle, "S")
        assert names(app)[0] == "Tiny-0.6B"
        head = next(p for p in app.screen.query_one(ModelTable)._columns() if p.column.key == "name")
        await pilot.click(ModelTable, offset=(head.x + 1, 0))
        await settle(pilot)
        assert names(app) == sorted(names(app), key=str.lower)
        await pilot.click(ModelTable, offset=(head.x + 1, 0))
        await settle(pilot)
        assert names(app) == sorted(names(app), key=str.lower, reverse=True)


async def test_pins_are_those_of_the_ranking_and_v_compares_them(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M", "space")
        first = at_cursor(app)
        await press(pilot, settle, "down", "space", "v")
        assert isinstance(app.screen, CompareScreen)
        assert app.state.pins[0] == f"example/{first}"
        await press(pilot, settle, "escape", "space")
        assert len(app.state.pins) == 1


async def test_the_detail_follows_the_cursor_scrolls_and_names_its_sources(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M", "slash")
        await pilot.press(*"medium", "enter")
        await settle(pilot)
        await pilot.pause(0.05)
        await settle(pilot)
        assert "40 layers of full attention" in screen(app)
        for _ in range(8):
            await press(pilot, settle, "ctrl+down")
        assert "made up for tests" in screen(app)
        for _ in range(8):
            await press(pilot, settle, "ctrl+up")
        assert "Medium-14B" in screen(app)


async def test_quality_follows_the_use_case(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M")
        before = [row.quality for row in app.screen.query_one(ModelTable).items]
        await press(pilot, settle, "c")
        assert [row.quality for row in app.screen.query_one(ModelTable).items] == [q + 1 for q in before]


async def test_loading_and_a_broken_catalog_are_said(
    world: SimpleNamespace, settle: Settle, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = threading.Event()

    def slow() -> Any:
        hold.wait(5)
        raise CatalogError("models.json is broken; reinstall the package")

    monkeypatch.setattr(background, "browse", slow)
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("M")
        await pilot.pause()
        assert "reading the catalog" in screen(app)
        await pilot.press("down", "enter", "space", "Y")
        hold.set()
        await settle(pilot)
        assert "models.json is broken; reinstall the package" in screen(app)
        await press(pilot, settle, "e")
        assert any("nothing to export yet" in n.message for n in app._notifications)


async def test_what_is_exported_and_printed_has_the_rows_of_the_screen(
    world: SimpleNamespace, settle: Settle, tmp_path: Path
) -> None:
    app = app_of(world, export_folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "M", "slash")
        await pilot.press(*"params>10 tok>1", "enter")
        await settle(pilot)
        await press(pilot, settle, "s", "S", "e", "j", "e", "c", "e", "m")
        shown = names(app)
        assert len(shown) > 2
        document = json.loads((tmp_path / "rig-advisor-models.json").read_text("utf-8"))
        jsonschema.validate(document, schema_document("models"))
        assert [row["model"]["name"] for row in document["rows"]] == shown
        rows = csv.DictReader(io.StringIO((tmp_path / "rig-advisor-models.csv").read_text("utf-8")))
        assert [row["name"] for row in rows] == shown
        text = (tmp_path / "rig-advisor-models.md").read_text("utf-8")
        assert [line.split("|")[1].strip() for line in text.splitlines()[2:]] == shown
        await press(pilot, settle, "y")
        arguments = build_parser().parse_args(shlex.split(app.clipboard)[1:])
        assert arguments.command == "models"
        assert arguments.here
        assert arguments.rig == "example.json"
        view, browse = app.state.view, app.state.browse
        assert view is not None
        assert browse.entries is not None
        printed = list_models(
            browse.entries, view.here, arguments.use, arguments.filter, arguments.sort, arguments.reverse
        )
        assert [row.model.name for row in printed.rows] == shown
        await press(pilot, settle, "Y")
        assert app.clipboard.startswith(f"{at_cursor(app)}\tExample\t")
        link = build_parser().parse_args(shlex.split(app.screen.link())[1:])  # type: ignore[attr-defined]
    again = app_of(world, view=link.open)
    async with again.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert isinstance(again.screen, ModelsScreen)
        assert names(again) == shown
