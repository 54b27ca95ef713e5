"""Sound captures of every kind, from which ``fuzz_cases.py`` makes damaged ones.

They are those of ``tests/fixtures``, and synthetic ones of the kinds that have no capture there.
"""

from __future__ import annotations

import io
import json
import struct
import tarfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parents[1] / "fixtures"

Tree = Mapping[str, bytes]


@cache
def seeds(kind: str) -> tuple[bytes, ...]:
    """Sound captures of a kind."""
    if kind == "smbios":
        return (*(p.read_bytes() for p in sorted((FIXTURES / "dmi").glob("*.bin"))), _smbios_table())
    if kind == "dmidecode":
        return tuple(p.read_bytes() for p in sorted((FIXTURES / "dmi").glob("*.txt")))
    if kind == "udev":
        return (_udev(8, "DDR4", 3200), _udev(24, "<OUT OF SPEC>", 4800), _udev(2, "LPDDR5", 6400))
    if kind == "xml":
        return tuple(p.read_bytes() for p in sorted((FIXTURES / "gpu").glob("*.xml")))
    if kind == "json":
        rocm = [p.read_bytes() for p in sorted((FIXTURES / "gpu").glob("*.json"))]
        return (*rocm, *(json.dumps(document).encode() for document in _documents()))
    if kind == "csv":
        return (_CSV, *(p.read_bytes() for p in sorted((FIXTURES / "gpu").glob("metrics-*.txt"))))
    if kind == "text":
        lscpu = [p.read_bytes() for p in sorted((FIXTURES / "lscpu").glob("*.txt"))]
        trees = [tree(name) for name in tree_names()]
        cpuinfo = [tree["proc/cpuinfo"] for tree in trees if "proc/cpuinfo" in tree]
        meminfo = [tree["proc/meminfo"] for tree in trees if "proc/meminfo" in tree]
        log = (FIXTURES / "gpu" / "synthetic-gb10-q.txt").read_bytes()
        lists = [p.read_bytes() for p in sorted((FIXTURES / "gpu").glob("windows-adapters-*.txt"))]
        short = (_MAC_TEXT, _WMIC, _KFD_PROPERTIES, _LSPCI, _VULKAN, _SYSCTL, _REGISTRY, _TOPOLOGY)
        return (*lscpu, *cpuinfo, *meminfo, log, *lists, *short)
    if kind == "archive":
        archives = [p.read_bytes() for p in sorted((FIXTURES / "gpu").glob("kfd-vega10.tar.gz"))]
        return (*archives, pack(tree("kfd"), "gz"), pack(small_tree(), "xz"), pack(small_tree(), ""))
    raise ValueError(kind)


def tree_names() -> tuple[str, ...]:
    """The folders that tree cases change: captured ones, and synthetic ones with every kind of file."""
    return ("kfd", "machine", *(p.stem for p in sorted((FIXTURES / "sysfs").glob("*.json"))))


@cache
def tree(name: str) -> Tree:
    """The files of a folder that tree cases change."""
    if name == "kfd":
        with tarfile.open(FIXTURES / "gpu" / "kfd-vega10.tar.gz") as archive:
            found = {}
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    found[member.name] = content.read()
            return found
    if name == "machine":
        return small_tree()
    texts = json.loads((FIXTURES / "sysfs" / f"{name}.json").read_text(encoding="utf-8"))
    return {path: text.encode() for path, text in texts.items()}


def _udev(slots: int, kind: str, mts: int) -> bytes:
    """Synthetic: the udev record of a machine with so many slots, every second one populated."""
    lines = ["I:1234", "E:ID_VENDOR=Example", "E:MEMORY_ARRAY_LOCATION=System Board Or Motherboard"]
    for n in range(slots):
        at = f"E:MEMORY_DEVICE_{n}_"
        lines += [f"{at}LOCATOR=DIMM_{chr(65 + n // 2)}{n % 2 + 1}", f"{at}BANK_LOCATOR=NODE {n // 8}"]
        if n % 2:
            lines.append(f"{at}PRESENT=0")
            continue
        lines += [
            f"{at}SIZE={16 * 1024**3}",
            f"{at}TYPE={kind}",
            f"{at}TOTAL_WIDTH=72",
            f"{at}DATA_WIDTH=64",
            f"{at}SPEED_MTS={mts}",
            f"{at}CONFIGURED_SPEED_MTS={mts}",
            f"{at}RANK=2",
            f"{at}PART_NUMBER=EXAMPLE-{n}",
        ]
    return "\n".join([*lines, f"E:MEMORY_ARRAY_NUM_DEVICES={slots}", "G:systemd", ""]).encode()


def _structure(kind: int, handle: int, fields: bytes, *strings: str) -> bytes:
    tail = b"".join(s.encode() + b"\0" for s in strings) or b"\0"
    return struct.pack("<BBH", kind, 4 + len(fields), handle) + fields + tail + b"\0"


def _smbios_table() -> bytes:
    """Synthetic: four slots, DDR5 with every field that the newest version of the record has."""
    system = _structure(1, 1, bytes([1, 2, 3, 0]) + bytes(19), "Example", "Desk", "1")
    processor = bytes([1, 3, 0xB3, 2]) + bytes(8) + bytes([3]) + bytes(7) + bytes([0x41, 0]) + bytes(9)
    cpu = _structure(4, 4, processor + bytes([16, 16, 32]) + bytes(8), "CPU1", "Example", "Example CPU 9")
    array = _structure(16, 16, bytes([3, 3, 3]) + struct.pack("<IHH", 0x80000000, 0xFFFE, 4) + bytes(8))
    parts = [system, cpu, array]
    for n in range(4):
        fields = struct.pack(
            "<HHHHHBBBBBHHBBBB", 16, 0xFFFE, 80, 64, 0x7FFF, 9, 0, 1, 2, 0x22, 0, 5600, 3, 0, 0, 4
        )
        fields += bytes([2]) + struct.pack("<IHHHH", 32 * 1024, 5600, 1100, 1100, 1100) + bytes(44)
        parts.append(
            _structure(17, 17 + n, fields, f"DIMM {n}", f"P0 CHANNEL {chr(65 + n)}", "Example", "PART")
        )
    return b"".join([*parts, _structure(127, 127, b"")])


def _documents() -> list[Any]:
    """Synthetic: a Mac, Windows machines, ``lscpu -J``, and a Rig document."""
    from probes.hypothetical import hypothetical_rig
    from probes.rigfile import rig_to_document

    module = {"Capacity": 16 * 1024**3, "SMBIOSMemoryType": 26, "Speed": 3200, "ConfiguredClockSpeed": 3200}
    modules = [module | {"DeviceLocator": f"ChannelA-DIMM{n}", "BankLabel": f"BANK {n}"} for n in range(2)]
    rig = hypothetical_rig(["2x RTX 3090"], "4x16GB:DDR4-3200", "Ryzen 9 5950X")
    return [
        {
            "SPHardwareDataType": [
                {
                    "chip_type": "Apple M3 Max",
                    "machine_model": "Mac15,9",
                    "number_processors": "proc 16:12:4",
                    "physical_memory": "128 GB",
                }
            ],
            "SPMemoryDataType": [{"SPMemoryDataType": "128 GB", "dimm_type": "LPDDR5"}],
            "SPDisplaysDataType": [
                {
                    "spdisplays_vendor": "sppci_vendor_Apple",
                    "sppci_model": "Apple M3 Max",
                    "sppci_cores": "40",
                }
            ],
            "SPStorageDataType": [
                {
                    "bsd_name": "disk3s5",
                    "file_system": "APFS",
                    "free_space_in_bytes": 437436678144,
                    "mount_point": "/System/Volumes/Data",
                    "physical_drive": {
                        "device_name": "APPLE SSD AP1024Z",
                        "medium_type": "ssd",
                        "protocol": "Apple Fabric",
                    },
                },
                {
                    "mount_point": "/Volumes/A",
                    "physical_drive": {"protocol": "USB", "is_internal_disk": "no"},
                },
            ],
            "SPNVMeDataType": [{"_items": [{"_name": "APPLE SSD AP1024Z", "bsd_name": "disk0"}]}],
        },
        [
            {"DeviceId": "0", "MediaType": 4, "BusType": 17, "FriendlyName": "Disk"},
            {"Number": 0, "BusType": "NVMe"},
            {"DiskNumber": 0, "DriveLetter": "C", "AccessPaths": ["C:\\"]},
            {"DriveLetter": "C", "FileSystem": "NTFS", "Size": 10**12, "SizeRemaining": 10**11},
            {"Name": "AMD Radeon RX 7900 XTX", "AdapterRAM": 0, "PNPDeviceID": _CARD},
            *(
                {"InstanceId": device, "KeyName": f"DEVPKEY_PciDevice_{key}", "Data": value}
                for device in (_CARD, "PCI\\VEN_1022&DEV_14DB")
                for key, value in (("CurrentLinkWidth", 8), ("MaxLinkSpeed", 4), ("MaxLinkWidth", 16))
            ),
            {"InstanceId": _CARD, "KeyName": "DEVPKEY_Device_Parent", "Data": "PCI\\VEN_1022&DEV_14DB"},
            {
                "InstanceId": "PCI\\VEN_1022&DEV_14DB",
                "KeyName": "DEVPKEY_Device_Parent",
                "Data": "ACPI\\PNP0A08",
            },
        ],
        {
            "Win32_PhysicalMemory": modules,
            "Win32_Processor": {"Name": "Example CPU", "NumberOfCores": 8, "NumberOfLogicalProcessors": 16},
            "Win32_VideoController": [
                {
                    "Name": "NVIDIA GeForce RTX 4060",
                    "AdapterRAM": 4293918720,
                    "PNPDeviceID": "PCI\\VEN_10DE&DEV_2882",
                }
            ],
            "Win32_ComputerSystem": {"TotalPhysicalMemory": 34_000_000_000, "Manufacturer": "Example"},
        },
        [
            {
                "gpu": 0,
                "asic": {"market_name": "AMD Instinct MI300X", "device_id": "0x74a1", "rev_id": "0x00"},
                "bus": {"bdf": "0000:0c:00.0", "max_pcie_width": 16, "max_pcie_speed": {"value": 32}},
                "limit": {"max_power": {"value": 750, "unit": "W"}},
                "vram": {"size": {"value": 196592, "unit": "MB"}, "bit_width": 8192},
            }
        ],
        [
            {
                "Description": "Intel(R) Arc(TM) A770 Graphics",
                "VendorId": 0x8086,
                "DeviceId": 0x56A0,
                "Revision": 8,
                "DedicatedVideoMemory": 16 * 1024**3,
                "Flags": 0,
            }
        ],
        {
            "VkPhysicalDeviceProperties": {"deviceName": "AMD Radeon RX 7900 XTX", "vendorID": 0x1002},
            "VkPhysicalDeviceMemoryProperties": {"memoryHeaps": [{"flags": 1, "size": 24 * 1024**3}]},
        },
        {"lscpu": [{"field": "CPU(s):", "data": "16", "children": [{"field": "Socket(s):", "data": "1"}]}]},
        rig_to_document(rig),
    ]


_CARD = "PCI\\VEN_1002&DEV_744C&REV_C8"
_CSV = (
    b"index, name, pci.bus_id, memory.total [MiB], memory.free [MiB], clocks.max.memory [MHz], "
    b"pcie.link.gen.max, pcie.link.width.current, pcie.link.width.max, power.limit [W]\n"
    b"0, NVIDIA GeForce RTX 3090, 00000000:01:00.0, 24576 MiB, 24000 MiB, 9751 MHz, 4, 16, 16, 350.00 W\n"
    b"1, NVIDIA GeForce RTX 3090, 00000000:02:00.0, 24576 MiB, [N/A], 9751 MHz, 4, 8, 16, [Not Supported]\n"
)
_MAC_TEXT = (
    b"Hardware:\n\n    Hardware Overview:\n\n      Model Identifier: MacBookAir10,1\n      Chip: Apple M1\n"
    b"      Total Number of Cores: 8 (4 performance and 4 efficiency)\n      Memory: 16 GB\n\nMemory:\n\n"
    b"      Memory: 16 GB\n      Type: LPDDR4\n"
)
_LSPCI = (
    b"0000:00:01.1 PCI bridge [0604]: Intel Corporation [8086:a70d] (rev 01)\n"
    b"\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n"
    b"\t\tLnkCap:\tPort #2, Speed 8GT/s, Width x16\n\t\tLnkSta:\tSpeed 8GT/s, Width x8\n\n"
    b"0000:01:00.0 VGA compatible controller [0300]: AMD [Radeon RX 7900 XT/7900 XTX] [1002:744c] (rev cc)\n"
    b"\tMemory at 7c00000000 (64-bit, prefetchable) [size=32G]\n"
    b"\t\tLnkCap:\tPort #0, Speed 16GT/s, Width x16\n\tKernel driver in use: amdgpu\n"
)
_VULKAN = (
    b"GPU0:\n\tvendorID = 0x10de\n\tdeviceID = 0x2684\n\tdeviceType = PHYSICAL_DEVICE_TYPE_DISCRETE_GPU\n"
    b"\tdeviceName = NVIDIA GeForce RTX 4090\n\tdriverID = DRIVER_ID_NVIDIA_PROPRIETARY\n"
    b"memoryHeaps: count = 1\n\tmemoryHeaps[0]:\n\t\tsize = 25757220864 (0x5ff400000)\n"
    b"\t\tflags: count = 1\n\t\t\tMEMORY_HEAP_DEVICE_LOCAL_BIT\n"
)
_SYSCTL = (
    b"hw.memsize: 137438953472\nhw.model: Mac17,6\nhw.physicalcpu: 18\nhw.logicalcpu: 18\nhw.nperflevels: 2\n"
    b"hw.perflevel0.physicalcpu: 6\nhw.perflevel0.l2cachesize: 16777216\nhw.perflevel0.cpusperl2: 6\n"
    b"hw.perflevel1.physicalcpu: 12\nhw.optional.arm.FEAT_I8MM: 1\nmachdep.cpu.brand_string: Apple M5 Max\n"
    b"iogpu.wired_limit_mb: 122880\nvm.swapusage: total = 2048.00M  used = 0.00M\n"
)
_REGISTRY = (
    b"Windows Registry Editor Version 5.00\n\n"
    b"[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\"
    b'{4d36e968-e325-11ce-bfc1-08002be10318}\\0000]\n"DriverDesc"="AMD Radeon RX 7900 XTX"\n'
    b'"MatchingDeviceId"="PCI\\\\VEN_1002&DEV_744C&REV_C8"\n'
    b'"HardwareInformation.qwMemorySize"=hex(b):00,00,00,00,06,00,00,00\n'
)
_TOPOLOGY = b"\tGPU0\tGPU1\tCPU Affinity\nGPU0\t X \tNV4\t0-31\nGPU1\tNV4\t X \t0-31\n"
_WMIC = (
    b"Capacity=17179869184\r\nDeviceLocator=DIMM1\r\nSpeed=3200\r\nConfiguredClockSpeed=3200\r\n"
    b"SMBIOSMemoryType=26\r\n\r\nCapacity=17179869184\r\nDeviceLocator=DIMM2\r\nSpeed=3200\r\n"
)
_KFD_PROPERTIES = b"cpu_cores_count 0\nsimd_count 256\nmem_banks_count 1\nvendor_id 4098\ndevice_id 26720\n"


def small_tree() -> dict[str, bytes]:
    """Synthetic: a two-node machine with an AMD card, ECC driver, HMAT, cgroups and a PCI bus."""
    found: dict[str, bytes] = {
        "proc/meminfo": b"MemTotal:       131072000 kB\nMemAvailable:   120000000 kB\n",
        "proc/cpuinfo": b"".join(
            b"processor\t: %d\nmodel name\t: AMD EPYC 7252 8-Core\nphysical id\t: %d\ncore id\t\t: %d\n"
            b"flags\t\t: avx avx2 fma f16c\n\n" % (n, n // 2, n % 2)
            for n in range(4)
        ),
        "proc/self/cgroup": b"0::/user.slice\n",
        "proc/version": b"Linux version 6.8.0\n",
        "sys/fs/cgroup/cgroup.controllers": b"cpu memory\n",
        "sys/fs/cgroup/user.slice/memory.max": b"68719476736\n",
        "sys/fs/cgroup/user.slice/memory.current": b"1073741824\n",
        "sys/fs/cgroup/user.slice/cpu.max": b"200000 100000\n",
        "run/udev/data/+dmi:id": _udev(8, "DDR4", 3200),
        "sys/firmware/dmi/tables/DMI": _smbios_table(),
        "sys/class/dmi/id/sys_vendor": b"Example\n",
        "sys/class/dmi/id/product_name": b"Server\n",
    }
    for cpu in range(4):
        at = f"sys/devices/system/cpu/cpu{cpu}"
        found[f"{at}/topology/physical_package_id"] = b"%d\n" % (cpu // 2)
        found[f"{at}/topology/core_id"] = b"%d\n" % (cpu % 2)
        found[f"{at}/topology/thread_siblings_list"] = b"%d\n" % cpu
        found[f"{at}/cache/index3/level"] = b"3\n"
        found[f"{at}/cache/index3/type"] = b"Unified\n"
        found[f"{at}/cache/index3/size"] = b"16384K\n"
        found[f"{at}/cache/index3/shared_cpu_list"] = b"%d-%d\n" % (cpu // 2 * 2, cpu // 2 * 2 + 1)
    for node in range(2):
        at = f"sys/devices/system/node/node{node}"
        found[f"{at}/cpulist"] = b"%d-%d\n" % (node * 2, node * 2 + 1)
        found[f"{at}/meminfo"] = b"Node %d MemTotal:       65536000 kB\n" % node
        found[f"{at}/distance"] = b"10 20\n" if node == 0 else b"20 10\n"
        found[f"{at}/access0/initiators/read_bandwidth"] = b"170000\n"
        for slot in range(2):
            at = f"sys/devices/system/edac/mc/mc{node}/dimm{slot}"
            found[f"{at}/size"] = b"16384\n"
            found[f"{at}/dimm_location"] = b"channel %d slot 0\n" % slot
            found[f"{at}/dimm_mem_type"] = b"Registered-DDR4\n"
    at = "sys/class/kfd/kfd/topology/nodes"
    found[f"{at}/0/properties"] = b"cpu_cores_count 4\nsimd_count 0\n"
    found[f"{at}/0/mem_banks/0/properties"] = b"width 64\nmem_clk_max 3200\nsize_in_bytes 137438953472\n"
    found[f"{at}/1/properties"] = (
        b"cpu_cores_count 0\nsimd_count 384\ngfx_target_version 110000\nvendor_id 4098\ndevice_id 29772\n"
        b"location_id 768\ndomain 0\nio_links_count 1\n"
    )
    found[f"{at}/1/mem_banks/0/properties"] = (
        b"heap_type 1\nsize_in_bytes 25753026560\nwidth 384\nmem_clk_max 1249\n"
    )
    at = "sys/bus/pci/devices/0000:03:00.0"
    for name, text in {
        "vendor": b"0x1002\n",
        "device": b"0x744c\n",
        "class": b"0x030000\n",
        "current_link_speed": b"16.0 GT/s PCIe\n",
        "current_link_width": b"16\n",
        "max_link_speed": b"16.0 GT/s PCIe\n",
        "max_link_width": b"16\n",
    }.items():
        found[f"{at}/{name}"] = text
        found[f"sys/class/drm/card0/device/{name}"] = text
    found["sys/class/drm/card0/device/mem_info_vram_total"] = b"25753026560\n"
    found["sys/class/drm/card0/device/mem_info_vram_used"] = b"100000000\n"
    found["sys/class/drm/card0/device/mem_info_gtt_total"] = b"67000000000\n"
    return found


def pack(files: Tree, compression: str) -> bytes:
    """A tar of the files; the compression is ``gz``, ``xz`` or empty."""
    buffer = io.BytesIO()
    mode: Any = f"w:{compression}"
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
