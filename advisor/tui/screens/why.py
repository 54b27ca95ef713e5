"""The why-screen: one model explained in full, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from advisor.tui.glyphs import Glyphs
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.state import AppState, listing, question_options
from advisor.tui.view import Row, detail_of, row_text
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import Hint, KeyBar, StatusLine
from advisor.tui.widgets.why import SectionBar, WhyColumns

if TYPE_CHECKING:
    from advisor.explanation import Explanation


class WhyScreen(StateScreen):
    """Memory, time, roofline, evidence, sensitivities, placements, depth, quality, assumptions, commands."""

    SCROLLED = "#why-full"
    ROUTE = "why"
    KEY_HELP = (
        ("↑ ↓  j k", "scroll"),
        ("Tab", "the next section; Shift+Tab the one before"),
        ("← →  h l", "the model above or below in the list"),
        ("L", "copy the command that runs it"),
        ("B", "copy the command that measures it"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,enter", "back", "Back", id="why.back"),
        Binding("up,k", "scroll(-1)", "Up", id="why.up", show=False),
        Binding("down,j", "scroll(1)", "Down", id="why.down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", id="why.page_up", show=False),
        Binding("pagedown,space", "scroll(10)", "Page down", id="why.page_down", show=False),
        Binding("home,g", "edge(-1)", "Top", id="why.top", show=False),
        Binding("end,G", "edge(1)", "Bottom", id="why.bottom", show=False),
        Binding("tab", "section(1)", "Next section", id="why.next_section"),
        Binding("shift+tab", "section(-1)", "Previous section", id="why.previous_section", show=False),
        Binding("left,h", "neighbour(-1)", "Previous model", id="why.previous"),
        Binding("right,l", "neighbour(1)", "Next model", id="why.next"),
        Binding("L", "copy_launch", "Copy launch command", id="why.copy_launch"),
        Binding("B", "copy_benchmark", "Copy benchmark command", id="why.copy_benchmark"),
    ]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._jumped: tuple[int, float] | None = None
        """The section last jumped to, and how far the pane was scrolled then."""

    def compose(self) -> ComposeResult:
        """Header, question, the explanation, its sections, keys."""
        yield HardwareHeader(self.glyphs, id="header")
        yield StatusLine(self.glyphs, id="status")
        with VerticalScroll(id="why-full", can_focus=False):
            yield WhyColumns(self.glyphs, id="why")
        yield SectionBar(self.glyphs, id="sections")
        yield KeyBar(
            (
                Hint("Esc", "Back", "screen.back", 0),
                Hint("L", "Copy launch", "screen.copy_launch", 1),
                Hint("B", "Copy benchmark", "screen.copy_benchmark", 2),
                Hint("Tab", "Section", "screen.section(1)", 4),
                Hint("[ ]", "Context", "app.context(1)", 2),
                Hint("t", "KV", "app.kv_type", 3),
                Hint("h l", "Other model", "screen.neighbour(1)", 3),
                Hint("w", "What if", "app.open('what-if')", 3),
                Hint("b", "Buy", "app.open('upgrade')", 3),
                Hint("e", "Export", "app.export", 3),
                Hint("?", "Help", "app.help", 0),
                Hint("q", "Quit", "app.quit", 1),
            ),
            id="keys",
        )

    def on_mount(self) -> None:
        """Draw the present state, and follow the scrolling."""
        super().on_mount()
        self.watch(self.query_one(self.SCROLLED), "scroll_y", self._tell_section, init=False)

    def _row(self, state: AppState) -> Row | None:
        return state.view.row(state.selected) if state.view and state.selected else None

    def show_state(self, state: AppState) -> None:
        """Draw the model as the state has it now."""
        self.query_one(HardwareHeader).show(state)
        self.query_one(StatusLine).show(state)
        row = self._row(state)
        if row is None or state.view is None:
            self.query_one(WhyColumns).show(None, None)
            self._tell_section()
            return
        explanation = self.advisor.explanation(row.model_id, row.quant)
        self.query_one(WhyColumns).show(detail_of(state.view.table, row.index, row.variants), explanation)
        if explanation is None:
            self.advisor.request_explanation(row.model_id, row.quant)
        self.call_after_refresh(self._tell_section)

    def on_resize(self) -> None:
        """Sections lie elsewhere in other columns."""
        self.call_after_refresh(self._tell_section)

    def _on_top(self) -> int:
        """The section that the pane shows first; the one jumped to, where the end kept it from the top."""
        starts, pane = self.query_one(WhyColumns).starts, self.query_one(self.SCROLLED)
        if self._jumped is not None and self._jumped[1] == pane.scroll_y and self._jumped[0] < len(starts):
            return self._jumped[0]
        self._jumped = None
        return max((n for n, (line, _) in enumerate(starts) if line <= pane.scroll_y), default=0)

    def _tell_section(self) -> None:
        starts = self.query_one(WhyColumns).starts
        self.query_one(SectionBar).show([name for _, name in starts], self._on_top())

    def action_section(self, step: int) -> None:
        """Jump to the heading of the next section, or of the one before."""
        starts, pane = self.query_one(WhyColumns).starts, self.query_one(self.SCROLLED)
        if not starts:
            return
        to = (self._on_top() + step) % len(starts)
        pane.scroll_to(y=starts[to][0], animate=False, force=True, immediate=True)
        self._jumped = (to, pane.scroll_y)
        self._tell_section()

    def action_neighbour(self, step: int) -> None:
        """The model above or below in the list."""
        rows = [item for item in listing(self.advisor.state).items if isinstance(item, Row)]
        ids = [r.model_id for r in rows]
        selected = self.advisor.state.selected
        if selected in ids:
            at = min(max(ids.index(selected) + step, 0), len(ids) - 1)
            self.action_edge(-1)
            self.advisor.set_state(selected=ids[at])

    def _copy(self, command: str | None, what: str) -> None:
        if command:
            self.advisor.copy(command, what)
        else:
            self.notify("there is no command: it does not fit", severity="warning")

    def action_copy_launch(self) -> None:
        """Copy the command that runs the model."""
        row = self._row(self.advisor.state)
        e = self.advisor.explanation(row.model_id, row.quant) if row else None
        self._copy(e.launch_command if e else None, "launch command")

    def action_copy_benchmark(self) -> None:
        """Copy the command that measures the model."""
        row = self._row(self.advisor.state)
        e = self.advisor.explanation(row.model_id, row.quant) if row else None
        self._copy(e.benchmark_command if e else None, "benchmark command")

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """The explanation as text."""
        row = self._row(state)
        quant = ["--quant", row.quant] if row else []
        return [
            "explain",
            state.selected or "",
            *quant,
            *question_options(state.question, self.advisor.rig_path),
        ]

    def argument(self, state: AppState) -> str:
        """The model."""
        return state.selected or ""

    def open_with(self, argument: str) -> None:
        """Choose the model."""
        view = self.advisor.state.view
        row = view.find(argument) if view else None
        if row is None:
            self.notify(f"there is no {argument} in the list", severity="warning", markup=False)
        else:
            self.advisor.set_state(selected=row.model_id)

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The explanation; as a picture, its roofline."""
        row = self._row(state)
        explanation = self.advisor.explanation(row.model_id, row.quant) if row else None
        if explanation is None:
            return {}

        found: dict[str, Document] = {
            name: partial(_document, explanation, name) for name in ("json", "markdown")
        }
        if explanation.roofline is not None:
            found["svg"] = partial(_document, explanation, "svg")
        return found

    def row_text(self, state: AppState) -> str | None:
        """Its row of the ranking."""
        row = self._row(state)
        return row_text(row) if row else None


def _document(e: Explanation, name: str) -> str | Mapping[str, Any]:
    from advisor.report.explain_document import explain_document
    from advisor.report.explain_text import explain_markdown
    from advisor.report.roofline import roofline_svg

    if name == "json":
        return explain_document(e)
    return explain_markdown(e) if name == "markdown" else roofline_svg(e)
