"""GPUs in lspci's output, in all of its layouts.  Synthetic, after pciutils' manual and the PCI ID names."""

from __future__ import annotations

import pytest

from probes.lspci import gpus_from_lspci, looks_like_lspci, product_names
from probes.types import PcieLink, RigError

GIB = 1024**3

PLAIN = "01:00.0 VGA compatible controller: NVIDIA Corporation AD102 [GeForce RTX 4090] (rev a1)\n"
WITH_IDS = PLAIN.replace("controller:", "controller [0300]:").replace("] (rev", "] [10de:2684] (rev")
NUMBERS = "01:00.0 0300: 10de:2684 (rev a1)\n"
MACHINE = (
    '01:00.0 "VGA compatible controller" "NVIDIA Corporation" "AD102 [GeForce RTX 4090]" -ra1 "MSI" "x"\n'
)
FIELDS = (
    "Slot:\t01:00.0\nClass:\tVGA compatible controller [0300]\nVendor:\tNVIDIA Corporation [10de]\n"
    "Device:\tAD102 [GeForce RTX 4090] [2684]\nRev:\ta1\nDriver:\tnvidia\n"
)
VERBOSE = """0000:00:01.1 PCI bridge [0604]: Intel Corporation Device [8086:a70d] (rev 01)
\tBus: primary=00, secondary=01, subordinate=03, sec-latency=0
\t\tLnkCap:\tPort #2, Speed 8GT/s, Width x16, ASPM L1, Exit Latency L1 <16us
\t\tLnkSta:\tSpeed 8GT/s, Width x8 (downgraded)

0000:01:00.0 PCI bridge [0604]: AMD [AMD/ATI] Navi 10 XL Upstream [1002:1478] (rev 10)
\tBus: primary=01, secondary=02, subordinate=03, sec-latency=0
\t\tLnkCap:\tPort #0, Speed 16GT/s, Width x16, ASPM L1
\t\tLnkSta:\tSpeed 8GT/s (downgraded), Width x8 (downgraded)

0000:02:00.0 PCI bridge [0604]: AMD [AMD/ATI] Navi 10 XL Downstream [1002:1479] (rev 10)
\tBus: primary=02, secondary=03, subordinate=03, sec-latency=0
\t\tLnkCap:\tPort #0, Speed 16GT/s, Width x16, ASPM L1
\t\tLnkSta:\tSpeed 16GT/s, Width x16

0000:03:00.0 VGA compatible controller [0300]: AMD Navi 31 [Radeon RX 7900 XT/7900 XTX] [1002:744c] (rev cc)
\tSubsystem: Sapphire Technology Limited Device [1da2:e471]
\tMemory at 7c00000000 (64-bit, prefetchable) [size=32G]
\t\tLnkCap:\tPort #0, Speed 16GT/s, Width x16, ASPM L1
\t\tLnkSta:\tSpeed 2.5GT/s (downgraded), Width x16
\tCapabilities: [150] Device Serial Number 00-11-22-33-44-55-66-77
\tKernel driver in use: amdgpu
"""


@pytest.mark.parametrize("text", [PLAIN, WITH_IDS, NUMBERS, MACHINE, FIELDS])
def test_every_layout_leads_to_the_card(text: str) -> None:
    assert looks_like_lspci(text)
    (gpu,) = gpus_from_lspci(text).accelerators
    assert gpu.architecture.value == "ada"
    assert gpu.vram_bytes.value == 24 * GIB
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(1008e9)


def test_revision_and_links_above_the_card_are_read() -> None:
    (gpu,) = gpus_from_lspci(VERBOSE).accelerators
    assert gpu.name.value == "AMD Radeon RX 7900 XT"  # revision CC
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(800e9)
    assert gpu.pcie.value == PcieLink(3.0, 8, 4.0, 16)  # the slot's link, not the GPU function's
    assert gpu.driver.value == "amdgpu"
    assert any("x8 of x16, PCIe 3.0 of 4.0" in note for note in gpus_from_lspci(VERBOSE).notes)
    assert "00-11-22" not in repr(gpus_from_lspci(VERBOSE))


def test_a_laptop_part_is_not_the_desktop_card() -> None:
    text = "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation TU106M [10de:1f11] (rev a1)\n"
    (gpu,) = gpus_from_lspci(text).accelerators
    assert gpu.name.value == "NVIDIA GeForce RTX 2060 Mobile"


@pytest.mark.parametrize(
    ("bracket", "names"),
    [
        ("GA104M [GeForce RTX 3070 Mobile / Max-Q]", ["GeForce RTX 3070 Mobile", "GeForce RTX 3070 Max-Q"]),
        ("Navi 31 [Radeon RX 7900 XT/7900 XTX]", ["Radeon RX 7900 XT", "Radeon RX 7900 XTX"]),
        ("DG2 [Arc A770] [8086:56a0] (prog-if 00 [VGA controller])", ["Arc A770"]),
        ("TigerLake-LP GT2", []),
    ],
)
def test_names_of_the_pci_id_database(bracket: str, names: list[str]) -> None:
    assert product_names(bracket) == names


def test_without_ids_an_ambiguous_name_is_the_slowest_as_a_guess() -> None:
    text = PLAIN.replace("AD102 [GeForce RTX 4090]", "GA104M [GeForce RTX 3070 Mobile / Max-Q]")
    found = gpus_from_lspci(text)
    (gpu,) = found.accelerators
    assert (gpu.bandwidth_bytes_per_s.value, gpu.bandwidth_bytes_per_s.confidence) == (384e9, "guess")
    assert any("slowest is assumed" in note for note in found.notes)


@pytest.mark.parametrize(("size", "gib"), [("16G", 12), ("256M", 12)])
def test_a_resizable_bar_is_a_power_of_two_not_the_memory(size: str, gib: int) -> None:
    text = (
        "03:00.0 VGA compatible controller [0300]: Intel Corporation Device [8086:e20b]\n"
        f"\tMemory at 6000000000 (64-bit, prefetchable) [size={size}]\n\tKernel driver in use: xe\n"
    )
    (gpu,) = gpus_from_lspci(text).accelerators
    assert gpu.vram_bytes.value == gib * GIB
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(456e9)


def test_integrated_graphics_share_ram_or_are_left_out() -> None:
    text = (
        "00:02.0 VGA compatible controller [0300]: Intel Corporation [Iris Xe Graphics] [8086:9a49]\n"
        "00:03.0 Display controller [0380]: Intel Corporation HD Graphics [8086:0412]\n"
        "00:1f.3 Audio device [0403]: NVIDIA Corporation AD102 High Definition Audio [10de:22ba]\n"
    )
    found = gpus_from_lspci(text)
    assert [(g.name.value, g.unified.value) for g in found.accelerators] == [("Intel Iris Xe Graphics", True)]
    assert any("shares system RAM" in note for note in found.notes)


def test_a_list_without_gpus_is_a_note_and_other_text_is_refused() -> None:
    assert (
        "no NVIDIA, AMD or Intel GPU"
        in gpus_from_lspci("00:00.0 Host bridge: Intel Corporation X\n").notes[0]
    )
    with pytest.raises(RigError, match="lspci"):
        gpus_from_lspci("nothing of the kind")
    assert not looks_like_lspci("12:30:15.1 started\n10:00.0 is a time\n")
