"""NVIDIA's multi-instance GPUs: slices of a card, each a device of its own to a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from probes.gpu import GpuProbe, GpuReading, accelerator_from_reading
from probes.types import AcceleratorInfo, Fact, unknown


def mig_probe(card: GpuReading, slices: Sequence[tuple[int | None, int | None]]) -> GpuProbe:
    """MIG instances, given as (total, free) bytes, as devices with their own memory.

    An instance gets eighths of the card's memory and with them the same share of its bandwidth
    (NVIDIA MIG User Guide: a memory slice is one eighth of capacity and bandwidth).  With MIG on and
    no instance known, the card is listed with its memory and an unknown bandwidth.
    """
    whole, notes = accelerator_from_reading(card)
    name = whole.name.value or "NVIDIA GPU"
    if not slices:
        reason = f"MIG mode is on and the instances are not listed: none has the whole bandwidth of {name}"
        listed = replace(whole, bandwidth_bytes_per_s=unknown(reason), fp16_flops=unknown(reason))
        return GpuProbe(
            (listed,),
            (
                f"{name}: MIG mode is on but no instance is listed, so its bandwidth is unknown; create an "
                "instance, switch MIG off, or capture `nvidia-smi -q -x`.",
            ),
        )
    accelerators = [_mig_slice(whole, total, free) for total, free in slices]
    note = (
        f"{name}: MIG mode is on, {len(slices)} slice(s) listed; a slice has its share of the card's "
        "bandwidth, and a program sees one slice only."
    )
    return GpuProbe(tuple(accelerators), (*notes, note))


def _mig_slice(card: AcceleratorInfo, total: int | None, free: int | None) -> AcceleratorInfo:
    name = card.name.value or "NVIDIA GPU"
    rate: Fact[float] = unknown(f"a MIG slice has only a part of the bandwidth of {name}")
    if total and card.vram_bytes.value and card.bandwidth_bytes_per_s.value:
        eighths = min(8, max(1, round(8 * total / card.vram_bytes.value)))
        rate = Fact(
            card.bandwidth_bytes_per_s.value * eighths / 8,
            f"{eighths}/8 of the card's {card.bandwidth_bytes_per_s.value / 1e9:.0f} GB/s, by memory",
            "derived",
        )
    return replace(
        card,
        name=Fact(f"{name} MIG slice", card.vendor.source, "reported"),
        vram_bytes=Fact(total, card.vendor.source, "reported")
        if total
        else unknown("slice size not reported"),
        free_bytes=Fact(free, card.vendor.source, "reported") if free else unknown("not reported"),
        bandwidth_bytes_per_s=rate,
        fp16_flops=unknown(f"a MIG slice has only a part of the compute of {name}"),
        nvlink_bytes_per_s=unknown("MIG slices have no NVLink"),
    )
