"""The rig screen: every fact with its source and how sure it is, and what could not be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from advisor.report.format import gbs, gib_unit, percent, tflops
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, Painted, clip, pad, wrap
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.state import AppState, rig_options
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import Hint, KeyBar
from probes.types import Confidence, Fact, PcieLink, Rig

CONFIDENCE_STYLES: Mapping[Confidence, str] = {
    "measured": "$success",
    "reported": "$success",
    "derived": "$primary",
    "table": "$primary",
    "guess": "$warning",
    "unknown": "$error",
}


def fact_line(label: str, fact: Fact[Any], text: str | None, width: int, glyphs: Glyphs) -> Line:
    """Name, value, confidence and source of one fact; the reason where it is unknown."""
    value = text if text is not None else "unknown"
    column = 24 if width < 100 else 36
    room = width - 22 - column - 10
    return [
        (f"  {label:<18}  ", MUTED),
        (pad(clip(value, column - 2, glyphs.ellipsis), column), STRONG if fact.known else ""),
        (f"{fact.confidence:<10}", CONFIDENCE_STYLES[fact.confidence]),
        (clip(fact.source, max(room, 4), glyphs.ellipsis), MUTED),
    ]


def _bytes(fact: Fact[int]) -> str | None:
    return None if fact.value is None else gib_unit(fact.value)


def _rate(fact: Fact[float]) -> str | None:
    return None if fact.value is None else gbs(fact.value)


def _plain(fact: Fact[Any]) -> str | None:
    return None if fact.value is None else str(fact.value)


def _link(link: PcieLink | None) -> str | None:
    if link is None:
        return None
    generation = f"{link.generation:g}" if link.generation else "?"
    return f"PCIe {generation} x{link.lanes or '?'}"


def rig_lines(rig: Rig, assumptions: Sequence[str], width: int, glyphs: Glyphs) -> list[Line]:
    """All facts by part, then notes and assumptions."""
    rows: list[tuple[str, list[tuple[str, Fact[Any], str | None]]]] = []
    system, cpu, memory = rig.system, rig.cpu, rig.memory
    rows.append(
        (
            "System",
            [
                ("operating system", system.os, _plain(system.os)),
                ("virtualization", system.virtualization, _plain(system.virtualization)),
                ("container", system.container, _plain(system.container)),
                ("product", system.product, _plain(system.product)),
            ],
        )
    )
    isa = ", ".join(cpu.isa.value) if cpu.isa.value is not None else None
    rows.append(
        (
            "CPU",
            [
                ("name", cpu.name, _plain(cpu.name)),
                ("sockets", cpu.sockets, _plain(cpu.sockets)),
                ("physical cores", cpu.physical_cores, _plain(cpu.physical_cores)),
                ("logical cores", cpu.logical_cores, _plain(cpu.logical_cores)),
                ("usable cores", cpu.usable_cores, _plain(cpu.usable_cores)),
                ("instructions", cpu.isa, isa),
            ],
        )
    )
    measured = memory.measured_bandwidth_bytes_per_s
    spread = None if memory.measured_spread.value is None else percent(memory.measured_spread.value)
    rows.append(
        (
            "Memory",
            [
                ("total", memory.total_bytes, _bytes(memory.total_bytes)),
                ("available", memory.available_bytes, _bytes(memory.available_bytes)),
                ("type", memory.type, _plain(memory.type)),
                ("speed", memory.mts, f"{memory.mts.value} MT/s" if memory.mts.known else None),
                ("channels", memory.channels, _plain(memory.channels)),
                ("bandwidth", memory.bandwidth_bytes_per_s, _rate(memory.bandwidth_bytes_per_s)),
                ("measured", measured, _rate(measured)),
                ("  by threads", memory.measured_threads, _plain(memory.measured_threads)),
                ("  spread", memory.measured_spread, spread),
                ("limit", memory.limit_bytes, _bytes(memory.limit_bytes)),
            ],
        )
    )
    for number, gpu in enumerate(rig.accelerators, 1):
        flops = gpu.fp16_flops
        rows.append(
            (
                f"GPU {number}",
                [
                    ("name", gpu.name, _plain(gpu.name)),
                    ("memory", gpu.vram_bytes, _bytes(gpu.vram_bytes)),
                    ("free now", gpu.free_bytes, _bytes(gpu.free_bytes)),
                    ("bandwidth", gpu.bandwidth_bytes_per_s, _rate(gpu.bandwidth_bytes_per_s)),
                    (
                        "  measured",
                        gpu.measured_bandwidth_bytes_per_s,
                        _rate(gpu.measured_bandwidth_bytes_per_s),
                    ),
                    ("architecture", gpu.architecture, _plain(gpu.architecture)),
                    ("FP16 rate", flops, None if flops.value is None else tflops(flops.value)),
                    ("link", gpu.pcie, _link(gpu.pcie.value)),
                    ("backend", gpu.backend, _plain(gpu.backend)),
                    ("driver", gpu.driver, _plain(gpu.driver)),
                ],
            )
        )
    lines: list[Line] = []
    for title, texts in (("Notes", rig.notes), ("Assumptions of the estimate", assumptions)):
        if texts:
            lines.append([(title, TITLE)])
            for text in texts:
                lines += wrap(text, width, "", indent="    ", first=f"  {glyphs.warning} ")
            lines.append([])
    for title, facts in rows:
        lines.append([(title, TITLE)])
        lines += [fact_line(label, fact, text, width, glyphs) for label, fact, text in facts]
        lines.append([])
    if memory.modules:
        lines.append([("Modules", TITLE)])
        for module in memory.modules:
            speed = f"{module.configured_mts or module.rated_mts or '?'} MT/s"
            parts = (module.locator, gib_unit(module.size_bytes), module.type or "?", speed)
            lines.append([("  " + "  ".join(parts), ""), (f"  {module.part_number or ''}", MUTED)])
    return lines


class RigFacts(Painted):
    """The facts of a rig."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.state: AppState | None = None

    def show(self, state: AppState) -> None:
        """Draw another state."""
        self.state = state
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """All facts."""
        if self.state is None or self.state.rig is None:
            return [[("nothing is known of this machine yet; r probes it", MUTED)]]
        assumptions = self.state.view.machine.assumptions if self.state.view else ()
        return rig_lines(self.state.rig, assumptions, width, self.glyphs)


class RigScreen(StateScreen):
    """All facts, notes and assumptions."""

    SCROLLED = "#rig-facts"
    ROUTE = "rig"
    KEY_HELP = (
        ("s", "speed test: measure RAM (and GPU) memory bandwidth now"),
        ("↑ ↓  j k", "scroll"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,enter,i", "back", "Back", id="rig.back"),
        Binding("s", "app.measure", "Measure", id="rig.measure"),
        Binding("up,k", "scroll(-1)", "Up", id="rig.up", show=False),
        Binding("down,j", "scroll(1)", "Down", id="rig.down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", id="rig.page_up", show=False),
        Binding("pagedown,space", "scroll(10)", "Page down", id="rig.page_down", show=False),
        Binding("home,g", "edge(-1)", "Top", id="rig.top", show=False),
        Binding("end,G", "edge(1)", "Bottom", id="rig.bottom", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Header, facts, keys."""
        yield HardwareHeader(self.glyphs, id="header")
        with VerticalScroll(id="rig-facts", can_focus=False):
            yield RigFacts(self.glyphs, id="facts")
        yield KeyBar(
            (
                Hint("Esc", "Back", "screen.back", 0),
                Hint("m", "Topology", "app.open('topology')", 1),
                Hint("r", "Probe again", "app.probe", 1),
                Hint("s", "Measure", "app.measure", 2),
                Hint("?", "Help", "app.help", 0),
                Hint("q", "Quit", "app.quit", 1),
            ),
            id="keys",
        )

    def show_state(self, state: AppState) -> None:
        """Draw a state."""
        self.query_one(HardwareHeader).show(state)
        self.query_one(RigFacts).show(state)

    def text_command(self, state: AppState) -> list[str]:
        """The facts as text."""
        return ["probe", *rig_options(self.advisor.rig_path)]

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The Rig, as ``--rig`` reads it."""
        rig = state.rig
        if rig is None:
            return {}

        def document() -> Mapping[str, Any]:
            from probes.rigfile import rig_to_document

            return rig_to_document(rig)

        return {"json": document}
