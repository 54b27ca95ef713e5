"""The pictures screen: one model's speed over RAM bandwidth, context, users or quantization."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.worker import get_current_worker

from advisor.tui import background
from advisor.tui.background import AbandonedError, Wanted, abandonable
from advisor.tui.glyphs import UNICODE, Glyphs, shown
from advisor.tui.lines import MUTED, TITLE, Line, Painted, wrap
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.state import AppState, question_options, scenario_options
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import Hint, KeyBar, StatusLine

if TYPE_CHECKING:
    from advisor.curves import Curves

AXES = ("ram-bandwidth", "context", "users", "quant")
Asked = tuple[str, str | None, str, tuple[str, ...]]
"""Model id, quantization (``None`` where all are drawn), axis, scenarios."""


class Drawn(Message):
    """Curves are ready, or why there are none."""

    def __init__(self, wanted: Wanted[Asked], curves: Curves | None, error: str | None = None) -> None:
        super().__init__()
        self.wanted, self.curves, self.error = wanted, curves, error


class Picture(Painted):
    """The chart, its legend and its numbers."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.curves: Curves | None = None
        self.said = ""

    def show(self, curves: Curves | None, said: str = "") -> None:
        """Draw these, or say why there are none."""
        self.curves, self.said = curves, said
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """As many columns as there are."""
        if self.curves is None:
            return wrap(self.said, width, MUTED)
        from advisor.report.curves import curves_text

        text = curves_text(self.curves, columns=width, ascii_only=self.glyphs.ascii)
        text = shown(text, self.glyphs)
        first, *rest = text.split("\n")
        return [[(first, TITLE)], *([(line, "")] for line in rest)]


class PictureScreen(StateScreen):
    """A model of the list on this rig and on the scenarios of the what-if screen."""

    SCROLLED = "#picture-scroll"
    ROUTE = "picture"
    KEY_HELP = (
        ("o  ← →", "over RAM bandwidth, context, users or quantization"),
        ("↑ ↓  j k", "scroll"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,enter,p", "back", "Back", id="picture.back"),
        Binding("right,l,o", "axis(1)", "Over", id="picture.next"),
        Binding("left,h", "axis(-1)", "Over", id="picture.previous", show=False),
        Binding("up,k", "scroll(-1)", "Up", id="picture.up", show=False),
        Binding("down,j", "scroll(1)", "Down", id="picture.down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", id="picture.page_up", show=False),
        Binding("pagedown,space", "scroll(10)", "Page down", id="picture.page_down", show=False),
        Binding("home,g", "edge(-1)", "Top", id="picture.top", show=False),
        Binding("end,G", "edge(1)", "Bottom", id="picture.bottom", show=False),
    ]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self.over = AXES[0]
        self._asked: Wanted[Asked] | None = None

    def compose(self) -> ComposeResult:
        """Header, question, picture, keys."""
        yield HardwareHeader(self.glyphs, id="header")
        yield StatusLine(self.glyphs, id="status")
        with VerticalScroll(id="picture-scroll", can_focus=False):
            yield Picture(self.glyphs, id="picture")
        yield KeyBar(
            (
                Hint("Esc", "Back", "screen.back", 0),
                Hint("o", "Over RAM, context, users, quant", "screen.axis(1)", 1),
                Hint("[ ]", "Context", "app.context(1)", 2),
                Hint("e", "Export", "app.export", 3),
                Hint("y", "Copy command", "app.copy('command')", 4),
                Hint("?", "Help", "app.help", 0),
                Hint("q", "Quit", "app.quit", 1),
            ),
            id="keys",
        )

    def show_state(self, state: AppState) -> None:
        """Draw a state; what is asked anew is worked out in the background."""
        self.query_one(HardwareHeader).show(state)
        self.query_one(StatusLine).show(state)
        row = state.view.row(state.selected) if state.view and state.selected else None
        if row is None or state.rig is None:
            self.query_one(Picture).show(None, "this model is not in the list of this rig")
            return
        quant = None if self.over == "quant" else row.quant
        wanted = Wanted(state.rig, state.question, (row.model_id, quant, self.over, state.scenarios))
        if wanted != self._asked:
            self._asked = wanted
            self.query_one(Picture).show(None, f"drawing {self.glyphs.waiting}")
            self._draw(wanted)

    @work(thread=True, exclusive=True, group="curves")
    def _draw(self, wanted: Wanted[Asked]) -> None:
        worker = get_current_worker()
        try:
            curves = abandonable(lambda: background.curves(wanted), lambda: worker.is_cancelled)
        except AbandonedError:
            return
        except background.expected_errors() as error:
            self.post_message(Drawn(wanted, None, str(error)))
        else:
            self.post_message(Drawn(wanted, curves))

    @on(Drawn)
    def _drawn(self, message: Drawn) -> None:
        if message.wanted == self._asked:
            self.query_one(Picture).show(message.curves, message.error or "")

    def action_axis(self, step: int) -> None:
        """Draw over another thing."""
        self.over = AXES[(AXES.index(self.over) + step) % len(AXES)]
        self.action_edge(-1)
        self.show_state(self.advisor.state)

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """The curves as text."""
        asked = self._asked
        if asked is None:
            return ["plot", state.selected or "", "--over", self.over]
        model_id, quant, over, texts = asked.of
        parts = ["plot", model_id, "--over", over, *(["--quant", quant] if quant else [])]
        return [*parts, *question_options(asked.question, self.advisor.rig_path), *scenario_options(texts)]

    def argument(self, state: AppState) -> str:
        """The axis and the model."""
        return f"{self.over} {state.selected or ''}".strip()

    def open_with(self, argument: str) -> None:
        """Choose axis and model."""
        axis, _, model_id = argument.partition(" ")
        if axis in AXES:
            self.over = axis
        self.advisor.set_state(selected=model_id or self.advisor.state.selected)

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The curves as JSON, rows and picture."""
        curves = self.query_one(Picture).curves
        if curves is None:
            return {}
        return {name: partial(_document, curves, name) for name in ("json", "csv", "svg")}


def _document(curves: Curves, name: str) -> str | Mapping[str, Any]:
    from advisor.report import curves as report

    if name == "json":
        return report.curves_document(curves)
    return report.curves_csv(curves) if name == "csv" else report.curves_svg(curves)
