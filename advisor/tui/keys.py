"""The keys of the app as they are now: collected from the bindings, with the user's own in their place."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, _character_to_key, key_to_character
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Input

from advisor.settings import Settings
from advisor.tui.glyphs import Glyphs

_SHOWN = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "enter": "Enter",
    "escape": "Esc",
    "space": "Space",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "backspace": "Bksp",
    "home": "Home",
    "end": "End",
    "tab": "Tab",
    "delete": "Del",
}
_ASCII = {"↑": "Up", "↓": "Down", "←": "Left", "→": "Right"}
_WRITTEN = {text.lower(): key for key, text in _SHOWN.items()} | {
    "⏎": "enter",
    **{v.lower(): v.lower() for v in _ASCII.values()},
}
_UNICODE_NAMES = {name: unicode_name for unicode_name, name in KEY_NAME_REPLACEMENTS.items()}
_MODIFIERS = ("ctrl", "shift", "alt", "super", "hyper", "meta")


@dataclass(frozen=True, slots=True)
class Bound:
    """One action that has keys."""

    id: str
    keys: tuple[str, ...]
    """Built in."""
    label: str
    action: str
    owner: str
    """Name of the class it works on; ``AdvisorApp`` everywhere."""
    alone: bool
    """Whether no other key works meanwhile: in dialogs and text fields."""


@cache
def bound_by(owner: type) -> tuple[Bound, ...]:
    """The bindings that a class itself brings and that say what they do."""
    found = []
    alone = issubclass(owner, ModalScreen | Input)
    for binding in owner.__dict__.get("BINDINGS", ()):
        if isinstance(binding, Binding) and binding.id and binding.description:
            keys = tuple(normal(key) for key in binding.key.split(","))
            found.append(Bound(binding.id, keys, binding.description, binding.action, owner.__name__, alone))
    return tuple(found)


@cache
def binding_owners() -> tuple[type, ...]:
    """The app and every screen and widget of its own, whether it was opened before or not."""
    from advisor.tui import screens
    from advisor.tui.app import AdvisorApp

    for module in pkgutil.iter_modules(screens.__path__):
        import_module(f"{screens.__name__}.{module.name}")
    found: set[type] = set()

    def visit(kind: type) -> None:
        children: list[type] = kind.__subclasses__()
        for child in children:
            if child.__module__.startswith("advisor.tui."):
                found.add(child)
            visit(child)

    visit(Widget)
    # Not by the order in which modules happen to be imported.
    return (AdvisorApp, *sorted(found, key=lambda owner: (owner.__module__, owner.__name__)))


@cache
def all_bound() -> tuple[Bound, ...]:
    """Every action that has keys."""
    return tuple(bound for owner in binding_owners() for bound in bound_by(owner))


def normal(key: str) -> str:
    """A key by the name that a key press has: ``?`` is ``question_mark``, ``Ctrl+X`` is ``ctrl+x``."""
    key = key.strip()
    *modifiers, last = key.split("+") if len(key) > 1 and not key.endswith("+") else [key]
    if len(last) == 1:
        if modifiers:
            last = last.lower()
        last = _character_to_key(last)
    else:
        last = last.lower()
        last = KEY_NAME_REPLACEMENTS.get(last, last)
    return "+".join([*(m.strip().lower() for m in modifiers), last])


def known_key(key: str) -> bool:
    """Whether there is such a key, as ``normal`` names it."""
    *modifiers, last = key.split("+")
    if any(m not in _MODIFIERS for m in modifiers):
        return False
    return last in {k.value for k in Keys} or _character(last) is not None


def _character(key: str) -> str | None:
    return key_to_character(_UNICODE_NAMES.get(key, key))


def key_text(key: str, *, ascii_only: bool = False) -> str:
    """A key as people know it: ``Esc``, ``[``, ``Ctrl+X``."""
    *modifiers, last = key.split("+")
    text = _SHOWN.get(last) or _character(last) or (last.upper() if re.fullmatch(r"f\d+", last) else last)
    if ascii_only:
        text = _ASCII.get(text, text if text.isascii() else last)
    if modifiers and len(text) == 1:
        text = text.upper()
    return "+".join([*(m.capitalize() for m in modifiers), text])


def keys_of(bound: Bound, own: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that do it now."""
    text = own.get(bound.id)
    return tuple(normal(key) for key in text.split(",")) if text else bound.keys


def owners_of(screen: Screen[Any]) -> tuple[type, ...]:
    """The classes whose bindings work on a screen: itself, its widgets, the app."""
    widgets = [type(widget) for widget in screen.walk_children()]
    kinds = [
        *type(screen).__mro__,
        *(k for widget in widgets for k in widget.__mro__),
        *type(screen.app).__mro__,
    ]
    return tuple(dict.fromkeys(kinds))


def now(text: str, owners: Iterable[type], own: Mapping[str, str], *, ascii_only: bool = False) -> str:
    """Keys as a hint or the help writes them (``↑ ↓  j k``), with the user's own instead of the built-in.

    Args:
        text: built-in keys with spaces between them; anything else in it stays.
        owners: classes whose bindings are meant, the nearest first.
        own: the user's keys by id of the binding.
        ascii_only: no arrows.
    """
    if ascii_only:
        text = "".join(_ASCII.get(c, "Enter" if c == "⏎" else c) for c in text)
    if not own:
        return text
    bound = [b for owner in owners for b in bound_by(owner)]
    out: list[str] = []
    seen: set[str] = set()
    for word in re.split(r"(\s+)", text):
        key = _WRITTEN.get(word.lower()) or (normal(word) if word.strip() else "")
        found = next((b for b in bound if key in b.keys), None) if key else None
        if found is None or found.id not in own:
            out.append(word)
        elif found.id not in seen:
            seen.add(found.id)
            out.append(" ".join(key_text(k, ascii_only=ascii_only) for k in keys_of(found, own)))
    return "".join(out).strip()


@runtime_checkable
class HasSettings(Protocol):
    """The app, as far as the keys go."""

    settings: Settings
    glyphs: Glyphs


def own_key(text: str, widget: Widget) -> str:
    """Keys as a widget writes them, with the user's own instead of the built-in, in its characters."""
    app = widget.app
    if not isinstance(app, HasSettings):
        return text
    own = app.settings.keys
    owners = owners_of(widget.screen) if own else ()
    return now(text, owners, own, ascii_only=app.glyphs.ascii)


def conflict(binding_id: str, key: str, own: Mapping[str, str], bound: Sequence[Bound]) -> Bound | None:
    """The other action that the key has where this one works; ``None`` when the key is free.

    What works everywhere must be free everywhere, except in dialogs and text fields, which take their keys
    for themselves.
    """
    this = next(b for b in bound if b.id == binding_id)
    for other in bound:
        if other.id == binding_id or key not in keys_of(other, own):
            continue
        if key in this.keys and key in other.keys and other.id not in own:
            continue  # built in like that: a screen's own meaning of the key comes first
        if other.owner != this.owner and (this.alone or other.alone):
            continue
        if other.owner == this.owner or "AdvisorApp" in (other.owner, this.owner) or _together(this, other):
            return other
    return None


def _together(one: Bound, other: Bound) -> bool:
    """The list has the keys of its screen as well."""
    owners = {one.owner, other.owner}
    return "VirtualList" in owners and bool(owners & {"RankingScreen", "ModelsScreen"})
