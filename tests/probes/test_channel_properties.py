"""What must hold of channels and bandwidth for any modules in any slots, whatever they are called."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.channels import MemoryLayout, analyse_memory
from probes.dmi import DmiRecords, MemoryArray, MemoryDevice, ProcessorSocket

GIB = 1024**3

NAMES = {
    "letters": ("CPU{cpu}_DIMM_{letter}{slot}", "NODE {cpu}"),
    "agesa": ("DIMM {slot}", "P{cpu} CHANNEL {letter}"),
    "ami": ("DIMM{n}", "P{cpu}_Node0_Channel{ch:X}_Dimm{slot}"),
    "numbers": ("DIMM {n}", "CPU {cpu}"),
    "numbers only": ("DIMM{n}", ""),
    "hpe": ("PROC {cpu} DIMM {n}", ""),
    "nothing": ("System Board Memory", ""),
}
"""Slot and bank names in the grammars of several makers."""


@st.composite
def boards(draw: st.DrawFn) -> tuple[DmiRecords, int, int]:
    """A board with some of its slots filled, its sockets and its channels per socket."""
    sockets = draw(st.integers(1, 2))
    channels = draw(st.sampled_from((1, 2, 3, 4, 6, 8, 12)))
    per_channel = draw(st.integers(1, 3))
    style = draw(st.sampled_from(sorted(NAMES)))
    kind = draw(st.sampled_from(("DDR3", "DDR4", "DDR5", "LPDDR4", "LPDDR5")))
    bits = draw(st.sampled_from((None, 16, 32, 64, 72)))
    devices = []
    for cpu in range(1, sockets + 1):
        for ch in range(channels):
            for slot in range(per_channel):
                place = {"cpu": cpu, "ch": ch, "letter": chr(65 + ch), "slot": slot}
                place["n"] = ch * per_channel + slot + 1
                locator, bank = (name.format(**place) for name in NAMES[style])
                filled = draw(st.booleans())
                rate = draw(st.sampled_from((None, 1600, 3200, 4800, 6400)))
                devices.append(
                    MemoryDevice(
                        locator=locator,
                        bank=bank,
                        size_bytes=draw(st.sampled_from((8, 16, 32))) * GIB if filled else 0,
                        type=kind,
                        data_bits=bits,
                        rated_mts=rate,
                        configured_mts=draw(st.sampled_from((None, rate, 3200))),
                    )
                )
    vendor = draw(st.sampled_from(("Dell Inc.", "HPE", "Lenovo", "Supermicro", "FUJITSU", "Other")))
    product = draw(st.sampled_from(("PowerEdge R750", "ProLiant DL380 Gen10", "ThinkSystem SR650", "Board")))
    records = DmiRecords(
        "test table",
        devices=tuple(devices),
        arrays=(MemoryArray(use="System Memory", slots=len(devices)),),
        processors=tuple(ProcessorSocket(f"CPU{n + 1}") for n in range(sockets)),
        vendor=vendor,
        product=product,
    )
    return records, sockets, channels


def layout(records: DmiRecords, channels: int | None) -> MemoryLayout:
    return analyse_memory(records, max_channels_per_socket=channels)


@given(boards(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_channels_are_never_above_the_cpus_nor_above_the_modules(
    board: tuple[DmiRecords, int, int], known: bool
) -> None:
    records, sockets, channels = board
    found = layout(records, channels if known else None)
    modules = sum(bool(d.size_bytes) for d in records.devices)
    if found.channels.value is not None:
        soldered = found.type.value is not None and found.type.value.startswith("LPDDR")
        if known:
            assert found.channels.value <= sockets * channels
        if not soldered:
            assert found.channels.value <= modules
        assert found.channels.value >= 1


@given(boards(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_order_in_which_the_firmware_lists_slots_does_not_matter(
    board: tuple[DmiRecords, int, int], shuffle: random.Random
) -> None:
    records, _, channels = board
    devices = list(records.devices)
    shuffle.shuffle(devices)
    mixed = DmiRecords(
        records.source,
        tuple(devices),
        records.arrays,
        records.processors,
        vendor=records.vendor,
        product=records.product,
    )
    a, b = layout(records, channels), layout(mixed, channels)
    for name in ("channels", "mts", "bandwidth_bytes_per_s", "installed_bytes", "type"):
        assert getattr(a, name) == getattr(b, name)
    assert sorted(x.kind for x in a.advice) == sorted(x.kind for x in b.advice)


@given(boards(), st.data())
@settings(max_examples=300, deadline=None)
def test_taking_a_module_out_never_raises_the_channels(
    board: tuple[DmiRecords, int, int], data: st.DataObject
) -> None:
    records, _, channels = board
    filled = [i for i, d in enumerate(records.devices) if d.size_bytes]
    if len(filled) < 2:
        return
    taken = data.draw(st.sampled_from(filled))
    devices = list(records.devices)
    old = devices[taken]
    devices[taken] = MemoryDevice(locator=old.locator, bank=old.bank, size_bytes=0, type=old.type)
    fewer = DmiRecords(
        records.source,
        tuple(devices),
        records.arrays,
        records.processors,
        vendor=records.vendor,
        product=records.product,
    )
    for limit in (channels, None):
        before, after = layout(records, limit).channels, layout(fewer, limit).channels
        # Soldered memory is not taken out: its bus is the sum of the widths or the CPU's.
        if (old.type or "").startswith("LPDDR"):
            continue
        if before.value is not None and after.value is not None:
            assert after.value <= before.value


@given(boards())
@settings(max_examples=200, deadline=None)
def test_bandwidth_is_channels_times_rate_and_every_gain_is_a_gain(
    board: tuple[DmiRecords, int, int],
) -> None:
    records, _, channels = board
    found = layout(records, channels)
    rate, mts = found.bandwidth_bytes_per_s.value, found.mts.value
    if rate is not None and mts is not None and found.bus_bits is not None:
        assert math.isclose(rate, found.bus_bits / 8 * mts * 1e6)
    else:
        assert rate is None
    for advice in found.advice:
        now, then = advice.bandwidth_bytes_per_s, advice.possible_bandwidth_bytes_per_s
        assert (now is None) == (then is None)
        if now is not None and then is not None:
            assert then > now
            assert rate == pytest.approx(now)
