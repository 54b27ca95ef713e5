"""What observations of decoding and of prompts have in common: classes of devices, clocks, features of
intervals, weight formats joined to their groups, and works laid behind each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from advisor.core.estimate import EstimateTable
from advisor.core.machine import Device
from advisor.core.placement import Strategy
from advisor.core.spread import KINDS, Flags, Placed, engine_of, kinds_of, situations_of
from advisor.fitting.parameters import DeviceClass, Floats
from advisor.validation.speed import Answerable
from catalog.efficiency import Efficiencies

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    W = TypeVar("W", bound=DataclassInstance)


def class_of(device: Device, efficiencies: Efficiencies) -> DeviceClass:
    """The class that a device shares its coefficients with."""
    cpu = device.kind == "cpu"
    architecture = device.architecture or "*"
    return DeviceClass(
        "cpu" if cpu else "gpu",
        "cpu" if cpu else device.vendor,
        device.backend,
        efficiencies.family(architecture),
        architecture,
    )


def full_clock(device: Device) -> float:
    """Units times clock at full power; of a CPU its cores times 1e9, whatever they can do."""
    return device.cores * 1e9 if device.kind == "cpu" else device.unit_clock / device.slowed_to


def run_features(
    case: Answerable, table: EstimateTable, strategy: Strategy, first: Device, *, deep: bool
) -> tuple[str, str, Flags]:
    """Kind, engine of the first device, and situations."""
    q = case.question
    placed = Placed(np.array([int(strategy)]), table.dense_layers, table.expert_layers)
    kind = KINDS[int(kinds_of(case.candidates, table.machine, placed)[0])]
    situations = situations_of(table.machine, q, placed, deep=deep, batch=q.users > 1)
    return kind, engine_of(first), situations[0]


def joined_formats(types: Sequence[str], groups: Sequence[str], group_of: Callable[[str], str]) -> Floats:
    """1 where a weight format belongs to a group [types, groups]."""
    join = np.zeros((len(types), len(groups)))
    for i, kind in enumerate(types):
        join[i, groups.index(group_of(kind))] = 1.0
    return join


def stacked(works: Sequence[W]) -> W:
    """Works of single devices behind each other, field by field."""
    first = works[0]
    return type(first)(**{f.name: np.concatenate([getattr(w, f.name) for w in works]) for f in fields(first)})
