"""Fine-tunes that are not listed: the base whose shape they have, or nothing."""

from __future__ import annotations

import pytest

from catalog.finetunes import finetune_base
from catalog.models import find_model
from catalog.types import LookupFailedError


@pytest.mark.parametrize(
    ("label", "params_b", "base"),
    [
        ("Qwen3.6-35B-A3B-Uncensored-HauhauCS-Aggressive", 35, "Qwen3.6-35B-A3B"),
        ("Qwen3.5-0.8B-Claude-4.6-Opus-Reasoning-Distilled", 0.8, "Qwen3.5-0.8B"),
        ("godot-gemma-4-e4b", 8, "gemma-4-E4B-it"),
        ("Gemma-4-E2B-Uncensored-HauhauCS-Aggressive", 5, "gemma-4-E2B-it"),
        ("Qwopus3.6-27B-v2-MTP", 27, "Qwen3.6-27B"),
        ("Qwopus3.5-27B-v3", 27, "Qwen3.5-27B"),
        ("Gemopus-4-26B-A4B", 26, "gemma-4-26B-A4B-it"),
        ("Ornstein3.6-35B-A3B", 35, "Qwen3.6-35B-A3B"),
        ("Qwopus3.6-27B-v2", None, "Qwen3.6-27B"),
    ],
)
def test_the_base_is_in_the_name(label: str, params_b: float | None, base: str) -> None:
    assert finetune_base(label, params_b).name == base


@pytest.mark.parametrize(
    ("label", "params_b"),
    [
        ("BTL-4-Compact", 35),  # no base in the name
        ("Qwythos-9B-Claude-Mythos-5-1M", 9),  # a size alone
        ("Foo-3.1-8B", 8),  # version and size of several families
        ("Ornstein-3.6-27B", 27),  # two numbers and an unrelated word
        ("Qwen3.6-27B-Pruned", 21),  # another size than the base
        ("Tinystories-gpt-0.1-3m", 0),
    ],
)
def test_what_is_not_certain_is_not_guessed(label: str, params_b: float) -> None:
    with pytest.raises(LookupFailedError):
        finetune_base(label, params_b)


def test_the_apps_lookup_suggests_the_base_and_does_not_take_it() -> None:
    with pytest.raises(LookupFailedError) as error:
        find_model("Qwopus3.6-27B-v2-MTP")
    assert error.value.candidates[0] == "Qwen3.6-27B"
