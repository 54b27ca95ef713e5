"""Lines of styled text: what the drawing functions return, and helpers to fit them to a width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from advisor.tui.glyphs import UNICODE, Glyphs

Part = tuple[str, str]
"""Text and style; the style is a Textual style string with theme variables, or empty."""
Line = list[Part]

MUTED = "$foreground-muted"
STRONG = "bold"
KEY = "bold $accent"
TITLE = "bold $primary"


def width_of(line: Iterable[Part]) -> int:
    """Cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def clip(text: str, width: int, ellipsis: str = "…") -> str:
    """Text of at most ``width`` cells; what is cut off ends in an ellipsis."""
    if cell_len(text) <= width:
        return text
    if width <= cell_len(ellipsis):
        return set_cell_size(text, max(width, 0))
    return set_cell_size(text, width - cell_len(ellipsis)).rstrip() + ellipsis


def pad(text: str, width: int, align: str = "left", ellipsis: str = "…") -> str:
    """Text of exactly ``width`` cells."""
    text = clip(text, width, ellipsis)
    room = width - cell_len(text)
    if align == "right":
        return " " * room + text
    if align == "center":
        return " " * (room // 2) + text + " " * (room - room // 2)
    return text + " " * room


def spread(left: Line, right: Line, width: int) -> Line:
    """Left and right part with the space between them; the right part goes when there is no room."""
    gap = width - width_of(left) - width_of(right)
    if gap < 1:
        return fit_line(left, width)
    return [*left, (" " * gap, ""), *right]


def fit_line(line: Line, width: int, ellipsis: str = "…") -> Line:
    """A line cut to ``width`` cells."""
    if width_of(line) <= width:
        return line
    out: Line = []
    left = width
    for text, style in line:
        size = cell_len(text)
        if size <= left:
            out.append((text, style))
            left -= size
            continue
        if left > 0:
            out.append((clip(text, left, ellipsis), style))
        break
    return out


def wrap(text: str, width: int, style: str = "", indent: str = "", first: str | None = None) -> list[Line]:
    """A paragraph as lines."""
    found = textwrap.wrap(
        text,
        max(width, 8),
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    return [[(line, style)] for line in found]


def flow(items: Sequence[Line], width: int, gap: str = "   ", indent: str = "") -> list[Line]:
    """Items side by side, as many on a line as fit; no item is cut in two."""
    lines: list[Line] = []
    line: Line = []
    for item in items:
        if line and width_of(line) + len(gap) + width_of(item) > width:
            lines.append(line)
            line = []
        line = [*line, (gap, ""), *item] if line else [(indent, ""), *item]
    if line:
        lines.append(line)
    return lines


def plain(lines: Iterable[Line]) -> str:
    """Lines as text without styles."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def to_content(lines: Iterable[Line]) -> Content:
    """Lines as Textual content."""
    parts: list[str | Content | tuple[str, str]] = []
    for i, line in enumerate(lines):
        if i:
            parts.append("\n")
        parts += [(text, style) if style else text for text, style in line]
    return Content.assemble(*parts)


class Painted(Widget):
    """A widget that draws lines for its width.  Subclasses implement ``paint``."""

    DEFAULT_CSS = """
    Painted {
        height: auto;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None, classes: str = "") -> None:
        super().__init__(id=id, classes=classes)
        self.glyphs = glyphs
        self._memo: tuple[int, list[Line]] | None = None

    def paint(self, width: int) -> list[Line]:
        """The lines to show in ``width`` cells."""
        raise NotImplementedError

    def repaint(self, *, layout: bool = True) -> None:
        """Draw again if that makes a difference, with another height if that has changed."""
        width, before = self._memo or (0, None)
        self._memo = None
        after = self._lines(width) if width else None
        if before is None or after is None:
            self.refresh(layout=layout)
        elif before != after:
            self.refresh(layout=layout and len(before) != len(after))

    def _lines(self, width: int) -> list[Line]:
        if self._memo is None or self._memo[0] != width:
            lines = self.paint(width) if width > 0 else []
            self._memo = (width, [fit_line(line, width, self.glyphs.ellipsis) for line in lines])
        return self._memo[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Number of lines at ``width``."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The lines for the present width."""
        return to_content(self._lines(self.content_size.width))
