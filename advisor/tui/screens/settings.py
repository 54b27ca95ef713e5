"""The settings screen: looks, defaults and keys; what is changed shows at once and is saved on leaving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.geometry import Region
from textual.widgets import Input, Static

from advisor.settings import BUILT_IN, NAMES, Settings, SettingsError, changed, check_together, reset
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.keys import Bound, all_bound, conflict, key_text
from advisor.tui.lines import MUTED, Line, Painted, to_content
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.screens.key_dialog import ConfirmScreen, KeyScreen
from advisor.tui.setting_rows import LABELS, TYPED, Row, choices, rows_of, setting_lines, stepped
from advisor.tui.state import AppState
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import Hint, KeyBar


class SettingsList(Painted):
    """All settings and keys, with a cursor."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.rows: tuple[Row, ...] = ()
        self.cursor = 0
        self.places: list[int] = []

    def paint(self, width: int) -> list[Line]:
        """As many lines as there are."""
        screen = self.screen
        if not isinstance(screen, SettingsScreen):
            return []
        app = screen.advisor
        lines, self.places = setting_lines(
            self.rows, app.loaded, app.settings, self.cursor, width, self.glyphs
        )
        return lines

    def on_click(self, event: events.Click) -> None:
        """Go to the row; the one under the cursor is changed."""
        if event.y in self.places and isinstance(self.screen, SettingsScreen):
            self.screen.clicked(self.places.index(event.y))


class SettingsNote(Painted):
    """What becomes of changes, and the file."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.line: Line = []

    def show(self, line: Line) -> None:
        """Say this."""
        self.line = line
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """One line."""
        return [self.line]


class SettingInput(Input):
    """The text field for a number."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.leave_input", "Leave", id="settings.leave_input"),
    ]


class SettingsScreen(StateScreen):
    """Looks, defaults and the key map."""

    AUTO_FOCUS = ""
    SCROLLED = "#settings-scroll"
    ROUTE = "settings"
    KEY_HELP = (
        ("↑ ↓  j k", "move; PgUp PgDn by pages, g G to the ends"),
        ("← →  h l", "another value, at once; it is saved when you leave"),
        ("Enter", "type a number, or press a new key for an action"),
        ("d  D", "back to what is built in: this one, all"),
        ("s", "save now"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q", "leave", "Save and go back", id="settings.back"),
        Binding("up,k", "move(-1)", "Up", id="settings.up", show=False),
        Binding("down,j", "move(1)", "Down", id="settings.down", show=False),
        Binding("pageup", "move(-10)", "Page up", id="settings.page_up", show=False),
        Binding("pagedown", "move(10)", "Page down", id="settings.page_down", show=False),
        Binding("home,g", "move(-1000)", "Top", id="settings.top", show=False),
        Binding("end,G", "move(1000)", "Bottom", id="settings.bottom", show=False),
        Binding("left,h", "step(-1)", "Value before", id="settings.less"),
        Binding("right,l,space", "step(1)", "Next value", id="settings.more"),
        Binding("enter", "change", "Change", id="settings.change"),
        Binding("d", "reset", "Built-in value", id="settings.reset"),
        Binding("D", "reset_all", "Everything as built in", id="settings.reset_all"),
        Binding("s", "save", "Save settings", id="settings.save"),
    ]

    def compose(self) -> ComposeResult:
        """Header, what holds, the list, a text field, keys."""
        yield HardwareHeader(self.glyphs, id="header")
        yield SettingsNote(self.glyphs, id="settings-note")
        with VerticalScroll(id="settings-scroll", can_focus=False):
            found = SettingsList(self.glyphs, id="settings-list")
            found.rows = rows_of(all_bound())
            yield found
        with Vertical(id="settings-bar"):
            with Horizontal(id="settings-row"):
                yield Static("", id="settings-mark", markup=False)
                yield SettingInput(id="settings-input", compact=True)
            yield Static("", id="settings-error", markup=False)
        yield KeyBar(
            (
                Hint("Esc", "Save, back", "screen.leave", 0),
                Hint("← →", "Value", "screen.step(1)", 1),
                Hint(self.glyphs.enter, "Type, new key", "screen.change", 1),
                Hint("d", "As built in", "screen.reset", 1),
                Hint("D", "All", "screen.reset_all", 3),
                Hint("s", "Save now", "screen.save", 2),
                Hint("y", "Copy command", "app.copy('command')", 4),
                Hint("?", "Help", "app.help", 0),
            ),
            self.glyphs,
            id="keys",
        )

    def on_unmount(self) -> None:
        """Quitting from here saves as well."""
        if self._wanted() != self.advisor.loaded.in_file:
            self._write()

    def show_state(self, state: AppState) -> None:
        """Draw; the note says what is saved where."""
        self.query_one(HardwareHeader).show(state)
        app = self.advisor
        saved = self._wanted() == app.loaded.in_file
        if saved:
            line: Line = [("what you change shows at once and is saved when you leave", MUTED)]
        else:
            line = [("changed; saved when you leave, or now with s", "$warning")]
        line.append((f"  {self.glyphs.dot}  {app.loaded.path}", MUTED))
        self.query_one(SettingsNote).show(line)
        self.query_one(SettingsList).repaint()

    # ---------------------------------------------------------------- moving

    @property
    def _row(self) -> Row:
        found = self.query_one(SettingsList)
        return found.rows[found.cursor]

    def action_move(self, step: int) -> None:
        """Another row; the list scrolls with it."""
        found = self.query_one(SettingsList)
        found.cursor = min(max(found.cursor + step, 0), len(found.rows) - 1)
        self._say("")
        found.repaint()
        if found.places:
            line = 0 if found.cursor == 0 else found.places[found.cursor]
            self.query_one(self.SCROLLED).scroll_to_region(Region(0, line, 1, 1), animate=False)

    def clicked(self, row: int) -> None:
        """A click on a row: go there, or change it."""
        found = self.query_one(SettingsList)
        if row == found.cursor:
            self.action_change()
        else:
            self.action_move(row - found.cursor)

    # ---------------------------------------------------------------- changing

    def _use(self, settings: Settings) -> bool:
        """Go by these settings, if they are possible."""
        try:
            check_together(settings, "not possible")
        except SettingsError as error:
            self._say(str(error))
            return False
        self._say("")
        self.advisor.use_settings(settings)
        return True

    def action_step(self, step: int) -> None:
        """Another value of a setting."""
        row = self._row
        if row.bound is not None:
            self._say("Enter records a new key; d brings the built-in one back")
            return
        settings = self.advisor.settings
        after = changed(settings, row.name, stepped(settings, row.name, step), row.name)
        if row.name == "runtime" and after.kv_type not in choices(after, "kv_type"):
            after = replace(after, kv_type=choices(after, "kv_type")[0])
        self._use(after)

    def action_change(self) -> None:
        """Type a number, record a key, or take the next value."""
        row = self._row
        if row.bound is not None:
            self._record(row.bound)
        elif row.name in TYPED:
            self.query_one("#settings-bar").add_class("-open")
            self.query_one("#settings-mark", Static).update(f"{LABELS.get(row.name, row.name)} ")
            field = self.query_one(SettingInput)
            value = getattr(self.advisor.settings, row.name)
            field.value = f"{value:g}" if isinstance(value, float) else str(value)
            field.focus()
        else:
            self.action_step(1)

    @on(Input.Submitted, "#settings-input")
    def _submitted(self, event: Input.Submitted) -> None:
        row = self._row
        try:
            after = changed(self.advisor.settings, row.name, event.value, LABELS.get(row.name, row.name))
        except SettingsError as error:
            self._say(str(error))
            return
        if self._use(after):
            self.action_leave_input()

    def action_leave_input(self) -> None:
        """Leave the text field."""
        self.query_one("#settings-bar").remove_class("-open")
        self._say("")
        self.set_focus(None)

    def _record(self, bound: Bound) -> None:
        def refusal(key: str) -> str:
            other = conflict(bound.id, key, self.advisor.settings.keys, all_bound())
            if other is None:
                return ""
            text = key_text(key, ascii_only=self.glyphs.ascii)
            return f"{text} is the key of: {other.label} ({other.id}); press another"

        def take(key: str) -> None:
            after = reset(self.advisor.settings, f"keys.{bound.id}")
            if (key,) != bound.keys:
                after = changed(after, f"keys.{bound.id}", key, "keys")
            self._use(after)

        self.app.push_screen(KeyScreen(self.glyphs, bound.label, refusal, take))

    def action_reset(self) -> None:
        """The built-in value of this row."""
        self._use(reset(self.advisor.settings, self._row.name))

    def action_reset_all(self) -> None:
        """Everything as built in, after a question."""
        question = "Set looks, defaults and keys back to what is built in?"
        self.app.push_screen(ConfirmScreen(self.glyphs, question, lambda: self._all_back()))

    def _all_back(self) -> None:
        self._use(Settings())

    def _say(self, error: str) -> None:
        line = self.query_one("#settings-error", Static)
        line.display = bool(error)
        if error:
            line.update(to_content([[(f"{self.glyphs.warning} {error}", "$error")]]))

    # ---------------------------------------------------------------- saving

    def _wanted(self) -> Settings:
        """What the file should say: what the environment sets is not written into it."""
        app = self.advisor
        wanted = app.settings
        for name in app.loaded.variables:
            if getattr(app.settings, name) == getattr(app.loaded.settings, name):
                wanted = changed(wanted, name, getattr(app.loaded.in_file, name), name)
        return wanted

    def _write(self) -> None:
        from advisor.settings_file import save

        app = self.advisor
        wanted = self._wanted()
        try:
            backup = save(wanted, app.loaded.path)
        except SettingsError as error:
            app.notify(str(error), severity="error", markup=False)
            return
        stated = {name for name in NAMES if getattr(wanted, name) != getattr(BUILT_IN, name)}
        app.loaded = replace(
            app.loaded, settings=app.settings, in_file=wanted, found=True, set_in_file=frozenset(stated)
        )
        kept = f"; the file before: {backup.name}" if backup else ""
        app.notify(f"settings saved in {app.loaded.path}{kept}", markup=False)

    def action_save(self) -> None:
        """Write the file and say where it is."""
        self._write()
        self.show_state(self.advisor.state)

    def action_leave(self) -> None:
        """Go back; what was changed is saved."""
        self.dismiss()

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """The settings as text."""
        return ["settings"]

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The settings."""
        from advisor.report.settings_text import settings_document

        loaded = replace(self.advisor.loaded, settings=self.advisor.settings)
        return {"json": lambda: settings_document(loaded)}
