"""What is proposed for a rig: only what its platform takes, and never what cannot be changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from advisor.core.goals import UpgradeError
from advisor.core.whatif import WhatIfError
from advisor.upgrade.kits import is_more
from advisor.upgrade.options import all_options
from advisor.upgrade.parts import CARDS, Parts, card_class, catalog_parts, is_card, listed_parts, priced_parts
from advisor.upgrade.prices import Price, PriceList
from catalog.hardware import find_accelerator, load_accelerators
from catalog.types import LookupFailedError
from probes.hypothetical import hypothetical_rig
from probes.specs import parse_ram_spec
from probes.types import Fact, Rig

GIB = 1024**3


def kits(parts: Parts) -> list[str]:
    return [part.value for part in parts.memory if part.verb == "ram"]


def test_kits_of_a_desktop_keep_to_channels_slots_type_and_rates(desktop: Rig) -> None:
    specs = [parse_ram_spec(text) for text in kits(catalog_parts(desktop))]
    assert specs
    assert {spec.type for spec in specs} == {"DDR5"}
    # Two channels with two slots each: never four channels, never eight modules.
    assert {spec.count for spec in specs} <= {2, 4}
    # Official DDR5-5200, and 6000 as the fastest usual kit; four modules at the official rate only.
    assert {spec.mts for spec in specs if spec.count == 2} <= {5200, 6000}
    assert {spec.mts for spec in specs if spec.count == 4} == {5200}
    assert all(spec.module_bytes <= 64 * GIB for spec in specs)


def test_kits_run_on_no_more_channels_than_the_cpu_has(desktop: Rig) -> None:
    parts = catalog_parts(desktop)
    options = [option for option in all_options(desktop, parts) if option.ram >= 0 and not option.cards]
    assert options
    for option in options:
        assert option.scenario(desktop).rig.memory.channels.value == 2


def test_kits_are_no_step_back(desktop: Rig) -> None:
    for text in kits(catalog_parts(desktop)):
        spec = parse_ram_spec(text)
        assert spec.total_bytes > 64 * GIB or (spec.total_bytes == 64 * GIB and spec.mts > 6000)


def test_a_board_for_either_memory_gets_kits_of_the_kind_that_is_in_it() -> None:
    for kind, mts in (("DDR4", 3200), ("DDR5", 4800)):
        rig = hypothetical_rig([], f"2x16GB:{kind}-{mts}", "Core i7-13700K")
        found = kits(catalog_parts(rig))
        assert found
        assert all(kind in text for text in found)


def test_a_server_gets_all_channels_at_its_official_rate() -> None:
    rig = hypothetical_rig([], "12x32GB:DDR5-4800", "EPYC 9654")
    specs = [parse_ram_spec(text) for text in kits(catalog_parts(rig))]
    assert {spec.count for spec in specs} <= {12, 24}
    assert {spec.mts for spec in specs} == {4800}
    assert max(spec.module_bytes for spec in specs) > 64 * GIB


def test_known_slots_are_not_exceeded(desktop: Rig) -> None:
    two = replace(desktop, memory=replace(desktop.memory, slots=Fact(2, "smbios", "reported")))
    assert {parse_ram_spec(text).count for text in kits(catalog_parts(two))} == {2}


def test_memory_that_runs_below_its_rating_is_a_setting_and_no_part(desktop: Rig) -> None:
    modules = tuple(replace(m, rated_mts=6000, configured_mts=4800) for m in desktop.memory.modules)
    memory = replace(desktop.memory, modules=modules, mts=Fact(4800, "smbios", "reported"))
    parts = catalog_parts(replace(desktop, memory=memory))
    assert [(p.verb, p.value) for p in parts.memory if p.verb == "mts"] == [("mts", "6000")]
    option = next(o for o in all_options(desktop, parts) if [p.verb for p in o.parts] == ["mts"])
    assert option.changes == 0


def test_four_modules_are_not_told_to_run_above_the_limit_for_four() -> None:
    rig = hypothetical_rig([], "4x16GB:DDR5-6000", "Ryzen 9 7950X")
    assert rig.memory.mts.value == 3600
    assert not [p for p in catalog_parts(rig).memory if p.verb == "mts"]


@pytest.mark.parametrize(
    ("gpus", "ram", "cpu", "why"),
    [
        (["Apple M3 Max 40-core GPU"], "64GB", None, "part of it"),
        (["Ryzen AI Max+ 395"], "128GB", None, "soldered"),
        ([], "2x8GB:DDR4-3200", "Core i7-1360P", "laptop"),
        ([], "32GB:LPDDR5X-7467", "Core Ultra 7 155H", "soldered"),
        ([], "2x8GB:DDR4-3200", None, "not recognised"),
    ],
)
def test_memory_that_cannot_be_changed_is_not_and_the_reason_is_said(
    gpus: list[str], ram: str, cpu: str | None, why: str
) -> None:
    parts = catalog_parts(hypothetical_rig(gpus, ram, cpu))
    assert not parts.memory
    assert any(why in note for note in parts.notes)


@pytest.mark.parametrize(
    ("gpus", "ram", "cpu"),
    [
        (["Apple M3 Max 40-core GPU"], "64GB", None),
        ([], "2x8GB:DDR4-3200", "Core i7-1360P"),
        (["GB10"], "128GB", None),
        ([], "8GB:LPDDR4X-4266", "Raspberry Pi 5"),
    ],
)
def test_what_has_no_slot_gets_no_cards_but_other_machines(
    gpus: list[str], ram: str, cpu: str | None
) -> None:
    parts = catalog_parts(hypothetical_rig(gpus, ram, cpu))
    assert not parts.cards
    assert parts.machines
    assert any("no graphics cards" in note for note in parts.notes)


def test_unified_chips_are_whole_machines_and_never_cards(desktop: Rig) -> None:
    parts = catalog_parts(desktop)
    unified = {card.name for card in load_accelerators() if card.unified}
    assert not unified & {part.value for part in parts.cards}
    assert all(part.rig is not None for part in parts.machines)
    assert all(part.rig.accelerators[0].unified.value for part in parts.machines if part.rig)


def test_cards_are_released_ones_for_a_slot() -> None:
    found = {card.name for card in load_accelerators() if is_card(card)}
    assert {"NVIDIA GeForce RTX 3090", "AMD Radeon RX 7900 XTX", "NVIDIA Tesla P40"} <= found
    assert not [name for name in found if "SXM" in name or "Laptop" in name or "xPU" in name]
    for name in ("NVIDIA GB200", "AMD Instinct MI300X", "NVIDIA Rubin", "Tenstorrent Blackhole p150a"):
        assert name not in found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("RTX 3090", "consumer"),
        ("RX 7900 XTX", "consumer"),
        ("Arc B580", "consumer"),
        ("RTX A6000", "workstation"),
        ("RTX PRO 6000 Blackwell", "workstation"),
        ("Arc Pro B60", "workstation"),
        ("H100 NVL", "all"),
        ("Tesla P40", "all"),
    ],
)
def test_cards_are_of_the_class_that_their_name_says(name: str, expected: str) -> None:
    assert card_class(find_accelerator(name)) == expected


def test_wider_choices_include_the_narrower_ones(desktop: Rig) -> None:
    sizes = [{part.value for part in catalog_parts(desktop, cards).cards} for cards in CARDS]
    assert sizes[0] < sizes[1] < sizes[2]


def test_a_list_of_parts_is_read_with_its_counts(desktop: Rig) -> None:
    parts = listed_parts(desktop, "2x RTX 3090, 2x48GB:DDR5-6000, nvlink", None)
    assert [(p.value, p.most) for p in parts.cards] == [("RTX 3090", 2)]
    assert kits(parts) == ["2x48GB:DDR5-6000"]
    assert parts.bridge is not None
    for option in all_options(desktop, parts):
        assert len(option.cards) <= 2


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("2x32GB:DDR4-3200", WhatIfError, "nearest: 2x32GB:DDR5-6000"),
        ("8x32GB:DDR5-5600", Exception, "nearest"),
        ("RTX 9999", LookupFailedError, "RTX"),
        ("RTX 4090 Laptop", UpgradeError, "soldered"),
        (" , ", UpgradeError, "names nothing"),
        ("2x32GB:DDR5-99999", Exception, "fastest"),
    ],
)
def test_an_impossible_part_is_refused_with_the_reason(
    desktop: Rig, text: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as refused:
        listed_parts(desktop, text, None)
    assert says in str(refused.value)


def price_list(*prices: Price) -> PriceList:
    return PriceList("prices.toml", "2026-11-01", None, prices)


def test_priced_parts_that_do_not_go_into_the_rig_are_left_out_and_said(desktop: Rig) -> None:
    prices = price_list(
        Price("ram", "2x32GB:DDR4-3200", 60.0, None),
        Price("ram", "2x48GB:DDR5-6000", 300.0, None),
        Price("gpu", "RTX 3090", 700.0, 350.0),
    )
    parts = priced_parts(desktop, prices)
    assert kits(parts) == ["2x48GB:DDR5-6000"]
    assert [part.price for part in parts.cards] == [700.0]
    assert any("left out, 2x32GB:DDR4-3200" in note for note in parts.notes)


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("gpu", "RTX 9999", "[gpu]"),
        ("gpu", "Apple M4 Max 40-core GPU", "[machine]"),
        ("ram", "lots", "[ram]"),
        ("link", "infiniband", "nearest: nvlink"),
        ("machine", "RTX 3090", "[gpu]"),
    ],
)
def test_names_that_cannot_be_resolved_name_the_file(desktop: Rig, kind: str, name: str, says: str) -> None:
    with pytest.raises(UpgradeError) as refused:
        priced_parts(desktop, price_list(Price(kind, name, 1.0, None)))
    assert "prices.toml" in str(refused.value)
    assert says in str(refused.value)


def test_prices_of_a_list_come_from_the_file_under_any_spelling(desktop: Rig) -> None:
    prices = price_list(Price("gpu", "GeForce RTX 3090", 700.0, 350.0))
    parts = listed_parts(desktop, "rtx 3090", prices)
    assert [(p.price, p.watts) for p in parts.cards] == [(700.0, 350.0)]
    with pytest.raises(UpgradeError, match="has no price for 'RTX 4090'"):
        listed_parts(desktop, "RTX 4090", prices)


def test_parts_of_the_shipped_rigs_are_all_accepted_by_what_if() -> None:
    """Every kit and setting proposed for an example rig is one that what-if makes, and a step forward."""
    from probes.rigfile import load_rig

    for path in sorted((Path(__file__).parents[3] / "screenshots" / "rigs").glob("*.json")):
        rig = load_rig(str(path))
        for option in all_options(rig, replace(catalog_parts(rig), cards=())):
            assert is_more(rig.memory, option.scenario(rig).rig.memory)
