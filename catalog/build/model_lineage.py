"""Which models are variants of which, and the shape that a variant takes from its head.

``model_lineage.json`` beside this file lists the variants by head.  Base and instruct editions, dated
refreshes and fine-tunes have the tensors of their head, so the fields of the head's row describe them
better than their own, which the source often filled from class defaults.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.types import Model

Row = dict[str, Any]

KINDS = frozenset(
    ["base", "instruct", "thinking", "refresh", "context", "checkpoint", "abliterated", "finetune", "pruned"]
)

SAME_MAKER = frozenset(["base", "instruct", "thinking", "refresh", "context", "checkpoint"])
"""Kinds that the publisher of the head makes: a missing licence is the head's, and where the variant
cannot ship its id still names the head."""

_OWN_FIELDS = (
    *("id", "name", "org", "organization", "license", "release_date", "published_total_params"),
    *("hf_downloads_30d", "gguf_repos", "tool_use", "source", "context_length", "base_or_instruct"),
    *("modality", "verified", "published_is_text", "shape_reason", "overridden"),
)
"""Fields of a row that say nothing about its shape."""

_SHAPE = (
    *("architecture", "hidden_size", "layers", "n_heads", "n_kv_heads", "head_dim", "ffn_size"),
    *("vocab_size", "tied_embeddings", "sliding_window", "n_experts", "n_experts_active"),
    *("n_shared_experts", "moe_ffn_size", "first_dense_layers", "kv_lora_rank"),
)
"""Fields of a model in which a variant may differ from its head only with a remark."""

_NAMES = {
    "hidden_size": "width",
    "n_heads": "heads",
    "n_kv_heads": "key-value heads",
    "head_dim": "head width",
    "ffn_size": "feed-forward width",
    "vocab_size": "vocabulary",
    "tied_embeddings": "tied embeddings",
    "sliding_window": "window",
    "n_experts": "experts",
    "n_experts_active": "chosen experts",
    "moe_ffn_size": "expert width",
}


@dataclass(frozen=True, slots=True)
class Lineage:
    """``variants``: id of a variant -> id of its head and kind; ``heads``: all heads, also lone ones."""

    variants: Mapping[str, tuple[str, str]]
    heads: frozenset[str]


def read_lineage(heads: Mapping[str, Mapping[str, list[str]]]) -> Lineage:
    """The table of the file by variant.

    Raises:
        ValueError: a kind is unknown, a model has two heads, or a head is a variant itself.
    """
    variants: dict[str, tuple[str, str]] = {}
    for head, kinds in heads.items():
        for kind, identifiers in kinds.items():
            if kind not in KINDS:
                raise ValueError(f"model_lineage.json: {head} has variants of the unknown kind {kind!r}")
            for identifier in identifiers:
                if identifier in variants:
                    raise ValueError(f"model_lineage.json: {identifier} has two heads")
                variants[identifier] = (head, kind)
    chained = sorted(set(variants) & set(heads))
    if chained:
        raise ValueError(f"model_lineage.json: {chained[0]} is a head and a variant")
    return Lineage(variants, frozenset(heads))


def shapes_to_try(row: Row, head: Row) -> list[Row]:
    """Rows that a variant may really be, the most likely first.

    Its head's shape; with the head's modality (a text-only remark on a model with a vision part); with
    its own vocabulary (fine-tunes add tokens); its own shape.
    """
    own = {key: row[key] for key in _OWN_FIELDS if key in row}
    shared = {**{k: v for k, v in head.items() if k not in _OWN_FIELDS}, **own, "shape_from": head["id"]}
    vocabulary = {key: row[key] for key in ("vocab_size", "tied_embeddings") if row.get(key) is not None}
    return [
        shared,
        {**shared, "modality": head["modality"]},
        {**shared, "tied_embeddings": row.get("tied_embeddings")},
        {**shared, **vocabulary},
        row,
        {**row, "tied_embeddings": not row.get("tied_embeddings")},
    ]


def best_shape(rows: list[Row], check: Callable[[Row], str | None]) -> Row | None:
    """The first row whose count is exact, else explained by a second head, else within 0.1 %, else explained.

    ``None`` if no row is.  ``check`` says how the count compares, or ``None`` where that is not explained.
    """
    said = [(row, check(row)) for row in rows]
    for pattern in (r"exact\b(?!:)", "exact", "within", "published total", "text part only", ""):
        for row, text in said:
            if text is not None and re.match(pattern, text):
                return row
    return None


def difference(model: Model, head: Model) -> str | None:
    """What about a variant's shape is not its head's, or ``None``."""
    differs = [
        f"{_NAMES.get(name, name.replace('_', ' '))} {_told(getattr(model, name))}, "
        f"not {_told(getattr(head, name))}"
        for name in _SHAPE
        if getattr(model, name) != getattr(head, name)
    ]
    return f"shape differs from its head: {'; '.join(differs)}" if differs else None


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
