"""Commands of the runtimes beside llama.cpp.

Sources of the options: Ollama's FAQ (environment) and Modelfile reference; LM Studio's documentation of ``lms
load`` and ``lms chat``; ``--help`` of mlx-lm 0.32.2; vLLM's engine arguments and ``vllm bench serve``;
ExLlamaV3's model_init.py and eval/perf.py and TabbyAPI's config_sample.yml (004e837).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from advisor.core.estimate import EstimateTable
from advisor.core.placement import Strategy
from catalog.mlx import mlx_repos
from catalog.types import Model

GENERATED = 128
"""Tokens that a measurement generates."""


@dataclass(frozen=True, slots=True)
class Commands:
    """What to type: steps to launch, one a line, and the command that measures the quoted speed."""

    launch: str
    benchmark: str
    reads: str
    """Where the benchmark prints the speed."""
    notes: tuple[str, ...] = ()
    """What no option sets, and what to check."""


Maker = Callable[[EstimateTable, int, int], Commands]
"""From a table, a row and the layers on its GPUs (the output counted as one)."""


def command_makers() -> Mapping[str, Maker]:
    """The makers by runtime."""
    return {
        "ollama": _ollama,
        "lmstudio": _lmstudio,
        "mlx": _mlx,
        "vllm": _vllm,
        "exllamav3": _exllamav3,
        "exllamav2": _exllamav2,
    }


def _short_name(model: Model, quant: str) -> str:
    """A name for Ollama and LM Studio: lower case, letters, digits, dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", f"{model.name}-{quant}".lower()).strip("-")


def _file_and_name(table: EstimateTable, row: int) -> tuple[str, str]:
    model, quant = table.candidates.model(row), table.candidates.quant(row)
    return f"{model.name}-{quant}.gguf", _short_name(model, quant)


def _ollama(table: EstimateTable, row: int, layers: int) -> Commands:
    """Server settings are environment variables; placement and context parameters of a Modelfile."""
    q = table.question
    file, name = _file_and_name(table, row)
    environment = ["OLLAMA_FLASH_ATTENTION=1"]
    if q.kv_type != "f16":
        environment.append(f"OLLAMA_KV_CACHE_TYPE={q.kv_type}")
    environment.append(f"OLLAMA_NUM_PARALLEL={q.users}")
    lines = (f"FROM ./{file}", f"PARAMETER num_ctx {int(table.context[row])}", f"PARAMETER num_gpu {layers}")
    modelfile = "\\n".join(lines) + "\\n"
    notes = [f"the prompt should hold about {q.depth:,} tokens to meet the quoted depth"]
    used = [
        gpu for gpu, used in zip(table.machine.gpus, table.dense_layers[row, :-1], strict=True) if used > 0
    ]
    if 0 < len(used) < len(table.machine.gpus):
        names = ", ".join(gpu.name for gpu in used)
        notes.append(f"set CUDA_VISIBLE_DEVICES (ROCR_VISIBLE_DEVICES) so that only {names} is seen")
    elif len(used) > 1:
        notes.append("Ollama shares the layers out over the GPUs itself: 'ollama ps' shows what it did")
    if q.users > 1:
        notes.append(f"run it {q.users} times at once: the rates add up")
    return Commands(
        "\n".join(
            (
                f"{' '.join(environment)} ollama serve",
                f"printf {shlex.quote(modelfile)} > Modelfile",
                f"ollama create {name} -f Modelfile",
                f"ollama run {name}",
            )
        ),
        f"ollama run {name} --verbose",
        "eval rate",
        tuple(notes),
    )


def _lmstudio(table: EstimateTable, row: int, layers: int) -> Commands:
    q = table.question
    model = table.candidates.model(row)
    _, name = _file_and_name(table, row)
    whole = layers > model.n_layers
    ratio = "max" if whole else "off" if layers == 0 else f"{min(layers / model.n_layers, 1):.2f}"
    context = int(table.context[row]) * q.users
    notes = ["take MODEL from 'lms ls'"]
    if not whole and layers:
        notes.append(
            f"the slider 'GPU Offload' of the model should show {min(layers, model.n_layers)} layers"
        )
    if int(table.strategy[row]) == int(Strategy.EXPERTS_IN_RAM):
        in_ram = int(table.expert_layers[row, -1])
        share = in_ram / max(float(table.expert_layers[row].sum()), 1.0)
        notes.append(
            f"lms has no option for experts: in the model's load settings keep the MoE weights of {in_ram} "
            f"layers on the CPU (numCpuExpertLayersRatio {share:.2f})"
        )
    if q.kv_type != "f16":
        notes.append(f"in the load settings: Flash Attention on, K and V cache quantization {q.kv_type}")
    if q.users > 1:
        notes.append(f"in the load settings: {q.users} parallel requests")
    notes.append(f"the prompt should hold about {q.depth:,} tokens to meet the quoted depth")
    return Commands(
        shlex.join(
            ["lms", "load", "MODEL", "--gpu", ratio, "--context-length", str(context), "--identifier", name]
        ),
        shlex.join(["lms", "chat", name, "--stats"]),
        "tokens per second in the statistics",
        tuple(notes),
    )


_BITS = re.compile(r"(\d)[-_]?bit|(mxfp\d|bf16|fp16)", re.IGNORECASE)


def _mlx_repository(model: Model, quant: str) -> tuple[str, list[str], tuple[str, ...]]:
    """The repository with that format, or steps that make one, and what to know of it."""
    wanted = _bits_of(quant)
    for repo in mlx_repos(model):
        if _bits_of(repo) == wanted:
            return repo, [], ()
    folder = f"{model.name}-{quant}"
    steps = ["mlx_lm.convert", "--hf-path", model.id, "--mlx-path", folder]
    if wanted.isdigit():
        steps += ["-q", "--q-bits", wanted]
    elif wanted not in ("bf16", "fp16", ""):
        steps += ["-q", "--q-mode", wanted]
    return folder, [shlex.join(steps)], ("no repository with this format is known: it is converted first",)


def _bits_of(text: str) -> str:
    found = _BITS.search(text)
    if not found:
        return ""
    return found.group(1) or found.group(2).lower()


def _mlx(table: EstimateTable, row: int, _layers: int) -> Commands:
    q = table.question
    model, quant = table.candidates.model(row), table.candidates.quant(row)
    repo, steps, notes = _mlx_repository(model, quant)
    bits = {"q8_0": "8", "q4_0": "4"}.get(q.kv_type)
    cache = ["--kv-bits", bits] if bits else []
    launch = [*steps, shlex.join(["mlx_lm.server", "--model", repo, *cache])]
    told = [*notes, "the cache grows with the tokens: nothing reserves the context"]
    if bits:
        bench = ["mlx_lm.generate", "--model", repo, "--max-tokens", str(GENERATED), *cache, "--prompt", "-"]
        told.append(f"mlx_lm.benchmark cannot quantize the cache: pipe in a text of about {q.depth:,} tokens")
        return Commands("\n".join(launch), shlex.join(bench), "Generation: tokens-per-sec", tuple(told))
    bench = ["mlx_lm.benchmark", "--model", repo, "--prompt-tokens", str(max(q.depth, 1))]
    bench += ["--generation-tokens", str(GENERATED)]
    return Commands("\n".join(launch), shlex.join(bench), "generation_tps", tuple(told))


_AS_PUBLISHED = ("fp8-block", "w4a16", "mxfp4")


def _vllm(table: EstimateTable, row: int, _layers: int) -> Commands:
    q = table.question
    model, quant = table.candidates.model(row), table.candidates.quant(row)
    notes = []
    repo, extra = model.id, []
    if quant == "fp8-dynamic":
        extra = ["--quantization", "fp8"]  # the 16 bit checkpoint, quantized while it loads
        notes.append("an FP8 checkpoint of the model loads faster than quantizing the 16 bit one at start")
    elif quant not in ("BF16", *_AS_PUBLISHED):
        repo = f"{model.name}-{quant}"
        notes.append(f"{repo} stands for a checkpoint in that format: take a published one")
    parts = ["vllm", "serve", repo, "--max-model-len", str(int(table.context[row]))]
    parts += ["--max-num-seqs", str(q.users), "--gpu-memory-utilization", "0.9"]
    gpus = int(table.parallel[row])
    if gpus > 1:
        parts += ["--tensor-parallel-size", str(gpus)]
    elif len(table.machine.gpus) > 1:
        notes.append("CUDA_VISIBLE_DEVICES picks the GPU")
    if q.kv_type == "q8_0":
        extra += ["--kv-cache-dtype", "fp8"]
    bench = ["vllm", "bench", "serve", "--model", repo, "--dataset-name", "random", "--random-input-len"]
    bench += [str(max(q.depth, 1)), "--random-output-len", str(GENERATED), "--num-prompts", str(8 * q.users)]
    bench += ["--max-concurrency", str(q.users), "--ignore-eos"]
    return Commands(
        shlex.join([*parts, *extra]),
        shlex.join(bench),
        f"Median TPOT: {'users × ' if q.users > 1 else ''}1000 / TPOT (ms) tokens/s",
        tuple(notes),
    )


def _exllamav3(table: EstimateTable, row: int, _layers: int) -> Commands:
    q = table.question
    folder = f"{table.candidates.model(row).name}-{table.candidates.quant(row)}"
    context = -(-int(table.context[row]) // 256) * 256
    bits = {"q8_0": "8,8", "q4_0": "4,4"}.get(q.kv_type)
    parallel = int(table.parallel[row]) > 1
    settings = [
        "model:",
        "  model_dir: models",
        f"  model_name: {folder}",
        "  backend: exllamav3",
        f"  max_seq_len: {context}",
        f"  cache_size: {context}",
        f"  cache_mode: {bits or 'FP16'}",
        *(["  tensor_parallel: true"] if parallel else []),
    ]
    bench = ["python", "eval/perf.py", "-m", f"models/{folder}", "-cs", str(context)]
    bench += ["-max_length", str(context)]
    bench += ["-cq", bits] if bits else []
    bench += ["-tp"] if parallel else []
    return Commands(
        f"printf {shlex.quote(_escaped(settings))} > config.yml\npython main.py",
        shlex.join(bench),
        f"Generation: the row nearest Context {q.depth}",
        ("TabbyAPI's folder for the first, ExLlamaV3's for the second", *_gpu_note(table, row)),
    )


def _exllamav2(table: EstimateTable, row: int, _layers: int) -> Commands:
    q = table.question
    folder = f"{table.candidates.model(row).name}-{table.candidates.quant(row)}"
    context = -(-int(table.context[row]) // 256) * 256
    mode = {"q8_0": "Q8", "q4_0": "Q4"}.get(q.kv_type, "FP16")
    settings = [
        "model:",
        "  model_dir: models",
        f"  model_name: {folder}",
        "  backend: exllamav2",
        f"  max_seq_len: {context}",
        f"  cache_size: {context}",
        f"  cache_mode: {mode}",
    ]
    return Commands(
        f"printf {shlex.quote(_escaped(settings))} > config.yml\npython main.py",
        f"curl -s http://127.0.0.1:5000/v1/completions -H 'Content-Type: application/json' "
        f'-d \'{{"prompt": "...", "max_tokens": {GENERATED}}}\'',
        "Generate: T/s in TabbyAPI's log",
        (f"the prompt should hold about {q.depth:,} tokens to meet the quoted depth", *_gpu_note(table, row)),
    )


def _escaped(lines: list[str]) -> str:
    return "\\n".join(lines) + "\\n"


def _gpu_note(table: EstimateTable, row: int) -> tuple[str, ...]:
    held = int((table.dense_layers[row, :-1] > 0).sum())
    if held < len(table.machine.gpus):
        return ("CUDA_VISIBLE_DEVICES picks the GPUs",)
    return ()
