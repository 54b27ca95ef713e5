from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalog
from catalog.models import find_model, load_models
from catalog.quality import (
    USES,
    Use,
    generation_date,
    is_coder,
    model_quality,
    prior_ability,
    prior_parameters,
    quant_loss,
    scores_by_model,
    thinks,
)
from catalog.types import Model

ESTIMATED = [model for model in load_models() if model.not_estimated_because is None]


def chat(name: str) -> float:
    return model_quality(find_model(name)).score


def test_every_model_has_a_quality_for_every_use() -> None:
    for model in load_models():
        for use in USES:
            quality = model_quality(model, use)
            assert 0 < quality.score < 100
            assert quality.basis in {"scores", "prior", "scores+prior"}
            assert quality.detail
            assert quality.source


def test_an_unknown_use_is_refused() -> None:
    with pytest.raises(ValueError, match="one of chat, coding"):
        model_quality(ESTIMATED[0], "poetry")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("Llama-3.3-70B-Instruct", "Llama-3.1-8B-Instruct"),
        ("Llama-2-70b-chat", "Llama-2-7b-chat"),
        ("Llama-3.1-8B-Instruct", "Llama-2-7b-chat"),
        ("Llama-3.1-70B-Instruct", "Llama-2-70b-chat"),
        ("Qwen2.5-72B-Instruct", "Qwen2.5-7B-Instruct"),
        ("Qwen3-32B", "Qwen3-30B-A3B"),
        ("Qwen3-30B-A3B", "Qwen3-14B"),
        ("Qwen3-14B", "Qwen3-8B"),
        ("Qwen3-8B", "Qwen3-4B"),
        ("Qwen3-4B", "Qwen3-1.7B"),
        ("Qwen3-1.7B", "Qwen3-0.6B"),
        ("gemma-3-27b-it", "gemma-3-12b-it"),
        ("gemma-3-12b-it", "gemma-3-4b-it"),
        ("gemma-3-4b-it", "gemma-3-1b-it"),
        ("gemma-4-31B-it", "gemma-3-27b-it"),
        ("Qwen3.8-27B", "Qwen2.5-32B-Instruct"),
        ("Qwen3.5-9B", "LLaMA-1-7B"),
        ("granite-4.2-8b", "Mistral-7B-Instruct-v0.1"),
        ("gpt-oss-120b", "gpt-oss-20b"),
        ("DeepSeek-R1", "DeepSeek-R1-Distill-Llama-70B"),
        ("DeepSeek-R1-Distill-Qwen-32B", "DeepSeek-R1-Distill-Qwen-7B"),
        ("DeepSeek-R1-0528", "DeepSeek-V3"),
        ("Mixtral-8x7B-Instruct-v0.1", "Mistral-7B-Instruct-v0.1"),
        ("SmolLM2-1.7B-Instruct", "SmolLM2-135M-Instruct"),
    ],
)
def test_the_order_of_well_known_models(better: str, worse: str) -> None:
    assert chat(better) > chat(worse)


def test_coders_gain_in_coding_against_their_general_siblings() -> None:
    def gap(use: Use) -> float:
        coder, general = find_model("Qwen2.5-Coder-32B-Instruct"), find_model("Qwen2.5-32B-Instruct")
        return model_quality(coder, use).score - model_quality(general, use).score

    assert gap("coding") > gap("chat")


def same_year_and_kind(one: Model, other: Model) -> bool:
    first, second = generation_date(one), generation_date(other)
    return (
        first is not None
        and second is not None
        and first[:4] == second[:4]
        and (thinks(one), is_coder(one), one.stage) == (thinks(other), is_coder(other), other.stage)
    )


def test_a_model_is_not_expected_to_beat_one_five_times_its_size_of_the_same_year_and_kind() -> None:
    pairs = [
        (small, large)
        for small in ESTIMATED
        for large in ESTIMATED
        if large.total_params >= 5 * small.total_params
        and large.active_params >= small.active_params
        and same_year_and_kind(small, large)
    ]
    upset = [(a.name, b.name) for a, b in pairs if prior_ability(a) > prior_ability(b)]
    assert len(pairs) > 3000
    # a December model against a January one, at most 8 times its size
    assert len(upset) <= len(pairs) // 500, upset


def test_a_2026_model_is_expected_to_beat_a_2023_model_of_its_size() -> None:
    old = [m for m in ESTIMATED if (generation_date(m) or "")[:4] == "2023"]
    new = [m for m in ESTIMATED if (generation_date(m) or "")[:4] == "2026"]
    upset = [
        (a.name, b.name)
        for a in old
        for b in new
        if b.total_params >= a.total_params and b.active_params >= a.active_params and a.stage == b.stage
        if prior_ability(a) >= prior_ability(b)
    ]
    assert len(old) >= 5
    assert upset == []


@given(st.integers(10**8, 10**12), st.floats(1.05, 20.0))
def test_more_parameters_of_the_same_kind_are_expected_to_be_better(params: int, factor: float) -> None:
    model = find_model("Qwen3-8B")
    small = replace(model, total_params=params, active_params=params)
    large = replace(model, total_params=int(params * factor), active_params=int(params * factor))
    assert prior_ability(large) > prior_ability(small)


@given(st.integers(10**8, 10**11))
def test_a_mixture_is_expected_between_its_active_and_its_total_size(active: int) -> None:
    model = find_model("Qwen3-8B")
    dense_small = replace(model, total_params=active, active_params=active)
    dense_large = replace(model, total_params=8 * active, active_params=8 * active)
    mixture = replace(model, total_params=8 * active, active_params=active)
    assert prior_ability(dense_small) < prior_ability(mixture) < prior_ability(dense_large)


def test_a_fine_tune_counts_with_the_date_of_its_base() -> None:
    base, tuned = find_model("Llama-3.1-8B-Instruct"), find_model("Llama-3.1-Swallow-8B-Instruct-v0.5")
    assert generation_date(tuned) == base.release_date != tuned.release_date
    assert generation_date(base) == base.release_date


def test_a_later_release_of_the_same_maker_counts_with_its_own_date() -> None:
    newer = find_model("Qwen3.8-27B")
    assert generation_date(newer) == newer.release_date


def test_scores_override_the_prior_and_say_so() -> None:
    scored, unscored = (
        model_quality(find_model("Llama-3.3-70B-Instruct")),
        model_quality(find_model("Qwen3.8-27B")),
    )
    assert (scored.basis, scored.source) == ("scores", "llm-stats")
    assert unscored.basis == "prior"
    assert "no openly licensed score" in unscored.detail
    assert "±" in unscored.detail


def test_scores_name_models_of_the_catalog_and_an_allowed_source() -> None:
    known = {model.id for model in load_models()}
    assert set(scores_by_model()) <= known
    for scores in scores_by_model().values():
        for score in scores:
            assert 0 <= score.value <= 1
            assert score.source in {"llm-stats", "aider"} or any(
                word in score.source for word in ("arXiv", "model card", "announcement")
            )


def test_the_data_names_no_source_that_may_not_ship() -> None:
    folder = Path(catalog.__file__).parent / "data"
    text = "".join(
        (folder / name).read_text() for name in ("quality.csv", "quality_prior.json", "quant_loss.csv")
    )
    assert "CC BY 4.0" in text
    for word in ("Artificial Analysis", "LMArena", "lmarena", "Intelligence Index"):
        assert word not in text


def test_the_prior_states_how_it_was_fitted() -> None:
    parameters = prior_parameters()
    assert parameters["n_models"] >= 60
    assert parameters["n_scores"] >= 300
    assert 0.05 < parameters["prior_sd"] < 0.5
    assert parameters["ability"]["size"] > 0
    assert parameters["ability"]["age"] > 0
    assert json.dumps(parameters)


@pytest.mark.parametrize(
    ("bits", "quant", "low", "high"),
    [
        (16.0, "F16", 1.0, 1.0),
        (16.0, "BF16", 1.0, 1.0),
        (8.5, "Q8_0", 0.995, 1.0),
        (6.56, "Q6_K", 0.99, 1.0),
        (4.9, "Q4_K_M", 0.975, 0.995),
        (4.5, "Q4_0", 0.95, 0.99),
        (3.16, "Q2_K", 0.8, 0.93),
        (2.4, "IQ2_XXS", 0.6, 0.85),
        (1.9, "IQ1_S", 0.2, 0.6),
    ],
)
def test_loss_of_known_quantizations_of_an_8b_model(bits: float, quant: str, low: float, high: float) -> None:
    loss = quant_loss(bits, quant, 8_030_261_248)
    assert low <= loss.quality_factor <= high
    assert loss.source


@given(st.floats(0.5, 20.0), st.floats(0.0, 10.0), st.integers(10**8, 10**12))
def test_more_bits_never_lose_more(bits: float, more: float, params: int) -> None:
    low, high = quant_loss(bits, None, params), quant_loss(bits + more, None, params)
    assert low.kld >= high.kld >= 0
    assert 0 < low.quality_factor <= high.quality_factor <= 1


@given(st.floats(1.5, 8.5), st.integers(10**8, 10**11), st.floats(1.1, 50.0))
def test_small_models_lose_more(bits: float, params: int, factor: float) -> None:
    assert quant_loss(bits, None, params).kld > quant_loss(bits, None, int(params * factor)).kld


def test_named_quantizations_of_one_kind_lose_more_with_fewer_bits() -> None:
    ladders = [
        [
            "Q8_0",
            "Q6_K",
            "Q5_K_M",
            "Q5_K_S",
            "Q4_K_M",
            "Q4_K_S",
            "Q3_K_L",
            "Q3_K_M",
            "Q3_K_S",
            "Q2_K",
            "Q2_K_S",
        ],
        ["IQ4_NL", "IQ4_XS", "IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS"],
        ["IQ2_XXS", "IQ1_M", "IQ1_S"],
    ]
    for names in ladders:
        losses = [quant_loss(4.0, name, 8_000_000_000).kld for name in names]
        assert losses == sorted(losses), names


def test_the_published_costs_of_nothing() -> None:
    assert quant_loss(4.25, "MXFP4", 20_914_757_184, native_quant="MXFP4").quality_factor == 1
    assert quant_loss(4.25, "MXFP4", 20_914_757_184).quality_factor < 1


def test_names_of_mixes_are_read_like_their_base() -> None:
    assert quant_loss(4.9, "UD-Q4_K_M", 8 * 10**9).kld == quant_loss(4.9, "Q4_K_M", 8 * 10**9).kld


@pytest.mark.parametrize(("bits", "params"), [(0.0, 1), (4.0, 0), (-1.0, 10)])
def test_senseless_arguments_are_refused(bits: float, params: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        quant_loss(bits, "Q4_K_M", params)
