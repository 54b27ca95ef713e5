"""The body of the what-if screen with its plot, which is worked out in the background."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.worker import get_current_worker

from advisor.tui import background
from advisor.tui.background import AbandonedError, Wanted, abandonable
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.state import AppState
from advisor.tui.widgets.whatif_body import TALL, WIDE, BodyView, Shown
from advisor.tui.widgets.whatif_lists import shown_row

if TYPE_CHECKING:
    from advisor.curves import Curves

Asked = Wanted[tuple[str, str | None, str, tuple[str, ...]]]


class Plotted(Message):
    """Curves over RAM bandwidth are ready, or why there are none."""

    def __init__(self, wanted: Asked, curves: Curves | None, error: str = "") -> None:
        super().__init__()
        self.wanted, self.curves, self.error = wanted, curves, error


class PlottedBody(BodyView):
    """The body; where there is room it asks for the curves of the model that its bars show."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._plot: Plotted | None = None

    def show_state(self, state: AppState, shown: Shown) -> None:
        """Draw a state, with the curves once they are there."""
        wanted = self._asked(state)
        if wanted is not None and (self._plot is None or self._plot.wanted != wanted):
            self._plot = Plotted(wanted, None)
            self._draw(wanted)
        self._show(shown)

    def _show(self, shown: Shown) -> None:
        plot = self._plot
        if plot is not None:
            shown = replace(shown, curves=plot.curves, no_plot=plot.error)
        self.show(shown)

    def _asked(self, state: AppState) -> Asked | None:
        """What to draw: the model's speed over RAM bandwidth, for the rig and every scenario."""
        size = self.app.size
        if state.differences is None or state.rig is None or size.width < WIDE or size.height < TALL:
            return None
        comparison = state.differences.comparison
        row = shown_row(comparison, state.selected)
        if row is None:
            return None
        candidates = comparison.rankings[0].table.candidates
        of = (candidates.model(row).id, candidates.quant(row), "ram-bandwidth", state.scenarios)
        return Wanted(state.rig, state.question, of)

    @work(thread=True, exclusive=True, group="curves")
    def _draw(self, wanted: Asked) -> None:
        worker = get_current_worker()
        try:
            found = abandonable(lambda: background.curves(wanted), lambda: worker.is_cancelled)
        except AbandonedError:
            return
        except background.expected_errors() as error:
            self.post_message(Plotted(wanted, None, str(error)))
        else:
            self.post_message(Plotted(wanted, found))

    @on(Plotted)
    def _plotted(self, message: Plotted) -> None:
        if self._plot is not None and self._plot.wanted == message.wanted:
            self._plot = message
            self._show(self.shown)
