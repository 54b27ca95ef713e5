import subprocess
import sys
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.build.weights import build, same
from catalog.ggml import ggml_types
from catalog.mixing import FILE_TYPES
from catalog.models import load_models
from catalog.tensors import mtp_tensors, tensor_table
from catalog.types import CatalogError, Role
from catalog.weight_table import DATA, load_weight_table, packed, read_weight_table
from catalog.weights import file_tensor_bytes, layer_weights, weights_for

ESTIMATED = [m for m in load_models() if m.not_estimated_because is None]
PLAIN_BY_BITS = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "F16", "F32")


def by_id(identifier):
    return next(m for m in ESTIMATED if m.id == identifier)


# tensor bytes that llama-bench prints for published files
@pytest.mark.parametrize(
    ("identifier", "quant", "size"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "Q4_K_M", 4_677_120_000),
        ("Qwen/Qwen3.6-35B-A3B", "Q4_K_M", 21_155_768_832),
        ("Qwen/Qwen3.6-35B-A3B", "Q5_K_M", 24_718_141_952),
        ("Qwen/Qwen3.6-35B-A3B", "Q8_0", 36_892_150_272),
        ("openai/gpt-oss-20b", "F16", 13_779_630_336),
        ("openai/gpt-oss-120b", "F16", 65_355_994_368),
    ],
)
def test_bytes_equal_those_of_published_files(identifier, quant, size):
    assert file_tensor_bytes(by_id(identifier), quant) == size


# (published file size, tokenizer metadata that is the same for every file of the model)
@pytest.mark.parametrize(
    ("identifier", "metadata", "files"),
    [
        ("Qwen/Qwen3-0.6B", 5_952_192, {"Q4_K_M": 396_705_472, "Q8_0": 639_446_688}),
        ("meta-llama/Llama-3.1-8B-Instruct", 7_840_928, {"Q4_K_M": 4_920_739_232}),
        ("google/gemma-2-2b-it", 6_046_560, {"Q4_K_M": 1_708_582_752, "Q6_K": 2_151_393_120}),
    ],
)
def test_published_files_are_the_tensors_and_a_constant(identifier, metadata, files):
    for quant, size in files.items():
        assert abs(size - file_tensor_bytes(by_id(identifier), quant) - metadata) < 2000


def test_a_tied_model_counts_its_embedding_once_and_has_almost_no_head():
    model = by_id("Qwen/Qwen3-0.6B")
    assert model.tied_embeddings
    found = weights_for(model, "Q8_0")
    assert sum(n for (role, _), n in found.items() if role is Role.EMBEDDING) > 100e6
    assert sum(n for (role, _), n in found.items() if role is Role.HEAD) == 4 * model.hidden_size


def test_experts_published_in_mxfp4_stay_so():
    model = by_id("openai/gpt-oss-20b")
    kept = {kind for role, kind in weights_for(model, "Q8_0") if role is Role.EXPERTS}
    converted = {kind for role, kind in weights_for(model, "Q8_0", keep_native=False) if role is Role.EXPERTS}
    assert kept == {"MXFP4", "F32"}
    assert converted == {"Q8_0", "F32"}


@pytest.mark.parametrize("quant", ["Q4_K_M", "IQ2_XXS", "BF16"])
@pytest.mark.parametrize("model", ESTIMATED[5::45], ids=lambda m: m.id)
def test_roles_and_layers_add_up_to_the_file(model, quant):
    by_role = weights_for(model, quant)
    extra = sum(t.n_elements for t in mtp_tensors(model))
    total = sum(by_role.values())
    assert (total == file_tensor_bytes(model, quant)) == (extra == 0)
    layers = layer_weights(model, quant)
    assert len(layers) == model.n_layers
    outside = {t.role for t in tensor_table(model) if t.layer is None}
    for role in Role:
        in_layers = sum(layer.get(role, 0) for layer in layers)
        of_role = sum(size for (r, _), size in by_role.items() if r is role)
        assert in_layers <= of_role if role in outside else in_layers == of_role
    assert all(size > 0 for size in by_role.values())


@settings(max_examples=25, deadline=None)
@given(model=st.sampled_from(ESTIMATED))
def test_more_bits_never_take_fewer_bytes(model):
    sizes = [sum(weights_for(model, quant, imatrix=False).values()) for quant in PLAIN_BY_BITS]
    assert sizes == sorted(sizes)


def test_the_shipped_table_covers_every_estimated_model_in_every_file_type():
    table = load_weight_table()
    assert set(table.models) == {m.id for m in ESTIMATED}
    assert table.quants == tuple(FILE_TYPES)
    pairs = np.zeros((len(table.models), len(table.quants)), dtype=bool)
    rows = table.rows()
    pairs[rows.model_index, rows.quant_index] = True
    assert pairs.all()
    assert (table.bytes > 0).all()


@pytest.mark.parametrize("model", ESTIMATED[3::40], ids=lambda m: m.id)
def test_the_shipped_table_equals_a_live_count(model):
    table = load_weight_table()
    for quant in ("Q4_K_M", "IQ3_XXS", "Q8_0"):
        keep = np.zeros((len(table.models), len(table.quants)), dtype=bool)
        keep[table.models.index(model.id), table.quants.index(quant)] = True
        _, _, roles, types, sizes = table.rows(keep)
        shipped = {
            (Role(table.roles[role]), table.types[kind]): int(size)
            for role, kind, size in zip(roles, types, sizes, strict=True)
        }
        assert shipped == weights_for(model, quant)


def test_building_twice_gives_the_same_arrays_and_shares_equal_shapes(tmp_path):
    model = by_id("Qwen/Qwen3-0.6B")
    twin = replace(model, id="zz/twin", name="twin", gguf_repos=())
    odd = replace(model, id="zz/odd", architecture="perceptron")
    arrays, left_out = build([model, twin, odd])
    assert list(left_out) == ["zz/odd"]
    assert arrays["shape_of"].tolist() == [0, 0]
    path = tmp_path / "weights.bin"
    assert not same(path, arrays)
    path.write_bytes(zlib.compress(packed(arrays)))
    assert same(path, build([twin, model])[0])
    table = read_weight_table(path)
    assert table.models == (model.id, twin.id)
    rows = table.rows()
    first, second = (rows.bytes[rows.model_index == i] for i in (0, 1))
    assert first.tolist() == second.tolist()
    assert set(table.types) == set(ggml_types())


def test_a_selection_of_rows_is_what_all_rows_hold_of_it():
    table = load_weight_table()
    keep = np.zeros((len(table.models), len(table.quants)), dtype=bool)
    keep[::7, 3::5] = True
    everything, some = table.rows(), table.rows(keep)
    asked = keep[everything.model_index, everything.quant_index]
    assert asked.any()
    for whole, part in zip(everything, some, strict=True):
        assert np.array_equal(whole[asked], part)


def test_a_missing_or_broken_table_is_a_catalog_error(tmp_path):
    with pytest.raises(CatalogError, match="cannot read"):
        read_weight_table(tmp_path / "none.bin")
    broken = tmp_path / "broken.bin"
    broken.write_bytes(zlib.compress(packed({"models": np.array([97], dtype=np.uint8)})))
    with pytest.raises(CatalogError, match="is broken"):
        read_weight_table(broken)
    broken.write_bytes(DATA.read_bytes()[:5000])
    with pytest.raises(CatalogError):
        read_weight_table(broken)


def test_counting_needs_no_numpy():
    code = "import sys, catalog.weights; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
