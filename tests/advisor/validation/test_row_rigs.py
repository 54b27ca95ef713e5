"""GPUs of measurement rows: size and bandwidth decide between products of one name, or nothing does."""

from __future__ import annotations

import pytest

from advisor.validation.rigs import gpu_rig, with_run
from catalog.types import LookupFailedError


@pytest.mark.parametrize(
    ("name", "memory_gib", "bandwidth_gbs", "card"),
    [
        ("Apple M3 Max", None, 400, "Apple M3 Max 40-core GPU"),
        ("Apple M3 Max", None, 300, "Apple M3 Max 30-core GPU"),
        ("Tesla P100", None, 549, "NVIDIA Tesla P100 PCIe 12GB"),
        ("RTX 4060 Ti", 8, None, "NVIDIA GeForce RTX 4060 Ti 8GB"),
        ("RTX 5060 Ti", None, None, "NVIDIA GeForce RTX 5060 Ti 16GB"),
    ],
)
def test_what_a_row_states_tells_products_apart(
    name: str, memory_gib: float | None, bandwidth_gbs: float | None, card: str
) -> None:
    (gpu,) = gpu_rig(name, 1, memory_gib, bandwidth_gbs).accelerators
    assert gpu.name.value == card


@pytest.mark.parametrize(("name", "bandwidth_gbs"), [("Apple M4 Max", None), ("Tesla P100", 732)])
def test_products_that_differ_in_what_matters_stay_ambiguous(name: str, bandwidth_gbs: float | None) -> None:
    with pytest.raises(LookupFailedError, match="ambiguous"):
        gpu_rig(name, 1, None, bandwidth_gbs)


def test_a_graphics_unit_in_ram_reads_at_the_rate_that_the_row_states() -> None:
    (stated,) = gpu_rig("AMD Radeon 780M", 1, None, 89.6).accelerators
    assert stated.bandwidth_bytes_per_s.value == pytest.approx(89.6e9)
    assert stated.bandwidth_bytes_per_s.confidence == "reported"
    (card,) = gpu_rig("RTX 4090", 1, None, 900).accelerators
    assert card.bandwidth_bytes_per_s.value == pytest.approx(1008e9)


def test_what_the_run_set_is_written_to_every_gpu() -> None:
    rig = with_run(gpu_rig("RTX 3090", 2, 24, None), "vllm", 220.0, "PCIe 3.0 x16 P2P (patched)")
    for gpu in rig.accelerators:
        assert gpu.backend.value == "vllm"
        assert gpu.power_limit_w.value == 220.0
        link = gpu.pcie.value
        assert link is not None
        assert (link.generation, link.lanes) == (3.0, 16)
