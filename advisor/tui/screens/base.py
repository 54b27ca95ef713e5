"""What all screens have in common: they draw the app's state, say the same as text, and Esc goes back."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.screen import ModalScreen, Screen

from advisor.tui.glyphs import Glyphs
from advisor.tui.settings import spelled_out
from advisor.tui.state import app_options, question_options

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp
    from advisor.tui.state import AppState


WIDTHS = [(0, "-narrow"), (100, "-wide")]
HEIGHTS = [(0, "-short"), (20, "-tall")]
"""Classes of a screen by its width and height; the style sheet goes by them."""

Document = Callable[[], str | Mapping[str, Any]]
"""Makes what is exported or copied: text, or a document that is written as JSON.

Called in a thread: it may use what it was made with, but no widget and no state of the app.
"""


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
        """Close, or go back to the screen below; nothing when the screen is no longer the one shown."""
        if self.is_current and len(self.app.screen_stack) > 1:
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
    """A view: it is told about every change of the state, and can be copied, exported and linked to."""

    ROUTE: ClassVar[str] = ""
    """Its name in ``routes.ROUTES``."""
    KEY_HELP: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Its own keys and what they do, for the help."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.glyphs = glyphs

    def on_mount(self) -> None:
        """Draw the present state."""
        self.show_state(self.advisor.state)

    def show_state(self, state: AppState) -> None:
        """Draw a state.  Called after every change while the screen is on the stack."""
        raise NotImplementedError

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """Words of the command that prints what this view says, after ``rig-advisor``."""
        raise NotImplementedError

    def argument(self, state: AppState) -> str:
        """What ``--open VIEW:ARGUMENT`` needs besides the state to show this again."""
        return ""

    def open_with(self, argument: str) -> None:
        """Show what ``argument`` said.  Called once, when the app was started with ``--open``."""

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """What can be exported: ``json``, ``csv``, ``markdown`` or ``svg``; empty while nothing is there.

        A picture of the screen is offered besides, unless there is an ``svg`` of its own.
        """
        return {}

    def row_text(self, state: AppState) -> str | None:
        """The chosen row as one line of text; ``None`` where nothing can be chosen."""
        return None

    def command(self) -> str:
        """The command that prints what this view says."""
        app = self.advisor
        words = spelled_out(self.text_command(app.state), app.state, app.settings)
        return shlex.join(["rig-advisor", *words])

    def link(self) -> str:
        """The command that opens the app at this view."""
        state, app = self.advisor.state, self.advisor
        argument = self.argument(state)
        view = f"{self.ROUTE}:{argument}" if argument else self.ROUTE
        parts = [*question_options(state.question, app.rig_path), *app_options(state)]
        parts = spelled_out(parts, state, app.settings)
        return shlex.join(["rig-advisor", *parts, *(["--open", view] if view != "ranking" else [])])


class StateModal(ModalScreen[None], AdvisorScreen):
    """A dialog above a screen; it does not follow the state."""
