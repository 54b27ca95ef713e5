"""The app: composes the screens, and routes keys to changes of the state."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen

from advisor.core.question import Question
from advisor.report.format import sizes_in
from advisor.settings import BUILT_IN, Loaded, settings_path
from advisor.tui.background import Measurer, Parsed, Prober, measure_again
from advisor.tui.custom import Customized
from advisor.tui.export import SUFFIXES, plain_svg, write_text
from advisor.tui.glyphs import Glyphs
from advisor.tui.history import History, Texts
from advisor.tui.palette import commands
from advisor.tui.routes import ROUTES, screen_class, split_view
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.screens.palette import Palette
from advisor.tui.screens.ranking import RankingScreen
from advisor.tui.screens.toosmall import TooSmallScreen, too_small
from advisor.tui.settings import glyphs_of
from advisor.tui.state import (
    next_context,
    next_kv_type,
    next_runtime,
    next_sort,
    next_speed,
    next_use,
    next_users,
)

if TYPE_CHECKING:
    from probes.types import Rig


PATIENCE_S = 0.06
"""So long a new question waits for its answer before it is drawn alone."""


class AdvisorApp(Customized):
    """Which models run on this rig, how fast, why, and what an upgrade would change."""

    TITLE = "rig advisor"
    CSS_PATH = "styles.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "context(-1)", "Shorter context", id="app.context_shorter"),
        Binding("right_square_bracket", "context(1)", "Longer context", id="app.context_longer"),
        Binding("u", "users(1)", "More users", id="app.users_more"),
        Binding("U", "users(-1)", "Fewer users", id="app.users_fewer"),
        Binding("c", "use", "Use case", id="app.use"),
        Binding("t", "kv_type", "KV cache type", id="app.kv_type"),
        Binding("R", "runtime", "Runtime", id="app.runtime"),
        Binding("plus,equals_sign", "speed(1)", "Higher least speed", id="app.speed_more"),
        Binding("minus", "speed(-1)", "Lower least speed", id="app.speed_less"),
        *(
            Binding(route.key, f"open('{route.name}')", route.label, id=f"app.open_{route.name}")
            for route in ROUTES.values()
            if route.key
        ),
        Binding("r", "probe", "Probe again", id="app.probe"),
        Binding("e", "export", "Export", id="app.export"),
        Binding("y", "copy('command')", "Copy command", id="app.copy_command"),
        Binding("Y", "copy('row')", "Copy row", id="app.copy_row"),
        Binding("J", "copy('json')", "Copy JSON", id="app.copy_json"),
        Binding("question_mark,f1", "help", "Help", id="app.help"),
        Binding("q,ctrl+q", "quit", "Quit", id="app.quit", priority=False),
    ]

    def __init__(
        self,
        question: Question | None = None,
        *,
        filter_text: str = "",
        order: tuple[str, bool] = ("score", False),
        view: str = "ranking",
        rig: Rig | None = None,
        rig_path: str | None = None,
        prober: Prober | None = None,
        measurer: Measurer | None = None,
        remeasurer: Measurer = measure_again,
        glyphs: Glyphs | None = None,
        loaded: Loaded | None = None,
        export_folder: Path | None = None,
    ) -> None:
        """Make the app.

        Args:
            question: what is asked first.
            filter_text: a filter that has been parsed before.
            order: name of the sort order of the list, and whether it is reversed.
            view: opened as soon as there is a ranking, as ``--open`` names it.
            rig: a rig to rank for; without one this machine is probed.
            rig_path: the file the rig was read from, for the command that reproduces a view.
            prober: makes the rig when none is given; default: probe this machine.
            measurer: adds a measured RAM bandwidth to a probed rig; default: measure, unless it is known.
            remeasurer: measures the memory again when asked to.
            glyphs: character set; default: what the terminal can show.
            loaded: the user's settings; default: the built-in ones.
            export_folder: where ``e`` writes; default: the current folder.
        """
        super().__init__(
            question,
            filter_text=filter_text,
            order=order,
            rig=rig,
            rig_path=rig_path,
            prober=prober,
            measurer=measurer,
            remeasurer=remeasurer,
            glyphs=glyphs or glyphs_of(loaded.settings if loaded else BUILT_IN),
            # Textual turns colours into greys under NO_COLOR; with the terminal's own it sends none.
            ansi_color=True if "NO_COLOR" in os.environ else None,
        )
        self.export_folder = export_folder
        self.left_at = ""
        """The command that opens the view at which the app was quit."""
        self._opening: tuple[str, str] | None = split_view(view)
        self.take_settings(loaded or Loaded(BUILT_IN, settings_path(), found=False))

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
            if isinstance(self.screen, CommandPalette):
                self.pop_screen()  # it cannot be moved through where it has no line of its own
            self.push_screen(TooSmallScreen())
        elif not too_small(event.size) and shown:
            self.screen.dismiss()
            self.call_later(self.set_state)

    def action_open(self, name: str) -> None:
        """Open a view; one that lies below is gone back to.  Rig and topology give each other their place."""
        lacking = self._lacking(ROUTES[name].needs)
        if lacking:
            self.notify(lacking, severity="warning")
            return
        kind = screen_class(name)
        for depth, screen in enumerate(reversed(self.screen_stack)):
            if isinstance(screen, kind):
                for _ in range(depth):
                    self.pop_screen()
                return
        beside = ("rig", "topology")
        if name in beside and isinstance(self.screen, StateScreen) and self.screen.ROUTE in beside:
            self.switch_screen(kind(self.glyphs))
        else:
            self.push_screen(kind(self.glyphs))

    def _lacking(self, needs: str) -> str:
        """What must be there before a view can open, and is not."""
        if needs and self.state.rig is None:
            return "there is no rig yet: it is still being probed, or r probes again"
        if needs == "model" and (self.state.view is None or self.state.selected is None):
            return "there is no model to show yet"
        return ""

    def set_state(self, **changes: Any) -> None:
        """Change the state and draw it; the first ranking opens the view that was asked for."""
        super().set_state(**changes)
        if self._opening is None or self.state.view is None or not self.screen_stack:
            return
        if not isinstance(self.screen, TooSmallScreen):
            name, argument = self._opening
            self._opening = None
            if name != "ranking":
                self.action_open(name)
            if argument:
                self.call_after_refresh(self._show_argument, argument)

    def _show_argument(self, argument: str) -> None:
        if isinstance(self.screen, StateScreen):
            self.screen.open_with(argument)

    def open_why(self, model_id: str) -> None:
        """Explain a model on a screen of its own."""
        self.select(model_id)
        self.action_open("why")

    # ---------------------------------------------------------------- the question

    def ask(self, **changes: Any) -> None:
        """Change the question and rank again; say why where the runtime does not allow it."""
        try:
            question = replace(self.state.question, **changes)
        except ValueError as error:  # a QuestionError; its module is not loaded for the empty app
            self.notify(str(error), severity="warning")
            return
        self.set_question(question)

    def set_question(self, question: Question) -> None:
        """Ask another question."""
        # Drawn together with its answer, which is mostly quicker than drawing twice.
        self.state = replace(self.state, question=question)
        self.request_ranking()
        if self._ranking_runs:
            self.set_timer(PATIENCE_S, self._draw_late)
        else:
            self.set_state()
        self.request_comparison()

    def _draw_late(self) -> None:
        """Draw a question whose answer takes its time; the app may be gone by then."""
        if self.is_running and self.screen_stack:
            self.set_state()

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
        self.ask(kv_type=next_kv_type(self.state.question))

    def action_runtime(self) -> None:
        """The next runtime."""
        self.set_question(next_runtime(self.state.question))

    def action_speed(self, step: int) -> None:
        """A higher or lower least speed."""
        self.ask(min_tokens_per_s=next_speed(self.state.question.min_tokens_per_s, step))

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

    @on(Parsed)
    def _parsed(self, message: Parsed) -> None:
        from advisor.tui.screens.whatif import WhatIfScreen

        for screen in self.screen_stack:
            if isinstance(screen, WhatIfScreen):
                screen.heard(message)

    def set_scenarios(self, texts: tuple[str, ...]) -> None:
        """Other scenarios; compare again.  The list before can be had back."""
        state = self.state
        if texts != state.scenarios:
            self._show_scenarios(texts, state.history.after(state.scenarios))

    def undo_scenarios(self) -> None:
        """The list of scenarios before the last change of it."""
        history, texts = self.state.history.undo(self.state.scenarios)
        self._show_scenarios(texts, history)

    def redo_scenarios(self) -> None:
        """The list of scenarios that was undone last."""
        history, texts = self.state.history.redo(self.state.scenarios)
        self._show_scenarios(texts, history)

    def _show_scenarios(self, texts: Texts, history: History) -> None:
        self.set_state(scenarios=texts, history=history, differences=None)
        self.request_comparison()

    # ---------------------------------------------------------------- output, help

    def action_export(self) -> None:
        """Choose a format and write what the view shows."""
        from advisor.tui.screens.export import ExportScreen

        screen = self.screen
        if not isinstance(screen, StateScreen):
            return
        documents = dict(screen.documents(self.state))
        if not documents:
            self.notify("there is nothing to export yet", severity="warning")
            return
        self.push_screen(ExportScreen(self.glyphs, screen.ROUTE, documents))

    def action_copy(self, what: str) -> None:
        """Copy what the view shows: the ``command`` that prints it, the chosen ``row``, or its ``json``."""
        screen = self.screen
        if not isinstance(screen, StateScreen):
            return
        if what == "command":
            self.copy(screen.command(), "this view as a command")
        elif what == "row":
            with sizes_in(self.glyphs.units):
                text = screen.row_text(self.state)
            if text is None:
                self.notify("there is no row to copy here; y copies the command", severity="warning")
            else:
                self.copy(text, "row")
        else:
            make = screen.documents(self.state).get("json")
            if make is None:
                self.notify("there is nothing to copy yet", severity="warning")
            else:
                self.make_document(make, partial(self._copy_json, screen.ROUTE))

    def write_view(self, name: str, format_name: str, make: Document | None) -> None:
        """Write what a view shows in a format; without ``make``, a picture of the screen."""
        if make is None:
            picture = plain_svg(self.export_screenshot(title=f"rig advisor: {name}"))
            make = lambda: picture  # noqa: E731
        self.make_document(make, partial(self._write, name, format_name))

    def _write(self, name: str, format_name: str, text: str) -> None:
        folder = self.export_folder or Path.cwd()
        try:
            path = write_text(text, f"rig-advisor-{name}", SUFFIXES[format_name], folder)
        except OSError as error:
            self.notify(f"not written: {error}", severity="error", markup=False)
            return
        self.notify(f"{name} written to {path}", markup=False)

    def _copy_json(self, name: str, text: str) -> None:
        self.copy_to_clipboard(text)
        self.notify(f"{len(text):,} characters of JSON", title=f"copied: {name}", markup=False)

    def copy(self, text: str, what: str) -> None:
        """Copy a text and show it: not every terminal lets programs reach the clipboard."""
        self.copy_to_clipboard(text)
        self.notify(text, title=f"copied: {what}", markup=False)

    def action_help(self) -> None:
        """Keys and meanings."""
        from advisor.tui.screens.help import HelpScreen

        if isinstance(self.screen, StateScreen):
            self.push_screen(HelpScreen(self.glyphs, self.screen))

    async def action_quit(self) -> None:
        """Quit, and remember the view."""
        shown = [screen for screen in self.screen_stack if isinstance(screen, StateScreen)]
        if shown and self.state.rig is not None:
            self.left_at = shown[-1].link()
        await super().action_quit()

    def action_command_palette(self) -> None:
        """Open the palette, unless it lies open under the message about the terminal's size."""
        if not isinstance(self.screen, TooSmallScreen | CommandPalette):
            self.push_screen(Palette(id="--command-palette"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action with its key, views, orders and themes, then Textual's own."""
        yield from commands(self, screen, self.settings.keys)
        yield from super().get_system_commands(screen)
