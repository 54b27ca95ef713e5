"""Candidates that are estimated once for several: finetunes of one shape in one format.

An estimate sees of a model its bytes by format, its shape and its cache, and neither its name nor what it
was trained on.  Nearly two thirds of the catalog's candidates share all of that with another.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from advisor.core.candidates import WIDE, Alike, Candidates, Floats, Ints
from catalog.types import Model

_OF_NO_ESTIMATE = ("models", "quants", "types", "model_of", "quant_of", "model_context", "alike")
"""Fields that no estimate reads as numbers: scores know the context a model was trained for."""


def grouped(c: Candidates) -> Candidates:
    """The candidates with those marked that are estimated alike, and without what only estimates read."""
    kinds: dict[bytes, int] = {}
    kind_of: list[int] = []
    for start in range(0, len(c), _AT_ONCE):
        table = _estimated_by(c, np.arange(start, min(start + _AT_ONCE, len(c))))
        data, width = table.tobytes(), table.shape[1] * table.itemsize
        kind_of += [kinds.setdefault(data[at : at + width], len(kinds)) for at in range(0, len(data), width)]
    row_of = np.array(kind_of, dtype=np.int64)
    first = np.unique(row_of, return_index=True)[1]
    light: dict[str, Any] = {name: getattr(c, name)[:0].copy() for name in WIDE}
    return replace(c, **light, alike=Alike(c.take(first), row_of))


_AT_ONCE = 1_000
"""Candidates compared at a time: their numbers take a kilobyte each."""


def _estimated_by(c: Candidates, rows: Ints) -> Floats:
    """Everything that decides the estimates of the candidates at ``rows`` [rows, numbers]."""
    known: dict[object, int] = {}
    of_model = np.array([known.setdefault(_of_layers(m), len(known)) for m in c.models], dtype=np.float64)
    columns = [
        np.asarray(getattr(c, f.name)[rows], dtype=np.float64).reshape(len(rows), -1)
        for f in fields(c)
        if f.name not in _OF_NO_ESTIMATE
    ]
    return np.ascontiguousarray(np.concatenate([of_model[c.model_of[rows]][:, None], *columns], axis=1))


def _of_layers(model: Model) -> tuple[object, ...]:
    """What runtimes read off a model itself: the kinds of its layers (pages of a cache) and its heads
    (tensor parallelism)."""
    return model.layers, model.n_heads, model.extra.get("num_kv_shared_layers", 0)
