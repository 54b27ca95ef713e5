"""The orchestrator: isolation, timeouts, steps, unified memory, and a calm answer on a bare machine."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from probes import probe
from probes.bandwidth import BandwidthMeasurement
from probes.gpu import GpuProbe
from probes.probe import STEPS, probe_rig
from probes.rigchecks import contradictions
from probes.rigfile import rig_from_document, rig_to_document
from probes.types import AcceleratorInfo, Fact, MemoryInfo, Rig, unknown
from probes.unified import settle_unified, share_of_ram
from probes.unknowns import first_known, unknown_cpu, unknown_memory

GIB = 1024**3


def gpu(vendor: str = "NVIDIA", **facts: Fact[object]) -> AcceleratorInfo:
    base = AcceleratorInfo(
        name=Fact("a GPU", "test", "reported"),
        vendor=Fact(vendor, "test", "reported"),
        vram_bytes=unknown("test"),
        free_bytes=unknown("test"),
        bandwidth_bytes_per_s=unknown("test"),
        unified=Fact(True, "test", "reported"),
        pcie=unknown("test"),
        architecture=unknown("test"),
        fp16_flops=unknown("test"),
    )
    return replace(base, **facts)  # type: ignore[arg-type]


def ram(total_gib: int = 64, bandwidth: float | None = None, available_gib: int = 50) -> MemoryInfo:
    memory = replace(
        unknown_memory("test"),
        total_bytes=Fact(total_gib * GIB, "test", "reported"),
        available_bytes=Fact(available_gib * GIB, "test", "reported"),
    )
    if bandwidth is not None:
        memory = replace(memory, bandwidth_bytes_per_s=Fact(bandwidth, "test", "reported"))
    return memory


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A file system with a CPU and RAM and nothing else (synthetic)."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\n")
    (tmp_path / "proc/cpuinfo").write_text(
        "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i7-9700K CPU @ 3.60GHz\n"
        "physical id\t: 0\ncore id\t\t: 0\nsiblings\t: 1\ncpu cores\t: 1\nflags\t\t: fpu avx2 fma\n"
    )
    return tmp_path


def test_this_machine_gives_a_rig_that_can_be_written_and_read() -> None:
    rig = probe_rig(use_cache=False)
    assert rig.name == "this machine"
    assert rig.memory.total_bytes.known
    assert rig.cpu.logical_cores.known
    assert not list(contradictions(rig))
    assert rig_from_document(json.loads(json.dumps(rig_to_document(rig)))) == rig


def test_a_bare_machine_says_what_is_unknown_and_what_would_tell(bare: Path) -> None:
    rig = probe_rig(bare)
    assert rig.accelerators == ()
    assert rig.cpu.name.value is not None
    text = " ".join(rig.notes)
    assert "no GPU found" in text
    assert "memory" in text
    assert rig.memory.channels.value is None


def test_every_step_is_announced_and_ended(bare: Path) -> None:
    seen: list[tuple[str, str]] = []
    probe_rig(bare, on_step=lambda step, status: seen.append((step, status)))
    assert {step for step, _ in seen} == set(STEPS)
    for step in STEPS[:-1]:
        assert (step, "running") in seen
        assert (step, "done") in seen
    assert seen[-1] == ("bandwidth", "skipped")


@pytest.mark.parametrize("step", ["system", "cpu", "memory", "nvidia", "amd", "pci"])
def test_a_probe_that_raises_costs_only_its_own_facts(
    bare: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("bad\nfirmware")

    monkeypatch.setattr(probe, f"_{step}", broken)
    seen: list[tuple[str, str]] = []
    rig = probe_rig(bare, on_step=lambda *s: seen.append(s))
    assert (step, "failed") in seen
    assert f"the {step} probe failed: ZeroDivisionError: bad firmware; its facts are unknown." in rig.notes
    assert rig.memory.total_bytes.known is (step != "memory")
    assert rig.cpu.logical_cores.known is (step != "cpu")
    assert rig_from_document(rig_to_document(rig)) == rig


def test_a_probe_that_hangs_is_left_behind(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hanging(*_: object) -> GpuProbe:
        release.wait(30)
        return GpuProbe()

    monkeypatch.setattr(probe, "_nvidia", hanging)
    monkeypatch.setattr(probe, "TIMEOUTS_S", {**probe.TIMEOUTS_S, "nvidia": 0.05})
    seen: list[tuple[str, str]] = []
    rig = probe_rig(bare, on_step=lambda *s: seen.append(s))
    release.set()
    assert ("nvidia", "timeout") in seen
    assert any("did not answer within 0.05 s" in n for n in rig.notes)
    assert rig.cpu.name.known


def test_a_broken_catalog_does_not_cost_the_ram_size(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from catalog.types import CatalogError

    def broken(_: str | None) -> None:
        raise CatalogError("cpu_families.csv cannot be read")

    monkeypatch.setattr(probe, "cpu_family", broken)
    rig = probe_rig(bare)
    assert rig.memory.total_bytes.value == 16000000 * 1024
    assert any("cpu_families.csv" in n for n in rig.notes)


def test_contradicting_facts_are_dropped(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = gpu(
        unified=Fact(False, "test", "reported"),
        vram_bytes=Fact(8 * GIB, "test", "reported"),
        free_bytes=Fact(9 * GIB, "test", "reported"),
    )
    monkeypatch.setattr(probe, "_nvidia", lambda _: GpuProbe((odd,)))
    rig = probe_rig(bare)
    assert rig.accelerators[0].vram_bytes.value == 8 * GIB
    assert not rig.accelerators[0].free_bytes.known
    assert any("contradictory" in n for n in rig.notes)


def test_a_remembered_measurement_is_used_and_a_new_one_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIG_ADVISOR_CACHE_DIR", str(tmp_path))
    assert not probe_rig().memory.measured_bandwidth_bytes_per_s.known
    calls = []

    def measured(*arguments: object) -> BandwidthMeasurement:
        calls.append(arguments)
        return BandwidthMeasurement(33e9, 2, 28e9, 0.02, 1.0)

    monkeypatch.setattr("probes.bandwidth.measure_ram_bandwidth", measured)
    first = probe_rig(measure=True)
    assert first.memory.measured_bandwidth_bytes_per_s.value == 33e9
    assert first.memory.measured_bandwidth_bytes_per_s.confidence == "measured"
    again = probe_rig()
    assert again.memory.measured_bandwidth_bytes_per_s.value == 33e9
    assert not probe_rig(use_cache=False).memory.measured_bandwidth_bytes_per_s.known
    assert len(calls) == 1


def test_a_measurement_that_fails_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from probes.bandwidth import MeasurementSkippedError

    def skipped(*_: object) -> None:
        raise MeasurementSkippedError("bandwidth not measured: 512 MiB of free memory are needed")

    monkeypatch.setenv("RIG_ADVISOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("probes.bandwidth.measure_ram_bandwidth", skipped)
    rig = probe_rig(measure=True)
    assert not rig.memory.measured_bandwidth_bytes_per_s.known
    assert any("512 MiB of free memory" in n for n in rig.notes)


def test_probing_imports_neither_numpy_nor_a_terminal_library() -> None:
    code = (
        "import sys; from probes.probe import probe_rig; from probes.rigfile import rig_to_json;"
        "rig_to_json(probe_rig(use_cache=False));"
        "print([m for m in ('numpy', 'textual', 'rich', 'pynvml', 'jsonschema') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    loaded = done.stdout.strip()
    assert loaded in ("[]", "['pynvml']")  # the second where a driver is installed


# --- unified memory --------------------------------------------------------------------------


def test_a_unified_gpu_has_the_bandwidth_of_the_ram() -> None:
    second: Fact[object] = Fact(120e9, "kfd", "derived")
    memory, (settled,), notes = settle_unified(
        ram(bandwidth=128e9), (gpu("AMD", bandwidth_bytes_per_s=second),)
    )
    assert settled.bandwidth_bytes_per_s.value == 128e9
    assert memory.bandwidth_bytes_per_s.value == 128e9
    assert notes == ()


def test_ram_that_cannot_be_read_takes_the_chips_bandwidth() -> None:
    table: Fact[object] = Fact(273e9, "catalog", "table")
    memory, (settled,), _ = settle_unified(ram(), (gpu(bandwidth_bytes_per_s=table),))
    assert memory.bandwidth_bytes_per_s.value == 273e9
    assert memory.bandwidth_bytes_per_s.confidence == "table"
    assert settled.bandwidth_bytes_per_s.value == 273e9


def test_two_readings_of_one_pool_that_differ_are_noted() -> None:
    second: Fact[object] = Fact(256e9, "kfd", "derived")
    _, _, notes = settle_unified(ram(bandwidth=128e9), (gpu("AMD", bandwidth_bytes_per_s=second),))
    assert any("256 GB/s" in n and "128 GB/s" in n for n in notes)


def test_an_unknown_share_of_ram_is_the_drivers_default_as_a_guess() -> None:
    _, (spark,), _ = settle_unified(ram(120, available_gib=100), (gpu("NVIDIA"),))
    assert (spark.vram_bytes.value, spark.free_bytes.value) == (120 * GIB, 100 * GIB)
    _, (apu,), _ = settle_unified(ram(64), (gpu("AMD"),))
    assert (apu.vram_bytes.value, apu.vram_bytes.confidence) == (32 * GIB, "guess")
    assert share_of_ram("Apple", 128 * GIB) == pytest.approx(107.52 * GIB)
    assert share_of_ram("Apple", 24 * GIB) == pytest.approx(0.74 * 24 * GIB)


def test_a_bios_carve_out_counts_as_installed_ram() -> None:
    pool = gpu("AMD", vram_bytes=Fact(95 * GIB, "test", "reported"))
    memory, gpus, _ = settle_unified(ram(62), (pool,), 64 * GIB)
    assert memory.installed_bytes.value == 126 * GIB
    system = probe_rig(use_cache=False).system
    assert not list(contradictions(Rig("apu", system, unknown_cpu("test"), memory, gpus)))


def test_discrete_cards_are_left_alone() -> None:
    card = gpu(unified=Fact(False, "test", "reported"))
    assert settle_unified(ram(), (card,)) == (ram(), (card,), ())


def test_the_first_source_that_knows_a_fact_counts() -> None:
    joined = first_known((ram(), ram(128, bandwidth=50e9)), unknown_memory("nothing"))
    assert joined.total_bytes.value == 64 * GIB
    assert joined.bandwidth_bytes_per_s.value == 50e9
    assert joined.mts.source == "nothing"
