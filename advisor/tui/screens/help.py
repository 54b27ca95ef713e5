"""Help: the keys of the screen it was opened from, and what the signs mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll

from advisor.tui.glyphs import FIT_WORDS, Glyphs
from advisor.tui.lines import KEY, MUTED, TITLE, Line, Painted, pad, wrap
from advisor.tui.routes import ROUTES
from advisor.tui.screens.base import StateModal, StateScreen
from advisor.tui.widgets.bars import SEGMENT_STYLES
from advisor.tui.widgets.table import FIT_STYLES

_SEGMENTS = {
    "weights": "weights read from GPU (or unified) memory",
    "ram": "weights read from RAM by the CPU",
    "kv": "KV cache and recurrent state",
    "compute": "arithmetic beyond the reading; in memory bars: buffers",
    "link": "hand-over between devices",
    "launch": "fixed time per layer: launches, synchronisation",
    "free": "memory left free",
}

_COMMON = (
    ("[  ]", "half, double the context"),
    ("u  U", "twice, half as many users"),
    ("c", "use case: chat, coding, agent, rag, reasoning"),
    ("t", "KV cache type: f16, q8_0, q4_0"),
    ("R", "runtime: llama.cpp, Ollama, MLX, vLLM and others"),
    ("+  -", "higher, lower least speed: the best quantization that reaches it"),
    *((route.key, route.says) for route in ROUTES.values() if route.key),
    ("r", "probe this machine again"),
    ("y  Y  J", "copy the command that prints this view, the row, or JSON"),
    ("e", "export: JSON, CSV, Markdown, SVG"),
    ("Ctrl+P", "command palette: themes and more"),
    ("q", "quit"),
)

_NUMBERS = (
    ("GiB", "1024³ bytes; weights, KV cache and buffers together"),
    ("GB/s", "10⁹ bytes per second"),
    ("tok/s", "tokens per second that one user sees while it writes"),
    ("28~41", "80 % of measurements of similar cases lie in this range"),
    ("TTFT", "time to the first token of a prompt typical of the use"),
    ("Model +3", "three variants (base, finetunes, prunes) share the row; / finds them by name"),
    ("Score", "0 to 100: quality, speed, fit and context, weighed for the use"),
)


def help_lines(
    keys: Sequence[tuple[str, str]], command: str, link: str, width: int, glyphs: Glyphs
) -> list[Line]:
    """Keys of a screen, meanings, and this view as commands."""

    def entry(key: str, text: str, style: str = KEY) -> list[Line]:
        if glyphs.ascii:
            for found, plain in (("↑", "Up"), ("↓", "Down"), ("←", "Left"), ("→", "Right"), ("³", "^3")):
                key, text = key.replace(found, plain), text.replace(found, plain)
            text = text.replace("⁹", "^9")
        room = 17 if glyphs.ascii else 11
        first, *rest = wrap(text, width - room - 2)
        return [[("  ", ""), (pad(key, room), style), *first], *([(" " * (room + 2), ""), *r] for r in rest)]

    lines: list[Line] = [[("Keys here", TITLE)]]
    for key, text in keys:
        lines += entry(key, text)
    lines += [[], [("Keys everywhere", TITLE)]]
    for key, text in _COMMON:
        lines += entry(key, text)
    lines += [[], [("Fit", TITLE)]]
    for fit, text in FIT_WORDS.items():
        word = "+9.9 GiB" if fit == "none" else fit
        lines += entry(f"{glyphs.fit[fit]} {word}", text, FIT_STYLES[fit])
    lines += [[], [("Bars", TITLE)]]
    for kind, text in _SEGMENTS.items():
        lines += entry(glyphs.fills[kind] * 3, text, SEGMENT_STYLES[kind])
    lines += [[], [("Numbers", TITLE)]]
    for key, text in _NUMBERS:
        lines += entry(key, text, "bold")
    lines += [[], [("Filter", TITLE)]]
    for text in (
        "words match name, maker, family;  params<40  tok>20  mem<24  ctx>=32k  year>=2025  score>60",
        "quant:q4  fit:full|offload|cpu  is:moe|dense|vision|tools  license:apache  -word excludes",
    ):
        lines += wrap(text, width, "", "  ", "  ")
    lines += [[], [("This view as text", TITLE)], *wrap(command, width, "", "    ", "  ")]
    lines += [[], [("This view again", TITLE)], *wrap(link, width, "", "    ", "  ")]
    return lines


class HelpText(Painted):
    """The text of the help."""

    def __init__(self, glyphs: Glyphs, below: StateScreen) -> None:
        super().__init__(glyphs)
        self.keys, self.command, self.link = below.KEY_HELP, below.command(), below.link()

    def paint(self, width: int) -> list[Line]:
        """All of it."""
        return help_lines(self.keys, self.command, self.link, width, self.glyphs)


class HelpKeys(Painted):
    """The last line of the dialog."""

    def paint(self, width: int) -> list[Line]:
        """How to scroll and close."""
        return [[("Esc", KEY), (" close   ", MUTED), ("j k", KEY), (" scroll", MUTED)]]


class HelpScreen(StateModal):
    """Keys and meanings, for the screen below."""

    SCROLLED = "#help-scroll"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "back", "Close", id="help.close"),
        Binding("up,k", "scroll(-1)", "Up", id="help.up", show=False),
        Binding("down,j", "scroll(1)", "Down", id="help.down", show=False),
        Binding("home,g", "edge(-1)", "Top", id="help.top", show=False),
        Binding("end,G", "edge(1)", "Bottom", id="help.bottom", show=False),
        Binding("pageup", "scroll(-10)", "Page up", id="help.page_up", show=False),
        Binding("pagedown,space", "scroll(10)", "Page down", id="help.page_down", show=False),
    ]

    def __init__(self, glyphs: Glyphs, below: StateScreen) -> None:
        super().__init__()
        self.glyphs, self.below = glyphs, below

    def compose(self) -> ComposeResult:
        """A scrolling text in a box."""
        with Vertical(id="help-box") as box:
            box.border_title = "Help"
            with VerticalScroll(id="help-scroll", can_focus=False):
                yield HelpText(self.glyphs, self.below)
            yield HelpKeys(self.glyphs)
