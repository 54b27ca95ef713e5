"""The form of what-if: pure steps, and the dialog with keys and mouse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.core.question import Question
from advisor.offers import Kind
from advisor.tui.app import AdvisorApp
from advisor.tui.form import Form, choose, erase, filled, join, move, step, to_line, write
from advisor.tui.glyphs import ASCII, UNICODE
from advisor.tui.lines import plain
from advisor.tui.screens.whatif import WhatIfScreen
from advisor.tui.screens.whatif_form import FormScreen, Tried, form_lines

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]
Kinds = tuple[Kind, ...]

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(-3, 3)),
        st.tuples(st.just("step"), st.integers(-9, 9)),
        st.tuples(st.just("write"), st.sampled_from(("3", "09", "x", "ddr", "zzz", " "))),
        st.tuples(st.just("erase")),
        st.tuples(st.just("join")),
    ),
    max_size=25,
)


@given(steps=STEPS)
def test_whatever_is_done_the_form_makes_a_text_and_reads_it_back(
    kinds: Kinds, steps: list[tuple[Any, ...]]
) -> None:
    form = Form(kinds)
    does: dict[str, Any] = {"move": move, "step": step, "write": write, "erase": erase, "join": join}
    for name, *values in steps:
        form = does[name](form, *values)
        assert 0 <= form.line <= len(form.now.fields)
    if form.now.key == "name" or "name" in form.text:
        return
    again = filled(kinds, form.text)
    assert again is not None
    assert again.text == form.text


def test_a_search_chooses_its_first_find_and_steps_stay_inside_it(kinds: Kinds) -> None:
    form = to_line(choose(Form(kinds), 1), 1)
    form = write(write(form, "3"), "0")
    assert form.change == "add-gpu RTX 3090"
    assert [form.labels()[n] for n in form.shown()] == ["RTX 3090", "RTX 3090 Ti"]
    assert step(form, 1).change == "add-gpu RTX 3090 Ti"
    assert step(form, 2).change == "add-gpu RTX 3090"
    nothing = write(form, "zz")
    assert nothing.shown() == ()
    assert step(nothing, 1) == nothing
    assert erase(erase(erase(nothing))).search == "3"


def test_changes_are_joined_and_taken_back(kinds: Kinds) -> None:
    form = join(Form(kinds))
    assert form.text == "ram +2x32GB:DDR5-5200, ram +2x32GB:DDR5-5200"
    assert erase(form).joined == ()


def test_a_text_with_other_values_is_not_filled_in(kinds: Kinds) -> None:
    assert filled(kinds, "ram 3x7GB:DDR5-5200") is None
    assert filled(kinds, "nonsense") is None
    found = filled(kinds, "xmp on, ADD-GPU 2x rtx 3090")
    assert found is not None
    assert (found.joined, found.change) == (("xmp on",), "add-gpu 2x RTX 3090")
    named = filled(kinds, "xmp on, name my own")
    assert named is not None
    assert named.change == "name my own"


@pytest.mark.parametrize("width", [56, 76, 80])
@pytest.mark.parametrize("height", [14, 22, 58])
def test_the_form_fits_and_shows_all_its_lines(kinds: Kinds, width: int, height: int) -> None:
    error = "this cannot be done because of a long reason; " * 6
    for kind in range(len(kinds)):
        form = choose(Form(kinds), kind)
        for tried in (None, Tried(form.text, None, error=error)):
            for glyphs in (UNICODE, ASCII):
                lines = form_lines(form, tried, width, height, glyphs)
                text = plain(lines)
                assert len(lines) <= height
                assert "Esc close" in text
                assert form.text in text
                assert all(field.label in text for field in form.now.fields)
                assert not glyphs.ascii or text.isascii()


def app_of(world: SimpleNamespace) -> AdvisorApp:
    return AdvisorApp(Question(), rig=world.rig, rig_path="example.json", glyphs=UNICODE)


async def press(pilot: Any, settle: Settle, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def test_a_scenario_is_built_without_knowing_the_language(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w", "f")
        assert isinstance(app.screen, FormScreen)
        await press(pilot, settle, "right", "down", "3", "0", "right", "down", "right")
        assert app.screen.form.text == "add-gpu 2x RTX 3090 Ti"
        assert "RTX 4090 24.0 GiB" in screen(app), "the rig as it would be is shown"
        await press(pilot, settle, "comma", *"xmp", "enter")
        assert isinstance(app.screen, WhatIfScreen)
        assert app.state.scenarios == ("add-gpu 2x RTX 3090 Ti, xmp on",)


async def test_what_the_rig_refuses_is_said_and_not_added(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w", "f", *"replace")
        assert "unknown change 'replace-gpu'" in screen(app)
        await press(pilot, settle, "enter")
        assert isinstance(app.screen, FormScreen)
        await press(pilot, settle, "backspace", "escape")
        assert isinstance(app.screen, WhatIfScreen)
        assert app.state.scenarios == ()


async def test_letters_are_searched_for_and_are_no_commands(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w", "f", "q", "u", "e", "c")
        assert isinstance(app.screen, FormScreen)
        assert app.screen.form.search == "quec"
        assert app.state.question == Question()


async def test_the_mouse_steps_chooses_and_adds(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "w", "f")

        async def click(text: str, nth: int = 0) -> None:
            lines = screen(app).splitlines()
            found = [(line.index(text), y) for y, line in enumerate(lines) if text in line]
            await pilot.click(offset=found[nth])
            await settle(pilot)

        await click("add a GPU")
        assert app.screen.form.now.key == "add-gpu"  # type: ignore[attr-defined]
        await click(" ▸", 1)
        assert app.screen.form.change == "add-gpu RTX 3090 Ti"  # type: ignore[attr-defined]
        await click("⏎")
        assert app.state.scenarios == ("add-gpu RTX 3090 Ti",)


async def test_a_scenario_is_edited_in_the_form_and_in_the_field(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.set_scenarios(("ram +2x32GB:DDR5-5200", "add-gpu RTX 4090"))
        await press(pilot, settle, "w", "h", "F")
        assert isinstance(app.screen, FormScreen)
        assert app.screen.form.change == "ram +2x32GB:DDR5-5200"
        await press(pilot, settle, "down", "down", "right", "enter")
        assert app.state.scenarios == ("ram +4x32GB:DDR5-5200", "add-gpu RTX 4090")
        await press(pilot, settle, "u")
        assert app.state.scenarios == ("ram +2x32GB:DDR5-5200", "add-gpu RTX 4090")
        app.set_scenarios(("ram 7x1GB",))
        await press(pilot, settle, "F")
        assert isinstance(app.screen, WhatIfScreen)
        assert "edit 1" in screen(app), "what the form cannot show is edited as text"
