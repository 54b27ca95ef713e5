"""The app: owns the state, starts background work, routes results and keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import get_current_worker

from advisor.core.question import Question
from advisor.tui import background
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
from advisor.tui.export import write_document
from advisor.tui.glyphs import Glyphs, choose
from advisor.tui.screens.base import StateScreen
from advisor.tui.screens.ranking import RankingScreen
from advisor.tui.screens.toosmall import TooSmallScreen, too_small
from advisor.tui.state import (
    SORTS,
    AppState,
    Progress,
    command_line,
    listing,
    next_context,
    next_kv_type,
    next_sort,
    next_use,
    next_users,
)
from advisor.tui.themes import DARK, LIGHT

if TYPE_CHECKING:
    from advisor.pipeline import Explanation
    from probes.types import Rig

_KEPT_EXPLANATIONS = 64


class AdvisorApp(App[None]):
    """Which models run on this rig, how fast, why, and what an upgrade would change."""

    TITLE = "rig advisor"
    CSS_PATH = "styles.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "context(-1)", "Shorter context", id="app.context_shorter"),
        Binding("right_square_bracket", "context(1)", "Longer context", id="app.context_longer"),
        Binding("u", "users(1)", "More users", id="app.users_more"),
        Binding("U", "users(-1)", "Fewer users", id="app.users_fewer"),
        Binding("c", "use", "Use case", id="app.use"),
        Binding("t", "kv_type", "KV cache type", id="app.kv_type"),
        Binding("s", "sort", "Sort", id="app.sort"),
        Binding("S", "reverse", "Reverse", id="app.reverse"),
        Binding("n", "unfit", "Not fitting", id="app.unfit"),
        Binding("w", "what_if", "What if", id="app.what_if"),
        Binding("i", "rig_details", "Rig", id="app.rig_details"),
        Binding("r", "probe", "Probe again", id="app.probe"),
        Binding("e", "export", "Export", id="app.export"),
        Binding("y", "copy_command", "Copy command", id="app.copy_command"),
        Binding("question_mark,f1", "help", "Help", id="app.help"),
        Binding("q,ctrl+q", "quit", "Quit", id="app.quit", priority=False),
    ]

    def __init__(
        self,
        question: Question | None = None,
        *,
        filter_text: str = "",
        rig: Rig | None = None,
        rig_path: str | None = None,
        prober: Prober | None = None,
        measurer: Measurer | None = None,
        glyphs: Glyphs | None = None,
        export_folder: Path | None = None,
    ) -> None:
        """Make the app.

        Args:
            question: what is asked first.
            filter_text: a filter that has been parsed before.
            rig: a rig to rank for; without one this machine is probed.
            rig_path: the file the rig was read from, for the command that reproduces a view.
            prober: makes the rig when none is given; default: probe this machine.
            measurer: adds a measured RAM bandwidth to a probed rig; default: measure.
            glyphs: character set; default: what the terminal can show.
            export_folder: where ``e`` writes; default: the current folder.
        """
        super().__init__()
        self.glyphs = glyphs or choose()
        self.rig_path = rig_path
        self.prober = prober or background.probe_here
        # A prober of one's own makes rigs of other machines: there is nothing here to measure.
        self.measurer = measurer or (background.measure_here if prober is None else lambda _: None)
        self.export_folder = export_folder
        self.state = AppState(
            question=question or Question(),
            rig=rig,
            origin=rig_path or "this machine",
            probed_here=rig is None,
            filter_text=filter_text.strip(),
        )
        self._explanations: dict[Wanted[tuple[str, str]], Explanation] = {}
        self._ranking_runs = False
        self._measured_once = False
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        # Without colour, the terminal's own two colours are the safest background and text.
        self.theme = "ansi-dark" if self.no_color else DARK.name
        if self.glyphs.ascii:
            self.add_class("-ascii")

    # ---------------------------------------------------------------- screens and state

    def get_default_screen(self) -> Screen[None]:
        """The ranking."""
        return RankingScreen(self.glyphs)

    def on_mount(self) -> None:
        """Start with the rig given, or look for one.  The first paint does not wait."""
        if self.state.rig is None:
            self.action_probe()
        else:
            self.request_ranking()

    def on_resize(self, event: events.Resize) -> None:
        """Say so when the terminal is too small for anything useful."""
        shown = isinstance(self.screen, TooSmallScreen)
        if too_small(event.size) and not shown:
            self.push_screen(TooSmallScreen())
        elif not too_small(event.size) and shown:
            self.screen.dismiss()

    def set_state(self, **changes: Any) -> None:
        """Change the state and draw it on every screen."""
        self.state = replace(self.state, **changes)
        for screen in self.screen_stack:
            if isinstance(screen, StateScreen) and screen.is_mounted:
                screen.show_state(self.state)

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
        if message.rig is not None:
            self._measured_once = False
            self.request_ranking()

    @work(thread=True, exclusive=True, group="measure", exit_on_error=False)
    def _measure(self, rig: Rig) -> None:
        worker = get_current_worker()
        try:
            found = abandonable(lambda: self.measurer(rig), lambda: worker.is_cancelled)
        except AbandonedError:
            return
        except Exception as error:
            self.post_message(Measured(None, rig, str(error)))
        else:
            self.post_message(Measured(found, rig))

    @on(Measured)
    def _measured(self, message: Measured) -> None:
        self.set_state(activity="")
        if message.rig is not None and self.state.rig is message.base:
            self.set_state(rig=message.rig)
            self.request_ranking()

    # ---------------------------------------------------------------- ranking

    def request_ranking(self) -> None:
        """Rank again for the present rig and question."""
        if self.state.rig is None or self._ranking_runs:
            return
        self._ranking_runs = True
        if self.state.view is None:
            self.set_state(activity="ranking …")
        self._rank(Wanted(self.state.rig, self.state.question, None))

    @work(thread=True, exclusive=True, group="rank")
    def _rank(self, wanted: Wanted[None]) -> None:
        worker = get_current_worker()
        try:
            view = abandonable(lambda: background.rank(wanted), lambda: worker.is_cancelled)
        except AbandonedError:
            return
        except background.expected_errors() as error:
            self.post_message(Ranked(wanted, None, str(error)))
        else:
            self.post_message(Ranked(wanted, view))

    @on(Ranked)
    def _ranked(self, message: Ranked) -> None:
        self._ranking_runs = False
        now = (self.state.rig, self.state.question)
        changes: dict[str, Any] = {"view": message.view, "failure": message.error}
        if self.state.activity == "ranking …":
            changes["activity"] = ""
        if self.state.selected is None and message.view is not None and message.view.rows:
            changes["selected"] = message.view.rows[0].model_id
        self.set_state(**changes)
        if (message.wanted.rig, message.wanted.question) != now:
            self.request_ranking()
        elif not self._measured_once and self.state.probed_here and self.state.rig is not None:
            self._measured_once = True
            if not self.state.rig.memory.measured_bandwidth_bytes_per_s.known:
                self.set_state(activity="measuring RAM bandwidth …")
                self._measure(self.state.rig)

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

    def open_why(self, model_id: str) -> None:
        """Explain a model on a screen of its own."""
        from advisor.tui.screens.why import WhyScreen

        self.select(model_id)
        self.push_screen(WhyScreen(self.glyphs, model_id))

    # ---------------------------------------------------------------- the question

    def ask(self, **changes: Any) -> None:
        """Change the question and rank again."""
        self.set_state(question=replace(self.state.question, **changes))
        self.request_ranking()
        if self.state.scenarios:
            self.request_comparison()

    def action_context(self, step: int) -> None:
        """Halve or double the context."""
        self.ask(context=next_context(self.state.question.context, step))

    def action_users(self, step: int) -> None:
        """Half or twice as many users."""
        self.ask(users=next_users(self.state.question.users, step))

    def action_use(self) -> None:
        """The next use case."""
        self.ask(use=next_use(self.state.question.use))

    def action_kv_type(self) -> None:
        """The next cache type."""
        self.ask(kv_type=next_kv_type(self.state.question.kv_type))

    # ---------------------------------------------------------------- the list

    def set_filter(self, text: str) -> None:
        """Use a filter that has been parsed."""
        if text != self.state.filter_text:
            self.set_state(filter_text=text)

    def sort_by(self, sort: str) -> None:
        """Sort by a column; the same column again reverses."""
        if sort == self.state.sort:
            self.set_state(reverse=not self.state.reverse)
        else:
            self.set_state(sort=sort, reverse=False)

    def action_sort(self) -> None:
        """The next sort order."""
        self.set_state(sort=next_sort(self.state.sort), reverse=False)

    def action_reverse(self) -> None:
        """The other direction."""
        self.set_state(reverse=not self.state.reverse)

    def action_unfit(self) -> None:
        """Show or hide models that do not fit."""
        self.set_state(show_unfit=not self.state.show_unfit)

    def toggle_pin(self, model_id: str) -> None:
        """Pin a model to the top of the list, or unpin it."""
        pins = self.state.pins
        kept = tuple(p for p in pins if p != model_id)
        self.set_state(pins=kept if model_id in pins else (*pins, model_id))

    # ---------------------------------------------------------------- what if

    def action_what_if(self) -> None:
        """Open the what-if screen."""
        from advisor.tui.screens.whatif import WhatIfScreen

        if self.state.rig is None or self.state.view is None:
            self.notify("there is no rig to change yet", severity="warning")
        elif not isinstance(self.screen, WhatIfScreen):
            self.push_screen(WhatIfScreen(self.glyphs))

    @work(thread=True, group="parse")
    def parse_scenario(self, text: str) -> None:
        """Make a scenario of a text; the screen hears of it."""
        rig = self.state.rig
        if rig is None:
            return
        try:
            scenario = background.parse(text, rig)
        except background.expected_errors() as error:
            self.post_message(Parsed(text, rig, None, str(error)))
        else:
            self.post_message(Parsed(text, rig, scenario))

    @on(Parsed)
    def _parsed(self, message: Parsed) -> None:
        from advisor.tui.screens.whatif import WhatIfScreen

        for screen in self.screen_stack:
            if isinstance(screen, WhatIfScreen):
                screen.heard(message)

    def set_scenarios(self, scenarios: tuple[tuple[str, Any], ...]) -> None:
        """Other scenarios; compare again."""
        self.set_state(scenarios=scenarios, comparison=None)
        if scenarios:
            self.request_comparison()

    def request_comparison(self) -> None:
        """Compare the scenarios with the rig as it is."""
        if self.state.rig is not None:
            names = tuple(text for text, _ in self.state.scenarios)
            self._compare(Wanted(self.state.rig, self.state.question, names), self.state.scenarios)

    @work(thread=True, exclusive=True, group="compare")
    def _compare(self, wanted: Wanted[tuple[str, ...]], scenarios: tuple[tuple[str, Any], ...]) -> None:
        worker = get_current_worker()
        try:
            found = abandonable(
                lambda: background.compare(wanted, [s for _, s in scenarios]), lambda: worker.is_cancelled
            )
        except AbandonedError:
            return
        except background.expected_errors() as error:
            self.post_message(Compared(wanted, None, str(error)))
        else:
            self.post_message(Compared(wanted, found))

    @on(Compared)
    def _compared(self, message: Compared) -> None:
        names = tuple(text for text, _ in self.state.scenarios)
        wanted = message.wanted
        if (wanted.rig, wanted.question, wanted.of) != (self.state.rig, self.state.question, names):
            return
        if message.error:
            self.notify(message.error, severity="error")
        self.set_state(comparison=message.comparison)

    # ---------------------------------------------------------------- output, help

    def action_export(self) -> None:
        """Write what the ranking shows as JSON."""
        if self.state.view is None:
            self.notify("there is no ranking to export yet", severity="warning")
            return
        from advisor.pipeline import RankingResult
        from advisor.report.documents import rank_document

        found = listing(self.state)
        ranking = self.state.view.result.ranking
        places = {row.model_id: n for n, row in enumerate(self.state.view.rows)}
        from advisor.core.filter import parse_filter

        accept = parse_filter(self.state.filter_text)
        keep = [places[r.model_id] for r in self.state.view.rows if accept(r.seen)]
        result = RankingResult(
            self.state.view.result.rig,
            replace(ranking, rows=ranking.rows[keep]),
            self.state.filter_text,
        )
        self.export(rank_document(result), "rig-advisor-rank", f"{found.matching} models")

    def export(self, document: dict[str, Any], stem: str, what: str) -> None:
        """Write a document and say where it is."""
        try:
            path = write_document(document, stem, self.export_folder or Path.cwd())
        except OSError as error:
            self.notify(f"not written: {error}", severity="error")
            return
        self.notify(f"{what} written to {path}", markup=False)

    def copy(self, text: str, what: str) -> None:
        """Copy a text and show it: not every terminal lets programs reach the clipboard."""
        self.copy_to_clipboard(text)
        self.notify(text, title=f"copied: {what}", markup=False)

    def action_copy_command(self) -> None:
        """Copy the command that prints this view."""
        self.copy(command_line(self.state, self.rig_path), "this view as a command")

    def action_help(self) -> None:
        """Keys and meanings."""
        from advisor.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.glyphs, self.screen, command_line(self.state, self.rig_path)))

    def action_rig_details(self) -> None:
        """Every fact of the rig with its source, and the notes."""
        from advisor.tui.screens.rig import RigScreen

        if not isinstance(self.screen, RigScreen):
            self.push_screen(RigScreen(self.glyphs))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Palette entries: themes, then the app's actions."""
        yield SystemCommand("Dark theme", "Light text on dark", partial(self._use_theme, DARK.name))
        yield SystemCommand("Light theme", "Dark text on light", partial(self._use_theme, LIGHT.name))
        yield SystemCommand("What if", "Change the rig, keep the question", self.action_what_if)
        yield SystemCommand("Rig details", "All facts with their sources", self.action_rig_details)
        yield SystemCommand("Probe again", "Look at this machine again", self.action_probe)
        yield SystemCommand("Export", "Write the ranking as JSON", self.action_export)
        yield SystemCommand("Copy command", "The command that prints this view", self.action_copy_command)
        for name, order in SORTS.items():
            yield SystemCommand(
                f"Sort by {order.label}", "Change the order of the list", partial(self.sort_by, name)
            )
        yield from super().get_system_commands(screen)

    def _use_theme(self, name: str) -> None:
        self.theme = name


def run(rig_path: str | None, question: Question, filter_text: str) -> int:
    """Run the app until it is quit.

    Args:
        rig_path: a Rig file; ``None``: probe this machine.
        question: asked first.
        filter_text: filter of the list.

    Raises:
        RigError: the file cannot be read.
        FilterError: the filter cannot be understood.
    """
    if filter_text.strip():
        from advisor.core.filter import parse_filter

        parse_filter(filter_text)
    rig = None
    if rig_path is not None:
        from probes.rigfile import load_rig

        rig = load_rig(rig_path)
    app = AdvisorApp(question, filter_text=filter_text, rig=rig, rig_path=rig_path)
    app.run()
    return app.return_code or 0
