"""The machine of a llama-bench run: the rig that is given, or what the device names say."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from advisor.validation.rows import GIB, SkipRowError
from catalog.hardware import find_accelerator
from catalog.types import LookupFailedError
from probes.hypothetical import hypothetical_rig
from probes.types import AcceleratorInfo, Fact, Rig, RigError

_SOURCE = "the measurement"
_GIVE_RIG = "describe the machine with 'rig-advisor rig' and pass it with --rig"
_BACKENDS = {
    "cuda": "cuda",
    "rocm": "rocm",
    "hip": "rocm",
    "hipblas": "rocm",
    "vulkan": "vulkan",
    "kompute": "vulkan",
    "metal": "metal",
    "mtl": "metal",
    "sycl": "sycl",
    "opencl": "opencl",
}
_DRIVER = re.compile(
    r"\s*\((?:RADV|AMD open|AMD proprietary|Intel open|NVIDIA|NV|DG\d|RPL|ADL|TGL|ARL|MTL|LNL)[^)]*\)",
    re.IGNORECASE,
)
_MARKS = re.compile(r"\((?:R|TM|C)\)|\bSeries\b", re.IGNORECASE)
_GRAPHICS = re.compile(r"\s+Graphics$", re.IGNORECASE)
_MOST_GPUS = 32
_VIRTUAL = re.compile(r"llvmpipe|swiftshader|lavapipe", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Run:
    """What llama-bench says of the devices of a run, as printed."""

    gpus: str
    cpu: str
    backends: str
    devices: str = "auto"
    split_mode: str = "layer"
    main_gpu: int = 0
    tensor_split: str = ""
    threads: int | None = None
    on_gpu: bool = True


@lru_cache(maxsize=1024)
def rig_of_run(run: Run, rig: Rig | None) -> Rig:
    """The rig that a run is predicted on.

    A given rig is taken as it is, with the run's backend and threads; it must have the GPU that the
    run names.  Without one the names are looked up, and what they leave open (RAM) is assumed.

    Raises:
        SkipRowError: the devices cannot be known; the text says why.
    """
    if "rpc" in run.backends.lower():
        raise SkipRowError("the run was spread over several machines (RPC), which is not modelled")
    backend = _backend(run) if run.on_gpu else None
    names = _used(run) if run.on_gpu else ()
    if len(names) > _MOST_GPUS:
        raise SkipRowError(f"{len(names)} GPUs in one machine")
    if len(names) > 1 and run.split_mode in ("row", "tensor", "graph", "attn"):
        raise SkipRowError(f"the split mode {run.split_mode} over several GPUs is not modelled yet")
    found = _given(rig, names, run) if rig is not None else _described(names, run)
    if backend is not None:
        cards = tuple(_with_backend(card, backend) for card in found.accelerators)
        found = replace(found, accelerators=cards)
    return _with_threads(found, run)


def _given(rig: Rig, names: tuple[str, ...], run: Run) -> Rig:
    if run.on_gpu and not rig.accelerators:
        raise SkipRowError("the run was on a GPU and the rig given with --rig has none")
    for name in names:
        card = _catalog_name(name)
        known = {_catalog_name(a.name.value or "") for a in rig.accelerators}
        if card and None not in known and card not in known:
            raise SkipRowError(f"the run was on {name}, which the rig given with --rig does not have")
    return rig


@lru_cache(maxsize=1024)
def _catalog_name(name: str) -> str | None:
    try:
        return find_accelerator(plain_gpu_name(name), any_memory=True).name
    except LookupFailedError:
        return None


def _described(names: tuple[str, ...], run: Run) -> Rig:
    if run.on_gpu and not names:
        raise SkipRowError(f"the output names no GPU; {_GIVE_RIG}")
    cpu = run.cpu.split(",")[0].strip()
    if not run.on_gpu and not cpu:
        raise SkipRowError(f"the output names no CPU; {_GIVE_RIG}")
    try:
        rig = _looked_up(names, cpu or None)
    except (LookupFailedError, RigError) as error:
        if not names:
            raise SkipRowError(f"{error}; {_GIVE_RIG}") from error
        try:
            rig = _looked_up(names, None)  # the CPU matters little beside a GPU
        except (LookupFailedError, RigError) as gpu_error:
            raise SkipRowError(f"{gpu_error}; {_GIVE_RIG}") from gpu_error
    if rig.memory.total_bytes.known:
        return rig
    ample = Fact(512 * GIB, "not stated: assumed ample", "guess")
    return replace(rig, memory=replace(rig.memory, total_bytes=ample))


def _looked_up(names: tuple[str, ...], cpu: str | None) -> Rig:
    return hypothetical_rig([plain_gpu_name(name) for name in names], None, cpu, any_memory=True)


def plain_gpu_name(name: str) -> str:
    """A device description without its driver and marks: ``Intel Arc A770`` of ``Intel(R) Arc(tm) A770
    Graphics (DG2)``."""
    plain = " ".join(_MARKS.sub(" ", _DRIVER.sub("", name)).split())
    shorter = _GRAPHICS.sub("", plain)
    return shorter if any(ch.isdigit() for ch in shorter) else plain


def _backend(run: Run) -> str:
    listed = [name.strip().lower() for name in re.split(r"[,+]", run.backends)]
    gpu = [_BACKENDS[name] for name in listed if name in _BACKENDS]
    chosen = re.findall(r"[A-Za-z]+(?=\d)", run.devices)
    for name in chosen:
        if name.lower() in _BACKENDS:
            return _BACKENDS[name.lower()]
    if not gpu:
        raise SkipRowError(f"the backend {run.backends or '(not stated)'} is not modelled")
    if len(set(gpu)) > 1:
        raise SkipRowError(f"several GPU backends at once ({run.backends}): which one ran is not stated")
    return gpu[0]


def _used(run: Run) -> tuple[str, ...]:
    """The GPUs that took part: all that are named, or those chosen by the options of the run."""
    separator = r",\s+" if ", " in run.gpus else r"/(?!MI\d)|,"
    names = [name.strip() for name in re.split(separator, run.gpus)]
    names = [name for name in names if name and not _VIRTUAL.search(name)]
    chosen = [int(number) for number in re.findall(r"[A-Za-z](\d{1,3})\b", run.devices)]
    if chosen:
        return tuple(names[at] for at in chosen if at < len(names))
    if run.split_mode == "none":
        return tuple(names[run.main_gpu : run.main_gpu + 1])
    shares = [float(share) for share in re.findall(r"\d+(?:\.\d+)?", run.tensor_split)]
    if any(shares):
        return tuple(name for name, share in zip(names, shares, strict=False) if share)
    return tuple(names)


def _with_backend(card: AcceleratorInfo, backend: str) -> AcceleratorInfo:
    """The card with the backend of the run; versions before 2024 call ROCm CUDA, which it is built from."""
    if backend == "cuda" and card.vendor.value == "AMD":
        backend = "rocm"
    return replace(card, backend=Fact(backend, _SOURCE, "reported"))


def _with_threads(rig: Rig, run: Run) -> Rig:
    """The rig with no more cores than the run had threads."""
    cores = rig.cpu.physical_cores.value
    if not run.threads or run.threads < 1 or (cores and cores <= run.threads):
        return rig
    return replace(rig, cpu=replace(rig.cpu, usable_cores=Fact(float(run.threads), _SOURCE, "reported")))
