"""Cards of a price file that another one of no higher price matches in everything."""

from __future__ import annotations

from dataclasses import replace

from advisor.core.machine import Device
from advisor.pipeline import machine_of
from advisor.scenario import make_scenario
from advisor.upgrade.parts import MOST_PARTS, Part, Parts
from probes.types import Rig


def figures(d: Device) -> tuple[float, ...]:
    """What more of is never worse; the kind of memory decides who shares it."""
    kind = ("cpu", "unified", "gpu").index(d.kind)
    prompt = (d.prompt.dense_rate, d.prompt.expert_rate, d.prompt.attention_rate)
    rates = (d.unit_rate, d.attention_rate, d.host_link)
    memory = (d.usable_bytes, d.effective_bandwidth, d.bandwidth * d.eta_kv, d.cap)
    return (kind, -kind, *memory, -d.launch_s, -d.expert_cost, *rates, *prompt)


def without_matched(rig: Rig, parts: Parts) -> Parts:
    """The parts without cards that are no cheaper than another and no better in anything.

    Only where all have prices and can be had as often as wanted: in a list somebody may own one of each.
    """
    if parts.prices is None or any(card.price is None or card.most < MOST_PARTS for card in parts.cards):
        return parts
    alone = replace(rig, accelerators=())
    known: list[tuple[Part, tuple[float, ...] | None]] = []
    for card in sorted(parts.cards, key=lambda card: card.price or 0.0):
        gpus = machine_of(make_scenario([("add-gpu", card.value)], alone).rig).gpus
        own = figures(gpus[0]) if gpus else None
        if own is not None and not any(
            other is not None and all(a >= b for a, b in zip(other, own, strict=True)) for _, other in known
        ):
            known.append((card, own))
    kept = {card.value for card, _ in known}
    left_out = [card.value for card in parts.cards if card.value not in kept]
    if not left_out:
        return parts
    note = f"left out, as a card of no higher price matches it in everything: {', '.join(left_out)}"
    return replace(
        parts, cards=tuple(card for card in parts.cards if card.value in kept), notes=(*parts.notes, note)
    )
