"""The export dialog: one key per format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from advisor.tui.glyphs import Glyphs
from advisor.tui.lines import KEY, MUTED, Line, Painted
from advisor.tui.screens.base import Document, StateModal

FORMATS: Mapping[str, tuple[str, str, str]] = {
    "json": ("j", "JSON", "everything, with its schema"),
    "csv": ("c", "CSV", "a table for a spreadsheet"),
    "markdown": ("m", "Markdown", "a table for a text"),
    "svg": ("s", "SVG", "a picture"),
}
"""Key, name and use of each format."""


class ExportFormats(Painted):
    """The formats as buttons."""

    auto_links = False

    def __init__(self, glyphs: Glyphs, formats: tuple[str, ...]) -> None:
        super().__init__(glyphs)
        self.formats = formats

    def paint(self, width: int) -> list[Line]:
        """One line each."""
        lines: list[Line] = []
        for name in self.formats:
            key, label, use = FORMATS[name]
            lines.append([(f" {key} ", KEY), (f" {label:<10}", "bold"), (use, MUTED)])
        return [*lines, [], [(" Esc", KEY), (" close", MUTED)]]

    def render(self) -> Content:
        """The buttons, with their actions for the mouse."""
        content = super().render()
        at = 0
        for name, line in zip(self.formats, content.plain.split("\n"), strict=False):
            content = content.stylize(f"@click=screen.write('{name}')", at, at + len(line))
            at += len(line) + 1
        return content


class ExportScreen(StateModal):
    """Choose a format; the file is written beside the others of its name, and nothing is overwritten."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(key, f"write('{name}')", label, id=f"export.{name}")
            for name, (key, label, _) in FORMATS.items()
        ),
        Binding("escape,e,q", "back", "Close", id="export.close"),
    ]

    def __init__(self, glyphs: Glyphs, name: str, documents: Mapping[str, Document]) -> None:
        super().__init__()
        self.glyphs, self.view_name, self.documents = glyphs, name, documents

    def compose(self) -> ComposeResult:
        """The formats that this view has."""
        formats = tuple(name for name in FORMATS if name == "svg" or name in self.documents)
        box = ExportFormats(self.glyphs, formats)
        box.border_title = f"Export {self.view_name} as"
        yield box

    def action_write(self, name: str) -> None:
        """Write it, if the view has this format."""
        make = self.documents.get(name)
        if make is not None or name == "svg":
            self.dismiss()
            self.advisor.call_after_refresh(self.advisor.write_view, self.view_name, name, make)
