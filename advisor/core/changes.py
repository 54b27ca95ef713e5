"""The changes that a rig can be asked to take: plain data, applied by ``advisor.core.whatif``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from catalog.types import CpuFamily, MemoryKind
from probes.types import AcceleratorInfo, CpuInfo, MemoryInfo, PcieLink, Rig

GIB = 1024**3
MAX_GPUS = 16
"""More than the largest machines hold."""


class WhatIfError(ValueError):
    """The change is impossible on this rig.  The text gives the reason and the nearest possible one."""


@dataclass(frozen=True, slots=True)
class SetRam:
    """Replace all modules by those of a specification such as ``2x32GB:DDR5-6000``."""

    spec: str


@dataclass(frozen=True, slots=True)
class AddRam:
    """Put the modules of a specification beside the present ones."""

    spec: str


@dataclass(frozen=True, slots=True)
class SetSpeed:
    """Run the present modules at another data rate."""

    mts: int


@dataclass(frozen=True, slots=True)
class SetRatedSpeed:
    """Run the present modules at the rate they are sold for: XMP or EXPO on."""


@dataclass(frozen=True, slots=True)
class SetChannels:
    """Populate another number of channels with modules like the present ones."""

    channels: int


@dataclass(frozen=True, slots=True)
class SetBoard:
    """Another board for the same CPU: for memory of ``kind``, with ``slots`` slots (``None``: not said).

    ``keeps_memory`` is false where other memory comes with it.
    """

    kind: str
    slots: int | None = None
    keeps_memory: bool = True


@dataclass(frozen=True, slots=True)
class SetCpu:
    """Swap the CPU (and, where the memory kind differs, the board) for another one.

    ``keeps_memory`` is false where other memory comes with it.
    """

    cpu: CpuInfo
    family: CpuFamily
    keeps_memory: bool = True


@dataclass(frozen=True, slots=True)
class HostLink:
    """How a GPU is connected: a PCIe link, or a cable that carries one.

    ``payload_bytes_per_s`` is what a cable lets through per direction; ``None`` for a slot, whose rate
    follows from generation and lanes.
    """

    name: str
    pcie: PcieLink
    payload_bytes_per_s: float | None = None
    external: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class AddGpu:
    """Add ``count`` GPUs described by ready-made facts, on a link of their own (``None``: the card's)."""

    gpu: AcceleratorInfo
    count: int = 1
    link: HostLink | None = None


@dataclass(frozen=True, slots=True)
class ReplaceGpu:
    """Take out all discrete GPUs and put in one described by ready-made facts."""

    gpu: AcceleratorInfo
    count: int = 1
    link: HostLink | None = None


@dataclass(frozen=True, slots=True)
class RemoveGpu:
    """Take out the GPU with this number, counted from 1 as shown."""

    number: int


@dataclass(frozen=True, slots=True)
class SetHostLink:
    """Connect the GPU of this number (``None``: all) another way."""

    link: HostLink
    number: int | None = None


@dataclass(frozen=True, slots=True)
class SetNvlink:
    """Bridge the GPUs: bytes/s per direction."""

    name: str
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class SetPower:
    """Limit the power of the GPU of this number (``None``: of all discrete ones)."""

    watts: float
    number: int | None = None


@dataclass(frozen=True, slots=True)
class SetEcc:
    """Switch error correction of the memory of the GPU of this number (``None``: all that have it)."""

    on: bool
    number: int | None = None


@dataclass(frozen=True, slots=True)
class CheckPower:
    """Compare what the parts may draw with what a power supply gives.  Changes nothing."""

    watts: float


Change = (
    SetRam
    | AddRam
    | SetSpeed
    | SetRatedSpeed
    | SetChannels
    | SetBoard
    | SetCpu
    | AddGpu
    | ReplaceGpu
    | RemoveGpu
    | SetHostLink
    | SetNvlink
    | SetPower
    | SetEcc
    | CheckPower
)

MemoryOf = Callable[[str, str, CpuFamily | None, int], tuple[MemoryInfo, list[str]]]
"""(specification, CPU name, its family, sockets) to the memory it makes and remarks."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """What edits need from the catalog, handed in so that editing itself reads nothing."""

    memory_of: MemoryOf
    kind_of: Callable[[str], MemoryKind]
    types_of: Callable[[CpuFamily], tuple[str, ...]]
    """Memory types that a family takes, the one of its official speed first."""
    own_memory: Callable[[str], bool]
    """Whether the GPU of this name is part of a chip that is sold with its memory."""
    ram_share: Callable[[str | None, int], int]
    """(GPU vendor, bytes of RAM) to what an integrated GPU may use of them by default."""
    registered_only: Callable[[CpuFamily], bool]
    """Whether a family's boards take registered modules only."""
    unbuffered_only: Callable[[CpuFamily], bool]
    """Whether a family's boards take unbuffered modules only."""
    tdp_w: Callable[[str], float | None]
    """The maker's power limit of the GPU of this name, where it is known."""


@dataclass(frozen=True, slots=True)
class Edited:
    """An edited rig and what has to be said about the edit."""

    rig: Rig
    remarks: tuple[str, ...]


def is_soldered(kind: str | None) -> bool:
    """Whether memory of this technology comes on the board or the package, not as modules."""
    return (kind or "").startswith(("LPDDR", "HBM", "GDDR"))


def own_memory(gpu: AcceleratorInfo, catalog: Lookups) -> bool:
    """Whether an integrated GPU's chip is sold with its memory: all of Apple's and NVIDIA's are."""
    if gpu.vendor.value in ("Apple", "NVIDIA"):
        return True
    return gpu.name.value is not None and catalog.own_memory(gpu.name.value)
