"""Edits of boards, slots, cards, links, power and error correction: what they do and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.core.changes import WhatIfError
from advisor.pipeline import machine_of
from advisor.scenario import EXAMPLES, VERBS, parse_scenario
from catalog.hardware import find_link
from catalog.types import LookupFailedError
from probes.hypothetical import hypothetical_rig
from probes.rigfile import rig_from_document, rig_to_document
from probes.types import Fact, PcieLink, Rig, RigError, unknown

GIB = 1024**3
AM5 = hypothetical_rig(["RTX 4090"], "2x16GB:DDR5-5200", "Ryzen 9 7950X")
INTEL = hypothetical_rig(["RTX 3090"], "2x16GB:DDR4-3200", "Core i7-13700K")
SERVER = hypothetical_rig([], "12x32GB:DDR5-4800", "EPYC 9554")
LAPTOP = hypothetical_rig([], "2x8GB:DDR4-3200", "Core i7-1360P")


def edit(text: str, rig: Rig = AM5) -> tuple[Rig, str]:
    scenario = parse_scenario(text, rig)
    return scenario.rig, " / ".join(scenario.remarks)


def with_slots(rig: Rig, slots: int) -> Rig:
    return replace(rig, memory=replace(rig.memory, slots=Fact(slots, "test", "reported")))


def with_ecc(on: bool, kind: str = "GDDR6") -> Rig:
    (gpu,) = AM5.accelerators
    gpu = replace(gpu, ecc=Fact(on, "test", "reported"), memory_type=Fact(kind, "test", "table"))
    return replace(AM5, accelerators=(gpu,))


REFUSED = [
    (AM5, "channels 4", "has 2 memory channels, not 4; use --channels 2"),
    (AM5, "channels -1", "at least 1, not -1; use --channels 1"),
    (AM5, "ram 2x16GB:DDR4-3200", "takes DDR5, not DDR4; nearest: 2x16GB:DDR5-5200"),
    (AM5, "ram -2x32GB:DDR5-5200", "no negative size or count .*nearest: 2x32GB:DDR5-5200"),
    (AM5, "ram 2x-32GB:DDR5-5200", "no negative size or count .*nearest: 2x32GB:DDR5-5200"),
    (AM5, "ram +2x-32GB:DDR5-5200", "no negative size"),
    (AM5, "ram +4x16GB:DDR5-5200", "6 modules do not fit .*nearest: 4x16GB"),
    (AM5, "mts -5", "runs from"),
    (AM5, "cpu Ryzen 9 99", "Ryzen 9"),
    (AM5, "add-gpu RTX 4095", "RTX 4095"),
    (AM5, "add-gpu -1x RTX 4090", "-1x"),
    (AM5, "add-gpu RTX 3090 over carrier pigeon", "unknown link"),
    (AM5, "add-gpu RTX 3090 over ethernet10", "does not connect a GPU"),
    (AM5, "link pcie7x3", "nearest: pcie6x"),
    (AM5, "link pcie4x4 for gpu 2", "no GPU number 2"),
    (AM5, "link nvlink", "needs two GPUs"),
    (AM5, "board DDR4", "takes DDR5, not DDR4; nearest: board DDR5"),
    (AM5, "board DDR5 9 slots", "1 to 4 slots, not 9; nearest: board DDR5 4 slots"),
    (AM5, "board DDR5 0 slots", "not 0; nearest: board DDR5 1 slots"),
    (AM5, "xmp on", "nothing to gain"),
    (AM5, "xmp off", "only 'xmp on'"),
    (AM5, "power 1 900", "made for 450 W.*nearest: power 450"),
    (AM5, "power 1 -5", "positive number"),
    (AM5, "power 2 100", "no GPU number 2"),
    (AM5, "psu 0", "positive number"),
    (AM5, "ecc off", "off on every GPU already"),
    (AM5, "ecc on", "ships with it off"),
    (AM5, "ecc maybe", "for example: ecc off"),
    (AM5, "machine RTX 4090", "not a whole machine"),
    (AM5, "machine M3 Ultra 100GB", "nearest: 96GB"),
    (AM5, "rig /nowhere/rig.json", "rig.json"),
    (AM5, "second M3 Ultra", "over ethernet10"),
    (AM5, "second same over pcie4x4", "does not join two machines"),
    (AM5, "second same over string", "no network is called"),
    (AM5, "second same over tb5, second same over tb4", "nearest: one second"),
    (AM5, "machine M3 Ultra, machine M4 Max 40-core", "a scenario is one machine"),
    (AM5, "name lonely", "needs a change beside its name"),
    (AM5, "add-gppu RTX 3090", "did you mean: add-gpu RTX 3090"),
    (INTEL, "ram 2x32GB:DDR5-6000", "takes DDR4, not DDR5.*nearest: 2x32GB:DDR4-3200.*board DDR5"),
    (INTEL, "board DDR5", "does not take the present DDR4 modules.*ram 2x16GB:DDR5-"),
    (INTEL, "board DDR4 2 slots, ram 4x16GB:DDR4-3200", "has 2 memory slots, not 4; nearest: 2x16GB"),
    (SERVER, "mts 6400", "no more than 4800 MT/s.*use --mts 4800"),
    (LAPTOP, "link pcie4x4", "no discrete GPU"),
    (LAPTOP, "power 100", "no discrete GPU"),
    (with_slots(AM5, 2), "ram 4x16GB:DDR5-5200", "has 2 memory slots, not 4; nearest: 2x16GB"),
    (with_slots(AM5, 2), "ram +2x16GB:DDR5-5200", "has 2 memory slots, not 4; nearest: replace"),
    (with_slots(AM5, 3), "ram +2x16GB:DDR5-5200", r"has 3 memory slots, not 4; nearest: \+1x16GB"),
    (with_ecc(True, "HBM2e"), "ecc off", "HBM has room"),
]


@pytest.mark.parametrize(("rig", "text", "because"), REFUSED, ids=[f"{r.name}: {t}" for r, t, _ in REFUSED])
def test_an_impossible_change_is_refused_in_one_line_with_the_nearest_possible(
    rig: Rig, text: str, because: str
) -> None:
    with pytest.raises((WhatIfError, RigError, LookupFailedError), match=because) as caught:
        parse_scenario(text, rig)
    assert "\n" not in str(caught.value)


def test_every_verb_has_an_example_that_is_understood(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(rig_to_document(INTEL)))
    two = edit("add-gpu RTX A5000", with_ecc(True))[0]
    modules = tuple(replace(m, rated_mts=6000) for m in two.memory.modules)
    rig = replace(two, memory=replace(two.memory, modules=modules))
    for verb in VERBS:
        text = EXAMPLES[verb].replace("other.json", str(other))
        if verb == "name":
            text += ", mts 6000"
        scenario = parse_scenario(text, rig)
        assert scenario.edits


def test_added_modules_lie_beside_the_present_ones() -> None:
    rig, said = edit("ram +1x32GB:DDR5-4800", hypothetical_rig([], "1x16GB:DDR5-5200", "Ryzen 9 7950X"))
    assert rig.memory.total_bytes.value == 48 * GIB
    assert [m.size_bytes // GIB for m in rig.memory.modules] == [16, 32]
    assert rig.memory.channels.value == 2
    assert rig.memory.bandwidth_bytes_per_s.value == pytest.approx(76.8e9)  # 2 x 8 B x 4800: the slower rate
    assert "different sizes" in said
    assert "slower rate" in said


def test_added_modules_need_the_present_ones_to_be_known() -> None:
    blind = replace(AM5, memory=replace(AM5.memory, modules=(), mts=unknown("test")))
    with pytest.raises(WhatIfError, match="describe all of them instead"):
        edit("ram +2x16GB:DDR5-5200", blind)


def test_unknown_slots_are_said_and_known_ones_are_not() -> None:
    assert "slots the board has is not known" in edit("ram 4x16GB:DDR5-5200")[1]
    assert "slots the board has" not in edit("ram 4x16GB:DDR5-5200", with_slots(AM5, 4))[1]
    assert "slots the board has" not in edit("ram 2x32GB:DDR5-5200")[1]


def test_a_size_alone_keeps_the_board_s_kind_and_rate() -> None:
    rig, said = edit("ram 64GB", INTEL)
    assert (rig.memory.type.value, rig.memory.mts.value) == ("DDR4", 3200)
    assert "DDR4-3200 taken" in said


def test_another_cpu_brings_another_board_whose_slots_are_unknown() -> None:
    rig, _ = edit("cpu Core i5-12600K", with_slots(INTEL, 4))
    assert rig.memory.slots.value is None
    same, _ = edit("cpu Core i9-13900K", with_slots(INTEL, 4))
    assert same.memory.slots.value == 4


def test_a_card_runs_at_the_narrower_of_slot_and_card() -> None:
    old = hypothetical_rig(["GTX 1080 Ti"], "2x16GB:DDR5-5200", "Ryzen 9 7950X")
    rig, said = edit("link pcie5x8", old)
    link = rig.accelerators[0].pcie.value
    assert (link and link.generation, link and link.lanes) == (3.0, 8)
    assert "itself has less" in said
    wide, _ = edit("link pcie4x4", AM5)
    assert wide.accelerators[0].pcie.value == PcieLink(4.0, 4, 4.0, 16)


def test_a_link_is_changed_for_one_card_only() -> None:
    two, _ = edit("add-gpu RTX 4090")
    rig, _ = edit("link pcie3x4 for gpu 2", two)
    assert rig.accelerators[0] == two.accelerators[0]
    assert rig.accelerators[1].pcie.value == PcieLink(3.0, 4, 4.0, 16)


@pytest.mark.parametrize("text", ["thunderbolt4", "Thunderbolt 5", "oculink", "tb3", "usb4"])
def test_an_external_card_gets_what_its_cable_carries(text: str) -> None:
    rig, said = edit(f"add-gpu RTX 3090 over {text}")
    card = rig.accelerators[1]
    link = find_link("USB4 40 Gb/s (PCIe)" if text == "usb4" else text)
    payload = (link.usable_gbs or link.bandwidth_gbs) * 1e9
    assert card.link_bytes_per_s.value == pytest.approx(payload)
    assert link.source in card.link_bytes_per_s.source
    devices = {d.name: d.host_link for d in machine_of(rig).gpus}
    assert devices[card.name.value or ""] == pytest.approx(payload)
    assert "slot" not in said.replace("check slots", "")


def test_a_laptop_is_told_of_the_cable() -> None:
    assert "over thunderbolt4" in edit("add-gpu RTX 3090", LAPTOP)[1]
    assert "over thunderbolt4" not in edit("add-gpu RTX 3090 over tb4", LAPTOP)[1]


def test_the_link_of_a_cable_survives_a_rig_file() -> None:
    rig, _ = edit("add-gpu RTX 3090 over tb4")
    again = rig_from_document(json.loads(json.dumps(rig_to_document(rig))))
    assert again.accelerators == rig.accelerators


def test_a_power_limit_slows_its_card_and_no_other() -> None:
    two, _ = edit("add-gpu RTX 4090")
    rig, _ = edit("power 1 300", two)
    fast, slow = (machine_of(rig).gpus[i] for i in (0, 1))
    assert slow.power_share == pytest.approx(300 / 450)
    assert fast.power_share == 1.0
    assert slow.bandwidth < fast.bandwidth
    assert [a.power_limit_w.value for a in edit("power 300", two)[0].accelerators] == [300.0, 300.0]


def test_what_cards_draw_is_compared_with_the_power_supply() -> None:
    assert "450 + 350 = 800 W" in edit("add-gpu RTX 3090")[1]
    assert "too little" in edit("add-gpu RTX 3090, psu 750")[1]
    assert "200 W are left" in edit("psu 1000, add-gpu RTX 3090")[1]
    assert "300 W are left" in edit("psu 1000, add-gpu RTX 3090, power 1 350")[1]


def test_error_correction_off_gives_bandwidth_back() -> None:
    before = with_ecc(True)
    after, said = edit("ecc off", before)
    assert after.accelerators[0].ecc.value is False
    assert "nvidia-smi -e 0" in said
    assert machine_of(after).gpus[0].eta > machine_of(before).gpus[0].eta
    assert machine_of(edit("ecc on", after)[0]).gpus[0].eta == machine_of(before).gpus[0].eta


def test_a_whole_other_machine_takes_the_further_changes() -> None:
    mac, said = edit('machine "Mac Studio M3 Ultra" 512GB')
    assert mac.memory.total_bytes.value == 512 * GIB
    assert "another machine instead" in said
    spark, _ = edit("machine DGX Spark")
    assert spark.accelerators[0].vendor.value == "NVIDIA"
    with pytest.raises(WhatIfError, match="soldered"):
        edit("machine M3 Ultra 512GB, ram 2x32GB:DDR5-5200")


def test_a_rig_file_is_a_whole_other_machine(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps(rig_to_document(INTEL)))
    rig, _ = edit(f"rig {path}, add-gpu RTX 4090")
    assert rig.cpu == INTEL.cpu
    assert next(a.name.value for a in rig.accelerators) == INTEL.accelerators[0].name.value
    assert len(rig.accelerators) == 2


def test_a_virtual_machine_is_told_whose_parts_they_are() -> None:
    system = replace(AM5.system, virtualization=Fact("kvm", "test", "reported"))
    assert "its host's to change" in edit("mts 6000", replace(AM5, system=system))[1]
    assert "host" not in edit("mts 6000")[1]


def test_a_name_replaces_the_list_of_edits() -> None:
    scenario = parse_scenario("add-gpu RTX 3090, name two cards, mts 6000", AM5)
    assert scenario.name == scenario.rig.name == "two cards"
    assert scenario.edits == (("add-gpu", "RTX 3090"), ("mts", "6000"))
