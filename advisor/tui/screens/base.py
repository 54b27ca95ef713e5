"""What all screens have in common: they draw the app's state, and Esc goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.screen import ModalScreen, Screen

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp
    from advisor.tui.state import AppState


WIDTHS = [(0, "-narrow"), (100, "-wide")]
HEIGHTS = [(0, "-short"), (20, "-tall")]
"""Classes of a screen by its width and height; the style sheet goes by them."""


class AdvisorScreen(Screen[None]):
    """The app by its own type, the size classes, and the actions that every screen may bind."""

    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    SCROLLED: ClassVar[str] = ""
    """Selector of the pane that ``scroll`` and ``edge`` move; a screen that binds them names it."""

    @property
    def advisor(self) -> AdvisorApp:
        """The app, by its own type."""
        return cast("AdvisorApp", self.app)

    def action_back(self) -> None:
        """Close, or go back to the screen below."""
        self.dismiss()

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(self.SCROLLED).scroll_relative(y=lines, animate=False)

    def action_edge(self, step: int) -> None:
        """Scroll to the top or bottom."""
        pane = self.query_one(self.SCROLLED)
        if step < 0:
            pane.scroll_home(animate=False)
        else:
            pane.scroll_end(animate=False)


class StateScreen(AdvisorScreen):
    """A screen that is told about every change of the state."""

    def on_mount(self) -> None:
        """Draw the present state."""
        self.show_state(self.advisor.state)

    def show_state(self, state: AppState) -> None:
        """Draw a state.  Called after every change while the screen is on the stack."""
        raise NotImplementedError


class StateModal(ModalScreen[None], AdvisorScreen):
    """A dialog above a screen; it does not follow the state."""
