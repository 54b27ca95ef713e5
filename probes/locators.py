"""Slot names of mainboards, read as memory channels.

Boards name slots in a few grammars; counted over 162,321 public machines (linuxhw/DMI, January 2025):
a number only 31 %, ``ChannelA-DIMM0`` 29 %, ``DIMM_A1`` 15 %, ``P0 CHANNEL A`` in the bank string 13 %,
``Controller0-ChannelA-DIMM0`` 7 %, ``CHANNEL A`` 3 %, ``P0_Node0_Channel0_Dimm0`` 0.4 %.
Slot name and bank name are read together.  ``NODE 1`` alone and ``BANK 2`` say nothing about channels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from probes.dmi import MemoryDevice

_NODE_CHANNEL = re.compile(r"(?:P(\d{1,2})[_ ])?NODE ?(\d{1,2})[_ ]CHANNEL ?([0-9A-F])[_ ]")
"""AMI servers: ``P0_Node1_ChannelA_Dimm0``; the channel is a hexadecimal digit."""
_CONTROLLER_CHANNEL = re.compile(
    r"(?:CONTROLLER|(?<![A-Z])I?MC)[-_ ]?(\d{1,2})[-_ ]?"
    r"CH(?:AN(?:NEL)?)?[-_ ]?(?!DIMM)([A-P](?![A-Z]{2})|[A-P](?=DIMM)|\d{1,2})"
)
"""Intel 11th generation on: the same channel letter occurs once per memory controller."""
_CHANNEL = re.compile(r"CHANNEL[-_ ]?(?!DIMM)([A-P]|\d{1,2})")
_CH = re.compile(r"(?<![A-Z])CH(?:AN)?[-_ ]?([A-P]|\d{1,2})(?![A-Z0-9])")
_C_D = re.compile(r"(?<![A-Z0-9])C(\d{1,2})_?D\d{1,2}(?!\d)")
"""Inspur and Quanta servers: ``CPU0_C1D0``."""
_SOCKET = re.compile(
    r"(?<![A-Z])(?:(?:CPU|PROC|PROCESSOR|SOCKET)[-_ ]?(\d{1,2})(?!\d)|P(\d{1,2})(?=[-_ /]|$))"
)
_NODE_SOCKET = re.compile(r"(?<![A-Z])NODE(\d{1,2})[_ ]DIMM")
"""Fujitsu: ``Node1_Dimm5``, one node per CPU; a ``NODE`` before anything else is no socket."""
_LETTER_SLOT = re.compile(r"(?:DIMM|DDR\d)[-_ ]?(?:P\d[-_ ])?([A-Z])[-_ ]?(\d{0,2})(?![A-Z0-9])")
_BARE_LETTER = re.compile(r"(?:(?:CPU|P)\d[-_ ])?([A-Z])(\d{1,2})(?:[-_]DIMM\d)?")

MAX_SLOTS_PER_CHANNEL = 3
"""DDR3 and DDR4 registered boards stop at three; more slots under one letter mean another grammar."""


@dataclass(frozen=True, slots=True)
class ChannelKey:
    """Where a module sits.  ``socket`` is ``None`` where the names do not tell sockets apart."""

    socket: str | None
    channel: str

    def __str__(self) -> str:
        return self.channel if self.socket is None else f"P{self.socket}/{self.channel}"


@dataclass(frozen=True, slots=True)
class SlotKeys:
    """Channel keys of the populated slots, in order, and which grammar gave them.

    ``keys`` is empty when the names do not identify channels.
    """

    keys: tuple[ChannelKey, ...]
    grammar: str
    exact: bool = True
    """``False`` where the grammar needed the CPU's channel count or a vendor's numbering rule."""


def socket_label(device: MemoryDevice) -> str | None:
    """The CPU number in the slot or bank name (``P1-DIMMA1``, ``Secondary Main Board/CPU 1``)."""
    for text in (device.locator.upper(), device.bank.upper()):
        match = _SOCKET.search(text)
        if match is not None:
            return match[1] or match[2]
    match = _NODE_SOCKET.search(device.locator.upper())
    return None if match is None else match[1]


def named_channel(device: MemoryDevice) -> ChannelKey | None:
    """The channel that a slot or bank name spells out, most specific grammar first."""
    texts = (device.locator.upper(), device.bank.upper())
    for text in texts:
        match = _NODE_CHANNEL.search(text)
        if match is not None:
            return ChannelKey(match[1] or socket_label(device), f"N{match[2]}/{match[3]}")
    for text in texts:
        match = _CONTROLLER_CHANNEL.search(text)
        if match is not None:
            return ChannelKey(socket_label(device), f"C{match[1]}/{match[2]}")
    for pattern in (_CHANNEL, _CH, _C_D):
        for text in texts:
            match = pattern.search(text)
            if match is not None:
                return ChannelKey(socket_label(device), match[1])
    return None


def _letter(device: MemoryDevice, whole: bool) -> str | None:
    """``A1`` alone is a channel only where all slots are seen: on PowerEdge the letter is the socket."""
    text = device.locator.upper()
    match = _LETTER_SLOT.search(text) or (_BARE_LETTER.fullmatch(text) if whole else None)
    return None if match is None else match[1]


def named_keys(populated: Sequence[MemoryDevice]) -> SlotKeys | None:
    """Keys of modules whose slot or bank names all spell out a channel, each in a way of its own."""
    places = Counter((d.array, d.locator, d.bank) for d in populated)
    repeated = Counter((d.array, socket_label(d), d.locator) for d in populated)
    keys: list[ChannelKey] = []
    for device in populated:
        key = named_channel(device)
        if key is None or places[device.array, device.locator, device.bank] > 1:
            return None  # two modules with one name: the firmware numbers neither
        alone = named_channel(replace(device, bank=""))
        if alone is not None and repeated[device.array, socket_label(device), device.locator] > 1:
            return None
        keys.append(key)
    return SlotKeys(tuple(keys), "channel names")


def lettered_keys(
    slots: Sequence[MemoryDevice], populated: Sequence[MemoryDevice], *, whole: bool
) -> SlotKeys | None:
    """``DIMM_A1``: letter = channel, if the letters of all slots, empty ones included, look like that.

    Boards with two sockets may name the slots of both alike; the bank name then tells them apart.
    ``whole`` is false where the empty slots are not listed.
    """
    names = Counter((slot.locator, socket_label(slot)) for slot in slots)
    groups = Counter((slot.locator, socket_label(slot), slot.bank) for slot in slots)
    if max(groups.values()) > 1:
        return None

    def group(slot: MemoryDevice) -> str | None:
        label = socket_label(slot)
        return slot.bank if label is None and names[slot.locator, label] > 1 else label

    shape: Counter[tuple[str | None, str]] = Counter()
    for slot in slots:
        letter = _letter(slot, whole)
        if letter is not None:
            shape[group(slot), letter] += 1
    letters = {letter for _, letter in shape}
    if not shape or max(shape.values()) > MAX_SLOTS_PER_CHANNEL or (len(letters) < 2 and len(slots) > 1):
        return None
    keys: list[ChannelKey] = []
    for device in populated:
        letter = _letter(device, whole)
        if letter is None:
            return None
        keys.append(ChannelKey(group(device), letter))
    return SlotKeys(tuple(keys), "slot letters")
