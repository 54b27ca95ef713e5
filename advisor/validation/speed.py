"""Speed rows: from a case to what the estimator needs, and to the prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from advisor.core.candidates import Candidates, build_candidates
from advisor.core.estimate import EstimateTable, estimate, placement_of
from advisor.core.machine import Machine
from advisor.core.placement import Strategy
from advisor.core.prefill import prefill_seconds
from advisor.core.question import Question
from advisor.core.spread import Z80
from advisor.pipeline import machine_of
from advisor.validation.cases import Case, SkipRowError
from advisor.validation.quants import file_type
from advisor.validation.sizes import weighing
from catalog.efficiency import Efficiencies
from catalog.models import find_model
from catalog.types import LookupFailedError, Model, Role
from probes.types import unknown

CPU_ENGINES = ("ik_llama", "ktransformers")
"""Engines with kernels of their own for what lies in RAM."""


@dataclass(frozen=True, slots=True)
class Answerable:
    """A speed row as the estimator's arguments: an array of one candidate on a machine."""

    case: Case
    model: Model
    candidates: Candidates
    machine: Machine
    question: Question
    strategy: Strategy | None


def estimated_model(name: str) -> Model:
    """The model of a name, if the catalog can count it.

    Raises:
        SkipRowError, LookupFailedError: it cannot, or does not know the name.
    """
    found = _found(name)
    if isinstance(found, LookupFailedError):
        raise found.with_traceback(None)
    if found.not_estimated_because:
        raise SkipRowError(f"{found.name} is not estimated: {found.not_estimated_because}")
    return found


@cache
def _found(name: str) -> Model | LookupFailedError:
    """The model of a name, or why there is none: unknown names repeat, and looking for near ones is slow."""
    try:
        return find_model(name)
    except LookupFailedError as error:
        return error


@lru_cache(maxsize=4096)
def counted_weights(name: str, quant: str, imatrix: bool) -> dict[tuple[Role, str], int]:
    """Bytes of a model in a GGUF file type by role and ggml type."""
    return weighing(name).by_role_and_type(quant, imatrix)


def gguf_type(case: Case, model: Model) -> tuple[str, bool]:
    """The GGUF file type of a case, and whether its label names exactly that mix.

    Raises:
        UnknownQuantError, SkipRowError: there is none, or the model has no such file.
    """
    quant, exact = file_type(case.quant)
    if quant == "MXFP4_MOE" and not model.is_moe:
        raise SkipRowError(f"{model.name} has no experts: MXFP4 is not one of its file types")
    return quant, exact


def answerable(case: Case, efficiencies: Efficiencies) -> Answerable:
    """The case as the estimator's arguments.

    Raises:
        SkipRowError, UnknownQuantError, LookupFailedError, RigError: why it cannot be answered.
    """
    assert case.rig is not None
    model = estimated_model(case.model)
    quant, weights = _weights_of(case, model)
    engine = case.engine if case.engine in CPU_ENGINES else "cpu"
    machine = machine_of(case.rig, efficiencies, engine)
    if case.strategy is not None and case.strategy is not Strategy.CPU and not machine.gpus:
        raise SkipRowError("the GPU's memory or bandwidth is not known to the catalog")
    strategy = case.strategy
    if case.parallel == "tensor" and strategy is Strategy.ACCELERATOR and len(machine.gpus) > 1:
        strategy = Strategy.TENSOR_PARALLEL
    return Answerable(
        case=case,
        model=model,
        candidates=build_candidates([(model, quant, weights)]),
        machine=machine,
        question=replace(
            case.question,
            runtime_year=case.era,
            all_gpus=case.parallel == "layer" and len(machine.gpus) > 1,
        ),
        strategy=strategy,
    )


def _weights_of(case: Case, model: Model) -> tuple[str, Mapping[tuple[Role, str], int]]:
    if case.weights is not None:
        return case.quant, case.weights
    quant, exact = gguf_type(case, model)
    weights = counted_weights(case.model, quant, case.imatrix)
    counted = sum(weights.values())
    if case.tensor_bytes and not exact and 0.5 < case.tensor_bytes / counted < 2:
        # A hand-made mix: the format is known and the file's size stated, so the bytes follow.
        scale = case.tensor_bytes / counted
        weights = {key: round(size * scale) for key, size in weights.items()}
    return quant, weights


def prefill_row(row: Answerable, efficiencies: Efficiencies) -> Answerable:
    """The row as its prompt was worked on: by all cores, where fewer threads decoded."""
    if not row.case.prefill_on_all_cores:
        return row
    assert row.case.rig is not None
    cpu = replace(row.case.rig.cpu, usable_cores=unknown("all cores"))
    return answerable(replace(row.case, rig=replace(row.case.rig, cpu=cpu)), efficiencies)


def estimated(row: Answerable, efficiencies: Efficiencies) -> EstimateTable:
    """The estimate of an answerable row."""
    return estimate(row.candidates, row.machine, row.question, efficiencies, only=row.strategy)


def predict_speed(case: Case, efficiencies: Efficiencies) -> dict[str, float | None]:
    """Measured and predicted speeds of a case, with the prediction's interval.

    Raises:
        SkipRowError, UnknownQuantError, LookupFailedError, RigError: why it cannot be answered.
    """
    row = answerable(case, efficiencies)
    table = estimated(row, efficiencies)
    prompt_row = prefill_row(row, efficiencies)
    prompt = table if prompt_row is row else estimated(prompt_row, efficiencies)
    users = case.question.users
    together = prefill_seconds(
        prompt.candidates,
        prompt.machine,
        placement_of(prompt, 0, row.strategy),
        prompt.question,
        efficiencies,
        users,
    )
    prefill = prompt.question.prompt * users / float(together[0])
    wide = math.exp(Z80 * float(prompt.prefill_spread_log[0]))
    speed, low, high = (value * users for value in table.speeds_at(0))
    return {
        "measured_tokens_per_s": case.measured_tokens_per_s,
        "predicted_tokens_per_s": speed,
        "low_tokens_per_s": low,
        "high_tokens_per_s": high,
        "measured_prefill_tokens_per_s": case.measured_prefill_tokens_per_s,
        "predicted_prefill_tokens_per_s": prefill,
        "low_prefill_tokens_per_s": prefill / wide,
        "high_prefill_tokens_per_s": prefill * wide,
    }
