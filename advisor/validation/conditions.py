"""What a row's text columns say of a run: engine, split, date, power cap, speculation, machines."""

from __future__ import annotations

import re
from bisect import bisect_right

from advisor.validation.cases import Row, SkipRowError, number
from catalog.measurements import WORKING_SHARE, interval_s

_ENGINES = (
    ("exllamav3", "exllamav3"),
    ("exllama", "exllamav2"),
    ("kt-kernel", "ktransformers"),
    ("ktransformers", "ktransformers"),
    ("sglang", "sglang"),
    ("tensorrt", "tensorrt"),
    ("mlc", "mlc"),
    ("mlx", "mlx"),
    ("vllm", "vllm"),
    ("autoawq", "transformers"),
    ("ctranslate", "transformers"),
    ("deepspeed", "transformers"),
    ("transformers", "transformers"),
)
LLAMA_CPP = frozenset({"cuda", "rocm", "vulkan", "metal", "sycl", "cpu", "ik_llama"})
"""Engines of the llama.cpp family."""

_FAMILY = re.compile(r"llama\.?cpp|llamafile|ollama|lm-studio|docker-model-runner", re.IGNORECASE)
_MLX_FORMAT = re.compile(r"mlx|nvfp4", re.IGNORECASE)


def engine_of(row: Row, backend: str, *, in_ram: bool) -> str:
    """The engine that ran a row: llama.cpp's backend, or the name of another runtime.

    ``in_ram`` says that weights lay in RAM, where ik_llama.cpp's kernels differ from llama.cpp's.
    Ollama runs MLX formats with MLX.

    Raises:
        SkipRowError: the runtime is none of those that are modelled.
    """
    runtime = row["runtime"].lower()
    if backend == "mlx" or (backend == "metal" and _MLX_FORMAT.search(row["quant"])):
        return "mlx"
    for part, engine in _ENGINES:
        if part in runtime:
            return engine
    if not _FAMILY.search(runtime):
        raise SkipRowError(f"the runtime {row['runtime']} is not modelled")
    if in_ram and "ik_llama" in runtime:
        return "ik_llama"
    return backend


_TENSOR = re.compile(
    r"\btp ?=? ?[2-9]|\btp1\d|tensor[ -](?:parallel|split)|-sm (?:row|tensor)", re.IGNORECASE
)
_LAYER = re.compile(r"layer split|\bpp ?=? ?[2-9]\b|all layers on", re.IGNORECASE)
_TENSOR_BY_DEFAULT = frozenset({"vllm", "sglang", "tensorrt", "mlc"})
"""Engines whose option for several GPUs is tensor parallelism, unless the row says otherwise."""


def parallel_of(text: str, devices: int, engine: str) -> str:
    """``layer``, ``tensor`` or ``none`` from a row's notes and placement."""
    if devices < 2:
        return "none"
    if _LAYER.search(text):
        return "layer"
    if _TENSOR.search(text) or engine in _TENSOR_BY_DEFAULT:
        return "tensor"
    return "layer"


_BUILDS = (
    (3501, 2024 + 214 / 366),
    (4384, 2024 + 358 / 366),
    (5192, 2025 + 116 / 365),
    (5269, 2025 + 122 / 365),
    (6077, 2025 + 214 / 365),
    (6918, 2025 + 304 / 365),
    (7361, 2025 + 344 / 365),
    (7651, 2026 + 6 / 365),
    (8460, 2026 + 79 / 365),
    (8933, 2026 + 115 / 365),
    (9049, 2026 + 126 / 365),
)
"""Build numbers of llama.cpp that measurements state together with a date."""

_THREADS = (
    ("llama.cpp/discussions/4167", 2023.9),
    ("llama.cpp/discussions/10879", 2024.95),
    ("llama.cpp/discussions/15013", 2025.6),
    ("llama.cpp/discussions/15021", 2025.6),
    ("llama.cpp/discussions/15396", 2025.62),
)
"""When threads that collect results were opened: for rows that state a commit but no date."""

_BUILD = re.compile(r"\bb(\d{4,5})\b")
_DATE = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])(?:-(\d\d))?(?:/(0[1-9]|1[0-2]))?(?![\d-])")
_YEARS = re.compile(r"\b(20\d\d)(?:-(20\d\d))?\b")
_CUMULATIVE_DAYS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_MID_MONTH = 15.0


def build_year(build: int) -> float:
    """Decimal year of a llama.cpp build number: between the known ones, and along the last two beyond."""
    at = min(max(bisect_right([number for number, _ in _BUILDS], build), 1), len(_BUILDS) - 1)
    (low, before), (high, after) = _BUILDS[at - 1], _BUILDS[at]
    return before + (after - before) * (build - low) / (high - low)


def era_of(row: Row) -> float | None:
    """Decimal year of the build, else of the run, else of the thread; ``None`` for mere bounds."""
    text = f"{row['date_or_build']} {row['runtime']}"
    build = _BUILD.search(text)
    if build:
        return build_year(int(build.group(1)))
    if not row["date_or_build"].startswith("<="):
        date = _DATE.search(text)
        if date:
            return _decimal(date)
        years = _YEARS.search(row["date_or_build"])
        if years:
            first, last = int(years.group(1)), int(years.group(2) or years.group(1))
            return (first + last + 1) / 2
    if "newer" in row["date_or_build"]:
        return None
    return next((year for thread, year in _THREADS if row["source"].endswith(thread)), None)


def _decimal(date: re.Match[str]) -> float:
    year, month, day, other = date.groups()
    if day:
        days = _CUMULATIVE_DAYS[int(month) - 1] + float(day)
    elif other:  # "2026-04/05": somewhere in two months
        days = float(_CUMULATIVE_DAYS[int(other) - 1])
    else:
        days = _CUMULATIVE_DAYS[int(month) - 1] + _MID_MONTH
    return int(year) + days / 365


_WATTS = re.compile(r"(?<![\w.])(\d{2,4}) ?W\b")


def power_limit_w(notes: str) -> float | None:
    """The power cap in watts that notes state."""
    match = _WATTS.search(notes)
    return float(match.group(1)) if match else None


_SPECULATION = re.compile(r"mtp k=[1-9]|mtp on|ngram|draft", re.IGNORECASE)
_BASELINE = re.compile(r"no spec|no draft|mtp off|k=0|vanilla", re.IGNORECASE)
_REMOTE = re.compile(r"\brpc\b|\d nodes\b|distributed-llama|cluster", re.IGNORECASE)


def check_modelled(row: Row) -> None:
    """Refuse runs that decode in another way or on several machines.

    Raises:
        SkipRowError: speculation, several machines, or weights read from disk.
    """
    notes, placement = row["notes"], row.get("placement", "")
    if placement == "disk streaming":
        raise SkipRowError("weights streamed from disk are not modelled")
    remote = _REMOTE.search(placement) or _REMOTE.search(row["runtime"])
    # A run without RPC that a comparison of RPC starts from is an ordinary one.
    if remote and not re.search(r"^(?:local CUDA|no RPC)", notes):
        raise SkipRowError("several machines, or a GPU behind a network, are not modelled")
    if row.get("category", "e") == "e":
        told = f"{notes} {placement}"
        if _SPECULATION.search(told) and not _BASELINE.search(told):
            raise SkipRowError("speculative decoding is not modelled")


def decode_rate(row: Row, users: int) -> float | None:
    """Decode tokens/s of all users: their number over the stated median time between tokens, else ``tg_tps``.

    A rate over the wall time of requests includes their prompts; the time between tokens does not.
    """
    rate, interval = number(row, "tg_tps"), interval_s(row["notes"])
    if rate is None or interval is None:
        return rate
    decoding = users / interval
    return decoding if rate >= WORKING_SHARE * decoding else rate
