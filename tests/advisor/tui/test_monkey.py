"""Random keys, clicks and resizes: nothing crashes, and the way back to the list stays open."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.errors import NoWidget
from textual.widgets import Input

from advisor.core.question import Question
from advisor.tui.app import AdvisorApp
from advisor.tui.screens.ranking import RankingScreen

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]

EVENTS = 2_000
NAMES = """
    up down left right pageup pagedown home end enter escape tab shift+tab space backspace delete slash
    question_mark f1 plus minus comma full_stop colon left_square_bracket right_square_bracket less_than_sign
    greater_than_sign vertical_line at ctrl+up ctrl+down ctrl+z ctrl+y ctrl+s ctrl+p
"""
OFTEN = "up down left right enter escape tab slash space w i m p b v M comma"
"""What moves, opens and goes back comes more often than by chance."""
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
KEYS = (*LETTERS, *NAMES.split(), *OFTEN.split() * 3)
SIZES = [(80, 24), (120, 40), (60, 16), (59, 15), (200, 60), (100, 30), (30, 5)]


@pytest.mark.parametrize("seed", [20250428, 7, 1_000_003])
async def test_two_thousand_random_events_do_no_harm(
    world: SimpleNamespace,
    settle: Settle,
    tmp_path: Path,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    async def stay(_: AdvisorApp) -> None:
        """Quitting would end the test; the palette and the mouse reach it without the key."""

    monkeypatch.setattr(AdvisorApp, "action_quit", stay)
    monkeypatch.chdir(tmp_path)
    app = AdvisorApp(Question(), rig=world.rig, rig_path="example.json", export_folder=tmp_path)
    luck = random.Random(seed)
    visited = set()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for _ in range(EVENTS):
            chance = luck.random()
            if chance < 0.03:
                await pilot.resize_terminal(*luck.choice(SIZES))
            elif chance < 0.06:
                # A click anywhere; what is clicked may have gone before the click arrives.
                width, height = app.size
                with contextlib.suppress(NoWidget):
                    await pilot.click(offset=(luck.randrange(width), luck.randrange(height)))
            else:
                # Not waiting for the work that a key starts is part of the test.
                app.simulate_key(luck.choice(KEYS))
                if luck.random() < 0.2:
                    await pilot.pause()
            visited.add(type(app.screen).__name__)
            assert app.is_running
        await settle(pilot)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        for _ in range(40):
            if isinstance(app.screen, RankingScreen) and not isinstance(app.focused, Input):
                break
            await pilot.press("escape")
            await settle(pilot)
        assert isinstance(app.screen, RankingScreen)
        await pilot.press("escape")
        await settle(pilot)
        assert app.state.filter_text == ""
        # A runtime that does not run on this rig leaves the list empty, and says why.
        shown = app.state.failure or any(model.name[:10] in screen(app) for model in world.models)
        assert shown, screen(app)
    assert len(visited) >= 6
