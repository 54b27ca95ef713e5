"""Predictions for cases: the estimator on an array of one, with caches for what repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from advisor.core.candidates import build_candidates
from advisor.core.memory import compute_buffer_bytes, kv_bytes
from advisor.validation.files import read_file
from advisor.validation.memory_rows import predict_memory
from advisor.validation.quants import UnknownQuantError
from advisor.validation.rows import Case, SkipRowError
from advisor.validation.sizes import predict_bytes
from advisor.validation.slices import labels_of
from advisor.validation.speed import counted_weights, estimated_model, gguf_type, predict_speed
from catalog.efficiency import load_efficiencies
from catalog.types import LookupFailedError, Model
from catalog.weights import file_tensor_bytes
from probes.types import Rig, RigError


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
        model = estimated_model(case.model)
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


def _predict(case: Case) -> dict[str, float | None]:
    if case.rig is not None:
        return predict_speed(case, load_efficiencies())
    model = estimated_model(case.model)
    if case.measured_bytes is not None:
        return predict_bytes(case, model)
    quant, _ = gguf_type(case, model)
    return _predict_sizes(case, model, quant)


_OTHER_MODEL = 0.2
"""Weights farther than this from a row's are of another model (files may hold an embedding twice)."""


def _predict_sizes(case: Case, model: Model, quant: str) -> dict[str, float | None]:
    """Weights, cache and buffers where the runtime was given a plain 16 bit file.

    That holds also for models that are published in another format.
    """
    c = build_candidates([(model, quant, counted_weights(case.model, quant, case.imatrix))])
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
