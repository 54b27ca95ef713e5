"""The keys of the what-if screen: bindings, help and footer."""

from __future__ import annotations

from advisor.tui.glyphs import Glyphs
from advisor.tui.state import AppState
from advisor.tui.widgets.status import Hint

KEYS: tuple[tuple[str, str, str, str], ...] = (
    ("back", "escape,backspace", "back", "Back"),
    ("add", "a", "add", "Type a change"),
    ("form", "f", "form", "Build a change"),
    ("edit", "E", "edit", "Edit the scenario"),
    ("edit_form", "F", "form(True)", "Edit the scenario in the form"),
    ("remove", "x,delete", "remove", "Remove the scenario"),
    ("clear", "X", "clear", "Remove all scenarios"),
    ("undo", "u,ctrl+z", "undo", "Undo"),
    ("redo", "U,ctrl+y", "redo", "Redo"),
    ("save", "ctrl+s", "save", "Save the scenarios"),
    *((f"preset_{n}", str(n), f"preset({n})", f"Suggestion {n}") for n in range(1, 7)),
    ("left", "left,h", "column(-1)", "Scenario to the left"),
    ("right", "right,l", "column(1)", "Scenario to the right"),
    ("next_pane", "tab", "pane(1)", "Next part"),
    ("previous_pane", "shift+tab", "pane(-1)", "Part before"),
    ("open", "enter", "open_row", "Why after, or edit"),
    ("draw", "space", "draw", "Draw the model"),
    ("up", "up,k", "move(-1)", "Up"),
    ("down", "down,j", "move(1)", "Down"),
    ("page_up", "pageup", "scroll(-10)", "Page up"),
    ("page_down", "pagedown", "scroll(10)", "Page down"),
    ("top", "home,g", "edge(-1)", "Top"),
    ("bottom", "end,G", "edge(1)", "Bottom"),
    ("nothing", "w", "nothing", ""),
)
"""Name, keys, action and label of every binding."""

HELP = (
    ("1 - 6", "add a suggested change"),
    ("f", "build a change from lists: modules, cards, CPUs, links, machines"),
    ("a", "type a change; Tab completes, Enter adds it as a scenario"),
    ("← →  h l", "choose a scenario"),
    ("E  F", "edit the chosen scenario as text, in the form"),
    ("x  X", "remove the chosen scenario, all of them"),
    ("u  U", "undo, redo any change of the scenarios (elsewhere: users); so do Ctrl+Z, Ctrl+Y"),
    ("Tab", "next part: scenarios, unlocked models, rank moves, what changes"),
    ("↑ ↓  j k", "move in a list, scroll elsewhere"),
    ("Enter", "in a list: why the model runs so on the scenario's rig; else edit"),
    ("Space", "in a list: draw the model in bars and plot"),
    ("p", "its speed over RAM bandwidth, large"),
    ("Ctrl+S", "save the scenarios to a file for what-if --load"),
)


def hints(state: AppState, pane: str, glyphs: Glyphs, suggested: int = 0) -> tuple[Hint, ...]:
    """The footer."""
    some = bool(state.scenarios)
    digits = f"1-{suggested}" if suggested > 1 else "1"
    in_list = some and pane in ("unlocked", "moves")
    return (
        Hint("Esc", "Back", "screen.back", 0),
        Hint("f", "Form", "screen.form", 1),
        Hint("a", "Type", "screen.add", 1),
        *((Hint(digits, "Suggested", "", 2),) if suggested and not some else ()),
        *((Hint(glyphs.enter, "Why after", "screen.open_row", 1),) if in_list else ()),
        *((Hint("Space", "Draw", "screen.draw", 2),) if in_list else ()),
        *((Hint("h l", "Choose", "screen.column(1)", 3),) if len(state.scenarios) > 1 else ()),
        *((Hint("E", "Edit", "screen.edit", 2), Hint("x", "Remove", "screen.remove", 2)) if some else ()),
        *((Hint("u", "Undo", "screen.undo", 1),) if state.history.past else ()),
        *((Hint("U", "Redo", "screen.redo", 2),) if state.history.future else ()),
        *((Hint("Tab", "Next part", "screen.pane(1)", 1),) if some else ()),
        Hint("[ ]", "Context", "app.context(1)", 4),
        *((Hint("^S", "Save", "screen.save", 4), Hint("e", "Export", "app.export", 4)) if some else ()),
        *((Hint("y", "Copy command", "app.copy('command')", 5),) if some else ()),
        Hint("?", "Help", "app.help", 0),
        Hint("q", "Quit", "app.quit", 1),
    )
