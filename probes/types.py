"""The Rig: what is known of a machine, each fact with its source and confidence.

A Rig is plain data.  Nothing downstream can tell whether it was probed, read from a file or made
from the catalog.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar, get_args

Confidence = Literal["measured", "reported", "derived", "table", "guess", "unknown"]
"""Best first. ``reported``: the hardware or its driver said so; ``derived``: computed from reported
values; ``table``: looked up in the catalog by name or id; ``guess``: a stated assumption."""

CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)

T = TypeVar("T")
U = TypeVar("U")


class RigError(Exception):
    """A Rig or capture file cannot be read, or contradicts itself. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """A value with where it came from.  ``value`` is ``None`` exactly when it is unknown.

    For an unknown value ``source`` holds the reason ("no DMI table: virtual machine").
    """

    value: T | None
    source: str
    confidence: Confidence

    def __post_init__(self) -> None:
        if (self.value is None) != (self.confidence == "unknown"):
            raise RigError(
                f"a fact must be unknown exactly when it has no value: {self.value!r}, {self.confidence!r}"
            )

    @property
    def known(self) -> bool:
        return self.value is not None


def unknown(because: str) -> Fact[T]:
    """An unknown fact and the reason why."""
    return Fact(None, because, "unknown")


@dataclass(frozen=True, slots=True)
class Cache:
    """One level of CPU cache: ``size_bytes`` of each instance, ``count`` instances."""

    level: int
    size_bytes: int
    count: int


@dataclass(frozen=True, slots=True)
class NumaNode:
    """A NUMA node: its CPUs (a kernel list such as ``0-15,32-47``) and its memory.

    A node without CPUs is memory alone: HBM, CXL, or that of a GPU.
    """

    node: int
    cpus: str
    total_bytes: int | None
    distances: str | None = None
    """Relative latency to each node in their order, 10 for its own: ``10 21`` (ACPI SLIT)."""


@dataclass(frozen=True, slots=True)
class CpuInfo:
    """The CPU.  Counts are over all sockets; ``isa`` holds lower-case names (``avx512_vnni``)."""

    name: Fact[str]
    sockets: Fact[int]
    physical_cores: Fact[int]
    logical_cores: Fact[int]
    isa: Fact[tuple[str, ...]]
    performance_cores: Fact[int] = field(default_factory=lambda: unknown("not a hybrid CPU, or not detected"))
    efficiency_cores: Fact[int] = field(default_factory=lambda: unknown("not a hybrid CPU, or not detected"))
    """All cores of a hybrid CPU that are no performance cores."""
    threads_per_core: Fact[int] = field(default_factory=lambda: unknown("not detected"))
    """Hardware threads of the cores that have most: 2 where SMT is on."""
    ccds: Fact[int] = field(default_factory=lambda: unknown("no chiplets of cores known"))
    """Chiplets with cores over all sockets (AMD): each has its own limit of memory bandwidth."""
    usable_cores: Fact[float] = field(default_factory=lambda: unknown("no limit found"))
    """Logical CPUs this process may use (affinity, cgroup quota), when fewer than there are."""
    caches: tuple[Cache, ...] = ()
    numa: tuple[NumaNode, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryModule:
    """One populated memory module. ``channel`` is a key such as ``P0/C1/A``; ``None`` if unknown."""

    size_bytes: int
    type: str | None
    rated_mts: int | None
    configured_mts: int | None
    data_bits: int | None
    locator: str
    bank: str | None = None
    channel: str | None = None
    part_number: str | None = None
    manufacturer: str | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryAdvice:
    """What would make the RAM faster, or why it is not: ``kind`` is one of ``ADVICE_KINDS``.

    ``bandwidth_bytes_per_s`` is the theoretical bandwidth now, ``possible_bandwidth_bytes_per_s`` the one
    after the change; both ``None`` where nothing can be gained or the gain is not known.
    """

    kind: str
    text: str
    bandwidth_bytes_per_s: float | None = None
    possible_bandwidth_bytes_per_s: float | None = None


ADVICE_KINDS = (
    "empty_channels",
    "uneven_channels",
    "xmp_off",
    "modules_share_channels",
    "slowest_module",
    "firmware_setting",
    "cpu_limit",
    "set_by_maker",
)


@dataclass(frozen=True, slots=True)
class MemoryInfo:
    """System RAM.

    ``total_bytes`` is what the system can use; ``installed_bytes`` the sum of the modules.
    ``channels`` counts 64-bit equivalents over all sockets; ``bandwidth_bytes_per_s`` is
    theoretical and summed over sockets.
    """

    total_bytes: Fact[int]
    available_bytes: Fact[int]
    type: Fact[str]
    channels: Fact[int]
    mts: Fact[int]
    bandwidth_bytes_per_s: Fact[float]
    measured_bandwidth_bytes_per_s: Fact[float]
    measured_threads: Fact[int] = field(default_factory=lambda: unknown("not measured"))
    """Fewest threads that draw the measured bandwidth."""
    measured_spread: Fact[float] = field(default_factory=lambda: unknown("not measured"))
    """(best - worst) / best of the measurement's repeats."""
    installed_bytes: Fact[int] = field(default_factory=lambda: unknown("no module list"))
    slots: Fact[int] = field(default_factory=lambda: unknown("no module list"))
    max_channels: Fact[int] = field(default_factory=lambda: unknown("the CPU's channels are not known"))
    """64-bit channels that the CPUs have, populated or not; of soldered memory, those of the board."""
    limit_bytes: Fact[int] = field(default_factory=lambda: unknown("no cgroup limit"))
    """Memory limit of the control group, when there is one."""
    modules: tuple[MemoryModule, ...] = ()
    advice: tuple[MemoryAdvice, ...] = ()


@dataclass(frozen=True, slots=True)
class PcieLink:
    """A PCIe link: ``generation`` and ``lanes`` as used under load (not the idle generation)."""

    generation: float | None
    lanes: int | None
    max_generation: float | None = None
    max_lanes: int | None = None


@dataclass(frozen=True, slots=True)
class AcceleratorInfo:
    """One GPU (or the GPU of a unified-memory chip).

    ``vram_bytes`` is total memory, or for unified memory what the GPU may use of RAM.
    ``architecture`` is the catalog's class name.  ``catalog_name`` the matched catalog entry.
    """

    name: Fact[str]
    vendor: Fact[str]
    vram_bytes: Fact[int]
    free_bytes: Fact[int]
    bandwidth_bytes_per_s: Fact[float]
    unified: Fact[bool]
    pcie: Fact[PcieLink]
    architecture: Fact[str]
    fp16_flops: Fact[float]
    """Dense FP16 FLOP/s of the matrix units (or shaders)."""
    measured_bandwidth_bytes_per_s: Fact[float] = field(default_factory=lambda: unknown("not measured"))
    """Copying inside the memory, bytes read and written; only measured when asked for."""
    nvlink_bytes_per_s: Fact[float] = field(default_factory=lambda: unknown("no NVLink"))
    """One direction, to the other GPUs of this rig."""
    pci_id: Fact[str] = field(default_factory=lambda: unknown("not read"))
    driver: Fact[str] = field(default_factory=lambda: unknown("not read"))
    power_limit_w: Fact[float] = field(default_factory=lambda: unknown("not read"))
    backend: Fact[str] = field(default_factory=lambda: unknown("not chosen"))
    """``cuda``, ``rocm``, ``vulkan``, ``metal`` or ``sycl``: what a runtime would use here."""
    memory_type: Fact[str] = field(default_factory=lambda: unknown("not read"))
    """``GDDR6``, ``HBM3`` …"""
    ecc: Fact[bool] = field(default_factory=lambda: unknown("not read"))
    """Whether error correction of its memory is switched on."""
    reserved_bytes: Fact[int] = field(default_factory=lambda: unknown("not read"))
    """Memory that the driver keeps for itself: part of ``vram_bytes``, never free."""
    display_active: Fact[bool] = field(default_factory=lambda: unknown("not read"))
    """Whether it drives a screen, which takes some of its memory and time."""
    p2p: Fact[bool] = field(default_factory=lambda: unknown("not read"))
    """Whether it can read the memory of the rig's other GPUs directly."""


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """The operating system and what it runs in."""

    os: Fact[str]
    """``linux``, ``macos`` or ``windows``."""
    virtualization: Fact[str]
    """``none`` or the hypervisor's name."""
    container: Fact[str]
    """``none`` or the container engine's name."""
    product: Fact[str] = field(default_factory=lambda: unknown("not read"))
    memlock_bytes: Fact[int] = field(default_factory=lambda: unknown("not read"))
    """RAM that a process may lock (``ulimit -l``), when there is a limit."""
    transparent_huge_pages: Fact[str] = field(default_factory=lambda: unknown("not read"))
    """``always``, ``madvise`` or ``never``."""
    huge_pages_bytes: Fact[int] = field(default_factory=lambda: unknown("not read"))
    """RAM set aside for huge pages: not there for anything else."""
    swap_bytes: Fact[int] = field(default_factory=lambda: unknown("not read"))


@dataclass(frozen=True, slots=True)
class StorageInfo:
    """A place where model files lie: one entry per file system."""

    folder: Fact[str]
    """A known folder of a runtime, with ``~`` for the home folder."""
    kind: Fact[str]
    """``nvme``, ``ssd``, ``hdd``, ``flash`` (SD card, eMMC), ``network`` or ``ram``."""
    file_system: Fact[str]
    free_bytes: Fact[int]
    total_bytes: Fact[int] = field(default_factory=lambda: unknown("not read"))
    pcie: Fact[PcieLink] = field(default_factory=lambda: unknown("not an NVMe drive, or not read"))
    """The link of an NVMe drive."""


@dataclass(frozen=True, slots=True)
class Rig:
    """Everything known of one machine."""

    name: str
    system: SystemInfo
    cpu: CpuInfo
    memory: MemoryInfo
    accelerators: tuple[AcceleratorInfo, ...]
    notes: tuple[str, ...] = ()
    """What could not be found, and what would let us find it."""
    storage: tuple[StorageInfo, ...] = ()
