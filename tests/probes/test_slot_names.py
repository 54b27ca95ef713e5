"""Slot names of many makers, as channels: what the names tell is used, what they do not tell stays unknown.

The layouts are hand-made after published dmidecode reports (linuxhw/DMI and bug trackers); the expected
counts follow from the makers' manuals.
"""

from __future__ import annotations

import pytest

from probes.channels import MemoryLayout, analyse_memory
from probes.dmi import DmiRecords, MemoryArray, MemoryDevice, ProcessorSocket

GIB = 1024**3


def machine(
    text: str, *, vendor: str = "", product: str = "", sockets: int = 1, limit: int | None = None
) -> MemoryLayout:
    """``name~bank`` separated by ``;`` (a leading ``*`` marks a module), as a DDR4 machine."""
    devices = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        locator, _, bank = part.lstrip("*").partition("~")
        size = 16 * GIB if part.startswith("*") else 0
        devices.append(
            MemoryDevice(
                locator=locator,
                bank=bank,
                size_bytes=size,
                type="DDR4" if size else None,
                data_bits=64,
                rated_mts=3200,
                configured_mts=3200,
                form_factor="DIMM",
            )
        )
    records = DmiRecords(
        "test table",
        devices=tuple(devices),
        arrays=(MemoryArray(use="System Memory", slots=len(devices)),),
        processors=tuple(ProcessorSocket(f"CPU{n}") for n in range(sockets)),
        vendor=vendor or None,
        product=product or None,
    )
    return analyse_memory(records, max_channels_per_socket=limit)


def slots(names: str, filled: set[int]) -> str:
    """Numbered names from a pattern with ``{}``: those in ``filled`` hold a module."""
    pattern, _, numbers = names.partition("|")
    first, last = map(int, numbers.split("-"))
    return ";".join(("*" if n in filled else "") + pattern.format(n) for n in range(first, last + 1))


CHANNEL_NAMES = {
    "Intel client": "*ChannelA-DIMM0~BANK 0; ChannelA-DIMM1~BANK 1; *ChannelB-DIMM0~BANK 2",
    "Intel, 11th generation on": "*Controller0-ChannelA-DIMM0~BANK 0; *Controller1-ChannelA-DIMM0~BANK 0",
    "MSI, two controllers": "Controller0-DIMMA1; *Controller0-DIMMA2; *Controller1-DIMMB2",
    "ASUS": "DIMM_A1~BANK 0; *DIMM_A2~BANK 1; DIMM_B1~BANK 2; *DIMM_B2~BANK 3",
    "AMD AGESA": "*DIMM 0~P0 CHANNEL A; *DIMM 0~P0 CHANNEL B",
    "coreboot": "*Channel-0-DIMM-0~BANK 0; *Channel-1-DIMM-0~BANK 0",
    "old Intel board": "*J1MY~CHAN A DIMM 0; *J2MY~CHAN B DIMM 0",
    "Dell laptop": "*DIMM A; *DIMM B",
    "Lenovo ThinkPad": "*ChannelA-DIMM0~BANK 0; *ChannelB-DIMM0~BANK 2",
    "Apple iMac": "*BANK 0/ChannelA-DIMM0; BANK 1/ChannelA-DIMM1; *BANK 2/ChannelB-DIMM0",
    "ASRock Rack": "*DDR4_A1~BANK 0; DDR4_A2~BANK 1; *DDR4_B1~BANK 2; DDR4_B2~BANK 3",
    "Gigabyte AM4": "*DIMM 1~P0 CHANNEL A; DIMM 0~P0 CHANNEL A; *DIMM 1~P0 CHANNEL B",
    "Acer": "*DIMM0~CHANNEL A; *DIMM1~CHANNEL B",
}


@pytest.mark.parametrize("text", CHANNEL_NAMES.values(), ids=CHANNEL_NAMES)
def test_two_named_channels_need_no_knowledge_of_the_cpu(text: str) -> None:
    layout = machine(text)
    assert (layout.channels.value, layout.channels.confidence) == (2, "reported")
    assert layout.bandwidth_bytes_per_s.value == 51.2e9


@pytest.mark.parametrize(
    ("text", "sockets", "expected"),
    [
        # Huawei 2288H V5: one module on each CPU
        (
            "*DIMM000 J22~_Node0_Channel0_Dimm0; DIMM001 J23~_Node0_Channel0_Dimm1;"
            "*DIMM100 J34~_Node1_Channel0_Dimm0; DIMM110 J36~_Node1_Channel1_Dimm0",
            2,
            2,
        ),
        # Cisco UCS C240 M4
        (
            "*DIMM_A1~NODE 0 CHANNEL 0 DIMM 0; DIMM_A2~NODE 0 CHANNEL 0 DIMM 1;"
            "*DIMM_B1~NODE 0 CHANNEL 1 DIMM 0; *DIMM_E1~NODE 1 CHANNEL 0 DIMM 0;"
            "*DIMM_F1~NODE 1 CHANNEL 1 DIMM 0",
            2,
            4,
        ),
        # Fujitsu RX2540 M4 and Intel S2600
        ("*CPU1_DIMM_A1~NODE 1; CPU1_DIMM_A2~NODE 1; *CPU1_DIMM_B1~NODE 1; *CPU2_DIMM_A1~NODE 3", 2, 3),
        # Inspur, Quanta
        ("*CPU0_C0D0; CPU0_C0D1; *CPU0_C1D0; *CPU1_C0D0", 2, 3),
        ("*CPU0_CH0_D0; *CPU0_CH1_D0; CPU0_CH1_D1", 1, 2),
        # Supermicro X9 and later, Tyan, Gigabyte servers
        ("*P1-DIMMA1~P0_Node0_Channel0_Dimm0; *P1-DIMMB1~P0_Node0_Channel1_Dimm0", 1, 2),
        ("*P1-DIMMA1; P1-DIMMA2; *P1-DIMMB1; *P2-DIMME1; P2-DIMMF1", 2, 3),
        ("*DIMM_P0_A0; DIMM_P0_A1; *DIMM_P0_B0; *DIMM_P1_A0", 2, 3),
        # TaiShan
        ("*DIMM000 J2~SOCKET 0 CHANNEL 0 DIMM 0; *DIMM010 J4~SOCKET 0 CHANNEL 1 DIMM 0", 1, 2),
    ],
)
def test_servers_name_socket_and_channel(text: str, sockets: int, expected: int) -> None:
    assert machine(text, sockets=sockets).channels.value == expected


def lenovo(filled: set[int]) -> str:
    first = slots("DIMM {}~CPU 1|1-12", filled)
    return f"{first};{slots('DIMM {}~CPU 2|13-24', {n + 12 for n in filled})}"


def hpe(filled: set[int], count: int, letters: str = "") -> str:
    names = []
    for cpu in (1, 2):
        for n in range(1, count + 1):
            letter = letters[n - 1] if letters else ""
            names.append(("*" if n in filled else "") + f"PROC {cpu} DIMM {n}{letter}")
    return ";".join(names)


@pytest.mark.parametrize(
    ("text", "vendor", "product", "sockets", "limit", "expected"),
    [
        # eight modules on six channels: Lenovo fills four pairs, not six channels
        (lenovo({3, 4, 5, 6, 7, 8, 9, 10}), "Lenovo", "ThinkSystem SR650 -[7X06CTO1WW]-", 2, 6, 8),
        (lenovo({1, 4, 9, 12}), "IBM", "System x3650 M4: -[7915AC1]-", 2, 4, 8),
        (lenovo({1, 2, 3}), "IBM", "System x3650 M4: -[7915AC1]-", 2, 4, 2),
        # Gen10: pairs; G7: triples with letters for the order
        (hpe({8, 10}, 12), "HPE", "ProLiant DL380 Gen10", 2, 6, 4),
        (hpe({3, 4}, 12), "HPE", "ProLiant DL380 Gen10", 2, 6, 2),
        (hpe({1, 2, 3}, 9, "GDAHEBIFC"), "HP", "ProLiant DL360 G7", 2, 3, 2),
        (hpe({3, 6, 9}, 9, "GDAHEBIFC"), "HP", "ProLiant DL360 G7", 2, 3, 6),
        (hpe({1, 2}, 12), "HPE", "ProLiant DL385 Gen11", 2, 12, 4),
        # Dell: rounds; the letter is the socket
        (slots("A{}|1-16", {1, 2, 3, 4, 9}), "Dell Inc.", "PowerEdge R750", 1, 8, 4),
        (slots("DIMM_A{}|1-9", {1, 2, 4}), "Dell Inc.", "PowerEdge R710", 1, 3, 2),
        # C6420: eight slots on six channels; A7 and A8 belong to channels that are filled
        (slots("A{}|1-8", set(range(1, 9))), "Dell Inc.", "PowerEdge C6420", 1, 6, 6),
        (slots("A{}|1-8", {1, 2}), "Dell Inc.", "PowerEdge C6420", 1, 6, 2),
        # Fujitsu: the letter is the channel, over both CPUs
        ("*DIMM 1A; DIMM 2A; *DIMM 1B; DIMM 2B; *DIMM 1E; *DIMM 2E", "FUJITSU", "CELSIUS R940", 2, 4, 3),
        # Supermicro X8: the number is the channel
        (
            "*P1-DIMM1A; *P1-DIMM1B; *P1-DIMM2A; P1-DIMM2B; P1-DIMM3A; P1-DIMM3B",
            "Supermicro",
            "X8DTL",
            1,
            3,
            2,
        ),
        # Huawei without bank names
        ("*DIMM000 J22; DIMM001 J23; *DIMM010 J24; *DIMM100 J30", "Huawei", "2288H V5", 2, 6, 3),
        # Oracle X5-2: D0 and D3 in both ways of counting
        (
            f"{slots('D{}~/SYS/MB/P0|0-11', {0, 3})};{slots('D{}~/SYS/MB/P1|0-11', {0, 3})}",
            "Oracle Corporation",
            "ORACLE SERVER X5-2",
            2,
            4,
            4,
        ),
    ],
)
def test_makers_number_their_slots_in_their_own_way(
    text: str, vendor: str, product: str, sockets: int, limit: int, expected: int
) -> None:
    layout = machine(text, vendor=vendor, product=product, sockets=sockets, limit=limit)
    assert layout.channels.value == expected


def test_numbers_that_mean_the_same_in_every_way_of_counting_are_not_a_guess() -> None:
    layout = machine(slots("CPU0-DIMM{}|1-8", {1, 3, 6, 8}), vendor="HP", product="HP Z4 G5", limit=4)
    assert (layout.channels.value, layout.channels.confidence) == (4, "derived")


def test_modules_that_do_not_fill_the_channels_evenly_are_unknown_without_the_makers_rule() -> None:
    layout = machine(slots("CPU1 DIMM{}|1-12", {3, 4, 5, 6, 7, 8, 9, 10}), vendor="Other", limit=6)
    assert layout.channels.value is None
    assert "do not fill 6 channels evenly" in layout.channels.source


@pytest.mark.parametrize(("filled", "expected"), [({1, 2}, 2), ({1, 3}, 2), ({2, 3, 4}, 2), ({1}, 1)])
def test_desktops_with_numbers_only(filled: set[int], expected: int) -> None:
    for pattern in ("DIMM{}|1-4", "XMM{}|1-4", "A{}|0-3"):
        filled_here = {n - (pattern[0] == "A") for n in filled}
        assert machine(slots(pattern, filled_here), limit=2).channels.value == expected


def test_all_slots_filled_is_sure_whatever_they_are_called() -> None:
    layout = machine("; ".join(f"*Node{n}_Dimm{d}" for n in (0, 1) for d in range(12)), sockets=2, limit=4)
    assert (layout.channels.value, layout.channels.confidence) == (8, "derived")
