"""AMD GPUs from ``rocm-smi --json`` (``-a`` or with the memory and product options).

Key names change between ROCm versions ("GPU ID" became "Device ID", "Card series" became "Card
Series"), so keys are compared without case and punctuation.  Bandwidth is never taken from it: the
clock printed is the current one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from probes.amd import APU_PCI_IDS, architecture
from probes.files import whole_number
from probes.gpu import GpuProbe, GpuReading, accelerator_from_reading, merge
from probes.gpu_match import accelerators_by_pci_id
from probes.types import PcieLink, RigError

_CARD = re.compile(r"card[0-9]{1,6}")
_GT_S = {2.5: 1.0, 5.0: 2.0, 8.0: 3.0, 16.0: 4.0, 32.0: 5.0, 64.0: 6.0}
_NULLS = ("", "n/a", "none", "unknown", "unsupported", "0x0")


def is_rocm_smi(document: object) -> bool:
    """Whether parsed JSON is what ``rocm-smi --json`` prints: an object of ``card0``, ``card1`` …"""
    return isinstance(document, Mapping) and any(
        isinstance(k, str) and _CARD.fullmatch(k) and isinstance(v, Mapping) for k, v in document.items()
    )


def gpus_from_rocm_smi(document: object) -> GpuProbe:
    """GPUs in parsed ``rocm-smi --json`` output.

    Raises:
        RigError: no ``card…`` objects in it.
    """
    if not isinstance(document, Mapping) or not is_rocm_smi(document):
        raise RigError('rocm-smi JSON: no "card0" object; capture it with `rocm-smi -a --json`')
    system = document.get("system")
    driver = _lookup(system, "driverversion") if isinstance(system, Mapping) else None
    cards = sorted(
        (k for k, v in document.items() if _CARD.fullmatch(str(k)) and isinstance(v, Mapping)),
        key=lambda k: int(k[4:]),
    )
    return merge(_card(document[k], driver) for k in cards)


def _plain(key: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(key).lower())


def _lookup(card: Mapping[str, Any], *names: str) -> str | None:
    """The first of several spellings of a key that has a value; keys compared as letters and digits."""
    plain = {_plain(k): v for k, v in card.items()}
    for name in names:
        value = plain.get(name)
        if isinstance(value, str | int | float) and str(value).strip().lower() not in _NULLS:
            return str(value).strip()
    return None


def _bytes(text: str | None) -> int | None:
    return whole_number(text) or None


def _card(card: Mapping[str, Any], driver: str | None) -> GpuProbe:
    found = re.fullmatch(r"0x([0-9a-fA-F]{1,4})", _lookup(card, "deviceid", "gpuid") or "")
    pci_id = f"{int(found[1], 16):04X}" if found else None
    total = _bytes(_lookup(card, "vramtotalmemoryb"))
    used = _bytes(_lookup(card, "vramtotalusedmemoryb")) or 0
    gtt = _bytes(_lookup(card, "gtttotalmemoryb"))
    gfx = _lookup(card, "gfxversion")
    found_revision = re.fullmatch(r"0x([0-9a-fA-F]{1,2})", _lookup(card, "devicerev") or "")
    revision = found_revision[1] if found_revision else None
    entries = accelerators_by_pci_id(pci_id, "AMD", revision)
    unified = pci_id in APU_PCI_IDS or any(e.unified for e in entries)
    power = re.match(r"\d{1,6}(?:\.\d{1,6})?", _lookup(card, "maxgraphicspackagepowerw") or "")
    pool = (total or 0) + (gtt or 0) if unified else total
    reading = GpuReading(
        source="rocm-smi",
        vendor="AMD",
        name=_name(card),
        pci_id=pci_id,
        revision=revision,
        vram_bytes=pool or None,
        free_bytes=total - used if total and used <= total and not unified else None,
        unified=unified,
        pcie=None if unified else _pcie(card),
        pcie_reason="the GPU is part of the chip" if unified else "not reported",
        driver=f"amdgpu {driver}" if driver else "amdgpu",
        power_limit_w=float(power[0]) if power and float(power[0]) > 0 else None,
        backend="rocm",
        architecture=architecture(gfx.lower() if gfx else None),
        bandwidth_reason="the bandwidth of system RAM" if unified else None,
        vram_reason="the capture has no VRAM total; use `rocm-smi --showmeminfo vram --json`",
    )
    info, notes = accelerator_from_reading(reading)
    address = _lookup(card, "pcibus")
    return GpuProbe((info,), notes, (address.lower(),) if address else ())


def _name(card: Mapping[str, Any]) -> str | None:
    """The product name; ROCm puts it in brackets behind the chip: ``Arcturus GL-XL [Instinct MI100]``."""
    text = _lookup(card, "cardseries", "devicename", "marketname", "cardmodel")
    if text is None or re.fullmatch(r"0x[0-9a-fA-F]+", text):
        return None
    inner = re.search(r"\[([^\[\]]+)\]$", text)
    return inner[1].strip() if inner else text


def _pcie(card: Mapping[str, Any]) -> PcieLink | None:
    """``1 (8.0GT/s x16)``: the width; the speed is the current one and drops at idle."""
    found = re.search(r"(\d{1,3}(?:\.\d{1,3})?)GT/s x(\d{1,3})", _lookup(card, "pcieclocklevel") or "")
    if found is None:
        return None
    speeds = [
        m
        for v in card.values()
        if isinstance(v, str)
        for m in re.findall(r"^(\d{1,3}(?:\.\d{1,3})?)GT/s x\d", v)
    ]
    generations = [g for s in (*speeds, found[1]) if (g := _GT_S.get(float(s))) is not None]
    return PcieLink(generation=max(generations, default=None), lanes=int(found[2]))
