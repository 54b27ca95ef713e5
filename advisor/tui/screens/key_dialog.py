"""The dialogs of the settings screen: press a key, and yes or no."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from advisor.tui.glyphs import Glyphs
from advisor.tui.lines import KEY, MUTED, STRONG, Line, Painted, wrap
from advisor.tui.screens.base import StateModal


class Asked(Painted):
    """A question, and what was wrong with the last answer."""

    def __init__(self, glyphs: Glyphs, question: str, keys: Line) -> None:
        super().__init__(glyphs)
        self.question, self.keys, self.error = question, keys, ""

    def paint(self, width: int) -> list[Line]:
        """Question, error, keys."""
        error = wrap(f"{self.glyphs.warning} {self.error}", width, "$error") if self.error else []
        return [*wrap(self.question, width, STRONG), *error, [], self.keys]


class KeyScreen(StateModal):
    """The next key that is pressed is the new one, unless it is taken."""

    def __init__(
        self, glyphs: Glyphs, label: str, refusal: Callable[[str], str], take: Callable[[str], None]
    ) -> None:
        """Ask for a key.

        Args:
            glyphs: character set.
            label: what the key is for.
            refusal: why a key cannot be it; empty when it can.
            take: is given the key.
        """
        super().__init__()
        self.glyphs, self.label, self.refusal, self.take = glyphs, label, refusal, take

    def compose(self) -> ComposeResult:
        """The question in a box."""
        box = Asked(
            self.glyphs, f"press the new key for: {self.label}", [("Esc", KEY), (" leaves it", MUTED)]
        )
        box.border_title = "New key"
        yield box

    def on_key(self, event: events.Key) -> None:
        """Take it, or say which action has it."""
        event.stop()
        event.prevent_default()
        if not self.is_current:
            return  # pressed while the answer before it was closing the dialog
        if event.key == "escape":
            self.dismiss()
            return
        why = self.refusal(event.key)
        if why:
            box = self.query_one(Asked)
            box.error = why
            box.repaint()
            return
        self.take(event.key)
        self.dismiss()


class ConfirmScreen(StateModal):
    """Yes or no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "yes", "Yes", id="confirm.yes"),
        Binding("escape,n,q", "back", "No", id="confirm.no"),
    ]

    def __init__(self, glyphs: Glyphs, question: str, do: Callable[[], None]) -> None:
        super().__init__()
        self.glyphs, self.question, self.do = glyphs, question, do

    def compose(self) -> ComposeResult:
        """The question in a box."""
        keys: Line = [("y", KEY), (" yes   ", MUTED), ("n Esc", KEY), (" no", MUTED)]
        box = Asked(self.glyphs, self.question, keys)
        box.border_title = "Sure?"
        yield box

    def action_yes(self) -> None:
        """Do it."""
        self.dismiss()
        self.do()
