"""GGUF files around their tensors: the metadata they begin with, and what packagers did differently.

    file = metadata + tensor list + tensors

The tensor list is arithmetic: per tensor its name and 24 + 8 bytes per dimension (8 for the length of
the name, 4 for the number of dimensions, 4 for the type, 8 for the offset).  The rest of the metadata
is nearly all tokenizer, so it is one constant per tokenizer, fitted on published files
(``data/gguf_headers.csv``); it varies by about a kilobyte with the names and settings in a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from catalog.datafile import rows
from catalog.ggml import tensor_bytes
from catalog.types import CatalogError, Model, Tensor
from catalog.weights import Weighing

_DATA = Path(__file__).with_name("data")


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A tokenizer and the metadata of the files that hold it."""

    name: str
    architectures: str
    """Regular expression for the whole ``Model.architecture``."""
    vocab_low: int
    vocab_high: int
    metadata_bytes: int
    n_files: int
    spread_bytes: int
    """Largest distance of one of those files from ``metadata_bytes``."""
    source: str


@dataclass(frozen=True, slots=True)
class FileNotes:
    """What is known about a published file beyond its file type."""

    imatrix: bool = False
    untied: bool = False
    prediction: bool = False
    """The file holds prediction layers also where converters may leave them out."""
    base: str | None = None
    """The file type that the label is a variant of."""
    embedding: str | None = None
    """Type of the token embedding, whatever the file type gives it."""
    own_embedding: str | None = None
    """The same, where the model has an output matrix of its own."""
    head: str | None = None
    """Type of the output matrix."""
    shape: str | None = None
    """The model whose shape the file has, where the catalog does not know its own name."""
    skip: str | None = None
    """Why the size cannot be computed."""


@dataclass(frozen=True, slots=True)
class FileSize:
    """Predicted size of a GGUF file."""

    total_bytes: int
    tensor_bytes: int
    metadata_bytes: int
    metadata_known: bool
    """Whether the tokenizer's constant is known; else it is estimated from the vocabulary."""


@lru_cache(maxsize=1)
def tokenizers() -> tuple[Tokenizer, ...]:
    """The tokenizers of ``gguf_headers.csv``.

    Raises:
        CatalogError: the data file is missing or broken.
    """
    try:
        return tuple(
            Tokenizer(
                row["tokenizer"],
                row["architectures"],
                int(row["vocab_low"]),
                int(row["vocab_high"]),
                int(row["metadata_bytes"]),
                int(row["n_files"]),
                int(row["spread_bytes"]),
                row["source"],
            )
            for row in rows("gguf_headers.csv")
        )
    except (KeyError, ValueError) as error:
        raise CatalogError(f"gguf_headers.csv is broken ({error}); reinstall the package") from error


def tokenizer_of(model: Model) -> Tokenizer | None:
    """The tokenizer of a model by its architecture and vocabulary, ``None`` if no file of it was seen."""
    for known in tokenizers():
        if known.vocab_low <= model.vocab_size <= known.vocab_high and re.fullmatch(
            known.architectures, model.architecture
        ):
            return known
    return None


def tensor_list_bytes(tensors: Sequence[Tensor]) -> int:
    """Bytes of the list of tensors that precedes them in a GGUF file."""
    return sum(24 + len(tensor.name) + 8 * len(tensor.shape) for tensor in tensors)


def metadata_bytes(model: Model) -> tuple[int, bool]:
    """Bytes before the list of tensors, and whether they are known or estimated.

    The estimate is the median over the known tokenizers of bytes per vocabulary entry, which lie
    between 23 and 65.
    """
    known = tokenizer_of(model)
    if known is not None:
        return known.metadata_bytes, True
    per_entry = sorted(t.metadata_bytes / t.vocab_high for t in tokenizers())
    return round(per_entry[len(per_entry) // 2] * model.vocab_size), False


_TYPED_RULES = {
    "as": "base",
    "embedding": "embedding",
    "own-embedding": "own_embedding",
    "head": "head",
    "shape": "shape",
}
"""Rules that are followed by a type or a model, and the field of ``FileNotes`` that they set."""

_QKV_RULES_CHANGED = "2026"
"""Files of models released before hold the mix of their time for queries, keys and values in one matrix:
eleven files of Phi-4 and two of Phi-3.5 are reproduced to the byte."""


@lru_cache(maxsize=1)
def _notes() -> tuple[tuple[str, str, str, str], ...]:
    notes = rows("gguf_files.csv")
    return tuple((row["file"].lower(), row["quant"].lower(), row["rule"], row["reason"]) for row in notes)


def file_notes(file: str, quant: str) -> FileNotes:
    """Notes on a published file by its repository or file name and its file type.

    Raises:
        CatalogError: the data file is missing or broken.
    """
    name, kind = file.lower(), quant.lower()
    notes = FileNotes()
    for pattern, quants, rule, reason in _notes():
        if not (fnmatchcase(name, pattern) and fnmatchcase(kind, quants)):
            continue
        if rule == "imatrix":
            notes = replace(notes, imatrix=True)
        elif rule == "untied":
            notes = replace(notes, untied=True)
        elif rule == "prediction":
            notes = replace(notes, prediction=True)
        elif (field := _TYPED_RULES.get(rule.partition(" ")[0])) is not None:
            changes: dict[str, Any] = {field: rule.partition(" ")[2]}
            notes = replace(notes, **changes)
        elif rule == "skip":
            notes = replace(notes, skip=notes.skip or reason)
        else:
            raise CatalogError(f"gguf_files.csv: unknown rule {rule!r}; reinstall the package")
    return notes


def counted_bytes(model: Model, quant: str, notes: FileNotes, keep_native: bool = True) -> tuple[int, int]:
    """Bytes of the tensors of a file and of their list, as the notes say it was made.

    Raises:
        UnsupportedArchitectureError: the tensors of the model are not understood.
        LookupFailedError: ``quant`` is not a GGUF file type.
    """
    made = replace(model, tied_embeddings=False) if notes.untied else model
    older = (model.release_date or "9999") < _QKV_RULES_CHANGED
    weighing = Weighing(made, prediction=notes.prediction, older_qkv=older)
    typed = weighing.typed(notes.base or quant, notes.imatrix, keep_native, with_mtp=True)
    chosen = {"token_embd.weight": notes.embedding, "output.weight": notes.head}
    if not made.tied_embeddings:
        chosen["token_embd.weight"] = notes.own_embedding or notes.embedding
    size = sum(tensor_bytes(chosen.get(tensor.name) or kind, tensor.shape) for tensor, kind in typed)
    return size, tensor_list_bytes([tensor for tensor, _ in typed])


def file_size(model: Model, quant: str, notes: FileNotes, keep_native: bool = True) -> FileSize:
    """Size of the GGUF file of a model in a file type, as the notes say it was made.

    Raises:
        UnsupportedArchitectureError: the tensors of the model are not understood.
        LookupFailedError: ``quant`` is not a GGUF file type.
    """
    tensors, listed = counted_bytes(model, quant, notes, keep_native)
    metadata, known = metadata_bytes(model)
    return FileSize(tensors + metadata + listed, tensors, metadata, known)
