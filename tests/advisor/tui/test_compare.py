"""The compare screen: which models, their columns, quantizations, marks, bars and keys."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from advisor.cli.arguments import build_parser
from advisor.core.question import Question
from advisor.report.schemas import schema_document
from advisor.report.side_by_side import all_facts, best_of
from advisor.tui import background
from advisor.tui.app import AdvisorApp
from advisor.tui.glyphs import ASCII, UNICODE
from advisor.tui.lines import width_of
from advisor.tui.screens.compare import CompareScreen
from advisor.tui.screens.ranking import RankingScreen
from advisor.tui.screens.why import WhyScreen
from advisor.tui.widgets.side import LABEL_WIDTH, SidesView, compare_lines, layout, shown_columns
from catalog.types import LookupFailedError

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]
Golden = Callable[[str, str], None]
FOUR = (
    "example/Large-32B",
    "example/Sparse-30B-A3B",
    "example/Huge-70B-Instruct",
    "example/Small-8B-Instruct",
)


def app_of(world: SimpleNamespace, **options: Any) -> AdvisorApp:
    return AdvisorApp(Question(), rig=world.rig, rig_path="example.json", **options)


async def press(pilot: Any, settle: Settle, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def opened(pilot: Any, settle: Settle, pins: tuple[str, ...]) -> SidesView:
    await settle(pilot)
    pilot.app.set_state(pins=pins)
    await press(pilot, settle, "v")
    found: SidesView = pilot.app.screen.query_one(SidesView)
    return found


def shown(view: SidesView) -> list[tuple[str, str]]:
    assert view.found is not None
    return [(side.model.id, side.quant) for side in view.found.sides]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_comparison_looks_as_agreed(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden, size: tuple[int, int]
) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, settle, FOUR)
        golden(f"compare_{size[0]}x{size[1]}", screen(app))
        if size == (80, 24):
            await press(pilot, settle, "pagedown", "pagedown", "end")
            golden("compare_end_80x24", screen(app))


async def test_ascii_holds_nothing_but_ascii(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden
) -> None:
    app = app_of(world, glyphs=ASCII)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle, (*FOUR, "example/Medium-14B"))
        golden("ascii_compare_80x24", screen(app))
        for key in ("pagedown", "pagedown", "end", "right"):
            assert screen(app).isascii()
            await press(pilot, settle, key)


async def test_nothing_pinned_shows_the_selected_model_and_says_how_to_pin(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden
) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot, settle, ())
        assert [model for model, _ in shown(view)] == [app.state.selected]
        golden("compare_one_80x24", screen(app))
        await press(pilot, settle, "x")
        assert any("space pins it" in n.message for n in app._notifications)
        await press(pilot, settle, "y")
        assert app.clipboard.startswith(f"rig-advisor explain {app.state.selected} --quant ")
        await press(pilot, settle, "space")
        assert app.state.pins == (app.state.selected,)


async def test_one_pinned_model_stands_beside_the_selected_one(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot, settle, ("example/Tiny-0.6B",))
        assert [model for model, _ in shown(view)] == ["example/Tiny-0.6B", app.state.selected]


async def test_of_more_than_four_the_first_four_are_shown_and_that_is_said(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        view = await opened(pilot, settle, (*FOUR, "example/Tiny-0.6B"))
        assert [model for model, _ in shown(view)] == list(FOUR)
        assert "5 models are pinned: these are the first 4" in screen(app)
        await press(pilot, settle, "x")
        assert [model for model, _ in shown(view)] == [*FOUR[1:], "example/Tiny-0.6B"]
        assert "are pinned" not in screen(app)


async def test_space_pins_in_the_ranking_and_v_opens_the_comparison(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "space", "down", "space")
        assert len(app.state.pins) == 2
        await press(pilot, settle, "v")
        assert isinstance(app.screen, CompareScreen)
        assert len(app.state.pins) == 2
        await press(pilot, settle, "v")
        assert isinstance(app.screen, RankingScreen)


async def test_columns_are_chosen_and_those_out_of_sight_come_in(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot, settle, FOUR)
        assert "2 more: h l" in screen(app)
        assert "Small-8B" not in screen(app)
        await press(pilot, settle, "right", "l", "right", "right")
        assert view.chosen == 3
        assert "▸ Small-8B" in screen(app)
        assert "Large-32B" not in screen(app)
        await press(pilot, settle, "left", "h")
        assert view.chosen == 1
        await press(pilot, settle, "enter")
        assert isinstance(app.screen, WhyScreen)
        assert app.state.selected == FOUR[1]
        await press(pilot, settle, "escape", "x")
        assert app.state.pins == (FOUR[0], *FOUR[2:])


async def test_up_and_down_go_through_the_quantizations_of_the_column(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot, settle, FOUR[:2])
        other = shown(view)[1]
        await press(pilot, settle, "up", "up", "up")
        assert shown(view) == [(FOUR[0], "Q8_0"), other]
        await press(pilot, settle, "down")
        assert shown(view)[0] == (FOUR[0], "Q4_K_M")
        await press(pilot, settle, "down", "down", "down")
        assert shown(view)[0] == (FOUR[0], "IQ2_M")
        await press(pilot, settle, "right_square_bracket")
        assert shown(view)[0] == (FOUR[0], "IQ2_M"), "the choice survives another question"


async def test_live_controls_rank_again_and_the_columns_follow(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(120, 40)) as pilot:
        view = await opened(pilot, settle, FOUR[:2])
        assert view.found is not None
        before = view.found.sides[0].kv_bytes
        await press(pilot, settle, "right_square_bracket")
        assert view.found.sides[0].kv_bytes == pytest.approx(2 * before)
        assert view.found.question.context == 16_384
        for key in ("u", "c", "t"):
            await press(pilot, settle, key)
        assert view.found.question == app.state.question


async def test_scrolling_keys_go_to_both_ends(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle, FOUR)
        pane = app.screen.query_one("#side-scroll")
        await press(pilot, settle, "j")
        assert pane.scroll_y == 1
        await press(pilot, settle, "k")
        assert pane.scroll_y == 0
        for keys in (("pagedown", "pageup"), ("end", "home"), ("G", "g")):
            await press(pilot, settle, keys[0])
            assert pane.scroll_y > 5
            await press(pilot, settle, keys[1])
            assert pane.scroll_y == 0


@pytest.mark.parametrize("key", ["escape", "backspace", "v"])
async def test_keys_lead_back(world: SimpleNamespace, settle: Settle, key: str) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle, FOUR)
        await press(pilot, settle, key)
        assert isinstance(app.screen, RankingScreen)


async def test_delete_unpins_too(world: SimpleNamespace, settle: Settle) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle, FOUR)
        await press(pilot, settle, "delete")
        assert app.state.pins == FOUR[1:]


async def test_a_model_that_the_runtime_lacks_is_named_and_a_failure_is_said(
    world: SimpleNamespace, settle: Settle, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle, ("example/Gone-1B", *FOUR[:2]))
        assert "Gone-1B does not run with this runtime" in screen(app)

        def fails(*_: Any) -> Any:
            raise LookupFailedError("quantization", "Q9", (), False)

        monkeypatch.setattr(background, "side_by_side", fails)
        await press(pilot, settle, "down")
        assert "no quantization is called 'Q9'" in screen(app)
        await press(pilot, settle, "right", "up", "x", "enter", "Y")
        assert isinstance(app.screen, CompareScreen)


async def test_where_nothing_fits_the_screen_says_what_is_short_and_what_to_press(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 40)) as pilot:
        view = await opened(
            pilot, settle, ("example/Boundless-671B", "example/Vast-235B-A22B-With-A-Rather-Long-Name")
        )
        await press(pilot, settle, "right", "up", "up")
        assert view.found is not None
        assert not any(side.detail.fits for side in view.found.sides)
        assert "GiB short" in screen(app)
        assert "nothing here fits: down takes a smaller quantization" in screen(app)
        assert "best" not in screen(app).split("Time per token")[0]


@pytest.mark.usefixtures("world")
async def test_before_there_is_a_model_the_screen_does_not_open(settle: Settle) -> None:
    def nothing(_: Any) -> Any:
        raise OSError("nothing here")

    app = AdvisorApp(Question(), prober=nothing)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, settle, "v")
        assert isinstance(app.screen, RankingScreen)
        assert any("there is no rig yet" in n.message for n in app._notifications)


async def test_what_is_exported_and_printed_has_the_columns_of_the_screen(
    world: SimpleNamespace, settle: Settle, tmp_path: Path
) -> None:
    app = app_of(world, export_folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot, settle, FOUR)
        await press(pilot, settle, "up", "e", "j", "e", "c", "e", "m", "y")
        document = json.loads((tmp_path / "rig-advisor-compare.json").read_text("utf-8"))
        jsonschema.validate(document, schema_document("compare"))
        columns = shown(view)
        assert [(m["model"]["id"], m["quant"]) for m in document["models"]] == columns
        rows = csv.DictReader(io.StringIO((tmp_path / "rig-advisor-compare.csv").read_text("utf-8")))
        assert [(row["model"], row["quant"]) for row in rows] == columns
        head = (tmp_path / "rig-advisor-compare.md").read_text("utf-8").splitlines()[0]
        assert [name.strip() for name in head.strip("| ").split("|")] == [
            model.removeprefix("example/") for model, _ in columns
        ]
        arguments = build_parser().parse_args(shlex.split(app.clipboard)[1:])
        assert arguments.command == "compare"
        assert arguments.models == [f"{model}@{quant}" for model, quant in columns]
        assert arguments.rig == "example.json"
        await press(pilot, settle, "right", "Y")
        assert app.clipboard.startswith("Sparse-30B-A3B\t")
        assert "tok/s (likely " in app.clipboard
        link = build_parser().parse_args(shlex.split(app.screen.link())[1:])  # type: ignore[attr-defined]
    again = app_of(world, view=link.open)
    async with again.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert isinstance(again.screen, CompareScreen)
        assert shown(again.screen.query_one(SidesView)) == columns


async def test_no_number_is_clipped_and_bars_share_a_scale_at_any_width(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot, settle, FOUR)
        assert view.found is not None
        sides = view.found.sides
    free_text = {"license", "basis", "release"}
    for width in range(57, 200, 6):
        column, visible = layout(width, len(sides))
        assert LABEL_WIDTH + visible * (column + 2) - 2 <= width
        lines = compare_lines(sides, width, UNICODE)
        assert max(width_of(line) for line in lines) <= width
        text = "\n".join("".join(part for part, _ in line) for line in lines)
        for fact in all_facts(sides):
            for i in range(visible):
                if fact.key not in free_text | {"bottleneck"} and not fact.key.startswith("device"):
                    word = fact.texts[i] + (" ▲ best" if i in fact.best else "")
                    assert word in text, (width, fact.key)
        bars = [line for line in lines if any(part.startswith("█") and len(part) > 1 for part, _ in line)]
        assert bars


def test_the_chosen_column_is_always_on_the_screen() -> None:
    for count in (1, 2, 3, 4):
        for visible in range(1, count + 1):
            for chosen in range(count):
                found = shown_columns(count, visible, chosen, 0)
                assert chosen in found
                assert len(found) == visible
                assert found[-1] < count


@pytest.mark.parametrize(
    ("values", "higher", "best"),
    [
        ([1.0, 3.0, 2.0], True, {1}),
        ([1.0, 3.0, 2.0], False, {0}),
        ([3.0, 3.0, 2.0], True, {0, 1}),
        ([2.0, 2.0], True, set()),
        ([None, 2.0], True, {1}),
        ([None, None], True, set()),
        ([5.0], True, set()),
    ],
)
def test_the_best_is_marked_where_values_differ(
    values: list[float | None], higher: bool, best: set[int]
) -> None:
    assert best_of(values, higher) == best
