"""Fine-tunes that the catalog does not list: the model whose shape they have.

A fine-tune keeps the tensors of its base.  Its name shows the base in one of two ways:

1. it contains the base's name (``Qwen3.5-0.8B-Claude-Reasoning``, ``godot-gemma-4-e4b``); the longest
   such name counts;
2. its maker changed the word but kept the numbers (``Qwopus3.6-27B`` of Qwen3.6-27B): all numbers of the
   base's name are in it, and either the new word begins like the old one or there are three of them
   (``Ornstein3.6-35B-A3B``: version, total and active size).

A stated parameter count must agree.  Names that fit bases of different shapes are not resolved.
"""

from __future__ import annotations

import re
from functools import lru_cache

from catalog.models import load_models
from catalog.names import tokens
from catalog.types import LookupFailedError, Model

_FILLERS = frozenset(["it", "instruct", "chat", "base", "hf", "nvidia", "meta", "preview", "bf16"])
_SIZE = re.compile(r"[ae]?\d+(?:\.\d+)?[bm]")
_TOLERANCE = 0.03
"""Published counts are rounded, and some include parts that do not decode."""


@lru_cache(maxsize=1)
def _bases() -> tuple[tuple[Model, tuple[str, ...]], ...]:
    """Heads of lineages with the words of their names, those that can be counted."""
    return tuple(
        (model, tuple(word for word in tokens(model.name) if word not in _FILLERS))
        for model in load_models()
        if model.variant_of is None and not model.not_estimated_because
    )


def finetune_base(label: str, params_b: float | None = None) -> Model:
    """The base of a fine-tune by its name, and by its parameters in billions where stated.

    Raises:
        LookupFailedError: no base is certain; it lists those that the name fits.
    """
    said = frozenset(tokens(label))
    fitting = [(m, words) for m, words in _bases() if _same_size(m, params_b)]
    named = [(m, words) for m, words in fitting if _sized(words) and said.issuperset(words)]
    longest = max((len(words) for _, words in named), default=0)
    found = [m for m, words in named if len(words) == longest]
    if not found:
        found = [m for m, words in fitting if _same_numbers(words, said)]
    shapes = {_shape(m) for m in found}
    if len(shapes) != 1:
        raise LookupFailedError("model", label, tuple(m.name for m in found), ambiguous=len(shapes) > 1)
    return found[0]


def _sized(words: tuple[str, ...]) -> bool:
    """Whether a name states a size; of ``0.8B`` the unit is a word of its own."""
    return any(_SIZE.fullmatch(word) or word in ("b", "m") for word in words)


def _numbers(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for word in words if any(ch.isdigit() for ch in word))


def _same_numbers(words: tuple[str, ...], said: frozenset[str]) -> bool:
    """Whether all numbers of a base, whose name is one word with numbers, are in a label and tell enough."""
    numbers = _numbers(words)
    if not (len(numbers) >= 2 and _sized(words) and numbers <= said and len(words) == len(numbers) + 1):
        return False
    (word,) = set(words) - numbers
    return len(numbers) >= 3 or any(other.startswith(word[:_ALIKE]) for other in said)


_ALIKE = 2
"""Letters that a changed word keeps of the old one: ``Qwopus``, ``Gemopus``."""


def _same_size(model: Model, params_b: float | None) -> bool:
    if not params_b:
        return True
    counts = (model.total_params, model.published_params or model.total_params)
    decimals = len(f"{params_b:g}".partition(".")[2])
    return any(
        abs(count / 1e9 / params_b - 1) <= _TOLERANCE or round(count / 1e9, decimals) == params_b
        for count in counts
    )


def _shape(model: Model) -> tuple[object, ...]:
    return (
        model.architecture,
        model.n_layers,
        model.hidden_size,
        model.vocab_size,
        model.total_params,
        model.active_params,
    )
