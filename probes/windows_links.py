"""PCIe links of display adapters on Windows: ``Get-PnpDeviceProperty`` of each and of what is above it.

Cards with a switch on board (AMD since Navi, Intel Arc) report the link to their own switch, at full
width whatever the slot is; only with the bridges up to the root port is the card's link known.  Speeds are
codes that are the PCIe generation, widths are lanes (``pciprop.h``: DevProp_PciExpressDevice_LinkSpeed_…,
…_LinkWidth_…).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from probes.gpu import GpuProbe, card_lanes, link_notes
from probes.gpu_match import accelerators_by_pci_id
from probes.pci import Hop, narrowest_link
from probes.types import AcceleratorInfo, Fact, PcieLink, unknown
from probes.windows_adapters import device_ids

SOURCE = "Get-PnpDeviceProperty"
PARENT = "DEVPKEY_Device_Parent"
_PREFIX = "DEVPKEY_PciDevice_"
_LINK = ("CurrentLinkSpeed", "CurrentLinkWidth", "MaxLinkSpeed", "MaxLinkWidth")
KEYS = (PARENT, *(_PREFIX + name for name in _LINK))
_WIDTHS = (1, 2, 4, 8, 12, 16, 32)
_MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class CardLink:
    """The link of one card; ``None`` with a reason where it cannot be told."""

    vendor: str | None
    pci_id: str | None
    revision: str | None
    link: PcieLink | None
    reason: str = ""


def is_link_property(item: Mapping[str, Any]) -> bool:
    """Whether an object is one property of a device that is used here."""
    return item.get("KeyName") in KEYS and isinstance(item.get("InstanceId"), str) and "Data" in item


def links_from_pnp(items: Iterable[Mapping[str, Any]]) -> tuple[CardLink, ...]:
    """The links of the devices that are above no other: the cards, not the bridges."""
    devices: dict[str, dict[str, object]] = {}
    for item in filter(is_link_property, items):
        devices.setdefault(item["InstanceId"].upper(), {})[item["KeyName"]] = item["Data"]
    above = {str(values.get(PARENT)).upper() for values in devices.values()}
    cards = [name for name in devices if name.startswith("PCI\\") and name not in above]
    return tuple(_card(name, devices) for name in cards[:256])


def _card(name: str, devices: Mapping[str, Mapping[str, object]]) -> CardLink:
    hops: list[Hop] = []
    at = name
    for _ in range(_MAX_DEPTH):
        values = devices.get(at)
        if values is None:
            break
        speed, width, widest = (values.get(_PREFIX + k) for k in (_LINK[2], _LINK[1], _LINK[3]))
        hop = Hop(_generation(speed), _lanes(width), _lanes(widest))
        if hop != Hop(None, None, None):
            hops.append(hop)
        at = str(values.get(PARENT) or "PCI\\").upper()
    vendor, device, revision = device_ids(name)
    if at.startswith("PCI\\"):
        return CardLink(vendor, device, revision, None, "the links of the bridges above it are not told")
    link = narrowest_link(hops) if len(hops) > 1 else None
    return CardLink(vendor, device, revision, link, "" if link else "Windows tells no link of it")


def _generation(value: object) -> float | None:
    return (
        float(value) if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 7 else None
    )


def _lanes(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _WIDTHS else None


def with_card_links(gpus: Sequence[AcceleratorInfo], links: Sequence[CardLink]) -> GpuProbe:
    """The GPUs with their links where nothing else told them, and the notes about those."""
    notes: list[str] = []
    joined = []
    for gpu in gpus:
        mine = [
            card
            for card in links
            if card.pci_id is not None and (card.vendor, card.pci_id) == (gpu.vendor.value, gpu.pci_id.value)
        ]
        if gpu.pcie.known or gpu.unified.value or not mine:
            joined.append(gpu)
            continue
        link = mine[0].link
        if link is None or any(card.link != link for card in mine):
            same = all(card.link == link for card in mine)
            reason = mine[0].reason if same else "cards of one kind with different links"
            joined.append(replace(gpu, pcie=unknown(reason)))
            continue
        entries = accelerators_by_pci_id(mine[0].pci_id, mine[0].vendor or "", mine[0].revision)
        for entry in sorted(entries, key=lambda e: e.pcie_lanes or 0)[-1:]:
            link = card_lanes(link, entry) or link
        notes += link_notes(gpu.name.value or f"{gpu.vendor.value} GPU", link)
        joined.append(replace(gpu, pcie=Fact(link, SOURCE, "reported")))
    return GpuProbe(tuple(joined), tuple(notes))
