"""Where MLX files are published."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from catalog.build.mlx_repos import SOURCES, assign, plain_name, read_sources
from catalog.mlx import mlx_repos
from catalog.models import find_model, load_models

MODELS = load_models()


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("mlx-community/Qwen3-8B-4bit", "qwen3-8b"),
        ("mlx-community/gemma-3-27b-it-qat-4bit", "gemma-3-27b-it"),
        ("mlx-community/gpt-oss-20b-MXFP4-Q8", "gpt-oss-20b"),
        ("mlx-community/GLM-4.7-8bit-gs32", "glm-4.7"),
        ("lmstudio-community/Qwen3-VL-8B-Instruct-MLX-8bit", "qwen3-vl-8b-instruct"),
        ("mlx-community/DeepSeek-V3.2_bf16", "deepseek-v3.2"),
        ("mlx-community/Kimi-K2.5", "kimi-k2.5"),
        ("inferencerlabs/Kimi-K2.5-MLX-3.6bit", "kimi-k2.5"),
    ],
)
def test_format_words_and_widths_are_taken_off(repository: str, name: str) -> None:
    assert plain_name(repository) == name


def test_more_than_a_quarter_of_the_models_has_a_known_repository() -> None:
    known = [model for model in MODELS if mlx_repos(model)]
    assert len(known) >= 250
    for model in known:
        assert all(re.fullmatch(r"[\w.-]+/[\w.-]+", repo) for repo in mlx_repos(model)), model.id


def test_no_repository_belongs_to_two_models() -> None:
    repos = [repo for model in MODELS for repo in mlx_repos(model)]
    assert len(repos) == len(set(repos))


def test_the_publishers_own_files_come_first() -> None:
    assert mlx_repos(find_model("LFM2.5-1.2B-Instruct"))[0].startswith("LiquidAI/")
    assert "mlx-community/Qwen3-8B-4bit" in mlx_repos(find_model("Qwen3-8B"))


def test_a_model_without_known_files_has_none() -> None:
    assert mlx_repos(replace(find_model("Qwen3-8B"), id="someone/else")) == ()


def test_every_repository_has_a_source() -> None:
    sources = read_sources(SOURCES.read_text(encoding="utf-8"))
    assert all(re.search(r"\((MIT|Apache-2\.0)\)", source) for source in sources.values())


def test_a_repository_that_fits_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="fits 0 models"):
        assign(["mlx-community/Nothing-9B-4bit"], MODELS)
