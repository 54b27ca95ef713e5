"""The hardware half of the catalog: accelerators, CPUs, memory technologies, links.

The tables are comma-separated files under ``catalog/data``; each states its own grammar in its header.
They are read once, when first asked for.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from catalog import compiled
from catalog.names import Entry, NameIndex, tokens
from catalog.types import Accelerator, CatalogError, Cpu, CpuFamily, Link, LookupFailedError, MemoryKind

GIB = 1024**3

_DATA = Path(__file__).parent / "data"

_ACCELERATOR_WORDS = frozenset(
    tokens(
        "nvidia geforce rtx gtx gt tesla amd ati radeon rx instinct intel arc apple qualcomm broadcom "
        "ryzen ai gpu graphics generation edition core cores card series jetson"
    )
)
"""Words of an accelerator's name that a person may leave out."""

_CPU_WORDS = frozenset(
    tokens(
        "amd intel apple qualcomm ampere ryzen core xeon epyc threadripper processor cpu scalable "
        "platinum gold silver bronze snapdragon broadcom"
    )
)

_CPU_NOISE = re.compile(
    r"\(r\)|\(tm\)|\(c\)|®|™|@.*$|\bw/.*$|\bwith radeon.*$|\b\d+-cores?\b( processor)?|\bprocessor\b|\bcpu\b"
    r"|\([^()]*\)|\b\d+ ?GB\b|\b\d+(st|nd|rd|th) gen\b|\b(six|eight|twelve|sixteen|quad|dual)-core\b",
    re.IGNORECASE,
)
"""What brand strings and people add to the name: marks, clocks, core counts, the integrated GPU, RAM."""


def _table(file_name: str) -> Iterator[list[str]]:
    """The lines of a data file, column names first; ``CatalogError`` when it cannot be read."""
    path = _DATA / file_name
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CatalogError(f"{path.name} cannot be read ({error.strerror}); reinstall the package") from error
    reader = csv.reader(line for line in text.splitlines() if line and line[0] != "#")
    columns = next(reader, None)
    if columns is None:
        raise CatalogError(f"{path.name} is empty; reinstall the package")
    yield columns
    for number, values in enumerate(reader, 1):
        if len(values) != len(columns):
            raise CatalogError(f"{path.name}, row {number}: {len(values)} fields instead of {len(columns)}")
        yield values


def _rows(file_name: str) -> Iterator[dict[str, str]]:
    """The rows of a data file as dictionaries."""
    rows = _table(file_name)
    columns = next(rows)
    for values in rows:
        yield dict(zip(columns, values, strict=True))


def _number(text: str) -> float | None:
    return float(text) if text else None


def _count(text: str) -> int | None:
    return int(text) if text else None


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split(";")) if text else ()


@cache
def load_accelerators() -> tuple[Accelerator, ...]:
    """All accelerators, ordered by vendor and name."""
    return compiled.read("accelerators", Accelerator)


def read_accelerators() -> tuple[Accelerator, ...]:
    """All accelerators, ordered by vendor and name, from the reviewed file."""
    rows = _table("accelerators.csv")
    names = next(rows)
    column = dict(zip(names, zip(*rows, strict=True), strict=True))
    sizes = {text: _gib_sizes(text) for text in set(column["memory_gib"])}
    return tuple(
        map(
            Accelerator,
            column["name"],
            column["vendor"],
            column["architecture"],
            [sizes[text] for text in column["memory_gib"]],
            [text or None for text in column["memory_type"]],
            [int(text) if text else None for text in column["bus_bits"]],
            map(float, column["bandwidth_gbs"]),
            [float(text) if text else None for text in column["fp16_tflops"]],
            [text == "yes" for text in column["unified"]],
            [text == "yes" for text in column["laptop"]],
            [float(text) if text else None for text in column["pcie_generation"]],
            [int(text) if text else None for text in column["pcie_lanes"]],
            [float(text) if text else None for text in column["nvlink_gbs"]],
            [float(text) if text else None for text in column["tdp_w"]],
            [float(text) if text else None for text in column["compute_capability"]],
            [tuple(text.split()) for text in column["pci_ids"]],
            [text or None for text in column["released"]],
            [tuple(text.split(";")) if text else () for text in column["aliases"]],
            column["source"],
            [text or None for text in column["note"]],
            [float(text) if text else None for text in column["fp8_tflops"]],
            [text == "on" for text in column["ecc"]],
        )
    )


def _gib_sizes(text: str) -> tuple[int, ...]:
    """``8;16`` in bytes."""
    return tuple(int(float(size) * GIB) for size in _list(text))


@cache
def load_cpu_families() -> tuple[CpuFamily, ...]:
    """All CPU families, the more specific pattern first."""
    return compiled.read("cpu_families", CpuFamily)


def read_cpu_families() -> tuple[CpuFamily, ...]:
    """All CPU families, the more specific pattern first, from the reviewed file."""
    return tuple(
        CpuFamily(
            name=row["name"],
            pattern=row["pattern"],
            vendor=row["vendor"],
            platform=row["platform"],
            memory_type=row["memory_type"],
            channels=int(row["channels"]),
            max_mts=int(row["max_mts"]),
            max_mts_2dpc=_count(row["max_mts_2dpc"]),
            max_bandwidth_gbs=_number(row["max_bandwidth_gbs"]),
            slots_per_channel=_count(row["slots_per_channel"]),
            source=row["source"],
            isa=tuple(row["isa"].split()),
            max_ccd_gbs=_number(row["max_ccd_gbs"]),
            max_core_gbs=_number(row["max_core_gbs"]),
            max_memory_bytes=int(row["max_memory_gib"]) * GIB if row["max_memory_gib"] else None,
        )
        for row in _rows("cpu_families.csv")
    )


@cache
def load_cpus() -> tuple[Cpu, ...]:
    """The CPUs that can be named."""
    return compiled.read("cpus", Cpu)


def read_cpus() -> tuple[Cpu, ...]:
    """The CPUs that can be named, from the reviewed file."""
    return tuple(
        Cpu(
            name=row["name"],
            family=row["family"],
            cores=_count(row["cores"]),
            threads=_count(row["threads"]),
            isa=tuple(row["isa"].split()),
            source=row["source"],
        )
        for row in _rows("cpus.csv")
    )


@cache
def load_memory_kinds() -> tuple[MemoryKind, ...]:
    """The memory technologies with the data rates that are sold."""
    return tuple(
        MemoryKind(
            name=row["name"],
            rates_mts=tuple(int(rate) for rate in row["rates_mts"].split()),
            jedec_floor_mts=int(row["jedec_floor_mts"]),
            module_bits=int(row["module_bits"]),
            source=row["source"],
        )
        for row in _rows("memory_kinds.csv")
    )


@cache
def load_links() -> tuple[Link, ...]:
    """The connections between devices, per direction."""
    return tuple(
        Link(
            name=row["name"],
            bandwidth_gbs=float(row["bandwidth_gbs"]),
            usable_gbs=_number(row["usable_gbs"]),
            latency_us=_number(row["latency_us"]),
            source=row["source"],
        )
        for row in _rows("links.csv")
    )


@cache
def _accelerator_index() -> NameIndex[Accelerator]:
    entries = [
        Entry(
            name=card.name,
            value=card,
            aliases=(*card.aliases, *_nicknames(card.name)),
            implied=(
                *(f"{size / GIB:g}gb" for size in card.memory_bytes),
                *(("igpu", "apu") if card.unified else ()),
                *(("laptop", "mobile") if card.laptop else ()),
                *(("workstation",) if "PRO" in card.name else ()),
            ),
            weight=1.0 if card.vendor == "Apple" else 0.0,  # "m4" is the chip, not the Tesla M4
        )
        for card in load_accelerators()
    ]
    return NameIndex(
        "accelerator",
        entries,
        optional=_ACCELERATOR_WORDS,
        ignorable=("gpu", "core", "cores", "card", "desktop"),
    )


def _nicknames(name: str) -> Iterator[str]:
    """What people call a card besides its name: ``2070S``, ``4070 TiS``."""
    if name.endswith(" SUPER"):
        yield name.removesuffix(" SUPER") + "S"
    if name.endswith(" Ti SUPER"):
        yield name.removesuffix(" Ti SUPER") + "TS"


_MACS = re.compile(r"\b(mac ?book( (air|pro))?|mac (studio|mini|pro)|imac)\b", re.IGNORECASE)
_SHORT_GB = re.compile(r"(?<![\w.])(\d{1,3}) ?g\b", re.IGNORECASE)


def _plain_accelerator_query(query: str) -> str:
    """A query without the machine around an Apple chip, and with ``24g`` spelt out."""
    plain = _SHORT_GB.sub(r"\1gb", query)
    without = _MACS.sub(" ", plain)
    return without if without.strip() else plain


def find_accelerator(query: str, *, memory_gib: float | None = None, any_memory: bool = False) -> Accelerator:
    """The accelerator that ``query`` names.

    ``memory_gib`` decides between products of one name (a 4060 Ti with 8 or 16 GiB).  With
    ``any_memory`` products that differ in nothing but memory count as one, and the largest is given.
    Raises ``LookupFailedError``.
    """
    named = _accelerators_by_name().get(query.strip().casefold())
    if named is not None:
        return named
    try:
        return _accelerator_index().resolve(_plain_accelerator_query(query))
    except LookupFailedError as error:
        if not error.ambiguous:
            raise
        by_name = {card.name: card for card in load_accelerators()}
        cards = [by_name[name] for name in error.candidates]
        if memory_gib is not None:
            # A driver reports up to 8 % less than the size on the box (ECC, reserved memory).
            near = [c for c in cards if any(0.9 * s <= memory_gib * GIB <= 1.01 * s for s in c.memory_bytes)]
            if len(near) == 1:
                return near[0]
            cards = near or cards
        if any_memory and len({(c.architecture, c.bandwidth_gbs, c.fp16_tflops) for c in cards}) == 1:
            return max(cards, key=lambda c: c.memory_bytes)
        raise


@cache
def _accelerators_by_name() -> dict[str, Accelerator]:
    """Exact names: what drivers report, found without building the index."""
    return {name.casefold(): card for card in load_accelerators() for name in (*card.aliases, card.name)}


def accelerators_by_pci_id(device_id: str, revision: str | None = None) -> tuple[Accelerator, ...]:
    """The accelerators with a PCI device id (hex, ``0x`` allowed); several products share some ids.

    Where a ``revision`` (two hex digits) is listed for some products, only those are given.
    """
    known = _by_pci_id()
    device = device_id.strip().removeprefix("0x").removeprefix("0X").upper()
    if revision is not None:
        exact = known.get(f"{device}:{revision.removeprefix('0x').upper():0>2}")
        if exact:
            return exact
    return known.get(device, ())


@cache
def _by_pci_id() -> dict[str, tuple[Accelerator, ...]]:
    """By device id, and by device id and revision."""
    found: dict[str, tuple[Accelerator, ...]] = {}
    for card in load_accelerators():
        keys = {*card.pci_ids, *(pci_id.partition(":")[0] for pci_id in card.pci_ids)}
        for key in keys:
            found[key] = (*found.get(key, ()), card)
    return found


def plain_cpu_name(brand: str) -> str:
    """A CPU's brand string without marks, clock, core count and integrated GPU."""
    return " ".join(_CPU_NOISE.sub(" ", brand).split())


_MAKERS = (
    (re.compile(r"\bXeon\b", re.IGNORECASE), "Intel Xeon"),
    (re.compile(r"\bIntel\b", re.IGNORECASE), "Intel"),
    (re.compile(r"\b(AMD|Ryzen|EPYC|Threadripper)\b", re.IGNORECASE), "AMD"),
    (re.compile(r"\bApple\b", re.IGNORECASE), "Apple"),
)
"""Words of a brand string, and how the names of all families that they may belong to begin."""

_ARM = re.compile(
    r"Raspberry|BCM27|Jetson|Orin|Neoverse|Cortex|Snapdragon|Altra|Graviton|Rockchip|RK35", re.IGNORECASE
)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """A family's pattern, compiled when a brand string first reaches it: all together take 20 ms."""
    return re.compile(text, re.IGNORECASE)


def _needs_number(pattern: str) -> bool:
    """Whether every alternative of a pattern holds a digit: virtual machines say just ``AMD EPYC``."""
    return all("\\d" in part or any(ch.isdigit() for ch in part) for part in pattern.split("|"))


def match_cpu_family(brand: str) -> CpuFamily | None:
    """The family of a CPU's brand string, ``None`` if no pattern matches; the first match wins.

    Families of another maker than the brand string names are passed over.
    """
    plain = plain_cpu_name(brand)
    prefix = next((begin for word, begin in _MAKERS if word.search(plain)), "")
    arm = not prefix and _ARM.search(plain)
    numbered = any(ch.isdigit() for ch in plain)
    for family in load_cpu_families():
        if not family.name.startswith(prefix) or (arm and family.vendor in ("Intel", "AMD", "Apple")):
            continue
        if not numbered and _needs_number(family.pattern):
            continue
        if _pattern(family.pattern).search(plain):
            return family
    return None


def find_cpu_family(name: str) -> CpuFamily:
    """The family with this name; ``LookupFailedError`` if there is none."""
    for family in load_cpu_families():
        if family.name == name:
            return family
    return _family_index().resolve(name)


@cache
def _family_index() -> NameIndex[CpuFamily]:
    return NameIndex(
        "CPU family", [Entry(family.name, family) for family in load_cpu_families()], optional=_CPU_WORDS
    )


def memory_types(family: CpuFamily) -> tuple[str, ...]:
    """The memory technologies a family accepts, the one that ``max_mts`` is stated for first."""
    return tuple(family.memory_type.split("/"))


@cache
def _cpu_index() -> NameIndex[Cpu]:
    return NameIndex(
        "CPU",
        [
            Entry(
                cpu.name,
                cpu,
                aliases=(_CPU_TIER.sub(r"\1 ", cpu.name),) if _CPU_TIER.match(cpu.name) else (),
                weight=float("Threadripper" in cpu.name),  # "3970x" is not the Core i7 of 2012
            )
            for cpu in load_cpus()
        ],
        optional=_CPU_WORDS,
        ignorable=("cpu", "core"),
    )


_CPU_TIER = re.compile(r"^(AMD Ryzen|Intel Core) (?:\d |i\d-)(?=\d)")
"""The digit that people leave out: the 7 of ``Ryzen 7 7700X`` and of ``Core i7-7700``."""

_THREADRIPPER = re.compile(r"\btr(?=[ -]?(pro\b|\d))", re.IGNORECASE)


_CPU_COUNT = re.compile(r"^ *(\d+ ?[x×]|dual|two) +(?!core)|(?<=\S) +[x×] ?\d+ *$", re.IGNORECASE)
"""How many of them a machine or a cluster has: ``2x EPYC 9654``, ``dual Xeon …``, ``Xeon 8480+ x2``."""


def find_cpu(query: str) -> Cpu:
    """The CPU that ``query`` (a name or a brand string, also with a count) names.

    Raises:
        LookupFailedError: none is called so, or several are.
    """
    query = _THREADRIPPER.sub("Threadripper", query)
    plain = plain_cpu_name(query)
    *firsts, last = dict.fromkeys((query, plain or query, plain_cpu_name(_CPU_COUNT.sub("", query)) or query))
    for spelling in firsts:
        with suppress(LookupFailedError):
            return _cpu_index().resolve(spelling)
    return _cpu_index().resolve(last)


@cache
def _cpus_by_gpu() -> dict[str, Cpu]:
    by_name = {cpu.name: cpu for cpu in load_cpus()}
    return {gpu: by_name[row["name"]] for row in _rows("cpus.csv") for gpu in _list(row["gpus"])}


def cpu_of_accelerator(name: str) -> Cpu | None:
    """The CPU on the same chip as a unified-memory GPU, ``None`` where it is not one chip."""
    return _cpus_by_gpu().get(name)


def memory_kind(name: str) -> MemoryKind:
    """The memory technology called ``name`` (``DDR5``, ``lpddr5x``); raises ``LookupFailedError``."""
    wanted = re.sub(r"[^A-Z0-9]", "", name.upper())
    for kind in load_memory_kinds():
        if kind.name == wanted:
            return kind
    raise LookupFailedError(
        "memory kind", name, tuple(kind.name for kind in load_memory_kinds()), ambiguous=False
    )


def find_link(query: str) -> Link:
    """The link that ``query`` names, such as ``PCIe 4.0 x8``; raises ``LookupFailedError``."""
    return _link_index().resolve(query)


@cache
def _link_index() -> NameIndex[Link]:
    return NameIndex("link", [Entry(link.name, link, tuple(_link_names(link.name))) for link in load_links()])


def _link_names(name: str) -> Iterator[str]:
    """Short names of a link; Thunderbolt without further words is what an external GPU gets of it."""
    if found := re.fullmatch(r"PCIe (\d)\.0 (x\d+)", name):
        yield f"PCIe {found[1]} {found[2]}"
        yield f"PCIe Gen{found[1]} {found[2]}"
    elif found := re.fullmatch(r"Ethernet ([\d.]+) Gb/s", name):
        yield f"{found[1]} GbE"
    elif found := re.fullmatch(r"Thunderbolt (\d) \(PCIe\)", name):
        yield f"Thunderbolt {found[1]}"
        yield f"TB{found[1]}"


def pcie_bandwidth_gbs(generation: float, lanes: int) -> float:
    """Data rate of a PCIe link per direction: lanes x GT/s x encoding / 8, in GB/s.

    2.5, 5, 8, 16, 32, 64 GT/s for generations 1 to 6; encoding 8b/10b up to 2.0, 128b/130b up to 5.0,
    242 of 256 bytes of a FLIT in 6.0 (PCI-SIG base specifications).
    """
    rates = {1: (2.5, 0.8), 2: (5.0, 0.8), 3: (8.0, 128 / 130), 4: (16.0, 128 / 130), 5: (32.0, 128 / 130)}
    rates[6] = (64.0, 242 / 256)
    if int(generation) not in rates or lanes <= 0:
        raise LookupFailedError("PCIe link", f"{generation} x{lanes}", (), ambiguous=False)
    transfers, encoding = rates[int(generation)]
    return lanes * transfers * encoding / 8
