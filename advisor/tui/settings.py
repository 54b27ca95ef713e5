"""What the settings mean to the app: themes, characters, keys that there are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from textual.theme import BUILTIN_THEMES

from advisor.report.format import UNITS
from advisor.settings import BUILT_IN, NO_COLOR_THEME, Loaded, Settings, SettingsError
from advisor.tui.glyphs import ASCII, UNICODE, Glyphs, choose
from advisor.tui.themes import OWN

if TYPE_CHECKING:
    from advisor.tui.state import AppState


def theme_names() -> tuple[str, ...]:
    """The names a theme can be set by: the app's own first."""
    return (*OWN, *sorted(BUILTIN_THEMES))


def theme_of(settings: Settings) -> str:
    """Textual's name of the theme; under ``NO_COLOR`` the terminal's own colours."""
    if "NO_COLOR" in os.environ:
        return NO_COLOR_THEME
    return OWN[settings.theme][0].name if settings.theme in OWN else settings.theme


def glyphs_of(settings: Settings) -> Glyphs:
    """The characters, and the unit of sizes."""
    from dataclasses import replace

    chosen = {"ascii": ASCII, "unicode": UNICODE}.get(settings.glyphs) or choose()
    return replace(chosen, units=UNITS[settings.units])


def spelled_out(words: Sequence[str], state: AppState, settings: Settings) -> list[str]:
    """A command that means the same where other settings are, or none.

    Options with their built-in value are left out of printed commands; where the user's settings have
    another value they must be there, or the command would not reproduce the view on this machine either.
    """
    if "--context" not in words:  # it asks no question
        return list(words)
    found = list(words)
    question = state.question
    wanted = [
        ("--kv-type", question.kv_type, settings.kv_type != BUILT_IN.kv_type),
        ("--runtime", question.runtime, settings.runtime != BUILT_IN.runtime),
        ("--min-speed", "0", settings.min_speed != BUILT_IN.min_speed),
    ]
    if words[0] == "rank" or words[0].startswith("--"):
        wanted.append(("--sort", state.sort, settings.sort != BUILT_IN.sort))
    for option, value, differs in wanted:
        if differs and option not in found:
            found += [option, value]
    return found


def check_loaded(loaded: Loaded) -> None:
    """``check_names`` of what is in effect, with the place that each value comes from.

    Raises:
        SettingsError: as there.
    """
    variable = loaded.variables.get("theme")
    check_theme(loaded.settings, f"the environment ({variable})" if variable else str(loaded.path))
    check_keys(loaded.settings, str(loaded.path))


def check_names(settings: Settings, where: str) -> None:
    """Refuse a theme, a binding or a key that there is not, and a key that would do two things.

    Raises:
        SettingsError: the text names the nearest.
    """
    check_theme(settings, where)
    check_keys(settings, where)


def check_theme(settings: Settings, where: str) -> None:
    """The part of ``check_names`` about the theme."""
    names = theme_names()
    if settings.theme not in names:
        near = get_close_matches(settings.theme, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"write one of: {', '.join(names)}"
        raise SettingsError(f"{where}: there is no theme {settings.theme!r}; {hint}")


def check_keys(settings: Settings, where: str) -> None:
    """The part of ``check_names`` about keys."""
    if not settings.keys:
        return
    from advisor.tui.keys import all_bound, conflict, keys_of, known_key

    bound = {b.id: b for b in all_bound()}
    for name, text in settings.keys.items():
        if name not in bound:
            near = get_close_matches(name, bound, n=1, cutoff=0.3)
            hint = f"did you mean {near[0]!r}?" if near else "the settings screen (,) lists them"
            raise SettingsError(f"{where}: no key can be set for {name!r}; {hint}")
        for key in keys_of(bound[name], settings.keys):
            if not known_key(key):
                raise SettingsError(
                    f"{where}: keys.{name}: there is no key {text!r}; write such as x, ctrl+x, f5"
                )
            other = conflict(name, key, settings.keys, tuple(bound.values()))
            if other is not None:
                raise SettingsError(
                    f"{where}: keys.{name}: {key} is the key of {other.label!r} ({other.id}); "
                    f"choose another, or set keys.{other.id} too"
                )
