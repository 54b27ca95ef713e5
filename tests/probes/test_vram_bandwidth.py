"""GPU memory measured through libraries that are not here: stand-ins with the calls that they document.

torch: docs.pytorch.org (torch.cuda, torch.xpu); CuPy: docs.cupy.dev (cupy.cuda.Device, cuda.runtime);
Numba: numba.readthedocs.io (numba.cuda device management, device arrays).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from probes import vram_bandwidth
from probes.gpu import GpuProbe
from probes.hypothetical import hypothetical_rig
from probes.probe import probe_rig
from probes.rigfile import rig_from_document, rig_to_document
from probes.types import AcceleratorInfo, Fact
from probes.vram_bandwidth import measure_vram

GIB = 1024**3


class Gpu:
    """A GPU with a clock: a copy takes its bytes, read and written, over its bandwidth."""

    def __init__(self, name: str, gbs: float, free: int = 8 * GIB) -> None:
        self.name, self.gbs, self.free = name, gbs, free
        self.queued_bytes = 0
        self.waits = 0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(vram_bandwidth, "time", clock)
    for name in ("torch", "cupy", "numba", "numba.cuda"):
        monkeypatch.setitem(sys.modules, name, None)  # not installed
    return clock


class Array:
    def __init__(self, gpu: Gpu, size: int) -> None:
        if 2 * size > gpu.free:
            raise RuntimeError("CUDA out of memory.\nTried to allocate")
        self.gpu, self.size = gpu, size

    def copy_(self, source: Array) -> Array:
        assert source.gpu is self.gpu
        assert source.size == self.size
        self.gpu.queued_bytes += 2 * self.size
        return self

    copy_to_device = copy_


def drain(gpu: Gpu, clock: Clock) -> None:
    clock.now += gpu.queued_bytes / (gpu.gbs * 1e9)
    gpu.queued_bytes = 0
    gpu.waits += 1


def torch_of(gpus: list[Gpu], clock: Clock, kind: str = "cuda") -> Any:
    module = SimpleNamespace(
        is_available=lambda: bool(gpus),
        device_count=lambda: len(gpus),
        mem_get_info=lambda n: (gpus[n].free, 2 * gpus[n].free),
        get_device_properties=lambda n: SimpleNamespace(name=gpus[n].name),
        synchronize=lambda n: drain(gpus[n], clock),
    )
    none = SimpleNamespace(is_available=lambda: False)

    def array(size: int, *, device: str, **_: object) -> Array:
        where, _, number = device.partition(":")
        assert where == kind
        return Array(gpus[int(number)], size)

    torch: Any = ModuleType("torch")
    torch.uint8 = "uint8"
    torch.ones = torch.zeros = array
    torch.cuda, torch.xpu = (module, none) if kind == "cuda" else (none, module)
    return torch


class Current:
    """A device as a context manager that makes it the current one."""

    stack: list[Gpu] = []  # noqa: RUF012 - one per process, as in the libraries

    def __init__(self, gpu: Gpu, clock: Clock) -> None:
        self.gpu, self.clock = gpu, clock

    def __enter__(self) -> Current:
        Current.stack.append(self.gpu)
        return self

    def __exit__(self, *_: object) -> None:
        Current.stack.pop()

    def synchronize(self) -> None:
        drain(self.gpu, self.clock)


def cupy_of(gpus: list[Gpu], clock: Clock) -> Any:
    cupy: Any = ModuleType("cupy")
    runtime = SimpleNamespace(
        getDeviceCount=lambda: len(gpus),
        getDeviceProperties=lambda n: {"name": gpus[n].name.encode()},
        memGetInfo=lambda: (Current.stack[-1].free, 0),
    )
    cupy.cuda = SimpleNamespace(runtime=runtime, Device=lambda n: Current(gpus[n], clock))
    cupy.ones = cupy.zeros = lambda size, **_: Array(Current.stack[-1], size)
    cupy.copyto = lambda target, source: target.copy_(source)
    return cupy


def numba_of(gpus: list[Gpu], clock: Clock) -> Any:
    cuda: Any = ModuleType("numba.cuda")
    cuda.is_available = lambda: bool(gpus)
    cuda.gpus = [Current(gpu, clock) for gpu in gpus]
    cuda.get_current_device = lambda: SimpleNamespace(name=Current.stack[-1].name.encode())
    memory = SimpleNamespace
    cuda.current_context = lambda: SimpleNamespace(
        get_memory_info=lambda: memory(free=Current.stack[-1].free, total=0)
    )
    cuda.device_array = lambda size, **_: Array(Current.stack[-1], size)
    cuda.synchronize = lambda: drain(Current.stack[-1], clock)
    return cuda


def install(monkeypatch: pytest.MonkeyPatch, library: str, module: Any) -> None:
    if library == "numba.cuda":
        parent: Any = ModuleType("numba")
        parent.cuda = module
        monkeypatch.setitem(sys.modules, "numba", parent)
    monkeypatch.setitem(sys.modules, library, module)


def cards(*names: str) -> tuple[AcceleratorInfo, ...]:
    return hypothetical_rig(list(names), None, None).accelerators


@pytest.mark.parametrize(
    ("library", "make"), [("torch", torch_of), ("cupy", cupy_of), ("numba.cuda", numba_of)]
)
def test_a_copy_counts_reading_and_writing(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, library: str, make: Any
) -> None:
    gpu = Gpu("NVIDIA GeForce RTX 4090", 907.0)
    install(monkeypatch, library, make([gpu], clock))
    (found,), notes = measure_vram(cards("RTX 4090"))
    fact = found.measured_bandwidth_bytes_per_s
    assert fact.value == pytest.approx(907e9)
    assert fact.confidence == "measured"
    assert library in fact.source
    assert "907 GB/s measured, 90% of 1008 GB/s" in notes[0]
    assert gpu.waits == 6  # once to warm up, then after each repeat
    rig = hypothetical_rig(["RTX 4090"], None, None)
    rig = replace(rig, accelerators=(found,))
    assert rig_from_document(rig_to_document(rig)) == rig


def test_two_kinds_of_cards_are_told_apart_by_name(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [Gpu("NVIDIA GeForce RTX 3090", 850.0), Gpu("NVIDIA GeForce RTX 4090", 900.0)]
    install(monkeypatch, "torch", torch_of(seen, clock))  # CUDA lists the faster first, NVML by bus
    found, _ = measure_vram(cards("RTX 4090", "RTX 3090"))
    assert [g.measured_bandwidth_bytes_per_s.value for g in found] == pytest.approx([900e9, 850e9])


def test_an_intel_card_is_measured_through_torch_xpu(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "torch", torch_of([Gpu("Intel(R) Arc(TM) B580 Graphics", 400.0)], clock, "xpu"))
    (found,), _ = measure_vram(cards("Arc B580"))
    assert found.measured_bandwidth_bytes_per_s.value == pytest.approx(400e9)


def test_a_card_that_the_library_does_not_list_stays_unknown(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "torch", torch_of([Gpu("NVIDIA GeForce RTX 4090", 900.0)], clock))
    found, notes = measure_vram(cards("RTX 4090", "RX 7900 XTX"))
    assert found[0].measured_bandwidth_bytes_per_s.known
    assert not found[1].measured_bandwidth_bytes_per_s.known
    assert any("does not list this GPU" in n for n in notes)


def test_too_little_free_memory_is_said(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "torch", torch_of([Gpu("RTX 4090", 900.0, free=100 * 1024**2)], clock))
    (found,), notes = measure_vram(cards("RTX 4090"))
    assert not found.measured_bandwidth_bytes_per_s.known
    assert "less than 256 MiB are free" in found.measured_bandwidth_bytes_per_s.source
    assert "\n" not in notes[0]


def test_a_library_without_a_gpu_or_broken_is_passed_over(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "torch", torch_of([], clock))

    def broken() -> int:
        raise OSError("CUDA driver version is insufficient")

    cupy = cupy_of([], clock)
    cupy.cuda.runtime.getDeviceCount = broken
    install(monkeypatch, "cupy", cupy)
    (found,), notes = measure_vram(cards("RTX 4090"))
    because = found.measured_bandwidth_bytes_per_s.source
    assert "torch: sees no GPU; cupy: OSError; numba.cuda: not installed" in because
    assert len(notes) == 1


def test_a_measurement_above_the_specification_is_said(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "torch", torch_of([Gpu("RTX 4090", 2000.0)], clock))
    _, notes = measure_vram(cards("RTX 4090"))
    assert "the specified bandwidth must be wrong" in notes[0]


def test_what_a_library_prints_does_not_reach_standard_output(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = torch_of([Gpu("RTX 4090", 900.0)], clock)
    available = torch.cuda.is_available

    def loud() -> bool:
        print("initializing driver")
        return bool(available())

    torch.cuda.is_available = loud
    install(monkeypatch, "torch", torch)
    (found,), _ = measure_vram(cards("RTX 4090"))
    assert found.measured_bandwidth_bytes_per_s.known
    assert capsys.readouterr().out == ""


def test_without_a_gpu_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vram_bandwidth, "devices", lambda: pytest.fail("looked for libraries"))
    assert measure_vram(()) == ((), ("GPU memory not measured: no GPU was found.",))


def test_probing_measures_gpu_memory_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.probe._nvidia", lambda _: GpuProbe(cards("RTX 4090")))
    asked: list[Any] = []

    def measured(gpus: Any) -> Any:
        asked.append(gpus)
        fact = Fact(1e12, "made up", "measured")
        return tuple(replace(g, measured_bandwidth_bytes_per_s=fact) for g in gpus), ("measured.",)

    monkeypatch.setattr("probes.vram_bandwidth.measure_vram", measured)
    assert not probe_rig(use_cache=False).accelerators[0].measured_bandwidth_bytes_per_s.known
    assert not asked
    rig = probe_rig(use_cache=False, measure_vram=True)
    assert rig.accelerators[0].measured_bandwidth_bytes_per_s.value == 1e12
    assert "measured." in rig.notes
