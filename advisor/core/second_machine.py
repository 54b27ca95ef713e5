"""Two machines on a network: devices of the second take whole layers (llama.cpp's RPC backend).

Decoding is serial: a token passes the devices in turn, and every hand-over to the second machine and back
crosses the network.  Memory adds up.  What runs faster on this machine alone stays here.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from advisor.core.candidates import Candidates, Floats
from advisor.core.estimate import EstimateTable, estimate
from advisor.core.machine import Device, Machine, Network
from advisor.core.placement import Strategy
from advisor.core.question import Question
from catalog.efficiency import Efficiencies


def joined(here: Machine, there: Machine, network: Network) -> Machine:
    """This machine with the devices that a server on the second one offers: its GPUs, else its CPU."""
    offered = [_remote(device, there, network) for device in (there.gpus or (there.cpu,))]
    gpus = sorted([*here.gpus, *offered], key=lambda d: (-d.effective_bandwidth, -d.usable_bytes))
    return replace(
        here,
        devices=(*gpus, here.cpu),
        assumptions=(*here.assumptions, *(f"second machine: {a}" for a in there.assumptions)),
    )


def _remote(device: Device, there: Machine, network: Network) -> Device:
    """A device of the second machine as one with memory of its own at the end of a network."""
    usable = there.ram_usable_bytes if device.kind == "cpu" else device.usable_bytes
    return replace(
        device,
        kind="gpu",
        name=f"{device.name} (second machine)",
        usable_bytes=usable,
        host_link=network.bytes_per_s,
        shares_memory=False,
        network=network,
    )


def estimate_joined(
    candidates: Candidates,
    here: Machine,
    there: Machine,
    network: Network,
    question: Question,
    efficiencies: Efficiencies,
) -> EstimateTable:
    """The better of this machine alone and both together, candidate by candidate."""
    both = joined(here, there, network)
    table = _on(both, estimate(candidates, here, question, efficiencies))
    for strategy in (Strategy.ACCELERATOR, Strategy.LAYERS_SPLIT):
        table = _better(table, estimate(candidates, both, question, efficiencies, only=strategy))
    return table


def _arrays(table: EstimateTable) -> dict[str, Floats]:
    """The fields with an entry per candidate."""
    values = {field.name: getattr(table, field.name) for field in fields(table)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _on(both: Machine, alone: EstimateTable) -> EstimateTable:
    """A table of this machine alone with empty columns for the devices of the second."""
    columns = [at for at, device in enumerate(both.devices) if device.network is None]

    def widened(values: Floats) -> Floats:
        wide = np.zeros((values.shape[0], len(both.devices), *values.shape[2:]))
        wide[:, columns] = values
        return wide

    per_device = {
        name: widened(values)
        for name, values in _arrays(alone).items()
        if values.ndim > 1 and values.shape[1] == len(columns)
    }
    changed: dict[str, Any] = per_device
    return replace(alone, machine=both, **changed)


def _better(a: EstimateTable, b: EstimateTable) -> EstimateTable:
    """Row by row: what fits, and of two that fit the faster; of two that do not the one that misses less."""
    take_b = np.where(
        a.fits & b.fits, b.decode_s < a.decode_s, b.fits | (~a.fits & (b.missing_bytes < a.missing_bytes))
    )
    left, right = _arrays(a), _arrays(b)
    changed: dict[str, Any] = {
        name: np.where(take_b.reshape(-1, *([1] * (left[name].ndim - 1))), right[name], left[name])
        for name in left
    }
    tried = {strategy: (time, missing) for strategy, time, missing in a.tried}
    for strategy, time, missing in b.tried:
        known = tried.get(strategy, (time, missing))
        tried[strategy] = (np.minimum(known[0], time), np.minimum(known[1], missing))
    return replace(a, tried=tuple((strategy, *parts) for strategy, parts in tried.items()), **changed)


def uses_second_machine(table: EstimateTable, row: int) -> bool:
    """Whether a row has layers on the second machine."""
    return any(
        device.network is not None and table.dense_layers[row, g] > 0
        for g, device in enumerate(table.machine.devices)
    )
