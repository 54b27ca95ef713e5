"""The form of the upgrade screen: one line per goal, one for the parts, one for the money."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from advisor.core.goals import parse_goal
from advisor.tui.glyphs import Glyphs
from advisor.tui.lines import MUTED, Line, to_content
from advisor.tui.upgrade_form import (
    GOAL_FIELDS,
    MOST_GOALS,
    about,
    can_step,
    field_name,
    in_the_form,
    matches,
    stepped,
    texts_of,
)
from advisor.upgrade.ask import Asked

_NOTES = {
    "goal": "goal",
    "parts": "buy",
    "cards": "buy",
    "slots": "buy",
    "budget": "money",
    "prices": "money",
}
"""The line of errors that belongs to each field."""
_HINTS = {
    "parts": "what there is to choose from, for example  2x RTX 3090, 2x48GB:DDR5-6000",
    "cards": "+ and - step: as needed, consumer, workstation, all",
    "slots": "slots for graphics cards, those that are taken included",
    "budget": "what the parts may cost together; + and - step by 100",
    "prices": 'path of a price file (TOML) with your own prices; README, "What to buy", shows one',
    "speed": "tok/s for one user; + and - step",
    "quant": "a quantization, or any of 4 bits and more; + and - step",
}


class FormField(Input):
    """One field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.leave_field", "To the list", id="upgrade_field.leave", show=False),
        Binding("down", "screen.next_field(1)", "Next field", id="upgrade_field.next", show=False),
        Binding("up", "screen.next_field(-1)", "Previous field", id="upgrade_field.previous", show=False),
    ]

    class Step(Message):
        """``+`` or ``-`` in a field that can be stepped."""

        def __init__(self, field: str, step: int) -> None:
            super().__init__()
            self.field, self.step = field, step

    completion = ""
    """Takes the place of the text with ``right`` at its end."""

    def __init__(self, field: str, placeholder: str = "") -> None:
        super().__init__(
            placeholder=placeholder, id=f"upgrade-{field}", classes="upgrade-field", compact=True
        )
        self.field = field
        self.kind = field.rpartition("-")[2]

    async def _on_key(self, event: events.Key) -> None:
        """Step instead of typing the sign; all else is the base class's."""
        if event.character in ("+", "-") and can_step(self.field):
            event.stop()
            event.prevent_default()
            self.post_message(self.Step(self.field, 1 if event.character == "+" else -1))

    def begin(self, text: str) -> None:
        """Take the focus with a text to go on typing."""
        self.select_on_focus = False
        self.screen.set_focus(self)
        self.value = text
        self.cursor_position = len(text)

    def on_blur(self) -> None:
        """Show the beginning of a text that is longer than the field."""
        self.select_on_focus = True
        self.cursor_position = 0

    def action_cursor_right(self, select: bool = False) -> None:
        """One to the right; at the end, take the completion."""
        if self.completion and not select and self.cursor_position >= len(self.value):
            self.value = self.completion
            self.cursor_position = len(self.value)
        else:
            super().action_cursor_right(select)


class UpgradeForm(Vertical):
    """All fields, and a line below each row for what is wrong with it."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.goals = 0
        self.names: Callable[[], Sequence[str]] = lambda: ()
        """Names of all models, for completion."""
        self._shown: Asked | None = None
        self._error = ("", "")

    def compose(self) -> ComposeResult:
        """Rows of labels and fields."""
        for n in range(MOST_GOALS):
            with Horizontal(id=f"upgrade-goal-{n}", classes="upgrade-row"):
                yield _label("goal" if n == 0 else " and", "lead")
                yield FormField(field_name(n, "model"), "a model's name")
                yield _label(" as ")
                yield FormField(field_name(n, "quant"))
                yield _label(" at ")
                yield FormField(field_name(n, "speed"))
                yield _label(" tok/s")
        yield Static("", id="upgrade-no-goal", markup=False)
        yield Static("", id="upgrade-note-goal", classes="upgrade-note", markup=False)
        with Horizontal(classes="upgrade-row"):
            yield _label("from", "lead")
            yield FormField("parts", "all parts")
            yield _label(" cards ")
            yield FormField("cards", "as needed")
            yield _label(" slots ")
            yield FormField("slots", "any")
        yield Static("", id="upgrade-note-buy", classes="upgrade-note", markup=False)
        with Horizontal(classes="upgrade-row"):
            yield _label("for", "lead")
            yield FormField("budget", "any sum")
            yield _label(" prices from ")
            yield FormField("prices", "no file of prices")
        yield Static("", id="upgrade-note-money", classes="upgrade-note", markup=False)

    def field(self, name: str) -> FormField:
        """One of the fields."""
        return self.query_one(f"#upgrade-{name}", FormField)

    def texts(self) -> dict[str, str]:
        """What the fields say."""
        return {field.field: field.value for field in self.query(FormField)}

    def show(self, asked: Asked) -> None:
        """Say what is asked, unless the fields do already."""
        if asked == self._shown:
            return
        self._shown = asked
        self.restore()

    def restore(self) -> None:
        """Say again what is asked, and nothing else."""
        asked = self._shown or Asked()
        texts = texts_of(asked)
        for field in self.query(FormField):
            field.value = texts.get(field.field, "")
        self.set_goals(len(asked.goals[:MOST_GOALS]))

    def set_goals(self, count: int) -> None:
        """Show so many goals."""
        self.goals = count
        for n in range(MOST_GOALS):
            self.query_one(f"#upgrade-goal-{n}").display = n < count
        none = self.query_one("#upgrade-no-goal", Static)
        none.display = count == 0
        none.update(
            to_content(
                [[("goal ", MUTED), ("none: what parts are best spent on   ", "bold"), ("a adds one", MUTED)]]
            )
        )

    def add_goal(self) -> None:
        """One more; its speed follows from its model."""
        n = self.goals
        for part, value in zip(GOAL_FIELDS, ("", "any", ""), strict=True):
            self.field(field_name(n, part)).value = value
        self.set_goals(n + 1)
        self.field(field_name(n, "model")).focus()

    def follow_models(self, goal_of: Callable[[str], str | None]) -> None:
        """A goal with another model gets a speed of its own, unless one was typed."""
        before = texts_of(self._shown or Asked())
        for n in range(self.goals):
            model, speed = self.field(field_name(n, "model")), self.field(field_name(n, "speed"))
            changed = model.value.strip() != before.get(model.field, "")
            goal = goal_of(model.value.strip()) if changed else None
            if goal is not None and speed.value in ("", before.get(speed.field)):
                speed.value = f"{parse_goal(goal).tokens_per_s:g}"

    def step(self, name: str, step: int, quants: Sequence[str]) -> None:
        """The next value of a field."""
        field = self.field(name)
        field.value = stepped(name, field.value, step, quants)
        field.cursor_position = len(field.value)

    # ---------------------------------------------------------------- notes below the rows

    def say(self, field: str, error: str) -> None:
        """What is wrong, below its field; nothing for an empty text."""
        self._error = (field, in_the_form(error))
        self._note()

    def hint(self) -> None:
        """What the field with the focus takes."""
        self._note()

    def _note(self) -> None:
        lines: dict[str, list[Line]] = {"goal": [], "buy": [], "money": []}
        field, error = self._error
        focused = self.screen.focused
        if isinstance(focused, FormField):
            line = self._hint_of(focused)
            if line:
                lines[_NOTES[about(focused.field)]] = [line]
        if error:
            lines[_NOTES.get(field, "money")] = [[(f"{self.glyphs.warning} {error}", "$error")]]
        for name, found in lines.items():
            note = self.query_one(f"#upgrade-note-{name}", Static)
            note.display = bool(found)
            note.update(to_content(found))

    def _hint_of(self, field: FormField) -> Line:
        if field.kind != "model":
            return [(f"     {_HINTS[field.kind]}", MUTED)]
        found = matches(field.value, self.names())
        field.completion = found[0] if found else ""
        if not found:
            return []
        rest = ", ".join(found[1:])
        return [
            ("     right takes ", MUTED),
            (found[0], "bold"),
            (f"   also {rest}" if rest else "", MUTED),
        ]


def _label(text: str, kind: str = "label") -> Static:
    return Static(text, classes=f"upgrade-{kind}", markup=False)
