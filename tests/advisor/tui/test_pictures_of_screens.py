"""A few screens as pictures: colours, weights and places, at three sizes and in three themes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from advisor.core.question import Question
from advisor.tui.app import AdvisorApp
from advisor.tui.export import plain_svg
from advisor.tui.glyphs import UNICODE

Settle = Callable[[Any], Awaitable[None]]
Golden = Callable[[str, str], None]


@pytest.mark.parametrize(
    ("name", "size", "theme", "keys"),
    [
        ("ranking_80x24", (80, 24), "rig-dark", ()),
        ("why_120x40", (120, 40), "rig-light", ("down", "enter")),
        ("what_if_200x60", (200, 60), "rig-high-contrast", ("w", "1")),
    ],
)
async def test_a_screen_looks_as_agreed(
    world: SimpleNamespace,
    settle: Settle,
    golden: Golden,
    name: str,
    size: tuple[int, int],
    theme: str,
    keys: tuple[str, ...],
) -> None:
    app = AdvisorApp(Question(), rig=world.rig, rig_path="example.json", glyphs=UNICODE)
    app.theme = theme
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        await pilot.pause(0.03)
        await settle(pilot)
        svg = plain_svg(app.export_screenshot(title=name))
    assert "@font-face" not in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "").replace(
        "https://www.textualize.io", ""
    )
    # The ids are a hash of everything, which says in one place what the rest says in another.
    golden(f"{name}.svg", re.sub(r"terminal-\d+", "terminal", svg))
