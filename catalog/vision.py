"""The projector file (mmproj) that a model needs to see or hear."""

from __future__ import annotations

from catalog.types import Model

PROJECTOR_BYTES_PER_PARAM = 2
"""Projectors are published in F16 or BF16; smaller types are rare."""


def vision_bytes(model: Model) -> int | None:
    """Bytes that the encoders of a model take when images or sound are used: 2 bytes per parameter.

    They come on top of the weights, from a file of their own, and are not loaded for text.  A real file is
    up to 2 % larger: norms, biases, and the patch and position embeddings stay F32 (Qwen3.8 27B: 931,146,432
    bytes, 1.1 % more).  ``None`` for models without encoders, and where their size is not certain.
    """
    return None if model.vision_params is None else PROJECTOR_BYTES_PER_PARAM * model.vision_params
