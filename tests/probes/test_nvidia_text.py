"""What ``nvidia-smi`` prints: XML, CSV, and exporters' metrics."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.nvidia_log import gpus_from_xml
from probes.nvidia_text import (
    MAX_TEXT,
    gpus_from_metrics,
    gpus_from_query_csv,
    is_query_header,
)
from probes.types import PcieLink, RigError

GPU = Path(__file__).parents[1] / "fixtures" / "gpu"
MIB = 1024**2


def text(name: str) -> str:
    return (GPU / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "vram_mib", "gbs", "confidence", "link"),
    [
        ("nvidia-rtx-3060.xml", 12288, 360.0, "derived", PcieLink(4, 16, 4, 16)),
        ("nvidia-rtx-3090.xml", 24576, 936.1, "derived", PcieLink(4, 16, 4, 16)),
        ("nvidia-quadro-p2000.xml", 5120, 140.2, "derived", PcieLink(3, 8, 3, 16)),
        ("nvidia-tesla-t4.xml", 15360, 320.1, "derived", PcieLink(3, 8, 3, 16)),
        # An old driver prints only current clocks: the catalog's figure, never the idle clock.
        ("nvidia-gtx-1070-ti.xml", 4096, 256.3, "table", PcieLink(None, 16, None, None)),
    ],
)
def test_real_cards_have_the_vendors_figures(
    name: str, vram_mib: int, gbs: float, confidence: str, link: PcieLink
) -> None:
    (gpu,) = gpus_from_xml(text(name)).accelerators
    assert gpu.vram_bytes.value == vram_mib * MIB
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(gbs * 1e9, rel=0.01)
    assert gpu.bandwidth_bytes_per_s.confidence == confidence
    assert gpu.pcie.value == link


def test_mig_slices_do_not_get_the_cards_bandwidth() -> None:
    found = gpus_from_xml(text("nvidia-a100-mig.xml"))
    assert [g.vram_bytes.value for g in found.accelerators] == [19968 * MIB] * 4
    for gpu in found.accelerators:
        assert gpu.bandwidth_bytes_per_s.value == pytest.approx(2039e9 / 4, rel=0.001)
    unlisted = gpus_from_metrics(text("metrics-h100-mig.txt")).accelerators[0]
    assert not unlisted.bandwidth_bytes_per_s.known


def test_metrics_of_exporters_are_read() -> None:
    (gpu,) = gpus_from_metrics(text("metrics-rtx-2080-super.txt")).accelerators
    assert gpu.vram_bytes.value == 8192 * MIB
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(495.9e9, rel=0.01)
    assert gpu.pcie.value == PcieLink(3, 16, 3, 16)
    (h100,) = gpus_from_metrics(text("metrics-h100.txt")).accelerators
    assert h100.bandwidth_bytes_per_s.value == pytest.approx(3352e9, rel=0.01)


def test_no_identifier_of_a_card_is_kept() -> None:
    shown = repr(gpus_from_xml(text("nvidia-rtx-3060.xml"))) + repr(
        gpus_from_xml(text("nvidia-tesla-t4.xml"))
    )
    assert "GPU-" not in shown
    assert "uuid" not in shown.lower()


CSV = """index, name, uuid, memory.total [MiB], memory.free [MiB], clocks.max.memory [MHz], \
pcie.link.gen.max, pcie.link.width.current, pcie.link.width.max
0, NVIDIA GeForce RTX 3090, GPU-x, 24576 MiB, 24258 MiB, 9751 MHz, 4, 16, 16
1, NVIDIA GeForce RTX 3090, GPU-y, 24576 MiB, [N/A], [Unknown Error], 4, 8, 16
"""


def test_query_csv_with_units_and_without() -> None:
    for csv in (
        CSV,
        CSV.replace(" MiB,", ",").replace(" MHz,", ",").replace("[MiB]", "").replace("[MHz]", ""),
    ):
        first, second = gpus_from_query_csv(csv).accelerators
        assert first.vram_bytes.value == 24576 * MIB
        assert first.bandwidth_bytes_per_s.value == pytest.approx(936e9, rel=0.01)
        assert second.bandwidth_bytes_per_s.confidence == "table"
        assert not second.free_bytes.known
        assert second.pcie.value == PcieLink(4, 8, 4, 16)


def test_query_csv_without_a_header_needs_its_fields() -> None:
    row = "NVIDIA GeForce RTX 4090, 24564\n"
    with pytest.raises(RigError, match="no header"):
        gpus_from_query_csv(row)
    (gpu,) = gpus_from_query_csv(row, ("name", "memory.total")).accelerators
    assert gpu.vram_bytes.value == 24564 * MIB


def test_gb10_in_a_capture_is_unified_with_the_memory_it_is_sold_with() -> None:
    csv = "name, memory.total [MiB], clocks.max.memory [MHz]\nNVIDIA GB10, [N/A], [N/A]\n"
    (gpu,) = gpus_from_query_csv(csv).accelerators
    assert gpu.unified.value is True
    assert (gpu.vram_bytes.value, gpu.vram_bytes.confidence) == (128 * 1024**3, "table")
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(273e9, rel=0.01)


@pytest.mark.parametrize(
    ("line", "yes"),
    [
        ("name, memory.total [MiB]", True),
        ("index, gpu_name, uuid", True),
        ("name,age", False),
        ("0, NVIDIA GeForce RTX 3090, 24576", False),
    ],
)
def test_a_query_header_is_told_from_other_csv(line: str, yes: bool) -> None:
    assert is_query_header(line) is yes


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<nvidia_smi_log>&b;</nvidia_smi_log>"
)


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        (BOMB, "entity declarations"),
        (BOMB.replace("<!ENTITY", "<!entity"), "entity declarations|not well-formed"),
        ("<nvidia_smi_log><gpu>", "not well-formed"),
        ("<html></html>", "expected <nvidia_smi_log>"),
        ("<nvidia_smi_log>" + " " * MAX_TEXT, "larger than 16 MiB"),
    ],
)
def test_hostile_and_broken_xml_is_refused(xml: str, says: str) -> None:
    with pytest.raises(RigError, match=says):
        gpus_from_xml(xml)


def test_a_log_without_gpus_is_a_note() -> None:
    found = gpus_from_xml("<nvidia_smi_log><attached_gpus>0</attached_gpus></nvidia_smi_log>")
    assert found.accelerators == ()
    assert found.notes


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.integers(0, 11000))
def test_damaged_xml_gives_a_result_or_a_rig_error(junk: str, at: int) -> None:
    whole = text("nvidia-rtx-3060.xml")
    try:
        found = gpus_from_xml(whole[:at] + junk + whole[at + len(junk) :])
    except RigError as error:
        found = None
        message = str(error)
    if found is None:
        assert message.startswith("nvidia-smi XML:")
    else:
        assert len(found.accelerators) <= 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), max_size=6))
def test_any_csv_rows_give_a_result_or_a_rig_error(cells: list[str]) -> None:
    csv = "name, memory.total, memory.free, clocks.max.memory, pcie.link.gen.max\n" + ",".join(cells)
    message = ""
    try:
        found = gpus_from_query_csv(csv)
    except RigError as error:
        message = str(error)
    else:
        assert all(g.vram_bytes.value is None or g.vram_bytes.value > 0 for g in found.accelerators)
    assert "\n" not in message
