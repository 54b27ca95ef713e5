from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import find_model, load_models, strip_quant
from catalog.types import LookupFailedError

SPELLINGS = {
    "meta-llama/Llama-3.1-8B-Instruct": [
        "llama 3.1 8b",
        "llama3.1:8b",
        "llama3.1:latest",
        "Llama-3.1-8B",
        "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
        "Meta-Llama-3.1-8B-Instruct-Q8_0",
        "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF",
        "meta-llama/Meta-Llama-3.1-8B-Instruct",
        "llama3.1:8b-instruct-q4_K_M",
        "LLAMA 3.1 8B INSTRUCT",
        "llama-3.1-8b-instruct-fp16",
        "llama 3.1 8b instruct awq",
        "Llama-3.1-8B-Instruct-IQ3_XXS.gguf",
    ],
    "meta-llama/Llama-3.3-70B-Instruct": [
        "llama 3.3 70b",
        "llama3.3",
        "Llama 3.3",
        "llama-3.3-70b-instruct-q4_k_m",
    ],
    "meta-llama/Llama-3.2-3B-Instruct": ["llama 3.2 3b", "llama3.2:3b", "Llama-3.2-3B-Instruct-Q6_K_L.gguf"],
    "meta-llama/Meta-Llama-3-8B-Instruct": ["llama 3 8b", "llama3:8b", "Meta-Llama-3-8B"],
    "meta-llama/Llama-2-7b-chat-hf": ["llama 2 7b", "llama-2-7b", "llama2:7b", "llama-2-7b.Q4_0.gguf"],
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": ["llama 4 scout", "llama4:scout", "Llama-4-Scout"],
    "Qwen/Qwen3-30B-A3B": [
        "qwen3 30b a3b",
        "qwen3 30b",
        "qwen3:30b-a3b",
        "qwen3:30b",
        "Qwen3-30B-A3B-UD-Q4_K_XL.gguf",
        "unsloth/Qwen3-30B-A3B-GGUF",
        "Qwen3-30B-A3B-128K-Q4_K_M.gguf",
        "qwen 3 30b a3b",
        "Qwen3-30B-A3B-GPTQ-Int4",
    ],
    "Qwen/Qwen3-30B-A3B-Instruct-2507": ["qwen3 30b a3b instruct 2507", "qwen3 30b 2507 instruct"],
    "Qwen/Qwen3-Coder-30B-A3B-Instruct": [
        "qwen3 coder 30b",
        "qwen3-coder:latest",
        "Qwen3-Coder-30B-A3B-Instruct-Q4_K_M",
    ],
    "Qwen/Qwen3-0.6B": ["qwen3 0.6b", "qwen3:0.6b"],
    "Qwen/Qwen3-32B": ["qwen3 32b", "Qwen3-32B-AWQ", "qwen 3 32b"],
    "Qwen/Qwen2.5-Coder-32B-Instruct": [
        "qwen2.5 coder 32b",
        "qwen2.5-coder:32b",
        "qwen 2.5 coder 32b instruct",
    ],
    "Qwen/Qwen2.5-7B-Instruct": ["qwen2.5 7b", "qwen2.5:7b", "qwen-2.5-7b-instruct"],
    "Qwen/QwQ-32B": ["qwq", "qwq 32b", "QwQ-32B-Q4_K_M.gguf"],
    "Qwen/Qwen3.6-27B": [
        "qwen3.6 27b",
        "qwen3.6:27b",
        "Qwen3.6-27B-UD-Q8_K_XL",
        "Qwen3.6-27B-NVFP4",
        "Qwen3.6-27B-MTP",
    ],
    "Qwen/Qwen3.6-35B-A3B": ["qwen3.6 35b", "Qwen3.6-35B-A3B-FP8", "Qwen3.6-35B-A3B-uncensored-heretic"],
    "Qwen/Qwen3-Next-80B-A3B-Instruct": ["qwen3 next 80b", "Qwen3-Next-80B-A3B-Instruct-UD-Q4_K_XL"],
    "openai/gpt-oss-20b": [
        "gpt oss 20b",
        "gpt-oss:20b",
        "gptoss 20b",
        "gpt-oss-20b-MXFP4.gguf",
        "gpt-oss-20b-F16",
    ],
    "openai/gpt-oss-120b": ["gpt oss 120b", "gpt-oss-120b"],
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": [
        "deepseek r1 distill qwen 14b",
        "deepseek-r1:14b",
        "deep seek r1 14b",
    ],
    "deepseek-ai/DeepSeek-R1": ["deepseek r1", "DeepSeek-R1-671B", "deepseek-r1:671b"],
    "deepseek-ai/DeepSeek-V3-0324": ["deepseek v3 0324", "DeepSeek-V3-0324-UD-Q2_K_XL-00001-of-00005.gguf"],
    "deepseek-ai/DeepSeek-V2-Lite-Chat": ["deepseek v2 lite", "deepseek-v2-lite"],
    "mistralai/Mistral-Small-3.1-24B-Instruct-2503": ["mistral small 3.1", "mistral-small3.1:24b"],
    "mistralai/Mistral-7B-Instruct-v0.3": [
        "mistral 7b",
        "mistral:7b",
        "mistral-7b-instruct-v0.3.Q5_K_M.gguf",
    ],
    "mistralai/Mistral-Nemo-Instruct-2407": ["mistral nemo", "mistral-nemo:12b", "mistral nemo 12b"],
    "mistralai/Mixtral-8x7B-Instruct-v0.1": ["mixtral 8x7b", "mixtral:8x7b"],
    "mistralai/Ministral-3-14B-Instruct-2512": ["ministral 3 14b", "ministral-3:14b"],
    "google/gemma-3-27b-it": ["gemma 3 27b", "gemma3:27b", "gemma-3-27b-it-UD-Q4_K_XL", "gemma3:27b-it-qat"],
    "google/gemma-4-26B-A4B-it": ["gemma 4 26b", "gemma-4-26B-A4B-it-AWQ-4bit", "gemma-4-26B-A4B-QAT"],
    "google/gemma-3n-E4B-it": ["gemma 3n e4b", "gemma3n:e4b"],
    "google/gemma-2-9b-it": ["gemma 2 9b", "gemma2:9b"],
    "microsoft/phi-4": ["phi 4", "phi4", "phi-4-q4_k_m.gguf"],
    "microsoft/Phi-4-mini-instruct": ["phi 4 mini", "phi4-mini"],
    "microsoft/Phi-3.5-mini-instruct": ["phi 3.5 mini", "phi3.5:3.8b"],
    "zai-org/GLM-4.5-Air": ["glm 4.5 air", "GLM-4.5-Air-UD-Q4_K_XL"],
    "zai-org/GLM-4.7-Flash": ["glm 4.7 flash", "GLM-4.7-Flash-AWQ"],
    "moonshotai/Kimi-K2-Instruct": ["kimi k2", "Kimi-K2-Instruct"],
    "CohereLabs/c4ai-command-r-v01": ["command r", "command-r:35b"],
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": ["smollm2 1.7b", "smollm2:1.7b"],
    "NousResearch/Hermes-3-Llama-3.1-8B": ["hermes 3 8b", "hermes3:8b"],
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": [
        "nemotron 3 nano 30b",
        "NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4",
    ],
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": [
        "tinyllama",
        "tinyllama 1.1b",
        "tinyllama-1.1b-chat-v1.0.Q4_0.gguf",
    ],
}
TABLE = [(spelling, model) for model, spellings in SPELLINGS.items() for spelling in spellings]


def test_the_table_has_eighty_spellings() -> None:
    assert len(TABLE) >= 80


@pytest.mark.parametrize(("spelling", "model"), TABLE)
def test_a_spelling_finds_its_model(spelling: str, model: str) -> None:
    assert find_model(spelling).id == model


def test_every_id_name_and_alias_finds_its_own_model() -> None:
    wrong = [
        (name, model.id)
        for model in load_models()
        for name in (model.id, model.name, *model.aliases)
        if find_model(name).id != model.id
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("query", "candidates"),
    [
        ("gpt-oss", {"gpt-oss-20b", "gpt-oss-120b"}),
        ("gemma 3", {"gemma-3-4b-it", "gemma-3-27b-it"}),
        ("qwen3", {"Qwen3-8B", "Qwen3-32B"}),
    ],
)
def test_an_ambiguous_name_lists_the_candidates(query: str, candidates: set[str]) -> None:
    with pytest.raises(LookupFailedError, match="ambiguous") as caught:
        find_model(query)
    assert caught.value.ambiguous
    assert caught.value.query == query
    assert candidates & set(caught.value.candidates) or len(caught.value.candidates) >= 8


@pytest.mark.parametrize("query", ["no such model", "", "   ", "llama 3.1 9b", "Q4_K_M", ".gguf"])
def test_an_unknown_name_is_an_error(query: str) -> None:
    with pytest.raises(LookupFailedError):
        find_model(query)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "Meta-Llama-3.1-8B-Instruct"),
        ("Qwen3-8B-UD-Q4_K_XL", "Qwen3-8B"),
        ("model.i1-IQ3_M.gguf", "model"),
        ("DeepSeek-V3-Q2_K_XL-00001-of-00005.gguf", "DeepSeek-V3"),
        ("gemma3:27b-it-qat", "gemma3:27b-it"),
        ("Qwen3-30B-A3B", "Qwen3-30B-A3B"),
        ("Phi-4", "Phi-4"),
        ("mixtral-8x7b", "mixtral-8x7b"),
        ("Qwen3-235B-A22B (general.name Models)", "Qwen3-235B-A22B"),
    ],
)
def test_file_ending_and_quantization_are_stripped(name: str, plain: str) -> None:
    assert strip_quant(name) == plain


@given(st.text(max_size=60))
def test_any_text_finds_a_model_or_fails_with_a_typed_error(text: str) -> None:
    with contextlib.suppress(LookupFailedError):
        assert find_model(text) in load_models()
