"""Caches and compute buffers against what llama.cpp itself reports for the same shapes."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.core.candidates import Candidates, build_candidates
from advisor.core.kv import cache_shape
from advisor.core.memory import compute_buffer_bytes, kv_bytes, kv_read_bytes
from advisor.core.question import KV_TYPES, Question, QuestionError
from advisor.core.scratch import PLAIN_FFN_ARCHITECTURES, scratch_shape
from catalog.models import find_model, load_models
from catalog.tensors import tensor_table
from catalog.types import Model, Role

MIB = 1024**2
FIXTURES = Path(__file__).parents[2] / "fixtures" / "memory"


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((FIXTURES / name).read_text("utf-8").splitlines()))


@cache
def one(name: str) -> Candidates:
    return build_candidates([(find_model(name), "F16", {(Role.FFN, "F16"): 1})])


@cache
def everything() -> Candidates:
    models = [m for m in load_models() if m.not_estimated_because is None]
    return build_candidates([(m, "F16", {(Role.FFN, "F16"): 1}) for m in models])


def question(row: dict[str, str]) -> Question:
    sequences = int(row["n_seq"])
    return Question(
        context=int(row["ctx"]) // sequences,
        users=sequences,
        kv_type=row["kv_type"],
        ubatch=int(row["n_ubatch"]),
        flash_attention=row["flash_attn"] == "on",
    )


@pytest.mark.parametrize("row", rows("fit_memory.csv"), ids=lambda r: "-".join(r.values()))
def test_the_cache_equals_what_the_runtime_reserves(row: dict[str, str]) -> None:
    assert int(kv_bytes(one(row["model"]), question(row))[0] / MIB) == int(row["context_mib"])


def test_the_cache_is_exact_for_every_architecture() -> None:
    for row in rows("architectures.csv"):
        predicted = kv_bytes(one(row["model"]), question(row))[0] / MIB
        assert predicted == pytest.approx(float(row["context_mib"]), abs=0.001), row


def test_compute_buffers_are_near_what_the_runtime_reserves() -> None:
    errors = []
    for row in rows("fit_memory.csv") + rows("architectures.csv"):
        predicted = compute_buffer_bytes(one(row["model"]), question(row))[0] / MIB
        errors.append(abs(predicted / float(row["compute_mib"]) - 1))
    assert median(errors) < 0.005
    assert max(errors) < 0.07


def test_memory_of_random_runs_of_every_architecture() -> None:
    """800 runs: cache types also apart, several sequences, odd contexts, small and large micro-batches."""
    errors = []
    by_id = {model.id: model for model in load_models()}
    for row in rows("sweep.csv"):
        model = by_id[row["model"]]
        c = build_candidates([(model, "F16", {(Role.FFN, "F16"): 1})])
        q = replace(question(row), kv_value_type=row["kv_value_type"])
        assert int(kv_bytes(c, q)[0] / MIB) == int(row["context_mib"]), row
        errors.append(abs(compute_buffer_bytes(c, q)[0] / MIB / float(row["compute_mib"]) - 1))
    assert len(errors) > 700
    assert median(errors) < 0.005
    assert max(errors) < 0.16


def test_architectures_without_a_gate_are_those_of_the_tensor_table() -> None:
    """The set that the buffer uses follows from the tensors: an up projection and no gate."""
    seen = set()
    for model in load_models():
        if model.not_estimated_because or model.architecture in seen:
            continue
        seen.add(model.architecture)
        names = {t.name.split(".")[2] for t in tensor_table(model) if t.layer is not None}
        ups, gates = {"ffn_up", "ffn_up_exps"} & names, {n for n in names if n.startswith("ffn_gate")}
        width = {t.shape[1] for t in tensor_table(model) if ".ffn_up.weight" in t.name}
        fused = bool(width) and max(width) == 2 * model.ffn_size
        gated = bool(gates - {"ffn_gate_inp"}) or fused
        if ups:
            assert (model.architecture in PLAIN_FFN_ARCHITECTURES) == (not gated), model.id


def test_latents_cost_a_fraction_of_full_heads() -> None:
    model = find_model("DeepSeek-V3")
    shape = cache_shape(model)
    assert shape.full_elements == 61 * (512 + 64)
    assert shape.full_value_elements == 0


def test_an_indexer_adds_one_key_per_layer() -> None:
    """GLM-5.2 shares one choice among four layers: 21 of 78 layers keep keys."""
    keys = {name: cache_shape(find_model(name)).full_elements - 78 * 576 for name in ("GLM-5", "GLM-5.2")}
    assert keys == {"GLM-5": 78 * 128, "GLM-5.2": 21 * 128}


def test_keys_and_values_can_have_types_of_their_own() -> None:
    c = one("llama-3.2-1b")
    both = {t: kv_bytes(c, Question(kv_type=t))[0] for t in ("f16", "q8_0")}
    mixed = kv_bytes(c, Question(kv_type="q8_0", kv_value_type="f16"))[0]
    assert mixed == (both["f16"] + both["q8_0"]) / 2
    assert kv_read_bytes(c, Question(kv_type="q8_0", kv_value_type="f16"), 8192)[0] == mixed


def test_an_unknown_value_type_is_refused() -> None:
    with pytest.raises(QuestionError, match="KV cache type of values"):
        Question(kv_value_type="q3")


def test_one_cache_for_all_users_needs_fewer_window_cells_but_wider_masks() -> None:
    apart = Question(context=8192, users=4)
    together = Question(context=8192, users=4, unified_kv=True)
    c = one("gemma-3-27b")
    assert kv_bytes(c, together)[0] < kv_bytes(c, apart)[0]
    assert compute_buffer_bytes(c, together)[0] > compute_buffer_bytes(c, apart)[0]


def test_without_flash_attention_values_have_one_width_in_all_layers() -> None:
    """Gemma 4 has wider window layers than full ones; the transposed cache pads the latter."""
    c = one("gemma-4-26B-A4B")
    assert kv_bytes(c, Question(flash_attention=False))[0] - kv_bytes(c, Question())[0] == 5 * 1024 * 8192 * 2


contexts = st.integers(1, 300_000)
ubatches = st.sampled_from((32, 128, 512, 1024, 2048, 4096))


@settings(max_examples=25, deadline=None)
@given(contexts, contexts, st.integers(1, 16), st.sampled_from(sorted(KV_TYPES)), ubatches, st.booleans())
def test_memory_grows_with_context_and_users(
    a: int, b: int, users: int, kv_type: str, ubatch: int, flash: bool
) -> None:
    c = everything()
    short, long = (
        Question(context=n, users=users, kv_type=kv_type, ubatch=ubatch, flash_attention=flash)
        for n in sorted((a, b))
    )
    more = Question(context=max(a, b), users=users + 1, kv_type=kv_type, ubatch=ubatch, flash_attention=flash)
    assert (kv_bytes(c, short) <= kv_bytes(c, long)).all()
    assert (kv_bytes(c, long) < kv_bytes(c, more)).all()
    assert (compute_buffer_bytes(c, long) <= compute_buffer_bytes(c, more)).all()
    assert (kv_read_bytes(c, short, min(a, b)) <= kv_read_bytes(c, long, max(a, b))).all()


@settings(max_examples=25, deadline=None)
@given(contexts, ubatches, ubatches, st.booleans())
def test_memory_grows_with_the_micro_batch(context: int, a: int, b: int, flash: bool) -> None:
    c = everything()
    small, large = (
        Question(context=context, ubatch=n, flash_attention=flash) for n in (min(a, b), max(a, b))
    )
    assert (kv_bytes(c, small) <= kv_bytes(c, large)).all()
    assert (compute_buffer_bytes(c, small) <= compute_buffer_bytes(c, large)).all()


def test_wider_cache_types_never_cost_less() -> None:
    c = everything()
    sizes = [kv_bytes(c, Question(kv_type=t)) for t in sorted(KV_TYPES, key=lambda t: KV_TYPES[t])]
    assert all((low <= high).all() for low, high in pairwise(sizes))


def test_every_model_has_a_positive_and_finite_memory() -> None:
    c = everything()
    for size in (kv_bytes(c, Question()), compute_buffer_bytes(c, Question(flash_attention=False))):
        assert np.isfinite(size).all()
        assert (size > 0).all()


def test_a_scratch_shape_has_no_negative_counts() -> None:
    def counts(model: Model) -> list[float]:
        shape = scratch_shape(model, cache_shape(model))
        return [getattr(shape, name) for name in shape.__slots__]

    assert all(min(counts(m)) >= 0 for m in everything().models)
