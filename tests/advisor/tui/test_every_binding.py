"""Every binding of every screen does something that can be seen, copied or found in the state."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.binding import Binding

from advisor.cli.arguments import build_parser
from advisor.core.question import Question
from advisor.tui.app import AdvisorApp
from advisor.tui.routes import ROUTES, screen_class, split_view
from advisor.tui.screens.base import StateScreen

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]

OPENING: dict[str, tuple[str, ...]] = {
    "ranking": (),
    "why": ("down", "enter"),
    **{route.name: (route.key,) for route in ROUTES.values() if route.key},
    "compare": ("space", "down", "space", "v"),
}
"""Keys from the start to each view."""

BEFORE: dict[str, tuple[str, ...]] = {
    "ranking.clear_filter": ("slash", "m", "enter"),
    "ranking.why_up": ("ctrl+down",),
    "table.up": ("down",),
    "table.page_up": ("end",),
    "table.first": ("down",),
    "app.context_shorter": ("right_square_bracket",),
    "app.users_fewer": ("u",),
    "app.speed_less": ("plus",),
    "why.previous": ("right",),
    "what_if.undo": ("1",),
    "what_if.redo": ("1", "u"),
    "what_if.left": ("1", "2", "right"),
    "what_if.right": ("1", "2", "left"),
    "what_if.remove": ("1",),
    "what_if.clear": ("1",),
    "what_if.next_pane": ("1", "2"),
    "what_if.previous_pane": ("1", "2"),
    "upgrade.why_up": ("ctrl+down",),
    "models.detail_up": ("ctrl+down",),
    "settings.reset": ("right",),
    "compare.left": ("right",),
    "compare.right": ("left",),
    "compare.larger": ("down",),
    "compare.scroll_up": ("j", "j"),
    "compare.pin": ("x", "x"),
    "what_if.up": ("1", "2", "end"),
    "what_if.page_up": ("1", "2", "end"),
    "what_if.top": ("1", "2", "end"),
    "what_if.down": ("1", "2"),
    "what_if.page_down": ("1", "2"),
    "what_if.bottom": ("1", "2"),
}
"""Keys that make a binding's effect visible; by default those that scroll up start at the end."""

WITHOUT_EFFECT: dict[str, str] = {
    "what_if.nothing": "w opened this screen",
    "what_if.preset_5": "the made-up rig takes four of the suggestions",
    "what_if.preset_6": "likewise",
}
"""Bindings that are there to do nothing, and why."""

BESIDE = ("ranking.why_down", "ranking.why_up", "models.detail_down", "models.detail_up")
SIZE: dict[str, tuple[int, int]] = {
    **dict.fromkeys(BESIDE, (120, 20)),
    "upgrade.why_down": (120, 17),
    "upgrade.why_up": (120, 17),
}


def bindings_of(owner: type[Any]) -> list[Binding]:
    return [b for b in owner.__dict__.get("BINDINGS", []) if isinstance(b, Binding)]


def cases() -> list[Any]:
    from advisor.tui.widgets.table import RankingTable

    found = [("ranking", b) for b in (*bindings_of(AdvisorApp), *bindings_of(RankingTable))]
    found += [(name, b) for name in ROUTES for b in bindings_of(screen_class(name))]
    return [pytest.param(view, b, id=f"{b.id}") for view, b in found]


def prepared(view: str, binding: Binding) -> tuple[str, ...]:
    identity = binding.id or ""
    if identity in BEFORE:
        return BEFORE[identity]
    upwards = identity.rpartition(".")[2] in ("up", "page_up", "top")
    return ("end",) if upwards and view != "ranking" else ()


def snapshot(app: AdvisorApp, screen: Screen) -> tuple[Any, ...]:
    state = app.state
    if not app.is_running or app._exit:
        return ("quit",)
    return (
        screen(app),
        [type(s).__name__ for s in app.screen_stack],
        app.focused,
        (state.question, state.filter_text, state.sort, state.reverse, state.show_unfit),
        (state.selected, state.pins, state.scenarios),
        app.clipboard,
        len(app._notifications),
    )


@pytest.mark.parametrize(("view", "binding"), cases())
async def test_a_binding_does_something(
    world: SimpleNamespace, settle: Settle, screen: Screen, tmp_path: Path, view: str, binding: Binding
) -> None:
    app = AdvisorApp(Question(), rig=world.make_rig(2), rig_path="example.json", export_folder=tmp_path)
    async with app.run_test(size=SIZE.get(binding.id or "", (80, 16))) as pilot:
        await settle(pilot)
        for key in (*OPENING[view], *prepared(view, binding)):
            await pilot.press(key)
            await settle(pilot)
        before = snapshot(app, screen)
        await pilot.press(binding.key.split(",")[0])
        await settle(pilot)
        assert (snapshot(app, screen) == before) == (binding.id in WITHOUT_EFFECT)


@pytest.mark.parametrize("view", ROUTES)
async def test_every_view_has_a_text_command_and_a_link_that_can_be_run(
    world: SimpleNamespace, settle: Settle, view: str
) -> None:
    app = AdvisorApp(Question(users=2), rig=world.make_rig(2), rig_path="my rig.json", filter_text="is:dense")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key in OPENING[view]:
            await pilot.press(key)
            await settle(pilot)
        shown = app.screen
        assert isinstance(shown, StateScreen)
        assert view == shown.ROUTE
        words = shlex.split(shown.command())
        assert words[0] == "rig-advisor"
        arguments = build_parser().parse_args(words[1:])
        assert arguments.command
        needs_rig = view not in ("settings",)
        assert (getattr(arguments, "rig", None) == "my rig.json") == needs_rig
        link = build_parser().parse_args(shlex.split(shown.link())[1:])
        assert (link.rig, link.users, link.filter) == ("my rig.json", 2, "is:dense")
        assert split_view(link.open or "ranking")[0] == view
