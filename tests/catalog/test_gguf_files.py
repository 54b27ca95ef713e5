import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import gguf_files
from catalog.build.gguf_files import TOKENIZERS, build
from catalog.ggml import ggml_types
from catalog.gguf_files import (
    FileNotes,
    counted_bytes,
    file_notes,
    file_size,
    metadata_bytes,
    tensor_list_bytes,
    tokenizer_of,
    tokenizers,
)
from catalog.mixing import FILE_TYPES
from catalog.models import find_model, load_models
from catalog.types import CatalogError, Role, Tensor

ESTIMATED = [m for m in load_models() if m.not_estimated_because is None]


def by_id(identifier):
    return next(m for m in ESTIMATED if m.id == identifier)


def test_the_tensor_list_is_the_names_and_their_fixed_fields():
    # u64 length + name + u32 dimensions + 2 x u64 + u32 type + u64 offset
    tensor = Tensor("blk.0.attn_q.weight", Role.ATTENTION, 0, (64, 64), True)
    assert tensor_list_bytes([tensor]) == 8 + 19 + 4 + 16 + 4 + 8


# sizes of published files, in bytes
@pytest.mark.parametrize(
    ("identifier", "repository", "quant", "size"),
    [
        ("Qwen/Qwen3-0.6B", "unsloth/Qwen3-0.6B-GGUF", "Q4_K_M", 396_705_472),
        ("Qwen/Qwen3-0.6B", "unsloth/Qwen3-0.6B-GGUF", "Q4_0", 382_156_480),
        ("Qwen/Qwen3-1.7B", "unsloth/Qwen3-1.7B-GGUF", "IQ4_XS", 1_010_383_424),
        ("Qwen/Qwen2.5-32B-Instruct", "Qwen/Qwen2.5-32B-Instruct-GGUF", "Q4_0", 18_640_231_072),
        ("Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Q4_K_M", 491_400_032),
        ("Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B-Instruct-GGUF", "Q4_K_M", 1_117_320_736),
        ("meta-llama/Llama-3.1-8B-Instruct", "bartowski/Llama-3.1-8B-GGUF", "Q4_K_M", 4_920_739_232),
        ("google/gemma-2-2b-it", "bartowski/gemma-2-2b-it-GGUF", "IQ4_XS", 1_566_250_848),
        ("google/gemma-3-4b-it", "ggml-org/gemma-3-4b-it-GGUF", "Q8_0", 4_130_226_336),
        ("microsoft/phi-4", "microsoft/phi-4-gguf", "Q6_K", 12_030_251_200),
        ("openai/gpt-oss-20b", "ggml-org/gpt-oss-20b-GGUF", "MXFP4_MOE", 12_109_566_624),
    ],
)
def test_whole_files_are_predicted_to_kilobytes(identifier, repository, quant, size):
    predicted = file_size(by_id(identifier), quant, file_notes(repository, quant))
    assert predicted.metadata_known
    assert abs(predicted.total_bytes - size) < 3000


def test_a_stored_output_matrix_adds_one_embedding():
    model = by_id("Qwen/Qwen2.5-1.5B-Instruct")
    tied, untied = (counted_bytes(model, "Q4_K_M", FileNotes(untied=u))[0] for u in (False, True))
    assert untied - tied == 151_936 * 1536 * 9 // 16


def test_notes_tell_who_uses_an_importance_matrix():
    assert file_notes("unsloth/Qwen3-8B-GGUF", "Q4_0").imatrix
    assert file_notes("Bartowski/some-model-GGUF", "IQ4_XS").imatrix
    assert not file_notes("Qwen/Qwen3-8B-GGUF", "Q4_0").imatrix
    assert file_notes("model.i1-IQ3_M.gguf", "IQ3_M").imatrix


@pytest.mark.parametrize(
    ("file", "quant", "reason"),
    [
        ("TheBloke/Mixtral-8x7B-Instruct-v0.1-GGUF", "Q4_K_M", "eight experts"),
        ("unsloth/Qwen3.8-27B-GGUF", "Q4_0", "hand mix"),
    ],
)
def test_files_that_follow_no_rule_say_why(file, quant, reason):
    assert reason in file_notes(file, quant).skip
    assert file_notes(file, "Q8_0").skip is None


def test_every_note_has_a_reason_and_a_known_rule():
    for pattern, quants, rule, reason in gguf_files._notes():
        assert pattern
        assert quants
        assert reason
        word, _, operand = rule.partition(" ")
        if word == "shape":
            assert find_model(operand)
        elif word == "as":
            assert operand in FILE_TYPES
        elif word in {"embedding", "own-embedding", "head"}:
            assert operand in ggml_types()
        else:
            assert rule in {"imatrix", "untied", "prediction", "skip"}


@pytest.mark.parametrize(
    ("model", "file", "quant", "size_bytes"),
    [
        ("phi-4", "microsoft/phi-4-gguf", "Q4_K_M", 9053114560),
        ("phi-4", "microsoft/phi-4-gguf", "IQ3_XS", 6246699200),
        ("phi-4", "microsoft/phi-4-gguf", "Q2_K", 5547348160),
        ("phi-4", "microsoft/phi-4-gguf", "Q5_K_M", 10604187840),
        ("phi-3.5-mini", "bartowski/Phi-3.5-mini-instruct-GGUF", "Q4_K_M", 2393232672),
        ("gemma-2-2b-it", "bartowski/gemma-2-2b-it-GGUF", "Q6_K_L", 2294241120),
        ("DeepSeek-R1-0528-Qwen3-8B", "unsloth/DeepSeek-R1-0528-Qwen3-8B-GGUF", "IQ4_XS", 4581288448),
        ("DeepSeek-R1-0528-Qwen3-8B", "unsloth/DeepSeek-R1-0528-Qwen3-8B-GGUF", "Q2_K_L", 3427592704),
        ("Qwen3.8-27B", "unsloth/Qwen3.8-27B-GGUF", "Q8_0", 29047086048),
    ],
)
def test_files_that_were_made_differently_are_counted_as_they_were_made(model, file, quant, size_bytes):
    size = file_size(find_model(model), quant, file_notes(file, quant))
    assert size.total_bytes == pytest.approx(size_bytes, rel=1e-4)


def test_an_unknown_rule_is_a_broken_data_file(monkeypatch):
    monkeypatch.setattr(gguf_files, "_notes", lambda: (("*", "*", "guess", ""),))
    with pytest.raises(CatalogError, match="guess"):
        file_notes("any", "Q8_0")


def test_a_tokenizer_never_seen_is_estimated_and_said_to_be():
    model = next(m for m in ESTIMATED if tokenizer_of(m) is None)
    size, known = metadata_bytes(model)
    assert not known
    assert 15 * model.vocab_size < size < 70 * model.vocab_size


def test_tokenizers_are_told_apart_by_architecture_and_vocabulary():
    names = {
        "Qwen/Qwen3-8B": "Qwen2",
        "google/gemma-3-4b-it": "Gemma-3",
        "google/gemma-4-26B-A4B-it": "Gemma-4",
        "microsoft/phi-4": "cl100k",
        "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": "Llama-3",
    }
    assert {identifier: tokenizer_of(by_id(identifier)).name for identifier in names} == names


def test_metadata_is_tens_of_bytes_per_token():
    for known in tokenizers():
        assert 20 * known.vocab_low < known.metadata_bytes < 70 * known.vocab_high
        assert known.spread_bytes < 0.7e6 or known.name == "Llama-2"
        assert re.compile(known.architectures)
        assert known.source
    assert [t.name for t in tokenizers()][: len(TOKENIZERS)] == [t[0] for t in TOKENIZERS]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(ESTIMATED), st.sampled_from(["Q2_K", "Q4_K_M", "Q8_0", "F16"]))
def test_files_are_larger_than_their_tensors_by_less_than_30_mb(model, quant):
    size = file_size(model, quant, FileNotes(imatrix=True))
    assert 0 < size.total_bytes - size.tensor_bytes < 30e6


def test_the_build_takes_the_median_and_carries_hand_made_sizes(tmp_path):
    tensors, listed = counted_bytes(by_id("Qwen/Qwen3-0.6B"), "Q8_0", FileNotes())
    rows = [f"Qwen3-0.6B,a/b,Q8_0,{tensors + listed + extra},file_bytes,listing" for extra in (5, 7, 90)]
    rows += ["Qwen3-0.6B,a/b,UD-Q4_K_XL,400000000,tensor_bytes (n_params=596049920),hit 1"]
    rows += ["Qwen3-0.6B,x-MTP-GGUF,UD-Q4_K_M,400000000,tensor_bytes,listing"]
    rows += ["no such model,a/b,Q8_0,1,file_bytes,listing", "Qwen3-0.6B,a/b,UD-Q4_K_XL,5,file_bytes,second"]
    header = "model,gguf_repo_or_file,quant,size_bytes,kind,source"
    (tmp_path / "sizes.csv").write_text("\n".join([header, *rows]))
    texts = build(tmp_path / "sizes.csv")
    assert ",151600,152100,7,3,83," in texts["gguf_headers.csv"]
    lines = [line for line in texts["ud_sizes.csv"].splitlines() if not line.startswith("#")]
    plain = counted_bytes(by_id("Qwen/Qwen3-0.6B"), "Q4_K_M", FileNotes(imatrix=True))[0]
    assert lines[1:] == [
        "Qwen/Qwen3-0.6B,UD-Q4_K_M-MTP,400000000,Q4_K_M,,x-MTP-GGUF,published file listing",
        f"Qwen/Qwen3-0.6B,UD-Q4_K_XL,400000000,Q4_K_M,{plain},a/b,published file listing",
    ]
