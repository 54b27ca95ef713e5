"""Rigs from captured files: kinds told by content, several files joined into one machine."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probes.capture import UNDERSTOOD, rig_from_captures
from probes.rigfile import rig_from_document, rig_to_document, rig_to_json
from probes.types import Rig, RigError

FIXTURES = Path(__file__).parents[1] / "fixtures"
GPU = FIXTURES / "gpu"
DMI = FIXTURES / "dmi"
GIB = 1024**3


@pytest.fixture
def put(tmp_path: Path) -> Any:
    """Writes text or bytes to a file with a name that says nothing."""
    count = iter(range(100))

    def write(content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / f"capture{next(count)}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def names(rig: Rig) -> list[str | None]:
    return [g.name.value for g in rig.accelerators]


DMIDECODE = """# dmidecode 3.4
Getting SMBIOS data from sysfs.

Handle 0x0001, DMI type 1, 27 bytes
System Information
\tManufacturer: Example
\tProduct Name: Desk One
\tSerial Number: SECRET123

Handle 0x0040, DMI type 16, 23 bytes
Physical Memory Array
\tUse: System Memory
\tNumber Of Devices: 4

Handle 0x0041, DMI type 17, 92 bytes
Memory Device
\tArray Handle: 0x0040
\tTotal Width: 64 bits
\tData Width: 64 bits
\tSize: 16 GB
\tForm Factor: DIMM
\tLocator: ChannelA-DIMM0
\tType: DDR4
\tSpeed: 3200 MT/s
\tSerial Number: SECRET456
\tConfigured Memory Speed: 3200 MT/s

Handle 0x0042, DMI type 17, 92 bytes
Memory Device
\tArray Handle: 0x0040
\tTotal Width: 64 bits
\tData Width: 64 bits
\tSize: 16 GB
\tForm Factor: DIMM
\tLocator: ChannelB-DIMM0
\tType: DDR4
\tSpeed: 3200 MT/s
\tConfigured Memory Speed: 3200 MT/s
"""
"""Synthetic."""

LSCPU = """Architecture:            x86_64
CPU(s):                  16
On-line CPU(s) list:     0-15
Model name:              Intel(R) Core(TM) i9-10900K CPU @ 3.70GHz
Thread(s) per core:      2
Core(s) per socket:      8
Socket(s):               1
Flags:                   fpu avx2 fma
"""
"""Synthetic."""


def test_several_captures_make_one_machine(put: Any) -> None:
    rig = rig_from_captures([put(DMIDECODE), GPU / "nvidia-rtx-3060.xml", put(LSCPU)])
    assert rig.name == "Example Desk One"
    assert rig.system.os.value == "linux"
    assert rig.cpu.name.value is not None
    assert "i9-10900K" in rig.cpu.name.value
    assert (rig.cpu.physical_cores.value, rig.cpu.logical_cores.value) == (8, 16)
    assert (rig.memory.channels.value, rig.memory.mts.value) == (2, 3200)
    assert rig.memory.bandwidth_bytes_per_s.value == pytest.approx(51.2e9)
    assert names(rig) == ["NVIDIA GeForce RTX 3060"]
    assert rig_from_document(json.loads(rig_to_json(rig))) == rig
    assert "SECRET" not in rig_to_json(rig)


def test_the_order_of_captures_does_not_matter(put: Any) -> None:
    files = [put(DMIDECODE), GPU / "nvidia-rtx-3060.xml", put(LSCPU)]
    assert rig_to_document(rig_from_captures(files)) == rig_to_document(rig_from_captures(files[::-1]))


def test_firmware_tables_are_told_from_text(put: Any) -> None:
    table = next(DMI.glob("*.bin"))
    rig = rig_from_captures([put(table.read_bytes())])
    assert rig.memory.modules
    assert rig.cpu.name.known


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_what_powershell_writes_is_read(put: Any, encoding: str) -> None:
    rig = rig_from_captures([put(LSCPU, encoding)])
    assert rig.cpu.logical_cores.value == 16


@pytest.mark.parametrize(
    ("name", "gpus", "gbs"),
    [
        ("nvidia-tesla-t4.xml", 1, 320.1),
        ("metrics-rtx-2080-super.txt", 1, 495.9),
        ("rocm-mi100.json", 4, 1228.8),
        ("rocm-vega10.json", 1, 483.8),
        ("kfd-vega10.tar.gz", 1, 483.8),
        ("kfd-mi308x.tar.gz", 3, 5325),
        ("sysfs-tesla-p100.tar.gz", 1, 732.2),
    ],
)
def test_gpu_captures_give_the_vendors_bandwidth(put: Any, name: str, gpus: int, gbs: float) -> None:
    rig = rig_from_captures([put((GPU / name).read_bytes())])
    assert len(rig.accelerators) == gpus
    for gpu in rig.accelerators:
        assert gpu.bandwidth_bytes_per_s.value == pytest.approx(gbs * 1e9, rel=0.03)
        assert gpu.vram_bytes.known
    assert rig_from_document(json.loads(rig_to_json(rig))) == rig


def test_a_topology_folder_at_any_level_is_read(tmp_path: Path) -> None:
    with tarfile.open(GPU / "kfd-vega10.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    for folder in (tmp_path, tmp_path / "topology", tmp_path / "topology/nodes"):
        rig = rig_from_captures([folder])
        assert len(rig.accelerators) == 1
        assert rig.memory.mts.value == 2666
        assert rig.cpu.logical_cores.value == 20


def test_two_captures_of_the_same_cards_count_once(put: Any) -> None:
    csv = "name, pci.bus_id, memory.total [MiB]\nNVIDIA GeForce RTX 3060, 00000000:2D:00.0, 12288 MiB\n"
    rig = rig_from_captures([put(csv), GPU / "nvidia-rtx-3060.xml"])
    assert len(rig.accelerators) == 1
    assert rig.accelerators[0].power_limit_w.known  # the XML says more
    assert any("same GPUs" in n for n in rig.notes)
    other = csv.replace("2D:00.0", "3D:00.0")
    assert len(rig_from_captures([put(other), GPU / "nvidia-rtx-3060.xml"]).accelerators) == 2


def test_gpus_of_two_vendors_stand_side_by_side() -> None:
    rig = rig_from_captures([GPU / "nvidia-rtx-3060.xml", GPU / "rocm-vega10.json"])
    assert len(rig.accelerators) == 2


def test_a_rig_document_is_a_capture_and_others_fill_its_gaps(put: Any) -> None:
    first = rig_from_captures([put(LSCPU)])
    rig = rig_from_captures([put(rig_to_json(first)), put(DMIDECODE)])
    assert rig.cpu.logical_cores.value == 16
    assert rig.memory.channels.value == 2
    again = rig_from_captures([put(rig_to_json(rig))])
    assert (again.cpu, again.memory, again.accelerators) == (rig.cpu, rig.memory, rig.accelerators)


def test_lscpu_json_is_read_like_its_text(put: Any) -> None:
    fields = [line.partition(":") for line in LSCPU.splitlines()]
    document = {"lscpu": [{"field": f"{k}:", "data": v.strip()} for k, _, v in fields]}
    assert rig_from_captures([put(json.dumps(document))]).cpu == rig_from_captures([put(LSCPU)]).cpu


def mac(chip: str, memory: str, processors: object, cores: str | None = None) -> str:
    document: dict[str, Any] = {
        "SPHardwareDataType": [
            {
                "chip_type": chip,
                "machine_model": "Mac99,1",
                "number_processors": processors,
                "physical_memory": memory,
                "serial_number": "SECRET",
                "platform_UUID": "SECRET",
            }
        ]
    }
    if cores:
        document["SPDisplaysDataType"] = [
            {"spdisplays_vendor": "sppci_vendor_Apple", "sppci_model": chip, "sppci_cores": cores}
        ]
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "gbs", "performance"),
    [
        (mac("Apple M1", "16 GB", "proc 8:4:4"), 68.3, 4),
        (mac("Apple M2", "24 GB", "proc 8:4:4"), 102.4, 4),
        (mac("Apple M3 Max", "96 GB", "proc 14:10:4", "30"), 307.2, 10),
        (mac("Apple M3 Max", "128 GB", "proc 16:12:4", "40"), 409.6, 12),
        (mac("Apple M4 Max", "36 GB", "proc 14:10:4"), 410, 10),  # the memory size tells the 32-core GPU
        (mac("Apple M5 Max", "128 GB", "proc 18:6:0:12"), 614, None),
    ],
)
def test_apple_silicon_takes_its_bandwidth_from_chip_and_gpu_cores(
    put: Any, text: str, gbs: float, performance: int | None
) -> None:
    rig = rig_from_captures([put(text)])
    assert rig.memory.bandwidth_bytes_per_s.value == pytest.approx(gbs * 1e9, rel=0.03)
    assert rig.accelerators[0].bandwidth_bytes_per_s.value == pytest.approx(gbs * 1e9, rel=0.03)
    assert rig.accelerators[0].unified.value is True
    assert rig.accelerators[0].vram_bytes.confidence == "guess"
    assert rig.cpu.performance_cores.value == performance
    assert rig.system.os.value == "macos"
    assert "SECRET" not in rig_to_json(rig)


def test_a_mac_in_a_virtual_machine_has_no_bandwidth(put: Any) -> None:
    rig = rig_from_captures([put(mac("Apple M4 Max (Virtual)", "4 GB", 2))])
    assert rig.accelerators == ()
    assert not rig.memory.bandwidth_bytes_per_s.known
    assert rig.system.virtualization.value == "Apple Virtualization"
    assert rig.cpu.physical_cores.value == 2


def test_system_profiler_text_is_read(put: Any) -> None:
    text = (
        "Hardware:\n\n    Hardware Overview:\n\n      Model Identifier: MacBookAir10,1\n"
        "      Chip: Apple M1\n"
        "      Total Number of Cores: 8 (4 performance and 4 efficiency)\n      Memory: 16 GB\n"
        "      Serial Number (system): SECRET\n\nMemory:\n\n      Memory: 16 GB\n      Type: LPDDR4\n"
    )
    rig = rig_from_captures([put(text)])
    assert rig.memory.total_bytes.value == 16 * GIB
    assert rig.cpu.performance_cores.value == 4
    assert rig.accelerators[0].bandwidth_bytes_per_s.value == pytest.approx(68.3e9, rel=0.01)
    assert "SECRET" not in rig_to_json(rig)


def windows() -> dict[str, Any]:
    module = {
        "Capacity": 34359738368,
        "SMBIOSMemoryType": 34,
        "Speed": 4800,
        "ConfiguredClockSpeed": 5600,
        "DataWidth": 64,
        "SerialNumber": "SECRET",
    }
    return {
        "Win32_PhysicalMemory": [
            {**module, "DeviceLocator": "Controller0-ChannelA-DIMM1", "BankLabel": "BANK 0"},
            {**module, "DeviceLocator": "Controller1-ChannelA-DIMM1", "BankLabel": "BANK 0"},
        ],
        "Win32_Processor": {
            "Name": "13th Gen Intel(R) Core(TM) i7-13700K",
            "NumberOfCores": 16,
            "NumberOfLogicalProcessors": 24,
        },
        "Win32_VideoController": [
            {"Name": "Microsoft Basic Display Adapter", "AdapterRAM": 0},
            {
                "Name": "NVIDIA GeForce RTX 4060",
                "AdapterRAM": 4293918720,
                "PNPDeviceID": "PCI\\VEN_10DE&DEV_2882&SUBSYS_1&REV_A1\\4&SECRET",
            },
        ],
    }


def check_windows(rig: Rig) -> None:
    assert (rig.memory.channels.value, rig.memory.mts.value) == (2, 5600)
    assert rig.memory.bandwidth_bytes_per_s.value == pytest.approx(89.6e9)
    assert (rig.cpu.physical_cores.value, rig.cpu.logical_cores.value) == (16, 24)
    assert rig.system.os.value == "windows"
    (gpu,) = rig.accelerators
    assert gpu.vram_bytes.value == 8 * GIB  # not the 4 GiB of a 32-bit field
    assert gpu.vram_bytes.confidence == "table"
    assert "SECRET" not in rig_to_json(rig)


def test_windows_classes_in_one_document_or_in_several(put: Any) -> None:
    document = windows()
    check_windows(rig_from_captures([put(json.dumps(document))]))
    check_windows(rig_from_captures([put(json.dumps(part)) for part in document.values()]))


def test_wmic_lists_are_read(put: Any) -> None:
    parts = []
    for items in windows().values():
        rows = items if isinstance(items, list) else [items]
        parts.append("\r\n\r\n".join("\r\n".join(f"{k}={v}" for k, v in row.items()) for row in rows))
    check_windows(rig_from_captures([put(part, "utf-16") for part in parts]))


def test_what_the_captures_lack_is_noted_with_what_would_tell(put: Any) -> None:
    text = " ".join(rig_from_captures([put(LSCPU)]).notes)
    assert "dmidecode" in text
    assert "nvidia-smi -q -x" in text
    text = " ".join(rig_from_captures([GPU / "rocm-vega10.json"]).notes)
    assert "lscpu" in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b"hello world\n", "not a capture that is understood; kinds: "),
        (b"\x00\x01\x02\x03", "not a capture that is understood; kinds: "),
        (b'{"a": 1}', "not a capture that is understood; kinds: "),
        (b"[1, 2", "truncated"),
        (b'{"schema": "rig-advice/rig/9"}', "schema: expected"),
        (b"\x1f\x8b\x08\x00junk", "not a readable tar"),
        (b"| NVIDIA-SMI 550.54 Driver |\n", "nvidia-smi -q -x"),
        (b"<?xml version='1.0'?><a/>", "expected <nvidia_smi_log>"),
    ],
)
def test_other_files_are_refused_with_a_reason(put: Any, content: bytes, says: str) -> None:
    path = put(content)
    with pytest.raises(RigError, match=says) as caught:
        rig_from_captures([path])
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_the_kinds_understood_are_listed(tmp_path: Path) -> None:
    for paths in ([], [tmp_path]):
        with pytest.raises(RigError) as caught:
            rig_from_captures(paths)
        assert all(kind in str(caught.value) for kind in UNDERSTOOD)
    with pytest.raises(RigError, match="cannot be read"):
        rig_from_captures([tmp_path / "absent"])


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_an_archive_cannot_write_or_link_outside_its_folder(put: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    link = tarfile.TarInfo("topology/escape")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    device = tarfile.TarInfo("topology/device")
    device.type = tarfile.CHRTYPE
    node = b"cpu_cores_count 8\nsimd_count 0\n"
    data = tar(
        (tarfile.TarInfo("../outside"), b"x"),
        (tarfile.TarInfo(str(outside)), b"x"),
        (link, b""),
        (tarfile.TarInfo("topology/escape/file"), b"x"),
        (device, b""),
        (tarfile.TarInfo("topology/nodes/0/properties"), node),
    )
    rig = rig_from_captures([put(data)])
    assert rig.cpu.logical_cores.value == 8
    assert not outside.exists()


def test_an_archive_that_unpacks_without_end_is_stopped(put: Any) -> None:
    bomb = tar((tarfile.TarInfo("topology/nodes/0/properties"), b"\0" * (17 * 1024**2)))
    assert len(bomb) < 100_000
    with pytest.raises(RigError, match="larger than any capture"):
        rig_from_captures([put(bomb)])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_give_a_rig_or_a_rig_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    message = ""
    try:
        rig = rig_from_captures([path])
    except RigError as error:
        message = str(error)
    else:
        assert rig_from_document(rig_to_document(rig)) == rig
    assert "\n" not in message


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([DMIDECODE, LSCPU, json.dumps(windows()), mac("Apple M3 Max", "96 GB", "proc 14:10:4")]),
    st.integers(0, 1500),
    st.text(max_size=10),
)
def test_damaged_captures_give_a_rig_or_a_rig_error(tmp_path: Path, text: str, at: int, junk: str) -> None:
    path = tmp_path / "damaged"
    path.write_text(text[:at] + junk + text[at + len(junk) :], encoding="utf-8", errors="replace")
    message = ""
    try:
        rig = rig_from_captures([path])
    except RigError as error:
        message = str(error)
    else:
        assert rig_from_document(rig_to_document(rig)) == rig
    assert "\n" not in message


@given(content=st.binary(min_size=1, max_size=3000))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_capture_are_never_taken_for_firmware_tables(content: bytes) -> None:
    from probes.smbios import looks_like_smbios

    assert not looks_like_smbios(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00\x01" + bytes(300) + b"\0GLIBC_2.4\0.text\0\0",
        b"MZ\x90\x00\x03\x00\x00\x00" + bytes(200),
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40),
        bytes(4096),
        b"\x7f\x04\x00\x00\x00\x00",  # an end marker and nothing before it
        b"\x0b\x05\x01\x00\x01OEM\x00\x00\x7f\x04\x02\x00\x00\x00",  # a sound chain without a fact
    ],
)
def test_other_binaries_are_refused(put: Any, content: bytes) -> None:
    with pytest.raises(RigError, match="not a capture that is understood; kinds: "):
        rig_from_captures([put(content)])


@pytest.mark.parametrize("name", sorted(p.name for p in DMI.glob("*.bin")))
def test_tables_are_recognised_whole_and_cut_off(name: str) -> None:
    from probes.smbios import looks_like_smbios

    data = (DMI / name).read_bytes()
    assert looks_like_smbios(data)
    assert looks_like_smbios(data + bytes(64))
    assert all(looks_like_smbios(data[:length]) for length in range(500, len(data), 101))


@pytest.mark.parametrize("piece", [b"\n", b"\r\n", b" ", b"A", b"A=", b"[", b'"', b":"])
@pytest.mark.parametrize(
    "before", [b"", b"0, ", b"\tSize: ", b"Capacity=", b'nvidia_smi_gpu_info{uuid="', b"Chip: "]
)
def test_long_runs_take_no_more_than_linear_time(put: Any, before: bytes, piece: bytes) -> None:
    """Patterns that try every split of a run would need hours for these; there is no clock here to fail."""
    run = before + piece * (200_000 // len(piece)) + b"x\n"
    for head in (b"", DMIDECODE.encode(), b"index, name, memory.total [MiB]\n", b"Hardware Overview:\n"):
        message = ""
        try:
            rig_from_captures([put(head + run)])
        except RigError as error:
            message = str(error)
        assert "\n" not in message
