"""Bytes of every model's tensors in one file type, read from the shipped table without NumPy.

``catalog.weight_table`` reads the whole table into arrays; a list of models needs one number each, and a
command that prints it should not wait for NumPy.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from catalog.types import CatalogError, Model
from catalog.weight_table import DATA

_CODES: Mapping[str, Literal["B", "H", "I", "q", "Q"]] = {
    "|u1": "B",
    "<u2": "H",
    "<u4": "I",
    "<i8": "q",
    "<u8": "Q",
}
"""Codes of ``memoryview.cast`` by the type that the file states."""

_NATIVE_FILE_TYPES = {"MXFP4": "MXFP4_MOE"}


def native_file_type(model: Model) -> str | None:
    """The GGUF file type that keeps a model's published format, where there is one.

    FP8 and INT4 checkpoints have none: packagers expand and quantize them like 16 bit ones.
    """
    return _NATIVE_FILE_TYPES.get(model.native_quant or "")


@lru_cache(maxsize=1)
def _columns() -> Mapping[str, memoryview]:
    try:
        data = memoryview(zlib.decompress(DATA.read_bytes()))
        offset = bytes(data[:4096]).index(b"\n") + 1
        found = {}
        for name, (kind, length) in json.loads(bytes(data[:offset])).items():
            code = _CODES[kind]
            size = memoryview(b"").cast(code).itemsize * length
            found[name] = data[offset : offset + size].cast(code)
            offset += size
        return found
    except OSError as error:
        raise CatalogError(
            f"cannot read {DATA.name}: {error.strerror or error}; reinstall the package"
        ) from error
    except (KeyError, ValueError, TypeError, zlib.error) as error:
        raise CatalogError(
            f"{DATA.name} is broken ({error}); reinstall, or rebuild it from source"
        ) from error


def _names(column: memoryview) -> list[str]:
    return bytes(column).decode().split("\n")


@lru_cache(maxsize=16)
def file_sizes(quant: str) -> Mapping[str, int]:
    """Tensor bytes by model id of all estimated models in one GGUF file type (importance matrix assumed).

    Raises:
        CatalogError: the table is missing or broken, or has no such file type.
    """
    table = _columns()
    quants = _names(table["quants"])
    if quant not in quants:
        raise CatalogError(f"{DATA.name} has no file type {quant}; rebuild it from source")
    wanted = bytes([quants.index(quant)])
    of_row, size, starts = bytes(table["quant_index"]), table["bytes"], table["starts"]
    by_shape = []
    for shape in range(len(starts) - 1):
        first, end = starts[shape], starts[shape + 1]
        total, at = 0, of_row.find(wanted, first, end)
        while at >= 0:
            total += size[at]
            at = of_row.find(wanted, at + 1, end)
        by_shape.append(total)
    models = _names(table["models"])
    return {name: by_shape[shape] for name, shape in zip(models, table["shape_of"], strict=True)}
