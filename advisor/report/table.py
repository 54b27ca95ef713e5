"""Plain tables: aligned text, Markdown and CSV from the same rows of strings."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.report.format import titled


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and whether its cells are numbers (right-aligned)."""

    title: str
    right: bool = False


def width(text: str) -> int:
    """Terminal cells that a text takes."""
    return sum(
        0 if unicodedata.combining(ch) else 2 if unicodedata.east_asian_width(ch) in "WF" else 1
        for ch in text
    )


def pad(text: str, cells: int, right: bool = False) -> str:
    """The text padded to a number of terminal cells."""
    space = " " * max(cells - width(text), 0)
    return space + text if right else text + space


def shorten(text: str, cells: int) -> str:
    """The text cut to a number of cells, ending in an ellipsis where it was cut."""
    if width(text) <= cells:
        return text
    kept = ""
    for ch in text:
        if width(kept + ch) > cells - 1:
            break
        kept += ch
    return kept + "…"


def text_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], gap: str = "  ") -> str:
    """Aligned columns under their titles, no trailing blanks."""
    widths = [max([width(titled(c.title))] + [width(row[i]) for row in rows]) for i, c in enumerate(columns)]
    lines = [
        gap.join(pad(titled(c.title), w, c.right) for c, w in zip(columns, widths, strict=True)).rstrip()
    ]
    lines += [
        gap.join(pad(cell, w, c.right) for cell, w, c in zip(row, widths, columns, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


NARROWEST_NAME = 22
"""Cells that names may be cut to before columns are left out."""


def fitted_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    cells: int,
    dropped_first: Sequence[str],
    name: int = 1,
) -> str:
    """A table no wider than ``cells``: names are cut first, then columns are left out.

    Args:
        columns: all of them.
        rows: their cells; not empty.
        cells: of the terminal.
        dropped_first: titles of columns in the order in which they go.
        name: index of the column with the names.
    """
    kept = list(range(len(columns)))
    longest = max(len(row[name]) for row in rows)
    for dropped in (None, *dropped_first):
        if dropped is not None:
            kept = [i for i in kept if columns[i].title != dropped]
        titles = [columns[i] for i in kept]
        shown = [[row[i] for i in kept] for row in rows]
        over = len(text_table(titles, shown).split("\n")[0]) - cells
        if longest - over >= NARROWEST_NAME:
            break
    cut = max(longest - max(over, 0), NARROWEST_NAME)
    at = kept.index(name)
    return text_table(titles, [[*row[:at], shorten(row[at], cut), *row[at + 1 :]] for row in shown])


def markdown_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """A GitHub-flavoured Markdown table."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "|".join(" ---: " if c.right else " --- " for c in columns) + "|"
    return "\n".join([line([titled(c.title) for c in columns]), rule, *(line(row) for row in rows)])


def csv_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Comma-separated values with a header; ``None`` is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return out.getvalue().rstrip("\n")
