"""Measured GPU memory bandwidth, through whatever GPU library happens to be installed.

Only when the user asks: importing such a library takes seconds and it may not be there at all.  A large
array is copied inside the GPU's memory; every byte is read once and written once, and both count.  It is
a lower bound: copying reaches 80 to 95 % of what the memory can do.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from probes.types import AcceleratorInfo, Fact, unknown

MAX_ARRAY_BYTES = 1024**3
"""Each of two arrays, far above any GPU cache (the largest, 256 MiB)."""
MIN_ARRAY_BYTES = 64 * 1024**2
FREE_SHARE = 4
"""Each array takes at most one part in so many of the free memory."""
REPEATS = 5
COPIES = 8
"""Copies between two looks at the clock, so that waiting for the GPU weighs little."""
BUDGET_S = 2.0
"""Per GPU; importing the library comes on top."""
_CREDIBLE = 1.05
"""A measurement above this share of the specification contradicts it."""


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """A GPU as a library sees it, and how to copy inside its memory."""

    name: str
    free_bytes: int | None
    prepare: Callable[[int], tuple[Callable[[], object], Callable[[], object]]]
    """For a size: a function that starts a copy, and one that waits until all copies have ended."""


class NoLibraryError(Exception):
    """No library that could measure is installed, or none sees a GPU; the text says which were tried."""


def devices() -> tuple[str, list[GpuDevice]]:
    """The first library that sees a GPU, and the GPUs it sees.

    Raises:
        NoLibraryError: there is none.
    """
    tried = []
    for name, find in (("torch", _torch), ("cupy", _cupy), ("numba.cuda", _numba)):
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # standard output is our document
                found = find(importlib.import_module(name))
        except ImportError:
            tried.append(f"{name}: not installed")
        except Exception as error:  # a broken installation, a driver too old: any kind of exception
            tried.append(f"{name}: {type(error).__name__}")
        else:
            if found:
                return name, found
            tried.append(f"{name}: sees no GPU")
    raise NoLibraryError("; ".join(tried))


def _torch(torch: Any) -> list[GpuDevice]:
    """CUDA and ROCm GPUs (``torch.cuda``), else Intel's (``torch.xpu``)."""
    kind = "cuda"
    module = torch.cuda
    if not module.is_available():
        kind, module = "xpu", getattr(torch, "xpu", None)
        if module is None or not module.is_available():
            return []

    def device(number: int) -> GpuDevice:
        where = f"{kind}:{number}"
        free = module.mem_get_info(number)[0] if hasattr(module, "mem_get_info") else None

        def prepare(size: int) -> tuple[Callable[[], object], Callable[[], object]]:
            source = torch.ones(size, dtype=torch.uint8, device=where)
            target = torch.zeros(size, dtype=torch.uint8, device=where)
            return lambda: target.copy_(source), lambda: module.synchronize(number)

        return GpuDevice(str(module.get_device_properties(number).name), free, prepare)

    return [device(n) for n in range(module.device_count())]


def _cupy(cupy: Any) -> list[GpuDevice]:
    runtime = cupy.cuda.runtime

    def device(number: int) -> GpuDevice:
        with cupy.cuda.Device(number):
            free = int(runtime.memGetInfo()[0])

        def prepare(size: int) -> tuple[Callable[[], object], Callable[[], object]]:
            gpu = cupy.cuda.Device(number)
            with gpu:
                source = cupy.ones(size, dtype="uint8")
                target = cupy.zeros(size, dtype="uint8")

            def copy() -> None:
                with gpu:
                    cupy.copyto(target, source)

            return copy, gpu.synchronize

        return GpuDevice(_text(runtime.getDeviceProperties(number)["name"]), free, prepare)

    return [device(n) for n in range(runtime.getDeviceCount())]


def _numba(cuda: Any) -> list[GpuDevice]:
    if not cuda.is_available():
        return []

    def device(gpu: AbstractContextManager[Any]) -> GpuDevice:
        with gpu:
            name = _text(cuda.get_current_device().name)
            free = int(cuda.current_context().get_memory_info().free)

        def prepare(size: int) -> tuple[Callable[[], object], Callable[[], object]]:
            with gpu:
                source = cuda.device_array(size, dtype="uint8")
                target = cuda.device_array(size, dtype="uint8")

            def copy() -> None:
                with gpu:
                    target.copy_to_device(source)

            def wait() -> None:
                with gpu:
                    cuda.synchronize()

            return copy, wait

        return GpuDevice(name, free, prepare)

    return [device(gpu) for gpu in cuda.gpus]


def _text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def copy_rate(device: GpuDevice, budget_s: float = BUDGET_S) -> tuple[float, float | None]:
    """Bytes read and written per second, best of five, and their spread; see the module.

    Raises:
        MemoryError: there is too little free memory on the GPU.
    """
    size = MAX_ARRAY_BYTES
    if device.free_bytes is not None:
        size = min(size, device.free_bytes // FREE_SHARE)
    if size < MIN_ARRAY_BYTES:
        raise MemoryError(f"less than {MIN_ARRAY_BYTES * FREE_SHARE // 1024**2} MiB are free on the GPU")
    begun = time.perf_counter()
    copy, wait = device.prepare(size)
    copy()
    wait()
    rates: list[float] = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        for _ in range(COPIES):
            copy()
        wait()
        ended = time.perf_counter()
        rates.append(2 * size * COPIES / max(ended - started, 1e-9))
        if ended - begun > budget_s:
            break
    best = max(rates)
    return best, (best - min(rates)) / best if len(rates) > 1 else None


def measure_vram(gpus: Sequence[AcceleratorInfo]) -> tuple[tuple[AcceleratorInfo, ...], tuple[str, ...]]:
    """The GPUs with their measured bandwidth where that was possible, and notes.  Never raises."""
    if not gpus:
        return (), ("GPU memory not measured: no GPU was found.",)
    try:
        library, seen = devices()
    except NoLibraryError as error:
        because = f"not measured: no library that reaches the GPU is installed here ({error})"
        return _all_unknown(gpus, because), (
            f"GPU memory {because}; `probe --measure-vram` uses torch, cupy or numba where they are "
            "installed beside rig-advisor.",
        )
    found: list[AcceleratorInfo] = []
    notes: list[str] = []
    for number, gpu in enumerate(gpus):
        device = _same(gpu, gpus[:number], gpus, seen)
        name = gpu.name.value or "GPU"
        if device is None:
            because = f"{library} does not list this GPU ({', '.join(d.name for d in seen)})"
            found.append(replace(gpu, measured_bandwidth_bytes_per_s=unknown(f"not measured: {because}")))
            notes.append(f"{name}: memory not measured: {because}.")
            continue
        try:
            rate, spread = copy_rate(device)
        except Exception as error:  # out of memory, lost device: each library has its own
            because = f"{library}: {' '.join(str(error).split())[:120] or type(error).__name__}"
            found.append(replace(gpu, measured_bandwidth_bytes_per_s=unknown(f"not measured: {because}")))
            notes.append(f"{name}: memory not measured: {because}.")
            continue
        varies = "" if spread is None else f", spread {spread:.0%}"
        fact = Fact(rate, f"copy inside the memory, {library}{varies}", "measured")
        found.append(replace(gpu, measured_bandwidth_bytes_per_s=fact))
        notes.append(_compared(name, rate, gpu.bandwidth_bytes_per_s))
    return tuple(found), tuple(notes)


def _all_unknown(gpus: Sequence[AcceleratorInfo], because: str) -> tuple[AcceleratorInfo, ...]:
    return tuple(replace(gpu, measured_bandwidth_bytes_per_s=unknown(because)) for gpu in gpus)


def _same(
    gpu: AcceleratorInfo,
    before: Sequence[AcceleratorInfo],
    gpus: Sequence[AcceleratorInfo],
    seen: Sequence[GpuDevice],
) -> GpuDevice | None:
    """The library's device for a GPU: the one of its name, in order where there are several."""
    named = [d for d in seen if _plain(d.name) == _plain(gpu.name.value)]
    place = sum(_plain(other.name.value) == _plain(gpu.name.value) for other in before)
    if named:
        return named[place] if place < len(named) else None
    return seen[0] if len(seen) == len(gpus) == 1 else None


def _plain(name: str | None) -> str:
    words = (name or "").lower().replace("(", " ").replace(")", " ").split()
    return " ".join(
        word for word in words if word not in ("nvidia", "amd", "intel", "geforce", "radeon", "r", "tm")
    )


def _compared(name: str, rate: float, specified: Fact[float]) -> str:
    measured = f"{name}: {rate / 1e9:.0f} GB/s measured"
    if specified.value is None:
        return f"{measured}; its specified bandwidth is unknown."
    share = rate / specified.value
    of = f"{measured}, {share:.0%} of {specified.value / 1e9:.0f} GB/s ({specified.source})"
    if share > _CREDIBLE:
        return f"{of}: the specified bandwidth must be wrong."
    return f"{of}."
