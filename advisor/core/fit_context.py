"""A shorter context for what does not fit, where the user allows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from advisor.core.candidates import Candidates
from advisor.core.estimate import EstimateTable, estimate
from advisor.core.estimate_table import for_each
from advisor.core.machine import Machine
from advisor.core.question import Question
from catalog.efficiency import Efficiencies

_STEP = 2**-0.5
_WHOLE = 1_024
"""Contexts are tried in whole thousands."""

_PER_ROW = (
    "strategy",
    "terms",
    "decode_s",
    "prefill_s",
    "spread_log",
    "prefill_spread_log",
    "dense_layers",
    "expert_layers",
    "head",
    "weight_bytes",
    "kv_bytes",
    "compute_bytes",
    "missing_bytes",
    "parallel",
    "bound_to_node",
)


def contexts_to_try(q: Question) -> tuple[int, ...]:
    """Shorter contexts, longest first, down to what one turn of the use case takes."""
    found: list[int] = []
    context = float(q.context)
    while (context := context * _STEP) > q.least_context:
        whole = int(context // _WHOLE * _WHOLE)
        if whole > q.least_context and (not found or whole < found[-1]):
            found.append(whole)
    least = q.least_context
    return (*found, least) if least < q.context else tuple(found)


def estimate_fitting(
    candidates: Candidates, machine: Machine, q: Question, efficiencies: Efficiencies, *, beside: bool = False
) -> EstimateTable:
    """The estimate; where ``q.fit_context`` allows, what does not fit gets the longest context that does.

    The prompt and the depth that speeds are quoted for stay as asked: the context is not cut below them.
    """
    if candidates.alike is not None:
        distinct = candidates.alike.distinct
        return for_each(candidates, estimate_fitting(distinct, machine, q, efficiencies, beside=beside))
    table = estimate(candidates, machine, q, efficiencies, beside=beside)
    if not q.fit_context or bool(table.fits.all()):
        return table
    arrays = {name: getattr(table, name).copy() for name in _PER_ROW}
    context = np.full(len(candidates), float(q.context))
    rest = np.flatnonzero(~table.fits)
    for tried in contexts_to_try(q):
        shorter = replace(q, context=tried, depth_tokens=q.depth, prompt_tokens=q.prompt)
        part = estimate(candidates.take(rest), machine, shorter, efficiencies)
        fitting = part.fits
        for name, array in arrays.items():
            array[rest[fitting]] = getattr(part, name)[fitting]
        context[rest[fitting]] = tried
        rest = rest[~fitting]
        if not len(rest):
            break
    return replace(table, **arrays, reduced_context=context)
