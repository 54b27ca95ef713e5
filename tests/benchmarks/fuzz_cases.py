"""Damaged captures, made from a number: the cases of ``fuzz_probes.py`` and of the short test run.

Seeds are the captures in ``tests/fixtures`` and synthetic ones of the kinds that have no capture there.
They are broken in the ways in which files break (cut off, bits flipped, parts doubled, lost or swapped)
and in the ways in which an attacker would break them (sizes that promise gigabytes, nesting, entities,
archives that unpack without end).  The same number gives the same case on every machine.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import struct
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parents[1] / "fixtures"
MIB = 1024**2

Tree = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged capture: files that are given together, or changes to a folder.

    ``changes`` maps a path inside the folder to new content; ``None`` removes it, and a text that starts
    with ``link:`` or is ``folder`` puts a link or a folder there.
    """

    kind: str
    files: tuple[bytes, ...] = ()
    tree: str | None = None
    changes: tuple[tuple[str, bytes | str | None], ...] = ()


# --- seeds -----------------------------------------------------------------------------------


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
        trees = [_tree(name) for name in tree_names()]
        cpuinfo = [tree["proc/cpuinfo"] for tree in trees if "proc/cpuinfo" in tree]
        meminfo = [tree["proc/meminfo"] for tree in trees if "proc/meminfo" in tree]
        return (*lscpu, *cpuinfo, *meminfo, _MAC_TEXT, _WMIC, _KFD_PROPERTIES)
    if kind == "archive":
        archives = [p.read_bytes() for p in sorted((FIXTURES / "gpu").glob("kfd-vega10.tar.gz"))]
        return (*archives, _pack(_tree("kfd"), "gz"), _pack(_small_tree(), "xz"), _pack(_small_tree(), ""))
    raise ValueError(kind)


def tree_names() -> tuple[str, ...]:
    """The folders that tree cases change: captured ones, and synthetic ones with every kind of file."""
    return ("kfd", "machine", *(p.stem for p in sorted((FIXTURES / "sysfs").glob("*.json"))))


@cache
def _tree(name: str) -> dict[str, bytes]:
    if name == "kfd":
        with tarfile.open(FIXTURES / "gpu" / "kfd-vega10.tar.gz") as archive:
            found = {}
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    found[member.name] = content.read()
            return found
    if name == "machine":
        return _small_tree()
    texts = json.loads((FIXTURES / "sysfs" / f"{name}.json").read_text(encoding="utf-8"))
    return {path: text.encode() for path, text in texts.items()}


def tree(name: str) -> Tree:
    """The files of a folder that tree cases change."""
    return _tree(name)


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


def _documents() -> list[dict[str, Any]]:
    """Synthetic: a Mac, a Windows machine, ``lscpu -J``, and a Rig document."""
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
        },
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
        {"lscpu": [{"field": "CPU(s):", "data": "16", "children": [{"field": "Socket(s):", "data": "1"}]}]},
        rig_to_document(rig),
    ]


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
_WMIC = (
    b"Capacity=17179869184\r\nDeviceLocator=DIMM1\r\nSpeed=3200\r\nConfiguredClockSpeed=3200\r\n"
    b"SMBIOSMemoryType=26\r\n\r\nCapacity=17179869184\r\nDeviceLocator=DIMM2\r\nSpeed=3200\r\n"
)
_KFD_PROPERTIES = b"cpu_cores_count 0\nsimd_count 256\nmem_banks_count 1\nvendor_id 4098\ndevice_id 26720\n"


def _small_tree() -> dict[str, bytes]:
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


def _pack(files: Tree, compression: str) -> bytes:
    buffer = io.BytesIO()
    mode: Any = f"w:{compression}"
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


# --- damage ----------------------------------------------------------------------------------

_ODD_NUMBERS = (
    *(
        b"0",
        b"-1",
        b"1e999",
        b"NaN",
        b"inf",
        b"0x",
        b"4294967295",
        b"18446744073709551615",
        b"1.7e308",
        b"00",
    ),
    *(
        b"9" * 400,
        b"9" * 5000,
        "²".encode(),
        "٣٤".encode(),
        b"1" + b"0" * 30,
        b"5e-324",
        b"2147483648",
        b"1,5",
        b".",
        b"-0",
    ),
)
_ODD_WORDS = (
    *(
        b"\0",
        b"\xff\xfe",
        b"\n",
        b"\r\n\r\n",
        b"\t",
        b":",
        b"=",
        b",",
        b'"',
        b"<",
        b"&",
        b"[N/A]",
        b"MB",
        b"GB",
    ),
    *(
        "\u202e\u0085\ud7ff".encode(),
        b"\x1b[31m",
        b"A" * 3000,
        b"{" * 50,
        b"Unknown",
        b"Handle 0x",
        b"E:MEMORY_",
    ),
    *(b"Size: 99999999999 GB", b"Speed: 65535 MT/s", b"Locator: ", b"P0_Node0_Channel0_Dimm0", b"None"),
)


def damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A few random changes of the bytes; ``other`` is where foreign parts come from."""
    out = bytearray(data)
    for _ in range(1 + int(rng.expovariate(0.6))):
        if not out:
            break
        where = rng.randrange(len(out))
        length = min(len(out) - where, 1 + int(rng.expovariate(0.02)))
        what = rng.randrange(9)
        if what == 0:
            out[where] ^= 1 << rng.randrange(8)
        elif what == 1:
            out[where] = rng.choice((0, 1, 3, 4, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
        elif what == 2:
            del out[where:]
        elif what == 3:
            del out[where : where + length]
        elif what == 4:
            out[where:where] = out[where : where + length] * rng.choice((1, 1, 2, 20))
        elif what == 5:
            start = rng.randrange(max(len(other), 1))
            out[where : where + rng.choice((0, length))] = other[start : start + length]
        elif what == 6:
            out[where:where] = rng.choice(_ODD_WORDS)
        else:
            numbers = list(re.finditer(rb"\d+(?:\.\d+)?", out[where : where + 4000]))
            if numbers:
                found = rng.choice(numbers)
                out[where + found.start() : where + found.end()] = rng.choice(_ODD_NUMBERS)
    return bytes(out[: 2 * MIB])


def _text_damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Changes of whole lines, then perhaps of bytes; now and then another encoding."""
    lines = data.splitlines(keepends=True)
    for _ in range(rng.randrange(4)):
        if not lines:
            break
        where = rng.randrange(len(lines))
        what = rng.randrange(5)
        if what == 0:
            del lines[where : where + 1 + int(rng.expovariate(0.1))]
        elif what == 1:
            lines[where:where] = lines[where : where + 30] * rng.choice((1, 2, 10))
        elif what == 2:
            lines[where], lines[-1] = lines[-1], lines[where]
        elif what == 3:
            foreign = other.splitlines(keepends=True)
            lines[where:where] = foreign[: rng.randrange(1 + len(foreign))][-20:]
        else:
            name, separator, value = lines[where].partition(rng.choice((b":", b"=", b" ")))
            lines[where] = name + separator + rng.choice((*_ODD_NUMBERS, *_ODD_WORDS, value * 2)) + b"\n"
    out = b"".join(lines)
    if rng.random() < 0.6:
        out = damage(rng, out, other)
    if rng.random() < 0.03:
        out = out.decode("utf-8", "replace").encode(
            rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "utf-16-be"))
        )
    return out


_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**63, 2**64, 10**40, 1.5, 1e308, "", " ", "²", "-1", "1e5", "N/A"),
    *(
        [],
        {},
        [[]],
        [None],
        {"a": []},
        "A" * 5000,
        "\u202e",
        "\ud800",
        "0x1234",
        "proc 1:2:3:4:5",
        "9" * 100,
        "9" * 5000,
        "1.2.3",
    ),
    *("128 GB", "99999999 GB", "1 (8.0GT/s x16)", "1 (.GT/s x16)", "..", "16x", "Apple M9 Ultra", "card0"),
)


def _json_damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Changes of values, keys and nesting in the document; bytes of its text now and then."""
    if rng.random() < 0.25:
        return _text_damage(rng, data, other)
    document = json.loads(data)
    for _ in range(1 + int(rng.expovariate(0.6))):
        document = _changed(rng, document, 8)
    if rng.random() < 0.05:
        for _ in range(rng.choice((10, 200, 5000))):
            document = [document] if rng.random() < 0.5 else {rng.choice(("a", "card0", "lscpu")): document}
    try:
        text = json.dumps(document, ensure_ascii=rng.random() < 0.5)
    except RecursionError:
        text = '{"card0":' * 20_000 + "1"
    return text.encode("utf-8", "surrogatepass")


def _changed(rng: random.Random, node: Any, depth: int) -> Any:
    """The document with one change somewhere in it."""
    if depth == 0 or not isinstance(node, dict | list) or not node or rng.random() < 0.05:
        return rng.choice(_ODD_VALUES)
    if isinstance(node, list):
        where = rng.randrange(len(node))
        if rng.random() < 0.15:
            return node * rng.choice((0, 2, 30))
        return [*node[:where], _changed(rng, node[where], depth - 1), *node[where + 1 :]]
    key = rng.choice(list(node))
    changed = dict(node)
    what = rng.random()
    if what < 0.1:
        del changed[key]
    elif what < 0.2:
        changed[rng.choice((key.upper(), f" {key}", key[:-1], "", "card99999999999", "card٣", "Cim"))] = (
            changed.pop(key)
        )
    else:
        changed[key] = _changed(rng, node[key], depth - 1)
    return changed


def _xml_damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    what = rng.randrange(20)
    if what == 0:
        names = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
        head = f'<?xml version="1.0"?><!DOCTYPE nvidia_smi_log [<!ENTITY a0 "lol">{names}]>'
        return (
            head.encode() + b"<nvidia_smi_log><gpu><product_name>&a9;</product_name></gpu></nvidia_smi_log>"
        )
    if what == 1:
        depth = rng.choice((100, 5000, 50_000))
        return (
            b"<nvidia_smi_log>" + b"<gpu>" * depth + b"</gpu>" * rng.choice((0, depth)) + b"</nvidia_smi_log>"
        )
    if what == 2:
        encoding = rng.choice((b"utf-16", b"utf-7", b"idna", b"x", b"EBCDIC-CP-US"))
        return b'<?xml version="1.0" encoding="' + encoding + b'"?>' + data[data.find(b"<nvidia_smi_log") :]
    if what < 10:  # a value inside its tags, so that the document stays well-formed
        leaves = list(re.finditer(rb">([^<>]{1,60})</", data))
        out = data
        for leaf in sorted(
            rng.sample(leaves, min(len(leaves), 1 + rng.randrange(6))), key=lambda m: -m.start(1)
        ):
            value = rng.choice(
                (*_ODD_NUMBERS, b"N/A", b"", b"16x", b"-5 MiB", b"99999999999999 MiB", b"1e300 MHz")
            )
            out = out[: leaf.start(1)] + value + out[leaf.end(1) :]
        return out
    return _text_damage(rng, data, other)


def _smbios_damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Changes of lengths, types, fields and string numbers; wrapped as a dump or as Windows' buffer."""
    table = bytearray(data[32:] if data[:3] == b"_SM" else data)
    starts = _starts(bytes(table))
    for _ in range(rng.randrange(5)):
        start = rng.choice(starts) if starts else 0
        if start + 4 >= len(table):
            continue
        offset = start + rng.choice((0, 1, rng.randrange(4, max(table[start + 1], 5))))
        if offset < len(table):
            table[offset] = rng.choice((0, 1, 2, 4, 0x1F, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            if offset + 1 < len(table) and rng.random() < 0.2:
                table[offset + 1] = rng.choice((0x7F, 0x80, 0xFF))
    out = bytes(table)
    if rng.random() < 0.4:
        out = damage(rng, out, other)
    if rng.random() < 0.02:
        out *= rng.choice((2, 50))
    size = rng.choice((len(out), len(out), 0, 1, 0xFFFF, 0xFFFFFFFF, rng.randrange(1 + len(out))))
    place = rng.choice((0x20, 0x20, 0, 0x10, len(out), 0xFFFFFFFF))
    what = rng.randrange(6)
    if what == 0:
        return struct.pack("<BBBBI", rng.choice((0, 1)), rng.choice((2, 3)), 0, 0, size) + out
    if what == 1:
        return b"_SM3_" + bytes(7) + struct.pack("<IQ", size, place) + bytes(8) + out
    if what == 2:
        return (b"_SM_" + bytes(12) + b"_DMI_" + bytes(1) + struct.pack("<HI", size & 0xFFFF, place)).ljust(
            32, b"\0"
        ) + out
    return out


@cache
def _starts(table: bytes) -> tuple[int, ...]:
    found, offset = [], 0
    while offset + 4 <= len(table) and table[offset + 1] >= 4:
        found.append(offset)
        end = table.find(b"\0\0", offset + table[offset + 1])
        if end < 0:
            break
        offset = end + 2
    return tuple(found)


def _archive_damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    what = rng.randrange(12)
    if what == 0:  # unpacks to far more than it has
        files = {f"sys/devices/f{n}": bytes(15 * MIB) for n in range(rng.choice((1, 3)))}
        return _bomb(tuple(files), 15 * MIB)
    if what == 1:
        return gzip.compress(_pack({f"proc/{n}": b"" for n in range(rng.choice((10, 3000)))}, ""))
    if what < 5:  # fields of the headers, under a sound compression
        raw = bytearray(_plain(data))
        for _ in range(1 + rng.randrange(4)):
            header = 512 * rng.randrange(max(len(raw) // 512, 1))
            offset = header + rng.choice((0, 100, 124, 124, 124, 148, 156, 156, 157, 257, 345))
            text = rng.choice(
                (b"77777777777\0", b"\xff" * 12, b"\x80" + b"\xff" * 11, b"-1", b"5", b"2", b"1", b"x", b"L")
            )
            raw[offset : offset + len(text)] = text
            if rng.random() < 0.8:  # with its checksum right
                block = raw[header : header + 512]
                block[148:156] = b" " * 8
                raw[header + 148 : header + 156] = b"%06o\0 " % sum(block)
        return gzip.compress(bytes(raw), 1)
    if what < 8:  # files that go elsewhere
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
            for path, content in {**_small_tree(), "sys/class/odd": b"x"}.items():
                info = tarfile.TarInfo(path)
                if rng.random() < 0.1:
                    info.type = rng.choice(
                        (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
                    )
                    info.linkname = rng.choice(("/etc/passwd", "../../..", path, "sys/class", "/dev/zero"))
                    content = b""
                if rng.random() < 0.05:
                    info.name = rng.choice(
                        ("../x", "/tmp/x", "", ".", "a/" * 200 + "b", "proc/cpuinfo/x", "\udcff")
                    )
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return buffer.getvalue()
    return damage(rng, data, other)


@cache
def _bomb(paths: tuple[str, ...], size: int) -> bytes:
    return _pack({path: bytes(size) for path in paths}, "gz")


@cache
def _plain(data: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return _pack({m.name: f.read() for m in archive if m.isfile() and (f := archive.extractfile(m))}, "")


_DAMAGES: Mapping[str, Callable[[random.Random, bytes, bytes], bytes]] = {
    "smbios": _smbios_damage,
    "dmidecode": _text_damage,
    "udev": _text_damage,
    "xml": _xml_damage,
    "json": _json_damage,
    "csv": _text_damage,
    "text": _text_damage,
    "archive": _archive_damage,
}

WEIGHTS = {
    "smbios": 24,
    "dmidecode": 14,
    "udev": 12,
    "xml": 12,
    "json": 16,
    "csv": 8,
    "text": 8,
    "archive": 2,
    "tree": 4,
}
"""Share of each kind in percent; unpacking and folders take longest."""


def make_case(seed: int, kind: str | None = None) -> Case:
    """The case of a number."""
    rng = random.Random(seed)
    kinds = list(WEIGHTS)
    chosen = rng.choices(kinds, [WEIGHTS[k] for k in kinds])[0]
    kind = kind or chosen
    if kind == "tree":
        return _tree_case(rng)
    other = rng.choice(seeds(rng.choice(tuple(_DAMAGES))))
    files = [_DAMAGES[kind](rng, rng.choice(seeds(kind)), other)]
    if kind != "archive" and rng.random() < 0.1:  # joined with another capture, sound or not
        second = rng.choice([k for k in _DAMAGES if k != "archive"])
        sound = rng.choice(seeds(second))
        files.append(sound if rng.random() < 0.5 else _DAMAGES[second](rng, sound, other))
    return Case(kind, tuple(files))


def _tree_case(rng: random.Random) -> Case:
    name = rng.choice(tree_names())
    files = _tree(name)
    paths = list(files)
    changes: list[tuple[str, bytes | str | None]] = []
    for path in rng.sample(paths, min(len(paths), 1 + int(rng.expovariate(0.15)))):
        what = rng.randrange(10)
        if what == 0:
            changes.append((path, None))
        elif what == 1:
            changes.append((path, "folder"))
        elif what == 2:
            changes.append((path, f"link:{rng.choice(('.', '/dev/zero', '/nowhere', path, '..'))}"))
        elif what < 6:
            changes.append(
                (path, rng.choice((*_ODD_NUMBERS, *_ODD_WORDS, b"", b"0-999999,5-1", b"f" * 5000)) + b"\n")
            )
        else:
            changes.append((path, damage(rng, files[path], files[rng.choice(paths)])))
    return Case("tree", tree=name, changes=tuple(changes))
