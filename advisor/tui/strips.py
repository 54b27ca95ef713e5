"""Lines as Textual strips, for widgets that draw many of them.

Textual's own way puts the place of every cell into its style, so that text can be selected, and works every
style out again.  Here each is worked out once per look of the widget.
"""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from advisor.tui.lines import Line, fit_line, width_of


class Inks:
    """The styles of one widget: names with theme variables, on the widget's own style."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._look: object = None
        self._known: dict[tuple[str, str], RichStyle] = {}

    def style(self, name: str, under: str = "") -> RichStyle:
        """A style over the widget's own, with another one between them."""
        look = (self._widget.app.theme, self._widget.visual_style)
        if look != self._look:
            self._look, self._known = look, {}
        key = (name, under)
        if key not in self._known:
            style = self._widget.visual_style
            for part in (under, name):
                style += self._parsed(part)
            self._known[key] = style.rich_style
        return self._known[key]

    def _parsed(self, name: str) -> Style:
        return Style.parse(name, self._widget.app.theme_variables) if name else Style.null()

    def strip(self, line: Line, width: int, under: str = "") -> Strip:
        """A line cut or filled to a width."""
        line = fit_line(line, width)
        segments = [Segment(text, self.style(name, under)) for text, name in line if text]
        if (rest := width - width_of(line)) > 0:
            segments.append(Segment(" " * rest, self.style("", under)))
        return Strip(segments, width)
