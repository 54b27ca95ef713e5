"""The views of the app: their names, keys and screens.  Bindings, palette, help and ``--open`` go by it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, cast

from advisor.core.question import QuestionError

if TYPE_CHECKING:
    from advisor.tui.screens.base import StateScreen


@dataclass(frozen=True, slots=True)
class Route:
    """One view."""

    name: str
    """As ``--open`` and the palette call it."""
    key: str
    """Opens it from everywhere; empty where another key of a screen does."""
    label: str
    says: str
    """What it answers, for help and palette."""
    target: str
    """Module and class of its screen: imported when first opened."""
    needs: str = ""
    """What must be there first: ``rig``, or ``model`` for a ranking with a selected model."""


ROUTES: dict[str, Route] = {
    route.name: route
    for route in (
        Route("ranking", "", "Ranking", "the models by how well they run here", "ranking:RankingScreen"),
        Route("why", "", "Why", "where memory and time of the chosen model go", "why:WhyScreen", "model"),
        Route("what-if", "w", "What if", "what if the rig were another", "whatif:WhatIfScreen", "rig"),
        Route("rig", "i", "Rig", "all facts of the rig with their sources, and notes", "rig:RigScreen"),
        Route(
            "topology",
            "m",
            "Topology",
            "how it is wired: channels, modules, links, what limits what",
            "topology:TopologyScreen",
        ),
        Route(
            "picture",
            "p",
            "Picture",
            "the chosen model's speed over RAM bandwidth, context, users, quantization",
            "picture:PictureScreen",
            "model",
        ),
    )
}


def split_view(text: str) -> tuple[str, str]:
    """Name and argument of a view: ``why:Qwen3-32B`` is ``("why", "Qwen3-32B")``.

    Raises:
        QuestionError: there is no such view; the text names the nearest, or all.
    """
    name, _, argument = text.strip().partition(":")
    name = name.strip().lower().replace(" ", "-")
    if name not in ROUTES:
        near = get_close_matches(name, ROUTES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"views: {', '.join(ROUTES)}"
        raise QuestionError(f"there is no view {name!r} to open; {hint}")
    return name, argument.strip()


def screen_class(name: str) -> type[StateScreen]:
    """The screen of a view."""
    module, _, kind = ROUTES[name].target.partition(":")
    return cast("type[StateScreen]", getattr(import_module(f"advisor.tui.screens.{module}"), kind))
