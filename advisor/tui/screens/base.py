"""What all screens have in common: they draw the app's state, and Esc goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.screen import ModalScreen, Screen

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp
    from advisor.tui.state import AppState


WIDTHS = [(0, "-narrow"), (100, "-wide")]
HEIGHTS = [(0, "-short"), (20, "-tall")]
"""Classes of a screen by its width and height; the style sheet goes by them."""


class StateScreen(Screen[None]):
    """A screen that is told about every change of the state."""

    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    @property
    def advisor(self) -> AdvisorApp:
        """The app, by its own type."""
        return cast("AdvisorApp", self.app)

    def on_mount(self) -> None:
        """Draw the present state."""
        self.show_state(self.advisor.state)

    def show_state(self, state: AppState) -> None:
        """Draw a state.  Called after every change while the screen is on the stack."""
        raise NotImplementedError

    def action_back(self) -> None:
        """Go back to the screen below."""
        self.dismiss()


class StateModal(ModalScreen[None]):
    """A dialog above a screen; it does not follow the state."""

    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    @property
    def advisor(self) -> AdvisorApp:
        """The app, by its own type."""
        return cast("AdvisorApp", self.app)

    def action_back(self) -> None:
        """Close."""
        self.dismiss()
