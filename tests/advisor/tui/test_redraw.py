"""The app draws what changed and nothing else, and keeps no memory that only the start needed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from textual.strip import Strip

from advisor.tui import pauses
from advisor.tui.app import AdvisorApp
from advisor.tui.lines import Line, Painted
from advisor.tui.screens import ranking
from advisor.tui.widgets.status import Hint, KeyBar
from advisor.tui.widgets.table import RankingTable

Settle = Callable[[Any], Awaitable[None]]


def app_of(world: SimpleNamespace) -> AdvisorApp:
    return AdvisorApp(rig=world.rig, rig_path="rig.json")


class Words(Painted):
    """Draws what it is told."""

    words = "one"

    def paint(self, width: int) -> list[Line]:
        return [[(self.words, "")]]


async def test_a_question_without_its_answer_leaves_the_list_alone(
    world: SimpleNamespace, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        listed: list[object] = []
        monkeypatch.setattr(ranking, "listing", lambda state: listed.append(state) or _listing(state))
        app.set_state(question=app.state.question)
        assert not listed
        await pilot.press("s")
        assert len(listed) == 1
        await pilot.press("]")
        await settle(pilot)
        # Once, with the new ranking: not for the question before it.
        assert len(listed) == 2
        assert listed[-1].view is app.state.view  # type: ignore[attr-defined]


_listing = ranking.listing


async def test_the_pane_follows_the_list_to_another_ranking(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        before = app.screen.query_one("#why", ranking.WhyPane).detail
        await pilot.press("]")
        await settle(pilot)
        after = app.screen.query_one("#why", ranking.WhyPane).detail
        row = app.screen.query_one(RankingTable).selected
        assert after is not None
        assert row is not None
        assert after is not before
        assert (after.model_id, after.quant) == (row.model_id, row.quant)
        assert sum(d.used_bytes for d in after.devices) == pytest.approx(row.used_bytes)


async def test_lines_that_stay_are_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from textual.app import App, ComposeResult

    class Shown(App[None]):
        def compose(self) -> ComposeResult:
            yield Words()

    app = Shown()
    async with app.run_test() as pilot:
        await pilot.pause()
        widget = app.query_one(Words)
        drawn: list[object] = []
        monkeypatch.setattr(widget, "refresh", lambda **options: drawn.append(options))
        widget.repaint()
        assert not drawn
        widget.words = "two"
        widget.repaint()
        assert drawn == [{"layout": False}]


async def test_keys_of_the_same_words_are_drawn_again_for_what_a_click_does(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        bar = app.screen.query_one(KeyBar)
        bar.show([Hint("x", "Do", "app.sort")])
        await pilot.pause()
        bar.show([Hint("x", "Do", "app.reverse")])
        await pilot.pause()
        await pilot.click(bar, offset=(2, 0))
        await settle(pilot)
        assert app.state.reverse


async def test_a_row_keeps_its_colours_on_the_cursor(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        table = app.screen.query_one(RankingTable)
        at_cursor, below = table.render_line(1), table.render_line(2)
        assert at_cursor.cell_length == below.cell_length == table.size.width
        assert len(_backgrounds(at_cursor)) == len(_backgrounds(below)) == 1
        assert _backgrounds(at_cursor) != _backgrounds(below)
        assert len({s.style.color for s in below if s.style}) > 2
        app.theme = "textual-light"
        await settle(pilot)
        assert _backgrounds(table.render_line(2)) != _backgrounds(below)


def _backgrounds(strip: Strip) -> set[object]:
    return {segment.style.bgcolor for segment in strip if segment.style}


def test_collections_pause_while_the_app_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    interval = sys.getswitchinterval()
    try:
        pauses.starting()
        assert not gc.isenabled()
        assert sys.getswitchinterval() == pytest.approx(pauses.SWITCH_S)
        pauses.started()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.enable()
        sys.setswitchinterval(interval)


def test_giving_memory_back_is_nothing_where_there_is_no_such_call(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    pauses.give_back()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", None)
    pauses.give_back()
