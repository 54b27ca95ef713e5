"""What each runtime's commands say is what was estimated."""

from __future__ import annotations

import shlex

import pytest

from advisor.core.question import Question
from advisor.core.runtime_commands import Commands
from advisor.explanation import Explanation, explain
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

ONE = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
TWO = hypothetical_rig(["2x RTX 3090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
MAC = hypothetical_rig(["Apple M4 Max 40-core GPU"], "64GB", None)


def made(
    rig: Rig, runtime: str, model: str, quant: str | None, **question: object
) -> tuple[Explanation, Commands]:
    e = explain(rig, Question(runtime=runtime, **question), find_model(model), quant)  # type: ignore[arg-type]
    assert e.commands is not None
    assert e.launch_command == e.commands.launch
    assert e.commands.reads
    return e, e.commands


def test_ollama_sets_layers_and_context_in_the_modelfile_and_the_cache_in_the_environment() -> None:
    e, commands = made(ONE, "ollama", "llama 3.3 70b", "Q4_K_M", kv_type="q8_0")
    serve, write, create, run = commands.launch.split("\n")
    assert shlex.split(serve)[:2] == ["OLLAMA_FLASH_ATTENTION=1", "OLLAMA_KV_CACHE_TYPE=q8_0"]
    layers = int(e.table.dense_layers[e.row, 0]) + 1
    text = shlex.split(write)[1].encode().decode("unicode_escape")
    assert text.splitlines() == [
        "FROM ./Llama-3.3-70B-Instruct-Q4_K_M.gguf",
        "PARAMETER num_ctx 8192",
        f"PARAMETER num_gpu {layers}",
    ]
    assert create.split()[2] == run.split()[2] == "llama-3.3-70b-instruct-q4-k-m"
    assert commands.benchmark.endswith("--verbose")
    assert commands.reads == "eval rate"


def test_ollama_never_moves_experts_alone() -> None:
    theirs, _ = made(ONE, "ollama", "gpt-oss-120b", "MXFP4_MOE")
    ours, _ = made(ONE, "llama.cpp", "gpt-oss-120b", "MXFP4_MOE")
    assert theirs.table.expert_layers[theirs.row, -1] == theirs.table.dense_layers[theirs.row, -1]
    assert theirs.table.decode_s[theirs.row] > ours.table.decode_s[ours.row]


@pytest.mark.parametrize(
    ("model", "quant", "ratio"),
    [("llama 3.1 8b", "Q4_K_M", "max"), ("llama 3.3 70b", "Q4_K_M", None)],
)
def test_lm_studio_takes_a_share_of_the_layers(model: str, quant: str, ratio: str | None) -> None:
    e, commands = made(ONE, "lmstudio", model, quant)
    words = shlex.split(commands.launch)
    assert words[:3] == ["lms", "load", "MODEL"]
    said = words[words.index("--gpu") + 1]
    assert words[words.index("--context-length") + 1] == "8192"
    if ratio is not None:
        assert said == ratio
    else:
        layers = e.model.n_layers
        held = int(e.table.dense_layers[e.row, 0]) + 1
        assert float(said) == pytest.approx(held / layers, abs=0.006)
        assert any(str(held) in note for note in commands.notes)
    assert "--stats" in commands.benchmark


def test_lm_studio_is_told_where_experts_go_in_words() -> None:
    e, commands = made(ONE, "lmstudio", "gpt-oss-120b", "MXFP4_MOE")
    in_ram = int(e.table.expert_layers[e.row, -1])
    assert any(f"MoE weights of {in_ram} layers" in note for note in commands.notes)


def test_mlx_names_the_published_repository_or_converts() -> None:
    _, known = made(MAC, "mlx", "llama 3.3 70b", "MLX-4bit")
    assert shlex.split(known.launch)[:2] == ["mlx_lm.server", "--model"]
    assert "4bit" in known.launch
    assert shlex.split(known.benchmark)[0] == "mlx_lm.benchmark"
    _, unknown = made(MAC, "mlx", "llama 3.3 70b", "MLX-5bit")
    convert, serve = unknown.launch.split("\n")
    assert shlex.split(convert)[-3:] == ["-q", "--q-bits", "5"]
    assert shlex.split(convert)[4] in serve


def test_mlx_measures_a_quantized_cache_with_generate() -> None:
    _, commands = made(MAC, "mlx", "llama 3.1 8b", "MLX-4bit", kv_type="q8_0")
    assert "--kv-bits 8" in commands.launch
    assert commands.benchmark.startswith("mlx_lm.generate")
    assert "--kv-bits 8" in commands.benchmark


def test_vllm_serves_the_users_context_and_cache_that_were_estimated() -> None:
    e, commands = made(TWO, "vllm", "qwen3-32b", "fp8-dynamic", users=4, kv_type="q8_0")
    words = shlex.split(commands.launch)
    said = {w: words[i + 1] for i, w in enumerate(words[:-1]) if w.startswith("--")}
    assert words[:3] == ["vllm", "serve", "Qwen/Qwen3-32B"]
    assert said["--max-model-len"] == "8192"
    assert said["--max-num-seqs"] == "4"
    assert said["--tensor-parallel-size"] == str(int(e.table.parallel[e.row])) == "2"
    assert said["--kv-cache-dtype"] == "fp8"
    assert said["--quantization"] == "fp8"
    assert "--max-concurrency 4" in commands.benchmark


def test_exllama_writes_tabbys_settings() -> None:
    e, commands = made(TWO, "exllamav3", "llama 3.3 70b", "exl3-4.0bpw", kv_type="q8_0")
    text = shlex.split(commands.launch.split("\n")[0])[1].encode().decode("unicode_escape")
    assert "model_name: Llama-3.3-70B-Instruct-exl3-4.0bpw" in text
    assert "cache_size: 8192" in text
    assert "cache_mode: 8,8" in text
    assert ("tensor_parallel: true" in text) == (e.table.parallel[e.row] > 1)
    assert "-cq 8,8" in commands.benchmark


def test_the_fork_is_measured_by_its_own_sweep() -> None:
    e, commands = made(ONE, "ik_llama", "gpt-oss-120b", "MXFP4_MOE")
    assert commands.launch.startswith("llama-server")
    assert commands.benchmark.startswith("llama-sweep-bench")
    in_ram = int(e.table.expert_layers[e.row, -1])
    assert f"--n-cpu-moe {in_ram}" in commands.benchmark
    assert "N_KV" in commands.reads
