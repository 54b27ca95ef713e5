"""What the text columns of a measurement row say of a run."""

from __future__ import annotations

import pytest

from advisor.validation.cases import SkipRowError
from advisor.validation.conditions import (
    build_year,
    check_modelled,
    decode_rate,
    engine_of,
    era_of,
    parallel_of,
    power_limit_w,
)


def row(**columns: str) -> dict[str, str]:
    empty = dict.fromkeys(("runtime", "quant", "notes", "date_or_build", "source", "placement", "tg_tps"), "")
    return {**empty, **columns}


@pytest.mark.parametrize(
    ("runtime", "backend", "quant", "in_ram", "engine"),
    [
        ("llama.cpp b5269", "cuda", "Q4_K_M", False, "cuda"),
        ("ollama/llama.cpp", "metal", "Q4_K_M", False, "metal"),
        ("ollama/llama.cpp", "mlx", "MLX-int4", False, "mlx"),
        ("ollama", "metal", "NVFP4", False, "mlx"),
        ("llamafile", "vulkan", "Q4_K_M", False, "vulkan"),
        ("ik_llama.cpp -rtr", "cpu", "Q4_0", True, "ik_llama"),
        ("ik_llama.cpp", "cuda", "Q8_0", False, "cuda"),
        ("vllm 0.23.0", "cuda", "awq-int4", False, "vllm"),
        ("exllama", "cuda", "GPTQ-4bit-g128", False, "exllamav2"),
        ("exllamav3 1.0.0", "cuda", "exl3-4.0bpw", False, "exllamav3"),
        ("kt-kernel + SGLang", "cuda", "FP8", True, "ktransformers"),
        ("deepspeed", "cuda", "F16", False, "transformers"),
    ],
)
def test_the_engine_is_the_backend_of_llama_cpp_or_the_other_runtime(
    runtime: str, backend: str, quant: str, in_ram: bool, engine: str
) -> None:
    assert engine_of(row(runtime=runtime, quant=quant), backend, in_ram=in_ram) == engine


def test_an_unknown_runtime_is_refused_by_name() -> None:
    with pytest.raises(SkipRowError, match="colibri"):
        engine_of(row(runtime="colibri"), "cpu", in_ram=True)


@pytest.mark.parametrize(
    ("text", "devices", "engine", "parallel"),
    [
        ("power limit 220 W; TP=4", 4, "vllm", "tensor"),
        ("tp2", 2, "cuda", "tensor"),
        ("PCIe, no NVLink; tensor parallel", 2, "mlc", "tensor"),
        ("-sm row", 2, "cuda", "tensor"),
        ("", 2, "vllm", "tensor"),
        ("PP2; NVLink pairs", 2, "vllm", "layer"),
        ("2 cards, layer split", 2, "cuda", "layer"),
        ("", 2, "cuda", "layer"),
        ("TP=1", 1, "vllm", "none"),
    ],
)
def test_the_split_between_gpus(text: str, devices: int, engine: str, parallel: str) -> None:
    assert parallel_of(text, devices, engine) == parallel


@pytest.mark.parametrize(
    ("date", "source", "year"),
    [
        ("2026-07-16", "", 2026.54),
        ("8e672ef (2023-11)", "", 2023.87),
        ("0.4.3 (2026-04/05)", "", 2026.33),
        ("2023-2024", "", 2024.0),
        ("2025", "", 2025.5),
        ("b8460 b1c70e2e5 (2026-05-03)", "", 2026.22),
        ("llama.cpp 9c35706", "https://github.com/ggml-org/llama.cpp/discussions/15013", 2025.6),
    ],
)
def test_the_era_is_that_of_the_build_then_of_the_run_then_of_the_thread(
    date: str, source: str, year: float
) -> None:
    era = era_of(row(date_or_build=date, source=source))
    assert era == pytest.approx(year, abs=0.01)


@pytest.mark.parametrize("date", ["<=2026-04", "n/a", "0.7.0", "newer build"])
def test_a_bound_or_nothing_is_no_era(date: str) -> None:
    assert era_of(row(date_or_build=date)) is None


def test_build_numbers_rise_with_time_and_go_on_beyond_the_known_ones() -> None:
    years = [build_year(build) for build in range(3000, 12000, 250)]
    assert years == sorted(years)
    assert 2026.35 < build_year(9234) < 2026.5


@pytest.mark.parametrize(
    ("notes", "watts"), [("power limit 220 W; TP=1", 220.0), ("450 W cap", 450.0), ("WSL2; b5269", None)]
)
def test_power_caps(notes: str, watts: float | None) -> None:
    assert power_limit_w(notes) == watts


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"category": "e", "notes": "MTP k=2; mtp-k2_c1"}, "speculative"),
        ({"category": "e", "notes": "ngram k=4"}, "speculative"),
        ({"category": "e", "placement": "experts cpu + 0.5B draft"}, "speculative"),
        ({"category": "d", "placement": "rpc remote", "notes": "RPC to a host"}, "several machines"),
        ({"category": "d", "placement": "2 nodes TP"}, "several machines"),
        ({"category": "d", "runtime": "llama.cpp RPC", "placement": "4 nodes"}, "several machines"),
        ({"category": "e", "placement": "disk streaming"}, "disk"),
    ],
)
def test_runs_that_are_not_modelled_are_refused(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(SkipRowError, match=reason):
        check_modelled(row(**columns))


@pytest.mark.parametrize(
    "columns",
    [
        {"category": "e", "notes": "no spec; real prompts"},
        {"category": "e", "notes": "no draft"},
        {"category": "d", "runtime": "llama.cpp RPC", "placement": "1 gpu", "notes": "local CUDA T1200"},
    ],
)
def test_baselines_of_such_comparisons_are_ordinary_runs(columns: dict[str, str]) -> None:
    check_modelled(row(**columns))


def test_the_time_between_tokens_gives_the_rate_of_decoding_alone() -> None:
    stated = row(tg_tps="103.2", notes="single_stream_wall; ITL p50 9.5 ms")
    assert decode_rate(stated, 1) == pytest.approx(1000 / 9.5)
    assert decode_rate(row(tg_tps="206.4", notes="itl_p50 19.13 ms"), 4) == pytest.approx(4000 / 19.13)


def test_where_requests_waited_the_rate_stays_as_stated() -> None:
    assert decode_rate(row(tg_tps="116.6", notes="itl_p50 67.2 ms"), 16) == 116.6
