"""What all GPU probes share: a reading, its catalog entry, and the record made from both.

A probe fills a :class:`GpuReading` with what its source said and leaves the rest ``None``.
:func:`accelerator_from_reading` looks the card up in the catalog, derives the memory bandwidth from
bus width and clock, cross-checks the two, and writes one fact per field with its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
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
MAX_NAME = 200
"""Characters of a product name; a longer one is damage, and looking it up takes long."""
MAX_BUS_BITS = 1 << 20
"""More than any memory bus is wide (HBM stacks of today: 1024 to 2048 bits each)."""

NOTE_ABOVE = 0.03
"""Relative difference between derived and catalog bandwidth that is worth a note.

Vendors round their figures (H100: 3352 derived, 3350 published), an overclock is more than this."""

MEMORY_TOLERANCE = 0.12
"""How far a reported memory size may be below the label: ECC on GDDR takes 6.25 %, the driver a
few hundred MiB more (A10G 23,028 of 24,576 MiB, RTX 4090 24,564 of 24,576 MiB)."""


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


@dataclass(frozen=True, slots=True)
class GpuReading:
    """What one source said of one GPU; ``None`` where it said nothing.

    Bandwidth in bytes/s = ``bus_bits`` / 8 x ``memory_mhz`` x 1e6 x ``clock_factor``, where the
    factor is the number of transfers per cycle of the clock that this source reports.
    """

    source: str
    vendor: str
    name: str | None = None
    pci_id: str | None = None
    """PCI device id, four upper-case hex digits."""
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


@dataclass(frozen=True, slots=True)
class Match:
    """The catalog's entry for a reading; ``others`` are names that fit it equally well."""

    entry: Accelerator
    others: tuple[str, ...] = ()


def bandwidth(bus_bits: int | None, mhz: float | None, factor: float | None) -> float | None:
    """Memory bandwidth in bytes/s: bits / 8 x MHz x 1e6 x transfers per cycle."""
    if not bus_bits or not mhz or not factor or bus_bits > MAX_BUS_BITS:
        return None
    return bus_bits / 8 * mhz * 1e6 * factor


def accelerators_by_pci_id(pci_id: str | None) -> tuple[Accelerator, ...]:
    """Catalog entries for a PCI device id (hex, any case); empty when there are none."""
    if not pci_id:
        return ()
    from catalog import hardware

    return hardware.accelerators_by_pci_id(pci_id.upper())


@lru_cache(maxsize=MAX_GPUS)  # what is not found is compared with every name there is
def accelerators_by_name(name: str, size: int | None = None) -> tuple[Accelerator, ...]:
    """Catalog entries that a name may mean: one, several when it is ambiguous, or none.

    When the one that is found is not sold with ``size`` bytes, products whose names only add to it
    (``Jetson AGX Orin`` -> ``Jetson AGX Orin 32GB``) and that are, take its place.
    """
    from catalog import hardware
    from catalog.types import LookupFailedError

    if len(name) > MAX_NAME:
        return ()
    try:
        found = hardware.find_accelerator(name)
    except LookupFailedError as error:
        wanted = set(error.candidates) if error.ambiguous else set()
        return tuple(card for card in hardware.load_accelerators() if card.name in wanted)
    if size is None or _has_memory(found, size):
        return (found,)
    plain = plain_name(name)
    fitting = tuple(
        card
        for card in hardware.load_accelerators()
        if card.vendor == found.vendor and plain_name(card.name).startswith(plain) and _has_memory(card, size)
    )
    return fitting or (found,)


def soldered_memory(entries: Iterable[Accelerator]) -> bool:
    """Whether all entries are chips whose memory has one kind and speed, so that the catalog knows it."""
    kinds = [e.memory_type for e in entries]
    return bool(kinds) and not any(kind in (None, "system") for kind in kinds)


_NAME_NOISE = re.compile(
    r"\b(nvidia|amd|ati|intel|corporation|geforce|radeon|graphics|gpu|series|with|design)\b|\((r|tm|c)\)|[®™]",
    re.IGNORECASE,
)


def plain_name(name: str) -> str:
    """A GPU name without vendor, brand and punctuation: ``NVIDIA GeForce RTX 4090`` -> ``rtx4090``."""
    return re.sub(r"[^a-z0-9]+", "", _NAME_NOISE.sub(" ", name.lower()))


def match_catalog(reading: GpuReading, memory_bytes: int | None = None) -> Match | None:
    """The catalog entry for a reading: by PCI id, else by name; several are told apart by name,
    memory size, bus width, derived bandwidth and compute units, in this order.

    ``memory_bytes`` replaces the reading's VRAM as the size to compare with (unified memory: RAM).
    """
    size = memory_bytes or reading.vram_bytes
    entries = [e for e in accelerators_by_pci_id(reading.pci_id) if e.vendor == reading.vendor]
    generic = reading.name is None or plain_name(reading.name) in ("", "device", "vga", "ipdiscovery")
    if reading.name and not generic:
        wanted = plain_name(reading.name)
        named = [e for e in entries if wanted in {plain_name(n) for n in (e.name, *e.aliases)}]
        if named:
            entries = named
        else:
            by_name = [e for e in accelerators_by_name(reading.name, size) if e.vendor == reading.vendor]
            if entries:
                both = [e for e in by_name if e in entries]
                entries = both or entries
            else:
                entries = by_name
    if not entries:
        return None
    if size:
        entries = _narrow(entries, [e for e in entries if _has_memory(e, size)])
    if reading.bus_bits:
        entries = _narrow(entries, [e for e in entries if e.bus_bits == reading.bus_bits])
    derived = reading.derived_bandwidth
    if derived and len(entries) > 1:
        nearest = min(abs(e.bandwidth_gbs * 1e9 - derived) for e in entries)
        entries = [e for e in entries if abs(e.bandwidth_gbs * 1e9 - derived) <= nearest * 1.001]
    flops = reading.shader_flops
    if flops and len(entries) > 1 and all(e.fp16_tflops for e in entries):
        near = min(abs((e.fp16_tflops or 0) * 1e12 / flops - 1) for e in entries)
        entries = [e for e in entries if abs((e.fp16_tflops or 0) * 1e12 / flops - 1) <= near + 0.001]
    best = entries[0]
    if len(entries) > 1 and any(_differs(best, e) for e in entries[1:]):
        # Nothing tells them apart: take the slowest, so that no promise is made that fails.
        best = min(entries, key=lambda e: (e.bandwidth_gbs, e.memory_bytes))
        return Match(best, tuple(e.name for e in entries if e is not best))
    return Match(best)


def _narrow(entries: list[Accelerator], kept: list[Accelerator]) -> list[Accelerator]:
    return kept or entries


def _has_memory(entry: Accelerator, size: int) -> bool:
    return any(label * (1 - MEMORY_TOLERANCE) <= size <= label * 1.02 for label in entry.memory_bytes)


def _differs(a: Accelerator, b: Accelerator) -> bool:
    apart = abs(a.bandwidth_gbs - b.bandwidth_gbs) > NOTE_ABOVE * a.bandwidth_gbs
    return apart or a.architecture != b.architecture or a.memory_bytes != b.memory_bytes


def accelerator_from_reading(
    reading: GpuReading, *, memory_bytes: int | None = None
) -> tuple[AcceleratorInfo, tuple[str, ...]]:
    """The record of one GPU and the notes about it.

    Raises nothing for an unknown card: fields that neither source nor catalog has stay unknown.
    """
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
        pcie=fact(reading.pcie, reading.source, "reported", reading.pcie_reason),
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
    )
    return info, tuple(notes)


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
    sizes = entry.memory_bytes if entry and not unified and not reading.bandwidth_reason else ()
    if reading.vram_bytes:
        if sizes and entry and not _has_memory(entry, reading.vram_bytes):
            listed = " or ".join(f"{s / GIB:.0f}" for s in sizes)
            notes.append(
                f"{label}: {reading.source} reports {reading.vram_bytes / GIB:.1f} GiB, the catalog lists "
                f"{listed} GiB for {entry.name}; the reported size is used."
            )
        return Fact(reading.vram_bytes, reading.source, "reported")
    if len(sizes) == 1:
        return Fact(sizes[0], "catalog", "guess" if guess else "table")
    if sizes:
        listed = ", ".join(f"{s / GIB:.0f}" for s in sizes)
        return unknown(f"{reading.vram_reason}; sold with {listed} GiB")
    return unknown(reading.vram_reason)


def _bandwidth_fact(
    reading: GpuReading, entry: Accelerator | None, label: str, guess: bool, notes: list[str]
) -> Fact[float]:
    if reading.bandwidth_reason:
        return unknown(reading.bandwidth_reason)
    bus = reading.bus_bits or (entry.bus_bits if entry else None)
    derived = bandwidth(bus, reading.memory_mhz, reading.clock_factor)
    table = entry.bandwidth_gbs * 1e9 if entry else None
    if derived is None:
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
    if abs(off) > 0.15 and not (reading.trust_derived and reading.bus_bits):
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
    for probe in probes:
        accelerators += probe.accelerators
        if len(accelerators) > MAX_GPUS:
            raise RigError(f"more than {MAX_GPUS} GPUs: not the capture of one machine; capture it again")
        notes += [n for n in probe.notes if n not in notes]
        addresses += probe.pci_addresses
        carve_outs += [probe.carve_out_bytes] if probe.carve_out_bytes else []
    return GpuProbe(tuple(accelerators), tuple(notes), tuple(addresses), max(carve_outs, default=None))
