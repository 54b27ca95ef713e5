"""Aliases of the models: ids folded in, Ollama tags, reviewed short names, families of one model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from catalog.types import Model


def _plain(name: str) -> str:
    return " ".join(re.split(r"[^a-z0-9.]+", name.casefold()))


def stale_aliases(models: Sequence[Model], rules: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids that the overrides give aliases to although no such model ships."""
    known = {model.id for model in models}
    return tuple(sorted({name for table in ("ollama", "aliases") for name in rules[table]} - known))


def give_aliases(
    models: Sequence[Model], folded: Mapping[str, tuple[str, ...]], rules: Mapping[str, Any]
) -> list[Model]:
    """Models with their aliases and with names that no two of them share.

    Raises:
        ValueError: a reviewed alias is given twice or equals another model's name.
    """
    names: dict[str, int] = {}
    for model in models:
        names[model.name.casefold()] = names.get(model.name.casefold(), 0) + 1
    taken: dict[str, str] = {}
    renamed = []
    for model in models:
        name = model.name
        if names[name.casefold()] > 1:
            name = f"{name} ({model.organization})"
        taken[model.id.casefold()] = model.id
        taken[name.casefold()] = model.id
        renamed.append(replace(model, name=name))
    reviewed = {
        model.id: [*rules["ollama"].get(model.id, ()), *rules["aliases"].get(model.id, ())]
        for model in renamed
    }
    for identifier, aliases in reviewed.items():
        for alias in aliases:
            owner = taken.setdefault(alias.casefold(), identifier)
            if owner != identifier:
                raise ValueError(f"alias {alias!r} belongs to {owner} and to {identifier}")
    publishers = set(rules["publishers"].values())
    reserved = {_plain(alias.rsplit("/", 1)[-1]) for aliases in folded.values() for alias in aliases}
    families = Counter(model.family for model in renamed if model.not_estimated_because is None)
    out = []
    for model in renamed:
        own = [alias for alias in reviewed[model.id] if alias.casefold() != model.name.casefold()]
        own += [
            alias for alias in folded[model.id] if taken.setdefault(alias.casefold(), model.id) == model.id
        ]
        family = _plain(model.family)
        is_only_one = families[model.family] == 1 and model.not_estimated_because is None
        if (
            is_only_one
            and model.organization in publishers
            and family not in reserved
            and _plain(model.name).startswith(family + " ")
            and taken.setdefault(model.family.casefold(), model.id) == model.id
        ):
            own.append(model.family)
        out.append(replace(model, aliases=tuple(dict.fromkeys(own))))
    return out
