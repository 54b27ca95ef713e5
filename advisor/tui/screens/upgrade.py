"""The upgrade screen: what to buy so that a model reaches a speed, or what parts are best spent on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from advisor.tui.background import Wanted
from advisor.tui.history import MOST_SCENARIOS
from advisor.tui.screens.base import Document
from advisor.tui.state import AppState, question_options, rig_options, scenario_options
from advisor.tui.upgrade_form import MOST_GOALS, asked_by, field_name, first_asked, goal_for
from advisor.tui.upgrade_search import UpgradeSearch
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import Hint, KeyBar, StatusLine
from advisor.tui.widgets.upgrade_answer import UpgradeAnswer
from advisor.tui.widgets.upgrade_form import FormField, UpgradeForm
from advisor.tui.widgets.upgrade_list import ChangeTable
from advisor.upgrade.ask import AskedError, asked_of

if TYPE_CHECKING:
    from advisor.report.upgrade_rows import Change
    from advisor.upgrade.reach import UpgradeResult
    from advisor.upgrade.spend import SpendResult

_TEXT_LIMITS = (12, 3)
"""Changes and machines that the command prints without ``--limit``."""


class UpgradeScreen(UpgradeSearch):
    """Form, list of changes, and the chosen one in full."""

    AUTO_FOCUS = "ChangeTable"
    ROUTE = "upgrade"
    KEY_HELP = (
        ("↑ ↓  j k", "move through the changes"),
        ("Enter", "show the change in What if, with all it changes"),
        ("1 - 9", "type the tok/s wanted; Enter searches"),
        ("+  -", "ask for more or less tok/s (in a field: step it)"),
        ("Tab  f", "to the form; Enter there searches, Esc leaves it"),
        ("a  x", "add a goal that has to hold as well; take the last one away"),
        ("", "without a goal: what a budget or parts are best spent on"),
        ("s  S", "next sort order, reverse (or click a column)"),
        ("Ctrl+↑ ↓", "scroll the pane beside the list"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,b", "back", "Back", id="upgrade.back"),
        Binding("f,slash", "form", "Form", id="upgrade.form"),
        Binding("plus,equals_sign", "step_goal(1)", "More tok/s", id="upgrade.more"),
        Binding("minus", "step_goal(-1)", "Less tok/s", id="upgrade.less"),
        *(
            Binding(str(n), f"type_speed('{n}')", "tok/s", id=f"upgrade.digit_{n}", show=False)
            for n in range(1, 10)
        ),
        Binding("a", "add_goal", "Add a goal", id="upgrade.add_goal"),
        Binding("x", "remove_goal", "Remove a goal", id="upgrade.remove_goal"),
        Binding("s", "sort", "Sort", id="upgrade.sort"),
        Binding("S", "reverse", "Reverse", id="upgrade.reverse"),
        Binding("ctrl+down", "scroll_why(1)", "Scroll", id="upgrade.why_down", show=False),
        Binding("ctrl+up", "scroll_why(-1)", "Scroll", id="upgrade.why_up", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Header, question, form, answer, keys."""
        g = self.glyphs
        yield HardwareHeader(g, id="header")
        yield StatusLine(g, id="status")
        yield UpgradeForm(g, id="upgrade-form")
        yield UpgradeAnswer(g, self._what_if, id="upgrade-answer")
        yield KeyBar(self._hints(), id="keys")

    def _hints(self) -> Sequence[Hint]:
        return (
            Hint("Esc", "Back", "screen.back", 0),
            Hint(self.glyphs.enter, "What if", "screen.open_chosen", 1),
            Hint("+ -", "tok/s", "screen.step_goal(1)", 1),
            Hint("Tab", "Form", "screen.form", 1),
            Hint("a", "Add goal", "screen.add_goal", 2),
            Hint("x", "Remove", "screen.remove_goal", 3),
            Hint("s", "Sort", "screen.sort", 2),
            Hint("[ ]", "Context", "app.context(1)", 4),
            Hint("e", "Export", "app.export", 4),
            Hint("y", "Copy command", "app.copy('command')", 5),
            Hint("?", "Help", "app.help", 0),
            Hint("q", "Quit", "app.quit", 1),
        )

    def on_mount(self) -> None:
        """Complete names; the base class, whose handler follows, draws."""
        self.query_one(UpgradeForm).names = self._names

    def _names(self) -> Sequence[str]:
        view = self.advisor.state.view
        return [model.name for model in view.table.candidates.models] if view is not None else ()

    # ---------------------------------------------------------------- the search

    def show_state(self, state: AppState) -> None:
        """Draw a state; what is asked anew is looked for in the background."""
        if not self.begun and state.view is not None:
            self.begun = True
            asked = first_asked(state)
            if asked != state.upgrade:
                self.advisor.set_state(upgrade=asked)
                state = self.advisor.state  # which screens that are being mounted are not told of
        self.query_one(HardwareHeader).show(state)
        self.query_one(StatusLine).show(state)
        if not self.begun or state.rig is None:
            self.progress = "the goal is filled in when the models are ranked"
            self._draw()
            return
        if self.look(Wanted(state.rig, state.question, state.upgrade)):
            self.query_one(UpgradeForm).show(state.upgrade)
        self._draw()

    def tell(self, progress: str) -> None:
        """How far the search is."""
        self.query_one(UpgradeAnswer).tell(progress)

    def answered(self) -> None:
        """The search is over; from a field where Enter was pressed the focus goes to the list."""
        entered = isinstance(self.focused, FormField) and self.focused.has_class("-entered")
        if entered and not self.failed[1]:
            self.query_one(ChangeTable).focus()
        self._draw()

    def _draw(self) -> None:
        field, error = self.failed
        self.query_one(UpgradeForm).say(field, error)
        self.query_one(UpgradeAnswer).show(self.answer, self.progress, failed=bool(error))

    def action_scroll_why(self, step: int) -> None:
        """Scroll the pane while the list keeps the focus."""
        self.query_one(UpgradeAnswer).scroll_pane(step)

    def action_sort(self) -> None:
        """The next order."""
        self.query_one(UpgradeAnswer).next_sort()

    def action_reverse(self) -> None:
        """The other direction."""
        self.query_one(UpgradeAnswer).flip()

    # ---------------------------------------------------------------- the form

    def action_form(self) -> None:
        """To the form: the model of the first goal, or the parts."""
        form = self.query_one(UpgradeForm)
        form.field(field_name(0, "model") if form.goals else "parts").focus()

    def action_next_field(self, step: int) -> None:
        """The next or previous field; the list lies between last and first."""
        if step > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def action_leave_field(self) -> None:
        """Leave the form; what was not taken with Enter or by moving on is dropped."""
        form = self.query_one(UpgradeForm)
        form.restore()
        form.say(*self.failed)
        self.query_one(ChangeTable).focus()

    def on_descendant_focus(self) -> None:
        """The line below a field says what it takes."""
        self.query_one(UpgradeForm).hint()

    @on(Input.Changed, "FormField")
    def _changed(self, event: Input.Changed) -> None:
        event.input.remove_class("-entered")
        self.query_one(UpgradeForm).hint()

    @on(Input.Blurred, "FormField")
    def _blurred(self) -> None:
        self._ask()
        self.query_one(UpgradeForm).hint()

    @on(Input.Submitted, "FormField")
    def _submitted(self, event: Input.Submitted) -> None:
        event.input.add_class("-entered")
        if self._ask() and not self.progress and not self.failed[1]:
            self.query_one(ChangeTable).focus()

    @on(FormField.Step)
    def _stepped(self, message: FormField.Step) -> None:
        self._step(message.field, message.step)

    def _step(self, field: str, step: int) -> None:
        view = self.advisor.state.view
        quants = view.table.candidates.quants if view is not None else ()
        self.query_one(UpgradeForm).step(field, step, quants)
        self._ask()

    def _ask(self) -> bool:
        """Search for what the form says; whether it could be read."""
        form = self.query_one(UpgradeForm)
        form.follow_models(partial(goal_for, self.advisor.state))
        try:
            asked = asked_by(form.texts(), form.goals)
        except AskedError as error:
            form.say(error.field, str(error))
            return False
        form.say(*self.failed)
        if asked != self.advisor.state.upgrade and self.begun:
            self.advisor.set_state(upgrade=asked)
        return True

    def action_step_goal(self, step: int) -> None:
        """More or less tok/s for the first goal."""
        if self.query_one(UpgradeForm).goals:
            self._step(field_name(0, "speed"), step)

    def action_type_speed(self, digit: str) -> None:
        """Begin to type the speed of the first goal."""
        form = self.query_one(UpgradeForm)
        if form.goals:
            form.field(field_name(0, "speed")).begin(digit)

    def action_add_goal(self) -> None:
        """The goal of the selected model, or one more to be typed."""
        form = self.query_one(UpgradeForm)
        goal = goal_for(self.advisor.state, self.advisor.state.selected)
        if not form.goals and goal is not None:
            asked = self.advisor.state.upgrade
            self.advisor.set_state(upgrade=replace(asked, goals=(goal,)))
        elif form.goals < MOST_GOALS:
            form.add_goal()
        else:
            self.notify(f"{MOST_GOALS} goals are the most; x takes the last one away", severity="warning")

    def action_remove_goal(self) -> None:
        """Take the last goal away; without any it is about what the parts are best spent on."""
        form = self.query_one(UpgradeForm)
        if form.goals:
            form.set_goals(form.goals - 1)
            self._ask()

    # ---------------------------------------------------------------- what if

    @on(ChangeTable.Opened)
    def action_open_chosen(self) -> None:
        """Add the change to the scenarios of What if, and go there."""
        change = self.query_one(ChangeTable).selected
        if change is None:
            return
        scenarios = self.advisor.state.scenarios
        if change.edits not in scenarios:
            if len(scenarios) >= MOST_SCENARIOS:
                self.notify(f"{MOST_SCENARIOS} scenarios are the most; u in What if takes the last one away")
            else:
                self.advisor.set_scenarios((*scenarios, change.edits))
        self.advisor.action_open("what-if")

    def _what_if(self, change: Change) -> str:
        words = [*rig_options(self.advisor.rig_path), *scenario_options((change.edits,))]
        return shlex.join(["rig-advisor", "what-if", *words])

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """The search as text, with as many changes as the list has."""
        words = [
            "upgrade",
            *question_options(state.question, self.advisor.rig_path),
            *state.upgrade.options(),
        ]
        if self.answer is not None and self.answer.goals:
            machines = sum(1 for change in self.answer.changes if change.kind == "machine")
            counts = (len(self.answer.changes) - machines, machines)
            if any(count > most for count, most in zip(counts, _TEXT_LIMITS, strict=True)):
                words += ["--limit", str(max(counts))]
        return words

    def argument(self, state: AppState) -> str:
        """What is asked."""
        return shlex.join(state.upgrade.options())

    def open_with(self, argument: str) -> None:
        """Ask for this."""
        try:
            asked = asked_of(shlex.split(argument))
        except ValueError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.begun = True
        self.advisor.set_state(upgrade=asked)

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The list."""
        if self.result is None:
            return {}
        return {name: partial(_document, self.result, name) for name in ("json", "csv", "markdown")}

    def row_text(self, state: AppState) -> str | None:
        """The change under the cursor."""
        change = self.query_one(ChangeTable).selected
        if change is None or self.answer is None:
            return None
        from advisor.tui.widgets.upgrade_columns import columns_for

        return "\t".join(column.cell(change, self.glyphs) for column in columns_for(self.answer))


def _document(result: UpgradeResult | SpendResult, name: str) -> str | Mapping[str, object]:
    from advisor.report.upgrade_document import document_of
    from advisor.report.upgrade_table import upgrade_csv, upgrade_markdown

    if name == "json":
        return document_of(result)
    return upgrade_csv(result) if name == "csv" else upgrade_markdown(result)
