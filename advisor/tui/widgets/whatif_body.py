"""What the what-if screen shows below its text field, as lines for a width."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from advisor.tui.glyphs import UNICODE, Glyphs
from advisor.tui.lines import KEY, MUTED, STRONG, TITLE, Line, Painted, clip, wrap
from advisor.tui.widgets.compare import change_lines, scenario_lines
from advisor.tui.widgets.whatif_lists import bar_lines, moves_lines, unlocked_lines
from advisor.tui.widgets.why import side_by_side

if TYPE_CHECKING:
    from advisor.core.moves import Move
    from advisor.curves import Curves
    from advisor.tui.differences import Differences

PANES = ("scenarios", "unlocked", "moves", "changes")
"""In the order in which Tab goes through them."""
WIDE, TALL = 120, 40
"""From this size on the plot is drawn and lists stand side by side."""
_GAP, _CHART_ROWS = 3, 9
_PLAIN = str.maketrans({"…": "~", "×": "x", "·": "|", "●": "*", "◐": "+", "◔": "c", "○": "x"})

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


@dataclass(frozen=True, slots=True)
class Shown:
    """What the body is drawn from."""

    differences: Differences | None = None
    comparing: bool = False
    chosen: int = 1
    """The scenario that lists and remarks are about, from 1."""
    pane: str = PANES[0]
    cursors: dict[str, int] = field(default_factory=dict)
    model_id: str | None = None
    """The model of bars and plot."""
    curves: Curves | None = None
    no_plot: str = ""
    """Why there are no curves."""
    least_tokens_per_s: float = 0.0
    no_more_sticks: str = ""
    suggested: int = 0
    """How many changes are offered to be added by a digit."""
    """Why the rig takes no more modules of RAM."""


@dataclass(frozen=True, slots=True)
class Body:
    """Lines, and where each pane and the cursor are in them."""

    lines: list[Line]
    tops: dict[str, int] = field(default_factory=dict)


def listed(shown: Shown, pane: str) -> tuple[Move, ...]:
    """The rows of a list."""
    if shown.differences is None or not 0 < shown.chosen < len(shown.differences.moves):
        return ()
    moves = shown.differences.moves[shown.chosen]
    if pane == "unlocked":
        return moves.unlocked()
    return moves.moved() if pane == "moves" else ()


def body_of(shown: Shown, width: int, height: int, glyphs: Glyphs) -> Body:
    """Everything: columns, bars, lists, remarks, what changes; side by side where there is room."""
    found = shown.differences
    if found is None:
        waiting: list[Line] = [[(f"comparing {glyphs.waiting}", MUTED)]]
        return Body(waiting if shown.comparing else intro_lines(shown.no_more_sticks, shown.suggested, width))
    chosen = shown.chosen
    lines = [*scenario_lines(found, width, glyphs, chosen=chosen), []]
    tops = {"scenarios": 0}
    changes = change_lines(found, width, glyphs, chosen=chosen)
    if shown.pane == "changes":
        changes[0] = [(f"{glyphs.chosen} ", KEY), *changes[0]]
    if not found.changed:  # why nothing changes is the answer: it comes first
        tops["changes"] = len(lines)
        lines += [*changes, []]
    wide, tall = width >= WIDE - 4, height >= TALL
    half = (width - _GAP) // 2 if wide else width
    bars = bar_lines(found, shown.model_id, half if wide and tall else width, glyphs)
    remarks = _remark_lines(found, chosen, half if wide and tall else width, glyphs)
    if wide and tall:
        lines += side_by_side([[*bars, [], *remarks], plot_lines(shown, half, glyphs)], half, _GAP)
    else:
        lines += [*bars, *remarks]
    lines.append([])

    def cursor(pane: str) -> int | None:
        return shown.cursors.get(pane, 0) if shown.pane == pane else None

    tops["unlocked"] = len(lines)
    unlocked = unlocked_lines(
        listed(shown, "unlocked"), chosen, half, glyphs, cursor("unlocked"), shown.least_tokens_per_s
    )
    moves = moves_lines(found.moves[chosen], chosen, half, glyphs, cursor("moves"))
    if wide:
        tops["moves"] = len(lines)
        lines += side_by_side([unlocked, moves], half, _GAP)
    else:
        tops["moves"] = len(lines) + len(unlocked) + 1
        lines += [*unlocked, [], *moves]
    if found.changed:
        tops["changes"] = len(lines) + 1
        lines += [[], *changes]
    return Body(lines, tops)


def _remark_lines(found: Differences, chosen: int, width: int, glyphs: Glyphs) -> list[Line]:
    """What has to be said about the chosen scenario."""
    scenario = found.comparison.scenarios[chosen]
    if not scenario.remarks:
        return []
    lines: list[Line] = [[(f"{chosen} {clip(scenario.name, width - 4, glyphs.ellipsis)}", "bold $accent")]]
    for remark in scenario.remarks:
        lines += wrap(remark, width, "$warning", "    ", f"  {glyphs.warning} ")
    return lines


def plot_lines(shown: Shown, width: int, glyphs: Glyphs) -> list[Line]:
    """The model's speed over RAM bandwidth, small; ``p`` opens it large."""
    curves = shown.curves
    if shown.no_plot:
        return wrap(shown.no_plot, width, MUTED)
    if curves is None:
        return [[(f"drawing its speed over RAM bandwidth {glyphs.waiting}", MUTED)]]
    from advisor.report.curves import curves_chart

    lines: list[Line] = []
    for n, text in enumerate(curves_chart(curves, columns=width, rows=_CHART_ROWS, ascii_only=glyphs.ascii)):
        if glyphs.ascii:
            text = "".join(c if c.isascii() else "?" for c in text.translate(_PLAIN))
        lines.append([(text, TITLE if not n else "")])
    return lines


def _digits(suggested: int) -> Line:
    """The keys that add what is offered."""
    if suggested == 1:
        return [("1", KEY), (" adds", "")]
    return [("1", KEY), (" to ", ""), (str(suggested), KEY), (" add", "")]


def intro_lines(no_more_sticks: str, suggested: int, width: int) -> list[Line]:
    """What to do when there is no scenario."""
    lines: list[Line] = [
        [("What would another part change?", TITLE)],
        [],
        *([[("  ", ""), *_digits(suggested), (" a change from above;", "")]] if suggested else []),
        [("  ", ""), ("f", KEY), (" builds one from lists, ", ""), ("a", KEY), (" types one:", "")],
        [("  up to four stand side by side.  A comma joins several changes.", "")],
        [],
    ]
    if no_more_sticks:
        lines += [*wrap(f"More sticks: {no_more_sticks}", width, "$warning", "  ", "  "), []]
    for text, meaning in LANGUAGE:
        lines.append([(f"  {text:<{_TEXT_WIDTH}}", STRONG), (meaning, MUTED)])
    return lines


class BodyView(Painted):
    """The body of the what-if screen."""

    auto_links = False

    def __init__(self, glyphs: Glyphs = UNICODE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.shown = Shown()
        self.tops: dict[str, int] = {}

    def show(self, shown: Shown) -> None:
        """Draw this."""
        if shown != self.shown or self._memo is None:
            self.shown = shown
            self.repaint()

    def paint(self, width: int) -> list[Line]:
        """All of it, for the terminal's height."""
        body = body_of(self.shown, width, self.app.size.height, self.glyphs)
        self.tops = body.tops
        return body.lines
