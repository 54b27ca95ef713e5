"""Combinations of up to three parts, and what each set of devices could reach at best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, groupby

import numpy as np

from advisor.comparison import Scenario
from advisor.core.bound import NONE, Ints, Pieces, least_seconds, pieces_of
from advisor.core.candidates import Candidates, Floats
from advisor.core.machine import Device
from advisor.core.placement import Strategy, strategies
from advisor.core.question import Question
from advisor.core.runtimes import RUNTIME
from advisor.pipeline import machine_for, machine_of
from advisor.scenario import make_scenario
from advisor.upgrade.parts import MOST_PARTS, Part, Parts
from catalog.efficiency import Efficiencies
from probes.types import Rig

_NO_RAM = -1


@dataclass(frozen=True, slots=True)
class Option:
    """One combination: the parts, and whether the cards replace the present ones."""

    parts: tuple[Part, ...]
    """Memory, then cards, then the bridge between them; or one whole machine."""
    replaces: bool = False
    ram: int = _NO_RAM
    cards: tuple[int, ...] = ()

    @property
    def whole_machine(self) -> bool:
        return any(part.verb == "machine" for part in self.parts)

    @property
    def changes(self) -> int:
        """Parts to buy; a setting is none."""
        return sum(1 for part in self.parts if part.verb != "mts")

    @property
    def price(self) -> float | None:
        """What the parts cost together; ``None`` unless every one has a price."""
        return _total([part.price for part in self.parts])

    @property
    def watts(self) -> float | None:
        """What the cards, or the machine, may draw; ``None`` unless the user gave it for every one."""
        return _total([part.watts for part in self.parts if part.verb in ("gpu", "machine")])

    @property
    def edits(self) -> tuple[tuple[str, str], ...]:
        """The same change in the language of what-if."""
        found = [(part.verb, part.value) for part in self.parts if part.verb in ("ram", "mts")]
        cards = [part.value for part in self.parts if part.verb == "gpu"]
        for n, (name, same) in enumerate(groupby(cards)):
            count = len(list(same))
            verb = "replace-gpu" if self.replaces and not n else "add-gpu"
            found.append((verb, f"{count}x {name}" if count > 1 else name))
        return (*found, *((p.verb, p.value) for p in self.parts if p.verb == "link"))

    def scenario(self, rig: Rig) -> Scenario:
        """The rig with the change; raises what what-if raises where it is impossible."""
        machine = next((part for part in self.parts if part.verb == "machine"), None)
        if machine is not None and machine.rig is not None:
            name = f"machine {machine.value}"
            return Scenario(name, replace(machine.rig, name=name), machine.rig.notes)
        return make_scenario(self.edits, rig)

    def size(self) -> tuple[float, ...]:
        """How large the change is without prices: parts, cards among them, their memory and its bandwidth,
        then the RAM and its rate.  A whole machine is larger than any three parts."""
        cards = [p for p in self.parts if p.verb in ("gpu", "machine")]
        memory = [p for p in self.parts if p.verb == "ram"]
        return (
            MOST_PARTS + 1 if self.whole_machine else self.changes,
            len(cards),
            sum(p.vram_bytes for p in cards),
            sum(p.bandwidth_gbs for p in cards),
            sum(p.ram_bytes for p in memory),
            sum(p.bandwidth_gbs for p in memory),
        )


def _total(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known and len(known) == len(amounts) else None


@dataclass(frozen=True, slots=True)
class Space:
    """All combinations by rising size, in groups of one size."""

    options: tuple[Option, ...]
    groups: tuple[range, ...]
    by_price: bool


def all_options(
    rig: Rig,
    parts: Parts,
    *,
    budget: float | None = None,
    most_cards: int | None = None,
    linked: Callable[[Part], bool] = lambda _: False,
) -> list[Option]:
    """Every combination of up to three parts, whole machines not among them.

    Args:
        rig: the present one.
        parts: what there is.
        budget: what the parts may cost together.
        most_cards: slots for cards, those that are taken included.
        linked: whether an NVLink bridge between two cards of this kind changes anything.
    """
    present = sum(1 for a in rig.accelerators if not a.unified.value)
    found: list[Option] = []
    for cards in _sets_of_cards(parts):
        for ram in range(_NO_RAM, len(parts.memory)):
            memory = () if ram == _NO_RAM else (parts.memory[ram],)
            chosen = (*memory, *(parts.cards[i] for i in cards))
            if not chosen or len(cards) + sum(p.verb == "ram" for p in memory) > MOST_PARTS:
                continue
            for replaces in (False, True) if cards and present else (False,):
                option = Option(chosen, replaces, ram, cards)
                if most_cards is not None and cards and len(cards) + present * (not replaces) > most_cards:
                    continue
                found += [o for o in (option, *_bridged(option, parts, linked)) if _affordable(o, budget)]
    return found


def _affordable(option: Option, budget: float | None) -> bool:
    return budget is None or (option.price is not None and option.price <= budget)


def _bridged(option: Option, parts: Parts, linked: Callable[[Part], bool]) -> Iterator[Option]:
    """The same with an NVLink bridge, where two cards of a kind that has it are bought and it matters."""
    cards = [part for part in option.parts if part.verb == "gpu"]
    same = len(cards) == 2 and cards[0] == cards[1]
    if (
        parts.bridge is not None
        and same
        and option.changes < MOST_PARTS
        and cards[0].nvlink
        and linked(cards[0])
    ):
        yield replace(option, parts=(*option.parts, parts.bridge))


def _sets_of_cards(parts: Parts) -> Iterator[tuple[int, ...]]:
    """Cards bought together: any that the user named, of one kind from the whole catalog."""
    yield ()
    numbers = range(len(parts.cards))
    for count in range(1, MOST_PARTS + 1):
        if not parts.named:
            yield from ((i,) * count for i in numbers)
            continue
        for chosen in combinations_with_replacement(numbers, count):
            if all(chosen.count(i) <= parts.cards[i].most for i in set(chosen)):
                yield chosen


def space_of(options: Sequence[Option], *, by_price: bool) -> Space:
    """Options by rising size or price; within one of them in the order given."""

    def key(option: Option) -> tuple[float, ...]:
        return (option.price or 0.0,) if by_price else option.size()

    keyed = sorted(((key(option), n) for n, option in enumerate(options)))
    groups: list[range] = []
    for _, same in groupby(keyed, key=lambda pair: pair[0]):
        start = groups[-1].stop if groups else 0
        groups.append(range(start, start + len(list(same))))
    return Space(tuple(options[n] for _, n in keyed), tuple(groups), by_price)


class Devices:
    """The devices of every rig of a search, each once, by what they belong to."""

    def __init__(self, rig: Rig, parts: Parts, options: Sequence[Option], q: Question) -> None:
        """Resolve the present rig, and each memory, card and machine of the options, to numbers."""
        self.found: list[Device] = []
        self.on_node: dict[int, Device] = {}
        """Of CPUs with several sockets, what a run bound to one of them has."""
        self.present = machine_for(rig, q)
        self._cards_now = [self._add(d) for d in self.present.devices if d.kind == "gpu"]
        self._with_ram: dict[int, list[int]] = {}
        for ram in sorted({_NO_RAM, *(option.ram for option in options)}):
            machine = self.present
            if ram != _NO_RAM:
                part = parts.memory[ram]
                machine = machine_for(make_scenario([(part.verb, part.value)], rig).rig, q)
            self._with_ram[ram] = [self._add(d) for d in machine.devices if d.kind != "gpu"]
            if machine.node is not None:
                self.on_node[self._with_ram[ram][-1]] = machine.node.cpu
        alone = replace(rig, accelerators=())
        self._of_card: dict[int, list[int]] = {}
        for card in sorted({card for option in options for card in option.cards}):
            machine = machine_of(make_scenario([("add-gpu", parts.cards[card].value)], alone).rig)
            # A card that is left out because a figure of it is unknown is no device.
            self._of_card[card] = [self._add(d) for d in machine.gpus[:1]]
        self._of_machine = {
            option.parts[0].value: [self._add(d) for d in machine_of(option.parts[0].rig).devices]
            for option in options
            if option.whole_machine and option.parts[0].rig is not None
        }

    def _add(self, device: Device) -> int:
        self.found.append(device)
        return len(self.found) - 1

    def room_bytes(self, option: Option) -> float:
        """What all devices of the rig that an option makes hold together."""
        return sum(self.found[i].usable_bytes for i in self.members(option))

    def members(self, option: Option) -> list[int]:
        """The devices of the rig that an option makes."""
        if option.whole_machine:
            return self._of_machine[option.parts[0].value]
        cards = [device for card in option.cards for device in self._of_card[card]]
        return [*self._with_ram[option.ram], *([] if option.replaces else self._cards_now), *cards]


def speed_bounds(
    devices: Devices, options: Sequence[Option], c: Candidates, q: Question, efficiencies: Efficiencies
) -> Floats:
    """The most tokens/s that each candidate can reach with each option [options, n]."""
    lists = [devices.members(option) for option in options]
    places = max((len(each) for each in lists), default=1)
    members: Ints = np.full((len(options), places), NONE, dtype=np.int64)
    for row, each in enumerate(lists):
        members[row, : len(each)] = each
    pieces = _pieces(devices, c, q, efficiencies)
    capacity = np.array([device.usable_bytes for device in devices.found])
    is_cpu = np.array([device.kind == "cpu" for device in devices.found])
    shared = _layers_can_be_shared(devices, q)
    counts = np.where(members == NONE, False, ~is_cpu[members]).sum(axis=1)
    side_by_side = np.maximum(counts, 1.0) if shared else np.ones(len(options))
    return 1.0 / np.maximum(least_seconds(pieces, capacity, is_cpu, members, side_by_side), 1e-300)


def _pieces(devices: Devices, c: Candidates, q: Question, efficiencies: Efficiencies) -> Pieces:
    """The parts on every device; on a CPU of several sockets as fast as on all or on one of them."""
    nodes = list(devices.on_node.values())
    pieces = pieces_of(c, [*devices.found, *nodes], devices.present, q, efficiencies)
    seconds = pieces.seconds[..., : len(devices.found)].copy()
    for n, cpu in enumerate(devices.on_node):
        bound = pieces.seconds[..., len(devices.found) + n]
        seconds[..., cpu] = np.minimum(seconds[..., cpu], bound)
    return replace(pieces, seconds=seconds)


def _layers_can_be_shared(devices: Devices, q: Question) -> bool:
    """Whether the estimator would let several GPUs work on one layer at the same time."""
    gpus = tuple(device for device in devices.found if device.kind == "gpu")[:1] * 2
    return bool(gpus) and Strategy.TENSOR_PARALLEL in strategies(
        replace(devices.present, devices=(*gpus, devices.present.cpu)), RUNTIME[q.runtime]
    )
