"""How many parameters of a published total belong to the image and audio encoders.

They are what is left of the total after the counted text part.  What else may be left is the
multi-token-prediction head and a second copy of a tied output head; a total that can be read in more than
one way is decided by its head (variants share its encoders), by the reviewed list of the overrides, or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.tensors import prediction_params
from catalog.types import Model

LEAST_ENCODER = 50_000_000
"""No encoder of the catalog is smaller: Gemma 4 12B, which hardly has one, needs 52 million."""

ALIKE = 0.001
"""Variants whose totals leave sizes that differ by less have the same encoders: the rest is padding rows of
the vocabulary and a few buffers."""


def readings(model: Model, has_mtp: bool) -> tuple[int, ...]:
    """Every size of the encoders that the published total allows, ascending; a prediction head that is not
    understood allows none."""
    if model.published_params is None or {"vision", "audio"}.isdisjoint(model.modality):
        return ()
    gap = model.published_params - model.total_params
    prediction = prediction_params(model) if has_mtp else 0
    if prediction is None:
        return ()
    second_head = model.vocab_size * model.hidden_size if model.tied_embeddings else 0
    sizes = {gap - p - h for p in (0, prediction) for h in (0, second_head)}
    return tuple(sorted(size for size in sizes if size >= LEAST_ENCODER))


def vision_params(model: Model, has_mtp: bool, head: Model | None, rules: Mapping[str, Any]) -> int | None:
    """Parameters of the encoders of a model whose text part is counted, ``None`` where they are not certain.

    Raises:
        ValueError: a reviewed size does not fit the published total.
    """
    possible = readings(model, has_mtp)
    reviewed = rules["vision_params"].get(model.id)
    if reviewed is not None:
        size: int | None = reviewed[0]
        rest = (model.published_params or 0) - model.total_params
        if size is not None and not 0 < size <= (1 + ALIKE) * rest:
            raise ValueError(f"model_overrides.json: vision_params of {model.id} do not fit its total")
        return size
    shared = head.vision_params if head is not None else None
    if shared is not None and any(abs(size - shared) <= ALIKE * shared for size in possible):
        return shared
    return possible[0] if len(possible) == 1 else None
