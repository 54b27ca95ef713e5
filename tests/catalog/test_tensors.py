import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.models import load_models
from catalog.tensors import (
    SUPPORTED_ARCHITECTURES,
    UnsupportedArchitectureError,
    count_params,
    mtp_tensors,
    tensor_table,
)
from catalog.types import LayerKind, Model, Role

_BLANK = {
    "id": "test/model",
    "name": "model",
    "organization": "",
    "family": "",
    "license": None,
    "release_date": None,
    "context_length": None,
    "modality": ("text",),
    "tool_use": None,
    "stage": "instruct",
    "total_params": 0,
    "active_params": 0,
    "published_params": None,
    "check": "",
    "tied_embeddings": False,
    "sliding_window": None,
}
_ZERO = [
    "n_experts", "n_experts_active", "n_shared_experts", "moe_ffn_size", "shared_expert_ffn_size",
    "first_dense_layers", "moe_layer_step", "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim",
    "qk_rope_head_dim", "v_head_dim",
]  # fmt: skip


def make(architecture="llama", layers="FF", **fields):
    shape = {
        "hidden_size": 64,
        "n_heads": 4,
        "n_kv_heads": 2,
        "head_dim": 16,
        "ffn_size": 128,
        "vocab_size": 1000,
    }
    zeros = dict.fromkeys(_ZERO, 0)
    return Model(**{**_BLANK, **shape, **zeros, "architecture": architecture, "layers": layers, **fields})


def by_id(identifier):
    return next(m for m in load_models() if m.id == identifier)


ESTIMATED = [m for m in load_models() if m.not_estimated_because is None]


# counts published in model cards or printed by llama-bench for the text part
@pytest.mark.parametrize(
    ("identifier", "total"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 8_030_261_248),
        ("meta-llama/Llama-3.3-70B-Instruct", 70_553_706_496),
        ("Qwen/Qwen2.5-7B-Instruct", 7_615_616_512),
        ("Qwen/Qwen3-30B-A3B", 30_532_122_624),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 79_674_391_296),
        ("Qwen/Qwen3.6-35B-A3B", 34_660_610_688),
        ("openai/gpt-oss-20b", 20_914_757_184),
        ("openai/gpt-oss-120b", 116_829_156_672),
        ("microsoft/phi-4", 14_659_507_200),
        ("ibm-granite/granite-4.0-h-small", 32_207_337_984),
        ("LiquidAI/LFM2-1.2B", 1_170_340_608),
        ("CohereLabs/c4ai-command-r-v01", 34_980_831_232),
        ("tiiuae/falcon-7b-instruct", 7_217_189_760),
        ("tiiuae/falcon-40b", 41_835_970_560),
        ("deepseek-ai/deepseek-moe-16b-chat", 16_375_728_128),
        ("inclusionAI/Ling-flash-2.0", 102_889_705_216),
        ("inclusionAI/Ling-lite-1.5", 16_801_974_272),
        ("tencent/Youtu-LLM-2B", 1_961_560_064),
    ],
)
def test_parameters_equal_the_published_total(identifier, total):
    assert count_params(by_id(identifier)).total == total


def test_active_parameters_leave_out_the_experts_not_chosen():
    model = by_id("Qwen/Qwen3-30B-A3B")
    params = count_params(model)
    assert params.active == params.total - params.experts + params.experts * 8 // 128
    assert params.active == 3_353_032_704


def test_the_file_of_glm_holds_its_prediction_layer_beside_the_table():
    model = by_id("zai-org/GLM-4.5-Air")
    extra = mtp_tensors(model)
    assert {t.layer for t in extra} == {model.n_layers}
    # llama-bench prints the parameters of the whole file
    assert count_params(model).total + sum(t.n_elements for t in extra) == 110_468_824_832


def test_prediction_layers_fill_the_gap_of_step_to_the_parameter():
    model = by_id("stepfun-ai/Step-3.5-Flash")
    d, heads = model.hidden_size, model.extra["num_attention_heads_sliding"]
    attention = (2 * heads + 2 * model.n_kv_heads) * model.head_dim * d + heads * d + 2 * model.head_dim
    layer = 2 * d + attention + 3 * d * model.ffn_size
    head = 2 * d * d + 3 * d + d * model.vocab_size
    assert count_params(model).total + 3 * (layer + head) == model.published_params


def test_prediction_layers_scales_and_encoders_fill_the_gaps_of_mimo_to_the_parameter():
    """FP8 scales: one per block of 128 x 128; rows of q, k and v are padded in each of four shards."""
    flash, omni, half = (by_id(f"XiaomiMiMo/MiMo-{name}") for name in ("V2-Flash", "V2.5", "V2.6-Flash-RL"))
    text = count_params(flash).total
    prediction = sum(t.n_elements for t in mtp_tensors(omni))
    d, heads = flash.hidden_size, flash.n_heads

    def qkv_scales(kv_heads):
        rows = heads * 192 + kv_heads * (192 + 128)
        return 4 * -(-rows // 4 // 128) * d // 128

    scales = sum(qkv_scales(4 if kind == "F" else 8) for kind in flash.layers) + 3 * qkv_scales(8)
    scales += (47 * 256 * flash.moe_ffn_size + 4 * flash.ffn_size) * 3 * d // 128**2
    assert text + prediction + scales == flash.published_params
    assert omni.published_params - half.published_params == scales
    assert text + prediction + half.vision_params == half.published_params


def test_mimo_has_narrow_values_and_more_heads_and_sinks_in_window_layers():
    shapes = {t.name: t.shape for t in tensor_table(by_id("XiaomiMiMo/MiMo-V2-Flash"))}
    assert shapes["blk.0.attn_k.weight"] == (4096, 4 * 192)
    assert shapes["blk.1.attn_k.weight"] == (4096, 8 * 192)
    assert shapes["blk.1.attn_v.weight"] == (4096, 8 * 128)
    assert shapes["blk.1.attn_output.weight"] == (64 * 128, 4096)
    assert "blk.0.attn_sinks.weight" not in shapes
    assert shapes["blk.1.attn_sinks.weight"] == (64,)
    fused = {t.name: t.shape for t in tensor_table(by_id("XiaomiMiMo/MiMo-V2.5"))}
    assert fused["blk.1.attn_qkv.weight"] == (4096, 64 * 192 + 8 * (192 + 128))


def test_prediction_layer_fills_the_gap_of_ling_to_the_parameter():
    model = by_id("inclusionAI/Ling-3.0-flash")
    d = model.hidden_size
    last = [t for t in tensor_table(model) if t.layer == model.n_layers - 1]  # latent attention, experts
    layer = sum(t.n_elements for t in last) + 2 * d * d + 3 * d
    assert count_params(model).total + layer == model.published_params


def test_vision_part_fills_the_gap_of_muse_to_the_parameter():
    model = by_id("meta-models/Muse-Glimmer-30B")
    d, width, projector = 1536, 8960, 4096
    layer = 4 * (d * d + d) + 2 * d * width + d + width + 4 * d
    patches, positions, norms = 3 * 14 * 14 * 2 * d, 32 * 32 * d, 4 * d
    adapter = 4 * d * projector + projector * projector + projector * model.hidden_size
    vision = 50 * layer + patches + positions + norms + adapter
    # norms of queries and keys have no weights in the checkpoint; a file stores ones for them
    without_weights = model.n_layers * 2 * model.head_dim
    assert count_params(model).total - without_weights + vision == model.published_params


def test_the_large_falcon_norms_each_part_of_a_layer():
    small = {t.name for t in tensor_table(by_id("tiiuae/falcon-7b-instruct"))}
    large = {t.name for t in tensor_table(by_id("tiiuae/falcon-40b"))}
    assert "blk.0.attn_norm_2.weight" in large
    assert "blk.0.attn_norm_2.weight" not in small


def test_delta_attention_has_low_rank_gates_in_kimi_and_full_rank_ones_in_ling():
    kimi = {t.name: t.shape for t in tensor_table(by_id("moonshotai/Kimi-Linear-48B-A3B-Instruct"))}
    ling = {t.name: t.shape for t in tensor_table(by_id("inclusionAI/Ling-3.0-flash"))}
    assert kimi["blk.0.ssm_f_a.weight"] == (2304, 128)
    assert kimi["blk.0.ssm_f_b.weight"] == (128, 4096)
    assert ling["blk.0.ssm_f_a.weight"] == (2560, 4096)
    assert "blk.0.ssm_f_b.weight" not in ling
    assert ling["blk.5.attn_gate.weight"] == (2560, 32)


def test_from_glm_5_2_on_most_layers_use_the_indexer_of_another():
    def indexed(identifier):
        return {t.layer for t in tensor_table(by_id(identifier)) if ".indexer." in t.name}

    assert indexed("zai-org/GLM-5.1") == set(range(78))
    assert indexed("zai-org/GLM-5.2") == {0, 1, *range(2, 78, 4)}


def test_llama_layouts_may_have_biases_everywhere():
    names = {t.name for t in tensor_table(by_id("ibm-granite/granite-8b-code-instruct-4k")) if t.layer == 0}
    parts = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    assert {f"blk.0.{part}.bias" for part in parts} <= names


def test_the_text_part_of_internvl_is_the_model_it_is_built_on():
    old = {t.name for t in tensor_table(by_id("OpenGVLab/InternVL3-8B-hf")) if t.layer == 0}
    new = {t.name for t in tensor_table(by_id("OpenGVLab/InternVL3_5-8B-HF")) if t.layer == 0}
    assert "blk.0.attn_q.bias" in old - new
    assert "blk.0.attn_q_norm.weight" in new - old


def test_a_refused_architecture_says_what_is_missing():
    with pytest.raises(UnsupportedArchitectureError, match="cross-attention to images"):
        tensor_table(make("mllama"))


def test_tied_embeddings_leave_no_output_matrix():
    names = {t.name for t in tensor_table(make(tied_embeddings=True))}
    assert "output.weight" not in names
    assert "token_embd.weight" in names


def test_a_plain_layer_has_the_tensors_of_llama():
    layer = [(t.name, t.shape) for t in tensor_table(make()) if t.layer == 0]
    assert layer == [
        ("blk.0.attn_norm.weight", (64,)),
        ("blk.0.attn_q.weight", (64, 64)),
        ("blk.0.attn_k.weight", (64, 32)),
        ("blk.0.attn_v.weight", (64, 32)),
        ("blk.0.attn_output.weight", (64, 64)),
        ("blk.0.ffn_norm.weight", (64,)),
        ("blk.0.ffn_gate.weight", (64, 128)),
        ("blk.0.ffn_up.weight", (64, 128)),
        ("blk.0.ffn_down.weight", (128, 64)),
    ]


def test_latent_attention_is_split_per_head():
    model = make(
        "deepseek_v2",
        "MM",
        kv_lora_rank=32,
        qk_nope_head_dim=16,
        qk_rope_head_dim=8,
        v_head_dim=12,
    )
    shapes = {t.name: t.shape for t in tensor_table(model)}
    assert shapes["blk.1.attn_k_b.weight"] == (16, 32, 4)
    assert shapes["blk.1.attn_v_b.weight"] == (32, 12, 4)
    assert shapes["blk.1.attn_kv_a_mqa.weight"] == (64, 40)
    assert "blk.1.attn_q.weight" in shapes


def test_hybrid_layers_have_the_tensors_of_their_letter():
    model = by_id("Qwen/Qwen3-Next-80B-A3B-Instruct")
    for i, kind in enumerate(model.layers):
        names = {t.name for t in tensor_table(model) if t.layer == i}
        assert (f"blk.{i}.ssm_conv1d.weight" in names) == (kind == LayerKind.LINEAR)
        assert (f"blk.{i}.attn_k.weight" in names) == (kind == LayerKind.FULL)


def test_per_layer_embeddings_have_a_role_of_their_own():
    roles = {t.name: t.role for t in tensor_table(by_id("google/gemma-3n-E4B-it"))}
    assert roles["per_layer_token_embd.weight"] is Role.PER_LAYER_EMBEDDING


def test_norms_biases_and_routers_are_never_quantized():
    table = {t.name: t.quantizable for t in tensor_table(by_id("openai/gpt-oss-20b"))}
    assert not table["blk.0.attn_norm.weight"]
    assert not table["blk.0.ffn_gate_inp.weight"]
    assert not table["blk.0.ffn_up_exps.bias"]
    assert table["blk.0.ffn_up_exps.weight"]


def test_an_unknown_architecture_is_refused():
    with pytest.raises(UnsupportedArchitectureError, match=r"tensors of 'perceptron' are not understood"):
        tensor_table(make("perceptron"))


def test_unknown_layers_are_refused():
    with pytest.raises(UnsupportedArchitectureError, match="layout of its layers"):
        tensor_table(make(layers=""))


def test_a_missing_shape_field_is_refused():
    with pytest.raises(UnsupportedArchitectureError, match=r"ffn_gate\.weight would be 64 x 0"):
        tensor_table(make(ffn_size=0))


def test_unknown_dense_first_layers_are_refused():
    model = make("glm4_moe", n_experts=8, n_experts_active=2, moe_ffn_size=32)
    with pytest.raises(UnsupportedArchitectureError, match="dense first layers"):
        tensor_table(model)


def test_a_mixed_stack_is_not_taken_for_latent_attention():
    model = make("deepseek_v3", "FM", kv_lora_rank=32)
    with pytest.raises(UnsupportedArchitectureError, match="latent attention"):
        tensor_table(model)


@pytest.mark.parametrize("model", ESTIMATED[::9], ids=lambda m: m.id)
def test_every_table_is_sound(model):
    table = tensor_table(model)
    names = [t.name for t in table]
    assert len(set(names)) == len(names)
    assert {t.layer for t in table if t.layer is not None} == set(range(model.n_layers))
    assert all(n > 0 for t in table for n in t.shape)
    assert (Role.EXPERTS in {t.role for t in table}) == model.is_moe
    params = count_params(model, table)
    assert 0 < params.active <= params.total
    assert params.embedding + params.experts < params.total


def test_every_estimated_model_has_a_supported_architecture():
    assert {m.architecture for m in ESTIMATED} <= SUPPORTED_ARCHITECTURES


@settings(max_examples=40)
@given(
    layers=st.integers(1, 8),
    width=st.integers(1, 16),
    ffn=st.integers(1, 64),
    vocabulary=st.integers(8, 4000),
)
def test_parameters_grow_by_a_constant_per_layer(layers, width, ffn, vocabulary):
    def total(n):
        shape = {"hidden_size": 64 * width, "ffn_size": 32 * ffn, "vocab_size": vocabulary}
        return count_params(make(layers="F" * n, **shape)).total

    assert total(layers + 1) - total(layers) == total(2) - total(1) > 0
