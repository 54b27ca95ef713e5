"""GPUs of a topology, their links and their memories."""

from __future__ import annotations

from advisor.report import format as f
from advisor.report.topology import Node
from probes.types import AcceleratorInfo, Fact, PcieLink, unknown


def link_text(link: PcieLink | None) -> str:
    """``PCIe 4.0 x16``, with question marks for what is unknown."""
    if link is None:
        return "PCIe unknown"
    generation = f"{link.generation:.1f}" if link.generation else "?"
    return f"PCIe {generation} x{link.lanes or '?'}"


def pcie_rate(generation: float | None, lanes: int | None) -> float | None:
    """Bytes/s of a PCIe link, each way; ``None`` when it cannot be known."""
    from catalog.hardware import pcie_bandwidth_gbs
    from catalog.types import LookupFailedError

    if generation is None or lanes is None:
        return None
    try:
        return pcie_bandwidth_gbs(generation, lanes) * 1e9
    except LookupFailedError:
        return None


def gpu_node(number: int, gpu: AcceleratorInfo) -> Node:
    """A GPU on its link, with its memory and NVLink behind it."""
    unified = gpu.unified.value is True
    edge: Fact[float]
    if unified:
        edge = gpu.bandwidth_bytes_per_s
        detail = "shares the RAM with the CPU"
    else:
        link = gpu.pcie.value
        rate = pcie_rate(link.generation, link.lanes) if link else None
        detail = link_text(link)
        edge = (
            unknown(gpu.pcie.source if link is None else f"{detail}: {gpu.pcie.source}")
            if rate is None
            else Fact(rate, f"{detail}, each way: {gpu.pcie.source}", "derived")
        )
    children = []
    if not unified:
        size = gpu.vram_bytes.value
        children.append(
            Node(
                "gpu_memory",
                "its memory",
                f.gib_unit(size) if size else f"size unknown: {gpu.vram_bytes.source}",
                gpu.bandwidth_bytes_per_s,
                size,
            )
        )
    if gpu.nvlink_bytes_per_s.known:
        children.append(Node("nvlink", "NVLink", "to the other GPUs, each way", gpu.nvlink_bytes_per_s))
    name = f"GPU {number}  {gpu.name.value or 'name unknown'}"
    return Node("gpu", name, detail, edge, children=tuple(children))
