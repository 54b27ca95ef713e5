"""Sizes of hand-made GGUF mixes ("UD" files): data where published, else an estimate with its range.

A hand-made mix follows no rule, so its size is either known from a published file
(``data/ud_sizes.csv``) or estimated as

    bytes of the file type next to it * median ratio of the known files of this mix,

with the smallest and largest ratio seen.  Mixes with fewer than ``ENOUGH`` known files borrow the
spread of all files around the median of their mix, since a handful says little about the extremes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from types import MappingProxyType

from catalog.datafile import rows
from catalog.mixing import FILE_TYPES
from catalog.types import CatalogError, LookupFailedError, Model
from catalog.weights import file_tensor_bytes

_FILE = "ud_sizes.csv"

ENOUGH = 5
"""Known files from which a mix has a spread of its own."""

_NEAREST = {
    "Q2_K_XL": "Q2_K",
    "Q2_K_L": "Q2_K",
    "Q3_K_XL": "Q3_K_M",
    "Q4_K_XL": "Q4_K_M",
    "Q5_K_XL": "Q5_K_M",
    "Q6_K_XL": "Q6_K",
    "Q6_K_L": "Q6_K",
    "Q8_K_XL": "Q8_0",
}


@dataclass(frozen=True, slots=True)
class PublishedSize:
    """Tensor bytes of a published file."""

    model: str
    quant: str
    tensor_bytes: int
    plain: str
    plain_bytes: int | None
    file: str
    source: str


@dataclass(frozen=True, slots=True)
class Spread:
    """Size of a mix relative to the file type next to it."""

    typical: float
    low: float
    high: float
    n_files: int
    """Known files of this very mix."""


@dataclass(frozen=True, slots=True)
class SizeRange:
    """Tensor bytes of a hand-made mix; the three are equal where the file is known."""

    typical_bytes: int
    low_bytes: int
    high_bytes: int
    basis: str

    @property
    def approximate(self) -> bool:
        """Whether the size is an estimate."""
        return self.low_bytes != self.high_bytes


def mix_name(label: str) -> str:
    """The name of a mix as the data has it: ``ud-q4_k_xl`` and ``Q4_K_XL`` are ``UD-Q4_K_XL``."""
    return "UD-" + re.sub(r"^UD-", "", label.strip().upper())


def plain_type(label: str) -> str:
    """The file type next to a hand-made mix.

    Raises:
        LookupFailedError: there is none.
    """
    name = mix_name(label).removeprefix("UD-").removesuffix("-QAT").removesuffix("-MTP")
    plain = _NEAREST.get(name, name)
    if plain not in FILE_TYPES:
        raise LookupFailedError("GGUF mix", label, tuple(f"UD-{n}" for n in _NEAREST), ambiguous=False)
    return plain


@lru_cache(maxsize=1)
def published_sizes() -> Mapping[tuple[str, str], PublishedSize]:
    """The known files by model id and mix.

    Raises:
        CatalogError: the data file is missing or broken.
    """
    try:
        return MappingProxyType(
            {
                (row["model"], row["quant"]): PublishedSize(
                    row["model"],
                    row["quant"],
                    int(row["tensor_bytes"]),
                    row["plain"],
                    int(row["plain_bytes"]) if row["plain_bytes"] else None,
                    row["file"],
                    row["source"],
                )
                for row in rows(_FILE)
            }
        )
    except (KeyError, ValueError) as error:
        raise CatalogError(f"{_FILE} is broken ({error}); reinstall the package") from error


@lru_cache(maxsize=1)
def spreads() -> Mapping[str, Spread]:
    """Size of every known mix relative to the file type next to it, and ``*`` for all mixes.

    For ``*`` the ratios are to the median of their own mix.
    """
    ratios: defaultdict[str, list[float]] = defaultdict(list)
    for known in published_sizes().values():
        if known.plain_bytes is not None:
            ratios[known.quant].append(known.tensor_bytes / known.plain_bytes)
    around = [ratio / median(of_mix) for of_mix in ratios.values() for ratio in of_mix]
    low, high = min(around), max(around)
    found = {"*": Spread(1.0, low, high, len(around))}
    for name, of_mix in ratios.items():
        middle = median(of_mix)
        if len(of_mix) >= ENOUGH:
            found[name] = Spread(middle, min(of_mix), max(of_mix), len(of_mix))
        else:
            found[name] = Spread(middle, middle * low, middle * high, len(of_mix))
    return MappingProxyType(found)


def hand_made_size(model: Model, label: str) -> SizeRange:
    """Tensor bytes of a model in a hand-made mix.

    Raises:
        LookupFailedError: the label is no known kind of mix.
        UnsupportedArchitectureError: the tensors of the model are not understood.
    """
    name = mix_name(label)
    known = published_sizes().get((model.id, name))
    if known is not None:
        return SizeRange(known.tensor_bytes, known.tensor_bytes, known.tensor_bytes, f"size of {known.file}")
    plain = plain_type(label)
    counted = file_tensor_bytes(model, plain)
    all_mixes = spreads()
    spread = all_mixes.get(name, all_mixes["*"])
    return SizeRange(
        round(counted * spread.typical),
        round(counted * spread.low),
        round(counted * spread.high),
        f"{plain} times {spread.typical:.3f} ({spread.low:.2f} to {spread.high:.2f}; "
        f"{spread.n_files} published files)",
    )
