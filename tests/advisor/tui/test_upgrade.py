"""The upgrade screen: its form and keys, what it shows of an answer, and that the command says the same."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.binding import Binding

from advisor.__main__ import main
from advisor.cli.arguments import build_parser
from advisor.core.question import Question
from advisor.report.upgrade_answer import answer_of
from advisor.tui import background
from advisor.tui.app import AdvisorApp
from advisor.tui.background import AbandonedError
from advisor.tui.glyphs import ASCII, UNICODE
from advisor.tui.screens.ranking import RankingScreen
from advisor.tui.screens.upgrade import UpgradeScreen
from advisor.tui.screens.whatif import WhatIfScreen
from advisor.tui.widgets.upgrade_columns import columns_for, place_columns
from advisor.tui.widgets.upgrade_form import FormField, UpgradeForm
from advisor.tui.widgets.upgrade_list import ChangeTable
from advisor.upgrade.ask import Asked
from tests.advisor.tui.made_up_upgrades import PRICES

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]
Golden = Callable[[str, str], None]
RIGS = Path(__file__).parents[3] / "screenshots" / "rigs"
HUGE = "Huge-70B-Instruct"


@pytest.fixture
def asked(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was searched for."""
    assert world.rig  # its answers are in place
    found: list[Any] = []
    answers = background.upgrade

    def upgrade(wanted: Any, tell: Callable[[str], None]) -> Any:
        found.append(wanted)
        return answers(wanted, tell)

    monkeypatch.setattr(background, "upgrade", upgrade)
    return found


@pytest.fixture
def prices(tmp_path: Path) -> str:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return str(path)


def app_of(world: SimpleNamespace, **options: Any) -> AdvisorApp:
    return AdvisorApp(Question(), rig=world.rig, rig_path="example.json", **options)


async def opened(pilot: Any, settle: Settle, model: str = HUGE) -> UpgradeScreen:
    """The screen for a model of the list."""
    await settle(pilot)
    pilot.app.select(f"example/{model}")
    await press(pilot, settle, "b")
    assert isinstance(pilot.app.screen, UpgradeScreen)
    return pilot.app.screen


async def press(pilot: Any, settle: Settle, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        # The search begins after a rest.
        await pilot.pause(0.02)
        await settle(pilot)


def names(app: AdvisorApp) -> list[str]:
    return [change.name for change in app.screen.query_one(ChangeTable).changes]


def field(app: AdvisorApp, name: str) -> FormField:
    return app.screen.query_one(UpgradeForm).field(name)


# ---------------------------------------------------------------- looks


@pytest.mark.usefixtures("asked")
async def test_the_screen_looks_as_agreed(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden
) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        await press(pilot, settle, "down")
        for width, height in ((80, 24), (120, 40), (200, 60), (60, 16)):
            await pilot.resize_terminal(width, height)
            await settle(pilot)
            text = screen(app)
            assert max(len(line) for line in text.splitlines()) <= width
            golden(f"upgrade_{width}x{height}", text)


@pytest.mark.usefixtures("asked")
async def test_with_prices_the_money_is_shown(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden, prices: str
) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settle)
        field(app, "prices").focus()
        field(app, "prices").value = prices
        await press(pilot, settle, "enter")
        text = screen(app).replace(prices, "prices.toml".ljust(len(prices)))
        assert "700 EUR, 350 W" in text
        assert "per 100 EUR" in text
        golden("upgrade_prices_120x40", re.sub(r"prices from .*", "prices from (a path)", text))


@pytest.mark.usefixtures("asked")
async def test_ascii_screens_hold_nothing_but_ascii(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden
) -> None:
    app = app_of(world, glyphs=ASCII)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        golden("ascii_upgrade_80x24", screen(app))
        for size in ((80, 24), (120, 40)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert [c for c in screen(app) if not c.isascii()] == []
        for _ in range(12):
            await press(pilot, settle, "plus")
        assert "reaches the goal" in screen(app)
        assert [c for c in screen(app) if not c.isascii()] == []


@pytest.mark.parametrize("width", range(60, 201, 4))
def test_no_number_is_cut_at_any_width(world: SimpleNamespace, width: int, prices: str) -> None:
    for options in (
        Asked((f"{HUGE}>=6",)),
        Asked((f"{HUGE}>=6",), prices=prices),
        Asked(parts="Example 24GB"),
        Asked(prices=prices, budget=1000.0),
    ):
        answer = answer_of(
            background.upgrade(background.Wanted(world.rig, Question(), options), lambda _: None)
        )
        assert answer.listed
        for glyphs in (UNICODE, ASCII):
            placed = place_columns(columns_for(answer), answer.listed, width, glyphs)
            keys = {p.column.key for p in placed}
            assert {"name", "speed", "interval"} <= keys
            assert placed[-1].x + placed[-1].width <= width
            for p in placed:
                for change in answer.listed:
                    assert p.column.key == "name" or len(p.column.cell(change, glyphs)) <= p.width


# ---------------------------------------------------------------- the goal


async def test_one_key_on_a_model_asks_for_its_next_sensible_speed(
    world: SimpleNamespace, asked: list[Any], settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settle)
        # The 70B does not reach the six tok/s of a chat, so these are asked for.
        assert [w.of.goals for w in asked] == [(f"{HUGE}>=6",)]
        assert names(app) == ["add Example 24GB", "add 2x Example 24GB", "machine: Example Studio 96GB"]
        # Of a model that is fast already, more than it has.
        await press(pilot, settle, "escape")
        await opened(pilot, settle, "Small-8B-Instruct")
        row = app.state.view.row("example/Small-8B-Instruct")  # type: ignore[union-attr]
        assert row is not None
        assert row.tokens_per_s is not None
        goal = asked[-1].of.goals[0]
        assert goal.startswith("Small-8B-Instruct>=")
        assert float(goal.partition(">=")[2]) >= 1.15 * row.tokens_per_s


async def test_plus_and_minus_step_the_speed_from_the_list(
    world: SimpleNamespace, asked: list[Any], settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settle)
        await press(pilot, settle, "plus", "plus", "minus")
        assert [w.of.goals[0] for w in asked] == [f"{HUGE}>={n}" for n in (6, 8, 10, 8)]
        assert field(app, "goal-0-speed").value == "8"


async def test_a_number_typed_in_the_list_is_the_speed_wanted(
    world: SimpleNamespace, asked: list[Any], settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        await pilot.press("1", "7")
        await press(pilot, settle, "enter")
        assert asked[-1].of.goals == (f"{HUGE}>=17",)
        assert isinstance(app.focused, ChangeTable)
        assert len(names(app)) == 3
        await press(pilot, settle, "x", "9")
        assert isinstance(app.focused, ChangeTable), "without a goal there is no speed to type"


async def test_the_search_follows_the_question(
    world: SimpleNamespace, asked: list[Any], settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        await press(pilot, settle, "right_square_bracket")
        assert [w.question.context for w in asked] == [8192, 16384]


async def test_fields_are_reached_typed_and_left_by_keys(
    world: SimpleNamespace, asked: list[Any], settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, settle)
        await press(pilot, settle, "tab")
        assert app.focused is field(app, "goal-0-model")
        await pilot.press(*"large")
        await settle(pilot)
        assert "right takes Large-32B" in screen(app)
        await press(pilot, settle, "right")
        assert field(app, "goal-0-model").value == "Large-32B"
        before = len(asked)
        await press(pilot, settle, "down")
        assert asked[-1].of.goals[0].startswith("Large-32B>="), "moving on takes what was typed"
        assert asked[-1].of.goals[0] != "Large-32B>=6", "another model has a speed of its own"
        assert len(asked) == before + 1
        assert app.focused is field(app, "goal-0-quant")
        await press(pilot, settle, "plus")
        assert field(app, "goal-0-quant").value == "Q8_0"
        assert "@Q8_0>=" in asked[-1].of.goals[0]
        await press(pilot, settle, "minus", "minus")
        assert field(app, "goal-0-quant").value == "IQ2_M"
        await press(pilot, settle, "tab", *"33", "enter")
        assert asked[-1].of.goals == ("Large-32B@IQ2_M>=33",)
        assert isinstance(app.focused, ChangeTable), "an answer leads to the list"
        order = [
            "goal-0-model",
            "goal-0-quant",
            "goal-0-speed",
            "parts",
            "cards",
            "slots",
            "budget",
            "prices",
        ]
        for name in order:
            await press(pilot, settle, "down" if isinstance(app.focused, FormField) else "tab")
            assert app.focused is field(app, name)
        await press(pilot, settle, "down")
        assert isinstance(app.focused, ChangeTable)
        await press(pilot, settle, "shift+tab")
        assert app.focused is field(app, "prices")
        await press(pilot, settle, "up")
        assert app.focused is field(app, "budget")


async def test_escape_drops_what_was_typed_then_goes_back(
    world: SimpleNamespace, asked: list[Any], settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        await press(pilot, settle, "f", *"abc", "escape")
        assert isinstance(app.focused, ChangeTable)
        assert field(app, "goal-0-model").value == HUGE
        assert len(asked) == 1
        await press(pilot, settle, "escape")
        assert isinstance(app.screen, RankingScreen)
        await press(pilot, settle, "b", "b")
        assert isinstance(app.screen, RankingScreen)


@pytest.mark.usefixtures("asked")
async def test_fields_and_keys_can_be_clicked(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        await pilot.click("#upgrade-goal-0-speed")
        await settle(pilot)
        assert app.focused is field(app, "goal-0-speed")
        await press(pilot, settle, "end", "backspace", "9", "enter")
        assert app.state.upgrade.goals == (f"{HUGE}>=9",)
        x = app.screen.query_one("#keys").render().plain.index("tok/s")  # type: ignore[attr-defined]
        await pilot.click("#keys", offset=(x, 0))
        await press(pilot, settle)
        await settle(pilot)
        assert app.state.upgrade.goals == (f"{HUGE}>=10",)


async def test_other_fields_step_too(world: SimpleNamespace, asked: list[Any], settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        field(app, "cards").focus()
        await press(pilot, settle, "plus", "plus", "tab", "plus", "plus")
        assert (asked[-1].of.cards, asked[-1].of.slots) == ("workstation", 2)
        await press(pilot, settle, "minus", "minus", "shift+tab", "minus", "minus")
        assert (asked[-1].of.cards, asked[-1].of.slots) == (None, None)


async def test_several_goals_hold_together_and_none_asks_what_parts_are_best_for(
    world: SimpleNamespace, asked: list[Any], settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settle)
        await press(pilot, settle, "a")
        assert app.focused is field(app, "goal-1-model")
        await press(pilot, settle, "enter")
        assert "type the name of a model" in screen(app)
        await pilot.press(*"Large-32B", "enter")
        await press(pilot, settle)
        await settle(pilot)
        assert len(asked[-1].of.goals) == 2
        assert asked[-1].of.goals[1].startswith("Large-32B>=")
        text = screen(app)
        assert f"now {HUGE}" in text
        assert "now Large-32B" in text
        await press(pilot, settle, "x", "x")
        assert asked[-1].of.goals == ()
        assert "none: what parts are best spent on" in screen(app)
        assert "name parts or prices" in screen(app)
        await press(pilot, settle, "f", *"Example 24GB", "enter")
        assert asked[-1].of == Asked(parts="Example 24GB")
        assert names(app)[0] == "RAM 2x64GB:DDR5-5600"
        assert "unlocks" in screen(app)
        await press(pilot, settle, "a")
        assert asked[-1].of.goals == (f"{HUGE}>=6",)
        await press(pilot, settle, "a", "escape")
        assert app.screen.query_one(UpgradeForm).goals == 1, "a goal without a model is dropped"


async def test_the_spend_view_looks_as_agreed(
    world: SimpleNamespace, asked: list[Any], settle: Settle, screen: Screen, golden: Golden
) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        await press(pilot, settle, "x", "f", *"Example 24GB", "enter", "down")
        assert asked[-1].of.goals == ()
        for width, height in ((80, 24), (120, 40)):
            await pilot.resize_terminal(width, height)
            await settle(pilot)
            golden(f"upgrade_spend_{width}x{height}", screen(app))


# ---------------------------------------------------------------- states


@pytest.mark.usefixtures("asked")
async def test_where_nothing_reaches_the_goal_the_nearest_is_named(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden
) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        field(app, "goal-0-speed").focus()
        await press(pilot, settle, *"500", "enter")
        text = screen(app)
        assert "No change reaches the goal. The nearest:" in text
        assert "It is bound by" in text
        assert len(names(app)) == 1
        golden("upgrade_nearest_80x24", text)


@pytest.mark.usefixtures("asked")
async def test_a_goal_that_is_reached_needs_nothing(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle, "Small-8B-Instruct")
        field(app, "goal-0-speed").focus()
        await press(pilot, settle, "1", "enter")
        assert "Reached already, at both ends of the interval: nothing to buy." in screen(app)
        assert names(app) == []
        await press(pilot, settle, "enter")
        assert isinstance(app.screen, UpgradeScreen), "there is nothing to open"


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("name", "typed", "says", "below"),
    [
        ("prices", "nowhere.toml", "nowhere.toml cannot be read", "prices from"),
        ("budget", "much", "budget must be a sum such as 1500, not 'much'", "prices from"),
        ("budget", "900", "budget needs prices", "prices from"),
        ("slots", "0", "slots must be at least 1, not 0", "slots"),
        ("goal-0-speed", "fast", "is no speed in tok/s", "goal"),
        ("goal-0-speed", "", "type the tok/s wanted", "goal"),
        ("goal-0-model", "Hugo 70B", "nearest names: Huge-70B-Instruct", "goal"),
    ],
)
async def test_wrong_input_is_answered_below_its_field(
    world: SimpleNamespace, settle: Settle, screen: Screen,
    name: str, typed: str, says: str, below: str,
) -> None:  # fmt: skip
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settle)
        field(app, name).focus()
        field(app, name).value = typed
        await press(pilot, settle, "enter")
        lines = screen(app).splitlines()
        at = next(n for n, line in enumerate(lines) if says in line)
        assert below in lines[at - 1]
        assert "--" not in lines[at]
        assert app.focused is field(app, name), "the field is still there to be put right"
        await press(pilot, settle, "escape", "escape")
        assert isinstance(app.screen, RankingScreen)


async def test_before_the_ranking_is_there_it_says_what_it_waits_for(
    world: SimpleNamespace, asked: list[Any], settle: Settle, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    rank = background.rank

    def slow(wanted: Any) -> Any:
        go_on.wait(10)
        return rank(wanted)

    monkeypatch.setattr(background, "rank", slow)
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("b")
        await pilot.pause(0.05)
        assert "the goal is filled in when the models are ranked" in screen(app)
        await pilot.press("plus", "enter", "s", "S")
        assert asked == []
        go_on.set()
        await settle(pilot)
        await settle(pilot)
        assert len(asked) == 1


async def test_a_search_tells_its_progress_and_gives_way_to_the_next(
    world: SimpleNamespace, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    go_on = threading.Event()
    answers = background.upgrade

    def slow(wanted: Any, tell: Callable[[str], None]) -> Any:
        if wanted.of.goals[0].endswith(">=6"):
            tell("4,711 changes")
            go_on.wait(10)
            try:
                tell("more of them")
            except AbandonedError:
                ended.append(wanted.of.goals[0])
                raise
        return answers(wanted, tell)

    monkeypatch.setattr(background, "upgrade", slow)
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle_until(pilot, lambda: app.state.view is not None)
        app.select(f"example/{HUGE}")
        await pilot.press("b")
        await settle_until(pilot, lambda: "searching … 4,711 changes" in screen(app))
        await pilot.press("plus")
        await settle_until(pilot, lambda: len(names(app)) == 3)
        go_on.set()
        await settle_until(pilot, lambda: ended == [f"{HUGE}>=6"])
        assert app.state.upgrade.goals == (f"{HUGE}>=8",)
        assert "searching" not in screen(app)


async def settle_until(pilot: Any, true: Callable[[], bool]) -> None:
    for _ in range(200):
        await pilot.pause(0.02)
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")


# ---------------------------------------------------------------- the list


@pytest.mark.usefixtures("asked")
async def test_moving_sorting_and_the_mouse(world: SimpleNamespace, settle: Settle, screen: Screen) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settle)
        table = app.screen.query_one(ChangeTable)
        as_found = names(app)
        for keys, at in ((("j",), 1), (("G",), 2), (("down",), 2), (("k",), 1), (("g",), 0), (("up",), 0),
                         (("end",), 2), (("home",), 0), (("pagedown",), 2), (("pageup",), 0)):  # fmt: skip
            await press(pilot, settle, *keys)
            assert table.cursor == at
            assert table.selected is not None
            assert f"│ {table.selected.name}" in screen(app), "the pane is about the change under the cursor"
        await press(pilot, settle, "s")
        assert names(app) == [as_found[n] for n in (1, 2, 0)], "fastest first"
        assert table.selected is not None
        assert table.selected.name == as_found[0], "the cursor stays on its change"
        await press(pilot, settle, "S")
        assert names(app) == [as_found[n] for n in (0, 2, 1)]
        assert table.answer is not None
        placed = place_columns(columns_for(table.answer), table.changes, table.size.width, UNICODE)
        speed = next(p for p in placed if p.column.key == "speed")
        await pilot.click(ChangeTable, offset=(speed.x, 0))
        await settle(pilot)
        assert names(app) == [as_found[n] for n in (1, 2, 0)]
        await pilot.click(ChangeTable, offset=(5, 1))
        await settle(pilot)
        assert table.cursor == 0
        await press(pilot, settle, "ctrl+down", "ctrl+up")
        await pilot.click(ChangeTable, offset=(5, 1))
        await settle(pilot)
        assert isinstance(app.screen, WhatIfScreen)


@pytest.mark.usefixtures("asked")
async def test_enter_shows_the_change_in_what_if_and_escape_leads_back(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settle)
        await press(pilot, settle, "down", "enter")
        assert isinstance(app.screen, WhatIfScreen)
        assert app.state.scenarios == ("add-gpu 2x Example 24GB",)
        assert app.state.differences is not None
        await press(pilot, settle, "escape")
        assert isinstance(app.screen, UpgradeScreen)
        assert app.screen.query_one(ChangeTable).cursor == 1
        await press(pilot, settle, "enter", "escape")
        assert app.state.scenarios == ("add-gpu 2x Example 24GB",), "it is added once"
        app.set_scenarios(tuple(f"add-gpu {n}" for n in "ABCD"))
        await press(pilot, settle, "enter")
        assert app.state.scenarios == tuple(f"add-gpu {n}" for n in "ABCD")
        assert any("4 scenarios are the most" in n.message for n in app._notifications)


def test_every_binding_has_an_id_of_its_own() -> None:
    bindings = [b for owner in (UpgradeScreen, ChangeTable, FormField) for b in owner.__dict__["BINDINGS"]]
    assert all(isinstance(b, Binding) and b.id for b in bindings)
    assert len({b.id for b in bindings}) == len(bindings)


# ---------------------------------------------------------------- the same as text


@pytest.mark.usefixtures("asked")
async def test_the_view_is_copied_exported_and_linked_to(
    world: SimpleNamespace, settle: Settle, tmp_path: Path, prices: str
) -> None:
    app = app_of(world, export_folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        opened_screen = await opened(pilot, settle)
        field(app, "budget").value = "1500"
        field(app, "slots").value = "3"
        field(app, "prices").focus()
        field(app, "prices").value = prices
        await press(pilot, settle, "enter", "y")
        arguments = build_parser().parse_args(shlex.split(app.clipboard)[1:])
        assert arguments.goal == [f"{HUGE}>=6"]
        assert (arguments.budget, arguments.prices, arguments.slots) == (1500.0, prices, 3)
        assert arguments.rig == "example.json"
        await press(pilot, settle, "Y")
        assert app.clipboard.startswith("1\tadd Example 24GB\t")
        await press(pilot, settle, "e", "c", "e", "m")
        table = (tmp_path / "rig-advisor-upgrade.csv").read_text("utf-8").splitlines()
        assert table[0].startswith("place,kind,change,parts,price")
        assert [line.split(",")[2] for line in table[1:]] == ["as it is", *names(app)]
        assert "| add Example 24GB |" in (tmp_path / "rig-advisor-upgrade.md").read_text("utf-8")
        link = shlex.split(opened_screen.link())
        view = link[link.index("--open") + 1]
        assert view.startswith("upgrade:")
        before = app.state.upgrade
        await press(pilot, settle, "escape")
        app.set_state(upgrade=Asked())
        again = UpgradeScreen(app.glyphs)
        app.push_screen(again)
        await settle(pilot)
        again.open_with(view.partition(":")[2])
        await press(pilot, settle)
        await settle(pilot)
        assert app.state.upgrade == before
        assert field(app, "prices").value == prices
        again.open_with("--nonsense 3")
        await settle(pilot)
        assert any("--nonsense" in n.message for n in app._notifications)


async def test_the_list_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """With the real catalog and the real search."""
    from probes.rigfile import load_rig

    path = str(RIGS / "rtx4090.json")
    app = AdvisorApp(Question(), rig=load_rig(path), rig_path=path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle_until(pilot, lambda: app.state.view is not None)
        app.push_screen(UpgradeScreen(app.glyphs))
        await pilot.pause()
        opened_screen = app.screen
        assert isinstance(opened_screen, UpgradeScreen)
        opened_screen.open_with("--goal 'Llama-3.3-70B-Instruct@Q4_K_M>=10'")
        await settle_until(pilot, lambda: bool(opened_screen.answer and opened_screen.answer.goals
                                               and "Llama" in opened_screen.answer.goals[0]))  # fmt: skip
        words = shlex.split(opened_screen.command())[1:]
        shown = opened_screen.query_one(ChangeTable).changes
        document = opened_screen.documents(app.state)["json"]()
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == document
    listed = [*printed["options"], *printed["machines"]]
    assert [change.name for change in shown] == [option["name"] for option in listed]
    assert [change.worst.tokens_per_s for change in shown if change.worst] == pytest.approx(
        [option["goals"][0]["decode_tokens_per_s"] for option in listed], rel=1e-3
    )
    assert main(words) == 0
    text = capsys.readouterr().out
    for option in listed:
        assert option["name"].removeprefix("machine: ") in text
