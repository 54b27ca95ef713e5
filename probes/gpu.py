"""What all GPU probes share: a reading, its catalog entry, and the record made from both.

A probe fills a :class:`GpuReading` with what its source said and leaves the rest ``None``.
:func:`accelerator_from_reading` looks the card up in the catalog, derives the memory bandwidth from
bus width and clock, cross-checks the two, and writes one fact per field with its source.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from probes.files import read_line
from probes.types import AcceleratorInfo, Confidence, Fact, PcieLink, RigError, unknown

if TYPE_CHECKING:
    from catalog.types import Accelerator

T = TypeVar("T")

MIB = 1024**2
GIB = 1024**3

MAX_GPUS = 128
"""More than any machine has, partitions counted (16 GPUs in 7 slices each: 112)."""


@dataclass(frozen=True, slots=True)
class GpuProbe:
    """What a GPU probe found.

    ``pci_addresses`` are the addresses (``0000:01:00.0``) of the cards it accounts for, so that a
    later probe does not list them again.  ``carve_out_bytes`` is RAM that an APU's BIOS setting takes
    from the system (``MemTotal`` does not include it).
    """

    accelerators: tuple[AcceleratorInfo, ...] = ()
    notes: tuple[str, ...] = ()
    pci_addresses: tuple[str, ...] = ()
    carve_out_bytes: int | None = None
    numa_nodes: tuple[int, ...] = ()
    """NUMA nodes that are memory of these cards (Grace Hopper): not RAM, although the system counts them."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """What one source said of one GPU; ``None`` where it said nothing.

    Bandwidth in bytes/s = ``bus_bits`` / 8 x ``memory_mhz`` x 1e6 x ``clock_factor``, where the
    factor is the number of transfers per cycle of the clock that this source reports.
    """

    source: str
    vendor: str
    name: str | None = None
    alternatives: tuple[str, ...] = ()
    """Names of which one is the product's, where the source cannot tell."""
    pci_id: str | None = None
    """PCI device id, four upper-case hex digits."""
    revision: str | None = None
    """PCI revision, two hex digits: tells apart AMD's products of one device id."""
    vram_bytes: int | None = None
    free_bytes: int | None = None
    bus_bits: int | None = None
    memory_mhz: float | None = None
    clock_factor: float | None = None
    unified: bool | None = None
    pcie: PcieLink | None = None
    pcie_reason: str = "not reported"
    driver: str | None = None
    power_limit_w: float | None = None
    ecc: bool | None = None
    """Whether error correction of its memory is switched on."""
    reserved_bytes: int | None = None
    display_active: bool | None = None
    p2p: bool | None = None
    p2p_reason: str = "not reported"
    backend: str | None = None
    architecture: str | None = None
    """Class derived from the compute capability or gfx target, used when the catalog has no entry."""
    nvlink_bytes_per_s: float | None = None
    nvlink_reason: str = "no NVLink"
    bandwidth_reason: str | None = None
    """Set when the bandwidth must stay unknown (a MIG slice, an APU's RAM), with the reason."""
    vram_reason: str = "not reported"
    shader_flops: float | None = None
    """Rough FP16 rate from compute units and clock: tells apart products that share a PCI id."""
    trust_derived: bool = True
    """False: a derived bandwidth more than 15 % off the catalog is rejected in its favour."""

    @property
    def derived_bandwidth(self) -> float | None:
        """Bytes/s from bus width and clock, ``None`` unless all three numbers are there."""
        return bandwidth(self.bus_bits, self.memory_mhz, self.clock_factor)


def bandwidth(bus_bits: int | None, mhz: float | None, factor: float | None) -> float | None:
    """Memory bandwidth in bytes/s: bits / 8 x MHz x 1e6 x transfers per cycle.

    ``None`` for widths and clocks that no memory has: a broken driver's.
    """
    if not bus_bits or not mhz or not factor:
        return None
    if not (16 <= bus_bits <= 65_536 and 50 <= mhz <= 100_000):
        return None
    return bus_bits / 8 * mhz * 1e6 * factor


def accelerator_from_reading(
    reading: GpuReading, *, memory_bytes: int | None = None
) -> tuple[AcceleratorInfo, tuple[str, ...]]:
    """The record of one GPU and the notes about it.

    Raises nothing for an unknown card: fields that neither source nor catalog has stay unknown.
    """
    from probes.gpu_match import match_catalog

    match = match_catalog(reading, memory_bytes)
    entry = match.entry if match else None
    unified = reading.unified if reading.unified is not None else (entry.unified if entry else None)
    name = _name_fact(reading, entry)
    label = name.value or f"{reading.vendor} GPU"
    notes: list[str] = []
    guess = bool(match and match.others)
    if match and match.others:
        notes.append(
            f"{label}: PCI id or name fits {match.entry.name} and {', '.join(match.others[:4])}; "
            "the slowest is assumed. Name the card with `rig-advisor rig --gpu` to be exact."
        )
    link = card_lanes(reading.pcie, entry)
    notes += link_notes(label, link)
    vram = _vram_fact(reading, entry, label, bool(unified), guess, notes)
    rate = _bandwidth_fact(reading, entry, label, guess, notes)
    table: Confidence = "guess" if guess else "table"
    no_entry = f"{label} is not in the catalog"
    unified_source: Confidence = "reported" if reading.unified is not None else table
    info = AcceleratorInfo(
        name=name,
        vendor=Fact(reading.vendor, reading.source, "reported"),
        vram_bytes=vram,
        free_bytes=fact(reading.free_bytes, reading.source, "reported", reading.vram_reason),
        bandwidth_bytes_per_s=rate,
        unified=fact(
            unified, reading.source if reading.unified is not None else "catalog", unified_source, no_entry
        ),
        pcie=fact(link, reading.source, "reported", reading.pcie_reason),
        architecture=Fact(entry.architecture, "catalog", table)
        if entry
        else fact(reading.architecture, reading.source, "derived", no_entry),
        fp16_flops=Fact(round(entry.fp16_tflops * 1e12, -6), "catalog", table)
        if entry and entry.fp16_tflops
        else unknown(no_entry if not entry else "the catalog has no FP16 rate for it"),
        nvlink_bytes_per_s=fact(reading.nvlink_bytes_per_s, reading.source, "derived", reading.nvlink_reason),
        pci_id=fact(reading.pci_id, reading.source, "reported", "not read"),
        driver=fact(reading.driver, reading.source, "reported", "not read"),
        power_limit_w=fact(reading.power_limit_w, reading.source, "reported", "not read"),
        backend=fact(reading.backend, reading.source, "derived", "no working driver"),
        memory_type=_memory_type(entry, table, no_entry),
        ecc=_ecc(reading, entry, table, no_entry),
        reserved_bytes=fact(reading.reserved_bytes, reading.source, "reported", "not reported"),
        display_active=fact(reading.display_active, reading.source, "reported", "not reported"),
        p2p=fact(reading.p2p, reading.source, "reported", reading.p2p_reason),
    )
    return info, tuple(notes)


def card_lanes(link: PcieLink | None, entry: Accelerator | None) -> PcieLink | None:
    """The link with no more lanes than the product has: chips report 16 where the card has 8 wired."""
    if link is None or link.max_lanes is None or entry is None or entry.laptop or not entry.pcie_lanes:
        return link
    return replace(link, max_lanes=min(link.max_lanes, max(entry.pcie_lanes, link.lanes or 0)))


def link_notes(label: str, link: PcieLink | None) -> list[str]:
    """A note when a card is connected by fewer lanes, or an older generation, than it can use.

    The generation compared is the highest that card and slot agree on: the one in use drops at idle.
    """
    if link is None:
        return []
    less = []
    if link.lanes and link.max_lanes and link.lanes < link.max_lanes:
        less.append(f"x{link.lanes} of x{link.max_lanes}")
    if link.generation and link.max_generation and link.generation < link.max_generation:
        less.append(f"PCIe {link.generation:g}.0 of {link.max_generation:g}.0")
    if not less:
        return []
    return [
        f"{label}: the PCIe link runs at {', '.join(less)}; another slot or a firmware setting may be faster "
        "for models that do not fit into VRAM."
    ]


def fact(value: T | None, source: str, confidence: Confidence, reason: str) -> Fact[T]:
    """A known fact, or an unknown one with ``reason`` when ``value`` is ``None``."""
    return unknown(reason) if value is None else Fact(value, source, confidence)


def _memory_type(entry: Accelerator | None, table: Confidence, no_entry: str) -> Fact[str]:
    if entry is None:
        return unknown(no_entry)
    if entry.memory_type in (None, "system"):
        return unknown("it uses the machine's RAM" if entry.memory_type else "not in the catalog")
    return Fact(entry.memory_type, "catalog", table)


def _ecc(reading: GpuReading, entry: Accelerator | None, table: Confidence, no_entry: str) -> Fact[bool]:
    """What the driver says, else how the board is shipped."""
    if reading.ecc is not None:
        return Fact(reading.ecc, reading.source, "reported")
    return Fact(entry.ecc, "catalog: as shipped", table) if entry else unknown(no_entry)


def _name_fact(reading: GpuReading, entry: Accelerator | None) -> Fact[str]:
    if reading.name and reading.name.lower() not in ("graphics device", "ip discovery"):
        return Fact(reading.name, reading.source, "reported")
    if entry:
        return Fact(entry.name, f"catalog by PCI id {reading.pci_id}", "table")
    if reading.pci_id:
        return Fact(f"{reading.vendor} GPU {reading.pci_id}", reading.source, "derived")
    return unknown("no name and no PCI id reported")


def _vram_fact(
    reading: GpuReading,
    entry: Accelerator | None,
    label: str,
    unified: bool,
    guess: bool,
    notes: list[str],
) -> Fact[int]:
    from probes.gpu_match import has_memory

    sizes = entry.memory_bytes if entry and not reading.bandwidth_reason else ()
    if reading.vram_bytes:
        if sizes and entry and not unified and not has_memory(entry, reading.vram_bytes):
            listed = " or ".join(f"{s / GIB:.0f}" for s in sizes)
            notes.append(
                f"{label}: {reading.source} reports {reading.vram_bytes / GIB:.1f} GiB, the catalog lists "
                f"{listed} GiB for {entry.name}; the reported size is used."
            )
        return Fact(reading.vram_bytes, reading.source, "reported")
    if len(sizes) == 1:
        return Fact(sizes[0], "catalog: as sold" if unified else "catalog", "guess" if guess else "table")
    if sizes and not unified:
        listed = ", ".join(f"{s / GIB:.0f}" for s in sizes)
        return unknown(f"{reading.vram_reason}; sold with {listed} GiB")
    return unknown(reading.vram_reason)


def _bandwidth_fact(
    reading: GpuReading, entry: Accelerator | None, label: str, guess: bool, notes: list[str]
) -> Fact[float]:
    from probes.gpu_match import NOTE_ABOVE

    if reading.bandwidth_reason:
        return unknown(reading.bandwidth_reason)
    bus = reading.bus_bits or (entry.bus_bits if entry else None)
    derived = bandwidth(bus, reading.memory_mhz, reading.clock_factor)
    table = entry.bandwidth_gbs * 1e9 if entry else None
    if derived is None:
        if entry is not None and entry.memory_type == "system":
            return unknown("the bandwidth of system RAM")
        if table is None:
            return unknown(f"{label} is not in the catalog and its bus width or memory clock is not reported")
        return Fact(table, "catalog", "guess" if guess else "table")
    width = f"{bus} bit" if reading.bus_bits else f"{bus} bit (catalog)"
    source = f"{reading.source}: {width} × {reading.memory_mhz:g} MHz × {reading.clock_factor:g}"
    if table is None or entry is None:
        return Fact(derived, source, "derived")
    off = derived / table - 1
    if abs(off) <= NOTE_ABOVE:
        return Fact(derived, source, "derived")
    shown = (
        f"{label}: {derived / 1e9:.0f} GB/s from bus width and memory clock, "
        f"{table / 1e9:.0f} GB/s in the catalog"
    )
    # A clock below the product's is a slower variant of it; above, only with the width that goes with it.
    slower = reading.trust_derived and -0.6 < off < 0
    if abs(off) > 0.15 and not (slower or (reading.trust_derived and reading.bus_bits)):
        notes.append(
            f"{shown} ({off:+.0%}); the clock cannot be read as expected, the catalog's figure is used."
        )
        return Fact(table, "catalog", "guess" if guess else "table")
    why = (
        "a memory overclock, or another variant of the card"
        if off > 0
        else "a memory underclock, or another variant"
    )
    notes.append(f"{shown} ({off:+.0%}): {why}; the first is used.")
    return Fact(derived, source, "derived")


def read_int(path: Path) -> int | None:
    """A file that holds one decimal or ``0x`` number, ``None`` when it does not."""
    text = read_line(path)
    if not text or len(text) > 64:
        return None
    try:
        return int(text, 0)
    except ValueError:
        return None


def merge(probes: Iterable[GpuProbe]) -> GpuProbe:
    """All findings in one record, in order, notes without repetition.

    Raises:
        RigError: more GPUs than any machine has: a damaged or made-up capture, which could take minutes.
    """
    accelerators: list[AcceleratorInfo] = []
    notes: list[str] = []
    addresses: list[str] = []
    carve_outs: list[int] = []
    nodes: list[int] = []
    for probe in probes:
        accelerators += probe.accelerators
        if len(accelerators) > MAX_GPUS:
            raise RigError(f"more than {MAX_GPUS} GPUs: not the capture of one machine; capture it again")
        notes += [n for n in probe.notes if n not in notes]
        addresses += probe.pci_addresses
        carve_outs += [probe.carve_out_bytes] if probe.carve_out_bytes else []
        nodes += probe.numa_nodes
    return GpuProbe(
        tuple(accelerators), tuple(notes), tuple(addresses), max(carve_outs, default=None), tuple(nodes)
    )
