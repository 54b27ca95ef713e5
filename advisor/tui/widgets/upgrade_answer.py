"""What the search found: lines on top, the list with its picture, the chosen change beside or below it."""

from __future__ import annotations

from collections.abc import Callable

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll

from advisor.report.upgrade_rows import Answer, Change
from advisor.tui.glyphs import Glyphs
from advisor.tui.widgets.upgrade_columns import sorts_for
from advisor.tui.widgets.upgrade_detail import UpgradeDetail, UpgradeStrip
from advisor.tui.widgets.upgrade_front import UpgradeFront
from advisor.tui.widgets.upgrade_list import ChangeTable, UpgradeSummary

_PICTURE_FROM = (100, 36)
"""Terminal size from which there is room for the picture below the list."""


class UpgradeAnswer(Vertical):
    """Keeps the order and shows everything in it."""

    def __init__(self, glyphs: Glyphs, command_of: Callable[[Change], str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.command_of = command_of
        self.answer: Answer | None = None
        self.sort, self.reverse = "found", False
        self._progress, self._failed = "", False

    def compose(self) -> ComposeResult:
        """Summary, list beside pane, strip."""
        g = self.glyphs
        yield UpgradeSummary(g, id="upgrade-summary")
        with Horizontal(id="upgrade-body"):
            with Vertical(id="upgrade-left"):
                with VerticalScroll(id="upgrade-scroll", can_focus=False):
                    yield ChangeTable(g, id="changes")
                yield UpgradeFront(g, id="upgrade-front")
            with VerticalScroll(id="upgrade-why", can_focus=False):
                yield UpgradeDetail(g, id="upgrade-detail")
        yield UpgradeStrip(g, id="upgrade-strip")

    @property
    def table(self) -> ChangeTable:
        """The list."""
        return self.query_one(ChangeTable)

    def on_resize(self, event: events.Resize) -> None:
        """The picture goes where the list would have no room."""
        width, height = self.app.size
        self.query_one(UpgradeFront).display = width >= _PICTURE_FROM[0] and height >= _PICTURE_FROM[1]
        if self.table.says_notes != (width < _PICTURE_FROM[0]):
            self.table.says_notes = width < _PICTURE_FROM[0]
            self.table.repaint()

    def show(self, answer: Answer | None, progress: str, *, failed: bool) -> None:
        """Draw an answer; the last one stays while the next is looked for."""
        self.answer, self._progress, self._failed = answer, progress, failed
        if answer is not None and self.sort not in sorts_for(answer):
            self.sort, self.reverse = "found", False
        self.table.show(answer, self.sort, self.reverse, failed=failed)
        self.tell(progress)
        self._follow()

    def tell(self, progress: str) -> None:
        """How far the search is."""
        self._progress = progress
        self.query_one(UpgradeSummary).show(self.answer, progress, self.sort, self.reverse)

    @on(ChangeTable.Highlighted)
    def _highlighted(self) -> None:
        self._follow()
        self.query_one("#upgrade-why").scroll_home(animate=False)

    def _follow(self) -> None:
        """Draw what follows the cursor."""
        self.table.repaint()
        change = self.table.selected
        command = self.command_of(change) if change is not None else ""
        for pane in self.query(UpgradeDetail):
            pane.show(self.answer, change, command)
        self.query_one(UpgradeFront).show(self.answer, change)

    def scroll_pane(self, step: int) -> None:
        """Scroll what is beside the list, or below it, while the list keeps the focus."""
        for pane in ("#upgrade-why", "#upgrade-scroll"):
            self.query_one(pane).scroll_relative(y=4 * step, animate=False)

    def next_sort(self) -> None:
        """The next order."""
        if self.answer is not None:
            names = sorts_for(self.answer)
            self._order(names[(names.index(self.sort) + 1) % len(names)], reverse=False)

    def flip(self) -> None:
        """The other direction."""
        self._order(self.sort, reverse=not self.reverse)

    @on(ChangeTable.SortWanted)
    def _sort_wanted(self, message: ChangeTable.SortWanted) -> None:
        self._order(message.sort, reverse=not self.reverse if message.sort == self.sort else False)

    def _order(self, sort: str, *, reverse: bool) -> None:
        self.sort, self.reverse = sort, reverse
        self.show(self.answer, self._progress, failed=self._failed)
