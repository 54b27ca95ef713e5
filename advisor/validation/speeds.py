"""Speed rows, of GPUs and of runs that use RAM, as cases."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from advisor.core.placement import Strategy
from advisor.core.question import KV_TYPES, Question
from advisor.validation.cases import GIB, Case, Labels, Row, SkipRowError, number, scaled, whole
from advisor.validation.conditions import (
    check_modelled,
    decode_rate,
    engine_of,
    era_of,
    parallel_of,
    power_limit_w,
)
from advisor.validation.placements import Split, expert_layers, split_of
from advisor.validation.quants import mix_bytes, stored_weights
from advisor.validation.rigs import gpu_rig, ram_rig, with_run
from advisor.validation.slices import CASE, main_case
from catalog.finetunes import finetune_base
from catalog.measurements import gpu_exclusion, hybrid_exclusion
from catalog.models import find_model
from catalog.types import LookupFailedError, Model
from probes.types import Rig


@cache
def _model(name: str, params_b: float | None) -> Model:
    """The model of a row: the one of that name, or the base of a fine-tune.

    Raises:
        LookupFailedError, SkipRowError: the name is not known, or the model cannot be counted.
    """
    try:
        model = find_model(name)
    except LookupFailedError:
        try:
            model = finetune_base(name, params_b)
        except LookupFailedError:
            raise SkipRowError(f"no model of the catalog has the shape of {name!r} for certain") from None
    if model.not_estimated_because:
        raise SkipRowError(f"{model.name} is not estimated: {model.not_estimated_because}")
    return model


def _quality(row: Row, stated: str, computed: str | None) -> str:
    """The quality that counts: a measured row with a reason to leave it out is ``excluded``."""
    reason = row.get("excluded_because", computed)
    return "excluded" if stated == "measured" and reason else stated


def gpu_case(row: Row, name: str, _rig: Rig | None) -> Case:
    """A row of a model that is all in GPU or unified memory."""
    check_modelled(row)
    devices = whole(row, "n_devices", 1)
    engine = engine_of(row, row["backend"], in_ram=False)
    model = _model(row["model"], number(row, "params_b"))
    rig = gpu_rig(row["hardware"], devices, number(row, "vram_gb"), number(row, "mem_bandwidth_gbs"))
    notes = row["notes"]
    depth = whole(row, "context_depth", 0)
    generated = whole(row, "tg_tokens", 0)
    prompt = whole(row, "pp_tokens", 512) or 512
    prompt_first = depth == prompt or "depth taken as prompt length" in notes
    question = Question(
        context=max(depth + max(prompt, generated) + 256, 512),
        users=max(whole(row, "batch", 1), 1),
        depth_tokens=depth + generated // 2,
        prompt_tokens=prompt,
        # Where the depth of decoding is the prompt itself, the prompt met an empty cache.
        cached_tokens=0 if prompt_first else depth,
        flash_attention=row["flash_attn"] != "0",
        ubatch=_ubatch(row, depth),
        kv_type=_kv_type(notes),
    )
    return _case(
        row,
        name,
        row["quant"],
        model,
        with_run(rig, engine, power_limit_w(notes)),
        question,
        Split(Strategy.ACCELERATOR),
        engine,
        parallel_of(notes, devices, engine),
        quality=_quality(row, row["quality"], gpu_exclusion(row)),
    )


_MIX_IN_NOTES = re.compile(r"(UD-Q2_K_XL|Q2_K_R4|IQ2_XS_R4)")


def hybrid_case(row: Row, name: str, _rig: Rig | None) -> Case:
    """A row of a CPU, of a model shared between GPU and RAM, or of several GPUs."""
    check_modelled(row)
    notes, placement = row["notes"], row["placement"]
    model = _model(row["model"], number(row, "params_b"))
    split = split_of(placement, model)
    on_cpu = split.strategy is Strategy.CPU
    rig = ram_rig(row, with_gpus=not on_cpu)
    if not on_cpu and not rig.accelerators:
        raise SkipRowError("the GPU is not stated")
    devices = len(rig.accelerators)
    backend = "cpu" if on_cpu else rig.accelerators[0].backend.value or "cuda"
    if "vulkan" in row["runtime"].lower():
        backend = "vulkan"
    engine = engine_of(row, backend, in_ram=split.strategy is not Strategy.ACCELERATOR)
    depth = whole(row, "context_depth", 0)
    question = Question(
        context=max(depth + 1024, 1024, _allocated(notes)),
        users=max(whole(row, "batch", 1), 1),
        depth_tokens=depth + 64,
        prompt_tokens=512,
        cached_tokens=depth,
        flash_attention="-fa off" not in notes,
        ubatch=_ubatch(row, depth),
        kv_type=_kv_type(notes),
        gpu_layers=split.gpu_layers if split.strategy is Strategy.LAYERS_SPLIT else None,
        cpu_expert_layers=_leading_layers(split, model),
    )
    mix = _MIX_IN_NOTES.search(notes) if row["quant"].endswith("see notes") else None
    return _case(
        row,
        name,
        mix.group(1) if mix else row["quant"],
        model,
        with_run(rig, engine, power_limit_w(notes), row["interconnect"]),
        question,
        split,
        engine,
        parallel_of(f"{notes} {placement}", devices, engine),
        # With a CUDA build the GPU works on prompts although all weights are in RAM.
        prefill="CUDA build" not in placement,
        quality=_quality(row, "measured", hybrid_exclusion(row)),
        labels=(("category", row["category"]),),
    )


def _leading_layers(split: Split, model: Model) -> int | None:
    """The layers in RAM as ``--n-cpu-moe`` counts them: with the dense ones before the first expert."""
    if split.expert_layers_in_ram is None:
        return None
    return split.expert_layers_in_ram + model.n_layers - len(expert_layers(model))


def _case(
    row: Row,
    name: str,
    quant: str,
    model: Model,
    rig: Rig,
    question: Question,
    split: Split,
    engine: str,
    parallel: str,
    *,
    prefill: bool = True,
    quality: str,
    labels: Labels = (),
) -> Case:
    size = scaled(number(row, "model_size_gib"), GIB)
    weights = stored_weights(quant, engine, model, size)
    case = Case(
        id=name,
        model=model.id,
        quant=quant,
        rig=rig,
        question=question,
        strategy=split.strategy,
        measured_tokens_per_s=decode_rate(row, question.users),
        measured_prefill_tokens_per_s=number(row, "pp_tps") if prefill else None,
        prefill_on_all_cores="pp at full threads" in row["notes"],
        tensor_bytes=_bytes_of_mix(quant, model.id) if size is None and weights is None else size,
        labels=(("quality", quality), *labels),
        engine=engine,
        parallel=parallel,
        era=era_of(row),
        weights=weights,
        power_limit_w=power_limit_w(row["notes"]),
    )
    if quality != "measured":
        return case
    return replace(case, labels=(*case.labels, (CASE, main_case(case, model))))


@cache
def _bytes_of_mix(quant: str, model_id: str) -> float | None:
    return mix_bytes(quant, find_model(model_id))


def _ubatch(row: Row, depth: int) -> int:
    """Tokens of a micro-batch: as stated, else as the source's log or script has it, else the default."""
    stated = re.search(r"\bub (\d{1,5})\b", row["notes"])
    if stated:
        return int(stated.group(1))
    # Its logs state n_ubatch = 2048 for all runs.
    if "llama.cpp/blob/master/benches/dgx-spark" in row["source"]:
        return 2048
    # Its script passes -ub 2048 with long contexts, and -ub 512 to Vulkan.
    if "github.com/kyuz0/" in row["source"] and depth > 0 and row.get("backend") != "vulkan":
        return 2048
    return 512


_CACHE = re.compile(r"\bKV (?:type )?(fp8|bfloat16|q8|" + "|".join(KV_TYPES) + r")\b")
_NEAREST_CACHE = {"fp8": "q8_0", "q8": "q8_0", "bfloat16": "bf16"}
"""Types of other runtimes as the one of nearly the same size."""


def _kv_type(notes: str) -> str:
    stated = _CACHE.search(notes)
    return _NEAREST_CACHE.get(stated.group(1), stated.group(1)) if stated else "f16"


def _allocated(notes: str) -> int:
    """The context that a run reserved, in tokens: ``ctx allocated 175k``."""
    stated = re.search(r"ctx allocated (\d{1,7})(k?)\b", notes)
    return int(stated.group(1)) * (1000 if stated.group(2) else 1) if stated else 0
