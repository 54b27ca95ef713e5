"""Cache layouts by runtime, and the data behind them."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.core.kv import padded, window_cells
from advisor.core.runtime_cache import CACHE_RUNTIMES, kv_bytes_for_runtime
from catalog import memory_model
from catalog.models import find_model, load_models
from catalog.types import CatalogError

MIB = 1024**2


@pytest.mark.parametrize(
    ("context", "window", "ubatch", "cells"),
    [(2048, 1024, 512, 1536), (32768, 128, 512, 768), (512, 1024, 512, 512), (8192, 0, 512, 0)],
)
def test_window_layers_hold_the_window_and_a_micro_batch(
    context: int, window: int, ubatch: int, cells: int
) -> None:
    assert window_cells(context, window, ubatch) == cells


def test_contexts_are_padded_to_256() -> None:
    assert [padded(n) for n in (1, 256, 257)] == [256, 256, 512]


@pytest.mark.parametrize("runtime", CACHE_RUNTIMES)
def test_plain_attention_costs_the_same_everywhere(runtime: str) -> None:
    model = find_model("Llama-3.1-8B-Instruct")
    assert kv_bytes_for_runtime(model, runtime, 32_768) == 32 * 2 * 8 * 128 * 2 * 32_768


def test_vllm_gives_window_layers_pages_for_the_window_and_a_batch() -> None:
    """Gemma 3 27B: 10 full and 52 window layers in groups of 10; (1023 + 2048) / 16 blocks + 1 each."""
    model = find_model("gemma-3-27b")
    page = 16 * 2 * 16 * 128 * 2
    assert kv_bytes_for_runtime(model, "vllm", 32_768) == page * (10 * 2048 + 60 * 193)


def test_vllm_holds_states_in_pages_as_large_as_those_of_attention() -> None:
    model = find_model("Qwen3-Next-80B-A3B-Instruct")
    assert kv_bytes_for_runtime(model, "vllm", 8192) > kv_bytes_for_runtime(model, "llama.cpp", 8192)


def test_mlx_rotates_window_layers_and_leaves_them_at_16_bit() -> None:
    model = find_model("gpt-oss-20b")
    half = kv_bytes_for_runtime(model, "mlx", 32_768)
    eight = kv_bytes_for_runtime(model, "mlx", 32_768, kv_type="q8_0")
    per_layer = 2 * 8 * 64
    assert half == 12 * per_layer * 2 * (32_768 + 128 + 2047)
    assert eight == 12 * per_layer * (32_768 * 8.5 / 8 + 2 * (128 + 2047))


def test_runtimes_and_types_that_are_not_modelled_are_refused() -> None:
    model = find_model("Llama-3.1-8B-Instruct")
    with pytest.raises(ValueError, match=r"cache of 'abacus' is not modelled; use one of: llama\.cpp"):
        kv_bytes_for_runtime(model, "abacus", 4096)
    with pytest.raises(ValueError, match="vllm has no cache type 'q4_0'"):
        kv_bytes_for_runtime(model, "vllm", 4096, kv_type="q4_0")


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 200_000), st.integers(1, 200_000), st.sampled_from(CACHE_RUNTIMES), st.integers(0, 10_000)
)
def test_caches_grow_with_context_and_users(a: int, b: int, runtime: str, pick: int) -> None:
    models = [m for m in load_models() if m.not_estimated_because is None]
    model = models[pick % len(models)]
    short, long = (kv_bytes_for_runtime(model, runtime, n) for n in sorted((a, b)))
    assert 0 < short <= long
    assert kv_bytes_for_runtime(model, runtime, a, users=3) == 3 * kv_bytes_for_runtime(model, runtime, a)


def test_every_number_of_the_memory_model_has_a_source() -> None:
    text = resources.files("catalog").joinpath("data", "memory_model.json").read_text("utf-8")
    data = json.loads(text)
    assert data["grammar"]
    for kind in ("backends", "platforms", "runtimes"):
        for name, entries in data[kind].items():
            for entry, value in entries.items():
                assert set(value) == {"value", "source"}, (name, entry)
                assert memory_model.source_of(kind, name, entry)


def test_what_no_source_states_is_unknown_not_zero() -> None:
    assert memory_model.context_bytes("cuda") == 457 * MIB
    assert memory_model.context_bytes("HIP") == 457 * MIB
    assert memory_model.context_bytes("vulkan") == 457 * MIB
    assert memory_model.context_bytes("abacus") is None
    assert memory_model.display_bytes("windows") == 424 * MIB
    assert memory_model.display_bytes("macos") is None
    assert memory_model.source_of("backends", "abacus", "context_bytes") is None
    with pytest.raises(CatalogError, match=r"runtimes\.mlx\.users"):
        memory_model.runtime_number("mlx", "users")


def test_macs_give_the_gpu_most_of_their_memory() -> None:
    reported_mb = {8: 5726.63, 16: 12713.12, 32: 26800.60, 48: 40200.90, 64: 55662.79, 128: 115448.73}
    for gib, megabytes in reported_mb.items():
        share = memory_model.gpu_share("macos", gib * 1024**3)
        assert share == pytest.approx(megabytes * 1e6 / (gib * 1024**3), abs=0.001)
    assert memory_model.gpu_share("macos", 4 * 1024**3) == memory_model.gpu_share("macos", 8 * 1024**3)
    assert memory_model.gpu_share("macos", 512 * 1024**3) == 0.84
    assert memory_model.gpu_share("linux", 128 * 1024**3) is None


@pytest.mark.parametrize(("gib", "context"), [(8, 4096), (24, 32_768), (47, 32_768), (48, 262_144)])
def test_ollama_starts_with_a_context_by_video_memory(gib: int, context: int) -> None:
    assert memory_model.ollama_context(gib * 1024**3) == context
