"""The fields of a Rig document, each once: writer, reader and JSON Schema all walk these tables.

Units are in the names (bytes, bytes per second, MT/s, watts).  The upper bounds are far above any
machine and catch slips such as bytes given in bits or a size given twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["integer", "number", "string", "boolean", "strings", "pcie"]

SCHEMA = "rig-advice/rig/1"

MAX_BYTES = 2**60
MAX_RATE = 1e18
MAX_TEXT = 2000
MAX_ITEMS = 4096


@dataclass(frozen=True, slots=True)
class Field:
    """One key: its JSON kind, whether it must be there, and its bounds (inclusive).

    A ``number`` with ``minimum`` 0 must be above 0: zero would be a wrong way to say "unknown".
    """

    name: str
    kind: Kind
    required: bool = False
    minimum: int = 1
    maximum: float = MAX_BYTES
    about: str = ""


def _bytes(name: str, about: str, *, required: bool = False, minimum: int = 1) -> Field:
    return Field(name, "integer", required, minimum, MAX_BYTES, about)


def _rate(name: str, about: str, *, required: bool = False) -> Field:
    return Field(name, "number", required, 0, MAX_RATE, about)


def _count(
    name: str, about: str, *, required: bool = False, maximum: int = 1_000_000, minimum: int = 1
) -> Field:
    return Field(name, "integer", required, minimum, maximum, about)


def _text(name: str, about: str, *, required: bool = False) -> Field:
    return Field(name, "string", required, about=about)


SYSTEM_FACTS = (
    _text("os", "linux, macos or windows"),
    _text("virtualization", "none, or the hypervisor's name"),
    _text("container", "none, or the container engine's name"),
    _text("product", "the computer's or board's product name"),
    _bytes("memlock_bytes", "RAM that a process may lock, where there is a limit", minimum=0),
    _text("transparent_huge_pages", "always, madvise or never"),
    _bytes("huge_pages_bytes", "RAM set aside for huge pages", minimum=0),
    _bytes("swap_bytes", "swap space", minimum=0),
)

CPU_FACTS = (
    _text("name", "brand string", required=True),
    _count("sockets", "CPU packages", required=True, maximum=1024),
    _count("physical_cores", "cores over all sockets", required=True),
    _count("logical_cores", "hardware threads over all sockets", required=True),
    Field(
        "isa", "strings", required=True, about="instruction-set extensions, lower case, such as avx512_vnni"
    ),
    _count("performance_cores", "performance cores of a hybrid CPU"),
    _count("efficiency_cores", "all other cores of a hybrid CPU"),
    _count("threads_per_core", "hardware threads of a core", maximum=16),
    _count("ccds", "chiplets with cores over all sockets (AMD)"),
    Field(
        "usable_cores", "number", minimum=0, maximum=1e6, about="logical CPUs that affinity and quota leave"
    ),
)

CACHE_FIELDS = (
    _count("level", "cache level", required=True, maximum=9),
    _bytes("size_bytes", "size of each instance", required=True),
    _count("count", "instances", required=True),
)

NUMA_FIELDS = (
    _count("node", "node number", required=True, minimum=0),
    _text("cpus", "kernel CPU list such as 0-15,32-47", required=True),
    _bytes("total_bytes", "memory of the node, null if unknown"),
    _text("distances", "relative latency to each node in their order, such as 10 21"),
)

MEMORY_FACTS = (
    _bytes("total_bytes", "RAM that the system can use", required=True),
    _bytes("available_bytes", "RAM that is free or can be freed", minimum=0),
    _text("type", "memory technology such as DDR5", required=True),
    _count("channels", "64-bit equivalents over all sockets", required=True, maximum=4096),
    _count("mts", "data rate in MT/s (twice the clock)", required=True, maximum=200_000),
    _rate("bandwidth_bytes_per_s", "theoretical, summed over sockets", required=True),
    _rate("measured_bandwidth_bytes_per_s", "read bandwidth measured on this machine", required=True),
    _count("measured_threads", "fewest threads that draw the measured bandwidth"),
    Field("measured_spread", "number", minimum=0, maximum=1, about="(best - worst) / best of the repeats"),
    _bytes("installed_bytes", "sum of the modules"),
    _count("slots", "memory slots", maximum=4096),
    _count("max_channels", "64-bit channels that the CPUs have, over all sockets", maximum=4096),
    _bytes("limit_bytes", "memory limit of the control group"),
)

MODULE_FIELDS = (
    _bytes("size_bytes", "capacity", required=True),
    _text("type", "memory technology such as DDR5"),
    _count("rated_mts", "rated data rate in MT/s", maximum=200_000),
    _count("configured_mts", "data rate in use in MT/s", maximum=200_000),
    _count("data_bits", "data width", maximum=4096),
    _text("locator", "slot name", required=True),
    _text("bank", "bank name"),
    _text("channel", "channel key such as P0/C1/A"),
    _text("part_number", "part number"),
    _text("manufacturer", "maker"),
    _count("rank", "ranks", maximum=64),
)

ADVICE_FIELDS = (
    _text("kind", "such as empty_channels, xmp_off, modules_share_channels", required=True),
    _text("text", "for people, with the gain in figures", required=True),
    _rate("bandwidth_bytes_per_s", "theoretical bandwidth now"),
    _rate("possible_bandwidth_bytes_per_s", "theoretical bandwidth after the change"),
)

PCIE_FIELDS = (
    Field("generation", "number", minimum=0, maximum=20, about="PCIe generation under load"),
    _count("lanes", "lanes in use", maximum=256),
    Field("max_generation", "number", minimum=0, maximum=20, about="generation the card can do"),
    _count("max_lanes", "lanes the card has", maximum=256),
)

ACCELERATOR_FACTS = (
    _text("name", "product name", required=True),
    _text("vendor", "NVIDIA, AMD, Intel, Apple …", required=True),
    _bytes("vram_bytes", "its memory; for unified memory, what it may use of RAM", required=True),
    _bytes("free_bytes", "memory free now", minimum=0),
    _rate("bandwidth_bytes_per_s", "memory bandwidth", required=True),
    _rate("measured_bandwidth_bytes_per_s", "measured by copying inside it, bytes read and written"),
    Field("unified", "boolean", required=True, about="true when it uses system RAM"),
    Field("pcie", "pcie", required=True, about="the link to the CPU"),
    _text("architecture", "class that efficiencies are keyed by, such as ada"),
    _rate("fp16_flops", "dense FP16 FLOP/s"),
    _rate("nvlink_bytes_per_s", "one direction, to the other GPUs of this rig"),
    _text("pci_id", "PCI device id, hexadecimal"),
    _text("driver", "driver and version"),
    Field("power_limit_w", "number", minimum=0, maximum=1e6, about="power limit in watts"),
    _text("backend", "cuda, rocm, vulkan, metal or sycl"),
    _text("memory_type", "GDDR6, HBM3 …"),
    Field("ecc", "boolean", about="true when error correction of its memory is on"),
    _bytes("reserved_bytes", "memory that the driver keeps for itself", minimum=0),
    Field("display_active", "boolean", about="true when it drives a screen"),
    Field("p2p", "boolean", about="true when it can read the memory of the rig's other GPUs directly"),
)

STORAGE_FACTS = (
    _text("folder", "folder of a runtime's models, ~ for the home folder", required=True),
    _text("kind", "nvme, ssd, hdd, flash, network or ram", required=True),
    _text("file_system", "file system", required=True),
    _bytes("free_bytes", "space that is free to this user", required=True, minimum=0),
    _bytes("total_bytes", "size of the file system"),
    Field("pcie", "pcie", about="the link of an NVMe drive"),
)
