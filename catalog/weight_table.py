"""The shipped table of weights: bytes of every model in every file type, counted at build time.

Reading it needs neither the tensor tables nor the mixing rules (``catalog.weights`` counts live).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from catalog.types import CatalogError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DATA = Path(__file__).with_name("data") / "weights.bin"


class WeightRows(NamedTuple):
    """Rows of a table, one per (model, file type, role, ggml type) that is not 0; five arrays of one length.

    The indices point into the name tuples of the table.
    """

    model_index: NDArray[np.intp]
    quant_index: NDArray[np.uint8]
    role_index: NDArray[np.uint8]
    type_index: NDArray[np.uint8]
    bytes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WeightTable:
    """Bytes of every (model, file type) by role and ggml type, stored once per shape of a model.

    ``shape_of`` gives the shape of every model; the rows of shape ``s`` are ``starts[s]`` to
    ``starts[s + 1]`` of the four row arrays.
    """

    models: tuple[str, ...]
    """Model ids."""
    quants: tuple[str, ...]
    roles: tuple[str, ...]
    types: tuple[str, ...]
    shape_of: NDArray[np.intp]
    starts: NDArray[np.intp]
    quant_index: NDArray[np.uint8]
    role_index: NDArray[np.uint8]
    type_index: NDArray[np.uint8]
    bytes: NDArray[np.int64]

    def rows(self, keep: NDArray[np.bool_] | None = None) -> WeightRows:
        """The rows of all models, or of the pairs that ``keep`` [model, file type] asks for.

        Only wanted rows are written out: a ranking asks for a quarter of the file types.
        """
        import numpy as np

        n_shapes = len(self.starts) - 1
        shape_of_row = np.repeat(np.arange(n_shapes), np.diff(self.starts))
        chosen = np.arange(len(self.bytes))
        if keep is not None:
            wanted = np.zeros((n_shapes, len(self.quants)), dtype=bool)
            np.logical_or.at(wanted, self.shape_of, keep)
            chosen = np.nonzero(wanted[shape_of_row, self.quant_index])[0]
        per_shape = np.bincount(shape_of_row[chosen], minlength=n_shapes)
        counts = per_shape[self.shape_of]
        first = (np.cumsum(per_shape) - per_shape)[self.shape_of]
        place = np.arange(counts.sum()) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        model, row = np.repeat(np.arange(len(self.shape_of)), counts), chosen[place]
        if keep is not None:
            # A shape may be wanted in a file type for one of its models only.
            asked = keep[model, self.quant_index[row]]
            model, row = model[asked], row[asked]
        return WeightRows(
            model, self.quant_index[row], self.role_index[row], self.type_index[row], self.bytes[row]
        )


def _names(lines: NDArray[np.uint8]) -> tuple[str, ...]:
    """The lines of a text that is stored as its bytes."""
    return tuple(lines.tobytes().decode().split("\n"))


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as one line that names them, their types and lengths, and then their bytes, widest first.

    The line is padded to a multiple of eight bytes, so that every array is aligned.  An archive of arrays
    would take longer to open than to read.
    """
    ordered = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    listed = json.dumps({name: [array.dtype.str, len(array)] for name, array in ordered.items()})
    line = listed.encode() + b" " * (-(len(listed) + 1) % 8) + b"\n"
    return line + b"".join(array.tobytes() for array in ordered.values())


def unpacked(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays that ``packed`` wrote.

    Raises:
        ValueError: the bytes are not those of such arrays.
    """
    import numpy as np

    offset = data.index(b"\n") + 1
    arrays = {}
    for name, (kind, length) in json.loads(data[:offset]).items():
        arrays[name] = np.frombuffer(data, dtype=kind, count=length, offset=offset)
        offset += arrays[name].nbytes
    return arrays


def read_weight_table(path: Path) -> WeightTable:
    """The table in a file that ``catalog.build.weights`` wrote.

    Raises:
        CatalogError: the file is missing or broken.
    """
    import zlib

    try:
        arrays = unpacked(zlib.decompress(path.read_bytes()))
        return WeightTable(
            models=_names(arrays["models"]),
            quants=_names(arrays["quants"]),
            roles=_names(arrays["roles"]),
            types=_names(arrays["types"]),
            shape_of=arrays["shape_of"].astype("intp"),
            starts=arrays["starts"].astype("intp"),
            quant_index=arrays["quant_index"],
            role_index=arrays["role_index"],
            type_index=arrays["type_index"],
            bytes=arrays["bytes"],
        )
    except OSError as error:
        raise CatalogError(
            f"cannot read {path.name}: {error.strerror or error}; reinstall the package"
        ) from error
    except (KeyError, ValueError, IndexError, TypeError, zlib.error) as error:
        raise CatalogError(
            f"{path.name} is broken ({error}); reinstall, or rebuild it from source"
        ) from error


@lru_cache(maxsize=1)
def load_weight_table() -> WeightTable:
    """The shipped table, read once: all estimated models in all file types, with an importance matrix.

    Raises:
        CatalogError: the data file is missing or broken.
    """
    return read_weight_table(DATA)
