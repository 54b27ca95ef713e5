"""Keys: what each of them changes."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.binding import Binding
from textual.widgets import Input

from advisor.core.question import Question
from advisor.tui.app import AdvisorApp
from advisor.tui.routes import ROUTES, screen_class
from advisor.tui.screens.base import StateScreen
from advisor.tui.screens.help import HelpScreen
from advisor.tui.screens.ranking import FilterInput, RankingScreen
from advisor.tui.screens.rig import RigScreen
from advisor.tui.screens.toosmall import TooSmallScreen
from advisor.tui.screens.topology import TopologyScreen
from advisor.tui.screens.whatif import WhatIfScreen
from advisor.tui.screens.whatif_form import FormScreen
from advisor.tui.screens.whatif_why import AfterScreen
from advisor.tui.screens.why import WhyScreen
from advisor.tui.widgets.table import RankingTable
from advisor.tui.widgets.whatif_field import WhatIfInput

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]


def app_of(world: SimpleNamespace, **options: Any) -> AdvisorApp:
    return AdvisorApp(Question(), rig=world.rig, rig_path="example.json", **options)


async def press(pilot: Any, settle: Settle, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def selected(app: AdvisorApp) -> str:
    row = app.screen.query_one(RankingTable).selected
    assert row is not None
    return row.name


async def test_moving_goes_through_the_list_and_stops_at_its_ends(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        first = selected(app)
        await press(pilot, settle, "j", "down")
        third = selected(app)
        await press(pilot, settle, "k", "up", "up")
        assert selected(app) == first != third
        await press(pilot, settle, "G")
        last = selected(app)
        await press(pilot, settle, "down", "pagedown", "end")
        assert selected(app) == last
        await press(pilot, settle, "g")
        assert selected(app) == first
        assert app.state.selected == world.models[0].id or selected(app) == first


async def test_selection_stays_on_its_model_when_the_list_changes(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "down", "down")
        name = selected(app)
        for key in ("s", "s", "S", "n", "c", "u", "t", "right_square_bracket", "r"):
            await press(pilot, settle, key)
            assert selected(app) == name, key


async def test_question_keys_change_the_question_and_rank_again(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "right_square_bracket", "u", "c", "t")
        question = app.state.question
        assert (question.context, question.users, question.use, question.kv_type) == (
            16384,
            2,
            "coding",
            "q8_0",
        )
        assert app.state.view is not None
        assert app.state.view.table.question == question
        await press(pilot, settle, "left_square_bracket", "U")
        assert (app.state.question.context, app.state.question.users) == (8192, 1)


async def test_question_keys_work_on_the_why_screen_too(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "enter", "right_square_bracket")
        assert isinstance(app.screen, WhyScreen)
        assert "context 16k" in screen(app)


async def test_filter_is_live_says_what_is_wrong_and_is_cleared_by_escape(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "slash", *"moe")
        field = app.screen.query_one(FilterInput)
        field.insert_text_at_cursor(" tok")
        await settle(pilot)
        assert app.state.filter_text == "moe", "the name of a field is not looked for in names"
        assert "decode tokens per second" in screen(app)
        await press(pilot, settle, "greater_than_sign")
        assert "tok> needs a number" in screen(app)
        assert app.state.filter_text == "moe", "a broken filter leaves the list as it was"
        await pilot.press(*"10")
        await settle(pilot)
        assert app.state.filter_text == "moe tok>10"
        assert "tok> needs" not in screen(app)
        await press(pilot, settle, "enter")
        assert isinstance(app.focused, RankingTable)
        assert app.state.filter_text == "moe tok>10"
        await press(pilot, settle, "escape")
        assert app.state.filter_text == ""
        assert app.screen.query_one(FilterInput).value == ""


async def test_letters_typed_into_the_filter_are_no_commands(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"qwens?")
        await settle(pilot)
        assert app.is_running
        assert isinstance(app.screen, RankingScreen)
        assert app.screen.query_one(FilterInput).value == "qwens?"


async def test_sort_keys_cycle_and_reverse_and_the_head_can_be_clicked(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "s")
        assert app.state.sort == "speed"
        await press(pilot, settle, "S")
        assert app.state.reverse
        table = app.screen.query_one(RankingTable)
        name = next(p for p in table._columns() if p.column.key == "name")
        await pilot.click(RankingTable, offset=(name.x + 1, 0))
        await settle(pilot)
        assert (app.state.sort, app.state.reverse) == ("name", False)


async def test_clicking_a_row_selects_it_and_clicking_again_explains_it(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.click(RankingTable, offset=(10, 3))
        await settle(pilot)
        assert app.screen.query_one(RankingTable).selected is not None
        assert isinstance(app.screen, RankingScreen)
        await pilot.click(RankingTable, offset=(10, 3))
        await settle(pilot)
        assert isinstance(app.screen, WhyScreen)


async def test_keys_in_the_footer_can_be_clicked(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        x = app.screen.query_one("#keys").render().plain.index("What if")  # type: ignore[attr-defined]
        await pilot.click("#keys", offset=(x, 0))
        await settle(pilot)
        assert isinstance(app.screen, WhatIfScreen)


async def test_escape_leads_back_from_every_screen(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for key, screen in (
            ("enter", WhyScreen),
            ("w", WhatIfScreen),
            ("i", RigScreen),
            ("m", TopologyScreen),
            ("question_mark", HelpScreen),
            ("f1", HelpScreen),
        ):
            await press(pilot, settle, key)
            assert isinstance(app.screen, screen)
            await press(pilot, settle, "escape")
            assert isinstance(app.screen, RankingScreen)


async def test_why_screen_goes_to_the_neighbours_in_the_list(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "enter", "right")
        second = app.state.selected
        assert second is not None
        assert second.removeprefix("example/") in screen(app)
        await press(pilot, settle, "escape")
        assert selected(app) == second.removeprefix("example/")


async def test_export_writes_what_the_list_shows_and_never_overwrites(
    world: SimpleNamespace, settle: Settle, tmp_path: Path
) -> None:
    app = app_of(world, export_folder=tmp_path, filter_text="params<100")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "e", "j", "e", "j")
        assert sorted(p.name for p in tmp_path.iterdir()) == [
            "rig-advisor-ranking-2.json",
            "rig-advisor-ranking.json",
        ]
        document = json.loads((tmp_path / "rig-advisor-ranking.json").read_text("utf-8"))
        assert document["schema"] == "rig-advice/rank/1"
        assert document["filter"] == "params<100"
        assert {r["model"]["name"] for r in document["rows"]} == {
            m.name for m in world.models if m.total_params < 100e9 and m.variant_of is None
        }
        toast = " ".join(n.message for n in app._notifications)
        assert str(tmp_path / "rig-advisor-ranking.json") in toast


async def test_export_into_a_folder_that_is_not_there_says_so(
    world: SimpleNamespace, settle: Settle, tmp_path: Path
) -> None:
    app = app_of(world, export_folder=tmp_path / "missing")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "e", "j")
        assert any("not written" in n.message for n in app._notifications)


async def test_copies_reproduce_the_view_and_the_run(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world, filter_text="params<100")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "y")
        assert app.clipboard.startswith("rig-advisor rank --rig example.json --context 8192")
        assert "--filter 'params<100'" in app.clipboard
        await press(pilot, settle, "Y")
        assert re.match(r"1\tSparse-30B-A3B\t\w+\t[\d.]+ GiB\t\d+ tok/s \(likely ", app.clipboard)
        await press(pilot, settle, "J")
        assert json.loads(app.clipboard)["filter"] == "params<100"
        await press(pilot, settle, "enter", "y")
        assert app.clipboard.startswith("rig-advisor explain example/Sparse-30B-A3B --quant ")
        await press(pilot, settle, "L")
        assert app.clipboard.startswith("llama-server -m ")
        await press(pilot, settle, "B")
        assert app.clipboard.startswith("llama-bench -m ")


async def test_palette_offers_the_themes(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert app.theme == "rig-dark"
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Light theme", "Dark theme", "Probe again", "Sort by tok/s"} <= titles
        await pilot.press("ctrl+p", *"light theme")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert app.theme == "rig-light"


def test_every_binding_has_an_id_of_its_own() -> None:
    owners = [
        AdvisorApp,
        RankingTable,
        FilterInput,
        WhatIfInput,
        RankingScreen,
        WhyScreen,
        WhatIfScreen,
        FormScreen,
        AfterScreen,
        RigScreen,
        TopologyScreen,
        HelpScreen,
        TooSmallScreen,
    ]
    bindings = [b for owner in owners for b in owner.__dict__["BINDINGS"]]
    assert all(isinstance(b, Binding) and b.id for b in bindings)
    ids = [b.id for b in bindings]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", ROUTES)
def test_every_view_has_a_name_keys_to_explain_and_a_text_command(name: str) -> None:
    screen = screen_class(name)
    assert name == screen.ROUTE
    assert screen.KEY_HELP
    assert screen.text_command is not StateScreen.text_command


MONKEY_WORDS = """
    up down pageup pagedown home end j k g G enter escape slash s S n w u U c t y i m r v space a x b e q h l
    left right left_square_bracket right_square_bracket question_mark f1 tab shift+tab backspace
    1 2 3 4 5 6 9 less_than_sign minus colon ctrl+z ctrl+y f E F X comma
"""
MONKEY_KEYS = MONKEY_WORDS.split()


async def test_three_hundred_random_keys_and_sizes_do_no_harm(
    world: SimpleNamespace, settle: Settle, tmp_path: Path, screen: Screen
) -> None:
    app = app_of(world, export_folder=tmp_path)
    luck = random.Random(20250428)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for _ in range(300):
            key = luck.choice(MONKEY_KEYS)
            # Quitting ends the test; everywhere but in text fields q does that.
            if key == "q" and not isinstance(app.focused, Input):
                continue
            if luck.random() < 0.08:
                width, height = luck.choice([(80, 24), (120, 40), (60, 16), (59, 15), (200, 60), (100, 30)])
                await pilot.resize_terminal(width, height)
            # Not always waiting for the work that a key starts is part of the test.
            app.simulate_key(key)
            if luck.random() < 0.3:
                await pilot.pause()
        await settle(pilot)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        for _ in range(12):
            if isinstance(app.screen, RankingScreen):
                break
            await press(pilot, settle, "escape")
        assert isinstance(app.screen, RankingScreen)
        await press(pilot, settle, "escape")
        assert app.state.filter_text == ""
        assert "Medium-14B" in screen(app)
