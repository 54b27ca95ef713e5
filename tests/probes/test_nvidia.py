"""NVML through a stand-in driver: figures, fallbacks, and what each failure advises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from probes.nvidia import architecture, probe_nvidia
from probes.nvidia_presence import NO_DRIVER, driver_is_there
from probes.types import PcieLink

GIB = 1024**3
MIB = 1024**2
NOT_SUPPORTED, DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND, FUNCTION_NOT_FOUND = 3, 9, 12, 13
GPU_IS_LOST, MISMATCH = 15, 18


class FakeError(Exception):
    """NVML's exception: carries a code."""

    def __init__(self, value: int) -> None:
        super().__init__(f"NVML error {value}")
        self.value = value


@dataclass
class Card:
    """A GPU by its NVML answers; a missing one raises ``NotSupported``, one in ``errors`` its code."""

    answers: Mapping[str, Any]
    errors: Mapping[str, int] = field(default_factory=dict)
    memory: tuple[int, int] | None = None
    memory_v2: bool = True
    links: tuple[bool, ...] = ()
    slices: tuple[tuple[int, int], ...] = ()


class FakeNvml:
    """Enough of ``pynvml`` for the probe."""

    NVMLError = FakeError
    NVML_CLOCK_MEM = 2
    NVML_NVLINK_MAX_LINKS = 18
    nvmlMemory_v2 = 0x2000028  # noqa: N815 - the library's name

    def __init__(self, *cards: Card, init_error: int | None = None, driver: Any = "580.95.05") -> None:
        self.cards = cards
        self.init_error = init_error
        self.driver = driver
        self.shut_down = False

    def nvmlInit(self) -> None:
        if self.init_error is not None:
            raise FakeError(self.init_error)

    def nvmlShutdown(self) -> None:
        self.shut_down = True

    def nvmlSystemGetDriverVersion(self) -> Any:
        return self.driver

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        card = self.cards[index]
        if "handle" in card.errors:
            raise FakeError(card.errors["handle"])
        return card

    def nvmlDeviceGetMemoryInfo(self, card: Card | tuple[int, int], version: int | None = None) -> Any:
        memory = card.memory if isinstance(card, Card) else card
        if memory is None:
            raise FakeError(NOT_SUPPORTED)
        if version is not None and isinstance(card, Card) and not card.memory_v2:
            raise FakeError(FUNCTION_NOT_FOUND)
        return SimpleNamespace(total=memory[0], free=memory[1], used=memory[0] - memory[1])

    def nvmlDeviceGetMaxClockInfo(self, card: Card, kind: int) -> Any:
        assert kind == self.NVML_CLOCK_MEM
        return self._answer(card, "max_memory_clock")

    def nvmlDeviceGetNvLinkState(self, card: Card, link: int) -> int:
        if link >= len(card.links):
            raise FakeError(NOT_SUPPORTED if not card.links else 2)
        return int(card.links[link])

    def nvmlDeviceGetNvLinkRemotePciInfo(self, card: Card, link: int) -> object:
        return SimpleNamespace(busId=b"0000:02:00.0")

    def nvmlDeviceGetNvLinkVersion(self, card: Card, link: int) -> Any:
        return self._answer(card, "nvlink_version")

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, index: int) -> tuple[int, int]:
        if index >= len(card.slices):
            raise FakeError(6)
        return card.slices[index]

    @staticmethod
    def _answer(card: Card, name: str) -> Any:
        if name in card.errors:
            raise FakeError(card.errors[name])
        if name not in card.answers:
            raise FakeError(NOT_SUPPORTED)
        return card.answers[name]

    def __getattr__(self, name: str) -> Callable[[Card], Any]:
        known = {
            "nvmlDeviceGetName": "name",
            "nvmlDeviceGetPciInfo": "pci",
            "nvmlDeviceGetMemoryBusWidth": "bus_width",
            "nvmlDeviceGetMaxPcieLinkGeneration": "max_generation",
            "nvmlDeviceGetGpuMaxPcieLinkGeneration": "card_generation",
            "nvmlDeviceGetCurrPcieLinkWidth": "width",
            "nvmlDeviceGetMaxPcieLinkWidth": "max_width",
            "nvmlDeviceGetCudaComputeCapability": "capability",
            "nvmlDeviceGetEnforcedPowerLimit": "power_mw",
            "nvmlDeviceGetMigMode": "mig",
            "nvmlDeviceGetMaxMigDeviceCount": "max_slices",
        }
        if name not in known:
            raise AttributeError(name)
        return lambda card: self._answer(card, known[name])


def pci(device: int, bus: str = "00000000:01:00.0") -> SimpleNamespace:
    return SimpleNamespace(pciDeviceId=device << 16 | 0x10DE, busId=bus.encode())


def rtx_4090(**changes: Any) -> Card:
    answers: dict[str, Any] = {
        "name": "NVIDIA GeForce RTX 4090",
        "pci": pci(0x2684),
        "bus_width": 384,
        "max_memory_clock": 10501,
        "max_generation": 4,
        "card_generation": 4,
        "width": 16,
        "max_width": 16,
        "capability": (8, 9),
        "power_mw": 450_000,
    }
    return Card({**answers, **changes}, memory=(24564 * MIB, 23_500 * MIB))


def machine(tmp_path: Path, total_kb: int = 128_000_000, available_kb: int = 100_000_000) -> Path:
    (tmp_path / "proc").mkdir(exist_ok=True)
    (tmp_path / "proc/meminfo").write_text(f"MemTotal: {total_kb} kB\nMemAvailable: {available_kb} kB\n")
    return tmp_path


def test_a_4090_has_the_vendors_figures(tmp_path: Path) -> None:
    nvml = FakeNvml(rtx_4090())
    found = probe_nvidia(nvml, machine(tmp_path))
    (gpu,) = found.accelerators
    assert gpu.name.value == "NVIDIA GeForce RTX 4090"
    assert gpu.vram_bytes.value == 24564 * MIB
    assert gpu.free_bytes.value == 23_500 * MIB
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(1008e9, rel=0.001)
    assert gpu.bandwidth_bytes_per_s.confidence == "derived"
    assert gpu.pcie.value == PcieLink(4, 16, 4, 16)
    assert gpu.unified.value is False
    assert gpu.architecture.value == "ada"
    assert gpu.power_limit_w.value == 450
    assert gpu.driver.value == "580.95.05"
    assert gpu.backend.value == "cuda"
    assert not gpu.nvlink_bytes_per_s.known
    assert found.pci_addresses == ("0000:01:00.0",)
    assert found.notes == ()
    assert nvml.shut_down


def test_old_bindings_that_answer_in_bytes_are_understood(tmp_path: Path) -> None:
    nvml = FakeNvml(rtx_4090(name=b"NVIDIA GeForce RTX 4090"), driver=b"470.1")
    (gpu,) = probe_nvidia(nvml, machine(tmp_path)).accelerators
    assert gpu.name.value == "NVIDIA GeForce RTX 4090"
    assert gpu.driver.value == "470.1"


def test_an_old_driver_without_bus_width_and_memory_version_2_uses_the_catalogs_bus(tmp_path: Path) -> None:
    card = rtx_4090()
    card = Card(card.answers, {"bus_width": FUNCTION_NOT_FOUND}, card.memory, memory_v2=False)
    (gpu,) = probe_nvidia(FakeNvml(card), machine(tmp_path)).accelerators
    assert gpu.vram_bytes.value == 24564 * MIB
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(1008e9, rel=0.001)
    assert "384 bit (catalog)" in gpu.bandwidth_bytes_per_s.source


def test_an_unnamed_card_is_named_by_its_pci_id(tmp_path: Path) -> None:
    (gpu,) = probe_nvidia(FakeNvml(rtx_4090(name="Graphics Device")), machine(tmp_path)).accelerators
    assert gpu.name.value == "NVIDIA GeForce RTX 4090"
    assert gpu.name.confidence == "table"


def test_a_memory_overclock_is_used_and_noted(tmp_path: Path) -> None:
    found = probe_nvidia(FakeNvml(rtx_4090(max_memory_clock=11_301)), machine(tmp_path))
    assert found.accelerators[0].bandwidth_bytes_per_s.value == pytest.approx(1085e9, rel=0.001)
    assert any("1085 GB/s" in n and "1008 GB/s in the catalog" in n and "overclock" in n for n in found.notes)


def test_a_card_that_no_catalog_knows_keeps_what_the_driver_says(tmp_path: Path) -> None:
    card = rtx_4090(name="NVIDIA Q-9999 Imaginary", pci=pci(0xFFFE), bus_width=256, max_memory_clock=8000)
    (gpu,) = probe_nvidia(FakeNvml(card), machine(tmp_path)).accelerators
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(512e9)
    assert gpu.architecture.value == "ada"
    assert gpu.architecture.confidence == "derived"
    assert not gpu.fp16_flops.known


def test_a_narrow_slot_is_noted(tmp_path: Path) -> None:
    found = probe_nvidia(FakeNvml(rtx_4090(width=4)), machine(tmp_path))
    assert found.accelerators[0].pcie.value == PcieLink(4, 4, 4, 16)
    assert any("x4 of x16" in n for n in found.notes)


def test_gb10_without_memory_figures_shares_ram(tmp_path: Path) -> None:
    card = Card({"name": "NVIDIA GB10", "pci": pci(0x2E12, "0000000F:01:00.0"), "capability": (12, 1)})
    root = machine(tmp_path, 125_513_256, 118_000_000)
    (gpu,) = probe_nvidia(FakeNvml(card), root).accelerators
    assert gpu.unified.value is True
    assert gpu.vram_bytes.value == 125_513_256 * 1024
    assert gpu.free_bytes.value == 118_000_000 * 1024
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(273e9, rel=0.01)
    assert gpu.bandwidth_bytes_per_s.confidence == "table"
    assert not gpu.pcie.known


def test_gb10_that_reports_system_memory_is_unified_too(tmp_path: Path) -> None:
    card = Card({"name": "NVIDIA GB10", "pci": pci(0x2E12)}, memory=(125_513_256 * 1024, 5 * GIB))
    (gpu,) = probe_nvidia(FakeNvml(card), machine(tmp_path, 125_513_256, 118_000_000)).accelerators
    assert gpu.unified.value is True
    assert gpu.free_bytes.value == 118_000_000 * 1024


def test_missing_memory_figures_of_any_other_card_are_an_error_not_unified_memory(tmp_path: Path) -> None:
    card = Card(
        {k: v for k, v in rtx_4090().answers.items() if k != "name"} | {"name": "NVIDIA GeForce RTX 4090"}
    )
    found = probe_nvidia(FakeNvml(card), machine(tmp_path))
    assert found.accelerators[0].unified.value is False
    assert found.accelerators[0].vram_bytes.confidence == "table"
    assert any("does not tell its memory size" in n for n in found.notes)


def test_an_orin_is_named_by_its_board_and_memory(tmp_path: Path) -> None:
    root = machine(tmp_path, 31_000_000, 20_000_000)
    (root / "proc/device-tree").mkdir()
    (root / "proc/device-tree/model").write_text("NVIDIA Jetson AGX Orin Developer Kit\0")
    (gpu,) = probe_nvidia(FakeNvml(Card({"name": "Orin (nvgpu)"})), root).accelerators
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(204.8e9)
    assert gpu.fp16_flops.value == pytest.approx(27e12)  # the 32 GB module, told by RAM size
    without_nvml = probe_nvidia(FakeNvml(init_error=DRIVER_NOT_LOADED), root)
    assert without_nvml.accelerators[0].unified.value is True


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (LIBRARY_NOT_FOUND, "install the NVIDIA driver"),
        (DRIVER_NOT_LOADED, "modprobe nvidia"),
        (MISMATCH, "reboot"),
        (999, "nvidia-smi"),
    ],
)
def test_each_init_error_has_its_own_advice(code: int, advice: str, tmp_path: Path) -> None:
    found = probe_nvidia(FakeNvml(init_error=code), tmp_path)
    assert found.accelerators == ()
    (note,) = found.notes
    assert advice in note


def test_a_lost_gpu_does_not_hide_the_others(tmp_path: Path) -> None:
    lost = Card({}, {"handle": GPU_IS_LOST})
    found = probe_nvidia(FakeNvml(lost, rtx_4090()), machine(tmp_path))
    assert len(found.accelerators) == 1
    assert any("GPU 0" in n and "reboot" in n for n in found.notes)


def test_nvlink_is_counted_per_active_link(tmp_path: Path) -> None:
    a100 = Card(
        {"name": "NVIDIA A100-SXM4-80GB", "pci": pci(0x20B2), "capability": (8, 0), "nvlink_version": 3},
        memory=(80 * GIB, 79 * GIB),
        links=(True,) * 11 + (False,),
    )
    (gpu,) = probe_nvidia(FakeNvml(a100), machine(tmp_path)).accelerators
    assert gpu.nvlink_bytes_per_s.value == pytest.approx(11 * 25e9)
    rtx_3090 = Card(
        {"name": "NVIDIA GeForce RTX 3090", "pci": pci(0x2204), "capability": (8, 6), "nvlink_version": 3},
        memory=(24 * GIB, 23 * GIB),
        links=(True,) * 4,
    )
    (gpu,) = probe_nvidia(FakeNvml(rtx_3090), machine(tmp_path)).accelerators
    assert gpu.nvlink_bytes_per_s.value == pytest.approx(56.25e9)


def test_mig_slices_have_their_own_memory_and_their_share_of_bandwidth(tmp_path: Path) -> None:
    card = Card(
        {
            "name": "NVIDIA A100-SXM4-80GB",
            "pci": pci(0x20B2),
            "bus_width": 5120,
            "max_memory_clock": 1593,
            "mig": [1, 1],
            "max_slices": 7,
        },
        memory=(80 * GIB, 79 * GIB),
        slices=((20 * GIB, 19 * GIB), (40 * GIB, 39 * GIB)),
    )
    found = probe_nvidia(FakeNvml(card), machine(tmp_path))
    assert [g.vram_bytes.value for g in found.accelerators] == [20 * GIB, 40 * GIB]
    shares = [g.bandwidth_bytes_per_s.value for g in found.accelerators]
    assert shares == [pytest.approx(2039e9 / 4, rel=0.001), pytest.approx(2039e9 / 2, rel=0.001)]
    assert not any(g.fp16_flops.known for g in found.accelerators)
    empty = probe_nvidia(FakeNvml(Card(card.answers, memory=card.memory)), machine(tmp_path))
    assert not empty.accelerators[0].bandwidth_bytes_per_s.known
    assert any("no instance" in n for n in empty.notes)


def test_without_any_trace_of_a_driver_nothing_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise AssertionError(f"imported {name}")

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("importlib.import_module", fail)
    assert not driver_is_there(tmp_path)
    assert probe_nvidia(root=tmp_path).notes == (NO_DRIVER,)


@pytest.mark.parametrize(
    "trace", ["proc/driver/nvidia/version", "dev/nvidiactl", "dev/dxg", "usr/lib/wsl/lib/libnvidia-ml.so.1"]
)
def test_any_trace_of_a_driver_is_seen(trace: str, tmp_path: Path) -> None:
    (tmp_path / trace).parent.mkdir(parents=True)
    (tmp_path / trace).touch()
    assert driver_is_there(tmp_path)


@pytest.mark.parametrize(
    ("capability", "name"),
    [
        ((8, 0), "ampere-ga100"),
        ((8, 6), "ampere"),
        ((8, 9), "ada"),
        ((7, 2), "volta"),
        ((12, 0), "blackwell"),
    ],
)
def test_architectures_by_compute_capability(capability: tuple[int, int], name: str) -> None:
    assert architecture(capability) == name
    assert architecture((3, 5)) is None
    assert architecture(None) is None
