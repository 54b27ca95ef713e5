"""From slots to channels, rate and bandwidth: captures of real machines, and each trap alone."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from probes.channels import analyse_memory
from probes.dmi import DmiRecords, MemoryArray, MemoryDevice, ProcessorSocket
from probes.dmidecode_text import parse_dmidecode
from probes.rates import effective_mts
from probes.smbios import parse_smbios

CAPTURES = Path(__file__).parents[1] / "fixtures" / "dmi"
GIB = 1024**3


def expected_rows() -> list[dict[str, str]]:
    lines = (CAPTURES / "expected.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def read_capture(name: str) -> DmiRecords:
    path = CAPTURES / name
    if path.suffix == ".bin":
        return parse_smbios(path.read_bytes())
    return parse_dmidecode(path.read_text(encoding="utf-8"))


def slot(locator: str, bank: str = "", *, gib: float = 16, **more: object) -> MemoryDevice:
    fields: dict[str, object] = {
        "type": "DDR5",
        "data_bits": 64,
        "total_bits": 64,
        "rated_mts": 5600,
        "configured_mts": 5600,
        "form_factor": "DIMM",
    } | more
    return MemoryDevice(locator=locator, bank=bank, size_bytes=int(gib * GIB), **fields)  # type: ignore[arg-type]


def empty(locator: str, bank: str = "") -> MemoryDevice:
    return MemoryDevice(locator=locator, bank=bank, size_bytes=0)


def records(*devices: MemoryDevice, **more: object) -> DmiRecords:
    return DmiRecords("test table", devices=devices, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", expected_rows(), ids=lambda row: row["file"][:40])
def test_captured_machines_give_their_known_channels_rate_and_bandwidth(row: dict[str, str]) -> None:
    found = read_capture(row["file"])
    cpu = next((p.name for p in found.processors if p.populated and p.name), None)
    limit = int(row["max_channels_per_socket"]) if row["max_channels_per_socket"] else None
    layout = analyse_memory(found, cpu_name=cpu, sockets=found.sockets, max_channels_per_socket=limit)
    if row["channels"]:
        assert layout.channels.value == int(row["channels"])
    if row["mts"]:
        assert layout.mts.value == int(row["mts"])
    if row["bandwidth_gbs"]:
        assert layout.bandwidth_bytes_per_s.value == pytest.approx(
            float(row["bandwidth_gbs"]) * 1e9, rel=0.004
        )
    elif row["file"] != "jcreekmore-dmi.bin":  # its slot names do tell, but nobody confirmed the machine
        assert layout.bandwidth_bytes_per_s.value is None


@pytest.mark.parametrize("row", expected_rows(), ids=lambda row: row["file"][:40])
def test_without_the_cpus_limits_captures_are_right_or_unknown_never_wrong(row: dict[str, str]) -> None:
    if not row["bandwidth_gbs"]:
        return
    found = read_capture(row["file"])
    value = analyse_memory(found, sockets=found.sockets).bandwidth_bytes_per_s.value
    assert value is None or value == pytest.approx(float(row["bandwidth_gbs"]) * 1e9, rel=0.004)


def test_most_captures_need_no_table_of_cpus() -> None:
    rows = [row for row in expected_rows() if row["bandwidth_gbs"]]
    known = [
        analyse_memory(read_capture(row["file"])).bandwidth_bytes_per_s.known
        for row in rows
        if "DL360" not in row["file"]
    ]
    assert sum(known) >= 0.75 * len(rows)


def test_same_channel_letter_on_two_controllers_is_two_channels() -> None:
    layout = analyse_memory(
        records(slot("Controller0-ChannelA-DIMM1", "BANK 0"), slot("Controller1-ChannelA-DIMM1", "BANK 0"))
    )
    assert layout.channels.value == 2
    assert [m.channel for m in layout.modules] == ["C0/A", "C1/A"]
    assert layout.bandwidth_bytes_per_s.value == 2 * 8 * 5600e6


def test_two_modules_in_one_channel_are_one_channel() -> None:
    layout = analyse_memory(
        records(
            slot("ChannelA-DIMM0"), slot("ChannelA-DIMM1"), empty("ChannelB-DIMM0"), empty("ChannelB-DIMM1")
        ),
        max_channels_per_socket=2,
    )
    assert layout.channels.value == 1
    assert any("1 of 2 memory channels is populated" in note for note in layout.notes)


def test_amd_bank_strings_name_the_channel_when_locators_repeat() -> None:
    layout = analyse_memory(
        records(*(slot("DIMM 0", f"P0 CHANNEL {letter}") for letter in "ACEG")), max_channels_per_socket=4
    )
    assert layout.channels.value == 4
    assert layout.modules[3].channel == "P0/G"


def test_hexadecimal_channels_of_ami_servers() -> None:
    devices = [
        slot(f"P{p + 1}-DIMM{chr(65 + c)}1", f"P{p}_Node0_Channel{c:X}_Dimm0")
        for p in (0, 1)
        for c in range(12)
    ]
    layout = analyse_memory(records(*devices), sockets=2, max_channels_per_socket=12)
    assert layout.channels.value == 24
    assert layout.channels.confidence == "reported"


def test_one_letter_for_all_slots_is_not_a_channel() -> None:
    layout = analyse_memory(records(slot("A1_DIMM0"), slot("A1_DIMM1"), empty("A1_DIMM2"), empty("A1_DIMM3")))
    assert layout.channels.value is None
    assert "do not tell channels" in layout.channels.source


def test_modules_with_one_name_between_them_do_not_tell_channels() -> None:
    layout = analyse_memory(records(slot("ChannelA-DIMM0"), slot("ChannelA-DIMM0")))
    assert layout.channels.value is None


@pytest.mark.parametrize(
    ("locators", "keys"),
    [
        (("CPU0_C0D0", "CPU0_C1D0", "CPU1_C0D0"), ("P0/0", "P0/1", "P1/0")),
        (("DIMM CHA3", "DIMM CHB1", "DIMM4 CHB"), None),
        (("DIMM3 CHA", "DIMM1 CHB"), ("A", "B")),
        (("MC0-ChA-DIMM0", "MC1-ChA-DIMM0"), ("C0/A", "C1/A")),
        (("Slot 8 (Channel A / DIMM 1", "Slot 7 (Channel B / DIMM 1"), ("A", "B")),
        (("BANK 0/ChannelA-DIMM0", "BANK 2/ChannelB-DIMM0"), ("A", "B")),
        (("DIMM_P0_A0", "DIMM_P0_B0", "DIMM_P1_A0"), ("P0/A", "P0/B", "P1/A")),
        (("DIMM A", "DIMM B"), ("A", "B")),
        (("DIMM1", "DIMM2"), None),
        (("Bottom-Slot 1(left)", "Bottom-Slot 2(right)"), None),
    ],
)
def test_slot_name_grammars(locators: tuple[str, ...], keys: tuple[str, ...] | None) -> None:
    layout = analyse_memory(records(*map(slot, locators)))
    found = tuple(m.channel for m in layout.modules)
    assert found == (keys or (None,) * len(locators))


def test_two_sockets_that_name_their_slots_alike_are_told_apart_by_the_bank() -> None:
    devices = [slot(f"DIMM_{c}1", f"NODE {n}") for n in (1, 2) for c in "ABCD"]
    assert analyse_memory(records(*devices), sockets=2, max_channels_per_socket=4).channels.value == 8


def test_a_channel_name_that_repeats_with_other_banks_is_not_trusted() -> None:
    layout = analyse_memory(records(slot("ChannelA-DIMM0", "BANK 0"), slot("ChannelA-DIMM0", "BANK 2")))
    assert layout.channels.value is None


def test_node_numbers_alone_are_not_channels() -> None:
    layout = analyse_memory(
        records(slot("DIMM_A1", "NODE 1"), slot("DIMM_B1", "NODE 1"), slot("DIMM_C1", "NODE 2"))
    )
    assert layout.channels.value == 3


def test_numbered_slots_use_the_cpus_channels_and_say_that_it_is_a_guess() -> None:
    devices = (slot("DIMM1"), slot("DIMM2"), empty("DIMM3"), empty("DIMM4"))
    assert analyse_memory(records(*devices)).channels.value is None
    layout = analyse_memory(records(*devices), max_channels_per_socket=2)
    assert (layout.channels.value, layout.channels.confidence) == (2, "guess")
    assert any("spread" in note for note in layout.notes)


def test_one_slot_per_channel_is_not_a_guess() -> None:
    layout = analyse_memory(records(slot("DIMM1"), slot("DIMM2")), max_channels_per_socket=2)
    assert (layout.channels.value, layout.channels.confidence) == (2, "derived")


def test_a_single_module_is_one_channel_whatever_it_is_called() -> None:
    assert analyse_memory(records(slot("Bottom"), empty("Top"))).channels.value == 1


def test_dell_slot_numbers_wrap_at_the_cpus_channels() -> None:
    devices = [slot(f"A{n}") for n in (1, 2, 3, 4, 5)] + [empty(f"A{n}") for n in range(6, 9)]
    dell = {"vendor": "Dell Inc.", "product": "PowerEdge R730"}
    layout = analyse_memory(records(*devices, **dell), max_channels_per_socket=4)
    assert layout.channels.value == 4
    assert layout.modules[4].channel == layout.modules[0].channel == "PA/0"
    assert analyse_memory(records(*devices, **dell)).channels.value is None


def test_hpe_slot_pairs_share_a_channel() -> None:
    devices = [slot(f"PROC 1 DIMM {n}") for n in (3, 4, 9)] + [
        empty(f"PROC 1 DIMM {n}") for n in range(1, 13) if n not in (3, 4, 9)
    ]
    layout = analyse_memory(
        records(*devices, vendor="HPE", product="ProLiant DL360 Gen10"), max_channels_per_socket=6
    )
    assert layout.channels.value == 2


def test_lpddr_widths_are_held_to_the_platform() -> None:
    devices = [
        slot("Motherboard", f"Channel{c}", type="LPDDR5", configured_mts=7467, form_factor="Row Of Chips")
        for c in "ABCDEFGH"
    ]
    known = analyse_memory(records(*devices), max_channels_per_socket=2)
    assert (known.bus_bits, known.channels.value) == (128, 2)
    assumed = analyse_memory(records(*devices))
    assert (assumed.bus_bits, assumed.channels.confidence) == (128, "guess")


def test_lpddr_of_a_wide_chip_is_not_held_to_client_width() -> None:
    devices = [
        slot("DIMM 0", f"P0 CHANNEL {c}", type="LPDDR5", data_bits=32, configured_mts=8000)
        for c in "ABCDEFGH"
    ]
    layout = analyse_memory(records(*devices), cpu_name="AMD RYZEN AI MAX+ 395 w/ Radeon 8060S")
    assert layout.bandwidth_bytes_per_s.value == 256e9


def test_lpddr_that_claims_too_little_takes_the_cpus_bus_or_stays_unknown() -> None:
    device = slot("Top - on board", "Bank 0", type="LPDDR5", data_bits=16, configured_mts=8448, gib=32)
    assert analyse_memory(records(device)).bandwidth_bytes_per_s.value is None
    layout = analyse_memory(records(device), max_channels_per_socket=2)
    assert (layout.channels.value, layout.channels.confidence) == (2, "table")


@pytest.mark.parametrize(
    ("cpu", "bits"),
    [("Intel(R) Celeron(R) N4100 CPU @ 1.10GHz", 64), ("12th Gen Intel(R) Core(TM) i7", None)],
)
def test_lpddr_with_half_of_the_cpus_bus_is_believed_of_cheap_chips_only(cpu: str, bits: int | None) -> None:
    devices = [slot(f"A1_DIMM{n}", type="LPDDR4", data_bits=16, configured_mts=2133) for n in range(4)]
    layout = analyse_memory(records(*devices), cpu_name=cpu, max_channels_per_socket=2)
    assert layout.bus_bits == bits


def test_high_bandwidth_memory_on_the_package_is_not_taken_for_modules() -> None:
    dimms = [slot(f"CPU0_DIMM_{c}1", configured_mts=4800) for c in "ABCDEFGH"]
    hbm = [slot(f"HBM{n}", type="HBM2", gib=16, data_bits=1024) for n in range(4)]
    layout = analyse_memory(records(*dimms, *hbm), max_channels_per_socket=8)
    assert (layout.channels.value, layout.mts.value) == (8, 4800)
    assert layout.installed_bytes.value == 128 * GIB
    assert any("64 GiB of HBM" in note for note in layout.notes)


def test_ddr_widths_with_ecc_or_garbage_count_64_per_channel() -> None:
    layout = analyse_memory(
        records(slot("DIMM_A1", data_bits=72), slot("DIMM_B1", data_bits=196), slot("DIMM_C1", data_bits=32))
    )
    assert layout.bus_bits == 192


def test_persistent_memory_and_flash_are_not_ram() -> None:
    layout = analyse_memory(
        records(
            slot("P1-DIMMA1", "P0_Node0_Channel0_Dimm0", type="DDR4", rated_mts=2933, configured_mts=2666),
            slot("P1-DIMMB1", "P0_Node0_Channel1_Dimm0", type="Logical non-volatile device", gib=128),
            slot("SYSTEM ROM", type="Flash", gib=0.01),
        )
    )
    assert layout.channels.value == 1
    assert layout.installed_bytes.value == 16 * GIB


def test_slots_of_a_cache_array_are_not_ram() -> None:
    arrays = (MemoryArray(handle=1, use="System Memory", slots=1), MemoryArray(handle=2, use="Cache Memory"))
    layout = analyse_memory(
        records(slot("ChannelA-DIMM0", array=1), slot("ChannelB-DIMM0", array=2), arrays=arrays)
    )
    assert layout.channels.value == 1


def test_a_virtual_machines_modules_are_not_used() -> None:
    layout = analyse_memory(
        records(slot("ChannelA-DIMM0"), vendor="VMware, Inc.", product="VMware Virtual Platform")
    )
    assert layout.modules == ()
    assert "VMware" in layout.channels.source


def test_a_fake_mac_table_gives_no_channels() -> None:
    layout = analyse_memory(
        records(slot("DIMM_A1"), slot("DIMM_B1"), vendor="Acidanthera", product="MacPro6,1"),
        max_channels_per_socket=2,
    )
    assert layout.channels.value is None
    assert "OpenCore" in layout.channels.source


def test_unequal_channels_are_flagged() -> None:
    layout = analyse_memory(records(slot("ChannelA-DIMM0", gib=8), slot("ChannelB-DIMM0", gib=16)))
    assert any("only the matching part, 16 GiB, is interleaved" in note for note in layout.notes)


def test_xmp_advice_goes_to_desktops_and_not_to_soldered_memory() -> None:
    pair = [slot(f"Channel{c}-DIMM0", rated_mts=6000, configured_mts=4800) for c in "AB"]
    assert any("XMP or EXPO" in note for note in analyse_memory(records(*pair)).notes)
    soldered = [
        slot(f"Channel{c}", type="LPDDR5", data_bits=64, rated_mts=8533, configured_mts=7467) for c in "AB"
    ]
    notes = analyse_memory(records(*soldered)).notes
    assert any("set by the maker" in note for note in notes)
    assert not any("XMP" in note for note in notes)


def test_a_cut_record_is_completed_by_symmetry_between_sockets() -> None:
    def socket(n: int, letters: str) -> list[MemoryDevice]:
        return [
            device
            for c in letters
            for device in (empty(f"CPU{n}_DIMM_{c}0"), slot(f"CPU{n}_DIMM_{c}1", gib=64, configured_mts=3200))
        ]

    whole = records(*socket(0, "ABCDEFGH"), *socket(1, "IJK"), complete=False)
    layout = analyse_memory(whole, max_channels_per_socket=8)
    assert (layout.channels.value, layout.channels.confidence) == (16, "derived")
    assert layout.installed_bytes.value == 16 * 64 * GIB
    first_only = analyse_memory(records(*socket(0, "ABCDE"), complete=False), sockets=2)
    assert first_only.channels.value is None
    assert "cut off" in first_only.channels.source
    differs = records(*socket(0, "ABCD"), empty("CPU1_DIMM_E0"), empty("CPU1_DIMM_E1"), complete=False)
    assert analyse_memory(differs).channels.value is None


def test_sockets_are_summed_and_held_to_the_limit_each() -> None:
    devices = [slot(f"P{p}-DIMM{c}1") for p in (1, 2) for c in "ABCD"]
    processors = (ProcessorSocket("CPU1"), ProcessorSocket("CPU2"))
    assert analyse_memory(records(*devices, processors=processors)).channels.value == 8
    held = analyse_memory(records(*devices, processors=processors), max_channels_per_socket=3)
    assert held.channels.value == 6


def test_an_empty_table_is_unknown_with_a_reason() -> None:
    assert "no memory slot" in analyse_memory(records()).channels.source
    layout = analyse_memory(records(empty("DIMM0"), empty("DIMM1")))
    assert "no populated slot" in layout.channels.source
    assert layout.slots == 2


@pytest.mark.parametrize(
    ("kind", "rated", "configured", "answer"),
    [
        ("DDR4", 3200, 1600, (3200, "clock")),
        ("DDR4", 3600, 1067, (2133, "clock")),
        ("DDR3", 1333, 667, (1333, "clock")),
        ("DDR5", 5600, 2800, (5600, "clock")),
        ("DDR5", 7200, 3600, (3600, "configured")),
        ("DDR5", 5600, 6000, (6000, "configured")),
        ("DDR4", 3200, 2933, (2933, "configured")),
        ("DDR4", 3200, None, (3200, "rated")),
        ("LPDDR4", 4266, 2133, (4266, "unclear")),
        ("LPDDR5", 6400, 4800, (4800, "configured")),
        ("DDR5", None, 1333, (None, "unknown")),
        ("DDR4", 3200, 400, (None, "unknown")),
        (None, None, None, (None, "unknown")),
    ],
)
def test_the_rate_that_modules_run_at(
    kind: str | None, rated: int | None, configured: int | None, answer: tuple[int | None, str]
) -> None:
    assert effective_mts(kind, rated, configured) == answer
