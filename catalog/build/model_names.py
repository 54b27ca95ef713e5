"""Aliases of the models: ids folded in, Ollama tags, reviewed short names, families of one model.

A bare name (``Llama-3.1-8B``) is the name of the base edition, but whoever types it means the edition
that people run: it becomes an alias of the head, and the base edition is shown with ``(base)``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from catalog.build.model_selection import fold_key
from catalog.types import Model

_SAYS_BASE = re.compile(r"(?i)(^|[-_ ])(base|pt|pretrain)($|[-_ ])")


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
    models, bare = _mark_bases(models)
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
    short_names = {_plain(alias): identifier for identifier, aliases in reviewed.items() for alias in aliases}
    publishers = set(rules["publishers"].values())
    heads = [model for model in renamed if model.variant_of is None]
    reserved = {_plain(alias.rsplit("/", 1)[-1]) for aliases in folded.values() for alias in aliases}
    families = Counter(model.family for model in heads if model.not_estimated_because is None)
    out = []
    for model in renamed:
        own = [alias for alias in reviewed[model.id] if alias.casefold() != model.name.casefold()]
        own += [
            alias for alias in folded[model.id] if taken.setdefault(alias.casefold(), model.id) == model.id
        ]
        own += [
            name
            for name in bare.get(model.id, ())
            if short_names.setdefault(_plain(name), model.id) == model.id
            and taken.setdefault(name.casefold(), model.id) == model.id
        ]
        family = _plain(model.family)
        is_only_one = (
            families[model.family] == 1 and model.not_estimated_because is None and not model.variant_of
        )
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


def _mark_bases(models: Sequence[Model]) -> tuple[list[Model], dict[str, list[str]]]:
    """Models with ``(base)`` behind bare names of base editions, and those bare names by head.

    A name that also has another date or version than the head stays the name of the base edition.
    """
    heads = {model.id: model for model in models}
    bare: dict[str, list[str]] = {}
    out = []
    for model in models:
        head = heads.get(model.variant_of or "")
        if head is not None and model.variant_kind == "base" and not _SAYS_BASE.search(model.name):
            if fold_key(model.id) == fold_key(head.id):
                bare.setdefault(head.id, []).append(model.name)
            model = replace(model, name=f"{model.name} (base)")
        out.append(model)
    return out, bare
