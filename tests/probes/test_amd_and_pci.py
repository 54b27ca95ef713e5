"""AMD and Intel GPUs and PCI links from made-up sysfs trees (synthetic) and from captured topologies."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from probes.amd import (
    architecture,
    clock_factor,
    gpus_from_properties,
    gpus_from_topology,
    probe_amd,
)
from probes.kfd import gfx_target, read_topology
from probes.pci import pcie_link, probe_pci
from probes.types import PcieLink, RigError

GPU = Path(__file__).parents[1] / "fixtures" / "gpu"
GIB = 1024**3


class Tree:
    """A file system under a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: object) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{text}\n")

    def link(self, path: str, target: str) -> None:
        """A link at ``path`` to ``target``, both relative to the root."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(self.root / target)

    def pci(self, chain: str, vendor: int, device: int, pci_class: int, driver: str | None = None) -> str:
        """A PCI function at the end of ``chain`` (``0000:00:01.0/0000:01:00.0``); gives its folder."""
        folder = f"sys/devices/pci0000:00/{chain}"
        self.write(f"{folder}/vendor", hex(vendor))
        self.write(f"{folder}/device", hex(device))
        self.write(f"{folder}/class", hex(pci_class))
        if driver:
            self.write(f"sys/bus/pci/drivers/{driver}/bind", "")
            self.link(f"{folder}/driver", f"sys/bus/pci/drivers/{driver}")
        self.link(f"sys/bus/pci/devices/{chain.split('/')[-1]}", folder)
        return folder

    def speed(self, folder: str, now: str, most: str, width: int, most_width: int) -> None:
        self.write(f"{folder}/current_link_speed", f"{now} GT/s PCIe")
        self.write(f"{folder}/max_link_speed", f"{most} GT/s PCIe")
        self.write(f"{folder}/current_link_width", width)
        self.write(f"{folder}/max_link_width", most_width)

    def kfd(self, node: int, bank: str | None = None, **properties: int) -> None:
        folder = f"sys/class/kfd/kfd/topology/nodes/{node}"
        self.write(f"{folder}/properties", "\n".join(f"{k} {v}" for k, v in properties.items()))
        if bank is not None:
            self.write(f"{folder}/mem_banks/0/properties", bank)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


NAVI = "0000:00:01.1/0000:01:00.0/0000:02:00.0/0000:03:00.0"


def add_7900_xtx(tree: Tree, *, slot_width: int = 16, kfd: bool = True) -> None:
    """An RX 7900 XTX behind its own switch, in a slot with ``slot_width`` lanes."""
    folder = tree.pci(NAVI, 0x1002, 0x744C, 0x030000, "amdgpu")
    tree.speed(folder, "16.0", "16.0", 16, 16)
    tree.speed(str(Path(folder).parent), "16.0", "16.0", 16, 16)
    tree.speed(str(Path(folder).parents[1]), "2.5", "16.0", slot_width, 16)
    tree.speed(str(Path(folder).parents[2]), "2.5", "16.0", slot_width, 16)
    tree.write(f"{folder}/mem_info_vram_total", 25753026560)
    tree.write(f"{folder}/mem_info_vram_used", 1073741824)
    tree.write(f"{folder}/mem_info_gtt_total", 33554432000)
    tree.write(f"{folder}/pp_dpm_mclk", "0: 96Mhz\n1: 456Mhz\n2: 772Mhz\n3: 1249Mhz *")
    tree.link("sys/class/drm/card1/device", folder)
    tree.link("sys/class/drm/card1-DP-1/device", "sys/class/drm/card1")
    if kfd:
        bank = "heap_type 1\nsize_in_bytes 25753026560\nflags 0\nwidth 384\nmem_clk_max 1249"
        tree.kfd(0, None, cpu_cores_count=16, simd_count=0)
        tree.kfd(
            1,
            bank,
            simd_count=192,
            simd_per_cu=2,
            gfx_target_version=110000,
            vendor_id=4098,
            device_id=0x744C,
            location_id=3 << 8,
            max_engine_clk_fcompute=2482,
        )


def test_a_7900_xtx_has_the_vendors_figures(tree: Tree) -> None:
    add_7900_xtx(tree)
    found = probe_amd(tree.root)
    (gpu,) = found.accelerators
    assert gpu.name.value == "AMD Radeon RX 7900 XTX"
    assert gpu.vram_bytes.value == 25753026560
    assert gpu.free_bytes.value == 25753026560 - 1073741824
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(960e9, rel=0.01)
    assert gpu.bandwidth_bytes_per_s.confidence == "derived"
    assert gpu.unified.value is False
    assert gpu.architecture.value == "rdna3"
    assert gpu.backend.value == "rocm"
    assert gpu.pcie.value == PcieLink(4, 16, 4, 16)
    assert found.pci_addresses == ("0000:03:00.0",)


def test_the_slot_in_front_of_a_navi_cards_own_switch_decides_its_link(tree: Tree) -> None:
    add_7900_xtx(tree, slot_width=4)
    assert probe_amd(tree.root).accelerators[0].pcie.value == PcieLink(4, 4, 4, 16)


def test_without_kfd_the_catalogs_bus_width_and_the_drivers_clock_are_used(tree: Tree) -> None:
    add_7900_xtx(tree, kfd=False)
    (gpu,) = probe_amd(tree.root).accelerators
    assert gpu.name.value == "AMD Radeon RX 7900 XTX"  # told from the 7900 XT by its memory size
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(960e9, rel=0.01)
    assert gpu.backend.value == "vulkan"


def test_a_clock_that_does_not_fit_the_catalog_is_rejected(tree: Tree) -> None:
    add_7900_xtx(tree)
    nodes = tree.root / "sys/class/kfd/kfd/topology/nodes/1/mem_banks/0/properties"
    nodes.write_text(nodes.read_text().replace("1249", "2498"))
    found = probe_amd(tree.root)
    assert found.accelerators[0].bandwidth_bytes_per_s.value == pytest.approx(960e9)
    assert found.accelerators[0].bandwidth_bytes_per_s.confidence == "table"
    assert any("1918 GB/s" in n for n in found.notes)


def add_strix_halo(tree: Tree, carve_out_gib: int, gtt_gib: int, ram_gib: int) -> None:
    folder = tree.pci("0000:00:08.1/0000:c4:00.0", 0x1002, 0x1586, 0x038000, "amdgpu")
    tree.write(f"{folder}/mem_info_vram_total", carve_out_gib * GIB)
    tree.write(f"{folder}/mem_info_vram_used", 0)
    tree.write(f"{folder}/mem_info_gtt_total", gtt_gib * GIB)
    tree.write(f"{folder}/mem_info_gtt_used", GIB)
    tree.write(f"{folder}/pp_dpm_mclk", "0: 400Mhz\n1: 1000Mhz *")
    tree.link("sys/class/drm/card0/device", folder)
    tree.write("proc/meminfo", f"MemTotal: {ram_gib * 1024**2} kB")
    tree.kfd(0, None, cpu_cores_count=32, simd_count=0)
    tree.kfd(
        1,
        "heap_type 1\nsize_in_bytes 68719476736\nflags 0\nwidth 256\nmem_clk_max 1000",
        simd_count=80,
        simd_per_cu=2,
        gfx_target_version=110501,
        vendor_id=4098,
        device_id=0x1586,
        location_id=0xC4 << 8,
    )


def test_strix_halo_is_one_pool_with_the_bandwidth_of_its_ram(tree: Tree) -> None:
    add_strix_halo(tree, carve_out_gib=64, gtt_gib=31, ram_gib=62)
    found = probe_amd(tree.root)
    (gpu,) = found.accelerators
    assert gpu.unified.value is True
    assert gpu.vram_bytes.value == 95 * GIB
    assert gpu.free_bytes.value == 94 * GIB
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(256e9)
    assert gpu.architecture.value == "rdna3.5-apu"
    assert not gpu.pcie.known
    assert found.carve_out_bytes == 64 * GIB
    assert found.notes == ()


def test_an_apu_with_little_graphics_memory_is_told_how_to_get_more(tree: Tree) -> None:
    add_strix_halo(tree, carve_out_gib=1, gtt_gib=62, ram_gib=124)
    tree.write("sys/module/ttm/parameters/pages_limit", 62 * GIB // 4096)
    (note,) = probe_amd(tree.root).notes
    assert "63 of 125 GiB" in note
    assert "ttm.pages_limit (now 62 GiB)" in note


def test_the_two_compute_units_of_a_desktop_cpu_are_left_out(tree: Tree) -> None:
    add_7900_xtx(tree)
    folder = tree.pci("0000:00:08.1/0000:12:00.0", 0x1002, 0x164E, 0x030000, "amdgpu")
    tree.write(f"{folder}/mem_info_vram_total", 536870912)
    tree.link("sys/class/drm/card0/device", folder)
    found = probe_amd(tree.root)
    assert [g.name.value for g in found.accelerators] == ["AMD Radeon RX 7900 XTX"]
    assert any("left out" in n for n in found.notes)
    assert set(found.pci_addresses) == {"0000:03:00.0", "0000:12:00.0"}


def test_no_amd_gpu_is_nothing(tree: Tree) -> None:
    found = probe_amd(tree.root)
    assert (found.accelerators, found.notes) == ((), ())


def unpack(name: str, folder: Path) -> Path:
    with tarfile.open(GPU / name) as archive:
        archive.extractall(folder, filter="data")
    return folder / "topology"


def test_a_captured_vega_topology_counts_its_copied_node_once(tmp_path: Path) -> None:
    topology = unpack("kfd-vega10.tar.gz", tmp_path)
    (gpu,) = gpus_from_topology(topology).accelerators
    assert gpu.vram_bytes.value == 17163091968
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(483.8e9, rel=0.001)
    machine = read_topology(topology)
    assert (machine.logical_cpus, machine.ram_mts) == (20, 2666)


def test_captured_mi308x_partitions_are_one_card_each_with_hbm3_bandwidth(tmp_path: Path) -> None:
    found = gpus_from_topology(unpack("kfd-mi308x.tar.gz", tmp_path))
    assert len(found.accelerators) == 3
    for gpu in found.accelerators:
        assert gpu.bandwidth_bytes_per_s.value == pytest.approx(5325e9, rel=0.001)
        assert gpu.name.value == "AMD Instinct MI308X"
    assert found.accelerators[0].vram_bytes.value == pytest.approx(192 * GIB, rel=0.001)
    assert any("4 partitions" in n for n in found.notes)


def test_compute_units_tell_products_of_one_pci_id_apart() -> None:
    text = (
        "simd_count {simds}\nsimd_per_cu 2\ngfx_target_version 110000\nvendor_id 4098\ndevice_id 29772\n"
        "location_id 768\nmax_engine_clk_fcompute {clock}\n"
    )
    xtx = gpus_from_properties(text.format(simds=192, clock=2482)).accelerators[0]
    xt = gpus_from_properties(text.format(simds=168, clock=2400)).accelerators[0]
    assert (xtx.name.value, xt.name.value) == ("AMD Radeon RX 7900 XTX", "AMD Radeon RX 7900 XT")
    assert xtx.bandwidth_bytes_per_s.value == pytest.approx(960e9)
    with pytest.raises(RigError, match="whole topology"):
        gpus_from_properties("simd_count 0\n")


@pytest.mark.parametrize(
    ("version", "target"),
    [(110000, "gfx1100"), (110501, "gfx1151"), (90402, "gfx942"), (90010, "gfx90a"), (0, None)],
)
def test_gfx_targets(version: int, target: str | None) -> None:
    assert gfx_target(version) == target


@pytest.mark.parametrize(
    ("gfx", "kind", "mhz", "apu", "factor"),
    [
        ("gfx1100", "GDDR6", 1249, False, 16),
        ("gfx803", "GDDR5", 2000, False, 4),
        ("gfx900", None, 945, False, 2),
        ("gfx942", "HBM3", 1300, False, 4),
        ("gfx942", None, 1300, True, 4),
        ("gfx950", None, 2000, False, 4),
        ("gfx1151", "LPDDR5X", 1000, True, 8),
        ("gfx1036", "system", 2800, True, 2),
        ("gfx1103", None, 1300, True, None),
        (None, None, 1000, False, None),
    ],
)
def test_transfers_per_clock_by_memory_type(
    gfx: str | None, kind: str | None, mhz: float, apu: bool, factor: float | None
) -> None:
    assert clock_factor(gfx, kind, mhz, apu) == factor


def test_architectures_by_target() -> None:
    named = [architecture(t) for t in ("gfx1201", "gfx1151", "gfx1103", "gfx1100", "gfx1030", "gfx906", None)]
    assert named == ["rdna4", "rdna3.5-apu", "rdna3-apu", "rdna3", "rdna2", "vega20", None]


# --- PCI -------------------------------------------------------------------------------------


def test_a_card_without_a_driver_is_listed_from_the_catalog_with_a_note(tree: Tree) -> None:
    tree.pci("0000:00:01.0/0000:01:00.0", 0x10DE, 0x2684, 0x030000)
    found = probe_pci(tree.root)
    (gpu,) = found.accelerators
    assert gpu.name.value == "NVIDIA GeForce RTX 4090"
    assert gpu.vram_bytes.value == 24 * GIB
    assert gpu.bandwidth_bytes_per_s.confidence == "table"
    assert not gpu.driver.known
    assert not gpu.backend.known
    assert "card present, driver missing" in found.notes[0]


@pytest.mark.parametrize(
    ("driver", "advice"),
    [
        ("nouveau", "install the NVIDIA driver"),
        ("vfio-pci", "release it from the virtual machine"),
        ("nvidia", "--gpus all"),
    ],
)
def test_the_note_follows_the_driver_that_has_the_card(tree: Tree, driver: str, advice: str) -> None:
    tree.pci("0000:00:01.0/0000:01:00.0", 0x10DE, 0x2684, 0x030200, driver)
    assert advice in probe_pci(tree.root).notes[0]


def test_cards_that_another_probe_lists_are_left_to_it(tree: Tree) -> None:
    tree.pci("0000:00:01.0/0000:01:00.0", 0x10DE, 0x2684, 0x030000, "nvidia")
    assert probe_pci(tree.root, ("0000:01:00.0",)).accelerators == ()


def test_other_vendors_and_other_functions_are_no_gpus(tree: Tree) -> None:
    tree.pci("0000:00:01.0/0000:01:00.1", 0x10DE, 0x22BA, 0x040300)  # the card's audio function
    tree.pci("0000:00:02.0", 0x1A03, 0x2000, 0x030000)  # a server's management display
    assert probe_pci(tree.root).notes == ()


def test_an_unknown_card_without_a_driver_is_only_a_note(tree: Tree) -> None:
    tree.pci("0000:00:01.0/0000:01:00.0", 0x10DE, 0xFFFE, 0x030000)
    found = probe_pci(tree.root)
    assert found.accelerators == ()
    assert "not in the catalog" in found.notes[0]


@pytest.mark.parametrize("kernel", ["xe", "i915", "bar"])
def test_an_arc_card_has_vram_from_its_driver_and_bandwidth_from_the_catalog(tree: Tree, kernel: str) -> None:
    folder = tree.pci(
        "0000:00:01.0/0000:03:00.0", 0x8086, 0x56A0, 0x030000, "i915" if kernel == "bar" else kernel
    )
    size = 16 * GIB
    if kernel == "xe":
        tree.write(f"{folder}/tile0/physical_vram_size_bytes", hex(size))
    elif kernel == "i915":
        tree.write(f"{folder}/drm/card0/lmem_total_bytes", size)
    else:
        bar = f"0x{0x6000000000:016x} 0x{0x6000000000 + size - 1:016x} 0x000000000014220c"
        tree.write(f"{folder}/resource", f"0x0 0x0 0x0\n0x0 0x0 0x0\n{bar}")
    (gpu,) = probe_pci(tree.root).accelerators
    assert gpu.name.value == "Intel Arc A770"
    assert gpu.vram_bytes.value == size
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(560e9, rel=0.01)
    assert gpu.unified.value is False


def test_integrated_intel_graphics_share_ram_or_are_left_out(tree: Tree) -> None:
    tree.pci("0000:00:02.0", 0x8086, 0x64A0, 0x030000, "xe")  # Lunar Lake
    tree.pci("0000:00:03.0", 0x8086, 0x0412, 0x030000, "i915")  # Haswell, in no catalog
    found = probe_pci(tree.root)
    (gpu,) = found.accelerators
    assert gpu.unified.value is True
    assert not gpu.vram_bytes.known
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(136.5e9, rel=0.01)  # soldered: the chip's own
    assert any("left out" in n for n in found.notes)


def test_links_without_figures_are_unknown(tree: Tree) -> None:
    folder = tree.pci("0000:00:01.0/0000:01:00.0", 0x10DE, 0x2684, 0x030000)
    assert pcie_link(tree.root / folder) is None
    tree.write(f"{folder}/current_link_width", 255)  # what virtual functions print
    tree.write(f"{folder}/max_link_speed", "Unknown")
    assert pcie_link(tree.root / folder) is None


def test_in_a_captured_tree_a_bound_driver_counts_as_working(tree: Tree) -> None:
    tree.pci("0000:00:01.0/0000:01:00.0", 0x10DE, 0x2684, 0x030000, "nvidia")
    found = probe_pci(tree.root, live=False)
    assert found.accelerators[0].driver.value == "nvidia"
    assert found.accelerators[0].backend.value == "cuda"
    assert not any("missing" in n for n in found.notes)
