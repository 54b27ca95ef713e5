"""The ranking table: a virtual list that draws only the lines on the screen."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import MUTED, Line, pad
from advisor.tui.state import SORTS, Divider, Item
from advisor.tui.strips import Inks
from advisor.tui.view import Row
from advisor.tui.widgets.columns import NO_WIDTHS, Placed, Widths, name_cell, place_columns

FIT_STYLES = {"full": "$success", "offload": "$warning", "cpu": "$warning", "none": "$foreground-muted"}


class RankingTable(ScrollView, can_focus=True):
    """One line per model, with a cursor, pins and a divider before what does not fit."""

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
        self.items: tuple[Item, ...] = ()
        self.pins: frozenset[str] = frozenset()
        self.sort = "score"
        self.reverse = False
        self.empty: tuple[str, ...] = ()
        self._inks = Inks(self)
        self._cursor = 0
        self._widths = NO_WIDTHS
        self._placed: tuple[Placed, ...] = ()
        self._placed_for = -1

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        item = self.items[self._cursor] if 0 <= self._cursor < len(self.items) else None
        return item if isinstance(item, Row) else None

    def show(
        self,
        items: tuple[Item, ...],
        *,
        widths: Widths = NO_WIDTHS,
        selected: str | None = None,
        pins: frozenset[str] = frozenset(),
        sort: str = "score",
        reverse: bool = False,
        empty: tuple[str, ...] = (),
    ) -> None:
        """Draw these items; the cursor stays on ``selected`` if it is among them.

        Args:
            items: rows and divider in order.
            widths: measured on all rows, so that filtering does not move columns.
            selected: model id under the cursor.
            pins: ids of pinned models.
            sort: name of the sort order, marked in the head.
            reverse: whether it is reversed.
            empty: lines shown instead of an empty list.
        """
        before = self._drawn()
        self.items, self.pins, self.sort, self.reverse, self.empty = items, pins, sort, reverse, empty
        self._widths = widths
        places = {item.model_id: i for i, item in enumerate(items) if isinstance(item, Row)}
        if selected in places:
            self._cursor = places[selected]
        else:
            self._cursor = self._nearest(min(self._cursor, max(len(items) - 1, 0)), -1)
        if self._drawn() == before:
            return
        self._placed_for = -1
        self.virtual_size = Size(self.size.width, len(items) + 1)
        self._keep_cursor_visible()
        self.refresh()

    def _drawn(self) -> tuple[object, ...]:
        """All that the lines are made of."""
        listed = (self.items, self.pins, self.sort, self.reverse, self.empty)
        return (*listed, self._cursor, self._widths)

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self._keep_cursor_visible()

    def _columns(self) -> tuple[Placed, ...]:
        """The columns for the present width, which is known for certain only when drawing."""
        if self._placed_for != self.size.width:
            self._placed_for = self.size.width
            self._placed = place_columns(self.size.width - 1, self._widths.columns, self._widths.name)
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
                if isinstance(self.items[i], Row):
                    return i
                i += step
        return 0

    def _go(self, index: int, direction: int) -> None:
        index = self._nearest(min(max(index, 0), len(self.items) - 1), direction)
        if index == self._cursor or not self.items:
            return
        before, self._cursor = self._cursor, index
        self._keep_cursor_visible()
        for item in (before, index):
            self.refresh_line(item + 1)
        if self.selected:
            self.post_message(self.Highlighted(self.selected.model_id))

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
        if self.selected:
            self.post_message(self.Opened(self.selected.model_id))

    def on_click(self, event: events.Click) -> None:
        """Head: sort.  Row: select, and open when it was selected already."""
        if event.y == 0:
            for placed in self._columns():
                if placed.x <= event.x <= placed.x + placed.width and placed.column.sort:
                    self.post_message(self.SortWanted(placed.column.sort))
            return
        index = event.y - 1 + round(self.scroll_y)
        if not (0 <= index < len(self.items) and isinstance(self.items[index], Row)):
            return
        if index == self._cursor:
            self.action_open()
        else:
            self._go(index, 1)

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.size.width
        index = y - 1 + round(self.scroll_y)
        style = ""
        if y == 0:
            line = self._head()
        elif not self.items and 1 <= y - 1 <= len(self.empty):
            line = [(pad(self.empty[y - 2], width, "center"), MUTED)]
        elif 0 <= index < len(self.items):
            item = self.items[index]
            if isinstance(item, Divider):
                line = self._divider(item, width)
            else:
                at_cursor = index == self._cursor
                line = self._row(item, at_cursor)
                if at_cursor:
                    style = "on $block-cursor-blurred-background"
                    if self.has_focus:
                        style = "bold on $primary-muted"
        else:
            line = []
        return self._inks.strip(line, width, style)

    def _head(self) -> Line:
        g = self.glyphs
        line: Line = [("  ", "")]
        for n, placed in enumerate(self._columns()):
            column = placed.column
            title, style = column.title, "bold $foreground-muted"
            if column.sort == self.sort:
                descending = SORTS[self.sort].descending != self.reverse
                style = "bold $primary"
                mark = g.down if descending else g.up
                title = f"{title}{mark}" if column.align == "left" else f"{mark}{title}"
                if len(title) > placed.width:
                    title = column.title
            line += [(" " if n else "", ""), (pad(title, placed.width, column.align), style)]
        return line

    def _divider(self, item: Divider, width: int) -> Line:
        rule = self.glyphs.rule
        what = "model does" if item.count == 1 else "models do"
        hint = "n hides them" if item.shown else "n shows them, and by how much"
        text = f"{rule * 2} {item.count} {what} not fit {rule * 2} {hint} "
        return [(text + rule * max(width - len(text) - 1, 0), MUTED)]

    def _row(self, row: Row, at_cursor: bool) -> Line:
        g = self.glyphs
        line: Line = [
            (g.cursor if at_cursor else " ", "$primary"),
            (g.pin if row.model_id in self.pins else " ", "$accent"),
        ]
        for n, placed in enumerate(self._columns()):
            column = placed.column
            if column.key == "name":
                name, variants = name_cell(row, placed.width, g)
                line += [(" ", ""), (name, "" if row.fits else MUTED), (variants, MUTED)]
                continue
            text = pad(column.cell(row, g), placed.width, column.align, g.ellipsis)
            style = "" if row.fits else MUTED
            if column.key in ("place", "params", "context", "ttft", "moe"):
                style = MUTED
            elif column.key == "fit":
                style = FIT_STYLES[row.fit]
            elif column.key == "speed" and row.fits:
                style = "bold"
            line += [(" " if n else "", ""), (text, style)]
        return line
