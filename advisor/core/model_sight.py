"""What the filter language sees of a model of the catalog, without an estimate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from catalog.types import Model


def model_text(model: Model) -> str:
    """What the words of a filter are looked for in."""
    words = (model.name, model.id, model.organization, model.family, model.architecture, *model.aliases)
    return " ".join(words).lower()


def model_flags(model: Model) -> frozenset[str]:
    """What ``is:`` knows of a model."""
    return frozenset(
        {
            "moe" if model.is_moe else "dense",
            model.stage,
            *(("vision",) if "vision" in model.modality else ()),
            *(("tools",) if model.tool_use else ()),
        }
    )


def _year(model: Model) -> float | None:
    year = model.release_date[:4] if model.release_date else ""
    return float(year) if year.isdigit() else None


MODEL_NUMBERS: Mapping[str, Callable[[Model], float | None]] = {
    "params": lambda m: m.total_params / 1e9,
    "active": lambda m: m.active_params / 1e9,
    "ctx": lambda m: float(m.context_length) if m.context_length else None,
    "year": _year,
}
"""Fields of the filter language that are facts of the catalog."""
