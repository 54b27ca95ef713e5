"""Reading what people type for RAM and GPUs."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.hypothetical import hypothetical_rig
from probes.specs import GIB, RamSpec, parse_capacity, parse_gpu_spec, parse_ram_spec
from probes.types import RigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2x32GB:DDR5-6000", RamSpec(2, 32 * GIB, "DDR5", 6000)),
        ("2X32gb:ddr5-6000", RamSpec(2, 32 * GIB, "DDR5", 6000)),
        ("2 x 32 GB : DDR5-6000", RamSpec(2, 32 * GIB, "DDR5", 6000)),
        ("2×32GB DDR5-6000", RamSpec(2, 32 * GIB, "DDR5", 6000)),
        ("2x32:DDR5-6000", RamSpec(2, 32 * GIB, "DDR5", 6000)),
        ("2x32GiB:DDR5_6000 MT/s", RamSpec(2, 32 * GIB, "DDR5", 6000)),
        ("8x16GB:DDR4-3200", RamSpec(8, 16 * GIB, "DDR4", 3200)),
        ("12x64GB:DDR5-4800 ECC RDIMM", RamSpec(12, 64 * GIB, "DDR5", 4800)),
        ("64GB:DDR5-6000", RamSpec(2, 32 * GIB, "DDR5", 6000, counted=False)),
        ("1x64GB:DDR4-3200", RamSpec(1, 64 * GIB, "DDR4", 3200)),
        ("128GB:LPDDR5X-8000", RamSpec(1, 128 * GIB, "LPDDR5X", 8000, counted=False)),
        ("1TB:DDR4-2666", RamSpec(2, 512 * GIB, "DDR4", 2666, counted=False)),
        ("4x8GB:DDR3L-1600", RamSpec(4, 8 * GIB, "DDR3", 1600)),
        ("12x64GB:MRDIMM-8800", RamSpec(12, 64 * GIB, "MRDIMM", 8800)),
    ],
)
def test_ram_is_read_however_it_is_written(text: str, expected: RamSpec) -> None:
    assert parse_ram_spec(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "write COUNTxSIZE:TYPE-RATE, for example 2x32GB:DDR5-6000"),
        ("lots", "cannot read the RAM 'lots'"),
        ("64GB", "lacks its type and rate"),
        ("64GB:DDR5", "lacks its rate"),
        ("0x32GB:DDR5-6000", "has no capacity"),
        ("2x32GB:DDR5-12000", "no DDR5 module runs at 12000 MT/s; the fastest sold is DDR5-9600"),
        ("2x32GB:DDR4-8000", "the fastest sold is DDR4-5100"),
        ("2x32GB:DDR5-3000", "the slowest is DDR5-3200"),
        ("2x32GB:DDR4-1333", "looks like a clock in MHz, 2666 MT/s"),
        ("2x32GB:DDR9-6000", "no memory kind is called 'DDR9'"),
        ("-2x32GB:DDR5-6000", "cannot read"),
    ],
)
def test_ram_that_does_not_exist_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(RigError, match=reason.replace("(", r"\(")):
        parse_ram_spec(text)


def test_a_bare_capacity_is_a_size_and_nothing_else() -> None:
    assert parse_capacity("128GB") == 128 * GIB
    assert parse_capacity("2x64 GB") == 128 * GIB
    assert parse_capacity("2TB") == 2048 * GIB
    assert parse_capacity("128GB:DDR5-6000") is None
    assert parse_capacity("much") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RTX 4090", (1, "RTX 4090")),
        ("4090", (1, "4090")),
        ("2x RTX 3090", (2, "RTX 3090")),
        ("2xRTX 3090", (2, "RTX 3090")),
        ("4 × a6000", (4, "a6000")),
        ("RTX 3090 x2", (2, "RTX 3090")),
        ("8x H100 SXM", (8, "H100 SXM")),
        ("  m3 max 40  ", (1, "m3 max 40")),
    ],
)
def test_a_gpu_has_a_count_and_a_name(text: str, expected: tuple[int, str]) -> None:
    assert parse_gpu_spec(text) == expected


@pytest.mark.parametrize("text", ["", "   ", "0x RTX 4090"])
def test_a_gpu_without_name_or_count_is_refused(text: str) -> None:
    with pytest.raises(RigError, match="NAME"):
        parse_gpu_spec(text)


@given(
    st.integers(1, 64),
    st.sampled_from([4, 8, 16, 24, 32, 48, 64, 128]),
    st.sampled_from([("DDR4", 3200), ("DDR5", 4800), ("DDR5", 6400), ("DDR3", 1600)]),
)
def test_a_spec_reads_back_from_its_own_text(count: int, size: int, kind: tuple[str, int]) -> None:
    spec = RamSpec(count, size * GIB, *kind)
    assert parse_ram_spec(str(spec)) == spec
    assert spec.total_bytes == count * size * GIB


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_rig_error(text: str) -> None:
    spec: RamSpec | None = None
    with contextlib.suppress(RigError):
        spec = parse_ram_spec(text)
    assert spec is None or spec.total_bytes > 0


@pytest.mark.parametrize(
    ("cpu", "ram", "nearest"),
    [
        ("Ryzen 9 9950X", "2x512GB:DDR5-4800", "nearest: 2x64GB:DDR5-4800"),
        ("Ryzen 9 9950X", "2x33GB:DDR5-4800", "nearest: 2x32GB:DDR5-4800"),
        ("Ryzen 9 9950X", "2x128GB:DDR5-4800", "not sold unbuffered.*nearest: 2x64GB:DDR5-4800"),
        ("Ryzen 9 9950X", "512GB:DDR5-4800", "256 GB.*nearest: 256GB:DDR5-4800"),
        ("Ryzen 9 5950X", "4x24GB:DDR4-3200", "nearest: 4x16GB:DDR4-3200"),
        ("Core i7-4770K", "4x16GB:DDR3-1600", "32 GB.*nearest: 4x8GB:DDR3-1600"),
        ("EPYC 9554", "12x512GB:DDR5-4800", "nearest: 12x256GB:DDR5-4800"),
        ("2x Xeon E5-2670 v2", "16x128GB:DDR3-1600", "1536 GB.*nearest: 16x64GB:DDR3-1600"),
        (None, "2x33GB:DDR5-4800", "nearest: 2x32GB:DDR5-4800"),
    ],
)
def test_modules_that_do_not_exist_or_do_not_fit_are_refused_with_the_nearest(
    cpu: str | None, ram: str, nearest: str
) -> None:
    with pytest.raises(RigError, match=nearest):
        hypothetical_rig([], ram, cpu)


@pytest.mark.parametrize(
    ("cpu", "ram", "gib"),
    [
        ("Ryzen 9 9950X", "4x64GB:DDR5-5600", 256),
        ("Ryzen 9 9950X", "2x48GB:DDR5-6000", 96),
        ("Core i9-14900K", "4x48GB:DDR5-4800", 192),
        ("Ryzen 9 5950X", "4x32GB:DDR4-3200", 128),
        ("EPYC 9554", "12x96GB:DDR5-4800", 1152),
        ("2x EPYC 7763", "16x256GB:DDR4-3200", 4096),
        ("Threadripper 7980X", "4x256GB:DDR5-5200", 1024),
        ("Core i5-8250U", "2x32GB:DDR4-2400", 64),
        ("Core Ultra 7 155H", "96GB:LPDDR5X-7467", 96),
    ],
)
def test_modules_that_people_have_are_taken(cpu: str, ram: str, gib: int) -> None:
    assert hypothetical_rig([], ram, cpu).memory.total_bytes.value == gib * GIB


def test_the_boards_of_server_families_take_registered_modules_only() -> None:
    from catalog.hardware import load_cpu_families
    from probes.spec_limits import needs_registered, takes_unbuffered_only

    families = {family.name: family for family in load_cpu_families()}
    both = [name for name, f in families.items() if needs_registered(f) and takes_unbuffered_only(f)]
    assert both == []
    registered = {name for name, family in families.items() if needs_registered(family)}
    assert {
        "AMD EPYC 9004 (Genoa, Bergamo)",
        "AMD EPYC 7002 (Rome)",
        "AMD Threadripper 7000",
        "Intel Xeon Scalable 1st gen (Skylake)",
        "Intel Xeon w-3400/3500",
        "Intel Xeon W-2100",
    } <= registered
    assert registered.isdisjoint(
        {"AMD EPYC 4004/4005", "AMD Threadripper 3000", "Intel Xeon E5 v3 (Haswell)", "Intel Xeon W-1200"}
    )


def test_more_of_one_part_than_a_machine_holds_is_refused() -> None:
    assert parse_gpu_spec("16x Tesla V100") == (16, "Tesla V100")
    with pytest.raises(RigError, match="at most 16"):
        parse_gpu_spec("17x Tesla V100")
