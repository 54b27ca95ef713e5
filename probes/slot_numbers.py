"""Boards whose slots carry only a number: which slots share a memory channel.

Two ways of counting are in use.  In *blocks* neighbours share a channel (1 and 2, 3 and 4, …); in *rounds*
the first slots of all channels come first (1 to 4 are four channels, 5 to 8 the same four again).  Where the
maker's way is known it is followed; else both are tried, and where they disagree only what holds in any case
is said: as many modules as channels are taken as spread over them, which is what every manual asks for.

Makers: Dell PowerEdge counts in rounds, the letter is the socket; HPE ProLiant, Lenovo ThinkSystem and
System x count in blocks (maintenance manuals of the makers; HPE's letters after the number are the order in
which to fill).  Fujitsu's ``DIMM-2B`` is the second slot of channel B, Supermicro's ``DIMM2B`` of the X8
boards the second slot of channel 2, Huawei's ``DIMM130`` slot 0 of channel 3 of the second socket.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from probes.dmi import MemoryDevice
from probes.locators import MAX_SLOTS_PER_CHANNEL, ChannelKey, SlotKeys, socket_label

_DELL = re.compile(r"(?:DIMM[-_ ]?)?([A-H])(\d{1,2})")
_HPE = re.compile(r"PROC ?(\d{1,2}) DIMM ?(\d{1,2})[A-L]?(?: .*)?")
_LENOVO = re.compile(r"(?:DIMM|SLOT)[-_ ]?(\d{1,2})")
_LENOVO_SERVER = re.compile(r"thinksystem|system x", re.IGNORECASE)
_NUMBER = re.compile(r"(?:DIMM|XMM|SLOT|MEMORY|/D|^[A-Z])[-_ #]?(\d{1,2})(?![0-9A-Z])")
_HUAWEI = re.compile(r"DIMM(\d)(\d)([0-2])(?: .*)?")
_NUMBER_LETTER = re.compile(r"DIMM[-_ ]?(\d{1,2})([A-H])(?![A-Z0-9])")

_Parse = Callable[[MemoryDevice], tuple[str, int] | None]


def _dell_place(device: MemoryDevice) -> tuple[str, int] | None:
    match = _DELL.fullmatch(device.locator.upper())
    return None if match is None else (match[1], int(match[2]))


def _hpe_place(device: MemoryDevice) -> tuple[str, int] | None:
    match = _HPE.fullmatch(device.locator.upper())
    return None if match is None else (match[1], int(match[2]))


def _lenovo_place(device: MemoryDevice) -> tuple[str, int] | None:
    match, label = _LENOVO.fullmatch(device.locator.upper()), socket_label(device)
    return None if match is None or label is None else (label, int(match[1]))


def _places(slots: Sequence[MemoryDevice], parse: _Parse) -> dict[str, list[int]] | None:
    """Slot numbers of each socket, ascending; ``None`` where a name does not fit or comes twice."""
    found: dict[str, list[int]] = {}
    for slot in slots:
        place = parse(slot)
        if place is None or place[1] in found.setdefault(place[0], []):
            return None
        found[place[0]].append(place[1])
    return {socket: sorted(numbers) for socket, numbers in found.items()}


def _keys(
    populated: Sequence[MemoryDevice],
    parse: _Parse,
    channel: Callable[[str, int], int | None],
    grammar: str,
) -> SlotKeys | None:
    keys = []
    for device in populated:
        place = parse(device)
        index = None if place is None else channel(*place)
        if place is None or index is None:
            return None
        keys.append(ChannelKey(place[0], str(index)))
    return SlotKeys(tuple(keys), grammar, exact=False)


def dell_keys(
    slots: Sequence[MemoryDevice], populated: Sequence[MemoryDevice], max_channels: int | None
) -> SlotKeys | None:
    """PowerEdge ``A1 … A16, B1 …``: letter = socket; the first slots of all channels come first.

    Where the slots are no multiple of the channels the numbers after the full rounds are taken only when
    the channels that they could belong to all hold a module already.
    """
    places = _places(slots, _dell_place)
    if max_channels is None or places is None:
        return None
    filled = {place for place in map(_dell_place, populated) if place is not None}

    def channel(socket: str, number: int) -> int | None:
        whole = len(places[socket]) // max_channels * max_channels
        if number > whole > 0 and any((socket, n) not in filled for n in range(1, max_channels + 1)):
            return None
        return (number - 1) % max_channels

    return _keys(populated, _dell_place, channel, "Dell slot numbers")


def block_keys(
    slots: Sequence[MemoryDevice],
    populated: Sequence[MemoryDevice],
    parse: _Parse,
    max_channels: int | None,
    grammar: str,
) -> SlotKeys | None:
    """Slots whose neighbours share a channel, every socket having the same number of them."""
    places = _places(slots, parse)
    if max_channels is None or not places:
        return None
    counts = {len(numbers) for numbers in places.values()}
    count = max(counts)
    if len(counts) > 1 or count % max_channels or count // max_channels > MAX_SLOTS_PER_CHANNEL:
        return None
    share = count // max_channels
    return _keys(populated, parse, lambda socket, number: places[socket].index(number) // share, grammar)


def maker_keys(
    slots: Sequence[MemoryDevice],
    populated: Sequence[MemoryDevice],
    *,
    vendor: str,
    product: str,
    max_channels: int | None,
    whole: bool,
) -> SlotKeys | None:
    """Channel keys by the maker's way of counting, ``None`` where there is no rule or it does not fit.

    ``whole`` is false where ``slots`` lacks the empty ones: only rules that need not count them are used.
    """
    maker = vendor.casefold()
    if maker.startswith("dell") and "poweredge" in product.casefold():
        return dell_keys(slots, populated, max_channels)
    if maker.startswith(("hp", "hewlett")):
        if not whole:
            return _pair_keys(populated) if re.search(r"Gen10(?! Plus v2)", product) else None
        if max_channels is None and "Gen10" in product:
            places = _places(slots, _hpe_place) or {}
            # Gen10 has pairs on every model: 12 slots on six channels, 16 on eight.
            max_channels = {12: 6, 16: 8}.get(max(map(len, places.values()), default=0))
        return block_keys(slots, populated, _hpe_place, max_channels, "HPE slot numbers")
    if (
        whole
        and maker.startswith(("lenovo", "ibm"))
        and re.search(r"thinksystem|system x", product, re.IGNORECASE)
    ):
        return block_keys(slots, populated, _lenovo_place, max_channels, "Lenovo slot numbers")
    if maker.startswith(("huawei", "xfusion")):
        return _huawei_keys(slots, populated)
    if maker.startswith("fujitsu") or (whole and maker.startswith("supermicro")):
        return _number_letter_keys(slots, populated, maker.startswith("fujitsu"), max_channels)
    return None


def _pair_keys(populated: Sequence[MemoryDevice]) -> SlotKeys | None:
    """ProLiant Gen10 servers: slots 1 and 2, 3 and 4, … of a CPU share a channel on every model."""
    return _keys(populated, _hpe_place, lambda _, number: (number - 1) // 2, "HPE slot numbers")


def _huawei_keys(slots: Sequence[MemoryDevice], populated: Sequence[MemoryDevice]) -> SlotKeys | None:
    if any(_HUAWEI.fullmatch(s.locator.upper()) is None for s in slots):
        return None
    found = [_HUAWEI.fullmatch(d.locator.upper()) for d in populated]
    keys = tuple(ChannelKey(m[1], m[2]) for m in found if m is not None)
    return SlotKeys(keys, "Huawei slot numbers", exact=False)


def _number_letter_keys(
    slots: Sequence[MemoryDevice],
    populated: Sequence[MemoryDevice],
    letters: bool,
    max_channels: int | None,
) -> SlotKeys | None:
    """``DIMM2B``: the letter is the channel, or else the number is if there are as many as channels."""
    found = {id(s): _NUMBER_LETTER.search(s.locator.upper()) for s in slots}
    if None in found.values():
        return None
    part = 2 if letters else 1
    names = {(socket_label(s), m[part]) for s in slots if (m := found[id(s)]) is not None}
    most = max(Counter(socket for socket, _ in names).values())
    told_apart = None not in {socket for socket, _ in names}
    if max_channels is not None and told_apart and most > max_channels:
        return None
    if not letters and (most != max_channels or most < 3):
        return None  # boards with two channels use the same names the other way round
    keys = tuple(ChannelKey(socket_label(d), m[part]) for d in populated if (m := found[id(d)]) is not None)
    return SlotKeys(keys, "number and letter", exact=False)


@dataclass(frozen=True, slots=True)
class Spread:
    """How many channels hold modules; ``sure`` where that follows from the numbers in any way of counting.

    ``channels`` is ``None`` where the ways of counting disagree.
    """

    channels: int | None
    sure: bool


def spread(
    slots: Sequence[MemoryDevice],
    populated: Sequence[MemoryDevice],
    channels: int,
    slot_count: int | None,
) -> Spread:
    """The populated channels of one socket (or of a board that does not tell its sockets apart).

    Args:
        slots: its slots, empty ones included where the source lists them.
        populated: those that hold a module.
        channels: how many channels there are.
        slot_count: how many slots there are, ``None`` where the source lists only modules.
    """
    modules = len(populated)
    if modules <= 1:
        return Spread(modules, True)
    ways = _ways_of_counting(slots, populated, channels) if slot_count == len(slots) else None
    most = min(modules, channels) if ways is None else min(modules, channels, max(ways))
    if slot_count is not None:
        fewest_slots, most_slots = max(1, slot_count // channels), -(-slot_count // channels)
        empty = max(0, slot_count - modules)
        least = max(-(-modules // most_slots), channels - empty // fewest_slots)
        if slot_count <= channels or least >= most or (ways is not None and len(ways) == 1):
            return Spread(most, True)
    if modules <= channels or modules % channels == 0:
        return Spread(most, False)
    return Spread(None, False)


def _ways_of_counting(
    slots: Sequence[MemoryDevice], populated: Sequence[MemoryDevice], channels: int
) -> set[int] | None:
    """How many channels are populated in blocks, in rounds (and by letter); ``None`` without numbers."""
    share, rest = divmod(len(slots), channels)
    if rest or not share:
        return None
    lettered = [_NUMBER_LETTER.search(s.locator.upper()) for s in slots]
    if all(lettered):
        pairs = {id(s): m.groups() for s, m in zip(slots, lettered, strict=True) if m is not None}
        return {len({pairs[id(s)][part] for s in populated}) for part in (0, 1)}
    numbers = {id(s): _slot_number(s) for s in slots}
    if None in numbers.values() or max(Counter(numbers.values()).values()) > 1:
        return None
    order = sorted(numbers.values(), key=lambda n: n or 0)
    ranks = [order.index(numbers[id(s)]) for s in populated]
    return {len({rank // share for rank in ranks}), len({rank % channels for rank in ranks})}


def _slot_number(device: MemoryDevice) -> int | None:
    found = _NUMBER.search(device.locator.upper())
    return None if found is None else int(found[1])
