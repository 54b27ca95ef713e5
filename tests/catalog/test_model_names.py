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
MORE = """
lama 3.1 8b = meta-llama/Llama-3.1-8B-Instruct
llamma 3.3 70b = meta-llama/Llama-3.3-70B-Instruct
lamma 3.2 1b = meta-llama/Llama-3.2-1B-Instruct
meta llama 3.1 405b = meta-llama/Llama-3.1-405B-Instruct
llama 4 maverick = meta-llama/Llama-4-Maverick-17B-128E-Instruct
llama 3.2 11b vision = meta-llama/Llama-3.2-11B-Vision-Instruct
llama 3 70b = meta-llama/Meta-Llama-3-70B-Instruct
llama2 13b = meta-llama/Llama-2-13b-chat-hf
llama 2 70b chat = meta-llama/Llama-2-70b-chat-hf
code llama 7b = codellama/CodeLlama-7b-Instruct-hf
codellama-34b-instruct.Q5_K_M.gguf = codellama/CodeLlama-34b-Instruct-hf
tinylama = TinyLlama/TinyLlama-1.1B-Chat-v1.0
llama 3.1 8b base = meta-llama/Llama-3.1-8B
Llama-3.1-8B-Q8_0.gguf = meta-llama/Llama-3.1-8B-Instruct
llama 3.1 8b abliterated = mlabonne/Meta-Llama-3.1-8B-Instruct-abliterated
qwne3 8b = Qwen/Qwen3-8B
quen3 14b = Qwen/Qwen3-14B
qwen 3 4b = Qwen/Qwen3-4B
qwen3 235b = Qwen/Qwen3-235B-A22B
qwen3-4b-thinking-2507-q8_0 = Qwen/Qwen3-4B-Thinking-2507
qwen3 30b thinking = Qwen/Qwen3-30B-A3B-Thinking-2507
Qwen3-30B-A3B-Instruct-2507-UD-Q4_K_XL.gguf = Qwen/Qwen3-30B-A3B-Instruct-2507
qwen3 8b base = Qwen/Qwen3-8B-Base
qwen3 30b base = Qwen/Qwen3-30B-A3B-Base
qwen3 8b abliterated = mlabonne/Qwen3-8B-abliterated
qwen3-14b-abliterated-i1-IQ4_XS = mlabonne/Qwen3-14B-abliterated
qwen3 coder 480b = Qwen/Qwen3-Coder-480B-A35B-Instruct
qwen coder 32b = Qwen/Qwen2.5-Coder-32B-Instruct
qwen2.5-coder:7b-instruct-q4_K_M = Qwen/Qwen2.5-Coder-7B-Instruct
qwen2.5 72b instruct = Qwen/Qwen2.5-72B-Instruct
qwen2.5 7b base = Qwen/Qwen2.5-7B
qwen2.5 7b 1m = Qwen/Qwen2.5-7B-Instruct-1M
qwen2.5vl 7b = Qwen/Qwen2.5-VL-7B-Instruct
qwen3 vl 8b = Qwen/Qwen3-VL-8B-Instruct
qwen3-vl:30b = Qwen/Qwen3-VL-30B-A3B-Instruct
qwen3.5 9b = Qwen/Qwen3.5-9B
qwen 3.5 35b a3b = Qwen/Qwen3.5-35B-A3B
qwen3.6 27 = Qwen/Qwen3.6-27B
qwen3.8 27b = Qwen/Qwen3.8-27B
qwen3.6 35b heretic = Qwen/Qwen3.6-35B-A3B
qwq 32 = Qwen/QwQ-32B
Qwen2-57B-A14B = Qwen/Qwen2-57B-A14B-Instruct
gptoss120b = openai/gpt-oss-120b
gpt-oss 20 = openai/gpt-oss-20b
oss 20b = openai/gpt-oss-20b
gpt-oss-20b-derestricted = ArliAI/gpt-oss-20b-Derestricted
gema 3 27b = google/gemma-3-27b-it
gemma3 12b it qat = google/gemma-3-12b-it
gemma 3 4b = google/gemma-3-4b-it
gemma 3 1b = google/gemma-3-1b-it
gemma-3-270m = google/gemma-3-270m-it
gemma3n e2b = google/gemma-3n-E2B-it
gemma 4 31b = google/gemma-4-31B-it
gemma 4 12b = google/gemma-4-12B-it
gemma4 e4b = google/gemma-4-E4B-it
gemma 2 27b = google/gemma-2-27b-it
gemma 7b = google/gemma-7b-it
medgemma 27b = google/medgemma-27b-it
mistrall 7b = mistralai/Mistral-7B-Instruct-v0.3
mistral 7b v0.2 = mistralai/Mistral-7B-Instruct-v0.2
mistral 7b v0.1 = mistralai/Mistral-7B-Instruct-v0.1
mistral small 3.2 24b instruct 2506 Q4_K_M.gguf = mistralai/Mistral-Small-3.2-24B-Instruct-2506
magistral small = mistralai/Magistral-Small-2509
magistral = mistralai/Magistral-Small-2509
devstral small 2 = mistralai/Devstral-Small-2-24B-Instruct-2512
devstral 2 123b = mistralai/Devstral-2-123B-Instruct-2512
codestral = mistralai/Codestral-22B-v0.1
mixtral 8x22b = mistralai/Mixtral-8x22B-Instruct-v0.1
ministral 3 8b = mistralai/Ministral-3-8B-Instruct-2512
mistral large = mistralai/Mistral-Large-Instruct-2407
mistral medium 3.5 = mistralai/Mistral-Medium-3.5-128B
phi4 mini = microsoft/Phi-4-mini-instruct
phi 3 mini = microsoft/Phi-3-mini-4k-instruct
phi-3-mini-128k = microsoft/Phi-3-mini-128k-instruct
phi 4 reasoning plus = microsoft/Phi-4-reasoning-plus
phi3.5 moe = microsoft/Phi-3.5-MoE-instruct
deepseek r1 70b = deepseek-ai/DeepSeek-R1-Distill-Llama-70B
deepseek-r1:32b = deepseek-ai/DeepSeek-R1-Distill-Qwen-32B
deepseak r1 distill llama 8b = deepseek-ai/DeepSeek-R1-Distill-Llama-8B
r1 distill qwen 7b = deepseek-ai/DeepSeek-R1-Distill-Qwen-7B
deepseek r1 0528 = deepseek-ai/DeepSeek-R1-0528
deepseek v3.1 = deepseek-ai/DeepSeek-V3.1
deepseek v3.1 terminus = deepseek-ai/DeepSeek-V3.1-Terminus
deepseek v3.2 = deepseek-ai/DeepSeek-V3.2
deepseek coder v2 lite = deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct
deepseek coder 6.7b = deepseek-ai/deepseek-coder-6.7b-instruct
glm 4 32b = zai-org/GLM-4-32B-0414
glm-z1 32b = zai-org/GLM-Z1-32B-0414
glm 4.6 = zai-org/GLM-4.6
glm 4.5 air q3_k_m = zai-org/GLM-4.5-Air
glm-4.5v = zai-org/GLM-4.5V
glm 4.7 flash reap = cerebras/GLM-4.7-Flash-REAP-23B-A3B
kimi k2 0905 = moonshotai/Kimi-K2-Instruct-0905
kimi k2 thinking = moonshotai/Kimi-K2-Thinking
kimi linear = moonshotai/Kimi-Linear-48B-A3B-Instruct
minimax m2 = MiniMaxAI/MiniMax-M2
minimax m2.5 = MiniMaxAI/MiniMax-M2.5
granite 4 small = ibm-granite/granite-4.0-h-small
granite 3.3 8b = ibm-granite/granite-3.3-8b-instruct
granite 4.1 8b = ibm-granite/granite-4.1-8b
olmo 2 13b = allenai/OLMo-2-1124-13B-Instruct
olmo 3 7b = allenai/Olmo-3-7B-Instruct
olmo 3 7b think = allenai/Olmo-3-7B-Think
smol lm3 = HuggingFaceTB/SmolLM3-3B
smollm2 135m = HuggingFaceTB/SmolLM2-135M-Instruct
nemotron nano 9b v2 = nvidia/NVIDIA-Nemotron-Nano-9B-v2
nemotron 3 super = nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16
nemotron 70b = nvidia/Llama-3.1-Nemotron-70B-Instruct-HF
Llama-3_3-Nemotron-Super-49B-v1_5-Q4_K_M.gguf = nvidia/Llama-3_3-Nemotron-Super-49B-v1_5
exaone 4 32b = LGAI-EXAONE/EXAONE-4.0-32B
hunyuan a13b = tencent/Hunyuan-A13B-Instruct
ernie 4.5 21b = baidu/ERNIE-4.5-21B-A3B-Thinking
seed oss = ByteDance-Seed/Seed-OSS-36B-Instruct
lfm2 1.2b = LiquidAI/LFM2-1.2B
lfm2 8b a1b = LiquidAI/LFM2-8B-A1B
falcon h1 7b = tiiuae/Falcon-H1-7B-Instruct
falcon3 10b = tiiuae/Falcon3-10B-Instruct
yi 34b = 01-ai/Yi-1.5-34B-Chat
internlm 2.5 7b = internlm/internlm2_5-7b-chat
internlm3 = internlm/internlm3-8b-instruct
starcoder2 15b = bigcode/starcoder2-15b
hermes 3 70b = NousResearch/Hermes-3-Llama-3.1-70B
hermes 4 14b = NousResearch/Hermes-4-14B
dolphin 3 mistral 24b = dphn/Dolphin3.0-Mistral-24B
openhermes 2.5 = teknium/OpenHermes-2.5-Mistral-7B
zephyr = HuggingFaceH4/zephyr-7b-beta
aya expanse 8b = CohereLabs/aya-expanse-8b
solar 10.7b = upstage/SOLAR-10.7B-Instruct-v1.0
step 3.5 flash = stepfun-ai/Step-3.5-Flash
muse glimmer = meta-models/Muse-Glimmer-30B
trinity mini = arcee-ai/Trinity-Mini
tulu 3 8b = allenai/Llama-3.1-Tulu-3.1-8B
eurollm 9b = utter-project/EuroLLM-9B-Instruct-2512
apertus 8b = swiss-ai/Apertus-8B-Instruct-2509
midnight miqu = sophosympatheia/Midnight-Miqu-70B-v1.5
cogito 14b = deepcogito/cogito-v1-preview-qwen-14B
"""
"""What people type, misspell and paste, with the model that is meant."""

TABLE = [(spelling, model) for model, spellings in SPELLINGS.items() for spelling in spellings]
TABLE += [(a, b) for a, _, b in (line.partition(" = ") for line in MORE.strip().splitlines())]


def test_the_table_has_two_hundred_spellings() -> None:
    assert len(set(TABLE)) >= 200
    assert len({model for _, model in TABLE}) >= 120


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


# fmt: off
NOT_THERE = [
    "no such model", "", "   ", "llama 3.1 9b", "Q4_K_M", ".gguf", "llama 5", "qwen3 9b", "gemma 3 28b",
    "mistral 70b", "gpt 4", "claude 3", "gemini 2.5 pro", "grok 1", "qwen4 8b", "phi 9", "deepseek r9",
    "mixtral 8x70b", "glm 9.9", "hermes 3 71b",
]
# fmt: on


@pytest.mark.parametrize("query", NOT_THERE)
def test_an_unknown_name_is_an_error(query: str) -> None:
    with pytest.raises(LookupFailedError):
        find_model(query)


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("mistrall nemmo", "mistral nemo"), ("deepsek v3", "deepseek v3"), ("gemma 3 27b", "gemma 3 27b")],
)
def test_a_misspelt_name_finds_what_the_right_one_finds(misspelt: str, meant: str) -> None:
    assert find_model(misspelt) == find_model(meant)


def test_numbers_are_never_corrected() -> None:
    with pytest.raises(LookupFailedError) as caught:
        find_model("lama 3.1 9b")
    assert caught.value.query == "lama 3.1 9b"
    assert not caught.value.ambiguous


def test_an_ambiguity_within_a_lineage_is_its_head_and_one_between_lineages_lists_heads_only() -> None:
    assert find_model("granite 3.3 8b").variant_of is None
    with pytest.raises(LookupFailedError) as caught:
        find_model("qwen2.5 coder")
    assert caught.value.ambiguous
    assert all(find_model(name).variant_of is None for name in caught.value.candidates)


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
