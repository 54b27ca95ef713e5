"""What to do about a model that does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.tui.glyphs import Glyphs, shown
from advisor.tui.lines import KEY, MUTED, TITLE, Line, wrap
from advisor.tui.routes import ROUTES

if TYPE_CHECKING:
    from advisor.explanation import Explanation

_KEYS = {"context": "[", "kv_type": "t"}
"""Keys that make a change of the question."""


def fit_lines(e: Explanation, width: int, glyphs: Glyphs, *, full: bool) -> list[Line]:
    """What would make it fit here, then the screens that look for other hardware.

    ``full`` on the screen, where other models are a key away.
    """
    from advisor.report.placement_text import remedy_text

    lines: list[Line] = [[("What would make it fit", TITLE)]]
    changes = e.remedies.changes if e.remedies is not None else ()
    if not changes:
        said = "nothing on this rig: no smaller quantization, cache type or context is enough"
        lines += wrap(said, width, "", "  ", "  ")
    for change in changes:
        found = wrap(shown(remedy_text(change), glyphs), width - 4, "", "")
        key = _KEYS.get(change.kind)
        lines += [[(f"  {key or glyphs.dot} " if not n else "    ", KEY if key else MUTED), *line]
                  for n, line in enumerate(found)]  # fmt: skip
    asks = [("w", "asks what another part or machine would change")]
    if "upgrade" in ROUTES and ROUTES["upgrade"].key:
        asks.append((ROUTES["upgrade"].key, "looks for the smallest upgrade that runs it"))
    if full:
        asks.append(("h l", "other models of the list; Esc goes back to it"))
    for key, does in asks:
        found = wrap(does, width - 6, MUTED, "")
        lines += [[(f"  {key:<4}" if not n else " " * 6, KEY), *line] for n, line in enumerate(found)]
    return [*lines, []]
