"""The score: a weighted geometric mean of quality, speed, fit and context.

Every part lies in (0, 1) and approaches 1 without reaching it where more is still better, so that
the score does not saturate.  A bad part cannot be bought back by the others: the mean is geometric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.core.candidates import Floats
from advisor.core.estimate import EstimateTable
from advisor.core.placement import SPLIT

_COMFORTABLE_HEADROOM = 0.15
"""Share of a memory pool that is better left free; below it the fit part falls to 0.7."""

_SPLIT_FIT = 0.9
"""Fit part of a placement spread over GPU and RAM: more can go wrong than on one device."""

_QUALITY_OF_LITTLE_USE = 0.25
"""Quality index of models that hardly beat guessing; the quality part counts from here."""

_FLOOR = 1e-3


@dataclass(frozen=True, slots=True)
class Scores:
    """Score in 0..100 and its parts in 0..1, arrays [n]; the score is zero where nothing fits.

    ``quality`` is the index itself, ``quality_part`` what enters the mean.
    """

    score: Floats
    quality: Floats
    quality_part: Floats
    decode: Floats
    prefill: Floats
    fit: Floats
    context: Floats


def score(table: EstimateTable, quality: Floats) -> Scores:
    """Score all rows of an estimate for the use case of its question.

    ``quality`` [n] is the model's quality in 0..1 after the loss of its quantization.

    quality = (index - 0.25) / 0.75, at least 0;
    decode  = v / (v + target), v in tokens/s;  prefill = target / (target + TTFT);
    fit     = 0.7 + 0.3 min(1, free share / 0.15), times 0.9 for a split placement;
    context = log2(1 + usable / 1k) / log2(1 + wanted / 1k), at most 1.
    """
    case = table.question.use_case
    speed = table.tokens_per_s
    decode = speed / (speed + case.decode_target_tokens_per_s)
    prefill = case.ttft_target_s / (case.ttft_target_s + table.ttft_s)
    fit = _fit(table)
    context = _context(table, case.context_wanted)
    quality_part = np.clip((quality - _QUALITY_OF_LITTLE_USE) / (1 - _QUALITY_OF_LITTLE_USE), 0.0, 1.0)
    parts = (
        (quality_part, case.weight_quality),
        (decode, case.weight_decode),
        (prefill, case.weight_prefill),
        (fit, case.weight_fit),
        (context, case.weight_context),
    )
    log_score = sum(weight * np.log(np.clip(part, _FLOOR, 1.0)) for part, weight in parts)
    total = np.where(table.fits, 100 * np.exp(log_score), 0.0)
    return Scores(total, quality, quality_part, decode, prefill, fit, context)


def fit_part(free: Floats) -> Floats:
    """The part of the score for the share of memory that stays free, unsplit."""
    return np.asarray(0.7 + 0.3 * np.minimum(1.0, free / _COMFORTABLE_HEADROOM))


def _fit(table: EstimateTable) -> Floats:
    used = table.used_bytes
    capacity = np.array([d.usable_bytes for d in table.machine.devices])
    in_ram = np.array([d.kind != "gpu" for d in table.machine.devices])
    share = np.where(used > 0, used / np.maximum(capacity, 1.0), 0.0).max(axis=1)
    ram_share = (used * in_ram).sum(axis=1) / max(table.machine.ram_usable_bytes, 1.0)
    share = np.maximum(share, ram_share)
    free = np.clip(1.0 - share, 0.0, 1.0)
    fit = fit_part(free)
    split = np.isin(table.strategy, [int(s) for s in SPLIT])
    return np.asarray(np.where(split, fit * _SPLIT_FIT, fit))


def _context(table: EstimateTable, wanted: int) -> Floats:
    trained = table.candidates.model_context
    usable = np.where(trained > 0, trained, table.question.context)
    usable = np.where(table.context < table.question.context, np.minimum(usable, table.context), usable)
    return np.asarray(np.minimum(1.0, np.log2(1 + usable / 1024) / np.log2(1 + wanted / 1024)))
