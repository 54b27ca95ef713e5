"""The models screen: the whole catalog, filtered and sorted, with what is known of each model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.timer import Timer

from advisor.core.filter import FilterError
from advisor.model_list import DEFAULT_ORDER, ORDERS, Listed, ModelList, check_filter, list_models
from advisor.tui import background
from advisor.tui.background import Browsed
from advisor.tui.glyphs import Glyphs
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.screens.ranking import WIDE
from advisor.tui.state import AppState, question_options
from advisor.tui.widgets.filter_bar import FilterBar
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.model_detail import ModelPane, ModelStrip
from advisor.tui.widgets.models import BrowseStatus, ModelTable, empty_lines, vocabulary
from advisor.tui.widgets.status import Hint, KeyBar

if TYPE_CHECKING:
    from advisor.tui.background import ModelFacts

FACTS_DELAY_S = 0.12
"""Rest of the cursor on a row before its sources are read."""
NO_RIG = "no rig is ranked yet"


class FactsRead(Message):
    """What the catalog knows of a model."""

    def __init__(self, wanted: tuple[str, str], facts: ModelFacts) -> None:
        super().__init__()
        self.wanted, self.facts = wanted, facts


class ModelsScreen(StateScreen):
    """Header, question, filter, list beside the detail."""

    ROUTE = "models"
    KEY_HELP = (
        ("↑ ↓  j k", "move; PgUp PgDn by pages, g G to the ends"),
        ("Enter", "why it runs here as it does"),
        ("/", "filter: words, params<40, ctx>=128k, is:moe, license:mit; Esc clears it"),
        ("s  S", "next sort order, reverse (or click a column)"),
        ("Space", "pin a model; v compares the pinned ones"),
        ("Ctrl+↑ ↓", "scroll the detail"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="models.filter"),
        Binding("escape", "clear_filter", "Back", id="models.back"),
        Binding("backspace,M", "back", "Back", id="models.close", show=False),
        Binding("space", "pin", "Pin", id="models.pin"),
        Binding("s", "sort(1)", "Sort", id="models.sort"),
        Binding("S", "reverse", "Reverse", id="models.reverse"),
        Binding("ctrl+down", "scroll_detail(1)", "Scroll detail", id="models.detail_down", show=False),
        Binding("ctrl+up", "scroll_detail(-1)", "Scroll detail", id="models.detail_up", show=False),
    ]
    AUTO_FOCUS = "ModelTable"

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._found: ModelList | None = None
        self._found_for: object = None
        self._everything: tuple[Listed, ...] = ()
        self._everything_for: object = None
        self._facts: dict[tuple[str, str], ModelFacts] = {}
        self._read_later: Timer | None = None
        self._pane_of: str | None = None

    def compose(self) -> ComposeResult:
        """Header, question, filter, list beside the detail, strip, keys."""
        g = self.glyphs
        yield HardwareHeader(g, id="header")
        yield BrowseStatus(g, id="status")
        yield FilterBar(
            g,
            text=self.advisor.state.browse.filter_text,
            placeholder="words, params<40, ctx>=128k, quality>60, is:moe, license:mit, -coder",
            id="filter-bar",
        )
        with Horizontal(id="body"):
            yield ModelTable(g, id="table")
            with VerticalScroll(id="model-scroll", can_focus=False):
                yield ModelPane(g, id="model")
        yield ModelStrip(g, id="strip")
        yield KeyBar(
            (
                Hint("Esc", "Back", "screen.clear_filter", 0),
                Hint(g.enter, "Why", "screen.open_why", 1),
                Hint("/", "Filter", "screen.filter", 1),
                Hint("s", "Sort", "screen.sort(1)", 1),
                Hint("Space", "Pin", "screen.pin", 1),
                Hint("v", "Compare", "app.open('compare')", 2),
                Hint("c", "Use", "app.use", 3),
                Hint("e", "Export", "app.export", 4),
                Hint("y", "Copy command", "app.copy('command')", 5),
                Hint("?", "Help", "app.help", 0),
                Hint("q", "Quit", "app.quit", 1),
            ),
            id="keys",
        )

    def on_mount(self) -> None:
        """Draw, and read the catalog."""
        super().on_mount()
        if self.advisor.state.browse.entries is None:
            self._read()

    @work(thread=True, exclusive=True, group="browse")
    def _read(self) -> None:
        try:
            entries = background.browse()
        except background.expected_errors() as error:
            self.post_message(Browsed(None, str(error)))
        else:
            self.post_message(Browsed(entries))

    @on(Browsed)
    def _browsed(self, message: Browsed) -> None:
        self._change(entries=message.entries, error=message.error)

    def _change(self, **changes: Any) -> None:
        self.advisor.set_state(browse=replace(self.advisor.state.browse, **changes))

    # ---------------------------------------------------------------- drawing

    def _list(self, state: AppState) -> ModelList | None:
        """The list for a state; the last one is kept."""
        b = state.browse
        if b.entries is None:
            return None
        here = state.view.here if state.view else None
        wanted = (b.entries, state.view, state.question.use, b.filter_text, b.sort, b.reverse)
        if self._found_for != wanted:
            text = b.filter_text
            try:
                check_filter(text, with_rig=here is not None)
            except FilterError:  # it asks for speeds, and the ranking is not there (any more)
                text = ""
            sort = b.sort if here is not None or not ORDERS[b.sort].needs_rig else DEFAULT_ORDER
            self._found = list_models(b.entries, here, state.question.use, text, sort, b.reverse)
            self._found_for = wanted
        everything = (b.entries, state.view, state.question.use)
        if self._everything_for != everything:
            self._everything_for = everything
            self._everything = list_models(b.entries, here, state.question.use).rows
        return self._found

    @staticmethod
    def _matches(state: AppState, text: str) -> bool:
        entries, here = state.browse.entries or (), state.view.here if state.view else None
        return bool(list_models(entries, here, state.question.use, text).rows)

    def show_state(self, state: AppState) -> None:
        """Draw everything that depends on the state."""
        found = self._list(state)
        self.query_one(HardwareHeader).show(state)
        self.query_one(BrowseStatus).show_list(state, found)
        bar = self.query_one(FilterBar)
        bar.show(state.browse.filter_text)
        bar.check = partial(check_filter, with_rig=state.view is not None, reason=NO_RIG)
        bar.vocabulary = lambda: vocabulary(state)
        bar.matches = partial(self._matches, state)
        self.query_one(ModelTable).show(
            found or ModelList((), 0, False, state.question.use, "", DEFAULT_ORDER, False),
            measured=((state.browse.entries, state.question.use), state.view),
            everything=self._everything,
            selected=state.browse.selected,
            pins=frozenset(state.pins),
            empty=empty_lines(state, found),
        )
        self._follow(state)

    def _follow(self, state: AppState) -> None:
        """Draw the detail of the row under the cursor; its sources are read once it rests there."""
        row = self.query_one(ModelTable).at_cursor
        self.query_one(ModelStrip).show(row)
        wanted = (row.model.id, state.question.use) if row else None
        facts = self._facts.get(wanted) if wanted else None
        self.query_one(ModelPane).show(row, facts)
        if wanted and wanted[0] != self._pane_of:
            self._pane_of = wanted[0]
            self.query_one("#model-scroll").scroll_home(animate=False)
        if self._read_later is not None:
            self._read_later.stop()
        if wanted and facts is None and self.size.width >= WIDE:
            self._read_later = self.set_timer(FACTS_DELAY_S, partial(self._read_facts, wanted))

    @work(thread=True, exclusive=True, group="facts")
    def _read_facts(self, wanted: tuple[str, str]) -> None:
        self.post_message(FactsRead(wanted, background.model_facts(*wanted)))

    @on(FactsRead)
    def _facts_read(self, message: FactsRead) -> None:
        while len(self._facts) >= 64:
            del self._facts[next(iter(self._facts))]
        self._facts[message.wanted] = message.facts
        self._follow(self.advisor.state)

    def on_resize(self, event: events.Resize) -> None:
        """The detail may have room now."""
        self._follow(self.advisor.state)

    # ---------------------------------------------------------------- moving, sorting, pins

    @on(ModelTable.Highlighted)
    def _highlighted(self, message: ModelTable.Highlighted) -> None:
        # The list has drawn itself already: nothing else depends on its cursor.
        state = self.advisor.state
        self.advisor.state = replace(state, browse=replace(state.browse, selected=message.model_id))
        self._follow(self.advisor.state)

    @on(ModelTable.Opened)
    def _opened(self, message: ModelTable.Opened) -> None:
        row = self.query_one(ModelTable).at_cursor
        if row is not None and row.model.not_estimated_because:
            why = f"{row.model.name} is not estimated: {row.model.not_estimated_because}"
            self.notify(why, severity="warning", markup=False)
        elif row is not None and self.advisor.state.view is not None and row.here is None:
            runtime = self.advisor.state.question.runtime
            self.notify(f"{runtime} does not load {row.model.name}", severity="warning", markup=False)
        else:
            self.advisor.open_why(message.model_id)

    @on(ModelTable.SortWanted)
    def _sort_wanted(self, message: ModelTable.SortWanted) -> None:
        b = self.advisor.state.browse
        self._change(sort=message.sort, reverse=message.sort == b.sort and not b.reverse)

    def action_open_why(self) -> None:
        """Explain the model under the cursor."""
        self.query_one(ModelTable).action_open()

    def action_sort(self, step: int) -> None:
        """The next sort order."""
        ranked = self.advisor.state.view is not None
        names = [name for name, order in ORDERS.items() if ranked or not order.needs_rig]
        now = self.advisor.state.browse.sort
        at = names.index(now) if now in names else -1
        self._change(sort=names[(at + step) % len(names)], reverse=False)

    def action_reverse(self) -> None:
        """The other direction."""
        self._change(reverse=not self.advisor.state.browse.reverse)

    def action_pin(self) -> None:
        """Pin the model, or unpin it."""
        row = self.query_one(ModelTable).at_cursor
        if row is not None and row.entry.estimated:
            self.advisor.toggle_pin(row.model.id)
        elif row is not None:
            self.notify("it has no estimate to compare", severity="warning")

    def action_scroll_detail(self, step: int) -> None:
        """Scroll the detail while the list keeps the focus."""
        self.query_one("#model-scroll").scroll_relative(y=4 * step, animate=False)

    # ---------------------------------------------------------------- filter

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).open()

    def action_clear_filter(self) -> None:
        """Show all models again; without a filter, go back."""
        if self.advisor.state.browse.filter_text:
            self.query_one(FilterBar).clear()
        else:
            self.action_back()

    @on(FilterBar.Changed)
    def _filter_changed(self, message: FilterBar.Changed) -> None:
        self._change(filter_text=message.text)

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self.query_one(ModelTable).focus()

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """The list as text; with the rig's columns once it is ranked."""
        b, found = state.browse, self._list(state)
        parts = ["models"]
        if state.view is not None:
            parts += ["--here", *question_options(state.question, self.advisor.rig_path)]
        else:
            parts += ["--use", state.question.use]
        if found is not None and found.filter_text:
            parts += ["--filter", found.filter_text]
        sort = found.sort if found is not None else b.sort
        return [*parts, "--sort", sort, *(["--reverse"] if b.reverse else [])]

    def argument(self, state: AppState) -> str:
        """Order and filter."""
        b = state.browse
        return f"{'-' if b.reverse else ''}{b.sort} {b.filter_text}".strip()

    def open_with(self, argument: str) -> None:
        """Sort and filter as before."""
        sort, _, text = argument.partition(" ")
        if sort.lstrip("-") in ORDERS:
            self._change(sort=sort.lstrip("-"), reverse=sort.startswith("-"), filter_text=text.strip())

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The list as it is filtered and sorted."""
        found = self._list(state)
        if found is None:
            return {}
        result = state.view.result if state.view else None
        return {name: partial(_document, found, result, name) for name in ("json", "csv", "markdown")}

    def row_text(self, state: AppState) -> str | None:
        """The row under the cursor."""
        row = self.query_one(ModelTable).at_cursor
        if row is None:
            return None
        from advisor.report.model_list import row_text

        return row_text(row)


def _document(found: ModelList, result: Any, name: str) -> str | Mapping[str, Any]:
    from advisor.report import model_list as report

    if name == "json":
        return report.models_document(found, None, result)
    return report.models_csv(found) if name == "csv" else report.models_markdown(found, None)
