"""Macs from recorded commands: ``sysctl`` and ``system_profiler``, each of them also missing or broken.

Shapes: ``sysctl`` names from the sysctl(3) manual and <sys/sysctl.h>; the M5 Max's perflevels and the
``proc 18:6:0:12`` form as seen on Mac17,6.  Values that identify a machine are made up, to see that none
of them comes out.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probes import macos_live, probe
from probes.capture import rig_from_captures
from probes.commands import Output
from probes.macos_sysctl import (
    cpu_from_sysctl,
    memory_from_sysctl,
    parse_sysctl,
    system_from_sysctl,
    wired_limit_bytes,
)
from probes.rigfile import rig_to_json
from probes.types import Cache, RigError
from probes.unknowns import unknown_cpu, unknown_memory, unknown_system

GIB = 1024**3

M5_MAX = """hw.memsize: 137438953472
hw.model: Mac17,6
hw.packages: 1
hw.physicalcpu: 18
hw.logicalcpu: 18
hw.nperflevels: 2
hw.perflevel0.physicalcpu: 6
hw.perflevel0.logicalcpu: 6
hw.perflevel0.l1dcachesize: 131072
hw.perflevel0.l2cachesize: 16777216
hw.perflevel0.cpusperl2: 6
hw.perflevel0.name: Super
hw.perflevel1.physicalcpu: 12
hw.perflevel1.logicalcpu: 12
hw.perflevel1.l1dcachesize: 65536
hw.perflevel1.l2cachesize: 8388608
hw.perflevel1.cpusperl2: 6
hw.perflevel1.name: Performance
hw.optional.arm64: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.arm.FEAT_BF16: 1
hw.optional.arm.FEAT_SME: 1
hw.optional.arm.FEAT_SME2: 1
hw.pagesize: 16384
machdep.cpu.brand_string: Apple M5 Max
iogpu.wired_limit_mb: 0
kern.hv_vmm_present: 0
vm.swapusage: total = 2048.00M  used = 100.25M  free = 1947.75M  (encrypted)
vm.page_free_count: 4000000
"""
INTEL = """hw.memsize: 34359738368
hw.model: MacBookPro16,1
hw.packages: 1
hw.physicalcpu: 8
hw.logicalcpu: 16
hw.l1dcachesize: 32768
hw.l2cachesize: 262144
hw.l3cachesize: 16777216
hw.optional.avx2_0: 1
machdep.cpu.brand_string: Intel(R) Core(TM) i9-9880H CPU @ 2.30GHz
machdep.cpu.features: FPU VME SSE4.2 AVX1.0 FMA F16C
machdep.cpu.leaf7_features: AVX2 BMI2
"""
PROFILER = json.dumps(
    {
        "SPHardwareDataType": [
            {
                "chip_type": "Apple M5 Max",
                "machine_model": "Mac17,6",
                "number_processors": "proc 18:6:0:12",
                "physical_memory": "128 GB",
                "serial_number": "C02SERIAL99",
                "platform_UUID": "AAAA-BBBB-CCCC",
                "provisioning_UDID": "0000-UDID",
            }
        ],
        "SPMemoryDataType": [{"dimm_type": "LPDDR5", "dimm_manufacturer": "Micron"}],
        "SPDisplaysDataType": [
            {"sppci_model": "Apple M5 Max", "sppci_cores": "40", "spdisplays_vendor": "sppci_vendor_Apple"}
        ],
    }
)


def test_the_fastest_level_counts_as_performance_whatever_its_name() -> None:
    cpu = cpu_from_sysctl(parse_sysctl(M5_MAX))
    assert (cpu.name.value, cpu.physical_cores.value, cpu.logical_cores.value) == ("Apple M5 Max", 18, 18)
    assert (cpu.performance_cores.value, cpu.efficiency_cores.value) == (6, 12)
    assert cpu.isa.value == ("neon", "asimd", "asimddp", "i8mm", "bf16", "sme", "sme2")
    assert Cache(2, 16777216, 1) in cpu.caches
    assert Cache(2, 8388608, 2) in cpu.caches


def test_an_intel_mac_has_threads_and_an_l3() -> None:
    cpu = cpu_from_sysctl(parse_sysctl(INTEL))
    assert (cpu.physical_cores.value, cpu.logical_cores.value, cpu.threads_per_core.value) == (8, 16, 2)
    assert cpu.isa.value == ("sse4_2", "avx", "avx2", "fma", "f16c")
    assert cpu.caches[-1] == Cache(3, 16777216, 1)
    assert not cpu.performance_cores.known


def test_memory_and_system_of_a_mac() -> None:
    values = parse_sysctl(M5_MAX)
    memory, system = memory_from_sysctl(values), system_from_sysctl(values)
    assert memory.total_bytes.value == 128 * GIB
    assert memory.available_bytes.value == 4000000 * 16384
    assert (system.product.value, system.virtualization.value) == ("Mac17,6", "none")
    assert system.swap_bytes.value == 2048 * 1024**2


@pytest.mark.parametrize(
    ("line", "limit"),
    [
        ("iogpu.wired_limit_mb: 0", None),
        ("iogpu.wired_limit_mb: 122880", 120 * GIB),
        ("debug.iogpu.wired_limit: 0", None),
        ("debug.iogpu.wired_limit: 21474836480", 20 * GIB),
        ("hw.ncpu: 8", None),
    ],
)
def test_a_wired_limit_of_zero_is_the_systems_default(line: str, limit: int | None) -> None:
    assert wired_limit_bytes(parse_sysctl(line)) == limit


def test_a_virtual_mac_has_no_gpu() -> None:
    text = M5_MAX.replace("Mac17,6", "VirtualMac2,1").replace("hv_vmm_present: 0", "hv_vmm_present: 1")
    system = system_from_sysctl(parse_sysctl(text))
    assert system.virtualization.value == "Apple Virtualization"


def answers(**by_command: Output) -> object:
    def run(argv: list[str], *_: object) -> Output:
        return by_command[argv[0]]

    return run


def test_both_commands_together_know_cores_caches_gpu_and_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limited = M5_MAX.replace("wired_limit_mb: 0", "wired_limit_mb: 122880")
    monkeypatch.setattr(macos_live, "run", answers(system_profiler=Output(PROFILER), sysctl=Output(limited)))
    monkeypatch.setattr("sys.platform", "darwin")
    result = probe._desktop(unknown_system("test"), unknown_cpu("test"), unknown_memory("test"))
    assert result is not None
    system, cpu, memory, gpus, _ = result
    assert (system.os.value, system.product.value) == ("macos", "Mac17,6")
    assert (cpu.performance_cores.value, cpu.physical_cores.value) == (6, 18)
    assert cpu.caches
    (gpu,) = gpus.accelerators
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(614e9)
    assert gpu.vram_bytes.value == 120 * GIB
    assert memory.bandwidth_bytes_per_s.value == pytest.approx(614.4e9)
    assert memory.total_bytes.value == 128 * GIB


BROKEN = [
    Output("", "`it` is not installed"),
    Output("", "`it` did not answer within 10 s", timed_out=True),
    Output("\ufffd\ufffd garbage { [ <"),
    Output("", "`it` printed nothing (exit status 1)"),
    Output('{"SPHardwareDataType": 7}'),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_without_system_profiler_sysctl_still_tells_the_chip(
    broken: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(macos_live, "run", answers(system_profiler=broken, sysctl=Output(M5_MAX)))
    found = macos_live.probe_mac()
    assert found.cpu.physical_cores.value == 18
    assert [g.vendor.value for g in found.gpus.accelerators] == ["Apple"]
    assert any("system_profiler" in n or "`it`" in n for n in found.gpus.notes)


@pytest.mark.parametrize("broken", BROKEN)
def test_without_sysctl_system_profiler_still_tells_the_gpu(
    broken: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(macos_live, "run", answers(system_profiler=Output(PROFILER), sysctl=broken))
    found = macos_live.probe_mac()
    assert found.gpus.accelerators[0].bandwidth_bytes_per_s.value == pytest.approx(614e9)
    assert any("sysctl" in n or "`it`" in n for n in found.gpus.notes)


@pytest.mark.parametrize("broken", BROKEN)
def test_without_both_it_is_a_reason(broken: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(macos_live, "run", answers(system_profiler=broken, sysctl=broken))
    with pytest.raises(RigError):
        macos_live.probe_mac()


def test_both_captures_make_one_mac_without_its_serial_numbers(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(M5_MAX.replace("wired_limit_mb: 0", "wired_limit_mb: 122880"))
    (tmp_path / "b").write_text(PROFILER)
    for files in ([tmp_path / "a", tmp_path / "b"], [tmp_path / "b", tmp_path / "a"]):
        rig = rig_from_captures(files)
        assert len(rig.accelerators) == 1
        assert rig.accelerators[0].vram_bytes.value == 120 * GIB
        assert rig.accelerators[0].bandwidth_bytes_per_s.value == pytest.approx(614e9)
        assert rig.cpu.efficiency_cores.value == 12
        text = rig_to_json(rig)
        assert not any(secret in text for secret in ("C02SERIAL99", "AAAA-BBBB", "0000-UDID"))
