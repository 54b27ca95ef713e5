"""The files that a runtime loads, as candidates: MLX, safetensors and EXL formats beside GGUF."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from advisor.core.candidates import Candidates, build_candidates
from advisor.core.runtimes import Runtime
from catalog.formats import parse_format, typical_sizes
from catalog.quality import format_loss
from catalog.runtime_models import lacks
from catalog.types import LookupFailedError, Model, Role


@dataclass(frozen=True, slots=True)
class Labels:
    """Formats of a kind of file: those ranked, and those listed for one model, by label."""

    ranked: tuple[str, ...]
    listed: tuple[str, ...]


_EXL = tuple(f"{bits:.1f}bpw" for bits in (8, 6, 5, 4.5, 4, 3.5, 3, 2.5, 2))
LABELS: Mapping[str, Labels] = {
    "mlx": Labels(
        ("MLX-bf16", "MLX-8bit", "MLX-6bit", "MLX-4bit", "MLX-3bit"),
        ("MLX-bf16", "MLX-8bit", "MLX-mxfp8", "MLX-6bit", "MLX-5bit", "MLX-4bit", "MLX-mxfp4", "MLX-3bit"),
    ),
    "safetensors": Labels(
        ("BF16", "fp8-dynamic", "AWQ-int4"),
        ("BF16", "fp8-dynamic", "GPTQ-int8", "int8-w8a8", "GPTQ-int4", "AWQ-int4", "NVFP4"),
    ),
    "exl3": Labels(
        tuple(f"exl3-{bits}" for bits in ("6.0bpw", "5.0bpw", "4.0bpw", "3.0bpw", "2.5bpw")),
        tuple(f"exl3-{bits}" for bits in _EXL),
    ),
    "exl2": Labels(
        tuple(f"exl2-{bits}" for bits in ("8.0bpw", "6.0bpw", "5.0bpw", "4.0bpw", "3.0bpw")),
        tuple(f"exl2-{bits}" for bits in _EXL),
    ),
}
"""What packagers publish: mlx-community, the AWQ and FP8 repositories, and EXL collections."""

_PUBLISHED_AS = {"FP8": "fp8-block", "INT4": "w4a16", "MXFP4": "mxfp4"}
"""The format that a checkpoint published in few bits has as it is."""


def labels_for(runtime: Runtime, model: Model, *, ranked: bool) -> tuple[str, ...]:
    """The formats of a model that a runtime loads, largest first; of a model published in few bits, those,
    where the runtime reads such checkpoints."""
    labels = LABELS[runtime.weights]
    if runtime.weights == "safetensors" and model.native_quant in _PUBLISHED_AS:
        own = _PUBLISHED_AS[model.native_quant]
        return (own,) if ranked else (own, *(x for x in labels.listed if "4" in x or "W4" in x.upper()))
    return labels.ranked if ranked else labels.listed


def format_candidates(
    runtime: Runtime, models: Sequence[Model], *, ranked: bool
) -> tuple[Candidates, list[float]]:
    """Candidates of all models that the runtime can load, and the quality that each format keeps."""
    pairs: list[tuple[Model, str, Mapping[tuple[Role, str], int]]] = []
    kept: list[float] = []
    for model in models:
        if lacks(runtime.name, model) is not None:
            continue
        labels = labels_for(runtime, model, ranked=ranked)
        formats = [parse_format(label) for label in labels]
        sizes = typical_sizes(model, formats)
        pairs += [(model, label, size) for label, size in zip(labels, sizes, strict=True)]
        kept += [format_loss(f, model.total_params, model.native_quant).quality_factor for f in formats]
    return build_candidates(pairs), kept


def check_runs(runtime: Runtime, model: Model) -> None:
    """Refuse a model that a runtime has no code for.

    Raises:
        LookupFailedError: it has none.
    """
    why = lacks(runtime.name, model)
    if why is not None:
        raise LookupFailedError(f"estimate for {runtime.title}", f"{model.name} ({why})", (), False)


def resolve_format(runtime: Runtime, model: Model, text: str) -> str:
    """The format that a text names: ``4bit``, ``awq``, ``exl3 4.0``, ``4.0bpw``.

    Raises:
        LookupFailedError: there is none, or several; the text lists the nearest.
    """
    labels = labels_for(runtime, model, ranked=False)
    wanted = _plain(text)
    exact = [label for label in labels if _plain(label) == wanted]
    found = exact or [label for label in labels if wanted and wanted in _plain(label)]
    if len(found) == 1:
        return found[0]
    if found:
        raise LookupFailedError(f"{runtime.title} format", text, tuple(found), True)
    near = tuple(get_close_matches(text, labels, n=6, cutoff=0.4)) or labels
    raise LookupFailedError(f"{runtime.title} format", text, near, False)


def _plain(text: str) -> str:
    return re.sub(r"[-_ ]", "", text.casefold())
