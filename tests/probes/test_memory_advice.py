"""Advice on RAM: what it says follows from the modules, with the bandwidth to be gained."""

from __future__ import annotations

import pytest

from catalog.hardware import match_cpu_family
from probes.channels import MemoryLayout, analyse_memory
from probes.dmi import DmiRecords, MemoryDevice
from probes.memory_advice import rate_of_part
from probes.types import ADVICE_KINDS, MemoryAdvice

GIB = 1024**3


def module(locator: str, *, rated: int = 6000, running: int = 6000, **more: object) -> MemoryDevice:
    fields: dict[str, object] = {
        "size_bytes": 16 * GIB,
        "type": "DDR5",
        "data_bits": 64,
        "total_bits": 64,
        "rated_mts": rated,
        "configured_mts": running,
        "form_factor": "DIMM",
    } | more
    return MemoryDevice(locator=locator, **fields)  # type: ignore[arg-type]


def empty(locator: str) -> MemoryDevice:
    return MemoryDevice(locator=locator, size_bytes=0)


def layout(*devices: MemoryDevice, cpu: str = "AMD Ryzen 7 7700X 8-Core Processor") -> MemoryLayout:
    return analyse_memory(
        DmiRecords("test table", devices=devices), cpu_name=cpu, family=match_cpu_family(cpu)
    )


def one(found: MemoryLayout) -> MemoryAdvice:
    (advice,) = found.advice
    assert advice.kind in ADVICE_KINDS
    assert advice.text in found.notes
    return advice


def test_one_of_two_channels() -> None:
    advice = one(layout(module("DIMM_A2"), empty("DIMM_A1"), empty("DIMM_B1"), empty("DIMM_B2")))
    assert advice.kind == "empty_channels"
    assert "1 of 2 memory channels is populated" in advice.text
    assert "48.0 → 96.0 GB/s (+100 %)" in advice.text
    assert (advice.bandwidth_bytes_per_s, advice.possible_bandwidth_bytes_per_s) == (48e9, 96e9)


def test_two_modules_in_one_channel_are_to_be_moved() -> None:
    found = layout(module("DIMM_A1"), module("DIMM_A2"), empty("DIMM_B1"), empty("DIMM_B2"))
    assert "by 2 modules: spreading them over 2 gives 48.0 → 96.0 GB/s" in found.advice[0].text


def test_without_a_free_slot_nothing_can_be_filled() -> None:
    advice = one(layout(module("DIMM 0")))
    assert "no slot is free" in advice.text
    assert advice.possible_bandwidth_bytes_per_s is None


def test_xmp_off_by_the_firmwares_own_rating() -> None:
    advice = one(layout(*(module(f"DIMM_{c}1", running=4800) for c in "AB")))
    assert advice.kind == "xmp_off"
    assert advice.text.startswith("rated 6000, running 4800 MT/s")
    assert advice.possible_bandwidth_bytes_per_s == 96e9


def test_xmp_off_by_the_part_number_where_the_firmware_gives_the_standard_rate_for_both() -> None:
    pair = [module(f"DIMM_{c}1", rated=4800, running=4800, part_number="CMK32GX5M2B6000C36") for c in "AB"]
    advice = one(layout(*pair))
    assert (advice.kind, advice.possible_bandwidth_bytes_per_s) == ("xmp_off", 96e9)


def test_a_profile_that_is_on_needs_no_advice() -> None:
    pair = [module(f"DIMM_{c}1", rated=4800, part_number="F5-6000J3038F16G") for c in "AB"]
    assert layout(*pair).advice == ()


def test_four_modules_run_slower() -> None:
    four = [module(f"DIMM_{c}{n}", running=3600) for c in "AB" for n in (1, 2)]
    advice = one(layout(*four))
    assert advice.kind == "modules_share_channels"
    assert "is specified for 3600 then" in advice.text
    assert "57.6 → 96.0 GB/s (+67 %)" in advice.text


def test_unequal_channels_say_how_much_is_interleaved() -> None:
    found = layout(module("DIMM_A1", size_bytes=8 * GIB), module("DIMM_B1", size_bytes=32 * GIB))
    assert one(found).kind == "uneven_channels"
    assert "16 GiB" in one(found).text


def test_the_slowest_module_holds_the_others() -> None:
    found = layout(module("DIMM_A1", rated=4800, running=4800), module("DIMM_B1", rated=5600, running=4800))
    advice = one(found)
    assert advice.kind == "slowest_module"
    assert advice.possible_bandwidth_bytes_per_s == pytest.approx(2 * 8e6 * 5600)


def test_servers_are_told_of_the_cpus_limit_and_not_of_profiles() -> None:
    cpu = "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz"
    ecc: dict[str, object] = {"type": "DDR4", "total_bits": 72}
    slots = [module(f"CPU1_DIMM_{c}1", rated=3200, running=2933, **ecc) for c in "ABCDEF"]
    assert one(layout(*slots, cpu=cpu)).kind == "cpu_limit"
    slow = [module(f"CPU1_DIMM_{c}1", rated=3200, running=2133, **ecc) for c in "ABCDEF"]
    advice = one(layout(*slow, cpu=cpu))
    assert (advice.kind, advice.possible_bandwidth_bytes_per_s) == ("firmware_setting", 6 * 8e6 * 2933)


def test_soldered_memory_is_left_alone() -> None:
    chips = [
        module(f"Motherboard{c}", type="LPDDR5", data_bits=32, form_factor="Row Of Chips", running=5500)
        for c in "ABCD"
    ]
    assert one(layout(*chips, cpu="AMD Ryzen 7 7840U w/ Radeon 780M Graphics")).kind == "set_by_maker"


@pytest.mark.parametrize(
    ("part", "kind", "rate"),
    [
        ("F5-6000J3038F16G", "DDR5", 6000),
        ("F4-3600C16-8GVKC", "DDR4", 3600),
        ("F3-12800CL9-2GBXL", "DDR3", 1600),
        ("F3-2400C10-8GTX", "DDR3", 2400),
        ("CMK32GX5M2B6000C36", "DDR5", 6000),
        ("CMW16GX4M2C3200C16", "DDR4", 3200),
        ("CMT64GX5M2X6400C32", "DDR5", 6400),
        ("KF560C36-16", "DDR5", 6000),
        ("KF432C16BB/8", "DDR4", 3200),
        ("KF426C16BB/8", "DDR4", 2666),
        ("KHX3200C16D4/8GX", "DDR4", 3200),
        ("BL8G36C16U4B.M8FE1", "DDR4", 3600),
        ("CP16G60C36U5B.M8D1", "DDR5", 6000),
        ("TEAMGROUP-UD4-3200", "DDR4", 3200),
        ("M425R2GA3BB0-CWMOD", "DDR5", None),
        ("HMA84GR7AFR4N-VK", "DDR4", None),
        ("CT16G48C40U5.M8A1", "DDR5", None),
        ("F5-99999X", "DDR5", None),
        ("F4-3600C16-8GVKC", None, None),
        (None, "DDR5", None),
    ],
)
def test_rates_in_part_numbers(part: str | None, kind: str | None, rate: int | None) -> None:
    assert rate_of_part(part, kind) == rate
