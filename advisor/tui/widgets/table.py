"""The ranking table: one line per model, pins, and a divider before what does not fit."""

from __future__ import annotations

from advisor.core.order import ORDERS
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.keys import own_key
from advisor.tui.lines import MUTED, Line, pad
from advisor.tui.state import Divider, Item
from advisor.tui.view import Row
from advisor.tui.widgets.columns import COLUMNS, NO_WIDTHS, Placed, Widths, name_cell, place_columns
from advisor.tui.widgets.virtual import VirtualList

FIT_STYLES = {"full": "$success", "offload": "$warning", "cpu": "$warning", "none": "$foreground-muted"}


class RankingTable(VirtualList[Item]):
    """One line per model, with a cursor, pins and a divider before what does not fit."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._widths = NO_WIDTHS

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        item = self.at_cursor
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
        self._widths = widths
        self.pins, self.empty = pins, empty
        self.sort, self.descending = sort, ORDERS[sort].descending != reverse
        self.show_items(items, selected)

    def key_of(self, item: Item) -> str | None:
        """The model of a row."""
        return item.model_id if isinstance(item, Row) else None

    def place(self, width: int) -> tuple[Placed, ...]:
        """The columns of the ranking."""
        return place_columns(COLUMNS, width, self._widths.columns, self._widths.name)

    def measures(self) -> object:
        """Widths of the cells."""
        return self._widths

    def draw(self, item: Item, at_cursor: bool) -> Line:
        """A row or the divider."""
        if isinstance(item, Divider):
            return self._divider(item, self.size.width)
        return self._row(item, at_cursor)

    def _divider(self, item: Divider, width: int) -> Line:
        rule = self.glyphs.rule
        what = "model does" if item.count == 1 else "models do"
        key = own_key("n", self)
        hint = f"{key} hides them" if item.shown else f"{key} shows them, and by how much"
        text = f"{rule * 2} {item.count} {what} not fit {rule * 2} {hint} "
        return [(text + rule * max(width - len(text) - 1, 0), MUTED)]

    def _row(self, row: Row, at_cursor: bool) -> Line:
        g = self.glyphs
        line = self.marker(row.model_id, at_cursor)
        for n, placed in enumerate(self._columns()):
            column = placed.column
            if column.key == "name":
                name, variants = name_cell(row, placed.width, g)
                line += [(" ", ""), (name, "" if row.fits else MUTED), (variants, MUTED)]
                continue
            text = pad(column.cell(row, g), placed.width, column.align, g.ellipsis)
            style = "" if row.fits else MUTED
            if column.key in ("place", "params", "context", "ttft", "moe", "likely"):
                style = MUTED
            elif column.key == "fit":
                style = FIT_STYLES[row.fit]
            elif column.key == "speed" and row.fits:
                style = "bold"
            line += [(" " if n else "", ""), (text, style)]
        return line
