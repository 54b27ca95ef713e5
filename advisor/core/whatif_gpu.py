"""What-if edits of GPUs: cards, their links, power limits, error correction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from advisor.core.changes import MAX_GPUS, HostLink, Lookups, WhatIfError
from catalog.types import CpuFamily
from probes.types import AcceleratorInfo, Fact, PcieLink, Rig, unknown

_UNMEASURED = "not measured on the changed card"
_LOW_POWER_SHARE = 0.4
"""Limits below this share of the maker's are beyond what was measured."""


def add_gpus(
    rig: Rig, gpu: AcceleratorInfo, count: int, link: HostLink | None, family: CpuFamily | None
) -> tuple[Rig, list[str]]:
    """Add ``count`` cards."""
    if gpu.unified.value:
        raise WhatIfError(
            f"{gpu.name.value} is part of a whole machine, not a card; "
            f'compare with that machine instead: machine "{gpu.name.value}"'
        )
    if any(a.unified.value and a.vendor.value == "Apple" for a in rig.accelerators):
        raise WhatIfError("a Mac with Apple silicon takes no other GPU; compare with another machine instead")
    remarks = []
    discrete = sum(1 for a in rig.accelerators if not a.unified.value) + count
    if discrete > MAX_GPUS:
        raise WhatIfError(f"{discrete} GPUs are more than one machine holds; use at most {MAX_GPUS} together")
    if discrete > 1:
        remarks.append(
            f"{discrete} GPUs: check slots, lanes and power supply of the board; "
            "layer split needs little from the link"
        )
    if link is not None:
        gpu, said = _connected(gpu, link)
        remarks += said
    elif family is not None and family.platform == "laptop":
        remarks.append(
            f"a laptop takes a card only over a cable: add-gpu {gpu.name.value or 'NAME'} over thunderbolt4"
        )
    return replace(rig, accelerators=rig.accelerators + (gpu,) * count), remarks


def replace_gpus(
    rig: Rig, gpu: AcceleratorInfo, count: int, link: HostLink | None, family: CpuFamily | None
) -> tuple[Rig, list[str]]:
    """Take out the cards and put others in; integrated GPUs stay."""
    kept = tuple(a for a in rig.accelerators if a.unified.value)
    edited, remarks = add_gpus(replace(rig, accelerators=kept), gpu, count, link, family)
    if len(kept) == len(rig.accelerators):
        stays = f"{kept[0].name.value or 'the integrated GPU'} stays" if kept else "there is none yet"
        remarks.insert(0, f"no graphics card to replace ({stays}): {gpu.name.value or 'it'} is an addition")
    return edited, remarks


def remove_gpu(rig: Rig, number: int) -> tuple[Rig, list[str]]:
    """Take one out."""
    _index_of(rig, number)
    kept = rig.accelerators[: number - 1] + rig.accelerators[number:]
    return replace(rig, accelerators=kept), []


def set_host_link(rig: Rig, link: HostLink, number: int | None) -> tuple[Rig, list[str]]:
    """Connect one card, or all, another way."""
    remarks: list[str] = []

    def connect(gpu: AcceleratorInfo) -> AcceleratorInfo:
        edited, said = _connected(gpu, link)
        remarks.extend(said)
        return edited

    return _of_cards(rig, number, f"link {link.name}", connect), remarks


def set_nvlink(rig: Rig, name: str, bytes_per_s: float) -> tuple[Rig, list[str]]:
    """Bridge all cards."""
    speed = Fact(bytes_per_s, f"what-if: {name}", "table")
    discrete = [a for a in rig.accelerators if not a.unified.value]
    if discrete and len(discrete) < 2:
        raise WhatIfError("--link nvlink needs two GPUs; add one with --add-gpu first")
    edited = _of_cards(rig, None, f"link {name}", lambda gpu: replace(gpu, nvlink_bytes_per_s=speed))
    return edited, []


def set_power(rig: Rig, watts: float, number: int | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    """Limit the power of one card, or of all."""
    remarks: list[str] = []
    if not watts > 0:
        raise WhatIfError(f"a power limit is a positive number of watts, not {watts:g}")

    def limit(gpu: AcceleratorInfo) -> AcceleratorInfo:
        name = gpu.name.value or "this GPU"
        own = catalog.tdp_w(gpu.name.value) if gpu.name.value else None
        if own is None:
            raise WhatIfError(
                f"the maker's power limit of {name} is not known, so what {watts:g} W cost it cannot be told"
            )
        if watts > own:
            raise WhatIfError(
                f"{name} is made for {own:g} W; what it gains above is not modelled; nearest: power {own:g}"
            )
        if watts < own * _LOW_POWER_SHARE:
            remarks.append(
                f"{watts:g} W is {watts / own:.0%} of what {name} is made for: no measurement is so low, "
                "and its driver may refuse it"
            )
        return replace(
            gpu,
            power_limit_w=Fact(float(watts), f"what-if: power {watts:g} W", "derived"),
            measured_bandwidth_bytes_per_s=unknown(_UNMEASURED),
        )

    edited = _of_cards(rig, number, f"power {watts:g}", limit)
    return edited, list(dict.fromkeys(remarks))


def set_ecc(rig: Rig, on: bool, number: int | None) -> tuple[Rig, list[str]]:
    """Switch error correction of the memory of one card, or of all that have it."""
    word = "on" if on else "off"
    known = [a for a in rig.accelerators if a.ecc.value is not None and not a.unified.value]
    if number is None and not any(a.ecc.value is not on and _beside_data(a) for a in known):
        if known and all(a.ecc.value is on for a in known):
            raise WhatIfError(f"error correction is {word} on every GPU already: nothing to switch")
        if any(a.ecc.value is not on for a in known):
            raise WhatIfError("HBM has room for error correction of its own: switching it changes nothing")
        raise WhatIfError("no GPU of this rig is known to have error correction that can be switched")
    source = f"what-if: error correction {word}"
    remarks = [f"'nvidia-smi -e {int(on)}' and a restart switch error correction {word}"]

    def switch(gpu: AcceleratorInfo) -> AcceleratorInfo:
        if gpu.ecc.value is on or not _beside_data(gpu):
            if number is None:
                return gpu
            raise WhatIfError(
                f"switching error correction of {gpu.name.value or 'this GPU'} {word} changes nothing: "
                + (f"it is {word} already" if gpu.ecc.value is on else "its memory has room for it")
            )
        if on and gpu.ecc.confidence == "table":
            # Shipped without: whether the card has it at all is not in the catalog.
            raise WhatIfError(
                f"whether {gpu.name.value} has error correction is not known: it ships with it off"
            )
        return replace(
            gpu,
            ecc=Fact(on, source, "derived"),
            measured_bandwidth_bytes_per_s=unknown(_UNMEASURED),
        )

    return _of_cards(rig, number, f"ecc {word}", switch), remarks


def check_power(rig: Rig, watts: float, catalog: Lookups) -> tuple[Rig, list[str]]:
    """What the graphics cards may draw beside what the power supply gives; a warning, not a refusal."""
    if not watts > 0:
        raise WhatIfError(f"a power supply has a positive number of watts, not {watts:g}")
    drawn, unknown_names = _draw(rig, catalog)
    if unknown_names:
        return rig, [
            f"power limit of {', '.join(unknown_names)} not known: nobody can tell whether {watts:g} W do"
        ]
    if drawn >= watts:
        return rig, [
            f"the graphics cards alone may draw {drawn:g} W, and the power supply gives {watts:g} W: "
            "too little; limit them with power N WATTS"
        ]
    return rig, [
        f"the graphics cards may draw {drawn:g} W of {watts:g} W: {watts - drawn:g} W are left for CPU, "
        "board and peaks"
    ]


def _draw(rig: Rig, catalog: Lookups) -> tuple[float, list[str]]:
    """Watts that the cards may draw, and the names of those whose limit is not known."""
    drawn, unknown_names = 0.0, []
    for gpu in rig.accelerators:
        if gpu.unified.value:
            continue
        name = gpu.name.value
        limit = gpu.power_limit_w.value or (catalog.tdp_w(name) if name else None)
        if limit:
            drawn += limit
        else:
            unknown_names.append(name or "a GPU")
    return drawn, unknown_names


def draw_remarks(rig: Rig) -> list[str]:
    """What the graphics cards may draw together, to be compared with the power supply."""
    limits = [a.power_limit_w.value for a in rig.accelerators if not a.unified.value]
    known = [limit for limit in limits if limit]
    if not known:
        return []
    unknown_part = f", and {len(limits) - len(known)} of unknown limit" if len(known) < len(limits) else ""
    sum_text = " + ".join(f"{limit:g}" for limit in known)
    total = f"{sum_text} = {sum(known):g} W" if len(known) > 1 else f"{known[0]:g} W"
    return [f"graphics cards may draw {total}{unknown_part}; psu WATTS compares that with a power supply"]


def _beside_data(gpu: AcceleratorInfo) -> bool:
    """Whether the bits of error correction lie beside the data; HBM has room of its own for them."""
    return (gpu.memory_type.value or "").startswith("GDDR")


def _connected(gpu: AcceleratorInfo, link: HostLink) -> tuple[AcceleratorInfo, list[str]]:
    """A card on a link: the narrower of what the link and the card have."""
    own, wanted = gpu.pcie.value, link.pcie
    most_generation = own.max_generation if own else None
    most_lanes = own.max_lanes if own else None
    generation, lanes = wanted.generation, wanted.lanes
    if generation and most_generation:
        generation = min(generation, most_generation)
    if lanes and most_lanes:
        lanes = min(lanes, most_lanes)
    remarks = []
    if (generation, lanes) != (wanted.generation, wanted.lanes):
        remarks.append(
            f"{gpu.name.value or 'the card'} itself has less than {link.name}: "
            f"it runs at PCIe {generation or 0:g} x{lanes}"
        )
    if not link.external:
        remarks.append(f"whether the board has a slot for {link.name} is not known")
    source = f"what-if: {link.name}"
    fact = Fact(PcieLink(generation, lanes, most_generation, most_lanes), source, "derived")
    payload: Fact[float] = unknown("in a slot: its PCIe link says it")
    if link.payload_bytes_per_s is not None:
        payload = Fact(link.payload_bytes_per_s, f"{source}: {link.source}", "table")
    return replace(gpu, pcie=fact, link_bytes_per_s=payload), remarks


def _index_of(rig: Rig, number: int) -> int:
    have = len(rig.accelerators)
    if not 1 <= number <= have:
        which = f"1 to {have}" if have else "none to remove"
        raise WhatIfError(f"there is no GPU number {number} ({which})")
    return number - 1


def _of_cards(
    rig: Rig, number: int | None, what: str, edit: Callable[[AcceleratorInfo], AcceleratorInfo]
) -> Rig:
    """The rig with one card edited, or all discrete ones."""
    gpus = rig.accelerators
    if not any(not a.unified.value for a in gpus):
        raise WhatIfError(f"--{what}: this rig has no discrete GPU to change; add one with --add-gpu first")
    if number is None:
        return replace(rig, accelerators=tuple(a if a.unified.value else edit(a) for a in gpus))
    index = _index_of(rig, number)
    if gpus[index].unified.value:
        cards = ", ".join(str(i + 1) for i, a in enumerate(gpus) if not a.unified.value)
        raise WhatIfError(
            f"--{what}: GPU {number} ({gpus[index].name.value}) is part of the CPU's chip; cards are: {cards}"
        )
    return replace(rig, accelerators=(*gpus[:index], edit(gpus[index]), *gpus[index + 1 :]))
