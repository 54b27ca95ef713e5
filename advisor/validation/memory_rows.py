"""Predicted memory of runs whose logs state their buffers: weights, cache, compute buffers, total."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from advisor.core.candidates import Candidates, build_candidates
from advisor.validation.layouts import buffers_bytes, cache_bytes
from advisor.validation.quants import file_type
from advisor.validation.rows import Case
from catalog.types import Model
from catalog.weights import file_tensor_bytes, weights_for

_GIB = 1024**3
_AGREES = 0.01
"""A file whose size is farther than this from what its label gives was made by another mix."""


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """What a log's row is compared with, and what of it is not compared and why.

    ``weights_from`` is ``label`` where the bytes are counted from the quantization label, ``file`` where
    the label leaves them open and the stated size of the file gives them, ``open`` where neither does.
    """

    values: Mapping[str, float | None]
    weights_from: str
    remarks: tuple[str, ...]


def predict_memory(case: Case, model: Model) -> MemoryRow:
    """Weights, cache and buffers of one row of a log.

    Raises:
        UnknownQuantError: the quantization cannot be read.
    """
    assert case.layout is not None
    quant, exact = file_type(case.quant)
    c = build_candidates([(model, quant, dict(weights_for(model, quant, case.imatrix)))])
    counted = float(file_tensor_bytes(model, quant, case.imatrix))
    remarks: list[str] = []
    weights, weights_from = _weights(case, counted, exact, remarks)
    kv: float | None = cache_bytes(model, c, case.question, case.layout)
    compute: float | None = buffers_bytes(model, c, case.question, case.layout)
    if _contradicts(case, model, c):
        kv = compute = None
        remarks.append(
            "cache and buffers: the log asks for keys and values of all heads (-mla 0), but its cache is "
            "that of latents; it contradicts itself"
        )
    total = weights + kv + compute if weights and kv is not None and compute is not None else None
    if case.layout.device_memory_only:
        total = None
        remarks.append(
            "total: what the card held while experts stayed in RAM (-cmoe, -ncmoe), not the whole run; "
            "not compared"
        )
    measured = case.measured_weights_bytes
    stated = case.tensor_bytes
    if measured and stated and measured > stated * (1 + _AGREES):
        remarks.append(
            f"weights and total: the buffers add up to {measured / stated:.2f} times the file, "
            "so they overlap (mapped and copied)"
        )
        weights = total = None
    return MemoryRow(
        {
            "measured_weights_bytes": measured,
            "predicted_weights_bytes": weights,
            "measured_kv_bytes": case.measured_kv_bytes,
            "predicted_kv_bytes": kv,
            "measured_compute_bytes": case.measured_compute_bytes,
            "predicted_compute_bytes": compute,
            "measured_total_bytes": case.measured_total_bytes,
            "predicted_total_bytes": total,
        },
        weights_from,
        tuple(remarks),
    )


def _contradicts(case: Case, model: Model, c: Candidates) -> bool:
    """Whether a log that asks for all heads has a cache of latents: a file may hold nothing else."""
    measured = case.measured_kv_bytes
    if case.layout is None or case.layout.latent != "heads" or not model.kv_lora_rank or not measured:
        return False
    latents = cache_bytes(model, c, case.question, replace(case.layout, latent="app"))
    return abs(measured / latents - 1) <= _AGREES


def _weights(case: Case, counted: float, exact: bool, remarks: list[str]) -> tuple[float | None, str]:
    """Bytes of the weights and what they come from: the label, or the stated size where it contradicts."""
    stated = case.tensor_bytes
    if exact and (not stated or abs(stated / counted - 1) <= _AGREES):
        return counted, "label"
    if not stated:
        remarks.append("weights: neither the label nor a stated size of the file gives them")
        return None, "open"
    if exact:
        remarks.append(
            f"weights: {case.quant} would be {counted / _GIB:.1f} GiB, the file has {stated / _GIB:.1f}: "
            "not that mix; its stated size is used"
        )
    else:
        remarks.append(f"weights: {case.quant} is a mix by hand; the stated size of its file is used")
    return stated, "file"
