"""The parts that a search may combine: from the catalog, a price file, or a list on the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from advisor.comparison import Scenario
from advisor.core.goals import UpgradeError
from advisor.core.whatif import WhatIfError
from advisor.pipeline import cpu_family
from advisor.scenario import make_scenario
from advisor.upgrade.kits import is_more, kits_for, runs_at, why_no_kits, wrong_board
from advisor.upgrade.prices import Price, PriceList
from catalog.hardware import GIB, find_accelerator, load_accelerators
from catalog.types import Accelerator, LookupFailedError
from probes.hypothetical import hypothetical_rig
from probes.specs import parse_gpu_spec, parse_ram_spec
from probes.types import Rig, RigError

MOST_PARTS = 3
"""Parts of one change."""

_RAM = re.compile(r"(?:^|\b)(lp|mr)?d(dr|imm)\d?", re.IGNORECASE)
_SIZE = re.compile(r"(?<![\d.])(\d+)\s*GB?$", re.IGNORECASE)
_NO_CARD = re.compile(
    r"SXM|\bMI(2[05]0X?|3\d\d[AX]?)\b|\bG?B[23]00\b|\bGH200\b|H20\b|\bA10G\b|\bT4G\b|\bDRIVE\b"
    r"|Radeon Pro (Vega|5\d{2}X?$|5[57]00|V\d|W\d{4}X|Duo)|CEO Edition|Flex|Gaudi|Max 1550"
)
"""Accelerators that are modules of a server board or of one maker's computer, or for rent only."""
_BACKENDS = ("NVIDIA", "AMD", "Intel")
_SMALLEST_CARD = 8 * GIB
"""Smaller cards hold too little of any model to be proposed unasked."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to buy, or to set.  ``verb`` and ``value`` are the edit that what-if applies."""

    verb: str
    """``ram``, ``mts`` (a setting), ``gpu``, ``link`` or ``machine``."""
    value: str
    price: float | None = None
    watts: float | None = None
    most: int = MOST_PARTS
    """How many there are."""
    vram_bytes: int = 0
    bandwidth_gbs: float = 0.0
    ram_bytes: int = 0
    nvlink: bool = False
    rig: Rig | None = None
    """Of a whole machine."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What can be combined for a rig, and what was left out and why."""

    memory: tuple[Part, ...]
    cards: tuple[Part, ...]
    machines: tuple[Part, ...]
    bridge: Part | None
    notes: tuple[str, ...]
    prices: PriceList | None = None
    named: bool = False
    """Whether the user named the parts; else they are all of the catalog."""


CARDS = ("consumer", "workstation", "all")
"""Which cards of the catalog are looked at; each includes those before it."""

_CONSUMER = re.compile(r"GeForce|TITAN|Radeon RX|Radeon VII$|Intel Arc [AB]")
_WORKSTATION = re.compile(
    r"RTX (A|PRO )?\d{4}|Quadro|Radeon (AI )?PRO|Radeon Pro|Intel Arc Pro|NVIDIA T\d{4}"
)


def catalog_parts(rig: Rig, cards: str = "all") -> Parts:
    """Everything in the catalog that fits a rig: kits of its platform, cards that are sold, machines.

    Args:
        cards: one of ``CARDS``.
    """
    family = cpu_family(rig)
    notes = []
    memory = [*_settings(rig)]
    why = why_no_kits(rig, family)
    if why is None and family is not None:
        for spec in kits_for(rig, family):
            scenario = _accepted([("ram", str(spec))], rig)
            if scenario and is_more(rig.memory, scenario.rig.memory):
                total = scenario.rig.memory.total_bytes.value or spec.total_bytes
                memory.append(Part("ram", str(spec), ram_bytes=total, bandwidth_gbs=spec.mts / 1000))
    else:
        notes.append(f"no RAM kits: {why}")
    why = _why_no_cards(rig)
    found = [
        _card_part(card)
        for card in load_accelerators()
        if why is None and is_card(card) and CARDS.index(card_class(card)) <= CARDS.index(cards)
    ]
    if why is not None:
        notes.append(f"no graphics cards: {why}")
    if found:
        notes.append(
            f"cards: {_WHICH[cards]} of the catalog with 8 GB or more, those bought together of one kind; "
            "whether the board has free slots and the power supply is enough is not known here (--slots N)"
        )
    return Parts(tuple(memory), tuple(found), tuple(_machines()), Part("link", "nvlink"), tuple(notes))


_WHICH = {
    "consumer": "the consumer ones (--cards workstation or all for more)",
    "workstation": "the consumer and workstation ones (--cards all for more)",
    "all": "all",
}


def card_class(card: Accelerator) -> str:
    """Who a card is made for, by its maker's name for it: one of ``CARDS``."""
    if _CONSUMER.search(card.name) and "modified" not in card.name:
        return "consumer"
    return "workstation" if _WORKSTATION.search(card.name) else "all"


def is_card(card: Accelerator) -> bool:
    """Whether an accelerator is a card that was released, runs models, and goes into a slot."""
    return (
        card.vendor in _BACKENDS
        and card.architecture != "frontier"
        and not card.unified
        and not card.laptop
        and card.released is not None
        and card.pcie_lanes is not None
        and bool(card.memory_bytes)
        and card.memory_bytes[-1] >= _SMALLEST_CARD
        and not _NO_CARD.search(card.name)
    )


def priced_parts(rig: Rig, prices: PriceList) -> Parts:
    """The parts of a price file that the rig takes; the others are noted.

    Raises:
        UpgradeError, RigError, LookupFailedError: a name cannot be resolved.
    """
    memory, cards, machines = [*_settings(rig, price=0.0)], [], []
    refused: dict[str, list[str]] = {}
    bridge = None
    for line in prices.prices:
        part = _priced(line, prices)
        try:
            _check(part, rig)
        except (WhatIfError, RigError) as error:
            refused.setdefault(str(error), []).append(line.name)
            continue
        if part.verb == "ram":
            memory.append(part)
        elif part.verb == "gpu":
            cards.append(part)
        elif part.verb == "link":
            bridge = part
        else:
            machines.append(part)
    notes = [f"left out, {', '.join(names)}: {why}" for why, names in refused.items()]
    notes += _outside(rig, cards)
    return Parts(tuple(memory), tuple(cards), tuple(machines), bridge, tuple(notes), prices, named=True)


def listed_parts(rig: Rig, text: str, prices: PriceList | None) -> Parts:
    """The parts of a list such as ``2x RTX 3090, 2x48GB:DDR5-6000``, each to be had as often as it says.

    Raises:
        UpgradeError, RigError, WhatIfError, LookupFailedError: one cannot be read, resolved or used here.
    """
    known = {_key(_priced(line, prices)): line for line in prices.prices} if prices else {}
    memory, cards, machines = [*_settings(rig, price=0.0 if prices else None)], [], []
    bridge = None
    for item in (item.strip() for item in text.split(",")):
        if not item:
            continue
        part = _named(item)
        if prices is not None:
            line = known.get(_key(part))
            if line is None:
                raise UpgradeError(f"{prices.file} has no price for {part.value!r}; add it, or leave it out")
            part = replace(part, price=line.price, watts=line.watts)
        _check(part, rig)
        if part.verb == "ram":
            memory.append(part)
        elif part.verb == "gpu":
            cards.append(part)
        elif part.verb == "link":
            bridge = part
        else:
            machines.append(part)
    if not (memory or cards or machines or bridge):
        raise UpgradeError("--parts names nothing; write for example --parts 'RTX 3090, 2x48GB:DDR5-6000'")
    notes = tuple(_outside(rig, cards))
    return Parts(tuple(memory), tuple(cards), tuple(machines), bridge, notes, prices, named=True)


def _outside(rig: Rig, cards: Sequence[Part]) -> list[str]:
    """What to say of cards for a machine that has no slot for them."""
    if not cards or _why_no_cards(rig) is None:
        return []
    return ["this machine has no slot for a card: those named are taken to be external, at their full speed"]


def _key(part: Part) -> tuple[str, str]:
    if part.verb == "gpu":
        name = part.value
        size = _SIZE.search(name)
        return part.verb, f"{_find(name).name} {size[1] if size else ''}"
    return part.verb, part.value


def _priced(line: Price, prices: PriceList) -> Part:
    """The part of a line; errors name the file."""
    try:
        if line.kind == "ram":
            part = _kit(line.name)
        elif line.kind == "gpu":
            part = _card(1, line.name)
        elif line.kind == "link":
            part = _link(line.name)
        else:
            part = _machine(line.name)
    except (RigError, LookupFailedError, UpgradeError) as error:
        raise UpgradeError(f"{prices.file}, [{line.kind}]: {error}") from error
    return replace(part, price=line.price, watts=line.watts, most=MOST_PARTS)


def _named(item: str) -> Part:
    if item.lower().startswith("nvlink"):
        return _link(item)
    if _RAM.search(item) and ":" in item:
        return _kit(item)
    count, name = parse_gpu_spec(item)
    card = _find(name)
    if card.unified and card.memory_type != "system":
        return _machine(name)
    return _card(count, name)


def _kit(text: str) -> Part:
    spec = parse_ram_spec(text)
    return Part("ram", str(spec), most=1, ram_bytes=spec.total_bytes, bandwidth_gbs=spec.mts / 1000)


def _link(text: str) -> Part:
    if not text.lower().startswith("nvlink"):
        raise UpgradeError(f"{text!r} is no link that is sold as a part; nearest: nvlink")
    return Part("link", text.lower(), most=1)


def _find(name: str) -> Accelerator:
    size = _SIZE.search(name)
    return find_accelerator(name, memory_gib=float(size[1]) if size else None)


def _card(count: int, name: str) -> Part:
    card = _find(name)
    if card.laptop:
        raise UpgradeError(f"{card.name} is soldered into laptops and not sold as a card")
    if card.unified:
        raise UpgradeError(f"{card.name} is part of a whole machine, not a card; list it under [machine]")
    return replace(_card_part(card), value=name, most=min(count, MOST_PARTS))


def _card_part(card: Accelerator) -> Part:
    return Part(
        "gpu",
        card.name,
        vram_bytes=card.memory_bytes[-1],
        bandwidth_gbs=card.bandwidth_gbs,
        nvlink=bool(card.nvlink_gbs),
    )


def _machine(name: str) -> Part:
    size = _SIZE.search(name)
    plain = name[: size.start()].strip() if size else name
    rig = hypothetical_rig([plain], f"{size[1]}GB" if size else None, None, name=name)
    if not any(a.unified.value for a in rig.accelerators):
        raise UpgradeError(f"{name!r} is no machine with unified memory; list cards under [gpu]")
    return _machine_part(name, rig)


def _machine_part(name: str, rig: Rig) -> Part:
    return Part(
        "machine",
        name,
        most=1,
        vram_bytes=rig.memory.total_bytes.value or 0,
        bandwidth_gbs=(rig.memory.bandwidth_bytes_per_s.value or 0.0) / 1e9,
        rig=rig,
    )


def _machines() -> list[Part]:
    """Whole machines: chips that are sold with their memory, in each size."""
    found = []
    for card in load_accelerators():
        sold = card.unified and card.memory_type != "system" and card.released is not None
        if not sold or card.vendor not in (*_BACKENDS, "Apple") or card.architecture.startswith("cdna"):
            continue
        for size in card.memory_bytes:
            if size < _SMALLEST_MACHINE:
                continue
            gigabytes = f"{size / GIB:g}GB"
            try:
                rig = hypothetical_rig([card.name], gigabytes, None)
            except (RigError, LookupFailedError):
                continue
            found.append(_machine_part(f"{card.name} {gigabytes}", rig))
    return found


_SMALLEST_MACHINE = 16 * GIB


def _settings(rig: Rig, price: float | None = None) -> list[Part]:
    """The rated speed of the present modules where they run slower: a switch in the firmware, no part."""
    rated = [module.rated_mts for module in rig.memory.modules]
    mts = rig.memory.mts.value
    slowest = min((r for r in rated if r), default=0)
    family = cpu_family(rig)
    if not rated or not all(rated) or mts is None or slowest <= mts or family is None:
        return []
    if not runs_at(rig, family, slowest):
        return []
    if _accepted([("mts", str(slowest))], rig) is None:
        return []
    return [Part("mts", str(slowest), price=price, most=1)]


def _why_no_cards(rig: Rig) -> str | None:
    family = cpu_family(rig)
    if any(a.unified.value and a.vendor.value == "Apple" for a in rig.accelerators):
        return "a Mac with Apple silicon takes none"
    if any(a.unified.value and a.vendor.value == "NVIDIA" for a in rig.accelerators):
        return "a machine with an NVIDIA chip of unified memory has no slot for one"
    if family is not None and family.platform == "sbc":
        return f"boards with {family.name} have no slot for one"
    if family is not None and family.platform == "laptop":
        return "a laptop has no slot for one; for an external one name it: --parts 'RTX 5060 Ti 16GB'"
    return None


def _check(part: Part, rig: Rig) -> None:
    """Raise where the rig does not take the part."""
    if part.verb == "ram":
        unfit = wrong_board(rig, parse_ram_spec(part.value))
        if unfit:
            raise WhatIfError(unfit)
        make_scenario([("ram", part.value)], rig)
    elif part.verb == "gpu":
        make_scenario([("add-gpu", part.value)], rig)


def _accepted(edits: Sequence[tuple[str, str]], rig: Rig) -> Scenario | None:
    try:
        return make_scenario(edits, rig)
    except (WhatIfError, RigError, LookupFailedError):
        return None
