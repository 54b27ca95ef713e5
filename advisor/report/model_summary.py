"""A model in brief, as every document has it."""

from __future__ import annotations

from typing import Any

from catalog.types import Model


def model_summary(model: Model) -> dict[str, Any]:
    """The model in brief."""
    return {
        "id": model.id,
        "name": model.name,
        "organization": model.organization,
        "architecture": model.architecture,
        "total_params": model.total_params,
        "active_params": model.active_params,
        "context_length_tokens": model.context_length,
        "license": model.license,
        "release_date": model.release_date,
        "stage": model.stage,
    }
