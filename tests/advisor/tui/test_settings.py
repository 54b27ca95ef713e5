"""The settings screen, the keys of one's own, and the palette."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import jsonschema
import pytest
from textual.binding import Binding
from textual.widgets import Input

from advisor.__main__ import main
from advisor.core.question import Question
from advisor.report.schemas import schema_document
from advisor.settings import BUILT_IN, Loaded, Settings, SettingsError, load
from advisor.tui.app import AdvisorApp
from advisor.tui.glyphs import UNICODE
from advisor.tui.keys import all_bound, binding_owners, conflict, key_text, keys_of, known_key, normal, now
from advisor.tui.palette import actions
from advisor.tui.routes import ROUTES
from advisor.tui.screens.key_dialog import ConfirmScreen, KeyScreen
from advisor.tui.screens.ranking import RankingScreen
from advisor.tui.screens.settings import SettingsList, SettingsScreen
from advisor.tui.screens.whatif import WhatIfScreen
from advisor.tui.screens.why import WhyScreen
from advisor.tui.settings import check_names, spelled_out, theme_names
from advisor.tui.start import run as run_app
from advisor.tui.themes import HIGH_CONTRAST

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]
Golden = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def no_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The characters are those of the settings."""
    monkeypatch.delenv("RIG_ADVISOR_ASCII")


def with_keys(keys: Mapping[str, str], **other: Any) -> Settings:
    return replace(BUILT_IN, keys=MappingProxyType(dict(keys)), **other)


def app_of(world: SimpleNamespace, settings: Settings = BUILT_IN, **options: Any) -> AdvisorApp:
    loaded = replace(load(), settings=settings, in_file=settings)
    return AdvisorApp(Question(), rig=world.rig, rig_path="example.json", loaded=loaded, **options)


async def press(pilot: Any, settle: Settle, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def go_to(app: AdvisorApp, name: str) -> None:
    found = app.screen.query_one(SettingsList)
    names = [row.name for row in found.rows]
    assert isinstance(app.screen, SettingsScreen)
    app.screen.action_move(names.index(name) - found.cursor)


# ---------------------------------------------------------------- looks


@pytest.fixture
def steady_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goldens must not hold a folder of this run."""
    monkeypatch.setenv("RIG_ADVISOR_CONFIG", "settings.toml")


@pytest.mark.usefixtures("steady_path")
@pytest.mark.parametrize("glyphs", ["unicode", "ascii"])
async def test_screen_looks_as_agreed(
    world: SimpleNamespace,
    settle: Settle,
    screen: Screen,
    golden: Golden,
    glyphs: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    app = app_of(world, with_keys({"app.users_more": "f9"}, units="GB", glyphs=glyphs))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "comma", "down")
        for width, height in ((80, 24), (120, 40), (200, 60)):
            await pilot.resize_terminal(width, height)
            await settle(pilot)
            text = screen(app)
            assert max(map(len, text.splitlines())) <= width
            if glyphs == "ascii":
                assert text.isascii()
                if width > 80:
                    continue
            golden(f"{'ascii_' if glyphs == 'ascii' else ''}settings_{width}x{height}", text)


async def test_sizes_theme_and_characters_change_at_once_everywhere(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "24.0 GiB" in screen(app)
        await press(pilot, settle, "comma", "right")
        assert app.theme == "rig-light"
        await press(pilot, settle, "right")
        assert app.theme == HIGH_CONTRAST.name
        await press(pilot, settle, "down", "right")
        assert "25.8 GB" in screen(app)
        await press(pilot, settle, "down", "right", "right")
        assert [line for line in screen(app).splitlines() if not line.isascii()] == []
        await press(pilot, settle, "escape")
        assert isinstance(app.screen, RankingScreen)
        for keys in ((), ("n",), ("enter",), ("escape", "i"), ("escape", "w", "1"), ("question_mark",)):
            await press(pilot, settle, *keys)
            text = screen(app)
            assert text.isascii()
            assert "GiB" not in text
            assert "GB" in text


async def test_what_is_changed_is_saved_on_leaving_and_said(
    world: SimpleNamespace, settle: Settle, tmp_path: Path
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "comma", "down", "right")
        assert not (tmp_path / "settings.toml").exists()
        await press(pilot, settle, "escape")
        assert load().settings == replace(BUILT_IN, units="GB")
        assert any("settings saved in" in n.message for n in app._notifications)


async def test_leaving_without_a_change_writes_nothing(
    world: SimpleNamespace, settle: Settle, tmp_path: Path
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "comma", "down", "right", "right", "escape")
        assert not (tmp_path / "settings.toml").exists()


async def test_what_the_environment_sets_is_not_written(
    world: SimpleNamespace, settle: Settle, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIG_ADVISOR_UNITS", "GB")
    app = AdvisorApp(Question(), rig=world.rig, loaded=load(), glyphs=UNICODE)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "comma")
        assert "set by RIG_ADVISOR_UNITS" in screen(app)
        await press(pilot, settle, "right", "s")
    monkeypatch.delenv("RIG_ADVISOR_UNITS")
    assert load().settings == replace(BUILT_IN, theme="light")


async def test_a_file_that_cannot_be_written_is_said_and_left(
    world: SimpleNamespace, settle: Settle, tmp_path: Path
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "comma", "right")
        (tmp_path / "settings.toml").write_text("theme = ", "utf-8")
        await press(pilot, settle, "s")
        assert any("no valid TOML" in n.message for n in app._notifications)
    assert (tmp_path / "settings.toml").read_text("utf-8") == "theme = "


async def test_numbers_are_typed_and_checked_in_place(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "comma")
        go_to(app, "context")
        await press(pilot, settle, "right")
        assert app.settings.context == 16_384
        await press(pilot, settle, "enter")
        field = app.screen.query_one(Input)
        field.value = "many"
        await press(pilot, settle, "enter")
        assert "8192 or 32k" in screen(app)
        field.value = "99999999"
        await press(pilot, settle, "enter")
        assert "context must be between" in screen(app)
        field.value = "48k"
        await press(pilot, settle, "enter")
        assert app.settings.context == 49_152
        go_to(app, "min_speed")
        await press(pilot, settle, "right", "right", "left")
        assert app.settings.min_speed == 2.0
        await press(pilot, settle, "d")
        assert app.settings.min_speed == 0.0


async def test_a_runtime_brings_a_cache_type_that_it_has(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world, replace(BUILT_IN, kv_type="q5_1"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "comma")
        go_to(app, "runtime")
        await press(pilot, settle, "right")
        assert app.settings.runtime == "ollama"
        assert app.settings.kv_type == "f16"


async def test_what_is_exported_has_the_unit_too(
    world: SimpleNamespace, settle: Settle, tmp_path: Path
) -> None:
    app = app_of(world, replace(BUILT_IN, units="GB"), export_folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "e", "m", "Y")
        table = (tmp_path / "rig-advisor-ranking.md").read_text("utf-8")
        assert "| GB |" in table
        assert "GiB" not in table
        assert re.search(r"[\d.]+ GB\t", app.clipboard)


# ---------------------------------------------------------------- keys


async def test_a_key_is_recorded_shown_everywhere_and_works(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "comma")
        go_to(app, "keys.app.open_what-if")
        await press(pilot, settle, "enter")
        assert isinstance(app.screen, KeyScreen)
        await press(pilot, settle, "t")
        assert "t is the key of: KV cache type" in screen(app)
        assert isinstance(app.screen, KeyScreen)
        await press(pilot, settle, "f7")
        assert isinstance(app.screen, SettingsScreen)
        assert app.settings.keys == {"app.open_what-if": "f7"}
        await press(pilot, settle, "escape")
        assert " F7 What if" in screen(app)
        await press(pilot, settle, "w")
        assert isinstance(app.screen, RankingScreen)
        await press(pilot, settle, "question_mark")
        assert re.search(r"F7 +what if the rig were another", screen(app))
        await press(pilot, settle, "escape", "f7")
        assert isinstance(app.screen, WhatIfScreen)
        await press(pilot, settle, "escape", "comma")
        go_to(app, "keys.app.open_what-if")
        assert "yours; built in: w" in screen(app)
        await press(pilot, settle, "d", "escape", "w")
        assert isinstance(app.screen, WhatIfScreen)


async def test_the_keys_of_a_list_can_be_other_keys(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world, with_keys({"table.open": "o", "why.back": "x,f4", "ranking.unfit": "f8"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "F8 shows them" in screen(app)
        assert " o Why" in screen(app)
        await press(pilot, settle, "enter")
        assert isinstance(app.screen, RankingScreen)
        await press(pilot, settle, "o")
        assert isinstance(app.screen, WhyScreen)
        await press(pilot, settle, "f4")
        assert isinstance(app.screen, RankingScreen)


async def test_everything_goes_back_only_after_a_question(world: SimpleNamespace, settle: Settle) -> None:
    before = with_keys({"app.use": "f6"}, units="GB", theme="nord")
    app = app_of(world, before)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert app.theme == "nord"
        await press(pilot, settle, "comma", "D")
        assert isinstance(app.screen, ConfirmScreen)
        await press(pilot, settle, "n")
        assert app.settings == before
        await press(pilot, settle, "D", "y")
        assert app.settings == BUILT_IN
        assert app.theme == "rig-dark"


def test_every_action_of_the_app_is_in_the_key_map() -> None:
    ids = {b.id for b in all_bound()}
    assert {b.id for b in AdvisorApp.BINDINGS if isinstance(b, Binding)} <= ids
    assert {"table.open", "ranking.filter", "why.copy_launch", "settings.reset", "confirm.yes"} <= ids
    assert len(ids) == len(all_bound()), "two actions have one id"
    bindings = [b for owner in binding_owners() for b in owner.__dict__.get("BINDINGS", ())]
    assert all(isinstance(b, Binding) and b.id for b in bindings)
    assert ids == {b.id for b in bindings if b.description}


def test_the_built_in_keys_do_not_contradict_each_other() -> None:
    for bound in all_bound():
        for key in bound.keys:
            assert known_key(key), key
            assert conflict(bound.id, key, {}, all_bound()) is None, (bound.id, key)


@pytest.mark.parametrize(
    ("written", "key", "text"),
    [
        ("?", "question_mark", "?"),
        ("Ctrl+X", "ctrl+x", "Ctrl+X"),
        ("+", "plus", "+"),
        ("F5", "f5", "F5"),
        ("[", "left_square_bracket", "["),
        ("U", "U", "U"),
        ("escape", "escape", "Esc"),
        ("ctrl+down", "ctrl+down", "Ctrl+↓"),
    ],
)
def test_keys_have_one_name_and_one_look(written: str, key: str, text: str) -> None:
    assert normal(written) == key
    assert key_text(key) == text
    assert known_key(key)


def test_hints_change_only_where_the_user_has_another_key() -> None:
    owners = (RankingScreen, AdvisorApp)
    assert now("[ ]", owners, {}) == "[ ]"
    assert now("[ ]", owners, {"app.context_longer": "f9"}) == "[ F9"
    assert now("u  U", owners, {"app.users_more": "plus,f2"}) == "+ F2  U"
    assert now("1-6", owners, {"app.users_more": "plus"}) == "1-6"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (replace(BUILT_IN, theme="drak"), "did you mean 'dark'"),
        (with_keys({"app.usr": "x"}), "did you mean"),
        (with_keys({"app.use": "nokey"}), "there is no key"),
        (with_keys({"app.use": "t"}), "set keys.app.kv_type too"),
        (with_keys({"app.use": "f6", "app.kv_type": "f6"}), "is the key of"),
    ],
)
def test_names_that_the_app_does_not_have_are_refused_before_it_starts(settings: Settings, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_names(settings, "a file")
    with pytest.raises(SettingsError, match=said):
        run_app(None, Question(), "", loaded=Loaded(settings, Path("a file"), found=True))


def test_two_actions_may_exchange_their_keys() -> None:
    check_names(with_keys({"app.use": "t", "app.kv_type": "c"}), "a file")


# ---------------------------------------------------------------- the palette


async def test_the_palette_has_every_action_view_theme_and_order(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world, with_keys({"app.use": "f6"}))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for name in (n for n in ROUTES if n != "picture"):  # it computes on the real catalog
            app.action_open(name)
            await settle(pilot)
            offered = {c.title: c.help for c in app.get_system_commands(app.screen)}
            owners = {type(app.screen).__name__, "AdvisorApp"}
            for bound in all_bound():
                if bound.owner in owners:
                    assert bound.label in offered, (name, bound.id)
            assert {r.label for r in ROUTES.values()} <= set(offered)
            assert {"Dark theme", "Light theme", "High contrast theme", "Sort by Score"} <= set(offered)
            assert offered["Use case"] == "key F6"
            ids = [b.id for _, b in actions(app, app.screen)]
            assert len(ids) == len(set(ids))
            if name != "ranking":
                await press(pilot, settle, "escape")


async def test_palette_entries_do_what_their_keys_do(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        offered = {c.title: c.callback for c in app.get_system_commands(app.screen)}
        await offered["Longer context"]()
        await offered["Sort"]()
        await settle(pilot)
        assert (app.state.question.context, app.state.sort) == (16_384, "speed")
        await offered["What if"]()
        await settle(pilot)
        assert isinstance(app.screen, WhatIfScreen)
        offered["High contrast theme"]()
        assert app.theme == HIGH_CONTRAST.name


# ---------------------------------------------------------------- the same as text


async def test_the_screen_has_a_command_and_a_document(
    world: SimpleNamespace, settle: Settle, capsys: pytest.CaptureFixture[str]
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "comma", "down", "right", "y")
        assert app.clipboard == "rig-advisor settings"
        await press(pilot, settle, "J", "s")
        document = json.loads(app.clipboard)
        jsonschema.validate(document, schema_document("settings"))
        assert {s["name"]: s["value"] for s in document["settings"]}["units"] == "GB"
    capsys.readouterr()
    assert main(["settings"]) == 0
    assert "GB" in capsys.readouterr().out


async def test_printed_commands_say_what_the_settings_would_change(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world, replace(BUILT_IN, kv_type="q8_0", runtime="ollama"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "y")
        assert "--kv-type f16 --runtime llama.cpp" in app.clipboard
        await press(pilot, settle, "i", "y")
        assert app.clipboard == "rig-advisor probe --rig example.json"
    state = app.state
    words = ["rank", "--context", "8192"]
    assert spelled_out(words, state, BUILT_IN) == words
    assert spelled_out(words, state, replace(BUILT_IN, sort="name", min_speed=5.0)) == [
        *words,
        "--min-speed",
        "0",
        "--sort",
        "score",
    ]


def test_theme_names_begin_with_our_own() -> None:
    names = theme_names()
    assert names[:3] == ("dark", "light", "high-contrast")
    assert "nord" in names
    assert keys_of(all_bound()[0], {}) == all_bound()[0].keys
