"""Machines described by their parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.hardware import load_accelerators, load_cpus
from catalog.types import LookupFailedError
from probes.hypothetical import accelerator_facts, cpu_facts, hypothetical_rig
from probes.rigchecks import contradictions
from probes.types import PcieLink, Rig, RigError

GIB = 1024**3


def bandwidth_gbs(rig: Rig) -> float:
    value = rig.memory.bandwidth_bytes_per_s.value
    assert value is not None
    return value / 1e9


def test_a_desktop_from_its_parts() -> None:
    rig = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-5200", "Ryzen 9 7950X")
    (gpu,) = rig.accelerators
    assert rig.cpu.name.value == "AMD Ryzen 9 7950X"
    assert (rig.cpu.sockets.value, rig.cpu.physical_cores.value, rig.cpu.logical_cores.value) == (1, 16, 32)
    assert "avx512_vnni" in (rig.cpu.isa.value or ())
    assert rig.memory.total_bytes.value == 64 * GIB
    assert (rig.memory.type.value, rig.memory.channels.value, rig.memory.mts.value) == ("DDR5", 2, 5200)
    assert bandwidth_gbs(rig) == pytest.approx(83.2)
    assert [module.size_bytes for module in rig.memory.modules] == [32 * GIB, 32 * GIB]
    assert gpu.name.value == "NVIDIA GeForce RTX 4090"
    assert gpu.vram_bytes.value == 24 * GIB
    assert gpu.bandwidth_bytes_per_s.value == 1008e9
    assert gpu.pcie.value == PcieLink(4.0, 16, 4.0, 16)
    assert gpu.architecture.value == "ada"
    assert gpu.fp16_flops.value == pytest.approx(330.3e12)
    assert gpu.backend.value == "cuda"
    assert gpu.unified.value is False
    assert rig.notes == ()


def test_facts_carry_where_they_come_from() -> None:
    rig = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-5200", "Ryzen 9 7950X")
    gpu = rig.accelerators[0]
    assert gpu.bandwidth_bytes_per_s.confidence == "table"
    assert gpu.bandwidth_bytes_per_s.source.startswith("catalog: ")
    assert rig.memory.total_bytes.confidence == "table"
    assert rig.memory.bandwidth_bytes_per_s.confidence == "derived"
    assert rig.cpu.physical_cores.confidence == "table"
    assert rig.memory.measured_bandwidth_bytes_per_s.confidence == "unknown"
    assert gpu.free_bytes.confidence == "unknown"


@pytest.mark.parametrize(
    ("ram", "cpu", "channels", "gbs"),
    [
        ("12x64GB:DDR5-4800", "EPYC 9554", 12, 460.8),
        ("8x64GB:DDR5-4800", "EPYC 9554", 8, 307.2),
        ("16x32GB:DDR4-3200", "2x EPYC 7763", 16, 409.6),
        ("8x32GB:DDR4-3200", "2x EPYC 7763", 8, 204.8),
        ("1x32GB:DDR5-5600", "9950X", 1, 44.8),
        ("4x16GB:DDR4-2400", "E5-2680 v4", 4, 76.8),
        ("8x32GB:DDR4-3200", "Threadripper PRO 5995WX", 8, 204.8),
        ("2x32GB:DDR4-3200", "i9-12900K", 2, 51.2),
        ("1x16GB:DDR5-4800", "N100", 1, 38.4),
        ("8GB:LPDDR4X-4267", "Raspberry Pi 5", None, 17.068),
    ],
)
def test_channels_are_the_lesser_of_modules_and_sockets(
    ram: str, cpu: str, channels: int | None, gbs: float
) -> None:
    if channels is None:
        with pytest.raises(RigError, match="the fastest sold is LPDDR4X-4266"):
            hypothetical_rig([], ram, cpu)
        ram = "8GB"
    rig = hypothetical_rig([], ram, cpu)
    assert rig.memory.channels.value == channels
    assert bandwidth_gbs(rig) == pytest.approx(gbs)


def test_two_sockets_double_the_cores() -> None:
    rig = hypothetical_rig([], "16x32GB:DDR4-3200", "2x EPYC 7763")
    assert (rig.cpu.sockets.value, rig.cpu.physical_cores.value) == (2, 128)


def test_four_modules_on_two_channels_slow_down_to_the_official_rate() -> None:
    rig = hypothetical_rig([], "4x32GB:DDR5-6000", "7950X")
    assert rig.memory.mts.value == 3600
    assert rig.memory.modules[0].rated_mts == 6000
    assert "Two modules per channel" in rig.notes[0]


def test_an_expo_kit_keeps_its_rate_and_says_so() -> None:
    rig = hypothetical_rig([], "2x32GB:DDR5-6000", "7950X")
    assert rig.memory.mts.value == 6000
    assert "XMP/EXPO" in rig.notes[0]


def test_a_server_keeps_to_its_official_rate() -> None:
    rig = hypothetical_rig([], "12x64GB:DDR5-6400", "EPYC 9554")
    assert rig.memory.mts.value == 4800
    assert "no more than 4800 MT/s" in rig.notes[0]


def test_half_filled_channels_are_remarked_on() -> None:
    rig = hypothetical_rig([], "4x64GB:DDR5-4800", "EPYC 9554")
    assert rig.notes == (
        "4 module(s) use 4 of 12 memory channels: 33% of the bandwidth AMD EPYC 9554 can have.",
    )


def test_a_total_without_module_count_is_a_stated_guess() -> None:
    rig = hypothetical_rig([], "768GB:DDR5-4800", "EPYC 9554")
    assert rig.memory.channels.value == 12
    assert rig.memory.bandwidth_bytes_per_s.confidence == "guess"
    assert rig.memory.modules == ()
    assert "Module count not given" in rig.notes[0]


@pytest.mark.parametrize(
    ("gpus", "ram", "cpu", "reason"),
    [
        ([], "2x32GB:DDR4-3200", "7950X", "takes DDR5, not DDR4; nearest: 2x32GB:DDR5-5200"),
        ([], "2x32GB:DDR5-6000", "5800X3D", "takes DDR4, not DDR5; nearest: 2x32GB:DDR4-3200"),
        ([], "6x32GB:DDR5-6000", "7950X", "at most 2 slot.s. each; nearest: 4x32GB"),
        ([], "25x32GB:DDR5-4800", "EPYC 9554", "nearest: 24x32GB"),
        ([], "2x32GB:DDR5-20000", "7950X", "fastest sold"),
        ([], "2x32GB:DDR5-5600", "2x 7950X", "one socket only, not 2"),
        ([], "8x32GB:DDR4-3200", "2x EPYC 7443P", "one socket only"),
        ([], "64GB", None, "lacks its type and rate"),
        (["m3 max 40"], "100GB", None, "is sold with 48, 64, 128 GB, not 100; nearest: 128GB"),
        (["m4 max 40"], "2x32GB:DDR5-6000", None, "has LPDDR5X, not DDR5"),
        (["m4 max 40"], "64GB", "7950X", "one chip with Apple M4 Max 16-core"),
        (["m4 max 40", "RTX 4090"], None, None, "no other GPU can be added"),
        (["2x gb10"], None, None, "are 2 machines"),
        (["strix halo"], "128GB:LPDDR5X-9600", None, "runs its memory at 8000 MT/s, not 9600"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(gpus: list[str], ram: str, cpu: str, reason: str) -> None:
    with pytest.raises(RigError, match=reason):
        hypothetical_rig(gpus, ram, cpu)


@pytest.mark.parametrize(
    ("gpus", "cpu"),
    [(["voodoo 2"], None), (["m3 max"], None), (["rtx 4060 ti"], None), ([], "no such cpu"), ([], "epyc")],
)
def test_unknown_and_ambiguous_names_are_lookup_errors(gpus: list[str], cpu: str | None) -> None:
    with pytest.raises(LookupFailedError):
        hypothetical_rig(gpus, None, cpu)


def test_memory_variants_can_count_as_one_for_questions_of_speed() -> None:
    rig = hypothetical_rig(["rtx 4060 ti"], None, None, any_memory=True)
    assert rig.accelerators[0].vram_bytes.value == 16 * GIB


@pytest.mark.parametrize(
    ("gpu", "ram", "cpu", "gbs", "ram_gib", "gpu_gib"),
    [
        ("M3 Max 40-core", "64GB", "Apple M3 Max 16-core", 400, 64, 51.84),
        ("M3 Max 30-core", "36GB", "Apple M3 Max 14-core", 300, 36, 28.08),
        ("M1 8-core", "16GB", "Apple M1", 68.25, 16, 11.84),
        ("M4 Max 32-core", None, "Apple M4 Max 14-core", 410, 36, 28.08),
        ("M2 Ultra 76-core", "192GB", "Apple M2 Ultra", 800, 192, 161.28),
        ("Strix Halo", "128GB", "AMD Ryzen AI Max+ 395", 256, 128, 96),
        ("Strix Halo", "128GB:LPDDR5X-7500", "AMD Ryzen AI Max+ 395", 240, 128, 96),
        ("DGX Spark", None, "NVIDIA GB10", 273.056, 128, 128),
        ("Jetson AGX Orin 64GB", None, "NVIDIA Jetson AGX Orin 64GB CPU", 204.8, 64, 64),
    ],
)
def test_a_unified_chip_brings_its_cpu_and_its_memory(
    gpu: str, ram: str | None, cpu: str, gbs: float, ram_gib: int, gpu_gib: float
) -> None:
    rig = hypothetical_rig([gpu], ram, None)
    (device,) = rig.accelerators
    assert rig.cpu.name.value == cpu
    assert rig.cpu.physical_cores.known
    assert bandwidth_gbs(rig) == pytest.approx(gbs)
    assert device.bandwidth_bytes_per_s.value == rig.memory.bandwidth_bytes_per_s.value
    assert device.unified.value is True
    assert rig.memory.total_bytes.value == ram_gib * GIB
    assert device.vram_bytes.value == pytest.approx(gpu_gib * GIB, abs=1)
    assert device.vram_bytes.confidence == "derived"
    assert not device.pcie.known


def test_the_largest_memory_is_taken_with_a_note_when_none_is_given() -> None:
    rig = hypothetical_rig(["M3 Max 40-core"], None, None)
    assert rig.memory.total_bytes.value == 128 * GIB
    assert any("the largest is taken" in note for note in rig.notes)


def test_an_apple_chip_runs_macos() -> None:
    assert hypothetical_rig(["M1 8-core"], None, None).system.os.value == "macos"
    assert not hypothetical_rig(["RTX 4090"], None, None).system.os.known


def test_naming_a_chips_cpu_brings_its_gpu() -> None:
    rig = hypothetical_rig([], "128GB", "Ryzen AI Max+ 395")
    assert [gpu.name.value for gpu in rig.accelerators] == ["AMD Ryzen AI Max+ 395 (Radeon 8060S)"]
    several = hypothetical_rig([], None, "Apple M1 Max")
    assert several.accelerators == ()
    assert any("name one with --gpu" in note for note in several.notes)


def test_a_chips_own_cpu_may_be_repeated() -> None:
    rig = hypothetical_rig(["m3 max 40"], "64GB", "M3 Max")
    assert rig.cpu.name.value == "Apple M3 Max 16-core"


def test_one_integrated_gpu_on_several_cpus_of_a_family() -> None:
    rig = hypothetical_rig(["Arc 140V"], "32GB", "Core Ultra 7 258V")
    assert rig.cpu.name.value == "Intel Core Ultra 7 258V"
    assert bandwidth_gbs(rig) == pytest.approx(136.528)


def test_an_integrated_gpu_lives_in_the_machines_ram() -> None:
    rig = hypothetical_rig(["780M"], "2x16GB:DDR5-5600", "Ryzen 7 7840HS")
    (gpu,) = rig.accelerators
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(89.6e9)
    assert gpu.vram_bytes.value == 16 * GIB
    alone = hypothetical_rig(["780M"], None, None).accelerators[0]
    assert alone.bandwidth_bytes_per_s.confidence == "guess"
    assert not alone.vram_bytes.known


def test_a_gpu_that_no_runtime_uses_is_left_out_with_a_note() -> None:
    rig = hypothetical_rig(["Raspberry Pi 5"], "8GB", None)
    assert rig.accelerators == ()
    assert bandwidth_gbs(rig) == pytest.approx(17.068)
    assert any("the CPU does the work" in note for note in rig.notes)


def test_a_discrete_gpu_beside_a_unified_one() -> None:
    rig = hypothetical_rig(["strix halo", "RTX 5090"], "128GB", None)
    assert [gpu.unified.value for gpu in rig.accelerators] == [True, False]


def test_missing_parts_are_unknown_with_reasons_and_notes() -> None:
    rig = hypothetical_rig(["RTX 3090"], None, None)
    assert not rig.memory.total_bytes.known
    assert rig.memory.total_bytes.source == "no RAM given"
    assert rig.cpu.name.source == "no CPU given"
    assert len(rig.notes) == 2


def test_without_a_cpu_the_channels_are_a_guess() -> None:
    rig = hypothetical_rig([], "4x16GB:DDR4-3200", None)
    assert rig.memory.channels.value == 2
    assert rig.memory.channels.confidence == "guess"


def test_a_cpu_outside_the_list_still_has_its_familys_memory() -> None:
    rig = hypothetical_rig([], "12x32GB:DDR5-4800", "EPYC 9114")
    assert rig.memory.channels.value == 12
    assert not rig.cpu.physical_cores.known
    assert any("not in the CPU list" in note for note in rig.notes)


def test_counted_gpus_are_repeated_and_only_boards_with_a_fabric_are_linked() -> None:
    pair = hypothetical_rig(["2x RTX 3090"], None, None).accelerators
    assert len(pair) == 2
    assert not pair[0].nvlink_bytes_per_s.known
    assert "bridge" in pair[0].nvlink_bytes_per_s.source
    eight = hypothetical_rig(["8x H100 SXM"], None, None).accelerators
    assert [gpu.nvlink_bytes_per_s.value for gpu in eight] == [450e9] * 8
    assert not hypothetical_rig(["H100 SXM"], None, None).accelerators[0].nvlink_bytes_per_s.known


@pytest.mark.parametrize(
    ("gpu", "backend"),
    [
        ("RTX 3060", "cuda"),
        ("RX 7900 XTX", "rocm"),
        ("RX 580", "vulkan"),
        ("Arc B580", "vulkan"),
        ("M4", "metal"),
    ],
)
def test_the_backend_follows_the_vendor(gpu: str, backend: str) -> None:
    assert hypothetical_rig([gpu], None, None).accelerators[0].backend.value == backend


def test_a_size_behind_the_name_chooses_among_the_sizes_sold() -> None:
    assert hypothetical_rig(["RX 470 4GB"], None, None).accelerators[0].vram_bytes.value == 4 * GIB
    largest = hypothetical_rig(["RX 470"], None, None)
    assert largest.accelerators[0].vram_bytes.value == 8 * GIB
    assert any("write the size behind the name" in note for note in largest.notes)


def test_facts_of_one_part_for_what_if() -> None:
    assert accelerator_facts("rtx 5090").vram_bytes.value == 32 * GIB
    cpu, family = cpu_facts("2x EPYC 7763")
    assert (cpu.sockets.value, family) == (2, "AMD EPYC 7003 (Milan)")


def test_the_rig_is_named_after_its_parts_unless_named() -> None:
    assert (
        hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-5200", "7950X").name
        == "RTX 4090 · 7950X · 2x32GB:DDR5-5200"
    )
    assert hypothetical_rig(["RTX 4090"], None, None, name="box").name == "box"


@pytest.mark.parametrize("card", load_accelerators(), ids=lambda card: card.name)
def test_every_card_makes_a_rig_that_does_not_contradict_itself(card: object) -> None:
    rig = hypothetical_rig([card.name], None, None)  # type: ignore[attr-defined]
    assert list(contradictions(rig)) == []


@given(st.sampled_from(load_cpus()), st.integers(1, 4))
def test_every_cpu_takes_its_own_memory_and_more_modules_are_never_fewer_channels(
    cpu: object, modules: int
) -> None:
    from catalog.hardware import find_cpu_family, memory_types

    family = find_cpu_family(cpu.family)  # type: ignore[attr-defined]
    kind = memory_types(family)[0]
    if kind.startswith(("LPDDR", "GDDR")) or modules > family.channels * (family.slots_per_channel or 1):
        return
    fewer, more = (
        hypothetical_rig([], f"{count}x8GB:{kind}-{family.max_mts}", cpu.name)  # type: ignore[attr-defined]
        for count in (1, modules)
    )
    assert (more.memory.channels.value or 0) >= (fewer.memory.channels.value or 0)
    assert (more.memory.channels.value or 0) <= family.channels
    assert list(contradictions(more)) == []
