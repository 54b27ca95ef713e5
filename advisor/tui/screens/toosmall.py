"""The message for terminals that are too small."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.widgets import Static

from advisor.tui.lines import MUTED, STRONG, to_content
from advisor.tui.screens.base import StateModal

MIN_WIDTH, MIN_HEIGHT = 60, 16


def too_small(size: Size) -> bool:
    """Whether the app cannot show anything useful in ``size``."""
    return size.width < MIN_WIDTH or size.height < MIN_HEIGHT


class TooSmallScreen(StateModal):
    """Size and need; goes away by itself when the terminal grows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q", "app.quit", "Quit", id="too_small.quit"),
    ]

    def compose(self) -> ComposeResult:
        """One text in the middle."""
        yield Static(id="too-small", markup=False)

    def on_resize(self) -> None:
        """Say the present size."""
        size = self.app.size
        self.query_one("#too-small", Static).update(
            to_content(
                [
                    [("terminal too small", STRONG)],
                    [(f"it is {size.width} x {size.height}", "")],
                    [(f"needed {MIN_WIDTH} x {MIN_HEIGHT}", "")],
                    [("q quits", MUTED)],
                ]
            )
        )
