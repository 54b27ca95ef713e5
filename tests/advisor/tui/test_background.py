"""Probing, measuring and ranking in the background, and what is shown meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from advisor.core.question import Question
from advisor.tui import background
from advisor.tui.app import AdvisorApp
from advisor.tui.background import AbandonedError, abandonable
from advisor.tui.start import run
from probes.types import Fact, Rig, RigError

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]


async def test_first_paint_does_not_wait_for_the_probe_whose_steps_are_shown(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    go_on = threading.Event()

    def prober(step: Callable[[str, str], None]) -> Rig:
        step("cpu", "done")
        step("memory", "running")
        go_on.wait(10)
        step("memory", "done")
        return world.make_rig()

    app = AdvisorApp(prober=prober)
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(50):
            await pilot.pause(0.02)
            if "memory" in screen(app):
                break
        text = screen(app)
        assert "probing" in text
        assert "CPU ✓" in text
        assert "memory …" in text
        assert app.state.view is None
        await pilot.press("right_square_bracket")
        assert app.state.question.context == 16384, "keys work while the probe runs"
        go_on.set()
        await settle(pilot)
        assert "RTX 4090" in screen(app)
        assert app.state.view is not None
        assert app.state.view.table.question.context == 16384


async def test_failed_probe_says_why_and_can_be_repeated(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    rigs: list[Rig | Exception] = [RigError("the driver is on fire"), world.make_rig()]

    def prober(_: Callable[[str, str], None]) -> Rig:
        found = rigs.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    app = AdvisorApp(prober=prober)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "the driver is on fire" in screen(app)
        assert "r probes again" in screen(app)
        await pilot.press("r")
        await settle(pilot)
        assert "Medium-14B" in screen(app)
        assert "on fire" not in screen(app)


async def test_ram_bandwidth_is_measured_after_the_first_ranking_which_is_then_repeated(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    seen: list[bool] = []
    app: AdvisorApp

    def measurer(rig: Rig) -> Rig:
        seen.append(app.state.view is not None)
        fact = Fact(50e9, "measured in a test", "measured")
        return replace(rig, memory=replace(rig.memory, measured_bandwidth_bytes_per_s=fact))

    app = AdvisorApp(prober=lambda _: world.make_rig(), measurer=measurer)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await settle(pilot)
        assert seen == [True]
        assert "50.0 GB/s measured" in screen(app)
        assert app.state.view is not None
        assert app.state.view.machine.cpu.bandwidth == 50e9


async def test_rig_from_a_file_is_neither_probed_nor_measured(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError

    app = AdvisorApp(rig=world.rig, rig_path="example.json", prober=never, measurer=never)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert any("example.json" in n.message for n in app._notifications)
        assert "Medium-14B" in screen(app)


async def test_failed_measurement_leaves_the_ranking_as_it_is(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    def measurer(_: Rig) -> Rig:
        raise RigError("no memory to spare")

    app = AdvisorApp(prober=lambda _: world.make_rig(), measurer=measurer)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "Medium-14B" in screen(app)
        assert app.state.activity == ""


async def test_ranking_that_cannot_be_made_says_why(
    world: SimpleNamespace, settle: Settle, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> Any:
        raise RigError("memory.total_bytes is unknown and there is no GPU")

    monkeypatch.setattr(background, "rank", fail)
    app = AdvisorApp(rig=world.rig)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "memory.total_bytes is unknown" in screen(app)
        await pilot.press("enter", "e", "n", "s")
        assert app.is_running


async def test_many_quick_changes_end_with_the_last_question(world: SimpleNamespace, settle: Settle) -> None:
    app = AdvisorApp(rig=world.rig)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(*["right_square_bracket"] * 3, *["u"] * 4, *["left_square_bracket"] * 2)
        await settle(pilot)
        assert app.state.view is not None
        assert app.state.view.table.question == app.state.question == Question(context=16384, users=16)


async def test_quitting_does_not_wait_for_a_probe_that_hangs(world: SimpleNamespace, screen: Screen) -> None:
    never = threading.Event()

    def prober(step: Callable[[str, str], None]) -> Rig:
        step("nvidia", "running")
        never.wait(60)
        return world.make_rig()

    app = AdvisorApp(prober=prober)
    started = time.monotonic()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.05)
        assert "NVIDIA" in screen(app)
        await pilot.press("q")
    assert time.monotonic() - started < 30


def test_work_that_hangs_is_given_up_when_no_longer_wanted() -> None:
    never = threading.Event()
    with pytest.raises(AbandonedError):
        abandonable(lambda: never.wait(60), lambda: True)


def test_work_hands_on_results_and_errors() -> None:
    assert abandonable(lambda: 7, lambda: False) == 7
    with pytest.raises(RigError, match="broken"):
        abandonable(lambda: (_ for _ in ()).throw(RigError("broken")), lambda: False)


def test_unreadable_rig_file_is_an_error_before_the_screen_changes() -> None:
    with pytest.raises(RigError):
        run("no such file.json", Question(), "")


def test_importing_the_app_loads_neither_numpy_nor_the_pipeline() -> None:
    code = (
        "import sys, advisor.tui.app\n"
        "heavy = ('numpy', 'advisor.knowledge', 'advisor.pipeline', 'psutil', 'pynvml', 'catalog.models')\n"
        "sys.exit(', '.join(m for m in heavy if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_real_pipeline_answers_in_the_shape_the_app_reads() -> None:
    """One pass through catalog, estimator and views, without any number pinned."""
    from advisor.tui.glyphs import UNICODE
    from advisor.tui.lines import plain
    from advisor.tui.suggestions import suggest
    from advisor.tui.view import detail_of
    from advisor.tui.widgets.whatif_body import Shown, body_of
    from advisor.tui.widgets.why_matrix import matrix_lines
    from probes.hypothetical import hypothetical_rig

    rig = hypothetical_rig(["RTX 3090"], "2x32GB:DDR4-3200", "Ryzen 9 5950X", name="example")
    view = background.rank(background.Wanted(rig, Question(), None))
    assert len(view.rows) == len({r.model_id for r in view.rows}) > 100
    row = view.rows[0]
    detail = detail_of(view.table, row.index)
    assert sum(t.seconds for t in detail.terms) == pytest.approx(detail.step_s)
    assert sum(d.used_bytes for d in detail.devices) == pytest.approx(row.used_bytes)
    explanation = background.explain(background.Wanted(rig, Question(), (row.model_id, row.quant)))
    assert row.quant in plain(matrix_lines(explanation, 60, UNICODE))
    texts = suggest(rig)
    assert texts
    comparison = background.compare(background.Wanted(rig, Question(), texts[:2]))
    drawn = plain(body_of(Shown(comparison, chosen=2), 120, 40, UNICODE).lines)
    assert "VRAM usable" in drawn
    assert "Rank moves by 2" in drawn


@pytest.mark.parametrize("key", ["i", "m"])
async def test_memory_is_measured_again_on_demand_and_the_models_are_ranked_with_it(
    world: SimpleNamespace, settle: Settle, screen: Screen, key: str
) -> None:
    rig = world.make_rig()
    faster = replace(
        rig, memory=replace(rig.memory, measured_bandwidth_bytes_per_s=Fact(75e9, "read", "measured"))
    )
    asked: list[Rig] = []

    def remeasurer(given: Rig) -> Rig:
        asked.append(given)
        return faster

    app = AdvisorApp(prober=lambda _: rig, remeasurer=remeasurer)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press(key, "s")
        await settle(pilot)
        assert asked == [rig]
        assert app.state.rig is faster
        assert app.state.view is not None
        assert app.state.view.machine.cpu.bandwidth == 75e9
        assert "75.0 GB/s" in screen(app)


async def test_a_measurement_that_fails_says_why_and_changes_nothing(
    world: SimpleNamespace, settle: Settle
) -> None:
    rig = world.make_rig()

    def remeasurer(_: Rig) -> Rig:
        raise RigError("too little memory is free")

    app = AdvisorApp(prober=lambda _: rig, remeasurer=remeasurer)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("m", "s")
        await settle(pilot)
        assert any("not measured: too little memory is free" in n.message for n in app._notifications)
        assert app.state.rig is rig
        assert app.state.activity == ""


async def test_the_memory_of_a_rig_from_a_file_is_not_here_to_be_measured(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = AdvisorApp(rig=world.rig, rig_path="example.json", remeasurer=lambda _: pytest.fail("measured"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("i", "s")
        await settle(pilot)
        assert any("read from example.json" in n.message for n in app._notifications)
