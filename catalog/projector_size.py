"""Types and bytes of the tensors of a projector file, by the rules of llama.cpp's conversion."""

from __future__ import annotations

from catalog.encoders import Encoder
from catalog.ggml import ggml_types
from catalog.tensors.projector import ProjectorTensor, projector_table

FILE_TYPES = ("F16", "BF16", "Q8_0")
"""Types that projector files are published in."""

_ALWAYS_F32 = ("position_embd", "a.conv1d.", ".conv_dw.")
_PATCHES = ("v.patch_embd.weight", "mm.patch_merger.weight")
_EMBEDDINGS_F32 = frozenset({"gemma3", "idefics3"})
_CONVOLUTIONS = ("mm.0.weight", "mm.1.weight")


def tensor_type(tensor: ProjectorTensor, kind: str, file_type: str) -> str:
    """Type of a tensor in a file, by the rules of llama.cpp's conversion.

    Vectors, positions and the convolutions of the sound encoder stay F32; so do convolutions over pixels and
    patches unless the file is F16; a row that is no multiple of a block falls back to F16.
    """
    name = tensor.name
    if len(tensor.shape) == 1 or any(part in name for part in _ALWAYS_F32):
        return "F32"
    if name.startswith(_PATCHES) or (kind == "step3" and name in _CONVOLUTIONS):
        return "F16" if file_type == "F16" and kind not in _EMBEDDINGS_F32 else "F32"
    if not name.endswith(".weight"):
        return "F32"
    if kind == "gemma3" and name == "mm.input_projection.weight":
        return "F16"
    return "F16" if tensor.shape[0] % ggml_types()[file_type].block_size else file_type


def projector_bytes(encoder: Encoder, hidden_size: int, file_type: str) -> int:
    """Tensor bytes of the projector file in ``F16``, ``BF16`` or ``Q8_0``."""
    types = ggml_types()
    total = 0
    for tensor in projector_table(encoder, hidden_size):
        of = types[tensor_type(tensor, encoder.kind, file_type)]
        total += tensor.n_elements // of.block_size * of.block_bytes
    return total
