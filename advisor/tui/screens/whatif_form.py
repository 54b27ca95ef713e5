"""The form of the what-if screen: a change is built by choosing, and tried on the rig while it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from advisor.tui import background
from advisor.tui.form import Form, choose, erase, join, move, step, to_line, write
from advisor.tui.glyphs import Glyphs
from advisor.tui.lines import KEY, MUTED, STRONG, TITLE, Line, Painted, clip, flow, pad, width_of, wrap
from advisor.tui.screens.base import StateModal
from advisor.tui.widgets.header import gpu_groups, gpu_parts, ram_text

if TYPE_CHECKING:
    from probes.types import Rig

_LABEL = 13
_LISTED = 8
_ROOMY = 18
"""From so many lines on there are empty ones between the parts."""


@dataclass(frozen=True, slots=True)
class Tried:
    """Whether the rig takes a text: what it is then, or why not."""

    text: str
    rig: Rig | None
    remarks: tuple[str, ...] = ()
    error: str = ""


class Previewed(Message):
    """A text was tried."""

    def __init__(self, tried: Tried) -> None:
        super().__init__()
        self.tried = tried


def rig_lines(rig: Rig, width: int, glyphs: Glyphs) -> list[Line]:
    """Memory and GPUs, as many on a line as fit."""
    items: list[Line] = [[(ram_text(rig, brief=False), "")]]
    items += [gpu_parts(gpu, count, glyphs, brief=True) for count, gpu in gpu_groups(rig.accelerators)]
    first, *rest = flow(items, width, gap=f" {glyphs.dot} ", indent="    ")
    return [[(f"  {glyphs.done} ", "$success"), *first[1:]], *rest]


def _choice(form: Form, n: int, width: int, glyphs: Glyphs) -> Line:
    """One line of the form: its label and what is chosen, with arrows for the mouse."""
    found = form.now.fields[n - 1] if n else None
    here = n == form.line
    label = found.label if found else "change"
    line: Line = [
        (f"{glyphs.cursor if here else ' '} ", KEY),
        (pad(label, _LABEL), STRONG if here else MUTED),
    ]
    if found is not None and found.typed:
        text = form.value(found)
        return [*line, (f"{text}_" if here else text, "underline"), ("" if text else "  type a name", MUTED)]
    label = form.now.label if found is None else found.options[form.at(found)].label
    note = "" if found is None else found.options[form.at(found)].note
    value = clip(label, width - width_of(line) - 6, glyphs.ellipsis)
    line += [
        (f"{glyphs.slider_left} ", f"{KEY} @click=screen.step_at({n}, -1)"),
        (value, f"{STRONG if here else ''} @click=screen.line({n})".strip()),
        (f" {glyphs.slider_right}", f"{KEY} @click=screen.step_at({n}, 1)"),
    ]
    return [*line, (f"  {note}", MUTED)] if note else line


def _list(form: Form, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """What can be chosen on the line, a window around what is."""
    found = form.field
    if found is not None and found.typed:
        return []
    shown, labels = form.shown(), form.labels()
    title: Line = [("  ", ""), (f"{len(shown)} of {len(labels)}", MUTED)]
    if form.search:
        title += [(" with ", MUTED), (form.search, STRONG)]
    else:
        title.append((", type to search", MUTED))
    if not shown:
        return [title, [("    nothing is called that: Backspace takes letters back", "$warning")]]
    at = shown.index(form.index) if form.index in shown else 0
    first = min(max(at - rows // 2, 0), max(len(shown) - rows, 0))
    room = min(max(len(labels[n]) for n in shown), width - 24)
    lines = [title]
    for n in shown[first : first + rows]:
        note = found.options[n].note if found is not None else ""
        mark, style = (glyphs.chosen, TITLE) if n == form.index else (" ", "")
        click = f"{style} @click=screen.choose({n})".strip()
        lines.append(
            [
                (f"  {mark} ", KEY),
                (pad(labels[n], room, ellipsis=glyphs.ellipsis), click),
                (f"  {note}", MUTED),
            ]
        )
    return lines


def form_lines(form: Form, tried: Tried | None, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The whole form in at most ``height`` lines: the list is as long as that allows."""
    gap: list[Line] = [[]] if height >= _ROOMY else []
    head = [*(_choice(form, n, width, glyphs) for n in range(len(form.now.fields) + 1)), []]
    tail = [*gap, *wrap(form.text, width, STRONG, "          ", "  makes   ")]
    if tried is None or tried.text != form.text:
        tail.append([("  ", ""), (f"trying it on this rig {glyphs.waiting}", MUTED)])
    elif tried.rig is None:
        tail += wrap(tried.error, width, "$error", "    ", f"  {glyphs.warning} ")[:3]
    else:
        tail += rig_lines(tried.rig, width, glyphs)
        for remark in tried.remarks[:1]:
            tail += wrap(remark, width, MUTED, "    ", f"  {glyphs.warning} ")[:2]
    keys: Line = [("  ", "")]
    for key, says, action in (
        (glyphs.enter, "add", "accept"),
        (",", "and another", "join"),
        ("Bksp", "take back", "erase"),
        ("Esc", "close", "back"),
    ):
        keys += [(key, f"{KEY} @click=screen.{action}"), (f" {says}   ", MUTED)]
    tail += [*gap, keys]
    rows = min(height - len(head) - len(tail) - 1, _LISTED)
    return [*head, *(_list(form, width, rows, glyphs) if rows > 0 else []), *tail]


class FormView(Painted):
    """The lines of the form."""

    auto_links = False

    def __init__(self, glyphs: Glyphs, form: Form) -> None:
        super().__init__(glyphs, id="what-if-form")
        self.form = form
        self.tried: Tried | None = None

    def paint(self, width: int) -> list[Line]:
        """All of it, with a list as long as the terminal allows."""
        return form_lines(self.form, self.tried, width, self.app.size.height - 2, self.glyphs)


class FormScreen(StateModal):
    """Builds a change; ``accept`` is called with its text."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Close", id="form.close"),
        Binding("enter", "accept", "Add", id="form.accept"),
        Binding("up,shift+tab", "move(-1)", "Line above", id="form.up"),
        Binding("down,tab", "move(1)", "Line below", id="form.down"),
        Binding("left", "step(-1)", "Option before", id="form.left"),
        Binding("right", "step(1)", "Option after", id="form.right"),
        Binding("pageup", "step(-8)", "Options before", id="form.page_up", show=False),
        Binding("pagedown", "step(8)", "Options after", id="form.page_down", show=False),
        Binding("comma", "join", "Join another change", id="form.join"),
        Binding("backspace", "erase", "Take back", id="form.erase"),
    ]

    def __init__(self, glyphs: Glyphs, form: Form, title: str, accept: Callable[[str], None]) -> None:
        super().__init__()
        self.glyphs, self.form, self.title_text, self.accept = glyphs, form, title, accept

    def compose(self) -> ComposeResult:
        """The form in a box."""
        view = FormView(self.glyphs, self.form)
        view.border_title = self.title_text
        yield view

    def on_mount(self) -> None:
        """Try what is chosen at first."""
        self._show(self.form)

    def on_resize(self) -> None:
        """The list follows the height."""
        self.query_one(FormView).repaint()

    def _show(self, form: Form) -> None:
        self.form = form
        view = self.query_one(FormView)
        view.form = form
        view.repaint()
        self._try(form.text)

    @work(thread=True, exclusive=True, group="preview")
    def _try(self, text: str) -> None:
        rig = self.advisor.state.rig
        if rig is None:
            return
        try:
            made = background.parse(text, rig)
        except background.expected_errors() as error:
            self.post_message(Previewed(Tried(text, None, error=str(error))))
        else:
            self.post_message(Previewed(Tried(text, made.rig, made.remarks)))

    @on(Previewed)
    def _previewed(self, message: Previewed) -> None:
        view = self.query_one(FormView)
        view.tried = message.tried
        view.repaint()

    # ---------------------------------------------------------------- keys and mouse

    def on_key(self, event: events.Key) -> None:
        """Letters search, or are typed where a field has no options."""
        if event.is_printable and event.character and event.character != ",":
            event.stop()
            self._show(write(self.form, event.character))

    def action_move(self, by: int) -> None:
        """The line above or below."""
        self._show(move(self.form, by))

    def action_step(self, by: int) -> None:
        """The option before or after."""
        self._show(step(self.form, by))

    def action_line(self, line: int) -> None:
        """Another line."""
        self._show(to_line(self.form, line))

    def action_step_at(self, line: int, by: int) -> None:
        """The option before or after on a line."""
        self._show(step(to_line(self.form, line), by))

    def action_choose(self, index: int) -> None:
        """An option of the list."""
        self._show(choose(self.form, index))

    def action_join(self) -> None:
        """Keep this change and choose another."""
        self._show(join(self.form))

    def action_erase(self) -> None:
        """Take back what was typed, or the last joined change."""
        self._show(erase(self.form))

    def action_accept(self) -> None:
        """Hand the text on, unless the rig is known not to take it."""
        tried = self.query_one(FormView).tried
        if tried is not None and tried.text == self.form.text and tried.rig is None:
            self.notify(tried.error, severity="warning", markup=False)
            return
        self.dismiss()
        self.accept(self.form.text)
