"""The shipped quality index is what the live computation gives."""

from __future__ import annotations

import pytest

from catalog.models import load_models
from catalog.quality import USES, model_quality, quality_basis, quality_score


@pytest.mark.parametrize("use", USES)
def test_the_index_holds_the_live_score_of_every_model(use: str) -> None:
    for model in load_models():
        live = model_quality(model, use=use).score  # type: ignore[arg-type]
        assert quality_score(model, use=use) == pytest.approx(live, abs=6e-4), model.id  # type: ignore[arg-type]


def test_the_index_holds_the_basis_of_every_quality() -> None:
    for model in load_models():
        assert quality_basis(model) == model_quality(model).basis, model.id
