"""Three tasks of somebody who has never seen the app, in so many key presses; with the real catalog.

The counts are those of ``advisor/docs/terminal_app.md``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from advisor.core.question import Question
from advisor.tui.app import AdvisorApp
from advisor.tui.screens.whatif import WhatIfScreen
from advisor.tui.widgets.table import RankingTable
from probes.rigfile import load_rig

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]
RIGS = Path(__file__).parents[3] / "screenshots" / "rigs"
SIZES = [(80, 24), (120, 40)]


def app_of(name: str) -> AdvisorApp:
    return AdvisorApp(Question(), rig=load_rig(str(RIGS / f"{name}.json")))


async def press(pilot: Any, settle: Settle, keys: tuple[str, ...]) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)
    await pilot.pause(0.05)
    await settle(pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_the_best_coding_model_that_does_20_tokens_per_second_takes_five_keys(
    settle: Settle, screen: Screen, size: tuple[int, int]
) -> None:
    app = app_of("rtx4090")
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, settle, ("c", "plus", "plus", "plus", "plus"))
        question = app.state.question
        assert (question.use, question.min_tokens_per_s) == ("coding", 20)
        first = app.screen.query_one(RankingTable).items[0]
        assert app.state.view is not None
        best = app.state.view.rows[0]
        assert first == best
        assert best.tokens_per_s is not None
        assert best.tokens_per_s >= 20
        assert best.name[:12] in screen(app)


@pytest.mark.parametrize("size", SIZES)
async def test_why_a_70b_is_slow_takes_four_keys(
    settle: Settle, screen: Screen, size: tuple[int, int]
) -> None:
    app = app_of("rtx4090")
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, settle, ("slash", *"70b"))
        row = app.screen.query_one(RankingTable).selected
        assert row is not None
        assert "70b" in row.name.lower()
        text = screen(app)
        assert "bound by RAM bandwidth" in text
        assert "ms" in text


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rig", ["rtx4090", "laptop"])
async def test_what_two_more_sticks_of_ram_change_takes_two_keys(
    settle: Settle, screen: Screen, size: tuple[int, int], rig: str
) -> None:
    app = app_of(rig)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, settle, ("w", "1"))
        assert isinstance(app.screen, WhatIfScreen)
        assert app.state.scenarios[0].startswith("ram ")
        assert app.state.differences is not None
        assert "RAM usable" in screen(app)
