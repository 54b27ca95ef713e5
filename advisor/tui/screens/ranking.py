"""The main screen: hardware, question, filter, ranking and why-pane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.geometry import Size
from textual.timer import Timer

from advisor.core.filter_completion import Vocabulary
from advisor.tui.glyphs import Glyphs
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.state import (
    AppState,
    Listing,
    app_options,
    listing,
    question_options,
)
from advisor.tui.view import Detail, Row, View, detail_of, list_document, row_text
from advisor.tui.widgets.columns import NO_WIDTHS
from advisor.tui.widgets.filter_bar import FilterBar
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import Hint, KeyBar, StatusLine
from advisor.tui.widgets.table import RankingTable
from advisor.tui.widgets.why import WhyPane
from advisor.tui.widgets.why_strip import WhyStrip

EXPLAIN_DELAY_S = 0.12
"""Rest of the cursor on a row before its explanation is worked out."""

WIDE, TALL = 100, 22
"""From this size on there is room for the header's box; from this width for the why-pane."""


def roomy(size: Size) -> bool:
    """Whether the header may have a box."""
    return size.width >= WIDE and size.height >= TALL


def hints(glyphs: Glyphs) -> tuple[Hint, ...]:
    """The footer's keys."""
    return (
        Hint(glyphs.enter, "Why", "screen.open_why", 1),
        Hint("/", "Filter", "screen.filter", 1),
        Hint("s", "Sort", "app.sort", 3),
        Hint("[ ]", "Context", "app.context(1)", 2),
        Hint("c", "Use", "app.use", 2),
        Hint("+ -", "Least speed", "app.speed(1)", 4),
        Hint("w", "What if", "app.open('what-if')", 1),
        Hint("b", "Buy", "app.open('upgrade')", 1),
        Hint("M", "Models", "app.open('models')", 2),
        Hint("Space", "Pin", "screen.pin", 4),
        Hint("v", "Compare", "app.open('compare')", 4),
        Hint("m", "Topology", "app.open('topology')", 3),
        Hint("i", "Rig", "app.open('rig')", 5),
        Hint("u", "Users", "app.users(1)", 5),
        Hint("t", "KV", "app.kv_type", 6),
        Hint("R", "Runtime", "app.runtime", 5),
        Hint("n", "Not fitting", "app.unfit", 6),
        Hint("e", "Export", "app.export", 5),
        Hint("y", "Copy command", "app.copy('command')", 7),
        Hint("?", "Help", "app.help", 0),
        Hint("q", "Quit", "app.quit", 0),
    )


class RankingScreen(StateScreen):
    """Hardware, question, filter, ranking and why-pane."""

    ROUTE = "ranking"
    KEY_HELP = (
        ("↑ ↓  j k", "move; PgUp PgDn by pages, g G to the ends"),
        ("Enter", "why: the model on a screen of its own"),
        ("/", "filter; Esc clears it"),
        ("s  S", "next sort order, reverse (or click a column)"),
        ("n", "show models that do not fit, and by how much"),
        ("Space", "pin a model to the top; v compares the pinned ones"),
        ("Ctrl+↑ ↓", "scroll the why-pane"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="ranking.filter"),
        Binding("escape", "clear_filter", "Clear filter", id="ranking.clear_filter", show=False),
        Binding("space", "pin", "Pin", id="ranking.pin"),
        Binding("s", "app.sort", "Sort", id="ranking.sort"),
        Binding("S", "app.reverse", "Reverse", id="ranking.reverse"),
        Binding("n", "app.unfit", "Not fitting", id="ranking.unfit"),
        Binding("ctrl+down", "scroll_why(1)", "Scroll why", id="ranking.why_down", show=False),
        Binding("ctrl+up", "scroll_why(-1)", "Scroll why", id="ranking.why_up", show=False),
    ]
    AUTO_FOCUS = "RankingTable"

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._explain_later: Timer | None = None
        self._shown: object = None
        self._listed_by: object = None
        self._detailed: tuple[View, Row, Detail] | None = None

    def compose(self) -> ComposeResult:
        """Header, question, filter, list beside the why-pane, strip, keys."""
        g = self.glyphs
        yield HardwareHeader(g, id="header", classes="-boxed" if roomy(self.app.size) else "")
        yield StatusLine(g, id="status")
        yield FilterBar(g, text=self.advisor.state.filter_text, id="filter-bar")
        with Horizontal(id="body"):
            yield RankingTable(g, id="table")
            with VerticalScroll(id="why-scroll", can_focus=False):
                yield WhyPane(g, id="why")
        yield WhyStrip(g, id="strip")
        yield KeyBar(hints(g), id="keys")

    def on_resize(self, event: events.Resize) -> None:
        """Boxed header where there is room."""
        boxed = roomy(event.size)
        header = self.query_one(HardwareHeader)
        if header.has_class("-boxed") != boxed:
            header.set_class(boxed, "-boxed")
            header.repaint()
        self._follow_selection(self.advisor.state)

    def show_state(self, state: AppState) -> None:
        """Draw everything that depends on the state."""
        self.query_one(HardwareHeader).show(state)
        self.query_one(StatusLine).show(state)
        bar = self.query_one(FilterBar)
        bar.matches, bar.vocabulary = self._would_match, self._vocabulary
        bar.show(state.filter_text)
        listed_by = _listed_by(state)
        if listed_by != self._listed_by:
            self._listed_by = listed_by
            self._show_list(state)
            # The list is what was asked for: it is on the screen before the pane beside it is drawn.
            self.call_after_refresh(lambda: self._follow_selection(self.advisor.state))
        else:
            self._follow_selection(state)

    def _show_list(self, state: AppState) -> None:
        found = listing(state)
        self.query_one(RankingTable).show(
            found.items,
            widths=state.view.widths(self.glyphs) if state.view else NO_WIDTHS,
            selected=state.selected,
            pins=frozenset(state.pins),
            sort=state.sort,
            reverse=state.reverse,
            empty=empty_lines(state, found),
        )

    def _follow_selection(self, state: AppState) -> None:
        """Draw the why-pane and strip of the row under the cursor."""
        row = self.query_one(RankingTable).selected
        pane, strip = self.query_one(WhyPane), self.query_one(WhyStrip)
        if row is None or state.view is None:
            pane.show(None, None)
            strip.show(None)
            return
        detail = self._detail_of(state.view, row)
        explanation = self.advisor.explanation(row.model_id, row.quant)
        strip.show(detail)
        pane.show(detail, explanation)
        if self._shown != (row.model_id, row.quant):
            self._shown = (row.model_id, row.quant)
            self.query_one("#why-scroll").scroll_home(animate=False)
        if self._explain_later is not None:
            self._explain_later.stop()
        if explanation is None and self.size.width >= WIDE:
            self._explain_later = self.set_timer(
                EXPLAIN_DELAY_S, lambda: self.advisor.request_explanation(row.model_id, row.quant)
            )

    def _detail_of(self, view: View, row: Row) -> Detail:
        """The detail of a row, made again for another row or ranking."""
        if self._detailed is None or self._detailed[:2] != (view, row):
            self._detailed = (view, row, detail_of(view.table, row.index, row.variants))
        return self._detailed[2]

    @on(RankingTable.Highlighted)
    def _highlighted(self, message: RankingTable.Highlighted) -> None:
        self.advisor.select(message.model_id)
        self._follow_selection(self.advisor.state)

    @on(RankingTable.Opened)
    def _opened(self, message: RankingTable.Opened) -> None:
        self.advisor.open_why(message.model_id)

    @on(RankingTable.SortWanted)
    def _sort_wanted(self, message: RankingTable.SortWanted) -> None:
        self.advisor.sort_by(message.sort)

    def action_open_why(self) -> None:
        """Explain the selected model on a screen of its own."""
        self.query_one(RankingTable).action_open()

    def action_scroll_why(self, step: int) -> None:
        """Scroll the why-pane while the list keeps the focus."""
        self.query_one("#why-scroll").scroll_relative(y=4 * step, animate=False)

    def action_pin(self) -> None:
        """Pin the selected model to the top, or unpin it."""
        row = self.query_one(RankingTable).selected
        if row is not None:
            self.advisor.toggle_pin(row.model_id)

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).open()

    def action_clear_filter(self) -> None:
        """Show all models again and go to the list."""
        self.query_one(FilterBar).clear()

    @on(FilterBar.Changed)
    def _filter_changed(self, message: FilterBar.Changed) -> None:
        self.advisor.set_filter(message.text)

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self.query_one(RankingTable).focus()

    def _vocabulary(self) -> Vocabulary:
        view = self.advisor.state.view
        return view.vocabulary if view else Vocabulary()

    def _would_match(self, text: str) -> bool:
        return bool(listing(replace(self.advisor.state, filter_text=text)).matching)

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """The list as text."""
        return ["rank", *question_options(state.question, self.advisor.rig_path), *app_options(state)]

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The list as it is filtered."""
        if state.view is None:
            return {}
        order = (state.filter_text, state.sort, state.reverse)
        return {
            name: partial(list_document, state.view, *order, name) for name in ("json", "csv", "markdown")
        }

    def row_text(self, state: AppState) -> str | None:
        """The row under the cursor."""
        row = self.query_one(RankingTable).selected
        return row_text(row) if row else None


def _listed_by(state: AppState) -> tuple[object, ...]:
    """What the list depends on: a question that is not answered yet changes nothing in it."""
    s = state
    listed = (s.view, s.filter_text, s.sort, s.reverse, s.show_unfit, s.pins)
    return (*listed, s.selected, s.probe, s.activity, s.failure)


def empty_lines(state: AppState, found: Listing) -> tuple[str, ...]:
    """What to do when the list is empty."""
    if found.items:
        return ()
    other_runtime = state.question.runtime != "llama.cpp"
    if state.failure and other_runtime and not state.probe.error:
        return ("", state.failure, "", "R asks for the next runtime")
    if state.probe.error or state.failure:
        why = state.failure or state.probe.error or ""
        return (
            "",
            why,
            "",
            "r probes again",
            "or describe a machine: rig-advisor rig --help",
        )
    if state.view is None:
        return ("", state.activity or "probing this machine …", "", "? explains what you will see here")
    least = state.question.min_tokens_per_s
    if least and not state.filter_text:
        return (
            "",
            f"no model that fits does {least:g} tok/s here",
            "",
            "- asks for less, b finds what would reach it",
        )
    if least:
        what = f"no model that does {least:g} tok/s matches  {state.filter_text}"
        return ("", what, "", "Esc clears the filter, / changes it, - asks for less speed")
    return ("", f"no model matches  {state.filter_text}", "", "Esc clears the filter, / changes it")
