from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.formats import (
    COMMON_FORMATS,
    Layout,
    UnknownFormatError,
    format_bytes,
    format_size,
    make_format,
    methods,
    parse_format,
)
from catalog.models import load_models
from catalog.types import Role

ESTIMATED = [m for m in load_models() if m.not_estimated_because is None]


def by_id(identifier):
    return next(m for m in ESTIMATED if m.id == identifier)


LLAMA = by_id("meta-llama/Llama-3.1-8B-Instruct")

# Llama-3.1-8B by hand.  Matrices of a layer: q and o 4096 x 4096, k and v 4096 x 1024, three of 4096 x 14336:
# 218,103,808 weights; 32 layers.  Embedding and head 128,256 x 4096 each.  65 norms of 4096.
BODY = 6_979_321_856
OUTER = 2 * 525_336_576
NORMS = 2 * 65 * 4096
ROWS = 32 * (2 * 4096 + 2 * 1024 + 2 * 14336 + 4096)
COLUMNS = 32 * (6 * 4096 + 14336)
MATRICES = 32 * 7


@pytest.mark.parametrize(
    ("label", "size"),
    [
        ("AWQ-int4", BODY // 128 * (64 + 2) + BODY // 128 // 2 + 2 * OUTER + NORMS),
        ("GPTQ-4bit-g128", BODY // 128 * (64 + 2) + BODY // 128 // 2 + 4 * COLUMNS + 2 * OUTER + NORMS),
        ("w4a16-g128", BODY // 128 * (64 + 2) + 16 * MATRICES + 2 * OUTER + NORMS),
        ("MLX-4bit", (BODY + OUTER) // 64 * (32 + 2 + 2) + NORMS),
        ("MLX-8bit-g32", (BODY + OUTER) // 32 * (32 + 2 + 2) + NORMS),
        ("MLX-mxfp4", (BODY + OUTER) // 32 * (16 + 1) + NORMS),
        ("fp8-dynamic", BODY + 2 * ROWS + 2 * OUTER + NORMS),
        ("fp8-static", BODY + 8 * MATRICES + 2 * OUTER + NORMS),
        ("fp8-block", BODY + BODY // 16384 * 4 + 2 * OUTER + NORMS),
        ("int8-w8a8", BODY + 2 * ROWS + 2 * OUTER + NORMS),
        ("NVFP4", BODY // 16 * (8 + 1) + 8 * MATRICES + 2 * OUTER + NORMS),
        ("NF4", BODY // 64 * (32 + 4) + 64 * MATRICES + 2 * OUTER + NORMS),
        ("bnb-nf4-double", BODY // 2 + BODY // 64 + BODY // 16384 * 4 + 1092 * MATRICES + 2 * OUTER + NORMS),
        ("exl3-4.0bpw", BODY // 2 + OUTER + OUTER // 2 * 6 // 8 + NORMS),
        ("exl2-4.0bpw-h8", BODY // 2 + OUTER + OUTER // 2 + NORMS),
        ("bf16", 2 * (BODY + OUTER) + NORMS),
    ],
)
def test_sizes_of_an_8b_model_are_the_hand_worked_ones(label, size):
    assert sum(format_bytes(LLAMA, label).values()) == size


@pytest.mark.parametrize(("label", "gb"), [("AWQ-int4", 5.73), ("MLX-4bit", 4.52), ("fp8-static", 9.08)])
def test_sizes_are_those_that_packagers_show(label, gb):
    assert round(sum(format_bytes(LLAMA, label).values()) / 1e9, 2) == gb


# storage_size of the model cards of exo (Apache-2.0), which for these files is the sum of their tensors
@pytest.mark.parametrize(
    ("identifier", "label", "size"),
    [
        ("zai-org/GLM-4.7", "MLX-4bit", 198_556_925_568),
        ("zai-org/GLM-4.7", "MLX-8bit-g32", 396_963_397_248),
        ("nvidia/Llama-3.1-Nemotron-70B-Instruct-HF", "MLX-4bit", 39_688_355_840),
    ],
)
def test_sizes_equal_those_of_published_mlx_files(identifier, label, size):
    assert sum(format_bytes(by_id(identifier), label).values()) == size


def test_whole_mlx_files_are_larger_by_their_headers():
    tensors = sum(format_bytes(by_id("deepseek-ai/DeepSeek-V3.2"), "MLX-4bit").values())
    assert 0 < 378_086_226_621 - tensors < 500_000


def test_a_quantized_router_lies_in_the_range():
    size = format_size(by_id("MiniMaxAI/MiniMax-M2.1"), parse_format("MLX-8bit"))
    assert size.low_bytes < 242_986_745_856 < size.high_bytes


def test_gpt_oss_keeps_all_but_the_experts_at_16_bit():
    size = format_bytes(by_id("openai/gpt-oss-120b"), "MXFP4")
    assert {kind for role, kind in size if role is Role.EXPERTS} == {"MXFP4", "F16"}  # biases stay
    assert {kind for role, kind in size if role is not Role.EXPERTS} == {"F16"}
    assert sum(size.values()) == pytest.approx(65.25e9, rel=1e-3)


def test_a_dense_model_in_an_expert_format_is_quantized_in_all_layers():
    size = format_size(LLAMA, parse_format("MXFP4"))
    assert size.total_bytes == BODY // 32 * 17 + 2 * OUTER + NORMS


def test_mlx_leaves_rows_that_do_not_divide_at_16_bit():
    assert not Layout(Fraction(4), 64, pads=False).fits((96, 100))
    assert Layout(Fraction(4), 64, pads=True).fits((96, 100))
    assert (
        Layout(Fraction(4), 64, scale_bits=Fraction(16), pads=True).n_bytes((96, 100)) == 4800 + 2 * 2 * 100
    )


def test_stacks_of_experts_count_every_matrix():
    one = Layout(Fraction(4), 16, scale_bits=Fraction(8), tensor_bits=64)
    assert one.n_bytes((2048, 768, 128)) == 128 * one.n_bytes((2048, 768))


def test_tied_models_have_no_head_except_where_the_format_stores_one():
    tied = by_id("Qwen/Qwen3-0.6B")
    weights = 151_936 * 1024
    assert (Role.HEAD, "INT4") not in format_bytes(tied, "AWQ-int4")
    exl = format_bytes(tied, "exl3-4.0bpw")
    assert exl[Role.HEAD, "EXL3_6"] == weights * 6 // 8
    assert exl[Role.EMBEDDING, "F16"] == 2 * weights
    assert format_bytes(tied, "MLX-4bit")[Role.EMBEDDING, "AFFINE4"] == weights * 9 // 16


def test_dense_formats_are_exact_and_hybrids_say_what_may_stay_at_16_bit():
    assert not format_size(LLAMA, parse_format("AWQ")).approximate
    hybrid = format_size(by_id("Qwen/Qwen3.6-27B"), parse_format("AWQ"))
    assert hybrid.approximate
    assert hybrid.high_bytes > 1.2 * hybrid.total_bytes == 1.2 * hybrid.low_bytes


def test_a_label_without_a_method_gets_bounds_that_hold_the_methods():
    open_ = format_size(LLAMA, parse_format("4-bit"))
    for label in ("AWQ", "GPTQ-int4", "autoround-int4", "MLX-4bit", "NF4"):
        assert open_.low_bytes <= format_size(LLAMA, parse_format(label)).total_bytes <= open_.high_bytes


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("MLX-4bit", "MLX 4-bit g64"),
        ("MLX-4", "MLX 4-bit g64"),
        ("MLX-int4", "MLX 4-bit g64"),
        ("mlx-community: 8bit", "MLX 8-bit g64"),
        ("MLX-4bit-g32", "MLX 4-bit g32"),
        ("MLX-nvfp4", "MLX nvfp4"),
        ("mlx-bf16", "16-bit"),
        ("awq-int4", "AWQ 4-bit g128"),
        ("AWQ", "AWQ 4-bit g128"),
        ("GPTQ-Int4", "GPTQ 4-bit g128"),
        ("GPTQ-Int8", "GPTQ 8-bit g128"),
        ("GPTQ-4bit-g32", "GPTQ 4-bit g32"),
        ("GPTQ-4bit-g128-act", "GPTQ 4-bit g128"),
        ("autoround-int4", "AutoRound 4-bit g128"),
        ("w4a16", "WNA16 4-bit g128"),
        ("exl3-6.0bpw-mcg", "EXL3 6 bpw"),
        ("exl3-4.0bpw-mul1", "EXL3 4 bpw"),
        ("EXL2-2.5bpw", "EXL2 2.5 bpw"),
        ("EXL2-5.0bpw-h8", "EXL2 5 bpw h8"),
        ("fp8-dynamic", "FP8 per channel"),
        ("FP8 dynamic", "FP8 per channel"),
        ("fp8", "FP8 per channel"),
        ("fp8-static", "FP8 per tensor"),
        ("FP8-block", "FP8 128x128 blocks"),
        ("NVFP4", "NVFP4"),
        ("int8-w8a8", "INT8 W8A8"),
        ("bnb-nf4", "NF4"),
        ("bitsandbytes 4-bit double", "NF4 double-quantized"),
        ("int4", "INT 4-bit g128"),
        ("8-bit", "INT 8-bit g128"),
        ("fp16", "16-bit"),
    ],
)
def test_labels_of_measurements_are_read(label, name):
    assert parse_format(label).name == name


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("Q4_K_M", "GGUF"),
        ("gguf-q6_k", "GGUF"),
        ("UD-Q4_K_XL", "GGUF"),
        ("gguf-q4_k_m-reap50", "pruned"),
        ("mixed4", "share of each type"),
        ("qat-mixed-int2-4-8", "share of each type"),
        ("vendor W4A16/FP8 (not stated)", "does not state"),
        ("APEX-I-Quality mudler", "without a published layout"),
        ("IQ4_KS_R4 - 4.25 bpw", "ik_llama.cpp"),
        ("MLX", "bits of an MLX file"),
        ("exl3", "bits per weight"),
        ("exl2-40bpw", "bits per weight"),
        ("", "no weight format"),
        ("Q40", "no weight format"),
    ],
)
def test_labels_that_do_not_name_a_layout_say_why(label, reason):
    with pytest.raises(UnknownFormatError, match=reason):
        parse_format(label)


def test_bits_per_weight_follow_from_the_layout():
    bits = {
        name: parse_format(name).bits_per_weight for name in ("MLX-4bit", "MLX-8bit", "MLX-mxfp4", "NVFP4")
    }
    assert bits == {"MLX-4bit": 4.5, "MLX-8bit": 8.5, "MLX-mxfp4": 4.25, "NVFP4": 4.5}
    assert parse_format("AWQ").bits_per_weight == 4 + 20 / 128
    assert parse_format("nf4").bits_per_weight == 4.5
    assert parse_format("nf4-dq").bits_per_weight == pytest.approx(4.127, abs=1e-3)
    assert parse_format("fp8-block").bits_per_weight == 8 + 32 / 16384


def test_every_method_has_a_source_and_can_be_made():
    for method in methods():
        assert make_format(method, Fraction(4)).source


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ESTIMATED), st.sampled_from(COMMON_FORMATS))
def test_sizes_are_positive_and_inside_their_bounds(model, label):
    size = format_size(model, parse_format(label))
    assert 0 < size.low_bytes <= size.total_bytes <= size.high_bytes
    assert size.total_bytes == sum(size.by_role.values())
    plain = format_size(model, parse_format("bf16")).total_bytes
    assert size.total_bytes <= plain * 1.2  # EXL stores a tied head twice


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(ESTIMATED),
    st.sampled_from(["MLX-{}bit", "GPTQ-{}bit", "exl2-{}.0bpw", "exl3-{}.0bpw", "w{}a16"]),
    st.sampled_from([2, 3, 4, 5, 6]),
)
def test_more_bits_are_never_smaller(model, label, bits):
    few, many = (format_size(model, parse_format(label.format(b))) for b in (bits, 8))
    assert few.total_bytes <= many.total_bytes
    assert few.low_bytes <= many.low_bytes
    assert few.high_bytes <= many.high_bytes


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ESTIMATED), st.sampled_from(["MLX-4bit", "GPTQ-4bit", "w4a16"]))
def test_smaller_groups_are_never_smaller_files(model, label):
    sizes = [format_size(model, parse_format(f"{label}-g{g}")).total_bytes for g in (128, 64, 32)]
    coarse_fits = sizes[0] <= sizes[1] <= sizes[2]
    uneven = any(t % 128 for t in (model.hidden_size, model.ffn_size, model.moe_ffn_size, model.head_dim))
    assert coarse_fits or uneven  # an uneven row stays at 16 bit in large groups
