"""From the quantization labels of measurements to GGUF file types."""

from __future__ import annotations

import re

from catalog.formats import UnknownFormatError, parse_format

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
    if _UNSUPPORTED.search(text) and not text.lower().startswith("gguf"):
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
        return f"{parse_format(label).name} is not GGUF: its size is counted, its speed is not modelled yet"
    except UnknownFormatError as error:
        return str(error)
