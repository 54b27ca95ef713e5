"""The list of the catalog: its columns, the table, and the line with its counts."""

from __future__ import annotations

from rich.cells import cell_len

from advisor.core.filter_completion import Vocabulary
from advisor.model_list import ORDERS, Listed, ModelList
from advisor.report import model_list as report
from advisor.report.format import params, speed, speed_range, tokens
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import MUTED, STRONG, Line, clip, fit_line, pad, width_of
from advisor.tui.state import AppState
from advisor.tui.widgets.columns import WIDE_INTERVAL, Column, Placed, place_columns, widths_of
from advisor.tui.widgets.status import StatusLine, question_line
from advisor.tui.widgets.table import FIT_STYLES
from advisor.tui.widgets.virtual import VirtualList


def plain(text: str, glyphs: Glyphs) -> str:
    """Text of the catalog in the character set of the screen."""
    if not glyphs.ascii:
        return text
    text = text.replace("–", "-").replace("±", "+-").replace("×", "x").replace("≈", "~").replace("…", "~")
    return "".join(c if c.isascii() else "?" for c in text)


def speed_cell(row: Listed, glyphs: Glyphs) -> str:
    """Decode speed here, as a range where the interval is wide."""
    h = row.here
    if h is None or h.tokens_per_s is None or h.low_tokens_per_s is None or h.high_tokens_per_s is None:
        return glyphs.no_value
    if h.high_tokens_per_s >= WIDE_INTERVAL * h.low_tokens_per_s:
        return speed_range(h.low_tokens_per_s, h.high_tokens_per_s)
    return speed(h.tokens_per_s)


def fit_cell(row: Listed, glyphs: Glyphs) -> str:
    """Glyph and word of the fit here, what is short, or that nothing is estimated."""
    if row.here is None:
        return "no estimate" if not row.entry.estimated else glyphs.no_value
    return f"{glyphs.fit[row.here.fit]} {report.fit(row).split(' ', 1)[1]}"


def _context(row: Listed, _: Glyphs) -> str:
    return tokens(row.model.context_length) if row.model.context_length else "?"


CATALOG_COLUMNS: tuple[Column[Listed], ...] = (
    Column("name", "Model", "left", 0, lambda r, g: plain(r.model.name, g), 16, "name"),
    Column("maker", "Maker", "left", 6, lambda r, g: plain(clip(r.model.organization, 16), g), 5, "maker"),
    Column("params", "Params", "right", 0, lambda r, _: params(r.model.total_params), 7, "params"),
    Column("active", "Active", "right", 5, lambda r, _: params(r.model.active_params), 7, "active"),
    Column("kind", "Kind", "left", 3, lambda r, _: report.kind(r), 5, "kind"),
    Column("context", "Context", "right", 3, _context, 8, "context"),
    Column(
        "license", "Licence", "left", 7, lambda r, _: clip(r.model.license or "unknown", 18), 8, "license"
    ),
    Column(
        "release", "Released", "left", 8, lambda r, _: (r.model.release_date or "unknown")[:7], 9, "release"
    ),
    Column("quality", "Quality", "right", 1, lambda r, _: report.quality(r), 8, "quality"),
    Column("extras", "Extras", "left", 10, lambda r, _: report.extras(r), 6),
    Column("kv", "KV KiB", "right", 9, lambda r, g: plain(report.kv_kib(r), g), 7, "kv"),
    Column("size", "GiB", "right", 2, lambda r, g: plain(report.size_gib(r), g), 5, "size"),
)
RIG_COLUMNS: tuple[Column[Listed], ...] = (
    Column("speed", "tok/s", "right", 0, speed_cell, 6, "speed"),
    Column("fit", "Fit", "left", 4, fit_cell, 9, "fit"),
)


class ModelTable(VirtualList[Listed]):
    """One line per model of the catalog."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._needed: dict[str, int] = {}
        self._measured: object = None
        self._measured_rig: object = None
        self._longest = 24
        self._shown: tuple[Column[Listed], ...] = CATALOG_COLUMNS

    def show(
        self,
        found: ModelList,
        *,
        measured: tuple[object, object],
        everything: tuple[Listed, ...],
        selected: str | None,
        pins: frozenset[str],
        empty: tuple[str, ...],
    ) -> None:
        """Draw the rows of a list.

        Args:
            found: rows and order.
            measured: two parts that change when the widths have to be measured again: those of the
                catalog's columns, and those of the rig's.
            everything: rows the widths are measured on, so that filtering does not move columns.
            selected: model id under the cursor.
            pins: ids of pinned models.
            empty: lines shown instead of an empty list.
        """
        self._shown = (*CATALOG_COLUMNS, *(RIG_COLUMNS if found.with_rig else ()))
        if self._measured != measured[0]:
            self._measured = measured[0]
            self._needed = widths_of(CATALOG_COLUMNS, everything, self.glyphs)
            self._longest = max((cell_len(r.model.name) for r in everything), default=24)
        if self._measured_rig is not measured[1] and found.with_rig:
            self._measured_rig = measured[1]
            self._needed |= widths_of(RIG_COLUMNS, everything, self.glyphs)
        self.pins, self.empty = pins, empty
        self.sort, self.descending = found.sort, ORDERS[found.sort].descending != found.reverse
        self.show_items(found.rows, selected)

    def key_of(self, item: Listed) -> str | None:
        """The model."""
        return item.model.id

    def place(self, width: int) -> tuple[Placed, ...]:
        """The columns of the catalog, and those of the rig where there is one."""
        return place_columns(self._shown, width, self._needed, self._longest)

    def measures(self) -> object:
        """Widths of the cells."""
        return (self._shown, dict(self._needed), self._longest)

    def draw(self, item: Listed, at_cursor: bool) -> Line:
        """A row; models without an estimate are muted."""
        g = self.glyphs
        line = self.marker(item.model.id, at_cursor)
        muted = "" if item.entry.estimated else MUTED
        for n, placed in enumerate(self._columns()):
            column = placed.column
            text = pad(column.cell(item, g), placed.width, column.align, g.ellipsis)
            style = muted or MUTED
            if column.key in ("name", "params", "size"):
                style = muted
            elif column.key == "quality":
                style = muted or STRONG
            elif column.key == "speed" and item.here is not None and item.here.tokens_per_s is not None:
                style = STRONG
            elif column.key == "fit" and item.here is not None:
                style = FIT_STYLES[item.here.fit]
            line += [(" " if n else "", ""), (text, style)]
        return line


def browse_line(state: AppState, found: ModelList | None, width: int, glyphs: Glyphs) -> Line:
    """The question on the left; order and counts of the catalog on the right."""
    left = question_line(state, width, glyphs)
    if found is None:
        return fit_line(left, width, glyphs.ellipsis)
    order = ORDERS[found.sort]
    mark = glyphs.down if order.descending != found.reverse else glyphs.up
    matching = len(found.rows)
    counts = f"{matching} of {found.total}" if matching != found.total else f"{found.total}"
    choices: tuple[Line, ...] = (
        [
            ("sort ", MUTED),
            (f"{order.label} {mark}", STRONG),
            ("   ", ""),
            (counts, STRONG),
            (" models", MUTED),
        ],
        [(f"{order.label} {mark}", STRONG), ("  ", ""), (counts, "")],
        [(counts, "")],
    )
    for right in choices:
        gap = width - width_of(left) - width_of(right)
        if gap >= 2:
            return [*left, (" " * gap, ""), *right]
    return fit_line(left, width, glyphs.ellipsis)


class BrowseStatus(StatusLine):
    """The question, and order and counts of the catalog."""

    found: ModelList | None = None

    def show_list(self, state: AppState, found: ModelList | None) -> None:
        """Draw a state."""
        self.found = found
        self.show(state)

    def paint(self, width: int) -> list[Line]:
        """One line."""
        return [browse_line(self.state, self.found, width, self.glyphs)] if self.state else [[]]


def vocabulary(state: AppState) -> Vocabulary:
    """What a filter of the catalog may complete to."""
    if state.view is not None:
        return state.view.vocabulary
    models = [entry.model for entry in state.browse.entries or ()]
    words = {m.family for m in models} | {m.organization for m in models}
    return Vocabulary(
        licenses=tuple(sorted({m.license for m in models if m.license})),
        architectures=tuple(sorted({m.architecture for m in models})),
        words=tuple(sorted((w for w in words if w and " " not in w), key=str.lower)),
    )


def empty_lines(state: AppState, found: ModelList | None) -> tuple[str, ...]:
    """What to do when the list is empty."""
    b = state.browse
    if b.error:
        return ("", b.error, "", "Esc goes back")
    if found is None:
        return ("", "reading the catalog …")
    return ("", f"no model matches  {b.filter_text}", "", "Esc clears the filter, / changes it")
