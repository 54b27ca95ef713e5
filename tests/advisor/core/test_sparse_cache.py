"""Caches of compressed entries and of tokens that an indexer chooses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.core.candidates import build_candidates
from advisor.core.kv import cache_shape
from advisor.core.memory import compute_buffer_bytes, kv_bytes, kv_read_bytes
from advisor.core.question import Question
from catalog.models import load_models

MIB = 1024**2
_BY_ID = {model.id: model for model in load_models()}

V4_FLASH = "deepseek-ai/DeepSeek-V4-Flash-0731"
V4_PRO = "deepseek-ai/DeepSeek-V4-Pro"
K3 = "moonshotai/Kimi-K3"
M3 = "MiniMaxAI/MiniMax-M3"
GLM = "zai-org/GLM-5.3-Flash"
HY4 = "tencent/Hy4-preview"
QWEN = "Qwen/Qwen3.8-Flash-Next"


def ask(**fields: object) -> Question:
    return replace(Question(), **fields)  # type: ignore[arg-type]


ASKED = [
    ask(context=context, users=users, kv_type=kind)
    for context, users, kind in [
        (8192, 1, "f16"),
        (65_536, 1, "f16"),
        (32_768, 4, "f16"),
        (16_384, 1, "q8_0"),
    ]
]


def read(identifier: str, depth: int, **fields: object) -> float:
    c = build_candidates([(_BY_ID[identifier], "F16", {})])
    return float(kv_read_bytes(c, ask(**fields), depth)[0])


@pytest.mark.parametrize(
    ("identifier", "reported"),
    [  # compute MiB of the same reports
        (V4_FLASH, (268, 347, 300, 300)),
        (V4_PRO, (501, 529, 513, 508)),
        (K3, (544, 600, 611, 552)),
        # it scores four sequences one after the other and reports 483; counted as if all at once
        (M3, (459, 1308, 700, 467)),
        (GLM, (367, 431, 415, 369)),
        (HY4, (644, 860, 732, 660)),
        (QWEN, (523, 595, 579, 534)),
        ("poolside/Laguna-M.1", (280, 336, 304, 288)),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", (338, 410, 378, 346)),
        ("microsoft/bitnet-b1.58-2B-4T-bf16", (288, 339, 307, 296)),
    ],
)
def test_the_compute_buffer_is_near_what_llama_fit_params_reports(
    identifier: str, reported: tuple[int, ...]
) -> None:
    c = build_candidates([(_BY_ID[identifier], "F16", {})])
    ours = [compute_buffer_bytes(c, q)[0] / MIB for q in ASKED]
    errors = [abs(size / real - 1) for size, real in zip(ours, reported, strict=True)]
    assert max(errors) < 0.15


@pytest.mark.parametrize(
    ("identifier", "reported"),
    [  # context MiB that llama-fit-params of llama.cpp b11434 prints, cut to whole MiB, for
        # 8 Ki and 64 Ki tokens, 32 Ki tokens for each of 4 users, and 16 Ki tokens at q8_0
        (V4_FLASH, (101, 473, 1035, 87)),
        (V4_PRO, (146, 679, 1485, 125)),
        (K3, (659, 2171, 5228, 672)),
        (M3, (1188, 9504, 19008, 1262)),
        (GLM, (299, 1377, 3046, 309)),
        (HY4, (744, 5952, 11904, 790)),
        (QWEN, (352, 2032, 4290, 367)),
        ("poolside/Laguna-M.1", (2240, 17920, 35840, 2380)),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", (1568, 12544, 25088, 1666)),
        ("microsoft/bitnet-b1.58-2B-4T-bf16", (600, 4800, 9600, 637)),
    ],
)
def test_the_cache_is_what_llama_fit_params_reports(identifier: str, reported: tuple[int, ...]) -> None:
    c = build_candidates([(_BY_ID[identifier], "F16", {})])
    assert tuple(int(kv_bytes(c, q)[0] / MIB) for q in ASKED) == reported


def test_deepseek_v4_worked_by_hand() -> None:
    windows = 43 * 512 * 768  # 128 + 512 tokens, padded
    fine = 21 * (512 + 128) * 2048  # one entry and one index key for 4 tokens
    coarse = 20 * 512 * 256  # 64 entries for 128 tokens each, padded
    states = 21 * 2 * 8 * 2 * (512 + 128) + 20 * 2 * 128 * 512  # values and scores, F32
    shape = cache_shape(_BY_ID[V4_FLASH])
    assert shape.stored_elements(8192, 512) == windows + fine + coarse
    assert shape.state_bytes == 4 * states


def test_a_unified_cache_does_not_share_compressed_entries() -> None:
    c = build_candidates([(_BY_ID[V4_FLASH], "F16", {})])
    apart, unified = (kv_bytes(c, ask(context=65_536, users=4, unified_kv=u))[0] for u in (False, True))
    assert unified > 3 * apart  # every sequence gets entries for the context of all


def test_decoding_reads_a_choice_that_does_not_grow_and_keys_that_do() -> None:
    # latents of 78 layers for 2048 chosen tokens, and keys of 21 indexers for all
    assert read(HY4, 100_000) == 2 * (78 * 576 * 2048 + 21 * 128 * 100_000)
    assert read(HY4, 1000) == 2 * 1000 * (78 * 576 + 21 * 128)


def test_without_flash_attention_the_tokens_not_chosen_are_read_all_the_same() -> None:
    assert read(HY4, 100_000, flash_attention=False) == 2 * 100_000 * (78 * 576 + 21 * 128)


def test_pooled_keys_are_read_once_per_pool() -> None:
    state = cache_shape(_BY_ID[GLM]).state_bytes
    chosen = 2048 + 3  # whole pools of 4 and the rest of the last one
    assert read(GLM, 100_000) - state == 2 * (11 * 512 * chosen + 11 * 128 * 100_000 / 4)


def test_minimax_m3_reads_its_dense_layers_whole_and_sixteen_blocks_of_the_others() -> None:
    keys_and_values = 2 * 4 * 128
    expected = 3 * keys_and_values * 100_000 + 57 * keys_and_values * 16 * 128 + 57 * 128 * 100_000
    assert read(M3, 100_000) == 2 * expected


def test_deepseek_v4_reads_windows_a_choice_and_all_coarse_entries() -> None:
    state = cache_shape(_BY_ID[V4_FLASH]).state_bytes
    depth = 128 * 1024
    expected = 43 * 512 * 128 + 21 * 512 * 512 + 21 * 128 * depth // 4 + 20 * 512 * depth // 128
    assert read(V4_FLASH, depth) - state == 2 * expected


@pytest.mark.parametrize("identifier", [V4_FLASH, V4_PRO, K3, M3, GLM, HY4, QWEN])
def test_a_token_never_reads_more_than_is_stored(identifier: str) -> None:
    c = build_candidates([(_BY_ID[identifier], "F16", {})])
    for depth in (512, 8192, 131_072):
        assert read(identifier, depth) <= kv_bytes(c, ask(context=depth))[0]
