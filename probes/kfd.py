"""The KFD topology: what the compute driver of AMD GPUs says in sysfs, readable by everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from probes.files import read_text, whole_number

AMD_VENDOR = 0x1002


@dataclass(frozen=True, slots=True)
class KfdNode:
    """A GPU node of the KFD topology."""

    node: int
    gfx: str | None
    """LLVM target, e.g. ``gfx1100``; ``None`` on kernels that do not tell it."""
    pci_id: str
    domain: int
    location: int
    """Bus, device and function as ``bus << 8 | device << 3 | function``."""
    memory_bytes: int | None
    bus_bits: int | None
    memory_mhz: int | None
    compute_units: int | None = None
    engine_mhz: int | None = None
    xgmi: tuple[tuple[int, int], ...] = ()
    """Nodes that an XGMI link leads to, with its MB/s in one direction (0: the kernel does not know)."""

    @property
    def address(self) -> str:
        device, function = self.location >> 3 & 0x1F, self.location & 7
        return f"{self.domain:04x}:{self.location >> 8 & 0xFF:02x}:{device:02x}.{function}"


@dataclass(frozen=True, slots=True)
class KfdTopology:
    """The topology: its GPU nodes, and what its CPU nodes say of the machine.

    ``ram_mts`` is the configured speed of the first memory device (the kernel copies it from
    SMBIOS); ``logical_cpus`` and ``ram_bytes`` are sums over the CPU nodes.
    """

    gpus: tuple[KfdNode, ...] = ()
    cpu_nodes: int = 0
    logical_cpus: int | None = None
    ram_bytes: int | None = None
    ram_mts: int | None = None


def gfx_target(version: int) -> str | None:
    """``gfx_target_version`` (major x 10000 + minor x 100 + step) as LLVM writes it; step is hexadecimal."""
    if version <= 0:
        return None
    return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def _properties(path: Path) -> dict[str, int]:
    """A KFD ``properties`` file: lines of a name and a decimal number."""
    return parse_properties(read_text(path) or "")


def parse_properties(text: str) -> dict[str, int]:
    """The lines of a ``properties`` file: a name and a decimal number."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        number = whole_number(value)
        if number is not None:
            found[name] = number
    return found


XGMI = 11
"""``type`` of a KFD io_link between GPUs by XGMI (Infinity Fabric); 2 is PCIe."""


def _xgmi_links(node: Path) -> tuple[tuple[int, int], ...]:
    links = [_properties(link / "properties") for link in sorted((node / "io_links").glob("*"))]
    return tuple(
        (link["node_to"], link.get("max_bandwidth", 0))
        for link in links
        if link.get("type") == XGMI and "node_to" in link
    )


def gpu_node(
    number: int,
    properties: Mapping[str, int],
    size: int | None,
    bank: Mapping[str, int],
    xgmi: tuple[tuple[int, int], ...] = (),
) -> KfdNode:
    """A node from its properties, the size of its memory, and one of its memory banks."""
    per_unit = properties.get("simd_per_cu", 0)
    return KfdNode(
        node=number,
        gfx=gfx_target(properties.get("gfx_target_version", 0)),
        pci_id=f"{properties.get('device_id', 0):04X}",
        domain=properties.get("domain", 0),
        location=properties.get("location_id", 0),
        memory_bytes=size,
        bus_bits=bank.get("width") or None,
        memory_mhz=bank.get("mem_clk_max") or None,
        compute_units=properties.get("simd_count", 0) // per_unit if per_unit else None,
        engine_mhz=properties.get("max_engine_clk_fcompute") or None,
        xgmi=xgmi,
    )


def read_topology(topology: Path) -> KfdTopology:
    """Read a ``topology`` folder (``…/kfd/topology``, or a copy of it with ``nodes`` inside)."""
    try:
        folders = sorted((topology / "nodes").iterdir(), key=lambda p: (len(p.name), p.name))
    except OSError:
        return KfdTopology()
    gpus: list[KfdNode] = []
    cpu_nodes, logical, ram, mts = 0, 0, 0, None
    for folder in folders:
        properties = _properties(folder / "properties")
        banks = [_properties(bank / "properties") for bank in sorted((folder / "mem_banks").glob("*"))]
        if properties.get("simd_count", 0) > 0 and properties.get("vendor_id") == AMD_VENDOR:
            own = [b for b in banks if b.get("heap_type") in (1, 2)]
            bank = own[0] if own else {}
            size = sum(b.get("size_in_bytes", 0) for b in own) or properties.get("local_mem_size", 0)
            number = int(folder.name) if folder.name.isdecimal() else len(gpus)
            gpus.append(gpu_node(number, properties, size or None, bank, _xgmi_links(folder)))
        elif properties.get("cpu_cores_count", 0) > 0:
            cpu_nodes += 1
            logical += properties["cpu_cores_count"]
            system = [b for b in banks if b.get("heap_type") == 0]
            ram += sum(b.get("size_in_bytes", 0) for b in system)
            mts = mts or next((b["mem_clk_max"] for b in system if b.get("mem_clk_max")), None)
    return KfdTopology(tuple(gpus), cpu_nodes, logical or None, ram or None, mts)
