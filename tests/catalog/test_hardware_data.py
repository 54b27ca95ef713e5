"""Invariants of the hardware tables."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import hardware
from catalog.build import accelerators as build
from catalog.hardware import (
    accelerators_by_pci_id,
    cpu_of_accelerator,
    find_accelerator,
    find_cpu_family,
    find_link,
    load_accelerators,
    load_cpu_families,
    load_cpus,
    load_links,
    load_memory_kinds,
    match_cpu_family,
    memory_kind,
    memory_types,
    pcie_bandwidth_gbs,
)
from catalog.types import CatalogError, LookupFailedError

ARCHITECTURES = {
    *(
        "kepler",
        "maxwell",
        "pascal",
        "pascal-gp100",
        "volta",
        "turing",
        "turing-tu11x",
        "ampere",
        "ampere-ga100",
    ),
    *("ampere-jetson", "ada", "hopper", "blackwell", "blackwell-dc", "blackwell-gb10", "blackwell-jetson"),
    *("gcn3", "gcn4", "gcn5", "vega20", "cdna1", "cdna2", "cdna3", "cdna4"),
    *("rdna1", "rdna2", "rdna3", "rdna4", "rdna2-apu", "rdna3-apu", "rdna3.5-apu"),
    *("alchemist", "battlemage", "xe-igpu", "xe2-igpu", "ponte-vecchio", "adreno", "videocore"),
    *("frontier", "tenstorrent", "gaudi"),
    *("apple-m1", "apple-m2", "apple-m3", "apple-m4", "apple-m5"),
}
PLATFORMS = {"desktop", "hedt", "server", "laptop", "apple", "arm-server", "sbc", "unified"}
DATA = Path(hardware.__file__).parent / "data"


def _rows(name: str) -> list[dict[str, str]]:
    lines = [line for line in (DATA / name).read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    return list(csv.DictReader(lines))


def test_the_tables_are_as_large_as_promised() -> None:
    assert len(load_accelerators()) >= 680
    assert len(load_cpu_families()) >= 280
    assert len(load_cpus()) >= 400
    assert len(load_memory_kinds()) >= 8
    assert len(load_links()) >= 40


@pytest.mark.parametrize("name", ["accelerators", "cpu_families", "cpus", "memory_kinds", "links"])
def test_every_row_has_a_source_and_a_name_of_its_own(name: str) -> None:
    rows = _rows(f"{name}.csv")
    assert [row["name"] for row in rows if not row["source"].strip()] == []
    assert [key for key, count in Counter(row["name"].casefold() for row in rows).items() if count > 1] == []


@pytest.mark.parametrize("name", ["accelerators", "cpu_families", "cpus", "memory_kinds", "links"])
def test_every_file_states_its_grammar(name: str) -> None:
    assert (DATA / f"{name}.csv").read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize(
    ("name", "bandwidth_gbs"),
    [
        ("RTX 5090", 1792),
        ("RTX 4090", 1008),
        ("RTX 3090", 936),
        ("RTX 3090 Ti", 1008),
        ("RTX 4080", 716.8),
        ("RTX 5060", 448),
        ("RTX 3050 6GB", 168),
        ("RTX PRO 6000 Blackwell Server Edition", 1597),
        ("A100 SXM4 80GB", 2039),
        ("A100 PCIe 40GB", 1555),
        ("H100 SXM5 80GB", 3350),
        ("H100 NVL", 3938),
        ("H200", 4800),
        ("B200", 8000),
        ("Tesla P40", 347.04),
        ("DGX Spark", 273.056),
        ("MI300X", 5300),
        ("MI50", 1024),
        ("RX 7900 XTX", 960),
        ("RX 9070", 640),
        ("Strix Halo", 256),
        ("Arc B580", 456),
        ("Arc A770", 560),
        ("M1 8-core", 68.25),
        ("M2 Ultra", 800),
        ("M3 Max 30-core", 300),
        ("M3 Max 40-core", 400),
        ("M3 Ultra", 819),
        ("M4 Max 32-core", 410),
        ("M4 Max 40-core", 546),
    ],
)
def test_well_known_bandwidths(name: str, bandwidth_gbs: float) -> None:
    assert find_accelerator(name).bandwidth_gbs == pytest.approx(bandwidth_gbs)


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("H100 SXM5 80GB", 989),
        ("A100 SXM4 80GB", 312),
        ("RTX 4090", 330.3),
        ("RX 7900 XTX", 122.8),
        ("RX 9070 XT", 195),
    ],
)
def test_well_known_fp16_rates(name: str, tflops: float) -> None:
    assert find_accelerator(name).fp16_tflops == pytest.approx(tflops)


def test_an_fp32_rate_in_the_fp16_column_is_marked() -> None:
    unmarked = [
        card.name
        for card in load_accelerators()
        if card.architecture in ("kepler", "maxwell", "pascal")
        and card.memory_type != "LPDDR4"
        and card.fp16_tflops
        and "FP32 rate" not in (card.note or "")
    ]
    assert unmarked == []


def test_values_are_plausible() -> None:
    for card in load_accelerators():
        assert card.architecture in ARCHITECTURES, card.name
        assert card.bandwidth_gbs > 0, card.name
        if card.architecture != "frontier":
            assert card.fp16_tflops is None or 0.4 <= card.fp16_tflops <= 3000, card.name
            assert 5 <= card.bandwidth_gbs <= 8000, card.name
        assert list(card.memory_bytes) == sorted(set(card.memory_bytes)), card.name
        assert card.memory_bytes or card.memory_type == "system", card.name
        assert card.unified or len(card.memory_bytes) >= 1, card.name
        assert all(re.fullmatch(r"[0-9A-F]{4}(:[0-9A-F]{2})?", device_id) for device_id in card.pci_ids), (
            card.name
        )
        assert card.vendor != "Apple" or card.unified, card.name


def test_every_architecture_class_has_a_card() -> None:
    assert {card.architecture for card in load_accelerators()} == ARCHITECTURES


@pytest.mark.parametrize(
    ("device_id", "names"),
    [
        ("2684", {"NVIDIA GeForce RTX 4090"}),
        ("0x2684", {"NVIDIA GeForce RTX 4090"}),
        ("e20b", {"Intel Arc B580"}),
        ("7551", {"AMD Radeon AI PRO R9700"}),
        (
            "744C",
            {
                "AMD Radeon RX 7900 XTX",
                "AMD Radeon RX 7900 XT",
                "AMD Radeon RX 7900 GRE",
                "AMD Radeon RX 7900M",
            },
        ),
        ("FFFF", set()),
    ],
)
def test_pci_ids_lead_to_their_cards(device_id: str, names: set[str]) -> None:
    assert {card.name for card in accelerators_by_pci_id(device_id)} == names


@pytest.mark.parametrize(
    ("device_id", "revision", "names"),
    [
        ("744C", "c8", {"AMD Radeon RX 7900 XTX"}),
        ("744C", "CC", {"AMD Radeon RX 7900 XT"}),
        ("15bf", "1", {"AMD Radeon 760M"}),
        ("73BF", "C3", {"AMD Radeon RX 6800"}),
        ("67DF", "C7", {"AMD Radeon RX 480", "AMD Radeon RX 480 4GB"}),
        ("2684", "a1", {"NVIDIA GeForce RTX 4090"}),
    ],
)
def test_a_revision_tells_products_of_one_device_id_apart(
    device_id: str, revision: str, names: set[str]
) -> None:
    assert {card.name for card in accelerators_by_pci_id(device_id, revision)} == names


def test_no_nvidia_device_id_is_both_a_desktop_and_a_laptop_part() -> None:
    """NVIDIA gives laptop parts ids of their own: none is taken for the desktop card of its name."""
    by_id: dict[str, set[bool]] = {}
    for card in load_accelerators():
        for device_id in card.pci_ids if card.vendor == "NVIDIA" else ():
            by_id.setdefault(device_id, set()).add(card.laptop)
    assert len(by_id) > 350
    assert [device_id for device_id, kinds in by_id.items() if len(kinds) > 1] == []


def test_every_cpu_family_pattern_compiles_and_matches_its_own_cpus() -> None:
    for family in load_cpu_families():
        re.compile(family.pattern)
        assert family.platform in PLATFORMS, family.name
        assert find_cpu_family(family.name) is family
    wrong = []
    for cpu in load_cpus():
        found = match_cpu_family(cpu.name)
        if found is None or found.name != cpu.family:
            wrong.append((cpu.name, cpu.family, found and found.name))
    assert wrong == []


def test_families_name_memory_kinds_of_the_catalog_and_rates_that_exist() -> None:
    for family in load_cpu_families():
        kinds = [memory_kind(kind) for kind in memory_types(family)]
        assert kinds[0].jedec_floor_mts <= family.max_mts <= kinds[0].rates_mts[-1] + 1, family.name
        assert family.max_mts_2dpc is None or family.max_mts_2dpc <= family.max_mts, family.name


@pytest.mark.parametrize(
    ("brand", "family", "channels"),
    [
        ("AMD Ryzen 9 7950X 16-Core Processor            ", "AMD Ryzen 7000 desktop, two CCD", 2),
        ("AMD Ryzen 7 7800X3D 8-Core Processor", "AMD Ryzen 7000 desktop, one CCD", 2),
        ("AMD Ryzen 9 9950X 16-Core Processor", "AMD Ryzen 9000 desktop, two CCD", 2),
        ("AMD Ryzen 7 2700X Eight-Core Processor", "AMD Ryzen 2000 desktop", 2),
        ("AMD Ryzen 5 3350G with Radeon Vega Graphics", "AMD Ryzen 2000G/3000G", 2),
        ("AMD Ryzen 3 5300U with Radeon Graphics", "AMD Ryzen 7030/5000 laptop (Cezanne, Barcelo)", 2),
        ("AMD Ryzen 7 PRO 7840U w/ Radeon 780M Graphics", "AMD Ryzen 7040/8040/200 (Phoenix, Hawk Point)", 2),
        ("AMD Ryzen 7 8845HS w/ Radeon 780M Graphics", "AMD Ryzen 7040/8040/200 (Phoenix, Hawk Point)", 2),
        ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", "AMD Ryzen AI 300 (Strix Point)", 2),
        ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", "AMD Ryzen AI Max (Strix Halo)", 4),
        ("AMD Ryzen Threadripper 1900X 8-Core Processor", "AMD Threadripper 1000", 4),
        ("AMD Ryzen Threadripper PRO 3945WX 12-Cores", "AMD Threadripper PRO 3000 WX", 8),
        ("AMD Ryzen Threadripper 7980X 64-Cores", "AMD Threadripper 7000", 4),
        ("AMD Ryzen Threadripper PRO 7985WX 64-Cores", "AMD Threadripper PRO 7000 WX", 8),
        ("AMD EPYC 7401P 24-Core Processor", "AMD EPYC 7001 (Naples)", 8),
        ("AMD EPYC 7282 16-Core Processor", "AMD EPYC 7002, two CCD", 8),
        ("AMD EPYC 7543 32-Core Processor", "AMD EPYC 7003 (Milan)", 8),
        ("AMD EPYC 9654 96-Core Processor", "AMD EPYC 9004 (Genoa, Bergamo)", 12),
        ("AMD FX(tm)-8350 Eight-Core Processor", "AMD FX (AM3+)", 2),
        ("AMD Phenom(tm) II X3 720 Processor", "AMD Phenom II, Athlon II", 2),
        ("AMD Custom APU 0405", "AMD Steam Deck APU", 2),
        ("12th Gen Intel(R) Core(TM) i3-1220P", "Intel Core 12th gen laptop", 2),
        ("13th Gen Intel(R) Core(TM) i7-1365U", "Intel Core 13th gen laptop", 2),
        ("Intel(R) Core(TM) i7-14700", "Intel Core 13th/14th gen desktop, DDR5-5600", 2),
        ("Intel(R) Core(TM) i7-3770K CPU @ 3.50GHz", "Intel Core 3rd gen (Ivy Bridge)", 2),
        ("Intel(R) Core(TM) i7-5960X CPU @ 3.00GHz", "Intel Core i7 5800/5900 (Haswell-E)", 4),
        ("Intel(R) Core(TM) i7 CPU         950  @ 3.07GHz", "Intel Core i7 900 (X58)", 3),
        ("Intel(R) Core(TM) i7-10510U CPU @ 1.80GHz", "Intel Core 10th gen laptop (Comet Lake)", 2),
        ("Intel(R) Core(TM) i7-1065G7 CPU @ 1.30GHz", "Intel Core 10th gen G (Ice Lake)", 2),
        ("Intel(R) Core(TM) i9-10900K CPU @ 3.70GHz", "Intel Core 10th gen desktop i7/i9 (Comet Lake)", 2),
        ("Intel(R) Core(TM) i9-10980XE CPU @ 3.00GHz", "Intel Core X (Cascade Lake-X)", 4),
        ("Intel(R) Core(TM) Ultra 5 125U", "Intel Core Ultra 100 (Meteor Lake)", 2),
        ("Intel(R) Core(TM) Ultra 7 256V", "Intel Core Ultra 200V (Lunar Lake)", 2),
        ("Intel(R) Core(TM) Ultra 7 265K", "Intel Core Ultra 200S (Arrow Lake)", 2),
        ("Intel(R) N100", "Intel N-series (Alder Lake-N, Twin Lake)", 1),
        ("Intel(R) Xeon(R) CPU E5-2620 v2 @ 2.10GHz", "Intel Xeon E5 v2 (Ivy Bridge), 1600 MT/s", 4),
        ("Intel(R) Xeon(R) CPU E5-2699 v3 @ 2.30GHz", "Intel Xeon E5 v3 (Haswell)", 4),
        ("Intel(R) Xeon(R) CPU E5-4669 v4 @ 2.20GHz", "Intel Xeon E5 v4 (Broadwell)", 4),
        ("Intel(R) Xeon(R) Platinum 8173M CPU @ 2.00GHz", "Intel Xeon Scalable 1st gen (Skylake)", 6),
        ("Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", "Intel Xeon Scalable 2nd gen (Cascade Lake)", 6),
        ("Intel(R) Xeon(R) Platinum 8468H", "Intel Xeon Scalable 4th gen (Sapphire Rapids)", 8),
        ("INTEL(R) XEON(R) GOLD 6530", "Intel Xeon Scalable 5th gen (Emerald Rapids)", 8),
        ("Intel(R) Xeon(R) 6980P", "Intel Xeon 6 6900P (Granite Rapids)", 12),
        ("Intel(R) Xeon(R) W-3275M CPU @ 2.50GHz", "Intel Xeon W-3200", 6),
        ("Intel(R) Xeon(R) w7-2495X", "Intel Xeon w-2400/2500", 4),
        ("Intel(R) Xeon(R) w9-3495X", "Intel Xeon w-3400/3500", 8),
        ("Apple M3 Max", "Apple M3 Max", 8),
        ("Apple M4", "Apple M4", 2),
        ("Ampere(R) Altra(R) Processor", "Ampere Altra", 8),
        ("Snapdragon(R) X Elite - X1E78100 - Qualcomm(R) Oryon(TM) CPU", "Qualcomm Snapdragon X", 2),
        ("Raspberry Pi 5 Model B Rev 1.0", "Raspberry Pi 5 (BCM2712)", 1),
    ],
)
def test_brand_strings_find_their_family(brand: str, family: str, channels: int) -> None:
    found = match_cpu_family(brand)
    assert found is not None
    assert (found.name, found.channels) == (family, channels)


@pytest.mark.parametrize(
    "brand", ["AMD EPYC", "Intel(R) Core(TM) i7 CPU", "ARMv7 Processor rev 4 (v7l)", "VirtualApple", ""]
)
def test_a_brand_that_says_nothing_finds_no_family(brand: str) -> None:
    assert match_cpu_family(brand) is None


@pytest.mark.parametrize(
    ("brand", "channels", "one_dimm", "two_dimms"),
    [
        ("AMD Ryzen 9 9950X", 2, 5600, 3600),
        ("AMD Ryzen 5 7600", 2, 5200, 3600),
        ("AMD Ryzen 7 5800X3D", 2, 3200, 2667),
        ("AMD Ryzen 7 2700X", 2, 2933, 1866),
        ("AMD Ryzen 5 2600E", 2, 2667, 1866),
        ("13th Gen Intel(R) Core(TM) i9-13900K", 2, 5600, 4000),
        ("13th Gen Intel(R) Core(TM) i5-13400F", 2, 4800, 4000),
        ("12th Gen Intel(R) Core(TM) i7-12700K", 2, 4800, 4000),
        ("Intel(R) Core(TM) Ultra 9 285K", 2, 6400, 4400),
        ("AMD EPYC 9654", 12, 4800, 4000),
        ("AMD EPYC 7251", 8, 2400, 2133),
        ("AMD EPYC 7742", 8, 3200, 2933),
        ("INTEL(R) XEON(R) PLATINUM 8592+", 8, 5600, 4400),
        ("INTEL(R) XEON(R) 6990E+", 12, 8000, None),
        ("AMD Opteron(tm) Processor 6276", 4, 1600, None),
        ("AMD Opteron(tm) Processor 6380", 4, 1866, None),
        ("Intel(R) Core(TM)2 Quad CPU Q8400 @ 2.66GHz", 2, 1333, None),
        ("Intel(R) Core(TM)2 Quad CPU Q6600 @ 2.40GHz", 2, 1066, None),
        ("Intel(R) Xeon(R) Platinum 8480+", 8, 4800, 4400),
        ("Intel(R) Xeon(R) Gold 5218R", 6, 2667, 2666),
        ("Intel(R) Xeon(R) Silver 4210R", 6, 2400, 2400),
        ("Intel(R) Xeon(R) Platinum 9282", 12, 2933, None),
        ("Intel(R) Xeon(R) E5-2620 v4", 4, 2133, None),
        ("Intel(R) Xeon(R) E5-2699R v4", 4, 2400, None),
        ("Intel(R) Xeon(R) E7-8890 v2", 4, 1600, None),
        ("Intel(R) Xeon(R) W3690", 3, 1333, None),
        ("Intel(R) Xeon(R) D-2799", 4, 3200, None),
        ("Intel(R) Core(TM) i5-750", 2, 1333, None),
        ("Intel(R) Core(TM) i7-3820QM", 2, 1600, None),
        ("Intel(R) Pentium(R) Gold G7400", 2, 4800, None),
        ("AMD Athlon Gold 3150U", 2, 2400, None),
        ("7th Gen A6-9225 APU", 1, 2133, None),
    ],
)
def test_slower_parts_and_small_brands_have_their_own_rates(
    brand: str, channels: int, one_dimm: int, two_dimms: int | None
) -> None:
    family = match_cpu_family(brand)
    assert family is not None
    assert (family.channels, family.max_mts, family.max_mts_2dpc) == (channels, one_dimm, two_dimms)


def test_a_front_side_bus_limits_what_its_cpu_reads() -> None:
    family = match_cpu_family("Intel(R) Core(TM)2 Quad CPU Q8400 @ 2.66GHz")
    assert family is not None
    assert family.max_bandwidth_gbs == pytest.approx(8 * 1.333, rel=0.001)


@pytest.mark.parametrize(
    "file_name", ["accelerators.csv", "cpu_families.csv", "cpus.csv", "links.csv", "memory_kinds.csv"]
)
def test_every_hardware_fact_names_a_source_that_was_read(file_name: str) -> None:
    path = Path(hardware.__file__).parent / "data" / file_name
    assert "recall" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("brand", "ccd_gbs", "core_gbs"),
    [
        ("AMD Ryzen 7 7800X3D", 64, None),
        ("AMD Ryzen 9 5950X", 51.2, None),
        ("AMD Ryzen Threadripper PRO 7995WX", 57.6, None),
        ("AMD EPYC 9554", 57.6, 31),
        ("Apple M1 Max", None, 102),
        ("Intel Core i9-13900K", None, None),
    ],
)
def test_chiplets_and_cores_read_no_more_than_published(
    brand: str, ccd_gbs: float | None, core_gbs: float | None
) -> None:
    family = match_cpu_family(brand)
    assert family is not None
    assert (family.max_ccd_gbs, family.max_core_gbs) == (ccd_gbs, core_gbs)


def test_limits_of_parts_are_below_those_of_the_whole() -> None:
    for family in load_cpu_families():
        memory_gbs = family.channels * family.max_mts * 8 / 1000
        whole = min(family.max_bandwidth_gbs or memory_gbs, memory_gbs * 1.001)
        for part in (family.max_core_gbs, family.max_ccd_gbs):
            # A chiplet of a desktop Ryzen may outrun the memory of its own family's slow modules.
            assert part is None or 0 < part <= max(whole, 51.2), family.name
        assert family.max_bandwidth_gbs is None or family.max_bandwidth_gbs <= memory_gbs, family.name


def test_every_cpu_has_the_instruction_sets_of_its_family() -> None:
    families = {family.name: family for family in load_cpu_families()}
    short = [cpu.name for cpu in load_cpus() if not set(families[cpu.family].isa) <= set(cpu.isa)]
    assert short == []
    known = {name for cpu in load_cpus() for name in cpu.isa}
    assert {name for family in families.values() for name in family.isa} <= known


def test_a_brand_of_one_maker_never_finds_another_makers_family() -> None:
    for cpu in load_cpus():
        for maker in ("AMD", "Intel", "Apple"):
            if cpu.name.startswith(f"{maker} "):
                found = match_cpu_family(cpu.name)
                assert (found.vendor if found else None) == maker, cpu.name


def test_a_chips_gpu_and_cpu_have_the_same_memory() -> None:
    joined = 0
    for card in load_accelerators():
        cpu = cpu_of_accelerator(card.name)
        if cpu is None or not card.unified or card.memory_type == "system" or not card.bus_bits:
            continue
        family = find_cpu_family(cpu.family)
        joined += 1
        # Smaller bins of a chip drive fewer channels than the family has.
        assert card.bus_bits <= max(family.channels * 64, 64), card.name
        assert card.memory_type in memory_types(family), card.name
    assert joined >= 40


def test_all_apple_and_strix_halo_gpus_bring_their_cpu() -> None:
    missing = [
        card.name
        for card in load_accelerators()
        if (card.vendor == "Apple" or "Ryzen AI Max" in card.name) and cpu_of_accelerator(card.name) is None
    ]
    assert missing == []


def test_memory_kinds_are_found_however_they_are_written() -> None:
    assert memory_kind("ddr5") is memory_kind("DDR5")
    assert memory_kind("LPDDR5X").name == "LPDDR5X"
    with pytest.raises(LookupFailedError, match="nearest names"):
        memory_kind("DDR9")


@pytest.mark.parametrize(
    ("generation", "lanes", "gbs"),
    [(1.0, 16, 4.0), (3.0, 16, 15.754), (4.0, 16, 31.508), (5.0, 16, 63.015), (6.0, 4, 30.25)],
)
def test_pcie_bandwidth_follows_the_specification(generation: float, lanes: int, gbs: float) -> None:
    assert pcie_bandwidth_gbs(generation, lanes) == pytest.approx(gbs, rel=1e-3)


def test_the_links_table_and_the_pcie_formula_agree() -> None:
    for link in load_links():
        found = re.fullmatch(r"PCIe (\d\.\d) x(\d+)", link.name)
        if found:
            assert link.bandwidth_gbs == pytest.approx(
                pcie_bandwidth_gbs(float(found[1]), int(found[2])), rel=1e-3
            )
    assert find_link("pcie 4.0 x8").name == "PCIe 4.0 x8"


def test_a_link_carries_no_more_than_its_rate() -> None:
    for link in load_links():
        if link.usable_gbs is not None:
            assert 0.5 * link.bandwidth_gbs < link.usable_gbs < link.bandwidth_gbs, link.name
        assert link.latency_us is None or 0 < link.latency_us < 100, link.name


@pytest.mark.parametrize(
    "family",
    [
        *(f"PCIe {generation}.0 x16" for generation in range(1, 7)),
        *("NVLink 1", "NVLink 2 (V100)", "NVLink 3 (A100)", "NVLink 4 (H100", "NVLink 5", "NVLink-C2C (GB10"),
        *("Infinity Fabric (MI300X", "Thunderbolt 3", "Thunderbolt 4", "Thunderbolt 5", "USB4 40", "USB4 80"),
        *("OCuLink", "InfiniBand EDR", "InfiniBand HDR", "InfiniBand NDR"),
        *(f"Ethernet {rate} Gb/s" for rate in (1, 2.5, 5, 10, 25, 40, 100)),
    ],
)
def test_links_of_every_generation_are_there(family: str) -> None:
    assert any(link.name.startswith(family) for link in load_links())


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("pcie5 x16", "PCIe 5.0 x16"),
        ("pcie gen4 x4", "PCIe 4.0 x4"),
        ("10gbe", "Ethernet 10 Gb/s"),
        ("2.5 GbE", "Ethernet 2.5 Gb/s"),
        ("thunderbolt 4", "Thunderbolt 4 (PCIe)"),
        ("TB5", "Thunderbolt 5 (PCIe)"),
        ("oculink", "OCuLink (PCIe 4.0 x4)"),
        ("nvlink 3090", "NVLink 3 bridge (RTX 3090, RTX A4500 to A6000, A40)"),
        ("infiniband hdr", "InfiniBand HDR (200 Gb/s)"),
    ],
)
def test_links_are_found_by_short_names(spelling: str, name: str) -> None:
    assert find_link(spelling).name == name


def test_a_link_between_gpus_is_half_of_what_the_cards_row_states() -> None:
    for card, link in (
        ("RTX 3090", "NVLink 3 bridge (RTX 3090, RTX A4500 to A6000, A40)"),
        ("A100 SXM4 80GB", "NVLink 3 (A100)"),
        ("H100 SXM5 80GB", "NVLink 4 (H100, H200)"),
        ("B200", "NVLink 5 (B200, B300)"),
        ("MI60", "Infinity Fabric Link (MI50, MI60)"),
        ("MI300X", "Infinity Fabric (MI300X, MI325X)"),
    ):
        both = find_accelerator(card).nvlink_gbs
        assert both is not None
        assert find_link(link).bandwidth_gbs == pytest.approx(both / 2, rel=0.01)


def test_an_impossible_pcie_link_is_refused() -> None:
    with pytest.raises(LookupFailedError):
        pcie_bandwidth_gbs(9, 16)
    with pytest.raises(LookupFailedError):
        pcie_bandwidth_gbs(4, 0)


@given(st.integers(1, 6), st.integers(1, 31))
def test_more_lanes_and_later_generations_are_never_slower(generation: int, lanes: int) -> None:
    assert pcie_bandwidth_gbs(generation, lanes) < pcie_bandwidth_gbs(generation, lanes + 1)
    if generation < 6:
        assert pcie_bandwidth_gbs(generation, lanes) < pcie_bandwidth_gbs(generation + 1, lanes)


@given(st.integers(100, 40_000), st.sampled_from([64, 128, 256, 384, 512, 4096]))
def test_a_published_bandwidth_gives_back_its_data_rate(rate: int, bus_bits: int) -> None:
    rate = rate // 10 * 10
    found = build.data_rate_mtps(bus_bits * rate / 8000, bus_bits)
    assert found == pytest.approx(rate, rel=0.0031)


def test_a_broken_table_is_named_with_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_DATA", tmp_path)
    (tmp_path / "links.csv").write_text(
        "# x\nname,bandwidth_gbs,usable_gbs,latency_us,source\na,1,,,b\na,1\n", encoding="utf-8"
    )
    with pytest.raises(CatalogError, match=r"links\.csv, row 2: 2 fields instead of 5"):
        list(hardware._rows("links.csv"))
    with pytest.raises(CatalogError, match="cannot be read"):
        list(hardware._rows("cpus.csv"))
    (tmp_path / "cpus.csv").write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(CatalogError, match="is empty"):
        list(hardware._rows("cpus.csv"))


def test_a_manual_line_with_an_unknown_key_names_its_line() -> None:
    with pytest.raises(ValueError, match=r":2: unknown key 'colour'"):
        list(build.manual_rows("# remark\nCard | colour=red\n"))


def test_the_hardware_catalog_imports_no_heavy_module() -> None:
    heavy = ("numpy", "difflib", "textual", "subprocess")
    code = f"import sys, catalog.hardware; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_passing_over_other_makers_changes_no_match() -> None:
    patterns = [(re.compile(family.pattern, re.IGNORECASE), family) for family in load_cpu_families()]
    for cpu in load_cpus():
        first = next(family for pattern, family in patterns if pattern.search(cpu.name))
        assert match_cpu_family(cpu.name) is first, cpu.name


@pytest.mark.parametrize(
    ("brand", "gib"),
    [
        ("AMD Ryzen 9 9950X", 256),
        ("Intel Core i7-4770K", 32),
        ("Intel Xeon E5-2680 v4", 1536),
        ("Intel Core i5-8250U", None),  # sold for 32 GB, known to work with 64
    ],
)
def test_the_most_memory_that_a_family_takes(brand: str, gib: int | None) -> None:
    family = match_cpu_family(brand)
    assert family is not None
    assert family.max_memory_bytes == (None if gib is None else gib * 1024**3)


def test_soldered_families_state_no_module_limit_and_limits_are_whole_channels() -> None:
    for family in load_cpu_families():
        if family.max_memory_bytes is not None:
            assert family.slots_per_channel != 0, family.name
            assert family.max_memory_bytes >= 8 * 1024**3 * family.channels, family.name


@pytest.mark.parametrize(("query", "near"), [("RTX 9999", "RTX"), ("GTX 4321", "GTX"), ("RX 9999 XT", "RX")])
def test_a_number_that_no_card_has_is_answered_with_the_nearest_of_its_series(query: str, near: str) -> None:
    with pytest.raises(LookupFailedError) as raised:
        find_accelerator(query)
    assert raised.value.candidates
    assert all(f" {near} " in f" {name} " for name in raised.value.candidates)
