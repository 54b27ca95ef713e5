"""Values as ``nvidia-smi`` prints them, in whatever form, and the probe result made of them."""

from __future__ import annotations

import re
from dataclasses import replace

from probes.gpu import MIB, GpuProbe, GpuReading, accelerator_from_reading
from probes.nvidia import UNIFIED_NAME
from probes.nvidia_mig import mig_probe

MAX_TEXT = 16 * MIB
"""Larger captures are refused: a node with 16 GPUs prints about 0.3 MiB."""

_NULLS = (
    "",
    "n/a",
    "[n/a]",
    "[not supported]",
    "[unknown error]",
    "not supported",
    "unknown error",
    "none",
    "[none]",
)


def number(text: str | None) -> float | None:
    """The number at the start of ``24564 MiB``, ``16x``, ``450.00 W``; ``None`` for the null texts."""
    if text is None or text.strip().lower() in _NULLS:
        return None
    found = re.match(r"\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", text, re.IGNORECASE)
    value = float(found[1]) if found else 0.0
    return value if 0 < value < 1e18 else None


def whole(text: str | None) -> int | None:
    """The number without its fraction."""
    value = number(text)
    return int(value) if value is not None else None


def string(text: str | None) -> str | None:
    """The text, ``None`` for the null texts."""
    return None if text is None or text.strip().lower() in _NULLS else text.strip()


def mib(text: str | None) -> int | None:
    """Bytes of ``24564 MiB``; a number alone is MiB, as ``nounits`` prints them."""
    value = number(text)
    if value is None:
        return None
    factor = 1024 * MIB if text and "gib" in text.lower() else MIB
    return int(value * factor)


def device_id(text: str | None) -> str | None:
    """``0x268410DE`` or ``268410DE`` (device, then vendor) -> ``2684``."""
    found = re.fullmatch(r"(?:0x)?([0-9A-Fa-f]{4})10DE", (text or "").strip(), re.IGNORECASE)
    return found[1].upper() if found else None


def capability(text: str | None) -> tuple[int, int] | None:
    """``8.9`` -> (8, 9)."""
    found = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,3}))?", (text or "").strip())
    return (int(found[1]), int(found[2] or 0)) if found else None


def address(text: str | None) -> str | None:
    """``00000000:01:00.0`` as Linux writes it, ``0000:01:00.0``."""
    found = re.fullmatch(r"([0-9A-Fa-f]{4,8}):([0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])", (text or "").strip())
    return f"{found[1][-4:]}:{found[2]}".lower() if found else None


def switch(text: str | None) -> bool | None:
    """``Enabled`` or ``Disabled`` (``1`` or ``0`` in metrics); ``None`` for anything else."""
    return {"enabled": True, "1": True, "yes": True, "disabled": False, "0": False, "no": False}.get(
        (text or "").strip().lower()
    )


def probe_from_reading(
    reading: GpuReading,
    mig: bool,
    slices: list[tuple[int | None, int | None]],
    bus_id: str | None,
) -> GpuProbe:
    """The probe of one GPU: a unified chip, a card with MIG instances (total, free), or a card."""
    place = address(bus_id)
    addresses = (place,) if place else ()
    if UNIFIED_NAME.search(reading.name or "") and reading.vram_bytes is None:
        reading = replace(
            reading,
            unified=True,
            pcie=None,
            pcie_reason="the GPU is part of the chip",
            memory_mhz=None,
            vram_reason="the GPU shares system RAM",
        )
    elif mig:
        found = mig_probe(reading, slices)
        return GpuProbe(found.accelerators, found.notes, addresses)
    info, notes = accelerator_from_reading(reading)
    return GpuProbe((info,), notes, addresses)
