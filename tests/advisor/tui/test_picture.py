"""The pictures screen: what it asks for, what it draws, its keys, and ASCII throughout where asked for."""

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
from advisor.core.whatif import WhatIfError
from advisor.curves import OVER, Curves
from advisor.tui import background
from advisor.tui.app import AdvisorApp
from advisor.tui.glyphs import ASCII, UNICODE
from advisor.tui.screens.picture import AXES, PictureScreen

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]
Golden = Callable[[str, str], None]


@pytest.fixture
def asked(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the screen asked for."""
    found: list[Any] = []

    def curves(wanted: Any) -> Curves:
        found.append(wanted)
        return world.curves(wanted)

    monkeypatch.setattr(background, "curves", curves)
    return found


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_picture_looks_as_agreed(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden, size: tuple[int, int]
) -> None:
    app = AdvisorApp(Question(), rig=world.rig, rig_path="example.json", glyphs=UNICODE)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        golden(f"picture_{size[0]}x{size[1]}", screen(app))


async def test_keys_go_through_the_axes_and_the_question_is_followed(
    world: SimpleNamespace, asked: list[Any], settle: Settle, screen: Screen
) -> None:
    assert AXES == OVER
    app = AdvisorApp(Question(), rig=world.rig, rig_path="example.json")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        app.set_scenarios(("add-gpu X",))
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        assert isinstance(app.screen, PictureScreen)
        for over in (*OVER[1:], OVER[0]):
            await pilot.press("o")
            await settle(pilot)
            assert asked[-1].of[2] == over
            assert (asked[-1].of[1] is None) == (over == "quant")
        assert asked[-1].of[3] == ("add-gpu X",)
        assert "b add-gpu X" in screen(app)
        before = len(asked)
        await pilot.press("right_square_bracket")
        await settle(pilot)
        assert asked[-1].question.context == 16_384
        await pilot.press("left")
        await settle(pilot)
        assert asked[-1].of[2] == "quant"
        assert len(asked) > before
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(app.screen, PictureScreen)


@pytest.mark.usefixtures("asked")
async def test_the_picture_is_exported_and_its_command_is_understood(
    world: SimpleNamespace, settle: Settle, tmp_path: Path
) -> None:
    app = AdvisorApp(Question(), rig=world.rig, rig_path="example.json", export_folder=tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        app.set_scenarios(("add-gpu X, mts 6000", "rig other.json"))
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        await pilot.press("e", "j")
        await settle(pilot)
        (path,) = tmp_path.iterdir()
        assert json.loads(path.read_text("utf-8"))["schema"] == "rig-advice/plot/1"
        await pilot.press("y")
        await settle(pilot)
        arguments = build_parser().parse_args(shlex.split(app.clipboard)[1:])
        assert arguments.over == "ram-bandwidth"
        assert arguments.scenarios == [[("add-gpu", "X"), ("mts", "6000")], [("rig", "other.json")]]


async def test_a_failure_is_said_where_the_picture_would_be(
    world: SimpleNamespace, settle: Settle, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Any) -> Curves:
        raise WhatIfError("this cannot be drawn; draw that")

    monkeypatch.setattr(background, "curves", fails)
    app = AdvisorApp(Question(), rig=world.rig)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        assert "this cannot be drawn; draw that" in screen(app)


@pytest.mark.usefixtures("asked")
async def test_an_ascii_picture_holds_nothing_but_ascii(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = AdvisorApp(Question(), rig=world.rig, glyphs=ASCII)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        for _ in range(3):
            assert screen(app).isascii()
            await pilot.press("pagedown")
            await settle(pilot)
