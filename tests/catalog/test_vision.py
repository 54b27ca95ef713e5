"""Sizes of encoders: what published totals leave, and the projector files they make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from catalog.build.model_vision import readings, vision_params
from catalog.models import find_model, load_models
from catalog.tensors import prediction_params
from catalog.vision import vision_bytes

NO_RULES: dict[str, Any] = {"vision_params": {}}


def test_an_f16_projector_file_is_a_little_larger_than_two_bytes_per_parameter() -> None:
    """Vectors and positions stay F32; in Gemma 4 positions are a large part, most so without an encoder."""
    known = [(model, vision_bytes(model)) for model in load_models() if model.vision_params is not None]
    assert len(known) > 140
    for model, size in known:
        assert size is not None
        assert model.vision_params is not None
        most = 2.34 if model.architecture == "gemma4_unified" else 2.09
        assert 2 * model.vision_params <= size <= most * model.vision_params, model.id


def test_models_without_encoders_need_no_projector() -> None:
    assert vision_bytes(find_model("Llama-3.1-8B-Instruct")) is None
    assert vision_bytes(replace(find_model("gemma-3-27b-it"), vision_params=None)) is None


def test_encoders_with_their_text_part_are_within_the_published_total() -> None:
    known = [(m, m.vision_params) for m in load_models() if m.vision_params is not None]
    assert len(known) > 140
    for model, size in known:
        assert {"vision", "audio"} & set(model.modality), model.id
        if model.published_params is None or "text part" in model.check:
            continue
        assert 0 < size <= 1.001 * (model.published_params - model.total_params), model.id


@pytest.mark.parametrize(
    ("small", "large", "encoder_width"),
    [
        ("Qwen3.5-9B", "Qwen3.5-27B", 4608),
        ("Qwen3.5-35B-A3B", "Qwen3.5-122B-A10B", 4608),
        ("Qwen3.5-2B", "Qwen3.5-4B", 4096),
        ("Qwen3.6-35B-A3B", "Qwen3.8-27B", 4608),
    ],
)
def test_equal_encoders_differ_by_the_outputs_of_the_projector(
    small: str, large: str, encoder_width: int
) -> None:
    """A projector ends in a matrix with a bias: (width + 1) parameters per unit of the hidden size."""
    a, b = find_model(small), find_model(large)
    assert a.vision_params is not None
    assert b.vision_params is not None
    assert b.vision_params - a.vision_params == (encoder_width + 1) * (b.hidden_size - a.hidden_size)


def test_prediction_layers_are_told_from_encoders() -> None:
    model = find_model("Qwen3.5-27B")
    assert prediction_params(model) == 424_699_392
    assert readings(model, has_mtp=True) == (460_730_096, 885_429_488)


def test_a_total_with_two_readings_is_decided_by_the_head_or_not_at_all() -> None:
    head = find_model("Qwen3.5-27B")
    variant = replace(head, id="someone/tuned", vision_params=None)
    assert vision_params(variant, True, None, NO_RULES) is None
    assert vision_params(variant, True, head, NO_RULES) == 460_730_096
    assert vision_params(replace(variant, modality=("text",)), True, head, NO_RULES) is None
    assert vision_params(replace(variant, published_params=None), True, head, NO_RULES) is None


def test_a_reviewed_size_that_does_not_fit_is_refused() -> None:
    model = find_model("gemma-3-27b-it")
    assert vision_params(model, False, None, {"vision_params": {model.id: [None, "why"]}}) is None
    with pytest.raises(ValueError, match="do not fit"):
        vision_params(model, False, None, {"vision_params": {model.id: [10**12, "why"]}})


def test_prediction_layers_that_are_not_understood_leave_no_reading() -> None:
    assert prediction_params(find_model("Step-3.5-Flash")) is None
    assert readings(find_model("Step-3.7-Flash"), has_mtp=True) == ()
