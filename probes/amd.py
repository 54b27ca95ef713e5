"""AMD GPUs through the kernel: KFD topology and DRM files in sysfs, both readable by everybody.

Bandwidth = bus width / 8 x maximum memory clock x factor; the factor depends on the memory:

========================  ======  ===============================================
GDDR6                     16      7900 XTX: 384 bit x 1249 MHz -> 959 GB/s
GDDR5                     4       RX 580: 256 bit x 2000 MHz -> 256 GB/s
HBM, HBM2, HBM2e          2       Vega 64: 2048 bit x 945 MHz -> 484 GB/s
HBM3, HBM3e               4       MI300: 8192 bit x 1300 MHz -> 5325 GB/s
LPDDR5 (APU)              8       Strix Halo: 256 bit x 1000 MHz -> 256 GB/s
DDR4, DDR5 (APU)          2       the clock is half the data rate
========================  ======  ===============================================

sysfs does not tell the memory type, so it follows from the gfx target and, on APUs, from the clock.
An APU's GPU uses system RAM: its bandwidth is the RAM's, and the reading here is only a second
opinion on it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from probes.files import meminfo, read_line, read_text
from probes.gpu import (
    GIB,
    GpuProbe,
    GpuReading,
    accelerator_from_reading,
    bandwidth,
    merge,
    read_int,
)
from probes.gpu_match import accelerators_by_pci_id, soldered_memory
from probes.kfd import AMD_VENDOR, KfdNode, KfdTopology, gpu_node, parse_properties, read_topology
from probes.pci import driver_name, pcie_link, resolved
from probes.types import Fact, PcieLink, RigError

APU_TARGETS = frozenset(
    {
        *("gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1037"),
        *("gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153"),
    }
)
"""Targets that only exist in APUs (LLVM AMDGPU usage guide, processor table)."""

APU_PCI_IDS = frozenset(
    {
        *("15DD", "15D8", "1636", "1638", "164C", "15E7", "163F", "164E", "164D", "1681", "1506"),
        *("15BF", "15C8", "1900", "1901", "150E", "1586", "1114", "13C0"),
    }
)
"""Device ids of AMD's integrated GPUs, Raven Ridge to Krackan (PCI ID database, vendor 1002)."""

TINY_TARGETS = frozenset({"gfx1036"})
"""Two compute units for the desktop (Raphael, Granite Ridge): slower than the CPU beside it."""
TINY_PCI_IDS = frozenset({"164E", "13C0"})


@dataclass(frozen=True, slots=True)
class _Card:
    """One physical card: its KFD nodes (partitions) joined with its DRM folder."""

    address: str
    pci_id: str
    nodes: tuple[KfdNode, ...] = ()
    drm: Path | None = None
    files: Mapping[str, int] = field(default_factory=dict)
    revision: str | None = None


def architecture(gfx: str | None) -> str | None:
    """The architecture class of a gfx target, e.g. ``gfx1100`` -> ``rdna3``."""
    if gfx is None:
        return None
    for prefix, name in (
        ("gfx12", "rdna4"),
        ("gfx115", "rdna3.5-apu"),
        ("gfx1103", "rdna3-apu"),
        ("gfx11", "rdna3"),
        *((apu, "rdna2-apu") for apu in ("gfx1033", "gfx1035", "gfx1036", "gfx1037", "gfx1013")),
        ("gfx103", "rdna2"),
        ("gfx10", "rdna1"),
        ("gfx95", "cdna4"),
        ("gfx94", "cdna3"),
        ("gfx90a", "cdna2"),
        ("gfx908", "cdna1"),
        ("gfx906", "vega20"),
        ("gfx9", "gcn5"),
        ("gfx803", "gcn4"),
    ):
        if gfx.startswith(prefix):
            return name
    return None


def clock_factor(gfx: str | None, memory_type: str | None, mhz: float | None, apu: bool) -> float | None:
    """Transfers per cycle of the memory clock that the kernel reports.

    By memory type when it is known (from the catalog), else by gfx target; on APUs by the clock:
    600-1100 MHz is LPDDR5 (x 8), 1600-4400 MHz is half of a DDR data rate (x 2).
    """
    if apu and not (gfx or "").startswith("gfx94"):  # the MI300A is an APU with HBM3
        if mhz is None:
            return None
        if 600 <= mhz <= 1100:
            return 8.0
        return 2.0 if 1600 <= mhz <= 4400 else None
    kind = (memory_type or "").upper()
    if kind.startswith("HBM3") or kind.startswith("HBM4"):
        return 4.0
    if kind.startswith("HBM"):
        return 2.0
    if kind.startswith("GDDR6"):
        return 16.0
    if kind.startswith("GDDR5"):
        return 4.0
    if gfx is None:
        return None
    if gfx.startswith(("gfx94", "gfx95")):
        return 4.0
    if gfx.startswith("gfx9"):
        return 2.0
    if gfx.startswith(("gfx10", "gfx11", "gfx12")):
        return 16.0
    return 4.0 if gfx.startswith("gfx8") else None


def _drm_cards(root: Path) -> dict[str, _Card]:
    """Cards of the amdgpu driver by PCI address, from ``/sys/class/drm``."""
    cards: dict[str, _Card] = {}
    try:
        entries = sorted((root / "sys/class/drm").iterdir())
    except OSError:
        return cards
    for entry in entries:
        if not re.fullmatch(r"card\d+", entry.name):  # card0-DP-1 is a connector
            continue
        device = entry / "device"
        if read_int(device / "vendor") != AMD_VENDOR or driver_name(device) not in ("amdgpu", None):
            continue
        path = resolved(device)
        names = ("mem_info_vram_total", "mem_info_vram_used", "mem_info_gtt_total", "mem_info_gtt_used")
        files = {n: v for n in names if (v := read_int(path / n)) is not None}
        if not files:
            continue
        address = path.name if re.fullmatch(r"[0-9a-f:.]+", path.name) else entry.name
        revision = read_int(device / "revision")
        cards[address] = _Card(
            address,
            f"{read_int(device / 'device') or 0:04X}",
            drm=path,
            files=files,
            revision=None if revision is None else f"{revision:02X}",
        )
    return cards


def _cards(topology: KfdTopology, drm: dict[str, _Card]) -> list[_Card]:
    """Join KFD nodes by card (a partitioned card has one node per partition) and with DRM."""
    groups: defaultdict[tuple[int, int], dict[int, KfdNode]] = defaultdict(dict)
    for node in topology.gpus:
        groups[node.domain, node.location >> 3].setdefault(node.location, node)
    cards = dict(drm)
    for nodes in groups.values():
        ordered = tuple(nodes[location] for location in sorted(nodes))
        first = ordered[0]
        known = cards.get(first.address)
        cards[first.address] = (
            replace(known, nodes=ordered) if known else _Card(first.address, first.pci_id, ordered)
        )
    return [cards[address] for address in sorted(cards)]


def probe_amd(root: Path = Path("/")) -> GpuProbe:
    """AMD GPUs of the machine whose file system is at ``root``; empty when there are none.

    For an APU ``vram_bytes`` is carve-out + GTT: all that the driver gives to the GPU of installed RAM.
    """
    topology = read_topology(root / "sys/class/kfd/kfd/topology")
    cards = _cards(topology, _drm_cards(root))
    return merge(_probe_card(card, root, cards) for card in cards)


def gpus_from_topology(folder: Path) -> GpuProbe:
    """GPUs in a captured KFD topology folder (``nodes`` inside, or one level further down)."""
    cards = _cards(read_topology(folder), {})
    return merge(_probe_card(card, None, cards) for card in cards)


def gpus_from_properties(text: str) -> GpuProbe:
    """The GPU in one captured KFD ``properties`` file: its kind, without memory size and clock.

    Raises:
        RigError: the file is not of an AMD GPU.
    """
    properties = parse_properties(text)
    if properties.get("simd_count", 0) <= 0 or properties.get("vendor_id") != AMD_VENDOR:
        raise RigError("KFD properties: not of an AMD GPU node; give the whole topology folder")
    node = gpu_node(0, properties, properties.get("local_mem_size") or None, {})
    return merge(_probe_card(card, None) for card in _cards(KfdTopology((node,)), {}))


def _links_to(card: _Card, others: Sequence[_Card]) -> tuple[float | None, bool | None, str]:
    """(bytes/s over XGMI in one direction, whether all other cards are linked, why not told)."""
    if not card.nodes or not others:
        return None, None, "the only AMD GPU" if not others else "not told by the driver"
    reached: dict[str, int] = {}
    for node in card.nodes:
        for target, rate in node.xgmi:
            for other in others:
                if any(target == n.node for n in other.nodes):
                    reached[other.address] = max(reached.get(other.address, 0), rate)
    if not reached:
        return None, None, "no XGMI links; the driver does not tell about PCIe"
    total = sum(reached.values()) * 1e6 if all(reached.values()) else None
    return total, len(reached) == len(others) or None, "not all GPUs are linked"


def _probe_card(card: _Card, root: Path | None, cards: Sequence[_Card] = ()) -> GpuProbe:
    node = card.nodes[0] if card.nodes else None
    gfx = node.gfx if node else None
    entries = accelerators_by_pci_id(card.pci_id, "AMD", card.revision)
    apu = gfx in APU_TARGETS or card.pci_id in APU_PCI_IDS or any(e.unified for e in entries)
    if gfx in TINY_TARGETS or card.pci_id in TINY_PCI_IDS:
        return GpuProbe(
            notes=(
                f"AMD integrated graphics {card.pci_id} (PCI {card.address}): two compute units that share "
                "system RAM, no faster than the CPU; left out.",
            ),
            pci_addresses=(card.address,),
        )
    kinds = {e.memory_type for e in entries if e.memory_type}
    mhz = (node.memory_mhz if node else None) or _top_clock(card)
    factor = clock_factor(gfx, kinds.pop() if len(kinds) == 1 else None, mhz, apu)
    source = "kfd" if card.nodes else "amdgpu"
    fabric, p2p, p2p_reason = _links_to(card, [other for other in cards if other is not card])
    reading = GpuReading(
        source=source,
        vendor="AMD",
        name=read_line(card.drm / "product_name") if card.drm else None,
        pci_id=card.pci_id,
        revision=card.revision,
        bus_bits=node.bus_bits if node else None,
        memory_mhz=mhz,
        clock_factor=factor,
        driver="amdgpu",
        backend="rocm" if card.nodes else "vulkan",
        architecture=architecture(gfx),
        shader_flops=_shader_flops(card),
        trust_derived=False,
        nvlink_bytes_per_s=fabric,
        nvlink_reason="no XGMI link whose rate is told",
        p2p=p2p,
        p2p_reason=p2p_reason,
        vram_reason="neither KFD nor the DRM files tell it",
    )
    if apu:
        return _apu(card, reading, root)
    vram, notes = _vram(card)
    used = card.files.get("mem_info_vram_used")
    reading = replace(
        reading,
        vram_bytes=vram,
        free_bytes=vram - used if vram and used is not None and used <= vram else None,
        unified=False,
        pcie=_link(card),
    )
    info, more = accelerator_from_reading(reading)
    name = info.name.value or "AMD GPU"
    return GpuProbe((info,), (*(f"{name}: {n}" for n in notes), *more), _addresses(card))


def _shader_flops(card: _Card) -> float | None:
    """FP16 FLOP/s of the shaders: compute units x 512 (RDNA 3 and 4, dual issue) or 256 x clock."""
    units = sum(n.compute_units or 0 for n in card.nodes)
    if not units or not card.nodes[0].engine_mhz:
        return None
    gfx = card.nodes[0].gfx or ""
    per_clock = 512 if gfx.startswith(("gfx11", "gfx12")) else 256
    return units * per_clock * card.nodes[0].engine_mhz * 1e6


def _addresses(card: _Card) -> tuple[str, ...]:
    return tuple(dict.fromkeys((card.address, *(n.address for n in card.nodes))))


def _link(card: _Card) -> PcieLink | None:
    return pcie_link(card.drm) if card.drm else None


def _top_clock(card: _Card) -> int | None:
    """The highest state in ``pp_dpm_mclk`` (lines such as ``3: 1249Mhz *``), in MHz."""
    text = read_text(card.drm / "pp_dpm_mclk") if card.drm else None
    pattern = r"^[ \t]*\d+:[ \t]*(\d{1,6})[ \t]*Mhz"
    clocks = re.findall(pattern, text or "", re.MULTILINE | re.IGNORECASE)
    return max(map(int, clocks), default=None)


def _vram(card: _Card) -> tuple[int | None, list[str]]:
    """The card's VRAM: DRM's figure, else the sum over its KFD partitions."""
    notes = []
    if len(card.nodes) > 1:
        notes.append(
            f"runs as {len(card.nodes)} partitions; they are counted as one card. A program that opens one "
            "partition sees its part only."
        )
    total = card.files.get("mem_info_vram_total")
    parts = [n.memory_bytes for n in card.nodes if n.memory_bytes]
    if not total and parts:
        total = sum(parts)
    return total or None, notes


def _apu(card: _Card, reading: GpuReading, root: Path | None) -> GpuProbe:
    carve_out = card.files.get("mem_info_vram_total")
    gtt = card.files.get("mem_info_gtt_total")
    pool = (carve_out or 0) + (gtt or 0) or None
    used = card.files.get("mem_info_vram_used", 0) + card.files.get("mem_info_gtt_used", 0)
    entries = accelerators_by_pci_id(card.pci_id, "AMD", card.revision)
    second = bandwidth(reading.bus_bits, reading.memory_mhz, reading.clock_factor)
    reading = replace(
        reading,
        vram_bytes=pool,
        free_bytes=pool - used if pool and used <= pool else None,
        unified=True,
        bus_bits=None,
        memory_mhz=None,
        clock_factor=None,
        pcie_reason="the GPU is part of the chip",
        # Soldered memory has one speed, which the catalog knows; sockets take anything.
        bandwidth_reason=None if soldered_memory(entries) else "the bandwidth of system RAM",
        vram_reason="shares system RAM; the amdgpu driver does not tell how much of it",
    )
    info, notes = accelerator_from_reading(reading)
    if second:
        source = f"kfd: {card.nodes[0].bus_bits} bit RAM bus"
        info = replace(info, bandwidth_bytes_per_s=Fact(second, source, "derived"))
    ram = meminfo(root)[0] if root else None
    if pool and carve_out is not None and gtt is not None and ram and pool < 0.75 * (ram + carve_out):
        limit = read_int(root / "sys/module/ttm/parameters/pages_limit") if root else None
        now = f" (now {limit * 4096 / GIB:.0f} GiB)" if limit else ""
        notes = (
            *notes,
            f"{info.name.value or 'AMD APU'}: the GPU may use {pool / GIB:.0f} of "
            f"{(ram + carve_out) / GIB:.0f} GiB RAM: {carve_out / GIB:.1f} GiB BIOS carve-out and "
            f"{gtt / GIB:.1f} GiB on demand; a small carve-out and a large ttm.pages_limit"
            f"{now} give it more.",
        )
    return GpuProbe((info,), notes, _addresses(card), carve_out)
