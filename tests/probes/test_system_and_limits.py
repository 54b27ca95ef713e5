"""Operating system, hypervisor and container recognition; control group limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from probes.cgroup import read_limits
from probes.dmi import DmiRecords
from probes.system import probe_system, system_from_dmi
from probes.virtual import hypervisor_from_names

MIB = 1024**2


def put(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("vendor", "product", "name"),
    [
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "QEMU"),
        ("VMware, Inc.", "VMware Virtual Platform", "VMware"),
        ("innotek GmbH", "VirtualBox", "VirtualBox"),
        ("Microsoft Corporation", "Virtual Machine", "Hyper-V"),
        ("Microsoft Corporation", "Surface Laptop 5", None),
        ("Amazon EC2", "m5.large", "Amazon EC2"),
        ("Amazon EC2", "m5.metal", None),
        ("Google", "Google Compute Engine", "Google Compute Engine"),
        ("Xen", "HVM domU", "Xen"),
        ("Xenonix", "Workstation", None),
        ("LENOVO", "20L7CTO1WW", None),
        (None, None, None),
    ],
)
def test_hypervisors_are_recognised_by_their_names(
    vendor: str | None, product: str | None, name: str | None
) -> None:
    assert hypervisor_from_names(vendor, product) == name


def test_a_desktop_is_neither_virtual_nor_contained(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/cpuinfo": "processor: 0\nflags: fpu avx2\n",
            "proc/self/cgroup": "0::/user.slice/session-2.scope\n",
            "sys/class/dmi/id/sys_vendor": "LENOVO\n",
            "sys/class/dmi/id/product_name": "30E00009US\n",
            "sys/class/dmi/id/product_version": "ThinkStation P620\n",
        },
    )
    system = probe_system(tmp_path)
    assert (system.os.value, system.virtualization.value, system.container.value) == ("linux", "none", "none")
    assert system.product.value == "LENOVO ThinkStation P620"


def test_a_bare_cloud_machine_is_virtual_by_its_cpu_flag(tmp_path: Path) -> None:
    put(tmp_path, {"proc/cpuinfo": "processor: 0\nflags: fpu hypervisor\n", ".dockerenv": ""})
    system = probe_system(tmp_path)
    assert system.virtualization.value == "unnamed hypervisor"
    assert system.container.value == "docker"
    assert not system.product.known


def test_the_clock_source_names_the_hypervisor(tmp_path: Path) -> None:
    clocks = "sys/devices/system/clocksource/clocksource0/available_clocksource"
    put(
        tmp_path, {"proc/cpuinfo": "processor: 0\nflags: fpu hypervisor\n", clocks: "kvm-clock tsc acpi_pm\n"}
    )
    assert probe_system(tmp_path).virtualization.value == "KVM"


def test_wsl_is_named(tmp_path: Path) -> None:
    put(tmp_path, {"proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n"})
    assert probe_system(tmp_path).virtualization.value == "WSL2"


def test_the_privileged_xen_domain_owns_the_hardware(tmp_path: Path) -> None:
    put(tmp_path, {"proc/xen/capabilities": "control_d\n", "sys/hypervisor/type": "xen\n"})
    assert probe_system(tmp_path).virtualization.value == "none"
    (tmp_path / "proc/xen/capabilities").write_text("")
    assert probe_system(tmp_path).virtualization.value == "Xen"


@pytest.mark.parametrize(
    ("files", "engine"),
    [
        ({"run/.containerenv": ""}, "podman"),
        ({"proc/1/environ": "PATH=/bin\0container=lxc\0"}, "lxc"),
        ({"proc/self/cgroup": "0::/kubepods/burstable/pod1\n"}, "kubernetes"),
        ({"proc/self/cgroup": "0::/\n"}, "none"),
    ],
)
def test_containers_are_recognised(tmp_path: Path, files: dict[str, str], engine: str) -> None:
    put(tmp_path, files | {"proc/version": "Linux"})
    assert probe_system(tmp_path).container.value == engine


def test_nothing_to_read_is_unknown_with_a_reason(tmp_path: Path) -> None:
    system = probe_system(tmp_path)
    assert (system.os.value, system.os.source) == (None, "no /proc to read")


def test_firmware_tables_tell_virtual_from_real_machines() -> None:
    virtual = system_from_dmi(DmiRecords("table", vendor="QEMU", product="Standard PC (Q35)"))
    real = system_from_dmi(DmiRecords("table", vendor="Framework", product="Laptop 13"))
    assert (virtual.virtualization.value, real.virtualization.value) == ("QEMU", "none")
    assert real.product.value == "Framework Laptop 13"
    assert not system_from_dmi(DmiRecords("table")).virtualization.known


def test_no_control_group_is_no_limit(tmp_path: Path) -> None:
    limits = read_limits(tmp_path)
    assert (limits.memory_limit_bytes, limits.memory_headroom_bytes, limits.cpu_quota_cores) == (
        None,
        None,
        None,
    )


def test_the_smallest_limit_of_the_group_and_its_parents_counts(tmp_path: Path) -> None:
    base = "sys/fs/cgroup"
    put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a/b\n",
            f"{base}/cgroup.controllers": "cpu memory",
            f"{base}/a/memory.max": str(512 * MIB),
            f"{base}/a/memory.current": str(300 * MIB),
            f"{base}/a/memory.stat": f"anon 1\ninactive_file {50 * MIB}\n",
            f"{base}/a/cpu.max": "150000 100000",
            f"{base}/a/b/memory.max": "max",
            f"{base}/a/b/memory.high": str(2048 * MIB),
            f"{base}/a/b/cpu.max": "max 100000",
        },
    )
    limits = read_limits(tmp_path)
    assert limits.memory_limit_bytes == 512 * MIB
    assert limits.memory_headroom_bytes == 262 * MIB
    assert limits.cpu_quota_cores == 1.5


def test_version_1_with_an_empty_version_2_beside_it(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/box\n1:cpu,cpuacct:/box\n0::/\n",
            "sys/fs/cgroup/unified/cgroup.controllers": "",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": f"{1024 * MIB}\n",
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": f"{24 * MIB}\n",
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
        },
    )
    limits = read_limits(tmp_path)
    assert (limits.memory_limit_bytes, limits.memory_headroom_bytes) == (1024 * MIB, 1000 * MIB)
    assert limits.cpu_quota_cores == 0.5


def test_unlimited_version_1_is_no_limit(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n1:cpu:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    limits = read_limits(tmp_path)
    assert (limits.memory_limit_bytes, limits.cpu_quota_cores) == (None, None)


def test_inside_a_namespace_the_mount_root_is_read(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/../../system.slice/docker-1.scope\n",
            "sys/fs/cgroup/cgroup.controllers": "memory",
            "sys/fs/cgroup/memory.max": str(256 * MIB),
        },
    )
    assert read_limits(tmp_path).memory_limit_bytes == 256 * MIB
