"""The topology screen: how the machine is wired, the bandwidth of every edge, and what limits what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from advisor.report.topology import Topology, topology_of
from advisor.report.topology_text import ASCII, UNICODE, Row, rate_text, reason_of, rows, topology_document
from advisor.tui.glyphs import UNICODE as UNICODE_GLYPHS
from advisor.tui.glyphs import Glyphs, shown
from advisor.tui.lines import MUTED, STRONG, TITLE, Line, Painted, clip, pad, wrap
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.screens.rig import CONFIDENCE_STYLES
from advisor.tui.state import AppState, rig_options
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import Hint, KeyBar
from probes.types import Fact, Rig

_RATE = 10
_SURE = 10
_SOURCE_FROM = 100
"""Width from which there is room for a column of sources."""


def _edge(fact: Fact[float] | None, source_width: int, glyphs: Glyphs) -> Line:
    """Bandwidth, confidence, and the source where there is room."""
    if fact is None:
        return []
    line: Line = [
        (pad(rate_text(fact), _RATE, "right"), STRONG if fact.known else ""),
        ("  ", ""),
        (pad(fact.confidence, _SURE), CONFIDENCE_STYLES[fact.confidence]),
    ]
    if source_width > 0 and fact.known:
        line.append((clip(shown(fact.source, glyphs), source_width, glyphs.ellipsis), MUTED))
    return line


def _row_lines(row: Row, width: int, source_width: int, glyphs: Glyphs) -> list[Line]:
    """A row of the tree: nothing is cut, what is too long goes on below its stem."""
    room = width - _RATE - _SURE - 2 - (source_width + 1 if source_width else 0)
    text = shown(f"{row.name}  {row.detail}".rstrip(), glyphs)
    parts = ["".join(part for part, _ in line) for line in wrap(text, room - len(row.stem))] or [""]
    first = pad(row.stem + parts[0], room)
    found: list[Line] = [[(first, ""), *_edge(row.fact, source_width, glyphs)]]
    found += [[(row.below + part, "")] for part in parts[1:]]
    if because := reason_of(row):
        because = shown(because, glyphs)
        for line in wrap(because, width - len(row.below) - 2, MUTED, "  ", f"{glyphs.warning} "):
            found.append([(row.below, ""), *line])
    return found


def topology_lines(topology: Topology, width: int, glyphs: Glyphs) -> list[Line]:
    """The whole picture for a width."""
    source_width = (width - _RATE - _SURE - 2) // 3 if width >= _SOURCE_FROM else 0
    branches = ASCII if glyphs.ascii else UNICODE
    ram = Row("", "RAM", topology.memory, topology.bandwidth, "     ")
    measured = Row("", "     measured", "", topology.measured, "     ")
    lines: list[Line] = [[(shown(topology.name, glyphs), TITLE)]]
    for row in (ram, measured, *rows(topology, branches)):
        lines += _row_lines(row, width, source_width, glyphs)
    lines += [[], [("What limits what", TITLE)]]
    for limit in topology.limits:
        text = shown(limit.text, glyphs)
        first, *rest = wrap(text, width - 9)
        lines.append([(f"  {limit.part:<7}", MUTED), *first])
        lines += [[(" " * 9, ""), *line] for line in rest]
    if not source_width:
        lines += _source_lines([ram, measured, *rows(topology, branches)], width, glyphs)
    if topology.notes:
        lines += [[], [("Notes of the probe", TITLE)]]
        for note in topology.notes:
            lines += wrap(shown(note, glyphs), width, "", "    ", f"  {glyphs.warning} ")
    return lines


def _source_lines(drawn: list[Row], width: int, glyphs: Glyphs) -> list[Line]:
    """Where the bandwidths come from, each source once, for widths that have no column for them."""
    by_source: dict[str, list[str]] = {}
    for row in drawn:
        if row.fact is not None and row.fact.known:
            by_source.setdefault(row.fact.source, []).append(row.name.strip())
    lines: list[Line] = [[], [("How we know", TITLE)]] if by_source else []
    for source, names in by_source.items():
        text = f"{', '.join(dict.fromkeys(names))}: {source}"
        lines += wrap(shown(text, glyphs), width, "", "    ", f"  {glyphs.dot} ")
    return lines


class TopologyTree(Painted):
    """The picture of a rig."""

    def __init__(self, glyphs: Glyphs = UNICODE_GLYPHS, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._rig: Rig | None = None
        self.topology: Topology | None = None

    def show(self, state: AppState) -> None:
        """Draw another state."""
        if state.rig is not self._rig:
            self._rig = state.rig
            self.topology = topology_of(state.rig) if state.rig else None
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """All of it."""
        if self.topology is None:
            return [[("nothing is known of this machine yet; r probes it", MUTED)]]
        return topology_lines(self.topology, width, self.glyphs)


class TopologyScreen(StateScreen):
    """Sockets, channels and modules; GPUs and their links."""

    SCROLLED = "#topology"
    ROUTE = "topology"
    KEY_HELP = (
        ("s", "speed test: measure RAM (and GPU) memory bandwidth now"),
        ("↑ ↓  j k", "scroll"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,enter,m", "back", "Back", id="topology.back"),
        Binding("s", "app.measure", "Measure", id="topology.measure"),
        Binding("up,k", "scroll(-1)", "Up", id="topology.up", show=False),
        Binding("down,j", "scroll(1)", "Down", id="topology.down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", id="topology.page_up", show=False),
        Binding("pagedown,space", "scroll(10)", "Page down", id="topology.page_down", show=False),
        Binding("home,g", "edge(-1)", "Top", id="topology.top", show=False),
        Binding("end,G", "edge(1)", "Bottom", id="topology.bottom", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Header, picture, keys."""
        yield HardwareHeader(self.glyphs, id="header")
        with VerticalScroll(id="topology", can_focus=False):
            yield TopologyTree(self.glyphs, id="tree")
        yield KeyBar(
            (
                Hint("Esc", "Back", "screen.back", 0),
                Hint("i", "Rig", "app.open('rig')", 1),
                Hint("e", "Export", "app.export", 2),
                Hint("y", "Copy command", "app.copy('command')", 3),
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
        self.query_one(TopologyTree).show(state)

    def text_command(self, state: AppState) -> list[str]:
        """The topology as text."""
        return ["topology", *rig_options(self.advisor.rig_path)]

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The topology."""
        topology = self.query_one(TopologyTree).topology
        return {} if topology is None else {"json": lambda: topology_document(topology)}
