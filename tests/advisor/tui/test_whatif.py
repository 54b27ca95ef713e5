"""The what-if screen: scenarios, undo, panes, plot, typing, saving."""

from __future__ import annotations

import json
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from advisor.cli.arguments import build_parser
from advisor.core.question import Question
from advisor.curves import Curves
from advisor.scenario_file import load_scenarios
from advisor.tui import background
from advisor.tui.app import AdvisorApp
from advisor.tui.glyphs import UNICODE
from advisor.tui.screens.picture import PictureScreen
from advisor.tui.screens.ranking import RankingScreen
from advisor.tui.screens.whatif import WhatIfScreen
from advisor.tui.screens.whatif_keys import KEYS
from advisor.tui.screens.whatif_why import AfterScreen
from advisor.tui.widgets.whatif_field import Entry, WhatIfInput

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]


def app_of(world: SimpleNamespace, **options: Any) -> AdvisorApp:
    return AdvisorApp(Question(), rig=world.rig, rig_path="example.json", glyphs=UNICODE, **options)


async def press(pilot: Any, settle: Settle, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def screen_of(app: AdvisorApp) -> WhatIfScreen:
    assert isinstance(app.screen, WhatIfScreen)
    return app.screen


async def test_two_keys_show_what_two_more_sticks_change(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w")
        assert "1 two more sticks: ram +2x32GB:DDR5-5200" in screen(app)
        await press(pilot, settle, "1")
        assert "126 GiB ▲×2.0" in screen(app)


async def test_what_if_adds_undoes_redoes_and_explains_errors(
    world: SimpleNamespace, settle: Settle, screen: Screen, tmp_path: Path
) -> None:
    app = app_of(world, export_folder=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w", "a")
        await pilot.press(*"nonsense 3", "enter")
        await settle(pilot)
        assert "unknown change 'nonsense'" in screen(app)
        assert app.state.scenarios == ()
        field = app.screen.query_one(WhatIfInput)
        field.value = ""
        await pilot.press(*"add-gpu X", "enter")
        await settle(pilot)
        assert app.state.scenarios == ("add-gpu X",)
        assert field.value == ""
        assert app.state.differences is not None
        assert "46.0 GiB" in screen(app)
        await press(pilot, settle, "u")
        assert app.state.scenarios == ()
        await press(pilot, settle, "U")
        assert app.state.scenarios == ("add-gpu X",)
        await press(pilot, settle, "e", "j", "y")
        document = json.loads((tmp_path / "rig-advisor-what-if.json").read_text("utf-8"))
        assert [s["name"] for s in document["scenarios"]] == ["now", "add-gpu X"]
        assert app.clipboard.endswith("--add-gpu X")


async def test_what_if_follows_the_question_and_stops_at_four(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w")
        for text in ("add-gpu A", "add-gpu B", "ram C", "ram D", "ram E"):
            app.screen.query_one(WhatIfInput).value = text
            await press(pilot, settle, "a", "enter")
        assert app.state.scenarios == ("add-gpu A", "add-gpu B", "ram C", "ram D")
        assert "4 scenarios are the most" in screen(app)
        await press(pilot, settle, "escape", "right_square_bracket")
        assert app.state.differences is not None
        assert app.state.differences.comparison.rankings[1].table.question.context == 16384


async def test_any_column_is_chosen_removed_and_had_back(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for text in ("add-gpu A", "ram B", "ram C", "add-gpu D"):
            app.set_scenarios((*app.state.scenarios, text))
        await press(pilot, settle, "w")
        assert "▸1 add-gpu A" in screen(app)
        assert "2 more: h l" in screen(app)
        await press(pilot, settle, "l", "right", "right", "l")
        assert "▸4 add-gpu D" in screen(app), "columns scroll to the chosen one"
        await press(pilot, settle, "h", "left", "x")
        assert app.state.scenarios == ("add-gpu A", "ram C", "add-gpu D")
        await press(pilot, settle, "delete")
        assert app.state.scenarios == ("add-gpu A", "add-gpu D")
        await press(pilot, settle, "X")
        assert app.state.scenarios == ()
        await press(pilot, settle, "ctrl+z", "u", "ctrl+z")
        assert app.state.scenarios == ("add-gpu A", "ram B", "ram C", "add-gpu D")
        await press(pilot, settle, "ctrl+y", "U")
        assert app.state.scenarios == ("add-gpu A", "add-gpu D")
        await press(pilot, settle, "escape", "w", "u")
        assert app.state.scenarios == ("add-gpu A", "ram C", "add-gpu D"), "leaving forgets nothing"
        assert app.state.question.users == 1, "u is not the key for users here"


async def test_a_column_is_chosen_by_a_click(world: SimpleNamespace, settle: Settle, screen: Screen) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.set_scenarios(("add-gpu A", "ram B"))
        await press(pilot, settle, "w")
        lines = screen(app).splitlines()
        y = next(n for n, line in enumerate(lines) if "2 ram B" in line)
        await pilot.click(offset=(lines[y].index("2 ram B") + 1, y))
        await settle(pilot)
        assert screen_of(app).chosen == 2


async def test_editing_in_the_field_replaces_the_scenario_and_escape_leaves_it(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.set_scenarios(("add-gpu A", "ram B"))
        await press(pilot, settle, "w", "E")
        assert "edit 1" in screen(app)
        await press(pilot, settle, "escape")
        assert app.screen.query_one(WhatIfInput).value == ""
        await press(pilot, settle, "l", "enter", "backspace", "Z", "enter")
        assert app.state.scenarios == ("add-gpu A", "ram Z")
        await press(pilot, settle, "E", "backspace", "escape", "u")
        assert app.state.scenarios == ("add-gpu A", "ram B")
        await press(pilot, settle, "E", "enter")
        assert app.state.scenarios == ("add-gpu A", "ram B"), "nothing changed: nothing happens"


async def test_typing_is_completed_by_tab_and_by_a_click(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w", "a", "a", "d", "tab", *"30")
        field = app.screen.query_one(WhatIfInput)
        assert field.value == "add-gpu 30"
        assert "24 GiB  936 GB/s  Tab takes it" in screen(app)
        await press(pilot, settle, "down", "tab")
        assert field.value == "add-gpu RTX 3090 Ti"
        assert app.focused is field
        await press(pilot, settle, "up", "enter")
        assert app.state.scenarios == ("add-gpu RTX 3090 Ti",)
        await press(pilot, settle, "a", *"add-gpu rx")
        lines = screen(app).splitlines()
        y = next(n for n, line in enumerate(lines) if "RX 7900 XTX " in line)
        await pilot.click(offset=(14, y))
        await settle(pilot)
        assert field.value == "add-gpu RX 7900 XTX"
        await press(pilot, settle, "down")
        assert app.focused is None, "down leaves the field where nothing is offered"


async def test_panes_lists_and_why_after(world: SimpleNamespace, settle: Settle, screen: Screen) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.set_scenarios(("add-gpu A",))
        await press(pilot, settle, "w", "tab")
        assert screen_of(app).pane == "unlocked"
        assert "▸ Unlocked by 1 (0)" in screen(app)
        await press(pilot, settle, "tab")
        assert "▌ Huge-70B-Instruct" in screen(app)
        await press(pilot, settle, "j", "space")
        assert app.state.selected == "example/Vast-235B-A22B-With-A-Rather-Long-Name"
        await press(pilot, settle, "Y")
        assert app.clipboard.startswith("Vast-235B-A22B-With-A-Rather-Long-Name\tIQ2_M\trank 7 → 7\t")
        await press(pilot, settle, "k", "enter")
        assert isinstance(app.screen, AfterScreen)
        assert "2× RTX 4090" in screen(app)
        assert "Huge-70B-Instruct" in screen(app)
        await press(pilot, settle, "right_square_bracket")
        assert "context 16k" in screen(app)
        await press(pilot, settle, "y")
        arguments = build_parser().parse_args(shlex.split(app.clipboard)[1:])
        assert arguments.model == ["example/Huge-70B-Instruct"]
        assert arguments.scenarios == [[("add-gpu", "A")]]
        await press(
            pilot, settle, "j", "k", "pagedown", "pageup", "G", "g", "escape", "shift+tab", "shift+tab"
        )
        assert screen_of(app).pane == "scenarios"
        await press(pilot, settle, "down", "pagedown", "space", "end", "home", "shift+tab")
        assert screen_of(app).pane == "changes"


async def test_rows_are_clicked_twice_to_open(world: SimpleNamespace, settle: Settle, screen: Screen) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.set_scenarios(("add-gpu A",))
        await press(pilot, settle, "w")
        for _ in range(2):
            lines = screen(app).splitlines()
            y = next(n for n, line in enumerate(lines) if "6 → 6" in line)
            await pilot.click(offset=(lines[y].index("Huge-70B"), y))
            await settle(pilot)
        assert isinstance(app.screen, AfterScreen)


async def test_the_plot_is_drawn_where_there_is_room_and_on_its_own_screen_elsewhere(
    world: SimpleNamespace, settle: Settle, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    curves = background.curves

    def counted(wanted: Any) -> Curves:
        asked.append(wanted.of)
        return curves(wanted)

    monkeypatch.setattr(background, "curves", counted)
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.set_scenarios(("add-gpu A",))
        await press(pilot, settle, "w")
        assert asked == []
        await pilot.resize_terminal(120, 40)
        await settle(pilot)
        assert [of[2:] for of in asked] == [("ram-bandwidth", ("add-gpu A",))]
        assert "RAM bandwidth, GB/s" in screen(app)
        assert "b add-gpu A  now at 20" in screen(app)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert "now at 20" not in screen(app)
        await press(pilot, settle, "p")
        assert isinstance(app.screen, PictureScreen)


async def test_nothing_changes_says_what_binds_and_what_would_help(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.set_scenarios(("xmp on",))
        await press(pilot, settle, "w")
        text = screen(app)
        assert "None of the 7 models that fit runs any differently" in text
        assert "5 of 7 are bound by VRAM bandwidth (weights)" in text
        assert "10 % more VRAM bandwidth would bring" in text


async def test_scenarios_are_saved_beside_what_is_there_and_load_again(
    world: SimpleNamespace, settle: Settle, tmp_path: Path
) -> None:
    app = app_of(world, export_folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w", "ctrl+s")
        assert list(tmp_path.iterdir()) == []
        app.set_scenarios(("add-gpu A, name two cards", "ram B"))
        await press(pilot, settle, "ctrl+s", "ctrl+s")
        paths = [tmp_path / f"rig-advisor-scenarios{n}.toml" for n in ("", "-2")]
        for path in paths:
            assert [(s.name, s.edits) for s in load_scenarios(path)] == [
                ("two cards", (("add-gpu", "A"),)),
                ("ram B", (("ram", "B"),)),
            ]
        await press(pilot, settle, "y")
        assert app.clipboard.endswith(f"--load {paths[1]}")
        await press(pilot, settle, "x", "y")
        assert app.clipboard.endswith("--add-gpu A --name 'two cards'"), "what is not saved is written out"


async def test_the_same_comparison_made_again_is_drawn_again(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.set_scenarios(("add-gpu A",))
        await press(pilot, settle, "w")
        first, before = app.state.differences, screen(app)
        app.request_comparison()
        await settle(pilot)
        assert app.state.differences is not first
        assert screen(app) == before


@pytest.mark.parametrize(
    ("key", "ending", "begins"), [("c", "csv", "scenario,"), ("m", "md", "## add-gpu A")]
)
async def test_tables_are_exported(
    world: SimpleNamespace, settle: Settle, tmp_path: Path, key: str, ending: str, begins: str
) -> None:
    app = app_of(world, export_folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.set_scenarios(("add-gpu A",))
        await press(pilot, settle, "w", "e", key)
        text = (tmp_path / f"rig-advisor-what-if.{ending}").read_text("utf-8")
        assert text.startswith(begins)
        assert "Huge-70B-Instruct" in text


async def test_a_link_adds_its_scenarios_in_their_order(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w")
        screen_of(app).open_with("ram A | nonsense | add-gpu B | ram C")
        await settle(pilot)
        assert app.state.scenarios == ("ram A", "add-gpu B", "ram C")
        assert "what-if:ram A | add-gpu B | ram C" in app.screen.link()  # type: ignore[attr-defined]


async def test_every_key_of_the_screen_is_bound_and_in_the_help(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w")
        bound = app.screen._bindings.key_to_bindings
        for _, keys, action, _ in KEYS:
            name = action.partition("(")[0]
            assert hasattr(app.screen, f"action_{name}")
            assert all(key.strip() in bound for key in keys.split(","))
        assert screen_of(app).query_one(Entry).editing is None
        await press(pilot, settle, "w", "escape")
        assert isinstance(app.screen, RankingScreen)
