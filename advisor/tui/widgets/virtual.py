"""A list with columns of which only the lines on the screen are drawn: cursor, paging, head, mouse."""

from __future__ import annotations

import textwrap
from abc import abstractmethod
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from advisor.report.format import sizes_in, titled
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import MUTED, Line, pad
from advisor.tui.strips import Inks
from advisor.tui.widgets.columns import Placed

T = TypeVar("T")


class VirtualList(ScrollView, Generic[T], can_focus=True):
    """One line per item below a head that stays.  Subclasses say what an item and its columns are.

    Items without a key (a divider) are drawn, but the cursor passes over them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="table.up", show=False),
        Binding("down,j", "move(1)", "Down", id="table.down", show=False),
        Binding("pageup", "page(-1)", "Page up", id="table.page_up", show=False),
        Binding("pagedown", "page(1)", "Page down", id="table.page_down", show=False),
        Binding("home,g", "edge(-1)", "First", id="table.first", show=False),
        Binding("end,G", "edge(1)", "Last", id="table.last", show=False),
        Binding("enter", "open", "Why", id="table.open"),
    ]

    class Highlighted(Message):
        """The cursor is on another model."""

        def __init__(self, model_id: str) -> None:
            super().__init__()
            self.model_id = model_id

    class Opened(Message):
        """Enter, or a click on the row under the cursor."""

        def __init__(self, model_id: str) -> None:
            super().__init__()
            self.model_id = model_id

    class SortWanted(Message):
        """A click on a column head."""

        def __init__(self, sort: str) -> None:
            super().__init__()
            self.sort = sort

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.items: tuple[T, ...] = ()
        self.pins: frozenset[str] = frozenset()
        self.sort = ""
        self.descending = True
        self.empty: tuple[str, ...] = ()
        self._inks = Inks(self)
        self._drawn: tuple[object, ...] | None = None
        self._cursor = 0
        self._placed: tuple[Placed, ...] = ()
        self._placed_for = -1

    # ---------------------------------------------------------------- what subclasses say

    @abstractmethod
    def key_of(self, item: T) -> str | None:
        """The model id of an item; ``None`` where the cursor passes over it."""

    @abstractmethod
    def place(self, width: int) -> tuple[Placed, ...]:
        """The columns for ``width`` cells."""

    def measures(self) -> object:
        """What the columns were measured to be; the list is drawn again when it changes."""
        return None

    @abstractmethod
    def draw(self, item: T, at_cursor: bool) -> Line:
        """The line of an item."""

    # ---------------------------------------------------------------- items and cursor

    @property
    def at_cursor(self) -> T | None:
        """The item under the cursor, if the cursor can stand on it."""
        item = self.items[self._cursor] if 0 <= self._cursor < len(self.items) else None
        return item if item is not None and self.key_of(item) is not None else None

    def show_items(self, items: tuple[T, ...], selected: str | None) -> None:
        """Draw these items, if anything changed; the cursor stays on ``selected`` if it is among them."""
        self.items = items
        places = {key: i for i, item in enumerate(items) if (key := self.key_of(item)) is not None}
        if selected in places:
            self._cursor = places[selected]
        else:
            self._cursor = self._nearest(min(self._cursor, max(len(items) - 1, 0)), -1)
        listed = (self.items, self.pins, self.sort, self.descending, self.empty)
        drawn = (*listed, self._cursor, self.measures())
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self._placed_for = -1
        self.virtual_size = Size(self.size.width, len(items) + 1)
        self._keep_cursor_visible()
        self.refresh()

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self._keep_cursor_visible()

    def _columns(self) -> tuple[Placed, ...]:
        """The columns for the present width, which is known for certain only when drawing."""
        if self._placed_for != self.size.width:
            self._placed_for = self.size.width
            self._placed = self.place(self.size.width - 1)
        return self._placed

    # The head stays where it is: line 0 of the screen is the head, the others scroll below it.

    def _page(self) -> int:
        return max(self.size.height - 1, 1)

    def _keep_cursor_visible(self) -> None:
        top = round(self.scroll_y)
        if self._cursor < top:
            top = self._cursor if self._cursor > 1 else 0
        elif self._cursor >= top + self._page():
            top = self._cursor - self._page() + 1
        top = min(top, max(len(self.items) - self._page(), 0))
        if top != round(self.scroll_y):
            self.scroll_to(y=top, animate=False, force=True)

    def _nearest(self, index: int, direction: int) -> int:
        """The row at ``index``, or the next one in ``direction``, or the one on the other side."""
        for step in (direction, -direction):
            i = index
            while 0 <= i < len(self.items):
                if self.key_of(self.items[i]) is not None:
                    return i
                i += step
        return 0

    def _go(self, index: int, direction: int) -> None:
        index = self._nearest(min(max(index, 0), len(self.items) - 1), direction)
        if index == self._cursor or not self.items:
            return
        before, self._cursor = self._cursor, index
        self._keep_cursor_visible()
        self._drawn = None
        for item in (before, index):
            self.refresh_line(item + 1)
        self._tell(self.Highlighted)

    def _tell(self, kind: type[Highlighted] | type[Opened]) -> None:
        item = self.at_cursor
        key = self.key_of(item) if item is not None else None
        if key is not None:
            self.post_message(kind(key))

    def action_move(self, step: int) -> None:
        """Move the cursor by rows."""
        self._go(self._cursor + step, step)

    def action_page(self, step: int) -> None:
        """Move the cursor by pages."""
        self._go(self._cursor + step * max(self._page() - 1, 1), step)

    def action_edge(self, step: int) -> None:
        """Move to the first or last row."""
        self._go(0 if step < 0 else len(self.items) - 1, -step)

    def action_open(self) -> None:
        """Ask for the explanation of the row."""
        self._tell(self.Opened)

    def on_click(self, event: events.Click) -> None:
        """Head: sort.  Row: select, and open when it was selected already."""
        if event.y == 0:
            for placed in self._columns():
                if placed.x <= event.x <= placed.x + placed.width and placed.column.sort:
                    self.post_message(self.SortWanted(placed.column.sort))
            return
        index = event.y - 1 + round(self.scroll_y)
        if not (0 <= index < len(self.items) and self.key_of(self.items[index]) is not None):
            return
        if index == self._cursor:
            self.action_open()
        else:
            self._go(index, 1)

    # ---------------------------------------------------------------- drawing

    def repaint(self) -> None:
        """Draw again with other glyphs, units or keys."""
        self._drawn = None
        self._placed_for = -1
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        with sizes_in(self.glyphs.units):
            return self._strip(y)

    def _strip(self, y: int) -> Strip:
        width = self.size.width
        index = y - 1 + round(self.scroll_y)
        style = ""
        line: Line = []
        if y == 0:
            line = self._head()
        elif not self.items:
            said = [part for text in self.empty for part in (textwrap.wrap(text, max(width - 2, 8)) or [""])]
            line = [(pad(said[y - 2], width, "center"), MUTED)] if 2 <= y < len(said) + 2 else []
        elif 0 <= index < len(self.items):
            item = self.items[index]
            at_cursor = index == self._cursor and self.key_of(item) is not None
            line = self.draw(item, at_cursor)
            if at_cursor:
                style = "on $block-cursor-blurred-background"
                if self.has_focus:
                    style = "bold on $primary-muted"
        return self._inks.strip(line, width, style)

    def _head(self) -> Line:
        g = self.glyphs
        line: Line = [("  ", "")]
        columns = self._columns()
        # Two columns may be one order (place and score): the mark is at the last that is there.
        marked = [p.column for p in columns if p.column.sort and p.column.sort == self.sort][-1:]
        for n, placed in enumerate(columns):
            column = placed.column
            title, style = titled(column.title), "bold $foreground-muted"
            if column in marked:
                style = "bold $primary"
                mark = g.down if self.descending else g.up
                title = f"{title}{mark}" if column.align == "left" else f"{mark}{title}"
                if len(title) > placed.width:
                    title = titled(column.title)
            line += [(" " if n else "", ""), (pad(title, placed.width, column.align), style)]
        return line

    def marker(self, key: str | None, at_cursor: bool) -> Line:
        """The two cells before the first column: cursor and pin."""
        g = self.glyphs
        return [
            (g.cursor if at_cursor else " ", "$primary"),
            (g.pin if key in self.pins else " ", "$accent"),
        ]
