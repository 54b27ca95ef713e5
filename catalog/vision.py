"""The projector file (mmproj) that a model needs to see or hear."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.types import Model

PROJECTOR_BYTES_PER_PARAM = 2
"""Where the tensors are not known: projectors are published in F16 or BF16; smaller types are rare."""

COMMON_TYPE = "F16"


@dataclass(frozen=True, slots=True)
class ProjectorFile:
    """Tensor bytes of a projector file by file type, and parameters by part."""

    bytes_by_type: dict[str, int]
    params_by_part: dict[str, int]
    n_tensors: int
    source: str


_PARTS = {
    "v.blk.": "image encoder layers",
    "a.": "sound encoder",
    "mm.": "projector",
    "resampler.": "projector",
    "v.deepstack.": "projector",
}


def _part(name: str) -> str:
    return next((part for prefix, part in _PARTS.items() if name.startswith(prefix)), "patches and positions")


def projector_file(model: Model) -> ProjectorFile | None:
    """The projector file counted tensor by tensor; ``None`` where the encoders are not known that well."""
    if model.vision_params is None:
        return None
    from catalog.encoders import encoder_of
    from catalog.projector_size import FILE_TYPES, projector_bytes
    from catalog.tensors.projector import projector_table

    encoder = encoder_of(model)
    if encoder is None:
        return None
    parts: dict[str, int] = {}
    table = projector_table(encoder, model.hidden_size)
    for tensor in table:
        part = _part(tensor.name)
        parts[part] = parts.get(part, 0) + tensor.n_elements
    return ProjectorFile(
        {name: projector_bytes(encoder, model.hidden_size, name) for name in FILE_TYPES},
        parts,
        len(table),
        encoder.source,
    )


def vision_bytes(model: Model) -> int | None:
    """Bytes that the encoders of a model take when images or sound are used: those of the F16 file.

    They come on top of the weights, from a file of their own, and are not loaded for text.  Where the
    tensors are not known, 2 bytes per parameter: a real file is up to 2 % larger, since vectors and
    positions stay F32.  ``None`` for models without encoders, and where their size is not certain.
    """
    file = projector_file(model)
    if file is not None:
        return file.bytes_by_type[COMMON_TYPE]
    return None if model.vision_params is None else PROJECTOR_BYTES_PER_PARAM * model.vision_params
