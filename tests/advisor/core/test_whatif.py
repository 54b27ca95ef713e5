"""What-if edits, with the numbers worked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.core.whatif import (
    AddGpu,
    Change,
    Edited,
    RemoveGpu,
    SetChannels,
    SetRam,
    SetSpeed,
    WhatIfError,
    apply_changes,
)
from advisor.pipeline import cpu_family
from advisor.scenario import LOOKUPS, parse_scenario
from probes.hypothetical import accelerator_facts, hypothetical_rig
from probes.types import Fact, Rig, RigError, unknown

GIB = 1024**3
AM5 = hypothetical_rig([], "2x16GB:DDR5-5200", "Ryzen 9 7950X")


def apply(rig: Rig, *changes: Change) -> Edited:
    return apply_changes(rig, changes, cpu_family(rig), LOOKUPS)


def bandwidth_gbs(rig: Rig) -> float:
    value = rig.memory.bandwidth_bytes_per_s.value
    assert value is not None
    return value / 1e9


def test_two_channels_of_ddr5_5200_carry_83_2_gb_per_second() -> None:
    # 2 channels x 8 bytes x 5200 MT/s
    assert bandwidth_gbs(AM5) == pytest.approx(83.2)


def test_more_capacity_on_the_same_channels_keeps_the_bandwidth() -> None:
    edited = apply(AM5, SetRam("2x48GB:DDR5-5200")).rig
    assert bandwidth_gbs(edited) == pytest.approx(83.2)
    assert edited.memory.total_bytes.value == 96 * GIB


def test_a_second_stick_doubles_the_bandwidth() -> None:
    one = apply(AM5, SetRam("1x32GB:DDR5-5200"))
    assert bandwidth_gbs(one.rig) == pytest.approx(41.6)
    assert any("1 of 2 memory channels" in r for r in one.remarks)
    two = apply(one.rig, SetRam("2x32GB:DDR5-5200")).rig
    assert bandwidth_gbs(two) == pytest.approx(83.2)


def test_faster_modules_scale_with_their_rate_and_above_the_official_limit_it_is_said() -> None:
    edited = apply(AM5, SetRam("2x16GB:DDR5-6000"))
    assert bandwidth_gbs(edited.rig) == pytest.approx(96.0)
    assert any("XMP/EXPO" in r for r in edited.remarks)


def test_four_modules_on_two_channels_fall_to_the_official_speed_and_say_whose_rule_it_is() -> None:
    edited = apply(AM5, SetRam("4x32GB:DDR5-6000"))
    assert edited.rig.memory.mts.value == 3600
    assert bandwidth_gbs(edited.rig) == pytest.approx(57.6)
    assert any("3600" in r and "AMD" in r for r in edited.remarks)


def test_a_measurement_keeps_its_share_of_the_theoretical_bandwidth() -> None:
    measured = replace(
        AM5, memory=replace(AM5.memory, measured_bandwidth_bytes_per_s=Fact(62.4e9, "test", "measured"))
    )
    edited = apply(measured, SetSpeed(6400)).rig
    # 62.4 of 83.2 is three quarters; three quarters of 102.4 is 76.8.
    assert edited.memory.measured_bandwidth_bytes_per_s.value == pytest.approx(76.8e9)
    assert edited.memory.measured_bandwidth_bytes_per_s.confidence == "derived"


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (SetChannels(4), "has 2 memory channels, not 4"),
        (SetChannels(0), "at least 1"),
        (SetRam("2x16GB:DDR4-3200"), "takes DDR5, not DDR4"),
        (SetRam("8x16GB:DDR5-5200"), "nearest: 4x16GB"),
        (SetRam("2x16GB:DDR5-99999"), "99999"),
        (SetRam("2x16GB:DDR9-6000"), "DDR9"),
        (SetSpeed(100), "runs from"),
        (RemoveGpu(1), "there is no GPU number 1"),
    ],
)
def test_the_impossible_is_refused_with_the_reason(change: Change, because: str) -> None:
    with pytest.raises((WhatIfError, RigError), match=because):
        apply(AM5, change)


def test_a_gpu_is_added_and_removed_again() -> None:
    card = accelerator_facts("RTX 3090")
    two = apply(AM5, AddGpu(card, 2))
    assert [a.name.value for a in two.rig.accelerators] == [card.name.value] * 2
    assert any("2 GPUs" in r for r in two.remarks)
    assert len(apply(two.rig, RemoveGpu(2)).rig.accelerators) == 1


def test_a_unified_machine_takes_neither_modules_nor_cards() -> None:
    mac = hypothetical_rig(["M3 Max 40-core"], "64GB", None)
    with pytest.raises(WhatIfError, match="soldered"):
        apply(mac, SetRam("2x32GB:DDR5-5600"))
    with pytest.raises(WhatIfError, match="no other GPU"):
        apply(mac, AddGpu(accelerator_facts("RTX 3090")))


def test_a_new_board_brings_its_own_memory() -> None:
    ddr4 = hypothetical_rig([], "2x16GB:DDR4-3200", "Ryzen 9 5950X")
    assert bandwidth_gbs(ddr4) == pytest.approx(51.2)
    with pytest.raises(WhatIfError, match="takes DDR5, and the present memory is DDR4"):
        parse_scenario("cpu Ryzen 9 9950X", ddr4)
    for text in ("cpu Ryzen 9 9950X, ram 2x32GB:DDR5-5600", "ram 2x32GB:DDR5-5600, cpu Ryzen 9 9950X"):
        assert bandwidth_gbs(parse_scenario(text, ddr4).rig) == pytest.approx(89.6)


@pytest.mark.parametrize("text", ["", "fly to the moon", "ram", "mts fast", "link string", "add-gpu"])
def test_an_edit_that_is_not_understood_says_what_is(text: str) -> None:
    with pytest.raises((WhatIfError, RigError)) as caught:
        parse_scenario(text, AM5)
    assert "\n" not in str(caught.value)


APU = hypothetical_rig(["Radeon 780M"], "2x16GB:DDR5-5600", "Ryzen 7 7840U")
LPDDR = hypothetical_rig([], "32GB:LPDDR5X-7467", "Core Ultra 7 155H")


def edit(text: str, rig: Rig = AM5) -> tuple[Rig, tuple[str, ...]]:
    scenario = parse_scenario(text, rig)
    return scenario.rig, scenario.remarks


@pytest.mark.parametrize(
    ("text", "gib", "gbs"),
    [
        ("ram 2x48GB:DDR5-5600", 96, 89.6),
        ("mts 4800", 32, 76.8),
        ("channels 1", 16, 44.8),
    ],
)
def test_an_integrated_gpu_follows_the_modules_that_it_uses(text: str, gib: int, gbs: float) -> None:
    rig, _ = edit(text, APU)
    (gpu,) = rig.accelerators
    assert rig.memory.total_bytes.value == gib * GIB
    assert gpu.vram_bytes.value == gib * GIB // 2  # the Linux default is half of RAM
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(gbs * 1e9)
    assert bandwidth_gbs(rig) == pytest.approx(gbs)


def test_an_integrated_gpu_without_a_known_share_gets_the_default() -> None:
    gpu = replace(APU.accelerators[0], vram_bytes=unknown("test"))
    rig, _ = edit("ram 2x48GB:DDR5-5600", replace(APU, accelerators=(gpu,)))
    assert rig.accelerators[0].vram_bytes.value == 48 * GIB


def test_an_integrated_gpu_leaves_with_its_cpu() -> None:
    rig, remarks = edit("cpu Ryzen 9 9950X", APU)
    assert rig.accelerators == ()
    assert any("780M" in r and "goes with it" in r for r in remarks)


@pytest.mark.parametrize("text", ["ram 2x32GB:DDR5-5600", "mts 8533", "channels 1", "cpu Ryzen 9 9950X"])
@pytest.mark.parametrize(
    "rig",
    [
        LPDDR,
        hypothetical_rig(["Ryzen AI Max+ 395"], "128GB:LPDDR5X-8000", None),
        hypothetical_rig(["DGX Spark"], None, None),
        hypothetical_rig(["Jetson AGX Orin"], "64GB", None),
        hypothetical_rig(["M3 Max 40-core"], "64GB", None),
    ],
    ids=lambda rig: rig.name,
)
def test_soldered_memory_stays_as_it_is(rig: Rig, text: str) -> None:
    with pytest.raises(WhatIfError, match=r"soldered|keeps its CPU"):
        edit(text, rig)


def test_soldered_memory_cannot_be_put_into_a_socket() -> None:
    with pytest.raises(WhatIfError, match="LPDDR5X is soldered"):
        edit("ram 32GB:LPDDR5X-7500", APU)
    with pytest.raises(WhatIfError, match="comes on a board with its memory"):
        edit("cpu Ryzen AI Max+ 395")


def test_a_server_cpu_on_a_desktop_module_says_what_is_wrong_with_it() -> None:
    one = hypothetical_rig([], "1x32GB:DDR5-5600", "Ryzen 9 9950X")
    rig, remarks = edit("cpu EPYC 9554", one)
    text = " / ".join(remarks)
    assert "RDIMM" in text
    assert "1 of 12 memory channels" in text
    assert rig.memory.mts.value == 4800
    assert bandwidth_gbs(rig) == pytest.approx(38.4)
    server = hypothetical_rig([], "2x32GB:DDR5-4800", "EPYC 9554")
    assert any("UDIMM" in r for r in edit("cpu Ryzen 9 9950X", server)[1])


def test_a_cpu_that_takes_less_than_there_is_is_refused() -> None:
    old = hypothetical_rig([], "4x16GB:DDR3-1600", "Xeon E5-2670")
    with pytest.raises(WhatIfError, match="at most 32 GB, and 64 GB"):
        edit("cpu Core i7-4770K", old)


def test_a_machine_that_holds_more_than_its_vendor_says_may_keep_it() -> None:
    memory = replace(AM5.memory, total_bytes=Fact(512 * GIB, "test", "reported"))
    rig, _ = edit("ram 512GB:DDR5-5600", replace(AM5, memory=memory))
    assert rig.memory.total_bytes.value == 512 * GIB


def test_uneven_channels_are_said() -> None:
    _, remarks = edit("ram 3x32GB:DDR5-5600")
    assert any("64 GB are interleaved" in r and "32 GB" in r for r in remarks)
    assert not any("uneven" in r for r in edit("ram 4x32GB:DDR5-5600")[1])


def test_more_gpus_than_a_machine_holds_are_refused() -> None:
    with pytest.raises(RigError, match="at most 16"):
        edit("add-gpu 100x RTX 4090")
    with pytest.raises(WhatIfError, match="18 GPUs"):
        edit("add-gpu 9x RTX 4090, add-gpu 9x RTX 3090")


def test_replacing_where_there_is_no_card_is_said_to_add_one() -> None:
    rig, remarks = edit("replace-gpu RTX 4090", APU)
    assert len(rig.accelerators) == 2
    assert any("780M stays" in r and "addition" in r for r in remarks)
    card = hypothetical_rig(["RTX 3090"], "2x16GB:DDR5-5200", "Ryzen 9 7950X")
    assert not any("addition" in r for r in edit("replace-gpu RTX 4090", card)[1])
