"""Keys: what each of them changes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.binding import Binding

from advisor.core.question import RUNTIMES, Question, QuestionError
from advisor.tui.app import AdvisorApp
from advisor.tui.routes import ROUTES, screen_class, split_view
from advisor.tui.screens.base import StateScreen
from advisor.tui.screens.compare import CompareScreen
from advisor.tui.screens.help import HelpScreen
from advisor.tui.screens.models import ModelsScreen
from advisor.tui.screens.ranking import RankingScreen
from advisor.tui.screens.rig import RigScreen
from advisor.tui.screens.toosmall import TooSmallScreen
from advisor.tui.screens.topology import TopologyScreen
from advisor.tui.screens.whatif import WhatIfScreen
from advisor.tui.screens.whatif_form import FormScreen
from advisor.tui.screens.whatif_why import AfterScreen
from advisor.tui.screens.why import WhyScreen
from advisor.tui.widgets.filter_bar import FilterInput
from advisor.tui.widgets.status import KeyBar
from advisor.tui.widgets.table import RankingTable
from advisor.tui.widgets.virtual import VirtualList
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
        assert "Tab tok>20  decode tokens per second" in screen(app)
        await press(pilot, settle, "x")
        assert "      ⚠ tok> needs a number" in screen(app), "under the term that it is about"
        assert app.state.filter_text == "moe", "a broken filter leaves the list as it was"
        await press(pilot, settle, "backspace")
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


async def test_tab_completes_the_filter_and_then_leaves_it(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "slash", *"fi")
        assert "Tab fit:  full, offload, cpu or none" in screen(app)
        await press(pilot, settle, "tab")
        field = app.screen.query_one(FilterInput)
        assert field.value == "fit:"
        assert "Tab fit:full  all of it on the GPU   or fit:offload" in screen(app)
        await press(pilot, settle, "o", "tab")
        assert field.value == "fit:offload"
        assert app.state.filter_text == "fit:offload"
        assert isinstance(app.focused, FilterInput)
        await press(pilot, settle, "tab")
        assert isinstance(app.focused, RankingTable)
        assert app.state.filter_text == "fit:offload"


async def test_runtime_and_least_speed_are_live(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "plus", "plus", "plus")
        assert app.state.question.min_tokens_per_s == 10
        assert "≥10 tok/s" in screen(app)
        assert app.state.view is not None
        assert all((row.tokens_per_s or 10) >= 10 for row in app.state.view.rows)
        await press(pilot, settle, "minus")
        assert app.state.question.min_tokens_per_s == 5
        seen = [app.state.question.runtime]
        for _ in range(len(RUNTIMES)):
            await press(pilot, settle, "R")
            seen.append(app.state.question.runtime)
        assert seen[-1] == seen[0]
        assert set(seen) == set(RUNTIMES)


async def test_a_least_speed_that_nothing_reaches_says_what_to_press(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = AdvisorApp(Question(min_tokens_per_s=90_000), rig=world.rig)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "slash", *"params<100", "enter")
        assert "no model that does 90000 tok/s matches  params<100" in screen(app)
        assert "- asks for less speed" in screen(app)


@pytest.mark.parametrize(
    ("view", "kind", "shown"),
    [
        ("why:Medium-14B", WhyScreen, "Medium-14B"),
        ("what-if:add-gpu X | ram 2x", WhatIfScreen, "1 add-gpu X"),
        ("topology", TopologyScreen, "What limits what"),
        ("rig", RigScreen, "operating system"),
    ],
)
async def test_a_link_opens_its_view_and_the_view_gives_the_link_back(
    world: SimpleNamespace, settle: Settle, screen: Screen, view: str, kind: type[Any], shown: str
) -> None:
    app = app_of(world, view=view)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await settle(pilot)
        assert isinstance(app.screen, kind)
        assert shown in screen(app)
        words = shlex.split(app.screen.link())
        assert words[:3] == ["rig-advisor", "--rig", "example.json"]
        again = AdvisorApp(Question(), rig=world.rig, rig_path="example.json", view=words[-1])
    async with again.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await settle(pilot)
        assert isinstance(again.screen, kind)
        assert again.screen.link() == shlex.join(words)
        await pilot.press("q")
    assert again.left_at == shlex.join(words)


def test_an_unknown_view_names_the_nearest() -> None:
    with pytest.raises(QuestionError, match="did you mean 'topology'"):
        split_view("topolgy")
    with pytest.raises(QuestionError, match="views: ranking, why"):
        split_view("xyz")


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
            ("M", ModelsScreen),
            ("v", CompareScreen),
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
        VirtualList,
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
        ModelsScreen,
        CompareScreen,
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


async def test_a_runtime_that_does_not_run_here_is_said_in_full_and_the_way_out_of_it(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = AdvisorApp(Question(runtime="mlx"), rig=world.rig, rig_path="example.json")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        shown = " ".join(screen(app).split())
        assert app.state.failure
        assert " ".join(app.state.failure.split()) in shown
        assert "R asks for the next runtime" in shown
        assert "probes again" not in shown


async def test_every_key_of_the_key_bars_can_be_clicked(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        for route in ROUTES:
            if route != "ranking":
                app.action_open(route)
                await settle(pilot)
            bar = app.screen.query_one(KeyBar)
            assert bar.hints
            for hint in bar.hints:
                owner, _, call = hint.action.partition(".")
                name = call.partition("(")[0]
                target = app if owner == "app" else app.screen
                assert not hint.action or hasattr(target, f"action_{name}"), (route, hint)
            if route != "ranking":
                await press(pilot, settle, "escape")
