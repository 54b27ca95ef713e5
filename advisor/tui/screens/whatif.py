"""The what-if screen: change the rig, keep the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message

from advisor.report.format import unit
from advisor.tui import background
from advisor.tui.background import Parsed
from advisor.tui.export import write_text
from advisor.tui.glyphs import Glyphs
from advisor.tui.history import MOST_SCENARIOS, added, edited, removed
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.screens.whatif_keys import HELP, KEYS, hints
from advisor.tui.state import AppState, question_options, scenario_options
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import KeyBar, StatusLine
from advisor.tui.widgets.whatif_body import PANES, Shown, listed
from advisor.tui.widgets.whatif_field import Entry, Presets
from advisor.tui.widgets.whatif_plot import PlottedBody

if TYPE_CHECKING:
    from advisor.core.moves import Move
    from advisor.offers import Kind
    from probes.types import Rig


class Offered(Message):
    """Changes that suggest themselves for a rig, and all that it can be asked for."""

    def __init__(self, rig: Rig, texts: tuple[str, ...], refused: str, kinds: tuple[Kind, ...]) -> None:
        super().__init__()
        self.rig, self.texts, self.refused, self.kinds = rig, texts, refused, kinds


class WhatIfScreen(StateScreen):
    """The present rig beside up to four scenarios."""

    AUTO_FOCUS = ""
    SCROLLED = "#what-if-scroll"
    ROUTE = "what-if"
    KEY_HELP = HELP
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keys, action, label, id=f"what_if.{name}", show=False) for name, keys, action, label in KEYS
    ]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self.chosen = 1
        self.pane = PANES[0]
        self.cursors: dict[str, int] = {}
        self.kinds: tuple[Kind, ...] = ()
        self.refused = ""
        self._offered_for: Rig | None = None
        self._instead: dict[str, str] = {}
        """By text that is parsed: the scenario it takes the place of."""
        self._waiting: list[str] = []
        """Texts to parse once the one before is: scenarios of a link keep their order."""
        self._before: tuple[str, ...] = ()
        self._saved: tuple[tuple[str, ...], str] | None = None

    def compose(self) -> ComposeResult:
        """Header, question, suggestions, text field, comparison, keys."""
        yield HardwareHeader(self.glyphs, id="header")
        yield StatusLine(self.glyphs, id="status")
        yield Presets(self.glyphs, id="what-if-presets")
        yield Entry(self.glyphs, id="what-if-bar")
        with VerticalScroll(id="what-if-scroll", can_focus=False):
            yield PlottedBody(self.glyphs, id="what-if-body")
        yield KeyBar(hints(self.advisor.state, self.pane, self.glyphs), id="keys")

    def on_mount(self) -> None:
        """Draw; changes that suggest themselves are looked for in the background."""
        self._before = self.advisor.state.scenarios
        super().on_mount()

    def on_resize(self) -> None:
        """The plot comes and goes with the size."""
        self.query_one(PlottedBody).repaint()
        self.show_state(self.advisor.state)

    # ---------------------------------------------------------------- what is offered

    @work(thread=True, exclusive=True, group="suggest")
    def _offer(self, rig: Rig) -> None:
        from advisor.tui.suggestions import no_more_sticks, suggest

        self.post_message(Offered(rig, suggest(rig), no_more_sticks(rig), background.offers(rig)))

    @on(Offered)
    def _offered(self, message: Offered) -> None:
        if message.rig is self._offered_for:
            self.kinds, self.refused = message.kinds, message.refused
            self.query_one(Presets).show(message.texts)
            self.query_one(Entry).offer(message.kinds)
            self.show_state(self.advisor.state)

    # ---------------------------------------------------------------- drawing

    def show_state(self, state: AppState) -> None:
        """Draw a state."""
        if state.rig is not None and state.rig is not self._offered_for:
            self._offered_for = state.rig
            self._offer(state.rig)
        if state.scenarios != self._before:
            new = [n for n, text in enumerate(state.scenarios, 1) if text not in self._before]
            self.chosen = new[-1] if new else self.chosen
            self._before = state.scenarios
        self.chosen = min(max(self.chosen, 1), max(len(state.scenarios), 1))
        self.query_one(HardwareHeader).show(state)
        self.query_one(StatusLine).show(state)
        body = self.query_one(PlottedBody)
        shown = self._shown(state)
        for pane, cursor in self.cursors.items():
            self.cursors[pane] = min(cursor, max(len(listed(shown, pane)) - 1, 0))
        body.show_state(state, replace(shown, cursors=dict(self.cursors)))
        self.query_one(KeyBar).show(hints(state, self.pane, self.glyphs, shown.suggested))

    def _shown(self, state: AppState) -> Shown:
        return Shown(
            differences=state.differences,
            comparing=bool(state.scenarios),
            chosen=self.chosen,
            pane=self.pane,
            cursors=dict(self.cursors),
            model_id=state.selected,
            least_tokens_per_s=state.question.min_tokens_per_s,
            no_more_sticks=self.refused,
            suggested=len(self.query_one(Presets).texts or ()),
        )

    # ---------------------------------------------------------------- the text field

    def action_add(self) -> None:
        """Type a change."""
        self.query_one(Entry).focus_field()

    @on(Entry.Entered)
    def _entered(self, message: Entry.Entered) -> None:
        self._put(message.text, message.instead)

    # ---------------------------------------------------------------- scenarios

    def action_preset(self, number: int) -> None:
        """Add a suggested change."""
        texts = self.query_one(Presets).texts or ()
        if number <= len(texts):
            self._put(texts[number - 1])

    def _put(self, text: str, instead: str | None = None) -> None:
        """Add a scenario, or put it in the place of another, once it is known to be possible."""
        scenarios = self.advisor.state.scenarios
        if text == instead:
            self.query_one(Entry).leave()
        elif text in scenarios:
            self.query_one(Entry).say(f"{text!r} is there already")
        elif instead is None and len(scenarios) >= MOST_SCENARIOS:
            self.query_one(Entry).say(f"{MOST_SCENARIOS} scenarios are the most; x removes the chosen one")
        else:
            if instead is not None:
                self._instead[text] = instead
            self.advisor.parse_scenario(text)

    def heard(self, message: Parsed) -> None:
        """A text has been parsed."""
        instead = self._instead.pop(message.text, None)
        if message.error is not None:
            self.query_one(Entry).say(message.error)
        else:
            self.query_one(Entry).say("")
            self.query_one(Entry).done(message.text)
            texts = self.advisor.state.scenarios
            if instead in texts:
                self.advisor.set_scenarios(edited(texts, texts.index(instead), message.text))
            else:
                self.advisor.set_scenarios(added(texts, message.text))
        if self._waiting:
            self._put(self._waiting.pop(0))

    def _text(self) -> str | None:
        """The chosen scenario."""
        scenarios = self.advisor.state.scenarios
        return scenarios[self.chosen - 1] if scenarios else None

    def action_edit(self) -> None:
        """Edit the chosen scenario in the text field."""
        text = self._text()
        if text is None:
            self.action_add()
            return
        self.query_one(Entry).edit(text, self.chosen)

    def action_form(self, edit: bool = False) -> None:
        """Build a change from lists, or change the chosen scenario there."""
        from advisor.tui.form import Form, filled
        from advisor.tui.screens.whatif_form import FormScreen

        text = self._text() if edit else None
        if not self.kinds:
            self.notify(f"looking for what can be changed {self.glyphs.waiting}; press f again")
            return
        form = Form(self.kinds) if text is None else filled(self.kinds, text)
        if form is None:
            self.notify(f"{text!r} has values that the form does not offer: edited as text", markup=False)
            self.action_edit()
            return
        title = "Build a change" if text is None else f"Change scenario {self.chosen}"
        self.advisor.push_screen(FormScreen(self.glyphs, form, title, partial(self._put, instead=text)))

    def action_remove(self) -> None:
        """Take the chosen scenario away."""
        self.advisor.set_scenarios(removed(self.advisor.state.scenarios, self.chosen - 1))

    def action_clear(self) -> None:
        """Take all scenarios away."""
        self.advisor.set_scenarios(())

    def action_undo(self) -> None:
        """The list of scenarios before the last change of it."""
        self.advisor.undo_scenarios()

    def action_redo(self) -> None:
        """The list that was undone last."""
        self.advisor.redo_scenarios()

    def action_save(self) -> None:
        """Write the scenarios to a file that ``what-if --load`` reads; nothing is overwritten."""
        texts = self.advisor.state.scenarios
        if not texts:
            self.notify("there is no scenario to save yet", severity="warning")
            return

        def document() -> str:
            from advisor.scenario_file import saved_scenario, scenarios_toml

            return scenarios_toml([saved_scenario(text) for text in texts])

        self.advisor.make_document(document, partial(self._write, texts))

    def _write(self, texts: tuple[str, ...], text: str) -> None:
        from pathlib import Path

        try:
            folder = self.advisor.export_folder or Path.cwd()
            path = write_text(text, "rig-advisor-scenarios", "toml", folder)
        except OSError as error:
            self.notify(f"not written: {error}", severity="error", markup=False)
            return
        self._saved = (texts, str(path))
        self.notify(f"rig-advisor what-if --load {path}", title="scenarios saved", markup=False)

    # ---------------------------------------------------------------- moving

    def action_column(self, step: int) -> None:
        """The scenario to the left or right."""
        self.action_choose_column(self.chosen + step)

    def action_choose_column(self, number: int) -> None:
        """Another scenario: lists and remarks are about it."""
        self.chosen = number
        self.show_state(self.advisor.state)

    def action_pane(self, step: int) -> None:
        """The next part of the screen."""
        self.pane = PANES[(PANES.index(self.pane) + step) % len(PANES)]
        self.cursors.setdefault(self.pane, 0)
        self.show_state(self.advisor.state)
        self._show_pane()

    def _show_pane(self) -> None:
        top = self.query_one(PlottedBody).tops.get(self.pane, 0)
        self.query_one(self.SCROLLED).scroll_to(y=top, animate=False)

    def _listed(self) -> tuple[Move, ...]:
        return listed(self._shown(self.advisor.state), self.pane)

    def _move(self) -> Move | None:
        """The row under the cursor of a list."""
        rows = self._listed()
        return rows[min(self.cursors.get(self.pane, 0), len(rows) - 1)] if rows else None

    def action_move(self, step: int) -> None:
        """The row above or below in a list; elsewhere scroll."""
        rows = self._listed()
        if not rows:
            self.action_scroll(step)
            return
        self.cursors[self.pane] = min(max(self.cursors.get(self.pane, 0) + step, 0), len(rows) - 1)
        self.show_state(self.advisor.state)

    def action_pick(self, pane: str, row: int) -> None:
        """A click on a row: go to it; again: open it."""
        if (pane, row) == (self.pane, self.cursors.get(pane)):
            self.action_open_row()
            return
        self.pane = pane
        self.cursors[pane] = row
        self.show_state(self.advisor.state)

    def action_draw(self) -> None:
        """Draw the model under the cursor in bars and plot; elsewhere scroll by a page."""
        move = self._move()
        if move is None:
            self.action_scroll(10)
        else:
            self.advisor.set_state(selected=move.before.model.id)

    def action_open_row(self) -> None:
        """Why the model under the cursor runs so on the scenario's rig; elsewhere edit the scenario."""
        from advisor.tui.screens.whatif_why import AfterScreen

        move, text = self._move(), self._text()
        if move is None or text is None:
            self.action_edit()
            return
        after = move.after
        self.advisor.push_screen(AfterScreen(self.glyphs, text, after.model.id, after.quant))

    def action_nothing(self) -> None:
        """``w`` opened this screen; here it does nothing."""

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """The comparison as text; from the file, once the scenarios are saved."""
        options = question_options(state.question, self.advisor.rig_path)
        if self._saved is not None and self._saved[0] == state.scenarios:
            return ["what-if", *options, "--load", self._saved[1]]
        return ["what-if", *options, *scenario_options(state.scenarios)]

    def argument(self, state: AppState) -> str:
        """The scenarios."""
        return " | ".join(state.scenarios)

    def open_with(self, argument: str) -> None:
        """Add the scenarios, those of them that the rig can take."""
        self._waiting = [text.strip() for text in argument.split("|") if text.strip()]
        if self._waiting:
            self._put(self._waiting.pop(0))

    def row_text(self, state: AppState) -> str | None:
        """The row under the cursor of a list."""
        move = self._move()
        if move is None:
            return None
        from advisor.report.whatif_moves import move_cells, unlocked_cells

        if self.pane == "unlocked":
            new = unlocked_cells(move)
            speed = f"{new.speed} tok/s (likely {new.likely})"
            return "\t".join([new.model, new.quant, f"{new.memory} {unit()}", speed, f"was {new.was}"])
        cells = move_cells(move)
        return (
            f"{cells.model}\t{cells.quant}\trank {cells.rank}\t"
            f"{cells.speed} tok/s (likely {cells.likely})\t{cells.factor}"
        )

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The comparison."""
        if state.differences is None:
            return {}
        comparison = state.differences.comparison

        def document(name: str) -> str | Mapping[str, Any]:
            from advisor.report.whatif_document import what_if_document
            from advisor.report.whatif_moves import what_if_csv, what_if_markdown

            if name == "json":
                return what_if_document(comparison)
            return what_if_csv(comparison) if name == "csv" else what_if_markdown(comparison)

        return {name: partial(document, name) for name in ("json", "csv", "markdown")}
