"""What the app knows and has done in the background: probing, ranking, explaining, comparing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import App
from textual.worker import get_current_worker

from advisor.core.question import Question
from advisor.report.format import sizes_in
from advisor.tui import background, pauses
from advisor.tui.background import (
    AbandonedError,
    Compared,
    Explained,
    Measured,
    Measurer,
    Parsed,
    Probed,
    Prober,
    ProbeStep,
    Ranked,
    Wanted,
    abandonable,
)
from advisor.tui.export import text_of
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.state import AppState, Progress

if TYPE_CHECKING:
    from advisor.explanation import Explanation
    from probes.types import Rig

_KEPT_EXPLANATIONS = 64
_RANKING = "ranking …"
MEASURING = "measuring RAM bandwidth …"


class Controller(App[None]):
    """The state, and the work that changes it.  Threads only post messages; the state changes here."""

    def __init__(
        self,
        question: Question | None = None,
        *,
        filter_text: str = "",
        order: tuple[str, bool] = ("score", False),
        rig: Rig | None = None,
        rig_path: str | None = None,
        prober: Prober | None = None,
        measurer: Measurer | None = None,
        remeasurer: Measurer = background.measure_again,
        glyphs: Glyphs = UNICODE,
        ansi_color: bool | None = None,
    ) -> None:
        super().__init__(ansi_color=ansi_color)
        self.glyphs = glyphs
        self.rig_path = rig_path
        self.prober = prober or background.probe_here
        # A prober of one's own makes rigs of other machines: there is nothing here to measure.
        self.measurer = measurer or (background.measure_here if prober is None else lambda _: None)
        self.remeasurer = remeasurer
        self.state = AppState(
            question=question or Question(),
            rig=rig,
            origin=rig_path or "this machine",
            probed_here=rig is None,
            filter_text=filter_text.strip(),
            sort=order[0],
            reverse=order[1],
        )
        self._explanations: dict[Wanted[tuple[str, str]], Explanation] = {}
        self._ranking_runs = False
        self._measured_once = False
        self._started = False

    def set_state(self, **changes: Any) -> None:
        """Change the state and draw it on every screen."""
        self.state = replace(self.state, **changes)
        for screen in self.screen_stack:
            if isinstance(screen, StateScreen) and screen.is_mounted:
                screen.show_state(self.state)

    def _settle(self) -> None:
        """Once the first ranking is there, or the reason why there is none, the start is over."""
        if not self._started:
            self._started = True
            pauses.started()

    def select(self, model_id: str) -> None:
        """Remember the model under the cursor; the screen has drawn it already."""
        self.state = replace(self.state, selected=model_id)

    # ---------------------------------------------------------------- probing and measuring

    def action_probe(self) -> None:
        """Probe again; a rig from a file is left alone."""
        if not self.state.probed_here:
            self.notify(f"this rig was read from {self.state.origin}; start without --rig to probe")
            return
        if self.state.probe.running:
            return
        self.set_state(probe=Progress(running=True), activity="probing this machine …", failure=None)
        self._probe()

    @work(thread=True, exclusive=True, group="probe", exit_on_error=False)
    def _probe(self) -> None:
        worker = get_current_worker()

        def tell(step: str, status: str) -> None:
            if not worker.is_cancelled:
                self.post_message(ProbeStep(step, status))

        try:
            rig = abandonable(lambda: self.prober(tell), lambda: worker.is_cancelled)
        except AbandonedError:
            return
        except Exception as error:
            # Whatever went wrong with the hardware, the app can still say so.
            self.post_message(Probed(None, f"the probe failed: {error or type(error).__name__}"))
        else:
            self.post_message(Probed(rig))

    @on(ProbeStep)
    def _probe_step(self, message: ProbeStep) -> None:
        steps = dict(self.state.probe.steps)
        steps[message.step] = message.status
        self.set_state(probe=replace(self.state.probe, steps=tuple(steps.items())))

    @on(Probed)
    def _probed(self, message: Probed) -> None:
        self.set_state(
            rig=message.rig or self.state.rig,
            probe=replace(self.state.probe, running=False, error=message.error),
            activity="",
        )
        if message.rig is None:
            self._settle()
        else:
            self._measured_once = False
            self.request_ranking()
            self.request_comparison()

    def action_measure(self) -> None:
        """Measure the memory bandwidth again, and rank with what comes of it."""
        if not self.state.probed_here:
            self.notify(f"this rig was read from {self.state.origin}: its memory is not here to be measured")
        elif self.state.rig is None or self.state.probe.running:
            self.notify("there is no rig to measure yet", severity="warning")
        elif self.state.activity != MEASURING:
            self.set_state(activity=MEASURING)
            self._measure(self.state.rig, self.remeasurer)

    @work(thread=True, exclusive=True, group="measure", exit_on_error=False)
    def _measure(self, rig: Rig, measurer: Measurer) -> None:
        worker = get_current_worker()
        try:
            found = abandonable(lambda: measurer(rig), lambda: worker.is_cancelled)
        except AbandonedError:
            return
        except Exception as error:
            self.post_message(Measured(None, rig, str(error)))
        else:
            self.post_message(Measured(found, rig))

    @on(Measured)
    def _measured(self, message: Measured) -> None:
        self.set_state(activity="")
        if message.error:
            self.notify(f"not measured: {message.error}", severity="warning", markup=False)
        if message.rig is not None and self.state.rig is message.base:
            self.set_state(rig=message.rig)
            self.request_ranking()
            self.request_comparison()

    # ---------------------------------------------------------------- ranking

    def request_ranking(self) -> None:
        """Rank again for the present rig and question."""
        if self.state.rig is None or self._ranking_runs:
            return
        self._ranking_runs = True
        if self.state.view is None:
            self.set_state(activity=_RANKING)
        self._rank(Wanted(self.state.rig, self.state.question, None))

    @work(thread=True, exclusive=True, group="rank")
    def _rank(self, wanted: Wanted[None]) -> None:
        # Unlike a driver, arithmetic does not hang: it needs no thread that can be left behind.
        try:
            view = background.rank(wanted)
            view.widths(self.glyphs)  # so that the screen need not
        except background.expected_errors() as error:
            self.post_message(Ranked(wanted, None, str(error)))
        else:
            self.post_message(Ranked(wanted, view))

    @on(Ranked)
    def _ranked(self, message: Ranked) -> None:
        self._ranking_runs = False
        self._settle()
        now = (self.state.rig, self.state.question)
        changes: dict[str, Any] = {"view": message.view, "failure": message.error}
        if self.state.activity == _RANKING:
            changes["activity"] = ""
        if self.state.selected is None and message.view is not None and message.view.rows:
            changes["selected"] = message.view.rows[0].model_id
        self.set_state(**changes)
        if (message.wanted.rig, message.wanted.question) != now:
            self.request_ranking()
        elif not self._measured_once and self.state.probed_here and self.state.rig is not None:
            self._measured_once = True
            if not self.state.rig.memory.measured_bandwidth_bytes_per_s.known:
                self.set_state(activity=MEASURING)
                self._measure(self.state.rig, self.measurer)

    # ---------------------------------------------------------------- explanations

    def _wanted_explanation(self, model_id: str, quant: str) -> Wanted[tuple[str, str]] | None:
        if self.state.view is None:
            return None
        # What the view was made for, which may lag behind the question for a moment.
        result = self.state.view.result
        return Wanted(result.rig, self.state.view.table.question, (model_id, quant))

    def explanation(self, model_id: str, quant: str) -> Explanation | None:
        """The explanation of a row, if it has been worked out."""
        wanted = self._wanted_explanation(model_id, quant)
        return self._explanations.get(wanted) if wanted else None

    def request_explanation(self, model_id: str, quant: str) -> None:
        """Work out an explanation in the background."""
        wanted = self._wanted_explanation(model_id, quant)
        if wanted is not None and wanted not in self._explanations:
            self._explain(wanted)

    @work(thread=True, exclusive=True, group="explain")
    def _explain(self, wanted: Wanted[tuple[str, str]]) -> None:
        worker = get_current_worker()
        try:
            found = abandonable(lambda: background.explain(wanted), lambda: worker.is_cancelled)
        except AbandonedError:
            return
        except background.expected_errors() as error:
            self.post_message(Explained(wanted, None, str(error)))
        else:
            self.post_message(Explained(wanted, found))

    @on(Explained)
    def _explained(self, message: Explained) -> None:
        if message.explanation is None:
            self.notify(message.error or "", severity="warning")
            return
        while len(self._explanations) >= _KEPT_EXPLANATIONS:
            del self._explanations[next(iter(self._explanations))]
        self._explanations[message.wanted] = message.explanation
        self.set_state()

    # ---------------------------------------------------------------- scenarios

    @work(thread=True, group="parse")
    def parse_scenario(self, text: str) -> None:
        """See whether a text makes a scenario; the what-if screen hears of it."""
        rig = self.state.rig
        if rig is None:
            return
        try:
            background.parse(text, rig)
        except background.expected_errors() as error:
            self.post_message(Parsed(text, str(error)))
        else:
            self.post_message(Parsed(text))

    def request_comparison(self) -> None:
        """Compare the scenarios with the rig as it is."""
        if self.state.rig is not None and self.state.scenarios:
            self._compare(Wanted(self.state.rig, self.state.question, self.state.scenarios))

    @work(thread=True, exclusive=True, group="compare")
    def _compare(self, wanted: Wanted[tuple[str, ...]]) -> None:
        worker, view = get_current_worker(), self.state.view
        try:
            found = abandonable(lambda: background.compare(wanted, view), lambda: worker.is_cancelled)
        except AbandonedError:
            return
        except background.expected_errors() as error:
            self.post_message(Compared(wanted, None, str(error)))
        else:
            self.post_message(Compared(wanted, found))

    @on(Compared)
    def _compared(self, message: Compared) -> None:
        wanted, state = message.wanted, self.state
        if (wanted.rig, wanted.question, wanted.of) != (state.rig, state.question, state.scenarios):
            return
        if message.error:
            self.notify(message.error, severity="error", markup=False)
        self.set_state(differences=message.differences)

    # ---------------------------------------------------------------- documents

    @work(thread=True, group="document")
    def make_document(self, make: Document, then: Callable[[str], None]) -> None:
        """Make what is exported or copied in the background, then go on with its text."""
        with sizes_in(self.glyphs.units):
            text = text_of(make())
        self.call_from_thread(then, text)
