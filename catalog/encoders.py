"""The encoders of models that see or hear: their shape, read when a single model is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from catalog.datafile import DATA
from catalog.types import CatalogError, Model

FILE = "encoders.jsonl"


@dataclass(frozen=True, slots=True)
class Encoder:
    """Shape of an image encoder and of what maps its output to the text model.

    ``kind`` names the layout (``catalog.tensors.projector``); sizes that a kind does not have are 0.
    """

    kind: str
    layers: int
    width: int
    ffn: int
    patch: int
    """Pixels along the side of a patch."""
    positions: int = 0
    """Rows of the learned position embedding."""
    merge: int = 1
    """Patches along the side of the square that the projector joins."""
    deepstack: int = 0
    """Further projectors that read inner layers."""
    head_dim: int = 0
    projector_width: int = 0
    projector_output: int = 0
    projector_bias: bool = False
    projector_norm: bool = False
    standardized: bool = False
    """The output is shifted and scaled by stored vectors (Gemma 4)."""
    audio_layers: int = 0
    audio_width: int = 0
    audio_output: int = 0
    source: str = ""


@lru_cache(maxsize=1)
def _by_model() -> dict[str, Encoder]:
    """Encoders by model id.

    Raises:
        CatalogError: the data file is missing or broken.
    """
    found: dict[str, Encoder] = {}
    try:
        lines = (DATA / FILE).read_text(encoding="utf-8").splitlines()
        for line in lines:
            if line and not line.startswith("#"):
                record = json.loads(line)
                models = record.pop("models")
                found.update(dict.fromkeys(models, Encoder(**record)))
    except OSError as error:
        raise CatalogError(f"cannot read {FILE}: {error.strerror}; reinstall the package") from error
    except (ValueError, TypeError, KeyError) as error:
        raise CatalogError(f"{FILE} is broken ({error}); reinstall the package") from error
    return found


def listed_models() -> tuple[str, ...]:
    """Ids that the data file gives an encoder to, sorted."""
    return tuple(sorted(_by_model()))


def encoder_of(model: Model) -> Encoder | None:
    """The encoder of a model: its own, else that of its head; ``None`` where the shape is not known."""
    if "vision" not in model.modality:
        return None
    table = _by_model()
    return table.get(model.id) or table.get(model.variant_of or "")
