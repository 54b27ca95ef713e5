import csv

import pytest

from advisor.validation import validate_files
from advisor.validation.quants import UnknownQuantError, file_type


def answers(tmp_path, header, *rows):
    path = tmp_path / "sizes.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *(row.split(",") for row in rows)])
    return validate_files([path], None)[0]


SIZES = "model,gguf_repo_or_file,quant,size_bytes,kind,source"
FIT = "model,arch,ctx,kv_type,flash_attn,n_ubatch,n_seq,model_mib_f16,context_mib,compute_mib"
DRY_RUN = "model,arch,n_params,quant,imatrix,tensor_bytes,bpw,requires_imatrix,fallback_tensors,types"


# what llama-quantize of llama.cpp b11434 decides, --dry-run on 16 bit files
@pytest.mark.parametrize(
    ("model", "quant", "imatrix", "size"),
    [
        ("llama-3.2-1b", "F16", 0, 2_471_764_096),
        ("llama-3.2-1b", "Q8_0", 0, 1_313_251_456),
        ("llama-3.2-1b", "Q6_K", 0, 1_013_969_024),
        ("llama-3.2-1b", "Q5_K_M", 0, 903_671_936),
    ],
)
def test_tensor_bytes_equal_those_of_the_quantizer(tmp_path, model, quant, imatrix, size):
    result = answers(tmp_path, DRY_RUN, f"{model},llama,1235814432,{quant},{imatrix},{size},1,0,0,x")
    assert result.kind == "dry-run sizes"
    assert result.rows[0].values == {"measured_bytes": size, "predicted_bytes": size}


def test_rows_of_another_model_than_their_name_finds_are_refused(tmp_path):
    sizes = answers(tmp_path, DRY_RUN, "tiny-llama-test,llama,28971520,F16,0,1,1,0,0,x")
    fit = answers(tmp_path, FIT, "tiny-llama-test,llama,2048,f16,on,512,1,55,8,72")
    for result in (sizes, fit):
        assert result.rows[0].status == "skipped"
        assert "not that model" in result.rows[0].reason


def test_a_16_bit_file_of_gpt_oss_loses_its_native_experts(tmp_path):
    result = answers(tmp_path, DRY_RUN, "gpt-oss-20b,gpt-oss,,F16,0,1,1,0,0,x")
    assert result.rows[0].values["predicted_bytes"] > 41e9  # 20.9 billion weights of 2 bytes


def test_files_with_metadata_and_bare_tensors_are_told_apart(tmp_path):
    result = answers(
        tmp_path,
        SIZES,
        "Qwen3-0.6B,unsloth/Qwen3-0.6B-GGUF,Q4_K_M,396705472,file_bytes,x",
        "Qwen2.5-7B-Instruct-Q4_K_M,Qwen2.5-7B-Instruct-Q4_K_M.gguf,Q4_K - Medium,4677120000,tensor_bytes,x",
    )
    file, tensors = (row.values["predicted_bytes"] for row in result.rows)
    assert abs(file - 396_705_472) < 2000
    assert tensors == 4_677_120_000


def test_a_name_that_the_catalog_does_not_know_is_read_from_the_file(tmp_path):
    row = "Reasoner v1,qwen2.5-coder-7b-instruct-q4_0.gguf,Q4_0,4431390720,file_bytes,x"
    assert answers(tmp_path, SIZES, row).rows[0].values["predicted_bytes"] == pytest.approx(
        4431390720, rel=1e-6
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Qwen3-0.6B,unsloth/Qwen3-0.6B-GGUF,Q2_K_L", "where embeddings are tied"),
        ("Qwen3-0.6B,unsloth/Qwen3-0.6B-GGUF,UD-Q4_K_XL", "carried as data"),
        ("Qwen3-32B,unsloth/Qwen3-32B-GGUF,UD-Q4_K_XL", "estimated as Q4_K_M times"),
        ("gemma-4-26B-A4B-it,unsloth/g-qat-GGUF,UD-Q4_K_XL(QAT)", "carried as data"),
        ("GLM-4.5-Air,GLM-4.5-Air-UD-Q4_K_XL-00001-of-00002.gguf,glm4moe Q4_K - Medium", "carried as data"),
        ("Replit,replit-code-v1_5-3b-newbpe-q4_0.gguf,Q4_0", "no model is called 'Replit'"),
        ("Qwen3-0.6B,x,4-bit", "leaves the size open"),
        ("Qwen3-0.6B,x,mixed4", "cannot be sized"),
        ("Qwen3-0.6B,x,MXFP4", "no experts"),
    ],
)
def test_rows_that_cannot_be_computed_say_why(tmp_path, row, reason):
    only = answers(tmp_path, SIZES, f"{row},1000,file_bytes,x").rows[0]
    assert only.status == "skipped"
    assert reason in only.reason


def test_other_formats_are_sized(tmp_path):
    row = "Llama-3.1-8B-Instruct,x,AWQ-int4,5727854592,file_bytes,x"
    assert answers(tmp_path, SIZES, row).rows[0].values["predicted_bytes"] == 5_727_854_592


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Q4_K - Medium", ("Q4_K_M", True)),
        ("UD-Q4_K_XL unsloth", ("Q4_K_M", False)),
        ("IQ4_XS - 4.25 bpw", ("IQ4_XS", False)),
        ("IQ6_K", ("Q6_K", False)),
        ("gguf-q8_0", ("Q8_0", True)),
    ],
)
def test_labels_name_a_file_type_and_whether_exactly(label, expected):
    assert file_type(label) == expected


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("awq-int4", "AWQ 4-bit g128 is not GGUF"),
        ("MLX-4bit", "MLX 4-bit g64 is not GGUF"),
        ("AVQ2", "without a published layout"),
        ("Q40", "not a GGUF file type"),
        ("", "no quantization stated"),
    ],
)
def test_labels_that_are_not_gguf_say_what_they_are(label, reason):
    with pytest.raises(UnknownQuantError, match=reason):
        file_type(label)
