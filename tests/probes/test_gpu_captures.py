"""Captures of GPUs by other tools: vulkaninfo, amd-smi, nvidia-smi's log as text and its topology matrix.

All synthetic.  Shapes: vulkaninfo of Vulkan-Tools (summary, text, JSON); ``amd-smi static --json`` of ROCm 6
and 7 (AMD SMI command line documentation); ``nvidia-smi -q`` of driver 580 with the GB10's [N/A] memory
(reported for DGX Spark); ``nvidia-smi topo -m`` of DGX systems (NVIDIA documentation).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from probes.amd_smi import gpus_from_amd_smi, is_amd_smi
from probes.capture import rig_from_captures
from probes.nvidia_links import links_from_topology, with_links
from probes.nvidia_log import gpus_from_log
from probes.nvidia_text import gpus_from_query_csv
from probes.rigfile import rig_to_json
from probes.types import RigError
from probes.vulkan_text import gpus_from_vulkaninfo, gpus_from_vulkaninfo_json, looks_like_vulkaninfo

GPU = Path(__file__).parents[1] / "fixtures" / "gpu"
GIB = 1024**3


# --- vulkaninfo ------------------------------------------------------------------------------


def device(index: int, name: str, vendor: int, ident: int, kind: str, driver: str, heap: int = 0) -> str:
    lines = [
        f"GPU{index}:",
        f"\tvendorID           = {vendor:#06x}",
        f"\tdeviceID           = {ident:#06x}",
        f"\tdeviceType         = PHYSICAL_DEVICE_TYPE_{kind}",
        f"\tdeviceName         = {name}",
        f"\tdriverID           = {driver}",
        "\tdeviceUUID         = 11111111-2222-3333-4444-555555555555",
    ]
    if heap:
        lines += [
            "memoryHeaps: count = 2",
            "\tmemoryHeaps[0]:",
            f"\t\tsize   = {heap} ({heap:#x})",
            "\t\tflags: count = 1",
            "\t\t\tMEMORY_HEAP_DEVICE_LOCAL_BIT",
            "\tmemoryHeaps[1]:",
            "\t\tsize   = 67108864000 (0xfa0000000)",
            "\t\tflags: None",
        ]
    return "\n".join(lines) + "\n"


def test_one_card_that_two_drivers_list_counts_once_and_software_not_at_all() -> None:
    text = (
        device(0, "AMD Radeon RX 7900 XTX (RADV NAVI31)", 0x1002, 0x744C, "DISCRETE_GPU", "MESA_RADV")
        + device(1, "AMD Radeon RX 7900 XTX", 0x1002, 0x744C, "DISCRETE_GPU", "AMD_OPEN")
        + device(2, "llvmpipe (LLVM 17.0.6, 256 bits)", 0x10005, 0, "CPU", "DRIVER_ID_MESA_LLVMPIPE")
    )
    assert looks_like_vulkaninfo(text)
    (gpu,) = gpus_from_vulkaninfo(text).accelerators
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(960e9)
    assert gpu.name.value == "AMD Radeon RX 7900 XTX"


def test_two_equal_cards_stay_two() -> None:
    card = ("NVIDIA GeForce RTX 3090", 0x10DE, 0x2204, "DISCRETE_GPU", "DRIVER_ID_NVIDIA_PROPRIETARY")
    found = gpus_from_vulkaninfo(device(0, *card, heap=24 * GIB) + device(1, *card, heap=24 * GIB))
    assert [g.vram_bytes.value for g in found.accelerators] == [24 * GIB, 24 * GIB]


def test_the_local_heap_of_integrated_graphics_is_not_vram() -> None:
    text = device(
        0, "AMD Radeon 780M Graphics (RADV PHOENIX)", 0x1002, 0x15BF, "INTEGRATED_GPU", "RADV", 8 * GIB
    )
    (gpu,) = gpus_from_vulkaninfo(text).accelerators
    assert gpu.unified.value is True
    assert not gpu.vram_bytes.known


def test_only_software_rendering_is_a_note_and_the_exit_status_no_guide() -> None:
    text = device(0, "llvmpipe (LLVM 17.0.6, 256 bits)", 0x10005, 0, "CPU", "DRIVER_ID_MESA_LLVMPIPE")
    assert "no GPU" in gpus_from_vulkaninfo(text).notes[0]
    with pytest.raises(RigError, match="vulkaninfo"):
        gpus_from_vulkaninfo("deviceType = none")


def test_the_json_of_vulkaninfo() -> None:
    document = {
        "capabilities": {
            "device": {
                "properties": {
                    "VkPhysicalDeviceProperties": {
                        "deviceName": "Intel(R) Arc(tm) B580 Graphics (BMG G21)",
                        "vendorID": 0x8086,
                        "deviceID": 0xE20B,
                        "deviceType": "VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU",
                    }
                }
            }
        },
        "VkPhysicalDeviceMemoryProperties": {"memoryHeaps": [{"flags": 1, "size": 12168 * 1024**2}]},
    }
    (gpu,) = gpus_from_vulkaninfo_json(document).accelerators
    assert gpu.vram_bytes.value == 12168 * 1024**2
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(456e9)


# --- amd-smi ---------------------------------------------------------------------------------

STATIC: dict[str, Any] = {
    "gpu": 0,
    "asic": {
        "market_name": "AMD Instinct MI300X",
        "vendor_id": "0x1002",
        "device_id": "0x74a1",
        "rev_id": "0x00",
        "asic_serial": "0xSECRETSERIAL",
        "target_graphics_version": "gfx942",
    },
    "bus": {"bdf": "0000:0C:00.0", "max_pcie_width": 16, "max_pcie_speed": {"value": 32, "unit": "GT/s"}},
    "board": {"product_serial": "SECRETBOARD", "product_name": "OAM"},
    "limit": {"max_power": {"value": 750, "unit": "W"}},
    "driver": {"name": "amdgpu", "version": "6.12.12"},
    "vram": {
        "type": "HBM",
        "size": {"value": 196592, "unit": "MB"},
        "bit_width": 8192,
        "max_bandwidth": {"value": 18446744073709551615, "unit": "GB/s"},
    },
}


@pytest.mark.parametrize("document", [[STATIC], {"gpu_data": [STATIC]}])
def test_amd_smi_static_gives_memory_and_link_but_never_its_bandwidth(document: object) -> None:
    assert is_amd_smi(document)
    found = gpus_from_amd_smi(document)
    (gpu,) = found.accelerators
    assert gpu.vram_bytes.value == 196592 * 1024**2
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(5300e9)
    assert gpu.bandwidth_bytes_per_s.source == "catalog"
    assert gpu.pcie.value is not None
    assert (gpu.pcie.value.generation, gpu.pcie.value.lanes) == (5.0, 16)
    assert gpu.power_limit_w.value == 750
    assert found.pci_addresses == ("0000:0c:00.0",)
    assert "SECRET" not in repr(found)


def test_older_amd_smi_writes_sizes_as_text() -> None:
    entry = {**STATIC, "vram": {"vram_type": "HBM2", "size": "65520 MB"}}
    entry["asic"] = {**STATIC["asic"], "device_id": "0x740f", "rev_id": "0x02", "market_name": "N/A"}
    (gpu,) = gpus_from_amd_smi([entry]).accelerators
    assert gpu.name.value == "AMD Instinct MI210"
    assert gpu.vram_bytes.value == 65520 * 1024**2


@pytest.mark.parametrize(
    "broken", [[], {}, [{"gpu": 0}], "text", [{"gpu": 0, "asic": 7, "vram": [1], "bus": None}]]
)
def test_other_json_is_refused_or_says_nothing(broken: object) -> None:
    if is_amd_smi(broken):
        (gpu,) = gpus_from_amd_smi(broken).accelerators
        assert not gpu.vram_bytes.known
    else:
        with pytest.raises(RigError):
            gpus_from_amd_smi(broken)


# --- nvidia-smi ------------------------------------------------------------------------------


def test_the_log_as_text_says_the_same_as_the_xml() -> None:
    (gpu,) = gpus_from_log((GPU / "synthetic-gb10-q.txt").read_text(encoding="utf-8")).accelerators
    assert (gpu.name.value, gpu.unified.value, gpu.driver.value) == ("NVIDIA GB10", True, "580.95.05")
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(273e9, rel=0.01)
    assert (gpu.vram_bytes.value, gpu.vram_bytes.confidence) == (128 * GIB, "table")
    assert not gpu.pcie.known


def test_gb10_takes_the_ram_that_its_system_has(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:       125509184 kB\n")
    rig = rig_from_captures([GPU / "synthetic-gb10-q.txt", tmp_path / "meminfo"])
    assert rig.accelerators[0].vram_bytes.value == 125509184 * 1024
    assert rig.memory.bandwidth_bytes_per_s.value == pytest.approx(273e9, rel=0.01)
    assert "SERIAL" not in rig_to_json(rig)
    assert "11111111" not in rig_to_json(rig)


DISCRETE = """==============NVSMI LOG==============

Driver Version                            : 570.124.04
CUDA Version                              : 12.8

Attached GPUs                             : 1
GPU 00000000:01:00.0
    Product Name                          : NVIDIA H100 80GB HBM3
    Product Architecture                  : Hopper
    Display Active                        : Disabled
    MIG Mode
        Current                           : Enabled
        Pending                           : Enabled
    MIG Device
        Index                             : 0
        FB Memory Usage
            Total                         : 40448 MiB
            Free                          : 40300 MiB
    MIG Device
        Index                             : 1
        FB Memory Usage
            Total                         : 9984 MiB
            Free                          : 9900 MiB
    PCI
        Device Id                         : 0x233010DE
    FB Memory Usage
        Total                             : 81559 MiB
        Reserved                          : 551 MiB
        Free                              : 80000 MiB
    ECC Mode
        Current                           : Enabled
    Max Clocks
        Memory                            : 2619 MHz
"""


def test_mig_devices_of_the_log_are_kept_apart() -> None:
    gpus = gpus_from_log(DISCRETE).accelerators
    assert [g.vram_bytes.value for g in gpus] == [40448 * 1024**2, 9984 * 1024**2]
    assert [round((g.bandwidth_bytes_per_s.value or 0) / 1e9) for g in gpus] == [1676, 419]


def test_reserved_memory_ecc_and_display_are_told() -> None:
    whole = DISCRETE.partition("    MIG Mode")[0] + "    PCI\n" + DISCRETE.partition("    PCI\n")[2]
    (gpu,) = gpus_from_log(whole).accelerators
    assert (gpu.reserved_bytes.value, gpu.ecc.value, gpu.display_active.value) == (551 * 1024**2, True, False)


TOPOLOGY = """\tGPU0\tGPU1\tGPU2\tGPU3\tNIC0\tCPU Affinity\tNUMA Affinity
GPU0\t X \t{0}\t{1}\t{1}\tPXB\t0-31\t0
GPU1\t{0}\t X \t{1}\t{1}\tPXB\t0-31\t0
GPU2\t{1}\t{1}\t X \t{0}\tSYS\t32-63\t1
GPU3\t{1}\t{1}\t{0}\t X \tSYS\t32-63\t1
NIC0\tPXB\tPXB\tSYS\tSYS\t X
"""


@pytest.mark.parametrize(
    ("name", "near", "far", "gbs"),
    [
        ("NVIDIA A100-SXM4-80GB", "NV12", "NV12", 300),  # a switch: the same twelve links for each
        ("Tesla V100-SXM2-32GB", "NV2", "NV1", 100),  # direct: 2 + 1 + 1
        ("NVIDIA GeForce RTX 3090", "NV4", "SYS", 56.25),
        ("NVIDIA GeForce RTX 4090", "PHB", "SYS", None),
    ],
)
def test_nvlinks_of_the_topology_matrix(name: str, near: str, far: str, gbs: float | None) -> None:
    rows = "\n".join(f"{name}, 80000 MiB" for _ in range(4))
    gpus = gpus_from_query_csv(f"name, memory.total [MiB]\n{rows}\n").accelerators
    joined = with_links(gpus, links_from_topology(TOPOLOGY.format(near, far)))
    rates = [g.nvlink_bytes_per_s.value for g in joined]
    assert rates == [None if gbs is None else gbs * 1e9] * 4


def test_the_matrix_joins_the_cards_of_another_capture(tmp_path: Path) -> None:
    (tmp_path / "topo").write_text(TOPOLOGY.format("NV12", "NV12"))
    rows = "\n".join("NVIDIA A100-SXM4-80GB, 81920 MiB" for _ in range(4))
    (tmp_path / "csv").write_text(f"name, memory.total [MiB]\n{rows}\n")
    rig = rig_from_captures([tmp_path / "topo", tmp_path / "csv"])
    assert {g.nvlink_bytes_per_s.value for g in rig.accelerators} == {300e9}


def test_a_whole_folder_or_archive_of_captures_is_one_machine(tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "machine"
    folder.mkdir()
    shutil.copy(GPU / "nvidia-rtx-3060.xml", folder / "a")
    (folder / "b").write_text("MemTotal:       65000000 kB\n")
    (folder / "notes.md").write_text("# my machine\n")
    packed = [
        Path(shutil.make_archive(str(tmp_path / "x"), kind, tmp_path, "machine")) for kind in ("zip", "gztar")
    ]
    for path in (folder, *packed):
        rig = rig_from_captures([path])
        assert [g.name.value for g in rig.accelerators] == ["NVIDIA GeForce RTX 3060"]
        assert rig.memory.total_bytes.value == 65000000 * 1024
        assert any("notes.md" in note for note in rig.notes)


def test_a_folder_of_nothing_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# my machine\n")
    with pytest.raises(RigError, match="not a capture"):
        rig_from_captures([tmp_path])


def test_other_json_documents_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(json.dumps({"layers": [{"digest": "sha256:00"}]}))
    with pytest.raises(RigError, match="not a capture"):
        rig_from_captures([tmp_path / "x"])


@pytest.mark.parametrize(
    ("name", "cards"),
    [
        ("windows-adapters-registry.txt", [("PRO V710", 28, 504), ("RTX 4070", 12, 504)]),
        (
            "windows-adapters-cim.txt",  # 32-bit sizes: the catalog's instead of 4 GiB
            [("RTX 4070", 12, 504), ("780M", None, None), ("R9700", 32, 640), ("PRO V710", 28, 504)],
        ),
        ("vulkan-summary.txt", [("RX 7900 XTX", 24, 960), ("RX 7800 XT", 16, 624), ("RTX 4070", 12, 504)]),
        ("rocm-mi100-571.json", [("MI100", 31.98, 1228.8)] * 6),
    ],
)
def test_captures_of_other_machines(name: str, cards: list[tuple[str, float | None, float | None]]) -> None:
    rig = rig_from_captures([GPU / name])
    assert len(rig.accelerators) == len(cards)
    for gpu, (part, gib, gbs) in zip(rig.accelerators, cards, strict=True):
        assert part in (gpu.name.value or "")
        vram, rate = gpu.vram_bytes.value, gpu.bandwidth_bytes_per_s.value
        assert vram == (None if gib is None else pytest.approx(gib * GIB, rel=0.001))
        assert rate == (None if gbs is None else pytest.approx(gbs * 1e9, rel=0.03))
