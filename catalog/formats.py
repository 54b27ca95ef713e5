"""Sizes of a model in the weight formats other than GGUF, counted from its tensor table.

A format stores the matrices of the layers as codes with scales, and leaves norms, biases, routers and
mostly the embedding and the head at 16 bit.  A matrix of ``in`` columns and ``out`` rows takes

    in * out * code_bits + ceil(in / group_size) * ceil(out / group_rows) * (scale_bits + zero_bits)
    + out * channel_bits + in * input_bits + tensor_bits        bits.

The numbers of each method, what it leaves at 16 bit and where they come from are in
``data/formats.csv``; given the stored tensors they are arithmetic.  Where a label does not determine
the size (which layers a packager left out, the average of a variable-rate format), the typical size
comes with the smallest and the largest that the label allows.  Prediction layers (MTP), which
runtimes load only on request, are not counted.

Checked against published MLX files: GLM-4.7 at 4 bit (group 64) and 8 bit (group 32) and
Llama-3.1-Nemotron-70B at 4 bit to the byte, DeepSeek-V3.2 at 4 bit to the size of the file headers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import ceil, prod
from types import MappingProxyType
from typing import Any

from catalog.datafile import rows
from catalog.tensors import tensor_table
from catalog.types import CatalogError, LayerKind, Model, Role, Tensor

_FILE = "formats.csv"

SIXTEEN = "F16"
"""Key of what stays at 16 bit, whether half or brain float."""


class UnknownFormatError(ValueError):
    """A label that names no weight format with a known layout.  The text is the reason."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one matrix is stored; see the formula of the module.  ``Fraction`` keeps 8.125 bits exact."""

    code_bits: Fraction
    group_size: int = 0
    group_rows: int = 1
    scale_bits: Fraction = Fraction(0)
    zero_bits: int = 0
    channel_bits: int = 0
    input_bits: int = 0
    tensor_bits: int = 0
    pads: bool = True
    """Whether rows that do not divide into groups are quantized all the same."""

    @property
    def bits_per_weight(self) -> float:
        """Bits per weight of a large matrix: codes and their groups."""
        groups = (self.scale_bits + self.zero_bits) / (self.group_size * self.group_rows or 1)
        return float(self.code_bits + (groups if self.group_size else 0))

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a matrix of this shape is quantized at all."""
        return len(shape) > 1 and (self.pads or not self.group_size or shape[0] % self.group_size == 0)

    def n_bytes(self, shape: tuple[int, ...]) -> int:
        """Bytes of a matrix, or a stack of them, whose row length comes first; rounded up."""
        columns, rows, stack = shape[0], shape[1], prod(shape[2:])
        bits = columns * rows * self.code_bits
        if self.group_size:
            groups = ceil(columns / self.group_size) * ceil(rows / self.group_rows)
            bits += groups * (self.scale_bits + self.zero_bits)
        bits += rows * self.channel_bits + columns * self.input_bits + self.tensor_bits
        return ceil(bits * stack / 8)


@dataclass(frozen=True, slots=True)
class Format:
    """A weight format: how matrices are stored and which ones stay at 16 bit."""

    name: str
    """``AWQ 4-bit g128``, for people and for grouping."""
    method: str
    """Line of ``formats.csv``."""
    key: str
    """Type name under which the bytes of the quantized matrices are counted."""
    layout: Layout
    experts_only: bool
    embedding: str
    """``16`` or ``body``."""
    head: str
    """``16``, ``body`` or a number of bits."""
    open: tuple[str, ...]
    """What the label leaves undetermined; see ``formats.csv``."""
    source: str

    @property
    def bits_per_weight(self) -> float:
        """Bits per weight in the layers, scales included."""
        return self.layout.bits_per_weight


@dataclass(frozen=True, slots=True)
class FormatSize:
    """What a model takes in a format.  ``low_bytes`` and ``high_bytes`` are what the label allows."""

    by_role: Mapping[tuple[Role, str], int]
    total_bytes: int
    low_bytes: int
    high_bytes: int

    @property
    def approximate(self) -> bool:
        """Whether the label leaves the size open."""
        return self.low_bytes != self.high_bytes


def _layout(row: Mapping[str, str], bits: Fraction | None, group: int | None) -> Layout:
    code = Fraction(row["code_bits"]) if bits is None else bits
    return Layout(
        code_bits=code,
        group_size=int(row["group_size"]) if group is None else group,
        group_rows=int(row["group_rows"]),
        scale_bits=Fraction(row["scale_bits"]),
        zero_bits=int(code) if row["zero_bits"] == "code" else int(row["zero_bits"]),
        channel_bits=int(row["channel_bits"]),
        input_bits=int(row["input_bits"]),
        tensor_bits=int(row["tensor_bits"]),
        pads=row["uneven"] == "pad",
    )


@lru_cache(maxsize=1)
def _methods() -> Mapping[str, Mapping[str, str]]:
    return MappingProxyType({row["method"]: row for row in rows(_FILE)})


def methods() -> tuple[str, ...]:
    """The methods of ``formats.csv``.

    Raises:
        CatalogError: the data file is missing.
    """
    return tuple(_methods())


def make_format(
    method: str, bits: Fraction | None = None, group_size: int | None = None, head_bits: int | None = None
) -> Format:
    """The format of a method with its defaults, or with other bits, group size or head bits.

    Raises:
        UnknownFormatError: the method has no bits of its own and none are given.
        CatalogError: the data file is missing, broken or lacks the method.
    """
    try:
        row = _methods()[method]
        if bits is None and not row["code_bits"]:
            raise UnknownFormatError(f"{method} without its bits per weight: the label must name them")
        layout = _layout(row, bits, group_size)
        open_ = tuple(word for word in row["open"].split() if word != "head_bits" or head_bits is None)
        head = str(head_bits) if head_bits else row["head"]
        return Format(
            _title(method, layout, head_bits),
            method,
            _key(method, layout),
            layout,
            row["where"] == "experts",
            row["embedding"],
            head,
            open_,
            row["source"],
        )
    except (KeyError, ValueError, ZeroDivisionError) as error:
        if isinstance(error, UnknownFormatError):
            raise
        raise CatalogError(f"{_FILE}: cannot read {method!r} ({error}); reinstall the package") from error


_TITLES = {
    "plain16": "16-bit",
    "mlx-mxfp4": "MLX mxfp4",
    "mlx-mxfp8": "MLX mxfp8",
    "mlx-nvfp4": "MLX nvfp4",
    "nf4": "NF4",
    "nf4-double": "NF4 double-quantized",
    "bnb-int8": "bitsandbytes int8",
    "fp8": "FP8 per channel",
    "fp8-static": "FP8 per tensor",
    "fp8-block": "FP8 128x128 blocks",
    "int8-w8a8": "INT8 W8A8",
    "nvfp4": "NVFP4",
    "mxfp4": "MXFP4",
}
_GROUPED = {
    "mlx": "MLX",
    "awq": "AWQ",
    "gptq": "GPTQ",
    "autoround": "AutoRound",
    "wna16": "WNA16",
    "int4": "INT",
    "int8": "INT",
}


def _title(method: str, layout: Layout, head_bits: int | None) -> str:
    if method in _TITLES:
        return _TITLES[method]
    bits = f"{float(layout.code_bits):g}"
    if method in _GROUPED:
        return f"{_GROUPED[method]} {bits}-bit g{layout.group_size}"
    return f"{method.upper()} {bits} bpw" + (f" h{head_bits}" if head_bits else "")


def _key(method: str, layout: Layout) -> str:
    if method == "plain16":
        return SIXTEEN
    bits = f"{float(layout.code_bits):g}"
    names = {"mlx": f"AFFINE{bits}", "exl2": f"EXL2_{bits}", "exl3": f"EXL3_{bits}"}
    if method in names:
        return names[method]
    if method in _GROUPED:
        return f"INT{bits}"
    return {"mlx-mxfp4": "MXFP4", "mlx-mxfp8": "MXFP8", "mlx-nvfp4": "NVFP4", "nf4-double": "NF4"}.get(
        method, "INT8" if "int8" in method else method.split("-")[0].upper()
    )


_REFUSED = (
    (r"reap", "experts were pruned: the label does not say which tensors are left"),
    (r"mixed|\bmix\b", "a mix whose share of each type the label does not state"),
    (r"apex|avq|dflash", "a packager's own format without a published layout"),
    (r"w4a16\s*/\s*fp8|not stated", "the label does not state one format"),
    (r"iq\d_k|_r[48]\b|q\d_\d_r\d", "a type of the ik_llama.cpp fork, which is not modelled"),
)
_GGUF = re.compile(r"gguf|(?<![a-z])i?q[1-8]_(?:[0-9k]|x?xs|nl|s|m)|^ud-", re.IGNORECASE)


def _group(text: str) -> int | None:
    match = re.search(r"(?:^|[-_ ])(?:gs?|group[-_ ]?(?:size)?[-_ ]?)(\d{2,4})\b", text)
    return int(match.group(1)) if match else None


def _bits(text: str, default: str | None) -> Fraction | None:
    match = re.search(r"(?:int|\bw)(\d)\b|(?<![\d.])(\d)[-_ ]?bit|mlx[-_ ](\d)\b|w(\d+)a\d+", text)
    found = next((g for g in match.groups() if g), None) if match else default
    return Fraction(found) if found else None


def parse_format(label: str) -> Format:
    """The format that a label names: ``MLX-4bit``, ``awq-int4``, ``exl3-6.0bpw-mcg``, ``fp8-dynamic``.

    Raises:
        UnknownFormatError: the label names a GGUF file type, an unknown format, or leaves out what decides.
    """
    text = label.strip().lower()
    for pattern, reason in _REFUSED:
        if re.search(pattern, text):
            raise UnknownFormatError(f"the format {label!r} cannot be sized: {reason}")
    if "mlx" in text:
        return _parse_mlx(text, label)
    exl = re.search(r"exl([23])", text)
    if exl:
        return _parse_exl(exl.group(1), text, label)
    if _GGUF.search(text):
        raise UnknownFormatError(f"{label!r} is a GGUF file type; its size follows from the mixing rules")
    for method in ("gptq", "awq", "autoround"):
        if method in text.replace("-", "") or method in text:
            return make_format(method, _bits(text, "4"), _group(text))
    return _parse_other(text, label)


def _parse_mlx(text: str, label: str) -> Format:
    for mode in ("mxfp4", "mxfp8", "nvfp4"):
        if mode in text:
            return make_format(f"mlx-{mode}")
    if re.search(r"bf16|fp16|16[-_ ]?bit", text):
        return make_format("plain16")
    bits = _bits(text, None)
    if bits is None or bits not in (2, 3, 4, 5, 6, 8):
        raise UnknownFormatError(f"the label {label!r} does not name the bits of an MLX file (2 to 6, or 8)")
    return make_format("mlx", bits, _group(text))


def _parse_exl(version: str, text: str, label: str) -> Format:
    match = re.search(r"(\d+(?:\.\d+)?)[-_ ]?bpw", text) or re.search(r"exl[23][-_ ](\d+\.\d+)", text)
    if not match or not 1 <= Fraction(match.group(1)) <= 8:
        raise UnknownFormatError(f"the label {label!r} names no bits per weight (1 to 8) of an EXL file")
    head = re.search(r"\bh(?:ead)?[-_ ]?(\d)\b", text)
    return make_format(f"exl{version}", Fraction(match.group(1)), None, int(head.group(1)) if head else None)


_METHODS = (
    (r"nvfp4", "nvfp4"),
    (r"mxfp4", "mxfp4"),
    (r"fp8.*block|block.*fp8", "fp8-block"),
    (r"fp8.*static", "fp8-static"),
    (r"fp8|f8_e4m3", "fp8"),
    (r"w8a8", "int8-w8a8"),
    (r"w\da16", "wna16"),
    (r"(?:nf4|bnb|bitsandbytes).*(?:double|dq)", "nf4-double"),
    (r"nf4|(?:bnb|bitsandbytes).*4", "nf4"),
    (r"(?:bnb|bitsandbytes).*8", "bnb-int8"),
    (r"\bint4\b|(?<![\d.])4[-_ ]?bit", "int4"),
    (r"\bint8\b|(?<![\d.])8[-_ ]?bit", "int8"),
    (r"\b(?:bf16|fp16|f16|bfloat16|float16)\b|\b16[-_ ]?bit", "plain16"),
)


def _parse_other(text: str, label: str) -> Format:
    for pattern, method in _METHODS:
        if re.search(pattern, text):
            bits = _bits(text, "4") if method == "wna16" else None
            return make_format(method, bits, _group(text) if method in _GROUPED else None)
    raise UnknownFormatError(f"{label!r} names no weight format that is known")


_STATEFUL = frozenset({LayerKind.LINEAR, LayerKind.SSM, LayerKind.CONV, LayerKind.PARALLEL_SSM})


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to resolve what a label leaves open."""

    format: Format
    router: bool = False
    attention: bool = True
    stateful: bool = True
    """Whether the state-space, linear and convolution layers are quantized."""


def _smallest(f: Format) -> _Choice:
    layout, head, embedding, experts_only = f.layout, f.head, f.embedding, f.experts_only
    for word in f.open:
        if word == "zeros":
            layout = replace(layout, zero_bits=0)
        elif word == "bits":
            layout = replace(layout, code_bits=layout.code_bits * Fraction(99, 100))
        elif word == "head":
            head = embedding = "body"
        elif word == "head_bits":
            head = "4"
        elif word == "outside":
            experts_only = False
    changed = replace(f, layout=layout, head=head, embedding=embedding, experts_only=experts_only)
    return _Choice(changed, router="router" in f.open and layout.code_bits < 16)


def _largest(f: Format) -> _Choice:
    layout, head = f.layout, f.head
    for word in f.open:
        if word == "no_zeros":
            layout = replace(layout, zero_bits=int(layout.code_bits))
        elif word == "bits":
            layout = replace(layout, code_bits=layout.code_bits * Fraction(102, 100))
        elif word == "group":
            layout = replace(layout, group_size=32)
        elif word == "scale32":
            layout = replace(layout, channel_bits=32)
        elif word == "head_bits":
            head = "8"
    changed = replace(f, layout=layout, head=head)
    return _Choice(changed, attention="attention" not in f.open, stateful="hybrid" not in f.open)


def _quantized(tensor: Tensor, model: Model, choice: _Choice) -> bool:
    f = choice.format
    if "ffn_gate_inp.weight" in tensor.name:
        return choice.router
    if not tensor.quantizable or not f.layout.fits(tensor.shape):
        return False
    if f.experts_only and model.is_moe:
        return tensor.role is Role.EXPERTS
    if tensor.role is Role.ATTENTION:
        kind = model.layers[tensor.layer] if tensor.layer is not None else ""
        return choice.attention and (choice.stateful or kind not in _STATEFUL)
    return True


_Repeated = tuple[tuple[Tensor, int], ...]
"""Tensors that differ in nothing that decides their size, once each, and how many of them there are."""


def _count(model: Model, table: _Repeated, choice: _Choice) -> dict[tuple[Role, str], int]:
    f = choice.format
    totals: defaultdict[tuple[Role, str], int] = defaultdict(int)

    def add(role: Role, tensor: Tensor, count: int, where: str) -> None:
        if where == "body" and f.layout.fits(tensor.shape):
            totals[role, f.key] += f.layout.n_bytes(tensor.shape) * count
        elif where in ("16", "body"):
            totals[role, SIXTEEN] += 2 * tensor.n_elements * count
        else:
            bits = Layout(Fraction(where))
            totals[role, f"{f.method.upper()}_{where}"] += bits.n_bytes(tensor.shape) * count

    for tensor, count in table:
        if tensor.name == "output.weight":
            add(Role.HEAD, tensor, count, f.head)
        elif tensor.name in ("token_embd.weight", "per_layer_token_embd.weight"):
            add(tensor.role, tensor, count, f.embedding)
            if tensor.name == "token_embd.weight" and model.tied_embeddings and f.head not in ("16", "body"):
                add(Role.HEAD, tensor, count, f.head)
        elif "exp_probs_b" in tensor.name:  # the routers' correction bias keeps its 32 bit in all formats
            totals[tensor.role, "F32"] += 4 * tensor.n_elements * count
        else:
            add(tensor.role, tensor, count, "body" if _quantized(tensor, model, choice) else "16")
    return dict(totals)


def typical_sizes(model: Model, formats: Sequence[Format]) -> list[Mapping[tuple[Role, str], int]]:
    """The ``by_role`` of ``format_size`` for several formats, without the bounds, which take time.

    Raises:
        UnsupportedArchitectureError: the tensors of the model are not understood.
    """
    table = _repeated(model)
    return [_count(model, table, _Choice(fmt)) for fmt in formats]


_LAYER = re.compile(r"^blk\.\d+\.")


def _repeated(model: Model) -> _Repeated:
    """The tensors of a model, those that repeat from layer to layer once.  The rotary factors are a tensor of
    GGUF files only; elsewhere they are part of the configuration."""
    counts: dict[tuple[object, ...], list[Any]] = {}
    for tensor in tensor_table(model):
        if tensor.name.startswith("rope_"):
            continue
        kind = "" if tensor.layer is None else model.layers[tensor.layer]
        name = _LAYER.sub("", tensor.name)
        entry = counts.setdefault((name, tensor.role, tensor.shape, tensor.quantizable, kind), [tensor, 0])
        entry[1] += 1
    return tuple((tensor, count) for tensor, count in counts.values())


def format_size(model: Model, fmt: Format) -> FormatSize:
    """Bytes of a model in a format, typical and the range that the label allows.

    Raises:
        UnsupportedArchitectureError: the tensors of the model are not understood.
    """
    table = _repeated(model)
    by_role = _count(model, table, _Choice(fmt))
    total = sum(by_role.values())
    low = high = total
    if fmt.open:
        low = min(total, sum(_count(model, table, _smallest(fmt)).values()))
        high = max(total, sum(_count(model, table, _largest(fmt)).values()))
    return FormatSize(MappingProxyType(by_role), total, low, high)


def format_bytes(model: Model, format_name: str) -> dict[tuple[Role, str], int]:
    """Bytes of a model by role and type in the format that a label names; see ``parse_format``.

    With tied embeddings there is no head, except in the formats that store a head of their own (EXL).

    Raises:
        UnknownFormatError: the label names no format with a known layout.
        UnsupportedArchitectureError: the tensors of the model are not understood.
    """
    return dict(format_size(model, parse_format(format_name)).by_role)


COMMON_FORMATS = (
    "MLX-3bit",
    "MLX-4bit",
    "MLX-6bit",
    "MLX-8bit",
    "AWQ-int4",
    "GPTQ-int4",
    "exl3-3.0bpw",
    "exl3-4.0bpw",
    "exl3-6.0bpw",
    "NF4",
    "NVFP4",
    "MXFP4",
    "fp8-dynamic",
    "fp8-block",
    "int8-w8a8",
)
"""The formats that a model's page lists, smallest first within a runtime."""
