"""Which product a reading is: PCI id, revision, name, memory and clock together; never faster than it may be.

The readings are what ``nvidia-smi`` prints of such cards (name, MiB, maximum memory clock, device id); the
bandwidths are the vendors' published ones.
"""

from __future__ import annotations

import pytest

from probes.gpu import GpuReading, accelerator_from_reading
from probes.nvidia_text import gpus_from_query_csv
from probes.types import PcieLink

GIB = 1024**3
MIB = 1024**2


def smi(name: str, mib: int, mhz: object, device: str) -> str:
    header = "name, memory.total [MiB], clocks.max.memory [MHz], pci.device_id"
    return f"{header}\n{name}, {mib} MiB, {mhz} MHz, 0x{device}10DE\n"


@pytest.mark.parametrize(
    ("name", "mib", "mhz", "device", "gbs"),
    [
        # laptop parts that carry the desktop card's name: only the PCI id tells
        ("NVIDIA GeForce RTX 2060", 6144, "N/A", "1F11", 336),
        ("GeForce GTX 1650", 4096, "N/A", "1F91", 112),
        ("Quadro P2000", 4096, 3003, "1CBA", 96),
        ("Quadro RTX 5000 with Max-Q Design", 16384, 6001, "1EB5", 384),
        ("NVIDIA GeForce RTX 2080 Super with Max-Q Design", 8192, 5501, "1E93", 352),
        ("NVIDIA GeForce RTX 3080 Laptop GPU", 16384, 7001, "24DC", 448),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 16376, 9001, "2717", 576),
        ("NVIDIA GeForce RTX 5090 Laptop GPU", 24463, 14001, "2C18", 896),
        ("NVIDIA RTX PRO 3000 Blackwell Generation Laptop GPU", 12227, 14001, "2F38", 672),
        # one name, several memories
        ("NVIDIA GeForce GTX 1650", 4096, 6001, "1F82", 192),
        ("NVIDIA GeForce GTX 1650", 4096, 4001, "1F82", 128),
        ("NVIDIA GeForce RTX 3060", 8192, 7501, "2487", 240),
        ("NVIDIA GeForce RTX 4070", 12282, 10001, "2786", 480),
        ("NVIDIA GeForce RTX 3050", 6144, 7001, "2584", 168),
        # GDDR7 (synthetic: no capture of one was at hand)
        ("NVIDIA GeForce RTX 5090", 32607, 14001, "2B85", 1792),
        ("NVIDIA GeForce RTX 5070 Ti", 16303, 14001, "2C05", 896),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 97887, 14001, "2BB1", 1792),
        # data centre, new and old
        ("NVIDIA A100 80GB PCIe", 81920, 1512, "20B5", 1935),
        ("NVIDIA H100 PCIe", 81559, 1593, "2331", 2039),
        ("NVIDIA H200", 143771, 3201, "2335", 4800),
        ("NVIDIA L40S", 46068, 9001, "26B9", 864),
        ("NVIDIA GH200 480GB", 97871, 2619, "2342", 4000),
        ("NVIDIA B200", 183359, 3996, "2901", 8000),
        ("Tesla V100-SXM2-32GB", 32768, 877, "1DB5", 900),
        ("Tesla P40", 24576, 3615, "1B38", 346),
        ("Tesla M40 24GB", 24576, 3004, "17FD", 288),
        ("Tesla K80", 11441, 2505, "102D", 240),
        ("Tesla K40m", 11441, 3004, "1023", 288),
        ("Quadro RTX 8000", 49152, 7001, "1E30", 672),
    ],
)
def test_nvidia_cards_have_the_vendors_bandwidth(
    name: str, mib: int, mhz: object, device: str, gbs: float
) -> None:
    (gpu,) = gpus_from_query_csv(smi(name, mib, mhz, device)).accelerators
    assert gpu.vram_bytes.value == mib * MIB
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(gbs * 1e9, rel=0.03)


def test_an_unlisted_id_may_be_of_the_laptop_part_of_that_name() -> None:
    found = gpus_from_query_csv(smi("NVIDIA GeForce RTX 2080", 8192, "N/A", "1EFF"))
    (gpu,) = found.accelerators
    assert (gpu.bandwidth_bytes_per_s.value, gpu.bandwidth_bytes_per_s.confidence) == (384e9, "guess")
    assert any("slowest is assumed" in note for note in found.notes)


def test_a_clock_below_the_products_is_believed_and_one_far_above_only_with_its_width() -> None:
    slow, fast = (
        gpus_from_query_csv(smi("NVIDIA GeForce RTX 4090", 24564, mhz, "2684")) for mhz in (5001, 21002)
    )
    assert slow.accelerators[0].bandwidth_bytes_per_s.value == pytest.approx(480e9, rel=0.01)
    assert fast.accelerators[0].bandwidth_bytes_per_s.value == pytest.approx(1008e9, rel=0.01)
    assert slow.notes
    assert fast.notes


def test_an_unknown_card_is_unknown_not_something_like_it() -> None:
    found = gpus_from_query_csv(smi("NVIDIA GeForce RTX 9999", 65536, 20000, "FFF0"))
    assert not found.accelerators[0].bandwidth_bytes_per_s.known


@pytest.mark.parametrize(
    ("device", "revision", "gib", "gbs"),
    [
        ("744C", "C8", 24, 960),
        ("744C", "CC", 20, 800),
        ("744C", "CE", 16, 576),
        ("73BF", "C3", 16, 512),
        ("67DF", "E7", 8, 256),
        ("67DF", "E7", 4, 224),
        ("7480", "C3", 8, 256),
        ("66A1", "06", 16, 1024),
        ("7408", "00", 64, 3276.8),
        ("740F", "02", 64, 1638.4),
    ],
)
def test_amd_cards_are_told_by_revision_and_memory(device: str, revision: str, gib: int, gbs: float) -> None:
    reading = GpuReading("test", "AMD", pci_id=device, revision=revision, vram_bytes=gib * GIB - 16 * MIB)
    info, _ = accelerator_from_reading(reading)
    assert info.bandwidth_bytes_per_s.value == pytest.approx(gbs * 1e9, rel=0.03)


@pytest.mark.parametrize(
    ("link", "says"),
    [
        (PcieLink(4.0, 16, 4.0, 16), None),
        (PcieLink(3.0, 16, 4.0, 16), "PCIe 3.0 of 4.0"),
        (PcieLink(4.0, 4, 4.0, 16), "x4 of x16"),
        (PcieLink(4.0, 8, 4.0, 16), None),  # the card has eight lanes, the chip claims 16
        (None, None),
    ],
)
def test_a_link_is_noted_where_the_card_could_do_more(link: PcieLink | None, says: str | None) -> None:
    lanes = link and link.lanes
    device = "2882" if lanes == 8 else "2684"  # RTX 4060, RTX 4090
    _, notes = accelerator_from_reading(GpuReading("test", "NVIDIA", pci_id=device, pcie=link))
    assert [says in note for note in notes] == ([True] if says else [])
