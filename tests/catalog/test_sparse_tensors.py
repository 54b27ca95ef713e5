"""Models with indexers, compressed caches, several residual streams and n-gram tables, tensor by tensor."""

from __future__ import annotations

import pytest

from catalog.mixing import tensor_types
from catalog.models import load_models
from catalog.ngrams import ngram_params
from catalog.tensors import count_params, prediction_params, prediction_tensors, tensor_table
from catalog.types import Model, Role

_BY_ID = {model.id: model for model in load_models()}

V4_FLASH = "deepseek-ai/DeepSeek-V4-Flash"
V4_DRAFTED = "deepseek-ai/DeepSeek-V4-Flash-0731"
V41 = "deepseek-ai/DeepSeek-V4.1-Flash"
GLM = "zai-org/GLM-5.3-Flash"
QWEN = "Qwen/Qwen3.8-Flash-Next"
HY4 = "tencent/Hy4-preview"
K3 = "moonshotai/Kimi-K3"
M3 = "MiniMaxAI/MiniMax-M3"


def shapes(identifier: str) -> dict[str, tuple[int, ...]]:
    return {t.name: t.shape for t in tensor_table(_BY_ID[identifier])}


@pytest.mark.parametrize(
    ("identifier", "published", "encoder", "rest"),
    [
        # published: total of the safetensors files; encoder: counted from its own layout; rest: named here
        (V4_FLASH, 290_944_616_402, 0, 0),
        (V4_DRAFTED, 304_180_418_494, 0, 0),
        ("deepseek-ai/DeepSeek-V4-Pro", 1_598_839_674_782, 0, 0),
        ("deepseek-ai/DeepSeek-V4-Pro-0813", 1_650_497_936_906, 0, 0),
        (V41, 763_205_315_794, 485_268_480, 0),
        (GLM, 321_323_031_390, 563_627_008, 0),
        (QWEN, 179_999_981_459, 448_931_056, 35),  # constants of the hash
        (HY4, 779_960_992_733, 0, 0),
        # norms that files fold into scores, and decay rates padded from 96 heads to 128 in 69 layers
        (K3, 2_779_931_837_184, 447_358_976, (2 * 93 + 1) * 7168 + 69 * 32),
        (M3, 427_040_140_160, 865_567_232, 0),
        ("poolside/Laguna-M.1", 225_795_725_568, 0, 0),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", 49_867_145_216, 0, 0),
        ("microsoft/bitnet-b1.58-2B-4T-bf16", 2_412_820_480, 0, 0),
        ("IFM/K2-Horizon-7B", 8_999_178_240, 0, 0),
        ("allenai/Olmo-Hybrid-7B", 7_430_870_688, 0, 0),
    ],
)
def test_text_part_prediction_layers_and_encoder_are_the_published_total(
    identifier: str, published: int, encoder: int, rest: int
) -> None:
    model = _BY_ID[identifier]
    assert model.published_params == published
    text = count_params(model).total
    assert text == model.total_params
    assert text + (prediction_params(model) or 0) + encoder + rest == published


def test_the_count_of_deepseek_v4_is_what_llama_bench_prints_for_its_file() -> None:
    # n_params of DeepSeek-V4-Flash-0731-UD-IQ3_XXS in the llama-bench logs of kyuz0/amd-strix-halo-toolboxes
    assert count_params(_BY_ID[V4_DRAFTED]).total == 284_334_567_511


def test_deepseek_v4_routes_its_first_layers_by_a_table_over_the_vocabulary() -> None:
    table = shapes(V4_FLASH)
    assert table["blk.2.ffn_gate_tid2eid.weight"] == (6, 129_280)
    assert "blk.2.exp_probs_b.bias" not in table
    assert table["blk.3.exp_probs_b.bias"] == (256,)
    assert "blk.3.ffn_gate_tid2eid.weight" not in table


def test_deepseek_v4_compresses_fine_and_coarse_entries_in_turn_after_two_window_layers() -> None:
    table = shapes(V4_FLASH)
    assert "blk.1.attn_compressor_kv.weight" not in table
    assert table["blk.2.attn_compressor_kv.weight"] == (4096, 1024)  # two overlapping entries
    assert table["blk.2.indexer_compressor_ape.weight"] == (256, 4)
    assert table["blk.3.attn_compressor_kv.weight"] == (4096, 512)
    assert table["blk.3.attn_compressor_ape.weight"] == (512, 128)
    assert "blk.3.indexer.proj.weight" not in table


def test_deepseek_v4_joins_its_heads_by_groups_and_mixes_four_streams() -> None:
    table = shapes(V4_FLASH)
    assert table["blk.0.attn_output_a.weight"] == (64 * 512 // 8, 8 * 1024)
    assert table["blk.0.attn_output_b.weight"] == (8 * 1024, 4096)
    assert table["blk.0.hc_attn_fn.weight"] == (4 * 4096, 24)
    assert table["output_hc_fn.weight"] == (4 * 4096, 4)


def test_a_table_of_expert_numbers_is_not_quantized() -> None:
    tensors = tensor_table(_BY_ID[V4_FLASH])
    kinds = dict(
        zip((t.name for t in tensors), tensor_types(_BY_ID[V4_FLASH], tensors, "Q4_K_M", True), strict=True)
    )
    assert kinds["blk.0.ffn_gate_tid2eid.weight"] == "F32"  # 4 bytes each, as the I32 that it holds
    assert kinds["blk.0.hc_attn_fn.weight"] == "Q4_K"


def test_deepseek_v41_makes_entries_in_four_layers_and_chooses_in_four_more() -> None:
    table = shapes(V41)
    owners = [i for i in range(40) if f"blk.{i}.attn_compressor_kv.weight" in table]
    choosers = [i for i in range(40) if f"blk.{i}.indexer.proj.weight" in table]
    assert owners == [2, 8, 14, 20]
    assert choosers == [2, 8, 14, 20, 24, 28, 32, 36]
    assert "blk.14.attn_compressor_gate.weight" in table
    assert "blk.20.attn_compressor_gate.weight" not in table  # one token per entry: nothing to weigh


def test_tables_of_ngrams_are_looked_up_and_not_active() -> None:
    for identifier, rows, width in ((V41, 384_006_168 + 384_016_682, 256), (QWEN, 320_001_536, 160)):
        model = _BY_ID[identifier]
        looked_up = [t for t in tensor_table(model) if t.role is Role.PER_LAYER_EMBEDDING]
        assert sum(t.n_elements for t in looked_up) == ngram_params(model) == rows * width
        assert model.active_params < model.total_params - ngram_params(model)


def test_glm_keeps_small_matrices_and_gives_low_rank_queries_eight_bits() -> None:
    # llama-quantize --dry-run of llama.cpp b11434 says so for every file type
    model = _BY_ID[GLM]
    tensors = tensor_table(model)
    kinds = dict(zip((t.name for t in tensors), tensor_types(model, tensors, "Q4_K_M", False), strict=True))
    assert kinds["blk.3.attn_q_a.weight"] == kinds["blk.3.attn_q_b.weight"] == "Q8_0"
    assert kinds["blk.3.attn_k_b.weight"] == kinds["blk.0.hc_ffn_fn.weight"] == "F32"
    assert kinds["blk.3.attn_output.weight"] == "Q4_K"


def test_hy4_has_an_indexer_in_the_first_layer_and_every_fourth_from_the_second() -> None:
    table = shapes(HY4)
    owners = [i for i in range(78) if f"blk.{i}.indexer.proj.weight" in table]
    assert owners == [0, *range(1, 78, 4)]
    assert table["blk.0.hc_attn_fn.weight"] == (4 * 6144, 8)  # its streams are not mixed among themselves


def test_kimi_k3_runs_its_experts_in_a_narrower_width() -> None:
    table = shapes(K3)
    assert table["blk.1.ffn_up_exps.weight"] == (3584, 3072, 896)
    assert table["blk.1.ffn_routed_down.weight"] == (7168, 3584)
    assert table["blk.1.ffn_up_shexp.weight"] == (7168, 6144)
    assert table["blk.0.ssm_g.weight"] == (7168, 96 * 128)
    assert table["blk.3.attn_gate.weight"] == (7168, 96 * 128)


def test_minimax_m3_has_no_indexer_in_its_dense_layers() -> None:
    table = shapes(M3)
    assert "blk.2.indexer.q_proj.weight" not in table
    assert table["blk.3.indexer.q_proj.weight"] == (6144, 4 * 128)


def test_nemotron_super_drops_attention_and_narrows_feed_forward_parts_layer_by_layer() -> None:
    table = shapes("nvidia/Llama-3_3-Nemotron-Super-49B-v1_5")
    assert "blk.6.attn_q.weight" not in table
    assert table["blk.6.ffn_up.weight"] == (8192, 14_336)
    assert table["blk.70.ffn_up.weight"] == (8192, 2816)
    assert table["blk.5.ffn_up.weight"] == (8192, 28_672)


PREDICTING = [m for m in _BY_ID.values() if m.is_counted and prediction_tensors(m)]


def test_many_models_hold_prediction_layers() -> None:
    assert {"deepseek_v4", "deepseek_v32", "glm5_next", "qwen3_5", "bailing_hybrid", "glm4_moe"} <= {
        model.architecture for model in PREDICTING
    }


@pytest.mark.parametrize("model", PREDICTING, ids=lambda model: model.id)
def test_prediction_layers_have_a_role_of_their_own_and_are_not_what_decodes(model: Model) -> None:
    assert {t.role for t in prediction_tensors(model)} == {Role.PREDICTION}
    decoding = tensor_table(model)
    assert Role.PREDICTION not in {t.role for t in decoding}
    assert sum(t.n_elements for t in decoding if not t.name.startswith("rope_")) == model.total_params


def test_a_drafter_has_fewer_experts_than_its_model_and_a_table_of_token_pairs() -> None:
    table = {t.name: t.shape for t in prediction_tensors(_BY_ID[V41])}
    assert table["blk.40.ffn_up_exps.weight"] == (5120, 2304, 128)
    assert table["markov_w1.weight"] == (256, 129_280)
    assert "blk.43.attn_norm.weight" not in table
