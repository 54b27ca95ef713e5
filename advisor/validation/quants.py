"""From the quantization labels of measurements to GGUF file types, and to the bytes of other formats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from catalog.formats import Format, UnknownFormatError, format_size, parse_format
from catalog.ggml import ggml_types
from catalog.mixing import FILE_TYPES
from catalog.models import find_model
from catalog.published_sizes import hand_made_size
from catalog.types import LookupFailedError, Model, Role
from catalog.weights import file_tensor_bytes, weights_for

_UNSUPPORTED = re.compile(
    r"awq|gptq|exl\d|autoround|mlx|int4|int8|fp8|nvfp4|w4a16|w8a8|bnb|4-bit|8-bit|apex|avq|dflash|mixed|reap",
    re.IGNORECASE,
)
_FILE_TYPE = re.compile(
    r"(IQ[1-4]_(?:XXS|XS|NL|S|M)|Q[2-6]_K_(?:XL|S|M|L|P)|Q[2-6]_K|Q[458]_[01]|Q8_K_XL|MXFP4|BF16|FP16|F16|F32)",
    re.IGNORECASE,
)
_SPELLED_OUT = {"small": "S", "medium": "M", "large": "L"}
_NEAREST = {
    "Q2_K_XL": "Q2_K",
    "Q3_K_XL": "Q3_K_M",
    "Q4_K_XL": "Q4_K_M",
    "Q5_K_XL": "Q5_K_M",
    "Q6_K_XL": "Q6_K",
    "Q8_K_XL": "Q8_0",
    "Q2_K_P": "Q2_K",
    "Q3_K_P": "Q3_K_M",
    "Q4_K_P": "Q4_K_M",
    "Q3_K": "Q3_K_M",
    "Q4_K": "Q4_K_M",
    "Q5_K": "Q5_K_M",
    "FP16": "F16",
    "MXFP4": "MXFP4_MOE",
}


_REPACKED = re.compile(r"\bQ8_0_R8(?: - 8\.5 bpw)?$", re.IGNORECASE)
"""Q8_0 with its rows interleaved: the same bytes, and no mix."""

_HAND_MADE = re.compile(r"\bUD\b|mix|bpw|_R\d|byteshape|IQ\d_KS?\b", re.IGNORECASE)
"""Marks of mixes by hand and of types of the ik_llama.cpp fork: near a file type, but not of its bytes."""


class UnknownQuantError(ValueError):
    """A label that names no GGUF file type.  The text is the reason shown in the row."""


def file_type(label: str) -> tuple[str, bool]:
    """The GGUF file type of a label, and whether the label names exactly that mix.

    ``UD-Q4_K_XL`` is a hand-made mix near Q4_K_M: the type is right, the bytes are not exact.

    Raises:
        UnknownQuantError: the label is not GGUF, or cannot be read.
    """
    text = label.strip()
    if not text:
        raise UnknownQuantError("no quantization stated")
    spelled = re.search(r"(Q[2-6]_K)\s*-\s*(small|medium|large)", text, re.IGNORECASE)
    if spelled:
        return f"{spelled.group(1).upper()}_{_SPELLED_OUT[spelled.group(2).lower()]}", True
    match = _FILE_TYPE.search(text)
    if _UNSUPPORTED.search(text) and (not text.lower().startswith("gguf") or "reap" in text.lower()):
        raise UnknownQuantError(_why_not(text))
    if not match:
        raise UnknownQuantError(f"the quantization {text!r} is not a GGUF file type")
    found = match.group(1).upper()
    plain = _NEAREST.get(found, found)
    exact = found not in _NEAREST or found in ("FP16", "MXFP4", "Q3_K", "Q4_K", "Q5_K")
    hand_made = bool(_HAND_MADE.search(text)) and not _REPACKED.search(text)
    return plain, exact and not hand_made


def _why_not(label: str) -> str:
    try:
        return f"{parse_format(label).name} is not GGUF, and llama.cpp runs nothing else"
    except UnknownFormatError as error:
        return str(error)


_GGUF_FIRST = frozenset({"cuda", "rocm", "vulkan", "metal", "sycl", "cpu", "ik_llama"})
_PLAIN_GROUP = {"mlc": " g32"}
"""Group size of an engine's own 4 bit format where the label names none (MLC's q4f16_1: 32)."""


@lru_cache(maxsize=1024)
def format_of(label: str, engine: str) -> Format | None:
    """The format that ``label`` names to ``engine``; ``None`` where that is a GGUF file type.

    llama.cpp reads labels as GGUF file types, other engines as their own formats first.

    Raises:
        UnknownQuantError: the label names neither.
    """
    if engine in _GGUF_FIRST:
        file_type(label)
        return None
    plain = _PLAIN_GROUP.get(engine, "") if re.fullmatch(r"\d-bit", label) else ""
    try:
        return parse_format(label + plain)
    except UnknownFormatError as error:
        if not re.match(r"(?:gguf[- ])?I?Q\d", label, re.IGNORECASE):
            raise UnknownQuantError(str(error)) from None
    file_type(label)
    return None


def stored_weights(
    label: str, engine: str, model: Model, stated_bytes: float | None
) -> Mapping[tuple[Role, str], int] | None:
    """Bytes of a model by role and type in the format that ``label`` names to ``engine``; ``None`` for GGUF.

    Where the label leaves the size open, a stated size within a factor of two scales the bytes.

    Raises:
        UnknownQuantError: the label names no format that can be sized.
    """
    if format_of(label, engine) is None:
        return None
    by_role, open_ = _format_weights(model.id, label, engine)
    total = sum(by_role.values())
    if open_ and stated_bytes and 0.5 < stated_bytes / total < 2:
        return {key: round(size * stated_bytes / total) for key, size in by_role.items()}
    return by_role


@lru_cache(maxsize=1024)
def _format_weights(model_id: str, label: str, engine: str) -> tuple[Mapping[tuple[Role, str], int], bool]:
    """Typical bytes, and whether the label leaves the size open; by id, as models cannot be hashed."""
    fmt = format_of(label, engine)
    assert fmt is not None
    size = format_size(find_model(model_id), fmt)
    return size.by_role, size.approximate


def label_bits(label: str, engine: str) -> float:
    """Bits per weight of most matrices in what ``label`` names to ``engine``.

    Raises:
        UnknownQuantError: the label names no format.
    """
    fmt = format_of(label, engine)
    if fmt is not None:
        return fmt.bits_per_weight
    kind = ggml_types()[FILE_TYPES[file_type(label)[0]]]
    return kind.block_bytes * 8 / kind.block_size


_MIX = re.compile(r"(?:UD-)?I?Q\d_(?:K_(?:XL|[SML])|K|XXS|XS|S|M|NL)(?:-QAT)?", re.IGNORECASE)


def mix_bytes(label: str, model: Model) -> int | None:
    """Tensor bytes that a hand-made mix loads to decode: published, or typical for mixes of its name.

    ``None`` where the label is an exact file type, or a mix that nothing is known of.
    """
    quant, exact = file_type(label)
    found = _MIX.search(label)
    if exact or not found or re.search(r"_R\d|mix|IQ\d_KS?\b", label):
        return None
    try:
        share = hand_made_size(model, found.group()).typical_bytes / file_tensor_bytes(model, quant)
    except LookupFailedError:
        return None
    return round(share * sum(weights_for(model, quant).values()))
