"""The RAM probe: which source is used, and what is withdrawn when sources disagree."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from probes.cpu import probe_cpu
from probes.dmi import DmiRecords, MemoryDevice
from probes.memory import memory_from_dmi, probe_memory
from probes.system import probe_system
from probes.types import MemoryInfo

CAPTURES = Path(__file__).parents[1] / "fixtures" / "dmi"
T480 = (CAPTURES / "Lenovo-ThinkPad-T480.bin").read_bytes()[0x20:]
GIB = 1024**3

UDEV = "".join(
    f"E:MEMORY_DEVICE_{n}_SIZE={32 * GIB}\nE:MEMORY_DEVICE_{n}_DATA_WIDTH=64\nE:MEMORY_DEVICE_{n}_TYPE=DDR5\n"
    f"E:MEMORY_DEVICE_{n}_LOCATOR=DIMM 1\nE:MEMORY_DEVICE_{n}_BANK_LOCATOR=P0 CHANNEL {'AB'[n]}\n"
    f"E:MEMORY_DEVICE_{n}_SPEED_MTS=5600\nE:MEMORY_DEVICE_{n}_CONFIGURED_SPEED_MTS=5200\n"
    for n in (0, 1)
)


def machine(root: Path, *, total_gib: float = 62.5, **files: str | bytes) -> Path:
    """A captured desktop: files by path, on top of a CPU without a hypervisor."""
    kib = int(total_gib * 1024**2)
    everything: dict[str, str | bytes] = {
        "proc/cpuinfo": "processor: 0\nmodel name: A CPU\nflags: avx2\nphysical id: 0\ncore id: 0\n",
        "proc/meminfo": f"MemTotal:       {kib} kB\nMemAvailable:   {kib // 2} kB\n",
        "proc/self/cgroup": "0::/\n",
        **files,
    }
    for name, content in everything.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def probe(root: Path, limit: int | None = None) -> tuple[MemoryInfo, tuple[str, ...]]:
    return probe_memory(root, probe_cpu(root), probe_system(root), limit)


def test_udevs_record_is_enough_for_everybody(tmp_path: Path) -> None:
    root = machine(tmp_path, **{"run/udev/data/+dmi:id": UDEV})
    memory, notes = probe(root, 2)
    assert memory.total_bytes.value == int(62.5 * GIB)
    assert memory.installed_bytes.value == 64 * GIB
    assert (memory.type.value, memory.channels.value, memory.mts.value) == ("DDR5", 2, 5200)
    assert memory.bandwidth_bytes_per_s.value == 83.2e9
    assert memory.slots.value == 2
    assert memory.measured_bandwidth_bytes_per_s.source == "not measured"
    assert [m.channel for m in memory.modules] == ["P0/A", "P0/B"]
    assert notes == (
        "rated 5600, running 5200 MT/s: XMP or EXPO is off: enable it in the firmware setup, if the CPU and "
        "board allow it: 83.2 → 89.6 GB/s (+8 %)",
    )
    assert [a.kind for a in memory.advice] == ["xmp_off"]
    assert memory.advice[0].possible_bandwidth_bytes_per_s == 89.6e9


def test_the_binary_table_goes_before_udevs_record(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        total_gib=23.4,
        **{"sys/firmware/dmi/tables/DMI": T480, "run/udev/data/+dmi:id": UDEV},
    )
    memory, _ = probe(root)
    assert (memory.type.value, memory.mts.value, memory.installed_bytes.value) == ("DDR4", 2400, 24 * GIB)


def test_records_of_the_dmi_sysfs_module_are_joined(tmp_path: Path) -> None:
    records = {}
    at = 0
    while at + 4 <= len(T480):
        kind, length = T480[at], T480[at + 1]
        end = T480.index(b"\0\0", at + length) + 2
        if kind in (16, 17):
            records[f"sys/firmware/dmi/entries/{kind}-{len(records)}/raw"] = T480[at:end]
        at = end
    memory, _ = probe(machine(tmp_path, total_gib=23.4, **records))
    assert memory.channels.value == 2


def test_a_broken_table_falls_back_and_never_raises(tmp_path: Path) -> None:
    root = machine(tmp_path, **{"sys/firmware/dmi/tables/DMI": b"\1\0", "run/udev/data/+dmi:id": UDEV})
    assert probe(root)[0].channels.value == 2
    (root / "run/udev/data/+dmi:id").write_text("E:ID_VENDOR=x\n")
    memory, notes = probe(root)
    assert not memory.channels.known
    assert any("no SMBIOS structure" in note for note in notes)


def test_a_list_that_is_shorter_than_the_memory_loses_its_channels(tmp_path: Path) -> None:
    memory, notes = probe(machine(tmp_path, total_gib=125, **{"run/udev/data/+dmi:id": UDEV}), 4)
    assert not memory.channels.known
    assert not memory.bandwidth_bytes_per_s.known
    assert memory.mts.value == 5200
    assert any("adds up to 64 GiB but the system has 125" in note for note in notes)


def test_memory_reserved_for_graphics_is_mentioned(tmp_path: Path) -> None:
    memory, notes = probe(machine(tmp_path, total_gib=31, **{"run/udev/data/+dmi:id": UDEV}), 2)
    assert memory.channels.value == 2
    assert any("33.0 of 64 GiB installed are not usable" in note for note in notes)


def test_a_virtual_machines_table_is_ignored(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        **{"run/udev/data/+dmi:id": UDEV, "proc/cpuinfo": "processor: 0\nflags: avx2 hypervisor\n"},
    )
    memory, notes = probe(root, 2)
    assert memory.total_bytes.known
    assert not memory.channels.known
    assert not memory.modules
    assert "virtual machine" in memory.channels.source
    assert len(notes) == 1


def test_ecc_and_gpu_drivers_fill_the_gaps(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {}
    for mc, channel in ((0, 0), (0, 1), (1, 0), (1, 1)):
        base = f"sys/devices/system/edac/mc/mc{mc}/dimm{channel}"
        files |= {
            f"{base}/size": "16384",
            f"{base}/dimm_location": f"channel {channel} slot 0",
            f"{base}/dimm_mem_type": "Registered-DDR4",
        }
    files["sys/class/kfd/kfd/topology/nodes/0/properties"] = "cpu_cores_count 32\nsimd_count 0\n"
    files["sys/class/kfd/kfd/topology/nodes/0/mem_banks/0/properties"] = "heap_type 0\nmem_clk_max 2666\n"
    memory, _ = probe(machine(tmp_path, **files))
    assert (memory.channels.value, memory.type.value, memory.mts.value) == (4, "DDR4", 2666)
    assert memory.bandwidth_bytes_per_s.value == 4 * 8 * 2666e6


def test_a_control_groups_limit_lowers_what_is_available(tmp_path: Path) -> None:
    memory, notes = probe(
        machine(
            tmp_path,
            **{
                "sys/fs/cgroup/cgroup.controllers": "memory",
                "sys/fs/cgroup/memory.max": str(8 * GIB),
                "sys/fs/cgroup/memory.current": str(2 * GIB),
            },
        )
    )
    assert (memory.limit_bytes.value, memory.available_bytes.value) == (8 * GIB, 6 * GIB)
    assert any("limits this process to 8 of 62.5 GiB" in note for note in notes)


def test_a_table_that_only_root_may_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = machine(tmp_path, **{"sys/firmware/dmi/tables/DMI": T480})
    opened = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "DMI":
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    _, notes = probe(root)
    assert any("run once as root" in note for note in notes)


def test_an_empty_tree_is_unknown_throughout(tmp_path: Path) -> None:
    memory, notes = probe(tmp_path)
    assert not memory.total_bytes.known
    assert len(notes) == 1


def test_captured_records_alone_give_total_and_bandwidth() -> None:
    device = MemoryDevice(
        "ChannelA-DIMM0", size_bytes=32 * GIB, type="DDR5", configured_mts=4800, data_bits=64
    )
    memory, _ = memory_from_dmi(DmiRecords("capture", devices=(device,)))
    assert (memory.total_bytes.value, memory.total_bytes.confidence) == (32 * GIB, "derived")
    assert memory.bandwidth_bytes_per_s.value == 38.4e9
    assert not memory.available_bytes.known


def test_windows_buffers_hold_the_same_table() -> None:
    from probes.smbios import parse_smbios

    buffer = struct.pack("<BBBBI", 0, 3, 1, 0, len(T480)) + T480
    memory, _ = memory_from_dmi(parse_smbios(buffer, "GetSystemFirmwareTable"))
    assert memory.bandwidth_bytes_per_s.value == 38.4e9
    assert memory.channels.source == "GetSystemFirmwareTable"
