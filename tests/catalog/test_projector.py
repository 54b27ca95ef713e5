"""The projector file tensor by tensor, against published totals and published files."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from catalog.build.models import OVERRIDES
from catalog.encoders import Encoder, encoder_of, listed_models
from catalog.models import find_model, load_models
from catalog.projector_size import FILE_TYPES, projector_bytes, tensor_type
from catalog.tensors.projector import ProjectorTensor, checkpoint_params, projector_table
from catalog.types import Model
from catalog.vision import projector_file, vision_bytes

BY_ID = {model.id: model for model in load_models()}
SEEING = [model for model in BY_ID.values() if encoder_of(model) is not None]


def encoder(name: str) -> tuple[Encoder, int]:
    model = find_model(name)
    found = encoder_of(model)
    assert found is not None
    return found, model.hidden_size


def test_every_listed_model_is_in_the_catalog_and_sees() -> None:
    for identifier in listed_models():
        assert "vision" in BY_ID[identifier].modality, identifier
        found = encoder_of(BY_ID[identifier])
        assert found is not None
        assert found.source, identifier


def test_counted_encoders_are_the_parameters_that_the_catalog_ships() -> None:
    assert len(SEEING) > 140
    for model in SEEING:
        found = encoder_of(model)
        assert found is not None
        if model.vision_params is not None:
            assert checkpoint_params(found, model.hidden_size) == model.vision_params, model.id


def test_text_part_encoders_and_known_parts_add_up_to_the_published_totals() -> None:
    compared = [m for m in SEEING if m.published_params is not None and m.vision_params is not None]
    open_totals = [m.id for m in compared if not m.check.startswith("exact")]
    assert len(compared) > 130
    assert open_totals == []


@pytest.mark.parametrize(
    ("name", "files"),
    [
        # sizes on Hugging Face: unsloth/Qwen3.5-4B-GGUF (F16, BF16), unsloth/Qwen3.8-27B-GGUF (BF16)
        ("Qwen3.5-4B", {"F16": 672_423_616, "BF16": 675_569_344}),
        ("Qwen3.8-27B", {"BF16": 931_146_432}),
    ],
)
def test_published_projector_files_are_the_tensors_and_a_small_header(
    name: str, files: dict[str, int]
) -> None:
    found, width = encoder(name)
    headers = {size - projector_bytes(found, width, kind) for kind, size in files.items()}
    assert len(headers) == 1
    n_tensors = len(projector_table(found, width))
    assert 32 * n_tensors < headers.pop() < 96 * n_tensors


def test_an_f32_file_has_four_bytes_per_parameter_and_the_same_header() -> None:
    """The published F32 file of Qwen3.5 4B has 1,334,075,072 bytes."""
    found, width = encoder("Qwen3.5-4B")
    table = projector_table(found, width)
    header = 672_423_616 - projector_bytes(found, width, "F16")
    assert 4 * sum(tensor.n_elements for tensor in table) + header == 1_334_075_072


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("gemma-3-4b-it", 419_816_304),
        ("gemma-4-12B-it", 52_379_904),
        ("gemma-4-26B-A4B-it", 572_794_416),
        ("gemma-4-E2B-it", 475_728_160),
        ("Qwen2-VL-7B-Instruct", 675_759_104),
        ("Qwen2.5-VL-7B-Instruct", 676_550_144),
        ("Qwen3-VL-8B-Instruct", 576_388_336),
        ("Mistral-Small-3.2-24B-Instruct-2506", 438_958_080),
        ("InternVL3_5-38B-HF", 5_628_282_240),
        ("Kimi-K2.5", 471_143_920),
        ("Llama-4-Scout-17B-16E-Instruct", 871_932_416),
        ("GLM-4.5V", 858_681_856),
        ("LFM2-VL-450M", 96_338_688),
        ("SmolVLM-256M-Instruct", 93_510_912),
        ("MiniCPM-V-4_5", 506_700_016),
        ("Step-3.7-Flash", 1_981_014_784),
        ("Muse-Glimmer-30B", 1_921_845_760),
        ("Phi-3.5-vision-instruct", 325_541_888),
        ("aya-vision-8b", 603_809_008),
    ],
)
def test_counts_of_encoders(name: str, params: int) -> None:
    found, width = encoder(name)
    assert checkpoint_params(found, width) == params


@pytest.mark.parametrize("model", SEEING, ids=lambda model: str(model.id))
def test_smaller_types_make_smaller_files_and_names_are_unique(model: Model) -> None:
    found = encoder_of(model)
    assert found is not None
    table = projector_table(found, model.hidden_size)
    names = [tensor.name for tensor in table]
    assert len(set(names)) == len(names)
    assert min(tensor.n_elements for tensor in table) > 0
    sizes = {kind: projector_bytes(found, model.hidden_size, kind) for kind in FILE_TYPES}
    assert 0 < sizes["Q8_0"] < sizes["BF16"]
    assert sizes["F16"] <= sizes["BF16"]


@pytest.mark.parametrize(
    ("tensor", "kind", "file_type", "expected"),
    [
        (ProjectorTensor("v.blk.0.ffn_down.weight", (4304, 1152)), "qwen3vl", "Q8_0", "F16"),
        (ProjectorTensor("v.blk.0.ffn_up.weight", (1152, 4304)), "qwen3vl", "Q8_0", "Q8_0"),
        (ProjectorTensor("v.blk.0.ffn_up.bias", (4304,)), "qwen3vl", "F16", "F32"),
        (ProjectorTensor("v.patch_embd.weight.1", (16, 16, 3, 1152)), "qwen3vl", "F16", "F16"),
        (ProjectorTensor("v.patch_embd.weight", (16, 16, 3, 1152)), "qwen3vl", "BF16", "F32"),
        (ProjectorTensor("v.patch_embd.weight", (14, 14, 3, 1152)), "gemma3", "F16", "F32"),
        (ProjectorTensor("v.position_embd.weight", (1152, 2304)), "qwen3vl", "F16", "F32"),
        (ProjectorTensor("mm.input_projection.weight", (2560, 1152)), "gemma3", "BF16", "F16"),
        (ProjectorTensor("resampler.query", (4096, 64)), "minicpmv", "F16", "F32"),
    ],
)
def test_types_follow_the_conversion(
    tensor: ProjectorTensor, kind: str, file_type: str, expected: str
) -> None:
    assert tensor_type(tensor, kind, file_type) == expected


def test_a_variant_has_the_encoder_of_its_head_unless_it_only_reads() -> None:
    tuned = find_model("UI-TARS-1.5-7B")
    assert encoder_of(tuned) == encoder_of(find_model("Qwen2.5-VL-7B-Instruct"))
    assert encoder_of(replace(tuned, modality=("text",))) is None


def test_a_model_without_a_layout_keeps_its_size_and_says_so() -> None:
    model = find_model("MiMo-V2.5")
    assert projector_file(model) is None
    assert vision_bytes(model) == 2 * 989_721_600


def test_parts_of_a_projector_file_add_up() -> None:
    file = projector_file(find_model("gemma-4-E4B-it"))
    assert file is not None
    assert sum(file.params_by_part.values()) == 478_087_456
    assert set(file.params_by_part) == {
        "patches and positions",
        "image encoder layers",
        "sound encoder",
        "projector",
    }


def test_every_reviewed_part_of_a_total_belongs_to_a_model() -> None:
    rules = json.loads(OVERRIDES.read_text(encoding="utf-8"))
    for pattern, size, reason in rules["total_parts"]:
        assert size != 0, pattern
        told = [m for m in BY_ID.values() if re.search(pattern, m.id) and f"{size:,}" in m.check]
        assert told, pattern
        assert all(reason in model.check for model in told), pattern
