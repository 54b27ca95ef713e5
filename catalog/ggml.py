"""The ggml tensor types: how many bytes a tensor of a given shape takes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod
from pathlib import Path
from types import MappingProxyType

from catalog.types import CatalogError, GgmlType, LookupFailedError

DATA = Path(__file__).with_name("data") / "ggml_types.csv"

_COLUMNS = "name,block_size,block_bytes,source"


def parse_types(text: str) -> Mapping[str, GgmlType]:
    """Types by name from the text of ``ggml_types.csv``; the grammar is in the header of that file.

    Raises:
        CatalogError: a line does not follow the grammar.
    """
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if not lines or lines[0] != _COLUMNS:
        raise CatalogError(f"ggml_types.csv must start with the columns {_COLUMNS}; reinstall the package")
    types: dict[str, GgmlType] = {}
    for line in lines[1:]:
        try:
            name, size, size_bytes, source = line.split(",", 3)
            types[name] = GgmlType(name, int(size), int(size_bytes), source.strip('"'))
        except ValueError as error:
            raise CatalogError(f"ggml_types.csv: cannot read {line!r}; reinstall the package") from error
    return MappingProxyType(types)


@lru_cache(maxsize=1)
def ggml_types() -> Mapping[str, GgmlType]:
    """All tensor types by name (``Q4_K``), read once.

    Raises:
        CatalogError: the data file is missing or broken.
    """
    try:
        return parse_types(DATA.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogError(f"cannot read {DATA.name}: {error.strerror}; reinstall the package") from error


def ggml_type(name: str) -> GgmlType:
    """The tensor type called ``name``; case does not matter (files write ``q4_K``).

    Raises:
        LookupFailedError: there is no such type.
    """
    types = ggml_types()
    found = types.get(name.upper())
    if found is None:
        near = tuple(t for t in types if t.startswith(name[:2].upper()))
        raise LookupFailedError("ggml type", name, near, ambiguous=False)
    return found


def tensor_bytes(type_name: str, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor: rows x (row length / block size) x block bytes.

    ``shape`` is in GGUF order, the row length first.

    Raises:
        LookupFailedError: there is no such type.
        ValueError: the row length is not a multiple of the block size.
    """
    kind = ggml_type(type_name)
    row, rest = shape[0], shape[1:]
    if row % kind.block_size:
        raise ValueError(
            f"a row of {row} weights does not divide into blocks of {kind.block_size} ({type_name})"
        )
    return row // kind.block_size * kind.block_bytes * prod(rest)
