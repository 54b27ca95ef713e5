"""Locked memory, huge pages and swap; chiplets, threads and distances of the CPU.  Synthetic trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from probes.cpu import cpu_from_lscpu_text, probe_cpu
from probes.limits import with_limits
from probes.unknowns import unknown_system

MIB = 1024**2


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


LIMITS = (
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max locked memory         {}              unlimited              bytes     \n"
)


def test_limits_of_a_process_and_its_system(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/self/limits": LIMITS.format("8388608"),
            "proc/swaps": "Filename Type Size Used Priority\n/dev/dm-1 partition 8388604 0 -2\n"
            "/dev/zram0 partition 4194300 0 100\n",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
            "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "512\n",
            "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "2\n",
        },
    )
    system = with_limits(unknown_system("test"), tmp_path)
    assert system.memlock_bytes.value == 8 * MIB
    assert system.swap_bytes.value == (8388604 + 4194300) * 1024
    assert "zram" in system.swap_bytes.source
    assert system.transparent_huge_pages.value == "madvise"
    assert system.huge_pages_bytes.value == 512 * 2 * MIB + 2 * 1024 * MIB


def test_no_limit_is_not_a_number_and_no_file_a_reason(tmp_path: Path) -> None:
    empty = with_limits(unknown_system("test"), tmp_path / "nothing")
    assert not any(f.known for f in (empty.memlock_bytes, empty.swap_bytes, empty.huge_pages_bytes))
    put(tmp_path, {"proc/self/limits": LIMITS.format("unlimited"), "proc/swaps": "Filename Type Size\n"})
    system = with_limits(unknown_system("test"), tmp_path)
    assert (system.memlock_bytes.value, system.memlock_bytes.source) == (None, "no limit")
    assert system.swap_bytes.value == 0


def epyc(root: Path, family: int, model: int, caches: int, cores_each: int, flags: str = "fpu avx2") -> Path:
    """A one-socket AMD CPU whose cores share ``caches`` L3 caches."""
    blocks = []
    for cpu in range(caches * cores_each):
        group = range(cpu // cores_each * cores_each, (cpu // cores_each + 1) * cores_each)
        base = f"sys/devices/system/cpu/cpu{cpu}"
        put(
            root,
            {
                f"{base}/topology/physical_package_id": "0\n",
                f"{base}/topology/core_id": f"{cpu}\n",
                f"{base}/topology/core_cpus_list": f"{cpu}\n",
                f"{base}/cache/index3/level": "3\n",
                f"{base}/cache/index3/type": "Unified\n",
                f"{base}/cache/index3/size": "32768K\n",
                f"{base}/cache/index3/shared_cpu_list": f"{group[0]}-{group[-1]}\n",
            },
        )
        blocks.append(
            f"processor\t: {cpu}\nvendor_id\t: AuthenticAMD\ncpu family\t: {family}\nmodel\t\t: {model}\n"
            f"model name\t: AMD EPYC test\nphysical id\t: 0\ncore id\t\t: {cpu}\nflags\t\t: {flags}\n"
        )
    return put(root, {"proc/cpuinfo": "\n".join(blocks)})


@pytest.mark.parametrize(
    ("family", "model", "caches", "ccds"),
    [
        (25, 0x11, 4, 4),  # Zen 4: an L3 cache per chiplet
        (26, 0x02, 4, 4),
        (23, 0x31, 4, 2),  # Zen 2: two per chiplet
        (23, 0x01, 2, 1),
        (25, 0xA0, 4, 2),  # Zen 4c server: two per chiplet
    ],
)
def test_chiplets_follow_from_the_l3_caches(
    family: int, model: int, caches: int, ccds: int, tmp_path: Path
) -> None:
    assert probe_cpu(epyc(tmp_path, family, model, caches, 2)).ccds.value == ccds


def test_a_virtual_machines_caches_tell_no_chiplets(tmp_path: Path) -> None:
    ccds = probe_cpu(epyc(tmp_path, 25, 0x11, 2, 2, "fpu avx2 hypervisor")).ccds
    assert (ccds.value, "virtual" in ccds.source) == (None, True)


def test_distances_between_nodes_are_kept(tmp_path: Path) -> None:
    root = epyc(tmp_path, 25, 0x11, 1, 2)
    for node, distance in ((0, "10 21"), (1, "21 10"), (2, "garbage")):
        put(root, {f"sys/devices/system/node/node{node}/distance": distance + "\n"})
        put(root, {f"sys/devices/system/node/node{node}/cpulist": "0-1\n" if node == 0 else "\n"})
    assert [n.distances for n in probe_cpu(root).numa] == ["10 21", "21 10", None]
    assert [n.cpus for n in probe_cpu(root).numa] == ["0-1", "", ""]


def test_threads_per_core_of_lscpu() -> None:
    cpu = cpu_from_lscpu_text("CPU(s): 16\nThread(s) per core: 2\nCore(s) per socket: 8\nSocket(s): 1\n")
    assert cpu.threads_per_core.value == 2
