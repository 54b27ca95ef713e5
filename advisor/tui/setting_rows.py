"""The rows of the settings screen, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.core.question import USE_CASES
from advisor.core.runtimes import RUNTIME
from advisor.report.settings_text import MEANINGS, shown
from advisor.settings import BUILT_IN, DEFAULTS, GLYPHS, LOOKS, SORTS, UNITS, Loaded, Settings
from advisor.tui.glyphs import Glyphs
from advisor.tui.keys import Bound, key_text, keys_of
from advisor.tui.lines import KEY, MUTED, STRONG, TITLE, Line, clip, fit_line, pad
from advisor.tui.settings import theme_names
from advisor.tui.state import next_context, next_users

LABEL_WIDTH, VALUE_WIDTH = 26, 22
_SPEEDS = (0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0)
TYPED = ("context", "users", "min_speed")
"""Settings that any number can be typed for."""
LABELS = {"kv_type": "KV cache type", "min_speed": "least speed", "use": "use case", "sort": "sorted by"}


@dataclass(frozen=True, slots=True)
class Row:
    """A setting, or an action with its keys."""

    name: str
    """Of the setting; ``keys.ID`` for a key."""
    group: str
    bound: Bound | None = None


def rows_of(bound: Sequence[Bound]) -> tuple[Row, ...]:
    """All rows in their order."""
    rows = [Row(name, "Looks") for name in LOOKS]
    rows += [Row(name, "Asked first by app and commands, from the next start on") for name in DEFAULTS]
    owners = dict.fromkeys(b.owner for b in bound)
    rows += [Row(f"keys.{b.id}", owner_text(owner), b) for owner in owners for b in bound if b.owner == owner]
    return tuple(rows)


def owner_text(owner: str) -> str:
    """The title of a group of keys, from the name of a class: ``Keys: what if``."""
    if owner == "AdvisorApp":
        return "Keys: everywhere"
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in owner).split()
    return f"Keys: {' '.join(words).removesuffix(' screen')}"


def choices(settings: Settings, name: str) -> tuple[str, ...]:
    """What a setting can be, where that is one of a few."""
    found: dict[str, tuple[str, ...]] = {
        "theme": theme_names(),
        "units": UNITS,
        "glyphs": GLYPHS,
        "use": tuple(USE_CASES),
        "kv_type": RUNTIME[settings.runtime].kv_types if settings.runtime in RUNTIME else (),
        "runtime": tuple(RUNTIME),
        "sort": SORTS,
    }
    return found.get(name, ())


def stepped(settings: Settings, name: str, step: int) -> str | int | float:
    """The value after (1) or before (-1) the present one."""
    value = getattr(settings, name)
    if name == "context":
        return next_context(settings.context, step)
    if name == "users":
        return next_users(settings.users, step)
    if name == "min_speed":
        beyond = [v for v in _SPEEDS[::step] if (v - settings.min_speed) * step > 0]
        return beyond[0] if beyond else settings.min_speed
    known = choices(settings, name)
    return known[(known.index(value) + step) % len(known)] if value in known else known[0]


def _keys_text(bound: Bound, settings: Settings, glyphs: Glyphs) -> str:
    keys = keys_of(bound, settings.keys)
    return "  ".join(key_text(key, ascii_only=glyphs.ascii) for key in keys)


def row_line(row: Row, loaded: Loaded, settings: Settings, at: bool, width: int, glyphs: Glyphs) -> Line:
    """One row: what it is, its value, and whether that is its own."""
    marker = (f"{glyphs.cursor if at else ' '} ", "$primary")
    roomy = width >= 100
    if row.bound is not None:
        label_width = LABEL_WIDTH if width >= 76 else 20
        own = row.bound.id in settings.keys
        before = " ".join(key_text(k, ascii_only=glyphs.ascii) for k in row.bound.keys)
        says = f"yours; built in: {before}" if own else row.bound.id
        value = _keys_text(row.bound, settings, glyphs)
        line: Line = [
            marker,
            (pad(row.bound.label, label_width, ellipsis=glyphs.ellipsis), STRONG if at else ""),
            (pad(value, VALUE_WIDTH, ellipsis=glyphs.ellipsis), KEY),
        ]
    else:
        label_width, value_width = (LABEL_WIDTH, VALUE_WIDTH) if roomy else (16, 20)
        value = shown(row.name, getattr(settings, row.name))
        variable = loaded.variables.get(row.name)
        default = shown(row.name, getattr(BUILT_IN, row.name))
        says = MEANINGS[row.name]
        if variable:
            says = f"set by {variable}"
        elif value != default:
            says = f"yours; built in: {default}"
        arrows = (f"{glyphs.slider_left} ", f" {glyphs.slider_right}") if at else ("  ", "")
        line = [
            marker,
            (pad(LABELS.get(row.name, row.name), label_width), STRONG if at else ""),
            (arrows[0], KEY),
            (clip(value, value_width - 4, glyphs.ellipsis), STRONG),
            (arrows[1], KEY),
        ]
        used = 2 + min(len(value), value_width - 4) + len(arrows[1])
        line.append((" " * max(value_width - used, 1), ""))
    return fit_line([*line, (says, MUTED)], width, glyphs.ellipsis)


def setting_lines(
    rows: Sequence[Row], loaded: Loaded, settings: Settings, cursor: int, width: int, glyphs: Glyphs
) -> tuple[list[Line], list[int]]:
    """All rows under the titles of their groups, and the line on which each row is."""
    lines: list[Line] = []
    places: list[int] = []
    group = ""
    for number, row in enumerate(rows):
        if row.group != group:
            lines += [[], [(row.group, TITLE)]] if lines else [[(row.group, TITLE)]]
            group = row.group
        places.append(len(lines))
        lines.append(row_line(row, loaded, settings, number == cursor, width, glyphs))
    return lines, places
