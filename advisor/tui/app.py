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
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender

from advisor.core.question import Question
from advisor.tui import pauses
from advisor.tui.background import Measurer, Parsed, Prober
from advisor.tui.controller import Controller
from advisor.tui.export import write_document
from advisor.tui.glyphs import Glyphs
from advisor.tui.screens.ranking import RankingScreen
from advisor.tui.screens.toosmall import TooSmallScreen, too_small
from advisor.tui.state import (
    SORTS,
    command_line,
    next_context,
    next_kv_type,
    next_sort,
    next_use,
    next_users,
)
from advisor.tui.themes import DARK, LIGHT

if TYPE_CHECKING:
    from advisor.tui.screens.rig import RigScreen
    from advisor.tui.screens.topology import TopologyScreen
    from probes.types import Rig


class PlainScrollBar(ScrollBarRender):
    """A scroll bar of coloured blanks, without the eighths that Unicode has."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


class AdvisorApp(Controller):
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
        Binding("w", "what_if", "What if", id="app.what_if"),
        Binding("i", "rig_details", "Rig", id="app.rig_details"),
        Binding("m", "topology", "Topology", id="app.topology"),
        Binding("p", "picture", "Picture", id="app.picture"),
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
        super().__init__(
            question,
            filter_text=filter_text,
            rig=rig,
            rig_path=rig_path,
            prober=prober,
            measurer=measurer,
            glyphs=glyphs,
            # Textual turns colours into greys under NO_COLOR; with the terminal's own it sends none.
            ansi_color=True if "NO_COLOR" in os.environ else None,
        )
        self.export_folder = export_folder
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = "ansi-dark" if self.no_color else DARK.name
        ScrollBar.renderer = PlainScrollBar if self.glyphs.ascii else ScrollBarRender
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

    def open_why(self, model_id: str) -> None:
        """Explain a model on a screen of its own."""
        from advisor.tui.screens.why import WhyScreen

        self.select(model_id)
        self.push_screen(WhyScreen(self.glyphs, model_id))

    # ---------------------------------------------------------------- the question

    def ask(self, **changes: Any) -> None:
        """Change the question and rank again; say why where the runtime does not allow it."""
        try:
            question = replace(self.state.question, **changes)
        except ValueError as error:  # a QuestionError; its module is not loaded for the empty app
            self.notify(str(error), severity="warning")
            return
        # The ranking is under way while the new question is drawn.
        self.state = replace(self.state, question=question)
        self.request_ranking()
        self.set_state()
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
        self.ask(kv_type=next_kv_type(self.state.question))

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

        if self.state.rig is None:
            self.notify("there is no rig to change yet", severity="warning")
        elif not isinstance(self.screen, WhatIfScreen):
            self.push_screen(WhatIfScreen(self.glyphs))

    @on(Parsed)
    def _parsed(self, message: Parsed) -> None:
        from advisor.tui.screens.whatif import WhatIfScreen

        for screen in self.screen_stack:
            if isinstance(screen, WhatIfScreen):
                screen.heard(message)

    def action_picture(self) -> None:
        """Draw the chosen model's speed over RAM bandwidth, context, users or quantization."""
        from advisor.tui.screens.picture import PictureScreen

        if self.state.view is None or self.state.selected is None:
            self.notify("there is no model to draw yet", severity="warning")
        elif not isinstance(self.screen, PictureScreen):
            self.push_screen(PictureScreen(self.glyphs, self.state.selected))

    def set_scenarios(self, texts: tuple[str, ...]) -> None:
        """Other scenarios; compare again."""
        self.set_state(scenarios=texts, differences=None)
        if texts:
            self.request_comparison()

    # ---------------------------------------------------------------- output, help

    def action_export(self) -> None:
        """Write what the ranking shows as JSON."""
        if self.state.view is None:
            self.notify("there is no ranking to export yet", severity="warning")
            return
        from advisor.pipeline import RankingResult
        from advisor.report.documents import rank_document

        view, text = self.state.view, self.state.filter_text
        ranking = view.ranking(text)
        document = rank_document(RankingResult(view.result.rig, ranking, text))
        self.export(document, "rig-advisor-rank", f"{len(ranking)} models")

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

        self._open_beside(RigScreen)

    def _open_beside(self, kind: type[RigScreen] | type[TopologyScreen]) -> None:
        """Open one of the two screens about the rig; the other gives it its place."""
        from advisor.tui.screens.rig import RigScreen
        from advisor.tui.screens.topology import TopologyScreen

        if isinstance(self.screen, RigScreen | TopologyScreen):
            if not isinstance(self.screen, kind):
                self.switch_screen(kind(self.glyphs))
        else:
            self.push_screen(kind(self.glyphs))

    def action_topology(self) -> None:
        """How the machine is wired, and what limits what."""
        from advisor.tui.screens.topology import TopologyScreen

        self._open_beside(TopologyScreen)

    def action_command_palette(self) -> None:
        """Open the palette, unless it lies open under the message about the terminal's size."""
        if not isinstance(self.screen, TooSmallScreen):
            super().action_command_palette()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Palette entries: themes, then the app's actions."""
        yield SystemCommand("Dark theme", "Light text on dark", partial(self._use_theme, DARK.name))
        yield SystemCommand("Light theme", "Dark text on light", partial(self._use_theme, LIGHT.name))
        yield SystemCommand("What if", "Change the rig, keep the question", self.action_what_if)
        yield SystemCommand("Rig details", "All facts with their sources", self.action_rig_details)
        yield SystemCommand(
            "Topology", "Channels, modules, links, and what limits what", self.action_topology
        )
        yield SystemCommand(
            "Picture", "Speed over RAM bandwidth, context, users, quantization", self.action_picture
        )
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
    pauses.starting()
    app = AdvisorApp(question, filter_text=filter_text, rig=rig, rig_path=rig_path)
    app.run()
    return app.return_code or 0
