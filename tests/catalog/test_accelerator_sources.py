"""Bandwidths against the known errors of the raw table and the vendors' exceptions; the frontier chips."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from catalog import hardware
from catalog.build import accelerators as build
from catalog.hardware import find_accelerator, load_accelerators
from catalog.types import LookupFailedError

DATA = Path(hardware.__file__).parent / "data"

FLAGGED = """
AMD Radeon Instinct MI50 = 1020 = AMD Instinct MI50 = 1024
AMD Radeon Instinct MI60 = 1020 = AMD Instinct MI60 = 1024
NVIDIA Tesla V100 SXM2 16 GB = 1130 = NVIDIA Tesla V100 SXM2 16GB = 898.048
NVIDIA Tesla V100S PCIe 32 GB = 1130 = NVIDIA Tesla V100S PCIe 32GB = 1133.57
AMD Radeon VII = 1020 = AMD Radeon VII = 1024
NVIDIA A100 PCIe 40 GB = 1560 = NVIDIA A100 PCIe 40GB = 1555
NVIDIA A100 SXM4 40 GB = 1560 = NVIDIA A100 SXM4 40GB = 1555
NVIDIA A100 SXM4 80 GB = 2040 = NVIDIA A100 SXM4 80GB = 2039
AMD Radeon Instinct MI100 = 1230 = AMD Instinct MI100 = 1228.8
AMD Radeon Pro VII = 1020 = AMD Radeon Pro VII = 1024
NVIDIA A100 PCIe 80 GB = 1940 = NVIDIA A100 PCIe 80GB = 1935
NVIDIA A100X = 2040 = NVIDIA A100X = 2039
NVIDIA A30X = 1220 = NVIDIA A30X = 1223
NVIDIA CMP 170HX 10 GB = 1560 = NVIDIA CMP 170HX 10GB = 1555
NVIDIA CMP 170HX 8 GB = 1490 = NVIDIA CMP 170HX 8GB = 1493
AMD Radeon Instinct MI210 = 1640 = AMD Instinct MI210 = 1638.4
AMD Radeon Instinct MI250 = 3280 = AMD Instinct MI250 = 3276.8
AMD Radeon Instinct MI250X = 3280 = AMD Instinct MI250X = 3276.8
NVIDIA A800 PCIe 40 GB = 1560 = NVIDIA A800 PCIe 40GB = 1555
NVIDIA A800 PCIe 80 GB = 1940 = NVIDIA A800 PCIe 80GB = 1935
NVIDIA A800 SXM4 80 GB = 2040 = NVIDIA A800 SXM4 80GB = 2039
NVIDIA GeForce RTX 3050 4 GB = 192 = NVIDIA GeForce RTX 3050 4GB = 192
NVIDIA GeForce RTX 3060 8 GB = 240 = NVIDIA GeForce RTX 3060 8GB = 240
NVIDIA GeForce RTX 3080 12 GB = 912.4 = NVIDIA GeForce RTX 3080 12GB = 912
NVIDIA GeForce RTX 3090 Ti = 1010 = NVIDIA GeForce RTX 3090 Ti = 1008
NVIDIA GeForce RTX 4090 = 1010 = NVIDIA GeForce RTX 4090 = 1008
NVIDIA H100 PCIe 80 GB = 2040 = NVIDIA H100 PCIe 80GB = 2039
NVIDIA H100 SXM5 80 GB = 3360 = NVIDIA H100 SXM5 80GB = 3350
AMD Radeon RX 6650 XT = 280.3 = AMD Radeon RX 6650 XT = 280
NVIDIA GeForce RTX 4090 D = 1010 = NVIDIA GeForce RTX 4090 D = 1008
NVIDIA H100 NVL 94 GB = 3940 = NVIDIA H100 NVL = 3938
NVIDIA H800 PCIe 80 GB = 2040 = NVIDIA H800 PCIe 80GB = 2039
NVIDIA H800 SXM5 = 3360 = NVIDIA H800 SXM5 = 3350
NVIDIA Jetson Orin Nano 8 GB = 68.22 = NVIDIA Jetson Orin Nano 8GB = 68.256
AMD Radeon Instinct MI300A = 10300 = AMD Instinct MI300A = 5300
AMD Radeon Instinct MI300X = 10300 = AMD Instinct MI300X = 5300
AMD Radeon Instinct MI308X = 10300 = AMD Instinct MI308X = 5300
Intel Data Center GPU Max 1100 = 1230 = Intel Data Center GPU Max 1100 = 1228.8
Intel Data Center GPU Max 1550 = 3280 = Intel Data Center GPU Max 1550 = 3276.8
NVIDIA B200 = 4100 = NVIDIA B200 = 8000
NVIDIA GeForce RTX 3050 6 GB = 168 = NVIDIA GeForce RTX 3050 6GB = 168
NVIDIA H200 NVL = 4890 = NVIDIA H200 NVL = 4800
NVIDIA H200 SXM 141 GB = 4890 = NVIDIA H200 SXM 141GB = 4800
AMD Radeon Instinct MI325X = 10300 = AMD Instinct MI325X = 6000
NVIDIA B300 = 4100 = NVIDIA B300 SXM 288GB = 8000
NVIDIA GeForce RTX 5060 = 448 = NVIDIA GeForce RTX 5060 = 448
NVIDIA GeForce RTX 5090 = 1790 = NVIDIA GeForce RTX 5090 = 1792
NVIDIA GeForce RTX 5090 D = 1790 = NVIDIA GeForce RTX 5090 D = 1792
NVIDIA GeForce RTX 5090 D V2 = 1340 = NVIDIA GeForce RTX 5090 D V2 = 1344
NVIDIA RTX 6000D = 1570 = NVIDIA RTX 6000D = 1568
NVIDIA RTX PRO 5000 72 GB Blackwell = 1340 = NVIDIA RTX PRO 5000 Blackwell 72GB = 1344
NVIDIA RTX PRO 5000 Blackwell = 1340 = NVIDIA RTX PRO 5000 Blackwell = 1344
NVIDIA RTX PRO 6000 Blackwell = 1790 = NVIDIA RTX PRO 6000 Blackwell = 1792
NVIDIA RTX PRO 6000 Blackwell Max-Q = 1790 = NVIDIA RTX PRO 6000 Blackwell Max-Q = 1792
NVIDIA RTX PRO 6000 Blackwell Server = 1790 = NVIDIA RTX PRO 6000 Blackwell Server Edition = 1597
AMD Radeon Instinct MI350X = 8190 = AMD Instinct MI350X = 8000
AMD Radeon Instinct MI355X = 8190 = AMD Instinct MI355X = 8000
AMD Radeon RX 9070 = 644.6 = AMD Radeon RX 9070 = 640
Apple M3 Max (30-core GPU) = 300 = Apple M3 Max 30-core GPU = 300
Apple M3 Ultra (60/80-core GPU) = 819 = Apple M3 Ultra 80-core GPU = 819
Apple M4 Max (32-core GPU) = 410 = Apple M4 Max 32-core GPU = 410
"""
"""Every row of the raw table that carries a flag: its name, its GB/s, the product here, the vendor's GB/s.

Flags: three digits only from 1 TB/s up; a doubled MI300 family; one die of B200 and B300; a mismatch with
another list (RTX 5060, RX 9070, RTX 3050/3060/3080 variants, RX 6650 XT: bus x rate decides).
"""

NO_PRODUCT = {
    "NVIDIA GeForce RTX 3080 Ti 20GB": "never released",
    "NVIDIA H100 CNX": "a network card with an H100 PCIe",
    "NVIDIA H100 PCIe 96GB": "never sold",
    "NVIDIA H100 SXM5 64GB": "made for one supercomputer",
    "NVIDIA H100 SXM5 94GB": "never sold",
    "NVIDIA H100 SXM5 96GB": "the Hopper half of GH200, listed as that",
    "AMD Instinct MI200": "announced name of the MI250",
    "AMD Instinct MI300": "announced name of the MI300A",
    "Intel Data Center GPU Max 1350": "cancelled",
    "Intel Data Center GPU Max Subsystem": "a tray of four Max 1550",
    "NVIDIA RTX PRO 6000D Blackwell Max-Q": "never sold",
}
"""Flagged rows that are left out, with the reason."""

WITHOUT_VENDOR_PAGE = {"NVIDIA GeForce RTX 3050 4GB"}
"""Sold to system builders only: no page of the vendor to cite."""


def _flagged() -> list[tuple[str, float, str, float]]:
    rows = [line.split(" = ") for line in FLAGGED.strip().splitlines()]
    return [(raw, float(raw_gbs), name, float(gbs)) for raw, raw_gbs, name, gbs in rows]


def _rows() -> list[dict[str, str]]:
    lines = (DATA / "accelerators.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if line[0] != "#"))


@pytest.mark.parametrize(("name", "gbs"), [row[2:] for row in _flagged()])
def test_a_flagged_row_has_the_vendors_bandwidth(name: str, gbs: float) -> None:
    card = find_accelerator(name)
    assert card.bandwidth_gbs == pytest.approx(gbs, rel=1e-5)
    cited = re.search(rf"{card.vendor} .*(product|data sheet|specification|CMP)", card.source)
    assert cited or name in WITHOUT_VENDOR_PAGE


def test_a_raw_value_of_three_digits_is_never_kept() -> None:
    """Beyond 1 TB/s the raw table has three digits; ours is bus x rate, or the vendor's four digits."""
    kept = [name for _, raw, name, gbs in _flagged() if raw >= 1000 and raw == gbs]
    assert kept == []


@pytest.mark.parametrize("name", NO_PRODUCT)
def test_a_flagged_row_without_a_product_is_left_out(name: str) -> None:
    assert name not in {card.name for card in load_accelerators()}
    try:
        found = find_accelerator(name).name
    except LookupFailedError:
        return
    assert found != name


APPLE_ROUNDS = {
    # What Apple states, and bus bits x MT/s of the memory that teardowns find.
    "Apple M1 Pro": (200, 256, 6400),
    "Apple M1 Max": (400, 512, 6400),
    "Apple M1 Ultra": (800, 1024, 6400),
    "Apple M2": (100, 128, 6400),
    "Apple M2 Pro": (200, 256, 6400),
    "Apple M2 Max": (400, 512, 6400),
    "Apple M2 Ultra": (800, 1024, 6400),
    "Apple M3": (100, 128, 6400),
    "Apple M3 Pro": (150, 192, 6400),
    "Apple M3 Max 30": (300, 384, 6400),
    "Apple M3 Max 40": (400, 512, 6400),
    "Apple M4 Max 32": (410, 384, 8533),
    "Apple M5 Max 32": (460, 384, 9600),
}
"""Apple's technical specifications are rounded: the only bandwidths that bus x rate misses by over 0.1 %."""


def test_bus_width_times_data_rate_is_the_bandwidth() -> None:
    off = {}
    for row in _rows():
        if row["bus_bits"]:
            stated, bus, rate = float(row["bandwidth_gbs"]), int(row["bus_bits"]), int(row["rate_mtps"])
            if abs(bus * rate / 8000 / stated - 1) > 0.001:
                off[row["name"]] = (stated, bus, rate)
    excused = {
        name: value
        for name, value in off.items()
        if APPLE_ROUNDS.get(re.sub(r"( \d+)-core GPU$", r"\1", name)) == value
        or APPLE_ROUNDS.get(re.sub(r" \d+-core GPU$", "", name)) == value
    }
    assert set(off) - set(excused) == set()
    assert all(1.002 > stated / (bus * rate / 8000) > 0.97 for stated, bus, rate in off.values())
    sources = {row["name"]: row["source"] for row in _rows()}
    assert all("Apple technical specifications" in sources[name] for name in off)


def test_only_chips_that_nobody_has_at_home_lack_a_bus() -> None:
    assert {row["architecture"] for row in _rows() if not row["bus_bits"]} == {"frontier"}


FRONTIER = {
    "xPU-HBM3": (4_000, 96, 2250),
    "xPU-HBM4": (18_000, 192, 2250),
    "xPU-3D-DRAM": (30_000, 36, 2250),
    "xPU-SRAM": (117_000, 0.5, 1130),
    "xPU-COWS": (2_250_000, 11, 28130),
}


@pytest.mark.parametrize("name", FRONTIER)
def test_the_chips_of_the_limit_study_are_there(name: str) -> None:
    card = find_accelerator(name)
    assert card.name == name
    assert card.architecture == "frontier"
    assert (card.bandwidth_gbs, card.memory_bytes[0] / 2**30, card.fp8_tflops) == FRONTIER[name]
    assert "2507.14397" in card.source


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("xpu hbm4", "xPU-HBM4"),
        ("XPU_HBM3", "xPU-HBM3"),
        ("xpu 3d dram", "xPU-3D-DRAM"),
        ("xpu sram", "xPU-SRAM"),
        ("cows", "xPU-COWS"),
        ("frontier wafer", "xPU-COWS"),
        ("liminal hbm4", "xPU-HBM4"),
        ("mi455x", "AMD Instinct MI455X"),
        ("rubin", "NVIDIA Rubin"),
        ("wse-3", "Cerebras WSE-3"),
        ("ironwood", "Google TPU7x (Ironwood)"),
        ("trillium", "Google TPU v6e (Trillium)"),
        ("tpu v5e", "Google TPU v5e"),
    ],
)
def test_frontier_chips_are_found_by_short_names(spelling: str, name: str) -> None:
    assert find_accelerator(spelling).name == name


MATRIX_UNITS = {
    # Streaming multiprocessors, FP16 operations of each per clock with FP16 accumulation, boost clock in GHz.
    "NVIDIA TITAN V CEO Edition": (80, 1024, 1.455),
    "NVIDIA GeForce RTX 2080 Ti": (68, 1024, 1.545),
    "NVIDIA Quadro RTX 8000": (72, 1024, 1.770),
    "NVIDIA GeForce RTX 3090": (82, 1024, 1.695),
    "NVIDIA RTX A6000": (84, 1024, 1.800),
    "NVIDIA RTX A500": (16, 1024, 1.770),
    "NVIDIA GeForce RTX 3080 Laptop GPU": (48, 1024, 1.710),
    "NVIDIA GeForce RTX 3080 Ti Laptop GPU": (58, 1024, 1.590),
    "NVIDIA A100 SXM4 80GB": (108, 2048, 1.410),
    "NVIDIA GeForce RTX 4090": (128, 1024, 2.520),
    "NVIDIA RTX 6000 Ada Generation": (142, 1024, 2.505),
    "NVIDIA L40S": (142, 1024, 2.520),
    "NVIDIA GeForce RTX 5090": (170, 1024, 2.407),
    "NVIDIA RTX PRO 6000 Blackwell": (188, 1024, 2.617),
}
"""Units and clocks of NVIDIA's architecture papers: one definition of the rate for all its cards."""


@pytest.mark.parametrize("name", MATRIX_UNITS)
def test_the_fp16_rate_is_that_of_the_matrix_units_accumulating_in_fp16(name: str) -> None:
    units, operations, gigahertz = MATRIX_UNITS[name]
    rate = find_accelerator(name).fp16_tflops
    assert rate == pytest.approx(units * operations * gigahertz / 1000, rel=0.02)


PUBLISHED_AI_TOPS = {
    # NVIDIA's figure at the highest power; how many of its sparse operations make a dense FP16 one.
    "NVIDIA GeForce RTX 4060 Laptop GPU": (233, 4),
    "NVIDIA GeForce RTX 4070 Laptop GPU": (321, 4),
    "NVIDIA GeForce RTX 4080 Laptop GPU": (542, 4),
    "NVIDIA GeForce RTX 4090 Laptop GPU": (686, 4),
    "NVIDIA GeForce RTX 5070 Laptop GPU": (798, 8),
    "NVIDIA GeForce RTX 5070 Ti Laptop GPU": (992, 8),
    "NVIDIA GeForce RTX 5080 Laptop GPU": (1334, 8),
    "NVIDIA GeForce RTX 5090 Laptop GPU": (1824, 8),
    "NVIDIA GeForce RTX 5090": (3352, 8),
    "NVIDIA GeForce RTX 4090": (1321, 4),
}


@pytest.mark.parametrize("name", PUBLISHED_AI_TOPS)
def test_laptop_and_desktop_cards_follow_the_same_published_figure(name: str) -> None:
    tops, ratio = PUBLISHED_AI_TOPS[name]
    assert find_accelerator(name).fp16_tflops == pytest.approx(tops / ratio, rel=0.005)


RATE_UNPUBLISHED = {
    *("AMD BC-250", "AMD Instinct MI308X", "NVIDIA RTX PRO 500 Blackwell Laptop GPU", "Intel Arc B370"),
    *("AMD Instinct MI430X", "AMD Instinct MI455X", "NVIDIA Rubin"),
}


def test_only_named_cards_lack_an_fp16_rate() -> None:
    """Mining cards have theirs fused off in part; of the others nobody has published one."""
    without = {
        row["name"]
        for row in _rows()
        if row["vendor"] in ("NVIDIA", "AMD", "Intel", "Apple")
        and not row["fp16_tflops"]
        and not row["name"].startswith("NVIDIA CMP")
    }
    assert without == RATE_UNPUBLISHED


def test_a_manual_line_states_its_own_source() -> None:
    lines = "@source page A\nCard | vendor=X | bus=64\nOther | vendor=X | source=page B\n"
    assert [(name, row["source"]) for name, row in build.manual_rows(lines)] == [
        ("Card", "page A"),
        ("Other", "page B"),
    ]
