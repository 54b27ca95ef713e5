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
from probes.types import Fact, Rig, RigError

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
