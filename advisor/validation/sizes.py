"""Predicted bytes for rows that state the size of a file or of its tensors."""

from __future__ import annotations

import re
from functools import lru_cache

from advisor.validation.quants import UnknownQuantError, file_type
from advisor.validation.rows import Case, SkipRowError
from catalog.formats import UnknownFormatError, format_size, parse_format
from catalog.ggml import tensor_bytes
from catalog.gguf_files import counted_bytes, file_notes, file_size
from catalog.models import find_model
from catalog.published_sizes import hand_made_size, mix_name, published_sizes
from catalog.types import LookupFailedError, Model
from catalog.weights import Weighing

_MIX = re.compile(r"(?:UD-)?(?:I?Q[1-8]_(?:K_)?[A-Z]+|Q[4-8]_[01])", re.IGNORECASE)


@lru_cache(maxsize=256)
def weighing(name: str) -> Weighing:
    """The tensors of a model, built once for all of its rows."""
    return Weighing(find_model(name))


def _quantized_16_bit(case: Case, quant: str) -> int:
    typed = weighing(case.model).typed(quant, case.imatrix, keep_native=False, with_mtp=True)
    return sum(tensor_bytes(kind, tensor.shape) for tensor, kind in typed)


def predict_bytes(case: Case, model: Model) -> dict[str, float | None]:
    """``measured_bytes`` and ``predicted_bytes`` of a row with a size.

    A row that names no file is what llama-quantize makes of a 16 bit file: its tensors are counted with
    the importance matrix it states.  Of a published file, the notes on it say how it was made; whole
    files include their metadata.

    Raises:
        SkipRowError: the size follows from no rule; the text says why.
        UnknownQuantError: the quantization cannot be read.
    """
    measured = case.measured_bytes
    if case.file is None:
        quant, _ = file_type(case.quant)
        predicted = _quantized_16_bit(case, quant)
        return {"measured_bytes": measured, "predicted_bytes": float(predicted)}
    notes = file_notes(case.file, case.quant)
    if notes.skip:
        raise SkipRowError(f"{case.quant} of {case.file}: {notes.skip}")
    if notes.base and notes.own_embedding and model.tied_embeddings:
        raise SkipRowError(
            f"{case.quant} of {case.file}: not known what it changes where embeddings are tied"
        )
    try:
        quant, exact = (notes.base, True) if notes.base else file_type(case.quant)
    except UnknownQuantError:
        return {"measured_bytes": measured, "predicted_bytes": float(_other_format(case, model))}
    if not exact:
        raise SkipRowError(f"{case.quant} is a hand-made mix: {_hand_made(case, model)}")
    if quant == "MXFP4_MOE" and not model.is_moe:
        raise SkipRowError(f"{model.name} has no experts: MXFP4 is not one of its file types")
    if case.whole_file:
        predicted = file_size(model, quant, notes).total_bytes
    else:
        predicted = counted_bytes(model, quant, notes)[0]
    return {"measured_bytes": measured, "predicted_bytes": float(predicted)}


def _other_format(case: Case, model: Model) -> int:
    try:
        size = format_size(model, parse_format(case.quant))
    except UnknownFormatError as error:
        raise SkipRowError(str(error)) from error
    if size.approximate:
        low, high = size.low_bytes / 1e9, size.high_bytes / 1e9
        raise SkipRowError(f"{case.quant} leaves the size open: {low:.2f} to {high:.2f} GB")
    return size.total_bytes


def _hand_made(case: Case, model: Model) -> str:
    match = _MIX.search(case.quant)
    label = mix_name(match.group() if match else case.quant)
    if "QAT" in case.quant.upper() and not label.endswith("QAT"):
        label += "-QAT"
    if (model.id, label) in published_sizes():
        return "its size is carried as data, not computed"
    try:
        return f"estimated as {hand_made_size(model, label).basis}, not computed"
    except LookupFailedError:
        return "its size cannot be derived"
