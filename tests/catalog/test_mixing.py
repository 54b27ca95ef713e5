import csv
import gzip
import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.ggml import ggml_types, tensor_bytes
from catalog.mixing import FILE_TYPES, PLAIN, Category, Mixer, category, fitting, tensor_types
from catalog.models import load_models
from catalog.tensors import mtp_tensors, tensor_table
from catalog.types import LookupFailedError, Model

FIXTURES = Path(__file__).parents[1] / "fixtures" / "gguf_schemas"
SHAPES = json.loads((FIXTURES / "shapes.json").read_text(encoding="utf-8"))
DRY_RUN = list(csv.DictReader((FIXTURES / "dry_run_sizes.csv").read_text(encoding="utf-8").splitlines()))

_TEXTS = ["id", "name", "organization", "family", "stage", "check"]
_NONES = ["license", "release_date", "context_length", "tool_use", "published_params", "sliding_window"]
_ZEROS = [
    "total_params", "active_params", "ffn_size", "head_dim", "n_experts", "n_experts_active",
    "n_shared_experts", "moe_ffn_size", "shared_expert_ffn_size", "first_dense_layers", "moe_layer_step",
    "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim",
]  # fmt: skip


@cache
def shaped(group, name):
    blank = {**dict.fromkeys(_TEXTS, ""), **dict.fromkeys(_NONES), **dict.fromkeys(_ZEROS, 0)}
    return Model(**{**blank, "modality": ("text",), "tied_embeddings": False, **SHAPES[group][name]})


def read_schema(name):
    """File type -> (default type, type of the tensors that differ), as the snapshot states them."""
    sections = {}
    for line in gzip.decompress((FIXTURES / f"{name}.schema.gz").read_bytes()).decode().splitlines():
        if line.startswith("["):
            quant, default = line[1:].split("] ")
            sections[quant] = (default.upper(), {})
            others = sections[quant][1]
        elif line and not line.startswith("#"):
            tensor, kind = line.split()
            others[tensor] = kind.upper()
    return sections


@pytest.mark.parametrize("name", sorted(SHAPES["schemas"]))
def test_types_equal_those_of_llama_quantize_tensor_for_tensor(name):
    model = shaped("schemas", name)
    tensors = tensor_table(model)
    quantizable = {t.name for t in tensors if t.quantizable}
    sections = read_schema(name)
    assert len(sections) >= 33
    for quant, (default, others) in sections.items():
        got = {
            t.name: kind
            for t, kind in zip(tensors, tensor_types(model, tensors, quant, imatrix=False), strict=True)
            if t.quantizable
        }
        assert set(others) <= quantizable
        assert got == {tensor: others.get(tensor, default) for tensor in quantizable}, quant


@pytest.mark.parametrize("name", sorted(SHAPES["dry_run"]))
def test_bytes_equal_those_of_a_dry_run(name):
    model = shaped("dry_run", name)
    tensors = tensor_table(model)
    rows = [row for row in DRY_RUN if row["model"] == name]
    assert len(rows) == 34
    for row in rows:
        types = tensor_types(model, tensors, row["quant"], imatrix=row["imatrix"] == "1")
        counted = sum(tensor_bytes(kind, t.shape) for t, kind in zip(tensors, types, strict=True))
        assert counted == int(row["tensor_bytes"]), row["quant"]
        assert sum(t.n_elements for t in tensors) == int(row["n_params"])


def test_types_equal_those_of_a_dry_run_for_every_architecture():
    """1,200 runs of llama-quantize; the number of tensors of each type, of those that it may change."""
    rows = list(csv.DictReader((FIXTURES / "dry_run_architectures.csv").read_text("utf-8").splitlines()))
    models = {model.id: model for model in load_models()}
    mixers = {}
    assert len(rows) > 1000
    for row in rows:
        model = models[row["model"]]
        if model.id not in mixers:
            tensors = (*tensor_table(model), *mtp_tensors(model))
            mixers[model.id] = tensors, Mixer(model, tensors)
        tensors, mixer = mixers[model.id]
        types = mixer.types(row["quant"], row["imatrix"] == "1")
        found = Counter(kind for t, kind in zip(tensors, types, strict=True) if t.quantizable)
        assert " ".join(f"{kind}:{n}" for kind, n in sorted(found.items())) == row["types"], row


def test_every_file_type_has_a_default_that_exists():
    assert set(FILE_TYPES.values()) <= set(ggml_types())


def test_an_unknown_file_type_is_named_with_its_neighbours():
    model = shaped("dry_run", "llama-2-7b")
    with pytest.raises(LookupFailedError, match="Q4_K_M"):
        tensor_types(model, tensor_table(model), "Q4_K_XXL", imatrix=True)


def test_an_importance_matrix_spares_the_first_layers_of_q4_0():
    model = shaped("dry_run", "llama-2-7b")
    tensors = tensor_table(model)
    types = dict(
        zip((t.name for t in tensors), tensor_types(model, tensors, "Q4_0", imatrix=True), strict=True)
    )
    assert [types[f"blk.{i}.ffn_down.weight"] for i in (0, 3, 4)] == ["Q4_1", "Q4_1", "Q4_0"]


def test_tensors_may_come_in_any_order():
    model = shaped("schemas", "gemma-3-4b-it")
    tensors = tensor_table(model)
    forward = tensor_types(model, tensors, "Q4_K_M", imatrix=True)
    backward = tensor_types(model, tensors[::-1], "Q4_K_M", imatrix=True)
    assert backward[::-1] == forward


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("output.weight", Category.OUTPUT),
        ("per_layer_token_embd.weight", Category.EMBEDDING),
        ("blk.3.attn_qkv.weight", Category.VALUE),
        ("blk.3.attn_output.weight", Category.ATTENTION_OUTPUT),
        ("blk.3.ffn_down_exps.weight", Category.DOWN),
        ("blk.3.ffn_gate_up_exps.weight", Category.GATE),
        ("blk.3.attn_k_b.weight", Category.OTHER),
        ("blk.3.ssm_out.weight", Category.OTHER),
    ],
)
def test_category_follows_the_name(name, expected):
    assert category(name) is expected


def test_narrow_rows_fall_back():
    assert fitting("Q4_K", 896) == "Q5_0"
    assert fitting("Q6_K", 896) == "Q8_0"
    assert fitting("IQ3_S", 896) == "IQ4_NL"
    assert fitting("Q4_K", 1023) == "F16"
    assert fitting("Q4_K", 1024) == "Q4_K"


@given(kind=st.sampled_from(sorted(set(FILE_TYPES.values()) - PLAIN)), row=st.integers(1, 20_000))
def test_a_fitting_type_divides_the_row(kind, row):
    assert row % ggml_types()[fitting(kind, row)].block_size == 0
