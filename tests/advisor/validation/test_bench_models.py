from __future__ import annotations

import pytest

from advisor.validation.bench_models import model_of, quant_of
from advisor.validation.bench_rigs import plain_gpu_name
from advisor.validation.quants import UnknownQuantError, file_type
from advisor.validation.rows import SkipRowError
from catalog.hardware import find_accelerator


@pytest.mark.parametrize(
    ("description", "params", "hidden_size", "layers"),
    [
        ("llama 8B Q4_K - Medium", 8.03e9, 4096, 32),
        ("llama 7B mostly Q4_0", 6.74e9, 4096, 32),
        ("llama ?B Q4_K - Medium", 23.57e9, 5120, 40),  # Mistral Small, before llama.cpp had a size for it
        ("llama 8x7B Q4_K - Medium", 46.70e9, 4096, 32),
        ("qwen2 7B Q4_K - Medium", 7.62e9, 3584, 28),
        ("qwen3moe 30B.A3B Q4_K - Medium", 30.53e9, 2048, 48),
        ("qwen35moe 35B.A3B Q4_K - Medium", 34.66e9, 2048, 40),
        ("gemma3 12B Q4_0", 11.77e9, 3840, 48),
        ("gpt-oss 20B MXFP4 MoE", 20.91e9, 2880, 24),
        ("llama4 17Bx16E (Scout) Q4_K - Medium", 107.77e9, 5120, 48),
        ("deepseek2 671B Q4_K - Medium", 671.03e9, 7168, 61),
        ("glm4moe 106B.A12B Q4_K - Medium", 110.47e9, 4096, 46),  # with its prediction layer
        ("phi3 14B Q4_K - Medium", 14.66e9, 5120, 40),
        ("granitehybrid 32B Q4_K - Medium", 32.2e9, 4096, 40),
        ("nemotron_h_moe 31B.A3.5B Q4_K - Medium", 31.58e9, 2688, 52),
        ("command-r 35B Q4_K - Medium", 34.98e9, 8192, 40),
    ],
)
def test_architecture_and_parameter_count_give_the_shape(
    description: str, params: float, hidden_size: int, layers: int
) -> None:
    model, named = model_of(description, "", params)
    assert (model.hidden_size, len(model.layers), named) == (hidden_size, layers, False)


@pytest.mark.parametrize(
    ("file", "params", "name"),
    [
        ("models/Qwen2.5-7B-Instruct-Q4_K_M.gguf", 7615616512, "Qwen2.5-7B-Instruct"),
        (r"G:\models\Meta-Llama-3.1-8B-Instruct-Q8_0.gguf", 8030261312, "Llama-3.1-8B-Instruct"),
        ("/m/GLM-4.5-Air-UD-Q4_K_XL-00001-of-00002.gguf", 110468824832, "GLM-4.5-Air"),
        ("qwen2.5-0.5b-instruct-q4_k_m.gguf", 630167424, "Qwen2.5-0.5B-Instruct"),  # with a head of its own
    ],
)
def test_a_file_name_gives_the_model(file: str, params: float, name: str) -> None:
    model, named = model_of("x 1B Q4_0", file, params)
    assert (model.name, named) == (name, True)


def test_a_file_name_that_contradicts_the_parameter_count_is_not_believed() -> None:
    model, named = model_of("llama 70B Q4_K - Medium", "Llama-3.1-8B-Instruct.gguf", 70.55e9)
    assert len(model.layers) == 80
    assert not named


def test_models_of_one_size_but_different_shape_are_told_apart_by_no_table() -> None:
    with pytest.raises(SkipRowError, match=r"fits models of different shape: OLMo-2.*Olmo-3") as error:
        model_of("olmo2 7B Q4_0", "", 7.30e9)
    assert "CSV or JSON, which name the file" in str(error.value)


@pytest.mark.parametrize(
    ("params", "reason"), [(99e9, "the catalog has no llama of 99.00 billion"), (None, "parameter count")]
)
def test_what_the_catalog_does_not_have_is_said(params: float | None, reason: str) -> None:
    with pytest.raises(SkipRowError, match=reason):
        model_of("llama 123B Q4_0", "unheard-of-9000.gguf", params)


@pytest.mark.parametrize(
    ("description", "quant"),
    [
        ("llama 8B Q4_K - Medium", "Q4_K_M"),
        ("llama 8B Q3_K - Large", "Q3_K_L"),
        ("llama 8B Q2_K - Medium", "Q2_K"),
        ("llama 8B Q2_K - Small", "Q2_K_S"),
        ("llama 7B mostly Q4_0", "Q4_0"),
        ("llama 7B mostly Q5_K - Small", "Q5_K_S"),
        ("llama 8B IQ4_XS - 4.25 bpw", "IQ4_XS"),
        ("llama 8B IQ3_S mix - 3.66 bpw", "IQ3_M"),
        ("llama 8B IQ2_XXS - 2.0625 bpw", "IQ2_XXS"),
        ("llama4 17Bx16E (Scout) Q8_0", "Q8_0"),
        ("gpt-oss 20B MXFP4 MoE", "MXFP4_MOE"),
        ("llama 8B (guessed) Q6_K", "Q6_K"),
        ("llama 8B all F32", "F32"),
        ("llama 8B BF16", "BF16"),
    ],
)
def test_the_file_type_of_a_description_is_read(description: str, quant: str) -> None:
    assert file_type(quant_of(description))[0] == quant


@pytest.mark.parametrize("description", ["llama 8B unknown, may not work", "llama 8B", "", "llama"])
def test_a_description_without_a_file_type_is_refused(description: str) -> None:
    with pytest.raises(UnknownQuantError):
        quant_of(description)


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "AMD Radeon RX 7900 XTX"),
        ("Intel(R) Arc(tm) A770 Graphics (DG2)", "Intel Arc A770"),
        ("AMD Radeon RX 580 Series (RADV POLARIS10)", "AMD Radeon RX 580"),
        ("AMD Radeon 780M Graphics (RADV PHOENIX)", "AMD Radeon 780M"),
        ("Radeon 8060S Graphics (RADV GFX1151)", "AMD Ryzen AI Max+ 395 (Radeon 8060S)"),
        ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090"),
    ],
)
def test_the_names_that_drivers_give_gpus_are_found(description: str, name: str) -> None:
    found = find_accelerator(plain_gpu_name(description), any_memory=True).name
    assert found.startswith(name)
