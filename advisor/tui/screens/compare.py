"""The compare screen: two to four pinned models side by side."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.worker import get_current_worker

from advisor.model_list import FEWEST_COMPARED, MOST_COMPARED
from advisor.tui import background
from advisor.tui.background import AbandonedError, Sided, abandonable
from advisor.tui.glyphs import Glyphs
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.state import AppState, question_options
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import Hint, KeyBar, StatusLine

if TYPE_CHECKING:
    from advisor.side_by_side import Side, SideBySide
    from advisor.tui.background import WantedSides
    from advisor.tui.view import View
    from advisor.tui.widgets.side import SidesView


class CompareScreen(StateScreen):
    """The pinned models, one column each."""

    AUTO_FOCUS = ""
    SCROLLED = "#side-scroll"
    ROUTE = "compare"
    KEY_HELP = (
        ("← →  h l", "choose a column"),
        ("↑ ↓", "a larger, a smaller quantization in the column"),
        ("x", "unpin the column"),
        ("Space", "pin the column"),
        ("Enter", "why: the model on a screen of its own"),
        ("j k", "scroll; PgUp PgDn by pages"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,v", "back", "Back", id="compare.back"),
        Binding("left,h", "column(-1)", "Left", id="compare.left"),
        Binding("right,l", "column(1)", "Right", id="compare.right"),
        Binding("up", "quant(-1)", "Larger quantization", id="compare.larger"),
        Binding("down", "quant(1)", "Smaller quantization", id="compare.smaller"),
        Binding("x,delete", "unpin", "Unpin", id="compare.unpin"),
        Binding("space", "pin", "Pin", id="compare.pin"),
        Binding("enter", "why", "Why", id="compare.why"),
        Binding("k", "scroll(-1)", "Up", id="compare.scroll_up", show=False),
        Binding("j", "scroll(1)", "Down", id="compare.scroll_down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", id="compare.page_up", show=False),
        Binding("pagedown", "scroll(10)", "Page down", id="compare.page_down", show=False),
        Binding("home,g", "edge(-1)", "Top", id="compare.top", show=False),
        Binding("end,G", "edge(1)", "Bottom", id="compare.bottom", show=False),
    ]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._asked: tuple[View, WantedSides] | None = None

    def compose(self) -> ComposeResult:
        """Header, question, columns, keys."""
        from advisor.tui.widgets.side import SidesView

        yield HardwareHeader(self.glyphs, id="header")
        yield StatusLine(self.glyphs, id="status")
        with VerticalScroll(id="side-scroll", can_focus=False):
            yield SidesView(self.glyphs, id="sides")
        up, down = ("Up", "Down") if self.glyphs.ascii else ("↑", "↓")
        yield KeyBar(
            (
                Hint("Esc", "Back", "screen.back", 0),
                Hint("h l", "Column", "screen.column(1)", 1),
                Hint(f"{up} {down}", "Quantization", "screen.quant(1)", 1),
                Hint("x", "Unpin", "screen.unpin", 1),
                Hint(self.glyphs.enter, "Why", "screen.why", 1),
                Hint("[ ]", "Context", "app.context(1)", 2),
                Hint("c", "Use", "app.use", 3),
                Hint("e", "Export", "app.export", 3),
                Hint("y", "Copy command", "app.copy('command')", 4),
                Hint("?", "Help", "app.help", 0),
                Hint("q", "Quit", "app.quit", 1),
            ),
            id="keys",
        )

    @property
    def _view(self) -> SidesView:
        from advisor.tui.widgets.side import SidesView

        return self.query_one(SidesView)

    # ---------------------------------------------------------------- what is compared

    def _wanted(self, state: AppState) -> tuple[WantedSides, tuple[str, ...]]:
        """Models with the quantization chosen for them, and the pinned ones that this runtime lacks."""
        ids = list(state.pins)
        if len(ids) < FEWEST_COMPARED and state.selected is not None and state.selected not in ids:
            ids.append(state.selected)
        known = state.view.here if state.view else {}
        quants = dict(state.compared_quants)
        wanted = [(model_id, quants.get(model_id)) for model_id in ids if model_id in known]
        missing = tuple(model_id.split("/")[-1] for model_id in ids if model_id not in known)
        return tuple(wanted[:MOST_COMPARED]), missing

    def show_state(self, state: AppState) -> None:
        """Draw a state; what is asked anew is worked out in the background."""
        self.query_one(HardwareHeader).show(state)
        self.query_one(StatusLine).show(state)
        view = self._view
        if state.view is None:
            view.found, view.said = None, state.failure or state.activity or "ranking"
            view.repaint()
            return
        wanted, view.left_out = self._wanted(state)
        view.pins = len(state.pins)
        view.chosen = min(view.chosen, max(len(wanted) - 1, 0))
        if not wanted:
            view.found = None
        asked = (state.view, wanted)
        if wanted and asked != self._asked:
            view.said = f"lining up {self.glyphs.waiting}"
            self._line_up(state.view, wanted)
        self._asked = asked
        view.repaint()

    @work(thread=True, exclusive=True, group="sides")
    def _line_up(self, view: View, wanted: WantedSides) -> None:
        worker = get_current_worker()
        try:
            found = abandonable(lambda: background.side_by_side(view, wanted), lambda: worker.is_cancelled)
        except AbandonedError:
            return
        except background.expected_errors() as error:
            self.post_message(Sided(wanted, None, str(error)))
        else:
            self.post_message(Sided(wanted, found))

    @on(Sided)
    def _sided(self, message: Sided) -> None:
        if self._asked is None or message.wanted != self._asked[1]:
            return
        view = self._view
        view.found, view.said = message.found, message.error or ""
        view.repaint()

    @property
    def _side(self) -> Side | None:
        """The chosen column."""
        found = self._view.found
        return found.sides[min(self._view.chosen, len(found.sides) - 1)] if found and found.sides else None

    # ---------------------------------------------------------------- keys

    def action_column(self, step: int) -> None:
        """Choose the column to the left or right."""
        view = self._view
        count = len(view.found.sides) if view.found else 1
        view.chosen = min(max(view.chosen + step, 0), count - 1)
        view.repaint()

    def action_quant(self, step: int) -> None:
        """Another quantization in the chosen column."""
        side = self._side
        if side is None:
            return
        at = side.quants.index(side.quant) if side.quant in side.quants else 0
        quant = side.quants[min(max(at + step, 0), len(side.quants) - 1)]
        kept = tuple(pair for pair in self.advisor.state.compared_quants if pair[0] != side.model.id)
        self.advisor.set_state(compared_quants=(*kept, (side.model.id, quant)))

    def action_unpin(self) -> None:
        """Take the chosen column away."""
        side = self._side
        if side is not None and side.model.id in self.advisor.state.pins:
            self.advisor.toggle_pin(side.model.id)
        else:
            self.notify("it is not pinned: it is the one chosen in the list; space pins it")

    def action_pin(self) -> None:
        """Pin the chosen column, so that it stays."""
        side = self._side
        if side is not None and side.model.id not in self.advisor.state.pins:
            self.advisor.toggle_pin(side.model.id)

    def action_why(self) -> None:
        """Explain the model of the chosen column."""
        side = self._side
        if side is not None:
            self.advisor.open_why(side.model.id)

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """The comparison as text; a single model is explained instead."""
        found = self._view.found
        options = question_options(state.question, self.advisor.rig_path)
        sides = found.sides if found else ()
        if len(sides) == 1:
            return ["explain", sides[0].model.id, "--quant", sides[0].quant, *options]
        return ["compare", *(f"{side.model.id}@{side.quant}" for side in sides), *options]

    def argument(self, state: AppState) -> str:
        """The models with their quantizations."""
        found = self._view.found
        return " | ".join(f"{s.model.id}@{s.quant}" for s in found.sides) if found else ""

    def open_with(self, argument: str) -> None:
        """Pin these models, those of them that are there."""
        state = self.advisor.state
        pins, quants = [], []
        for text in argument.split("|"):
            name, at, quant = text.strip().rpartition("@")
            name = name if at else text.strip()
            row = (state.view.row(name) or state.view.find(name)) if state.view and name else None
            if row is not None:
                pins.append(row.model_id)
                quants += [(row.model_id, quant)] if at else []
        if pins:
            self.advisor.set_state(pins=tuple(dict.fromkeys(pins)), compared_quants=tuple(quants))

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The comparison."""
        found = self._view.found
        if found is None:
            return {}
        return {name: partial(_document, found, name) for name in ("json", "csv", "markdown")}

    def row_text(self, state: AppState) -> str | None:
        """The chosen column."""
        side = self._side
        if side is None:
            return None
        from advisor.report.side_by_side import side_text

        return side_text(side)


def _document(found: SideBySide, name: str) -> str | Mapping[str, Any]:
    from advisor.report import side_by_side as report

    if name == "json":
        return report.compare_document(found)
    return report.compare_csv(found) if name == "csv" else report.compare_markdown(found)
