"""Sources of RAM facts that no permissively licensed capture shows; all made by hand after documentation.

Win32_PhysicalMemory with bank labels (Microsoft's class reference), ``system_profiler`` of Intel Macs,
EDAC and HMAT in sysfs (the kernel's edac and numaperf documents), SMBIOS of a Strix Halo board (AGESA's
naming), udev's record cut at its buffer.
"""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.hardware import match_cpu_family
from probes.capture import rig_from_captures
from probes.cpu import probe_cpu
from probes.edac import read_edac
from probes.hmat import read_hmat
from probes.memory import probe_memory, without_refuted_theory
from probes.smbios import parse_smbios
from probes.system import probe_system
from probes.types import Fact, MemoryInfo, Rig
from probes.udev_dmi import UDEV_BUFFER_BYTES, parse_udev_dmi
from probes.unknowns import unknown_memory

GIB = 1024**3


def read(tmp_path: Path, name: str, content: str | bytes) -> Rig:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return rig_from_captures([path])


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


# --- Windows -----------------------------------------------------------------------------------


def cim_module(locator: str, bank: str, **more: object) -> dict[str, object]:
    return {
        "BankLabel": bank,
        "Capacity": 34359738368,
        "ConfiguredClockSpeed": 4800,
        "DataWidth": 64,
        "DeviceLocator": locator,
        "FormFactor": 8,
        "PartNumber": "CMK64GX5M2B6000C40  ",
        "SMBIOSMemoryType": 34,
        "Speed": 4800,
        "TotalWidth": 64,
        "CimClass": {"CimClassName": "Win32_PhysicalMemory"},
    } | more


CIM_CPU = {
    "Name": "AMD Ryzen 9 7950X 16-Core Processor            ",
    "NumberOfCores": 16,
    "NumberOfLogicalProcessors": 32,
    "SocketDesignation": "AM5",
}


def test_windows_modules_with_bank_labels_tell_channels_and_that_the_profile_is_off(tmp_path: Path) -> None:
    modules = [cim_module("DIMM 1", f"P0 CHANNEL {c}") for c in "AB"]
    memory = read(tmp_path, "cim.json", json.dumps([*modules, CIM_CPU])).memory
    assert (memory.type.value, memory.channels.value, memory.channels.confidence) == ("DDR5", 2, "reported")
    assert memory.bandwidth_bytes_per_s.value == 76.8e9
    assert memory.installed_bytes.value == 64 * GIB
    (advice,) = memory.advice
    assert (advice.kind, advice.possible_bandwidth_bytes_per_s) == ("xmp_off", 96e9)


def test_one_windows_module_is_an_object_and_not_a_list(tmp_path: Path) -> None:
    text = json.dumps(cim_module("Controller0-ChannelA-DIMM0", "BANK 0"))
    memory = read(tmp_path, "one.json", text).memory
    assert (memory.channels.value, len(memory.modules)) == (1, 1)


def test_windows_lists_modules_only_so_that_numbers_are_a_guess_until_the_slots_are_known(
    tmp_path: Path,
) -> None:
    modules = [cim_module(f"DIMM {n}", "") for n in (1, 2)]
    guess = read(tmp_path, "cim.json", json.dumps([*modules, CIM_CPU])).memory.channels
    assert (guess.value, guess.confidence) == (2, "guess")
    array = {"MemoryDevices": 2, "MaxCapacityEx": 134217728, "Use": 3}
    sure = read(tmp_path, "array.json", json.dumps([*modules, CIM_CPU, array])).memory
    assert (sure.channels.value, sure.channels.confidence, sure.slots.value) == (2, "derived", 2)
    assert read(tmp_path, "alone.json", json.dumps(modules)).memory.channels.value is None


def test_slots_of_windows_may_come_from_a_file_of_their_own(tmp_path: Path) -> None:
    for name, content in (
        ("memory.json", [cim_module(f"DIMM {n}", "") for n in (1, 2)]),
        ("cpu.json", CIM_CPU),
        ("array.json", {"MemoryDevices": 2, "Use": 3}),
    ):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    rig = rig_from_captures([tmp_path / n for n in ("memory.json", "cpu.json", "array.json")])
    assert (rig.memory.channels.value, rig.memory.channels.confidence) == (2, "derived")


def test_servers_on_windows_are_not_read_by_rules_that_need_the_empty_slots(tmp_path: Path) -> None:
    xeon = CIM_CPU | {"Name": "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", "SocketDesignation": "Proc 1"}
    hpe = {"Manufacturer": "HPE", "Model": "ProLiant DL380 Gen10", "TotalPhysicalMemory": "205000000000"}
    modules = [cim_module(f"PROC 1 DIMM {n}", "", SMBIOSMemoryType=26) for n in (3, 4, 5, 6, 7, 8)]
    pairs = read(tmp_path, "hpe.json", json.dumps([*modules, xeon, hpe])).memory.channels
    assert (pairs.value, pairs.confidence) == (3, "derived")
    dell = [cim_module(f"{c}{n}", "", SMBIOSMemoryType=26) for c in "AB" for n in (1, 2, 3)]
    assert read(tmp_path, "dell.json", json.dumps(dell)).memory.channels.value is None


def test_old_windows_has_another_code_for_the_type(tmp_path: Path) -> None:
    module = cim_module("DIMM0", "BANK0", MemoryType=24, Speed=1600)
    del module["SMBIOSMemoryType"], module["ConfiguredClockSpeed"]
    memory = read(tmp_path, "old.json", json.dumps(module)).memory
    assert (memory.type.value, memory.mts.value, memory.mts.confidence) == ("DDR3", 1600, "derived")


# --- macOS -------------------------------------------------------------------------------------


def mac(model: str, items: list[dict[str, str]], processors: int = 1) -> str:
    return json.dumps(
        {
            "SPHardwareDataType": [
                {
                    "machine_model": model,
                    "cpu_type": "8-Core Intel Xeon W",
                    "number_processors": processors,
                    "physical_memory": f"{16 * len([i for i in items if i['dimm_size'] != 'empty'])} GB",
                }
            ],
            "SPMemoryDataType": [{"_name": "SPMemoryDataType", "_items": items}],
        }
    )


def mac_slot(name: str, size: str = "16 GB", speed: str = "2666 MHz") -> dict[str, str]:
    kind = "empty" if size == "empty" else "DDR4"
    return {
        "_name": name,
        "dimm_size": size,
        "dimm_speed": speed,
        "dimm_type": kind,
        "dimm_part_number": "0x",
    }


def test_intel_macs_list_their_slots(tmp_path: Path) -> None:
    items = [mac_slot("BANK 0/ChannelA-DIMM0"), mac_slot("BANK 2/ChannelB-DIMM0")]
    memory = read(tmp_path, "imac.json", mac("iMac20,1", items)).memory
    assert (memory.type.value, memory.channels.value, memory.mts.value) == ("DDR4", 2, 2666)
    assert memory.bandwidth_bytes_per_s.value == 2 * 8e6 * 2666
    assert [m.locator for m in memory.modules] == ["BANK 0/ChannelA-DIMM0", "BANK 2/ChannelB-DIMM0"]


@pytest.mark.parametrize(
    ("model", "slots", "filled", "channels"),
    [("iMacPro1,1", 4, 4, 4), ("MacPro7,1", 12, 6, 6), ("MacPro5,1", 4, 4, 3), ("Macmini8,1", 2, 2, 2)],
)
def test_numbered_slots_of_macs_use_the_models_channels(
    tmp_path: Path, model: str, slots: int, filled: int, channels: int
) -> None:
    items = [mac_slot(f"DIMM {n + 1}", "16 GB" if n < filled else "empty") for n in range(slots)]
    assert read(tmp_path, "mac.json", mac(model, items)).memory.channels.value == channels


def test_an_unknown_mac_with_numbered_slots_stays_unknown(tmp_path: Path) -> None:
    items = [mac_slot("DIMM 1"), mac_slot("DIMM 2"), mac_slot("DIMM 3", "empty")]
    assert read(tmp_path, "mac.json", mac("Mac99,1", items)).memory.channels.value is None


MAC_TEXT = """\
Hardware:

    Hardware Overview:

      Model Name: MacBook Pro
      Model Identifier: MacBookPro15,1
      Processor Name: 6-Core Intel Core i7
      Number of Processors: 1
      Total Number of Cores: 6
      Memory: 32 GB

Memory:

    Memory Slots:

      ECC: Disabled
      Upgradeable Memory: No

        BANK 0/ChannelA-DIMM0:

          Size: 16 GB
          Type: DDR4
          Speed: 2400 MHz
          Status: OK

        BANK 2/ChannelB-DIMM0:

          Size: 16 GB
          Type: DDR4
          Speed: 2400 MHz
          Status: OK

Graphics/Displays:

          Type: GPU
"""


def test_plain_system_profiler_text_lists_the_slots_too(tmp_path: Path) -> None:
    memory = read(tmp_path, "mac.txt", MAC_TEXT).memory
    assert (memory.channels.value, memory.mts.value, len(memory.modules)) == (2, 2400, 2)


# --- sysfs -------------------------------------------------------------------------------------


def edac_tree(root: Path, locations: list[tuple[int, str]], kind: str = "Registered-DDR4") -> Path:
    files = {}
    for n, (controller, location) in enumerate(locations):
        folder = f"sys/devices/system/edac/mc/mc{controller}/dimm{n}"
        files |= {
            f"{folder}/dimm_location": f"{location} \n",
            f"{folder}/size": "16384\n",
            f"{folder}/dimm_mem_type": f"{kind}\n",
        }
    return tree(root, files)


@pytest.mark.parametrize(
    ("locations", "channels"),
    [
        ([(0, "channel 0 slot 0"), (0, "channel 0 slot 1"), (1, "channel 0 slot 0")], 2),
        ([(0, "csrow 0 channel 0"), (0, "csrow 1 channel 0"), (0, "csrow 0 channel 1")], 2),
        ([(0, "branch 0 channel 0 slot 0"), (0, "branch 1 channel 0 slot 0")], 2),
    ],
)
def test_edac_drivers_name_channels_in_several_ways(
    tmp_path: Path, locations: list[tuple[int, str]], channels: int
) -> None:
    found = read_edac(edac_tree(tmp_path, locations))
    assert found is not None
    assert (found.channels, found.type) == (channels, "DDR4")


def test_edac_without_channel_names_tells_nothing(tmp_path: Path) -> None:
    assert read_edac(edac_tree(tmp_path, [(0, "memory 0"), (0, "memory 1")])) is None


def machine(root: Path, files: dict[str, str]) -> MemoryInfo:
    cpuinfo = "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz\nphysical id\t: 0\n"
    base = {"proc/cpuinfo": cpuinfo, "proc/meminfo": "MemTotal: 32000000 kB\n"}
    tree(root, base | files)
    cpu = replace(probe_cpu(root), sockets=Fact(1, "test", "reported"))
    return probe_memory(root, cpu, probe_system(root), family=match_cpu_family(cpu.name.value or ""))[0]


def test_edac_channels_are_held_to_the_cpus(tmp_path: Path) -> None:
    edac_tree(tmp_path, [(mc, f"channel {c} slot 0") for mc in range(4) for c in range(3)])
    assert machine(tmp_path, {}).channels.value == 6


def test_the_firmwares_own_figure_stands_in_where_nothing_else_is_known(tmp_path: Path) -> None:
    nodes = {
        f"sys/devices/system/node/node{n}/{name}": text
        for n in (0, 1)
        for name, text in (
            ("cpulist", f"{n}\n"),
            ("access0/initiators/read_bandwidth", "131072\n"),
        )
    }
    memory = machine(tmp_path, nodes)
    assert memory.bandwidth_bytes_per_s.value == 2 * 131072 * 1024**2
    assert "HMAT" in memory.bandwidth_bytes_per_s.source
    assert memory.channels.value is None


@pytest.mark.parametrize("figure", ["0\n", "1\n", "99999999\n", "none\n"])
def test_placeholders_in_the_firmwares_table_are_not_taken(tmp_path: Path, figure: str) -> None:
    node = "sys/devices/system/node/node0"
    tree(tmp_path, {f"{node}/cpulist": "0-3\n", f"{node}/access0/initiators/read_bandwidth": figure})
    assert read_hmat(tmp_path) is None


def test_memory_without_cpus_is_not_counted_as_system_ram(tmp_path: Path) -> None:
    node = "sys/devices/system/node/node"
    tree(
        tmp_path,
        {
            f"{node}0/cpulist": "0-3\n",
            f"{node}0/access0/initiators/read_bandwidth": "100000\n",
            f"{node}1/cpulist": "\n",
            f"{node}1/access0/initiators/read_bandwidth": "800000\n",
        },
    )
    found = read_hmat(tmp_path)
    assert found is not None
    assert (found.nodes, found.bandwidth_bytes_per_s) == (1, 100000 * 1024**2)


# --- measured against theory -------------------------------------------------------------------


def measured(theory: float, rate: float, channels: str, mts: str) -> tuple[MemoryInfo, tuple[str, ...]]:
    memory = replace(
        unknown_memory("test"),
        channels=Fact(1, "table", channels),  # type: ignore[arg-type]
        mts=Fact(3200, "table", mts),  # type: ignore[arg-type]
        bandwidth_bytes_per_s=Fact(theory, "64 bits at 3200 MT/s", "derived"),
        measured_bandwidth_bytes_per_s=Fact(rate, "measured", "measured"),
    )
    return without_refuted_theory(memory)


def test_a_measurement_above_the_theory_refutes_it() -> None:
    memory, notes = measured(25.6e9, 40e9, "derived", "reported")
    assert not memory.bandwidth_bytes_per_s.known
    assert not memory.channels.known
    assert memory.mts.known
    assert "40.0 GB/s were measured" in notes[0]
    memory, _ = measured(25.6e9, 40e9, "reported", "derived")
    assert memory.channels.known
    assert not memory.mts.known


def test_a_measurement_below_the_theory_or_just_above_it_refutes_nothing() -> None:
    for rate in (18e9, 25.6e9, 26.5e9):
        memory, notes = measured(25.6e9, rate, "derived", "reported")
        assert memory.bandwidth_bytes_per_s.known
        assert notes == ()


# --- firmware ----------------------------------------------------------------------------------


def type17(locator: str, bank: str, *, bits: int, kind: int, mib: int, mts: int) -> bytes:
    """A memory device record of SMBIOS 3.3, by the offsets of DSP0134 7.18."""
    body = bytearray(0x5C)
    struct.pack_into("<BBH", body, 0, 17, 0x5C, 0x1100)
    struct.pack_into("<HHHH", body, 0x04, 0x1000, 0xFFFE, bits, bits)
    struct.pack_into("<H", body, 0x0C, mib if mib < 0x7FFF else 0x7FFF)
    body[0x0E], body[0x10], body[0x11], body[0x12] = 0x0B, 1, 2, kind
    struct.pack_into("<H", body, 0x15, mts)
    struct.pack_into("<I", body, 0x1C, mib)
    struct.pack_into("<H", body, 0x20, mts)
    return bytes(body) + locator.encode() + b"\0" + bank.encode() + b"\0\0"


def type4(name: str) -> bytes:
    body = bytearray(0x30)
    struct.pack_into("<BBH", body, 0, 4, 0x30, 0x0400)
    body[0x04], body[0x05], body[0x10], body[0x18] = 1, 3, 2, 0x41
    body[0x23] = body[0x24] = 16
    body[0x25] = 32
    return bytes(body) + b"FP11\0" + name.encode() + b"\0\0"


def test_strix_halo_has_a_256_bit_bus_of_eight_soldered_devices(tmp_path: Path) -> None:
    table = type4("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S") + b"".join(
        type17("DIMM 0", f"P0 CHANNEL {c}", bits=32, kind=0x23, mib=16384, mts=8000) for c in "ABCDEFGH"
    )
    table += struct.pack("<BBH", 127, 4, 0x7F00) + b"\0\0"
    rsmb = struct.pack("<BBBBI", 0, 3, 5, 0, len(table)) + table  # as Windows hands it out
    for name, content in (("table.bin", table), ("rsmb.bin", rsmb)):
        memory = read(tmp_path, name, content).memory
        assert (memory.channels.value, memory.mts.value) == (4, 8000)
        assert memory.bandwidth_bytes_per_s.value == 256e9
        assert memory.installed_bytes.value == 128 * GIB


def test_ddr_chips_on_the_board_are_summed_like_lpddr() -> None:
    table = type4("AMD Ryzen 7 7840U w/ Radeon 780M Graphics") + b"".join(
        type17("DIMM 0", f"P0 CHANNEL {c}", bits=32, kind=0x22, mib=8192, mts=5600) for c in "ABCD"
    )
    from probes.channels import analyse_memory

    layout = analyse_memory(parse_smbios(table + struct.pack("<BBH", 127, 4, 0x7F00) + b"\0\0"))
    assert (layout.bus_bits, layout.bandwidth_bytes_per_s.value) == (128, 89.6e9)


def udev_server(slots: int) -> str:
    lines = ["E:MEMORY_ARRAY_LOCATION=System Board Or Motherboard"]
    for n in range(slots):
        cpu, rest = divmod(n, 16)
        fields = {
            "TOTAL_WIDTH": "72",
            "DATA_WIDTH": "64",
            "SIZE": str(64 * GIB),
            "FORM_FACTOR": "DIMM",
            "LOCATOR": f"CPU{cpu}_DIMM_{chr(65 + rest // 2)}{rest % 2}",
            "BANK_LOCATOR": f"BANK {n}",
            "TYPE": "DDR4",
            "TYPE_DETAIL": "Synchronous Registered (Buffered)",
            "SPEED_MTS": "3200",
            "MANUFACTURER": "Samsung",
            "PART_NUMBER": "M393A8G40AB2-CWE",
            "RANK": "2",
            "CONFIGURED_SPEED_MTS": "3200",
            "MINIMUM_VOLTAGE": "1",
            "MAXIMUM_VOLTAGE": "1",
            "CONFIGURED_VOLTAGE": "1",
            "MEMORY_TECHNOLOGY": "DRAM",
            "MEMORY_OPERATING_MODE_CAPABILITY": "Volatile memory",
            "MODULE_MANUFACTURER_ID": "Bank 1, Hex 0xCE",
            "NON_VOLATILE_SIZE": "0",
            "VOLATILE_SIZE": str(64 * GIB),
        }
        lines += [f"E:MEMORY_DEVICE_{n}_{key}={value}" for key, value in fields.items()]
    return "\n".join([*lines, f"E:MEMORY_ARRAY_NUM_DEVICES={slots}"]) + "\n"


def test_udevs_record_cut_at_its_buffer_is_recognised_and_completed_by_symmetry(tmp_path: Path) -> None:
    whole = udev_server(32)
    helper_bytes = len(whole.replace("E:", ""))
    assert helper_bytes > UDEV_BUFFER_BYTES
    cut = whole[: UDEV_BUFFER_BYTES + 2 * whole[:UDEV_BUFFER_BYTES].count("E:")]
    records = parse_udev_dmi(cut)
    assert not records.complete
    assert len(records.devices) < 32
    memory = read(tmp_path, "udev.txt", cut).memory
    assert (memory.channels.value, memory.channels.confidence) == (16, "derived")
    assert memory.installed_bytes.value == 32 * 64 * GIB
    assert parse_udev_dmi(whole).complete
