"""The command palette: every action that has a key, every view, every order, the themes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand
from textual.dom import DOMNode
from textual.screen import Screen

from advisor.core.order import ORDERS
from advisor.tui.keys import Bound, bound_by, key_text, keys_of
from advisor.tui.routes import ROUTES
from advisor.tui.themes import OWN

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp


def actions(app: AdvisorApp, screen: Screen[Any]) -> Iterator[tuple[DOMNode, Bound]]:
    """The actions of a screen, of the widgets on it and of the app, each once, the nearest first."""
    seen: set[str] = set()
    for node in (screen, *screen.walk_children(), app):
        for kind in type(node).__mro__:
            for bound in bound_by(kind):
                if bound.id not in seen:
                    seen.add(bound.id)
                    yield node, bound


def commands(app: AdvisorApp, screen: Screen[Any], own: Mapping[str, str]) -> Iterator[SystemCommand]:
    """All entries; those with a key say it."""
    for node, bound in actions(app, screen):
        keys = " ".join(key_text(key, ascii_only=app.glyphs.ascii) for key in keys_of(bound, own))
        route = next((r for r in ROUTES.values() if bound.id == f"app.open_{r.name}"), None)
        says = f"{route.says}; key {keys}" if route else f"key {keys}"
        yield SystemCommand(bound.label, says, partial(app.run_action, bound.action, node))
    for route in ROUTES.values():
        if not route.key:
            yield SystemCommand(route.label, route.says, partial(app.action_open, route.name))
    for name, order in ORDERS.items():
        label = order.label.replace("GiB", app.glyphs.units.name)
        yield SystemCommand(f"Sort by {label}", "Change the order of the list", partial(app.sort_by, name))
    for name, (theme, says) in OWN.items():
        title = f"{name.replace('-', ' ').capitalize()} theme"
        yield SystemCommand(title, says, partial(setattr, app, "theme", theme.name))
