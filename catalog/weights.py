"""Exact bytes of a model's weights in every GGUF file type, by role and ggml type.

Bytes are counted tensor by tensor from the tensor table and the mixing rules; they are the tensor data
of the file without its metadata.  Norms and other F32 tensors count under the role of their part.
With tied embeddings there is no output matrix: the bytes of the embedding appear once, under
``Role.EMBEDDING``, and the output head of such a model reads them for every token.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from catalog.ggml import tensor_bytes
from catalog.mixing import Mixer
from catalog.tensors import mtp_tensors, prediction_tensors, tensor_table
from catalog.types import Model, Role, Tensor

_NATIVE_EXPERTS = "MXFP4"
"""Experts published in this format keep it in every file: packagers quantize only what is left."""


class Weighing:
    """One model's tensors, ready to be counted in any file type."""

    def __init__(self, model: Model, *, prediction: bool = False, older_qkv: bool = False) -> None:
        """Lay out the tensors.

        Args:
            model: the model.
            prediction: the file holds prediction layers also where converters may leave them out.
            older_qkv: the file was mixed by the rules of before 2026 (see ``Mixer``).

        Raises:
            UnsupportedArchitectureError: the tensors of the model are not understood.
        """
        table = tensor_table(model)
        self._tensors = table + (prediction_tensors(model) if prediction else mtp_tensors(model))
        self._n_decoding = len(table)
        self._mixer = Mixer(model, self._tensors, older_qkv)
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
