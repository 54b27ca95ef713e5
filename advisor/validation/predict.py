"""Predictions for cases: the estimator on an array of one, with caches for what repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from advisor.core.candidates import Candidates, build_candidates
from advisor.core.estimate import EstimateTable, estimate
from advisor.core.memory import compute_buffer_bytes, kv_bytes
from advisor.pipeline import machine_of
from advisor.validation.files import read_file
from advisor.validation.memory_rows import predict_memory
from advisor.validation.quants import UnknownQuantError, file_type
from advisor.validation.rows import Case, SkipRowError
from advisor.validation.sizes import predict_bytes, weighing
from advisor.validation.slices import labels_of
from catalog.efficiency import load_efficiencies
from catalog.models import find_model
from catalog.types import LookupFailedError, Model, Role
from catalog.weights import file_tensor_bytes
from probes.types import Rig, RigError, unknown


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row of a validation: what was measured and what is predicted.

    ``values`` holds ``measured_*`` and ``predicted_*`` pairs (and the interval of the speed); ``remarks``
    say what of the row was not compared, or not with what its labels alone give.
    """

    id: str
    status: str
    reason: str | None
    values: Mapping[str, float | None] = field(default_factory=dict)
    labels: tuple[tuple[str, str], ...] = ()
    title: str = ""
    """The model and its file type, or what the file calls them."""
    depth: int = 0
    """Tokens in the cache while it was timed."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileResult:
    """All rows of one file."""

    path: str
    kind: str
    rows: tuple[RowResult, ...]

    @property
    def status(self) -> str:
        """``ok`` if at least one row was answered."""
        return "ok" if any(r.status == "ok" for r in self.rows) else "skipped"


def validate_files(paths: Sequence[Path], rig: Rig | None) -> list[FileResult]:
    """Predict every row of measurement files, in order.

    Raises:
        RigError: a file cannot be read or is of no known kind.
    """
    results = []
    for path in paths:
        kind, cases = read_file(path, rig)
        rows = tuple(
            RowResult(name, "skipped", case) if isinstance(case, str) else answer(case)
            for name, case in cases
        )
        results.append(FileResult(str(path), kind, rows))
    return results


def answer(case: Case) -> RowResult:
    """What the estimator says of a case, or why it cannot say anything."""
    try:
        model = _model(case.model)
        title = case.title or f"{model.name} {case.quant.removesuffix(' mix')}"
        if case.layout is not None:
            row = predict_memory(case, model)
            labels = (*labels_of(case, model), ("weights", row.weights_from))
            return RowResult(case.id, "ok", None, row.values, labels, title, remarks=row.remarks)
        return RowResult(
            case.id, "ok", None, _predict(case), labels_of(case, model), title, case.question.cached_tokens
        )
    except (SkipRowError, UnknownQuantError, LookupFailedError, RigError) as error:
        return RowResult(case.id, "skipped", str(error), labels=case.labels)


def _model(name: str) -> Model:
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
def _weights(name: str, quant: str, imatrix: bool) -> dict[tuple[Role, str], int]:
    return weighing(name).by_role_and_type(quant, imatrix)


def _predict(case: Case) -> dict[str, float | None]:
    model = _model(case.model)
    if case.measured_bytes is not None:
        return predict_bytes(case, model)
    if case.weights is not None:
        return _predict_speed(case, model, case.quant, case.weights, 1.0)
    quant, exact = file_type(case.quant)
    if quant == "MXFP4_MOE" and not model.is_moe:
        raise SkipRowError(f"{model.name} has no experts: MXFP4 is not one of its file types")
    weights = _weights(case.model, quant, case.imatrix)
    counted = sum(weights.values())
    if case.rig is None:
        return _predict_sizes(case, model, quant)
    scale = 1.0
    if case.tensor_bytes and not exact and 0.5 < case.tensor_bytes / counted < 2:
        # A hand-made mix: the format is known and the file's size stated, so the bytes follow.
        scale = case.tensor_bytes / counted
    return _predict_speed(case, model, quant, weights, scale)


def _predict_speed(
    case: Case, model: Model, quant: str, weights: Mapping[tuple[Role, str], int], scale: float
) -> dict[str, float | None]:
    assert case.rig is not None
    table = _estimate(case, model, quant, weights, scale)
    prompt = table
    if case.prefill_on_all_cores:
        all_cores = replace(case.rig, cpu=replace(case.rig.cpu, usable_cores=unknown("all cores")))
        prompt = _estimate(replace(case, rig=all_cores), model, quant, weights, scale)
    speed = float(table.tokens_per_s[0])
    total = speed * case.question.users
    ratio = total / speed
    return {
        "measured_tokens_per_s": case.measured_tokens_per_s,
        "predicted_tokens_per_s": total,
        "low_tokens_per_s": float(table.low_tokens_per_s[0]) * ratio,
        "high_tokens_per_s": float(table.high_tokens_per_s[0]) * ratio,
        "measured_prefill_tokens_per_s": case.measured_prefill_tokens_per_s,
        "predicted_prefill_tokens_per_s": case.question.prompt / float(prompt.prefill_s[0]),
    }


def _candidates(
    model: Model, quant: str, weights: Mapping[tuple[Role, str], int], scale: float
) -> Candidates:
    scaled = {key: round(size * scale) for key, size in weights.items()}
    return build_candidates([(model, quant, scaled)])


def _estimate(
    case: Case, model: Model, quant: str, weights: Mapping[tuple[Role, str], int], scale: float
) -> EstimateTable:
    assert case.rig is not None
    machine = machine_of(case.rig)
    if case.strategy is not None and case.strategy.name != "CPU" and not machine.gpus:
        raise SkipRowError("the GPU's memory or bandwidth is not known to the catalog")
    return estimate(
        _candidates(model, quant, weights, scale),
        machine,
        case.question,
        load_efficiencies(),
        only=case.strategy,
    )


_OTHER_MODEL = 0.2
"""Weights farther than this from a row's are of another model (files may hold an embedding twice)."""


def _predict_sizes(case: Case, model: Model, quant: str) -> dict[str, float | None]:
    """Weights, cache and buffers where the runtime was given a plain 16 bit file.

    That holds also for models that are published in another format.
    """
    c = _candidates(model, quant, _weights(case.model, quant, case.imatrix), 1.0)
    measured = case.measured_weights_bytes
    counted = float(file_tensor_bytes(model, quant, case.imatrix, keep_native=False))
    if measured and abs(measured / counted - 1) > _OTHER_MODEL:
        here, there = measured / 2**20, counted / 2**20
        raise SkipRowError(f"{case.model} takes {here:,.0f} MiB, {model.name} {there:,.0f}: not that model")
    kv = float(np.asarray(kv_bytes(c, case.question))[0])
    compute = float(np.asarray(compute_buffer_bytes(c, case.question))[0])
    return {
        "measured_weights_bytes": measured,
        "predicted_weights_bytes": counted,
        "measured_kv_bytes": case.measured_kv_bytes,
        "predicted_kv_bytes": kv,
        "measured_compute_bytes": case.measured_compute_bytes,
        "predicted_compute_bytes": compute,
        "measured_total_bytes": case.measured_total_bytes,
        "predicted_total_bytes": counted + kv + compute,
    }
