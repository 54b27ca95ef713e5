"""How fast a model is over RAM bandwidth, context, users or quantization, on this rig and on others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.comparison import Scenario, estimate_scenario
from advisor.core.changes import WhatIfError
from advisor.core.estimate import EstimateTable, bottleneck
from advisor.core.machine import Device, Machine
from advisor.core.question import Question
from advisor.core.ranking import fit_name
from advisor.explanation import explain
from advisor.knowledge import Knowledge, knowledge_of, resolve_quant
from advisor.pipeline import machine_of
from catalog.types import LookupFailedError, Model

OVER = ("ram-bandwidth", "context", "users", "quant")
_GIB = 1024**3
_STEPS_PER_OCTAVE = 4
_SHORTEST = 1_024
_LONGEST = 131_072
"""Contexts that are drawn where a model's own limit is not known."""
_USERS = (1, 2, 4, 8, 16, 32, 64)
_REACH = 4.0
"""How far beyond the rigs' own RAM bandwidth the picture goes, as a factor."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One estimate.  Speeds are of one user; ``None`` where the model does not fit."""

    x: float
    label: str
    quant: str
    fit: str
    tokens_per_s: float | None
    low_tokens_per_s: float | None
    high_tokens_per_s: float | None
    ttft_s: float | None
    bottleneck: str | None


@dataclass(frozen=True, slots=True)
class Curve:
    """One scenario's points in order of ``x``; ``now_x`` is where the scenario itself is, if it is on the
    axis."""

    scenario: str
    points: tuple[CurvePoint, ...]
    now_x: float | None


@dataclass(frozen=True, slots=True)
class Curves:
    """A picture: curves of one model over one thing.  ``quant`` is ``None`` where that is the thing."""

    over: str
    model: Model
    quant: str | None
    question: Question
    curves: tuple[Curve, ...]


def curves_of(
    scenarios: Sequence[Scenario], question: Question, model: Model, over: str, quant: str | None = None
) -> Curves:
    """Estimate a model on every scenario over ``over``; placements are chosen anew at every point.

    Args:
        scenarios: the present rig first.
        question: what does not vary.
        model: the model.
        over: one of ``OVER``.
        quant: its quantization; by default the best one on the first scenario.

    Raises:
        WhatIfError: there is no such axis, or a quantization was named for that axis.
        LookupFailedError: the quantization is unknown, or the model is listed but not estimated.
    """
    if over not in OVER:
        raise WhatIfError(f"nothing is drawn over {over!r}; use one of: {', '.join(OVER)}")
    if over == "quant":
        if quant is not None:
            raise WhatIfError("--quant names one quantization and --over quant draws them all: leave one out")
        if model.not_estimated_because is not None:
            raise LookupFailedError("estimate", f"{model.name} ({model.not_estimated_because})", (), False)
        everything = knowledge_of(model)
        return Curves(
            over, model, None, question, tuple(_over_quant(s, question, everything) for s in scenarios)
        )
    name = resolve_quant(quant) if quant else explain(scenarios[0].rig, question, model).quant
    knowledge = knowledge_of(model, [name])
    if over == "ram-bandwidth":
        curves = _over_bandwidth(scenarios, question, knowledge)
    else:
        questions = list(_contexts(model, question) if over == "context" else _users(question))
        curves = [_over_questions(s, questions, knowledge, over, question) for s in scenarios]
    return Curves(over, model, name, question, tuple(curves))


def _point(table: EstimateTable, row: int, x: float, label: str) -> CurvePoint:
    fits = bool(table.fits[row])
    speed, low, high = table.speeds_at(row) if fits else (None, None, None)
    return CurvePoint(
        x=x,
        label=label,
        quant=table.candidates.quant(row),
        fit=fit_name(table, row),
        tokens_per_s=speed,
        low_tokens_per_s=low,
        high_tokens_per_s=high,
        ttft_s=float(table.ttft_s[row]) if fits else None,
        bottleneck=bottleneck(table, row)[0] if fits else None,
    )


def _over_quant(scenario: Scenario, question: Question, everything: Knowledge) -> Curve:
    """All file types by the size of their file."""
    table = estimate_scenario(scenario, question, everything)
    order = np.argsort(table.candidates.file_bytes, kind="stable").tolist()
    points = [
        _point(table, row, float(table.candidates.file_bytes[row]) / _GIB, table.candidates.quant(row))
        for row in order
    ]
    return Curve(scenario.name, tuple(points), None)


def _over_questions(
    scenario: Scenario, questions: Sequence[Question], knowledge: Knowledge, over: str, asked: Question
) -> Curve:
    points = []
    for question in questions:
        x = question.context if over == "context" else question.users
        table = estimate_scenario(scenario, question, knowledge)
        points.append(_point(table, 0, float(x), f"{x:,}"))
    return Curve(scenario.name, tuple(points), float(asked.context if over == "context" else asked.users))


def _contexts(model: Model, question: Question) -> Iterator[Question]:
    """Contexts by doubling, each filled: the speed at the end of it."""
    longest = max(model.context_length or _LONGEST, _SHORTEST)
    contexts = {_SHORTEST << n for n in range(32) if _SHORTEST << n <= longest}
    for context in sorted(contexts | {longest, min(question.context, longest)}):
        yield replace(question, context=context, depth_tokens=context)


def _users(question: Question) -> Iterator[Question]:
    for users in sorted({*_USERS, question.users}):
        yield replace(question, users=users)


def _over_bandwidth(scenarios: Sequence[Scenario], question: Question, knowledge: Knowledge) -> list[Curve]:
    """RAM bandwidths around those of the rigs, spaced by equal factors, and those themselves."""
    own = [machine_of(s.rig).cpu.bandwidth for s in scenarios]
    low, high = min(own) / _REACH, max(own) * _REACH
    steps = math.ceil(math.log2(high / low) * _STEPS_PER_OCTAVE)
    grid = {low * (high / low) ** (n / steps) for n in range(steps + 1)} | set(own)
    curves = []
    for scenario, present in zip(scenarios, own, strict=True):
        points = []
        for bandwidth in sorted(grid):
            table = estimate_scenario(scenario, question, knowledge, tweak=_with_ram_at(bandwidth))
            points.append(_point(table, 0, bandwidth / 1e9, f"{bandwidth / 1e9:.4g}"))
        curves.append(Curve(scenario.name, tuple(points), present / 1e9))
    return curves


def _with_ram_at(bandwidth: float) -> Callable[[Machine], Machine]:
    """A machine with other RAM; GPUs that use it follow, and what the CPU's fabric carries stays."""

    def tweak(machine: Machine) -> Machine:
        factor = bandwidth / machine.cpu.bandwidth

        def follow(device: Device) -> Device:
            if device.kind == "gpu" or device.network is not None:
                return device
            return replace(device, bandwidth=device.bandwidth * factor)

        return replace(machine, devices=tuple(follow(d) for d in machine.devices))

    return tweak
