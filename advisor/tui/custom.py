"""The app as far as it goes by the user's settings: theme, characters, unit of sizes, keys."""

from __future__ import annotations

from typing import ClassVar

from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.widget import Widget

from advisor.settings import BUILT_IN, Loaded, Settings
from advisor.tui.controller import Controller
from advisor.tui.lines import Painted
from advisor.tui.screens.base import StateScreen
from advisor.tui.settings import glyphs_of, theme_of
from advisor.tui.themes import OWN
from advisor.tui.widgets.virtual import VirtualList


class PlainScrollBar(ScrollBarRender):
    """A scroll bar of coloured blanks, without the eighths that Unicode has."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


class Customized(Controller):
    """Goes by the settings; the settings screen changes them while it runs."""

    settings: Settings = BUILT_IN
    loaded: Loaded
    """The settings as they were read, or as they were saved last."""

    def take_settings(self, loaded: Loaded) -> None:
        """Start with these settings; the glyphs were chosen before."""
        for theme, _ in OWN.values():
            self.register_theme(theme)
        self.loaded, self.settings = loaded, loaded.settings
        self.theme = theme_of(self.settings)
        self.set_keymap({**self.settings.keys})
        self._use_characters()

    def use_settings(self, settings: Settings) -> None:
        """Go by other settings from now on: theme, characters, units and keys, at once."""
        self.settings = settings
        self.theme = theme_of(settings)
        self.set_keymap({**settings.keys})
        self.glyphs = glyphs_of(settings)
        self._use_characters()
        self.refresh_css(animate=False)  # the borders of the screens below as well
        for screen in self.screen_stack:
            if isinstance(screen, StateScreen):
                screen.glyphs = self.glyphs
            for widget in screen.walk_children(Widget):
                if isinstance(widget, Painted | VirtualList):
                    widget.glyphs = self.glyphs
                    widget.repaint()
                if widget.show_vertical_scrollbar:
                    widget.vertical_scrollbar.refresh()
        self.set_state()

    def _use_characters(self) -> None:
        ScrollBar.renderer = PlainScrollBar if self.glyphs.ascii else ScrollBarRender
        self.set_class(self.glyphs.ascii, "-ascii")
