"""The what-if screen: change the rig, keep the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from advisor.tui.background import Parsed
from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import KEY, MUTED, STRONG, TITLE, Line, Painted, flow, to_content, wrap
from advisor.tui.screens.base import Document, StateScreen
from advisor.tui.state import AppState, question_options, scenario_options
from advisor.tui.widgets.compare import column_layout, compare_lines
from advisor.tui.widgets.header import HardwareHeader
from advisor.tui.widgets.status import Hint, KeyBar, StatusLine

MOST_SCENARIOS = 4
LANGUAGE = (
    ("ram 2x32GB:DDR5-6000", "other memory modules"),
    ("ram +2x32GB:DDR5-6000", "modules beside the present ones"),
    ("mts 6400", "the present modules at another speed"),
    ("xmp on", "the present modules as they are sold (EXPO)"),
    ("channels 4", "another number of channels populated"),
    ("board DDR5 4 slots", "another board for the same CPU"),
    ("cpu Ryzen 9 9950X", "another CPU"),
    ("add-gpu RTX 3090", "one more GPU; 2x RTX 3090 for two"),
    ("add-gpu RTX 3090 over tb4", "an external one; also oculink"),
    ("replace-gpu RTX 5090", "this GPU instead of the present ones"),
    ("remove-gpu 1", "without the first GPU"),
    ("link pcie4x4 for gpu 2", "another link; nvlink between GPUs"),
    ("power 1 250", "power limit of a GPU in watts; psu 850"),
    ("ecc off", "error correction of GPU memory"),
    ("machine M3 Ultra 512GB", "another machine; or rig FILE"),
    ("second same over ethernet10", "a second machine on a network"),
)
_TEXT_WIDTH = max(len(text) for text, _ in LANGUAGE) + 2


class Suggested(Message):
    """Changes that this rig can take."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        super().__init__()
        self.texts = texts


class Presets(Painted):
    """Suggested changes as buttons with a number."""

    auto_links = False

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.texts: tuple[str, ...] | None = None

    def show(self, texts: tuple[str, ...]) -> None:
        """Draw these."""
        self.texts = texts
        self.repaint()

    def _items(self) -> list[Line]:
        return [[(f" {n} ", KEY), (f"{text} ", "")] for n, text in enumerate(self.texts or (), 1)]

    def paint(self, width: int) -> list[Line]:
        """As many lines as they need."""
        if self.texts is None:
            return [[("try ", MUTED), ("looking for changes that this rig can take", MUTED)]]
        if not self.texts:
            text = "this rig takes no other memory or GPU; describe another machine: rig-advisor rig --help"
            return wrap(text, width, MUTED)
        return flow(self._items(), width, gap=" ")

    def render(self) -> Content:
        """The buttons, with their actions for the mouse."""
        content = super().render()
        plain = content.plain
        for n, text in enumerate(self.texts or (), 1):
            label = f" {n} {text} "
            at = plain.find(label)
            if at >= 0:
                content = content.stylize(f"on $panel @click=screen.preset({n})", at, at + len(label))
        return content


class CompareView(Painted):
    """The comparison, or what to do when there is none."""

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.state: AppState | None = None
        self.first = 1

    def show(self, state: AppState) -> None:
        """Draw a state."""
        self.state = state
        self.repaint()

    def paint(self, width: int) -> list[Line]:
        """Comparison, progress or introduction."""
        state = self.state
        if state is None:
            return []
        if state.differences is not None:
            return compare_lines(state.differences, width, self.glyphs, first=self.first)
        if state.scenarios:
            return [[(f"comparing {self.glyphs.waiting}", MUTED)]]
        lines: list[Line] = [
            [("What would another part change?", TITLE)],
            [],
            [("  ", ""), ("1", KEY), (" to ", ""), ("6", KEY), (" add a change from above,", "")],
            [("  ", ""), ("a", KEY), (" types one; up to four stand side by side.", "")],
            [("  A comma joins several changes in one scenario.", "")],
            [],
        ]
        for text, meaning in LANGUAGE:
            lines.append([(f"  {text:<{_TEXT_WIDTH}}", STRONG), (meaning, MUTED)])
        return lines


class WhatIfInput(Input):
    """The text field for changes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,down,tab", "screen.leave_input", "Done", id="what_if.leave_input", show=False),
    ]


class WhatIfScreen(StateScreen):
    """The present rig beside up to four scenarios."""

    AUTO_FOCUS = ""
    SCROLLED = "#what-if-scroll"
    ROUTE = "what-if"
    KEY_HELP = (
        ("a", "type a change; Enter adds it as a scenario"),
        ("1 - 6", "add a suggested change"),
        ("x", "remove the last scenario (so does U)"),
        ("← →", "scenarios to the left or right of the screen"),
        ("↑ ↓  j k", "scroll"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", id="what_if.back"),
        Binding("a", "add", "Add a change", id="what_if.add"),
        Binding("u,x,ctrl+z", "undo", "Undo", id="what_if.undo"),
        Binding("U", "redo", "Redo", id="what_if.redo"),
        *(
            Binding(str(n), f"preset({n})", f"Suggestion {n}", id=f"what_if.preset_{n}", show=False)
            for n in range(1, 7)
        ),
        Binding("left,h", "column(-1)", "Left", id="what_if.left", show=False),
        Binding("right,l", "column(1)", "Right", id="what_if.right", show=False),
        Binding("up,k", "scroll(-1)", "Up", id="what_if.up", show=False),
        Binding("down,j", "scroll(1)", "Down", id="what_if.down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", id="what_if.page_up", show=False),
        Binding("pagedown,space", "scroll(10)", "Page down", id="what_if.page_down", show=False),
        Binding("w", "nothing", "", id="what_if.nothing", show=False),
    ]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._undone: list[str] = []

    def compose(self) -> ComposeResult:
        """Header, question, suggestions, text field, comparison, keys."""
        yield HardwareHeader(self.glyphs, id="header")
        yield StatusLine(self.glyphs, id="status")
        yield Presets(self.glyphs, id="what-if-presets")
        with Vertical(id="what-if-bar"):
            with Horizontal(id="what-if-row"):
                yield Static("what if ", id="what-if-mark", markup=False)
                yield WhatIfInput(
                    placeholder="a: type a change, e.g.  ram 2x32GB:DDR5-6000, add-gpu RTX 3090",
                    id="what-if-input",
                    compact=True,
                )
            yield Static("", id="what-if-error", markup=False)
        with VerticalScroll(id="what-if-scroll", can_focus=False):
            yield CompareView(self.glyphs, id="compare")
        yield KeyBar(self._hints(0), id="keys")

    def _hints(self, scenarios: int) -> Sequence[Hint]:
        return (
            Hint("Esc", "Back", "screen.back", 0),
            Hint("a", "Add", "screen.add", 1),
            Hint("1-6", "Suggested", "", 2),
            *((Hint("u", "Undo", "screen.undo", 1),) if scenarios else ()),
            Hint("[ ]", "Context", "app.context(1)", 2),
            Hint("c", "Use", "app.use", 3),
            *((Hint("e", "Export", "app.export", 3),) if scenarios else ()),
            *((Hint("y", "Copy command", "app.copy('command')", 4),) if scenarios else ()),
            Hint("?", "Help", "app.help", 0),
            Hint("q", "Quit", "app.quit", 1),
        )

    def on_mount(self) -> None:
        """Draw, and look for changes that suggest themselves."""
        super().on_mount()
        self._suggest()

    @work(thread=True, exclusive=True, group="suggest")
    def _suggest(self) -> None:
        from advisor.tui.suggestions import suggest

        rig = self.advisor.state.rig
        if rig is not None:
            self.post_message(Suggested(suggest(rig)))

    @on(Suggested)
    def _suggested(self, message: Suggested) -> None:
        self.query_one(Presets).show(message.texts)

    def show_state(self, state: AppState) -> None:
        """Draw a state."""
        self.query_one(HardwareHeader).show(state)
        self.query_one(StatusLine).show(state)
        self.query_one(CompareView).show(state)
        self.query_one(KeyBar).show(self._hints(len(state.scenarios)))

    # ---------------------------------------------------------------- scenarios

    def action_add(self) -> None:
        """Type a change."""
        self.query_one(WhatIfInput).focus()

    def action_leave_input(self) -> None:
        """Leave the text field; its text stays."""
        self._say("")
        self.set_focus(None)

    def action_preset(self, number: int) -> None:
        """Add a suggested change."""
        texts = self.query_one(Presets).texts or ()
        if number <= len(texts):
            self._add(texts[number - 1])

    @on(Input.Submitted, "#what-if-input")
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self._add(event.value.strip())
        else:
            self.action_leave_input()

    @on(Input.Changed, "#what-if-input")
    def _changed(self) -> None:
        self._say("")

    def _add(self, text: str) -> None:
        scenarios = self.advisor.state.scenarios
        if len(scenarios) >= MOST_SCENARIOS:
            self._say(f"{MOST_SCENARIOS} scenarios are the most; u takes the last one away")
        elif text in scenarios:
            self._say(f"{text!r} is there already")
        else:
            self.advisor.parse_scenario(text)

    def heard(self, message: Parsed) -> None:
        """A text has been parsed."""
        if message.error is not None:
            self._say(message.error)
            return
        scenarios = self.advisor.state.scenarios
        if len(scenarios) >= MOST_SCENARIOS or message.text in scenarios:
            return
        self._say("")
        field = self.query_one(WhatIfInput)
        if field.value.strip() == message.text:
            field.value = ""
            self.set_focus(None)
        self.advisor.set_scenarios((*scenarios, message.text))

    def action_undo(self) -> None:
        """Take the last scenario away."""
        scenarios = self.advisor.state.scenarios
        if scenarios:
            self._undone.append(scenarios[-1])
            self.query_one(CompareView).first = 1
            self.advisor.set_scenarios(scenarios[:-1])

    def action_redo(self) -> None:
        """Add the scenario that was taken away last."""
        if self._undone:
            self._add(self._undone.pop())

    def action_nothing(self) -> None:
        """``w`` opened this screen; here it does nothing."""

    def _say(self, error: str) -> None:
        line = self.query_one("#what-if-error", Static)
        line.display = bool(error)
        if error:
            line.update(to_content([[(f"{self.glyphs.warning} {error}", "$error")]]))

    # ---------------------------------------------------------------- moving, output

    def action_column(self, step: int) -> None:
        """Scenarios to the left or right of the screen."""
        view = self.query_one(CompareView)
        count = len(self.advisor.state.scenarios) + 1
        _, _, visible = column_layout(view.content_size.width, count)
        view.first = min(max(view.first + step, 1), max(count - visible + 1, 1))
        view.repaint()

    # ---------------------------------------------------------------- the same as text

    def text_command(self, state: AppState) -> list[str]:
        """The comparison as text."""
        options = question_options(state.question, self.advisor.rig_path)
        return ["what-if", *options, *scenario_options(state.scenarios)]

    def argument(self, state: AppState) -> str:
        """The scenarios."""
        return " | ".join(state.scenarios)

    def open_with(self, argument: str) -> None:
        """Add the scenarios, those of them that the rig can take."""
        for text in argument.split("|"):
            if text.strip():
                self._add(text.strip())

    def documents(self, state: AppState) -> Mapping[str, Document]:
        """The comparison."""
        differences = state.differences
        if differences is None:
            return {}

        def document() -> Mapping[str, Any]:
            from advisor.report.whatif_document import what_if_document

            return what_if_document(differences.comparison)

        return {"json": document}
