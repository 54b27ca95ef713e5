"""The catalog's entry for what a probe read of a GPU: by PCI id, else by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.types import Accelerator
    from probes.gpu import GpuReading

NOTE_ABOVE = 0.03
"""Relative difference between derived and catalog bandwidth that is worth a note.

Vendors round their figures (H100: 3352 derived, 3350 published), an overclock is more than this."""

MAX_NAME = 200
"""Characters of a product name; a longer one is damage, and looking it up takes long."""

MEMORY_TOLERANCE = 0.12
"""How far a reported memory size may be below the label: ECC on GDDR takes 6.25 %, the driver a
few hundred MiB more (A10G 23,028 of 24,576 MiB, RTX 4090 24,564 of 24,576 MiB)."""


@dataclass(frozen=True, slots=True)
class Match:
    """The catalog's entry for a reading; ``others`` are names that fit it equally well."""

    entry: Accelerator
    others: tuple[str, ...] = ()


def accelerators_by_pci_id(
    pci_id: str | None, vendor: str, revision: str | None = None
) -> tuple[Accelerator, ...]:
    """A vendor's catalog entries for a PCI device id (hex, any case); empty when there are none."""
    if not pci_id:
        return ()
    from catalog import hardware

    return tuple(e for e in hardware.accelerators_by_pci_id(pci_id, revision) if e.vendor == vendor)


@lru_cache(maxsize=128)  # what is not found is compared with every name there is
def accelerators_by_name(name: str, size: int | None = None) -> tuple[Accelerator, ...]:
    """Catalog entries that a name may mean: one, several when it is ambiguous, or none.

    When the one that is found is not sold with ``size`` bytes, products whose names only add to it
    (``Jetson AGX Orin`` -> ``Jetson AGX Orin 32GB``) and that are, take its place.
    """
    from catalog import hardware
    from catalog.types import LookupFailedError

    if len(name) > MAX_NAME:
        return ()
    plain = plain_name(name)
    exact = tuple(
        card
        for card in hardware.load_accelerators()
        if plain and plain in {plain_name(n) for n in (card.name, *card.aliases)}
    )
    if exact and (size is None or any(not card.memory_bytes or has_memory(card, size) for card in exact)):
        return exact
    try:
        found = hardware.find_accelerator(name)
    except LookupFailedError as error:
        wanted = set(error.candidates) if error.ambiguous and not exact else set()
        return exact or tuple(card for card in hardware.load_accelerators() if card.name in wanted)
    if size is None or has_memory(found, size):
        return (found,)
    fitting = tuple(
        card
        for card in hardware.load_accelerators()
        if card.vendor == found.vendor and plain_name(card.name).startswith(plain) and has_memory(card, size)
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
    entries = list(accelerators_by_pci_id(reading.pci_id, reading.vendor, reading.revision))
    generic = reading.name is None or plain_name(reading.name) in ("", "device", "vga", "ipdiscovery")
    if reading.name and not generic:
        wanted = plain_name(reading.name)
        named = [e for e in entries if wanted in {plain_name(n) for n in (e.name, *e.aliases)}]
        if named:
            entries = _of_size(named, entries, wanted, size)
        else:
            by_name = [e for e in accelerators_by_name(reading.name, size) if e.vendor == reading.vendor]
            if entries:
                both = [e for e in by_name if e in entries]
                entries = both or entries
            else:
                entries = [*by_name, *(_laptop_namesakes(by_name) if reading.pci_id else ())]
    if not entries and reading.alternatives:
        by_names = [e for name in reading.alternatives for e in accelerators_by_name(name, size)]
        entries = list(dict.fromkeys(e for e in by_names if e.vendor == reading.vendor))
    if not entries:
        return None
    if size:
        entries = _narrow(entries, [e for e in entries if has_memory(e, size)])
    entries = _of_rate(entries, reading, size)
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


def _of_size(
    named: list[Accelerator], entries: list[Accelerator], wanted: str, size: int | None
) -> list[Accelerator]:
    """The products of a name; where none is sold with ``size`` bytes, those whose names add to it and are.

    A driver calls the RTX 3060 with 8 GB, on a narrower bus, like the one with 12.
    """
    if size is None or any(has_memory(e, size) for e in named):
        return named
    longer = [e for e in entries if plain_name(e.name).startswith(wanted) and has_memory(e, size)]
    return longer or named


_OTHER_MEMORY = re.compile(r"(gddr\w+|ddr\d|\d+gbps)")
"""What the catalog adds to the name of a product that was also sold with other memory chips."""


def _of_rate(entries: list[Accelerator], reading: GpuReading, size: int | None) -> list[Accelerator]:
    """The products, or those of the same name with other memory chips, whose data rate the clock fits.

    The driver calls the GTX 1650 with GDDR6 like the one with GDDR5; its memory clock tells.
    """
    if not (reading.memory_mhz and reading.clock_factor and reading.trust_derived):
        return entries
    rate_mts = reading.memory_mhz * reading.clock_factor

    def fits(card: Accelerator) -> bool:
        return (
            bool(card.bus_bits)
            and abs(card.bandwidth_gbs * 8000 / (card.bus_bits or 1) / rate_mts - 1) < 0.03
        )

    if any(map(fits, entries)):
        return entries
    from catalog import hardware

    names = {plain_name(e.name): e.laptop for e in entries}
    others = [
        card
        for card in hardware.load_accelerators()
        for plain, laptop in names.items()
        if card.laptop == laptop
        and (rest := plain_name(card.name).removeprefix(plain)) != plain_name(card.name)
        and _OTHER_MEMORY.fullmatch(rest)
        and (size is None or has_memory(card, size))
        and fits(card)
    ]
    return others or entries


def _laptop_namesakes(entries: list[Accelerator]) -> list[Accelerator]:
    """Laptop parts that their driver calls like a desktop card (``GeForce RTX 2060``, ``Quadro P2000``).

    Only the PCI id tells them apart; an id that the catalog does not know may be of either.
    """
    from catalog import hardware

    if len(entries) != 1 or entries[0].laptop or entries[0].vendor != "NVIDIA":
        return []
    plain = plain_name(entries[0].name)
    words = ("mobile", "laptop", "maxq")
    return [
        card
        for card in hardware.load_accelerators()
        if card.laptop
        and card.vendor == entries[0].vendor
        and (rest := plain_name(card.name).removeprefix(plain)) in words
        and plain + rest == plain_name(card.name)
    ]


def _narrow(entries: list[Accelerator], kept: list[Accelerator]) -> list[Accelerator]:
    return kept or entries


def has_memory(entry: Accelerator, size: int) -> bool:
    """Whether a reported size is one that the product is sold with."""
    return any(label * (1 - MEMORY_TOLERANCE) <= size <= label * 1.02 for label in entry.memory_bytes)


def _differs(a: Accelerator, b: Accelerator) -> bool:
    apart = abs(a.bandwidth_gbs - b.bandwidth_gbs) > NOTE_ABOVE * a.bandwidth_gbs
    return apart or a.architecture != b.architecture or a.memory_bytes != b.memory_bytes


def size_behind_bar(entries: Iterable[Accelerator], bar_bytes: int | None) -> int | None:
    """The memory size sold that a resizable BAR of this size stands for, ``None`` unless it is one.

    A BAR is a power of two: a card with 12 GiB has one of 16.  Without resizable BAR all have 256 MiB.
    """
    if bar_bytes is None or bar_bytes < 2 * 1024**3:
        return None
    sizes = {size for entry in entries for size in entry.memory_bytes}
    fitting = [size for size in sizes if size <= bar_bytes < 2 * size]
    return fitting[0] if len(fitting) == 1 else None
