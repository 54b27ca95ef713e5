"""GPUs that use system RAM: one pool, one bandwidth, told once for both sides."""

from __future__ import annotations

from dataclasses import replace

from catalog.memory_model import gpu_share
from probes.types import AcceleratorInfo, Fact, MemoryInfo, NumaNode

DEFAULT_SHARE = {"NVIDIA": 1.0, "AMD": 0.5, "Intel": 0.5}
"""What a GPU may use of RAM when its driver does not say: CUDA on Tegra and GB10 sees all of it; the
Linux graphics memory manager allows half of RAM by default (``ttm.pages_limit``).  What macOS allows
depends on the size and is in the catalog."""


def share_of_ram(vendor: str | None, ram_bytes: int) -> int:
    """Bytes of RAM that a unified GPU may use by its driver's default."""
    share = gpu_share("macos", ram_bytes) if vendor == "Apple" else None
    return int(ram_bytes * (share or DEFAULT_SHARE.get(vendor or "", 0.5)))


def without_gpu_nodes(
    memory: MemoryInfo, numa: tuple[NumaNode, ...], nodes: tuple[int, ...]
) -> tuple[MemoryInfo, tuple[str, ...]]:
    """RAM without the NUMA nodes that are memory of GPUs (Grace Hopper): those count as VRAM.

    A node with CPUs is RAM whatever the driver says of it.
    """
    of_gpus = [n for n in numa if n.node in nodes and not n.cpus and n.total_bytes]
    taken = sum(n.total_bytes or 0 for n in of_gpus)
    total = memory.total_bytes
    if not taken or total.value is None or taken >= total.value:
        return memory, ()
    left = total.value - taken
    rest = Fact(left, f"{total.source} without the GPU's memory", "derived")
    available = memory.available_bytes
    if available.value is not None and available.value > left:
        available = Fact(left, "at most the RAM", "derived")
    shown = ", ".join(str(n.node) for n in of_gpus)
    note = f"NUMA node {shown} is memory of a GPU ({taken / 1024**3:.0f} GiB) and is not counted as RAM."
    return replace(memory, total_bytes=rest, available_bytes=available), (note,)


def settle_unified(
    memory: MemoryInfo, gpus: tuple[AcceleratorInfo, ...], carve_out_bytes: int | None = None
) -> tuple[MemoryInfo, tuple[AcceleratorInfo, ...], tuple[str, ...]]:
    """Fill in what either side of a unified pool knows of the other.

    - The GPU's bandwidth is the RAM's: the RAM's reading replaces one derived from the GPU's clock, and
      where RAM could not be read, the GPU's (or the chip's in the catalog) stands for both.
    - A GPU whose share of RAM is unknown gets its driver's default, as a guess.
    - ``carve_out_bytes`` is RAM that the BIOS keeps for the GPU and that the system's total lacks.

    Returns the memory, the GPUs and notes.
    """
    notes: list[str] = []
    settled: list[AcceleratorInfo] = []
    total = memory.total_bytes.value
    if carve_out_bytes and total is not None and not memory.installed_bytes.known:
        installed = Fact(total + carve_out_bytes, "system total + BIOS carve-out of the GPU", "derived")
        memory = replace(memory, installed_bytes=installed)
    for gpu in gpus:
        if gpu.unified.value is not True:
            settled.append(gpu)
            continue
        gpu = _with_share(gpu, memory)
        ram, own = memory.bandwidth_bytes_per_s, gpu.bandwidth_bytes_per_s
        if ram.value is not None and own.value is not None and abs(own.value / ram.value - 1) > 0.15:
            notes.append(
                f"{gpu.name.value or 'GPU'}: {own.source} gives {own.value / 1e9:.0f} GB/s, the RAM modules "
                f"{ram.value / 1e9:.0f} GB/s for the same memory; `rig-advisor probe --measure` decides."
            )
        if ram.value is not None and own.confidence != "table":
            gpu = replace(gpu, bandwidth_bytes_per_s=Fact(ram.value, "system RAM", ram.confidence))
        elif ram.value is None and own.value is not None:
            shared = Fact(
                own.value, f"same memory as {gpu.name.value or 'the GPU'}: {own.source}", own.confidence
            )
            memory = replace(memory, bandwidth_bytes_per_s=shared)
        settled.append(gpu)
    return memory, tuple(settled), tuple(notes)


def _with_share(gpu: AcceleratorInfo, memory: MemoryInfo) -> AcceleratorInfo:
    if gpu.vram_bytes.known and gpu.vram_bytes.confidence not in ("table", "guess"):
        return gpu  # what a driver says; what is sold gives way to what the system has
    ram = memory.total_bytes.value
    if ram is None:
        return gpu
    pool = share_of_ram(gpu.vendor.value, ram)
    gpu = replace(gpu, vram_bytes=Fact(pool, "the driver's default share of system RAM", "guess"))
    available = memory.available_bytes.value
    if not gpu.free_bytes.known and available is not None:
        gpu = replace(gpu, free_bytes=Fact(min(available, pool), "available system RAM", "derived"))
    return gpu
