"""How a change is put in on the what-if screen: suggestions, the text field, what it could go on as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import KEY, MUTED, STRONG, Line, Painted, flow, pad, to_content, wrap
from advisor.tui.suggestions import says

if TYPE_CHECKING:
    from advisor.offers import Kind, Option


class Presets(Painted):
    """Suggested changes as buttons with a number."""

    auto_links = False

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.texts: tuple[str, ...] | None = None

    def show(self, texts: tuple[str, ...]) -> None:
        """Draw these."""
        self.texts = texts
        self.repaint()

    def _item(self, number: int, text: str) -> Line:
        click = f"on $panel @click=screen.preset({number})"
        words = says(text)
        line: Line = [(f" {number} ", f"{KEY} {click}")]
        if words:
            line.append((f"{words}: ", f"{STRONG} {click}"))
        return [*line, (f"{text} ", click)]

    def paint(self, width: int) -> list[Line]:
        """As many lines as they need."""
        if self.texts is None:
            return [[("try ", MUTED), ("looking for changes that this rig can take", MUTED)]]
        if not self.texts:
            text = "this rig takes no other memory or GPU: f compares it with another machine"
            return wrap(text, width, MUTED)
        return flow([self._item(n, text) for n, text in enumerate(self.texts, 1)], width, gap=" ")


class Completions(Painted):
    """What the text could go on as; one of them is chosen."""

    auto_links = False

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.options: tuple[Option, ...] = ()
        self.chosen = 0

    def show(self, options: Sequence[Option], chosen: int = 0) -> None:
        """Draw these; nothing where there are none."""
        self.options, self.chosen = tuple(options), chosen
        self.display = bool(options)
        self.repaint()

    def action_complete(self, number: int) -> None:
        """A click on a candidate takes it."""
        self.query_ancestor(Entry).complete(number)

    def step(self, by: int) -> None:
        """Choose the next or the one before, round the ends."""
        if self.options:
            self.show(self.options, (self.chosen + by) % len(self.options))

    def paint(self, width: int) -> list[Line]:
        """One line each."""
        room = max((len(o.value) for o in self.options), default=0)
        lines: list[Line] = []
        for n, option in enumerate(self.options):
            mark, style = (self.glyphs.chosen, STRONG) if n == self.chosen else (" ", "")
            click = f"{style} @click=complete({n})".strip()
            hint = "  Tab takes it" if n == self.chosen else ""
            lines.append(
                [
                    (f"{mark} ", KEY),
                    (pad(option.value.rstrip(), min(room, width - 30), ellipsis=self.glyphs.ellipsis), click),
                    (f"  {option.note}", MUTED),
                    (hint, MUTED),
                ]
            )
        return lines


class WhatIfInput(Input):
    """The text field for changes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Done", id="what_if.leave_input", show=False),
        Binding("tab", "complete", "Complete", id="what_if.complete", show=False),
        Binding("down", "candidate(1)", "Next candidate", id="what_if.candidate_down", show=False),
        Binding("up", "candidate(-1)", "Candidate before", id="what_if.candidate_up", show=False),
    ]

    @property
    def entry(self) -> Entry:
        """What it is part of."""
        return self.query_ancestor(Entry)

    def action_leave(self) -> None:
        """Leave the field."""
        self.entry.leave()

    def action_complete(self) -> None:
        """Take the candidate; without any the field is left."""
        self.entry.complete()

    def action_candidate(self, by: int) -> None:
        """Another candidate; down leaves the field where there is none."""
        self.entry.candidate(by)


class Entry(Vertical):
    """The text field with what it could go on as and what is wrong with it."""

    class Entered(Message):
        """A text is to be tried: as another scenario, or in the place of one."""

        def __init__(self, text: str, instead: str | None) -> None:
            super().__init__()
            self.text, self.instead = text, instead

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.kinds: tuple[Kind, ...] = ()
        self.editing: str | None = None
        """The scenario that is edited; its text is not completed until it is changed."""

    def compose(self) -> ComposeResult:
        """Mark and field, candidates, error."""
        with Horizontal(id="what-if-row"):
            yield Static("what if ", id="what-if-mark", markup=False)
            yield WhatIfInput(
                placeholder="f: choose a change from lists   a: type one",
                id="what-if-input",
                compact=True,
                select_on_focus=False,
            )
        yield Completions(self.glyphs, id="what-if-completions")
        yield Static("", id="what-if-error", markup=False)

    def on_mount(self) -> None:
        """Nothing to complete yet."""
        self.query_one(Completions).show(())

    @property
    def field(self) -> WhatIfInput:
        """The text field."""
        return self.query_one(WhatIfInput)

    def focus_field(self) -> None:
        """Begin to type."""
        self.field.focus()

    def offer(self, kinds: tuple[Kind, ...]) -> None:
        """Complete from these."""
        self.kinds = kinds
        self._show_completions()

    def edit(self, text: str, number: int) -> None:
        """Change the text of a scenario."""
        self.editing = text
        self.query_one("#what-if-mark", Static).update(f"edit {number}")
        self._set(text)

    def leave(self) -> None:
        """Leave the field; its text stays, unless it was that of a scenario."""
        if self.editing is not None:
            self.field.value = ""
        self._stop()

    def done(self, text: str) -> None:
        """A text has become a scenario."""
        if self.field.value.strip() == text:
            self.field.value = ""
            self._stop()

    def _stop(self) -> None:
        self.editing = None
        self.query_one("#what-if-mark", Static).update("what if ")
        self.say("")
        self.query_one(Completions).show(())
        if self.screen.focused is self.field:
            self.screen.set_focus(None)

    def say(self, error: str) -> None:
        """What is wrong with the text; empty for nothing."""
        line = self.query_one("#what-if-error", Static)
        line.display = bool(error)
        if error:
            line.update(to_content([[(f"{self.glyphs.warning} {error}", "$error")]]))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.post_message(self.Entered(event.value.strip(), self.editing))
        else:
            self.leave()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.say("")
        self._show_completions()

    def _show_completions(self) -> None:
        from advisor.completion import complete

        text = self.field.value
        typing = self.screen.focused is self.field and text != self.editing
        self.query_one(Completions).show(complete(text, self.kinds) if typing else ())

    def candidate(self, by: int) -> None:
        """Another candidate; downwards the field is left where there is none."""
        found = self.query_one(Completions)
        if found.options:
            found.step(by)
        elif by > 0:
            self.leave()

    def complete(self, number: int | None = None) -> None:
        """Take a candidate, the chosen one by default; without any the field is left."""
        found = self.query_one(Completions)
        if not found.options:
            self.leave()
        else:
            self._set(found.options[found.chosen if number is None else number].value)

    def _set(self, text: str) -> None:
        self.field.value = text
        self.field.cursor_position = len(text)
        self.field.focus()
