"""How many parameters of a published total belong to the image and audio encoders.

Where the shape of the encoders is known (``catalog/data/encoders.jsonl``) they are counted, and the
published total has to be the sum of its parts.  Elsewhere they are what is left of the total after the
counted text part.  What else may be left is the multi-token-prediction head and a second copy of a tied
output head; a total that can be read in more than one way is decided by its head (variants share its
encoders), by the reviewed list of the overrides, or not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

from catalog.encoders import encoder_of
from catalog.tensors import prediction_params
from catalog.tensors.projector import checkpoint_params
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


def encoder_params(model: Model) -> int | None:
    """Parameters of the encoders counted from their shape; ``None`` where it is not known."""
    encoder = encoder_of(model)
    return None if encoder is None else checkpoint_params(encoder, model.hidden_size)


def has_no_encoders(model: Model) -> bool:
    """Whether the published total is that of the text part: a fine-tune that left the encoders out."""
    return model.published_params == model.total_params and model.variant_of is not None


def parts_apart(model: Model, gap: int, has_mtp: bool, rules: Mapping[str, Any]) -> str | None:
    """What the published total holds besides the text part, where its parts add up to it exactly.

    The parts are the counted encoders and what the overrides list as ``total_parts`` (storage that no runtime
    loads); with them prediction layers, a second copy of a tied head and rotary frequencies, in the
    combination that leaves nothing.
    """
    encoders = encoder_params(model)
    known = [] if encoders is None else [(encoders, "the encoders")]
    known += [(size, why) for pattern, size, why in rules["total_parts"] if re.search(pattern, model.id)]
    optional = [
        (prediction_params(model) if has_mtp else None, _prediction_name(model)),
        (model.vocab_size * model.hidden_size * model.tied_embeddings, "a second copy of the tied head"),
        (model.n_layers * model.head_dim // 2, "rotary frequencies, half a head for each layer"),
    ]
    choices = [(size, name) for size, name in optional if size]
    for chosen in product((False, True), repeat=len(choices)):
        taken = known + [part for part, is_in in zip(choices, chosen, strict=True) if is_in]
        if taken and sum(size for size, _ in taken) == gap:
            parts = [f"{name} ({size:,})" for size, name in taken]
            amount = f"{abs(gap):,} {'more' if gap > 0 else 'less'}"
            return f"exact with parts that are loaded apart: {amount} for {_listed(parts)}"
    return None


def _prediction_name(model: Model) -> str:
    """What a checkpoint holds to predict further tokens: a drafter of stages, several layers, or one."""
    stages = model.extra.get("dspark_stages", 0)
    layers = model.extra.get("num_nextn_predict_layers", 1)
    if stages:
        return f"the drafter of {stages} stages"
    return f"{layers} multi-token-prediction layers" if layers > 1 else "the multi-token-prediction layer"


def _listed(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
