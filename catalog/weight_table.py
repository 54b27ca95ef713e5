"""The shipped table of weights: bytes of every model in every file type, counted at build time.

Reading it needs neither the tensor tables nor the mixing rules (``catalog.weights`` counts live).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.types import CatalogError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DATA = Path(__file__).with_name("data") / "weights.npz"


@dataclass(frozen=True, slots=True)
class WeightTable:
    """Bytes of every (model, file type) by role and ggml type, sparse: one row per entry that is not 0.

    The index arrays point into the name tuples; all five arrays have one element per row.
    """

    models: tuple[str, ...]
    """Model ids."""
    quants: tuple[str, ...]
    roles: tuple[str, ...]
    types: tuple[str, ...]
    model_index: NDArray[np.int32]
    quant_index: NDArray[np.int16]
    role_index: NDArray[np.int8]
    type_index: NDArray[np.int8]
    bytes: NDArray[np.int64]


def _names(lines: NDArray[np.uint8]) -> tuple[str, ...]:
    """The lines of a text that is stored as its bytes."""
    return tuple(lines.tobytes().decode().split("\n"))


def read_weight_table(path: Path) -> WeightTable:
    """The table in a file that ``catalog.build.weights`` wrote.

    The file stores each shape once: ``shape_of`` gives the shape of every model, and ``starts`` where
    the rows of a shape begin.

    Raises:
        CatalogError: the file is missing or broken.
    """
    import zipfile
    import zlib
    from io import BytesIO

    import numpy as np

    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as data:
            arrays: dict[str, Any] = {name: data[name] for name in data.files}
        shape_of, starts = arrays["shape_of"].astype(np.int64), arrays["starts"].astype(np.int64)
        counts = np.diff(starts)[shape_of]
        rows = np.arange(counts.sum()) + np.repeat(starts[shape_of] - (np.cumsum(counts) - counts), counts)
        return WeightTable(
            models=_names(arrays["models"]),
            quants=_names(arrays["quants"]),
            roles=_names(arrays["roles"]),
            types=_names(arrays["types"]),
            model_index=np.repeat(np.arange(len(shape_of), dtype=np.int32), counts),
            quant_index=arrays["quant_index"].astype(np.int16)[rows],
            role_index=arrays["role_index"].astype(np.int8)[rows],
            type_index=arrays["type_index"].astype(np.int8)[rows],
            bytes=arrays["bytes"].astype(np.int64)[rows],
        )
    except OSError as error:
        raise CatalogError(
            f"cannot read {path.name}: {error.strerror or error}; reinstall the package"
        ) from error
    except (KeyError, ValueError, IndexError, EOFError, zipfile.BadZipFile, zlib.error) as error:
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
