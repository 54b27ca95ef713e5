"""The slices that a speed measurement belongs to: who made the chip, what was run, how it was placed.

Slices are derived from the case itself, so that rows of every kind of file fall into the same ones.
"""

from __future__ import annotations

from functools import lru_cache

from advisor.core.placement import Strategy
from advisor.pipeline import cpu_family
from advisor.validation.cases import Case, Labels
from advisor.validation.conditions import LLAMA_CPP
from advisor.validation.quants import UnknownQuantError, file_type, format_of, label_bits
from catalog.types import Model
from probes.types import Rig

CASE = "case"
"""The dimension that accuracy is published for."""
DIMENSIONS = {
    CASE: "the main cases: one GPU dense and MoE, depth, several GPUs, batch, CPU, partly in RAM",
    "vendor": "who made the device that holds the layers",
    "arch": "its architecture class and the backend",
    "backend": "llama.cpp's backend (cuda, rocm, metal, vulkan, cpu …), or another runtime",
    "llama.cpp family": "whether llama.cpp or a program built on it ran it",
    "type": "dense or moe",
    "size": "total parameters of the model",
    "quant": "file type or format of the weights",
    "bits": "bits per weight of most matrices",
    "depth": "tokens in the cache",
    "batch": "sequences at a time",
    "devices": "one GPU, several, or none",
    "split": "how several GPUs share the work: by layers, or every tensor",
    "placement": "GPU, experts in RAM, layers split, CPU",
    "prompt": "tokens of the prompt that is timed",
    "quality": "how well the measurement is known",
}
"""What results are broken down by, and what each means."""

LONG_DEPTH = 8_192
_SIZES = ((3e9, "under 3B"), (10e9, "3-10B"), (20e9, "10-20B"), (40e9, "20-40B"), (80e9, "40-80B"))
_BITS = ((3.9, "3 and less"), (5.0, "4"), (7.0, "5 and 6"), (12.0, "8"))
_DEPTHS = ((2_048, "under 2k"), (LONG_DEPTH, "2k-8k"), (32_768, "8k-32k"))
_BATCHES = ((2, "1"), (9, "2-8"), (33, "9-32"))
_PROMPTS = ((256, "under 256"), (1024, "256-1023"), (4096, "1024-4095"))
_PLACEMENTS = {
    Strategy.ACCELERATOR: "GPU",
    Strategy.EXPERTS_IN_RAM: "experts in RAM",
    Strategy.LAYERS_SPLIT: "layers split",
    Strategy.CPU: "CPU",
}


def labels_of(case: Case, model: Model) -> Labels:
    """All labels of a case, its reader's own among them; what is derived here goes before."""
    if case.rig is None or case.measured_bytes is not None:
        return case.labels
    question = case.question
    derived = {
        **_device_labels(case.rig, case.engine, on_cpu=case.strategy is Strategy.CPU),
        "backend": case.engine,
        "llama.cpp family": "yes" if case.engine in LLAMA_CPP else "no",
        "type": "moe" if model.is_moe else "dense",
        "size": _class(model.total_params, _SIZES, "80B and more"),
        **_format(case.quant, case.engine),
        "depth": _class(question.depth, _DEPTHS, "32k and more"),
        "batch": _class(question.users, _BATCHES, "33 and more"),
    }
    if len(case.rig.accelerators) > 1:
        derived["split"] = case.parallel
    if case.strategy is not None:
        derived["placement"] = _PLACEMENTS[case.strategy]
    if case.measured_prefill_tokens_per_s:
        derived["prompt"] = _class(question.prompt, _PROMPTS, "4096 and more")
    own = tuple((name, value) for name, value in case.labels if name not in derived)
    return (*derived.items(), *own)


def main_case(case: Case, model: Model) -> str:
    """The main case that a measurement counts towards."""
    question, rig = case.question, case.rig
    other = "" if case.engine in LLAMA_CPP else ", other runtimes"
    if question.users > 1:
        return f"batch > 1{other}"
    on_gpus = case.strategy is Strategy.ACCELERATOR
    if on_gpus and rig is not None and len(rig.accelerators) > 1:
        return "several GPUs"
    if question.depth >= LONG_DEPTH:
        return f"depth of 8k and more{other}"
    if not on_gpus:
        known = rig is not None and (
            rig.memory.bandwidth_bytes_per_s.known or rig.memory.measured_bandwidth_bytes_per_s.known
        )
        place = "CPU only" if case.strategy is Strategy.CPU else "partly in RAM"
        return f"{place}, {'known' if known else 'unknown'} RAM"
    return f"one GPU or unified memory, {'MoE' if model.is_moe else 'dense'}{other}"


@lru_cache(maxsize=1024)
def _device_labels(rig: Rig, engine: str, *, on_cpu: bool) -> dict[str, str]:
    """Vendor and class of the first GPU, or of the CPU where it does all the work."""
    if on_cpu or not rig.accelerators:
        family = cpu_family(rig)
        vendor, kind = (family.vendor, family.platform) if family else ("unknown", "unknown")
        return {"vendor": vendor, "arch": f"{kind} {engine}", "devices": "none"}
    gpu = rig.accelerators[0]
    return {
        "vendor": gpu.vendor.value or "unknown",
        "arch": f"{gpu.architecture.value or 'unknown'} {engine}",
        "devices": "one" if len(rig.accelerators) == 1 else "several",
    }


def _class(value: float, limits: tuple[tuple[float, str], ...], above: str) -> str:
    return next((name for limit, name in limits if value < limit), above)


@lru_cache(maxsize=1024)
def _format(label: str, engine: str) -> dict[str, str]:
    try:
        known = format_of(label, engine)
        name = known.name if known else file_type(label)[0]
        return {"quant": name, "bits": _class(label_bits(label, engine), _BITS, "16")}
    except UnknownQuantError:
        return {"quant": "other", "bits": "other"}
