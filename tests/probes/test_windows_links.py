"""PCIe links of cards on Windows from recorded ``Get-PnpDeviceProperty`` answers.

Shapes: the cmdlet's InstanceId, KeyName and Data; codes of speed and width from pciprop.h (Windows driver
kit: DEVPKEY_PciDevice_CurrentLinkSpeed …, 1 = 2.5 GT/s, 4 = 16 GT/s; widths in lanes).  The values are
synthetic: a Radeon RX 7900 XTX with its own switch, in a slot of four lanes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from probes import dxgi, windows_live
from probes.capture import rig_from_captures
from probes.commands import Output
from probes.rigfile import rig_to_json
from probes.types import PcieLink
from probes.windows_adapters import Adapter
from probes.windows_links import links_from_pnp

GIB = 1024**3
GPU = r"PCI\VEN_1002&DEV_744C&SUBSYS_0E3B1002&REV_C8\6&SERIAL77&0&00000019"
DOWN = r"PCI\VEN_1002&DEV_1479&SUBSYS_14791002&REV_10\5&1&0&0019"
UP = r"PCI\VEN_1002&DEV_1478&SUBSYS_00000000&REV_10\4&1&0&0019"
ROOT = r"PCI\VEN_1022&DEV_14DB&SUBSYS_14531022&REV_00\3&1&0&09"
BUS = r"ACPI\PNP0A08\0"


def device(name: str, parent: str | None, *link: Any) -> list[dict[str, Any]]:
    """One device's properties: speed and width now, speed and width at most."""
    keys = ("CurrentLinkSpeed", "CurrentLinkWidth", "MaxLinkSpeed", "MaxLinkWidth")
    found = [
        {"InstanceId": name, "KeyName": f"DEVPKEY_PciDevice_{key}", "Data": value}
        for key, value in zip(keys, link, strict=False)
    ]
    if parent:
        found.append({"InstanceId": name, "KeyName": "DEVPKEY_Device_Parent", "Data": parent})
    return found


CARD = [
    *device(GPU, DOWN, 1, 16, 4, 16),
    *device(DOWN, UP, 1, 16, 4, 16),
    *device(UP, ROOT, 1, 4, 4, 16),
    *device(ROOT, BUS, 1, 4, 4, 4),
]
VIDEO = {
    "Name": "AMD Radeon RX 7900 XTX",
    "AdapterRAM": 4293918720,
    "PNPDeviceID": GPU,
}


def test_the_slot_is_told_by_the_bridges_and_the_idle_speed_is_not_taken() -> None:
    (card,) = links_from_pnp(CARD)
    assert (card.vendor, card.pci_id, card.revision) == ("AMD", "744C", "C8")
    assert card.link == PcieLink(4.0, 4, 4.0, 16)


def test_names_of_devices_are_compared_without_case() -> None:
    shouted = [{**p, "Data": p["Data"].upper() if isinstance(p["Data"], str) else p["Data"]} for p in CARD]
    assert links_from_pnp(shouted) == links_from_pnp(CARD)


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        (CARD[:5], "bridges above it"),  # the card alone: its own switch, x16 in any slot
        (CARD[:15], "bridges above it"),
        (device(GPU, None, 4, 16, 4, 16), "bridges above it"),
        (device(GPU, GPU, 4, 16, 4, 16), None),
        ([*device(GPU, ROOT, 4, 16, 4, 16), *device(ROOT, BUS)], "no link"),
        ([*device(GPU, ROOT), *device(ROOT, BUS)], "no link"),
    ],
)
def test_a_link_that_is_not_whole_is_unknown(properties: list[dict[str, Any]], says: str | None) -> None:
    cards = links_from_pnp(properties)
    assert all(card.link is None for card in cards)
    assert (says is None and not cards) or says in cards[0].reason  # type: ignore[operator]


def test_a_capture_of_card_and_properties_has_the_link_and_its_note(tmp_path: Path) -> None:
    together = tmp_path / "one"
    together.write_text(json.dumps([VIDEO, *CARD]))
    (tmp_path / "video").write_text(json.dumps(VIDEO))
    (tmp_path / "pnp").write_text(json.dumps(CARD))
    for files in ([together], [tmp_path / "video", tmp_path / "pnp"], [tmp_path / "pnp", tmp_path / "video"]):
        rig = rig_from_captures(files)
        (gpu,) = rig.accelerators
        assert gpu.pcie.value == PcieLink(4.0, 4, 4.0, 16)
        assert gpu.pcie.source == "Get-PnpDeviceProperty"
        assert any("x4 of x16" in note for note in rig.notes)
        assert "SERIAL77" not in rig_to_json(rig)


def test_two_cards_of_a_kind_with_different_links_are_unknown(tmp_path: Path) -> None:
    other = [
        {**p, "InstanceId": p["InstanceId"].replace("&0019", "&0021").replace("00000019", "00000021")}
        for p in CARD
        if p["InstanceId"] != ROOT
    ]
    for p in other:
        if isinstance(p["Data"], str):
            p["Data"] = p["Data"].replace("&0019", "&0021")
        elif p["Data"] == 4 and p["KeyName"].endswith("CurrentLinkWidth"):
            p["Data"] = 2
    path = tmp_path / "one"
    path.write_text(json.dumps([VIDEO, *CARD, *other]))
    gpu = rig_from_captures([path]).accelerators[0]
    assert not gpu.pcie.known
    assert "different links" in gpu.pcie.source


def test_the_live_probe_adds_the_link_to_dxgis_card(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Adapter(VIDEO["Name"], "dxgi", "AMD", "744C", "C8", 24 * GIB)  # type: ignore[arg-type]
    monkeypatch.setattr(dxgi, "adapters", lambda: (card,))
    monkeypatch.setattr(windows_live, "run", lambda *_, **__: Output(json.dumps(CARD)))
    (gpu,) = windows_live.probe_windows().gpus.accelerators
    assert gpu.pcie.value == PcieLink(4.0, 4, 4.0, 16)
    assert gpu.vram_bytes.value == 24 * GIB


def test_nvidias_cards_alone_are_not_asked_for_links() -> None:
    script = windows_live.powershell_script(adapters=False, records=False, links=False)
    assert "Get-PnpDevice" not in script
    assert "Win32" not in script


@pytest.mark.parametrize("value", [None, True, -1, 0, 3.5, 255, "4", [], {}, 10**20], ids=repr)
def test_codes_that_no_link_has_are_not_taken(value: Any) -> None:
    changed = [p if isinstance(p["Data"], str) else {**p, "Data": value} for p in CARD]
    (card,) = links_from_pnp(changed)
    assert card.link is None
    for p in CARD:
        assert len(links_from_pnp([{**q, "Data": value} if q is p else q for q in CARD])) <= 4
