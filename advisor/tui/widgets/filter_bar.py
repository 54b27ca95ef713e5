"""The filter's text field: what it could become below it, and errors under the term they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from advisor.core.filter import FilterError, parse_filter
from advisor.core.filter_completion import Completion, Vocabulary, complete
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import KEY, MUTED, Line, fit_line, to_content, width_of

PLACEHOLDER = "words, params<40, quant:q4, fit:full, tok>20, is:moe, -coder"
_MARK = "/ "


class _Ghost(Suggester):
    """The first completion behind the cursor."""

    def __init__(self, bar: FilterBar) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._bar = bar

    async def get_suggestion(self, value: str) -> str | None:
        """The whole filter with the first completion, if it goes on as it was typed."""
        found = self._bar.completions(value)
        return found[0].text if found and found[0].text.startswith(value) else None


class FilterInput(Input):
    """The text field itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear", id="filter.clear"),
        Binding("tab", "complete", "Complete", id="filter.complete"),
        Binding("down", "leave", "To the list", id="filter.leave", show=False),
    ]

    class Done(Message):
        """The field is left, and with ``clear`` it is to be emptied."""

        def __init__(self, clear: bool) -> None:
            super().__init__()
            self.clear = clear

    class Wanted(Message):
        """The first completion is to be taken."""

    def action_clear(self) -> None:
        """Empty it and leave."""
        self.post_message(self.Done(clear=True))

    def action_leave(self) -> None:
        """Leave it as it is."""
        self.post_message(self.Done(clear=False))

    def action_complete(self) -> None:
        """Take the first completion; leave where there is none."""
        self.post_message(self.Wanted())


class FilterBar(Vertical):
    """The field with the line below it.  Hidden while it is empty and nobody types."""

    class Changed(Message):
        """The filter can be understood and is another."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The list has the keys again."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, text: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.applied = text
        self.vocabulary: Callable[[], Vocabulary] = Vocabulary
        """Values and words to complete to; asked only while somebody types."""
        self.matches: Callable[[str], bool] = lambda _: True
        """Whether the list would have anything under a filter that can be understood."""

    def compose(self) -> ComposeResult:
        """Mark and field; completions or error."""
        with Horizontal(id="filter-row"):
            yield Static(_MARK, id="filter-mark", markup=False)
            yield FilterInput(
                self.applied,
                placeholder=PLACEHOLDER,
                id="filter",
                compact=True,
                select_on_focus=False,
                suggester=_Ghost(self),
            )
        yield Static("", id="filter-error", markup=False)

    def completions(self, text: str) -> tuple[Completion, ...]:
        """What the last term could become."""
        return complete(text, self.vocabulary())

    def show(self, text: str) -> None:
        """The filter that the list shows."""
        self.set_class(bool(text), "-filled")
        if text != self.applied:
            self.applied = text
            field = self.query_one(FilterInput)
            if not field.has_focus:
                with field.prevent(Input.Changed):
                    field.value = text

    def open(self) -> None:
        """Type."""
        self.add_class("-open")
        self.query_one(FilterInput).focus()

    def clear(self) -> None:
        """Empty it."""
        self._set("")
        self._apply("")
        self._leave()

    def _set(self, text: str) -> None:
        field = self.query_one(FilterInput)
        with field.prevent(Input.Changed):
            field.value = text
        self._say([])

    def _apply(self, text: str) -> None:
        if text != self.applied:
            self.applied = text
            self.post_message(self.Changed(text))

    def _leave(self) -> None:
        self.remove_class("-open")
        self._say([])
        self.post_message(self.Left())

    @on(FilterInput.Done)
    def _done(self, message: FilterInput.Done) -> None:
        message.stop()
        if message.clear:
            self.clear()
        else:
            # What is left behind must be what the list shows.
            self._set(self.applied)
            self._leave()

    @on(FilterInput.Wanted)
    def _wanted(self, message: FilterInput.Wanted) -> None:
        message.stop()
        field = self.query_one(FilterInput)
        found = self.completions(field.value)
        if found:
            field.value = found[0].text
            field.cursor_position = len(field.value)
        else:
            self._set(self.applied)
            self._leave()

    @on(Input.Changed, "#filter")
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        text = event.value.strip()
        found = self.completions(event.value)
        try:
            parse_filter(text)
        except FilterError as error:
            # A term that is only unfinished is no error: what is offered says how it goes on.
            if found:
                self._say(self._offer(found))
            else:
                self._say_error(error, event.value)
            return
        self._say(self._offer(found))
        # Half a condition, which as a word matches nothing: the list waits for the rest.
        half = bool(found) and found[0].term[-1] in "<>=:"
        if not half or self.matches(text):
            self._apply(text)

    @on(Input.Submitted, "#filter")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            parse_filter(event.value)
        except FilterError:
            return
        self._apply(event.value.strip())
        self._leave()

    def _offer(self, found: tuple[Completion, ...]) -> Line:
        """The completions side by side, the first with its meaning and key."""
        if not found:
            return []
        first, *others = found
        line: Line = [("  ", ""), ("Tab", KEY), (f" {first.term}", "bold"), (f"  {first.meaning}", MUTED)]
        width = max(self.size.width - 2, 20)
        for n, other in enumerate(others):
            part: Line = [("   or ", MUTED) if n == 0 else ("  ", ""), (other.term, "")]
            if width_of(line) + width_of(part) > width:
                break
            line += part
        return line

    def _say_error(self, error: FilterError, text: str) -> None:
        """The error, its mark under the term that it is about where there is room."""
        message = f"{self.glyphs.warning} {error}"
        lead = len(text) - len(text.lstrip())
        indent = len(_MARK) + lead + error.position
        width = max(self.size.width - 2, 20)
        if indent + len(message) > width:
            indent = max(width - len(message), 0)
        self._say([(" " * indent, ""), (message, "$error")])

    def _say(self, line: Line) -> None:
        below = self.query_one("#filter-error", Static)
        below.display = bool(line)
        width = max(self.size.width - 2, 20)
        below.update(to_content([fit_line(line, width, self.glyphs.ellipsis)]))
