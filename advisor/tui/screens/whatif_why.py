"""Why a model runs as it does on the rig of a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message

from advisor.tui import background
from advisor.tui.background import Wanted
from advisor.tui.glyphs import Glyphs
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.state import AppState, question_options, scenario_options
from advisor.tui.view import detail_of
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import Hint, KeyBar, StatusLine
from advisor.tui.widgets.why import WhyColumns

if TYPE_CHECKING:
    from advisor.comparison import Scenario
    from advisor.explanation import Explanation


class AfterExplained(Message):
    """An explanation on the scenario's rig, or why there is none."""

    def __init__(self, wanted: Wanted[tuple[str, str]], found: Explanation | None, error: str = "") -> None:
        super().__init__()
        self.wanted, self.found, self.error = wanted, found, error


class AfterScreen(StateScreen):
    """Memory, time and the rest of one model on the rig that a scenario makes.

    With a second machine only memory and time are shown: the rest is worked out for one machine.
    """

    SCROLLED = "#why-full"
    ROUTE = "what-if"
    KEY_HELP = (("↑ ↓  j k", "scroll"), ("Esc", "back to the scenarios"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,enter", "back", "Back", id="after.back"),
        Binding("up,k", "scroll(-1)", "Up", id="after.up", show=False),
        Binding("down,j", "scroll(1)", "Down", id="after.down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", id="after.page_up", show=False),
        Binding("pagedown,space", "scroll(10)", "Page down", id="after.page_down", show=False),
        Binding("home,g", "edge(-1)", "Top", id="after.top", show=False),
        Binding("end,G", "edge(1)", "Bottom", id="after.bottom", show=False),
    ]

    def __init__(self, glyphs: Glyphs, text: str, model_id: str, quant: str) -> None:
        super().__init__(glyphs)
        self.text, self.model_id, self.quant = text, model_id, quant
        self._explanation: tuple[Wanted[tuple[str, str]], Explanation | None] | None = None

    def compose(self) -> ComposeResult:
        """The scenario's rig, question, the explanation, keys."""
        yield HardwareHeader(self.glyphs, id="header")
        yield StatusLine(self.glyphs, id="status")
        with VerticalScroll(id="why-full", can_focus=False):
            yield WhyColumns(self.glyphs, id="why")
        yield KeyBar(
            (
                Hint("Esc", "Back to what if", "screen.back", 0),
                Hint("[ ]", "Context", "app.context(1)", 2),
                Hint("e", "Export", "app.export", 3),
                Hint("y", "Copy command", "app.copy('command')", 3),
                Hint("?", "Help", "app.help", 0),
                Hint("q", "Quit", "app.quit", 1),
            ),
            id="keys",
        )

    def show_state(self, state: AppState) -> None:
        """Draw the model on the scenario's rig, as the comparison has it now."""
        self.query_one(StatusLine).show(state)
        if state.differences is None or self.text not in state.scenarios:
            self.query_one(HardwareHeader).show(state)
            return
        comparison = state.differences.comparison
        number = state.scenarios.index(self.text) + 1
        scenario, table = comparison.scenarios[number], comparison.rankings[number].table
        after = replace(state, rig=scenario.rig, origin=f"what if: {scenario.name}")
        self.query_one(HardwareHeader).show(after)
        candidates = table.candidates
        row = next(
            (
                i
                for i in range(len(candidates))
                if candidates.model(i).id == self.model_id and candidates.quant(i) == self.quant
            ),
            None,
        )
        detail = None if row is None else detail_of(table, row)
        self.query_one(WhyColumns).show(detail, self._known(scenario, state))

    def _known(self, scenario: Scenario, state: AppState) -> Explanation | None:
        """The explanation, or ``None`` while it is worked out."""
        wanted = Wanted(scenario.rig, state.question, (self.model_id, self.quant))
        if self._explanation is not None and self._explanation[0] == wanted:
            return self._explanation[1]
        self._explanation = (wanted, None)
        if scenario.partner is None:
            self._explain(wanted)
        return None

    @work(thread=True, exclusive=True, group="explain-after")
    def _explain(self, wanted: Wanted[tuple[str, str]]) -> None:
        try:
            found = background.explain(wanted)
        except background.expected_errors() as error:
            self.post_message(AfterExplained(wanted, None, str(error)))
        else:
            self.post_message(AfterExplained(wanted, found))

    @on(AfterExplained)
    def _explained(self, message: AfterExplained) -> None:
        if self._explanation is None or self._explanation[0] != message.wanted:
            return
        if message.error:
            self.notify(message.error, severity="warning", markup=False)
        self._explanation = (message.wanted, message.found)
        self.show_state(self.advisor.state)

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """The model before and after, as text."""
        options = question_options(state.question, self.advisor.rig_path)
        return ["what-if", "--model", self.model_id, *options, *scenario_options((self.text,))]

    def argument(self, state: AppState) -> str:
        """The scenario."""
        return self.text

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The explanation."""
        explanation = self._explanation[1] if self._explanation else None
        if explanation is None:
            return {}

        def document() -> Mapping[str, Any]:
            from advisor.report.explain_document import explain_document

            return explain_document(explanation)

        return {"json": document}
