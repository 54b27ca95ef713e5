"""The screens as text, at the sizes the app promises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from advisor.core.question import Question
from advisor.tui.app import AdvisorApp
from advisor.tui.glyphs import ASCII, UNICODE
from advisor.tui.widgets.table import RankingTable

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]
Golden = Callable[[str, str], None]

SIZES = [(120, 40), (80, 24), (60, 16), (200, 60)]
SMALL_TOO = ("ranking", "why", "what_if", "what_if_list", "what_if_form")
ROUTES: dict[str, tuple[str, ...]] = {
    "ranking": (),
    "unfit": ("n", "end"),
    "pinned": ("down", "down", "space", "up"),
    "why": ("down", "down", "enter"),
    "why_unfit": ("n", "end", "enter"),
    "help": ("question_mark",),
    "rig": ("i",),
    "topology": ("m",),
    "what_if_empty": ("w",),
    "what_if": ("w", "1", "2"),
    "what_if_list": ("w", "2", "tab", "tab"),
    "what_if_after": ("w", "2", "tab", "tab", "enter"),
    "what_if_form": ("w", "f", "down"),
    "what_if_same": ("w", "a", *"xmp on", "enter"),
    "what_if_typed": ("w", "a", *"add-gpu 30"),
    "filter": ("slash", *"tok>20"),
    "filter_error": ("slash", *"speed>3"),
    "no_match": ("slash", *"zzz"),
    "long_context": ("right_square_bracket",) * 4,
}


def app_of(world: SimpleNamespace, **options: Any) -> AdvisorApp:
    return AdvisorApp(Question(), rig=world.rig, rig_path="example.json", **options)


@pytest.mark.parametrize("route", ROUTES)
async def test_screen_looks_as_agreed(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden, route: str
) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=SIZES[0]) as pilot:
        await settle(pilot)
        for key in ROUTES[route]:
            await pilot.press(key)
            # Suggestions and comparisons are worked out before the next key means anything.
            if "w" in ROUTES[route]:
                await settle(pilot)
        await settle(pilot)
        large = [(200, 60)] if route.startswith("what_if") else []
        for width, height in [*(SIZES if route in SMALL_TOO else SIZES[:2]), *large]:
            await pilot.resize_terminal(width, height)
            await settle(pilot)
            # The explanation waits for the cursor to rest.
            await pilot.pause(0.03)
            await settle(pilot)
            text = screen(app)
            assert len(text.splitlines()) == height
            assert max(len(line) for line in text.splitlines()) <= width
            golden(f"{route}_{width}x{height}", text)


async def test_ascii_screens_hold_nothing_but_ascii(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden
) -> None:
    app = app_of(world, glyphs=ASCII)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for route in ("ranking", "unfit", "why", "what_if", "what_if_form", "help", "rig", "topology"):
            for key in ROUTES[route]:
                await pilot.press(key)
                await settle(pilot)
            text = screen(app)
            assert [c for c in text if not c.isascii()] == []
            golden(f"ascii_{route}_80x24", text)
            while len(app.screen_stack) > 1:
                await pilot.press("escape")
            await pilot.press("home")
            await settle(pilot)


async def test_too_small_a_terminal_says_its_size_and_the_need(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(59, 24)) as pilot:
        for width, height in ((59, 24), (80, 15), (20, 5)):
            await pilot.resize_terminal(width, height)
            await settle(pilot)
            assert f"{width} x {height}" in screen(app)
            assert "60 x 16" in screen(app)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert "terminal too small" not in screen(app)
        assert "Medium-14B" in screen(app)


async def test_no_number_is_clipped_at_any_width(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(60, 24)) as pilot:
        await settle(pilot)
        table = app.screen.query_one(RankingTable)
        for width in range(60, 181, 5):
            await pilot.resize_terminal(width, 24)
            await settle(pilot)
            assert app.state.view is not None
            columns = table._columns()
            assert {"place", "name", "speed", "fit"} <= {p.column.key for p in columns}
            assert columns[-1].x + columns[-1].width <= table.size.width
            for row in app.state.view.rows:
                for placed in columns:
                    cell = placed.column.cell(row, app.glyphs)
                    assert placed.column.key == "name" or len(cell) <= placed.width


async def test_every_theme_draws_the_same_characters(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        before = screen(app)
        for theme in ("rig-dark", "rig-light", "textual-light", "nord", "ansi-dark"):
            app.theme = theme
            await settle(pilot)
            assert screen(app) == before


@pytest.mark.parametrize("route", ["ranking", "rig", "topology"])
async def test_no_color_sends_no_colour(
    world: SimpleNamespace, settle: Settle, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(*ROUTES[route])
        await settle(pilot)
        for line in app.screen._compositor.render_strips():
            for segment in line.apply_filter(app._filters[-1], app.screen.background_colors[1]):
                style = segment.style
                assert style is None or style.color is None or style.color.is_default
                assert style is None or style.bgcolor is None or style.bgcolor.is_default


async def test_screenshot_has_the_bars_in_different_colours(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        svg = app.export_screenshot()
    assert svg.startswith("<svg")
    assert "Medium-14B" in svg
    assert svg.count("▓") > 1
    for color in (app.theme_variables["primary"], app.theme_variables["accent"]):
        assert color.lower() in svg.lower()


async def test_screenshot_follows_the_theme(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        dark = app.export_screenshot()
        app.theme = "rig-light"
        await settle(pilot)
        light = app.export_screenshot()
    assert "#12161d" in dark
    assert "#12161d" not in light
    assert "#f7f8fa" in light
