"""The topology screen: machines of several shapes as text, its keys, and nothing cut at 80 columns."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from advisor.core.question import Question
from advisor.report.topology import build
from advisor.tui import background
from advisor.tui.app import AdvisorApp
from advisor.tui.glyphs import ASCII, UNICODE
from advisor.tui.lines import plain
from advisor.tui.screens.rig import RigScreen
from advisor.tui.screens.topology import TopologyScreen, topology_lines
from probes.types import Fact, MemoryModule, NumaNode, PcieLink, Rig, RigError, unknown

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]
Golden = Callable[[str, str], None]
GIB = 1024**3


def said(value: Any) -> Fact[Any]:
    return Fact(value, "made up for tests", "reported")


def server(rig: Rig) -> Rig:
    """Two sockets with three channels each, one slow link, one card whose link nobody told."""
    modules = tuple(
        MemoryModule(32 * GIB, "DDR5", 5600, 4800, 64, f"P{s + 1}-DIMM{c}1", channel=f"P{s}/N0/{c}")
        for s in (0, 1)
        for c in "ABC"
    )
    memory = replace(
        rig.memory,
        total_bytes=said(188 * GIB),
        channels=said(6),
        mts=said(4800),
        bandwidth_bytes_per_s=Fact(230.4e9, "6 channels × 4800 MT/s", "derived"),
        measured_bandwidth_bytes_per_s=Fact(190e9, "read measurement, 16 threads", "measured"),
        measured_threads=Fact(16, "read measurement", "measured"),
        modules=modules,
    )
    cpu = replace(
        rig.cpu,
        name=said("AMD EPYC 9124 16-Core Processor"),
        sockets=said(2),
        numa=(NumaNode(0, "0-15", 94 * GIB), NumaNode(1, "16-31", 94 * GIB)),
    )
    slow = replace(
        rig.accelerators[0], pcie=said(PcieLink(3.0, 4, 4.0, 16)), nvlink_bytes_per_s=unknown("no NVLink")
    )
    hidden = replace(
        rig.accelerators[0],
        pcie=unknown("the driver does not report it"),
        bandwidth_bytes_per_s=unknown("bus width unknown: the driver is too old"),
    )
    return replace(rig, name="server", cpu=cpu, memory=memory, accelerators=(slow, hidden))


def unknown_rig(rig: Rig) -> Rig:
    """A virtual machine: nothing of its memory is known."""
    because = "virtual machine (KVM): its module list, if any, is made up"
    memory = replace(
        rig.memory,
        type=unknown(because),
        channels=unknown(because),
        mts=unknown(because),
        bandwidth_bytes_per_s=unknown(because),
        modules=(),
    )
    return replace(rig, name="virtual machine", memory=memory, accelerators=())


SHAPES: dict[str, Callable[[Rig], Rig]] = {"server": server, "unknown": unknown_rig}


@pytest.mark.parametrize("shape", SHAPES)
async def test_machines_of_several_shapes(
    world: SimpleNamespace,
    settle: Settle,
    screen: Screen,
    golden: Golden,
    shape: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unranked(_: object) -> None:
        raise RigError("the made-up estimates need every bandwidth")

    monkeypatch.setattr(background, "rank", unranked)
    app = AdvisorApp(Question(), rig=SHAPES[shape](world.rig), rig_path="example.json", glyphs=UNICODE)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("m")
        for width, height in ((120, 40), (80, 24)):
            await pilot.resize_terminal(width, height)
            await settle(pilot)
            golden(f"topology_{shape}_{width}x{height}", screen(app))
        await pilot.press("end")
        await settle(pilot)
        golden(f"topology_{shape}_end_80x24", screen(app))


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("width", [56, 76, 116, 180])
def test_nothing_is_cut_but_sources(world: SimpleNamespace, glyphs: Any, width: int) -> None:
    for shape in SHAPES.values():
        topology = build(shape(world.rig))
        lines = topology_lines(topology, width, glyphs)
        text = plain(lines)
        assert max(map(len, text.splitlines())) <= width
        words = text.split()
        for part in topology.parts:
            for node in part.walk():
                for word in node.name.split():
                    assert word in words
                if node.bandwidth is not None and node.bandwidth.value is None:
                    assert set(node.bandwidth.source.split()) <= set(words)
        if glyphs.ascii:
            assert text.isascii()


async def test_rig_and_topology_take_turns(world: SimpleNamespace, settle: Settle, tmp_path: Path) -> None:
    app = AdvisorApp(Question(), rig=world.rig, rig_path="example.json", export_folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        depth = len(app.screen_stack)
        for _ in range(3):
            await pilot.press("i")
            await settle(pilot)
            assert isinstance(app.screen, RigScreen)
            await pilot.press("m")
            await settle(pilot)
            assert isinstance(app.screen, TopologyScreen)
        assert len(app.screen_stack) == depth + 1
        await pilot.press("e", "j")
        await settle(pilot)
        (path,) = tmp_path.iterdir()
        assert json.loads(path.read_text("utf-8"))["schema"] == "rig-advice/topology/1"
        await pilot.press("y")
        await settle(pilot)
        assert app.clipboard == "rig-advisor topology --rig example.json"
        await pilot.press("m")
        await settle(pilot)
        assert len(app.screen_stack) == depth


async def test_without_a_machine_the_screen_says_what_to_press(settle: Settle, screen: Screen) -> None:
    def none(_: Any) -> Rig:
        raise RuntimeError("no driver answers")

    app = AdvisorApp(Question(), prober=none)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("m")
        await settle(pilot)
        assert "r probes it" in screen(app)
        await pilot.press("e", "j")
        await settle(pilot)
        assert isinstance(app.screen, TopologyScreen)
