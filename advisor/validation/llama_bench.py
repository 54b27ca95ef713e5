"""llama-bench results as cases: what was run, with which model, on which machine.

``pp`` rows carry a measured prefill speed and ``tg`` rows a measured decode speed, as llama-bench
prints them: each is one case.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.validation.bench_models import model_of, quant_of
from advisor.validation.bench_rigs import Run, rig_of_run
from advisor.validation.bench_text import Fields, read_bench
from advisor.validation.cases import LONGEST_CELL
from advisor.validation.conditions import build_year
from advisor.validation.quants import UnknownQuantError
from advisor.validation.rows import Case, SkipRowError
from advisor.validation.slices import main_case
from catalog.types import LookupFailedError
from probes.types import Rig, RigError

_FLASH_ATTENTION_BY_CHOICE = 6_000
"""Before this build flash attention was off unless asked for (llama.cpp pull request 15434, 2025-08)."""
_NO_LIMIT = 1e15
"""llama-bench prints no longer ones; what is read with regular expressions must have an end."""


def bench_cases(text: str, rig: Rig | None) -> tuple[str, Iterator[tuple[str, Case | str]]] | None:
    """The kind of a text and its rows as (id, case or the reason for skipping it).

    ``None`` if the text is no output of llama-bench.
    """
    found = read_bench(text)
    if found is None:
        return None
    return f"llama-bench {found.format}", _cases(found.records, rig)


def _cases(records: tuple[Fields | str, ...], rig: Rig | None) -> Iterator[tuple[str, Case | str]]:
    for number, record in enumerate(records, 1):
        name = str(number)
        if isinstance(record, str):
            yield name, record
            continue
        try:
            yield name, _case(record, name, rig)
        except (SkipRowError, UnknownQuantError, LookupFailedError, RigError, ValueError) as error:
            yield name, str(error)


def _case(row: Fields, name: str, rig: Rig | None) -> Case:
    longest = max(map(len, row.values()), default=0)
    if longest > LONGEST_CELL:
        raise SkipRowError(f"a cell of {longest:,} characters is not llama-bench's")
    prompt, generated, depth = (_whole(row, key) or 0 for key in ("n_prompt", "n_gen", "n_depth"))
    speed = _number(row, "avg_ts")
    if not speed or speed < 0:
        raise SkipRowError("no speed is stated (t/s, avg_ts)")
    if prompt and generated:
        raise SkipRowError("prompt and generation are timed as one; run them apart with -p and -n")
    if not prompt and not generated:
        raise SkipRowError("the test is neither of a prompt (pp) nor of generation (tg)")
    params, size = _number(row, "model_n_params"), _number(row, "model_size")
    model, named = model_of(row["model_type"], row.get("model_filename", ""), params)
    strategy, gpu_layers, cpu_experts = _placement(row, len(model.layers), moe=model.is_moe)
    run = Run(
        gpus=row.get("gpu_info", ""),
        cpu=row.get("cpu_info", ""),
        backends=_backends(row),
        devices=row.get("devices", "auto"),
        split_mode=row.get("split_mode", "layer"),
        main_gpu=_whole(row, "main_gpu") or 0,
        tensor_split=row.get("tensor_split", ""),
        threads=_whole(row, "n_threads"),
        on_gpu=strategy is not Strategy.CPU,
    )
    machine = rig_of_run(run, rig)
    middle = depth + generated // 2
    batch = _whole(row, "n_batch") or 2048
    ubatch = min(_whole(row, "n_ubatch") or 512, batch)
    key_type, value_type = (row.get(key) or "f16" for key in ("type_k", "type_v"))
    question = Question(
        context=max(depth + generated + prompt, 512),
        depth_tokens=middle,
        prompt_tokens=prompt or 512,
        cached_tokens=depth,
        kv_type=key_type,
        kv_value_type=None if value_type == key_type else value_type,
        ubatch=ubatch,
        flash_attention=_flash_attention(row),
        gpu_layers=gpu_layers,
        cpu_expert_layers=cpu_experts,
    )
    case = Case(
        id=name,
        model=model.id,
        quant=quant_of(row["model_type"]),
        rig=machine,
        question=question,
        strategy=strategy,
        measured_tokens_per_s=speed if generated else None,
        measured_prefill_tokens_per_s=speed if prompt else None,
        tensor_bytes=size,
        labels=(("quality", "measured"),),
        engine=_engine(machine, strategy),
        parallel=_parallel(machine, run.split_mode),
        era=build_year(build) if (build := _whole(row, "build_number")) else None,
        title="" if named else row["model_type"],
    )
    return replace(case, labels=(*case.labels, ("case", main_case(case, model))))


def _engine(machine: Rig, strategy: Strategy | None) -> str:
    if strategy is Strategy.CPU or not machine.accelerators:
        return "cpu"
    return machine.accelerators[0].backend.value or "cuda"


def _parallel(machine: Rig, split_mode: str) -> str:
    if len(machine.accelerators) < 2:
        return "none"
    return "tensor" if split_mode in ("row", "tensor") else "layer"


def _number(row: Fields, key: str) -> float | None:
    try:
        value = float(row.get(key, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < _NO_LIMIT else None


def _whole(row: Fields, key: str) -> int | None:
    value = _number(row, key)
    return None if value is None else round(value)


_FLAGS = ("cuda", "opencl", "vulkan", "kompute", "metal", "sycl", "rpc", "blas")


def _backends(row: Fields) -> str:
    """The backends as named; versions of 2023 and 2024 have a column for each instead."""
    if "backends" in row:
        return row["backends"]
    return ",".join(name for name in _FLAGS if row.get(name) == "1") or "cpu"


def _flash_attention(row: Fields) -> bool:
    """As stated; where it is not, the default of the time (off, later "where the backend has it")."""
    stated = row.get("flash_attn", "").lower()
    if stated:
        return stated not in ("0", "off", "false")
    return (_whole(row, "build_number") or _FLASH_ATTENTION_BY_CHOICE) >= _FLASH_ATTENTION_BY_CHOICE


_ALL_EXPERTS = re.compile(r"[\w.*|()\\\[\]+$-]*exps[\w.*|()\\+$-]*=CPU")
_SOME_LAYERS = re.compile(r"blk|\d")


def _placement(row: Fields, layers: int, *, moe: bool) -> tuple[Strategy, int | None, int | None]:
    """The strategy of a run, its layers on the GPUs, and its leading layers with experts in RAM.

    A negative number of GPU layers (the default) means all of them; so does one beyond their count.
    """
    if (_whole(row, "no_kv_offload") or 0) > 0:
        raise SkipRowError("the cache was kept in RAM (-nkvo), which is not modelled")
    on_gpu = _whole(row, "n_gpu_layers")
    # With a CPU backend alone the number of GPU layers says nothing.
    backends = {name.strip().lower() for name in re.split(r"[,+]", _backends(row))} - {""}
    if on_gpu == 0 or row.get("devices") == "none" or (backends and backends <= _CPU_BACKENDS):
        return Strategy.CPU, None, None
    experts = _whole(row, "n_cpu_moe") or 0
    overrides = row.get("tensor_buft_overrides", "")
    if overrides and overrides != "none":
        if not _ALL_EXPERTS.fullmatch(overrides) or _SOME_LAYERS.search(overrides):
            raise SkipRowError(f"tensors were placed by hand (-ot {overrides}), which is not modelled")
        experts = layers
    partly = on_gpu is not None and 0 < on_gpu < layers
    if partly and experts:
        raise SkipRowError("layers and experts were both kept in RAM (-ngl with -ncmoe): not modelled")
    if partly:
        return Strategy.LAYERS_SPLIT, on_gpu, None
    if experts > 0 and moe:
        return Strategy.EXPERTS_IN_RAM, None, experts
    return Strategy.ACCELERATOR, None, None


_CPU_BACKENDS = frozenset({"cpu", "blas", "zendnn", "openblas", "mkl", "accelerate"})
