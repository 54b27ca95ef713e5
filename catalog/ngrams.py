"""Tables of n-grams: embeddings that are looked up by a hash of the last few tokens.

A token looks up a few rows and multiplies none, so that the table counts in the size of a model but
not in what a token uses.
"""

from __future__ import annotations

from catalog.types import Model


def ngram_params(model: Model) -> int:
    """Parameters of the n-gram tables of a model: rows x width; 0 for nearly all models."""
    return model.extra.get("ngram_rows", 0) * model.extra.get("ngram_width", 0)
