"""Exact bytes of a model's weights in every GGUF file type, by role and ggml type.

Bytes are counted tensor by tensor from the tensor table and the mixing rules; they are the tensor data
of the file without its metadata.  Norms and other F32 tensors count under the role of their part.
With tied embeddings there is no output matrix: the bytes of the embedding appear once, under
``Role.EMBEDDING``, and the output head of such a model reads them for every token.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.ggml import tensor_bytes
from catalog.mixing import Mixer
from catalog.tensors import mtp_tensors, tensor_table
from catalog.types import CatalogError, Model, Role, Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DATA = Path(__file__).with_name("data") / "weights.npz"

_NATIVE_EXPERTS = "MXFP4"
"""Experts published in this format keep it in every file: packagers quantize only what is left."""


class Weighing:
    """One model's tensors, ready to be counted in any file type."""

    def __init__(self, model: Model) -> None:
        """Lay out the tensors.

        Raises:
            UnsupportedArchitectureError: the tensors of the model are not understood.
        """
        table = tensor_table(model)
        self._tensors = table + mtp_tensors(model)
        self._n_decoding = len(table)
        self._mixer = Mixer(model, self._tensors)
        self._native_experts = (model.native_quant or "").startswith(_NATIVE_EXPERTS)

    def typed(
        self, quant: str, imatrix: bool = True, keep_native: bool = True, with_mtp: bool = False
    ) -> list[tuple[Tensor, str]]:
        """Every tensor that decoding loads, or every tensor of the file, with its ggml type."""
        native = keep_native and self._native_experts and quant != "F32"
        types = self._mixer.types(quant, imatrix)
        used = len(types) if with_mtp else self._n_decoding
        return [
            (
                tensor,
                _NATIVE_EXPERTS if native and tensor.role is Role.EXPERTS and tensor.quantizable else kind,
            )
            for tensor, kind in zip(self._tensors[:used], types[:used], strict=True)
        ]

    def by_role_and_type(
        self, quant: str, imatrix: bool = True, keep_native: bool = True
    ) -> dict[tuple[Role, str], int]:
        """Bytes that decoding loads; see ``weights_for``."""
        totals: defaultdict[tuple[Role, str], int] = defaultdict(int)
        for tensor, kind in self.typed(quant, imatrix, keep_native):
            totals[tensor.role, kind] += tensor_bytes(kind, tensor.shape)
        return dict(totals)


def weights_for(
    model: Model, quant: str, imatrix: bool = True, keep_native: bool = True
) -> dict[tuple[Role, str], int]:
    """Bytes that a runtime loads to decode, by role and ggml type.

    Args:
        model: the model.
        quant: a GGUF file type, ``Q4_K_M``.
        imatrix: whether the packager used an importance matrix, as nearly all do.
        keep_native: experts published as MXFP4 (gpt-oss) stay so in every file type, as packagers
            ship them; ``False`` counts what llama-quantize makes of a 16 bit file.

    Raises:
        UnsupportedArchitectureError: the tensors of the model are not understood.
        LookupFailedError: ``quant`` is not a GGUF file type.
    """
    return Weighing(model).by_role_and_type(quant, imatrix, keep_native)


def file_tensor_bytes(model: Model, quant: str, imatrix: bool = True, keep_native: bool = True) -> int:
    """Bytes of all tensors of the file, with the prediction layers that its converter always keeps.

    The file is larger by its metadata: 0.8 to 8 MB, nearly all of it the tokenizer.

    Raises:
        UnsupportedArchitectureError: the tensors of the model are not understood.
        LookupFailedError: ``quant`` is not a GGUF file type.
    """
    return sum(
        tensor_bytes(kind, tensor.shape)
        for tensor, kind in Weighing(model).typed(quant, imatrix, keep_native, with_mtp=True)
    )


def layer_weights(
    model: Model, quant: str, imatrix: bool = True, keep_native: bool = True
) -> tuple[Mapping[Role, int], ...]:
    """Bytes of every layer by role, in the order of the layers; what lies outside the layers is left out.

    Raises:
        UnsupportedArchitectureError: the tensors of the model are not understood.
        LookupFailedError: ``quant`` is not a GGUF file type.
    """
    layers: list[dict[Role, int]] = [{} for _ in range(model.n_layers)]
    for tensor, kind in Weighing(model).typed(quant, imatrix, keep_native):
        if tensor.layer is not None:
            layer = layers[tensor.layer]
            layer[tensor.role] = layer.get(tensor.role, 0) + tensor_bytes(kind, tensor.shape)
    return tuple(layers)


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
