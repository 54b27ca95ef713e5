"""The CPU probe on captured trees and texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.cpu import cpu_from_cpuinfo_text, cpu_from_dmi, cpu_from_lscpu_text, probe_cpu
from probes.dmi import DmiRecords, ProcessorSocket
from probes.files import parse_cpu_list, parse_cpu_map
from probes.types import Cache, RigError

FIXTURES = Path(__file__).parents[1] / "fixtures"
KIB, MIB = 1024, 1024**2


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def captured(root: Path, name: str) -> Path:
    return plant(root, json.loads((FIXTURES / "sysfs" / f"{name}.json").read_text(encoding="utf-8")))


def lscpu(name: str) -> str:
    return (FIXTURES / "lscpu" / f"{name}.txt").read_text(encoding="utf-8")


def test_hybrid_laptop_cpu(tmp_path: Path) -> None:
    cpu = probe_cpu(captured(tmp_path, "hybrid-i7-1370p"))
    assert cpu.name.value == "13th Gen Intel(R) Core(TM) i7-1370P"
    assert (cpu.sockets.value, cpu.physical_cores.value, cpu.logical_cores.value) == (1, 14, 20)
    assert cpu.performance_cores.value == 6
    assert cpu.caches == (
        Cache(1, 48 * KIB, 6),
        Cache(1, 32 * KIB, 8),
        Cache(2, 2 * MIB, 2),
        Cache(2, 1280 * KIB, 6),
        Cache(3, 24 * MIB, 1),
    )
    assert cpu.isa.value == ("sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni")
    assert not cpu.usable_cores.known


def test_performance_cores_named_by_the_kernel_win(tmp_path: Path) -> None:
    root = captured(tmp_path, "hybrid-i7-1370p")
    plant(root, {"sys/devices/cpu_core/cpus": "0-11\n", "sys/devices/cpu_atom/cpus": "12-19\n"})
    cpu = probe_cpu(root)
    assert (cpu.performance_cores.value, cpu.performance_cores.source) == (6, "/sys/devices/cpu_core/cpus")


def test_arm_chip_with_two_kinds_of_cores(tmp_path: Path) -> None:
    cpu = probe_cpu(captured(tmp_path, "dgx-gb10"))
    assert cpu.name.value == "NVIDIA DGX Spark (Cortex-X925 + Cortex-A725)"
    assert (cpu.physical_cores.value, cpu.performance_cores.value) == (20, 10)
    assert cpu.isa.value == ("asimd", "asimddp", "i8mm", "bf16", "sve", "sve2")
    assert len(cpu.numa) == 1


def test_caches_of_old_kernels_are_counted_by_their_cpu_masks(tmp_path: Path) -> None:
    cpu = probe_cpu(captured(tmp_path, "xeon-4s2c2t-old-kernel"))
    assert (cpu.sockets.value, cpu.physical_cores.value, cpu.logical_cores.value) == (4, 8, 16)
    assert cpu.caches == (Cache(1, 16 * KIB, 8), Cache(2, MIB, 8), Cache(3, 4 * MIB, 4))


def test_affinity_and_quota_limit_the_usable_cores(tmp_path: Path) -> None:
    root = captured(tmp_path, "hybrid-i7-1370p")
    plant(root, {"proc/self/status": "Name:\tx\nCpus_allowed_list:\t0-7,18-63\n"})
    assert probe_cpu(root).usable_cores.value == 10
    plant(root, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cgroup.controllers": "cpu\n"})
    plant(root, {"sys/fs/cgroup/cpu.max": "250000 100000\n"})
    usable = probe_cpu(root).usable_cores
    assert (usable.value, usable.source) == (2.5, "cgroup CPU quota")


def test_offline_cpus_are_not_counted(tmp_path: Path) -> None:
    root = captured(tmp_path, "hybrid-i7-1370p")
    plant(root, {"sys/devices/system/cpu/online": "0-11\n"})
    cpu = probe_cpu(root)
    assert (cpu.physical_cores.value, cpu.logical_cores.value) == (6, 12)


def test_an_empty_tree_is_unknown_with_a_reason(tmp_path: Path) -> None:
    cpu = probe_cpu(tmp_path)
    assert not cpu.name.known
    assert "captured tree" in cpu.name.source


def test_this_machine_is_probed_without_error() -> None:
    cpu = probe_cpu()
    assert cpu.logical_cores.value is None or cpu.logical_cores.value >= 1


def test_amd_memory_encryption_is_not_taken_for_arm_matrix_instructions() -> None:
    cpu = cpu_from_lscpu_text(lscpu("epyc-7252"))
    assert cpu.isa.value == ("sse4_2", "avx", "avx2", "fma", "f16c")


@pytest.mark.parametrize(
    ("name", "brand", "sockets", "cores", "threads"),
    [
        ("core-i7-1065g7", "Intel(R) Core(TM) i7-1065G7 CPU @ 1.30GHz", 1, 4, 8),
        ("epyc-7252", "AMD EPYC 7252 8-Core Processor", 1, 8, 16),
        ("cortex-a72", "Cortex-A72", 1, 16, 16),
        ("xeon-gold-6136-2s", "Intel(R) Xeon(R) Gold 6136 CPU @ 3.00GHz", 2, 24, 48),
    ],
)
def test_lscpu_captures(name: str, brand: str, sockets: int, cores: int, threads: int) -> None:
    cpu = cpu_from_lscpu_text(lscpu(name))
    assert cpu.name.value == brand
    assert (cpu.sockets.value, cpu.physical_cores.value, cpu.logical_cores.value) == (sockets, cores, threads)


def test_lscpu_caches_are_read_where_the_instances_are_given() -> None:
    assert cpu_from_lscpu_text(lscpu("core-i7-1065g7")).caches == (
        Cache(1, 48 * KIB, 4),
        Cache(2, 512 * KIB, 4),
        Cache(3, 8 * MIB, 1),
    )
    assert cpu_from_lscpu_text(lscpu("epyc-7252")).caches == ()


def test_text_that_is_not_lscpu_or_cpuinfo_is_refused() -> None:
    with pytest.raises(RigError, match="lscpu"):
        cpu_from_lscpu_text("Prozessor: keiner\n")
    with pytest.raises(RigError, match="cpuinfo"):
        cpu_from_cpuinfo_text("hello: world\n")


def test_x86_cpuinfo_counts_sockets_and_cores() -> None:
    block = (
        "processor\t: {}\nmodel name\t: AMD  EPYC   7543\n"
        "physical id\t: {}\ncore id\t\t: {}\nflags\t: avx2 fma\n\n"
    )
    text = "".join(block.format(n, n % 2, n // 2 % 2) for n in range(8))
    cpu = cpu_from_cpuinfo_text(text)
    assert cpu.name.value == "AMD EPYC 7543"
    assert (cpu.sockets.value, cpu.physical_cores.value, cpu.logical_cores.value) == (2, 4, 8)


def test_raspberry_pi_is_named_by_its_board() -> None:
    core = "processor\t: {}\nFeatures\t: fp asimd asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\n"
    text = (
        "".join(core.format(n) for n in range(4))
        + "Revision\t: d04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n"
    )
    cpu = cpu_from_cpuinfo_text(text)
    assert cpu.name.value == "Raspberry Pi 5 Model B Rev 1.0 (Cortex-A76)"
    assert (cpu.physical_cores.value, cpu.physical_cores.confidence) == (4, "derived")
    assert cpu.isa.value == ("asimd", "asimddp")


def test_phone_clusters_are_not_sockets(tmp_path: Path) -> None:
    files = {"proc/cpuinfo": "processor: 0\nCPU part: 0xd46\n\nprocessor: 1\nCPU part: 0xd4e\n"}
    for n in (0, 1):
        base = f"sys/devices/system/cpu/cpu{n}"
        files |= {f"{base}/topology/physical_package_id": str(n), f"{base}/topology/core_id": "0"}
        files |= {f"{base}/cpu_capacity": str((300, 1024)[n])}
    cpu = probe_cpu(plant(tmp_path, files))
    assert (cpu.sockets.value, cpu.physical_cores.value, cpu.performance_cores.value) == (1, 2, 1)


def test_a_vms_anonymous_brand_is_kept_as_it_is() -> None:
    assert cpu_from_cpuinfo_text("processor: 0\nmodel name: AMD EPYC\nflags: avx\n").name.value == "AMD EPYC"


def test_cpu_of_a_firmware_table() -> None:
    records = DmiRecords(
        "table",
        processors=(
            ProcessorSocket("CPU0", "Xeon", "Intel", True, 8, 16),
            ProcessorSocket("CPU1", None, None, False),
        ),
    )
    cpu = cpu_from_dmi(records)
    assert (cpu.name.value, cpu.sockets.value, cpu.physical_cores.value, cpu.logical_cores.value) == (
        *("Xeon", 1, 8, 16),
    )
    assert not cpu_from_dmi(DmiRecords("table")).name.known


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (cpu_from_cpuinfo_text, cpu_from_lscpu_text):
        try:
            cpu = parse(text)
        except RigError:
            continue
        assert cpu.logical_cores.value is None or cpu.logical_cores.value > 0


@given(st.frozensets(st.integers(0, 300)))
def test_cpu_lists_and_masks_read_back_what_they_spell(cpus: frozenset[int]) -> None:
    assert parse_cpu_list(",".join(map(str, sorted(cpus)))) == cpus
    assert parse_cpu_map(f"{sum(1 << n for n in cpus):x}") == cpus


@given(st.text())
def test_malformed_cpu_lists_never_raise(text: str) -> None:
    assert all(n >= 0 for n in parse_cpu_list(text) | parse_cpu_map(text))
